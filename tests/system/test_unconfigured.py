# SPDX-License-Identifier: MIT
"""Enabled before it is configured: aither serves the fallback page, and says what to do."""
import unittest

from installation import EVENT, SWITCHES, failed_units, install, leave
from machine import SITE, curl, journal, run, show


def setUpModule() -> None:
    unittest.addModuleCleanup(leave)
    install()


class Unconfigured(unittest.TestCase):
    def test_unconfigured_start_says_what_to_do(self) -> None:
        run("systemctl", "enable", "--now", *SWITCHES)
        page = curl(f"{SITE}/")
        self.assertEqual(page.status, 200)
        self.assertIn("<html", page.text.lower())
        sync = curl("--request", "POST", f"{SITE}/api/sync")
        self.assertEqual((sync.status, sync.json["error"]["code"]), (503, "NOT_CONFIGURED"))
        self.assertIn("aither set-secret hemera-api-key", sync.json["error"]["message"])
        self.assertTrue(sync.json["meta"]["requestId"])
        self.assertEqual(show("aither-worker.service", "ActiveState"), "active")
        self.assertIn("not configured", show("aither-worker.service", "StatusText"))
        events = journal("_SYSTEMD_UNIT=aither-worker.service", f"MESSAGE_ID={EVENT}04")
        said = "\n".join(event["MESSAGE"] for event in events)
        self.assertIn("aither set-secret hemera-api-key", said)
        self.assertIn("BaseURL", said)
        done = run("aither", "sync", check=False)
        self.assertEqual(done.returncode, 78, done.stderr)
        self.assertEqual(failed_units(), "")
