# SPDX-License-Identifier: MIT
"""The worker has two sockets: an attacker in aither-web may request less than the command line, and no caller can make the
worker send endless requests to Hemera."""
import socket
import subprocess
import unittest
from pathlib import Path

from stack import BUILD, RUNNER, StackTest

LIST = "/api/service/courses"
TOKEN = "a-sync-token-of-good-length"
BURST = 10  # WORKER_REFRESH_BURST
FORCE = "force is permitted on the command line of this machine only: aither sync --force"

# bash, because dash (sh) does not know descriptors above 9
ACTIVATE = 'exec 3<&"$1" 4<&"$2"; export LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=worker:web; shift 2; exec "$@"'

FOR_BOTH = (("GET", "/api/sync"), ("GET", "/api/sync/status"), ("POST", "/api/sync"), ("POST", "/api/sync?dryRun=1"),
            ("POST", "/internal/refresh"), ("GET", "/healthz"), ("HEAD", "/healthz"))
FOR_THE_COMMAND_LINE = (("GET", "/metrics"), ("GET", "/internal/doctor"), ("HEAD", "/internal/doctor"),
                        ("POST", "/internal/test-mail"), ("POST", "/internal/test-rollbar"), ("POST", "/api/sync?force=1"),
                        ("POST", "/api/sync?force=1&dryRun=1"))


class Callers(StackTest):
    def status(self, where: Path, method: str, target: str) -> int:
        return self.stack.request(method, target, over_unix_socket=where).status

    def assert_sockets_differ(self, for_all: Path, for_web: Path) -> None:
        self.assertEqual(self.status(for_all, "POST", "/api/sync"), 200)
        for method, target in FOR_BOTH:
            with self.subTest(f"{method} {target}"):
                self.assertEqual([self.status(where, method, target) for where in (for_all, for_web)], [200, 200])
        for method, target in FOR_THE_COMMAND_LINE:
            with self.subTest(f"{method} {target}"):
                self.assertIn(self.status(for_all, method, target), (200, 503))  # mail and Rollbar are not set up
                reply = self.stack.request(method, target, over_unix_socket=for_web)
                self.assertEqual(reply.status, 403)
                if method != "HEAD":
                    self.assertEqual(reply.code, "FORBIDDEN")
        for method, target, status in (("GET", "/internal/test-mail", 405), ("GET", "/nothing", 404)):
            self.assertEqual([self.status(where, method, target) for where in (for_all, for_web)], [status] * 2)

    def test_aither_web_may_ask_less_than_the_command_line(self) -> None:
        self.assert_sockets_differ(self.stack.socket, self.stack.web_socket)

    def test_inherited_sockets_are_told_apart_by_their_names(self) -> None:
        assert self.stack.worker
        self.assertEqual(self.stack.worker.stop(), 0)
        paths = [self.stack.directory / name for name in ("inherited", "inherited-web")]
        listeners = [socket.socket(socket.AF_UNIX) for _ in paths]
        for listener, path in zip(listeners, paths):
            self.addCleanup(listener.close)
            listener.bind(str(path))
            listener.listen()
        numbers = [listener.fileno() for listener in listeners]
        process = subprocess.Popen(["/bin/bash", "-c", ACTIVATE, "bash", *map(str, numbers), *RUNNER,
                                    BUILD / "aither-worker", f"--config={self.stack.config}"],
                                   pass_fds=numbers, env=self.stack.environment, stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        self.assert_sockets_differ(*paths)

    def test_aither_web_needs_no_other_socket(self) -> None:
        self.stack.socket.unlink()
        self.assertEqual(self.sync()["status"], "success")
        self.assertEqual(self.stack.get("/").status, 200)
        self.assertEqual(self.stack.get("/api/sync/status").status, 200)

    def test_only_the_command_line_can_force(self) -> None:
        reply = self.stack.request("POST", "/api/sync?force=1", over_unix_socket=self.stack.web_socket)
        self.assertEqual(reply.json["error"], {"code": "FORBIDDEN", "message": FORCE})
        self.assertEqual(self.hemera.requests(), [])
        self.assertEqual(self.stack.cli("sync", "--force").returncode, 0)


class Force(StackTest):
    environment = {"AITHER_SYNC_TOKEN": TOKEN}

    def test_over_tcp_it_is_refused_with_the_command(self) -> None:
        for query in ("force=1", "force=1&dryRun=1", "dryRun=0&force=1"):
            for credentials in ({}, {"Authorization": f"Bearer {TOKEN}"}):
                reply = self.stack.request("POST", f"/api/sync?{query}", credentials)
                self.assertEqual((reply.status, reply.json["error"]), (403, {"code": "FORBIDDEN", "message": FORCE}))
        self.assertEqual(self.hemera.requests(), [])


class Refreshes(StackTest):
    config = "MaxRetries=0\n[Web]\nLiveTTLSec=3600\n"  # one request in five seconds, after the first ten

    def refresh(self) -> tuple[int, str]:
        reply = self.stack.request("POST", "/internal/refresh", over_unix_socket=self.stack.web_socket)
        return reply.status, reply.data["fetchedAt"] if reply.status == 200 else reply.code

    def test_they_leave_hemera_alone(self) -> None:
        answers = [self.refresh() for _ in range(100)]
        requests = len(self.hemera.requests(LIST))
        self.assertEqual({status for status, _ in answers}, {200})
        self.assertEqual(len(set(answers)), requests)
        self.assertGreaterEqual(requests, BURST)
        self.assertLess(requests, 2 * BURST)  # even if this takes most of a minute
        self.assertEqual(self.stack.cli("sync").returncode, 0)

    def test_later_callers_get_the_result_of_the_last_request(self) -> None:
        self.hemera.scenario(fault={"path": LIST, "kind": "status", "status": 500, "count": -1})
        answers = {self.refresh() for _ in range(100)}
        self.assertEqual(answers, {(502, "HEMERA_ERROR")})
        self.assertLess(len(self.hemera.requests(LIST)), 2 * BURST)


if __name__ == "__main__":
    unittest.main()
