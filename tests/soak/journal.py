# SPDX-License-Identifier: MIT
"""The machine's journal, read as it grows: which units were started, and errors that the test did not cause."""
import json
from collections import Counter
from typing import Any

from ledger import HEMERA, WORKER, WORKER_KILL, Ledger
from machine import run

ERROR = 3
LATE_S = 6  # between a cause and its line: the longest sync, plus a moment
# Errors that the test may cause on purpose, and the trouble that causes each.
SYNC_TROUBLES = {HEMERA, WORKER, WORKER_KILL}
EXCUSES = {("aither-worker", "sync failed after "): SYNC_TROUBLES,
           ("aither-worker", "dry run failed after "): SYNC_TROUBLES,
           ("systemd", "Failed to start aither-sync.service"): SYNC_TROUBLES}


class Journal:
    def __init__(self, ledger: Ledger):
        self.ledger = ledger
        self.starts: Counter[str] = Counter()
        self._invocations: set[str | None] = {None}
        self.excused = 0
        self.unexpected: list[str] = []
        self.messages: Counter[tuple[str, str]] = Counter()  # errors, by program and the beginning of their text
        self._cursor = self._last_cursor()

    def _last_cursor(self) -> str:
        run("journalctl", "--sync")
        return json.loads(run("journalctl", "--output=json", "--lines=1").stdout)["__CURSOR"]

    def read(self) -> None:
        """Reads the new entries."""
        run("journalctl", "--sync")
        text = run("journalctl", "--output=json", f"--after-cursor={self._cursor}").stdout
        for line in text.splitlines():
            entry = json.loads(line)
            self._cursor = entry["__CURSOR"]
            self._take(entry)

    def _take(self, entry: dict[str, Any]) -> None:
        # From its own lines or systemd's lines about it; systemd's lines about the worker's start are not logged.
        unit, invocation = ((entry["UNIT"], entry.get("INVOCATION_ID")) if "UNIT" in entry else
                            (entry.get("_SYSTEMD_UNIT", ""), entry.get("_SYSTEMD_INVOCATION_ID")))
        if unit.startswith("aither") and unit.endswith(".service") and invocation not in self._invocations:
            self._invocations.add(invocation)
            self.starts[unit] += 1
        if int(entry.get("PRIORITY", 6)) > ERROR:
            return
        program, text = entry.get("SYSLOG_IDENTIFIER", "?"), str(entry.get("MESSAGE"))
        self.messages[program, text[:60]] += 1
        moment = int(entry["__REALTIME_TIMESTAMP"]) / 1e6
        causes = {cause for (name, beginning), causes in EXCUSES.items()
                  if program == name and text.startswith(beginning) for cause in causes}
        if self.ledger.is_excused(causes, moment - LATE_S, moment):
            self.excused += 1
        else:
            self.unexpected.append(f"{program}: {text}")
            self.ledger.error(f"journal: {program}: {text}")
