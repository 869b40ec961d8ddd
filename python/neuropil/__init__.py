"""Models of learning and memory in neural circuits.

Each room of the house is a module; they are imported when they are first used.

========================  ==============================================================
``neuropil.data``         the data sets that come with the package
========================  ==============================================================

``neuropil.doctor()`` says which versions are installed and how many threads are used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from neuropil._neuropil import __version__
from neuropil._threads import get_num_threads, num_threads, set_num_threads
from neuropil.errors import InputError, NeuropilError

if TYPE_CHECKING:
    from neuropil import data
    from neuropil._doctor import doctor

_MODULES = ("data",)

__all__ = [
    "InputError",
    "NeuropilError",
    "__version__",
    "data",
    "doctor",
    "get_num_threads",
    "num_threads",
    "set_num_threads",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"neuropil.{name}")
    if name == "doctor":
        return import_module("neuropil._doctor").doctor
    raise AttributeError(f"module 'neuropil' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
