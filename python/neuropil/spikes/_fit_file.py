"""The file of a fitted circuit: the document of `neuropil spikes infer`, with what Python wants to know besides."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neuropil import _neuropil
from neuropil._files import write_text
from neuropil._results import frozen
from neuropil.errors import InputError
from neuropil.spikes._network import Network
from neuropil.spikes._recording import Recorded
from neuropil.spikes._uncertainty import ParameterUncertainty

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

    from neuropil.spikes._neulvm import NeuLVM

KIND = "spikes.NeuLVM"
_FORMAT = 1


def write(model: NeuLVM, path: str | os.PathLike[str]) -> None:
    """Write a fitted model."""
    inside: dict[str, Any] = model._inside_  # pyright: ignore[reportPrivateUsage]
    recorded: Recorded = model._recorded_  # pyright: ignore[reportPrivateUsage]
    uncertainty: ParameterUncertainty | None = model._uncertainty_  # pyright: ignore[reportPrivateUsage]
    params = model.get_params()
    params["network"] = None if model.network is None else json.loads(model.network.to_json())
    params["sizes"] = None if model.sizes is None else [int(size) for size in model.sizes]
    document = {
        "neuropil": _neuropil.__version__,
        "kind": KIND,
        "format": _FORMAT,
        "parameters": params,
        # What the command line reads.
        "result": {
            "fit": {
                "network": json.loads(model.network_.to_json()),
                "populations": [str(m) for m in range(len(model.network_.populations))],
                "labels": model.labels_.tolist(),
                "dt_s": model.dt,
                "likelihood": json.loads(inside["likelihood"]),
                "free": json.loads(inside["free"]),
                "numbers": inside["numbers"],
                "mean_activity_hz": model._mean_activity(),  # pyright: ignore[reportPrivateUsage]
                "covariance_root": None if uncertainty is None else uncertainty.root.tolist(),
            }
        },
        "learned": {
            "names": inside["names"],
            "params": model.params_,
            "activity": [trial.tolist() for trial in model.activity_],
            "smoothed": [trial.tolist() for trial in model.smoothed_],
            "loss": model.loss_,
            "loss_history": model.loss_history_.tolist(),
            "losses": model.losses_.tolist(),
            "log_likelihood": list(model.log_likelihood_),
            "nats_per_spike": model.nats_per_spike_,
            "converged": model.converged_,
        },
        "recorded": {
            "n_bins": [int(trial.shape[0]) for trial in recorded.trials],
            "spikes": [[np.flatnonzero(train).tolist() for train in trial.T] for trial in recorded.trials],
            "history": recorded.history,
            "drive": None if recorded.drive is None else [part.tolist() for part in recorded.drive],
        },
    }
    write_text(Path(path), json.dumps(document) + "\n")


def read(document: dict[str, Any], path: str) -> NeuLVM:
    """Return the model of a document."""
    from neuropil.spikes._neulvm import NeuLVM

    if document.get("format") != _FORMAT:
        raise InputError(f'"{path}" has format {document.get("format")}; this version reads format {_FORMAT}')
    try:
        return _read(NeuLVM(), document)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f'"{path}" is not a whole file of a NeuLVM: {error!r}') from None


def _read(model: NeuLVM, document: dict[str, Any]) -> NeuLVM:
    params = dict(document["parameters"])
    params["network"] = None if params["network"] is None else Network.from_json(json.dumps(params["network"]))
    for name in ("bounds", "start"):
        params[name] = None if params[name] is None else tuple(params[name])
    model.set_params(**params)
    fit, learned, recorded = document["result"]["fit"], document["learned"], document["recorded"]
    model.network_ = Network.from_json(json.dumps(fit["network"]))
    model.params_ = dict(learned["params"])
    model.activity_ = _courses(learned["activity"])
    model.smoothed_ = _courses(learned["smoothed"])
    model.loss_ = learned["loss"]
    model.loss_history_ = np.array(learned["loss_history"], dtype=float)
    model.losses_ = np.array(learned["losses"], dtype=float)
    model.log_likelihood_ = (learned["log_likelihood"][0], learned["log_likelihood"][1])
    model.nats_per_spike_ = learned["nats_per_spike"]
    model.labels_ = np.array(fit["labels"], dtype=np.int64)
    model.converged_ = learned["converged"]
    model.age_bins_ = fit["likelihood"]["age_bins"]
    inside = {"likelihood": json.dumps(fit["likelihood"]), "free": json.dumps(fit["free"])}
    model._inside_ = {**inside, "numbers": fit["numbers"], "names": learned["names"]}  # pyright: ignore[reportPrivateUsage]
    trials: list[NDArray[np.uint8]] = []
    for n_bins, trains in zip(recorded["n_bins"], recorded["spikes"], strict=True):
        trial = np.zeros((n_bins, len(trains)), dtype=np.uint8)
        for neuron, bins in enumerate(trains):
            trial[bins, neuron] = 1
        trials.append(trial)
    drive = None if recorded["drive"] is None else [np.array(part, dtype=float) for part in recorded["drive"]]
    history = recorded["history"]
    model._recorded_ = Recorded(trials, model.labels_, history, model.dt, drive)  # pyright: ignore[reportPrivateUsage]
    model._uncertainty_ = _uncertainty(fit, learned["names"])  # pyright: ignore[reportPrivateUsage]
    return model


def _courses(trials: list[list[list[float]]]) -> list[NDArray[np.float64]]:
    return [frozen(np.array(trial, dtype=float)) for trial in trials]


def _uncertainty(fit: dict[str, Any], names: list[str]) -> ParameterUncertainty | None:
    if fit["covariance_root"] is None:
        return None
    root = np.array(fit["covariance_root"], dtype=float)
    covariance = root @ root.T
    values = np.array(fit["numbers"], dtype=float)
    return ParameterUncertainty(
        names, frozen(values), frozen(np.sqrt(np.diag(covariance))), frozen(covariance), frozen(root)
    )
