# SPDX-License-Identifier: MIT
"""`aither doctor` about units, the port and stored secrets, with a systemd that is played (stub/systemd_stub.py)."""
import json
import os
import re
import socket
import subprocess
import time
import unittest
from pathlib import Path
from typing import Any

from stack import BUILD, PATIENCE_S
from stub.systemd_stub import SystemdStub
from test_doctor import DoctorTest, Result

SWITCH_ON = "systemctl enable --now aither.socket aither-sync.timer"


def unit(active: str, sub: str, file: str = "enabled", **more: Any) -> dict[str, Any]:
    return {"LoadState": "loaded", "ActiveState": active, "SubState": sub, "UnitFileState": file, **more}


class UnitsTest(DoctorTest):
    def setUp(self) -> None:
        super().setUp()
        self.systemd = SystemdStub({
            "aither.socket": unit("active", "listening", Listen=[("Stream", "127.0.0.1:3500"),
                                                                 ("Stream", "[::1]:3500")]),
            "aither-worker.socket": unit("active", "listening", "static",
                                         Listen=[("Stream", str(self.stack.socket))]),
            "aither-sync.timer": unit("active", "waiting", NextElapseUSecRealtime=1_795_000_000_000_000),
            "aither.service": unit("active", "running", "static"),
            "aither-worker.service": unit("active", "running", "static"),
            "aither-sync.service": unit("inactive", "dead", "static"),
        })
        self.addCleanup(self.systemd.stop)
        self.stack.environment["DBUS_SYSTEM_BUS_ADDRESS"] = self.systemd.address

    def set(self, name: str, **properties: Any) -> None:
        self.systemd.units[name] |= properties


class Units(UnitsTest):
    def test_all_is_as_it_should_be(self) -> None:
        found = self.doctor()
        self.assertEqual(found.exit, 0, found.checks)
        self.assertEqual(found.the("aither.socket")["message"], "listening, enabled")
        self.assertEqual(found.the("aither-worker.socket")["message"], "listening, static")
        self.assertEqual(found.the("aither-sync.timer")["message"],
                         "waiting, enabled; next run 2026-11-18T11:06:40.000Z")
        self.assertEqual(found.the("services")["status"], "ok")
        self.assertEqual(found.the("port")["message"], "aither.socket listens on 127.0.0.1:3500, [::1]:3500")

    def test_never_switched_on(self) -> None:
        for name in ("aither.socket", "aither-worker.socket", "aither-sync.timer"):
            self.set(name, ActiveState="inactive", SubState="dead", UnitFileState="disabled")
        self.set("aither.socket", Listen=[])
        assert self.stack.worker
        self.stack.worker.stop()
        found = self.doctor()
        self.assertEqual(found.exit, 69)
        for name in ("aither.socket", "aither-worker.socket", "aither-sync.timer"):
            self.assertEqual((found.the(name)["status"], found.the(name)["remedy"]), ("failed", SWITCH_ON))

    def test_the_workers_socket_is_gone(self) -> None:
        self.set("aither-worker.socket", ActiveState="failed", SubState="failed", Result="resources")
        found = self.assert_check("aither-worker.socket", "failed", r"failed \(resources\)",
                                  "systemctl start aither-worker.socket")
        self.assertEqual(found.exit, 1)

    def test_the_workers_socket_is_masked(self) -> None:
        self.set("aither-worker.socket", LoadState="masked")
        self.assert_check("aither-worker.socket", "failed", "masked", "systemctl unmask aither-worker.socket")

    def test_a_worker_that_does_not_answer(self) -> None:
        """What to do follows from what systemd says of it."""
        assert self.stack.worker
        self.stack.worker.stop()
        self.assertTrue(self.stack.socket.exists())
        self.stack.socket.unlink()
        inactive = {"ActiveState": "inactive", "SubState": "dead"}
        for units, remedy in (
                ({}, "systemctl restart aither-worker.socket aither-worker.service"),
                ({"aither-worker.service": {"ActiveState": "failed", "Result": "exit-code"}},
                 "journalctl -x -n 20 -u aither-worker.service\nsystemctl restart aither-worker.socket"),
                ({"aither-worker.service": inactive, "aither-worker.socket": inactive},
                 "systemctl restart aither-worker.socket"),
                ({"aither.socket": inactive}, SWITCH_ON),
                ({"aither-worker.socket": {"Listen": [("Stream", "/run/other.sock")]}}, "sensible-editor ")):
            for name, properties in units.items():
                self.set(name, **properties)
            check = self.doctor().the("worker")
            self.assertEqual(check["status"], "failed")
            self.assertRegex(check["remedy"], f"^{re.escape(remedy)}\\S*$")

    def test_properties_that_nobody_asked_for_are_passed_over(self) -> None:
        """systemd has two hundred, and another version of it may have other types."""
        self.set("aither-worker.service", MainPID=4711, Description="x", Result=5, SubState=[("a", "b")],
                 ExecMainStartTimestamp=1_795_000_000_000_000)
        found = self.doctor()
        self.assertEqual((found.exit, found.the("services")["status"]), (0, "ok"), found.checks)

    def test_running_but_not_enabled(self) -> None:
        self.set("aither.socket", UnitFileState="disabled")
        self.set("aither-sync.timer", UnitFileState="disabled")
        found = self.assert_check("aither.socket", "warning", "next start of this machine",
                                  "systemctl enable aither.socket")
        self.assertEqual((found.exit, found.the("aither-sync.timer")["status"]), (0, "warning"))

    def test_masked_missing_and_broken_units(self) -> None:
        for load, message, remedy in (("masked", "masked", "systemctl unmask aither.socket"),
                                      ("not-found", "not installed", "apt-get install"),
                                      ("bad-setting", "bad-setting", "systemd-analyze verify aither.socket")):
            with self.subTest(load):
                self.set("aither.socket", LoadState=load, ActiveState="inactive")
                self.assertEqual(self.assert_check("aither.socket", "failed", message, remedy).exit, 1)

    def test_a_timer_of_the_operators_own(self) -> None:
        self.set("aither-sync.timer", ActiveState="inactive", UnitFileState="disabled")
        self.systemd.units["aither-sync@*:0-30.timer"] = unit("active", "waiting")
        found = self.doctor()
        self.assertEqual((found.exit, found.the("aither-sync@*:0-30.timer")["status"]), (0, "ok"))
        self.assertEqual(found.named("aither-sync.timer"), [])

    def test_a_service_that_has_failed(self) -> None:
        self.set("aither-sync.service", ActiveState="failed", SubState="failed", Result="exit-code")
        found = self.assert_check("aither-sync.service", "failed", r"failed \(exit-code\)",
                                  "journalctl -x -n 20 -u aither-sync.service")
        self.assertEqual(found.exit, 1)

    def test_a_worker_without_a_unit(self) -> None:
        """`./dev demo` on a machine where aither is installed, too."""
        self.set("aither-worker.socket", Listen=[("Stream", "/run/aither/worker.sock")])
        self.set("aither.socket", ActiveState="failed")
        found = self.assert_check("units", "skipped", "aither-worker.socket does not listen")
        self.assertEqual((found.exit, found.named("aither.socket")), (0, []))

    def test_a_bus_that_does_not_answer_costs_two_seconds(self) -> None:
        with SystemdStub({}, silent=True) as systemd:
            self.stack.environment["DBUS_SYSTEM_BUS_ADDRESS"] = systemd.address
            began = time.monotonic()
            found = self.doctor()
        self.assertLess(time.monotonic() - began, PATIENCE_S)
        self.assertEqual((found.exit, found.the("units")["status"]), (0, "skipped"))


class Port(UnitsTest):
    def listen(self, address: str, family: int = socket.AF_INET) -> int:
        listener = socket.socket(family)
        self.addCleanup(listener.close)
        listener.bind((address, 0))
        listener.listen()
        return listener.getsockname()[1]

    def busy(self, *listen: str) -> Result:
        self.set("aither.socket", ActiveState="failed", SubState="failed", Result="resources",
                 Listen=[("Stream", address) for address in listen])
        return self.doctor()

    def test_a_busy_port_has_its_holders_name(self) -> None:
        with open("/proc/self/comm", encoding="ascii") as file:
            own_name = file.read().strip()
        port = self.listen("127.0.0.1")
        for address in (f"127.0.0.1:{port}", f"0.0.0.0:{port}", str(port)):
            with self.subTest(address):
                found = self.busy(address)
                check = found.the("port")
                self.assertEqual((found.exit, check["status"]), (1, "failed"))
                self.assertRegex(check["message"], rf"is held by {own_name} \(process {os.getpid()}, user \w+\)")
                self.assertTrue(check["remedy"].startswith(f"systemctl status {os.getpid()}\n"))
                self.assertTrue(check["remedy"].endswith(SWITCH_ON))

    def test_a_holder_of_all_addresses_is_in_the_way_of_each(self) -> None:
        port = self.listen("0.0.0.0")
        self.assertIn(str(os.getpid()), self.busy(f"127.0.0.1:{port}").the("port")["message"])

    def test_other_addresses_and_ports_are_not_in_the_way(self) -> None:
        port = self.listen("127.0.0.2")
        free = self.listen("127.0.0.3")
        found = self.busy(f"127.0.0.1:{port}", f"127.0.0.2:{free}", "/run/aither/http.sock")
        self.assertEqual(found.the("port")["status"], "ok")
        self.assertIn(": free", found.the("port")["message"])


@unittest.skipUnless(os.geteuid() == 0, "only root can be somebody else")
class SomebodyElse(UnitsTest):
    """What only root may see is not guessed."""

    WORLD = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs tmpfs /etc && mkdir -m 700 /etc/credstore && exec "$@"',
             "sh", "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]

    def test_neither_secrets_nor_the_name_of_who_holds_the_port(self) -> None:
        program = BUILD / "aither"
        if subprocess.run([*self.WORLD, program, "--version"], capture_output=True).returncode != 0:
            self.skipTest("nobody may run the program, or this system permits no mount namespace")
        listener = socket.create_server(("0.0.0.0", 0))
        self.addCleanup(listener.close)
        self.set("aither.socket", ActiveState="failed", Listen=[("Stream", f"0.0.0.0:{listener.getsockname()[1]}")])
        for path in (self.stack.directory, self.stack.socket, Path(self.systemd.address.partition("=")[2]),
                     Path(self.systemd.address.partition("=")[2]).parent):
            path.chmod(0o777)
        def run(*arguments: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run([*self.WORLD, program, f"--config={self.stack.config}", *arguments],
                                  env=self.stack.environment, capture_output=True, text=True, timeout=PATIENCE_S * 2)

        self.assertIn("sync token             only root may see whether one is set: sudo aither status\n",
                      run("status").stdout)
        self.assertIsNone(json.loads(run("status", "--json").stdout)["data"]["systemd"]["syncTokenSet"])
        found = Result(run("doctor", "--json"))
        for name, message in (("credentials", "only root may see which secrets are stored"),
                              ("sync-token", "only root may see whether it is set")):
            self.assertEqual((found.the(name)["status"], found.the(name)["message"], found.the(name)["remedy"]),
                             ("skipped", message, "sudo aither doctor"))
        self.assertIn("is held by a program of user ", found.the("port")["message"])


class Token(UnitsTest):
    def test_a_public_socket_without_a_token(self) -> None:
        """Whether one is stored is for root to see, and none is on a machine for tests."""
        self.set("aither.socket", Listen=[("Stream", "0.0.0.0:3500")])
        check = self.doctor().the("sync-token")
        if check["status"] == "skipped":
            self.assertEqual(check["remedy"], "sudo aither doctor")
        else:
            self.assertEqual((check["status"], check["remedy"]), ("warning", "aither set-secret --generate sync-token"))
        self.assertEqual(self.doctor().the("tls")["status"], "warning")

    def test_none_is_needed_on_loopback(self) -> None:
        found = self.doctor()
        self.assertIn(found.the("sync-token")["status"], ("ok", "skipped"))
        self.assertRegex(found.the("sync-token")["message"], "^is not set: |^is set: |^only root may see ")
        self.assertEqual(found.named("tls"), [])


if __name__ == "__main__":
    unittest.main()
