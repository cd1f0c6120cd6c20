# SPDX-License-Identifier: MIT
"""A TLS front for a test's server that has no TLS itself, with everything that can be wrong about TLS.

    front = TlsFront(hemera.port, ca.context())     decrypts and passes everything on to hemera's port
    front.url                                       https://localhost:PORT
    front.context = ca.context(valid=(-2, -1))     from the next connection on
    front.context = PLAIN                           HTTP without TLS, HANG: never answers, CUT: half a handshake
    front.requests                                  bytes that clients have sent inside TLS (or without), piece by piece
    front.close()

A client that refuses the certificate leaves nothing in `requests`.
"""
import socket
import ssl
import threading
from typing import Literal

PLAIN, HANG, CUT = "plain", "hang", "cut"
Fault = Literal["plain", "hang", "cut"]


class TlsFront:
    def __init__(self, target: int, context: ssl.SSLContext | Fault, address: str = "127.0.0.1", port: int = 0):
        self.context = context
        self.requests: list[bytes] = []
        self.connections = 0
        self._target = target
        self._open: set[socket.socket] = set()
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._listener = socket.create_server((address, port), family=family, backlog=64)
        self.port = self._listener.getsockname()[1]
        self.url = f"https://localhost:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        try:
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes up accept()
        except OSError:
            pass  # already closed
        self._listener.close()
        for connection in list(self._open):
            self._end(connection)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection, self.context), daemon=True).start()

    def _serve(self, connection: socket.socket, context: ssl.SSLContext | Fault) -> None:
        self._open.add(connection)
        try:
            if context == HANG:
                while connection.recv(65536):
                    pass
            elif context == CUT:
                connection.recv(65536)
                connection.sendall(b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03")  # the beginning of a ServerHello
            elif context == PLAIN:
                self.requests.append(connection.recv(65536))
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            elif isinstance(context, ssl.SSLContext):
                with context.wrap_socket(connection, server_side=True) as encrypted:
                    self._open.add(encrypted)
                    self._forward(encrypted)
        except OSError:
            pass  # the client has gone: most tests are about exactly that
        finally:
            self._end(connection)

    def _forward(self, client: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", self._target)) as server:
            back = threading.Thread(target=self._copy, args=(server, client), daemon=True)
            back.start()
            self._copy(client, server, self.requests)
            back.join()

    @staticmethod
    def _copy(source: socket.socket, target: socket.socket, log: list[bytes] | None = None) -> None:
        try:
            while piece := source.recv(65536):
                if log is not None:
                    log.append(piece)
                target.sendall(piece)
        except OSError:
            pass
        try:
            target.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def _end(self, connection: socket.socket) -> None:
        try:
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        connection.close()
        self._open.discard(connection)
