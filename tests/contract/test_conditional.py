# SPDX-License-Identifier: MIT
"""Requests of browsers and proxies that have cached something or accept certain encodings: If-None-Match, Accept-Encoding,
HEAD, Range, Vary, Cache-Control (RFC 9110 sections 8.8, 12.5, 13 and 14)."""
import gzip
import unittest

from attack import WebTest
from stack import Reply

TOKEN = "a-sync-token-of-good-length"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
LONG_AGO, TIME_TO_COME = "Sat, 01 Jan 2000 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"


class Conditional(WebTest):
    environment = {"AITHER_SYNC_TOKEN": TOKEN}
    targets = ("/", "/courses/open")

    def setUp(self) -> None:
        super().setUp()
        (self.stack.courses / "open.html").write_text("<p>published</p>" * 100)

    def ask(self, target: str, method: str = "GET", **headers: str) -> Reply:
        return self.stack.request(method, target, BEARER | {k.replace("_", "-"): v for k, v in headers.items()})

    def test_what_the_client_has_is_not_sent_again(self) -> None:
        for target in self.targets:
            plain, packed = self.ask(target), self.ask(target, Accept_Encoding="gzip")
            etag, etag_gzip = plain.headers["ETag"], packed.headers["ETag"]
            self.assertRegex(etag, r'^"[^"]+"$')
            self.assertRegex(etag_gzip, r'^"[^"]+"$')
            self.assertNotEqual(etag, etag_gzip)
            for has, encoding, status in (
                    (etag, "identity", 304), (f"W/{etag}", "identity", 304), ("*", "identity", 304),
                    (f'"a", {etag}', "identity", 304), (f'"a",W/"b" ,\t{etag},"c"', "identity", 304),
                    (f', , {etag}', "identity", 304), (f'"a, b", {etag}', "identity", 304),
                    (etag_gzip, "gzip", 304), (f"W/{etag_gzip}", "gzip", 304), (f"{etag}, {etag_gzip}", "gzip", 304),
                    ("*", "gzip", 304),
                    (etag_gzip, "identity", 200), (etag, "gzip", 200), ('"other"', "identity", 200),
                    ("", "identity", 200), (f'"{etag}"', "identity", 200),
                    (etag.strip('"'), "identity", 200), (etag[:-2] + '"', "identity", 200),
                    (f'"{etag[1:-1]}x"', "identity", 200), (f'"x{etag[1:-1]}"', "gzip", 200)):
                for method in ("GET", "HEAD"):
                    with self.subTest(target=target, has=has, encoding=encoding, method=method):
                        reply = self.ask(target, method, If_None_Match=has, Accept_Encoding=encoding)
                        self.assertEqual(reply.status, status)
                        self.assertEqual(reply.headers["ETag"], etag_gzip if encoding == "gzip" else etag)
                        self.assertEqual(reply.headers["Vary"], plain.headers["Vary"])
                        self.assertEqual(reply.headers["Cache-Control"], plain.headers["Cache-Control"])
                        if status == 304:
                            self.assertEqual(reply.body, b"")
                            self.assertIsNone(reply.headers["Content-Length"])

    def test_an_etag_changes_with_the_page_and_only_with_it(self) -> None:
        before = self.ask("/").headers["ETag"]
        self.assertEqual(self.ask("/").headers["ETag"], before)
        self.publish("y" * self.page_size)
        self.assertEqual(self.ask("/", If_None_Match=before).status, 200)
        after = self.ask("/").headers["ETag"]
        self.assertNotEqual(after, before)
        self.assertNotEqual(self.ask("/?lang=en").headers["ETag"], after, "the status is in another language")

    def test_dates_and_ranges_are_ignored(self) -> None:
        for target in self.targets:
            whole = self.ask(target)
            for headers in ({"If-Modified-Since": TIME_TO_COME}, {"If-Modified-Since": LONG_AGO},
                            {"Range": "bytes=0-9"}, {"Range": "bytes=5-2"},
                            {"Range": "bytes=0-9", "If-Range": whole.headers["ETag"]},
                            {"If-None-Match": '"x"', "If-Modified-Since": TIME_TO_COME}):
                with self.subTest(target=target, headers=headers):
                    reply = self.stack.request("GET", target, BEARER | headers)
                    self.assertEqual((reply.status, reply.body), (200, whole.body))
            self.assertNotEqual(whole.headers["Accept-Ranges"], "bytes")
            self.assertIsNone(whole.headers["Last-Modified"], "it would have to tell the status, too")

    def test_gzip_is_for_clients_that_accept_it(self) -> None:
        for target in self.targets:
            plain = self.ask(target)
            self.assertIsNone(plain.headers["Content-Encoding"])
            for accepted, packed in (
                    ("gzip", True), ("GZIP", True), ("x-gzip", True), ("gzip;q=1", True), ("gzip; q=0.001", True),
                    ("*", True), ("br, deflate, gzip;q=0.1", True), ("*;q=0.1, identity;q=0", True),
                    ("identity;q=0, gzip", True),
                    ("gzip;q=0", False), ("gzip;q=0.000", False), ("gzip;Q=0, *", False), ("*;q=0", False),
                    ("identity", False), ("", False), ("br, deflate", False), ("gzipped", False),
                    ("gzip;q=nonsense", False)):
                with self.subTest(target=target, accepted=accepted):
                    reply = self.ask(target, Accept_Encoding=accepted)
                    self.assertEqual(reply.headers["Content-Encoding"], "gzip" if packed else None)
                    self.assertEqual(gzip.decompress(reply.body) if packed else reply.body, plain.body)
                    self.assertIn("Accept-Encoding", reply.headers["Vary"])

    def test_head_says_what_get_would_send(self) -> None:
        for target in self.targets + ("/healthz", "/nothing", "/api/nothing", "/courses/nothing"):
            for encoding in ("identity", "gzip"):
                with self.subTest(target=target, encoding=encoding):
                    same = {"Accept_Encoding": encoding, "X_Request_Id": "same"}
                    get, head = self.ask(target, **same), self.ask(target, "HEAD", **same)
                    self.assertEqual((head.status, head.body), (get.status, b""))
                    self.assertEqual(int(head.headers["Content-Length"]), len(get.body))
                    self.assertEqual({k: v for k, v in head.headers.items() if k != "Date"},
                                     {k: v for k, v in get.headers.items() if k != "Date"})

    def test_a_proxy_may_keep_the_homepage_but_asks_again_and_never_a_private_page(self) -> None:
        home = self.ask("/").headers
        self.assertEqual(home["Cache-Control"], "no-cache")
        self.assertEqual({v.strip() for v in home["Vary"].split(",")}, {"Accept-Language", "Accept-Encoding"})
        self.assertEqual(self.ask("/courses/open").headers["Cache-Control"], "private, no-store")
        for target in ("/healthz", "/api/sync/status", "/api/nothing"):
            self.assertEqual(self.ask(target).headers["Cache-Control"], "no-store", target)


    def test_several_lines_of_a_list_are_one_list(self) -> None:
        etag = self.ask("/").headers["ETag"].encode()

        def answer(*lines: bytes) -> dict[str, str]:
            connection = self.raw(b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n")
            reply = connection.reply()
            connection.close()
            return reply.headers | {"status": str(reply.status)}

        self.assertEqual(answer(b'If-None-Match: "other"', b"if-none-match:" + etag)["status"], "304")
        self.assertEqual(answer(b"Accept-Encoding: br", b"Accept-Encoding:  gzip ")["content-encoding"], "gzip")
        self.assertEqual(answer(b"Accept-Language: fr", b"Accept-Language: en")["content-language"], "en")
        self.assertEqual(answer(b"Connection: x", b"Connection: close")["connection"], "close")
        self.assertEqual(answer(b"Connection: keep-alive,close")["connection"], "close")


class PublicPages(WebTest):
    config = "[Web]\nLiveTTLSec=3600\n[Site]\nCoursePages=public\n"

    def test_a_public_page_may_be_kept(self) -> None:
        (self.stack.courses / "open.html").write_text("<p>published</p>" * 100)
        reply = self.stack.get("/courses/open")
        self.assertEqual((reply.status, reply.headers["Cache-Control"]), (200, "no-cache"))
        self.assertEqual(reply.headers["Vary"], "Accept-Encoding")
        self.assertIsNone(reply.headers["X-Robots-Tag"])
        self.assertEqual(self.stack.get("/courses/open", If_None_Match=reply.headers["ETag"]).status, 304)


if __name__ == "__main__":
    unittest.main()
