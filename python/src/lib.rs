//! `neuropil._neuropil`: the compiled half of the Python package.
//!
//! This layer is thin. It takes numpy arrays apart, calls a room, and puts arrays together; what users see (classes, defaults,
//! documentation) is written in Python beside it. One file per room, and those that every room uses:
//!
//! | file | what it holds |
//! |---|---|
//! | `arrow.rs` | tables for other packages |
//! | `errors.rs` | Rust errors as Python exceptions |
//! | `progress.rs` | long work beside the interpreter: Ctrl-C, progress bars, thread limits |
//! | `examples.rs` | the data sets inside the package |
//! | `files.rs` | files of observations |
//! | `memory.rs` | the room of memory |
//! | `landscape.rs`, `landscape_problem.rs` | the room of loss landscapes |
//! | `spikes.rs`, `spikes_inference.rs`, `spikes_uncertainty.rs` | the room of spikes |
//! | `surprise.rs`, `surprise_stream.rs`, `surprise_studies.rs` | the room of surprise |

mod arrow;
mod errors;
mod examples;
mod files;
mod landscape;
mod landscape_problem;
mod memory;
mod progress;
mod spikes;
mod spikes_inference;
mod spikes_likelihood;
mod spikes_uncertainty;
mod surprise;
mod surprise_stream;
mod surprise_studies;
mod threads;

use std::ffi::OsString;

use pyo3::prelude::*;

/// Runs the `neuropil` program inside this process and returns its exit status.
#[pyfunction]
fn run_program(py: Python<'_>, arguments: Vec<OsString>) -> i32 {
    py.detach(|| neuropil_cli::run(arguments))
}

/// The compiled half of neuropil. Private: it may change with every release.
#[pymodule]
mod _neuropil {
    #[pymodule_export]
    use super::arrow::arrow_stream;
    #[pymodule_export]
    use super::examples::{example_file, example_names};
    #[pymodule_export]
    use super::files::read_series;
    #[pymodule_export]
    use super::landscape::{
        landscape_activation, landscape_align, landscape_arrays, landscape_classify, landscape_connect,
        landscape_count, landscape_crossover_width, landscape_expand_silent, landscape_from_arrays,
        landscape_initialise, landscape_merge, landscape_network, landscape_permutation_points, landscape_permute,
        landscape_predict, landscape_ratio, landscape_reduce, landscape_split, landscape_toy_task,
        landscape_zero_loss_path,
    };
    #[pymodule_export]
    use super::landscape_problem::LandscapeProblem;
    #[pymodule_export]
    use super::memory::{
        MemoryModel, memory_capacity_curve, memory_choose_radius, memory_cover_probability, memory_feature_dimension,
        memory_gardner_capacity, memory_gardner_kappa, memory_sdm_overlap,
    };
    #[pymodule_export]
    use super::progress::count_slowly;
    #[pymodule_export]
    use super::run_program;
    #[pymodule_export]
    use super::spikes::{
        spikes_bin, spikes_check, spikes_defaults, spikes_describe, spikes_fixed_points, spikes_from_nest,
        spikes_phase_plane, spikes_rate, spikes_read, spikes_simulate_meso, spikes_simulate_micro, spikes_to_nest,
        spikes_units, spikes_write,
    };
    #[pymodule_export]
    use super::spikes_inference::{spikes_cluster, spikes_fit, spikes_log_likelihood};
    #[pymodule_export]
    use super::spikes_likelihood::SpikesLikelihood;
    #[pymodule_export]
    use super::spikes_uncertainty::{
        spikes_authors_loss, spikes_fit_full_observation, spikes_hidden_activity, spikes_parameter_uncertainty,
        spikes_predict_perturbation,
    };
    #[pymodule_export]
    use super::surprise::{
        surprise_agreement, surprise_change_count, surprise_check, surprise_family, surprise_filter,
        surprise_filter_batch, surprise_fit_hazard, surprise_learn_hazard_on_grid, surprise_learn_hazard_with_beta,
        surprise_method, surprise_names, surprise_prior_conflict, surprise_run_length, surprise_sample_segmentations,
        surprise_segment, surprise_smooth,
    };
    #[pymodule_export]
    use super::surprise_stream::SurpriseStream;
    #[pymodule_export]
    use super::surprise_studies::{
        surprise_calibrate_alarm, surprise_confuse, surprise_detect, surprise_fit_subjects, surprise_free_parameter,
        surprise_published_grid, surprise_recover, surprise_regressors, surprise_simulate, surprise_tune,
        surprise_tune_on_simulations, surprise_with_parameter,
    };
    #[pymodule_export]
    use super::threads::{number_of_threads, replace_thread_limit, set_thread_limit, thread_environment_problem};

    /// Version of the package and of the program.
    #[pymodule_export]
    #[allow(non_upper_case_globals)]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
