# Generated from the compiled module by `cargo xtask stubs`; do not edit.
import typing

import numpy
import numpy.typing

"""
The compiled half of neuropil. Private: it may change with every release.
"""

from os import PathLike
from typing import Any, Final, SupportsFloat, SupportsIndex, final

from _typeshed import SupportsGetItem

__all__ = [
    "__version__",
    "LandscapeProblem",
    "MemoryModel",
    "SpikesLikelihood",
    "SurpriseStream",
    "arrow_stream",
    "count_slowly",
    "example_file",
    "example_names",
    "landscape_activation",
    "landscape_align",
    "landscape_arrays",
    "landscape_classify",
    "landscape_connect",
    "landscape_count",
    "landscape_crossover_width",
    "landscape_expand_silent",
    "landscape_from_arrays",
    "landscape_initialise",
    "landscape_merge",
    "landscape_network",
    "landscape_permutation_points",
    "landscape_permute",
    "landscape_predict",
    "landscape_ratio",
    "landscape_reduce",
    "landscape_split",
    "landscape_toy_task",
    "landscape_zero_loss_path",
    "memory_capacity_curve",
    "memory_choose_radius",
    "memory_cover_probability",
    "memory_feature_dimension",
    "memory_gardner_capacity",
    "memory_gardner_kappa",
    "memory_sdm_overlap",
    "number_of_threads",
    "read_series",
    "replace_thread_limit",
    "run_program",
    "set_thread_limit",
    "spikes_authors_loss",
    "spikes_bin",
    "spikes_check",
    "spikes_cluster",
    "spikes_defaults",
    "spikes_describe",
    "spikes_fit",
    "spikes_fit_full_observation",
    "spikes_fixed_points",
    "spikes_from_nest",
    "spikes_hidden_activity",
    "spikes_log_likelihood",
    "spikes_parameter_uncertainty",
    "spikes_phase_plane",
    "spikes_predict_perturbation",
    "spikes_rate",
    "spikes_read",
    "spikes_simulate_meso",
    "spikes_simulate_micro",
    "spikes_to_nest",
    "spikes_units",
    "spikes_write",
    "surprise_agreement",
    "surprise_calibrate_alarm",
    "surprise_change_count",
    "surprise_check",
    "surprise_confuse",
    "surprise_detect",
    "surprise_family",
    "surprise_filter",
    "surprise_filter_batch",
    "surprise_fit_hazard",
    "surprise_fit_subjects",
    "surprise_free_parameter",
    "surprise_learn_hazard_on_grid",
    "surprise_learn_hazard_with_beta",
    "surprise_method",
    "surprise_names",
    "surprise_prior_conflict",
    "surprise_published_grid",
    "surprise_recover",
    "surprise_regressors",
    "surprise_run_length",
    "surprise_sample_segmentations",
    "surprise_segment",
    "surprise_simulate",
    "surprise_smooth",
    "surprise_tune",
    "surprise_tune_on_simulations",
    "surprise_with_parameter",
    "thread_environment_problem",
]

__version__: Final[str]
"""
Version of the package and of the program.
"""

@final
class LandscapeProblem:
    """
    The loss of a network on a data set.
    """
    def __new__(
        cls,
        /,
        network: str,
        x: numpy.typing.NDArray[numpy.float64],
        y: numpy.typing.NDArray[numpy.float64],
        weights: numpy.typing.NDArray[numpy.float64] | None,
        loss: str,
        weight_decay: SupportsFloat | SupportsIndex,
    ) -> LandscapeProblem:
        """
        A problem; no weights means equal weights.
        """
    def adam(
        self, /, starts: numpy.typing.NDArray[numpy.float64], how: str, bars: Any | None = None
    ) -> list[dict[str, typing.Any]]:
        """
        Adam from every row of `starts`.
        """
    def extreme_eigenvalues(
        self, /, theta: numpy.typing.NDArray[numpy.float64], count: SupportsIndex, how: str, bars: Any | None = None
    ) -> dict[str, typing.Any]:
        """
        Both ends of the spectrum by Lanczos iteration, with error bounds.
        """
    def gradients(
        self, /, thetas: numpy.typing.NDArray[numpy.float64]
    ) -> tuple[numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64]]:
        """
        Loss and gradient of many parameter vectors.
        """
    def hessian(self, /, theta: numpy.typing.NDArray[numpy.float64]) -> numpy.typing.NDArray[numpy.float64]:
        """
        The Hessian.
        """
    def hessian_vector(
        self, /, theta: numpy.typing.NDArray[numpy.float64], direction: numpy.typing.NDArray[numpy.float64]
    ) -> numpy.typing.NDArray[numpy.float64]:
        """
        The Hessian times a vector.
        """
    def jacobian(self, /, theta: numpy.typing.NDArray[numpy.float64]) -> numpy.typing.NDArray[numpy.float64]:
        """
        The Jacobian of the residuals.
        """
    def permutation_path(
        self,
        /,
        theta: numpy.typing.NDArray[numpy.float64],
        layer: SupportsIndex,
        i: SupportsIndex,
        j: SupportsIndex,
        n_steps: SupportsIndex,
        bars: Any | None = None,
    ) -> dict[str, typing.Any]:
        """
        From a minimum to the permutation point of two neurons, and on to the exchanged minimum.
        """
    def polish(self, /, theta: numpy.typing.NDArray[numpy.float64], how: str) -> dict[str, typing.Any]:
        """
        A polish alone.
        """
    def provenance(self, /, parameters: str, seed: SupportsIndex | None) -> str:
        """
        Version, parameters and a hash of the data, as JSON.
        """
    def report(
        self,
        /,
        theta: numpy.typing.NDArray[numpy.float64],
        zero: SupportsFloat | SupportsIndex,
        gradient: SupportsFloat | SupportsIndex,
        incoming: SupportsFloat | SupportsIndex,
        outgoing: SupportsFloat | SupportsIndex,
    ) -> dict[str, typing.Any]:
        """
        What kind of point this is.
        """
    def residuals(self, /, theta: numpy.typing.NDArray[numpy.float64]) -> numpy.typing.NDArray[numpy.float64]:
        """
        Residuals times the root of the sample weights.
        """
    def spectral_density(
        self,
        /,
        theta: numpy.typing.NDArray[numpy.float64],
        n_probes: SupportsIndex,
        n_grid: SupportsIndex,
        width: SupportsFloat | SupportsIndex,
        how: str,
        bars: Any | None = None,
    ) -> tuple[numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64]]:
        """
        The density of the spectrum: grid and density.
        """
    def spectrum(
        self, /, theta: numpy.typing.NDArray[numpy.float64], vectors: bool
    ) -> tuple[numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64]]:
        """
        Eigenvalues (ascending) and eigenvectors (columns; none unless asked for).
        """
    def train(
        self, /, starts: numpy.typing.NDArray[numpy.float64], how: str, bars: Any | None = None
    ) -> list[dict[str, typing.Any]]:
        """
        Gradient flow and polish from every row of `starts`.
        """
    def value(self, /, theta: numpy.typing.NDArray[numpy.float64]) -> float:
        """
        The loss.
        """
    def value_and_gradient(
        self, /, theta: numpy.typing.NDArray[numpy.float64]
    ) -> tuple[float, numpy.typing.NDArray[numpy.float64]]:
        """
        The loss and its gradient.
        """

@final
class MemoryModel:
    """
    A memory that has been fitted.
    """
    def arrays(self, /) -> dict[str, typing.Any]:
        """
        Input patterns, output patterns, coefficients and thresholds of a kernel memory.
        """
    def basin(
        self, /, patterns: numpy.typing.NDArray[numpy.float64], options: str, bars: Any | None = None
    ) -> numpy.typing.NDArray[numpy.float64]:
        """
        Measured basin radii, patterns x directions.
        """
    def condition_number(self, /) -> float:
        """
        Condition number of the Gram matrix.
        """
    def delete(self, /, index: SupportsIndex) -> None:
        """
        Forgets one pattern.
        """
    def energy(self, /, states: numpy.typing.NDArray[numpy.float64]) -> numpy.typing.NDArray[numpy.float64]:
        """
        The energy of states, for memories that have one.
        """
    def field(self, /, states: numpy.typing.NDArray[numpy.float64]) -> numpy.typing.NDArray[numpy.float64]:
        """
        The fields of output neurons.
        """
    def fill_in(self, /, cues: numpy.typing.NDArray[numpy.float64]) -> numpy.typing.NDArray[numpy.float64]:
        """
        Cues with their unknown entries (NaN) filled in from the known ones (kernel memories).
        """
    @staticmethod
    def fit(
        specification: str,
        x: numpy.typing.NDArray[numpy.float64],
        y: numpy.typing.NDArray[numpy.float64] | None = None,
        bars: Any | None = None,
    ) -> tuple[MemoryModel, str | None]:
        """
        Fits a memory; returns it and the report of the fit as JSON, where there is one.
        """
    def insert(
        self, /, x: numpy.typing.NDArray[numpy.float64], y: numpy.typing.NDArray[numpy.float64] | None = None
    ) -> list[float]:
        """
        Stores more patterns or pairs, one after the other; returns the novelty of each (kernel memories).
        """
    def jacobian_radius(self, /, states: numpy.typing.NDArray[numpy.float64]) -> numpy.typing.NDArray[numpy.float64]:
        """
        Spectral radius of the Jacobian of recall at each state.
        """
    def least_important(self, /) -> int:
        """
        The index of the pattern that is lost least.
        """
    def leave_one_out(self, /) -> numpy.typing.NDArray[numpy.float64]:
        """
        Errors with which the other patterns predict each stored one.
        """
    @staticmethod
    def load(path: str | PathLike[str]) -> tuple[MemoryModel, str, bool]:
        """
        Reads a kernel memory from its file; returns it and its parameters as JSON.
        """
    def recall(
        self, /, cues: numpy.typing.NDArray[numpy.float64], options: str, bars: Any | None = None
    ) -> dict[str, typing.Any]:
        """
        Recalls cues: states, steps, status, and the nearest stored pattern with overlap and distance.
        """
    def recall_curve(
        self,
        /,
        x: numpy.typing.NDArray[numpy.float64],
        y: numpy.typing.NDArray[numpy.float64],
        options: str,
        bars: Any | None = None,
    ) -> str:
        """
        Recall against noise, as JSON.
        """
    def save(self, /, path: str | PathLike[str], replace: bool) -> None:
        """
        Writes a kernel memory to a file.
        """
    def shape(self, /) -> tuple[int, int, bool]:
        """
        Number of input and of output neurons, and whether states are binary.
        """
    def shares(self, /, walsh: bool) -> numpy.typing.NDArray[numpy.float64]:
        """
        Shares of the interaction orders in the norm of each neuron: of the Taylor series, or of the Walsh degrees.
        """
    def step(self, /, states: numpy.typing.NDArray[numpy.float64]) -> numpy.typing.NDArray[numpy.float64]:
        """
        One step.
        """

@final
class SpikesLikelihood:
    """
    The likelihood of a recording under circuits that share sizes, refractory periods, delay and time step.
    """
    def __new__(
        cls,
        /,
        model: str,
        recorded: tuple[
            list[numpy.typing.NDArray[numpy.uint8]],
            list[int],
            int,
            float,
            list[numpy.typing.NDArray[numpy.float64]] | None,
        ],
        grid: str,
    ) -> SpikesLikelihood:
        """
        Prepares the likelihood.
        """
    @property
    def age_bins(self, /) -> int:
        """
        Number of age bins.
        """
    def gradient(self, /, model: str, activity: list[numpy.typing.NDArray[numpy.float64]]) -> dict[str, typing.Any]:
        """
        The log-likelihood and its derivatives by name, in the reduced units of the circuit; the activity in Hz.
        """
    def value(self, /, model: str, activity: list[numpy.typing.NDArray[numpy.float64]]) -> tuple[float, float]:
        """
        Log-likelihood `(latent, observed)` in nats at a circuit and an activity (Hz).
        """

@final
class SurpriseStream:
    """
    A learner that is fed a stream.
    """
    def __new__(cls, /, model: str) -> SurpriseStream: ...
    def model(self, /) -> str:
        """
        The learner, as JSON.
        """
    def reset(self, /) -> None:
        """
        Forgets everything.
        """
    @staticmethod
    def resume(state: str) -> SurpriseStream:
        """
        Continues from the JSON that `state` returned.
        """
    def run_length_posterior(self, /) -> list[tuple[int, float]] | None:
        """
        Posterior over the run length, longest first; nothing where the method holds none.
        """
    def state(self, /) -> str:
        """
        Everything that is needed to go on later, as JSON.
        """
    def time(self, /) -> int:
        """
        Number of observations since the start or the last reset.
        """
    def update(
        self, /, y: SupportsGetItem[int, SupportsFloat | SupportsIndex]
    ) -> tuple[list[float], list[float] | None, float | None, float | None, float, int | None]:
        """
        Takes one observation.
        """
    def update_many(
        self,
        /,
        y: numpy.typing.NDArray[numpy.float64],
        outputs: SupportsGetItem[int, str] | None = None,
        bars: Any | None = None,
    ) -> dict[str, typing.Any]:
        """
        Takes a piece of the stream.
        """

def arrow_stream(names: SupportsGetItem[int, str], columns: SupportsGetItem[int, Any]) -> object:
    """
    A capsule with the columns as an Arrow stream of one batch.
    """

def count_slowly(steps: SupportsIndex, pause_s: SupportsFloat | SupportsIndex, bars: Any | None = None) -> int:
    """
    Counts `steps` steps of `pause_s` seconds each: work of known length, with which Ctrl-C and progress bars are tested.
    """

def example_file(name: str) -> tuple[bytes, str, str, str]:
    """
    The file of a data set, its format ("csv" or "npz"), the description and the licence.
    """

def example_names() -> list[str]:
    """
    Names of the data sets.
    """

def landscape_activation(name: str) -> tuple[str, str]:
    """
    JSON of the activation with this name, and what it does when its argument changes sign.
    """

def landscape_align(
    network: str,
    reference: numpy.typing.NDArray[numpy.float64],
    other: numpy.typing.NDArray[numpy.float64],
    signs: bool,
    restarts: SupportsIndex,
    seed: SupportsIndex,
) -> tuple[list[list[int]], list[list[float]], numpy.typing.NDArray[numpy.float64], float, float]:
    """
    Relabels the second network to come closest to the first: orders, signs, aligned parameters, distance, distance before.
    """

def landscape_arrays(
    network: str, theta: numpy.typing.NDArray[numpy.float64]
) -> dict[str, numpy.typing.NDArray[numpy.float64]]:
    """
    The parameters as arrays by name: `w1`, `b1`, `w2`, ...
    """

def landscape_classify(
    network: str,
    theta: numpy.typing.NDArray[numpy.float64],
    layer: SupportsIndex,
    incoming: SupportsFloat | SupportsIndex,
    outgoing: SupportsFloat | SupportsIndex,
    angle: SupportsFloat | SupportsIndex,
    teacher_network: str | None = None,
    teacher: numpy.typing.NDArray[numpy.float64] | None = None,
) -> list[tuple[str, int, int]]:
    """
    The types of the neurons of a hidden layer, against a teacher where there is one.
    """

def landscape_connect(
    network: str,
    a: numpy.typing.NDArray[numpy.float64],
    b: numpy.typing.NDArray[numpy.float64],
    incoming: SupportsFloat | SupportsIndex,
    outgoing: SupportsFloat | SupportsIndex,
) -> tuple[numpy.typing.NDArray[numpy.float64], float]:
    """
    A path between two networks with the same function: the ends of its segments, and what the last one has to bridge.
    """

def landscape_count(which: str, r: SupportsGetItem[int, SupportsIndex], m: SupportsGetItem[int, SupportsIndex]) -> str:
    """
    A count for layers with `r` needed neurons in widths `m`: `"minima"` or `"critical"`. In hexadecimal.
    """

def landscape_crossover_width(r: SupportsIndex, against: str) -> int:
    """
    The least width with more minima than critical subspaces.
    """

def landscape_expand_silent(
    network: str,
    theta: numpy.typing.NDArray[numpy.float64],
    layer: SupportsIndex,
    incoming: numpy.typing.NDArray[numpy.float64],
) -> tuple[str, numpy.typing.NDArray[numpy.float64]]:
    """
    Adds a neuron without outgoing weights.
    """

def landscape_from_arrays(
    names: SupportsGetItem[int, str], arrays: list[numpy.typing.NDArray[numpy.float64]], activations: str
) -> tuple[str, numpy.typing.NDArray[numpy.float64]]:
    """
    Network and parameters from arrays by name.
    """

def landscape_initialise(network: str, how: str, seed: SupportsIndex) -> numpy.typing.NDArray[numpy.float64]:
    """
    Random parameters.
    """

def landscape_merge(
    network: str, theta: numpy.typing.NDArray[numpy.float64], layer: SupportsIndex, i: SupportsIndex, j: SupportsIndex
) -> tuple[str, numpy.typing.NDArray[numpy.float64]]:
    """
    One neuron in place of two.
    """

def landscape_network(json: str) -> tuple[int, list[str], str]:
    """
    Checks a network; returns its number of parameters, their names, and the network as the engine writes it.
    """

def landscape_permutation_points(
    widths: SupportsGetItem[int, SupportsIndex], order: SupportsIndex
) -> tuple[str, str, float, float]:
    """
    Permutation points of an order in hidden layers of these widths, per minimum.
    """

def landscape_permute(
    network: str,
    theta: numpy.typing.NDArray[numpy.float64],
    layer: SupportsIndex,
    order: SupportsGetItem[int, SupportsIndex],
) -> numpy.typing.NDArray[numpy.float64]:
    """
    Relabels the neurons of a hidden layer.
    """

def landscape_predict(
    network: str, theta: numpy.typing.NDArray[numpy.float64], x: numpy.typing.NDArray[numpy.float64]
) -> numpy.typing.NDArray[numpy.float64]:
    """
    Outputs, `(N, c)`.
    """

def landscape_ratio(r: SupportsIndex, m: SupportsIndex, against: str) -> tuple[str, str, float, float]:
    """
    Critical subspaces of smaller networks over global minima.
    """

def landscape_reduce(
    network: str,
    theta: numpy.typing.NDArray[numpy.float64],
    incoming: SupportsFloat | SupportsIndex,
    outgoing: SupportsFloat | SupportsIndex,
    symmetries: bool,
) -> tuple[str, numpy.typing.NDArray[numpy.float64], list[list[int]], list[int]]:
    """
    The smallest network with the same function: network, parameters, and for each hidden layer the label of every neuron
    (a number for a copy of that neuron, minus one minus the number of its group for a neuron without effect).
    """

def landscape_split(
    network: str,
    theta: numpy.typing.NDArray[numpy.float64],
    layer: SupportsIndex,
    neuron: SupportsIndex,
    shares: SupportsGetItem[int, SupportsFloat | SupportsIndex],
) -> tuple[str, numpy.typing.NDArray[numpy.float64]]:
    """
    Splits a neuron into copies with these shares of its outgoing weights.
    """

def landscape_toy_task(
    activation: str, n_outputs: SupportsIndex
) -> tuple[
    str, numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64]
]:
    """
    The teacher task of the papers: network, teacher, inputs, targets.
    """

def landscape_zero_loss_path(
    network: str,
    theta: numpy.typing.NDArray[numpy.float64],
    permutations: SupportsGetItem[int, SupportsGetItem[int, SupportsIndex]],
    incoming: SupportsFloat | SupportsIndex,
    outgoing: SupportsFloat | SupportsIndex,
) -> numpy.typing.NDArray[numpy.float64]:
    """
    A path at constant loss to permuted neurons: the ends of its segments.
    """

def memory_capacity_curve(specification: str, options: str, bars: Any | None = None) -> str:
    """
    Recall against the number of patterns, as JSON.
    """

def memory_choose_radius(
    params: str, x: numpy.typing.NDArray[numpy.float64], bars: Any | None = None
) -> tuple[float, float, float]:
    """
    The kernel radius with the largest basins: radius, smallest basin, largest spectral radius.
    """

def memory_cover_probability(n_patterns: SupportsIndex, dimension: SupportsIndex) -> float:
    """
    Probability that random labels are separable.
    """

def memory_feature_dimension(kernel: str, n: SupportsIndex) -> float:
    """
    Dimension of the feature space of a kernel on the hypercube.
    """

def memory_gardner_capacity(kappa: SupportsFloat | SupportsIndex) -> float:
    """
    The largest load at margin kappa.
    """

def memory_gardner_kappa(load: SupportsFloat | SupportsIndex) -> float:
    """
    The margin at a load.
    """

def memory_sdm_overlap(n: SupportsIndex, radius: SupportsIndex) -> numpy.typing.NDArray[numpy.float64]:
    """
    Kanerva's kernel for every Hamming distance.
    """

def number_of_threads() -> int:
    """
    How many threads the next call on this thread uses.
    """

def read_series(
    path: str | PathLike[str], columns: SupportsGetItem[int, str]
) -> tuple[list[str], numpy.typing.NDArray[numpy.float64]]:
    """
    Names of the columns and their values, `(T, columns)`.
    """

def replace_thread_limit(limit: SupportsIndex | None) -> int | None:
    """
    Limits the threads of work that the calling thread starts, and returns its previous limit.
    """

def run_program(arguments: SupportsGetItem[int, str]) -> int:
    """
    Runs the `neuropil` program inside this process and returns its exit status.
    """

def set_thread_limit(limit: SupportsIndex | None) -> None:
    """
    Limits the threads of this process; `None` returns to what the machine grants.
    """

def spikes_authors_loss(
    model: str,
    activity: list[numpy.typing.NDArray[numpy.float64]],
    recorded: tuple[
        list[numpy.typing.NDArray[numpy.uint8]], list[int], int, float, list[numpy.typing.NDArray[numpy.float64]] | None
    ],
    age_bins: SupportsIndex,
) -> tuple[float, float]:
    """
    Loss of the published program with its approximations: recorded spikes, activity.
    """

def spikes_bin(
    neurons: SupportsGetItem[int, str],
    trials: list[tuple[float, float, numpy.typing.NDArray[numpy.float64], list[int]]],
    dt: SupportsFloat | SupportsIndex,
    rule: str,
) -> tuple[list[numpy.typing.NDArray[numpy.uint8]], int, int]:
    """
    Counts spikes in bins: arrays (time, neuron), merged, dropped.
    """

def spikes_check(model: str) -> str:
    """
    Checks a network; returns its JSON with all defaults.
    """

def spikes_cluster(
    spikes: numpy.typing.NDArray[numpy.uint8], dt: SupportsFloat | SupportsIndex, settings: str
) -> tuple[list[int], list[tuple[int, float]]]:
    """
    Populations of neurons: labels and the silhouette of every number of populations that was tried.
    """

def spikes_defaults() -> tuple[str, str]:
    """
    JSON of the winner-take-all circuit, and of a population with its defaults.
    """

def spikes_describe(
    neurons: SupportsGetItem[int, str],
    trials: list[tuple[float, float, numpy.typing.NDArray[numpy.float64], list[int]]],
    what: str,
    dt: SupportsFloat | SupportsIndex,
) -> dict[str, typing.Any]:
    """
    Statistics of every neuron, PSTH and correlations.
    """

def spikes_fit(
    model: str,
    recorded: tuple[
        list[numpy.typing.NDArray[numpy.uint8]], list[int], int, float, list[numpy.typing.NDArray[numpy.float64]] | None
    ],
    settings: str,
    grid: str,
    bars: Any | None = None,
) -> dict[str, typing.Any]:
    """
    Fits the circuit; returns its parts by name.
    """

def spikes_fit_full_observation(
    model: str,
    activity: list[numpy.typing.NDArray[numpy.float64]],
    dt: SupportsFloat | SupportsIndex,
    settings: str,
    drives: list[numpy.typing.NDArray[numpy.float64]] | None = None,
    sampler: str | None = None,
    bars: Any | None = None,
) -> dict[str, typing.Any]:
    """
    The circuit of a known activity (Hz): the maximum of the likelihood and, if `sampler` is given, samples around it.
    """

def spikes_fixed_points(
    model: str, dt: SupportsFloat | SupportsIndex | None = None
) -> list[tuple[numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64], float]]:
    """
    Fixed points: `(activity, potential, growth)` each.
    """

def spikes_from_nest(description: str) -> str:
    """
    The network of a NEST description, as JSON.
    """

def spikes_hidden_activity(
    model: str,
    recorded: tuple[
        list[numpy.typing.NDArray[numpy.uint8]], list[int], int, float, list[numpy.typing.NDArray[numpy.float64]] | None
    ],
    likelihood: str,
    settings: str,
    activity: list[numpy.typing.NDArray[numpy.float64]],
    bars: Any | None = None,
) -> dict[str, typing.Any]:
    """
    Bands, samples and evidence of the hidden activity at given parameters.
    """

def spikes_log_likelihood(
    model: str,
    activity: list[numpy.typing.NDArray[numpy.float64]],
    recorded: tuple[
        list[numpy.typing.NDArray[numpy.uint8]], list[int], int, float, list[numpy.typing.NDArray[numpy.float64]] | None
    ],
    grid: str,
) -> tuple[float, float]:
    """
    Log-likelihood `(latent, observed)` in nats of an activity (Hz) and the recorded spikes.
    """

def spikes_parameter_uncertainty(
    model: str,
    recorded: tuple[
        list[numpy.typing.NDArray[numpy.uint8]], list[int], int, float, list[numpy.typing.NDArray[numpy.float64]] | None
    ],
    likelihood: str,
    free: str,
    numbers: SupportsGetItem[int, SupportsFloat | SupportsIndex],
    activity: list[numpy.typing.NDArray[numpy.float64]],
    bars: Any | None = None,
) -> tuple[numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64]]:
    """
    Covariance of the parameters with the activity hidden, and a root of it.
    """

def spikes_phase_plane(
    model: str,
    first: SupportsIndex,
    second: SupportsIndex,
    highest: SupportsFloat | SupportsIndex,
    n: SupportsIndex,
    dt: SupportsFloat | SupportsIndex | None = None,
) -> dict[str, typing.Any]:
    """
    The phase plane of two populations.
    """

def spikes_predict_perturbation(
    model: str,
    free: str,
    numbers: SupportsGetItem[int, SupportsFloat | SupportsIndex],
    root: numpy.typing.NDArray[numpy.float64],
    drive: numpy.typing.NDArray[numpy.float64],
    dt: SupportsFloat | SupportsIndex,
    settings: str,
    bars: Any | None = None,
) -> dict[str, typing.Any]:
    """
    The mean response to a drive with its interval: mean, lower, upper (Hz).
    """

def spikes_rate(
    population: str, potential: SupportsFloat | SupportsIndex, dt: SupportsFloat | SupportsIndex | None = None
) -> float:
    """
    Firing rate of one population at a constant input potential.
    """

def spikes_read(
    path: str | PathLike[str],
    dt: SupportsFloat | SupportsIndex | None = None,
    t_start: SupportsFloat | SupportsIndex | None = None,
    t_stop: SupportsFloat | SupportsIndex | None = None,
    population: str | None = None,
    trials: str = "whole",
) -> dict[str, typing.Any]:
    """
    Reads spike trains from csv, npz, npy, NWB or HDF5.
    """

def spikes_simulate_meso(
    model: str, settings: str, drive: numpy.typing.NDArray[numpy.float64] | None = None, bars: Any | None = None
) -> dict[str, typing.Any]:
    """
    Simulates the activity of finite populations.
    """

def spikes_simulate_micro(
    model: str, settings: str, drive: numpy.typing.NDArray[numpy.float64] | None = None, bars: Any | None = None
) -> dict[str, typing.Any]:
    """
    Simulates every neuron.
    """

def spikes_to_nest(
    model: str,
    level: str,
    form: str,
    dt: SupportsFloat | SupportsIndex,
    capacitance: SupportsFloat | SupportsIndex,
    age_bins: SupportsIndex | None = None,
) -> str:
    """
    The network for NEST, as a Python script or as JSON.
    """

def spikes_units(
    model: str, units: tuple[SupportsFloat | SupportsIndex, SupportsFloat | SupportsIndex] | None = None
) -> str:
    """
    The network in reduced units, or with this softness and hazard.
    """

def spikes_write(
    path: str | PathLike[str],
    neurons: SupportsGetItem[int, str],
    populations: SupportsGetItem[int, str] | None,
    trials: list[tuple[float, float, numpy.typing.NDArray[numpy.float64], list[int]]],
    overwrite: bool,
) -> None:
    """
    Writes spike trains as csv, npz or NWB, by the ending of the path.
    """

def surprise_agreement(
    annotations: SupportsGetItem[int, SupportsGetItem[int, SupportsIndex]],
    predicted: SupportsGetItem[int, SupportsIndex],
    length: SupportsIndex,
    margin: SupportsIndex,
) -> tuple[float, float, float, float, str]:
    """
    F1, precision and recall of predicted changes beside those of several annotators, the covering metric, and the
    provenance.
    """

def surprise_calibrate_alarm(
    model: str,
    rule: str,
    target: str,
    length: SupportsIndex,
    seed: SupportsIndex,
    streams: SupportsIndex | None = None,
    reference: numpy.typing.NDArray[numpy.float64] | None = None,
    run_of: SupportsIndex = 1,
    bars: Any | None = None,
) -> str:
    """
    The threshold of an alarm with a wanted rate of false alarms, as JSON.
    """

def surprise_change_count(
    model: str,
    y: numpy.typing.NDArray[numpy.float64],
    cutoff: SupportsFloat | SupportsIndex,
    starts: SupportsGetItem[int, SupportsIndex] | None = None,
    bars: Any | None = None,
) -> tuple[int, numpy.typing.NDArray[numpy.float64], str]:
    """
    Posterior over the number of changes: the smallest number, and the probability of it and of its successors.
    """

def surprise_check(model: str) -> tuple[int, int, str]:
    """
    Checks every parameter; returns observation width, estimate width and the learner with all defaults.
    """

def surprise_confuse(
    candidates: str,
    task: str,
    n_subjects: SupportsIndex,
    starts: SupportsIndex,
    evaluations: SupportsIndex,
    seed: SupportsIndex,
    bars: Any | None = None,
) -> str:
    """
    Which candidate wins on data of which; JSON of the confusion.
    """

def surprise_detect(
    model: str,
    y: numpy.typing.NDArray[numpy.float64],
    rule: str,
    threshold: SupportsFloat | SupportsIndex,
    bars: Any | None = None,
) -> dict[str, typing.Any]:
    """
    Alarms along a sequence.
    """

def surprise_family(name: str) -> str:
    """
    JSON of the family with this name and its default prior.
    """

def surprise_filter(
    model: str,
    y: numpy.typing.NDArray[numpy.float64],
    starts: SupportsGetItem[int, SupportsIndex] | None = None,
    outputs: SupportsGetItem[int, str] | None = None,
    bars: Any | None = None,
) -> dict[str, typing.Any]:
    """
    Filters one sequence; `outputs` lists the read-outs, all of them when absent.
    """

def surprise_filter_batch(
    model: str,
    sequences: list[numpy.typing.NDArray[numpy.float64]],
    outputs: SupportsGetItem[int, str] | None = None,
    bars: Any | None = None,
) -> list[dict[str, typing.Any]]:
    """
    Filters many sequences in parallel.
    """

def surprise_fit_hazard(
    model: str,
    y: numpy.typing.NDArray[numpy.float64],
    start: SupportsFloat | SupportsIndex,
    tolerance: SupportsFloat | SupportsIndex,
    max_iterations: SupportsIndex,
    cutoff: SupportsFloat | SupportsIndex,
    starts: SupportsGetItem[int, SupportsIndex] | None = None,
    bars: Any | None = None,
) -> dict[str, typing.Any]:
    """
    The most probable constant hazard.
    """

def surprise_fit_subjects(
    model: str,
    subject: SupportsGetItem[int, str],
    block: SupportsGetItem[int, str],
    observations: numpy.typing.NDArray[numpy.float64],
    responses: numpy.typing.NDArray[numpy.float64],
    starts: SupportsIndex,
    evaluations: SupportsIndex,
    seed: SupportsIndex,
    hierarchical: bool,
    bars: Any | None = None,
) -> str:
    """
    Fits every subject of a long table; JSON of the group fit, or of the hierarchical fit.
    """

def surprise_free_parameter(name: str) -> str:
    """
    JSON of a free parameter with bounds that suit most tasks.
    """

def surprise_learn_hazard_on_grid(
    model: str,
    y: numpy.typing.NDArray[numpy.float64],
    hazards: SupportsGetItem[int, SupportsFloat | SupportsIndex] | None,
    prior: SupportsGetItem[int, SupportsFloat | SupportsIndex] | None,
    cutoff: SupportsFloat | SupportsIndex,
    starts: SupportsGetItem[int, SupportsIndex] | None = None,
    bars: Any | None = None,
) -> dict[str, typing.Any]:
    """
    The hazard learned along the way on a grid of candidates with prior probabilities.
    """

def surprise_learn_hazard_with_beta(
    model: str,
    y: numpy.typing.NDArray[numpy.float64],
    changes: SupportsFloat | SupportsIndex,
    stays: SupportsFloat | SupportsIndex,
    cutoff: SupportsFloat | SupportsIndex,
    starts: SupportsGetItem[int, SupportsIndex] | None = None,
    bars: Any | None = None,
) -> dict[str, typing.Any]:
    """
    The hazard learned along the way with a beta prior.
    """

def surprise_method(name: str) -> str:
    """
    JSON of the method with this name and its default parameters.
    """

def surprise_names() -> tuple[list[str], list[str]]:
    """
    Names of the families and of the methods.
    """

def surprise_prior_conflict(model: str, y: numpy.typing.NDArray[numpy.float64]) -> str | None:
    """
    A sentence where the observations lie far from everything that the prior expects.
    """

def surprise_published_grid(model: str) -> tuple[str, list[float]] | None:
    """
    The published grid for the free parameter of the learner's method: its name and values.
    """

def surprise_recover(
    candidate: str,
    task: str,
    n_subjects: SupportsIndex,
    starts: SupportsIndex,
    evaluations: SupportsIndex,
    seed: SupportsIndex,
    bars: Any | None = None,
) -> str:
    """
    Simulates subjects of one candidate and fits them; JSON of the recovery.
    """

def surprise_regressors(
    model: str,
    y: numpy.typing.NDArray[numpy.float64],
    starts: SupportsGetItem[int, SupportsIndex] | None = None,
    bars: Any | None = None,
) -> dict[str, typing.Any]:
    """
    Trial-wise measures of surprise: block, trial, observed, and the measures as (name, unit, values).
    """

def surprise_run_length(
    model: str,
    y: numpy.typing.NDArray[numpy.float64],
    longest: SupportsIndex,
    starts: SupportsGetItem[int, SupportsIndex] | None = None,
    bars: Any | None = None,
) -> tuple[numpy.typing.NDArray[numpy.float64], str]:
    """
    Filtered posterior over run lengths, `(T, longest)`.
    """

def surprise_sample_segmentations(
    model: str,
    y: numpy.typing.NDArray[numpy.float64],
    draws: SupportsIndex,
    cutoff: SupportsFloat | SupportsIndex,
    starts: SupportsGetItem[int, SupportsIndex] | None = None,
    bars: Any | None = None,
) -> tuple[list[numpy.typing.NDArray[numpy.int64]], str]:
    """
    Draws from the posterior over segmentations: the starts of the segments of each.
    """

def surprise_segment(
    model: str,
    y: numpy.typing.NDArray[numpy.float64],
    cutoff: SupportsFloat | SupportsIndex,
    starts: SupportsGetItem[int, SupportsIndex] | None = None,
    bars: Any | None = None,
) -> dict[str, typing.Any]:
    """
    The most probable segmentation.
    """

def surprise_simulate(
    family: str,
    hazard: str,
    length: SupportsIndex,
    seed: SupportsIndex,
    trials: SupportsIndex | None = None,
    regressors: numpy.typing.NDArray[numpy.float64] | None = None,
    bars: Any | None = None,
) -> dict[str, typing.Any]:
    """
    Simulates a sequence; `trials` is the total count in each row of category counts.
    """

def surprise_smooth(
    model: str,
    y: numpy.typing.NDArray[numpy.float64],
    cutoff: SupportsFloat | SupportsIndex,
    starts: SupportsGetItem[int, SupportsIndex] | None = None,
    bars: Any | None = None,
) -> dict[str, typing.Any]:
    """
    Smoothed beliefs and change probabilities.
    """

def surprise_tune(
    model: str,
    parameter: str,
    values: SupportsGetItem[int, SupportsFloat | SupportsIndex],
    sequences: list[numpy.typing.NDArray[numpy.float64]],
    truths: list[numpy.typing.NDArray[numpy.float64]] | None = None,
    bars: Any | None = None,
) -> dict[str, typing.Any]:
    """
    Tries every value of a parameter on sequences, judged by the known parameters where they are given.
    """

def surprise_tune_on_simulations(
    model: str,
    parameter: str,
    values: SupportsGetItem[int, SupportsFloat | SupportsIndex],
    length: SupportsIndex,
    n_sequences: SupportsIndex,
    seed: SupportsIndex,
    bars: Any | None = None,
) -> dict[str, typing.Any]:
    """
    As `surprise_tune`, on simulated sequences.
    """

def surprise_with_parameter(model: str, name: str, value: SupportsFloat | SupportsIndex) -> str:
    """
    JSON of the learner with one parameter changed, named as in tuning and fits.
    """

def thread_environment_problem() -> str | None:
    """
    What is wrong with the number of threads in the environment; `None` where it is right or absent.
    """
