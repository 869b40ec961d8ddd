"""What simulations and the mean field of a network give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from neuropil._results import Result

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from neuropil.spikes._trains import SpikeTrains


@dataclass(frozen=True, eq=False, repr=False)
class MicroResult(Result):
    """A microscopic simulation.

    Attributes
    ----------
    dt : float
        Time step, s.
    counts : ndarray of shape (T, M)
        Spikes per time step and population.
    activity : ndarray of shape (T, M)
        Activity, Hz.
    spikes : SpikeTrains or None
        Spikes of the recorded neurons; None when nobody was recorded.
    """

    dt: float
    counts: NDArray[np.int64]
    activity: NDArray[np.float64]
    spikes: SpikeTrains | None


@dataclass(frozen=True, eq=False, repr=False)
class MesoResult(Result):
    """A mesoscopic simulation.

    Attributes
    ----------
    dt : float
        Time step, s.
    counts : ndarray of shape (T, M)
        Spikes per time step and population.
    activity : ndarray of shape (T, M)
        Activity, Hz.
    expected : ndarray of shape (T, M)
        Expected activity of every step given the past, Hz.
    age_bins : list of int
        Number of age bins of every population.
    """

    dt: float
    counts: NDArray[np.float64]
    activity: NDArray[np.float64]
    expected: NDArray[np.float64]
    age_bins: list[int]


@dataclass(frozen=True, eq=False, repr=False)
class FixedPoint(Result):
    """A fixed point of the mean field.

    Attributes
    ----------
    activity : ndarray of shape (M,)
        Activity, Hz.
    potential : ndarray of shape (M,)
        Input potential.
    growth : float
        Growth rate of small disturbances, 1/s.
    stable : bool
        Whether they die out.
    """

    activity: NDArray[np.float64]
    potential: NDArray[np.float64]
    growth: float
    stable: bool


@dataclass(frozen=True, eq=False, repr=False)
class PhasePlane(Result):
    """The phase plane of two populations; the others sit at their own rest.

    Attributes
    ----------
    x, y : ndarray of shape (n,)
        Activities of the two populations, Hz.
    change_x, change_y : ndarray of shape (n, n)
        Rate minus activity (row = y, column = x).
    nullcline_x, nullcline_y : ndarray of shape (k, 2)
        Points (x, y) where they vanish.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    change_x: NDArray[np.float64]
    change_y: NDArray[np.float64]
    nullcline_x: NDArray[np.float64]
    nullcline_y: NDArray[np.float64]
