"""Likelihoods of recorded spikes and hidden activity, and clusters of neurons."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from neuropil import _neuropil
from neuropil.spikes._recording import Recorded, age_grid
from neuropil.spikes._trains import bin_spikes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from neuropil.spikes._network import Network


def log_likelihood(
    network: Network,
    activity: Sequence[ArrayLike],
    spikes: Any,
    labels: Sequence[int] | None = None,
    dt: float = 0.004,
    history: float = 1.0,
    age_bins: int | None = None,
    drive: Sequence[ArrayLike] | None = None,
) -> tuple[float, float]:
    """Return the joint log-likelihood of the activity of all populations and of the recorded spikes.

    Parameters
    ----------
    network : Network
        The circuit.
    activity : sequence of arrays of shape (T, M)
        Activity of every trial after its history, Hz.
    spikes : SpikeTrains or what it can be made of
        See `bin_spikes`.
    labels : sequence of int, optional
        Population of every neuron.
    dt : float
        Bin width, s.
    history : float
        Time at the begin of every trial that gives the state at the start, s.
    age_bins : int, optional
        Age bins; eight membrane time constants where it is not given.
    drive : sequence of arrays of shape (T, M), optional
        External input of every trial, the history included.

    Returns
    -------
    (float, float)
        Log-likelihood of the activity, and of the recorded spikes given the activity, in nats.
    """
    recorded = Recorded.of(spikes, labels, history, dt, drive)
    return _neuropil.spikes_log_likelihood(network.to_json(), _arrays(activity), recorded.parts(), age_grid(age_bins))


def authors_loss(
    network: Network,
    activity: Sequence[ArrayLike],
    spikes: Any,
    labels: Sequence[int] | None = None,
    dt: float = 0.004,
    history: float = 1.0,
    age_bins: int = 250,
) -> tuple[float, float]:
    """Return the loss of the program that was published with the model, with all its approximations.

    It is a mean per time step and population, takes small firing probabilities for hazards, gives neurons in their
    refractory period a hazard, and starts from the stationary state of its own; `log_likelihood` does none of this.
    To compare with published losses.

    Parameters
    ----------
    network : Network
        The circuit.
    activity : sequence of arrays of shape (T, M)
        Activity of every trial after its history, Hz.
    spikes : SpikeTrains or what it can be made of
        See `bin_spikes`.
    labels : sequence of int, optional
        Population of every neuron.
    dt : float
        Bin width, s.
    history : float
        Time at the begin of every trial that gives the state at the start, s.
    age_bins : int
        Age bins; older neurons are dropped.

    Returns
    -------
    (float, float)
        Loss of the recorded spikes, and of the activity.
    """
    recorded = Recorded.of(spikes, labels, history, dt)
    return _neuropil.spikes_authors_loss(network.to_json(), _arrays(activity), recorded.parts(), age_bins)


def cluster_neurons(
    spikes: Any, n_populations: int | None = None, dt: float = 0.004, smoothing: float = 0.2, random_state: int = 0
) -> tuple[NDArray[np.int64], dict[int, float]]:
    """Find populations among recorded neurons.

    Parameters
    ----------
    spikes : SpikeTrains or what it can be made of
        See `bin_spikes`; trials are laid end to end.
    n_populations : int, optional
        Number of populations; the best silhouette decides where it is not given.
    dt : float
        Bin width, s.
    smoothing : float
        Standard deviation of the smoothing, s.
    random_state : int
        Seed.

    Returns
    -------
    labels : ndarray of shape (n,)
        Population of every neuron, the lowest mean rate first.
    silhouettes : dict of int to float
        Mean silhouette for every number of populations that was tried.
    """
    binned = np.concatenate(bin_spikes(spikes, dt).trials)
    settings = {"n_populations": n_populations, "smoothing": smoothing, "seed": random_state}
    labels, silhouettes = _neuropil.spikes_cluster(binned, dt, json.dumps(settings))
    return np.array(labels, dtype=np.int64), dict(silhouettes)


def _arrays(activity: Sequence[ArrayLike]) -> list[NDArray[np.float64]]:
    return [np.ascontiguousarray(trial, dtype=float) for trial in activity]
