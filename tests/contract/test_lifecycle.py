# SPDX-License-Identifier: MIT
"""Starting, stopping, and running without a configuration, as a caller and an operator see it."""
import re
import signal
import socket
import subprocess
import threading
import time
import unittest
from pathlib import Path

from stack import BUILD, Stack, StackTest, wait_until
from stub.client import Stub

LIST = "/api/service/courses"
THREAD_HEAP = 64 << 20


class Restart(StackTest):
    def test_the_status_survives_a_restart_of_the_worker(self) -> None:
        report = self.sync()
        assert self.stack.worker
        self.assertEqual(self.stack.worker.stop(), 0)
        self.assertEqual(self.stack.get("/api/sync/status").code, "WORKER_UNAVAILABLE")
        self.stack.start_worker()
        status = self.stack.get("/api/sync/status").data
        self.assertEqual((status["jobId"], status["status"]), (report["jobId"], "success"))
        self.assertEqual(status["consecutiveFailures"], 0)

    def test_failures_are_counted_across_restarts(self) -> None:
        self.hemera.scenario(key="another-key-another-key-another-key-1")
        for expected in (1, 2, 3):
            self.assertEqual(self.stack.post("/api/sync").status, 502)
            self.assertEqual(self.stack.get("/api/sync/status").data["consecutiveFailures"], expected)
            assert self.stack.worker
            self.assertEqual(self.stack.worker.stop(), 0)
            self.stack.start_worker()

    def test_the_homepage_is_served_while_the_worker_is_away(self) -> None:
        self.sync()
        assert self.stack.worker
        self.stack.worker.stop()
        self.assertIn("<table", self.stack.get("/").text)
        self.assertEqual(self.stack.post("/api/sync").code, "WORKER_UNAVAILABLE")


class Confinement(StackTest):
    def test_aither_web_forbids_itself_other_programs(self) -> None:
        """This includes programs in memory. tests/unit/test-noexec.c tests the filter itself."""
        assert self.stack.web
        status = Path(f"/proc/{self.stack.web.process.pid}/status").read_text()
        self.assertRegex(status, r"(?m)^NoNewPrivs:\t1$")
        self.assertRegex(status, r"(?m)^Seccomp:\t2$")


class Memory(StackTest):
    def test_the_threads_of_a_daemon_share_one_heap(self) -> None:
        """glibc aligns the heap of a thread to THREAD_HEAP bytes, and reserves as much address space for it."""
        self.sync()
        self.stack.get("/")
        for daemon in (self.stack.web, self.stack.worker):
            assert daemon
            maps = Path(f"/proc/{daemon.process.pid}/maps").read_text()
            begins = [int(begin, 16) for begin in re.findall(r"^(\w+)-\w+ rw-p 0+ 00:00 0 *$", maps, re.M)]
            ends = [int(end, 16) for end in re.findall(r"^\w+-(\w+) ---p 0+ 00:00 0 *$", maps, re.M)]
            heaps = [begin for begin in begins if begin % THREAD_HEAP == 0 and begin + THREAD_HEAP in ends]
            self.assertEqual(heaps, [], f"{daemon.program}\n{maps}")


class Termination(StackTest):
    def waiting_sync(self) -> "list":
        """Sends a POST /api/sync that waits for a slow Hemera; the returned list gets its reply."""
        self.hemera.scenario(fault={"path": LIST, "kind": "delay", "seconds": 20, "count": 1})
        replies: list = []
        caller = threading.Thread(target=lambda: replies.append(self.stack.post("/api/sync")))
        caller.start()
        self.addCleanup(caller.join)
        wait_until(lambda: self.hemera.requests(LIST), "the sync asks Hemera")
        return replies

    def test_a_terminated_web_answers_a_waiting_sync_with_202(self) -> None:
        replies = self.waiting_sync()
        assert self.stack.web
        before = time.monotonic()
        self.assertEqual(self.stack.web.stop(), 0)
        self.assertLess(time.monotonic() - before, 4)
        wait_until(lambda: replies, "the caller is answered")
        self.assertEqual(replies[0].status, 202)
        self.assertEqual(replies[0].headers["Location"], "/api/sync/status")

    def test_a_terminated_worker_ends_its_sync_within_two_seconds_and_counts_no_failure(self) -> None:
        replies = self.waiting_sync()
        assert self.stack.worker
        before = time.monotonic()
        self.assertEqual(self.stack.worker.stop(), 0)
        self.assertLess(time.monotonic() - before, 4)
        wait_until(lambda: replies, "the caller is answered")
        self.assertEqual((replies[0].status, replies[0].code), (503, "SHUTTING_DOWN"))
        self.stack.start_worker()
        self.assertEqual(self.stack.get("/api/sync/status").data["consecutiveFailures"], 0)

    def test_sigint_ends_both_daemons_like_sigterm(self) -> None:
        assert self.stack.worker and self.stack.web
        self.assertEqual(self.stack.web.stop(signal.SIGINT), 0)
        self.assertEqual(self.stack.worker.stop(signal.SIGINT), 0)


    def test_a_signal_right_after_the_start_is_a_clean_end(self) -> None:
        assert self.stack.worker and self.stack.web
        self.assertEqual((self.stack.web.stop(), self.stack.worker.stop()), (0, 0))
        for _ in range(10):
            for daemon in (self.stack.start_worker, self.stack.start_web):
                self.assertEqual(daemon().stop(), 0)


class Unconfigured(unittest.TestCase):
    def setUp(self) -> None:
        self.hemera = Stub("--courses", "1")
        self.addCleanup(self.hemera.stop)
        self.stack = Stack(self.hemera, environment={"HEMERA_API_KEY": ""})
        self.addCleanup(lambda: self.assertEqual(self.stack.stop(), []))
        self.stack.write_config("")
        self.stack.start()

    def test_both_daemons_run_and_say_what_to_do(self) -> None:
        reply = self.stack.post("/api/sync")
        self.assertEqual((reply.status, reply.code), (503, "NOT_CONFIGURED"))
        self.assertIn("aither set-secret hemera-api-key", reply.json["error"]["message"])
        self.assertIn("BaseURL=", reply.json["error"]["message"])
        page = self.stack.get("/")
        self.assertEqual(page.status, 200)
        self.assertIn("nicht erreichbar", page.text)
        assert self.stack.worker
        self.stack.worker.wait_for_line("aither set-secret hemera-api-key")
        self.assertEqual(self.stack.cli("sync").returncode, 78)
        test = self.stack.request("POST", "/internal/test-mail", over_unix_socket=True)
        self.assertEqual((test.status, test.code), (503, "NOT_CONFIGURED"))
        self.assertIn("BaseURL=", test.json["error"]["message"])
        self.assertEqual(self.hemera.requests(), [])


class CommandLines(unittest.TestCase):
    def run_program(self, program: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([BUILD / program, *arguments], capture_output=True, text=True, timeout=30)

    def test_version_and_help(self) -> None:
        for program in ("aither", "aither-web", "aither-worker"):
            with self.subTest(program):
                version = self.run_program(program, "--version")
                self.assertEqual(version.returncode, 0)
                self.assertRegex(version.stdout, r"^aither(-\w+)? \d+\.\d+\.\d+\n$")
                self.assertEqual(self.run_program(program, "--help").returncode, 0)
                self.assertEqual(self.run_program(program, "--nonsense").returncode, 64)
                self.assertEqual(self.run_program(program, "stray").returncode, 64)

    def test_a_daemon_without_sockets_says_how_to_be_started(self) -> None:
        for program in ("aither-web", "aither-worker"):
            done = self.run_program(program, "--config=/dev/null")
            self.assertEqual(done.returncode, 64)
            self.assertIn("--listen", done.stderr)

    def test_the_worker_whose_calls_need_no_token_refuses_tcp(self) -> None:
        done = self.run_program("aither-worker", "--config=/dev/null", "--listen=127.0.0.1:0")
        self.assertEqual(done.returncode, 64)
        self.assertIn("unix sockets only", done.stderr)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            shell = 'exec 3<&"$1"; export LISTEN_PID=$$ LISTEN_FDS=1; exec "$2" --config=/dev/null'
            done = subprocess.run(["/bin/sh", "-c", shell, "sh", str(listener.fileno()), BUILD / "aither-worker"],
                                  pass_fds=[listener.fileno()], capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 64)
        self.assertIn("unix sockets only", done.stderr)

    def test_check_config_lists_all_problems_at_once(self) -> None:
        stub = Stub("--courses", "1")
        self.addCleanup(stub.stop)
        stack = Stack(stub)
        self.addCleanup(stack.stop)
        stack.write_config("[Hemera]\nBaseURL=ftp://x\nMaxRetrys=3\n[Sync]\nTimeLimitSec=soon\n[Nonsense]\na=b\n")
        done = self.run_program("aither-worker", f"--config={stack.config}", "--check-config")
        self.assertEqual(done.returncode, 78)
        for word in ("BaseURL", "MaxRetrys", "MaxRetries", "TimeLimitSec", "Nonsense", "aither.conf:"):
            self.assertIn(word, done.stderr)


if __name__ == "__main__":
    unittest.main()
