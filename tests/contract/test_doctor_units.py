# SPDX-License-Identifier: MIT
"""`aither doctor` about units, the port and stored secrets, with a simulated systemd (stub/systemd_stub.py)."""
import json
import os
import socket
import subprocess
import threading
import time
import unittest
from pathlib import Path
from typing import Any

from stack import BUILD, PATIENCE_S
from stub.systemd_stub import SystemdStub, installed, unit
from test_doctor import DoctorTest, Result

AS_ROOT = "sudo aither doctor" if os.path.exists("/usr/bin/sudo") else "su -c 'aither doctor'"
SWITCH_ON = "systemctl enable --now aither.socket aither-sync.timer"


class UnitsTest(DoctorTest):
    def setUp(self) -> None:
        super().setUp()
        self.systemd = SystemdStub(installed(
            [f"127.0.0.1:{self.stack.port}", "/run/aither/http.sock"], str(self.stack.socket), 1_795_000_000_000_000))
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
        self.assertEqual(found.the("port")["message"],
                         f"aither.socket listens on 127.0.0.1:{self.stack.port}, /run/aither/http.sock, "
                         "and aither-web answers")

    def test_never_switched_on(self) -> None:
        for name in ("aither.socket", "aither-worker.socket", "aither-worker-web.socket", "aither-sync.timer"):
            self.set(name, ActiveState="inactive", SubState="dead", UnitFileState="disabled")
        self.set("aither.socket", Listen=[])
        assert self.stack.worker
        self.stack.worker.stop()
        found = self.assert_check("aither.socket", "failed", "inactive, disabled", SWITCH_ON)
        self.assertEqual(found.exit, 69)
        for name in ("aither-worker.socket", "aither-worker-web.socket", "aither-sync.timer"):
            check = found.the(name)
            self.assertEqual((check["status"], check["message"], check["remedy"]),
                             ("skipped", "inactive, disabled, because aither.socket is off", None))
        self.assertEqual((found.the("worker")["status"], found.the("worker")["remedy"]), ("skipped", None))
        self.assertIn(", because aither.socket is inactive", found.the("worker")["message"])

    def test_the_workers_socket_is_gone(self) -> None:
        self.set("aither-worker.socket", ActiveState="failed", SubState="failed", Result="resources")
        found = self.assert_check("aither-worker.socket", "failed", r"failed \(resources: .*\)",
                                  "systemctl start aither-worker.socket")
        self.assertEqual(found.exit, 1)

    def test_the_workers_socket_for_aither_web_is_gone(self) -> None:
        """systemd does not open this socket while the worker runs, so the remedy restarts the worker."""
        self.set("aither-worker-web.socket", ActiveState="failed", SubState="failed", Result="resources")
        found = self.assert_check("aither-worker-web.socket", "failed", r"failed \(resources: ",
                                  "systemctl restart aither-worker.service")
        self.assertEqual(found.exit, 1)

    def test_the_workers_sockets_are_masked(self) -> None:
        self.set("aither-worker.socket", LoadState="masked")
        self.set("aither-worker-web.socket", LoadState="masked")
        for name in ("aither-worker.socket", "aither-worker-web.socket"):
            self.assert_check(name, "failed", "masked", f"systemctl unmask {name}")

    def test_a_worker_that_does_not_answer(self) -> None:
        """The remedy follows from the state that systemd reports."""
        assert self.stack.worker
        self.stack.worker.stop()
        self.assertTrue(self.stack.socket.exists())
        self.stack.socket.unlink()
        inactive = {"ActiveState": "inactive", "SubState": "dead"}
        for units, remedy in (
                ({}, "systemctl restart aither-worker.socket aither-worker.service"),
                ({"aither-worker.service": {"ActiveState": "failed", "Result": "exit-code"}}, "aither-worker.service"),
                ({"aither-worker.service": inactive, "aither-worker.socket": inactive}, "aither-worker.socket"),
                ({"aither.socket": inactive}, "aither.socket"),
                ({"aither-worker.socket": {"Listen": [("Stream", "/run/other.sock")]}}, "EDITOR ")):
            for name, properties in units.items():
                self.set(name, **properties)
            check = self.doctor().the("worker")
            if remedy.startswith("aither"):  # the remedy is shown with the unit that is the cause
                self.assertEqual((check["status"], check["remedy"]), ("skipped", None))
                self.assertIn(f", because {remedy} is ", check["message"])
            else:
                self.assertEqual(check["status"], "failed")
                self.assertTrue(check["remedy"].startswith(remedy), check)

    def test_unknown_properties_are_ignored(self) -> None:
        """systemd has two hundred properties, and another version of systemd may have other types."""
        self.set("aither-worker.service", MainPID=4711, Description="x", Result=5, SubState=[("a", "b")],
                 ExecMainStartTimestamp=1_795_000_000_000_000)
        found = self.doctor()
        self.assertEqual((found.exit, found.the("services")["status"]), (0, "ok"), found.checks)

    def test_running_but_not_enabled(self) -> None:
        self.set("aither.socket", UnitFileState="disabled")
        self.set("aither-sync.timer", UnitFileState="disabled")
        found = self.assert_check("aither.socket", "warning", "does not start when this machine boots",
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
        self.set("aither-sync.service", ActiveState="failed", SubState="failed", Result="exit-code",
                 ExecMainCode=1, ExecMainStatus=69)
        found = self.assert_check("aither-sync.service", "failed", r"failed \(exit status 69\), static",
                                  "journalctl -x -n 20 -u aither-sync.service")
        self.assertEqual(found.exit, 1)

    def test_a_service_that_cannot_start(self) -> None:
        """Without a start limit, systemd restarts the service again and again and never calls it failed."""
        for name in ("aither.service", "aither-worker.service"):
            for code, status, result, message in (
                    (1, 203, "exit-code", "exit status 203/EXEC: its program cannot be executed"),
                    (1, 216, "exit-code", "exit status 216/GROUP: "),
                    (1, 217, "exit-code", "exit status 217/USER: "),
                    (1, 226, "exit-code", "exit status 226/NAMESPACE: "),
                    (1, 243, "exit-code", "exit status 243/CREDENTIALS: "),
                    (1, 71, "exit-code", "exit status 71"),
                    (2, 11, "signal", "signal 11/SEGV"),
                    (3, 6, "watchdog", "watchdog: "),
                    (2, 9, "oom-kill", "oom-kill: .* memory"),
                    (0, 0, "resources", "resources: ")):
                with self.subTest(unit=name, status=status):
                    before = dict(self.systemd.units[name])
                    self.set(name, ActiveState="activating", SubState="auto-restart", Result=result, ExecMainCode=code,
                             ExecMainStatus=status)
                    found = self.assert_check(name, "failed", rf"^restarting \({message}.*\), static",
                                              f"journalctl -x -n 20 -u {name}\n")
                    self.assertEqual((found.exit, found.named("services")), (1, []))
                    self.systemd.units[name] = before

    def test_the_start_of_a_service_is_waited_for(self) -> None:
        """The last exit status is known again only after this start has failed, too."""
        starting = unit("activating", "start", "static")
        self.systemd.units["aither.service"] = [starting, starting, unit(
            "activating", "auto-restart", "static", Result="exit-code", ExecMainCode=1, ExecMainStatus=226)]
        self.assert_check("aither.service", "failed", r"226/NAMESPACE", "journalctl")
        self.systemd.units["aither.service"] = [starting, unit("active", "running", "static")]
        self.assertEqual(self.doctor().the("services")["status"], "ok")

    def test_a_service_that_was_ended_and_comes_back(self) -> None:
        self.set("aither.service", ActiveState="activating", SubState="auto-restart", Result="success", ExecMainCode=2,
                 ExecMainStatus=15)
        self.assertEqual(self.doctor().the("services")["status"], "ok")

    def test_a_masked_service(self) -> None:
        self.set("aither.service", LoadState="masked", ActiveState="inactive")
        found = self.assert_check("aither.service", "failed", "masked", "systemctl unmask aither.service")
        self.assertEqual(found.exit, 1)

    def test_a_timer_that_has_failed_beside_one_that_runs(self) -> None:
        self.systemd.units["aither-sync@*:0-30.timer"] = unit("failed", "failed", Result="resources")
        found = self.assert_check("aither-sync@*:0-30.timer", "failed", r"failed \(resources: .*\), enabled",
                                  "systemctl restart 'aither-sync@*:0-30.timer'")
        self.assertEqual((found.exit, found.the("aither-sync.timer")["status"]), (1, "ok"))

    def test_a_worker_without_a_unit(self) -> None:
        """For example `./dev demo` on a machine where aither is installed as well."""
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

    def active(self, *listen: str, **properties: Any) -> dict[str, Any]:
        self.set("aither.socket", Listen=[("Stream", address) for address in listen], **properties)
        found = self.doctor()
        self.assertEqual(found.exit, 0 if found.the("port")["status"] == "ok" else 1)
        return found.the("port")

    def test_a_port_that_takes_connections_and_never_answers(self) -> None:
        """Like systemd's sockets while the service cannot start."""
        address = f"127.0.0.1:{self.listen('127.0.0.1')}"
        for listen in ([address], [f"127.0.0.1:{self.stack.port}", address]):
            check = self.active(*listen)
            self.assertEqual((check["status"], check["message"]), (
                "failed", f"{address} accepts connections, but aither-web does not answer within 2.5 s"))
            self.assertTrue(check["remedy"].startswith("journalctl -x -n 20 -u aither.service\n"))

    def test_a_port_that_answers_otherwise(self) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        answers = [b"HTTP/1.1 503 Service Unavailable\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n",
                   b"220 mail.example.org ESMTP\r\n", b"HTTP/1.1 2", b""]

        def serve() -> None:
            for answer in answers:
                with listener.accept()[0] as connection:
                    self.assertTrue(connection.recv(4096).startswith(b"GET /api/sync/status HTTP/1.1\r\n"))
                    connection.sendall(answer)
        threading.Thread(target=serve, daemon=True).start()
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        for answer in answers:
            check = self.active(address)
            self.assertEqual(check["status"], "failed")
            self.assertIn(f"{address} answers, but not" if answer else f"at {address}: Connection reset",
                          check["message"])

    def test_a_port_that_refuses_connections(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        check = self.active(f"127.0.0.1:{port}")
        self.assertEqual((check["status"], check["message"]), (
            "failed", f"cannot reach aither-web at 127.0.0.1:{port}: Connection refused"))
        check = self.active("[::1]:9")
        self.assertEqual(check["status"], "failed")  # without IPv6 it fails for another reason
        self.assertTrue(check["message"].startswith("cannot reach aither-web at [::1]:9: "), check["message"])

    def test_an_address_that_this_machine_lacks_is_passed_over(self) -> None:
        """FreeBind=yes permits a socket to listen there. The last address of 127.0.0.0/8 is the broadcast address, to which
        no connection leads."""
        self.assertEqual(self.active("127.255.255.255:3500", f"127.0.0.1:{self.stack.port}")["status"], "ok")
        self.assertEqual(self.active("127.255.255.255:3500")["status"], "failed")

    def test_a_socket_for_some_clients_only_need_not_be_reached(self) -> None:
        silent = f"127.0.0.1:{self.listen('127.0.0.1')}"
        for name, value in (("BindToDevice", "eth0"), ("IPAddressDeny", [(2, bytes(4), 0), (10, bytes(16), 0)])):
            self.assertEqual(self.active("127.255.255.255:3500", **{name: value})["status"], "ok")
            self.assertEqual(self.active(silent, **{name: value})["status"], "failed")
            del self.systemd.units["aither.socket"][name]


@unittest.skipUnless(os.geteuid() == 0, "only root can be another user")
class AnotherUser(UnitsTest):
    """Facts that only root can see are not guessed."""

    WORLD = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs tmpfs /etc && mkdir -m 700 /etc/credstore && exec "$@"',
             "sh", "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]

    def test_neither_secrets_nor_the_name_of_who_holds_the_port(self) -> None:
        program = BUILD / "aither"
        if subprocess.run([*self.WORLD, program, "--version"], capture_output=True).returncode != 0:
            self.skipTest("the user nobody may not run the program, or this system permits no mount namespace")
        listener = socket.create_server(("0.0.0.0", 0))
        self.addCleanup(listener.close)
        self.set("aither.socket", ActiveState="failed", Listen=[("Stream", f"0.0.0.0:{listener.getsockname()[1]}")])
        for path in (self.stack.directory, self.stack.socket, Path(self.systemd.address.partition("=")[2]),
                     Path(self.systemd.address.partition("=")[2]).parent):
            path.chmod(0o777)
        def run(*arguments: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run([*self.WORLD, program, f"--config={self.stack.config}", *arguments],
                                  env=self.stack.environment, capture_output=True, text=True, timeout=PATIENCE_S * 2)

        self.assertIn("sync token               only root may see whether one is set: sudo aither status\n",
                      run("status").stdout)
        self.assertIsNone(json.loads(run("status", "--json").stdout)["data"]["systemd"]["syncTokenSet"])
        self.set("aither.socket", ActiveState="active", Listen=[("Stream", f"127.0.0.1:{self.stack.port}")])
        self.assertRegex(run("status").stdout, r"(?m)^sync token +not set: ")  # aither-web's own answer
        self.set("aither.socket", ActiveState="failed", Listen=[("Stream", f"0.0.0.0:{listener.getsockname()[1]}")])
        found = Result(run("doctor", "--json"))
        for name, message in (("credentials", "only root may see which secrets are stored"),
                              ("sync-token", "only root may see whether it is set")):
            self.assertEqual((found.the(name)["status"], found.the(name)["message"], found.the(name)["remedy"]),
                             ("skipped", message, AS_ROOT))
        self.assertRegex(found.the("port")["message"], "a program of user .* holds ")


class Token(UnitsTest):
    def test_a_public_socket_without_a_token(self) -> None:
        """Only root can see whether a secret is stored. A machine for tests has none."""
        self.set("aither.socket", Listen=[("Stream", "0.0.0.0:3500")])
        check = self.doctor().the("sync-token")
        if check["status"] == "skipped":
            self.assertEqual(check["remedy"], AS_ROOT)
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
