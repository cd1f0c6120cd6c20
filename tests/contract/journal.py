# SPDX-License-Identifier: MIT
"""A test's journal: the entries of the programs, with all fields. The other half is journal.c.

    class SomeTest(JournalTest):
        def test_something(self):
            self.sync()
            self.assertEqual(self.event("SYNC_DONE")["AITHER_STATUS"], "success")
"""
import os
import re
import tempfile
from pathlib import Path

from stack import BUILD, TOP, StackTest, preload, wait_until

LIBRARY = BUILD / "tests" / "contract" / "libjournal.so"
CATALOGS = [TOP / "units" / name for name in ("aither.catalog", "aither.de.catalog")]
EVENTS = dict(re.findall(r'#define LOG_EVENT_(\w+) "([0-9a-f]{32})"', (TOP / "src/base/log.h").read_text()))


class JournalTest(StackTest):
    def setUp(self) -> None:
        handle, name = tempfile.mkstemp(prefix="aither-journal-")
        os.close(handle)
        self.journal = Path(name)
        self.addCleanup(self.journal.unlink)
        self.environment = self.environment | preload(LIBRARY, AITHER_JOURNAL=name)
        super().setUp()
        self.addCleanup(self.check_fields)

    def check_fields(self) -> None:
        """journalctl -x fills fields of the entry into the catalog's text: every entry must have them all."""
        for catalog in CATALOGS:
            texts = dict(re.findall(r"^-- ([0-9a-f]{32})\n(.*?)(?=^-- |\Z)", catalog.read_text(), re.M | re.S))
            for entry in self.entries():
                fields = re.findall(r"@(\w+)@", texts.get(entry.get("MESSAGE_ID", ""), ""))
                self.assertEqual([field for field in fields if not entry.get(field)], [], entry)

    def entries(self) -> list[dict[str, str]]:
        """All entries so far, oldest first."""
        text = self.journal.read_text()
        return [dict(line.split("=", 1) for line in entry.split("\n")) for entry in text.split("\n\n") if entry]

    def events(self, name: str) -> list[dict[str, str]]:
        """The entries of one kind, named as in log.h without LOG_EVENT_."""
        return [entry for entry in self.entries() if entry.get("MESSAGE_ID") == EVENTS[name]]

    def event(self, name: str) -> dict[str, str]:
        """The latest entry of its kind. It may still be on its way, so this waits for it."""
        return wait_until(lambda: self.events(name), f"event {name}")[-1]
