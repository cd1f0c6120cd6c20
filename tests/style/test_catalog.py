# SPDX-License-Identifier: MIT
"""The message catalogs explain every event of the log, in the same way in both languages, and journald accepts them."""
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
CATALOGS = {"aither.catalog": ("Cause", "Remedy", "Command"), "aither.de.catalog": ("Ursache", "Abhilfe", "Befehl")}
LINE_MAX = 100  # the columns of a terminal
ENTRY = re.compile(r"^-- ([0-9a-f]{32})\n(.*?)(?=^-- |\Z)", re.M | re.S)


def entries(name: str) -> dict[str, str]:
    found = ENTRY.findall((TOP / "units" / name).read_text())
    assert len(found) == len(dict(found)), f"{name}: an id stands there twice"
    return dict(found)


def events() -> dict[str, str]:
    """The names and ids in log.h."""
    return dict(re.findall(r'#define (LOG_EVENT_\w+) "([0-9a-f]{32})"', (TOP / "src/base/log.h").read_text()))


def source() -> str:
    return "".join(file.read_text() for file in sorted((TOP / "src").rglob("*.[ch]")))


class Catalog(unittest.TestCase):
    def each(self) -> list[tuple[str, str, str]]:
        return [(name, event, text) for name in CATALOGS for event, text in entries(name).items()]

    def test_every_event_is_explained_and_nothing_else_is(self) -> None:
        ids = sorted(events().values())
        self.assertGreater(len(ids), 5)
        self.assertEqual(len(ids), len(set(ids)))
        for name in CATALOGS:
            self.assertEqual(sorted(entries(name)), ids, name)

    def test_every_event_is_logged_somewhere(self) -> None:
        text = source()
        self.assertEqual([name for name in events() if len(re.findall(rf"\b{name}\b", text)) < 2], [])

    def test_every_entry_has_a_head_a_cause_a_remedy_and_a_command(self) -> None:
        for name, event, text in self.each():
            with self.subTest(f"{name} {event}"):
                head, _, body = text.partition("\n\n")
                self.assertEqual(re.findall(r"^(\S+): \S", head, re.M), ["Subject", "Defined-By", "Documentation"])
                page = re.search(r"Documentation: man:([\w.-]+)\((\d)\)", head)
                assert page
                self.assertTrue((TOP / "man" / f"{page[1]}.{page[2]}").exists(), page[0])
                self.assertEqual(tuple(re.findall(r"^([A-Z][a-z]+): \S", body, re.M)), CATALOGS[name])
                self.assertLessEqual(max(map(len, text.splitlines())), LINE_MAX)

    def test_both_languages_give_the_same_commands_and_pages(self) -> None:
        english, german = (entries(name) for name in CATALOGS)

        def facts(text: str, command: str) -> list[str]:
            commands = text.partition(f"\n{command}:")[2].split("\n")
            return [line.strip() for line in commands] + re.findall(r"Documentation: .*", text)

        for event, text in english.items():
            self.assertEqual(facts(text, "Command"), facts(german[event], "Befehl"), event)

    def test_every_field_that_is_filled_in_is_logged_with_that_event(self) -> None:
        """Every function that logs the event sets the field. The contract tests check that it has a value: see
        journal.py."""
        code = "".join(file.read_text() for file in sorted((TOP / "src").rglob("*.c")))
        functions, names = re.split(r"^}$", code, flags=re.M), {event: name for name, event in events().items()}
        used = {(names[event], field) for _, event, entry in self.each() for field in re.findall(r"@(\w+)@", entry)}
        self.assertTrue(used)
        for name, field in sorted(used):
            logged_by = [text for text in functions if re.search(rf"\b{name}\b", text)]
            self.assertTrue(logged_by, name)
            self.assertEqual([text for text in logged_by if f'{{ "{field}",' not in text], [], f"{name} {field}")

    def test_both_languages_fill_in_the_same_fields_and_name_the_same_keys(self) -> None:
        """Configuration keys, codes, files and commands are not translated."""
        def facts(text: str) -> list[str]:
            return sorted(set(re.findall(r"@\w+@|\b[A-Z][a-z]+(?:[A-Z]+[a-z]*)+\b|\b[A-Z]+_[A-Z_]+\b|\B[./][\w./-]+\w|\b\d+\b",
                                         text)))

        english, german = (entries(name) for name in CATALOGS)
        for event, text in english.items():
            self.assertEqual(facts(text), facts(german[event]), event)

    @unittest.skipUnless(shutil.which("journalctl"), "journalctl is not installed")
    def test_journald_takes_both(self) -> None:
        directory = Path(tempfile.mkdtemp(prefix="aither-"))
        self.addCleanup(shutil.rmtree, directory)
        catalogs, database = directory / "usr/lib/systemd/catalog", directory / "var/lib/systemd/catalog"
        catalogs.mkdir(parents=True)
        database.mkdir(parents=True)
        for name in CATALOGS:
            shutil.copy(TOP / "units" / name, catalogs)

        def journalctl(option: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(["journalctl", f"--root={directory}", option], capture_output=True, text=True,
                                  env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin", "SYSTEMD_LOG_LEVEL": "debug"})

        update = journalctl("--update-catalog")
        self.assertEqual(update.returncode, 0, update.stderr)
        self.assertIn(f"{len(self.each())} items in catalog", update.stderr)
        listed = journalctl("--list-catalog").stdout
        self.assertEqual(sorted(re.findall(r"^([0-9a-f]{32}) aither: ", listed, re.M)), sorted(entries("aither.catalog")))
        compiled = (database / "database").read_bytes().decode(errors="replace")
        for name, _, text in self.each():
            self.assertIn(text.splitlines()[0], compiled, name)


if __name__ == "__main__":
    unittest.main()
