# SPDX-License-Identifier: MIT
"""`aither test-mail` and `aither test-rollbar`, with servers that accept and servers that refuse."""
import json
import unittest

import test_cli_json as manual
import test_rollbar
from stack import StackTest
from stub.smtp_stub import SmtpStub


class Mail(StackTest):
    def setUp(self) -> None:
        self.mail = SmtpStub()
        self.addCleanup(self.mail.stop)
        self.config = f"[Notify]\nMailTo=operator@example.org\nSMTPURL=smtp://127.0.0.1:{self.mail.port}\n"
        super().setUp()

    def test_it_names_the_server_and_the_recipient(self) -> None:
        done = self.stack.cli("test-mail")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, rf"\Asmtp://127\.0\.0\.1:{self.mail.port} has accepted a mail to "
                                      r"operator@example\.org, Message-ID <\S+>\nif the mail does not arrive, .*\n\Z")
        message_id = self.mail.wait_for(1)[0].header("Message-ID")
        self.assertIn(message_id, done.stdout)

    def test_the_manual_names_all_members_of_its_json(self) -> None:
        document = json.loads(self.stack.cli("test-mail", "--json").stdout)
        expected = manual.documented(manual.EVERY) | manual.documented("test-mail")
        self.assertEqual(manual.seen([document]), expected - {"error.code", "error.message", "data.refused", "data.warning"})

    def use_recipients(self, *recipients: str) -> None:
        self.stack.worker.stop()
        with self.stack.config.open("a") as file:
            file.write(f"[Notify]\nMailTo={', '.join(recipients)}\n")
        self.stack.start_worker()

    def test_it_says_who_has_got_it_and_who_has_not(self) -> None:
        self.use_recipients("a@example.org", "root", "nobody@example.org", "later@example.org")
        self.mail.fail("RCPT", "550 no such user", only="nobody")
        self.mail.fail("RCPT", "450 4.2.0 greylisted", only="later")
        done = self.stack.cli("test-mail")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("has accepted a mail to a@example.org,root, Message-ID <", done.stdout)
        self.assertIn("refused some of the recipients: nobody@example.org (550 no such user); correct [Notify] MailTo; "
                      "refused for now: later@example.org (450 4.2.0 greylisted)", done.stderr)
        self.assertEqual(self.mail.wait_for(1)[0].recipients, ("a@example.org", "root"))
        done = self.stack.cli("test-mail", "--json")
        data = json.loads(done.stdout)["data"]
        self.assertEqual((done.returncode, data["to"], data["refused"]),
                         (2, "a@example.org,root", "nobody@example.org,later@example.org"))

    def test_when_no_recipient_is_accepted_it_says_why(self) -> None:
        self.use_recipients("a@example.org", "b@example.org")
        self.mail.fail("RCPT", "550 no such user")
        done = self.stack.cli("test-mail")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("a@example.org (550 no such user), b@example.org (550 no such user); correct [Notify] MailTo",
                      done.stderr)

    def test_a_failure_has_its_reason(self) -> None:
        self.mail.stop()
        done = self.stack.cli("test-mail")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, r"\Aaither: NOTIFY_FAILED: .*127\.0\.0\.1.*\nwhat to do: .*\n\Z")

    def test_after_a_few_mails_it_prints_how_long_to_wait(self) -> None:
        for _ in range(5):
            self.assertEqual(self.stack.cli("test-mail").returncode, 0)
        done = self.stack.cli("test-mail")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, r"\Aaither: TOO_MANY_REQUESTS: .* in \d+ s\nwhat to do: Wait .*\n\Z")


class Rollbar(test_rollbar.RollbarTest):
    def test_it_names_the_endpoint(self) -> None:
        done = self.stack.cli("test-rollbar")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, rf"\A{self.rollbar.url} has accepted an item, uuid \S+\n\Z")

    def test_the_manual_names_all_members_of_its_json(self) -> None:
        document = json.loads(self.stack.cli("test-rollbar", "--json").stdout)
        expected = manual.documented(manual.EVERY) | manual.documented("test-rollbar")
        self.assertEqual(manual.seen([document]), expected - {"error.code", "error.message"})


if __name__ == "__main__":
    unittest.main()
