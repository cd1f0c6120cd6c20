# SPDX-License-Identifier: MIT
"""data/openapi.json is correct: the programs' answers match it in status, headers and body. tests/unit/test-openapi.c shows
that it has every route."""
import base64
import json
import re
import threading
import unittest
from typing import Any, Iterator

from schema import Schema
from stack import TOP, Reply, StackTest, wait_until
from stub.rollbar_stub import RollbarStub

TOKEN = "a-sync-token-of-good-length"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
LIST = "/api/service/courses"
DOCUMENT = json.loads((TOP / "data" / "openapi.json").read_text())
SCHEMA = Schema(DOCUMENT)

# Headers that HTTP itself adds to every answer; the document would only repeat them.
TRANSPORT = {"date", "connection", "content-length", "server", "content-type"}


def walk(node: Any, where: str = "#") -> Iterator[tuple[str, Any]]:
    yield where, node
    for key, child in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield from walk(child, f"{where}/{key}")


def operations() -> Iterator[tuple[str, str, Any]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


class Document(unittest.TestCase):
    def test_every_reference_leads_somewhere_and_every_component_is_used(self) -> None:
        used = {node["$ref"] for _, node in walk(DOCUMENT) if isinstance(node, dict) and "$ref" in node}
        for reference in used:
            SCHEMA.resolve(reference)
        schemes = {name for _, _, operation in operations() for item in operation.get("security", []) for name in item}
        used |= {f"#/components/securitySchemes/{name}" for name in schemes}
        kept = {f"#/components/{kind}/{name}" for kind, all_ in DOCUMENT["components"].items() for name in all_}
        self.assertEqual(kept, used)

    def test_every_operation_is_complete(self) -> None:
        ids = [operation["operationId"] for _, _, operation in operations()]
        self.assertEqual(len(ids), len(set(ids)))
        tags = {tag["name"] for tag in DOCUMENT["tags"]}
        for method, path, operation in operations():
            with self.subTest(f"{method} {path}"):
                self.assertLessEqual(set(operation["tags"]), tags)
                self.assertTrue(operation["summary"])
                parameters = [SCHEMA.follow(p) for p in operation["parameters"]]
                in_path = {p["name"] for p in parameters if p["in"] == "path"}
                self.assertEqual(in_path, set(re.findall(r"{(\w+)}", path)))
                for response in map(SCHEMA.follow, operation["responses"].values()):
                    self.assertTrue(response["description"])

    def test_every_schema_is_understood_and_every_example_fits_its_own(self) -> None:
        examples = 0
        for where, node in walk(DOCUMENT):
            if isinstance(node, dict) and "schema" in node:
                SCHEMA.problems(node["schema"], {})
                if "example" in node:
                    self.assertEqual(SCHEMA.problems(node["schema"], node["example"]), [], where)
                    examples += 1
        self.assertGreater(examples, 10)
        for name, schema in DOCUMENT["components"]["schemas"].items():
            for value in ({}, [], "", 0, None):
                SCHEMA.problems(schema, value, name)

    def test_a_wrong_answer_is_found(self) -> None:
        schema = {"$ref": "#/components/schemas/StatusAnswer"}
        good = DOCUMENT["components"]["responses"]["Status"]["content"]["application/json"]["example"]
        self.assertEqual(SCHEMA.problems(schema, good), [])
        for path, value in (("data.status", "fine"), ("data.durationMs", -1), ("data.durationMs", 1.5),
                            ("data.filesGenerated", True), ("data.endTime", 5), ("data.jobId", "x"), ("success", 1),
                            ("meta.requestId", ""), ("meta.timestamp", "2026-02-30T00:00:00.000Z"), ("data.extra", 1),
                            ("data.errors", [{"entity": "x"}]), ("data.errorsTotal", None), ("meta", None)):
            with self.subTest(path):
                wrong = json.loads(json.dumps(good))
                *steps, last = path.split(".")
                target = wrong
                for step in steps:
                    target = target[step]
                if value is None:
                    del target[last]
                else:
                    target[last] = value
                self.assertNotEqual(SCHEMA.problems(schema, wrong), [])


class Answers(StackTest):
    """Every reply goes through check(), which knows only the document."""

    environment = {"AITHER_SYNC_TOKEN": TOKEN}

    def check(self, reply: Reply, operation_id: str) -> Any:
        operation = next(o for _, _, o in operations() if o["operationId"] == operation_id)
        known = operation["responses"]
        response = SCHEMA.follow(known.get(str(reply.status), known["default"]))
        if str(reply.status) not in known:
            self.assertIn(reply.status, (404, 405, 500), f"{operation_id}: {reply.status} is not in the document")
        self.check_headers(reply, response)
        self.check_body(reply, response)
        return response

    def check_headers(self, reply: Reply, response: Any) -> None:
        documented = {name.lower(): SCHEMA.follow(h) for name, h in response.get("headers", {}).items()}
        self.assertEqual({n.lower() for n in reply.headers} - TRANSPORT - documented.keys(), set())
        for name, header in documented.items():
            values = reply.headers.get_all(name) or []
            if header.get("required") and name != "www-authenticate":
                self.assertEqual(len(values), 1, name)
            for value in values:
                self.assertEqual(SCHEMA.problems(header["schema"], value, name), [])

    def check_body(self, reply: Reply, response: Any) -> None:
        kind = reply.headers["Content-Type"]
        if not reply.body:
            return
        self.assertIn(kind, response.get("content", {}))
        schema = response["content"][kind]["schema"]
        value = reply.json if kind.partition(";")[0].endswith("json") else ""
        self.assertEqual(SCHEMA.problems(schema, value), [], reply.body[:2000])
        if kind == "application/json" and "meta" in value:
            self.assertEqual(value["meta"]["requestId"], reply.headers["X-Request-Id"])

    def ask(self, expected: int, operation_id: str, method: str, target: str, headers: dict[str, str] | None = None,
            over_unix_socket: bool = False, body: bytes | None = None) -> Reply:
        reply = self.stack.request(method, target, BEARER if headers is None else headers, body, over_unix_socket)
        with self.subTest(f"{method} {target} {expected}"):
            self.assertEqual(reply.status, expected, reply.body[:500])
            self.check(reply, operation_id)
        return reply


class Syncs(Answers):
    def test_from_the_first_to_the_last(self) -> None:
        self.ask(404, "syncStatus", "GET", "/api/sync/status")
        self.ask(404, "syncStatusShort", "GET", "/api/sync", over_unix_socket=True)
        self.ask(200, "startSync", "POST", "/api/sync?dryRun=1")
        self.ask(200, "startSync", "POST", "/api/sync?force=1&dryRun=0", {}, True)
        self.ask(403, "startSync", "POST", "/api/sync?force=1")
        self.ask(200, "startSync", "POST", "/api/sync", {}, True)
        self.ask(200, "syncStatus", "GET", "/api/sync/status")
        self.ask(200, "syncStatusShort", "GET", "/api/sync", BEARER | {"X-Request-Id": "mine"})
        self.ask(200, "syncStatus", "HEAD", "/api/sync/status")
        self.ask(400, "startSync", "POST", "/api/sync?force=yes")
        self.ask(400, "startSync", "POST", "/api/sync?dryRun=2", {}, True)
        self.ask(401, "startSync", "POST", "/api/sync", {})
        self.ask(401, "syncStatus", "GET", "/api/sync/status", {"Authorization": "Bearer wrong"})

    def test_partial(self) -> None:
        self.hemera.scenario(add={"id": "cbad", "title": "Ohne Stufe", "level": "EXPERT"})
        reply = self.ask(200, "startSync", "POST", "/api/sync")
        self.assertEqual(reply.data["status"], "partial")

    def test_while_one_runs(self) -> None:
        self.hemera.scenario(fault={"path": LIST, "kind": "delay", "seconds": 3, "count": 1})
        self.ask(202, "startSync", "POST", "/api/sync", BEARER | {"Prefer": "respond-async"})
        self.assertEqual(self.ask(200, "syncStatus", "GET", "/api/sync/status").data["status"], "running")
        self.ask(409, "startSync", "POST", "/api/sync")
        self.ask(409, "startSync", "POST", "/api/sync", {}, True)

    def test_when_aither_web_ends_meanwhile(self) -> None:
        self.hemera.scenario(fault={"path": LIST, "kind": "delay", "seconds": 5, "count": 1})
        replies: list[Reply] = []
        caller = threading.Thread(target=lambda: replies.append(self.stack.request("POST", "/api/sync", BEARER)))
        caller.start()
        self.addCleanup(caller.join)
        wait_until(lambda: self.hemera.requests(LIST), "the sync asks Hemera")
        assert self.stack.web
        self.stack.web.stop()
        wait_until(lambda: replies, "the caller is answered")
        self.assertEqual(replies[0].status, 202)
        self.check(replies[0], "startSync")

    def test_when_it_fails(self) -> None:
        self.hemera.scenario(raw_list={"body": "<html>", "content_type": "text/html"})
        self.ask(502, "startSync", "POST", "/api/sync")
        self.ask(502, "refresh", "POST", "/internal/refresh", {}, True)
        self.hemera.reset()
        self.hemera.scenario(key="another-key-another-key-another-key-1")
        self.ask(502, "startSync", "POST", "/api/sync")
        self.ask(200, "syncStatus", "GET", "/api/sync/status")
        self.hemera.stop()
        self.ask(502, "startSync", "POST", "/api/sync", {}, True)

    def test_when_the_output_directory_is_none(self) -> None:
        self.stack.output.write_text("in the way")
        self.ask(500, "startSync", "POST", "/api/sync")
        self.ask(500, "refresh", "POST", "/internal/refresh", {}, True)

    def test_without_the_worker(self) -> None:
        assert self.stack.worker
        self.stack.worker.stop()
        self.ask(503, "startSync", "POST", "/api/sync")
        self.ask(503, "syncStatus", "GET", "/api/sync/status")

    def test_the_homepages_refresh(self) -> None:
        self.ask(200, "refresh", "POST", "/internal/refresh", {}, True)

    def test_what_the_other_programs_ask_the_worker(self) -> None:
        self.ask(200, "doctor", "GET", "/internal/doctor", {}, True)
        for name, target in (("testMail", "/internal/test-mail"), ("testRollbar", "/internal/test-rollbar")):
            self.ask(503, name, "POST", target, {}, True)
            self.ask(405, name, "GET", target, {}, True)
            self.assertEqual(self.stack.request("POST", target, BEARER).status, 404, "never over TCP")


class Receivers(Answers):
    environment = {"AITHER_SYNC_TOKEN": TOKEN, "ROLLBAR_SERVER_TOKEN": "rollbar-token-0123456789abcdef"}

    def setUp(self) -> None:
        rollbar = RollbarStub(None, self.environment["ROLLBAR_SERVER_TOKEN"])
        self.addCleanup(rollbar.close)
        self.config = (f"[Rollbar]\nEnabled=yes\nEndpoint={rollbar.url}\n"
                       "[Notify]\nMailTo=operator@example.org\nSMTPURL=smtp://127.0.0.1:1\n")
        super().setUp()

    def test_what_is_sent_on_purpose(self) -> None:
        self.ask(200, "testRollbar", "POST", "/internal/test-rollbar", {}, True)
        self.ask(502, "testMail", "POST", "/internal/test-mail", {}, True)


class SlowHemera(Answers):
    config = "RequestTimeoutSec=1\nMaxRetries=0\n"

    def test_a_time_limit(self) -> None:
        self.hemera.scenario(fault={"path": LIST, "kind": "delay", "seconds": 3})
        self.ask(504, "startSync", "POST", "/api/sync")


class LimitedHemera(Answers):
    hemera_arguments = ("--courses", "3")
    config = "[Sync]\nTimeLimitSec=5\n"

    def test_a_rate_limit(self) -> None:
        self.hemera.scenario(fault={"path": LIST, "kind": "status", "status": 429})
        reply = self.ask(503, "startSync", "POST", "/api/sync")
        self.assertEqual(reply.code, "HEMERA_RATE_LIMITED")


class Unconfigured(Answers):
    environment = {"AITHER_SYNC_TOKEN": TOKEN, "HEMERA_API_KEY": ""}

    def test_calls(self) -> None:
        self.ask(503, "startSync", "POST", "/api/sync")
        self.ask(503, "startSync", "POST", "/api/sync", {}, True)
        self.ask(503, "syncStatus", "GET", "/api/sync/status")
        self.ask(503, "refresh", "POST", "/internal/refresh", {}, True)
        self.ask(200, "metrics", "GET", "/metrics")
        self.ask(200, "home", "GET", "/")
        self.ask(503, "ready", "GET", "/readyz")


class Pages(Answers):
    html = {"Accept": "text/html"}

    def test_the_homepage(self) -> None:
        for headers in ({}, {"Accept-Encoding": "gzip"}, {"Accept-Language": "en"}):
            self.ask(200, "home", "GET", "/", headers)
        self.ask(200, "startSync", "POST", "/api/sync")
        reply = self.ask(200, "home", "GET", "/?lang=en", {"Accept-Encoding": "gzip"})
        self.ask(304, "home", "GET", "/?lang=en", {"Accept-Encoding": "gzip", "If-None-Match": reply.headers["ETag"]})
        self.ask(200, "home", "HEAD", "/")

    def test_course_pages(self) -> None:
        self.ask(200, "startSync", "POST", "/api/sync")
        target = f"/courses/{next(iter(self.stack.pages()))}"
        basic = {"Authorization": f"Basic {base64.b64encode(f'x:{TOKEN}'.encode()).decode()}"}
        reply = self.ask(200, "course", "GET", target)
        self.ask(200, "course", "GET", target, basic | {"Accept-Encoding": "gzip"})
        self.ask(304, "course", "GET", target, BEARER | {"If-None-Match": reply.headers["ETag"]})
        self.ask(404, "course", "GET", "/courses/none")
        for kind in ({}, self.html):
            self.ask(404, "course", "GET", "/courses/none", BEARER | kind)
            self.ask(401, "course", "GET", target, kind)

    def test_the_list_of_private_pages(self) -> None:
        self.ask(200, "startSync", "POST", "/api/sync")
        self.ask(308, "coursesAddress", "GET", "/courses?lang=en", {})
        basic = {"Authorization": f"Basic {base64.b64encode(f'x:{TOKEN}'.encode()).decode()}"}
        reply = self.ask(200, "courses", "GET", "/courses/")
        self.ask(200, "courses", "HEAD", "/courses/?lang=en", basic | {"Accept-Encoding": "gzip"})
        self.ask(304, "courses", "GET", "/courses/", BEARER | {"If-None-Match": reply.headers["ETag"]})
        for kind in ({}, self.html):
            self.ask(401, "courses", "GET", "/courses/", kind)

    def test_files_and_feeds(self) -> None:
        for kind in ({}, self.html):
            self.ask(404, "coursesJson", "GET", "/courses.json", kind)
            self.ask(404, "coursesCalendar", "GET", "/courses.ics", kind)
            self.ask(404, "file", "GET", "/nothing.svg", kind)
        self.stack.public.mkdir(parents=True, exist_ok=True)
        (self.stack.public / "courses.json").write_text('{"site": {"name": "A", "url": null}, "courses": []}' + " " * 1000)
        (self.stack.public / "courses.ics").write_text("BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n")
        for name, target in (("coursesJson", "/courses.json"), ("coursesCalendar", "/courses.ics"), ("file", "/robots.txt"),
                             ("file", "/favicon.svg")):
            reply = self.ask(200, name, "GET", target, {})
            self.ask(200, name, "HEAD", target, {"Accept-Encoding": "gzip"})
            self.ask(304, name, "GET", target, {"If-None-Match": reply.headers["ETag"]})

    def test_every_type_of_file(self) -> None:
        files = self.stack.directory / "site"
        files.mkdir()
        for suffix in ("avif", "css", "gif", "html", "ico", "jpeg", "jpg", "json", "pdf", "png", "svg", "txt",
                       "webmanifest", "webp", "woff", "woff2", "xml"):
            (files / f"a.{suffix}").write_text('{"a": 1}')
            self.ask(200, "file", "GET", f"/a.{suffix}", {})

    def test_for_monitors(self) -> None:
        self.ask(503, "ready", "GET", "/readyz")
        self.ask(200, "startSync", "POST", "/api/sync")
        self.ask(200, "ready", "GET", "/readyz")
        for over_unix_socket in (False, True):
            self.ask(200, "health", "GET", "/healthz", {}, over_unix_socket)
            self.ask(200, "metrics", "GET", "/metrics", BEARER, over_unix_socket)
        self.ask(200, "metrics", "HEAD", "/metrics")
        for kind in ({}, self.html):
            self.ask(401, "metrics", "GET", "/metrics", kind)

    def test_the_document_itself(self) -> None:
        reply = self.ask(200, "openapi", "GET", "/api/openapi.json", {})
        self.assertEqual(reply.json, DOCUMENT)
        self.assertEqual(reply.body, (TOP / "data" / "openapi.json").read_bytes())
        self.ask(304, "openapi", "GET", "/api/openapi.json", {"If-None-Match": f'W/"x", {reply.headers["ETag"]}'})
        self.ask(304, "openapi", "GET", "/api/openapi.json", {"If-None-Match": "*"})
        head = self.ask(200, "openapi", "HEAD", "/api/openapi.json", {})
        self.assertEqual((head.body, int(head.headers["Content-Length"])), (b"", len(reply.body)))

    def test_wrong_requests_to_every_operation(self) -> None:
        for method, path, operation in operations():
            if "aither-web" not in operation["x-served-by"]:
                continue
            target = path.replace("{name}", "x").replace("{file}", "x.svg")
            name, verb = operation["operationId"], method.upper()
            for kind in ({}, self.html):
                headers = BEARER | kind
                self.ask(400, name, verb, target + "%00", headers)
                self.ask(404 if name == "file" else 405, name, "PUT", target, headers)
                self.ask(411, name, verb, target, headers | {"Transfer-Encoding": "chunked"}, body=b"0\r\n\r\n")
                self.ask(501, name, verb, target, headers | {"Transfer-Encoding": "gzip"}, body=b"x")
                self.ask(413, name, verb, target, headers, body=b"x" * 70000)
                self.ask(414, name, verb, f"{target}?{'x' * 5000}", headers)
                self.ask(417, name, verb, target, headers | {"Expect": "something"}, body=b"x")
                self.ask(431, name, verb, target, headers | {"X-Large": "x" * 20000})

    def test_what_is_not_there(self) -> None:
        self.ask(404, "openapi", "GET", "/api/nothing")
        for kind in ({}, self.html):
            self.ask(404, "home", "GET", "/nothing", kind)


class NoToken(Answers):
    environment: dict[str, str] = {}

    def test_refused_without_a_token(self) -> None:
        self.ask(403, "startSync", "POST", "/api/sync", {"Via": "1.1 proxy"})
        self.ask(403, "syncStatus", "GET", "/api/sync/status", {"Via": "1.1 proxy"})
        for kind in ({}, {"Accept": "text/html"}):
            self.ask(403, "metrics", "GET", "/metrics", kind)
            self.ask(403, "course", "GET", "/courses/x", kind)
            self.ask(403, "courses", "GET", "/courses/", kind)


class PublicPages(Answers):
    config = "[Site]\nCoursePages=public\n"

    def test_course_pages_need_no_token(self) -> None:
        self.ask(200, "startSync", "POST", "/api/sync")
        reply = self.ask(200, "course", "GET", f"/courses/{next(iter(self.stack.pages()))}", {})
        self.assertNotIn("X-Robots-Tag", reply.headers)
        self.ask(404, "courses", "GET", "/courses/", {})
        self.ask(404, "coursesAddress", "GET", "/courses", {})


if __name__ == "__main__":
    unittest.main()
