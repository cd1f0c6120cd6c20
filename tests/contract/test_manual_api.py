# SPDX-License-Identifier: MIT
"""aither-api(7) is exact: it names what the OpenAPI document names, and every command in it gives what it says."""
import json
import re
import subprocess
import unittest
from typing import Any

from stack import TOP, StackTest, wait_until
from test_manual import blocks

MANUAL = (TOP / "man" / "aither-api.7").read_text()
DOCUMENT = json.loads((TOP / "data" / "openapi.json").read_text())
TOKEN = "a-sync-token-of-good-length"


def section(name: str) -> str:
    found = re.search(rf"^\.SH {name}\n(.*?)(?=^\.SH |\Z)", MANUAL, re.M | re.S)
    assert found, name
    return found[1]


def plain(text: str) -> str:
    """Without fonts and quotes: a tag as a reader sees it."""
    return re.sub(r"\\-", "-", re.sub(r'\\f[BRI]|^\.[BIR]+ |"', "", text, flags=re.M)).replace("  ", " ")


def tags(text: str) -> list[str]:
    return [plain(tag) for tag in re.findall(r"^\.TP\n(.*)$", text, re.M)]


def follow(node: Any) -> Any:
    while "$ref" in node:
        target = DOCUMENT
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        node = target
    return node


class Completeness(unittest.TestCase):
    def documented(self) -> list[tuple[str, str, bool]]:
        return sorted((method.upper(), path, "aither-worker" in operation["x-served-by"])
                      for path, methods in DOCUMENT["paths"].items() for method, operation in methods.items())

    def test_every_call_is_described_and_no_other(self) -> None:
        found = []
        for tag in tags(section("CALLS")):
            calls, mark, _ = tag.replace("/ NAME", "/{name}").partition(" (worker)")
            for call in re.findall(r"(GET|POST) (/\S*?)(?:,|$| )", calls + " "):
                found.append((call[0], call[1], bool(mark)))
        self.assertEqual(sorted(found), self.documented())

    def test_every_parameter_is_described(self) -> None:
        for methods in DOCUMENT["paths"].values():
            for operation in methods.values():
                for parameter in map(follow, operation["parameters"]):
                    if parameter["in"] == "query":
                        self.assertIn(f"?{parameter['name']}=", MANUAL)
                    elif parameter["name"] != "Accept-Encoding":
                        self.assertIn(parameter["name"].replace("-", "\\-"), MANUAL)

    def test_every_error_is_described_with_its_statuses(self) -> None:
        source = (TOP / "src/base/error.c").read_text()
        statuses = dict(re.findall(r'\{ "([A-Z_]+)", (\d+)', source))
        found = {}
        for tag in tags(section("ERRORS")):
            code, _, rest = tag.partition(" ")
            found[code] = re.findall(r"\d+", rest)
        self.assertEqual(sorted(found), sorted(DOCUMENT["components"]["schemas"]["ErrorCode"]["enum"]))
        for code, listed in found.items():
            self.assertTrue(statuses[code] in listed or code == "MASS_DELETE_REFUSED", code)

    def test_every_member_of_a_report_is_described(self) -> None:
        schemas = DOCUMENT["components"]["schemas"]
        listed = [name for tag in tags(section("REPORT")) for name in re.findall(r"\w+", tag)]
        self.assertEqual(sorted(listed), sorted(schemas["Report"]["properties"]))


class Examples(StackTest):
    environment = {"AITHER_SYNC_TOKEN": TOKEN}

    def test_every_command_gives_what_it_says(self) -> None:
        self.sync(Authorization=f"Bearer {TOKEN}")
        sessions = [b for b in blocks(section("EXAMPLES")) if b.startswith("$ ")]
        self.assertGreater(len(sessions), 9)
        for session in sessions:
            with self.subTest(session):
                self.check(session)
            wait_until(self.is_idle, "the sync ends that was only started")

    def is_idle(self) -> bool:
        return bool(self.stack.get("/api/sync", Authorization=f"Bearer {TOKEN}").data["status"] != "running")

    def check(self, session: str) -> None:
        """Lines that begin with "$ ", with those indented below them, are commands; the others are what they print."""
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
