# SPDX-License-Identifier: MIT
# Packages: nullmailer
"""nullmailer, which has no SMTP server: SMTPURL names nullmailer's own relay. (Behind a socket of systemd, the
nullmailer-smtpd of Debian 12 is killed by SIGSEGV with the first mail.)"""
from typing import Any

import mailpeer
from mailpeer import MailStory, has_port
from machine import essential, output, run, write
from smtp_stub import SmtpStub

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
        self.assertRegex(check["remedy"], r"\Acat /etc/nullmailer/remotes\nprintf .*SMTPURL=smtp://YOUR-MAIL-SERVER")
        self.assertEqual(run("sh", "-ec", check["remedy"].splitlines()[0]).stdout, f"127.0.0.1 smtp --port={relay.port}\n")

    def test_its_relay_takes_mails_from_aither(self) -> None:
        host = output("sed", "-n", "1s/ .*//p", "/etc/nullmailer/remotes")
        self.use("MailTo=operator@example.org", f"SMTPURL=smtp://{host}:{relay.port}")
        self.assert_accepted()
        message_id = self.send()
        self.assertEqual(relay.wait_for(1)[0].header("Message-ID"), message_id)
