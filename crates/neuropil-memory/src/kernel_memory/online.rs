//! A memory that goes on learning: insert and delete patterns without fitting again, and know what each is worth.
//!
//! Interpolation, with `H = K^-1`: a new pattern x has `v = H k(x)`, the Schur complement `S = K(x, x) - k.v` and the
//! prediction error `e = y - C^T k`; its coefficient is `e / S`, and the others change by `-v e^T / S`. Without pattern mu,
//! `C` changes by `-H_mu c_mu^T / H_mu,mu`; the error with which the others predict it is `c_mu / H_mu,mu`. Both cost
//! O(M^2 + M N).

use ndarray::{Array1, Array2, ArrayView1, Axis};
use neuropil_core::check;
use neuropil_core::progress::Monitor;

use super::{Centering, InterpolationOptions, KernelMemory, Mode, Normalization, Rule};
use crate::cholesky::Cholesky;
use crate::error::{Error, Result};
use crate::gram::Gram;

/// What a new pattern added.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Insertion {
    /// Prediction error `‖y - prediction‖ / ‖y‖` before the pattern was stored: 0 for what the memory knew, near 1 for what
    /// it did not.
    pub novelty: f64,
    /// Schur complement `K(x, x) - k^T K^-1 k`: the squared length of what is new in feature space. NaN where the rule has
    /// no factor.
    pub schur: f64,
}

/// A pattern whose new part in feature space is a smaller fraction than this is a repeat.
const REPEAT: f64 = 1e-10;

impl KernelMemory {
    /// Stores one more pattern: its own output in auto-association, the successor of the last pattern in a sequence.
    ///
    /// Interpolation costs O(M^2 + M N) (O(M^2 N) when normalised), one-shot storage O(N); a maximal margin is fitted again.
    ///
    /// # Errors
    /// A pattern of another width or kind; one that is stored already; a hetero-associative memory, which needs a pair.
    pub fn insert(&mut self, pattern: ArrayView1<f64>) -> Result<Insertion> {
        match self.mode {
            Mode::Auto => self.insert_row(pattern, pattern),
            Mode::Sequence => {
                let last = self.outputs().row(self.n_patterns() - 1).to_owned();
                self.insert_row(last.view(), pattern)
            }
            Mode::Hetero => Err(Error::unsupported(
                "inserting a single pattern",
                "a hetero-associative memory stores pairs",
                "give the output as well",
            )),
        }
    }

    /// Stores one more pair.
    ///
    /// # Errors
    /// As [`insert`](Self::insert); an auto-associative memory, whose outputs are its inputs.
    pub fn insert_pair(&mut self, input: ArrayView1<f64>, output: ArrayView1<f64>) -> Result<Insertion> {
        if self.mode == Mode::Auto {
            return Err(Error::unsupported(
                "inserting a pair",
                "in auto-association a pattern is its own output",
                "insert the pattern alone",
            ));
        }
        self.insert_row(input, output)
    }

    /// Stores one more pattern, and forgets the least important ones ([`least_important`](Self::least_important)) while
    /// there are more than `capacity`. Returns the insertion and the indices that were deleted, in order.
    ///
    /// # Errors
    /// As [`insert`](Self::insert); a capacity of zero.
    pub fn insert_within(&mut self, pattern: ArrayView1<f64>, capacity: usize) -> Result<(Insertion, Vec<usize>)> {
        check::at_least("capacity", capacity, 1)?;
        let insertion = self.insert(pattern)?;
        let mut deleted = Vec::new();
        while self.n_patterns() > capacity {
            let index = self.least_important()?;
            self.delete(index)?;
            deleted.push(index);
        }
        Ok((insertion, deleted))
    }

    /// The error with which all other patterns predict each stored one, M x N_out: `c_mu / H_mu,mu`, no refit.
    ///
    /// With a mean or a normalisation these are errors for the mean and the sums as they are.
    ///
    /// # Errors
    /// A rule other than interpolation.
    pub fn leave_one_out_errors(&self) -> Result<Array2<f64>> {
        let diagonal = self.with_factor(Cholesky::inverse_diagonal)?;
        let mut errors = self.coefficients.clone();
        for (mut row, h) in errors.rows_mut().into_iter().zip(&diagonal) {
            row /= *h;
        }
        Ok(errors)
    }

    /// The pattern whose loss changes the memory least: smallest `‖c_mu‖^2 / H_mu,mu`, the squared distance in feature
    /// space between the memories with and without it. One-shot memories forget the oldest.
    ///
    /// # Errors
    /// A maximal margin, for which there is no such measure without fitting again.
    pub fn least_important(&self) -> Result<usize> {
        if matches!(self.params.rule, Rule::OneShot { .. }) {
            return Ok(0);
        }
        let diagonal = self.with_factor(Cholesky::inverse_diagonal)?;
        let worth = self.coefficients.rows().into_iter().zip(&diagonal).map(|(c, h)| c.dot(&c) / h);
        Ok(worth.enumerate().fold((0, f64::INFINITY), |best, (i, w)| if w < best.1 { (i, w) } else { best }).0)
    }

    /// Forgets pattern `index`. O(M^2 + M N) for interpolation; a maximal margin is fitted again.
    ///
    /// # Errors
    /// An index that does not exist; the last pattern.
    pub fn delete(&mut self, index: usize) -> Result<()> {
        let m = self.n_patterns();
        check::within("index", index, 0..m)?;
        if m == 1 {
            return Err(Error::unsupported("deleting the last pattern", "a memory holds at least one", "start anew"));
        }
        let keep: Vec<usize> = (0..m).filter(|&i| i != index).collect();
        let patterns = self.patterns.select(Axis(0), &keep);
        let outputs = self.outputs.as_ref().map(|outputs| outputs.select(Axis(0), &keep));
        match self.params.rule.clone() {
            Rule::OneShot { .. } => {
                self.coefficients = self.coefficients.select(Axis(0), &keep);
                (self.patterns, self.outputs) = (patterns, outputs);
            }
            Rule::Interpolate(options) if !self.excludes_self() => {
                let mut factor = self.take_factor()?;
                let mut column = vec![0.0; m];
                column[index] = 1.0;
                factor.solve(&mut column);
                let own = self.coefficients.row(index).to_owned() / column[index];
                for (mut row, h) in self.coefficients.rows_mut().into_iter().zip(&column) {
                    row.scaled_add(-h, &own);
                }
                self.coefficients = self.coefficients.select(Axis(0), &keep);
                factor.delete(index);
                (self.patterns, self.outputs) = (patterns, outputs);
                self.finish(&factor, &options)?;
                self.factor = Some(factor);
            }
            _ => return self.refit(patterns, outputs, &Monitor::silent()),
        }
        self.refresh();
        Ok(())
    }

    /// The condition number of the Gram matrix, from extreme eigenvalues by Lanczos iteration on the factor.
    ///
    /// # Errors
    /// A rule other than interpolation.
    pub fn condition_number(&self) -> Result<f64> {
        self.with_factor(|factor| {
            let largest = largest_eigenvalue(factor.order(), |v| factor.product(&v));
            let smallest = 1.0
                / largest_eigenvalue(factor.order(), |mut v| {
                    factor.solve(&mut v);
                    v
                });
            largest / smallest
        })
    }

    fn insert_row(&mut self, input: ArrayView1<f64>, output: ArrayView1<f64>) -> Result<Insertion> {
        let x = input.insert_axis(Axis(0));
        self.check(x)?;
        if output.len() != self.n_out() {
            return Err(Error::shape("the output", format!("{} entries", self.n_out()), output.len()));
        }
        crate::associative_memory::check_states(
            "outputs",
            output.insert_axis(Axis(0)),
            self.n_out(),
            self.params.states,
        )?;
        let error = &output - &self.field(x)?.row(0);
        let norm = output.dot(&output).sqrt();
        let novelty = if norm > 0.0 { error.dot(&error).sqrt() / norm } else { 0.0 };
        let mut insertion = Insertion { novelty, schur: f64::NAN };
        match self.params.rule.clone() {
            Rule::OneShot { .. } => {
                self.push(input, output)?;
                self.coefficients.push_row(output).map_err(|error| Error::shape("the output", "one row", error))?;
            }
            Rule::Interpolate(options) if !self.excludes_self() => {
                insertion.schur = self.insert_interpolated(input, output, &options)?;
            }
            _ => {
                let mut patterns = self.patterns.clone();
                let mut outputs = self.outputs.clone();
                let shape = |error: ndarray::ShapeError| Error::shape("the pattern", "one row", error);
                patterns.push_row(input).map_err(shape)?;
                if let Some(outputs) = &mut outputs {
                    outputs.push_row(output).map_err(shape)?;
                }
                self.refit(patterns, outputs, &Monitor::silent())?;
                return Ok(insertion);
            }
        }
        self.refresh();
        Ok(insertion)
    }

    fn insert_interpolated(
        &mut self,
        input: ArrayView1<f64>,
        output: ArrayView1<f64>,
        options: &InterpolationOptions,
    ) -> Result<f64> {
        let mut factor = self.take_factor()?;
        let vector = self.raw_kernel_values(input);
        let own = self.own_kernel_value(input);
        let total = own + options.ridge;
        let mut row = vector.clone();
        factor.forward(&mut row);
        let schur = total - row.iter().map(|x| x * x).sum::<f64>();
        if !(schur > REPEAT * total) {
            self.factor = Some(factor);
            return Err(Error::Duplicate { novelty: schur / total });
        }
        let mut v = vector.clone();
        factor.solve(&mut v);
        let mut prediction = Array1::<f64>::zeros(output.len());
        for (k, c) in vector.iter().zip(self.coefficients.rows()) {
            prediction.scaled_add(*k, &c);
        }
        let mut target = output.to_owned();
        if let Some(mean) = &self.mean {
            target -= mean;
        }
        let coefficient = (target - prediction) / schur;
        for (mut c, v) in self.coefficients.rows_mut().into_iter().zip(&v) {
            c.scaled_add(-v, &coefficient);
        }
        let shape = |error: ndarray::ShapeError| Error::shape("the pattern", "one row", error);
        self.coefficients.push_row(coefficient.view()).map_err(shape)?;
        self.push(input, output)?;
        factor.append(&row, schur);
        self.finish(&factor, options)?;
        self.factor = Some(factor);
        Ok(schur)
    }

    /// What depends on all patterns at once: the mean, and the sums of normalised kernels.
    fn finish(&mut self, factor: &Cholesky, options: &InterpolationOptions) -> Result<()> {
        if options.centering == Centering::Mean
            && let Some(mean) = self.outputs().mean_axis(Axis(0))
        {
            // C = K^-1 (Y - 1 m^T), so that a change of the mean takes K^-1 1 times it away.
            let mut ones = vec![1.0; self.n_patterns()];
            factor.solve(&mut ones);
            let change = &mean - self.mean.as_ref().unwrap_or(&Array1::zeros(mean.len()));
            for (mut c, h) in self.coefficients.rows_mut().into_iter().zip(&ones) {
                c.scaled_add(-h, &change);
            }
            self.mean = Some(mean);
        }
        if options.normalization == Normalization::Sum {
            let ones = vec![1.0; self.n_patterns()];
            let sums = factor.product(&ones);
            let mut right = self.outputs().to_owned();
            for (mut row, sum) in right.rows_mut().into_iter().zip(sums) {
                row *= sum - options.ridge;
            }
            factor.solve_in_place(right.view_mut());
            self.coefficients = right;
        }
        Ok(())
    }

    fn push(&mut self, input: ArrayView1<f64>, output: ArrayView1<f64>) -> Result<()> {
        let shape = |error: ndarray::ShapeError| Error::shape("the pattern", "one row", error);
        self.patterns.push_row(input).map_err(shape)?;
        if let Some(outputs) = &mut self.outputs {
            outputs.push_row(output).map_err(shape)?;
        }
        Ok(())
    }

    /// `K(x^mu, x)` for all stored patterns, not normalised.
    fn raw_kernel_values(&self, x: ArrayView1<f64>) -> Vec<f64> {
        let mut values: Vec<f64> = self.patterns.dot(&x).to_vec();
        let rows = self.row_kernel(false);
        rows.apply(&mut values, self.patterns.view(), &self.norms2, x, x.dot(&x));
        values
    }

    fn own_kernel_value(&self, x: ArrayView1<f64>) -> f64 {
        let norm2 = x.dot(&x);
        self.kernel.value(norm2, norm2, norm2, 0.0, crate::kernel::Inputs::all(x.len()))
    }

    /// The factor, computed if the memory came without (from a file).
    fn take_factor(&mut self) -> Result<Cholesky> {
        match self.factor.take() {
            Some(factor) => Ok(factor),
            None => self.factorised(),
        }
    }

    fn with_factor<R>(&self, work: impl FnOnce(&Cholesky) -> R) -> Result<R> {
        match &self.factor {
            Some(factor) => Ok(work(factor)),
            None => Ok(work(&self.factorised()?)),
        }
    }

    fn factorised(&self) -> Result<Cholesky> {
        let Rule::Interpolate(options) = &self.params.rule else {
            return Err(Error::unsupported(
                "this measure",
                "it comes from the inverse Gram matrix, which only the interpolation rule has",
                "fit with the interpolation rule",
            ));
        };
        if self.excludes_self() {
            return Err(Error::unsupported(
                "this measure",
                "neurons that do not see themselves have no common Gram matrix",
                "include self-connections",
            ));
        }
        let kind = if self.patterns_are_binary {
            crate::associative_memory::StateKind::Binary
        } else {
            crate::associative_memory::StateKind::Real
        };
        let mut gram = Gram::of(&self.kernel, self.patterns.view(), kind)?;
        gram.add_to_diagonal(options.ridge);
        Cholesky::of(gram).map_err(|pivot| Error::NotPositiveDefinite {
            kernel: self.kernel.name(),
            pivot,
            advice: "add a ridge".into(),
        })
    }
}

/// The largest eigenvalue of a positive definite operator by Lanczos iteration with full reorthogonalisation.
fn largest_eigenvalue(n: usize, apply: impl Fn(Vec<f64>) -> Vec<f64>) -> f64 {
    let steps = n.min(60);
    let mut basis: Vec<Vec<f64>> = Vec::with_capacity(steps);
    let (mut diagonal, mut beside) = (Vec::new(), Vec::new());
    // A start without special symmetry: powers of the golden ratio modulo one.
    let mut v: Vec<f64> = (0..n).map(|i| (i as f64 * 0.618_033_988_749_894_9).fract() + 0.1).collect();
    let norm = |v: &[f64]| v.iter().map(|x| x * x).sum::<f64>().sqrt();
    let scale = norm(&v);
    v.iter_mut().for_each(|x| *x /= scale);
    let mut estimate = 0.0;
    for step in 0..steps {
        let mut w = apply(v.clone());
        diagonal.push(w.iter().zip(&v).map(|(a, b)| a * b).sum::<f64>());
        basis.push(v);
        for _ in 0..2 {
            for q in &basis {
                let overlap: f64 = w.iter().zip(q).map(|(a, b)| a * b).sum();
                w.iter_mut().zip(q).for_each(|(w, q)| *w -= overlap * q);
            }
        }
        let length = norm(&w);
        let next = largest_of_tridiagonal(&diagonal, &beside);
        let settled = step > 4 && (next - estimate).abs() < 1e-13 * next;
        estimate = next;
        if settled || length < 1e-14 * estimate {
            break;
        }
        beside.push(length);
        v = w.into_iter().map(|x| x / length).collect();
    }
    estimate
}

/// The largest eigenvalue of a symmetric tridiagonal matrix by bisection on the sign changes of its Sturm sequence.
fn largest_of_tridiagonal(diagonal: &[f64], beside: &[f64]) -> f64 {
    let reach = |i: usize| {
        let left = if i > 0 { beside[i - 1].abs() } else { 0.0 };
        let right = if i + 1 < diagonal.len() { beside[i].abs() } else { 0.0 };
        diagonal[i] + left + right
    };
    let (mut low, mut high) = (diagonal[0], (0..diagonal.len()).map(reach).fold(f64::NEG_INFINITY, f64::max));
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        let mut pivot = 1.0;
        let above = diagonal.iter().enumerate().any(|(i, d)| {
            let coupling = if i > 0 { beside[i - 1] * beside[i - 1] } else { 0.0 };
            pivot = middle - d - if i > 0 { coupling / pivot } else { 0.0 };
            pivot <= 0.0
        });
        if above {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}
