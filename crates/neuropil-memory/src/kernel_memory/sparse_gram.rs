//! More patterns than a dense Gram matrix can hold, under a kernel of short range: most pairs are further apart than the
//! kernel reaches, the Gram matrix is sparse, and conjugate gradients solve it for all neurons together.

use ndarray::{Array1, Array2, ArrayView2, Axis, s};
use neuropil_core::check;
use neuropil_core::progress::Monitor;
use neuropil_core::threads;
use rayon::prelude::*;

use super::fit::{Solution, prepare};
use super::{FitReport, KernelMemory, KernelMemoryParams, Mode, Normalization, Rule};
use crate::error::{Error, Result};
use crate::gram::check_memory;
use crate::margin::NeuronStatus;

/// How the sparse system is built and solved.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SparseOptions {
    /// Kernel values below this fraction of the largest diagonal value are left out.
    pub cutoff: f64,
    /// Relative residual at which conjugate gradients stop.
    pub tolerance: f64,
    /// Largest number of iterations.
    pub max_iterations: usize,
}

impl Default for SparseOptions {
    fn default() -> Self {
        Self { cutoff: 1e-12, tolerance: 1e-10, max_iterations: 1000 }
    }
}

/// A symmetric matrix in compressed rows.
struct SparseGram {
    starts: Vec<usize>,
    columns: Vec<u32>,
    values: Vec<f64>,
    diagonal: Vec<f64>,
}

impl KernelMemory {
    /// Stores patterns (auto-association, `outputs` absent) or pairs by interpolation with a sparse Gram matrix.
    ///
    /// The report's `residual` is the largest deviation of an answer of the full kernel from a stored output.
    ///
    /// # Errors
    /// As [`fit`](Self::fit); a rule other than interpolation without mean; a Gram matrix that is not sparse enough for the
    /// memory of the machine.
    pub fn fit_sparse(
        params: &KernelMemoryParams,
        inputs: ArrayView2<f64>,
        outputs: Option<ArrayView2<f64>>,
        options: &SparseOptions,
        monitor: &Monitor,
    ) -> Result<(Self, FitReport)> {
        check::positive("cutoff", options.cutoff)?;
        check::positive("tolerance", options.tolerance)?;
        check::at_least("max_iterations", options.max_iterations, 1)?;
        let mode = if outputs.is_some() { Mode::Hetero } else { Mode::Auto };
        let (ridge, normalization) = match &params.rule {
            Rule::Interpolate(rule) if rule.centering == super::Centering::None && !params.excludes_self(mode) => {
                (rule.ridge, rule.normalization)
            }
            _ => {
                return Err(Error::unsupported(
                    "this rule with a sparse Gram matrix",
                    "conjugate gradients solve one linear system for all neurons",
                    "use interpolation without centering and with self-connections",
                ));
            }
        };
        let (kernel, keep, warnings) = prepare(params, mode, inputs, outputs)?;
        let patterns = inputs.select(Axis(0), &keep);
        let stored = outputs.map(|outputs| outputs.select(Axis(0), &keep));
        let n_out = stored.as_ref().unwrap_or(&patterns).ncols();
        let zero = Solution {
            coefficients: Array2::zeros((patterns.nrows(), n_out)),
            threshold: Array1::zeros(n_out),
            mean: None,
            factor: None,
        };
        let mut memory = Self::assemble(params, mode, kernel, patterns, stored, zero);
        let gram = SparseGram::of(&memory, options.cutoff, ridge, monitor)?;
        let mut right = memory.outputs().to_owned();
        if normalization == Normalization::Sum {
            for (i, mut row) in right.rows_mut().into_iter().enumerate() {
                row *= gram.row(i).map(|(_, value)| value).sum::<f64>() - ridge;
            }
        }
        let (coefficients, iterations, converged) = gram.solve(&right, options, monitor)?;
        memory.coefficients = coefficients;
        memory.refresh();
        let status = if converged { NeuronStatus::Optimal } else { NeuronStatus::NotConverged };
        let mut report = FitReport {
            n_patterns: memory.n_patterns(),
            status: vec![status; n_out],
            added_to_diagonal: ridge,
            iterations,
            warnings,
            ..FitReport::default()
        };
        if !converged {
            report.warnings.push(format!(
                "conjugate gradients stopped after {iterations} iterations before the residual was small; allow more, add a \
                 ridge, or take a smaller radius"
            ));
        }
        memory.judge(memory.patterns(), memory.outputs(), &mut report, monitor)?;
        Ok((memory, report))
    }
}

impl SparseGram {
    fn of(memory: &KernelMemory, cutoff: f64, ridge: f64, monitor: &Monitor) -> Result<Self> {
        let m = memory.n_patterns();
        // Raw kernel values, whatever the rule says about normalisation.
        let mut raw = memory.clone();
        raw.params.rule = Rule::interpolation();
        let height = ((1 << 23) / m).clamp(1, 2048);
        let task = monitor.task("patterns", m as u64);
        let mut gram = Self { starts: vec![0], columns: Vec::new(), values: Vec::new(), diagonal: Vec::new() };
        let largest = memory.norms2.iter().copied().fold(0.0, f64::max);
        let all = crate::kernel::Inputs::all(memory.patterns.ncols());
        let threshold = cutoff * memory.kernel.value(largest, largest, largest, 0.0, all);
        for start in (0..m).step_by(height) {
            monitor.check()?;
            let block = raw.kernel_values(memory.patterns.slice(s![start..(start + height).min(m), ..]))?;
            for (offset, row) in block.rows().into_iter().enumerate() {
                for (j, &value) in row.iter().enumerate() {
                    let own = j == start + offset;
                    if own || value.abs() > threshold {
                        gram.columns.push(j as u32);
                        gram.values.push(if own { value + ridge } else { value });
                    }
                    if own {
                        gram.diagonal.push(value + ridge);
                    }
                }
                gram.starts.push(gram.values.len());
            }
            task.advance(block.nrows() as u64);
            // What is needed so far tells what will be.
            check_memory("the sparse Gram matrix", gram.values.len() * (m - start) / (start + height) * 3 / 2)?;
        }
        Ok(gram)
    }

    fn row(&self, i: usize) -> impl Iterator<Item = (usize, f64)> {
        let range = self.starts[i]..self.starts[i + 1];
        self.columns[range.clone()].iter().zip(&self.values[range]).map(|(j, value)| (*j as usize, *value))
    }

    fn product(&self, v: &Array2<f64>) -> Array2<f64> {
        let mut out = Array2::zeros(v.dim());
        let n = v.ncols();
        let (Some(from), Some(to)) = (v.as_slice(), out.as_slice_mut()) else { return out };
        threads::install(|| {
            to.par_chunks_mut(n).enumerate().with_min_len(64).for_each(|(i, out)| {
                for (j, value) in self.row(i) {
                    for (o, x) in out.iter_mut().zip(&from[j * n..(j + 1) * n]) {
                        *o += value * x;
                    }
                }
            });
        });
        out
    }

    /// Conjugate gradients with the diagonal as preconditioner, for all columns together.
    fn solve(
        &self,
        right: &Array2<f64>,
        options: &SparseOptions,
        monitor: &Monitor,
    ) -> Result<(Array2<f64>, usize, bool)> {
        let inverse: Array1<f64> = self.diagonal.iter().map(|d| 1.0 / d).collect();
        let inverse = inverse.insert_axis(Axis(1));
        let mut x = right * &inverse;
        let mut residual = right - &self.product(&x);
        let mut preconditioned = &residual * &inverse;
        let mut direction = preconditioned.clone();
        let sums = |a: &Array2<f64>, b: &Array2<f64>| (a * b).sum_axis(Axis(0));
        let goal = sums(right, right) * (options.tolerance * options.tolerance);
        let mut energy = sums(&residual, &preconditioned);
        let task = monitor.task("iterations", options.max_iterations as u64);
        for iteration in 0..options.max_iterations {
            let norm2 = sums(&residual, &residual);
            if norm2.iter().zip(&goal).all(|(r, goal)| r <= goal) {
                return Ok((x, iteration, true));
            }
            monitor.check()?;
            let image = self.product(&direction);
            let curvature = sums(&direction, &image);
            let ratio = |a: f64, b: f64| if b > 0.0 { a / b } else { 0.0 };
            let step = Array1::from_iter(energy.iter().zip(&curvature).map(|(e, c)| ratio(*e, *c)));
            x += &(&direction * &step);
            residual -= &(&image * &step);
            preconditioned = &residual * &inverse;
            let next = sums(&residual, &preconditioned);
            let turn = Array1::from_iter(next.iter().zip(&energy).map(|(n, e)| ratio(*n, *e)));
            direction = &preconditioned + &(&direction * &turn);
            energy = next;
            task.advance(1);
        }
        Ok((x, options.max_iterations, false))
    }
}
