# SPDX-License-Identifier: MIT
"""The rights of the daemons on the machine, seen from inside: probe.py runs with a unit's own properties.

A row has an attempt, its result, and the result that it would have with lines that lift the directive. So each test fails
when its directive is no longer in the unit.
"""
import functools
import json
import os
import re
import unittest
from pathlib import Path
from typing import Any

from client import Stub
from installation import DAEMONS, KEY_FILE, first_run_of_module
from machine import OUTPUT, SITE, curl, output, run, show, write

SCORES_MAX = {"aither.service": 0.3, "aither-sync.service": 0.3, "aither-worker.service": 1.1,
              "aither-alert@test.service": 1.1}
SANDBOXES = tuple(SCORES_MAX)
PROGRAM = "/opt/aither-probe.py"
FOUND = "/run/aither-probe.json"
UNIT = "aither-probe.service"
MANIFEST = f"{OUTPUT}/.sync-manifest.json"
WORKERS_KEY = "/run/credentials/aither-worker.service/aither.hemera-api-key"
PUBLIC_SOCKET = "/run/aither-test-public.sock"  # anyone may connect
SHARED_MEMORY = "0x61697468"
OTHERS_FILE = "aither-probe-other"  # belongs to another user, readable by all
OTHERS = [f"{folder}/{OTHERS_FILE}" for folder in ("/home", "/tmp", "/var/tmp", "/dev", "/lib/modules")]

# Settings that the probe, a oneshot that reports and ends, cannot share with the unit that it imitates.
NOT_THE_PROBES = (r"^(ExecStart|Type|Restart|RestartSec|WatchdogSec|NotifyAccess|OnFailure|SuccessExitStatus|"
                  r"TimeoutStartSec)=.*$")

hemera: Stub


def setUpModule() -> None:
    global hemera
    hemera = first_run_of_module()
    curl(f"{SITE}/")
    write(PROGRAM, (Path(__file__).parent / "probe.py").read_text())
    unittest.addModuleCleanup(run, "rm", "-f", PROGRAM, *OTHERS)
    for path in OTHERS:
        write(path, "something\n")


@functools.cache
def needed_to_run_python() -> str:
    """Paths of the interpreter and of its own libraries."""
    where = output("python3", "-c", "import os, sys, _ctypes; "
                   "print(os.path.realpath(sys.executable), os.path.dirname(_ctypes.__file__))")
    return where


def probe(unit: str, *attempts: str, lift: str = "") -> dict[str, Any]:
    """The result of each NAME=ACTION:ARGUMENT with all properties of a unit, followed by the given lines."""
    text = re.sub(NOT_THE_PROBES, "", output("systemctl", "cat", unit), flags=re.M).replace("%n", unit)
    allowed = needed_to_run_python()
    python = allowed.split()[0]
    write(f"/run/systemd/system/{UNIT}",
          f"{text}\n[Service]\nType=oneshot\nExecPaths={allowed}\n"
          f"StandardOutput=truncate:{FOUND}\nStandardError=journal\n"
          f"{lift}\nExecStart={python} {PROGRAM} {' '.join(attempts)}\n")
    run("systemctl", "daemon-reload")
    try:
        run("systemctl", "start", UNIT)
        return json.loads(output("cat", FOUND))
    finally:
        run("rm", "-f", f"/run/systemd/system/{UNIT}", FOUND)
        run("systemctl", "daemon-reload")


def answer(unit: str, attempt: str, lift: str = "") -> str:
    return probe(unit, f"it={attempt}", lift=lift)["it"]


class Scores(unittest.TestCase):
    def test_exposure_is_within_its_limits(self) -> None:
        print("# exposure (systemd-analyze security)      score  limit", flush=True)
        for unit, most in SCORES_MAX.items():
            with self.subTest(unit):
                last = output("systemd-analyze", "security", "--no-pager", unit).splitlines()[-1]
                score = float(re.search(r": ([0-9.]+) ", last)[1])
                print(f"#   {unit:38} {score:5}  {most:5}", flush=True)
                self.assertLessEqual(score, most)


class WebHalf(unittest.TestCase):
    """aither-web faces the network: an attacker in it finds nothing to steal and no way out."""
    unit = "aither.service"

    def test_it_is_a_user_of_its_own(self) -> None:
        web = int(output("stat", "-c", "%u", f"/proc/{show(self.unit, 'MainPID')}"))
        self.assertNotIn(web, (0, int(output("id", "-u", "aither"))))
        self.assertEqual(probe(self.unit)["uid"], web)

    def test_it_can_do_its_work(self) -> None:
        found = probe(self.unit, f"page=read:{OUTPUT}/public/index.de.html", "worker=unix:/run/aither/worker.sock")
        self.assertEqual({found["page"], found["worker"]}, {"ok"})

    def test_of_all_that_listens_it_reaches_the_workers_socket_for_it_alone(self) -> None:
        listener = "aither-test-public"
        run("systemd-run", f"--unit={listener}", f"--socket-property=ListenStream={PUBLIC_SOCKET}",
            "--socket-property=SocketMode=0666", "--socket-property=RemoveOnStop=yes", "/bin/true")
        self.addCleanup(run, "systemctl", "stop", f"{listener}.socket")
        run("systemctl", "start", "dbus.socket")
        attempts = {"bus": "unix:/run/dbus/system_bus_socket", "users": "unix:/run/systemd/userdb/io.systemd.DynamicUser",
                    "public": f"unix:{PUBLIC_SOCKET}", "command-line": "unix:/run/aither/web/worker.sock"}
        tried = [f"{name}={attempt}" for name, attempt in attempts.items()]
        found = probe(self.unit, *tried, "own=unix:/run/aither/worker.sock", "in-run=names:/run",
                      "in-aither=names:/run/aither", "in-systemd=names:/run/systemd", "in-journal=names:/run/systemd/journal")
        self.assertEqual({name: found[name] for name in attempts}, dict.fromkeys(attempts, "ENOENT"))
        self.assertEqual(found["own"], "ok")
        self.assertLessEqual(set(found["in-run"].split()), {"aither", "credentials", "systemd"})
        self.assertEqual(found["in-aither"], "worker.sock")
        self.assertLessEqual(set(found["in-systemd"].split()), {"journal", "notify", "incoming", "unit-root"})
        self.assertEqual(found["in-journal"], "socket stdout")
        free = probe(self.unit, *tried, lift="TemporaryFileSystem=\nBindReadOnlyPaths=")
        self.assertEqual({name: free[name] for name in attempts}, dict.fromkeys(attempts, "ok"))

    def test_that_socket_permits_what_visitors_may_ask_for(self) -> None:
        orders = {"GET,/api/sync/status": "200", "POST,/internal/refresh": "200", "GET,/metrics": "403",
                  "POST,/api/sync?dryRun=1": "200", "POST,/api/sync?force=1": "403", "GET,/internal/doctor": "403",
                  "POST,/internal/test-mail": "403", "POST,/internal/test-rollbar": "403"}
        found = probe(self.unit, *(f"{order.partition('?')[0]}{number}=ask:{order}"
                                   for number, order in enumerate(orders)))
        self.assertEqual([value for name, value in found.items() if name != "uid"], list(orders.values()))
        self.assertEqual(answer(self.unit, "ask:POST,/api/sync?force=1&dryRun=1",
                                "TemporaryFileSystem=\nBindReadOnlyPaths="), "200")

    def test_it_cannot_open_a_connection(self) -> None:
        targets = {"tcp4": f"tcp:127.0.0.1:{hemera.port}", "tcp6": "tcp:::1:3500", "udp4": "udp:127.0.0.1:53",
                   "udp6": "udp:::1:53", "netlink": "family:AF_NETLINK", "packet": "family:AF_PACKET"}
        found = probe(self.unit, *(f"{name}={attempt}" for name, attempt in targets.items()))
        self.assertEqual({name: found[name] for name in targets}, dict.fromkeys(targets, "EAFNOSUPPORT"))

    def test_without_that_filter_it_has_no_network(self) -> None:
        lift, attempt = "RestrictAddressFamilies=\nIPAddressDeny=", f"tcp:127.0.0.1:{hemera.port}"
        self.assertEqual(answer(self.unit, attempt, lift), "ECONNREFUSED")
        self.assertEqual(answer(self.unit, attempt, f"{lift}\nPrivateNetwork=no"), "ok")

    def test_with_a_network_its_packets_are_dropped(self) -> None:
        lift = "RestrictAddressFamilies=\nPrivateNetwork=no"
        filtered = run("systemd-run", "--wait", "--pipe", "--quiet", "--property=IPAddressDeny=any", "python3", PROGRAM,
                       "it=udp:127.0.0.1:53").stdout
        if json.loads(filtered)["it"] == "ok":
            self.skipTest("the kernel does not let this machine filter by address")
        self.assertEqual(answer(self.unit, "udp:127.0.0.1:53", lift), "EPERM")
        self.assertEqual(answer(self.unit, "udp:127.0.0.1:53", f"{lift}\nIPAddressDeny="), "ok")

    def test_it_cannot_read_the_key(self) -> None:
        run("test", "-f", WORKERS_KEY)
        found = probe(self.unit, f"stored=read:{KEY_FILE}", f"loaded=read:{WORKERS_KEY}")
        self.assertEqual(found["stored"], "EACCES")
        self.assertIn(found["loaded"], ("EACCES", "ENOENT"))  # not accessible, or hidden by a private mount
        self.assertEqual(answer(self.unit, f"read:{KEY_FILE}", "DynamicUser=no\nUser=root"), "ok")

    def test_it_cannot_read_the_manifest(self) -> None:
        self.assertEqual(answer(self.unit, f"read:{MANIFEST}"), "EACCES")
        self.assertEqual(answer(self.unit, f"read:{MANIFEST}", "DynamicUser=no\nUser=aither"), "ok")

    def test_it_has_the_sync_token_the_pages_password_and_no_other_secret(self) -> None:
        loaded = re.findall("^LoadCredential=(.*)$", output("systemctl", "cat", self.unit), re.M)
        self.assertEqual(loaded, ["aither.sync-token", "aither.pages-password"])

    def test_it_cannot_write_anything_anywhere(self) -> None:
        self.assertEqual(answer(self.unit, "writable:/"), "ok")
        free = answer(self.unit, "writable:/", "ReadOnlyPaths=").split()
        self.assertLessEqual({"/tmp", "/var/tmp", "/dev/shm"}, set(free))
        self.assertEqual(answer(self.unit, f"create:{OUTPUT}/x"), "EROFS")
        self.assertEqual(answer(self.unit, f"create:{OUTPUT}/x", f"ReadWritePaths={OUTPUT}"), "EACCES")

    def test_it_cannot_execute_anything(self) -> None:
        attempts = {"program": "execute:/bin/true", "helper": "execute:/usr/lib/systemd/systemd-reply-password",
                    "loader": "execute_by_loader:/bin/true"}
        found = probe(self.unit, *(f"{name}={attempt}" for name, attempt in attempts.items()))
        self.assertEqual({name: found[name] for name in attempts},
                         {"program": "EACCES", "helper": "EACCES", "loader": "ECHILD"})
        lifts = {"program": "NoExecPaths=", "helper": "ExecPaths=/usr/lib/systemd", "loader": "NoExecPaths="}
        for name, lift in lifts.items():
            with self.subTest(name, lift=lift):
                self.assertNotEqual(answer(self.unit, attempts[name], lift), found[name])

    def test_it_only_maps_libraries_of_the_directory_that_holds_nothing_else(self) -> None:
        allowed = re.search("^ExecPaths=(.*)$", output("systemctl", "cat", self.unit), re.M)[1].split()
        self.assertEqual(allowed[0], "/usr/sbin/aither-web")
        self.assertEqual(allowed[1:], [os.path.dirname(output("readlink", "-f", "/usr/bin/ld.so"))])


class WorkerHalf(unittest.TestCase):
    unit = "aither-worker.service"

    def test_it_can_do_its_work(self) -> None:
        found = probe(self.unit, f"hemera=tcp:127.0.0.1:{hemera.port}", f"manifest=read:{MANIFEST}",
                      f"page=create:{OUTPUT}/x", "key=read:/run/credentials/aither-probe.service/aither.hemera-api-key")
        self.assertEqual({value for name, value in found.items() if name != "uid"}, {"ok"})

    def test_it_cannot_write_outside_its_own_directories(self) -> None:
        own = [f"/var/lib/{show(self.unit, 'StateDirectory')}"]
        own += [f"/run/{name}" for name in show(self.unit, "RuntimeDirectory").split()]
        found = answer(self.unit, "writable:/").split()
        self.assertIn(own[0], found)
        self.assertEqual([path for path in found if not path.startswith(tuple(own))], [])

    def test_it_cannot_execute_anything(self) -> None:
        found = probe(self.unit, "program=execute:/bin/true", "helper=execute:/usr/lib/systemd/systemd-reply-password",
                      "loader=execute_by_loader:/bin/true", "memory=execute_from_memory:/bin/true")
        self.assertEqual([found[name] for name in ("program", "helper", "loader", "memory")],
                         ["EACCES", "EACCES", "ECHILD", "EPERM"])
        self.assertNotEqual(answer(self.unit, "execute_from_memory:/bin/true", "SystemCallFilter=memfd_create"), "EPERM")

    def test_it_cannot_read_the_stored_secrets(self) -> None:
        self.assertEqual(answer(self.unit, f"read:{KEY_FILE}"), "EACCES")

    def test_it_opens_nothing_but_ip_and_unix_sockets(self) -> None:
        found = probe(self.unit, "netlink=family:AF_NETLINK", "packet=family:AF_PACKET")
        self.assertEqual((found["netlink"], found["packet"]), ("EAFNOSUPPORT", "EAFNOSUPPORT"))


class EverySandbox(unittest.TestCase):
    """Actions that none of the four units can perform. All units have the same lines. They are lifted in the worker's unit,
    because DynamicUser= of the others implies some of them."""

    # name: attempt, answer, lines that lift the directive
    ROWS = {
        "ProtectHome": (f"read:/home/{OTHERS_FILE}", "EACCES", "ProtectHome=no"),
        "PrivateTmp": (f"read:/tmp/{OTHERS_FILE}", "ENOENT", "PrivateTmp=no"),
        "PrivateDevices": (f"read:/dev/{OTHERS_FILE}", "ENOENT", "PrivateDevices=no"),
        "ProtectKernelModules": (f"read:/lib/modules/{OTHERS_FILE}", "EACCES", "ProtectKernelModules=no"),
        "ProtectProc": ("enter:/proc/1", "ENOENT", "ProtectProc=default"),
        "ProcSubset": ("read:/proc/uptime", "ENOENT", "ProcSubset=all"),
        "PrivateIPC": (f"shared_memory:{SHARED_MEMORY}", "ENOENT", "PrivateIPC=no"),
        "MemoryDenyWriteExecute": ("write_and_execute_memory", "EPERM EACCES", "MemoryDenyWriteExecute=no"),
        "RestrictNamespaces": ("new_namespace", "EPERM", "RestrictNamespaces=no"),
        "LockPersonality": ("change_personality", "EPERM", "LockPersonality=no"),
        "RestrictSUIDSGID": ("set_user_id_bit:/nothing", "EPERM", "RestrictSUIDSGID=no"),
        "SystemCallFilter": ("be_traced", "EPERM", "SystemCallFilter=ptrace"),
        "SystemCallFilter-resources": ("lower_priority", "EPERM", "SystemCallFilter=@resources"),
        "CapabilityBoundingSet": ("status:CapBnd", "0000000000000000", "CapabilityBoundingSet=~"),
    }

    @classmethod
    def setUpClass(cls) -> None:
        run("sh", "-c", "ipcs -m | grep -q ^$0 || python3 -c \"import ctypes; ctypes.CDLL(None)"
            ".shmget(int('$0', 0), 4096, 0o1666)\"", SHARED_MEMORY)

    @classmethod
    def tearDownClass(cls) -> None:
        run("ipcrm", "--shmem-key", SHARED_MEMORY)

    def test_no_unit_has_more_than_it_needs(self) -> None:
        attempts = [f"{name}={attempt}" for name, (attempt, _, _) in self.ROWS.items()]
        for unit in SANDBOXES:
            with self.subTest(unit):
                found = probe(unit, *attempts, "NoNewPrivileges=status:NoNewPrivs")
                self.assertGreater(found["uid"], 0)
                self.assertEqual(found["NoNewPrivileges"], "1")
                permitted = {name: found[name] for name, (_, forbidden, _) in self.ROWS.items()
                             if found[name] not in forbidden.split()}
                self.assertEqual(permitted, {})

    def test_each_directive_is_what_forbids_it(self) -> None:
        for name, (attempt, forbidden, lift) in self.ROWS.items():
            with self.subTest(name):
                self.assertNotIn(answer("aither-worker.service", attempt, lift), forbidden.split())

    def test_both_daemons_forbid_themselves_new_code(self) -> None:
        """NoExecPaths= does not apply to the contents of a memfd. The filter is src/base/noexec.c, in addition to the unit's
        own."""
        self.assertEqual(curl(f"{SITE}/api/sync/status").status, 200)
        for unit in DAEMONS:
            with self.subTest(unit):
                status = output("cat", f"/proc/{show(unit, 'MainPID')}/status")
                filters = int(re.search(r"^Seccomp_filters:\s*(\d+)$", status, re.M)[1])
                self.assertEqual(filters, int(answer(unit, "status:Seccomp_filters")) + 1)
                self.assertNotIn("cannot prevent this process", output("journalctl", "--boot", "--unit", unit))

    def test_no_unit_reaches_the_system_manager(self) -> None:
        run("systemctl", "start", "dbus.socket")
        attempts = ("bus=unix:/run/dbus/system_bus_socket", "users=unix:/run/systemd/userdb/io.systemd.DynamicUser",
                    "manager=unix:/run/systemd/private")
        for unit in SANDBOXES:
            with self.subTest(unit):
                found = probe(unit, *attempts)
                del found["uid"]
                self.assertLessEqual(set(found.values()), {"ENOENT", "EACCES"})
        for unit, lift in (("aither-worker.service", "InaccessiblePaths="), ("aither-alert@test.service", "InaccessiblePaths="),
                           ("aither-sync.service", "TemporaryFileSystem=\nBindReadOnlyPaths=")):
            with self.subTest(unit, lift=lift):
                found = probe(unit, *attempts, lift=lift)
                self.assertEqual((found["bus"], found["users"]), ("ok", "ok"))

    def test_only_the_command_line_reaches_the_workers_socket_for_it(self) -> None:
        order = "ask=ask:POST,/api/sync?force=1&dryRun=1"
        self.assertEqual(probe("aither-sync.service", order)["ask"], "200")
        self.assertEqual(probe("aither.service", order)["ask"], "403")
        for unit in ("aither-worker.service", "aither-alert@test.service"):
            self.assertEqual(probe(unit, order)["ask"], "EACCES")

    def test_only_units_that_need_it_reach_the_network(self) -> None:
        found = {unit: answer(unit, f"tcp:127.0.0.1:{hemera.port}") for unit in SANDBOXES}
        self.assertEqual({unit for unit, value in found.items() if value != "EAFNOSUPPORT"},
                         {"aither-worker.service", "aither-alert@test.service"})
