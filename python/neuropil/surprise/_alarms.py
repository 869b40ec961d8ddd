"""Alarms with a wanted rate of false ones."""

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
from neuropil.surprise._model import fields_of
from neuropil.surprise._parameters import count, number, seed_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from neuropil.surprise._learner import ChangePointLearner


@dataclass(frozen=True)
class AlarmRule:
    """When an alarm is raised.

    Parameters
    ----------
    statistic : {"recent-change", "adaptation-rate", "log-bayes-factor"}
        Posterior probability that the last change happened within the last `window` observations (methods exact, mp,
        sor), the adaptation rate, or the logarithm of the Bayes Factor surprise.
    window : int
        recent-change: number of observations, the newest included.
    refractory : int
        Observations after an alarm in which no other is raised.
    """

    statistic: str = "recent-change"
    window: int = 10
    refractory: int = 0

    def _engine(self) -> str:
        statistic: dict[str, Any] = {"name": self.statistic}
        if self.statistic == "recent-change":
            statistic["window"] = count("window", self.window)
        elif self.statistic not in ("adaptation-rate", "log-bayes-factor"):
            allowed = '"recent-change", "adaptation-rate" or "log-bayes-factor"'
            raise InputError(f"statistic must be {allowed}, got {self.statistic!r}")
        return json.dumps({"statistic": statistic, "refractory": count("refractory", self.refractory)})


@dataclass(frozen=True, eq=False, repr=False)
class AlarmThreshold(Result):
    """A threshold with a wanted rate of false alarms.

    Attributes
    ----------
    value : float
        What the statistic must reach.
    rule : AlarmRule
        The rule that it belongs to.
    wanted_rate, achieved_rate : float
        The wanted rate, and the rate on streams that were not used to find the value.
    interval : tuple of float
        95 % interval of the achieved rate.
    false_alarms, streams : int
        False alarms behind the achieved rate; streams in each half.
    provenance : Provenance
        Version, seed, parameters and a hash of the reference recording.
    """

    value: float
    rule: AlarmRule
    wanted_rate: float
    achieved_rate: float
    interval: tuple[float, float]
    false_alarms: int
    streams: int
    provenance: Provenance


@dataclass(frozen=True, eq=False, repr=False)
class Alarms(Result):
    """Alarms along a sequence.

    Attributes
    ----------
    indices : ndarray of int
        0-based indices of the observations that raised an alarm.
    statistic : ndarray of shape (T,)
        What is compared with the threshold, after each observation.
    threshold : float
        The threshold.
    provenance : Provenance
        Version, seed, parameters and a hash of the input.
    """

    indices: NDArray[np.int64]
    statistic: NDArray[np.float64]
    threshold: float
    provenance: Provenance

    def _columns(self) -> dict[str, Any]:
        alarm = np.zeros(len(self.statistic), dtype=bool)
        alarm[self.indices] = True
        return {"statistic": self.statistic, "alarm": alarm}


def calibrate_alarm(
    learner: ChangePointLearner,
    rule: AlarmRule | None = None,
    *,
    per_observation: float | None = None,
    average_run_length: float | None = None,
    per_stream: float | None = None,
    length: int = 1000,
    n_streams: int | None = None,
    reference: ArrayLike | None = None,
    run: int = 1,
    random_state: Any = 0,
) -> AlarmThreshold:
    """Find the threshold that raises false alarms at a wanted rate, and check it on fresh streams.

    Parameters
    ----------
    learner : ChangePointLearner
        What follows the stream.
    rule : AlarmRule
        What is compared with the threshold.
    per_observation, average_run_length, per_stream : float
        Exactly one: false alarms per observation, observations per false alarm, or the probability of at least one in a
        stream.
    length : int
        Length of a stream, in observations.
    n_streams : int, optional
        Streams in each half (finding, checking); enough for about 1000 false alarms by default.
    reference : array_like, optional
        A recording without changes, from which streams are drawn with replacement; the prior predictive by default.
    run : int
        Neighbouring rows that are drawn together; longer runs keep correlations.
    random_state : int, Generator, RandomState or None
        Seed.

    Returns
    -------
    AlarmThreshold
        The value, and the rate it achieved.

    Examples
    --------
    >>> import neuropil as npl
    >>> learner = npl.surprise.ChangePointLearner(method="varsmile", hazard=0.01)
    >>> rule = npl.surprise.AlarmRule("adaptation-rate")
    >>> threshold = npl.surprise.calibrate_alarm(learner, rule, per_observation=0.01, length=200)
    >>> alarms = npl.surprise.detect(learner, [0.1, -0.2, 0.3, 50.0], threshold)
    >>> alarms.indices
    array([3])
    """
    rule = rule or AlarmRule()
    targets = {
        "per-observation": per_observation,
        "average-run-length": average_run_length,
        "per-stream": per_stream,
    }
    given = {name: number(name.replace("-", "_"), value) for name, value in targets.items() if value is not None}
    if len(given) != 1:
        raise InputError(f"give exactly one of per_observation, average_run_length and per_stream, got {len(given)}")
    rows = None if reference is None else observations(reference, "reference")
    text = _neuropil.surprise_calibrate_alarm(
        learner._model(None if rows is None else rows.shape[1]),
        rule._engine(),
        json.dumps(given),
        count("length", length),
        seed_of(random_state),
        None if n_streams is None else count("n_streams", n_streams),
        rows,
        count("run", run),
        bars(learner.verbose),
    )
    result = json.loads(text)
    return AlarmThreshold(
        value=result["value"],
        rule=rule,
        wanted_rate=result["wanted_rate"],
        achieved_rate=result["achieved_rate"],
        interval=tuple(result["interval"]),
        false_alarms=result["false_alarms"],
        streams=result["streams"],
        provenance=Provenance(**result["provenance"]),
    )


def detect(
    learner: ChangePointLearner, y: ArrayLike, threshold: AlarmThreshold | float, rule: AlarmRule | None = None
) -> Alarms:
    """Raise alarms along a sequence.

    Parameters
    ----------
    learner : ChangePointLearner
        What follows the sequence.
    y : array_like of shape (T,) or (T, d)
        Observations.
    threshold : AlarmThreshold or float
        From `calibrate_alarm`, or a value of the statistic.
    rule : AlarmRule, optional
        The rule; that of the threshold by default.

    Returns
    -------
    Alarms
        Indices of the alarms and the statistic.
    """
    if isinstance(threshold, AlarmThreshold):
        rule, value = rule or threshold.rule, threshold.value
    else:
        rule, value = rule or AlarmRule(), number("threshold", threshold)
    rows, _, model = learner._ready(y, None)
    return Alarms(**fields_of(_neuropil.surprise_detect(model, rows, rule._engine(), value, bars(learner.verbose))))
