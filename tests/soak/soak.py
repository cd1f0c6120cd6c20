# SPDX-License-Identifier: MIT
"""The soak test itself; tests/soak/run describes it and starts it."""
import json
import os
import sys
import threading
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Callable

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "system")]

from client import Stub
from installation import CONFIG, DAEMONS, SWITCHES, failed_units, first_run
from journal import Journal
from ledger import HEMERA, PARTIAL, WEB, WEB_KILL, WORKER, WORKER_KILL, Ledger
from machine import OUTPUT, SITE, Story, essential, output, run, show, wait_until, write
from report import Report, say
from rollbar_stub import RollbarStub
from smtp_stub import SmtpStub
from visitors import Crowd
from watch import SOCKETS, Watch, files, growth, tree
from world import World

MINUTES = float(os.environ.get("AITHER_SOAK_MINUTES", "1"))
STEADY_END, IDLE_END = 0.4, 0.73  # of the whole run
ROWS = 10  # between rows of the tables

SYNC_S = 5
LOOK_EVERY = 2  # between syncs
QUIET_EVERY = 5 if MINUTES >= 10 else 1
DISTURB_S = 15  # between two restarts or kills
CALM_S = 10  # the longest wait for a moment without connections and jobs
START_S = 1.5  # until a killed daemon is back: RestartSec=1s

TOKEN = "soak-sync-token-0123456789abcdefghijkl"
ROLLBAR_TOKEN = "0123456789abcdef0123456789abcdef"
SCHEDULE = "*:*:0/20"
KEYS = """[Hemera]
BaseURL={hemera}
MaxRetries=1
RequestTimeoutSec=1
[Sync]
TimeLimitSec=5
[Site]
CoursePages=public
[Web]
LiveTTLSec=3
LiveWaitSec=1
[Worker]
IdleExitSec={idle_s}
[Notify]
MailTo=operator@example.org
SMTPURL=smtp://127.0.0.1:{mail}
FailureThreshold=2
[Rollbar]
Enabled=yes
Level=info
Endpoint={rollbar}
"""
PREPARED = "/tmp/namespace-dev-"
FIXED_OUTPUT = [f"{OUTPUT}/{name}" for name in (
    ".state.json", ".sync-manifest.json", ".sync.lock", "public", "public/courses", "public/courses.ics",
    "public/courses.json", "public/index.de.html", "public/index.en.html")]

hemera: Stub
mail: SmtpStub
rollbar: RollbarStub


def setUpModule() -> None:
    global hemera, mail, rollbar
    hemera = Stub("--no-limit", "--courses", "1")
    unittest.addModuleCleanup(hemera.stop)
    mail = SmtpStub()
    unittest.addModuleCleanup(mail.close)
    rollbar = RollbarStub(None, ROLLBAR_TOKEN)
    unittest.addModuleCleanup(rollbar.close)


def load_tests(*_: object) -> unittest.TestSuite:
    return Soak.in_order()


def write_config(idle_s: int) -> None:
    write(CONFIG, KEYS.format(hemera=hemera.url, idle_s=idle_s, mail=mail.port, rollbar=rollbar.url))


def own_files() -> list[str]:
    """Files of the stopped daemons left over in directories for temporary files.

    PREPARED is systemd's own: systemd makes a service's /dev there, and leaves it behind if the service is killed
    meanwhile."""
    tops = ("/tmp", "/var/tmp", "/dev/shm", "/run/aither", "/run/aither-worker", "/run/credentials")
    return [path for path in tree(*tops) if "systemd-logind" not in path and not path.startswith(PREPARED)]


def call(method: str, target: str, **headers: str) -> tuple[int, Any]:
    """Sends a call with the token on a new connection; returns its status and JSON. OSError if the connection is lost."""
    request = urllib.request.Request(f"{SITE}{target}", method=method, headers={
        "Authorization": f"Bearer {TOKEN}", **{n.replace("_", "-"): v for n, v in headers.items()}})
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=120) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


class Disturber(threading.Thread):
    """Restarts and kills the daemons in turn, until stop()."""

    def __init__(self, ledger: Ledger, every_s: float):
        super().__init__(daemon=True)
        self.ledger, self.every_s = ledger, every_s
        self.peace = threading.Lock()  # the holder of this lock is not disturbed
        self.counts: dict[str, int] = {}
        self._ending = threading.Event()

    def run(self) -> None:
        deeds = (self.restart_worker, self.restart_web, self.kill_worker, self.kill_web, self.restart_both)
        n = 0
        while not self._ending.wait(self.every_s):
            with self.peace:
                deed = deeds[n % len(deeds)]
                self.counts[deed.__name__] = self.counts.get(deed.__name__, 0) + 1
                deed()
            n += 1

    def stop(self) -> None:
        self._ending.set()
        if self.is_alive():
            self.join()

    def restart_worker(self) -> None:
        with self.ledger.trouble(WORKER, START_S):
            run("systemctl", "restart", "aither-worker.service")

    def restart_web(self) -> None:
        with self.ledger.trouble(WEB, START_S):
            run("systemctl", "restart", "aither.service")

    def restart_both(self) -> None:
        with self.ledger.trouble(WEB, START_S), self.ledger.trouble(WORKER, START_S):
            run("systemctl", "restart", *DAEMONS)

    def kill_worker(self) -> None:
        self._kill("aither-worker.service", WORKER_KILL)

    def kill_web(self) -> None:
        self._kill("aither.service", WEB_KILL)

    def _kill(self, unit: str, kind: str) -> None:
        if show(unit, "MainPID") == "0":
            return
        with self.ledger.trouble(kind, START_S):
            run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", unit)


class Soak(Story):
    ledger: Ledger
    world: World
    watch: Watch
    journal: Journal
    report: Report
    crowd: Crowd
    before: list[str]

    @essential
    def test_01_the_package_is_installed_and_runs(self) -> None:
        cls = type(self)
        cls.ledger, cls.watch = Ledger(), Watch()
        cls.world = World(cls.ledger, hemera, mail, rollbar)
        first_run(hemera)
        for name, secret in (("sync-token", TOKEN), ("rollbar-token", ROLLBAR_TOKEN)):
            run("aither", "set-secret", name, stdin=secret)
        write_config(300)
        run("systemctl", "stop", *DAEMONS)
        cls.before = own_files()
        cls.journal = Journal(cls.ledger)
        run("aither", "sync")
        run("systemctl", "enable", "--now", output("systemd-escape", "--template=aither-sync@.timer", SCHEDULE))

    @essential
    def test_02_visitors_come_while_everything_changes(self) -> None:
        cls = type(self)
        cls.report = Report(self.ledger, self.watch, self.journal)
        cls.crowd = Crowd(self.ledger, TOKEN)
        self.seconds = MINUTES * 60
        self.began = self.last_row = self.due = time.monotonic()
        self.n = 0
        self.late = 0
        self.disturber = Disturber(self.ledger, min(DISTURB_S, self.seconds / 30))
        self.crowd.start()
        try:
            self.pass_time("steady", STEADY_END)
            self.set_idle_exit(1)
            self.crowd.may_call.clear()
            syncs, starts = self.n, self.worker_starts()
            self.pass_time("idle exits", IDLE_END)
            syncs, starts = self.n - syncs, self.worker_starts() - starts
            self.set_idle_exit(300)
            self.crowd.may_call.set()
            self.disturber.start()
            self.pass_time("restarts", 1.0)
        finally:
            self.disturber.stop()
            self.crowd.end()
            self.world.heal()
            run("systemctl", "stop", "aither-sync@*.timer", "aither-sync.service")
        self.assertGreater(2 * starts, syncs, "the worker has not left when it was idle")
        say([f"{self.n} times a sync every {SYNC_S} s, {self.late} of them more than a second late;"
             f" disturbed: {self.disturber.counts}"])

    def test_03_everything_is_as_it_should_be_afterwards(self) -> None:
        wait_until(lambda: call("GET", "/api/sync/status")[1]["data"]["status"] != "running", 90, "the last sync's end")
        status, answer = call("POST", "/api/sync")
        self.assertEqual((status, answer["data"]["status"]), (200, "success"), answer)
        published = tree(OUTPUT)
        pages = f"{OUTPUT}/public/courses/"
        self.assertEqual([p for p in published if not p.startswith(pages)], FIXED_OUTPUT)
        self.assertEqual([os.path.basename(p) for p in published if p.startswith(pages)],
                         self.world.names())
        self.assertEqual(rollbar.problems(), [])

    def test_04_nothing_is_left_of_temporary_files(self) -> None:
        run("systemctl", "stop", *SWITCHES, *DAEMONS)
        run("systemctl", "start", "aither.socket")
        self.assertEqual(own_files(), self.before)

    def test_05_the_journal_has_no_error_that_was_not_caused(self) -> None:
        self.journal.read()
        say([f"{n:5} {program}: {text}" for (program, text), n in sorted(self.journal.messages.items())])
        self.assertEqual(self.journal.unexpected, [])
        self.assertEqual(failed_units(), "")

    def test_06_no_request_failed_that_was_not_caused(self) -> None:
        self.report.show()
        self.assertEqual(self.ledger.errors, [])

    def test_07_nothing_grew(self) -> None:
        grown = [(life.daemon, measure, growth(measure, values)) for life, measure, values in self.watch.judged()]
        self.assertEqual([g for g in grown if g[2].is_too_much], [])

    # ---- the run ----

    def worker_starts(self) -> int:
        self.journal.read()
        return self.journal.starts["aither-worker.service"]

    def set_idle_exit(self, seconds: int) -> None:
        with self.ledger.trouble(WORKER, START_S):
            write_config(seconds)
            run("systemctl", "try-restart", "aither-worker.service")

    def pass_time(self, part: str, share: float) -> None:
        """Waits until that share of the run is over."""
        while (now := time.monotonic()) < self.began + self.seconds * share:
            time.sleep(max(0.0, self.due - now))
            self.late += now > self.due + 1
            self.due = max(now, self.due) + SYNC_S
            self.world.turn(self.n)
            self.sync()
            if self.n % LOOK_EVERY == 0:
                self.watch.measure()
            if self.n % QUIET_EVERY == QUIET_EVERY - 1:
                self.look_in_peace()
            if time.monotonic() - self.last_row >= self.seconds / ROWS - SYNC_S / 2:
                self.end_row(part)
            self.n += 1
        self.end_row(part)

    def end_row(self, part: str) -> None:
        if time.monotonic() - self.last_row > SYNC_S:
            self.journal.read()
            self.report.row(part, files(), len(mail.mails), len(rollbar.requests))
            self.last_row = time.monotonic()

    def look_in_peace(self) -> None:
        """Waits until there is no visitor, no connection and no job; for a limited time, because the timer starts jobs of
        its own."""
        with self.disturber.peace, self.crowd.away():
            end = time.monotonic() + CALM_S
            while time.monotonic() < end and not self.is_calm():
                time.sleep(0.1)
            self.watch.measure(quiet=True)

    def is_calm(self) -> bool:
        connected = output("ss", "-Hn", *SOCKETS["aither-web"]) + output("ss", "-Hn", *SOCKETS["aither-worker"])
        return not connected

    def sync(self) -> None:
        """Starts a sync in one of several ways."""
        excuses = {HEMERA, WEB, WEB_KILL, WORKER, WORKER_KILL}
        # Not a divisor of world.CYCLE, so that each way meets every trouble; the same goes for QUIET_EVERY.
        ways: tuple[Callable[[], int], ...] = (
            self.sync_by_call, self.sync_by_call, self.sync_async, self.sync_by_command, self.sync_by_call,
            self.sync_dry, self.sync_by_command)
        way = ways[self.n % len(ways)]
        began = time.time()
        try:
            outcome = way()
        except OSError as problem:
            outcome = type(problem).__name__
        self.ledger.note(way.__name__, began, outcome, {200, 409}, excuses)

    def take(self, status: int, answer: Any) -> int:
        data = answer.get("data") or {}
        result = "busy" if status == 409 else data.get("status", "failed") if status == 200 else "failed"
        self.report.syncs[result] += 1
        if result == "partial" and not self.ledger.is_excused({PARTIAL, HEMERA}, time.time(), time.time()):
            self.ledger.error(f"sync: partial: {json.dumps(data.get('errors'))[:500]}")
        return status

    def sync_by_call(self) -> int:
        return self.take(*call("POST", "/api/sync"))

    def sync_dry(self) -> int:
        status, _ = call("POST", "/api/sync?dryRun=1")
        return self.take(*call("POST", "/api/sync")) if status == 200 else status

    def sync_async(self) -> int:
        status, answer = call("POST", "/api/sync", Prefer="respond-async")
        if status != 202:
            return self.take(status, answer)
        job = answer["data"]["jobId"]
        end = time.monotonic() + 60
        while time.monotonic() < end:
            status, answer = call("GET", "/api/sync/status")
            if status != 200 or answer["data"]["status"] != "running" or answer["data"]["jobId"] != job:
                break
            time.sleep(0.2)
        if status != 200 or answer["data"]["jobId"] != job:
            return status
        return self.take(502 if answer["data"]["status"] == "failed" else status, answer)

    def sync_by_command(self) -> int:
        done = run("aither", "sync", "--json", check=False)
        status = {0: 200, 2: 200, 75: 409}.get(done.returncode, 502)
        return self.take(status, {"data": {"status": "partial" if done.returncode == 2 else "success"}})


assert os.environ.get("AITHER_MACHINE"), "start it by tests/soak/run"
