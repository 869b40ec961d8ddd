"""Multi-layer perceptrons: shape, activations, and the order of their parameters."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from neuropil import _neuropil
from neuropil._observations import numbers
from neuropil.errors import InputError
from neuropil.surprise._parameters import seed_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from neuropil.landscape._problem import Problem, Spectrum

    Array = NDArray[np.float64]

#: Initialisations that take no number, and those that do.
_PLAIN = ("glorot_uniform", "glorot_normal")
_SCALED = ("normal", "uniform")


def vector(values: ArrayLike, what: str) -> Array:
    """Return a contiguous vector of float64."""
    array = numbers(values, what)
    if array.ndim != 1:
        raise InputError(f"{what} must be a vector, got shape {array.shape}")
    return np.ascontiguousarray(array)


def matrix(values: ArrayLike, what: str, layout: str = "samples_first") -> Array:
    """Return samples as rows."""
    array = numbers(values, what)
    if array.ndim == 1:
        array = array.reshape(-1, 1)
    elif array.ndim != 2:
        raise InputError(f"{what} must have shape (samples, columns), got shape {array.shape}")
    elif layout == "features_first":
        array = array.T
    elif layout != "samples_first":
        raise InputError(f'layout must be "samples_first" or "features_first", got {layout!r}')
    return array


class MLP:
    """A multi-layer perceptron with a linear output.

    The object holds the shape, not the parameters: those are a vector, ``theta``, that every method takes.

    Parameters
    ----------
    hidden : sequence
        Width and activation of every hidden layer in turn: ``[5, "g"]`` for one layer, ``[8, "tanh", 4, "softplus"]``
        for two. In place of an activation a list with one for each neuron is allowed. Activations: ``sigmoid``,
        ``softplus``, ``g`` (sigmoid(4x) + softplus(x)), ``tanh``, ``erf``, ``normal_cdf``, ``gelu``, ``silu``,
        ``relu``, ``square``, ``cube``, ``exp``, ``identity``, ``selu``, ``polynomial(c0,c1,...)``.
    n_outputs : int
        Number of outputs.
    bias : bool or sequence of bool
        Whether the layers have biases; a sequence has one entry for each weight layer, the output included.
    n_inputs : int, optional
        Number of inputs; taken from the data or from the length of ``theta`` where it is not given.

    Examples
    --------
    >>> import neuropil as npl
    >>> net = npl.landscape.MLP([5, "g"], n_outputs=1, bias=False, n_inputs=2)
    >>> net.n_parameters
    15
    >>> net.unpack(net.initialise(random_state=0))["w1"].shape
    (5, 2)
    """

    hidden: tuple[tuple[int, Any], ...]
    n_outputs: int
    bias: tuple[bool, ...]
    n_inputs: int | None

    def __init__(
        self,
        hidden: Sequence[Any],
        n_outputs: int = 1,
        bias: bool | Sequence[bool] = True,
        n_inputs: int | None = None,
    ) -> None:
        layers = _layers(hidden)
        flags = [bool(bias)] * (len(layers) + 1) if isinstance(bias, (bool, np.bool_)) else [bool(b) for b in bias]
        self.hidden = tuple((width, activation) for width, activation in layers)
        self.n_outputs = int(n_outputs)
        self.bias = tuple(flags)
        self.n_inputs = None if n_inputs is None else int(n_inputs)
        # what is wrong is said here, not at the first use
        _neuropil.landscape_network(self._json(1 if n_inputs is None else self.n_inputs))

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any], activation: Any) -> tuple[MLP, Array]:
        """Read a network from named arrays: an npz file with ``w1``, ``b1``, ..., or a PyTorch ``state_dict``.

        Parameters
        ----------
        arrays : mapping of str to array_like
            ``w1, b1, w2, ...`` or ``NAME.weight``, ``NAME.bias``, each weight outputs x inputs.
        activation : str or list of str
            One for all hidden layers, or one for each.

        Returns
        -------
        net : MLP
            The network.
        theta : ndarray
            Its parameters.

        Raises
        ------
        InputError
            If names or shapes do not fit together.

        Examples
        --------
        >>> import neuropil as npl
        >>> arrays = {"fc1.weight": [[1.0, 2.0]], "fc1.bias": [0.5], "fc2.weight": [[3.0]], "fc2.bias": [0.0]}
        >>> net, theta = npl.landscape.MLP.from_arrays(arrays, "tanh")
        >>> theta
        array([1. , 2. , 0.5, 3. , 0. ])
        """
        names = [str(name) for name in arrays]
        values = [np.ascontiguousarray(numbers(_detached(array), name)) for name, array in arrays.items()]
        activations: list[Any] = [activation] if isinstance(activation, str) else list(activation)
        text = json.dumps([_activation(a) for a in activations])
        network, theta = _neuropil.landscape_from_arrays(names, values, text)
        return cls._from_json(network), theta

    @classmethod
    def _from_json(cls, text: str) -> MLP:
        document = json.loads(text)
        widths = document["widths"]
        hidden: list[Any] = []
        for width, activation in zip(widths[1:-1], document["activations"], strict=True):
            hidden += [width, _named(activation)]
        return cls(hidden, widths[-1], [bias == "with" for bias in document["biases"]], widths[0])

    def _json(self, n_inputs: int | None) -> str:
        return json.dumps(
            {
                "widths": [n_inputs, *(width for width, _ in self.hidden), self.n_outputs],
                "biases": ["with" if bias else "without" for bias in self.bias],
                "activations": [_activation(activation) for _, activation in self.hidden],
            }
        )

    def _bound(self, theta: Any = None, x: Any = None) -> str:
        """Return the network as JSON, with the number of inputs from wherever it is known."""
        n_inputs = self.n_inputs
        if n_inputs is None and x is not None:
            n_inputs = x.shape[1]
        if n_inputs is None and theta is not None:
            n_inputs = self._inputs_of(len(theta))
        if n_inputs is None:
            raise InputError("the number of inputs is not known: give n_inputs to MLP(...), or use data")
        return self._json(n_inputs)

    def _inputs_of(self, n_parameters: int) -> int:
        widths = [width for width, _ in self.hidden] + [self.n_outputs]
        later = sum(
            after * (before + b) for before, after, b in zip(widths[:-1], widths[1:], self.bias[1:], strict=True)
        )
        first = widths[0]
        n_inputs, rest = divmod(n_parameters - later - first * self.bias[0], first)
        if rest or n_inputs < 1:
            raise InputError(f"theta holds {n_parameters} parameters, which fits no number of inputs of {self!r}")
        return n_inputs

    def with_inputs(self, n_inputs: int) -> MLP:
        """Return the same network with a number of inputs.

        Parameters
        ----------
        n_inputs : int
            Number of inputs.

        Returns
        -------
        MLP
            A new object.
        """
        hidden = [item for layer in self.hidden for item in layer]
        return MLP(hidden, self.n_outputs, self.bias, n_inputs)

    @property
    def n_parameters(self) -> int:
        """Number of parameters; needs the number of inputs."""
        return _neuropil.landscape_network(self._bound())[0]

    @property
    def parameter_names(self) -> list[str]:
        """What each parameter is, in order: ``"W1[0,1]"``, ``"b1[0]"``, ...; needs the number of inputs."""
        return _neuropil.landscape_network(self._bound())[1]

    def initialise(
        self,
        random_state: Any = 0,
        how: str = "glorot_uniform",
        scale: float | None = None,
        n_inputs: int | None = None,
    ) -> Array:
        """Draw initial parameters. Biases are zero.

        Parameters
        ----------
        random_state : int, numpy.random.Generator, numpy.random.RandomState or None
            Seed.
        how : {"glorot_uniform", "glorot_normal", "normal", "uniform"}
            The distribution; the last two need `scale`.
        scale : float, optional
            Standard deviation of "normal", bound of "uniform".
        n_inputs : int, optional
            Number of inputs, where the network does not know it.

        Returns
        -------
        ndarray of shape (n_parameters,)
            The parameters.
        """
        net = self if n_inputs is None else self.with_inputs(n_inputs)
        return _neuropil.landscape_initialise(net._bound(), initialisation(how, scale), seed_of(random_state))

    def predict(self, theta: ArrayLike, X: ArrayLike) -> Array:
        """Return the outputs.

        Parameters
        ----------
        theta : array_like of shape (n_parameters,)
            Parameters.
        X : array_like of shape (N, d)
            Inputs.

        Returns
        -------
        ndarray of shape (N, n_outputs)
            Outputs.
        """
        x = matrix(X, "X")
        return _neuropil.landscape_predict(self._bound(x=x), vector(theta, "theta"), x)

    def unpack(self, theta: ArrayLike) -> dict[str, Array]:
        """Return the parameters as arrays by name, ``w1``, ``b1``, ``w2``, ...: what `numpy.savez` takes.

        Parameters
        ----------
        theta : array_like of shape (n_parameters,)
            Parameters.

        Returns
        -------
        dict of str to ndarray
            Weights are outputs x inputs.
        """
        values = vector(theta, "theta")
        return _neuropil.landscape_arrays(self._bound(theta=values), values)

    def problem(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        loss: str = "square",
        sample_weight: ArrayLike | None = None,
        weight_decay: float = 0.0,
        layout: str = "samples_first",
    ) -> Problem:
        """Join the network and data, for many evaluations.

        Parameters
        ----------
        X : array_like of shape (N, d)
            Inputs.
        y : array_like of shape (N,) or (N, n_outputs)
            Targets; for the cross-entropy class numbers 0, 1, ... or probabilities.
        loss : {"square", "half_square", "cross_entropy"}
            Mean over samples of the sum of squared errors, half of it, or the softmax cross-entropy.
        sample_weight : array_like of shape (N,), optional
            Weights, taken as they are; 1 / N by default.
        weight_decay : float
            ``weight_decay / 2 * |theta|^2`` is added to the loss.
        layout : {"samples_first", "features_first"}
            ``"features_first"`` for arrays of shape (d, N).

        Returns
        -------
        Problem
            Loss, derivatives, spectrum, training.
        """
        from neuropil.landscape._problem import Problem

        return Problem(self, X, y, loss=loss, sample_weight=sample_weight, weight_decay=weight_decay, layout=layout)

    def loss(self, theta: ArrayLike, X: ArrayLike, y: ArrayLike, **settings: Any) -> float:
        """Return the loss; see `problem` for the settings."""
        return self.problem(X, y, **settings).value(theta)

    def gradient(self, theta: ArrayLike, X: ArrayLike, y: ArrayLike, **settings: Any) -> Array:
        """Return the gradient of the loss; see `problem` for the settings."""
        return self.problem(X, y, **settings).gradient(theta)

    def hessian(self, theta: ArrayLike, X: ArrayLike, y: ArrayLike, **settings: Any) -> Array:
        """Return the Hessian of the loss; see `problem` for the settings."""
        return self.problem(X, y, **settings).hessian(theta)

    def hvp(self, theta: ArrayLike, direction: ArrayLike, X: ArrayLike, y: ArrayLike, **settings: Any) -> Array:
        """Return the Hessian times a direction; see `problem` for the settings."""
        return self.problem(X, y, **settings).hvp(theta, direction)

    def hessian_spectrum(self, theta: ArrayLike, X: ArrayLike, y: ArrayLike, **settings: Any) -> Spectrum:
        """Return eigenvalues and eigenvectors of the Hessian; see `problem` for the settings."""
        return self.problem(X, y, **settings).spectrum(theta)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MLP) and self._json(self.n_inputs) == other._json(other.n_inputs)

    def __hash__(self) -> int:
        return hash(self._json(self.n_inputs))

    def __repr__(self) -> str:
        hidden = [item for layer in self.hidden for item in layer]
        bias: Any = self.bias[0] if len(set(self.bias)) == 1 else list(self.bias)
        inputs = "" if self.n_inputs is None else f", n_inputs={self.n_inputs}"
        return f"MLP({hidden!r}, n_outputs={self.n_outputs}, bias={bias}{inputs})"


def initialisation(how: str, scale: float | None) -> str:
    """Return the initialisation as the engine reads it."""
    if how in _PLAIN and scale is None:
        return json.dumps(how)
    if how in _SCALED and scale is not None:
        if not scale > 0:
            raise InputError(f"scale must be positive, got {scale!r}")
        return json.dumps({how: float(scale)})
    raise InputError(f"how must be {' or '.join(_PLAIN)} without scale, or {' or '.join(_SCALED)} with it, got {how!r}")


def _layers(hidden: Sequence[Any]) -> list[tuple[int, Any]]:
    items: list[Any] = [hidden] if isinstance(hidden, str) else list(hidden)
    if items and all(isinstance(item, (tuple, list)) and len(item) == 2 for item in items):
        items = [part for item in items for part in item]
    example = 'such as [5, "g"] or [8, "tanh", 4, "softplus"]'
    if not items or len(items) % 2:
        raise InputError(f"hidden must alternate widths and activations, {example}, got {hidden!r}")
    layers: list[tuple[int, Any]] = []
    for width, activation in zip(items[::2], items[1::2], strict=True):
        if isinstance(width, (str, bool)) or int(width) != width:
            raise InputError(f"hidden must alternate widths and activations, {example}; {width!r} is no width")
        if not isinstance(activation, (str, list, tuple)):
            raise InputError(
                f"hidden must alternate widths and activations, {example}; {activation!r} is no activation"
            )
        _activation(activation)
        layers.append((int(width), activation if isinstance(activation, str) else tuple(activation)))
    return layers


def _activation(activation: Any) -> Any:
    """Return an activation, or a list with one for each neuron, as the engine writes it."""
    if isinstance(activation, str):
        return json.loads(_neuropil.landscape_activation(activation)[0])
    return [json.loads(_neuropil.landscape_activation(str(one))[0]) for one in activation]


def _named(activation: Any) -> Any:
    if isinstance(activation, list):
        return [_named(one) for one in activation]
    if isinstance(activation, dict):
        return f"polynomial({','.join(map(repr, activation['polynomial']))})"
    return activation


def _detached(array: Any) -> Any:
    """Detach a PyTorch tensor that asks for gradients: numpy wants it without."""
    detach = getattr(array, "detach", None)
    return array if detach is None else detach().cpu()
