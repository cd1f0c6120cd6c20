# SPDX-License-Identifier: MIT
"""The installed package at work: four commands, then syncs, the timer, the journal and failures of Hemera."""
import json
import os
import re
import unittest
from pathlib import Path
from typing import Any

from client import Stub
from installation import DEB, EVENT, KEY, KEY_FILE, SWITCHES, UNITS, active_units, configure, is_enabled, listeners
from machine import (OUTPUT, SITE, Story, curl, drop_in, essential, journal, output, revert, run, show, text_of,
                     wait_until)

TREE = Path(__file__).resolve().parents[2]

hemera: Stub


def setUpModule() -> None:
    global hemera
    hemera = Stub("--no-limit", key=KEY)
    unittest.addModuleCleanup(hemera.stop)


def load_tests(*_: Any) -> unittest.TestSuite:
    return Package.in_order()


def titles() -> list[str]:
    """The titles of all courses that Hemera lists."""
    answer = curl("--header", f"X-API-Key: {KEY}", f"{hemera.url}/api/service/courses?limit=500")
    return [row["title"] for row in answer.json["data"]]


def pages() -> dict[str, str]:
    """Published files: path to inode and time of the last change."""
    found = output("find", OUTPUT, "-name", "*.html", "-printf", r"%P %i %T@\n")
    return dict(line.split(" ", 1) for line in found.splitlines())


class Package(Story):
    @essential
    def test_install_leaves_everything_disabled_and_nothing_listening(self) -> None:
        run("apt-get", "install", "--yes", DEB)
        self.assertEqual(active_units(), [])
        self.assertEqual(listeners(), "")
        for unit in UNITS:
            with self.subTest(unit):
                self.assertIn(is_enabled(unit), ("disabled", "static"))
        self.assertEqual(output("stat", "-c", "%U:%G %a", "/run/aither"), "root:root 755")
        self.assertEqual(output("stat", "-c", "%U:%G %a", "/etc/credstore"), "root:root 700")

    def test_the_package_brings_the_cas_that_the_worker_trusts(self) -> None:
        """The worker talks to Hemera over https only, and without this file libcurl refuses every certificate."""
        self.assertIn("-----BEGIN CERTIFICATE-----", output("head", "-n", "1", "/etc/ssl/certs/ca-certificates.crt"))

    def test_units_are_valid(self) -> None:
        paths = [show(unit, "FragmentPath") for unit in UNITS]
        done = run("systemd-analyze", "verify", "--man=no", *paths)
        self.assertEqual(done.stdout + done.stderr, "")

    @essential
    def test_four_commands_are_all_an_operator_types(self) -> None:
        configure(hemera)
        run("aither", "set-secret", "hemera-api-key", stdin=KEY)
        self.assertEqual(output("stat", "-c", "%U:%G %a", KEY_FILE), "root:root 600")
        run("systemctl", "enable", "--now", *SWITCHES)
        done = run("aither", "sync")
        self.assertNotIn(KEY, done.stdout + done.stderr)

    def test_homepage_shows_the_courses(self) -> None:
        wanted = titles()
        self.assertGreater(len(wanted), 3)
        for site in (SITE, "http://127.0.0.1:3500", "http://[::1]:3500"):
            with self.subTest(site):
                page = curl(f"{site}/")
                self.assertEqual(page.status, 200)
                shown = text_of(page.text)
                self.assertEqual([title for title in wanted if title not in shown], [])

    def test_a_large_homepage_is_sent_from_a_file_in_memory(self) -> None:
        """The unit's sandbox permits memfd_create(2) and sendfile(2). Without the former there would be no such file;
        without the latter only part of the page would arrive."""
        page, size = f"{OUTPUT}/public/index.de.html", 300_000
        run("sh", "-c", f"{{ cat {page}; head -c {size} /dev/zero | tr '\\0' ' '; }} >{page}.new; "
            f"chown aither:aither {page}.new; chmod 640 {page}.new; mv {page}.new {page}")
        self.assertGreater(len(curl("--header", "Accept-Language: de", f"{SITE}/").text), size)
        web = show("aither.service", "MainPID")
        self.assertIn("/memfd:http-body", output("ls", "-l", f"/proc/{web}/fd"))
        self.assertIn("\nSeccomp:\t2\n", output("cat", f"/proc/{web}/status"))
        run("aither", "sync")
        self.assertLess(len(curl("--header", "Accept-Language: de", f"{SITE}/").text), size, "a sync repairs it")

    def test_pages_on_disk(self) -> None:
        found = pages()
        self.assertEqual(len([path for path in found if path.startswith("courses/")]), len(titles()))
        indexes = {"public/index.de.html", "public/index.en.html", "courses.de.html", "courses.en.html"}
        self.assertLessEqual(indexes, set(found))
        modes = output("find", OUTPUT, "-printf", r"%y %m %u:%g\n").splitlines()
        self.assertEqual(set(modes), {"d 750 aither:aither", "f 640 aither:aither", "f 600 aither:aither"})
        self.assertEqual(output("stat", "-c", "%a", f"{OUTPUT}/.sync-manifest.json"), "600")

    def test_status_answers(self) -> None:
        answer = curl(f"{SITE}/api/sync/status")
        self.assertEqual((answer.status, answer.json["data"]["status"]), (200, "success"))
        self.assertEqual(answer.json["data"]["coursesFetched"], len(titles()))
        self.assertTrue(answer.json["data"]["lastSuccessTime"])
        status = json.loads(output("aither", "status", "--json"))
        self.assertEqual(status["data"]["jobId"], answer.json["data"]["jobId"])

    def test_second_sync_generates_nothing(self) -> None:
        before = pages()
        report = json.loads(output("aither", "sync", "--json"))["data"]
        self.assertEqual((report["status"], report["filesGenerated"], report["filesDeleted"]), ("success", 0, 0))
        self.assertEqual(report["filesSkipped"], len(titles()))
        self.assertEqual(pages(), before)

    def test_sync_by_plain_curl(self) -> None:
        answer = curl("--request", "POST", f"{SITE}/api/sync")
        self.assertEqual((answer.status, answer.json["success"], answer.json["data"]["status"]), (200, True, "success"))

    def test_timer_fires_by_itself(self) -> None:  # US3.1
        course = {"id": "csystemtimer0000000000000", "title": "Added before the timer"}
        hemera.scenario(add=course)
        drop_in("aither-sync.timer", "[Timer]\nOnCalendar=\nOnActiveSec=1s\nRandomizedDelaySec=0\nAccuracySec=1ms\n")
        self.addCleanup(revert, "aither-sync.timer")
        self.addCleanup(run, "systemctl", "restart", "aither-sync.timer")
        hemera.clear_requests()
        run("systemctl", "restart", "aither-sync.timer")
        wait_until(lambda: hemera.requests("/api/service/courses"), 30, "the timer starts a sync")
        wait_until(lambda: show("aither-sync.service", "ActiveState") == "inactive", 60, "the sync has ended")
        self.assertEqual(show("aither-sync.service", "Result"), "success")
        self.assertIn(course["title"], text_of(curl(f"{SITE}/").text))

    def test_journal_has_the_event(self) -> None:
        events = journal("_SYSTEMD_UNIT=aither-worker.service", f"MESSAGE_ID={EVENT}01")
        self.assertGreaterEqual(len(events), 4)
        job = json.loads(output("aither", "status", "--json"))["data"]["jobId"]
        last = [event for event in events if event.get("AITHER_JOB_ID") == job]
        self.assertEqual(len(last), 1, events[-1])
        self.assertEqual(last[0]["SYSLOG_IDENTIFIER"], "aither-worker")
        self.assertIn("A sync has ended", output("journalctl", "--catalog", f"AITHER_JOB_ID={job}"))
        self.assertNotIn(KEY, output("journalctl", "--all", "--output=json"))

    def test_each_daemon_gets_its_own_secrets_only(self) -> None:
        token = "system-test-token-0123456789"
        run("aither", "set-secret", "sync-token", stdin=token)
        self.addCleanup(run, "systemctl", "restart", "aither.service")
        self.addCleanup(run, "rm", "/etc/credstore/aither.sync-token")
        refused = curl("--request", "POST", f"{SITE}/api/sync")
        self.assertEqual((refused.status, refused.json["error"]["code"]), (401, "UNAUTHORIZED"))
        admitted = curl("--request", "POST", "--header", f"Authorization: Bearer {token}", f"{SITE}/api/sync")
        self.assertEqual(admitted.status, 200)
        self.assertEqual(output("ls", "/run/credentials/aither.service"), "aither.sync-token")
        self.assertEqual(output("ls", "/run/credentials/aither-worker.service"), "aither.hemera-api-key")

    def test_the_pages_password_reaches_aither_web_and_opens_pages_only(self) -> None:
        password = run("aither", "set-secret", "--generate", "pages-password").stdout.strip()
        self.addCleanup(run, "systemctl", "restart", "aither.service")
        self.addCleanup(run, "rm", "/etc/credstore/aither.pages-password")
        self.assertEqual(output("cat", "/etc/credstore/aither.pages-password"), password)
        page = next(path for path in pages() if path.startswith("courses/"))
        for user, status in ((f"staff:{password}", 200), ("staff:wrong", 401)):
            self.assertEqual(curl("--user", user, f"{SITE}/{page}").status, status)
        self.assertEqual(curl("--user", f"staff:{password}", f"{SITE}/metrics").status, 403)
        self.assertEqual(output("ls", "/run/credentials/aither.service"), "aither.pages-password")

    def test_every_event_is_explained(self) -> None:
        events = re.findall(r'#define LOG_EVENT_\w+ "([0-9a-f]{32})"', (TREE / "src/base/log.h").read_text())
        self.assertGreater(len(events), 3)
        for event in events:
            entry = run("journalctl", "--dump-catalog", event, check=False).stdout
            for word in ("Subject:", "Cause:", "Remedy:", "Command:"):
                with self.subTest(event=event, word=word):
                    self.assertIn(word, entry)

    def test_hemera_down_gives_502_and_keeps_pages(self) -> None:
        before, worker = pages(), show("aither-worker.service", "MainPID")
        hemera.scenario(fault={"path": "/", "kind": "reset", "count": -1})
        self.addCleanup(hemera.scenario, fault=None)
        answer = curl("--request", "POST", f"{SITE}/api/sync")
        self.assertEqual((answer.status, answer.json["error"]["code"]), (502, "HEMERA_UNREACHABLE"))
        self.assertEqual(pages(), before)
        self.assertEqual(show("aither-worker.service", "MainPID"), worker)
        self.assertTrue(journal("_SYSTEMD_UNIT=aither-worker.service", f"MESSAGE_ID={EVENT}02"))
        page = curl(f"{SITE}/")
        self.assertEqual(page.status, 200)
        self.assertIn("Added before the timer", text_of(page.text))
        self.assertEqual(run("aither", "sync", check=False).returncode, 1)
        hemera.scenario(fault=None)
        run("aither", "sync")

    def test_restart_keeps_status(self) -> None:
        before = curl(f"{SITE}/api/sync/status").json["data"]
        run("systemctl", "restart", "aither-worker.service", "aither.service")
        self.assertEqual(curl(f"{SITE}/api/sync/status").json["data"], before)


assert os.environ.get("AITHER_MACHINE"), "start it by tests/system/run"
