"""Loss landscapes of multi-layer perceptrons: symmetries, saddles, paths.

=====================  =================================================================
what you want          where it is
=====================  =================================================================
a network on data      `MLP`, `Problem`: loss, gradient, Hessian, spectrum, report
training to rounding   `GradientFlow`
scikit-learn           `GradientFlowRegressor`, `GradientFlowClassifier`
counts                 `count_global_minima_subspaces`, `count_critical_subspaces`,
                       `ratio`, `crossover_width`, `permutation_points`
paths                  `zero_loss_path`, `connect_networks`, `permutation_path`
symmetry               `split_neuron`, `add_silent_neuron`, `merge_neurons`,
                       `permute_neurons`, `align`
what a solution is     `reduce_network`, `classify_neurons`, `critical_point_report`
the papers' task       `toy_task`
=====================  =================================================================

Parameters are one vector: the weights of the first layer row by row, its biases, the weights of the second layer, ...
Hidden layers and neurons are counted from 0. The loss is the mean over samples of the sum of squared errors over
outputs, without a factor of one half, unless said otherwise.
"""

from neuropil.landscape._counts import (
    Ratio,
    count_critical_subspaces,
    count_global_minima_subspaces,
    crossover_width,
    permutation_points,
    ratio,
)
from neuropil.landscape._estimators import GradientFlowClassifier, GradientFlowRegressor
from neuropil.landscape._flow import GradientFlow, Trained, Trajectory
from neuropil.landscape._network import MLP
from neuropil.landscape._problem import (
    AdamCourse,
    CriticalPointReport,
    ExtremeEigenvalues,
    Polished,
    Problem,
    SpectralDensity,
    Spectrum,
    ZeroMode,
    critical_point_report,
)
from neuropil.landscape._symmetry import (
    Alignment,
    NeuronType,
    Path,
    PermutationPath,
    Reduction,
    ToyTask,
    add_silent_neuron,
    align,
    classify_neurons,
    connect_networks,
    merge_neurons,
    permutation_path,
    permute_neurons,
    reduce_network,
    split_neuron,
    toy_task,
    zero_loss_path,
)

__all__ = [
    "MLP",
    "AdamCourse",
    "Alignment",
    "CriticalPointReport",
    "ExtremeEigenvalues",
    "GradientFlow",
    "GradientFlowClassifier",
    "GradientFlowRegressor",
    "NeuronType",
    "Path",
    "PermutationPath",
    "Polished",
    "Problem",
    "Ratio",
    "Reduction",
    "SpectralDensity",
    "Spectrum",
    "ToyTask",
    "Trained",
    "Trajectory",
    "ZeroMode",
    "add_silent_neuron",
    "align",
    "classify_neurons",
    "connect_networks",
    "count_critical_subspaces",
    "count_global_minima_subspaces",
    "critical_point_report",
    "crossover_width",
    "merge_neurons",
    "permutation_path",
    "permutation_points",
    "permute_neurons",
    "ratio",
    "reduce_network",
    "split_neuron",
    "toy_task",
    "zero_loss_path",
]
