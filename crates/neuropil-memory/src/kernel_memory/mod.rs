//! The kernel memory: patterns, a kernel, and one coefficient per pattern and output neuron.
//!
//! `h_i(s) = sum_mu c_i^mu K(x^mu, s) - theta_i`; a binary neuron takes its sign, a real one its value. What differs between
//! Hopfield's network, the pseudo-inverse, attention and the optimal memories is how the coefficients are found:
//!
//! | rule | coefficients | stored patterns are fixed points |
//! |---|---|---|
//! | [`Rule::OneShot`] | `c = y` | if they are few, or far apart |
//! | [`Rule::MaxMargin`] | `c = alpha ∘ y`, one support-vector machine per neuron | if they are separable at all |
//! | [`Rule::Interpolate`] | `C = K^-1 Y`, least norm | always |

mod field;
mod fit;
mod inducing;
mod judgement;
mod linear_system;
mod online;
mod parameters;
mod radius_search;
mod report;
mod saving;
mod self_exclusion;
mod sparse_gram;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

pub use inducing::InducingOptions;
pub use online::Insertion;
pub use parameters::{
    Centering, InterpolationOptions, KernelMemoryParams, Mode, Normalization, Rule, SelfConnections, Solver,
};
pub use radius_search::{MeasuredRadius, RadiusSearch, rate_radius, search_radius};
pub use report::FitReport;
pub use sparse_gram::SparseOptions;

use crate::associative_memory::{AssociativeMemory, OverlapField, StateKind, check_states, sign_or};
use crate::cholesky::Cholesky;
use crate::error::Result;
use crate::kernel::{Kernel, RowKernel};
use field::FieldTables;
pub(crate) use linear_system::not_positive_definite;
use self_exclusion::SelfTerm;
#[cfg(test)]
pub(crate) use self_exclusion::gram_without;

/// A memory that has been fitted.
///
/// ```
/// use ndarray::array;
/// use neuropil_memory::{Kernel, KernelMemory, KernelMemoryParams, Rule, StateKind};
///
/// let patterns = array![[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
/// let params = KernelMemoryParams {
///     kernel: Kernel::gaussian(0.5),
///     rule: Rule::interpolation(),
///     states: StateKind::Real,
///     ..KernelMemoryParams::default()
/// };
/// let (memory, report) = KernelMemory::fit(&params, patterns.view())?;
/// let recalled = memory.field(patterns.view())?;
/// assert!((&recalled - &patterns).iter().all(|error| error.abs() < 1e-12));
/// assert!(report.all_stored());
/// # Ok::<(), neuropil_memory::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct KernelMemory {
    params: KernelMemoryParams,
    mode: Mode,
    /// The kernel with its shift chosen.
    kernel: Kernel,
    patterns: Array2<f64>,
    /// Output patterns; `None` in auto-association, where they are the inputs.
    outputs: Option<Array2<f64>>,
    coefficients: Array2<f64>,
    threshold: Array1<f64>,
    /// Subtracted from outputs before fitting and added afterwards.
    mean: Option<Array1<f64>>,
    norms2: Vec<f64>,
    patterns_are_binary: bool,
    self_term: SelfTerm,
    tables: FieldTables,
    /// The factor of the Gram matrix (with ridge), where the rule has one.
    factor: Option<Cholesky>,
}

impl KernelMemory {
    /// What it was fitted with.
    #[must_use]
    pub fn params(&self) -> &KernelMemoryParams {
        &self.params
    }

    /// How inputs and outputs belong together.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The kernel, with its shift chosen.
    #[must_use]
    pub fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// The stored input patterns, M x N_in.
    #[must_use]
    pub fn patterns(&self) -> ArrayView2<'_, f64> {
        self.patterns.view()
    }

    /// The stored output patterns, M x N_out; the inputs in auto-association.
    #[must_use]
    pub fn outputs(&self) -> ArrayView2<'_, f64> {
        self.outputs.as_ref().unwrap_or(&self.patterns).view()
    }

    /// The kernel coefficients `c`, M x N_out: `alpha ∘ y` for a maximal margin.
    #[must_use]
    pub fn coefficients(&self) -> ArrayView2<'_, f64> {
        self.coefficients.view()
    }

    /// The thresholds theta, N_out.
    #[must_use]
    pub fn threshold(&self) -> ArrayView1<'_, f64> {
        self.threshold.view()
    }

    /// The mean that was subtracted from the outputs, if [`Centering::Mean`] was chosen.
    #[must_use]
    pub fn mean(&self) -> Option<ArrayView1<'_, f64>> {
        self.mean.as_ref().map(|mean| mean.view())
    }

    /// Whether neurons do not see themselves.
    #[must_use]
    pub fn excludes_self(&self) -> bool {
        !matches!(self.self_term, SelfTerm::Included)
    }

    /// Number of stored patterns.
    #[must_use]
    pub fn n_patterns(&self) -> usize {
        self.patterns.nrows()
    }

    /// Number of output neurons.
    #[must_use]
    pub fn n_out(&self) -> usize {
        self.coefficients.ncols()
    }

    /// Whether kernel values are divided by their sum.
    #[must_use]
    pub fn is_normalized(&self) -> bool {
        self.params.rule.normalization() == Normalization::Sum
    }

    /// The answer of a memory to states, Q x N_in: Q x N_out, signs for binary outputs.
    ///
    /// # Errors
    /// As [`field`](Self::field).
    pub fn predict(&self, states: ArrayView2<f64>) -> Result<Array2<f64>> {
        self.step(states)
    }

    fn row_kernel(&self, binary: bool) -> RowKernel {
        RowKernel::new(&self.kernel, self.patterns.ncols(), binary)
    }

    /// Refuses states that this memory cannot take.
    fn check(&self, states: ArrayView2<f64>) -> Result<()> {
        let recurrent_binary = self.params.states == StateKind::Binary && self.mode != Mode::Hetero;
        let kind = if recurrent_binary { StateKind::Binary } else { StateKind::Real };
        check_states("states", states, self.patterns.ncols(), kind)?;
        if self.kernel.geometry() == crate::kernel::Geometry::Hamming {
            check_states("states", states, self.patterns.ncols(), StateKind::Binary)?;
        }
        Ok(())
    }
}

impl AssociativeMemory for KernelMemory {
    fn n_inputs(&self) -> usize {
        self.patterns.ncols()
    }

    fn n_outputs(&self) -> usize {
        self.coefficients.ncols()
    }

    fn is_recurrent(&self) -> bool {
        self.mode != Mode::Hetero
    }

    fn state(&self) -> StateKind {
        self.params.states
    }

    fn step(&self, states: ArrayView2<f64>) -> Result<Array2<f64>> {
        let mut out = self.field(states)?;
        if self.params.states == StateKind::Binary {
            if self.mode == Mode::Hetero {
                out.mapv_inplace(|h| sign_or(h, 1.0));
            } else {
                out.zip_mut_with(&states, |h, s| *h = sign_or(*h, *s));
            }
        }
        Ok(out)
    }

    fn patterns(&self) -> Option<ArrayView2<'_, f64>> {
        Some(self.outputs())
    }

    fn rest_state(&self) -> Option<Array1<f64>> {
        let decays = matches!(self.kernel, Kernel::Ball { .. } | Kernel::GeneralizedExponential { .. });
        if !decays || self.is_normalized() || self.params.states == StateKind::Binary {
            return None;
        }
        Some(self.mean.clone().unwrap_or_else(|| Array1::zeros(self.n_out())))
    }

    fn overlap_field(&self) -> Option<&dyn OverlapField> {
        let recurrent = self.mode == Mode::Auto && self.params.states == StateKind::Binary;
        let by_overlap = !matches!(self.self_term, SelfTerm::Exact) && !self.is_normalized() && self.mean.is_none();
        if recurrent && by_overlap { Some(self) } else { None }
    }
}

impl OverlapField for KernelMemory {
    fn stored(&self) -> ArrayView2<'_, f64> {
        self.patterns.view()
    }

    fn field(&self, neuron: usize, state: ArrayView1<f64>, overlaps: &[f64]) -> f64 {
        self.field_from_overlaps(neuron, state[neuron], overlaps)
    }
}

#[cfg(test)]
mod equivalences;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod what_is_stored;
