# SPDX-License-Identifier: MIT
"""A worker that is killed before every single call that changes the output directory, and in the middle of every write:
pages are whole, old or new, and the next sync ends where an undisturbed one would have ended.

Losing power cannot be played: that the calls are in an order which survives it is read from their list."""
import http.client
import re
import signal
import subprocess
import unittest
from pathlib import Path

from crash import scenario
from crash.crashpoint import Action
from crash.scenario import COVERED, LIBRARY, SANITIZED, UNCHANGED, WORKER, without_uuids
from crash.tree import BAD, MANIFEST, is_temporary, shown_tree
from stack import TOP


class Killed:
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
        for number, call in enumerate(self.calls, 1):
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
        self.sync()  # lives: there is no further call
        self.assertEqual(shown_tree(self.stack.output), self.end)

    def test_data_reach_the_disk_before_their_names_and_the_manifest_is_last(self) -> None:
        unwritten: set[str] = set()  # files whose bytes a power cut would lose
        unnamed: set[str] = set()    # directories that a power cut would bring back to what they were
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
                unnamed.add(str(Path(first).parent))
            elif kind == "fsync":
                unnamed.discard(first)
        self.assertEqual(unnamed, set())
        self.assertEqual(without_uuids(self.calls)[-3:], UNCHANGED[-3:])


class FirstSync(Killed, scenario.FirstSync):
    pass


class FirstSyncOfMany(Killed, scenario.FirstSyncOfMany):
    pass


class ChangedCourses(Killed, scenario.ChangedCourses):
    pass


class PublicPages(Killed, scenario.PublicPages):
    pass


class ChangedTemplate(Killed, scenario.ChangedTemplate):
    pass


class DamagedManifest(Killed, scenario.DamagedManifest):
    pass


class DamagedDirectory(Killed, scenario.DamagedDirectory):
    pass


class NothingChanged(Killed, scenario.NothingChanged):
    pass


@unittest.skipIf(SANITIZED or COVERED, "the compiler's runtime has calls of its own")
class Library(unittest.TestCase):
    # Functions of libc that can change a file system, as the linker knows them.
    CHANGING = set("""
        __open64_2 __open_2 __openat64_2 __openat_2 aio_write aio_write64 bind chmod chown chroot
        copy_file_range creat creat64 execl execle execlp execv execve execvp execvpe fallocate fallocate64
        fchmod fchmodat fchown fchownat fdatasync fdopen fexecve fopen fopen64 fork fremovexattr freopen
        freopen64 fsetxattr fsync ftruncate ftruncate64 futimens futimes futimesat io_submit ioctl lchmod
        lchown link linkat lio_listio lio_listio64 lockf lockf64 lremovexattr lsetxattr lutimes mkdir mkdirat
        mkdtemp mkfifo mkfifoat mknod mknodat mkostemp mkostemp64 mkostemps mkstemp mkstemp64 mkstemps mmap
        mmap64 mount msync open open64 openat openat2 openat64 posix_fallocate posix_fallocate64 posix_spawn
        posix_spawnp pwrite pwrite64 pwritev pwritev2 pwritev64 pwritev64v2 remove removexattr rename renameat
        renameat2 rmdir sendfile sendfile64 setxattr splice symlink symlinkat sync sync_file_range syncfs
        syscall system tee tmpfile tmpfile64 truncate truncate64 umount umount2 unlink unlinkat utime
        utimensat utimes vfork vmsplice write writev""".split())
    # bind makes the worker's own socket, before any sync; fopen reads the configuration; sendfile sends to a socket;
    # mmap looks at bodies in memory; ioctl asks a socket what it still has to send.
    HARMLESS = {"bind", "fopen", "ioctl", "sendfile", "mmap"}

    def symbols(self, file: Path, which: str) -> set[str]:
        out = subprocess.run(["nm", "-D", which, str(file)], capture_output=True, text=True, check=True).stdout
        return {line.split()[-1].partition("@")[0] for line in out.splitlines()}

    def test_every_function_that_the_worker_changes_files_with_is_wrapped(self) -> None:
        used = self.symbols(WORKER, "--undefined-only") & self.CHANGING
        self.assertLess({"openat", "write", "renameat", "unlinkat", "syncfs"}, used)
        self.assertEqual(used - self.HARMLESS - self.symbols(LIBRARY, "--defined-only"), set())

    def test_files_are_opened_as_streams_for_reading_only(self) -> None:
        texts = [file.read_text() for file in (TOP / "src").rglob("*.c")]
        calls = [call for text in texts for call in re.findall(r"\bfopen\((.*)\)", text)]
        self.assertEqual({call.rpartition(", ")[2] for call in calls}, {'"re"'})


if __name__ == "__main__":
    unittest.main()
