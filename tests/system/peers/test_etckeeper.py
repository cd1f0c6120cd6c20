# SPDX-License-Identifier: MIT
"""etckeeper keeps the secrets out of git once it is configured as aither.conf(5) says."""
# Packages: etckeeper git
import unittest

import roff
from installation import first_run_of_module
from machine import output, run, write

KEEP_OUT, = roff.examples("aither.conf.5", "SECRETS")
OLD, NEW = "a-sync-token-of-good-length", "another-token-of-good-length"


def setUpModule() -> None:
    first_run_of_module()
    unittest.addModuleCleanup(run, "rm", "-rf", "/etc/credstore/aither.sync-token", "/etc/default/aither")


def commits_with(text: str) -> int:
    return len(output("git", "-C", "/etc", "log", "--oneline", f"-S{text}").splitlines())


class Etckeeper(unittest.TestCase):
    def test_a_new_secret_is_in_no_commit(self) -> None:
        run("aither", "set-secret", "sync-token", stdin=OLD)
        run("etckeeper", "commit", "with a secret")
        self.assertEqual(commits_with(OLD), 1)
        run("bash", "-ec", KEEP_OUT)
        run("aither", "set-secret", "sync-token", stdin=NEW)
        write("/etc/default/aither", f"SMTP_PASS={NEW}\n")
        write("/etc/aither/site/robots.txt", "User-agent: *\n")
        run("etckeeper", "commit", "with another secret")
        self.assertEqual(commits_with(NEW), 0)
        tracked = output("git", "-C", "/etc", "ls-files", "credstore", "default/aither", "aither/site").splitlines()
        self.assertEqual(tracked, ["aither/site/robots.txt"])
        self.assertEqual(output("cat", "/etc/credstore/aither.sync-token"), NEW)


if __name__ == "__main__":
    unittest.main()
