# SPDX-License-Identifier: MIT
"""The worker against a Hemera that misbehaves: the number of requests, the errors reported, the pages kept."""
import json
import socket
import threading
import unittest
from collections import Counter
from typing import Any

from stack import Stack, StackTest, wait_until

LIST = "/api/service/courses?"
DETAIL = "^/api/service/courses/c"
ONE_DETAIL = "^/api/service/courses/cgen0*1$"
CONNECTIONS = 8  # to Hemera


class Requests(StackTest):
    """How many requests a fault costs: never more than MaxRetries besides the requests that succeed."""

    config = "ConnectTimeoutSec=2\nRequestTimeoutSec=2\nMaxRetries=2\n"

    # name, fault, status of the answer, code of its only error, requests that meet the fault
    TABLE = [
        ("the list fails for ever", {"path": LIST, "kind": "status", "status": 500}, 502, "HEMERA_ERROR", 3),
        ("the list's connection breaks", {"path": LIST, "kind": "close"}, 502, "HEMERA_UNREACHABLE", 3),
        ("the list is refused", {"path": LIST, "kind": "status", "status": 400}, 502, "HEMERA_ERROR", 1),
        ("the list needs a key", {"path": LIST, "kind": "status", "status": 401}, 502, "HEMERA_AUTH_FAILED", 1),
        ("the list is forbidden", {"path": LIST, "kind": "status", "status": 403}, 502, "HEMERA_ERROR", 1),
        ("the list redirects", {"path": LIST, "kind": "status", "status": 307,
                                "headers": {"location": "/elsewhere"}}, 502, "HEMERA_ERROR", 1),
        ("the list is HTML", {"path": LIST, "kind": "html"}, 502, "HEMERA_BAD_DATA", 1),
        ("the list is cut", {"path": LIST, "kind": "truncate"}, 502, "HEMERA_UNREACHABLE", 3),
        ("the list hangs", {"path": LIST, "kind": "hang"}, 504, "HEMERA_TIMEOUT", 1),
        ("a detail fails for ever", {"path": ONE_DETAIL, "kind": "status", "status": 502}, 200, "HEMERA_ERROR", 3),
        ("a detail is refused", {"path": ONE_DETAIL, "kind": "status", "status": 400}, 200, "HEMERA_ERROR", 1),
        ("a detail is HTML", {"path": ONE_DETAIL, "kind": "html"}, 200, "HEMERA_BAD_DATA", 1),
        ("a detail is cut", {"path": ONE_DETAIL, "kind": "truncate"}, 200, "HEMERA_UNREACHABLE", 3),
        ("a detail hangs", {"path": ONE_DETAIL, "kind": "hang"}, 200, "HEMERA_TIMEOUT", 1),
        ("a detail needs a key", {"path": ONE_DETAIL, "kind": "status", "status": 401}, 502, "HEMERA_AUTH_FAILED", 1),
    ]

    def test_each_fault_costs_so_many_requests_and_no_page(self) -> None:
        self.sync()
        before = self.stack.stamps()
        for name, fault, status, code, count in self.TABLE:
            with self.subTest(name):
                self.hemera.reset()
                self.hemera.scenario(fault=fault | {"count": -1})
                reply = self.stack.post("/api/sync")
                self.assertEqual(reply.status, status, reply.text)
                self.assertEqual([e["code"] for e in reply.data["errors"]], [code])
                self.assertEqual(self.stack.stamps(), before)
                faulty = [r for r in self.hemera.requests() if r["fault"]]
                self.assertEqual(len(faulty), count, faulty)
                self.assertNotIn("/elsewhere", [r["path"] for r in self.hemera.requests()])

    def test_the_key_goes_into_the_header_only(self) -> None:
        self.hemera.scenario(fault={"path": ONE_DETAIL, "kind": "status", "status": 500, "count": -1})
        reply = self.stack.post("/api/sync")
        assert self.stack.worker
        told = [reply.text, *self.stack.worker.log, json.dumps(self.stack.manifest), *self.stack.pages().values()]
        self.assertNotIn(self.hemera.key, "\n".join(told))
        for request in self.hemera.requests():
            self.assertEqual(request["headers"].get("x-api-key"), self.hemera.key)
            self.assertNotIn(self.hemera.key, request["path"] + request["query"])
            self.assertNotIn("authorization", request["headers"])
            self.assertNotIn("cookie", request["headers"])


class Limits(StackTest):
    """Bodies, JSON and rows that no honest Hemera sends."""

    config = "MaxRetries=0\n"

    LISTS: list[tuple[str, dict[str, Any]]] = [
        ("more than 8 MiB", {"body": " " * 1024, "repeat": 8193}),
        ("65 levels", {"body": "[" * 65 + "]" * 65}),
        ("a million levels", {"body": "[", "repeat": 1000000}),
        ("too many values", {"body": "[" + "1," * 300000 + "1]"}),
        ("duplicate members", {"body": "{\"success\":true,\"success\":true,\"data\":[]}"}),
        ("something behind it", {"body": "{\"success\":true,\"data\":[]} {}"}),
        ("no array", {"body": "{\"success\":true,\"data\":{\"courses\":{}}}"}),
        ("nothing", {"body": ""}),
    ]

    BROKEN_ROWS: list[tuple[str, dict[str, Any]]] = [
        ("a NUL", {"body": "{\"success\":true,\"data\":[\u0000]}"}),
        ("an escaped NUL", {"body": "{\"success\":true,\"data\":[\"\\u0000\"]}"}),
        ("invalid UTF-8", {"body_base64": "eyJzdWNjZXNzIjp0cnVlLCJkYXRhIjpbIv8iXX0="}),
        ("half a surrogate pair", {"body": "{\"success\":true,\"data\":[\"\\ud800\"]}"}),
        ("a number beyond double", {"body": "{\"success\":true,\"data\":[1e999]}"}),
    ]

    def test_rows_that_are_no_json_change_nothing(self) -> None:
        self.sync()
        before = self.stack.stamps()
        for name, raw in self.BROKEN_ROWS:
            with self.subTest(name):
                self.hemera.scenario(raw_list=raw)
                report = self.sync()
                self.assertEqual((report["status"], [(e["entity"], e["code"]) for e in report["errors"]]),
                                 ("partial", [("course data[0]", "HEMERA_BAD_DATA"), ("list", "HEMERA_BAD_DATA")]))
                self.assertEqual(self.stack.stamps(), before)

    def test_a_byte_order_mark_before_the_list_changes_nothing(self) -> None:
        row = {"id": "c1", "title": "One", "slug": "one", "level": "BEGINNER", "startDate": None, "endDate": None,
               "participantCount": 0}
        body = json.dumps({"success": True, "data": [row], "meta": {}})
        self.hemera.scenario(raw_list={"body": "\ufeff" + body})
        self.assertEqual(self.sync()["status"], "success")
        self.assertEqual(list(self.stack.pages()), ["one.html"])

    def test_a_hostile_list_is_refused_and_nothing_changes(self) -> None:
        self.sync()
        before = self.stack.stamps()
        for name, raw in self.LISTS:
            with self.subTest(name):
                self.hemera.scenario(raw_list=raw)
                reply = self.stack.post("/api/sync")
                self.assertEqual((reply.status, reply.code), (502, "HEMERA_BAD_DATA"), reply.text)
                self.assertLess(len(reply.body), 4096, "the message repeats no more than a piece of it")
                self.assertEqual(self.stack.stamps(), before)
        self.hemera.scenario(raw_list=None)
        self.assertEqual(self.sync()["filesGenerated"], 0)

    def test_a_detail_beyond_4_mib_costs_one_course(self) -> None:
        self.hemera.scenario(raw_detail={"id": "cgen000000000000000000001", "body": " " * 1024, "repeat": 4097})
        report = self.sync()
        self.assertEqual([(e["entity"], e["code"]) for e in report["errors"]],
                         [("course cgen000000000000000000001", "HEMERA_BAD_DATA")])
        self.assertEqual(len(self.stack.pages()), 3)

    def test_a_bad_row_costs_one_course_and_the_message_names_its_path(self) -> None:
        good = {"id": "cgood", "title": "Gut", "slug": "gut", "level": "BEGINNER", "startDate": None,
                "endDate": None, "participantCount": 0}
        bad = [("level", "EXPERT"), ("title", None), ("startDate", "2026-02-30T00:00:00.000Z"),
               ("endDate", "tomorrow"), ("participantCount", -1), ("participantCount", 1.5), ("slug", 7)]
        rows = [good | {"id": f"cbad{n}", member: value} for n, (member, value) in enumerate(bad)]
        self.hemera.scenario(replace_list=[*rows, good])
        report = self.sync()
        self.assertEqual(report["status"], "partial")
        self.assertEqual(list(self.stack.pages()), ["gut.html"])
        for n, (member, _) in enumerate(bad):
            self.assertEqual(report["errors"][n]["entity"], f"course cbad{n}")
            self.assertTrue(report["errors"][n]["message"].startswith(f"data[{n}].{member}: "), report["errors"][n])


class Origins(StackTest):
    """FallbackURL is used when the first origin is down, and no other server ever gets a request."""

    def test_the_second_origin_serves_while_the_first_is_down(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            dead = f"http://127.0.0.1:{closed.getsockname()[1]}"
        stack = Stack(self.hemera, "")
        self.addCleanup(lambda: self.assertEqual(stack.stop(), []))
        stack.write_config(f"[Hemera]\nBaseURL={dead}\nFallbackURL={self.hemera.url}\n")
        stack.start()
        self.assertEqual(stack.post("/api/sync").data["filesGenerated"], 3)
        self.assertEqual(stack.post("/api/sync").data["filesSkipped"], 3)

    def test_a_proxy_of_the_environment_never_sees_the_key(self) -> None:
        seen: list[bytes] = []
        proxy = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(proxy.close)

        def listen() -> None:
            try:
                while True:
                    connection, _ = proxy.accept()
                    with connection:
                        seen.append(connection.recv(65536))
            except OSError:
                pass

        threading.Thread(target=listen, daemon=True).start()
        address = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        stack = Stack(self.hemera, "", {"http_proxy": address, "ALL_PROXY": address, "all_proxy": address})
        self.addCleanup(lambda: self.assertEqual(stack.stop(), []))
        stack.start()
        self.assertEqual(stack.post("/api/sync").status, 200)
        self.assertEqual(seen, [])


class Budget(StackTest):
    """The rate limit with a shortened window: 500 courses of Hemera's real limit behave the same."""

    hemera_arguments = ("--courses", "100", "--participants", "1", "--limit", "40", "--window", "3")
    config = "[Sync]\nTimeLimitSec=5\n"  # shorter than a window and its margin, so a sync never waits for the next window

    def test_until_complete_reads_each_course_once_and_ends(self) -> None:
        done = self.stack.cli("sync", "--until-complete")
        self.assertEqual(done.returncode, 0, done.stderr)
        requests = self.hemera.requests()
        details = [r["path"] for r in requests if r["path"].startswith("/api/service/courses/")]
        self.assertEqual(len(set(details)), 100)
        # No course is read twice before all have been requested. The last of them run beside the first repeated
        # ones, for which the last window still has room.
        first = details[:100 - CONNECTIONS]
        self.assertEqual(len(set(first)), len(first))
        self.assertLessEqual(max(Counter(details).values()), 2)
        self.assertLess(len(details), 100 + 36)  # the last course has a window of its own
        self.assertEqual(sum(r["status"] == 429 for r in requests), 0)
        report = self.stack.get("/api/sync/status").data
        self.assertEqual((report["status"], report["coursesDeferred"], report["retryAfterSec"]), ("success", 0, 0))
        self.assertNotIn("roundStartedAt", self.stack.manifest)

    def test_each_sync_publishes_all_and_defers_the_rest(self) -> None:
        report = self.sync()
        self.assertEqual((report["status"], report["filesGenerated"]), ("success", 100))
        self.assertGreater(report["coursesDeferred"], 60)
        self.assertTrue(1 <= report["retryAfterSec"] <= 4)
        self.assertLess(report["durationMs"], 5000)

    def test_another_client_on_the_same_account_costs_one_429_a_window(self) -> None:
        self.hemera.scenario(window=60, limit=100)
        self.hemera.scenario(used=100)
        self.assertEqual(self.stack.post("/api/sync").code, "HEMERA_RATE_LIMITED")
        self.assertEqual(self.stack.post("/api/sync").code, "HEMERA_RATE_LIMITED")
        self.assertEqual([r["status"] for r in self.hemera.requests()], [429])


class Cancel(StackTest):
    config = "MaxRetries=0\n"

    def test_a_stopping_worker_drops_a_hanging_request(self) -> None:
        self.sync()
        before = self.stack.stamps()
        self.hemera.scenario(fault={"path": DETAIL, "kind": "hang", "count": -1})
        self.stack.post("/api/sync", Prefer="respond-async")
        wait_until(lambda: any(r["fault"] for r in self.hemera.requests()), "a detail hangs")
        assert self.stack.worker
        self.assertEqual(self.stack.worker.stop(), 0)
        self.assertEqual(self.stack.stamps(), before)
        self.assertEqual(self.stack.manifest["lastSync"]["errors"][0]["code"], "SHUTTING_DOWN")
        self.assertEqual(self.stack.manifest["consecutiveFailures"], 0)

    def test_a_refused_key_does_not_wait_for_what_hangs(self) -> None:
        self.hemera.scenario(courses=9, participants=1,
                             fault=[{"path": "^/api/service/courses/cgen0*5$", "kind": "status", "status": 401},
                                    {"path": "^/api/service/courses/cgen0*[1-4]$", "kind": "hang", "count": -1}])
        reply = self.stack.post("/api/sync")
        self.assertEqual(reply.code, "HEMERA_AUTH_FAILED")
        self.assertLess(reply.data["durationMs"], 20000)  # RequestTimeoutSec is 30


if __name__ == "__main__":
    unittest.main()
