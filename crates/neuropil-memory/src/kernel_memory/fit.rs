//! Fitting: from patterns to coefficients.

use ndarray::{Array1, Array2, ArrayView2, Axis, s};
use neuropil_core::progress::Monitor;

use super::field::FieldTables;
use super::judgement::report_norms;
use super::linear_system::{self, Solved};
use super::self_exclusion::{SelfTerm, one_system_per_neuron};
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
    if params.rule.normalization() == Normalization::Sum && params.kernel.can_be_negative() {
        return Err(kernel_takes_both_signs(&params.kernel));
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
        let (solution, accuracy) = match &self.params.rule {
            Rule::OneShot { .. } => {
                let threshold = Array1::zeros(targets.ncols());
                (Solution { coefficients: targets.to_owned(), threshold, mean: None, factor: None }, Accuracy::Unknown)
            }
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
        let proved = match accuracy {
            Accuracy::Unknown => None,
            Accuracy::Margins { tolerance } => Some(tolerance + memory.rounding(memory.largest_kernel_value())),
            Accuracy::Stable { largest_kernel_value, smallest_sum } => {
                Some(memory.rounding(largest_kernel_value) / smallest_sum)
            }
        };
        memory.judge_fit(&mut report, proved, self.monitor)?;
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
    ) -> Result<(Solution, Accuracy)> {
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
        let hard = options.softness.is_infinite();
        let accuracy = if hard { Accuracy::Margins { tolerance: options.tolerance } } else { Accuracy::Unknown };
        Ok((Solution { coefficients: alpha, threshold, mean: None, factor: None }, accuracy))
    }

    fn interpolation(
        &self,
        kernel: &Kernel,
        inputs: ArrayView2<f64>,
        targets: ArrayView2<f64>,
        options: &InterpolationOptions,
        report: &mut FitReport,
    ) -> Result<(Solution, Accuracy)> {
        let mean = match options.centering {
            Centering::Mean => targets.mean_axis(Axis(0)),
            Centering::None => None,
        };
        let mut right = targets.to_owned();
        if let Some(mean) = &mean {
            right -= mean;
        }
        let threshold = Array1::zeros(targets.ncols());
        self.monitor.check()?;
        // The right-hand sides are overwritten; where they are the targets themselves, no copy is needed to compare with.
        let changed = mean.is_some() || options.normalization == Normalization::Sum;
        let before;
        let (solved, smallest_sum) = if self.params.excludes_self(self.mode) {
            before = mean.is_some().then(|| right.clone());
            (one_system_per_neuron(kernel, inputs, &right, options, report, self.monitor)?, 1.0)
        } else {
            let kind = self.input_kind(inputs);
            let gram = || Gram::of(kernel, inputs, kind);
            let first = gram()?;
            let mut smallest_sum = 1.0;
            if options.normalization == Normalization::Sum {
                let sums = first.row_sums();
                smallest_sum = sums.iter().copied().fold(f64::INFINITY, f64::min);
                if !(smallest_sum > 0.0) {
                    return Err(kernel_takes_both_signs(kernel));
                }
                // P C = Y with P = D^-1 K is C = K^-1 D Y.
                for (mut row, sum) in right.rows_mut().into_iter().zip(sums) {
                    row *= sum;
                }
            }
            before = changed.then(|| right.clone());
            let solved = linear_system::solve(kernel, first, &gram, right, options)?;
            report.condition_bound = solved.factor.as_ref().map(Cholesky::condition_bound);
            (solved, smallest_sum)
        };
        self.monitor.check()?;
        let Solved { coefficients, factor, jitter, largest_diagonal } = solved;
        report.added_to_diagonal = options.ridge + jitter;
        if jitter > 0.0 {
            report
                .warnings
                .push(format!("the Gram matrix is singular to rounding; {jitter:.1e} was added to its diagonal"));
        }
        report_norms(&coefficients, before.as_ref().map_or(targets, |before| before.view()), report);
        let by_cholesky = matches!(options.solver, Solver::Cholesky | Solver::Jitter);
        let accuracy = if by_cholesky && report.added_to_diagonal == 0.0 {
            Accuracy::Stable { largest_kernel_value: largest_diagonal, smallest_sum }
        } else {
            Accuracy::Unknown
        };
        Ok((Solution { coefficients, threshold, mean, factor }, accuracy))
    }
}

/// What is known about the answers without asking.
enum Accuracy {
    /// Nothing.
    Unknown,
    /// Margins of at least one less the tolerance, where the status is optimal.
    Margins { tolerance: f64 },
    /// A backward stable solution of the equations themselves.
    Stable { largest_kernel_value: f64, smallest_sum: f64 },
}

fn kernel_takes_both_signs(kernel: &Kernel) -> Error {
    Error::unsupported(
        "normalization",
        format!("the {} kernel takes both signs, so that the sum that it is divided by can vanish", kernel.name()),
        "use a kernel that is never negative (gaussian, gexp, ball, exponential, even powers), or no normalization",
    )
}
