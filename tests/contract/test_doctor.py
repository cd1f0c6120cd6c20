# SPDX-License-Identifier: MIT
"""`aither doctor` on a real stack: each mistake of an operator, how it is reported, and its remedy."""
import http.server
import json
import os
import pty
import shlex
import ssl
import subprocess
import threading
import time
import unittest
from pathlib import Path
from typing import Any

from stack import BUILD, Daemon, StackTest, neutral, wait_until
from stub.certificates import Authority
from stub.smtp_stub import HANG, SmtpStub

NO_BUS = {"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent/bus"}  # no bus, even where systemd runs


class Result:
    """The results of one run of doctor, by the names of the checks."""

    def __init__(self, done: subprocess.CompletedProcess[str]):
        self.exit = done.returncode
        self.text = done.stdout
        self.envelope: dict[str, Any] = json.loads(done.stdout)
        self.found: dict[str, Any] = self.envelope["data"]
        self.checks: list[dict[str, Any]] = self.found["checks"]
        for check in self.checks:
            check["remedy"] = check["remedy"] and neutral(check["remedy"])

    def named(self, name: str) -> list[dict[str, Any]]:
        return [c for c in self.checks if c["name"] == name]

    def the(self, name: str) -> dict[str, Any]:
        found = self.named(name)
        assert len(found) == 1, f"{name}: {self.checks}"
        return found[0]

    def with_status(self, status: str) -> list[str]:
        return [c["name"] for c in self.checks if c["status"] == status]


class DoctorTest(StackTest):
    environment = NO_BUS

    def setUp(self) -> None:
        super().setUp()
        self.mail = SmtpStub()
        self.addCleanup(self.mail.stop)

    def doctor(self) -> Result:
        return Result(self.stack.cli("doctor", "--json"))

    def configure(self, base_url: str = "", mail: str = "", more: str = "", **environment: str) -> None:
        """Restarts the worker with another configuration; every argument not given keeps a value that works."""
        assert self.stack.worker
        self.assertEqual(self.stack.worker.stop(), 0)
        mail = mail or f"MailTo=a@example.org\nSMTPURL=smtp://127.0.0.1:{self.mail.port}\n"
        self.stack.write_config(
            f"[Hemera]\nBaseURL={base_url or self.hemera.url}\n[Notify]\n{mail}\n{more}\n")
        self.stack.environment |= environment
        self.stack.start_worker()

    def assert_check(self, name: str, status: str, message: str, remedy: str | None = None) -> Result:
        """Runs doctor and compares the one check of that name."""
        found = self.doctor()
        check = found.the(name)
        self.assertEqual(check["status"], status, check)
        self.assertRegex(check["message"], message)
        if remedy is None:
            self.assertIsNone(check["remedy"], check)
        else:
            self.assertIn(remedy, check["remedy"])
        self.assertNotIn(self.hemera.key, found.text)
        return found


class Healthy(DoctorTest):
    def setUp(self) -> None:
        super().setUp()
        for name in ("templates", "site"):
            (self.stack.directory / name).mkdir(mode=0o755)

    def test_all_is_well(self) -> None:
        self.configure()
        self.sync()
        found = self.doctor()
        self.assertEqual((found.exit, found.found["healthy"]), (0, True), found.checks)
        self.assertEqual(found.with_status("failed") + found.with_status("warning"), [])
        self.assertEqual(set(found.with_status("ok")),
                         {"worker", "configuration", "hemera-api-key", "secrets", "output-directory", "manifest",
                          "course-list", "templates", "site-files", "time-zone", "hemera", "clock", "mail"})
        self.assertEqual(set(found.with_status("skipped")), {"units", "port", "rollbar", "credentials"})

    def test_nothing_is_changed_and_one_request_is_made(self) -> None:
        self.configure()
        self.sync()
        self.stack.wait_for_alerts()
        before = sorted((str(p), p.stat().st_mtime_ns) for p in self.stack.output.rglob("*") if p.is_file())
        self.hemera.clear_requests()
        self.doctor()
        after = sorted((str(p), p.stat().st_mtime_ns) for p in self.stack.output.rglob("*") if p.is_file())
        self.assertEqual(after, before)
        self.assertEqual([r["query"] for r in self.hemera.requests("/api/")], ["limit=1&offset=0"])
        self.assertEqual(self.mail.mails, [])

    def test_the_answer_for_a_person(self) -> None:
        self.configure(mail="MailTo=")
        done = self.stack.cli("doctor")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"(?m)^ok    hemera: http://\S+ accepts the key, answered in \d+ ms$")
        self.assertRegex(neutral(done.stdout),
            r"(?m)^WARN  mail: .*\n        EDITOR .*\n        systemctl restart aither aither-worker")
        self.assertRegex(done.stdout, r"\n\nhealthy: \d+ checks, 1 warning\n\Z")
        self.assertNotIn("\033", done.stdout)
        self.configure("http://127.0.0.1:9", mail="MailTo=")
        self.assertRegex(self.stack.cli("doctor").stdout, r"\n\nnot healthy: 1 of \d+ checks failed, 1 warning; ")

    def test_colours_on_a_terminal_only(self) -> None:
        self.configure()
        for more, coloured in (({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False),
                               ({"TERM": "dumb"}, False)):
            with self.subTest(more):
                master, slave = pty.openpty()
                subprocess.run([BUILD / "aither", f"--config={self.stack.config}", "doctor"], stdout=slave,
                               env=self.stack.environment | more, timeout=60, check=True)
                text = os.read(master, 65536).decode()
                os.close(slave)
                os.close(master)
                self.assertEqual("\033[32mok   \033[0m worker: " in text, coloured, text)

    def test_the_form_of_json(self) -> None:
        found = self.doctor()
        self.assertEqual(found.text.count("\n"), 1)
        self.assertEqual((set(found.envelope), found.envelope["success"]), ({"success", "data"}, True))
        self.assertEqual(set(found.found), {"healthy", "checks"})
        for check in found.checks:
            self.assertEqual(list(check), ["name", "status", "message", "remedy"])
            self.assertIn(check["status"], ("ok", "warning", "failed", "skipped"))

    def test_usage(self) -> None:
        self.assertEqual(self.stack.cli("doctor", "--wrong").returncode, 64)
        self.assertIn("usage: aither doctor [--json]", self.stack.cli("doctor", "--help").stdout)


class Configuration(DoctorTest):
    def test_a_missing_key(self) -> None:
        self.stack.environment.pop("HEMERA_API_KEY")
        self.configure()
        found = self.assert_check("hemera-api-key", "failed", "not set", "aither set-secret hemera-api-key")
        self.assertEqual(found.exit, 78)
        self.assertEqual(found.the("configuration")["status"], "ok")
        self.assertEqual(found.the("hemera")["status"], "skipped")
        self.assertIn("the key cannot be checked", found.the("hemera")["message"])

    def test_a_key_of_the_wrong_form_is_not_repeated(self) -> None:
        self.configure(HEMERA_API_KEY="too-short-secret")
        found = self.doctor()
        self.assertEqual(found.exit, 78)
        self.assertIn("32 to 256 characters", found.the("configuration")["message"])
        self.assertNotIn("too-short-secret", found.text)

    def test_mistakes_in_the_file_have_their_lines(self) -> None:
        self.configure(more="[Sync]\nTimeLimitSec=soon\nNonsense=1")
        lines = self.stack.config.read_text().splitlines()
        found = self.doctor()
        self.assertEqual(found.exit, 78)
        checks = found.named("configuration")
        for line, status in (("TimeLimitSec=soon", "failed"), ("Nonsense=1", "warning")):
            where = f"{self.stack.config}:{lines.index(line) + 1}: "
            check = next(c for c in checks if c["message"].startswith(where))
            self.assertEqual(check["status"], status)
            self.assertIn(f"EDITOR {self.stack.config}\nsystemctl restart aither aither-worker",
                          check["remedy"])

    def test_a_wrong_value_for_mail_disables_mail_alone(self) -> None:
        self.configure(mail="MailTo=a@example.org\nRetryDelaySec=soon")
        line = self.stack.config.read_text().splitlines().index("RetryDelaySec=soon") + 1
        found = self.doctor()
        self.assertEqual(found.exit, 0)
        self.assertEqual((found.the("configuration")["status"], found.the("configuration")["message"]), (
            "warning", f"{self.stack.config}:{line}: [Notify] RetryDelaySec=soon: not a number of seconds from 1 to "
                       "3600; no mail is sent until it is corrected"))
        self.assertEqual((found.the("mail")["status"], found.the("mail")["remedy"]), ("skipped", None))
        self.assertEqual(self.stack.cli("sync").returncode, 0)
        refused = self.stack.cli("test-mail")
        self.assertEqual(refused.returncode, 78)
        self.assertIn("RetryDelaySec=soon: not a number", refused.stderr)

    def test_a_wrong_value_for_rollbar_disables_rollbar_alone(self) -> None:
        self.configure(more="[Rollbar]\nEnabled=yes\nLevel=loud", ROLLBAR_SERVER_TOKEN="rollbar-token-0123456789")
        found = self.doctor()
        self.assertEqual(found.exit, 0)
        self.assertEqual(found.the("configuration")["status"], "warning")
        self.assertIn("; nothing is reported to Rollbar until it is corrected", found.the("configuration")["message"])
        self.assertEqual((found.the("rollbar")["status"], found.the("rollbar")["remedy"]), ("skipped", None))
        self.assertIn("Level=loud", self.stack.cli("test-rollbar").stderr)

    def test_a_file_that_is_not_read_is_named_with_how_to_have_it_read(self) -> None:
        directory = self.stack.directory / "aither.conf.d"
        directory.mkdir()
        (directory / "web.txt").write_text("[Web]\nLiveTTLSec=soon\n")
        self.configure()
        message = (f"{directory}/web.txt: is not read, because its name does not end in .conf; "
                   "rename it to web.conf, or move it elsewhere")
        found = self.doctor()
        self.assertEqual((found.exit, found.the("configuration")["status"], found.the("configuration")["message"],
                          found.the("configuration")["remedy"]),
                         (0, "warning", message, f"mv {directory}/web.txt {directory}/web.conf\n"
                                                 "systemctl restart aither aither-worker"))
        self.assertEqual(self.stack.cli("sync").returncode, 0)
        self.assertIn(message, self.stack.cli("status").stdout)
        for program in ("aither-worker", "aither-web"):
            done = subprocess.run([BUILD / program, f"--config={self.stack.config}", "--check-config"],
                                  env=self.stack.environment, capture_output=True, text=True, timeout=60)
            self.assertEqual((done.returncode, done.stderr), (0, f"{message}\n"))

    def test_a_missing_base_url(self) -> None:
        self.configure(base_url=" ")
        found = self.assert_check("configuration", "failed", "BaseURL is not set",
                                  f"EDITOR {self.stack.config}")
        self.assertEqual(found.exit, 78)
        self.assertEqual(found.the("hemera")["status"], "skipped")

    def test_rollbar_without_a_token(self) -> None:
        self.configure(more="[Rollbar]\nEnabled=yes")
        found = self.assert_check("rollbar", "failed", "token", "aither set-secret rollbar-token")
        self.assertEqual(found.exit, 1)
        self.configure(more="[Rollbar]\nEnabled=yes", ROLLBAR_SERVER_TOKEN="rollbar-token-0123456789")
        found = self.assert_check("rollbar", "ok", "enabled")
        self.assertEqual(found.the("secrets")["message"],
                         "loaded by aither-worker: hemera-api-key, rollbar-token")
        self.assertNotIn("rollbar-token-0123456789", found.text)


class Server(http.server.BaseHTTPRequestHandler):
    """A server that is not Hemera, or a Hemera with a wrong clock."""

    status, body, type, date = 200, b'{"success":true,"data":[]}', "application/json", ""

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.send_header("Content-Type", self.type)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def handle(self) -> None:
        try:
            super().handle()
        except ssl.SSLError:
            pass  # the client does not trust the certificate

    def date_time_string(self, timestamp: float | None = None) -> str:
        return self.date or super().date_time_string(timestamp)

    def log_message(self, *_: Any) -> None:
        pass


class Hemera(DoctorTest):
    def serve(self, tls: ssl.SSLContext | None = None, **members: Any) -> int:
        """A server on a free port of this machine."""
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Other", (Server,), members))
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server.server_address[1]

    def test_a_stored_secret_that_is_none(self) -> None:
        """A stored secret may be any text at all; the message does not repeat it."""
        credentials = self.stack.directory / "credentials"
        credentials.mkdir()
        for content in (b"too-short", b"a-key-that-is-\0-cut-0123456789-0123456789"):
            with self.subTest(content):
                (credentials / "aither.hemera-api-key").write_bytes(content)
                self.configure(CREDENTIALS_DIRECTORY=str(credentials))
                found = self.doctor()
                wrong = [c for c in found.named("configuration") if c["status"] == "failed"]
                self.assertEqual([c["remedy"] for c in wrong], ["aither set-secret hemera-api-key"], found.checks)
                self.assertNotIn(content.decode()[:9], found.text)

    def test_a_wrong_key(self) -> None:
        self.configure(HEMERA_API_KEY="another-key-another-key-another-key-1")
        found = self.assert_check("hemera", "failed", r": the key is refused: .*401 \w+",
                                  "aither set-secret hemera-api-key")
        self.assertEqual((found.exit, found.found["healthy"]), (1, False))
        self.assertNotIn("another-key", found.text)

    def test_nothing_listens(self) -> None:
        self.configure("http://127.0.0.1:9")
        found = self.assert_check("hemera", "failed", r"127\.0\.0\.1:9: Connection refused$",
                                  f"EDITOR {self.stack.config}\nsystemctl restart aither aither-worker")
        self.assertEqual(found.exit, 1)

    def test_an_unknown_name(self) -> None:
        self.configure("https://no-such-host.invalid")
        self.assert_check("hemera", "failed", r"no-such-host\.invalid: (the host name cannot be resolved|no answer)",
                          f"getent hosts no-such-host.invalid\nEDITOR {self.stack.config}\n")

    def test_a_certificate_of_another_host(self) -> None:
        ca = Authority(self.stack.directory)
        port = self.serve(ca.context())
        self.configure(f"https://localhost:{port}")
        self.assert_check("hemera", "failed", "the certificate is signed by an unknown CA", "update-ca-certificates")
        self.configure(f"https://localhost:{port}", SSL_CERT_FILE=str(ca.file))
        self.assert_check("hemera", "ok", "accepts the key")

    def test_no_tls_at_all(self) -> None:
        self.configure(f"https://127.0.0.1:{self.serve()}")
        self.assert_check("hemera", "failed", "the TLS handshake failed", "EDITOR ")

    def test_another_server(self) -> None:
        for members in ({"body": b"<html>", "type": "text/html"}, {"status": 302}, {"status": 404},
                        {"status": 403, "type": "text/html"}, {"body": b"{}"}):
            with self.subTest(members):
                self.configure(f"http://127.0.0.1:{self.serve(**members)}")
                self.assert_check("hemera", "failed", "the server is not Hemera", "aither.conf")

    def test_hemera_refuses_or_fails(self) -> None:
        self.configure()
        fault = {"path": "/api/service/courses", "kind": "status", "count": -1}
        self.hemera.scenario(fault=fault | {"status": 503})
        self.assert_check("hemera", "failed", "Hemera has failed: answered 503")
        self.hemera.scenario(fault=None, limit=1, used=1)
        found = self.assert_check("hemera", "warning", "the rate limit is used up")
        self.assertEqual(found.exit, 0)

    def test_the_clock(self) -> None:
        for seconds, status, message in ((0, "ok", "agrees"), (45, "ok", "agrees"),
                                         (-3600, "warning", r"36\d\d s ahead of Hemera's"),
                                         (3600, "warning", r"3[56]\d\d s behind Hemera's")):
            with self.subTest(seconds):
                date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + seconds))
                self.configure(f"http://127.0.0.1:{self.serve(date=date)}")
                found = self.assert_check("clock", status, message, "\ndate" if status == "warning" else None)
                self.assertEqual(found.exit, 0)

    def test_the_fallback_is_asked_too_but_only_a_help_in_need(self) -> None:
        self.configure(more="[Hemera]\nFallbackURL=http://127.0.0.1:9")
        found = self.assert_check("hemera-fallback", "warning", "127.0.0.1:9: Connection refused", "EDITOR ")
        self.assertEqual((found.exit, found.the("hemera")["status"]), (0, "ok"))

    def test_during_a_sync_hemera_is_left_alone(self) -> None:
        self.configure()
        self.hemera.scenario(fault={"path": "/api/service/courses", "kind": "delay", "seconds": 3, "count": 1})
        self.assertEqual(self.stack.cli("sync", "--no-wait").returncode, 0)
        self.assert_check("hemera", "skipped", "while a sync is using Hemera")
        wait_until(lambda: self.stack.get("/api/sync/status").data["status"] == "success", "the sync ends")

    def test_an_answer_comes_though_everything_hangs(self) -> None:
        self.hemera.scenario(fault={"path": "/api/service/courses", "kind": "hang", "seconds": 60, "count": -1})
        self.mail.fail("GREETING", HANG)
        self.configure()
        began = time.monotonic()
        found = self.assert_check("hemera", "failed", r"no complete answer (after 10\.\d s|within the time limit)",
            "EDITOR ")
        self.assertLess(time.monotonic() - began, 15)
        self.assertEqual((found.the("mail")["status"], found.exit), ("failed", 1))

    def test_a_worker_that_is_stopped_answers_first(self) -> None:
        self.hemera.scenario(fault={"path": "/api/service/courses", "kind": "hang", "seconds": 60, "count": -1})
        self.configure()
        assert self.stack.worker
        done: list[subprocess.CompletedProcess[str]] = []
        waiting = threading.Thread(target=lambda: done.append(self.stack.cli("doctor", "--json")))
        waiting.start()
        wait_until(lambda: self.hemera.requests("/api/"), "the worker asks Hemera")
        self.assertEqual(self.stack.worker.stop(), 0)
        waiting.join()
        self.assertEqual(done[0].returncode, 69)
        self.assertIn("shutting down", Result(done[0]).the("worker")["message"])


class Machine(DoctorTest):
    def test_before_the_first_sync(self) -> None:
        self.configure()
        found = self.assert_check("output-directory", "ok", "the first sync will create")
        self.assertIn("none yet", found.the("manifest")["message"])
        self.assertFalse(self.stack.output.exists())

    def test_an_output_directory_that_is_a_file(self) -> None:
        self.stack.output.write_text("")
        self.configure()
        found = self.assert_check("output-directory", "failed", "Not a directory", f"EDITOR {self.stack.config}")
        self.assertEqual(found.exit, 1)

    def test_an_output_directory_of_another_user(self) -> None:
        self.stack.output = Path("/nonexistent/aither/output")
        self.configure()
        self.assert_check("output-directory", "failed", "No such file", "install -d -o aither -g aither")

    def test_an_output_directory_that_the_sandbox_does_not_permit(self) -> None:
        """As with ProtectSystem=strict: a mount that is read-only for the worker alone."""
        shell = ["unshare", "--mount", "--map-root-user", "sh", "-c", 'mount --bind "$0" "$0" && '
                 'mount -o remount,ro,bind "$0" && exec "$@"', str(self.stack.output)]
        self.stack.output.mkdir()
        if subprocess.run([*shell, "true"], capture_output=True).returncode != 0:
            self.skipTest("no mount namespaces here")
        self.configure()
        assert self.stack.worker
        self.stack.worker.stop()
        self.stack.worker = Daemon("/usr/bin/env", [*shell, str(BUILD / "aither-worker"),
                                                    f"--config={self.stack.config}",
                                                    f"--listen={self.stack.socket}"], self.stack.environment)
        self.stack.worker.wait_for_line("listening on /")
        found = self.assert_check("output-directory", "failed", "Read-only file system",
                                  f"""'[Service]' 'ReadWritePaths="{self.stack.output}"' >""")
        self.assertEqual(found.exit, 1)

    def test_an_output_directory_in_a_home_directory(self) -> None:
        self.stack.output = Path("/home/nobody/pages")
        self.configure()
        self.assert_check("output-directory", "failed", "choose another OutputDirectory", "EDITOR")

    def test_a_word_for_systemd_and_the_shell(self) -> None:
        self.stack.output = Path("/nonexistent/100% \"my\" pages")
        self.configure()
        remedy = self.doctor().the("output-directory")["remedy"].splitlines()
        self.assertEqual(shlex.split(remedy[0])[-1], str(self.stack.output))
        self.assertEqual(shlex.split(remedy[2])[3], 'ReadWritePaths="/nonexistent/100%% \\"my\\" pages"')

    def test_a_damaged_manifest(self) -> None:
        self.configure()
        self.sync()
        (self.stack.output / ".sync-manifest.json").write_text("{")
        found = self.assert_check("manifest", "warning", "writes all pages again", "aither sync")
        self.assertEqual(found.exit, 0)

    def test_a_template_that_loads_what_browsers_refuse_is_a_warning(self) -> None:
        templates = self.stack.directory / "templates"
        templates.mkdir()
        (templates / "course.hbs").write_text('<p>{{course.title}}</p><img src="https://cdn.example/x.png">')
        self.configure()
        found = self.assert_check("templates", "warning", f"{templates}/course.hbs: browsers refuse the image "
                                  "https://cdn.example/x.png", f"EDITOR {templates}/course.hbs")
        self.assertEqual(found.exit, 0)

    def test_files_that_are_not_served_have_their_reasons(self) -> None:
        site = self.stack.directory / "site"
        site.mkdir(mode=0o755)
        (site / "logo.svg").write_text("<svg/>")
        (site / "logo.svg").chmod(0o644)
        more = f"[Site]\nFileDirectory={site}"
        self.configure(more=more)
        self.assert_check("site-files", "ok", f"1 file in {site} is served")
        (site / "app.js").write_text("")
        (site / "logo.png").symlink_to("logo.svg")
        (site / "logo.svg").chmod(0o600)
        messages = {c["message"]: c["remedy"] for c in self.doctor().named("site-files")}
        self.assertEqual(len(messages), 3, messages)
        for name, reason, remedy in (("app.js", "files of this type", f"mv {site}/app.js /root/"),
                                     ("logo.png", "a symbolic link", "cp --remove-destination "
                                      f'"$(readlink -f {site}/logo.png)" {site}/logo.png'),
                                     ("logo.svg", "cannot read it", f"chmod o+rX {site}/logo.svg")):
            with self.subTest(name):
                message = next(m for m in messages if m.startswith(f"{site}/{name} is not served: "))
                self.assertIn(reason, message)
                self.assertEqual(messages[message], remedy)

    def test_public_pages_are_said_to_show_no_participants(self) -> None:
        self.configure(more="[Site]\nCoursePages=public")
        self.assert_check("course-pages", "ok", "0.2.0 public pages show nothing about participants")
        self.configure()
        self.assertEqual(self.doctor().named("course-pages"), [])

    def test_mistakes_in_templates_have_their_positions(self) -> None:
        templates = self.stack.directory / "templates"
        templates.mkdir()
        (templates / "course.hbs").write_text("fine\n  {{#if course.title}}\n")
        (templates / "texts.de.json").write_text("{]")
        self.configure()
        found = self.doctor()
        self.assertEqual(found.exit, 1)
        for name, position in (("course.hbs", "2:3"), ("texts.de.json", "line 1, column 2")):
            check = next(c for c in found.named("templates") if name in c["message"])
            self.assertEqual(check["status"], "failed")
            self.assertIn(position, check["message"])
            self.assertEqual(check["message"].count(str(templates)), 1, check["message"])
            self.assertEqual(check["remedy"], f"EDITOR {templates / name}")


class Mail(DoctorTest):
    def test_no_recipient(self) -> None:
        self.configure(mail="MailTo=")
        found = self.assert_check("mail", "warning", "MailTo is not set", f"EDITOR {self.stack.config}\n")
        self.assertEqual(found.exit, 0)
        self.configure(mail="FailureThreshold=3")
        self.assert_check("mail", "warning", "MailTo is not set",
                          f"printf '[Notify]\\nMailTo=YOUR-ADDRESS\\n' >>{self.stack.config}.d/notify.conf\n")

    def test_a_mail_server_across_the_network_without_encryption(self) -> None:
        self.configure(mail=f"MailTo=a@example.org\nSMTPURL=smtp://0.0.0.0:{self.mail.port}")
        found = self.assert_check("mail", "failed", r"offers no encryption \(STARTTLS\)", "EDITOR ")
        self.assertNotIn("ca-certificates", found.the("mail")["remedy"])

    def test_a_mail_server_that_offers_no_login(self) -> None:
        self.configure(mail=f"MailTo=a@example.org\nSMTPURL=smtp://127.0.0.1:{self.mail.port}\nSMTPUser=aither",
                       SMTP_PASS="sword-fish-1234")
        found = self.assert_check("mail", "warning", "accepts mail; it offers no login .*SMTPUser is not used",
            "EDITOR ")
        self.assertEqual(found.exit, 0)

    def test_a_mail_server_that_is_down(self) -> None:
        self.configure(mail="MailTo=a@example.org\nSMTPURL=smtp://127.0.0.1:9")
        found = self.assert_check("mail", "failed", "cannot send mail to a@example.org", "aither test-mail")
        self.assertEqual(found.exit, 1)

    def test_a_mail_server_with_a_certificate_of_another_host(self) -> None:
        server = SmtpStub(tls=Authority(self.stack.directory).context())
        self.addCleanup(server.stop)
        self.configure(mail=f"MailTo=a@example.org\nSMTPURL=smtp://0.0.0.0:{server.port}")
        self.assert_check("mail", "failed", "the certificate is self-signed|the certificate is signed by an unknown CA",
                          "update-ca-certificates")

    def test_a_missing_password_is_reported_though_the_server_takes_mails_without(self) -> None:
        self.configure(mail=f"MailTo=a@example.org\nSMTPURL=smtp://127.0.0.1:{self.mail.port}\nSMTPUser=aither")
        found = self.assert_check("configuration", "warning", "^smtp-password is not set, so mails are sent without",
                                  "aither set-secret smtp-password")
        self.assertEqual((found.exit, found.the("mail")["status"]), (0, "ok"))

    def test_a_password_that_is_refused_is_not_repeated(self) -> None:
        server = SmtpStub(users={"aither": "right-password"}, plain_auth=True)
        self.addCleanup(server.stop)
        self.configure(mail=f"MailTo=a@example.org\nSMTPURL=smtp://127.0.0.1:{server.port}\nSMTPUser=aither",
                       SMTP_PASS="wrong-password")
        found = self.assert_check("mail", "failed", "cannot send mail to a@example.org: ",
                                  "aither set-secret smtp-password")
        self.assertNotIn("wrong-password", found.text)


class Worker(DoctorTest):
    def test_no_worker(self) -> None:
        assert self.stack.worker
        self.stack.worker.stop()
        found = self.assert_check("worker", "failed", "cannot reach aither-worker", "systemctl ")
        self.assertEqual((found.exit, found.found["healthy"]), (69, False))

    def test_no_worker_and_a_mistake_in_the_configuration(self) -> None:
        assert self.stack.worker
        self.stack.worker.stop()
        self.stack.write_config("Nonsense=1\n[Web]\nLiveTTLSec=soon\n")
        found = self.doctor()
        self.assertEqual(found.exit, 78)
        self.assertIn("failed", [c["status"] for c in found.named("configuration")])

    def test_a_user_without_permission(self) -> None:
        """Root has every permission, so as root the test runs the commands as the user nobody."""
        other = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
        if subprocess.run([*other, BUILD / "aither", "--version"], capture_output=True).returncode != 0:
            self.skipTest("nobody may run the program")
        self.stack.socket.chmod(0)
        self.stack.config.chmod(0)
        environment = self.stack.environment | {"AITHER_WORKER_SOCKET": str(self.stack.socket)}
        for arguments in ([], [f"--config={self.stack.config}"]):  # in the second run, nor can the configuration be read
            found = Result(subprocess.run([*other, BUILD / "aither", *arguments, "doctor", "--json"],
                                          env=environment, capture_output=True, text=True, timeout=60))
            self.assertEqual(found.exit, 77)
            self.assertEqual(found.the("worker")["remedy"],
            "sudo aither doctor" if os.path.exists("/usr/bin/sudo") else "su -c 'aither doctor'")


if __name__ == "__main__":
    unittest.main()
