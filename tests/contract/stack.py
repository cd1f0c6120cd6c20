# SPDX-License-Identifier: MIT
"""The real programs for a test: both daemons, the stub Hemera behind them, and a directory of their own.

    class SyncTest(StackTest):
        hemera_arguments = ("--courses", "3")

        def test_something(self):
            reply = self.stack.post("/api/sync")
            self.assertEqual(reply.status, 200)

The programs come from the build tree that AITHER_BUILDDIR names (`make check` sets it). Every test gets a new stack, which
SIGTERM ends. A daemon that does not end cleanly fails the test.
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
RUNNER = shlex.split(os.environ.get("AITHER_RUNNER", ""))  # the command that runs the daemons, see `make check-valgrind`
PATIENCE_S = 180 if RUNNER else 30  # the longest wait for an event that must come, on a very busy machine

# A thread that still waits for a server when a daemon ends is left to the end of the process (base/thread.h): that is no
# leak. TSan watches it for a tenth of a second, not for a whole one, because some tests measure how long a daemon takes to
# end.
TSAN_OPTIONS = "report_thread_leaks=0:atexit_sleep_ms=100"


def use_memory() -> None:
    """Puts temporary directories in memory: for suites of hundreds of syncs, each of which waits for the disk."""
    if os.access("/dev/shm", os.W_OK | os.X_OK):
        tempfile.tempdir = "/dev/shm"


def preload(library: Path, **variables: str) -> dict[str, str]:
    """An environment that loads a library into the programs before ASan's own library, which ASan is told to accept."""
    return {"LD_PRELOAD": str(library), **variables,
            "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}


def neutral(remedy: str) -> str:
    """Replaces the editor that this machine has, or the commands that install one, by EDITOR."""
    return re.sub(r"(?m)^( *)(?:apt-get install nano\n *nano|sensible-editor|editor|nano|vi) ", r"\1EDITOR ", remedy)


class Reply:
    """An HTTP answer whose body has been read."""

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
    """A running aither-web or aither-worker; `log` keeps its lines on stderr."""

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
        """Returns the first line on stderr that matches the pattern, whether it was written before or comes later."""
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
        """Ends the program and returns its exit code (negative: killed by that signal)."""
        if self.process.poll() is None:
            self.process.send_signal(kind)
        self._reader.join(PATIENCE_S)  # the thread ends with the program; wait() with a time-out would poll
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
    """The stub, the worker and aither-web, with a configuration and an output directory in a temporary place."""

    def __init__(self, hemera: Stub, config: str = "", environment: dict[str, str] | None = None):
        self.hemera = hemera
        self.directory = Path(tempfile.mkdtemp(prefix="aither-"))
        self.output = self.directory / "output"
        self.socket = self.directory / "worker.sock"
        self.web_socket = self.directory / "web.sock"  # the worker's socket for aither-web, which may make fewer requests
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
        """Stops everything that runs; returns a list of everything that went wrong."""
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
        """Sends a request over TCP; with True over the command line's socket, with a path over that socket."""
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
        """Waits until the worker has no mail and no item for Rollbar under way, whether they succeeded or not."""
        wait_until(lambda: "\naither_notifications_in_progress 0\n" in self.request("GET", "/metrics",
                                                                                over_unix_socket=True).text,
                   "no alert is pending")

    # ---- what is published ----

    @property
    def public(self) -> Path:
        """The directory of everything that visitors may see."""
        return self.output / "public"

    @property
    def courses(self) -> Path:
        """The directory of course pages with this configuration."""
        is_public = re.search(r"^CoursePages=public$", self.config.read_text(), re.MULTILINE)
        return (self.public if is_public else self.output) / "courses"

    def pages(self) -> dict[str, str]:
        """The text of each course page by its name."""
        return {p.name: p.read_text() for p in sorted(self.courses.glob("*.html"))}

    def stamps(self) -> dict[str, tuple[int, int]]:
        """Inode and modification time of every published page, including the homepage and the lists."""
        pages = [p for p in self.output.rglob("*.*") if not p.name.startswith(".")]
        return {str(p.relative_to(self.output)): (p.stat().st_ino, p.stat().st_mtime_ns) for p in pages}

    @property
    def manifest(self) -> Any:
        return json.loads((self.output / ".sync-manifest.json").read_text())

    def edit_state(self, **values: int) -> None:
        """Changes values of the worker's state, as if the worker had published them."""
        file = self.output / ".state.json"
        state = json.loads(file.read_text())
        state["values"] |= values
        file.with_suffix(".edited").write_text(json.dumps(state))
        file.with_suffix(".edited").rename(file)


def wait_until(condition: Callable[[], Any], what: str) -> Any:
    """Polls until the condition is true and returns its value. Fails after PATIENCE_S."""
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
        """Hook: prepares what must exist before the programs start."""

    def _stop_stack(self) -> None:
        self.assertEqual(self.stack.stop(), [])

    def log(self, text: str) -> list[str]:
        """The worker's lines that contain the text."""
        assert self.stack.worker
        return [line for line in self.stack.worker.log if text in line]

    def assert_logged(self, text: str, count: int = 1) -> None:
        wait_until(lambda: len(self.log(text)) >= count, f"{count} times: {text}")
        self.assertEqual(len(self.log(text)), count)

    def sync(self, **headers: str) -> Any:
        """Runs one sync that must succeed; returns its report."""
        reply = self.stack.post("/api/sync", **headers)
        self.assertEqual(reply.status, 200, reply.text)
        return reply.data
