# SPDX-License-Identifier: MIT
"""Every recorded answer of the real Hemera is given to the real worker, in the place where it fits best: as the answer to
the request for the course list or for one course's details. OUTCOMES has the expected result of each.

A handful of recordings is in tests/data/hemera. The folder with all of them is HEMERA_RECORDINGS, or
../shared/reference/hemera-recordings beside the checkout.
"""
import html
import json
import os
import re
import socket
import threading
import unittest
from pathlib import Path
from typing import Any

import recordings
from recordings import Recording
from stack import TOP, Stack

BUNDLED = TOP / "tests/data/hemera"
ALL = Path(os.environ.get("HEMERA_RECORDINGS") or TOP.parent / "shared/reference/hemera-recordings")
KEY = "recordings-test-key-0123456789abcdef"

# "list": read as a course list; "detail": as a course's participants; "not seen": the course keeps its page, which is no
# error; anything else: the code of the error. An answer to another call (materials, participations, PUT...) is given as the
# list, where it must be refused.
OUTCOMES = {
    "001-list-default": "list",
    "003-list-limit501": "HEMERA_ERROR",
    "007-list-limit-empty": "HEMERA_ERROR",
    "008-list-limit-1.5": "list",
    "009-list-limit-dup": "list",
    "011-list-page1": "list",
    "013-list-page3": "list",
    "014-list-offset-past-end": "list",
    "015-list-offset-neg": "HEMERA_ERROR",
    "016-list-offset-huge": "HEMERA_ERROR",
    "017-list-level-BEGINNER": "list",
    "018-list-level-BASIC": "HEMERA_ERROR",
    "021-list-published-false": "list",
    "026-list-unknown-param": "list",
    "027-list-trailing-slash": "HEMERA_ERROR",  # redirects are not followed
    "030-list-accept-html": "HEMERA_ERROR",
    "032-list-http10": "list",
    "033-list-http2-upgrade": "HEMERA_UNREACHABLE",
    "036-list-gzip-full": "list",
    "037-list-if-none-match": "list",
    "040-list-inbound-request-id": "list",
    "050-auth-missing": "HEMERA_AUTH_FAILED",
    "051-auth-wrong": "HEMERA_AUTH_FAILED",
    "055-auth-key2": "list",
    "059-auth-twice": "HEMERA_AUTH_FAILED",
    "060-auth-bearer-key": "HEMERA_AUTH_FAILED",
    "062-auth-key-and-bearer": "list",
    "064-auth-cookie-only": "HEMERA_AUTH_FAILED",
    "066-auth-wrong-bad-id": "HEMERA_ERROR",
    "100-detail-main": "detail",
    "102-detail-no-bookings": "detail",
    "103-detail-xss": "detail",
    "104-detail-30-participants": "detail",
    "105-detail-ctrl": "detail",
    "106-detail-unpublished": "detail",
    "110-detail-404": "not seen",
    "111-detail-bad-id": "HEMERA_ERROR",
    "122-detail-badpct": "HEMERA_ERROR",
    "130-materials-ok": "HEMERA_BAD_DATA",
    "131-materials-none": "HEMERA_BAD_DATA",
    "140-part-complete": "HEMERA_BAD_DATA",
    "140-part-emoji": "HEMERA_BAD_DATA",
    "140-part-prep": "HEMERA_BAD_DATA",
    "141-part-404": "HEMERA_ERROR",
    "142-part-bad-id": "HEMERA_ERROR",
    "150-put-outcome": "HEMERA_BAD_DATA",
    "151-part-after-outcome": "HEMERA_BAD_DATA",
    "153-put-complete": "HEMERA_BAD_DATA",
    "154-part-after-complete": "HEMERA_BAD_DATA",
    "159-put-empty-string": "HEMERA_BAD_DATA",
    "161-put-null": "HEMERA_ERROR",
    "167-put-bad-json": "HEMERA_ERROR",
    "172-put-2001": "HEMERA_ERROR",
    "176-put-nul": "HEMERA_ERROR",
    "191-part-get-result": "HEMERA_ERROR",
    "200-head-list": "HEMERA_BAD_DATA",
    "211-options-preflight": "HEMERA_ERROR",
    "222-list-FOO": "HEMERA_ERROR",
    "236-unknown-accept-json": "HEMERA_ERROR",
    "238-health": "HEMERA_BAD_DATA",
    "260-405-wrong-key": "HEMERA_ERROR",
    "300-rl-first": "list",
    "301-rl-100th": "list",
    "302-rl-429": "HEMERA_RATE_LIMITED",
    "303-rl-429-key2": "HEMERA_RATE_LIMITED",
    "307-rl-limited-bad-id": "HEMERA_ERROR",
    "310-rl-after-reset": "list",
    "320-raw-pipelined": "list",
    "400-legacy-list": "list",
    "401-legacy-list-offset": "list",
    "402-legacy-detail": "detail",
    "403-legacy-participation": "HEMERA_BAD_DATA",
    "404-legacy-put": "HEMERA_BAD_DATA",
    "410-cors-configured": "list",
    "421-order-after": "detail",
    "422-year-12026": "HEMERA_ERROR",
    "425-list-one-bad-date": "HEMERA_ERROR",
    "430-db-down": "HEMERA_ERROR",
    "450-clerk-key-mismatch": "HEMERA_ERROR",
    "452-no-service-user": "HEMERA_AUTH_FAILED",
    "500-hemera500-list-500": "list",
}

LIST_PATH = "/api/service/courses"
DETAIL = re.compile(re.escape(LIST_PATH) + "/[^/]+")
ROW_MEMBERS = ("id", "title", "slug", "level", "startDate", "endDate", "participantCount")
PARTICIPANT_MEMBERS = ("name", "status", "preparationIntent", "desiredResults", "lineManagerProfile",
                       "preparationCompletedAt")
# Every member of every participant, so that a page shows everything that the worker has read.
TEMPLATE = "{{#each participants}}[" + "|".join("{{%s}}" % name for name in PARTICIPANT_MEMBERS) + "]{{/each}}"
NOT_FOUND = json.dumps({"success": False, "error": {"code": "NOT_FOUND", "message": "-"}, "meta": {}}).encode()


def framed(status: int, headers: list[tuple[str, str]], body: bytes) -> bytes:
    """Builds a complete answer: chunked like Hemera's, unless the end of the connection ends it."""
    dropped = {"transfer-encoding", "content-length", "keep-alive"}
    if not any(name.lower() == "connection" and value == "close" for name, value in headers) and status != 204:
        headers = [h for h in headers if h[0].lower() not in dropped] + [("Transfer-Encoding", "chunked")]
        dropped = {"connection"}
        body = (b"%x\r\n%s\r\n" % (len(body), body) if body else b"") + b"0\r\n\r\n"
    head = "".join(f"{name}: {value}\r\n" for name, value in headers if name.lower() not in dropped)
    return f"HTTP/1.1 {status} Recorded\r\n{head}\r\n".encode() + body


def envelope(data: Any) -> bytes:
    body = json.dumps({"success": True, "data": data, "meta": {}}).encode()
    return framed(200, [("Content-Type", "application/json")], body)


class Player:
    """A server that has an answer for each path (b"": no answer, the connection ends) and answers everything else with
    Hemera's 404. The list has one page."""

    def __init__(self) -> None:
        self.answers: dict[str, bytes] = {}
        self.default = framed(404, [("Content-Type", "application/json")], NOT_FOUND)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.key = KEY
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as lines:
            while line := lines.readline():
                path, _, query = line.split()[1].decode().partition("?")
                while lines.readline() not in (b"\r\n", b""):
                    pass
                answer = self.answers.get(path, self.default)
                if path == LIST_PATH and not query.endswith("offset=0"):
                    answer = envelope([])
                connection.sendall(answer)
                if not answer or b"\r\nConnection: close\r\n" in answer:
                    return

    def stop(self) -> None:
        self._socket.close()


def row_of(course: dict[str, Any]) -> dict[str, Any]:
    """A row of the list for a course whose details are known."""
    return {name: course.get(name) for name in ROW_MEMBERS} | {"participantCount": 1}


def expected_text(course: dict[str, Any]) -> str:
    """The text that TEMPLATE makes of a course's details."""
    def shown(value: str | None) -> str:
        return value if value and value.strip() else ""  # a text of nothing but blanks counts as missing

    participants = sorted(course["participants"], key=lambda p: p["bookingId"])
    return "".join("[" + "|".join(shown(p[name]) for name in PARTICIPANT_MEMBERS) + "]" for p in participants)


class Replay(unittest.TestCase):
    """The common part for both folders; it has no tests itself."""

    maxDiff = 2000

    def setUp(self) -> None:
        self.player = Player()
        self.addCleanup(self.player.stop)
        self.stack = Stack(self.player, "MaxRetries=0\n")
        self.addCleanup(lambda: self.assertEqual(self.stack.stop(), []))
        (self.stack.directory / "templates").mkdir()
        (self.stack.directory / "templates/course.hbs").write_text(TEMPLATE)
        self.stack.start_worker()

    def sync(self) -> Any:
        return self.stack.request("POST", "/api/sync", over_unix_socket=True)

    def replay(self, recording: Recording, raw: bytes | None = None) -> None:
        answer = raw or (framed(recording.status, recording.headers, recording.body) if recording.status else b"")
        outcome = OUTCOMES[recording.name]
        if DETAIL.fullmatch(recording.path) and recording.method == "GET":
            self.replay_detail(recording, answer, outcome)
            return
        self.player.answers = {LIST_PATH: answer}
        if outcome == "list":
            self.assert_list(json.loads(recording.body)["data"])
            return
        reply = self.sync()
        self.assertEqual(reply.code, outcome, reply.text)
        self.assertEqual(reply.data["status"], "failed")
        self.assertEqual(self.stack.pages(), {})

    def assert_list(self, data: Any) -> None:
        rows = data["courses"] if isinstance(data, dict) else data
        reply = self.sync()
        self.assertEqual(reply.status, 200, reply.text)
        self.assertEqual((reply.data["status"], reply.data["coursesFetched"]), ("success", len(rows)), reply.text)
        known = self.stack.manifest["list"]["courses"]
        for course in known:
            del course["changedAt"]
        self.assertEqual(known, sorted(({name: row[name] for name in ROW_MEMBERS} for row in rows), key=lambda row: row["id"]))
        if rows and reply.data["coursesDeferred"] == len(rows):
            self.assertEqual(self.stack.pages(), {}, "no request was left to ask for templates")
            return
        self.assertEqual(self.stack.manifest["entities"]["courses"].keys(), {row["id"] for row in rows})

    def replay_detail(self, recording: Recording, answer: bytes, outcome: str) -> None:
        data = recording.data() or {"id": "c0000000000000000000000", "title": "T", "slug": "s", "level": "BEGINNER"}
        self.player.answers = {LIST_PATH: envelope([row_of(data)]), f"{LIST_PATH}/{data['id']}": answer}
        reply = self.sync()
        self.assertEqual(reply.status, 200, reply.text)
        self.assertEqual(len(self.stack.pages()), 1, "the list is enough for a page")
        if outcome == "detail":
            self.assertEqual(reply.data["status"], "success", reply.text)
            self.assertEqual(reply.data["participantsFetched"], len(data["participants"]))
            page, = (self.stack.output / "courses").iterdir()
            self.assertEqual(html.unescape(page.read_bytes().decode()), expected_text(data))
        elif outcome == "not seen":
            self.assertEqual(reply.data["status"], "success", reply.text)
        elif outcome == "HEMERA_RATE_LIMITED":
            self.assertEqual((reply.data["status"], reply.data["coursesDeferred"]), ("success", 1), reply.text)
        elif outcome == "HEMERA_AUTH_FAILED":
            self.assertEqual(reply.code, outcome)
        else:
            self.assertEqual(reply.data["status"], "partial", reply.text)
            self.assertEqual([e["code"] for e in reply.data["errors"]], [outcome])


class BundledRecordings(Replay):
    """The few recordings that are part of the sources."""

    folder = BUNDLED


class AllRecordings(Replay):
    """The whole folder, if it is available."""

    folder = ALL

    @unittest.skipUnless(ALL.is_dir(), f"no folder {ALL}")
    def test_every_recording_has_its_outcome(self) -> None:
        self.assertEqual({file.stem for file in ALL.glob("[0-9]*.txt")}, set(OUTCOMES))


def pipelined(folder: Path) -> list[tuple[Recording, bytes]]:
    """Recordings of whole connections: returns the first answer of each, and all bytes."""
    found = []
    for name, _, received in recordings.load_pipelined(folder):
        first = received.partition(b"\r\n\r\n")[2]
        size, _, rest = first.partition(b"\r\n")
        found.append((Recording(name, f"GET {LIST_PATH} HTTP/1.1", b"", 200, [], rest[:int(size, 16)]), received))
    return found


def add_tests(case: type[Any]) -> None:
    """Makes one test method for each recording."""
    for recording, raw in [*((r, None) for r in recordings.load(case.folder)), *pipelined(case.folder)]:
        def test(self: Replay, recording: Recording = recording, raw: bytes | None = raw) -> None:
            self.replay(recording, raw)
        name = recording.name.replace("-", "_").replace(".", "_")
        setattr(case, f"test_{name}_has_its_outcome", test)


add_tests(BundledRecordings)
add_tests(AllRecordings)

if __name__ == "__main__":
    unittest.main()
