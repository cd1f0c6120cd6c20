# SPDX-License-Identifier: MIT
"""How the worker sends its mails: beside the syncs, once each, also when it is stopped or restarted meanwhile, and when
the manifest cannot be written. Which mails there are, and what they say, is in test_mail.py."""
import importlib.util
import json
import shutil
import tempfile
import threading
import time
import unittest
from pathlib import Path
from typing import Any

import exposition
from stack import PATIENCE_S, Reply, Stack, StackTest, wait_until
from stub.client import Stub

if importlib.util.find_spec("aiosmtpd") is None:
    raise unittest.SkipTest("python3-aiosmtpd is not installed")
from stub.smtp_stub import Mail, SmtpStub  # noqa: E402

LIST = "/api/service/courses"
OPERATOR = "operator@example.org"
SYNC_TOKEN = "a-sync-token-of-good-length"
STOP_S = 3  # two seconds, and the end of a process


class SlowServer(SmtpStub):
    """Keeps whoever has sent a whole mail waiting for the answer, once it was told to hold()."""

    def __init__(self) -> None:
        self._go, self.has_come = threading.Event(), threading.Event()
        self._go.set()
        super().__init__()

    def hold(self) -> None:
        self.has_come.clear()
        self._go.clear()

    def release(self) -> None:
        self._go.set()

    def came(self, step: str, argument: str, encrypted: bool) -> str | None:
        if step == "MESSAGE":
            self.has_come.set()
            self._go.wait(PATIENCE_S)
        return super().came(step, argument, encrypted)


class NoticesTest(StackTest):
    lines = f"[Notify]\nMailTo={OPERATOR}\nMailFrom=aither@host.example.org\nFailureThreshold=1\n"

    def setUp(self) -> None:
        runtime = tempfile.TemporaryDirectory(prefix="aither-")
        self.addCleanup(runtime.cleanup)
        self.runtime = Path(runtime.name)
        self.server = SlowServer()
        self.addCleanup(self.server.close)
        self.addCleanup(self.server.release)
        self.hemera = Stub(*self.hemera_arguments)
        self.addCleanup(self.hemera.stop)
        config = f"{self.lines}SMTPURL=smtp://127.0.0.1:{self.server.port}\n"
        self.stack = Stack(self.hemera, config, {"RUNTIME_DIRECTORY": str(self.runtime)} | self.environment)
        self.addCleanup(self._stop_stack)
        self.stack.start()

    def unix(self, method: str, target: str, **headers: str) -> Reply:
        return self.stack.request(method, target, {k.replace("_", "-"): v for k, v in headers.items()},
                                  over_unix_socket=True)

    def sync(self, **headers: str) -> Any:
        reply = self.unix("POST", "/api/sync", **headers)
        self.assertEqual(reply.status, 200, reply.text)
        return reply.data

    def failing_sync(self, expected: int = 502) -> Any:
        reply = self.unix("POST", "/api/sync")
        self.assertEqual(reply.status, expected, reply.text)
        return reply.data

    def break_hemera(self) -> None:
        self.hemera.scenario(key="another-key-another-key-another-key-1")

    def mend_hemera(self) -> None:
        self.hemera.scenario(key=self.hemera.key)

    def figures(self) -> dict[str, float]:
        return exposition.read(self.unix("GET", "/metrics").text)

    def counted(self, result: str) -> int:
        return int(self.figures()[f'aither_notifications_total{{channel="mail",result="{result}"}}'])

    def wait_for_count(self, result: str, count: int) -> None:
        wait_until(lambda: self.counted(result) >= count, f"{count} mails {result}")
        self.assertEqual(self.counted(result), count)

    def wait_for_mails(self, count: int) -> list[Mail]:
        """All mails, when the worker knows that they were taken; no more than so many."""
        mails = self.server.wait_for(count)
        self.stack.wait_for_notices()
        self.assertEqual(len(self.server.mails), count, [m.header("Subject") for m in self.server.mails])
        return mails

    @property
    def incident(self) -> Any:
        return self.stack.manifest["incident"]

    def restart(self) -> None:
        assert self.stack.worker
        self.assertEqual(self.stack.worker.stop(), 0)
        self.stack.start_worker()


class Recording(NoticesTest):
    def test_a_mail_is_sent_once_also_over_a_restart(self) -> None:
        self.break_hemera()
        self.failing_sync()
        self.wait_for_mails(1)
        self.assertEqual((self.incident["mails"], self.incident.get("due")), (1, None))
        for _ in range(2):
            self.restart()
            self.failing_sync()
            self.wait_for_mails(1)
        self.mend_hemera()
        self.restart()
        self.sync()
        first, recovery = self.wait_for_mails(2)
        self.assertEqual(recovery.header("In-Reply-To"), first.header("Message-ID"))
        self.assertIsNone(self.incident)

    def test_nothing_is_sent_by_a_worker_that_starts(self) -> None:
        self.break_hemera()
        self.server.stop()
        self.failing_sync()
        self.wait_for_count("failed", 1)
        self.server.start()
        self.restart()
        self.wait_for_mails(0)
        self.failing_sync()
        self.wait_for_mails(1)

    def while_it_is_sent(self, target: str) -> None:
        """A sync that begins while a mail is under way, and holds the lock when that has been taken."""
        sent = self.counted("sent")
        self.break_hemera()
        self.server.hold()
        self.failing_sync()
        self.assertTrue(self.server.has_come.wait(PATIENCE_S))
        self.hemera.scenario(fault={"path": LIST, "kind": "delay", "seconds": 3, "count": 1})
        asked = len(self.hemera.requests(LIST))
        self.assertEqual(self.unix("POST", target, Prefer="respond-async").status, 202)
        wait_until(lambda: len(self.hemera.requests(LIST)) > asked, "the second sync asks Hemera")
        self.server.release()
        self.wait_for_count("sent", sent + 1)
        self.assertEqual(self.unix("GET", "/api/sync").data["status"], "running")
        self.assertIn("due", self.incident)

    def test_one_that_is_sent_while_a_sync_runs_is_noted_when_that_has_ended(self) -> None:
        for target in ("/api/sync", "/api/sync?dryRun=1"):
            with self.subTest(target):
                self.while_it_is_sent(target)
                wait_until(lambda: "due" not in self.incident, "the mail is noted")
                self.assertEqual(self.incident["mails"], 1)
                self.failing_sync()
                self.wait_for_mails(1)
                self.mend_hemera()
                self.sync()
                self.wait_for_mails(2)
                self.server.clear()


class Trouble(NoticesTest):
    def test_a_mail_that_cannot_be_sent_stays_due(self) -> None:
        self.break_hemera()
        self.server.fail("RCPT", "550 5.1.1 no such user", count=1)
        self.failing_sync()
        self.wait_for_count("failed", 1)
        due = self.incident["due"]
        self.assert_logged(f"mail (failure) to {OPERATOR} not sent, tried again after the next sync")
        self.failing_sync()
        self.assertEqual(self.wait_for_mails(1)[0].header("Message-ID"), due["messageId"])
        self.assertEqual(self.counted("sent"), 1)
        self.assert_logged(f"mail (failure) sent to {OPERATOR}")

    def test_no_sync_waits_for_a_mail(self) -> None:
        self.break_hemera()
        self.server.hold()
        for _ in range(5):
            self.failing_sync()
        self.assertTrue(self.server.has_come.wait(PATIENCE_S))
        self.assertEqual(self.counted("sent"), 0)
        self.server.release()
        self.wait_for_mails(1)

    def test_a_mail_of_a_newer_sync_takes_the_place_of_one_to_be_tried_again(self) -> None:
        self.break_hemera()
        self.server.hold()
        self.server.fail("MESSAGE", "452 4.3.1 full", count=1)
        self.failing_sync()
        self.assertTrue(self.server.has_come.wait(PATIENCE_S))
        self.failing_sync()
        self.server.release()
        mail, = self.wait_for_mails(1)
        self.assertEqual(mail.header("X-Aither-Job"), self.stack.manifest["lastSync"]["jobId"])
        self.assertEqual(self.figures()["aither_notifications_pending"], 0)

    def test_the_end_of_the_worker_does_not_wait_for_it_and_it_stays_due(self) -> None:
        assert self.stack.worker
        self.break_hemera()
        self.server.hold()
        self.failing_sync()
        self.assertTrue(self.server.has_come.wait(PATIENCE_S))
        due = self.incident["due"]["messageId"]
        before = time.monotonic()
        self.assertEqual(self.stack.worker.stop(), 0)
        self.assertLess(time.monotonic() - before, STOP_S)
        self.assertEqual(self.incident["due"]["messageId"], due)
        self.server.release()
        self.stack.start_worker()
        self.failing_sync()
        wait_until(lambda: "due" not in self.incident, "the mail is noted")
        self.assertEqual({m.header("Message-ID") for m in self.server.mails}, {due})


class OutputTest(NoticesTest):
    """A manifest that cannot be written."""

    def setUp(self) -> None:
        super().setUp()
        self.aside = self.stack.directory / "aside"
        self.stamp = self.runtime / "mailed.json"

    def break_output(self) -> None:
        if not self.stack.output.exists():
            self.sync()
        self.stack.output.rename(self.aside)
        self.stack.output.write_text("in the way")

    def mend_output(self) -> None:
        self.stack.output.unlink()
        self.aside.rename(self.stack.output)

    def make_older(self, days: int) -> None:
        stamp = json.loads(self.stamp.read_text())
        stamp["mailedAt"] = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() - days * 86400))
        self.stamp.write_text(json.dumps(stamp))


class TheOutput(OutputTest):
    def test_it_is_told_at_once_and_once_a_day_and_when_it_is_over(self) -> None:
        self.sync()
        self.break_output()
        for _ in range(2):
            self.failing_sync(500)
            first = self.wait_for_mails(1)[0]
            self.restart()
        self.assertIn("cannot save their results", str(first.header("Subject")))
        self.assertIn("OUTPUT_ERROR", first.text)
        self.assertEqual(self.stamp.stat().st_mode & 0o777, 0o600)
        self.make_older(2)
        self.failing_sync(500)
        reminder = self.wait_for_mails(2)[1]
        self.assertEqual(reminder.header("In-Reply-To"), first.header("Message-ID"))
        self.failing_sync(500)
        self.wait_for_mails(2)
        self.mend_output()
        self.sync()
        recovery = self.wait_for_mails(3)[2]
        self.assertEqual(recovery.header("In-Reply-To"), first.header("Message-ID"))
        self.assertIn("succeed again", str(recovery.header("Subject")))
        self.assertFalse(self.stamp.exists())
        self.sync()
        self.wait_for_mails(3)

    def test_it_is_told_again_until_the_mail_server_takes_it(self) -> None:
        self.break_output()
        self.server.stop()
        self.failing_sync(500)
        self.wait_for_count("failed", 1)
        self.assertFalse(self.stamp.exists())
        self.server.start()
        self.failing_sync(500)
        self.wait_for_mails(1)
        self.mend_output()
        self.server.stop()
        self.sync()
        self.wait_for_count("failed", 2)
        self.server.start()
        self.sync()
        self.wait_for_mails(2)

    def test_it_is_not_over_while_syncs_fail(self) -> None:
        self.break_output()
        self.failing_sync(500)
        self.wait_for_mails(1)
        self.mend_output()
        self.break_hemera()
        self.failing_sync()
        self.assertIn("failed", str(self.wait_for_mails(2)[1].header("Subject")))
        self.mend_hemera()
        self.sync()
        subjects = [str(m.header("Subject")) for m in self.wait_for_mails(4)[2:]]
        self.assertTrue(all("succeed again" in s for s in subjects), subjects)

    def test_a_stamp_that_makes_no_sense_is_none(self) -> None:
        self.break_output()
        for text in ("", "{", "[]", '{"messageId":"<a@b>\\r\\nBcc: x","mailedAt":"2026-03-14T23:00:00.000Z"}',
                     '{"messageId":"<a@b>","mailedAt":"yesterday"}', "x" * 10000):
            with self.subTest(text[:60]):
                self.stamp.write_text(text)
                self.failing_sync(500)
                mail = self.wait_for_mails(1)[0]
                self.assertIsNone(mail.header("In-Reply-To"))
                self.server.mails.clear()
                self.restart()


class TheOutputLater(OutputTest):
    deputy = "deputy@example.org"
    lines = NoticesTest.lines.replace(OPERATOR, f"{OPERATOR}, {deputy}") + "RetryDelaySec=1\n"

    def deliveries(self, count: int) -> list[tuple[str, ...]]:
        return [mail.recipients for mail in self.server.wait_for(count)]

    def test_who_is_refused_for_now_hears_of_it_later_too(self) -> None:
        self.break_output()
        self.server.fail("RCPT", "451 4.7.1 greylisted", only=self.deputy, count=2)
        self.failing_sync(500)
        self.assertEqual(self.deliveries(2), [(OPERATOR,), (self.deputy,)])
        self.mend_output()
        self.server.fail("RCPT", "451 4.7.1 greylisted", only=self.deputy, count=1)
        self.sync()
        self.assertEqual(self.deliveries(4)[2:], [(OPERATOR,), (self.deputy,)])
        mails = self.server.mails
        self.assertEqual(mails[0].content, mails[1].content)
        self.assertEqual(mails[2].content, mails[3].content)

    def test_its_end_takes_the_place_of_what_waits(self) -> None:
        self.break_output()
        self.server.fail("RCPT", "451 4.7.1 greylisted", only=self.deputy)
        self.failing_sync(500)
        self.server.wait_for(1)
        self.wait_for_count("sent", 1)
        self.server.mend()
        self.mend_output()
        self.sync()
        self.wait_for_count("sent", 2)
        self.assertIn("succeed again", str(self.server.mails[-1].header("Subject")))


class TheNote(OutputTest):
    """What the worker keeps of a mail that the manifest cannot: RUNTIME_DIRECTORY/mailed.json."""

    def test_a_note_that_is_none_counts_as_none(self) -> None:
        assert self.stack.worker
        self.sync()
        self.break_output()
        for count, note in enumerate(("x", "{}", '{"messageId":"x","mailedAt":"2026-01-01T00:00:00.000Z"}',
                                      '{"messageId":"<a b@c>","mailedAt":"2026-01-01T00:00:00.000Z"}',
                                      '{"messageId":"<a@c>","mailedAt":"soon"}'), start=1):
            self.stack.worker.stop()
            self.stamp.write_text(note)
            self.stack.start_worker()
            self.failing_sync(500)
            self.wait_for_mails(count)

    def test_a_note_that_cannot_be_kept_is_logged_and_stops_nothing(self) -> None:
        self.sync()
        (self.stamp / "in the way").mkdir(parents=True)
        self.break_output()
        self.failing_sync(500)
        self.wait_for_mails(1)
        self.assert_logged("RUNTIME_DIRECTORY: mailed.json: ")
        self.mend_output()
        self.sync()
        self.wait_for_mails(2)
        self.assert_logged("RUNTIME_DIRECTORY: cannot remove mailed.json: Is a directory")
        shutil.rmtree(self.runtime)
        self.restart()
        self.break_output()
        self.failing_sync(500)
        wait_until(lambda: self.log("RUNTIME_DIRECTORY: directory "), "it says that the directory is away")
        self.runtime.mkdir()


class NoRuntimeDirectory(TheOutput):
    environment = {"RUNTIME_DIRECTORY": ""}
    # What needs the file or a restart.
    test_it_is_told_at_once_and_once_a_day_and_when_it_is_over = None  # type: ignore[assignment]
    test_a_stamp_that_makes_no_sense_is_none = None  # type: ignore[assignment]

    def test_it_is_kept_in_memory(self) -> None:
        self.break_output()
        for _ in range(3):
            self.failing_sync(500)
            self.wait_for_mails(1)
        self.mend_output()
        self.sync()
        self.wait_for_mails(2)
        self.assertEqual(list(self.runtime.iterdir()), [])


class Test(NoticesTest):
    def test_a_mail_can_be_sent_on_purpose(self) -> None:
        reply = self.unix("POST", "/internal/test-mail")
        self.assertEqual(reply.status, 200, reply.text)
        mail = self.server.wait_for(1)[0]
        self.assertEqual(reply.data, {"to": OPERATOR, "server": f"smtp://127.0.0.1:{self.server.port}",
                                      "messageId": mail.header("Message-ID")})
        self.assertEqual((mail.sender, mail.recipients), ("aither@host.example.org", (OPERATOR,)))
        self.assertEqual(self.counted("sent"), 1)

    def test_what_the_server_says_against_it_is_told(self) -> None:
        self.server.fail("RCPT", "550 5.1.1 no such user")
        reply = self.unix("POST", "/internal/test-mail")
        self.assertEqual((reply.status, reply.code), (502, "NOTIFY_FAILED"))
        self.assertIn("no such user", reply.json["error"]["message"])
        self.assertEqual(self.counted("failed"), 1)

    def test_it_is_only_for_the_unix_socket(self) -> None:
        for target in ("/internal/test-mail", "/internal/test-rollbar"):
            self.assertEqual(self.stack.post(target).status, 404)
            self.assertEqual(self.unix("GET", target).status, 405)
        self.assertEqual(self.server.connections, 0)

    def test_too_many_at_once_are_refused(self) -> None:
        self.server.hold()
        replies: list[Reply] = []
        callers = [threading.Thread(target=lambda: replies.append(self.unix("POST", "/internal/test-mail")))
                   for _ in range(10)]
        for caller in callers:
            caller.start()
        wait_until(lambda: len(replies) == 5, "five are refused")
        self.assertEqual({(r.status, r.code) for r in replies}, {(429, "TOO_MANY_REQUESTS")})
        self.assertLessEqual({int(r.headers["Retry-After"]) for r in replies}, set(range(1, 31)))
        self.server.release()
        for caller in callers:
            caller.join()
        self.assertEqual(sorted(r.status for r in replies), [200] * 5 + [429] * 5)

    def test_whoever_waits_is_told_that_the_worker_ends(self) -> None:
        assert self.stack.worker
        self.server.hold()
        replies: list[Reply] = []
        callers = [threading.Thread(target=lambda: replies.append(self.unix("POST", "/internal/test-mail")))
                   for _ in range(2)]
        for caller in callers:
            caller.start()
        self.assertTrue(self.server.has_come.wait(PATIENCE_S))
        wait_until(lambda: self.figures()["aither_worker_open_fds"] and len(self.server.steps) > 3, "it is sent")
        self.assertEqual(self.stack.worker.stop(), 0)
        for caller in callers:
            caller.join()
        self.assertEqual([(r.status, r.code) for r in replies], [(503, "SHUTTING_DOWN")] * 2)


class NoMail(NoticesTest):
    lines = "[Notify]\n"

    def test_it_says_which_key_is_missing(self) -> None:
        reply = self.unix("POST", "/internal/test-mail")
        self.assertEqual((reply.status, reply.code), (503, "NOT_CONFIGURED"))
        self.assertIn("MailTo", reply.json["error"]["message"])
        self.break_hemera()
        self.failing_sync()
        self.assertEqual(self.server.connections, 0)


class Figures(NoticesTest):
    environment = {"AITHER_SYNC_TOKEN": SYNC_TOKEN}

    def test_they_go_on_over_workers(self) -> None:
        self.break_hemera()
        self.server.hold()
        self.failing_sync()
        self.assertTrue(self.server.has_come.wait(PATIENCE_S))
        self.assertEqual(self.told("aither_notifications_pending"), 1)
        self.server.release()
        wait_until(lambda: self.told("aither_notifications_pending") == 0, "the mail is sent")
        self.assertEqual(self.told(self.sent), 1)
        self.restart()
        self.mend_hemera()
        self.sync()
        wait_until(lambda: self.told(self.sent) == 2, "the other one is sent")
        self.assertEqual(self.counted("sent"), 2)

    sent = 'aither_notifications_total{channel="mail",result="sent"}'

    def told(self, name: str) -> float:
        return exposition.read(self.stack.get("/metrics", Authorization=f"Bearer {SYNC_TOKEN}").text)[name]


if __name__ == "__main__":
    unittest.main()
