# SPDX-License-Identifier: MIT
"""The completions for bash, zsh and fish know every command and every option that the program names."""
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from stack import BUILD, TOP

COMPLETIONS = TOP / "data" / "completions"
FILES = {"bash": COMPLETIONS / "aither", "zsh": COMPLETIONS / "_aither", "fish": COMPLETIONS / "aither.fish"}
ANSWER = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _aither; printf "%s\\n" "${COMPREPLY[@]}"'


def said(*arguments: str) -> str:
    done = subprocess.run([BUILD / "aither", *arguments], capture_output=True, text=True, timeout=30)
    return done.stdout


def commands() -> dict[str, list[str]]:
    """Every command with its options, from `aither --help`."""
    found = re.findall(r"^  ([a-z-]+) +(.*)$", said("--help"), re.M)
    return {name: re.findall(r"--[a-z-]+", arguments) for name, arguments in found}


def secrets() -> list[str]:
    return re.findall(r"^  ([a-z-]+)$", said("set-secret", "--help"), re.M)


def bash(*words: str, directory: Path = TOP) -> list[str]:
    """The words that bash offers to complete the last word."""
    done = subprocess.run(["bash", "--norc", "-c", ANSWER, "bash", str(FILES["bash"]), *words], text=True,
                          capture_output=True, timeout=30, cwd=directory)
    assert done.stderr == "", done.stderr
    return sorted(done.stdout.split())


class Completeness(unittest.TestCase):
    def test_the_program_names_its_commands(self) -> None:
        self.assertIn("--until-complete", commands()["sync"])
        self.assertIn("hemera-api-key", secrets())

    def test_every_command_option_and_secret_is_in_each(self) -> None:
        words = {*commands(), *(option for options in commands().values() for option in options), *secrets(),
                 "--config", "--help", "--version"}
        for shell, file in FILES.items():
            text = re.sub(r"-l ", "--", file.read_text())  # fish leaves the dashes out
            for word in words:
                with self.subTest(shell, word=word):
                    self.assertRegex(text, rf"(?<![\w-]){word}(?![\w-])")

    def test_none_offers_an_option_that_is_not_there(self) -> None:
        known = {option for options in commands().values() for option in options} | {"--config", "--help", "--version"}
        for shell, file in FILES.items():
            lines = [l for l in file.read_text().splitlines() if "compopt" not in l and not l.lstrip().startswith("#")]
            text = re.sub(r"-l (?=[a-z])", "--", "\n".join(lines).replace("set -l", ""))
            with self.subTest(shell):
                self.assertEqual(set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) - known, set())


class Shells(unittest.TestCase):
    @unittest.skipUnless(shutil.which("bash"), "bash is not installed")
    def test_bash_completes(self) -> None:
        self.assertEqual(bash("aither", ""), sorted([*commands(), "--config=", "--help", "--version"]))
        self.assertEqual(bash("aither", "st"), ["status"])
        for command, options in commands().items():
            with self.subTest(command):
                self.assertEqual(bash("aither", command, "--"), sorted([*options, "--help"]))
        self.assertEqual(bash("aither", "set-secret", "s"), ["smtp-password", "sync-token"])
        self.assertEqual(bash("aither", "--config", "=", "x.conf", "sync", "--f"), ["--force"])

    @unittest.skipUnless(shutil.which("bash"), "bash is not installed")
    def test_bash_completes_names_of_files(self) -> None:
        with tempfile.TemporaryDirectory(prefix="aither-") as name:
            directory = Path(name)
            (directory / "page.hbs").touch()
            (directory / "parts").mkdir()
            self.assertEqual(bash("aither", "render", "--template", "p", directory=directory), ["page.hbs", "parts"])
            self.assertEqual(bash("aither", "render", "--partials", "p", directory=directory), ["parts"])
            self.assertEqual(bash("aither", "--config", "=", directory=directory), ["page.hbs", "parts"])
            self.assertEqual(bash("aither", "--config", "=", "pag", directory=directory), ["page.hbs"])

    def check_syntax(self, shell: str, option: str) -> None:
        if not shutil.which(shell):
            self.skipTest(f"{shell} is not installed")
        done = subprocess.run([shell, option, FILES[shell]], capture_output=True, text=True, timeout=30)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_the_syntax_is_that_of_bash(self) -> None:
        self.check_syntax("bash", "-n")

    def test_the_syntax_is_that_of_zsh(self) -> None:
        self.check_syntax("zsh", "-n")

    def test_the_syntax_is_that_of_fish(self) -> None:
        self.check_syntax("fish", "--no-execute")

    @unittest.skipUnless(shutil.which("fish"), "fish is not installed")
    def test_fish_completes(self) -> None:
        for line, expected in (("aither ", commands()), ("aither set-secret ", secrets())):
            done = subprocess.run(["fish", "-N", "-c", f"source {FILES['fish']}; complete -C'{line}'"], text=True,
                                  capture_output=True, timeout=30)
            self.assertEqual(sorted(l.split("\t")[0] for l in done.stdout.splitlines()), sorted(expected))


if __name__ == "__main__":
    unittest.main()
