//! `neuropil landscape report`.

use clap::Args;
use neuropil_landscape::critical_point::{CriticalPointReport, ReportParameters};
use neuropil_report::{Figure, Panel};
use serde_json::json;

use super::data_args::DataArgs;
use super::eigenvalue_panel::eigenvalue_panel;
use super::network_args::ParametersArgs;
use crate::delivery::{Delivery, Summary};
use crate::failure::{Failure, Result};
use crate::options::Context;
use crate::outputs::{Outputs, ResultTable};

/// Describe a point: gradient, index, why each zero eigenvalue is there, types of neurons
#[derive(Debug, Args)]
#[command(after_help = r"Examples:
  neuropil landscape report data/teacher_grid.csv --parameters data/teacher_network.npz \
      --act g
  neuropil landscape report data/teacher_grid.csv --parameters data/teacher_network.npz \
      --act g --json")]
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
    let loaded = args.parameters.read()?;
    let parameters = &loaded.parameters;
    let objective = task.objective(parameters.network())?;
    let how = ReportParameters { zero: args.zero, gradient: args.gradient, ..ReportParameters::default() };
    let report = CriticalPointReport::new(&objective, parameters, &how)?;
    let mut summary = Summary::default();
    summary.line("kind", report.kind.name());
    summary.line("loss", format!("{:.9e}", report.loss));
    summary.line("largest gradient component", format!("{:.2e}", report.gradient_max));
    summary.line("Newton decrement", format!("{:.2e}", report.newton_decrement));
    summary.line("index", report.index);
    summary.line("zero eigenvalues", format!("{} (below {:.1e})", report.zeros, report.threshold));
    for modes in &report.zero_modes {
        let of = format!("layer {}, neurons {:?}", modes.layer, modes.neurons);
        summary.line(&format!("  {}", modes.kind.name()), format!("{} ({of})", modes.count));
    }
    summary.line("  unexplained", report.unexplained);
    summary.line("plateau dimension", report.plateau_dimension);
    for (layer, (neurons, needed)) in report.neurons.iter().zip(&report.reduced_widths).enumerate() {
        let mut words = vec![format!("{needed} needed"), format!("{} copies in all", neurons.copies())];
        for (size, count) in neurons.zero_by_size() {
            words.push(match size {
                1 => format!("{count} silent"),
                _ => format!("{count} in groups of {size} without effect"),
            });
        }
        summary.line(&format!("neurons of layer {layer}"), words.join(", "));
    }
    let mut table = ResultTable::default();
    table.integers("number", (0..report.eigenvalues.len()).map(|k| k as i64));
    table.numbers("eigenvalue", report.eigenvalues.iter().copied());
    let result = serde_json::to_value(&report).map_err(Failure::failed)?;
    let delivery = Delivery {
        command: "landscape report",
        seed: context.global.seed(),
        parameters: json!({ "thresholds": how, "network": parameters.network() }),
        input: json!({ "data": task.describe(), "parameters": loaded.describe() }),
        result,
        table,
        table_key: "table",
        arrays: vec![("eigenvalues".into(), report.eigenvalues.clone().into_dyn())],
        summary: summary.into(),
    };
    delivery.deliver(context, &outputs, || {
        let mut labels = vec!["negative".to_owned(), "positive".to_owned()];
        let mut values = vec![report.index as f64, report.positive as f64];
        for modes in &report.zero_modes {
            let label = format!("zero: {}", modes.kind.name());
            match labels.iter().position(|known| *known == label) {
                Some(place) => values[place] += modes.count as f64,
                None => {
                    labels.push(label);
                    values.push(modes.count as f64);
                }
            }
        }
        if report.unexplained > 0 {
            labels.push("zero: unexplained".into());
            values.push(report.unexplained as f64);
        }
        Figure::new("report", "Eigenvalues and their explanation")
            .describe("Sizes of the eigenvalues by sign, and how many there are, the zero ones by explanation.")
            .panel(eigenvalue_panel(&report.eigenvalues.to_vec(), report.threshold))
            .panel(Panel::new().y_label("eigenvalues").bars("count", &labels, &values))
    })
}
