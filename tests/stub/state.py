# SPDX-License-Identifier: MIT
"""Everything that can differ between two answers of the stub.

Settings come from the command line and can be changed at run time by the control interface.
`reset` brings back the state right after the start.
"""
import copy
import json
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from courses import Booking, Course, complete_course, sort_by_start
from faults import Fault
from limiter import FixedWindow

LOG_MAX = 100_000  # requests remembered; a benchmark sends fewer than this
UNLIMITED = 1_000_000  # the value for "no limit", so that the headers still announce a number


@dataclass
class RawBody:
    """A body sent verbatim in place of a real one, with status 200 unless set otherwise."""

    body: bytes
    content_type: str = "application/json"
    status: int = 200
    course_id: str | None = None  # for details only; None means every course


@dataclass
class Settings:
    """The settings; the control interface documents each member."""

    keys: list[str]
    courses: list[Course]
    limit: int = 100
    window_s: float = 60.0
    idle_timeout_s: float = 5.0
    legacy: bool = False
    database: bool = True
    service_user: bool = True
    clerk: str = "test"
    cors_origin: str | None = None
    templates: list[Any] | None = None
    participations: bool = False
    ties: bool = False
    replace_list: list[Any] | None = None
    raw_list: RawBody | None = None
    raw_detail: RawBody | None = None
    faults: list[Fault] = field(default_factory=list)


class State:
    """The settings in force, the rate limiter, the log of requests and the cache of bodies."""

    def __init__(self, settings: Settings):
        self._initial = settings
        self.reset()

    def reset(self) -> None:
        self.now = copy.deepcopy(self._initial)
        self.limiter = FixedWindow(self.now.limit, self.now.window_s)
        self.log: deque[dict[str, Any]] = deque(maxlen=LOG_MAX)
        self.cache: dict[Any, bytes] = {}

    def changed(self) -> None:
        """To be called after any change of `now`: it discards the serialised bodies."""
        self.cache.clear()

    def listed(self, level: str | None, published: bool) -> list[Course]:
        """The courses of one list query, in the order of the list."""
        return sort_by_start([course for course in self.now.courses
                              if bool(course["published"]) == published
                              and level in (None, course["level"])])

    def course(self, course_id: str) -> Course | None:
        return next((c for c in self.now.courses if c["id"] == course_id), None)

    def booking(self, member: str, value: str) -> tuple[Course, Booking] | None:
        """The booking that has `value` as one of its ids (`bookingId`, `participationId`)."""
        return next(((course, booking) for course in self.now.courses
                     for booking in course["participants"] if booking[member] == value), None)

    def add_course(self, given: Course) -> None:
        self.remove_course(given["id"])
        self.now.courses.append(complete_course(given))

    def remove_course(self, course_id: str) -> None:
        self.now.courses = [c for c in self.now.courses if c["id"] != course_id]


def to_json(value: Any) -> bytes:
    """JSON as the service writes it: one line, no blanks, non-ASCII raw."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
