"""Figures of loss landscapes, re-exported by `neuropil.plot`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from neuropil._axes import BLUE, GREEN, GREY, ORANGE, axes_or_new
from neuropil._observations import numbers
from neuropil.errors import InputError
from neuropil.landscape._counts import count_critical_subspaces, count_global_minima_subspaces
from neuropil.landscape._symmetry import count_types

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

    from neuropil.landscape._flow import Trained
    from neuropil.landscape._network import MLP
    from neuropil.landscape._problem import CriticalPointReport, Problem, Spectrum
    from neuropil.landscape._symmetry import NeuronType, Path, PermutationPath

_KINDS = {
    "plateau": GREEN,
    "copy": "#E69F00",
    "zero type": "#CC79A7",
    "gauge": "#56B4E9",
    "dead": "0.3",
    "unused input": "0.6",
}


def neuron_trajectories(
    net: MLP,
    results: Trained | Sequence[Trained],
    teacher: tuple[MLP, ArrayLike] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Plot how the incoming weights of every neuron move, in the plane of the first two inputs.

    Parameters
    ----------
    net : MLP
        The network, with one hidden layer or more; the first is shown.
    results : Trained or sequence of Trained
        With trajectories: `GradientFlow.fit` with ``record=True``.
    teacher : (MLP, array_like), optional
        Rays along the incoming weights of the teacher's neurons.
    ax : matplotlib.axes.Axes, optional
        Where to draw; new axes when None.

    Returns
    -------
    matplotlib.axes.Axes
        End points are coloured by the outgoing weight (the first output's).
    """
    ax = axes_or_new(ax)
    runs = list(results) if isinstance(results, Sequence) else [results]
    ends: list[Any] = []
    for run in runs:
        if run.trajectory is None:
            raise InputError("a result holds no trajectory; train with record=True")
        layers = [net.unpack(theta) for theta in run.trajectory.parameters]
        incoming = np.stack([layer["w1"] for layer in layers])
        if incoming.shape[2] < 2:
            raise InputError("the plane of incoming weights needs a network with at least 2 inputs")
        for neuron in range(incoming.shape[1]):
            ax.plot(incoming[:, neuron, 0], incoming[:, neuron, 1], color=GREY, linewidth=0.8, zorder=2)
        last = net.unpack(run.theta)
        ends.append(np.column_stack([last["w1"][:, :2], last["w2"][0]]))
    points = np.concatenate(ends)
    scale = float(np.abs(points[:, 2]).max()) or 1.0
    marks = ax.scatter(
        points[:, 0], points[:, 1], c=points[:, 2], cmap="coolwarm", vmin=-scale, vmax=scale, edgecolor="k", zorder=3
    )
    ax.figure.colorbar(marks, ax=ax, label="outgoing weight")
    if teacher is not None:
        reach = 1.1 * float(np.abs(points[:, :2]).max())
        for ray in teacher[0].unpack(teacher[1])["w1"][:, :2]:
            end = reach * ray / np.linalg.norm(ray)
            ax.plot([0, end[0]], [0, end[1]], color=BLUE, linestyle="--", linewidth=1, zorder=1)
    ax.axhline(0, color="0.85", linewidth=0.8, zorder=0)
    ax.axvline(0, color="0.85", linewidth=0.8, zorder=0)
    ax.set_aspect("equal", adjustable="datalim")
    ax.set_xlabel("incoming weight of input 0")
    ax.set_ylabel("incoming weight of input 1")
    return ax


def final_losses(losses: Mapping[Any, ArrayLike], ax: Axes | None = None) -> Axes:
    """Plot the final loss of every start, one strip for each width.

    Parameters
    ----------
    losses : mapping of label to array_like
        Such as ``{4: fit4.losses_, 5: fit5.losses_}``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; new axes when None.

    Returns
    -------
    matplotlib.axes.Axes
        With a logarithmic axis; exact zeros are drawn at 1e-33.
    """
    ax = axes_or_new(ax)
    for place, values in enumerate(losses.values()):
        strip = np.sort(numbers(values, "losses").ravel())
        spread = 0.3 * (np.arange(len(strip)) % 5 - 2) / 2
        ax.plot(place + spread, np.maximum(strip, 1e-33), "o", color=BLUE, alpha=0.6, markersize=4)
    ax.set_yscale("log")
    ax.set_xticks(range(len(losses)), [str(label) for label in losses])
    ax.set_xlabel("width")
    ax.set_ylabel("final loss")
    return ax


def subspace_counts(r: int, m: Sequence[int], ax: Axes | None = None) -> Axes:
    """Plot the numbers of global-minima and critical subspaces against the width.

    Parameters
    ----------
    r : int
        Needed neurons.
    m : sequence of int
        Widths, each at least `r`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; new axes when None.

    Returns
    -------
    matplotlib.axes.Axes
        Base-10 logarithms of T(r, m) and of the sum of G(k, m) over smaller k.

    Examples
    --------
    >>> import neuropil as npl
    >>> ax = npl.plot.subspace_counts(4, range(4, 20))
    >>> ax.get_xlabel()
    'width m'
    """
    ax = axes_or_new(ax)
    widths = list(m)
    minima = [_log10(count_global_minima_subspaces(r, width)) for width in widths]
    critical = [_log10(sum(count_critical_subspaces(k, width) for k in range(1, r))) for width in widths]
    ax.plot(widths, minima, "o-", color=BLUE, label="global minima, T")
    ax.plot(widths, critical, "s--", color=ORANGE, label="critical subspaces of smaller networks, sum of G")
    ax.set_xlabel("width m")
    ax.set_ylabel("log10 of the number of subspaces")
    ax.legend(loc="best", frameon=False)
    return ax


def _log10(count: int) -> float:
    # a float cannot hold counts above 1e308
    digits = max(len(str(count)) - 17, 0) if count < 10**4000 else int(count.bit_length() * 0.30103) - 17
    return float(np.log10(count // 10**digits)) + digits if count else float("nan")


def hessian_spectrum(
    spectrum: Spectrum | CriticalPointReport, threshold: float | None = None, ax: Axes | None = None
) -> Axes:
    """Plot eigenvalues as stems on a symmetric logarithmic axis; zero modes in the colour of their explanation.

    Parameters
    ----------
    spectrum : Spectrum or CriticalPointReport
        A report colours the zero modes.
    threshold : float, optional
        Where the axis becomes linear; by default the bound below which an eigenvalue counts as zero.
    ax : matplotlib.axes.Axes, optional
        Where to draw; new axes when None.

    Returns
    -------
    matplotlib.axes.Axes
        Negative eigenvalues are orange, positive ones blue.
    """
    ax = axes_or_new(ax)
    values = spectrum.eigenvalues
    colours = np.where(values < -spectrum.threshold, ORANGE, BLUE).astype(object)
    zero = np.flatnonzero(np.abs(values) <= spectrum.threshold)
    colours[zero] = GREY
    begin = 0
    for mode in getattr(spectrum, "zero_modes", []):
        colours[zero[begin : begin + mode.count]] = _KINDS.get(mode.kind, GREY)
        neurons = f", neurons {', '.join(map(str, mode.neurons))}" if mode.neurons else ""
        ax.plot([], [], "o", color=_KINDS.get(mode.kind, GREY), label=f"{mode.count} x {mode.kind}{neurons}")
        begin += mode.count
    ax.vlines(np.arange(len(values)), 0, values, colors=list(colours), linewidth=1)
    ax.scatter(np.arange(len(values)), values, c=list(colours), s=16, zorder=3)
    ax.axhline(0, color="0.7", linewidth=0.8, zorder=0)
    bound = threshold or spectrum.threshold
    ax.set_yscale("symlog", linthresh=bound)
    if not (values < -bound).any():
        ax.set_ylim(bottom=-2 * bound)
    ax.set_xlabel("eigenvalue, ascending")
    ax.set_ylabel("curvature")
    if ax.get_legend_handles_labels()[0]:
        ax.legend(loc="best", frameon=False, title="zero modes")
    return ax


def loss_along_path(
    path: Path | PermutationPath, X: ArrayLike, y: ArrayLike, per_segment: int = 20, ax: Axes | None = None
) -> Axes:
    """Plot the loss along a path.

    Parameters
    ----------
    path : Path or PermutationPath
        The path.
    X, y : array_like
        The data.
    per_segment : int
        Points in each segment.
    ax : matplotlib.axes.Axes, optional
        Where to draw; new axes when None.

    Returns
    -------
    matplotlib.axes.Axes
        With a logarithmic axis where the losses span more than four decades.
    """
    ax = axes_or_new(ax)
    way: Any = getattr(path, "path", path)
    t, losses = way.losses(X, y, per_segment)
    if losses.max() > 1e4 * max(losses.min(), 1e-34) or losses.max() < 1e-15:
        ax.set_yscale("log")
        losses = np.maximum(losses, 1e-34)
        ax.set_ylim(losses.min() / 100, losses.max() * 100)
    for segment in np.linspace(0, 1, way.n_segments + 1):
        ax.axvline(segment, color="0.9", linewidth=0.6, zorder=0)
    ax.plot(t, losses, color=BLUE)
    ax.set_xlabel("position along the path")
    ax.set_ylabel("loss")
    return ax


def neuron_types(types: Sequence[NeuronType], ax: Axes | None = None) -> Axes:
    """Plot how many neurons are copies, in groups without effect (by size), and unexplained.

    Parameters
    ----------
    types : sequence of NeuronType
        From `classify_neurons`; of several networks where they are joined.
    ax : matplotlib.axes.Axes, optional
        Where to draw; new axes when None.

    Returns
    -------
    matplotlib.axes.Axes
        A bar for each type.
    """
    ax = axes_or_new(ax)
    counts = dict(sorted(count_types(types).items()))
    colours = [BLUE if name == "copy" else ORANGE if name == "unexplained" else GREEN for name in counts]
    ax.bar(range(len(counts)), list(counts.values()), color=colours)
    ax.set_xticks(range(len(counts)), list(counts))
    ax.set_ylabel("neurons")
    return ax


def loss_contour(
    problem: Problem,
    theta: ArrayLike,
    directions: tuple[ArrayLike, ArrayLike],
    extent: float = 1.0,
    n: int = 41,
    ax: Axes | None = None,
) -> Axes:
    """Plot the loss in a plane through a point.

    Parameters
    ----------
    problem : Problem
        Network and data.
    theta : array_like of shape (P,)
        The point in the middle.
    directions : pair of array_like of shape (P,)
        What the axes stand for, such as two eigenvectors; one unit of an axis is one such vector.
    extent : float
        The plane reaches from minus to plus this.
    n : int
        Points along each axis.
    ax : matplotlib.axes.Axes, optional
        Where to draw; new axes when None.

    Returns
    -------
    matplotlib.axes.Axes
        Contours of the base-10 logarithm of the loss.
    """
    ax = axes_or_new(ax)
    centre = numbers(theta, "theta")
    first, second = (numbers(direction, "directions") for direction in directions)
    steps = np.linspace(-extent, extent, n)
    losses = [[problem.value(centre + a * first + b * second) for a in steps] for b in steps]
    filled = ax.contourf(steps, steps, np.log10(np.maximum(losses, 1e-34)), levels=20, cmap="viridis")
    ax.figure.colorbar(filled, ax=ax, label="log10 of the loss")
    ax.plot(0, 0, "+", color="w")
    ax.set_xlabel("first direction")
    ax.set_ylabel("second direction")
    return ax
