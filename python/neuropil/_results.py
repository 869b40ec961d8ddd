"""Results: frozen objects with named arrays."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from neuropil._table import Table

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Provenance:
    """Where a result comes from.

    Attributes
    ----------
    neuropil : str
        Version that made the result.
    seed : int or None
        Seed, given or drawn; None where nothing was random.
    parameters : dict
        All parameters, those left at their defaults included.
    input : str or None
        Hash of the input: 16 hexadecimal digits; None where there was no input.
    """

    neuropil: str
    seed: int | None
    parameters: dict[str, Any]
    input: str | None

    @classmethod
    def from_json(cls, text: str) -> Provenance:
        """Return the provenance from the engine's JSON."""
        return cls(**json.loads(text))


class Result:
    """A frozen object with named arrays.

    `to_dict()` returns its values by name. Where a table is natural, `to_table()` and `to_dataframe()` return one, and
    pandas, polars, pyarrow or DuckDB read the result directly through the Arrow PyCapsule protocol.
    """

    def to_dict(self) -> dict[str, Any]:
        """Return all values by name.

        Returns
        -------
        dict
            Arrays and numbers, not copied.
        """
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]

    def _columns(self) -> dict[str, Any]:
        """Columns of the table; by default every one-dimensional array."""
        return {name: value for name, value in self.to_dict().items() if isinstance(value, np.ndarray)}

    def to_table(self) -> Table:
        """Return the arrays as a table; a two-dimensional array gives one column per coordinate, counted from 0.

        Returns
        -------
        Table
            Named columns of equal length.
        """
        columns: dict[str, Any] = {}
        for name, values in self._columns().items():
            if values.ndim == 1:
                columns[name] = values
            else:
                columns.update({f"{name}_{d}": values[:, d] for d in range(values.shape[1])})
        return Table(columns)

    def to_dataframe(self) -> pd.DataFrame:
        """Return the table as a pandas data frame.

        Returns
        -------
        pandas.DataFrame
            The columns of `to_table()`.

        Raises
        ------
        NeuropilError
            If pandas is not installed.
        """
        return self.to_table().to_dataframe()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self.to_table().__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        lines = [type(self).__name__]
        shown = {name: _shown(value) for name, value in self.to_dict().items() if value is not None}
        width = max(map(len, shown), default=0)
        lines.extend(f"  {name:<{width}}  {text}" for name, text in shown.items())
        return "\n".join(lines)


def frozen(values: Any) -> Any:
    """Make an array read-only."""
    if isinstance(values, np.ndarray):
        values.flags.writeable = False
    return values


def narrowed(values: Any) -> Any:
    """Return a matrix of one column as a vector, read-only."""
    if isinstance(values, np.ndarray) and values.ndim == 2 and values.shape[1] == 1:
        values = values.reshape(-1)
    return frozen(values)


def _shown(value: Any) -> str:
    if isinstance(value, np.ndarray):
        if value.size <= 6:
            return np.array2string(value, precision=6)
        if value.dtype == bool:
            return f"array{value.shape}, {np.count_nonzero(value)} True"
        finite = value[np.isfinite(value)] if value.dtype.kind == "f" else value
        if finite.size == 0:
            return f"array{value.shape}"
        return f"array{value.shape}, {_number(finite.min())} to {_number(finite.max())}"
    if isinstance(value, Provenance):
        return f"neuropil {value.neuropil}, seed {value.seed}, input {value.input}"
    if isinstance(value, (float, np.floating)):
        return _number(value)
    if isinstance(value, (list, tuple)) and len(value) > 6:
        return f"{len(value)} items"
    return str(value)


def _number(value: Any) -> str:
    return f"{value:.6g}"
