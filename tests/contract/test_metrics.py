# SPDX-License-Identifier: MIT
"""GET /metrics with the real programs: access, that the values are right, and that it never fails."""
import os
import re
import socket
import subprocess
import time
import unittest
from typing import Any

import exposition
from stack import TOP, Reply, StackTest, wait_until
from test_restart import Activated

TOKEN = "a-sync-token-of-good-length"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
LIST = "/api/service/courses"

# aither-web's own metrics, and those of a process.
OWN = ("aither_build", "aither_http", "aither_homepage", "aither_worker_up", "aither_worker_asked")
PROCESS = tuple(f"aither_worker_{name}" for name in ("cpu", "max", "open", "resident", "start"))


class MetricsTest(StackTest):
    environment = {"AITHER_SYNC_TOKEN": TOKEN}

    def scrape(self, over_unix_socket: bool = False) -> dict[str, float]:
        reply = self.stack.request("GET", "/metrics", {} if over_unix_socket else BEARER,
                                   over_unix_socket=over_unix_socket)
        self.check_head(reply)
        return exposition.read(reply.text)

    def check_head(self, reply: Reply) -> None:
        self.assertEqual((reply.status, reply.headers["Content-Type"], reply.headers["Cache-Control"]),
                         (200, "text/plain; version=0.0.4; charset=utf-8", "no-store"))

    def sync_by_token(self, expected: int = 200) -> Any:
        reply = self.stack.request("POST", "/api/sync", BEARER)
        self.assertEqual(reply.status, expected, reply.text)
        return reply.data


class Access(MetricsTest):
    def test_over_tcp_the_token_is_needed_and_over_the_unix_socket_not(self) -> None:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}):
            reply = self.stack.request("GET", "/metrics", headers)
            self.assertEqual((reply.status, reply.code), (401, "UNAUTHORIZED"))
            self.assertNotIn("aither_", reply.text)
        self.assertIn("process_open_fds", self.scrape())
        self.assertIn("aither_worker_open_fds", self.scrape(over_unix_socket=True))

    def test_head_and_wrong_methods(self) -> None:
        head = self.stack.request("HEAD", "/metrics", BEARER)
        self.check_head(head)
        self.assertEqual(head.body, b"")
        self.assertGreater(int(head.headers["Content-Length"]), 1000)
        for over_unix_socket in (False, True):
            reply = self.stack.request("POST", "/metrics", BEARER, over_unix_socket=over_unix_socket)
            self.assertEqual((reply.status, reply.code, reply.headers["Allow"]),
                             (405, "METHOD_NOT_ALLOWED", "GET, HEAD"))

    def test_no_metric_contains_a_secret_or_a_name(self) -> None:
        self.sync_by_token()
        text = self.stack.request("GET", "/metrics", BEARER).text
        names = [c["course"]["title"] for c in self.stack.manifest["entities"]["courses"].values()]
        for secret in (TOKEN, self.hemera.key, str(self.stack.directory), *self.stack.pages(), *names):
            self.assertNotIn(secret, text)


class WithoutToken(StackTest):
    def test_while_no_token_is_set_this_machine_may_not_read_it_either(self) -> None:
        reply = self.stack.get("/metrics", Host="localhost")
        self.assertEqual((reply.status, reply.code), (403, "SYNC_TOKEN_NOT_SET"))


class Truth(MetricsTest):
    def check_report(self, report: Any, metrics: dict[str, float]) -> None:
        for name, member in (("aither_sync_last_errors", "errorsTotal"),
                             ('aither_courses{state="deferred"}', "coursesDeferred")):
            self.assertEqual(metrics[name], report[member], name)
        self.assertAlmostEqual(metrics["aither_sync_last_duration_seconds"], report["durationMs"] / 1000)
        self.assertEqual(metrics["aither_sync_in_progress"], 0)

    def test_before_the_first_sync_there_are_no_metrics_of_syncs(self) -> None:
        metrics = self.scrape()
        self.assertEqual((metrics["aither_worker_up"], metrics["aither_worker_asked_timestamp_seconds"]), (0, 0))
        self.assertFalse([name for name in metrics if name.startswith("aither_sync")])
        self.assertEqual(metrics['aither_build_info{version="0.2.0"}'], 1)

    def test_while_the_first_sync_fails_all_is_zero(self) -> None:
        self.hemera.scenario(key="another-key-another-key-another-key-1")
        self.sync_by_token(502)
        metrics = self.scrape()
        for name in ("aither_sync_last_success_timestamp_seconds", 'aither_courses{state="published"}',
                     'aither_sync_runs_total{result="success"}', 'aither_sync_runs_total{result="partial"}'):
            self.assertEqual(metrics[name], 0, name)
        self.assertEqual((metrics["aither_worker_up"], metrics["aither_worker_configured"]), (1, 1))
        self.assertEqual(metrics["aither_sync_duration_seconds_count"], 1)

    def test_after_syncs_the_metrics_are_those_of_their_reports(self) -> None:
        reports = [self.sync_by_token(), self.sync_by_token()]
        metrics = self.scrape()
        self.check_report(reports[-1], metrics)
        self.assertEqual(metrics['aither_sync_runs_total{result="success"}'], 2)
        self.assertEqual(metrics['aither_courses{state="published"}'], 3)
        for action, member in (("generated", "filesGenerated"), ("skipped", "filesSkipped"),
                               ("deleted", "filesDeleted")):
            self.assertEqual(metrics[f'aither_sync_pages_total{{action="{action}"}}'], sum(r[member] for r in reports))
        milliseconds = sum(r["durationMs"] for r in reports)
        self.assertAlmostEqual(metrics["aither_sync_duration_seconds_sum"], milliseconds / 1000)
        self.assertEqual(metrics["aither_sync_duration_seconds_count"], 2)
        asked = self.hemera.requests()
        for status in {r["status"] for r in asked}:
            self.assertEqual(metrics[f'aither_hemera_requests_total{{code="{status}"}}'],
                             sum(r["status"] == status for r in asked))
        self.assertEqual(metrics["aither_hemera_request_duration_seconds_count"], len(asked))
        self.assertLess(abs(metrics["aither_sync_last_success_timestamp_seconds"] - time.time()), 60)

    def test_a_failed_sync_counts_and_moves_the_attempt_but_not_the_success(self) -> None:
        self.sync_by_token()
        before = self.scrape()
        self.hemera.scenario(key="another-key-another-key-another-key-1")
        report = self.sync_by_token(502)
        after = self.scrape()
        self.check_report(report, after)
        self.assertEqual(after['aither_sync_runs_total{result="failed"}'], 1)
        self.assertEqual(after["aither_sync_consecutive_failures"], 1)
        self.assertEqual(after['aither_hemera_requests_total{code="401"}'], 1)
        name = "aither_sync_last_success_timestamp_seconds"
        self.assertEqual(after[name], before[name])
        name = "aither_sync_last_attempt_timestamp_seconds"
        self.assertGreater(after[name], before[name])

    def test_a_sync_that_others_started_shows_too(self) -> None:
        self.scrape()
        self.assertEqual(self.stack.cli("sync").returncode, 0)
        self.assertEqual(self.scrape()['aither_sync_runs_total{result="success"}'], 1)

    def test_metrics_of_aither_web_count_the_requests_of_visitors(self) -> None:
        self.sync_by_token()
        before = self.scrape()
        for target in ("/", "/", "/nothing"):
            self.stack.get(target)
        self.stack.request("HEAD", "/")
        self.stack.request("DELETE", "/")
        self.stack.get("/" + "x" * 9000)
        after = self.scrape()
        for labels, more in (('code="200",method="GET"', 3), ('code="404",method="GET"', 1),
                             ('code="200",method="HEAD"', 1), ('code="405",method="other"', 1),
                             ('code="414",method="GET"', 1), ('code="200",method="POST"', 0)):
            name = f"aither_http_requests_total{{{labels}}}"
            self.assertEqual(after[name] - before.get(name, 0), more, name)
        self.assertGreaterEqual(after["aither_http_connections"], 1)
        self.assertGreater(after["aither_homepage_data_timestamp_seconds"], 0)

    def test_metrics_of_the_process_are_those_of_the_kernel(self) -> None:
        assert self.stack.web
        metrics = self.scrape()
        with open(f"/proc/{self.stack.web.process.pid}/statm", encoding="ascii") as statm:
            resident = int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")
        self.assertAlmostEqual(metrics["process_resident_memory_bytes"] / resident, 1, delta=0.2)
        self.assertLess(abs(metrics["process_start_time_seconds"] - time.time()), 60)


class Refreshes(MetricsTest):
    config = "[Web]\nLiveTTLSec=0\n"

    def test_requests_to_hemera_are_counted_by_result(self) -> None:
        self.sync_by_token()
        before = self.scrape()
        self.stack.get("/")
        self.hemera.stop()
        self.stack.get("/")
        metrics = self.scrape()
        for result in ("success", "failure"):
            name = f'aither_homepage_refreshes_total{{result="{result}"}}'
            self.assertEqual(metrics[name] - before[name], 1)
        self.assertGreaterEqual(metrics['aither_hemera_requests_total{code="unreachable"}'], 1)


class TheWorker(MetricsTest):
    def test_its_metrics_stay_without_it(self) -> None:
        assert self.stack.worker
        self.sync_by_token()
        self.stack.worker.stop()
        metrics = self.scrape()
        self.assertEqual((metrics["aither_worker_up"], metrics['aither_sync_runs_total{result="success"}']), (1, 1))
        self.assertLess(abs(metrics["aither_worker_asked_timestamp_seconds"] - time.time()), 60)

    def test_without_a_state_the_metrics_of_aither_web_remain(self) -> None:
        self.sync_by_token()
        for text in (None, "", "{", '{"version":1000}'):
            (self.stack.output / ".state.json").unlink(missing_ok=True)
            if text is not None:
                (self.stack.output / ".state.json").write_text(text)
            metrics = self.scrape()
            self.assertEqual(metrics["aither_worker_up"], 0)
            self.assertFalse([name for name in metrics if name.startswith("aither_sync")])
            self.assertEqual(self.stack.get("/").status, 200)
        self.sync_by_token()
        self.assertEqual(self.scrape()["aither_worker_up"], 1)

    def test_counters_go_on_when_another_worker_or_web_takes_over(self) -> None:
        for expected in (1, 2, 3):
            assert self.stack.worker and self.stack.web
            self.sync_by_token()
            self.assertEqual(self.scrape()['aither_sync_runs_total{result="success"}'], expected)
            self.assertEqual(self.scrape(over_unix_socket=True)['aither_sync_runs_total{result="success"}'], expected)
            self.stack.worker.stop()
            self.stack.start_worker()
            self.stack.web.stop()
            self.stack.start_web()

    def test_a_running_sync_is_seen_from_its_beginning_to_its_end(self) -> None:
        self.sync_by_token()
        self.hemera.scenario(fault={"path": LIST, "kind": "delay", "seconds": 1, "count": 1})
        reply = self.stack.request("POST", "/api/sync", BEARER | {"Prefer": "respond-async"})
        self.assertEqual(reply.status, 202)
        self.assertEqual(self.scrape()["aither_sync_in_progress"], 1)
        wait_until(lambda: self.scrape()["aither_sync_in_progress"] == 0, "the sync has ended")
        self.assertEqual(self.scrape()['aither_sync_runs_total{result="success"}'], 2)


class TheIdleWorker(MetricsTest):
    config = "[Worker]\nIdleExitSec=1\n"

    def activate(self) -> "tuple[socket.socket, subprocess.Popen[bytes]]":
        """A worker on a socket that it was handed, as systemd does it; the socket stays open here."""
        assert self.stack.worker
        self.stack.worker.stop()
        self.stack.web_socket.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        listener.bind(str(self.stack.web_socket))
        listener.listen()
        process = Activated("aither-worker", self.stack, listener).process
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        return listener, process

    def test_scrapes_neither_keep_it_nor_bring_it_back(self) -> None:
        listener, process = self.activate()
        self.sync_by_token()
        wait_until(lambda: self.scrape() and process.poll() is not None, "the worker leaves while it is scraped")
        self.assertEqual(process.returncode, 0)
        for _ in range(3):
            metrics = self.scrape()
            self.assertEqual((metrics["aither_worker_up"], metrics['aither_sync_runs_total{result="success"}']), (1, 1))
        listener.setblocking(False)
        with self.assertRaises(BlockingIOError):
            listener.accept()


class Manuals(MetricsTest):
    def test_they_name_every_metric_and_no_other(self) -> None:
        self.sync_by_token()
        self.stack.get("/")
        told = self.stack.request("GET", "/metrics", BEARER).text
        families = set(re.findall(r"^# TYPE (\w+) ", told, re.M))
        for page in ("aither-web", "aither-worker"):
            text = (TOP / "man" / f"{page}.8").read_text().replace("\\", "")
            listed = re.search(r"^\.SH METRICS\n(.*?)^\.SH", text, re.M | re.S)[1]  # type: ignore[index]
            tags = "\n".join(re.findall(r"^\.TP\n(.*)$", listed, re.M))
            named = set(re.findall(r"\baither_\w+\b", tags)) - {"aither_worker_"}
            expected = {n for n in families if n.startswith("aither_") and n.startswith(OWN) == (page == "aither-web")}
            self.assertEqual(named, {n for n in expected if not n.startswith(PROCESS)}, page)


class Unconfigured(MetricsTest):
    environment = {"AITHER_SYNC_TOKEN": TOKEN, "HEMERA_API_KEY": ""}

    def setUp(self) -> None:
        super().setUp()
        assert self.stack.worker
        self.stack.worker.stop()
        self.stack.output.mkdir()
        self.stack.start_worker()

    def test_the_metrics_say_so(self) -> None:
        self.assertEqual(self.scrape()["aither_worker_configured"], 0)


if __name__ == "__main__":
    unittest.main()
