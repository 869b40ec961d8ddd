"""Exact counts of what permutation symmetry makes of one minimum or one critical point."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, SupportsIndex

from neuropil import _neuropil
from neuropil._results import Result
from neuropil.errors import InputError


@dataclass(frozen=True, eq=False, repr=False)
class Ratio(Result):
    """An exact ratio of two counts.

    Attributes
    ----------
    fraction : fractions.Fraction
        The ratio in lowest terms.
    log10 : float
        Its logarithm to base 10.
    value : float
        The ratio; infinite or 0 where it leaves the range of float64.
    """

    fraction: Fraction
    log10: float
    value: float

    def __float__(self) -> float:
        return self.value


def _widths(name: str, values: SupportsIndex | Sequence[SupportsIndex]) -> list[int]:
    items: Sequence[Any] = values if isinstance(values, Sequence) else [values]
    widths: list[int] = []
    for item in items:
        try:
            width = operator.index(item)
        except TypeError:
            raise InputError(f"{name} must be a whole number or a list of them, got {item!r}") from None
        if width < 0:
            raise InputError(f"{name} must be at least 0, got {width}")
        widths.append(width)
    return widths


def _ratio(parts: tuple[str, str, float, float]) -> Ratio:
    numerator, denominator, log10, value = parts
    return Ratio(Fraction(int(numerator, 16), int(denominator, 16)), log10, value)


def count_global_minima_subspaces(
    r: SupportsIndex | Sequence[SupportsIndex], m: SupportsIndex | Sequence[SupportsIndex]
) -> int:
    """Count the affine subspaces of global minima, T(r, m).

    They are what one zero-loss network with `r` needed neurons becomes in a hidden layer of `m`: needed neurons may be
    copied, and groups of neurons without effect fill the rest.

    Parameters
    ----------
    r : int or sequence of int
        Needed neurons, one number for each hidden layer.
    m : int or sequence of int
        Widths.

    Returns
    -------
    int
        Exact. 0 where a width is smaller than what is needed.

    Examples
    --------
    >>> import neuropil as npl
    >>> npl.landscape.count_global_minima_subspaces(4, 10)
    20479560
    """
    return int(_neuropil.landscape_count("minima", _widths("r", r), _widths("m", m)), 16)


def count_critical_subspaces(
    r: SupportsIndex | Sequence[SupportsIndex], m: SupportsIndex | Sequence[SupportsIndex]
) -> int:
    """Count the affine subspaces of critical points, G(r, m).

    They are what one irreducible critical point of width `r` becomes in a hidden layer of `m` by copying neurons.

    Parameters
    ----------
    r : int or sequence of int
        Neurons of the critical point, one number for each hidden layer.
    m : int or sequence of int
        Widths.

    Returns
    -------
    int
        Exact.

    Examples
    --------
    >>> import neuropil as npl
    >>> npl.landscape.count_critical_subspaces(4, 10)
    818520
    """
    return int(_neuropil.landscape_count("critical", _widths("r", r), _widths("m", m)), 16)


def ratio(r: int, m: int, against: str = "neighbour") -> Ratio:
    """Return critical subspaces of smaller networks over subspaces of global minima.

    Parameters
    ----------
    r : int
        Needed neurons.
    m : int
        Width, at least `r`.
    against : {"neighbour", "all"}
        Critical points of width ``r - 1`` only, or of all widths from 1 to ``r - 1``.

    Returns
    -------
    Ratio
        Exact, and as float.

    Raises
    ------
    InputError
        If `m` is smaller than `r`, or `r` is 0.

    Examples
    --------
    >>> import neuropil as npl
    >>> npl.landscape.ratio(4, 4).fraction
    Fraction(3, 2)
    """
    return _ratio(_neuropil.landscape_ratio(_widths("r", r)[0], _widths("m", m)[0], against))


def crossover_width(r: int, against: str = "all") -> int:
    """Return the least width at which global minima outnumber critical subspaces.

    Parameters
    ----------
    r : int
        Needed neurons.
    against : {"neighbour", "all"}
        As in `ratio`.

    Returns
    -------
    int
        The width.

    Examples
    --------
    >>> import neuropil as npl
    >>> npl.landscape.crossover_width(30)
    42
    """
    return _neuropil.landscape_crossover_width(_widths("r", r)[0], against)


def permutation_points(widths: int | Sequence[int], order: int = 1) -> Ratio:
    """Return how many permutation points there are for each minimum: a lower bound.

    A permutation point of order K is the midpoint of a path that exchanges K pairs of neurons of one hidden layer.

    Parameters
    ----------
    widths : int or sequence of int
        Widths of the hidden layers.
    order : int
        Number of merged pairs.

    Returns
    -------
    Ratio
        Summed over layers.

    Examples
    --------
    >>> import neuropil as npl
    >>> float(npl.landscape.permutation_points(50, order=2))
    282.0
    """
    return _ratio(_neuropil.landscape_permutation_points(_widths("widths", widths), _widths("order", order)[0]))
