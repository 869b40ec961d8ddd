"""A network on its data: loss, derivatives, spectra, reports."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from neuropil import _neuropil
from neuropil._observations import numbers
from neuropil._progress import bars
from neuropil._results import Provenance, Result, frozen
from neuropil.errors import InputError
from neuropil.landscape._network import MLP, matrix, vector

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

#: Eigenvalues below this, times the larger of 1 and the largest, count as zero.
ZERO = 1e-10


@dataclass(frozen=True, eq=False, repr=False)
class Spectrum(Result):
    """Eigenvalues of a Hessian.

    Attributes
    ----------
    eigenvalues : ndarray of shape (P,)
        In ascending order.
    eigenvectors : ndarray of shape (P, P)
        One column for each eigenvalue.
    threshold : float
        Eigenvalues below this in absolute value count as zero.
    """

    eigenvalues: Array
    eigenvectors: Array
    threshold: float

    @property
    def index(self) -> int:
        """Number of negative eigenvalues."""
        return int(np.count_nonzero(self.eigenvalues < -self.threshold))

    @property
    def n_zero(self) -> int:
        """Number of eigenvalues that count as zero."""
        return int(np.count_nonzero(np.abs(self.eigenvalues) <= self.threshold))

    def _columns(self) -> dict[str, Any]:
        return {"eigenvalues": self.eigenvalues}


@dataclass(frozen=True, eq=False, repr=False)
class ExtremeEigenvalues(Result):
    """Both ends of a spectrum, by Lanczos iteration.

    Attributes
    ----------
    smallest, largest : ndarray
        Eigenvalues in ascending order.
    smallest_error, largest_error : ndarray
        An eigenvalue lies within this distance of each.
    n_products : int
        Hessian-vector products that were spent.
    """

    smallest: Array
    largest: Array
    smallest_error: Array
    largest_error: Array
    n_products: int


@dataclass(frozen=True, eq=False, repr=False)
class SpectralDensity(Result):
    """The density of a spectrum.

    Attributes
    ----------
    grid : ndarray
        Eigenvalues.
    density : ndarray
        Density; it integrates to one.
    """

    grid: Array
    density: Array


@dataclass(frozen=True, eq=False, repr=False)
class Polished(Result):
    """A point brought to a critical point.

    Attributes
    ----------
    theta : ndarray
        Parameters.
    loss : float
        The loss.
    gradient_norm : float
        Largest absolute component of the gradient.
    converged : bool
        Whether the gradient is below its tolerance or the loss zero to rounding.
    reason : str
        How it ended, in words.
    n_iterations : int
        Iterations.
    """

    theta: Array
    loss: float
    gradient_norm: float
    converged: bool
    reason: str
    n_iterations: int


@dataclass(frozen=True, eq=False, repr=False)
class AdamCourse(Result):
    """One network under Adam; values before each step.

    Attributes
    ----------
    theta : ndarray
        Parameters after the last step.
    losses : ndarray of shape (n_steps,)
        The loss.
    squared_gradient_norms : ndarray of shape (n_steps,)
        Squared Euclidean norm of the gradient.
    step_norms : ndarray of shape (n_steps,)
        Euclidean norm of the step.
    """

    theta: Array
    losses: Array
    squared_gradient_norms: Array
    step_norms: Array

    def _columns(self) -> dict[str, Any]:
        return {name: value for name, value in super()._columns().items() if name != "theta"}


class ZeroMode(NamedTuple):
    """Zero eigenvalues with one explanation."""

    kind: str
    """"plateau", "copy", "zero type", "gauge", "dead" or "unused input"."""
    layer: int
    """Layer, counted from 0."""
    neurons: list[int]
    """The neurons concerned."""
    count: int
    """How many zero eigenvalues."""


@dataclass(frozen=True, eq=False, repr=False)
class CriticalPointReport(Result):
    """What a point of the landscape is.

    Attributes
    ----------
    kind : str
        "strict minimum", "minimum to second order, with flat directions", "saddle" or "not a critical point".
    loss : float
        The loss.
    gradient_max, gradient_norm : float
        Largest absolute component and Euclidean length of the gradient.
    newton_decrement : float
        What a Newton step would change the loss by, over eigenvalues that are not zero.
    eigenvalues : ndarray
        Of the Hessian, ascending.
    threshold : float
        Eigenvalues below this in absolute value count as zero.
    index, n_zero, n_positive : int
        Numbers of negative, zero and positive eigenvalues.
    zero_modes : list of ZeroMode
        Why the zero eigenvalues are there.
    n_unexplained : int
        Zero eigenvalues without explanation.
    plateau_dimension : int
        Dimension of the plateau of equal loss on which outgoing weights move between copies. With several outputs it
        is larger than the number of zero eigenvalues that it explains.
    neuron_types : list of list of NeuronType
        The neurons of each hidden layer.
    reduced_widths : list of int
        For each hidden layer the number of neurons that are needed.
    """

    kind: str
    loss: float
    gradient_max: float
    gradient_norm: float
    newton_decrement: float
    eigenvalues: Array
    threshold: float
    index: int
    n_zero: int
    n_positive: int
    zero_modes: list[ZeroMode]
    n_unexplained: int
    plateau_dimension: int
    neuron_types: list[list[Any]]
    reduced_widths: list[int]


class Problem:
    """The loss of a network on a data set. Made by `MLP.problem`; data are copied once.

    Attributes
    ----------
    net : MLP
        The network, with its number of inputs.
    """

    def __init__(
        self,
        net: MLP,
        X: ArrayLike,
        y: ArrayLike,
        *,
        loss: str = "square",
        sample_weight: ArrayLike | None = None,
        weight_decay: float = 0.0,
        layout: str = "samples_first",
    ) -> None:
        x = matrix(X, "X", layout)
        self.net = net if net.n_inputs is not None else net.with_inputs(x.shape[1])
        targets = _targets(y, loss, net.n_outputs, layout)
        weights = None if sample_weight is None else vector(sample_weight, "sample_weight")
        self._arguments = (x, targets, weights, loss, float(weight_decay))
        self._engine = _neuropil.LandscapeProblem(
            self.net._bound(),  # pyright: ignore[reportPrivateUsage]
            x,
            targets,
            weights,
            loss,
            float(weight_decay),
        )

    def __reduce__(self) -> Any:
        return _problem_again, (self.net, *self._arguments)

    def value(self, theta: ArrayLike) -> float:
        """Return the loss at `theta`."""
        return self._engine.value(vector(theta, "theta"))

    def gradient(self, theta: ArrayLike) -> Array:
        """Return the gradient at `theta`, of shape (P,)."""
        return self.value_and_gradient(theta)[1]

    def value_and_gradient(self, theta: ArrayLike) -> tuple[float, Array]:
        """Return loss and gradient: what `scipy.optimize.minimize(..., jac=True)` takes."""
        return self._engine.value_and_gradient(vector(theta, "theta"))

    def gradients(self, thetas: ArrayLike) -> tuple[Array, Array]:
        """Return losses (S,) and gradients (S, P) of many parameter vectors, the rows of `thetas`, in one pass."""
        return self._engine.gradients(np.ascontiguousarray(np.atleast_2d(numbers(thetas, "thetas"))))

    def hessian(self, theta: ArrayLike) -> Array:
        """Return the Hessian at `theta`, of shape (P, P) and exactly symmetric."""
        return self._engine.hessian(vector(theta, "theta"))

    def hvp(self, theta: ArrayLike, direction: ArrayLike) -> Array:
        """Return the Hessian at `theta` times `direction`, at the price of about two gradients."""
        return self._engine.hessian_vector(vector(theta, "theta"), vector(direction, "direction"))

    def residuals(self, theta: ArrayLike) -> Array:
        """Return ``sqrt(weight) * error``, the outputs of a sample together; their squares sum to the square loss."""
        return self._engine.residuals(vector(theta, "theta"))

    def jacobian(self, theta: ArrayLike) -> Array:
        """Return the derivatives of the residuals, of shape (N * n_outputs, P)."""
        return self._engine.jacobian(vector(theta, "theta"))

    def spectrum(self, theta: ArrayLike, zero: float = ZERO) -> Spectrum:
        """Return eigenvalues and eigenvectors of the Hessian.

        Parameters
        ----------
        theta : array_like of shape (P,)
            Parameters.
        zero : float
            Eigenvalues below this, times the larger of 1 and the largest, count as zero.

        Returns
        -------
        Spectrum
            All of it. For more than a few thousand parameters use `extreme_eigenvalues` or `spectral_density`.
        """
        values, vectors = self._engine.spectrum(vector(theta, "theta"), True)
        threshold = zero * max(1.0, float(np.abs(values).max()))
        return Spectrum(frozen(values), frozen(vectors), threshold)

    def extreme_eigenvalues(
        self,
        theta: ArrayLike,
        count: int = 1,
        *,
        n_steps: int = 300,
        tol: float = 1e-10,
        random_state: int = 0,
        verbose: bool = False,
    ) -> ExtremeEigenvalues:
        """Return both ends of the spectrum without writing the Hessian down.

        Parameters
        ----------
        theta : array_like of shape (P,)
            Parameters.
        count : int
            Eigenvalues at each end. One with several eigenvectors is found once.
        n_steps : int
            Most Hessian-vector products.
        tol : float
            Stop when the error bounds are below this fraction of the largest eigenvalue.
        random_state : int
            Seed of the start vector.
        verbose : bool
            Show progress.

        Returns
        -------
        ExtremeEigenvalues
            With error bounds.
        """
        how = json.dumps({"n_steps": n_steps, "tolerance": tol, "seed": random_state})
        found = self._engine.extreme_eigenvalues(vector(theta, "theta"), count, how, bars(verbose))
        return ExtremeEigenvalues(**{name: frozen(value) for name, value in found.items()})

    def spectral_density(
        self,
        theta: ArrayLike,
        *,
        n_probes: int = 10,
        n_grid: int = 500,
        width: float = 0.01,
        n_steps: int = 100,
        random_state: int = 0,
        verbose: bool = False,
    ) -> SpectralDensity:
        """Return the density of the spectrum by stochastic Lanczos quadrature.

        Parameters
        ----------
        theta : array_like of shape (P,)
            Parameters.
        n_probes : int
            Random vectors.
        n_grid : int
            Points at which the density is given.
        width : float
            Standard deviation of the Gaussian that stands for an eigenvalue, relative to the range.
        n_steps : int
            Hessian-vector products for each random vector.
        random_state : int
            Seed.
        verbose : bool
            Show progress.

        Returns
        -------
        SpectralDensity
            Grid and density.
        """
        how = json.dumps({"n_steps": n_steps, "seed": random_state})
        point = vector(theta, "theta")
        grid, density = self._engine.spectral_density(point, n_probes, n_grid, width, how, bars(verbose))
        return SpectralDensity(frozen(grid), frozen(density))

    def polish(
        self, theta: ArrayLike, method: str = "auto", *, tol: float = 1e-14, max_iterations: int = 1000
    ) -> Polished:
        """Bring a point near a critical point to the critical point, to rounding.

        Parameters
        ----------
        theta : array_like of shape (P,)
            Parameters.
        method : {"auto", "trust_region", "newton", "levenberg_marquardt", "lbfgs"}
            "trust_region" descends to a minimum, "newton" goes to the nearest critical point of any index; "auto" is
            the trust region up to 1000 parameters and L-BFGS beyond.
        tol : float
            Largest component of the gradient.
        max_iterations : int
            Most iterations.

        Returns
        -------
        Polished
            The point; not converged is a result, not an error.
        """
        how = {"method": method, "gradient_tolerance": tol, "max_iterations": max_iterations}
        found = self._engine.polish(vector(theta, "theta"), json.dumps(how))
        return Polished(**{name: frozen(value) for name, value in found.items()})

    def adam(
        self,
        starts: ArrayLike,
        *,
        n_steps: int = 500,
        learning_rate: float = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        verbose: bool = False,
    ) -> list[AdamCourse]:
        """Train with Adam on all samples at once, many networks together.

        Parameters
        ----------
        starts : array_like of shape (P,) or (S, P)
            Initial parameters.
        n_steps : int
            Steps.
        learning_rate, beta1, beta2, epsilon : float
            Of Adam.
        verbose : bool
            Show progress.

        Returns
        -------
        list of AdamCourse
            One for each start.
        """
        how = {"n_steps": n_steps, "learning_rate": learning_rate, "beta1": beta1, "beta2": beta2, "epsilon": epsilon}
        rows = np.ascontiguousarray(np.atleast_2d(numbers(starts, "starts")))
        courses = self._engine.adam(rows, json.dumps(how), bars(verbose))
        return [AdamCourse(**{name: frozen(value) for name, value in course.items()}) for course in courses]

    def report(
        self,
        theta: ArrayLike,
        *,
        zero: float = ZERO,
        gradient: float = 1e-8,
        incoming: float = 1e-4,
        outgoing: float = 1e-6,
    ) -> CriticalPointReport:
        """Say what kind of point this is, and why every zero eigenvalue is there.

        Parameters
        ----------
        theta : array_like of shape (P,)
            Parameters.
        zero : float
            Eigenvalues below this, times the larger of 1 and the largest, count as zero.
        gradient : float
            Largest component of the gradient at a critical point.
        incoming, outgoing : float
            Relative distance of incoming vectors of copies, and largest outgoing weight that counts as zero.

        Returns
        -------
        CriticalPointReport
            Index, zero modes and their explanations.
        """
        from neuropil.landscape._symmetry import NeuronType

        found = self._engine.report(vector(theta, "theta"), zero, gradient, incoming, outgoing)
        found["zero_modes"] = [ZeroMode(*mode) for mode in found["zero_modes"]]
        found["neuron_types"] = [[NeuronType(*kind) for kind in layer] for layer in found["neuron_types"]]
        return CriticalPointReport(**{name: frozen(value) for name, value in found.items()})

    def _provenance(self, parameters: dict[str, Any], seed: int | None) -> Provenance:
        return Provenance.from_json(self._engine.provenance(json.dumps(parameters), seed))


def _problem_again(net: MLP, x: Any, y: Any, weights: Any, loss: str, weight_decay: float) -> Problem:
    return Problem(net, x, y, loss=loss, sample_weight=weights, weight_decay=weight_decay)


def _targets(y: ArrayLike, loss: str, n_outputs: int, layout: str) -> Array:
    values = numbers(y, "y")
    if loss != "cross_entropy" or values.ndim == 2:
        return matrix(values, "y", layout)
    labels = values.ravel()
    wrong = np.flatnonzero(~((labels >= 0) & (labels < n_outputs) & (labels == np.floor(labels))))
    if len(wrong):
        index = int(wrong[0])
        raise InputError(f"y[{index}] must be a class number from 0 to {n_outputs - 1}, got {labels[index]:g}")
    return np.eye(n_outputs)[labels.astype(int)]


def critical_point_report(
    net: MLP, theta: ArrayLike, X: ArrayLike, y: ArrayLike, **settings: Any
) -> CriticalPointReport:
    """Say what kind of point `theta` is, and why every zero eigenvalue is there.

    Parameters
    ----------
    net : MLP
        The network.
    theta : array_like of shape (P,)
        Parameters.
    X, y : array_like
        The data.
    **settings
        Of `MLP.problem` (`loss`, `sample_weight`, `weight_decay`, `layout`) and of `Problem.report` (`zero`,
        `gradient`, `incoming`, `outgoing`).

    Returns
    -------
    CriticalPointReport
        Index, zero modes and their explanations.

    Examples
    --------
    >>> import neuropil as npl
    >>> task = npl.landscape.toy_task("g")
    >>> net, theta = npl.landscape.split_neuron(task.net, task.theta, neuron=0, shares=[0.3, 0.7])
    >>> report = npl.landscape.critical_point_report(net, theta, task.X, task.y)
    >>> report.n_zero, report.n_unexplained
    (3, 0)
    """
    tolerances = {name: settings.pop(name) for name in ("zero", "gradient", "incoming", "outgoing") if name in settings}
    return net.problem(X, y, **settings).report(theta, **tolerances)
