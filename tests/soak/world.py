# SPDX-License-Identifier: MIT
"""The world around the machine: courses that change before each sync, and servers that fail now and then.

    world = World(ledger, hemera, mail, rollbar)
    world.turn(n)       before the n-th sync
    world.heal()

The troubles repeat every CYCLE syncs, so that each occurs once a minute.
"""
import random
from typing import Any

from client import Stub
from ledger import HEMERA, MAIL, PARTIAL, Ledger
from machine import run, write
from rollbar_stub import DROP as ROLLBAR_DROP
from rollbar_stub import RollbarStub
from smtp_stub import DROP, SmtpStub

CYCLE = 12
COURSES_MIN, COURSES_MAX = 40, 60
PARTICIPANTS = 4
LIMITED_S = 2  # the Retry-After of the last 429, which a sync respects even when Hemera works again, plus a moment
FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "status", "status": 503}, {"kind": "reset"}, {"kind": "html"}, {"kind": "truncate"},
    {"kind": "status", "status": 401}, {"kind": "hang"}, {"kind": "slow", "seconds": 3.0}, {"kind": "close"},
    {"kind": "status", "status": 429, "headers": {"retry-after": "1"}})
MAIL_FAULTS = (("RCPT", "550 5.1.1 no such user"), ("GREETING", "421 4.3.2 closing"), ("MESSAGE", DROP),
               ("MAIL", "451 4.3.0 later"))
ROLLBAR_FAULTS = (500, ROLLBAR_DROP, 429)
OVERRIDE = "/etc/aither/templates/participant.hbs"
# Pages as long as those of the shipped templates: aither-web keeps pages in memory, which must not count as growth.
MARKUP = "<!DOCTYPE html>\n<html lang=\"{{lang}}\"><title>{{course.title}}</title><p>%d</p>" \
    "{{#each participants}}<p>{{name}}</p>{{/each}}" + \
    "".join(f"<p>Absatz {n}, {n * 7919 % 1009}</p>" for n in range(260)) + "</html>\n"


class World:
    def __init__(self, ledger: Ledger, hemera: Stub, mail: SmtpStub, rollbar: RollbarStub):
        self.ledger, self.hemera, self.mail, self.rollbar = ledger, hemera, mail, rollbar
        self.courses: dict[str, dict[str, Any]] = {}
        self.made = 0
        self.chance = random.Random(20)
        self.has_template = self.has_override = False
        self._troubles: dict[str, list[object]] = {}
        for _ in range((COURSES_MIN + COURSES_MAX) // 2):
            self._new_course()
        hemera.scenario(courses=list(self.courses.values()))
        self._changes = (self.change_title, self.change_participant, self.add_course, self.swap_slugs,
                         self.change_title, self.remove_course, self.change_crowd, self.change_override,
                         self.change_template, self.add_course, self.remove_course)

    def turn(self, n: int) -> None:
        if n % CYCLE == 0:
            self.hemera.clear_requests()
        self._changes[n % len(self._changes)](n)
        place, cycle = n % CYCLE, n // CYCLE
        if place in (3, 9):
            fault = FAULTS[(2 * cycle + place // 9) % len(FAULTS)]
            self._begin(HEMERA)
            self.hemera.scenario(fault={"path": "/api/service/", "count": -1, **fault})
        if place == 9:
            self._begin(MAIL)
            self.mail.fail(*MAIL_FAULTS[cycle % len(MAIL_FAULTS)])
            self.rollbar.answer(*ROLLBAR_FAULTS)
        if place in (5, 11):
            self.heal()
        if place == 7:
            self._begin(PARTIAL)
            self.hemera.scenario(raw_detail={"id": self._any()["id"], "body": '{"success":true,"data":7}'})
        if place == 8:
            self.heal()

    def heal(self) -> None:
        self.hemera.scenario(fault=None, raw_detail=None)
        self.mail.repair()
        for trouble in self._troubles.values():
            self.ledger.end(trouble, LIMITED_S)
        self._troubles.clear()

    def _begin(self, kind: str) -> None:
        self._troubles[kind] = self.ledger.begin(kind)

    # ---- what changes ----

    def _new_course(self) -> dict[str, Any]:
        n = self.made
        self.made += 1
        ident = f"csoak{n:020d}"
        self.courses[ident] = {
            "id": ident, "title": f"Kurs {n}: Größen & Ziele", "slug": f"kurs-{n}", "level": "BEGINNER",
            "startDate": f"2027-{n % 12 + 1:02d}-{n % 28 + 1:02d}T23:00:00.000Z", "endDate": None,
            "participants": [self._booking(n, place) for place in range(PARTICIPANTS)]}
        return self.courses[ident]

    def _booking(self, course: int, place: int) -> dict[str, Any]:
        return {"bookingId": f"cbks{course:012d}{place:09d}", "participationId": f"cpts{course:012d}{place:09d}",
                "name": f"Person {course}-{place}", "status": "PREPARATION", "preparationIntent": "Zuhören. " * 20}

    def _any(self) -> dict[str, Any]:
        return self.chance.choice(list(self.courses.values()))

    def change_title(self, n: int) -> None:
        course = self._any()
        course["title"] = f"Kurs, geändert vor Abgleich {n} <&>"
        self.hemera.scenario(course={"id": course["id"], "title": course["title"]})

    def change_participant(self, n: int) -> None:
        booking = self._any()["participants"][0]
        booking["name"] = f"Person, umbenannt {n}"
        self.hemera.scenario(participant={"bookingId": booking["bookingId"], "name": booking["name"]})

    def change_crowd(self, n: int) -> None:
        """Changes the number of participants; the first ones stay."""
        course = self._any()
        number = int(course["id"][5:])
        course["participants"] = course["participants"][:1] + [
            self._booking(number, place) for place in range(1, 1 + n % 7)]
        self.hemera.scenario(add=course)

    def add_course(self, _: int) -> None:
        if len(self.courses) < COURSES_MAX:
            self.hemera.scenario(add=self._new_course())

    def remove_course(self, _: int) -> None:
        if len(self.courses) > COURSES_MIN:
            ident = self._any()["id"]
            del self.courses[ident]
            self.hemera.scenario(remove=ident, raw_detail=None)

    def swap_slugs(self, _: int) -> None:
        one, other = self.chance.sample(list(self.courses.values()), 2)
        one["slug"], other["slug"] = other["slug"], one["slug"]
        self.hemera.scenario(course=[{"id": c["id"], "slug": c["slug"]} for c in (one, other)])

    def change_template(self, n: int) -> None:
        """Switches between Hemera's own template for all courses and the shipped one."""
        self.has_template = not self.has_template
        rows = [{"id": "ctplsoak00000000000000000", "courseId": None, "lessonId": None, "markup": MARKUP % n,
                 "version": n}]
        self.hemera.scenario(templates=rows if self.has_template else None)

    def change_override(self, n: int) -> None:
        """Adds the operator's template beside the shipped ones, and removes it again."""
        self.has_override = not self.has_override
        if self.has_override:
            write(OVERRIDE, f"<li>{{{{name}}}} {n}</li>\n")
        else:
            run("rm", "-f", OVERRIDE)

    def names(self) -> list[str]:
        """The pages that a complete sync publishes."""
        return sorted(f"{course['slug']}.html" for course in self.courses.values())
