"""What a fit leaves open: bands for the hidden activity, uncertainty of the parameters, predictions with intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from neuropil._results import Result

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False, repr=False)
class HiddenActivity(Result):
    """What is known about the hidden activity at given parameters: the Laplace approximation.

    Attributes
    ----------
    activity : list of ndarray of shape (T, M)
        The most probable course of every trial after its history, Hz.
    lower, upper : list of ndarray of shape (T, M)
        Ends of the band, Hz.
    samples : list of list of ndarray of shape (T, M)
        Plausible courses with their finite-size noise, Hz; one list of trials per sample.
    log_density : float
        Log-density of the spikes at the mode together with that of its innovations, nats.
    log_evidence : float
        Log-probability of the recorded spikes with the hidden activity integrated out, nats.
    log_evidence_error : float
        Standard error of `log_evidence` that the random directions leave; above 20 the approximation is not reliable.
    """

    activity: list[NDArray[np.float64]]
    lower: list[NDArray[np.float64]]
    upper: list[NDArray[np.float64]]
    samples: list[list[NDArray[np.float64]]]
    log_density: float
    log_evidence: float
    log_evidence_error: float

    def _columns(self) -> dict[str, Any]:
        parts = {"activity": self.activity, "lower": self.lower, "upper": self.upper}
        trial = np.concatenate([np.full(z.shape[0], k) for k, z in enumerate(self.activity)])
        return {"trial": trial, **{name: np.concatenate(trials) for name, trials in parts.items()}}


@dataclass(frozen=True, eq=False, repr=False)
class ParameterUncertainty(Result):
    """Gaussian approximation of what the recording says about the parameters, with the activity hidden.

    Attributes
    ----------
    names : list of str
        Names of the free parameters.
    values : ndarray of shape (n,)
        Their values as multiples of the template (potentials and couplings of the template can be zero: then as
        multiples of ten softnesses, or of the limit).
    standard_deviations : ndarray of shape (n,)
        In the same unit. A parameter that the recording does not determine has a quarter of the width of its bounds.
    covariance : ndarray of shape (n, n)
        In the same unit.
    root : ndarray of shape (n, n)
        A matrix whose product with its transpose is the covariance.
    """

    names: list[str]
    values: NDArray[np.float64]
    standard_deviations: NDArray[np.float64]
    covariance: NDArray[np.float64]
    root: NDArray[np.float64]

    def _columns(self) -> dict[str, Any]:
        names = np.array(self.names)
        return {"parameter": names, "value": self.values, "standard_deviation": self.standard_deviations}


@dataclass(frozen=True, eq=False, repr=False)
class PerturbationPrediction(Result):
    """Predicted mean response to a stimulation.

    Attributes
    ----------
    times : ndarray of shape (T,)
        Begin of every bin, s.
    mean : ndarray of shape (T, M)
        Median over simulated experiments of the mean over trials, Hz.
    lower, upper : ndarray of shape (T, M)
        Ends of the interval of the mean over the trials of one experiment, Hz.
    control : ndarray of shape (T, M)
        The mean without stimulation, Hz.
    """

    times: NDArray[np.float64]
    mean: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    control: NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class PosteriorSamples(Result):
    """Samples of the parameters from Hamiltonian Monte Carlo.

    Attributes
    ----------
    names : list of str
        Names of the parameters.
    samples : ndarray of shape (n_chains * n_samples, n)
        As multiples of the template; the chains one after the other.
    energy : ndarray
        Negative log-posterior of every sample, up to a constant, nats.
    acceptance, step_size : ndarray of shape (n_chains,)
        Mean acceptance and step size of every chain.
    divergences : int
        Trajectories whose energy error exceeded 1000.
    r_hat : ndarray of shape (n,)
        Split R-hat: near 1 when the chains agree.
    """

    names: list[str]
    samples: NDArray[np.float64]
    energy: NDArray[np.float64]
    acceptance: NDArray[np.float64]
    step_size: NDArray[np.float64]
    divergences: int
    r_hat: NDArray[np.float64]

    def _columns(self) -> dict[str, Any]:
        return {name: self.samples[:, i] for i, name in enumerate(self.names)} | {"energy": self.energy}
