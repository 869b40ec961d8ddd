"""Associative memories: store patterns, recall them from noisy cues, measure capacity.

Every memory has the same methods: `fit`, `recall`, `predict`, `partial_fit`, `forget`, `score`, `save`.

=============================  =====================================================================
`KernelMemory`                 optimal weights: maximal margin or interpolation with any kernel
`Hopfield`                     Hebbian weights (1982)
`DenseAssociativeMemory`       higher-order and exponential interactions
`ModernHopfield`               attention
`SparseDistributedMemory`      Kanerva's memory with random hard locations
`NearestNeighbor`              the ceiling
`UniversalHopfield`            similarity, separation, projection
=============================  =====================================================================
"""

from neuropil.memory._base import AssociativeMemory
from neuropil.memory._classical import (
    DenseAssociativeMemory,
    Hopfield,
    ModernHopfield,
    NearestNeighbor,
    SparseDistributedMemory,
    UniversalHopfield,
)
from neuropil.memory._kernel import KernelMemory
from neuropil.memory._results import CapacityCurve, Recall, RecallCurve
from neuropil.memory._theory import (
    capacity_curve,
    cover_probability,
    feature_dimension,
    gardner_capacity,
    gardner_kappa,
    recall_curve,
    sdm_overlap,
)

__all__ = [
    "AssociativeMemory",
    "CapacityCurve",
    "DenseAssociativeMemory",
    "Hopfield",
    "KernelMemory",
    "ModernHopfield",
    "NearestNeighbor",
    "Recall",
    "RecallCurve",
    "SparseDistributedMemory",
    "UniversalHopfield",
    "capacity_curve",
    "cover_probability",
    "feature_dimension",
    "gardner_capacity",
    "gardner_kappa",
    "recall_curve",
    "sdm_overlap",
]
