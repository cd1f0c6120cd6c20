# SPDX-License-Identifier: MIT
"""Hemera's certificate and its TLS: which servers the worker refuses, the message for each, and that the key is never sent
to them."""
import json
import ssl
import unittest
from dataclasses import dataclass
from typing import Any

from clock import DAY, YEAR, Clock
from stack import Stack, neutral
from stub.certificates import WEAK_KEY, Authority
from stub.client import Stub
from stub.tls_front import CUT, HANG, PLAIN, Fault, TlsFront

OTHER_HOST = "DNS:other.example.org"


@dataclass
class Row:
    """A server that is refused, with the expected message and the advice of `aither doctor`."""
    name: str
    context: ssl.SSLContext | Fault
    sentence: str  # a regular expression for the text after the URL
    remedy: str    # a part of doctor's advice; "": doctor is not run, because it waits longer


TIME = r"; renew it on the server, or correct this machine's clock: timedatectl\(1\)"
NAME = "; configure a host name that the certificate is valid for"
CA = r"; if you use a CA of your own, add it to this machine: update-ca-certificates\(8\)"
TLS = "; the server at that address and port must support TLS 1.2 or later"


def old(context: ssl.SSLContext) -> ssl.SSLContext:
    """The same context with TLS 1.1 at most."""
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


class TlsTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls) -> None:
        cls.clock = Clock()
        cls.addClassCleanup(cls.clock.close)
        cls.ca, cls.other_ca = Authority.of_test(cls), Authority.of_test(cls)
        cls.good = cls.ca.context(valid=(0, 30))
        cls.expired = cls.ca.context(valid=(-2, -1))
        cls.future = cls.ca.context(valid=(10, 11))

    def setUp(self) -> None:
        self.clock.set(0)
        self.hemera = Stub("--courses", "3", "--participants", "2", "--no-limit")
        self.addCleanup(self.hemera.stop)
        self.stack = Stack(self.hemera, "", self.clock.environment | {"SSL_CERT_FILE": str(self.ca.file)})
        self.addCleanup(lambda: self.assertEqual(self.stack.stop(), []))

    def front(self, context: ssl.SSLContext | Fault) -> TlsFront:
        front = TlsFront(self.hemera.port, context)
        self.addCleanup(front.close)
        return front

    def start_worker(self, base_url: str, more: str = "") -> None:
        self.stack.write_config(f"[Hemera]\nBaseURL={base_url}\nConnectTimeoutSec=1\nMaxRetries=1\n{more}")
        self.stack.start_worker()

    def doctor(self, name: str) -> dict[str, Any]:
        checks = json.loads(self.stack.cli("doctor", "--json").stdout)["data"]["checks"]
        return next(c for c in checks if c["name"] == name)

    def status(self) -> Any:
        return self.stack.request("GET", "/api/sync/status", over_unix_socket=True).data

    def assert_refused(self, row: Row, front: TlsFront) -> None:
        """The sync, its report, the journal and doctor all report it; the server has seen nothing but handshakes."""
        assert self.stack.worker
        sync = self.stack.cli("sync")
        self.assertEqual(sync.returncode, 1, sync.stderr)
        report = self.status()
        error, = report["errors"]
        self.assertEqual((report["status"], error["entity"], error["code"]), ("failed", "hemera", "HEMERA_UNREACHABLE"))
        sentence = rf"cannot reach Hemera( safely)?: {front.url}/api/service/courses: {row.sentence}$"
        self.assertRegex(error["message"], sentence)
        self.assertIn(error["message"], sync.stderr)
        self.stack.worker.wait_for_line(sentence)
        if row.remedy:
            check = self.doctor("hemera")
            self.assertEqual(check["status"], "failed", check)
            self.assertRegex(check["message"], f"^{front.url}: {row.sentence}$")
            self.assertIn(row.remedy, neutral(check["remedy"]))
        self.assertGreater(front.connections, 0)
        self.assertNotIn(self.hemera.key.encode(), b"".join(front.requests))
        self.assertEqual(self.hemera.requests(), [])


class Refused(TlsTest):
    def rows(self) -> list[Row]:
        cacert, handshake = "update-ca-certificates", r"the TLS handshake failed \(.+\)"
        return [
            Row("expired", self.expired, f"the certificate has expired{TIME}", "\ndate"),
            Row("not yet valid", self.future, f"the certificate is not valid yet{TIME}", "\ndate"),
            Row("another host", self.ca.context(name=OTHER_HOST), f"the certificate is for another host name{NAME}",
                "/aither.conf"),
            Row("no name at all", self.ca.context(name="email:a@example.org"),
                f"the certificate is for another host name{NAME}", "/aither.conf"),
            Row("self-signed", self.ca.self_signed(), f"the certificate is self-signed{CA}", cacert),
            Row("unknown CA", self.other_ca.context(), f"the certificate is signed by an unknown CA{CA}", cacert),
            Row("CA in the chain, but unknown", self.other_ca.context(shows_ca=True),
                f"the certificate is signed by an unknown CA{CA}", cacert),
            Row("a short key", self.ca.context(key=WEAK_KEY), f"the certificate's key is too short{CA}", cacert),
            Row("for clients", self.ca.context(name="DNS:localhost\nextendedKeyUsage=clientAuth"),
                rf"the certificate is not trusted \(X\.509 error 26\){CA}", cacert),
            Row("TLS 1.1 at most", old(self.ca.context()), f"{handshake}{TLS}", "EDITOR "),
            Row("plain HTTP", PLAIN, f"{handshake}{TLS}", "EDITOR "),
            Row("hangs", HANG, rf"the TLS handshake failed: no answer after \d\.\d s{TLS}", ""),
            Row("cut", CUT, f"{handshake}{TLS}", "EDITOR "),
        ]

    def test_each_server_that_is_not_hemera_is_refused_with_the_reason(self) -> None:
        front = self.front(self.good)
        self.start_worker(front.url)
        for row in self.rows():
            with self.subTest(row.name):
                front.context = row.context
                front.connections = 0
                front.requests.clear()
                self.assert_refused(row, front)
        # None of these failures leaves anything behind.
        front.context = self.good
        self.assertEqual(self.stack.cli("sync").returncode, 0)
        self.assertEqual(self.status()["consecutiveFailures"], 0)

    def test_a_file_of_cas_that_cannot_be_read_is_named(self) -> None:
        self.stack.environment["SSL_CERT_FILE"] = "/nonexistent/ca.pem"
        front = self.front(self.good)
        self.start_worker(front.url)
        row = Row("", self.good, "the CA certificates cannot be read: /nonexistent/ca.pem; this must be a readable "
                  "PEM file: that of the package ca-certificates, unless SSL_CERT_FILE names another",
                  "EDITOR ")
        self.assert_refused(row, front)


class Change(TlsTest):
    """The worker does not trust a server because of earlier connections to it."""

    def sync(self) -> tuple[int, str]:
        """Exit code and the first error."""
        code = self.stack.cli("sync").returncode
        return code, "".join(e["message"] for e in self.status()["errors"][:1])

    def test_a_certificate_that_expires_between_two_syncs(self) -> None:
        front = self.front(self.good)
        self.start_worker(front.url)
        self.assertEqual(self.sync(), (0, ""))
        for number in range(2):
            front.context = self.expired
            code, message = self.sync()
            self.assertEqual(code, 1)
            self.assertIn("the certificate has expired", message)
            self.assertEqual(self.status()["consecutiveFailures"], 1)
            front.context = self.good
            self.assertEqual(self.sync(), (0, ""))

    def test_a_clock_that_is_wrong_makes_good_certificates_bad_until_it_is_set(self) -> None:
        front = self.front(self.good)
        self.start_worker(front.url)
        for ahead_s, wrong in ((0, ""), (YEAR, "the certificate has expired"), (-YEAR, "the certificate is not valid yet"),
                               (0, "")):
            with self.subTest(ahead_s):
                self.clock.set(ahead_s)
                code, message = self.sync()
                self.assertEqual(code, 1 if wrong else 0)
                self.assertIn(wrong, message)
                self.assertEqual("timedatectl" in message, bool(wrong))

    def test_a_certificate_that_is_valid_only_by_a_wrong_clock(self) -> None:
        front = self.front(self.future)
        self.start_worker(front.url)
        self.assertEqual(self.sync()[0], 1)
        self.clock.set(10 * DAY + 3600)
        self.assertEqual(self.sync(), (0, ""))


class Elsewhere(TlsTest):
    """The key goes only to the configured origins."""

    def test_no_redirect_is_followed(self) -> None:
        front, other = self.front(self.good), self.front(self.good)
        self.start_worker(front.url, f"FallbackURL={other.url}\n")
        for status in (301, 302, 303, 307, 308):
            with self.subTest(status):
                self.hemera.scenario(fault={"path": "/api/service/courses", "kind": "status", "status": status,
                                            "headers": {"location": f"{other.url}/api/service/courses"}})
                self.assertEqual(self.stack.cli("sync").returncode, 1)
                self.assertIn("aither follows no redirects", self.status()["errors"][0]["message"])
                self.assertEqual(other.connections, 0)

    def test_rollbar_is_refused_likewise(self) -> None:
        front, rollbar = self.front(self.good), self.front(self.expired)
        self.stack.environment["ROLLBAR_SERVER_TOKEN"] = "rollbar-token-0123456789"
        self.start_worker(front.url, f"[Rollbar]\nEnabled=yes\nLevel=info\nEndpoint={rollbar.url}/api/1/item/\n")
        self.assertEqual(self.stack.cli("sync").returncode, 0)
        assert self.stack.worker
        self.stack.worker.wait_for_line("item for Rollbar lost: Rollbar cannot be reached: "
                                        rf"{rollbar.url}/api/1/item/: the certificate has expired{TIME}$")
        self.assertEqual(rollbar.requests, [])

    def test_the_second_origin_serves_while_the_first_is_refused(self) -> None:
        refused, fallback = self.front(self.expired), self.front(self.good)
        self.start_worker(refused.url, f"FallbackURL={fallback.url}\n")
        self.assertEqual(self.stack.cli("sync").returncode, 0)
        self.assertEqual(refused.requests, [])
        fallback.context = self.ca.context(name=OTHER_HOST)
        self.assertEqual(self.stack.cli("sync").returncode, 1)
        self.assertRegex(self.status()["errors"][0]["message"],
                         rf"^neither BaseURL \({refused.url}\) nor FallbackURL works: "
                         rf".*{fallback.url}.*the certificate is for another host name{NAME}$")


if __name__ == "__main__":
    unittest.main()
