# SPDX-License-Identifier: MIT
"""The blocks of README.md that install the package, run on a booted machine by a user with sudo. Hemera is the stub, at the
address that README.md gives as an example."""
import json
import os
import re
import shutil
import tempfile
import unittest
import urllib.request
from pathlib import Path

import readme  # first: it sets the path to the others
from installation import active_units, listeners
from machine import SITE, Story, curl, essential, output, run, text_of
from stub.certificates import Authority
from stub.client import Stub
from stub.tls_front import TlsFront

ROOT = Path(os.environ["AITHER_ROOT"])
BUILD_S, STEP_S = 900, 300
COURSES = 3

blocks = [block.text for block in readme.blocks() if block.section in readme.BOOTED]
hemera: Stub


def setUpModule() -> None:
    """Hemera's name leads to this machine, which trusts the stub's certificate."""
    global hemera
    host = re.search(r"^BaseURL=https://([a-z.]+)$", readme.README.read_text(), re.M)
    assert host
    hemera = Stub("--courses", str(COURSES))
    unittest.addModuleCleanup(hemera.stop)
    directory = tempfile.TemporaryDirectory(prefix="aither-")
    unittest.addModuleCleanup(directory.cleanup)
    ca = Authority(Path(directory.name))
    front = TlsFront(hemera.port, ca.context(name=f"DNS:{host[1]}"), port=443)
    unittest.addModuleCleanup(front.close)
    shutil.copy(ca.file, ROOT / "usr/local/share/ca-certificates/test.crt")
    run("update-ca-certificates")
    with open(ROOT / "etc/hosts", "a", encoding="ascii") as hosts:
        hosts.write(f"127.0.0.1 {host[1]}\n")


def load_tests(*_: object) -> unittest.TestSuite:
    return Install.in_order()


def titles_of_hemera() -> list[str]:
    request = urllib.request.Request(f"{hemera.url}/api/service/courses", headers={"X-API-Key": hemera.key})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as reply:
        return [course["title"] for course in json.load(reply)["data"]]


def operate(text: str, seconds: float) -> str:
    """The operator agrees to the installation of packages, and types the key when set-secret asks for it."""
    answers = f"{hemera.key}\n" if "set-secret" in text else "y\n" * 10
    return readme.run("admin", text, answers, seconds)


class Install(Story):
    @essential
    def test_the_repository_is_made_and_the_package_installed_from_it(self) -> None:
        operate(blocks[0], BUILD_S)
        self.assertIn("file:/srv/aither ", output("apt-cache", "policy", "aither"))
        self.assertEqual((active_units(), listeners()), ([], ""))

    def test_no_source_is_trusted_without_its_signature(self) -> None:
        self.assertNotIn("trusted=yes", readme.README.read_text())
        run("cp", "-a", "/srv/aither/InRelease", "/root/InRelease")
        run("sed", "-i", "s/^Origin: aither/Origin: others/", "/srv/aither/InRelease")
        try:
            done = run("apt-get", "update", "-o", "APT::Update::Error-Mode=any", check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertRegex(done.stdout + done.stderr, "signature|signed")
        finally:
            run("mv", "/root/InRelease", "/srv/aither/InRelease")
        run("apt-get", "update", "-o", "APT::Update::Error-Mode=any")

    @essential
    def test_the_first_run(self) -> None:
        for text in blocks[1:]:
            operate(text, STEP_S)
        page = text_of(curl(f"{SITE}/").text)
        titles = titles_of_hemera()
        self.assertEqual(len(titles), COURSES)
        self.assertEqual([title for title in titles if title not in page], [])

    def test_status_is_good_and_the_journal_explains(self) -> None:
        run("aither", "status")
        self.assertIn("sync", run("journalctl", "-x", "-u", "aither-worker", "--no-pager").stdout)
        self.assertEqual(output("systemctl", "is-enabled", "aither.socket", "aither-sync.timer"), "enabled\nenabled")
