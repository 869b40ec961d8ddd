"""Spiking populations: simulate them, and infer the hidden circuit behind recorded spikes.

A `Network` of `Population` s is simulated neuron by neuron (`Network.simulate_micro`) or as the activity of finite
populations (`Network.simulate_meso`). `NeuLVM` fits a network to a few recorded spike trains (arXiv:2205.13493).

Examples
--------
>>> from neuropil import spikes
>>> circuit = spikes.Network.winner_take_all()
>>> run = circuit.simulate_meso(2.0, dt=0.001, seed=1)
>>> run.activity.shape
(2000, 3)
"""

from neuropil.spikes._likelihood import JointLikelihood, LikelihoodGradient
from neuropil.spikes._network import FixedPoint, MesoResult, MicroResult, Network, PhasePlane, Population
from neuropil.spikes._neulvm import NeuLVM, cluster_neurons, log_likelihood
from neuropil.spikes._trains import (
    BinnedSpikes,
    Psth,
    SpikeTrains,
    TrainStatistics,
    bin_spikes,
    noise_correlation,
    psth,
    train_statistics,
)

__all__ = [
    "BinnedSpikes",
    "FixedPoint",
    "JointLikelihood",
    "LikelihoodGradient",
    "MesoResult",
    "MicroResult",
    "Network",
    "NeuLVM",
    "PhasePlane",
    "Population",
    "Psth",
    "SpikeTrains",
    "TrainStatistics",
    "bin_spikes",
    "cluster_neurons",
    "log_likelihood",
    "noise_correlation",
    "psth",
    "train_statistics",
]
