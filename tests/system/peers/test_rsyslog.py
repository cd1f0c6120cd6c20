# SPDX-License-Identifier: MIT
"""rsyslog with data/examples/rsyslog.conf: each event of aither's once, as JSON, with the journal's fields."""
# Packages: rsyslog
import json
import unittest
from typing import Any

import roff
from client import Stub
from installation import EVENT, first_run_of_module
from machine import curl, output, run, wait_until

INSTALL = roff.examples("aither-worker.8", "JOURNAL")[-1]
EVENTS = "/var/log/aither.json"
TOKEN = "a-sync-token-of-good-length"

hemera: Stub


def setUpModule() -> None:
    global hemera
    run("systemctl", "--quiet", "enable", "--now", "rsyslog.service")
    hemera = first_run_of_module()
    unittest.addModuleCleanup(run, "rm", "-f", "/etc/credstore/aither.sync-token")
    unittest.addModuleCleanup(run, "systemctl", "stop", "rsyslog.service", "syslog.socket")


def events(message_id: str = "") -> list[dict[str, Any]]:
    lines = run("cat", EVENTS, check=False).stdout.splitlines()
    found = [json.loads(line) for line in lines]
    return [event for event in found if event.get("MESSAGE_ID", "") == message_id or not message_id]


class Rsyslog(unittest.TestCase):
    def test_every_event_arrives_once_with_its_fields(self) -> None:
        checked = run("bash", "-ec", INSTALL)
        self.assertNotIn("error", checked.stderr)
        # imjournal skips entries that are logged while it opens the journal for the first time.
        wait_until(lambda: run("aither", "sync") and events(f"{EVENT}01"), 30, "a first event")
        job = json.loads(output("aither", "sync", "--json"))
        event, = wait_until(lambda: self.of_job(job["data"]["jobId"]), 30, "the sync's event")
        self.assertEqual(event["REQUEST_ID"], job["meta"]["requestId"])
        self.assertEqual((event["PRIORITY"], event["_SYSTEMD_UNIT"]), ("5", "aither-worker.service"))
        self.assertRegex(event["time"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d")
        self.check_the_text(event["MESSAGE"])
        self.check_the_other_daemon()
        self.check_a_restart()

    def of_job(self, job: str) -> list[dict[str, Any]]:
        return [event for event in events(f"{EVENT}01") if event["AITHER_JOB_ID"] == job]

    def check_the_text(self, text: str) -> None:
        """The events are in Debian's own file as before, not twice."""
        line = f"aither-worker[{self.worker()}]: {text}"
        logged = output("journalctl", "--unit=aither-worker.service").count(line)
        self.assertGreater(logged, 0)
        self.assertEqual(output("cat", "/var/log/syslog").count(line), logged)

    def worker(self) -> str:
        return output("systemctl", "show", "--property=MainPID", "--value", "aither-worker.service")

    def check_the_other_daemon(self) -> None:
        run("aither", "set-secret", "sync-token", stdin=TOKEN)
        curl("--header", "Authorization: Bearer wrong", "http://localhost:3500/metrics")
        event, = wait_until(lambda: events(f"{EVENT}0a"), 30, "the event of a wrong token")
        self.assertEqual(event["AITHER_REMOTE_ADDR"], "127.0.0.1")

    def check_a_restart(self) -> None:
        """Entries made meanwhile are not lost, and no entry comes again."""
        known = len(events())
        run("systemctl", "stop", "syslog.socket", "rsyslog.service")
        job = json.loads(output("aither", "sync", "--json"))["data"]["jobId"]
        run("systemctl", "start", "rsyslog.service")
        wait_until(lambda: len(events()) > known, 30, "the event of a sync without rsyslog")
        self.assertEqual([event["AITHER_JOB_ID"] for event in events()[known:]], [job])


if __name__ == "__main__":
    unittest.main()
