# SPDX-License-Identifier: MIT
"""The booted machine, as the system tests use it.

tests/system/run boots a container and starts the tests inside its network (so that localhost is the machine's);
$AITHER_MACHINE names the file with systemd-nspawn's process id. Without it, the tests run on this machine: this is how
debian/tests runs some of them, on a machine made for the purpose.
"""
import functools
import html
import json
import os
import re
import subprocess
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Callable, NamedTuple

NAMESPACES = ("--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup")
COMMAND_TIMEOUT_S = 120  # no command of the tests takes this long, except whole files of tests
POLL_S = 0.1

REBOOT_TIMEOUT_S = 60

SITE = "http://localhost:3500"
OUTPUT = "/var/lib/aither/output"


def is_container() -> bool:
    return "AITHER_MACHINE" in os.environ


def first_process() -> str:
    """The process id of systemd, which each boot changes; "" between two boots."""
    nspawn = Path(os.environ["AITHER_MACHINE"]).read_text()
    try:
        children = Path(f"/proc/{nspawn}/task/{nspawn}/children").read_text().split()
    except FileNotFoundError:
        return ""
    return children[0] if children else ""


def enter() -> list[str]:
    return ["nsenter", "-t", first_process(), *NAMESPACES, "--"] if is_container() else []


def run(*command: str, stdin: str = "", check: bool = True,
        seconds: float = COMMAND_TIMEOUT_S) -> subprocess.CompletedProcess[str]:
    """Runs a command inside the machine, as root. Unless check is off, it must exit with 0."""
    done = subprocess.run(
        [*enter(), "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "HOME=/root",
         "DEBIAN_FRONTEND=noninteractive", *command],
        input=stdin, capture_output=True, text=True, timeout=seconds, check=False)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def output(*command: str) -> str:
    return run(*command).stdout.strip()


def write(path: str, text: str) -> None:
    """Writes a file inside the machine, and creates its directories."""
    run("mkdir", "-p", os.path.dirname(path))
    run("tee", path, stdin=text)


def show(unit: str, name: str) -> str:
    """A property of a unit."""
    return output("systemctl", "show", "--property", name, "--value", unit)


def drop_in(unit: str, text: str) -> None:
    """Overrides lines of a unit until revert()."""
    write(f"/run/systemd/system/{unit}.d/50-test.conf", text)
    run("systemctl", "daemon-reload")


def revert(unit: str) -> None:
    run("rm", "-rf", f"/run/systemd/system/{unit}.d")
    run("systemctl", "daemon-reload")


def wait_until(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """Waits for the first true value of condition(); raises AssertionError if none comes in time."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not in {seconds} s: {what}")
        time.sleep(POLL_S)


def journal(*matches: str) -> list[dict[str, Any]]:
    """The journal's entries as objects, oldest first; matches as journalctl accepts them."""
    run("journalctl", "--sync")
    lines = run("journalctl", "--output=json", *matches).stdout.splitlines()
    return [json.loads(line) for line in lines]


def reboot() -> None:
    before = first_process()
    run("systemctl", "reboot", check=False)
    wait_until(lambda: first_process() not in (before, ""), REBOOT_TIMEOUT_S, "the machine starts again")
    wait_until(lambda: run("systemctl", "is-system-running", "--wait", check=False).stdout.strip() == "running",
               REBOOT_TIMEOUT_S, "the machine has booted without a failed unit")


class Answer(NamedTuple):
    status: int
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


def curl(*arguments: str) -> Answer:
    """Runs curl inside the machine; returns the answer, whatever its status. The slowest call is a sync."""
    text = output("curl", "--silent", "--show-error", "--max-time", "65",
                  "--write-out", "\n%{http_code}", *arguments)
    body, _, status = text.rpartition("\n")
    return Answer(int(status), body)


def get_status(url: str) -> int:
    """The HTTP status of a request on a new connection from here; OSError if the connection is lost."""
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=30) as reply:
            reply.read()
            return reply.status
    except urllib.error.HTTPError as error:
        return error.code


def text_of(page: str) -> str:
    """The text of a page, roughly as a reader sees it."""
    return html.unescape(re.sub("<[^>]*>", "", page))


class Story(unittest.TestCase):
    """Tests each of which continues where the previous one ended. After a failed one that is @essential the others fail at
    once instead of waiting in vain."""

    maxDiff = None
    broken_at = ""

    def setUp(self) -> None:
        if self.broken_at:
            self.fail(f"not tried: {self.broken_at} failed")

    @classmethod
    def in_order(cls) -> unittest.TestSuite:
        return unittest.TestSuite(cls(name) for name in vars(cls) if name.startswith("test_"))


def essential(test: Callable[[Any], None]) -> Callable[[Any], None]:
    @functools.wraps(test)
    def guarded(self: Any) -> None:
        type(self).broken_at = test.__name__
        test(self)
        type(self).broken_at = ""
    return guarded
