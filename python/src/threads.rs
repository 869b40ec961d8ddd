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

/// How many threads the next call on this thread uses.
#[pyfunction]
pub fn number_of_threads() -> usize {
    threads::limit()
}
