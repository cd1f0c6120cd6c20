# SPDX-License-Identifier: MIT
"""Faults between a client and the service, on request.

A fault is armed for a path and hits the next `count` requests that match. Kinds:

    status    answer with `status` (default 503), `body`, `headers`; nothing is counted
    html      answer 200 (or `status`) with an HTML page, as a captive portal or an edge would
    delay     answer as usual, `seconds` late
    slow      answer as usual, but the body trickles over `seconds`
    truncate  send the head and half the body, then close
    close     close without a reply
    reset     reset the TCP connection (RST) without a reply
    hang      send nothing for `seconds` (default: until the client gives up), then close

Several faults can be armed; the first one that matches and still has a count applies.
"""
import asyncio
import re
import socket
import struct
from dataclasses import dataclass, field

from wire import Request, Response

KINDS = ("status", "html", "delay", "slow", "truncate", "close", "reset", "hang")
SLOW_PIECES = 20  # enough writes to make a client see many small reads
HTML_PAGE = ("<!DOCTYPE html>\n<html><head><title>Wartung</title></head>"
             "<body><p>Bitte später wiederkommen.</p></body></html>\n")


@dataclass
class Fault:
    """One armed fault. `path` is a prefix of the target, or a regular expression if it begins with "^". `skip` matching
    requests pass first; `count` -1 means: until the fault is removed."""

    path: str
    kind: str
    method: str = ""
    status: int = 0
    seconds: float = 0.0
    count: int = 1
    skip: int = 0
    body: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"fault kind {self.kind!r} is none of {', '.join(KINDS)}")
        if self.path.startswith("^"):
            try:
                re.compile(self.path)
            except re.error as error:
                raise ValueError(f"fault path {self.path!r}: {error}") from None

    def hits(self, request: Request) -> bool:
        """Returns whether the fault hits this request; uses up one of `skip` or `count`."""
        if self.count == 0 or self.method not in ("", request.method):
            return False
        if self.path.startswith("^"):
            matches = re.search(self.path, request.target) is not None
        else:
            matches = request.target.startswith(self.path)
        if matches and self.skip > 0:
            self.skip -= 1
            return False
        if matches and self.count > 0:
            self.count -= 1
        return matches

    def response(self) -> Response | None:
        """The reply that replaces the real one; None if the real one is sent."""
        if self.kind == "status":
            status = self.status or 503
            body, content_type = self.body or "", "text/plain; charset=utf-8"
        elif self.kind == "html":
            status = self.status or 200
            body = HTML_PAGE if self.body is None else self.body
            content_type = "text/html; charset=utf-8"
        else:
            return None
        headers = {"content-type": content_type} | self.headers
        return Response(status, list(headers.items()), body.encode(), sized=True)


def take(faults: list[Fault], request: Request) -> Fault | None:
    """The fault that hits this request, if any."""
    return next((fault for fault in faults if fault.hits(request)), None)


async def end_without_reply(fault: Fault, reader: asyncio.StreamReader,
                            writer: asyncio.StreamWriter) -> None:
    """Performs `close`, `reset` or `hang`; the caller closes the connection afterwards."""
    if fault.kind == "hang":
        try:
            await asyncio.wait_for(_until_closed(reader), fault.seconds or None)
        except asyncio.TimeoutError:
            pass
    elif fault.kind == "reset":
        linger_0 = struct.pack("ii", 1, 0)  # closing with a linger of 0 sends RST instead of FIN
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_0)
        writer.transport.abort()


async def send(fault: Fault | None, writer: asyncio.StreamWriter, head: bytes,
               body: bytes) -> None:
    """Sends a framed reply, truncated or slowed down as the fault says. The caller ends the connection of a truncated
    one."""
    if fault and fault.kind == "truncate":
        writer.write(head + body[:len(body) // 2])
    elif fault and fault.kind == "slow":
        writer.write(head)
        step = len(body) // SLOW_PIECES + 1
        for start in range(0, len(body), step):
            await asyncio.sleep(fault.seconds / SLOW_PIECES)
            writer.write(body[start:start + step])
            await writer.drain()
    else:
        writer.write(head + body)
    await writer.drain()


async def _until_closed(reader: asyncio.StreamReader) -> None:
    while await reader.read(65536):
        pass
