# SPDX-License-Identifier: MIT
"""Attacks on aither-web's memory, and on the kernel's memory for its connections: clients that send much, read little, and
leave everything behind."""
import socket
import time
import unittest

from attack import FIN, GET, WebTest, allow_descriptors
from stack import SANITIZED, wait_until

CONNECTIONS_MAX = 1024


class Memory(WebTest):
    """aither.service has MemoryMax=256M, which counts what the kernel holds for its connections, too."""

    def test_headers_without_end_take_little_memory(self) -> None:
        block = b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-Filler: " + b"a" * 120_000
        largest = 0
        with self.bystander(new_connections=False) as visitor:
            for _ in range(4):
                crowd = []
                for _ in range(900):
                    client = self.raw()
                    client.socket.setblocking(False)
                    for _ in range(3):
                        try:
                            client.socket.send(block)
                        except OSError:
                            break
                    crowd.append(client)
                    largest = max(largest, self.spending.memory_kib)
                for client in crowd:
                    client.close()
        print(f"# largest {largest} KiB")
        self.assertEqual(visitor.failures, [])
        if not SANITIZED:
            self.assertLess(largest, 100_000)

    def test_clients_that_read_nothing_take_little_memory(self) -> None:
        allow_descriptors(2 * CONNECTIONS_MAX)
        self.publish("x" * 300_000)
        largest = largest_queues = 0
        with self.bystander(new_connections=False) as visitor:
            crowd = [self.raw(receive_buffer=4096) for _ in range(CONNECTIONS_MAX - 50)]
            for _ in range(5):
                for client in crowd:
                    client.socket.setblocking(False)
                    client.try_send(GET * 6000)
                largest = max(largest, self.spending.memory_kib)
                largest_queues = max(largest_queues, sum(s.to_send + s.to_read for s in self.sockets()))
                time.sleep(0.2)
        print(f"# largest {largest} KiB, and {largest_queues >> 10} KiB in the kernel")
        self.assertEqual(visitor.failures, [])
        self.assertLess(largest_queues, 150 << 20)  # MemoryMax= of the unit leaves room for both
        if not SANITIZED:
            self.assertLess(largest, 100_000)

    def test_header_lines_of_one_name_take_no_more_memory_than_others(self) -> None:
        allow_descriptors(2 * CONNECTIONS_MAX)
        self.publish("x" * 300_000)
        repeated = GET[:-2] + (b"A: " + b"b" * 160 + b"\r\n") * 95 + b"\r\n"
        crowd = [self.raw(repeated, receive_buffer=4096) for _ in range(300)]
        for client in crowd:
            self.assertNotEqual(client.socket.recv(1), b"")
        if not SANITIZED:
            self.assertLess(self.spending.memory_kib, 100_000)

    def test_unread_answers_are_not_left_to_the_kernel(self) -> None:
        """Clients that have been answered and let go, or have said that they are done, but read nothing."""
        crowd_size = 400
        self.publish("x" * 15_000)
        for line, is_half in ((b"HTTP/1.0", False), (b"HTTP/1.1\r\nConnection: close", False), (b"HTTP/1.1", True)):
            with self.subTest(line=line, is_half=is_half):
                crowd = [self.raw(b"GET / " + line + b"\r\nHost: x\r\n\r\n", receive_buffer=1024)
                         for _ in range(crowd_size)]
                for client in crowd:
                    if is_half:
                        client.socket.shutdown(socket.SHUT_WR)
                wait_until(lambda: sum(queue > FIN for queue in self.send_queues()) >= crowd_size, "all are answered")
                self.assertEqual(self.orphans(), [])
                for client in crowd:
                    client.close()
                wait_until(lambda: not any(self.send_queues()), "nothing is left when the clients have gone")

    def test_a_slow_reader_gets_all_of_its_last_answer(self) -> None:
        slow = self.raw(b"GET / HTTP/1.0\r\n\r\n", receive_buffer=4096)
        wait_until(lambda: any(queue > FIN for queue in self.send_queues()), "it is answered")
        time.sleep(3)  # longer than the lingering time of refused clients
        self.assertTrue(slow.read_all().endswith(b"</html>\n"))

    def test_slow_readers_of_many_large_pictures_take_no_more(self) -> None:
        """More pictures than the cache holds, so that each is read from disk again and again."""
        pictures = self.stack.directory / "site"
        pictures.mkdir()
        for number in range(20):
            (pictures / f"p{number}.jpg").write_bytes(b"x" * (3 << 20))
        statuses = set()
        largest = 0
        with self.bystander() as visitor:
            crowd = []
            for number in range(100):
                crowd.append(self.raw(b"GET /p%d.jpg HTTP/1.1\r\nHost: x\r\n\r\n" % (number % 20), receive_buffer=4096))
                statuses.add(crowd[-1].socket.recv(12))
                largest = max(largest, self.spending.memory_kib)
        print(f"# largest {largest} KiB")
        self.assertEqual((visitor.failures, statuses), ([], {b"HTTP/1.1 200", b"HTTP/1.1 503"}))
        if not SANITIZED:
            self.assertLess(largest, 120_000)
        for client in crowd:
            client.close()
        wait_until(lambda: self.stack.get("/p19.jpg").status == 200, "pictures are sent again")

    def test_a_restart_does_not_wait_for_a_slow_reader_and_loses_none_of_its_answer(self) -> None:
        slow = self.raw(b"GET / HTTP/1.0\r\n\r\n", receive_buffer=4096)
        wait_until(lambda: any(queue > FIN for queue in self.send_queues()), "it is answered")
        began = time.monotonic()
        self.assertEqual(self.web.stop(), 0)
        self.assertLess(time.monotonic() - began, 2, "the drain ends after 3 s")
        self.assertTrue(slow.read_all().endswith(b"</html>\n"))

    def test_the_kernel_holds_little_for_readers_who_stop(self) -> None:
        self.publish("x" * 300_000)
        few, many = 32, 256  # SERVER_FEW and SERVER_MANY of http/server.c
        crowd = [self.raw(GET * 40) for _ in range(many + 40)]
        for connection in crowd:  # a client that reads fast at the beginning may buffer much
            received = 0
            while received < 1_000_000:
                received += len(connection.receive())
        wait_until(lambda: sum(queue > 0 for queue in self.send_queues()) >= len(crowd), "all have stopped reading")
        of_client = {s.client: s.to_send for s in self.sockets()}
        queues = [of_client[connection.socket.getsockname()[1]] for connection in crowd]
        first, more, most = max(queues[:few]), max(queues[few:many]), max(queues[many:])
        at_most = first * few + more * (many - few) + most * (CONNECTIONS_MAX - many)
        print(f"# largest send queues {first}, {more} and {most} bytes, {at_most >> 20} MiB for a full house")
        self.assertLess(at_most, 140 << 20)

    def test_beside_a_crowd_a_page_is_still_sent_without_a_pause(self) -> None:
        self.publish("x" * 300_000)
        crowd = [self.raw() for _ in range(60)]
        times = []
        for _ in range(21):
            before = time.monotonic()
            connection = self.raw(GET)
            self.assertGreater(len(connection.reply().body), 300_000)
            times.append(time.monotonic() - before)
            connection.close()
        self.assertEqual(len(crowd), 60)
        self.assertLess(sorted(times)[len(times) // 2], 0.04, "the kernel's timers are at work")

    def attack(self) -> None:
        """A bit of everything, with every way to end a connection."""
        clients = []
        for start in (b"", b"GET", GET, GET * 100, b"\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 50_000,
                      b"POST /api/sync HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n\r\n" + b"a" * 50_000,
                      b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\n\r\n" + b"a" * 70_000,
                      b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n" + b"a" * 90_000,
                      b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n",
                      b"GET /courses/%00 HTTP/1.1\r\nHost: x\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"):
            for ending in ("close", "reset", "half"):
                for _ in range(5):
                    client = self.raw()
                    client.try_send(start)
                    clients.append((client, ending))
        for client, ending in clients:
            if ending == "half":
                try:
                    client.socket.shutdown(socket.SHUT_WR)
                except OSError:
                    pass
            elif ending == "reset":
                client.reset()
            client.close()

    def test_nothing_is_left_after_attacks(self) -> None:
        before = self.spending.descriptors
        for _ in range(6):
            self.attack()
        self.wait_for_descriptors(before)
        first_kib = self.spending.memory_kib
        for _ in range(12):
            self.attack()
        self.wait_for_descriptors(before)
        last_kib = self.spending.memory_kib
        print(f"# {first_kib} KiB, then {last_kib} KiB")
        if not SANITIZED:
            self.assertLess(last_kib, first_kib + 2048)


if __name__ == "__main__":
    unittest.main()
