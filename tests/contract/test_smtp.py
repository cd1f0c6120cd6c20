# SPDX-License-Identifier: MIT
"""One mail to a real mail server (net/smtp.h): TLS, login, several recipients, and the message for each failure."""
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stack import BUILD, PATIENCE_S, wait_until
from stub.certificates import Authority
from stub.smtp_stub import DROP, HANG, SmtpStub

USER, PASSWORD = "aither", "sword fisch 1234"
SENDER, RECIPIENT = "aither@host.example.org", "operator@example.org"
REMOTE, LOCAL = "0.0.0.0", "127.0.0.1"  # see stub/certificates.py
LONG_MS, SHORT_MS = 1000 * PATIENCE_S, 1500
MESSAGE = (b"From: <aither@host.example.org>\r\nSubject: =?UTF-8?Q?gest=C3=B6rt?=\r\nContent-Type: text/plain; "
           b"charset=UTF-8\r\n\r\n.\r\n..\r\n.gr\xc3\xbcn\r\nlast line\r\n")


@dataclass
class Outcome:
    errno: str
    took_ms: int
    later: bool
    deferred: str
    refused: str
    sentence: str


class Call:
    """A running mail-client."""

    def __init__(self, url: str, *arguments: str, user: str = USER, timeout_ms: int = LONG_MS, ca: Path | None = None,
                 message: bytes = MESSAGE):
        environment = {k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}
        proxy = "http://127.0.0.1:1"  # proxies are for other protocols
        environment |= {"MAIL_PASSWORD": PASSWORD, "ALL_PROXY": proxy, "SMTP_PROXY": proxy}
        if ca:
            environment["SSL_CERT_FILE"] = str(ca)
        self._input = tempfile.TemporaryFile()
        self._input.write(message)
        self._input.seek(0)
        self.process = subprocess.Popen(
            [BUILD / "tests/contract/mail-client", url, user, str(timeout_ms), *arguments], env=environment,
            stdin=self._input, stdout=subprocess.PIPE, text=True)

    def outcome(self) -> Outcome:
        out, _ = self.process.communicate(timeout=PATIENCE_S * 3)
        self._input.close()
        assert self.process.returncode == 0, (self.process.returncode, out)
        errno, took_ms, later, deferred, refused, sentence = out.rstrip("\n").split(" ", 5)
        return Outcome(errno, int(took_ms), later == "later", deferred, refused, sentence)


class SmtpTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls) -> None:
        cls.ca = Authority.of_test(cls)
        cls.tls = cls.ca.context()

    def server(self, **settings: Any) -> SmtpStub:
        server = SmtpStub(**settings)
        self.addCleanup(server.close)
        return server

    def send(self, server: SmtpStub, host: str = REMOTE, scheme: str = "smtp", to: str = RECIPIENT,
             **more: Any) -> Outcome:
        more.setdefault("user", USER if server.users else "")
        return Call(f"{scheme}://{host}:{server.port}", "send", SENDER, to, ca=self.ca.file, **more).outcome()

    def assert_sent(self, outcome: Outcome) -> None:
        self.assertEqual((outcome.errno, outcome.sentence), ("0", ""))


class Delivery(SmtpTest):
    def test_starttls_and_login_bring_the_mail_as_it_is(self) -> None:
        server = self.server(tls=self.tls, users={USER: PASSWORD})
        self.assert_sent(self.send(server))
        mail, = server.mails
        self.assertEqual((mail.sender, mail.recipients), (SENDER, (RECIPIENT,)))
        self.assertEqual((mail.user, mail.encrypted, mail.content), (USER, True, MESSAGE))

    def test_nothing_but_hello_and_starttls_is_said_before_tls(self) -> None:
        server = self.server(tls=self.tls, users={USER: PASSWORD})
        self.assert_sent(self.send(server))
        self.assertEqual([s for s, _, encrypted in server.steps if not encrypted], ["GREETING", "EHLO", "STARTTLS"])

    def test_smtps_is_tls_from_the_start(self) -> None:
        server = self.server(tls=self.tls, implicit=True, users={USER: PASSWORD})
        self.assert_sent(self.send(server, scheme="smtps"))
        self.assertEqual((server.mails[0].user, server.mails[0].encrypted), (USER, True))
        self.assertTrue(all(encrypted for _, _, encrypted in server.steps))

    def test_this_machine_gets_it_plainly_or_by_whatever_tls_it_has(self) -> None:
        rows: list[tuple[str, str, dict[str, Any], bool]] = [
            ("no TLS", "smtp", {}, False),
            ("no TLS, login", "smtp", {"users": {USER: PASSWORD}, "plain_auth": True}, False),
            ("certificate for another host, expired", "smtp",
             {"tls": self.ca.context(name="DNS:other.example.org", valid=(-2, -1))}, True),
            ("login inside TLS only", "smtp", {"tls": self.tls, "users": {USER: PASSWORD}}, True),
            ("smtps", "smtps", {"tls": self.ca.context(name="DNS:other.example.org"), "implicit": True}, True),
        ]
        for host in (LOCAL, "localhost"):
            for name, scheme, settings, encrypted in rows:
                with self.subTest(name, host=host):
                    server = self.server(**settings)
                    self.assert_sent(self.send(server, host, scheme))
                    self.assertEqual(server.mails[0].encrypted, encrypted)
                    self.assertEqual(server.mails[0].user, USER if "users" in settings else None)

    def test_without_a_user_there_is_no_login(self) -> None:
        server = self.server(tls=self.tls, users={USER: PASSWORD})
        self.assert_sent(self.send(server, user=""))
        self.assertIsNone(server.mails[0].user)

    def test_hello_says_a_name(self) -> None:
        server = self.server()
        self.assert_sent(self.send(server, LOCAL))
        names = [argument for step, argument, _ in server.steps if step == "EHLO"]
        self.assertRegex(names[0], r"^[A-Za-z0-9.-]+$")

    def test_several_recipients_get_one_mail(self) -> None:
        server = self.server()
        self.assert_sent(self.send(server, LOCAL, to="a@x.org,b@x.org,c@x.org"))
        self.assertEqual([m.recipients for m in server.mails], [("a@x.org", "b@x.org", "c@x.org")])

    def test_one_good_recipient_is_enough_and_the_others_are_named(self) -> None:
        server = self.server()
        server.fail("RCPT", "550 5.1.1 no such user", only="b@x.org")
        server.fail("RCPT", "452 4.2.2 full", only="d@x.org")
        outcome = self.send(server, LOCAL, to="a@x.org,b@x.org,c@x.org,d@x.org")
        self.assertEqual([m.recipients for m in server.mails], [("a@x.org", "c@x.org")])
        self.assertEqual((outcome.errno, outcome.sentence),
                         ("0", f"mail server smtp://{LOCAL}:{server.port} refused some of the recipients: b@x.org (550 "
                               "5.1.1 no such user); correct [Notify] MailTo; refused for now: d@x.org (452 "
                               "4.2.2 full)"))
        self.assertEqual((outcome.deferred, outcome.refused), ("d@x.org", "b@x.org"))

    def test_recipients_refused_for_now_need_no_correction(self) -> None:
        server = self.server()
        for name in ("b", "d"):
            server.fail("RCPT", f"451 4.7.1 {name} waits", only=f"{name}@x.org")
        outcome = self.send(server, LOCAL, to="a@x.org,b@x.org,d@x.org")
        self.assertEqual([m.recipients for m in server.mails], [("a@x.org",)])
        self.assertEqual((outcome.errno, outcome.sentence),
                         ("0", f"mail server smtp://{LOCAL}:{server.port} refused some of the recipients for now: "
                               "b@x.org (451 4.7.1 b waits), d@x.org (451 4.7.1 d waits)"))
        self.assertEqual((outcome.deferred, outcome.refused), ("b@x.org,d@x.org", "-"))

    def test_when_no_recipient_is_taken_the_reasons_are_told_apart(self) -> None:
        server = self.server()
        server.fail("RCPT", "550 5.1.1 no such user", only="b@x.org")
        server.fail("RCPT", "451 4.7.1 wait", only="a@x.org")
        outcome = self.send(server, LOCAL, to="a@x.org,b@x.org")
        self.assertEqual((outcome.errno, outcome.later, outcome.deferred, outcome.refused),
                         ("EREMOTEIO", True, "a@x.org", "b@x.org"))
        self.assertIn("refuses every recipient: b@x.org (550 5.1.1 no such user); correct [Notify] MailTo; refused for "
                      "now: a@x.org (451 4.7.1 wait)", outcome.sentence)

    def test_a_login_that_is_not_offered_is_a_warning(self) -> None:
        server = self.server()
        outcome = self.send(server, LOCAL, user=USER)
        self.assertEqual((outcome.errno, outcome.sentence),
                         ("0", f"mail server smtp://{LOCAL}:{server.port} accepts mail; it offers no login (AUTH), so "
                               "[Notify] SMTPUser is not used"))
        self.assertEqual(len(server.mails), 1)
        probed = Call(f"smtp://{LOCAL}:{server.port}", "probe").outcome()
        self.assertEqual((probed.errno, probed.sentence), ("0", outcome.sentence))
        server.fail("MAIL", "530 5.7.0 log in first")
        refused = self.send(server, LOCAL, user=USER)
        self.assertEqual(refused.errno, "EREMOTEIO")
        self.assertRegex(refused.sentence, "530 5.7.0 log in first; .*; it offers no login")

    def test_a_long_mail_arrives_whole(self) -> None:
        server = self.server(tls=self.tls)
        message = b"Subject: x\r\n\r\n" + b".dots and more\r\n" * 20000
        self.assert_sent(self.send(server, message=message))
        self.assertEqual(server.mails[0].content, message)

    def test_a_server_that_does_not_say_goodbye_has_taken_the_mail(self) -> None:
        for kind in (HANG, DROP, "500 no"):
            with self.subTest(kind):
                server = self.server()
                server.fail("QUIT", kind)
                outcome = self.send(server, LOCAL)
                self.assert_sent(outcome)
                self.assertEqual(len(server.mails), 1)
                self.assertLess(outcome.took_ms, 8000)


@dataclass
class Row:
    """A server, its fault, and the message expected for it."""
    name: str
    errno: str
    sentence: str  # a part of the text after "mail server URL "
    settings: dict[str, Any] = field(default_factory=dict)
    fault: tuple[str, str] | None = None
    host: str = LOCAL
    scheme: str = "smtp"
    timeout_ms: int = LONG_MS
    probe: bool = True  # smtp_probe detects it, too
    users: dict[str, str] | None = None
    later: bool = False  # the same mail may be accepted later
    send: bool = True  # smtp_send detects it, too
    user: str = USER  # "": no login is configured


class Faults(SmtpTest):
    def rows(self) -> list[Row]:
        tls, login = {"tls": self.tls}, {USER: PASSWORD}
        other, expired = self.ca.context(name="DNS:other.example.org"), self.ca.context(valid=(-2, -1))
        wait = "within 2 s; "
        return [
            Row("busy at the greeting", "EREMOTEIO", "refuses the connection: 421 4.3.2 overloaded; a later "
                "attempt may succeed", fault=("GREETING", "421 4.3.2 overloaded"), later=True),
            Row("closed to this machine", "EREMOTEIO", "refuses the connection: 554 5.7.1 go away; check the server's "
                "log",
                fault=("GREETING", "554 5.7.1 go away")),
            Row("drops at the greeting", "EHOSTUNREACH", "closed the connection unexpectedly; check the server's log",
                fault=("GREETING", DROP), later=True),
            Row("hangs at the greeting", "ETIMEDOUT", "sent no greeting " + wait + "if that port expects TLS from "
                "the start (465), write smtps:// in [Notify] SMTPURL", fault=("GREETING", HANG), timeout_ms=SHORT_MS,
                later=True),
            Row("smtp to a port with TLS", "ETIMEDOUT", "write smtps:// in [Notify] SMTPURL",
                {"tls": self.tls, "implicit": True}, timeout_ms=SHORT_MS, later=True),
            Row("smtps to a port without TLS", "EPROTO", "if that port expects STARTTLS (25, 587), write smtp:// in "
                "[Notify] SMTPURL", scheme="smtps"),
            Row("no STARTTLS across the network", "EPROTO", "offers no encryption (STARTTLS), and aither sends "
                "nothing unencrypted over a network; ", host=REMOTE, settings={"users": login, "plain_auth": True}),
            Row("STARTTLS refused across the network", "EPROTO", "offers no encryption (STARTTLS): 454 4.7.0 not now, ",
                tls, ("STARTTLS", "454 4.7.0 not now"), host=REMOTE, later=True),
            Row("drops at STARTTLS", "EHOSTUNREACH", "closed the connection unexpectedly; check the server's log", tls,
                ("STARTTLS", DROP), later=True),
            Row("certificate of another name", "EKEYREJECTED", "the certificate is for another host name; write a "
                "host name that the certificate is valid for in [Notify] SMTPURL", {"tls": other}, host=REMOTE),
            Row("certificate of another name, smtps", "EKEYREJECTED", "the certificate is for another host name; ",
                {"tls": other, "implicit": True}, host=REMOTE, scheme="smtps"),
            Row("expired certificate", "EKEYREJECTED", "the certificate has expired; renew it on the server, "
                "or correct this machine's clock: timedatectl(1)",
                {"tls": expired}, host=REMOTE),
            Row("wrong password", "EACCES", "does not accept the user or the password: 535 5.7.8 Authentication "
                "credentials invalid; check [Notify] SMTPUser, and run `aither set-secret smtp-password`",
                {"tls": self.tls, "users": {USER: "another"}}, host=REMOTE),
            Row("wrong password, this machine", "EACCES", "does not accept the user or the password: 535 5.7.8 ",
                {"users": {USER: "another"}, "plain_auth": True}),
            Row("login not possible now", "EACCES", "cannot check the user and the password now: 454 4.7.0 "
                "database down; try again later", {"users": login, "plain_auth": True},
                ("LOGIN", "454 4.7.0 database down"), later=True),
            Row("a server that repeats the password", "EACCES", "does not accept the user or the password: 535 (a line "
                "that contains a secret); ", {"users": login, "plain_auth": True},
                ("LOGIN", "535 5.7.8 bad {secret} there")),
            Row("login refused at once", "EACCES", "does not accept the user or the password: 535 5.7.139 disabled; ",
                {"users": login, "plain_auth": True}, ("AUTH", "535 5.7.139 disabled")),
            Row("no login that is known", "EACCES", "offers no login method that aither supports (AUTH PLAIN or "
                "LOGIN); ask its operator, or remove [Notify] SMTPUser", fault=("EHLO", "250-x\r\n250 AUTH GSSAPI")),
            Row("login drops", "EHOSTUNREACH", "closed the connection unexpectedly; check the server's log",
                {"users": login, "plain_auth": True}, ("AUTH", DROP), later=True),
            Row("sender refused", "EREMOTEIO", "refuses the sender: 550 5.7.1 not yours; set [Notify] MailFrom to an "
                "address it accepts", fault=("MAIL", "550 5.7.1 not yours"), probe=False),
            Row("sender refused for now", "EREMOTEIO", "refuses the sender: 451 4.7.1 wait; a later attempt may succeed",
                fault=("MAIL", "451 4.7.1 wait"), probe=False, later=True),
            Row("greylisted", "EREMOTEIO", "refuses every recipient: operator@example.org (450 4.2.0 greylisted); a "
                "later attempt may succeed", fault=("RCPT", "450 4.2.0 greylisted"), probe=False, later=True),
            Row("a client that has to log in", "EREMOTEIO", "refuses every recipient: operator@example.org (554 5.7.1 "
                "<host[192.0.2.1]>: Client host rejected: Access denied); it requires a login, or does not know this "
                "machine: set [Notify] SMTPUser and run `aither set-secret smtp-password`, or have its operator permit "
                "this machine", fault=("RCPT", "554 5.7.1 <host[192.0.2.1]>: Client host rejected: Access denied"),
                probe=False, user=""),
            Row("the same without RFC 3463", "EREMOTEIO", "(554 Client host rejected); it requires a login, ",
                fault=("RCPT", "554 Client host rejected"), probe=False, user=""),
            Row("no relay, Exim", "EREMOTEIO", "(550 relay not permitted); it requires a login, ",
                fault=("RCPT", "550 relay not permitted"), probe=False, user=""),
            Row("no relay for now, Debian's Postfix", "EREMOTEIO", "(454 4.7.1 <operator@example.org>: Relay access "
                "denied); it requires a login, ",
                fault=("RCPT", "454 4.7.1 <operator@example.org>: Relay access denied"), probe=False, later=True, user=""),
            Row("an unknown user, of Postfix", "EREMOTEIO", "in relay recipient table); correct [Notify] MailTo",
                fault=("RCPT", "550 5.1.1 <bob@x.org>: Recipient address rejected: User unknown in relay recipient table"),
                probe=False, user=""),
            Row("a login before the sender", "EREMOTEIO", "refuses the sender: 530 5.7.0 Authentication required; it "
                "requires a login, ", fault=("MAIL", "530 5.7.0 Authentication required"), probe=False, user=""),
            Row("a user who may not send there", "EREMOTEIO", "(554 5.7.1 Relay access denied); have its operator permit "
                "this user", {"users": login, "plain_auth": True}, ("RCPT", "554 5.7.1 Relay access denied"), probe=False),
            Row("not ready", "EREMOTEIO", "is not ready: 550 5.3.2 closed", fault=("NOOP", "550 5.3.2 closed"),
                send=False),
            Row("no such user", "EREMOTEIO", "refuses every recipient: operator@example.org (550 5.1.1 no such user); "
                "correct [Notify] MailTo", fault=("RCPT", "550 5.1.1 no such user"), probe=False),
            Row("a reply of several lines", "EREMOTEIO", "refuses every recipient: operator@example.org (550 5.1.1 no "
                "such user 5.1.1 ask somebody); ", fault=("RCPT", "550-5.1.1 no such user\r\n550 5.1.1 ask somebody"),
                probe=False),
            Row("a reply without end", "EREMOTEIO", "refuses every recipient: operator@example.org (550 so it goes "
                "on so it goes on ", fault=("RCPT", "550-so it goes on\r\n" * 200 + "550 at last"), probe=False),
            Row("a reply with odd bytes", "EREMOTEIO", "refuses the mail: 554 ?[31mred?; check",
                fault=("DATA", "554 \x1b[31mred\x07"), probe=False),
            Row("shuts down in the middle", "EREMOTEIO", "refuses every recipient: operator@example.org (421 4.3.2 "
                "bye); a later attempt may succeed", fault=("RCPT", "421 4.3.2 bye"), probe=False, later=True),
            Row("drops in the middle", "EHOSTUNREACH", "closed the connection unexpectedly; check the server's log",
                fault=("RCPT", DROP), probe=False, later=True),
            Row("hangs in the middle", "ETIMEDOUT", "did not complete the mail " + wait, fault=("RCPT", HANG),
                timeout_ms=SHORT_MS, probe=False, later=True),
            Row("mail refused", "EREMOTEIO", "refuses the mail: 554 5.6.0 spam; check the server's log",
                fault=("MESSAGE", "554 5.6.0 spam"), probe=False),
            Row("disk full", "EREMOTEIO", "refuses the mail: 452 4.3.1 full; a later attempt may succeed",
                fault=("MESSAGE", "452 4.3.1 full"), probe=False, later=True),
            Row("drops the whole mail", "EHOSTUNREACH", "closed the connection unexpectedly; check the server's log",
                fault=("MESSAGE", DROP), probe=False),
            Row("hangs with the whole mail", "ETIMEDOUT", "did not complete the mail " + wait, fault=("MESSAGE", HANG),
                timeout_ms=SHORT_MS, probe=False),
        ]

    def check(self, row: Row, server: SmtpStub, outcome: Outcome, is_probe: bool = False) -> None:
        self.assertEqual(outcome.errno, row.errno, outcome)
        self.assertTrue(outcome.sentence.startswith(f"mail server {row.scheme}://{row.host}:{server.port}"), outcome)
        self.assertIn(row.sentence, outcome.sentence)
        self.assertEqual(outcome.later, row.later and not is_probe, outcome)
        self.assertNotIn(PASSWORD, outcome.sentence)
        self.assertLess(outcome.took_ms, row.timeout_ms + 5000, outcome)
        self.assertEqual(server.mails, [])
        if row.host == REMOTE:
            said = {step for step, _, encrypted in server.steps if not encrypted}
            self.assertLessEqual(said, {"GREETING", "EHLO", "STARTTLS", "QUIT"})

    def test_each_has_its_errno_and_a_sentence_that_says_what_to_do(self) -> None:
        for row in self.rows():
            if not row.send:
                continue
            with self.subTest(row.name):
                server = self.server(**row.settings)
                if row.fault:
                    server.fail(*row.fault)
                self.check(row, server, self.send(server, row.host, row.scheme, timeout_ms=row.timeout_ms,
                                                 user=row.user))
                server.close()

    def test_a_probe_says_the_same_of_what_comes_before_the_mail(self) -> None:
        for row in self.rows():
            with self.subTest(row.name):
                server = self.server(**row.settings)
                if row.fault:
                    server.fail(*row.fault)
                outcome = Call(f"{row.scheme}://{row.host}:{server.port}", "probe", ca=self.ca.file,
                               timeout_ms=row.timeout_ms).outcome()
                if row.probe:
                    self.check(row, server, outcome, is_probe=True)
                else:
                    self.assertEqual(outcome.errno, "0", outcome)
                self.assertNotIn("MAIL", [step for step, _, _ in server.steps])
                server.close()

    def test_a_probe_ends_with_noop_and_quit(self) -> None:
        server = self.server(tls=self.tls, users={USER: PASSWORD})
        outcome = Call(f"smtp://{REMOTE}:{server.port}", "probe", ca=self.ca.file).outcome()
        self.assertEqual(outcome.errno, "0", outcome)
        self.assertEqual([step for step, _, _ in server.steps][-4:], ["AUTH", "LOGIN", "NOOP", "QUIT"])

    def test_a_server_without_noop_takes_mails(self) -> None:
        """Like msmtpd, which then closes the connection, and like servers that only greet and accept mail."""
        for reply in ("500 Error: unknown command", "502 5.5.1 not implemented", "503 5.5.1 bad sequence"):
            for settings in ({}, {"users": {USER: PASSWORD}, "plain_auth": True}):
                with self.subTest(reply, **settings):
                    server = self.server(**settings)
                    server.fail("NOOP", reply)
                    outcome = Call(f"smtp://{LOCAL}:{server.port}", "probe", user=USER if settings else "").outcome()
                    self.assertEqual((outcome.errno, outcome.sentence), ("0", ""))

    def test_a_mailbox_of_the_server_has_no_domain(self) -> None:
        server = self.server()
        self.assert_sent(Call(f"smtp://{LOCAL}:{server.port}", "send", "aither", "root,operator@example.org",
                              user="").outcome())
        self.assertEqual([(m.sender, m.recipients) for m in server.mails], [("aither", ("root", "operator@example.org"))])

    def test_a_server_that_wants_a_domain_gets_one(self) -> None:
        server = self.server()
        exim = "501 <root>: recipient address must contain a domain"
        server.fail("RCPT", exim, only="root", count=1)
        self.assert_sent(Call(f"smtp://{LOCAL}:{server.port}", "send", "aither", "root", user="").outcome())
        self.assertEqual([m.recipients for m in server.mails], [("root@localhost",)])
        server.fail("RCPT", exim, only="root")
        outcome = Call(f"smtp://{LOCAL}:{server.port}", "send", "aither", "root,a@x.org", user="").outcome()
        self.assertEqual((outcome.errno, outcome.refused), ("0", "root"))
        self.assertIn("must contain a domain); add @ and a domain to the name in [Notify] MailTo "
                      "(for this machine: @localhost)",
                      outcome.sentence)

    def test_an_unknown_ca_is_not_trusted(self) -> None:
        server = self.server(tls=self.tls)
        for ca in (None, Path("/nonexistent/ca.pem")):
            outcome = Call(f"smtp://{REMOTE}:{server.port}", "send", SENDER, RECIPIENT, ca=ca).outcome()
            self.assertEqual(outcome.errno, "EKEYREJECTED", outcome)
            self.assertIn("update-ca-certificates(8)", outcome.sentence)
            self.assertIn(str(ca or "the certificate is signed by an unknown CA"), outcome.sentence)
        self.assertEqual(server.mails, [])

    def test_no_server_at_that_address(self) -> None:
        with socket.create_server((LOCAL, 0)) as taken:
            port = taken.getsockname()[1]
        for host in (f"{LOCAL}:{port}", "name.invalid"):
            outcome = Call(f"smtp://{host}", "send", SENDER, RECIPIENT).outcome()
            self.assertEqual(outcome.errno, "EHOSTUNREACH", outcome)
            self.assertIn("cannot reach mail server ", outcome.sentence)
            self.assertIn("check [Notify] SMTPURL", outcome.sentence)

    def test_a_server_that_trickles_is_left_when_the_time_is_up(self) -> None:
        with socket.create_server((LOCAL, 0)) as listener:
            over = threading.Event()

            def trickle() -> None:
                connection, _ = listener.accept()
                with connection:
                    while not over.wait(0.05):
                        try:
                            connection.sendall(b"220-still here\r\n")
                        except OSError:
                            return

            thread = threading.Thread(target=trickle)
            thread.start()
            outcome = Call(f"smtp://{LOCAL}:{listener.getsockname()[1]}", "send", SENDER, RECIPIENT,
                           timeout_ms=SHORT_MS).outcome()
            over.set()
            thread.join()
        self.assertEqual(outcome.errno, "ETIMEDOUT", outcome)
        self.assertLess(outcome.took_ms, SHORT_MS + 5000)


class Cancellation(SmtpTest):
    def test_it_ends_at_once_wherever_the_server_hangs(self) -> None:
        for step in ("GREETING", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "MESSAGE"):
            with self.subTest(step):
                server = self.server(tls=self.tls, users={USER: PASSWORD})
                server.fail(step, HANG)
                call = Call(f"smtp://{REMOTE}:{server.port}", "send", SENDER, RECIPIENT, ca=self.ca.file)
                server.wait_for_step(step)
                before = time.monotonic()
                call.process.send_signal(signal.SIGTERM)
                outcome = call.outcome()
                self.assertEqual(outcome.errno, "ECANCELED")
                self.assertLess(time.monotonic() - before, 5)
                self.assertEqual(server.mails, [])
                server.close()

    def test_half_a_mail_is_not_made_a_whole_one(self) -> None:
        for name, timeout_ms, errno in (("cancelled", LONG_MS, "ECANCELED"), ("timed out", SHORT_MS, "ETIMEDOUT")):
            with self.subTest(name), socket.socket() as listener:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                listener.bind((LOCAL, 0))
                listener.listen()
                call = Call(f"smtp://{LOCAL}:{listener.getsockname()[1]}", "send", SENDER, RECIPIENT, user="",
                            timeout_ms=timeout_ms, message=b"Subject: long\r\n\r\n" + b"line\r\n" * 600000)
                connection, _ = listener.accept()
                with connection, connection.makefile("rb") as lines:
                    connection.sendall(b"220 here\r\n")
                    while not (line := lines.readline()).startswith(b"DATA"):
                        connection.sendall(b"250 " + line)
                    connection.sendall(b"354 go\r\n")
                    lines.readline()
                    if errno == "ECANCELED":
                        call.process.send_signal(signal.SIGTERM)
                    outcome = call.outcome()
                    rest = lines.read()
                self.assertEqual(outcome.errno, errno, outcome)
                self.assertFalse(rest.endswith(b"\r\n.\r\n"), rest[-100:])

    def test_while_saying_goodbye_the_mail_counts_as_sent(self) -> None:
        server = self.server()
        server.fail("QUIT", HANG)
        call = Call(f"smtp://{LOCAL}:{server.port}", "send", SENDER, RECIPIENT, user="")
        server.wait_for_step("QUIT")
        call.process.send_signal(signal.SIGTERM)
        self.assert_sent(call.outcome())
        wait_until(lambda: len(server.mails) == 1, "the mail")


if __name__ == "__main__":
    unittest.main()
