# SPDX-License-Identifier: MIT
"""Makes every call of a program fail, one after the other, and names the call when a test fails. A test file says what the
program does meanwhile and which results are right."""
import subprocess
import unittest
from contextlib import contextmanager
from typing import Iterator

from crash.errnos import Fault, faults_of
from crash.faultpoint import Faultpoint, Site
from stack import BUILD, SANITIZED, Stack
from stub.client import Stub

LOST_S = 0.5  # after this time, a client whose connection was lost tries again
LIBRARY = BUILD / "tests/crash/libfaultpoint.so"


def place_name(place: str) -> str:
    """The function of "aither-web+0x1234", if it can be found."""
    file, _, offset = place.partition("+")
    if not file.startswith("aither"):
        return place
    try:
        found = subprocess.run(["addr2line", "-fe", BUILD / file, hex(int(offset, 16) - 1)], capture_output=True,
                               text=True)
    except OSError:
        return place
    return found.stdout.partition("\n")[0] or place


def describe(fault: Fault) -> str:
    return f"{fault.name} in " + " < ".join(place_name(place) for place in fault.site.places[:12])


class Attack(unittest.TestCase):
    """A test with a small Hemera, a stack that is not started yet, and a control file."""

    sites_min = 10  # with fewer sites, the library misses calls that it should see
    hemera_arguments: tuple[str, ...] = ("--courses", "2")

    def set_up(self, config: str = "", environment: dict[str, str] | None = None) -> None:
        self.hemera = Stub(*self.hemera_arguments, "--participants", "1", "--no-limit")
        self.addCleanup(self.hemera.stop)
        self.stack = Stack(self.hemera, config, environment)
        self.addCleanup(lambda: self.assertEqual(self.stack.stop(), []))
        self.assertTrue(LIBRARY.exists(), f"make {LIBRARY.relative_to(BUILD)}")
        self.faults = Faultpoint(LIBRARY, self.stack.directory / "faultpoint")
        self.addCleanup(self.faults.close)

    def start_and_sync(self) -> None:
        self.stack.start_worker()
        self.assertEqual(self.stack.request("POST", "/api/sync", over_unix_socket=True).status, 200)

    def faults_of(self, sites: list[Site]) -> Iterator[Fault]:
        """The faults, always in the same order."""
        self.assertGreaterEqual(len(sites), self.sites_min)
        for site in sorted(sites, key=lambda site: (site.function, site.places)):
            # libh2o never hears of such a connection again, which LeakSanitizer would report in the end.
            if not (SANITIZED and site.function == "epoll_ctl"):
                yield from faults_of(site)

    @contextmanager
    def naming(self, fault: Fault, *more: str) -> Iterator[None]:
        """A failure inside the block names the call. Each fault is a subtest, so that the others are tried as well."""
        with self.subTest():
            try:
                yield
            except Exception as problem:
                problem.add_note("\n".join([f"after {describe(fault)}", *more]))
                raise
