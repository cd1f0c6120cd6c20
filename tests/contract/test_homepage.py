# SPDX-License-Identifier: MIT
"""The size of the homepage on the wire, with as many courses as an academy has in years."""
import random
import unittest
from typing import Any

from stack import StackTest

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
SUBJECTS = ("Gehaltsgespräche führen", "Konflikte im Team lösen", "Verhandeln nach dem Harvard-Konzept", "Sicher auftreten",
            "Einkaufsverhandlungen vorbereiten", "Moderieren und entscheiden", "Schwierige Gespräche mit Vorgesetzten führen")
PLACES = ("Berlin", "Hamburg", "Köln", "München", "Leipzig", "online", "Stuttgart", "Wien", "Zürich")


def course(number: int, chance: random.Random) -> dict[str, Any]:
    """Ids without repetition, like Hemera's."""
    day = f"{2040 + number // 100}-{number // 8 % 12 + 1:02}-{number % 25 + 1:02}"
    return {"id": "c" + "".join(chance.choices(LETTERS, k=24)), "slug": f"{number}-" + "".join(chance.choices(LETTERS, k=12)),
            "title": f"{chance.choice(SUBJECTS)} ({chance.choice(PLACES)}, {number})",
            "level": chance.choice(("BEGINNER", "INTERMEDIATE", "ADVANCED")), "participantCount": chance.randrange(20),
            "startDate": f"{day}T11:00:00.000Z", "endDate": f"{day[:8]}{number % 25 + 3:02}T11:00:00.000Z"}


class Size(StackTest):
    hemera_arguments = ("--courses", "0", "--no-limit")
    config = "[Site]\nCoursePages=public\nCourseURL=https://academy.example/{lang}/courses/{id}\nImprintURL=/imprint.html\n"

    def test_500_courses_with_all_their_links_take_less_than_70_kilobytes(self) -> None:
        chance = random.Random(20)
        self.hemera.scenario(courses=[course(number, chance) for number in range(500)])
        self.sync()
        for language in ("de", "en"):
            plain = self.stack.get(f"/?lang={language}").text
            self.assertEqual((plain.count('href="/courses/'), plain.count('class="book"')), (501, 500))
            small = self.stack.get(f"/?lang={language}", Accept_Encoding="gzip")
            self.assertEqual(small.headers["Content-Encoding"], "gzip")
            self.assertLess(len(small.body), 70_000)


if __name__ == "__main__":
    unittest.main()
