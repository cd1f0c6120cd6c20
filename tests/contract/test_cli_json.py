# SPDX-License-Identifier: MIT
"""--json prints one object on one line and nothing else, also for failures, and aither(1) names all of its members."""
import json
import re
import unittest
from typing import Any

from stack import TOP, StackTest
from stub.systemd_stub import SystemdStub

MANUAL = TOP / "man" / "aither.1"
EVERY = "Every answer"
MEMBER = r"[a-z]\w*(?:\[\])?(?:\.\w+(?:\[\])?)*"
OTHER_KEY = "another-key-another-key-another-key-1"


def documented(command: str) -> set[str]:
    """The members that the manual names for a command: data.errors[].code and so on."""
    output = re.search(r"^\.SH JSON OUTPUT\n(.*?)(?=^\.SH )", MANUAL.read_text(), re.M | re.S)
    assert output
    section = re.search(rf"^\.SS {re.escape(command)}\n(.*?)(?=^\.SS |\Z)", output[1], re.M | re.S)
    assert section, command
    return {name for tag in re.findall(r'^\.TP\n\.B "(.*)"$', section[1], re.M)
            for name in re.findall(MEMBER, tag.replace(r"\%", ""))}


def members(value: Any, path: str = "") -> set[str]:
    """The paths of all values in the document that are neither object nor array."""
    if isinstance(value, dict):
        return {p for name, inner in value.items() for p in members(inner, f"{path}.{name}".lstrip("."))}
    if isinstance(value, list):
        return {p for inner in value for p in members(inner, f"{path}[]")}
    return {path}


def seen(documents: list[Any]) -> set[str]:
    """The members of all documents; a null in place of an object is not a member of its own."""
    paths = set().union(*map(members, documents))
    return {p for p in paths if not any(other.startswith(f"{p}.") for other in paths)}


class JsonTest(StackTest):
    environment = {"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent/bus"}

    def json(self, *arguments: str, code: int = 0) -> Any:
        """The output of a command, which must be one line of JSON and nothing else."""
        done = self.stack.cli(*arguments, "--json")
        self.assertEqual((done.returncode, done.stderr), (code, ""), done.stdout)
        self.assertEqual(done.stdout.count("\n"), 1)
        document = json.loads(done.stdout)
        self.assertEqual(document["success"], "error" not in document)
        return document

    def fail_one_course(self) -> None:
        self.hemera.scenario(fault={"path": "^/api/service/courses/cgen0*1$", "kind": "status", "status": 403,
                                    "count": -1})


class Members(JsonTest):
    def test_of_sync(self) -> None:
        documents = [self.json("sync", "--dry-run"), self.json("sync")]
        self.hemera.scenario(remove="cgen000000000000000000002")
        documents.append(self.json("sync"))
        self.fail_one_course()
        documents.append(self.json("sync", code=2))
        self.hemera.scenario(fault=None, key=OTHER_KEY)
        documents.append(self.json("sync", code=1))
        self.assertEqual(documents[-1]["data"]["status"], "failed")
        documents.append(self.json("sync", "--no-wait"))
        self.assertEqual(seen(documents), documented(EVERY) | documented("sync"))

    def test_of_status(self) -> None:
        documents = [self.json("status", code=1)]
        self.assertFalse(documents[0]["success"])
        self.fail_one_course()
        self.json("sync", code=2)
        documents.append(self.json("status", code=2))
        self.hemera.scenario(courses=0)
        self.json("sync", code=2)
        documents.append(self.json("status", code=2))
        self.hemera.scenario(fault={"path": "/api/service/courses", "kind": "delay", "seconds": 60, "count": 1})
        self.json("sync", "--no-wait")
        systemd = SystemdStub({"aither-worker.socket": {"LoadState": "loaded", "Listen": [
            ("Stream", str(self.stack.socket))]}, **{name: {
                "LoadState": "loaded", "ActiveState": "active", "NextElapseUSecRealtime": 1_795_000_000_000_000}
                for name in ("aither-sync.timer", "aither-sync@hourly.timer")}})
        self.addCleanup(systemd.stop)
        self.stack.environment["DBUS_SYSTEM_BUS_ADDRESS"] = systemd.address
        documents.append(self.json("status"))
        self.assertEqual(documents[-1]["data"]["status"], "running")
        system = documents[-1]["data"]["systemd"]
        self.assertEqual(system["nextSync"], "2026-11-18T11:06:40.000Z")
        self.assertIn("aither-sync@hourly.timer", [unit["name"] for unit in system["units"]])
        others = {"data.dryRun", "data.wouldChange[]", "data.removed[]"}
        self.assertEqual(seen(documents) - {"data.listKept"},
                         (documented(EVERY) | documented("sync") | documented("status")) - others)

    def test_of_doctor(self) -> None:
        document = self.json("doctor")
        self.assertEqual(seen([document]), {"success"} | documented("doctor"))


class Failures(JsonTest):
    def test_without_a_worker(self) -> None:
        assert self.stack.worker
        self.stack.worker.stop()
        for command in ("sync", "status", "test-mail", "test-rollbar"):
            with self.subTest(command):
                document = self.json(command, code=69)
                self.assertEqual(document["error"]["code"], "WORKER_UNAVAILABLE")
                self.assertIn("systemctl", document["error"]["message"])
        document = self.json("status", code=69)
        self.assertFalse(document["data"]["healthy"])
        self.assertEqual(document["data"]["reason"], document["error"]["message"])

    def test_running_already(self) -> None:
        self.hemera.scenario(fault={"path": "/api/service/courses", "kind": "delay", "seconds": 60, "count": 1})
        self.json("sync", "--no-wait")
        self.assertEqual(self.json("sync", code=75)["error"]["code"], "SYNC_IN_PROGRESS")

    def test_a_configuration_that_is_wrong(self) -> None:
        with self.stack.config.open("a") as file:
            file.write("[Worker]\nSocket=relative\nNonsense=1\n")
        for command in ("sync", "status", "test-mail"):
            document = self.json(command, code=78)
            self.assertEqual(document["error"]["code"], "NOT_CONFIGURED")
            self.assertIn("Socket", document["error"]["message"])
            self.assertIn("Nonsense", document["error"]["message"])
        document = self.json("status", code=78)
        self.assertFalse(document["data"]["healthy"])
        first, _, other = document["error"]["message"].partition("; ")
        self.assertIn("unknown key Nonsense", other)
        self.assertEqual(document["data"]["reason"], f"{first} (and 1 more: aither doctor); correct it, then: "
                                                     "systemctl restart aither aither-worker")

    def test_no_recipient(self) -> None:
        for command in ("test-mail", "test-rollbar"):
            self.assertEqual(self.json(command, code=78)["error"]["code"], "NOT_CONFIGURED")

    def test_a_wrong_command_line_prints_none(self) -> None:
        done = self.stack.cli("sync", "--json", "--wrong")
        self.assertEqual((done.returncode, done.stdout), (64, ""))


class UntilComplete(JsonTest):
    """The limit of 4 requests in 2 seconds is too low for one sync of 5 seconds."""

    hemera_arguments = ("--courses", "12", "--participants", "1", "--limit", "4", "--window", "2")
    config = "RequestsPerMinute=4\n[Sync]\nTimeLimitSec=5\n"

    def test_each_sync_has_a_line(self) -> None:
        done = self.stack.cli("sync", "--until-complete", "--json")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        reports = [json.loads(line)["data"] for line in done.stdout.splitlines()]
        self.assertGreater(len(reports), 1)
        self.assertEqual(len({report["jobId"] for report in reports}), len(reports))
        self.assertTrue(all(report["coursesDeferred"] for report in reports[:-1]))
        self.assertEqual(reports[-1]["coursesDeferred"], 0)


if __name__ == "__main__":
    unittest.main()
