"""Simulated worlds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from neuropil import _neuropil
from neuropil._observations import observations
from neuropil._progress import bars
from neuropil._results import Provenance, Result
from neuropil.errors import InputError
from neuropil.surprise._learner import ChangePointLearner
from neuropil.surprise._model import fields_of
from neuropil.surprise._parameters import count, family_of, hazard_of, seed_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False, repr=False)
class Simulation(Result):
    """A simulated sequence and what produced it.

    Attributes
    ----------
    observations : ndarray of shape (T,) or (T, d)
        What a learner sees.
    parameters : ndarray of shape (T,) or (T, e)
        The hidden parameter behind each observation.
    change : ndarray of bool of shape (T,)
        Whether the parameter was drawn again just before the observation; False for the first.
    provenance : Provenance
        Version, seed and parameters.
    """

    observations: NDArray[np.float64]
    parameters: NDArray[np.float64]
    change: NDArray[np.bool_]
    provenance: Provenance

    @property
    def change_points(self) -> NDArray[np.int64]:
        """0-based indices of the first observation after each change."""
        return np.flatnonzero(self.change)


def simulate(
    learner: ChangePointLearner | None = None,
    n_steps: int = 1000,
    *,
    random_state: Any = 0,
    regressors: ArrayLike | None = None,
    n_trials: int | None = None,
    **parameters: Any,
) -> Simulation:
    """Simulate the world that a learner assumes: parameters from the prior, changes from the hazard, observations.

    Parameters
    ----------
    learner : ChangePointLearner, optional
        Its family and hazard are used. Without it give the parameters themselves.
    n_steps : int
        Number of observations.
    random_state : int, Generator, RandomState or None
        Seed; None draws one, which the provenance holds.
    regressors : array_like of shape (T, p), optional
        Regressors of a regression; standard normal when absent.
    n_trials : int, optional
        multinomial: total count in each row.
    **parameters
        Parameters of `ChangePointLearner`: ``family``, ``hazard``, ``sigma``, ...

    Returns
    -------
    Simulation
        Observations, hidden parameters and changes.

    Examples
    --------
    >>> import neuropil as npl
    >>> simulation = npl.surprise.simulate(n_steps=500, hazard=0.02, sigma=0.5, random_state=7)
    >>> simulation.observations.shape, bool(simulation.change[0])
    ((500,), False)
    """
    if learner is None:
        learner = ChangePointLearner(**parameters)
    elif parameters:
        raise InputError(f"give a learner or parameters, not both; got {', '.join(parameters)} with a learner")
    rows = None if regressors is None else observations(regressors, "regressors")
    family = family_of(learner.get_params(), None if rows is None else rows.shape[1] + 1)
    if n_trials is not None and count("n_trials", n_trials) >= 2**32:
        raise InputError(f"n_trials must be below 2**32, got {n_trials}")
    result = _neuropil.surprise_simulate(
        json.dumps(family),
        json.dumps(hazard_of(learner.hazard)),
        count("n_steps", n_steps),
        seed_of(random_state),
        None if n_trials is None else count("n_trials", n_trials),
        rows,
        bars(learner.verbose),
    )
    return Simulation(**fields_of(result))
