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
from neuropil.spikes import _fit_file
from neuropil.spikes._log_likelihood import log_likelihood
from neuropil.spikes._network import Network
from neuropil.spikes._population import Population
from neuropil.spikes._recording import Recorded, age_grid, coupling_rule
from neuropil.spikes._simulation import MesoResult
from neuropil.spikes._trains import as_trains, bin_spikes
from neuropil.spikes._uncertainty import HiddenActivity, ParameterUncertainty, PerturbationPrediction

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from numpy.typing import ArrayLike


class NeuLVM(Estimator):
    """Fit a network of integrate-and-fire populations to the spikes of a few neurons.

    Parameters
    ----------
    network : Network, optional
        Template: sizes, time constants that stay fixed, signs of the couplings, and the centres of the bounds. Without
        one, populations with the defaults of `Population` and couplings of either sign.
    dt : float
        Bin width, s. Fitted parameters are effective at this step: simulate them with it.
    sizes : sequence of int, optional
        Neurons of every population, recorded or not; those of the template, or 400 each, where they are not given.
    coupling : {"per_row", "per_entry", "unsigned", "fixed"}, optional
        One strength per presynaptic population, every coupling of the template, every coupling with either sign, or
        none; "per_row" with a template and "unsigned" without one where it is not given.
    coupling_limit : float
        "unsigned": largest coupling, in units of the softness.
    bounds : (float, float)
        Bounds of the parameters as multiples of the template.
    start : (float, float), optional
        Range of the random starts as multiples of the template; the bounds where it is not given.
    n_restarts : int
        Random starts.
    max_em : int
        Largest number of rounds.
    e_step : {"laplace", "adam"}
        How the activity is updated: jointly with the parameters, or as published, with early stopping.
    e_step_max_iter : int, optional
        Largest number of iterations of the activity per round; 150 ("laplace") or 200 ("adam") where it is not given.
    learning_rate : float
        "adam": step size.
    patience : int
        "adam": steps in succession that may fail to improve both parts of the likelihood.
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
    params_ : dict of str to float
        The free parameters in units of the softness, by name.
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
        sizes: Sequence[int] | None = None,
        coupling: str | None = None,
        coupling_limit: float = 20.0,
        bounds: tuple[float, float] = (0.4, 2.0),
        start: tuple[float, float] | None = None,
        n_restarts: int = 5,
        max_em: int = 20,
        e_step: str = "laplace",
        e_step_max_iter: int | None = None,
        learning_rate: float = 1e-3,
        patience: int = 3,
        age_bins: int | None = None,
        history: float = 1.0,
        smoothing: float = 0.4,
        random_state: int = 0,
        verbose: bool = False,
    ) -> None:
        self.network = network
        self.dt = dt
        self.sizes = sizes
        self.coupling = coupling
        self.coupling_limit = coupling_limit
        self.bounds = bounds
        self.start = start
        self.n_restarts = n_restarts
        self.max_em = max_em
        self.e_step = e_step
        self.e_step_max_iter = e_step_max_iter
        self.learning_rate = learning_rate
        self.patience = patience
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
        recorded = Recorded.of(spikes, labels, self.history, self.dt, drive)
        template = self._template(int(recorded.labels.max()) + 1)
        default = "unsigned" if self.network is None else "per_row"
        settings = {
            "coupling": coupling_rule(self.coupling or default, self.coupling_limit),
            "bounds": list(self.bounds),
            "start": list(self.bounds if self.start is None else self.start),
            "n_restarts": self.n_restarts,
            "max_rounds": self.max_em,
            "e_step": self._e_step(),
            "smoothing": self.smoothing,
            "seed": self.random_state,
        }
        parts = _neuropil.spikes_fit(
            template.to_json(), recorded.parts(), json.dumps(settings), age_grid(self.age_bins), bars(self.verbose)
        )
        for message in parts["warnings"]:
            warnings.warn(message, stacklevel=2)
        self.network_ = Network.from_json(parts["network"])
        self.params_ = dict(zip(parts["names"], np.multiply(parts["numbers"], parts["scales"]).tolist(), strict=True))
        self.activity_ = [frozen(trial) for trial in parts["activity"]]
        self.smoothed_ = [frozen(trial) for trial in parts["smoothed"]]
        self.loss_ = parts["loss"]
        self.loss_history_ = np.array(parts["loss_history"])
        self.losses_ = np.array(parts["losses"])
        self.log_likelihood_ = (-parts["nll_latent"], -parts["nll_observed"])
        gain = -parts["nll_observed"] - parts["homogeneous_log_likelihood"]
        self.nats_per_spike_ = gain / max(parts["n_spikes"], 1)
        self.labels_ = recorded.labels
        self.converged_ = parts["converged"]
        self.age_bins_ = json.loads(parts["likelihood"])["age_bins"]
        self._inside_ = {name: parts[name] for name in ("likelihood", "free", "numbers", "names")}
        self._recorded_ = recorded
        self._uncertainty_: ParameterUncertainty | None = None
        if not self.converged_:
            warnings.warn(
                f"the fit did not come to an end by itself in {self.max_em} rounds; the result is the best so far",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def simulate(self, duration: float, seed: int = 0, drive: ArrayLike | None = None) -> MesoResult:
        """Run the fitted circuit freely, with the scheme and the time step of the fit.

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
        start = self._fitted()._mean_activity()
        return self.network_.simulate_meso(duration, dt=self.dt, seed=seed, scheme="survival", start=start, drive=drive)

    def hidden_activity(self, coverage: float = 0.9, n_samples: int = 20, seed: int = 0) -> HiddenActivity:
        """Return bands for the activity and the evidence at the fitted parameters (Laplace approximation).

        They belong to the recording of the fit: the search for the most probable course starts at that of the fit.

        Parameters
        ----------
        coverage : float
            Probability inside the bands.
        n_samples : int
            Samples behind bands and evidence.
        seed : int
            Seed of the samples.

        Returns
        -------
        HiddenActivity
            Mode, bands, samples, evidence.
        """
        self._fitted()
        settings = {"coverage": coverage, "n_samples": n_samples, "seed": seed}
        parts = _neuropil.spikes_hidden_activity(
            self.network_.to_json(),
            self._recorded_.parts(),
            self._inside_["likelihood"],
            json.dumps(settings),
            self.activity_,
            bars(self.verbose),
        )
        course = {name: [frozen(trial) for trial in parts[name]] for name in ("activity", "lower", "upper")}
        samples = [[frozen(trial) for trial in sample] for sample in parts["samples"]]
        numbers = [parts[name] for name in ("log_density", "log_evidence", "log_evidence_error")]
        return HiddenActivity(course["activity"], course["lower"], course["upper"], samples, *numbers)

    def parameter_uncertainty(self) -> ParameterUncertainty:
        """Return how well the recording determines the parameters, with the activity hidden.

        Returns
        -------
        ParameterUncertainty
            Values with standard deviations and covariance; kept for `predict_perturbation`.
        """
        self._fitted()
        if self._uncertainty_ is None:
            covariance, root = _neuropil.spikes_parameter_uncertainty(
                self.network_.to_json(),
                self._recorded_.parts(),
                self._inside_["likelihood"],
                self._inside_["free"],
                self._inside_["numbers"],
                self.activity_,
                bars(self.verbose),
            )
            values = frozen(np.array(self._inside_["numbers"]))
            deviations = frozen(np.sqrt(np.diag(covariance)))
            names = list(self._inside_["names"])
            self._uncertainty_ = ParameterUncertainty(names, values, deviations, frozen(covariance), frozen(root))
        return self._uncertainty_

    def predict_perturbation(
        self,
        drive: ArrayLike,
        n_trials: int = 20,
        n_experiments: int = 60,
        coverage: float = 0.9,
        warm_up: float = 1.0,
        start: Sequence[float] | None = None,
        seed: int = 0,
    ) -> PerturbationPrediction:
        """Predict the mean response to a stimulation, with an interval.

        Parameters
        ----------
        drive : array of shape (T, M)
            External input at `dt`, in units of the potential per second; ``x`` shifts the resting potential by
            ``x * tau_m``.
        n_trials : int
            Trials over which the experiment averages.
        n_experiments : int
            Simulated experiments behind the interval.
        coverage : float
            Probability inside the interval.
        warm_up : float
            Time that the circuit runs before a trial, s.
        start : sequence of float, optional
            Activity (Hz) of every population at the begin of the warm-up; the mean activity of the fit where it is
            not given.
        seed : int
            Seed.

        Returns
        -------
        PerturbationPrediction
            The response, and that without stimulation. The interval holds chance and, after a call of
            `parameter_uncertainty`, what the fit leaves open about the parameters.
        """
        self._fitted()
        stimulus = np.ascontiguousarray(drive, dtype=float)
        if stimulus.ndim != 2:
            raise InputError(f"drive has shape {stimulus.shape}; it is time step x population")
        settings = {
            "n_trials": n_trials,
            "n_experiments": n_experiments,
            "coverage": coverage,
            "warm_up": warm_up,
            "start": self._mean_activity() if start is None else [float(rate) for rate in start],
            "seed": seed,
        }
        numbers = self._inside_["numbers"]
        known = self._uncertainty_
        root = np.zeros((len(numbers), len(numbers))) if known is None else known.root
        found = [
            _neuropil.spikes_predict_perturbation(
                self.network_.to_json(),
                self._inside_["free"],
                numbers,
                root,
                course,
                self.dt,
                json.dumps(settings),
                bars(self.verbose),
            )
            for course in (stimulus, np.zeros_like(stimulus))
        ]
        ends = [frozen(found[0][name]) for name in ("mean", "lower", "upper")]
        times = frozen(np.arange(stimulus.shape[0]) * self.dt)
        return PerturbationPrediction(times, *ends, frozen(found[1]["mean"]))

    def score(self, spikes: Any, labels: Sequence[int] | None = None) -> float:
        """Return the log-likelihood per spike of recorded spikes at the fit, above that of constant rates.

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
            self.network_,
            self.activity_,
            trains,
            labels=labels,
            dt=self.dt,
            history=self.history,
            age_bins=self.age_bins_,
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

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fit to a file that `neuropil.load` and the command line (`perturb`, `evaluate`, ...) read.

        Parameters
        ----------
        path : path
            The file; JSON, whatever its name.
        """
        _fit_file.write(self._fitted(), path)

    def _template(self, n: int) -> Network:
        if self.network is not None:
            if self.sizes is None:
                return self.network
            return self.network.with_sizes(self.sizes)
        sizes = [400] * n if self.sizes is None else [int(size) for size in self.sizes]
        return Network([Population(n_neurons=size) for size in sizes], np.zeros((len(sizes), len(sizes))))

    def _e_step(self) -> dict[str, Any]:
        if self.e_step == "laplace":
            return {"kind": "laplace", "max_iterations": self.e_step_max_iter or 150}
        if self.e_step == "adam":
            iterations = self.e_step_max_iter or 200
            steps = {"learning_rate": self.learning_rate, "max_iterations": iterations, "patience": self.patience}
            return {"kind": "adam", **steps}
        raise InputError(f'e_step must be "laplace" or "adam", got {self.e_step!r}')

    def _mean_activity(self) -> list[float]:
        return np.concatenate(self.activity_).mean(axis=0).tolist()

    def _fitted(self) -> NeuLVM:
        if not hasattr(self, "network_"):
            raise NeuropilError("this NeuLVM is not fitted yet; call fit(spikes) first")
        return self
