//! `neuropil surprise filter`.

use std::fmt::Write;

use clap::Args;
use ndarray::{Array2, ArrayD, Axis};
use neuropil_report::{Figure, Panel};
use neuropil_surprise::filter::FilterResult;
use neuropil_surprise::model::{ChangePointLearner, FilterOptions};
use serde_json::json;

use crate::document::document;
use crate::failure::{DONE, Result};
use crate::options::Context;
use crate::outputs::{Outputs, Product, ResultTable};
use crate::surprise::input_args::{InputArgs, Sequence};
use crate::surprise::model_args::ModelArgs;

/// Follow a sequence: belief, surprise and adaptation rate after every observation
///
/// One row per observation: mean and variance of the estimated parameter after it, Bayes Factor surprise, Shannon
/// surprise (nat), adaptation rate (for Bayesian learners the probability of a change just before the observation),
/// most probable run length. Save them with --out: a csv, npz or json file, or a folder for all three.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  neuropil surprise filter data/nile.csv --column flow_1e8_m3 --sigma 130 --prior-mean 900 --prior-sd 200
  neuropil surprise filter data/gaussian_task.csv --column y --sigma 0.1 --method varsmile --out filtered.csv --plot \
filtered.svg")]
pub(crate) struct FilterArgs {
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    model: ModelArgs,
}

pub(crate) fn run(args: &FilterArgs, context: &Context<'_>) -> Result<i32> {
    let outputs = Outputs::plan(context.global, "filter")?;
    let input = args.input.read()?;
    let learner = args.model.learner(&input, context.global.seed)?;
    let options =
        FilterOptions { blocks: Some(input.blocks.clone()), monitor: context.monitor(), ..FilterOptions::default() };
    let result = learner.filter_with(input.values.view(), &options)?;
    let table = table(&input, &result);
    let document = document(
        "surprise filter",
        context.global.seed,
        result.provenance.parameters.clone(),
        input.describe(result.provenance.input.as_deref()),
        json!({
            "log_evidence": result.log_evidence,
            "dropped_mass": result.dropped_mass,
            "columns": table.to_json(),
        }),
    );
    let arrays = arrays(&result);
    let product = Product { table: &table, arrays: &arrays, document: &document };
    outputs.write(&product, || figure(&input, &learner, &result))?;
    for path in outputs.files() {
        context.console.say(format!("wrote {}", path.display()));
    }
    context.console.show(summary(&input, &learner, &result), || document)?;
    Ok(DONE)
}

/// One row per observation.
fn table(input: &Sequence, result: &FilterResult) -> ResultTable {
    let mut table = ResultTable::default();
    table.integers("index", (0..result.len()).map(|t| t as i64));
    for (name, labels) in &input.labels {
        table.text(name.clone(), labels.iter().cloned());
    }
    for (name, column) in input.names.iter().zip(input.values.axis_iter(Axis(1))) {
        table.numbers(name.clone(), column.iter().copied());
    }
    let mut estimates = |name: &str, values: &Option<Array2<f64>>| {
        for (d, column) in values.iter().flat_map(|values| values.axis_iter(Axis(1))).enumerate() {
            let wide = values.as_ref().is_some_and(|values| values.ncols() > 1);
            let name = if wide { format!("{name}_{}", d + 1) } else { name.to_owned() };
            table.numbers(name, column.iter().copied());
        }
    };
    estimates("mean", &result.mean);
    estimates("variance", &result.variance);
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

fn arrays(result: &FilterResult) -> Vec<(String, ArrayD<f64>)> {
    let mut arrays = Vec::new();
    let mut add = |name: &str, array: Option<ArrayD<f64>>| {
        arrays.extend(array.map(|array| (name.to_owned(), array)));
    };
    add("mean", result.mean.clone().map(Array2::into_dyn));
    add("variance", result.variance.clone().map(Array2::into_dyn));
    add("bayes_factor_surprise", result.bayes_factor_surprise.clone().map(ndarray::Array1::into_dyn));
    add("shannon_surprise_nat", result.shannon_surprise.clone().map(ndarray::Array1::into_dyn));
    add("adaptation_rate", Some(result.adaptation_rate.clone().into_dyn()));
    add("map_run_length", result.map_run_length.as_ref().map(|run| run.mapv(|n| n as f64).into_dyn()));
    add("log_evidence", result.log_evidence.map(|value| ndarray::arr0(value).into_dyn()));
    arrays
}

fn summary(input: &Sequence, learner: &ChangePointLearner, result: &FilterResult) -> String {
    let missing = result.observed.iter().filter(|observed| !**observed).count();
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name:<22}{value}");
    };
    let blocks = match input.blocks.count() {
        1 => String::new(),
        n => format!(" in {n} blocks"),
    };
    line("observations", format!("{}{blocks}, {missing} missing", result.len()));
    line("family", learner.family.name().to_owned());
    line("method", learner.method.name().to_owned());
    if let Some(evidence) = result.log_evidence {
        line("log evidence", format!("{evidence:.4} nat"));
    }
    if let Some(mean) = &result.mean
        && let Some(last) = mean.outer_iter().next_back()
    {
        let values: Vec<String> = last.iter().map(|value| format!("{value:.6}")).collect();
        line("last mean", values.join(" "));
    }
    if result.dropped_mass > 0.0 {
        line("dropped mass", format!("{:.3e}", result.dropped_mass));
    }
    let mut surprising: Vec<(usize, f64)> = result
        .adaptation_rate
        .iter()
        .copied()
        .enumerate()
        .filter(|(t, _)| !input.blocks.starts().contains(t))
        .collect();
    surprising.sort_by(|a, b| b.1.total_cmp(&a.1));
    surprising.truncate(5);
    if !surprising.is_empty() {
        line("largest adaptation", "rate".to_owned());
    }
    for (t, rate) in surprising {
        line(&format!("  index {t}"), format!("{rate:.4}"));
    }
    text
}

fn figure(input: &Sequence, learner: &ChangePointLearner, result: &FilterResult) -> Figure {
    let x: Vec<f64> = (0..result.len()).map(|t| t as f64).collect();
    let mut beliefs = Panel::new().title("Observations and belief").y_label(input.names.join(", "));
    for (name, column) in input.names.iter().zip(input.values.axis_iter(Axis(1))) {
        beliefs = beliefs.points(name.clone(), &x, &column.to_vec());
    }
    if let Some(mean) = &result.mean {
        for (d, column) in mean.axis_iter(Axis(1)).enumerate() {
            let label = if mean.ncols() > 1 { format!("mean {}", d + 1) } else { "mean".to_owned() };
            let center = column.to_vec();
            if let Some(variance) = &result.variance {
                let sd: Vec<f64> = variance.column(d).iter().map(|variance| variance.sqrt()).collect();
                let (lo, hi): (Vec<f64>, Vec<f64>) = center.iter().zip(&sd).map(|(m, s)| (m - s, m + s)).unzip();
                beliefs = beliefs.band(format!("{label} ± sd"), &x, &lo, &hi);
            }
            beliefs = beliefs.line(label, &x, &center);
        }
    }
    let mut figure = Figure::new("filter", format!("{} filter, {} observations", learner.method.name(), result.len()))
        .describe(
            "Observations with the mean and standard deviation of the belief, the Shannon surprise of each \
             observation, and the adaptation rate.",
        )
        .columns(1)
        .share_x()
        .panel(beliefs);
    if let Some(surprise) = &result.shannon_surprise {
        let panel = Panel::new().title("Shannon surprise").y_label("surprise (nat)");
        figure = figure.panel(panel.line("Shannon surprise", &x, &surprise.to_vec()).height(140.0));
    }
    let panel = Panel::new().title("Adaptation rate").x_label("index of the observation").y_label("rate");
    figure.panel(panel.line("adaptation rate", &x, &result.adaptation_rate.to_vec()).y_range(0.0, 1.0).height(140.0))
}
