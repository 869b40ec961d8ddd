"""What a fit is given: binned spikes, labels, history and drive, checked once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from neuropil.errors import InputError
from neuropil.spikes._trains import SpikeTrains, as_trains, bin_spikes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False)
class Recorded:
    """Binned spikes of every trial with everything that the likelihood wants to know about them."""

    trials: list[NDArray[np.uint8]]
    labels: NDArray[np.int64]
    history: int
    dt: float
    drive: list[NDArray[np.float64]] | None

    @classmethod
    def of(
        cls,
        spikes: Any,
        labels: Sequence[int] | None,
        history: float,
        dt: float,
        drive: Sequence[ArrayLike] | None = None,
    ) -> Recorded:
        """Bin the spikes; the labels are those of the trains where they are not given."""
        trains = as_trains(spikes, dt)
        binned = bin_spikes(trains, dt)
        drives = None if drive is None else [np.ascontiguousarray(part, dtype=float) for part in drive]
        return cls(binned.trials, checked_labels(trains, labels), round(history / dt), dt, drives)

    def parts(self) -> tuple[Any, ...]:
        """As the engine takes it."""
        return self.trials, self.labels.tolist(), self.history, self.dt, self.drive


def checked_labels(trains: SpikeTrains, labels: Sequence[int] | None) -> NDArray[np.int64]:
    """Return one population per neuron, or say what is wrong with the labels."""
    found = trains.labels if labels is None else np.asarray(labels)
    if found is None:
        raise InputError(
            "the population of the neurons is not known; give labels (one number from 0 on per neuron), or find them "
            "with cluster_neurons"
        )
    if found.shape != (trains.n_neurons,):
        raise InputError(f"labels has shape {found.shape}, but there are {trains.n_neurons} neurons; one label each")
    if found.dtype.kind not in "iu":
        whole = found.dtype.kind in "fb" and bool(np.all(np.mod(found, 1) == 0))
        if not whole:
            raise InputError(f"labels are of type {found.dtype}; populations are whole numbers, counted from 0")
    if np.any(found < 0):
        raise InputError(f"labels[{int(np.argmin(found))}] is {found.min()}; populations are counted from 0")
    return found.astype(np.int64)


def age_grid(age_bins: int | None) -> str:
    """Return the age grid as the engine takes it."""
    return json.dumps({"age_bins": age_bins, "old_ages": "pooled"})


def coupling_rule(coupling: str, limit: float) -> Any:
    """Return the rule for free couplings as the engine takes it."""
    rules: dict[str, Any] = {name: name for name in ("per_row", "per_entry", "fixed")}
    rules["unsigned"] = {"unsigned": {"limit": float(limit)}}
    if coupling not in rules:
        raise InputError(f"coupling must be one of {', '.join(map(repr, rules))}, got {coupling!r}")
    return rules[coupling]
