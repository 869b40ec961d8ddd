//! `neuropil landscape path`.

use clap::Args;
use neuropil_core::statistics::largest;
use neuropil_landscape::expansion::add_silent;
use neuropil_landscape::reduction::ReductionTolerance;
use neuropil_landscape::zero_loss_path::zero_loss_path;
use neuropil_report::{Figure, Panel};
use serde_json::json;

use super::network_args::{DataArgs, ParametersArgs};
use crate::delivery::{Delivery, Summary};
use crate::failure::{Failure, Result};
use crate::options::Context;
use crate::outputs::{Outputs, ResultTable};

/// A path between a network and its permuted self along which the function does not change
///
/// Needs a neuron that is not needed in the layer; if there is none, a silent one is added. The npz file holds the ends
/// of the straight segments, one row each.
#[derive(Debug, Args)]
#[command(after_help = r"Examples:
  neuropil landscape path data/teacher_grid.csv --parameters data/teacher_network.npz --act g \
      --permutation 1,0,2,3
  neuropil landscape path data/teacher_grid.csv --parameters data/teacher_network.npz --act g \
      --permutation 1,2,3,0 --plot path.svg --out path.npz")]
pub(crate) struct PathArgs {
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    parameters: ParametersArgs,
    /// Which neuron each slot holds at the end, counted from 0
    #[arg(long, value_name = "LIST", value_delimiter = ',', required = true)]
    permutation: Vec<usize>,
    /// Hidden layer, counted from 0
    #[arg(long, value_name = "N", default_value_t = 0)]
    layer: usize,
}

pub(crate) fn run(args: &PathArgs, context: &Context<'_>) -> Result<i32> {
    let outputs = Outputs::plan(context.global, "path")?;
    let task = args.data.read()?;
    let mut start = args.parameters.read()?;
    let layers = start.network().n_hidden_layers();
    if args.layer >= layers {
        return Err(Failure::usage(format!(
            "--layer {}: the network has {layers} hidden layers, counted from 0",
            args.layer
        )));
    }
    let mut order = args.permutation.clone();
    let orders = |start: &neuropil_landscape::Parameters, order: &[usize]| -> Vec<Vec<usize>> {
        let identity = |layer: usize| (0..start.network().widths[layer + 1]).collect();
        (0..layers).map(|layer| if layer == args.layer { order.to_vec() } else { identity(layer) }).collect()
    };
    let tolerance = ReductionTolerance::default();
    let path = match zero_loss_path(&start, &orders(&start, &order), &tolerance) {
        Err(neuropil_landscape::Error::NoFreeNeuron { .. }) => {
            context.console.say("all neurons are needed: a silent one is added");
            start = add_silent(&start, args.layer, start.incoming(args.layer, 0) * 0.5)?;
            order.push(order.len());
            zero_loss_path(&start, &orders(&start, &order), &tolerance)?
        }
        other => other?,
    };
    let objective = task.objective(start.network())?;
    let (times, losses) = path.losses(&objective, 50)?;
    let worst = largest(losses.iter().copied());
    let end = path.at(1.0);
    let straight = times
        .iter()
        .map(|t| {
            let theta = &start.theta() * (1.0 - *t) + &end.theta() * *t;
            Ok(objective.value(theta.view())?)
        })
        .collect::<Result<Vec<f64>>>()?;
    let barrier = largest(straight.iter().copied());
    let mut table = ResultTable::default();
    table.numbers("position", times.iter().copied());
    table.numbers("loss", losses.iter().copied());
    table.numbers("loss_straight_line", straight.iter().copied());
    let mut summary = Summary::default();
    summary.line("segments", path.segments());
    summary.line("largest loss on the path", format!("{worst:.3e}"));
    summary.line("largest loss straight", format!("{barrier:.3e}"));
    let delivery = Delivery {
        command: "landscape path",
        seed: context.global.seed(),
        parameters: json!({ "permutation": order, "layer": args.layer, "network": start.network() }),
        input: task.describe(),
        result: json!({ "segments": path.segments(), "max_loss": worst, "max_loss_straight_line": barrier }),
        table,
        table_key: "table",
        arrays: vec![("points".into(), path.to_array().into_dyn())],
        summary: summary.into(),
    };
    delivery.deliver(context, &outputs, || {
        let shown = |losses: &[f64]| losses.iter().map(|loss| loss.max(1e-34)).collect::<Vec<_>>();
        let panel = Panel::new().x_label("position on the path").y_label("loss").log_y();
        let panel = panel.line("path", &times, &shown(&losses)).line("straight line", &times, &shown(&straight));
        Figure::new("path", "Loss between permuted networks")
            .describe("Loss along the path and on the straight line; 1e-34 stands for exactly zero.")
            .panel(panel)
    })
}
