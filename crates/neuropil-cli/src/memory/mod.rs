//! `neuropil memory VERB`: store patterns, recall them.

mod basin;
mod capacity;
mod compare;
mod curve;
mod fit;
mod memory_args;
mod model_args;
mod noise_args;
mod pattern_args;
mod pictures;
mod radius_arg;
mod recall;
mod storage_args;

use clap::Subcommand;

use crate::failure::Result;
use crate::options::Context;

/// Store patterns, recall them from noisy cues, measure capacity
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Store patterns: a file of patterns in, a memory out
    Fit(fit::FitArgs),
    /// Recall patterns from cues: from a file, or made of the stored patterns by noise or by covering a part
    Recall(recall::RecallArgs),
    /// How well a memory recalls as its cues get noisier
    Curve(curve::CurveArgs),
    /// How many random patterns a kind of memory holds, with the theory where there is one
    Capacity(capacity::CapacityArgs),
    /// How far from each pattern a cue may be: basins, measured and certified, and linear stability
    Basin(basin::BasinArgs),
    /// Compare memories on the same patterns and cues, with the nearest neighbour as the ceiling
    Compare(compare::CompareArgs),
}

pub(crate) fn run(verb: &Verb, context: &Context<'_>) -> Result<i32> {
    match verb {
        Verb::Fit(args) => fit::run(args, context),
        Verb::Recall(args) => recall::run(args, context),
        Verb::Curve(args) => curve::run(args, context),
        Verb::Capacity(args) => capacity::run(args, context),
        Verb::Basin(args) => basin::run(args, context),
        Verb::Compare(args) => compare::run(args, context),
    }
}
