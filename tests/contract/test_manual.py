# SPDX-License-Identifier: MIT
"""aither-templates(7) and aither-api(7) are exact: every example in them gives the result that it shows, the lists of data
are complete, and the calls are those of the OpenAPI document. aither accepts the examples of aither.conf(5).
tests/style/test_manuals.py checks the form of the pages."""
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import Any

import roff
from roff import blocks, plain
from stack import BUILD, TOP, StackTest, wait_until

MANUAL = (TOP / "man" / "aither-templates.7").read_text()
API_MANUAL = (TOP / "man" / "aither-api.7").read_text()
DOCUMENT = json.loads((TOP / "data" / "openapi.json").read_text())
TOKEN = "a-sync-token-of-good-length"
INSTALLED = "/usr/share/aither/templates"
ARROW = re.compile(r"(.*?) +→  (.*)")


def section(name: str, manual: str = MANUAL) -> str:
    return roff.section(name, manual)


def files(text: str) -> dict[str, str]:
    """The examples that are introduced by a file name."""
    return {name: plain(content) for name, content in
            re.findall(r"^\.IR (\S+) :\n(?:\.PP\n)?\.EX\n(.*?\n)\.EE$", text, re.M | re.S)}


def members(text: str, heading: str) -> list[str]:
    """The names in the tags of a list of data."""
    part = re.search(rf"^\.SS {heading}\n(.*?)(?=^\.SS |\Z)", text, re.M | re.S)
    assert part, heading
    tags = re.findall(r"^\.TP\n\.IR? (.*)$", part[1], re.M)
    return sorted(name for tag in tags for name in re.findall(r"\w+", tag))


class Templates(unittest.TestCase):
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
        names = ["TEMPLATE_SIZE", "TEMPLATE_NESTING", "TEMPLATE_PARTIAL_DEPTH", "EVALUATOR_DEPTH", "PARSER_PAIRS",
                 "PARSER_PARAMS", "PARSER_NUMBER", "TEMPLATE_STEPS", "EVALUATOR_MEMORY", "PUBLISHED_COURSE",
                 "PUBLISHED_HOMEPAGE", "PUBLISHED_COURSES", "DATA_SIZE", "PARTIALS", "PUBLISHED_HOMEPAGE"]
        values = []
        for name in names:
            found = re.search(rf"^#define {name}_MAX[\s\\]+(?:\((\d+) << (\d+)\)|(\d+))", source, re.M)
            assert found, name
            values.append(int(found[3]) if found[3] else int(found[1]) << int(found[2]))
        self.assertEqual(listed, values)


class Configuration(unittest.TestCase):
    def test_the_examples_are_accepted(self) -> None:
        samples = [b for b in roff.examples("aither.conf.5", "EXAMPLES") if b.startswith("[")]
        self.assertGreater(len(samples), 2)
        with tempfile.TemporaryDirectory(prefix="aither-") as directory:
            config = Path(directory) / "aither.conf"
            config.write_text("".join(samples))
            done = subprocess.run([BUILD / "aither", f"--config={config}", "config"], capture_output=True, text=True,
                                  env={"AITHER_ENVIRONMENT_FILE": "/nonexistent", "SMTP_PASS": "secret"}, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for line in "".join(samples).splitlines():
            self.assertIn("\n" + line.replace(", ", ","), "\n" + done.stdout)


NAMES = "{{#each this}} {{@key}}{{/each}}"
COURSE = f"""page{NAMES}
course{{{{#with course}}}}{NAMES}{{{{/with}}}}
site{{{{#with site}}}}{NAMES}{{{{/with}}}}
participant{{{{#with participants.[0]}}}}{NAMES}{{{{/with}}}}
{{{{#each participantsByStatus}}}}{{{{#each this}}}}grouped{NAMES}
{{{{/each}}}}{{{{/each}}}}
"""
HOMEPAGE = f"""<!--aither:status-->
page{NAMES}
site{{{{#with site}}}}{NAMES}{{{{/with}}}}
{{{{#each current}}}}course{NAMES}
{{{{/each}}}}{{{{#each undated}}}}course{NAMES}
{{{{/each}}}}{{{{#each past}}}}course{NAMES}
{{{{/each}}}}{{{{#with next}}}}course{NAMES}
{{{{/with}}}}
"""


class TemplateData(StackTest):
    def setUp(self) -> None:
        super().setUp()
        templates = self.stack.directory / "templates"
        templates.mkdir()
        (templates / "course.hbs").write_text(COURSE)
        (templates / "homepage.hbs").write_text(HOMEPAGE)
        (templates / "courses.hbs").write_text(HOMEPAGE)
        self.sync()

    def listed(self, text: str) -> dict[str, set[tuple[str, ...]]]:
        found: dict[str, set[tuple[str, ...]]] = {}
        for line in text.splitlines():
            kind, *names = line.split() or [""]
            found.setdefault(kind, set()).add(tuple(sorted(names)))
        return found

    def test_a_course_page_gets_what_the_manual_lists(self) -> None:
        text, sample = section("DATA OF A COURSE PAGE"), json.loads(files(section("EXAMPLES"))["course.json"])
        page, course, site, participant = (tuple(members(text, h)) for h in
                                           ("The page", "The course", "The site", "A participant"))
        for content in self.stack.pages().values():
            found = self.listed(content)
            self.assertEqual(found["page"], {page})
            self.assertEqual(found["course"], {course})
            self.assertEqual(found["site"], {site})
            self.assertEqual(found["participant"], {participant})
            self.assertEqual(found["grouped"], {participant})
        self.assertEqual((tuple(sorted(sample)), tuple(sorted(sample["course"]))), (page, course))
        self.assertEqual(tuple(sorted(sample["site"])), site)
        self.assertEqual(tuple(sorted(sample["participants"][0])), participant)

    def test_the_homepage_gets_what_the_manual_lists(self) -> None:
        text, sample = section("DATA OF THE HOMEPAGE"), json.loads(files(section("EXAMPLES"))["home.json"])
        page, course = (tuple(members(text, h)) for h in ("The page", "A course"))
        site = tuple(members(section("DATA OF A COURSE PAGE"), "The site"))
        homepages: list[Any] = [*self.stack.public.glob("*.html"), *self.stack.output.glob("*.html")]
        self.assertEqual(len(homepages), 4)
        for homepage in homepages:
            found = self.listed(homepage.read_text())
            self.assertEqual(found["page"], {page})
            self.assertEqual(found["course"], {course})
            self.assertEqual(found["site"], {site})
        self.assertEqual((tuple(sorted(sample)), tuple(sorted(sample["current"][0]))), (page, course))


def plain_tag(text: str) -> str:
    """Removes fonts and quotes: the tag as a reader sees it."""
    return re.sub(r"\\-", "-", re.sub(r'\\f[BRI]|^\.[BIR]+ |"', "", text, flags=re.M)).replace("  ", " ")


def tags(text: str) -> list[str]:
    return [plain_tag(tag) for tag in re.findall(r"^\.TP\n(.*)$", text, re.M)]


def follow(node: Any) -> Any:
    while "$ref" in node:
        target = DOCUMENT
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        node = target
    return node


class Api(unittest.TestCase):
    def documented(self) -> list[tuple[str, str, bool]]:
        return sorted((method.upper(), path, "aither-worker" in operation["x-served-by"])
                      for path, methods in DOCUMENT["paths"].items() for method, operation in methods.items())

    def test_every_call_is_described_and_no_other(self) -> None:
        found = []
        for tag in tags(section("CALLS", API_MANUAL)):
            calls, mark, _ = tag.replace("/ NAME", "/{name}").replace("/ FILE", "/{file}").partition(" (worker)")
            for call in re.findall(r"(GET|POST) (/\S*?)(?:,|$| )", calls + " "):
                found.append((call[0], call[1], bool(mark)))
        self.assertEqual(sorted(found), self.documented())

    def test_every_parameter_is_described(self) -> None:
        for methods in DOCUMENT["paths"].values():
            for operation in methods.values():
                for parameter in map(follow, operation["parameters"]):
                    if parameter["in"] == "query":
                        self.assertIn(f"?{parameter['name']}=", API_MANUAL)
                    elif parameter["name"] != "Accept-Encoding":
                        self.assertIn(parameter["name"].replace("-", "\\-"), API_MANUAL)

    def test_every_error_is_described_with_its_statuses(self) -> None:
        source = (TOP / "src/base/error.c").read_text()
        statuses = dict(re.findall(r'\{ "([A-Z_]+)", (\d+)', source))
        found = {}
        for tag in tags(section("ERRORS", API_MANUAL)):
            code, _, rest = tag.partition(" ")
            found[code] = re.findall(r"\d+", rest)
        self.assertEqual(sorted(found), sorted(DOCUMENT["components"]["schemas"]["ErrorCode"]["enum"]))
        for code, listed in found.items():
            self.assertTrue(statuses[code] in listed or code == "MASS_DELETE_REFUSED", code)

    def test_every_member_of_a_report_is_described(self) -> None:
        schemas = DOCUMENT["components"]["schemas"]
        listed = [name for tag in tags(section("REPORT", API_MANUAL)) for name in re.findall(r"\w+", tag)]
        self.assertEqual(sorted(listed), sorted(schemas["Report"]["properties"]))


class ApiExamples(StackTest):
    environment = {"AITHER_SYNC_TOKEN": TOKEN}

    def test_every_command_gives_what_it_says(self) -> None:
        self.sync(Authorization=f"Bearer {TOKEN}")
        sessions = [b for b in blocks(section("EXAMPLES", API_MANUAL)) if b.startswith("$ ")]
        self.assertGreater(len(sessions), 9)
        for session in sessions:
            with self.subTest(session):
                self.check(session)
            wait_until(self.is_idle, "the sync ends that was only started")

    def is_idle(self) -> bool:
        return bool(self.stack.get("/api/sync", Authorization=f"Bearer {TOKEN}").data["status"] != "running")

    def check(self, session: str) -> None:
        """Lines that begin with "$ ", together with indented lines below them, are commands; the others are their output."""
        commands = "\n".join(re.findall(r"^\$ (.*(?:\n    .*)*)", session, re.M))
        expected = re.sub(r"^\$ .*(?:\n    .*)*\n", "", session, flags=re.M)
        for example, here in (("http://localhost:3500", f"http://localhost:{self.stack.port}"),
                              ("/run/aither/worker.sock", str(self.stack.socket))):
            commands = commands.replace(example, here)
        done = subprocess.run(["sh", "-ec", commands], cwd=self.stack.directory, capture_output=True, text=True,
                              env=self.stack.environment | {"TOKEN": TOKEN}, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        pattern = re.escape(expected).replace(r"\.\.\.", ".*").replace(r"\ ", " ")
        self.assertTrue(re.fullmatch(pattern, done.stdout.replace("\r", ""), re.S), f"{pattern}\n{done.stdout}")


if __name__ == "__main__":
    unittest.main()
