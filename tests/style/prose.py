# SPDX-License-Identifier: MIT
"""The sentences that people read, out of the files of this project: comments, docstrings, manuals, Markdown and the
messages of the programs. Every function returns pairs of a line number, from 1, and a text."""
import ast
import io
import re
import tokenize
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]

Passages = list[tuple[int, str]]

# Comments, strings, characters, white space, directives of the preprocessor, words; then anything else, byte by byte.
C_TOKEN = re.compile(r'/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'|\s+|^#[^\n]*(?:\\\n[^\n]*)*|\w+|.', re.S | re.M)
CODE_BLOCK = re.compile(r"^```.*?^```$", re.S | re.M)


def line_of(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1


def c_comments(text: str) -> Passages:
    """Comments that only a line break separates are one passage."""
    return [(line_of(text, found.start()), re.sub(r"\s*\n\s*\*?\s*", " ", found[0][2:-2]).strip())
            for found in re.finditer(r"/\*.*?\*/", text, re.S) if not found[0].startswith("/* SPDX")]


def python_texts(text: str) -> Passages:
    """Docstrings, and comments: those of neighbouring lines are one passage."""
    found: Passages = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and (docstring := ast.get_docstring(node)):
            found.append((node.body[0].lineno, docstring.replace("\n", " ")))
    return found + hash_comments(text, {token.start[0] for token in tokenize.generate_tokens(io.StringIO(text).readline)
                                        if token.type == tokenize.COMMENT})


def hash_comments(text: str, lines: set[int] | None = None) -> Passages:
    """Comments of shell, make, units and configuration files that have a line to themselves."""
    found: Passages = []
    previous = -1
    for number, line in enumerate(text.splitlines(), 1):
        comment = re.match(r"\s*#+ (.*)", line)
        if not comment or "SPDX" in line or (lines is not None and number not in lines):
            continue
        if found and previous == number - 1:
            found[-1] = (found[-1][0], f"{found[-1][1]} {comment[1]}")
        else:
            found.append((number, comment[1]))
        previous = number
    return found


def markdown(text: str) -> Passages:
    """Paragraphs, points and rows, without code and without addresses of links."""
    text = CODE_BLOCK.sub(lambda block: "\n" * block[0].count("\n"), text)
    text = re.sub(r"`[^`]*`", "X", re.sub(r"\]\([^)]*\)", "]", text))
    return [(line_of(text, found.start()), " ".join(found[0].split()))
            for found in re.finditer(r"(?:^(?![|#]).+\n?)(?:^(?![|*#-]|\d+\.).+\n?)*|^[|#].*$", text, re.M)]


ROFF_ESCAPES = {r"\-": "-", r"\&": "", r"\(aq": "'", r"\(dq": '"', r"\e": "\\", r"\ ": " "}
ROFF_FONT = re.compile(r"\\f(?:B[^\\]*(?:\\[^f][^\\]*)*\\f[RPI]|.)")


def roff_line(macro: str, rest: str) -> str:
    """The text of a line that a macro of fonts has; names in bold become X, so that only words are left."""
    words = [a or b for a, b in re.findall(r'"([^"]*)"|(\S+)', rest)]
    if macro in ("B", "SB"):
        return "X"
    if macro in ("BR", "BI", "RB", "IR", "RI", "IB"):
        fonts = macro * len(words)
        return "".join("X" if fonts[i] == "B" else word for i, word in enumerate(words))
    return " ".join(words)


def roff(text: str) -> Passages:
    """Paragraphs of a manual page, without examples, tables and tags. A sentence begins on a line of its own."""
    found: Passages = []
    skipping = ""
    is_open = is_tag = False
    for number, line in enumerate(text.splitlines(), 1):
        macro, rest = (re.match(r"[.'](\S*)\s*(.*)", line) or re.match(r"()(.*)", line)).groups()  # type: ignore[union-attr]
        if skipping:
            skipping = "" if macro == skipping else skipping
            continue
        if macro in ("EX", "TS", "nf"):
            skipping = {"EX": "EE", "TS": "TE", "nf": "fi"}[macro]
            is_open = False
            continue
        if macro and macro not in ("B", "I", "BR", "BI", "RB", "IR", "RI", "IB", "SB"):
            is_open, is_tag = False, macro in ("TP", "TQ")
            continue
        if line.startswith((".\\", "'\\")):
            continue
        if is_tag:
            is_tag = False
            continue
        shown = roff_line(macro, rest) if macro else ROFF_FONT.sub(lambda f: "X" if len(f[0]) > 3 else "", rest)
        for escape, plain in ROFF_ESCAPES.items():
            shown = shown.replace(escape, plain)
        if is_open and not re.search(r"[.!?:]\)?$", found[-1][1]):
            found[-1] = (found[-1][0], f"{found[-1][1]} {shown}")
        else:
            found.append((number, shown))
            is_open = True
    return found


def of_file(file: Path) -> Passages:
    """The prose of any file of the project; nothing for types without."""
    text = file.read_text()
    if file.suffix in (".c", ".h", ".mjs", ".js"):
        return c_comments(text) + (line_comments(text) if file.suffix in (".mjs", ".js") else [])
    if file.suffix == ".py" or text.startswith("#!/usr/bin/python3"):
        return python_texts(text)
    if file.suffix == ".md" or file.name.startswith("README") or file.name == "NEWS":
        return markdown(text)
    if re.fullmatch(r"\.[1-8]", file.suffix):
        return roff(text)
    if file.suffix == ".catalog":
        return hash_comments(text) + [(number, passage) for number, passage in markdown(text)
                                      if not passage.startswith(("#", "--"))]
    return hash_comments(text)


def line_comments(text: str) -> Passages:
    return [(line_of(text, found.start()), found[1]) for found in re.finditer(r"^\s*// (.*)$", text, re.M)]


def sentences(passage: str) -> list[str]:
    return [s for s in re.split(r"(?<=[.!?])\)? +(?=[A-Z(\"])", passage) if s]
