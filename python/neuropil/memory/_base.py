"""What all memories of this room share."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neuropil._estimator import Estimator
from neuropil._neuropil import MemoryModel
from neuropil._observations import numbers
from neuropil._progress import bars
from neuropil.errors import InputError, NeuropilError
from neuropil.memory._results import Recall

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from typing_extensions import Self

#: The format of files that hold a classical memory.
_FORMAT = 1


def rows(x: ArrayLike, what: str) -> NDArray[np.float64]:
    """Return patterns as rows of float64; a single pattern becomes one row."""
    array = numbers(x, what)
    if array.ndim == 1:
        array = array.reshape(1, -1)
    if array.ndim != 2:
        raise InputError(f"{what} must have shape (n_patterns, n_neurons), got shape {array.shape}")
    if array.shape[1] == 0 and len(array) > 0:
        raise InputError(
            f"{what} has 0 feature(s) (shape={array.shape}) while a minimum of 1 is required; give columns"
        )
    return array


def _targets(y: ArrayLike, n: int) -> NDArray[np.float64]:
    """Return output patterns as rows; one number for each of several patterns becomes a column."""
    array = numbers(y, "Y")
    if array.ndim == 1 and n > 1:
        array = array.reshape(-1, 1)
    return rows(array, "Y")


def _not_fitted(message: str) -> Exception:
    """Return the exception for a memory without patterns: one that scikit-learn knows as well, where it is in use."""
    if "sklearn" not in sys.modules:
        return NeuropilError(message)
    from sklearn.exceptions import NotFittedError  # pyright: ignore

    return type("NotFittedError", (NeuropilError, NotFittedError), {})(message)  # pyright: ignore


class AssociativeMemory(Estimator):
    """Store patterns, recall them from cues. Every memory of this room has these methods."""

    _model: MemoryModel

    def _specification(self, x: NDArray[np.float64]) -> dict[str, Any]:
        raise NotImplementedError

    def fit(self, X: ArrayLike, Y: ArrayLike | None = None) -> Self:
        """Store patterns, or pairs of input and output patterns.

        Parameters
        ----------
        X : array_like of shape (n_patterns, n_neurons)
            Patterns as rows: +1 and -1 for binary memories, real numbers otherwise.
        Y : array_like of shape (n_patterns, n_outputs), optional
            Output patterns; without them, patterns are their own outputs. One number for each pattern may have one
            dimension.

        Returns
        -------
        self

        Raises
        ------
        InputError
            If a value cannot be stored: the message says which, what is allowed and what to do.
        """
        x = rows(X, "X")
        y = None if Y is None else _targets(Y, len(x))
        shown = bars(getattr(self, "verbose", False))
        model, report = MemoryModel.fit(json.dumps(self._specification(x)), x, y, shown)
        self._model = model
        self._fitted_x, self._fitted_y = x, y
        self.n_features_in_ = x.shape[1]
        self._learn(report)
        return self

    def _learn(self, report: str | None) -> None:
        self.patterns_ = self._fitted_x

    def _fitted(self) -> MemoryModel:
        if not hasattr(self, "_model"):
            raise _not_fitted(f"this {type(self).__name__} holds no patterns yet; call fit first")
        return self._model

    def recall(
        self,
        S: ArrayLike,
        max_iter: int = 1000,
        update: str = "sync",
        tol: float = 1e-9,
        random_state: int | None = None,
    ) -> Recall:
        """Recall patterns from cues: the state is updated until it no longer changes.

        Parameters
        ----------
        S : array_like of shape (n_cues, n_neurons)
            Cues as rows; a single cue may have one dimension. `KernelMemory` takes NaN for an unknown entry, and fills
            it in from the known ones before recall begins.
        max_iter : int
            Largest number of steps (sweeps for ``update="async"``).
        update : {"sync", "async"}
            All neurons at once, or one at a time in random order.
        tol : float
            A real state rests when a step moves it by less than ``tol * (1 + norm)``.
        random_state : int, optional
            Seed of the order of asynchronous updates; 0 when None.

        Returns
        -------
        Recall
            States, convergence, steps, and the nearest stored pattern.
        """
        if update not in ("sync", "async"):
            raise InputError(f'update must be "sync" or "async", got {update!r}')
        order = {"sync": "synchronous", "async": "asynchronous"}[update]
        options = {"update": order, "max_steps": max_iter, "tolerance": tol, "seed": random_state or 0}
        model = self._fitted()
        shown = bars(getattr(self, "verbose", False))
        found = model.recall(self._complete(self._states(S, "S")), json.dumps(options), shown)
        states: NDArray[np.float64] = found["states"]
        energy = None
        if self._has_energy() and self._fitted_y is None:
            energy = model.energy(states)
        return Recall(
            states=states,
            converged=found["converged"],
            n_steps=found["steps"],
            status=found["status"],
            nearest=found.get("nearest"),
            overlap=found.get("overlap"),
            distance=found.get("distance"),
            energy=energy,
        )

    def _states(self, states: ArrayLike, what: str) -> NDArray[np.float64]:
        """Return states as rows of the width that the memory takes."""
        self._fitted()
        array = rows(states, what)
        if array.shape[1] != self.n_features_in_:
            raise InputError(
                f"{what} has {array.shape[1]} features, but {type(self).__name__} is expecting {self.n_features_in_} "
                "features as input: as many columns as stored patterns have"
            )
        return array

    def __sklearn_tags__(self) -> Any:
        """Describe the estimator to scikit-learn, which alone asks: no target is needed, nothing may be missing."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = False
        return tags

    def _complete(self, cues: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return cues with unknown entries filled in, where the memory can do that."""
        return cues

    def _has_energy(self) -> bool:
        return False

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the answer of one step.

        Parameters
        ----------
        X : array_like of shape (n_cues, n_neurons)
            States as rows.

        Returns
        -------
        ndarray of shape (n_cues, n_outputs)
            The next state, or the output pattern.
        """
        return self._fitted().step(self._states(X, "X"))

    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the fields of the output neurons, whose signs a binary memory answers.

        Parameters
        ----------
        X : array_like of shape (n_cues, n_neurons)
            States as rows.

        Returns
        -------
        ndarray of shape (n_cues, n_outputs)
            Fields.
        """
        return self._fitted().field(self._states(X, "X"))

    def score(self, S: ArrayLike, Y: ArrayLike | None = None, tol: float = 1e-3) -> float:
        """Return the fraction of cues from which the wanted pattern is restored.

        Parameters
        ----------
        S : array_like of shape (n_cues, n_neurons)
            Cues.
        Y : array_like of shape (n_cues, n_outputs), optional
            What they should recall; the cues themselves when None.
        tol : float
            Distance within which a real pattern counts as restored. Binary patterns must be equal.

        Returns
        -------
        float
            Between 0 and 1.
        """
        cues = self._states(S, "S")
        wanted = cues if Y is None else _targets(Y, len(cues))
        states = self.recall(cues).states
        if states.shape != wanted.shape:
            raise InputError(f"Y must have shape {states.shape}, one row per cue, got shape {wanted.shape}")
        return float(np.mean(np.linalg.norm(states - wanted, axis=1) < tol))

    def partial_fit(self, X: ArrayLike, Y: ArrayLike | None = None) -> Self:
        """Store further patterns without fitting again where the memory allows it.

        Parameters
        ----------
        X : array_like of shape (n_patterns, n_neurons)
            Patterns; a single one may have one dimension.
        Y : array_like of shape (n_patterns, n_outputs), optional
            Output patterns, for a memory of pairs.

        Returns
        -------
        self
        """
        if not hasattr(self, "_model"):
            return self.fit(X, Y)
        x = rows(X, "X")
        y = None if Y is None else _targets(Y, len(x))
        self._insert(x, y)
        return self

    def _insert(self, x: NDArray[np.float64], y: NDArray[np.float64] | None) -> None:
        self._model.insert(x, y)
        self._fitted_x = np.concatenate([self._fitted_x, x])
        self.patterns_ = self._fitted_x

    def forget(self, index: int) -> Self:
        """Delete one stored pattern.

        Parameters
        ----------
        index : int
            Its row in ``patterns_``.

        Returns
        -------
        self
        """
        model = self._fitted()
        if not 0 <= index < len(self.patterns_):
            raise InputError(f"index is {index}, but it must lie in [0, {len(self.patterns_)})")
        model.delete(index)
        self._fitted_x = np.delete(self._fitted_x, index, axis=0)
        if self._fitted_y is not None:
            self._fitted_y = np.delete(self._fitted_y, index, axis=0)
        self._after_forgetting()
        return self

    def _after_forgetting(self) -> None:
        self.patterns_ = self._fitted_x

    def _forget(self) -> None:
        super()._forget()
        for name in ("_model", "_fitted_x", "_fitted_y"):
            self.__dict__.pop(name, None)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_model"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if "_fitted_x" in state:
            specification = json.dumps(self._specification(self._fitted_x))
            self._model, _ = MemoryModel.fit(specification, self._fitted_x, self._fitted_y)

    def save(self, path: str | os.PathLike[str], overwrite: bool = False) -> None:
        """Write the memory to one npz file; ``neuropil.load`` reads it.

        Parameters
        ----------
        path : path
            The file.
        overwrite : bool
            Whether an existing file is replaced.

        Raises
        ------
        InputError
            If the file exists already.
        """
        self._fitted()
        target = Path(path)
        if target.exists() and not overwrite:
            raise InputError(f'"{target}" exists already; pass overwrite=True or choose another name')
        header = {"model": type(self).__name__, "format": _FORMAT, "parameters": self.get_params()}
        arrays = {"header": np.frombuffer(json.dumps(header).encode(), dtype=np.uint8), "patterns": self._fitted_x}
        if self._fitted_y is not None:
            arrays["outputs"] = self._fitted_y
        temporary = target.with_name(f".{target.name}.part")
        try:
            with temporary.open("wb") as file:
                np.savez_compressed(file, **arrays)  # pyright: ignore[reportArgumentType]
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
