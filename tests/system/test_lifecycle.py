# SPDX-License-Identifier: MIT
"""Starts, ends, crashes and switches: no matter what happens to a daemon, its socket stays."""
import threading
import unittest
from pathlib import Path
from typing import Callable

from client import Stub
from installation import (DAEMONS, SWITCHES, active_units, configure, first_run_of_module, is_enabled, listeners,
                          requests_during)
from machine import (SITE, Answer, Story, curl, drop_in, essential, is_container, journal, output, reboot, revert, run,
                     show, wait_until)

SOCKETS = ("aither.socket", "aither-worker.socket", "aither-worker-web.socket")
STATUS = f"{SITE}/api/sync/status"
STAMP = "/var/lib/systemd/timers/stamp-aither-sync.timer"
IPV6_SWITCH = Path("/proc/sys/net/ipv6/conf/all/disable_ipv6")  # of the network namespace in which the test runs

hemera: Stub


def setUpModule() -> None:
    global hemera
    hemera = first_run_of_module()


def load_tests(*_: object) -> unittest.TestSuite:
    return Lifecycle.in_order()


def in_background(call: Callable[[], Answer]) -> Callable[[], Answer]:
    """Begins a call; the result waits for its answer."""
    answers: list[Answer] = []
    thread = threading.Thread(target=lambda: answers.append(call()))
    thread.start()

    def join() -> Answer:
        thread.join()
        return answers[0]

    return join


class Lifecycle(Story):
    def assert_sockets_listen(self) -> None:
        self.assertEqual([show(socket, "ActiveState") for socket in SOCKETS], ["active"] * len(SOCKETS))

    @essential
    def test_stop_and_enable_now_open_the_sockets_and_start_no_daemon(self) -> None:
        run("systemctl", "disable", "--now", *SWITCHES)
        run("systemctl", "enable", "--now", *SWITCHES)
        self.assert_sockets_listen()
        self.assertEqual(show("aither-sync.timer", "ActiveState"), "active")
        self.assertEqual([show(daemon, "ActiveState") for daemon in DAEMONS], ["inactive", "inactive"])

    def test_the_first_request_activates(self) -> None:
        self.assertEqual(curl(f"{SITE}/").status, 200)
        self.assertEqual(show("aither.service", "ActiveState"), "active")
        self.assertEqual(curl(STATUS).status, 200)
        self.assertEqual(show("aither-worker.service", "ActiveState"), "active")

    def test_the_worker_leaves_when_idle_and_returns(self) -> None:
        configure(hemera, "[Worker]", "IdleExitSec=1")
        self.addCleanup(configure, hemera)
        run("aither", "status")
        wait_until(lambda: show("aither-worker.service", "ActiveState") == "inactive", 30, "the worker leaves")
        self.assertEqual(show("aither-worker.service", "Result"), "success")
        self.assert_sockets_listen()
        run("aither", "status")

    def test_no_number_of_restarts_and_reloads_loses_a_socket_or_the_timer(self) -> None:
        for _ in range(8):  # systemd's limit is five starts in ten seconds
            run("systemctl", "restart", *SOCKETS)
            run("systemctl", "daemon-reload")
        self.assert_sockets_listen()
        self.assertEqual(show("aither-sync.timer", "ActiveState"), "active")
        self.assertEqual(curl(STATUS).status, 200)

    def test_kill_9_loses_no_socket(self) -> None:
        for unit in DAEMONS:
            with self.subTest(unit):
                run("aither", "status")
                process = show(unit, "MainPID")
                run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", unit)
                self.assertEqual(curl(STATUS).status, 200)
                self.assertNotEqual(show(unit, "MainPID"), process)
                self.assert_sockets_listen()

    def test_a_watchdog_ends_a_daemon_that_hangs(self) -> None:
        for unit in DAEMONS:
            with self.subTest(unit):
                self.assertEqual(show(unit, "WatchdogUSec"), "30s")
                drop_in(unit, "[Service]\nWatchdogSec=2s\n")
                self.addCleanup(revert, unit)
                run("systemctl", "restart", unit)
                process = show(unit, "MainPID")
                run("systemctl", "kill", "--kill-whom=main", "--signal=STOP", unit)
                self.assertEqual(in_background(lambda: curl(STATUS))().status, 200)
                self.assertNotEqual(show(unit, "MainPID"), process)
                self.assertTrue([entry for entry in journal(f"UNIT={unit}") if "atchdog timeout" in entry["MESSAGE"]])
                self.assert_sockets_listen()

    def test_a_client_that_waits_through_a_crash_loop_is_answered(self) -> None:
        drop_in("aither.service", "[Service]\nExecStart=\nExecStart=/bin/false\nExecPaths=/usr/bin\nRestartSec=100ms\n")
        self.addCleanup(revert, "aither.service")
        run("systemctl", "stop", "aither.service")
        answer = in_background(lambda: curl(f"{SITE}/"))
        wait_until(lambda: int(show("aither.service", "NRestarts")) >= 10, 60, "ten crashes, twice the default limit")
        self.assert_sockets_listen()
        revert("aither.service")
        self.assertEqual(answer().status, 200)

    def test_a_worker_in_a_crash_loop_is_reported_and_recovers(self) -> None:
        drop_in("aither-worker.service",
                "[Service]\nExecStart=\nExecStart=/bin/false\nExecPaths=/usr/bin\nRestartSec=100ms\n")
        self.addCleanup(revert, "aither-worker.service")
        run("systemctl", "stop", "aither-worker.service")
        status = in_background(lambda: curl(STATUS))
        wait_until(lambda: int(show("aither-worker.service", "NRestarts")) >= 10, 60, "ten crashes")
        self.assertEqual(curl(f"{SITE}/").status, 200)
        self.assert_sockets_listen()
        revert("aither-worker.service")
        self.assertIn(status().status, (200, 503))
        self.assertEqual(curl(STATUS).status, 200)

    def test_restarts_lose_no_request(self) -> None:
        results = requests_during(lambda: [run("systemctl", "restart", "aither.service") for _ in range(8)])
        self.assertEqual([result for result in results if result != 200], [])

    def test_stop_of_the_service_alone_lasts_until_the_next_request(self) -> None:
        run("systemctl", "stop", "aither.service")
        self.assert_sockets_listen()
        self.assertEqual(curl(f"{SITE}/").status, 200)
        self.assertEqual(show("aither.service", "ActiveState"), "active")

    def test_each_socket_of_the_worker_brings_back_the_other(self) -> None:
        run("systemctl", "stop", "aither-worker.socket")
        self.assertEqual(curl(STATUS).status, 200)
        self.assert_sockets_listen()
        run("systemctl", "stop", "aither-worker-web.socket")
        run("aither", "status")
        self.assert_sockets_listen()

    def test_a_scheduled_sync_restores_lost_sockets(self) -> None:
        run("systemctl", "stop", "aither-worker.socket", "aither-worker-web.socket", "aither-worker.service")
        self.assertEqual(curl(STATUS).status, 503)
        run("systemctl", "start", "aither-sync.service")
        self.assert_sockets_listen()
        self.assertEqual(curl(STATUS).status, 200)

    def test_the_socket_is_the_master_switch(self) -> None:
        run("systemctl", "stop", "aither.socket")
        self.assertEqual(active_units(), [])
        self.assertEqual(listeners(), "")
        run("systemctl", "start", *SWITCHES)
        self.assertEqual(curl(f"{SITE}/").status, 200)

    def test_disable_now_ends_it_all_for_good(self) -> None:
        run("systemctl", "disable", "--now", *SWITCHES)
        self.assertEqual(active_units(), [])
        self.assertEqual([is_enabled(switch) for switch in SWITCHES], ["disabled", "disabled"])
        run("systemctl", "enable", "--now", *SWITCHES)

    def test_enabling_the_service_enables_its_socket(self) -> None:
        run("systemctl", "disable", "--now", "aither.socket")
        run("systemctl", "enable", "--now", "aither.service")
        self.assertEqual((is_enabled("aither.service"), is_enabled("aither.socket")), ("enabled", "enabled"))
        self.assertEqual(show("aither.service", "ActiveState"), "active")
        run("systemctl", "disable", "aither.service")
        self.assertEqual(is_enabled("aither.socket"), "disabled")
        run("systemctl", "enable", "--now", *SWITCHES)

    def test_addresses_that_are_not_allowed_get_no_answer(self) -> None:
        drop_in("aither.socket", "[Socket]\nIPAddressDeny=any\nIPAddressAllow=127.0.0.1\n")
        self.addCleanup(run, "systemctl", "restart", "aither.socket")
        self.addCleanup(revert, "aither.socket")
        run("systemctl", "restart", "aither.socket")
        self.assertEqual(curl("http://127.0.0.1:3500/").status, 200)
        refused = run("curl", "--silent", "--max-time", "2", "http://[::1]:3500/", check=False)
        if refused.returncode == 0:
            self.skipTest("the kernel does not let this machine filter by address")
        self.assertEqual(refused.returncode, 28)

    @unittest.skipUnless(is_container(), "the network is not the test's own")
    def test_without_ipv6_the_other_address_is_served(self) -> None:
        IPV6_SWITCH.write_text("1")
        self.addCleanup(IPV6_SWITCH.write_text, "0")
        # Not "restart": systemd refuses to start a socket whose service has not ended yet.
        run("systemctl", "stop", *SOCKETS, *DAEMONS)
        run("systemctl", "start", *SOCKETS)
        self.assert_sockets_listen()
        self.assertEqual(curl("http://127.0.0.1:3500/").status, 200)
        self.assertEqual(curl(f"{SITE}/").status, 200)
        run("aither", "sync")

    @essential
    @unittest.skipUnless(is_container(), "this machine cannot be started again")
    def test_after_a_reboot_the_sockets_are_up_and_a_missed_run_is_caught_up(self) -> None:
        run("systemctl", "start", *SWITCHES)
        run("mkdir", "-p", "/etc/systemd/system/aither-sync.timer.d")
        run("tee", "/etc/systemd/system/aither-sync.timer.d/soon.conf", stdin="[Timer]\nRandomizedDelaySec=0\n")
        run("touch", "--date=3 days ago", STAMP)
        late, online = "/etc/systemd/system/late-network.service", "/etc/systemd/system/network-online.target.d"
        run("mkdir", "-p", online)
        self.addCleanup(run, "sh", "-c", f"rm -r {late} {online}; systemctl daemon-reload")
        run("tee", f"{online}/late.conf", stdin="[Unit]\nWants=late-network.service\n")
        run("tee", late, stdin="[Unit]\nDefaultDependencies=no\nBefore=network-online.target\n[Service]\nType=oneshot\n"
            "RemainAfterExit=yes\nExecStart=/bin/sleep 20\n")
        hemera.clear_requests()
        reboot()
        self.assert_sockets_listen()
        wait_until(lambda: hemera.requests("/api/service/courses"), 60, "the missed run is caught up")
        wait_until(lambda: show("aither-sync.service", "ActiveState") == "inactive", 60, "the sync has ended")
        self.assertEqual(show("aither-sync.service", "Result"), "success")
        self.assertGreaterEqual(int(show("aither-sync.service", "ExecMainStartTimestampMonotonic")),
                                int(show("late-network.service", "ExecMainExitTimestampMonotonic")),
                                "the run has waited for the network")
        self.assertEqual(curl(f"{SITE}/").status, 200)

    @unittest.skipUnless(is_container(), "this machine cannot be started again")
    def test_after_another_reboot_nothing_is_run_that_was_not_missed(self) -> None:
        hemera.clear_requests()
        stamp = output("stat", "-c", "%Y", STAMP)
        reboot()
        self.assert_sockets_listen()
        self.assertEqual(show("aither-sync.timer", "ActiveState"), "active")
        self.assertEqual((output("stat", "-c", "%Y", STAMP), hemera.requests()), (stamp, []))
