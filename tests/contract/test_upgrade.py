# SPDX-License-Identifier: MIT
"""What today's programs make of an output directory of version 0.1.0; tests/data/0.1.0/README.md describes the directory."""
import base64
import html
import json
import os
import re
import unittest
from datetime import datetime
from pathlib import Path
from typing import Any

from journal import JournalTest
from stack import TOP, Reply, wait_until

DATA = TOP / "tests/data/0.1.0"
COURSES = json.loads((DATA / "courses.json").read_text())
PASSWORD = "a-password-for-the-pages"
AWAY = {"path": "/api/service/", "kind": "status", "status": 503, "count": -1}
NO_DETAILS = AWAY | {"path": "/api/service/courses/"}
TEXTS = ("preparationIntent", "desiredResults", "lineManagerProfile")
NOTICE = "5"
OWN_FILES = {".sync-manifest.json", ".sync.lock", ".state.json"}


def shown(course: dict[str, Any]) -> set[str]:
    """The course's participants as staff see them on a page, line by line."""
    values = [booking.get(member) for booking in course["participants"] for member in ("name", *TEXTS)]
    return {line for value in values if value for line in value.splitlines() if line}


def personal() -> set[str]:
    """Everything that no visitor may see: every value of a participant except the status."""
    values = {value for course in COURSES for booking in course["participants"] for member, value in booking.items()
              if member != "status" and value}
    return {line for value in values for line in value.splitlines() if line}


def found_in(text: str) -> set[str]:
    """The personal values found in a text, unencoded or encoded for HTML, JSON or a calendar, which folds lines."""
    forms = (text, html.unescape(text), re.sub(r"\\(.)", r"\1", re.sub(r"\r?\n[ \t]", "", text)))
    return {value for value in personal() if any(value in form for form in forms)}


class UpgradeTest(JournalTest):
    """Subclasses set the mode for which the directory was made (`role`) and the present configuration."""

    hemera_arguments = ("--courses", "0", "--no-limit")
    config = "MaxRetries=0\n"
    role = ""
    pages: dict[str, bytes]  # the pages of 0.1.0

    def prepare(self) -> None:
        self.hemera.scenario(courses=COURSES)
        self.pages = {page.name: page.read_bytes() for page in sorted((DATA / self.role / "courses").iterdir())}
        self.assertEqual(len(self.pages), len(COURSES))
        self.copy()
        credentials = self.stack.directory / "credentials"
        credentials.mkdir()
        (credentials / "aither.pages-password").write_text(PASSWORD)
        self.stack.environment["CREDENTIALS_DIRECTORY"] = str(credentials)

    def copy(self) -> None:
        """Copies the directory with the modes and times that an upgrade in place finds."""
        source = DATA / self.role
        for file in (file for file in source.rglob("*") if file.is_file()):
            copy = self.stack.output / file.relative_to(source)
            copy.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())
            copy.chmod(0o600 if file.name.startswith(".") else 0o640)
        for entry in self.stack.manifest["entities"]["courses"].values():
            page = self.stack.output / entry["outputPath"]
            os.utime(page, ns=(entry["modifiedUs"] * 1000,) * 2)
            self.assertEqual(page.stat().st_size, entry["size"])
        published_ns = int(datetime.fromisoformat(self.stack.manifest["lastSuccessTime"]).timestamp()) * 10**9
        for homepage in self.stack.output.glob("index.*.html"):
            os.utime(homepage, ns=(published_ns,) * 2)

    def staff(self, target: str) -> Reply:
        credentials = base64.b64encode(f"staff:{PASSWORD}".encode()).decode()
        return self.stack.get(target, Authorization=f"Basic {credentials}")

    def page_of(self, course: dict[str, Any]) -> str:
        """The course's page, according to the manifest of 0.1.0."""
        manifest = json.loads((DATA / self.role / ".sync-manifest.json").read_text())
        return Path(manifest["entities"]["courses"][course["id"]]["outputPath"]).name

    def in_root(self) -> set[str]:
        """The files besides those that every version has there."""
        return {file.name for file in self.stack.output.iterdir()} - OWN_FILES

    def assert_history_is_kept(self) -> None:
        before = json.loads((DATA / f"{self.role}.status.json").read_text())
        now = self.stack.get("/api/sync/status").data
        self.assertEqual({member: now[member] for member in before}, before)
        self.assertEqual((now["status"], now["consecutiveFailures"]), ("failed", 3))

    def assert_homepage_is_there(self) -> None:
        """Not the fallback: it has every course of 0.1.0's homepage, in both languages."""
        for language in ("de", "en"):
            reply = self.stack.get(f"/?lang={language}")
            self.assertEqual(reply.status, 200)
            for course in COURSES:
                self.assertIn(html.escape(course["title"], quote=False), reply.text)
            self.assertEqual(found_in(reply.text), set())
            self.assertTrue((self.stack.output / f"public/index.{language}.html").is_file())

    def assert_no_file_is_personal(self) -> None:
        """Checks every file, no matter who may read it."""
        for file in (file for file in self.stack.output.rglob("*") if file.is_file()):
            self.assertEqual(found_in(file.read_text()), set(), file)

    def assert_visitors_get_nothing_personal(self) -> None:
        for target in ("/", "/?lang=en", "/courses/", "/courses.json", "/courses.ics",
                       *(f"/courses/{name}" for name in self.pages)):
            self.assertEqual(found_in(self.stack.get(target).text), set(), target)

    def removals(self) -> list[dict[str, str]]:
        """The journal's entries about the removal of pages with participants."""
        return [entry for entry in self.entries()
                if re.search(r"removed .*pages? with participants", entry["MESSAGE"])]

    def assert_removal_is_logged(self) -> None:
        entry, = self.removals()
        self.assertEqual(entry["PRIORITY"], NOTICE)
        self.assertRegex(entry["MESSAGE"], rf"\b{len(COURSES)}\b")
        self.assertIn("CoursePages=public", entry["MESSAGE"])


class Private(UpgradeTest):
    """CoursePages=private before and after."""

    role = "private"

    def test_the_history_is_kept(self) -> None:
        self.assert_history_is_kept()
        self.assertEqual(self.sync()["status"], "success")
        self.assertEqual(self.stack.get("/api/sync/status").data["consecutiveFailures"], 0)

    def test_an_open_incident_goes_on(self) -> None:
        opened = self.stack.manifest["incident"]["openedAt"]
        self.hemera.scenario(fault=AWAY)
        self.assertEqual(self.stack.post("/api/sync").status, 502)
        self.assertEqual((self.stack.manifest["incident"]["openedAt"], self.stack.manifest["consecutiveFailures"]),
                         (opened, 4))

    def test_with_hemera_away_everything_is_served_as_it_was(self) -> None:
        self.hemera.scenario(fault=AWAY)
        stamps = self.course_stamps()
        for _ in range(2):
            self.assert_homepage_is_there()
            for name, page in self.pages.items():
                self.assertEqual(self.stack.get(f"/courses/{name}").status, 401)
                self.assertEqual(self.staff(f"/courses/{name}").body, page)
            self.assertEqual(self.stack.post("/api/sync").status, 502)
        self.assertEqual(self.course_stamps(), stamps)
        self.assertLessEqual(self.in_root(), {"courses", "public", "courses.de.html", "courses.en.html"})
        self.assertFalse(list((self.stack.output / "public").rglob("courses/*.html")))

    def test_the_homepage_moves_before_the_first_visitor_comes(self) -> None:
        """A proxy that waits for /readyz sends no visitors."""
        wait_until(lambda: (self.stack.output / "public/index.de.html").exists(), "the homepage is in public/")
        self.assertFalse((self.stack.output / "index.de.html").exists())

    def test_pages_are_made_again_when_their_participants_are_read_and_none_is_lost(self) -> None:
        stamps = self.course_stamps()
        self.hemera.scenario(fault=NO_DETAILS)
        self.assertEqual(self.sync()["status"], "partial")
        without = {self.page_of(course) for course in COURSES if not course["participants"]}
        changed = {name for name, stamp in self.course_stamps().items() if stamp != stamps[name]}
        self.assertLessEqual(changed, without, "a page that has no participants needs nothing but the list")
        self.hemera.scenario(fault=None)
        report = self.sync()
        self.assertEqual((report["status"], report["filesDeleted"]), ("success", 0))
        self.assertEqual(report["filesGenerated"] + report["filesSkipped"], len(COURSES))
        self.assertEqual(report["filesGenerated"], len(COURSES) - len(changed))
        self.assertEqual(set(self.course_stamps()), set(stamps))
        for course in COURSES:
            page = html.unescape((self.stack.output / "courses" / self.page_of(course)).read_text())
            self.assertEqual({line for line in shown(course) if line not in page}, set())
        self.assertEqual(self.in_root(), {"courses", "public", "courses.de.html", "courses.en.html"})
        private_list = self.staff("/courses/")
        self.assertEqual(private_list.status, 200)
        self.assertEqual({name for name in self.pages if name not in private_list.text}, set())
        self.assert_visitors_get_nothing_personal()
        self.assertEqual(self.sync()["filesSkipped"], len(COURSES))
        self.assertEqual(self.removals(), [])

    def course_stamps(self) -> dict[str, tuple[int, int]]:
        return {page.name: (page.stat().st_ino, page.stat().st_mtime_ns)
                for page in (self.stack.output / "courses").iterdir()}


class Public(UpgradeTest):
    """CoursePages=public before and after."""

    role = "public"
    config = "MaxRetries=0\n[Site]\nCoursePages=public\n"

    def test_the_first_sync_leaves_no_participant(self) -> None:
        self.assertEqual(self.sync()["status"], "success")
        self.assert_no_file_is_personal()
        self.assert_visitors_get_nothing_personal()
        self.assertFalse(list(self.stack.output.glob("courses/*")))
        self.assertEqual({page.name for page in (self.stack.output / "public/courses").iterdir()}, set(self.pages))
        for course in COURSES:
            page = self.stack.get(f"/courses/{self.page_of(course)}")
            self.assertEqual(page.status, 200)
            self.assertIn(course["title"], html.unescape(page.text))
        self.assertEqual(self.in_root() - {"courses"}, {"public"})
        self.assert_removal_is_logged()
        self.sync()
        self.assert_removal_is_logged()

    def test_with_hemera_away_the_old_pages_are_removed_and_not_served(self) -> None:
        self.hemera.scenario(fault=AWAY)
        for synced in (False, True):
            with self.subTest(synced=synced):
                for name in self.pages:
                    self.assertEqual(self.stack.get(f"/courses/{name}").status, 404)
                    self.assertEqual(self.staff(f"/courses/{name}").status, 404)
                self.assertEqual(self.staff("/courses/").status, 404)
                self.assert_homepage_is_there()
                self.assertNotIn('href="courses/', self.stack.get("/").text, "a link to a page that is not there")
            if not synced:
                self.assertEqual(self.stack.post("/api/sync").status, 502)
        self.assert_no_file_is_personal()
        self.assert_visitors_get_nothing_personal()
        self.assertFalse(list(self.stack.output.glob("courses/*")))
        self.assertEqual(self.in_root() - {"courses"}, {"public"})
        self.assert_removal_is_logged()

    def test_what_a_crash_or_a_refused_deletion_left_goes_too(self) -> None:
        """A temporary file, and the page of a course that Hemera no longer has."""
        courses = self.stack.output / "courses"
        for name in (".tmp-3", "nicht-mehr-im-programm.html"):
            (courses / name).write_bytes(self.pages["gehaltsgespraeche.html"])
        self.hemera.scenario(fault=AWAY)
        self.assertEqual(self.stack.post("/api/sync").status, 502)
        self.assert_no_file_is_personal()

    def test_a_dry_run_removes_nothing(self) -> None:
        self.assertEqual(self.stack.post("/api/sync?dryRun=1").status, 200)
        self.assertEqual({page.name: page.read_bytes() for page in (self.stack.output / "courses").iterdir()}, self.pages)
        self.assertEqual(self.removals(), [])

    def test_the_history_is_kept(self) -> None:
        self.assert_history_is_kept()


class PrivateToPublic(Public):
    """The operator changes CoursePages together with the upgrade."""

    role = "private"


class PublicToPrivate(Private):
    """The public pages of 0.1.0 contain participants: they are as good as private ones, and stay."""

    role = "public"


if __name__ == "__main__":
    unittest.main()
