# SPDX-License-Identifier: MIT
"""Runs inside the machine with the properties of a unit and reports what it is able to do there.

    probe.py NAME=ACTION[:ARGUMENT]...      prints {"uid": 1, "NAME": "ok", an errno's name or the result, ...}
"""
import ctypes
import errno
import json
import mmap
import os
import socket
import stat
import sys
from typing import Iterator

SECONDS = 1  # after this time, a connection without an answer counts as ETIMEDOUT
CLONE_NEWUSER = 0x10000000
ADDR_NO_RANDOMIZE = 0x0040000
PTRACE_TRACEME = 0

libc = ctypes.CDLL(None, use_errno=True)


def checked(result: int) -> int:
    if result == -1:
        raise OSError(ctypes.get_errno(), "")
    return result


def read(path: str) -> None:
    with open(path, "rb") as file:
        file.read(1)


def enter(path: str) -> None:
    os.listdir(path)


def create(path: str) -> None:
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    os.unlink(path)


def can_create_in(directory: str) -> bool:
    try:
        create(f"{directory}/probe")
    except OSError:
        return False
    return True


def can_open_to_write(path: str) -> bool:
    """Plain files only: opening a device or a pipe has effects of its own. Since systemd 254, a service may also ask, in its
    own control group, for notifications about memory pressure; that changes nothing."""
    try:
        if path.startswith("/sys/fs/cgroup/") and path.endswith("/aither-probe.service/memory.pressure"):
            return False
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return False
        os.close(os.open(path, os.O_WRONLY | os.O_NOFOLLOW))
    except OSError:
        return False
    return True


def writable_below(top: str) -> Iterator[str]:
    for directory, names, files in os.walk(top):
        if directory == "/":
            names.remove("proc")  # a process may always change some values of its own there
        if can_create_in(directory):
            yield directory
        yield from (path for name in files if can_open_to_write(path := os.path.join(directory, name)))


def writable(top: str) -> str:
    return " ".join(sorted(writable_below(top)))


def unix(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(path)


def ask(order: str) -> str:
    """METHOD,TARGET: sends the request to the socket that the unit's program knows as the worker's; returns the status."""
    method, _, target = order.partition(",")
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(60)
        peer.connect("/run/aither/worker.sock")
        peer.sendall(f"{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        return peer.recv(100).split()[1].decode()


def names(directory: str) -> str:
    return " ".join(sorted(os.listdir(directory)))


def tcp(address: str) -> None:
    host, _, port = address.rpartition(":")
    socket.create_connection((host, int(port)), SECONDS).close()


def udp(address: str) -> None:
    host, _, port = address.rpartition(":")
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.sendto(b"x", (host, int(port)))


def family(name: str) -> None:
    socket.socket(getattr(socket, name), socket.SOCK_RAW).close()


def wait_for(child: int) -> None:
    if os.waitpid(child, 0)[1] != 0:
        raise OSError(errno.ECHILD, "it ran, but could not do its work")


def execute(path: str) -> None:
    wait_for(os.posix_spawn(path, [path], {}))


def execute_by_loader(path: str) -> None:
    """Runs a program that may only be read: the dynamic loader may be executed, because it is a library, too."""
    loader = os.path.realpath("/usr/bin/ld.so")
    wait_for(os.posix_spawn(loader, [loader, path], {}))


def execute_from_memory(path: str) -> None:
    """Runs a program that is not in any file system."""
    memory = os.memfd_create("probe", 0)
    with open(path, "rb") as program:
        os.write(memory, program.read())
    wait_for(os.posix_spawn(f"/proc/self/fd/{memory}", [path], {}))


def write_and_execute_memory(_: str) -> None:
    mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()


def set_user_id_bit(path: str) -> None:
    os.chmod(path, 0o4755)


def new_namespace(_: str) -> None:
    checked(libc.unshare(CLONE_NEWUSER))


def change_personality(_: str) -> None:
    checked(libc.personality(ADDR_NO_RANDOMIZE))


def be_traced(_: str) -> None:
    checked(libc.ptrace(PTRACE_TRACEME, 0, 0, 0))


def shared_memory(key: str) -> None:
    checked(libc.shmget(int(key, 0), 0, 0))


def lower_priority(_: str) -> None:
    os.nice(1)


def status(name: str) -> str:
    with open("/proc/self/status", encoding="ascii") as lines:
        return next(line.split()[1] for line in lines if line.startswith(name + ":"))


ACTIONS = {function.__name__: function for function in (
    read, enter, names, create, writable, unix, ask, tcp, udp, family, execute, execute_by_loader, execute_from_memory,
    write_and_execute_memory, set_user_id_bit, new_namespace, change_personality, be_traced, shared_memory,
    lower_priority, status)}


def attempt(action: str, argument: str) -> str:
    try:
        return ACTIONS[action](argument) or "ok"
    except TimeoutError:
        return "ETIMEDOUT"
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))


def main() -> None:
    found: dict[str, object] = {"uid": os.getuid()}
    for order in sys.argv[1:]:
        name, _, call = order.partition("=")
        action, _, argument = call.partition(":")
        found[name] = attempt(action, argument)
    print(json.dumps(found))


main()
