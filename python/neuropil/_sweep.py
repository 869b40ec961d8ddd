"""Parameter grids and seeds, on threads or on a cluster; the results as a table."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from operator import index
from typing import Any

import numpy as np

from neuropil import _neuropil
from neuropil._progress import bars
from neuropil._results import Provenance, Result
from neuropil._table import Table
from neuropil._threads import get_num_threads, num_threads
from neuropil.errors import InputError, NeuropilError


class Sweep(Table):
    """One row per combination of parameters and seed: the parameters, the seed, what the function returned.

    A value that was not returned, because the function failed or returned other names, is NaN, or empty in a column of
    text.

    Attributes
    ----------
    provenance : Provenance
        Version and parameters: the name of the function, the values of each parameter, the seeds.
    """

    def __init__(self, columns: Mapping[str, Any], provenance: Provenance) -> None:
        super().__init__(columns)
        self.provenance = provenance

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.to_dict(), self.provenance))


def sweep(
    function: Callable[..., Any],
    parameters: Mapping[str, Iterable[Any]] | Sequence[Mapping[str, Any]],
    *,
    seeds: int | Sequence[int] | None = None,
    client: Any = None,
    n_jobs: int | None = None,
    errors: str = "raise",
    verbose: bool = False,
) -> Sweep:
    """Call a function for every combination of parameters and every seed.

    Parameters
    ----------
    function : callable
        Called as ``function(**parameters)``, or ``function(**parameters, seed=seed)`` where seeds are given. It returns
        a number (the column ``value``), a mapping of names to numbers or texts, or a result of neuropil, whose numbers
        become columns. On a cluster it must be importable or picklable.
    parameters : mapping of str to values, or sequence of mappings
        A grid: every combination of the values, those of the last name changing fastest. Or the combinations
        themselves, all with the same names.
    seeds : int or sequence of int, optional
        Seeds for every combination; a number n stands for 0, 1, ... n - 1.
    client : object, optional
        Where to work: anything with ``submit(function, *arguments)`` that returns a future, such as a
        ``dask.distributed.Client`` (SLURM, Kubernetes, ...) or an executor of ``concurrent.futures``. Threads of this
        process by default, which suits functions that spend their time in neuropil.
    n_jobs : int, optional
        Threads without a client; -1 and None: as many as `neuropil.get_num_threads()` says.
    errors : {"raise", "keep"}
        What happens when the function fails: the sweep ends with a NeuropilError that names the combination, or the row
        keeps the message in a column ``error``.
    verbose : bool
        Show progress.

    Returns
    -------
    Sweep
        A table in the order of the combinations, seeds changing fastest, wherever they were computed.

    Raises
    ------
    InputError
        If there is nothing to do, or a name is used twice.
    NeuropilError
        If the function fails, with its exception as the cause.

    Examples
    --------
    >>> import neuropil as npl
    >>> def error(hazard, sigma, seed):
    ...     task = npl.surprise.simulate(n_steps=500, hazard=hazard, sigma=sigma, random_state=seed)
    ...     learner = npl.surprise.ChangePointLearner(hazard=hazard, sigma=sigma)
    ...     return ((learner.filter(task.observations).mean - task.parameters) ** 2).mean()
    >>> table = npl.sweep(error, {"hazard": [0.01, 0.1], "sigma": [0.1, 1.0]}, seeds=3)
    >>> list(table), table.n_rows
    (['hazard', 'sigma', 'seed', 'value'], 12)
    >>> bool(table["value"][table["sigma"] == 1.0].mean() > table["value"][table["sigma"] == 0.1].mean())
    True
    """
    if errors not in ("raise", "keep"):
        raise InputError(f'errors must be "raise" or "keep", got {errors!r}')
    combinations = _combinations(parameters)
    names = list(combinations[0])
    if seeds is not None:
        chosen = _seeds(seeds)
        if "seed" in names:
            raise InputError("seed is among the parameters; give seeds there or with seeds=..., not both")
        combinations = [{**combination, "seed": seed} for combination in combinations for seed in chosen]
    outcomes = _work(function, combinations, client, n_jobs, errors == "keep", bars(verbose))
    columns = {name: _column([combination[name] for combination in combinations]) for name in combinations[0]}
    returned = list(dict.fromkeys(name for outcome in outcomes for name in outcome))
    for name in returned:
        if name in columns:
            raise InputError(f"the function returned {name!r}, which is the name of a parameter; return another name")
        columns[name] = _column([outcome.get(name) for outcome in outcomes])
    described = {
        "function": f"{function.__module__}.{function.__qualname__}" if hasattr(function, "__qualname__") else None,
        "parameters": {name: list(dict.fromkeys(_shown(c[name]) for c in combinations)) for name in names},
        "seeds": None if seeds is None else chosen,
    }
    return Sweep(columns, Provenance(_neuropil.__version__, None, described, None))


def _combinations(parameters: Any) -> list[dict[str, Any]]:
    if isinstance(parameters, Mapping):
        for name, values in parameters.items():
            if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
                raise InputError(f"{name} must be a list of values, got {values!r}; write [{values!r}] for one value")
        lists = {name: list(values) for name, values in parameters.items()}
        empty = [name for name, values in lists.items() if not values]
        if empty:
            raise InputError(f"{empty[0]} must hold at least one value, got none")
        return [dict(zip(lists, values, strict=True)) for values in itertools.product(*lists.values())]
    combinations = [dict(combination) for combination in parameters]
    if not combinations:
        raise InputError("parameters must hold at least one combination, got none")
    for i, combination in enumerate(combinations):
        if set(combination) != set(combinations[0]):
            raise InputError(
                f"all combinations need the same names: parameters[0] has {', '.join(combinations[0])}, "
                f"parameters[{i}] has {', '.join(combination)}"
            )
    return combinations


def _seeds(seeds: int | Sequence[int]) -> list[int]:
    chosen = [index(seed) for seed in seeds] if isinstance(seeds, Iterable) else list(range(index(seeds)))
    if not chosen:
        raise InputError(f"seeds must be at least one seed, got {seeds!r}")
    return chosen


def _work(
    function: Callable[..., Any],
    combinations: list[dict[str, Any]],
    client: Any,
    n_jobs: int | None,
    keep: bool,
    progress: Any,
) -> list[dict[str, Any]]:
    with ExitStack() as stack:
        threads = 1
        if client is None:
            available = get_num_threads()
            jobs = available if n_jobs is None or n_jobs < 0 else index(n_jobs)
            if jobs < 1:
                raise InputError(f"n_jobs must be at least 1, or -1 for all, got {n_jobs}")
            jobs = min(jobs, len(combinations))
            threads = max(1, available // jobs)
            client = stack.enter_context(ThreadPoolExecutor(jobs, thread_name_prefix="neuropil-sweep"))
        elif n_jobs is not None:
            raise InputError("n_jobs cannot be used with a client, which has workers of its own")
        futures = [client.submit(_call, function, combination, threads) for combination in combinations]
        if progress is not None:
            progress.begin(0, "sweep", len(futures))
        outcomes: list[dict[str, Any]] = []
        try:
            for combination, future in zip(combinations, futures, strict=True):
                try:
                    outcomes.append(future.result())
                except Exception as error:
                    if not keep:
                        called = ", ".join(f"{name}={_shown(value)}" for name, value in combination.items())
                        message = f"the function failed at {called}: {type(error).__name__}: {error}"
                        raise NeuropilError(message) from error
                    outcomes.append({"error": f"{type(error).__name__}: {error}"})
                if progress is not None:
                    progress.advance(0, 1)
        finally:
            # After a failure or Ctrl-C nothing new is begun.
            for future in futures[len(outcomes) :]:
                future.cancel()
            if progress is not None:
                progress.end(0)
    return outcomes


def _call(function: Callable[..., Any], combination: dict[str, Any], threads: int) -> dict[str, Any]:
    with num_threads(threads):
        value = function(**combination)
    if isinstance(value, Result):
        return {name: entry for name, entry in value.to_dict().items() if _is_scalar(entry)}
    if not isinstance(value, Mapping):
        value = {"value": value}
    for name, entry in value.items():
        if not _is_scalar(entry):
            shape = np.shape(entry)
            what = f"an array of shape {shape}" if shape else repr(entry)
            raise InputError(f"the function must return numbers or texts, but {name!r} is {what}; return a summary")
    return {str(name): entry.item() if np.ndim(entry) == 0 and hasattr(entry, "item") else entry
            for name, entry in value.items()}  # fmt: skip


def _is_scalar(value: Any) -> bool:
    return (
        value is None or isinstance(value, (bool, int, float, str)) or (np.ndim(value) == 0 and hasattr(value, "item"))
    )


def _column(values: list[Any]) -> Any:
    """Return numbers where all are numbers, else texts; what is missing is NaN or empty."""
    if all(isinstance(value, bool) for value in values):
        return np.array(values, dtype=bool)
    if all(isinstance(value, (int, np.integer)) and not isinstance(value, bool) for value in values):
        return np.array(values)
    if all(value is None or isinstance(value, (bool, int, float, np.number)) for value in values):
        return np.array([np.nan if value is None else float(value) for value in values])
    return np.array(["" if value is None else _shown(value) for value in values])


def _shown(value: Any) -> Any:
    """Return a value as it stands in a table or a message."""
    if isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (np.number, np.bool_)):
        return value.item()
    return repr(value)
