"""Figures of beliefs, surprise and segments, re-exported by `neuropil.plot`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from neuropil._axes import BLUE, GREEN, GREY, ORANGE, axes_or_new
from neuropil._observations import numbers
from neuropil.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike, NDArray

    from neuropil.surprise import ChangeCount, FilterResult, Segmentation, Smoothing


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
    ax = axes_or_new(ax)
    if result.mean is None:
        raise InputError('the result holds no mean; filter with "mean" among the outputs')
    mean = result.mean.reshape(len(result.mean), -1)
    x = np.arange(len(mean))
    if y is not None:
        values = numbers(y, "y")
        ax.plot(x, values, ".", color=GREY, markersize=3, label="observations", zorder=1)
    if truth is not None:
        ax.step(x, numbers(truth, "truth"), where="mid", color=ORANGE, linewidth=1, label="hidden parameter", zorder=2)
    variance = None if result.variance is None else result.variance.reshape(mean.shape)
    for d in range(mean.shape[1]):
        colour = BLUE if mean.shape[1] == 1 else f"C{d}"
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
            color=GREEN,
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
    ax = axes_or_new(ax)
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
    ax = axes_or_new(ax)
    if result.shannon_surprise is None and result.bayes_factor_surprise is None:
        raise InputError("the result holds no surprise: the method defines none, or it was not among the outputs")
    x = np.arange(len(result.adaptation_rate))
    if result.shannon_surprise is not None:
        ax.plot(x, result.shannon_surprise, color=BLUE, label="Shannon surprise")
    if result.bayes_factor_surprise is not None:
        logarithm = np.log(np.maximum(result.bayes_factor_surprise, np.exp(-700.0)))
        ax.plot(x, logarithm, color=ORANGE, label="ln Bayes Factor surprise")
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
    ax = axes_or_new(ax)
    length = int(result.ends[-1])
    x = np.arange(length)
    if y is not None:
        ax.plot(x, numbers(y, "y"), ".", color=GREY, markersize=3, label="observations")
    if truth is not None:
        ax.step(x, numbers(truth, "truth"), where="mid", color=ORANGE, linewidth=1, label="hidden parameter")
    mean = result.mean.reshape(len(result.starts), -1)
    sd = result.standard_deviation.reshape(mean.shape)
    for k, (start, end) in enumerate(zip(result.starts, result.ends, strict=True)):
        ends = [start - 0.5, end - 0.5]
        for d in range(mean.shape[1]):
            colour = BLUE if mean.shape[1] == 1 else f"C{d}"
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
    ax = axes_or_new(ax)
    shown = result.probability >= 1e-4 * result.probability.max()
    ax.bar(result.number[shown], result.probability[shown], color=BLUE)
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
    ax = axes_or_new(ax)
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
