# SPDX-License-Identifier: MIT
"""Attacks on aither-web with connections: too many, too slow. Meanwhile a well-behaved visitor is served, the processor
stays idle, and nothing is left behind."""
import resource
import socket
import time
import unittest

from attack import GET, Raw, Returning, WebTest, allow_descriptors
from stack import PATIENCE_S, SANITIZED, wait_until

CROWD = 5000
CONNECTIONS_MAX = 1024


class SlowClients(WebTest):
    """All kinds at once, because the test has to wait for each. The limits are those of http/server.h."""

    page_size = 3_000_000
    UNFINISHED = (b"", b"GET", b"GET / HTTP/1.1\r\nHost: x\r\nX-A",
                  b"POST /api/sync HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc",
                  b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
                  b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n")

    def test_slow_clients_are_disconnected_and_delay_no_visitor(self) -> None:
        before = self.spending.descriptors
        with self.bystander() as visitor:
            began = time.monotonic()
            quiet = [self.raw(start) for start in self.UNFINISHED for _ in range(10)]
            dripping = [self.raw(b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: ") for _ in range(10)]
            readers = [self.raw(GET * 20, receive_buffer=4096) for _ in range(10)]
            while time.monotonic() < began + 9:
                for connection in dripping:
                    connection.try_send(b"a")
                time.sleep(0.5)
            for connection in quiet + dripping:
                connection.try_send(b"a")
                connection.read_all()
            self.assertLess(time.monotonic() - began, 16, "headers and bodies: 10 s, and a sweep")
            self.assertGreaterEqual(self.spending.descriptors, before + len(readers) - 1)
            # A response that the client does not read: 30 s. The client could still read the part that the kernel holds.
            wait_until(lambda: self.spending.descriptors <= before + 3, "slow readers are let go")
            self.assertGreater(time.monotonic() - began, 25)
            self.assertLess(time.monotonic() - began, 45)
            for connection in readers:
                connection.close()
        self.assertEqual(visitor.failures, [])
        self.assertLess(visitor.slowest_s, 2)
        self.wait_for_descriptors(before)


class ManyClients(WebTest):
    """More connections than there are places, from clients that reconnect at once, as fast as they can. A visitor waits 2 s
    at most."""

    SECONDS, PLACES = 3, 256  # as many as every machine permits
    COUNT = PLACES + 80
    config = f"{WebTest.config}MaxConnections={PLACES}\n"
    page_size = 100_000

    def withstand(self, data: bytes, again_s: float = 0, reads: bool = True) -> None:
        with Returning(self.stack.port, self.COUNT, data, again_s, reads):
            wait_until(lambda: self.spending.descriptors > 1.5 * self.PLACES, "the attackers are there")
            with self.bystander() as visitor:
                time.sleep(self.SECONDS)
        print(f"# {visitor.asked} requests, the slowest {visitor.slowest_s:.2f} s, {self.spending.processor_s:.2f} s of "
              f"processor time")
        self.assertEqual(visitor.failures, [])
        self.assertGreaterEqual(visitor.asked, 4)
        if not SANITIZED:
            self.assertLess(max(visitor.slowest_s, visitor.kept_slowest_s), 2)

    def test_a_tiny_request_now_and_then(self) -> None:
        self.withstand(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", again_s=0.85)

    def test_a_tiny_request_as_often_as_possible(self) -> None:
        self.withstand(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", again_s=0.01)

    def test_nothing_at_all(self) -> None:
        self.withstand(b"")

    def test_a_request_that_is_never_finished(self) -> None:
        self.withstand(b"GET / HTTP/1.1\r\nHost: x\r\nA: ", again_s=0.2)

    def test_pages_that_are_not_read(self) -> None:
        self.withstand(GET * 60, reads=False)

    def test_a_slow_visitor_that_keeps_reading_gets_the_whole_page(self) -> None:
        self.publish("x" * 1_000_000)
        with Returning(self.stack.port, self.COUNT, b"GET / HTTP/1.1\r\nHost: x\r\nA: ", again_s=0.2):
            wait_until(lambda: self.spending.descriptors > 1.5 * self.PLACES, "the attackers are there")
            connection = self.raw(GET, receive_buffer=16_384)
            length = 0
            while more := connection.receive():
                length += len(more)
                time.sleep(len(more) / 200_000)  # 200 KB/s
        self.assertGreater(length, 1_000_000)

    def test_bodies_that_never_end(self) -> None:
        self.withstand(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", again_s=0.2)


class Crowd(WebTest):
    """Five thousand connections on 1024 places, from clients that do not reconnect. The wait of the queued clients is
    bounded."""

    page_size = 300_000

    def setUp(self) -> None:
        super().setUp()
        allow_descriptors(CROWD + 1000)
        if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < CROWD + 500:
            self.skipTest("too few descriptors are permitted")

    def crowd_in(self, data: bytes, receive_buffer: int = 0) -> list[socket.socket]:
        """Connections that are all opened at once; those that the kernel does not accept are left trying."""
        crowd = []
        for _ in range(CROWD):
            client = socket.socket()
            self.addCleanup(client.close)
            if receive_buffer:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", self.stack.port))
            try:
                client.send(data)
            except OSError:
                pass
            crowd.append(client)
        return crowd

    def survive(self, data: bytes, wait_max_s: float, processor_max_s: float, receive_buffer: int = 0) -> None:
        before = self.spending.descriptors
        with self.bystander(new_connections=False) as visitor:
            crowd = self.crowd_in(data, receive_buffer)
            began = time.monotonic()
            self.assertEqual(Raw(self.stack.port, b"GET /healthz HTTP/1.0\r\n\r\n").reply().status, 200)
            waited_s = time.monotonic() - began
            self.assertLessEqual(self.spending.descriptors, 2 * CONNECTIONS_MAX + 64)
            self.assertEqual(self.orphans(), [], "those who had to go left what they did not read to the kernel")
        print(f"# {len(crowd)} connections: a newcomer waits {waited_s:.1f} s, who is inside "
              f"{visitor.kept_slowest_s:.2f} s, {self.spending.processor_s:.2f} s of processor time, "
              f"{self.spending.memory_kib} KiB")
        self.assertEqual(visitor.failures, [])
        self.assertLess(max(visitor.kept_slowest_s, waited_s), wait_max_s)
        if not SANITIZED:
            self.assertLess(self.spending.processor_s, processor_max_s)
        for client in crowd:
            client.close()
        self.wait_for_descriptors(before)

    def test_idle_connections(self) -> None:
        self.survive(b"", 6, processor_max_s=1.5)

    def test_unfinished_requests(self) -> None:
        self.survive(b"GET / HTTP/1.1\r\nHost", 6, processor_max_s=3)

    def test_clients_that_read_nothing(self) -> None:
        # More than the kernel buffers for the connections; the part that it does buffer has to be copied.
        self.survive(GET * 40, min(PATIENCE_S, 10), processor_max_s=25, receive_buffer=4096)


class FewDescriptors(WebTest):
    def test_the_processor_rests_while_descriptors_are_used_up(self) -> None:
        limit = self.spending.descriptors + 20
        resource.prlimit(self.web.process.pid, resource.RLIMIT_NOFILE, (limit, limit))
        crowd = [self.raw(b"GET / HTTP/1.1\r\nHost") for _ in range(100)]
        wait_until(lambda: self.spending.descriptors == limit, "all descriptors are used")
        began_s = self.spending.processor_s
        until = time.monotonic() + 3
        most = 0
        while time.monotonic() < until:
            most = max(most, self.spending.descriptors)
            time.sleep(0.1)
        self.assertEqual(most, limit)
        self.assertLess(self.spending.processor_s - began_s, 0.6)
        # Waiting clients get their turn when others leave.
        last = self.raw(GET)
        self.assertEqual(last.reply().status, 200)
        for connection in crowd:
            connection.close()

    def test_a_homepage_that_cannot_be_opened_now_is_not_forgotten(self) -> None:
        kept = self.raw(GET)
        self.assertIn(b"xxx", kept.reply().body)
        resource.prlimit(self.web.process.pid, resource.RLIMIT_NOFILE, (3, 4096))
        self.publish("y" * 1000)
        kept.send(GET)
        self.assertIn(b"xxx", kept.reply().body)
        resource.prlimit(self.web.process.pid, resource.RLIMIT_NOFILE, (4096, 4096))
        kept.send(GET)
        self.assertIn(b"yyy", kept.reply().body)

    def test_the_limit_of_the_process_bounds_the_connections(self) -> None:
        self.assertEqual(self.web.stop(), 0)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
            self.web = self.stack.start_web()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        limit = resource.prlimit(self.web.process.pid, resource.RLIMIT_NOFILE)[0]
        self.assertGreaterEqual(limit, 2 * CONNECTIONS_MAX, "it takes as many as it may have")


if __name__ == "__main__":
    unittest.main()
