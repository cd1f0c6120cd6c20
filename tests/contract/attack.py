# SPDX-License-Identifier: MIT
"""Clients that misbehave, one that behaves well, and the resources that the attacked process uses meanwhile.

    class SomeAttack(WebTest):
        def test_something(self):
            with self.bystander() as visitor:
                crowd = [self.raw(b"GET / HTT") for _ in range(1000)]
                ...
            self.assertLess(visitor.slowest_s, 5)

A WebTest runs aither-web alone, without the worker and Hemera; the test writes the pages.
"""
import http.client
import json
import os
import resource
import select
import socket
import struct
import threading
import time
import unittest
from pathlib import Path
from types import SimpleNamespace

from stack import PATIENCE_S, Daemon, Stack, wait_until

PAGE = "<!DOCTYPE html>\n<html lang=\"de\"><title>x</title><!--aither:status-->{}</html>\n"
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
FIN = 1  # in a send queue, the end of the stream counts as a byte that is not acknowledged
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def allow_descriptors(count: int) -> None:
    """Raises this process's limit. The system may refuse; the test may then skip itself."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))


class Raw:
    """A connection on which anything can be sent."""

    def __init__(self, port: int, data: bytes = b"", receive_buffer: int = 0):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect(("127.0.0.1", port))
        self._rest = b""
        if data:
            self.send(data)

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def try_send(self, data: bytes) -> None:
        """The server may already have closed the connection."""
        try:
            self.socket.sendall(data)
        except OSError:
            pass

    def receive(self) -> bytes:
        """Returns the next bytes; b"" at the end, whether the connection was closed or reset."""
        try:
            return self.socket.recv(65536)
        except ConnectionError:
            return b""

    def read_all(self) -> bytes:
        """Reads to the end of the connection."""
        parts, self._rest = [self._rest], b""
        while more := self.receive():
            parts.append(more)
        return b"".join(parts)

    def reply(self, head: bool = False) -> SimpleNamespace:
        """One response, with `status`, `headers` (lower-case names) and `body`; status 0: the connection ended first."""
        while b"\r\n\r\n" not in self._rest:
            if not (more := self.receive()):
                return SimpleNamespace(status=0, headers={}, body=self._rest)
            self._rest += more
        top, _, self._rest = self._rest.partition(b"\r\n\r\n")
        lines = top.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        status = int(lines[0].split()[1])
        length = 0 if head or status in (100, 304) else int(headers.get("content-length", "0"))
        while len(self._rest) < length and (more := self.receive()):
            self._rest += more
        body, self._rest = self._rest[:length], self._rest[length:]
        return SimpleNamespace(status=status, headers=headers, body=body)

    def exchange(self, data: memoryview) -> memoryview:
        """Drops the bytes received and sends as much as the kernel accepts; returns the bytes that are left. Only for a
        non-blocking socket: with a time-out, Python waits even with MSG_DONTWAIT."""
        try:
            while self.socket.recv(65536):
                pass
        except OSError:
            pass
        try:
            return data[self.socket.send(data):] if data else data
        except OSError:
            return data

    def reset(self) -> None:
        """Ends with RST instead of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self) -> None:
        self.socket.close()


class Bystander(threading.Thread):
    """A well-behaved visitor: requests / and /healthz again and again, on a connection that is kept open and on new ones.
    `slowest_s` is the longest wait, connecting included; `kept_slowest_s` is the longest on the kept connection; `failures`
    lists everything that went wrong."""

    def __init__(self, port: int, new_connections: bool = True):
        super().__init__(daemon=True)
        self.port = port
        self.new_connections = new_connections
        self.slowest_s = self.kept_slowest_s = 0.0
        self.asked = 0
        self.failures: list[str] = []
        self._end = threading.Event()

    @staticmethod
    def _send(connection: http.client.HTTPConnection, target: str) -> http.client.HTTPResponse:
        """Tries once more, as browsers do, when a kept connection has ended while no request was under way (RFC 9112,
        9.3.1)."""
        is_kept = connection.sock is not None
        try:
            connection.request("GET", target)
            return connection.getresponse()
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            if not is_kept:
                raise
            connection.close()
            connection.request("GET", target)
            return connection.getresponse()

    def _ask(self, connection: http.client.HTTPConnection, target: str) -> float:
        before = time.monotonic()
        try:
            response = self._send(connection, target)
            response.read()
            if response.status != 200:
                self.failures.append(f"{target}: {response.status}")
        except OSError as problem:
            self.failures.append(f"{target}: {problem!r} after {time.monotonic() - before:.2f} s")
            connection.close()
        except http.client.HTTPException as problem:
            self.failures.append(f"{target}: {problem!r}")
            connection.close()
        self.asked += 1
        return time.monotonic() - before

    def run(self) -> None:
        kept = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        while not self._end.is_set():
            for target in ("/", "/healthz"):
                self.kept_slowest_s = max(self.kept_slowest_s, self._ask(kept, target))
                if self.new_connections:
                    new = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
                    self.slowest_s = max(self.slowest_s, self._ask(new, target))
                    new.close()
            self._end.wait(0.02)
        kept.close()

    def __enter__(self) -> "Bystander":
        self.start()
        wait_until(lambda: self.asked, "the bystander is served")
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self.join()


class Returning(threading.Thread):
    """Clients that keep every place busy: `count` connections, each opened again as soon as it has ended. All send `data` at
    once, and again every `again_s` seconds if that is given; they read the answers unless told not to."""

    def __init__(self, port: int, count: int, data: bytes, again_s: float = 0, reads: bool = True):
        super().__init__(daemon=True)
        self.port, self.count, self.data, self.again_s, self.reads = port, count, data, again_s, reads
        self._end = threading.Event()
        self._poll = select.epoll()
        self._open: dict[int, socket.socket] = {}

    def _connect(self) -> None:
        client = socket.socket()
        if not self.reads:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        client.setblocking(False)
        client.connect_ex(("127.0.0.1", self.port))
        self._open[client.fileno()] = client
        self._poll.register(client, select.EPOLLOUT | select.EPOLLRDHUP)

    def _send(self, client: socket.socket) -> None:
        try:
            client.send(self.data)
        except OSError:
            pass  # the connection has ended; the next event reports it

    def _handle(self, descriptor: int, event: int) -> None:
        client = self._open[descriptor]
        if event & select.EPOLLOUT:
            self._send(client)
            self._poll.modify(client, select.EPOLLRDHUP | (select.EPOLLIN if self.reads else 0))
        elif event & (select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR):
            del self._open[descriptor]
            client.close()
        else:
            client.recv(65536)

    def run(self) -> None:
        last_s = time.monotonic()
        while not self._end.is_set():
            for _ in range(min(500, self.count - len(self._open))):
                self._connect()
            for descriptor, event in self._poll.poll(0.05):
                self._handle(descriptor, event)
            if self.again_s and time.monotonic() - last_s > self.again_s:
                last_s = time.monotonic()
                for client in self._open.values():
                    self._send(client)
        for client in self._open.values():
            client.close()
        self._poll.close()

    def __enter__(self) -> "Returning":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self.join()


class Spending:
    """The resources of a process: processor time since this object was made, memory, descriptors and threads."""

    def __init__(self, daemon: Daemon):
        self.directory = Path(f"/proc/{daemon.process.pid}")
        self._began_s = self._processor_s()

    def _processor_s(self) -> float:
        fields = (self.directory / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_S

    @property
    def processor_s(self) -> float:
        return self._processor_s() - self._began_s

    @property
    def memory_kib(self) -> int:
        status = (self.directory / "status").read_text()
        return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")))

    @property
    def descriptors(self) -> int:
        return len(os.listdir(self.directory / "fd"))


class WebTest(unittest.TestCase):
    """A test of aither-web alone. Subclasses set the configuration and the environment, as in a StackTest."""

    config = "[Web]\nLiveTTLSec=3600\nLiveWaitSec=1\n"
    environment: dict[str, str] = {}
    page_size = 20000

    def setUp(self) -> None:
        nowhere = SimpleNamespace(url="http://127.0.0.1:9", key="k" * 32)
        self.stack = Stack(nowhere, self.config, self.environment)
        self.addCleanup(lambda: self.assertEqual(self.stack.stop(), []))
        self.publish("x" * self.page_size)
        self.web = self.stack.start_web()
        self.assertEqual(self.stack.get("/").status, 200)
        self.spending = Spending(self.web)

    def publish(self, text: str) -> None:
        """Writes the homepage as the worker does: by renaming."""
        self.stack.courses.mkdir(parents=True, exist_ok=True)
        self.stack.public.mkdir(exist_ok=True)
        for name in ("index.de.html", "index.en.html"):
            new = self.stack.output / ".new"
            new.write_text(PAGE.format(text))
            new.rename(self.stack.public / name)
        # Without "configured" aither-web would begin with a refresh, which waits for a worker that hangs.
        state = {"version": 1, "values": {"configured": 1, "dataMs": round(1000 * time.time())}}
        (self.stack.output / ".state.json").write_text(json.dumps(state))

    def raw(self, data: bytes = b"", receive_buffer: int = 0) -> Raw:
        connection = Raw(self.stack.port, data, receive_buffer)
        self.addCleanup(connection.close)
        return connection

    def bystander(self, new_connections: bool = True) -> Bystander:
        return Bystander(self.stack.port, new_connections)

    def wait_for_descriptors(self, count: int) -> None:
        wait_until(lambda: self.spending.descriptors <= count,
                   f"at most {count} descriptors, not {self.spending.descriptors}")

    def sockets(self) -> list[SimpleNamespace]:
        """The server's connections in the kernel's table: bytes to send and to read, the client's port, inode (0: the server
        has closed the connection or not yet accepted it). The kernel returns the table in pieces. When connections open and
        close meanwhile, it repeats rows, sometimes more than doubling the table: the last row of each connection counts."""
        port = f":{self.stack.port:04X}"
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return list({row[2]: SimpleNamespace(to_send=int(row[4][:8], 16), to_read=int(row[4][9:], 16),
                                             client=int(row[2][9:], 16), inode=int(row[9]))
                     for row in rows if row[1].endswith(port)}.values())

    def send_queues(self) -> list[int]:
        return [s.to_send for s in self.sockets()]

    def orphans(self) -> list[SimpleNamespace]:
        """Connections that only the kernel still knows and that have bytes to send."""
        return [s for s in self.sockets() if s.to_send > FIN and s.inode == 0]
