//! The grammar of the command line and the options that every command has.

use std::num::NonZeroU16;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use neuropil_core::files::Overwrite;
use neuropil_core::progress::{CancelToken, Monitor};
use neuropil_experiments::Experiment;

use crate::console::Console;
use crate::failure::{Failure, Result};

/// Models of learning and memory in neural circuits
#[derive(Debug, Parser)]
#[command(
    name = "neuropil",
    version,
    about = "Models of learning and memory in neural circuits",
    propagate_version = true,
    disable_help_subcommand = true,
    max_term_width = 100,
    after_help = "Exit status: 0 done; 1 failed while running; 2 bad usage or bad input; 3 a claim does not hold \
                  without a documented reason; 130 interrupted."
)]
pub(crate) struct Options {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Learning in a changing world: filter, find changes, compare learners
    #[command(subcommand)]
    Surprise(Box<crate::surprise::Verb>),
    /// Store patterns, recall them from noisy cues, measure capacity
    #[command(subcommand)]
    Memory(Box<crate::memory::Verb>),
    /// Loss landscapes: train to machine precision, count and name critical points, connect minima
    #[command(subcommand)]
    Landscape(Box<crate::landscape::Verb>),
    /// Spiking populations: simulate them, infer the hidden circuit behind recorded spikes, predict stimulation
    #[command(subcommand)]
    Spikes(Box<crate::spikes::Verb>),
    /// Repeat the published experiments and write a report
    Reproduce(crate::reproduce::ReproduceArgs),
    /// Look at data files
    #[command(subcommand)]
    Data(crate::data::DataCommand),
    /// Print how to cite a room and the software
    Cite(crate::cite::CiteArgs),
    /// Describe this installation: version, processor, threads, folders
    Doctor,
    /// Print the completion script of a shell
    Completions(crate::completions::CompletionsArgs),
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "General options")]
pub(crate) struct Global {
    /// Seed of everything random; the same seed gives the same bits on any number of threads [default: 0, or that of
    /// --learner]
    #[arg(long, global = true, value_name = "N")]
    pub seed: Option<u64>,
    /// Number of threads [default: all that this process may use]
    #[arg(long, global = true, value_name = "N", value_parser = thread_count)]
    pub threads: Option<NonZeroU16>,
    /// Print one JSON document on stdout, and nothing else there
    #[arg(long, global = true)]
    pub json: bool,
    /// Write the result to this file or folder
    #[arg(long, global = true, value_name = "PATH")]
    pub out: Option<PathBuf>,
    /// Draw the result; the name ends in .svg or .png
    #[arg(long, global = true, value_name = "FILE")]
    pub plot: Option<PathBuf>,
    /// Overwrite outputs that exist already
    #[arg(long, global = true)]
    pub force: bool,
    /// No messages but errors, no progress
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// More messages
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// No progress bars
    #[arg(long, global = true)]
    pub no_progress: bool,
}

fn thread_count(text: &str) -> std::result::Result<NonZeroU16, String> {
    let limit = neuropil_core::threads::MAX_THREADS;
    text.parse::<NonZeroU16>()
        .ok()
        .filter(|n| usize::from(n.get()) <= limit)
        .ok_or_else(|| format!("the number of threads must be a whole number from 1 to {limit}"))
}

impl Global {
    /// The seed, where nothing but this option can give one.
    pub fn seed(&self) -> u64 {
        self.seed.unwrap_or_default()
    }

    pub fn overwrite(&self) -> Overwrite {
        if self.force { Overwrite::Replace } else { Overwrite::Refuse }
    }

    /// For commands that draw nothing.
    pub fn refuse_plot(&self, command: &str) -> Result<()> {
        match &self.plot {
            Some(_) => Err(Failure::usage(format!("`neuropil {command}` draws nothing")).hint("leave --plot out")),
            None => Ok(()),
        }
    }

    /// For commands that write no file of their own.
    pub fn refuse_out(&self, command: &str) -> Result<()> {
        match &self.out {
            Some(_) => Err(Failure::usage(format!("`neuropil {command}` writes to stdout and takes no --out"))
                .hint("redirect the output with `>`")),
            None => Ok(()),
        }
    }
}

/// What a command works with.
pub(crate) struct Context<'a> {
    pub global: &'a Global,
    pub console: &'a Console,
    pub interrupt: CancelToken,
    pub experiments: fn() -> Vec<Box<dyn Experiment>>,
}

impl Context<'_> {
    /// Progress on the terminal, cancelled by Ctrl-C.
    pub fn monitor(&self) -> Monitor {
        Monitor::new(self.console.progress(), self.interrupt.clone())
    }
}
