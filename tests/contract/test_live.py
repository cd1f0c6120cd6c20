# SPDX-License-Identifier: MIT
"""The homepage is live from Hemera: many visitors cause one request, a Hemera that hangs or fails delays no visitor
for long, and syncs and visitors do not disturb each other."""
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from attack import GET, Raw, allow_descriptors
from stack import StackTest, wait_until

LIST = "/api/service/courses"
DETAIL = "^/api/service/courses/c"
VISITORS = 1000
BACK_OFF_S = 10  # of web/live.h


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
        """The page, and how long it took."""
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


class Warnings(StackTest):
    def refresh(self) -> int:
        return self.stack.request("POST", "/internal/refresh", over_unix_socket=True).status

    def test_a_hemera_that_fails_all_day_costs_one_line(self) -> None:
        """Every tenth second a visitor has the homepage refreshed."""
        for _ in range(2):
            self.hemera.scenario(fault={"path": LIST, "kind": "status", "status": 403, "count": 3})
            for _ in range(3):
                self.assertEqual(self.refresh(), 502)
            self.assertEqual(self.refresh(), 200)
        assert self.stack.worker
        self.stack.worker.stop()
        self.assertEqual(sum("homepage not refreshed" in line for line in self.stack.worker.log), 2)


class ManyVisitors(LiveTest):
    config = "[Web]\nLiveTTLSec=0\nLiveWaitSec=20\n"

    def test_a_thousand_visitors_of_a_stale_page_cause_one_request(self) -> None:
        allow_descriptors(VISITORS + 100)
        self.rename("Frisch umbenannt")
        visitors = [Raw(self.stack.port) for _ in range(VISITORS)]
        for visitor in visitors:
            self.addCleanup(visitor.close)
        # Long enough for all to come before it is answered; a later one would rightly ask again.
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
        # Later visitors do not wait again for the same answer.
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
