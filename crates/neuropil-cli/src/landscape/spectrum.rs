//! `neuropil landscape spectrum`.

use clap::Args;
use neuropil_report::{Figure, Panel};
use serde_json::json;

use super::network_args::{DataArgs, ParametersArgs};
use crate::delivery::{Delivery, Summary};
use crate::failure::Result;
use crate::options::Context;
use crate::outputs::{Outputs, ResultTable};

/// Eigenvalues of the Hessian
#[derive(Debug, Args)]
#[command(after_help = r"Examples:
  neuropil landscape spectrum data/teacher_grid.csv --parameters data/teacher_network.npz --act g
  neuropil landscape spectrum data/teacher_grid.csv --parameters data/teacher_network.npz --act g \
      --plot spectrum.svg")]
pub(crate) struct SpectrumArgs {
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    parameters: ParametersArgs,
}

pub(crate) fn run(args: &SpectrumArgs, context: &Context<'_>) -> Result<i32> {
    let outputs = Outputs::plan(context.global, "spectrum")?;
    let task = args.data.read()?;
    let parameters = args.parameters.read()?;
    let objective = task.objective(parameters.network())?;
    let loss = objective.value(parameters.theta())?;
    let spectrum = objective.spectrum(parameters.theta())?;
    let mut table = ResultTable::default();
    table.integers("number", (0..spectrum.eigenvalues.len()).map(|k| k as i64));
    table.numbers("eigenvalue", spectrum.eigenvalues.iter().copied());
    let mut summary = Summary::default();
    summary.line("loss", format!("{loss:.6e}"));
    summary.line("negative eigenvalues", spectrum.n_negative());
    summary.line("zero eigenvalues", format!("{} (below {:.1e})", spectrum.n_zero(), spectrum.tolerance));
    summary.line("positive eigenvalues", spectrum.n_positive());
    summary.line("smallest", format!("{:.9e}", spectrum.smallest()));
    summary.line("largest", format!("{:.9e}", spectrum.largest()));
    summary.line("trace", format!("{:.9e}", spectrum.trace()));
    let delivery = Delivery {
        command: "landscape spectrum",
        seed: context.global.seed(),
        parameters: json!({ "network": parameters.network(), "parameters": args.parameters.path().display().to_string() }),
        input: task.describe(),
        result: json!({ "loss": loss, "negative": spectrum.n_negative(), "zero": spectrum.n_zero(),
            "positive": spectrum.n_positive(), "threshold": spectrum.tolerance }),
        table,
        table_key: "table",
        arrays: vec![("eigenvalues".into(), spectrum.eigenvalues.clone().into_dyn())],
        summary: summary.into(),
    };
    delivery.deliver(context, &outputs, || {
        let x: Vec<f64> = (0..spectrum.eigenvalues.len()).map(|k| k as f64).collect();
        let of = |sign: f64| -> Vec<f64> {
            let size = |value: &f64| if value * sign > 0.0 { value.abs() } else { f64::NAN };
            spectrum.eigenvalues.iter().map(size).collect()
        };
        let panel = Panel::new().x_label("number").y_label("size of the eigenvalue").log_y();
        let panel = panel.points("positive", &x, &of(1.0)).points("negative", &x, &of(-1.0));
        Figure::new("spectrum", "Eigenvalues of the Hessian")
            .describe(
                "Absolute values of the eigenvalues in increasing order, by sign; the line is the threshold of zero.",
            )
            .panel(panel.hlines("zero below", &[spectrum.tolerance]))
    })
}
