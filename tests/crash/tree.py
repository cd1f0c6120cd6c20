# SPDX-License-Identifier: MIT
"""The state of an output directory at one moment, and the differences permitted between two equal states."""
import functools
import json
import re
from pathlib import Path
from typing import Any, NamedTuple

MANIFEST = ".sync-manifest.json"
BAD = MANIFEST + ".bad"
LOCK = ".sync.lock"
STATE = ".state.json"
TEMPORARY = ".tmp-"

STAMP = re.compile(rb"DTSTAMP:\w+")  # the time when a course of the calendar last changed
GENERATED = re.compile(rb'<footer class="end">.*?</footer>', re.S)  # everything on a page about the time when it was made
OF_THE_SYNC = ("lastSyncAt", "durationMs", "lastSync", "lastSuccessTime")
OF_THE_ENTRY = ("updatedAt", "seenAt")


class File(NamedTuple):
    """`shown` is the content without the parts that differ from sync to sync."""

    mode: int
    raw: bytes
    shown: Any

    def is_same(self, other: "File") -> bool:
        return self.mode == other.mode and (self.raw == other.raw or self.shown == other.shown)


def shown_manifest(raw: bytes, directory: Path) -> Any:
    """For the time of a page, the result only says whether it is right. A damaged manifest is returned unchanged."""
    try:
        manifest = json.loads(raw)
    except ValueError:
        return raw
    for member in OF_THE_SYNC:
        manifest.pop(member, None)
    courses = manifest["entities"]["courses"].values()
    for entry in courses:
        for member in OF_THE_ENTRY:
            entry.pop(member, None)
    for course in manifest.get("list", {"courses": []})["courses"]:
        course.pop("changedAt", None)
    # All files share one hash; changedAt is part of it, too.
    hashes = {entry.pop("hash") for entry in manifest["site"].values()}
    manifest["hashes of the site"] = len(hashes)
    for name, entry in [*manifest["site"].items(), *((entry["outputPath"], entry) for entry in courses)]:
        page = directory / name
        entry["modifiedUs"] = page.exists() and entry["modifiedUs"] == page.stat().st_mtime_ns // 1000
    return manifest


@functools.lru_cache(200)
def shown_page(raw: bytes) -> bytes:
    return STAMP.sub(b"", GENERATED.sub(b"", raw))


def read_file(path: Path) -> File:
    raw = path.read_bytes()
    if path.name == MANIFEST:
        shown = shown_manifest(raw, path.parent)
    else:
        shown = sorted(json.loads(raw)) if path.name == STATE else shown_page(raw)  # times and counters differ
    return File(path.stat().st_mode & 0o7777, raw, shown)


def read_files(directory: Path) -> dict[str, File]:
    """Every file below the directory, by its relative path."""
    return {str(p.relative_to(directory)): read_file(p) for p in directory.rglob("*") if p.is_file()}


def is_temporary(name: str) -> bool:
    return Path(name).name.startswith((TEMPORARY, f"{STATE}.new"))


def shown_tree(directory: Path) -> dict[str, Any]:
    """The part that two directories in the same state have in common: names, modes, contents."""
    folders = [p for p in directory.rglob("*") if p.is_dir()]
    return {f"{p.relative_to(directory)}/": p.stat().st_mode & 0o7777 for p in folders} | \
           {name: (file.mode, file.shown) for name, file in read_files(directory).items()}
