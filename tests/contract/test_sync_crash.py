# SPDX-License-Identifier: MIT
"""A worker that is killed, and manifests that are damaged: what is published stays whole, and the next sync ends where
an undisturbed one would have ended."""
import signal
import time
import unittest
from pathlib import Path

from stack import StackTest, wait_until

MANIFEST = ".sync-manifest.json"
COURSES = 120  # more than are synced one by one


class Kill(StackTest):
    hemera_arguments = ("--courses", str(COURSES), "--participants", "2", "--no-limit")

    def start_again(self) -> None:
        self.stack.socket.unlink(missing_ok=True)
        self.stack.start_worker()

    def kill_in_a_sync(self, delay_s: float) -> None:
        """SIGKILL so long after the first page began to be written."""
        worker = self.stack.worker
        assert worker
        courses = self.stack.output / "courses"
        self.stack.request("POST", "/api/sync", {"Prefer": "respond-async"}, over_unix_socket=True)
        wait_until(lambda: any(courses.glob(".tmp-*")) or self.stack.get("/api/sync/status").data["endTime"],
                   "a page is written")
        time.sleep(delay_s)
        worker.stop(signal.SIGKILL)

    def assert_pages_whole(self) -> None:
        for name, text in self.stack.pages().items():
            self.assertTrue(text.rstrip().endswith("</html>"), name)

    def test_whenever_it_is_killed_pages_are_whole_and_the_next_sync_repairs_the_rest(self) -> None:
        self.sync()
        for attempt in range(6):
            title = f"Titel {attempt}"
            self.hemera.scenario(course=[{"id": f"cgen{n:021d}", "title": title} for n in range(COURSES)])
            self.kill_in_a_sync(attempt * 0.02)
            self.assertEqual(len(self.stack.pages()), COURSES)
            self.assert_pages_whole()
            self.start_again()
            self.sync()
            self.assertEqual([p.name for p in self.stack.output.rglob(".tmp-*")], [])
            self.assertEqual(len(self.stack.pages()), COURSES)
            for name, text in self.stack.pages().items():
                self.assertIn(title, text, name)
            self.assertEqual(self.sync()["filesGenerated"], 0)


class Damage(StackTest):
    def assert_made_anew(self, name: str) -> None:
        before = self.stack.pages()
        report = self.sync()
        self.assertEqual((report["status"], report["filesGenerated"], report["filesDeleted"]), ("success", 3, 0), name)
        self.assertEqual(self.stack.pages().keys(), before.keys())
        self.assertEqual(self.sync()["filesSkipped"], 3, name)

    def test_a_damaged_manifest_is_made_anew_and_the_old_one_kept(self) -> None:
        self.sync()
        path: Path = self.stack.output / MANIFEST
        good = path.read_bytes()
        damages = {
            "empty": b"",
            "cut in the head": good[:40],
            "cut in the middle": good[:len(good) // 2],
            "without its end": good[:-3],
            "an empty object": b"{}",
            "no object": b"[1,2,3]",
            "another version": good.replace(b'"version":1', b'"version":2', 1),
            "a wrong type": good.replace(b'"consecutiveFailures":0', b'"consecutiveFailures":"0"', 1),
            "a path that leads out": good.replace(b"courses/", b"courses/../", 1),
            "two of the same course": good.replace(b'"entities":{"courses":{', b'"entities":{"courses":{"x":1,"x":2,'),
            "something behind it": good + b"{}",
            "a NUL": good.replace(b'"version"', b'"ver\0ion"', 1),
            "too deep": b"[" * 100000 + b"]" * 100000,
            "100 MB of blanks": good + b" " * (100 << 20),
            "100 MB of numbers": b"[" + b"1," * (50 << 20) + b"1]",
        }
        for name, text in damages.items():
            with self.subTest(name):
                path.write_bytes(text)
                self.assert_made_anew(name)
                self.assertEqual((self.stack.output / f"{MANIFEST}.bad").read_bytes(), text)
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)


if __name__ == "__main__":
    unittest.main()
