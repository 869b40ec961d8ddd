//! Which circuit the recording asks for: evidence, Bayesian information criterion, and neurons that were left out.

use ndarray::Array2;
use neuropil_core::progress::Monitor;
use serde::{Deserialize, Serialize};

use super::baum_viterbi::{BaumViterbi, Fit, FitOptions};
use super::circuit::Circuit;
use super::laplace::{LaplaceOptions, hidden_activity};
use super::likelihood::{JointLikelihood, LikelihoodOptions, Workspace};
use super::recording::Recording;
use crate::error::Result;
use crate::network::Network;

/// A circuit that is to be compared with others.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Its name in the table.
    pub name: String,
    /// What is known about it.
    pub template: Network,
    /// Its recording: the same spikes for all candidates, with the labels of this one.
    pub recording: Recording,
    /// Settings of its fit.
    pub options: FitOptions,
}

/// How well a candidate does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CandidateScore {
    /// Its name.
    pub name: String,
    /// Number of fitted parameters.
    pub n_parameters: usize,
    /// Log-evidence at the fitted parameters, nats: the recorded spikes with the activity integrated out.
    pub log_evidence: f64,
    /// Standard error of it.
    pub log_evidence_error: f64,
    /// Bayesian information criterion: smaller is better.
    pub bic: f64,
    /// Nats per spike above homogeneous Poisson trains.
    pub nats_per_spike: f64,
}

/// `-2 ln p + k ln n`.
#[must_use]
pub fn bic(log_likelihood: f64, n_parameters: usize, n_observations: usize) -> f64 {
    -2.0 * log_likelihood + n_parameters as f64 * (n_observations.max(1) as f64).ln()
}

/// Fits every candidate and scores it; the fits are returned beside the scores.
///
/// # Errors
/// What a fit refuses; [`Error::Cancelled`](crate::Error::Cancelled).
pub fn compare_circuits(
    candidates: &[Candidate],
    laplace: &LaplaceOptions,
    monitor: &Monitor,
) -> Result<Vec<(CandidateScore, Fit)>> {
    neuropil_core::check::non_empty("candidates", candidates)?;
    let task = monitor.task("circuits", candidates.len() as u64);
    candidates
        .iter()
        .map(|candidate| {
            let problem = BaumViterbi::new(&candidate.template, &candidate.recording, candidate.options.clone())?;
            let fit = problem.fit(&monitor.quiet())?;
            let hidden = hidden_activity(problem.likelihood(), &fit.circuit, &fit.activity, laplace, &monitor.quiet())?;
            let recording = &candidate.recording;
            let n_observations = recording.n_steps() * recording.populations.len();
            let above = hidden.log_evidence - recording.homogeneous_log_likelihood();
            task.advance(1);
            let score = CandidateScore {
                name: candidate.name.clone(),
                n_parameters: fit.free.len(),
                log_evidence: hidden.log_evidence,
                log_evidence_error: hidden.log_evidence_error,
                bic: bic(hidden.log_evidence, fit.free.len(), n_observations),
                nats_per_spike: above / recording.n_spikes().max(1) as f64,
            };
            Ok((score, fit))
        })
        .collect()
}

/// Log-likelihood (nats) of neurons at known activity: how well a circuit predicts neurons that it was not fitted to.
///
/// # Errors
/// Arrays that do not fit together.
pub fn log_likelihood_of_neurons(
    circuit: &Circuit,
    neurons: &Recording,
    activity: &[Array2<f64>],
    options: LikelihoodOptions,
) -> Result<f64> {
    let likelihood = JointLikelihood::new(circuit, neurons.clone(), options)?;
    likelihood.check_latent(circuit, activity)?;
    Ok(-likelihood.value(circuit, activity, &mut Workspace::default()).observed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_costs_the_logarithm_of_the_observations() {
        assert!((bic(-100.0, 3, 1000) - bic(-100.0, 2, 1000) - 1000_f64.ln()).abs() < 1e-12);
        assert!(bic(-90.0, 2, 1000) < bic(-100.0, 2, 1000));
    }
}
