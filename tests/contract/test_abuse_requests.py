# SPDX-License-Identifier: MIT
"""Attacks on aither-web with requests: malformed, oversized, ambiguous, with paths that try to leave the site, many at once
on one connection. Every answer is a refusal or a page, and never a file that is not published."""
import os
import random
import socket
import threading
import time
import unittest

from attack import GET, Raw, WebTest

TOKEN = "a-sync-token-of-good-length"
HOST = b"Host: x\r\n"
END = b"\r\n\r\n"


class Malformed(WebTest):
    """libh2o's own parser answers with a plain 400; everything that it lets through is for aither to refuse."""

    REFUSED = {
        "not HTTP": b"hello\r\n\r\n",
        "HTTP/0.9": b"GET /\r\n\r\n",
        "HTTP/2.0": b"GET / HTTP/2.0\r\nHost: x\r\n\r\n",
        "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "a TLS greeting": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 40 + b"\r\n\r\n",
        "no target": b"GET  HTTP/1.1\r\nHost: x\r\n\r\n",
        "a space in the target": b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
        "a NUL in the target": b"GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n",
        "a NUL in a header": b"GET / HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n",
        "no colon": b"GET / HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n",
        "a space before the colon": b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        "a header without a name": b"GET / HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n",
        "a bare CR": b"GET / HTTP/1.1\r\nHost: x\rA: b\r\n\r\n",
        "too many headers": b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 200 + b"\r\n",
        "an authority as the target": b"CONNECT example.org:443 HTTP/1.1\r\nHost: x\r\n\r\n",
        "a relative target": b"GET index.html HTTP/1.1\r\nHost: x\r\n\r\n",
        "a strange scheme": b"GET ftp://x/ HTTP/1.1\r\nHost: x\r\n\r\n",
        "a negative length": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        "a signed length": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\na",
        "a length in hexadecimal": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x1\r\n\r\na",
        "a length beyond 64 bits": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 18446744073709551617\r\n\r\na",
        "two lengths in one": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 1\r\n\r\na",
        "an obscured coding": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    }

    # libh2o reads these bodies leniently; a proxy in front of it may read them differently. None is accepted.
    CHUNKS = (b"0\r\n\r\n", b"5\r\nhello\r\n0\r\n\r\n", b"5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n", b"0\n\n", b"0\n\r\n",
              b"5\nhello\r\n0\r\n\r\n", b"5\r\nhello\n0\r\n\r\n", b"0x5\r\nhello\r\n0\r\n\r\n", b"5x\r\nhello\r\n0\r\n\r\n",
              b"5\0\r\nhello\r\n0\r\n\r\n", b"+5\r\nhello\r\n0\r\n\r\n", b"0\r\nContent-Length: 99\r\n\r\n",
               b"0\r\nX: \0\n\n",
              b"xyz\r\n", b"fffffffffffffffff\r\n", b"10000000000000005\r\nhello\r\n0\r\n\r\n")
    CODINGS = (b"gzip", b"gzip, chunked", b"chunked, chunked", b"identity", b"chunked,", b"chunked;q=1", b'"chunked"',
               b"xchunked", b"")

    # RFC 9112 sections 2.2, 3.2, 5.2, 6.1: requests that can be read in two ways, as to where they end or which host they
    # are for.
    TWO_READINGS = {
        "a length and a coding": b"Host: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "a coding and a length": b"Host: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        "two lengths": b"Host: x\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\n",
        "two equal lengths": b"Host: x\r\nContent-Length: 0\r\ncontent-length: 0\r\n\r\n",
        "two codings": b"Host: x\r\nTransfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "two hosts": b"Host: x\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
        "no host": b"Content-Length: 0\r\n\r\n",
        "a folded line": b"Host: x\r\nA: b\r\n Content-Length: 44\r\nContent-Length: 0\r\n\r\n",
        "a line that ends in LF": b"Host: x\nContent-Length: 0\r\n\r\n",
        "a head that ends in LF": b"Host: x\r\nContent-Length: 0\r\n\n",
    }

    def test_what_is_malformed_is_refused_and_the_connection_closed(self) -> None:
        with self.bystander() as visitor:
            for name, request in self.REFUSED.items():
                with self.subTest(name):
                    connection = self.raw(request)
                    if (reply := connection.reply()).status != 400:
                        self.fail(f"{reply.status} {reply.body!r}")
                    self.assertEqual(connection.read_all(), b"")
                    connection.close()
        self.assertEqual(visitor.failures, [])

    def test_a_head_of_two_readings_is_refused_and_what_follows_is_no_request(self) -> None:
        smuggled = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
        for method in (b"POST", b"GET"):
            for name, rest in self.TWO_READINGS.items():
                with self.subTest(name, method=method):
                    connection = self.raw(method + b" / HTTP/1.1\r\n" + rest + smuggled)
                    answers = connection.read_all()
                    self.assertTrue(answers.startswith(b"HTTP/1.1 400 "), answers)
                    self.assertEqual(answers.count(b"HTTP/1.1 "), 1, answers)
                    self.assertIn(b"BAD_REQUEST", answers)
                    connection.close()
        old = self.raw(b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
        self.assertEqual(old.reply().status, 400)

    def test_a_body_in_chunks_or_another_coding_is_refused_and_what_follows_is_no_request(self) -> None:
        smuggled = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
        cases = [(b"chunked", body, b"411 Length Required") for body in self.CHUNKS]
        cases += [(b"\tCHUNKED ", b"0\r\n\r\n", b"411 Length Required")]
        cases += [(coding, b"0\r\n\r\n", b"501 Not Implemented") for coding in self.CODINGS]
        with self.bystander() as visitor:
            for method in (b"POST", b"GET", b"HEAD"):
                for coding, body, status in cases:
                    with self.subTest(coding, body=body, method=method):
                        connection = self.raw(method + b" /api/sync/status HTTP/1.1\r\nHost: x\r\n"
                                              b"Transfer-Encoding: " + coding + b"\r\n\r\n" + body + smuggled)
                        answers = connection.read_all()
                        self.assertTrue(answers.startswith(b"HTTP/1.1 " + status + b"\r\n"), answers)
                        self.assertIn(b"\r\nconnection: close\r\n", answers.lower())
                        self.assertEqual(answers.count(b"HTTP/1.1 "), 1, answers)
                        self.assertEqual(b'"code":"BAD_REQUEST"' in answers, method != b"HEAD")
                        connection.close()
        self.assertEqual(visitor.failures, [])
        self.assertLess(visitor.slowest_s, 2)

    def test_the_head_of_a_pipelined_request_is_checked_before_its_body_comes(self) -> None:
        for first in (b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
                      b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"):
            connection = self.raw(first + b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                                          b"Transfer-Encoding: chunked\r\n\r\n")
            self.assertEqual([connection.reply().status for _ in range(2)], [200, 411])
            self.assertEqual(connection.read_all(), b"")
        old = b"%s /healthz HTTP/1.0\r\nConnection: keep-alive\r\n%s\r\n"
        connection = self.raw(old % (b"GET", b"") + old % (b"POST", b"Expect: 100-continue\r\nContent-Length: 1\r\n"))
        self.assertEqual(connection.reply().status, 200)
        connection.send(b"a")
        self.assertEqual(connection.reply().status, 405)

    def test_a_well_formed_request_with_unusual_parts_is_answered(self) -> None:
        for request, status in (
                (b"\r\nGET / HTTP/1.1\r\nhOST:x\r\n\r\n", 200),
                (b"GET / HTTP/1.0\r\n\r\n", 200),
                (b"GET / HTTP/1.1\r\nHost:\r\n\r\n", 200),
                (b"GET http://x/healthz HTTP/1.1\r\nHost: y\r\n\r\n", 200),
                (b"GET / HTTP/1.1\r\nHost: x\r\nHost-Name: y\r\nX-Content-Length: 7\r\n\r\n", 200),
                (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: A\r\n\r\n", 200),
                (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", 200),
                (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", 200),
                (b"TRACE / HTTP/1.1\r\nHost: x\r\n\r\n", 405),
                (b"OPTIONS / HTTP/1.1\r\nHost: x\r\n\r\n", 405)):
            with self.subTest(request):
                connection = self.raw(request)
                reply = connection.reply()
                self.assertEqual(reply.status, status)
                self.assertNotIn("upgrade", reply.headers)
                connection.close()

    def test_the_log_stays_short(self) -> None:
        for _ in range(200):
            for request in (b"GET /../..//%2e%2e/%zz%00 HTTP/1.1\r\nHost: x\r\n\r\n", b"nonsense\r\n\r\n"):
                self.raw(request).reply()
        self.assertLess(len(self.web.log), 10, self.web.log[:5])


class Sizes(WebTest):
    def test_a_url_a_header_or_a_body_too_large_has_its_own_status(self) -> None:
        chunk = b"4000\r\n" + b"a" * 0x4000 + b"\r\n"
        chunks = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 5
        for name, status, request in (
                ("URL", 414, b"GET /" + b"a" * 4096 + b" HTTP/1.1\r\nHost: x\r\n\r\n"),
                ("query", 414, b"GET /?" + b"a" * 60_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"),
                ("header", 431, b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 17_000 + END),
                ("huge header", 431, b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 100_000 + END),
                ("all headers", 431, b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: %s\r\n" % (b"a" * 1000) * 20 + b"\r\n"),
                ("header's name", 431, b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a" * 17_000 + b": b\r\n\r\n"),
                ("announced body", 413, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 65537\r\n\r\n"),
                ("body", 413, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 80000\r\n\r\n" + b"a" * 80_000),
                ("chunked body", 411, chunks + b"0\r\n\r\n"),
                ("endless chunked body", 411, chunks),
                ("body of a GET", 413, b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 80000\r\n\r\n"),
                ("a body that fits", 405, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 65536\r\n\r\n" +
                 b"a" * 65_536),
                ("a chunked body that fits", 411, b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                                                  b"8000\r\n" + b"a" * 0x8000 + b"\r\n0\r\nTrailer: x\r\n\r\n")):
            with self.subTest(name):
                connection = self.raw()
                connection.try_send(request)
                reply = connection.reply()
                self.assertEqual(reply.status, status, reply.body[:200])
                self.assertIn(b'"success":false', reply.body)
                self.assertIn("x-request-id", reply.headers)
                self.assertEqual(reply.headers["connection"], "keep-alive" if status == 405 else "close")
                connection.close()

    def test_a_client_that_expects_100_continue_gets_it_or_the_refusal(self) -> None:
        expecting = b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"
        connection = self.raw(expecting % 3)
        self.assertEqual(connection.reply().status, 100)
        connection.send(b"abc" + GET)
        self.assertEqual(connection.reply().status, 405)
        self.assertEqual(connection.reply().status, 200)
        self.assertEqual(self.raw(expecting % 70_000).reply().status, 413)
        tea = b"POST / HTTP/1.1\r\nHost: x\r\nExpect: tea\r\nContent-Length: 3\r\n\r\nabc"
        self.assertEqual(self.raw(tea).reply().status, 417)
        # A client that sends the body at once is answered, too.
        together = self.raw(expecting % 3 + b"abc" + GET)
        self.assertEqual([together.reply().status for _ in range(3)], [100, 405, 200])


class Connections(WebTest):
    page_size = 100_000

    def test_hundreds_of_pipelined_requests_are_answered_in_order(self) -> None:
        targets = [b"/healthz", b"/nothing-%d", b"/"]
        connection = self.raw()
        wanted = []
        for number in range(300):
            target = targets[number % 3].replace(b"%d", str(number).encode())
            wanted.append({0: 200, 1: 404, 2: 200}[number % 3])
            connection.send(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nX-Request-Id: n%d\r\n\r\n" % number)
        replies = [connection.reply() for _ in wanted]
        self.assertEqual([r.status for r in replies], wanted)
        self.assertEqual([r.headers["x-request-id"] for r in replies], [f"n{n}" for n in range(300)])

    def test_pipelined_requests_of_a_slow_reader_cost_no_memory(self) -> None:
        before = self.spending.memory_kib
        with self.bystander() as visitor:
            crowd = [self.raw(GET * 2000, receive_buffer=4096) for _ in range(50)]
            self.assertLess(self.spending.memory_kib, before + 16_384)
            for connection in crowd:
                connection.reset()
        self.assertEqual(visitor.failures, [])
        self.assertLess(visitor.slowest_s, 3)

    def test_pipelining_clients_take_turns_and_delay_no_other_client(self) -> None:
        (self.stack.courses / "open.html").write_text("<p>published</p>" * 10_000)
        for request, count in ((b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", 100), (GET, 30),
                               (b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 100),
                               (b"HEAD /courses/open HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n", 100)):
            with self.subTest(request), self.bystander() as visitor:
                crowd = {self.raw(): memoryview(request * (100_000 // len(request))) for _ in range(count)}
                for connection in crowd:
                    connection.socket.setblocking(False)
                until = time.monotonic() + 2
                while time.monotonic() < until:
                    crowd = {connection: connection.exchange(rest) for connection, rest in crowd.items()}
                    time.sleep(0.01)
                for connection in crowd:
                    connection.reset()
            print(f"# {request!r} by {count}: {visitor.asked} requests, the slowest {visitor.slowest_s:.2f} s")
            self.assertEqual(visitor.failures, [])
            self.assertLess(visitor.slowest_s, 2)

    def test_a_half_closed_connection_gets_its_answers(self) -> None:
        connection = self.raw(GET * 3)
        connection.socket.shutdown(socket.SHUT_WR)
        self.assertEqual(connection.read_all().count(b"HTTP/1.1 200 "), 3)
        unfinished = self.raw(GET + b"GET / HT")
        unfinished.socket.shutdown(socket.SHUT_WR)
        self.assertEqual(unfinished.read_all().count(b"HTTP/1.1 "), 1)

    def test_resets_in_the_middle_disturb_no_other_client(self) -> None:
        before = self.spending.descriptors
        with self.bystander() as visitor:
            for number in range(600):
                requests = (GET * 3, GET[:number % 30],
                            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 80000\r\n\r\n" + b"a" * 3000,
                            b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n")
                connection = self.raw()
                connection.try_send(requests[number % 4])
                if number % 12 in (0, 3):  # whole requests, so that an answer is under way
                    connection.receive()
                connection.reset()
        self.assertEqual(visitor.failures, [])
        self.wait_for_descriptors(before)


class Compression(WebTest):
    """More large pages than are kept in memory, requested again and again. Compressing a page each time would take twelve
    times as long as sending it uncompressed."""

    config = "[Web]\nLiveTTLSec=3600\n[Site]\nCoursePages=public\n"
    PAGES, LENGTH, ROUNDS = 120, 100_000, 3

    def setUp(self) -> None:
        super().setUp()
        choice = random.Random(1)
        words = [f"{choice.getrandbits(24):x}" for _ in range(3000)]
        for number in range(self.PAGES):
            text = "<!DOCTYPE html>" + " ".join(choice.choices(words, k=self.LENGTH // 6))
            (self.stack.courses / f"c{number}.html").write_text(text[:self.LENGTH])

    def cost_s(self, method: bytes, fields: bytes) -> float:
        """The processor time for requesting every page in turn, by one client that does not wait for the answers."""
        before_s = self.spending.processor_s
        connection = self.raw()
        reader = threading.Thread(target=connection.read_all)
        reader.start()
        for number in range(self.PAGES * self.ROUNDS):
            connection.send(b"%s /courses/c%d HTTP/1.1\r\nHost: x\r\n%s\r\n" % (method, number % self.PAGES, fields))
        connection.socket.shutdown(socket.SHUT_WR)
        reader.join()
        connection.close()
        return self.spending.processor_s - before_s

    def test_asking_for_compressed_pages_costs_little_more_than_for_others(self) -> None:
        with self.bystander() as visitor:
            plain_s = self.cost_s(b"GET", b"")
            for method, fields in ((b"HEAD", b"Accept-Encoding: gzip\r\n"), (b"GET", b"Accept-Encoding: gzip\r\n"),
                                   (b"GET", b'Accept-Encoding: gzip\r\nIf-None-Match: "x"\r\n')):
                cost_s = self.cost_s(method, fields)
                print(f"# {method!r} {fields!r}: {cost_s:.2f} s, as it is {plain_s:.2f} s")
                self.assertLess(cost_s, 4 * plain_s + 0.1)
        self.assertEqual(visitor.failures, [])
        self.assertLess(visitor.slowest_s, 2)

    def test_head_compresses_nothing_and_says_what_get_would_send(self) -> None:
        head = self.stack.request("HEAD", "/courses/c1", {"Accept-Encoding": "gzip"})
        self.assertIsNone(head.headers["Content-Length"])
        get = self.stack.request("GET", "/courses/c1", {"Accept-Encoding": "gzip"})
        names = ("ETag", "Vary", "Content-Encoding", "Content-Type", "Content-Language", "Cache-Control")
        self.assertEqual([head.headers[name] for name in names], [get.headers[name] for name in names])
        self.assertEqual(get.headers["Content-Encoding"], "gzip")
        again = self.stack.request("HEAD", "/courses/c1", {"Accept-Encoding": "gzip"})
        self.assertEqual(int(again.headers["Content-Length"]), len(get.body))
        etag = get.headers["ETag"]
        known = self.stack.request("GET", "/courses/c1", {"Accept-Encoding": "gzip", "If-None-Match": etag})
        self.assertEqual((known.status, known.headers["ETag"]), (304, etag))

    def test_a_plain_page_that_the_client_has_is_not_compressed_for_it(self) -> None:
        etag = self.stack.get("/courses/c3").headers["ETag"]
        reply = self.stack.request("GET", "/courses/c3", {"Accept-Encoding": "gzip", "If-None-Match": etag})
        self.assertEqual((reply.status, reply.headers["ETag"]), (304, etag))

    def test_what_follows_an_answer_without_a_length_is_the_next_answer(self) -> None:
        head = b"HEAD /courses/c2 HTTP/1.%d\r\nHost: x\r\nAccept-Encoding: gzip\r\nConnection: keep-alive\r\n\r\n"
        for version in (1, 0):
            connection = self.raw(head % version + b"GET /healthz HTTP/1.0\r\n\r\n")
            answer = connection.reply(head=True)
            self.assertEqual(answer.status, 200)
            self.assertNotIn("content-length", answer.headers)
            self.assertNotIn("transfer-encoding", answer.headers)
            if answer.headers["connection"] == "keep-alive":
                self.assertEqual(connection.reply().status, 200)
            self.assertEqual(connection.read_all(), b"")


class Fragments(WebTest):
    """Thousands of connections with whole and broken pieces of requests, changed bytes, and every way to end a connection.
    Every answer is accepted, as long as the process lives, its visitor is served, and nothing is left behind."""

    page_size = 200_000
    config = "[Web]\nLiveTTLSec=0\nLiveWaitSec=1\nMaxConnections=64\n"
    PIECES = (
        GET, b"HEAD / HTTP/1.0\r\n\r\n", b"POST /api/sync HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /api/sync HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET /courses/%41 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n", b"123456789",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", b"5\r\nabcde\r\n", b"0\r\n\r\n",
        b"fffff\r\n", b"a" * 30_000, b"GET / HTTP/1.1\r\nHost: x\r\nA: ", b"\r\n", b"\r\n\r\n", b"\n", b"\0",
        b"Expect: tea\r\n", b"Content-Length: 70000\r\n", b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")

    def fragment(self, choice: random.Random) -> bytes:
        data = bytearray(b"".join(choice.choices(self.PIECES, k=choice.randrange(1, 6))))
        if choice.random() < 0.3:
            for _ in range(choice.randrange(1, 5)):
                data[choice.randrange(len(data))] = choice.randrange(256)
        return bytes(data) * (choice.randrange(2, 30) if choice.random() < 0.2 else 1)

    def attack(self, seed: int, until: float) -> None:
        choice = random.Random(seed)
        while time.monotonic() < until:
            connection = Raw(self.stack.port, receive_buffer=choice.choice((0, 0, 2048)))
            connection.socket.settimeout(0.2)
            try:
                for _ in range(choice.randrange(1, 9)):
                    connection.send(self.fragment(choice))
                    if choice.random() < 0.4:
                        connection.receive()
                if choice.random() < 0.2:
                    connection.socket.shutdown(socket.SHUT_WR)
                    connection.receive()
            except OSError:
                pass  # the server has closed this connection
            if choice.random() < 0.3:
                connection.reset()
            connection.close()

    def test_fragments_of_requests_do_no_harm(self) -> None:
        before = self.spending.descriptors
        with self.bystander(new_connections=False) as visitor:
            until = time.monotonic() + 6
            attackers = [threading.Thread(target=self.attack, args=(seed, until)) for seed in range(16)]
            for attacker in attackers:
                attacker.start()
            for attacker in attackers:
                attacker.join()
        self.assertEqual(visitor.failures, [])
        self.assertLess(visitor.kept_slowest_s, 3)
        self.wait_for_descriptors(before)


class Paths(WebTest):
    """With the token, so that it is not the missing token that protects the files."""

    environment = {"AITHER_SYNC_TOKEN": TOKEN}

    def setUp(self) -> None:
        super().setUp()
        output, courses = self.stack.output, self.stack.courses
        (courses / "open.html").write_text("<p>published</p>")
        (output / ".sync-manifest.json").write_text("secret")
        for name in ("other.html", "courses.json", "courses.ics", "index.de.html"):  # outside public/
            (output / name).write_text("secret")
        (self.stack.directory / "outside.html").write_text("secret")
        (courses / ".hidden.html").write_text("secret")
        (courses / "open.html.gz").write_text("secret")
        (courses / "open.txt").write_text("secret")
        (courses / "link.html").symlink_to("../.sync-manifest.json")
        (courses / "absolute.html").symlink_to("/etc/passwd")
        (courses / "away").symlink_to("../..")
        (courses / "folder.html").mkdir()
        (courses / "folder.html" / "x.html").write_text("secret")
        os.mkfifo(courses / "pipe.html")
        unix = socket.socket(socket.AF_UNIX)
        self.addCleanup(unix.close)
        unix.bind(str(courses / "socket.html"))

    def test_only_published_pages_are_found(self) -> None:
        for target in ("open", "open.html", "%6fpen", "open.html?x=/../y", "o%70en.html"):
            with self.subTest(target):
                self.assertEqual(self.ask(f"/courses/{target}".encode()).body, b"<p>published</p>")
        below = ("link", "absolute", "away", "away/outside", "away/outside.html", "folder", "folder/x",
                 "folder.html/x.html", "pipe", "pipe.html", "socket", "socket.html", "open.txt", "open.html.gz",
                 ".hidden", ".hidden.html", ".", "..", "../other", "../other.html", "..%2fother", "%2e%2e/other",
                 "%2e%2e%2fother", "..%5cother", "..\\other", "%252e%252e%252fother", "open%00",
                 "open.html%00.txt", "open%0a", "OPEN", "open.HTML", "open/", "/open", "//open", "./open", "x/../open",
                 "open;x", "open%20", "open%3f", "open.", "open..html",
                 "open.html.", "%c0%ae%c0%ae/other", "%u002e", "*", "~", "a" * 300, "%", "%0", "\xe4",
                 "open%ff")
        others = ("/.sync-manifest.json", "/other.html", "/index.de.html", "/index.de.html.gz", "/index.de.html%00", "//",
                  "/courses.json", "/courses.ics", "/courses.de.html", "/public/index.de.html", "/public/", "/public",
                  "//courses/open", "/./courses/open", "/x/../courses/open", "/Courses/open",
                  "/courses%2fopen", "/courses//etc/passwd", "/.", "/..", "/../../etc/passwd", "/etc/passwd", "\\",
                  "/%2e%2e/other.html", "/;/", "/api/../courses/open", "http://x/../other.html",
                  "http://x/.sync-manifest.json", "file:///etc/passwd")
        with self.bystander() as visitor:
            for target in [f"/courses/{name}" for name in below] + list(others):
                with self.subTest(target):
                    reply = self.ask(target.encode("latin-1"))
                    self.assertIn(reply.status, (400, 404), reply.body[:200])
                    for secret in (b"secret", b"root:", b"published"):
                        self.assertNotIn(secret, reply.body)
        self.assertEqual(visitor.failures, [])
        self.assertLess(visitor.slowest_s, 2, "a FIFO delays no client")

    def test_a_directory_of_pages_that_is_a_symlink_is_not_followed(self) -> None:
        self.assertEqual(self.ask(b"/courses/open").status, 200)
        self.stack.courses.rename(self.stack.directory / "elsewhere")
        self.stack.courses.symlink_to(self.stack.directory / "elsewhere")
        self.assertEqual(self.ask(b"/courses/open").status, 404)

    def test_a_page_that_has_changed_is_shown_and_one_that_has_gone_is_not(self) -> None:
        page = self.stack.courses / "open.html"
        self.assertEqual(self.ask(b"/courses/open").body, b"<p>published</p>")
        page.with_name("new").write_text("<p>changed</p>")
        page.with_name("new").rename(page)
        self.assertEqual(self.ask(b"/courses/open").body, b"<p>changed</p>")
        page.unlink()
        self.assertEqual(self.ask(b"/courses/open").status, 404)
        page.symlink_to("../.sync-manifest.json")
        self.assertEqual(self.ask(b"/courses/open").status, 404)

    def test_a_query_that_is_no_text_stays_out_of_the_header_that_redirects(self) -> None:
        self.assertEqual(self.ask(b"/courses?q=%ff").headers["location"], "/courses/?q=%ff")
        self.assertEqual(self.ask(b"/courses?q=\xff\xfe").headers["location"], "/courses/")

    def ask(self, target: bytes) -> "object":
        connection = Raw(self.stack.port, b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " +
                         TOKEN.encode() + END)
        try:
            return connection.reply()
        finally:
            connection.close()


if __name__ == "__main__":
    unittest.main()
