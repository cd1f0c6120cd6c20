# SPDX-License-Identifier: MIT
"""Failures at Hemera or on the disk: the code and status of the answer, the pages that stay published, and a worker that
keeps running."""
import os
import time
import unittest

from stack import StackTest

LIST = "/api/service/courses?"
DETAIL = "^/api/service/courses/c"


class HemeraFailures(StackTest):
    config = "ConnectTimeoutSec=2\nRequestTimeoutSec=5\nMaxRetries=1\n"

    # name, scenario, expected status, expected code; more of them in test_hemera_faults.py
    FAULTS = [
        ("wrong key", {"key": "another-key-another-key-another-key-1"}, 502, "HEMERA_AUTH_FAILED"),
        ("html page with status 404", {"fault": {"path": LIST, "kind": "html", "status": 404, "count": -1}},
         502, "HEMERA_ERROR"),
        ("broken json", {"raw_list": {"body": "{\"success\":true,\"data\":[", "content_type": "application/json"}},
         502, "HEMERA_BAD_DATA"),
        ("not an envelope", {"raw_list": {"body": "[]", "content_type": "application/json"}},
         502, "HEMERA_BAD_DATA"),
        ("status 503", {"fault": {"path": LIST, "kind": "status", "status": 503, "count": -1}},
         502, "HEMERA_ERROR"),
        ("connection reset", {"fault": {"path": LIST, "kind": "reset", "count": -1}}, 502, "HEMERA_UNREACHABLE"),
    ]

    def test_each_fault_has_its_code_and_nothing_published_changes(self) -> None:
        self.sync()
        before = self.stack.stamps()
        for failures, (name, scenario, status, code) in enumerate(self.FAULTS, 1):
            with self.subTest(name):
                self.hemera.scenario(**scenario)
                reply = self.stack.post("/api/sync")
                self.assertEqual((reply.status, reply.code), (status, code), reply.text)
                self.assertIsNone(reply.headers["Retry-After"])
                self.assertEqual(reply.data["status"], "failed")
                self.assertEqual(reply.data["errors"][0]["code"], code)
                self.assertEqual(self.stack.stamps(), before)
                report = self.stack.get("/api/sync/status").data
                self.assertEqual(report["consecutiveFailures"], failures)
                self.assertNotIn(self.hemera.key, reply.text)
            self.hemera.reset()
        self.assertEqual(self.sync()["filesGenerated"], 0)
        self.assertEqual(self.stack.get("/api/sync/status").data["consecutiveFailures"], 0)
        assert self.stack.worker
        self.assertNotIn(self.hemera.key, "\n".join(self.stack.worker.log))

    def test_a_used_up_rate_limit_says_when_to_come_back(self) -> None:
        self.hemera.scenario(limit=20, window=60, used=20)
        reply = self.stack.post("/api/sync")
        self.assertEqual((reply.status, reply.code), (503, "HEMERA_RATE_LIMITED"))
        self.assertTrue(1 <= int(reply.headers["Retry-After"]) <= 60)
        self.assertEqual(reply.data["retryAfterSec"], int(reply.headers["Retry-After"]))
        asked = len(self.hemera.requests())
        self.assertEqual(self.stack.post("/api/sync").code, "HEMERA_RATE_LIMITED")
        self.assertEqual(len(self.hemera.requests()), asked, "nothing is asked before that")

    def test_a_hemera_that_is_down_is_detected_within_five_seconds(self) -> None:
        self.hemera.stop()
        before = time.monotonic()
        self.assertEqual(self.stack.post("/api/sync").code, "HEMERA_UNREACHABLE")
        self.assertLess(time.monotonic() - before, 5)

    def test_a_failure_that_passes_is_not_seen(self) -> None:
        self.hemera.scenario(fault=[{"path": LIST, "kind": "status", "status": 503, "count": 1},
                                    {"path": DETAIL, "kind": "reset", "count": 1}])
        self.assertEqual(self.sync()["status"], "success")

    def test_a_detail_that_fails_costs_one_course(self) -> None:
        self.hemera.scenario(fault={"path": "^/api/service/courses/cgen0*1$", "kind": "status", "status": 500,
                                    "count": -1})
        report = self.sync()
        self.assertEqual((report["status"], len(report["errors"])), ("partial", 1))
        self.assertEqual(len(self.stack.pages()), 3, "it is published from its list row at least")

    def test_a_bad_row_costs_one_course_and_keeps_its_page(self) -> None:
        self.sync()
        rows = [e["course"] for e in self.stack.manifest["entities"]["courses"].values()]
        rows[0] = dict(rows[0], level="EXPERT", title="Schlecht")
        rows[1] = dict(rows[1], title="Gut")
        before = self.stack.pages()
        self.hemera.scenario(replace_list=rows)
        report = self.sync()
        self.assertEqual(report["status"], "partial")
        self.assertIn("level", report["errors"][0]["message"])
        self.assertEqual(report["filesDeleted"], 0)
        self.assertEqual(set(self.stack.pages()), set(before))
        self.assertIn("Gut", self.stack.get("/").text)


class Templates(StackTest):
    def test_a_partial_that_calls_itself_inside_of_blocks_costs_itself_alone(self) -> None:
        self.assertEqual(self.sync()["status"], "success")
        before = self.stack.pages()
        partial = self.stack.directory / "templates/participant.hbs"
        partial.parent.mkdir()
        for block in ("each @root.participants", "with @root.course", "if @root.participants"):
            with self.subTest(block):
                partial.write_text(f"{{{{#{block}}}}}" * 24 + "\n  {{> participant}}\n"
                                   + f"{{{{/{block.split()[0]}}}}}" * 24)
                report = self.sync()
                self.assertEqual((report["status"], report["errorsTotal"]), ("partial", 1))
                self.assertEqual((report["errors"][0]["entity"], report["errors"][0]["code"]),
                                 (str(partial), "TEMPLATE_ERROR"))
                self.assertIn("nested blocks and partials", report["errors"][0]["message"])
                self.assertEqual(self.stack.pages(), before)
                (self.stack.directory / "data.json").write_text('{"course":{"id":"c"},"participants":[{"name":"A"}]}')
                done = self.stack.cli("render", f"--template={partial}", f"--partials={partial.parent}",
                                      f"--data={self.stack.directory / 'data.json'}")
                self.assertEqual((done.returncode, done.stdout), (65, ""))
                self.assertIn("nested blocks and partials", done.stderr)

    def test_the_participations_list_saves_the_details(self) -> None:
        self.hemera.scenario(participations=True)
        report = self.sync()
        self.assertEqual(report["participantsFetched"], 6)
        self.assertEqual([r for r in self.hemera.requests() if r["path"].startswith("/api/service/courses/")], [])


class Names(StackTest):
    SLUGS = ["../../escape", "/etc/passwd", "..", ".hidden", "a/b", "a\\b", "x\u0000y", "", "con trol", "a" * 400,
             "course-0123456789abcdef", "%2e%2e%2f", "gut"]

    def test_hostile_slugs_stay_inside_the_output_directory(self) -> None:
        rows = [{"id": f"chostile{n:017d}", "title": f"Kurs {n}", "slug": slug.replace("\0", ""), "level": "BEGINNER",
                 "startDate": None, "endDate": None, "participantCount": 0} for n, slug in enumerate(self.SLUGS)]
        self.hemera.scenario(replace_list=rows)
        report = self.sync()
        self.assertEqual(report["filesGenerated"], len(rows), report["errors"])
        self.assertEqual(len(self.stack.pages()), len(rows))
        for name in self.stack.pages():
            self.assertRegex(name, r"^(gut|xy|course-[0-9a-f]{16})\.html$")
        outside = {p.name for p in self.stack.directory.iterdir()}
        self.assertEqual(outside, {"output", "aither.conf", "worker.sock", "web.sock"})


class Removal(StackTest):
    def test_the_page_of_a_removed_course_leaves(self) -> None:
        self.sync()
        gone, entry = sorted(self.stack.manifest["entities"]["courses"].items())[0]
        self.hemera.scenario(remove=gone)
        self.assertEqual(self.sync()["filesDeleted"], 1)
        self.assertFalse((self.stack.output / entry["outputPath"]).exists())
        self.assertEqual(len(self.stack.pages()), 2)

    def test_a_deleted_or_truncated_page_is_made_again(self) -> None:
        self.sync()
        before = self.stack.pages()
        first, second, third = sorted((self.stack.output / "courses").glob("*.html"))
        first.unlink()
        second.write_text("")
        third.unlink()
        third.symlink_to("/etc/hostname")
        self.assertEqual(self.sync()["filesGenerated"], 3)
        self.assertEqual(set(self.stack.pages()), set(before))
        self.assertFalse(third.is_symlink())
        self.assertFalse(any(p.stat().st_size == 0 for p in (first, second, third)))


class MassDeletion(StackTest):
    hemera_arguments = ("--courses", "30", "--no-limit")

    def test_losing_most_courses_at_once_is_refused_until_forced(self) -> None:
        self.sync()
        ids = sorted(self.stack.manifest["entities"]["courses"])
        self.hemera.scenario(remove=ids[:20])
        report = self.sync()
        self.assertEqual((report["status"], report["filesDeleted"]), ("partial", 0))
        self.assertEqual(report["errors"][0]["code"], "MASS_DELETE_REFUSED")
        self.assertEqual(len(self.stack.pages()), 30)
        forced = self.stack.cli("sync", "--force")
        self.assertEqual(forced.returncode, 0, forced.stderr)
        self.assertEqual(len(self.stack.pages()), 10)


class Output(StackTest):
    def test_an_output_directory_that_cannot_be_made_is_an_output_error(self) -> None:
        self.stack.output.write_text("a file where a directory should be")
        reply = self.stack.post("/api/sync")
        self.assertEqual((reply.status, reply.code), (500, "OUTPUT_ERROR"))
        self.assertIn(str(self.stack.output), reply.json["error"]["message"])
        os.unlink(self.stack.output)
        self.assertEqual(self.sync()["filesGenerated"], 3)


if __name__ == "__main__":
    unittest.main()
