# SPDX-License-Identifier: MIT
"""aither-web, where every single call that a request causes fails once: the answer is the usual one or a regular error, and
the same request is answered as usual afterwards."""
import gzip
import http.client
import os
import re
import time
import unittest
from typing import Any, NamedTuple

from crash.errnos import Fault
from crash.faultpoint import Action, Site
from crash.faults import LOST_S, Attack
from crash.tree import shown_page
from stack import PATIENCE_S, Reply, wait_until

TOKEN = "0123456789abcdef0123456789abcdef"
# Parts that differ from answer to answer.
CHANGING = re.compile(rb'"(requestId|jobId|timestamp|\w+(At|Ms|Time))":("[^"]*"|\d+)|\d\d:\d\d Uhr|As of \d\d:\d\d')


class Step(NamedTuple):
    method: str
    target: str
    headers: dict[str, str]
    answers: tuple[tuple[int, str], ...] = ()  # answers that may come instead of the usual one


WITHOUT_WORKER = ((503, "WORKER_UNAVAILABLE"),)
STEPS = (
    Step("POST", "/api/sync", {}, WITHOUT_WORKER + ((409, "SYNC_IN_PROGRESS"),)),
    Step("GET", "/api/sync/status", {}, WITHOUT_WORKER),
    Step("GET", "/", {"Accept": "text/html"}, ((200, ""),)),  # the other language, or the page for a missing homepage
    Step("GET", "/", {"Accept": "text/html", "Accept-Encoding": "gzip", "Accept-Language": "en"}, ((200, ""),)),
    Step("GET", "/courses/kurs-00000", {}, ((500, "INTERNAL_ERROR"),)),
    Step("HEAD", "/courses/kurs-00001.html", {}, ((500, ""),)),
    Step("GET", "/api/openapi.json", {}),
    Step("GET", "/healthz", {}),
    Step("GET", "/readyz", {}, WITHOUT_WORKER + ((503, ""),)),
    Step("GET", "/metrics", {}, ((200, ""),)),
    Step("GET", "/nothing", {"Accept": "text/html"}),
    Step("POST", "/api/sync", {"Content-Length": "5000000"}),
)


class Requests(Attack):
    hemera_arguments = ("--courses", "3")

    def setUp(self) -> None:
        self.set_up("[Site]\nCoursePages=public\n", {"AITHER_SYNC_TOKEN": TOKEN})
        self.start_and_sync()
        self.stack.environment |= self.faults.environment

    def do(self, step: Step, timeout_s: float = PATIENCE_S) -> Reply:
        for page in self.stack.output.rglob("*.html"):
            os.utime(page)  # otherwise it would not be read again
        return self.stack.request(step.method, step.target, {"Authorization": f"Bearer {TOKEN}"} | step.headers,
                                  timeout_s=timeout_s)

    def shown(self, step: Step, reply: Reply) -> Any:
        """The part of the reply that is the same every time."""
        if step.target in ("/metrics", "/api/sync", "/api/sync/status"):
            return reply.status, reply.status == 200
        is_packed = reply.body and reply.headers["Content-Encoding"] == "gzip"
        body = gzip.decompress(reply.body) if is_packed else reply.body
        return reply.status, CHANGING.sub(b"", shown_page(body))

    def code(self, step: Step, reply: Reply) -> str:
        is_json = step.method != "HEAD" and "json" in (reply.headers["Content-Type"] or "")
        return reply.code if is_json and "error" in reply.json else ""

    def try_fault(self, step: Step, fault: Fault, usual: Any) -> bool:
        self.faults.arm(fault.site, fault.action, fault.errnum)
        try:
            reply = self.do(step, LOST_S if fault.loses_connection else PATIENCE_S)
            if self.shown(step, reply) != usual:
                self.assertIn((reply.status, self.code(step, reply)), step.answers, reply.body[:500])
        except (OSError, http.client.HTTPException):
            if not fault.loses_connection:
                raise
        fired = self.faults.fired
        self.faults.arm()
        self.assertEqual(self.shown(step, self.answer_when_free(step)), usual)
        self.assertIsNone(self.stack.web.process.poll())
        return fired

    def answer_when_free(self, step: Step) -> Reply:
        """A sync that has lost its caller goes on. It may even begin only now, when the loop reads the call or accepts the
        connection at last. 409 is right until that sync has ended."""
        return wait_until(lambda: reply if (reply := self.do(step)).status != 409 else None, "that sync ends")

    def learn(self, step: Step) -> list[Site]:
        """The calls of one request, including those that close its connection."""
        self.faults.forget()
        for _ in range(2):
            self.do(step)
        time.sleep(0.05)
        return self.faults.met()

    def attack(self, step: Step) -> None:
        usual = self.shown(step, self.do(step))
        for fault in self.faults_of(self.learn(step)):
            with self.naming(fault, f"{step.method} {step.target}"):
                self.count += 1
                self.met += self.try_fault(step, fault, usual)

    def test_when_any_call_fails_the_answer_says_so_and_the_next_is_as_always(self) -> None:
        self.count = self.met = 0
        self.stack.start_web()
        for step in STEPS:
            self.attack(step)
        print(f"# {self.count} failures, {self.count - self.met} of them not met")

    def test_one_byte_at_a_time_and_interrupted_everywhere_it_answers_the_same(self) -> None:
        self.stack.start_web()
        usual = [self.shown(step, self.do(step)) for step in STEPS]
        self.assertEqual(self.stack.web.stop(), 0)
        for action in (Action.ONES, Action.TWICE):
            with self.subTest(action.name):
                self.faults.arm(action=action)
                self.stack.start_web()
                for step, expected in zip(STEPS, usual):
                    self.assertEqual(self.shown(step, self.do(step)), expected, f"{step.method} {step.target}")
                self.assertEqual(self.stack.web.stop(), 0)


del Attack

if __name__ == "__main__":
    unittest.main()
