"""Figures of results: one function per figure that people expect, from a result and matplotlib Axes to the Axes.

matplotlib is imported when a function is called: ``pip install "neuropil[plot]"``.
"""

from neuropil.landscape._plots import (
    final_losses,
    hessian_spectrum,
    loss_along_path,
    loss_contour,
    neuron_trajectories,
    neuron_types,
    subspace_counts,
)
from neuropil.memory._plots import capacity_curve, recall_curve, recall_strip, shares
from neuropil.spikes._plots import activity, circuit, perturbation, phase_plane, raster
from neuropil.surprise._plots import change_count, regret_heatmap, run_length, segmentation, surprise_traces, trajectory

__all__ = [
    "activity",
    "capacity_curve",
    "change_count",
    "circuit",
    "final_losses",
    "hessian_spectrum",
    "loss_along_path",
    "loss_contour",
    "neuron_trajectories",
    "neuron_types",
    "perturbation",
    "phase_plane",
    "raster",
    "recall_curve",
    "recall_strip",
    "regret_heatmap",
    "run_length",
    "segmentation",
    "shares",
    "subspace_counts",
    "surprise_traces",
    "trajectory",
]
