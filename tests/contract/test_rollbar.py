# SPDX-License-Identifier: MIT
"""Rollbar on the real stack, over HTTPS: which syncs are reported, how a refused item is handled, and that no sync fails or
waits because of Rollbar."""
import time
import unittest
import uuid
from typing import Any

import exposition
from stack import Stack, StackTest, wait_until
from stub.certificates import Authority
from stub.client import Stub
from stub.rollbar_stub import DROP, HANG, Request, RollbarStub

TOKEN, SYNC_TOKEN = "rollbar-token-0123456789abcdef", "a-sync-token-of-good-length"
OTHER_KEY = "another-key-another-key-another-key-1"
LIMITED = (429, {"X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Remaining-Seconds": "2"})
QUICK_S = 5  # a sync with the stub takes 0.1 s; a try that Rollbar does not answer takes 3 s, all tries 10 s
STOP_S = 3   # two seconds, plus the end of the process


class RollbarTest(StackTest):
    """A stack that reports all levels to a stub."""

    rollbar_lines = "Enabled=yes\nLevel=info\n"

    @classmethod
    def setUpClass(cls) -> None:
        cls.ca = Authority.of_test(cls)
        cls.tls = cls.ca.context()

    def setUp(self) -> None:
        self.rollbar = RollbarStub(self.tls, TOKEN)
        self.addCleanup(self.rollbar.close)
        self.hemera = Stub(*self.hemera_arguments)
        self.addCleanup(self.hemera.stop)
        lines = f"{self.config}[Rollbar]\nEndpoint={self.rollbar.url}\n{self.rollbar_lines}"
        secrets = {"ROLLBAR_SERVER_TOKEN": TOKEN, "SSL_CERT_FILE": str(self.ca.file)}
        self.stack = Stack(self.hemera, lines, secrets | self.environment)
        self.addCleanup(self._stop_stack)
        self.stack.start()

    def _stop_stack(self) -> None:
        super()._stop_stack()
        self.assertEqual(self.rollbar.problems(), [])

    def failing_sync(self) -> Any:
        self.hemera.scenario(key=OTHER_KEY)
        reply = self.stack.post("/api/sync")
        self.assertEqual((reply.status, reply.code), (502, "HEMERA_AUTH_FAILED"))
        return reply.data

    def counted(self, result: str) -> int:
        metrics = exposition.read(self.stack.request("GET", "/metrics", over_unix_socket=True).text)
        return int(metrics[f'aither_notifications_total{{channel="rollbar",result="{result}"}}'])

    def wait_for_count(self, result: str, count: int) -> None:
        wait_until(lambda: self.counted(result) >= count, f"{count} items {result}")
        self.assertEqual(self.counted(result), count)


class Items(RollbarTest):
    def test_a_sync_that_succeeds_is_an_info(self) -> None:
        report = self.sync()
        item = self.rollbar.wait_for(1)[0].data
        self.assertEqual((item["level"], item["environment"], item["fingerprint"]), ("info", "production", "sync-done"))
        self.assertEqual(list(item["body"]), ["message"])
        self.assertEqual(item["custom"]["jobId"], report["jobId"])
        for member in ("filesGenerated", "coursesFetched", "durationMs", "status", "startTime", "endTime"):
            self.assertEqual(item["custom"][member], report[member])
        self.assertLess(abs(item["timestamp"] - time.time()), 60)

    def test_a_partial_one_is_a_warning(self) -> None:
        self.hemera.scenario(add={"id": "cbad", "title": "Ohne Stufe", "level": "EXPERT"})
        self.assertEqual(self.sync()["status"], "partial")
        item = self.rollbar.wait_for(1)[0].data
        self.assertEqual((item["level"], item["fingerprint"]), ("warning", "partial-HEMERA_BAD_DATA"))
        self.assertEqual([e["entity"] for e in item["custom"]["errors"]], ["course cbad"])

    def test_a_failed_one_is_an_error_with_its_code_as_class(self) -> None:
        report = self.failing_sync()
        item = self.rollbar.wait_for(1)[0].data
        self.assertEqual((item["level"], item["fingerprint"]), ("error", "sync-HEMERA_AUTH_FAILED"))
        trace = item["body"]["trace"]
        self.assertEqual(trace["exception"]["class"], "HEMERA_AUTH_FAILED")
        self.assertTrue(item["title"].startswith("sync failed: "))
        self.assertEqual(item["custom"]["errors"], report["errors"])
        self.assertEqual(item["custom"]["consecutiveFailures"], 1)

    def test_a_damaged_manifest_is_a_warning_of_its_own(self) -> None:
        self.sync()
        (self.stack.output / ".sync-manifest.json").write_text("{")
        self.sync()
        items = [r.data for r in self.rollbar.wait_for(3)]
        self.assertEqual([(i["level"], i["fingerprint"]) for i in items],
                         [("info", "sync-done"), ("warning", "manifest-damaged"), ("info", "sync-done")])


class Levels(RollbarTest):
    rollbar_lines = "Enabled=yes\nEnvironment=staging\n"

    def test_by_default_syncs_that_succeed_are_not_sent(self) -> None:
        self.sync()
        self.hemera.scenario(add={"id": "cbad", "title": "Ohne Stufe", "level": "EXPERT"})
        self.sync()
        self.failing_sync()
        items = [r.data for r in self.rollbar.wait_for(2)]
        self.assertEqual([(i["level"], i["environment"]) for i in items], [("warning", "staging"), ("error", "staging")])
        self.wait_for_count("sent", 2)


class ErrorsOnly(RollbarTest):
    rollbar_lines = "Enabled=yes\nLevel=error\n"

    def test_warnings_are_not_sent(self) -> None:
        self.hemera.scenario(add={"id": "cbad", "title": "Ohne Stufe", "level": "EXPERT"})
        self.sync()
        self.failing_sync()
        self.assertEqual(self.rollbar.wait_for(1)[0].data["level"], "error")
        self.wait_for_count("sent", 1)


class Off(RollbarTest):
    rollbar_lines = "Level=info\n"

    def test_nothing_is_sent_unless_it_is_enabled(self) -> None:
        self.sync()
        self.failing_sync()
        reply = self.stack.request("POST", "/internal/test-rollbar", over_unix_socket=True)
        self.assertEqual((reply.status, reply.code), (503, "NOT_CONFIGURED"))
        self.assertIn("Enabled=yes", reply.json["error"]["message"])
        self.assertEqual(self.rollbar.requests, [])


class NoToken(RollbarTest):
    environment = {"ROLLBAR_SERVER_TOKEN": ""}

    def test_nothing_is_sent_without_a_token(self) -> None:
        self.stack.post("/api/sync")
        reply = self.stack.request("POST", "/internal/test-rollbar", over_unix_socket=True)
        self.assertEqual((reply.status, reply.code), (503, "NOT_CONFIGURED"))
        self.assertIn("rollbar-token", reply.json["error"]["message"])
        self.assertEqual(self.rollbar.requests, [])


class Trouble(RollbarTest):
    def assert_same_item(self, requests: list[Request]) -> None:
        self.assertEqual(len({r.text for r in requests}), 1)
        self.assertEqual(len(self.rollbar.taken()), 1)

    def test_what_may_pass_is_tried_again_with_the_same_uuid(self) -> None:
        self.rollbar.answer(500, DROP)
        self.sync()
        self.assert_same_item(self.rollbar.wait_for(3))
        self.wait_for_count("sent", 1)
        self.assertEqual(self.counted("failed"), 0)
        self.assertEqual(self.log("Rollbar"), [])

    def test_after_three_tries_it_is_given_up_with_a_line_in_the_journal(self) -> None:
        self.rollbar.answer(500, 503, 502)
        report = self.sync()
        self.assert_same_item(self.rollbar.wait_for(3))
        self.wait_for_count("failed", 1)
        self.assert_logged("item for Rollbar lost: Rollbar fails with status 502")
        self.assertEqual(self.stack.get("/api/sync/status").data["jobId"], report["jobId"])

    def test_what_is_refused_is_not_sent_again(self) -> None:
        for count, status in enumerate((413, 422, 401, 400), 1):
            with self.subTest(status):
                self.rollbar.answer(status)
                self.sync()
                self.wait_for_count("failed", count)
                self.assertEqual(len(self.rollbar.requests), count)
                self.assert_logged(f"status {status}")

    def test_while_the_rate_limit_is_used_up_nothing_is_sent(self) -> None:
        self.rollbar.answer(LIMITED)
        self.sync()
        self.wait_for_count("dropped", 1)
        refused = self.rollbar.wait_for(1)[0].time
        syncs = 1

        def sync_until_one_is_sent() -> bool:
            nonlocal syncs
            syncs += 1
            self.sync()
            wait_until(lambda: self.counted("dropped") + self.counted("sent") == syncs, "the item is settled")
            return self.counted("sent") == 1

        self.assertFalse(sync_until_one_is_sent())
        self.assertEqual(len(self.rollbar.requests), 1)
        wait_until(sync_until_one_is_sent, "it reopens")
        self.assertGreaterEqual(self.rollbar.requests[1].time - refused, 2)
        self.assert_logged("item for Rollbar dropped", syncs - 1)

    def test_too_many_that_wait_are_dropped_the_oldest_first(self) -> None:
        self.rollbar.answer(HANG, HANG, HANG)  # 10 s, for 22 syncs, which on a busy machine take more than 3 s
        first = self.sync()["jobId"]
        self.rollbar.wait_for(1)
        jobs = [self.sync()["jobId"] for _ in range(22)]
        self.assertEqual(self.counted("failed"), 0, "the first one had an end before the last came")
        self.wait_for_count("dropped", 3)
        self.assert_logged("too many items are waiting", 3)
        self.wait_for_count("sent", 19)
        self.wait_for_count("failed", 1)
        self.assertEqual([item["custom"]["jobId"] for item in self.rollbar.taken()], [first, *jobs[3:]])

    def test_the_end_of_the_worker_does_not_wait_for_it(self) -> None:
        assert self.stack.worker
        self.rollbar.answer(HANG)
        self.sync()
        self.sync()
        self.rollbar.wait_for(1)
        before = time.monotonic()
        self.assertEqual(self.stack.worker.stop(), 0)
        self.assertLess(time.monotonic() - before, STOP_S)
        self.assert_logged("item for Rollbar dropped", 2)

    def test_a_dry_run_is_none_of_its_business(self) -> None:
        self.stack.cli("sync", "--dry-run")
        self.sync()
        self.wait_for_count("sent", 1)
        self.assertEqual(len(self.rollbar.requests), 1)


class Certificates(RollbarTest):
    environment = {"SSL_CERT_FILE": ""}

    def test_nothing_is_sent_to_a_server_that_is_not_trusted(self) -> None:
        self.sync()
        self.wait_for_count("failed", 1)
        self.assertEqual(self.rollbar.requests, [])


class NonFunctionalRequirements(RollbarTest):
    def check(self, syncs: int, answers: list[Any]) -> None:
        self.rollbar.answer(*answers)
        before = time.monotonic()
        self.assertEqual(self.sync()["status"], "success")
        self.assertLess(time.monotonic() - before, QUICK_S)
        wait_until(lambda: self.counted("failed") + self.counted("dropped") == syncs, "Rollbar was tried in vain")

    def test_NFR4_no_sync_fails_or_waits_because_of_rollbar(self) -> None:
        trouble: tuple[list[Any], ...] = ([413], [422], [500, 500, 500], [HANG, HANG, HANG], [DROP, DROP, DROP], [LIMITED])
        for syncs, answers in enumerate(trouble, 1):
            with self.subTest(answers[0]):
                self.check(syncs, answers)
        self.assertEqual(len(self.rollbar.requests), sum(map(len, trouble)))

    def test_NFR4_nor_because_it_is_not_there(self) -> None:
        self.rollbar.close()
        self.check(1, [])


class Test(RollbarTest):
    def test_an_item_can_be_sent_on_purpose(self) -> None:
        reply = self.stack.request("POST", "/internal/test-rollbar", over_unix_socket=True)
        self.assertEqual(reply.status, 200, reply.text)
        item = self.rollbar.wait_for(1)[0].data
        self.assertEqual(reply.data, {"uuid": item["uuid"], "endpoint": self.rollbar.url})
        self.assertEqual(uuid.UUID(item["uuid"]).version, 4)
        self.assertIn("test", item["title"])
        self.assertEqual(self.counted("sent"), 1)

    def test_too_many_in_a_short_time_are_refused(self) -> None:
        replies = [self.stack.request("POST", "/internal/test-rollbar", over_unix_socket=True) for _ in range(20)]
        self.assertEqual([reply.status for reply in replies[:5]], [200] * 5)
        refused = next(reply for reply in replies if reply.status != 200)
        self.assertEqual((refused.status, refused.code), (429, "TOO_MANY_REQUESTS"))
        self.assertIn(int(refused.headers["Retry-After"]), range(1, 31))

    def test_the_reason_of_a_refusal_is_in_the_answer(self) -> None:
        self.rollbar.answer(401)
        reply = self.stack.request("POST", "/internal/test-rollbar", over_unix_socket=True)
        self.assertEqual((reply.status, reply.code), (502, "NOTIFY_FAILED"))
        self.assertIn("aither set-secret rollbar-token", reply.json["error"]["message"])
        self.assertNotIn(TOKEN, reply.text)


class Metrics(RollbarTest):
    environment = {"AITHER_SYNC_TOKEN": SYNC_TOKEN}

    def metric(self, name: str) -> float:
        return exposition.read(self.stack.get("/metrics", Authorization=f"Bearer {SYNC_TOKEN}").text)[name]

    def test_aither_web_tells_what_became_of_an_item_after_its_sync(self) -> None:
        self.rollbar.answer(HANG)
        self.assertEqual(self.stack.request("POST", "/api/sync", over_unix_socket=True).status, 200)
        self.rollbar.wait_for(1)
        self.assertEqual(self.metric("aither_notifications_pending"), 1)
        self.wait_for_count("sent", 1)
        self.assertEqual(self.metric('aither_notifications_total{channel="rollbar",result="sent"}'), 1)
        self.assertEqual(self.metric("aither_notifications_pending"), 0)


if __name__ == "__main__":
    unittest.main()
