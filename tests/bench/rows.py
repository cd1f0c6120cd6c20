# SPDX-License-Identifier: MIT
"""The rows of the table that tests/bench/run prints: each benchmark adds its own.

    rows.add("homepage of 20 courses, plain, CPU to nginx", ratios, 1.0, "times")

writes a line of JSON to the file that AITHER_BENCH_ROWS names, and does nothing without it.
"""
import json
import os
import statistics


def add(work: str, values: list[float], wanted: float, unit: str) -> None:
    """`wanted`: the upper limit of the median."""
    path = os.environ.get("AITHER_BENCH_ROWS")
    if not path:
        return
    row = {"work": work, "median": statistics.median(values), "least": min(values), "most": max(values),
           "runs": len(values), "wanted": wanted, "unit": unit}
    with open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
