# SPDX-License-Identifier: MIT
# Packages: exim4-daemon-light
"""Exim as Debian configures it for a machine that is itself a mail server."""
from typing import Any

import mailpeer
from mailpeer import DEPUTY, OPERATOR, MailStory, has_port, mails
from machine import essential, run, wait_until, write

CONFIG = """dc_eximconfig_configtype='internet'
dc_other_hostnames='example.org'
dc_local_interfaces='127.0.0.1 ; ::1'
dc_readhost=''
dc_relay_domains=''
dc_minimaldns='false'
dc_relay_nets=''
dc_smarthost=''
CFILEMODE='644'
dc_use_split_config='false'
dc_hide_mailname=''
dc_mailname_in_oh='true'
dc_localdelivery='mail_spool'
"""


def setUpModule() -> None:
    MailStory.hemera = mailpeer.first_run_with_users()
    write("/etc/exim4/update-exim4.conf.conf", CONFIG)
    run("update-exim4.conf")
    run("systemctl", "restart", "exim4.service")
    wait_until(lambda: has_port(25), 30, "Exim listens")


def load_tests(*_: Any) -> Any:
    return Exim.in_order()


class Exim(MailStory):
    @essential
    def test_a_mail_to_root_arrives(self) -> None:
        self.use("MailTo=root", "MailFrom=Hemera Academy <aither@example.org>")
        self.assert_accepted()
        mail = self.assert_arrives(OPERATOR, self.send())
        self.assertEqual(mail["From"], "Hemera Academy <aither@example.org>")

    def test_an_unknown_user_is_accepted_and_comes_back(self) -> None:
        """Exim looks up the machine's users only after it has accepted the mail."""
        self.use("MailTo=nobody-here@example.org", f"MailFrom={DEPUTY}@example.org")
        self.send()
        wait_until(lambda: any("Delivery Status" in str(m["Subject"]) or "delivery failed" in str(m["Subject"])
                               for m in mails(DEPUTY)), mailpeer.ARRIVAL_S, "the bounce")

    def test_a_server_that_is_stopped_is_started_by_the_remedy(self) -> None:
        self.use("MailTo=root")
        self.follow(self.check_without("exim4.service")["remedy"])
