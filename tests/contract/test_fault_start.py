# SPDX-License-Identifier: MIT
"""The daemons, started through their socket with credentials and a watchdog, where every single call until their end fails
once: they either serve, or end with an exit status and a message. The next start serves the clients that have waited."""
import contextlib
import http.client
import select
import signal
import socket
import subprocess
import time
import unittest

from crash.errnos import Fault
from crash.faults import LOST_S, Attack
from stack import BUILD, PATIENCE_S, Reply

ACTIVATE = 'exec 3<&"$1"; export LISTEN_PID=$$ LISTEN_FDS=1; shift; exec "$@"'
EXIT_CODES = (1, 64, 70, 71)  # as in the manual pages; systemd restarts the service after each
# The program finds no configuration, or no earlier sync, or cannot reach the other program.
ANSWERS = ((503, "NOT_CONFIGURED"), (404, "NO_SYNC_JOB"), (503, "WORKER_UNAVAILABLE"))
TOKEN = "0123456789abcdef0123456789abcdef"


class Start(Attack):
    """Subclasses set the program and the request that shows whether it works."""

    program = target = ""
    sites_min = 40

    def setUp(self) -> None:
        self.set_up()
        self.start_and_sync()
        credentials = self.stack.directory / "credentials"
        credentials.mkdir()
        (credentials / "aither.hemera-api-key").write_text(self.hemera.key + "\n")
        (credentials / "aither.sync-token").write_text(TOKEN + "\n")
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.notify.close)
        self.notify.bind(str(self.stack.directory / "notify"))
        self.listener = self.new_listener()
        self.addCleanup(self.listener.close)
        self.environment = self.stack.environment | self.faults.environment | {
            "CREDENTIALS_DIRECTORY": str(credentials), "WATCHDOG_USEC": "30000000",
            "NOTIFY_SOCKET": str(self.stack.directory / "notify")}
        del self.environment["HEMERA_API_KEY"]

    def new_listener(self) -> socket.socket:
        raise NotImplementedError

    def start(self) -> subprocess.Popen:
        self.log = self.stack.directory / "log"
        with self.log.open("wb") as log:
            return subprocess.Popen(
                ["/bin/sh", "-c", ACTIVATE, "sh", str(self.listener.fileno()), BUILD / self.program,
                 f"--config={self.stack.config}"],
                pass_fds=[self.listener.fileno()], env=self.environment, stdin=subprocess.DEVNULL, stderr=log)

    def ask(self) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("localhost", timeout=PATIENCE_S)
        connection.sock = socket.socket(self.listener.family, socket.SOCK_STREAM)
        connection.sock.settimeout(PATIENCE_S)
        connection.sock.connect(self.listener.getsockname())
        connection.request("GET", self.target, headers={"Authorization": f"Bearer {TOKEN}"})
        return connection

    def await_answer(self, process: subprocess.Popen, connection: http.client.HTTPConnection) -> None:
        """Waits for an answer, or until the program has ended or has lost the connection."""
        def has_answer() -> bool:
            return bool(select.select([connection.sock], [], [], 0.005)[0])

        deadline = time.monotonic() + (LOST_S if self.fault and self.fault.loses_connection else PATIENCE_S)
        while not has_answer() and process.poll() is None and time.monotonic() < deadline:
            pass

    def assert_sensible(self, reply: Reply) -> None:
        """The program works, or says that it is not configured, or cannot reach the other program."""
        if reply.status != 200:
            self.assertIn((reply.status, reply.code), ANSWERS)
            if reply.code != "WORKER_UNAVAILABLE":
                self.assertNotEqual(self.log.read_text(), "")

    def end(self, process: subprocess.Popen) -> int:
        process.send_signal(signal.SIGTERM)
        return self.wait(process)

    def wait(self, process: subprocess.Popen) -> int:
        try:
            return process.wait(PATIENCE_S)
        finally:
            process.kill()
            process.wait()

    def assert_ended_in_order(self, code: int) -> None:
        if not (self.fault and self.fault.is_fatal_to_h2o and code == -signal.SIGABRT):
            self.assertIn(code, EXIT_CODES)
        self.assertNotEqual(self.log.read_text(), "", f"a silent end with {code}")

    def messages(self) -> str:
        """The daemon's messages to systemd. They are read away, because otherwise the next one would wait for room."""
        messages = ""
        while select.select([self.notify], [], [], 0)[0]:
            messages += self.notify.recv(4096).decode() + "\n"
        return messages

    def run_once(self) -> None:
        """Starts the daemon, gets an answer, ends it."""
        process = self.start()
        try:
            waiting = self.ask()
            self.await_answer(process, waiting)
            if process.poll() is not None:
                self.assert_ended_in_order(self.wait(process))
                process = self.start()
            with contextlib.closing(waiting):
                if self.fault and self.fault.loses_connection:
                    waiting.sock.settimeout(LOST_S)
                try:
                    self.assert_sensible(Reply(waiting.getresponse()))
                except (OSError, http.client.HTTPException):
                    if not self.fault or not self.fault.loses_connection:
                        raise
            with contextlib.closing(self.ask()) as again:
                self.assert_sensible(Reply(again.getresponse()))
        finally:
            code = self.end(process)
        if code != 0:
            self.assert_ended_in_order(code)

    def test_when_any_call_fails_it_serves_or_ends_in_order(self) -> None:
        self.fault: Fault | None = None
        self.run_once()
        count = unmet = 0
        self.assertIn("READY=1", self.messages())
        for fault in self.faults_of(self.faults.met()):
            with self.naming(fault):
                self.fault = fault
                self.faults.arm(fault.site, fault.action, fault.errnum)
                self.run_once()
                count += 1
                unmet += not self.faults.fired
                self.messages()
        self.faults.arm()
        self.fault = None
        print(f"# {self.program}: {count} failures, {unmet} of them not met")
        self.run_once()


class Web(Start):
    program = "aither-web"
    target = "/api/sync/status"

    def new_listener(self) -> socket.socket:
        return socket.create_server(("127.0.0.1", 0))


class Worker(Start):
    program = "aither-worker"
    target = "/api/sync/status"

    def new_listener(self) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(self.stack.directory / "activated"))
        listener.listen()
        return listener


del Start, Attack

if __name__ == "__main__":
    unittest.main()
