"""Permutation symmetry: paths, copies, silent neurons, alignment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from neuropil import _neuropil
from neuropil._observations import numbers
from neuropil._progress import bars
from neuropil._results import Result, frozen
from neuropil.errors import InputError
from neuropil.landscape._network import MLP, vector

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from neuropil.landscape._problem import CriticalPointReport

    Array = NDArray[np.float64]


class NeuronType(NamedTuple):
    """What a neuron of a solution is."""

    kind: str
    """"copy" of a needed neuron, "zero" (member of a group without effect), or "unexplained"."""
    of: int
    """The neuron that it copies, or the number of its group; -1 where unexplained."""
    size: int
    """Members of its group; 1 for a neuron without outgoing weights."""


class ToyTask(NamedTuple):
    """The teacher task of the papers."""

    net: MLP
    """The teacher's network."""
    theta: Array
    """The teacher's parameters."""
    X: Array
    """Inputs, (1681, 2)."""
    y: Array
    """Targets, (1681, n_outputs)."""


@dataclass(frozen=True, eq=False, repr=False)
class Path(Result):
    """A path of straight segments in parameter space. ``path(t)`` is the point at t from 0 to 1.

    Attributes
    ----------
    net : MLP
        The network.
    points : ndarray of shape (n_segments + 1, P)
        Ends of the segments.
    gap : float
        Largest parameter difference that the one segment bridges on which the function may change; 0 where there is
        none.
    """

    net: MLP
    points: Array
    gap: float = 0.0

    @property
    def n_segments(self) -> int:
        """Number of straight segments."""
        return len(self.points) - 1

    def __call__(self, t: float) -> Array:
        position = float(np.clip(t, 0.0, 1.0)) * self.n_segments
        segment = min(int(position), max(self.n_segments - 1, 0))
        share = position - segment
        after = min(segment + 1, self.n_segments)
        if share == 1.0:
            return self.points[after].copy()
        return self.points[segment] + share * (self.points[after] - self.points[segment])

    def losses(self, X: ArrayLike, y: ArrayLike, per_segment: int = 50, **settings: Any) -> tuple[Array, Array]:
        """Return positions from 0 to 1 and the loss there.

        Parameters
        ----------
        X, y : array_like
            The data.
        per_segment : int
            Steps in each segment.
        **settings
            Of `MLP.problem`.

        Returns
        -------
        t, loss : ndarray
            Both ends included.
        """
        problem = self.net.problem(X, y, **settings)
        t = np.linspace(0.0, 1.0, max(per_segment, 1) * self.n_segments + 1)
        return t, np.array([problem.value(self(position)) for position in t])

    def max_loss(self, X: ArrayLike, y: ArrayLike, per_segment: int = 50, **settings: Any) -> float:
        """Return the largest loss along the path; arguments as for `losses`."""
        return float(self.losses(X, y, per_segment, **settings)[1].max())

    def _columns(self) -> dict[str, Any]:
        return {"points": self.points}


@dataclass(frozen=True, eq=False, repr=False)
class PermutationPath(Result):
    """The way that exchanges two neurons through a saddle.

    Attributes
    ----------
    net : MLP
        The network.
    pair : tuple of int
        The exchanged neurons.
    layer : int
        Their hidden layer.
    distances, losses : ndarray
        Distance of the incoming vectors, falling to 0, and the constrained minimum of the loss there.
    barrier : float
        Largest loss on the way less the loss at the start.
    saddle : ndarray
        The permutation point: incoming vectors equal, equal shares of the outgoing vector.
    saddle_loss, saddle_gradient : float
        Loss and largest gradient component there.
    share : float
        Share of the first neuron in the summed outgoing vector at the last distance before 0.
    path : Path
        From the minimum through the saddle to the exchanged minimum. Where the constrained minimum changes its branch
        (`jumps`) the straight segment leads from one branch to the other, with a higher loss in between.
    jumps : list of int
        Steps at which the constrained minimum changes its branch.
    unfinished : list of int
        Steps at which Newton's method ended above its tolerance.
    report : CriticalPointReport
        What kind of point the saddle is.
    """

    net: MLP
    pair: tuple[int, int]
    layer: int
    distances: Array
    losses: Array
    barrier: float
    saddle: Array
    saddle_loss: float
    saddle_gradient: float
    share: float
    path: Path
    jumps: list[int]
    unfinished: list[int]
    report: CriticalPointReport

    def _columns(self) -> dict[str, Any]:
        return {"distances": self.distances, "losses": self.losses}


@dataclass(frozen=True, eq=False, repr=False)
class Reduction(Result):
    """The smallest network with the same function.

    Attributes
    ----------
    net : MLP
        The reduced network.
    theta : ndarray
        Its parameters.
    widths : list of int
        For each hidden layer the number of neurons that are needed.
    labels : list of list of int
        For each hidden layer and neuron of the original: the neuron of the reduced network that it copies, or -1, -2,
        ... for the groups without effect.
    """

    net: MLP
    theta: Array
    widths: list[int]
    labels: list[list[int]]

    def _columns(self) -> dict[str, Any]:
        return {"theta": self.theta}


@dataclass(frozen=True, eq=False, repr=False)
class Alignment(Result):
    """A network relabelled to come close to another.

    Attributes
    ----------
    theta : ndarray
        Parameters of the second network, relabelled; its function is unchanged.
    permutations : list of list of int
        For each hidden layer the neuron of the second network that goes with each neuron of the first.
    signs : list of list of float
        1, or -1 where that neuron changed its sign.
    distance, distance_before : float
        Euclidean distance of the parameters after and before.
    """

    theta: Array
    permutations: list[list[int]]
    signs: list[list[float]]
    distance: float
    distance_before: float

    def _columns(self) -> dict[str, Any]:
        return {"theta": self.theta}


def _bound(net: MLP, theta: ArrayLike) -> tuple[MLP, str, Array]:
    """Return the network with its inputs, as JSON, and the vector."""
    values = vector(theta, "theta")
    text = net._bound(theta=values)  # pyright: ignore[reportPrivateUsage]
    return MLP._from_json(text), text, values  # pyright: ignore[reportPrivateUsage]


def _new(found: tuple[str, Array]) -> tuple[MLP, Array]:
    return MLP._from_json(found[0]), found[1]  # pyright: ignore[reportPrivateUsage]


def toy_task(activation: str = "g", n_outputs: int = 1) -> ToyTask:
    """Return the teacher task of Simsek et al. (2021): four neurons on a grid of two inputs.

    Parameters
    ----------
    activation : str
        Of the teacher.
    n_outputs : {1, 3}
        One output that sums the neurons, or three with different signs.

    Returns
    -------
    ToyTask
        Network, parameters, inputs and targets.

    Examples
    --------
    >>> import neuropil as npl
    >>> task = npl.landscape.toy_task("sigmoid")
    >>> task.X.shape, round(float(task.y.mean()), 6)
    ((1681, 2), 2.0)
    """
    network, theta, x, y = _neuropil.landscape_toy_task(activation, n_outputs)
    return ToyTask(MLP._from_json(network), theta, x, y)  # pyright: ignore[reportPrivateUsage]


def zero_loss_path(
    net: MLP,
    theta: ArrayLike,
    permutation: Sequence[Any],
    *,
    incoming: float = 1e-4,
    outgoing: float = 1e-6,
) -> Path:
    """Return a path at constant loss to the network with permuted neurons.

    Every permuted layer needs a neuron that is free: without effect, or a copy of another. Each relocation moves a
    neuron into the free slot in two straight segments.

    Parameters
    ----------
    net : MLP
        The network.
    theta : array_like of shape (P,)
        Parameters.
    permutation : sequence of int, or of sequences of int
        Slot k of the result holds neuron ``permutation[k]``. With several hidden layers one permutation for each. For
        one hidden layer the needed neurons may be given alone, those behind them then stay.
    incoming, outgoing : float
        Relative distance of incoming vectors of copies, and largest outgoing weight that counts as zero.

    Returns
    -------
    Path
        ``path(t)``, `Path.losses`, `Path.max_loss`.

    Raises
    ------
    InputError
        If `permutation` is none, or no neuron is free.

    Examples
    --------
    >>> import neuropil as npl
    >>> task = npl.landscape.toy_task("g")
    >>> net, theta = npl.landscape.add_silent_neuron(task.net, task.theta)
    >>> path = npl.landscape.zero_loss_path(net, theta, [1, 0, 2, 3])
    >>> path.n_segments, path.max_loss(task.X, task.y) < 1e-27
    (7, True)
    """
    bound, text, values = _bound(net, theta)
    orders = [list(order) for order in permutation] if _nested(permutation) else [list(permutation)]
    widths = [width for width, _ in bound.hidden]
    if len(orders) == 1 and len(widths) == 1:
        orders[0] += range(len(orders[0]), widths[0])
    for order in orders:
        for neuron in order:
            if int(neuron) != neuron or neuron < 0:
                raise InputError(f"permutation must hold whole numbers from 0, got {neuron!r}")
    points = _neuropil.landscape_zero_loss_path(
        text, values, [[int(n) for n in order] for order in orders], incoming, outgoing
    )
    return Path(bound, frozen(points))


def _nested(permutation: Sequence[Any]) -> bool:
    return len(permutation) > 0 and np.ndim(permutation[0]) > 0


def connect_networks(net: MLP, a: ArrayLike, b: ArrayLike, *, incoming: float = 1e-4, outgoing: float = 1e-6) -> Path:
    """Return a path between two solutions that compute the same function up to training error.

    Parameters
    ----------
    net : MLP
        The network of both.
    a, b : array_like of shape (P,)
        Parameters.
    incoming, outgoing : float
        As in `zero_loss_path`.

    Returns
    -------
    Path
        From `a` to `b`; `gap` says what training has left between them.

    Raises
    ------
    InputError
        If the two need different numbers of neurons, or no neuron is free.
    """
    bound, text, first = _bound(net, a)
    points, gap = _neuropil.landscape_connect(text, first, vector(b, "b"), incoming, outgoing)
    return Path(bound, frozen(points), gap)


def permutation_path(
    net: MLP,
    theta: ArrayLike,
    X: ArrayLike,
    y: ArrayLike,
    *,
    layer: int = 0,
    pair: tuple[int, int] = (0, 1),
    n_steps: int = 41,
    verbose: bool = False,
    **settings: Any,
) -> PermutationPath:
    """Exchange two neurons through a saddle (Brea et al. 2019).

    The distance of their incoming vectors falls to 0 while everything else minimises the loss. At distance 0 lies the
    permutation point; the way back is the mirrored one.

    Parameters
    ----------
    net : MLP
        The network.
    theta : array_like of shape (P,)
        A minimum.
    X, y : array_like
        The data.
    layer : int
        Hidden layer.
    pair : tuple of int
        The two neurons.
    n_steps : int
        Distances, both ends included.
    verbose : bool
        Show progress.
    **settings
        Of `MLP.problem`.

    Returns
    -------
    PermutationPath
        Loss along the way, barrier, saddle and its report.
    """
    problem = net.problem(X, y, **settings)
    found = problem._engine.permutation_path(  # pyright: ignore[reportPrivateUsage]
        vector(theta, "theta"), layer, pair[0], pair[1], n_steps, bars(verbose)
    )
    points = frozen(found.pop("points"))
    report = problem.report(found["saddle"])
    return PermutationPath(
        net=problem.net,
        pair=(pair[0], pair[1]),
        layer=layer,
        path=Path(problem.net, points),
        report=report,
        **{name: frozen(value) for name, value in found.items()},
    )


def split_neuron(
    net: MLP, theta: ArrayLike, *, neuron: int, shares: ArrayLike = (0.5, 0.5), layer: int = 0
) -> tuple[MLP, Array]:
    """Copy a neuron; the copies share its outgoing vector. The function is unchanged.

    Parameters
    ----------
    net : MLP
        The network.
    theta : array_like of shape (P,)
        Parameters.
    neuron : int
        The neuron.
    shares : array_like
        Shares of the outgoing vector, with sum 1. The first copy stays, the others come last in the layer.
    layer : int
        Hidden layer.

    Returns
    -------
    net : MLP
        The wider network.
    theta : ndarray
        Its parameters.
    """
    _, text, values = _bound(net, theta)
    return _new(_neuropil.landscape_split(text, values, layer, neuron, vector(shares, "shares").tolist()))


def add_silent_neuron(
    net: MLP, theta: ArrayLike, incoming: ArrayLike | None = None, *, layer: int = 0
) -> tuple[MLP, Array]:
    """Add a neuron without outgoing weights, last in its layer. The function is unchanged.

    Parameters
    ----------
    net : MLP
        The network.
    theta : array_like of shape (P,)
        Parameters.
    incoming : array_like, optional
        Its incoming weights, with its bias last; 0 by default.
    layer : int
        Hidden layer.

    Returns
    -------
    net : MLP
        The wider network.
    theta : ndarray
        Its parameters.
    """
    bound, text, values = _bound(net, theta)
    if incoming is None:
        if not 0 <= layer < len(bound.hidden):
            raise InputError(f"layer must be from 0 to {len(bound.hidden) - 1}, got {layer}")
        below = bound.n_inputs if layer == 0 else bound.hidden[layer - 1][0]
        incoming = np.zeros((below or 0) + bound.bias[layer])
    return _new(_neuropil.landscape_expand_silent(text, values, layer, vector(incoming, "incoming")))


def merge_neurons(net: MLP, theta: ArrayLike, pair: tuple[int, int], *, layer: int = 0) -> tuple[MLP, Array]:
    """Put one neuron in place of two: outgoing vectors add up, incoming ones are averaged.

    Parameters
    ----------
    net : MLP
        The network.
    theta : array_like of shape (P,)
        Parameters.
    pair : tuple of int
        The two neurons.
    layer : int
        Hidden layer.

    Returns
    -------
    net : MLP
        The narrower network.
    theta : ndarray
        Its parameters; the function is unchanged if the incoming vectors were equal.
    """
    _, text, values = _bound(net, theta)
    return _new(_neuropil.landscape_merge(text, values, layer, pair[0], pair[1]))


def permute_neurons(net: MLP, theta: ArrayLike, permutation: Sequence[int], *, layer: int = 0) -> Array:
    """Relabel the neurons of a hidden layer. The function is unchanged.

    Parameters
    ----------
    net : MLP
        The network.
    theta : array_like of shape (P,)
        Parameters.
    permutation : sequence of int
        Slot k of the result holds neuron ``permutation[k]``.
    layer : int
        Hidden layer.

    Returns
    -------
    ndarray
        Parameters of the same network.
    """
    _, text, values = _bound(net, theta)
    return _neuropil.landscape_permute(text, values, layer, [int(neuron) for neuron in permutation])


def reduce_network(
    net: MLP, theta: ArrayLike, *, incoming: float = 1e-4, tol: float = 1e-6, symmetries: bool = False
) -> Reduction:
    """Return the smallest network with the same function.

    Copies are merged, neurons and groups without effect left out.

    Parameters
    ----------
    net : MLP
        The network.
    theta : array_like of shape (P,)
        Parameters.
    incoming : float
        Largest distance of the incoming vectors of copies, relative to their length.
    tol : float
        Largest absolute outgoing weight that counts as zero.
    symmetries : bool
        Whether the activation's own symmetry (sign, scale) makes neurons equal too.

    Returns
    -------
    Reduction
        Network, parameters, and what each neuron was.

    Examples
    --------
    >>> import neuropil as npl
    >>> task = npl.landscape.toy_task("g")
    >>> net, theta = npl.landscape.split_neuron(task.net, task.theta, neuron=1)
    >>> npl.landscape.reduce_network(net, theta).labels
    [[0, 1, 2, 3, 1]]
    """
    _, text, values = _bound(net, theta)
    network, reduced, labels, widths = _neuropil.landscape_reduce(text, values, incoming, tol, symmetries)
    return Reduction(MLP._from_json(network), frozen(reduced), widths, labels)  # pyright: ignore[reportPrivateUsage]


def classify_neurons(
    net: MLP,
    theta: ArrayLike,
    teacher: tuple[MLP, ArrayLike] | None = None,
    *,
    layer: int = 0,
    incoming: float = 1e-4,
    tol: float = 1e-6,
    angle: float = 1.0,
) -> list[NeuronType]:
    """Say what each neuron of a solution is: a copy, a member of a group without effect, or unexplained.

    Parameters
    ----------
    net : MLP
        The network.
    theta : array_like of shape (P,)
        Parameters.
    teacher : (MLP, array_like), optional
        The network that made the targets; without it copies are copies of neurons of the reduced network.
    layer : int
        Hidden layer.
    incoming : float
        Without a teacher: relative distance of the incoming vectors of copies.
    tol : float
        Largest absolute outgoing weight that counts as zero.
    angle : float
        With a teacher: largest angle between the incoming vectors of copies, in degrees.

    Returns
    -------
    list of NeuronType
        One for each neuron.
    """
    _, text, values = _bound(net, theta)
    teacher_text, teacher_theta = None, None
    if teacher is not None:
        _, teacher_text, teacher_theta = _bound(*teacher)
    found = _neuropil.landscape_classify(text, values, layer, incoming, tol, angle, teacher_text, teacher_theta)
    return [NeuronType(*kind) for kind in found]


def count_types(types: Sequence[NeuronType]) -> dict[str, int]:
    """Count neuron types by name; groups without effect by their size."""
    return dict(Counter(f"zero, group of {t.size}" if t.kind == "zero" else t.kind for t in types))


def align(
    net: MLP,
    reference: ArrayLike,
    other: ArrayLike,
    *,
    signs: bool = True,
    restarts: int = 10,
    random_state: int = 0,
) -> Alignment:
    """Relabel a network so that it comes as close as possible to another.

    Parameters
    ----------
    net : MLP
        The network of both.
    reference, other : array_like of shape (P,)
        Parameters; those of `other` are relabelled.
    signs : bool
        Whether neurons may change their sign where that leaves the function unchanged.
    restarts : int
        Random starts of the search, for networks with several hidden layers.
    random_state : int
        Seed of the restarts.

    Returns
    -------
    Alignment
        Relabelled parameters and the permutation of each hidden layer.

    Examples
    --------
    >>> import neuropil as npl
    >>> task = npl.landscape.toy_task("g")
    >>> other = npl.landscape.permute_neurons(task.net, task.theta, [2, 0, 3, 1])
    >>> npl.landscape.align(task.net, task.theta, other).distance
    0.0
    """
    _, text, first = _bound(net, reference)
    second = np.ascontiguousarray(numbers(other, "other"))
    orders, sign, aligned, distance, before = _neuropil.landscape_align(
        text, first, second, signs, restarts, random_state
    )
    return Alignment(frozen(aligned), orders, sign, distance, before)
