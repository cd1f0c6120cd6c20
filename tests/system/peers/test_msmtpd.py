# SPDX-License-Identifier: MIT
# Packages: msmtp-mta
"""msmtpd, for a machine that only passes its mail on to a mail server elsewhere; here, that server is a stub."""
from typing import Any

import mailpeer
from mailpeer import MailStory
from machine import essential, write
from smtp_stub import SmtpStub

RELAY = """account default
host 127.0.0.1
port {port}
tls off
auth off
from aither@example.org
aliases /etc/aliases
"""

relay: SmtpStub


def setUpModule() -> None:
    global relay
    MailStory.hemera = mailpeer.first_run_with_users()
    write("/etc/aliases", "root: operator@example.org\ndefault: operator@example.org\n")
    relay = SmtpStub()


def tearDownModule() -> None:
    relay.close()


def load_tests(*_: Any) -> Any:
    return Msmtpd.in_order()


class Msmtpd(MailStory):
    @essential
    def test_the_remedy_starts_it(self) -> None:
        write("/etc/msmtprc", RELAY.format(port=relay.port))
        self.use("MailTo=root", "MailFrom=Hemera Academy <aither@example.org>")
        check = self.check()
        self.assertEqual(check["status"], "failed")
        self.assertIn("aither speaks SMTP and does not use /usr/sbin/sendmail", check["message"])
        self.follow(check["remedy"])
        self.send()
        mail = relay.wait_for(1)[0]
        self.assertEqual(mail.sender, "aither@example.org")
        self.assertEqual(mail.header("From"), "Hemera Academy <aither@example.org>")
        self.assertEqual(mail.recipients, ("operator@example.org",))

    def test_doctor_accepts_it_though_it_does_not_know_noop(self) -> None:
        self.assert_accepted()

    def test_an_address_goes_to_the_relay(self) -> None:
        relay.mails.clear()
        self.use("MailTo=ops@example.net, deputy@example.org")
        message_id = self.send()
        mail = relay.wait_for(1)[0]
        self.assertEqual((mail.header("Message-ID"), mail.recipients),
                         (message_id, ("ops@example.net", "deputy@example.org")))

    def test_a_relay_that_refuses_is_seen(self) -> None:
        relay.fail("RCPT", "554 5.7.1 Client host rejected: Access denied")
        said = self.refused(1)
        self.assertIn("refuses the mail", said)
        relay.clear()
        self.send()
