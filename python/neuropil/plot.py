"""Figures of results: one function per figure that people expect, from a result and matplotlib Axes to the Axes.

matplotlib is imported when a function is called: ``pip install "neuropil[plot]"``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from neuropil._observations import numbers
from neuropil.errors import InputError, NeuropilError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike, NDArray

    from neuropil.spikes import FixedPoint, PhasePlane, SpikeTrains
    from neuropil.surprise import ChangeCount, FilterResult, Segmentation, Smoothing

__all__ = [
    "activity",
    "change_count",
    "phase_plane",
    "raster",
    "regret_heatmap",
    "run_length",
    "segmentation",
    "surprise_traces",
    "trajectory",
]

#: Colours that remain apart without colour vision (Okabe and Ito 2008).
_DATA, _BELIEF, _TRUTH, _CHANGE = "0.45", "#0072B2", "#D55E00", "#009E73"


def _axes(ax: Axes | None) -> Axes:
    if ax is not None:
        return ax
    try:
        pyplot: Any = import_module("matplotlib.pyplot")
    except ImportError as error:
        raise NeuropilError('figures need matplotlib: pip install "neuropil[plot]"') from error
    return pyplot.subplots()[1]


def trajectory(
    result: FilterResult | Smoothing,
    y: ArrayLike | None = None,
    truth: ArrayLike | None = None,
    changes: ArrayLike | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Plot the belief (mean and standard deviation) over the observations.

    Parameters
    ----------
    result : FilterResult or Smoothing
        With a mean; the variance gives the band.
    y : array_like of shape (T,), optional
        Observations.
    truth : array_like of shape (T,), optional
        The hidden parameter, where it is known.
    changes : array_like of int, optional
        0-based first observations after changes, marked by vertical lines.
    ax : matplotlib.axes.Axes, optional
        Where to draw; new axes when None.

    Returns
    -------
    matplotlib.axes.Axes
        With the figure in it.

    Examples
    --------
    >>> import neuropil as npl
    >>> y = [0.5, -0.3, 1.2, 4.0, 3.8]
    >>> ax = npl.plot.trajectory(npl.surprise.ChangePointLearner(hazard=0.1).filter(y), y)
    >>> ax.get_xlabel()
    'observation'
    """
    ax = _axes(ax)
    if result.mean is None:
        raise InputError('the result holds no mean; filter with "mean" among the outputs')
    mean = result.mean.reshape(len(result.mean), -1)
    x = np.arange(len(mean))
    if y is not None:
        values = numbers(y, "y")
        ax.plot(x, values, ".", color=_DATA, markersize=3, label="observations", zorder=1)
    if truth is not None:
        ax.step(x, numbers(truth, "truth"), where="mid", color=_TRUTH, linewidth=1, label="hidden parameter", zorder=2)
    variance = None if result.variance is None else result.variance.reshape(mean.shape)
    for d in range(mean.shape[1]):
        colour = _BELIEF if mean.shape[1] == 1 else f"C{d}"
        label = "belief" if mean.shape[1] == 1 else f"belief {d}"
        ax.plot(x, mean[:, d], color=colour, label=label, zorder=3)
        if variance is not None:
            sd = np.sqrt(np.where(np.isfinite(variance[:, d]), variance[:, d], np.nan))
            ax.fill_between(x, mean[:, d] - sd, mean[:, d] + sd, color=colour, alpha=0.25, linewidth=0, zorder=2)
    _mark(ax, changes)
    ax.set_xlabel("observation")
    ax.set_ylabel("belief ± sd")
    ax.legend(loc="best", frameon=False)
    return ax


def _mark(ax: Axes, changes: ArrayLike | None) -> None:
    for index, change in enumerate([] if changes is None else numbers(changes, "changes").ravel()):
        ax.axvline(
            change - 0.5,
            color=_CHANGE,
            linestyle="--",
            linewidth=1,
            label="change" if index == 0 else None,
        )


def run_length(posterior: ArrayLike, changes: ArrayLike | None = None, ax: Axes | None = None) -> Axes:
    """Plot the posterior over the run length as a heat map on a logarithmic grey scale.

    Parameters
    ----------
    posterior : array_like of shape (T, longest)
        From `ChangePointLearner.run_length_posterior`.
    changes : array_like of int, optional
        0-based first observations after changes.
    ax : matplotlib.axes.Axes, optional
        Where to draw; new axes when None.

    Returns
    -------
    matplotlib.axes.Axes
        With the figure in it.

    Examples
    --------
    >>> import neuropil as npl
    >>> learner = npl.surprise.ChangePointLearner(hazard=0.1)
    >>> ax = npl.plot.run_length(learner.run_length_posterior([0.5, -0.3, 9.0], longest=3))
    >>> ax.get_ylabel()
    'run length (observations)'
    """
    ax = _axes(ax)
    matrix = numbers(posterior, "posterior")
    if matrix.ndim != 2:
        raise InputError(f"posterior must have shape (T, longest), got shape {matrix.shape}")
    floor = 1e-6
    steps, longest = matrix.shape
    image = ax.imshow(
        np.log10(np.maximum(matrix.T, floor)),
        origin="lower",
        aspect="auto",
        cmap="Greys",
        vmin=np.log10(floor),
        vmax=0.0,
        extent=(-0.5, steps - 0.5, 0.5, longest + 0.5),
        interpolation="nearest",
    )
    ax.figure.colorbar(image, ax=ax, label="log10 probability")
    _mark(ax, changes)
    ax.set_xlabel("observation")
    ax.set_ylabel("run length (observations)")
    return ax


def surprise_traces(result: FilterResult, ax: Axes | None = None) -> Axes:
    """Plot Shannon surprise and the logarithm of the Bayes Factor surprise, both in nats.

    Parameters
    ----------
    result : FilterResult
        With at least one of the two.
    ax : matplotlib.axes.Axes, optional
        Where to draw; new axes when None.

    Returns
    -------
    matplotlib.axes.Axes
        With the figure in it.

    Examples
    --------
    >>> import neuropil as npl
    >>> ax = npl.plot.surprise_traces(npl.surprise.ChangePointLearner().filter([0.5, -0.3, 9.0]))
    >>> len(ax.lines)
    2
    """
    ax = _axes(ax)
    if result.shannon_surprise is None and result.bayes_factor_surprise is None:
        raise InputError("the result holds no surprise: the method defines none, or it was not among the outputs")
    x = np.arange(len(result.adaptation_rate))
    if result.shannon_surprise is not None:
        ax.plot(x, result.shannon_surprise, color=_BELIEF, label="Shannon surprise")
    if result.bayes_factor_surprise is not None:
        logarithm = np.log(np.maximum(result.bayes_factor_surprise, np.exp(-700.0)))
        ax.plot(x, logarithm, color=_TRUTH, label="ln Bayes Factor surprise")
    ax.set_xlabel("observation")
    ax.set_ylabel("surprise (nat)")
    ax.legend(loc="best", frameon=False)
    return ax


def segmentation(
    result: Segmentation, y: ArrayLike | None = None, truth: ArrayLike | None = None, ax: Axes | None = None
) -> Axes:
    """Plot the segments (mean and standard deviation of the belief) over the observations.

    Parameters
    ----------
    result : Segmentation
        From `ChangePointLearner.segment`.
    y : array_like of shape (T,), optional
        Observations.
    truth : array_like of shape (T,), optional
        The hidden parameter, where it is known.
    ax : matplotlib.axes.Axes, optional
        Where to draw; new axes when None.

    Returns
    -------
    matplotlib.axes.Axes
        With the figure in it.

    Examples
    --------
    >>> import neuropil as npl
    >>> y = npl.data.example("nile")["flow_1e8_m3"]
    >>> learner = npl.surprise.ChangePointLearner(sigma=130.0, prior_mean=900.0, prior_sd=200.0)
    >>> ax = npl.plot.segmentation(learner.segment(y), y)
    >>> ax.get_ylabel()
    'mean of the segment ± sd'
    """
    ax = _axes(ax)
    length = int(result.ends[-1])
    x = np.arange(length)
    if y is not None:
        ax.plot(x, numbers(y, "y"), ".", color=_DATA, markersize=3, label="observations")
    if truth is not None:
        ax.step(x, numbers(truth, "truth"), where="mid", color=_TRUTH, linewidth=1, label="hidden parameter")
    mean = result.mean.reshape(len(result.starts), -1)
    sd = result.standard_deviation.reshape(mean.shape)
    for k, (start, end) in enumerate(zip(result.starts, result.ends, strict=True)):
        ends = [start - 0.5, end - 0.5]
        for d in range(mean.shape[1]):
            colour = _BELIEF if mean.shape[1] == 1 else f"C{d}"
            level = mean[k, d]
            ax.plot(ends, [level, level], color=colour, label="segments" if k == 0 and d == 0 else None)
            ax.fill_between(ends, level - sd[k, d], level + sd[k, d], color=colour, alpha=0.25, linewidth=0)
    _mark(ax, result.changes)
    ax.set_xlabel("observation")
    ax.set_ylabel("mean of the segment ± sd")
    ax.legend(loc="best", frameon=False)
    return ax


def change_count(result: ChangeCount, ax: Axes | None = None) -> Axes:
    """Plot the posterior over the number of changes.

    Parameters
    ----------
    result : ChangeCount
        From `ChangePointLearner.change_count`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; new axes when None.

    Returns
    -------
    matplotlib.axes.Axes
        With the figure in it.

    Examples
    --------
    >>> import neuropil as npl
    >>> ax = npl.plot.change_count(npl.surprise.ChangePointLearner().change_count([0.5, -0.3, 9.0]))
    >>> ax.get_xlabel()
    'number of changes'
    """
    ax = _axes(ax)
    shown = result.probability >= 1e-4 * result.probability.max()
    ax.bar(result.number[shown], result.probability[shown], color=_BELIEF)
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_xlabel("number of changes")
    ax.set_ylabel("probability")
    return ax


def regret_heatmap(
    regret: ArrayLike,
    rows: Sequence[Any],
    columns: Sequence[Any],
    row_label: str = "sigma",
    column_label: str = "hazard",
    ax: Axes | None = None,
) -> Axes:
    """Plot the regret of a learner over a grid of tasks, in the layout of Liakoni et al. (2021).

    Parameters
    ----------
    regret : array_like of shape (len(rows), len(columns))
        Mean squared error of the learner minus that of the exact one.
    rows, columns : sequence
        What the tasks are: stochasticity and hazard.
    row_label, column_label : str
        Names of the axes.
    ax : matplotlib.axes.Axes, optional
        Where to draw; new axes when None.

    Returns
    -------
    matplotlib.axes.Axes
        With the figure in it.

    Examples
    --------
    >>> import neuropil as npl
    >>> ax = npl.plot.regret_heatmap([[0.1, 0.02], [0.3, 0.04]], rows=[0.1, 0.5], columns=[0.1, 0.01])
    >>> [text.get_text() for text in ax.texts]
    ['0.1', '0.02', '0.3', '0.04']
    """
    ax = _axes(ax)
    matrix: NDArray[np.float64] = numbers(regret, "regret")
    if matrix.shape != (len(rows), len(columns)):
        raise InputError(f"regret must have shape ({len(rows)}, {len(columns)}), got shape {matrix.shape}")
    image = ax.imshow(matrix, cmap="viridis", aspect="auto")
    middle = (np.nanmin(matrix) + np.nanmax(matrix)) / 2
    for (i, j), value in np.ndenumerate(matrix):
        colour = "white" if value < middle else "black"
        ax.text(j, i, f"{value:.2g}", ha="center", va="center", color=colour, fontsize="small")
    ax.set_xticks(range(len(columns)), [str(value) for value in columns])
    ax.set_yticks(range(len(rows)), [str(value) for value in rows])
    ax.set_xlabel(column_label)
    ax.set_ylabel(row_label)
    ax.figure.colorbar(image, ax=ax, label="regret (squared error above the exact learner)")
    return ax


#: One colour per population.
_POPULATIONS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")


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
    ax = _axes(ax)
    labels = np.zeros(spikes.n_neurons, dtype=int) if spikes.labels is None else spikes.labels
    for neuron in range(spikes.n_neurons):
        times = spikes.times(neuron, trial)
        colour = _POPULATIONS[labels[neuron] % len(_POPULATIONS)]
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
    ax = _axes(ax)
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
            colour = _POPULATIONS[k % len(_POPULATIONS)]
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
    ax = _axes(ax)
    for k, change in enumerate((plane.change_x, plane.change_y)):
        ax.contour(plane.x, plane.y, change, levels=[0.0], colors=[_POPULATIONS[k]])
        ax.plot([], [], color=_POPULATIONS[k], label=f"nullcline of population {k}")
    for point in points:
        face = "black" if point.stable else "white"
        ax.plot(point.activity[0], point.activity[1], "o", color="black", markerfacecolor=face)
    ax.set(xlabel="activity of population 0 (Hz)", ylabel="activity of population 1 (Hz)")
    ax.legend(frameon=False)
    return ax
