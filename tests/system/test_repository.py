# SPDX-License-Identifier: MIT
"""The apt repository that ./dev repo makes, used as README.md shows it."""
import base64
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from installation import active_units, is_installed, listeners, purge
from machine import output, run

TREE = Path(__file__).resolve().parents[2]
CHECKOUT = "/root/aither"  # the operator's, inside the machine: nobody else may look in, as with any home directory
REPOSITORY = "/srv/aither"


def shown() -> list[str]:
    """The commands of README.md after ./dev repo; root needs no sudo."""
    block = re.search(r"^\./dev repo .*\n((?:.+\n)+?)```", (TREE / "README.md").read_text(), re.M)
    assert block
    return block[1].replace("sudo ", "").splitlines()


class Repository(unittest.TestCase):
    def setUp(self) -> None:
        with tempfile.TemporaryDirectory() as copy:
            subprocess.run(["cp", str(TREE / "dev"), copy], check=True)
            subprocess.run(["./dev", "repo", os.environ["AITHER_DEB"]], cwd=copy, capture_output=True, check=True)
            packed = subprocess.run(["tar", "-C", copy, "-cf", "-", ".dev"], capture_output=True, check=True).stdout
        run("mkdir", "-p", CHECKOUT)
        run("sh", "-c", f"base64 -d | tar -C {CHECKOUT} -xf -", stdin=base64.b64encode(packed).decode())

    def test_apt_install_as_the_readme_shows(self) -> None:
        commands = shown()
        self.assertEqual(len(commands), 3)
        self.assertEqual(output("stat", "-c", "%a", "/root"), "700")
        for command in commands:
            run("sh", "-ec", f"cd {CHECKOUT} && {command}")
        self.assertTrue(is_installed())
        self.assertIn(f"file:{REPOSITORY} ", output("apt-cache", "policy", "aither"))
        self.assertEqual((active_units(), listeners()), ([], ""))
        purge()
        self.assertFalse(is_installed())


assert os.environ.get("AITHER_MACHINE"), "start it by tests/system/run"
