# SPDX-License-Identifier: MIT
"""A name server for tests, on UDP.

    dns = DnsStub("127.0.0.1", 53)
    dns.names["hemera.test"] = ["127.0.0.1", "::1"]     addresses, or an empty list
    dns.names["hemera.test"] = NXDOMAIN                 or SERVFAIL, or SILENT for no answer
    dns.delay_s = 3.0                                   delays each answer from now on
    dns.wait_for_question()                             returns the next name that a client queries
    dns.forget_questions()                              discards the names queried so far
    dns.close()

Every other name does not exist.
"""
import ipaddress
import queue
import socket
import struct
import threading

NXDOMAIN, SERVFAIL, SILENT = "nxdomain", "servfail", "silent"
A, AAAA = 1, 28
RESPONSE = 0x8580  # an authoritative answer to a query that asked for recursion
CODES = {SERVFAIL: 2, NXDOMAIN: 3}
PATIENCE_S = 30  # the longest wait for a query that must come, on a very busy machine


class DnsStub:
    def __init__(self, address: str, port: int):
        self.names: dict[str, list[str] | str] = {}
        self.delay_s = 0.0
        self._questions: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._timers: list[threading.Timer] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, port))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        address = self._socket.getsockname()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", address)  # not a query: ends the thread
        self._thread.join()
        for timer in self._timers:
            timer.cancel()
        self._socket.close()

    def wait_for_question(self) -> str:
        return self._questions.get(timeout=PATIENCE_S)

    def forget_questions(self) -> list[str]:
        names = []
        while not self._questions.empty():
            names.append(self._questions.get())
        return names

    def _serve(self) -> None:
        while True:
            message, client = self._socket.recvfrom(4096)
            if not message:
                return
            name, kind, question = self._read(message)
            self._questions.put(name)
            known = self.names.get(name, NXDOMAIN)
            if known == SILENT:
                continue
            answer = self._answer(message[:2], question, kind, known)
            timer = threading.Timer(self.delay_s, self._send, (answer, client))
            timer.daemon = True
            self._timers.append(timer)
            timer.start()

    def _send(self, answer: bytes, client: tuple[str, int]) -> None:
        try:
            self._socket.sendto(answer, client)
        except OSError:
            pass  # the stub is closed, or the client has gone

    @staticmethod
    def _read(message: bytes) -> tuple[str, int, bytes]:
        """Returns the name and the type of the query, and the bytes of its question."""
        labels, at = [], 12
        while length := message[at]:
            labels.append(message[at + 1:at + 1 + length].decode("ascii"))
            at += 1 + length
        kind, = struct.unpack_from("!H", message, at + 1)
        return ".".join(labels).lower(), kind, message[12:at + 5]

    @staticmethod
    def _answer(number: bytes, question: bytes, kind: int, known: list[str] | str) -> bytes:
        addresses = [] if isinstance(known, str) else [ipaddress.ip_address(a) for a in known]
        found = [a.packed for a in addresses if kind == (AAAA if a.version == 6 else A)]
        code = CODES[known] if isinstance(known, str) else 0
        records = b"".join(struct.pack("!HHHIH", 0xc00c, kind, 1, 0, len(a)) + a for a in found)
        return number + struct.pack("!HHHHH", RESPONSE | code, 1, len(found), 0, 0) + question + records
