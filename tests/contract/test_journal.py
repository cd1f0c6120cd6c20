# SPDX-License-Identifier: MIT
"""The contents of the journal: one event for each sync with all fields needed to find it again, events for everything that
an operator has to know, and nothing that must not be logged."""
import re
import unittest
from typing import Any

from journal import EVENTS, JournalTest
from stack import TOP, wait_until

TOKEN = "a-sync-token-of-good-length"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
NUMBERS = {"AITHER_DURATION_MS": "durationMs", "AITHER_COURSES_FETCHED": "coursesFetched",
           "AITHER_PARTICIPANTS_FETCHED": "participantsFetched", "AITHER_TEMPLATES_FETCHED": "templatesFetched",
           "AITHER_FILES_GENERATED": "filesGenerated", "AITHER_FILES_SKIPPED": "filesSkipped",
           "AITHER_FILES_DELETED": "filesDeleted", "AITHER_COURSES_DEFERRED": "coursesDeferred",
           "AITHER_ERRORS": "errorsTotal"}
SYNC_ENDED = ("SYNC_DONE", "SYNC_FAILED", "KEY_REFUSED")
LIST = "/api/service/courses?"


class Sync(JournalTest):
    config = "MaxRetries=0\n"

    def ended(self) -> list[dict[str, str]]:
        return [entry for entry in self.entries() if entry.get("MESSAGE_ID") in [EVENTS[name] for name in SYNC_ENDED]]

    def run_sync(self, number: int, target: str = "/api/sync") -> tuple[Any, dict[str, str]]:
        """Runs the number-th sync; returns its report and its event, which has the id of the request that started the
        sync."""
        reply = self.stack.request("POST", target, {"X-Request-Id": f"the-request-{number}"})
        ended = self.ended()
        self.assertEqual(len(ended), number, "one event for each")
        event = ended[-1]
        self.assertEqual(event["REQUEST_ID"], f"the-request-{number}")
        self.check(reply.data, event)
        return reply.data, event

    def check(self, report: Any, event: dict[str, str]) -> None:
        self.assertEqual(event["AITHER_JOB_ID"], report["jobId"])
        self.assertEqual(event["AITHER_STATUS"], report["status"])
        self.assertEqual({name: int(event[name]) for name in NUMBERS},
                         {name: report[member] for name, member in NUMBERS.items()})
        self.assertEqual(event.get("AITHER_ERROR_CODES", "").split(),
                         list(dict.fromkeys(error["code"] for error in report["errors"])))

    def test_each_sync_has_one_event_that_says_what_its_report_says(self) -> None:
        report, event = self.run_sync(1)
        self.assertEqual((event["MESSAGE_ID"], event["PRIORITY"]), (EVENTS["SYNC_DONE"], "5"))
        self.assertEqual((report["status"], report["filesGenerated"]), ("success", 3))
        self.assertNotIn("AITHER_ERROR_CODE", event)
        self.run_sync(2)
        self.run_sync(3, "/api/sync?dryRun=1")

    def test_a_failed_sync_has_the_code_of_what_ended_it(self) -> None:
        faults = [({"fault": {"path": LIST, "kind": "reset", "count": -1}}, "SYNC_FAILED", "HEMERA_UNREACHABLE"),
                  ({"key": "another-key-another-key-another-key-1"}, "KEY_REFUSED", "HEMERA_AUTH_FAILED")]
        for number, (fault, name, code) in enumerate(faults, 1):
            self.hemera.reset()
            self.hemera.scenario(**fault)
            _, event = self.run_sync(number)
            self.assertEqual((event["MESSAGE_ID"], event["PRIORITY"]), (EVENTS[name], "3"))
            self.assertEqual((event["AITHER_STATUS"], event["AITHER_ERROR_CODE"]), ("failed", code))

    def test_what_a_partial_sync_could_not_use_is_warned_of_with_its_job(self) -> None:
        self.run_sync(1)
        rows = [e["course"] for e in self.stack.manifest["entities"]["courses"].values()]
        rows[0] = dict(rows[0], level="EXPERT")
        self.hemera.scenario(replace_list=rows, templates=[{
            "id": "t9", "courseId": None, "seminarId": None, "lessonId": None, "markup": "{{#if x}}", "version": 1}])
        report, event = self.run_sync(2)
        self.assertEqual((event["MESSAGE_ID"], event["AITHER_STATUS"]), (EVENTS["SYNC_DONE"], "partial"))
        warnings = [e for e in self.entries() if e["PRIORITY"] == "4" and e.get("AITHER_JOB_ID") == report["jobId"]]
        self.assertEqual(sorted(w["AITHER_ERROR_CODE"] for w in warnings), ["HEMERA_BAD_DATA", "TEMPLATE_ERROR"])
        self.assertEqual(sorted(event["AITHER_ERROR_CODES"].split()), ["HEMERA_BAD_DATA", "TEMPLATE_ERROR"])

    def test_a_sync_of_the_command_line_has_an_event_too(self) -> None:
        done = self.stack.cli("sync")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(self.event("SYNC_DONE")["REQUEST_ID"])

    def test_the_timers_command_does_not_repeat_in_the_journal_what_the_worker_has_logged(self) -> None:
        done = self.stack.cli("sync", "--until-complete")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        self.hemera.scenario(fault={"path": LIST, "kind": "status", "status": 403, "count": -1})
        for _ in range(3):  # a run and its two retries, so that the next run has none
            self.assertIn("HEMERA_ERROR", self.stack.cli("sync").stderr)
        done = self.stack.cli("sync", "--until-complete")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (1, "", ""))
        self.assertEqual(len(self.events("SYNC_FAILED")), 4)
        assert self.stack.worker
        self.stack.worker.stop()
        done = self.stack.cli("sync", "--until-complete")
        self.assertEqual(done.returncode, 69)
        self.assertIn("aither: cannot reach", done.stderr)


class Events(JournalTest):
    hemera_arguments = ("--courses", "20", "--participants", "2", "--no-limit")
    environment = {"AITHER_SYNC_TOKEN": TOKEN}

    def test_a_wrong_token_is_logged_with_its_address(self) -> None:
        for headers in ({}, BEARER):
            self.stack.request("POST", "/api/sync", headers)
        self.assertEqual(self.events("AUTH_REFUSED"), [])
        self.stack.request("POST", "/api/sync", {"Authorization": "Bearer wrong", "X-Request-Id": "guess"})
        event = self.event("AUTH_REFUSED")
        self.assertEqual((event["AITHER_REMOTE_ADDR"], event["REQUEST_ID"]), ("127.0.0.1", "guess"))
        self.assertEqual(event["MESSAGE"], "a wrong token from 127.0.0.1: POST /api/sync")

    def test_a_flood_of_wrong_tokens_does_not_fill_the_journal(self) -> None:
        for _ in range(100):
            self.stack.request("GET", "/metrics", {"Authorization": "Bearer wrong"})
        found = re.search(r"#define AUTH_LOGGED_PER_MINUTE (\d+)", (TOP / "src/web/auth.h").read_text())
        assert found
        # A new minute may begin meanwhile.
        self.assertIn(len(self.events("AUTH_REFUSED")), (int(found[1]), 2 * int(found[1])))

    def test_a_damaged_manifest_and_a_refused_removal_have_events(self) -> None:
        self.sync(**BEARER)
        rows = [e["course"] for e in self.stack.manifest["entities"]["courses"].values()]
        self.hemera.scenario(replace_list=rows[:2])
        report = self.sync(**BEARER)
        self.assertEqual(self.event("MASS_DELETE_REFUSED")["AITHER_JOB_ID"], report["jobId"])
        (self.stack.output / ".sync-manifest.json").write_text("{")
        self.stack.post("/api/sync?dryRun=1", **BEARER)
        self.assertNotIn("keeps the old one", self.event("MANIFEST_DAMAGED")["MESSAGE"])
        self.assertFalse((self.stack.output / ".sync-manifest.json.bad").exists())
        self.sync(**BEARER)
        wait_until(lambda: "keeps the old one as .sync-manifest.json.bad" in self.event("MANIFEST_DAMAGED")["MESSAGE"],
                   "an event")

    def test_a_mistake_in_the_configuration_is_an_event(self) -> None:
        assert self.stack.worker
        self.stack.worker.stop()
        with self.stack.config.open("a") as config:
            config.write("[Sync]\nTimeLimitSec=never\n")
        self.stack.start_worker()
        self.assertIn("TimeLimitSec", self.event("NOT_CONFIGURED")["MESSAGE"])


if __name__ == "__main__":
    unittest.main()
