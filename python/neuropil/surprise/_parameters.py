"""The learner of the engine from flat keyword arguments, and back."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import Any

import numpy as np

from neuropil import _neuropil
from neuropil.errors import InputError

NUMBER, COUNT, VECTOR, MATRIX, FLAG = "number", "count", "vector", "matrix", "flag"

#: Which parameters a family has. `categories` is the number of entries of `alpha`.
FAMILIES: dict[str, dict[str, str]] = {
    "gaussian": {"sigma": NUMBER, "prior_mean": NUMBER, "prior_sd": NUMBER},
    "gaussian-unknown-variance": {"prior_mean": NUMBER, "prior_k": NUMBER, "prior_a": NUMBER, "prior_b": NUMBER},
    "gaussian-known-mean": {"mean": NUMBER, "shape": NUMBER, "scale": NUMBER},
    "multivariate-gaussian": {
        "mean": VECTOR,
        "mean_weight": NUMBER,
        "degrees_of_freedom": NUMBER,
        "scatter": MATRIX,
    },
    "bernoulli": {"a": NUMBER, "b": NUMBER},
    "binomial": {"trials": COUNT, "a": NUMBER, "b": NUMBER},
    "categorical": {"alpha": VECTOR, "categories": COUNT},
    "multinomial": {"alpha": VECTOR, "categories": COUNT},
    "poisson": {"shape": NUMBER, "rate": NUMBER},
    "exponential": {"known_shape": NUMBER, "shape": NUMBER, "rate": NUMBER},
    "geometric": {"a": NUMBER, "b": NUMBER},
    "regression": {"noise": NUMBER, "weight_mean": VECTOR, "weight_covariance": MATRIX},
    "regression-unknown-noise": {
        "weight_mean": VECTOR,
        "weight_precision": MATRIX,
        "noise_shape": NUMBER,
        "noise_scale": NUMBER,
    },
}

#: Which parameters a method has.
METHODS: dict[str, dict[str, str]] = {
    "exact": {"cutoff": NUMBER, "max_run_length": COUNT, "max_hypotheses": COUNT},
    "mp": {"n": COUNT, "merge": FLAG, "protect": COUNT},
    "sor": {"n": COUNT, "published_threshold": FLAG},
    "pf": {"n": COUNT},
    "varsmile": {"m": NUMBER},
    "smile": {"m": NUMBER},
    "nassar10": {"initial_run_length": NUMBER},
    "nassar12": {"initial_run_length": NUMBER},
    "leaky": {"omega": NUMBER},
}


@dataclass(frozen=True)
class NegativeBinomialHazard:
    """Segment lengths 1 + X with X negative binomial.

    X counts the failures before the `size`-th success, each trial succeeding with `probability`. The mean length is
    ``1 + size * (1 - probability) / probability``; ``size=1`` is the constant hazard, a larger size makes the lengths
    more regular.

    Parameters
    ----------
    size : float
        Larger than 0 and at most 1e9.
    probability : float
        In [1e-6, 1].

    Examples
    --------
    >>> import neuropil as npl
    >>> hazard = npl.surprise.NegativeBinomialHazard(size=4, probability=0.05)
    >>> round(npl.surprise.ChangePointLearner(hazard=hazard).filter([0.1, 0.3, 2.0]).log_evidence, 6)
    -4.77996
    """

    size: float
    probability: float


@dataclass(frozen=True)
class HazardTable:
    """A hazard for every run length.

    Parameters
    ----------
    hazards : sequence of float
        Element ``r - 1`` is the probability of a change after a run of `r` observations; longer runs use the last one.

    Examples
    --------
    >>> import neuropil as npl
    >>> hazard = npl.surprise.HazardTable([0.0, 0.0, 0.5])
    >>> result = npl.surprise.ChangePointLearner(hazard=hazard).filter([0.1, 0.3, 2.0, 2.1])
    >>> float(result.change_probability[1])
    0.0
    """

    hazards: tuple[float, ...] | list[float]


def number(name: str, value: Any) -> float:
    """Return a finite number."""
    try:
        result = float(value)
    except (TypeError, ValueError):
        raise InputError(f"{name} must be a number, got {value!r}") from None
    if not np.isfinite(result):
        raise InputError(f"{name} must be a finite number, got {value!r}")
    return result


def count(name: str, value: Any) -> int:
    """Return a whole number >= 0."""
    try:
        whole = float(value)
    except (TypeError, ValueError):
        raise InputError(f"{name} must be a whole number, got {value!r}") from None
    if not (whole >= 0 and whole == np.floor(whole) and whole < 2**53):
        raise InputError(f"{name} must be a whole number of at least 0, got {value!r}")
    return int(whole)


def _numbers(name: str, value: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    try:
        return np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{name} must be a number or an array of numbers, got {value!r}") from None


def _vector(name: str, value: Any, length: int) -> list[float]:
    array = _numbers(name, value)
    if array.ndim > 1:
        raise InputError(f"{name} must be a number or have shape ({length},), got shape {array.shape}")
    values = [float(array)] * length if array.ndim == 0 else array.tolist()
    return [number(f"{name}[{i}]" if array.ndim else name, entry) for i, entry in enumerate(values)]


def _matrix(name: str, value: Any, d: int) -> list[list[float]]:
    array = _numbers(name, value)
    if not np.isfinite(array).all():
        raise InputError(f"{name} must hold finite numbers, got {array.ravel()[~np.isfinite(array.ravel())][0]}")
    if array.ndim == 0:
        return (np.eye(d) * float(array)).tolist()
    if array.ndim == 1:
        return np.diag(array).tolist()
    if array.ndim == 2 and array.shape[0] == array.shape[1]:
        return array.tolist()
    raise InputError(f"{name} must be a number, a diagonal or have shape ({d}, {d}), got shape {array.shape}")


def _refuse_strangers(kind: str, chosen: str, params: dict[str, Any], owners: dict[str, dict[str, str]]) -> None:
    every = {name for known in owners.values() for name in known}
    for name in every:
        if params.get(name) is not None and params[name] is not False and name not in owners[chosen]:
            whose = " or ".join(f'"{owner}"' for owner, known in owners.items() if name in known)
            takes = ", ".join(owners[chosen])
            raise InputError(f'{name} belongs to the {kind} {whose}, but the {kind} is "{chosen}", which takes {takes}')


def family_of(params: dict[str, Any], columns: int | None) -> dict[str, Any]:
    """Return the family as the engine writes it, for observations of so many columns."""
    name = params["family"]
    if name not in FAMILIES:
        _neuropil.surprise_family(str(name))
        raise InputError(f"family must be a name, got {name!r}")
    _refuse_strangers("family", name, params, FAMILIES)
    fields: dict[str, Any] = json.loads(_neuropil.surprise_family(name))
    d = _dimension(name, params, columns)
    if d is not None:
        _set_dimension(name, fields, d)
    for field, form in FAMILIES[name].items():
        value = params.get(field)
        if value is None or field == "categories":
            continue
        if form == NUMBER:
            fields[field] = number(field, value)
        elif form == COUNT:
            fields[field] = count(field, value)
        elif form == VECTOR:
            fields[field] = _vector(field, value, d or len(fields[field]))
        else:
            fields[field] = _matrix(field, value, d or len(fields[field]))
    return fields


def _dimension(name: str, params: dict[str, Any], columns: int | None) -> int | None:
    vector = next((field for field, form in FAMILIES[name].items() if form == VECTOR), None)
    if vector is None:
        return None
    if name in ("categorical", "multinomial") and params.get("categories") is not None:
        return count("categories", params["categories"])
    for field, form in FAMILIES[name].items():
        if form in (VECTOR, MATRIX) and params.get(field) is not None and _numbers(field, params[field]).ndim > 0:
            return len(params[field])
    if name == "categorical" or columns is None:
        return None
    return columns - 1 if name.startswith("regression") else columns


def _set_dimension(name: str, fields: dict[str, Any], d: int) -> None:
    if name in ("categorical", "multinomial"):
        fields["alpha"] = [fields["alpha"][0]] * d
        return
    for field, form in FAMILIES[name].items():
        if form == VECTOR:
            fields[field] = [0.0] * d
        elif form == MATRIX:
            fields[field] = np.eye(d).tolist()
    if "degrees_of_freedom" in fields:
        fields["degrees_of_freedom"] = float(d + 2)


def method_of(params: dict[str, Any]) -> dict[str, Any]:
    """Return the method as the engine writes it."""
    name = params["method"]
    if name not in METHODS:
        _neuropil.surprise_method(str(name))
        raise InputError(f"method must be a name, got {name!r}")
    _refuse_strangers("method", name, params, METHODS)
    fields: dict[str, Any] = json.loads(_neuropil.surprise_method(name))
    for field, form in METHODS[name].items():
        value = params.get(field)
        if value is None:
            continue
        if field == "merge":
            fields["overflow"] = "merge" if value else "drop"
        elif field == "published_threshold":
            fields["threshold"] = "liakoni2021" if value else "exact"
        else:
            fields[field] = number(field, value) if form == NUMBER else count(field, value)
    return fields


def hazard_of(hazard: Any) -> dict[str, Any]:
    """Return the hazard as the engine writes it."""
    if isinstance(hazard, NegativeBinomialHazard):
        return {
            "negative_binomial": {
                "size": number("hazard size", hazard.size),
                "probability": number("hazard probability", hazard.probability),
            }
        }
    if isinstance(hazard, HazardTable):
        return {"table": [_probability(f"hazard[{i}]", value) for i, value in enumerate(hazard.hazards)]}
    if np.ndim(hazard) == 0:
        return {"constant": _probability("hazard", hazard)}
    if np.ndim(hazard) > 1:
        raise InputError(f"hazard must be a number or have shape (T,), got shape {np.shape(hazard)}")
    return {"per_step": [_probability(f"hazard[{i}]", value) for i, value in enumerate(np.asarray(hazard))]}


def _probability(name: str, value: Any) -> float:
    try:
        result = float(value)
    except (TypeError, ValueError):
        raise InputError(f"{name} must be a number in [0, 1], got {value!r}") from None
    if not 0 <= result <= 1:
        raise InputError(f"{name} must be in [0, 1], got {'NaN' if np.isnan(result) else f'{result:g}'}")
    return result


def seed_of(random_state: Any) -> int:
    """Return a seed: the number itself, one drawn from a generator, or a fresh one for None."""
    if random_state is None:
        return secrets.randbits(53)
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**53))
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31))
    return count("random_state", random_state)


def model_of(params: dict[str, Any], columns: int | None, seed: int) -> dict[str, Any]:
    """Return the learner as the engine writes it."""
    if params["missing"] not in ("skip", "error"):
        raise InputError(f'missing must be "skip" or "error", got {params["missing"]!r}')
    return {
        "family": family_of(params, columns),
        "method": method_of(params),
        "hazard": hazard_of(params["hazard"]),
        "seed": seed,
        "missing": params["missing"],
    }


def params_of(model: dict[str, Any]) -> dict[str, Any]:
    """Return the flat parameters of a learner that the engine has written."""
    family, method = dict(model["family"]), dict(model.get("method", {"name": "exact"}))
    params: dict[str, Any] = {"family": family.pop("name"), **family, "method": method.pop("name")}
    overflow, threshold = method.pop("overflow", None), method.pop("threshold", None)
    if overflow is not None:
        params["merge"] = overflow == "merge"
    if threshold is not None:
        params["published_threshold"] = threshold != "exact"
    params.update(method)
    (kind, value), *_ = model["hazard"].items()
    if kind == "negative_binomial":
        params["hazard"] = NegativeBinomialHazard(**value)
    elif kind == "table":
        params["hazard"] = HazardTable(value)
    else:
        params["hazard"] = np.array(value) if kind == "per_step" else value
    params["missing"] = model.get("missing", "skip")
    params["random_state"] = model.get("seed", 0)
    return params
