# SPDX-License-Identifier: MIT
"""The manual pages as a reader sees them: tests run their examples."""
import re
from pathlib import Path

MANUALS = Path(__file__).resolve().parent.parent / "man"
ESCAPES = {"\\e": "\\", "\\-": "-", "\\&": "", "\\(aq": "'", "\\(ga": "`", "\\(ti": "~", "\\(ha": "^", "\\(dq": '"',
           "\\(->": "→"}


def plain(text: str) -> str:
    """Converts roff to the text that a reader sees, for the requests that the manuals use."""
    return re.sub(r"\\\(..|\\.", lambda m: ESCAPES[m[0]], text)


def section(name: str, page: str) -> str:
    found = re.search(rf"^\.SH {name}\n(.*?)(?=^\.SH |\Z)", page, re.M | re.S)
    assert found, name
    return found[1]


def blocks(text: str) -> list[str]:
    """The examples, with the lines of each."""
    return [plain(b) for b in re.findall(r"^\.EX\n(.*?\n)\.EE$", text, re.M | re.S)]


def examples(page: str, name: str) -> list[str]:
    """The examples of a section, as in examples("aither.1", "EXAMPLES")."""
    return blocks(section(name, (MANUALS / page).read_text()))
