# SPDX-License-Identifier: MIT
"""The HTTP API over TCP: access, and the headers of pages. test_api_table.py has every call and every error code."""
import base64
import hashlib
import html
import re
import socket
import unittest

from stack import Reply, StackTest, wait_until

TOKEN = "a-sync-token-of-good-length"


class WithoutToken(StackTest):
    def test_sync_and_status_work_from_this_machine(self) -> None:
        for host in ("localhost", "127.0.0.1", "[::1]", f"localhost:{self.stack.port}"):
            with self.subTest(host):
                self.assertEqual(self.stack.post("/api/sync", Host=host).status, 200)

    def test_what_looks_like_a_browser_or_a_proxy_is_refused_with_the_remedy(self) -> None:
        for headers in ({"Host": "example.org"}, {"Origin": "http://localhost:3500"}, {"Via": "1.1 proxy"},
                        {"Forwarded": "for=1.2.3.4"}, {"X-Forwarded-For": "1.2.3.4"},
                        {"X-Forwarded-Host": "x"}, {"X-Forwarded-Proto": "https"},
                        {"Sec-Fetch-Site": "cross-site"}, {"Host": "localhost.example.org"}):
            with self.subTest(headers):
                reply = self.stack.request("POST", "/api/sync", headers)
                self.assertEqual((reply.status, reply.code), (403, "SYNC_TOKEN_NOT_SET"))
                self.assertIn("aither set-secret sync-token", reply.json["error"]["message"])
        self.assertEqual(self.hemera.requests(), [])

    def test_any_trace_of_a_proxy_or_another_site_is_one(self) -> None:
        for name in ("X-Real-IP", "CF-Connecting-IP", "True-Client-IP", "X-Client-IP", "X-Original-URL", "CDN-Loop",
                     "X-Varnish", "Fastly-Client-IP", "X-Envoy-External-Address", "Client-IP", "Referer"):
            with self.subTest(name):
                reply = self.stack.request("GET", "/api/sync", {name: "http://192.0.2.7/"})
                self.assertEqual((reply.status, reply.code), (403, "SYNC_TOKEN_NOT_SET"))
                self.assertIn(f"as {name.lower()} shows", reply.json["error"]["message"])
        own = f"http://127.0.0.1:{self.stack.port}/"
        self.assertEqual(self.stack.request("GET", "/api/sync", {"Referer": own, "X-Request-Id": "x"}).code, "NO_SYNC_JOB")

    def test_old_http_is_what_nginx_speaks(self) -> None:
        for version, status in (("1.0", 403), ("1.1", 404)):
            with socket.create_connection(("127.0.0.1", self.stack.port)) as connection:
                connection.sendall(f"GET /api/sync HTTP/{version}\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
                                   .encode())
                self.assertIn(f" {status} ".encode(), connection.recv(4096).partition(b"\r\n")[0])

    def test_loopback_is_known_in_every_spelling(self) -> None:
        for host in ("localhost.", "LOCALHOST:3500", "127.1.2.3", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]:3500",
                     "[::1%25lo]"):
            with self.subTest(host):
                self.assertEqual(self.stack.request("GET", "/api/sync", {"Host": host}).code, "NO_SYNC_JOB")


class PagesPassword(StackTest):
    """The password, with a token set and without one: it opens private pages, and nothing else."""

    PASSWORD = "grüße: an alle"

    def basic(self, password: str) -> dict[str, str]:
        return {"Authorization": "Basic " + base64.b64encode(f"staff:{password}".encode()).decode()}

    def restart_web(self, token: str | None) -> None:
        credentials = self.stack.directory / "credentials"
        credentials.mkdir(exist_ok=True)
        (credentials / "aither.pages-password").write_text(f"{self.PASSWORD}\n")
        self.stack.environment["CREDENTIALS_DIRECTORY"] = str(credentials)
        if token:
            (credentials / "aither.sync-token").write_text(token)
        assert self.stack.web
        self.assertEqual(self.stack.web.stop(), 0)
        self.stack.start_web()

    def test_it_opens_private_pages_and_nothing_else(self) -> None:
        self.sync()
        page = f"/courses/{next(iter(self.stack.pages()))}"
        for token, refused in ((None, "SYNC_TOKEN_NOT_SET"), ("a-sync-token-of-good-length", "UNAUTHORIZED")):
            self.restart_web(token)
            with self.subTest(token=token):
                opened = self.stack.request("GET", page, self.basic(self.PASSWORD))
                self.assertEqual((opened.status, opened.headers["Cache-Control"]), (200, "private, no-store"))
                for headers in ({}, self.basic("wrong password"), {"Authorization": f"Bearer {self.PASSWORD}".encode()
                                                                   .decode("latin-1")}):
                    reply = self.stack.request("GET", page, headers)
                    self.assertEqual((reply.status, reply.code), (401, "UNAUTHORIZED"))
                    self.assertEqual([c.split()[0] for c in reply.headers.get_all("WWW-Authenticate")],
                                     ["Bearer", "Basic"] if token else ["Basic"])
                for method, target in (("POST", "/api/sync"), ("GET", "/api/sync/status"), ("GET", "/metrics")):
                    headers = self.basic(self.PASSWORD) | {"Host": "courses.example.org"}
                    self.assertEqual(self.stack.request(method, target, headers).code, refused)
                if token:
                    self.assertEqual(self.stack.request("GET", page, self.basic(token)).status, 200)
        assert self.stack.web
        for what in ("password", "token"):
            line = f"a wrong {what} from 127.0.0.1: GET /courses/"
            self.stack.web.wait_for_line(line)
            self.assertEqual(sum(line in logged for logged in self.stack.web.log), 1, self.stack.web.log)
        self.assertNotIn(self.PASSWORD, "\n".join(self.stack.web.log))

    def test_a_damaged_one_opens_nothing(self) -> None:
        self.sync()
        self.restart_web(None)
        (self.stack.directory / "credentials" / "aither.pages-password").write_text("short")
        assert self.stack.web
        self.stack.web.stop()
        self.stack.start_web()
        page = f"/courses/{next(iter(self.stack.pages()))}"
        self.assertEqual(self.stack.request("GET", page, self.basic("short")).status, 403)


class Policy(StackTest):
    config = "[Site]\nCoursePages=public\n"

    def hashes(self, text: str, element: str) -> list[str]:
        contents = re.findall(f"<{element}[^>]*>(.*?)</{element}>", text, re.S)
        return [f"'sha256-{base64.b64encode(hashlib.sha256(c.encode()).digest()).decode()}'" for c in contents]

    def directives(self, reply: Reply) -> dict[str, list[str]]:
        parts = [part.split() for part in reply.headers["Content-Security-Policy"].split(";")]
        return {name: sources for name, *sources in parts}

    def test_a_page_may_use_its_styles_and_the_shipped_script_only(self) -> None:
        self.sync()
        home = self.stack.get("/")
        self.assertEqual(self.directives(home)["default-src"], ["'none'"])
        self.assertEqual(self.directives(home)["style-src"], ["'self'", *self.hashes(home.text, "style")])
        for kind, sources in (("img-src", ["'self'", "data:"]), ("font-src", ["'self'"])):
            self.assertEqual(self.directives(home)[kind], sources)
        self.assertEqual(self.directives(home)["script-src"], self.hashes(home.text, "script"),
                         "SCRIPT_HASH in src/web/page.c is not that of templates/filter-script.hbs")
        pages = [self.stack.get(f"/courses/{next(iter(self.stack.pages()))}"),
                 self.stack.get("/nothing", Accept="text/html")]
        for page in pages:
            self.assertEqual(self.directives(page)["style-src"], ["'self'", *self.hashes(page.text, "style")])
            self.assertNotIn("script-src", self.directives(page))

    def test_a_script_from_elsewhere_is_not_permitted(self) -> None:
        script = "<script>alert(1)</script>"
        self.hemera.scenario(templates=[{"id": "t1", "courseId": None, "lessonId": None, "version": 1,
                                         "markup": f"<!DOCTYPE html><title>x</title>{script}"}])
        self.sync()
        page = self.stack.get(f"/courses/{next(iter(self.stack.pages()))}")
        self.assertIn(script, page.text)
        self.assertNotIn(self.hashes(script, "script")[0], page.headers["Content-Security-Policy"])


class LocalAccessOff(StackTest):
    config = "[Web]\nLocalAccess=no\n"

    def test_no_client_may_sync_over_tcp_but_the_command_line_may(self) -> None:
        self.assertEqual(self.stack.post("/api/sync").code, "SYNC_TOKEN_NOT_SET")
        self.assertEqual(self.stack.cli("sync").returncode, 0)


class WithToken(StackTest):
    environment = {"AITHER_SYNC_TOKEN": TOKEN}

    def test_the_token_is_needed_and_enough(self) -> None:
        for credentials in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Bearer {TOKEN}x"},
                            {"Authorization": TOKEN}, {"Authorization": f"Bearer {TOKEN[:-1]}"}):
            with self.subTest(credentials):
                reply = self.stack.request("POST", "/api/sync", credentials)
                self.assertEqual((reply.status, reply.code), (401, "UNAUTHORIZED"))
                self.assertIn("Bearer", reply.headers["WWW-Authenticate"])
        good = {"Authorization": f"Bearer {TOKEN}", "Host": "public.example.org", "X-Forwarded-For": "1.2.3.4"}
        self.assertEqual(self.stack.request("POST", "/api/sync", good).status, 200)
        self.assertEqual(self.stack.request("GET", "/api/sync/status", good).status, 200)
        self.assertEqual(self.stack.get("/api/sync/status").status, 401)

    def test_course_pages_open_with_bearer_or_basic(self) -> None:
        self.stack.cli("sync")
        name, page = next(iter(self.stack.pages().items()))
        self.assertEqual(self.stack.get(f"/courses/{name}").status, 401)
        basic = base64.b64encode(f"anybody:{TOKEN}".encode()).decode()
        for target in (f"/courses/{name}", f"/courses/{name.removesuffix('.html')}"):
            for credentials in (f"Bearer {TOKEN}", f"Basic {basic}"):
                reply = self.stack.get(target, Authorization=credentials)
                self.assertEqual((reply.status, reply.text), (200, page))
        self.assertEqual(self.stack.get("/courses/nothing", Authorization=f"Bearer {TOKEN}").status, 404)


class Sniffing(StackTest):
    environment = {"AITHER_SYNC_TOKEN": TOKEN}

    def test_no_answer_is_taken_for_another_type(self) -> None:
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        self.sync(**bearer)
        page = f"/courses/{next(iter(self.stack.pages()))}"
        for method, target, headers, status in (
                ("GET", "/", {}, 200), ("HEAD", "/", {}, 200), ("GET", page, bearer, 200), ("GET", page, {}, 401),
                ("GET", "/api/sync/status", bearer, 200), ("POST", "/api/sync", bearer, 200), ("POST", "/api/sync", {}, 401),
                ("GET", "/api/openapi.json", {}, 200), ("GET", "/healthz", {}, 200), ("GET", "/readyz", {}, 200),
                ("GET", "/metrics", bearer, 200), ("GET", "/nothing", {}, 404), ("DELETE", "/", {}, 405),
                ("GET", "/nothing", {"Accept": "text/html"}, 404)):
            with self.subTest(f"{method} {target} {headers}"):
                reply = self.stack.request(method, target, headers)
                self.assertEqual(reply.status, status)
                self.assertEqual(reply.headers.get_all("X-Content-Type-Options"), ["nosniff"])


class Sandbox(StackTest):
    environment = {"AITHER_SYNC_TOKEN": TOKEN}

    def policy(self, target: str, **headers: str) -> str:
        policies = self.stack.request("GET", target, headers).headers.get_all("Content-Security-Policy")
        self.assertEqual(len(policies), 1)
        return policies[0]

    def test_pages_with_participants_are_in_one(self) -> None:
        self.sync(Authorization=f"Bearer {TOKEN}")
        page = f"/courses/{next(iter(self.stack.pages()))}"
        first = self.policy(page, Authorization=f"Bearer {TOKEN}")
        self.assertIn("; sandbox allow-same-origin;", first)
        self.assertNotIn("script-src", first)
        self.assertEqual(self.policy(page, Authorization=f"Bearer {TOKEN}"), first)
        for target in ("/", page):
            self.assertNotIn("sandbox", self.policy(target, Accept="text/html"))


class Homepage(StackTest):
    def setUp(self) -> None:
        super().setUp()
        self.sync()

    def test_language_follows_the_browser_and_the_link(self) -> None:
        for headers, target, language in (({"Accept-Language": "en-GB,en;q=0.9"}, "/", "en"),
                                          ({"Accept-Language": "fr, de;q=0.5, en;q=0.2"}, "/", "de"),
                                          ({}, "/", "de"), ({"Accept-Language": "de"}, "/?lang=en", "en")):
            with self.subTest(headers=headers, target=target):
                reply = self.stack.request("GET", target, headers)
                self.assertEqual(reply.headers["Content-Language"], language)
                self.assertIn(f'<html lang="{language}"', reply.text)

    def test_the_status_mark_is_replaced(self) -> None:
        self.assertNotIn("<!--aither:status-->", self.stack.get("/").text)

    def test_headers_protect_the_visitor(self) -> None:
        headers = self.stack.get("/").headers
        self.assertEqual(headers["Content-Type"], "text/html; charset=utf-8")
        self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
        self.assertIn("default-src 'none'", headers["Content-Security-Policy"])
        self.assertNotIn("unsafe", headers["Content-Security-Policy"])
        self.assertIn("Accept-Language", headers["Vary"])


class List(StackTest):
    """The list of private pages: for staff only, and absent with public pages."""

    environment = {"AITHER_SYNC_TOKEN": TOKEN}
    bearer = {"Authorization": f"Bearer {TOKEN}"}

    def test_it_leads_staff_to_each_page_in_their_language(self) -> None:
        self.hemera.scenario(add={"id": "cnext", "title": "Bald", "slug": "bald", "startDate": "2099-03-01T23:00:00.000Z",
                                  "endDate": "2099-03-02T23:00:00.000Z"})
        self.sync(**self.bearer)
        for language in ("de", "en"):
            reply = self.stack.request("GET", f"/courses/?lang={language}", self.bearer)
            self.assertEqual((reply.status, reply.headers["Cache-Control"], reply.headers["X-Robots-Tag"]),
                             (200, "private, no-store", "noindex"))
            self.assertEqual(reply.headers["Content-Language"], language)
            self.assertNotIn("sandbox", reply.headers["Content-Security-Policy"])
            self.assertNotIn("<!--aither:status-->", reply.text)
            links = set(re.findall(r'href="(/courses/[^"?]+\?lang=\w+)"', html.unescape(reply.text)))
            self.assertTrue(links)
            for link in links:
                page = self.stack.request("GET", link, self.bearer)
                self.assertEqual(page.status, 200)
                self.assertNotIn('href="/courses/"', page.text)
            self.assertLessEqual({link.partition("=")[2] for link in links}, {language})

    def test_its_address_without_the_slash_leads_to_it_and_tells_nothing(self) -> None:
        for target, location in (("/courses", "/courses/"), ("/courses?lang=en&q=a%20b", "/courses/?lang=en&q=a%20b")):
            reply = self.stack.get(target)
            self.assertEqual((reply.status, reply.headers["Location"]), (308, location))
        self.assertEqual(self.stack.get("/courses/").status, 401)
        self.assertEqual(self.stack.post("/courses/").status, 405)

    def test_before_the_first_sync_it_says_that_nothing_is_there(self) -> None:
        self.hemera.stop()
        reply = self.stack.request("GET", "/courses/", self.bearer)
        self.assertEqual((reply.status, reply.headers["Cache-Control"]), (200, "private, no-store"))


class NoList(StackTest):
    config = "[Site]\nCoursePages=public\n"
    environment = {"AITHER_SYNC_TOKEN": TOKEN}

    def test_with_public_pages_there_is_none(self) -> None:
        self.sync(Authorization=f"Bearer {TOKEN}")
        (self.stack.output / "courses.de.html").write_text("secret")  # left by something else
        for target in ("/courses", "/courses/", "/courses.de.html"):
            for headers in ({}, {"Authorization": f"Bearer {TOKEN}"}):
                reply = self.stack.request("GET", target, headers)
                self.assertEqual((reply.status, reply.headers["WWW-Authenticate"]), (404, None), target)

    def test_the_way_back_keeps_the_language(self) -> None:
        self.sync(Authorization=f"Bearer {TOKEN}")
        name = next(iter(self.stack.pages()))
        (self.stack.courses / name).write_text('<a href="/">x</a>')
        etags = set()
        for query, link in (("", "/"), ("?lang=de", "/?lang=de"), ("?lang=en", "/?lang=en"), ("?lang=fr", "/"),
                            ('?lang=en"', "/"), ("?x=lang", "/")):
            reply = self.stack.get(f"/courses/{name}{query}")
            self.assertEqual(reply.text, f'<a href="{link}">x</a>')
            etags.add(reply.headers["ETag"])
        self.assertEqual(len(etags), 3)


class Files(StackTest):
    """The operator's own files, which take precedence over the shipped ones."""

    def setUp(self) -> None:
        super().setUp()
        self.files = self.stack.directory / "site"
        (self.files / "fonts").mkdir(parents=True)

    def test_types_caching_and_policy(self) -> None:
        for name, kind, caching in (("logo.svg", "image/svg+xml", "max-age=300"), ("a.woff2", "font/woff2", "max-age=300"),
                                    ("imprint.html", "text/html; charset=utf-8", "no-cache"),
                                    ("robots.txt", "text/plain; charset=utf-8", "no-cache"),
                                    ("other.txt", "text/plain; charset=utf-8", "max-age=300")):
            (self.files / name).write_text(f"<script>alert(1)</script>{name}")
            reply = self.stack.get(f"/{name}")
            self.assertEqual((reply.status, reply.headers["Content-Type"], reply.headers["Cache-Control"]),
                             (200, kind, caching))
            self.assertTrue(reply.text.endswith(name))
            self.assertEqual(reply.headers["X-Content-Type-Options"], "nosniff")
            self.assertIn("default-src 'none'", reply.headers["Content-Security-Policy"])
            self.assertEqual("; sandbox" in reply.headers["Content-Security-Policy"], not name.endswith(".html"))
            self.assertEqual(self.stack.get(f"/{name}", If_None_Match=reply.headers["ETag"]).status, 304)

    def test_shipped_files_are_there_without_any(self) -> None:
        self.assertIn("Disallow: /api/", self.stack.get("/robots.txt").text)
        self.assertIn("<svg ", self.stack.get("/favicon.svg").text)
        self.assertEqual(self.stack.get("/logo.svg").status, 404)

    def test_routes_win(self) -> None:
        for name in ("courses.json", "courses.ics"):
            (self.files / name).write_text("own")
            self.assertEqual(self.stack.get(f"/{name}").status, 404)
        (self.files / "courses").mkdir()
        (self.files / "courses" / "logo.svg").write_text("own")
        self.assertEqual(self.stack.get("/courses/logo.svg").status, 403)

    def test_an_unknown_path_is_404_for_every_method(self) -> None:
        (self.files / "logo.svg").write_text("<svg/>")
        for target in ("/nonsense", "/nonsense.svg", "/logo.svg"):
            for method in ("POST", "PUT", "DELETE", "OPTIONS"):
                reply = self.stack.request(method, target)
                self.assertEqual((reply.status, reply.headers["Allow"]), (404, None), f"{method} {target}")
        self.assertEqual(self.stack.request("HEAD", "/logo.svg").status, 200)

    def test_hostile_paths_find_nothing(self) -> None:
        (self.stack.directory / "outside.svg").write_text("secret")
        (self.files / ".hidden.svg").write_text("secret")
        (self.files / "fonts" / ".hidden.svg").write_text("secret")
        (self.files / "link.svg").symlink_to(self.stack.directory / "outside.svg")
        (self.files / "away").symlink_to(self.stack.directory)
        (self.files / "noted.exe").write_text("secret")
        for target in ("/../outside.svg", "/fonts/../../outside.svg", "/%2e%2e/outside.svg", "/..%2foutside.svg",
                       "/fonts%2f.hidden.svg", "/fonts/.hidden.svg", "/.hidden.svg", "/link.svg", "/away/outside.svg",
                       "/noted.exe", "/noted.exe%00.svg", "/outside.svg%00", "//outside.svg", "/fonts/", "/fonts",
                       "/" + "a" * 2000 + ".svg", "/%c0%ae%c0%ae/outside.svg", "/..\\outside.svg"):
            reply = self.stack.get(target)
            self.assertIn(reply.status, (400, 404), target)
            self.assertNotIn(b"secret", reply.body)


class Feeds(StackTest):
    def test_scripts_of_other_sites_may_read_them(self) -> None:
        self.stack.public.mkdir(parents=True, exist_ok=True)
        for name, kind in (("courses.json", "application/json"), ("courses.ics", "text/calendar; charset=utf-8")):
            self.assertEqual(self.stack.get(f"/{name}").status, 404)
            (self.stack.public / name).write_text("[]" * 1000)
            # Right after another file was compressed, this one is still sent uncompressed.
            reply = wait_until(lambda: (r := self.stack.get(f"/{name}", Accept_Encoding="gzip"))
                               and r.headers["Content-Encoding"] == "gzip" and r, f"{name} is compressed")
            self.assertEqual((reply.status, reply.headers["Content-Type"], reply.headers["Cache-Control"]),
                             (200, kind, "no-cache"))
            self.assertEqual(reply.headers["Access-Control-Allow-Origin"], "*")
            self.assertEqual(self.stack.get(f"/{name}", If_None_Match=reply.headers["ETag"], Accept_Encoding="gzip").status,
                             304)
        self.assertIsNone(self.stack.get("/").headers["Access-Control-Allow-Origin"])


class HemeraGoesAway(StackTest):
    config = "[Web]\nLiveTTLSec=0\n"

    def test_the_last_known_table_stays_with_a_banner(self) -> None:
        self.sync()
        title = next(iter(self.stack.manifest["entities"]["courses"].values()))["course"]["title"]
        self.hemera.stop()
        reply = self.stack.get("/")
        self.assertEqual(reply.status, 200)
        self.assertIn(title, html.unescape(reply.text))
        self.assertIn("nicht erreichbar", reply.text)


if __name__ == "__main__":
    unittest.main()
