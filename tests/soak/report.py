# SPDX-License-Identifier: MIT
"""The tables of a soak test, as TAP comments: a row for each period, then the sums, then everything that grew."""
import os
import statistics
import time
from collections import Counter
from dataclasses import dataclass, field

from journal import Journal
from ledger import Ledger
from watch import DAEMONS, Files, Life, Watch, growth

TRAFFIC = ("until", "part", "requests", "excused", "errors", "p50 ms", "p99 ms", "max ms", "syncs", "partial", "failed",
           "busy", "worker", "web", "mails", "items", "load")
USE = ("until", "rss", "pss", "anon", "fds", "threads", "peak fds", "threads", "socket")
FILES = ("pages", "others", ".tmp-*", "/tmp", "/run")


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else 0.0


def table(head: tuple[str, ...], rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in [list(head), *rows]) for i in range(len(head))]
    return ["  ".join(cell.rjust(width) for cell, width in zip(row, widths)) for row in [list(head), *rows]]


def say(lines: list[str]) -> None:
    for line in lines:
        print(f"# {line}".rstrip(), flush=True)


@dataclass
class Stretch:
    """The changes since the last row."""
    began: float = field(default_factory=time.time)
    latencies: int = 0
    requests: int = 0
    excused: int = 0
    errors: int = 0
    syncs: Counter[str] = field(default_factory=Counter)
    starts: Counter[str] = field(default_factory=Counter)
    mails: int = 0
    items: int = 0


class Report:
    def __init__(self, ledger: Ledger, watch: Watch, journal: Journal):
        self.ledger, self.watch, self.journal = ledger, watch, journal
        self.began = time.time()
        self.syncs: Counter[str] = Counter()
        self.traffic: list[list[str]] = []
        self.use: dict[str, list[list[str]]] = {daemon: [] for daemon in DAEMONS}
        self._before = Stretch()

    def minute(self) -> str:
        return f"{(time.time() - self.began) / 60:.1f}"

    def row(self, part: str, found: Files, mails: int, items: int) -> None:
        """Adds a row to every table and prints it."""
        ledger, old = self.ledger, self._before
        new = Stretch(time.time(), len(ledger.latencies), sum(ledger.outcomes.values()),
                      sum(ledger.excused.values()), ledger.error_count, Counter(self.syncs),
                      Counter(self.journal.starts), mails, items)
        times = [1000 * t for t in ledger.latencies[old.latencies:]]
        syncs, starts = new.syncs - old.syncs, new.starts - old.starts
        self.traffic.append([
            self.minute(), part, str(new.requests - old.requests), str(new.excused - old.excused),
            str(new.errors - old.errors), f"{percentile(times, 0.5):.1f}", f"{percentile(times, 0.99):.0f}",
            f"{max(times, default=0):.0f}", *(str(syncs[kind]) for kind in ("success", "partial", "failed", "busy")),
            str(starts["aither-worker.service"]), str(starts["aither.service"]), str(mails - old.mails),
            str(items - old.items), f"{os.getloadavg()[0]:.1f}"])
        for daemon in DAEMONS:
            self.use[daemon].append([self.minute(), *self._use(daemon, old.began)])
        self.use["aither-web"][-1] += map(str, (found.pages, found.others, found.temporary, found.tmp, found.run))
        self._before = new
        say([" ".join(f"{name}={value}" for name, value in zip(TRAFFIC, self.traffic[-1])),
             *(f"  {daemon}: " + " ".join(f"{name}={value}" for name, value in zip(USE + FILES, self.use[daemon][-1]))
               for daemon in DAEMONS)])

    def _use(self, daemon: str, since: float) -> list[str]:
        lives = [life for life in self.watch.lives.values() if life.daemon == daemon]
        quiet = [s for life in lives for s in life.quiet if s.time >= since]
        every = quiet + [s for life in lives for s in life.samples if s.time >= since]
        calm = quiet or every
        if not calm:
            return ["-"] * (len(USE) - 1)
        measures = ("rss", "pss", "anonymous", "descriptors", "threads")
        return [*(f"{statistics.median(getattr(s, m) for s in calm):.0f}" for m in measures),
                *(str(max(getattr(s, m) for s in every)) for m in ("descriptors", "threads", "socket"))]

    def show(self) -> None:
        say(["", "Requests (excused: failed on purpose; times of ordinary ones), syncs by result, processes started,",
             "mails, items for Rollbar, the machine's load:", "",
             *table(TRAFFIC, self.traffic)])
        for daemon in DAEMONS:
            extra = FILES if daemon == "aither-web" else ()
            what = " and the files there are" if extra else ""
            say(["", f"{daemon}, KiB and numbers, medians of quiet moments, then peaks{what}:", "",
                 *table(USE + extra, self.use[daemon])])
        self._show_sums()
        self._show_growth()

    def _show_sums(self) -> None:
        ledger = self.ledger
        rows = []
        for kind in sorted({what for what, _ in ledger.outcomes}):
            counts = [{outcome: n for (what, outcome), n in counter.items() if what == kind}
                      for counter in (ledger.outcomes, ledger.excused)]
            rows.append([kind, str(sum(counts[0].values())), *(
                " ".join(f"{outcome}:{n}" for outcome, n in sorted(count.items(), key=lambda item: -item[1]))
                for count in counts)])
        widths = [max(len(row[i]) for row in rows) for i in range(3)]
        say(["", "Requests by kind and outcome (0: no answer wanted), and which of these were caused on purpose:", "",
             *(f"{row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:<{widths[2]}}  {row[3]}" for row in rows)])
        times = [1000 * t for t in ledger.latencies]
        say(["", f"{sum(ledger.outcomes.values())} requests; {ledger.retried} were sent again, for the kept"
             " connection had been closed",
             f"times of ordinary requests: p50 {percentile(times, 0.5):.1f} ms, p99 {percentile(times, 0.99):.0f} ms,"
             f" max {max(times, default=0):.0f} ms",
             "syncs: " + ", ".join(f"{n} {kind}" for kind, n in sorted(self.syncs.items())),
             "processes: " + ", ".join(f"{n} of {unit}" for unit, n in sorted(self.journal.starts.items())),
             f"journal, priority err and above: {self.journal.excused} lines caused on purpose,"
             f" {len(self.journal.unexpected)} not"])

    def _show_growth(self) -> None:
        rows = []
        for life, measure, values in self.watch.judged():
            found = growth(measure, values)
            rows.append([life.daemon, f"{self.minutes(life):.1f}", measure, f"{found.first:.0f}", f"{found.last:.0f}",
                         f"{found.fitted:+.1f}", str(found.bound), "GREW" if found.is_too_much else "ok"])
        head = ("daemon", "minutes", "measure", "first third", "last third", "line climbs", "may", "")
        say(["", "Growth within a life (memory in KiB):", "",
             *(table(head, rows) if rows else ["no life was long enough"])])

    def minutes(self, life: Life) -> float:
        return (life.quiet[-1].time - life.began) / 60
