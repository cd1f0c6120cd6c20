# SPDX-License-Identifier: MIT
"""Starts stubs for client.py by fork(2), because a new Python process takes 0.15 s of processor time per stub, mostly for
imports.

A line of input is either a JSON array with the arguments of a stub, answered with the stub's process id and its first line,
or the process id of a stub to end, answered when it has ended. At the end of the input all stubs end.
"""
import json
import os
import signal
import sys

import hemera_stub


def start(arguments: list[str]) -> tuple[int, str]:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.dup2(writer, sys.stdout.fileno())
            for descriptor in (reader, writer, sys.stdin.fileno()):
                os.close(descriptor)
            hemera_stub.main(arguments)
        finally:
            os._exit(1)
    os.close(writer)
    with open(reader, encoding="utf-8") as output:
        return pid, output.readline().strip()


def end(pid: int) -> None:
    os.kill(pid, signal.SIGTERM)
    os.waitpid(pid, 0)


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the test, which closes this input
    running = set()
    for line in sys.stdin:
        order = json.loads(line)
        if isinstance(order, int):
            running.remove(order)
            end(order)
            print(flush=True)
        else:
            pid, said = start(order)
            running.add(pid)
            print(pid, said, flush=True)
    for pid in running:
        end(pid)


if __name__ == "__main__":
    main()
