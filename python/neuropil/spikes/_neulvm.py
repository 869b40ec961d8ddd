"""Inference of the hidden circuit behind recorded spikes (neuLVM, arXiv:2205.13493)."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from neuropil import _neuropil
from neuropil._estimator import Estimator
from neuropil._progress import bars
from neuropil._results import frozen
from neuropil.errors import ConvergenceWarning, InputError, NeuropilError
from neuropil.spikes._network import MesoResult, Network
from neuropil.spikes._trains import SpikeTrains, as_trains, bin_spikes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray


class NeuLVM(Estimator):
    """Fit a network of integrate-and-fire populations to the spikes of a few neurons.

    Parameters
    ----------
    network : Network, optional
        Template: sizes, time constants that stay fixed, signs of the couplings, and the centres of the bounds. The
        winner-take-all circuit where it is not given.
    dt : float
        Bin width, s. Fitted parameters are effective at this step: simulate them with it.
    coupling : {"per_row", "per_entry", "fixed"}
        One strength per presynaptic population, every coupling of the template, or none.
    bounds : (float, float)
        Bounds of the parameters as multiples of the template.
    start : (float, float), optional
        Range of the random starts as multiples of the template; the bounds where it is not given.
    n_restarts : int
        Random starts.
    max_em : int
        Largest number of rounds.
    e_step : {"adam", "laplace"}
        How the activity is updated: as published with early stopping, or jointly with the parameters.
    age_bins : int, optional
        Age bins; eight membrane time constants where it is not given.
    history : float
        Time at the begin of every trial that gives the state at the start, s.
    smoothing : float
        Standard deviation of the smoothing from which the activity starts, s.
    random_state : int
        Seed of the starts.
    verbose : bool
        Whether progress is shown.

    Attributes
    ----------
    network_ : Network
        The fitted network.
    activity_ : list of ndarray of shape (T, M)
        Inferred activity of every trial after its history, Hz.
    smoothed_ : list of ndarray of shape (T, M)
        What it started from: the smoothed recorded trains.
    loss_, loss_history_, losses_
        Loss (nats per step and population) of the kept restart, of its rounds, and of all restarts.
    log_likelihood_ : tuple of (float, float)
        Of the activity and of the recorded spikes, nats.
    nats_per_spike_ : float
        Gain of the recorded part over neurons of constant rate.
    labels_ : ndarray
        Population of every neuron.
    converged_ : bool
        Whether the kept restart ended by itself.
    """

    def __init__(
        self,
        network: Network | None = None,
        dt: float = 0.004,
        coupling: str = "per_row",
        bounds: tuple[float, float] = (0.4, 2.0),
        start: tuple[float, float] | None = None,
        n_restarts: int = 5,
        max_em: int = 20,
        e_step: str = "adam",
        age_bins: int | None = None,
        history: float = 1.0,
        smoothing: float = 0.4,
        random_state: int = 0,
        verbose: bool = False,
    ) -> None:
        self.network = network
        self.dt = dt
        self.coupling = coupling
        self.bounds = bounds
        self.start = start
        self.n_restarts = n_restarts
        self.max_em = max_em
        self.e_step = e_step
        self.age_bins = age_bins
        self.history = history
        self.smoothing = smoothing
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, spikes: Any, labels: Sequence[int] | None = None, drive: Sequence[ArrayLike] | None = None) -> NeuLVM:
        """Fit the circuit.

        Parameters
        ----------
        spikes : SpikeTrains or what it can be made of
            See `bin_spikes`; binned at `dt`.
        labels : sequence of int, optional
            Population of every neuron, counted from 0; the populations of the spike trains where they are not given.
        drive : sequence of arrays of shape (T, M), optional
            External input of every trial at `dt`, the history included.

        Returns
        -------
        self
            With the attributes that end in an underscore.

        Raises
        ------
        InputError
            If labels, drive or parameters do not fit; the message says what.
        """
        template = self.network or Network.winner_take_all()
        trains = as_trains(spikes, self.dt)
        found = _labels(trains, labels)
        binned = bin_spikes(trains, self.dt)
        steps = {"adam": {"kind": "adam", "learning_rate": 1e-3, "max_iterations": 200, "patience": 3}}
        steps["laplace"] = {"kind": "laplace", "max_iterations": 200}
        if self.e_step not in steps:
            raise InputError(f'e_step must be "adam" or "laplace", got {self.e_step!r}')
        settings = {
            "coupling": self.coupling,
            "bounds": list(self.bounds),
            "start": list(self.bounds if self.start is None else self.start),
            "n_restarts": self.n_restarts,
            "max_rounds": self.max_em,
            "e_step": steps[self.e_step],
            "smoothing": self.smoothing,
            "seed": self.random_state,
        }
        drives = None if drive is None else [np.ascontiguousarray(part, dtype=float) for part in drive]
        parts = _neuropil.spikes_fit(
            template.to_json(),
            binned.trials,
            found.tolist(),
            round(self.history / self.dt),
            self.dt,
            json.dumps(settings),
            _grid(self.age_bins),
            drives,
            bars(self.verbose),
        )
        for message in parts["warnings"]:
            warnings.warn(message, stacklevel=2)
        self.network_ = Network.from_json(parts["network"])
        self.activity_ = [frozen(trial) for trial in parts["activity"]]
        self.smoothed_ = [frozen(trial) for trial in parts["smoothed"]]
        self.loss_ = parts["loss"]
        self.loss_history_ = np.array(parts["loss_history"])
        self.losses_ = np.array(parts["losses"])
        self.log_likelihood_ = (-parts["nll_latent"], -parts["nll_observed"])
        gain = -parts["nll_observed"] - parts["homogeneous_log_likelihood"]
        self.nats_per_spike_ = gain / max(parts["n_spikes"], 1)
        self.labels_ = found
        self.age_bins_ = parts["age_bins"]
        self.converged_ = parts["converged"]
        if not self.converged_:
            warnings.warn(
                f"the fit did not come to an end by itself in {self.max_em} rounds; the result is the best so far",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def simulate(self, duration: float, seed: int = 0, drive: ArrayLike | None = None) -> MesoResult:
        """Run the fitted circuit freely, with the scheme, noise and time step of the fit.

        Parameters
        ----------
        duration : float
            Simulated time, s.
        seed : int
            Seed.
        drive : array of shape (T, M), optional
            External input, as in `Network.simulate_micro`.

        Returns
        -------
        MesoResult
            Activity at the bin width of the fit.
        """
        start = np.mean(self._fitted().activity_[0], axis=0)
        return self.network_.simulate_meso(
            duration, dt=self.dt, seed=seed, scheme="survival", noise="gaussian", start=list(start), drive=drive
        )

    def score(self, spikes: Any, labels: Sequence[int] | None = None) -> float:
        """Return the log-likelihood of recorded spikes given the fitted circuit and activity, per spike above constant rates.

        Parameters
        ----------
        spikes : SpikeTrains or what it can be made of
            Neurons over the same time as the fit: those of the fit, or others that were held out.
        labels : sequence of int, optional
            Population of every neuron.

        Returns
        -------
        float
            Nats per spike.
        """
        self._fitted()
        trains = as_trains(spikes, self.dt)
        _, observed = log_likelihood(
            self.network_, self.activity_, trains, labels=labels, dt=self.dt, history=self.history, age_bins=self.age_bins
        )
        binned = bin_spikes(trains, self.dt).trials
        skip = round(self.history / self.dt)
        baseline, n_spikes = 0.0, 0
        kept = np.concatenate([trial[skip:] for trial in binned]).astype(float)
        for train in kept.T:
            n, p = train.sum(), train.mean()
            n_spikes += int(n)
            if 0 < p < 1:
                baseline += n * np.log(p) + (train.size - n) * np.log1p(-p)
        return float((observed - baseline) / max(n_spikes, 1))

    def _fitted(self) -> NeuLVM:
        if not hasattr(self, "network_"):
            raise NeuropilError("this NeuLVM is not fitted yet; call fit(spikes) first")
        return self


def log_likelihood(
    network: Network,
    activity: Sequence[ArrayLike],
    spikes: Any,
    labels: Sequence[int] | None = None,
    dt: float = 0.004,
    history: float = 1.0,
    age_bins: int | None = None,
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

    Returns
    -------
    (float, float)
        Log-likelihood of the activity, and of the recorded spikes given the activity, in nats.
    """
    trains = as_trains(spikes, dt)
    binned = bin_spikes(trains, dt)
    latent = [np.ascontiguousarray(trial, dtype=float) for trial in activity]
    found = _labels(trains, labels).tolist()
    return _neuropil.spikes_log_likelihood(
        network.to_json(), latent, binned.trials, found, round(history / dt), dt, _grid(age_bins)
    )


def cluster_neurons(
    spikes: Any, n_populations: int | None = None, dt: float = 0.004, smoothing: float = 0.2, random_state: int = 0
) -> tuple[NDArray[np.int64], dict[int, float]]:
    """Find populations among recorded neurons.

    Parameters
    ----------
    spikes : SpikeTrains or what it can be made of
        See `bin_spikes`; the first trial is used.
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
    binned = bin_spikes(spikes, dt)
    settings = {"n_populations": n_populations, "smoothing": smoothing, "seed": random_state}
    labels, silhouettes = _neuropil.spikes_cluster(binned.trials[0], dt, json.dumps(settings))
    return np.array(labels, dtype=np.int64), dict(silhouettes)


def _labels(trains: SpikeTrains, labels: Sequence[int] | None) -> NDArray[np.int64]:
    found = trains.labels if labels is None else np.asarray(labels)
    if found is None:
        raise InputError(
            "the population of the neurons is not known; give labels (one number from 0 on per neuron), or find them with "
            "cluster_neurons"
        )
    if found.shape != (trains.n_neurons,):
        raise InputError(f"labels has shape {found.shape}, but there are {trains.n_neurons} neurons; one label each")
    if np.any(found < 0):
        raise InputError(f"labels[{int(np.argmin(found))}] is {found.min()}; populations are counted from 0")
    return found.astype(np.int64)


def _grid(age_bins: int | None) -> str:
    return json.dumps({"age_bins": age_bins, "old_ages": "pooled"})
