# SPDX-License-Identifier: MIT
"""Visitors of all kinds, one thread each. All of them stop at a gate while the machine is being measured.

    crowd = Crowd(ledger, token)
    crowd.start()
    with crowd.away():      no visitor is there
        ...
    crowd.end()
"""
import contextlib
import gzip
import http.client
import random
import re
import socket
import struct
import threading
import time
from typing import Callable, Iterator

from ledger import WEB_KILL, WORKER, WORKER_KILL, Ledger, Outcome

PORT = 3500
ADDRESSES = ("127.0.0.1", "::1")
TIMEOUT_S = 60  # longer than any request takes
ORDINARY = 5
PAUSE_S = 0.08  # the mean time between two requests of an ordinary visitor
SLOW_READ_S = 3
LINK = re.compile(r'href="/courses/([^"?]+)')

PAGES = {WEB_KILL}
CALLS = {WEB_KILL, WORKER, WORKER_KILL}

# Requests that no honest client sends, and the status of the answer; 0: no answer.
HOSTILE: tuple[tuple[str, bytes, set[int]], ...] = (
    ("no request", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 9 + b"\r\n\r\n", {400, 0}),
    ("long URL", b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", {414}),
    ("long header", b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 17000 + b"\r\n\r\n", {431}),
    ("large body", b"POST /api/sync HTTP/1.1\r\nHost: x\r\nContent-Length: 80000\r\n\r\n" + b"a" * 80000, {413}),
    ("two lengths", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", {400}),
    ("TRACE", b"TRACE / HTTP/1.1\r\nHost: x\r\n\r\n", {405}),
    ("way out", b"GET /courses/../../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", {400, 404}),
    ("encoded way out", b"GET /courses/%2e%2e%2f.sync-manifest.json HTTP/1.1\r\nHost: x\r\n\r\n", {400, 404}),
    ("manifest", b"GET /.sync-manifest.json HTTP/1.1\r\nHost: x\r\n\r\n", {404}),
    ("half a request", b"GET / HTTP/1.1\r\nHo", {0}),
)


class Answer:
    def __init__(self, response: http.client.HTTPResponse, body: bytes):
        self.status, self.headers, self.body = response.status, response.headers, body

    @property
    def text(self) -> str:
        packed = self.headers.get("content-encoding") == "gzip"
        return (gzip.decompress(self.body) if packed else self.body).decode()


class Connection:
    """Connects to one of the two addresses; the connection may be kept. Raises OSError or http.client.HTTPException."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.http: http.client.HTTPConnection | None = None

    def ask(self, method: str, target: str, headers: dict[str, str]) -> Answer:
        kept = self.http is not None
        try:
            return self._ask(method, target, headers)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            self.close()
            if not kept:
                raise
            self.ledger.count_retry()  # RFC 9112, 9.3.1: the server may close an idle connection at any time
            return self._ask(method, target, headers)

    def _ask(self, method: str, target: str, headers: dict[str, str]) -> Answer:
        if not self.http:
            self.http = http.client.HTTPConnection(random.choice(ADDRESSES), PORT, timeout=TIMEOUT_S)
        self.http.request(method, target, headers=headers)
        response = self.http.getresponse()
        return Answer(response, response.read())

    def close(self) -> None:
        if self.http:
            self.http.close()
        self.http = None


def connect(receive_buffer: int = 0) -> socket.socket:
    address = random.choice(ADDRESSES)
    peer = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    if receive_buffer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    peer.settimeout(TIMEOUT_S)
    peer.connect((address, PORT))
    return peer


def read_all(peer: socket.socket) -> bytes:
    data = b""
    while more := peer.recv(65536):
        data += more
    return data


def status_of(answer: bytes) -> int:
    return int(answer.split(None, 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


class Visitor:
    """An ordinary visitor: knows the links of the last homepage, and the ETags of the answers seen."""

    def __init__(self, ledger: Ledger, token: str, may_call: threading.Event):
        self.ledger, self.token, self.may_call = ledger, token, may_call
        self.connection = Connection(ledger)
        self.links: list[str] = []
        self.tags: dict[tuple[str, str], str] = {}  # the homepage's, by language and encoding
        self.course_tags: dict[str, str] = {}
        self.deeds: list[tuple[int, Callable[[], None]]] = [
            (8, self.home), (3, self.home_again), (2, self.home_head), (8, self.course), (2, self.nothing),
            (1, self.health), (1, self.description), (1, self.sync_without_token), (2, self.status), (1, self.metrics)]

    def visit(self) -> None:
        weights, deeds = zip(*self.deeds)
        random.choices(deeds, weights)[0]()
        if random.random() < 0.3:
            self.connection.close()

    def leave(self) -> None:
        self.connection.close()

    def ask(self, what: str, target: str, expected: set[int], excuses: set[str], method: str = "GET",
            **headers: str) -> Answer | None:
        """Returns the answer if it is one of the expected ones."""
        began = time.time()
        answer, outcome, detail = None, 0, ""
        try:
            answer = self.connection.ask(method, target, {n.replace("_", "-"): v for n, v in headers.items()})
            outcome = answer.status
            detail = f"{answer.body[:200]!r}" if answer.status >= 400 else ""
        except (OSError, http.client.HTTPException) as problem:
            self.connection.close()
            self.ledger.note(what, began, type(problem).__name__, expected, excuses)
            return None
        self.ledger.note(what, began, outcome, expected, excuses, latency=True, detail=detail)
        return answer if outcome in expected else None

    def language(self) -> str:
        return random.choice(("de", "en"))

    def check(self, what: str, answer: Answer, language: str = "") -> None:
        text = answer.text
        if not text.rstrip().endswith("</html>") or f'lang="{language}' not in text[:200]:
            self.ledger.error(f"{what}: not the whole page, or in another language: {text[:120]!r} {text[-60:]!r}")

    def home(self) -> None:
        language = self.language()
        encoding = random.choice(("gzip", "identity"))
        answer = self.ask("homepage", "/", {200}, PAGES, Accept_Language=language, Accept_Encoding=encoding)
        if answer:
            self.check("homepage", answer, language)
            self.tags[language, encoding] = answer.headers.get("etag", "")
            self.links = LINK.findall(answer.text)

    def home_again(self) -> None:
        if self.tags:
            (language, encoding), tag = random.choice(list(self.tags.items()))
            self.ask("homepage, conditional", "/", {200, 304}, PAGES, Accept_Language=language,
                     Accept_Encoding=encoding, If_None_Match=tag)

    def home_head(self) -> None:
        answer = self.ask("homepage, HEAD", "/", {200}, PAGES, method="HEAD")
        if answer and (answer.body or int(answer.headers["content-length"]) < 1000):
            self.ledger.error(f"homepage, HEAD: {answer.headers} {answer.body[:60]!r}")

    def course(self) -> None:
        if not self.links:
            return
        name = random.choice(self.links)
        tag = self.course_tags.get(name, "") if random.random() < 0.3 else ""
        headers = {"If_None_Match": tag} if tag else {}
        answer = self.ask("course page", f"/courses/{name}", {200, 304, 404}, PAGES,
                          Accept_Encoding=random.choice(("gzip", "identity")), **headers)
        if answer and answer.status == 200:
            self.check("course page", answer)
            self.course_tags[name] = answer.headers.get("etag", "")
        elif answer and answer.status == 404:
            self.dead_link(name)

    def dead_link(self, name: str) -> None:
        """A page may be gone since the homepage was read; a page that is linked now must exist."""
        for _ in range(3):
            self.home()
            if name not in self.links:
                return
            answer = self.ask("course page", f"/courses/{name}", {200, 404}, PAGES)
            if not answer or answer.status == 200:
                return
        self.ledger.error(f"course page {name}: 404 three times, each time linked by the homepage just read")

    def nothing(self) -> None:
        target = random.choice(("/favicon.ico", "/courses/none", "/api/none", "/wp-login.php"))
        self.ask("no such page", target, {404}, PAGES)

    def health(self) -> None:
        self.ask("healthz", "/healthz", {200}, PAGES)
        self.ask("readyz", "/readyz", {200}, PAGES)

    def description(self) -> None:
        self.ask("openapi.json", "/api/openapi.json", {200}, PAGES)

    def sync_without_token(self) -> None:
        wrong = {"Authorization": "Bearer wrong-token-0123456789"} if random.random() < 0.1 else {}
        self.ask("sync without token", "/api/sync", {401}, PAGES, method="POST", **wrong)

    def status(self) -> None:
        if self.may_call.is_set():
            self.ask("status", "/api/sync/status", {200}, CALLS, Authorization=f"Bearer {self.token}")

    def metrics(self) -> None:
        self.ask("metrics", "/metrics", {200}, PAGES, Authorization=f"Bearer {self.token}")


class Crowd:
    def __init__(self, ledger: Ledger, token: str):
        self.ledger, self.token = ledger, token
        self.may_call = threading.Event()  # this starts the worker again
        self.may_call.set()
        self._gate = threading.Event()
        self._gate.set()
        self._ending = threading.Event()
        self._inside = threading.Condition()
        self._busy = 0
        deeds: list[tuple[Callable[[], None], Callable[[], None], float]] = [
            (self.slow_reader, lambda: None, 1), (self.aborter, lambda: None, 0.5), (self.hostile, lambda: None, 0.7)]
        for _ in range(ORDINARY):
            visitor = Visitor(ledger, token, self.may_call)
            deeds.append((visitor.visit, visitor.leave, PAUSE_S))
        self._threads = [threading.Thread(target=self._run, args=deed, daemon=True) for deed in deeds]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._ending.set()
        self._gate.set()
        for thread in self._threads:
            thread.join(TIMEOUT_S)

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        self._gate.clear()
        with self._inside:
            self._inside.wait_for(lambda: self._busy == 0, TIMEOUT_S)
        try:
            yield
        finally:
            self._gate.set()

    def _run(self, deed: Callable[[], None], leave: Callable[[], None], pause_s: float) -> None:
        while not self._ending.is_set():
            with self._inside:
                self._busy += 1
            try:
                while self._gate.is_set() and not self._ending.is_set():
                    deed()
                    self._ending.wait(random.expovariate(1 / pause_s))
                leave()
            except Exception as problem:  # pylint: disable=broad-except
                self.ledger.error(f"a visitor: {problem!r}")
            with self._inside:
                self._busy -= 1
                self._inside.notify_all()
            self._gate.wait()

    def _raw(self, what: str, deed: Callable[[], Outcome], expected: set[int]) -> None:
        began = time.time()
        try:
            outcome = deed()
        except OSError as problem:
            outcome = type(problem).__name__
        self.ledger.note(what, began, outcome, expected, PAGES)

    def slow_reader(self) -> None:
        def read() -> int:
            with connect(receive_buffer=2048) as peer:
                peer.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                data, end = b"", time.monotonic() + SLOW_READ_S
                while self._gate.is_set() and time.monotonic() < end and (more := peer.recv(1024)):
                    data += more
                    self._ending.wait(0.1)
                data += read_all(peer)
            if not data.rstrip().endswith(b"</html>"):
                self.ledger.error(f"slow reader: {len(data)} bytes, not the whole page")
            return status_of(data)
        self._raw("slow reader", read, {200})

    def aborter(self) -> None:
        """Leaves in the middle of a request or an answer."""
        def abort() -> int:
            with connect(receive_buffer=2048) as peer:
                peer.sendall(random.choice((
                    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 20, b"POST /api/sync HTTP/1.1\r\nHo", b"")))
                if random.random() < 0.5:
                    self._ending.wait(0.05)
                if random.random() < 0.5:
                    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # RST
            return 0
        self._raw("aborted", abort, {0})

    def hostile(self) -> None:
        name, request, expected = random.choice(HOSTILE)

        def attack() -> int:
            with connect() as peer:
                try:
                    peer.sendall(request)
                    peer.shutdown(socket.SHUT_WR)
                except OSError:
                    pass  # refused while the request was still being sent
                try:
                    return status_of(read_all(peer))
                except ConnectionResetError:
                    return next(iter(expected))  # the rest of the request was in the way of the answer
        self._raw(f"hostile: {name}", attack, expected)
