# SPDX-License-Identifier: MIT
# Packages: caddy fail2ban iptables nftables nginx-light python3-systemd
"""The example Caddyfile with Debian's Caddy in front of the installed package; then fail2ban."""
import unittest

from client import Stub
from machine import Story, essential, output, run, wait_until, write
from proxies import (AT_ONCE_S, BEARER, CURL, GUESS, HOST, OWN_FILES, ask, check_the_ban, example, language, set_up,
                     start_fail2ban, stop_aither)

LOG = "/var/log/caddy/aither.log"

hemera: Stub


def setUpModule() -> None:
    global hemera
    hemera = set_up()
    unittest.addModuleCleanup(run, "systemctl", "stop", "caddy.service", "fail2ban.service", check=False)


def load_tests(*_: object) -> unittest.TestSuite:
    return Caddy.in_order()


class Caddy(Story):
    @essential
    def test_the_example_is_taken(self) -> None:
        path, text = example("Caddyfile")
        # No certificate authority can be reached from here: Caddy signs the certificate itself.
        site = f"\n{HOST} {{\n"
        self.assertIn(site, text)
        write(path, text.replace(site, f"{site}\ttls internal\n"))
        checked = run("caddy", "validate", "--config", path)
        self.assertNotIn('"level":"warn"', checked.stdout + checked.stderr)
        run("systemctl", "start", "caddy.service")
        run("systemctl", "reload", "caddy.service")
        wait_until(lambda: run("curl", *CURL, f"https://{HOST}/", check=False).returncode == 0, 30, "a certificate")

    def test_languages_and_encodings(self) -> None:
        for accepted, expected in (("de", "de"), ("en-GB,en;q=0.7", "en"), ("fr", "de")):
            for compressed in ((), ("--compressed",)):
                answer = ask("/?x=1", "--header", f"Accept-Language: {accepted}", *compressed)
                self.assertEqual((answer.status, language(answer)), (200, expected))
                self.assertEqual("content-encoding" in answer.headers, bool(compressed))

    def test_everything_passes_through_but_the_metrics(self) -> None:
        for target in ("/courses.ics", "/courses.json", "/favicon.svg", "/robots.txt", "/healthz", "/readyz",
                       "/api/openapi.json", *(f"/{name}" for name in OWN_FILES)):
            self.assertEqual(ask(target).status, 200, target)
        self.assertEqual([ask("/courses/").status, ask("/courses/", *BEARER).status], [401, 200])
        self.assertEqual(ask("/api/sync", *BEARER, "--request", "POST").status, 200)
        for target in ("/metrics", "/%6detrics", "//metrics", "/x/../metrics", "/METRICS"):
            self.assertEqual(ask(target, *BEARER).status, 404, target)

    def test_a_notice_at_once_while_aither_is_stopped(self) -> None:
        stop_aither(self)
        answer = ask("/")
        self.assertEqual((answer.status, answer.headers["retry-after"]), (502, "30"))
        self.assertIn("Please try again", answer.text)
        self.assertLess(answer.seconds, AT_ONCE_S)
        print(f"# stopped: {answer.status} in {answer.seconds * 1000:.0f} ms")

    def test_the_log_has_the_id_that_aither_logs(self) -> None:
        request_id = ask("/api/sync/status", *GUESS).headers["x-request-id"]
        wait_until(lambda: request_id in output("cat", LOG), 10, "Caddy logs it")
        self.assertIn("a wrong token from 127.0.0.1", output("journalctl", "--output=cat", f"REQUEST_ID={request_id}"))

    def test_fail2ban_shuts_out_who_guesses(self) -> None:
        run("truncate", "--size=0", LOG)
        start_fail2ban(LOG)
        check_the_ban(self)


if __name__ == "__main__":
    unittest.main()
