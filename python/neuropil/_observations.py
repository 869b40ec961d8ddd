"""Observations from whatever holds numbers: lists, arrays, masked arrays, series and frames of pandas or polars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from neuropil.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def observations(y: ArrayLike, what: str = "y") -> NDArray[np.float64]:
    """Return `y` as rows of float64, time first; one number per row where `y` has one dimension.

    No copy is made of a float64 array. None, masked values and missing values of a series become NaN.
    """
    array = numbers(y, what)
    if array.ndim == 1:
        return array.reshape(-1, 1)
    if array.ndim != 2:
        raise InputError(f"{what} must have shape (T,) or (T, d), got shape {array.shape}")
    if array.shape[1] == 0:
        raise InputError(
            f"{what} has 0 feature(s) (shape={array.shape}) while a minimum of 1 is required; give a column"
        )
    return array


def numbers(y: ArrayLike, what: str) -> NDArray[np.float64]:
    """Return `y` as an array of float64 of any number of dimensions."""
    if isinstance(y, Mapping):
        raise InputError(f'{what} is a table with the columns {", ".join(map(str, y))}; give one column, {what}["..."]')
    if isinstance(y, np.ma.MaskedArray):
        masked: Any = y
        return np.asarray(np.ma.filled(masked.astype(np.float64), np.nan), dtype=np.float64)
    to_numpy = getattr(y, "to_numpy", None)
    try:
        array = np.asarray(y) if to_numpy is None else np.asarray(to_numpy())
    except ValueError as error:
        raise InputError(f"{what} must be an array of numbers, its rows equally long: {error}") from None
    if array.dtype.kind in "biuf":
        return np.asarray(array, dtype=np.float64)
    if array.dtype.kind == "c":
        raise InputError(f"{what} must hold real numbers, got {array.dtype}. Complex data not supported")
    if array.dtype.kind == "O":
        try:
            flat = [_number(value) for value in array.ravel()]
        except (TypeError, ValueError):
            flat = None
        if flat is not None:
            return np.array(flat, dtype=np.float64).reshape(array.shape)
    bad = next((value for value in array.ravel() if not isinstance(value, (int, float, np.number, bool))), array)
    raise InputError(f"{what} must hold numbers, got {array.dtype} values such as {bad!r}")


def _number(value: Any) -> float:
    # None, pandas.NA and NaT are missing
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return float("nan")
    return float(value)


def block_starts(blocks: ArrayLike | None, length: int) -> list[int] | None:
    """Return where blocks start: wherever the label differs from the one before it."""
    if blocks is None:
        return None
    labels = np.asarray(blocks)
    if labels.shape != (length,):
        raise InputError(f"blocks must have one label per observation: shape ({length},), got shape {labels.shape}")
    if length == 0:
        return []
    return [0, *(np.flatnonzero(labels[1:] != labels[:-1]) + 1).tolist()]
