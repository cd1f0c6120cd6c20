# SPDX-License-Identifier: MIT
"""The daemons under a service manager: their sockets, their reports to it, and the addresses of --listen."""
import os
import shutil
import socket
import subprocess
import tempfile
import unittest
from pathlib import Path

from stack import BUILD, PATIENCE_S, Daemon, Stack, StackTest, wait_until
from stub.client import Stub

PROGRAMS = ("aither-web", "aither-worker")
WITHOUT_ZONES = ["unshare", "--mount", *(["--map-root-user"] if os.geteuid() != 0 else []), "sh", "-c",
                 'mount -t tmpfs tmpfs /usr/share/zoneinfo && exec "$@"', "sh"]
INHERIT = 'exec 3<&"$1"; export LISTEN_PID=$$ LISTEN_FDS="$2"; exec "$3" --config=/dev/null'


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


class Manager:
    """The socket of sd_notify; `said` has the messages in their order."""

    def __init__(self, directory: Path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(PATIENCE_S)
        self.socket.bind(str(directory / "notify"))
        self.environment = {"NOTIFY_SOCKET": str(directory / "notify")}
        self.said: list[str] = []

    def wait_for(self, word: str, times: int = 1) -> None:
        while self.said.count(word) < times:
            self.said += self.socket.recv(4096).decode().splitlines()


class Notified(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory(prefix="aither-")
        self.addCleanup(directory.cleanup)
        self.manager = Manager(Path(directory.name))
        self.addCleanup(self.manager.socket.close)
        self.hemera = Stub("--courses", "1", "--no-limit")
        self.addCleanup(self.hemera.stop)
        self.stack = Stack(self.hemera, environment=self.manager.environment | {"WATCHDOG_USEC": "200000"})
        self.addCleanup(lambda: self.assertEqual(self.stack.stop(), []))

    def test_each_daemon_says_when_it_is_ready_that_it_lives_and_when_it_stops(self) -> None:
        for start in (self.stack.start_worker, self.stack.start_web):
            self.manager.said.clear()
            daemon = start()
            with self.subTest(daemon.program):
                self.manager.wait_for("READY=1")
                self.manager.wait_for("WATCHDOG=1", times=3)
                daemon.stop()
                self.manager.wait_for("STOPPING=1")

    def test_the_status_of_a_worker_that_cannot_sync_names_why_not_what_comes_first(self) -> None:
        self.stack.write_config(f"[Sync]\nColour=red\n[Hemera]\nBaseURL={self.hemera.url}\nMaxRetries=many\n")
        self.stack.start_worker()
        self.manager.wait_for("READY=1")
        status = [line for line in self.manager.said if line.startswith("STATUS=")]
        self.assertRegex(status[-1], r"^STATUS=not configured: .*/aither\.conf:\d+: \[Hemera\] MaxRetries=many: ")

    def test_a_status_is_not_cut_within_a_character(self) -> None:
        """systemd discards a status that is not UTF-8."""
        for ascii_before in range(2):
            self.manager.said.clear()
            self.stack.config = self.stack.directory / ("x" * ascii_before + "ä" * 120) / "aither.conf"
            self.stack.config.parent.mkdir()
            self.stack.write_config("[Hemera]\nMaxRetries=many\n")
            worker = self.stack.start_worker()
            try:
                self.manager.wait_for("READY=1")
            finally:
                worker.stop()
            status = [line for line in self.manager.said if line.startswith("STATUS=")]
            self.assertRegex(status[0], r"^STATUS=not configured: /.*/x?ä{80,}$")

    def test_a_second_signal_changes_nothing(self) -> None:
        """After the first signal, aither-web waits for a request that has begun; the second signal must not end it
        sooner."""
        web = self.stack.start_web()
        with socket.create_connection(("127.0.0.1", self.stack.port)) as visitor:
            visitor.settimeout(PATIENCE_S)
            visitor.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
            wait_until(lambda: self.stack.get("/healthz").status == 200, "the visitor before is accepted, too")
            web.process.terminate()
            self.manager.wait_for("STOPPING=1")
            web.process.terminate()
            visitor.sendall(b"\r\n")
            self.assertTrue(visitor.recv(4096).startswith(b"HTTP/1.1 200 "))
        self.assertEqual(web.stop(), 0)


class Handed(unittest.TestCase):
    """Descriptors other than those that the units promise."""

    def start(self, program: str, descriptor: int, count: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["/bin/sh", "-c", INHERIT, "sh", str(descriptor), count, BUILD / program],
                              pass_fds=[descriptor], capture_output=True, text=True, timeout=PATIENCE_S)

    def test_what_is_no_listening_socket_is_refused(self) -> None:
        with tempfile.TemporaryFile() as file, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagrams:
            for descriptor in (file.fileno(), datagrams.fileno()):
                for program in PROGRAMS:
                    done = self.start(program, descriptor, "1")
                    self.assertEqual(done.returncode, 1)
                    self.assertIn("descriptor 3 from systemd is not a listening stream socket", done.stderr)

    def test_a_wrong_count_is_named(self) -> None:
        with tempfile.TemporaryFile() as file:
            for program in PROGRAMS:
                done = self.start(program, file.fileno(), "many")
                self.assertEqual(done.returncode, 64)
                self.assertIn("cannot take the sockets from systemd: Invalid argument", done.stderr)


class Listen(StackTest):
    def listen_in_vain(self, program: str, address: str) -> str:
        done = subprocess.run([BUILD / program, f"--config={self.stack.config}", f"--listen={address}"],
                              env=self.stack.environment, capture_output=True, text=True, timeout=PATIENCE_S)
        self.assertNotEqual(done.returncode, 0)
        return done.stderr

    @unittest.skipUnless(has_ipv6(), "this machine has no IPv6")
    def test_an_ipv6_address_is_listened_on_alone(self) -> None:
        """This leaves 0.0.0.0 of the same port free for another --listen."""
        web = Daemon("aither-web", [f"--config={self.stack.config}", "--listen=[::]:0"], self.stack.environment)
        self.addCleanup(web.stop)
        port = int(web.wait_for_line(r"listening on \[::\]:(\d+)")[1])
        with socket.create_connection(("::1", port), timeout=PATIENCE_S) as visitor:
            visitor.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            self.assertTrue(visitor.recv(4096).startswith(b"HTTP/1.1 200 "))
        self.assertRaises(ConnectionRefusedError, socket.create_connection, ("127.0.0.1", port))

    def test_what_cannot_be_listened_on_is_named(self) -> None:
        taken = f"127.0.0.1:{self.stack.port}"
        self.assertIn(f"cannot listen on {taken}: Address already in use", self.listen_in_vain("aither-web", taken))
        for address in ("[::1]", "[::1:1", "[nonsense]:1", "localhost:1", "127.0.0.1:65536", "[::1]:x", "7"):
            with self.subTest(address):
                self.assertIn(address, self.listen_in_vain("aither-web", address))
        path = f"{self.stack.directory}/{'x' * 120}"
        self.assertIn("a socket's path has at most 107 bytes", self.listen_in_vain("aither-worker", path))


class Configuration(StackTest):
    def test_a_good_configuration_is_fine(self) -> None:
        for program in PROGRAMS:
            done = subprocess.run([BUILD / program, f"--config={self.stack.config}", "--check-config"],
                                  env=self.stack.environment, capture_output=True, text=True, timeout=PATIENCE_S)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "configuration is fine\n", ""))

    def test_without_time_zones_all_work_and_say_so(self) -> None:
        """tzdata may be missing: then not even the default zone exists."""
        if subprocess.run([*WITHOUT_ZONES, "true"], capture_output=True, check=False).returncode != 0:
            self.skipTest("needs a mount namespace, which this system does not permit")
        self.assertEqual(self.stack.stop(), [])
        self.stack = Stack(self.hemera)
        unshare, *rest = WITHOUT_ZONES
        for program, address in (("aither-worker", str(self.stack.socket)), ("aither-web", "127.0.0.1:0")):
            daemon = Daemon(shutil.which(unshare) or unshare, [
                *rest, str(BUILD / program), f"--config={self.stack.config}", f"--listen={address}"],
                self.stack.environment)
            self.addCleanup(daemon.stop)
            daemon.wait_for_line("time zone Europe/Berlin is not installed; dates are shown in UTC")
            daemon.wait_for_line("listening on ")
        report = self.stack.request("GET", "/internal/doctor", over_unix_socket=True)
        zone = [check for check in report.data["checks"] if check["name"] == "time-zone"][0]
        self.assertEqual((zone["status"], zone["remedy"].split("\n")[0]), ("warning", "apt-get install --reinstall tzdata"))
        template, data = self.stack.directory / "x.hbs", self.stack.directory / "x.json"
        template.write_text("{{title}} {{date start}}")
        data.write_text('{"title": "x", "lang": "en", "start": "2026-03-14T23:00:00.000Z"}')
        done = subprocess.run([*WITHOUT_ZONES, BUILD / "aither", f"--config={self.stack.config}", "render",
                               f"--template={template}", f"--data={data}"],
                              env=self.stack.environment | {"TZ": "JST-9"},  # as /etc/localtime may set it
                              capture_output=True, text=True, timeout=PATIENCE_S)
        self.assertEqual((done.returncode, done.stdout), (0, "x 14 March 2026"))
        self.assertIn("time zone Europe/Berlin is not installed", done.stderr)


if __name__ == "__main__":
    unittest.main()
