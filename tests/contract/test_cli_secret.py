# SPDX-License-Identifier: MIT
"""`aither set-secret`: the stored file, and a terminal that hides the secret and is restored afterwards."""
import os
import signal
import subprocess
import unittest

from stack import BUILD, TOP
from terminal import Terminal

KEY = "hemera-key-0123456789-0123456789-abcdef"
ENVIRONMENT = {"PATH": os.environ["PATH"]} | {k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}

# Root in a separate mount namespace, where /etc and /run are empty: the system's store is not touched.
WORLD = ["unshare", "--mount", *(["--map-root-user"] if os.geteuid() != 0 else []), "sh", "-c",
         'mount -t tmpfs tmpfs /etc && mount -t tmpfs tmpfs /run && exec "$@"', "sh"]
STORED = 'stat -c "%a %u %n" /etc/credstore /etc/credstore/* && cat /etc/credstore/*'


def world_works() -> bool:
    return subprocess.run([*WORLD, "true"], capture_output=True, check=False).returncode == 0


class Arguments(unittest.TestCase):
    def test_wrong_names_and_values_are_refused_before_anything_is_written(self) -> None:
        for arguments, value, expected in ((["nonsense"], "x", 64), ([], "", 64), (["sync-token", "x"], "", 64),
                                           (["--generate"], "", 64), (["--generate", "hemera-api-key"], "", 64),
                                           (["--generate", "nonsense"], "", 64), (["--other", "sync-token"], "", 64),
                                           (["hemera-api-key"], "short", 65 if os.geteuid() == 0 else 77)):
            done = subprocess.run([BUILD / "aither", "set-secret", *arguments], input=value, text=True,
                                  capture_output=True, timeout=30)
            self.assertEqual((done.returncode, done.stdout), (expected, ""), done.stderr)
            self.assertNotIn("short\n", done.stderr)

    def test_a_slip_in_the_name(self) -> None:
        done = subprocess.run([BUILD / "aither", "set-secret", "sync-tokne"], capture_output=True, text=True, timeout=30)
        self.assertEqual((done.returncode, done.stdout), (64, ""))
        self.assertIn("there is no secret of that name; did you mean sync-token?\n", done.stderr)


@unittest.skipUnless(world_works(), "needs a mount namespace, which this system does not permit")
class Stored(unittest.TestCase):
    def run_in_world(self, script: str, value: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*WORLD, "sh", "-c", script, "sh", BUILD / "aither"], input=value, text=True,
                              env=ENVIRONMENT, cwd=TOP, capture_output=True, timeout=30)

    def test_only_root_can_read_it(self) -> None:
        for value in (f"{KEY}\n", KEY, f"{KEY}\r\n", f"{KEY}\nmore\n", f"\ufeff{KEY}\n"):
            done = self.run_in_world(f'"$1" set-secret hemera-api-key && {STORED}', value)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertEqual(done.stdout, f"stored {len(KEY)} characters as /etc/credstore/aither.hemera-api-key\n"
                                          "700 0 /etc/credstore\n600 0 /etc/credstore/aither.hemera-api-key\n" + KEY)

    def test_a_new_one_replaces_the_old_one(self) -> None:
        script = f'"$1" set-secret smtp-password && echo other | "$1" set-secret smtp-password && {STORED}'
        done = self.run_in_world(script, "first\n")
        self.assertTrue(done.stdout.endswith("\n600 0 /etc/credstore/aither.smtp-password\nother"), done.stdout)

    def test_generated_secrets_are_random_and_shown_once(self) -> None:
        made = set()
        for name in ("sync-token", "pages-password"):
            for arguments in (f"--generate {name}", f"{name} --generate"):
                done = self.run_in_world(f'"$1" set-secret {arguments} && {STORED}', "not read\n")
                self.assertEqual(done.returncode, 0, done.stderr)
                secret, *stored = done.stdout.splitlines()
                self.assertRegex(secret, r"^([a-km-np-z2-9]{5}-){4}[a-km-np-z2-9]{5}$")
                self.assertEqual(stored, ["700 0 /etc/credstore", f"600 0 /etc/credstore/aither.{name}", secret])
                self.assertEqual(done.stderr, f"aither: set-secret: stored as /etc/credstore/aither.{name}, "
                                              "where root can read it again\n")
                made.add(secret)
        self.assertEqual(len(made), 4)

    def test_a_wrong_value_changes_nothing(self) -> None:
        for value in ("short\n", "", "\n", "x" * 5000, "a\0" + "b" * 40, f"{KEY} with blanks\n"):
            with self.subTest(value[:40]):
                done = self.run_in_world('"$1" set-secret hemera-api-key; code=$?; ls /etc; exit $code', value)
                self.assertEqual((done.returncode, done.stdout), (65, ""))
                self.assertTrue(done.stderr.startswith("aither: set-secret: "), done.stderr)
                self.assertNotIn("xxx", done.stderr)

    def test_a_directory_that_cannot_be_created_is_named(self) -> None:
        done = self.run_in_world('touch /etc/credstore && "$1" set-secret sync-token', f"{KEY}\n")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, "^aither: set-secret: cannot (open|create) directory /etc/credstore: ")

    def test_with_systemd_the_daemon_is_restarted_or_the_command_printed(self) -> None:
        for name, unit in (("sync-token", "aither"), ("pages-password", "aither"), ("smtp-password", "aither-worker")):
            self.check_restart(name, f"{unit}.service")

    def check_restart(self, name: str, unit: str) -> None:
        script = ('mkdir -p /run/systemd/system /etc/bin && printf "#!/bin/sh\\necho \\$* >&2; exit {}" >/etc/bin/systemctl '
                  '&& chmod +x /etc/bin/systemctl && PATH=/etc/bin:$PATH "$1" set-secret ' + name)
        complaint = f"aither: set-secret: stored, but cannot restart {unit}; run: systemctl try-restart {unit}\n"
        for status, told in ((0, ""), (1, complaint)):
            done = self.run_in_world(script.format(status), f"{KEY}\n")
            self.assertEqual((done.returncode, done.stderr), (0, f"try-restart {unit}\n{told}"))

    @unittest.skipUnless(os.geteuid() == 0, "only root can be another user")
    def test_only_root_may(self) -> None:
        done = self.run_in_world('exec setpriv --reuid=65534 --clear-groups "$1" set-secret sync-token', f"{KEY}\n")
        if done.returncode == 127:
            self.skipTest("nobody may run the program")
        self.assertEqual((done.returncode, done.stdout), (77, ""))
        self.assertEqual(done.stderr, "aither: set-secret: only root may write to /etc/credstore; run it as root\n")


@unittest.skipUnless(world_works(), "needs a mount namespace, which this system does not permit")
class AtATerminal(unittest.TestCase):
    def terminal(self, name: str) -> Terminal:
        terminal = Terminal([*WORLD, BUILD / "aither", "set-secret", name], ENVIRONMENT)
        self.addCleanup(terminal.__exit__)
        terminal.wait_for(rf"{name} \(not shown\): ")
        self.assertFalse(terminal.echoes())
        return terminal

    def test_the_secret_is_not_shown(self) -> None:
        terminal = self.terminal("hemera-api-key")
        terminal.type(f"{KEY}\n")
        self.assertEqual(terminal.end(), 0)
        self.assertEqual(terminal.output, "hemera-api-key (not shown): \r\n")
        self.assertEqual(terminal.stdout, f"stored {len(KEY)} characters as /etc/credstore/aither.hemera-api-key\n")
        self.assertTrue(terminal.echoes())

    def test_a_refused_secret_is_not_shown(self) -> None:
        terminal = self.terminal("sync-token")
        terminal.type("too-short\n")
        self.assertEqual(terminal.end(), 65)
        self.assertNotIn("too-short", terminal.output)
        self.assertIn("16 to 256 characters", terminal.output)
        self.assertTrue(terminal.echoes())

    def test_a_resized_window_changes_nothing(self) -> None:
        terminal = self.terminal("hemera-api-key")
        terminal.type(KEY[:10])
        terminal.process.send_signal(signal.SIGWINCH)
        terminal.type(f"{KEY[10:]}\n")
        self.assertEqual(terminal.end(), 0)

    def test_ctrl_d_stores_nothing(self) -> None:
        terminal = self.terminal("sync-token")
        terminal.type("\x04")
        self.assertEqual(terminal.end(), 65)
        self.assertTrue(terminal.echoes())

    def test_ctrl_c_restores_the_terminal(self) -> None:
        terminal = self.terminal("sync-token")
        terminal.type("half-a-tok\x03")
        self.assertEqual(terminal.end(), -signal.SIGINT)
        self.assertNotIn("half", terminal.output)
        self.assertTrue(terminal.echoes())

    def test_other_signals_restore_the_terminal(self) -> None:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            with self.subTest(number):
                terminal = self.terminal("sync-token")
                terminal.process.send_signal(number)
                self.assertEqual(terminal.end(), -number)
                self.assertTrue(terminal.echoes())


if __name__ == "__main__":
    unittest.main()
