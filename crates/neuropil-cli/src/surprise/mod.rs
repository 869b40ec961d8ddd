//! `neuropil surprise VERB`: learning in a changing world.

mod alarm;
mod compare;
mod family_args;
mod filter;
mod filter_figure;
mod fit_hazard;
mod fit_subjects;
mod hazard_args;
mod input_args;
mod method_args;
mod model_args;
pub(crate) mod observations;
mod recover;
mod response_args;
mod saved_args;
mod segment;
mod simulate;
mod smooth;

use clap::Subcommand;

use crate::failure::Result;
use crate::options::Context;

/// Learning in a changing world: filter, find changes, compare learners
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Simulate a changing world, and subjects who respond to it
    Simulate(simulate::SimulateArgs),
    /// Follow a sequence: belief, surprise and adaptation rate after every observation
    Filter(filter::FilterArgs),
    /// Look back at a whole sequence: belief and change probability given all observations
    Smooth(smooth::SmoothArgs),
    /// Find the changes: the most probable segmentation of a whole sequence
    Segment(segment::SegmentArgs),
    /// Raise an alarm at changes, with a wanted rate of false alarms
    Alarm(alarm::AlarmArgs),
    /// Compare learners on the same sequence: evidence, and error where the truth is known
    Compare(compare::CompareArgs),
    /// Learn how often the world changes: the hazard with the highest evidence, with its uncertainty
    FitHazard(fit_hazard::FitHazardArgs),
    /// Fit a learner to what subjects did: one long table in, parameters with errors out
    FitSubjects(fit_subjects::FitSubjectsArgs),
    /// Before an experiment: can its design recover the parameters of a learner, and tell learners apart?
    Recover(recover::RecoverArgs),
}

pub(crate) fn run(verb: &Verb, context: &Context<'_>) -> Result<i32> {
    match verb {
        Verb::Simulate(args) => simulate::run(args, context),
        Verb::Filter(args) => filter::run(args, context),
        Verb::Smooth(args) => smooth::run(args, context),
        Verb::Segment(args) => segment::run(args, context),
        Verb::Alarm(args) => alarm::run(args, context),
        Verb::Compare(args) => compare::run(args, context),
        Verb::FitHazard(args) => fit_hazard::run(args, context),
        Verb::FitSubjects(args) => fit_subjects::run(args, context),
        Verb::Recover(args) => recover::run(args, context),
    }
}
