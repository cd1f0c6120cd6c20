# SPDX-License-Identifier: MIT
"""aither-worker --alert, which aither-alert@.service runs after a scheduled sync has failed: it logs an event and sends a
mail, unless the worker has already reported the failure."""
import json
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from stack import BUILD
from stub.certificates import Authority
from stub.smtp_stub import DROP, Mail, SmtpStub

OPERATOR = "operator@example.org"
UNIT = "aither-sync.service"
FAILED, UNREACHABLE, NOT_PERMITTED, NOT_CONFIGURED = "1", "69", "77", "78"


class Alert(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory(prefix="aither-")
        self.addCleanup(directory.cleanup)
        self.runtime = Path(directory.name) / "runtime"
        self.runtime.mkdir()
        self.config = Path(directory.name) / "aither.conf"
        self.server = SmtpStub()
        self.addCleanup(self.server.close)
        self.configure(f"MailTo={OPERATOR}\n")

    def configure(self, lines: str) -> None:
        self.config.write_text(f"[Notify]\nSMTPURL=smtp://127.0.0.1:{self.server.port}\n{lines}")

    def alert(self, status: str, result: str = "exit-code") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [BUILD / "aither-worker", f"--config={self.config}", "--alert"], capture_output=True, text=True, timeout=60,
            env={"MONITOR_UNIT": UNIT, "MONITOR_SERVICE_RESULT": result, "MONITOR_EXIT_STATUS": status,
                 "RUNTIME_DIRECTORY": str(self.runtime)})

    def mail_of(self, status: str, result: str = "exit-code") -> Mail:
        done = self.alert(status, result)
        self.assertEqual((done.returncode, len(self.server.mails)), (0, 1), done.stderr)
        self.assertIn(f"{UNIT}: the scheduled sync did not run ({result}, status {status})", done.stderr)
        return self.server.mails[0]

    def test_a_worker_that_cannot_be_reached_is_mailed_with_what_to_do(self) -> None:
        mail = self.mail_of(UNREACHABLE)
        self.assertEqual(mail.recipients, (OPERATOR,))
        self.assertRegex(str(mail.header("Subject")), r"^aither on \S+: the scheduled sync did not run$")
        self.assertEqual(mail.header("Auto-Submitted"), "auto-generated")
        text = mail.text.replace("\r\n", "\n")
        self.assertIn(f"{UNIT}: WORKER_UNAVAILABLE: the scheduled sync did not run (exit-code, status 69)\n", text)
        self.assertIn("What to do: Find out why the worker is not running: systemctl status aither-worker.socket", text)

    def test_a_worker_without_its_key_is_mailed_too(self) -> None:
        text = self.mail_of(NOT_CONFIGURED).text.replace("\r\n", "\n")
        self.assertIn("NOT_CONFIGURED: the scheduled sync did not run (exit-code, status 78); to see what", text)
        self.assertIn("What to do: Fix the problem that the message names, then: systemctl restart aither aither-worker", text)

    def test_a_command_that_may_not_ask_or_was_killed_is_mailed_too(self) -> None:
        self.mail_of(NOT_PERMITTED)
        self.server.mails.clear()
        (self.runtime / "mailed.json").unlink()
        self.mail_of("9", "signal")

    def test_what_the_worker_has_reported_itself_is_nothing_to_report(self) -> None:
        done = self.alert(FAILED)
        self.assertEqual((done.returncode, done.stderr, self.server.mails), (0, "", []))

    def test_the_same_is_mailed_again_after_a_day_only(self) -> None:
        self.mail_of(UNREACHABLE)
        self.mail_of(UNREACHABLE)
        stamp = self.runtime / "mailed.json"
        mailed = json.loads(stamp.read_text())
        mailed["mailedAt"] = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() - 86400))
        stamp.write_text(json.dumps(mailed))
        self.assertEqual((self.alert(UNREACHABLE).returncode, len(self.server.mails)), (0, 2))

    def test_the_directory_may_be_a_link_as_systemd_makes_it_for_a_dynamic_user(self) -> None:
        real = self.runtime.with_name("private")
        self.runtime.rename(real)
        self.runtime.symlink_to(real)
        self.mail_of(UNREACHABLE)
        self.assertTrue((real / "mailed.json").is_file())
        self.mail_of(UNREACHABLE)

    def test_a_mail_server_that_is_down_fails_the_unit_and_the_next_alert_tries_again(self) -> None:
        self.server.stop()
        done = self.alert(UNREACHABLE)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot reach mail server ", done.stderr)
        self.server.start()
        self.mail_of(UNREACHABLE)

    def test_a_recipient_refused_for_now_gets_it_later_and_none_gets_it_twice(self) -> None:
        deputy = "deputy@example.org"
        self.configure(f"MailTo={OPERATOR}, {deputy}\nRetryDelaySec=1\n")
        self.server.fail("RCPT", "451 4.7.1 greylisted", count=2)
        self.server.fail("RCPT", "451 4.7.1 greylisted", only=deputy, count=1)
        done = self.alert(UNREACHABLE)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([m.recipients for m in self.server.mails], [(OPERATOR,), (deputy,)])
        self.assertEqual(self.server.mails[0].content, self.server.mails[1].content)
        self.assertIn(f"mail (schedule) to {OPERATOR},{deputy}: next try in 1 s", done.stderr)
        self.assertIn(f"mail (schedule) to {deputy}: next try in 2 s", done.stderr)

    def test_a_connection_that_breaks_is_a_failure_like_others(self) -> None:
        # libcurl sends QUIT on the broken connection. SIGPIPE, which --alert does not ignore, would end the program.
        server = SmtpStub(tls=Authority(self.runtime).context(), implicit=True)
        self.addCleanup(server.close)
        self.config.write_text(f"[Notify]\nSMTPURL=smtps://127.0.0.1:{server.port}\nMailTo={OPERATOR}\n")
        for step in ("EHLO", "MAIL", "RCPT", "DATA", "MESSAGE"):
            with self.subTest(step):
                server.clear()
                server.fail(step, DROP)
                done = self.alert(UNREACHABLE)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn("closed the connection unexpectedly", done.stderr)

    def test_without_anybody_to_mail_to_there_is_the_event_alone(self) -> None:
        self.configure("")
        done = self.alert(UNREACHABLE)
        self.assertEqual((done.returncode, self.server.mails), (0, []))
        self.assertIn("the scheduled sync did not run", done.stderr)

    def test_an_address_that_is_none_fails_the_unit_and_is_named(self) -> None:
        self.configure("MailTo=no body\n")
        done = self.alert(UNREACHABLE)
        self.assertEqual((done.returncode, self.server.mails), (1, []))
        self.assertIn("the scheduled sync did not run", done.stderr)
        self.assertRegex(done.stderr, r"/aither\.conf:3: \[Notify\] MailTo=no body: not a list.*; no mail is sent")


if __name__ == "__main__":
    unittest.main()
