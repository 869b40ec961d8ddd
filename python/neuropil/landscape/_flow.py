"""Training to rounding: gradient flow, then a polish."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neuropil import _neuropil
from neuropil._estimator import Estimator
from neuropil._files import write_text
from neuropil._observations import numbers
from neuropil._progress import bars
from neuropil._results import Provenance, Result, frozen
from neuropil.errors import ConvergenceWarning, InputError
from neuropil.landscape._network import MLP
from neuropil.surprise._parameters import seed_of

if TYPE_CHECKING:
    import os

    from numpy.typing import ArrayLike, NDArray

    from neuropil.landscape._problem import CriticalPointReport, Problem

    Array = NDArray[np.float64]

_FORMAT = 1
_SOLVERS = ("auto", "rosenbrock", "dormand_prince")
_POLISHES = ("auto", "trust_region", "newton", "levenberg_marquardt", "lbfgs", "nothing")


@dataclass(frozen=True, eq=False, repr=False)
class Trajectory(Result):
    """A gradient flow: its steps, and the flow between them.

    Attributes
    ----------
    times : ndarray of shape (T,)
        Time of each step, from 0.
    losses : ndarray of shape (T,)
        Loss.
    gradient_norms : ndarray of shape (T,)
        Largest absolute component of the gradient.
    parameters : ndarray of shape (T, P)
        Parameters.
    bends : ndarray of shape (3, T - 1, P)
        Coefficients of the interpolation.
    """

    times: Array
    losses: Array
    gradient_norms: Array
    parameters: Array
    bends: Array

    def __call__(self, t: ArrayLike) -> Array:
        """Return the parameters at one time or several, by the solver's own interpolation.

        Parameters
        ----------
        t : float or array_like
            Times within the flow.

        Returns
        -------
        ndarray of shape (P,) or (len(t), P)
            Parameters.
        """
        times = np.atleast_1d(numbers(t, "t"))
        if len(times) and not (self.times[0] <= times.min() and times.max() <= self.times[-1]):
            raise InputError(f"t must lie in [{self.times[0]:g}, {self.times[-1]:g}], got {times.tolist()}")
        if len(self.times) == 1:
            points = np.repeat(self.parameters, len(times), axis=0)
        else:
            step = np.clip(np.searchsorted(self.times, times, side="right") - 1, 0, len(self.times) - 2)
            s = ((times - self.times[step]) / (self.times[step + 1] - self.times[step]))[:, None]
            start, end = self.parameters[step], self.parameters[step + 1]
            a, b, c = self.bends[:, step]
            points = start + s * (end - start + (1 - s) * (a + s * (b + (1 - s) * c)))
        return points[0] if np.ndim(t) == 0 else points

    def _columns(self) -> dict[str, Any]:
        return {"times": self.times, "losses": self.losses, "gradient_norms": self.gradient_norms}


@dataclass(frozen=True, eq=False, repr=False)
class Trained(Result):
    """A trained network.

    Attributes
    ----------
    theta : ndarray of shape (P,)
        Parameters.
    loss : float
        Loss.
    gradient_norm : float
        Largest absolute component of the gradient.
    converged : bool
        Whether a critical point was reached.
    reason : str
        How it ended, in words.
    n_steps, n_polish : int
        Steps of the flow, iterations of the polish.
    flow_time, flow_loss : float
        Time and loss where the flow ended and the polish began.
    trajectory : Trajectory or None
        The flow; None where it was not recorded.
    """

    theta: Array
    loss: float
    gradient_norm: float
    converged: bool
    reason: str
    n_steps: int
    n_polish: int
    flow_time: float
    flow_loss: float
    trajectory: Trajectory | None

    def _columns(self) -> dict[str, Any]:
        return {"theta": self.theta}


def _trained(found: dict[str, Any]) -> Trained:
    trajectory = None
    if "times" in found:
        names = ("times", "losses", "gradient_norms", "parameters", "bends")
        trajectory = Trajectory(**{name: frozen(found.pop(name)) for name in names})
    return Trained(**{name: frozen(value) for name, value in found.items()}, trajectory=trajectory)


def plain(value: Any) -> Any:
    """Return a parameter as JSON holds it; a generator cannot be written, so it becomes None."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (np.random.Generator, np.random.RandomState)):
        return None
    return list(value) if isinstance(value, tuple) else value


def training(
    *,
    solver: str,
    t_max: float,
    rtol: float,
    atol: float,
    polish: str | None,
    tol: float,
    max_iterations: int,
    norm_limit: float,
    record: bool,
    time_constants: ArrayLike | None = None,
) -> str:
    """Flow and polish as the engine reads them."""
    if solver not in _SOLVERS:
        raise InputError(f"solver must be one of {', '.join(_SOLVERS)}, got {solver!r}")
    method = "nothing" if polish is None else polish
    if method not in _POLISHES:
        raise InputError(f"polish must be None or one of {', '.join(_POLISHES)}, got {polish!r}")
    tau = [] if time_constants is None else numbers(time_constants, "time_constants").ravel().tolist()
    flow = {
        "solver": solver,
        "t_max": float(t_max),
        "relative_tolerance": float(rtol),
        "absolute_tolerance": float(atol),
        "norm_limit": float(norm_limit),
        "time_constants": tau,
        "record": "steps" if record else "end",
        "gradient_tolerance": max(float(tol), 1e-10) if method == "nothing" else 1e-10,
    }
    how = {"method": method, "gradient_tolerance": float(tol), "max_iterations": int(max_iterations)}
    return json.dumps({"flow": flow, "polish": how | {"norm_limit": float(norm_limit)}})


class GradientFlow(Estimator):
    r"""Trains a network along the gradient flow :math:`\dot\theta = -\nabla L` and polishes the end to rounding.

    Parameters
    ----------
    net : MLP
        The network.
    solver : {"auto", "rosenbrock", "dormand_prince"}
        Linearly implicit with the exact Hessian (stiff flows), or explicit; "auto" is the first up to 1000 parameters.
    t_max : float
        Where the flow ends.
    polish : {"auto", "trust_region", "newton", "levenberg_marquardt", "lbfgs"} or None
        What follows the flow; "auto" is the trust region up to 1000 parameters and L-BFGS beyond.
    rtol, atol : float
        Allowed error of a step, relative to each parameter and absolute.
    tol : float
        Largest component of the gradient at a critical point.
    max_iterations : int
        Most iterations of the polish.
    norm_limit : float
        Parameters with a larger Euclidean norm count as diverged: a minimum at infinity.
    init : {"glorot_uniform", "glorot_normal", "normal", "uniform"}
        Distribution of initial weights; biases start at 0.
    init_scale : float, optional
        Standard deviation of "normal", bound of "uniform".
    loss : {"square", "half_square", "cross_entropy"}
        The loss.
    weight_decay : float
        ``weight_decay / 2 * |theta|^2`` is added to the loss.
    time_constants : array_like of shape (P,), optional
        Time constant of each parameter: the flow is ``-grad / tau``.
    random_state : int, numpy.random.Generator, numpy.random.RandomState or None
        Seed of the initial parameters.
    verbose : bool
        Show progress.

    Attributes
    ----------
    results_ : list of Trained
        One for each start.
    theta_, loss_, converged_, trajectory_ :
        Of the start with the lowest loss.
    losses_ : ndarray of shape (n_starts,)
        Loss of each start.
    thetas_ : ndarray of shape (n_starts, P)
        Parameters of each start.
    net_ : MLP
        The network with its number of inputs.
    problem_ : Problem or None
        Network and data; None in an object that was loaded from a file.
    provenance_ : Provenance
        Version, seed, parameters and a hash of the data.

    Examples
    --------
    >>> import neuropil as npl
    >>> task = npl.landscape.toy_task("g")
    >>> net = npl.landscape.MLP([5, "g"], bias=False)
    >>> fit = npl.landscape.GradientFlow(net).fit(task.X, task.y, seeds=4)
    >>> bool(fit.loss_ < 1e-20)
    True
    """

    def __init__(
        self,
        net: MLP,
        solver: str = "auto",
        *,
        t_max: float = 1e4,
        polish: str | None = "auto",
        rtol: float = 1e-6,
        atol: float = 1e-6,
        tol: float = 1e-14,
        max_iterations: int = 1000,
        norm_limit: float = 1e4,
        init: str = "glorot_uniform",
        init_scale: float | None = None,
        loss: str = "square",
        weight_decay: float = 0.0,
        time_constants: Any = None,
        random_state: Any = 0,
        verbose: bool = False,
    ) -> None:
        self.net = net
        self.solver = solver
        self.t_max = t_max
        self.polish = polish
        self.rtol = rtol
        self.atol = atol
        self.tol = tol
        self.max_iterations = max_iterations
        self.norm_limit = norm_limit
        self.init = init
        self.init_scale = init_scale
        self.loss = loss
        self.weight_decay = weight_decay
        self.time_constants = time_constants
        self.random_state = random_state
        self.verbose = verbose

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        seeds: int | Sequence[int] = 1,
        starts: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        record: bool | None = None,
    ) -> GradientFlow:
        """Train from one start or many.

        Parameters
        ----------
        X : array_like of shape (N, d)
            Inputs.
        y : array_like of shape (N,) or (N, n_outputs)
            Targets.
        seeds : int or sequence of int
            Number of random starts (seeds ``random_state``, ``random_state + 1``, ...), or their seeds.
        starts : array_like of shape (P,) or (n_starts, P), optional
            Initial parameters in place of random ones.
        sample_weight : array_like of shape (N,), optional
            Weights, taken as they are; 1 / N by default.
        record : bool, optional
            Whether to keep the flow itself; by default for a single start.

        Returns
        -------
        self

        Warns
        -----
        ConvergenceWarning
            If no start reached a critical point.
        """
        problem = self.net.problem(X, y, loss=self.loss, sample_weight=sample_weight, weight_decay=self.weight_decay)
        seed = None
        if starts is None:
            seed = seed_of(self.random_state)
            listed = range(seed, seed + seeds) if isinstance(seeds, int) else [seed_of(s) for s in seeds]
            if not len(listed):
                raise InputError(f"seeds must be at least 1, or a list of seeds, got {seeds!r}")
            rows = np.stack([problem.net.initialise(s, self.init, self.init_scale) for s in listed])
        else:
            rows = np.ascontiguousarray(np.atleast_2d(numbers(starts, "starts")))
        how = self._how(record if record is not None else len(rows) == 1)
        found = problem._engine.train(rows, how, bars(self.verbose))  # pyright: ignore[reportPrivateUsage]
        self._keep([_trained(one) for one in found])
        self.net_ = problem.net
        self.problem_: Problem | None = problem
        self.provenance_: Provenance = problem._provenance(json.loads(how), seed)  # pyright: ignore[reportPrivateUsage]
        if not any(one.converged for one in self.results_):
            warnings.warn(f"no start converged: {self._best().reason}", ConvergenceWarning, stacklevel=2)
        return self

    def _best(self) -> Trained:
        return self.results_[int(np.argmin(np.where(np.isnan(self.losses_), np.inf, self.losses_)))]

    def _keep(self, results: list[Trained]) -> None:
        self.results_ = results
        self.losses_ = np.array([one.loss for one in self.results_])
        self.thetas_ = np.stack([one.theta for one in self.results_])
        best = self._best()
        self.theta_, self.loss_, self.converged_ = best.theta, best.loss, best.converged
        self.trajectory_ = best.trajectory

    def _how(self, record: bool) -> str:
        return training(
            solver=self.solver,
            t_max=self.t_max,
            rtol=self.rtol,
            atol=self.atol,
            polish=self.polish,
            tol=self.tol,
            max_iterations=self.max_iterations,
            norm_limit=self.norm_limit,
            record=record,
            time_constants=self.time_constants,
        )

    @property
    def report_(self) -> CriticalPointReport:
        """What kind of point the best start reached; needs the data, which a saved file does not hold."""
        if getattr(self, "problem_", None) is None:
            raise InputError("there are no data here: call fit, or critical_point_report with the data")
        return self.problem_.report(self.theta_)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the trained networks to a file that `neuropil.load` reads; without data and trajectories.

        Parameters
        ----------
        path : path
            The file; JSON, whatever its name.
        """
        if not hasattr(self, "theta_"):
            raise InputError("this GradientFlow is not fitted yet; call fit first")
        network = json.loads(self.net_._bound())  # pyright: ignore[reportPrivateUsage]
        parameters = {name: plain(value) for name, value in self.get_params().items()}
        parameters["net"] = json.loads(self.net._json(self.net.n_inputs))  # pyright: ignore[reportPrivateUsage]
        document = {
            "neuropil": _neuropil.__version__,
            "kind": "landscape.GradientFlow",
            "format": _FORMAT,
            "parameters": parameters,
            "network": network,
            "theta": self.theta_.tolist(),
            "results": [
                {name: plain(value) for name, value in one.to_dict().items() if name != "trajectory"}
                for one in self.results_
            ],
            "provenance": asdict(self.provenance_),
        }
        write_text(Path(path), json.dumps(document) + "\n")

    @classmethod
    def _from_document(cls, document: dict[str, Any], path: str) -> GradientFlow:
        if document.get("format", 0) > _FORMAT:
            raise InputError(f'"{path}" was written by neuropil {document.get("neuropil")}; this version is older')
        try:
            parameters = dict(document["parameters"])
            parameters["net"] = MLP._from_json(json.dumps(parameters["net"]))  # pyright: ignore[reportPrivateUsage]
            flow = cls(**parameters)
            flow.net_ = MLP._from_json(json.dumps(document["network"]))  # pyright: ignore[reportPrivateUsage]
            results = [one | {"theta": np.array(one["theta"], dtype=np.float64)} for one in document["results"]]
            flow._keep([_trained(one) for one in results])
            flow.problem_ = None
            flow.provenance_ = Provenance(**document["provenance"])
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f'"{path}" is damaged: {error!r}') from None
        return flow

    def predict(self, X: ArrayLike) -> Array:
        """Return the outputs of the best network.

        Parameters
        ----------
        X : array_like of shape (N, d)
            Inputs.

        Returns
        -------
        ndarray of shape (N, n_outputs)
            Outputs.
        """
        if not hasattr(self, "theta_"):
            raise InputError("this GradientFlow is not fitted yet; call fit first")
        return self.net_.predict(self.theta_, X)
