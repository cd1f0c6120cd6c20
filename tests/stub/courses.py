# SPDX-License-Identifier: MIT
"""The stub's data about courses, and its form in answers.

A course is a plain dict with the members of COURSE_DEFAULTS, a booking one with the members of BOOKING_DEFAULTS. Given
members are sent as they are, even values of a wrong type, so that tests can send those; only absent members are filled in.
"""
import random
from datetime import date, datetime, timedelta, timezone
from typing import Any

Course = dict[str, Any]
Booking = dict[str, Any]

LEVELS = ("BEGINNER", "INTERMEDIATE", "ADVANCED")
STATES = ("PREPARATION", "SUMMARY", "DEBRIEFING", "RESULT", "COMPLETE")
DATE_LENGTH = len("2026-03-14T23:00:00.000Z")

COURSE_DEFAULTS: Course = {
    "title": "", "slug": "", "level": "BEGINNER", "startDate": None, "endDate": None,
    "published": True, "topics": (),
}
BOOKING_DEFAULTS: Booking = {
    "participationId": None, "userId": "user_stub", "name": None, "imageUrl": None,
    "preparationIntent": None, "desiredResults": None, "lineManagerProfile": None,
    "preparationCompletedAt": None, "resultOutcome": None, "resultNotes": None,
    "resultCompletedAt": None, "createdAt": "2026-01-05T08:00:00.000Z",
    "updatedAt": "2026-01-05T08:00:00.000Z",
}
COURSE_MEMBERS = ("id", "title", "slug", "level", "startDate", "endDate")
PARTICIPANT_MEMBERS = ("bookingId", "participationId", "userId", "name", "imageUrl", "status",
                       "preparationIntent", "desiredResults", "lineManagerProfile",
                       "preparationCompletedAt")


class Unmappable(Exception):
    """A date that the server cannot map: the whole reply becomes 500."""


def complete_course(given: Course) -> Course:
    """Completes a course that has at least an `id`."""
    course = COURSE_DEFAULTS | given
    course["participants"] = [
        complete_booking(booking, f"cbk{course['id'][1:]}{number:03d}")
        for number, booking in enumerate(given.get("participants", ()))
    ]
    return course


def complete_booking(given: Booking, booking_id: str) -> Booking:
    """Completes a booking; `booking_id` is used if the booking has none."""
    booking = {"bookingId": booking_id} | BOOKING_DEFAULTS | given
    booking.setdefault("status", "PREPARATION" if booking["participationId"] else "NONE")
    return booking


def sort_by_start(courses: list[Course]) -> list[Course]:
    """Sorted by startDate, nulls last, equal dates in the order of the last change."""
    return sorted(courses, key=lambda c: (c["startDate"] is None, str(c["startDate"])))


def shuffle_ties(courses: list[Course], query: str) -> list[Course]:
    """The same order by date, but equal dates are in a different order for each query."""
    chance = random.Random(query)
    return sort_by_start(sorted(courses, key=lambda _: chance.random()))


def list_row(course: Course) -> Course:
    """A course as the list shows it. `participantCount` can be given so that it contradicts the details."""
    row = _course_members(course)
    row["participantCount"] = course.get("participantCount", len(course["participants"]))
    return row


def detail(course: Course) -> Course:
    """A course as its own page shows it: every booking twice, in a newer and in an older form."""
    shown = _course_members(course)
    shown["participants"] = [participant(booking) for booking in course["participants"]]
    shown["participations"] = [
        {"id": booking["participationId"], "bookingId": booking["bookingId"],
         "userId": booking["userId"],
         "status": booking["status"] if booking["participationId"] else None,
         "createdAt": booking["createdAt"]}
        for booking in course["participants"]
    ]
    return shown


def participant(booking: Booking) -> Booking:
    return {member: booking[member] for member in PARTICIPANT_MEMBERS}


def participation(course: Course, booking: Booking) -> Booking:
    """One participation with its result, which no other route shows."""
    shown = {"id": booking["participationId"], "userId": booking["userId"],
             "courseId": course["id"]}
    for member in ("status", "preparationIntent", "desiredResults", "resultOutcome", "resultNotes",
                   "resultCompletedAt", "createdAt", "updatedAt"):
        shown[member] = booking[member]
    return shown


def _course_members(course: Course) -> Course:
    for member in ("startDate", "endDate"):
        value = course[member]
        if isinstance(value, str) and len(value) != DATE_LENGTH:
            raise Unmappable(value)
    return {member: course[member] for member in COURSE_MEMBERS}


def timestamp(moment: datetime | None = None) -> str:
    """A moment (default: now) as the API writes it: UTC with milliseconds."""
    moment = moment or datetime.now(timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def berlin_midnight(day: date) -> str:
    """The start of a calendar day in Germany, which is how course dates are stored. Summer time begins and ends in the small
    hours, so at midnight the last Sunday of March still has winter time, and the last Sunday of October still has summer
    time."""
    is_summer = _last_sunday(day.year, 3) < day <= _last_sunday(day.year, 10)
    midnight = datetime(day.year, day.month, day.day, tzinfo=timezone.utc)
    return timestamp(midnight - timedelta(hours=2 if is_summer else 1))


def _last_sunday(year: int, month: int) -> date:
    end = date(year, month, 31)
    return end - timedelta(days=(end.weekday() + 1) % 7)


def generate(count: int, participants: int) -> list[Course]:
    """`count` courses with `participants` bookings each. The same numbers give the same courses on every day; they start in
    2026 and 2027, several on the same day, and every tenth is undated."""
    return [_generated_course(number, participants) for number in range(count)]


def _generated_course(number: int, participants: int) -> Course:
    start = date(2026, 1, 5) + timedelta(days=number * 37 % 600)
    undated = number % 10 == 9
    return complete_course({
        "id": f"cgen{number:021d}",
        "title": f"Verhandlungstraining Nummer {number}: Ziele & Größen",
        "slug": f"kurs-{number:05d}",
        "level": LEVELS[number % len(LEVELS)],
        "startDate": None if undated else berlin_midnight(start),
        "endDate": None if undated else berlin_midnight(start + timedelta(days=number % 3)),
        "participants": [_generated_booking(number, place) for place in range(participants)],
    })


def _generated_booking(number: int, place: int) -> Booking:
    chance = random.Random(number * 1000 + place)
    booking: Booking = {"bookingId": f"cbkg{number:012d}{place:09d}",
                        "userId": f"user_gen{number:05d}{place:03d}",
                        "name": f"Teilnehmerin {number}-{place}"}
    if place % 8 == 7:
        return booking
    state = chance.choice(STATES)
    return booking | {
        "participationId": f"cptg{number:012d}{place:09d}",
        "status": state,
        "preparationIntent": f"Ich möchte {chance.randint(3, 15)} % mehr erreichen.\nUnd zuhören.",
        "desiredResults": f"Ein Ergebnis bis zum {chance.randint(1, 28)}. des Monats.",
        "lineManagerProfile": None if place % 3 else "Sachlich, unter Zeitdruck, \"fair\".",
        "preparationCompletedAt":
            None if state == "PREPARATION" else "2026-01-04T12:30:00.000Z",
    }
