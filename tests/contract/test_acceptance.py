# SPDX-License-Identifier: MIT
"""The acceptance scenarios of the specification, against the real programs and the stub Hemera.

Names are those of the specification: US1.1 is user story 1, scenario 1. Scenarios that need a booted system (the timer of
US3.1) are in tests/system as well. US3.2, the operator's mail, comes with the alerts.
"""
import html
import re
import time
import unittest
import uuid

from stack import StackTest, wait_until


def is_recent(text: str) -> bool:
    moment = time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")
    return abs(time.mktime(moment) - time.timezone - time.time()) < 600


class UserStory1(StackTest):
    def test_US1_1_a_sync_fetches_everything_and_writes_populated_pages(self) -> None:
        self.hemera.scenario(templates=[{"id": "t1", "courseId": None, "seminarId": None, "lessonId": None,
                                         "markup": "<h1>{{course.title}}</h1>{{#each participants}}"
                                                   "<p>{{name}}</p>{{/each}}", "version": 1}])
        report = self.sync()
        self.assertEqual((report["coursesFetched"], report["templatesFetched"]), (3, 1))
        self.assertEqual(report["participantsFetched"], 6)
        pages = self.stack.pages()
        self.assertEqual(len(pages), 3)
        for page in pages.values():
            self.assertRegex(page, r"^<h1>[^<]+</h1>(<p>[^<]+</p>){2}$")

    def test_US1_2_the_answer_has_status_duration_and_count(self) -> None:
        before = time.monotonic()
        reply = self.stack.post("/api/sync")
        elapsed_ms = (time.monotonic() - before) * 1000
        self.assertEqual(reply.headers["Content-Type"], "application/json")
        report = reply.data
        self.assertEqual(report["status"], "success")
        self.assertEqual(report["filesGenerated"], 3)
        self.assertTrue(0 <= report["durationMs"] <= elapsed_ms)
        uuid.UUID(report["jobId"])
        self.assertTrue(is_recent(report["startTime"]) and is_recent(report["endTime"]))

    def test_US1_3_an_unreachable_hemera_gives_a_structured_error_and_a_log_line(self) -> None:
        self.hemera.stop()
        reply = self.stack.post("/api/sync")
        self.assertEqual((reply.status, reply.code), (502, "HEMERA_UNREACHABLE"))
        self.assertIs(reply.json["success"], False)
        self.assertTrue(reply.json["error"]["message"])
        self.assertEqual(reply.data["status"], "failed")
        assert self.stack.worker
        self.stack.worker.wait_for_line(r"HEMERA_UNREACHABLE|sync failed")
        self.assertEqual(self.stack.get("/healthz").status, 200)


class UserStory2(StackTest):
    def test_US2_1_unchanged_data_overwrites_nothing_and_reports_no_change(self) -> None:
        self.sync()
        before = self.stack.stamps()
        report = self.sync()
        self.assertEqual((report["filesGenerated"], report["filesSkipped"], report["filesDeleted"]), (0, 3, 0))
        self.assertEqual(self.stack.stamps(), before)

    def test_US2_2_one_changed_title_writes_one_page(self) -> None:
        self.sync()
        before = self.stack.stamps()
        changed = self.stack.manifest["entities"]["courses"]
        course_id = sorted(changed)[1]
        self.hemera.scenario(course={"id": course_id, "title": "Ein neuer Titel"})
        report = self.sync()
        self.assertEqual((report["filesGenerated"], report["filesSkipped"]), (1, 2))
        after = self.stack.stamps()
        different = {name for name in after if after[name] != before[name] and name.startswith("courses/")}
        self.assertEqual(different, {changed[course_id]["outputPath"]})
        self.assertIn("Ein neuer Titel", (self.stack.output / changed[course_id]["outputPath"]).read_text())

    def test_US2_3_a_missing_or_damaged_manifest_means_a_full_regeneration(self) -> None:
        manifest = self.stack.output / ".sync-manifest.json"
        for damage in (None, "", "{}", "[]", "null", "{\"version\":", "\0\0\0", "{\"version\":999}"):
            with self.subTest(damage=damage):
                self.sync()
                if damage is None:
                    manifest.unlink()
                else:
                    manifest.write_text(damage)
                report = self.sync()
                self.assertEqual((report["status"], report["filesGenerated"]), ("success", 3))
                self.assertEqual(len(self.stack.manifest["entities"]["courses"]), 3)
                self.assertEqual(self.sync()["filesGenerated"], 0)


class UserStory3(StackTest):
    def test_US3_1_the_command_that_the_timer_runs_updates_the_pages(self) -> None:
        done = self.stack.cli("sync", "--until-complete")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("3 pages written, 0 unchanged, 0 removed", done.stdout)
        self.assertEqual(len(self.stack.pages()), 3)

    def test_US3_3_a_second_sync_is_rejected_with_409_while_one_runs(self) -> None:
        self.hemera.scenario(fault={"path": "/api/service/courses", "kind": "delay", "seconds": 2, "count": 1})
        started = self.stack.post("/api/sync", Prefer="respond-async")
        self.assertEqual(started.status, 202)
        second = self.stack.post("/api/sync")
        self.assertEqual((second.status, second.code), (409, "SYNC_IN_PROGRESS"))
        self.assertTrue(int(second.headers["Retry-After"]) > 0)
        wait_until(lambda: self.stack.get("/api/sync/status").data["status"] == "success", "the first sync ends")


class UserStory4(StackTest):
    def rows(self, page: str) -> list[str]:
        return [html.unescape(row) for row in re.findall(r"<tr\b.*?</tr>", page, re.S)]

    def test_US4_1_three_courses_stand_in_a_table_with_title_level_date_and_count(self) -> None:
        self.sync()
        reply = self.stack.get("/", Accept_Language="de")
        self.assertEqual(reply.status, 200)
        for entry in self.stack.manifest["entities"]["courses"].values():
            course = entry["course"]
            row = [r for r in self.rows(reply.text) if course["title"] in r]
            self.assertEqual(len(row), 1, f"{course['title']} has one row")
            labels = {"BEGINNER": "Grundkurs", "INTERMEDIATE": "Fortgeschritten", "ADVANCED": "Masterclass"}
            self.assertIn(labels[course["level"]], row[0])
            self.assertRegex(row[0], rf">\s*{course['participantCount']}\s*<")
            if course["startDate"]:
                self.assertRegex(row[0], r"<time datetime=")

    def test_US4_2_a_fallback_message_is_shown_when_hemera_is_away(self) -> None:
        self.hemera.stop()
        reply = self.stack.get("/")
        self.assertEqual(reply.status, 200)
        self.assertIn("text/html", reply.headers["Content-Type"])
        self.assertIn("nicht erreichbar", reply.text)

    def test_US4_3_changed_data_is_shown_at_the_reload_after_the_sync(self) -> None:
        self.sync()
        course_id = sorted(self.stack.manifest["entities"]["courses"])[0]
        self.assertNotIn("Frisch umbenannt", self.stack.get("/").text)
        self.hemera.scenario(course={"id": course_id, "title": "Frisch umbenannt"})
        self.sync()
        self.assertIn("Frisch umbenannt", self.stack.get("/").text)


class FunctionalRequirements(StackTest):
    def test_FR1_post_api_sync_runs_a_full_or_an_incremental_sync(self) -> None:
        self.assertEqual(self.sync()["filesGenerated"], 3)
        self.assertEqual(self.sync()["filesGenerated"], 0)

    def test_FR2_the_service_endpoints_are_read_with_the_key(self) -> None:
        self.sync()
        seen = self.hemera.requests("/api/service/")
        self.assertTrue(all(r["headers"].get("x-api-key") == self.hemera.key for r in seen))
        self.assertTrue(all(self.hemera.key not in r["path"] + r["query"] for r in seen))
        paths = {r["path"] for r in seen}
        self.assertLessEqual({"/api/service/courses", "/api/service/templates"}, paths)
        self.assertEqual(len([p for p in paths if p.startswith("/api/service/courses/")]), 3)

    def test_FR3_the_manifest_holds_a_sha256_hash_for_every_course(self) -> None:
        self.sync()
        entries = self.stack.manifest["entities"]["courses"]
        self.assertEqual(len(entries), 3)
        for entry in entries.values():
            self.assertRegex(entry["hash"], r"^[0-9a-f]{64}$")
            page = (self.stack.output / entry["outputPath"]).read_bytes()
            self.assertEqual(entry["size"], len(page))
        self.assertEqual((self.stack.output / ".sync-manifest.json").stat().st_mode & 0o777, 0o600)

    def test_FR4_the_operators_template_is_used(self) -> None:
        directory = self.stack.directory / "templates"
        directory.mkdir()
        (directory / "course.hbs").write_text("own: {{course.title}}")
        self.sync()
        self.assertTrue(all(page.startswith("own: ") for page in self.stack.pages().values()))

    def test_FR5_the_status_tells_time_result_and_statistics(self) -> None:
        before = self.stack.get("/api/sync/status")
        self.assertEqual((before.status, before.code), (404, "NO_SYNC_JOB"))
        report = self.sync()
        status = self.stack.get("/api/sync/status").data
        self.assertEqual(status["jobId"], report["jobId"])
        self.assertEqual(status["status"], "success")
        self.assertTrue(is_recent(status["lastSuccessTime"]))
        self.assertEqual(status["consecutiveFailures"], 0)
        self.assertEqual(status["filesGenerated"], 3)
        self.assertEqual(self.stack.get("/api/sync").data["jobId"], report["jobId"])

    def test_FR6_of_many_parallel_calls_one_sync_runs(self) -> None:
        self.hemera.scenario(fault={"path": "/api/service/courses", "kind": "delay", "seconds": 2, "count": 1})
        statuses = [self.stack.post("/api/sync", Prefer="respond-async").status for _ in range(8)]
        self.assertEqual(sorted(statuses), [202] + [409] * 7)
        wait_until(lambda: self.stack.get("/api/sync/status").data["status"] == "success", "the sync ends")
        self.assertEqual(len(self.hemera.requests("/api/service/templates")), 1)

    def test_FR7_the_homepage_is_live_without_any_sync(self) -> None:
        page = self.stack.get("/").text
        self.assertEqual(len(re.findall(r"<tr\b", page.split("<tbody", 1)[1])), 3, page)


class NonFunctionalRequirements(StackTest):
    hemera_arguments = ("--courses", "500", "--participants", "2", "--no-limit")

    def test_NFR1_500_courses_are_synced_within_60_seconds(self) -> None:
        before = time.monotonic()
        report = self.sync()
        self.assertLess(time.monotonic() - before, 60)
        self.assertEqual((report["filesGenerated"], report["coursesDeferred"]), (500, 0))

    def test_NFR1_under_hemeras_rate_limit_every_course_has_a_page_within_60_seconds(self) -> None:
        self.hemera.scenario(limit=100, window=60)
        before = time.monotonic()
        report = self.sync()
        self.assertLess(time.monotonic() - before, 60)
        self.assertEqual(len(self.stack.pages()), 500)
        self.assertGreater(report["coursesDeferred"], 0)
        self.assertGreater(report["retryAfterSec"], 0)

    def test_NFR2_all_that_is_kept_are_pages_and_one_manifest(self) -> None:
        self.sync()
        kept = {p.name for p in self.stack.output.iterdir()}
        self.assertEqual(kept, {"public", "courses", "courses.de.html", "courses.en.html", ".sync-manifest.json",
                                ".sync.lock", ".state.json"})
        self.assertTrue(all(p.suffix == ".html" for p in self.stack.courses.iterdir()))

    def test_NFR3_every_answer_of_the_api_has_a_request_id(self) -> None:
        for method, target in (("GET", "/api/sync/status"), ("GET", "/api/nothing"), ("PUT", "/api/sync"),
                               ("POST", "/api/sync?force=maybe"), ("GET", "/nothing")):
            with self.subTest(method=method, target=target):
                reply = self.stack.request(method, target)
                self.assertGreaterEqual(reply.status, 400)
                self.assertEqual(set(reply.json), {"success", "error", "meta"})
                self.assertEqual(set(reply.json["error"]), {"code", "message"})
                self.assertEqual(reply.json["meta"]["requestId"], reply.headers["X-Request-Id"])
        mine = self.stack.get("/api/nothing", X_Request_Id="my-own-id.1")
        self.assertEqual(mine.json["meta"]["requestId"], "my-own-id.1")


if __name__ == "__main__":
    unittest.main()
