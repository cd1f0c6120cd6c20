# SPDX-License-Identifier: MIT
"""How unreached lines are named and compared with the list; and that the list of this tree can be read."""
import unittest
from collections import Counter
from pathlib import Path

from gcov import Counts
from unreached import NO_REASON, List, texts

SOURCE = """\
static int f(int fd)
{
\tif (fd < 0) /* never */
\t\treturn -errno;
\tif (fd > 9 ||
\t\tfd == 7)
\t\treturn -errno;
\tif (fd == 3) {
\t\tg();
\t\treturn h(fd,
\t\t\t1);
\t}
\treturn 0;
\treturn 0;
}
"""
NAMES = {4: "f: if (fd < 0) return -errno;", 7: "f: fd == 7) return -errno;", 9: "f: if (fd == 3) { g();",
         11: "f: return h(fd, 1);", 13: "f: return 0;", 14: "f: return 0; #2"}
LIST = """\
# What it is.

never: it cannot be
\ta.c: f: one();
\ta.c: f: two();

sometimes: by luck
\tb.c: g: three();
"""


class Names(unittest.TestCase):
    def test_a_line_is_called_by_its_function_its_condition_and_its_text(self) -> None:
        counts = Counts(lines=Counter({number: 0 for number in NAMES}), function_of={number: "f" for number in NAMES})
        counts.lines.update({number: 0 for number in NAMES})
        self.assertEqual(texts(SOURCE.splitlines(), counts), NAMES)


class Listed(unittest.TestCase):
    def complaints(self, unreached: list[str], reached: set[str], text: str = LIST) -> tuple[list[str], list[str]]:
        return List(text).complaints({line: 1 for line in unreached}, reached)

    def test_what_is_listed_and_unreached_is_fine(self) -> None:
        every = ["a.c: f: one();", "a.c: f: two();", "b.c: g: three();"]
        self.assertEqual(self.complaints(every, set()), ([], []))
        self.assertEqual(self.complaints(every[:2], {every[2]}), ([], []))

    def test_everything_else_is_named(self) -> None:
        missing, wrong = self.complaints(["a.c: f: one();", "c.c: h: four();"], {"a.c: f: two();"})
        self.assertEqual(missing, ["c.c: h: four();"])
        self.assertEqual(wrong, ["a.c: f: two();: is reached", "b.c: g: three();: is not in the source"])
        self.assertEqual(self.complaints(["x"], set(), "never: a\n\tx\n\nnever: b\n\tx\n")[1], ["x: listed twice"])
        self.assertEqual(self.complaints(["x"], set(), f"{NO_REASON}\n\tx\n")[0], ["x"])
        for text in ("\tx\n", "never: a\nx\n"):
            self.assertRaises(ValueError, List, text)

    def test_it_can_be_brought_up_to_date(self) -> None:
        listed = List(LIST)
        self.assertEqual(listed.text(), LIST)
        listed.update({"a.c: f: one();": 1, "c.c: h: four();": 1}, {"a.c: f: two();", "b.c: g: three();"})
        self.assertEqual(listed.text(), LIST.replace("\ta.c: f: two();\n", "") + f"\n{NO_REASON}\n\tc.c: h: four();\n")

    def test_the_list_of_this_tree_has_a_reason_for_each_line(self) -> None:
        listed = List((Path(__file__).parent / "unreached").read_text())
        self.assertNotIn(NO_REASON, listed.sections)
        self.assertEqual([reason for reason, lines in listed.sections.items() if not lines], [])


if __name__ == "__main__":
    unittest.main()
