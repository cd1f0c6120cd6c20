# SPDX-License-Identifier: MIT
# Packages: opensmtpd
"""OpenSMTPD with a configuration close to Debian's own."""
from typing import Any

import mailpeer
from mailpeer import DEPUTY, OPERATOR, MailStory, has_port
from machine import essential, run, wait_until, write

CONFIG = """table aliases file:/etc/aliases
listen on localhost
action "local" mbox alias <aliases>
match from local for local action "local"
match from local for domain "example.org" action "local"
"""


def setUpModule() -> None:
    MailStory.hemera = mailpeer.first_run_with_users()
    write("/etc/smtpd.conf", CONFIG)
    run("systemctl", "restart", "opensmtpd.service")
    wait_until(lambda: has_port(25), 30, "OpenSMTPD listens")


def load_tests(*_: Any) -> Any:
    return OpenSmtpd.in_order()


class OpenSmtpd(MailStory):
    @essential
    def test_a_mail_to_root_arrives(self) -> None:
        self.use("MailTo=root", "MailFrom=Hemera Academy <aither@example.org>")
        self.assert_accepted()
        mail = self.assert_arrives(OPERATOR, self.send())
        self.assertEqual(mail["From"], "Hemera Academy <aither@example.org>")

    def test_who_has_got_it_and_who_has_not(self) -> None:
        self.use(f"MailTo={OPERATOR}@example.org, ops@example.net, {DEPUTY}")
        done = self.test_mail()
        self.assertEqual(done.returncode, 2)
        self.assertIn(f" has accepted a mail to {OPERATOR}@example.org,{DEPUTY}, Message-ID ", done.stdout)
        self.assertIn("ops@example.net (550 ", done.stderr)

    def test_a_server_that_is_stopped_is_started_by_the_remedy(self) -> None:
        self.use("MailTo=root")
        self.follow(self.check_without("opensmtpd.service")["remedy"])
