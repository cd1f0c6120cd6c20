# SPDX-License-Identifier: MIT
"""A dozen courses of an academy for negotiation, around today: past, running, upcoming, undated.

Made for demonstrations: the page looks like one from real use. All persons, ids and texts are invented.
"""
import hashlib
from datetime import date, timedelta
from typing import NamedTuple

from courses import Booking, Course, berlin_midnight, complete_course


class SampleBooking(NamedTuple):
    """One booking; without a status there is no participation yet."""

    name: str | None
    status: str | None = None
    intent: str | None = None
    results: str | None = None
    manager: str | None = None
    completed_days_ago: int | None = None


class SampleCourse(NamedTuple):
    """One course; without a start it is undated."""

    slug: str
    title: str
    level: str
    starts_in_days: int | None
    days: int
    bookings: tuple[SampleBooking, ...] = ()
    published: bool = True


B, C = SampleBooking, SampleCourse

SAMPLE = (
    C("preisgespraeche-im-vertrieb", "Preisgespräche im Vertrieb", "INTERMEDIATE", -75, 2, (
        B("Katrin Seidel", "COMPLETE", "Rabatte nicht mehr als Erstes anbieten.",
          "Drei Abschlüsse ohne Nachlass.",
          "Schaut auf den Umsatz, lässt mir aber freie Hand.", 80),
        B("Murat Yıldız", "COMPLETE", "Sicherer werden, wenn der Einkauf schweigt.",
          "Die Pause aushalten.", None, 78),
        B("Anneliese Groß", "RESULT", "Preiserhöhung bei zwei Stammkunden ankündigen.",
          "4 % mehr, ohne einen von beiden zu verlieren.",
          "Vorsichtig; fürchtet um die Kunden.", 77),
    )),
    C("stimme-auftritt-wirkung", "Stimme, Auftritt, Wirkung", "BEGINNER", -33, 1, (
        B("Lena Brandt", "DEBRIEFING", "In großen Runden gehört werden.",
          "Einmal im Monat selbst vortragen.", "Freundlich, redet selbst sehr viel.", 36),
        B("Tobias Kern", "DEBRIEFING", "Weniger \"äh\".", "Ein Vortrag ohne Zettel.", None, 35),
        B("Oluwaseun Adeyemi", "RESULT", "Langsamer sprechen.", None, None, 40),
        B("Birgit Vogt"),
    )),
    C("schwierige-gespraeche", "Schwierige Gespräche mit Vorgesetzten", "ADVANCED", -12, 2, (
        B("Jens-Peter Möller", "SUMMARY",
          "Ich will ansprechen, dass Zusagen aus dem Jahresgespräch nicht gehalten wurden.",
          "Ein neuer, schriftlicher Termin für die Stellenänderung.",
          "Weicht aus, vertagt gern.\nMag Zahlen und kurze Vorlagen.", 15),
        B("Saskia Wirth", "SUMMARY", "Nein sagen können, ohne mich zu rechtfertigen.",
          "Zwei Projekte abgeben.", "Sehr fordernd, aber fair.", 14),
        B("Dr. Amélie Roux", "SUMMARY", None, "Klarheit über meine Rolle ab Herbst.", None, None),
    )),
    C("harvard-konzept", "Verhandeln nach dem Harvard-Konzept", "INTERMEDIATE", -1, 3, (
        B("Svenja Albrecht", "PREPARATION", "Interessen statt Positionen: endlich auch im Alltag.",
          "Eine Vorlage, mit der ich jede Verhandlung in 20 Minuten vorbereite.",
          "Analytisch, prüft jede Annahme nach.", 3),
        B("Henrik Lindqvist", "PREPARATION", "Mit einem Monopolisten verhandeln.",
          "Eine zweite Möglichkeit neben dem Nachgeben.", None, 2),
        B("Chiara Bianchi", "PREPARATION", "Verhandeln auf Deutsch, nicht in meiner Muttersprache.",
          "Sicherheit bei Rückfragen.", "Geduldig, hört gut zu.", 5),
        B("Paul Zimmermann", "PREPARATION", None, None, None, None),
        B("Ngoc Anh Tran", "PREPARATION", "Lieferzeiten verkürzen.",
          "Acht statt zwölf Wochen.", "Will vor allem keine Überraschungen.", 1),
    )),
    C("gehaltsgespraeche", "Gehaltsgespräche führen: Größe zeigen", "BEGINNER", 9, 2, (
        B("Jana Hoffmann", "PREPARATION",
          "Mein Gehalt ist seit drei Jahren gleich, die Aufgaben sind es nicht.",
          "10 % mehr oder vier Tage bei gleichem Gehalt.",
          "Freundlich, aber an ein Budget gebunden, das er nicht selbst bestimmt.", 4),
        B("Mehmet Arslan", "PREPARATION",
          "Ich möchte nicht wieder als Erster eine Zahl nennen.\n\n- Marktwert kennen\n"
          "- Erfolge belegen\n- ruhig bleiben",
          "Ein Gespräch, nach dem beide Seiten zufrieden sind.", "Direkt, wenig Zeit.", 2),
        B("Franziska Neumann", "PREPARATION", "Einstiegsgehalt nach der Elternzeit.",
          "Gleiche Stufe wie vorher.", None, None),
        B("Erik Sørensen", "PREPARATION", None, None, None, None),
        B("Claudia Pfeiffer-Lang"),
        B(None),
    )),
    C("fuehren-ohne-weisung", "Führen ohne Weisungsbefugnis", "INTERMEDIATE", 30, 2, (
        B("Nils Hartwig", "PREPARATION",
          "Fünf Abteilungen, ein Projekt, keine Macht: wie bekomme ich Zusagen?",
          "Verbindliche Termine aus jeder Abteilung.", "Unterstützt, ist aber selten da.", 1),
        B("Aylin Demir", "PREPARATION", "Konflikt zwischen Einkauf & Technik auflösen.",
          None, None, None),
        B("Sebastian Krüger"),
    )),
    C("koerpersprache", "Körpersprache in der Verhandlung", "BEGINNER", 44, 1),
    C("konflikte-im-team", "Konflikte im Team lösen", "ADVANCED", 58, 3, (
        B("Ulrike Baumgartner", "PREPARATION", "Zwei Kollegen sprechen nicht mehr miteinander.",
          "Ein gemeinsames Gespräch, das ich leite.", "Hält sich heraus.", 0),
        B("Rafael Ortega"),
    )),
    C("einkauf-vorbereiten", "Einkaufsverhandlungen vorbereiten", "INTERMEDIATE", 86, 2, (
        B("Marlene Fuchs"),
        B("Andrzej Kowalski", "PREPARATION", None, None, None, None),
    )),
    C("erste-100-tage", "Die ersten 100 Tage als Führungskraft", "BEGINNER", 121, 2),
    C("vertraege-nachverhandeln", "Verträge nachverhandeln", "ADVANCED", 160, 1, (
        B("Theresa Maier"),
    )),
    C("sommerakademie", "Sommerakademie: Verhandlung intensiv", "ADVANCED", None, 5),
    C("entwurf-moderation", "Entwurf: Moderation schwieriger Runden", "BEGINNER", 200, 1,
      published=False),
)


def sample_courses(today: date) -> list[Course]:
    """The hand-written courses; all except the draft are published."""
    return [_course(sample, today) for sample in SAMPLE]


def _course(sample: SampleCourse, today: date) -> Course:
    start = end = None
    if sample.starts_in_days is not None:
        first = today + timedelta(days=sample.starts_in_days)
        start = berlin_midnight(first)
        end = berlin_midnight(first + timedelta(days=sample.days - 1))
    return complete_course({
        "id": _cuid(sample.slug), "title": sample.title, "slug": sample.slug,
        "level": sample.level, "startDate": start, "endDate": end,
        "published": sample.published,
        "participants": [_booking(sample.slug, place, booking, today)
                         for place, booking in enumerate(sample.bookings)],
    })


def _booking(slug: str, place: int, sample: SampleBooking, today: date) -> Booking:
    booking: Booking = {"bookingId": _cuid(f"booking {slug} {place}"),
                        "userId": f"user_{_cuid(f'user {slug} {place}')}", "name": sample.name}
    if sample.status is None:
        return booking
    completed = None
    if sample.completed_days_ago is not None:
        completed = berlin_midnight(today - timedelta(days=sample.completed_days_ago))
    return booking | {
        "participationId": _cuid(f"participation {slug} {place}"), "status": sample.status,
        "preparationIntent": sample.intent, "desiredResults": sample.results,
        "lineManagerProfile": sample.manager, "preparationCompletedAt": completed,
    }


def _cuid(text: str) -> str:
    """An id in Hemera's format, always the same for the same text."""
    return "c" + hashlib.sha256(text.encode()).hexdigest()[:24]
