"""Figures of spiking populations, re-exported by `neuropil.plot`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from neuropil._axes import SERIES, axes_or_new
from neuropil.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

    from neuropil.spikes import FixedPoint, PhasePlane, SpikeTrains


def raster(spikes: SpikeTrains, trial: int = 0, ax: Axes | None = None) -> Axes:
    """Plot the spikes of one trial, one row per neuron, coloured by population.

    Parameters
    ----------
    spikes : SpikeTrains
        The trains.
    trial : int
        Index of the trial.
    ax : matplotlib.axes.Axes, optional
        Where to draw; new axes when None.

    Returns
    -------
    matplotlib.axes.Axes
        With the figure in it.
    """
    ax = axes_or_new(ax)
    labels = np.zeros(spikes.n_neurons, dtype=int) if spikes.labels is None else spikes.labels
    for neuron in range(spikes.n_neurons):
        times = spikes.times(neuron, trial)
        colour = SERIES[labels[neuron] % len(SERIES)]
        ax.plot(times, np.full(times.size, neuron), "|", color=colour, markersize=4)
    ax.set(xlabel="time (s)", ylabel="neuron", xlim=(spikes.t_start[trial], spikes.t_stop[trial]))
    return ax


def activity(
    activity: ArrayLike,
    dt: float,
    smooth: float = 0.0,
    truth: ArrayLike | None = None,
    names: Sequence[str] | None = None,
    t_start: float = 0.0,
    ax: Axes | None = None,
) -> Axes:
    """Plot the activity of populations over time.

    Parameters
    ----------
    activity : array_like of shape (T, M)
        Activity, Hz: simulated or inferred.
    dt : float
        Time step, s.
    smooth : float
        Length of a moving average, s; 0 for none.
    truth : array_like of shape (T, M), optional
        The true activity, where it is known; drawn thin.
    names : sequence of str, optional
        Names of the populations.
    t_start : float
        Time of the first step, s.
    ax : matplotlib.axes.Axes, optional
        Where to draw; new axes when None.

    Returns
    -------
    matplotlib.axes.Axes
        With the figure in it.
    """
    ax = axes_or_new(ax)
    width = max(round(smooth / dt), 1)
    for values, style in ((truth, {"linewidth": 0.7, "alpha": 0.5}), (activity, {"linewidth": 1.4})):
        if values is None:
            continue
        array = np.asarray(values, dtype=float)
        if array.ndim != 2:
            raise InputError(f"activity has shape {array.shape}; it is time step x population")
        time = t_start + (np.arange(array.shape[0]) + 0.5) * dt
        for k, column in enumerate(array.T):
            line = np.convolve(column, np.ones(width) / width, "same")
            label = f"population {k}" if names is None else names[k]
            colour = SERIES[k % len(SERIES)]
            ax.plot(time, line, color=colour, label=label if values is activity else None, **style)
    ax.set(xlabel="time (s)", ylabel="activity (Hz)")
    ax.legend(frameon=False)
    return ax


def phase_plane(plane: PhasePlane, points: Sequence[FixedPoint] = (), ax: Axes | None = None) -> Axes:
    """Plot the nullclines of two populations; filled circles are stable fixed points, open ones are not.

    Parameters
    ----------
    plane : PhasePlane
        From `Network.phase_plane`.
    points : sequence of FixedPoint
        From `Network.fixed_points`; the first two populations are drawn.
    ax : matplotlib.axes.Axes, optional
        Where to draw; new axes when None.

    Returns
    -------
    matplotlib.axes.Axes
        With the figure in it.
    """
    ax = axes_or_new(ax)
    for k, change in enumerate((plane.change_x, plane.change_y)):
        ax.contour(plane.x, plane.y, change, levels=[0.0], colors=[SERIES[k]])
        ax.plot([], [], color=SERIES[k], label=f"nullcline of population {k}")
    for point in points:
        face = "black" if point.stable else "white"
        ax.plot(point.activity[0], point.activity[1], "o", color="black", markerfacecolor=face)
    ax.set(xlabel="activity of population 0 (Hz)", ylabel="activity of population 1 (Hz)")
    ax.legend(frameon=False)
    return ax
