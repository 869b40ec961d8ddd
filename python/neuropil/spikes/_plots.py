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

    from neuropil.spikes import FixedPoint, Network, PerturbationPrediction, PhasePlane, SpikeTrains


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
    band: tuple[ArrayLike, ArrayLike] | None = None,
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
    band : (array_like, array_like), optional
        Lower and upper end, for example of `NeuLVM.hidden_activity`.
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
    if band is not None:
        lower, upper = (np.asarray(end, dtype=float) for end in band)
        time = t_start + (np.arange(lower.shape[0]) + 0.5) * dt
        for k in range(lower.shape[1]):
            low, high = (np.convolve(end[:, k], np.ones(width) / width, "same") for end in (lower, upper))
            ax.fill_between(time, low, high, color=SERIES[k % len(SERIES)], alpha=0.25, linewidth=0)
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


def circuit(network: Network, names: Sequence[str] | None = None, ax: Axes | None = None) -> Axes:
    """Plot populations as circles and couplings as arrows: pointed ones excite, blunt ones inhibit.

    Parameters
    ----------
    network : Network
        The network.
    names : sequence of str, optional
        Names of the populations.
    ax : matplotlib.axes.Axes, optional
        Where to draw; new axes when None.

    Returns
    -------
    matplotlib.axes.Axes
        With the figure in it. Widths and numbers are the total couplings (mV).
    """
    from matplotlib.patches import Circle, FancyArrowPatch
    from matplotlib.path import Path

    ax = axes_or_new(ax)
    coupling = np.asarray(network.coupling)
    n = coupling.shape[0]
    angles = np.pi / 2 + 2 * np.pi * (np.arange(n) + (0.5 if n == 2 else 0.0)) / n
    centres = np.column_stack([np.cos(angles), np.sin(angles)]) if n > 1 else np.zeros((1, 2))
    radius = 0.24 if n < 5 else 1.0 / n
    largest = max(float(np.abs(coupling).max()), 1e-12)
    for a, b in zip(*np.nonzero(coupling), strict=True):
        weight = float(coupling[a, b])
        if a == b:
            # a circle that leaves and enters the population, on its outer side
            turn = np.linspace(0.80 * np.pi, -0.80 * np.pi, 40)
            outward = angles[a] if n > 1 else np.pi / 2
            middle = centres[a] + 1.55 * radius * np.array([np.cos(outward), np.sin(outward)])
            curve = middle + 0.8 * radius * np.column_stack([np.cos(outward + turn), np.sin(outward + turn)])
            place = curve[20]
        else:
            way = centres[b] - centres[a]
            along = way / np.hypot(*way)
            side = np.array([along[1], -along[0]])
            start = centres[a] + 1.1 * radius * along + 0.06 * side
            end = centres[b] - 1.15 * radius * along + 0.06 * side
            bend = 0.12 * float(np.hypot(*(end - start)))
            t = np.linspace(0.0, 1.0, 40)[:, None]
            curve = start + t * (end - start) + 2 * t * (1 - t) * bend * side
            place = curve[16]
        colour = SERIES[0] if weight > 0 else SERIES[1]
        arrow = FancyArrowPatch(
            path=Path(curve),
            arrowstyle="-|>,head_length=5,head_width=3" if weight > 0 else "|-|,widthA=0,widthB=4",
            edgecolor=colour,
            facecolor=colour if weight > 0 else "none",
            linewidth=0.8 + 2.2 * abs(weight) / largest,
        )
        ax.add_patch(arrow)
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
        ax.text(place[0], place[1], f"{weight:.3g}", color=colour, ha="center", va="center", fontsize=8, bbox=box)
    for k, centre in enumerate(centres):
        edge = SERIES[k % len(SERIES)]
        ax.add_patch(
            Circle((float(centre[0]), float(centre[1])), radius, facecolor="white", edgecolor=edge, linewidth=2)
        )
        name = str(k) if names is None else names[k]
        label = f"{name}\n{network.populations[k].n_neurons}"
        ax.text(centre[0], centre[1], label, ha="center", va="center", fontsize=9)
    ax.set(xlim=(-1.65, 1.65), ylim=(-1.65, 1.65), aspect="equal")
    ax.set_axis_off()
    return ax


def perturbation(prediction: PerturbationPrediction, population: int = 0, ax: Axes | None = None) -> Axes:
    """Plot the predicted response of one population with its interval, and the activity without stimulation.

    Parameters
    ----------
    prediction : PerturbationPrediction
        From `NeuLVM.predict_perturbation`.
    population : int
        Which population.
    ax : matplotlib.axes.Axes, optional
        Where to draw; new axes when None.

    Returns
    -------
    matplotlib.axes.Axes
        With the figure in it.
    """
    ax = axes_or_new(ax)
    colour = SERIES[population % len(SERIES)]
    lower, upper = prediction.lower[:, population], prediction.upper[:, population]
    ax.fill_between(prediction.times, lower, upper, color=colour, alpha=0.25, linewidth=0)
    ax.plot(prediction.times, prediction.mean[:, population], color=colour, label="with stimulation")
    ax.plot(prediction.times, prediction.control[:, population], color="0.45", linewidth=1, label="without")
    ax.set(xlabel="time (s)", ylabel=f"activity of population {population} (Hz)")
    ax.legend(frameon=False)
    return ax
