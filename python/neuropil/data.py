"""The data sets that come with the package (small, real, and there without a download), and files of your own.

Samples are counted from 0, and a change is the index of the first sample of the new segment.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from neuropil import _neuropil
from neuropil._table import Table

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from neuropil.spikes import SpikeTrains

__all__ = ["ExampleArrays", "ExampleData", "Table", "example", "examples", "load_spikes", "read_series"]


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


class ExampleArrays(Mapping[str, "NDArray[Any]"]):
    """A data set of arrays that comes with the package.

    A mapping from names to read-only arrays.

    Attributes
    ----------
    name : str
        Its name, as `example` takes it.
    description : str
        What it is and where it comes from.
    licence : str
        Under which terms it may be passed on.
    """

    def __init__(self, arrays: Mapping[str, Any], name: str = "", description: str = "", licence: str = "") -> None:
        self._arrays: dict[str, NDArray[Any]] = {}
        for key, values in arrays.items():
            array = np.array(values)
            array.flags.writeable = False
            self._arrays[key] = array
        self.name = name
        self.description = description
        self.licence = licence

    def __getitem__(self, name: str) -> NDArray[Any]:
        try:
            return self._arrays[name]
        except KeyError:
            raise KeyError(f"no array {name!r}; the arrays are {', '.join(self._arrays)}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def to_dict(self) -> dict[str, NDArray[Any]]:
        """Return the arrays as a dictionary.

        Returns
        -------
        dict of str to ndarray
            The arrays, not copied.
        """
        return dict(self._arrays)

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self._arrays, self.name, self.description, self.licence))

    def __repr__(self) -> str:
        lines = [f"  {name}: {array.dtype}, shape {array.shape}" for name, array in self._arrays.items()]
        return "\n".join([f"{self.name}: {self.description}", f"licence: {self.licence}", *lines])


def examples() -> list[str]:
    """Return the names of the data sets.

    Returns
    -------
    list of str
        What `example` takes.
    """
    return _neuropil.example_names()


@overload
def example(name: Literal["digits", "teacher_network"]) -> ExampleArrays: ...
@overload
def example(name: str) -> ExampleData: ...
def example(name: str) -> ExampleData | ExampleArrays:
    """Return one of the data sets that come with the package.

    Parameters
    ----------
    name : str
        One of `examples()`, for example ``"nile"``, ``"well_log"``, ``"wta_spikes"``, ``"digits"``.

    Returns
    -------
    ExampleData or ExampleArrays
        The columns by name; for ``"digits"`` and ``"teacher_network"``, which are no tables, the arrays by name.
        Numbers in columns are float64 with NaN for a missing value; columns that are not numbers are strings. The unit
        of a column is the end of its name.

    Raises
    ------
    InputError
        If there is no data set of this name; the message lists them.

    Examples
    --------
    >>> from neuropil.data import example
    >>> example("nile")["flow_1e8_m3"].mean()
    np.float64(919.35)
    >>> example("digits")["images"].shape
    (1797, 8, 8)
    """
    content, kind, description, licence = _neuropil.example_file(name)
    if kind == "npz":
        with np.load(io.BytesIO(content)) as archive:
            return ExampleArrays({key: archive[key] for key in archive.files}, name, description, licence)
    header, *rows = csv.reader(content.decode().splitlines())
    columns = {column: _values([row[i] for row in rows]) for i, column in enumerate(header)}
    return ExampleData(columns, name=name, description=description, licence=licence)


def load_spikes(
    path: str | os.PathLike[str],
    dt: float | None = None,
    t_start: float | None = None,
    t_stop: float | None = None,
    population: str | None = None,
    trials: str = "whole",
) -> SpikeTrains:
    r"""Read spike trains from a csv, npz, npy, NWB or HDF5 file.

    Parameters
    ----------
    path : path
        A table with the columns ``neuron`` and ``time_s`` (or ``time_ms``), and where they matter ``trial`` and
        ``population``; an npz file with ``times``, ``ids`` and ``t_stop``; a dense array ``spikes`` of 0 and 1 (time x
        neuron or trial x time x neuron); the Units table of an NWB file. Needs no package for NWB.
    dt : float, optional
        Bin width of a dense array, s.
    t_start, t_stop : float, optional
        Begin and end of the recording, s, where the file does not say.
    population : str, optional
        Column that holds the population of a neuron.
    trials : {"whole", "trials"}
        Whether the trials of an NWB file become trials.

    Returns
    -------
    SpikeTrains
        Times in seconds.

    Raises
    ------
    InputError
        If the file cannot be read as spikes; the message says where and what to do.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from neuropil.data import load_spikes
    >>> path = Path(tempfile.mkdtemp()) / "spikes.csv"
    >>> _ = path.write_text("neuron,time_s\n0,0.1\n1,0.25\n0,0.3\n")
    >>> load_spikes(path, t_stop=0.5)
    SpikeTrains(2 neurons, 3 spikes, 1 trials, 0.5 s)
    """
    from neuropil.spikes import SpikeTrains

    return SpikeTrains._of(_neuropil.spikes_read(path, dt, t_start, t_stop, population, trials))


def read_series(path: str | os.PathLike[str], columns: str | Sequence[str] = ()) -> Table:
    r"""Read observations from a csv, tsv, npy or npz file, by the rules of the command line.

    Parameters
    ----------
    path : path
        The file; a table has a row of names, and empty fields are missing.
    columns : str or sequence of str
        Columns of a table, or arrays of an npz file. Without names the only one that holds numbers.

    Returns
    -------
    Table
        The columns by name, float64, NaN where missing.

    Raises
    ------
    InputError
        If the file or a column cannot be read; the message says where.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from neuropil.data import read_series
    >>> path = Path(tempfile.mkdtemp()) / "series.csv"
    >>> _ = path.write_text("time_s,y_mV\n0,1.5\n1,\n")
    >>> read_series(path, "y_mV")["y_mV"]
    array([1.5, nan])
    """
    import os

    wanted = [columns] if isinstance(columns, str) else list(columns)
    names, values = _neuropil.read_series(os.fspath(path), wanted)
    return Table({name: values[:, i] for i, name in enumerate(names)})


def _values(texts: list[str]) -> Any:
    try:
        return np.array([float(text) if text else np.nan for text in texts])
    except ValueError:
        return np.array(texts, dtype=np.str_)
