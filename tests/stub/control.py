# SPDX-License-Identifier: MIT
"""The control interface under /_stub/: how tests change the stub while it runs.

Its requests need no key, are not counted, and are never hit by a fault. The members of a scenario are documented in
hemera_stub.py; each is one small function here. They are applied in the order of SETTERS, whatever their order in the JSON
object, so that one scenario can contain both `courses` and `add`.
"""
import base64
import json
from typing import Any, Callable

import courses
from faults import Fault
from state import UNLIMITED, RawBody, State, to_json
from wire import Request, Response

CLERK_MODES = ("test", "live", "mismatch")


def answer(state: State, request: Request) -> Response:
    """Answer one request under /_stub/."""
    call = (request.method, request.path)
    if call == ("GET", "/_stub/requests"):
        return _json(200, list(state.log))
    if call == ("POST", "/_stub/requests/clear"):
        state.log.clear()
    elif call == ("POST", "/_stub/reset"):
        state.reset()
    elif call == ("POST", "/_stub/scenario"):
        try:
            apply_scenario(state, json.loads(request.body))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            return _json(400, {"ok": False, "error": f"{type(error).__name__}: {error}"})
    else:
        return _json(404, {"ok": False, "error": f"no such call: {' '.join(call)}"})
    return _json(200, {"ok": True})


def apply_scenario(state: State, scenario: dict[str, Any]) -> None:
    """Apply all members of a scenario; ValueError names the ones that do not exist."""
    unknown = set(scenario) - set(SETTERS) - {"participants"}
    if unknown:
        raise ValueError(f"unknown members: {', '.join(sorted(unknown))}")
    for member, setter in SETTERS.items():
        if member == "courses" and member in scenario:
            set_courses(state, scenario[member], scenario.get("participants", 0))
        elif member in scenario:
            setter(state, scenario[member])
    state.changed()


def set_courses(state: State, value: int | list[courses.Course], participants: int) -> None:
    """A number: that many generated courses; an array: exactly these."""
    if isinstance(value, int):
        state.now.courses = courses.generate(value, participants)
    else:
        state.now.courses = [courses.complete_course(course) for course in value]


def _remove(state: State, value: str | list[str]) -> None:
    for ident in _list(value):
        if state.course(ident) is None:
            raise ValueError(f"no course {ident}")
        state.remove_course(ident)


def _add(state: State, value: courses.Course | list[courses.Course]) -> None:
    for course in _list(value):
        state.add_course(course)


def _patch_course(state: State, value: courses.Course | list[courses.Course]) -> None:
    """Changed courses move to the end, as updated rows do in a database: this is visible among equal dates."""
    for patch in _list(value):
        course = state.course(patch["id"])
        if course is None:
            raise ValueError(f"no course {patch['id']}")
        state.add_course(course | patch)


def _patch_participant(state: State, value: courses.Booking | list[courses.Booking]) -> None:
    """Changed bookings move to the end of their course, too."""
    for patch in _list(value):
        member = "bookingId" if "bookingId" in patch else "participationId"
        found = state.booking(member, patch[member])
        if found is None:
            raise ValueError(f"no booking with {member} {patch[member]}")
        course, booking = found
        course["participants"].remove(booking)
        course["participants"].append(booking | patch)


def _arm_faults(state: State, value: dict[str, Any] | list[dict[str, Any]] | None) -> None:
    if value is None:
        state.now.faults.clear()
    else:
        state.now.faults += [Fault(**fault) for fault in _list(value)]


def _set_limit(state: State, value: int | None) -> None:
    state.limiter.limit = UNLIMITED if value is None else int(value)


def _set_window(state: State, value: float) -> None:
    state.limiter.window_s = float(value)
    state.limiter.restart()


def _set_clerk(state: State, value: str) -> None:
    if value not in CLERK_MODES:
        raise ValueError(f"clerk is one of {', '.join(CLERK_MODES)}")
    state.now.clerk = value


def _set_raw(member: str) -> Callable[[State, Any], None]:
    def setter(state: State, value: dict[str, Any] | None) -> None:
        setattr(state.now, member, value and _raw_body(value))
    return setter


def _raw_body(value: dict[str, Any]) -> RawBody:
    if "body_base64" in value:
        body = base64.b64decode(value["body_base64"], validate=True)
    else:
        body = value["body"].encode("utf-8", "surrogatepass")
    return RawBody(body * value.get("repeat", 1), value.get("content_type", "application/json"),
                   value.get("status", 200), value.get("id"))


def _set(member: str) -> Callable[[State, Any], None]:
    return lambda state, value: setattr(state.now, member, value)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _json(status: int, value: Any) -> Response:
    return Response(status, [("content-type", "application/json")], to_json(value), sized=True)


SETTERS: dict[str, Callable[..., None]] = {
    "courses": set_courses,
    "remove": _remove,
    "add": _add,
    "course": _patch_course,
    "participant": _patch_participant,
    "replace_list": _set("replace_list"),
    "raw_list": _set_raw("raw_list"),
    "raw_detail": _set_raw("raw_detail"),
    "templates": _set("templates"),
    "participations": _set("participations"),
    "ties": _set("ties"),
    "legacy": _set("legacy"),
    "database": _set("database"),
    "service_user": _set("service_user"),
    "clerk": _set_clerk,
    "cors_origin": _set("cors_origin"),
    "key": lambda state, value: setattr(state.now, "keys", _list(value)),
    "idle_timeout": _set("idle_timeout_s"),
    "window": _set_window,
    "limit": _set_limit,
    "used": lambda state, value: state.limiter.spend(int(value)),
    "fault": _arm_faults,
}
