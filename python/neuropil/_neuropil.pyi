# Generated from the compiled module by `cargo xtask stubs`; do not edit.

"""
The compiled half of neuropil. Private: it may change with every release.
"""

from typing import Any, Final, SupportsFloat, SupportsIndex

from _typeshed import SupportsGetItem

__all__ = [
    "__version__",
    "count_slowly",
    "example_file",
    "example_names",
    "number_of_threads",
    "replace_thread_limit",
    "run_program",
    "set_thread_limit",
]

__version__: Final[str]
"""
Version of the package and of the program.
"""

def count_slowly(steps: SupportsIndex, pause_s: SupportsFloat | SupportsIndex, bars: Any | None = None) -> int:
    """
    Counts `steps` steps of `pause_s` seconds each: work of known length, with which Ctrl-C and progress bars are tested.
    """

def example_file(name: str) -> tuple[str, str, str]:
    """
    The csv text, the description and the licence of a data set.
    """

def example_names() -> list[str]:
    """
    Names of the data sets.
    """

def number_of_threads() -> int:
    """
    How many threads the next call on this thread uses.
    """

def replace_thread_limit(limit: SupportsIndex | None) -> int | None:
    """
    Limits the threads of work that the calling thread starts, and returns its previous limit.
    """

def run_program(arguments: SupportsGetItem[int, str]) -> int:
    """
    Runs the `neuropil` program inside this process and returns its exit status.
    """

def set_thread_limit(limit: SupportsIndex | None) -> None:
    """
    Limits the threads of this process; `None` returns to what the machine grants.
    """
