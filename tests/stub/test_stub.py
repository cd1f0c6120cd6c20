# SPDX-License-Identifier: MIT
"""Behaviour that the recordings do not show: the limiter over time, order and paging, the optional endpoints, and every
fault."""
import http.client
import json
import socket
import tempfile
import time
import unittest
from datetime import date
from pathlib import Path
from typing import Any

from client import Stub
from courses import berlin_midnight, generate
from handlers import number
from limiter import FixedWindow
from sample import sample_courses

LIST = "/api/service/courses"
TICK_S = 0.3  # long enough to be distinguished from "at once", short enough to wait for


class LimiterTest(unittest.TestCase):
    def setUp(self) -> None:
        self.now = 1000.0
        self.window = FixedWindow(3, 60, clock=lambda: self.now)

    def take(self, times: int) -> list[bool]:
        return [self.window.take() for _ in range(times)]

    def test_the_request_after_the_last_allowed_one_is_refused(self) -> None:
        self.assertEqual(self.take(5), [True, True, True, False, False])

    def test_the_window_is_fixed_so_two_windows_full_can_follow_each_other(self) -> None:
        self.take(1)
        self.now += 59.9
        self.assertEqual(self.take(3), [True, True, False])
        self.now += 0.1
        self.assertEqual(self.take(4), [True, True, True, False])

    def test_refused_requests_do_not_prolong_the_window(self) -> None:
        self.take(3)
        self.now += 59
        self.take(100)
        self.assertEqual(self.window.retry_after_s(), 1)
        self.now += 1
        self.assertTrue(self.window.take())

    def test_retry_after_and_reset_are_rounded_up(self) -> None:
        self.now = 1000.2
        self.take(1)
        self.now = 1001.9
        self.assertEqual(self.window.retry_after_s(), 59)
        self.assertEqual(dict(self.window.headers()),
                         {"x-ratelimit-limit": "3", "x-ratelimit-remaining": "2",
                          "x-ratelimit-reset": "1061"})


class DataTest(unittest.TestCase):
    def test_course_days_begin_at_midnight_in_germany(self) -> None:
        for day, stored in (("2026-03-15", "2026-03-14T23"), ("2026-03-29", "2026-03-28T23"),
                            ("2026-03-30", "2026-03-29T22"), ("2026-10-25", "2026-10-24T22"),
                            ("2026-10-26", "2026-10-25T23")):
            with self.subTest(day):
                self.assertEqual(berlin_midnight(date.fromisoformat(day)), stored + ":00:00.000Z")

    def test_generated_courses_are_the_same_every_time(self) -> None:
        self.assertEqual(generate(20, 5), generate(20, 5))

    def test_the_sample_has_unique_ids_and_fits_the_field_limits(self) -> None:
        courses = sample_courses(date(2026, 6, 1))
        ids = [c["id"] for c in courses] + [b["bookingId"] for c in courses
                                            for b in c["participants"]]
        self.assertEqual(len(set(ids)), len(ids))
        self.assertTrue(all(3 <= len(c["title"]) <= 50 for c in courses))

    def test_numbers_are_read_as_javascript_reads_them(self) -> None:
        for text, value in (("", 0), (" 7 ", 7), ("0x2", 2), ("1e2", 100), ("1.5", 1.5),
                            ("-1", -1)):
            with self.subTest(text):
                self.assertEqual(number(text), value)
        for text in ("1_0", "ten", "1,5", "0x", "--1", "٣"):
            with self.subTest(text):
                self.assertNotEqual(number(text), number(text))  # NaN


class StubTest(unittest.TestCase):
    """The common part of the tests below: one stub for all, reset before each."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.stub = Stub("--courses", "25", "--participants", "2")

    @classmethod
    def tearDownClass(cls) -> None:
        cls.stub.stop()

    def setUp(self) -> None:
        self.stub.reset()
        self.connection = http.client.HTTPConnection("127.0.0.1", self.stub.port, timeout=30)
        self.addCleanup(self.connection.close)

    def get(self, target: str = LIST, method: str = "GET",
            body: bytes | None = None) -> http.client.HTTPResponse:
        """Sends one request on the kept connection; the body is in `.content`."""
        self.connection.request(method, target, body, {"X-API-Key": self.stub.key})
        reply = self.connection.getresponse()
        reply.content = reply.read()
        return reply

    def data(self, target: str = LIST) -> Any:
        reply = self.get(target)
        self.assertEqual(reply.status, 200, reply.content)
        return json.loads(reply.content)["data"]


class ServiceTest(StubTest):
    def test_the_101st_request_gets_429(self) -> None:
        statuses = [self.get(LIST + "?limit=1").status for _ in range(101)]
        self.assertEqual(statuses, [200] * 100 + [429])

    def test_a_shortened_window_reopens_after_its_time(self) -> None:
        self.stub.scenario(limit=1, window=1)
        start = time.monotonic()
        self.assertEqual(self.get().status, 200)
        while (reply := self.get()).status == 429:
            self.assertEqual(reply.getheader("retry-after"), "1")
        self.assertGreaterEqual(time.monotonic() - start, 1)

    def test_what_is_not_counted_leaves_the_window_alone(self) -> None:
        self.stub.scenario(limit=1)
        for method, target, status in (("OPTIONS", LIST, 204), ("GET", LIST + "/", 308),
                                       ("POST", LIST, 405), ("GET", LIST + "/bad", 400),
                                       ("GET", "/api/service/nothing", 404)):
            self.assertEqual(self.get(target, method).status, status)
        self.assertEqual(self.get().getheader("x-ratelimit-remaining"), "0")

    def test_the_list_is_ordered_by_start_with_undated_courses_last(self) -> None:
        starts = [row["startDate"] for row in self.data()]
        dated = [start for start in starts if start]
        self.assertEqual(starts, sorted(dated) + [None] * (len(starts) - len(dated)))
        self.assertEqual(len(starts) - len(dated), 2)

    def test_pages_together_are_the_whole_list(self) -> None:
        pages = [self.data(f"{LIST}?limit=10&offset={offset}") for offset in (0, 10, 20, 30)]
        self.assertEqual([len(page) for page in pages], [10, 10, 5, 0])
        self.assertEqual(sum(pages, []), self.data())

    def test_a_detail_shows_every_booking_in_both_shapes(self) -> None:
        detail = self.data(f"{LIST}/cgen{3:021d}")
        self.assertEqual([p["bookingId"] for p in detail["participants"]],
                         [p["bookingId"] for p in detail["participations"]])
        self.assertEqual(len(detail["participants"]), 2)

    def test_a_result_is_stored_and_completes_the_participation(self) -> None:
        booking = self.data(f"{LIST}/cgen{3:021d}")["participants"][0]
        target = f"/api/service/participations/{booking['participationId']}"
        body = json.dumps({"resultNotes": "gut", "complete": True}).encode()
        self.assertEqual(self.get(target + "/result", "PUT", body).status, 200)
        stored = self.data(target)
        self.assertEqual((stored["resultNotes"], stored["status"]), ("gut", "COMPLETE"))
        self.assertEqual(stored["resultCompletedAt"], stored["updatedAt"])

    def test_the_optional_endpoints_are_missing_until_switched_on(self) -> None:
        for name in ("templates", "participations"):
            reply = self.get(f"/api/service/{name}")
            self.assertEqual((reply.status, reply.getheader("content-type")),
                             (404, "text/html; charset=utf-8"))
        rows = [{"id": "t1", "courseId": None, "lessonId": None, "markup": "{{x}}", "version": 1}]
        self.stub.scenario(templates=rows, participations=True)
        self.assertEqual(self.data("/api/service/templates"), rows)
        page = self.data("/api/service/participations?limit=30&offset=30")
        self.assertEqual(len(page), 20)
        self.assertEqual(list(page[0])[:3], ["courseId", "bookingId", "participationId"])

    def test_templates_of_a_folder_belong_to_the_course_in_their_name(self) -> None:
        course_id = f"cgen{1:021d}"
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "course.hbs").write_text("all", encoding="utf-8")
            Path(folder, course_id + ".hbs").write_text("one", encoding="utf-8")
            with Stub("--courses", "2", "--templates", folder) as stub:
                connection = http.client.HTTPConnection("127.0.0.1", stub.port, timeout=30)
                connection.request("GET", "/api/service/templates",
                                   headers={"X-API-Key": stub.key})
                rows = json.loads(connection.getresponse().read())["data"]
                connection.close()
        self.assertEqual({row["markup"]: row["courseId"] for row in rows},
                         {"all": None, "one": course_id})

    def test_an_idle_connection_is_closed(self) -> None:
        self.stub.scenario(idle_timeout=0.05)
        self.get()
        self.assertEqual(self.connection.sock.recv(1), b"")

    def test_an_endless_head_gets_431(self) -> None:
        with socket.create_connection(("127.0.0.1", self.stub.port), timeout=30) as raw:
            raw.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000 + b"\r\n\r\n")
            self.assertTrue(raw.recv(100).startswith(b"HTTP/1.1 431 "))

    def test_a_chunked_request_body_is_read(self) -> None:
        self.connection.request("PUT", "/api/service/participations/cnone000/result",
                                iter([b'{"complete"', b":true}"]), {"X-API-Key": self.stub.key},
                                encode_chunked=True)
        reply = self.connection.getresponse()
        self.assertIn(b"Participation not found", reply.read())


class ScenarioTest(StubTest):
    def test_courses_can_be_added_changed_and_removed(self) -> None:
        self.stub.scenario(courses=0, add={"id": "cnew0000", "title": "Neu"})
        self.assertEqual([row["title"] for row in self.data()], ["Neu"])
        self.stub.scenario(course={"id": "cnew0000", "title": "Anders"})
        self.assertEqual(self.data(LIST + "/cnew0000")["title"], "Anders")
        self.stub.scenario(remove="cnew0000")
        self.assertEqual(self.data(), [])
        self.assertEqual(self.get(LIST + "/cnew0000").status, 404)

    def test_a_changed_booking_moves_to_the_end(self) -> None:
        target = f"{LIST}/cgen{0:021d}"
        first, second = (p["bookingId"] for p in self.data(target)["participants"])
        self.stub.scenario(participant={"bookingId": first, "name": "Neu"})
        after = self.data(target)["participants"]
        self.assertEqual([p["bookingId"] for p in after], [second, first])
        self.assertEqual(after[1]["name"], "Neu")

    def test_rows_and_bodies_can_be_sent_word_for_word(self) -> None:
        self.stub.scenario(replace_list=[{"id": 7}, "text", None])
        self.assertEqual(self.data(LIST + "?limit=2"), [{"id": 7}, "text"])
        self.stub.scenario(raw_list={"body": "<html>", "content_type": "text/html", "repeat": 3})
        reply = self.get()
        self.assertEqual((reply.status, reply.getheader("content-type"), reply.content),
                         (200, "text/html", b"<html>" * 3))
        self.stub.scenario(raw_detail={"id": f"cgen{1:021d}", "body_base64": "/w=="})
        self.assertEqual(self.get(f"{LIST}/cgen{1:021d}").content, b"\xff")
        self.assertEqual(self.get(f"{LIST}/cgen{2:021d}").status, 200)

    def test_a_mistake_in_a_scenario_is_explained(self) -> None:
        with self.assertRaisesRegex(ValueError, "unknown members: cuorses"):
            self.stub.scenario(cuorses=3)
        with self.assertRaisesRegex(ValueError, "no course cgone000"):
            self.stub.scenario(remove="cgone000")
        with self.assertRaisesRegex(ValueError, "fault path"):
            self.stub.scenario(fault={"path": "^(", "kind": "close"})

    def test_reset_brings_back_the_start(self) -> None:
        self.stub.scenario(courses=1, legacy=True, key="x" * 32, limit=0,
                           fault={"path": "/", "kind": "close", "count": -1})
        self.stub.reset()
        self.assertEqual(len(self.data()), 25)

    def test_requests_are_logged_with_key_connection_and_status(self) -> None:
        self.get(LIST + "?limit=1")
        self.get(LIST + "/bad")
        first, second = self.stub.requests()
        self.assertEqual((first["path"], first["query"], first["status"]), (LIST, "limit=1", 200))
        self.assertEqual(first["headers"]["x-api-key"], self.stub.key)
        self.assertEqual((second["status"], second["connection"]), (400, first["connection"]))
        self.stub.clear_requests()
        self.assertEqual(self.stub.requests(), [])


class FaultTest(StubTest):
    def arm(self, kind: str, **members: Any) -> None:
        self.stub.scenario(fault={"path": LIST, "kind": kind} | members)

    def test_status_answers_without_counting_and_only_count_times(self) -> None:
        self.arm("status", status=502, count=2, body="bad gateway", headers={"retry-after": "1"})
        reply = self.get()
        self.assertEqual((reply.status, reply.content, reply.getheader("retry-after")),
                         (502, b"bad gateway", "1"))
        self.assertEqual([self.get().status, self.get().status], [502, 200])
        self.assertEqual(self.get().getheader("x-ratelimit-remaining"), "98")

    def test_html_answers_200_with_a_page(self) -> None:
        self.arm("html")
        reply = self.get()
        self.assertEqual((reply.status, reply.getheader("content-type")),
                         (200, "text/html; charset=utf-8"))

    def test_delay_answers_late(self) -> None:
        self.arm("delay", seconds=TICK_S)
        start = time.monotonic()
        self.assertEqual(len(self.data()), 25)
        self.assertGreaterEqual(time.monotonic() - start, TICK_S)

    def test_slow_trickles_the_whole_body(self) -> None:
        self.arm("slow", seconds=TICK_S)
        self.assertEqual(self.data(), self.data())

    def test_truncate_ends_inside_the_body(self) -> None:
        self.arm("truncate")
        with self.assertRaises(http.client.IncompleteRead):
            self.get()

    def test_close_ends_without_a_reply(self) -> None:
        self.arm("close")
        with self.assertRaises(http.client.RemoteDisconnected):
            self.get()
        self.assertIsNone(self.stub.requests()[0]["status"])

    def test_reset_resets_the_connection(self) -> None:
        self.arm("reset")
        with self.assertRaises(ConnectionResetError):
            self.connection.request("GET", LIST)
            self.connection.sock.recv(1)

    def test_hang_sends_nothing_for_its_time(self) -> None:
        self.arm("hang", seconds=TICK_S)
        start = time.monotonic()
        with self.assertRaises(http.client.RemoteDisconnected):
            self.get()
        self.assertGreaterEqual(time.monotonic() - start, TICK_S)

    def test_a_fault_can_skip_requests_and_match_a_pattern_or_a_method(self) -> None:
        self.stub.scenario(fault=[
            {"path": f"^{LIST}/c", "kind": "status", "status": 500, "skip": 1},
            {"path": LIST, "kind": "status", "status": 501, "method": "HEAD"}])
        detail = f"{LIST}/cgen{0:021d}"
        self.assertEqual([self.get().status, self.get(detail).status, self.get(detail).status,
                          self.get(method="HEAD").status], [200, 200, 500, 501])

    def test_null_disarms_all_faults(self) -> None:
        self.arm("close", count=-1)
        self.stub.scenario(fault=None)
        self.assertEqual(self.get().status, 200)


if __name__ == "__main__":
    unittest.main()
