# SPDX-License-Identifier: MIT
"""A system bus on which a simulated systemd gives the answers that a test has set, for programs that use sd-bus.

    with SystemdStub({"aither.socket": {"LoadState": "loaded", "ActiveState": "active"}}) as systemd:
        subprocess.run([...], env={"DBUS_SYSTEM_BUS_ADDRESS": systemd.address})

It knows Hello, Properties.GetAll of units and Manager.ListUnitsByPatterns, and speaks just enough of the wire protocol
(dbus.freedesktop.org/doc/dbus-specification.html): little-endian, one client at a time, no signals. Values: a text is "s", a
number "t", MainPID and NRestarts "u", ExecMainCode and ExecMainStatus "i", a list of pairs "a(ss)", IPAddressDeny (family,
bytes and length of each) "a(iayu)". A unit that is not named is not found. A list of units in place of one gives the states
from one call to the next; the last one stays. `silent`: accepts connections and never answers.
"""
import fnmatch
import re
import socket
import struct
import tempfile
import threading
from pathlib import Path
from typing import Any

MANAGER = "/org/freedesktop/systemd1"
NOT_FOUND = {"LoadState": "not-found", "ActiveState": "inactive", "SubState": "dead", "UnitFileState": ""}
CALL, REPLY, ERROR = 1, 2, 3  # message types
PATH, MEMBER, ERROR_NAME, REPLY_SERIAL, SENDER, SIGNATURE = 1, 3, 4, 5, 7, 8  # header fields


def unit(active: str, sub: str, file: str = "enabled", **more: Any) -> dict[str, Any]:
    return {"LoadState": "loaded", "ActiveState": active, "SubState": sub, "UnitFileState": file, **more}


def installed(web: list[str], worker: str, next_run_us: int) -> dict[str, Any]:
    """The units of a running aither; `web` and `worker` are the addresses on which its sockets listen."""
    return {
        "aither.socket": unit("active", "listening", Listen=[("Stream", address) for address in web]),
        "aither-worker-web.socket": unit("active", "listening", "static"),
        "aither-worker.socket": unit("active", "listening", "static", Listen=[("Stream", worker)]),
        "aither-sync.timer": unit("active", "waiting", NextElapseUSecRealtime=next_run_us),
        "aither.service": unit("active", "running", "static"),
        "aither-worker.service": unit("active", "running", "static"),
        "aither-sync.service": unit("inactive", "dead", "static"),
    }


class Writer:
    """Marshals values one after the other, each aligned to its size."""

    def __init__(self) -> None:
        self.data = bytearray()

    def align(self, size: int) -> None:
        self.data += bytes(-len(self.data) % size)

    def number(self, value: int, form: str = "<I") -> None:
        self.align(struct.calcsize(form))
        self.data += struct.pack(form, value)

    def text(self, value: str) -> None:
        self.number(len(value.encode()))
        self.data += value.encode() + b"\0"

    def signature(self, value: str) -> None:
        self.data += bytes([len(value)]) + value.encode() + b"\0"

    def array(self, alignment: int, items: list[Any], write: Any) -> None:
        """The length excludes the padding before the first item."""
        self.number(0)
        at = len(self.data) - 4
        self.align(alignment)
        start = len(self.data)
        for item in items:
            self.align(alignment)
            write(item)
        struct.pack_into("<I", self.data, at, len(self.data) - start)

    def pair(self, pair: tuple[str, str]) -> None:
        self.text(pair[0])
        self.text(pair[1])

    def prefix(self, prefix: tuple[int, bytes, int]) -> None:
        family, address, length = prefix
        self.number(family, "<i")
        self.array(1, list(address), self.data.append)
        self.number(length)

    def property(self, item: tuple[str, Any]) -> None:
        name, value = item
        self.text(name)
        if isinstance(value, str):
            self.signature("s")
            self.text(value)
        elif isinstance(value, int):
            form = {"MainPID": "u", "NRestarts": "u", "ExecMainCode": "i", "ExecMainStatus": "i"}.get(name, "t")
            self.signature(form)
            self.number(value, {"u": "<I", "i": "<i", "t": "<Q"}[form])
        elif name == "IPAddressDeny":
            self.signature("a(iayu)")
            self.array(8, value, self.prefix)
        else:
            self.signature("a(ss)")
            self.array(8, value, self.pair)


class Reader:
    """Unmarshals values, as far as this stub needs it."""

    def __init__(self, data: bytes):
        self.data, self.at = data, 0

    def align(self, size: int) -> None:
        self.at += -self.at % size

    def number(self) -> int:
        self.align(4)
        self.at += 4
        return struct.unpack_from("<I", self.data, self.at - 4)[0]

    def text(self) -> str:
        length = self.number()
        self.at += length + 1
        return self.data[self.at - length - 1:self.at - 1].decode()

    def signature(self) -> str:
        length = self.data[self.at]
        self.at += length + 2
        return self.data[self.at - length - 1:self.at - 1].decode()

    def texts(self) -> list[str]:
        end = self.number() + self.at
        found = []
        while self.at < end:
            found.append(self.text())
        return found


def message(kind: int, serial: int, fields: list[tuple[int, str, Any]], body: bytes) -> bytes:
    out = Writer()
    out.data += struct.pack("<cBBBII", b"l", kind, 0, 1, len(body), serial)

    def field(item: tuple[int, str, Any]) -> None:
        code, form, value = item
        out.data.append(code)
        out.signature(form)
        {"u": out.number, "s": out.text, "g": out.signature}[form](value)
    out.array(8, fields, field)
    out.align(8)
    return bytes(out.data) + body


class Client:
    """One connection."""

    def __init__(self, connection: socket.socket, units: dict[str, Any]):
        self.connection, self.units, self.serial = connection, units, 0
        self.stream = connection.makefile("rb")

    def authenticate(self) -> None:
        answers = {"AUTH": "DATA", "DATA": "OK 0123456789abcdef0123456789abcdef",
                   "NEGOTIATE_UNIX_FD": "AGREE_UNIX_FD"}
        while (word := self.stream.readline().lstrip(b"\0").split()) and word[0] != b"BEGIN":
            self.connection.sendall(answers[word[0].decode()].encode() + b"\r\n")

    def serve(self) -> None:
        self.authenticate()
        while len(head := self.stream.read(16)) == 16:
            body_length, serial, fields_length = struct.unpack_from("<III", head, 4)
            fields = Reader(head[12:] + self.stream.read(fields_length + -fields_length % 8))
            found = self.read_fields(fields, fields_length)
            self.answer(serial, found, Reader(self.stream.read(body_length)))

    def read_fields(self, reader: Reader, length: int) -> dict[int, Any]:
        """In a message, the header's array begins at offset 16, a multiple of 8; in `reader`, at offset 4."""
        found: dict[int, Any] = {}
        reader = Reader(reader.data[4:4 + length])
        while reader.at < length:
            reader.align(8)
            code = reader.data[reader.at]
            reader.at += 1
            form = reader.signature()
            found[code] = reader.number() if form == "u" else \
                reader.signature() if form == "g" else reader.text()
        return found

    def answer(self, serial: int, fields: dict[int, Any], body: Reader) -> None:
        out = Writer()
        self.serial += 1
        head: list[tuple[int, str, Any]] = [(REPLY_SERIAL, "u", serial), (SENDER, "s", "org.freedesktop.DBus")]
        if fields[MEMBER] == "Hello":
            form = "s"
            out.text(":1.1")
        elif fields[MEMBER] == "GetAll":
            form = "a{sv}"
            escaped = fields[PATH].rsplit("/", 1)[1]
            name = re.sub("_([0-9a-f]{2})", lambda m: chr(int(m[1], 16)), escaped)
            unit = self.units.get(name, {})
            if isinstance(unit, list):
                unit = unit.pop(0) if len(unit) > 1 else unit[0]
            out.array(8, list((NOT_FOUND | unit).items()), out.property)
        elif fields[MEMBER] == "ListUnitsByPatterns":
            form = "a(ssssssouso)"
            body.texts()  # states
            patterns = body.texts()
            names = [n for n in self.units if any(fnmatch.fnmatch(n, p) for p in patterns)]
            out.array(8, names, lambda name: self.list_row(out, name))
        else:
            self.connection.sendall(message(ERROR, self.serial, [
                *head, (ERROR_NAME, "s", "org.freedesktop.DBus.Error.UnknownMethod")], b""))
            return
        self.connection.sendall(message(REPLY, self.serial, [*head, (SIGNATURE, "g", form)], bytes(out.data)))

    def list_row(self, out: Writer, name: str) -> None:
        unit = NOT_FOUND | self.units[name]
        for text in (name, "", unit["LoadState"], unit["ActiveState"], unit["SubState"], "", MANAGER + "/unit/x"):
            out.text(text)
        out.number(0)
        out.text("")
        out.text("/")


class SystemdStub:
    def __init__(self, units: dict[str, Any], silent: bool = False):
        self.units = units
        self.silent = silent
        self._directory = tempfile.TemporaryDirectory(prefix="aither-bus-")
        path = Path(self._directory.name) / "bus"
        self.address = f"unix:path={path}"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._connections: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            if not self.silent:
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            Client(connection, self.units).serve()
        except OSError:
            pass  # the client has gone

    def __enter__(self) -> "SystemdStub":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._connections:
            connection.close()
        self._directory.cleanup()
