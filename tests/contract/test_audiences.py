# SPDX-License-Identifier: MIT
"""No visitor ever sees anything about a participant. The test runs a day of syncs with both values of CoursePages and
switches between them. After each sync it fetches every address and searches for every name, text and picture of Hemera's."""
import base64
import gzip
import html
import re
import unittest
from typing import Any

from stack import Reply, StackTest

PASSWORD = "the pages password of staff"
TOKEN = "a-sync-token-of-good-length"
STAFF = {"Authorization": "Basic " + base64.b64encode(f"staff:{PASSWORD}".encode()).decode()}
BEARER = {"Authorization": f"Bearer {TOKEN}"}
ROUNDS = 48  # a sync every half hour
CURIOUS = """{{#each participants}}{{name}} {{userId}} {{imageUrl}} {{preparationIntent}} {{desiredResults}}
{{lineManagerProfile}} {{resultOutcome}} {{resultNotes}}{{/each}}{{#each course.participants}}{{name}}{{/each}}
{{#each participantsByStatus}}{{#each participants}}{{name}}{{/each}}{{/each}}"""
TARGETS = ("/", "/?lang=de", "/?lang=en", "/courses.json", "/courses.ics", "/robots.txt", "/favicon.svg", "/logo.svg",
           "/imprint.html", "/courses", "/courses/", "/courses/?lang=en", "/courses.html", "/courses.de.html",
           "/courses.en.html", "/index.de.html", "/index.html", "/.state.json", "/.sync-manifest.json", "/nothing",
           "/courses/nothing", "/courses/../.sync-manifest.json", "/api/sync", "/api/sync/status", "/api/nothing",
           "/api/openapi.json", "/healthz", "/readyz", "/metrics", "/internal/doctor")
ACCEPTED: tuple[dict[str, str], ...] = ({}, {"Accept": "text/html"}, {"Accept-Encoding": "gzip"})


def booking(course: int, place: int, turn: int) -> dict[str, Any]:
    """A participant whose data is new in every round and cannot occur anywhere else by accident."""
    mark = f"{course}x{place}x{turn}"
    return {"bookingId": f"cbk{course:012d}{place:010d}", "participationId": f"cpt{course:012d}{place:010d}",
            "userId": f"user_{mark}", "name": f"Zorbanelli{mark} & Söhne",
            "imageUrl": f"https://pictures.example/{mark}.jpg",
            "status": "RESULT", "preparationIntent": f"Gehaltswunsch{mark} <ganz geheim>",
            "desiredResults": f"Ergebnis{mark}\n\"vertraulich\"", "lineManagerProfile": f"Vorgesetzte{mark}",
            "preparationCompletedAt": "2026-01-04T12:30:00.000Z", "resultOutcome": f"Ausgang{mark}",
            "resultNotes": f"Notizen{mark}", "resultCompletedAt": "2026-01-05T12:30:00.000Z"}


def courses(turn: int) -> list[dict[str, Any]]:
    """Five courses; one appears and one disappears with each round."""
    return [{"id": f"caud{number:021d}", "slug": f"kurs-{number}", "title": f"Kurs {number}, Fassung {turn}",
             "startDate": "2099-03-01T23:00:00.000Z" if number % 2 else None,
             "endDate": "2099-03-02T23:00:00.000Z" if number % 2 else None,
             "participants": [booking(number, place, turn) for place in range(2)]} for number in range(turn, turn + 5)]


def secrets(turn: int) -> set[str]:
    """The unique words in all of Hemera's texts about participants in that round."""
    members = ("userId", "name", "imageUrl", "preparationIntent", "desiredResults", "lineManagerProfile", "resultOutcome",
               "resultNotes")
    texts = [str(b[member]) for c in courses(turn) for b in c["participants"] for member in members]
    return {word for text in texts for word in re.findall(r"\w*\d+x\d+x\d+", text)}


class Audiences(StackTest):
    hemera_arguments = ("--courses", "0", "--no-limit")

    def setUp(self) -> None:
        super().setUp()
        credentials = self.stack.directory / "credentials"
        credentials.mkdir()
        (credentials / "aither.pages-password").write_text(PASSWORD)
        (credentials / "aither.sync-token").write_text(TOKEN)
        self.stack.environment["CREDENTIALS_DIRECTORY"] = str(credentials)
        files = self.stack.directory / "site"
        files.mkdir()
        (files / "logo.svg").write_text("<svg/>")
        (files / "imprint.html").write_text("<!DOCTYPE html><title>Impressum</title>")
        self.base = self.stack.config.read_text()
        self.known: set[str] = set()
        self.names: set[str] = set()
        self.recent: list[set[str]] = [set(), set()]  # names of pages after the last two syncs

    def set_mode(self, is_public: bool) -> None:
        """Changes the configuration of both daemons; the pages published before are still there."""
        assert self.stack.web and self.stack.worker
        self.assertEqual((self.stack.web.stop(), self.stack.worker.stop()), (0, 0))
        self.stack.config.write_text(self.base + f"[Site]\nCoursePages={'public' if is_public else 'private'}\n")
        self.stack.start()

    def run_sync(self, turn: int) -> None:
        self.hemera.scenario(courses=courses(turn))
        if turn % 12 == 6:
            self.hemera.scenario(templates=[{"id": "t1", "courseId": None, "lessonId": None, "version": turn,
                                             "markup": f"<!DOCTYPE html><title>{{{{title}}}}</title>{CURIOUS}"}])
        elif turn % 12 == 0:
            self.hemera.scenario(templates=[])
        self.known |= secrets(turn)
        self.assertEqual(self.sync(**BEARER)["status"], "success")
        self.recent = [self.recent[1], set(self.stack.pages())]
        self.names |= self.recent[1]

    def found_in(self, content: bytes) -> set[str]:
        """The secrets found in the content, in any form in which they could be read."""
        text = content.decode(errors="replace")
        forms = (text, html.unescape(text), re.sub(r"\r?\n[ \t]", "", text), text.replace("\\/", "/"))
        return {word for form in forms for word in re.findall(r"\w+", form)} & self.known

    def read(self, reply: Reply) -> bytes:
        body = gzip.decompress(reply.body) if reply.headers["Content-Encoding"] == "gzip" and reply.body else reply.body
        return body + "\n".join(f"{name}: {value}" for name, value in reply.headers.items()).encode()

    def addresses(self, turn: int) -> list[str]:
        """All known addresses, and those that can be guessed from the directory. Addresses that have been gone for longer
        are requested in every fourth round."""
        names = self.names if turn % 4 == 0 else self.recent[0] | self.recent[1]
        pages = [f"/courses/{name}{end}" for page in sorted(names) for name in (page, page.removesuffix(".html"))
                 for end in ("", "?lang=en")]
        paths = [p.relative_to(self.stack.output) for p in self.stack.output.rglob("*")]
        files = [f"/{path}" for path in paths] + [f"/{path.name}" for path in paths]
        return [*TARGETS, *pages, *sorted(set(files))]

    def assert_visitors_find_nothing(self, turn: int) -> None:
        for number, target in enumerate(self.addresses(turn)):
            headers = ACCEPTED[(number + turn) % 3]
            for method in ("GET", "HEAD", "POST") if (number + turn) % 4 == 0 else ("GET",):
                reply = self.stack.request(method, target, headers)
                self.assertEqual(self.found_in(self.read(reply)), set(), f"{method} {target} in round {turn}")

    def assert_only_public_pages(self, turn: int) -> None:
        for page in self.stack.pages():
            self.assertEqual(self.stack.get(f"/courses/{page}").status, 200)
        for headers in ({}, STAFF, BEARER):
            self.assertEqual(self.stack.request("GET", "/courses/", headers).status, 404)
        for path in (p for p in self.stack.output.rglob("*") if p.is_file()):
            self.assertEqual(self.found_in(path.read_bytes()), set(), f"{path} in round {turn}")
        self.assertEqual(list(self.stack.output.glob("courses*")), [])

    def assert_staff_have_all(self, turn: int) -> None:
        shown: set[str] = set()
        for page in self.stack.pages():
            for credentials in (STAFF, BEARER):
                reply = self.stack.request("GET", f"/courses/{page}", credentials)
                self.assertEqual((reply.status, reply.headers["Cache-Control"]), (200, "private, no-store"))
                shown |= self.found_in(reply.body)
            self.assertEqual(self.stack.get(f"/courses/{page}").status, 401)
        names = {word for word in secrets(turn) if word.startswith("Zorbanelli")}
        self.assertEqual(len(names), 10)
        self.assertLessEqual(names, shown)
        listed = self.stack.request("GET", "/courses/", STAFF)
        self.assertEqual((listed.status, listed.headers["X-Robots-Tag"]), (200, "noindex"))
        self.assertIn(f"Kurs {turn | 1}, Fassung {turn}", html.unescape(listed.text))
        self.assertEqual(self.stack.get("/courses/").status, 401)
        self.assertEqual(list(self.stack.public.glob("courses/*")), [])

    def test_a_day_with_changes_of_the_mode(self) -> None:
        changes = {0: False, 14: True, 26: False, 34: True, 42: False, 45: True}
        is_public = False
        for turn in range(ROUNDS):
            if turn in changes:
                is_public = changes[turn]
                self.set_mode(is_public)
                self.assert_visitors_find_nothing(turn)  # the pages left over from the other mode
            self.run_sync(turn)
            self.assert_visitors_find_nothing(turn)
            if is_public:
                self.assert_only_public_pages(turn)
            else:
                self.assert_staff_have_all(turn)
        self.assertGreater(len(self.known), 5 * ROUNDS)
        self.assertGreater(len(self.names), ROUNDS)

    def test_the_search_finds_what_it_looks_for(self) -> None:
        """Without this, the test above would prove nothing."""
        self.known = secrets(3)
        for text in (b"Zorbanelli4x1x3", b"<p>Gehaltswunsch4x1x3 &lt;", b"SUMMARY:Zorbanelli\r\n 4x1x3 &", b"user_3x0x3",
                     b"https:\\/\\/pictures.example\\/5x1x3.jpg", b"Ergebnis7x0x3\\n"):
            self.assertNotEqual(self.found_in(text), set(), text)
        self.assertEqual(self.found_in(b"<p>Kurs 4, Fassung 3: 2 Teilnehmer</p>"), set())


if __name__ == "__main__":
    unittest.main()
