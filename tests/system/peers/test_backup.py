# SPDX-License-Identifier: MIT
"""Backup and restore as aither-worker(8) describes them, with tar and with borg: on a machine where the user aither has
another user id, nothing is written, fetched or mailed twice."""
# Packages: borgbackup procps
import re
import unittest

import roff
from client import Stub
from installation import CONFIG, DEB, configure, first_run_of_module, is_enabled
from machine import OUTPUT, curl, output, run, show, wait_until, write

SAVE, BORG, _, RESTORE = roff.examples("aither-worker.8", "BACKUP AND RESTORE")
REPOSITORY = "/root/repository"
LOCK = f"{OUTPUT}/.sync.lock"
DROP_IN = "/etc/systemd/system/aither-sync.timer.d/override.conf"
TOKEN = "a-sync-token-of-good-length"
HELD_S = 4  # duration of a backup
OWNED = {"/var/lib/aither": "aither:aither 750", OUTPUT: "aither:aither 750",
         f"{OUTPUT}/.sync-manifest.json": "aither:aither 600", f"{OUTPUT}/public/index.de.html": "aither:aither 640",
         "/etc/credstore": "root:root 700", "/etc/credstore/aither.hemera-api-key": "root:root 600",
         "/etc/credstore/aither.sync-token": "root:root 600", CONFIG: "root:root 644"}

hemera: Stub


def setUpModule() -> None:
    global hemera
    hemera = first_run_of_module()
    unittest.addModuleCleanup(run, "rm", "-rf", "/etc/credstore/aither.sync-token", "/etc/systemd/system/aither-sync.timer.d")
    configure(hemera, "[Web]", "LiveTTLSec=3600")
    run("aither", "set-secret", "sync-token", stdin=TOKEN)
    write(DROP_IN, "[Timer]\nRandomizedDelaySec=5min\n")
    run("systemctl", "daemon-reload")


def shell(commands: str) -> str:
    return run("env", "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes", f"BORG_REPO={REPOSITORY}",
               "bash", "-ec", commands).stdout


def replace_machine() -> None:
    """Removes everything of aither's, and gives its user id to another user."""
    number = output("id", "-u", "aither")
    run("systemctl", "disable", "--now", "aither.socket", "aither-sync.timer")
    run("apt-get", "purge", "--yes", "aither")
    run("userdel", "aither")
    run("useradd", "--system", "--no-create-home", f"--uid={number}", f"other{number}")


def pages() -> str:
    """The published files with their times."""
    return output("find", OUTPUT, "-name", "*.html", "-printf", "%p %T@\n")


class Backup(unittest.TestCase):
    def check_the_restored(self, before: str, number: str) -> None:
        self.assertNotEqual(output("id", "-u", "aither"), number)
        for path, owner in OWNED.items():
            self.assertEqual(output("stat", "--format=%U:%G %a", path), owner, path)
        self.assertEqual(sorted(pages().splitlines()), sorted(before.splitlines()))
        for unit in ("aither.socket", "aither-sync.timer"):
            self.assertEqual((is_enabled(unit), show(unit, "ActiveState")), ("enabled", "active"))
        self.assertEqual(show("aither-sync.timer", "RandomizedDelayUSec"), "5min")
        call = curl("--header", f"Authorization: Bearer {TOKEN}", "http://localhost:3500/api/sync/status")
        self.assertEqual(call.json["data"]["filesGenerated"], 0)

    def round_trip(self, save: str, restore: str) -> None:
        before, number = pages(), output("id", "-u", "aither")
        shell(save)
        replace_machine()
        hemera.clear_requests()
        healthy = shell(restore.replace("apt install aither", f"apt-get install --yes {DEB}"))
        self.assertRegex(healthy, r"\nhealthy: ")
        self.assertIn("\n0 pages written, 12 unchanged, 0 removed", healthy)
        courses = [r["path"] for r in hemera.requests("/api/service/courses/")]
        self.assertEqual(len(courses), len(set(courses)), "each course is asked for once")
        self.check_the_restored(before, number)

    def test_by_tar(self) -> None:
        self.round_trip(SAVE, RESTORE)

    def test_by_borg(self) -> None:
        save = SAVE[:SAVE.index("flock")] + "borg init --encryption=none\n" + BORG
        extract = f"cd / && borg extract {REPOSITORY}::$(borg list --short)"
        self.round_trip(save, re.sub("^tar .*$", extract, RESTORE, flags=re.M))

    def test_nothing_is_published_meanwhile_and_a_planned_sync_waits(self) -> None:
        run("systemd-run", "--quiet", "--collect", "--unit=backup", "flock", LOCK, "sleep", str(HELD_S))
        wait_until(lambda: run("flock", "--nonblock", LOCK, "true", check=False).returncode == 1, 10, "the lock is held")
        self.assertEqual(curl("http://localhost:3500/").status, 200)
        call = curl("--request", "POST", "--header", f"Authorization: Bearer {TOKEN}", "http://localhost:3500/api/sync")
        self.assertEqual((call.status, call.json["error"]["code"]), (409, "SYNC_IN_PROGRESS"))
        run("systemctl", "start", "aither-sync.service")
        self.assertEqual(show("aither-sync.service", "ExecMainStatus"), "0")
        self.assertEqual(show("backup.service", "ActiveState"), "inactive")


if __name__ == "__main__":
    unittest.main()
