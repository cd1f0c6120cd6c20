# SPDX-License-Identifier: MIT
"""Every sentence that the programs can say, out of the string literals of src/. src/messages.txt lists them all, sorted, so
that messages about the same thing stand together; tests/style/update-messages writes it."""
import re

from prose import C_TOKEN, TOP

TABLE = TOP / "src/messages.txt"

# The kind of a message, by the function that takes it.
KINDS = {
    "error": {"error_set", "error_fail", "source_fail", "parser_fail", "evaluator_fail", "report"},
    "log": {"log_write", "log_event", "daemon_status"},
    "check": {"check_add", "check_set_headline"},
    "command": {"words_complain"},
}
OTHER = "text"  # parts of messages, help, mails

PROSE = re.compile(r"[A-Za-z]{2,}[,;:]? [a-z%(\"']")
MARKUP = re.compile(r"</?\w|^\s*[\w.-]+=|\\r\\n")


def literals(text: str) -> list[tuple[str, str]]:
    """Pairs of a kind and a string, neighbouring literals put together."""
    found: list[tuple[str, str]] = []
    calls: list[str] = []
    word, string = "", None
    for token in C_TOKEN.findall(text):
        if token.isspace() or token.startswith(("/*", "#")):
            continue
        if token.startswith('"'):
            string = (string or "") + token[1:-1]
            continue
        if string is not None and token.startswith("PRI"):
            string += "d"
            continue
        if string is not None:
            kinds = [kind for call in calls for kind, names in KINDS.items() if call in names]
            found.append((kinds[-1] if kinds else OTHER, string))
            string = None
        if token == "(":
            calls.append(word)
        elif token == ")" and calls:
            calls.pop()
        word = token
    return found


def messages() -> list[tuple[str, str]]:
    """All of src/, sorted, each once."""
    found = {entry for file in (TOP / "src").rglob("*.c") for entry in literals(file.read_text())}
    return sorted(entry for entry in found if PROSE.search(entry[1]) and not MARKUP.search(entry[1]))


def table() -> str:
    return "".join(f"{kind:8}{text}\n" for kind, text in messages())
