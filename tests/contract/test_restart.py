# SPDX-License-Identifier: MIT
"""Restarts under load: no request is lost, and no caller hangs. The listening sockets stay open in this process, as they do
in systemd, and are passed on as systemd does it."""
import random
import signal
import socket
import subprocess
import threading
import time
import unittest

from attack import Raw
from stack import BUILD, PATIENCE_S, RUNNER, Reply, Stack, wait_until
from stub.client import Stub

LIST = "/api/service/courses"
RESTARTS = 10
REQUESTS_MIN = 20_000
IDLE_MAX_S = 0.4  # an idle connection may be closed after half a second
# bash, because dash (sh) does not know descriptors above 9
ACTIVATE = 'exec 3<&"$1"; export LISTEN_PID=$$ LISTEN_FDS=1; shift; exec "$@"'


class Activated:
    """A daemon that gets its listening socket from the test; its output goes to a file."""

    def __init__(self, program: str, stack: Stack, listener: socket.socket):
        self.log = stack.directory / f"{program}.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                ["/bin/bash", "-c", ACTIVATE, "bash", str(listener.fileno()), *RUNNER, BUILD / program,
                 f"--config={stack.config}"],
                pass_fds=[listener.fileno()], env=stack.environment, stdin=subprocess.DEVNULL, stderr=log)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"did not end: {self.log.read_text()[-2000:]}") from None


class Client(threading.Thread):
    """Requests the homepage until it is told to stop. With idle_max_s it keeps its connection and uses it again within that
    time; without, every request uses a new connection."""

    def __init__(self, port: int, expected: bytes, idle_max_s: float | None):
        super().__init__(daemon=True)
        self.port, self.expected, self.idle_max_s = port, expected, idle_max_s
        self.asked = self.told_to_leave = 0
        self.slowest_s = 0.0
        self.failures: list[str] = []
        self.end = threading.Event()

    def ask(self, connection: Raw) -> bool:
        """Returns whether the connection may be used again."""
        before = time.monotonic()
        connection.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        reply = connection.reply()
        self.slowest_s = max(self.slowest_s, time.monotonic() - before)
        self.asked += 1
        if reply.status != 200 or not reply.body.endswith(self.expected):
            raise ConnectionError(f"{reply.status}, {len(reply.body)} bytes")
        self.told_to_leave += reply.headers["connection"] == "close"
        return reply.headers["connection"] != "close"

    def use_connection(self) -> None:
        connection = Raw(self.port)
        try:
            while self.ask(connection) and self.idle_max_s is not None and not self.end.is_set():
                idle_since = time.monotonic()
                if self.idle_max_s:
                    time.sleep(random.uniform(0, self.idle_max_s))
                if time.monotonic() - idle_since > IDLE_MAX_S:
                    return
        finally:
            connection.close()

    def run(self) -> None:
        while not self.end.is_set():
            try:
                self.use_connection()
            except OSError as problem:
                self.failures.append(f"{problem!r} of request {self.asked}")


class RestartTest(unittest.TestCase):
    def setUp(self) -> None:
        self.hemera = Stub("--courses", "3", "--participants", "1", "--no-limit")
        self.addCleanup(self.hemera.stop)
        self.stack = Stack(self.hemera, "[Web]\nLiveTTLSec=3600\n")
        self.addCleanup(self.stack.stop)
        self.web_listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.addCleanup(self.web_listener.close)
        self.stack.port = self.web_listener.getsockname()[1]
        self.worker_listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(self.worker_listener.close)
        self.worker_listener.bind(str(self.stack.socket))
        self.worker_listener.listen(4096)

    def activate(self, program: str) -> Activated:
        listener = self.web_listener if program == "aither-web" else self.worker_listener
        daemon = Activated(program, self.stack, listener)
        self.addCleanup(lambda: daemon.process.poll() is None and daemon.stop())
        return daemon


class WebRestarts(RestartTest):
    def waiting_sync(self) -> tuple[threading.Thread, list[Reply]]:
        """Sends a sync request that waits for Hemera; the returned list gets its reply."""
        wait_until(lambda: self.stack.request("GET", "/api/sync", over_unix_socket=True).data["status"] != "running",
                   "the last sync ends")
        self.hemera.clear_requests()
        self.hemera.scenario(fault={"path": LIST, "kind": "delay", "seconds": 1.5, "count": 1})
        replies: list[Reply] = []
        caller = threading.Thread(target=lambda: replies.append(self.stack.post("/api/sync", Host="localhost")))
        caller.start()
        wait_until(lambda: self.hemera.requests(LIST), "the sync asks Hemera")
        return caller, replies

    def restart(self, web: Activated) -> Activated:
        caller, replies = self.waiting_sync()
        self.assertEqual(web.stop(), 0)
        web = self.activate("aither-web")
        caller.join(PATIENCE_S)
        self.assertEqual([(r.status, r.headers["Location"], r.headers["Connection"]) for r in replies],
                         [(202, "/api/sync/status", "close")])
        return web

    def test_no_request_is_lost_in_ten_restarts(self) -> None:
        self.activate("aither-worker")
        web = self.activate("aither-web")
        self.assertEqual(self.stack.post("/api/sync", Host="localhost").status, 200)
        body = self.stack.get("/").body
        kinds = [None] * 4 + [0.0] * 2 + [0.05] * 4 + [IDLE_MAX_S] * 6
        clients = [Client(self.stack.port, body[-1000:], idle_max_s) for idle_max_s in kinds]
        for client in clients:
            client.start()
        began = time.monotonic()
        for number in range(RESTARTS):
            wait_until(lambda: sum(c.asked for c in clients) >= (number + 1) * REQUESTS_MIN / (RESTARTS + 1),
                       "enough requests between two restarts")
            web = self.restart(web)
        wait_until(lambda: sum(c.asked for c in clients) >= REQUESTS_MIN, "enough requests")
        for client in clients:
            client.end.set()
        for client in clients:
            client.join(PATIENCE_S)
        failures = [failure for client in clients for failure in client.failures]
        print(f"# {sum(c.asked for c in clients)} requests, {RESTARTS} restarts, {time.monotonic() - began:.0f} s, "
              f"{len(failures)} failed, longest wait {max(c.slowest_s for c in clients):.2f} s, "
              f"{sum(c.told_to_leave for c in clients)} times told to leave")
        self.assertEqual(failures, [])
        keeping = [c for c in clients if c.idle_max_s is not None]
        self.assertTrue(all(c.told_to_leave >= RESTARTS / 2 for c in keeping), [c.told_to_leave for c in keeping])
        self.assertLess(max(c.slowest_s for c in clients), 10)
        self.assertEqual(web.stop(), 0)


class WorkerRestarts(RestartTest):
    ANSWERS = {("POST", 200), ("POST", 202), ("POST", 409), ("POST", 503), ("GET", 200), ("GET", 404), ("GET", 503)}

    def call(self, method: str, headers: dict[str, str], seen: list[tuple[str, int, str, float]],
             end: threading.Event) -> None:
        while not end.is_set():
            before = time.monotonic()
            reply = self.stack.request(method, "/api/sync", {"Host": "localhost", **headers})
            code = reply.code if reply.status >= 400 else ""
            if code == "WORKER_UNAVAILABLE" and not reply.headers["Retry-After"]:
                code += " without Retry-After"
            seen.append((method, reply.status, code, time.monotonic() - before))

    def test_calls_are_answered_while_the_worker_restarts(self) -> None:
        worker = self.activate("aither-worker")
        self.activate("aither-web")
        seen: list[tuple[str, int, str, float]] = []
        end = threading.Event()
        callers = [threading.Thread(target=self.call, args=(*call, seen, end), daemon=True)
                   for call in [("POST", {}), ("POST", {"Prefer": "respond-async"}), ("GET", {})] * 3]
        for caller in callers:
            caller.start()
        for number in range(RESTARTS):
            enough = len(seen) + 50  # more than the number of callers, so this worker has answered some of them
            wait_until(lambda: len(seen) > enough, "calls between two restarts")
            self.assertEqual(worker.stop(), 0)
            if number == 0:  # for a while no worker runs; the socket stays open, as systemd's does
                time.sleep(0.5)
            worker = self.activate("aither-worker")
        enough = len(seen) + 50
        wait_until(lambda: len(seen) > enough, "calls after the last restart")
        end.set()
        for caller in callers:
            caller.join(PATIENCE_S)
            self.assertFalse(caller.is_alive(), "a caller hangs")
        counts = {kind: sum(s[:3] == kind for s in seen) for kind in sorted({s[:3] for s in seen})}
        print(f"# {counts}, longest {max(s[3] for s in seen):.2f} s")
        self.assertLessEqual({s[:2] for s in seen}, self.ANSWERS)
        self.assertLessEqual({s[2] for s in seen},
                             {"", "SYNC_IN_PROGRESS", "WORKER_UNAVAILABLE", "SHUTTING_DOWN", "NO_SYNC_JOB"})
        self.assertLess(max(s[3] for s in seen), 15)
        self.assertEqual(self.stack.request("GET", "/api/sync", {"Host": "localhost"}).status, 200)


if __name__ == "__main__":
    unittest.main()
