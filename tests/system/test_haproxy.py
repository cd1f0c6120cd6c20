# SPDX-License-Identifier: MIT
"""Two nodes behind haproxy, configured as in the example: one node stops under load, and no request is lost.

Node "one" is the package with its own units, at port 3500; node "two" is a second pair of daemons in transient units, with
their own configuration, output directory and sockets, at port 3501.
"""
import collections
import http.client
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path
from typing import Any, Callable

from client import Stub
from installation import DAEMONS, SWITCHES, configure, first_run_of_module
from machine import Answer, Story, curl, essential, first_process, journal, output, run, wait_until, write

EXAMPLE = "/usr/share/doc/aither/examples/haproxy.cfg"
CONFIG = "/etc/haproxy/haproxy.cfg"
CERTIFICATE = "/etc/ssl/private/courses.example.org.pem"
TOKEN = "a-sync-token-of-good-length"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
ONE, TWO = "http://127.0.0.1:3500", "http://127.0.0.1:3501"
CALM = ("[Web]", "LiveTTLSec=3600")  # visitors cause no requests to Hemera: the slow answer must meet the sync
CHANGE_S = 30  # the longest time until haproxy notices a change; usually 2 to 5 s
VISITORS = 8  # each from its own address, so that both nodes get some
VISITS_MAX = 3000  # per visitor
PAUSE_S = 0.01
SYNC_S = 10  # Hemera's delay for the sync; the node stops before that

hemera: Stub


def setUpModule() -> None:
    global hemera
    hemera = first_run_of_module()
    unittest.addModuleCleanup(run, "rm", "-f", "/etc/credstore/aither.sync-token")
    unittest.addModuleCleanup(run, "systemctl", "stop", "haproxy.service", "two-web", "two-worker", check=False)
    run("aither", "set-secret", "sync-token", stdin=TOKEN)
    configure(hemera, *CALM)
    start_two()


def load_tests(*_: object) -> unittest.TestSuite:
    return Haproxy.in_order()


def stop_one() -> None:
    run("systemctl", "stop", "aither.socket", *DAEMONS)


def start_one() -> None:
    run("systemctl", "start", *SWITCHES)


def start_two() -> None:
    write("/etc/two.conf", "\n".join([
        "[Hemera]", f"BaseURL={hemera.url}", "MaxRetries=1", "[Sync]", "OutputDirectory=/var/lib/two/output",
        "[Worker]", "Socket=/run/two/worker.sock", "IdleExitSec=0", *CALM, ""]))
    transient = ("systemd-run", "--quiet", "--collect", "--service-type=notify", "--uid=aither", "--gid=aither")
    run(*transient, "--unit=two-worker", "--property=StateDirectory=two", "--property=RuntimeDirectory=two",
        f"--setenv=HEMERA_API_KEY={hemera.key}", "/usr/sbin/aither-worker", "--config=/etc/two.conf",
        "--listen=/run/two/worker.sock", "--listen-web=/run/two/web.sock")
    run(*transient, "--unit=two-web", f"--setenv=AITHER_SYNC_TOKEN={TOKEN}",
        "--setenv=AITHER_WORKER_SOCKET=/run/two/web.sock", "/usr/sbin/aither-web", "--config=/etc/two.conf",
        "--listen=127.0.0.1:3501")


def stop_two() -> None:
    run("systemctl", "stop", "two-web", "two-worker")


def certificate() -> str:
    with tempfile.TemporaryDirectory(prefix="aither-") as directory:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key", "-out", "chain",
                        "-subj", "/CN=courses.example.org", "-days", "2"], cwd=directory, check=True, capture_output=True)
        return (Path(directory) / "chain").read_text() + (Path(directory) / "key").read_text()


def connect(number: int) -> http.client.HTTPSConnection:
    """A connection of the visitor with that number."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection("127.0.0.1", 443, context=context, timeout=60,
                                       source_address=(f"127.0.0.{number + 1}", 0))


def ask(connection: http.client.HTTPSConnection, method: str, target: str, headers: dict[str, str]) -> int:
    connection.request(method, target, headers={"Host": "courses.example.org"} | headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def call(method: str, url: str) -> Answer:
    """Calls the API of one node, without haproxy."""
    return curl("--request", method, "--header", f"Authorization: Bearer {TOKEN}", url)


def servers() -> dict[str, dict[str, str]]:
    """haproxy's own statistics of each server, by "backend/server"."""
    with socket.socket(socket.AF_UNIX) as admin:
        admin.connect(f"/proc/{first_process()}/root/run/haproxy/admin.sock")
        admin.sendall(b"show stat\n")
        names, *rows = admin.makefile().read().removeprefix("# ").strip().splitlines()
    found = (dict(zip(names.split(","), row.split(","))) for row in rows)
    return {f"{row['pxname']}/{row['svname']}": row for row in found}


def visits(server: str) -> int:
    return int(servers()[server]["lbtot"])


def wait_for_state(server: str, state: str) -> None:
    wait_until(lambda: servers()[server]["status"] == state, CHANGE_S, f"haproxy sees that {server} is {state}")


def changes(server: str) -> list[str]:
    """haproxy's log entries about a server, oldest first."""
    return [entry["MESSAGE"] for entry in journal("_SYSTEMD_UNIT=haproxy.service", "_TRANSPORT=syslog")
            if f"Server {server} is " in str(entry["MESSAGE"])]


class Load:
    """Visitors request the homepage from before the block until after it: odd ones with a new connection each time, the
    others on a kept connection."""

    def __init__(self) -> None:
        self.answers: "collections.Counter[object]" = collections.Counter()
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._visit, args=(number,)) for number in range(VISITORS)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _visit(self, number: int) -> None:
        connection = connect(number)
        for _ in range(VISITS_MAX):
            if self._ended.wait(PAUSE_S):
                break
            try:
                self.answers[ask(connection, "GET", "/", {})] += 1
            except (OSError, http.client.HTTPException) as error:
                self.answers[repr(error)] += 1
                connection.close()
            if number % 2:
                connection.close()
        connection.close()


def in_background(call: Callable[[], int]) -> Callable[[], int]:
    answers: list[int] = []
    thread = threading.Thread(target=lambda: answers.append(call()))
    thread.start()

    def join() -> int:
        thread.join()
        return answers[0]

    return join


class Haproxy(Story):
    @essential
    def test_the_example_is_taken_without_a_warning(self) -> None:
        text = output("cat", EXAMPLE) + "\n"
        for example, here in (("192.0.2.11:3500", "127.0.0.1:3500"), ("192.0.2.12:3500", "127.0.0.1:3501"),
                              ("\tbind :::443 v6only", "#"), ("\tbind :::80 v6only", "#")):
            self.assertIn(example, text)
            text = text.replace(example, here)
        write(CONFIG, text)
        write(CERTIFICATE, certificate())
        checked = run("haproxy", "-c", "-f", CONFIG)
        self.assertNotRegex(checked.stdout + checked.stderr, "(?i)warning|alert|notice")
        run("systemctl", "restart", "haproxy.service")

    def visit_once_each(self) -> list[int]:
        statuses = []
        for number in range(VISITORS):
            connection = connect(number)
            statuses.append(ask(connection, "GET", "/", {}))
            connection.close()
        return statuses

    @essential
    def test_a_node_that_is_not_ready_gets_no_visitors_and_then_its_share(self) -> None:
        self.assertEqual(curl(f"{TWO}/readyz").status, 503)
        wait_for_state("aither/two", "DOWN")
        self.assertIn("Layer7 wrong status, code: 503", changes("aither/two")[-1])
        before = visits("aither/two")
        self.assertEqual(self.visit_once_each(), [200] * VISITORS)
        self.assertEqual(visits("aither/two"), before)
        self.assertEqual(call("POST", f"{TWO}/api/sync").status, 200)
        wait_for_state("aither/two", "UP")
        before = visits("aither/one"), visits("aither/two")
        self.assertEqual(self.visit_once_each(), [200] * VISITORS)
        self.assertGreater(visits("aither/one"), before[0])
        self.assertGreater(visits("aither/two"), before[1])

    def stop_and_start(self, server: str, stop: Callable[[], Any], start: Callable[[], Any]) -> None:
        known = len(changes(server))
        stop()
        wait_for_state(server, "DOWN")
        before, others = visits(server), visits("aither/BACKEND")
        wait_until(lambda: visits("aither/BACKEND") > others + VISITORS * 5, CHANGE_S, "visits go on")
        self.assertEqual(visits(server), before, "no visitor is sent to a node that is not ready")
        start()
        wait_for_state(server, "UP")
        wait_until(lambda: visits(server) > before, CHANGE_S, "visitors come back")
        down, up = changes(server)[known:]
        self.assertIn(" is DOWN, reason: Layer4 connection problem", down)
        self.assertIn(" is UP, reason: Layer7 check passed, code: 200", up)

    def begin_sync(self) -> Callable[[], int]:
        """Starts a sync through haproxy, so at node one. Returns when it runs there."""
        hemera.scenario(fault={"path": "/api/service/courses", "kind": "delay", "seconds": SYNC_S})
        self.addCleanup(hemera.scenario, fault=None)
        answer = in_background(lambda: ask(connect(VISITORS), "POST", "/api/sync", BEARER))
        wait_until(lambda: call("GET", f"{ONE}/api/sync/status").json["data"]["status"] == "running", 30, "the sync runs")
        return answer

    def stop_one_and_sync(self) -> None:
        """A sync that begins before haproxy has noticed the stop is run by the other node."""
        stop_one()
        self.assertEqual(ask(connect(VISITORS), "POST", "/api/sync", BEARER), 200)
        self.assertEqual(call("GET", f"{TWO}/api/sync/status").json["data"]["status"], "success")

    def test_either_node_stops_and_no_request_is_lost(self) -> None:
        began = time.monotonic()
        with Load() as load:
            answer = self.begin_sync()
            self.stop_and_start("aither/one", self.stop_one_and_sync, start_one)
            self.assertIn(answer(), (200, 202, 409))
            self.stop_and_start("aither/two", stop_two, start_two)
        print(f"# {sum(load.answers.values())} requests in {time.monotonic() - began:.1f} s")
        self.assertEqual(set(load.answers), {200}, load.answers)
        self.assertGreater(load.answers[200], VISITORS * 50)


if __name__ == "__main__":
    unittest.main()
