"""Fits of what subjects did."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from neuropil import _neuropil
from neuropil._observations import numbers, observations
from neuropil._progress import bars
from neuropil._results import Provenance, Result
from neuropil._table import Table
from neuropil.errors import InputError
from neuropil.surprise._parameters import count, number, seed_of
from neuropil.surprise._responses import Report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from neuropil.surprise._learner import ChangePointLearner
    from neuropil.surprise._responses import Choice


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
    model = json.dumps(subject_model(learner, free, response, timing, rows.shape[1]))
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
    fits = [subject_fit_of(fit) for fit in result["subjects"]]
    rows_of = result["laws"] if hierarchical else result["summary"]
    converged = bool(result["converged"]) if hierarchical else result["n_converged"] == len(fits)
    return GroupFit(fits, table_of(rows_of), converged, Provenance(**result["provenance"]))


def subject_model(
    learner: ChangePointLearner, free: Any, response: Report | Choice | None, timing: str, columns: int | None
) -> dict[str, Any]:
    if timing not in ("before", "after"):
        raise InputError(f'timing must be "before" or "after", got {timing!r}')
    parameters = []
    for name in [free] if isinstance(free, str) else free:
        parameter = json.loads(_neuropil.surprise_free_parameter(name))
        if isinstance(free, Mapping):
            try:
                lower, upper = free[name]
            except (TypeError, ValueError):
                raise InputError(f"the bounds of {name} must be (lower, upper), got {free[name]!r}") from None
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


def subject_fit_of(fit: dict[str, Any]) -> SubjectFit:
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
        parameters=table_of(rows), provenance=Provenance(**fit["provenance"]), **{name: fit[name] for name in kept}
    )


def table_of(rows: list[dict[str, Any]]) -> Table:
    """Rows as a table; what is absent in a column of numbers is NaN."""
    columns: dict[str, Any] = {}
    for name in rows[0] if rows else []:
        values = [row[name] for row in rows]
        columns[name] = [np.nan if value is None else value for value in values]
    return Table(columns)
