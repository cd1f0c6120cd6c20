# SPDX-License-Identifier: MIT
"""`aither status` on a real stack with a fake systemd (stub/systemd_stub.py): the first line and the exit code."""
import json
import os
import re
import socket
import subprocess
import time
import unittest
from pathlib import Path
from typing import Any

from stack import BUILD, StackTest
from stub.systemd_stub import SystemdStub, installed, unit

NO_BUS = {"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent/bus"}  # no bus, even if systemd runs
DETAILS = r"details: journalctl AITHER_JOB_ID=[0-9a-f-]{36}\n\Z"
OTHER_KEY = "another-key-another-key-another-key-1"


class Status(StackTest):
    environment = NO_BUS

    def test_health_stands_in_the_first_line(self) -> None:
        self.stack.cli("sync")
        good = self.stack.cli("status")
        self.assertEqual((good.returncode, good.stderr), (0, ""))
        self.assertRegex(good.stdout, r"\Ahealthy: the last sync succeeded \d+ seconds? ago\n")
        self.assertRegex(good.stdout, r"(?m)^last success +(today|yesterday) \d\d:\d\d, \d+ seconds? ago$")
        self.assertRegex(good.stdout, r"(?m)^courses +3$")
        self.assertRegex(good.stdout, r"(?m)^pages +3 written, 0 unchanged, 0 removed$")
        self.assertRegex(good.stdout, r"(?m)^failures in a row +0$")
        self.assertRegex(good.stdout, r"(?m)^next sync +unknown$")

    def test_before_the_first_sync(self) -> None:
        done = self.stack.cli("status")
        self.assertEqual(done.returncode, 1)
        self.assertTrue(done.stdout.startswith("not healthy: no sync has run yet; run the first one: aither sync\n"))

    def test_after_a_failure(self) -> None:
        self.stack.cli("sync")
        self.hemera.scenario(key=OTHER_KEY)
        self.stack.cli("sync")
        self.stack.cli("sync")
        bad = self.stack.cli("status")
        self.assertEqual((bad.returncode, bad.stderr), (1, ""))
        self.assertRegex(bad.stdout, r"\Anot healthy: the last sync failed \d+ seconds? ago: HEMERA_AUTH_FAILED\. "
                                     r"Have a new key issued .*: aither set-secret hemera-api-key\n")
        self.assertRegex(bad.stdout, r"(?m)^failures in a row +2$")
        self.assertRegex(bad.stdout, r"(?m)^last success +(today|yesterday) \d\d:\d\d, \d+ seconds? ago$")
        self.assertRegex(bad.stdout, r"(?m)^errors of the last sync:\n  hemera: HEMERA_AUTH_FAILED: .*\n"
                                     r"what to do about HEMERA_AUTH_FAILED: .*\n" + DETAILS)

    def test_many_errors_leave_room_on_the_screen(self) -> None:
        self.hemera.scenario(courses=13, participants=1, fault={
            "path": "^/api/service/courses/", "kind": "status", "status": 403, "count": -1})
        self.stack.cli("sync")
        done = self.stack.cli("status")
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stdout, r"\Anot healthy: the last sync succeeded \d+ seconds? ago, but with 13 problems: "
                                      r"HEMERA_ERROR\. Hemera itself has failed\..*\n")
        self.assertEqual(done.stdout.count("  course cgen"), 10)
        self.assertRegex(done.stdout, r"(?m)^  and 3 more: aither status --json\nwhat to do about .*\n" + DETAILS)
        self.assertLessEqual(len(done.stdout.splitlines()), 24)

    def test_while_a_sync_runs(self) -> None:
        self.stack.cli("sync")
        self.hemera.scenario(fault={"path": "/api/service/courses", "kind": "delay", "seconds": 60, "count": 1})
        self.stack.cli("sync", "--no-wait")
        done = self.stack.cli("status")
        self.assertEqual(done.returncode, 0)
        self.assertTrue(done.stdout.startswith("healthy: the last sync did not fail, one is running now\n"))
        self.assertRegex(done.stdout, r"(?m)^a sync is running +list, for \d+ seconds? so far$")

    def test_without_a_worker(self) -> None:
        assert self.stack.worker
        self.stack.worker.stop()
        done = self.stack.cli("status")
        self.assertEqual((done.returncode, done.stderr), (69, ""))
        self.assertRegex(done.stdout, r"\Anot healthy: cannot reach aither-worker at .*; "
                                      r"try: systemctl start aither-worker\.socket\n")
        self.assertIn("sockets                  unknown", done.stdout)


class Deferred(StackTest):
    """The limit of 4 requests per minute is too low for all participants."""

    environment = NO_BUS
    hemera_arguments = ("--courses", "6", "--participants", "1", "--limit", "4")
    config = "RequestsPerMinute=4\n[Sync]\nTimeLimitSec=5\n"

    def test_waiting_courses_are_reported(self) -> None:
        self.stack.cli("sync")
        self.assertRegex(self.stack.cli("status").stdout, r"(?m)^deferred +\d courses wait to be read; read them now: "
                                                           r"aither sync --until-complete$")


class Systemd(StackTest):
    def setUp(self) -> None:
        super().setUp()
        hourly = unit("active", "waiting", NextElapseUSecRealtime=self.microseconds(1860))
        self.systemd = SystemdStub({"aither-sync@hourly.timer": hourly} | installed(
            [f"127.0.0.1:{self.stack.port}"], str(self.stack.socket), self.microseconds(5 * 3600)))
        self.addCleanup(self.systemd.stop)
        self.stack.environment["DBUS_SYSTEM_BUS_ADDRESS"] = self.systemd.address
        self.assertEqual(self.stack.cli("sync").returncode, 0)

    @staticmethod
    def microseconds(seconds: int) -> int:
        return int((time.time() + seconds) * 1_000_000)

    def set(self, name: str, **properties: Any) -> None:
        self.systemd.units[name] |= properties

    def test_sockets_and_the_next_run(self) -> None:
        done = self.stack.cli("status")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertRegex(done.stdout, r"(?m)^next sync +(today|tomorrow) \d\d:\d\d, in 3[01] minutes by aither-sync@hourly\.timer$")
        self.assertRegex(done.stdout, r"(?m)^aither\.socket +listening, enabled$")
        self.assertRegex(done.stdout, r"(?m)^aither-worker\.socket +listening, static$")
        self.assertNotIn("aither.service", done.stdout)
        self.assertRegex(json.loads(self.stack.cli("status", "--json").stdout)["data"]["systemd"]["nextSync"],
                         r"^20\d\d-\d\d-\d\dT.*Z$")
        self.assertLessEqual(len(done.stdout.splitlines()), 24)

    def test_a_missing_token_is_reported(self) -> None:
        """Runs in a mount namespace without /etc/credstore."""
        program = [BUILD / "aither", f"--config={self.stack.config}", "status"]
        world = ["unshare", "--mount", *(["--map-root-user"] if os.geteuid() != 0 else []), "sh", "-c",
                 'mount -t tmpfs tmpfs /etc && "$@" && "$@" --json && mkdir -m 700 /etc/credstore && '
                 'echo a-token-of-good-length >/etc/credstore/aither.sync-token && "$@" && "$@" --json', "sh"]
        if subprocess.run([*world[:-2], "mount -t tmpfs tmpfs /etc"], capture_output=True).returncode != 0:
            self.skipTest("this system permits no mount namespace")
        done = subprocess.run([*world, *program], env=self.stack.environment, capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        shown, without, silent, with_one = re.split(r"^(\{.*\})\n", done.stdout, flags=re.M)[:4]
        self.assertRegex(shown, r"(?m)^sync token +not set: .*; set one: aither set-secret --generate sync-token$")
        self.assertIs(json.loads(without)["data"]["systemd"]["syncTokenSet"], False)
        self.assertNotIn("sync token", silent)
        with self.stack.config.open("a") as file:
            file.write("[Web]\nLocalAccess=no\n")
        closed = subprocess.run([*world[:-2], "mount -t tmpfs tmpfs /etc && exec \"$@\"", "sh", *program],
                                env=self.stack.environment, capture_output=True, text=True, timeout=60)
        self.assertRegex(closed.stdout, r"(?m)^sync token +not set: LocalAccess=no refuses all calls over TCP; set one: ")
        self.assertIs(json.loads(with_one)["data"]["systemd"]["syncTokenSet"], True)

    def test_the_next_run_for_waiting_courses(self) -> None:
        self.hemera.scenario(add=[{"id": "cnew0000000000000000000" + str(n), "participants": [{}]} for n in range(2)],
                             used=92, limit=100)
        self.assertEqual(self.stack.cli("sync").returncode, 0)
        self.assertRegex(self.stack.cli("status").stdout,
                         r"(?m)^deferred +\d courses? waits? to be read; aither-sync@hourly\.timer runs "
                         r"in 3[01] minutes; read them now: aither sync --until-complete$")
        self.set("aither-sync.service", ActiveState="activating", SubState="start")
        self.assertRegex(self.stack.cli("status").stdout,
                         r"(?m)^deferred +\d courses? waits? to be read; aither-sync\.service is reading them$")

    def test_courses_that_wait_for_hours(self) -> None:
        self.hemera.scenario(add=[{"id": "cnew0000000000000000000" + str(n), "participants": [{}]} for n in range(2)],
                             used=92, limit=100)
        self.stack.cli("sync")
        self.set("aither-sync@hourly.timer", ActiveState="inactive", SubState="dead", NextElapseUSecRealtime=0)
        done = self.stack.cli("status")
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stdout, r"\Anot healthy: \d courses? waits? to be read; aither-sync\.timer runs in "
                                      r"[45] hours; read them now: aither sync --until-complete\n")

    def test_a_public_socket_without_a_token(self) -> None:
        """aither-web itself reports, through the port, that it has no token."""
        if Path("/etc/credstore/aither.sync-token").exists():
            self.skipTest("this machine has a token")
        self.set("aither.socket", Listen=[("Stream", f"0.0.0.0:{self.stack.port}")])
        done = self.stack.cli("status")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertRegex(done.stdout, r"\Ahealthy, with a warning: no sync token is set, and aither\.socket listens on "
                                      r".*; set one: aither set-secret --generate sync-token\n")

    def test_a_worker_that_crashes_again_and_again(self) -> None:
        """Whenever its state is read, it happens to be running."""
        self.set("aither-worker.service", NRestarts=57, MainPID=1, ExecMainStartTimestamp=self.microseconds(-12))
        done = self.stack.cli("status")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r"\Anot healthy: aither-worker\.service keeps crashing: it was restarted 57 "
                                      r"times, last .* ago; see: journalctl -x -n 20 -u aither-worker\.service\n")
        self.assertRegex(done.stdout, r"(?m)^aither-worker\.service +running, static: crashed and was restarted 57 times, ")
        self.assertIn("FAIL  aither-worker.service: ", self.stack.cli("doctor").stdout)

    def test_the_worst_problem_comes_first(self) -> None:
        self.hemera.scenario(key=OTHER_KEY)
        self.stack.cli("sync")
        self.assertTrue(self.stack.cli("status").stdout.startswith("not healthy: the last sync failed "))
        self.set("aither.service", ActiveState="failed", SubState="failed", Result="exit-code")
        self.assertTrue(self.stack.cli("status").stdout.startswith("not healthy: aither.service has failed "))

    def test_no_timer(self) -> None:
        for name in ("aither-sync.timer", "aither-sync@hourly.timer"):
            self.set(name, ActiveState="inactive", SubState="dead", UnitFileState="disabled",
                     NextElapseUSecRealtime=0)
        done = self.stack.cli("status")
        self.assertEqual(done.returncode, 1)
        self.assertTrue(done.stdout.startswith("not healthy: aither-sync.timer is inactive, "), done.stdout)
        self.assertRegex(done.stdout, r"(?m)^next sync +none is planned; .*: systemctl enable --now aither-sync\.timer$")

    def test_switched_off(self) -> None:
        self.set("aither.socket", ActiveState="inactive", SubState="dead", UnitFileState="disabled")
        done = self.stack.cli("status")
        self.assertEqual(done.returncode, 1)
        self.assertTrue(done.stdout.startswith("not healthy: aither.socket is inactive, "), done.stdout)
        self.assertIn("systemctl enable --now aither.socket", done.stdout)

    def test_failed_units_are_shown(self) -> None:
        self.set("aither.service", ActiveState="failed", SubState="failed", Result="exit-code")
        done = self.stack.cli("status")
        self.assertEqual(done.returncode, 1)
        self.assertTrue(done.stdout.startswith("not healthy: aither.service has failed (exit-code); "), done.stdout)
        self.assertRegex(done.stdout, r"(?m)^aither\.service +failed \(exit-code\), static; "
                                      r"see: journalctl -x -n 20 -u aither\.service$")

    def test_a_service_that_cannot_start(self) -> None:
        for name in ("aither.service", "aither-worker.service"):
            before = dict(self.systemd.units[name])
            self.set(name, ActiveState="activating", SubState="auto-restart", Result="exit-code", ExecMainCode=1,
                     ExecMainStatus=203)
            done = self.stack.cli("status")
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stdout, rf"\Anot healthy: {name} has failed \(exit status 203/EXEC: .*\) and "
                                          rf"systemd keeps restarting it; see: journalctl -x -n 20 -u {name}\n")
            self.assertRegex(done.stdout, rf"(?m)^{name} +restarting \(exit status 203/EXEC: .*\), static; see: journal")
            self.systemd.units[name] = before

    def test_a_worker_that_cannot_start(self) -> None:
        assert self.stack.worker
        self.stack.worker.stop()
        self.set("aither-worker.service", ActiveState="activating", SubState="auto-restart", Result="exit-code",
                 ExecMainCode=1, ExecMainStatus=226)
        done = self.stack.cli("status")
        self.assertEqual(done.returncode, 69)
        self.assertTrue(done.stdout.startswith("not healthy: aither-worker.service has failed (exit status 226/NAMESPACE: "),
                        done.stdout)

    def test_a_port_that_never_answers(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            address = f"127.0.0.1:{listener.getsockname()[1]}"
            self.set("aither.socket", Listen=[("Stream", address)])
            done = self.stack.cli("status")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, rf"\Anot healthy: {re.escape(address)} accepts connections, but aither-web does not "
                                      r"answer within 2\.5 s; see: journalctl -x -n 20 -u aither\.service\n")
        self.assertRegex(done.stdout, rf"(?m)^port +{re.escape(address)} accepts connections")

    def test_the_scheduled_sync_cannot_be_executed(self) -> None:
        """The report of an earlier sync does not mention the problem."""
        self.set("aither-sync.service", ActiveState="failed", SubState="failed", Result="exit-code", ExecMainCode=1,
                 ExecMainStatus=203)
        done = self.stack.cli("status")
        self.assertEqual(done.returncode, 1)
        self.assertTrue(done.stdout.startswith("not healthy: aither-sync.service has failed (exit status 203/EXEC: "),
                        done.stdout)

    def test_a_timer_that_has_failed(self) -> None:
        self.set("aither-sync@hourly.timer", ActiveState="failed", SubState="failed", Result="resources",
                 NextElapseUSecRealtime=0)
        done = self.stack.cli("status")
        self.assertEqual(done.returncode, 1)
        self.assertTrue(done.stdout.startswith("not healthy: aither-sync@hourly.timer has failed (resources: "), done.stdout)
        self.assertRegex(done.stdout, r"(?m)^aither-sync@hourly\.timer +failed ")
        self.set("aither-sync.timer", ActiveState="failed", SubState="failed", Result="resources")
        self.assertTrue(self.stack.cli("status").stdout.startswith("not healthy: aither-sync.timer has failed "))

    def test_without_a_worker_the_units_are_still_shown(self) -> None:
        assert self.stack.worker
        self.stack.worker.stop()
        self.set("aither-worker.socket", ActiveState="inactive", SubState="dead")
        done = self.stack.cli("status")
        self.assertEqual(done.returncode, 69)
        self.assertRegex(done.stdout, r"(?m)^aither-worker\.socket +inactive, static; "
                                      r"start it: systemctl enable --now aither\.socket$")
        self.assertIn("by aither-sync@hourly.timer", done.stdout)

    def test_the_units_of_another_worker_are_ignored(self) -> None:
        self.set("aither-worker.socket", Listen=[("Stream", "/run/other.sock")])
        self.set("aither.socket", ActiveState="failed")
        self.assertEqual(self.stack.cli("status").returncode, 0)


if __name__ == "__main__":
    unittest.main()
