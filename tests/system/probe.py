# SPDX-License-Identifier: MIT
"""Runs inside the machine with the properties of a unit and tells what it is able to do there.

    probe.py NAME=ACTION:ARGUMENT...      prints {"uid": 1, "NAME": "ok" or the errno's name, ...}
"""
import errno
import json
import os
import socket
import sys

SECONDS = 5


def read(path: str) -> None:
    with open(path, "rb") as file:
        file.read(1)


def create(path: str) -> None:
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    os.unlink(path)


def unix(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(path)


def tcp(address: str) -> None:
    host, _, port = address.rpartition(":")
    socket.create_connection((host, int(port)), SECONDS).close()


def execute(path: str) -> None:
    child = os.posix_spawn(path, [path], {})
    os.waitpid(child, 0)


ACTIONS = {"read": read, "create": create, "unix": unix, "tcp": tcp, "execute": execute}


def attempt(action: str, argument: str) -> str:
    try:
        ACTIONS[action](argument)
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    return "ok"


def main() -> None:
    found: dict[str, object] = {"uid": os.getuid()}
    for wish in sys.argv[1:]:
        name, _, call = wish.partition("=")
        action, _, argument = call.partition(":")
        found[name] = attempt(action, argument)
    print(json.dumps(found))


main()
