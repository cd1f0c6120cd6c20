# SPDX-License-Identifier: MIT
"""Rollbar's Items API for tests: checks every item against the API's description, and answers as the test has set.

    with RollbarStub(ca.context(), TOKEN) as rollbar:
        rollbar.answer(500, DROP, 429)          for the next requests; after them every item is accepted
        ... let the program under test send to rollbar.url ...
        first = rollbar.wait_for(1)[0]          the items received, accepted or not
        rollbar.problems()                      every violation in any item

An answer is a status, DROP (the connection is closed without an answer), HANG (no answer until the client closes the
connection), or a pair of a status and headers. A refusal repeats the token, which the program under test must not show.
Without a context it speaks plain HTTP.
"""
import http.server
import json
import re
import ssl
import threading
import time
import uuid
from typing import Any

DROP, HANG = "drop", "hang"
PATH = "/api/1/item/"
ITEM_MAX = 128 << 10
PATIENCE_S = 30  # the longest wait for an item that must come, on a very busy machine

Answer = int | str | tuple[int, dict[str, str]]

# The members that an item may have: type, and the maximum number of characters of a text.
MEMBERS: dict[str, tuple[type, int]] = {
    "environment": (str, 255), "body": (dict, 0), "level": (str, 0), "timestamp": (int, 0), "code_version": (str, 40),
    "platform": (str, 0), "language": (str, 0), "framework": (str, 0), "context": (str, 255), "request": (dict, 0),
    "person": (dict, 0), "server": (dict, 0), "custom": (dict, 0), "fingerprint": (str, 40), "title": (str, 255),
    "uuid": (str, 36), "notifier": (dict, 0)}
BODIES = {"trace", "trace_chain", "message", "crash_report"}
LEVELS = {"critical", "error", "warning", "info", "debug"}
SERVER = {"host": str, "root": str, "branch": str, "code_version": str, "pid": int}
# The names that pyrollbar scrubs, and our own headers.
SECRETS = re.compile(r"^(pw|passwd|password|secret|confirm_password|access_token|auth|authentication|authorization|"
                     r"x-api-key|x-rollbar-access-token)$", re.I)


def names_in(value: Any) -> list[str]:
    """The names of all members, at any depth."""
    if isinstance(value, dict):
        return [*value, *(n for v in value.values() for n in names_in(v))]
    return [n for v in value for n in names_in(v)] if isinstance(value, list) else []


def body_problems(body: dict[str, Any]) -> list[str]:
    if len(body) != 1 or not set(body) <= BODIES:
        return [f"body has {sorted(body)}, not exactly one of {sorted(BODIES)}"]
    if "message" in body:
        return [] if isinstance(body["message"].get("body"), str) else ["body.message.body is no text"]
    trace = body.get("trace", {})
    wrong = []
    if not trace.get("frames") or not all(isinstance(f.get("filename"), str) for f in trace["frames"]):
        wrong.append("body.trace.frames: not all have a filename, or there are none")
    if not isinstance(trace.get("exception", {}).get("class"), str):
        wrong.append("body.trace.exception.class is no text")
    return wrong


def item_problems(item: Any) -> list[str]:
    """Returns everything that Rollbar's description does not permit."""
    if not isinstance(item, dict) or set(item) != {"data"} or not isinstance(item["data"], dict):
        return ["the item is not an object with data alone"]
    data = item["data"]
    wrong = [f"data.{m} is missing" for m in ("environment", "body") if m not in data]
    for name, value in data.items():
        kind, length = MEMBERS.get(name, (type(None), 0))
        if not isinstance(value, kind) or isinstance(value, bool):
            wrong.append(f"data.{name} is {type(value).__name__}")
        elif length and len(value) > length:
            wrong.append(f"data.{name} has {len(value)} characters")
    if data.get("level") not in LEVELS:
        wrong.append(f"data.level is {data.get('level')}")
    if isinstance(data.get("uuid"), str) and uuid.UUID(data["uuid"]).version != 4:
        wrong.append("data.uuid is not of version 4")
    wrong += [f"data.server.{n}" for n, v in data.get("server", {}).items() if not isinstance(v, SERVER.get(n, tuple))]
    wrong += [f"{name} should have been scrubbed" for name in names_in(item) if SECRETS.match(name)]
    return wrong + body_problems(data.get("body", {}))


class Request:
    """An item as it was received."""

    def __init__(self, path: str, headers: Any, text: bytes, token: str):
        self.time = time.monotonic()
        self.text = text
        self.wrong = []
        if path != PATH:
            self.wrong.append(f"posted to {path}")
        if headers.get_all("X-Rollbar-Access-Token") != [token]:
            self.wrong.append("not exactly one token in the header, or a wrong one")
        if headers.get("Content-Type") != "application/json":
            self.wrong.append(f"Content-Type {headers.get('Content-Type')}")
        if len(text) >= ITEM_MAX:
            self.wrong.append(f"{len(text)} bytes")
        if token.encode() in text:
            self.wrong.append("the token is in the body")
        self.item = json.loads(text)
        self.wrong += item_problems(self.item)

    @property
    def data(self) -> Any:
        return self.item["data"]


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A client that does not trust the stub, or leaves, is not worth a message."""


class RollbarStub:
    """A running server on a free port of 127.0.0.1."""

    def __init__(self, tls: ssl.SSLContext | None, token: str):
        self.token = token
        self._requests: list[Request] = []
        self._answers: list[Answer] = []
        self._news = threading.Condition()
        self._ending = threading.Event()
        stub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:  # the name that http.server requires
                text = self.rfile.read(int(self.headers["Content-Length"]))
                stub._reply(self, Request(self.path, self.headers, text, stub.token))

            def log_message(self, *_: Any) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        if tls:
            # The handshake happens at the first read, in the connection's own thread.
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True,
                                                  do_handshake_on_connect=False)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self._server.server_address[1]}{PATH}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05},
                                        daemon=True)
        self._thread.start()

    def __enter__(self) -> "RollbarStub":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Accepts no more connections; ends those that hang."""
        if self._ending.is_set():
            return
        self._ending.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(PATIENCE_S)

    def answer(self, *answers: Answer) -> None:
        """Sets the answers to the next requests."""
        with self._news:
            self._answers += answers

    @property
    def requests(self) -> list[Request]:
        with self._news:
            return list(self._requests)

    def taken(self) -> list[Any]:
        """The items that Rollbar would show: each uuid once."""
        return list({r.data["uuid"]: r.data for r in self.requests}.values())

    def problems(self) -> list[str]:
        return [problem for request in self.requests for problem in request.wrong]

    def wait_for(self, count: int) -> list[Request]:
        """All items received, as soon as there are `count` of them."""
        deadline = time.monotonic() + PATIENCE_S
        with self._news:
            while len(self._requests) < count:
                if not self._news.wait(max(0.0, deadline - time.monotonic())):
                    raise AssertionError(f"Rollbar got {len(self._requests)} items, not {count}")
            return list(self._requests)

    def _reply(self, handler: http.server.BaseHTTPRequestHandler, request: Request) -> None:
        with self._news:
            answer = self._answers.pop(0) if self._answers else 200
            self._requests.append(request)
            self._news.notify_all()
        if answer == HANG:
            self._ending.wait(PATIENCE_S)
        if answer in (DROP, HANG):
            handler.close_connection = True
            return
        assert not isinstance(answer, str)
        status, headers = answer if isinstance(answer, tuple) else (answer, {})
        body = {"err": 0, "result": {"id": None, "uuid": request.data["uuid"]}} if status == 200 else \
            {"err": 1, "message": f"scripted {status} for {self.token}"}
        text = json.dumps(body).encode()
        handler.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(text)), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(text)
