# SPDX-License-Identifier: MIT
"""A private network for a test file: it has only a loopback device, every port is free, and the name server is whichever
program listens at 127.0.0.1:53.

    import private
    private.enter()     at the beginning of the file, before anything else runs

Starts the file's process again inside new namespaces, as root or, where the kernel permits it, as root of a user
namespace; elsewhere the file is skipped.
"""
import fcntl
import os
import socket
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

MARK = "AITHER_TEST_PRIVATE"
WAYS = (("unshare", "--net", "--mount"), ("unshare", "--net", "--mount", "--user", "--map-root-user"))
FILES = {
    "/etc/resolv.conf": "nameserver 127.0.0.1\n",
    # "played" is tests/contract/nss-played.c, found through LD_LIBRARY_PATH
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files played dns\n",
    "/etc/hosts": "# not even localhost\n",
}
CACHES = ("/run/nscd", "/run/systemd/resolve")  # these would answer instead
SIOCSIFFLAGS, IFF_UP, IFF_RUNNING = 0x8914, 0x1, 0x40


def enter() -> None:
    if MARK not in os.environ:
        for way in WAYS:
            if subprocess.run([*way, sys.executable, __file__], capture_output=True).returncode == 0:
                os.execvpe(way[0], [*way, sys.executable, *sys.orig_argv[1:]], {**os.environ, MARK: "1"})
        raise unittest.SkipTest("no namespaces for a network and a name server of its own")
    furnish()


def furnish() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP | IFF_RUNNING))
    with tempfile.TemporaryDirectory() as directory:
        for number, (path, text) in enumerate(FILES.items()):
            ours = Path(directory) / str(number)
            ours.write_text(text)
            subprocess.run(["mount", "--bind", ours, Path(path).resolve(strict=True)], check=True)
    for cache in CACHES:
        if Path(cache).is_dir():
            subprocess.run(["mount", "-t", "tmpfs", "none", cache], check=True)


if __name__ == "__main__":
    furnish()
