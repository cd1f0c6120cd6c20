# SPDX-License-Identifier: MIT
"""The package on a booted Debian, from its installation to its purge. One machine, one story."""
import json
import os
import re
import threading
import unittest
from pathlib import Path
from typing import Any, Callable

from client import Stub
from machine import (OUTPUT, SITE, Story, curl, drop_in, essential, get_status, journal, output,
                     revert, run, show, text_of, wait_until, write)

TREE = Path(__file__).resolve().parents[2]
DEB = "/root/aither.deb"
CONFIG = "/etc/aither/aither.conf.d/test.conf"
KEY = "system-test-key-0123456789-abcdefghij"
UNITS = ("aither.socket", "aither.service", "aither-worker.socket", "aither-worker.service", "aither-sync.service",
         "aither-sync.timer")
EVENT = "6a1d0e5e5c8b4f0c9d4f6f2b8a7c1e"  # and two digits, src/base/log.h
EXPOSURE_MAX = {"aither.service": 0.3, "aither-sync.service": 0.3, "aither-worker.service": 1.1,
                "aither-alert@test.service": 0.3}
REQUESTS_MIN = 100  # during a restart or an upgrade

hemera: Stub


def setUpModule() -> None:
    global hemera
    hemera = Stub("--no-limit", key=KEY)
    unittest.addModuleCleanup(hemera.stop)


def load_tests(*_: Any) -> unittest.TestSuite:
    return Package.in_order()


def configure(**worker: object) -> None:
    """BaseURL and few retries, so that a failure is told soon; the daemons read it at their start."""
    lines = ["[Hemera]", f"BaseURL={hemera.url}", "MaxRetries=1", "[Worker]",
             *(f"{key}={value}" for key, value in worker.items())]
    write(CONFIG, "\n".join(lines) + "\n")
    run("systemctl", "try-restart", "aither-worker.service", "aither.service")


def titles() -> list[str]:
    """Of all courses that Hemera lists."""
    answer = curl("--header", f"X-API-Key: {KEY}", f"{hemera.url}/api/service/courses?limit=500")
    return [row["title"] for row in answer.json["data"]]


def pages() -> dict[str, str]:
    """Published files: path to inode and time of the last change."""
    found = output("find", OUTPUT, "-name", "*.html", "-printf", r"%P %i %T@\n")
    return dict(line.split(" ", 1) for line in found.splitlines())


def active_units() -> list[str]:
    return output("systemctl", "list-units", "--plain", "--no-legend", "--state=active,activating,failed",
                  "aither*").splitlines()


def listeners() -> str:
    return "\n".join(line for line in output("ss", "-Hltnx").splitlines()
                     if ":3500" in line or "aither" in line)


def requests_during(action: Callable[[], Any]) -> list[object]:
    """What visitors get, one request after the other, from before an action until after it."""
    results: list[object] = []
    ended = threading.Event()

    def visit() -> None:
        while not ended.is_set() or len(results) < REQUESTS_MIN:
            try:
                results.append(get_status(f"{SITE}/"))
            except OSError as error:
                results.append(error)

    visitor = threading.Thread(target=visit)
    visitor.start()
    try:
        action()
    finally:
        ended.set()
        visitor.join()
    return results


def probe_like(unit: str, *attempts: str) -> dict[str, Any]:
    """Run probe.py with all properties of a unit: its user, its namespaces, its filters."""
    text = output("systemctl", "cat", unit)
    text = re.sub(r"^(ExecStart|Type|Restart|RestartSec|WatchdogSec|NotifyAccess|OnFailure|StateDirectory.*)=.*$", "",
                  text, flags=re.M)
    python = output("readlink", "-f", "/usr/bin/python3")
    write("/opt/probe.py", (Path(__file__).parent / "probe.py").read_text())
    run("chmod", "755", "/opt")
    write("/run/systemd/system/aither-probe.service", f"{text}\n[Service]\nType=oneshot\nExecPaths={python}\n"
          f"StandardOutput=truncate:/run/probe.json\nExecStart={python} /opt/probe.py {' '.join(attempts)}\n")
    run("systemctl", "daemon-reload")
    try:
        run("systemctl", "start", "aither-probe.service")
        return json.loads(output("cat", "/run/probe.json"))
    finally:
        run("rm", "/run/systemd/system/aither-probe.service", "/opt/probe.py", "/run/probe.json", check=False)
        run("systemctl", "daemon-reload")


class Package(Story):
    @essential
    def test_install_starts_nothing(self) -> None:
        run("apt-get", "install", "--yes", DEB)
        self.assertEqual(active_units(), [])
        self.assertEqual(listeners(), "")
        for unit in UNITS:
            with self.subTest(unit):
                self.assertIn(run("systemctl", "is-enabled", unit, check=False).stdout.strip(), ("disabled", "static"))
        self.assertEqual(output("stat", "-c", "%U:%G %a", "/run/aither"), "root:root 755")
        self.assertEqual(output("stat", "-c", "%U:%G %a", "/etc/credstore"), "root:root 700")

    def test_units_are_valid(self) -> None:
        paths = [show(unit, "FragmentPath") for unit in UNITS]
        done = run("systemd-analyze", "verify", "--man=no", *paths)
        self.assertEqual(done.stdout + done.stderr, "")

    def test_unconfigured_start_says_what_to_do(self) -> None:
        run("systemctl", "enable", "--now", "aither.socket", "aither-sync.timer")
        page = curl(f"{SITE}/")
        self.assertEqual(page.status, 200)
        self.assertIn("<html", page.text.lower())
        sync = curl("--request", "POST", f"{SITE}/api/sync")
        self.assertEqual((sync.status, sync.json["error"]["code"]), (503, "NOT_CONFIGURED"))
        self.assertIn("aither set-secret hemera-api-key", sync.json["error"]["message"])
        self.assertTrue(sync.json["meta"]["requestId"])
        self.assertEqual(show("aither-worker.service", "ActiveState"), "active")
        self.assertIn("not configured", show("aither-worker.service", "StatusText"))
        events = journal("_SYSTEMD_UNIT=aither-worker.service", f"MESSAGE_ID={EVENT}04")
        said = "\n".join(event["MESSAGE"] for event in events)
        self.assertIn("aither set-secret hemera-api-key", said)
        self.assertIn("BaseURL", said)
        done = run("aither", "sync", check=False)
        self.assertEqual(done.returncode, 78, done.stderr)

    @essential
    def test_four_commands_are_all_an_operator_types(self) -> None:
        configure()
        run("aither", "set-secret", "hemera-api-key", stdin=KEY)
        self.assertEqual(output("stat", "-c", "%U:%G %a", "/etc/credstore/aither.hemera-api-key"), "root:root 600")
        run("systemctl", "enable", "--now", "aither.socket", "aither-sync.timer")
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

    def test_pages_on_disk(self) -> None:
        found = pages()
        self.assertEqual(len([path for path in found if path.startswith("courses/")]), len(titles()))
        self.assertLessEqual({"index.de.html", "index.en.html"}, set(found))
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

    def test_sync_by_the_timers_service(self) -> None:
        hemera.clear_requests()
        run("systemctl", "start", "aither-sync.service")
        self.assertEqual(show("aither-sync.service", "Result"), "success")
        self.assertTrue(hemera.requests("/api/service/courses"))

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

    def test_web_is_not_the_workers_user(self) -> None:
        manifest = f"{OUTPUT}/.sync-manifest.json"
        self.assertEqual(curl(f"{SITE}/").status, 200)
        web = show("aither.service", "MainPID")
        uid = int(output("stat", "-c", "%u", f"/proc/{web}"))
        self.assertNotEqual(uid, int(output("id", "-u", "aither")))
        self.assertNotEqual(uid, 0)
        found = probe_like(
            "aither.service", f"manifest=read:{manifest}", f"page=read:{OUTPUT}/index.de.html",
            "worker=unix:/run/aither/worker.sock", "key=read:/etc/credstore/aither.hemera-api-key",
            f"write=create:{OUTPUT}/x", "execute=execute:/bin/true", f"hemera=tcp:127.0.0.1:{hemera.port}")
        self.assertEqual(found.pop("uid"), uid)
        self.assertEqual(found, {"manifest": "EACCES", "page": "ok", "worker": "ok", "key": "EACCES", "write": "EROFS",
                                 "execute": "EACCES", "hemera": "EAFNOSUPPORT"})

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

    def test_every_event_is_explained(self) -> None:
        events = re.findall(r'#define LOG_EVENT_\w+ "([0-9a-f]{32})"', (TREE / "src/base/log.h").read_text())
        self.assertGreater(len(events), 3)
        for event in events:
            entry = run("journalctl", "--dump-catalog", event, check=False).stdout
            for word in ("Subject:", "Cause:", "Remedy:", "Command:"):
                with self.subTest(event=event, word=word):
                    self.assertIn(word, entry)

    def test_exposure_is_within_its_limits(self) -> None:
        for unit, most in EXPOSURE_MAX.items():
            with self.subTest(unit):
                last = output("systemd-analyze", "security", "--no-pager", unit).splitlines()[-1]
                score = float(re.search(r": ([0-9.]+) ", last)[1])
                print(f"# exposure {unit:26} {score} (at most {most})", flush=True)
                self.assertLessEqual(score, most)

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

    def test_a_refused_key_has_an_event_of_its_own(self) -> None:
        hemera.scenario(key="another-key-another-key-another-key-1")
        self.addCleanup(hemera.scenario, key=hemera.key)
        answer = curl("--request", "POST", f"{SITE}/api/sync")
        self.assertEqual((answer.status, answer.json["error"]["code"]), (502, "HEMERA_AUTH_FAILED"))
        events = journal("_SYSTEMD_UNIT=aither-worker.service", f"MESSAGE_ID={EVENT}06")
        self.assertEqual([e["AITHER_ERROR_CODE"] for e in events], ["HEMERA_AUTH_FAILED"])
        hemera.scenario(key=hemera.key)
        run("aither", "sync")

    def test_schedule_without_a_worker_raises_an_alert(self) -> None:
        drop_in("aither-sync.service", "[Service]\nEnvironment=AITHER_WORKER_SOCKET=/run/aither/nobody.sock\n")
        self.addCleanup(revert, "aither-sync.service")
        self.assertNotEqual(run("systemctl", "start", "aither-sync.service", check=False).returncode, 0)
        alerts = wait_until(lambda: journal(f"MESSAGE_ID={EVENT}07"), 30, "an alert in the journal")
        self.assertEqual({key: alerts[0].get(key) for key in ("PRIORITY", "AITHER_UNIT", "AITHER_EXIT_STATUS")},
                         {"PRIORITY": "1", "AITHER_UNIT": "aither-sync.service", "AITHER_EXIT_STATUS": "69"})
        run("systemctl", "reset-failed", "aither-sync.service")

    def test_restart_keeps_status(self) -> None:
        before = curl(f"{SITE}/api/sync/status").json["data"]
        run("systemctl", "restart", "aither-worker.service", "aither.service")
        self.assertEqual(curl(f"{SITE}/api/sync/status").json["data"], before)

    def test_worker_leaves_when_idle_and_returns(self) -> None:
        configure(IdleExitSec=1)
        self.addCleanup(configure)
        run("aither", "status")
        wait_until(lambda: show("aither-worker.service", "ActiveState") == "inactive", 30, "the worker leaves")
        self.assertEqual(show("aither-worker.service", "Result"), "success")
        self.assertEqual(show("aither-worker.socket", "ActiveState"), "active")
        run("aither", "status")

    def test_port_stays_on_restart(self) -> None:
        results = requests_during(lambda: [run("systemctl", "restart", "aither.service") for _ in range(8)])
        self.assertEqual(set(results), {200}, results)

    def test_upgrade_loses_no_request_and_restarts_what_runs(self) -> None:
        before = {unit: show(unit, "MainPID") for unit in ("aither.service", "aither-worker.service")}
        hemera.clear_requests()
        results = requests_during(lambda: run("dpkg", "--install", DEB))
        self.assertEqual(set(results), {200}, results)
        for unit, process in before.items():
            self.assertNotEqual(show(unit, "MainPID"), process, unit)
        self.assertEqual(show("aither-sync.timer", "ActiveState"), "active")

    def test_crash_is_mended_and_loses_no_socket(self) -> None:
        for unit in ("aither.service", "aither-worker.service"):
            with self.subTest(unit):
                run("systemctl", "kill", "--signal=KILL", unit)
                self.assertEqual(curl(f"{SITE}/api/sync/status").status, 200)
        self.assertEqual(show("aither.socket", "ActiveState"), "active")
        self.assertEqual(show("aither-worker.socket", "ActiveState"), "active")

    def test_the_socket_is_the_master_switch(self) -> None:
        run("systemctl", "stop", "aither.socket")
        self.assertEqual(active_units(), [])
        self.assertEqual(listeners(), "")
        run("systemctl", "start", "aither.socket", "aither-sync.timer")
        self.assertEqual(curl(f"{SITE}/").status, 200)

    def test_remove_keeps_configuration_and_pages(self) -> None:
        run("apt-get", "remove", "--yes", "aither")
        self.assertEqual(active_units(), [])
        self.assertEqual(listeners(), "")
        for path in ("/etc/aither/aither.conf", CONFIG, "/etc/credstore/aither.hemera-api-key",
                     f"{OUTPUT}/.sync-manifest.json"):
            run("test", "-f", path)

    def test_purge_deletes_everything(self) -> None:
        run("apt-get", "purge", "--yes", "aither")
        left = output("find", "/etc", "/run", "/usr", "/var", "-xdev", "-name", "*aither*",
                      "-not", "-path", "/run/systemd/propagate/*", "-not", "-path", "/var/lib/dpkg/*")
        self.assertEqual(left, "")
        self.assertEqual(output("systemctl", "--failed", "--plain", "--no-legend"), "")
        run("test", "!", "-e", "/etc/credstore")

    def test_the_packages_own_smoke_test(self) -> None:
        run("apt-get", "install", "--yes", DEB)
        for path in ("debian/tests/smoke", *(f"tests/stub/{file.name}" for file in TREE.glob("tests/stub/*.py"))):
            write(f"/root/source/{path}", (TREE / path).read_text())
        done = run("sh", "-c", "cd /root/source && sh debian/tests/smoke")
        self.assertEqual(done.stderr, "", "an autopkgtest fails when something is on stderr")
        run("apt-get", "purge", "--yes", "aither")
        self.assertEqual(active_units(), [])


assert os.environ.get("AITHER_MACHINE"), "start it by tests/system/run"
