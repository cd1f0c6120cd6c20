# SPDX-License-Identifier: MIT
# Packages: postfix postgrey
"""Postfix, alone and with postgrey."""
from typing import Any

import mailpeer
from mailpeer import DEPUTY, OPERATOR, MailStory, has_port, mails
from machine import essential, run, wait_until, write

CONFIG = """compatibility_level = 3.6
myhostname = mail.example.org
mydestination = example.org, $myhostname, localhost
inet_interfaces = loopback-only
mynetworks = 127.0.0.0/8 [::1]/128
smtputf8_enable = no
alias_maps = hash:/etc/aliases
alias_database = hash:/etc/aliases
"""
NAMED = 'MailFrom="Akademie, Löhne" <aither@example.org>'
COURSE = {"path": "^/api/service/courses/c", "kind": "status", "status": 500, "count": -1}


def setUpModule() -> None:
    MailStory.hemera = mailpeer.first_run_with_users()
    use_postfix()


def load_tests(*_: Any) -> Any:
    return Postfix.in_order()


def use_postfix(*lines: str) -> None:
    write("/etc/postfix/main.cf", CONFIG + "".join(f"{line}\n" for line in lines))
    run("newaliases")
    run("systemctl", "restart", "postfix.service")
    wait_until(lambda: has_port(25), 30, "Postfix listens")


class Postfix(MailStory):
    @essential
    def test_a_mail_to_root_arrives(self) -> None:
        self.use("MailTo=root")
        self.assert_accepted()
        mail = self.assert_arrives(OPERATOR, self.send())
        self.assertRegex(str(mail["From"]), r"^aither@\S+$")

    def test_the_sender_has_its_name(self) -> None:
        self.use(f"MailTo={OPERATOR}@example.org", NAMED)
        mail = self.assert_arrives(OPERATOR, self.send())
        sender, = mail["From"].addresses
        self.assertEqual((sender.display_name, sender.addr_spec), ("Akademie, Löhne", "aither@example.org"))
        self.assertEqual(mail["Return-Path"], "<aither@example.org>")

    def test_who_has_got_it_and_who_has_not(self) -> None:
        self.use(f"MailTo={OPERATOR}, nobody-here@example.org, {DEPUTY}")
        done = self.test_mail()
        self.assertEqual(done.returncode, 2)
        self.assertIn(f" has accepted a mail to {OPERATOR},{DEPUTY}, Message-ID ", done.stdout)
        self.assertRegex(done.stderr, r"refused some of the recipients: nobody-here@example\.org \(550 5\.1\.1 .*User "
                                      r"unknown.*\); correct \[Notify\] MailTo\n")

    def test_a_client_that_has_to_log_in(self) -> None:
        wants_login = "set [Notify] SMTPUser and run `aither set-secret smtp-password`"
        self.use("MailTo=ops@example.net")
        for restriction, reply in (("smtpd_client_restrictions = reject", "554 5.7.1 .*Client host rejected"),
                                   ("mynetworks = 192.0.2.0/24", "454 4.7.1 .*Relay access denied"),
                                   ("mynetworks = 192.0.2.0/24\nsmtpd_relay_restrictions = reject_unauth_destination",
                                    "554 5.7.1 .*Relay access denied")):
            with self.subTest(reply):
                use_postfix(restriction)
                self.assert_accepted()
                said = self.refused(1)
                self.assertRegex(said, reply)
                self.assertIn(wants_login, said)
                self.assertNotIn("MailTo", said)
        use_postfix()

    def test_a_server_that_is_stopped_is_started_by_the_remedy(self) -> None:
        self.use("MailTo=root")
        self.follow(self.check_without("postfix.service")["remedy"])

    def test_a_mail_about_courses_names_them(self) -> None:
        self.use("MailTo=root", NAMED, "[Site]", "URL=https://courses.example.org")
        self.hemera.scenario(fault=COURSE)
        before = len(mails(OPERATOR))
        self.assertEqual(run("aither", "sync", check=False).returncode, 2)
        wait_until(lambda: len(mails(OPERATOR)) > before, mailpeer.ARRIVAL_S, "the mail")
        mail = mails(OPERATOR)[-1]
        text = mail.get_content()
        for line in f"From: {mail['From']}\nTo: {mail['To']}\nSubject: {mail['Subject']}\n\n{text}".splitlines():
            print(f"# | {line}")
        self.assertIn("cannot be brought up to date", str(mail["Subject"]))
        self.assertRegex(text, r"\n  .+ \([a-z0-9-]+, course \S+\): 1 syncs? in a row\n")
        self.assertEqual(text.count("What to do: "), 1)
        self.hemera.reset()
        run("aither", "sync")

    def test_postgrey_delays_and_nothing_is_lost(self) -> None:
        write("/etc/default/postgrey", 'POSTGREY_OPTS="--inet=127.0.0.1:10023 --delay=5"\n')
        write("/etc/postgrey/whitelist_clients", "")
        run("systemctl", "restart", "postgrey.service")
        wait_until(lambda: has_port(10023), 30, "postgrey listens")
        use_postfix("smtpd_recipient_restrictions = check_policy_service inet:127.0.0.1:10023")
        self.use("MailTo=root", "RetryDelaySec=3")
        self.assert_accepted()
        self.assertRegex(self.refused(1), r"450 4\.2\.0 .*Greylisted.*; a later attempt may succeed")
        self.use("MailTo=deputy", "RetryDelaySec=3")
        self.hemera.scenario(key="another-key-another-key-another-key-1")
        self.assertEqual(run("aither", "sync", check=False).returncode, 1)
        wait_until(lambda: mails(DEPUTY) and "a sync has failed" in str(mails(DEPUTY)[-1]["Subject"]),
                   mailpeer.ARRIVAL_S, "the mail after the delay")
        self.hemera.reset()
        use_postfix()
