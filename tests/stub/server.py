# SPDX-License-Identifier: MIT
"""Connections: one coroutine each, request after request, with faults where they are armed."""
import asyncio
import itertools
import sys
import time
from typing import Any

import api
import control
import faults
from state import State
from wire import HEAD_MAX, BadRequest, Request, Upgrade, bare_response, frame, read_request

FIRST_REQUEST_TIMEOUT_S = 60.0  # a new connection may wait longer than an idle one
IDLE_GRACE = 1.2  # "timeout=5" is announced, but the close was measured after 6 s
LOGGED_HEADERS = ("host", "x-api-key", "authorization", "accept", "accept-encoding", "user-agent",
                  "cookie", "if-none-match", "x-request-id", "connection", "content-type")


class Server:
    """The stub on one listening socket."""

    def __init__(self, state: State, log_to_stderr: bool):
        self._state = state
        self._log_to_stderr = log_to_stderr
        self._numbers = itertools.count(1)

    async def start(self, host: str, port: int) -> asyncio.Server:
        """Starts to listen; port 0 means any free port."""
        return await asyncio.start_server(self._serve, host, port, limit=HEAD_MAX, backlog=1024)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = next(self._numbers)
        timeout_s = FIRST_REQUEST_TIMEOUT_S
        try:
            while await self._exchange(number, timeout_s, reader, writer):
                timeout_s = self._state.now.idle_timeout_s * IDLE_GRACE
        except BadRequest as error:
            writer.write(bare_response(error.status))
        except (Upgrade, ConnectionError, asyncio.IncompleteReadError,
                asyncio.LimitOverrunError):
            pass  # the client is gone, or gets no answer
        finally:
            writer.close()

    async def _exchange(self, number: int, timeout_s: float, reader: asyncio.StreamReader,
                        writer: asyncio.StreamWriter) -> bool:
        """Reads one request and answers it; returns False when the connection is over."""
        idle = asyncio.get_running_loop().call_later(timeout_s, writer.close)
        try:
            request = await read_request(reader, writer)
        finally:
            idle.cancel()
        if request is None:
            return False
        if request.path.startswith("/_stub/"):
            head, body = frame(request, control.answer(self._state, request))
            writer.write(head + body)
            return request.keeps_alive()
        return await self._play(self._log(number, request), request, reader, writer)

    async def _play(self, entry: dict[str, Any], request: Request, reader: asyncio.StreamReader,
                    writer: asyncio.StreamWriter) -> bool:
        fault = faults.take(self._state.now.faults, request)
        entry["fault"] = fault and fault.kind
        if fault and fault.kind in ("close", "reset", "hang"):
            self._print(entry)
            await faults.end_without_reply(fault, reader, writer)
            return False
        if fault and fault.kind == "delay":
            await asyncio.sleep(fault.seconds)
        response = (fault and fault.response()) or api.answer(self._state, request)
        entry["status"] = response.status
        self._print(entry)
        await faults.send(fault, writer, *frame(request, response))
        return request.keeps_alive() and not (fault and fault.kind == "truncate")

    def _log(self, number: int, request: Request) -> dict[str, Any]:
        headers = {name: request.header(name) for name in LOGGED_HEADERS if request.header(name)}
        entry = {"time": round(time.time(), 3), "connection": number, "method": request.method,
                 "path": request.path, "query": request.query, "headers": headers,
                 "status": None, "fault": None}
        self._state.log.append(entry)
        return entry

    def _print(self, entry: dict[str, Any]) -> None:
        if self._log_to_stderr:
            target = entry["path"] + ("?" + entry["query"] if entry["query"] else "")
            print(f"#{entry['connection']} {entry['method']} {target} {entry['status'] or '-'}",
                  entry["fault"] or "", file=sys.stderr, flush=True)
