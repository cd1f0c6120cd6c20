# SPDX-License-Identifier: MIT
"""The blocks of README.md that need only a checkout, run on a bare machine."""
import json
import os
import re
import signal
import subprocess
import threading
import unittest
import urllib.request

import readme  # first: it sets the path to the others
from machine import SITE, Story, essential, run, text_of, wait_until

DEMO = "./dev demo"
INSTALL_S, CHECK_S = 900, 1800
COMMENT = r" +#.*"

blocks = [block.text for block in readme.blocks() if block.section in readme.BARE]


def load_tests(*_: object) -> unittest.TestSuite:
    return TryIt.in_order()


def is_of_a_sum(line: str) -> bool:
    """The lines of `make check` about failed tests, and its totals, which .ci/run counts."""
    return bool(re.match(r"# (TOTAL|PASS|SKIP|XFAIL|FAIL|XPASS|ERROR): |(FAIL|ERROR|XPASS): ", line))


class TryIt(Story):
    demo: "subprocess.Popen[str]"
    said: str

    @essential
    def test_the_demo_comes_up_on_a_machine_with_nothing_installed(self) -> None:
        self.assertEqual(re.sub(COMMENT, "", blocks[0]).strip(), DEMO)
        cls = type(self)
        cls.demo, cls.said = readme.shell("root", blocks[0], stdin=subprocess.DEVNULL), ""
        self.addClassCleanup(cls.demo.wait)
        self.addClassCleanup(cls.demo.kill)
        watchdog = threading.Timer(INSTALL_S, cls.demo.kill)
        watchdog.start()
        for line in cls.demo.stdout:
            cls.said += line
            if line.startswith("Ctrl-C ends it"):
                break
        watchdog.cancel()
        self.assertIn(f"The homepage: {SITE}", cls.said, cls.said[-8000:])

    def test_the_homepage_shows_courses(self) -> None:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(SITE, timeout=30) as reply:
            page = reply.read().decode()
        titles = run("sh", "-c", "sed -n 's/.*<h1[^>]*>//p' /root/aither/output/courses/*.html").stdout.splitlines()
        self.assertGreater(len(titles), 2)
        self.assertEqual([title for title in titles if text_of(title) not in text_of(page)], [])

    def test_another_terminal(self) -> None:
        output = readme.run("root", blocks[1], "", 120)
        answers = [json.loads(found) for found in re.findall(r"^.*?(\{.*\})$", output, re.M)]
        self.assertEqual([answer["success"] for answer in answers], [True, True], output)
        self.assertEqual(answers[1]["data"]["status"], "success")

    def test_what_the_demo_suggests(self) -> None:
        suggested = re.findall(r"^  (\S.*)$", self.said.partition("Things to try")[2], re.M)
        self.assertGreater(len(suggested), 3, self.said)
        for command in suggested:
            with self.subTest(command):
                readme.run("root", command, "", 120)

    def test_ctrl_c_ends_it_and_leaves_nothing_running(self) -> None:
        os.killpg(self.demo.pid, signal.SIGINT)  # as a terminal does
        self.demo.wait(30)

        def has_ended() -> bool:
            # Without check, because some processes may have ended meanwhile.
            running = run("sh", "-c", "cat /proc/[0-9]*/cmdline", check=False).stdout.replace("\0", " ")
            self.assertIn("sleep infinity", running)  # the container's own process
            return not re.search("aither|hemera_stub", running)

        wait_until(has_ended, 30, "all that the demo has started ends")

    def test_a_taken_port_is_named(self) -> None:
        output = readme.shell("root", f"python3 -m http.server --bind 127.0.0.1 3500 >/dev/null 2>&1 & server=$!\n"
                              f"trap 'kill $server' EXIT\nsleep 2\n{DEMO}", stdin=subprocess.DEVNULL)
        said, _ = output.communicate(timeout=300)
        self.assertNotEqual(output.returncode, 0)
        self.assertIn("dev: port 3500 is taken by another program", said)

    def test_the_other_blocks(self) -> None:
        for text in blocks[2:]:
            with self.subTest(text.splitlines()[0]):
                readme.run("root", text, "", CHECK_S, is_of_a_sum)
