# SPDX-License-Identifier: MIT
"""Upgrades while visitors send requests."""
import threading
import unittest

from client import Stub
from installation import DAEMONS, REQUESTS_MIN, SWITCHES, first_run_of_module, is_enabled, repack, requests_during
from machine import SITE, curl, essential, journal, output, run, show, wait_until, Story
from installation import EVENT

hemera: Stub
packages: list[str] = []


# Version 0.1.0 had one socket for the worker.
WITH_ONE_SOCKET = """find . -name aither-worker-web.socket -delete
sed -i "s/ 'aither-worker-web.socket'//" DEBIAN/p*
sed -i -e '/^Wants=aither-worker-web.socket$/d' -e 's/ aither-worker-web.socket//' \\
    -e '/^TemporaryFileSystem=/d' -e '/^BindReadOnlyPaths=/d' $(find . -path '*/systemd/system/aither*')
sed -i /web/d usr/lib/tmpfiles.d/aither.conf
! grep -rq 'aither-worker-web[.]\\|aither/web' $(find . -path '*/systemd/system/*') usr/lib/tmpfiles.d DEBIAN/p*"""


def setUpModule() -> None:
    global hemera
    hemera = first_run_of_module()
    version = output("dpkg-query", "--show", "--showformat=${Version}", "aither")
    packages.extend(repack(f"{version}+upgrade{number}") for number in (1, 2, 3))


def load_tests(*_: object) -> unittest.TestSuite:
    return Upgrade.in_order()


class Upgrade(Story):
    @essential
    def test_two_upgrades_lose_no_request_and_restart_what_runs(self) -> None:
        curl(f"{SITE}/api/sync/status")
        before = {unit: show(unit, "MainPID") for unit in DAEMONS}
        self.assertNotIn("0", before.values())
        hemera.clear_requests()
        results = requests_during(lambda: [run("dpkg", "--install", path) for path in packages[:2]])
        print(f"# {len(results)} requests during two upgrades", flush=True)
        self.assertGreaterEqual(len(results), REQUESTS_MIN)
        self.assertEqual([result for result in results if result != 200], [])
        self.assertTrue(output("dpkg-query", "--show", "aither").endswith("+upgrade2"))
        for unit, process in before.items():
            self.assertNotEqual(show(unit, "MainPID"), process, unit)
        self.assertEqual(show("aither-sync.timer", "ActiveState"), "active")
        self.assertEqual(hemera.requests("/api/service/courses/"), [], "an upgrade runs no sync")

    def test_from_a_version_with_one_socket_of_the_worker(self) -> None:
        """Either both daemons run, or only aither-web, or neither."""
        old = repack("0.0.9", WITH_ONE_SOCKET)
        for running in (DAEMONS, ("aither.service",), ()):
            with self.subTest(running):
                run("dpkg", "--install", old)
                run("systemctl", "stop", *DAEMONS, "aither-worker-web.socket")
                run("rm", "-rf", "/run/aither/web")
                if running:
                    run("systemctl", "start", *running)
                results = requests_during(lambda: run("dpkg", "--install", packages[1]))
                self.assertEqual([result for result in results if result != 200], [])
                self.assertEqual(curl(f"{SITE}/api/sync/status").status, 200)
                self.assertEqual(show("aither-worker-web.socket", "ActiveState"), "active")
                run("aither", "sync")

    def test_a_sync_that_is_running_is_answered(self) -> None:
        hemera.scenario(fault={"path": "/api/service/courses", "kind": "delay", "seconds": 3, "count": 1})
        self.addCleanup(hemera.scenario, fault=None)
        hemera.clear_requests()
        answers = []
        client = threading.Thread(target=lambda: answers.append(curl("--request", "POST", f"{SITE}/api/sync")))
        client.start()
        wait_until(lambda: hemera.requests("/api/service/courses"), 30, "the sync has begun")
        run("dpkg", "--install", packages[0])
        client.join()
        self.assertIn(answers[0].status, (200, 202, 503), answers[0].text)
        self.assertTrue(journal(f"MESSAGE_ID={EVENT}01"))
        run("aither", "sync")

    def test_what_is_off_stays_off(self) -> None:
        run("systemctl", "disable", "--now", *SWITCHES)
        run("dpkg", "--install", packages[2])
        for unit in (*SWITCHES, *DAEMONS, "aither-worker.socket", "aither-worker-web.socket"):
            with self.subTest(unit):
                self.assertEqual(show(unit, "ActiveState"), "inactive")
                self.assertIn(is_enabled(unit), ("disabled", "static"))
