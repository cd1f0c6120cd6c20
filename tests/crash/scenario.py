# SPDX-License-Identifier: MIT
"""Syncs to be disturbed: each class leads to a directory and to data that need one kind of work.

A test file adds its own methods and derives a TestCase:

    class FirstSync(MyTests, scenario.FirstSync):
        pass
"""
import errno
import os
import re
import shutil
import unittest
from typing import Any

from crash.crashpoint import Action, Crashpoint
from crash.tree import LOCK, MANIFEST, File, is_temporary, read_files, shown_tree
from stack import BUILD, TOP, Reply, Stack
from stub.client import Stub

LIBRARY = BUILD / "tests/crash/libcrashpoint.so"
WORKER = BUILD / "aither-worker"


def is_built_with(mark: bytes) -> bool:
    return mark in WORKER.read_bytes()


SANITIZED = is_built_with(b"__asan_init")
COVERED = is_built_with(b"__gcov_")

# An unchanged sync: it finds the directories there, takes the lock and saves its report.
UNCHANGED = ["mkdirat .", "mkdirat courses", f"openat {LOCK}", "unlinkat .tmp-*", "openat .tmp-*", "write .tmp-*",
             "fchmod .tmp-*", "fdatasync .tmp-*", f"renameat .tmp-* {MANIFEST}", "fsync ."]


def without_uuids(calls: list[str]) -> list[str]:
    return [re.sub(r"\.tmp-[0-9a-f-]{36}", ".tmp-*", call) for call in calls]


class Scenario(unittest.TestCase):
    """One sync: `before` and `change` lead to the directory and the data that it meets."""

    courses = 3
    config = ""
    points_min = 25  # with less, the library does not count what it should
    errors_max = 3   # of those that a call may fail with
    leftovers: tuple[str, ...] = ()  # temporary files in the directory
    may_be_absent: frozenset[str] = frozenset()  # at moments between, though there before and after

    def before(self) -> None:
        self.sync()

    def change(self) -> None:
        raise NotImplementedError

    def setUp(self) -> None:
        self.assertTrue(LIBRARY.exists(), f"make {LIBRARY.relative_to(BUILD)}")
        self.hemera = Stub("--courses", str(self.courses), "--participants", "1", "--no-limit", "--participations")
        self.addCleanup(self.hemera.stop)
        self.stack = Stack(self.hemera, self.config)
        self.addCleanup(lambda: self.assertEqual(self.stack.stop(), []))
        self.crash = Crashpoint(LIBRARY, self.stack.directory / "crashpoint", self.stack.output.resolve())
        self.addCleanup(self.crash.close)
        self.stack.environment |= self.crash.environment
        self.stack.start_worker()
        self.before()
        self.change()
        self.begin = self.stack.directory / "begin"
        if self.stack.output.exists():
            shutil.copytree(self.stack.output, self.begin)
        self.old = read_files(self.begin)
        self.calls = self.record()
        self.new = read_files(self.stack.output)
        self.end = shown_tree(self.stack.output)
        self.assert_at_rest()

    # ---- steps ----

    def request_sync(self) -> Reply:
        return self.stack.request("POST", "/api/sync", over_unix_socket=True)

    def sync(self) -> Any:
        reply = self.request_sync()
        self.assertEqual((reply.status, reply.data["status"]), (200, "success"), reply.text)
        return reply.data

    def go_back(self) -> None:
        """The directory as it was before the sync, times of change included. Links do: nothing may be written in
        place, and what was is known from `old`."""
        shutil.rmtree(self.stack.output, ignore_errors=True)
        if self.begin.exists():
            shutil.copytree(self.begin, self.stack.output, copy_function=os.link)

    def record(self, every: bool = False) -> list[str]:
        """The calls of an undisturbed sync."""
        self.go_back()
        self.crash.arm(every=every)
        self.sync()
        return self.crash.calls

    # ---- what has to be true ----

    def versions(self, name: str) -> list[File]:
        """What a published file may be at any moment."""
        return [files[name] for files in (self.old, self.new) if name in files]

    def assert_whole(self, but_for: frozenset[str] = frozenset()) -> dict[str, File]:
        """Every published file is the old or the new one, and none is missing that is always there."""
        now = read_files(self.stack.output)
        for name, file in now.items():
            if not is_temporary(name) and name != LOCK and name not in but_for:
                self.assertTrue(any(file.is_same(version) for version in self.versions(name)),
                                f"{name} is neither old nor new: {file}")
        self.assertEqual(self.crash.calls_outside, [])
        self.assertEqual((self.old.keys() & self.new.keys()) - now.keys() - self.may_be_absent - but_for, set())
        self.assert_links_lead_somewhere(now)
        return now

    def assert_links_lead_somewhere(self, files: dict[str, File]) -> None:
        linked = {link for name in files if name.startswith("index.")
                  for link in re.findall(r'href="(courses/[^"]+)"', files[name].raw.decode())}
        self.assertEqual(linked - files.keys() - self.may_be_absent, set())

    def assert_repaired(self, but_for: frozenset[str] = frozenset()) -> None:
        """The next sync ends where the undisturbed one did."""
        self.crash.arm()
        self.sync()
        self.assertEqual({name: shown for name, shown in shown_tree(self.stack.output).items() if name not in but_for},
                         {name: shown for name, shown in self.end.items() if name not in but_for})
        self.assertEqual(self.crash.calls_outside, [])

    def assert_at_rest(self) -> None:
        """The next sync finds nothing to do."""
        self.crash.arm()
        self.sync()
        self.assertEqual(without_uuids(self.crash.calls), UNCHANGED)
        self.assertEqual(self.crash.calls_outside, [])


class FirstSync(Scenario):
    def before(self) -> None:
        self.assertFalse(self.stack.output.exists())

    def change(self) -> None:
        pass


class FirstSyncOfMany(FirstSync):
    """So many that all are synced at once, by syncfs."""

    courses = 34
    points_min = 34 * 6
    errors_max = 1

    def setUp(self) -> None:
        super().setUp()
        self.assertEqual([call for call in self.calls if call.startswith("syncfs")], ["syncfs courses"])


class ChangedCourses(Scenario):
    courses = 7

    def change(self) -> None:
        ids = [f"cgen{number:021d}" for number in range(self.courses)]
        self.hemera.scenario(remove=ids[2], course=[
            {"id": ids[0], "title": "Ein anderer Titel"}, {"id": ids[1], "title": "Noch einer"},
            {"id": ids[3], "slug": "umbenannt"},
            {"id": ids[4], "slug": "kurs-00005"}, {"id": ids[5], "slug": "kurs-00004"}])


class PublicPages(ChangedCourses):
    """The homepage links the pages: it is written with the list, and again when they have moved."""

    config = "[Site]\nCoursePages=public\n"

    def setUp(self) -> None:
        super().setUp()
        self.listed: dict[str, File] = {}
        renames = [number for number, call in enumerate(self.calls, 1) if call.endswith(" index.de.html")]
        self.assertEqual(len(renames), 2)
        self.go_back()
        self.crash.arm(renames[1], Action.FAIL, errno.EIO)
        self.assertEqual(self.request_sync().status, 500)
        self.listed = {name: file for name, file in read_files(self.stack.output).items() if name.startswith("index.")}
        self.assertNotEqual(self.listed["index.de.html"], self.new["index.de.html"])

    def versions(self, name: str) -> list[File]:
        return super().versions(name) + [file for listed, file in self.listed.items() if listed == name]


class ChangedTemplate(Scenario):
    def change(self) -> None:
        shipped = (TOP / "templates/course.hbs").read_text()
        templates = self.stack.directory / "templates"
        templates.mkdir()
        (templates / "course.hbs").write_text(shipped.replace("<main>", "<main id=\"changed\">"))


class DamagedManifest(Scenario):
    may_be_absent = frozenset({MANIFEST})

    def change(self) -> None:
        path = self.stack.output / MANIFEST
        path.write_bytes(path.read_bytes()[:-20])


class DamagedDirectory(Scenario):
    """Pages taken away and cut by hand, and what a killed sync may have left."""

    leftovers = (".tmp-0", ".tmp-3b6f8c3e-8f6c-4f6e-9d0a-1c2b3a4d5e6f", "courses/.tmp-0", "courses/.tmp-77")

    def change(self) -> None:
        pages = self.stack.output / "courses"
        (pages / "kurs-00000.html").unlink()
        (pages / "kurs-00001.html").write_bytes(b"")
        for name in self.leftovers:
            (self.stack.output / name).write_text("left over")


class NothingChanged(Scenario):
    points_min = 11

    def change(self) -> None:
        pass
