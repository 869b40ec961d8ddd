"""The experiments of the papers, from Python or a notebook.

Each experiment repeats a figure or a table of a paper and judges itself: `run` returns the claims, with the published
value beside ours, and leaves the same report as ``neuropil reproduce`` on the command line.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from neuropil.errors import NeuropilError

__all__ = ["Reproduction", "experiments", "run"]

_CLAIM_FAILED = 3


@dataclass(frozen=True)
class Reproduction:
    """What a run of experiments found.

    Attributes
    ----------
    folder : pathlib.Path
        Where the report lies: ``index.html`` to read, ``report.json``, ``figures/`` and ``data/``.
    report : dict
        The contents of ``report.json``.
    """

    folder: Path
    report: dict[str, Any]

    @property
    def claims(self) -> list[dict[str, Any]]:
        """All claims, each with the ``experiment`` it belongs to."""
        return [
            {"experiment": experiment["id"], **claim}
            for experiment in self.report["experiments"]
            for claim in experiment["claims"]
        ]

    @property
    def holds(self) -> bool:
        """Whether every claim holds."""
        return all(claim["holds"] for claim in self.claims)

    def __repr__(self) -> str:
        """Count the claims."""
        held = sum(claim["holds"] for claim in self.claims)
        return f"Reproduction({held} of {len(self.claims)} claims hold, report in {str(self.folder)!r})"


def experiments() -> list[dict[str, Any]]:
    """List the experiments.

    Returns
    -------
    list of dict
        With the keys ``id``, ``room``, ``paper``, ``figure`` and ``title``.

    Examples
    --------
    >>> import neuropil as npl
    >>> "surprise.surprise-vs-error" in [experiment["id"] for experiment in npl.reproduce.experiments()]
    True
    """
    finished = subprocess.run(_command("--list", "--json"), capture_output=True, text=True, check=False)
    if finished.returncode != 0:
        raise NeuropilError(finished.stderr.strip())
    return json.loads(finished.stdout)["result"]


def run(
    *ids: str,
    size: Literal["quick", "full"] = "quick",
    out: str | Path = "report",
    seed: int = 0,
    jobs: int = 1,
    fresh: bool = False,
    force: bool = False,
) -> Reproduction:
    """Run experiments and write their report.

    Finished experiments are kept in the folder of the report; a second run continues where the first stopped.

    Parameters
    ----------
    *ids : str
        Names such as ``"surprise"`` or ``"surprise.surprise-vs-error"``; all when none is given.
    size : {"quick", "full"}
        Minutes on a laptop, or the size of the paper.
    out : path
        Folder of the report.
    seed : int
        Seed of all random numbers.
    jobs : int
        Experiments that run at once.
    fresh : bool
        Run again what has been run before.
    force : bool
        Overwrite another report in the folder.

    Returns
    -------
    Reproduction

    Raises
    ------
    neuropil.NeuropilError
        When an experiment does not exist or could not be carried out. A claim that does not hold is not an error.
    """
    options = ["--seed", str(seed), "--jobs", str(jobs), "--out", str(out), "--quiet"]
    options += ["--full"] * (size == "full") + ["--fresh"] * fresh + ["--force"] * force
    finished = subprocess.run(_command(*ids, *options), stderr=subprocess.PIPE, text=True, check=False)
    if finished.returncode not in (0, _CLAIM_FAILED):
        raise NeuropilError(finished.stderr.strip() or f"neuropil reproduce ended with status {finished.returncode}")
    folder = Path(out)
    return Reproduction(folder, json.loads((folder / "report.json").read_text(encoding="utf-8")))


def _command(*arguments: str) -> list[str]:
    # A process of its own: the run can be interrupted, and its memory ends with it.
    return [sys.executable, "-m", "neuropil", "reproduce", *arguments]
