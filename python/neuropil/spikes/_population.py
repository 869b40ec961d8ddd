"""Populations of neurons that share their parameters."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from neuropil import _neuropil


@dataclass(frozen=True)
class Population:
    """Neurons that share their parameters. Times in s, rates in Hz, potentials in mV (or in units of the softness).

    Attributes
    ----------
    n_neurons : int
        Number of neurons.
    tau_m : float
        Membrane time constant, s.
    t_ref : float
        Absolute refractory period, s.
    mu : float
        Potential without recurrent input.
    threshold : float
        Potential at which the escape rate is `hazard`.
    softness : float
        Softness of the threshold: the escape rate is ``hazard * exp((u - threshold) / softness)``.
    hazard : float
        Escape rate at threshold, Hz.
    reset : float
        Potential after a spike.
    tau_s : float
        Time constant of the synapses that the population makes, s.
    adaptation : tuple of (float, float)
        Terms of threshold adaptation: jump of the threshold per spike, and time constant (s) of its decay.
    """

    n_neurons: int = 400
    tau_m: float = 0.020
    t_ref: float = 0.004
    mu: float = 36.0
    threshold: float = 15.0
    softness: float = 2.5
    hazard: float = 10.0
    reset: float = 0.0
    tau_s: float = 0.003
    adaptation: tuple[tuple[float, float], ...] = ()

    def rate(self, potential: float, dt: float | None = None) -> float:
        """Return the firing rate at a constant input potential, in the limit of many neurons.

        Parameters
        ----------
        potential : float
            Input potential.
        dt : float, optional
            Time step of the survival scheme, s; continuous time where it is not given.

        Returns
        -------
        float
            Rate, Hz.
        """
        return _neuropil.spikes_rate(json.dumps(self._fields()), potential, dt)

    def _fields(self) -> dict[str, Any]:
        fields = asdict(self)
        fields["adaptation"] = [{"amplitude": float(q), "tau": float(tau)} for q, tau in self.adaptation]
        return fields

    @classmethod
    def _of(cls, fields: dict[str, Any]) -> Population:
        terms = tuple((term["amplitude"], term["tau"]) for term in fields["adaptation"])
        return cls(**(fields | {"adaptation": terms}))
