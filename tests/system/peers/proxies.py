# SPDX-License-Identifier: MIT
"""One of the example proxies in front of aither, on one machine, and fail2ban, which reads its log. The tests name the same
packages, so that their machines are unpacked from one tarball."""
import re
import subprocess
import tempfile
import time
import unittest
from pathlib import Path
from typing import NamedTuple

from client import Stub
from installation import first_run_of_module
from machine import output, run, wait_until, write

EXAMPLES = "/usr/share/doc/aither/examples"
HOST = "courses.example.org"
TOKEN = "a-sync-token-of-good-length"
BEARER = ("--header", f"Authorization: Bearer {TOKEN}")
GUESS = ("--header", "Authorization: Bearer wrong")
CURL = ("--silent", "--insecure", "--http1.1", "--path-as-is", "--resolve", f"{HOST}:443:127.0.0.1")
GUESSER = "127.0.0.66"  # an address of this machine that nothing else uses
OWN_FILES = {"logo.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>", "style.css": "p{color:red}" * 50,
             "fonts/text.woff2": "font", "imprint.html": "<p>imprint</p>"}
AT_ONCE_S = 2  # an answer takes milliseconds; this machine may be busy


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    text: str
    seconds: float


def set_up() -> Stub:
    """Configures aither as its manual describes for a proxy, with files of the operator's own."""
    hemera = first_run_of_module()
    unittest.addModuleCleanup(run, "rm", "-rf", "/etc/credstore/aither.sync-token", "/etc/aither/site")
    run("aither", "set-secret", "sync-token", stdin=TOKEN)
    for name, text in OWN_FILES.items():
        write(f"/etc/aither/site/{name}", text)
    run("aither", "sync")
    certificate()
    return hemera


def certificate() -> None:
    with tempfile.TemporaryDirectory(prefix="aither-") as directory:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key", "-out", "chain",
                        "-subj", f"/CN={HOST}", "-days", "2"], cwd=directory, check=True, capture_output=True)
        write(f"/etc/ssl/certs/{HOST}.pem", (Path(directory) / "chain").read_text())
        write(f"/etc/ssl/private/{HOST}.key", (Path(directory) / "key").read_text())
        both = (Path(directory) / "chain").read_text() + (Path(directory) / "key").read_text()
        write(f"/etc/ssl/private/{HOST}.pem", both)


def example(name: str) -> tuple[str, str]:
    """The path where an example belongs, and its text."""
    text = output("cat", f"{EXAMPLES}/{name}") + "\n"
    found = re.match(r"# To: (\S+)\n", text)
    assert found
    return found[1], text


def ask(target: str, *arguments: str) -> Answer:
    """Sends a request to the proxy; returns any answer."""
    began = time.monotonic()
    text = output("curl", *CURL, "--show-error", "--max-time", "65", "--include", *arguments, f"https://{HOST}{target}")
    head, _, body = text.partition("\n\n")
    status, *lines = head.splitlines()
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return Answer(int(status.split()[1]), headers, body, time.monotonic() - began)


def language(answer: Answer) -> str:
    found = re.search(r'<html lang="(\w+)"', answer.text)
    return found[1] if found else ""


def stop_aither(test: unittest.TestCase) -> None:
    """Undone at the end of the test."""
    test.addCleanup(run, "systemctl", "start", "aither.socket")
    run("systemctl", "stop", "aither.socket", "aither.service")


def jail_of(text: str, log: str) -> str:
    """The example's jail, changed as its comments say for a log other than nginx's; "journal" means haproxy's."""
    if log in text.replace(f"#logpath = {log}", ""):
        return text
    text = re.sub("^logpath = .*\n", "", text, flags=re.M)
    if log == "journal":
        return text.replace("backend = auto\n", "", 1).replace("#backend = systemd\n", "backend = systemd\n")
    return text.replace(f"#logpath = {log}\n", f"logpath = {log}\n")


def start_fail2ban(log: str) -> None:
    """Uses the example's filter and jail. Disables Debian's own jail, which needs sshd's log."""
    write("/etc/fail2ban/jail.d/defaults-debian.conf", "[sshd]\nenabled = false\n")
    path, text = example("fail2ban-proxy-filter.conf")
    write(path, text)
    path, text = example("fail2ban-proxy-jail.conf")
    write(path, jail_of(text, log))
    run("systemctl", "start", "fail2ban.service")
    wait_until(lambda: run("fail2ban-client", "status", "aither-proxy", check=False).returncode == 0, 60, "the jail")


def banned() -> str:
    found = re.search(r"Banned IP list:\s*(.*)", output("fail2ban-client", "status", "aither-proxy"))
    assert found
    return found[1]


def check_the_ban(test: unittest.TestCase) -> None:
    """An address that guesses passwords is banned from the proxy. An address that was only asked for a password is not, nor
    is one with the token."""
    for _ in range(8):
        test.assertEqual(ask("/courses/", "--interface", "127.0.0.67").status, 401)
        test.assertEqual(ask("/api/sync/status", "--interface", "127.0.0.68", *BEARER).status, 200)
    for _ in range(5):
        test.assertEqual(ask("/api/sync/status", "--interface", GUESSER, *GUESS).status, 401)
    wait_until(banned, 60, "an address is banned")
    test.assertEqual(banned(), GUESSER)
    refused = run("curl", *CURL, "--max-time", "5", "--interface", GUESSER, f"https://{HOST}/", check=False)
    test.assertIn(refused.returncode, (7, 28), "no connection any more")
    test.assertEqual(ask("/", "--interface", "127.0.0.67").status, 200)
