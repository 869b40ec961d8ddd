"""The data sets that come with the package: small, real, and there without a download.

Samples are counted from 0, and a change is the index of the first sample of the new segment.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from typing import Any

import numpy as np

from neuropil import _neuropil
from neuropil._table import Table

__all__ = ["ExampleData", "Table", "example", "examples"]


class ExampleData(Table):
    """A data set that comes with the package.

    Attributes
    ----------
    name : str
        Its name, as `example` takes it.
    description : str
        What it is and where it comes from.
    licence : str
        Under which terms it may be passed on.
    """

    def __init__(self, columns: Mapping[str, Any], name: str = "", description: str = "", licence: str = "") -> None:
        super().__init__(columns)
        self.name = name
        self.description = description
        self.licence = licence

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.to_dict(), self.name, self.description, self.licence))

    def _title(self) -> str:
        return f"{self.name}: {self.description}\nlicence: {self.licence}; {self.n_rows} rows"


def examples() -> list[str]:
    """Return the names of the data sets.

    Returns
    -------
    list of str
        What `example` takes.
    """
    return _neuropil.example_names()


def example(name: str) -> ExampleData:
    """Return one of the data sets that come with the package.

    Parameters
    ----------
    name : str
        One of `examples()`: ``"nile"``, ``"well_log"``, ``"run_log"``, ``"gaussian_task"``, ``"annotations"``.

    Returns
    -------
    ExampleData
        The columns by name. Numbers are float64 with NaN for a missing value; columns that are not numbers are strings.
        The unit of a column is the end of its name.

    Raises
    ------
    InputError
        If there is no data set of this name; the message lists them.

    Examples
    --------
    >>> from neuropil.data import example
    >>> example("nile")["flow_1e8_m3"].mean()
    np.float64(919.35)
    """
    text, description, licence = _neuropil.example_file(name)
    header, *rows = csv.reader(text.splitlines())
    columns = {column: _values([row[i] for row in rows]) for i, column in enumerate(header)}
    return ExampleData(columns, name=name, description=description, licence=licence)


def _values(texts: list[str]) -> Any:
    try:
        return np.array([float(text) if text else np.nan for text in texts])
    except ValueError:
        return np.array(texts, dtype=np.str_)
