"""Capacity theory, and curves of recall."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from neuropil._neuropil import (
    memory_capacity_curve,
    memory_cover_probability,
    memory_feature_dimension,
    memory_gardner_capacity,
    memory_gardner_kappa,
    memory_sdm_overlap,
)
from neuropil._progress import bars
from neuropil.errors import InputError
from neuropil.memory._base import AssociativeMemory, rows
from neuropil.memory._kernel import kernel_document
from neuropil.memory._results import CapacityCurve, RecallCurve, columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray


def gardner_capacity(kappa: ArrayLike) -> Any:
    """Return the largest load M/N at which a linear neuron stores random patterns with margin kappa (Gardner 1988).

    Parameters
    ----------
    kappa : float or array_like
        Margin in units of one over the square root of N.

    Returns
    -------
    float or ndarray
        Load; 2 at kappa = 0.

    Examples
    --------
    >>> from neuropil.memory import gardner_capacity
    >>> round(gardner_capacity(0.5), 6)
    0.961205
    """
    result = np.vectorize(memory_gardner_capacity, otypes=[float])(kappa)
    return float(result) if np.ndim(kappa) == 0 else result


def gardner_kappa(load: ArrayLike) -> Any:
    """Return the margin at a load: the inverse of `gardner_capacity`.

    Parameters
    ----------
    load : float or array_like
        M/N, positive.

    Returns
    -------
    float or ndarray
        Margin; negative above a load of 2.

    Examples
    --------
    >>> from neuropil.memory import gardner_kappa
    >>> gardner_kappa([0.5, 1.0]).round(4)
    array([1.0343, 0.4707])
    """
    result = np.vectorize(memory_gardner_kappa, otypes=[float])(load)
    return float(result) if np.ndim(load) == 0 else result


def cover_probability(n_patterns: int, dimension: int) -> float:
    """Return the probability that random labels of patterns in general position are separable (Cover 1965).

    Parameters
    ----------
    n_patterns : int
        Number of patterns.
    dimension : int
        Dimension of the feature space.

    Returns
    -------
    float
        One half at ``n_patterns = 2 * dimension``.

    Examples
    --------
    >>> from neuropil.memory import cover_probability
    >>> round(cover_probability(200, 100), 6)
    0.5
    """
    return memory_cover_probability(n_patterns, dimension)


def sdm_overlap(n: int, rho: int) -> NDArray[np.float64]:
    """Return Kanerva's kernel for every Hamming distance.

    Parameters
    ----------
    n : int
        Number of neurons.
    rho : int
        Hamming radius of activation.

    Returns
    -------
    ndarray of shape (n + 1,)
        Probability that a random address lies within the radius of both of two states.

    Examples
    --------
    >>> from neuropil.memory import sdm_overlap
    >>> (sdm_overlap(10, 3)[:4] * 2**10).round()
    array([176.,  92.,  92.,  50.])
    """
    return memory_sdm_overlap(n, rho)


def feature_dimension(kernel: str, n: int, **parameters: Any) -> float:
    """Return the dimension of a kernel's feature space on +1/-1 states.

    Parameters
    ----------
    kernel : str
        As in `KernelMemory`.
    n : int
        Number of neurons.
    **parameters
        Parameters of the kernel, as in `KernelMemory`.

    Returns
    -------
    float
        Random labels of twice as many patterns are separable with probability one half.

    Examples
    --------
    >>> from neuropil.memory import feature_dimension
    >>> feature_dimension("ipoly", 8, degree=2)
    37.0
    """
    return memory_feature_dimension(json.dumps(kernel_document(kernel, **parameters)), n)


_NOISES = ("flip", "gaussian", "displace", "cover", "erase")


def _noise(noise: str, value: float | None, binary: bool) -> dict[str, Any]:
    if noise == "auto":
        noise = "flip" if binary else "gaussian"
    if noise not in _NOISES:
        raise InputError(f"noise must be one of auto, {', '.join(_NOISES)}, got {noise!r}")
    if value is None:
        value = -1.0 if binary else 0.0
    return {"kind": noise, "value": value} if noise in ("cover", "erase") else {"kind": noise}


def recall_curve(
    memory: AssociativeMemory,
    X: ArrayLike | None = None,
    Y: ArrayLike | None = None,
    levels: Sequence[float] = (0.0, 0.1, 0.2, 0.3, 0.4),
    noise: str = "auto",
    value: float | None = None,
    n_cues: int = 200,
    tol: float = 1e-3,
    max_iter: int = 1000,
    random_state: int | None = None,
) -> RecallCurve:
    """Recall noisy versions of patterns at several levels of noise.

    Parameters
    ----------
    memory : AssociativeMemory
        A fitted memory.
    X : array_like of shape (n_patterns, n_neurons), optional
        Patterns from which cues are made; the stored ones when None.
    Y : array_like of shape (n_patterns, n_outputs), optional
        What they should recall; X when None.
    levels : sequence of float
        Probability of a flipped (``"flip"``) or replaced entry (``"erase"``), standard deviation (``"gaussian"``),
        length (``"displace"``), or fraction covered (``"cover"``).
    noise : {"auto", "flip", "gaussian", "displace", "cover", "erase"}
        What is done to patterns; ``"auto"`` flips entries of +1/-1 patterns and adds Gaussian noise to others.
    value : float, optional
        What stands in covered and erased entries; 0 when None, -1 in +1/-1 patterns.
    n_cues : int
        Cues per level.
    tol : float
        Distance within which a real pattern counts as restored.
    max_iter : int
        Largest number of steps.
    random_state : int, optional
        Seed of the noise; 0 when None.

    Returns
    -------
    RecallCurve
        One entry per level.

    Examples
    --------
    >>> import neuropil as npl
    >>> X = npl.data.example("digits")["images"][:100].reshape(100, 64) / 16
    >>> memory = npl.memory.KernelMemory(kernel="gexp", beta=2, r=0.4).fit(X)
    >>> npl.memory.recall_curve(memory, levels=[0.0, 0.1]).restored
    array([1., 1.])
    """
    model = memory._fitted()  # pyright: ignore[reportPrivateUsage]
    x = memory.patterns_ if X is None else rows(X, "X")
    y = x if Y is None else rows(Y, "Y")
    options = {
        "noise": _noise(noise, value, bool(np.all(np.abs(x) == 1))),
        "levels": [float(level) for level in levels],
        "n_cues": n_cues,
        "tolerance": tol,
        "recall": {"max_steps": max_iter},
        "seed": random_state or 0,
    }
    if not options["levels"]:
        raise InputError("levels is empty, but it must hold at least one level")
    shown = bars(False)
    points = json.loads(model.recall_curve(x, y, json.dumps(options), shown))
    return RecallCurve(**columns(points))


def capacity_curve(
    memory: AssociativeMemory,
    n_neurons: int = 100,
    n_patterns: Sequence[int] = (10, 20, 50, 100, 150, 200),
    n_trials: int = 5,
    patterns: str = "binary",
    noise: str = "auto",
    level: float = 0.05,
    tol: float = 1e-3,
    random_state: int | None = None,
) -> CapacityCurve:
    """Fill memories with random patterns and ask for all of them.

    Parameters
    ----------
    memory : AssociativeMemory
        A memory whose parameters are used; it need not be fitted.
    n_neurons : int
        Number of neurons.
    n_patterns : sequence of int
        Numbers of patterns.
    n_trials : int
        Memories per number of patterns.
    patterns : {"binary", "real"}
        Fair +1/-1 entries, or points on the unit sphere.
    noise : str
        As in `recall_curve`.
    level : float
        Level of the noise. At 0, a neuron that has found no coefficients has no field, keeps its state and counts as
        right.
    tol : float
        Distance within which a real pattern counts as restored.
    random_state : int, optional
        Seed; 0 when None.

    Returns
    -------
    CapacityCurve
        One entry per number of patterns.

    Examples
    --------
    >>> import neuropil as npl
    >>> curve = npl.memory.capacity_curve(npl.memory.Hopfield(), n_neurons=100, n_patterns=[2, 60])
    >>> curve.restored[0], bool(curve.restored[1] < 0.1)
    (np.float64(1.0), True)
    """
    if patterns not in ("binary", "real"):
        raise InputError(f'patterns must be "binary" or "real", got {patterns!r}')
    example = np.ones((1, n_neurons)) if patterns == "binary" else np.zeros((1, n_neurons))
    specification = memory._specification(example)  # pyright: ignore[reportPrivateUsage]
    options = {
        "n_neurons": n_neurons,
        "n_patterns": [int(m) for m in n_patterns],
        "n_trials": n_trials,
        "patterns": patterns,
        "noise": _noise(noise, None, patterns == "binary"),
        "level": level,
        "tolerance": tol,
        "seed": random_state or 0,
    }
    shown = bars(False)
    points = json.loads(memory_capacity_curve(json.dumps(specification), json.dumps(options), shown))
    return CapacityCurve(**columns(points))
