"""Studies with learners: simulation, batches, subjects, recovery, alarms, agreement with annotators."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from neuropil import _neuropil
from neuropil._observations import numbers, observations
from neuropil._progress import bars
from neuropil._results import Provenance, Result, frozen
from neuropil._table import Table
from neuropil._threads import num_threads
from neuropil.errors import InputError
from neuropil.surprise._learner import ChangePointLearner, fields_of, filter_result_of, outputs_of
from neuropil.surprise._parameters import count, family_of, hazard_of, number, seed_of
from neuropil.surprise._results import Agreement, Alarms, FilterResult, Simulation

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def filter_batch(
    learner: ChangePointLearner,
    sequences: Sequence[ArrayLike],
    n_jobs: int | None = None,
    *,
    outputs: Sequence[str] | None = None,
) -> list[FilterResult]:
    """Filter many independent sequences in parallel; every one gives the same bits as alone.

    Parameters
    ----------
    learner : ChangePointLearner
        The learner; it is not changed.
    sequences : sequence of array_like of shape (T,) or (T, d)
        Observations of each.
    n_jobs : int, optional
        Threads to use; -1 and None: as many as `neuropil.get_num_threads()` says.
    outputs : sequence of str, optional
        Read-outs to compute, as for `ChangePointLearner.filter`.

    Returns
    -------
    list of FilterResult
        In the order of the sequences.

    Examples
    --------
    >>> import neuropil as npl
    >>> learner = npl.surprise.ChangePointLearner(hazard=0.1)
    >>> [round(r.log_evidence, 4) for r in npl.surprise.filter_batch(learner, [[0.5, -0.3], [4.0, 3.8, 0.1]])]
    [-2.5569, -10.4035]
    """
    rows = [observations(y, f"sequences[{i}]") for i, y in enumerate(sequences)]
    if not rows:
        return []
    model = learner._model(rows[0].shape[1])
    for y, original in zip(rows, sequences, strict=True):
        learner._check_width(y, np.ndim(original), model)
    limit = nullcontext() if n_jobs is None or n_jobs < 0 else num_threads(n_jobs)
    with limit:
        results = _neuropil.surprise_filter_batch(model, rows, outputs_of(outputs), bars(learner.verbose))
    return [filter_result_of(result, None, learner.method) for result in results]


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


def agreement(annotations: Sequence[ArrayLike], predicted: ArrayLike, length: int, margin: int = 5) -> Agreement:
    """Compare predicted changes with those that people marked, as the Turing Change Point Dataset does.

    Parameters
    ----------
    annotations : sequence of array_like of int
        The changes that each annotator marked, 0-based.
    predicted : array_like of int
        The changes that a method found.
    length : int
        Number of observations.
    margin : int
        Distance at which a change still counts as hit, in observations.

    Returns
    -------
    Agreement
        F1, precision, recall and covering.

    Examples
    --------
    >>> import neuropil as npl
    >>> npl.surprise.agreement([[28], [28]], [28], length=100).f1
    1.0
    """
    marked = [_indices(f"annotations[{i}]", a) for i, a in enumerate(annotations)]
    found = _indices("predicted", predicted)
    return Agreement(*_neuropil.surprise_agreement(marked, found, count("length", length), count("margin", margin)))


def _indices(what: str, values: ArrayLike) -> list[int]:
    array = numbers(values, what)
    if array.ndim != 1:
        raise InputError(f"{what} must be a list of indices, got shape {array.shape}")
    return [count(f"{what}[{i}]", value) for i, value in enumerate(array.tolist())]


@dataclass(frozen=True)
class Report:
    """The response of a subject is a number: its estimate plus a bias plus normal noise.

    Parameters
    ----------
    response_sd : float
        Standard deviation of the noise, in units of the estimate.
    bias : float
        What is added to the estimate.
    """

    response_sd: float = 1.0
    bias: float = 0.0

    def _engine(self) -> dict[str, Any]:
        return {
            "name": "report",
            "response_sd": number("response_sd", self.response_sd),
            "bias": number("bias", self.bias),
        }


@dataclass(frozen=True)
class Choice:
    """The response of a subject is a category: a softmax of the believed probabilities, with lapses.

    Parameters
    ----------
    inverse_temperature : float
        0 is guessing.
    lapse : float
        Probability of a guess, in [0, 1].
    """

    inverse_temperature: float = 1.0
    lapse: float = 0.0

    def _engine(self) -> dict[str, Any]:
        return {
            "name": "choice",
            "inverse_temperature": number("inverse_temperature", self.inverse_temperature),
            "lapse": number("lapse", self.lapse),
        }


@dataclass(frozen=True, eq=False, repr=False)
class SubjectFit(Result):
    """The fit of one subject.

    Attributes
    ----------
    subject : str
        Its name.
    parameters : Table
        One row per free parameter: ``name``, ``value``, ``standard_error``, ``lower``, ``upper`` (95 % interval; NaN
        where the likelihood has no curvature), ``at_bound``.
    log_likelihood : float
        Of the responses at the maximum, in nats.
    n_responses : int
        Responses that are not missing.
    aic, bic : float
        Akaike's and Schwarz's criterion.
    converged : bool
        Whether the best search met its tolerances.
    agreeing_starts, evaluations : int
        Starts that ended within 0.01 nat of the best one; evaluations of the likelihood.
    provenance : Provenance
        Version, seed, parameters and a hash of the data.
    """

    subject: str
    parameters: Table
    log_likelihood: float
    n_responses: int
    aic: float
    bic: float
    converged: bool
    agreeing_starts: int
    evaluations: int
    provenance: Provenance

    def __getitem__(self, name: str) -> float:
        """Return the fitted value of a parameter."""
        names = self.parameters["name"].tolist()
        if name not in names:
            raise KeyError(f"no free parameter {name!r}; they are {', '.join(names)}")
        return float(self.parameters["value"][names.index(name)])

    def to_table(self) -> Table:
        """Return the parameters as a table.

        Returns
        -------
        Table
            One row per free parameter.
        """
        return self.parameters


@dataclass(frozen=True, eq=False, repr=False)
class GroupFit(Result):
    """The fits of many subjects.

    Attributes
    ----------
    subjects : list of SubjectFit
        In the order in which they appear in the data.
    summary : Table
        Per parameter: without pooling ``name``, ``mean``, ``sd``, ``standard_error``, ``n``; hierarchical ``name``,
        ``typical``, ``z_mean``, ``z_sd`` of the group law.
    converged : bool
        Whether every subject converged; for a hierarchical fit whether the group law did.
    provenance : Provenance
        Version, seed, parameters and a hash of the data.
    """

    subjects: list[SubjectFit]
    summary: Table
    converged: bool
    provenance: Provenance

    def to_table(self) -> Table:
        """Return one row per subject: the fitted value and standard error of every parameter, and the criteria.

        Returns
        -------
        Table
            ``subject``, the parameters, ``log_likelihood``, ``aic``, ``bic``, ``converged``.
        """
        columns: dict[str, Any] = {"subject": [fit.subject for fit in self.subjects]}
        names = self.subjects[0].parameters["name"].tolist() if self.subjects else []
        for i, name in enumerate(names):
            columns[name] = [fit.parameters["value"][i] for fit in self.subjects]
            columns[f"{name}_standard_error"] = [fit.parameters["standard_error"][i] for fit in self.subjects]
        for name in ("log_likelihood", "aic", "bic", "converged"):
            columns[name] = [getattr(fit, name) for fit in self.subjects]
        return Table(columns)


def fit_subject(
    learner: ChangePointLearner,
    y: ArrayLike,
    responses: ArrayLike,
    *,
    free: Sequence[str] | Mapping[str, tuple[float, float]] = ("hazard", "response_sd"),
    response: Report | Choice | None = None,
    timing: str = "before",
    blocks: ArrayLike | None = None,
    n_starts: int = 4,
    max_evaluations: int = 2000,
    random_state: Any = 0,
) -> SubjectFit:
    """Fit a belief model and a response model to one subject by maximum likelihood.

    Parameters
    ----------
    learner : ChangePointLearner
        How the subject learns; parameters that are not free keep their values.
    y : array_like of shape (T,) or (T, d)
        What the subject saw.
    responses : array_like of shape (T,)
        What it did; NaN where missing.
    free : sequence of str or mapping of str to (lower, upper)
        Free parameters of the learner and of the response model, with bounds that suit most tasks, or with yours.
    response : Report or Choice
        The response model; `Report` by default.
    timing : {"before", "after"}
        Whether the response of a trial comes from the belief before its observation (a prediction) or after it.
    blocks : array_like of shape (T,), optional
        A label for every trial: the belief returns to the prior wherever the label changes.
    n_starts, max_evaluations : int
        Starts of the search, and most evaluations of the likelihood per start.
    random_state : int, Generator, RandomState or None
        Seed of the random starts.

    Returns
    -------
    SubjectFit
        Values, standard errors and criteria.

    Examples
    --------
    >>> import numpy as np
    >>> import neuropil as npl
    >>> task = npl.surprise.simulate(n_steps=300, hazard=0.05, random_state=1)
    >>> learner = npl.surprise.ChangePointLearner(hazard=0.05)
    >>> said = learner.filter(task.observations).mean + np.random.default_rng(0).normal(0, 0.2, 300)
    >>> fit = npl.surprise.fit_subject(learner, task.observations, said, timing="after")
    >>> bool(abs(fit["response_sd"] - 0.2) < 0.05)
    True
    """
    length = len(observations(y))
    labels = ["1"] * length if blocks is None else [str(label) for label in np.asarray(blocks)]
    group = _fit(
        learner, ["subject"] * length, labels, y, responses, free, response, timing, n_starts, max_evaluations,
        random_state, hierarchical=False,
    )  # fmt: skip
    return group.subjects[0]


def fit_subjects(
    learner: ChangePointLearner,
    data: Mapping[str, Any] | Any,
    *,
    subject: str = "subject",
    observation: str | Sequence[str] = "observation",
    response_column: str = "response",
    block: str | None = None,
    free: Sequence[str] | Mapping[str, tuple[float, float]] = ("hazard", "response_sd"),
    response: Report | Choice | None = None,
    timing: str = "before",
    hierarchical: bool = False,
    n_starts: int = 4,
    max_evaluations: int = 2000,
    random_state: Any = 0,
) -> GroupFit:
    """Fit every subject of a long table, one row per trial.

    Parameters
    ----------
    learner : ChangePointLearner
        How subjects learn; parameters that are not free keep their values.
    data : table
        Anything with columns by name: a dict, a `Table`, a data frame of pandas or polars.
    subject, response_column : str
        Columns with the subject and the response.
    observation : str or sequence of str
        Column or columns with the observation.
    block : str, optional
        Column whose value changes where the belief returns to the prior.
    free, response, timing, n_starts, max_evaluations, random_state
        As for `fit_subject`; `n_starts`, `max_evaluations` and the seed are the same for every subject.
    hierarchical : bool
        Shrink subjects with little information towards the group (at least three subjects).

    Returns
    -------
    GroupFit
        Without pooling, the fit of a subject has the same bits alone and in a group.
    """
    names = [observation] if isinstance(observation, str) else list(observation)
    columns = [numbers(_column(data, name), name) for name in names]
    y = np.stack(columns, axis=1)
    subjects = [str(value) for value in np.asarray(_column(data, subject))]
    labels = ["1"] * len(y) if block is None else [str(value) for value in np.asarray(_column(data, block))]
    responses = numbers(_column(data, response_column), response_column)
    return _fit(
        learner, subjects, labels, y, responses, free, response, timing, n_starts, max_evaluations, random_state,
        hierarchical=hierarchical,
    )  # fmt: skip


def _column(data: Any, name: str) -> Any:
    try:
        return data[name]
    except Exception:
        columns = getattr(data, "columns", None)
        known = list(data) if isinstance(data, Mapping) else [] if columns is None else list(columns)
        raise InputError(f"there is no column {name!r}; the columns are {', '.join(map(str, known))}") from None


def _fit(
    learner: ChangePointLearner,
    subjects: list[str],
    labels: list[str],
    y: ArrayLike,
    responses: ArrayLike,
    free: Any,
    response: Report | Choice | None,
    timing: str,
    n_starts: int,
    max_evaluations: int,
    random_state: Any,
    hierarchical: bool,
) -> GroupFit:
    rows = observations(y)
    said = numbers(responses, "responses")
    if said.shape != (len(rows),):
        raise InputError(f"responses must have shape ({len(rows)},), one per observation, got shape {said.shape}")
    model = json.dumps(_subject_model(learner, free, response, timing, rows.shape[1]))
    text = _neuropil.surprise_fit_subjects(
        model,
        subjects,
        labels,
        rows,
        said,
        count("n_starts", n_starts),
        count("max_evaluations", max_evaluations),
        seed_of(random_state),
        hierarchical,
        bars(learner.verbose),
    )
    result = json.loads(text)
    fits = [_subject_fit(fit) for fit in result["subjects"]]
    rows_of = result["laws"] if hierarchical else result["summary"]
    converged = bool(result["converged"]) if hierarchical else result["n_converged"] == len(fits)
    return GroupFit(fits, _table(rows_of), converged, Provenance(**result["provenance"]))


def _subject_model(
    learner: ChangePointLearner, free: Any, response: Report | Choice | None, timing: str, columns: int | None
) -> dict[str, Any]:
    if timing not in ("before", "after"):
        raise InputError(f'timing must be "before" or "after", got {timing!r}')
    parameters = []
    for name in [free] if isinstance(free, str) else free:
        parameter = json.loads(_neuropil.surprise_free_parameter(name))
        if isinstance(free, Mapping):
            lower, upper = free[name]
            parameter |= {
                "lower": number(f"lower bound of {name}", lower),
                "upper": number(f"upper bound of {name}", upper),
            }
            if parameter["lower"] <= 0:
                parameter["scale"] = "linear"
        parameters.append(parameter)
    return {
        "learner": json.loads(learner._model(columns)),
        "response": (response or Report())._engine(),
        "timing": timing,
        "free": parameters,
    }


def _subject_fit(fit: dict[str, Any]) -> SubjectFit:
    rows = [
        {
            "name": p["name"],
            "value": p["value"],
            "standard_error": p["standard_error"],
            "lower": (p["interval"] or (None, None))[0],
            "upper": (p["interval"] or (None, None))[1],
            "at_bound": p["at_bound"],
        }
        for p in fit["parameters"]
    ]
    kept = ("subject", "log_likelihood", "n_responses", "aic", "bic", "converged", "agreeing_starts", "evaluations")
    return SubjectFit(
        parameters=_table(rows), provenance=Provenance(**fit["provenance"]), **{name: fit[name] for name in kept}
    )


def _table(rows: list[dict[str, Any]]) -> Table:
    """Rows as a table; what is absent in a column of numbers is NaN."""
    columns: dict[str, Any] = {}
    for name in rows[0] if rows else []:
        values = [row[name] for row in rows]
        columns[name] = [np.nan if value is None else value for value in values]
    return Table(columns)


@dataclass(frozen=True, eq=False, repr=False)
class Recovery(Result):
    """How well parameters are recovered from simulated subjects.

    Attributes
    ----------
    parameters : Table
        One row per free parameter: ``name``, ``r`` (correlation of true and fitted values on the scale of the search),
        ``bias``, ``bias_standard_error``, ``rmse``, ``coverage`` (share of 95 % intervals that hold the truth),
        ``n_intervals``.
    truth, fitted : dict of str to ndarray
        True and fitted values of every subject, by parameter.
    fits : list of SubjectFit
        The fits.
    n_converged : int
        Subjects whose search converged.
    provenance : Provenance
        Version, seed and parameters.
    """

    parameters: Table
    truth: dict[str, NDArray[np.float64]]
    fitted: dict[str, NDArray[np.float64]]
    fits: list[SubjectFit]
    n_converged: int
    provenance: Provenance

    def to_table(self) -> Table:
        """Return the parameters as a table.

        Returns
        -------
        Table
            One row per free parameter.
        """
        return self.parameters


@dataclass(frozen=True, eq=False, repr=False)
class Confusion(Result):
    """How often each model wins on data of each model.

    Attributes
    ----------
    names : list of str
        Models, in the order of rows (that simulated) and columns (that won).
    by_aic, by_bic : ndarray of int of shape (K, K)
        Numbers of simulated subjects.
    n_subjects, n_converged : int
        Subjects per model; fits that converged.
    provenance : Provenance
        Version, seed and parameters.
    """

    names: list[str]
    by_aic: NDArray[np.int64]
    by_bic: NDArray[np.int64]
    n_subjects: int
    n_converged: int
    provenance: Provenance


def recover(
    learner: ChangePointLearner,
    *,
    free: Sequence[str] | Mapping[str, tuple[float, float]] = ("hazard", "response_sd"),
    ranges: Mapping[str, tuple[float, float]] | None = None,
    response: Report | Choice | None = None,
    timing: str = "before",
    n_subjects: int = 50,
    n_trials: int = 200,
    n_blocks: int = 1,
    task_hazard: Any = None,
    n_starts: int = 4,
    max_evaluations: int = 2000,
    random_state: Any = 0,
) -> Recovery:
    """Simulate subjects, fit them, and compare the fitted parameters with the true ones: before an experiment.

    Parameters
    ----------
    learner : ChangePointLearner
        How subjects learn; its family is that of the task.
    free, response, timing, n_starts, max_evaluations
        As for `fit_subject`.
    ranges : mapping of str to (low, high), optional
        Where true values are drawn; the middle 80 % of the bounds by default.
    n_subjects, n_trials, n_blocks : int
        Subjects, trials per block, blocks per subject.
    task_hazard : optional
        How often the task changes; the learner's hazard by default.
    random_state : int, Generator, RandomState or None
        Seed.

    Returns
    -------
    Recovery
        Correlations, bias and coverage.
    """
    candidate = _candidate("model", learner, free, ranges, response, timing)
    seed = seed_of(random_state)
    text = _neuropil.surprise_recover(
        json.dumps(candidate),
        json.dumps(_task(learner, task_hazard, n_trials, n_blocks)),
        count("n_subjects", n_subjects),
        count("n_starts", n_starts),
        count("max_evaluations", max_evaluations),
        seed,
        bars(learner.verbose),
    )
    result = json.loads(text)
    rows = [{k: v for k, v in p.items() if k not in ("truth", "fitted")} for p in result["parameters"]]
    return Recovery(
        parameters=_table(rows),
        truth={p["name"]: frozen(np.array(p["truth"])) for p in result["parameters"]},
        fitted={p["name"]: frozen(np.array(p["fitted"])) for p in result["parameters"]},
        fits=[_subject_fit(fit) for fit in result["fits"]],
        n_converged=result["n_converged"],
        provenance=Provenance(**result["provenance"]),
    )


def confuse(
    learners: Mapping[str, ChangePointLearner],
    *,
    free: Mapping[str, Sequence[str]],
    response: Report | Choice | None = None,
    timing: str = "before",
    n_subjects: int = 20,
    n_trials: int = 200,
    n_blocks: int = 1,
    task: ChangePointLearner | None = None,
    n_starts: int = 4,
    max_evaluations: int = 2000,
    random_state: Any = 0,
) -> Confusion:
    """Simulate subjects of every model, fit every model to each, and count which one the criteria choose.

    Parameters
    ----------
    learners : mapping of str to ChangePointLearner
        The models by name, at least two.
    free : mapping of str to sequence of str
        The free parameters of each model.
    response, timing, n_starts, max_evaluations
        As for `fit_subject`.
    n_subjects, n_trials, n_blocks : int
        Subjects per model, trials per block, blocks per subject.
    task : ChangePointLearner, optional
        Its family and hazard make the task; those of the first model by default.
    random_state : int, Generator, RandomState or None
        Seed.

    Returns
    -------
    Confusion
        Winners by AIC and BIC.
    """
    candidates = [_candidate(name, learner, free[name], None, response, timing) for name, learner in learners.items()]
    world = task or next(iter(learners.values()))
    text = _neuropil.surprise_confuse(
        json.dumps(candidates),
        json.dumps(_task(world, None, n_trials, n_blocks)),
        count("n_subjects", n_subjects),
        count("n_starts", n_starts),
        count("max_evaluations", max_evaluations),
        seed_of(random_state),
        bars(world.verbose),
    )
    result = json.loads(text)
    shape = (len(candidates), len(candidates))
    by_aic, by_bic = (np.array(_entries(result[name]), dtype=np.int64).reshape(shape) for name in ("by_aic", "by_bic"))
    return Confusion(
        result["names"],
        frozen(by_aic),
        frozen(by_bic),
        result["n_subjects"],
        result["n_converged"],
        Provenance(**result["provenance"]),
    )


def _entries(array: dict[str, Any]) -> list[Any]:
    return array["data"]


def _candidate(
    name: str, learner: ChangePointLearner, free: Any, ranges: Any, response: Report | Choice | None, timing: str
) -> dict[str, Any]:
    bounds = [{"name": k, "low": number(k, low), "high": number(k, high)} for k, (low, high) in (ranges or {}).items()]
    return {"name": name, "model": _subject_model(learner, free, response, timing, None), "ranges": bounds}


def _task(learner: ChangePointLearner, hazard: Any, n_trials: int, n_blocks: int) -> dict[str, Any]:
    return {
        "family": family_of(learner.get_params(), None),
        "hazard": hazard_of(learner.hazard if hazard is None else hazard),
        "trials": count("n_trials", n_trials),
        "blocks": count("n_blocks", n_blocks),
    }


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
    """

    value: float
    rule: AlarmRule
    wanted_rate: float
    achieved_rate: float
    interval: tuple[float, float]
    false_alarms: int
    streams: int


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
