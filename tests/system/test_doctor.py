# SPDX-License-Identifier: MIT
"""`aither doctor` on a real systemd: its findings at each step of an installation that goes wrong, and that the commands it
prints fix the problem."""
import json
import shlex
import unittest
from typing import Any

from client import Stub
from installation import KEY, KEY_FILE, configure, install, leave
from machine import Story, drop_in, essential, output, revert, run, show, wait_until, write

SWITCH_ON = "systemctl enable --now aither.socket aither-sync.timer"
WORKER = "aither-worker.service"
AS_ROOT = "su -c 'aither doctor'"  # sudo is not installed
RESTART = "systemctl restart aither aither-worker"
CONFIG = "/etc/aither/aither.conf.d/doctor.conf"
HOLDER = "aither-test-holder.service"
PAGES = "/srv/100% my pages"

hemera: Stub


def setUpModule() -> None:
    global hemera
    hemera = Stub("--no-limit", key=KEY)
    unittest.addModuleCleanup(hemera.stop)
    unittest.addModuleCleanup(leave)
    install()


def load_tests(*_: Any) -> unittest.TestSuite:
    return Doctor.in_order()


def doctor(*user: str) -> tuple[int, list[dict[str, Any]]]:
    """The exit code and the checks."""
    done = run(*user, "aither", "doctor", "--json", check=False)
    return done.returncode, json.loads(done.stdout)["data"]["checks"]


class Doctor(Story):
    def the(self, name: str, *user: str) -> dict[str, Any]:
        found = [check for check in doctor(*user)[1] if check["name"] == name]
        self.assertEqual(len(found), 1, name)
        return found[0]

    def assert_check(self, name: str, status: str, message: str, remedy: str) -> dict[str, Any]:
        check = self.the(name)
        self.assertEqual(check["status"], status, check)
        self.assertIn(message, check["message"])
        self.assertIn(remedy, check["remedy"])
        return check

    def test_after_the_installation(self) -> None:
        self.assert_check("aither.socket", "failed", "inactive, disabled", SWITCH_ON)
        for name in ("aither-worker.socket", "aither-sync.timer", "worker"):
            self.assertEqual((self.the(name)["status"], self.the(name)["remedy"]), ("skipped", None))
        self.assertEqual(self.the("port")["status"], "ok")
        code, checks = doctor()
        self.assertEqual(code, 78)
        self.assertEqual([(check["name"], check["remedy"]) for check in checks if check["status"] == "failed"], [
            ("configuration", "printf '[Hemera]\\nBaseURL=https://YOUR-HEMERA\\n' >>/etc/aither/aither.conf.d/hemera.conf"),
            ("hemera-api-key", "aither set-secret hemera-api-key"), ("aither.socket", SWITCH_ON)])

    def test_a_busy_port_has_its_holders_name(self) -> None:
        run("systemd-run", f"--unit={HOLDER}", "--property=ExecStartPost=sh -c 'until ss -Hltn | grep -q :3500; do :; done'",
            "python3", "-m", "http.server", "--bind", "127.0.0.1", "3500")
        process = show(HOLDER, "MainPID")
        run(*SWITCH_ON.split(), check=False)
        self.assertEqual((self.the("aither.socket")["status"], self.the("aither.socket")["remedy"]), ("skipped", None))
        self.assert_check("port", "failed", f"held by python3 (process {process}, user root)",
                          f"systemctl status {process}\n")
        other = self.the("port", "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
        self.assertEqual((other["status"], other["remedy"]), ("failed", AS_ROOT))
        run("systemctl", "stop", HOLDER)

    @essential
    def test_the_remedy_switches_it_on(self) -> None:
        run(*shlex.split(self.the("aither.socket")["remedy"]))
        for name in ("aither.socket", "aither-worker.socket", "aither-worker-web.socket", "aither-sync.timer", "port",
            "worker"):
            self.assertEqual(self.the(name)["status"], "ok", name)
        self.assertIn("; next run 20", self.the("aither-sync.timer")["message"])
        self.assertEqual(doctor()[0], 78)

    def test_a_user_who_may_not_call_the_worker(self) -> None:
        code, checks = doctor("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
        self.assertEqual(code, 77)
        self.assertEqual({check["remedy"] for check in checks if check["name"] in ("worker", "credentials")},
                         {AS_ROOT})

    def test_a_secret_that_is_not_loaded_yet(self) -> None:
        configure(hemera)
        self.the("worker")  # the worker runs from here on
        write(KEY_FILE, KEY)
        run("chmod", "600", KEY_FILE)
        check = self.assert_check("credentials", "failed", "hemera-api-key is stored", RESTART)
        self.assertEqual(self.the("hemera-api-key")["status"], "ok")
        run(*shlex.split(check["remedy"]))
        for name in ("credentials", "hemera-api-key", "hemera", "clock"):
            self.assertEqual(self.the(name)["status"], "ok", name)
        self.assertEqual(doctor()[0], 0)

    def test_a_configuration_that_is_not_read_yet(self) -> None:
        started = show(WORKER, "ExecMainStartTimestampMonotonic")
        write(CONFIG, f"[Sync]\nOutputDirectory={PAGES}\n")
        found = [check for check in doctor()[1] if check["name"] == "restart"]
        # One command restarts both services.
        self.assertEqual([check["message"].partition(" after ")[2] for check in found], [f"{WORKER} was started"])
        self.assertEqual((found[0]["status"], found[0]["remedy"]), ("warning", RESTART))
        run(*shlex.split(RESTART))
        self.assertNotEqual(show(WORKER, "ExecMainStartTimestampMonotonic"), started)

    def test_the_remedy_permits_another_output_directory(self) -> None:
        check = self.assert_check("output-directory", "failed", PAGES, "ReadWritePaths=")
        run("sh", "-ec", check["remedy"])
        self.assertEqual(self.the("output-directory")["status"], "ok")
        run("aither", "sync")
        self.assertIn("index.de.html", output("ls", f"{PAGES}/public"))
        run("rm", "-rf", CONFIG, f"/etc/systemd/system/{WORKER}.d", PAGES)
        run("systemctl", "daemon-reload")
        run("systemctl", "restart", WORKER)

    def test_no_token_on_a_public_socket(self) -> None:
        drop_in("aither.socket", "[Socket]\nListenStream=\nListenStream=3500\n")
        self.addCleanup(run, "systemctl", "restart", "aither.socket")
        self.addCleanup(revert, "aither.socket")
        run("systemctl", "restart", "aither.socket")
        check = self.assert_check("sync-token", "warning", "is not set", "aither set-secret --generate sync-token")
        run(*shlex.split(check["remedy"]), stdin="token-of-the-system-test")
        self.addCleanup(run, "rm", "/etc/credstore/aither.sync-token")
        self.assertEqual(self.the("sync-token")["status"], "ok")

    def test_a_failed_service(self) -> None:
        hemera.scenario(fault={"path": "/api/service/courses", "kind": "delay", "seconds": 3, "count": 1})
        run("systemctl", "start", "--no-block", "aither-sync.service")
        wait_until(lambda: show("aither-sync.service", "MainPID") != "0", 30, "the command runs")
        run("systemctl", "kill", "--signal=KILL", "aither-sync.service")
        check = self.assert_check("aither-sync.service", "failed", "failed (signal 9/KILL)", "journalctl -x")
        run("sh", "-ec", check["remedy"])
        self.assertEqual(self.the("services")["status"], "ok")

    def test_all_is_well_but_for_the_mail_and_the_password_that_opens_pages(self) -> None:
        code, checks = doctor()
        self.assertEqual((code, [c["name"] for c in checks if c["status"] not in ("ok", "skipped")]),
                         (0, ["course-pages", "mail"]), checks)


if __name__ == "__main__":
    unittest.main()
