# SPDX-License-Identifier: MIT
"""A clock that a test sets while the programs run. The other half is setclock.c.

    clock = Clock()
    Stack(hemera, environment=clock.environment)
    clock.set(3600)                         an hour ahead of the machine's clock, for all programs with this environment
"""
import os
import struct
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path

from stack import BUILD, preload

LIBRARY = BUILD / "tests" / "contract" / "libsetclock.so"
HOUR, DAY, YEAR = 3600, 86400, 365 * 86400


class Clock:
    def __init__(self) -> None:
        handle, name = tempfile.mkstemp(prefix="aither-clock-")
        os.close(handle)
        self.file = Path(name)
        self.ahead_s = 0.0
        self.set(0)
        self.environment = preload(LIBRARY, AITHER_CLOCK=name)

    def set(self, ahead_s: float) -> None:
        """Sets how far the clock is ahead (negative: behind). The file is written in place, because the programs have it
        mapped."""
        self.ahead_s = ahead_s
        with open(self.file, "r+b") as file:
            file.write(struct.pack("=q", round(ahead_s * 1000)))

    def now(self) -> float:
        return time.time() + self.ahead_s

    def close(self) -> None:
        self.file.unlink()


def unix_time(stamp: str) -> float:
    """Converts a time as the programs write it."""
    return datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc).timestamp()
