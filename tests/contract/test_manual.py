# SPDX-License-Identifier: MIT
"""aither-templates(7) is exact: every example in it gives what it says, and its lists of data are complete."""
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import Any

from stack import BUILD, TOP, StackTest

MANUAL = TOP / "man" / "aither-templates.7"
INSTALLED = "/usr/share/aither/templates"
ARROW = re.compile(r"(.*?) +→  (.*)")
ESCAPES = {"\\e": "\\", "\\-": "-", "\\&": "", "\\(aq": "'", "\\(ga": "`", "\\(ti": "~", "\\(ha": "^", "\\(dq": '"',
           "\\(->": "→"}


def plain(text: str) -> str:
    """roff as a reader sees it, as far as the manual uses it."""
    return re.sub(r"\\\(..|\\.", lambda m: ESCAPES[m[0]], text)


def section(name: str) -> str:
    found = re.search(rf"^\.SH {name}\n(.*?)(?=^\.SH |\Z)", MANUAL.read_text(), re.M | re.S)
    assert found, name
    return found[1]


def blocks(text: str) -> list[str]:
    return [plain(b) for b in re.findall(r"^\.EX\n(.*?\n)\.EE$", text, re.M | re.S)]


def files(text: str) -> dict[str, str]:
    """The examples that are introduced by the name of a file."""
    return {name: plain(content) for name, content in
            re.findall(r"^\.IR (\S+) :\n(?:\.PP\n)?\.EX\n(.*?\n)\.EE$", text, re.M | re.S)}


def members(text: str, heading: str) -> list[str]:
    """The names in the tags of a list of data."""
    part = re.search(rf"^\.SS {heading}\n(.*?)(?=^\.SS |\Z)", text, re.M | re.S)
    assert part, heading
    tags = re.findall(r"^\.TP\n\.IR? (.*)$", part[1], re.M)
    return sorted(name for tag in tags for name in re.findall(r"\w+", tag))


class Examples(unittest.TestCase):
    maxDiff = None

    def setUp(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="aither-"))
        self.addCleanup(shutil.rmtree, self.directory)
        (self.directory / "aither.conf").write_text("[Site]\nTimeZone=Europe/Berlin\n")
        self.environment = {"PATH": f"{self.directory / 'bin'}:{os.environ['PATH']}",
                            "AITHER_SHIPPED_TEMPLATES": str(TOP / "templates")}
        self.environment |= {k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}

    def write(self, contents: dict[str, str]) -> None:
        for name, content in contents.items():
            (self.directory / name).write_text(content)

    def render(self, template: str) -> subprocess.CompletedProcess[str]:
        self.write({"example": template})
        return subprocess.run([BUILD / "aither", "--config=aither.conf", "render", "--template", "example", "--data",
                               "data.json", "--partials", "."], cwd=self.directory, env=self.environment, text=True,
                              capture_output=True, timeout=60)

    def check(self, line: str) -> None:
        found = ARROW.fullmatch(line)
        assert found, line
        template, expected = (part.replace("\\n", "\n") for part in found.groups())
        done = self.render(template)
        if expected.startswith("error: "):
            self.assertEqual((done.returncode, done.stdout), (65, ""), line)
            self.assertIn(f": {expected.removeprefix('error: ')}\n", done.stderr.replace("example:", ": ", 1))
            return
        if expected == "(nothing)" or re.fullmatch('".*"', expected):
            expected = expected[1:-1].replace("nothing", "")
        self.assertEqual((done.returncode, done.stdout), (0, expected), line + done.stderr)

    def test_every_line_with_an_arrow_is_true(self) -> None:
        text = "".join(section(name) for name in ("LANGUAGE", "HELPERS", "ERRORS"))
        contents = files(text)
        self.write(contents | {"row.hbs": contents["row.hbs"].removesuffix("\n")})
        lines = [line for block in blocks(text) for line in block.splitlines() if "→" in line]
        self.assertGreater(len(lines), 60)
        for line in lines:
            with self.subTest(line):
                self.check(line)

    def test_the_html_of_pictures_and_films(self) -> None:
        image, video = next(b for b in blocks(section("HELPERS")) if "<img" in b).splitlines()
        self.write({"data.json": '{"url":"URL","alt":"ALT"}'})
        self.assertEqual(self.render("{{image url alt}}").stdout, image)
        self.assertEqual(self.render("{{video url}}").stdout, video)

    def test_the_session_in_the_manual(self) -> None:
        text = section("EXAMPLES")
        self.write(files(text))
        (self.directory / "bin").mkdir()
        program = self.directory / "bin" / "aither"
        program.write_text(f'#!/bin/sh\nexec {BUILD}/aither --config=aither.conf "$@"\n')
        program.chmod(0o755)
        sessions = [b.splitlines() for b in blocks(text) if b.startswith("$ ")]
        self.assertEqual(len(sessions), 2)
        for session in sessions:
            commands = [line[2:] for line in session if line.startswith("$ ")]
            script = "\n".join(commands).replace(INSTALLED, str(TOP / "templates"))
            done = subprocess.run(["sh", "-ec", script], cwd=self.directory, env=self.environment, text=True,
                                  capture_output=True, timeout=60)
            self.assertEqual(done.stderr, "")
            self.assertEqual(done.stdout.splitlines(), [line for line in session if not line.startswith("$ ")])

    def test_the_limits_are_those_of_the_program(self) -> None:
        listed = [int(n) for n in re.findall(r"^ +(\d+)  ", next(b for b in blocks(section("ERRORS"))
                                                                  if "bytes of a template" in b), re.M)]
        source = "".join(p.read_text() for folder in ("base", "published", "render", "cli")
                         for p in sorted((TOP / "src" / folder).glob("*.[ch]")))
        names = ["TEMPLATE_SIZE", "TEMPLATE_NESTING", "TEMPLATE_PARTIAL_DEPTH", "EVALUATOR_DEPTH", "COMPILER_PAIRS",
                 "PARSER_PARAMS", "PARSER_NUMBER", "TEMPLATE_STEPS", "EVALUATOR_MEMORY", "PUBLISHED_COURSE",
                 "PUBLISHED_HOMEPAGE", "PUBLISHED_COURSES", "DATA_SIZE", "PARTIALS", "PUBLISHED_HOMEPAGE"]
        values = []
        for name in names:
            found = re.search(rf"^#define {name}_MAX[\s\\]+(?:\((\d+) << (\d+)\)|(\d+))", source, re.M)
            assert found, name
            values.append(int(found[3]) if found[3] else int(found[1]) << int(found[2]))
        self.assertEqual(listed, values)

    @unittest.skipUnless(shutil.which("mandoc"), "mandoc is not installed")
    def test_the_page_is_well_formed(self) -> None:
        done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", MANUAL], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout), (0, ""))


NAMES = "{{#each this}} {{@key}}{{/each}}"
COURSE = f"""page{NAMES}
course{{{{#with course}}}}{NAMES}{{{{/with}}}}
participant{{{{#with participants.[0]}}}}{NAMES}{{{{/with}}}}
{{{{#each participantsByStatus}}}}{{{{#each this}}}}grouped{NAMES}
{{{{/each}}}}{{{{/each}}}}
"""
HOMEPAGE = f"""<!--aither:status-->
page{NAMES}
{{{{#each this}}}}{{{{#each this}}}}course{NAMES}
{{{{/each}}}}{{{{/each}}}}
"""


class Data(StackTest):
    def setUp(self) -> None:
        super().setUp()
        templates = self.stack.directory / "templates"
        templates.mkdir()
        (templates / "course.hbs").write_text(COURSE)
        (templates / "homepage.hbs").write_text(HOMEPAGE)
        self.sync()

    def listed(self, text: str) -> dict[str, set[tuple[str, ...]]]:
        found: dict[str, set[tuple[str, ...]]] = {}
        for line in text.splitlines():
            kind, *names = line.split() or [""]
            found.setdefault(kind, set()).add(tuple(sorted(names)))
        return found

    def test_a_course_page_gets_what_the_manual_lists(self) -> None:
        text, sample = section("DATA OF A COURSE PAGE"), json.loads(files(section("EXAMPLES"))["course.json"])
        page, course, participant = (tuple(members(text, h)) for h in ("The page", "The course", "A participant"))
        for content in self.stack.pages().values():
            found = self.listed(content)
            self.assertEqual(found["page"], {page})
            self.assertEqual(found["course"], {course})
            self.assertEqual(found["participant"], {participant})
            self.assertEqual(found["grouped"], {participant})
        self.assertEqual((tuple(sorted(sample)), tuple(sorted(sample["course"]))), (page, course))
        self.assertEqual(tuple(sorted(sample["participants"][0])), participant)

    def test_the_homepage_gets_what_the_manual_lists(self) -> None:
        text, sample = section("DATA OF THE HOMEPAGE"), json.loads(files(section("EXAMPLES"))["home.json"])
        page, course = (tuple(members(text, h)) for h in ("The page", "A course"))
        homepages: list[Any] = sorted(self.stack.output.glob("*.html"))
        self.assertTrue(homepages)
        for homepage in homepages:
            found = self.listed(homepage.read_text())
            self.assertEqual(found["page"], {page})
            self.assertEqual(found["course"], {course})
        self.assertEqual((tuple(sorted(sample)), tuple(sorted(sample["current"][0]))), (page, course))


if __name__ == "__main__":
    unittest.main()
