# SPDX-License-Identifier: MIT
"""Every call of the API over TCP with all of its answers, and every error code with its status: everything that a caller may
rely on."""
import time
import unittest
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from attack import WebTest
from stack import Reply, StackTest, wait_until

TOKEN = "a-sync-token-of-good-length"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
LIST = "/api/service/courses?"
COUNTS = ("coursesFetched", "participantsFetched", "templatesFetched", "filesGenerated", "filesSkipped", "filesDeleted",
          "coursesDeferred", "retryAfterSec", "durationMs", "errorsTotal")


class TableTest(StackTest):
    environment = {"AITHER_SYNC_TOKEN": TOKEN}
    config = "MaxRetries=0\nConnectTimeoutSec=2\nRequestTimeoutSec=2\n"

    def call(self, method: str, target: str, **headers: str) -> Reply:
        return self.stack.request(method, target, BEARER | {k.replace("_", "-"): v for k, v in headers.items()})

    def assert_envelope(self, reply: Reply, code: str | None = None) -> None:
        """The reply has exactly the members of the contract. No code means success."""
        body = reply.json
        self.assertEqual(reply.headers["Content-Type"], "application/json")
        self.assertEqual(reply.headers["Cache-Control"], "no-store")
        self.assertEqual(body["success"], code is None)
        self.assertEqual(set(body["meta"]), {"requestId", "timestamp", "version"})
        self.assertEqual(body["meta"]["version"], "1.0")
        self.assertEqual(body["meta"]["requestId"], reply.headers["X-Request-Id"])
        self.assertRegex(body["meta"]["timestamp"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        if code:
            self.assertEqual(body["error"]["code"], code)
            self.assertEqual(set(body["error"]), {"code", "message"})
            self.assertTrue(body["error"]["message"])
            self.assertLessEqual(set(body), {"success", "error", "meta", "data"})
        else:
            self.assertEqual(set(body), {"success", "data", "meta"})

    def assert_report(self, report: Any) -> None:
        uuid.UUID(report["jobId"])
        self.assertIn(report["status"], ("running", "success", "partial", "failed"))
        for count in COUNTS:
            self.assertIsInstance(report[count], int, count)
        self.assertIsInstance(report["homepageChanged"], bool)
        self.assertIsInstance(report["noUpcomingCourse"], bool)
        self.assertIsInstance(report["errors"], list)
        for member in ("startTime", "endTime", "courseId"):
            self.assertIn(member, report)

    def hold_hemera(self) -> None:
        self.hemera.clear_requests()
        self.hemera.scenario(fault={"path": LIST, "kind": "delay", "seconds": 1.5, "count": 1})

    def wait_for_hemera(self) -> None:
        wait_until(lambda: self.hemera.requests("/api/service/courses"), "the sync asks Hemera")


class Calls(TableTest):
    def test_post_sync_answers_with_the_report_when_it_has_ended(self) -> None:
        reply = self.call("POST", "/api/sync")
        self.assertEqual(reply.status, 200)
        self.assert_envelope(reply)
        self.assert_report(reply.data)
        self.assertEqual(reply.data["status"], "success")
        for phase in ("fetch", "render", "publish"):
            self.assertRegex(reply.headers["Server-Timing"], rf"\b{phase};dur=\d")

    def test_post_sync_without_waiting(self) -> None:
        self.hold_hemera()
        reply = self.call("POST", "/api/sync", Prefer="respond-async")
        self.assertEqual((reply.status, reply.headers["Location"]), (202, "/api/sync/status"))
        self.assertEqual(reply.headers["Preference-Applied"], "respond-async")
        self.assert_envelope(reply)
        self.assertEqual(reply.data["status"], "running")
        self.wait_for_hemera()
        for target in ("/api/sync", "/api/sync/status"):
            running = self.call("GET", target)
            self.assertEqual((running.status, running.data["jobId"], running.data["status"]),
                             (200, reply.data["jobId"], "running"))
            self.assertIn("phase", running.data["progress"])
        wait_until(lambda: self.call("GET", "/api/sync").data["status"] == "success", "the sync ends")

    def test_a_partial_sync_is_a_200_too(self) -> None:
        self.hemera.scenario(fault={"path": "^/api/service/courses/c", "kind": "status", "status": 500, "count": 1})
        reply = self.call("POST", "/api/sync")
        self.assertEqual((reply.status, reply.data["status"], reply.data["errorsTotal"]), (200, "partial", 1))
        self.assertEqual(set(reply.data["errors"][0]), {"entity", "code", "message", "timestamp"})

    def test_one_sync_at_a_time(self) -> None:
        self.hold_hemera()
        with ThreadPoolExecutor(1) as caller:
            first = caller.submit(self.call, "POST", "/api/sync")
            self.wait_for_hemera()
            second = self.call("POST", "/api/sync")
            self.assertEqual(second.status, 409)
            self.assert_envelope(second, "SYNC_IN_PROGRESS")
            self.assertGreater(int(second.headers["Retry-After"]), 0)
            self.assertEqual(first.result().status, 200)

    def test_status_after_a_sync_and_before(self) -> None:
        for target in ("/api/sync", "/api/sync/status"):
            reply = self.call("GET", target)
            self.assertEqual(reply.status, 404)
            self.assert_envelope(reply, "NO_SYNC_JOB")
        report = self.call("POST", "/api/sync").data
        for target in ("/api/sync", "/api/sync/status"):
            reply = self.call("GET", target)
            self.assertEqual(reply.status, 200)
            self.assert_envelope(reply)
            self.assert_report(reply.data)
            self.assertEqual((reply.data["jobId"], reply.data["consecutiveFailures"]), (report["jobId"], 0))
            self.assertTrue(reply.data["lastSuccessTime"])

    def test_force_and_dry_run_are_switches(self) -> None:
        for query in ("force=0", "dryRun=1", "dryRun=0", "force=0&dryRun=1"):
            self.assertEqual(self.call("POST", f"/api/sync?{query}").status, 200, query)
        for query in ("force=1", "force=1&dryRun=1"):
            self.assert_envelope(self.call("POST", f"/api/sync?{query}"), "FORBIDDEN")
        for query in ("force=2", "force=", "force", "force=yes", "dryRun=true", "force=1%00", "force=%31%31"):
            with self.subTest(query):
                reply = self.call("POST", f"/api/sync?{query}")
                self.assertEqual(reply.status, 400)
                self.assert_envelope(reply, "BAD_REQUEST")

    def test_a_misspelt_parameter_runs_nothing(self) -> None:
        for query, message in (("dryrun=1", 'unknown query parameter "dryrun"; this call accepts dryRun, force'),
                               ("dryRun=1&x=1", 'unknown query parameter "x"; this call accepts dryRun, force'),
                               ("dryRun=1&dryRun=0", 'query parameter "dryRun" is given twice')):
            with self.subTest(query):
                reply = self.call("POST", f"/api/sync?{query}")
                self.assertEqual(reply.status, 400)
                self.assert_envelope(reply, "BAD_REQUEST")
                self.assertEqual(reply.json["error"]["message"], message)
        for target in ("/api/sync?dryrun=1", "/internal/refresh?now=1", "/internal/test-mail?to=me"):
            self.assertEqual(self.stack.request("POST", target, over_unix_socket=True).status, 400, target)
        self.assertEqual(self.hemera.requests(), [])
        for method, path in (("GET", "/api/sync"), ("GET", "/api/sync/status"), ("GET", "/metrics")):
            self.assertEqual(self.call(method, f"{path}?lang=de").status, 400, path)
        self.assertEqual(self.call("GET", "/healthz?probe=1").status, 200)

    def test_pages(self) -> None:
        self.call("POST", "/api/sync")
        name = next(iter(self.stack.pages()))
        for target in ("/", f"/courses/{name}", f"/courses/{name.removesuffix('.html')}"):
            reply = self.call("GET", target)
            self.assertEqual((reply.status, reply.headers["Content-Type"]), (200, "text/html; charset=utf-8"))
            self.assertTrue(reply.headers["Content-Language"])
            self.assertTrue(reply.headers["X-Request-Id"])
        private = self.stack.get(f"/courses/{name}")
        self.assertEqual(private.status, 401)
        self.assert_envelope(private, "UNAUTHORIZED")
        challenges = private.headers.get_all("WWW-Authenticate")
        self.assertEqual([c.split()[0] for c in challenges], ["Bearer", "Basic"])
        # Without the token, a name that does not exist gets the same answer.
        self.assertEqual(self.stack.get("/courses/nothing").status, 401)
        self.assertEqual(self.stack.get(f"/courses/{name}", Accept="text/html").headers["Content-Type"],
                         "text/html; charset=utf-8")

    def test_health_and_readiness(self) -> None:
        for target, status in (("/healthz", 200), ("/readyz", 503)):
            reply = self.stack.get(target)
            self.assertEqual((reply.status, reply.headers["Content-Type"]), (status, "application/health+json"))
            self.assertEqual(reply.json["status"], "pass" if status == 200 else "fail")
        self.call("POST", "/api/sync")
        self.assertEqual(self.stack.get("/readyz").status, 200)

    def test_readiness_ends_two_days_after_the_last_success(self) -> None:
        self.call("POST", "/api/sync")
        assert self.stack.worker
        self.assertEqual(self.stack.worker.stop(), 0)
        days_ago = 1000 * round(time.time() - 3 * 24 * 3600)
        self.stack.edit_state(dataMs=days_ago)
        self.assertEqual(self.stack.get("/readyz").status, 200, "a sync has succeeded that changed nothing")
        self.stack.edit_state(lastSuccessMs=days_ago)
        reply = self.stack.get("/readyz")
        self.assertEqual((reply.status, reply.json["status"]), (503, "fail"))
        self.assertIn("older than two days", reply.json["output"])
        self.assertEqual(self.stack.get("/healthz").status, 200)

    def test_every_path_says_which_methods_it_has(self) -> None:
        rows = (("/", {"GET", "HEAD"}), ("/courses/x", {"GET", "HEAD"}), ("/healthz", {"GET", "HEAD"}),
                ("/readyz", {"GET", "HEAD"}), ("/api/sync", {"GET", "HEAD", "POST"}),
                ("/api/sync/status", {"GET", "HEAD"}))
        for target, allowed in rows:
            for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get", "X" * 4000):
                if method in allowed:
                    continue
                with self.subTest(target=target, method=method[:9]):
                    reply = self.call(method, target)
                    self.assertEqual(reply.status, 405)
                    self.assert_envelope(reply, "METHOD_NOT_ALLOWED")
                    self.assertEqual({m.strip() for m in reply.headers["Allow"].split(",")}, allowed)

    def test_only_browsers_get_their_errors_as_pages_and_only_beside_the_api(self) -> None:
        for target in ("/nothing", "/courses/nothing", "/%zz"):
            page = self.call("GET", target, Accept="text/html,*/*;q=0.8")
            self.assertEqual(page.headers["Content-Type"], "text/html; charset=utf-8", target)
            self.assertIn("default-src 'none'", page.headers["Content-Security-Policy"])
            self.assertEqual(self.call("GET", target).headers["Content-Type"], "application/json")
        for target in ("/api/nothing", "/api", "/api/"):
            reply = self.call("GET", target, Accept="text/html")
            self.assertEqual(reply.status, 404)
            self.assert_envelope(reply, "NOT_FOUND")

    def test_a_request_id_is_kept_when_it_is_one(self) -> None:
        for given in ("a", "n-1.2_3~", "x" * 128):
            self.assertEqual(self.call("GET", "/api/sync", X_Request_Id=given).json["meta"]["requestId"], given)
        for given in ("", "x" * 129, "a b", "\xe4", "a\tb"):
            made = self.call("GET", "/api/sync", X_Request_Id=given).json["meta"]["requestId"]
            self.assertNotEqual(made, given)
            uuid.UUID(made)

    def test_calls_of_the_unix_socket_are_not_there(self) -> None:
        for method, target in (
                ("POST", "/internal/refresh"), ("GET", "/internal/doctor"), ("POST", "/internal/test-mail"),
                ("POST", "/internal/test-rollbar"), ("GET", "/internal"), ("POST", "/api/../internal/refresh"),
                ("POST", "/api/sync/../../internal/refresh"), ("POST", "/api/sync%2f..%2finternal")):
            with self.subTest(target):
                self.assertIn(self.call(method, target).status, (400, 404))
        self.assertEqual(self.hemera.requests(), [])


class Codes(TableTest):
    """The other codes need a particular state: NO_SYNC_JOB and SYNC_IN_PROGRESS above, HEMERA_* and OUTPUT_ERROR in
    test_failures.py and test_hemera_faults.py, 507 in test_disturbed_syncs.py, WORKER_UNAVAILABLE in test_abuse_worker.py,
    SHUTTING_DOWN in test_lifecycle.py, NOT_CONFIGURED and SYNC_TOKEN_NOT_SET below."""

    def test_calls_that_never_get_to_the_worker(self) -> None:
        for code, status, method, target, headers, body in (
                ("UNAUTHORIZED", 401, "POST", "/api/sync", {"Authorization": "Bearer wrong"}, None),
                ("UNAUTHORIZED", 401, "GET", "/api/sync", {"Authorization": ""}, None),
                ("NOT_FOUND", 404, "GET", "/api/nothing", {}, None),
                ("NOT_FOUND", 404, "GET", "/api/sync/", {}, None),
                ("METHOD_NOT_ALLOWED", 405, "DELETE", "/api/sync", {}, None),
                ("BAD_REQUEST", 400, "POST", "/api/sync?force=x", {}, None),
                ("BAD_REQUEST", 400, "GET", "/api/%00", {}, None),
                ("BAD_REQUEST", 411, "POST", "/api/sync", {"Transfer-Encoding": "chunked"}, b"0\r\n\r\n"),
                ("BAD_REQUEST", 501, "POST", "/api/sync", {"Transfer-Encoding": "gzip"}, b"x"),
                ("PAYLOAD_TOO_LARGE", 413, "POST", "/api/sync", {}, b"x" * 70_000),
                ("URI_TOO_LONG", 414, "GET", "/api/" + "x" * 5000, {}, None),
                ("HEADERS_TOO_LARGE", 431, "GET", "/api/sync", {"X-Filler": "x" * 20_000}, None)):
            with self.subTest(code, target=target[:20]):
                reply = self.stack.request(method, target, BEARER | headers, body)
                self.assertEqual(reply.status, status)
                self.assert_envelope(reply, code)
        self.assertEqual(self.hemera.requests(), [])


class WithoutToken(TableTest):
    environment: dict[str, str] = {}

    def test_what_needs_one_says_how_to_set_it(self) -> None:
        for method, target, headers in (("GET", "/metrics", {"Host": "localhost"}), ("GET", "/courses/x", {}),
                                        ("POST", "/api/sync", {"Host": "example.org"}),
                                        ("GET", "/api/sync/status", {"Host": "localhost", "Via": "1.1 x"})):
            with self.subTest(target):
                reply = self.stack.request(method, target, headers)
                self.assertEqual(reply.status, 403)
                self.assert_envelope(reply, "SYNC_TOKEN_NOT_SET")
                self.assertIn("set-secret sync-token", reply.json["error"]["message"])


class NotConfigured(WebTest):
    """A damaged token counts as none: calls are refused until it is replaced."""

    environment = {"AITHER_SYNC_TOKEN": "short"}

    def test_calls_are_refused_with_the_problem_and_pages_shown(self) -> None:
        for method in ("GET", "POST"):
            reply = self.stack.request(method, "/api/sync", {"Host": "localhost"})
            self.assertEqual((reply.status, reply.code), (503, "NOT_CONFIGURED"), reply.text)
            self.assertIn("sync-token", reply.json["error"]["message"])
        self.assertEqual(self.stack.get("/courses/x", Authorization="Bearer short").status, 403)
        self.assertEqual(self.stack.get("/").status, 200)


if __name__ == "__main__":
    unittest.main()
