//! `neuropil landscape merge`.

use clap::Args;
use neuropil_landscape::critical_point::{CriticalPointReport, ReportParameters};
use neuropil_landscape::import::arrays_of;
use neuropil_landscape::permutation_path::{PermutationPathParameters, permutation_path};
use neuropil_report::{Figure, Panel};
use serde_json::json;

use super::data_args::DataArgs;
use super::network_args::ParametersArgs;
use crate::delivery::{Delivery, Summary};
use crate::failure::{Failure, Result};
use crate::options::Context;
use crate::outputs::{Outputs, ResultTable};

/// Bring two neurons together: the path over the permutation saddle that exchanges them
///
/// The distance of their incoming vectors falls to zero while the loss is minimised over all else. The npz file holds the
/// parameters of the permutation point.
#[derive(Debug, Args)]
#[command(after_help = r"Examples:
  neuropil landscape merge data/teacher_grid.csv --parameters data/teacher_network.npz \
      --act g --pair 2,3
  neuropil landscape merge data/teacher_grid.csv --parameters data/teacher_network.npz \
      --act g --pair 0,1 --plot merge.svg --out saddle.npz")]
pub(crate) struct MergeArgs {
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    parameters: ParametersArgs,
    /// The two neurons, counted from 0
    #[arg(long, value_name = "I,J", value_delimiter = ',', required = true)]
    pair: Vec<usize>,
    /// Hidden layer, counted from 0
    #[arg(long, value_name = "N", default_value_t = 0)]
    layer: usize,
    /// Number of distances from the start to zero
    #[arg(long, value_name = "N", default_value_t = 41)]
    steps: usize,
}

pub(crate) fn run(args: &MergeArgs, context: &Context<'_>) -> Result<i32> {
    let outputs = Outputs::plan(context.global, "merge")?;
    let &[i, j] = &args.pair[..] else {
        return Err(
            Failure::usage(format!("--pair takes two neurons, got {}", args.pair.len())).hint("for example --pair 0,1")
        );
    };
    let task = args.data.read()?;
    let start = args.parameters.read()?;
    let objective = task.objective(start.parameters.network())?;
    let how = PermutationPathParameters {
        layer: args.layer,
        pair: (i, j),
        steps: args.steps,
        ..PermutationPathParameters::default()
    };
    let path = permutation_path(&objective, &start.parameters, &how, &context.monitor())?;
    let report = CriticalPointReport::new(&objective, &path.saddle, &ReportParameters::default())?;
    let mut table = ResultTable::default();
    table.numbers("distance", path.distances.iter().copied());
    table.numbers("loss", path.losses.iter().copied());
    let mut summary = Summary::default();
    summary.line("loss at the permutation point", format!("{:.9e}", path.saddle_loss()));
    summary.line("barrier", format!("{:.9e}", path.barrier()));
    summary.line("share of the first neuron", format!("{:.4}", path.share));
    summary.line("largest gradient component", format!("{:.1e}", path.saddle_gradient));
    summary.line("kind", report.kind.name());
    summary.line("index", report.index);
    summary.line("zero eigenvalues", report.zeros);
    summary.line("plateau dimension", report.plateau_dimension);
    summary.line("branch jumps at steps", format!("{:?}", path.jumps));
    if !path.unfinished.is_empty() {
        context
            .console
            .warn(format!("Newton's method did not finish at steps {:?}; start from a minimum", path.unfinished));
    }
    let delivery = Delivery {
        command: "landscape merge",
        seed: context.global.seed(),
        parameters: json!({ "merge": how, "network": start.parameters.network() }),
        input: json!({ "data": task.describe(), "parameters": start.describe() }),
        result: json!({ "kind": report.kind, "saddle_loss": path.saddle_loss(), "barrier": path.barrier(), "share": path.share,
            "saddle_gradient": path.saddle_gradient, "index": report.index, "zeros": report.zeros,
            "plateau_dimension": report.plateau_dimension, "jumps": path.jumps, "unfinished": path.unfinished }),
        table,
        table_key: "table",
        arrays: arrays_of(&path.saddle),
        summary: summary.into(),
    };
    delivery.deliver(context, &outputs, || {
        Figure::new("merge", "Loss while two neurons are brought together")
            .describe("The constrained minimum of the loss at each distance of the incoming vectors.")
            .panel(Panel::new().x_label("distance of the incoming vectors").y_label("loss").line(
                format!("neurons {i} and {j}"),
                &path.distances,
                &path.losses,
            ))
    })
}
