# SPDX-License-Identifier: MIT
"""An unprivileged container without nesting, in which no sandbox can be set up: `aither doctor` reports it, and the examples
that aither-web(8) names fix it."""
import json
import os
import re
import unittest
from typing import Any

from client import Stub
from installation import first_run_of_module
from machine import SITE, curl, output, run, show, write

INIT = "/usr/lib/systemd/systemd"
# AppArmor refuses mount(2) with MS_REC | MS_SLAVE in such a guest. That call is the first step of every mount namespace of
# systemd.
REFUSES_MOUNTS = """#!/usr/bin/python3 -IS
import ctypes, os, struct, sys
LOAD, JUMP_EQUAL, RETURN, ALLOW, EACCES = 0x20, 0x15, 0x06, 0x7FFF0000, 0x0005000D
program = [(LOAD, 0, 0, 0), (JUMP_EQUAL, 0, 3, {"x86_64": 165, "aarch64": 40}[os.uname().machine]),
           (LOAD, 0, 0, 40), (JUMP_EQUAL, 0, 1, 1 << 14 | 1 << 19), (RETURN, 0, 0, EACCES), (RETURN, 0, 0, ALLOW)]
code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in program))
filter = ctypes.create_string_buffer(struct.pack("@HP", len(program), ctypes.addressof(code)))
assert ctypes.CDLL(None).prctl(22, 2, filter, 0, 0) == 0
os.execv("%s.real", sys.argv)
""" % INIT

IS_TOO_NEW = os.environ.get("AITHER_SUITE") == "trixie"

hemera: Stub


def setUpModule() -> None:
    """Makes systemd execute itself again under the filter, which cannot be removed from a process."""
    global hemera
    if IS_TOO_NEW:
        return
    hemera = first_run_of_module()
    run("mv", INIT, f"{INIT}.real")
    write(INIT, REFUSES_MOUNTS)
    run("chmod", "755", INIT)
    run("systemctl", "daemon-reexec")


def checks() -> list[dict[str, Any]]:
    return json.loads(run("aither", "doctor", "--json", check=False).stdout)["data"]["checks"]


@unittest.skipIf(IS_TOO_NEW, "systemd 257 itself ends behind the filter when it is executed anew")
class Container(unittest.TestCase):
    def test_what_doctor_finds_and_the_examples_set_right(self) -> None:
        run("systemctl", "restart", "aither.service", "aither-worker.service", check=False)
        for unit in ("aither.service", "aither-worker.service"):
            check, = (c for c in checks() if c["name"] == unit)
            self.assertRegex(check["message"], r"^restarting \(exit status 2(26/NAMESPACE|43/CREDENTIALS): .*: this machine "
                                               r"is a container \(systemd-nspawn\), .*; see CONTAINERS in aither-web\(8\)$")
        self.assertRegex(run("aither", "status", check=False).stdout, r"\Anot healthy: aither\.service has failed")

        run("sh", "-ec", self.commands())
        write("/etc/default/aither", f"HEMERA_API_KEY={hemera.key}\n")
        write("/etc/default/aither-web", "AITHER_SYNC_TOKEN=a-token-of-good-length\n")
        run("systemctl", "restart", "aither.service", "aither-worker.service")
        run("aither", "sync")
        run("systemctl", "start", "aither-sync.service")
        self.assertEqual(curl(f"{SITE}/").status, 200)
        self.assertEqual(curl("--request", "POST", f"{SITE}/api/sync").status, 401)
        run("aither", "status")
        self.assertEqual([c for c in checks() if c["status"] == "failed"], [])
        self.assertEqual(show("aither.service", "User"), "www-data")

    def commands(self) -> str:
        """The examples that the manual page names."""
        shown = output("zcat", "/usr/share/man/man8/aither-web.8.gz")
        found = re.search(r"(?s)\.SH CONTAINERS\n.*?\.EX\n(for .*?)\.EE\n", shown)
        assert found
        return found[1].replace("\\-", "-").replace("\\e", "\\")


if __name__ == "__main__":
    unittest.main()
