"""scikit-learn estimators: networks trained by gradient flow."""

from __future__ import annotations

import json
import sys
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from neuropil import _neuropil
from neuropil._estimator import Estimator
from neuropil._files import read_document, write_text
from neuropil._progress import bars
from neuropil._results import Provenance
from neuropil.errors import ConvergenceWarning, InputError
from neuropil.landscape._flow import plain, training
from neuropil.landscape._network import MLP, initialisation
from neuropil.surprise._parameters import seed_of

if TYPE_CHECKING:
    import os

    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

_FORMAT = 1
Self = TypeVar("Self", bound="_FlowEstimator")


class _FlowEstimator(Estimator):
    """What both estimators share."""

    _LOSS = "square"
    _TYPE = "regressor"

    def __init__(
        self,
        hidden: Any = (10,),
        activation: str = "softplus",
        *,
        bias: bool = True,
        weight_decay: float = 1e-6,
        solver: str = "auto",
        t_max: float = 1e4,
        polish: str | None = "auto",
        tol: float = 1e-8,
        max_iterations: int = 1000,
        n_starts: int = 1,
        init: str = "glorot_uniform",
        init_scale: float | None = None,
        random_state: Any = 0,
        verbose: bool = False,
    ) -> None:
        self.hidden = hidden
        self.activation = activation
        self.bias = bias
        self.weight_decay = weight_decay
        self.solver = solver
        self.t_max = t_max
        self.polish = polish
        self.tol = tol
        self.max_iterations = max_iterations
        self.n_starts = n_starts
        self.init = init
        self.init_scale = init_scale
        self.random_state = random_state
        self.verbose = verbose

    def _network(self, n_inputs: int, n_outputs: int) -> MLP:
        layers: list[Any] = []
        for width in np.atleast_1d(np.asarray(self.hidden)).tolist():
            layers += [width, self.activation]
        return MLP(layers, n_outputs, self.bias, n_inputs)

    def _train(self, x: Array, targets: Array, sample_weight: ArrayLike | None) -> None:
        weights = None
        if sample_weight is not None:
            weights = np.asarray(sample_weight, dtype=np.float64)
            if weights.ndim == 0:
                weights = np.full(len(x), float(weights))
            if weights.shape != (len(x),):
                raise InputError(f"sample_weight must have shape ({len(x)},), got {weights.shape}")
            kept = weights > 0
            if not (weights >= 0).all():
                index = int(np.flatnonzero(~(weights >= 0))[0])
                raise InputError(f"sample_weight[{index}] must not be negative, got {weights[index]:g}")
            if not kept.any():
                raise InputError("sample_weight is zero everywhere; at least one weight must be positive")
            # a weight of zero is an absent sample; twice the weight is the sample twice
            x, targets, weights = x[kept], targets[kept], weights[kept] / weights.sum()
        net = self._network(x.shape[1], targets.shape[1])
        problem = net.problem(x, targets, loss=self._LOSS, sample_weight=weights, weight_decay=float(self.weight_decay))
        how = training(
            solver=self.solver,
            t_max=self.t_max,
            rtol=1e-6,
            atol=1e-6,
            polish=self.polish,
            tol=self.tol,
            max_iterations=self.max_iterations,
            norm_limit=1e4,
            record=False,
        )
        seed = seed_of(self.random_state)
        kind = initialisation(self.init, self.init_scale)
        text = net._bound()  # pyright: ignore[reportPrivateUsage]
        if self.n_starts < 1:
            raise InputError(f"n_starts must be at least 1, got {self.n_starts}")
        starts = np.stack([_neuropil.landscape_initialise(text, kind, seed + i) for i in range(self.n_starts)])
        found = problem._engine.train(starts, how, bars(self.verbose))  # pyright: ignore[reportPrivateUsage]
        best = min(found, key=lambda one: one["loss"])
        self.net_ = net
        self.theta_: Array = best["theta"]
        self.loss_: float = best["loss"]
        self.converged_: bool = best["converged"]
        self.losses_ = np.array([one["loss"] for one in found])
        self.n_features_in_: int = x.shape[1]
        self.provenance_: Provenance = problem._provenance(json.loads(how), seed)  # pyright: ignore[reportPrivateUsage]
        if not self.converged_:
            warnings.warn(f"not converged: {best['reason']}", ConvergenceWarning, stacklevel=3)

    def _outputs(self, X: ArrayLike) -> Array:
        if not hasattr(self, "theta_"):
            raise _not_fitted(self)
        x = _samples(X)
        if x.shape[1] != self.n_features_in_:
            raise InputError(
                f"X has {x.shape[1]} features, but {type(self).__name__} is expecting {self.n_features_in_} "
                "features as input"
            )
        return self.net_.predict(self.theta_, x)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted estimator to a file that `neuropil.load` reads.

        Parameters
        ----------
        path : path
            The file; JSON, whatever its name.
        """
        if not hasattr(self, "theta_"):
            raise _not_fitted(self)
        document = {
            "neuropil": _neuropil.__version__,
            "kind": f"landscape.{type(self).__name__}",
            "format": _FORMAT,
            "parameters": {name: plain(value) for name, value in self.get_params().items()},
            "network": json.loads(self.net_._bound()),  # pyright: ignore[reportPrivateUsage]
            "theta": self.theta_.tolist(),
            "loss": self.loss_,
            "losses": self.losses_.tolist(),
            "converged": self.converged_,
            "provenance": asdict(self.provenance_),
            "learned": self._learned(),
        }
        write_text(Path(path), json.dumps(document) + "\n")

    def _learned(self) -> dict[str, Any]:
        return {}

    def _relearn(self, learned: dict[str, Any]) -> None:
        pass

    @classmethod
    def load(cls: type[Self], path: str | os.PathLike[str]) -> Self:
        """Read an estimator that `save` wrote.

        Parameters
        ----------
        path : path
            The file.

        Returns
        -------
        GradientFlowRegressor or GradientFlowClassifier
            The class that it is called on.
        """
        return cls._from_document(read_document(Path(path)), str(path))

    @classmethod
    def _from_document(cls: type[Self], document: dict[str, Any], path: str) -> Self:
        kind = f"landscape.{cls.__name__}"
        if document.get("kind") != kind:
            raise InputError(f'"{path}" holds a {document.get("kind")}, but a {kind} is wanted')
        if document.get("format", 0) > _FORMAT:
            raise InputError(f'"{path}" was written by neuropil {document.get("neuropil")}; this version is older')
        try:
            estimator = cls(**document["parameters"])
            estimator.net_ = MLP._from_json(json.dumps(document["network"]))  # pyright: ignore[reportPrivateUsage]
            estimator.theta_ = np.array(document["theta"], dtype=np.float64)
            estimator.loss_ = document["loss"]
            estimator.losses_ = np.array(document["losses"], dtype=np.float64)
            estimator.converged_ = document["converged"]
            estimator.provenance_ = Provenance(**document["provenance"])
            estimator.n_features_in_ = int(estimator.net_.n_inputs or 0)
            estimator._relearn(document["learned"])
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f'"{path}" is damaged: {error!r}') from None
        return estimator

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "theta_")

    def __sklearn_tags__(self) -> Any:
        """Describe the estimator to scikit-learn, which alone asks."""
        from sklearn.utils import ClassifierTags, InputTags, RegressorTags, Tags, TargetTags  # pyright: ignore

        regressor = self._TYPE == "regressor"
        return Tags(
            estimator_type=self._TYPE,
            target_tags=TargetTags(required=True, multi_output=regressor),
            regressor_tags=RegressorTags() if regressor else None,
            classifier_tags=None if regressor else ClassifierTags(),
            input_tags=InputTags(),
        )


_PARAMETERS = """Parameters
    ----------
    hidden : int or sequence of int
        Widths of the hidden layers.
    activation : str
        Their activation; see `MLP`.
    bias : bool
        Whether the layers have biases.
    weight_decay : float
        ``weight_decay / 2 * |theta|^2`` is added to the loss.
    solver : {"auto", "rosenbrock", "dormand_prince"}
        How the flow is integrated.
    t_max : float
        Where the flow ends.
    polish : {"auto", "trust_region", "newton", "levenberg_marquardt", "lbfgs"} or None
        What follows the flow.
    tol : float
        Largest component of the gradient at the end.
    max_iterations : int
        Most iterations of the polish.
    n_starts : int
        Random starts; the one with the lowest loss is kept.
    init : {"glorot_uniform", "glorot_normal", "normal", "uniform"}
        Distribution of initial weights.
    init_scale : float, optional
        Standard deviation of "normal", bound of "uniform".
    random_state : int, numpy.random.Generator, numpy.random.RandomState or None
        Seed of the first start; the next ones count up.
    verbose : bool
        Show progress.
"""


class GradientFlowRegressor(_FlowEstimator):
    __doc__ = f"""Regression with a network that follows the gradient flow of the mean squared error to its end.

    Without weight decay the way to the minimum may follow a valley without an end, and training stops where its steps
    are used up; the default makes the minimum finite at a cost far below that of noise.

    {_PARAMETERS}
    Attributes
    ----------
    net_ : MLP
        The network.
    theta_ : ndarray of shape (P,)
        Its parameters.
    loss_, losses_ : float and ndarray of shape (n_starts,)
        Loss of the best start and of all.
    converged_ : bool
        Whether the best start reached a critical point.
    n_features_in_ : int
        Number of inputs.
    provenance_ : Provenance
        Version, seed, parameters and a hash of the data.

    Examples
    --------
    >>> import numpy as np
    >>> from neuropil.landscape import GradientFlowRegressor
    >>> X = np.linspace(-2, 2, 40).reshape(-1, 1)
    >>> model = GradientFlowRegressor(hidden=4, activation="tanh").fit(X, np.sin(X).ravel())
    >>> bool(model.score(X, np.sin(X).ravel()) > 0.999)
    True
    """

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> GradientFlowRegressor:
        """Fit.

        Parameters
        ----------
        X : array_like of shape (N, d)
            Inputs.
        y : array_like of shape (N,) or (N, c)
            Targets.
        sample_weight : array_like of shape (N,), optional
            Weights; only their ratios count.

        Returns
        -------
        self
        """
        x = _samples(X)
        targets = _real_targets(y, len(x), type(self).__name__)
        self._one_dimensional = targets.ndim == 1
        self._train(x, targets.reshape(len(x), -1), sample_weight)
        return self

    def predict(self, X: ArrayLike) -> Array:
        """Return the outputs, of the shape that the targets had.

        Parameters
        ----------
        X : array_like of shape (N, d)
            Inputs.

        Returns
        -------
        ndarray of shape (N,) or (N, c)
            Outputs.
        """
        outputs = self._outputs(X)
        return outputs[:, 0] if self._one_dimensional else outputs

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the coefficient of determination, R^2, averaged over outputs.

        Parameters
        ----------
        X : array_like of shape (N, d)
            Inputs.
        y : array_like of shape (N,) or (N, c)
            Targets.
        sample_weight : array_like of shape (N,), optional
            Weights.

        Returns
        -------
        float
            1 for a perfect fit.
        """
        predicted = self.predict(X)
        targets = np.asarray(y, dtype=np.float64).reshape(len(predicted), -1)
        weights = np.ones(len(targets)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        residual = np.average((targets - predicted.reshape(targets.shape)) ** 2, axis=0, weights=weights)
        spread = np.average((targets - np.average(targets, axis=0, weights=weights)) ** 2, axis=0, weights=weights)
        constant = np.where(residual == 0, 1.0, 0.0)
        return float(np.mean(np.where(spread > 0, 1 - residual / np.where(spread > 0, spread, 1), constant)))

    def _learned(self) -> dict[str, Any]:
        return {"one_dimensional": self._one_dimensional}

    def _relearn(self, learned: dict[str, Any]) -> None:
        self._one_dimensional = bool(learned["one_dimensional"])


class GradientFlowClassifier(_FlowEstimator):
    __doc__ = f"""Classification with a network that follows the gradient flow of the softmax cross-entropy to its end.

    Without weight decay the minimum of separable classes lies at infinity; the default keeps it finite.

    {_PARAMETERS}
    Attributes
    ----------
    classes_ : ndarray
        The classes.
    net_ : MLP
        The network.
    theta_ : ndarray of shape (P,)
        Its parameters.
    loss_, losses_ : float and ndarray of shape (n_starts,)
        Loss of the best start and of all.
    converged_ : bool
        Whether the best start reached a critical point.
    n_features_in_ : int
        Number of inputs.
    provenance_ : Provenance
        Version, seed, parameters and a hash of the data.

    Examples
    --------
    >>> from neuropil.landscape import GradientFlowClassifier
    >>> X, y = [[-2.0], [-1.0], [1.0], [2.0]], ["left", "left", "right", "right"]
    >>> model = GradientFlowClassifier(hidden=3).fit(X, y)
    >>> model.predict([[-1.5], [1.5]]).tolist()
    ['left', 'right']
    """

    _LOSS = "cross_entropy"
    _TYPE = "classifier"

    def __init__(
        self,
        hidden: Any = (10,),
        activation: str = "softplus",
        *,
        bias: bool = True,
        weight_decay: float = 1e-4,
        solver: str = "auto",
        t_max: float = 1e4,
        polish: str | None = "auto",
        tol: float = 1e-8,
        max_iterations: int = 1000,
        n_starts: int = 1,
        init: str = "glorot_uniform",
        init_scale: float | None = None,
        random_state: Any = 0,
        verbose: bool = False,
    ) -> None:
        super().__init__(
            hidden,
            activation,
            bias=bias,
            weight_decay=weight_decay,
            solver=solver,
            t_max=t_max,
            polish=polish,
            tol=tol,
            max_iterations=max_iterations,
            n_starts=n_starts,
            init=init,
            init_scale=init_scale,
            random_state=random_state,
            verbose=verbose,
        )

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> GradientFlowClassifier:
        """Fit.

        Parameters
        ----------
        X : array_like of shape (N, d)
            Inputs.
        y : array_like of shape (N,)
            Classes: numbers or text.
        sample_weight : array_like of shape (N,), optional
            Weights; only their ratios count.

        Returns
        -------
        self
        """
        x = _samples(X)
        labels = _labels(y, len(x), type(self).__name__)
        self.classes_, numbers = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise InputError(f"y must hold at least 2 classes, got 1 class: {self.classes_[0]!r}")
        self._train(x, np.eye(len(self.classes_))[numbers.ravel()], sample_weight)
        return self

    def decision_function(self, X: ArrayLike) -> Array:
        """Return the outputs before the softmax; for two classes their difference.

        Parameters
        ----------
        X : array_like of shape (N, d)
            Inputs.

        Returns
        -------
        ndarray of shape (N, n_classes), or (N,) for two classes
            Larger is more probable.
        """
        outputs = self._outputs(X)
        return outputs[:, 1] - outputs[:, 0] if outputs.shape[1] == 2 else outputs

    def predict_proba(self, X: ArrayLike) -> Array:
        """Return the probability of each class.

        Parameters
        ----------
        X : array_like of shape (N, d)
            Inputs.

        Returns
        -------
        ndarray of shape (N, n_classes)
            In the order of `classes_`.
        """
        outputs = self._outputs(X)
        weights = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        return weights / weights.sum(axis=1, keepdims=True)

    def predict_log_proba(self, X: ArrayLike) -> Array:
        """Return the natural logarithm of the probability of each class; see `predict_proba`."""
        outputs = self._outputs(X)
        shifted = outputs - outputs.max(axis=1, keepdims=True)
        return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the most probable class.

        Parameters
        ----------
        X : array_like of shape (N, d)
            Inputs.

        Returns
        -------
        ndarray of shape (N,)
            Classes.
        """
        best = np.argmax(self._outputs(X), axis=1)
        return self.classes_[best]

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the share of samples whose class is predicted.

        Parameters
        ----------
        X : array_like of shape (N, d)
            Inputs.
        y : array_like of shape (N,)
            Classes.
        sample_weight : array_like of shape (N,), optional
            Weights.

        Returns
        -------
        float
            Between 0 and 1.
        """
        return float(np.average(self.predict(X) == np.asarray(y), weights=sample_weight))

    def _learned(self) -> dict[str, Any]:
        return {"classes": self.classes_.tolist()}

    def _relearn(self, learned: dict[str, Any]) -> None:
        self.classes_ = np.array(learned["classes"])


def _not_fitted(estimator: Any) -> Exception:
    message = f"This {type(estimator).__name__} instance is not fitted yet. Call 'fit' before using this estimator."
    if "sklearn" in sys.modules:
        from sklearn.exceptions import NotFittedError  # pyright: ignore

        return NotFittedError(message)  # pyright: ignore
    return InputError(message)


def _samples(X: ArrayLike) -> Array:
    """Return samples as rows of float64, or the sentence that scikit-learn's users know."""
    if hasattr(X, "tocsr"):
        raise TypeError("Sparse data was passed for X, but dense data is required. Use '.toarray()' to convert.")
    array = np.asarray(X)
    if np.iscomplexobj(array):
        raise InputError("Complex data not supported: X must hold real numbers")
    if array.ndim != 2:
        raise InputError(
            f"Expected 2D array, got {array.ndim}D array instead. Reshape your data either using array.reshape(-1, 1) "
            "if it has a single feature or array.reshape(1, -1) if it contains a single sample."
        )
    for axis, name in enumerate(("sample", "feature")):
        if array.shape[axis] == 0:
            raise InputError(f"Found array with 0 {name}(s) (shape={array.shape}) while a minimum of 1 is required.")
    try:
        array = np.ascontiguousarray(array, dtype=np.float64)
    except (TypeError, ValueError) as error:
        # scikit-learn expects numpy's own words here
        raise type(error)(f"X must hold numbers: {error}") from None
    _finite(array, "X")
    return array


def _finite(array: NDArray[Any], name: str) -> None:
    wrong = np.argwhere(~np.isfinite(array))
    if len(wrong):
        what = "NaN" if np.isnan(array[tuple(wrong[0])]) else "infinity"
        raise InputError(f"Input {name} contains {what}, first at {wrong[0].tolist()}; every value must be finite")


def _target(y: Any, n: int, name: str) -> NDArray[Any]:
    if y is None:
        raise InputError(f"{name} requires y to be passed, but the target y is None")
    if hasattr(y, "tocsr"):
        raise TypeError("Sparse data was passed for y, but dense data is required.")
    array = np.asarray(y)
    if array.ndim == 0 or len(array) != n:
        raise InputError(f"Found input variables with inconsistent numbers of samples: X has {n}, y has {array.shape}")
    return array


def _real_targets(y: Any, n: int, name: str) -> Array:
    array = _target(y, n, name)
    if np.iscomplexobj(array):
        raise InputError("Complex data not supported: y must hold real numbers")
    array = np.asarray(array, dtype=np.float64)
    _finite(array, "y")
    return array


def _labels(y: Any, n: int, name: str) -> NDArray[Any]:
    array = _target(y, n, name)
    if array.ndim == 2 and array.shape[1] == 1:
        warnings.warn("A column-vector y was passed when a 1d array was expected", _conversion_warning(), stacklevel=3)
        array = array.ravel()
    if array.ndim != 1:
        raise InputError(f"y must be a vector of classes, got shape {array.shape}")
    if array.dtype.kind == "f":
        _finite(array, "y")
        if (array != np.floor(array)).any():
            raise InputError("Unknown label type: continuous. y must hold classes; use GradientFlowRegressor")
    return array


def _conversion_warning() -> type[Warning]:
    if "sklearn" in sys.modules:
        from sklearn.exceptions import DataConversionWarning  # pyright: ignore

        return DataConversionWarning  # pyright: ignore
    return UserWarning
