#!/usr/bin/env python3
"""Runs the comparisons with peers, room by room, and writes them into RESULTS.md.

    python benchmarks/run.py                 every room, full size, tables rewritten
    python benchmarks/run.py surprise        one room
    python benchmarks/run.py --quick         small sizes: do the scripts run and the results agree?
    python benchmarks/run.py --peers-only    without neuropil

Ratios are only worth keeping from a quiet machine. With another process busy the tables are printed but not written,
unless --write.
"""

import argparse
import datetime
import importlib
import json
import statistics
import sys
from pathlib import Path

from measure import load, machine

HERE = Path(__file__).resolve().parent
ROOMS = ["landscape", "memory", "spikes", "surprise"]
BUSY = 0.7


def duration(values):
    """Median with its range, in a unit that reads well."""
    if not values:
        return "-"
    unit, name = next((u, n) for u, n in [(1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (0.0, "ns")] if min(values) >= u)
    unit = unit or 1e-9
    low, middle, high = (f(values) / unit for f in (min, statistics.median, max))
    return f"{middle:.3g} {name} ({low:.3g} to {high:.3g})"


def table(rows):
    """The rows of one room as a Markdown table."""
    lines = [
        "| workload | peer | version | peer | neuropil | ratio | wanted | equality, checked first |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        ratio = "-" if row.ratio is None else f"{row.ratio:.3g}"
        wanted = "-" if row.wanted is None else f"at least {row.wanted:g}"
        cells = [
            row.workload,
            row.peer,
            row.version,
            duration(row.peer_seconds),
            duration(row.our_seconds),
            ratio,
            wanted,
            row.agreement,
        ]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def rust_table(path):
    """The JSON lines of the Rust benches: one object per line with `bench`, `observations` and `seconds` (a list)."""
    lines = ["| Rust bench | observations | time | per observation |", "|---|---|---|---|"]
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            each = statistics.median(entry["seconds"]) / entry["observations"] * 1e9
            lines.append(
                f"| {entry['bench']} | {entry['observations']} | {duration(entry['seconds'])} | {each:.3g} ns |"
            )
        except (ValueError, KeyError, TypeError, ZeroDivisionError) as wrong:
            raise SystemExit(
                f"{path}, line {number}: expected an object with bench, observations and seconds ({wrong!r})"
            ) from None
    return "\n".join(lines)


def replace_section(room, text):
    """Puts `text` between the two marks of `room` in RESULTS.md; everything else in the file stays."""
    path = HERE / "RESULTS.md"
    begin, end = f"<!-- begin {room} -->", f"<!-- end {room} -->"
    old = path.read_text(encoding="utf-8")
    head, rest = old.split(begin, 1)
    tail = rest.split(end, 1)[1]
    temporary = path.with_suffix(".tmp")
    temporary.write_text(f"{head}{begin}\n\n{text}\n\n{end}{tail}", encoding="utf-8")
    temporary.replace(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rooms", nargs="*", metavar="ROOM", help=f"rooms to run, of {', '.join(ROOMS)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="small sizes; nothing is written")
    parser.add_argument("--peers-only", action="store_true", help="do not import neuropil; nothing is written")
    parser.add_argument("--repeats", type=int, default=3, help="timings of each side, at least 3 (default: 3)")
    parser.add_argument("--write", action="store_true", help="write the tables although the machine is busy")
    parser.add_argument(
        "--rust", type=Path, metavar="FILE", help="JSON lines that the Rust benches printed; tabled below the peers"
    )
    parser.add_argument("--json", type=Path, help="also write every single timing to this file")
    options = parser.parse_args()
    for room in options.rooms:
        if room not in ROOMS:
            parser.error(f"there is no room {room!r}; choose from {', '.join(ROOMS)}")
    if options.repeats < 3:
        parser.error(f"--repeats must be at least 3, got {options.repeats}")

    before = load()
    documents = {}
    for room in options.rooms or ROOMS:
        rows = []
        for row in importlib.import_module(room).rows(not options.peers_only, options.quick, options.repeats):
            rows.append(row)
            print(table([row]).splitlines()[-1], file=sys.stderr, flush=True)
        here = machine()
        ours = "without neuropil"
        if not options.peers_only:
            from importlib.metadata import version

            ours = f"neuropil {version('neuropil')}"
        said = (
            f"{here['processor']}, {here['cores']} cores, Python {here['python']}, {ours}, {datetime.date.today()}. "
            f"Median of {options.repeats}, range in brackets; the two sides were timed in turn."
        )
        text = f"{said}\n\n{table(rows)}"
        if options.rust:
            text += f"\n\n{rust_table(options.rust)}"
        print(text)
        documents[room] = {"machine": here, "rows": [row.to_dict() for row in rows]}
        quiet = before < BUSY
        if options.quick or options.peers_only:
            continue
        if quiet or options.write:
            replace_section(room, text)
        else:
            print(
                f"RESULTS.md left as it was: the load of the machine was {before:.1f} at the start, above {BUSY}. "
                "Run again on a quiet machine, or pass --write.",
                file=sys.stderr,
            )
    if options.json:
        options.json.write_text(json.dumps(documents, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
