"""The classical memories: Hopfield, dense, modern, sparse distributed, nearest neighbour, universal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from neuropil.errors import InputError
from neuropil.memory._base import AssociativeMemory

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Hopfield(AssociativeMemory):
    """Hopfield's network of 1982: Hebbian weights between +1/-1 neurons, no self-connections.

    Attributes
    ----------
    patterns_ : ndarray of shape (n_patterns, n_neurons)
        What is stored.

    Examples
    --------
    >>> import neuropil as npl
    >>> memory = npl.memory.Hopfield().fit([[1, 1, 1, 1], [1, -1, 1, -1]])
    >>> memory.recall([1, 1, 1, -1]).states.shape
    (1, 4)
    """

    def __init__(self) -> None:
        pass

    def _specification(self, x: NDArray[np.float64]) -> dict[str, Any]:
        return {"model": "Hopfield"}

    def _has_energy(self) -> bool:
        return True


class DenseAssociativeMemory(AssociativeMemory):
    """Dense associative memory (Krotov and Hopfield 2016; Demircigil et al. 2017), for +1/-1 patterns.

    Parameters
    ----------
    interaction : {"power", "rectified", "exponential"}
        The function F of the energy ``-sum F(x.s)``.
    p : int
        Exponent of the power; 2 is the Hopfield network.
    beta : float
        Inverse temperature of the exponential.

    Examples
    --------
    >>> import neuropil as npl
    >>> memory = npl.memory.DenseAssociativeMemory(p=3).fit([[1, 1, 1, 1], [1, -1, 1, -1]])
    >>> memory.predict([1, 1, 1, -1])[0].tolist()
    [1.0, -1.0, 1.0, 1.0]
    """

    def __init__(self, interaction: str = "power", p: int = 3, beta: float = 1.0) -> None:
        self.interaction = interaction
        self.p = p
        self.beta = beta

    def _specification(self, x: NDArray[np.float64]) -> dict[str, Any]:
        if self.interaction not in ("power", "rectified", "exponential"):
            raise InputError(f'interaction must be "power", "rectified" or "exponential", got {self.interaction!r}')
        more = {"beta": self.beta} if self.interaction == "exponential" else {"p": self.p}
        return {"model": "DenseAssociativeMemory", "interaction": {"kind": self.interaction, **more}}

    def _has_energy(self) -> bool:
        return True


class ModernHopfield(AssociativeMemory):
    """The modern Hopfield network with continuous states, which is attention (Ramsauer et al. 2021).

    ``s' = softmax(beta X s) X``. For exact fixed points write `KernelMemory` instead: it takes the same `beta`.

    Parameters
    ----------
    beta : float
        Inverse temperature.
    similarity : {"dot", "distance"}
        ``beta x.s``, or ``-beta |s - x|^2 / 2``.

    Examples
    --------
    >>> import neuropil as npl
    >>> memory = npl.memory.ModernHopfield(beta=8.0).fit([[1.0, 0.0], [0.0, 1.0]])
    >>> memory.recall([[0.9, 0.2]]).nearest
    array([0])
    """

    def __init__(self, beta: float = 1.0, similarity: str = "dot") -> None:
        self.beta = beta
        self.similarity = similarity

    def _specification(self, x: NDArray[np.float64]) -> dict[str, Any]:
        if self.similarity not in ("dot", "distance"):
            raise InputError(f'similarity must be "dot" or "distance", got {self.similarity!r}')
        return {"model": "ModernHopfield", "beta": float(self.beta), "similarity": self.similarity}

    def _has_energy(self) -> bool:
        return self.similarity == "dot" and self._fitted_y is None


class SparseDistributedMemory(AssociativeMemory):
    """Kanerva's sparse distributed memory (1988) with random hard locations, for +1/-1 patterns.

    Parameters
    ----------
    n_locations : int
        Number of hard locations.
    radius : int, optional
        Hamming radius within which a location is activated. When None, the radius with which about one location in a
        thousand is active (451 for 1000 neurons).
    random_state : int, optional
        Seed of the addresses; 0 when None.

    Examples
    --------
    >>> import numpy as np
    >>> import neuropil as npl
    >>> words = np.sign(np.random.default_rng(0).normal(size=(3, 256)))
    >>> memory = npl.memory.SparseDistributedMemory(n_locations=20_000, radius=112).fit(words)
    >>> memory.recall(words).nearest
    array([0, 1, 2])
    """

    def __init__(self, n_locations: int = 10_000, radius: int | None = None, random_state: int | None = None) -> None:
        self.n_locations = n_locations
        self.radius = radius
        self.random_state = random_state

    def _specification(self, x: NDArray[np.float64]) -> dict[str, Any]:
        n = x.shape[1]
        radius = self.radius
        if radius is None:
            # 3.07 standard deviations below the mean of a fair binomial: one in a thousand.
            radius = max(0, round(0.5 * n - 3.07 * 0.5 * n**0.5))
        parameters = {"n_locations": self.n_locations, "radius": radius, "seed": self.random_state or 0}
        return {"model": "SparseDistributedMemory", "parameters": parameters}


class NearestNeighbor(AssociativeMemory):
    """Answers the stored pattern that is nearest to the cue: the ceiling that every memory is compared with.

    Examples
    --------
    >>> import neuropil as npl
    >>> npl.memory.NearestNeighbor().fit([[1.0, 0.0], [0.0, 1.0]]).predict([0.9, 0.2])
    array([[1., 0.]])
    """

    def __init__(self) -> None:
        pass

    def _specification(self, x: NDArray[np.float64]) -> dict[str, Any]:
        return {"model": "NearestNeighbor"}


class UniversalHopfield(AssociativeMemory):
    """Similarity, separation, projection (Millidge et al. 2022).

    Parameters
    ----------
    similarity : {"dot", "cosine", "euclidean", "manhattan"}
        How alike a state and a pattern are.
    separation : {"identity", "polynomial", "softmax", "max"}
        What is done to the similarities before they weigh the patterns.
    beta : float
        Inverse temperature of the softmax.
    p : int
        Exponent of the polynomial.

    Examples
    --------
    >>> import neuropil as npl
    >>> memory = npl.memory.UniversalHopfield("manhattan", separation="max").fit([[1.0, 0.0], [0.0, 1.0]])
    >>> memory.recall([0.9, 0.2]).states
    array([[1., 0.]])
    """

    def __init__(
        self, similarity: str = "manhattan", separation: str = "softmax", beta: float = 1.0, p: int = 2
    ) -> None:
        self.similarity = similarity
        self.separation = separation
        self.beta = beta
        self.p = p

    def _specification(self, x: NDArray[np.float64]) -> dict[str, Any]:
        similarities = ("dot", "cosine", "euclidean", "manhattan")
        if self.similarity not in similarities:
            raise InputError(f"similarity must be one of {', '.join(similarities)}, got {self.similarity!r}")
        more: dict[str, dict[str, Any]] = {
            "identity": {},
            "polynomial": {"p": self.p},
            "softmax": {"beta": float(self.beta)},
            "max": {},
        }
        if self.separation not in more:
            raise InputError(f"separation must be one of {', '.join(more)}, got {self.separation!r}")
        separation = {"kind": self.separation, **more[self.separation]}
        return {"model": "UniversalHopfield", "likeness": self.similarity, "separation": separation}
