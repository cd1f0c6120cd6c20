# SPDX-License-Identifier: MIT
"""data/alerts/aither.rules.yml as Prometheus evaluates it, over simulated weeks: which alerts fire when Hemera, the worker
or the machine is away for an hour, a day or a week, with a daily and with a half-hourly timer."""
import itertools
import json
import shutil
import subprocess
import tempfile
import unittest
from collections import defaultdict
from pathlib import Path

from stack import TOP

RULES = TOP / "data" / "alerts" / "aither.rules.yml"
HOUR, DAY = 60, 24 * 60  # in minutes, like all times here
STEP = 5  # minutes between two scrapes
LONG_STEP = 15  # for a week: with STEP, promtool would need ten seconds for it
WEEK = 7 * DAY
DAILY, HALF_HOURLY = DAY, 30
BEGIN = 2 * DAY  # of the outage; before it, all is well
SYNC_AT = 10  # minutes after a multiple of the timer's interval
FAILED_REQUESTS, GOOD_REQUESTS = 4, 3  # per sync: the first and MaxRetries=3; list, levels and a course
LABELS = '{instance="aither:3500",job="aither"%s}'
GOOD_CODE, BAD_CODE = ',code="200"', ',code="unreachable"'


class Machine:
    """The metrics of a machine, every LONG_STEP minutes. `visits`: minutes between two refreshes of the homepage; 0:
    none."""

    def __init__(self, interval: int, outage: str, minutes: int, visits: int, end: int):
        self.series: dict[str, list[float | None]] = defaultdict(list)
        self.counts = {GOOD_CODE: 0, BAD_CODE: 0}
        self.last_success, self.failures, self.is_reached = 0, 0, True
        for minute in range(end):
            is_out = outage if BEGIN <= minute < BEGIN + minutes else ""
            if is_out != "machine":
                self.work(minute, interval, visits, is_out)
            if minute % LONG_STEP == 0:
                self.write(None if is_out == "machine" else minute, is_out == "token")

    def work(self, minute: int, interval: int, visits: int, is_out: str) -> None:
        is_sync, is_visit = minute % interval == SYNC_AT, visits and minute % visits == 0
        if is_visit:
            self.is_reached = is_out != "worker"
        if is_out == "worker" or not (is_sync or is_visit):
            return
        self.is_reached = True
        is_good = is_out != "hemera"
        self.counts[GOOD_CODE if is_good else BAD_CODE] += (GOOD_REQUESTS if is_good else FAILED_REQUESTS) if is_sync else 1
        if is_sync:
            self.failures = 0 if is_good else self.failures + 1
            self.last_success = minute if is_good else self.last_success

    def write(self, minute: int | None, is_refused: bool) -> None:
        values: dict[str, float] = {f"aither_hemera_requests_total|{code}": n for code, n in self.counts.items()}
        values |= {"aither_sync_last_success_timestamp_seconds|": self.last_success * 60,
                   "aither_sync_consecutive_failures|": self.failures, "aither_worker_up|": self.is_reached,
                   "aither_worker_asked_timestamp_seconds|": 1, "aither_worker_configured|": 1,
                   'aither_courses|,state="published"': 9}
        for name, value in values.items():
            self.series[name].append(None if minute is None or is_refused else value)
        self.series["up|"].append(minute is not None and not is_refused)


def notation(values: list[float | None]) -> str:
    """Prometheus' own notation for many equal values."""
    runs = [(value, len(list(run))) for value, run in itertools.groupby(values)]
    return " ".join(f"_x{count}" if value is None else f"{value:.0f}x{count - 1}" for value, count in runs)


class AlertRules(unittest.TestCase):
    def setUp(self) -> None:
        if not shutil.which("promtool"):
            self.skipTest("promtool is not installed")

    def check(self, series: dict[str, list[float | None]], expected: dict[int, set[str]],
              step: int = STEP) -> None:
        """Exactly these alerts fire in these minutes; promtool's clock begins at 0."""
        tests = {
            "rule_files": [str(RULES)],
            "evaluation_interval": f"{step}m",
            "tests": [{
                "interval": f"{step}m",
                "input_series": [{"series": name + LABELS % labels, "values": notation(values)}
                                 for (name, _, labels), values in ((key.partition("|"), series[key]) for key in series)],
                "promql_expr_test": [{
                    "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                    "eval_time": f"{minute}m",
                    "exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted(names)],
                } for minute, names in expected.items()],
            }],
        }
        with tempfile.TemporaryDirectory(prefix="aither-") as directory:
            path = Path(directory) / "alerts.yml"
            path.write_text(json.dumps(tests))  # which is YAML
            ran = subprocess.run(["promtool", "test", "rules", str(path)], capture_output=True, text=True)
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)

    def outage(self, what: str, minutes: int, interval: int, expected: dict[int, set[str]], visits: int = 0) -> None:
        """`expected` has the alerts by minutes since the beginning of the outage; just before it, no alert fires."""
        series = Machine(interval, what, minutes, visits, BEGIN + max(expected) + LONG_STEP).series
        moments = {BEGIN + minute: names for minute, names in expected.items()}
        self.check(series, {BEGIN - LONG_STEP: set()} | moments, LONG_STEP)


class Hemera(AlertRules):
    def test_an_hour_with_the_daily_timer(self) -> None:
        """The sync has failed. Until the next one, nothing shows that Hemera is well again."""
        fires = {"AitherHemeraFailing"}
        self.outage("hemera", HOUR, DAILY, {HOUR: set(), 2 * HOUR: fires, 12 * HOUR: fires, DAY: fires,
                                            DAY + SYNC_AT + 5: set(), 2 * DAY: set()})

    def test_an_hour_with_the_daily_timer_and_visitors(self) -> None:
        self.outage("hemera", HOUR, DAILY, {minute: set() for minute in (HOUR, 2 * HOUR, 6 * HOUR, DAY, 2 * DAY)}, visits=5)

    def test_an_hour_with_the_half_hourly_timer(self) -> None:
        self.outage("hemera", HOUR, HALF_HOURLY, {minute: set() for minute in (30, HOUR, 2 * HOUR, 3 * HOUR, DAY)})

    def test_a_day_with_the_daily_timer(self) -> None:
        self.outage("hemera", DAY, DAILY, {HOUR: set(), 2 * HOUR: {"AitherHemeraFailing"}, DAY: {"AitherHemeraFailing"},
                                           DAY + HOUR: set(), 2 * DAY: set()})

    def test_a_day_with_the_half_hourly_timer(self) -> None:
        both = {"AitherHemeraFailing", "AitherSyncFailing"}
        self.outage("hemera", DAY, HALF_HOURLY, {HOUR: set(), 2 * HOUR: {"AitherSyncFailing"}, 4 * HOUR: both, DAY: both,
                                                 DAY + 4 * HOUR: set(), 2 * DAY: set()})

    def test_a_week_with_the_daily_timer(self) -> None:
        """Critical before the third sync has failed."""
        late = {"AitherHemeraFailing", "AitherSyncStale"}
        self.outage("hemera", WEEK, DAILY, {
            2 * HOUR: {"AitherHemeraFailing"}, DAY: {"AitherHemeraFailing"}, DAY + HOUR: late, 2 * DAY: late,
            2 * DAY + HOUR: late | {"AitherSyncFailing"}, WEEK: late | {"AitherSyncFailing"}, WEEK + HOUR: set()})

    def test_a_week_with_the_half_hourly_timer(self) -> None:
        both = {"AitherHemeraFailing", "AitherSyncFailing"}
        late = both | {"AitherSyncStale"}
        self.outage("hemera", WEEK, HALF_HOURLY, {4 * HOUR: both, DAY: both, 2 * DAY - HOUR: both, 2 * DAY + HOUR: late,
                                                  WEEK: late, WEEK + 4 * HOUR: set()})


class Worker(AlertRules):
    """The worker's socket is stopped: no sync runs, and visitors' refreshes fail."""

    def test_an_hour(self) -> None:
        for interval in (DAILY, HALF_HOURLY):
            self.outage("worker", HOUR, interval, {0: set(), 30: {"AitherWorkerUnreachable"}, HOUR + 15: set(), DAY: set()},
                        visits=5)

    def test_a_day(self) -> None:
        for interval in (DAILY, HALF_HOURLY):
            self.outage("worker", DAY, interval, {30: {"AitherWorkerUnreachable"}, DAY - 15: {"AitherWorkerUnreachable"},
                                                  DAY + HOUR: set(), 2 * DAY: set()}, visits=5)

    def test_a_week_without_a_visitor(self) -> None:
        self.outage("worker", WEEK, DAILY, {DAY - 15: set(), DAY + HOUR: {"AitherSyncStale"}, WEEK: {"AitherSyncStale"},
                                            WEEK + HOUR: set()})
        self.outage("worker", WEEK, HALF_HOURLY, {2 * DAY - HOUR: set(), 2 * DAY + HOUR: {"AitherSyncStale"},
                                                  WEEK + HOUR: set()})


class Machines(AlertRules):
    def test_off_for_an_hour_a_day_and_a_week(self) -> None:
        """This holds even if the daily sync was missed, because Persistent= catches up."""
        for minutes in (HOUR, DAY, WEEK):
            for interval in (DAILY, HALF_HOURLY):
                self.outage("machine", minutes, interval, {0: set(), 15: {"AitherDown"}, minutes - 15: {"AitherDown"},
                                                           minutes + 15: set()})

    def test_a_wrong_token_is_no_more_than_that(self) -> None:
        self.outage("token", DAY, DAILY, {15: {"AitherDown"}, DAY - 15: {"AitherDown"}, DAY + 15: set()})
        text = RULES.read_text().partition("AitherDown")[2].partition("- alert")[0]
        self.assertIn("only the token is wrong", text)


class Installed(AlertRules):
    def test_before_the_first_sync_there_is_an_hour_without_an_alert(self) -> None:
        hours = [0.0] * (4 * HOUR // STEP)
        well = [1.0] * (4 * HOUR // STEP)
        expected = {5: set(), 20: set(), HOUR - 5: set(), HOUR + 5: {"AitherNothingPublished"}}
        with self.subTest("no state"):
            self.check({"up|": well, "aither_worker_up|": hours, "aither_worker_asked_timestamp_seconds|": hours}, expected)
        with self.subTest("a first sync that failed"):
            self.check({"up|": well, "aither_worker_up|": well, "aither_worker_asked_timestamp_seconds|": well,
                        "aither_worker_configured|": well, "aither_sync_last_success_timestamp_seconds|": hours,
                        "aither_sync_consecutive_failures|": well, 'aither_courses|,state="published"': hours}, expected)

    def test_a_configuration_that_is_wrong(self) -> None:
        values: list[float | None] = [1.0] * 12 + [0.0] * 12 + [1.0] * 12
        self.check({"aither_worker_configured|": values},
                   {HOUR + 5: set(), HOUR + 15: {"AitherNotConfigured"}, 2 * HOUR + 5: set()})


class Events(AlertRules):
    def test_the_first_notice_that_fails_fires_for_a_day(self) -> None:
        values: list[float | None] = [0.0] * 12 + [1.0] * (2 * DAY // STEP)
        self.check({'aither_notifications_total|,channel="mail",result="failed"': values,
                    'aither_notifications_total|,channel="mail",result="sent"': values},
                   {HOUR - 5: set(), HOUR + 5: {"AitherNoticesFailing"}, DAY + 2 * HOUR: set()})

    def test_errors_of_the_server(self) -> None:
        good: list[float | None] = [10.0 * minute for minute in range(0, 4 * HOUR, STEP)]
        bad: list[float | None] = [0.0] * 12 + [2.0 * minute for minute in range(0, 2 * HOUR, STEP)] + [240.0] * 12
        self.check({'aither_http_requests_total|,code="200",method="GET"': good,
                    'aither_http_requests_total|,code="503",method="GET"': bad},
                   {HOUR: set(), HOUR + 10: set(), HOUR + 40: {"AitherServerErrors"}, 4 * HOUR - 5: set()})

    def test_guesses(self) -> None:
        values: list[float | None] = [0.0] * 12 + [20.0 * minute for minute in range(0, HOUR, STEP)]
        self.check({'aither_http_requests_total|,code="401",method="GET"': values},
                   {HOUR: set(), HOUR + 10: {"AitherTokenGuessed"}})


if __name__ == "__main__":
    unittest.main()
