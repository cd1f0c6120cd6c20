# SPDX-License-Identifier: MIT
"""Each client on the network gets at most half of the places. Runs in a private network with several addresses."""
import private

private.enter()

import fcntl
import ipaddress
import socket
import struct
import unittest
from types import SimpleNamespace

from stack import Stack, wait_until

PLACES = 16
SIOCSIFADDR = 0x8916
SERVER, CLIENT, OTHER = "192.0.2.1", "192.0.2.7", "192.0.2.9"
SERVER_6, CLIENT_6, NEIGHBOUR_6, OTHER_6 = "2001:db8:1::1", "2001:db8:7::1", "2001:db8:7::2:1", "2001:db8:9::1"
TOKEN = "a-sync-token-of-good-length"


def add_addresses() -> None:
    with socket.socket(socket.AF_INET) as any_socket, socket.socket(socket.AF_INET6) as any_socket_6:
        for number, address in enumerate((SERVER, CLIENT, OTHER)):
            name = f"lo:{number}".encode()
            packed = struct.pack("16sHH4s8x", name, socket.AF_INET, 0, socket.inet_aton(address))
            fcntl.ioctl(any_socket, SIOCSIFADDR, packed)
        for address in (SERVER_6, CLIENT_6, NEIGHBOUR_6, OTHER_6):
            packed = struct.pack("16sIi", ipaddress.ip_address(address).packed, 128, socket.if_nametoindex("lo"))
            fcntl.ioctl(any_socket_6, SIOCSIFADDR, packed)


class Places(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        add_addresses()

    def start(self, listen: str) -> None:
        nowhere = SimpleNamespace(url="http://127.0.0.1:9", key="k" * 32)
        self.stack = Stack(nowhere, f"[Web]\nMaxConnections={PLACES}\n", {"AITHER_SYNC_TOKEN": TOKEN})
        self.addCleanup(lambda: self.assertEqual(self.stack.stop(), []))
        self.stack.start_web(listen)

    def connect(self, server: str, client: str) -> socket.socket:
        address = ipaddress.ip_address(client)
        connection = socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET)
        self.addCleanup(connection.close)
        connection.settimeout(30)
        connection.bind((client, 0))
        connection.connect((server, self.stack.port))
        return connection

    def is_served(self, connection: socket.socket) -> bool:
        try:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            return connection.recv(4096).startswith(b"HTTP/1.1 200 ")
        except ConnectionError:
            return False

    def served(self, server: str, client: str) -> int:
        """Returns how many of PLACES connections that are opened at once get an answer."""
        connections = [self.connect(server, client) for _ in range(PLACES)]
        return sum(self.is_served(connection) for connection in connections)

    def refused(self) -> int:
        connection = self.connect(SERVER, OTHER)
        connection.sendall(b"GET /metrics HTTP/1.0\r\nAuthorization: Bearer " + TOKEN.encode() + b"\r\n\r\n")
        text = b""
        while more := connection.recv(65536):
            text += more
        value = [line for line in text.splitlines() if line.startswith(b"aither_http_connections_refused_total ")]
        return int(value[0].split()[1])

    def test_an_address_gets_half_and_another_one_is_served(self) -> None:
        self.start("0.0.0.0")
        self.assertEqual(self.served(SERVER, CLIENT), PLACES // 2)
        self.assertTrue(self.is_served(self.connect(SERVER, OTHER)))
        self.assertFalse(self.is_served(self.connect(SERVER, CLIENT)))
        self.assertEqual(self.refused(), PLACES // 2 + 1)

    def test_a_proxy_on_this_machine_may_have_all(self) -> None:
        self.start("0.0.0.0")
        self.assertEqual(self.served("127.0.0.1", "127.0.0.1"), PLACES)

    def test_a_network_of_64_bits_is_one_client(self) -> None:
        self.start("[::]")
        kept = [self.connect(SERVER_6, CLIENT_6) for _ in range(PLACES // 2)]
        wait_until(lambda: all(self.is_served(connection) for connection in kept[:1]), "the first is served")
        self.assertFalse(self.is_served(self.connect(SERVER_6, NEIGHBOUR_6)))
        self.assertTrue(self.is_served(self.connect(SERVER_6, OTHER_6)))

    def test_a_place_that_is_free_again_can_be_had(self) -> None:
        self.start("0.0.0.0")
        kept = [self.connect(SERVER, CLIENT) for _ in range(PLACES // 2)]
        self.assertTrue(self.is_served(kept[-1]))
        self.assertFalse(self.is_served(self.connect(SERVER, CLIENT)))
        kept.pop().close()
        wait_until(lambda: self.is_served(self.connect(SERVER, CLIENT)), "one more is served")


if __name__ == "__main__":
    unittest.main()
