# SPDX-License-Identifier: MIT
"""How the worker sends its mails: beside the syncs, once each, also when it is stopped or restarted meanwhile, and when it
cannot write the manifest. test_mail.py has the kinds of mails and their texts."""
import json
import shutil
import threading
import unittest
from typing import Any

import exposition
from stack import Reply, wait_until
from stub.smtp_stub import HOLD, Mail
from test_mail import RECIPIENTS, SENDER, STAMP, MailTest, earlier

LIST = "/api/service/courses"
OPERATOR, DEPUTY = RECIPIENTS
SYNC_TOKEN = "a-sync-token-of-good-length"


class AlertsTest(MailTest):
    def wait_for_mails(self, count: int) -> list[Mail]:
        """All mails, once the worker knows that they were accepted; exactly `count`."""
        mails = self.server.wait_for(count)
        self.stack.wait_for_alerts()
        self.assertEqual(len(self.server.mails), count, [m.header("Subject") for m in self.server.mails])
        return mails

    def wait_for_count(self, result: str, count: int) -> None:
        wait_until(lambda: self.counted(result) >= count, f"{count} mails {result}")
        self.assertEqual(self.counted(result), count)


    def pending(self) -> float:
        text = self.stack.request("GET", "/metrics", over_unix_socket=True).text
        return exposition.read(text)["aither_notifications_pending"]


class Recording(AlertsTest):
    def test_nothing_is_sent_by_a_worker_that_starts(self) -> None:
        self.server.stop()
        self.failing_sync()
        self.wait_for_count("failed", 1)
        self.server.start()
        self.assertEqual(self.pending(), 1, "the mail stays due")
        self.restart_worker()
        self.wait_for_mails(0)
        self.assertEqual(self.pending(), 1, "until the next sync has ended")
        self.failing_sync()
        self.wait_for_mails(1)
        self.assertEqual(self.pending(), 0)

    def sent_while_a_sync_runs(self, target: str) -> None:
        """A sync that begins while a mail is being sent, and that still holds the lock when the mail has been accepted."""
        self.server.fail("MESSAGE", HOLD, count=1)
        self.failing_sync()
        self.server.wait_for_step("MESSAGE")
        self.hemera.scenario(fault={"path": LIST, "kind": "delay", "seconds": 3, "count": 1})
        asked = len(self.hemera.requests(LIST))
        self.assertEqual(self.stack.post(target, Prefer="respond-async").status, 202)
        wait_until(lambda: len(self.hemera.requests(LIST)) > asked, "the second sync asks Hemera")
        self.server.release()
        self.wait_for_count("sent", 1)
        self.assertEqual(self.stack.get("/api/sync/status").data["status"], "running")
        self.assertIn("due", self.incident)
        wait_until(lambda: "due" not in self.incident, "the mail is noted")
        self.assertEqual(self.incident["mails"], 1)
        self.failing_sync()
        self.wait_for_mails(1)
        self.restart_worker()
        self.failing_sync()
        self.wait_for_mails(1)
        self.good_sync()
        self.wait_for_mails(2)
        self.assertEqual(self.incident, {})

    def test_a_mail_that_is_sent_while_a_sync_runs_is_noted_when_that_has_ended(self) -> None:
        self.sent_while_a_sync_runs("/api/sync")

    def test_also_after_a_dry_run(self) -> None:
        self.sent_while_a_sync_runs("/api/sync?dryRun=1")

    def test_a_recipient_who_waits_does_not_delay_the_note_of_the_others(self) -> None:
        """RetryDelaySec is a minute. A dry run holds the lock; unlike a sync, it causes no mails when it ends."""
        self.server.fail("RCPT", "451 4.7.1 greylisted", only=DEPUTY)
        self.server.fail("MESSAGE", HOLD, count=1)
        self.failing_sync()
        self.server.wait_for_step("MESSAGE")
        self.hemera.scenario(fault={"path": LIST, "kind": "delay", "seconds": 3, "count": 1})
        asked = len(self.hemera.requests(LIST))
        self.assertEqual(self.stack.post("/api/sync?dryRun=1", Prefer="respond-async").status, 202)
        wait_until(lambda: len(self.hemera.requests(LIST)) > asked, "the dry run asks Hemera")
        self.server.release()
        self.server.wait_for(1)
        wait_until(lambda: self.incident.get("waiting"), "the mail is noted")
        self.assertEqual((self.incident["mails"], [w["to"] for w in self.incident["waiting"]]), (1, [DEPUTY]))

    def test_a_mail_of_a_newer_sync_takes_the_place_of_one_to_be_tried_again(self) -> None:
        self.server.fail("DATA", HOLD, count=1)
        self.server.fail("MESSAGE", "452 4.3.1 full", count=1)
        self.failing_sync()
        self.server.wait_for_step("DATA")
        report = self.failing_sync()
        self.server.release()
        mail, = self.wait_for_mails(1)
        self.assertEqual(mail.header("X-Aither-Job"), report["jobId"])
        self.assertEqual(self.counted("failed"), 1)


class OutputTest(AlertsTest):
    """A manifest that the worker cannot write."""

    def setUp(self) -> None:
        super().setUp()
        self.aside = self.stack.directory / "aside"
        self.stamp = self.runtime / STAMP

    def failing_output_sync(self) -> Any:
        self.hemera.reset()
        reply = self.stack.post("/api/sync")
        self.assertEqual((reply.status, reply.code), (500, "OUTPUT_ERROR"))
        return reply.data

    def break_output(self) -> None:
        if not self.stack.output.exists():
            self.good_sync()
        self.stack.output.rename(self.aside)
        self.stack.output.write_text("in the way")

    def repair_output(self) -> None:
        self.stack.output.unlink()
        self.aside.rename(self.stack.output)

    def make_older(self) -> None:
        self.stamp.write_text(json.dumps(json.loads(self.stamp.read_text()) | {"mailedAt": earlier(hours=25)}))


class TheOutput(OutputTest):
    def test_it_is_mailed_at_once_and_once_a_day_and_when_it_is_over(self) -> None:
        self.good_sync()
        self.break_output()
        report = self.failing_output_sync()
        first, = self.wait_for_mails(1)
        self.assertRegex(str(first.header("Subject")), r": syncs cannot save their results \(OUTPUT_ERROR\)$")
        self.assertEqual((first.header("X-Aither-Job"), first.header("In-Reply-To")), (report["jobId"], None))
        self.assertIn("OUTPUT_ERROR", first.text)
        for _ in range(2):
            self.failing_output_sync()
            self.wait_for_mails(1)
            self.restart_worker()
        self.assertEqual(self.stamp.stat().st_mode & 0o777, 0o600)
        self.make_older()
        self.failing_output_sync()
        reminder = self.wait_for_mails(2)[1]
        self.assertEqual(reminder.header("In-Reply-To"), first.header("Message-ID"))
        self.failing_output_sync()
        self.wait_for_mails(2)
        self.repair_output()
        self.good_sync()
        recovery = self.wait_for_mails(3)[2]
        self.assertEqual(recovery.header("In-Reply-To"), first.header("Message-ID"))
        self.assertIn("succeed again", str(recovery.header("Subject")))
        self.assertFalse(self.stamp.exists())
        self.good_sync()
        self.wait_for_mails(3)

    def test_it_is_sent_again_until_the_mail_server_takes_it(self) -> None:
        self.break_output()
        self.server.stop()
        self.failing_output_sync()
        self.wait_for_count("failed", 1)
        self.assertFalse(self.stamp.exists())
        self.server.start()
        self.failing_output_sync()
        self.wait_for_mails(1)
        self.repair_output()
        self.server.stop()
        self.good_sync()
        self.wait_for_count("failed", 2)
        self.server.start()
        self.good_sync()
        self.wait_for_mails(2)

    def test_it_is_not_over_while_syncs_fail(self) -> None:
        self.break_output()
        self.failing_output_sync()
        self.wait_for_mails(1)
        self.repair_output()
        self.failing_sync()
        self.assertIn("failed", str(self.wait_for_mails(2)[1].header("Subject")))
        self.good_sync()
        subjects = [str(m.header("Subject")) for m in self.wait_for_mails(4)[2:]]
        self.assertTrue(all("succeed again" in s for s in subjects), subjects)

    def test_a_stamp_that_makes_no_sense_is_none(self) -> None:
        self.break_output()
        for text in ("", "{", "[]", "{}", '{"messageId":"<a@b>\\r\\nBcc: x","mailedAt":"2026-03-14T23:00:00.000Z"}',
                     '{"messageId":"<a b@c>","mailedAt":"2026-01-01T00:00:00.000Z"}',
                     '{"messageId":"x","mailedAt":"2026-01-01T00:00:00.000Z"}',
                     '{"messageId":"<a@b>","mailedAt":"yesterday"}', "x" * 10000):
            with self.subTest(text[:60]):
                self.stamp.write_text(text)
                self.failing_output_sync()
                mail = self.wait_for_mails(1)[0]
                self.assertIsNone(mail.header("In-Reply-To"))
                self.server.mails.clear()
                self.restart_worker()

    def test_a_stamp_that_cannot_be_kept_is_logged_and_stops_nothing(self) -> None:
        self.good_sync()
        (self.stamp / "in the way").mkdir(parents=True)
        self.break_output()
        self.failing_output_sync()
        self.wait_for_mails(1)
        self.assert_logged("RUNTIME_DIRECTORY: cannot replace mailed.json: ")
        self.repair_output()
        self.good_sync()
        self.wait_for_mails(2)
        self.assert_logged("RUNTIME_DIRECTORY: cannot remove mailed.json: Is a directory")
        shutil.rmtree(self.runtime)
        self.restart_worker()
        self.break_output()
        self.failing_output_sync()
        self.wait_for_line("RUNTIME_DIRECTORY: cannot open directory ")
        self.runtime.mkdir()


class NoRuntimeDirectory(TheOutput):
    environment = {"RUNTIME_DIRECTORY": ""}
    # These tests need the file or a restart.
    test_it_is_mailed_at_once_and_once_a_day_and_when_it_is_over = None  # type: ignore[assignment]
    test_a_stamp_that_makes_no_sense_is_none = None  # type: ignore[assignment]
    test_a_stamp_that_cannot_be_kept_is_logged_and_stops_nothing = None  # type: ignore[assignment]

    def test_it_is_kept_in_memory(self) -> None:
        self.break_output()
        for _ in range(3):
            self.failing_output_sync()
            self.wait_for_mails(1)
        self.repair_output()
        self.good_sync()
        self.wait_for_mails(2)
        self.assertEqual(list(self.runtime.iterdir()), [])


class TheOutputLater(OutputTest):
    def configuration(self) -> str:
        return super().configuration() + "RetryDelaySec=1\n"

    def deliveries(self, count: int) -> list[tuple[str, ...]]:
        return [mail.recipients for mail in self.server.wait_for(count)]

    def test_a_recipient_refused_for_now_gets_it_later(self) -> None:
        self.break_output()
        self.server.fail("RCPT", "451 4.7.1 greylisted", only=DEPUTY, count=2)
        self.failing_output_sync()
        self.assertEqual(self.deliveries(2), [(OPERATOR,), (DEPUTY,)])
        self.repair_output()
        self.server.fail("RCPT", "451 4.7.1 greylisted", only=DEPUTY, count=1)
        self.good_sync()
        self.assertEqual(self.deliveries(4)[2:], [(OPERATOR,), (DEPUTY,)])
        mails = self.server.mails
        self.assertEqual(mails[0].content, mails[1].content)
        self.assertEqual(mails[2].content, mails[3].content)

    def test_its_end_takes_the_place_of_what_waits(self) -> None:
        self.break_output()
        self.server.fail("RCPT", "451 4.7.1 greylisted", only=DEPUTY)
        self.failing_output_sync()
        self.server.wait_for(1)
        self.wait_for_count("sent", 1)
        self.server.repair()
        self.repair_output()
        self.good_sync()
        self.wait_for_count("sent", 2)
        self.assertIn("succeed again", str(self.server.mails[-1].header("Subject")))


class TestMails(AlertsTest):
    def test_a_mail_can_be_sent_on_purpose(self) -> None:
        reply = self.ask_for_test_mail()
        self.assertEqual(reply.status, 200, reply.text)
        mail = self.server.wait_for(1)[0]
        self.assertEqual(reply.data, {"to": ",".join(RECIPIENTS), "server": f"smtp://0.0.0.0:{self.server.port}",
                                      "messageId": mail.header("Message-ID")})
        self.assertEqual((mail.sender, mail.recipients), (SENDER, RECIPIENTS))
        self.assertEqual(self.counted("sent"), 1)

    def test_the_reply_of_a_server_that_refuses_is_in_the_answer(self) -> None:
        self.server.fail("RCPT", "550 5.1.1 no such user")
        reply = self.ask_for_test_mail()
        self.assertEqual((reply.status, reply.code), (502, "NOTIFY_FAILED"))
        self.assertIn("no such user", reply.json["error"]["message"])
        self.assertEqual(self.counted("failed"), 1)

    def ask_at_once(self, count: int) -> tuple[list[threading.Thread], list[Reply]]:
        replies: list[Reply] = []
        callers = [threading.Thread(target=lambda: replies.append(self.ask_for_test_mail())) for _ in range(count)]
        for caller in callers:
            caller.start()
        return callers, replies

    def test_too_many_at_once_are_refused(self) -> None:
        self.server.fail("MESSAGE", HOLD)
        callers, replies = self.ask_at_once(10)
        wait_until(lambda: len(replies) == 5, "five are refused")
        self.assertEqual({(r.status, r.code) for r in replies}, {(429, "TOO_MANY_REQUESTS")})
        self.assertLessEqual({int(r.headers["Retry-After"]) for r in replies}, set(range(1, 31)))
        self.server.release()
        for caller in callers:
            caller.join()
        self.assertEqual(sorted(r.status for r in replies), [200] * 5 + [429] * 5)

    def test_waiting_callers_are_answered_when_the_worker_ends(self) -> None:
        assert self.stack.worker
        self.server.fail("MESSAGE", HOLD)
        callers, replies = self.ask_at_once(2)
        wait_until(lambda: sum(step == "MESSAGE" for step, _, _ in self.server.steps) == 2, "both are sent")
        self.assertEqual(self.stack.worker.stop(), 0)
        for caller in callers:
            caller.join()
        self.assertEqual([(r.status, r.code) for r in replies], [(503, "SHUTTING_DOWN")] * 2)


class Metrics(AlertsTest):
    environment = {"AITHER_SYNC_TOKEN": SYNC_TOKEN}
    sent = 'aither_notifications_total{channel="mail",result="sent"}'

    def metric(self, name: str) -> float:
        return exposition.read(self.stack.get("/metrics", Authorization=f"Bearer {SYNC_TOKEN}").text)[name]

    def sync_over_unix_socket(self) -> int:
        return self.stack.request("POST", "/api/sync", over_unix_socket=True).status

    def test_they_go_on_over_workers(self) -> None:
        self.hemera.scenario(key="another-key-another-key-another-key-1")
        self.server.fail("MESSAGE", HOLD, count=1)
        self.assertEqual(self.sync_over_unix_socket(), 502)
        self.server.wait_for_step("MESSAGE")
        self.assertEqual(self.metric("aither_notifications_pending"), 1)
        self.server.release()
        wait_until(lambda: self.metric("aither_notifications_pending") == 0, "the mail is sent")
        self.assertEqual(self.metric(self.sent), 1)
        self.restart_worker()
        self.hemera.reset()
        self.assertEqual(self.sync_over_unix_socket(), 200)
        wait_until(lambda: self.metric(self.sent) == 2, "the other one is sent")
        self.assertEqual(self.counted("sent"), 2)


if __name__ == "__main__":
    unittest.main()
