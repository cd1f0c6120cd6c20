# SPDX-License-Identifier: MIT
"""A worker where every single call that changes the output directory, opens a file in it or closes one that was written
fails once: the sync says so, pages stay whole, and the next sync ends where an undisturbed one would have ended."""
import errno
import json
import re
import unittest

from crash import scenario
from crash.crashpoint import Action
from crash.scenario import SANITIZED
from crash.tree import BAD, LOCK, MANIFEST, is_temporary

# What a call may fail with. "read" is opening for reading.
ERRORS = {
    "mkdirat": (errno.ENOSPC, errno.EDQUOT, errno.EROFS),
    "openat": (errno.ENOSPC, errno.EDQUOT, errno.EMFILE),
    "write": (errno.ENOSPC, errno.EDQUOT, errno.EIO),
    "fchmod": (errno.EROFS, errno.EIO),
    "close": (errno.EDQUOT, errno.EIO),
    "fdatasync": (errno.ENOSPC, errno.EDQUOT, errno.EIO),
    "syncfs": (errno.ENOSPC, errno.EDQUOT, errno.EIO),
    "fsync": (errno.ENOSPC, errno.EDQUOT, errno.EIO),
    "renameat": (errno.ENOSPC, errno.EROFS, errno.EIO),
    "unlinkat": (errno.EROFS, errno.EIO),
    "read": (errno.EMFILE, errno.EIO),
}
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)

# A sync may succeed without these: what it could not look at it makes anew, what it could not tidy up waits. A
# manifest that cannot be read is set aside.
DISPENSABLE = re.compile(rf"read (\.|courses/\.|index\.\w\w\.html|{re.escape(MANIFEST)})|close {re.escape(LOCK)}|"
                         rf"renameat {re.escape(MANIFEST)} {re.escape(BAD)}")


class Failing:
    """Under sanitizers, which look at the way and not at the number of the error, with one error for each call."""

    def fail_at(self, number: int, call: str, action: Action, error: int) -> None:
        dispensable = DISPENSABLE.fullmatch(call) or call in [f"unlinkat {name}" for name in self.leftovers]
        self.go_back()
        self.crash.arm(number, action, error, every=True)
        reply = self.request_sync()
        if not dispensable or reply.status != 200:
            self.assertEqual((reply.status, reply.code, reply.data["status"]),
                             (507 if error in DISK_FULL else 500, "OUTPUT_ERROR", "failed"), reply.text)
        # The failure is entered in the manifest.
        now = self.assert_whole(but_for=frozenset({MANIFEST, BAD}))
        if MANIFEST in now and now[MANIFEST].raw != self.old.get(MANIFEST, now[MANIFEST]).raw:
            self.assertEqual(json.loads(now[MANIFEST].raw)["version"], 1)
        if (call, error) == (f"read {MANIFEST}", errno.EMFILE):  # says nothing about the file
            self.assertEqual((reply.status, now.get(MANIFEST), now.get(BAD)),
                             (500, self.old.get(MANIFEST), self.old.get(BAD)))
        if not dispensable:
            self.assertLessEqual({name for name in now if is_temporary(name)}, set(self.leftovers))
        self.assert_repaired(but_for=frozenset({BAD}) if dispensable else frozenset())

    def test_when_any_call_fails_pages_stay_whole_and_the_next_sync_recovers(self) -> None:
        points = 0
        for number, call in enumerate(self.record(every=True), 1):
            kind = call.split()[0]
            for error in ERRORS[kind][:1 if SANITIZED else self.errors_max]:
                for action in (Action.FAIL, Action.HALF_FAIL) if kind == "write" else (Action.FAIL,):
                    try:
                        self.fail_at(number, call, action, error)
                    except Exception as problem:
                        problem.add_note(f"{action.name} with {errno.errorcode[error]} at call {number}: {call}")
                        raise
                    points += 1
        print(f"# {type(self).__name__}: {points} failures")
        self.assertGreaterEqual(points, self.points_min)


class FirstSync(Failing, scenario.FirstSync):
    pass


class FirstSyncOfMany(Failing, scenario.FirstSyncOfMany):
    pass


class ChangedCourses(Failing, scenario.ChangedCourses):
    pass


class PublicPages(Failing, scenario.PublicPages):
    pass


class ChangedTemplate(Failing, scenario.ChangedTemplate):
    pass


class DamagedManifest(Failing, scenario.DamagedManifest):
    pass


class DamagedDirectory(Failing, scenario.DamagedDirectory):
    pass


class NothingChanged(Failing, scenario.NothingChanged):
    pass


if __name__ == "__main__":
    unittest.main()
