# SPDX-License-Identifier: MIT
"""A pseudo-terminal with a program in it, and a user who types.

    with Terminal([BUILD / "aither", "sync"], environment) as terminal:
        terminal.wait_for("fetch")
        terminal.type("\\x03")
        self.assertEqual(terminal.end(), -signal.SIGINT)
        print(terminal.output, terminal.stdout)

The program's stdin and stderr are the terminal; its stdout is a pipe.
"""
import fcntl
import os
import re
import select
import struct
import subprocess
import termios
import threading
import time
from pathlib import Path

from stack import PATIENCE_S

WIPE = "\r\x1b[K"


class Terminal:
    def __init__(self, arguments: list[str | Path], environment: dict[str, str], columns: int = 80):
        self.output = ""
        self.stdout = ""
        self._master, self._slave = os.openpty()
        self.resize(columns)
        self.process = subprocess.Popen(
            arguments, env={"TERM": "xterm"} | environment, stdin=self._slave, stderr=self._slave,
            stdout=subprocess.PIPE, text=True, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))  # so that Ctrl-C is a signal
        self._reader = threading.Thread(target=self._read_stdout, daemon=True)
        self._reader.start()

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._reader.join(PATIENCE_S)
        assert self.process.stdout
        self.process.stdout.close()
        os.close(self._master)
        os.close(self._slave)

    def _read_stdout(self) -> None:
        assert self.process.stdout
        self.stdout = self.process.stdout.read()

    def _read(self, timeout_s: float) -> bool:
        if not select.select([self._master], [], [], timeout_s)[0]:
            return False
        self.output += os.read(self._master, 65536).decode()
        return True

    def wait_for(self, pattern: str, begin: int = 0) -> re.Match[str]:
        """Returns the first match of the pattern in the output from `begin` on, waiting for it if needed."""
        deadline = time.monotonic() + PATIENCE_S
        while not (match := re.compile(pattern).search(self.output, begin)):
            if not self._read(0.1) and (self.process.poll() is not None or time.monotonic() > deadline):
                raise AssertionError(f"the terminal never showed {pattern!r}: {self.output!r}")
        return match

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def resize(self, columns: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def echoes(self) -> bool:
        """Does the terminal echo what is typed? It outlives the program, so this shows in which state the program left
        it."""
        return bool(termios.tcgetattr(self._slave)[3] & termios.ECHO)

    def end(self) -> int:
        """Returns the exit code (negative: killed by that signal); after that, all output is there."""
        code = self.process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        while self._read(0):
            pass
        return code

    @property
    def drawn(self) -> list[str]:
        """The lines that were drawn over each other, without colours."""
        return [re.sub(r"\x1b\[\d*m", "", part) for part in self.output.split(WIPE)]
