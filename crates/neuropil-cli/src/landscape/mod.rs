//! `neuropil landscape VERB`: loss landscapes of multi-layer perceptrons.

mod align;
mod count;
mod data_args;
mod eigenvalue_panel;
mod merge;
mod network_args;
mod path;
mod report;
mod spectrum;
mod train;

use clap::Subcommand;

use crate::failure::Result;
use crate::options::Context;

/// Loss landscapes: train to machine precision, count and name critical points, connect minima
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Count symmetry-induced critical subspaces and subspaces of global minima, exactly
    Count(count::CountArgs),
    /// Train networks to machine precision from many starts
    Train(train::TrainArgs),
    /// Eigenvalues of the Hessian: all of them, or those at both ends
    Spectrum(spectrum::SpectrumArgs),
    /// A path along which the function does not change: to permuted neurons, or to a network that was trained separately
    Path(path::PathArgs),
    /// Relabel the neurons of a network so that it comes as close as possible to another
    Align(align::AlignArgs),
    /// Bring two neurons together: the path over the permutation saddle that exchanges them
    Merge(merge::MergeArgs),
    /// Describe a point: gradient, index, why each zero eigenvalue is there, types of neurons
    Report(report::ReportArgs),
}

pub(crate) fn run(verb: &Verb, context: &Context<'_>) -> Result<i32> {
    match verb {
        Verb::Count(args) => count::run(args, context),
        Verb::Train(args) => train::run(args, context),
        Verb::Spectrum(args) => spectrum::run(args, context),
        Verb::Path(args) => path::run(args, context),
        Verb::Align(args) => align::run(args, context),
        Verb::Merge(args) => merge::run(args, context),
        Verb::Report(args) => report::run(args, context),
    }
}
