//! Liakoni, Modirshanechi, Gerstner and Brea, "Learning in Volatile Environments with the Bayes Factor Surprise",
//! Neural Computation 33 (2021), arXiv:1907.02936.

use crate::Experiment;

/// The experiments of the paper, in the order of its figures.
#[must_use]
pub fn all() -> Vec<Box<dyn Experiment>> {
    Vec::new()
}
