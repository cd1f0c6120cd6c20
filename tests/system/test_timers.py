# SPDX-License-Identifier: MIT
"""The schedule behaves as aither-sync.timer(8) describes it."""
import unittest

from client import Stub
from installation import EVENT, KEY_FILE, configure, failed_units, first_run_of_module
from machine import journal, output, run, show, wait_until, write
from smtp_stub import SmtpStub

SERVICE, TIMER = "aither-sync.service", "aither-sync.timer"
ALERT = "aither-alert@aither-sync.service.service"
LIST = "/api/service/courses"

hemera: Stub


def setUpModule() -> None:
    global hemera
    hemera = first_run_of_module()


def state(unit: str) -> str:
    return show(unit, "ActiveState")


class Timers(unittest.TestCase):
    def setUp(self) -> None:
        hemera.reset()
        run("systemctl", "start", "aither.socket", TIMER)
        run("systemctl", "reset-failed")

    def begin(self) -> None:
        """Starts a run that takes some time."""
        hemera.clear_requests()
        hemera.scenario(fault={"path": LIST, "kind": "delay", "seconds": 5, "count": 1})
        run("systemctl", "start", "--no-block", SERVICE)
        wait_until(lambda: hemera.requests(LIST), 30, "the run asks Hemera")

    def lists(self) -> int:
        """The number of requests for the list: one per sync."""
        return len([seen for seen in hemera.requests(LIST) if seen["path"].partition("?")[0] == LIST])

    def test_an_expression_is_escaped_into_the_units_name_and_several_go_together(self) -> None:
        units = [output("systemd-escape", "--template=aither-sync@.timer", text) for text in ("*:0/30", "Mon..Fri 05:00")]
        run("systemctl", "enable", "--now", *units)
        self.addCleanup(run, "systemctl", "disable", "--now", *units)
        for unit in (*units, TIMER):
            self.assertEqual((state(unit), show(unit, "Unit")), ("active", SERVICE))
            self.assertTrue(show(unit, "NextElapseUSecRealtime"))
        self.assertIn(":00", show(units[0], "NextElapseUSecRealtime"))

    def test_a_run_waits_for_the_network(self) -> None:
        """As at boot, when systemd makes up for a missed run before the network is up."""
        units = "/run/systemd/system"
        write(f"{units}/late-network.service", "[Unit]\nDefaultDependencies=no\nBefore=network-online.target\n[Service]\n"
              "Type=oneshot\nExecStart=/bin/sh -c 'until [ -e /run/network-is-up ]; do sleep 0.1; done'\n")
        write(f"{units}/network-online.target.d/late.conf", "[Unit]\nWants=late-network.service\n")
        self.addCleanup(run, "sh", "-c", f"rm -r {units}/late-network.service {units}/network-online.target.d "
                        "/run/network-is-up; systemctl daemon-reload")
        run("systemctl", "daemon-reload")
        run("systemctl", "stop", "network-online.target")
        hemera.clear_requests()
        run("systemctl", "start", "--no-block", SERVICE)
        wait_until(lambda: state("late-network.service") == "activating", 30, "the network is waited for")
        self.assertEqual((state(SERVICE), self.lists()), ("inactive", 0))
        run("touch", "/run/network-is-up")
        wait_until(self.lists, 30, "the run asks Hemera")
        run("systemctl", "start", SERVICE)
        self.assertEqual((show(SERVICE, "Result"), failed_units()), ("success", ""))

    def test_a_failed_run_is_logged_once_by_the_worker_and_once_by_systemd(self) -> None:
        """systemd does not log the worker's start, which the run causes."""
        hemera.scenario(fault={"path": LIST, "kind": "status", "status": 403, "count": -1})
        for _ in range(3):  # a run and its two retries, so that the next run has none
            run("aither", "sync", check=False)
        run("systemctl", "stop", "aither-worker.service")
        before = len(journal("--unit=aither*"))
        self.assertNotEqual(run("systemctl", "start", SERVICE, check=False).returncode, 0)
        wait_until(lambda: state(ALERT) == "inactive", 30, "the end of the alert's unit")
        lines = [entry["MESSAGE"] for entry in journal("--unit=aither*")[before:]]
        self.assertEqual(len(lines), 2, lines)
        self.assertIn("sync failed after", lines[0])
        self.assertIn(f"Failed to start {SERVICE}", lines[1])

    def test_a_run_that_is_under_way_is_not_started_twice(self) -> None:
        self.begin()
        process = show(SERVICE, "MainPID")
        run("systemctl", "start", "--no-block", SERVICE)
        self.assertEqual(show(SERVICE, "MainPID"), process)
        run("systemctl", "start", SERVICE)  # joins the running job
        self.assertEqual((state(SERVICE), failed_units()), ("inactive", ""))
        self.assertEqual(self.lists(), 1)

    def test_another_callers_sync_is_waited_for(self) -> None:
        hemera.clear_requests()
        hemera.scenario(fault={"path": LIST, "kind": "delay", "seconds": 3, "count": 1})
        run("aither", "sync", "--no-wait")
        run("systemctl", "start", SERVICE)
        self.assertEqual((show(SERVICE, "Result"), failed_units()), ("success", ""))
        self.assertEqual((show(SERVICE, "ExecMainStatus"), self.lists()), ("0", 2), "75 would be no failure either")

    def test_a_partial_run_is_no_failure(self) -> None:
        hemera.scenario(add={"id": "cbad", "title": "Ohne Stufe", "level": "EXPERT"})
        run("systemctl", "start", SERVICE)
        self.assertEqual((show(SERVICE, "ExecMainStatus"), show(SERVICE, "Result")), ("2", "success"))

    def test_a_run_that_fails_is_seen_until_one_succeeds(self) -> None:
        run("rm", KEY_FILE)
        run("systemctl", "try-restart", "aither-worker.service")
        self.assertNotEqual(run("systemctl", "start", SERVICE, check=False).returncode, 0)
        self.assertIn(SERVICE, failed_units())
        self.assertEqual(show(SERVICE, "ExecMainStatus"), "78")
        self.assertEqual(state(TIMER), "active")
        alert = wait_until(lambda: journal(f"MESSAGE_ID={EVENT}07"), 30, "the alert")[-1]
        self.assertEqual(alert["AITHER_EXIT_STATUS"], "78", "there was no sync that the worker could count")
        run("aither", "set-secret", "hemera-api-key", stdin=hemera.key)
        run("systemctl", "start", SERVICE)
        self.assertEqual(failed_units(), "")

    def test_stopping_a_run_is_no_failure_and_the_sync_goes_on(self) -> None:
        self.begin()
        run("systemctl", "stop", SERVICE)
        self.assertEqual(failed_units(), "")
        self.assertIn('"status":"running"', run("aither", "status", "--json", check=False).stdout)

    def test_stopping_the_socket_stops_a_run_and_the_timer(self) -> None:
        self.begin()
        run("systemctl", "stop", "aither.socket")
        units = (SERVICE, TIMER, "aither.service", "aither-worker.service", "aither-worker.socket")
        for unit in units:  # these stop along with the socket, but systemctl waited only for the socket's own job
            wait_until(lambda unit=unit: state(unit) == "inactive", 30, f"{unit} stops")
        self.assertEqual(failed_units(), "")
        run("systemctl", "start", "aither.socket")
        self.assertEqual((state("aither-worker.socket"), state(TIMER)), ("active", "inactive"))

    def test_a_run_needs_the_workers_socket_only(self) -> None:
        run("systemctl", "stop", "aither.socket")
        run("systemctl", "start", SERVICE)
        self.assertEqual((state("aither.socket"), state("aither-worker.socket")), ("inactive", "active"))

    def test_a_worker_that_cannot_be_reached_is_an_alert(self) -> None:
        configure(hemera, "[Worker]", "Socket=/run/aither/none.sock")
        self.addCleanup(configure, hemera)
        before = len(journal(f"MESSAGE_ID={EVENT}07"))
        self.assertNotEqual(run("systemctl", "start", SERVICE, check=False).returncode, 0)
        self.assertEqual(show(SERVICE, "ExecMainStatus"), "69")
        alert = wait_until(lambda: journal(f"MESSAGE_ID={EVENT}07")[before:], 30, "the alert")[-1]
        self.assertEqual((alert["PRIORITY"], alert["AITHER_UNIT"], alert["AITHER_EXIT_STATUS"]), ("1", SERVICE, "69"))

    def test_that_alert_is_mailed_out_of_its_sandbox_once(self) -> None:
        with SmtpStub() as server:
            configure(hemera, "[Worker]", "Socket=/run/aither/none.sock", "[Notify]", "MailTo=operator@example.org",
                      f"SMTPURL=smtp://127.0.0.1:{server.port}")
            self.addCleanup(configure, hemera)
            for _ in range(2):
                before = len(journal(f"MESSAGE_ID={EVENT}07"))
                run("systemctl", "start", SERVICE, check=False)
                wait_until(lambda: len(journal(f"MESSAGE_ID={EVENT}07")) > before, 30, "the alert")
                wait_until(lambda: state(ALERT) == "inactive", 30, "its end")
        self.assertEqual(len(server.mails), 1)
        self.assertIn("the scheduled sync did not run", str(server.mails[0].header("Subject")))


if __name__ == "__main__":
    unittest.main()
