//! `neuropil landscape report`.

use clap::Args;
use neuropil_landscape::critical_point::{CriticalPointReport, ReportParameters};
use neuropil_report::{Figure, Panel};
use serde_json::json;

use super::delivery::{Delivery, line};
use super::network_args::{DataArgs, ParametersArgs};
use crate::failure::{Failure, Result};
use crate::options::Context;
use crate::outputs::{Outputs, ResultTable};

/// Describe a point: gradient, index, why each zero eigenvalue is there, types of neurons
#[derive(Debug, Args)]
#[command(after_help = r"Examples:
  neuropil landscape report data/teacher_grid.csv --parameters data/teacher_network.npz --act g
  neuropil landscape report data/teacher_grid.csv --parameters data/teacher_network.npz --act g --json")]
pub(crate) struct ReportArgs {
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    parameters: ParametersArgs,
    /// Eigenvalues below this, times the largest (at least 1), count as zero
    #[arg(long, value_name = "X", default_value_t = 1e-10)]
    zero: f64,
    /// Largest gradient component of a critical point
    #[arg(long, value_name = "X", default_value_t = 1e-8)]
    gradient: f64,
}

pub(crate) fn run(args: &ReportArgs, context: &Context<'_>) -> Result<i32> {
    let outputs = Outputs::plan(context.global, "report")?;
    let task = args.data.read()?;
    let parameters = args.parameters.read()?;
    let objective = task.objective(parameters.network())?;
    let how = ReportParameters { zero: args.zero, gradient: args.gradient, ..ReportParameters::default() };
    let report = CriticalPointReport::new(&objective, &parameters, &how)?;
    let mut summary = String::new();
    line(&mut summary, "kind", report.kind.name());
    line(&mut summary, "loss", format!("{:.9e}", report.loss));
    line(&mut summary, "largest gradient component", format!("{:.2e}", report.gradient_max));
    line(&mut summary, "Newton decrement", format!("{:.2e}", report.newton_decrement));
    line(&mut summary, "index", report.index);
    line(&mut summary, "zero eigenvalues", format!("{} (below {:.1e})", report.zeros, report.threshold));
    for modes in &report.zero_modes {
        let of = format!("layer {}, neurons {:?}", modes.layer, modes.neurons);
        line(&mut summary, &format!("  {}", modes.kind.name()), format!("{} ({of})", modes.count));
    }
    line(&mut summary, "  unexplained", report.unexplained);
    line(&mut summary, "plateau dimension", report.plateau_dimension);
    line(&mut summary, "needed neurons per layer", format!("{:?}", report.reduced_widths));
    let mut table = ResultTable::default();
    table.integers("number", (0..report.eigenvalues.len()).map(|k| k as i64));
    table.numbers("eigenvalue", report.eigenvalues.iter().copied());
    let result = serde_json::to_value(&report).map_err(Failure::failed)?;
    let delivery = Delivery {
        command: "landscape report",
        parameters: json!({ "thresholds": how, "network": parameters.network() }),
        input: json!({ "data": task.describe(), "parameters": super::delivery::file(args.parameters.path()) }),
        result,
        table,
        arrays: vec![("eigenvalues".into(), report.eigenvalues.clone().into_dyn())],
        summary,
    };
    delivery.deliver(context, &outputs, || {
        let mut labels = vec!["negative".to_owned(), "positive".to_owned()];
        let mut values = vec![report.index as f64, report.positive as f64];
        for modes in &report.zero_modes {
            labels.push(format!("zero: {}", modes.kind.name()));
            values.push(modes.count as f64);
        }
        labels.push("zero: unexplained".into());
        values.push(report.unexplained as f64);
        Figure::new("report", "Eigenvalues and their explanation")
            .describe("Number of negative, positive and zero eigenvalues, the latter by explanation.")
            .panel(Panel::new().y_label("eigenvalues").bars("count", &labels, &values))
    })
}
