//! The hard margin on a matrix that may be singular, where labels may not be separable.
//!
//! Iterative methods never prove that: their coefficients grow by about one per sweep and would need as many sweeps as the
//! limit that calls them exploded. The active-set method does prove it, and also with a bias: a threshold is the weight of
//! a constant input, so labels are separable with a bias if and only if they are without one under `K + constant`.

use ndarray::ArrayView2;

use super::{Bias, MarginOptions, Neuron, NeuronStatus};
use super::{active_set, smo};

/// Sweeps after which an iteration that has not converged is asked whether it can.
pub(super) const PATIENCE: usize = 50;
/// Coefficients of the soft margin that stands in for a hard one, in units of one over the mean diagonal.
const SOFT: f64 = 10.0;

/// Solves one neuron for the full Gram matrix `k`.
pub(super) fn solve(k: ArrayView2<f64>, labels: &[f64], options: &MarginOptions) -> Neuron {
    if options.bias == Bias::None {
        return active_set::solve(k, labels, options.tolerance.min(1e-9));
    }
    let few = MarginOptions { max_sweeps: options.max_sweeps.min(PATIENCE), ..options.clone() };
    let neuron = smo::solve(k, labels, &few);
    if neuron.status == NeuronStatus::Optimal || neuron.status == NeuronStatus::OneClass {
        return neuron;
    }
    if !is_separable_with_bias(k, labels, options) {
        // No weights store all patterns; a soft margin stores most of them, with coefficients that sum to zero.
        let mean_diagonal = (k.diag().sum() / labels.len() as f64).max(f64::MIN_POSITIVE);
        let soft = MarginOptions { softness: SOFT / mean_diagonal, ..few };
        return Neuron { status: NeuronStatus::NotSeparable, ..smo::solve(k, labels, &soft) };
    }
    smo::solve(k, labels, options)
}

/// Whether no combination of patterns with non-negative weights cancels; undecided counts as separable.
pub(super) fn is_separable(k: ArrayView2<f64>, labels: &[f64], options: &MarginOptions) -> bool {
    active_set::solve(k, labels, options.tolerance.min(1e-9)).status != NeuronStatus::NotSeparable
}

fn is_separable_with_bias(k: ArrayView2<f64>, labels: &[f64], options: &MarginOptions) -> bool {
    let constant = k.diag().sum() / labels.len() as f64;
    is_separable((&k + constant).view(), labels, options)
}
