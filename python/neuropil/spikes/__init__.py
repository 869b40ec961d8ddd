"""Spiking populations: simulate them, and infer the hidden circuit behind recorded spikes.

A `Network` of `Population` s is simulated neuron by neuron (`Network.simulate_micro`) or as the activity of finite
populations (`Network.simulate_meso`). `NeuLVM` fits a network to a few recorded spike trains (arXiv:2205.13493),
`FullObservation` to the activity of all populations.

Examples
--------
>>> from neuropil import spikes
>>> circuit = spikes.Network.winner_take_all()
>>> run = circuit.simulate_meso(2.0, dt=0.001, seed=1)
>>> run.activity.shape
(2000, 3)
"""

from neuropil.spikes._full_observation import FullObservation
from neuropil.spikes._likelihood import JointLikelihood, LikelihoodGradient
from neuropil.spikes._log_likelihood import authors_loss, cluster_neurons, log_likelihood
from neuropil.spikes._network import Network
from neuropil.spikes._neulvm import NeuLVM
from neuropil.spikes._population import Population
from neuropil.spikes._simulation import FixedPoint, MesoResult, MicroResult, PhasePlane
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
from neuropil.spikes._uncertainty import HiddenActivity, ParameterUncertainty, PerturbationPrediction, PosteriorSamples

__all__ = [
    "BinnedSpikes",
    "FixedPoint",
    "FullObservation",
    "HiddenActivity",
    "JointLikelihood",
    "LikelihoodGradient",
    "MesoResult",
    "MicroResult",
    "Network",
    "NeuLVM",
    "ParameterUncertainty",
    "PerturbationPrediction",
    "PhasePlane",
    "Population",
    "PosteriorSamples",
    "Psth",
    "SpikeTrains",
    "TrainStatistics",
    "authors_loss",
    "bin_spikes",
    "cluster_neurons",
    "log_likelihood",
    "noise_correlation",
    "psth",
    "train_statistics",
]
