# SPDX-License-Identifier: MIT
"""The list of the lines that no test reaches, and what gcov says of them.

The list (tests/coverage/unreached) is made of reasons with the lines that each is the reason for:

    never: the kernel always has it
    <tab>src/base/x.c: x_open: if (fd < 0) return -errno;
    sometimes: only when a signal arrives in the middle of the call
    <tab>src/base/x.c: x_read: continue;

A line is named by its file, its function and its text, so that it is found again when others move. The line above
is part of the text where it says under which condition; "#2" at the end means the second of its kind in a function.
Lines under "never" must stay unreached, those under "sometimes" may be reached: it takes luck, or another machine.
"""
import re
from collections import Counter
from pathlib import Path
from typing import Iterator

from gcov import Counts

KINDS = ("never", "sometimes")
NO_REASON = "never: REASON MISSING"
REACHED = ": is reached"  # ends such a complaint
TEXT_MAX = 100  # of what a line is called
# A statement begins on the line above when that does not end one.
ENDED = re.compile(r"(^|[;{}:]|\*/)$|^#")
CONDITION = re.compile(r"^(\} )?(if|else|for|while|switch|do)\b|^(case\b.*|default):$")


def shortened(line: str) -> str:
    """Without comment and indentation."""
    return re.sub(r"\s*/\*.*?(\*/|$)", "", line).strip()


def texts(source: list[str], counts: Counts) -> dict[int, str]:
    """What each line that gcov counts is called, by number: "function: text"."""
    names: dict[int, str] = {}
    seen: Counter[str] = Counter()
    for number in sorted(counts.lines):
        text = shortened(source[number - 1])
        above = shortened(source[number - 2])
        if not ENDED.search(above) or CONDITION.search(above):
            text = f"{above} {text}"
        name = f"{counts.function_of[number]}: {text[:TEXT_MAX].strip()}"
        seen[name] += 1
        names[number] = f"{name} #{seen[name]}" if seen[name] > 1 else name
    return names


def split(top: Path, coverage: dict[str, Counts]) -> tuple[dict[str, int], set[str]]:
    """The unreached lines with their numbers, in the order of the source; the reached ones."""
    unreached: dict[str, int] = {}
    reached: set[str] = set()
    for file, counts in coverage.items():
        for number, name in texts((top / file).read_text().splitlines(), counts).items():
            if counts.lines[number]:
                reached.add(f"{file}: {name}")
            else:
                unreached[f"{file}: {name}"] = number
    return unreached, reached


class List:
    """What the file says: every reason with its lines."""

    def __init__(self, text: str):
        self.head: list[str] = []
        self.sections: dict[str, list[str]] = {}
        section: list[str] | None = None
        for line in text.splitlines():
            if line.startswith("\t"):
                if section is None:
                    raise ValueError(f"a line without a reason: {line}")
                section.append(line.strip())
            elif line.partition(":")[0] in KINDS:
                section = self.sections.setdefault(line, [])
            elif section is None:
                self.head.append(line)
            elif line:
                raise ValueError(f"neither a reason nor a line: {line}")

    def lines(self) -> Iterator[tuple[str, str]]:
        """Every line with its reason."""
        for reason, lines in self.sections.items():
            yield from ((line, reason) for line in lines)

    def complaints(self, unreached: dict[str, int], reached: set[str]) -> tuple[list[str], list[str]]:
        """What is missing in the list; what is too much in it."""
        listed = [line for line, _ in self.lines()]
        missing = [line for line in unreached if line not in listed] + self.sections.get(NO_REASON, [])
        wrong = [f"{line}: listed twice" for line, times in Counter(listed).items() if times > 1]
        for line, reason in self.lines():
            if line in reached and reason.startswith("never"):
                wrong.append(line + REACHED)
            elif line not in reached and line not in unreached:
                wrong.append(f"{line}: is not in the source")
        return missing, wrong

    def update(self, unreached: dict[str, int], reached: set[str]) -> None:
        """Takes out what is reached or gone, and adds what is missing."""
        for reason, lines in self.sections.items():
            gone = reached if reason.startswith("never") else set()
            lines[:] = [line for line in dict.fromkeys(lines) if line not in gone and line in reached | {*unreached}]
        listed = {line for line, _ in self.lines()}
        self.sections.setdefault(NO_REASON, []).extend(line for line in unreached if line not in listed)
        self.sections = {reason: lines for reason, lines in self.sections.items() if lines}

    def text(self) -> str:
        sections = ("\n".join([reason, *(f"\t{line}" for line in lines)]) for reason, lines in self.sections.items())
        return "\n\n".join(["\n".join(self.head).strip(), *sections]) + "\n"
