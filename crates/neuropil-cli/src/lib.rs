//! The `neuropil` program, as a function.
//!
//! `neuropil ROOM VERB [INPUT...] [options]` runs a model on data; `neuropil reproduce` repeats the published
//! experiments. Data goes to stdout (with `--json` exactly one JSON document), everything else to stderr. The exit
//! status is 0 when the work is done, 1 when it failed, 2 for bad usage or bad input, 3 when a claim does not hold
//! without a documented reason, 130 when it was interrupted.
//!
//! There is no mathematics here: a command reads its options, calls a library crate, and shows the result.

mod bars;
mod cite;
mod completions;
mod console;
mod data;
mod delivery;
mod doctor;
mod document;
mod failure;
mod interrupt;
mod landscape;
mod memory;
mod options;
mod outputs;
mod reproduce;
mod spikes;
mod surprise;

use std::ffi::OsString;

use clap::Parser;
use neuropil_experiments::Experiment;

use crate::console::Console;
use crate::options::{Command, Options};

/// Runs the program with its arguments (the first is the name of the program) and returns its exit status.
///
/// It reads no other state than the environment and the files that it is given, so that it can be called from another
/// program, again and again. The first call on a process takes over Ctrl-C.
#[must_use]
pub fn run<T: Into<OsString> + Clone>(args: impl IntoIterator<Item = T>) -> i32 {
    run_with(args, neuropil_experiments::all)
}

/// [`run`] with other experiments behind `reproduce`, for a program that adds its own.
#[must_use]
pub fn run_with<T: Into<OsString> + Clone>(
    args: impl IntoIterator<Item = T>,
    experiments: fn() -> Vec<Box<dyn Experiment>>,
) -> i32 {
    let options = match Options::try_parse_from(args) {
        Ok(options) => options,
        Err(error) => {
            // Help and version are not errors: they go to stdout with status 0. A closed pipe is nobody's fault.
            let _ = error.print();
            return error.exit_code();
        }
    };
    let console = Console::new(&options.global);
    let interrupt = interrupt::token();
    let context = options::Context { global: &options.global, console: &console, interrupt, experiments };
    match dispatch(&options.command, &context) {
        Ok(status) => status,
        Err(failure) => console.failure(&failure),
    }
}

fn dispatch(command: &Command, context: &options::Context<'_>) -> failure::Result<i32> {
    if context.global.threads.is_none() {
        neuropil_core::threads::check_environment()
            .map_err(|error| failure::Failure::usage(error).hint("unset it, or choose the threads with --threads"))?;
    }
    neuropil_core::threads::set_limit(context.global.threads.map(|n| usize::from(n.get())));
    match command {
        Command::Memory(verb) => memory::run(verb, context),
        Command::Surprise(verb) => surprise::run(verb, context),
        Command::Landscape(verb) => landscape::run(verb, context),
        Command::Spikes(verb) => spikes::run(verb, context),
        Command::Reproduce(args) => reproduce::run(args, context),
        Command::Data(args) => data::run(args, context),
        Command::Cite(args) => cite::run(args, context),
        Command::Doctor => doctor::run(context),
        Command::Completions(args) => completions::run(args, context),
    }
}
