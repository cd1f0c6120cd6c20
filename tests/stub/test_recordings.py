# SPDX-License-Identifier: MIT
"""The stub Hemera answers as the real server was recorded to answer.

Every recording becomes one test: it sends the recorded request to the stub byte for byte, with the stub's keys in place of
the real ones and with the data that the recordings show. It compares status, headers, the shape of the body and its data,
but not request ids and times. A handful of recordings is in tests/data/hemera. The folder with all of them is
HEMERA_RECORDINGS, or ../shared/reference/hemera-recordings beside the checkout.
"""
import functools
import http.client
import json
import os
import socket
import unittest
from pathlib import Path
from typing import Any

import recordings
from client import DEFAULT_KEY, Stub
from recordings import Recording

TOP = Path(__file__).resolve().parents[2]
BUNDLED = TOP / "tests/data/hemera"
ALL = Path(os.environ.get("HEMERA_RECORDINGS")
           or TOP.parent / "shared/reference/hemera-recordings")
SECOND_KEY = DEFAULT_KEY[::-1]
KEYS = {"<SERVICE-KEY-1>": DEFAULT_KEY, "<SERVICE-KEY-2>": SECOND_KEY}

FAR_AWAY = "+012026-01-01T00:00:00.000Z"  # a date that the server cannot map
ONE_ROW = {"id": "ccrsfarxxxxxxxxxxxx000012", "startDate": FAR_AWAY}
APP = "https://app.example"

# The server's state, where it was not the usual one.
SCENARIOS: dict[str, dict[str, Any]] = {
    "300-rl-first": {"used": 0},
    "301-rl-100th": {"used": 99},
    "302-rl-429": {"used": 100},
    "303-rl-429-key2": {"used": 101},
    "307-rl-limited-bad-id": {"used": 105},
    "400-legacy-list": {"legacy": True},
    "401-legacy-list-offset": {"legacy": True},
    "402-legacy-detail": {"legacy": True},
    "403-legacy-participation": {"legacy": True},
    "404-legacy-put": {"legacy": True},
    "410-cors-configured": {"cors_origin": APP},
    "421-order-after": {"cors_origin": APP},
    "422-year-12026": {"cors_origin": APP, "add": ONE_ROW},
    "425-list-one-bad-date": {"add": ONE_ROW},
    "430-db-down": {"database": False},
    "450-clerk-key-mismatch": {"clerk": "mismatch"},
    "452-no-service-user": {"service_user": False},
}
REMAINING_COMPARED = {"300-rl-first", "301-rl-100th", "302-rl-429", "303-rl-429-key2"}

# Traces of the web framework on its HTML page, which the stub does not imitate.
FRAMEWORK_HEADERS = {"x-nextjs-cache", "x-nextjs-prerender", "x-nextjs-stale-time",
                     "x-powered-by", "etag"}
# Headers whose value belongs to one moment or one installation: the test only checks that they are there.
VOLATILE_HEADERS = {"date", "x-request-id", "x-ratelimit-remaining", "x-ratelimit-reset",
                    "retry-after", "content-length"}


def shape(value: Any) -> Any:
    """Member names in order, and JSON types; for an array the set of its elements' shapes."""
    if isinstance(value, dict):
        return [(name, shape(member)) for name, member in value.items()]
    if isinstance(value, list):
        return {"elements": sorted({repr(shape(element)) for element in value})}
    return type(value).__name__


def exchange(url: str, recording: Recording) -> http.client.HTTPResponse | None:
    """Sends a recorded request; returns the reply with its body in `.content`, None if there was none."""
    head = recording.request_head
    for placeholder, key in KEYS.items():
        head = head.replace(placeholder, key)
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n"
                           + recording.request_body)
        reply = http.client.HTTPResponse(connection, method=recording.method)
        try:
            reply.begin()
        except http.client.RemoteDisconnected:
            return None
        reply.content = reply.read()
        return reply


def comparable(headers: list[tuple[str, str]], name: str) -> list[tuple[str, str]]:
    """Lower-case names, sorted, without those that cannot be compared."""
    volatile = set(VOLATILE_HEADERS)
    if name in REMAINING_COMPARED:
        volatile.remove("x-ratelimit-remaining")
    kept = [(header.lower(), value) for header, value in headers
            if header.lower() not in FRAMEWORK_HEADERS]
    return sorted((header, "" if header in volatile else value) for header, value in kept)


class Replay(unittest.TestCase):
    """The common part for both folders; it has no tests itself."""

    stub: Stub
    known: list[Recording]

    @classmethod
    def setUpClass(cls) -> None:
        cls.stub = Stub("--key", SECOND_KEY)

    @classmethod
    def tearDownClass(cls) -> None:
        cls.stub.stop()

    def replay(self, recording: Recording) -> None:
        self.stub.reset()
        self.stub.scenario(courses=recordings.courses_from(self.known, recording))
        self.stub.scenario(**SCENARIOS.get(recording.name, {}))
        reply = exchange(self.stub.url, recording)
        if recording.status == 0:
            self.assertIsNone(reply)
            return
        self.assertEqual(reply.status, recording.status)
        self.compare_headers(recording, reply)
        self.compare_body(recording, reply.content)

    def compare_headers(self, recording: Recording, reply: http.client.HTTPResponse) -> None:
        mine = comparable(reply.getheaders(), recording.name)
        theirs = comparable(recording.headers, recording.name)
        if recording.status == 307:  # another Clerk installation
            mine, theirs = ([(n, "" if n == "location" else v) for n, v in side]
                            for side in (mine, theirs))
        self.assertEqual(mine, theirs)

    def compare_body(self, recording: Recording, body: bytes) -> None:
        if not recording.body.startswith(b"{"):
            if recording.status != 307 and not recording.body.startswith(b"<!DOCTYPE"):
                self.assertEqual(body, recording.body)
            return
        mine, theirs = json.loads(body), json.loads(recording.body)
        self.assertEqual(mine.get("error"), theirs.get("error"))
        self.assertEqual(mine.get("message"), theirs.get("message"))
        self.assertEqual(shape(mine), shape(theirs))
        self.assertEqual(without_times(mine.get("data")), without_times(theirs.get("data")))


def without_times(data: Any) -> Any:
    """`data` of a reply without the times of events."""
    if isinstance(data, dict):
        return {k: without_times(v) for k, v in data.items() if k not in ("createdAt", "timestamp")}
    if isinstance(data, list):
        return [without_times(element) for element in data]
    return data


class BundledRecordings(Replay):
    """The few recordings that are part of the sources."""

    known = recordings.load(BUNDLED)


class AllRecordings(Replay):
    """The whole folder, if it is available."""

    known = recordings.load(ALL)

    @unittest.skipUnless(ALL.is_dir(), f"no folder {ALL}")
    def test_every_file_of_the_folder_is_replayed(self) -> None:
        replayed = {recording.name for recording in self.known}
        replayed |= {name for name, _, _ in recordings.load_pipelined(ALL)}
        files = {file.stem for file in ALL.iterdir() if file.name != "INDEX.md"}
        self.assertEqual(replayed, files)
        self.assertEqual(set(SCENARIOS) - files, set())

    @unittest.skipUnless(recordings.load_pipelined(ALL), f"no pipelined recording in {ALL}")
    def test_pipelined_requests_are_answered_in_order(self) -> None:
        for _, sent, received in recordings.load_pipelined(ALL):
            self.stub.reset()
            with socket.create_connection(("127.0.0.1", self.stub.port), timeout=30) as connection:
                connection.sendall(sent.replace(b"<SERVICE-KEY-1>", DEFAULT_KEY.encode()))
                connection.shutdown(socket.SHUT_WR)
                mine = b"".join(iter(functools.partial(connection.recv, 65536), b""))
            self.assertEqual(header_names(mine), header_names(received))


def header_names(connection: bytes) -> list[str]:
    """Status lines and header names of all replies of a connection, in order."""
    return [line.split(b":")[0].decode() for line in connection.split(b"\r\n")
            if line.startswith(b"HTTP/1.1 ") or b": " in line and not line.startswith(b"{")]


def add_tests(case: type[Replay]) -> None:
    """Makes one test method for each recording."""
    for recording in case.known:
        def test(self: Replay, recording: Recording = recording) -> None:
            self.replay(recording)
        name = recording.name.replace("-", "_").replace(".", "_")
        setattr(case, f"test_{name}_is_answered_as_recorded", test)


add_tests(BundledRecordings)
add_tests(AllRecordings)

if __name__ == "__main__":
    unittest.main()
