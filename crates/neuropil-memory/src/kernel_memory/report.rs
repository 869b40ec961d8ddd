//! What a fit says about itself.

use serde::{Deserialize, Serialize};

use crate::margin::NeuronStatus;

/// What fitting a memory found out.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct FitReport {
    /// Number of patterns that are stored, after identical ones were merged.
    pub n_patterns: usize,
    /// What became of each output neuron.
    pub status: Vec<NeuronStatus>,
    /// Margin `gamma = 1 / ‖w‖` of each neuron in feature space; empty for one-shot storage.
    pub margins: Vec<f64>,
    /// Number of support vectors of each neuron (coefficients above 1e-10 of the largest); empty for one-shot storage.
    pub n_support: Vec<usize>,
    /// A lower bound of the condition number of the Gram matrix; `None` where none was factorised.
    pub condition_bound: Option<f64>,
    /// What was added to the diagonal of the Gram matrix: ridge and jitter.
    pub added_to_diagonal: f64,
    /// Fraction of the conditions "neuron i answers pattern mu as stored" that do not hold.
    pub training_error: f64,
    /// Largest deviation of an answer from the stored output, for least squares by pseudo-inverse; zero otherwise.
    pub residual: f64,
    /// Rounds of pivoting, sweeps or iterations.
    pub iterations: usize,
    /// What the user should know: merged patterns, a large condition number, neurons without solution.
    pub warnings: Vec<String>,
}

impl FitReport {
    /// Whether every neuron stores every pattern.
    #[must_use]
    pub fn all_stored(&self) -> bool {
        self.training_error == 0.0
            && self.status.iter().all(|status| matches!(status, NeuronStatus::Optimal | NeuronStatus::OneClass))
    }

    /// The neurons that do not store all patterns.
    #[must_use]
    pub fn failing_neurons(&self) -> Vec<usize> {
        let fails = |status: &NeuronStatus| !matches!(status, NeuronStatus::Optimal | NeuronStatus::OneClass);
        (0..self.status.len()).filter(|&i| fails(&self.status[i])).collect()
    }

    /// Total number of support vectors.
    #[must_use]
    pub fn total_support(&self) -> usize {
        self.n_support.iter().sum()
    }
}
