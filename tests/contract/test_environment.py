# SPDX-License-Identifier: MIT
"""The environment file of the worker's unit, which may be the `.env` of the Node implementation."""
import json
import re
import subprocess
import unittest

from stack import BUILD, StackTest

ENVIRONMENT = """# of the Node implementation
HEMERA_API_KEY="stub-hemera-test-key-0123456789abcdef"
  AITHER_SYNC_TOKEN = 'a-token-of-the-node-implementation'
; a comment, too
HTML_OUTPUT_DIR=output
NO_SUCH_VARIABLE
SMTP_PASS="a \\"quoted\\" word"
SMTP_USER=aither
NOTIFY_EMAIL_TO=one@example.org\t
"""


class CheckConfig(StackTest):
    environment = {"HEMERA_API_KEY": ""}

    def check(self) -> tuple[int, str]:
        environment = self.stack.environment | {"AITHER_ENVIRONMENT_FILE": str(self.file)}
        done = subprocess.run([BUILD / "aither-worker", f"--config={self.stack.config}", "--check-config"],
                              env=environment, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout + done.stderr

    def setUp(self) -> None:
        super().setUp()
        self.file = self.stack.directory / "default"

    def test_what_cannot_work_from_there_is_named_with_what_helps(self) -> None:
        self.file.write_text(ENVIRONMENT)
        code, text = self.check()
        self.assertEqual(code, 78)
        self.assertEqual(text.count("\n"), 2, text)
        self.assertRegex(text, r"environment AITHER_SYNC_TOKEN: has no effect in /etc/default/aither.*"
                               r"`aither set-secret sync-token`")
        self.assertRegex(text, rf"environment HTML_OUTPUT_DIR=output: .* pages are written to {self.stack.output}; "
                               r"remove it from /etc/default/aither")
        self.file.write_text(re.sub(".*(TOKEN|DIR).*\n", "", ENVIRONMENT))
        self.assertEqual(self.check(), (0, "configuration is fine\n"))

    def test_a_byte_order_mark_costs_the_first_line_as_in_systemd(self) -> None:
        self.file.write_text(f"\ufeffHEMERA_API_KEY={self.hemera.key}\nSMTP_USER=aither\nSMTP_PASS=word\n")
        code, text = self.check()
        self.assertEqual(code, 78)
        self.assertIn("/etc/default/aither: begins with a byte order mark, so systemd ignores its first line", text)
        self.assertIn("hemera-api-key is not set", text)
        self.assertEqual(text.count("\n"), 2, text)

    def test_values_of_the_file_are_checked_as_the_unit_has_them(self) -> None:
        for line, wanted in (('HEMERA_API_KEY="too short"', "environment HEMERA_API_KEY: hemera-api-key must have 32"),
                             ("NOTIFY_FAILURE_THRESHOLD=many", "environment NOTIFY_FAILURE_THRESHOLD=many"),
                             ("ROLLBAR_ENABLED='perhaps'", "environment ROLLBAR_ENABLED=perhaps"),
                             ("ROLLBAR_ENABLED = per\\\nhaps ", "environment ROLLBAR_ENABLED=perhaps:"),
                             ('ROLLBAR_ENABLED="y\\n"\'o\' # c', "environment ROLLBAR_ENABLED=y\\no# c:"),
                             ('HEMERA_API_BASE_URL="https://x.example" # prod',
                              "environment HEMERA_API_BASE_URL=https://x.example# prod")):
            with self.subTest(line):
                self.file.write_text(f"HEMERA_API_KEY={self.hemera.key}\n{line}\n")  # the last line wins
                code, text = self.check()
                self.assertEqual(code, 78)
                self.assertIn(wanted, text)

    def test_a_file_that_cannot_be_read_is_named(self) -> None:
        self.file.mkdir()
        code, text = self.check()
        self.assertEqual(code, 78)
        self.assertIn("cannot check the variables that the unit gets from its environment file: ", text)
        self.assertIn(str(self.file), text)

    def test_without_the_file_only_the_environment_counts(self) -> None:
        code, text = self.check()
        self.assertEqual((code, text), (78, "hemera-api-key is not set: run `aither set-secret hemera-api-key`\n"))


class AsTheUnitHasIt(StackTest):
    environment = {"INVOCATION_ID": "0123456789abcdef0123456789abcdef", "HTML_OUTPUT_DIR": "output",
                   "AITHER_SYNC_TOKEN": "a-token-of-the-node-implementation"}

    def test_the_worker_works_and_doctor_has_the_remedies(self) -> None:
        token = {"Authorization": f"Bearer {self.environment['AITHER_SYNC_TOKEN']}"}
        self.assertEqual(self.stack.post("/api/sync", **token).data["status"], "success")
        self.assertEqual(len(self.stack.pages()), 3)
        checks = json.loads(self.stack.cli("doctor", "--json").stdout)["data"]["checks"]
        found = {c["message"].split(":")[0].split("=")[0]: c for c in checks if c["name"] == "configuration"}
        self.assertEqual({c["status"] for c in found.values()}, {"warning"})
        self.assertEqual(found["environment AITHER_SYNC_TOKEN"]["remedy"].split("\n"), [
            "aither set-secret sync-token", "sed -i '/^ *AITHER_SYNC_TOKEN *=/d' /etc/default/aither",
            "systemctl restart aither aither-worker"])
        self.assertEqual(found["environment HTML_OUTPUT_DIR"]["remedy"].split("\n"), [
            "sed -i '/^ *HTML_OUTPUT_DIR *=/d' /etc/default/aither", "systemctl restart aither aither-worker"])


if __name__ == "__main__":
    unittest.main()
