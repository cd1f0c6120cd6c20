# SPDX-License-Identifier: MIT
"""The resources of the daemons and the machine, read from /proc and with ss, and whether they grew.

A life is one process of a daemon. `quiet` samples are taken while there is no visitor and no sync. Growth is judged on them,
within a life and after a warm-up: the median of the first third is compared with that of the last, and the straight line
that fits best (Theil and Sen: the median of all slopes) gives the increase from the first sample to the last.
"""
import itertools
import os
import re
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path

from machine import OUTPUT, first_process, output

DAEMONS = ("aither-web", "aither-worker")
WARM_UP = 0.2  # of a life
QUIET_MIN = 6  # samples after the warm-up; with fewer, growth is not judged
MEMORY_MINUTES_MIN = 8  # of a life; the first use of a resource is not growth

# The increase permitted in a life, for the noise of allocators and sampling. In half an hour aither-web answers 80000
# requests in one life: the test finds a leak of 7 bytes per request, or of 4 KiB in each of the worker's syncs.
GROWTH_MAX = {"rss": 1024, "anonymous": 512, "socket": 64, "descriptors": 1, "threads": 1}
MEMORY = ("rss", "anonymous")


@dataclass
class Sample:
    time: float
    rss: int  # KiB, for pss and anonymous
    pss: int
    anonymous: int
    descriptors: int
    threads: int
    socket: int = 0  # KiB, for all of the daemon's connections in the kernel


@dataclass
class Life:
    daemon: str
    began: float
    samples: list[Sample] = field(default_factory=list)
    quiet: list[Sample] = field(default_factory=list)


def _number(text: str, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+)", text, re.M)
    return int(found[1]) if found else 0


def processes() -> dict[str, int]:
    """The running daemons, children of the machine's first process, by name."""
    first = first_process()
    found = {}
    for pid in Path(f"/proc/{first}/task/{first}/children").read_text().split():
        try:
            name = os.path.basename(os.readlink(f"/proc/{pid}/exe"))
        except OSError:
            continue
        if name in DAEMONS:
            found[name] = int(pid)
    return found


def socket_kib(*query: str) -> int:
    """The kernel's memory for connections, including those without a process."""
    kept = re.findall(r"skmem:\(r(\d+),rb\d+,t(\d+),tb\d+,f(\d+),w(\d+)", output("ss", "-Hnm", *query))
    return sum(map(int, itertools.chain(*kept))) // 1024


SOCKETS = {"aither-web": ("--tcp", "state", "connected", "exclude", "time-wait", "sport", "=", ":3500"),
           "aither-worker": ("--unix", "state", "connected", "src", "/run/aither/*worker.sock")}


def take(pid: int) -> Sample | None:
    directory = Path(f"/proc/{pid}")
    try:
        memory = (directory / "smaps_rollup").read_text()
        return Sample(time.time(), _number(memory, "Rss"), _number(memory, "Pss"), _number(memory, "Anonymous"),
                      len(os.listdir(directory / "fd")), _number((directory / "status").read_text(), "Threads"))
    except OSError:
        return None  # the process has just ended


def tree(*tops: str) -> list[str]:
    """Everything below directories of the machine, read from outside: no program runs inside for this."""
    root = f"/proc/{first_process()}/root"
    found = []
    for top in tops:
        for directory, folders, files in os.walk(root + top):
            found += [os.path.join(directory, name)[len(root):] for name in folders + files]
    return sorted(found)


@dataclass
class Files:
    pages: int
    others: int  # in the output directory, beside the pages
    temporary: int  # files that a crash would leave there
    tmp: int  # /tmp, /var/tmp, /dev/shm
    run: int  # the directories of the sockets, the daemons and the credentials


def files() -> Files:
    published = tree(OUTPUT)
    pages = [path for path in published if path.startswith(f"{OUTPUT}/courses/") and path.endswith(".html")]
    temporary = [path for path in published if os.path.basename(path).startswith(".tmp-")]
    return Files(len(pages), len(published) - len(pages) - len(temporary), len(temporary),
                 len(tree("/tmp", "/var/tmp", "/dev/shm")),
                 len([p for p in tree("/run") if p.startswith(("/run/aither", "/run/credentials/"))]))


class Watch:
    def __init__(self) -> None:
        self.lives: dict[int, Life] = {}
        self.now: dict[str, Life] = {}

    def measure(self, quiet: bool = False) -> None:
        self.now = {}
        for daemon, pid in processes().items():
            sample = take(pid)
            if not sample:
                continue
            sample.socket = socket_kib(*SOCKETS[daemon])
            life = self.lives.setdefault(pid, Life(daemon, sample.time))
            self.now[daemon] = life
            (life.quiet if quiet else life.samples).append(sample)

    def judged(self) -> list[tuple[Life, str, list[int]]]:
        """The lives, measures and values in which growth can be seen."""
        found = []
        for life in self.lives.values():
            begin = len(life.quiet) * WARM_UP
            kept = life.quiet[int(begin):]
            if len(kept) < QUIET_MIN:
                continue
            minutes = (kept[-1].time - life.began) / 60
            for measure in GROWTH_MAX:
                if measure not in MEMORY or minutes >= MEMORY_MINUTES_MIN:
                    found.append((life, measure, [getattr(sample, measure) for sample in kept]))
        return found


@dataclass
class Growth:
    first: float
    last: float
    fitted: float
    bound: int

    @property
    def is_too_much(self) -> bool:
        return max(self.last - self.first, self.fitted) > self.bound


def growth(measure: str, values: list[int]) -> Growth:
    third = max(1, len(values) // 3)
    slopes = [(values[j] - values[i]) / (j - i) for i in range(len(values)) for j in range(i + 1, len(values))]
    return Growth(statistics.median(values[:third]), statistics.median(values[-third:]),
                  statistics.median(slopes) * (len(values) - 1), GROWTH_MAX[measure])
