"""Agreement with the changes that people mark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from neuropil import _neuropil
from neuropil._observations import numbers
from neuropil._results import Provenance
from neuropil.errors import InputError
from neuropil.surprise._parameters import count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Agreement:
    """Agreement of predicted changes with those that people marked (van den Burg and Williams 2020).

    Attributes
    ----------
    f1, precision, recall : float
        Precision with the union of the annotations, recall averaged over the annotators, and their harmonic mean.
    covering : float
        Mean over the annotators of how well their segments are covered by predicted ones.
    provenance : Provenance
        Version, parameters and a hash of the changes that were compared.
    """

    f1: float
    precision: float
    recall: float
    covering: float
    provenance: Provenance


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
    *values, provenance = _neuropil.surprise_agreement(marked, found, count("length", length), count("margin", margin))
    return Agreement(*values, provenance=Provenance.from_json(provenance))


def _indices(what: str, values: ArrayLike) -> list[int]:
    array = numbers(values, what)
    if array.ndim != 1:
        raise InputError(f"{what} must be a list of indices, got shape {array.shape}")
    return [count(f"{what}[{i}]", value) for i, value in enumerate(array.tolist())]
