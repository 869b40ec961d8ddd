//! `neuropil landscape path`.

use std::path::PathBuf;

use clap::Args;
use ndarray::Array1;
use neuropil_landscape::alignment::{AlignmentParameters, align};
use neuropil_landscape::expansion::add_silent;
use neuropil_landscape::reduction::ReductionTolerance;
use neuropil_landscape::zero_loss_path::{PiecewisePath, connect, zero_loss_path};
use neuropil_landscape::{Error, Objective, Parameters};
use neuropil_report::{Figure, Panel};
use serde_json::{Value, json};

use super::data_args::DataArgs;
use super::network_args::ParametersArgs;
use crate::delivery::{Delivery, Summary};
use crate::failure::{Failure, Result};
use crate::options::Context;
use crate::outputs::{Outputs, ResultTable};

/// Stands for a loss of exactly zero on a logarithmic axis.
const NOTHING: f64 = 1e-34;

/// A path along which the function does not change: to permuted neurons, or to a network that was trained separately
///
/// Needs a neuron more than the function does; where there is none, a silent one is added. Losses are given beside those
/// on the straight line, and on the straight line to the same network after alignment. The npz file holds the ends of the
/// straight segments, one row each.
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
    #[command(flatten)]
    end: EndArgs,
    /// Hidden layer that is permuted, counted from 0
    #[arg(long, value_name = "N", default_value_t = 0, conflicts_with = "to")]
    layer: usize,
}

/// Where the path ends.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct EndArgs {
    /// Which neuron each slot holds at the end, counted from 0
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    permutation: Vec<usize>,
    /// A second npz file with a network of the same shape and function: the path leads there
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
}

/// A path that was found.
struct Found {
    path: PiecewisePath,
    /// What the path bridges where the function may change by what training has left.
    gap: f64,
    /// Silent neurons that were added to make room.
    added: usize,
}

pub(crate) fn run(args: &PathArgs, context: &Context<'_>) -> Result<i32> {
    let outputs = Outputs::plan(context.global, "path")?;
    let task = args.data.read()?;
    let start = args.parameters.read()?;
    let second = args.end.to.as_ref().map(|path| args.parameters.activation.read(path)).transpose()?;
    let input = json!({ "data": task.describe(), "parameters": start.describe(),
        "to": second.as_ref().map(super::network_args::Loaded::describe) });
    let tolerance = ReductionTolerance::default();
    let (found, end) = match second {
        Some(second) => (between(start.parameters, second.parameters, &tolerance)?, json!("another network")),
        None => permuted(args, start.parameters, &tolerance)?,
    };
    if found.added > 0 {
        context.console.say("all neurons are needed: a silent one is added to a layer");
    }
    let path = &found.path;
    let (first, last) = (path.at(0.0), path.at(1.0));
    let objective = task.objective(first.network())?;
    let (times, losses) = path.losses(&objective, 50)?;
    let straight = along(&objective, &times, &first, &last)?;
    let aligned = align(&first, &last, &AlignmentParameters::permutations())?.aligned;
    let after_alignment = along(&objective, &times, &first, &aligned)?;
    let largest = |losses: &[f64]| losses.iter().copied().fold(0.0, f64::max);
    let mut table = ResultTable::default();
    table.numbers("position", times.iter().copied());
    table.numbers("loss", losses.iter().copied());
    table.numbers("loss_straight_line", straight.iter().copied());
    table.numbers("loss_straight_line_aligned", after_alignment.iter().copied());
    let mut summary = Summary::default();
    summary.line("segments", path.segments());
    summary.line("largest loss on the path", format!("{:.3e}", largest(&losses)));
    summary.line("largest loss straight", format!("{:.3e}", largest(&straight)));
    summary.line("largest straight, aligned", format!("{:.3e}", largest(&after_alignment)));
    summary.line("gap that training left", format!("{:.1e}", found.gap));
    let delivery = Delivery {
        command: "landscape path",
        seed: context.global.seed(),
        parameters: json!({ "end": end, "network": first.network() }),
        input,
        result: json!({ "segments": path.segments(), "max_loss": largest(&losses), "gap": found.gap,
            "max_loss_straight_line": largest(&straight), "max_loss_straight_line_aligned": largest(&after_alignment),
            "added_neurons": found.added }),
        table,
        table_key: "table",
        arrays: vec![("points".into(), path.to_array().into_dyn())],
        summary: summary.into(),
    };
    delivery.deliver(context, &outputs, || {
        let shown = |losses: &[f64]| losses.iter().map(|loss| loss.max(NOTHING)).collect::<Vec<_>>();
        let panel = Panel::new().x_label("position on the path").y_label("loss").log_y();
        let panel = panel.line("path", &times, &shown(&losses)).line("straight line", &times, &shown(&straight)).line(
            "straight line after alignment",
            &times,
            &shown(&after_alignment),
        );
        Figure::new("path", "Loss between two networks of one function")
            .describe("Loss along the path and on straight lines; 1e-34 stands for exactly zero.")
            .panel(panel)
    })
}

/// Losses on the straight line between two networks.
fn along(objective: &Objective, times: &[f64], from: &Parameters, to: &Parameters) -> Result<Vec<f64>> {
    let at = |t: f64| &from.theta() * (1.0 - t) + &to.theta() * t;
    Ok(times.iter().map(|&t| objective.value(at(t).view())).collect::<neuropil_landscape::Result<_>>()?)
}

/// To the same network with permuted neurons.
fn permuted(args: &PathArgs, start: Parameters, tolerance: &ReductionTolerance) -> Result<(Found, Value)> {
    let layers = start.network().n_hidden_layers();
    if args.layer >= layers {
        let message = format!("--layer {}: the network has {layers} hidden layers, counted from 0", args.layer);
        return Err(Failure::usage(message));
    }
    let mut order = args.end.permutation.clone();
    let orders = |start: &Parameters, order: &[usize]| -> Vec<Vec<usize>> {
        let identity = |layer: usize| (0..start.network().widths[layer + 1]).collect();
        (0..layers).map(|layer| if layer == args.layer { order.to_vec() } else { identity(layer) }).collect()
    };
    let (path, added) = match zero_loss_path(&start, &orders(&start, &order), tolerance) {
        Err(Error::NoFreeNeuron { .. }) => {
            let wider = add_silent(&start, args.layer, beside(&start, args.layer))?;
            order.push(order.len());
            (zero_loss_path(&wider, &orders(&wider, &order), tolerance)?, 1)
        }
        other => (other?, 0),
    };
    let end = json!({ "permutation": order, "layer": args.layer });
    Ok((Found { path, gap: 0.0, added }, end))
}

/// To a network that was found separately.
fn between(mut from: Parameters, mut to: Parameters, tolerance: &ReductionTolerance) -> Result<Found> {
    let mut added = 0;
    loop {
        match connect(&from, &to, tolerance) {
            // Every layer can get one silent neuron, so this ends.
            Err(Error::NoFreeNeuron { layer, .. }) => {
                from = add_silent(&from, layer, beside(&from, layer))?;
                to = add_silent(&to, layer, beside(&from, layer))?;
                added += 1;
            }
            other => {
                let connection = other?;
                return Ok(Found { path: connection.path, gap: connection.gap, added });
            }
        }
    }
}

/// Incoming weights for a neuron that is added: those of the first, halved.
fn beside(parameters: &Parameters, layer: usize) -> Array1<f64> {
    parameters.incoming(layer, 0) * 0.5
}
