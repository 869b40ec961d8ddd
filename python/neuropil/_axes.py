"""Axes and colours of the figures of every room."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from neuropil.errors import NeuropilError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Colours that remain apart without colour vision (Okabe and Ito 2008).
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "0.45"

#: One colour per population or class, with the same property.
SERIES = (BLUE, ORANGE, GREEN, "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")


def axes_or_new(ax: Axes | None) -> Axes:
    """Return the axes given, or new ones."""
    if ax is not None:
        return ax
    try:
        pyplot: Any = import_module("matplotlib.pyplot")
    except ImportError as error:
        raise NeuropilError('figures need matplotlib: pip install "neuropil[plot]"') from error
    return pyplot.subplots()[1]
