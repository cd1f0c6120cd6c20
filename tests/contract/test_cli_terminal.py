# SPDX-License-Identifier: MIT
"""The progress of `aither sync`: a bar on a terminal, plain lines elsewhere; and the effect of Ctrl-C."""
import re
import signal
import subprocess
import unittest

from stack import BUILD, StackTest, wait_until
from terminal import WIPE, Terminal

BAR = r"fetch   \[.*?\] \d of 5  "
PHASES = ["list", "fetch", "render", "publish"]


class TerminalTest(StackTest):
    """A sync that takes more than a second, one course after the other."""

    hemera_arguments: tuple[str, ...] = ("--courses", "5", "--participants", "1", "--no-limit")
    config = "MaxConnections=1\n"

    def setUp(self) -> None:
        super().setUp()
        self.hemera.scenario(fault={"path": "^/api/service/courses/", "kind": "delay", "seconds": 0.4, "count": -1})

    def terminal(self, *arguments: str, columns: int = 80, **environment: str) -> Terminal:
        terminal = Terminal([BUILD / "aither", f"--config={self.stack.config}", *arguments],
                            self.stack.environment | environment, columns)
        self.addCleanup(terminal.__exit__)
        return terminal

    def status(self) -> str:
        return self.stack.request("GET", "/api/sync/status", over_unix_socket=True).data["status"]


class Bar(TerminalTest):
    def test_a_bar_is_drawn_and_wiped_and_the_summary_stands_alone(self) -> None:
        terminal = self.terminal("sync")
        terminal.wait_for(BAR)
        self.assertEqual(terminal.end(), 0)
        self.assertRegex(terminal.stdout, r"\A5 pages written, 0 unchanged, 0 removed in \d\.\d s\n\Z")
        self.assertTrue(terminal.output.endswith(WIPE), terminal.output)
        self.assertIn("\x1b[32m", terminal.output)
        self.assertNotIn("\x1b[?25l", terminal.output)  # the cursor is never hidden
        self.assertNotIn("\n", terminal.output)

    def test_it_has_the_width_of_the_terminal_also_when_that_changes(self) -> None:
        terminal = self.terminal("sync", columns=100)
        terminal.wait_for(BAR)
        self.assertEqual({len(line) for line in terminal.drawn if "of 5" in line}, {99})
        seen = len(terminal.output)
        terminal.resize(50)
        terminal.wait_for(r"\x1b\[K.*\x1b\[K", seen)  # one line may have been on its way
        terminal.end()
        self.assertIn(49, {len(line) for line in terminal.drawn if "of 5" in line})

    def test_no_color(self) -> None:
        terminal = self.terminal("sync", NO_COLOR="1")
        terminal.wait_for(BAR)
        terminal.end()
        self.assertNotRegex(terminal.output, r"\x1b\[\d+m")

    def test_a_dumb_terminal_gets_lines(self) -> None:
        terminal = self.terminal("sync", TERM="dumb")
        terminal.end()
        self.assertNotIn("\x1b", terminal.output)
        self.assertEqual(re.findall(r"^(\w+): ", terminal.output.replace("\r\n", "\n"), re.M), PHASES)

    def test_json_shows_nothing_else(self) -> None:
        terminal = self.terminal("sync", "--json")
        self.assertEqual(terminal.end(), 0)
        self.assertEqual(terminal.output, "")
        self.assertEqual(terminal.stdout.count("\n"), 1)


class Lines(TerminalTest):
    def test_elsewhere_there_is_a_line_for_each_phase_and_no_escape(self) -> None:
        done = self.stack.cli("sync")
        self.assertNotIn("\x1b", done.stdout + done.stderr)
        self.assertEqual(re.findall(r"^(\w+): ", done.stderr, re.M), PHASES)
        self.assertEqual(len(done.stderr.splitlines()), len(PHASES))
        self.assertIn("fetch: reading participants, 5 courses\n", done.stderr)

    def test_a_very_short_sync_has_all_lines_too(self) -> None:
        self.hemera.scenario(fault=None)
        self.assertEqual(re.findall(r"^(\w+): ", self.stack.cli("sync").stderr, re.M), PHASES)
        self.assertEqual(re.findall(r"^(\w+): ", self.stack.cli("sync", "--dry-run").stderr, re.M), PHASES[:3])

    def test_a_failed_sync_has_no_line_for_phases_it_never_reached(self) -> None:
        self.hemera.scenario(raw_list={"body": "[]", "content_type": "application/json"})
        self.assertNotIn("publish:", self.stack.cli("sync").stderr)


class Interrupted(TerminalTest):
    def test_ctrl_c_leaves_the_sync_to_the_worker(self) -> None:
        terminal = self.terminal("sync")
        terminal.wait_for(BAR)
        terminal.type("\x03")
        self.assertEqual(terminal.end(), -signal.SIGINT)
        self.assertRegex(terminal.output, r"\x1b\[K(\^C)?stopped waiting: the sync goes on in the worker; "
                                          r"see: aither status\r\n\Z")
        self.assertEqual(terminal.stdout, "")
        self.assertTrue(terminal.echoes())
        self.assertEqual(self.status(), "running")
        wait_until(lambda: self.status() == "success", "the sync has ended")
        self.assertEqual(len(self.stack.pages()), 5)

    def test_ctrl_c_ends_a_loop_of_the_shell(self) -> None:
        """A shell continues its loop after a command that merely exits."""
        loop = "for n in 1 2 3; do \"$@\"; echo $n; done; echo all"
        with Terminal(["bash", "-c", loop, "bash", BUILD / "aither", f"--config={self.stack.config}", "sync"],
                      self.stack.environment) as terminal:
            terminal.wait_for(BAR)
            terminal.type("\x03")
            self.assertEqual(terminal.end(), -signal.SIGINT)
            self.assertEqual(terminal.stdout, "")

    def test_sigint_does_the_same_without_a_terminal(self) -> None:
        process = subprocess.Popen([BUILD / "aither", f"--config={self.stack.config}", "sync"], text=True,
                                   env=self.stack.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        wait_until(lambda: self.hemera.requests("/api/service/courses/"), "the sync is at work")
        process.send_signal(signal.SIGINT)
        output, complaints = process.communicate(timeout=30)
        self.assertEqual((process.returncode, output), (-signal.SIGINT, ""))
        self.assertTrue(complaints.endswith("see: aither status\n"), complaints)

    def test_other_signals_wipe_the_bar_and_end_it(self) -> None:
        for number in (signal.SIGTERM, signal.SIGHUP):
            with self.subTest(number):
                terminal = self.terminal("sync")
                terminal.wait_for(r"\] \d of 5  ")
                terminal.process.send_signal(number)
                self.assertEqual(terminal.end(), -number)
                self.assertRegex(terminal.output, r"\x1b\[Kstopped waiting: [^\x1b]*\r\n\Z")
                wait_until(lambda: self.status() == "success", "the sync has ended")
                self.hemera.scenario(courses=5, participants=1)

    def test_a_sync_that_was_started_with_sigint_ignored_is_not_disturbed(self) -> None:
        process = subprocess.Popen(["nohup", "sh", "-c", 'trap "" INT; exec "$@"', "sh", BUILD / "aither",
                                    f"--config={self.stack.config}", "sync"], text=True, stdin=subprocess.DEVNULL,
                                   env=self.stack.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        wait_until(lambda: self.hemera.requests("/api/service/courses/"), "the sync is at work")
        process.send_signal(signal.SIGINT)
        self.assertIn("5 pages written", process.communicate(timeout=30)[0])
        self.assertEqual(process.returncode, 0)


class RateLimit(TerminalTest):
    """9 of 10 requests in 4 seconds are for the sync."""

    hemera_arguments = ("--courses", "20", "--participants", "1", "--limit", "10", "--window", "4")
    config = "RequestsPerMinute=10\n"

    def setUp(self) -> None:
        super().setUp()
        self.hemera.scenario(fault=None)

    def test_a_wait_inside_a_sync_is_counted_down(self) -> None:
        terminal = self.terminal("sync")
        first = terminal.wait_for(r"fetch +\[.*?\] \d+ of 20  Hemera's rate limit: (\d) s")
        report = self.stack.request("GET", "/api/sync/status", over_unix_socket=True).data
        self.assertIn(report["progress"]["waitSec"], range(1, 6))
        terminal.wait_for(rf"Hemera's rate limit: {int(first[1]) - 1} s")
        self.assertIn("Hemera's rate limit permits more in", self.stack.cli("status").stdout)
        self.assertEqual(terminal.end(), 0)
        self.assertRegex(terminal.stdout, r"\A20 pages written")

    def test_a_wait_between_syncs_is_counted_down_and_can_be_left(self) -> None:
        self.hemera.scenario(window=60)
        terminal = self.terminal("sync", "--until-complete")
        first = terminal.wait_for(r"wait    Hemera's rate limit: (\d+) s")
        terminal.wait_for(rf"wait    Hemera's rate limit: {int(first[1]) - 1} s")
        terminal.type("\x03")
        self.assertEqual(terminal.end(), -signal.SIGINT)
        self.assertRegex(terminal.output, r"\x1b\[K(\^C)?stopped waiting: no sync was started; "
                                          r"to continue: aither sync --until-complete\r\n\Z")
        self.assertRegex(terminal.stdout, r"\d+ courses wait for Hemera's rate limit, which permits more in \d+ s\n")
        self.assertEqual(self.status(), "success")

    def test_what_was_printed_before_a_signal_is_there(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            self.hemera.scenario(window=60)
            terminal = self.terminal("sync", "--until-complete")
            terminal.wait_for(r"wait    Hemera's rate limit")
            terminal.process.send_signal(number)
            self.assertEqual(terminal.end(), -number)
            self.assertRegex(terminal.stdout, r"\A\d+ pages written(.*\n)*\d+ courses wait for Hemera's rate limit")


if __name__ == "__main__":
    unittest.main()
