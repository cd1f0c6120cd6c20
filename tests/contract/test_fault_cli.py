# SPDX-License-Identifier: MIT
"""aither(1), where every single call of a command fails once: the command either ends with one of its exit codes and says
why, or works as usual."""
import contextlib
import json
import subprocess
import unittest
from typing import Callable, NamedTuple

from crash.errnos import Fault
from crash.faultpoint import Action
from crash.faults import Attack
from stack import BUILD, PATIENCE_S
from terminal import Terminal
from test_cli_secret import WORLD, world_works

EXIT_CODES = (0, 1, 2, 64, 65, 69, 75, 77, 78)
SECRET = ("set-secret", "sync-token")
GENERATED = ("set-secret", "--generate", "sync-token")
COMMANDS = (
    ("status",), ("status", "--json"), ("sync",), ("sync", "--json"), ("sync", "--no-wait"), ("doctor", "--json"),
    ("render", "--template", "{}/t.hbs", "--data", "{}/d.json"), ("test-mail", "--json"), ("test-rollbar",),
)

class Run(NamedTuple):
    code: int
    output: str
    complaints: str


class Commands(Attack):
    sites_min = 5

    def setUp(self) -> None:
        self.set_up()
        self.start_and_sync()
        (self.stack.directory / "t.hbs").write_text("{{a}}")
        (self.stack.directory / "d.json").write_text('{"a":"filled"}')

    def arguments(self, command: tuple[str, ...]) -> list:
        prefix = WORLD if command in (SECRET, GENERATED) else []
        return [*prefix, BUILD / "aither", f"--config={self.stack.config}",
                *(word.format(self.stack.directory) for word in command)]

    def environment(self) -> dict[str, str]:
        return self.stack.environment | self.faults.environment

    def run_piped(self, command: tuple[str, ...]) -> Run:
        done = subprocess.run(self.arguments(command), env=self.environment(), capture_output=True, text=True,
                              input="a-secret-of-some-length", timeout=PATIENCE_S)
        return Run(done.returncode, done.stdout, done.stderr)

    def run_on_terminal(self, command: tuple[str, ...]) -> Run:
        with Terminal(self.arguments(command), self.environment()) as terminal:
            with contextlib.suppress(AssertionError):  # the command may end before it asks
                if command == SECRET:
                    terminal.wait_for("not shown")
                    terminal.type("a-secret-of-some-length\n")
            code = terminal.end()
            return Run(code, terminal.stdout, terminal.output)

    def assert_right(self, command: tuple[str, ...], run: Run, usual: Run, fault: Fault) -> None:
        self.assertIn(run.code, EXIT_CODES, run)
        self.assertNotIn("Sanitizer", run.complaints)
        if run.code == usual.code:
            return
        self.assertNotEqual(run.code, 0, run)
        self.assertTrue(run.output or run.complaints, "a silent failure")
        if "--json" in command:
            self.assertIsInstance(json.loads(run.output.splitlines()[-1]), dict)

    def attack(self, command: tuple[str, ...], run: Callable[[tuple[str, ...]], Run]) -> None:
        self.faults.arm()
        self.faults.forget()
        usual = run(command)
        self.assertGreaterEqual(usual.code, 0)
        for fault in self.faults_of(self.faults.met()):
            with self.naming(fault, " ".join(command)):
                self.faults.arm(fault.site, fault.action, fault.errnum)
                self.assert_right(command, run(command), usual, fault)
                self.count += 1

    def test_when_any_call_fails_it_ends_with_its_code_and_says_why(self) -> None:
        self.count = 0
        for command in COMMANDS:
            self.attack(command, self.run_piped)
        self.attack(("sync",), self.run_on_terminal)
        print(f"# {self.count} failures")

    @unittest.skipUnless(world_works(), "needs a mount namespace, which this system does not permit")
    def test_when_any_call_fails_a_secret_is_stored_whole_or_not_at_all(self) -> None:
        self.count = 0
        for run in (self.run_piped, self.run_on_terminal):
            self.attack(SECRET, run)
        self.attack(GENERATED, self.run_piped)
        print(f"# {self.count} failures")

    def test_one_byte_at_a_time_and_interrupted_everywhere_it_says_the_same(self) -> None:
        for command in (("status", "--json"), ("sync", "--json"), COMMANDS[6]):
            codes = []
            for action in (Action.NOTHING, Action.ONES, Action.TWICE):
                self.faults.arm(action=action)
                codes.append(self.run_piped(command).code)
            self.assertEqual(codes, [codes[0]] * 3, command)

    def test_output_that_cannot_be_written_is_no_success(self) -> None:
        for command in (("--help",), ("--version",), ("sync", "--json"), ("sync",), COMMANDS[6]):
            with self.subTest(command=command), open("/dev/full", "w") as full:
                done = subprocess.run(self.arguments(command) if command[0][0] != "-" else [BUILD / "aither", *command],
                                      env=self.stack.environment, stdin=subprocess.DEVNULL, stdout=full,
                                      stderr=subprocess.PIPE, text=True, timeout=PATIENCE_S)
                self.assertEqual(done.returncode, 1)
                self.assertIn("to standard output\n", done.stderr)


del Attack

if __name__ == "__main__":
    unittest.main()
