# SPDX-License-Identifier: MIT
"""The command line on a real stack: what it prints and its exit codes."""
import json
import os
import subprocess
import unittest

from stack import BUILD, StackTest


class Sync(StackTest):
    def test_a_sync_is_summed_up_in_a_sentence(self) -> None:
        first = self.stack.cli("sync")
        self.assertEqual(first.returncode, 0, first.stderr)
        self.assertRegex(first.stdout, r"^3 pages written, 0 unchanged, 0 removed in \d+\.\d s\n$")
        self.assertRegex(self.stack.cli("sync").stdout, r"^0 pages written, 3 unchanged, 0 removed in ")

    def test_json_prints_the_envelope(self) -> None:
        done = self.stack.cli("sync", "--json")
        self.assertEqual(json.loads(done.stdout)["data"]["status"], "success")

    def test_a_dry_run_lists_the_pages_and_writes_none(self) -> None:
        done = self.stack.cli("sync", "--dry-run")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("3 pages would change", done.stdout)
        self.assertEqual(done.stdout.count("courses/"), 3)
        self.assertEqual(self.stack.stamps(), {})
        self.assertIn("no sync has run yet", self.stack.cli("status").stdout)

    def test_no_wait_returns_at_once(self) -> None:
        self.hemera.scenario(fault={"path": "/api/service/courses", "kind": "delay", "seconds": 3, "count": 1})
        done = self.stack.cli("sync", "--no-wait")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("sync started", done.stdout)
        self.assertIn("a sync is running", self.stack.cli("status").stdout)
        self.assertEqual(self.stack.cli("sync").returncode, 75)
        complete = self.stack.cli("sync", "--until-complete")
        self.assertEqual(complete.returncode, 0, complete.stderr)
        self.assertIn("another sync is running", complete.stderr)

    def test_exit_codes_of_failures(self) -> None:
        self.hemera.scenario(raw_list={"body": "[]", "content_type": "application/json"})
        failed = self.stack.cli("sync")
        self.assertEqual(failed.returncode, 1)
        self.assertIn("HEMERA_BAD_DATA", failed.stderr)
        self.assertRegex(failed.stderr, r"journalctl AITHER_JOB_ID=[0-9a-f-]{36}")
        self.assertEqual(self.stack.cli("status").returncode, 1)
        self.hemera.scenario(raw_list=None, fault={"path": "^/api/service/courses/cgen0*1$", "kind": "status",
                                                   "status": 403, "count": -1})
        self.assertEqual(self.stack.cli("sync").returncode, 2)
        self.assertEqual(self.stack.cli("sync", "--wrong").returncode, 64)
        self.assertEqual(self.stack.cli("wrong").returncode, 64)
        self.assertEqual(self.stack.cli("sync", "--until-complete", "--no-wait").returncode, 64)

    def test_without_a_worker(self) -> None:
        assert self.stack.worker
        self.stack.worker.stop()
        for command in ("sync", "status"):
            done = self.stack.cli(command)
            self.assertEqual(done.returncode, 69)
            self.assertIn("systemctl", done.stderr)


class Status(StackTest):
    def test_health_stands_in_the_first_line(self) -> None:
        self.stack.cli("sync")
        good = self.stack.cli("status")
        self.assertEqual(good.returncode, 0)
        self.assertTrue(good.stdout.startswith("healthy"), good.stdout)
        self.assertRegex(good.stdout, r"last success +\S+ \(\d+ s ago\)")
        self.hemera.scenario(key="another-key-another-key-another-key-1")
        self.stack.cli("sync")
        bad = self.stack.cli("status")
        self.assertEqual(bad.returncode, 1)
        self.assertTrue(bad.stdout.startswith("not healthy"), bad.stdout)
        self.assertIn("HEMERA_AUTH_FAILED", bad.stdout)
        self.assertEqual(json.loads(self.stack.cli("status", "--json").stdout)["data"]["status"], "failed")


class Render(StackTest):
    def test_a_template_is_filled(self) -> None:
        (self.stack.directory / "a.hbs").write_text("Hallo {{name}}{{> rest}}\n")
        (self.stack.directory / "rest.hbs").write_text(", {{#each list}}{{this}}{{/each}}")
        (self.stack.directory / "data.json").write_text('{"name":"<Welt>","list":[1,2]}')
        done = self.stack.cli("render", "--template", f"{self.stack.directory}/a.hbs", "--data",
                              f"{self.stack.directory}/data.json", f"--partials={self.stack.directory}")
        self.assertEqual((done.returncode, done.stdout), (0, "Hallo &lt;Welt&gt;, 12\n"), done.stderr)

    def test_errors_have_a_position_and_leave_stdout_empty(self) -> None:
        template, data = self.stack.directory / "bad.hbs", self.stack.directory / "data.json"
        for text, values, expected in (("a\n{{#if x}}\n{{/each}}", "{}", "bad.hbs:3:"), ("a", "{", "data.json"),
                                       ("a", '{"x":1}garbage', "data.json")):
            with self.subTest(text):
                template.write_text(text)
                data.write_text(values)
                done = self.stack.cli("render", "--template", str(template), "--data", str(data))
                self.assertEqual((done.returncode, done.stdout), (65, ""))
                self.assertIn(expected, done.stderr)
        self.assertEqual(self.stack.cli("render").returncode, 64)


class SetSecret(unittest.TestCase):
    def test_wrong_names_and_values_are_refused_before_anything_is_written(self) -> None:
        for arguments, value, expected in ((["nonsense"], "x", 64), ([], "", 64),
                                           (["hemera-api-key"], "short", 65 if os.geteuid() == 0 else 77)):
            done = subprocess.run([BUILD / "aither", "set-secret", *arguments], input=value, text=True,
                                  capture_output=True, timeout=30)
            self.assertEqual(done.returncode, expected, done.stderr)
            self.assertNotIn("short\n", done.stderr)


if __name__ == "__main__":
    unittest.main()
