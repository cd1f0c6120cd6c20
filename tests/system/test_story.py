# SPDX-License-Identifier: MIT
"""The whole story, as an operator and a visitor see it: installation, a schedule, a failure, its mails, its end."""
import os
import unittest

from client import Stub
from installation import (CONFIG, KEY_FILE, active_units, configure, failed_units, install, listeners, purge, repack,
                          requests_during)
from machine import SITE, Story, curl, essential, output, run, show, text_of, wait_until, write
from smtp_stub import SmtpStub

COURSE = {"id": "cstory0000000000000000000", "title": "Added while nobody looked"}
LATER = {"id": "cstory0000000000000000001", "title": "Added while Hemera was away"}
LIST = "/api/service/courses"

hemera: Stub
mail: SmtpStub


def setUpModule() -> None:
    global hemera, mail
    hemera = Stub("--no-limit")
    unittest.addModuleCleanup(hemera.stop)
    mail = SmtpStub()
    unittest.addModuleCleanup(mail.stop)


def load_tests(*_: object) -> unittest.TestSuite:
    return EndToEnd.in_order()


def homepage() -> str:
    page = curl(f"{SITE}/")
    assert page.status == 200, page
    return text_of(page.text)


class EndToEnd(Story):
    schedule = ""

    @essential
    def test_01_install_and_store_the_key(self) -> None:
        install()
        self.assertEqual(active_units(), [])
        configure(hemera, "[Notify]", "MailTo=operator@example.org", f"SMTPURL=smtp://127.0.0.1:{mail.port}",
                  "FailureThreshold=1")
        run("aither", "set-secret", "hemera-api-key", stdin=hemera.key)

    @essential
    def test_02_enable_and_the_timer_fires_by_itself(self) -> None:
        type(self).schedule = output("systemd-escape", "--template=aither-sync@.timer", "*:*:0/3")
        # systemd may start a timer up to a minute late, by an offset that differs from machine to machine: see AccuracySec=.
        write("/etc/systemd/system/aither-sync@.timer.d/soon.conf", "[Timer]\nAccuracySec=1ms\n")
        run("systemctl", "daemon-reload")
        run("systemctl", "enable", "--now", "aither.socket", self.schedule)
        wait_until(lambda: hemera.requests(LIST), 30, "the timer starts a sync")
        wait_until(lambda: run("aither", "status", check=False).returncode == 0, 30, "the first sync has ended")

    def test_03_a_visitor_browses_the_homepage(self) -> None:
        self.assertNotIn(COURSE["title"], homepage())
        hemera.scenario(add=COURSE)
        wait_until(lambda: COURSE["title"] in homepage(), 30, "a later run publishes what is new")

    @essential
    def test_04_hemera_breaks_and_the_operator_gets_a_mail(self) -> None:
        # Only the list fails, which is a sync's first request: a sync under way would have other problems and send a mail
        # about those.
        hemera.scenario(fault={"path": f"{LIST}?", "kind": "reset", "count": -1}, add=LATER)
        told = mail.wait_for(1)[0]
        self.assertEqual(told.recipients, ("operator@example.org",))
        self.assertIn("a sync has failed (HEMERA_UNREACHABLE)", str(told.header("Subject")))
        self.assertIn("journalctl AITHER_JOB_ID=", told.text)
        self.assertNotIn(hemera.key, told.content.decode())
        shown = homepage()
        self.assertIn(COURSE["title"], shown)
        self.assertNotIn(LATER["title"], shown)

    @essential
    def test_05_hemera_is_repaired_and_the_operator_gets_a_mail(self) -> None:
        hemera.scenario(fault=None)
        run("aither", "sync")
        self.assertIn("syncs succeed again", str(mail.wait_for(2)[1].header("Subject")))
        self.assertIn(LATER["title"], homepage())
        self.assertEqual(failed_units(), "")

    def test_06_an_upgrade_disturbs_no_visitor(self) -> None:
        package = repack(output("dpkg-query", "--show", "--showformat=${Version}", "aither") + "+story")
        results = requests_during(lambda: run("dpkg", "--install", package))
        self.assertEqual([result for result in results if result != 200], [])
        hemera.clear_requests()
        run("systemctl", "stop", "aither-sync.service")  # the mail may wait for a minute after the failure
        wait_until(lambda: hemera.requests(LIST), 30, "the schedule goes on")
        self.assertEqual(show(self.schedule, "ActiveState"), "active")

    @essential
    def test_07_purge_leaves_nothing(self) -> None:
        purge()
        self.assertEqual((active_units(), listeners(), failed_units()), ([], "", ""))
        for path in (CONFIG, KEY_FILE, "/etc/aither", "/var/lib/aither"):
            run("test", "!", "-e", path)
        self.assertEqual(output("find", "/etc/systemd/system", "/var/lib/systemd/timers", "-name", "*aither*"), "")


assert os.environ.get("AITHER_MACHINE"), "start it by tests/system/run"
