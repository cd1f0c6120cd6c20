# SPDX-License-Identifier: MIT
"""The test's half of faultpoint.c: which calls a program makes, and which of them fails next.

    faults = Faultpoint(library, directory / "faultpoint")
    ... start the program with faults.environment ...
    sites = faults.met()                        # since the start, or the last forget()
    faults.arm(sites[7], Action.FAIL, errno.EIO)
    ... let the program do the same again ...
    faults.fired                                # has the program met the fault?
"""
import enum
import mmap
import struct
from pathlib import Path
from typing import NamedTuple

from stack import preload

HEAD = struct.Struct("=QIIII")     # struct fault_control without its sites
SITE = struct.Struct("=QII1000s")  # struct fault_site
SITES_MAX = 4096


class Action(enum.IntEnum):
    """The effect: the first three happen once, at the armed site, the last two at all sites; see faultpoint.c."""

    NOTHING = 0
    FAIL = 1
    ONE = 2
    END = 3
    ONES = 4
    TWICE = 5


class Site(NamedTuple):
    """A call and the way to it, innermost place first."""

    key: int
    function: str
    places: tuple[str, ...]
    count: int


class Faultpoint:
    """The file that the test and the process share."""

    def __init__(self, library: Path, file: Path):
        self.environment = preload(library, AITHER_FAULTPOINT=str(file))
        file.write_bytes(bytes(HEAD.size + SITES_MAX * SITE.size))
        with file.open("r+b") as opened:
            self._memory = mmap.mmap(opened.fileno(), 0)

    def arm(self, site: Site | None = None, action: Action = Action.NOTHING, errnum: int = 0) -> None:
        """Clears the record of fired faults."""
        HEAD.pack_into(self._memory, 0, 0, 0, 0, 0, 0)
        HEAD.pack_into(self._memory, 0, site.key if site else 0, action, errnum, 0, 0)

    @property
    def fired(self) -> bool:
        return HEAD.unpack_from(self._memory)[3] > 0

    def _used(self) -> list[tuple[int, int]]:
        """Offset and key of every site met so far."""
        offsets = range(HEAD.size, len(self._memory), SITE.size)
        return [(offset, key) for offset in offsets
                if (key := int.from_bytes(self._memory[offset:offset + 8], "little"))]

    def met(self) -> list[Site]:
        """The sites met since forget(), in no particular order."""
        assert HEAD.unpack_from(self._memory)[4] == 0, "more sites than there is room for"
        sites = []
        for offset, key in self._used():
            _, count, is_named, text = SITE.unpack_from(self._memory, offset)
            if count and is_named:
                function, *places = text.rstrip(b"\0").decode().split()
                sites.append(Site(key, function, tuple(places), count))
        return sites

    def forget(self) -> None:
        for offset, _ in self._used():
            self._memory[offset + 8:offset + 12] = bytes(4)

    def close(self) -> None:
        self._memory.close()
