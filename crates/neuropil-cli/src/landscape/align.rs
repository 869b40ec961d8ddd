//! `neuropil landscape align`.

use std::path::PathBuf;

use clap::Args;
use neuropil_landscape::alignment::{Alignment, AlignmentParameters, Signs, align};
use neuropil_landscape::import::arrays_of;
use neuropil_report::{Figure, Panel};
use serde_json::json;

use super::network_args::ActivationArgs;
use crate::delivery::{Delivery, Summary};
use crate::failure::Result;
use crate::options::Context;
use crate::outputs::{Outputs, ResultTable};

/// Relabel the neurons of a network so that it comes as close as possible to another
///
/// The function of the second network is not changed: its neurons change places and, where the activation allows it,
/// signs. The npz file holds its relabelled parameters, the table which neuron went where.
#[derive(Debug, Args)]
#[command(after_help = r"Examples:
  neuropil landscape align data/teacher_network.npz data/teacher_network.npz --act g
  neuropil landscape align data/teacher_network.npz data/teacher_network.npz --act tanh \
      --keep-signs --json")]
pub(crate) struct AlignArgs {
    /// The network that stays: an npz file as for --parameters of the other verbs
    reference: PathBuf,
    /// The network that is relabelled
    other: PathBuf,
    #[command(flatten)]
    activation: ActivationArgs,
    /// Only permutations, no change of sign
    #[arg(long)]
    keep_signs: bool,
    /// Random starts of the search, beside three fixed ones
    #[arg(long, value_name = "N", default_value_t = 4)]
    restarts: usize,
}

pub(crate) fn run(args: &AlignArgs, context: &Context<'_>) -> Result<i32> {
    let outputs = Outputs::plan(context.global, "align")?;
    let (reference, other) = (args.activation.read(&args.reference)?, args.activation.read(&args.other)?);
    let how = AlignmentParameters {
        signs: if args.keep_signs { Signs::Keep } else { Signs::Flip },
        restarts: args.restarts,
        seed: context.global.seed(),
        ..AlignmentParameters::default()
    };
    let found = align(&reference.parameters, &other.parameters, &how)?;
    let moved = moved(&found);
    let mut table = ResultTable::default();
    let rows = || found.orders.iter().enumerate().flat_map(|(layer, order)| (0..order.len()).map(move |k| (layer, k)));
    table.integers("layer", rows().map(|(layer, _)| layer as i64));
    table.integers("neuron", rows().map(|(_, k)| k as i64));
    table.integers("was", rows().map(|(layer, k)| found.orders[layer][k] as i64));
    table.numbers("sign", rows().map(|(layer, k)| found.signs[layer][k]));
    let mut summary = Summary::default();
    summary.line("distance before", format!("{:.6e}", found.distance_before));
    summary.line("distance after", format!("{:.6e}", found.distance));
    summary.line("neurons that moved", moved);
    for (layer, order) in found.orders.iter().enumerate() {
        summary.line(&format!("order of layer {layer}"), format!("{order:?}"));
    }
    let delivery = Delivery {
        command: "landscape align",
        seed: context.global.seed(),
        parameters: json!({ "alignment": how, "network": reference.parameters.network() }),
        input: json!({ "reference": reference.describe(), "other": other.describe() }),
        result: json!({ "distance": found.distance, "distance_before": found.distance_before, "orders": found.orders,
            "signs": found.signs }),
        table,
        table_key: "table",
        arrays: arrays_of(&found.aligned),
        summary: summary.into(),
    };
    delivery.deliver(context, &outputs, || {
        let x = reference.parameters.theta().to_vec();
        let smallest = x.iter().copied().fold(f64::INFINITY, f64::min);
        let ends = [smallest, x.iter().copied().fold(smallest, f64::max)];
        let panel = Panel::new().x_label("parameter of the first network").y_label("parameter of the second network");
        let panel = panel
            .points("before", &x, &other.parameters.theta().to_vec())
            .points("after", &x, &found.aligned.theta().to_vec())
            .line("equal", &ends, &ends);
        Figure::new("align", "Parameters of two networks")
            .describe("Each parameter of the second network over that of the first, before and after alignment.")
            .panel(panel)
    })
}

fn moved(found: &Alignment) -> usize {
    found.orders.iter().flat_map(|order| order.iter().enumerate()).filter(|(slot, was)| slot != *was).count()
}
