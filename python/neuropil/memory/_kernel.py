"""Kernel memory networks."""

from __future__ import annotations

import json
import os
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neuropil._neuropil import MemoryModel, memory_choose_radius
from neuropil._progress import bars
from neuropil.errors import ConvergenceWarning, InputError, NeuropilError
from neuropil.memory._base import AssociativeMemory, rows

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from typing_extensions import Self

_KERNELS = ("exp", "gexp", "linear", "poly", "ipoly", "krotov", "sdm", "threshold-gauss", "ball")
_RULES = ("interpolate", "max-margin", "one-shot")


def kernel_document(
    kernel: str,
    *,
    beta: float = 1.0,
    r: float = 1.0,
    degree: int = 2,
    offset: float = 1.0,
    threshold: float = 0.0,
    shift: float | None = None,
) -> dict[str, Any]:
    """Return the engine's document of a kernel by its short name."""
    separation = {"function": "power", "power": degree}
    documents: dict[str, dict[str, Any]] = {
        "exp": {"name": "exponential", "beta": float(beta), "shift": shift},
        "gexp": {"name": "generalized-exponential", "radius": float(r), "beta": float(beta)},
        "linear": {"name": "linear"},
        "poly": {"name": "polynomial", "degree": degree},
        "ipoly": {"name": "inhomogeneous-polynomial", "degree": degree, "offset": float(offset)},
        "krotov": {"name": "krotov", "separation": separation},
        "sdm": {"name": "sparse-distributed", "radius": round(r)},
        "threshold-gauss": {"name": "threshold-gauss", "threshold": float(threshold)},
        "ball": {"name": "ball", "radius": float(r)},
    }
    if kernel not in documents:
        raise InputError(f"kernel must be one of {', '.join(_KERNELS)}, got {kernel!r}")
    return documents[kernel]


class KernelMemory(AssociativeMemory):
    """A kernel memory network: an associative memory with optimal weights (Iatropoulos, Brea and Gerstner 2022).

    The default is attention with exact fixed points: replace `ModernHopfield` by `KernelMemory` and every stored
    pattern is recalled exactly.

    Parameters
    ----------
    beta : float
        Inverse temperature of ``"exp"``; exponent of ``"gexp"`` (2 is the Gaussian).
    kernel : {"exp", "gexp", "linear", "poly", "ipoly", "krotov", "sdm", "threshold-gauss", "ball"}
        How alike a cue and a stored pattern are.
    r : float or "auto"
        Radius of ``"gexp"``, ``"ball"`` and ``"sdm"``. ``"auto"`` (``"gexp"`` and ``"ball"`` only) takes the one with
        the largest basins among those at which every pattern is stable.
    rule : {"interpolate", "max-margin", "one-shot"}
        Least-norm interpolation (real states), support-vector machines (binary states), or Hebbian storage.
    normalize : bool or "auto"
        Whether kernel values are divided by their sum. ``"auto"``: for real states under ``"exp"`` and ``"gexp"``,
        unless the mean is subtracted.
    center : bool
        Whether the mean of the outputs is stored apart (interpolation).
    ridge : float
        Added to the diagonal of the Gram matrix (interpolation).
    bias : bool
        Whether neurons have thresholds (max-margin).
    C : float
        Bound of the coefficients; finite for a soft margin.
    exclude_self : bool or "auto"
        Whether a neuron does not see itself; ``"auto"``: for binary states unless interpolated.
    state : {"auto", "binary", "real"}
        Values of outputs; ``"auto"``: binary for max-margin, and for ``"one-shot"`` on +1/-1 patterns.
    degree, offset, threshold, shift
        Parameters of the polynomial, Krotov, threshold-Gauss and exponential kernels.
    sequence : bool
        Whether rows are a sequence, each recalling the next.
    n_inducing : int, optional
        Number of inducing patterns, for more patterns than a Gram matrix can hold.
    sparse : bool
        Whether the Gram matrix is stored sparsely, for kernels of short range.
    solver : {"cholesky", "jitter", "pseudo-inverse", "indefinite"}
        How interpolation is solved.
    random_state : int, optional
        Seed of the choice of inducing patterns; 0 when None.
    verbose : bool
        Whether progress is shown.

    Attributes
    ----------
    patterns_ : ndarray of shape (n_patterns, n_neurons)
        Stored (or inducing) patterns.
    dual_coef_ : ndarray of shape (n_patterns, n_outputs)
        Coefficients of the kernel expansion.
    intercept_ : ndarray of shape (n_outputs,)
        Minus the thresholds.
    margins_ : ndarray of shape (n_outputs,)
        Margin of each neuron in feature space, ``1 / |w|``.
    n_support_ : ndarray of int, shape (n_outputs,)
        Number of support vectors of each neuron.
    status_ : list of str
        What became of each neuron: ``"optimal"``, ``"not_separable"``, ``"not_converged"``, ``"one_class"``.
    training_error_ : float
        Fraction of the stored answers that are wrong.
    report_ : dict
        All that fitting found out.
    r_ : float
        The radius in use.

    Examples
    --------
    >>> import neuropil as npl
    >>> memory = npl.memory.KernelMemory(beta=8.0).fit([[1.0, 0.0], [0.0, 1.0]])
    >>> memory.recall([[0.9, 0.2]]).nearest
    array([0])
    """

    def __init__(
        self,
        beta: float = 1.0,
        kernel: str = "exp",
        r: float | str = 1.0,
        rule: str = "interpolate",
        normalize: bool | str = "auto",
        center: bool = False,
        ridge: float = 0.0,
        bias: bool = False,
        C: float = float("inf"),
        exclude_self: bool | str = "auto",
        state: str = "auto",
        degree: int = 2,
        offset: float = 1.0,
        threshold: float = 0.0,
        shift: float | None = None,
        sequence: bool = False,
        n_inducing: int | None = None,
        sparse: bool = False,
        solver: str = "cholesky",
        random_state: int | None = None,
        verbose: bool = False,
    ) -> None:
        self.beta = beta
        self.kernel = kernel
        self.r = r
        self.rule = rule
        self.normalize = normalize
        self.center = center
        self.ridge = ridge
        self.bias = bias
        self.C = C
        self.exclude_self = exclude_self
        self.state = state
        self.degree = degree
        self.offset = offset
        self.threshold = threshold
        self.shift = shift
        self.sequence = sequence
        self.n_inducing = n_inducing
        self.sparse = sparse
        self.solver = solver
        self.random_state = random_state
        self.verbose = verbose

    def _state(self, x: NDArray[np.float64]) -> str:
        if self.state not in ("auto", "binary", "real"):
            raise InputError(f'state must be "auto", "binary" or "real", got {self.state!r}')
        if self.state != "auto":
            return self.state
        if self.rule == "max-margin" or (self.rule == "one-shot" and bool(np.all(np.abs(x) == 1))):
            return "binary"
        return "real"

    def _params(self, x: NDArray[np.float64], r: float) -> dict[str, Any]:
        state = self._state(x)
        normalize = self.normalize
        if normalize == "auto":
            normalize = state == "real" and self.kernel in ("exp", "gexp") and not self.center
            # Neither inducing patterns nor neurons that do not see themselves can be normalised.
            normalize = normalize and self.n_inducing is None and self.exclude_self is not True
        if normalize not in (True, False):
            raise InputError(f'normalize must be True, False or "auto", got {normalize!r}')
        normalization = "sum" if normalize else "none"
        if self.rule == "interpolate":
            solvers = {name: name.replace("-", "_") for name in ("cholesky", "jitter", "pseudo-inverse", "indefinite")}
            if self.solver not in solvers:
                raise InputError(f"solver must be one of {', '.join(solvers)}, got {self.solver!r}")
            rule: dict[str, Any] = {
                "name": "interpolate",
                "ridge": float(self.ridge),
                "centering": "mean" if self.center else "none",
                "normalization": normalization,
                "solver": solvers[self.solver],
            }
        elif self.rule == "max-margin":
            softness = None if float("inf") == self.C else float(self.C)
            rule = {"name": "max_margin", "bias": "fitted" if self.bias else "none", "softness": softness}
        elif self.rule == "one-shot":
            rule = {"name": "one_shot", "normalization": normalization}
        else:
            raise InputError(f"rule must be one of {', '.join(_RULES)}, got {self.rule!r}")
        kernel = kernel_document(
            self.kernel,
            beta=self.beta,
            r=r,
            degree=self.degree,
            offset=self.offset,
            threshold=self.threshold,
            shift=self.shift,
        )
        excluded: dict[Any, str] = {"auto": "automatic", True: "excluded", False: "included"}
        if self.exclude_self not in excluded:
            raise InputError(f'exclude_self must be True, False or "auto", got {self.exclude_self!r}')
        return {"kernel": kernel, "rule": rule, "states": state, "self_connections": excluded[self.exclude_self]}

    def _complete(self, cues: NDArray[np.float64]) -> NDArray[np.float64]:
        return self._fitted().fill_in(cues) if np.isnan(cues).any() else cues

    def _radius(self, x: NDArray[np.float64]) -> float:
        if isinstance(self.r, str):
            if self.r != "auto":
                raise InputError(f'r must be a number or "auto", got {self.r!r}')
            shown = bars(self.verbose)
            return memory_choose_radius(json.dumps(self._params(x, 1.0)), x, shown)[0]
        return float(self.r)

    def _specification(self, x: NDArray[np.float64]) -> dict[str, Any]:
        self.r_ = self._radius(x)
        storage: dict[str, Any] = {"name": "exact"}
        if self.sequence:
            storage = {"name": "sequence"}
        elif self.n_inducing is not None:
            storage = {"name": "inducing", "n_inducing": self.n_inducing, "seed": self.random_state or 0}
        elif self.sparse:
            storage = {"name": "sparse", "cutoff": 1e-12}
        return {"model": "KernelMemory", "params": self._params(x, self.r_), "storage": storage}

    def _learn(self, report: str | None) -> None:
        self._update()
        self.report_: dict[str, Any] = json.loads(report or "{}")
        margins = [np.inf if margin is None else margin for margin in self.report_.get("margins", [])]
        self.margins_ = np.array(margins)
        self.n_support_ = np.array(self.report_.get("n_support", []), dtype=np.int64)
        self.status_: list[str] = self.report_.get("status", [])
        self.training_error_ = float(self.report_.get("training_error", 0.0))
        for message in self.report_.get("warnings", []):
            warnings.warn(message, ConvergenceWarning, stacklevel=3)

    def _update(self) -> None:
        arrays = self._model.arrays()
        self.patterns_ = arrays["patterns"]
        self.dual_coef_ = arrays["coefficients"]
        self.intercept_ = -arrays["threshold"]

    def _insert(self, x: NDArray[np.float64], y: NDArray[np.float64] | None) -> None:
        self.novelty_ = np.array(self._model.insert(x, y))
        self._update()

    def _after_forgetting(self) -> None:
        self._update()

    def forget(self, index: int | None = None) -> Self:
        """Delete one stored pattern, at once the exact solution without it.

        Parameters
        ----------
        index : int, optional
            Its row in ``patterns_``; when None, the one whose loss changes the memory least.

        Returns
        -------
        self
        """
        model = self._fitted()
        index = model.least_important() if index is None else index
        if not 0 <= index < len(self.patterns_):
            raise InputError(f"index is {index}, but it must lie in [0, {len(self.patterns_)})")
        model.delete(index)
        self._update()
        return self

    @property
    def kernel_matrix_cond_(self) -> float:
        """Condition number of the Gram matrix (interpolation)."""
        return self._fitted().condition_number()

    def leave_one_out_errors(self) -> NDArray[np.float64]:
        """Return the errors with which the other patterns predict each stored one, without fitting again.

        Returns
        -------
        ndarray of shape (n_patterns, n_outputs)
            Stored output minus prediction.
        """
        return self._fitted().leave_one_out()

    def spectral_radius(self, S: ArrayLike | None = None) -> NDArray[np.float64]:
        """Return the spectral radius of the Jacobian of recall; below one where a fixed point is stable.

        Parameters
        ----------
        S : array_like of shape (n_states, n_neurons), optional
            States; the stored patterns when None.

        Returns
        -------
        ndarray of shape (n_states,)
            Spectral radii.
        """
        model = self._fitted()
        return model.jacobian_radius(self.patterns_ if S is None else rows(S, "S"))

    def basin_radius(
        self,
        X: ArrayLike | None = None,
        n_directions: int = 20,
        random_state: int | None = None,
    ) -> NDArray[np.float64]:
        """Measure how far away patterns are still recalled from, by bisection along random directions.

        Parameters
        ----------
        X : array_like of shape (n_patterns, n_neurons), optional
            Patterns; the stored ones when None.
        n_directions : int
            Directions per pattern.
        random_state : int, optional
            Seed of the directions; 0 when None.

        Returns
        -------
        ndarray of shape (n_patterns, n_directions)
            Distances (numbers of flipped neurons for binary states).
        """
        options = {"n_directions": n_directions, "seed": random_state or 0}
        model = self._fitted()
        shown = bars(self.verbose)
        return model.basin(self.patterns_ if X is None else rows(X, "X"), json.dumps(options), shown)

    def order_shares(self) -> NDArray[np.float64]:
        """Return the share of every dendritic interaction order (Taylor) in the norm of each neuron's weights.

        Returns
        -------
        ndarray of shape (n_outputs, n_orders)
            Rows sum to one.
        """
        return self._fitted().shares(False)

    def walsh_shares(self) -> NDArray[np.float64]:
        """Return the share of every Walsh degree (products of distinct binary inputs) in the norm of each neuron.

        Returns
        -------
        ndarray of shape (n_outputs, n_neurons + 1)
            Rows sum to one.
        """
        return self._fitted().shares(True)

    def save(self, path: str | os.PathLike[str], overwrite: bool = False) -> None:
        """Write the memory to one npz file, which `neuropil.load` and the command line read.

        Parameters
        ----------
        path : path
            The file.
        overwrite : bool
            Whether an existing file is replaced.
        """
        self._fitted().save(os.fspath(path), overwrite)

    def __getstate__(self) -> dict[str, Any]:
        state = {name: value for name, value in self.__dict__.items() if not name.startswith("_")}
        if hasattr(self, "_model"):
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / "memory.npz"
                self._model.save(str(file), True)
                state["_file"] = file.read_bytes()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        content = state.pop("_file", None)
        self.__dict__.update(state)
        if content is not None:
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / "memory.npz"
                file.write_bytes(content)
                self._model, _, _ = MemoryModel.load(str(file))
            arrays = self._model.arrays()
            self._fitted_x, self._fitted_y = arrays["patterns"], None

    @classmethod
    def _load(cls, path: Path) -> Self:
        model, params, sequence = MemoryModel.load(str(path))
        document = json.loads(params)
        memory = cls(**_arguments(document), sequence=sequence)
        memory._model = model
        memory._fitted_x, memory._fitted_y = model.arrays()["patterns"], None
        memory.n_features_in_ = model.shape()[0]
        memory.r_ = float(memory.r)
        memory._update()
        return memory


def _arguments(document: dict[str, Any]) -> dict[str, Any]:
    """Return the constructor's arguments from the engine's parameters."""
    kernel, rule = document["kernel"], document["rule"]
    names = {kernel_document(name)["name"]: name for name in _KERNELS}
    arguments: dict[str, Any] = {"kernel": names[kernel["name"]], "state": document["states"]}
    for source, target in [("beta", "beta"), ("radius", "r"), ("degree", "degree"), ("offset", "offset")]:
        if source in kernel:
            arguments[target] = kernel[source]
    for name in ("threshold", "shift"):
        if name in kernel:
            arguments[name] = kernel[name]
    if "separation" in kernel:
        power = kernel["separation"].get("power")
        if kernel["separation"]["function"] != "power":
            raise NeuropilError("this file holds a kernel that Python does not name; use the command line")
        arguments["degree"] = power
    arguments["exclude_self"] = {"automatic": "auto", "excluded": True, "included": False}[document["self_connections"]]
    arguments["rule"] = rule["name"].replace("_", "-")
    if rule["name"] != "max_margin":
        arguments["normalize"] = rule.get("normalization") == "sum"
    if rule["name"] == "interpolate":
        arguments["ridge"], arguments["center"] = rule["ridge"], rule["centering"] == "mean"
        arguments["solver"] = rule["solver"].replace("_", "-")
    if rule["name"] == "max_margin":
        arguments["bias"] = rule["bias"] == "fitted"
        arguments["C"] = float("inf") if rule["softness"] is None else rule["softness"]
    return arguments
