# SPDX-License-Identifier: MIT
"""HTTP/1.1 on raw streams: read one request, frame one response.

It does only what the recorded server does: replies with a body are chunked and carry no Content-Length (an HTTP/1.0 request
gets neither and is read to the close), a request head above 16 KiB is 431, an unknown method token is 400, and an Upgrade
ends the connection without an answer.
"""
import asyncio
import email.utils
import http
import urllib.parse
from dataclasses import dataclass, field

HEAD_MAX = 16 * 1024  # measured: 8 kB of headers pass, 20 kB do not
BODY_MAX = 64 * 1024 * 1024  # control requests may carry a few thousand courses
CHUNK_SIZE = 32 * 1024  # several chunks for a long list, one for everything else
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"}

Headers = list[tuple[str, str]]


class BadRequest(Exception):
    """The server cannot read these bytes as a request; it answers with a bare status line and closes."""

    def __init__(self, status: int):
        super().__init__(status)
        self.status = status


class Upgrade(Exception):
    """The client asked for another protocol; the connection ends without a reply."""


@dataclass
class Request:
    """One request as it was received; `target` is the undecoded path with its query."""

    method: str
    target: str
    version: str
    headers: Headers
    body: bytes = b""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    def header(self, name: str) -> str:
        """The value of a header, "" if absent; if repeated, the values joined by ", "."""
        return ", ".join(value for key, value in self.headers if key.lower() == name)

    def parameters(self) -> dict[str, str]:
        """The query parameters; the last value of a repeated one wins."""
        return dict(urllib.parse.parse_qsl(self.query, keep_blank_values=True))

    def keeps_alive(self) -> bool:
        return self.version == "HTTP/1.1" and self.header("connection").lower() != "close"


@dataclass
class Response:
    """One reply before framing. `sized` replies carry a Content-Length, all others are chunked."""

    status: int
    headers: Headers = field(default_factory=list)
    body: bytes = b""
    sized: bool = False

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name), "")


async def read_request(reader: asyncio.StreamReader,
                       writer: asyncio.StreamWriter) -> Request | None:
    """Reads the next request of a connection; None when the client has closed it."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    except asyncio.LimitOverrunError:
        raise BadRequest(431) from None
    request = parse_head(head)
    if request.header("upgrade"):
        raise Upgrade
    if request.header("expect").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    request.body = await _read_body(reader, request)
    return request


def parse_head(head: bytes) -> Request:
    """Splits a request head, which ends with an empty line, into its parts."""
    first, *lines = head.decode("latin-1").strip("\r\n").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or words[0] not in METHODS or words[2] not in ("HTTP/1.1", "HTTP/1.0"):
        raise BadRequest(400)
    headers = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise BadRequest(400)
        headers.append((name, value.strip()))
    return Request(*words, headers)


async def _read_body(reader: asyncio.StreamReader, request: Request) -> bytes:
    if request.header("transfer-encoding").lower() == "chunked":
        return await _read_chunks(reader)
    length = request.header("content-length") or "0"
    if not length.isascii() or not length.isdigit() or int(length) > BODY_MAX:
        raise BadRequest(400)
    return await reader.readexactly(int(length))


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while True:
        line = await reader.readuntil(b"\r\n")
        try:
            size = int(line.split(b";")[0], 16)
        except ValueError:
            raise BadRequest(400) from None
        if size < 0 or len(body) + size > BODY_MAX:
            raise BadRequest(400)
        body += (await reader.readexactly(size + 2))[:size]
        if size == 0:
            return bytes(body)


def bare_response(status: int) -> bytes:
    """The answer of the HTTP parser itself: no date, no body, and the connection ends."""
    return f"HTTP/1.1 {status} {_reason(status)}\r\nConnection: close\r\n\r\n".encode()


def frame(request: Request, response: Response) -> tuple[bytes, bytes]:
    """The reply as bytes: head and framed body. Keep-Alive always says 5, even if the stub closes idle connections earlier,
    so that a test can surprise a client without waiting."""
    lines = [f"HTTP/1.1 {response.status} {_reason(response.status)}"]
    lines += [f"{name}: {value}" for name, value in response.headers]
    body = response.body
    if response.sized:
        lines.append(f"Content-Length: {len(body)}")
    lines.append(f"Date: {email.utils.formatdate(usegmt=True)}")
    if request.keeps_alive():
        lines += ["Connection: keep-alive", "Keep-Alive: timeout=5"]
    else:
        lines.append("Connection: close")
    if request.method == "HEAD" or response.status in (204, 304):
        body = b""
    elif not response.sized and request.version == "HTTP/1.1":
        lines.append("Transfer-Encoding: chunked")
        body = _chunked(body)
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace"), body


def _chunked(body: bytes) -> bytes:
    out = bytearray()
    for start in range(0, len(body), CHUNK_SIZE):
        piece = body[start:start + CHUNK_SIZE]
        out += b"%x\r\n%b\r\n" % (len(piece), piece)
    return bytes(out + b"0\r\n\r\n")


def _reason(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
