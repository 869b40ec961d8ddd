"""Fits to known activity: maximum likelihood and Hamiltonian Monte Carlo."""

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
from neuropil.spikes._network import Network
from neuropil.spikes._recording import coupling_rule
from neuropil.spikes._uncertainty import PosteriorSamples

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray


class FullObservation(Estimator):
    """Fit a network to the activity of all its populations (as in arXiv:1910.01618).

    Parameters
    ----------
    network : Network
        Template: sizes, time constants that stay fixed, signs of the couplings, and the centres of the bounds.
    dt : float
        Time step of the activity, s.
    noise : {"binomial", "gaussian"}
        Noise of the counts; binomial is exact.
    coupling : {"per_row", "per_entry", "unsigned", "fixed"}
        Which couplings are free; see `NeuLVM`.
    coupling_limit : float
        "unsigned": largest coupling, in units of the softness.
    bounds : (float, float)
        Bounds of the parameters as multiples of the template.
    start : (float, float)
        Range of the random starts as multiples of the template.
    n_restarts : int
        Random starts.
    random_state : int
        Seed of the starts and of the samples.
    verbose : bool
        Whether progress is shown.

    Attributes
    ----------
    network_ : Network
        The fitted network.
    names_, values_, standard_deviations_, covariance_
        The free parameters as multiples of the template, and how well they are determined.
    log_likelihood_ : float
        Of the activity, nats.
    converged_ : bool
        Whether the search ended by itself.
    """

    def __init__(
        self,
        network: Network | None = None,
        dt: float = 0.001,
        noise: str = "binomial",
        coupling: str = "per_row",
        coupling_limit: float = 20.0,
        bounds: tuple[float, float] = (0.4, 2.0),
        start: tuple[float, float] = (0.8, 1.2),
        n_restarts: int = 2,
        random_state: int = 0,
        verbose: bool = False,
    ) -> None:
        self.network = network
        self.dt = dt
        self.noise = noise
        self.coupling = coupling
        self.coupling_limit = coupling_limit
        self.bounds = bounds
        self.start = start
        self.n_restarts = n_restarts
        self.random_state = random_state
        self.verbose = verbose

    def fit(
        self, activity: Sequence[ArrayLike] | ArrayLike, drive: Sequence[ArrayLike] | None = None
    ) -> FullObservation:
        """Maximise the likelihood.

        Parameters
        ----------
        activity : array of shape (T, M), or a sequence of them
            Activity of every population, Hz; one array per trial.
        drive : sequence of arrays of shape (T, M), optional
            External input of every trial.

        Returns
        -------
        self
            With the attributes that end in an underscore.
        """
        parts = self._run(activity, drive, None)
        self.network_ = Network.from_json(parts["network"])
        self.names_ = list(parts["names"])
        self.values_ = frozen(parts["values"])
        self.standard_deviations_ = frozen(parts["standard_deviations"])
        self.covariance_ = frozen(parts["covariance"])
        self.log_likelihood_ = float(parts["log_likelihood"])
        self.converged_ = bool(parts["converged"])
        if not self.converged_:
            message = "the search for the maximum did not come to an end by itself; the result is the best so far"
            warnings.warn(message, ConvergenceWarning, stacklevel=2)
        self._activity, self._drive = activity, drive
        return self

    def sample(
        self,
        n_samples: int = 300,
        n_chains: int = 2,
        n_warmup: int = 100,
        leapfrog_steps: int = 8,
        prior_sd: float = 0.5,
        acceptance: float = 0.8,
    ) -> PosteriorSamples:
        """Sample the posterior of the parameters around the fit; the fit is repeated first.

        Parameters
        ----------
        n_samples : int
            Samples per chain.
        n_chains : int
            Independent chains.
        n_warmup : int
            Steps that find the step size and are dropped.
        leapfrog_steps : int
            Steps per sample; the actual number varies between half and all of them.
        prior_sd : float
            Standard deviation of the prior around the template, as a multiple of it.
        acceptance : float
            Acceptance that the step size aims at.

        Returns
        -------
        PosteriorSamples
            Samples, and whether the chains agree.
        """
        if not hasattr(self, "network_"):
            raise NeuropilError("this FullObservation is not fitted yet; call fit(activity) first")
        settings = {
            "n_chains": n_chains,
            "n_warmup": n_warmup,
            "n_samples": n_samples,
            "leapfrog_steps": leapfrog_steps,
            "acceptance": acceptance,
            "prior_sd": prior_sd,
            "seed": self.random_state,
        }
        parts = self._run(self._activity, self._drive, json.dumps(settings))
        arrays = [frozen(parts[name]) for name in ("samples", "energy", "acceptance", "step_size")]
        return PosteriorSamples(list(parts["names"]), *arrays, int(parts["divergences"]), frozen(parts["r_hat"]))

    def _run(self, activity: Any, drive: Any, sampler: str | None) -> dict[str, Any]:
        if self.network is None:
            raise InputError("network is None; give the template, for example Network.winner_take_all()")
        trials = [activity] if isinstance(activity, np.ndarray) and activity.ndim == 2 else list(activity)
        settings = {
            "latent": self.noise,
            "coupling": coupling_rule(self.coupling, self.coupling_limit),
            "bounds": list(self.bounds),
            "start": list(self.start),
            "n_restarts": self.n_restarts,
            "seed": self.random_state,
        }
        return _neuropil.spikes_fit_full_observation(
            self.network.to_json(),
            [_matrix(trial) for trial in trials],
            self.dt,
            json.dumps(settings),
            None if drive is None else [_matrix(part) for part in drive],
            sampler,
            bars(self.verbose),
        )


def _matrix(values: ArrayLike) -> NDArray[np.float64]:
    array = np.ascontiguousarray(values, dtype=float)
    if array.ndim != 2:
        raise InputError(f"an array of shape {array.shape} was given; activity and drive are time step x population")
    return array
