//! `neuropil spikes VERB`: populations of spiking neurons, and the circuit behind recorded spikes.

mod bin;
mod evaluate;
mod export_nest;
mod fit_file;
mod infer;
mod infer_figure;
mod network_args;
mod perturb;
mod recording_args;
mod simulate;

use clap::Subcommand;

use crate::failure::Result;
use crate::options::Context;

/// Spiking populations: simulate them, infer the hidden circuit behind recorded spikes, predict stimulation
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Simulate a network: every neuron (micro), or the activity of its populations (meso)
    Simulate(simulate::SimulateArgs),
    /// Bin a spike file and describe it: rates, irregularity, merged spikes
    Bin(bin::BinArgs),
    /// Infer the hidden circuit behind recorded spikes: couplings, constants, activity of every population
    Infer(infer::InferArgs),
    /// Predict what stimulating a population of a fitted circuit would do
    Perturb(perturb::PerturbArgs),
    /// Score a fitted circuit on another recording, beside models without mechanism
    Evaluate(evaluate::EvaluateArgs),
    /// Write a network as a script or as parameters for NEST
    ExportNest(export_nest::ExportNestArgs),
}

pub(crate) fn run(verb: &Verb, context: &Context<'_>) -> Result<i32> {
    match verb {
        Verb::Simulate(args) => simulate::run(args, context),
        Verb::Bin(args) => bin::run(args, context),
        Verb::Infer(args) => infer::run(args, context),
        Verb::Perturb(args) => perturb::run(args, context),
        Verb::Evaluate(args) => evaluate::run(args, context),
        Verb::ExportNest(args) => export_nest::run(args, context),
    }
}

/// A population in a figure: its name, or its number with a word before it.
fn population_name(name: &str) -> String {
    if name.parse::<f64>().is_ok() { format!("population {name}") } else { name.to_owned() }
}

/// Bins of another length, as means: activity for tables and figures.
fn coarser(values: &ndarray::Array2<f64>, factor: usize) -> ndarray::Array2<f64> {
    let factor = factor.max(1);
    ndarray::Array2::from_shape_fn((values.nrows() / factor, values.ncols()), |(t, m)| {
        (0..factor).map(|i| values[[t * factor + i, m]]).sum::<f64>() / factor as f64
    })
}
