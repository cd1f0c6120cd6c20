# SPDX-License-Identifier: MIT
"""The test's half of crashpoint.c: sets the call at which the worker dies or fails, and reads which calls were made.

    crash = Crashpoint(directory / "crashpoint", output)
    ... start the program with crash.environment ...
    crash.arm(at=7, action=Action.KILL)     # the seventh call from now on
    crash.calls                             # ["openat .sync.lock", ..., "fsync ."]
"""
import enum
import mmap
import os
import struct
from pathlib import Path

from stack import preload

HEAD = struct.Struct("=6I512s")  # struct crash_control without its log
LOG_SIZE = 256 << 10


class Action(enum.IntEnum):
    """The effect at the call; the two actions about halves are for `write`, see crashpoint.c."""

    NOTHING = 0
    KILL = 1
    FAIL = 2
    HALF_KILL = 3
    HALF_FAIL = 4


class Crashpoint:
    """The file that the test and the process share; changes below `directory` count."""

    def __init__(self, library: Path, file: Path, directory: Path):
        self.environment = preload(library, AITHER_CRASHPOINT=str(file))
        self._directory = os.fsencode(directory)
        file.write_bytes(bytes(HEAD.size + LOG_SIZE))
        with file.open("r+b") as opened:
            self._memory = mmap.mmap(opened.fileno(), 0)
        self.arm()

    def arm(self, at: int = 0, action: Action = Action.NOTHING, errnum: int = 0, every: bool = False) -> None:
        """Starts to count from 1 again and forgets the calls. every: opening for reading and closing count, too."""
        HEAD.pack_into(self._memory, 0, at, action, errnum, every, 0, 0, self._directory)

    def _lines(self) -> list[str]:
        length = HEAD.unpack_from(self._memory)[5]
        return self._memory[HEAD.size:HEAD.size + length].decode().splitlines()

    @property
    def calls(self) -> list[str]:
        """The counted calls: "renameat courses/.tmp-0 courses/x.html"."""
        return [line for line in self._lines() if " /" not in line]

    @property
    def calls_outside(self) -> list[str]:
        return [line for line in self._lines() if " /" in line]

    def close(self) -> None:
        self._memory.close()
