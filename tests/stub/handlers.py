# SPDX-License-Identifier: MIT
"""The routes of the Service API. A handler is called for an authenticated, counted request with a well-formed id; it returns
the members of the envelope between `success` and `meta` as bytes, a whole Response (verbatim bodies), or raises ApiError.
Serialised data is cached until it changes."""
import json
import math
import re
from dataclasses import dataclass
from typing import Any, Callable

import courses
from courses import Unmappable, timestamp
from state import RawBody, State, to_json
from wire import Request, Response

ID = re.compile(r"[cC][0-9a-z]{6,}")
LIMIT_MAX, LIMIT_DEFAULT = 500, 100
OFFSET_BITS = 63  # the database's integer; a larger offset is a 500, not a 400
TEXT_MAX = 2000  # UTF-16 units
UPDATED = "Participation result updated successfully"

Handler = Callable[[State, Request, str], bytes | Response]


class ApiError(Exception):
    """An error in the envelope."""

    def __init__(self, status: int, code: str, message: str):
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass(frozen=True)
class Route:
    """A path, its one method (GET includes HEAD), and the name of its id in messages."""

    path: re.Pattern[str]
    method: str
    handler: Handler
    id_name: str = ""

    def allows(self, method: str) -> bool:
        return method == self.method or (method == "HEAD" and self.method == "GET")


def find_route(state: State, path: str) -> tuple[Route | None, str]:
    """The route of a path and the undecoded id in it; (None, "") for an unknown path. The two optional endpoints exist only
    while they are switched on."""
    for route in ROUTES:
        match = route.path.fullmatch(path)
        if match and not (route.handler is template_list and state.now.templates is None
                          or route.handler is participation_list and not state.now.participations):
            return route, (match.groups() or ("",))[0]
    return None, ""


def course_list(state: State, request: Request, _: str) -> bytes | Response:
    limit, offset, level, published = _list_query(request)
    if state.now.raw_list:
        return _raw(state.now.raw_list)
    key = ("list", limit, offset, level, published)
    if key not in state.cache:
        if state.now.replace_list is not None:
            rows, total = state.now.replace_list[offset:offset + limit], len(state.now.replace_list)
        else:
            found = state.listed(level, published)
            if state.now.ties:
                found = courses.shuffle_ties(found, f"{limit} {offset} {level}")
            rows = [courses.list_row(course) for course in found[offset:offset + limit]]
            total = len(found)
        state.cache[key] = _data(
            {"courses": rows, "total": total} if state.now.legacy else rows)
    return state.cache[key]


def course_detail(state: State, _: Request, ident: str) -> bytes | Response:
    raw = state.now.raw_detail
    if raw and raw.course_id in (None, ident):
        return _raw(raw)
    if ident not in state.cache:
        detail = courses.detail(_course(state, ident))
        state.cache[ident] = _data({"course": detail} if state.now.legacy else detail)
    return state.cache[ident]


def materials(state: State, _: Request, ident: str) -> bytes:
    return _data({"courseId": ident, "topics": _course(state, ident)["topics"]})


def participation(state: State, _: Request, ident: str) -> bytes:
    shown = courses.participation(*_booking(state, ident))
    return _data({"participation": shown} if state.now.legacy else shown)


def put_result(state: State, request: Request, ident: str) -> bytes:
    """The body is checked before the existence of the course. A `complete` that is true changes any status to COMPLETE."""
    result = _result(request.body)
    _, booking = _booking(state, ident)
    if any("\0" in result.get(member, "") for member in ("resultOutcome", "resultNotes")):
        raise Unmappable("the database stores no U+0000")
    complete = result.pop("complete", False)
    booking.update(result, updatedAt=timestamp())
    if complete:
        booking.update(status="COMPLETE", resultCompletedAt=booking["updatedAt"])
    state.changed()
    if state.now.legacy:
        return _data({"message": UPDATED})
    return b'"message":' + to_json(UPDATED)


def template_list(state: State, _request: Request, _: str) -> bytes:
    """Not in today's Hemera: the templates, exactly as they were given."""
    return _data(state.now.templates)


def participation_list(state: State, request: Request, _: str) -> bytes:
    """Not in today's Hemera: the participants of all published courses with their courseId."""
    limit, offset, _level, published = _list_query(request)
    rows = [{"courseId": course["id"]} | courses.participant(booking)
            for course in state.listed(None, published) for booking in course["participants"]]
    return _data(rows[offset:offset + limit])


ROUTES = (
    Route(re.compile("/api/service/courses"), "GET", course_list),
    Route(re.compile("/api/service/courses/([^/]+)"), "GET", course_detail, "course"),
    Route(re.compile("/api/service/courses/([^/]+)/materials"), "GET", materials, "course"),
    Route(re.compile("/api/service/participations/([^/]+)"), "GET", participation,
          "participation"),
    Route(re.compile("/api/service/participations/([^/]+)/result"), "PUT", put_result,
          "participation"),
    Route(re.compile("/api/service/templates"), "GET", template_list),
    Route(re.compile("/api/service/participations"), "GET", participation_list),
)


def number(text: str) -> float:
    """Reads a number as JavaScript's Number() does: blanks are stripped, an empty text is 0, 0x, 0o and 0b are accepted,
    anything else is NaN."""
    text = text.strip()
    if not text:
        return 0.0
    if re.fullmatch(r"0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+", text):
        return float(int(text, 0))
    if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text, re.ASCII):
        return float(text)
    return math.nan


def _list_query(request: Request) -> tuple[int, int, str | None, bool]:
    given = request.parameters()
    limit = number(given.get("limit", str(LIMIT_DEFAULT)))
    offset = number(given.get("offset", "0"))
    level = given.get("level")
    if not (1 <= limit <= LIMIT_MAX and 0 <= offset < math.inf) or (
            level is not None and level not in courses.LEVELS):
        raise ApiError(400, "VALIDATION_ERROR", "Ungültige Anfrage")
    if offset >= 2 ** OFFSET_BITS:
        raise Unmappable("the database counts in 64 bits")
    return int(limit), int(offset), level, given.get("published", "true") == "true"


def _result(body: bytes) -> dict[str, Any]:
    """The known members of a result body."""
    try:
        given = json.loads(body.decode("utf-8-sig", "replace"), parse_constant=_refuse_constant)
    except ValueError:
        raise ApiError(400, "INVALID_INPUT", "Invalid JSON body") from None
    kinds = {"resultOutcome": str, "resultNotes": str, "complete": bool}
    known = ({member: given[member] for member in kinds if member in given}
             if isinstance(given, dict) else {})
    if not known or any(type(value) is not kinds[member]
                        or isinstance(value, str) and _utf16_units(value) > TEXT_MAX
                        for member, value in known.items()):
        raise ApiError(400, "VALIDATION_ERROR", "Invalid request body")
    return {member: re.sub("[\ud800-\udfff]", "\ufffd", value) if isinstance(value, str) else value
            for member, value in known.items()}


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _utf16_units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _course(state: State, ident: str) -> courses.Course:
    course = state.course(ident)
    if course is None:
        raise ApiError(404, "NOT_FOUND", "Course not found")
    return course


def _booking(state: State, ident: str) -> tuple[courses.Course, courses.Booking]:
    found = state.booking("participationId", ident)
    if found is None:
        raise ApiError(404, "NOT_FOUND", "Participation not found")
    return found


def _data(value: Any) -> bytes:
    return b'"data":' + to_json(value)


def _raw(raw: RawBody) -> Response:
    return Response(raw.status, [("content-type", raw.content_type)], raw.body)
