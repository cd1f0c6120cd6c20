# SPDX-License-Identifier: MIT
"""Hemera's list as it really is: rows that paging loses, rows that are malformed, lists that are suddenly empty or short,
and a rate limit that other clients use up. No course is lost, and nothing counts as a failure that is none."""
import base64
import json
import re
import unittest
from typing import Any

from stack import StackTest

LIST = "/api/service/courses"
MANIFEST = ".sync-manifest.json"


def course(number: int, **members: Any) -> dict[str, Any]:
    return {"id": f"ctie{number:020d}", "title": f"Kurs Nr. {number}.", "slug": f"kurs-{number}",
            "level": "BEGINNER", **members}


class ListTest(StackTest):
    def titles(self) -> int:
        """The number of courses that the homepage shows."""
        return self.stack.get("/?lang=de").text.count("<tr role=\"row\" data-level=")

    def status(self) -> Any:
        return self.stack.get("/api/sync/status").data

    def sync_code(self) -> tuple[int, str]:
        reply = self.stack.post("/api/sync")
        return reply.status, reply.data["status"] if reply.status == 200 else reply.code


class Ties(ListTest):
    """1200 courses, 300 of them without a date; the page that begins at 1000 always lacks the same ones."""
    hemera_arguments = ("--courses", "0", "--no-limit")

    def setUp(self) -> None:
        super().setUp()
        levels = ("BEGINNER", "INTERMEDIATE", "ADVANCED")
        self.hemera.scenario(ties=True, courses=[
            course(number, level=levels[number % 3],
                   startDate=f"{2027 + number // 300}-{number // 25 % 12 + 1:02}-{number % 25 + 1:02}T23:00:00.000Z"
                   if number < 900 else None) for number in range(1200)])

    def test_every_course_has_a_page_and_keeps_it(self) -> None:
        done = self.stack.cli("sync", "--until-complete")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(self.stack.pages()), 1200)
        self.assertEqual(self.titles(), 1200)
        requests = [r["query"] for r in self.hemera.requests(LIST)]
        self.assertEqual([q for q in requests if "level" not in q],
                         ["limit=500&offset=0", "limit=500&offset=500", "limit=500&offset=1000"])
        self.assertGreater(len(requests), 3, "the stub has lost no row")
        for _ in range(3):
            report = self.sync()
            self.assertEqual((report["status"], report["filesDeleted"], report["filesSkipped"]), ("success", 0, 1200))
        self.assertEqual(len(self.stack.pages()), 1200)

    def test_a_refresh_keeps_what_a_page_has_lost(self) -> None:
        self.sync()
        self.hemera.clear_requests()
        reply = self.stack.request("POST", "/internal/refresh", over_unix_socket=True)
        self.assertEqual((reply.status, reply.data["changed"]), (200, False))
        self.assertEqual(len(self.hemera.requests(LIST)), 3)
        self.assertEqual(self.titles(), 1200)
        self.assertIsNone(self.status()["listKept"], "the last sync had all")

    def test_a_second_sync_within_the_minute_is_a_success(self) -> None:
        self.hemera.scenario(limit=100)
        self.assertEqual(self.sync()["status"], "success")
        report = self.sync()
        self.assertEqual((report["status"], report["filesDeleted"]), ("success", 0), report["errors"])
        self.assertEqual(self.titles(), 1200)
        self.assertIsNone(self.status()["listKept"])

    def test_what_the_limit_keeps_from_being_found_waits(self) -> None:
        self.hemera.scenario(limit=100, used=88)
        report = self.sync()
        self.assertEqual((report["status"], report["errors"]), ("success", []))
        self.assertGreater(report["coursesDeferred"], 0)
        self.assertGreater(report["retryAfterSec"], 0)


class LostForGood(ListTest):
    """A row that no slice returns, because a repeated row takes its place."""
    hemera_arguments = ("--courses", "0", "--no-limit")

    def test_nothing_is_removed_and_the_report_says_why(self) -> None:
        rows = [course(number, startDate=None, endDate=None, participantCount=0) for number in range(600)]
        self.hemera.scenario(replace_list=rows)
        self.assertEqual(self.sync()["status"], "success")
        rows[550] = rows[10]
        self.hemera.scenario(replace_list=rows)
        for arguments in ([], [], ["--force"]):
            done = self.stack.cli("sync", *arguments)
            self.assertEqual(done.returncode, 2)
            self.assertIn("list: HEMERA_BAD_DATA: Hemera's list has 600 rows, but only 599 different courses, even when",
                          done.stderr)
            self.assertIn("0 removed", done.stdout)
        self.assertEqual(len(self.stack.pages()), 600)
        self.assertEqual(self.titles(), 600)
        self.assertEqual(self.status()["listKept"]["reason"], "incomplete")
        self.assertIn("Hemera's list            lacks rows: 1 known course is missing and stays on the homepage\n",
                      self.stack.cli("status").stdout)


class SecondSync(ListTest):
    hemera_arguments = ("--courses", "120", "--participants", "1")
    config = "[Hemera]\nMaxRetries=0\n"

    def test_the_next_sync_within_the_minute_is_a_success(self) -> None:
        first = self.sync()
        self.assertGreater(first["coursesDeferred"], 20)
        for _ in range(4):
            report = self.sync()
            self.assertEqual((report["status"], report["filesGenerated"]), ("success", 0))
            self.assertGreater(report["retryAfterSec"], 0)
            self.assertGreater(report["coursesDeferred"], 20)
        self.assertEqual(len(self.stack.pages()), 120)
        shown = self.stack.cli("status")
        self.assertEqual(shown.returncode, 0)
        self.assertRegex(shown.stdout, r"deferred +\d+ courses wait to be read; read them now: "
                                       r"aither sync --until-complete\n")

    def test_the_limit_alone_is_no_failure(self) -> None:
        self.sync()
        self.hemera.scenario(used=200)
        for _ in range(4):
            reply = self.stack.post("/api/sync")
            self.assertEqual((reply.status, reply.code), (503, "HEMERA_RATE_LIMITED"))
            self.assertTrue(0 < int(reply.headers["Retry-After"]) <= 60)
        self.assertEqual(self.status()["consecutiveFailures"], 0)


class LostManifest(ListTest):
    hemera_arguments = ("--courses", "150", "--participants", "2", "--no-limit")

    def test_no_page_loses_its_participants(self) -> None:
        self.sync()
        before = self.stack.pages()
        self.assertTrue(all("Teilnehmerin" in text for text in before.values()))
        (self.stack.output / MANIFEST).unlink()
        self.hemera.scenario(limit=100, window=60)
        report = self.sync()
        self.assertGreater(report["coursesDeferred"], 0)
        self.assertEqual(report["filesDeleted"], 0)
        pages = self.stack.pages()
        self.assertEqual(pages.keys(), before.keys())
        self.assertEqual([name for name, text in pages.items() if "Teilnehmerin" not in text], [])
        self.hemera.scenario(limit=None, window=60)
        assert self.stack.worker
        self.stack.worker.stop()  # the worker remembers a rate limit that no longer exists
        self.stack.start_worker()
        self.assertEqual(self.sync()["coursesDeferred"], 0)
        self.assertEqual(len(self.stack.manifest["entities"]["courses"]), 150)


class Guard(ListTest):
    hemera_arguments = ("--courses", "30", "--no-limit")
    config = "[Web]\nLiveTTLSec=1\n"

    def test_an_empty_list_is_believed_only_by_force(self) -> None:
        self.sync()
        self.hemera.scenario(courses=0)
        for _ in range(3):
            self.assertEqual(self.sync_code(), (200, "partial"))
        self.assertEqual((len(self.stack.pages()), self.titles()), (30, 30))
        shown = self.stack.cli("status").stdout
        self.assertIn("Hemera's list            is empty: 30 known courses are missing and stay on the homepage; "
                      "if they are really gone: aither sync --force\n", shown)
        checks = {c["name"]: c for c in json.loads(self.stack.cli("doctor", "--json").stdout)["data"]["checks"]}
        self.assertEqual((checks["course-list"]["status"], checks["course-list"]["remedy"]),
                         ("warning", "aither sync --force"))
        forced = self.stack.cli("sync", "--force")
        self.assertEqual(forced.returncode, 0)
        self.assertIn("30 removed", forced.stdout)
        self.assertIn("removed, because no course on Hemera's list has these pages any more:\n  courses/kurs-00000.html\n", forced.stdout)
        self.assertEqual((len(self.stack.pages()), self.titles()), (0, 0))
        self.assertIsNone(self.status()["listKept"])

    def test_what_a_refresh_meets_is_in_the_status(self) -> None:
        self.sync()
        self.hemera.scenario(courses=10)
        reply = self.stack.request("POST", "/internal/refresh", over_unix_socket=True)
        self.assertEqual((reply.status, self.titles()), (200, 30))
        kept = self.status()["listKept"]
        self.assertEqual((kept["reason"], kept["courses"]), ("shrunk", 20))
        assert self.stack.worker
        self.stack.worker.stop()
        self.stack.start_worker()
        self.assertEqual(self.status()["listKept"], kept)
        self.hemera.scenario(courses=30)
        self.stack.request("POST", "/internal/refresh", over_unix_socket=True)
        self.assertIsNone(self.status()["listKept"])

    def test_a_course_that_is_gone_leaves_the_homepage_at_once(self) -> None:
        self.sync()
        self.hemera.scenario(remove="cgen000000000000000000003")
        self.stack.request("POST", "/internal/refresh", over_unix_socket=True)
        self.assertEqual((len(self.stack.pages()), self.titles()), (30, 29))
        self.assertEqual(self.sync()["filesDeleted"], 1)


class BadRows(ListTest):
    hemera_arguments = ("--courses", "3", "--participants", "1", "--no-limit")

    def test_a_row_that_is_no_text_costs_one_row(self) -> None:
        rows = [course(number, startDate=None, endDate=None, participantCount=0) for number in range(3)]
        good = json.dumps({"success": True, "data": rows}).encode()
        for name, old, new in (("half an emoji", b"Kurs Nr. 1.", b"Kurs \\ud83d"),
                               ("NUL", b"Kurs Nr. 1.", b"Kurs\\u0000"),
                               ("Latin-1", b"Kurs Nr. 1.", b"Gr\xf6\xdfe"),
                               ("a line break", b"Kurs Nr. 1.", b"Kurs\n1"),
                               ("no escape", b"Kurs Nr. 1.", b"Kurs \\x31"),
                               ("no level", b'"level": "BEGINNER"', b'"level": undefined'),
                               ("two titles", b'"title": "Kurs Nr. 1."', b'"title": "Kurs Nr. 1.", "title": ""'),
                               ("a count without end", b'"participantCount": 0', b'"participantCount": 1e400')):
            with self.subTest(name):
                self.hemera.scenario(raw_list={"body_base64": base64.b64encode(good).decode()})
                self.assertEqual(self.sync()["status"], "success")
                self.assertEqual((len(self.stack.pages()), self.titles()), (3, 3))
                first, _, second = good.partition(b"ctie00000000000000000001")
                bad = first + b"ctie00000000000000000001" + second.replace(old, new, 1)
                self.assertNotEqual(bad, good)
                self.hemera.scenario(raw_list={"body_base64": base64.b64encode(bad).decode()})
                report = self.sync()
                self.assertEqual((report["status"], report["coursesFetched"]), ("partial", 2))
                self.assertEqual([e["entity"] for e in report["errors"]], ["course ctie00000000000000000001"])
                self.assertEqual((len(self.stack.pages()), self.titles()), (3, 3))


class Unreadable(ListTest):
    hemera_arguments = ("--courses", "0", "--no-limit")

    def test_rows_without_an_id_keep_what_may_be_theirs(self) -> None:
        rows = [course(number, startDate=None, endDate=None, participantCount=0) for number in range(5)]
        self.hemera.scenario(replace_list=rows)
        self.sync()
        self.hemera.scenario(replace_list=[*rows[:3], rows[3] | {"id": "?? bad"}])
        done = self.stack.cli("sync", "--force")
        self.assertEqual(done.returncode, 2)
        self.assertIn("2 known courses are missing from Hemera's list, but 1 row without a usable id may be theirs",
                      done.stderr)
        self.assertEqual((len(self.stack.pages()), self.titles()), (5, 5))
        self.assertIn("Hemera's list            has rows without a usable id: 2 known courses are missing and stay on the "
                      "homepage\n", self.stack.cli("status").stdout)


class PublicPages(ListTest):
    hemera_arguments = ("--courses", "120", "--participants", "1", "--no-limit")
    config = "[Site]\nCoursePages=public\n"

    def test_links_stay_though_the_manifest_is_lost(self) -> None:
        self.sync()
        self.assert_all_are_linked()
        (self.stack.output / MANIFEST).unlink()
        self.hemera.scenario(limit=100, window=60)
        self.sync()
        self.assert_all_are_linked()

    def assert_all_are_linked(self) -> None:
        self.assertEqual(len(set(re.findall('href="/(courses/[^"?]+)', self.stack.get("/").text))), 120)


class Templates(ListTest):
    def test_a_row_that_cannot_be_read_leaves_the_pages_as_they_are(self) -> None:
        good = {"sourceId": "t1", "courseId": None, "markup": "GOOD", "version": 1}
        self.hemera.scenario(templates=[good])
        self.sync()
        self.hemera.scenario(templates=[good | {"markup": None}], add=course(7))
        report = self.sync()
        self.assertEqual((report["status"], report["errorsTotal"], report["templatesFetched"]), ("partial", 1, 0))
        self.assertEqual(sorted(self.stack.pages().values())[-3:], ["GOOD"] * 3)
        self.assertEqual(len(self.stack.pages()), 4)
        self.hemera.scenario(templates=[good | {"version": 2}])
        self.sync()
        self.assertEqual(set(self.stack.pages().values()), {"GOOD"})

    def test_the_latest_version_counts_whatever_it_looks_like(self) -> None:
        for versions in ([1, 2], ["1", "2"], [9, 10], ["2026-09-30", "2026-10-01"], [None, 1], [None, "2026-01-01"],
                         ["2025-12-31T23:59:59.999Z", "2026-01-01T00:00:00.000Z"]):
            with self.subTest(versions):
                rows = [{"sourceId": f"t{i}", "courseId": None, "markup": f"version {i}"} for i in range(2)]
                for row, version in zip(rows, versions):
                    if version is not None:
                        row["version"] = version
                self.hemera.scenario(templates=rows)
                self.assertEqual(self.sync()["templatesFetched"], 2)
                self.assertEqual(set(self.stack.pages().values()), {"version 1"})

    def test_a_broken_template_is_one_error(self) -> None:
        for markup in ("{{#if", "{{unknown course.title}}", "{{> nobody}}"):
            with self.subTest(markup):
                self.hemera.scenario(templates=[{"sourceId": "t1", "courseId": None, "markup": markup}])
                report = self.sync()
                self.assertEqual((report["status"], report["errorsTotal"]), ("partial", 1))
                self.assertEqual(report["errors"][0]["entity"], "template t1")
                self.assertTrue(all("<html" in page for page in self.stack.pages().values()), "the shipped one is used")


if __name__ == "__main__":
    unittest.main()
