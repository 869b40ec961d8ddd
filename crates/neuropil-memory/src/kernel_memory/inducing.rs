//! More patterns than a Gram matrix can hold: inducing patterns (Nystroem).
//!
//! The memory is sought in the span of m inducing patterns Z, chosen among the stored ones: least squares over all patterns,
//! `(K_ZX K_XZ + ridge K_ZZ) C = K_ZX Y`, accumulated block by block. O(M m^2) time and O(m^2) memory. It no longer passes
//! through every pattern: the report says by how much it misses them.

use ndarray::{Array1, Array2, ArrayView2, Axis, s};
use neuropil_core::check;
use neuropil_core::progress::Monitor;
use neuropil_core::random::{Seed, uniform};

use super::fit::{Solution, prepare};
use super::{FitReport, KernelMemory, KernelMemoryParams, Mode, Normalization, Rule};
use crate::associative_memory::StateKind;
use crate::cholesky::Cholesky;
use crate::error::{Error, Result};
use crate::gram::Gram;
use crate::margin::NeuronStatus;
use crate::patterns::all_binary;
use crate::product::multiply;

/// Rows of the kernel matrix that are held at a time.
const ROWS: usize = 2048;

/// Which patterns span the memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InducingOptions {
    /// Number m of inducing patterns.
    pub n_inducing: usize,
    /// Seed of their choice, at random without replacement.
    pub seed: u64,
}

impl KernelMemory {
    /// Stores patterns (auto-association, `outputs` absent) or pairs in the span of a few inducing patterns.
    ///
    /// The report's `residual` is the largest deviation of an answer from a stored output, and its `training_error` the
    /// fraction of answers that are not as stored. [`n_patterns`](Self::n_patterns) is the number of inducing patterns.
    ///
    /// # Errors
    /// As [`fit`](Self::fit); a rule other than plain interpolation.
    pub fn fit_inducing(
        params: &KernelMemoryParams,
        inputs: ArrayView2<f64>,
        outputs: Option<ArrayView2<f64>>,
        options: &InducingOptions,
        monitor: &Monitor,
    ) -> Result<(Self, FitReport)> {
        let mode = if outputs.is_some() { Mode::Hetero } else { Mode::Auto };
        let interpolation = match &params.rule {
            Rule::Interpolate(rule) if rule.normalization == Normalization::None && !params.excludes_self(mode) => rule,
            _ => {
                return Err(Error::unsupported(
                    "this rule with inducing patterns",
                    "they are fitted by least squares",
                    "use interpolation without normalization and with self-connections",
                ));
            }
        };
        let (kernel, keep, warnings) = prepare(params, mode, inputs, outputs)?;
        check::within("n_inducing", options.n_inducing, 1..=keep.len())?;
        let targets = outputs.unwrap_or(inputs);
        let chosen = choose(&keep, options);
        let patterns = inputs.select(Axis(0), &chosen);
        let own = targets.select(Axis(0), &chosen);
        let stored_outputs = outputs.map(|_| own);
        let zero = Solution {
            coefficients: Array2::zeros((chosen.len(), targets.ncols())),
            threshold: Array1::zeros(targets.ncols()),
            mean: None,
            factor: None,
        };
        let mut memory = Self::assemble(params, mode, kernel.clone(), patterns, stored_outputs, zero);

        let m = chosen.len();
        let (mut normal, mut right) = (Array2::<f64>::zeros((m, m)), Array2::<f64>::zeros((m, targets.ncols())));
        let task = monitor.task("patterns", inputs.nrows() as u64);
        for start in (0..inputs.nrows()).step_by(ROWS) {
            monitor.check()?;
            let rows = s![start..(start + ROWS).min(inputs.nrows()), ..];
            let values = memory.kernel_values(inputs.slice(rows))?;
            normal += &multiply(values.t(), values.view());
            right += &multiply(values.t(), targets.slice(rows));
            task.advance(values.nrows() as u64);
        }
        let kind = if all_binary(memory.patterns()) { StateKind::Binary } else { StateKind::Real };
        let between = Gram::of(&kernel, memory.patterns(), kind)?.into_full();
        // Squaring the kernel squares its condition number: a little of K_ZZ keeps the normal equations solvable.
        let jitter = 1e-12 * normal.diag().sum() / between.diag().sum();
        let added = interpolation.ridge.max(jitter);
        normal.scaled_add(added, &between);
        let factor = Cholesky::of(Gram::from_full(normal.view())).map_err(|pivot| Error::NotPositiveDefinite {
            kernel: kernel.name(),
            pivot: chosen[pivot],
            advice: "take fewer inducing patterns, or add a ridge".into(),
        })?;
        factor.solve_in_place(right.view_mut());
        memory.coefficients = right;
        memory.refresh();

        let mut report = FitReport {
            n_patterns: keep.len(),
            status: vec![NeuronStatus::Optimal; targets.ncols()],
            condition_bound: Some(factor.condition_bound()),
            added_to_diagonal: added,
            warnings,
            ..FitReport::default()
        };
        memory.judge(inputs, targets, &mut report, monitor)?;
        Ok((memory, report))
    }
}

/// The first m of a random order, sorted.
fn choose(keep: &[usize], options: &InducingOptions) -> Vec<usize> {
    let mut order = keep.to_vec();
    let mut random = Seed::new(options.seed).child("inducing-patterns").stream();
    for i in 0..options.n_inducing {
        let j = i + (uniform(&mut random) * (order.len() - i) as f64) as usize;
        order.swap(i, j);
    }
    order.truncate(options.n_inducing);
    order.sort_unstable();
    order
}
