# SPDX-License-Identifier: MIT
"""What a program can check of plain English and German: spelling, words and patterns that a native speaker would not
use, the length of sentences in the manuals, and the form of messages."""
import re
import shutil
import subprocess
import unittest
from pathlib import Path
from typing import Iterator

import messages
import prose
from prose import TOP

SENTENCE_WORDS_MAX = 40
WORDS = TOP / "tests/style/words.txt"            # names and terms that an English dictionary lacks
GERMAN_WORDS = TOP / "tests/style/woerter.txt"
GERMAN = {"units/aither.de.catalog", "templates/texts.de.json"}

# Patterns, each with what to write instead. STYLE: name the thing, subject first, the field's words.
STOP_LIST = {
    r"^(What|Who|Whoever|Whatever) (?!if\b)(?:\w+ ){1,12}?(?!.*\?$)": "a noun as the subject, not a clause without a head",
    r"^Those (that|who|which|with|of|from|to|in|for|whose)\b": "the noun itself",
    r"^That (the|a|an|it|no|there|this|these|its|we|nothing)\b": "a noun, or: The fact that",
    r"\b[Mm](end|ends|ended|ending)\b(?! of)": "fix",
    r"(?<!user )\b([Nn]obody|[Ss]omebody|[Aa]nybody)\b": "no one, someone, or the program's name",
    r"\banew\b": "again, from scratch",
    r"\b[Ww]hoever\b|\b[Ww]homever\b": "the client, any user",
    r"\bby (chance|luck)\b": "at random, sometimes",
    r"\bat present\b": "now, currently",
    r"\b(to|be|is|are|was) told (so|of|on|by)\b": "reported, logged",
    r"\btells? (how|whether|of|what|why|so|when|which)\b": "says, reports, shows",
    r"\bNot well\b|\bhow it (goes on|is)\b(?=[.,;:]|$)": "the state or the progress, by name",
    r"\b(wherein|whereof|thereof|therein|whereby|wherefrom)\b": "in which, of which, its",
    r"\bwould have it\b|\bhas to be had\b|\bhave to be had\b": "needs",
    r"\bsuffic(e|es|ed)\b": "be enough",
}


FOLDERS = (".ci", "data", "debian", "man", "packaging", "src", "templates", "tests", "units")
NOT_OURS = r"debian/aither/|debian/copyright$|tests/(data|fuzz/corpus)/|.*/node_modules/|tests/style/test_prose\.py"
SUFFIXES = {"", ".Debian", ".c", ".catalog", ".cfg", ".conf", ".h", ".in", ".md", ".mjs", ".postrm", ".py", ".yml",
            *(f".{section}" for section in range(1, 9))}


def files() -> Iterator[Path]:
    """Of this project, with sentences in them; without what a build makes."""
    found = [*TOP.glob("*.md"), *(TOP / name for name in ("NEWS", "dev", "bootstrap", "configure.ac", "Makefile.am")),
             *(file for folder in FOLDERS for file in (TOP / folder).rglob("*") if file.suffix in SUFFIXES)]
    for file in sorted(file for file in found if file.is_file()):
        if not re.match(NOT_OURS, str(file.relative_to(TOP))) and b"\0" not in file.read_bytes()[:1000]:
            yield file


class Prose(unittest.TestCase):
    def test_nothing_of_the_stop_list_is_written(self) -> None:
        wrong = []
        for file in files():
            if str(file.relative_to(TOP)) in GERMAN:
                continue
            for line, passage in prose.of_file(file):
                for sentence in prose.sentences(passage):
                    wrong += [f"{file.relative_to(TOP)}:{line}: {found[0]!r} ({better}): {sentence[:100]}"
                              for pattern, better in STOP_LIST.items() if (found := re.search(pattern, sentence))]
        self.assertEqual(wrong, [], "\n".join(wrong))

    def test_no_sentence_of_a_manual_is_too_long(self) -> None:
        wrong = [f"{file.name}:{line}: {words} words: {sentence[:100]}"
                 for file in sorted((TOP / "man").glob("*.[1-8]")) for line, passage in prose.of_file(file)
                 for sentence in prose.sentences(passage) if (words := len(sentence.split())) > SENTENCE_WORDS_MAX]
        self.assertEqual(wrong, [], "\n".join(wrong))

    def test_all_kinds_of_files_are_read(self) -> None:
        names = {str(file.relative_to(TOP)) for file in files()}
        self.assertLess({"README.md", "NEWS", "dev", "man/aither.1", "src/base/error.h", "units/aither.catalog", "data/aither.conf",
                         "tests/contract/stack.py", "tests/system/run", "debian/README.Debian"}, names)
        self.assertGreater(len(names), 400)

    def test_the_patterns_find_what_they_are_for(self) -> None:
        """Of each kind a sentence that was once in this project, or could have been."""
        for sentence in ("What is due is kept in the manifest.", "Who asks in between gets the old page.",
                         "Those that failed are tried again.", "That the page is gone says nothing.",
                         "What stands below each is the way to mend it.", "It is told on standard error.",
                         "The counters begin anew.", "Nobody looks at it.", "Makes a token by chance."):
            self.assertTrue(any(re.search(pattern, sentence) for pattern in STOP_LIST), sentence)
        for sentence in ("That is why the file is read twice.", "What does a sync cost?", "Those pages stay.",
                         "The sync ends after 50 seconds."):
            self.assertFalse(any(re.search(pattern, sentence) for pattern in STOP_LIST), sentence)


# Names and code in prose, which no dictionary has; and words with letters that aspell's English does not know.
CODE = re.compile(r"""`[^`]*`|"[^"]*"|(?<!\w)'[^'\s]*'\w*|\{\{.*?\}\}|\S*[_/\\=<>{}\[\]|@#$%^*~+]\S*|\S+:\S+|\b\w+\(\S*
                      |--?\w[\w-]*|\b\w*\d\w*\b|\b\w*[a-z][A-Z]\w*|\b[A-Z]{2,}(?:'?s)?\b|\b[\w-]+\.\w[\w.-]*
                      |\w*[^\x00-\xff\W]\w*""", re.X)


@unittest.skipUnless(shutil.which("aspell"), "aspell is not installed")
class Spelling(unittest.TestCase):
    def unknown(self, text: str, language: str, known: Path) -> list[str]:
        """Words that neither aspell's dictionary nor the project's list has, without the genitive."""
        dictionaries = subprocess.run(["aspell", "dump", "dicts"], capture_output=True, text=True, check=True).stdout
        if language not in dictionaries.split():
            self.skipTest(f"aspell has no dictionary for {language}")
        done = subprocess.run(["aspell", "list", f"--lang={language}", "--encoding=utf-8", "--ignore=2"], input=text,
                              capture_output=True, text=True, check=True)
        allowed = {word.lower() for word in known.read_text().splitlines() if not word.startswith("#")}
        return sorted({word for word in done.stdout.split()
                       if word.lower().removesuffix("'s").removesuffix("’s") not in allowed})

    def test_english(self) -> None:
        passages = [passage for file in files() if str(file.relative_to(TOP)) not in GERMAN
                    for _, passage in prose.of_file(file)]
        passages += [re.sub(r"\\[nrt\"]|%[-.*\d]*(?:l*[a-z]|%)", " ", text) for _, text in messages.messages()]
        passages.append((TOP / "templates/texts.en.json").read_text().split(None, 1)[1].replace('"', " "))
        text = "\n".join(CODE.sub(" ", passage) for passage in passages)
        self.assertEqual(self.unknown(text, "en_GB", WORDS), [])

    def test_german(self) -> None:
        catalog = [passage for _, passage in prose.of_file(TOP / "units/aither.de.catalog")]
        page = re.findall(r': "(.*)"', (TOP / "templates/texts.de.json").read_text())
        text = "\n".join(CODE.sub(" ", passage) for passage in catalog + page)
        self.assertEqual(self.unknown(text, "de_DE", GERMAN_WORDS), [])

    def test_a_mistake_is_found(self) -> None:
        self.assertEqual(self.unknown("The sycn of Hemera's list.", "en_GB", WORDS), ["sycn"])

    def test_the_lists_are_sorted_and_have_no_word_twice(self) -> None:
        for known in (WORDS, GERMAN_WORDS):
            words = [word for word in known.read_text().splitlines() if not word.startswith("#")]
            self.assertEqual(words, sorted(set(words), key=str.lower), known.name)


class Messages(unittest.TestCase):
    """src/messages.txt has every sentence that the programs can say; those that report a problem follow one pattern."""

    def of_problems(self) -> list[str]:
        return [text for kind, text in messages.messages() if kind != messages.OTHER]

    def test_the_table_is_up_to_date(self) -> None:
        self.assertGreater(len(self.of_problems()), 300)
        self.assertEqual(messages.TABLE.read_text(), messages.table(), "run tests/style/update-messages")

    def test_an_action_that_failed_is_reported_in_one_way(self) -> None:
        """cannot VERB OBJECT: REASON."""
        other = r"\b(could not|couldn't|can't|unable to|failed to|won't|doesn't|please|sorry)\b"
        self.assertEqual([text for text in self.of_problems() if re.search(other, text, re.I)], [])
        self.assertEqual([text for text in self.of_problems() if ": %m" in text and "cannot " not in text], [])

    def test_a_message_is_no_sentence_with_a_full_stop(self) -> None:
        """It is part of a line that begins with the program or the file."""
        self.assertEqual([text for text in self.of_problems() if re.search(r"[^.]\.$", text)], [])
        names = r"[A-Z][\w.]*[A-Z_=]|(Hemera|Rollbar)('s)?\b|[A-Z][a-z]+ [A-Z]\w+"  # keys, sections and products
        self.assertEqual([text for text in self.of_problems() if re.match(r"[A-Z]", text) and not re.match(names, text)], [])

    def test_messages_are_in_plain_english(self) -> None:
        self.assertEqual([(text, found[0]) for _, text in messages.messages() for pattern in STOP_LIST
                          if (found := re.search(pattern, text))], [])


if __name__ == "__main__":
    unittest.main()
