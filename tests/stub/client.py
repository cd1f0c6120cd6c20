# SPDX-License-Identifier: MIT
"""Start the stub Hemera from a test and steer it.

    with Stub("--courses", "20", "--participants", "3") as hemera:
        hemera.scenario(fault={"path": "/api/service/courses", "kind": "status", "status": 503})
        ... point the program under test at hemera.url with hemera.key ...
        self.assertEqual([r["status"] for r in hemera.requests()], [503, 200])

The arguments are those of hemera_stub.py, the members of a scenario are documented there.
"""
import json
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

DEFAULT_KEY = "stub-hemera-test-key-0123456789abcdef"  # the key that the stub accepts without --key
TIMEOUT_S = 30  # for a request to the control interface, on a very busy machine


OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Forker:
    """The process that starts the stubs, one for this whole process; see forker.py."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: "subprocess.Popen[str] | None" = None

    def ask(self, order: list[str] | int) -> str:
        with self._lock:
            if not self._process:
                program = str(Path(__file__).resolve().with_name("forker.py"))
                self._process = subprocess.Popen([sys.executable, program], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                                 text=True)
            assert self._process.stdin and self._process.stdout
            print(json.dumps(order), file=self._process.stdin, flush=True)
            return self._process.stdout.readline()


FORKER = Forker()


class Stub:
    """A running stub on a free port of 127.0.0.1; `url` does not end with a slash."""

    def __init__(self, *arguments: str, key: str = DEFAULT_KEY):
        self.key = key
        pid, _, line = FORKER.ask(["--listen", "127.0.0.1:0", "--key", key, *arguments]).partition(" ")
        self._pid: int | None = int(pid)
        if not line.startswith("listening on "):
            self.stop()
            raise RuntimeError("the stub did not start")
        self.url = line.split()[-1]

    def __enter__(self) -> "Stub":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def scenario(self, **members: Any) -> None:
        """Changes the state; raises ValueError with the stub's explanation if the stub does not accept the scenario."""
        self._call("POST", "scenario", json.dumps(members).encode())

    def requests(self, path: str = "") -> list[dict[str, Any]]:
        """The requests seen, oldest first; with `path`, only those whose path begins with it."""
        seen = json.loads(self._call("GET", "requests"))
        return [entry for entry in seen if entry["path"].startswith(path)]

    def clear_requests(self) -> None:
        self._call("POST", "requests/clear")

    def reset(self) -> None:
        """Restores the state after the start, with an empty log of requests."""
        self._call("POST", "reset")

    def stop(self) -> None:
        """Ends the process; may be called twice."""
        pid, self._pid = self._pid, None
        if pid:
            FORKER.ask(pid)

    def _call(self, method: str, call: str, body: bytes | None = None) -> bytes:
        request = urllib.request.Request(f"{self.url}/_stub/{call}", body, method=method)
        try:
            with OPENER.open(request, timeout=TIMEOUT_S) as reply:
                return reply.read()
        except urllib.error.HTTPError as error:
            raise ValueError(json.loads(error.read())["error"]) from None
