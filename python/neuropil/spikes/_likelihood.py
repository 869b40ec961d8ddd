"""The joint likelihood with its gradient, for fits of one's own (arXiv:2205.13493, equation 4)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from neuropil import _neuropil
from neuropil._results import Result, frozen
from neuropil.errors import InputError
from neuropil.spikes._recording import Recorded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from neuropil.spikes._network import Network


@dataclass(frozen=True, eq=False, repr=False)
class LikelihoodGradient(Result):
    """A joint log-likelihood and its derivatives.

    Derivatives with respect to parameters belong to the numbers of `Network.reduced`, in nats per unit.

    Attributes
    ----------
    latent, observed : float
        Log-likelihood of the activity, and of the recorded spikes given the activity, nats.
    leak : ndarray of shape (M,)
        With respect to the leak rates ``1 / tau_m``, per 1/s.
    mu, threshold : ndarray of shape (M,)
        With respect to resting potentials and thresholds, per softness.
    tau_s : ndarray of shape (M,)
        With respect to the synaptic time constants, per second.
    coupling : ndarray of shape (M, M)
        With respect to the couplings, row = from, per softness.
    activity : list of ndarray of shape (T, M)
        With respect to the activity of every trial, per Hz.
    """

    latent: float
    observed: float
    leak: NDArray[np.float64]
    mu: NDArray[np.float64]
    threshold: NDArray[np.float64]
    tau_s: NDArray[np.float64]
    coupling: NDArray[np.float64]
    activity: list[NDArray[np.float64]]


class JointLikelihood:
    """The joint likelihood of recorded spikes and of the activity of all populations, prepared for many evaluations.

    Parameters
    ----------
    network : Network
        A circuit with the sizes, refractory periods, delay and number of populations of all that will be evaluated.
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
    old_ages : {"pooled", "dropped"}
        Whether neurons older than the grid share a pool, or count as missing (as published; wants a long grid).
    drive : sequence of arrays of shape (T, M), optional
        External input of every trial, the history included.
    """

    def __init__(
        self,
        network: Network,
        spikes: Any,
        labels: Sequence[int] | None = None,
        dt: float = 0.004,
        history: float = 1.0,
        age_bins: int | None = None,
        old_ages: str = "pooled",
        drive: Sequence[ArrayLike] | None = None,
    ) -> None:
        if old_ages not in ("pooled", "dropped"):
            raise InputError(f'old_ages must be "pooled" or "dropped", got {old_ages!r}')
        recorded = Recorded.of(spikes, labels, history, dt, drive)
        grid = json.dumps({"age_bins": age_bins, "old_ages": old_ages})
        self._held = _neuropil.SpikesLikelihood(network.to_json(), recorded.parts(), grid)

    @property
    def age_bins(self) -> int:
        """Number of age bins."""
        return self._held.age_bins

    def value(self, network: Network, activity: Sequence[ArrayLike]) -> tuple[float, float]:
        """Return the log-likelihood of the activity, and of the recorded spikes given the activity.

        Parameters
        ----------
        network : Network
            The circuit.
        activity : sequence of arrays of shape (T, M)
            Activity of every trial after its history, Hz.

        Returns
        -------
        (float, float)
            Nats.

        Raises
        ------
        InputError
            If circuit or activity do not belong to the recording.
        """
        return self._held.value(network.to_json(), [np.ascontiguousarray(trial, dtype=float) for trial in activity])

    def gradient(self, network: Network, activity: Sequence[ArrayLike]) -> LikelihoodGradient:
        """Return the log-likelihood with its derivatives with respect to all parameters and to the activity.

        Parameters
        ----------
        network : Network
            The circuit.
        activity : sequence of arrays of shape (T, M)
            Activity of every trial after its history, Hz.

        Returns
        -------
        LikelihoodGradient
            One backward sweep whatever the number of parameters.

        Raises
        ------
        InputError
            If circuit or activity do not belong to the recording.
        """
        parts = self._held.gradient(network.to_json(), [np.ascontiguousarray(trial, dtype=float) for trial in activity])
        arrays = {name: frozen(parts[name]) for name in ("leak", "mu", "threshold", "tau_s", "coupling")}
        return LikelihoodGradient(
            parts["latent"], parts["observed"], **arrays, activity=[frozen(trial) for trial in parts["activity"]]
        )
