"""Before an experiment: whether its design recovers parameters, and tells learners apart."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from neuropil import _neuropil
from neuropil._progress import bars
from neuropil._results import Provenance, Result, frozen
from neuropil.errors import InputError
from neuropil.surprise._parameters import count, family_of, hazard_of, number, seed_of
from neuropil.surprise._subjects import SubjectFit, subject_fit_of, subject_model, table_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from neuropil._table import Table
    from neuropil.surprise._learner import ChangePointLearner
    from neuropil.surprise._responses import Choice, Report


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
        parameters=table_of(rows),
        truth={p["name"]: frozen(np.array(p["truth"])) for p in result["parameters"]},
        fitted={p["name"]: frozen(np.array(p["fitted"])) for p in result["parameters"]},
        fits=[subject_fit_of(fit) for fit in result["fits"]],
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
    if len(learners) < 2:
        raise InputError(f"learners must hold at least two models, got {len(learners)}")
    missing = [name for name in learners if name not in free]
    if missing:
        raise InputError(f"free must name the free parameters of every model; {missing[0]!r} is missing")
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
    return {"name": name, "model": subject_model(learner, free, response, timing, None), "ranges": bounds}


def _task(learner: ChangePointLearner, hazard: Any, n_trials: int, n_blocks: int) -> dict[str, Any]:
    return {
        "family": family_of(learner.get_params(), None),
        "hazard": hazard_of(learner.hazard if hazard is None else hazard),
        "trials": count("n_trials", n_trials),
        "blocks": count("n_blocks", n_blocks),
    }
