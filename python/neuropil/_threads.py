"""How many threads neuropil uses."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from operator import index

from neuropil import _neuropil
from neuropil.errors import InputError


def set_num_threads(n: int | None) -> None:
    """Limit the threads of this process.

    Parameters
    ----------
    n : int or None
        At most so many threads, at least 1. None returns to the default: what the machine grants this process
        (CPU affinity, cgroup quota, ``SLURM_CPUS_PER_TASK``), or ``NEUROPIL_NUM_THREADS`` where that is set.

    Raises
    ------
    InputError
        If `n` is less than 1.

    Notes
    -----
    Results do not depend on the number of threads.
    """
    _neuropil.set_thread_limit(None if n is None else _positive(n))


def get_num_threads() -> int:
    """Return how many threads the next call uses.

    Returns
    -------
    int
        At least 1.
    """
    return _neuropil.number_of_threads()


@contextmanager
def num_threads(n: int) -> Iterator[None]:
    """Limit the threads of the calls inside a ``with`` block, in this Python thread only.

    Parameters
    ----------
    n : int
        At most so many threads, at least 1.

    Raises
    ------
    InputError
        If `n` is less than 1.

    Examples
    --------
    >>> import neuropil as npl
    >>> with npl.num_threads(1):
    ...     npl.get_num_threads()
    1
    """
    previous = _neuropil.replace_thread_limit(_positive(n))
    try:
        yield
    finally:
        _neuropil.replace_thread_limit(previous)


def warn_of_environment() -> None:
    """Say so where ``NEUROPIL_NUM_THREADS`` cannot be used."""
    problem = _neuropil.thread_environment_problem()
    if problem is not None:
        message = f"{problem}; neuropil uses what the machine grants this process"
        warnings.warn(message, RuntimeWarning, stacklevel=3)


def _positive(n: int) -> int:
    value = index(n)
    if value < 1:
        raise InputError(f"n must be at least 1 thread, got {value}; give None to use what the machine grants")
    return value
