# SPDX-License-Identifier: MIT
"""The example drop-ins as they are installed, in use; and the journal's explanations."""
import re
import unittest

from client import Stub
from installation import EVENT, KEY_FILE, first_run_of_module
from machine import curl, journal, output, run, show, wait_until, write

EXAMPLES = "/usr/share/doc/aither/examples"
TOKEN = "a-sync-token-of-good-length"
HERE, FOREIGN = "192.0.2.10", "198.51.100.7"  # the example's address, and an address that it does not allow
PUBLIC = f"http://{HERE}:3500"

hemera: Stub


def setUpModule() -> None:
    global hemera
    hemera = first_run_of_module()


class Examples(unittest.TestCase):
    def use(self, name: str, without: str = "\0") -> None:
        """Installs the example where its first line says, optionally without one of its lines."""
        text = output("cat", f"{EXAMPLES}/{name}").replace(without, "#")
        found = re.match(r"# To: (/etc/systemd/system/\S+)\n", text)
        assert found
        write(found[1], text + "\n")
        self.addCleanup(run, "systemctl", "daemon-reload")
        self.addCleanup(run, "rm", "-f", found[1])
        run("systemctl", "daemon-reload")

    def test_public_listening(self) -> None:
        for address in (HERE, FOREIGN):
            run("ip", "address", "add", f"{address}/32", "dev", "lo")
            self.addCleanup(run, "ip", "address", "del", f"{address}/32", "dev", "lo")
        run("aither", "set-secret", "sync-token", stdin=TOKEN)
        self.addCleanup(run, "rm", "-f", "/etc/credstore/aither.sync-token")
        self.addCleanup(run, "systemctl", "restart", "aither.socket")
        self.use("socket-public.conf")
        run("systemctl", "restart", "aither.socket")
        self.assertEqual(curl(f"{PUBLIC}/").status, 200)
        self.assertEqual(curl("http://localhost:3500/").status, 200)
        refused = run("curl", "--silent", "--max-time", "3", "--interface", FOREIGN, f"{PUBLIC}/", check=False)
        self.assertEqual(refused.returncode, 28, "no answer at all")
        self.check_the_journal()

    def check_the_journal(self) -> None:
        """A wrong token is logged with the client's address, and explained."""
        answer = curl("--header", "Authorization: Bearer wrong", "--request", "POST", f"{PUBLIC}/api/sync")
        self.assertEqual(answer.status, 401)
        entries = wait_until(lambda: journal("_SYSTEMD_UNIT=aither.service", f"MESSAGE_ID={EVENT}0a"), 30, "the event")
        self.assertEqual([entry["AITHER_REMOTE_ADDR"] for entry in entries], [HERE])
        explained = output("journalctl", "--catalog", "--output=short", f"MESSAGE_ID={EVENT}0a")
        self.assertIn(f"a wrong token from {HERE}: POST /api/sync", explained)
        self.assertIn(f"Command: journalctl AITHER_REMOTE_ADDR={HERE}", explained)

    def test_an_encrypted_key(self) -> None:
        encrypted = KEY_FILE.replace("/etc/credstore/", "/etc/credstore.encrypted/")
        run("mkdir", "-p", "-m", "700", "/etc/credstore.encrypted")
        run("systemd-creds", "encrypt", "--with-key=host", "--name=aither.hemera-api-key", "-", encrypted,
            stdin=hemera.key)
        self.addCleanup(run, "systemctl", "try-restart", "aither-worker.service")
        self.addCleanup(run, "rm", "-f", encrypted)
        self.addCleanup(run, "aither", "set-secret", "hemera-api-key", stdin=hemera.key)
        run("rm", KEY_FILE)
        self.use("worker-encrypted.conf")
        run("systemctl", "restart", "aither-worker.service")
        run("aither", "sync")

    def test_a_list_of_addresses_for_the_worker(self) -> None:
        self.addCleanup(run, "systemctl", "try-restart", "aither-worker.service")
        self.use("worker-allow-list.conf")
        run("systemctl", "restart", "aither-worker.service")
        self.assertIn("192.0.2.80", show("aither-worker.service", "IPAddressAllow"))
        run("aither", "sync")
        self.use("worker-allow-list.conf", without="IPAddressAllow=localhost")
        run("systemctl", "restart", "aither-worker.service")
        self.assertIn("HEMERA_UNREACHABLE", run("aither", "sync", "--json", check=False).stdout)


if __name__ == "__main__":
    unittest.main()
