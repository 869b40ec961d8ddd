"""Models of learning and memory in neural circuits.

Each room of the house is a module; they are imported when they are first used.

========================  ==============================================================
``neuropil.spikes``       spiking populations: simulation, and inference of the hidden circuit
``neuropil.surprise``     learning in a world that changes without notice
``neuropil.data``         the data sets that come with the package, and files of your own
``neuropil.plot``         figures of results (needs matplotlib)
``neuropil.reproduce``    the experiments of the papers, with the published value beside ours
========================  ==============================================================

``neuropil.doctor()`` says which versions are installed and how many threads are used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from neuropil._neuropil import __version__
from neuropil._threads import get_num_threads, num_threads, set_num_threads
from neuropil.errors import ConvergenceWarning, InputError, NeuropilError

if TYPE_CHECKING:
    from neuropil import data, plot, reproduce, spikes, surprise
    from neuropil._doctor import doctor
    from neuropil._files import load

_MODULES = ("data", "plot", "reproduce", "spikes", "surprise")
_FUNCTIONS = {"doctor": "neuropil._doctor", "load": "neuropil._files"}

__all__ = [
    "ConvergenceWarning",
    "InputError",
    "NeuropilError",
    "__version__",
    "data",
    "doctor",
    "get_num_threads",
    "load",
    "num_threads",
    "plot",
    "reproduce",
    "set_num_threads",
    "spikes",
    "surprise",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"neuropil.{name}")
    if name in _FUNCTIONS:
        return getattr(import_module(_FUNCTIONS[name]), name)
    raise AttributeError(f"module 'neuropil' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
