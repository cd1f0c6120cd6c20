# SPDX-License-Identifier: MIT
"""Recorded exchanges with the real server: reading them, and a state of the stub that fits them.

A recording is a text file: comment lines, `=== REQUEST ===` with line, headers and body,
`=== RESPONSE HEADERS ===`, `=== RESPONSE BODY (n bytes) ===` and then the body, n bytes long.
"""
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OTHER_DATABASE = "hemera500"  # part of the name of recordings made with 500 courses
REQUEST = b"=== REQUEST ===\n"
HEADERS = b"=== RESPONSE HEADERS ===\n"
BODY = re.compile(rb"=== RESPONSE BODY \((\d+) bytes\) ===\n")


@dataclass
class Recording:
    """One exchange. `status` is 0 if the connection ended without a reply."""

    name: str
    request_head: str
    request_body: bytes
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def method(self) -> str:
        return self.request_head.split(" ", 1)[0]

    @property
    def path(self) -> str:
        return self.request_head.split(" ", 2)[1].partition("?")[0]

    def data(self) -> Any:
        """`data` of a successful JSON reply, unwrapped from the legacy shape; None for anything else."""
        if self.status != 200 or self.method != "GET" or not self.body.startswith(b"{"):
            return None
        data = json.loads(self.body)["data"]
        for wrapper in ("courses", "course", "participation"):
            if isinstance(data, dict) and wrapper in data:
                return data[wrapper]
        return data


def load(folder: Path) -> list[Recording]:
    """All recordings of a folder in the order of their names. Pipelined ones are raw bytes of a whole connection;
    load_pipelined reads those."""
    return [_parse(file.stem, raw) for file in sorted(folder.glob("[0-9]*.txt"))
            if REQUEST in (raw := file.read_bytes())]


def load_pipelined(folder: Path) -> list[tuple[str, bytes, bytes]]:
    """Name, bytes sent and bytes received of the recordings of whole connections."""
    found = []
    for file in sorted(folder.glob("[0-9]*.txt")):
        sent, mark, received = file.read_bytes().partition(b"=== RAW RESPONSE ===\n")
        if mark:
            found.append((file.stem, sent.partition(b"\n")[2], received))
    return found


def _parse(name: str, raw: bytes) -> Recording:
    request, _, reply = raw.partition(REQUEST)[2].partition(HEADERS)
    head, _, request_body = request.partition(b"\n\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    mark = BODY.search(reply)
    status_line, *lines = reply[:mark.start()].decode().strip().split("\n")
    body = reply[mark.end():mark.end() + int(mark[1])]
    headers = [tuple(line.split(": ", 1)) for line in lines]
    method = head.split(b" ", 1)[0]
    return Recording(name, head.decode(), request_body[:int(length[1])] if length else b"",
                     int(status_line.split(" ")[1]) if status_line else 0, headers,
                     b"" if method == b"HEAD" else body)  # curl repeated the headers there


def courses_from(recordings: list[Recording], wanted: Recording) -> list[dict[str, Any]]:
    """The courses that the recordings of the same database show. `wanted` comes first, because the
    database had no fixed order among equal dates, and again last, because its data changed while
    the recordings were made."""
    known: dict[str, dict[str, Any]] = {}
    same = [r for r in recordings if (OTHER_DATABASE in r.name) == (OTHER_DATABASE in wanted.name)]
    for recording in [wanted, *same, wanted]:
        data = recording.data()
        if data is not None and recording.path.startswith("/api/service/"):
            _learn(known, recording, data)
    return list(known.values())


def _learn(known: dict[str, dict[str, Any]], recording: Recording, data: Any) -> None:
    if recording.path == "/api/service/courses":
        published = "published=false" not in recording.request_head
        for row in data:
            known.setdefault(row["id"], {}).update(row, published=published)
    elif recording.path.endswith("/materials"):
        known.setdefault(data["courseId"], {"id": data["courseId"]})["topics"] = data["topics"]
    elif recording.path.startswith("/api/service/courses/"):
        course = known.setdefault(data["id"], {})
        dates = {p["bookingId"]: {"createdAt": p["createdAt"]} for p in data["participations"]}
        course.update({k: v for k, v in data.items() if k != "participations"})
        course["participants"] = [p | dates[p["bookingId"]] for p in data["participants"]]
    else:
        _learn_participation(known, data)


def _learn_participation(known: dict[str, dict[str, Any]], data: dict[str, Any]) -> None:
    course = known.setdefault(data["courseId"], {"id": data["courseId"]})
    bookings = course.setdefault("participants", [])
    result = {k: v for k, v in data.items() if k not in ("id", "courseId")}
    for booking in bookings:
        if booking["participationId"] == data["id"]:
            booking.update(result)
            return
    bookings.append({"participationId": data["id"]} | result)
