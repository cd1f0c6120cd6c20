# SPDX-License-Identifier: MIT
"""The clock is set by hours or years, forward and back, while the programs run: time limits keep their length, times in the
future mislead no program, and the next sync is like any other."""
import email.utils
import http.client
import importlib.util
import json
import re
import socket
import time
import unittest
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timezone
from typing import Any, Callable

from clock import DAY, HOUR, YEAR, Clock, unix_time
from stack import PATIENCE_S, StackTest, wait_until
from test_restart import Activated

LIST = "/api/service/courses?"
JUMPS = (YEAR, -YEAR, HOUR, -HOUR)
SLACK_S = 3  # for a very busy machine


class ClockTest(StackTest):
    lines = ""

    def setUp(self) -> None:
        self.clock = Clock()
        self.addCleanup(self.clock.close)
        self.environment = self.clock.environment
        self.config = self.lines
        super().setUp()

    def during(self, call: Callable[..., Any], *arguments: Any, ahead_s: float) -> tuple[Any, float]:
        """Sets the clock while Hemera is processing a request of this call; returns the call's result and its duration."""
        self.hemera.clear_requests()
        before = time.monotonic()
        with ThreadPoolExecutor(1) as caller:
            running: Future[Any] = caller.submit(call, *arguments)
            wait_until(lambda: self.hemera.requests("/api/"), "Hemera is asked")
            self.clock.set(ahead_s)
            result = running.result(PATIENCE_S)
        return result, time.monotonic() - before

    def assert_now(self, stamp: str) -> None:
        self.assertLess(abs(unix_time(stamp) - self.clock.now()), PATIENCE_S, stamp)

    def assert_well(self) -> None:
        """Runs a sync and checks that every program reports it correctly."""
        report = self.sync()
        self.assertEqual((report["status"], report["errors"], report["coursesDeferred"]), ("success", [], 0))
        self.assertLess(report["durationMs"], PATIENCE_S * 1000)
        for member in ("startTime", "endTime"):
            self.assert_now(report[member])
        status = self.stack.get("/api/sync/status").data
        self.assert_now(status["lastSuccessTime"])
        self.assertEqual(self.stack.get("/readyz").status, 200)
        done = self.stack.cli("status")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertRegex(done.stdout, r"\Ahealthy: the last sync succeeded \d+ seconds? ago\n")
        self.assertIn('<p class="status">', self.stack.get("/").text)


class BetweenSyncs(ClockTest):
    def test_each_next_sync_is_as_any_other(self) -> None:
        self.assert_well()
        for ahead_s in (*JUMPS, 0, 10 * YEAR, 0, -20 * YEAR, 0):
            with self.subTest(ahead_s):
                self.clock.set(ahead_s)
                self.assert_well()

    def test_at_both_ends_of_time(self) -> None:
        for moment in (datetime(1970, 1, 2), datetime(2038, 1, 19, 3, 14, 7), datetime(2106, 2, 7, 6, 28, 15),
                       datetime(2199, 12, 31, 23, 59, 59)):
            with self.subTest(moment):
                self.clock.set(moment.replace(tzinfo=timezone.utc).timestamp() - time.time())
                self.assert_well()
        self.clock.set(0)
        self.assert_well()

    def test_every_answer_has_the_time_that_is(self) -> None:
        self.sync()
        with Connection(self.stack.port) as visitor:
            for ahead_s in (0, *JUMPS):
                with self.subTest(ahead_s):
                    self.clock.set(ahead_s)
                    answer = visitor.get("/api/sync/status")
                    date = email.utils.parsedate_to_datetime(answer.headers["Date"]).timestamp()
                    self.assertLess(abs(date - self.clock.now()), PATIENCE_S)
                    self.assert_now(json.loads(answer.body)["meta"]["timestamp"])

    def test_what_a_browser_keeps_is_judged_by_content_alone(self) -> None:
        self.sync()
        tag = self.stack.get("/").headers["ETag"]
        for ahead_s in (0, *JUMPS):
            with self.subTest(ahead_s):
                self.clock.set(ahead_s)
                self.sync()
                tomorrow = email.utils.formatdate(self.clock.now() + DAY, usegmt=True)
                self.assertEqual(self.stack.get("/", If_Modified_Since=tomorrow).status, 200)
                self.assertEqual(self.stack.get("/", If_None_Match='"another"', If_Modified_Since=tomorrow).status, 200)
        self.assertRegex(tag, r'^(W/)?"')


class Connection:
    """A connection that is kept open."""

    class Answer:
        def __init__(self, response: http.client.HTTPResponse):
            self.status, self.headers, self.body = response.status, response.headers, response.read()

    def __init__(self, port: int):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        self.connection.auto_open = 0  # type: ignore[assignment]  # a connection that was closed is a failure
        self.connection.connect()

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def get(self, target: str) -> "Connection.Answer":
        self.connection.request("GET", target)
        return self.Answer(self.connection.getresponse())


class AfterTheFuture(ClockTest):
    """A sync has run with a clock that was far ahead."""

    def setUp(self) -> None:
        super().setUp()
        self.clock.set(YEAR)
        self.sync()
        self.clock.set(0)

    def test_its_success_is_not_taken_for_a_recent_one(self) -> None:
        for _ in range(2):
            self.assertEqual(self.stack.get("/readyz").status, 503)
            done = self.stack.cli("status")
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stdout, r"\Anot healthy: the last sync .* in the future")
            self.assertRegex(done.stdout, r"last success +\d+ \w+ 20\d\d \d\d:\d\d, in 36\d days\n")
            assert self.stack.worker
            self.stack.worker.stop()
            self.stack.start_worker()
        self.assert_well()

    def test_the_homepage_says_rather_nothing_than_a_time_to_come(self) -> None:
        self.hemera.scenario(fault={"path": LIST, "kind": "status", "status": 400, "count": -1})
        self.assertRegex(self.stack.get("/").text, '<p class="notice"[^>]*>[^0-9]*</p>')


class Fetched(ClockTest):
    """aither-web has fetched data from Hemera with a clock that was far ahead."""

    lines = "[Web]\nLiveTTLSec=30\nLiveWaitSec=5\n"

    def test_its_look_is_as_old_as_it_is(self) -> None:
        self.clock.set(YEAR)
        self.sync()
        self.assertIn('<p class="status">', self.stack.get("/").text)
        self.clock.set(0)
        self.hemera.clear_requests()
        page = self.stack.get("/").text
        self.assertNotIn(str(datetime.now().year + 1), page[page.index('<p class="status">'):].split("</p>")[0])
        self.assertEqual(self.stack.get("/readyz").status, 200)
        self.assertEqual(self.hemera.requests(), [], "it is still fresh")


class Limits(ClockTest):
    """Time limits last as long as they are set for."""

    lines = "RequestTimeoutSec=1\nMaxRetries=0\n[Web]\nLiveTTLSec=0\nLiveWaitSec=1\n[Worker]\nIdleExitSec=1\n"

    def test_a_request_that_hangs(self) -> None:
        self.hemera.scenario(fault={"path": LIST, "kind": "hang", "seconds": PATIENCE_S, "count": -1})
        for ahead_s in (YEAR, -HOUR):
            with self.subTest(ahead_s):
                self.clock.set(0)
                reply, seconds = self.during(self.stack.post, "/api/sync", ahead_s=ahead_s)
                self.assertEqual((reply.status, reply.code), (504, "HEMERA_TIMEOUT"))
                self.assertTrue(0.9 < seconds < 1 + SLACK_S, seconds)
                self.assertTrue(900 < reply.data["durationMs"] < 1000 * (1 + SLACK_S))

    def test_a_sync_that_works(self) -> None:
        self.hemera.scenario(fault={"path": LIST, "kind": "delay", "seconds": 0.5, "count": -1})
        for ahead_s in (-YEAR, HOUR):
            with self.subTest(ahead_s):
                self.clock.set(0)
                reply, seconds = self.during(self.stack.post, "/api/sync", ahead_s=ahead_s)
                self.assertEqual((reply.status, reply.data["status"]), (200, "success"))
                self.assertTrue(500 <= reply.data["durationMs"] <= 1000 * seconds)
                self.assert_now(reply.data["endTime"])
                for duration in re.findall(r"dur=(-?[\d.]+)", reply.headers["Server-Timing"]):
                    self.assertTrue(0 <= float(duration) <= 1000 * seconds)

    def test_a_visitor_who_waits(self) -> None:
        self.sync()
        self.hemera.scenario(fault={"path": LIST, "kind": "hang", "seconds": PATIENCE_S, "count": -1})
        page, seconds = self.during(self.stack.get, "/", ahead_s=-HOUR)
        self.assertEqual(page.status, 200)
        self.assertTrue(0.9 < seconds < 1 + SLACK_S, seconds)

    def test_an_idle_worker(self) -> None:
        with socket.socket(socket.AF_UNIX) as listener:
            self.stack.socket.unlink()
            listener.bind(str(self.stack.socket))
            listener.listen()
            worker = Activated("aither-worker", self.stack, listener)
            self.assertEqual(self.stack.request("GET", "/api/sync/status", over_unix_socket=True).status, 404)
            before = time.monotonic()
            self.clock.set(YEAR)
            self.assertEqual(worker.process.wait(PATIENCE_S), 0)
            self.assertTrue(0.9 < time.monotonic() - before < 2 + SLACK_S)


class RateLimit(ClockTest):
    """Hemera's minute, here a second, is measured by Hemera's clock."""

    hemera_arguments = ("--courses", "50", "--participants", "1", "--limit", "40", "--window", "1")
    lines = "[Sync]\nTimeLimitSec=30\n"

    def test_a_window_opens_when_hemera_says_so_whatever_the_clock_says(self) -> None:
        self.clock.set(-HOUR)
        before = time.monotonic()
        self.assertEqual(self.sync()["coursesDeferred"], 0)
        self.assertLess(time.monotonic() - before, 2 * 2 + SLACK_S)
        self.assertNotIn(429, [r["status"] for r in self.hemera.requests()])

    def test_a_429_is_waited_out_for_as_long_as_it_says(self) -> None:
        self.hemera.scenario(window=2, limit=100)
        self.hemera.scenario(used=100)
        reply, seconds = self.during(self.stack.post, "/api/sync", ahead_s=YEAR)
        self.assertEqual((reply.status, reply.data["coursesDeferred"]), (200, 0))
        self.assertTrue(0.9 < seconds < 2 + SLACK_S, seconds)
        self.assertEqual([r["status"] for r in self.hemera.requests()].count(429), 1)

    def test_what_others_have_used_is_seen_by_every_clock(self) -> None:
        for ahead_s in (0, *JUMPS, 30, -30):
            with self.subTest(ahead_s):
                self.clock.set(ahead_s)
                assert self.stack.worker
                self.stack.worker.stop()
                self.stack.start_worker()
                self.hemera.clear_requests()
                self.hemera.scenario(window=60, limit=40)
                self.hemera.scenario(used=30)
                self.assertGreater(self.sync()["coursesDeferred"], 30)
                self.assertNotIn(429, [r["status"] for r in self.hemera.requests()])


@unittest.skipIf(importlib.util.find_spec("aiosmtpd") is None, "python3-aiosmtpd is not installed")
class Reminder(ClockTest):
    """One mail a day while syncs fail: not more when the clock is put forward, and not none when it is put back."""

    def setUp(self) -> None:
        from stub.smtp_stub import SmtpStub
        self.server = SmtpStub()
        self.addCleanup(self.server.stop)
        self.lines = (f"[Notify]\nMailTo=a@example.org\nFailureThreshold=1\nSMTPURL=smtp://127.0.0.1:"
                      f"{self.server.port}\n")
        super().setUp()

    def test_each_day_one(self) -> None:
        self.hemera.scenario(key="another-key-another-key-another-key-1")
        for ahead_s, kinds in ((0, ["failure"]), (YEAR, ["reminder"]), (YEAR + HOUR, []), (0, []),
                               (HOUR, []), (25 * HOUR, ["reminder"]), (-YEAR, []), (26 * HOUR - YEAR, ["reminder"])):
            with self.subTest(ahead_s):
                self.clock.set(ahead_s)
                self.assertEqual(self.stack.post("/api/sync").status, 502)
                self.stack.wait_for_alerts()
                mails = self.server.mails
                self.assertEqual(len(mails), len(kinds), [str(m.header("Subject")) for m in mails])
                for mail in self.server.mails:
                    date = email.utils.parsedate_to_datetime(str(mail.header("Date"))).timestamp()
                    self.assertLess(abs(date - self.clock.now()), PATIENCE_S)
                self.server.mails.clear()


if __name__ == "__main__":
    unittest.main()
