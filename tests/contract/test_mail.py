# SPDX-License-Identifier: MIT
"""Mails on the real stack: which syncs cause a mail to the operator, once each, across restarts and with mail servers that
are down; and no sync fails or waits because of a mail."""
import email.utils
import json
import re
import signal
import socket
import subprocess
import tempfile
import time
import unittest
from datetime import datetime, timedelta, timezone
from pathlib import Path
from statistics import median
from typing import Any

import exposition
from crash.tree import MANIFEST
from stack import PATIENCE_S, Stack, StackTest, wait_until
from stub.certificates import Authority
from stub.client import Stub
from stub.smtp_stub import DROP, HANG, HOLD, Mail, SmtpStub
from test_restart import Activated

USER, PASSWORD = "aither", "sword-fish-1234"
SENDER, RECIPIENTS = "aither@host.example.org", ("operator@example.org", "deputy@example.org")
OTHER_KEY = "another-key-another-key-another-key-1"
FIRST_COURSE = "^/api/service/courses/cgen0*1$"
STAMP = "mailed.json"
STOP_S = 3


def earlier(hours: int) -> str:
    return (datetime.now(timezone.utc) - timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


class MailTest(StackTest):
    """A stack that mails to a server that aither takes for a remote one, with TLS and a login."""

    threshold = 1

    @classmethod
    def setUpClass(cls) -> None:
        cls.ca = Authority.of_test(cls)
        cls.tls = cls.ca.context()

    def setUp(self) -> None:
        self.server = SmtpStub(tls=self.tls, users={USER: PASSWORD})
        self.addCleanup(self.server.close)
        self.hemera = Stub(*self.hemera_arguments)
        self.addCleanup(self.hemera.stop)
        runtime = tempfile.TemporaryDirectory(prefix="aither-")
        self.addCleanup(runtime.cleanup)
        self.runtime = Path(runtime.name)
        self.stack = Stack(self.hemera, self.configuration(), {
            "SMTP_PASS": PASSWORD, "SSL_CERT_FILE": str(self.ca.file), "RUNTIME_DIRECTORY": runtime.name,
            **self.environment})
        self.addCleanup(self._stop_stack)
        self.prepare()
        self.stack.start()

    def prepare(self) -> None:
        """Hook that runs before the programs start."""

    def configuration(self) -> str:
        return ("MaxRetries=0\n[Site]\nName=Akademie für Löhne\nURL=https://courses.example.org/\n"
                f"[Notify]\nMailTo={', '.join(RECIPIENTS)}\nMailFrom={SENDER}\n"
                f"SMTPURL=smtp://0.0.0.0:{self.server.port}\nSMTPUser={USER}\nFailureThreshold={self.threshold}\n")

    # ---- syncs ----

    def failing_sync(self) -> Any:
        self.hemera.scenario(key=OTHER_KEY)
        reply = self.stack.post("/api/sync")
        self.assertEqual((reply.status, reply.code), (502, "HEMERA_AUTH_FAILED"), reply.text)
        return reply.data

    def good_sync(self) -> Any:
        self.hemera.reset()
        report = self.sync()
        self.assertEqual(report["status"], "success")
        return report

    def partial_sync(self) -> Any:
        self.hemera.reset()
        self.hemera.scenario(fault={"path": FIRST_COURSE, "kind": "status", "status": 500, "count": -1})
        report = self.sync()
        self.assertEqual(report["status"], "partial")
        return report

    def restart_worker(self) -> None:
        assert self.stack.worker
        self.assertEqual(self.stack.worker.stop(), 0)
        self.stack.start_worker()

    def start_idle_worker(self) -> "subprocess.Popen[bytes]":
        """Starts a socket-activated worker, which exits after a second without work."""
        assert self.stack.worker
        self.assertEqual(self.stack.worker.stop(), 0)
        self.stack.config.write_text(self.stack.config.read_text().replace("[Worker]", "[Worker]\nIdleExitSec=1"))
        self.stack.web_socket.unlink(missing_ok=True)
        listener = self.enterContext(socket.socket(socket.AF_UNIX))
        listener.bind(str(self.stack.web_socket))
        listener.listen()
        process = Activated("aither-worker", self.stack, listener).process
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    # ---- mails ----

    def ask_for_test_mail(self) -> Any:
        return self.stack.request("POST", "/internal/test-mail", over_unix_socket=True)

    def mails(self) -> list[Mail]:
        """All mails received, once no mail is under way any more."""
        self.stack.wait_for_alerts()
        return list(self.server.mails)

    def new_mails(self) -> list[Mail]:
        mails = self.mails()
        self.server.mails.clear()
        return mails

    def wait_for_failures(self, count: int) -> None:
        """Waits until `count` tries have failed; the next one may still wait for its time."""
        wait_until(lambda: self.counted("failed") >= count, f"{count} tries fail")

    @property
    def incident(self) -> Any:
        return self.stack.manifest.get("incident") or {}

    def edit_manifest(self, change: Any) -> None:
        """Call it only while the worker is stopped."""
        manifest = self.stack.manifest
        change(manifest)
        (self.stack.output / MANIFEST).write_text(json.dumps(manifest))

    def counted(self, result: str) -> int:
        metrics = exposition.read(self.stack.request("GET", "/metrics", over_unix_socket=True).text)
        return int(metrics[f'aither_notifications_total{{channel="mail",result="{result}"}}'])

    def wait_for_line(self, pattern: str) -> None:
        """A thread reads the worker's log, so a line may appear after an answer that was sent later."""
        assert self.stack.worker
        self.stack.worker.wait_for_line(pattern)

    def worker_log(self) -> str:
        assert self.stack.worker
        return "\n".join(self.stack.worker.log)


class History(MailTest):
    threshold = 3

    def assert_mail(self, mail: Mail, subject: str, report: Any, thread: Mail | None) -> None:
        self.assertRegex(str(mail.header("Subject")), rf"^aither on \S+: {subject}$")
        self.assertEqual((mail.sender, mail.recipients, mail.user, mail.encrypted), (SENDER, RECIPIENTS, USER, True))
        self.assertEqual((mail.header("From"), mail.header("To")), (SENDER, ", ".join(RECIPIENTS)))
        self.assertEqual((mail.header("Auto-Submitted"), mail.header("X-Aither-Job")),
                         ("auto-generated", report["jobId"]))
        self.assertLess(abs(email.utils.parsedate_to_datetime(str(mail.header("Date"))).timestamp() - time.time()), 300)
        self.assertRegex(str(mail.header("Message-ID")), r"^<[0-9a-f-]{36}@[A-Za-z0-9.-]+>$")
        expected = thread.header("Message-ID") if thread else None
        self.assertEqual((mail.header("In-Reply-To"), mail.header("References")), (expected, expected))
        self.assertIn(f"journalctl AITHER_JOB_ID={report['jobId']}\n", mail.text.replace("\r\n", "\n"))
        self.assertIn("\nSite: Akademie für Löhne (https://courses.example.org)\n", mail.text.replace("\r\n", "\n"))
        for problem in report["errors"]:
            self.assertIn(problem["code"], mail.text)
        for secret in (self.hemera.key, OTHER_KEY, PASSWORD, "Teilnehmerin"):
            self.assertNotIn(secret.encode(), mail.content)
            self.assertNotIn(secret, mail.text)

    def test_twelve_syncs_with_two_restarts_give_four_mails(self) -> None:
        mails: list[list[Mail]] = []
        reports = []

        def run(sync: Any) -> None:
            reports.append(sync())
            mails.append(self.new_mails())

        run(self.good_sync)
        self.assertIn("Teilnehmerin", "".join(self.stack.pages().values()))
        run(self.failing_sync)
        run(self.failing_sync)
        self.restart_worker()
        run(self.failing_sync)
        run(self.failing_sync)
        assert self.stack.worker
        self.assertEqual(self.stack.worker.stop(), 0)
        self.edit_manifest(lambda m: m["incident"].update(mailedAt=earlier(hours=25)))
        self.stack.start_worker()
        run(self.failing_sync)
        run(self.failing_sync)
        run(self.good_sync)
        for _ in range(4):
            run(self.partial_sync)

        self.assertEqual([len(m) for m in mails], [0, 0, 0, 1, 0, 1, 0, 1, 0, 0, 1, 0])
        first = mails[3][0]
        self.assert_mail(first, r"3 syncs have failed in a row \(HEMERA_AUTH_FAILED\)", reports[3], None)
        self.assert_mail(mails[5][0], r"syncs are still failing, 5 in a row \(HEMERA_AUTH_FAILED\)", reports[5], first)
        self.assert_mail(mails[7][0], "syncs succeed again", reports[7], first)
        entity = reports[10]["errors"][0]["entity"]
        self.assertRegex(entity, r"^course cgen0*1$")
        course = self.stack.manifest["entities"]["courses"][entity.removeprefix("course ")]["course"]
        self.assert_mail(mails[10][0], re.escape(course["title"]) + " cannot be brought up to date", reports[10], None)
        self.assertIn(f"  {course['title']} ({course['slug']}, {entity}): 3 syncs in a row", mails[10][0].text)
        ids = [m.header("Message-ID") for sent in mails for m in sent]
        self.assertEqual(len(set(ids)), 4)
        for secret in (self.hemera.key, OTHER_KEY, PASSWORD, "Teilnehmerin"):
            self.assertNotIn(secret, self.worker_log())

    def test_other_courses_in_turn_are_no_reason_to_write(self) -> None:
        self.good_sync()
        for number in (1, 2, 1, 2, 1):
            self.hemera.reset()
            self.hemera.scenario(fault={"path": f"^/api/service/courses/cgen0*{number}$", "kind": "status",
                                        "status": 500, "count": -1})
            self.assertEqual(self.sync()["status"], "partial")
        self.assertEqual(self.mails(), [])

    def test_a_dry_run_and_a_success_in_between_are_not_counted(self) -> None:
        self.failing_sync()
        self.failing_sync()
        self.assertNotEqual(self.stack.post("/api/sync?dryRun=1").status, 200)
        self.assertEqual(self.mails(), [])
        self.good_sync()
        self.failing_sync()
        self.failing_sync()
        self.assertEqual(self.mails(), [])


class ServerDown(MailTest):
    def due_id(self) -> str:
        return str(self.incident["due"]["messageId"])

    def test_what_could_not_be_sent_is_sent_once_after_the_next_sync(self) -> None:
        self.server.stop()
        self.failing_sync()
        self.wait_for_failures(1)
        due = self.due_id()
        self.wait_for_line(r"cannot send mail \(failure\) to .*, next try in 60 s: ")
        self.failing_sync()
        self.wait_for_failures(2)
        self.assertEqual(self.due_id(), due, "it is the same mail")
        self.server.start()
        self.failing_sync()
        self.assertEqual([m.header("Message-ID") for m in self.new_mails()], [due])
        self.assertNotIn("due", self.incident)
        self.failing_sync()
        self.restart_worker()
        self.failing_sync()
        self.assertEqual(self.new_mails(), [])

    def test_every_way_to_refuse_leaves_it_due(self) -> None:
        refusals = [("GREETING", "421 4.3.2 busy"), ("STARTTLS", "454 4.7.0 not now"), ("LOGIN", "535 5.7.8 {secret}"),
                    ("MAIL", "550 5.7.1 not you"), ("RCPT", "450 4.2.0 greylisted"), ("RCPT", DROP),
                    ("MESSAGE", "554 5.6.0 spam"), ("MESSAGE", DROP)]
        for number, (step, kind) in enumerate(refusals, 1):
            self.server.fail(step, kind)
            self.failing_sync()
            self.wait_for_failures(number)
            self.server.repair()
        self.assertEqual((self.counted("sent"), self.server.mails), (0, []))
        due = self.due_id()
        self.failing_sync()
        self.assertEqual([m.header("Message-ID") for m in self.new_mails()], [due])
        for _, kind in refusals:
            if kind != DROP and "{secret}" not in kind:
                self.wait_for_line(re.escape(kind))
        self.assertNotIn(PASSWORD, self.worker_log())

    def test_one_recipient_that_is_refused_does_not_hold_up_the_other(self) -> None:
        self.server.fail("RCPT", "550 5.1.1 no such user", only=RECIPIENTS[1])
        self.failing_sync()
        self.failing_sync()
        mails = self.new_mails()
        self.assertEqual([m.recipients for m in mails], [RECIPIENTS[:1]])
        self.wait_for_line(rf"mail \(failure\) sent to .*{RECIPIENTS[1]} \(550 5\.1\.1 no such user\)")

    def test_a_failure_that_was_not_mailed_needs_no_recovery(self) -> None:
        self.server.stop()
        self.failing_sync()
        self.wait_for_failures(1)
        self.good_sync()
        self.stack.wait_for_alerts()
        self.server.start()
        self.good_sync()
        self.assertEqual(self.new_mails(), [])

    def test_a_recovery_is_not_lost_either(self) -> None:
        self.failing_sync()
        first, = self.new_mails()
        self.server.stop()
        self.good_sync()
        self.wait_for_failures(1)
        self.restart_worker()
        self.server.start()
        self.good_sync()
        recovery, = self.new_mails()
        self.assertEqual(recovery.header("In-Reply-To"), first.header("Message-ID"))
        self.assertIn("syncs succeed again", str(recovery.header("Subject")))
        self.good_sync()
        self.assertEqual(self.new_mails(), [])


class NotNow(MailTest):
    """Mails that the server accepts later, without a sync in between."""

    first, second = RECIPIENTS

    def configuration(self) -> str:
        return super().configuration() + "RetryDelaySec=1\n"

    def offers(self, recipient: str) -> int:
        return sum(step == "RCPT" and recipient in argument for step, argument, _ in self.server.steps)

    def deliveries(self) -> list[tuple[str, ...]]:
        return [mail.recipients for mail in self.server.mails]

    def wait_for_no_recipient(self) -> None:
        wait_until(lambda: "waiting" not in self.incident, "that no recipient waits")

    def waiting_for_second(self, delay_s: int = 60) -> Mail:
        """The first recipient has got the mail; the second waits, for so long that no retry happens by itself."""
        assert self.stack.worker
        self.stack.worker.stop()
        config = self.stack.config.read_text()
        self.stack.config.write_text(config.replace("RetryDelaySec=1\n", f"RetryDelaySec={delay_s}\n"))
        self.stack.start_worker()
        self.server.fail("RCPT", "451 4.7.1 greylisted", only=self.second)
        self.failing_sync()
        mail, = self.server.wait_for(1)
        self.assertEqual(mail.recipients, (self.first,))
        wait_until(lambda: self.incident.get("waiting"), "that it is stored")
        self.assertEqual([w["to"] for w in self.incident["waiting"]], [self.second])
        return mail

    def test_one_recipient_gets_the_same_mail_later_and_the_other_not_twice(self) -> None:
        self.server.fail("RCPT", "451 4.7.1 greylisted", only=self.second, count=2)
        self.failing_sync()
        mails = self.server.wait_for(2)
        self.assertEqual([m.recipients for m in mails], [(self.first,), (self.second,)])
        self.assertEqual(mails[0].content, mails[1].content)
        self.assertEqual((self.offers(self.first), self.offers(self.second)), (1, 3))
        self.wait_for_line(rf"mail \(failure\) sent to {self.first}, but: .* refused some of the recipients for now: "
                           rf"{self.second} \(451 4\.7\.1 greylisted\), next try in 1 s")
        self.wait_for_line(rf"cannot send mail \(failure\) to {self.second}, next try in 2 s: .* a later attempt may succeed")
        self.wait_for_line(rf"mail \(failure\) sent to {self.second}$")
        self.wait_for_no_recipient()
        self.assertEqual(self.incident["mails"], 1)
        self.failing_sync()
        self.assertEqual(len(self.mails()), 2)

    def test_each_waiting_recipient_leaves_the_list_when_it_has_the_mail(self) -> None:
        third = "night@example.org"
        assert self.stack.worker
        self.stack.worker.stop()
        config = self.stack.config.read_text()
        self.stack.config.write_text(config.replace(f", {self.second}", f", {self.second}, {third}"))
        self.stack.start_worker()
        self.server.fail("RCPT", "451 4.7.1 greylisted", only=self.second, count=1)
        self.server.fail("RCPT", "451 4.7.1 greylisted", only=third, count=2)
        self.failing_sync()
        mails = self.server.wait_for(3)
        self.assertEqual([m.recipients for m in mails], [(self.first,), (self.second,), (third,)])
        self.assertEqual({m.content for m in mails}, {mails[0].content})
        self.wait_for_no_recipient()

    def test_a_mail_that_no_recipient_got_comes_without_a_sync(self) -> None:
        for step, reply, count in (("RCPT", "450 4.2.0 greylisted", 2), ("MESSAGE", "452 4.3.1 full", 1),
                                   ("GREETING", "421 busy", 1), ("STARTTLS", "454 4.7.0 not now", 1),
                                   ("LOGIN", "454 4.7.0 not now", 1), ("MAIL", DROP, 1)):
            with self.subTest(step):
                self.server.clear()
                self.server.fail(step, reply, count=count)
                self.failing_sync()
                self.server.wait_for(1)
                wait_until(lambda: "due" not in self.incident, "that it is stored")
                self.assertEqual(self.deliveries(), [RECIPIENTS])
                self.good_sync()
                self.new_mails()

    def test_a_mail_server_that_comes_back_gets_it_without_a_sync(self) -> None:
        self.server.stop()
        self.failing_sync()
        self.wait_for_line("next try in 1 s: .*cannot reach mail server ")
        self.server.start()
        self.server.wait_for(1)
        self.assertEqual(self.deliveries(), [RECIPIENTS])

    def test_a_recipient_refused_for_good_is_not_offered_it_again(self) -> None:
        self.server.fail("RCPT", "550 5.1.1 no such user", only=self.first)
        self.server.fail("RCPT", "451 4.7.1 greylisted", only=self.second, count=1)
        self.failing_sync()
        self.server.wait_for(1)
        self.assertEqual(self.deliveries(), [(self.second,)])
        self.assertEqual((self.offers(self.first), self.offers(self.second)), (1, 2))

    def test_a_mail_whose_answer_was_lost_waits_for_the_next_sync(self) -> None:
        self.server.fail("MESSAGE", DROP, count=1)
        self.failing_sync()
        self.wait_for_line("cannot send mail .*, next try after the next sync: .* closed the connection")

    def test_after_a_kill_the_next_sync_continues_with_the_waiting_recipient(self) -> None:
        mail = self.waiting_for_second()
        assert self.stack.worker
        self.stack.worker.stop(signal.SIGKILL)
        self.server.repair()
        self.stack.start_worker()
        self.failing_sync()
        self.wait_for_no_recipient()
        self.assertEqual(self.deliveries(), [(self.first,), (self.second,)])
        self.assertEqual(self.server.mails[1].content, mail.content)

    def test_sigterm_does_not_wait_for_it(self) -> None:
        self.waiting_for_second()
        before = time.monotonic()
        assert self.stack.worker
        self.assertEqual(self.stack.worker.stop(), 0)
        self.assertLess(time.monotonic() - before, STOP_S)
        self.assertEqual([w["to"] for w in self.incident["waiting"]], [self.second])

    def test_a_newer_mail_about_it_takes_its_place(self) -> None:
        self.waiting_for_second()
        self.server.repair()
        self.good_sync()
        mails = self.mails()
        self.assertEqual([m.recipients for m in mails], [(self.first,), RECIPIENTS])
        self.assertIn("syncs succeed again", str(mails[1].header("Subject")))
        self.assertEqual(self.incident, {})

    def test_it_is_given_up_after_four_hours(self) -> None:
        self.waiting_for_second()
        assert self.stack.worker
        self.stack.worker.stop()
        self.edit_manifest(lambda m: m["incident"]["waiting"][0].update(since=earlier(hours=5)))
        self.stack.start_worker()
        self.failing_sync()
        self.wait_for_line(rf"cannot send mail \(failure\) to {self.second}, giving up: ")
        self.wait_for_no_recipient()

    def test_a_recipient_no_longer_in_mailto_does_not_get_it(self) -> None:
        self.waiting_for_second()
        assert self.stack.worker
        self.stack.worker.stop()
        self.server.repair()
        self.stack.config.write_text(self.stack.config.read_text().replace(f", {self.second}", ""))
        self.stack.start_worker()
        self.failing_sync()
        self.wait_for_no_recipient()
        self.assertEqual(self.deliveries(), [(self.first,)])

    def test_what_is_sent_again_during_a_sync_is_stored_after_it(self) -> None:
        self.waiting_for_second(delay_s=2)
        self.server.repair()
        self.server.fail("MESSAGE", HOLD)
        self.server.wait_for_step("MESSAGE")
        self.hemera.scenario(fault={"path": "/api/service/courses", "kind": "delay", "seconds": 2, "count": 1})
        self.assertEqual(self.stack.post("/api/sync?dryRun=1", Prefer="respond-async").status, 202)
        self.server.release()
        self.wait_for_no_recipient()
        self.failing_sync()
        self.assertEqual([m.recipients for m in self.mails()], [(self.first,), (self.second,)])

    def test_a_mail_that_all_recipients_refuse_for_good_waits_for_the_next_sync(self) -> None:
        self.waiting_for_second(delay_s=1)
        assert self.stack.worker
        self.stack.worker.stop()
        self.edit_manifest(lambda m: m["incident"].update(
            coursesMessageId="<courses@example.org>", courses=[{"entity": "course c1", "partials": 3, "told": False}]))
        self.server.clear()
        self.server.fail("RCPT", "451 4.7.1 greylisted", only=self.second, count=1)
        self.server.fail("RCPT", "550 5.1.1 no such user")
        self.stack.start_worker()
        self.failing_sync()  # the waiting mail is the reason for another try
        self.wait_for_no_recipient()
        self.stack.wait_for_alerts()
        self.assertEqual((self.offers(self.first), self.offers(self.second)), (1, 3))
        self.assertNotIn("(null)", self.worker_log())
        self.assertEqual(self.incident["coursesMessageId"], "<courses@example.org>")

    def test_a_manifest_that_cannot_be_read_is_read_again_later(self) -> None:
        self.server.fail("MESSAGE", HOLD)
        self.failing_sync()
        self.server.wait_for_step("MESSAGE")
        self.failing_sync()  # its mail waits until the first is sent
        manifest = self.stack.output / MANIFEST
        text = manifest.read_text()
        manifest.write_text("{")
        self.server.release()
        self.wait_for_line("cannot record that mail .* was sent")
        self.wait_for_line("cannot read which mails are due: ")
        manifest.write_text(text)
        wait_until(lambda: self.incident.get("mails") == 1, "that it is stored")
        self.assertEqual(len(self.mails()), 1)

    def test_a_test_mail_says_it_and_is_not_tried_again(self) -> None:
        self.server.fail("RCPT", "451 4.7.1 greylisted", only=self.second)
        reply = self.ask_for_test_mail()
        self.assertRegex(reply.data["warning"], rf"refused some of the recipients for now: {self.second} \(451 ")
        self.server.fail("RCPT", "451 4.7.1 greylisted")
        reply = self.ask_for_test_mail()
        self.assertEqual((reply.status, reply.code), (502, "NOTIFY_FAILED"))
        self.assertIn("451 4.7.1 greylisted), ", reply.json["error"]["message"])
        self.assertIn("a later attempt may succeed", reply.json["error"]["message"])
        metrics = exposition.read(self.stack.request("GET", "/metrics", over_unix_socket=True).text)
        self.assertEqual(metrics["aither_notifications_pending"], 0)

    def test_the_worker_stays_until_it_is_sent(self) -> None:
        process = self.start_idle_worker()
        self.server.fail("RCPT", "451 4.7.1 greylisted", only=self.second, count=3)  # after 1, 3 and 7 s
        self.failing_sync()
        self.assertEqual(process.wait(PATIENCE_S), 0)
        self.assertEqual(self.deliveries(), [(self.first,), (self.second,)])
        self.assertNotIn("waiting", self.incident)


class SlowServer(MailTest):
    def timed_failing_sync(self) -> float:
        before = time.monotonic()
        self.failing_sync()
        return time.monotonic() - before

    def test_no_sync_waits_for_the_mail(self) -> None:
        self.failing_sync()
        self.new_mails()
        alone = [self.timed_failing_sync() for _ in range(7)]
        self.good_sync()
        self.new_mails()
        self.server.fail("GREETING", HANG)
        beside = [self.timed_failing_sync() for _ in range(7)]
        self.assertEqual(self.server.mails, [])
        print(f"# median of a failing sync: {median(alone) * 1000:.1f} ms, while a mail hangs "
              f"{median(beside) * 1000:.1f} ms, longest {max(beside) * 1000:.1f} ms")
        self.assertLess(median(beside), median(alone) + 1)  # the mail hangs for half a minute

    def test_sigterm_ends_a_hanging_mail_and_it_stays_due(self) -> None:
        for step in ("GREETING", "STARTTLS", "RCPT", "MESSAGE"):
            with self.subTest(step):
                self.server.clear()
                self.server.fail(step, HANG)
                self.failing_sync()
                self.server.wait_for_step(step)
                due = self.incident["due"]["messageId"]
                before = time.monotonic()
                assert self.stack.worker
                self.assertEqual(self.stack.worker.stop(), 0)
                took_s = time.monotonic() - before
                print(f"# ended {took_s:.2f} s after SIGTERM, the server hanging at {step}")
                self.assertLess(took_s, STOP_S)
                if step != "MESSAGE":  # at this step it may take longer than the worker waits
                    self.assertIn(": cancelled", self.worker_log())
                self.assertEqual(self.incident["due"]["messageId"], due)
                self.server.repair()
                self.stack.start_worker()
                self.failing_sync()
                self.assertEqual([m.header("Message-ID") for m in self.new_mails()], [due])
                self.good_sync()
                self.new_mails()

    def test_a_worker_with_a_mail_under_way_does_not_leave(self) -> None:
        process = self.start_idle_worker()
        self.server.fail("MESSAGE", HOLD)
        self.failing_sync()
        self.server.wait_for_step("MESSAGE")
        with self.assertRaises(subprocess.TimeoutExpired):
            process.wait(5)  # without the mail the worker would exit in less than 4 s
        self.server.release()
        self.server.wait_for(1)
        self.assertEqual(process.wait(PATIENCE_S), 0)
        self.assertEqual(self.incident["mails"], 1)


class ThisMachine(MailTest):
    """Only MailTo is set: the mail server is on this machine, with a certificate for another host."""

    def configuration(self) -> str:
        self.server.close()
        self.server = SmtpStub(tls=self.ca.context(name="DNS:debian", valid=(-2, -1)))
        self.addCleanup(self.server.close)
        return (f"[Notify]\nMailTo=root\n{self.sender}SMTPURL=smtp://localhost:{self.server.port}\n"
                "FailureThreshold=1\n")

    sender = ""
    environment = {"SMTP_PASS": ""}

    def test_a_mail_arrives_with_a_sender_of_this_machine(self) -> None:
        self.failing_sync()
        mail, = self.new_mails()
        self.assertRegex(mail.sender, r"^aither@[A-Za-z0-9.-]+$")
        self.assertEqual((mail.recipients, mail.encrypted), (("root",), True))
        self.assertRegex(str(mail.header("To")), r"^root@[A-Za-z0-9.-]+$")


class NamedSender(ThisMachine):
    """The name is for people; the envelope has only the address."""

    sender = 'MailFrom="Akademie, Löhne" <aither@example.org>\n'

    def test_a_mail_arrives_with_a_sender_of_this_machine(self) -> None:
        self.failing_sync()
        mail, = self.new_mails()
        self.assertEqual(mail.sender, "aither@example.org")
        sender, = mail.message["From"].addresses
        self.assertEqual((sender.display_name, sender.addr_spec), ("Akademie, Löhne", "aither@example.org"))


class LocalSender(ThisMachine):
    sender = "MailFrom=Academy <www>\n"

    def test_a_mail_arrives_with_a_sender_of_this_machine(self) -> None:
        self.failing_sync()
        mail, = self.new_mails()
        self.assertRegex(mail.sender, r"^www@[A-Za-z0-9.-]+$")
        self.assertEqual(mail.header("From"), f"Academy <{mail.sender}>")


class NoRecipients(MailTest):
    def configuration(self) -> str:
        return f"[Notify]\nFailureThreshold=1\nSMTPURL=smtp://0.0.0.0:{self.server.port}\nSMTPUser={USER}\n"

    def test_without_recipients_nothing_is_sent(self) -> None:
        self.failing_sync()
        self.failing_sync()
        reply = self.ask_for_test_mail()
        self.assertEqual((reply.status, reply.code), (503, "NOT_CONFIGURED"))
        self.assertIn("MailTo", reply.json["error"]["message"])
        self.assertEqual(self.stack.cli("test-mail").returncode, 78)
        self.assertEqual((self.server.connections, self.server.mails), (0, []))


if __name__ == "__main__":
    unittest.main()
