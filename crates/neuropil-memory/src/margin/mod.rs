//! Maximal margin: every output neuron is a support-vector machine on the kernel of the inputs.
//!
//! Neuron i stores the labels `y^mu = ±1` with weights of minimal norm: minimise `‖w‖^2 / 2` subject to
//! `y^mu (w.phi(x^mu) - theta) >= 1`. The dual is `max sum alpha - alpha^T Q alpha / 2`, `alpha >= 0`, with
//! `Q = y y^T ∘ K`, and `alpha^T y = 0` when there is a bias. Without bias `sum alpha = ‖w‖^2 = 1 / gamma^2`; gamma is the
//! radius of the largest ball of noise in feature space that no stored pattern is disturbed by.
//!
//! All neurons share K. If every pattern is a support vector, the solution is the interpolating one, `alpha = y ∘ K^-1 y`:
//! one Cholesky factorisation serves all neurons, and only neurons with a negative coefficient are pivoted
//! ([`pivoting`]). Where K is singular, an active-set method finds the solution or the proof that there is none
//! ([`active_set`]). Soft margins (`alpha <= C`) are solved by coordinate descent ([`adatron`]) or, with a bias, by
//! sequential minimal optimisation ([`smo`]); whether iterations that do not end can end at all is decided by the active set
//! ([`singular`]). A neuron that must not see itself has a Gram matrix of its own
//! ([`self_excluded`]).

mod active_set;
mod adatron;
mod conjugate_gradients;
mod pivoting;
mod self_excluded;
mod shared;
mod singular;
mod smo;

use ndarray::{Array1, Array2, ArrayView2};
use neuropil_core::check;
use neuropil_core::progress::Monitor;
use serde::{Deserialize, Serialize};

use crate::associative_memory::{StateKind, check_states};
use crate::error::{Error, Result};
use crate::gram::Gram;

pub(crate) use self_excluded::solve as solve_self_excluded;
pub(crate) use shared::solve as solve_shared;

/// Whether a neuron has a threshold of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bias {
    /// The threshold is zero.
    #[default]
    None,
    /// The threshold is fitted; the coefficients of a neuron then sum to zero.
    Fitted,
}

/// How the dual problem is solved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarginMethod {
    /// Exactly, by the cheapest way that the problem allows.
    #[default]
    Exact,
    /// The kernel AdaTron: patterns are presented one after the other, and a coefficient grows while the margin of its
    /// pattern is below one. The local learning rule that a neuron could implement; slow for ill-conditioned kernels.
    AdaTron,
}

/// How the maximal margin is found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MarginOptions {
    /// Whether neurons have thresholds.
    pub bias: Bias,
    /// Largest coefficient C: finite for a soft margin, which tolerates violated patterns. Default: infinite.
    #[serde(with = "infinite_as_null")]
    pub softness: f64,
    /// How the problem is solved.
    pub method: MarginMethod,
    /// An iterative method has converged when no margin condition is violated by more than this.
    pub tolerance: f64,
    /// Largest number of sweeps over the patterns (AdaTron), or of pair updates per pattern (soft margin with bias).
    pub max_sweeps: usize,
}

impl Default for MarginOptions {
    fn default() -> Self {
        Self {
            bias: Bias::None,
            softness: f64::INFINITY,
            method: MarginMethod::Exact,
            tolerance: 1e-6,
            max_sweeps: 10_000,
        }
    }
}

impl MarginOptions {
    /// Checks the options.
    ///
    /// # Errors
    /// The option that is outside its range; AdaTron with a bias, which it cannot learn.
    pub fn validate(&self) -> Result<()> {
        if !(self.softness > 0.0) {
            let allowed = "be positive (infinite for a hard margin)";
            return Err(check::CheckError::new("softness", self.softness, allowed).into());
        }
        check::positive("tolerance", self.tolerance)?;
        check::at_least("max_sweeps", self.max_sweeps, 1)?;
        if self.method == MarginMethod::AdaTron && self.bias == Bias::Fitted {
            return Err(Error::unsupported(
                "AdaTron with a bias",
                "its updates change one coefficient at a time, and with a bias coefficients sum to zero",
                "use the exact method",
            ));
        }
        Ok(())
    }
}

/// What became of one neuron.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NeuronStatus {
    /// The solution is found.
    Optimal,
    /// No weights store all patterns of this neuron: a richer kernel or a soft margin is needed. The coefficients are those
    /// at which the proof was found; with a bias, of a soft margin that stores most patterns.
    NotSeparable,
    /// The iteration ended before the tolerance was reached.
    NotConverged,
    /// The neuron has the same label in every pattern, and a bias alone stores it.
    OneClass,
}

/// The solution for all neurons.
#[derive(Debug, Clone, PartialEq)]
pub struct MarginSolution {
    /// Dual coefficients, M x N, not negative.
    pub alpha: Array2<f64>,
    /// Thresholds theta, one per neuron; zero without bias.
    pub threshold: Array1<f64>,
    /// What became of each neuron.
    pub status: Vec<NeuronStatus>,
    /// Rounds of pivoting, sweeps or steps of the neuron that took most of them.
    pub iterations: usize,
}

/// The solution of one neuron.
#[derive(Debug, Clone)]
struct Neuron {
    /// Signed coefficients `c = y ∘ alpha`.
    coefficients: Vec<f64>,
    bias: f64,
    status: NeuronStatus,
    iterations: usize,
}

/// The maximal-margin solution for a Gram matrix (M x M) and the labels of all neurons (M x N, +1 or -1).
///
/// # Errors
/// Shapes that do not fit, values that are not finite, labels other than +1 and -1, options outside their range.
///
/// ```
/// use ndarray::array;
/// use neuropil_core::progress::Monitor;
/// use neuropil_memory::margin::{MarginOptions, max_margin};
///
/// let gram = array![[1.0, 0.5], [0.5, 1.0]];
/// let labels = array![[1.0, 1.0], [1.0, -1.0]];
/// let solution = max_margin(gram.view(), labels.view(), &MarginOptions::default(), &Monitor::silent())?;
/// assert!((solution.alpha[[0, 0]] - 2.0 / 3.0).abs() < 1e-12);
/// assert!((solution.alpha[[0, 1]] - 2.0).abs() < 1e-12);
/// # Ok::<(), neuropil_memory::Error>(())
/// ```
pub fn max_margin(
    gram: ArrayView2<f64>,
    labels: ArrayView2<f64>,
    options: &MarginOptions,
    monitor: &Monitor,
) -> Result<MarginSolution> {
    options.validate()?;
    let m = gram.nrows();
    if gram.ncols() != m {
        return Err(Error::shape("the Gram matrix", format!("{m} x {m}"), format!("{m} x {}", gram.ncols())));
    }
    if labels.nrows() != m {
        return Err(Error::shape("the labels", format!("{m} rows"), format!("{} rows", labels.nrows())));
    }
    check_states("gram", gram, m, StateKind::Real)?;
    check_states("labels", labels, labels.ncols(), StateKind::Binary)?;
    solve_shared(&|| Ok(Gram::from_full(gram)), labels, options, monitor)
}

/// Infinity has no JSON number; it is written as null.
mod infinite_as_null {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        if value.is_finite() { serializer.serialize_some(value) } else { serializer.serialize_none() }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        Ok(Option::<f64>::deserialize(deserializer)?.unwrap_or(f64::INFINITY))
    }
}

/// Puts the solutions of single neurons together; neurons without one keep their column of `alpha`.
fn gather(alpha: &mut Array2<f64>, threshold: &mut Array1<f64>, labels: ArrayView2<f64>, neurons: &[(usize, Neuron)]) {
    for (i, neuron) in neurons {
        for ((out, c), y) in alpha.column_mut(*i).iter_mut().zip(&neuron.coefficients).zip(labels.column(*i)) {
            *out = (c * y).max(0.0);
        }
        threshold[*i] = -neuron.bias;
    }
}

#[cfg(test)]
mod tests;
