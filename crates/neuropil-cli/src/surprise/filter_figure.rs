//! The figure of `neuropil surprise filter`, and the unit of its surprise.

use neuropil_core::progress::Monitor;
use neuropil_report::{ColourScale, Figure, HeatMap, Panel};
use neuropil_surprise::filter::FilterResult;
use neuropil_surprise::model::ChangePointLearner;

use crate::failure::{Failure, Result};
use crate::surprise::input_args::Sequence;
use crate::surprise::observations::{belief_panel, trace_panel};

/// The unit of logarithmic columns.
pub(crate) struct LogUnit {
    /// End of the names of the columns.
    suffix: String,
    /// How a figure calls it.
    label: String,
    /// One nat in this unit.
    per_nat: f64,
}

impl LogUnit {
    pub fn of(base: Option<f64>) -> Result<Self> {
        let Some(base) = base else {
            return Ok(Self { suffix: "nat".to_owned(), label: "nat".to_owned(), per_nat: 1.0 });
        };
        if !(base > 1.0 && base.is_finite()) {
            let message = format!("--log-base must be larger than 1 and finite, got {base}");
            return Err(Failure::usage(message).hint("leave it out for natural logarithms"));
        }
        Ok(Self { suffix: format!("log{base}"), label: format!("log base {base}"), per_nat: 1.0 / base.ln() })
    }

    pub fn name(&self, measure: &str) -> String {
        format!("{measure}_{}", self.suffix)
    }

    pub fn convert(&self, nats: f64) -> f64 {
        nats * self.per_nat
    }
}

/// The longest run length that the heat map shows by itself; the top row also holds everything longer.
const LONGEST_SHOWN: usize = 200;
/// Sequences beyond this have no heat map: it would be a matrix of hundreds of megabytes for a few hundred pixels.
const MOST_COLUMNS: usize = 50_000;

/// Posterior over the run length, where the learner holds one, as rows of run length.
pub(crate) fn run_lengths(
    input: &Sequence,
    learner: &ChangePointLearner,
    result: &FilterResult,
    monitor: &Monitor,
) -> Result<Option<Vec<Vec<f64>>>> {
    let longest = result.map_run_length.iter().flatten().max().map_or(1, |&longest| longest as usize);
    let longest = (longest + longest / 4 + 1).min(LONGEST_SHOWN);
    if !matches!(learner.method.name(), "exact" | "mp" | "sor") || input.values.nrows() > MOST_COLUMNS {
        return Ok(None);
    }
    let course = learner.run_length_course(input.values.view(), &input.blocks, longest, monitor)?;
    Ok(Some(course.columns().into_iter().map(|column| column.to_vec()).collect()))
}

fn run_length_panel(rows: Vec<Vec<f64>>) -> Panel {
    let (longest, steps) = (rows.len() as f64, rows.first().map_or(0, Vec::len) as f64);
    let rows = rows.into_iter().map(|row| row.into_iter().map(|p| p.max(LEAST_SHOWN)).collect()).collect();
    let map = HeatMap::new(rows)
        .x_extent(-0.5, steps - 0.5)
        .y_extent(0.5, longest + 0.5)
        .scale(ColourScale::Log)
        .range(LEAST_SHOWN, 1.0)
        .colour_label("probability");
    Panel::new()
        .title("Run length")
        .x_label("index of the observation")
        .y_label("run length")
        .height(200.0)
        .heatmap(map)
}

/// Probabilities below this have the colour of zero.
const LEAST_SHOWN: f64 = 1e-4;

pub(crate) fn figure(
    input: &Sequence,
    learner: &ChangePointLearner,
    result: &FilterResult,
    unit: &LogUnit,
    run_lengths: Option<Vec<Vec<f64>>>,
) -> Figure {
    let mut figure = Figure::new("filter", format!("Filtering with {}", learner.method.name()))
        .describe(
            "Observations with the mean and standard deviation of the belief, the Shannon surprise of each \
             observation, the adaptation rate, and, where the learner holds one, the posterior over the number of \
             observations since the last change.",
        )
        .columns(1)
        .share_x()
        .panel(belief_panel(input, result.mean.as_ref(), result.variance.as_ref()));
    if let Some(surprise) = &result.shannon_surprise {
        let surprise = surprise.mapv(|nats| unit.convert(nats)).to_vec();
        figure = figure.panel(trace_panel(input, "Shannon surprise", &format!("surprise ({})", unit.label), &surprise));
    }
    let rate = trace_panel(input, "Adaptation rate", "rate", &result.adaptation_rate.to_vec()).y_range(0.0, 1.0);
    figure = figure.panel(rate);
    match run_lengths {
        Some(rows) => figure.panel(run_length_panel(rows)),
        None => figure,
    }
}
