"""What every verb of a learner needs: its parameters for the engine, and checked observations."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from neuropil import _neuropil
from neuropil._estimator import Estimator
from neuropil._observations import block_starts, observations
from neuropil._results import Provenance, frozen, narrowed
from neuropil.errors import InputError, PriorWarning
from neuropil.surprise._parameters import model_of, number, seed_of
from neuropil.surprise._results import FilterResult, HazardFit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

Output = Literal["mean", "variance", "bayes_factor_surprise", "shannon_surprise", "map_run_length"]

_DEFAULT_CUTOFF = 1e-12


class Model(Estimator):
    """The parameters of a learner, as the engine takes them."""

    family: str
    method: str
    cutoff: float | None
    random_state: Any
    verbose: bool
    hazard_: float
    hazard_fit_: HazardFit
    converged_: bool
    n_iter_: int
    n_features_in_: int

    def _model(self, columns: int | None, random_state: Any = ...) -> str:
        """Return the learner as JSON."""
        params = self.get_params()
        if "hazard_" in vars(self):
            params["hazard"] = self.hazard_
        seed = seed_of(self.random_state if random_state is ... else random_state)
        return json.dumps(model_of(params, columns, seed))

    def _ready(
        self, y: ArrayLike, blocks: ArrayLike | None, random_state: Any = ...
    ) -> tuple[NDArray[np.float64], list[int] | None, str]:
        """Rows of observations, starts of blocks, and the learner as JSON."""
        rows = observations(y)
        model = self._model(rows.shape[1], random_state)
        self._check_width(rows, np.ndim(y), model)
        conflict = _neuropil.surprise_prior_conflict(model, rows)
        if conflict is not None:
            warnings.warn(conflict, PriorWarning, stacklevel=3)
        return rows, block_starts(blocks, len(rows)), model

    def _check_width(self, rows: NDArray[np.float64], ndim: int, model: str) -> None:
        width, _, _ = _neuropil.surprise_check(model)
        if ndim == 1 and width != 1:
            raise InputError(
                f'y has shape ({len(rows)},), but the family "{self.family}" with these parameters needs '
                f"shape (T, {width})"
            )

    def _cutoff(self) -> float:
        return _DEFAULT_CUTOFF if self.cutoff is None else number("cutoff", self.cutoff)


def outputs_of(outputs: Sequence[str] | None) -> list[str] | None:
    return [outputs] if isinstance(outputs, str) else None if outputs is None else list(outputs)


def fields_of(result: dict[str, Any]) -> dict[str, Any]:
    # scores of a parameter stay a matrix when there is one sequence
    result = {name: frozen(value) if name == "scores" else narrowed(value) for name, value in result.items()}
    return result | {"provenance": Provenance.from_json(result["provenance"])}


def filter_result_of(result: dict[str, Any], starts: list[int] | None, method: str) -> FilterResult:
    block_starts = None if method == "leaky" else [0] if starts is None else starts
    return FilterResult(**fields_of(result), block_starts=block_starts)
