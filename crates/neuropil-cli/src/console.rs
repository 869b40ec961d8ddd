//! What the user sees: data on stdout, messages and progress on stderr.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;

use neuropil_core::progress::{Progress, Silent};
use serde_json::Value;

use crate::bars::Bars;
use crate::failure::{Failure, Result};
use crate::options::Global;

/// The streams of the program, as loud as the user wants them.
pub(crate) struct Console {
    json: bool,
    quiet: bool,
    verbose: bool,
    bars: Option<Arc<Bars>>,
}

impl Console {
    pub fn new(global: &Global) -> Self {
        let show_bars = !global.quiet && !global.no_progress && io::stderr().is_terminal();
        Self {
            json: global.json,
            quiet: global.quiet,
            verbose: global.verbose,
            bars: show_bars.then(|| Arc::new(Bars::new())),
        }
    }

    /// Progress bars on a terminal, nothing elsewhere.
    pub fn progress(&self) -> Arc<dyn Progress> {
        match &self.bars {
            Some(bars) => bars.clone(),
            None => Arc::new(Silent),
        }
    }

    /// Shows a result: `text` for people, or `document` where JSON is wanted.
    pub fn show(&self, text: impl Display, document: impl FnOnce() -> Value) -> Result<()> {
        if self.json { self.print(&format!("{:#}\n", document())) } else { self.print(&text.to_string()) }
    }

    /// Writes data to stdout.
    pub fn print(&self, text: &str) -> Result<()> {
        let mut stdout = io::stdout().lock();
        match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Failure::closed_pipe()),
            Err(error) => Err(Failure::failed(format!("cannot write to stdout: {error}"))),
        }
    }

    /// A message that the user can do without.
    pub fn say(&self, message: impl Display) {
        if !self.quiet {
            self.line(&message);
        }
    }

    /// A message for those who asked for more.
    pub fn detail(&self, message: impl Display) {
        if self.verbose {
            self.line(&message);
        }
    }

    /// Something went wrong, but the work goes on.
    pub fn warn(&self, message: impl Display) {
        if !self.quiet {
            self.line(&format!("warning: {message}"));
        }
    }

    /// Tells why the command failed and returns the exit status.
    pub fn failure(&self, failure: &Failure) -> i32 {
        if !failure.message.is_empty() {
            self.line(&format!("error: {}", failure.message));
        }
        for hint in &failure.hints {
            self.line(&format!("hint: {hint}"));
        }
        failure.status
    }

    fn line(&self, text: &dyn Display) {
        let write = || {
            // Nobody is left to be told when stderr is closed.
            let _ = writeln!(io::stderr().lock(), "{text}");
        };
        match &self.bars {
            Some(bars) => bars.aside(write),
            None => write(),
        }
    }
}
