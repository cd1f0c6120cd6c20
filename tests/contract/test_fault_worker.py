# SPDX-License-Identifier: MIT
"""aither-worker, where every single call of a sync fails once: the published files stay whole and complete, the answer names
the failure, and the next sync ends where an undisturbed one would have ended.

The calls that change the output directory have their own test, with more errors: test_disturbed_syncs.py."""
import http.client
import shutil
import time
import unittest
from typing import Any

from crash.errnos import Fault
from crash.faultpoint import Action, Site
from crash.faults import LOST_S, Attack
from crash.tree import BAD, LOCK, MANIFEST, is_temporary, read_files, shown_tree
from stack import PATIENCE_S, Reply, use_memory, wait_until

use_memory()

# The possible errors of a sync: it could not write, read a template, reach Hemera or understand it, or start at all.
FAILURES = {"OUTPUT_ERROR": (500, 507), "TEMPLATE_ERROR": (500,), "HEMERA_UNREACHABLE": (502,), "HEMERA_ERROR": (502,),
            "HEMERA_BAD_DATA": (502,), "HEMERA_TIMEOUT": (504,), "WORKER_UNAVAILABLE": (503,), "INTERNAL_ERROR": (500,),
            "SYNC_IN_PROGRESS": (409,)}
MADE_OF_THE_SYNC = frozenset({MANIFEST, BAD, LOCK})


class Syncs(Attack):
    """A sync that has everything to do: one page is new, one has changed, one has moved, one is gone."""

    sites_min = 100
    hemera_arguments = ("--courses", "4", "--participations")

    def setUp(self) -> None:
        self.set_up("[Site]\nCoursePages=public\n[Hemera]\nMaxRetries=1\n")
        self.stack.environment |= self.faults.environment
        ids = [f"cgen{number:021d}" for number in range(4)]
        self.hemera.scenario(remove=ids[3])
        self.stack.start_worker()
        self.sync()
        self.hemera.reset()
        self.hemera.scenario(remove=ids[0], course=[{"id": ids[1], "title": "Ein anderer Titel"},
                                                    {"id": ids[2], "slug": "umbenannt"}])
        self.begin = self.stack.directory / "begin"
        shutil.copytree(self.stack.output, self.begin)
        self.old = read_files(self.begin)
        self.sync()
        self.new = read_files(self.stack.output)
        self.end = shown_tree(self.stack.output)

    def request_sync(self, timeout_s: float = PATIENCE_S) -> Reply:
        return self.stack.request("POST", "/api/sync", over_unix_socket=True, timeout_s=timeout_s)

    def sync(self) -> Any:
        reply = self.request_sync()
        self.assertEqual((reply.status, reply.data["status"]), (200, "success"), reply.text)
        return reply.data

    def go_back(self) -> None:
        shutil.rmtree(self.stack.output, ignore_errors=True)
        shutil.copytree(self.begin, self.stack.output)

    def assert_whole(self) -> None:
        """Every published file is the old or the new one, and every file that must always exist is there."""
        now = read_files(self.stack.output)
        for name, file in now.items():
            if not is_temporary(name) and name not in MADE_OF_THE_SYNC and not name.startswith(("public/index.", "public/courses.")):
                self.assertTrue(any(file.is_same(files[name]) for files in (self.old, self.new) if name in files),
                                f"{name} is neither old nor new")
        self.assertEqual((self.old.keys() & self.new.keys()) - now.keys() - MADE_OF_THE_SYNC, set())

    def assert_repaired(self) -> None:
        """The next sync ends where the undisturbed one did; a manifest that was set aside may remain."""
        self.sync()
        tree = shown_tree(self.stack.output)
        tree.pop(BAD, None)
        self.assertEqual(tree, self.end)

    def try_fault(self, fault: Fault) -> bool:
        self.go_back()
        said = len(self.stack.worker.log)
        self.faults.arm(fault.site, fault.action, fault.errnum)
        try:
            reply = self.request_sync(LOST_S if fault.loses_connection else PATIENCE_S)
            if reply.status != 200:
                self.assertIn(reply.status, FAILURES[reply.code], reply.text)
                if reply.code not in ("WORKER_UNAVAILABLE", "SYNC_IN_PROGRESS"):
                    wait_until(lambda: self.stack.worker.log[said:], f"something is said of {reply.text}")
        except (OSError, http.client.HTTPException):
            if not fault.loses_connection:
                raise
        finally:
            fired = self.faults.fired
            self.faults.arm()
        self.assert_at_rest()
        self.assert_whole()
        self.assert_repaired()
        return fired

    def assert_at_rest(self) -> None:
        """A sync whose caller was lost goes on."""
        while (reply := self.stack.request("GET", "/api/sync/status", over_unix_socket=True)).status == 200 \
                and reply.data["status"] == "running":
            time.sleep(0.01)

    def learn(self) -> list[Site]:
        self.go_back()
        self.faults.forget()
        self.sync()
        time.sleep(0.05)
        return self.faults.met()

    def test_when_any_call_fails_no_page_is_lost_and_the_next_sync_recovers(self) -> None:
        count = met = 0
        for fault in self.faults_of(self.learn()):
            with self.naming(fault):
                count += 1
                met += self.try_fault(fault)
            if self.stack.worker.process.poll() is not None:
                self.stack.start_worker()
        print(f"# {count} failures, {count - met} of them not met")

    def test_one_byte_at_a_time_and_interrupted_everywhere_it_publishes_the_same(self) -> None:
        for action in (Action.ONES, Action.TWICE):
            with self.subTest(action.name):
                self.assertEqual(self.stack.worker.stop(), 0)
                self.go_back()
                self.faults.arm(action=action)
                self.stack.start_worker()
                self.assert_repaired()
                self.faults.arm()


del Attack

if __name__ == "__main__":
    unittest.main()
