"""Timing two programs beside each other, and the machine they ran on."""

import os
import platform
import statistics
import time
from dataclasses import asdict, dataclass, field

import numpy as np


@dataclass
class Row:
    """One comparison: equality was checked before either side was timed."""

    workload: str
    peer: str
    version: str
    agreement: str
    peer_seconds: list[float]
    our_seconds: list[float] = field(default_factory=list)
    wanted: float | None = None

    @property
    def ratio(self):
        """How many times faster we are: median of the peer over median of ours."""
        if not self.our_seconds:
            return None
        return statistics.median(self.peer_seconds) / statistics.median(self.our_seconds)

    def to_dict(self):
        return asdict(self) | {"ratio": self.ratio}


def largest_difference(a, b):
    """Largest absolute difference of two arrays."""
    return float(np.max(np.abs(np.asarray(a) - np.asarray(b))))


def require(name, difference, tolerance):
    """Stops the comparison when the two sides do not compute the same."""
    if not difference <= tolerance:
        raise SystemExit(f"{name}: results differ by {difference:.3g}, allowed is {tolerance:.3g}; nothing was timed")
    return f"{name} within {max(difference, 1e-16):.0e}"


def seconds(run):
    """Wall time of one call; what it returns is dropped."""
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def alternate(peer, ours=None, repeats=3):
    """Times the two in turn, `repeats` times each, so that a disturbance of the machine meets both.

    Compile and warm up before. Returns (peer's seconds, our seconds).
    """
    if repeats < 3:
        raise ValueError(f"repeats must be at least 3 for a median to mean something, got {repeats}")
    theirs, mine = [], []
    for _ in range(repeats):
        if ours is not None:
            mine.append(seconds(ours))
        theirs.append(seconds(peer))
    return theirs, mine


def machine():
    """What a reader must know about the computer."""
    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            name = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"processor": name, "cores": cores, "python": platform.python_version(), "system": platform.system()}


def load():
    """Average number of running processes in the last minute, or 0 where the system does not tell."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
