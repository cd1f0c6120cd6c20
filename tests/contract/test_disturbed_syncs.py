# SPDX-License-Identifier: MIT
"""Disturbed syncs. The worker is killed before every single call that changes the output directory, and in the middle of
every write. Every such call also fails once, as does every call that opens a file there or closes a written one. Each class
prepares a directory and data that need one kind of work. Afterwards every page is whole, old or new, the failure is
reported, and the next sync ends where an undisturbed one would have ended.

A power failure cannot be simulated. Instead, the list of calls shows that their order survives one."""
import errno
import http.client
import json
import os
import re
import shutil
import signal
import time
import unittest
from collections import defaultdict
from pathlib import Path
from typing import Any

from crash.crashpoint import Action, Crashpoint
from crash.errnos import ALL
from crash.tree import BAD, LOCK, MANIFEST, File, is_temporary, read_files, shown_tree
from stack import BUILD, SANITIZED, TOP, Reply, Stack, StackTest, use_memory, wait_until
from stub.client import Stub

use_memory()

LIBRARY = BUILD / "tests/crash/libcrashpoint.so"

# An unchanged sync finds its directories, takes the lock and saves its report.
UNCHANGED = [f"openat {LOCK}", "unlinkat .tmp-*", "openat .tmp-*", "write .tmp-*", "fchmod .tmp-*", "fdatasync .tmp-*",
             f"renameat .tmp-* {MANIFEST}", "fsync ."]

# The errors with which a call may fail. "read" means opening for reading.
ERRORS = {
    "mkdirat": (errno.ENOSPC, errno.EDQUOT, errno.EROFS),
    "openat": (errno.ENOSPC, errno.EDQUOT, errno.EMFILE),
    "write": (errno.ENOSPC, errno.EDQUOT, errno.EIO),
    "fchmod": (errno.EROFS, errno.EIO),
    "utimensat": (errno.EROFS, errno.EIO),
    "close": (errno.EDQUOT, errno.EIO),
    "fdatasync": (errno.ENOSPC, errno.EDQUOT, errno.EIO),
    "syncfs": (errno.ENOSPC, errno.EDQUOT, errno.EIO),
    "fsync": (errno.ENOSPC, errno.EDQUOT, errno.EIO),
    "renameat": (errno.ENOSPC, errno.EROFS, errno.EIO),
    "unlinkat": (errno.EROFS, errno.EIO),
    "read": (errno.EMFILE, errno.EIO),
}
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)

# A sync may succeed without these calls: a page that cannot be read is written again, a file that cannot be removed waits
# for the next sync, a time that cannot be set is a later one. A manifest that cannot be read is set aside. An empty folder
# of the other audience may stay.
DISPENSABLE = re.compile(rf"read (\.|(public|courses|public/courses)/\.|public/index\.\w\w\.html|courses\.\w\w\.html|"
                         rf"public/courses\.(json|ics)|{re.escape(MANIFEST)})|close {re.escape(LOCK)}|"
                         rf"renameat {re.escape(MANIFEST)} {re.escape(BAD)}|utimensat .*|unlinkat courses")

# Of the calls of one kind in one folder, this many at the beginning and at the end are disturbed; all of them with
# AITHER_TEST_FAULTS=all.
ALIKE = 4


def without_uuids(calls: list[str]) -> list[str]:
    return [re.sub(r"\.tmp-[0-9a-f-]{36}", ".tmp-*", call) for call in calls]


def chosen(calls: list[str]) -> list[tuple[int, str]]:
    """The calls to disturb, by their number from 1: all of them, except those that repeat page by page."""
    kinds: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number, call in enumerate(calls, 1):
        kind, path, *_ = call.split()
        kinds[kind, os.path.dirname(path)].append(number)
    numbers = sorted(number for alike in kinds.values()
                     for number in (alike if ALL else {*alike[:ALIKE], *alike[-ALIKE:]}))
    return [(number, calls[number - 1]) for number in numbers]


class Scenario(unittest.TestCase):
    """One sync: `before` and `change` prepare the directory and the data that it finds.

    Under sanitizers each call fails with one error only, because the code after it is the same for all errors, and no worker
    is killed."""

    courses = 3
    config = ""
    folder = "courses"  # the folder of the course pages
    points_min = 25  # with fewer calls, the library misses some that it should count
    errors_max = 1   # of the errors with which a call may fail, unless AITHER_TEST_FAULTS=all
    leftovers: tuple[str, ...] = ()  # temporary files left in the directory
    may_be_absent: frozenset[str] = frozenset()  # absent at times during the sync, though there before and after

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
        self.listed = self.read_listed()

    def read_listed(self) -> dict[str, File]:
        """Files made from the list are written along with it, and again when pages that they link to have appeared or moved.
        Returns them as they are in between."""
        names = ("public/index.de.html", "courses.de.html")
        renames = [number for number, call in enumerate(self.calls, 1) if call.endswith(tuple(f" {n}" for n in names))]
        again = [number for number in renames[1:] if self.calls[number - 1].split()[-1] in
                 [self.calls[earlier - 1].split()[-1] for earlier in renames if earlier < number]]
        if not again:
            return {}
        self.go_back()
        self.crash.arm(again[0], Action.FAIL, errno.EIO)
        self.assertEqual(self.request_sync().status, 500)
        return {name: file for name, file in read_files(self.stack.output).items()
                if name.startswith(("public/index.", "public/courses.", "courses."))}

    # ---- steps ----

    def request_sync(self) -> Reply:
        return self.stack.request("POST", "/api/sync", over_unix_socket=True)

    def sync(self) -> Any:
        reply = self.request_sync()
        self.assertEqual((reply.status, reply.data["status"]), (200, "success"), reply.text)
        return reply.data

    def go_back(self) -> None:
        """Restores the directory as it was before the sync, including modification times. Links are enough: no file may be
        written in place, and `old` has the old contents."""
        shutil.rmtree(self.stack.output, ignore_errors=True)
        if self.begin.exists():
            shutil.copytree(self.begin, self.stack.output, copy_function=os.link)

    def record(self, every: bool = False) -> list[str]:
        """The calls of an undisturbed sync."""
        self.go_back()
        self.crash.arm(every=every)
        self.sync()
        return self.crash.calls

    # ---- the rules ----

    def versions(self, name: str) -> list[File]:
        """The versions that a published file may have at any moment."""
        return [files[name] for files in (self.old, self.new, self.listed) if name in files]

    def assert_whole(self, but_for: frozenset[str] = frozenset()) -> dict[str, File]:
        """Every published file is the old or the new one, and every file that must always exist is there."""
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
        for name, folder in (("public/index", "public/"), ("courses.", "")):
            linked = {folder + link for file in files if file.startswith(name) and file.endswith(".html")
                      for link in re.findall(r'href="/(courses/[^"?]+)\?', files[file].raw.decode())}
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
        folders = ["mkdirat .", "mkdirat public", f"mkdirat {self.folder}"]
        self.assertEqual(without_uuids(self.crash.calls), folders + UNCHANGED)
        self.assertEqual(self.crash.calls_outside, [])

    # ---- killed ----

    def kill(self, number: int, action: Action) -> None:
        self.go_back()
        self.crash.arm(number, action)
        with self.assertRaises((ConnectionError, http.client.HTTPException)):
            self.request_sync()
        self.assertEqual(self.stack.worker.stop(), -signal.SIGKILL)
        self.assertEqual(len(self.crash.calls), number)
        self.assert_whole()
        self.crash.arm()
        self.stack.start_worker()
        self.assert_repaired()
        self.assert_at_rest()

    @unittest.skipIf(SANITIZED, "a sanitizer sees nothing of a process that is killed")
    def test_killed_at_any_call_it_leaves_whole_pages_and_the_next_sync_repairs_the_rest(self) -> None:
        points = 0
        for number, call in chosen(self.calls):
            for action in (Action.KILL, Action.HALF_KILL) if call.startswith("write ") else (Action.KILL,):
                try:
                    self.kill(number, action)
                except Exception as problem:
                    problem.add_note(f"{action.name} at call {number} of {len(self.calls)}: {call}")
                    raise
                points += 1
        print(f"# {type(self).__name__}: killed at {points} points")
        self.assertGreaterEqual(points, self.points_min)
        self.go_back()
        self.crash.arm(len(self.calls) + 1, Action.KILL)
        self.sync()  # survives: there is no such call
        self.assertEqual(shown_tree(self.stack.output), self.end)

    def test_data_reach_the_disk_before_their_names_and_the_manifest_is_last(self) -> None:
        unwritten: set[str] = set()  # files whose bytes a power failure would lose
        unnamed: set[str] = set()    # directories that a power failure would restore to their earlier state
        for call in self.calls:
            kind, first, *rest = call.split()
            if kind in ("openat", "write", "fchmod"):
                unwritten.add(first)
            elif kind in ("fdatasync", "syncfs"):
                unwritten = set() if kind == "syncfs" else unwritten - {first}
            elif kind == "renameat" and rest != [BAD]:
                self.assertNotIn(first, unwritten, call)
                self.assertFalse(rest == [MANIFEST] and unnamed, f"{call} before {unnamed} is synced")
                unnamed.add(str(Path(rest[0]).parent))
            elif kind == "unlinkat" and not is_temporary(first):
                unnamed.discard(first)  # in case it is a folder
                unnamed.add(str(Path(first).parent))
            elif kind == "fsync":
                unnamed.discard(first)
        self.assertEqual(unnamed, set())
        self.assertEqual(without_uuids(self.calls)[-3:], UNCHANGED[-3:])

    # ---- failing ----

    def fail_at(self, number: int, call: str, action: Action, error: int) -> None:
        dispensable = DISPENSABLE.fullmatch(call) or call in [f"unlinkat {name}" for name in self.leftovers]
        self.go_back()
        self.crash.arm(number, action, error, every=True)
        reply = self.request_sync()
        if not dispensable or reply.status != 200:
            self.assertEqual((reply.status, reply.code, reply.data["status"]),
                             (507 if error in DISK_FULL else 500, "OUTPUT_ERROR", "failed"), reply.text)
        # The failure is recorded in the manifest.
        now = self.assert_whole(but_for=frozenset({MANIFEST, BAD}))
        if MANIFEST in now and now[MANIFEST].raw != self.old.get(MANIFEST, now[MANIFEST]).raw:
            self.assertEqual(json.loads(now[MANIFEST].raw)["version"], 1)
        if (call, error) == (f"read {MANIFEST}", errno.EMFILE):  # this error says nothing about the file itself
            self.assertEqual((reply.status, now.get(MANIFEST), now.get(BAD)),
                             (500, self.old.get(MANIFEST), self.old.get(BAD)))
        if not dispensable:
            self.assertLessEqual({name for name in now if is_temporary(name)}, set(self.leftovers))
        self.assert_repaired(but_for=frozenset({BAD}) if dispensable else frozenset())

    def test_when_any_call_fails_pages_stay_whole_and_the_next_sync_recovers(self) -> None:
        points = 0
        for number, call in chosen(self.record(every=True)):
            kind = call.split()[0]
            for error in ERRORS[kind][:None if ALL else 1 if SANITIZED else self.errors_max]:
                for action in (Action.FAIL, Action.HALF_FAIL) if kind == "write" else (Action.FAIL,):
                    try:
                        self.fail_at(number, call, action, error)
                    except Exception as problem:
                        problem.add_note(f"{action.name} with {errno.errorcode[error]} at call {number}: {call}")
                        raise
                    points += 1
        print(f"# {type(self).__name__}: {points} failures")
        self.assertGreaterEqual(points, self.points_min)


class FirstSync(Scenario):
    def before(self) -> None:
        self.assertFalse(self.stack.output.exists())

    def change(self) -> None:
        pass


class ManyChanged(Scenario):
    """So many pages that one syncfs writes them all to disk."""

    courses = 34
    points_min = 40

    def setUp(self) -> None:
        super().setUp()
        self.assertEqual([call for call in self.calls if call.startswith("syncfs")], ["syncfs courses"])

    def change(self) -> None:
        self.hemera.scenario(course=[{"id": f"cgen{number:021d}", "title": f"Anders {number}"}
                                     for number in range(self.courses)])


class ChangedCourses(Scenario):
    courses = 7
    errors_max = 3

    def change(self) -> None:
        ids = [f"cgen{number:021d}" for number in range(self.courses)]
        self.hemera.scenario(remove=ids[2], course=[
            {"id": ids[0], "title": "Ein anderer Titel"}, {"id": ids[1], "title": "Noch einer"},
            {"id": ids[3], "slug": "umbenannt"},
            {"id": ids[4], "slug": "kurs-00005"}, {"id": ids[5], "slug": "kurs-00004"}])


class PublicPages(ChangedCourses):
    """The homepage links to the pages: it is written with the list, and again after they have moved."""

    config = "[Site]\nCoursePages=public\n"
    folder = "public/courses"
    errors_max = 1


class ChangedAudience(Scenario):
    """Pages with participants are removed, and public ones appear."""

    folder = "public/courses"

    def change(self) -> None:
        self.stack.config.write_text(self.stack.config.read_text() + "[Site]\nCoursePages=public\n")
        assert self.stack.worker
        self.stack.worker.stop()
        self.stack.start_worker()

    def assert_whole(self, but_for: frozenset[str] = frozenset()) -> dict[str, File]:
        """No data of a participant ever gets into public/."""
        now = super().assert_whole(but_for)
        self.assertTrue([name for name, file in self.old.items() if b"Teilnehmerin" in file.raw])
        self.assertFalse([name for name, file in now.items() if name.startswith("public/") and b"Teilnehmerin" in file.raw])
        return now


class ChangedTemplate(Scenario):
    def change(self) -> None:
        shipped = (TOP / "templates/course.hbs").read_text()
        templates = self.stack.directory / "templates"
        templates.mkdir()
        (templates / "course.hbs").write_text(shipped.replace("<main>", "<main id=\"changed\">"))


class DamagedManifest(Scenario):
    errors_max = 3
    may_be_absent = frozenset({MANIFEST})

    def change(self) -> None:
        # Without a manifest, every course in the calendar counts as just changed: that must be in another second.
        second = int(time.time())
        wait_until(lambda: int(time.time()) > second, "the next second has begun")
        path = self.stack.output / MANIFEST
        path.write_bytes(path.read_bytes()[:-20])


class DamagedDirectory(Scenario):
    """Pages that were removed and truncated by hand, and files that a killed sync may have left."""

    may_be_absent = frozenset({"courses/kurs-00000.html"})  # the list links to it all the same
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


class HugeManifest(StackTest):
    """Truncation and changes in every place, which tests/unit/test-sync-damage.c leaves out because of this manifest's
    size."""

    def test_it_is_made_anew_and_the_old_one_kept(self) -> None:
        self.sync()
        path: Path = self.stack.output / MANIFEST
        good = path.read_bytes()
        pages = self.stack.pages().keys()
        damages = {
            "a NUL": good.replace(b'"version"', b'"ver\0ion"', 1),
            "too deep": b"[" * 100000 + b"]" * 100000,
            "100 MB of blanks": good + b" " * (100 << 20),
            "100 MB of numbers": b"[" + b"1," * (50 << 20) + b"1]",
        }
        for name, text in damages.items():
            with self.subTest(name):
                path.write_bytes(text)
                report = self.sync()
                self.assertEqual((report["status"], report["filesGenerated"], report["filesDeleted"]),
                                 ("success", 3, 0))
                self.assertEqual(self.stack.pages().keys(), pages)
                self.assertEqual((self.stack.output / BAD).read_bytes(), text)
                self.assertEqual(self.sync()["filesSkipped"], 3)
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)


del Scenario

if __name__ == "__main__":
    unittest.main()
