# SPDX-License-Identifier: MIT
"""The package's own tests, debian/tests, as autopkgtest runs them: inside the machine, one after the other."""
import base64
import os
import subprocess
import unittest
from email.parser import Parser
from pathlib import Path
from typing import Iterator

from installation import active_units, install, is_installed, purge
from machine import run

TREE = Path(__file__).resolve().parents[2]
SOURCE = "/root/source"
SCRATCH = "/root/autopkgtest"
NEEDED = ("debian/tests", "tests/stub", "tests/system", "tests/tap.py")
ISOLATION = {"needs-root", "isolation-container"}
STANZA_S = 600  # "hardening" has to start fifty sandboxes, on a very busy machine


def stanzas() -> Iterator[tuple[str, str, set[str]]]:
    """A test in debian/tests/control: name, command and restrictions."""
    for text in (TREE / "debian/tests/control").read_text().split("\n\n"):
        fields = Parser().parsestr(text)
        restrictions = set(fields["Restrictions"].replace(",", " ").split())
        if fields["Tests"]:
            yield fields["Tests"], f"debian/tests/{fields['Tests']}", restrictions
        else:
            yield fields["Features"].partition("=")[2], fields["Test-Command"], restrictions


def setUpModule() -> None:
    source = subprocess.run(["tar", "-C", str(TREE), "--exclude=__pycache__", "-cf", "-", *NEEDED], capture_output=True,
                            check=True).stdout
    run("mkdir", "-p", SOURCE, SCRATCH)
    run("sh", "-c", f"base64 -d | tar -C {SOURCE} -xf -", stdin=base64.b64encode(source).decode())


class Autopkgtests(unittest.TestCase):
    def tearDown(self) -> None:
        if is_installed():
            purge()

    def check(self, name: str) -> None:
        """Each test ends with 0 and prints nothing on stderr, as autopkgtest requires, and leaves no process running."""
        command, restrictions = next((command, wanted) for known, command, wanted in stanzas() if known == name)
        self.assertLessEqual(ISOLATION, restrictions)
        install()
        done = run("sh", "-c", f"cd {SOURCE} && AUTOPKGTEST_TMP={SCRATCH} {command}", check=False, seconds=STANZA_S)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        self.assertNotIn("not ok", done.stdout)
        self.assertEqual(active_units(), [])
        self.assertEqual(is_installed(), "breaks-testbed" not in restrictions)

    def test_smoke(self) -> None:
        self.check("smoke")

    def test_unconfigured(self) -> None:
        self.check("unconfigured")

    def test_hardening(self) -> None:
        self.check("hardening")

    def test_upgrade(self) -> None:
        self.check("upgrade")

    def test_purge(self) -> None:
        self.check("purge")

    def test_every_stanza_is_tried(self) -> None:
        self.assertEqual({f"test_{name}" for name, _, _ in stanzas()} - set(dir(self)), set())


assert os.environ.get("AITHER_MACHINE"), "start it by tests/system/run"
