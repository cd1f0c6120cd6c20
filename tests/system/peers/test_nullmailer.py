# SPDX-License-Identifier: MIT
# Packages: nullmailer
"""nullmailer, which listens nowhere: aither gets its relay as SMTPURL, or a socket in front of nullmailer-smtpd."""
from typing import Any

import mailpeer
from mailpeer import MailStory, has_port
from machine import essential, output, run, wait_until, write
from smtp_stub import SmtpStub

SOCKET = """[Socket]
ListenStream=127.0.0.1:25
ListenStream=[::1]:25
Accept=yes

[Install]
WantedBy=sockets.target
"""
SERVICE = """[Service]
ExecStart=/usr/bin/nullmailer-smtpd
User=mail
StandardInput=socket
StandardError=journal
"""

relay: SmtpStub


def setUpModule() -> None:
    global relay
    MailStory.hemera = mailpeer.first_run_with_users()
    relay = SmtpStub()


def tearDownModule() -> None:
    relay.close()


def load_tests(*_: Any) -> Any:
    return Nullmailer.in_order()


class Nullmailer(MailStory):
    @essential
    def test_it_has_no_listener(self) -> None:
        write("/etc/nullmailer/remotes", f"127.0.0.1 smtp --port={relay.port}\n")
        write("/etc/nullmailer/adminaddr", "operator@example.org\n")
        run("chown", "mail:mail", "/etc/nullmailer/remotes")
        run("systemctl", "enable", "--now", "nullmailer.service")
        self.assertFalse(has_port(25))
        self.use("MailTo=operator@example.org")
        check = self.check()
        self.assertEqual(check["status"], "failed")
        self.assertIn("aither speaks SMTP and does not use /usr/sbin/sendmail", check["message"])
        self.assertIn("SMTPURL=smtp://YOUR-MAIL-SERVER", check["remedy"])

    def test_its_relay_takes_mails_from_aither(self) -> None:
        host = output("sed", "-n", "1s/ .*//p", "/etc/nullmailer/remotes")
        self.use("MailTo=operator@example.org", f"SMTPURL=smtp://{host}:{relay.port}")
        self.assert_accepted()
        message_id = self.send()
        self.assertEqual(relay.wait_for(1)[0].header("Message-ID"), message_id)

    def test_a_socket_before_nullmailer_smtpd(self) -> None:
        relay.mails.clear()
        write("/etc/systemd/system/nullmailer-smtpd.socket", SOCKET)
        write("/etc/systemd/system/nullmailer-smtpd@.service", SERVICE)
        run("systemctl", "daemon-reload")
        run("systemctl", "enable", "--now", "nullmailer-smtpd.socket")
        wait_until(lambda: has_port(25), 30, "the socket listens")
        self.use("MailTo=root, ops@example.net")
        self.assert_accepted()
        message_id = self.send()
        mail = wait_until(lambda: relay.mails and relay.mails[0], 60, "nullmailer hands it on")
        self.assertEqual(mail.header("Message-ID"), message_id)
        print(f"# the relay got it for {mail.recipients}")
