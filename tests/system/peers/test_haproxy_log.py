# SPDX-License-Identifier: MIT
# Packages: caddy fail2ban iptables nftables nginx-light python3-systemd
"""fail2ban reads the lines that haproxy, configured as in the example, writes into the journal. tests/system/test_haproxy.py
tests two machines behind haproxy."""
import unittest

from client import Stub
from machine import Story, essential, run, wait_until, write
from proxies import BEARER, CURL, HOST, ask, check_the_ban, example, set_up, start_fail2ban

hemera: Stub


def setUpModule() -> None:
    global hemera
    hemera = set_up()
    unittest.addModuleCleanup(run, "systemctl", "stop", "haproxy.service", "fail2ban.service", check=False)


def load_tests(*_: object) -> unittest.TestSuite:
    return HaproxyLog.in_order()


class HaproxyLog(Story):
    @essential
    def test_the_example_is_taken(self) -> None:
        path, text = example("haproxy.cfg")
        for there, here in (("192.0.2.11:3500", "127.0.0.1:3500"), ("192.0.2.12:3500", "127.0.0.1:3500"),
                            ("\tbind :::443 v6only", "#"), ("\tbind :::80 v6only", "#")):
            self.assertIn(there, text)
            text = text.replace(there, here)
        write(path, text)
        run("haproxy", "-c", "-f", path)
        run("systemctl", "restart", "haproxy.service")
        wait_until(lambda: run("curl", *CURL, f"https://{HOST}/", check=False).returncode == 0, 30, "haproxy answers")
        self.assertEqual(ask("/metrics", *BEARER).status, 404)

    def test_fail2ban_shuts_out_who_guesses(self) -> None:
        start_fail2ban("journal")
        check_the_ban(self)


if __name__ == "__main__":
    unittest.main()
