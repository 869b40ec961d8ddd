"""Figures of associative memories, re-exported by `neuropil.plot`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from neuropil._axes import BLUE, axes_or_new
from neuropil._observations import numbers
from neuropil.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

    from neuropil.memory import CapacityCurve, Recall, RecallCurve


def recall_curve(result: RecallCurve, label: str | None = None, ax: Axes | None = None) -> Axes:
    """Plot the fraction of restored patterns over the level of noise.

    Parameters
    ----------
    result : RecallCurve
        From `neuropil.memory.recall_curve`.
    label : str, optional
        Name of the memory in the legend.
    ax : matplotlib.axes.Axes, optional
        Where to draw; new axes when None.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.
    """
    ax = axes_or_new(ax)
    (line,) = ax.plot(result.level, result.restored, marker="o", label=label)
    ax.fill_between(result.level, result.low, result.high, alpha=0.2, color=line.get_color(), linewidth=0)
    ax.set(xlabel="noise level", ylabel="fraction restored", ylim=(-0.03, 1.03))
    if label is not None:
        ax.legend(frameon=False)
    return ax


def capacity_curve(result: CapacityCurve, label: str | None = None, ax: Axes | None = None) -> Axes:
    """Plot the fraction of restored patterns over the load.

    Parameters
    ----------
    result : CapacityCurve
        From `neuropil.memory.capacity_curve`.
    label : str, optional
        Name of the memory in the legend.
    ax : matplotlib.axes.Axes, optional
        Where to draw; new axes when None.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.
    """
    ax = axes_or_new(ax)
    (line,) = ax.plot(result.load, result.restored, marker="o", label=label)
    ax.fill_between(result.load, result.low, result.high, alpha=0.2, color=line.get_color(), linewidth=0)
    ax.set(xlabel="load M / N", ylabel="fraction restored", ylim=(-0.03, 1.03))
    if label is not None:
        ax.legend(frameon=False)
    return ax


def recall_strip(
    cues: ArrayLike,
    result: Recall,
    truth: ArrayLike | None = None,
    shape: tuple[int, int] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw cues, recalled states and true patterns as pictures, one column each.

    Parameters
    ----------
    cues : array_like of shape (Q, N)
        What was shown to the memory.
    result : Recall
        From the `recall` method of a memory.
    truth : array_like of shape (Q, N), optional
        What should have been recalled.
    shape : (int, int), optional
        Height and width of a picture; a square when None.
    ax : matplotlib.axes.Axes, optional
        Where to draw; new axes when None.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.

    Raises
    ------
    InputError
        If `shape` does not fit the number of neurons.
    """
    rows = [np.atleast_2d(numbers(cues, "cues")), result.states]
    names = ["cue", "recalled"]
    if truth is not None:
        rows.append(np.atleast_2d(numbers(truth, "truth")))
        names.append("true")
    n = rows[0].shape[1]
    height, width = shape or (round(n**0.5), round(n**0.5))
    if height * width != n:
        raise InputError(f"shape is {height} x {width}, but it must hold {n} pixels; give shape=(height, width)")
    low, high = float(np.min(rows[-1])), float(np.max(rows[-1]))
    gap = np.nan
    canvas = np.full((len(rows) * (height + 1) - 1, len(rows[0]) * (width + 1) - 1), gap)
    for i, pictures in enumerate(rows):
        for j, picture in enumerate(pictures):
            top, left = i * (height + 1), j * (width + 1)
            canvas[top : top + height, left : left + width] = picture.reshape(height, width)
    ax = axes_or_new(ax)
    ax.imshow(canvas, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
    ax.set_yticks([i * (height + 1) + height / 2 - 0.5 for i in range(len(rows))], names)
    ax.set_xticks([])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax


def shares(values: ArrayLike, ax: Axes | None = None) -> Axes:
    """Plot how much each order of interaction contributes, as the mean over neurons.

    Parameters
    ----------
    values : array_like of shape (n_neurons, n_orders)
        From `KernelMemory.order_shares` or `walsh_shares`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; new axes when None.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.
    """
    mean = np.atleast_2d(numbers(values, "values")).mean(axis=0)
    ax = axes_or_new(ax)
    ax.bar(np.arange(len(mean)), mean, color=BLUE)
    ax.set(xlabel="interaction order", ylabel="share of the squared norm")
    return ax
