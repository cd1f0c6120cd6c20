# SPDX-License-Identifier: MIT
"""The host names of Hemera, the mail server and Rollbar: name servers that fail, are slow or change their answers, in a
private network."""
import private

private.enter()

import json
import socket
import subprocess
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from stack import BUILD, Stack
from stub.certificates import Authority
from stub.client import Stub
from stub.dns_stub import NXDOMAIN, SERVFAIL, SILENT, DnsStub
from stub.tls_front import TlsFront

HOST = "hemera.test"
STOP_S = 2.0       # for a worker that is stopped, no matter what it waits for
CONNECT_S = 1      # ConnectTimeoutSec
SLACK_S = 2.0      # for a busy machine
PORT = 8443        # this is our own network: every port is free


class DnsTest(unittest.TestCase):
    maxDiff = None
    config = ""

    @classmethod
    def setUpClass(cls) -> None:
        cls.ca = Authority.of_test(cls)
        cls.tls = cls.ca.context(name=f"DNS:{HOST},DNS:localhost,DNS:played.test")

    def setUp(self) -> None:
        self.dns = DnsStub("127.0.0.1", 53)
        self.addCleanup(lambda: self.dns.close())
        self.dns.names[HOST] = ["127.0.0.1"]
        self.hemera = Stub("--courses", "3", "--participants", "2", "--no-limit")
        self.addCleanup(self.hemera.stop)
        self.front = self.serve_at("127.0.0.1")
        self.stack = Stack(self.hemera, "", {"SSL_CERT_FILE": str(self.ca.file), "SMTP_PASS": "",
                                             "ROLLBAR_SERVER_TOKEN": "rollbar-token-0123456789"})
        self.addCleanup(lambda: self.assertEqual(self.stack.stop(), []))
        self.stack.write_config(f"[Hemera]\nBaseURL=https://{HOST}:{PORT}\nConnectTimeoutSec={CONNECT_S}\n"
                                f"{self.config}")
        self.stack.start()

    def serve_at(self, address: str) -> TlsFront:
        front = TlsFront(self.hemera.port, self.tls, address, PORT)
        self.addCleanup(front.close)
        return front

    def sync(self) -> tuple[int, float, Any]:
        """Runs `aither sync`; returns its exit code, its duration, and the report."""
        before = time.monotonic()
        code = self.stack.cli("sync").returncode
        return code, time.monotonic() - before, self.stack.get("/api/sync/status").data

    def assert_well(self) -> None:
        code, seconds, report = self.sync()
        self.assertEqual((code, report["errors"], report["consecutiveFailures"]), (0, [], 0))
        self.assertEqual(len(self.stack.pages()), 3)

    def assert_fails(self, reason: str, seconds_max: float) -> None:
        code, seconds, report = self.sync()
        self.assertEqual(code, 1)
        error, = report["errors"]
        self.assertEqual((error["entity"], error["code"]), ("hemera", "HEMERA_UNREACHABLE"))
        self.assertRegex(error["message"],
                         rf"^cannot reach Hemera: https://{HOST}:{PORT}/api/service/courses: {reason}$")
        self.assertLess(seconds, seconds_max)

    def check(self, name: str) -> dict[str, Any]:
        found = json.loads(self.stack.cli("doctor", "--json").stdout)["data"]["checks"]
        return next(c for c in found if c["name"] == name)


class Failing(DnsTest):
    config = "[Web]\nLiveTTLSec=0\nLiveWaitSec=1\n"

    def assert_homepage_stays(self) -> None:
        before = time.monotonic()
        page = self.stack.get("/")
        self.assertEqual(page.status, 200)
        self.assertIn("<table", page.text)
        self.assertLess(time.monotonic() - before, 1 + SLACK_S)

    def test_a_name_that_cannot_be_resolved_fails_the_sync_soon_and_nothing_else(self) -> None:
        self.assert_well()
        unknown, slow = "the host name cannot be resolved", r"no answer from the name service after \d+\.\d s"
        for name, known, reason in (("no such name", NXDOMAIN, unknown), ("no address", [], unknown),
                                    ("the name server fails", SERVFAIL, unknown), ("no answer", SILENT, slow)):
            with self.subTest(name):
                self.dns.names[HOST] = known
                self.assert_fails(reason, CONNECT_S + SLACK_S)
                self.assert_homepage_stays()
                self.dns.names[HOST] = ["127.0.0.1"]
                self.assert_well()

    def test_no_name_server_at_all(self) -> None:
        self.assert_well()
        self.dns.close()
        self.assert_fails("the host name cannot be resolved", CONNECT_S + SLACK_S)
        self.assert_homepage_stays()
        self.dns = DnsStub("127.0.0.1", 53)
        self.dns.names[HOST] = ["127.0.0.1"]
        self.assert_well()

    def test_a_slow_answer_is_waited_for_as_long_as_the_connection_may_take(self) -> None:
        self.dns.delay_s = CONNECT_S / 4
        self.assert_well()
        self.dns.delay_s = CONNECT_S * 10
        self.assert_fails(r"no answer from the name service after \d+\.\d s", CONNECT_S + SLACK_S)
        self.dns.delay_s = 0
        self.assert_well()

    def test_the_doctor_names_the_host_and_how_to_ask_for_it(self) -> None:
        self.dns.names[HOST] = NXDOMAIN
        check = self.check("hemera")
        self.assertEqual(check["status"], "failed")
        self.assertEqual(check["message"],
                         f"https://{HOST}:{PORT}: the host name cannot be resolved")
        self.assertIn(f"getent hosts {HOST}\n", check["remedy"])


class Fallback(DnsTest):
    config = f"FallbackURL=https://localhost:{PORT}\n"

    def test_the_second_origin_serves_while_the_first_has_no_address(self) -> None:
        for known in (NXDOMAIN, SILENT):
            with self.subTest(known):
                self.dns.names[HOST] = known
                self.assert_well()


class Stop(DnsTest):
    config = ("[Notify]\nMailTo=a@example.org\nSMTPURL=smtp://mail.test\n"
              "[Rollbar]\nEnabled=yes\nEndpoint=https://rollbar.test/\n")

    def test_a_worker_that_waits_for_a_name_ends_at_once(self) -> None:
        self.stack.write_config(f"[Hemera]\nBaseURL=https://{HOST}:{PORT}\nConnectTimeoutSec=60\n{self.config}")
        for name in (HOST, "mail.test", "rollbar.test"):
            self.dns.names[name] = SILENT
        for name, arguments in ((HOST, ["sync"]), (HOST, ["doctor"]), ("mail.test", ["test-mail"]),
                                ("rollbar.test", ["test-rollbar"])):
            with self.subTest(arguments), ThreadPoolExecutor(1) as caller:
                assert self.stack.worker
                self.assertEqual(self.stack.worker.stop(), 0)
                worker = self.stack.start_worker()
                self.dns.forget_questions()
                call = caller.submit(self.stack.cli, *arguments)
                while self.dns.wait_for_question() != name:
                    pass
                before = time.monotonic()
                self.assertEqual(worker.stop(), 0)
                self.assertLess(time.monotonic() - before, STOP_S)
                self.assertNotEqual(call.result().returncode, 0)
        self.stack.start_worker()


class Changing(DnsTest):
    def test_the_next_sync_goes_where_the_name_leads_then(self) -> None:
        self.assert_well()
        first, second = self.front, self.serve_at("127.0.0.2")
        for old, new, address in ((first, second, "127.0.0.2"), (second, first, "127.0.0.1")):
            with self.subTest(address):
                self.dns.names[HOST] = [address]
                old.connections = new.connections = 0
                self.assert_well()
                self.assertEqual(old.connections, 0)
                self.assertGreater(new.connections, 0)

    def test_hemera_moves_to_another_machine(self) -> None:
        self.assert_well()
        self.front.close()
        self.assert_fails("Connection refused", 3 + SLACK_S)
        self.serve_at("127.0.0.2")
        self.dns.names[HOST] = ["127.0.0.2"]
        self.assert_well()

    def test_of_several_addresses_one_that_works_is_enough(self) -> None:
        with socket.create_server(("127.0.0.9", PORT), backlog=0) as deaf, \
                socket.create_server(("::1", PORT), family=socket.AF_INET6, backlog=0) as deaf6:
            crowd = [fill(deaf), fill(deaf6)]
            for name, addresses in (("the first refuses", ["127.0.0.8", "127.0.0.1"]),
                                    ("the last refuses", ["127.0.0.1", "127.0.0.8"]),
                                    ("the first is deaf", ["127.0.0.9", "127.0.0.1"]),
                                    ("no way to IPv6", ["2001:db8::1", "127.0.0.1"]),
                                    ("IPv6 refuses", ["fd00::1", "::1", "127.0.0.1"]),
                                    ("IPv6 is deaf", ["::1", "127.0.0.1"])):
                with self.subTest(name):
                    self.dns.names[HOST] = addresses
                    self.assert_well()
            self.dns.names[HOST] = ["127.0.0.9"]
            self.assert_fails(r"no connection after \d+\.\d s", CONNECT_S + SLACK_S)
            for connection in crowd:
                connection.close()


def fill(listener: socket.socket) -> socket.socket:
    """Takes the only place in a listener's queue: later clients get no answer at all."""
    connection = socket.socket(listener.family, socket.SOCK_STREAM)
    connection.connect(listener.getsockname()[:2])
    return connection


class Local(DnsTest):
    def test_localhost_is_this_machine_whatever_the_name_server_says(self) -> None:
        """Only this machine gets the key without TLS, and mail without a check of the certificate."""
        assert self.stack.worker
        self.stack.worker.stop()
        self.dns.names["localhost"] = ["127.0.0.2"]
        self.dns.forget_questions()
        self.stack.write_config(f"[Hemera]\nBaseURL=http://localhost:{self.hemera.port}\n"
                                "[Notify]\nMailTo=a@example.org\nSMTPURL=smtp://localhost:9\n")
        self.stack.start_worker()
        with socket.create_server(("127.0.0.2", self.hemera.port)) as wrong:
            wrong.setblocking(False)
            self.assert_well()
            self.assertRegex(self.stack.cli("test-mail").stderr, "cannot reach mail server smtp://localhost:9: ")
            self.assertEqual(self.dns.forget_questions(), [])
            with self.assertRaises(BlockingIOError):
                wrong.accept()


class Modules(DnsTest):
    """The name service consists of libraries that libc loads on demand; the worker cannot load any once it serves."""

    def test_a_name_that_only_a_module_knows(self) -> None:
        assert self.stack.worker
        self.stack.worker.stop()
        self.stack.environment["LD_LIBRARY_PATH"] = str(BUILD / "tests/contract")
        self.stack.write_config(f"[Hemera]\nBaseURL=https://played.test:{PORT}\n")
        self.stack.start_worker()
        self.assert_well()
        self.assertNotIn("played.test", str(self.dns.forget_questions()))


class Others(DnsTest):
    """The mail server and Rollbar are reached by name, too."""

    config = ("[Notify]\nMailTo=a@example.org\nSMTPURL=smtp://mail.test\n"
              "[Rollbar]\nEnabled=yes\nLevel=info\nEndpoint=https://rollbar.test/\n")

    def test_no_sync_waits_for_them_and_the_journal_says_which_it_was(self) -> None:
        assert self.stack.worker
        self.assert_well()
        self.stack.worker.wait_for_line("item for Rollbar lost: .*https://rollbar.test/: the host name cannot be resolved")
        self.dns.names["rollbar.test"] = SILENT
        for _ in range(3):
            code, seconds, _ = self.sync()
            self.assertEqual(code, 0)
            self.assertLess(seconds, SLACK_S)

    def test_a_mail_server_without_an_address(self) -> None:
        done = self.stack.cli("test-mail")
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot reach mail server smtp://mail.test: the host name cannot be resolved; "
                      "check [Notify] SMTPURL", done.stderr)

    def test_a_mail_server_whose_name_gets_no_answer(self) -> None:
        self.dns.names["mail.test"] = SILENT
        done = subprocess.run([BUILD / "tests/contract/mail-client", "smtp://mail.test", "", "500", "probe"],
                              capture_output=True, text=True)
        self.assertRegex(done.stdout, r"^ETIMEDOUT \d+ - - - mail server smtp://mail.test: the name service did not answer "
                         r"within 1 s; check \[Notify\] SMTPURL, and the name service of this machine$")


if __name__ == "__main__":
    unittest.main()
