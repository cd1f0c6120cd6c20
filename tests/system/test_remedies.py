# SPDX-License-Identifier: MIT
"""Broken machines, and doctor's way out of each: its report, that there is one remedy per problem, and that the machine is
healthy after a shell has run the printed commands unchanged. A script replaces the editor and writes the right text;
placeholders in capital letters are filled in, as an operator would do. Each row is printed."""
import json
import tempfile
import unittest
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from certificates import Authority
from client import Stub
from installation import KEY, KEY_FILE, SWITCHES, install, leave
from machine import run
from smtp_stub import SmtpStub
from tls_front import TlsFront

RESTART = "systemctl restart aither aither-worker"
CONF, SITE, TEMPLATES = "/etc/aither/aither.conf.d", "/etc/aither/site", "/etc/aither/templates"
OUTPUT = "/var/lib/aither/output"
DROP_INS = "/run/systemd/system"
EDITOR = "/root/edit"  # the operator's changes in the editor, as a script; $1 is the file
HOLDER = "aither-test-holder.service"
TOKEN = "token-of-the-system-test"

hemera: Stub
mail: SmtpStub
front: TlsFront
authority: str


@dataclass
class Row:
    broken: str
    by: str  # the commands that break the machine
    check: str
    status: str
    message: str
    edit: str = "exit 1"  # no remedy that opens an editor is expected
    words: dict[str, str] = field(default_factory=dict)
    typed: str = ""
    undo: str = ""  # removes traces of the remedy that would disturb the next row
    left: tuple[str, ...] = ()  # checks that warn about something else
    is_seen: bool = True  # root sees it, so it is in the first line of status


def conf(text: str, name: str = "test") -> str:
    return f"printf '{text}' >{CONF}/{name}.conf; {RESTART}"


def drop_in(unit: str, text: str) -> str:
    return (f"systemctl stop {unit}; mkdir -p {DROP_INS}/{unit}.d; printf '{text}' >{DROP_INS}/{unit}.d/50-test.conf; "
            "systemctl daemon-reload")


def rows() -> list[Row]:
    no_template = f"rm -rf {TEMPLATES}/course.hbs"
    return [
        Row("no BaseURL", f"rm {CONF}/hemera.conf; {RESTART}", "configuration", "failed", "BaseURL is not set",
            words={"https://YOUR-HEMERA": hemera.url}),
        Row("no key", f"rm {KEY_FILE}; {RESTART}", "hemera-api-key", "failed", "is not set", typed=KEY),
        Row("a wrong key", f"printf %040d 1 >{KEY_FILE}; {RESTART}", "hemera", "failed", "the key is refused", typed=KEY),
        Row("a key that is too short", f"printf short >{KEY_FILE}; {RESTART}", "configuration", "failed", "32 to 256",
            typed=KEY),
        Row("a misspelt host", conf("[Hemera]\\nBaseURL=https://hemera.invalid\\n", "hemera"), "hemera", "failed",
            "hemera.invalid", f"printf '[Hemera]\\nBaseURL={hemera.url}\\n' >$1"),
        Row("Hemera does not listen", conf("[Hemera]\\nBaseURL=http://127.0.0.1:9\\n", "zz"), "hemera", "failed",
            "127.0.0.1:9", "sed -i s,http://127.0.0.1:9," + hemera.url + ", $1", undo=f"rm {CONF}/zz.conf; {RESTART}"),
        Row("a CA that is not trusted", conf(f"[Hemera]\\nBaseURL={front.url}\\n", "hemera"), "hemera", "failed",
            "certificate",
            words={"YOUR-CA.crt": authority}, undo=conf(f"[Hemera]\\nBaseURL={hemera.url}\\n", "hemera")),
        Row("an unknown section", conf("[Hemra]\\nMaxRetries=2\\n"), "configuration", "warning", "[Hemra]",
            "sed -i s/Hemra/Hemera/ $1"),
        Row("an unknown key", conf("[Sync]\\nTimeLimit=5\\n"), "configuration", "warning", "unknown key TimeLimit",
            "sed -i s/TimeLimit/TimeLimitSec/ $1"),
        Row("a bad value in aither.conf.d", conf("[Sync]\\nTimeLimitSec=soon\\n"), "configuration", "failed",
            "TimeLimitSec=soon",
            "sed -i s/soon/50/ $1", undo=f"rm {CONF}/test.conf"),
        Row("a bad value in aither.conf", f"printf '[Sync]\\nTimeLimitSec=soon\\n' >>/etc/aither/aither.conf; {RESTART}",
            "configuration", "failed", "TimeLimitSec=soon", "sed -i -e '/Sec=soon/d' $1"),
        Row("a bad value in /etc/default/aither", f"echo NOTIFY_FAILURE_THRESHOLD=many >/etc/default/aither; {RESTART}",
            "configuration", "warning", "environment NOTIFY_FAILURE_THRESHOLD", "sed -i s/many/3/ $1",
            undo=f"rm /etc/default/aither; {RESTART}"),
        Row("a token in /etc/default/aither", f"(umask 077; echo AITHER_SYNC_TOKEN={TOKEN} >/etc/default/aither); {RESTART}",
            "configuration", "warning", "AITHER_SYNC_TOKEN", typed=TOKEN,
            undo="rm /etc/credstore/aither.sync-token /etc/default/aither; systemctl restart aither"),
        Row("a misspelt time zone", conf("[Site]\\nTimeZone=Europe/Berln\\n"), "configuration", "failed",
            "TimeZone=Europe/Berln",
            "sed -i s/Berln/Berlin/ $1"),
        Row("aither.conf cannot be read", f"chmod 600 /etc/aither/aither.conf; {RESTART}", "configuration", "failed",
            "aither.conf", is_seen=False),
        Row("a change that no daemon has read", f"printf '[Sync]\\nTimeLimitSec=40\\n' >{CONF}/test.conf", "restart",
            "warning",
            "was changed after", undo=f"rm {CONF}/test.conf; {RESTART}"),
        Row("a correction that no daemon has read",
            conf("[Sync]\\nTimeLimitSec=soon\\n") + f"; aither status; rm {CONF}/test.conf",
            "restart", "failed", "was changed after"),
        Row("a secret that is not loaded", f"mv {KEY_FILE} /root/key; {RESTART}; mv /root/key {KEY_FILE}; touch {KEY_FILE}",
            "credentials", "failed", "is stored"),
        Row("a store that others can read", "chmod 755 /etc/credstore", "credentials", "warning", "users other than root"),
        Row("an environment file that others can read", f"echo HEMERA_API_KEY={KEY} >/etc/default/aither; "
            f"chmod 644 /etc/default/aither; {RESTART}", "credentials", "warning", "users other than root",
            undo=f"rm /etc/default/aither; {RESTART}"),
        Row("a password that is too short", "cp -p /etc/credstore/aither.pages-password /root/; "
            "printf short >/etc/credstore/aither.pages-password; systemctl restart aither", "pages-password", "failed",
            "refuses the stored secret", typed="another-password-of-staff"),
        Row("the output directory has a wrong owner", f"chown root:root {OUTPUT}", "output-directory", "failed",
            "ermission denied"),
        Row("the output directory has a wrong mode", f"chmod 500 {OUTPUT}", "output-directory", "failed",
            "ermission denied"),
        Row("root has copied pages", f"chown -R root:root {OUTPUT}/public", "output-directory", "failed", "/public: "),
        Row("the output directory is outside the sandbox", conf("[Sync]\\nOutputDirectory=/srv/my pages\\n"),
            "output-directory",
            "failed", "/srv/my pages",
            undo=f"rm -r {CONF}/test.conf /etc/systemd/system/aither-worker.service.d '/srv/my pages'; "
            f"systemctl daemon-reload; {RESTART}"),
        Row("the disk is read-only", f"mount -t tmpfs -o mode=777 tmpfs {OUTPUT}; mount -o remount,ro {OUTPUT}",
            "output-directory",
            "failed", "mounted read-only", undo=f"umount {OUTPUT}; {RESTART}"),
        Row("the manifest is a directory", f"rm {OUTPUT}/.sync-manifest.json; mkdir {OUTPUT}/.sync-manifest.json",
            "manifest", "warning",
            "cannot use .sync-manifest.json"),
        Row("a template is broken", f"echo '{{{{#if x}}}}' >{TEMPLATES}/course.hbs", "templates", "failed", "course.hbs",
            "cp /usr/share/aither/templates/course.hbs $1", undo=no_template),
        Row("a template loads from elsewhere", f"echo '<img src=\"https://cdn.example/x.png\">' >{TEMPLATES}/course.hbs",
            "templates", "warning", "https://cdn.example/x.png", "sed -i s,https://cdn.example,, $1", undo=no_template),
        Row("TemplateDirectory is missing", conf("[Site]\\nTemplateDirectory=/etc/aither/tmplates\\n"), "templates",
            "warning",
            "TemplateDirectory=/etc/aither/tmplates", "sed -i s/tmplates/templates/ $1"),
        Row("FileDirectory is missing", conf("[Site]\\nFileDirectory=/etc/aither/sight\\n"), "site-files", "warning",
            "FileDirectory=/etc/aither/sight", "sed -i s/sight/site/ $1", undo=f"rm {CONF}/test.conf; {RESTART}"),
        Row("a program among the site's files", f"touch {SITE}/setup.exe", "site-files", "warning",
            "setup.exe is not served"),
        Row("a link among the site's files", f"echo hello >/root/robots.txt; ln -s /root/robots.txt {SITE}/robots.txt",
            "site-files",
            "warning", "symbolic link", undo=f"rm {SITE}/robots.txt"),
        Row("a site's file that others cannot read", f"touch {SITE}/robots.txt; chmod 600 {SITE}/robots.txt",
            "site-files", "warning",
            "cannot read it", undo=f"rm {SITE}/robots.txt"),
        Row("aither is off", "systemctl disable --now aither.socket aither-sync.timer", "aither.socket", "failed",
            "inactive"),
        Row("aither.socket is masked", "systemctl stop aither.socket; systemctl mask aither.socket", "aither.socket",
            "failed",
            "masked"),
        Row("another program has the port", f"systemctl stop aither.socket; systemd-run --unit={HOLDER} "
            "--property=ExecStartPost='sh -c \"until ss -Hltn | grep -q :3500; do :; done\"' "
            "python3 -m http.server --bind 127.0.0.1 3500; systemctl start aither.socket || true", "port", "failed",
            "is held by python3"),
        Row("no timer", "systemctl disable --now aither-sync.timer", "aither-sync.timer", "failed", "inactive"),
        Row("the timer is masked", "systemctl stop aither-sync.timer; systemctl mask aither-sync.timer",
            "aither-sync.timer", "failed",
            "masked"),
        Row("the worker's socket is dead", "systemctl stop aither-worker.socket", "aither-worker.socket", "failed",
            "inactive"),
        Row("the worker has a wrong program", drop_in("aither-worker.service",
            "[Service]\\nExecStart=\\nExecStart=/nonexistent\\n"),
            "aither-worker.service", "failed", "203/EXEC", "echo >$1"),
        Row("the worker's file cannot be used", drop_in("aither-worker.service", "[Service]\\nExecStart=\\n"),
            "aither-worker.service", "failed", "systemd cannot use its file", "echo >$1"),
        Row("aither-web has a wrong group", drop_in("aither.service", "[Service]\\nSupplementaryGroups=nonexistent\\n"),
            "aither.service", "failed", "216/GROUP", "echo >$1"),
        Row("a public socket without a token", drop_in("aither.socket", "[Socket]\\nListenStream=\\nListenStream=3500\\n") +
            "; systemctl start aither.socket aither-sync.timer", "sync-token", "warning", "is not set", left=("tls",),
            undo=f"rm -r /etc/credstore/aither.sync-token {DROP_INS}/aither.socket.d; systemctl daemon-reload; "
            "systemctl stop aither.service aither.socket; systemctl start aither.socket aither-sync.timer"),
        Row("no MailTo", f"sed -i /MailTo/d {CONF}/notify.conf; {RESTART}", "mail", "warning", "MailTo is not set",
            words={"YOUR-ADDRESS": "staff@example.org"}),
        Row("MailTo is no address", f"sed -i s/staff@example.org/staff@/ {CONF}/notify.conf; {RESTART}", "configuration",
            "warning", "MailTo",
            "sed -i s/staff@/staff@example.org/ $1"),
        Row("the mail server is away", f"sed -i s/:{mail.port}/:9/ {CONF}/notify.conf; {RESTART}", "mail", "failed",
            "127.0.0.1:9",
            f"sed -i s,:9$,:{mail.port}, $1"),
    ]


def setUpModule() -> None:
    global hemera, mail, front, authority
    unittest.addModuleCleanup(leave)
    unittest.addModuleCleanup(run, "rm", "-rf", f"{CONF}/hemera.conf", f"{CONF}/notify.conf",
        "/etc/credstore/aither.pages-password")
    hemera = Stub("--no-limit", key=KEY)
    unittest.addModuleCleanup(hemera.stop)
    mail = SmtpStub()
    unittest.addModuleCleanup(mail.stop)
    directory = tempfile.TemporaryDirectory()
    unittest.addModuleCleanup(directory.cleanup)
    ca = Authority(Path(directory.name))
    front = TlsFront(hemera.port, ca.context())
    unittest.addModuleCleanup(front.close)
    authority = "/root/test-ca.crt"
    run("tee", authority, stdin=ca.file.read_text())
    install()
    run("cp", "-p", "/etc/aither/aither.conf", "/root/aither.conf")
    make_healthy()


def make_healthy() -> None:
    """At the beginning, and after a remedy that did not help."""
    run("systemctl", "stop", HOLDER, check=False)
    run("umount", OUTPUT, check=False)
    run("sh", "-ec", f"""
        printf '#!/bin/sh -e\\n. {EDITOR}\\n' >/usr/bin/editor
        chmod 755 /usr/bin/editor
        rm -rf {CONF}/* {TEMPLATES}/* {SITE}/* /etc/default/aither /etc/credstore/* {DROP_INS}/aither*.d {OUTPUT}
        rm -rf /etc/systemd/system/aither-worker.service.d
        cp -p /root/aither.conf /etc/aither/
        printf '[Hemera]\\nBaseURL={hemera.url}\\nMaxRetries=0\\n' >{CONF}/hemera.conf
        printf '[Notify]\\nMailTo=staff@example.org\\nSMTPURL=smtp://127.0.0.1:{mail.port}\\n' >{CONF}/notify.conf
        mkdir -p {TEMPLATES} {SITE}
        chmod 700 /etc/credstore
        systemctl daemon-reload
        systemctl unmask {" ".join(SWITCHES)}
        systemctl enable --now {" ".join(SWITCHES)}
        echo {KEY} | aither set-secret hemera-api-key
        aither set-secret --generate pages-password
        systemctl restart aither.socket {RESTART.removeprefix("systemctl restart ")}
        aither sync""")


def problems(checks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [check for check in checks if check["status"] in ("warning", "failed")]


def doctor() -> tuple[int, list[dict[str, Any]]]:
    done = run("aither", "doctor", "--json", check=False)
    return done.returncode, problems(json.loads(done.stdout)["data"]["checks"])


class Remedies(unittest.TestCase):
    maxDiff = None

    def try_row(self, row: Row) -> None:
        run("sh", "-c", f"cd /root; {row.by}")
        status = run("aither", "status", check=False).stdout.partition("\n")[0]
        if row.is_seen and row.status == "failed" and row.check in ("configuration", "hemera-api-key"):
            self.assertRegex(status, "^not healthy: ")
        code, found = doctor()
        remedies = {check["remedy"] for check in found if check["name"] not in row.left}
        self.assertEqual(len(remedies), 1, found)  # one problem, one remedy
        check = found[0]
        self.assertEqual((check["name"], check["status"]), (row.check, row.status), found)
        self.assertIn(row.message, check["message"])
        self.assertEqual(code == 0, all(problem["status"] == "warning" for problem in found), found)
        remedy = str(check["remedy"])
        commands = remedy
        for word, replacement in row.words.items():
            self.assertIn(word, remedy)
            commands = commands.replace(word, replacement)
        self.assertNotRegex(commands, "YOUR-")
        run("sh", "-ec", f"cat >{EDITOR}", stdin=f"{row.edit}\n")
        done = run("sh", "-c", f"cd /root; {commands}", stdin=row.typed + "\n", check=False)
        self.assertNotIn("not found", done.stderr)
        code, after = doctor()
        healthy = code == 0 and [check["name"] for check in after] == list(row.left)
        print(f"# {row.broken} | {status} | {check['name']}: {check['message']} | {remedy!r} | {healthy}", flush=True)
        self.assertTrue(healthy, (remedy, done.stdout, done.stderr, after))

    def test_each_remedy(self) -> None:
        self.assertEqual(doctor(), (0, []))
        table = rows()
        self.assertGreaterEqual(len(table), 25)
        for row in table:
            helped = False
            with self.subTest(row.broken):
                self.try_row(row)
                helped = True
            if helped:
                run("sh", "-c", row.undo)
            else:
                make_healthy()


if __name__ == "__main__":
    unittest.main()
