# SPDX-License-Identifier: MIT
"""The messages of ./dev on a bare machine without a network, and on one with a full disk: they name the cause and the next
step, and nothing is left half-installed."""
import subprocess
import unittest

import readme
from machine import run

COMMANDS = ("./dev demo", "./dev test", "./dev check", "./dev repo", "./dev libh2o --build")


def failing(text: str) -> str:
    """The output of ./dev when it fails."""
    process = readme.shell("root", text, stdin=subprocess.DEVNULL)
    said, _ = process.communicate(timeout=300)
    if process.returncode == 0:
        raise AssertionError(f"{text} succeeded:\n{said}")
    return said


class Failures(unittest.TestCase):
    def test_without_a_network(self) -> None:
        before = run("dpkg-query", "--show").stdout
        for command in COMMANDS:
            with self.subTest(command):
                last = failing(command).rstrip().splitlines()[-1]
                self.assertRegex(last, "^dev: apt cannot install .*, see its messages above; check the network, ")
        self.assertEqual(run("dpkg-query", "--show").stdout, before)
        self.assertEqual(run("dpkg", "--audit").stdout, "")

    def test_on_a_full_disk(self) -> None:
        run("sh", "-ec", "mkdir -p /root/aither/.dev && mount -t tmpfs -o size=10m tmpfs /root/aither/.dev")
        self.addCleanup(run, "umount", "/root/aither/.dev")
        for command in COMMANDS:
            with self.subTest(command):
                self.assertRegex(failing(command).rstrip().splitlines()[-1],
                                 r"^dev: /root/aither/\.dev needs \d+ MB of disk and \d+ MB are free; make room")
