# SPDX-License-Identifier: MIT
"""Services that cannot start, on a real systemd: `aither status` and `aither doctor` name the unit, its exit status and the
command that shows its journal, and report success again once the cause is gone."""
import json
import re
import unittest

from client import Stub
from installation import first_run_of_module
from machine import SITE, curl, drop_in, is_container, output, revert, run, show, wait_until

WEB, WORKER, SYNC, TIMER = "aither.service", "aither-worker.service", "aither-sync.service", "aither-sync.timer"
NO_PROGRAM = "[Service]\nExecStart=\nExecStart=/nonexistent/program\n"
NO_DIRECTORY = "[Service]\nBindPaths=/nonexistent/directory\n"
NO_GROUP = "[Service]\nSupplementaryGroups=nonexistent-group\n"
NO_CREDENTIAL = "[Service]\nLoadCredential=aither.test:/nonexistent/secret\n"

hemera: Stub


def setUpModule() -> None:
    global hemera
    hemera = first_run_of_module()


class BrokenUnits(unittest.TestCase):
    def setUp(self) -> None:
        self.assert_healthy()

    def assert_healthy(self) -> None:
        run("aither", "status")
        run("aither", "doctor")

    def break_unit(self, unit: str, text: str) -> None:
        drop_in(unit, text)
        self.addCleanup(self.assert_healthy)
        self.addCleanup(run, "systemctl", "reset-failed", unit)
        self.addCleanup(run, "systemctl", "stop", unit)  # a process that the drop-in may have started
        self.addCleanup(revert, unit)

    def assert_named(self, unit: str, why: str, exits: tuple[int, int]) -> None:
        """Both commands name the unit; `exits` are their exit codes."""
        status, doctor = run("aither", "status", check=False), run("aither", "doctor", "--json", check=False)
        self.assertEqual((status.returncode, doctor.returncode), exits, status.stdout + doctor.stdout)
        self.assertRegex(status.stdout, rf"\Anot healthy: {re.escape(unit)} has failed \({why}[^\n]*; "
                                        rf"see: journalctl -x -n 20 -u {re.escape(unit)}\n")
        check, = (c for c in json.loads(doctor.stdout)["data"]["checks"] if c["name"] == unit)
        self.assertEqual(check["status"], "failed")
        self.assertRegex(check["message"], rf"^(restarting|failed) \({why}")
        self.assertIn(f"journalctl -x -n 20 -u {unit}\n", check["remedy"])
        self.assertEqual("see CONTAINERS in aither-web(8)" in check["message"], why[12:15] in ("226", "243") and is_container())

    def test_the_homepage(self) -> None:
        for text, why in ((NO_PROGRAM, "exit status 203/EXEC"), (NO_DIRECTORY, "exit status 226/NAMESPACE"),
                          (NO_GROUP, "exit status 216/GROUP"), (NO_CREDENTIAL, "exit status 243/CREDENTIALS")):
            with self.subTest(why):
                self.break_unit(WEB, text)
                run("systemctl", "stop", WEB)
                self.assert_named(WEB, why, (1, 1))
                self.assertEqual(output("systemctl", "--failed", "--plain", "--no-legend"), "")
                port, = (c for c in json.loads(run("aither", "doctor", "--json", check=False).stdout)["data"]["checks"]
                         if c["name"] == "port")
                self.assertIn("accepts connections, but aither-web does not answer", port["message"])
                self.doCleanups()

    def test_the_worker(self) -> None:
        for text, why in ((NO_PROGRAM, "exit status 203/EXEC"), (NO_DIRECTORY, "exit status 226/NAMESPACE")):
            with self.subTest(why):
                self.break_unit(WORKER, text)
                run("systemctl", "stop", WORKER)
                self.assert_named(WORKER, why, (69, 69))
                self.doCleanups()

    def test_a_daemon_that_crashes_once_it_runs(self) -> None:
        self.break_unit(WEB, "[Service]\nRestartSec=30s\n")
        curl(f"{SITE}/")
        run("systemctl", "kill", "--kill-whom=main", "--signal=SEGV", WEB)
        wait_until(lambda: show(WEB, "SubState") == "auto-restart", 30, "it waits for its restart")
        self.assert_named(WEB, "(signal 11/SEGV|core-dump: )", (1, 1))

    def test_the_scheduled_sync(self) -> None:
        self.break_unit(SYNC, NO_PROGRAM)
        run("systemctl", "start", SYNC, check=False)
        self.assert_named(SYNC, "exit status 203/EXEC", (1, 1))

    def test_a_homepage_that_hangs_at_its_start(self) -> None:
        """The unit has no exit status yet; the reports name the address that does not answer."""
        self.break_unit(WEB, "[Service]\nExecStart=\nExecStart=/bin/sleep infinity\nNoExecPaths=\n")
        run("systemctl", "stop", WEB)
        done = run("aither", "status", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r"\Anot healthy: \S+:3500 accepts connections, but aither-web does not answer within ")

    def test_no_timer(self) -> None:
        run("systemctl", "stop", TIMER)
        self.addCleanup(run, "systemctl", "start", TIMER)
        done = run("aither", "status", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertTrue(done.stdout.startswith(f"not healthy: {TIMER} is inactive, so no sync is planned"), done.stdout)


if __name__ == "__main__":
    unittest.main()
