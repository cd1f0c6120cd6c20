# SPDX-License-Identifier: MIT
"""`aither test-mail` and `aither test-rollbar`, and those who take what they send or do not."""
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

    def test_it_says_where_the_mail_went(self) -> None:
        done = self.stack.cli("test-mail")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, rf"\Asmtp://127\.0\.0\.1:{self.mail.port} has taken a mail to "
                                      r"operator@example\.org, Message-ID <\S+>\nif it does not arrive, .*\n\Z")
        message_id = self.mail.wait_for(1)[0].header("Message-ID")
        self.assertIn(message_id, done.stdout)

    def test_the_manual_names_all_members_of_its_json(self) -> None:
        document = json.loads(self.stack.cli("test-mail", "--json").stdout)
        expected = manual.documented(manual.EVERY) | manual.documented("test-mail")
        self.assertEqual(manual.seen([document]), expected - {"error.code", "error.message", "data.warning"})

    def test_an_address_that_is_refused_is_named(self) -> None:
        self.stack.worker.stop()
        with self.stack.config.open("a") as file:
            file.write("MailTo=operator@example.org,nobody@example.org\n")
        self.stack.start_worker()
        self.mail.fail("RCPT", "550 no such user", only="nobody")
        done = self.stack.cli("test-mail")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("nobody@example.org", done.stderr)

    def test_it_says_what_the_server_answered(self) -> None:
        self.mail.stop()
        done = self.stack.cli("test-mail")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, r"\Aaither: NOTIFY_FAILED: .*127\.0\.0\.1.*\nwhat to do: .*\n\Z")


    def test_after_a_few_it_says_how_long_to_wait(self) -> None:
        for _ in range(5):
            self.assertEqual(self.stack.cli("test-mail").returncode, 0)
        done = self.stack.cli("test-mail")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, r"\Aaither: TOO_MANY_REQUESTS: .* in \d+ s\nwhat to do: Wait .*\n\Z")


class Rollbar(test_rollbar.RollbarTest):
    def test_it_says_who_has_taken_the_item(self) -> None:
        done = self.stack.cli("test-rollbar")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, rf"\A{self.rollbar.url} has taken an item, uuid \S+\n\Z")

    def test_the_manual_names_all_members_of_its_json(self) -> None:
        document = json.loads(self.stack.cli("test-rollbar", "--json").stdout)
        expected = manual.documented(manual.EVERY) | manual.documented("test-rollbar")
        self.assertEqual(manual.seen([document]), expected - {"error.code", "error.message"})


if __name__ == "__main__":
    unittest.main()
