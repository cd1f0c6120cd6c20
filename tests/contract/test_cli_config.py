# SPDX-License-Identifier: MIT
"""`aither config`: every key with its value and the source of that value, in the syntax of aither.conf, and no secret."""
import json
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import Any

from stack import BUILD, TOP
from test_cli_json import documented, seen
from test_cli_secret import ENVIRONMENT, WORLD, world_works

KEY = "hemera-key-0123456789-0123456789-abcdef"
MAIN = """BaseURL=https://ignored.example.org
[Hemera]
BaseURL=https://hemera.example.org ; the real one
[Site]
Name=Akademie für Löhne
Language=fr
[Notify]
MailTo=a@example.org,
  b@example.org
[Rollbar]
Enabled=yes
Level=loud
"""
DROP_IN = "[Site]\nName=Ümläut\n[Sync]\nTimeLimitSec=20\nMaxDeletePercent=\n"
# As a user who may read the configuration, but none of the files that only root may read.
OTHER = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []


class Config(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory(prefix="aither-")
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        self.directory.chmod(0o755)
        self.config = self.directory / "aither.conf"
        self.defaults = self.directory / "default"
        (self.directory / "aither.conf.d").mkdir()
        self.drop_in = self.directory / "aither.conf.d" / "10-more.conf"
        self.environment = ENVIRONMENT | {"AITHER_ENVIRONMENT_FILE": str(self.defaults)}

    def run_config(self, *arguments: str, before: list[str] | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*(before or []), BUILD / "aither", f"--config={self.config}", "config", *arguments],
                              env=self.environment, capture_output=True, text=True, timeout=60)

    def lines(self, text: str) -> dict[str, tuple[str, str]]:
        """Returns each [Section] Key with its value and its comment."""
        found, section = {}, ""
        for line in text.splitlines():
            if heading := re.fullmatch(r"\[(\w+)\]", line):
                section = heading[1]
            elif line and not line.startswith("#"):
                match = re.fullmatch(r"(\w+)=(.*?) +; (.*)", line)
                assert match, line
                found[f"[{section}] {match[1]}"] = (match[2], match[3])
        return found

    def fill(self) -> None:
        self.config.write_text(MAIN)
        self.drop_in.write_text(DROP_IN)
        self.defaults.write_text(f"HEMERA_API_KEY={KEY}\nSMTP_FROM=c@example.org\n"
                                 "AITHER_SYNC_TOKEN=not-for-aither-web-0123\n")

    def test_each_value_has_its_origin(self) -> None:
        self.fill()
        done = self.run_config()
        self.assertEqual(done.returncode, 78)  # a wrong language stops aither-web, too
        lines = self.lines(done.stdout)
        for key, expected in (("[Hemera] BaseURL", ("https://hemera.example.org", f"{self.config}:3")),
                              ("[Hemera] FallbackURL", ("", "not set")),
                              ("[Hemera] MaxRetries", ("5", "default")),
                              ("[Sync] TimeLimitSec", ("20", f"{self.drop_in}:4")),
                              ("[Sync] MaxDeletePercent", ("50", f"{self.drop_in}:5")),
                              ("[Site] Name", ("Ümläut", f"{self.drop_in}:2")),
                              ("[Site] Language", ("auto", "default")),
                              ("[Site] CoursePages", ("private", "default")),
                              ("[Notify] MailTo", ("a@example.org,b@example.org", f"{self.config}:8")),
                              ("[Notify] MailFrom", ("c@example.org", "environment SMTP_FROM")),
                              ("[Rollbar] Enabled", ("no", f"{self.config}:11"))):
            self.assertEqual(lines[key], expected, key)
        self.assertIn(f"\n[Rollbar]\n# disabled: {self.config}:12: [Rollbar] Level=loud: ", done.stdout)
        self.assertEqual(re.findall(r"^#   (.*)$", done.stdout, re.M), [
            str(self.config), str(self.drop_in), f"{self.defaults}, read by aither-worker only"])
        self.assertIn(f"aither: config: {self.config}:1: BaseURL is outside a [Section]; did you mean BaseURL below "
                      "[Hemera]?\n", done.stderr)
        self.assertEqual(done.stderr.count("\n"), 4, done.stderr)

    def test_every_key_of_the_sample_file_is_there(self) -> None:
        done = self.run_config()
        self.assertEqual(done.returncode, 78)  # a file named with --config must exist
        self.config.write_text("")
        done = self.run_config()
        self.assertEqual((done.returncode, done.stderr.count("\n")), (78, 1))
        self.assertIn("Hemera BaseURL is not set", done.stderr)
        sample = re.findall(r"^#?(\[\w+\]|[A-Z]\w+(?==))", (TOP / "data" / "aither.conf").read_text(), re.M)
        self.assertEqual(re.findall(r"^(\[\w+\]|[A-Z]\w+(?==))", done.stdout, re.M), sample)

    def test_what_is_printed_is_a_configuration_that_says_the_same(self) -> None:
        self.fill()
        first = self.run_config()
        copy = self.directory / "copy.conf"
        copy.write_text(first.stdout)
        self.config, self.environment = copy, ENVIRONMENT | {"AITHER_ENVIRONMENT_FILE": "/nonexistent"}
        second = self.run_config()
        self.assertEqual((second.returncode, second.stderr), (0, ""))
        values = [{key: value for key, (value, _) in self.lines(text).items()} for text in (first.stdout, second.stdout)]
        self.assertEqual(values[0], values[1])

    def secrets(self, text: str) -> dict[str, str]:
        return dict(re.findall(r"^# ([a-z]+-[a-z-]+) +(.*)$", text, re.M))

    def test_secrets_are_set_or_not_set_and_never_shown(self) -> None:
        self.fill()
        shown = [self.run_config(), self.run_config("--json")]
        self.assertEqual(self.secrets(shown[0].stdout)["hemera-api-key"], "set (environment)")
        # aither-web does not read that file.
        self.assertNotIn("environment", self.secrets(shown[0].stdout)["sync-token"])
        for done in shown:
            self.assertNotIn(KEY, done.stdout + done.stderr)
            self.assertNotIn("not-for-aither-web", done.stdout + done.stderr)

    @unittest.skipUnless(world_works(), "needs a mount namespace, which this system does not permit")
    def test_a_stored_secret_is_a_credential(self) -> None:
        self.config.write_text("[Hemera]\nBaseURL=https://hemera.example.org\n")
        script = ["sh", "-c", 'echo smtp-word | "$0" set-secret smtp-password >/dev/null && exec "$@"', BUILD / "aither"]
        done = self.run_config(before=[*WORLD, *map(str, script)])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.secrets(done.stdout), {
            "hemera-api-key": "not set", "sync-token": "not set", "pages-password": "not set",
            "smtp-password": "set (credential)", "rollbar-token": "not set"})
        self.assertNotIn("smtp-word", done.stdout)

    def test_what_only_root_may_see_is_named_as_such(self) -> None:
        self.fill()
        self.defaults.chmod(0)
        if subprocess.run([*OTHER, BUILD / "aither", "--version"], capture_output=True).returncode != 0:
            self.skipTest("nobody may run the program")
        done = self.run_config(before=OTHER)
        self.assertIn("read by aither-worker only, and left out here, as only root may read it\n", done.stdout)
        self.assertEqual(self.secrets(done.stdout)["hemera-api-key"], "only root may see")
        item = [s for s in json.loads(self.run_config("--json", before=OTHER).stdout)["data"]["secrets"]
                if s["name"] == "hemera-api-key"]
        self.assertEqual(item, [{"name": "hemera-api-key", "set": None, "origin": None}])

    def test_json_has_the_members_of_the_manual(self) -> None:
        self.fill()
        done = self.run_config("--json")
        self.assertEqual((done.returncode, done.stderr, done.stdout.count("\n")), (78, "", 1))
        document: Any = json.loads(done.stdout)
        self.assertEqual(seen([document]), {"success"} | documented("config"))
        data = document["data"]
        self.assertEqual(data["files"], [str(self.config), str(self.drop_in)])
        self.assertEqual(len(data["problems"]), 4)
        found = {f"[{s['section']}] {s['key']}": s for s in data["settings"]}
        for key, value, origin, file, line, variable in (
                ("[Sync] TimeLimitSec", "20", "file", str(self.drop_in), 4, None),
                ("[Notify] MailFrom", "c@example.org", "environment", None, None, "SMTP_FROM"),
                ("[Hemera] MaxRetries", "5", "default", None, None, None),
                ("[Site] URL", None, "default", None, None, None)):
            setting = found[key]
            self.assertEqual((setting["value"], setting["origin"], setting["file"], setting["line"],
                              setting["variable"]), (value, origin, file, line, variable))


if __name__ == "__main__":
    unittest.main()
