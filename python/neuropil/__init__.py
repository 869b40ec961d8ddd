"""Models of learning and memory in neural circuits.

Each room of the house is a module; they are imported when they are first used.

========================  ==============================================================
``neuropil.landscape``    loss landscapes of networks: symmetries, saddles, paths
``neuropil.memory``       associative memories: store patterns, recall them from cues
``neuropil.spikes``       spiking populations: simulation, and inference of the hidden circuit
``neuropil.surprise``     learning in a world that changes without notice
``neuropil.data``         the data sets that come with the package, and files of your own
``neuropil.plot``         figures of results (needs matplotlib)
``neuropil.reproduce``    the experiments of the papers, with the published value beside ours
========================  ==============================================================

``neuropil.sweep(function, parameters, seeds=...)`` runs parameter grids and seeds on threads or a cluster.
``neuropil.doctor()`` says which versions are installed and how many threads are used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from neuropil._neuropil import __version__
from neuropil._threads import get_num_threads, num_threads, set_num_threads, warn_of_environment
from neuropil.errors import ConvergenceWarning, InputError, NeuropilError

if TYPE_CHECKING:
    from neuropil import data, landscape, memory, plot, reproduce, spikes, surprise
    from neuropil._doctor import doctor
    from neuropil._files import load
    from neuropil._sweep import Sweep, sweep

_MODULES = ("data", "landscape", "memory", "plot", "reproduce", "spikes", "surprise")
_FUNCTIONS = {
    "Sweep": "neuropil._sweep",
    "doctor": "neuropil._doctor",
    "load": "neuropil._files",
    "sweep": "neuropil._sweep",
}

__all__ = [
    "ConvergenceWarning",
    "InputError",
    "NeuropilError",
    "Sweep",
    "__version__",
    "data",
    "doctor",
    "get_num_threads",
    "landscape",
    "load",
    "memory",
    "num_threads",
    "plot",
    "reproduce",
    "set_num_threads",
    "spikes",
    "surprise",
    "sweep",
]


warn_of_environment()
del warn_of_environment


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"neuropil.{name}")
    if name in _FUNCTIONS:
        return getattr(import_module(_FUNCTIONS[name]), name)
    raise AttributeError(f"module 'neuropil' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
