# SPDX-License-Identifier: MIT
"""The real programs for a test: both daemons, the stub Hemera behind them, a directory of their own.

    class SyncTest(StackTest):
        hemera_arguments = ("--courses", "3")

        def test_something(self):
            reply = self.stack.post("/api/sync")
            self.assertEqual(reply.status, 200)

The programs come from the build tree that AITHER_BUILDDIR names (`make check` sets it). Every test gets a new
stack; it ends by SIGTERM, and a daemon that does not end cleanly fails the test.
"""
import http.client
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path
from typing import Any, Callable

from stub.client import Stub

TOP = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("AITHER_BUILDDIR", TOP)).resolve()
SANITIZED = (BUILD / "aither-worker").exists() and b"__asan_init" in (BUILD / "aither-worker").read_bytes()
RUNNER = shlex.split(os.environ.get("AITHER_RUNNER", ""))  # what the daemons are run by, see `make check-valgrind`
PATIENCE_S = 180 if RUNNER else 30  # the longest wait for something that has to happen, on a very busy machine

# A thread that waits for others when a daemon ends is left to the end of the process, see base/thread.h: no leak. What it
# does meanwhile is watched for a tenth of a second, not for a whole one, for some tests measure how long an end takes.
TSAN_OPTIONS = "report_thread_leaks=0:atexit_sleep_ms=100"


def use_memory() -> None:
    """Makes temporary directories in memory: for suites of hundreds of syncs, each of which waits for the disk."""
    if os.access("/dev/shm", os.W_OK | os.X_OK):
        tempfile.tempdir = "/dev/shm"


def preload(library: Path, **variables: str) -> dict[str, str]:
    """An environment that loads a library into the programs, before that of ASan, which does not mind."""
    return {"LD_PRELOAD": str(library), **variables,
            "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}


def neutral(remedy: str) -> str:
    """With EDITOR in place of the editor that this machine has, or of the commands that install one."""
    return re.sub(r"(?m)^( *)(?:apt-get install nano\n *nano|sensible-editor|editor|nano|vi) ", r"\1EDITOR ", remedy)


class Reply:
    """An HTTP answer with its body read."""

    def __init__(self, response: http.client.HTTPResponse):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def data(self) -> Any:
        return self.json["data"]

    @property
    def code(self) -> str:
        return self.json["error"]["code"]


class Daemon:
    """A running aither-web or aither-worker; what it says on stderr is kept in `log`."""

    def __init__(self, program: str, arguments: list[str], environment: dict[str, str]):
        self.program = program
        self.log: list[str] = []
        self.listening: list[str] = []
        self._news = threading.Condition()
        self.process = subprocess.Popen([*RUNNER, BUILD / program, *arguments], env=environment, text=True,
                                        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            with self._news:
                self.log.append(line.rstrip("\n"))
                self._news.notify_all()
        with self._news:
            self._news.notify_all()

    def wait_for_line(self, pattern: str) -> re.Match[str]:
        """The first line on stderr that the pattern is found in, past or future."""
        deadline = time.monotonic() + PATIENCE_S
        with self._news:
            while True:
                for line in self.log:
                    if match := re.search(pattern, line):
                        return match
                if self.process.poll() is not None and not self._reader.is_alive():
                    raise AssertionError(f"{self.program} ended without {pattern!r}: {self.log}")
                if not self._news.wait(min(1.0, max(0.0, deadline - time.monotonic()))) and \
                        time.monotonic() >= deadline:
                    raise AssertionError(f"{self.program} never said {pattern!r}: {self.log}")

    def stop(self, kind: signal.Signals = signal.SIGTERM) -> int:
        """Ends the program; its exit code (negative: killed by that signal)."""
        if self.process.poll() is None:
            self.process.send_signal(kind)
        self._reader.join(PATIENCE_S)  # it ends with the program; wait() with a time-out would poll
        try:
            code = self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"{self.program} did not end") from None
        assert self.process.stderr
        self.process.stderr.close()
        return code


class Stack:
    """Stub, worker and web with a configuration and an output directory in a temporary place."""

    def __init__(self, hemera: Stub, config: str = "", environment: dict[str, str] | None = None):
        self.hemera = hemera
        self.directory = Path(tempfile.mkdtemp(prefix="aither-"))
        self.output = self.directory / "output"
        self.socket = self.directory / "worker.sock"
        self.web_socket = self.directory / "web.sock"  # the worker's for aither-web, which may not ask for everything
        self.config = self.directory / "aither.conf"
        self.environment = {"PATH": os.environ["PATH"], "HEMERA_API_KEY": hemera.key,
                            "AITHER_SHIPPED_TEMPLATES": str(TOP / "templates"), "AITHER_SHIPPED_SITE": str(TOP / "site")}
        self.environment["TSAN_OPTIONS"] = TSAN_OPTIONS
        self.environment |= {k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}
        self.environment |= environment or {}
        self.environment = {k: v for k, v in self.environment.items() if v}
        self.write_config(f"[Hemera]\nBaseURL={hemera.url}\n{config}")
        self.worker: Daemon | None = None
        self.web: Daemon | None = None
        self.port = 0

    def write_config(self, text: str) -> None:
        self.config.write_text(f"[Sync]\nOutputDirectory={self.output}\n[Worker]\nSocket={self.socket}\n"
                               f"[Site]\nTemplateDirectory={self.directory / 'templates'}\n"
                               f"FileDirectory={self.directory / 'site'}\n{text}")

    def start_worker(self) -> Daemon:
        self.worker = Daemon("aither-worker", [f"--config={self.config}", f"--listen={self.socket}",
                                               f"--listen-web={self.web_socket}"], self.environment)
        self.worker.wait_for_line(rf"listening on {self.web_socket}")
        return self.worker

    def start_web(self, address: str = "127.0.0.1") -> Daemon:
        self.web = Daemon("aither-web", [f"--config={self.config}", f"--listen={address}:0"],
                          self.environment | {"AITHER_WORKER_SOCKET": str(self.web_socket)})
        self.port = int(self.web.wait_for_line(rf"listening on {re.escape(address)}:(\d+)")[1])
        return self.web

    def start(self) -> "Stack":
        self.start_worker()
        self.start_web()
        return self

    def stop(self) -> list[str]:
        """Ends what runs; what went wrong with it."""
        complaints = []
        for daemon in (self.web, self.worker):
            if daemon and daemon.process.returncode is None:
                code = daemon.stop()
                if code != 0:
                    complaints.append(f"{daemon.program} exited with {code}: {daemon.log[-30:]}")
        shutil.rmtree(self.directory, ignore_errors=True)
        return complaints

    # ---- HTTP ----

    def request(self, method: str, target: str, headers: dict[str, str] | None = None, body: bytes | None = None,
                over_unix_socket: bool | Path = False, timeout_s: float = PATIENCE_S * 3) -> Reply:
        """Over TCP; True: over the command line's socket; or over the socket of that path."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        if over_unix_socket:
            connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.sock.settimeout(timeout_s)
            connection.sock.connect(str(self.socket if over_unix_socket is True else over_unix_socket))
        try:
            connection.request(method, target, body=body, headers=headers or {})
            return Reply(connection.getresponse())
        finally:
            connection.close()

    def get(self, target: str, **headers: str) -> Reply:
        return self.request("GET", target, {k.replace("_", "-"): v for k, v in headers.items()})

    def post(self, target: str, **headers: str) -> Reply:
        return self.request("POST", target, {k.replace("_", "-"): v for k, v in headers.items()})

    def cli(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run([BUILD / "aither", f"--config={self.config}", *arguments], env=self.environment,
                              capture_output=True, text=True, input=stdin or "", timeout=PATIENCE_S * 4)

    def wait_for_alerts(self) -> None:
        """Until the worker has no mail and no item for Rollbar under way, whatever became of them."""
        wait_until(lambda: "\naither_notifications_in_progress 0\n" in self.request("GET", "/metrics",
                                                                                over_unix_socket=True).text,
                   "no alert is pending")

    # ---- what is published ----

    @property
    def public(self) -> Path:
        """What visitors may have."""
        return self.output / "public"

    @property
    def courses(self) -> Path:
        """Where course pages are with this configuration."""
        is_public = re.search(r"^CoursePages=public$", self.config.read_text(), re.MULTILINE)
        return (self.public if is_public else self.output) / "courses"

    def pages(self) -> dict[str, str]:
        """Course pages by name, with their text."""
        return {p.name: p.read_text() for p in sorted(self.courses.glob("*.html"))}

    def stamps(self) -> dict[str, tuple[int, int]]:
        """Inode and modification time of every published page, homepage and lists included."""
        pages = [p for p in self.output.rglob("*.*") if not p.name.startswith(".")]
        return {str(p.relative_to(self.output)): (p.stat().st_ino, p.stat().st_mtime_ns) for p in pages}

    @property
    def manifest(self) -> Any:
        return json.loads((self.output / ".sync-manifest.json").read_text())

    def edit_state(self, **values: int) -> None:
        """Changes values of the worker's state, as if it had published them."""
        file = self.output / ".state.json"
        state = json.loads(file.read_text())
        state["values"] |= values
        file.with_suffix(".edited").write_text(json.dumps(state))
        file.with_suffix(".edited").rename(file)


def wait_until(condition: Callable[[], Any], what: str) -> Any:
    """Polls until the condition is true; what it returned. Fails after PATIENCE_S."""
    deadline = time.monotonic() + PATIENCE_S
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"never happened: {what}")
        time.sleep(0.02)
    return result


class StackTest(unittest.TestCase):
    """A test with a running stack. Subclasses set the stub's arguments and lines of configuration."""

    hemera_arguments: tuple[str, ...] = ("--courses", "3", "--participants", "2", "--no-limit")
    config = ""
    environment: dict[str, str] = {}
    maxDiff = None

    def setUp(self) -> None:
        self.hemera = Stub(*self.hemera_arguments)
        self.addCleanup(self.hemera.stop)
        self.stack = Stack(self.hemera, self.config, self.environment)
        self.addCleanup(self._stop_stack)
        self.prepare()
        self.stack.start()

    def prepare(self) -> None:
        """What has to be there before the programs start."""

    def _stop_stack(self) -> None:
        self.assertEqual(self.stack.stop(), [])

    def log(self, text: str) -> list[str]:
        """The worker's lines with that text."""
        assert self.stack.worker
        return [line for line in self.stack.worker.log if text in line]

    def assert_logged(self, text: str, count: int = 1) -> None:
        wait_until(lambda: len(self.log(text)) >= count, f"{count} times: {text}")
        self.assertEqual(len(self.log(text)), count)

    def sync(self, **headers: str) -> Any:
        """One sync that has to succeed; its report."""
        reply = self.stack.post("/api/sync", **headers)
        self.assertEqual(reply.status, 200, reply.text)
        return reply.data
