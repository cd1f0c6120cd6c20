# SPDX-License-Identifier: MIT
"""The rules for the source tree that a script can check: layers, homes of libraries, banned functions."""
import os
import re
import shutil
import subprocess
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
SOURCE = TOP / "src"
BUILD = Path(os.environ.get("AITHER_BUILDDIR", TOP)).resolve()

# The folders whose headers the files of a folder may include beside their own. mains: the files directly in src/.
LAYERS = {
    "mains": {"web", "worker", "cli", "http", "net", "config", "base"},
    "web": {"published", "http", "net", "config", "base"},
    "worker": {"sync", "published", "hemera", "notify", "http", "net", "config", "base"},
    "cli": {"render", "published", "net", "config", "base"},
    "sync": {"render", "published", "hemera", "notify", "config", "base"},
    "render": {"hemera", "published", "base"},  # from hemera only the model: course.h and member.h
    "published": {"net", "base"},
    "hemera": {"net", "base"},
    "notify": {"net", "config", "base"},
    "http": {"net", "config", "base"},
    "net": {"config", "base"},
    "config": {"base"},
    "base": set(),
}

# The files in which a third-party header may be included.
HOMES = {
    r"h2o(\.h|/)": r"http/server[a-z-]*\.[ch]",
    r"curl/": r"net/(curl-common|fetch|smtp)\.[ch]",
    r"openssl/": r"base/hash\.c",
    r"systemd/sd-journal": r"base/log\.c",
    r"systemd/sd-bus": r"cli/units\.c",
    r"systemd/sd-daemon": r"http/daemon[a-z-]*\.c",
    r"cjson/": r"base/json[a-z-]*\.[ch]",
    r"zlib\.h": r"web/page\.c",
}

BANNED = r"\b(sprintf|vsprintf|strcpy|strcat|strtok|atoi|atol|gets|system|popen|alloca|goto)\b\s*[(\w]"


def sources() -> list[Path]:
    return sorted([*SOURCE.rglob("*.c"), *SOURCE.rglob("*.h")])


def without_comments(text: str) -> str:
    """Returns the text with comments and string literals blanked; line breaks are kept."""
    pattern = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', re.S)
    return pattern.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)


class Source(unittest.TestCase):
    def test_layers_are_kept(self) -> None:
        wrong = []
        for file in sources():
            folder = file.parent.name if file.parent != SOURCE else "mains"
            for included in re.findall(r'^#include "([a-z]+)/', file.read_text(), re.M):
                if included != folder and included not in LAYERS[folder]:
                    wrong.append(f"{file.relative_to(TOP)} includes {included}/")
        self.assertEqual(wrong, [])

    def test_every_library_has_one_home(self) -> None:
        wrong = []
        for file in sources():
            name = str(file.relative_to(SOURCE))
            for included in re.findall(r"^#include <([^>]+)>", file.read_text(), re.M):
                for library, home in HOMES.items():
                    if re.match(library, included) and not re.fullmatch(home, name):
                        wrong.append(f"{name} includes <{included}>")
        self.assertEqual(wrong, [])

    def test_every_file_begins_with_its_licence_and_headers_have_guards(self) -> None:
        for file in sources():
            text = file.read_text()
            self.assertTrue(text.startswith("/* SPDX-License-Identifier: MIT */\n"), file)
            if file.suffix == ".h":
                guard = "AITHER_" + re.sub(r"[^A-Z0-9]", "_", str(file.relative_to(SOURCE)).upper())
                self.assertIn(f"#ifndef {guard}\n#define {guard}\n", text)

    def test_no_banned_function_is_used(self) -> None:
        wrong = []
        for file in sources():
            for number, line in enumerate(without_comments(file.read_text()).splitlines(), 1):
                if re.search(BANNED, line):
                    wrong.append(f"{file.relative_to(TOP)}:{number}: {line.strip()}")
        self.assertEqual(wrong, [])

    def test_every_source_file_is_built_and_shipped(self) -> None:
        makefile = (TOP / "Makefile.am").read_text()
        missing = [n for f in sources() if (n := str(f.relative_to(TOP))) not in makefile]
        self.assertEqual(missing, [])

    def test_every_other_file_is_shipped(self) -> None:
        """Named in the Makefile: directly, through its program, or in a folder that is named as a whole."""
        named = set((TOP / "Makefile.am").read_text().split())
        shipped = {".c", ".conf", ".dict", ".h", ".hbs", ".html", ".in", ".js", ".json", ".md", ".mjs", ".py", ".txt"}
        missing = []
        for file in (f for folder in ("data", "man", "templates", "tests", "units") for f in (TOP / folder).rglob("*")):
            name = file.relative_to(TOP)
            if file.is_file() and (file.suffix in shipped or file.open("rb").read(2) == b"#!") and \
                    not {str(name), str(name.with_suffix("")), *map(str, list(name.parents)[:-2])} & named:
                missing.append(str(name))
        self.assertEqual(sorted(missing), [])

    def test_a_release_has_the_packaging_that_dev_works_with(self) -> None:
        named = set((TOP / "Makefile.am").read_text().split())
        made = (".debhelper", ".log", ".substvars")
        packaging = {"control", "rules", "changelog", "source/format", "tests/control", *(
            file.name for file in (TOP / "debian").glob("aither.*") if file.suffix not in made)}
        self.assertEqual(sorted({f"debian/{name}" for name in packaging} - named), [])

    def test_the_code_map_names_every_module(self) -> None:
        code_map = (SOURCE / "README.md").read_text()
        folders = [d.name for d in SOURCE.iterdir() if d.is_dir() and any(d.glob("*.c"))]
        self.assertEqual([f for f in folders if f"`{f}/`" not in code_map], [])

    def test_the_journeys_of_the_map_pass_functions_that_exist(self) -> None:
        steps = re.findall(r"^\d+\. (.*)$", (SOURCE / "README.md").read_text().split("## Four journeys")[1], re.M)
        self.assertGreater(len(steps), 35)
        missing = []
        for step in steps:
            # A function without a file is in the file named last.
            names = re.findall(r"`(\w+)`(?: \(`([\w/.-]+)`\))?", step)
            file = next((file for _, file in names if file), "")
            for name, own in names:
                file = own or file
                if not re.search(rf"^[a-z].*\b{name}\(", (SOURCE / file).read_text(), re.M):
                    missing.append(f"{file}: {name}")
        self.assertEqual(missing, [])

    def test_comments_keep_the_space_behind_their_star(self) -> None:
        """clang-format drops it when it breaks a line that is too long."""
        files = [*sources(), *(TOP / "tests").rglob("*.[ch]")]
        wrong = [f"{file.relative_to(TOP)}: {line}" for file in files
                 for line in re.findall(r"^\t* \*[^\s/*].*", file.read_text(), re.M)]
        self.assertEqual(wrong, [])

    @unittest.skipUnless(shutil.which("clang-format"), "clang-format is not installed")
    def test_the_format_is_that_of_clang_format(self) -> None:
        done = subprocess.run(["clang-format", "--dry-run", "--Werror", *map(str, sources())], cwd=TOP,
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])


class Programs(unittest.TestCase):
    # Functions of libc that can change a file system, by the names that the linker knows.
    CHANGING = set("""
        __open64_2 __open_2 __openat64_2 __openat_2 aio_write aio_write64 bind chmod chown chroot
        copy_file_range creat creat64 execl execle execlp execv execve execvp execvpe fallocate fallocate64
        fchmod fchmodat fchown fchownat fdatasync fdopen fexecve fopen fopen64 fork fremovexattr freopen
        freopen64 fsetxattr fsync ftruncate ftruncate64 futimens futimes futimesat io_submit ioctl lchmod
        lchown link linkat lio_listio lio_listio64 lockf lockf64 lremovexattr lsetxattr lutimes mkdir mkdirat
        mkdtemp mkfifo mkfifoat mknod mknodat mkostemp mkostemp64 mkostemps mkstemp mkstemp64 mkstemps mmap
        mmap64 mount msync open open64 openat openat2 openat64 posix_fallocate posix_fallocate64 posix_spawn
        posix_spawnp pwrite pwrite64 pwritev pwritev2 pwritev64 pwritev64v2 remove removexattr rename renameat
        renameat2 rmdir sendfile sendfile64 setxattr splice symlink symlinkat sync sync_file_range syncfs
        syscall system tee tmpfile tmpfile64 truncate truncate64 umount umount2 unlink unlinkat utime
        utimensat utimes vfork vmsplice write writev""".split())
    # bind creates the worker's own socket, before any sync; fopen reads the configuration; sendfile sends to a socket; mmap
    # maps bodies in memory; ioctl asks a socket how much it still has to send.
    HARMLESS = {"bind", "fopen", "ioctl", "sendfile", "mmap"}

    def needed(self, program: str) -> set[str]:
        out = subprocess.run(["readelf", "--dynamic", str(BUILD / program)], capture_output=True, text=True,
                             check=True).stdout
        return set(re.findall(r"\(NEEDED\).*\[(.*)\]", out))

    def test_the_public_program_and_the_command_line_link_no_libcurl(self) -> None:
        for program in ("aither-web", "aither"):
            self.assertFalse({n for n in self.needed(program) if n.startswith("libcurl")}, program)
        self.assertTrue({n for n in self.needed("aither-worker") if n.startswith("libcurl")})

    def test_the_command_line_links_no_http_server(self) -> None:
        self.assertFalse({n for n in self.needed("aither") if n.startswith("libh2o")})

    def symbols(self, file: Path, which: str) -> set[str]:
        out = subprocess.run(["nm", "-D", which, str(file)], capture_output=True, text=True, check=True).stdout
        return {line.split()[-1].partition("@")[0] for line in out.splitlines()}

    def test_every_function_that_the_worker_changes_files_with_is_wrapped(self) -> None:
        """Otherwise tests/contract/test_disturbed_syncs.py would not disturb it."""
        worker = BUILD / "aither-worker"
        if re.search(rb"__[at]san_init|__gcov_", worker.read_bytes()):
            self.skipTest("the compiler's runtime has calls of its own")
        used = self.symbols(worker, "--undefined-only") & self.CHANGING
        self.assertLess({"openat", "write", "renameat", "unlinkat", "syncfs"}, used)
        wrapped = self.symbols(BUILD / "tests/crash/libcrashpoint.so", "--defined-only")
        self.assertEqual(used - self.HARMLESS - wrapped, set())

    def test_files_are_opened_as_streams_for_reading_only(self) -> None:
        texts = [file.read_text() for file in (TOP / "src").rglob("*.c")]
        calls = [call for text in texts for call in re.findall(r"\bfopen\((.*)\)", text)]
        self.assertEqual({call.rpartition(", ")[2] for call in calls}, {'"re"'})


if __name__ == "__main__":
    unittest.main()
