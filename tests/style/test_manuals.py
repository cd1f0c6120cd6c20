# SPDX-License-Identifier: MIT
"""Every unit has its page, the pages are well formed and refer to each other correctly, and the sample file and the manual
have the same configuration keys."""
import re
import shutil
import subprocess
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
MANUALS = TOP / "man"
SECTIONS = ["NAME", "SYNOPSIS", "CONFIGURATION", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "RETURN VALUE", "ERRORS", "ENVIRONMENT",
            "FILES", "ATTRIBUTES", "VERSIONS", "STANDARDS", "HISTORY", "NOTES", "CAVEATS", "BUGS", "EXAMPLES", "AUTHORS",
            "REPORTING BUGS", "COPYRIGHT", "SEE ALSO"]  # in the order of man-pages(7)
MAKEFILE = (TOP / "Makefile.am").read_text()


def pages() -> list[Path]:
    """Without the links that a build in the source tree creates."""
    made = links()
    return sorted(f for f in MANUALS.iterdir() if re.fullmatch(r"[\w.@-]+\.[1-8]", f.name) and f.name not in made)


def links() -> dict[str, str]:
    """Pages that the Makefile creates: the name of each, and of the page that it links to."""
    found = {}
    for variable, names in re.findall(r"^(\w+_PAGES) = (.*)$", MAKEFILE, re.M):
        target = re.search(rf"^\$\({variable}\): Makefile\n.*'\.so man8/(\S+)'", MAKEFILE, re.M)
        assert target, variable
        found |= {name.removeprefix("man/"): target[1] for name in names.split()}
    return found


def name_section(page: str) -> str:
    found = re.search(r"^\.SH NAME\n(.*?)^\.SH ", (MANUALS / page).read_text(), re.M | re.S)
    assert found, page
    return found[1].replace("\\-", "-").replace("\n", " ")


def spoken(text: str) -> str:
    """Joins a page's name with its section: "aither (1)" becomes "aither(1)"."""
    return re.sub(r" \(|\" \(", "(", text.replace("\\-", "-"))


class Manuals(unittest.TestCase):
    def test_every_page_is_installed(self) -> None:
        listed = re.findall(r"^\tman/(\S+)", MAKEFILE, re.M)
        self.assertEqual(sorted(listed), [page.name for page in pages()])

    def test_sections_are_in_the_usual_order_and_each_page_has_examples(self) -> None:
        """Sections of other names may be anywhere between DESCRIPTION and EXAMPLES."""
        for page in pages():
            with self.subTest(page.name):
                found = [name.strip('"') for name in re.findall(r"^\.SH (.*)$", page.read_text(), re.M)]
                usual = [name for name in found if name in SECTIONS]
                self.assertEqual(usual, sorted(usual, key=SECTIONS.index))
                self.assertEqual(len(found), len(set(found)))
                self.assertLessEqual({"NAME", "DESCRIPTION", "EXAMPLES", "SEE ALSO"}, set(found))
                self.assertEqual(found[-2:], ["EXAMPLES", "SEE ALSO"])
                self.assertIn(".EX\n", page.read_text().partition(".SH EXAMPLES\n")[2])

    def test_every_unit_has_a_page_that_names_it(self) -> None:
        units = sorted(f.name.removesuffix(".in") for f in (TOP / "units").iterdir()
                       if re.search(r"\.(service|socket|timer)(\.in)?$", f.name))
        self.assertGreater(len(units), 7)
        made = links()
        for unit in units:
            with self.subTest(unit):
                page = made.get(f"{unit}.8", f"{unit}.8")
                self.assertRegex(name_section(page), rf"(^|[ ,]){re.escape(unit)}[ ,]")
        self.assertLessEqual(set(made), {f"{unit}.8" for unit in units})

    def test_every_units_documentation_exists(self) -> None:
        installed = {page.name for page in pages()} | set(links())
        for unit in (TOP / "units").iterdir():
            for name, number in re.findall(r"man:([\w.@-]+)\((\d)\)", unit.read_text()):
                self.assertIn(f"{name}.{number}", installed, unit.name)

    def test_references_lead_to_pages_and_are_in_order(self) -> None:
        installed = {page.name for page in pages()} | set(links())
        for page in pages():
            text = spoken(page.read_text())
            for name, number in re.findall(r"\b(aither[\w.@-]*)\((\d)\)", text):
                self.assertIn(f"{name}.{number}", installed, page.name)
            also = re.findall(r"^\.BR (\S+)\((\d)\)", text.partition(".SH SEE ALSO\n")[2], re.M)
            self.assertTrue(also, page.name)
            self.assertEqual(also, sorted(also, key=lambda entry: (entry[1], entry[0])), page.name)
            own = re.match(r"(.*)\.(\d)", page.name)
            assert own
            self.assertNotIn((own[1], own[2]), also, page.name)

    @unittest.skipUnless(shutil.which("mandoc"), "mandoc is not installed")
    def test_mandoc_has_nothing_to_complain_about(self) -> None:
        done = subprocess.run(["mandoc", "-T", "lint", "-W", "style", *pages()], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    @unittest.skipUnless(shutil.which("man") and shutil.which("groff"), "man or groff is not installed")
    def test_man_shows_every_page_without_a_warning(self) -> None:
        for page in pages():
            done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", page], capture_output=True, text=True,
                                  env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "MANWIDTH": "80"})
            self.assertEqual((done.returncode, done.stderr), (0, ""), page.name)
            self.assertGreater(len(done.stdout.splitlines()), 20, page.name)


class Configuration(unittest.TestCase):
    """tests/unit/test-config-key.c compares the sample file with the program's values."""

    def test_the_manual_has_the_types_of_files_that_are_served(self) -> None:
        source = (TOP / "src/published/site-file.c").read_text()
        types = re.findall(r'\{ "(\.[a-z0-9]+)", "', source)
        listed = (MANUALS / "aither-web.8").read_text().split(".SH FILES\n")[1].split(".SH ")[0]
        self.assertGreater(len(types), 10)
        self.assertEqual([word for word in re.split(r'[\s",]+', listed) if re.fullmatch(r"\.[a-z]{2}\w+", word)], types)

    def test_the_manual_has_the_checks_of_doctor_and_their_questions(self) -> None:
        checks = dict(re.findall(r'^\t\{ "([a-z-]+)", "(.+)" \},$', (TOP / "src/base/check.c").read_text(), re.M))
        for only_in_status in ("sync", "deferred"):
            del checks[only_in_status]
        text = (MANUALS / "aither.1").read_text().replace("\\-", "-")
        section = re.search(r"^\.SS doctor\n(.*?)^\.SS ", text, re.M | re.S)
        assert section
        self.assertEqual(dict(re.findall(r"^\.TP\n\.B ([a-z-]+)\n(.+)\n", section[1], re.M)), checks)

    def test_every_check_has_a_question(self) -> None:
        listed = set(re.findall(r'^\t\{ "([a-z-]+)", ".+" \},$', (TOP / "src/base/check.c").read_text(), re.M))
        used = {name for file in (TOP / "src").rglob("*.c")
                for name in re.findall(r'check_(?:add|origin)\(\s*\w+, "([a-z-]+)"', file.read_text())}
        self.assertGreater(len(used), 10)
        self.assertEqual(used - listed, set())

    def test_the_manuals_keys_are_made_from_the_sample_file(self) -> None:
        done = subprocess.run([MANUALS / "update-keys", "--check"], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
        self.assertGreater((MANUALS / "aither.conf.5").read_text().count("\n.TP\n.I "), 20)


if __name__ == "__main__":
    unittest.main()
