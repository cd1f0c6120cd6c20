# SPDX-License-Identifier: MIT
"""A strict reader of Prometheus' text format 0.0.4: everything that a lenient reader forgives is a failure here.

    samples = read(reply.text)
    samples['aither_sync_runs_total{result="success"}']
"""
import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? (-?[0-9]+(?:\.[0-9]+)?)")
TYPES = ("counter", "gauge", "histogram")


def check_histogram(name: str, samples: dict[str, float]) -> None:
    """Checks a histogram without labels: bounds and counts ascend, and the last bound is +Inf with the total count."""
    buckets = [(key, value) for key, value in samples.items() if key.startswith(f"{name}_bucket")]
    bounds = [float(re.search(r'le="(.*)"', key)[1]) for key, _ in buckets]  # type: ignore[index]
    counts = [value for _, value in buckets]
    assert bounds == sorted(set(bounds)) and bounds[-1] == float("inf"), (name, bounds)
    assert counts == sorted(counts) and counts[-1] == samples[f"{name}_count"], (name, counts)
    assert set(samples) == {key for key, _ in buckets} | {f"{name}_sum", f"{name}_count"}, name


def check_family(name: str, kind: str, samples: dict[str, float]) -> None:
    names = {key.partition("{")[0] for key in samples}
    if kind == "histogram":
        check_histogram(name, samples)
        return
    assert names <= {name}, (name, names)
    assert name.endswith("_total") == (kind == "counter"), (name, kind)
    assert kind != "counter" or all(value >= 0 for value in samples.values()), name


def read(text: str) -> dict[str, float]:
    """Returns the samples by name and labels, exactly as they are written. An AssertionError names the line."""
    assert text.endswith("\n"), "the last line has no end"
    families: dict[str, tuple[str, dict[str, float]]] = {}
    all_samples: dict[str, float] = {}
    helped = name = ""
    for line in text.removesuffix("\n").split("\n"):
        if found := re.fullmatch(rf"# HELP ({NAME}) (\S.*)", line):
            helped = found[1]
            continue
        if found := re.fullmatch(rf"# TYPE ({NAME}) (\w+)", line):
            name = found[1]
            assert name == helped and name not in families and found[2] in TYPES, line
            families[name] = (found[2], {})
            continue
        found = SAMPLE.fullmatch(line)
        assert found and name and found[1].startswith(name), line
        key = line.rpartition(" ")[0]
        assert key not in all_samples, line
        families[name][1][key] = all_samples[key] = float(found[3])
    for family, (kind, samples) in families.items():
        check_family(family, kind, samples)
    return all_samples
