# SPDX-License-Identifier: MIT
"""The installed package, as the system tests set it up, inspect it and restore it."""
import re
import threading
import unittest
from typing import Any, Callable

from client import Stub
from machine import SITE, get_status, output, run, write

DEB = "/root/aither.deb"
CONFIG = "/etc/aither/aither.conf.d/test.conf"
KEY = "system-test-key-0123456789-abcdefghij"
KEY_FILE = "/etc/credstore/aither.hemera-api-key"
EVENT = "6a1d0e5e5c8b4f0c9d4f6f2b8a7c1e"  # followed by two digits, see src/base/log.h
DAEMONS = ("aither.service", "aither-worker.service")
UNITS = ("aither.socket", "aither.service", "aither-worker.socket", "aither-worker-web.socket", "aither-worker.service",
         "aither-sync.service", "aither-sync.timer")
SWITCHES = ("aither.socket", "aither-sync.timer")  # the units that an operator enables
REQUESTS_MIN = 200  # during a restart or an upgrade


def is_installed() -> bool:
    return run("dpkg-query", "--show", "--showformat=${db:Status-Status}", "aither",
               check=False).stdout == "installed"


def install() -> None:
    """Does nothing where the package's own tests run, because it is installed there."""
    if not is_installed():
        run("apt-get", "install", "--yes", DEB)


def purge() -> None:
    run("apt-get", "purge", "--yes", "aither")


def configure(hemera: Stub, *lines: str) -> None:
    """Sets BaseURL and few retries, so that a failure is reported soon; the daemons read the file when they start."""
    write(CONFIG, "\n".join(["[Hemera]", f"BaseURL={hemera.url}", "MaxRetries=1", *lines, ""]))
    run("systemctl", "try-restart", *DAEMONS)


def first_run(hemera: Stub) -> None:
    """Follows README.Debian, with the stub's key."""
    install()
    configure(hemera)
    run("aither", "set-secret", "hemera-api-key", stdin=hemera.key)
    run("systemctl", "enable", "--now", *SWITCHES)
    run("aither", "sync")


def first_run_of_module() -> Stub:
    """For setUpModule; everything is undone after the module."""
    hemera = Stub("--no-limit")
    unittest.addModuleCleanup(hemera.stop)
    unittest.addModuleCleanup(leave)
    first_run(hemera)
    return hemera


def leave() -> None:
    """Restores the state after the installation, no matter what a test has done."""
    run("systemctl", "disable", "--now", *SWITCHES, check=False)
    run("systemctl", "stop", *UNITS, check=False)
    run("rm", "-rf", CONFIG, KEY_FILE, "/var/lib/aither/output")
    run("systemctl", "reset-failed")


def active_units() -> list[str]:
    return output("systemctl", "list-units", "--plain", "--no-legend", "--state=active,activating,failed",
                  "aither*").splitlines()


def failed_units() -> str:
    return output("systemctl", "--failed", "--plain", "--no-legend")


def is_enabled(unit: str) -> str:
    return run("systemctl", "is-enabled", unit, check=False).stdout.strip()


def listeners() -> str:
    return "\n".join(line for line in output("ss", "-Hltnx").splitlines()
                     if ":3500" in line or "aither" in line)


def requests_during(action: Callable[[], Any]) -> list[object]:
    """The answers that a visitor gets, one request after the other, from before an action until after it."""
    results: list[object] = []
    ended = threading.Event()

    def visit() -> None:
        while not ended.is_set() or len(results) < REQUESTS_MIN:
            try:
                results.append(get_status(f"{SITE}/"))
            except OSError as error:
                results.append(error)

    visitor = threading.Thread(target=visit)
    visitor.start()
    try:
        action()
    finally:
        ended.set()
        visitor.join()
    return results


def repack(version: str, change: str = "true") -> str:
    """Builds another version of the installed package from its files, which a script then changes in the package's top
    directory; returns the path of the .deb."""
    top = f"/root/repacked/{version}"
    run("mkdir", "-p", f"{top}/DEBIAN")
    run("sh", "-ec", """dpkg-query --listfiles aither | while read -r path; do
        if [ -d "$path" ]; then mkdir -p "$0$path"; else cp -a "$path" "$0$path"; fi; done""", top)
    for name in output("dpkg-query", "--control-list", "aither").splitlines():
        run("cp", output("dpkg-query", "--control-path", "aither", name), f"{top}/DEBIAN/{name}")
    known = output("dpkg-query", "--status", "aither")
    fields = re.sub(r"^(Status: .*|Conffiles:(\n .*)*)\n", "", known, flags=re.M)
    write(f"{top}/DEBIAN/control", re.sub(r"^Version: .*$", f"Version: {version}", fields, flags=re.M) + "\n")
    run("sh", "-ec", f"cd {top}\n{change}")
    run("dpkg-deb", "--build", top, f"{top}.deb")
    return f"{top}.deb"
