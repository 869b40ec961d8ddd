//! Rust errors as Python exceptions.
//!
//! The exception classes are written in Python (`neuropil/errors.py`), where they can inherit from `ValueError` and be
//! documented and pickled like any other.

use neuropil_core::progress::Cancelled;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

/// Why a call into a room failed. Each room's error is turned into one of these by a `From` beside its bindings.
#[derive(Debug)]
pub enum Failure {
    /// The caller gave something that is not allowed: `neuropil.InputError`, which is a `ValueError`.
    Input(String),
    /// The input was allowed and the work failed: `neuropil.NeuropilError`.
    Work(String),
    /// Somebody asked the work to stop; the signal's own exception, `KeyboardInterrupt`, is raised instead.
    Cancelled,
}

impl From<Cancelled> for Failure {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Input(message) => raise("InputError", message),
            Failure::Work(message) => raise("NeuropilError", message),
            Failure::Cancelled => raise("NeuropilError", Cancelled.to_string()),
        }
    }
}

/// An exception of `neuropil.errors`.
fn raise(class: &'static str, message: String) -> PyErr {
    static BASE: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    static INPUT: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    Python::attach(|py| {
        let cell = if class == "InputError" { &INPUT } else { &BASE };
        match cell.import(py, "neuropil.errors", class) {
            Ok(class) => PyErr::from_type(class.clone(), message),
            Err(error) => error,
        }
    })
}
