//! `neuropil data inspect FILE`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use crate::document::document;
use crate::failure::{DONE, Result};
use crate::options::Context;

/// Look at data files
#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// Show what is in a file: columns or arrays, their types, ranges and missing values
    Inspect(InspectArgs),
}

/// Show what is in a file: columns or arrays, their types, ranges and missing values
#[derive(Debug, Args)]
#[command(after_help = r"Examples:
  neuropil data inspect data/nile.csv
  neuropil data inspect data/gaussian_task.csv --json")]
pub(crate) struct InspectArgs {
    /// A csv, tsv, npy or npz file
    file: PathBuf,
}

pub(crate) fn run(command: &DataCommand, context: &Context<'_>) -> Result<i32> {
    let DataCommand::Inspect(args) = command;
    context.global.refuse_plot("data inspect")?;
    context.global.refuse_out("data inspect")?;
    let summary = neuropil_data::inspect(&args.file)?;
    context.console.show(&summary, || {
        let input = json!({ "path": args.file });
        document("data inspect", context.global.seed(), json!({}), input, json!(summary))
    })?;
    Ok(DONE)
}
