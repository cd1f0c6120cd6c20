# SPDX-License-Identifier: MIT
"""The crontab lines of aither-migration(7), with Debian's cron and Postfix: no output while all is well, a mail when it is
not, and no token where others can see it. Also bounces, which aither-worker(8) has delivered to root."""
# Packages: cron postfix procps
import unittest

import roff
from client import Stub
from installation import configure, first_run_of_module
from machine import Story, essential, output, run, wait_until, write

PLAIN, FILE, WITH_CURL = roff.examples("aither-migration.7", "KEEPING CRON")
ALIAS = roff.examples("aither-worker.8", "MAIL")[0]
CRONTAB = "/etc/cron.d/aither"
TOKEN = "a-sync-token-of-good-length"
MAILBOX = "/var/mail/root"
MINUTE_S = 90
SLOW_S = 5  # Hemera's delay, so that the call can be inspected

hemera: Stub


def setUpModule() -> None:
    global hemera
    hemera = first_run_of_module()
    unittest.addModuleCleanup(run, "rm", "-f", CRONTAB, "/etc/credstore/aither.sync-token")
    unittest.addModuleCleanup(run, "systemctl", "stop", "cron.service", "postfix.service")
    configure(hemera, "[Web]", "LiveTTLSec=3600", "[Notify]", "MailTo=gone@localhost")
    run("aither", "set-secret", "sync-token", stdin=TOKEN)
    run("systemctl", "start", "postfix.service", "cron.service")


def load_tests(*_: object) -> unittest.TestSuite:
    return Cron.in_order()


def mails(name: str = "root") -> str:
    return run("cat", f"/var/mail/{name}", check=False).stdout


def every_minute(line: str) -> None:
    assert line.startswith("0 4 * * * root "), line
    write(CRONTAB, line.replace("0 4", "* *", 1))


def syncs() -> int:
    """The number of syncs that have requested Hemera's list."""
    return sum(request["path"] == "/api/service/courses" for request in hemera.requests())


class Cron(Story):
    def tearDown(self) -> None:
        run("rm", "-f", CRONTAB, MAILBOX)
        hemera.scenario(fault=None)

    def wait_for_quiet(self) -> None:
        """Waits until cron's job has ended."""
        wait_until(lambda: run("pgrep", "--full", "^/bin/sh -c out=", check=False).returncode == 1, MINUTE_S, "it ends")

    @essential
    def test_curl_without_a_word_and_without_a_token_for_others(self) -> None:
        run("bash", "-ec", FILE)
        self.assertEqual(output("stat", "--format=%U %a", "/root/aither.curl"), "root 600")
        hemera.clear_requests()
        hemera.scenario(fault={"path": "/api/service/courses", "kind": "delay", "seconds": SLOW_S})
        every_minute(WITH_CURL)
        wait_until(syncs, MINUTE_S, "cron has it called")
        processes = output("ps", "-A", "-ww", "-o", "args")
        self.assertIn("curl -K /root/aither.curl", processes)
        self.assertNotIn(TOKEN, processes)
        run("rm", CRONTAB)
        self.wait_for_quiet()
        self.assertIn("success", output("aither", "status", "--json"))
        self.assertEqual(mails(), "")

    def test_curl_says_what_is_wrong(self) -> None:
        hemera.scenario(fault={"path": "/api/service/courses", "kind": "status", "status": 503, "count": -1})
        every_minute(WITH_CURL)
        mail = wait_until(mails, MINUTE_S, "cron's mail")
        self.assertIn("Subject: Cron <root@", mail)
        self.assertIn('"code":"HEMERA_ERROR"', mail)
        self.assertNotIn(TOKEN, mail)

    def test_without_curl_the_same(self) -> None:
        run("aither", "sync")
        hemera.clear_requests()
        every_minute(PLAIN)
        wait_until(syncs, MINUTE_S, "cron has it called")
        self.wait_for_quiet()
        self.assertEqual(mails(), "")
        hemera.scenario(fault={"path": "^/api/service/courses/[^/]+$", "kind": "status", "status": 404, "count": -1})
        mail = wait_until(mails, MINUTE_S, "cron's mail of a partial sync")
        self.assertIn("what to do about", mail)

    def test_a_bounce_reaches_the_operator(self) -> None:
        run("bash", "-ec", "echo 'gone: who-is-not-here' >>/etc/aliases && newaliases")
        run("aither", "test-mail")
        wait_until(lambda: "Undelivered Mail" in mails("aither"), 30, "without an alias nobody reads the bounce")
        run("bash", "-ec", ALIAS)
        run("postfix", "reload")  # an idle process of Postfix would deliver one more mail with the old table
        run("aither", "test-mail")
        bounce = wait_until(mails, 30, "root gets the bounce")
        self.assertIn("Subject: Undelivered Mail Returned to Sender", bounce)
        self.assertIn("test mail", bounce)


if __name__ == "__main__":
    unittest.main()
