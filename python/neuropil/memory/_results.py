"""Results of the memory room."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from neuropil._results import Result

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, repr=False, eq=False)
class Recall(Result):
    """What was recalled; ``np.asarray(result)`` gives the states.

    Attributes
    ----------
    states : ndarray of shape (Q, N)
        Final states, one row per cue.
    converged : ndarray of bool, shape (Q,)
        Whether the state came to rest.
    n_steps : ndarray of int, shape (Q,)
        Steps that were made.
    status : list of str
        ``"converged"``, ``"cycle2"`` (a cycle of two states), ``"max_steps"``, or ``"lost"`` (the memory recognised
        nothing and fell to its rest state).
    nearest : ndarray of int, shape (Q,)
        Index of the stored pattern that is nearest to the final state.
    overlap : ndarray of shape (Q,)
        Cosine between the final state and that pattern.
    distance : ndarray of shape (Q,)
        Euclidean distance to it (number of differing entries for binary states).
    energy : ndarray of shape (Q,) or None
        Energy of the final state, for memories that have one.
    """

    states: NDArray[np.float64]
    converged: NDArray[np.bool_]
    n_steps: NDArray[np.int64]
    status: list[str]
    nearest: NDArray[np.int64] | None
    overlap: NDArray[np.float64] | None
    distance: NDArray[np.float64] | None
    energy: NDArray[np.float64] | None

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        array: NDArray[Any] = self.states if dtype is None else self.states.astype(dtype)
        return array.copy() if copy else array

    def _columns(self) -> dict[str, Any]:
        names = ("converged", "n_steps", "nearest", "overlap", "distance", "energy")
        return {name: value for name in names if (value := getattr(self, name)) is not None}


@dataclass(frozen=True, repr=False, eq=False)
class RecallCurve(Result):
    """Recall against noise.

    Attributes
    ----------
    level : ndarray
        Noise levels.
    restored : ndarray
        Fraction of cues from which the pattern was restored.
    low, high : ndarray
        95 % interval of that fraction (Wilson).
    overlap : ndarray
        Mean cosine between recalled state and pattern.
    error : ndarray
        Mean error per entry.
    steps : ndarray
        Mean number of steps.
    """

    level: NDArray[np.float64]
    restored: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    overlap: NDArray[np.float64]
    error: NDArray[np.float64]
    steps: NDArray[np.float64]


@dataclass(frozen=True, repr=False, eq=False)
class CapacityCurve(Result):
    """Recall against the number of stored patterns.

    Attributes
    ----------
    n_patterns : ndarray of int
        Number of patterns M.
    load : ndarray
        M / N.
    restored : ndarray
        Fraction of patterns that were restored.
    low, high : ndarray
        95 % interval of that fraction (Wilson).
    perfect : ndarray
        Fraction of memories that restored every pattern.
    error : ndarray
        Mean error per entry.
    """

    n_patterns: NDArray[np.int64]
    load: NDArray[np.float64]
    restored: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    perfect: NDArray[np.float64]
    error: NDArray[np.float64]


def columns(points: list[dict[str, Any]]) -> dict[str, Any]:
    """Turn the engine's list of points into arrays by name."""
    table = {name: np.array([point[name] for point in points]) for name in points[0]}
    table["low"], table["high"] = table.pop("restored_interval").T
    table.pop("n_cues", None)
    return table
