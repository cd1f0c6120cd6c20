# SPDX-License-Identifier: MIT
"""The command line on a real stack: what it prints and its exit codes."""
import re
import socket
import threading
import time
import unittest

from clock import Clock
from stack import StackTest

RUNNING = {"path": "/api/service/courses", "kind": "delay", "seconds": 3, "count": 1}


class Sync(StackTest):
    def test_a_sync_has_a_summary_of_one_sentence(self) -> None:
        first = self.stack.cli("sync")
        self.assertEqual(first.returncode, 0, first.stderr)
        self.assertRegex(first.stdout, r"\A3 pages written, 0 unchanged, 0 removed in \d+\.\d s\n\Z")
        self.assertRegex(self.stack.cli("sync").stdout, r"\A0 pages written, 3 unchanged, 0 removed in ")
        self.hemera.scenario(course={"id": "cgen000000000000000000001", "title": "Neu"})
        self.assertRegex(self.stack.cli("sync").stdout, r"\A1 page written, 2 unchanged, 0 removed in ")

    def test_a_dry_run_lists_the_pages_and_writes_none(self) -> None:
        done = self.stack.cli("sync", "--dry-run")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(done.stdout.startswith("3 pages would change\n"), done.stdout)
        self.assertEqual(done.stdout.count("  courses/"), 3)
        self.assertEqual(self.stack.stamps(), {})
        self.stack.cli("sync")
        self.hemera.scenario(course={"id": "cgen000000000000000000001", "title": "Neu"})
        self.assertTrue(self.stack.cli("sync", "--dry-run").stdout.startswith("1 page would change\n"))

    def test_no_wait_returns_at_once(self) -> None:
        self.hemera.scenario(fault=RUNNING)
        done = self.stack.cli("sync", "--no-wait")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"\Async started, job [0-9a-f-]{36}; see: aither status\n\Z")
        self.assertIn("a sync is running", self.stack.cli("status").stdout)
        busy = self.stack.cli("sync")
        self.assertEqual((busy.returncode, busy.stdout), (75, ""))
        self.assertEqual(busy.stderr, "aither: SYNC_IN_PROGRESS: a sync is running already\n"
                                      "what to do about SYNC_IN_PROGRESS: Wait until the running sync has ended: aither status\n")
        complete = self.stack.cli("sync", "--until-complete")
        self.assertEqual(complete.returncode, 0, complete.stderr)
        self.assertEqual(complete.stderr.count("another sync is running"), 1)
        self.assertNotIn("SYNC_IN_PROGRESS", complete.stderr)

    def test_a_failure_has_its_reason_its_remedy_and_the_journal_command(self) -> None:
        self.hemera.scenario(raw_list={"body": "[]", "content_type": "application/json"})
        failed = self.stack.cli("sync")
        self.assertEqual((failed.returncode, failed.stdout), (1, ""))
        self.assertRegex(failed.stderr, r"(?m)^aither: HEMERA_BAD_DATA: .*\n"
                                        r"what to do about HEMERA_BAD_DATA: .*\n"
                                        r"details: journalctl AITHER_JOB_ID=[0-9a-f-]{36}\n\Z")

    def test_an_outage_is_no_wrong_address_and_no_word_of_http(self) -> None:
        self.hemera.scenario(raw_list={"body": "<html>down</html>", "content_type": "text/html", "status": 503})
        failed = self.stack.cli("sync")
        self.assertEqual((failed.returncode, failed.stdout), (1, ""))
        shown = failed.stderr + self.stack.cli("status").stdout
        self.assertIn(": answered 503, but not with Hemera's JSON: Hemera, or a proxy in front of it, is not available\n", shown)
        self.assertNotIn("BaseURL", shown)
        self.assertNotRegex(shown, r"\b(HTTP|GET|POST|[Hh]eaders?|Allow)\b")

    def test_a_partial_sync_names_what_failed(self) -> None:
        self.hemera.scenario(fault={"path": "^/api/service/courses/cgen0*1$", "kind": "status", "status": 403,
                                    "count": -1})
        partial = self.stack.cli("sync")
        self.assertEqual(partial.returncode, 2)
        self.assertIn("3 pages written", partial.stdout)
        self.assertRegex(partial.stderr, r"(?m)^aither: 1 problem, everything else is published:\n"
                                         r"  course cgen0+1: HEMERA_ERROR: .*\n"
                                         r"what to do about HEMERA_ERROR: .*\n"
                                         r"details: journalctl AITHER_JOB_ID=[0-9a-f-]{36}\n\Z")
        self.assertNotRegex(partial.stderr + self.stack.cli("status").stdout, "(?i)no action is needed|none needed")

    def test_text_of_hemera_cannot_command_the_terminal(self) -> None:
        self.hemera.scenario(replace_list=[{"id": "c1", "title": "x", "slug": "x", "level": "\x1b[2J\u009b2J"}])
        shown = self.stack.cli("sync")
        self.assertIn("level", shown.stderr)
        self.assertNotRegex(shown.stdout + shown.stderr + self.stack.cli("status").stdout, "[\x1b\u009b]")

    def test_usage(self) -> None:
        for arguments in (["sync", "--wrong"], ["sync", "more"], ["wrong"], [], ["status", "--wrong"],
                          ["test-mail", "--wrong"], ["sync", "--until-complete", "--no-wait"],
                          ["sync", "--until-complete", "--dry-run"]):
            with self.subTest(arguments):
                done = self.stack.cli(*arguments)
                self.assertEqual((done.returncode, done.stdout), (64, ""))
                self.assertIn("aither", done.stderr)

    def test_every_command_has_a_usage(self) -> None:
        names = [line.split()[0] for line in self.stack.cli("--help").stdout.splitlines() if line.startswith("  ")
                 and not line.startswith("   ")]
        self.assertIn("sync", names)
        for name in names:
            with self.subTest(name):
                done = self.stack.cli(name, "--help")
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertTrue(done.stdout.startswith(f"usage: aither {name} "), done.stdout)
                self.assertEqual(self.stack.cli("help", name).stdout, done.stdout)
                self.assertLessEqual(max(map(len, done.stdout.splitlines())), 80)
                for option in re.findall(r"--[a-z-]+", done.stdout.splitlines()[0]):
                    self.assertRegex(done.stdout, rf"(?m)^  {option} .+[a-z]")

    def test_help_lists_all_commands(self) -> None:
        done = self.stack.cli("help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout, self.stack.cli("--help").stdout)
        self.assertLessEqual(max(map(len, done.stdout.splitlines())), 80)

    def test_help_needs_no_configuration(self) -> None:
        with self.stack.config.open("a") as file:
            file.write("[Worker]\nSocket=relative\n")
        self.assertTrue(self.stack.cli("sync", "--help").stdout.startswith("usage: aither sync "))
        self.assertEqual(self.stack.cli("sync").returncode, 78)

    def test_a_slip_of_the_keyboard(self) -> None:
        for given, meant in ((["staus"], "status"), (["snyc"], "sync"), (["Doctor"], "doctor"), (["test-mial"], "test-mail"),
                             (["help", "rendr"], "render"), (["sync", "--forse"], "--force"),
                             (["sync", "--until-compelte"], "--until-complete"), (["status", "--jsn"], "--json")):
            with self.subTest(given):
                done = self.stack.cli(*given)
                self.assertEqual((done.returncode, done.stdout), (64, ""))
                self.assertIn(f"; did you mean {meant}?\n", done.stderr)
                self.assertLessEqual(len(done.stderr.splitlines()), 2)
        for given in (["restart"], ["help", "x"], ["sync", "--wait-for-godot"], ["help", "sync", "status"]):
            done = self.stack.cli(*given)
            self.assertEqual((done.returncode, done.stdout), (64, ""))
            self.assertNotIn("did you mean", done.stderr)

    def test_without_a_worker(self) -> None:
        assert self.stack.worker
        self.stack.worker.stop()
        for command in ("sync", "test-mail", "test-rollbar"):
            with self.subTest(command):
                done = self.stack.cli(command)
                self.assertEqual((done.returncode, done.stdout), (69, ""))
                self.assertIn("systemctl start aither-worker.socket", done.stderr)

    def test_a_worker_that_answers_nonsense(self) -> None:
        assert self.stack.worker
        self.stack.worker.stop()
        self.stack.socket.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(self.stack.socket))
            listener.listen()
            threading.Thread(target=self.answer_nonsense, args=(listener,), daemon=True).start()
            done = self.stack.cli("sync")
            listener.shutdown(socket.SHUT_RDWR)
            self.assertIn("cannot understand aither-worker's answer: ", done.stderr)
            self.assertIn("systemctl restart aither-worker\n", done.stderr)
            self.assertEqual(done.returncode, 69)

    @staticmethod
    def answer_nonsense(listener: socket.socket) -> None:
        """Answers every connection: on a busy machine the request for the progress may come before the sync itself."""
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>")

    def test_a_configuration_that_is_wrong(self) -> None:
        with self.stack.config.open("a") as file:
            file.write("[Worker]\nSocket=relative\n")
        done = self.stack.cli("sync")
        self.assertEqual((done.returncode, done.stdout), (78, ""))
        self.assertRegex(done.stderr, r"\Aaither: /\S+:\d+: \[Worker\] Socket=relative: .*\n\Z")
        self.assertEqual(done.stderr.count(str(self.stack.config)), 1)

    def test_status_names_what_is_wrong_in_the_configuration(self) -> None:
        with self.stack.config.open("a") as file:
            file.write("[Worker]\nSockt=1\nSocket=relative\n")
        done = self.stack.cli("status")
        self.assertEqual(done.returncode, 78)
        self.assertRegex(done.stdout, r"\Anot healthy: /\S+:\d+: \[Worker\] Socket=relative: [^\n]* \(and 1 more: aither "
                                      r"doctor\); correct it, then: systemctl restart aither aither-worker\n")


class SoonAfterABoot(StackTest):
    config = "MaxRetries=0\n"

    def test_a_network_that_comes_late_is_no_failed_sync(self) -> None:
        clock = Clock()
        self.addCleanup(clock.close)
        clock.set(30 - time.monotonic())
        self.stack.environment |= clock.environment | {"AITHER_CLOCK_MONOTONIC": "1"}  # the clock of the command alone
        self.hemera.scenario(fault={"path": "/api/service/courses", "kind": "reset", "count": 1})
        done = self.stack.cli("sync", "--until-complete")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("waiting 5 s: the network is not up yet", done.stderr)
        self.assertEqual((self.log("failed"), len(self.log("sync done"))), ([], 1))

    def test_another_failure_is_reported_at_once(self) -> None:
        clock = Clock()
        self.addCleanup(clock.close)
        clock.set(30 - time.monotonic())
        self.stack.environment |= clock.environment | {"AITHER_CLOCK_MONOTONIC": "1"}
        assert self.stack.worker
        self.stack.worker.stop()  # its reports carry times of the same clock
        self.stack.start_worker()
        self.hemera.scenario(fault={
            "path": "/api/service/courses", "kind": "status", "status": 403, "count": -1})
        for _ in range(3):
            self.stack.cli("sync")
        done = self.stack.cli("sync", "--until-complete")
        self.assertEqual(done.returncode, 1)
        self.assertNotIn("waiting", done.stderr)


class Unconfigured(StackTest):
    environment = {"HEMERA_API_KEY": ""}

    def test_a_worker_without_a_key(self) -> None:
        done = self.stack.cli("sync")
        self.assertEqual((done.returncode, done.stdout), (78, ""))
        self.assertIn("aither set-secret hemera-api-key", done.stderr)
        status = self.stack.cli("status")
        self.assertEqual(status.returncode, 78)
        self.assertRegex(status.stdout, r"\Anot healthy: .*aither set-secret hemera-api-key")


class TestMessages(StackTest):
    def test_neither_is_configured(self) -> None:
        for command, key in (("test-mail", "MailTo"), ("test-rollbar", "Enabled")):
            done = self.stack.cli(command)
            self.assertEqual((done.returncode, done.stdout), (78, ""))
            self.assertRegex(done.stderr, rf"\Aaither: NOT_CONFIGURED: .*{key}.*\nwhat to do: .*\n\Z")


if __name__ == "__main__":
    unittest.main()
