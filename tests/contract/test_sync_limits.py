# SPDX-License-Identifier: MIT
"""A sync that takes long: its time limit, the events that end it early, and a second worker that needs the same
directory."""
import base64
import signal
import time
import unittest
from typing import Any

from stack import Daemon, StackTest, wait_until

LIST = "/api/service/courses"
COURSES = 800
PASSWORD = "a-password-for-the-pages"

# Every level iterates over the twelve members of `course`: 290 000 iterations for every page, less than a tenth of the
# number that aborts a template. That takes 30 ms, so all pages together need three times the permitted time. With the
# sanitizers on a busy machine it takes a second, in which the first pages must still be made.
LEVELS = 4
SLOW = (("{{#each @root.course}}" * LEVELS + "{{/each}}" * LEVELS) * 14 + "{{course.title}}"
        + "{{#each participants}}{{name}}{{/each}}")


def template(markup: str) -> list[dict[str, object]]:
    return [{"id": "t1", "courseId": None, "seminarId": None, "lessonId": None, "markup": markup, "version": 1}]


class SlowTemplate(StackTest):
    """Both cases: pages without participants are made after all data has been fetched, the others while it is being
    fetched."""
    participants = 0
    hemera_arguments = ("--courses", str(COURSES), "--no-limit")

    def setUp(self) -> None:
        super().setUp()
        self.hemera.scenario(courses=COURSES, participants=self.participants, templates=template(SLOW))


class TimeLimit(SlowTemplate):
    config = "[Sync]\nTimeLimitSec=5\n"

    def test_the_time_limit_bounds_it_and_the_rest_is_deferred(self) -> None:
        before = time.monotonic()
        report = self.sync()
        self.assertLess(time.monotonic() - before, 5 + 5)
        self.assertGreater(report["coursesDeferred"], 0, "the template is not slow enough")
        self.assertGreater(report["filesGenerated"], 0)
        self.assertEqual(report["filesGenerated"], len(self.stack.pages()))
        # A deferred course may have a page, made from its row in the list.
        self.assertGreaterEqual(report["filesGenerated"] + report["coursesDeferred"], COURSES)
        self.assertEqual(self.stack.manifest["consecutiveFailures"], 0)


class TimeLimitWithParticipants(TimeLimit):
    participants = 1


class Stop(SlowTemplate):
    config = "[Sync]\nTimeLimitSec=300\n"

    def phase_is_under_way(self) -> bool:
        report = self.stack.get("/api/sync/status").data
        self.assertEqual(report["status"], "running", "the template is not slow enough")
        return report["progress"]["done"] > 3

    def test_sigterm_ends_it_within_two_seconds(self) -> None:
        self.hemera.scenario(templates=template("old {{course.title}}"))
        self.assertEqual(self.sync()["filesGenerated"], COURSES)
        before = self.stack.stamps()
        self.hemera.scenario(templates=template(SLOW))
        self.stack.post("/api/sync", Prefer="respond-async")
        wait_until(self.phase_is_under_way, "pages are made")
        assert self.stack.worker
        begin = time.monotonic()
        self.assertEqual(self.stack.worker.stop(), 0)
        self.assertLess(time.monotonic() - begin, 4)  # two, plus what a busy machine adds
        self.assertEqual(self.stack.stamps(), before)
        manifest = self.stack.manifest
        self.assertEqual(manifest["lastSync"]["status"], "failed")
        self.assertEqual(manifest["lastSync"]["errors"][-1]["code"], "SHUTTING_DOWN")
        self.assertEqual(manifest["consecutiveFailures"], 0)
        self.assertEqual([p.name for p in self.stack.output.rglob(".tmp-*")], [])


class StopWithParticipants(Stop):
    participants = 1


class TwoWorkers(StackTest):
    def setUp(self) -> None:
        super().setUp()
        self.second_socket = self.stack.directory / "second.sock"
        self.second = Daemon("aither-worker", [f"--config={self.stack.config}", f"--listen={self.second_socket}"],
                             self.stack.environment)
        self.addCleanup(lambda: self.assertEqual(self.second.stop(), 0))
        self.second.wait_for_line(r"listening on /")
        self.hemera.scenario(fault={"path": LIST, "kind": "hang", "count": 1})
        self.stack.post("/api/sync", Prefer="respond-async")
        wait_until(lambda: self.hemera.requests(LIST), "the first worker's sync is under way")

    def sync_by_second(self) -> tuple[int, str]:
        first, self.stack.socket = self.stack.socket, self.second_socket
        try:
            reply = self.stack.request("POST", "/api/sync", over_unix_socket=True)
        finally:
            self.stack.socket = first
        return reply.status, "" if reply.status == 200 else reply.code

    def test_the_second_is_refused_and_touches_nothing(self) -> None:
        (self.stack.output / ".tmp-of-the-first").write_text("under way")
        self.assertEqual(self.sync_by_second(), (409, "SYNC_IN_PROGRESS"))
        self.assertEqual(self.stack.pages(), {})
        self.assertTrue((self.stack.output / ".tmp-of-the-first").exists())

    def test_a_holder_that_is_killed_leaves_no_lock(self) -> None:
        self.assertEqual(self.sync_by_second(), (409, "SYNC_IN_PROGRESS"))
        assert self.stack.worker
        self.stack.worker.stop(signal.SIGKILL)
        self.assertEqual(self.sync_by_second(), (200, ""))
        self.assertEqual(len(self.stack.pages()), 3)
        self.stack.socket.unlink()
        self.stack.start_worker()


class Sizes(StackTest):
    """Every published file is served; a file too large to be served is reported, and the old page stays."""
    hemera_arguments = ("--courses", "3", "--participants", "8", "--no-limit")
    config = "[Web]\nLiveTTLSec=3600\n"

    def prepare(self) -> None:
        credentials = self.stack.directory / "credentials"
        credentials.mkdir()
        (credentials / "aither.pages-password").write_text(PASSWORD)
        self.stack.environment["CREDENTIALS_DIRECTORY"] = str(credentials)

    def assert_all_served(self) -> None:
        basic = "Basic " + base64.b64encode(f"staff:{PASSWORD}".encode()).decode()
        for name, text in self.stack.pages().items():
            reply = self.stack.get(f"/courses/{name}", Authorization=basic)
            self.assertEqual((reply.status, reply.text == text), (200, True), name)

    def assert_too_large(self, report: Any, entities: set[str], size: int) -> None:
        self.assertEqual(report["status"], "partial")
        self.assertEqual({error["entity"] for error in report["errors"]}, entities)
        for error in report["errors"]:
            self.assertEqual(error["code"], "TEMPLATE_ERROR")
            self.assertIn(f"the page is larger than {size} bytes", error["message"])

    def test_course_pages(self) -> None:
        each = "{{#each participants}}" + "x" * 2**19 + "{{/each}}"
        self.hemera.scenario(templates=template(each))
        self.assertEqual(self.sync()["filesGenerated"], 3)
        self.assertEqual({len(page) for page in self.stack.pages().values()}, {4 * 2**20})
        self.assert_all_served()
        before = self.stack.stamps()
        courses = {f"course {course}" for course in self.stack.manifest["entities"]["courses"]}
        self.hemera.scenario(templates=template(each + "y"))
        for target in ("/api/sync?dryRun=1", "/api/sync"):
            self.assert_too_large(self.stack.post(target).data, courses, 4 * 2**20)
            self.assertEqual(self.stack.stamps(), before)
        self.assert_all_served()

    def test_the_largest_homepage_is_served(self) -> None:
        mark = "<!--aither:status-->"
        templates = self.stack.directory / "templates"
        templates.mkdir()
        (templates / "million.hbs").write_text("x" * 2**20)
        (templates / "rest.hbs").write_text("x" * (2**20 - len(mark)))
        (templates / "homepage.hbs").write_text(mark + "{{> million}}" * 7 + "{{> rest}}")
        self.assertEqual(self.sync()["homepageChanged"], True)
        self.assertEqual((self.stack.public / "index.de.html").stat().st_size, 8 * 2**20)
        reply = self.stack.get("/")
        self.assertEqual((reply.status, reply.text.endswith("x" * (8 * 2**20 - len(mark)))), (200, True))
        (templates / "homepage.hbs").write_text(mark + "{{> million}}" * 7 + "{{> rest}}y")
        self.assert_too_large(self.sync(), {str(templates / "homepage.hbs")}, 8 * 2**20)
        self.assertIn("<table", self.stack.get("/").text, "the shipped template is used")

    def test_the_homepage(self) -> None:
        """Even the shipped template produces too much here; course pages do not depend on it."""
        self.sync()
        before = self.stack.stamps()
        rows = [{"id": f"clong{n:019d}", "title": f"{n:04} " + "T" * 8000, "slug": f"s{n}", "level": "BEGINNER",
                 "startDate": None, "endDate": None, "participantCount": 0} for n in range(1100)]
        self.hemera.scenario(replace_list=rows)
        self.assert_too_large(self.stack.post("/api/sync?dryRun=1").data, {"homepage.hbs"}, 8 * 2**20)
        self.assertEqual(self.stack.stamps(), before)
        report = self.stack.post("/api/sync").data
        self.assert_too_large(report, {"homepage.hbs"}, 8 * 2**20)
        self.assertEqual((report["filesGenerated"], report["homepageChanged"]), (1100, False))
        self.assertEqual(self.stack.get("/").status, 200)
        for name in ("public/index.de.html", "public/index.en.html"):
            self.assertEqual(self.stack.stamps()[name], before[name])
        self.hemera.scenario(replace_list=rows[:600])
        self.assertTrue(self.sync()["homepageChanged"])
        self.assertIn("0599 TTT", self.stack.get("/").text)


if __name__ == "__main__":
    unittest.main()
