#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Run the unittest tests of one file and report them as TAP, which the test harness reads.

    python3 tests/tap.py tests/stub/test_stub.py

tests/, tests/stub/, the file's own folder and the one above can be imported from. Exit status 1 on a failure.
"""
import importlib.util
import signal
import sys
import unittest
from pathlib import Path
from typing import Any, Iterator

HERE = Path(__file__).resolve().parent


class TapResult(unittest.TestResult):
    """Prints a line as soon as a test ends; a test with several failed subtests fails once."""

    def startTest(self, test: unittest.TestCase) -> None:
        super().startTest(test)
        self.before = (len(self.failures), len(self.errors), len(self.unexpectedSuccesses))
        self.skips_before = len(self.skipped)

    def stopTest(self, test: unittest.TestCase) -> None:
        super().stopTest(test)
        now = (len(self.failures), len(self.errors), len(self.unexpectedSuccesses))
        skips = [f" # SKIP {reason}" for _, reason in self.skipped[self.skips_before:]]
        verdict = "ok" if now == self.before else "not ok"
        print(f"{verdict} {self.testsRun} - {test.id()}{''.join(skips[:1])}", flush=True)
        for _, text in self.failures[self.before[0]:] + self.errors[self.before[1]:]:
            print("".join(f"# {line}\n" for line in text.splitlines()), end="", flush=True)


def flatten(suite: Any) -> Iterator[unittest.TestCase]:
    for test in suite:
        yield from flatten(test) if isinstance(test, unittest.TestSuite) else (test,)


def unignore_signals_for_children() -> None:
    """If a shell that starts the tests in the background makes them ignore these signals, go on ignoring them, but with a
    handler that does nothing: programs under test then get the default again, while they would inherit SIG_IGN, and Ctrl-C
    would not reach them."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


def main(file: Path) -> int:
    unignore_signals_for_children()
    sys.path[:0] = [str(file.parent), str(file.parent.parent), str(HERE / "stub"), str(HERE)]
    spec = importlib.util.spec_from_file_location(file.stem, file)
    sys.modules[file.stem] = module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except unittest.SkipTest as reason:
        print(f"1..0 # SKIP {reason}", flush=True)
        return 0
    tests = list(flatten(unittest.defaultTestLoader.loadTestsFromModule(module)))
    print(f"1..{len(tests)}", flush=True)
    result = TapResult()
    unittest.TestSuite(tests).run(result)
    if result.testsRun < len(tests):
        print(f"Bail out! a class could not be set up: {result.errors[-1:] or result.skipped}")
    return 0 if result.wasSuccessful() and result.testsRun == len(tests) else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
