# SPDX-License-Identifier: MIT
"""Everything at once: visitors of every kind, syncs whose data changes, failures, mails, Rollbar, checks, and both daemons
ended and started in between. ThreadSanitizer reports data races. AddressSanitizer and valgrind report memory that is used
after it was freed, or never freed. Each makes a daemon exit with a code other than 0. Without them the test would detect
nothing and is skipped."""
import http.client
import random
import re
import select
import signal
import socket
import tempfile
import threading
import time
import unittest
from collections import Counter
from pathlib import Path
from typing import Callable

from stack import BUILD, PATIENCE_S, RUNNER, Reply, Stack, wait_until
from stub.certificates import Authority
from stub.client import Stub
from test_restart import Activated

if not RUNNER and not re.search(rb"__[at]san_init", (BUILD / "aither-worker").read_bytes()):
    raise unittest.SkipTest("configure with --enable-sanitizers=thread, or use make check-valgrind")
from stub.rollbar_stub import RollbarStub  # noqa: E402
from stub.smtp_stub import DROP, SmtpStub  # noqa: E402

PARTICIPANTS = 3
# The minimum number of requests and syncs in each round. valgrind is twenty times as slow.
COURSES, ROUNDS, REQUESTS, SYNCS = (20, 6, 30, 1) if RUNNER else (60, 15, 150, 2)
LIST = "/api/service/courses"
TOKEN, OTHER_KEY = "a-sync-token-of-good-length", "another-key-another-key-another-key-1"
ROLLBAR_TOKEN = "rollbar-token-0123456789abcdef"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
SYNC_ANSWERS = {200, 202, 409, 500, 502, 503, 504}


def course_id(number: int) -> str:
    return f"cgen{number:021d}"


class Service(threading.Thread):
    """Starts the program when a client connects, and again after it has ended, as systemd does for a socket."""

    def __init__(self, program: str, stack: Stack, listener: socket.socket):
        super().__init__(daemon=True)
        self.program, self.stack, self.listener = program, stack, listener
        self.running: Activated | None = None
        self.codes: list[int] = []
        self.end = threading.Event()

    def run(self) -> None:
        while not self.end.is_set():
            if select.select([self.listener], [], [], 0.05)[0]:
                self.running = Activated(self.program, self.stack, self.listener)
                self.codes.append(self.running.process.wait())
                self.running = None

    def terminate(self) -> None:
        """Ends the running program and waits for its end. The next caller starts another one."""
        before, running = len(self.codes), self.running
        if running:
            running.process.send_signal(signal.SIGTERM)
            wait_until(lambda: len(self.codes) > before, f"{self.program} ends")

    def close(self) -> None:
        self.end.set()
        self.terminate()
        self.join(PATIENCE_S)

    @property
    def log(self) -> str:
        return (self.stack.directory / f"{self.program}.log").read_text(errors="replace")


class Visitor(threading.Thread):
    """Repeats one kind of visit as long as `go` is set; counts answers by status. 0 means no answer: a daemon that ends
    closes connections on which no byte has arrived for a second (test_restart.py shows that no request is lost)."""

    def __init__(self, what: str, visit: Callable[[], int], permitted: set[int]):
        super().__init__(daemon=True)
        self.what, self.visit, self.permitted = what, visit, permitted
        self.answers: Counter[int] = Counter()
        self.failures: list[str] = []
        self.go, self.end = threading.Event(), threading.Event()

    def run(self) -> None:
        while not self.end.is_set():
            if not self.go.wait(0.1):
                continue
            try:
                status = self.visit()
            except ConnectionError:
                self.answers[0] += 1
                continue
            except (OSError, http.client.HTTPException) as problem:
                self.failures.append(f"{self.what}: {problem!r}")
                continue
            self.answers[status] += 1
            if status not in self.permitted:
                self.failures.append(f"{self.what}: {status}")


class Races(unittest.TestCase):
    maxDiff = None

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory(prefix="aither-")
        self.addCleanup(directory.cleanup)
        ca = Authority(Path(directory.name))
        self.mail = SmtpStub(tls=ca.context())
        self.addCleanup(self.mail.close)
        self.rollbar = RollbarStub(ca.context(), ROLLBAR_TOKEN)
        self.addCleanup(self.rollbar.close)
        self.hemera = Stub("--courses", str(COURSES), "--participants", str(PARTICIPANTS), "--no-limit")
        self.addCleanup(self.hemera.stop)
        self.stack = Stack(self.hemera, self.configuration(), {
            "AITHER_SYNC_TOKEN": TOKEN, "ROLLBAR_SERVER_TOKEN": ROLLBAR_TOKEN, "SSL_CERT_FILE": str(ca.file),
            "RUNTIME_DIRECTORY": directory.name})
        self.addCleanup(self.stack.stop)
        self.addCleanup(self.look_for_reports)
        self.random = random.Random(1)
        self.web, self.worker = self.services()
        self.visitors = self.make_visitors()

    def configuration(self) -> str:
        return ("MaxRetries=1\n[Sync]\nTimeLimitSec=5\n"
                "[Web]\nLiveTTLSec=1\nLiveWaitSec=1\n[Worker]\nIdleExitSec=1\n"
                "[Notify]\nMailTo=operator@example.org\nMailFrom=aither@host.example.org\nFailureThreshold=1\n"
                f"SMTPURL=smtp://0.0.0.0:{self.mail.port}\n"
                f"[Rollbar]\nEnabled=yes\nLevel=info\nEndpoint={self.rollbar.url}\n")

    def services(self) -> tuple[Service, Service]:
        web_listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.addCleanup(web_listener.close)
        self.stack.port = web_listener.getsockname()[1]
        worker_listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(worker_listener.close)
        worker_listener.bind(str(self.stack.socket))
        worker_listener.listen(4096)
        pair = (Service("aither-web", self.stack, web_listener), Service("aither-worker", self.stack, worker_listener))
        for service in pair:
            service.start()
            self.addCleanup(service.close)
        return pair

    def look_for_reports(self) -> None:
        """Runs after both daemons have ended, even if the test has failed for another reason: the reports say why."""
        logs = self.web.log + self.worker.log
        reports = re.findall(r"(?m)^(?:={4,}\n)?(?:==\d+==)?(?:WARNING|ERROR): \w+Sanitizer(?:.*\n)*?(?=SUMMARY|\Z)", logs)
        self.assertEqual(reports[:3], [], f"{len(reports)} reports")

    # ---- visitors ----

    def ask(self, method: str, target: str, over_unix_socket: bool = False, **headers: str) -> Reply:
        named = {k.replace("_", "-"): v for k, v in headers.items()} | {"Host": "localhost"}
        return self.stack.request(method, target, named, over_unix_socket=over_unix_socket)

    def read_again(self) -> int:
        """Requests the homepage twice, the second time with the ETag of the first answer."""
        first = self.ask("GET", "/", Accept_Encoding=random.choice(["gzip", ""]), Accept_Language="en")
        return self.ask("GET", "/", Accept_Encoding="gzip", If_None_Match=first.headers.get("ETag", "")).status

    def read_slowly(self) -> int:
        """Reads a few bytes of the homepage and never the rest."""
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            connection.settimeout(PATIENCE_S)
            connection.connect(("127.0.0.1", self.stack.port))
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 20)
            status = connection.recv(12)
            connection.settimeout(random.uniform(0.001, 0.2))
            try:
                while connection.recv(16):
                    pass
            except TimeoutError:
                pass
        return int(status[9:12])

    def go_at_once(self) -> int:
        """A caller who does not wait for the answer."""
        with socket.create_connection(("127.0.0.1", self.stack.port)) as connection:
            target = random.choice(["/", "/readyz", "/metrics", "/api/sync/status"])
            connection.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode())
        return self.ask("GET", "/healthz").status  # otherwise such callers would fill the queue of the socket

    def read_pages(self) -> int:
        names = [page.name for page in (self.stack.output / "courses").glob("*.html")]
        target = f"/courses/{random.choice(names)}" if names else "/courses/none.html"
        return self.ask(random.choice(["GET", "HEAD"]), target, **BEARER).status

    def make_visitors(self) -> list[Visitor]:
        def ask(method: str, target: str, **headers: str) -> Callable[[], int]:
            return lambda: self.ask(method, target, **headers).status

        def unix(method: str, target: str) -> Callable[[], int]:
            return lambda: self.ask(method, target, over_unix_socket=True).status

        kinds: list[tuple[str, Callable[[], int], set[int]]] = [
            ("homepage", ask("GET", "/"), {200}),
            ("conditional", self.read_again, {200, 304}),
            ("slow", self.read_slowly, {200}),
            ("gone", self.go_at_once, {200}),
            ("page", self.read_pages, {200, 404}),
            ("status", ask("GET", "/api/sync/status", **BEARER), {200, 404, 503}),
            ("metrics", ask("GET", "/metrics", **BEARER), {200}),
            ("ready", ask("GET", "/readyz"), {200, 503}),
            ("sync", ask("POST", "/api/sync", **BEARER), SYNC_ANSWERS),
            ("forced sync", unix("POST", "/api/sync?force=1"), SYNC_ANSWERS),
            ("dry sync", ask("POST", "/api/sync?dryRun=1", **BEARER), SYNC_ANSWERS),
            ("async", ask("POST", "/api/sync", Prefer="respond-async", **BEARER), SYNC_ANSWERS),
            ("unix status", unix("GET", "/api/sync"), {200, 404}),
            ("refresh", unix("POST", "/internal/refresh"), {200, 500, 502, 503, 504}),
            ("doctor", unix("GET", "/internal/doctor"), {200, 503}),
            ("test mail", unix("POST", "/internal/test-mail"), {200, 429, 502, 503}),
            ("test item", unix("POST", "/internal/test-rollbar"), {200, 429, 502, 503}),
            ("metrics", unix("GET", "/metrics"), {200}),
        ]
        visitors = [Visitor(*kind) for kind in kinds]
        for visitor in visitors:
            visitor.start()
            self.addCleanup(visitor.end.set)
        return visitors

    def asked(self) -> int:
        return sum(v.answers.total() for v in self.visitors)

    def syncs(self) -> int:
        """The number of syncs that have ended, of all workers so far."""
        return len(re.findall("aither-worker: sync (?:done|failed)", self.worker.log))

    def deferring(self) -> int:
        """The number of syncs that have deferred courses; the status may soon be that of a later sync."""
        return len(re.findall("aither-worker: sync .* deferred", self.worker.log))

    def admit(self, visitors: bool) -> None:
        for visitor in self.visitors:
            visitor.go.set() if visitors else visitor.go.clear()

    # ---- what happens meanwhile ----

    def change_data(self, number: int) -> None:
        choose = self.random.randrange
        self.hemera.scenario(course=[{"id": course_id(choose(COURSES)), "title": f"title {number}"} for _ in range(5)],
                             add={"id": f"new{number}", "title": f"New {number}"},
                             remove=f"new{number - 1}" if number else [])
        if number % 3 == 0:
            markup = f"{number} {{{{course.title}}}}"
            self.hemera.scenario(templates=[{"id": "t", "courseId": None, "seminarId": None, "lessonId": None,
                                             "markup": markup, "version": number}])

    def disturb(self, number: int) -> None:
        """One of the ways in which Hemera, the mail server or Rollbar fails; every five rounds all works again."""
        fault = {"path": LIST, "count": 3}
        if number % 5 == 0:
            self.mail.repair()
            self.hemera.scenario(key=self.hemera.key, fault=None)
        elif number % 5 == 1:
            self.hemera.scenario(key=OTHER_KEY)
            self.mail.fail("RCPT", "451 4.3.0 later", count=2)
        elif number % 5 == 2:
            self.hemera.scenario(key=self.hemera.key, fault=fault | {"kind": "delay", "seconds": 0.2, "count": 20})
            self.rollbar.answer(500, DROP, (429, {"X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Remaining-Seconds": "1"}))
        elif number % 5 == 3:
            self.hemera.scenario(fault=[fault | {"kind": kind, "skip": 2} for kind in ("reset", "truncate", "status")])
            self.mail.fail("MESSAGE", DROP, count=2)
        else:
            self.hemera.scenario(fault=fault | {"kind": "slow", "seconds": 0.5, "count": 10})

    def end_a_daemon(self, number: int) -> None:
        service = {1: self.worker, 2: self.web}.get(number % 3)
        if service:  # only a daemon that already serves: before that, a signal kills it
            self.ask("GET", "/healthz", over_unix_socket=service == self.worker)
            service.terminate()

    def round(self, number: int) -> None:
        self.change_data(number)
        self.disturb(number)
        requests, syncs = self.asked() + REQUESTS, self.syncs() + SYNCS
        wait_until(lambda: self.asked() >= requests and self.syncs() >= syncs, "enough requests and syncs")
        self.end_a_daemon(number)

    def run_out_of_time(self) -> None:
        """One course whose details never arrive, and more courses whose details arrive late."""
        self.hemera.scenario(key=self.hemera.key, fault=[{"path": f"{LIST}/", "kind": "hang", "seconds": 20, "count": -1}])
        self.hemera.scenario(course=[{"id": course_id(n), "title": "late"} for n in range(COURSES)])
        before = self.deferring()
        wait_until(lambda: self.deferring() > before, "a sync runs out of time")
        self.hemera.scenario(fault=None)

    def let_the_worker_leave(self) -> None:
        self.admit(visitors=False)
        before = len(self.worker.codes)
        wait_until(lambda: len(self.worker.codes) > before and not self.worker.running, "the idle worker leaves")
        self.admit(visitors=True)

    def test_nothing_is_shared_by_mistake(self) -> None:
        began = time.monotonic()
        self.admit(visitors=True)
        for number in range(ROUNDS):
            self.round(number)
        self.run_out_of_time()
        self.let_the_worker_leave()
        self.round(ROUNDS)
        self.finish(began)

    def finish(self, began: float) -> None:
        for visitor in self.visitors:
            visitor.end.set()
        for visitor in self.visitors:
            visitor.join(PATIENCE_S)
            self.assertFalse(visitor.is_alive(), f"{visitor.what} hangs")
        self.web.close()
        self.worker.close()
        print(f"# {self.asked()} requests, {self.syncs()} syncs, "
              f"{len(self.mail.mails)} mails, {len(self.web.codes)} times aither-web, "
              f"{len(self.worker.codes)} times aither-worker, {time.monotonic() - began:.0f} s")
        print(*(f"# {v.what}: {dict(v.answers)}" for v in self.visitors), sep="\n")
        self.assertEqual((set(self.web.codes), set(self.worker.codes)), ({0}, {0}))
        self.assertEqual([f for v in self.visitors for f in v.failures], [])


if __name__ == "__main__":
    unittest.main()
