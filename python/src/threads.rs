//! How many threads neuropil uses.

use neuropil_core::threads;
use pyo3::prelude::*;

/// Limits the threads of this process; `None` returns to what the machine grants.
#[pyfunction]
#[pyo3(signature = (limit))]
pub fn set_thread_limit(limit: Option<usize>) {
    threads::set_limit(limit);
}

/// Limits the threads of work that the calling thread starts, and returns its previous limit.
#[pyfunction]
#[pyo3(signature = (limit))]
pub fn replace_thread_limit(limit: Option<usize>) -> Option<usize> {
    threads::replace_thread_limit(limit)
}

/// What is wrong with the number of threads in the environment; `None` where it is right or absent.
#[pyfunction]
pub fn thread_environment_problem() -> Option<String> {
    threads::check_environment().err().map(|error| error.to_string())
}

/// How many threads the next call on this thread uses.
#[pyfunction]
pub fn number_of_threads() -> usize {
    threads::limit()
}
