"""Tables: named columns of equal length, as numpy arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from neuropil.errors import InputError, NeuropilError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

_ROWS_SHOWN = 8


class Table(Mapping[str, "NDArray[Any]"]):
    """Named columns of equal length.

    A table is a mapping from column names to arrays. The arrays are read-only; copy a column to change it.

    Parameters
    ----------
    columns : mapping of str to array_like
        The columns, in their order. Each is one-dimensional and has as many values as the others.

    Raises
    ------
    InputError
        If a column is not one-dimensional or the lengths differ.

    Examples
    --------
    >>> from neuropil.data import example
    >>> nile = example("nile")
    >>> nile["flow_1e8_m3"][:3]
    array([1120., 1160.,  963.])
    """

    def __init__(self, columns: Mapping[str, Any]) -> None:
        self._columns: dict[str, NDArray[Any]] = {}
        self._length = 0
        for name, values in columns.items():
            column = np.array(values)
            if column.ndim != 1:
                raise InputError(f"column {name!r} must have one dimension, got shape {column.shape}")
            if self._columns and len(column) != self._length:
                first = next(iter(self._columns))
                lengths = f"{first!r} has {self._length} values, {name!r} has {len(column)}"
                raise InputError(f"columns must have the same length: {lengths}")
            column.flags.writeable = False
            self._length = len(column)
            self._columns[name] = column

    def __getitem__(self, name: str) -> NDArray[Any]:
        try:
            return self._columns[name]
        except KeyError:
            raise KeyError(f"no column {name!r}; the columns are {', '.join(self._columns)}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return self._length

    def to_dict(self) -> dict[str, NDArray[Any]]:
        """Return the columns as a dictionary of arrays.

        Returns
        -------
        dict of str to ndarray
            The columns, not copied.
        """
        return dict(self._columns)

    def to_dataframe(self) -> pd.DataFrame:
        """Return a copy as a pandas data frame.

        Returns
        -------
        pandas.DataFrame
            One row per row, one column per column.

        Raises
        ------
        NeuropilError
            If pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise NeuropilError("to_dataframe() needs pandas: pip install pandas") from error
        return pd.DataFrame({name: column.copy() for name, column in self._columns.items()})

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Return the table as an Arrow stream, which pandas, polars, pyarrow and DuckDB read."""
        from neuropil import _neuropil

        return _neuropil.arrow_stream(list(self._columns), [_arrow(column) for column in self._columns.values()])

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self._columns,))

    def _title(self) -> str:
        return f"{type(self).__name__}: {self._length} rows, columns {', '.join(self._columns)}"

    def __repr__(self) -> str:
        shown = min(self._length, _ROWS_SHOWN)
        cells = [[name, *(_text(value) for value in column[:shown])] for name, column in self._columns.items()]
        widths = [max(map(len, column)) for column in cells]
        lines = [
            "  ".join(column[row].rjust(width) for column, width in zip(cells, widths, strict=True))
            for row in range(shown + 1)
        ]
        if shown < self._length:
            lines.append(f"... and {self._length - shown} more rows")
        return "\n".join([self._title(), *lines])


def _text(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _arrow(column: NDArray[Any]) -> NDArray[Any] | list[str]:
    if column.dtype.kind == "f":
        return column.astype(np.float64, copy=False)
    if column.dtype.kind in "iu":
        return column.astype(np.int64, copy=False)
    return column if column.dtype.kind == "b" else [str(value) for value in column]
