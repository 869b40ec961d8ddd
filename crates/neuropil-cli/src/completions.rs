//! `neuropil completions SHELL`.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::failure::{DONE, Result};
use crate::options::{Context, Options};

/// Print the completion script of a shell
#[derive(Debug, Args)]
#[command(after_help = r"Examples:
  neuropil completions bash > neuropil.bash
  neuropil completions zsh > _neuropil")]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(args: &CompletionsArgs, context: &Context<'_>) -> Result<i32> {
    context.global.refuse_plot("completions")?;
    context.global.refuse_out("completions")?;
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Options::command(), "neuropil", &mut script);
    context.console.print(&String::from_utf8_lossy(&script))?;
    Ok(DONE)
}
