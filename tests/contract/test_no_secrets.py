# SPDX-License-Identifier: MIT
"""Everything that can go wrong in one long run. Then the test searches all output of the programs for texts that must not be
there: the key, tokens, passwords, and every participant's name and text."""
import base64
import json
import tempfile
import unittest
from pathlib import Path
from typing import Any

from journal import JournalTest
from stack import Reply, wait_until
from stub.certificates import Authority
from stub.rollbar_stub import RollbarStub
from stub.smtp_stub import SmtpStub

# Words that occur nowhere else, so that they are found in whatever form they are written.
SYNC_TOKEN = "sync-token-vrzqkjw-0123456789"
WRONG_TOKEN = "wrong-token-xkcjqvz-0123456789"
ROLLBAR_TOKEN = "rollbar-token-pqzwvkx-0123456789"
USER, PASSWORD = "aither", "password-bzxqwkj"
OTHER_KEY = "another-key-wqzkxvj-another-key-another-key"
BAD_COURSE = {"id": "cbad000000000000000000000", "title": "Ohne Stufe", "level": "EXPERT",
              "participants": [{"name": "Kurt Xylqwz-Bad"}]}

# Participants' texts in their proper places, and in wrong places, where they cause an error message.
MEMBERS = ("name", "preparationIntent", "desiredResults", "lineManagerProfile")
WRONG = ({"status": "Zqxvin-Status"}, {"preparationCompletedAt": "Zqxvin-Time"}, {"name": {"Zqxvin-Member": 1}},
         {"name": ["Zqxvin-Array"]}, {"preparationIntent": {"Zqxvin-Intent": "Zqxvin-Value"}},
         {"status": ["Zqxvin-States"]}, {"bookingId": {"Zqxvin-Booking": 1}}, {"imageUrl": ["Zqxvin-Image"]})


def person(number: int) -> dict[str, Any]:
    return {m: f"Zqxvin{number}-{m} mit \"Zeichen\" & <Tags>\n" for m in MEMBERS} | {
        "participationId": f"p{number}", "status": "SUMMARY", "userId": f"user_zqxvin{number}"}


def course(number: int, participants: list[dict[str, Any]]) -> dict[str, Any]:
    return {"id": f"csec{number:021d}", "title": f"Kurs {number}", "slug": f"kurs-{number}", "participants": participants}


COURSES = [course(0, [person(0), person(1)]), *(course(n, [person(n) | w]) for n, w in enumerate(WRONG, 1))]
NAMES = ["Zqxvin", "Xylqwz"]
SECRETS = ["vrzqkjw", "xkcjqvz", "pqzwvkx", "bzxqwkj", "wqzkxvj"]


class NoSecrets(JournalTest):
    hemera_arguments = ("--no-limit",)

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory(prefix="aither-")
        self.addCleanup(directory.cleanup)
        ca = Authority(Path(directory.name))
        self.smtp = SmtpStub(tls=ca.context(), users={USER: PASSWORD})
        self.addCleanup(self.smtp.close)
        self.rollbar = RollbarStub(ca.context(), ROLLBAR_TOKEN)
        self.addCleanup(self.rollbar.close)
        self.config = (
            f"[Notify]\nMailTo=operator@example.org\nSMTPURL=smtp://127.0.0.1:{self.smtp.port}\nSMTPUser={USER}\n"
            f"FailureThreshold=1\n[Rollbar]\nEnabled=yes\nLevel=info\nEndpoint={self.rollbar.url}\n")
        self.environment = {
            "AITHER_SYNC_TOKEN": SYNC_TOKEN, "SMTP_PASS": PASSWORD, "ROLLBAR_SERVER_TOKEN": ROLLBAR_TOKEN,
            "SSL_CERT_FILE": str(ca.file)}
        self.replies: list[str] = []
        super().setUp()

    # ---- a whole run ----

    def keep(self, reply: Reply) -> Reply:
        self.replies.append(f"{reply.status}\n{reply.headers}\n{reply.body.decode(errors='replace')}")
        return reply

    def call(self, method: str, target: str, authorization: str | None = f"Bearer {SYNC_TOKEN}") -> Reply:
        return self.keep(self.stack.request(method, target, {"Authorization": authorization} if authorization else {}))

    def unix(self, method: str, target: str) -> Reply:
        return self.keep(self.stack.request(method, target, over_unix_socket=True))

    def run_sync(self, expected: int, status: str, target: str = "/api/sync") -> None:
        """Runs one sync and checks its results."""
        count = len(self.rollbar.requests)
        reply = self.call("POST", target)
        self.assertEqual((reply.status, reply.data["status"]), (expected, status), reply.text)
        self.rollbar.wait_for(count + 1)
        self.call("GET", "/api/sync/status")
        wait_until(lambda: "aither_notifications_in_progress 0" in self.unix("GET", "/metrics").text, "all is sent")
        self.call("GET", "/metrics")

    def set_key(self, key: str) -> None:
        self.hemera.scenario(key=key)

    def good_syncs(self) -> None:
        self.hemera.scenario(courses=COURSES[:1])
        self.run_sync(200, "success")
        pages = "".join(self.stack.pages().values())
        for member in MEMBERS:
            self.assertIn(f"Zqxvin0-{member}", pages)  # the texts to search for are really there
        self.hemera.scenario(courses=COURSES, add=BAD_COURSE)
        for _ in range(2):
            self.run_sync(200, "partial")

    def bad_syncs(self) -> None:
        names = " ".join(p["name"] for p in COURSES[0]["participants"]) + ROLLBAR_TOKEN + self.hemera.key
        for body, kind in ((f"<html>{names}</html>", "text/html"), (json.dumps(names), "application/json"),
                           (f'{{"courses":[{{"name":"{names[:6]}', "application/json"),
                           (json.dumps([{"id": names, "name": names}]), "application/json")):
            self.hemera.scenario(raw_list={"body": body, "content_type": kind})
            self.call("POST", "/api/sync")
            self.unix("POST", "/internal/refresh")
        self.hemera.scenario(raw_list=None)
        for detail in (json.dumps({"data": {"id": COURSES[0]["id"], "participants": names}}), f"{{{names}", names):
            ident = COURSES[0]["id"]
            self.hemera.scenario(raw_detail={"body": detail, "id": ident},
                                 course={"id": ident, "title": f"Kurs {len(detail)}"})
            self.call("POST", "/api/sync")
        self.hemera.scenario(raw_detail=None)
        self.set_key(OTHER_KEY)
        self.run_sync(502, "failed")
        self.run_sync(502, "failed", "/api/sync?dryRun=0")

    def bad_servers(self) -> None:
        """Both servers repeat the text that they were sent."""
        self.set_key(self.hemera.key)
        self.smtp.fail("LOGIN", "535 5.7.8 {secret} is wrong")
        self.rollbar.answer(401, 403, 422)
        self.unix("POST", "/internal/test-mail")
        self.unix("POST", "/internal/test-rollbar")
        for _ in range(2):
            self.run_sync(200, "partial")
        self.smtp.repair()
        self.run_sync(200, "partial")
        self.unix("POST", "/internal/test-mail")
        self.unix("POST", "/internal/test-rollbar")

    def bad_callers(self) -> None:
        basic = base64.b64encode(f"x:{WRONG_TOKEN}".encode()).decode()
        for target in ("/api/sync", "/metrics", "/courses/kurs-0", f"/nothing?token={SYNC_TOKEN}"):
            for given in (None, f"Bearer {WRONG_TOKEN}", f"Basic {basic}", f"Bearer {SYNC_TOKEN}x", WRONG_TOKEN):
                self.call("GET", target, given)
        for target in ("/api/nothing", "/internal/doctor"):
            self.call("GET", target)
        self.unix("GET", "/internal/doctor")
        self.call("POST", "/api/sync?force=maybe")

    def bad_templates(self) -> None:
        directory = self.stack.directory / "templates"
        directory.mkdir(exist_ok=True)
        # No participant of the sample data has this status, so templates fail only for the real names.
        each = "{{#each participantsByStatus.SUMMARY}}"
        for text in ("{{#each participants}}{{name}}", each + "{{nothing name}}{{/each}}",
                     each + "{{> (lookup . 'name')}}{{/each}}", each + "{{t name}}{{/each}}"):
            (directory / "course.hbs").write_text(text)
            self.call("POST", "/api/sync")
            (directory / "course.hbs").unlink()
            self.hemera.scenario(templates=[{"id": "t1", "courseId": None, "seminarId": None, "lessonId": None,
                                             "markup": text, "version": 1}])
            self.call("POST", "/api/sync")
            self.hemera.scenario(templates=None)

    def command_line(self) -> None:
        for arguments in (["status"], ["status", "--json"], ["sync"], ["sync", "--json"], ["doctor", "--json"]):
            done = self.stack.cli(*arguments)
            self.replies.append(done.stdout + done.stderr)

    # ---- the output ----

    def said(self) -> dict[str, str]:
        assert self.stack.worker and self.stack.web
        mails = [part for mail in self.smtp.mails for part in (mail.content.decode(), str(mail.message), mail.text)]
        return {
            "journal": self.journal.read_text(),
            "stderr": "\n".join(self.stack.worker.log + self.stack.web.log),
            "mails": "\n".join(mails),
            "items for Rollbar": "\n".join(f"{r.text.decode()}\n{json.dumps(r.item, ensure_ascii=False)}"
                                           for r in self.rollbar.requests),
            "answers": "\n".join(self.replies),
            "manifest": json.dumps(self.stack.manifest, ensure_ascii=False),
        }

    def test_nothing_says_a_secret_or_anything_of_a_participant(self) -> None:
        for part in (self.good_syncs, self.bad_syncs, self.bad_servers, self.bad_callers, self.bad_templates,
                     self.command_line):
            part()
        said = self.said()
        for name, words in (("journal", ("AITHER_ERROR_CODE=", "HEMERA_AUTH_FAILED")), ("answers", ("aither_sync_",)),
                            ("mails", ("succeed again", "HEMERA_BAD_DATA", "test mail")),
                            ("items for Rollbar", ("HEMERA_BAD_DATA", "HEMERA_AUTH_FAILED"))):
            for word in words:
                self.assertTrue(word in said[name], f"the run did not do what it should: no {word} in {name}")
        for event in ("SYNC_DONE", "SYNC_FAILED", "KEY_REFUSED", "ALERT_SENT", "NOTIFY_FAILED", "AUTH_REFUSED"):
            self.assertTrue(self.events(event), event)
        encoded = [base64.b64encode(s.encode()).decode().rstrip("=") for s in (PASSWORD, f"\0{USER}\0{PASSWORD}")]
        for name, text in said.items():
            for secret in (*SECRETS, self.hemera.key, *encoded, *NAMES):
                at = text.lower().find(secret.lower())
                self.assertEqual(at, -1, f"{name}: {text[max(0, at - 200):at + 100]!r}")


if __name__ == "__main__":
    unittest.main()
