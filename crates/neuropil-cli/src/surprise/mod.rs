//! `neuropil surprise VERB`: learning in a changing world.

mod family_args;
mod filter;
mod hazard_args;
mod input_args;
mod method_args;
mod model_args;

use clap::Subcommand;

use crate::failure::Result;
use crate::options::Context;

/// Learning in a changing world: filter, find changes, compare learners
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Follow a sequence: belief, surprise and adaptation rate after every observation
    Filter(filter::FilterArgs),
}

pub(crate) fn run(verb: &Verb, context: &Context<'_>) -> Result<i32> {
    match verb {
        Verb::Filter(args) => filter::run(args, context),
    }
}
