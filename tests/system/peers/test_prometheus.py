# SPDX-License-Identifier: MIT
# Packages: prometheus
"""Debian's Prometheus reads /metrics with the token as aither-web(8) describes, and evaluates the alert rules."""
import json
import re
import unittest
import urllib.parse
from pathlib import Path
from typing import Any

from client import Stub
from installation import configure, first_run_of_module
from machine import Story, curl, essential, output, run, wait_until, write

TOP = Path(__file__).resolve().parents[3]
RULES = "/usr/share/doc/aither/examples/aither.rules.yml"
TOKEN = "a-sync-token-of-good-length"
TOKEN_FILE = "/etc/prometheus/aither.token"
WORKER = ("aither-worker.socket", "aither-worker-web.socket", "aither-worker.service")
PATIENCE_S = 60

hemera: Stub


def setUpModule() -> None:
    global hemera
    hemera = first_run_of_module()
    unittest.addModuleCleanup(run, "rm", "-f", "/etc/credstore/aither.sync-token")
    unittest.addModuleCleanup(run, "systemctl", "stop", "prometheus.service", check=False)
    configure(hemera, "[Web]", "LiveTTLSec=0")
    run("aither", "set-secret", "sync-token", stdin=TOKEN)


def load_tests(*_: object) -> unittest.TestSuite:
    return Prometheus.in_order()


def manual(begin: str) -> str:
    """The example of the manual that begins with this text."""
    text = (TOP / "man" / "aither-web.8").read_text()
    found = re.search(rf"^\.EX\n({re.escape(begin)}.*?)^\.EE", text, re.M | re.S)
    assert found, begin
    return found[1].replace("\\e", "\\").replace("\\-", "-")


def ask(path: str) -> Any:
    answer = curl(f"http://localhost:9090/api/v1/{path}")
    return json.loads(answer.text)["data"]


def value(expression: str) -> str:
    """The value of an expression with one sample; "" if there is none."""
    result = ask("query?" + urllib.parse.urlencode({"query": expression}))["result"]
    return result[0]["value"][1] if result else ""


def firing() -> set[str]:
    return {alert["labels"]["alertname"] for alert in ask("alerts")["alerts"] if alert["state"] == "firing"}


class Prometheus(Story):
    @essential
    def test_the_token_of_the_manual_opens_metrics(self) -> None:
        rules = re.sub(r"for: (?:5|15)m$", "for: 2s", output("cat", RULES), flags=re.M)
        write("/etc/prometheus/aither.rules.yml", rules + "\n")
        write("/etc/prometheus/prometheus.yml",
              "global: { scrape_interval: 1s, evaluation_interval: 1s }\n" + manual("rule_files:"))
        run("sh", "-ec", manual("install "))
        self.assertEqual(output("stat", "--format=%A %U %G", TOKEN_FILE), "-rw-r----- root prometheus")
        run("promtool", "check", "config", "/etc/prometheus/prometheus.yml")
        run("systemctl", "restart", "prometheus.service")
        run("curl", "--silent", "--fail", "--retry", "60", "--retry-delay", "1", "--retry-all-errors",
            "http://localhost:9090/-/ready")
        wait_until(lambda: value('up{job="aither"}') == "1", PATIENCE_S, "it has read /metrics")
        self.assertEqual(value("aither_sync_runs_total{result=\"success\"}"), "1")

    def test_every_rule_is_evaluated(self) -> None:
        wait_until(lambda: all(rule["health"] != "unknown" for group in ask("rules")["groups"] for rule in group["rules"]),
                   PATIENCE_S, "all are evaluated")
        rules = [rule for group in ask("rules")["groups"] for rule in group["rules"]]
        self.assertEqual({rule["health"] for rule in rules}, {"ok"})
        self.assertEqual(len(rules), output("cat", RULES).count("- alert: "))
        self.assertEqual(firing(), set())

    def test_a_worker_whose_sockets_are_stopped(self) -> None:
        run("systemctl", "stop", *WORKER)
        self.assertEqual(curl("http://localhost:3500/").status, 200)
        wait_until(lambda: firing() == {"AitherWorkerUnreachable"}, PATIENCE_S, "the alert fires")
        run("systemctl", "start", *WORKER)
        wait_until(lambda: firing() == set(), PATIENCE_S, "it ends")

    def test_a_wrong_token(self) -> None:
        token = output("cat", TOKEN_FILE)
        write(TOKEN_FILE, "another-token-of-good-length")
        wait_until(lambda: firing() == {"AitherDown"}, PATIENCE_S, "the alert fires")
        self.assertIn("401 Unauthorized", ask("targets")["activeTargets"][0]["lastError"])
        self.assertEqual(curl("http://localhost:3500/").status, 200)
        write(TOKEN_FILE, token)
        wait_until(lambda: firing() == set(), PATIENCE_S, "it ends")


if __name__ == "__main__":
    unittest.main()
