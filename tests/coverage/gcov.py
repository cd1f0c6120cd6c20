# SPDX-License-Identifier: MIT
"""What gcov counted in src/, of all programs together: a header's inline function counts once, not for each user."""
import concurrent.futures
import json
import os
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterator


@dataclass
class Counts:
    """Of one source file; the keys of functions and branches tell them apart, no more."""

    lines: Counter[int] = field(default_factory=Counter)
    functions: Counter[str] = field(default_factory=Counter)
    branches: Counter[tuple[int, int]] = field(default_factory=Counter)
    function_of: dict[int, str] = field(default_factory=dict)

    def add(self, file: dict[str, Any]) -> None:
        for function in file["functions"]:
            self.functions[function["name"]] += function["execution_count"]
        for line in file["lines"]:
            number = line["line_number"]
            self.lines[number] += line["count"]
            self.function_of.setdefault(number, line.get("function_name", ""))
            for place, branch in enumerate(line["branches"]):
                self.branches[number, place] += branch["count"]


def notes(build: Path) -> dict[Path, list[Path]]:
    """What the compiler wrote of each object that is made from src/, by directory; never run is there, too."""
    found: dict[Path, list[Path]] = {}
    for file in sorted((build / "src").rglob("*.gcno")):
        found.setdefault(file.parent, []).append(file)
    return found


def documents(directory: Path, files: list[Path]) -> Iterator[Any]:
    told = subprocess.run(["gcov", "--json-format", "--stdout", "--branch-probabilities", *(f.name for f in files)],
                          cwd=directory, check=True, capture_output=True, text=True).stdout
    for line in told.splitlines():
        if line.startswith("{"):
            yield json.loads(line)


def read(top: Path, build: Path) -> dict[str, Counts]:
    """The counts by file ("src/base/buf.c")."""
    result: dict[str, Counts] = {}
    source = top / "src"
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for told in pool.map(lambda item: list(documents(*item)), notes(build).items()):
            for document in told:
                for file in document["files"]:
                    path = Path(document["current_working_directory"], file["file"]).resolve()
                    if path.is_relative_to(source):
                        result.setdefault(str(path.relative_to(top)), Counts()).add(file)
    return dict(sorted(result.items()))
