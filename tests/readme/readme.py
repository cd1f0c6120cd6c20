# SPDX-License-Identifier: MIT
"""The command blocks of README.md, and a shell on the machine where they run. A command that asks a question is the last of
its block, so that a block can be pasted as a whole."""
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable, NamedTuple

TOP = Path(__file__).resolve().parents[2]
sys.path.append(str(TOP / "tests/system"))

from machine import enter  # noqa: E402

README = TOP / "README.md"
# The machine on which the blocks of a section run. A missing section fails the tests, so that no block is left out.
BARE, BOOTED = ("Try it", "Building"), ("Install on Debian 12 or 13", "First run")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Block(NamedTuple):
    section: str
    text: str


def blocks() -> list[Block]:
    """In their order. Each block runs in sh, like text pasted into a terminal."""
    found, section = [], ""
    for match in re.finditer(r"^## ([^\n]+)$|^```(\w*)\n(.*?)^```$", README.read_text(), re.M | re.S):
        if match[1]:
            section = match[1]
        elif match[2] == "sh":
            found.append(Block(section, match[3]))
    assert {block.section for block in found} == {*BARE, *BOOTED}, found
    return found


def shell(user: str, text: str, **arguments: object) -> "subprocess.Popen[str]":
    """Runs commands as if a user who has just logged in typed them in the checkout; stops at the first that fails."""
    home = "/root" if user == "root" else f"/home/{user}"
    become = [] if user == "root" else ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"]
    return subprocess.Popen(
        [*enter(), "env", "-i", f"PATH={PATH}", f"HOME={home}", f"USER={user}", "TERM=dumb", *become,
         "sh", "-ec", f"cd {home}/aither\n{text}"],
        text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True, **arguments)  # type: ignore


def run(user: str, text: str, answers: str, seconds: float, show: Callable[[str], bool] = lambda _: False) -> str:
    """Returns the output; raises AssertionError unless all commands succeed in time. `answers`: the user's input."""
    began = time.monotonic()
    with shell(user, text, stdin=subprocess.PIPE) as process:
        try:
            output, _ = process.communicate(answers, timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    print(f"# {time.monotonic() - began:.0f} s: {text.splitlines()[0]}", flush=True)
    for line in filter(show, output.splitlines()):
        print(line, flush=True)
    if process.returncode != 0:
        reason = output[output.find("== what failed"):] if "== what failed" in output else output[-8000:]
        raise AssertionError(f"exit status {process.returncode} of\n{text}\n{reason}")
    return output
