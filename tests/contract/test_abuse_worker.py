# SPDX-License-Identifier: MIT
"""A worker that hangs, dies, answers nonsense or does not run: calls get 503 WORKER_UNAVAILABLE with Retry-After in bounded
time, the number of waiting calls is bounded, and pages are served as usual."""
import signal
import socket
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from typing import Callable

from attack import WebTest
from stack import Reply, StackTest, wait_until

CALLS_MAX = 64       # from web/relay.h
STATUS_LIMIT_S = 10  # also from web/relay.h
LIST = "/api/service/courses"


class PlayedWorker(WebTest):
    """The test itself listens on the worker's socket."""

    def listen(self, play: Callable[[socket.socket], None] | None = None) -> None:
        """Each connection is passed to play(). Without play, no connection is accepted, as when the process is stopped."""
        self.listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(self.listener.close)
        self.listener.bind(str(self.stack.web_socket))
        self.listener.listen(256)
        if play:
            threading.Thread(target=self.accept, args=(play,), daemon=True).start()

    def accept(self, play: Callable[[socket.socket], None]) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(play, connection), daemon=True).start()

    def serve(self, play: Callable[[socket.socket], None], connection: socket.socket) -> None:
        with connection:
            try:
                connection.recv(4096)
                play(connection)
            except OSError:
                pass

    def status(self) -> Reply:
        return self.stack.get("/api/sync/status", Host="localhost")

    def assert_unavailable(self, reply: Reply) -> None:
        self.assertEqual((reply.status, reply.code), (503, "WORKER_UNAVAILABLE"), reply.text)
        self.assertGreater(int(reply.headers["Retry-After"]), 0)

    def test_one_that_is_not_there(self) -> None:
        before = time.monotonic()
        for method in ("GET", "POST"):
            self.assert_unavailable(self.stack.request(method, "/api/sync", {"Host": "localhost"}))
        self.listen()
        self.listener.close()  # the file stays, without a listener
        for method in ("GET", "POST"):
            self.assert_unavailable(self.stack.request(method, "/api/sync", {"Host": "localhost"}))
        self.assertLess(time.monotonic() - before, 3)

    def test_a_limited_number_of_calls_waits_and_the_others_are_refused_at_once(self) -> None:
        self.listen()
        began = time.monotonic()
        with self.bystander() as visitor, ThreadPoolExecutor(CALLS_MAX) as callers:
            waiting = [callers.submit(self.status) for _ in range(CALLS_MAX)]
            wait_until(lambda: len(list((self.spending.directory / "task").iterdir())) > CALLS_MAX, "all wait")
            before = time.monotonic()
            for _ in range(20):
                reply = self.status()
                self.assert_unavailable(reply)
                self.assertIn("too many", reply.json["error"]["message"])
            self.assertLess(time.monotonic() - before, 2)
            for reply in [w.result() for w in waiting]:
                self.assert_unavailable(reply)
            self.assertLess(time.monotonic() - began, STATUS_LIMIT_S + 5)
        self.assertEqual(visitor.failures, [])
        self.assertLess(visitor.slowest_s, 2)
        wait_until(lambda: len(list((self.spending.directory / "task").iterdir())) == 1, "all threads have ended")

    def test_nonsense_is_not_passed_on(self) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n"
        answers = {
            "nothing": b"", "half a head": head, "less than announced": head + b"\r\nabc", "no HTTP": b"hello\r\n\r\n",
            "no length": b"HTTP/1.1 200 OK\r\n\r\nabc", "another version": b"HTTP/2 200\r\n\r\n",
            "a coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "too large": b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n",
            "a head without end": b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 10_000,
            "two lengths": head + b"Content-Length: 1\r\n\r\n0123456789"}
        current = [b""]
        self.listen(lambda connection: connection.sendall(current[0]))
        for name, answer in answers.items():
            with self.subTest(name):
                current[0] = answer
                self.assert_unavailable(self.status())
                self.assert_unavailable(self.stack.post("/api/sync", Host="localhost"))

    def test_an_answer_that_drips_is_not_waited_for(self) -> None:
        def drip(connection: socket.socket) -> None:
            for byte in b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 1000:
                connection.sendall(bytes([byte]))
                time.sleep(0.1)

        self.listen(drip)
        before = time.monotonic()
        self.assert_unavailable(self.status())
        self.assertLess(time.monotonic() - before, STATUS_LIMIT_S + 3)

    def test_a_client_that_has_gone_leaves_nothing(self) -> None:
        before = self.spending.descriptors
        self.listen()
        for _ in range(30):
            self.raw(b"GET /api/sync/status HTTP/1.1\r\nHost: localhost\r\n\r\n").reset()
        self.wait_for_descriptors(before)


class RealWorker(StackTest):
    config = "[Web]\nLiveTTLSec=3600\n"

    def test_a_stopped_worker_blocks_no_visitor_and_works_again_when_it_continues(self) -> None:
        self.sync(Host="localhost")
        assert self.stack.worker
        self.stack.worker.process.send_signal(signal.SIGSTOP)
        try:
            with ThreadPoolExecutor(2) as callers:
                sync = callers.submit(self.stack.post, "/api/sync", Host="localhost")
                status = callers.submit(self.stack.get, "/api/sync/status", Host="localhost")
                before = time.monotonic()
                self.assertIn("<table", self.stack.get("/").text)
                self.assertEqual(self.stack.get("/readyz").status, 200)
                self.assertLess(time.monotonic() - before, 2)
                self.assertEqual((status.result().status, status.result().code), (503, "WORKER_UNAVAILABLE"))
                self.assertLess(time.monotonic() - before, STATUS_LIMIT_S + 3)
                self.stack.worker.process.send_signal(signal.SIGCONT)
                self.assertEqual((sync.result().status, sync.result().data["status"]), (200, "success"))
        finally:
            self.stack.worker.process.send_signal(signal.SIGCONT)

    def test_a_worker_that_is_killed_in_a_sync_is_503_at_once(self) -> None:
        self.hemera.scenario(fault={"path": LIST, "kind": "delay", "seconds": 20, "count": 1})
        with ThreadPoolExecutor(1) as caller:
            waiting = caller.submit(self.stack.post, "/api/sync", Host="localhost")
            wait_until(lambda: self.hemera.requests(LIST), "the sync asks Hemera")
            assert self.stack.worker
            self.stack.worker.stop(signal.SIGKILL)
            before = time.monotonic()
            reply = waiting.result()
        self.assertEqual((reply.status, reply.code), (503, "WORKER_UNAVAILABLE"))
        self.assertTrue(reply.headers["Retry-After"])
        self.assertLess(time.monotonic() - before, 3)
        self.stack.start_worker()
        self.sync(Host="localhost")


if __name__ == "__main__":
    unittest.main()
