//! `neuropil surprise VERB`: learning in a changing world.

mod delivery;
mod family_args;
mod filter;
mod fit_hazard;
mod hazard_args;
mod input_args;
mod method_args;
mod model_args;
mod segment;
mod smooth;

use clap::Subcommand;

use crate::failure::Result;
use crate::options::Context;

/// Learning in a changing world: filter, find changes, compare learners
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Follow a sequence: belief, surprise and adaptation rate after every observation
    Filter(filter::FilterArgs),
    /// Look back at a whole sequence: belief and change probability given all observations
    Smooth(smooth::SmoothArgs),
    /// Find the changes: the most probable segmentation of a whole sequence
    Segment(segment::SegmentArgs),
    /// Learn how often the world changes: the hazard with the highest evidence, with its uncertainty
    FitHazard(fit_hazard::FitHazardArgs),
}

pub(crate) fn run(verb: &Verb, context: &Context<'_>) -> Result<i32> {
    match verb {
        Verb::Filter(args) => filter::run(args, context),
        Verb::Smooth(args) => smooth::run(args, context),
        Verb::Segment(args) => segment::run(args, context),
        Verb::FitHazard(args) => fit_hazard::run(args, context),
    }
}
