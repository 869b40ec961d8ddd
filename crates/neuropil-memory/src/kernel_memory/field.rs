//! Fields of a batch of states: overlaps (one matrix product), kernel (elementwise), coefficients (another product).
//!
//! States are taken in blocks that stay in the cache; a block is one job, so the bits do not depend on the number of
//! threads.

use ndarray::{Array2, ArrayView1, ArrayView2, ArrayViewMut2, Axis};
use neuropil_core::{threads, vector};
use rayon::prelude::*;

use super::self_exclusion::SelfTerm;
use super::{KernelMemory, Normalization};
use crate::associative_memory::StateKind;
use crate::bits::PackedStates;
use crate::error::Result;
use crate::kernel::{OverlapTable, RowKernel};
use crate::product::multiply_into;

/// Fields below this fraction of the sum of their absolute terms are rounding noise and count as zero.
const NOISE: f64 = 1e-12;
/// States per job, at most.
const STATES: usize = 128;
/// Kernel values per job, at most: 16 MB.
const VALUES: usize = 1 << 21;

/// What recall needs besides patterns and coefficients; built once.
#[derive(Debug, Clone, Default)]
pub(super) struct FieldTables {
    /// Packed patterns, when they are binary.
    pub packed: Option<PackedStates>,
    /// The kernel by overlap, when patterns are binary; `b` where neurons do not see themselves.
    pub kernel: Option<OverlapTable>,
    /// `a` where neurons do not see themselves.
    pub difference: Option<OverlapTable>,
    /// Largest absolute coefficient of every neuron.
    pub largest: Vec<f64>,
}

impl KernelMemory {
    /// The fields `h` of states (Q x N_in): Q x N_out. For binary outputs exactly zero where zero up to rounding.
    ///
    /// # Errors
    /// States of another width, that are not finite, or not +1 and -1 where the memory is binary.
    pub fn field(&self, states: ArrayView2<f64>) -> Result<Array2<f64>> {
        self.check(states)?;
        let mut fields = if matches!(self.self_term, SelfTerm::Exact) {
            self.exact_fields(states)?
        } else {
            self.shared_fields(states)
        };
        if let Some(mean) = &self.mean {
            fields += mean;
        }
        if self.threshold.iter().any(|theta| *theta != 0.0) {
            fields -= &self.threshold;
        }
        Ok(fields)
    }

    /// The kernel between states (Q x N_in) and all stored patterns: Q x M, normalised if the rule says so.
    ///
    /// Neurons that do not see themselves have kernels of their own; this is the kernel over all inputs.
    ///
    /// # Errors
    /// As [`field`](Self::field).
    pub fn kernel_values(&self, states: ArrayView2<f64>) -> Result<Array2<f64>> {
        self.check(states)?;
        let binary = self.both_binary(states);
        let rows = self.row_kernel(binary);
        let mut values = Array2::zeros((states.nrows(), self.n_patterns()));
        let job = |(mut values, states): (ArrayViewMut2<f64>, ArrayView2<f64>)| {
            self.overlaps(states, None, values.view_mut());
            for (mut row, state) in values.rows_mut().into_iter().zip(states.rows()) {
                if let Some(row) = row.as_slice_mut() {
                    self.to_kernel(&rows, row, state);
                }
            }
        };
        threads::install(|| {
            blocks(&mut values, states, STATES).into_par_iter().for_each(job);
        });
        Ok(values)
    }

    fn both_binary(&self, states: ArrayView2<f64>) -> bool {
        self.patterns_are_binary
            && (self.params.states == StateKind::Binary && self.mode != super::Mode::Hetero
                || states.iter().all(|s| s.abs() == 1.0))
    }

    fn shared_fields(&self, states: ArrayView2<f64>) -> Array2<f64> {
        let binary = self.both_binary(states);
        let rows = match &self.tables.kernel {
            Some(_) if binary => None,
            _ => Some(self.row_kernel(binary)),
        };
        let n_states = states.nrows();
        let mut fields = Array2::zeros((n_states, self.n_out()));
        let height = STATES.min(VALUES / self.n_patterns().max(1)).max(1);
        let height = height.min(n_states.div_ceil(2).max(8));
        let job = |(out, states): (ArrayViewMut2<f64>, ArrayView2<f64>)| {
            self.block_of_fields(states, binary, rows.as_ref(), out);
        };
        if n_states <= height {
            job((fields.view_mut(), states));
        } else {
            threads::install(|| {
                blocks(&mut fields, states, height).into_par_iter().for_each(job);
            });
        }
        fields
    }

    fn block_of_fields(
        &self,
        states: ArrayView2<f64>,
        binary: bool,
        rows: Option<&RowKernel>,
        mut out: ArrayViewMut2<f64>,
    ) {
        let mut values = Array2::zeros((states.nrows(), self.n_patterns()));
        let packed = binary.then(|| PackedStates::new(states));
        self.overlaps(states, packed.as_ref(), values.view_mut());
        let second = match (&self.self_term, &self.tables.difference) {
            (SelfTerm::Coefficients(_) | SelfTerm::OneShot, Some(table)) => Some(values.mapv(|u| table.at(u))),
            _ => None,
        };
        for (mut row, state) in values.rows_mut().into_iter().zip(states.rows()) {
            let Some(row) = row.as_slice_mut() else { continue };
            match (rows, &self.tables.kernel) {
                (None, Some(table)) => {
                    table.apply(row);
                    if self.is_normalized() {
                        divide_by_sum(row);
                    }
                }
                (Some(rows), _) => self.to_kernel(rows, row, state),
                (None, None) => {}
            }
        }
        multiply_into(out.view_mut(), values.view(), self.coefficients.view());
        match (&self.self_term, &second) {
            (SelfTerm::Constant(term), _) => {
                for (mut out, state) in out.rows_mut().into_iter().zip(states.rows()) {
                    for ((h, s), t) in out.iter_mut().zip(state).zip(term) {
                        *h += s * t;
                    }
                }
            }
            (SelfTerm::OneShot, Some(second)) => {
                for ((mut out, state), a) in out.rows_mut().into_iter().zip(states.rows()).zip(second.rows()) {
                    let sum: f64 = a.sum();
                    for (h, s) in out.iter_mut().zip(state) {
                        *h += s * sum;
                    }
                }
            }
            (SelfTerm::Coefficients(alpha), Some(second)) => {
                let mut term = Array2::zeros(out.dim());
                multiply_into(term.view_mut(), second.view(), alpha.view());
                for ((mut out, state), term) in out.rows_mut().into_iter().zip(states.rows()).zip(term.rows()) {
                    for ((h, s), t) in out.iter_mut().zip(state).zip(term) {
                        *h += s * t;
                    }
                }
            }
            _ => {}
        }
        if self.params.states == StateKind::Binary {
            self.silence_noise(values.view(), second.as_ref(), states, out);
        }
    }

    /// Sets fields to zero that are sums of cancelling terms: their sign would be the sign of rounding errors.
    fn silence_noise(
        &self,
        values: ArrayView2<f64>,
        second: Option<&Array2<f64>>,
        states: ArrayView2<f64>,
        mut out: ArrayViewMut2<f64>,
    ) {
        for (q, (mut fields, k)) in out.rows_mut().into_iter().zip(values.rows()).enumerate() {
            let absolute = |row: ArrayView1<f64>| row.iter().map(|k| k.abs()).sum::<f64>();
            let total = absolute(k) + second.map_or(0.0, |second| absolute(second.row(q)));
            for (i, h) in fields.iter_mut().enumerate() {
                let own = match &self.self_term {
                    SelfTerm::Constant(term) => (term[i] * states[[q, i]]).abs(),
                    _ => 0.0,
                };
                // An upper bound first; the sum itself only for the few that may be zero.
                if h.abs() < NOISE * (total * self.tables.largest[i] + own) {
                    let mut exact: f64 =
                        k.iter().zip(self.coefficients.column(i)).map(|(k, c)| (k * c).abs()).sum::<f64>() + own;
                    if let Some(second) = second {
                        exact += match &self.self_term {
                            SelfTerm::Coefficients(alpha) => {
                                second.row(q).iter().zip(alpha.column(i)).map(|(a, c)| (a * c).abs()).sum::<f64>()
                            }
                            _ => absolute(second.row(q)),
                        };
                    }
                    if h.abs() <= NOISE * exact {
                        *h = 0.0;
                    }
                }
            }
        }
    }

    /// `S X^T` for a block of states; by counting bits where both are binary.
    fn overlaps(&self, states: ArrayView2<f64>, packed: Option<&PackedStates>, mut out: ArrayViewMut2<f64>) {
        if let (Some(states), Some(patterns)) = (packed, &self.tables.packed) {
            for (q, mut row) in out.rows_mut().into_iter().enumerate() {
                if let Some(row) = row.as_slice_mut() {
                    states.overlaps(q, patterns, 0, row);
                }
            }
            return;
        }
        multiply_into(out, states, self.patterns.t());
    }

    fn to_kernel(&self, rows: &RowKernel, row: &mut [f64], state: ArrayView1<f64>) {
        let norm2: f64 = state.iter().map(|s| s * s).sum();
        if self.params.rule.normalization() == Normalization::None {
            rows.apply(row, self.patterns.view(), &self.norms2, state, norm2);
        } else if rows.apply_ln(row, self.patterns.view(), &self.norms2, state, norm2) {
            softmax(row);
        } else {
            rows.apply(row, self.patterns.view(), &self.norms2, state, norm2);
            divide_by_sum(row);
        }
    }

    /// The field of one binary neuron from the overlaps of the state with all patterns.
    pub(super) fn field_from_overlaps(&self, neuron: usize, own: f64, overlaps: &[f64]) -> f64 {
        let Some(table) = &self.tables.kernel else { return 0.0 };
        let column = self.coefficients.column(neuron);
        let (mut field, mut scale) = (0.0, 0.0);
        for (u, c) in overlaps.iter().zip(column) {
            let term = c * table.at(*u);
            field += term;
            scale += term.abs();
        }
        let mut extra = 0.0;
        match (&self.self_term, &self.tables.difference) {
            (SelfTerm::Constant(term), _) => extra = term[neuron],
            (SelfTerm::OneShot, Some(a)) => extra = overlaps.iter().map(|u| a.at(*u)).sum(),
            (SelfTerm::Coefficients(alpha), Some(a)) => {
                extra = overlaps.iter().zip(alpha.column(neuron)).map(|(u, c)| c * a.at(*u)).sum();
            }
            _ => {}
        }
        field += own * extra;
        scale += extra.abs();
        let field = if field.abs() <= NOISE * scale { 0.0 } else { field };
        field - self.threshold[neuron]
    }
}

/// Blocks of rows of an array and of the states that they belong to.
fn blocks<'a, 'b>(
    out: &'a mut Array2<f64>,
    states: ArrayView2<'b, f64>,
    height: usize,
) -> Vec<(ArrayViewMut2<'a, f64>, ArrayView2<'b, f64>)> {
    // The iterator borrows its view; slices of a copied view live as long as the states themselves.
    let rows = states.nrows();
    out.axis_chunks_iter_mut(Axis(0), height)
        .enumerate()
        .map(|(block, out)| {
            let (start, end) = (block * height, ((block + 1) * height).min(rows));
            (out, states.slice_move(ndarray::s![start..end, ..]))
        })
        .collect()
}

/// Exponentials divided by their sum, from logarithms.
fn softmax(row: &mut [f64]) {
    let largest = vector::max(row);
    crate::kernel::exponentials(row, 1.0, largest);
    divide_by_sum(row);
}

/// Divides by the sum; a row of zeros becomes uniform, the limit of a kernel that decays equally for all patterns.
fn divide_by_sum(row: &mut [f64]) {
    let sum = vector::sum(row.len(), |i| row[i]);
    if sum == 0.0 || !sum.is_finite() {
        let uniform = 1.0 / row.len() as f64;
        row.fill(uniform);
    } else {
        let factor = 1.0 / sum;
        row.iter_mut().for_each(|value| *value *= factor);
    }
}
