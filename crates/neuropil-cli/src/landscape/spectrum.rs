//! `neuropil landscape spectrum`.

use clap::Args;
use ndarray::Array1;
use neuropil_landscape::{LanczosParameters, Objective, Parameters, extreme_eigenvalues};
use neuropil_report::Figure;
use serde_json::{Value, json};

use super::data_args::DataArgs;
use super::eigenvalue_panel::eigenvalue_panel;
use super::network_args::ParametersArgs;
use crate::delivery::{Delivery, Summary};
use crate::failure::Result;
use crate::options::Context;
use crate::outputs::{Outputs, ResultTable};

/// Eigenvalues of the Hessian: all of them, or those at both ends
#[derive(Debug, Args)]
#[command(after_help = r"Examples:
  neuropil landscape spectrum data/teacher_grid.csv \
      --parameters data/teacher_network.npz --act g
  neuropil landscape spectrum data/teacher_grid.csv \
      --parameters data/teacher_network.npz --act g --plot spectrum.svg")]
pub(crate) struct SpectrumArgs {
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    parameters: ParametersArgs,
    /// Only the N smallest and N largest eigenvalues, by Lanczos' method from products with the Hessian: for networks
    /// whose Hessian does not fit into memory
    #[arg(long, value_name = "N")]
    extreme: Option<usize>,
}

/// What one of the two methods found.
struct Found {
    eigenvalues: Array1<f64>,
    /// Bound on the error of each eigenvalue; empty where it is rounding.
    errors: Vec<f64>,
    threshold: f64,
    result: Value,
    summary: Summary,
}

pub(crate) fn run(args: &SpectrumArgs, context: &Context<'_>) -> Result<i32> {
    let outputs = Outputs::plan(context.global, "spectrum")?;
    let task = args.data.read()?;
    let loaded = args.parameters.read()?;
    let parameters = &loaded.parameters;
    let objective = task.objective(parameters.network())?;
    let found = match args.extreme {
        None => all(&objective, parameters)?,
        Some(count) => ends(&objective, parameters, count, context)?,
    };
    let mut table = ResultTable::default();
    table.integers("number", (0..found.eigenvalues.len()).map(|k| k as i64));
    table.numbers("eigenvalue", found.eigenvalues.iter().copied());
    if !found.errors.is_empty() {
        table.numbers("error", found.errors.iter().copied());
    }
    let delivery = Delivery {
        command: "landscape spectrum",
        seed: context.global.seed(),
        parameters: json!({ "network": parameters.network(), "extreme": args.extreme }),
        input: json!({ "data": task.describe(), "parameters": loaded.describe() }),
        result: found.result,
        table,
        table_key: "table",
        arrays: vec![("eigenvalues".into(), found.eigenvalues.clone().into_dyn())],
        summary: found.summary.into(),
    };
    delivery.deliver(context, &outputs, || {
        Figure::new("spectrum", "Eigenvalues of the Hessian")
            .describe("Sizes of the eigenvalues in increasing order, by sign; the line is the threshold of zero.")
            .panel(eigenvalue_panel(&found.eigenvalues.to_vec(), found.threshold))
    })
}

/// All eigenvalues, from the dense Hessian.
fn all(objective: &Objective, parameters: &Parameters) -> Result<Found> {
    let loss = objective.value(parameters.theta())?;
    let spectrum = objective.spectrum(parameters.theta())?;
    let mut summary = Summary::default();
    summary.line("loss", format!("{loss:.6e}"));
    summary.line("negative eigenvalues", spectrum.n_negative());
    summary.line("zero eigenvalues", format!("{} (below {:.1e})", spectrum.n_zero(), spectrum.tolerance));
    summary.line("positive eigenvalues", spectrum.n_positive());
    summary.line("smallest", format!("{:.9e}", spectrum.smallest()));
    summary.line("largest", format!("{:.9e}", spectrum.largest()));
    summary.line("trace", format!("{:.9e}", spectrum.trace()));
    let result = json!({ "loss": loss, "negative": spectrum.n_negative(), "zero": spectrum.n_zero(),
        "positive": spectrum.n_positive(), "threshold": spectrum.tolerance });
    Ok(Found { threshold: spectrum.tolerance, eigenvalues: spectrum.eigenvalues, errors: Vec::new(), result, summary })
}

/// The eigenvalues at both ends, from products with the Hessian.
fn ends(objective: &Objective, parameters: &Parameters, count: usize, context: &Context<'_>) -> Result<Found> {
    let loss = objective.value(parameters.theta())?;
    let how = LanczosParameters { seed: context.global.seed(), ..LanczosParameters::default() };
    let found = extreme_eigenvalues(objective, parameters.theta(), count, &how, &context.monitor())?;
    let join = |a: &Array1<f64>, b: &Array1<f64>| a.iter().chain(b).copied().collect::<Vec<f64>>();
    let eigenvalues = join(&found.smallest, &found.largest);
    let errors = join(&found.smallest_error, &found.largest_error);
    let mut summary = Summary::default();
    summary.line("loss", format!("{loss:.6e}"));
    let list = |values: &Array1<f64>, errors: &Array1<f64>| -> String {
        values
            .iter()
            .zip(errors)
            .map(|(value, error)| format!("{value:.6e} +- {error:.0e}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    summary.line("smallest", list(&found.smallest, &found.smallest_error));
    summary.line("largest", list(&found.largest, &found.largest_error));
    summary.line("products with the Hessian", found.n_products);
    let largest = eigenvalues.iter().fold(1.0_f64, |largest, value| largest.max(value.abs()));
    let result = json!({ "loss": loss, "smallest": found.smallest.to_vec(), "largest": found.largest.to_vec(),
        "smallest_error": found.smallest_error.to_vec(), "largest_error": found.largest_error.to_vec(),
        "products": found.n_products });
    Ok(Found { eigenvalues: eigenvalues.into(), errors, threshold: 1e-10 * largest, result, summary })
}
