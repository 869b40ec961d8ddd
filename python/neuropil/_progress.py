"""Progress of long work: tqdm's bars where tqdm is installed, lines on standard error where it is not."""

import sys
import time
from importlib import import_module
from typing import Any, Protocol


class Bars(Protocol):
    """What the compiled module reports to, always from the thread that made the call."""

    def begin(self, task: int, label: str, total: int) -> None:
        """Show a new task; a total of 0 means that the number of steps is not known."""
        ...

    def advance(self, task: int, steps: int) -> None:
        """Show that more steps are done."""
        ...

    def end(self, task: int) -> None:
        """Close a task, finished or not."""
        ...


def bars(verbose: bool | int) -> Bars | None:
    """Return what to report to for a `verbose` argument: nothing for 0 and False."""
    if not verbose:
        return None
    try:
        tqdm = import_module("tqdm.auto").tqdm
    except ImportError:
        return _Lines()
    return _TqdmBars(tqdm)


class _TqdmBars:
    def __init__(self, tqdm: Any) -> None:
        self._tqdm = tqdm
        self._open: dict[int, Any] = {}

    def begin(self, task: int, label: str, total: int) -> None:
        self._open[task] = self._tqdm(desc=label, total=total or None)

    def advance(self, task: int, steps: int) -> None:
        if task in self._open:
            self._open[task].update(steps)

    def end(self, task: int) -> None:
        bar = self._open.pop(task, None)
        if bar is not None:
            bar.close()


class _Lines:
    """One line when a task ends, and one every ten seconds before."""

    def __init__(self) -> None:
        self._open: dict[int, tuple[str, int, int, float, float]] = {}

    def begin(self, task: int, label: str, total: int) -> None:
        now = time.monotonic()
        self._open[task] = (label, total, 0, now, now)

    def advance(self, task: int, steps: int) -> None:
        if task not in self._open:
            return
        label, total, done, began, said = self._open[task]
        now = time.monotonic()
        if now - said > 10.0:
            self._say(label, total, done + steps, now - began)
            said = now
        self._open[task] = (label, total, done + steps, began, said)

    def end(self, task: int) -> None:
        if task in self._open:
            label, total, done, began, _ = self._open.pop(task)
            self._say(label, total, done, time.monotonic() - began)

    @staticmethod
    def _say(label: str, total: int, done: int, seconds: float) -> None:
        of = f" of {total}" if total else ""
        print(f"{label}: {done}{of}, {seconds:.1f} s", file=sys.stderr, flush=True)
