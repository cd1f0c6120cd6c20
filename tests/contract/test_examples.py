# SPDX-License-Identifier: MIT
"""data/examples and data/alerts work as described: checked with systemd's own checker, a real nginx, Caddy and haproxy,
fail2ban's expressions on real log lines, and the metrics that the programs really export."""
import gzip
import http.client
import http.server
import os
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest
import unittest.mock as mock
import urllib.request
from pathlib import Path
from typing import Any

import exposition
from stack import BUILD, TOP, StackTest, wait_until

EXAMPLES = TOP / "data" / "examples"
RULES = TOP / "data" / "alerts" / "aither.rules.yml"
TOKEN = "a-sync-token-of-good-length"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


def place(example: Path) -> Path:
    """The path where the example belongs, according to its first line."""
    found = re.match(r"# To: (/\S+)\n# Then: \S", example.read_text())
    assert found, example
    return Path(found[1])


def temporary(test: unittest.TestCase) -> Path:
    directory = Path(tempfile.mkdtemp(prefix="aither-"))
    test.addCleanup(shutil.rmtree, directory)
    return directory


class Files(unittest.TestCase):
    def test_every_example_says_where_it_belongs_and_is_listed(self) -> None:
        listed = re.findall(r"^(\S+\.\w+|Caddyfile)  +\S", (EXAMPLES / "README").read_text(), re.M)
        present = sorted(f.name for f in EXAMPLES.iterdir() if f.name != "README")
        self.assertEqual(sorted(listed), sorted([*present, RULES.name]))
        places = [place(EXAMPLES / name) for name in present]
        self.assertEqual(len(set(places)), len(places))


@unittest.skipUnless(shutil.which("systemd-analyze"), "systemd-analyze is not installed")
class Units(unittest.TestCase):
    def verify(self, examples: list[Path], spoil: str = "") -> str:
        """The messages of systemd about the units with the examples as drop-ins."""
        directory = temporary(self)
        services = [BUILD / "units" / s.name.removesuffix(".in") for s in (TOP / "units").glob("*.service.in")]
        for unit in [*services, *(TOP / "units").glob("*.socket"), *(TOP / "units").glob("*.timer")]:
            text = re.sub(r"^ExecStart=\S*/", f"ExecStart={BUILD}/", unit.read_text(), flags=re.M)
            (directory / unit.name).write_text(text)
        for example in examples:
            drop_in = directory / place(example).relative_to("/etc/systemd/system")
            drop_in.parent.mkdir(exist_ok=True)
            drop_in.write_text(example.read_text() + spoil)
        units = [f.name for f in directory.iterdir() if f.is_file() and "@" not in f.name]
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True,
                              env=os.environ | {"SYSTEMD_UNIT_PATH": f"{directory}:"})
        # Other packages' units that ours pull in are not our business.
        return "\n".join(line for line in done.stderr.splitlines() if str(directory) in line or "aither" in line)

    def drop_ins(self) -> list[Path]:
        found = [f for f in sorted(EXAMPLES.glob("*.conf")) if str(place(f)).startswith("/etc/systemd/system/")]
        self.assertGreater(len(found), 3)
        return found

    def test_the_units_alone_are_right(self) -> None:
        self.assertEqual(self.verify([]), "")

    def test_the_units_with_every_drop_in_are_right(self) -> None:
        self.assertEqual(self.verify(self.drop_ins()), "")

    def test_a_mistake_in_a_drop_in_would_be_seen(self) -> None:
        for example in self.drop_ins():
            self.assertIn(place(example).name, self.verify([example], "NoSuchKey=1\n"), example)

    def test_encrypted_credentials_have_the_names_of_the_plain_ones(self) -> None:
        for example in self.drop_ins():
            unit = TOP / "units" / (place(example).parent.name.removesuffix(".d") + ".in")
            for name in re.findall(r"^#?LoadCredentialEncrypted=(.*)$", example.read_text(), re.M):
                self.assertIn(f"\nLoadCredential={name}\n", unit.read_text())


class Fail2ban(StackTest):
    environment = {"AITHER_SYNC_TOKEN": TOKEN}

    def read(self, key: str) -> str:
        found = re.search(rf"^{key} *= *(.*)$", (EXAMPLES / "fail2ban-filter.conf").read_text(), re.M)
        assert found, key
        return found[1]

    def attack(self) -> list[str]:
        """The log lines of requests with wrong tokens, without a token, and with the right one."""
        self.stack.request("POST", "/api/sync", {"Authorization": "Bearer wrong"})
        self.stack.request("HEAD", "/metrics", {"Authorization": "Bearer wrong"})
        self.stack.request("GET", "/courses/x from 192.0.2.1: y".replace(" ", "%20"),
                           {"Authorization": "Basic Ondyb25n"})
        self.stack.request("GET", "/courses/?lang=en", {"Authorization": "Basic Ondyb25n"})
        for target in ("/courses/x", "/courses/", "/api/sync", "/metrics"):
            self.assertEqual(self.stack.get(target).status, 401)
        self.assertEqual(self.stack.request("POST", "/api/sync", BEARER).status, 200)
        assert self.stack.web and self.stack.worker
        self.stack.web.stop()
        self.stack.worker.stop()
        lines = self.stack.web.log + self.stack.worker.log
        self.assertGreater(len(lines), 5)
        # As fail2ban assembles an entry of the journal.
        return [re.sub(r"^(aither-\w+): ", r"Nov 23 04:00:00 host \1[77]: ", line) for line in lines]

    def test_the_expression_finds_wrong_tokens_and_nothing_else(self) -> None:
        lines = self.attack()
        prefix, address = rf"\S+ {self.read('_daemon')}\[\d+\]: ", r"(?P<ip>[0-9a-f.:]+)"
        expression = self.read("failregex").replace("%(__prefix_line)s", prefix).replace("<ADDR>", address)
        found = [match for line in lines if (match := re.search(expression, line[len("Nov 23 04:00:00 "):]))]
        self.assertEqual([match["ip"] for match in found], ["127.0.0.1"] * 4)
        self.assertEqual([line for line in lines if "wrong token" in line and TOKEN in line], [])
        self.check_with_fail2ban(lines)

    def check_with_fail2ban(self, lines: list[str]) -> None:
        program = shutil.which("fail2ban-regex")
        common = Path("/etc/fail2ban/filter.d/common.conf")
        if not program or not common.exists():
            return
        directory = temporary(self)
        shutil.copy(common, directory)
        shutil.copy(EXAMPLES / "fail2ban-filter.conf", directory / "aither.conf")
        log = directory / "log"
        log.write_text("\n".join(lines) + "\n")
        done = subprocess.run([program, log, directory / "aither.conf"], capture_output=True, text=True)
        self.assertIn(f"Lines: {len(lines)} lines, 0 ignored, 4 matched, {len(lines) - 4} missed", done.stdout)

    def test_the_event_is_that_of_the_log(self) -> None:
        event = re.search(r'LOG_EVENT_AUTH_REFUSED "(\w+)"', (TOP / "src/base/log.h").read_text())
        assert event
        self.assertEqual(self.read("journalmatch"), f"_SYSTEMD_UNIT=aither.service MESSAGE_ID={event[1]}")

    def test_a_jail_names_the_filter(self) -> None:
        jail = (EXAMPLES / "fail2ban-jail.conf").read_text()
        self.assertIn(f"\nfilter = {place(EXAMPLES / 'fail2ban-filter.conf').stem}\n", jail)


def check_filter(test: unittest.TestCase, log: Path, matched: int, missed: int) -> None:
    """Checks what fail2ban finds in a proxy's log, if fail2ban is installed."""
    if not shutil.which("fail2ban-regex") or not (common := Path("/etc/fail2ban/filter.d/common.conf")).exists():
        return
    directory = temporary(test)
    shutil.copy(common, directory)
    shutil.copy(EXAMPLES / "fail2ban-proxy-filter.conf", directory / "aither-proxy.conf")
    done = subprocess.run(["fail2ban-regex", log, directory / "aither-proxy.conf"], capture_output=True, text=True)
    test.assertIn(f"Lines: {matched + missed} lines, 0 ignored, {matched} matched, {missed} missed", done.stdout)


class ProxyTest(StackTest):
    """A test with a proxy in front of the stack; the proxy listens with TLS on `port`."""

    environment = {"AITHER_SYNC_TOKEN": TOKEN}

    def setUp(self) -> None:
        super().setUp()
        self.directory = temporary(self)
        with socket.socket() as chosen:
            chosen.bind(("127.0.0.1", 0))
            self.port = chosen.getsockname()[1]
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out",
                        "certificate.pem", "-subj", "/CN=courses.example.org", "-days", "1"], cwd=self.directory,
                       check=True, capture_output=True)

    def adapted(self, example: str, *replaced: tuple[str, str]) -> str:
        """Returns the example, adapted to this machine."""
        text = (EXAMPLES / example).read_text()
        for there, here in replaced:
            self.assertIn(there, text)
            text = text.replace(there, here)
        return text

    def start_proxy(self, *command: str) -> None:
        proxy = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        self.addCleanup(proxy.wait, 30)
        self.addCleanup(proxy.terminate)
        wait_until(lambda: proxy.poll() is not None or self.answers(), f"{command[0]} listens")

    def answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def ask(self, method: str, target: str, headers: dict[str, str] | None = None) -> Any:
        context = ssl.create_default_context(cafile=str(self.directory / "certificate.pem"))
        context.check_hostname = False
        request = urllib.request.Request(f"https://127.0.0.1:{self.port}{target}", method=method,
                                         headers={"Host": "courses.example.org"} | (headers or {}))
        try:
            return urllib.request.urlopen(request, context=context, timeout=60)
        except urllib.error.HTTPError as error:
            self.addCleanup(error.close)
            return error


@unittest.skipUnless(shutil.which("nginx") and shutil.which("openssl"), "nginx or openssl is not installed")
class Nginx(ProxyTest):
    def setUp(self) -> None:
        super().setUp()
        self.sync(**BEARER)
        files = self.stack.directory / "site"
        (files / "fonts").mkdir(parents=True)
        for name in ("logo.svg", "style.css", "imprint.html", "fonts/text.woff2"):
            (files / name).write_text(f"<p>{name}</p>" * 50)
        self.write_configuration()
        command = ["nginx", "-e", "stderr", "-c", str(self.directory / "nginx.conf")]
        checked = subprocess.run([*command, "-t"], capture_output=True, text=True)
        self.assertEqual(checked.returncode, 0, checked.stderr)
        # Both releases accept this configuration, but only Debian 12 prints nothing.
        self.assertNotIn("[warn]", re.sub(r'.*the "listen ... http2" directive is deprecated.*', "", checked.stderr))
        self.start_proxy(*command)
        self.connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=60,
                                                      context=ssl._create_unverified_context())
        self.addCleanup(self.connection.close)

    def write_configuration(self) -> None:
        site = self.adapted(
            "nginx.conf", ("/etc/ssl/certs/courses.example.org.pem", f"{self.directory}/certificate.pem"),
            ("/etc/ssl/private/courses.example.org.key", f"{self.directory}/key.pem"),
            ("/var/lib/nginx/aither", f"{self.directory}/cache"), ("/var/log/nginx/aither.log", f"{self.directory}/log"),
            ("127.0.0.1:3500", f"127.0.0.1:{self.stack.port}"),
            ("\tlisten 443 ", f"\tlisten 127.0.0.1:{self.port} "),
            ("\tlisten [::]:443 ssl http2;\n", ""), ("\tlisten [::]:80;\n", ""),
            ("\tlisten 80;\n", f"\tlisten unix:{self.directory}/plain;\n"), ("200 10s", "200 3s"))
        (self.directory / "site").write_text(site)
        paths = "".join(f"{kind}_temp_path {self.directory}/{kind};\n" for kind in
                        ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        user = "user root;\n" if os.geteuid() == 0 else ""
        (self.directory / "nginx.conf").write_text(
            f"{user}pid {self.directory}/pid;\nerror_log stderr warn;\ndaemon off;\nworker_processes 1;\nevents {{}}\n"
            f"http {{\naccess_log off;\n{paths}include {self.directory}/site;\n}}\n")

    def home(self, accepted: str, target: str = "/", encoding: str = "identity") -> tuple[str, str]:
        """Fetches the homepage; returns its language, and the cache's answer (HIT, MISS...)."""
        self.connection.request("GET", target, headers={
            "Host": "courses.example.org", "Accept-Language": accepted, "Accept-Encoding": encoding})
        answer = self.connection.getresponse()
        text = answer.read()
        self.assertEqual(answer.headers["Content-Encoding"], "gzip" if encoding == "gzip" else None)
        found = re.search(r'<html lang="(\w+)"', (gzip.decompress(text) if encoding == "gzip" else text).decode())
        assert found
        self.assertIn("max-age", answer.headers["Strict-Transport-Security"])
        return found[1], answer.headers["X-Cache"]

    def test_a_language_is_what_aither_would_choose(self) -> None:
        for accepted in ("", "de", "en", "fr", "fr,en;q=0.5", "fr, de;q=0.9, en;q=0.8", "en-GB,en;q=0.9,de;q=0.8",
                         "de-AT,en", "fr-DE,en;q=0.7", "en-DE", "DE", "EN", "den,ende,en", "*"):
            for target in ("/", "/?lang=de", "/?lang=en", "/?lang=fr", "/?x=1&lang=en"):
                directly = self.stack.request("GET", target, {"Accept-Language": accepted}).headers["Content-Language"]
                self.assertEqual(self.home(accepted, target)[0], directly, (accepted, target))

    def test_one_homepage_for_each_language_serves_all_browsers_and_queries(self) -> None:
        for target in ("/", "/?lang=en"):
            self.home("de", target)
        names = sorted(os.listdir(self.directory / "cache"))
        for number in range(500):
            self.home(f"fr, x{number}", f"/?x{number}={number}", ("gzip", "identity")[number % 2])
        count = sum(len(files) for _, _, files in os.walk(self.directory / "cache"))
        self.assertEqual((count, sorted(os.listdir(self.directory / "cache"))), (2, names))

    def test_old_pages_while_aither_is_stopped(self) -> None:
        targets = ("/logo.svg", "/style.css", "/courses.ics", "/courses.json")
        for language in ("de", "en"):
            self.assertEqual(self.home(language), (language, "MISS"))
            self.assertEqual(self.home(language), (language, "HIT"))
        for target in targets:
            self.ask("GET", target).close()
        assert self.stack.web
        self.stack.web.stop()
        wait_until(lambda: self.home("de")[1] == "STALE", "the page is old")
        wait_until(lambda: self.home("en")[1] == "STALE", "the page is old")
        for encoding in ("identity", "gzip"):
            for accepted, language in (("de", "de"), ("en-US,en;q=0.5", "en"), ("fr", "de"), ("", "de")):
                began = time.monotonic()
                self.assertEqual(self.home(accepted, "/?y", encoding), (language, "STALE"))
                self.assertLess(time.monotonic() - began, 2)
        for target in targets:
            with self.ask("GET", target) as answer:
                self.assertEqual(answer.status, 200)
        self.assertEqual(self.ask("GET", "/readyz").status, 502)
        self.assertEqual(self.ask("GET", "/courses/").status, 502)

    def test_everything_passes_through(self) -> None:
        for target in ("/courses.ics", "/courses.json", "/logo.svg", "/style.css", "/imprint.html", "/fonts/text.woff2",
                       "/favicon.svg", "/robots.txt", "/readyz", "/healthz", "/api/openapi.json"):
            with self.ask("GET", target) as answer:
                directly = self.stack.get(target)
                self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, directly.headers["Content-Type"]))
        with self.ask("GET", "/style.css", {"Accept-Encoding": "gzip"}) as answer:
            self.assertEqual(answer.headers["Content-Encoding"], "gzip")
        for target in ("/courses/", "/courses/?lang=en"):
            self.assertEqual(self.ask("GET", target).status, 401)
            with self.ask("GET", target, BEARER) as answer:
                self.assertEqual((answer.status, answer.headers["X-Cache"]), (200, None))
        for number in range(3):
            self.assertEqual(self.ask("GET", "/nothing.svg").headers["X-Cache"], "MISS")

    def test_the_api_needs_the_token_and_its_answers_are_not_kept(self) -> None:
        self.assertEqual(self.ask("POST", "/api/sync").status, 401)
        with self.ask("POST", "/api/sync", BEARER) as answer:
            self.assertEqual((answer.status, answer.headers["X-Cache"]), (200, None))
        page = "/courses/" + sorted(self.stack.pages())[0]
        with self.ask("GET", page, BEARER) as answer:
            self.assertEqual((answer.status, answer.headers["X-Cache"]), (200, None))
        self.assertEqual(self.ask("GET", page).status, 401)

    def test_guesses_are_limited_and_visitors_are_not(self) -> None:
        began = time.monotonic()
        guesses = [("/api/sync/status", "Bearer a-wrong-token"), ("/courses/x", "Basic Ondyb25n")] * 20
        statuses = [self.ask("GET", target, {"Authorization": guess}).status for target, guess in guesses]
        self.assertEqual(statuses[:20], [401] * 20)
        self.assertLessEqual(statuses.count(401), 22 + time.monotonic() - began)
        self.assertEqual(set(statuses), {401, 429})
        self.assertTrue(429 in statuses[::2] and 429 in statuses[1::2], statuses)
        # aither takes the path as it is written for a course page.
        self.assertEqual(self.ask("GET", "/courses/../x", {"Authorization": "Bearer a-wrong-token"}).status, 429)
        # Visitors without credentials are not limited.
        self.assertEqual(self.ask("GET", "/courses/x").status, 401)
        with self.ask("GET", "/") as answer:
            self.assertEqual(answer.status, 200)

    def test_guesses_are_in_the_log_for_fail2ban_with_the_id_that_aither_logs(self) -> None:
        wrong = {"Authorization": "Bearer wrong"}
        with self.ask("POST", "/api/sync", wrong) as answer:
            request_id = answer.headers["X-Request-Id"]
        self.ask("GET", "/courses/", wrong | {"User-Agent": '" 401 credentials '})
        for target in ("/courses/x", "/x%20401%20credentials%20x"):
            self.ask("GET", target)
        with self.ask("GET", "/api/sync/status", BEARER) as answer:
            self.assertEqual(answer.status, 200)
        log = self.directory / "log"
        wait_until(lambda: log.read_text().count("\n") == 5, "all requests are in the log")
        self.assertIn(f"] 401 credentials {request_id} ", log.read_text().splitlines()[0])
        check_filter(self, log, 2, 3)

    def test_the_metrics_are_not_public(self) -> None:
        for target in ("/metrics", "/%6detrics", "//metrics", "/x/../metrics", "/metrics?x", "/METRICS", "/metrics/"):
            self.assertEqual(self.ask("GET", target, BEARER).status, 404, target)
        with self.ask("GET", "/readyz") as answer:
            self.assertEqual(answer.status, 200)


@unittest.skipUnless(shutil.which("caddy") and shutil.which("openssl"), "caddy or openssl is not installed")
class Caddy(ProxyTest):
    def setUp(self) -> None:
        super().setUp()
        self.sync(**BEARER)
        text = self.adapted(
            "Caddyfile", ("\ncourses.example.org {",
                          "\n{\n\tadmin off\n\tauto_https off\n\tdefault_sni courses.example.org\n}\n\n"
                          f"https://courses.example.org:{self.port} {{\n\tbind 127.0.0.1\n"
                          f"\ttls {self.directory}/certificate.pem {self.directory}/key.pem"),
            ("/var/log/caddy/aither.log", f"{self.directory}/log"),
            ("127.0.0.1:3500", f"127.0.0.1:{self.stack.port}"))
        config = self.directory / "Caddyfile"
        config.write_text(text)
        home = mock.patch.dict(os.environ, {"HOME": str(self.directory)})
        home.start()
        self.addCleanup(home.stop)
        checked = subprocess.run(["caddy", "validate", "--config", EXAMPLES / "Caddyfile"], capture_output=True, text=True)
        self.assertEqual(checked.returncode, 0, checked.stderr)
        self.assertNotIn('"level":"warn"', checked.stderr)
        self.start_proxy("caddy", "run", "--adapter", "caddyfile", "--config", str(config))

    def ask(self, method: str, target: str, headers: dict[str, str] | None = None) -> Any:
        """With the port, because Caddy uses it to find the log of the site."""
        return super().ask(method, target, {"Host": f"courses.example.org:{self.port}"} | (headers or {}))

    def test_everything_passes_through_but_the_metrics(self) -> None:
        for target in ("/", "/courses.ics", "/courses.json", "/favicon.svg", "/robots.txt", "/readyz", "/api/openapi.json"):
            with self.ask("GET", target) as answer:
                self.assertEqual((answer.status, answer.headers["Strict-Transport-Security"]), (200, "max-age=31536000"))
        with self.ask("GET", "/", {"Accept-Language": "en", "Accept-Encoding": "gzip"}) as answer:
            self.assertEqual((answer.headers["Content-Language"], answer.headers["Content-Encoding"]), ("en", "gzip"))
        page = "/courses/" + sorted(self.stack.pages())[0]
        for target in (page, "/courses/", "/courses"):
            self.assertEqual(self.ask("GET", target).status, 401)
            with self.ask("GET", target, BEARER) as answer:
                self.assertEqual(answer.status, 200)
        with self.ask("POST", "/api/sync", BEARER) as answer:
            self.assertEqual(answer.status, 200)
        for target in ("/metrics", "/%6detrics", "//metrics", "/x/../metrics", "/metrics?x", "/METRICS"):
            self.assertEqual(self.ask("GET", target, BEARER).status, 404, target)

    def test_what_clients_say_of_themselves_is_not_forwarded(self) -> None:
        answer = self.ask("GET", "/api/sync/status", {"X-Request-Id": "chosen"})
        self.assertRegex(answer.headers["X-Request-Id"], "^[0-9a-f-]{36}$")

    def test_a_notice_at_once_while_aither_is_stopped(self) -> None:
        assert self.stack.web
        self.stack.web.stop()
        began = time.monotonic()
        answer = self.ask("GET", "/")
        self.assertEqual((answer.status, answer.headers["Retry-After"]), (502, "30"))
        self.assertIn("Please try again", answer.read().decode())
        self.assertLess(time.monotonic() - began, 2)

    def test_guesses_are_in_the_log_for_fail2ban_with_the_id_that_aither_logs(self) -> None:
        wrong = {"Authorization": "Bearer wrong"}
        with self.ask("POST", "/api/sync", wrong) as answer:
            request_id = answer.headers["X-Request-Id"]
        self.ask("GET", "/courses/", wrong)
        self.ask("GET", "/courses/x", {"X-Y": '"Authorization":[]'})
        self.ask("GET", "/x", wrong | {"X-Y": ',"status":401,"'})
        with self.ask("GET", "/api/sync/status", BEARER) as answer:
            self.assertEqual(answer.status, 200)
        log = self.directory / "log"
        wait_until(lambda: log.exists() and log.read_text().count("\n") == 5, "all requests are in the log")
        text = log.read_text()
        self.assertIn(request_id, text.splitlines()[0])
        # Caddy writes as many digits as the time happens to have.
        log.write_text("".join(re.sub(r'"ts":(\d+)[.\d]*', rf'"ts":\g<1>{digits}', text) for digits in
                               ("", ".1", ".123", ".123456", ".1234567")))
        check_filter(self, log, 10, 15)


class Node(http.server.BaseHTTPRequestHandler):
    """A server in aither's place that remembers the requests that it gets. It reports that it is ready, and closes the
    connection of every request whose target says so."""

    protocol_version = "HTTP/1.1"
    received: list[tuple[str, str, dict[str, str]]]  # belongs to the class that start() makes

    @classmethod
    def start(cls, test: unittest.TestCase) -> "type[Node]":
        node = type("Node", (cls,), {"received": []})
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), node)
        node.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        test.addCleanup(server.server_close)
        test.addCleanup(thread.join)
        test.addCleanup(server.shutdown)
        return node

    def do_GET(self) -> None:
        if self.path not in ("/readyz", "/healthz"):
            self.received.append((self.command, self.path, {name.lower(): value for name, value in self.headers.items()}))
        if "lost" in self.path:
            self.close_connection = True
            return
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        pass


@unittest.skipUnless(shutil.which("haproxy") and shutil.which("openssl"), "haproxy or openssl is not installed")
class Haproxy(ProxyTest):
    def start(self, one: int, two: int, *replaced: tuple[str, str]) -> None:
        """Starts haproxy with the nodes at these ports."""
        both = self.directory / "both.pem"
        both.write_text((self.directory / "certificate.pem").read_text() + (self.directory / "key.pem").read_text())
        text = self.adapted(
            "haproxy.cfg", ("192.0.2.11:3500", f"127.0.0.1:{one}"), ("192.0.2.12:3500", f"127.0.0.1:{two}"),
            ("\tbind :::443 v6only ssl crt /etc/ssl/private/courses.example.org.pem alpn h2,http/1.1\n", ""),
            ("/etc/ssl/private/courses.example.org.pem", str(both)), ("bind :443", f"bind 127.0.0.1:{self.port}"),
            ("\tbind :80\n\tbind :::80 v6only\n", ""), ("/run/haproxy/", f"{self.directory}/"),
            ("\tchroot /var/lib/haproxy\n\tuser haproxy\n\tgroup haproxy\n", ""), *replaced)
        config = self.directory / "haproxy.cfg"
        config.write_text(text)
        checked = subprocess.run(["haproxy", "-c", "-f", config], capture_output=True, text=True)
        self.assertEqual(checked.returncode, 0, checked.stderr)
        self.assertNotRegex(checked.stdout + checked.stderr, "(?i)warning|alert|notice")
        self.start_proxy("haproxy", "-db", "-f", str(config))

    def servers(self) -> dict[str, str]:
        """The nodes' states, by "backend/server"."""
        with socket.socket(socket.AF_UNIX) as admin:
            admin.connect(f"{self.directory}/admin.sock")
            admin.sendall(b"show stat\n")
            rows = [row.split(",") for row in admin.makefile().read().split("\n") if "," in row]
        return {f"{row[0]}/{row[1]}": row[rows[0].index("status")] for row in rows[1:]}

    def status(self, method: str, target: str, headers: dict[str, str] | None = None) -> int:
        with self.ask(method, target, headers) as answer:
            return answer.status

    def test_pages_the_api_and_the_metrics(self) -> None:
        self.sync(**BEARER)
        self.start(self.stack.port, self.stack.port)
        with self.ask("GET", "/") as answer:
            self.assertEqual((answer.status, answer.headers["Strict-Transport-Security"]), (200, "max-age=31536000"))
        page = "/courses/" + sorted(self.stack.pages())[0]
        self.assertEqual([self.status("GET", page, BEARER), self.status("GET", page)], [200, 401])
        self.assertEqual([self.status("POST", "/api/sync", BEARER), self.status("POST", "/api/sync")], [200, 401])
        for target in ("/metrics", "/%6detrics", "/metrics?x"):
            self.assertEqual(self.status("GET", target, BEARER), 404)
        self.assertEqual(self.status("GET", "/readyz"), 200)

    def test_guesses_are_limited_and_visitors_are_not(self) -> None:
        self.sync(**BEARER)
        self.start(self.stack.port, self.stack.port)
        began = time.monotonic()
        guesses = [("/api/sync/status", "Bearer a-wrong-token"), ("/courses/x", "Basic Ondyb25n")] * 20
        statuses = [self.status("GET", target, {"Authorization": guess}) for target, guess in guesses]
        self.assertEqual(statuses[:20], [401] * 20)
        self.assertLessEqual(statuses.count(401), 22 + time.monotonic() - began)
        self.assertEqual(set(statuses), {401, 429})
        self.assertTrue(429 in statuses[::2] and 429 in statuses[1::2], statuses)
        self.assertEqual([self.status("GET", "/courses/x"), self.status("GET", "/")], [401, 200])
        other = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=60, source_address=("127.0.0.2", 0),
                                            context=ssl._create_unverified_context())
        self.addCleanup(other.close)
        other.request("GET", "/courses/x", headers={"Authorization": "Basic Ondyb25n"})
        self.assertEqual(other.getresponse().status, 401, "each address has its own limit")

    def test_everything_passes_through(self) -> None:
        self.sync(**BEARER)
        files = self.stack.directory / "site"
        files.mkdir()
        (files / "logo.svg").write_text("<svg/>")
        self.start(self.stack.port, self.stack.port)
        for target in ("/courses.ics", "/courses.json", "/logo.svg", "/favicon.svg", "/robots.txt", "/api/openapi.json"):
            self.assertEqual(self.status("GET", target), 200, target)
        self.assertEqual([self.status("GET", "/courses/", headers) for headers in (None, BEARER)], [401, 200])
        for accepted, language in (("en-GB", "en"), ("fr", "de")):
            with self.ask("GET", "/?x=1", {"Accept-Language": accepted, "Accept-Encoding": "gzip"}) as answer:
                self.assertEqual(answer.headers["Content-Language"], language)
                self.assertEqual(answer.headers["Content-Encoding"], "gzip")

    def test_guesses_are_in_the_log_for_fail2ban_with_the_id_that_aither_logs(self) -> None:
        syslog = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(syslog.close)
        syslog.bind(f"{self.directory}/syslog")
        syslog.settimeout(60)
        self.start(self.stack.port, self.stack.port, ("log /dev/log ", f"log {self.directory}/syslog "))
        wrong = {"Authorization": "Bearer wrong"}
        with self.ask("POST", "/api/sync", wrong) as answer:
            request_id = answer.headers["X-Request-Id"]
        for target, headers in (("/courses/", wrong), ("/courses/x", {}), ("/x", wrong), ("/healthz", BEARER)):
            self.status("GET", target, headers)
        lines: list[str] = []
        while len(lines) < 5:
            line = re.sub(r"^<\d+>", "", syslog.recv(65536).decode().rstrip("\n"))
            if " courses~ " in line:
                lines.append(line)
        self.assertIn(" 401 ", lines[0])
        self.assertIn(f" {{{request_id}|credentials}} ", lines[0])
        log = self.directory / "log"
        log.write_text("\n".join(lines) + "\n")
        check_filter(self, log, 2, 3)

    def test_pages_without_a_ready_node(self) -> None:
        self.hemera.scenario(fault={"path": "/api/", "kind": "status", "status": 503, "count": -1})
        self.start(self.stack.port, self.stack.port)
        wait_until(lambda: self.servers()["aither/BACKEND"] == "DOWN", "no node is ready")
        self.assertEqual(self.status("GET", "/"), 200)
        self.hemera.scenario(fault=None)
        self.assertEqual(self.status("POST", "/api/sync", BEARER), 200)

    def test_what_clients_say_of_themselves_is_not_forwarded(self) -> None:
        node = Node.start(self)
        self.start(node.port, node.port)
        self.assertEqual(self.status("GET", "/", {
            "X-Forwarded-For": "192.0.2.1", "x-forwarded-host": "evil.example", "X-Forwarded-Proto": "http",
            "Forwarded": "for=192.0.2.1", "X-Request-Id": "chosen", "Cookie": "kept=1"}), 200)
        [(_, _, headers)] = node.received
        told = {name: value for name, value in headers.items() if "forwarded" in name}
        self.assertEqual(told, {"x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "https"})
        self.assertRegex(headers["x-request-id"], "^[0-9a-f-]{36}$")
        self.assertEqual((headers["host"], headers["cookie"]), ("courses.example.org", "kept=1"))

    def test_a_lost_get_is_sent_to_the_other_node_and_a_post_never_twice(self) -> None:
        one, two = Node.start(self), Node.start(self)
        self.start(one.port, two.port)
        self.assertEqual(self.status("GET", "/lost"), 502)
        self.assertEqual({len(node.received) for node in (one, two)}, {2}, "each node in turn")
        for target in ("/api/sync?lost", "/lost", "/%61pi/sync?lost"):
            one.received.clear()
            two.received.clear()
            self.assertEqual(self.status("POST", target, BEARER), 502)
            self.assertEqual(len(one.received) + len(two.received), 1, target)
        one.received.clear()
        for _ in range(3):
            self.assertEqual(self.status("GET", "/api/sync/status", BEARER), 200)
        self.assertEqual(len(one.received), 3, "the status is that of the node that syncs")

    def test_a_sync_may_take_long(self) -> None:
        """All time limits are far too short, except that of the API's server."""
        self.hemera.scenario(fault={"path": "/api/service/courses", "kind": "delay", "seconds": 3})
        self.start(self.stack.port, self.stack.port, *((f"timeout {name}s", f"timeout {name.split()[0]} 1s") for name in
                                                       ("server 30", "client 30", "http-keep-alive 10")))
        self.assertEqual(self.status("POST", "/api/sync", BEARER), 200)
        limits = dict(re.findall(r"^\ttimeout (server) (120)s$", (EXAMPLES / "haproxy.cfg").read_text(), re.M))
        self.assertEqual(limits, {"server": "120"})


class KeptByHaproxy(unittest.TestCase):
    def test_all_connections_to_a_machine_are_within_the_share_of_one_client(self) -> None:
        text = (EXAMPLES / "haproxy.cfg").read_text()
        all_of_web = re.search(r"^\[Web\]$[^[]*^#MaxConnections=(\d+)$", (TOP / "data/aither.conf").read_text(), re.M)
        pages = re.search(r"^\tdefault-server .* maxconn (\d+)$", text, re.M)
        api = re.findall(r"^\tserver \w+ \S+ check maxconn (\d+)", text, re.M)
        assert all_of_web and pages
        self.assertEqual(len(api), 2)
        for calls in api:
            self.assertLessEqual(int(pages[1]) + int(calls), int(all_of_web[1]) // 2)


class KeptByNginx(unittest.TestCase):
    def test_it_lets_go_of_an_idle_connection_before_aither_does(self) -> None:
        limit = re.search(r"SERVER_REQUEST_TIMEOUT_S (\d+)", (TOP / "src/http/server.h").read_text())
        kept = re.search(r"\bkeepalive_timeout (\d+)s;", (EXAMPLES / "nginx.conf").read_text())
        assert limit and kept
        self.assertLess(int(kept[1]), int(limit[1]))


class LocalAccessBehindTheExamples(StackTest):
    def test_without_a_token_the_headers_of_the_example_close_the_api(self) -> None:
        names = re.findall(r"proxy_set_header (X-Forwarded-\w+) ", (EXAMPLES / "nginx.conf").read_text())
        self.assertEqual(len(names), 2)
        self.assertEqual(re.findall(r"set-header (X-Forwarded-\w+) ", (EXAMPLES / "haproxy.cfg").read_text()), names)
        self.assertEqual(self.stack.get("/api/sync", Host="localhost").code, "NO_SYNC_JOB")
        for name in names:
            self.assertEqual(self.stack.request("GET", "/api/sync", {"Host": "localhost", name: "x"}).code,
                             "SYNC_TOKEN_NOT_SET")


@unittest.skipUnless(shutil.which("nginx"), "nginx is not installed")
class LocalAccessBehindProxiesOfOthers(StackTest):
    """Without a token, and with the Prometheus configuration of most tutorials."""

    def test_strangers_are_not_taken_for_this_machine(self) -> None:
        directory = temporary(self)
        paths = "".join(f"{kind}_temp_path {directory}/{kind};\n" for kind in
                        ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        server = "server {{ listen unix:{}/{}; location / {{ proxy_pass http://127.0.0.1:{}; {} }} }}\n"
        servers = {"bare": "", "real-ip": "proxy_http_version 1.1; proxy_set_header X-Real-IP $remote_addr;"}
        user = "user root;\n" if os.geteuid() == 0 else ""
        (directory / "nginx.conf").write_text(
            f"{user}pid {directory}/pid;\ndaemon off;\nworker_processes 1;\nevents {{}}\nhttp {{\naccess_log off;\n{paths}"
            + "".join(server.format(directory, name, self.stack.port, more) for name, more in servers.items()) + "}\n")
        nginx = subprocess.Popen(["nginx", "-e", "stderr", "-c", str(directory / "nginx.conf")], stderr=subprocess.DEVNULL)
        self.addCleanup(nginx.wait, 30)
        self.addCleanup(nginx.terminate)
        wait_until(lambda: nginx.poll() is not None or (directory / "pid").exists(), "nginx listens")
        for name in servers:
            for host in ("localhost", "courses.example.org"):
                with self.subTest(name, host=host), socket.socket(socket.AF_UNIX) as client:
                    client.connect(f"{directory}/{name}")
                    client.sendall(f"POST /api/sync HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n"
                                   "Connection: close\r\n\r\n".encode())
                    answer = b"".join(iter(lambda: client.recv(65536), b""))
                    self.assertIn(b" 403 ", answer.partition(b"\r\n")[0])
                    self.assertIn(b"SYNC_TOKEN_NOT_SET", answer)
        self.assertEqual(self.hemera.requests(), [])


class AlertRules(StackTest):
    environment = {"AITHER_SYNC_TOKEN": TOKEN}

    def rules(self) -> list[dict[str, str]]:
        """Each rule's keys with their text, for the part of YAML that this file uses."""
        text = re.sub(r": >-\n((?: {10}.*\n)+)", lambda m: ": " + " ".join(m[1].split()) + "\n", RULES.read_text())
        parts = re.split(r"^ +- (?=alert: )", text, flags=re.M)[1:]
        return [dict(re.findall(r"^ *(\w+): (\S.*)$", part, re.M)) for part in parts]

    def test_every_rule_is_complete_and_has_a_name_of_its_own(self) -> None:
        rules = self.rules()
        self.assertGreater(len(rules), 8)
        self.assertEqual(len({rule["alert"] for rule in rules}), len(rules))
        for rule in rules:
            self.assertLessEqual({"alert", "expr", "severity", "summary", "description"}, rule.keys())
            self.assertIn(rule["severity"], ("critical", "warning", "info"))

    def test_the_file_is_yaml(self) -> None:
        try:
            import yaml
        except ImportError:
            self.skipTest("python3-yaml is not installed")
        groups = yaml.safe_load(RULES.read_text())["groups"]
        self.assertEqual([[rule["alert"] for rule in group["rules"]] for group in groups],
                         [[rule["alert"] for rule in self.rules()]])
        self.assertEqual([" ".join(rule["expr"].split()) for rule in groups[0]["rules"]],
                         [rule["expr"] for rule in self.rules()])

    def test_every_metric_and_label_of_the_rules_exists(self) -> None:
        self.sync(**BEARER)
        text = self.stack.request("GET", "/metrics", BEARER).text
        samples, families = exposition.read(text), set(re.findall(r"^# TYPE (\w+) ", text, re.M))
        used: set[tuple[str, str]] = set()
        for rule in self.rules():
            used |= set(re.findall(r"\b(aither_\w+)(?:\{(\w+)(?:=|!=|=~|!~))?", rule["expr"]))
        self.assertGreater(len(used), 8)
        for name, label in used:
            self.assertIn(name, families)
            if label:
                self.assertTrue([s for s in samples if re.match(rf'{name}\{{(.*,)?{label}="', s)], f"{name} {label}")

    def test_a_hemera_that_lacks_what_is_optional_does_not_count_as_failing(self) -> None:
        """Templates and participations get 404 from today's Hemera, in each sync that succeeds."""
        self.sync(**BEARER)
        counted = {name.split('"')[1]: value
                   for name, value in exposition.read(self.stack.request("GET", "/metrics", BEARER).text).items()
                   if name.startswith("aither_hemera_requests_total{") and value > 0}
        self.assertEqual(counted["404"], 2)
        rule = next(rule["expr"] for rule in self.rules() if rule["alert"] == "AitherHemeraFailing")
        well = re.search(r'\(aither_hemera_requests_total\{code!(=|~)"([^"]+)"\}', rule)[2].split("|")
        self.assertEqual(set(counted) - set(well), set())


if __name__ == "__main__":
    unittest.main()
