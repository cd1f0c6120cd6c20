# SPDX-License-Identifier: MIT
"""GET /metrics with the real programs: access, correct values, and an answer in every situation."""
import os
import re
import shutil
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

# aither-web's own metrics, and those of its process.
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

    def test_the_duration_of_every_request_is_counted(self) -> None:
        self.sync_by_token()
        before = self.scrape()
        self.hemera.scenario(fault={"path": LIST, "kind": "delay", "seconds": 1, "count": 1})
        self.sync_by_token()
        for _ in range(3):
            self.stack.get("/")
        after = self.scrape()
        name = "aither_http_request_duration_seconds"
        self.assertEqual(after[f"{name}_count"] - before[f"{name}_count"], 5, "with the scrape before")
        quick, all_of_them = f'{name}_bucket{{le="0.5"}}', f'{name}_bucket{{le="+Inf"}}'
        self.assertGreaterEqual(after[all_of_them] - after[quick], before[all_of_them] - before[quick] + 1)
        self.assertGreater(after[f"{name}_sum"] - before[f"{name}_sum"], 1)

    def test_results_that_alerts_count_are_there_before_they_happen(self) -> None:
        """Prometheus' increase() misses a counter's first value."""
        self.sync_by_token()
        metrics = self.scrape()
        for name in ('aither_http_requests_total{code="503",method="POST"}', 'aither_sync_runs_total{result="failed"}',
                     'aither_homepage_refreshes_total{result="failed"}', 'aither_hemera_requests_total{code="503"}',
                     'aither_hemera_requests_total{code="unreachable"}',
                     'aither_notifications_total{channel="mail",result="failed"}',
                     'aither_notifications_total{channel="rollbar",result="dropped"}'):
            self.assertEqual(metrics[name], 0, name)

    def test_prometheus_finds_nothing_to_criticize(self) -> None:
        if not shutil.which("promtool"):
            self.skipTest("promtool is not installed")
        self.sync_by_token()
        text = self.stack.request("GET", "/metrics", BEARER).text
        for told in (text, self.stack.request("GET", "/metrics", over_unix_socket=True).text):
            checked = subprocess.run(["promtool", "check", "metrics"], input=told, capture_output=True, text=True)
            self.assertEqual((checked.returncode, checked.stdout + checked.stderr), (0, ""))

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
        for result in ("success", "failed"):
            name = f'aither_homepage_refreshes_total{{result="{result}"}}'
            self.assertEqual(metrics[name] - before[name], 1)
        self.assertGreaterEqual(metrics['aither_hemera_requests_total{code="unreachable"}'], 1)
        self.assertEqual(metrics["aither_worker_up"], 1, "it has answered; Hemera has not")

    def test_a_worker_that_a_refresh_cannot_reach_is_down_until_it_has_done_its_work(self) -> None:
        assert self.stack.worker
        self.sync_by_token()
        self.stack.worker.stop()
        self.stack.get("/")
        self.assertEqual(self.scrape()["aither_worker_up"], 0)
        self.stack.start_worker()
        self.assertEqual(self.scrape()["aither_worker_up"], 0, "it may die of the next call again")
        self.assertEqual(self.stack.cli("sync").returncode, 0)
        self.assertEqual(self.scrape()["aither_worker_up"], 1)

    def test_scrapes_alone_find_out_that_the_worker_answers_again(self) -> None:
        assert self.stack.worker
        self.sync_by_token()
        self.stack.worker.stop()
        self.stack.get("/")
        self.stack.start_worker()
        wait_until(lambda: self.scrape()["aither_worker_up"] == 1, "it is up again")


class TheWorker(MetricsTest):
    def test_the_last_call_says_whether_it_is_up(self) -> None:
        assert self.stack.worker
        self.sync_by_token()
        self.stack.worker.stop()
        self.assertEqual(self.stack.request("POST", "/api/sync", BEARER).status, 503)
        metrics = self.scrape()
        self.assertEqual((metrics["aither_worker_up"], metrics['aither_sync_runs_total{result="success"}']), (0, 1))
        state = (self.stack.output / ".state.json").read_bytes()
        self.stack.start_worker()
        (self.stack.output / ".state.json").write_bytes(state)
        self.assertEqual(self.scrape()["aither_worker_up"], 0)
        self.assertEqual(self.stack.request("GET", "/api/sync/status", BEARER).status, 200)
        self.assertEqual(self.scrape()["aither_worker_up"], 1)

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
        """Starts a worker on an inherited socket, as systemd does; the socket stays open here."""
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

    def configured(self) -> float:
        return self.scrape()["aither_worker_configured"]

    def restart(self, *programs: str) -> None:
        assert self.stack.worker and self.stack.web
        self.stack.web.stop()
        if "worker" in programs:
            self.stack.worker.stop()
            self.stack.start_worker()
        self.stack.start_web()

    def test_the_metrics_say_so_until_it_is_restarted_with_a_key(self) -> None:
        self.assertEqual(self.configured(), 0)
        self.stack.environment["HEMERA_API_KEY"] = self.hemera.key
        self.restart("web", "worker")
        self.assertEqual(self.configured(), 1)
        self.assertEqual(self.hemera.requests(), [], "no sync was needed")

    def test_after_a_restart_of_web_alone_the_worker_is_asked(self) -> None:
        """The worker may have written its state a day ago."""
        assert self.stack.worker
        state = (self.stack.output / ".state.json").read_bytes()
        self.stack.worker.stop()
        self.stack.environment["HEMERA_API_KEY"] = self.hemera.key
        self.stack.start_worker()
        (self.stack.output / ".state.json").write_bytes(state)
        self.restart("web")
        wait_until(lambda: self.configured() == 1, "the worker has written its state")

    def test_a_configuration_that_web_finds_wrong_counts_while_the_worker_does_not_run(self) -> None:
        assert self.stack.worker
        self.stack.environment["HEMERA_API_KEY"] = self.hemera.key
        self.restart("web", "worker")
        self.stack.worker.stop()
        good = self.stack.config.read_text()
        self.stack.config.write_text(good + "[Site]\nCoursePages=perhaps\n")
        self.restart("web")
        self.assertEqual(self.configured(), 0)
        self.stack.config.write_text(good)
        self.restart("web")
        self.assertEqual(self.configured(), 1)
        (self.stack.output / ".state.json").unlink()
        self.assertNotIn("aither_worker_configured", self.scrape(), "it is not known")


if __name__ == "__main__":
    unittest.main()
