//! Fitting: from patterns to coefficients.

use faer::linalg::solvers::Solve;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, s};
use neuropil_core::progress::Monitor;
use neuropil_core::threads;
use rayon::prelude::*;

use super::field::FieldTables;
use super::self_exclusion::{SelfTerm, gram_without};
use super::{
    Centering, FitReport, InterpolationOptions, KernelMemory, KernelMemoryParams, Mode, Normalization, Rule, Solver,
};
use crate::associative_memory::{StateKind, check_pairs, check_stored};
use crate::bits::PackedStates;
use crate::cholesky::Cholesky;
use crate::error::{Error, Result};
use crate::gram::{Gram, squared_norms};
use crate::kernel::{Geometry, Kernel, OverlapTable};
use crate::margin::{MarginOptions, MarginSolution, NeuronStatus, solve_self_excluded, solve_shared};
use crate::patterns::{Repeats, all_binary, check_directions, distinct};
use crate::product::matrix;

/// Condition numbers above this are worth a warning: about half of the digits of a solution are gone.
const ILL_CONDITIONED: f64 = 1e10;

impl KernelMemory {
    /// Stores patterns (rows) as their own outputs.
    ///
    /// # Errors
    /// Patterns that are empty, not finite, or not +1 and -1 for binary states; parameters outside their range; a Gram
    /// matrix that is not positive definite.
    pub fn fit(params: &KernelMemoryParams, patterns: ArrayView2<f64>) -> Result<(Self, FitReport)> {
        Self::fit_with(params, patterns, &Monitor::silent())
    }

    /// [`fit`](Self::fit) with progress and cancellation.
    ///
    /// # Errors
    /// As [`fit`](Self::fit), and when cancelled.
    pub fn fit_with(
        params: &KernelMemoryParams,
        patterns: ArrayView2<f64>,
        monitor: &Monitor,
    ) -> Result<(Self, FitReport)> {
        Fit { params, mode: Mode::Auto, monitor }.run(patterns, None)
    }

    /// Stores pairs of input (M x N_in) and output patterns (M x N_out).
    ///
    /// # Errors
    /// As [`fit`](Self::fit); numbers of rows that differ; two patterns with the same input and different outputs.
    pub fn fit_pairs(
        params: &KernelMemoryParams,
        inputs: ArrayView2<f64>,
        outputs: ArrayView2<f64>,
        monitor: &Monitor,
    ) -> Result<(Self, FitReport)> {
        Fit { params, mode: Mode::Hetero, monitor }.run(inputs, Some(outputs))
    }

    /// Stores a sequence: the output of every row is the next row. Repeat the first row at the end for a cycle.
    ///
    /// # Errors
    /// As [`fit_pairs`](Self::fit_pairs); fewer than two rows; a pattern that is followed by two different ones.
    pub fn fit_sequence(
        params: &KernelMemoryParams,
        sequence: ArrayView2<f64>,
        monitor: &Monitor,
    ) -> Result<(Self, FitReport)> {
        neuropil_core::check::at_least("the length of the sequence", sequence.nrows(), 2)?;
        let last = sequence.nrows() - 1;
        Fit { params, mode: Mode::Sequence, monitor }
            .run(sequence.slice(s![..last, ..]), Some(sequence.slice(s![1.., ..])))
    }

    /// A memory from coefficients that were found elsewhere (a file, inducing patterns, a sparse solver).
    pub(crate) fn assemble(
        params: &KernelMemoryParams,
        mode: Mode,
        kernel: Kernel,
        patterns: Array2<f64>,
        outputs: Option<Array2<f64>>,
        solution: Solution,
    ) -> Self {
        let patterns_are_binary = all_binary(patterns.view());
        let mut memory = Self {
            params: params.clone(),
            mode,
            kernel,
            norms2: squared_norms(patterns.view()),
            patterns,
            outputs,
            coefficients: solution.coefficients,
            threshold: solution.threshold,
            mean: solution.mean,
            patterns_are_binary,
            self_term: SelfTerm::Included,
            tables: FieldTables::default(),
            factor: solution.factor,
        };
        memory.set_self_term();
        memory.set_tables();
        memory
    }

    /// What neurons that do not see themselves need at recall.
    fn set_self_term(&mut self) {
        if !self.params.excludes_self(self.mode) {
            self.self_term = SelfTerm::Included;
            return;
        }
        let interpolating = matches!(self.params.rule, Rule::Interpolate(_));
        if interpolating || !self.patterns_are_binary || self.params.states == StateKind::Real {
            self.self_term = SelfTerm::Exact;
            return;
        }
        let n = self.patterns.ncols();
        let constant = OverlapTable::without_self(&self.kernel, n).1.constant();
        self.self_term = match (&self.params.rule, constant) {
            (_, Some(a)) => {
                // sum_mu alpha_i a, and alpha = c x.
                let sums = (&self.coefficients * &self.patterns).sum_axis(Axis(0));
                SelfTerm::Constant(sums * a)
            }
            (Rule::OneShot { .. }, None) => SelfTerm::OneShot,
            _ => SelfTerm::Coefficients(&self.coefficients * &self.patterns),
        };
    }

    fn set_tables(&mut self) {
        let n = self.patterns.ncols();
        self.tables = FieldTables::default();
        self.tables.largest = self
            .coefficients
            .columns()
            .into_iter()
            .map(|column| column.iter().fold(0.0_f64, |largest, c| largest.max(c.abs())))
            .collect();
        if !self.patterns_are_binary || matches!(self.self_term, SelfTerm::Exact) {
            return;
        }
        self.tables.packed = Some(PackedStates::new(self.patterns.view()));
        if matches!(self.self_term, SelfTerm::Included) {
            self.tables.kernel = Some(OverlapTable::kernel(&self.kernel, n));
        } else {
            let (b, a) = OverlapTable::without_self(&self.kernel, n);
            (self.tables.kernel, self.tables.difference) = (Some(b), Some(a));
        }
    }

    /// Everything that depends on patterns and coefficients, after they changed.
    pub(super) fn refresh(&mut self) {
        self.norms2 = squared_norms(self.patterns.view());
        self.patterns_are_binary = all_binary(self.patterns.view());
        self.set_self_term();
        self.set_tables();
    }

    /// Fits again with other patterns, under the same parameters and in the same mode.
    pub(super) fn refit(&mut self, inputs: Array2<f64>, outputs: Option<Array2<f64>>, monitor: &Monitor) -> Result<()> {
        let params = self.params.clone();
        let fit = Fit { params: &params, mode: self.mode, monitor };
        let (fitted, _) = fit.run(inputs.view(), outputs.as_ref().map(|outputs| outputs.view()))?;
        *self = fitted;
        Ok(())
    }
}

/// Coefficients and what belongs to them.
pub(crate) struct Solution {
    pub coefficients: Array2<f64>,
    pub threshold: Array1<f64>,
    pub mean: Option<Array1<f64>>,
    pub factor: Option<Cholesky>,
}

struct Fit<'a> {
    params: &'a KernelMemoryParams,
    mode: Mode,
    monitor: &'a Monitor,
}

/// Checks and cleans what is to be stored: the kernel, the rows to keep and the warnings.
pub(crate) fn prepare(
    params: &KernelMemoryParams,
    mode: Mode,
    inputs: ArrayView2<f64>,
    outputs: Option<ArrayView2<f64>>,
) -> Result<(Kernel, Vec<usize>, Vec<String>)> {
    let binary_inputs =
        params.kernel.geometry() == Geometry::Hamming || (params.states == StateKind::Binary && mode != Mode::Hetero);
    check_stored("patterns", inputs, if binary_inputs { StateKind::Binary } else { StateKind::Real })?;
    if let Some(outputs) = outputs {
        check_stored("outputs", outputs, params.states)?;
        check_pairs(inputs, outputs)?;
    }
    let n = inputs.ncols();
    params.validate(n)?;
    if params.excludes_self(mode) {
        if mode != Mode::Auto {
            return Err(Error::unsupported(
                "self-exclusion",
                "only the neurons of an auto-associative memory are their own inputs",
                "include self-connections",
            ));
        }
        if n < 2 {
            return Err(Error::unsupported(
                "a memory of one neuron that does not see itself",
                "nothing is left for it to see",
                "give patterns of at least two entries, or include self-connections",
            ));
        }
        if !KernelMemory::kernel_without_self_exists(&params.kernel, binary_inputs)
            || params.rule.normalization() == Normalization::Sum
        {
            return Err(Error::unsupported(
                "self-exclusion with this kernel or normalization",
                "every neuron would have a kernel of its own that is not defined",
                "include self-connections",
            ));
        }
    }
    check_directions(&params.kernel, inputs)?;
    let repeats = match &params.rule {
        Rule::OneShot { .. } => Repeats::Keep,
        Rule::Interpolate(options) if options.ridge > 0.0 || options.solver == Solver::PseudoInverse => Repeats::Keep,
        _ => Repeats::Merge,
    };
    let (keep, warnings) = distinct(inputs, outputs, repeats)?;
    let largest = squared_norms(inputs).into_iter().fold(0.0, f64::max);
    Ok((params.kernel.resolved(largest), keep, warnings))
}

impl Fit<'_> {
    fn run(&self, inputs: ArrayView2<f64>, outputs: Option<ArrayView2<f64>>) -> Result<(KernelMemory, FitReport)> {
        self.monitor.check()?;
        let (kernel, keep, warnings) = prepare(self.params, self.mode, inputs, outputs)?;
        let merged = keep.len() < inputs.nrows();
        let select = |rows: ArrayView2<f64>| if merged { rows.select(Axis(0), &keep) } else { rows.to_owned() };
        let inputs = select(inputs);
        let outputs = outputs.map(select);
        let mut report = FitReport { n_patterns: inputs.nrows(), warnings, ..FitReport::default() };
        let targets = outputs.as_ref().unwrap_or(&inputs).view();
        report.status = vec![NeuronStatus::Optimal; targets.ncols()];
        let solution = match &self.params.rule {
            Rule::OneShot { .. } => Solution {
                coefficients: targets.to_owned(),
                threshold: Array1::zeros(targets.ncols()),
                mean: None,
                factor: None,
            },
            Rule::MaxMargin(options) => self.margin(&kernel, inputs.view(), targets, options, &mut report)?,
            Rule::Interpolate(options) => self.interpolation(&kernel, inputs.view(), targets, options, &mut report)?,
        };
        let memory = KernelMemory::assemble(self.params, self.mode, kernel, inputs, outputs, solution);
        if report.condition_bound.is_some_and(|bound| bound > ILL_CONDITIONED) {
            report.warnings.push(format!(
                "the Gram matrix is ill-conditioned (condition number at least {:.1e}): coefficients lose that many digits; \
                 add a ridge, or take a kernel of shorter range",
                report.condition_bound.unwrap_or_default()
            ));
        }
        if !report.failing_neurons().is_empty() {
            memory.judge_failures(&mut report)?;
        }
        Ok((memory, report))
    }

    fn input_kind(&self, inputs: ArrayView2<f64>) -> StateKind {
        if all_binary(inputs) { StateKind::Binary } else { StateKind::Real }
    }

    fn margin(
        &self,
        kernel: &Kernel,
        inputs: ArrayView2<f64>,
        targets: ArrayView2<f64>,
        options: &MarginOptions,
        report: &mut FitReport,
    ) -> Result<Solution> {
        let solution = if self.params.excludes_self(self.mode) {
            solve_self_excluded(kernel, inputs, options, self.monitor)?
        } else {
            let kind = self.input_kind(inputs);
            solve_shared(&|| Gram::of(kernel, inputs, kind), targets, options, self.monitor)?
        };
        let MarginSolution { mut alpha, threshold, status, iterations } = solution;
        report.iterations = iterations;
        report.status = status;
        for column in alpha.columns() {
            let (sum, largest) = column.iter().fold((0.0_f64, 0.0_f64), |(sum, top), a| (sum + a, top.max(*a)));
            // sum alpha = ‖w‖^2 at a hard margin; a soft one is bounded by it.
            report.margins.push(if sum > 0.0 { 1.0 / sum.sqrt() } else { f64::INFINITY });
            report.n_support.push(column.iter().filter(|a| **a > 1e-10 * largest).count());
        }
        alpha *= &targets;
        Ok(Solution { coefficients: alpha, threshold, mean: None, factor: None })
    }

    fn interpolation(
        &self,
        kernel: &Kernel,
        inputs: ArrayView2<f64>,
        targets: ArrayView2<f64>,
        options: &InterpolationOptions,
        report: &mut FitReport,
    ) -> Result<Solution> {
        let mean = match options.centering {
            Centering::Mean => targets.mean_axis(Axis(0)),
            Centering::None => None,
        };
        let mut right = targets.to_owned();
        if let Some(mean) = &mean {
            right -= mean;
        }
        let threshold = Array1::zeros(targets.ncols());
        report.added_to_diagonal = options.ridge;
        if self.params.excludes_self(self.mode) {
            let coefficients = self.one_system_per_neuron(kernel, inputs, &right, options, report)?;
            return Ok(Solution { coefficients, threshold, mean, factor: None });
        }
        let kind = self.input_kind(inputs);
        let mut gram = Gram::of(kernel, inputs, kind)?;
        if options.normalization == Normalization::Sum {
            // P C = Y with P = D^-1 K is C = K^-1 D Y.
            for (mut row, sum) in right.rows_mut().into_iter().zip(gram.row_sums()) {
                row *= sum;
            }
        }
        gram.add_to_diagonal(options.ridge);
        self.monitor.check()?;
        // The right-hand sides are overwritten; where they are the targets themselves, no copy is needed to compare with.
        let changed = mean.is_some() || options.normalization == Normalization::Sum;
        let before = changed.then(|| right.clone());
        let factor = match options.solver {
            Solver::Cholesky => Some(Cholesky::of(gram).map_err(|pivot| not_positive_definite(kernel, pivot))?),
            Solver::Jitter => Some(self.with_jitter(kernel, gram, inputs, options.ridge, report)?),
            Solver::PseudoInverse => {
                right = pseudo_solve(gram, &right, report)?;
                None
            }
            Solver::Indefinite => {
                let full = gram.into_full();
                right = lu_solve(&full, &right);
                if right.iter().any(|c| !c.is_finite()) {
                    return Err(not_positive_definite(kernel, 0));
                }
                None
            }
        };
        self.monitor.check()?;
        if let Some(factor) = &factor {
            factor.solve_in_place(right.view_mut());
            report.condition_bound = Some(factor.condition_bound());
        }
        report_norms(&right, before.as_ref().map_or(targets, |before| before.view()), report);
        Ok(Solution { coefficients: right, threshold, mean, factor })
    }

    /// Adds more and more to the diagonal until the factorisation succeeds.
    fn with_jitter(
        &self,
        kernel: &Kernel,
        gram: Gram,
        inputs: ArrayView2<f64>,
        ridge: f64,
        report: &mut FitReport,
    ) -> Result<Cholesky> {
        let scale = gram.mean_diagonal();
        let mut pivot = match Cholesky::of(gram) {
            Ok(factor) => return Ok(factor),
            Err(pivot) => pivot,
        };
        for exponent in [-12, -11, -10, -9, -8, -7, -6] {
            let jitter = scale * 10_f64.powi(exponent);
            let mut gram = Gram::of(kernel, inputs, self.input_kind(inputs))?;
            gram.add_to_diagonal(ridge + jitter);
            match Cholesky::of(gram) {
                Ok(factor) => {
                    report.added_to_diagonal = ridge + jitter;
                    report.warnings.push(format!(
                        "the Gram matrix is singular to rounding; {jitter:.1e} was added to its diagonal"
                    ));
                    return Ok(factor);
                }
                Err(index) => pivot = index,
            }
        }
        Err(not_positive_definite(kernel, pivot))
    }

    /// Neurons that do not see themselves: a Gram matrix each, O(N M^3).
    fn one_system_per_neuron(
        &self,
        kernel: &Kernel,
        inputs: ArrayView2<f64>,
        right: &Array2<f64>,
        options: &InterpolationOptions,
        report: &mut FitReport,
    ) -> Result<Array2<f64>> {
        let n = inputs.ncols();
        let task = self.monitor.task("neurons", n as u64);
        let columns: Result<Vec<Vec<f64>>> = threads::install(|| {
            (0..n)
                .into_par_iter()
                .map(|i| {
                    self.monitor.check()?;
                    let mut full = gram_without(kernel, i, inputs);
                    full.diag_mut().mapv_inplace(|k| k + options.ridge);
                    let mut column = right.column(i).to_vec();
                    Cholesky::of(Gram::from_full(full.view()))
                        .map_err(|pivot| not_positive_definite(kernel, pivot))?
                        .solve(&mut column);
                    task.advance(1);
                    Ok(column)
                })
                .collect()
        });
        let mut coefficients = Array2::zeros(right.dim());
        for (mut out, column) in coefficients.columns_mut().into_iter().zip(columns?) {
            out.assign(&ArrayView1::from(&column));
        }
        report_norms(&coefficients, right.view(), report);
        Ok(coefficients)
    }
}

impl KernelMemory {
    /// Training error where a neuron has no solution.
    fn judge_failures(&self, report: &mut FitReport) -> Result<()> {
        let fields = self.field(self.patterns.view())?;
        let outputs = self.outputs();
        let wrong = fields.iter().zip(outputs).filter(|(h, y)| *h * *y <= 0.0).count();
        report.training_error = wrong as f64 / fields.len() as f64;
        let failing = report.failing_neurons();
        let shown: Vec<String> = failing.iter().take(10).map(usize::to_string).collect();
        let more = if failing.len() > 10 { ", ..." } else { "" };
        report.warnings.push(format!(
            "{} of {} neurons do not store all patterns (neurons {}{more}; {:.2} % of all answers are wrong): take a kernel \
             with more dimensions, fewer patterns, or a soft margin",
            failing.len(),
            report.status.len(),
            shown.join(", "),
            100.0 * report.training_error
        ));
        Ok(())
    }
}

/// `‖w_i‖^2 = c_i^T K c_i = c_i^T (right - ridge c_i)`, and how many patterns take part.
fn report_norms(coefficients: &Array2<f64>, right: ArrayView2<f64>, report: &mut FitReport) {
    let n = coefficients.ncols();
    let (mut norm2, mut largest) = (vec![0.0; n], vec![0.0_f64; n]);
    for (c, y) in coefficients.rows().into_iter().zip(right.rows()) {
        for (i, (c, y)) in c.iter().zip(y).enumerate() {
            norm2[i] += c * (y - report.added_to_diagonal * c);
            largest[i] = largest[i].max(c.abs());
        }
    }
    let mut support = vec![0; n];
    for row in coefficients.rows() {
        for (i, c) in row.iter().enumerate() {
            support[i] += usize::from(c.abs() > 1e-10 * largest[i]);
        }
    }
    report.margins = norm2.iter().map(|w| if *w > 0.0 { 1.0 / w.sqrt() } else { f64::INFINITY }).collect();
    report.n_support = support;
}

pub(crate) fn not_positive_definite(kernel: &Kernel, pivot: usize) -> Error {
    let mut advice = String::from(
        "remove patterns that are (nearly) determined by others, add a ridge, or choose the solver with jitter or the \
         pseudo-inverse",
    );
    if let Kernel::GeneralizedExponential { beta, .. } = kernel
        && *beta > 2.0
    {
        advice.push_str(
            "; with an exponent above 2 this kernel is positive definite only if the patterns lie far apart compared with \
             the radius: take a smaller radius, or an exponent of at most 2",
        );
    }
    Error::NotPositiveDefinite { kernel: kernel.name(), pivot, advice }
}

/// Least squares of least norm by eigenvalues.
fn pseudo_solve(gram: Gram, right: &Array2<f64>, report: &mut FitReport) -> Result<Array2<f64>> {
    let full = gram.into_full();
    let view = full.view();
    let eigen = matrix(&view).self_adjoint_eigen(faer::Side::Lower).map_err(|_| {
        Error::unsupported("the pseudo-inverse", "the eigenvalues did not converge", "use a ridge instead")
    })?;
    let (values, vectors) = (eigen.S().column_vector(), eigen.U());
    let m = full.nrows();
    let largest = (0..m).fold(0.0_f64, |largest, i| largest.max(values[i].abs()));
    let cut = largest * m as f64 * f64::EPSILON;
    let right_view = right.view();
    let mut projected = vectors.transpose() * matrix(&right_view);
    for j in 0..projected.ncols() {
        for i in 0..m {
            projected[(i, j)] = if values[i].abs() > cut { projected[(i, j)] / values[i] } else { 0.0 };
        }
    }
    let solution = vectors * projected;
    let solution = Array2::from_shape_fn(right.dim(), |(i, j)| solution[(i, j)]);
    let answer = crate::product::multiply(full.view(), solution.view());
    report.residual = answer.iter().zip(right).fold(0.0, |worst: f64, (a, y)| worst.max((a - y).abs()));
    if report.residual > 1e-6 {
        report.warnings.push(format!(
            "the outputs do not lie in the range of the Gram matrix: the largest deviation from a stored output is {:.1e}",
            report.residual
        ));
    }
    Ok(solution)
}

fn lu_solve(full: &Array2<f64>, right: &Array2<f64>) -> Array2<f64> {
    let (full, view) = (full.view(), right.view());
    let solution = matrix(&full).partial_piv_lu().solve(matrix(&view));
    Array2::from_shape_fn(right.dim(), |(i, j)| solution[(i, j)])
}
