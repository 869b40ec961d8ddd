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
    /// Fraction of the conditions "neuron i answers pattern mu as stored" that do not hold: a binary answer is wrong if
    /// its field does not have the sign of the output, a real one if it deviates by more than a millionth of the largest
    /// output.
    pub training_error: f64,
    /// The same for every neuron.
    pub neuron_error: Vec<f64>,
    /// Number of patterns whose answers are known, by asking or by proof: all, except of a large one-shot memory.
    pub n_judged: usize,
    /// Largest deviation of an answer (of the field, for binary outputs) from the stored output; where the solver is proved
    /// to be that exact, the bound on its rounding errors. Zero for binary one-shot and margin memories, whose fields are
    /// not meant to equal the outputs.
    pub residual: f64,
    /// Rounds of pivoting, sweeps or iterations.
    pub iterations: usize,
    /// What the user should know: merged patterns, a large condition number, neurons without solution.
    pub warnings: Vec<String>,
}

impl FitReport {
    /// Whether every neuron is known to store every pattern.
    #[must_use]
    pub fn all_stored(&self) -> bool {
        self.training_error == 0.0 && self.n_judged >= self.n_patterns && self.failing_neurons().is_empty()
    }

    /// The neurons that do not store all patterns.
    #[must_use]
    pub fn failing_neurons(&self) -> Vec<usize> {
        let fails = |status: &NeuronStatus| !matches!(status, NeuronStatus::Optimal | NeuronStatus::OneClass);
        let errs = |i: usize| self.neuron_error.get(i).is_some_and(|error| *error > 0.0);
        (0..self.status.len()).filter(|&i| fails(&self.status[i]) || errs(i)).collect()
    }

    /// Total number of support vectors.
    #[must_use]
    pub fn total_support(&self) -> usize {
        self.n_support.iter().sum()
    }
}
