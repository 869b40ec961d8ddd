//! What a fitted memory really stores: its answers to the stored inputs, held against the stored outputs.
//!
//! A binary answer is as stored if the field has the sign of the output (a field of zero decides nothing and counts as
//! wrong); a real one if it deviates by less than a millionth of the largest output. Where the way to the coefficients
//! proves as much, nothing is measured: a backward stable solution of `K C = Y` answers within `4 M eps max K sum |c|`.

use ndarray::{Array2, ArrayView2, Axis, s};
use neuropil_core::progress::Monitor;

use super::self_exclusion::SelfTerm;
use super::{FitReport, KernelMemory, Rule};
use crate::associative_memory::StateKind;
use crate::error::Result;
use crate::kernel::Inputs;
use crate::margin::NeuronStatus;

/// Rows that are answered at a time.
const ROWS: usize = 2048;
/// A real answer is as stored if it deviates by less than this fraction of the largest output.
pub(super) const AS_STORED: f64 = 1e-6;
/// Patterns of a one-shot memory that are asked: storing costs nothing, and asking all would cost M^2 N.
const ASKED: usize = 4096;

impl KernelMemory {
    /// Writes training error and residual into the report of a fit, measured or proved.
    pub(super) fn judge_fit(&self, report: &mut FitReport, proved: Option<f64>, monitor: &Monitor) -> Result<()> {
        let sound = report.status.iter().all(|status| matches!(status, NeuronStatus::Optimal | NeuronStatus::OneClass));
        let largest = largest_entry(self.outputs());
        // A margin of at least one half after all rounding is a right answer.
        let enough = if self.params.states == StateKind::Binary { 0.5 } else { AS_STORED * largest };
        if let Some(bound) = proved.filter(|bound| sound && *bound < enough) {
            report.n_judged = self.n_patterns();
            report.neuron_error = vec![0.0; self.n_out()];
            if matches!(self.params.rule, Rule::Interpolate(_)) {
                report.residual = bound;
            }
            return Ok(());
        }
        let asked = if matches!(self.params.rule, Rule::OneShot { .. }) { ASKED } else { usize::MAX };
        let m = self.n_patterns();
        if m <= asked {
            return self.judge(self.patterns(), self.outputs(), report, monitor);
        }
        let rows: Vec<usize> = (0..asked).map(|i| i * m / asked).collect();
        let (inputs, targets) = (self.patterns.select(Axis(0), &rows), self.outputs().select(Axis(0), &rows));
        report.warnings.push(format!("answers were compared with what is stored for {asked} of the {m} patterns only"));
        self.judge(inputs.view(), targets.view(), report, monitor)
    }

    /// How well the answers match stored outputs, block by block.
    pub(super) fn judge(
        &self,
        inputs: ArrayView2<f64>,
        targets: ArrayView2<f64>,
        report: &mut FitReport,
        monitor: &Monitor,
    ) -> Result<()> {
        let binary = self.params.states == StateKind::Binary;
        let tolerance = AS_STORED * largest_entry(targets);
        let mut wrong = vec![0_usize; targets.ncols()];
        let task = monitor.task("answers", inputs.nrows() as u64);
        report.residual = 0.0;
        for start in (0..inputs.nrows()).step_by(ROWS) {
            monitor.check()?;
            let rows = s![start..(start + ROWS).min(inputs.nrows()), ..];
            let answers = self.field(inputs.slice(rows))?;
            for (answers, targets) in answers.rows().into_iter().zip(targets.slice(rows).rows()) {
                for ((answer, target), wrong) in answers.iter().zip(targets).zip(&mut wrong) {
                    let deviation = (answer - target).abs();
                    report.residual = report.residual.max(deviation);
                    *wrong += usize::from(if binary { !(answer * target > 0.0) } else { !(deviation <= tolerance) });
                }
            }
            task.advance(answers.nrows() as u64);
        }
        if !matches!(self.params.rule, Rule::Interpolate(_)) && binary {
            // Fields are not meant to equal the outputs.
            report.residual = 0.0;
        }
        report.n_judged = inputs.nrows();
        let all = inputs.nrows() as f64;
        report.neuron_error = wrong.iter().map(|wrong| *wrong as f64 / all).collect();
        report.training_error = wrong.iter().sum::<usize>() as f64 / (all * wrong.len() as f64);
        self.name_failures(report);
        Ok(())
    }

    fn name_failures(&self, report: &mut FitReport) {
        let failing = report.failing_neurons();
        let one_shot = matches!(self.params.rule, Rule::OneShot { .. });
        let real = self.params.states == StateKind::Real;
        // A ridge and one-shot storage of real patterns are chosen for what they do not store exactly.
        if failing.is_empty() || (real && (one_shot || report.added_to_diagonal > 0.0)) {
            return;
        }
        let shown: Vec<String> = failing.iter().take(10).map(usize::to_string).collect();
        let advice = match self.params.rule {
            Rule::MaxMargin(_) => "a kernel with more dimensions, fewer patterns, or a soft margin",
            Rule::OneShot { .. } => "a kernel with more dimensions, fewer patterns, or the maximal margin",
            Rule::Interpolate(_) => "a kernel of shorter range, or fewer patterns",
        };
        report.warnings.push(format!(
            "{} of {} neurons do not store all patterns (neurons {}{}; {:.2} % of all answers are wrong): take {advice}",
            failing.len(),
            report.status.len(),
            shown.join(", "),
            if failing.len() > 10 { ", ..." } else { "" },
            100.0 * report.training_error
        ));
    }

    /// A bound on what rounding does to an answer if the coefficients solve their equations stably.
    pub(super) fn rounding(&self, largest_kernel_value: f64) -> f64 {
        let sums = self.coefficients.mapv(f64::abs).sum_axis(Axis(0));
        let largest = sums.iter().fold(0.0_f64, |largest, sum| largest.max(*sum));
        4.0 * self.n_patterns() as f64 * f64::EPSILON * largest_kernel_value * largest
    }

    /// The largest kernel value between stored patterns; of both parts where neurons do not see themselves.
    pub(super) fn largest_kernel_value(&self) -> f64 {
        let n = self.patterns.ncols();
        match (&self.self_term, &self.tables.kernel, &self.tables.difference) {
            (SelfTerm::Included | SelfTerm::Exact, ..) => {
                let all = Inputs::all(n);
                self.norms2.iter().fold(0.0_f64, |top, x| top.max(self.kernel.value(*x, *x, *x, 0.0, all).abs()))
            }
            (_, Some(b), Some(a)) => b.at(n as f64).abs() + a.at(n as f64).abs(),
            _ => f64::INFINITY,
        }
    }
}

fn largest_entry(values: ArrayView2<f64>) -> f64 {
    values.iter().fold(f64::MIN_POSITIVE, |largest, x| largest.max(x.abs()))
}

/// `‖w_i‖^2 = c_i^T K c_i = c_i^T (right - added c_i)`, and how many patterns take part.
pub(super) fn report_norms(coefficients: &Array2<f64>, right: ArrayView2<f64>, report: &mut FitReport) {
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
