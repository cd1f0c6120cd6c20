# SPDX-License-Identifier: MIT
"""The homepage shows Hemera's current list: many visitors cause one request, a Hemera that hangs or fails delays no visitor
for long, and syncs and visitors do not disturb each other."""
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from attack import GET, Raw, allow_descriptors
from clock import HOUR, Clock
from stack import StackTest, wait_until

LIST = "/api/service/courses"
DETAIL = "^/api/service/courses/c"
VISITORS = 1000
BACK_OFF_S = 10  # from web/live.h


class LiveTest(StackTest):
    def setUp(self) -> None:
        super().setUp()
        self.sync(Host="localhost")
        self.course = sorted(self.stack.manifest["entities"]["courses"])[0]
        self.hemera.clear_requests()

    def lists(self) -> list[dict[str, Any]]:
        return [r for r in self.hemera.requests() if r["path"] == LIST]

    def rename(self, title: str) -> None:
        self.hemera.scenario(course={"id": self.course, "title": title})

    def visit(self) -> tuple[str, float]:
        """Returns the page and the time that it took."""
        before = time.monotonic()
        reply = self.stack.get("/")
        self.assertEqual(reply.status, 200)
        return reply.text, time.monotonic() - before


class BeforeTheFirstSync(StackTest):
    config = "MaxRetries=0\n[Site]\nName=Akademie & Söhne\nImprintURL=/imprint.html\n[Web]\nLiveWaitSec=0\n"

    def test_the_fallback_speaks_the_visitors_language_and_is_the_sites_own(self) -> None:
        self.hemera.stop()
        for target, header, language, title in (
                ("/", "de", "de", "Die Kurse sind zurzeit nicht erreichbar"),
                ("/", "en", "en", "The courses cannot be reached at the moment"),
                ("/?lang=en", "de", "en", "The courses cannot be reached at the moment")):
            with self.subTest(target=target, header=header):
                reply = self.stack.get(target, Accept_Language=header)
                self.assertEqual(reply.status, 200)
                self.assertEqual(reply.headers["Content-Language"], language)
                self.assertEqual(reply.headers["Vary"], "Accept-Language, Accept-Encoding")
                self.assertEqual(reply.headers["Cache-Control"], "no-cache")
                self.assertIn(f"<h1>{title}</h1>", reply.text)
                self.assertIn(f'href="/?lang={language}"', reply.text)
                self.assertIn("Akademie &amp; Söhne", reply.text)
                self.assertIn('href="/imprint.html"', reply.text)

    def test_an_error_page_is_the_sites_own_and_keeps_the_chosen_language(self) -> None:
        for target, header, language, home in (("/a/b/c", "en", "en", "/"), ("/a/b/c", "de", "de", "/"),
                                               ("/a/b/c?lang=en", "de", "en", "/?lang=en")):
            with self.subTest(target=target, header=header):
                reply = self.stack.get(target, Accept="text/html", Accept_Language=header)
                self.assertEqual((reply.status, reply.headers["Content-Language"]), (404, language))
                self.assertIn("Akademie &amp; Söhne", reply.text)
                self.assertIn('href="/imprint.html"', reply.text)
                self.assertIn(f'<p><a href="{home}">', reply.text)


class ADay(StackTest):
    """A timer that fires every half hour, and so few visitors that the worker exits between any two of them."""
    config = "MaxRetries=0\n"

    def setUp(self) -> None:
        self.clock = Clock()
        self.addCleanup(self.clock.close)
        self.environment = self.clock.environment | {"AITHER_CLOCK_MONOTONIC": "1"}
        super().setUp()
        self.sync()
        self.worker_lines: list[str] = []

    def pass_half_an_hour(self) -> None:
        self.clock.set(self.clock.ahead_s + HOUR / 2)
        assert self.stack.worker
        self.stack.worker.stop()
        self.worker_lines += self.stack.worker.log
        self.stack.start_worker()
        for _ in range(3):
            self.assertEqual(self.stack.get("/").status, 200)

    def run_timer(self) -> None:
        """Once the retries of one run have failed, later runs have none."""
        done = self.stack.cli("sync", "--until-complete")
        self.assertEqual(done.returncode, 1, done.stderr)

    def lines(self) -> list[str]:
        """The daemons' lines, without those that only a daemon outside systemd writes."""
        assert self.stack.web and self.stack.worker
        lines = self.stack.web.log + self.worker_lines + self.stack.worker.log
        return [line for line in lines if "listening on" not in line]

    def test_a_hemera_that_is_away_costs_one_line_for_each_sync_and_one_for_the_homepage(self) -> None:
        self.hemera.stop()
        for _ in range(3):  # the first run and its two retries
            self.assertEqual(self.stack.cli("sync").returncode, 1)
        for _ in range(48):
            self.pass_half_an_hour()
            self.run_timer()
        lines = self.lines()
        self.assertEqual(len([line for line in lines if "sync failed after" in line]), 51)
        self.assertEqual(len([line for line in lines if "cannot refresh the homepage: " in line]), 1)
        self.assertLess(len(lines), 60, lines)

    def test_a_hemera_that_comes_and_goes_costs_two_lines_an_hour(self) -> None:
        for number in range(24):
            self.clock.set(self.clock.ahead_s + HOUR / 6)
            self.hemera.scenario(fault={"path": LIST, "kind": "status", "status": 403, "count": (number + 1) % 2})
            self.assertEqual('class="notice"' in self.stack.get("/").text, number % 2 == 0)
        lines = [line for line in self.lines() if "homepage" in line]
        self.assertIn(len(lines), (8, 9), lines)
        self.assertIn("(2 earlier failures were not logged)", lines[2])


class ManyVisitors(LiveTest):
    config = "[Web]\nLiveTTLSec=0\nLiveWaitSec=20\n"

    def test_a_thousand_visitors_of_a_stale_page_cause_one_request(self) -> None:
        allow_descriptors(VISITORS + 100)
        self.rename("Frisch umbenannt")
        visitors = [Raw(self.stack.port) for _ in range(VISITORS)]
        for visitor in visitors:
            self.addCleanup(visitor.close)
        # Long enough for all visitors to come before the answer; a later visitor would rightly cause another request.
        self.hemera.scenario(fault={"path": LIST, "kind": "delay", "seconds": 4, "count": 1})
        began = time.monotonic()
        for visitor in visitors:
            visitor.send(GET)
        self.assertLess(time.monotonic() - began, 4, "the machine is too busy for this test")
        replies = [visitor.reply() for visitor in visitors]
        self.assertEqual({r.status for r in replies}, {200})
        self.assertEqual(len({r.body for r in replies}), 1)
        self.assertIn(b"Frisch umbenannt", replies[0].body)
        self.assertEqual(len(self.lists()), 1)


class HangingHemera(LiveTest):
    config = "RequestTimeoutSec=5\nMaxRetries=0\n[Web]\nLiveTTLSec=0\nLiveWaitSec=1\n"

    def test_no_visitor_waits_longer_than_the_limit(self) -> None:
        self.hemera.scenario(fault={"path": LIST, "kind": "hang", "seconds": 60, "count": -1})
        with ThreadPoolExecutor(50) as visitors:
            visits = [v.result() for v in [visitors.submit(self.visit) for _ in range(200)]]
        self.assertLess(max(seconds for _, seconds in visits), 3)
        for page, _ in visits:
            self.assertIn('class="notice"', page)
            self.assertIn("<table", page)
        # Later visitors do not wait for the same answer again.
        self.assertLess(max(self.visit()[1] for _ in range(20)), 0.9)
        self.assertEqual(len(self.lists()), 1)


class FailingHemera(LiveTest):
    config = "MaxRetries=0\n[Web]\nLiveTTLSec=0\nLiveWaitSec=5\n"

    def test_after_a_failure_there_is_no_new_attempt_for_a_while(self) -> None:
        self.hemera.scenario(fault={"path": LIST, "kind": "status", "status": 500, "count": 1})
        self.assertIn('class="notice"', self.visit()[0])
        failed = time.monotonic()
        self.assertEqual(len(self.lists()), 1)
        while time.monotonic() < failed + BACK_OFF_S - 2:
            page, seconds = self.visit()
            self.assertIn('class="notice"', page)
            self.assertLess(seconds, 0.9)
            time.sleep(0.1)
        self.assertEqual(len(self.lists()), 1)
        self.rename("Frisch umbenannt")
        wait_until(lambda: "Frisch umbenannt" in self.visit()[0], "a new attempt")
        self.assertGreater(time.monotonic() - failed, BACK_OFF_S - 1)


class DuringASync(LiveTest):
    config = "[Web]\nLiveTTLSec=0\nLiveWaitSec=5\n"

    def test_visitors_are_answered_from_the_syncs_list_and_cause_no_conflict(self) -> None:
        self.rename("Frisch umbenannt")
        self.hemera.scenario(fault={"path": DETAIL, "kind": "delay", "seconds": 3, "count": 1})
        with ThreadPoolExecutor(1) as caller:
            running = caller.submit(self.stack.post, "/api/sync", Host="localhost")
            wait_until(lambda: any(r["path"].startswith(LIST + "/") for r in self.hemera.requests()),
                       "the sync reads details")
            visits = [self.visit() for _ in range(20)]
            self.assertFalse(running.done(), "the visits were made while it ran")
            reply = running.result()
        self.assertEqual((reply.status, reply.data["status"]), (200, "success"))
        for page, seconds in visits:
            self.assertIn("Frisch umbenannt", page)
            self.assertNotIn('class="notice"', page)
            self.assertLess(seconds, 0.9)
        self.assertEqual(len(self.lists()), 1)

    def test_a_sync_is_possible_while_a_visitor_waits(self) -> None:
        self.hemera.scenario(fault={"path": LIST, "kind": "delay", "seconds": 2, "count": 1})
        with ThreadPoolExecutor(1) as visitor:
            waiting = visitor.submit(self.visit)
            wait_until(self.lists, "the visitor's question is asked")
            self.assertEqual(self.stack.post("/api/sync", Host="localhost").status, 200)
            self.assertIn("<table", waiting.result()[0])


if __name__ == "__main__":
    unittest.main()
