//! What the verbs say about a sequence: the table per observation, lines of the summary, panels.

use std::ops::Range;

use ndarray::{Array2, ArrayView1, Axis, s};
use neuropil_report::{Colour, Panel, Stroke};
use neuropil_surprise::model::ChangePointLearner;

use crate::delivery::Summary;
use crate::options::Context;
use crate::outputs::ResultTable;
use crate::surprise::input_args::Sequence;

/// Warns where the prior expects nothing like the observations.
pub(crate) fn warn_of_prior(context: &Context<'_>, learner: &ChangePointLearner, input: &Sequence) {
    if let Some(conflict) = learner.prior_conflict(input.values.view()) {
        context.console.warn(conflict);
    }
}

/// Index, labels and observations: the left part of a table with one row per observation.
pub(crate) fn observations(input: &Sequence) -> ResultTable {
    observations_within(input, 0..input.values.nrows())
}

/// [`observations`] of a part of the sequence.
pub(crate) fn observations_within(input: &Sequence, rows: Range<usize>) -> ResultTable {
    let mut table = ResultTable::default();
    table.integers("index", rows.clone().map(|t| t as i64));
    for (name, labels) in &input.labels {
        table.text(name.clone(), labels[rows.clone()].iter().cloned());
    }
    for (name, column) in input.names.iter().zip(input.values.slice(s![rows, ..]).axis_iter(Axis(1))) {
        table.numbers(name.clone(), column.iter().copied());
    }
    table
}

/// Adds a matrix: one column per dimension, numbered from 1 where there are several.
pub(crate) fn add_estimate(table: &mut ResultTable, name: &str, values: &Array2<f64>) {
    for (label, column) in numbered(name, values) {
        table.numbers(label, column.iter().copied());
    }
}

/// The columns of a matrix with their names.
pub(crate) fn numbered<'a>(
    name: &'a str,
    values: &'a Array2<f64>,
) -> impl Iterator<Item = (String, ArrayView1<'a, f64>)> {
    let several = values.ncols() > 1;
    let label = move |d: usize| if several { format!("{name}_{}", d + 1) } else { name.to_owned() };
    values.axis_iter(Axis(1)).enumerate().map(move |(d, column)| (label(d), column))
}

impl Summary {
    pub fn of(input: &Sequence) -> Self {
        let mut summary = Self::default();
        let missing = input.values.outer_iter().filter(|row| row.iter().any(|value| value.is_nan())).count();
        let blocks = match input.blocks.count() {
            1 => String::new(),
            n => format!(" in {n} blocks"),
        };
        summary.line("observations", format!("{}{blocks}, {missing} missing", input.values.nrows()));
        summary
    }

    /// The largest values of a trace with their indices, block starts left out.
    pub fn largest(&mut self, name: &str, trace: impl IntoIterator<Item = f64>, input: &Sequence) {
        let mut largest = Largest::default();
        trace.into_iter().enumerate().for_each(|(t, value)| largest.offer(t, value, input));
        self.list(name, &largest);
    }

    /// Values with their indices.
    pub fn list(&mut self, name: &str, largest: &Largest) {
        for (t, value) in &largest.found {
            self.line(&format!("{name} at {t}"), format!("{value:.4}"));
        }
    }
}

/// The largest values of a trace, the largest first; the earlier one first where two are equal.
#[derive(Debug, Default)]
pub(crate) struct Largest {
    found: Vec<(usize, f64)>,
}

impl Largest {
    const KEPT: usize = 5;

    /// Takes the value at index `t`, unless a block starts there or nothing was observed.
    pub fn offer(&mut self, t: usize, value: f64, input: &Sequence) {
        if input.values.row(t).iter().any(|value| value.is_nan()) {
            return;
        }
        let place = self.found.partition_point(|(_, other)| other.total_cmp(&value).is_ge());
        if place < Self::KEPT && input.blocks.starts().binary_search(&t).is_err() {
            self.found.insert(place, (t, value));
            self.found.truncate(Self::KEPT);
        }
    }
}

/// Observations as points, with mean and standard deviation of a belief.
pub(crate) fn belief_panel(input: &Sequence, mean: Option<&Array2<f64>>, variance: Option<&Array2<f64>>) -> Panel {
    let x = indices(input);
    let mut panel = observation_panel(input).title("Observations and belief");
    let Some(mean) = mean else { return panel };
    let one = mean.ncols() == 1;
    for (d, (label, column)) in numbered("mean", mean).enumerate() {
        let center = column.to_vec();
        if let Some(variance) = variance {
            let sd = variance.column(d).mapv(f64::sqrt);
            let (lo, hi): (Vec<f64>, Vec<f64>) = center.iter().zip(&sd).map(|(m, s)| (m - s, m + s)).unzip();
            panel = panel.band(format!("{label} ± sd"), &x, &lo, &hi);
            panel = if one { panel.colour(Colour::Vermillion) } else { panel };
        }
        panel = panel.line(label, &x, &center).stroke(Stroke::Solid);
        panel = if one { panel.colour(Colour::Vermillion) } else { panel };
    }
    panel
}

/// The observations as small points.
pub(crate) fn observation_panel(input: &Sequence) -> Panel {
    let x = indices(input);
    let panel = Panel::new().y_label(input.names.join(", "));
    input.names.iter().zip(input.values.axis_iter(Axis(1))).fold(panel, |panel, (name, column)| {
        let panel = panel.points(name.clone(), &x, &column.to_vec()).size(2.0);
        if input.names.len() == 1 { panel.colour(Colour::Blue) } else { panel }
    })
}

/// A trace over the observations, below others that share its axis.
pub(crate) fn trace_panel(input: &Sequence, title: &str, unit: &str, trace: &[f64]) -> Panel {
    let panel = Panel::new().title(title).x_label("index of the observation").y_label(unit).height(140.0);
    panel.line(title.to_lowercase(), &indices(input), trace).colour(Colour::Blue).stroke(Stroke::Solid)
}

/// 0, 1, 2, ... as the horizontal axis.
pub(crate) fn indices(input: &Sequence) -> Vec<f64> {
    (0..input.values.nrows()).map(|t| t as f64).collect()
}
