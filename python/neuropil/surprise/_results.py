"""What learners return."""

from __future__ import annotations

from dataclasses import InitVar, dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from neuropil._results import Provenance, Result, frozen
from neuropil._table import Table
from neuropil.errors import InputError, NeuropilError

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False, repr=False)
class FilterResult(Result):
    """Beliefs and surprise along `T` observations.

    Read-outs that were not asked for, or that the method does not define, are None. Estimates of one number have shape
    (T,), those of d numbers (T, d).

    Attributes
    ----------
    mean : ndarray or None
        Expected value of the estimated parameter after each observation, in units of the data.
    variance : ndarray or None
        Its variance; infinite where it does not exist.
    bayes_factor_surprise : ndarray of shape (T,) or None
        ``P(y_t; prior) / P(y_t; belief before)``; capped at ``exp(700)``.
    shannon_surprise : ndarray of shape (T,) or None
        ``-ln P(y_t | y_1 .. y_(t-1))``, in nats.
    adaptation_rate : ndarray of shape (T,)
        ``m S / (1 + m S)`` with the Bayes Factor surprise S and ``m = hazard / (1 - hazard)``. For Bayesian methods the
        probability of a change just before the observation; the hazard by convention at the first one of a block.
    change_probability : ndarray of shape (T,) or None
        The adaptation rate with 0 at the first observation of a block, where a segment starts in any case. None for the
        leaky integrator, whose rate is no probability.
    map_run_length : ndarray of shape (T,) or None
        Most probable number of observations since the last change, the changed one included.
    observed : ndarray of shape (T,)
        Whether each observation was there.
    log_evidence : float or None
        ``ln P(y)`` in nats: minus the sum of the Shannon surprise.
    dropped_mass : float
        Posterior probability dropped by truncation, summed over the steps.
    provenance : Provenance
        Version, seed, parameters and a hash of the input.
    """

    mean: NDArray[np.float64] | None
    variance: NDArray[np.float64] | None
    bayes_factor_surprise: NDArray[np.float64] | None
    shannon_surprise: NDArray[np.float64] | None
    adaptation_rate: NDArray[np.float64]
    change_probability: NDArray[np.float64] | None = field(init=False)
    map_run_length: NDArray[np.int64] | None
    observed: NDArray[np.bool_]
    log_evidence: float | None
    dropped_mass: float
    provenance: Provenance
    block_starts: InitVar[list[int] | None]

    def __post_init__(self, block_starts: list[int] | None) -> None:
        object.__setattr__(self, "_block_starts", block_starts)

    def __getattr__(self, name: str) -> Any:
        # The change probabilities are a second copy of the rates: made when somebody asks, not for every recording.
        if name != "change_probability":
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        probability = None
        if self._block_starts is not None:
            probability = self.adaptation_rate.copy()
            probability[self._block_starts] = 0.0
            frozen(probability)
        object.__setattr__(self, name, probability)
        return probability

    def shannon_surprise_to_base(self, base: float) -> NDArray[np.float64]:
        """Return the Shannon surprise to another base: 2 gives bits, 10 the unit of Liakoni et al. (2021).

        Parameters
        ----------
        base : float
            Base of the logarithm, larger than 1.

        Returns
        -------
        ndarray of shape (T,)
            ``shannon_surprise / ln(base)``.

        Raises
        ------
        InputError
            If `base` is not larger than 1.
        NeuropilError
            If the result holds no Shannon surprise.
        """
        if not base > 1:
            raise InputError(f"base must be larger than 1, got {base!r}")
        if self.shannon_surprise is None:
            raise NeuropilError('this result holds no Shannon surprise; ask for outputs=["shannon_surprise"]')
        return self.shannon_surprise / np.log(base)


class Update(NamedTuple):
    """What a stream says after one observation; see `FilterResult` for the meaning of each value."""

    mean: Any
    """Expected value of the estimated parameter: a float, or an array where it has several coordinates."""
    variance: Any
    """Its variance; None for the leaky integrator."""
    bayes_factor_surprise: float | None
    """Bayes Factor surprise of the observation; None for the leaky integrator."""
    shannon_surprise: float | None
    """Shannon surprise in nats; None for the leaky integrator."""
    adaptation_rate: float
    """Adaptation rate."""
    map_run_length: int | None
    """Most probable run length; None where the method does not track it."""


@dataclass(frozen=True, eq=False, repr=False)
class Smoothing(Result):
    """What all observations together say about every moment.

    Attributes
    ----------
    mean : ndarray of shape (T,) or (T, d)
        Expected value of the estimated parameter.
    variance : ndarray of shape (T,) or (T, d)
        Its posterior variance.
    change_probability : ndarray of shape (T,)
        Probability that the observation is the first after a change; 0 at the first one of a block.
    expected_changes : float
        Their sum.
    log_evidence : float
        ``ln P(y)`` in nats.
    dropped_mass : float
        Filtered probability that was dropped, summed over the steps.
    provenance : Provenance
        Version, seed, parameters and a hash of the input.
    """

    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    change_probability: NDArray[np.float64]
    expected_changes: float
    log_evidence: float
    dropped_mass: float
    provenance: Provenance


@dataclass(frozen=True, eq=False, repr=False)
class Segmentation(Result):
    """The most probable segmentation of a recording; one row per segment.

    Attributes
    ----------
    changes : ndarray of int
        0-based first observation after each change: the starts that do not start a block.
    starts, ends : ndarray of int of shape (K,)
        First observation of each segment, and one past its last.
    change_probability : ndarray of shape (K,)
        Posterior probability that a segment starts exactly there; 1 at the start of a block.
    mean, standard_deviation : ndarray of shape (K,) or (K, d)
        Expected value of the estimated parameter in each segment, and the standard deviation of the belief about it.
    log_joint, log_posterior, log_evidence : float
        ``ln P(segmentation, y)``, ``ln P(segmentation | y)`` and ``ln P(y)``, in nats.
    provenance : Provenance
        Version, seed, parameters and a hash of the input.
    """

    changes: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    change_probability: NDArray[np.float64]
    mean: NDArray[np.float64]
    standard_deviation: NDArray[np.float64]
    log_joint: float
    log_posterior: float
    log_evidence: float
    provenance: Provenance

    def _columns(self) -> dict[str, Any]:
        return {name: value for name, value in super()._columns().items() if name != "changes"}


class Draws(list["NDArray[np.int64]"]):
    """Segmentations drawn from their posterior: a list with the first observation of each segment of each draw.

    Attributes
    ----------
    provenance : Provenance
        Version, seed, parameters and a hash of the input.
    """

    def __init__(self, draws: list[NDArray[np.int64]], provenance: Provenance) -> None:
        super().__init__(draws)
        self.provenance = provenance

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (list(self), self.provenance))


@dataclass(frozen=True, eq=False, repr=False)
class RunLengths(Result):
    """Filtered posterior over the run length along `T` observations; ``numpy.asarray`` gives the matrix.

    Attributes
    ----------
    probability : ndarray of shape (T, longest)
        Element ``[t, r - 1]`` is the probability that r observations belong to the segment of observation t; the last
        column also holds everything longer. Rows sum to one.
    provenance : Provenance
        Version, seed, parameters and a hash of the input.
    """

    probability: NDArray[np.float64]
    provenance: Provenance

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.probability, dtype=dtype, copy=copy)


@dataclass(frozen=True, eq=False, repr=False)
class ChangeCount(Result):
    """Posterior over the number of changes.

    Attributes
    ----------
    number : ndarray of int
        Numbers of changes with a probability above 1e-18.
    probability : ndarray
        Their probabilities; they sum to one.
    mean, variance : float
        Of the number of changes.
    provenance : Provenance
        Version, seed, parameters and a hash of the input.
    """

    number: NDArray[np.int64]
    probability: NDArray[np.float64]
    mean: float
    variance: float
    provenance: Provenance

    def quantile(self, level: float) -> int:
        """Return the smallest number that is not exceeded with probability `level` or more.

        Parameters
        ----------
        level : float
            In [0, 1].

        Returns
        -------
        int
            A number of changes.

        Raises
        ------
        InputError
            If `level` is outside [0, 1].
        """
        if not 0 <= level <= 1:
            raise InputError(f"level must be in [0, 1], got {level!r}")
        reached = np.cumsum(self.probability) >= level
        return int(self.number[int(np.argmax(reached))] if reached.any() else self.number[-1])


@dataclass(frozen=True, eq=False, repr=False)
class HazardFit(Result):
    """The most probable constant hazard.

    Attributes
    ----------
    hazard : float
        Probability of a change per step.
    standard_error : float or None
        From the observed information; None where the evidence is not concave.
    interval : tuple of float or None
        95 % interval: plus and minus 1.96 standard errors in the log odds.
    hazards, log_evidence : ndarray
        The hazard after 0, 1, 2, ... iterations and its log evidence (nats), which never decreases.
    expected_changes : float
        Expected number of changes at the fitted hazard.
    iterations : int
        Number of iterations.
    converged : bool
        Whether the tolerance was reached.
    provenance : Provenance
        Version, seed, parameters and a hash of the input.
    """

    hazard: float
    standard_error: float | None
    interval: tuple[float, float] | None
    hazards: NDArray[np.float64]
    log_evidence: NDArray[np.float64]
    expected_changes: float
    iterations: int
    converged: bool
    provenance: Provenance


@dataclass(frozen=True, eq=False, repr=False)
class OnlineHazard(Result):
    """The hazard learned along the way; one row per observation.

    Attributes
    ----------
    mean, standard_deviation : ndarray of shape (T,)
        Of the posterior of the hazard after each observation.
    change_probability : ndarray of shape (T,)
        Probability of a change before each observation, given the observations up to it.
    log_predictive : ndarray of shape (T,)
        ``ln P(y_t | y_1 .. y_(t-1))`` in nats.
    log_evidence : float
        Their sum.
    hazards, posterior : ndarray or None
        The candidates of the grid and their probabilities at the end; None with a beta prior.
    provenance : Provenance
        Version, seed, parameters and a hash of the input.
    """

    mean: NDArray[np.float64]
    standard_deviation: NDArray[np.float64]
    change_probability: NDArray[np.float64]
    log_predictive: NDArray[np.float64]
    log_evidence: float
    hazards: NDArray[np.float64] | None
    posterior: NDArray[np.float64] | None
    provenance: Provenance

    def _columns(self) -> dict[str, Any]:
        return {k: v for k, v in super()._columns().items() if k not in ("hazards", "posterior")}


class Regressors(Table):
    """Measures of surprise, one row per trial.

    Attributes
    ----------
    units : dict
        Unit of each measure: ``"nat"``, ``"1"``, ``"data"`` or ``"data squared"``.
    provenance : Provenance
        Version, seed, parameters and a hash of the input.
    """

    def __init__(self, columns: Any, units: dict[str, str], provenance: Provenance) -> None:
        super().__init__(columns)
        self.units = units
        self.provenance = provenance

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.to_dict(), self.units, self.provenance))


@dataclass(frozen=True, eq=False, repr=False)
class Tuning(Result):
    """Scores of the values of one parameter, and the winner.

    Attributes
    ----------
    parameter : str
        Its name.
    values : ndarray of shape (n,)
        The values that were tried.
    objective : str
        ``"squared-error"`` (the smallest wins) or ``"log-evidence"`` (the largest wins).
    scores : ndarray of shape (n, sequences)
        Score of each value on each sequence.
    totals : ndarray of shape (n,)
        Sums over the sequences.
    best_index, best_value : int, float
        The winner.
    at_edge : bool
        Whether the winner is the smallest or the largest value: a wider grid may do better.
    provenance : Provenance
        Version, seed, parameters and a hash of the input.
    """

    parameter: str
    values: NDArray[np.float64]
    objective: str
    scores: NDArray[np.float64]
    totals: NDArray[np.float64]
    best_index: int
    best_value: float
    at_edge: bool
    provenance: Provenance
