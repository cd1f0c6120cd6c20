# SPDX-License-Identifier: MIT
"""Makes the directories beside this file with version 0.1.0 itself, see README.md:

    AITHER_BUILDDIR=OLD/build PYTHONPATH=OLD/tests:OLD/tests/contract python3 make.py

where OLD is a checkout of the last commit of version 0.1.0, built in OLD/build: the stub, the stack and the
programs are those of that version.
"""
import json
import shutil
from pathlib import Path

from stack import Stack
from stub.client import Stub

HERE = Path(__file__).resolve().parent


def make(role: str) -> None:
    with Stub("--courses", "0", "--no-limit") as hemera:
        hemera.scenario(courses=json.loads((HERE / "courses.json").read_text()))
        stack = Stack(hemera, f"MaxRetries=0\n[Site]\nCoursePages={role}\n").start()
        for _ in range(2):
            assert stack.post("/api/sync").status == 200
        hemera.scenario(fault={"path": "/api/service/courses", "kind": "status", "status": 503, "count": -1})
        for _ in range(3):
            assert stack.post("/api/sync").status == 502
        status = stack.get("/api/sync/status").data
        shutil.rmtree(HERE / role, ignore_errors=True)
        shutil.copytree(stack.output, HERE / role)
        assert stack.stop() == []
    (HERE / f"{role}.status.json").write_text(json.dumps(status, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    for each in ("private", "public"):
        make(each)
