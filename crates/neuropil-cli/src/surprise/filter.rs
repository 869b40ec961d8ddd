//! `neuropil surprise filter`.

use clap::Args;
use ndarray::{Array1, Array2, ArrayD, arr0};
use neuropil_core::progress::Monitor;
use neuropil_report::Figure;
use neuropil_surprise::filter::FilterResult;
use neuropil_surprise::model::{ChangePointLearner, FilterOptions};
use neuropil_surprise::regressors::{RegressorOptions, regressors};
use serde_json::json;

use crate::failure::Result;
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
}

pub(crate) fn run(args: &FilterArgs, context: &Context<'_>) -> Result<i32> {
    let outputs = Outputs::plan(context.global, "filter")?;
    let input = args.input.read()?;
    let learner = args.model.learner(&input, context.global.seed)?;
    let options =
        FilterOptions { blocks: Some(input.blocks.clone()), monitor: context.monitor(), ..FilterOptions::default() };
    let result = learner.filter_with(input.values.view(), &options)?;
    let mut table = table(&input, &result);
    let mut arrays = arrays(&result);
    if args.regressors {
        add_regressors(&mut table, &mut arrays, &input, &learner, &options.monitor)?;
    }
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
    delivery.deliver(context, &outputs, || figure(&input, &learner, &result))
}

/// One row per observation.
fn table(input: &Sequence, result: &FilterResult) -> ResultTable {
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
        table.numbers("shannon_surprise_nat", surprise.iter().copied());
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
    monitor: &Monitor,
) -> Result<()> {
    const KNOWN: [&str; 4] = ["shannon_surprise", "bayes_factor_surprise", "change_probability", "adaptation_rate"];
    let options = RegressorOptions { blocks: Some(input.blocks.clone()), monitor: monitor.clone() };
    let regressors = regressors(learner, input.values.view(), &options)?;
    for column in regressors.columns {
        if KNOWN.contains(&column.name.as_str()) || column.name.starts_with("estimate") {
            continue;
        }
        let name = if column.unit == "nat" { format!("{}_nat", column.name) } else { column.name };
        arrays.push((name.clone(), Array1::from(column.values.clone()).into_dyn()));
        table.numbers(name, column.values);
    }
    Ok(())
}

fn arrays(result: &FilterResult) -> Vec<(String, ArrayD<f64>)> {
    let vector = |array: &Option<Array1<f64>>| array.clone().map(Array1::into_dyn);
    [
        ("mean", result.mean.clone().map(Array2::into_dyn)),
        ("variance", result.variance.clone().map(Array2::into_dyn)),
        ("bayes_factor_surprise", vector(&result.bayes_factor_surprise)),
        ("shannon_surprise_nat", vector(&result.shannon_surprise)),
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

fn figure(input: &Sequence, learner: &ChangePointLearner, result: &FilterResult) -> Figure {
    let mut figure = Figure::new("filter", format!("Filtering with {}", learner.method.name()))
        .describe(
            "Observations with the mean and standard deviation of the belief, the Shannon surprise of each \
             observation, and the adaptation rate.",
        )
        .columns(1)
        .share_x()
        .panel(belief_panel(input, result.mean.as_ref(), result.variance.as_ref()));
    if let Some(surprise) = &result.shannon_surprise {
        figure = figure.panel(trace_panel(input, "Shannon surprise", "surprise (nat)", &surprise.to_vec()));
    }
    figure.panel(trace_panel(input, "Adaptation rate", "rate", &result.adaptation_rate.to_vec()).y_range(0.0, 1.0))
}
