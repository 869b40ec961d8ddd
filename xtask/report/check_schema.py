"""Checks that `report.json` has the documented form and that every file it names is there.

python check_schema.py target/report
"""

import json
import math
import sys
from pathlib import Path
from typing import Any

NUMBER = (int, float)
SOURCES = {"paper", "authors' code", "theory", "this project"}
REPORT = {"neuropil": str, "size": str, "seed": int, "machine": dict, "experiments": list}
EXPERIMENT = {
    "id": str,
    "room": str,
    "paper": str,
    "figure": str,
    "title": str,
    "seconds": NUMBER,
    "parameters": dict,
    "claims": list,
    "figures": list,
    "tables": list,
}
CLAIM = {
    "id": str,
    "statement": str,
    "reference": (int, float, str, type(None)),
    "source": str,
    "value": (int, float, type(None)),
    "interval": (list, type(None)),
    "criterion": str,
    "holds": bool,
    "known_deviation": (str, type(None)),
}


def fields(value: Any, form: dict[str, Any], place: str) -> list[str]:
    """What is missing, of the wrong type or unexpected in one object."""
    if not isinstance(value, dict):
        return [f"{place}: an object is wanted"]
    problems = [f"{place}: {name!r} is missing" for name in form if name not in value]
    problems += [f"{place}: unexpected {name!r}" for name in value if name not in form]
    for name, kind in form.items():
        if name not in value:
            continue
        got = value[name]
        wrong_bool = isinstance(got, bool) and kind is not bool
        if wrong_bool or not isinstance(got, kind):
            problems.append(f"{place}: {name!r} is a {type(got).__name__}")
    return problems


def check_claim(claim: dict[str, Any], place: str) -> list[str]:
    """Problems of one claim whose fields have the right types."""
    problems = []
    if claim["source"] not in SOURCES:
        problems.append(f"{place}: source {claim['source']!r} is none of {sorted(SOURCES)}")
    if claim["holds"] and (claim["value"] is None or not math.isfinite(claim["value"])):
        problems.append(f"{place}: holds without a finite value")
    interval = claim["interval"]
    if interval is not None and (len(interval) != 2 or not interval[0] <= interval[1]):
        problems.append(f"{place}: interval {interval} is not [low, high]")
    if claim["known_deviation"] is not None and not claim["known_deviation"].strip():
        problems.append(f"{place}: a known deviation needs its reason")
    return problems


def check(folder: Path) -> list[str]:
    """All problems of a report."""
    if not (folder / "index.html").is_file():
        return [f"{folder}: index.html is missing"]
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    problems = fields(report, REPORT, "report")
    if problems:
        return problems
    if report["size"] not in ("quick", "full"):
        problems.append(f"report: size {report['size']!r}")
    if not report["experiments"]:
        problems.append("report: no experiment")
    seen: set[str] = set()
    for experiment in report["experiments"]:
        place = f"experiment {experiment.get('id', '?')}" if isinstance(experiment, dict) else "experiment"
        wrong = fields(experiment, EXPERIMENT, place)
        problems += wrong
        if wrong:
            continue
        if experiment["id"] in seen:
            problems.append(f"{place}: appears twice")
        seen.add(experiment["id"])
        if not experiment["claims"]:
            problems.append(f"{place}: makes no claim")
        for claim in experiment["claims"]:
            name = f"{place}, claim {claim.get('id', '?')}" if isinstance(claim, dict) else f"{place}, claim"
            wrong = fields(claim, CLAIM, name)
            problems += wrong or check_claim(claim, name)
        for file in experiment["figures"] + experiment["tables"]:
            path = folder / file
            if Path(file).is_absolute() or not path.is_file() or path.stat().st_size == 0:
                problems.append(f"{place}: {file} is missing or empty")
    if not problems:
        claims = [claim for experiment in report["experiments"] for claim in experiment["claims"]]
        held = sum(claim["holds"] for claim in claims)
        known = sum(not claim["holds"] and claim["known_deviation"] is not None for claim in claims)
        print(f"{len(seen)} experiments, {len(claims)} claims: {held} hold, {known} are documented deviations")
        if held + known < len(claims):
            problems.append(f"{len(claims) - held - known} claims fail without being documented deviations")
    return problems


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print(__doc__)
        return 2
    problems = check(Path(arguments[0]))
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
