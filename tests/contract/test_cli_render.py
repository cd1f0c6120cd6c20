# SPDX-License-Identifier: MIT
"""`aither render`: its output, and the positions in its error messages."""
import os
import re
import shutil
import socket
import subprocess
import tempfile
import unittest
import unittest.mock
from pathlib import Path

from stack import BUILD, TOP
from terminal import Terminal


class Render(unittest.TestCase):
    """The command needs no daemon, and from the configuration only the time zone and TemplateDirectory."""

    def setUp(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="aither-"))
        self.addCleanup(shutil.rmtree, self.directory)
        self.write("aither.conf", f"[Site]\nTimeZone=Europe/Berlin\nTemplateDirectory={self.directory}/own\n")

    def write(self, name: str, content: str | bytes) -> None:
        path = self.directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def run_render(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        environment = {"AITHER_SHIPPED_TEMPLATES": str(TOP / "templates")} | os.environ
        return subprocess.run([BUILD / "aither", "--config=aither.conf", "render", *arguments], text=True,
                              cwd=self.directory, env=environment, capture_output=True, timeout=60, input=stdin)

    def render(self, template: str | bytes, data: str | bytes, *more: str) -> subprocess.CompletedProcess[str]:
        self.write("a.hbs", template)
        self.write("data.json", data)
        return self.run_render("--template", "a.hbs", "--data", "data.json", *more)

    def assert_refused(self, done: subprocess.CompletedProcess[str], sentence: str) -> None:
        self.assertEqual((done.returncode, done.stdout), (65, ""))
        self.assertRegex(done.stderr, rf"\Aaither: {sentence}[^\n]*\n\Z")

    def test_a_template_is_filled(self) -> None:
        self.write("parts/rest.hbs", ", {{#each list}}{{this}}{{/each}}")
        done = self.render("Hallo {{name}}{{> rest}}\n", '{"name":"<Welt>","list":[1,2]}', "--partials=parts")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "Hallo &lt;Welt&gt;, 12\n", ""))

    def test_byte_order_marks_are_skipped(self) -> None:
        self.write("parts/rest.hbs", "\ufeff, {{t \"language\"}}")
        done = self.render("\ufeffHallo {{name}}{{> rest}}\n", '\ufeff{"name":"Welt"}', "--partials=parts")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "Hallo Welt, de\n", ""))

    def test_a_full_disk_is_a_failure(self) -> None:
        self.write("a.hbs", "page")
        self.write("data.json", "{}")
        environment = os.environ | {"AITHER_SHIPPED_TEMPLATES": str(TOP / "templates")}
        for arguments in (("render", "--template=a.hbs", "--data=data.json"), ("--help",), ("--version",)):
            with open("/dev/full", "w") as full:
                done = subprocess.run([BUILD / "aither", *arguments], cwd=self.directory, env=environment,
                                      stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
            self.assertEqual((done.returncode, done.stderr),
                             (1, "aither: cannot write all of the result to standard output\n"), arguments)

    def test_data_may_be_any_value_and_have_infinite_numbers(self) -> None:
        for data, expected in (("[1,-1e400]", "1,-Infinity"), ('"x"', "x"), ("null", "")):
            self.assertEqual(self.render("{{this}}", data).stdout, expected)

    def test_texts_and_dates_are_in_the_language_of_the_data(self) -> None:
        template = '{{t "home.title"}}, {{date day}}'
        for data, expected in (('{"day":"2026-03-14T23:00:00.000Z"}', "Kurse, 15. März 2026"),
                               ('{"day":"2026-03-14T23:00:00.000Z","lang":"en"}', "Courses, 15 March 2026")):
            self.assertEqual(self.render(template, data).stdout, expected)

    def test_the_texts_are_those_of_the_pages(self) -> None:
        """As in a sync: a custom template that cannot be used is named in a message, and the shipped one is used instead."""
        shipped = (TOP / "templates/texts.de.json").read_text()
        own = shipped.replace('"home.title": "Kurse"', '"home.title": "Seminare"').replace(" {year}", " anno {year}")
        self.write("own/texts.de.json", own)
        template = '{{t "home.title"}}, {{date day}}'
        day = '{"day":"2026-03-14T23:00:00.000Z"%s}'
        for partials in ((), ("--partials", str(TOP / "templates"))):
            done = self.render(template, day % "", *partials)
            self.assertEqual((done.stdout, done.stderr), ("Seminare, 15. März anno 2026", ""))
        self.assertEqual(self.render(template, day % ',"lang":"en"').stdout, "Courses, 15 March 2026")
        self.write("own/texts.de.json", "{")
        done = self.render(template, day % "")
        self.assertEqual((done.returncode, done.stdout), (0, "Kurse, 15. März 2026"))
        self.assertRegex(done.stderr, rf"\Aaither: {re.escape(str(self.directory))}/own/texts\.de\.json: "
                                      r"line 1, [^\n]*; the shipped texts are used\n\Z")

    def test_standard_input(self) -> None:
        self.render("{{a}}", '{"a":7}')
        for path in ("-", "/dev/stdin"):
            for option, text in (("--data", '{"a":8}'), ("--template", "<{{a}}>")):
                files = {"--template": "a.hbs", "--data": "data.json"} | {option: path}
                done = self.run_render(*[word for pair in files.items() for word in pair], stdin=text)
                self.assertEqual((done.returncode, done.stdout, done.stderr),
                                 (0, "8" if option == "--data" else "<7>", ""))
        self.assert_refused(self.run_render("--template=-", "--data=data.json", stdin="{{#if}}"),
                            "standard input:1:1: .*never closed")
        self.assert_refused(self.run_render("--template=a.hbs", "--data=-", stdin="{"),
                            "standard input: line 1, column 2: ")
        for option, size in (("--template", 2**20), ("--data", 2**24)):
            files = {"--template": "a.hbs", "--data": "data.json"} | {option: "-"}
            self.assert_refused(self.run_render(*[word for pair in files.items() for word in pair],
                                                stdin=" " * (size + 1)), f"standard input: larger than {size} bytes")

    def test_one_input_cannot_be_both(self) -> None:
        for template, data in (("-", "-"), ("/dev/stdin", "-")):
            done = self.run_render("--template", template, "--data", data, stdin="{}")
            self.assertEqual((done.returncode, done.stdout, done.stderr),
                             (64, "", "aither: render: only one of --template and --data can be standard input\n"))

    def test_other_kinds_of_standard_input(self) -> None:
        """A socket, as sshd uses; a non-blocking pipe; the end of a file; no standard input at all."""
        self.write("a.hbs", "{{a}}")
        self.write("data.json", '{"a":1}')
        command = [BUILD / "aither", "--config=aither.conf", "render", "--template=a.hbs", "--data=/dev/stdin"]
        environment = {"AITHER_SHIPPED_TEMPLATES": str(TOP / "templates")} | os.environ
        ours, theirs = socket.socketpair()
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        for stdin, write in ((theirs.fileno(), lambda text: (ours.sendall(text), ours.close())),
                             (reader, lambda text: (os.write(writer, text), os.close(writer)))):
            process = subprocess.Popen(command, cwd=self.directory, env=environment, stdin=stdin,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            write(b'{"a":7}')
            self.assertEqual((*process.communicate(timeout=60), process.returncode), (b"7", b"", 0))
        theirs.close()
        os.close(reader)
        with open(self.directory / "data.json") as file:
            done = subprocess.run(command, cwd=self.directory, env=environment, stdin=file, capture_output=True)
            self.assertEqual((done.returncode, done.stdout), (0, b"1"))
        done = subprocess.run(["sh", "-c", 'exec "$@" <&-', "sh", *command], cwd=self.directory, env=environment,
                              capture_output=True, text=True)
        self.assert_refused(done, "cannot read standard input: Bad file descriptor")

    def test_pipes_and_devices(self) -> None:
        self.render("{{a}}", '{"a":7}')
        done = subprocess.run(["bash", "-c", f'{BUILD}/aither --config=aither.conf render --template <(cat a.hbs) '
                               "--data <(cat data.json)"], cwd=self.directory, text=True, capture_output=True,
                              env={"AITHER_SHIPPED_TEMPLATES": str(TOP / "templates")} | os.environ, timeout=60)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "7", ""))
        self.assert_refused(self.run_render("--template=a.hbs", "--data=/dev/zero"),
                            "/dev/zero: larger than 16777216 bytes")
        self.assert_refused(self.run_render("--template=a.hbs", "--data=/dev/null"), "/dev/null: line 1, column 1: ")

    def test_a_terminal_is_asked(self) -> None:
        self.write("a.hbs", "{{a}}")
        with Terminal([BUILD / "aither", "render", f"--template={self.directory}/a.hbs", "--data=-"],
                      {"AITHER_SHIPPED_TEMPLATES": str(TOP / "templates")}) as terminal:
            terminal.wait_for("reading the data from the terminal; Ctrl-D ends it")
            terminal.type('{"a":7}\n\x04')
            self.assertEqual(terminal.end(), 0)
            self.assertEqual(terminal.stdout, "7")

    def test_an_error_in_the_template_has_its_position(self) -> None:
        for template, sentence in (("a\n{{#if x}}\n {{/each}}", r"a\.hbs:3:2: \{\{/each\}\} closes .* opened at 2:1"),
                                   ("out {{> rest}}", r'a\.hbs:1:5: there is no partial "rest"'),
                                   ("out {{shout 1}}", r'a\.hbs:1:5: there is no helper "shout"'),
                                   ("ä\n{{{{raw}}}}", r"a\.hbs:2:1: raw blocks .* are not supported"),
                                   (b"a\n \xff", r"a\.hbs:2:2: must be valid UTF-8"),
                                   ('{{t "nope"}}', r"a\.hbs:1:1: \{\{t\}\} names a text")):
            with self.subTest(template):
                self.assert_refused(self.render(template, "{}"), sentence)

    def test_an_error_in_a_partial_names_its_file(self) -> None:
        for partial, sentence in (("\n {{/if}}", r"rest\.hbs:2:2: no block is open here"),
                                  ("{{shout 1}}", r"rest\.hbs:1:1: there is no helper"),
                                  (b"\xff", r"rest\.hbs:1:1: must be valid UTF-8")):
            with self.subTest(partial):
                self.write("parts/rest.hbs", partial)
                self.assert_refused(self.render("out {{> rest}}", "{}", "--partials", "parts"), sentence)

    def test_an_error_in_the_data_has_its_position(self) -> None:
        for data, sentence in (("{", "line 1, column 2: "), ('{"x":1}\ngarbage', "line 2, column 1: "),
                               ("", "line 1, column 1: "), (b'{"x":"\xff"}', "line 1, column 7: invalid UTF-8"),
                               ('{"x":1,"x":2}', "line 1, column 8: duplicate"),
                               ("[" * 65 + "]" * 65, "line 1, column 65: nested too deeply")):
            with self.subTest(data):
                self.assert_refused(self.render("out", data), rf"data\.json: {sentence}")

    def test_files_that_cannot_be_read(self) -> None:
        self.render("out", "{}")
        good = {"--template": "a.hbs", "--data": "data.json", "--partials": "."}
        for option, path, verb in (("--template", "no", "open"), ("--template", ".", "read"), ("--data", "no", "open"),
                                   ("--data", ".", "read"), ("--partials", "no", "read"), ("--partials", "a.hbs", "read")):
            with self.subTest(f"{option} {path}"):
                arguments = [word for pair in (good | {option: path}).items() for word in pair]
                self.assert_refused(self.run_render(*arguments), rf"cannot {verb} {re.escape(path)}: ")

    def test_partials_that_cannot_be_read_or_are_too_many(self) -> None:
        (self.directory / "parts/odd.hbs").mkdir(parents=True)
        self.assert_refused(self.render("x", "{}", "--partials", "parts"), r"parts/odd\.hbs: ")
        for i in range(1001):
            self.write(f"many/{i}.hbs", "")
        self.assert_refused(self.render("x", "{}", "--partials", "many"), "many has more than [0-9]+ partials")

    def test_without_the_shipped_texts(self) -> None:
        with unittest.mock.patch.dict(os.environ, {"AITHER_SHIPPED_TEMPLATES": str(self.directory)}):
            self.assert_refused(self.render("x", "{}"), r".*/texts\.de\.json: ")

    def test_files_that_are_too_large(self) -> None:
        self.assertEqual(self.render("x" * 2**20, "{}").returncode, 0)
        self.assert_refused(self.render("x" * 2**20 + "x", "{}"), r"a\.hbs: .*1048576 bytes")
        self.assertEqual(self.render("x", "{}" + " " * (2**24 - 2)).returncode, 0)
        self.assert_refused(self.render("x", "{}" + " " * (2**24 - 1)), r"data\.json: .*16777216 bytes")

    def test_a_loop_in_a_loop_over_a_large_array_ends(self) -> None:
        data = '{"l":[0' + ",0" * 999_999 + "]}"
        for inside in ("", "{{this}}"):
            template = f"{{{{#each l}}}}{{{{#each ../l}}}}{inside}{{{{/each}}}}{{{{/each}}}}"
            self.assert_refused(self.render(template, data), r"a\.hbs:1:12: rendering takes more than 20000000 steps")

    def test_usage(self) -> None:
        for arguments in ((), ("--template", "a.hbs"), ("--data", "data.json"), ("--template",),
                          ("--template", "a.hbs", "--data", "data.json", "--wrong")):
            done = self.run_render(*arguments)
            self.assertEqual((done.returncode, done.stdout), (64, ""))
            self.assertTrue(done.stderr.startswith("usage: aither render --template FILE"), done.stderr)


if __name__ == "__main__":
    unittest.main()
