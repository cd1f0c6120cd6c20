# SPDX-License-Identifier: MIT
"""A record of events, and whether each was intended.

    with ledger.trouble(HEMERA, after_s=1):         a trouble caused on purpose, until a second after the end of the block
        ...
    ledger.note("sync", began, 502, {200, 409}, {HEMERA, WORKER})

An unexpected outcome counts as excused if a trouble of the given kinds overlaps it, otherwise as an error.
"""
import contextlib
import threading
import time
from collections import Counter
from typing import Iterator

HEMERA, PARTIAL, MAIL, WORKER, WORKER_KILL, WEB, WEB_KILL = (
    "hemera", "partial", "mail", "worker", "worker-kill", "web", "web-kill")

Outcome = int | str
ERRORS_KEPT = 100


class Ledger:
    def __init__(self) -> None:
        self.errors: list[str] = []
        self.error_count = 0
        self.outcomes: Counter[tuple[str, Outcome]] = Counter()
        self.excused: Counter[tuple[str, Outcome]] = Counter()
        self.retried = 0  # requests on a kept connection that the server had just closed
        self.latencies: list[float] = []  # duration of ordinary requests, in seconds
        self._troubles: list[list[object]] = []  # kind, begin, end
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def trouble(self, kind: str, after_s: float = 0.0) -> Iterator[None]:
        entry = self.begin(kind)
        try:
            yield
        finally:
            self.end(entry, after_s)

    def begin(self, kind: str) -> list[object]:
        entry = [kind, time.time(), float("inf")]
        with self._lock:
            self._troubles.append(entry)
        return entry

    def end(self, entry: list[object], after_s: float) -> None:
        entry[2] = time.time() + after_s

    def is_excused(self, kinds: set[str], began: float, ended: float) -> bool:
        with self._lock:
            return any(kind in kinds and begin <= ended and began <= end  # type: ignore[operator]
                       for kind, begin, end in self._troubles)

    def note(self, what: str, began: float, outcome: Outcome, expected: set[int], excuses: set[str],
             latency: bool = False, detail: str = "") -> None:
        """`began` is a time.time(); the outcome ends now."""
        now = time.time()
        good = outcome in expected
        excused = not good and self.is_excused(excuses, began, now)
        with self._lock:
            self.outcomes[what, outcome] += 1
            if latency and good:
                self.latencies.append(now - began)
            if excused:
                self.excused[what, outcome] += 1
        if not good and not excused:
            self.error(f"{what}: {outcome}, wanted {sorted(expected)}, after {now - began:.2f} s {detail}".rstrip())

    def error(self, text: str) -> None:
        with self._lock:
            self.error_count += 1
            if len(self.errors) < ERRORS_KEPT:
                self.errors.append(f"{time.strftime('%H:%M:%S')} {text}")
                print(f"# error: {self.errors[-1]}", flush=True)

    def count_retry(self) -> None:
        with self._lock:
            self.retried += 1
