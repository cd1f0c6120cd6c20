# SPDX-License-Identifier: MIT
"""apt remove keeps the operator's files; apt purge leaves the machine as it was."""
import unittest

from client import Stub
from installation import (CONFIG, KEY_FILE, SWITCHES, active_units, failed_units, first_run, install, is_installed,
                          listeners, purge)
from machine import OUTPUT, SITE, Story, curl, drop_in, essential, is_container, output, revert, run, show, write

ENVIRONMENT = "/etc/default/aither"  # may hold secrets
# Paths that are not the package's: logs, apt's and dpkg's own files, systemd's data about any unit, and the user, who stays.
NOT_OURS = ("/dev", "/proc", "/sys", "/run/systemd", "/run/log", "/run/credentials", "/run/private", "/var/log",
            "/var/cache", "/var/lib/apt", "/var/lib/dpkg", "/var/lib/systemd/catalog",
            "/var/lib/systemd/random-seed", "/var/lib/private", "/tmp", "/var/tmp", "/root", "/etc/passwd",
            "/etc/passwd-", "/etc/group", "/etc/group-", "/etc/shadow", "/etc/shadow-", "/etc/gshadow",
            "/etc/gshadow-", "/etc/.pwd.lock")

hemera: Stub


def setUpModule() -> None:
    global hemera
    hemera = Stub("--no-limit")
    unittest.addModuleCleanup(hemera.stop)


def load_tests(*_: object) -> unittest.TestSuite:
    return Removal.in_order()


def files() -> set[str]:
    """Every path of the machine that an installed package could leave behind."""
    return set(output("find", "/", "(", *" -o ".join(f"-path {path}" for path in NOT_OURS).split(), ")",
                      "-prune", "-o", "-print").splitlines())


class Removal(Story):
    before: set[str] = set()

    @essential
    def test_it_is_used_with_all_that_an_operator_may_store(self) -> None:
        if is_container():
            self.assertFalse(is_installed())
            type(self).before = files()
        first_run(hemera)
        run("aither", "set-secret", "sync-token", stdin="a-token-of-somebody-0123456789")
        run("aither", "set-secret", "smtp-password", stdin="a-password-of-somebody")
        schedule = output("systemd-escape", "--template=aither-sync@.timer", "*:0/30")
        run("systemctl", "enable", "--now", schedule)
        run("systemctl", "start", "aither-sync.service")
        run("systemctl", "start", "aither-alert@aither-sync.service.service")
        run("test", "-d", "/run/aither-alert/")
        drop_in("aither-sync.service", "[Service]\nEnvironment=AITHER_WORKER_SOCKET=/run/aither/nobody.sock\n")
        run("systemctl", "start", "aither-sync.service", check=False)
        revert("aither-sync.service")
        self.assertIn("aither-sync.service", failed_units())
        write("/etc/aither/templates/style.hbs", output("cat", "/usr/share/aither/templates/style.hbs"))
        write("/etc/systemd/system/aither-worker.service.d/own.conf", "[Service]\nMemoryMax=256M\n")
        write(ENVIRONMENT, "ROLLBAR_SERVER_TOKEN=a-token-of-somebody-0123456789\n")
        run("systemctl", "daemon-reload")
        self.assertEqual(curl(f"{SITE}/").status, 200)
        run("sh", "-c", "touch /var/lib/systemd/timers/stamp-aither-sync.timer")

    def test_remove_keeps_configuration_secrets_and_pages(self) -> None:
        run("apt-get", "remove", "--yes", "aither")
        self.assertEqual(active_units(), [])
        self.assertEqual(listeners(), "")
        for path in ("/etc/aither/aither.conf", CONFIG, KEY_FILE, ENVIRONMENT, "/etc/credstore/aither.sync-token",
                     f"{OUTPUT}/.sync-manifest.json", f"{OUTPUT}/public/index.de.html"):
            with self.subTest(path):
                run("test", "-f", path)

    def test_another_installation_finds_all_of_it(self) -> None:
        if not is_container():
            self.skipTest("the package cannot be had again here")
        install()
        run("systemctl", "enable", "--now", *SWITCHES)
        self.assertEqual(curl(f"{SITE}/api/sync/status").status, 401)
        run("aither", "status")

    @essential
    def test_purge_deletes_everything(self) -> None:
        purge()
        left = output("find", "/etc", "/run", "/usr", "/var", "-xdev", "-name", "*aither*",
                      "-not", "-path", "/run/systemd/*", "-not", "-path", "/var/lib/dpkg/*",
                      "-not", "-path", "/var/log/*", "-not", "-path", "/var/cache/*",
                      "-not", "-path", "/usr/src/*", "-not", "-path", "/var/lib/apt/*")
        self.assertEqual(left, "")
        self.assertEqual(active_units(), [])
        self.assertEqual(listeners(), "")

    def test_purge_leaves_no_failed_unit(self) -> None:
        self.assertEqual(failed_units(), "")

    def test_purge_leaves_no_file_that_was_not_there_before(self) -> None:
        if not self.before:
            self.skipTest("the package was there before the test")
        self.assertEqual(sorted(files() - self.before), [])

    def test_purge_leaves_the_user_whose_number_must_not_be_reused(self) -> None:
        self.assertIn("aither", output("getent", "passwd", "aither"))
        self.assertEqual(show("aither.socket", "LoadState"), "not-found")
