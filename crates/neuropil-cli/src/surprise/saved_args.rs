//! Learners in files.

use std::path::{Path, PathBuf};

use clap::Args;
use neuropil_core::files::{check_writable, write_atomically};
use neuropil_surprise::model::ChangePointLearner;
use neuropil_surprise::saved::SavedLearner;

use crate::failure::{Failure, Result};
use crate::options::Context;
use crate::surprise::input_args::Sequence;

/// A learner from a file instead of options.
#[derive(Debug, Clone, Args)]
pub(crate) struct SavedArgs {
    /// Take the learner from this file, which --save-learner or, in Python, `learner.save(...)` has written; it
    /// brings the family, the hazard, the method and the seed
    #[arg(long, value_name = "FILE", help_heading = "Learner")]
    learner: Option<PathBuf>,
}

impl SavedArgs {
    /// The learner of the file, if one is named; `options` are those that it makes meaningless, where they are given.
    pub fn read(&self, options: &[Option<String>]) -> Result<Option<SavedLearner>> {
        let Some(path) = &self.learner else { return Ok(None) };
        if let Some(option) = options.iter().flatten().next() {
            let message = format!("{option} cannot be used with --learner, which brings the learner as it was saved");
            return Err(Failure::usage(message).hint(format!("leave out --learner or {option}")));
        }
        let bytes = std::fs::read(path)
            .map_err(|error| Failure::usage(format!("cannot read \"{}\": {error}", path.display())))?;
        let saved = SavedLearner::from_json(&String::from_utf8_lossy(&bytes))
            .map_err(|error| Failure::usage(format!("\"{}\" cannot be used: {error}", path.display())))?;
        Ok(Some(saved))
    }

    /// The file.
    pub fn path(&self) -> Option<&Path> {
        self.learner.as_deref()
    }
}

/// The learner of a file, with what the command line says about the input.
pub(crate) fn learner_of(saved: &SavedLearner, input: &Sequence, seed: Option<u64>) -> ChangePointLearner {
    let mut learner = saved.model();
    learner.seed = seed.unwrap_or(learner.seed);
    learner.missing = input.missing.unwrap_or(learner.missing);
    learner
}

/// Writes the learner into a file.
#[derive(Debug, Clone, Args)]
pub(crate) struct SaveArgs {
    /// Write the learner to this file, for --learner and, in Python, `neuropil.load(...)`
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    save_learner: Option<PathBuf>,
}

impl SaveArgs {
    /// Whether a file is named.
    pub fn is_given(&self) -> bool {
        self.save_learner.is_some()
    }

    /// Refuses a file that is in the way, before the work.
    pub fn plan(&self, context: &Context<'_>) -> Result<()> {
        self.save_learner.as_deref().map_or(Ok(()), |path| Ok(check_writable(path, context.global.overwrite())?))
    }

    /// Writes the file, if one is named.
    pub fn write(&self, context: &Context<'_>, learner: impl FnOnce() -> SavedLearner) -> Result<()> {
        let Some(path) = &self.save_learner else { return Ok(()) };
        let text = learner().to_json();
        write_atomically(path, context.global.overwrite(), |out| out.write_all(text.as_bytes()))?;
        context.console.say(format!("wrote {}", path.display()));
        Ok(())
    }
}
