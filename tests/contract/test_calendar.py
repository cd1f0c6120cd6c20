# SPDX-License-Identifier: MIT
"""courses.ics and courses.json: an independent parser reads the calendar, the rules are those of RFC 5545, and an event
changes when its course does."""
import importlib.util
import json
import re
import unittest
from datetime import date, datetime, timezone
from typing import Any

from clock import HOUR, Clock, unix_time
from stack import StackTest

HOSTILE = {
    "crlf": "A\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:x\r\nSUMMARY:B",
    "escaped": "Führen, fördern; fordern: \\ und \"A\"",  # only these: the parser decodes the escapes one after the other
    "long": "Überzeugen 😀 " * 400,
    "rtl": "\u202eקורס למתקדמים, חלק ב\u202c",
    "control": "A\u0001B\u001b[31mC\u007f\u009b",
    "blank": "\u200b\u00ad\u2060",
    **{f"fold{i}": "a" * i + "ü漢😀" * 20 for i in range(56, 76)},
}
READ = HOSTILE | {"crlf": HOSTILE["crlf"].replace("\r\n", "\n"), "control": "AB[31mC", "blank": "(ohne Titel)"}
DATED = {"startDate": "2090-12-07T23:00:00.000Z", "endDate": "2090-12-08T23:00:00.000Z"}


def course(name: str, title: str, **members: Any) -> dict[str, Any]:
    return {"id": f"c{name}", "slug": name, "title": title, "level": "INTERMEDIATE"} | members


COURSES = [
    course("two", "Zwei Tage", **DATED),
    course("open", "Ohne Ende", startDate="2090-03-29T22:00:00.000Z", participantCount=7),
    course("wrong", "Verkehrt", startDate="2090-12-30T23:00:00.000Z", endDate="2090-12-01T23:00:00.000Z"),
    course("long", "Läuft", startDate="2020-02-27T23:00:00.000Z", endDate="2090-02-27T23:00:00.000Z"),
    course("past", "Vorbei", startDate="2020-02-28T23:00:00.000Z", level="ADVANCED"),
    course("undated", "Ohne Termin"),
]
DAYS = {  # the first day, and the day after the last
    "Zwei Tage": (date(2090, 12, 8), date(2090, 12, 10)),
    "Ohne Ende": (date(2090, 3, 30), date(2090, 3, 31)),
    "Verkehrt": (date(2090, 12, 31), date(2091, 1, 1)),
    "Läuft": (date(2020, 2, 28), date(2090, 3, 1)),
    "Vorbei": (date(2020, 2, 29), date(2020, 3, 1)),
}


class CalendarTest(StackTest):
    hemera_arguments = ("--courses", "0", "--no-limit")
    courses: list[dict[str, Any]] = COURSES
    site = ""

    def setUp(self) -> None:
        if importlib.util.find_spec("icalendar") is None:
            self.fail("python3-icalendar is not installed: the calendar cannot be checked with a parser of others")
        self.config = f"[Site]\n{self.site}"
        super().setUp()
        self.hemera.scenario(courses=self.courses)
        self.sync()

    def file(self, name: str) -> bytes:
        """Returns the calendar as it is published; visitors get the same text."""
        content = (self.stack.output / "public" / name).read_bytes()
        reply = self.stack.get(f"/{name}")
        self.assertEqual((reply.status, reply.body), (200, content))
        kinds = {"courses.ics": "text/calendar; charset=utf-8", "courses.json": "application/json"}
        self.assertEqual(reply.headers["Content-Type"], kinds[name])
        return content

    def check_lines(self, content: bytes) -> None:
        self.assertTrue(content.endswith(b"\r\nEND:VCALENDAR\r\n"))
        for line in content.split(b"\r\n"):
            self.assertLessEqual(len(line), 75)
            self.assertNotRegex(line.decode(), "[\x00-\x08\x0a-\x1f\x7f-\x9f]")

    def events(self) -> dict[str, Any]:
        """The events by their summary, as the parser reads them."""
        from icalendar import Calendar
        content = self.file("courses.ics")
        self.check_lines(content)
        calendar = Calendar.from_ical(content)
        events = calendar.walk("VEVENT")
        for component in calendar.walk():
            self.assertEqual(component.errors, [])
        self.assertEqual(calendar["VERSION"], "2.0")
        self.assertNotIn("METHOD", calendar)
        self.assertEqual(len({event["UID"] for event in events}), len(events))
        for event in events:
            self.assertEqual(event["TRANSP"], "TRANSPARENT")
            self.assertEqual(event.decoded("DTSTAMP").tzinfo.utcoffset(None).total_seconds(), 0)
        return {str(event["SUMMARY"]): event for event in events}

    def stamps(self) -> dict[str, datetime]:
        return {title: event.decoded("DTSTAMP") for title, event in self.events().items()}


class Events(CalendarTest):
    site = "Name=Kurse, Übungen; mehr\nCourseURL=https://academy.example/{lang}/courses/{id}?s={slug}\n"

    def test_a_parser_reads_the_courses_that_have_a_date(self) -> None:
        events = self.events()
        self.assertEqual({t: (e.decoded("DTSTART"), e.decoded("DTEND")) for t, e in events.items()}, DAYS)
        self.assertEqual(events["Ohne Ende"]["URL"], "https://academy.example/de/courses/copen?s=open")
        self.assertEqual(events["Ohne Ende"]["DESCRIPTION"], "Niveau: Fortgeschritten\nTeilnehmende: 7")
        self.assertEqual(events["Vorbei"]["DESCRIPTION"], "Niveau: Masterclass\nTeilnehmende: 0")

    def test_the_calendar_has_the_sites_name(self) -> None:
        from icalendar import Calendar
        calendar = Calendar.from_ical(self.file("courses.ics"))
        for name in ("NAME", "X-WR-CALNAME"):
            self.assertEqual(calendar[name].to_ical().decode(), r"Kurse\, Übungen\; mehr")

    def test_scripts_read_the_same_courses_in_the_homepages_order(self) -> None:
        data = json.loads(self.file("courses.json"))
        self.assertEqual(data["site"], {"name": "Kurse, Übungen; mehr", "url": None})
        self.assertEqual([(c["id"], c["state"]) for c in data["courses"]], [
            ("clong", "running"), ("copen", "upcoming"), ("ctwo", "upcoming"), ("cwrong", "upcoming"),
            ("cundated", "undated"), ("cpast", "past")])
        tables = self.stack.get("/").text.partition("<table")[2]  # the next course is named before the tables
        titles = re.findall("|".join(c["title"] for c in COURSES), tables)
        self.assertEqual(list(dict.fromkeys(titles)), [c["title"] for c in data["courses"]])
        self.assertEqual(data["courses"][2], DATED | {
            "id": "ctwo", "title": "Zwei Tage", "slug": "two", "level": "INTERMEDIATE", "state": "upcoming",
            "participantCount": 0, "url": "https://academy.example/de/courses/ctwo?s=two", "page": None})


class HostileTitles(CalendarTest):
    courses = [course(name, title, **DATED) for name, title in HOSTILE.items()]

    def test_each_stays_the_summary_of_one_event(self) -> None:
        events = self.events()
        self.assertEqual([name for name, title in READ.items() if title not in events], [])
        self.assertEqual(len(events), len(READ))

    def test_scripts_read_them_as_they_are(self) -> None:
        data = json.loads(self.file("courses.json"))
        titles = {c["slug"]: c["title"] for c in data["courses"]}
        self.assertEqual([name for name, title in (HOSTILE | {"blank": None}).items() if titles[name] != title], [])


class English(CalendarTest):
    site = "Language=en\nCoursePages=public\nURL=https://courses.example.org\n"

    def test_an_event_leads_to_the_public_page(self) -> None:
        event = self.events()["Zwei Tage"]
        self.assertEqual(event["DESCRIPTION"], "Level: Intermediate\nParticipants: 0")
        address = str(event["URL"])
        self.assertEqual(address, "https://courses.example.org/courses/two.html")
        self.assertEqual(self.stack.get(address.removeprefix("https://courses.example.org")).status, 200)
        pages = {c["id"]: c["page"] for c in json.loads(self.file("courses.json"))["courses"]}
        self.assertEqual(pages["ctwo"], address)


class Changes(CalendarTest):
    def setUp(self) -> None:
        self.clock = Clock()
        self.addCleanup(self.clock.close)
        self.environment = self.clock.environment
        super().setUp()

    def refresh(self) -> None:
        reply = self.stack.request("POST", "/internal/refresh", over_unix_socket=True)
        self.assertEqual(reply.status, 200, reply.text)

    def test_a_calendar_without_changes_stays_as_it_is(self) -> None:
        before = self.file("courses.ics")
        for hours, again in enumerate((self.sync, self.refresh, self.sync), 1):
            self.clock.set(hours * HOUR)
            again()
            self.assertEqual(self.file("courses.ics"), before)
        assert self.stack.worker
        self.stack.worker.stop()
        self.stack.start_worker()
        self.sync()
        self.assertEqual(self.file("courses.ics"), before)

    def test_the_stamp_of_a_changed_course_moves_and_no_other(self) -> None:
        uid = self.events()["Zwei Tage"]["UID"]
        for again, change in ((self.sync, {"title": "Drei Tage"}), (self.refresh, {"title": "Zwei Tage"}),
                              (self.sync, {"startDate": "2090-12-06T23:00:00.000Z"}),
                              (self.refresh, {"endDate": "2090-12-09T23:00:00.000Z"}),
                              (self.sync, {"level": "BEGINNER"}), (self.refresh, {"participantCount": 5})):
            with self.subTest(change=change):
                before = {event["UID"]: event.decoded("DTSTAMP") for event in self.events().values()}
                self.clock.set(self.clock.ahead_s + HOUR)
                self.hemera.scenario(course={"id": "ctwo"} | change)
                again()
                after = {event["UID"]: event.decoded("DTSTAMP") for event in self.events().values()}
                self.assertEqual({key for key in after if after[key] != before[key]}, {uid})
                self.assertLess(abs(after[uid].timestamp() - self.clock.now()), HOUR / 2)

    def test_courses_that_are_gone_or_lose_their_date_leave(self) -> None:
        self.hemera.scenario(remove="ctwo", course={"id": "copen", "startDate": None})
        self.sync()
        self.assertEqual(self.events().keys(), DAYS.keys() - {"Zwei Tage", "Ohne Ende"})

    def test_without_any_date_it_is_an_empty_calendar(self) -> None:
        self.hemera.scenario(courses=[course("undated", "Ohne Termin")])
        self.sync()
        self.assertEqual(self.events(), {})

    def test_after_an_upgrade_all_have_the_time_of_the_last_sync(self) -> None:
        """Version 0.1.0 did not note when a course changed."""
        file = self.stack.output / ".sync-manifest.json"
        manifest = self.stack.manifest
        for row in manifest["list"]["courses"]:
            del row["changedAt"]
        manifest["site"] = {}
        last = datetime.fromtimestamp(int(unix_time(manifest["lastSyncAt"])), timezone.utc)
        file.write_text(json.dumps(manifest))
        for again in (self.refresh, self.sync, self.sync, self.refresh):
            self.clock.set(self.clock.ahead_s + HOUR)
            again()
            self.assertEqual(set(self.stamps().values()), {last})


if __name__ == "__main__":
    unittest.main()
