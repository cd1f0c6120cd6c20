# SPDX-License-Identifier: MIT
# Packages: caddy fail2ban iptables nftables nginx-light python3-systemd
"""The example nginx.conf, unchanged, with Debian's nginx in front of the installed package; then fail2ban."""
import time
import unittest

from client import Stub
from machine import Story, essential, output, run, wait_until, write
from proxies import (AT_ONCE_S, BEARER, CURL, GUESS, HOST, OWN_FILES, ask, check_the_ban, example, language, set_up,
                     start_fail2ban, stop_aither)

LOG = "/var/log/nginx/aither.log"
QUERIES = 500
FRESH_S = 10  # proxy_cache_valid

hemera: Stub


def setUpModule() -> None:
    global hemera
    hemera = set_up()
    unittest.addModuleCleanup(run, "systemctl", "stop", "nginx.service", "fail2ban.service", check=False)


def load_tests(*_: object) -> unittest.TestSuite:
    return Nginx.in_order()


class Nginx(Story):
    @essential
    def test_the_example_is_taken_as_it_stands(self) -> None:
        path, text = example("nginx.conf")
        write(path, text)
        run("ln", "-s", "../sites-available/aither", "/etc/nginx/sites-enabled/")
        warnings = [line for line in run("nginx", "-t").stderr.splitlines() if "warn" in line]
        for line in warnings:
            self.assertIn('the "listen ... http2" directive is deprecated', line, "Debian 13 says that")
        run("systemctl", "start", "nginx.service")
        run("systemctl", "reload", "nginx.service")
        self.assertEqual(ask("/").status, 200)

    def test_500_random_queries_are_two_entries(self) -> None:
        for name in ("de", "en"):
            self.assertEqual(language(ask("/", "--header", f"Accept-Language: {name}")), name)
        urls = (f'url = "https://{HOST}/?q{number}={number * 7919}"\noutput = /dev/null\n' for number in range(QUERIES))
        write("/root/urls", "".join(urls))
        statuses = output("curl", *CURL, "--write-out", "%{http_code}\\n", "--config", "/root/urls").splitlines()
        self.assertEqual(statuses, ["200"] * QUERIES)
        self.assertEqual(len(output("find", "/var/lib/nginx/aither", "-type", "f").splitlines()), 2)

    def test_everything_passes_through_but_the_metrics(self) -> None:
        for target in ("/courses.ics", "/courses.json", "/favicon.svg", "/robots.txt", "/healthz", "/readyz",
                       "/api/openapi.json", *(f"/{name}" for name in OWN_FILES)):
            self.assertEqual(ask(target).status, 200, target)
        self.assertEqual(ask("/courses").headers["location"], f"https://{HOST}/courses/")
        self.assertEqual([ask("/courses/").status, ask("/courses/", *BEARER).status], [401, 200])
        self.assertEqual(ask("/api/sync", *BEARER, "--request", "POST").status, 200)
        for target in ("/metrics", "/%6detrics", "//metrics", "/x/../metrics"):
            self.assertEqual(ask(target, *BEARER).status, 404, target)

    def test_old_pages_at_once_while_aither_is_stopped(self) -> None:
        for name in ("de", "en"):
            ask("/", "--header", f"Accept-Language: {name}")
        ask("/style.css")
        stop_aither(self)
        wait_until(lambda: ask("/").headers["x-cache"] == "stale", FRESH_S + 20, "nginx notices")
        for accepted, expected in (("de", "de"), ("en-GB,en;q=0.7", "en"), ("fr", "de")):
            for compressed in ((), ("--compressed",)):
                answer = ask("/?x=1", "--header", f"Accept-Language: {accepted}", *compressed)
                self.assertEqual((answer.status, language(answer)), (200, expected))
                self.assertEqual("content-encoding" in answer.headers, bool(compressed))
                self.assertLess(answer.seconds, AT_ONCE_S)
                print(f"# stopped, {accepted} {compressed}: {answer.headers['x-cache']} in {answer.seconds * 1000:.0f} ms")
        self.assertEqual([ask("/style.css").status, ask("/?lang=en").status, ask("/readyz").status], [200, 200, 502])

    def test_the_log_has_the_id_that_aither_logs(self) -> None:
        request_id = ask("/api/sync/status", *GUESS).headers["x-request-id"]
        wait_until(lambda: f" 401 credentials {request_id} " in output("cat", LOG), 10, "nginx logs it")
        self.assertIn("a wrong token from 127.0.0.1", output("journalctl", "--output=cat", f"REQUEST_ID={request_id}"))

    def test_guesses_are_limited_and_visitors_are_not(self) -> None:
        began = time.monotonic()
        statuses = [ask("/courses/x", "--interface", "127.0.0.9", *GUESS).status for _ in range(40)]
        self.assertLessEqual(statuses.count(401), 22 + time.monotonic() - began)
        self.assertEqual(set(statuses), {401, 429})
        self.assertEqual(ask("/courses/x", "--interface", "127.0.0.9").status, 401)

    def test_fail2ban_shuts_out_who_guesses(self) -> None:
        run("truncate", "--size=0", LOG)
        start_fail2ban(LOG)
        check_the_ban(self)


if __name__ == "__main__":
    unittest.main()
