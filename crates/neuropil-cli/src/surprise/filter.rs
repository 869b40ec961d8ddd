//! `neuropil surprise filter`.

use clap::Args;
use ndarray::{Array1, Array2, ArrayD, arr0};
use neuropil_core::progress::Monitor;
use neuropil_report::{ColourScale, Figure, HeatMap, Panel};
use neuropil_surprise::filter::FilterResult;
use neuropil_surprise::model::{ChangePointLearner, FilterOptions};
use neuropil_surprise::regressors::{RegressorOptions, regressors};
use serde_json::json;

use crate::failure::{Failure, Result};
use crate::options::Context;
use crate::outputs::{Outputs, ResultTable};
use crate::surprise::delivery::{Delivery, Summary, add_estimate, belief_panel, observations, trace_panel};
use crate::surprise::input_args::{InputArgs, Sequence};
use crate::surprise::model_args::ModelArgs;

/// Follow a sequence: belief, surprise and adaptation rate after every observation
///
/// One row per observation: mean and variance of the estimated parameter after it, Bayes Factor surprise, Shannon
/// surprise (nat), adaptation rate (for Bayesian learners the probability of a change just before the observation),
/// most probable run length. Save them with --out: a csv, npz or json file, or a folder for all three.
#[derive(Debug, Args)]
#[command(after_help = r"Examples:
  neuropil surprise filter data/nile.csv --column flow_1e8_m3 \
      --sigma 130 --prior-mean 900 --prior-sd 200
  neuropil surprise filter data/gaussian_task.csv --column y --sigma 0.1 \
      --method varsmile --out filtered.csv --plot filtered.svg")]
pub(crate) struct FilterArgs {
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    model: ModelArgs,
    /// Add the other measures of surprise as columns: prediction errors, Bayesian, postdictive and
    /// confidence-corrected surprise, free energy
    #[arg(long, help_heading = "Output")]
    regressors: bool,
    /// Base of the logarithm of the surprise columns, named after it: 10 is the unit of the published result files, 2
    /// gives bits [default: natural]; the log evidence stays in nat
    #[arg(long, value_name = "BASE", help_heading = "Output", allow_negative_numbers = true)]
    log_base: Option<f64>,
}

/// The unit of logarithmic columns.
struct LogUnit {
    /// End of the names of the columns.
    suffix: String,
    /// How a figure calls it.
    label: String,
    /// One nat in this unit.
    per_nat: f64,
}

impl LogUnit {
    fn of(base: Option<f64>) -> Result<Self> {
        let Some(base) = base else {
            return Ok(Self { suffix: "nat".to_owned(), label: "nat".to_owned(), per_nat: 1.0 });
        };
        if !(base > 1.0 && base.is_finite()) {
            let message = format!("--log-base must be larger than 1 and finite, got {base}");
            return Err(Failure::usage(message).hint("leave it out for natural logarithms"));
        }
        Ok(Self { suffix: format!("log{base}"), label: format!("log base {base}"), per_nat: 1.0 / base.ln() })
    }

    fn name(&self, measure: &str) -> String {
        format!("{measure}_{}", self.suffix)
    }

    fn convert(&self, nats: f64) -> f64 {
        nats * self.per_nat
    }
}

pub(crate) fn run(args: &FilterArgs, context: &Context<'_>) -> Result<i32> {
    let outputs = Outputs::plan(context.global, "filter")?;
    let unit = LogUnit::of(args.log_base)?;
    let input = args.input.read()?;
    let learner = args.model.learner(&input, context.global.seed)?;
    let options =
        FilterOptions { blocks: Some(input.blocks.clone()), monitor: context.monitor(), ..FilterOptions::default() };
    let result = learner.filter_with(input.values.view(), &options)?;
    let mut table = table(&input, &result, &unit);
    let mut arrays = arrays(&result, &unit);
    if args.regressors {
        add_regressors(&mut table, &mut arrays, &input, &learner, &unit, &options.monitor)?;
    }
    let run_lengths = match context.global.plot {
        Some(_) => run_lengths(&input, &learner, &result, &options.monitor)?,
        None => None,
    };
    let delivery = Delivery {
        command: "surprise filter",
        parameters: result.provenance.parameters.clone(),
        input: input.describe(result.provenance.input.as_deref()),
        result: json!({
            "log_evidence": result.log_evidence,
            "dropped_mass": result.dropped_mass,
        }),
        table,
        table_key: "columns",
        arrays,
        summary: summary(&input, &learner, &result),
    };
    delivery.deliver(context, &outputs, || figure(&input, &learner, &result, &unit, run_lengths))
}

/// One row per observation.
fn table(input: &Sequence, result: &FilterResult, unit: &LogUnit) -> ResultTable {
    let mut table = observations(input);
    for (name, values) in [("mean", &result.mean), ("variance", &result.variance)] {
        if let Some(values) = values {
            add_estimate(&mut table, name, values);
        }
    }
    if let Some(surprise) = &result.bayes_factor_surprise {
        table.numbers("bayes_factor_surprise", surprise.iter().copied());
    }
    if let Some(surprise) = &result.shannon_surprise {
        table.numbers(unit.name("shannon_surprise"), surprise.iter().map(|&nats| unit.convert(nats)));
    }
    table.numbers("adaptation_rate", result.adaptation_rate.iter().copied());
    if let Some(run_length) = &result.map_run_length {
        table.integers("map_run_length", run_length.iter().map(|&run_length| run_length as i64));
    }
    table
}

/// The measures that the filter does not compute along the way, with their unit in the name.
fn add_regressors(
    table: &mut ResultTable,
    arrays: &mut Vec<(String, ArrayD<f64>)>,
    input: &Sequence,
    learner: &ChangePointLearner,
    unit: &LogUnit,
    monitor: &Monitor,
) -> Result<()> {
    const KNOWN: [&str; 4] = ["shannon_surprise", "bayes_factor_surprise", "change_probability", "adaptation_rate"];
    let options = RegressorOptions { blocks: Some(input.blocks.clone()), monitor: monitor.clone() };
    let regressors = regressors(learner, input.values.view(), &options)?;
    for mut column in regressors.columns {
        if KNOWN.contains(&column.name.as_str()) || column.name.starts_with("estimate") {
            continue;
        }
        let mut name = column.name;
        if column.unit == "nat" {
            name = unit.name(&name);
            column.values.iter_mut().for_each(|value| *value = unit.convert(*value));
        }
        arrays.push((name.clone(), Array1::from(column.values.clone()).into_dyn()));
        table.numbers(name, column.values);
    }
    Ok(())
}

fn arrays(result: &FilterResult, unit: &LogUnit) -> Vec<(String, ArrayD<f64>)> {
    let vector = |array: &Option<Array1<f64>>| array.clone().map(Array1::into_dyn);
    let shannon = result.shannon_surprise.as_ref().map(|surprise| surprise.mapv(|nats| unit.convert(nats)).into_dyn());
    let shannon_name = unit.name("shannon_surprise");
    [
        ("mean", result.mean.clone().map(Array2::into_dyn)),
        ("variance", result.variance.clone().map(Array2::into_dyn)),
        ("bayes_factor_surprise", vector(&result.bayes_factor_surprise)),
        (shannon_name.as_str(), shannon),
        ("adaptation_rate", Some(result.adaptation_rate.clone().into_dyn())),
        ("map_run_length", result.map_run_length.as_ref().map(|run| run.mapv(|n| n as f64).into_dyn())),
        ("log_evidence", result.log_evidence.map(|value| arr0(value).into_dyn())),
    ]
    .into_iter()
    .filter_map(|(name, array)| array.map(|array| (name.to_owned(), array)))
    .collect()
}

fn summary(input: &Sequence, learner: &ChangePointLearner, result: &FilterResult) -> String {
    let mut summary = Summary::of(input);
    summary.line("family", learner.family.name());
    summary.line("method", learner.method.name());
    if let Some(evidence) = result.log_evidence {
        summary.line("log evidence", format!("{evidence:.4} nat"));
    }
    if let Some(last) = result.mean.as_ref().and_then(|mean| mean.outer_iter().next_back()) {
        let values: Vec<String> = last.iter().map(|value| format!("{value:.6}")).collect();
        summary.line("last mean", values.join(" "));
    }
    if result.dropped_mass > 0.0 {
        summary.line("dropped mass", format!("{:.1e}", result.dropped_mass));
    }
    summary.largest("adaptation rate", result.adaptation_rate.iter().copied(), input);
    summary.append("")
}

/// The longest run length that the heat map shows by itself; the top row also holds everything longer.
const LONGEST_SHOWN: usize = 200;
/// Sequences beyond this have no heat map: it would be a matrix of hundreds of megabytes for a few hundred pixels.
const MOST_COLUMNS: usize = 50_000;

/// Posterior over the run length, where the learner holds one, as rows of run length.
fn run_lengths(
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

fn figure(
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
