"""Spike trains: one container for every source, and what is counted in them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from neuropil import _neuropil
from neuropil._results import Result, frozen
from neuropil.errors import InputError

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

Trial = tuple[float, float, "NDArray[np.float64]", list[int]]


class SpikeTrains:
    """Spike times of several neurons in one or more trials.

    Parameters
    ----------
    trials : sequence
        One entry per trial: a list with one sorted array of spike times (s) per neuron.
    t_stop : float or sequence of float, optional
        End of every trial, s; the last spike where it is not given.
    t_start : float or sequence of float, optional
        Begin of every trial, s.
    neurons : sequence of str, optional
        Names; 0, 1, ... where they are not given.
    populations : sequence of str, optional
        Name of the population of every neuron.

    Raises
    ------
    InputError
        If times are not finite, not sorted or outside their trial; the message says which.
    """

    def __init__(
        self,
        trials: Sequence[Sequence[Any]],
        t_stop: float | Sequence[float] | None = None,
        t_start: float | Sequence[float] = 0.0,
        neurons: Sequence[Any] | None = None,
        populations: Sequence[Any] | None = None,
    ) -> None:
        parts: list[Trial] = []
        starts = np.broadcast_to(np.asarray(t_start, dtype=float), len(trials))
        for i, trains in enumerate(trials):
            arrays = [np.asarray(train, dtype=float).ravel() for train in trains]
            times = np.concatenate(arrays) if arrays else np.zeros(0)
            offsets = [0, *np.cumsum([array.size for array in arrays]).tolist()]
            if t_stop is None:
                last = max((float(np.max(array)) for array in arrays if array.size), default=float(starts[i]))
            else:
                last = float(np.broadcast_to(np.asarray(t_stop, dtype=float), len(trials))[i])
            parts.append((float(starts[i]), last, times, offsets))
        n = len(parts[0][3]) - 1 if parts else 0
        self.neurons = [str(name) for name in (range(n) if neurons is None else neurons)]
        self.populations = None if populations is None else [str(name) for name in populations]
        self._trials = parts
        _neuropil.spikes_describe(*self._parts(), "trains", 1.0)

    @classmethod
    def _of(cls, parts: Mapping[str, Any]) -> SpikeTrains:
        new = cls.__new__(cls)
        new.neurons = list(parts["neurons"])
        new.populations = None if parts["populations"] is None else list(parts["populations"])
        new._trials = [
            (start, stop, times, [int(k) for k in offsets]) for start, stop, times, offsets in parts["trials"]
        ]
        return new

    def _parts(self) -> tuple[list[str], list[Trial]]:
        return self.neurons, self._trials

    @property
    def n_neurons(self) -> int:
        """Number of neurons."""
        return len(self.neurons)

    @property
    def n_trials(self) -> int:
        """Number of trials."""
        return len(self._trials)

    @property
    def n_spikes(self) -> int:
        """Number of spikes in all trials."""
        return sum(times.size for _, _, times, _ in self._trials)

    @property
    def t_start(self) -> list[float]:
        """Begin of every trial, s."""
        return [trial[0] for trial in self._trials]

    @property
    def t_stop(self) -> list[float]:
        """End of every trial, s."""
        return [trial[1] for trial in self._trials]

    @property
    def labels(self) -> NDArray[np.int64] | None:
        """Population of every neuron as a number, in order of appearance; None where it is not known."""
        if self.populations is None:
            return None
        names = list(dict.fromkeys(self.populations))
        return np.array([names.index(name) for name in self.populations], dtype=np.int64)

    def times(self, neuron: int, trial: int = 0) -> NDArray[np.float64]:
        """Return the spike times of one neuron in one trial.

        Parameters
        ----------
        neuron : int
            Index of the neuron.
        trial : int
            Index of the trial.

        Returns
        -------
        ndarray
            Times in seconds, sorted.
        """
        _, _, times, offsets = self._trials[trial]
        return times[offsets[neuron] : offsets[neuron + 1]]

    def select(self, neurons: Sequence[int]) -> SpikeTrains:
        """Return only these neurons, in this order.

        Parameters
        ----------
        neurons : sequence of int
            Indices.

        Returns
        -------
        SpikeTrains
            A copy.
        """
        return SpikeTrains(
            [[self.times(neuron, trial) for neuron in neurons] for trial in range(self.n_trials)],
            t_stop=self.t_stop,
            t_start=self.t_start,
            neurons=[self.neurons[neuron] for neuron in neurons],
            populations=None if self.populations is None else [self.populations[neuron] for neuron in neurons],
        )

    def save(self, path: str | os.PathLike[str], overwrite: bool = False) -> None:
        """Write a csv, npz, NWB or HDF5 file, by the ending of the path.

        Parameters
        ----------
        path : path
            Where to; ends in ``.csv``, ``.npz``, ``.nwb`` or ``.h5``.
        overwrite : bool
            Whether an existing file is replaced.
        """
        _neuropil.spikes_write(path, self.neurons, self.populations, self._trials, overwrite)

    def __repr__(self) -> str:
        seconds = sum(stop - start for start, stop, _, _ in self._trials)
        return f"SpikeTrains({self.n_neurons} neurons, {self.n_spikes} spikes, {self.n_trials} trials, {seconds:g} s)"


def as_trains(spikes: Any, dt: float | None = None) -> SpikeTrains:
    """Return spike trains from what people have.

    `SpikeTrains`; a list of arrays of times (s); an array of 0 and 1, time x neuron or trial x time x neuron (needs
    `dt`); a pynapple ``TsGroup``; Neo ``SpikeTrain`` s. The objects are recognised by their attributes.
    """
    if isinstance(spikes, SpikeTrains):
        return spikes
    if hasattr(spikes, "time_support") and hasattr(spikes, "keys"):
        support = spikes.time_support
        start, stop = float(np.min(support.start)), float(np.max(support.end))
        keys = list(spikes.keys())
        trains = [np.asarray(spikes[key].t, dtype=float) for key in keys]
        return SpikeTrains([trains], t_stop=stop, t_start=start, neurons=keys)
    if isinstance(spikes, Sequence) and spikes and all(hasattr(train, "t_stop") for train in spikes):
        trains = [_seconds(train.times) for train in spikes]
        start = min(float(_seconds(train.t_start)) for train in spikes)
        stop = max(float(_seconds(train.t_stop)) for train in spikes)
        return SpikeTrains([trains], t_stop=stop, t_start=start)
    if isinstance(spikes, np.ndarray) and spikes.dtype != object:
        if dt is None:
            raise InputError("spikes is an array of bins; give the bin width dt in seconds")
        return _dense(np.asarray(spikes, dtype=float), dt)
    if isinstance(spikes, Sequence):
        return SpikeTrains([list(spikes)])
    raise InputError(
        f"spikes is a {type(spikes).__name__}; give SpikeTrains, a list of arrays of spike times (s), an array of 0 "
        "and 1, a pynapple TsGroup or a list of Neo SpikeTrains"
    )


def _seconds(quantity: Any) -> NDArray[np.float64]:
    rescale = getattr(quantity, "rescale", None)
    return np.asarray(rescale("s").magnitude if rescale is not None else quantity, dtype=float)


def _dense(bins: NDArray[np.float64], dt: float) -> SpikeTrains:
    if bins.ndim == 2:
        bins = bins[None]
    if bins.ndim != 3:
        raise InputError(f"spikes has shape {bins.shape}; an array of bins is time x neuron or trial x time x neuron")
    if not np.all((bins == 0) | (bins == 1)):
        place = tuple(int(k) for k in np.argwhere((bins != 0) & (bins != 1))[0])
        raise InputError(f"spikes{list(place)} is {bins[place]}; an array of bins holds 0 and 1")
    trials = [[(np.flatnonzero(trial[:, k]) + 0.5) * dt for k in range(bins.shape[2])] for trial in bins]
    return SpikeTrains(trials, t_stop=bins.shape[1] * dt)


@dataclass(frozen=True, eq=False, repr=False)
class BinnedSpikes(Result):
    """Spikes per bin.

    Attributes
    ----------
    trials : list of ndarray of shape (T, n), uint8
        One array per trial.
    dt : float
        Bin width, s.
    merged : int
        Spikes that shared a binary bin with another one of the same neuron and were not counted.
    dropped : int
        Spikes after the last whole bin.
    """

    trials: list[NDArray[np.uint8]]
    dt: float
    merged: int
    dropped: int


def bin_spikes(spikes: Any, dt: float, rule: str = "binary") -> BinnedSpikes:
    """Count spikes in bins.

    Parameters
    ----------
    spikes : SpikeTrains or what it can be made of
        See `neuropil.data.load_spikes` for files; lists of arrays of times, pynapple and Neo objects are taken as well.
    dt : float
        Bin width, s.
    rule : {"binary", "count"}
        What several spikes in one bin count: one (with a warning that says how many were merged) or their number.

    Returns
    -------
    BinnedSpikes
        Arrays (time, neuron), one per trial.
    """
    trains = as_trains(spikes, dt)
    arrays, merged, dropped = _neuropil.spikes_bin(*trains._parts(), float(dt), rule)
    if merged:
        warnings.warn(
            f"{merged} of {trains.n_spikes} spikes shared a bin of {dt * 1e3:g} ms with another spike of the same "
            "neuron and were merged; use a smaller dt to keep them",
            stacklevel=2,
        )
    return BinnedSpikes([frozen(array) for array in arrays], float(dt), merged, dropped)


@dataclass(frozen=True, eq=False, repr=False)
class TrainStatistics(Result):
    """One value per neuron, over all trials; NaN where it is not defined.

    Attributes
    ----------
    n_spikes : ndarray
        Number of spikes.
    rate : ndarray
        Spikes per second.
    cv : ndarray
        Coefficient of variation of the intervals.
    cv2 : ndarray
        Variation of neighbouring intervals, which slow changes of the rate do not raise.
    shortest_interval : ndarray
        Shortest interval, s.
    """

    n_spikes: NDArray[np.float64]
    rate: NDArray[np.float64]
    cv: NDArray[np.float64]
    cv2: NDArray[np.float64]
    shortest_interval: NDArray[np.float64]


def train_statistics(spikes: Any) -> TrainStatistics:
    """Return rate, variation and shortest interval of every neuron.

    Parameters
    ----------
    spikes : SpikeTrains or what it can be made of
        See `bin_spikes`.

    Returns
    -------
    TrainStatistics
        One value per neuron.
    """
    return TrainStatistics(**_neuropil.spikes_describe(*as_trains(spikes)._parts(), "trains", 1.0))


@dataclass(frozen=True, eq=False, repr=False)
class Psth(Result):
    """Mean rate against the time in a trial.

    Attributes
    ----------
    times : ndarray of shape (T,)
        Middle of every bin, s.
    rate : ndarray of shape (T, n)
        Mean over trials, Hz.
    standard_error : ndarray of shape (T, n)
        Standard error over trials, Hz; NaN with one trial.
    """

    times: NDArray[np.float64]
    rate: NDArray[np.float64]
    standard_error: NDArray[np.float64]


def psth(spikes: Any, dt: float) -> Psth:
    """Return the peri-stimulus time histogram.

    Parameters
    ----------
    spikes : SpikeTrains or what it can be made of
        See `bin_spikes`.
    dt : float
        Bin width, s.

    Returns
    -------
    Psth
        Rates over the length of the shortest trial.
    """
    return Psth(**_neuropil.spikes_describe(*as_trains(spikes, dt)._parts(), "psth", float(dt)))


def noise_correlation(spikes: Any, window: float) -> NDArray[np.float64]:
    """Return the correlations of spike counts of all pairs of neurons.

    Parameters
    ----------
    spikes : SpikeTrains or what it can be made of
        See `bin_spikes`. With several trials the mean over trials is subtracted first.
    window : float
        Length of the counting windows, s.

    Returns
    -------
    ndarray of shape (n, n)
        Pearson correlations; NaN where a count never changes.
    """
    return _neuropil.spikes_describe(*as_trains(spikes, window)._parts(), "correlations", float(window))["correlations"]
