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
    "MemoryModel",
    "SurpriseStream",
    "arrow_stream",
    "count_slowly",
    "example_file",
    "example_names",
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
    The csv text, the description and the licence of a data set.
    """

def example_names() -> list[str]:
    """
    Names of the data sets.
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
