"""Runs the `sh` and `python` blocks of Markdown files, as a reader would type them.

Each file gets a scratch folder with a copy of `data/`. Its blocks run in their order: `sh` blocks in bash, which stops
at the first failing command; `python` blocks in one Python process, so that a later block knows the names of an earlier
one. A block is left out only where the line above it says why: `<!-- not run: reason -->`.

    python run_blocks.py --scratch DIR README.md book/src/*.md
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^(?P<indent> {0,3})(?P<fence>`{3,}|~{3,})\s*(?P<info>[^`]*)$")
SKIP = re.compile(r"^\s*<!--\s*not run:\s*(?P<reason>\S.*?)\s*-->\s*$")
LANGUAGES = {"sh": "sh", "bash": "sh", "shell": "sh", "python": "python", "py": "python"}


@dataclass
class Block:
    """One fenced block: where it stands, what it is, and why it is not run, if so."""

    line: int
    language: str
    text: str
    skipped: str | None


def blocks(markdown: str) -> list[Block]:
    """The runnable blocks of a Markdown text."""
    found: list[Block] = []
    lines = markdown.splitlines()
    position = 0
    reason: str | None = None
    while position < len(lines):
        line = lines[position]
        opening = FENCE.match(line)
        if opening is None:
            skip = SKIP.match(line)
            if skip is not None:
                reason = skip["reason"]
            elif line.strip():
                reason = None
            position += 1
            continue
        start = position + 1
        end = start
        closing = re.compile(rf"^ {{0,3}}{re.escape(opening['fence'][0])}{{{len(opening['fence'])},}}\s*$")
        while end < len(lines) and closing.match(lines[end]) is None:
            end += 1
        if end == len(lines):
            raise ValueError(f"line {position + 1}: the fence is never closed")
        info = re.split(r"[\s,{]", opening["info"].strip(), maxsplit=1)[0].lower()
        if info in LANGUAGES:
            indent = len(opening["indent"])
            text = "\n".join(row[indent:] if row[:indent].isspace() else row for row in lines[start:end])
            found.append(Block(start + 1, LANGUAGES[info], text + "\n", reason))
        reason = None
        position = end + 1
    return found


def run_file(path: Path, name: str, scratch: Path) -> int:
    """Runs the blocks of one file in a child process of its own; returns how many failed."""
    child = subprocess.run([sys.executable, "-u", __file__, "--child", str(path), name], cwd=scratch, check=False)
    return child.returncode


def run_blocks(path: Path, name: str) -> int:
    """Runs the blocks of one file in this process and the current folder; stops at the first failure."""
    namespace: dict[str, object] = {"__name__": "__main__"}
    for block in blocks(path.read_text(encoding="utf-8")):
        place = f"{name}:{block.line}"
        if block.skipped is not None:
            print(f"  not run  {place} ({block.skipped})")
            continue
        begin = time.perf_counter()
        try:
            if block.language == "sh":
                completed = subprocess.run(
                    ["bash", "-euo", "pipefail", "-c", block.text],
                    check=False,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
                if completed.returncode != 0:
                    print(block.text + completed.stdout)
                    print(f"  FAILED   {place}: the shell block ended with status {completed.returncode}")
                    return 1
            else:
                # empty lines in front, so that a traceback names the line of the Markdown file
                exec(compile("\n" * (block.line - 1) + block.text, name, "exec"), namespace)
        except (Exception, SystemExit):
            print(block.text)
            traceback.print_exc(file=sys.stdout)
            print(f"  FAILED   {place}: the Python block raised an exception")
            return 1
        print(f"  ok       {place} {block.language:<6} {time.perf_counter() - begin:6.1f} s")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scratch", type=Path, help="folder for the scratch folders; emptied first")
    parser.add_argument("--child", nargs=2, metavar=("FILE", "NAME"), help=argparse.SUPPRESS)
    parser.add_argument("files", type=Path, nargs="*")
    options = parser.parse_args()
    if options.child is not None:
        path, name = options.child
        return run_blocks(Path(path), name)
    if options.scratch is None or not options.files:
        parser.error("give --scratch and at least one file")

    shutil.rmtree(options.scratch, ignore_errors=True)
    count = failed = 0
    for file in options.files:
        path = file.resolve()
        name = os.path.relpath(path, ROOT)
        found = len(blocks(path.read_text(encoding="utf-8")))
        if found == 0:
            continue
        count += found
        scratch = options.scratch / re.sub(r"[^A-Za-z0-9]+", "-", name)
        scratch.mkdir(parents=True)
        if (ROOT / "data").is_dir():
            shutil.copytree(ROOT / "data", scratch / "data")
        failed += run_file(path, name, scratch)
    print(f"{count} blocks in {len(options.files)} files, {failed} files with a failure")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
