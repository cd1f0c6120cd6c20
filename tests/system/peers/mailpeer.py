# SPDX-License-Identifier: MIT
"""Debian's mail servers beside aither: doctor's report about each, and a mail that arrives in a mailbox."""
import email
import email.message
import email.policy
import json
import mailbox
import re
import subprocess
import unittest
from typing import Any

from client import Stub
from installation import configure, first_run_of_module
from machine import Story, first_process, run, wait_until, write

ARRIVAL_S = 60
OPERATOR, DEPUTY = "jane", "deputy"  # users of the machine; root's mail goes to the first


def first_run_with_users() -> Stub:
    """For setUpModule."""
    for user in (OPERATOR, DEPUTY):
        run("useradd", "--create-home", user)
    write("/etc/aliases", f"postmaster: root\nroot: {OPERATOR}\n")
    write("/etc/mailname", "example.org\n")
    hemera = first_run_of_module()
    unittest.addModuleCleanup(hemera.reset)
    return hemera


class MailStory(Story):
    hemera: Stub

    def use(self, *lines: str) -> None:
        """Writes lines of [Notify], and anything that follows them."""
        configure(self.hemera, "[Notify]", "FailureThreshold=1", *lines)

    def check(self) -> dict[str, Any]:
        """Doctor's check of the mail server."""
        document = json.loads(run("aither", "doctor", "--json", check=False).stdout)
        found = [check for check in document["data"]["checks"] if check["name"] == "mail"]
        self.assertEqual(len(found), 1, found)
        print(f"# doctor: mail: {found[0]['status']}: {found[0]['message']}")
        return found[0]

    def assert_accepted(self) -> None:
        check = self.check()
        self.assertEqual((check["status"], check["remedy"]), ("ok", None))

    def check_without(self, service: str) -> dict[str, Any]:
        """Doctor's check when the service has been stopped. Its processes may end after systemctl has returned."""
        run("systemctl", "stop", service)

        def failed() -> dict[str, Any] | None:
            check = self.check()
            return check if check["status"] == "failed" else None
        return wait_until(failed, ARRIVAL_S, f"{service} no longer accepts mail")

    def follow(self, remedy: str) -> None:
        """Runs the remedy. A server that it starts may need a moment until it listens."""
        run("sh", "-ec", remedy)
        wait_until(lambda: self.check()["status"] == "ok", ARRIVAL_S, "the mail server accepts mail")

    def test_mail(self) -> "subprocess.CompletedProcess[str]":
        done = run("aither", "test-mail", check=False)
        for line in (done.stdout + done.stderr).splitlines():
            print(f"# test-mail: {line}")
        return done

    def send(self) -> str:
        """Sends a test mail that must be accepted for all recipients; returns its Message-ID."""
        done = self.test_mail()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        found = re.search(r"Message-ID (<\S+>)", done.stdout)
        assert found
        return found[1]

    def refused(self, exit_code: int) -> str:
        done = self.test_mail()
        self.assertEqual(done.returncode, exit_code, done.stderr)
        return done.stderr

    def assert_arrives(self, user: str, message_id: str) -> email.message.EmailMessage:
        return wait_until(lambda: {str(m["Message-ID"]): m for m in mails(user)}.get(message_id), ARRIVAL_S,
                          f"{message_id} in the mailbox of {user}")


def mails(user: str) -> list[email.message.EmailMessage]:
    """The mails in the user's mailbox, oldest first."""
    try:
        box = mailbox.mbox(f"/proc/{first_process()}/root/var/mail/{user}", create=False)
    except mailbox.NoSuchMailboxError:
        return []
    try:
        return [email.message_from_bytes(m.as_bytes(), policy=email.policy.default) for m in box]  # type: ignore[misc]
    finally:
        box.close()


def has_port(port: int) -> bool:
    return f":{port} " in run("ss", "--no-header", "--listening", "--tcp", "--numeric").stdout
