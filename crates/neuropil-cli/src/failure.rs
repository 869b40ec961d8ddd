//! How a command fails: the message, what to do about it, and the exit status.

use std::fmt::Display;

use neuropil_core::files::FileError;
use neuropil_core::progress::Cancelled;
use neuropil_report::ReportError;

pub(crate) type Result<T> = std::result::Result<T, Failure>;

/// The work is done.
pub(crate) const DONE: i32 = 0;
const FAILED: i32 = 1;
const USAGE: i32 = 2;
const INTERRUPTED: i32 = 130;

/// Why a command ends without a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// Empty where there is nothing to say.
    pub message: String,
    pub hints: Vec<String>,
    pub status: i32,
}

impl Failure {
    fn new(message: impl Display, status: i32) -> Self {
        Self { message: message.to_string(), hints: Vec::new(), status }
    }

    /// The arguments or the input cannot be used.
    pub fn usage(message: impl Display) -> Self {
        Self::new(message, USAGE)
    }

    /// Something went wrong while running.
    pub fn failed(message: impl Display) -> Self {
        Self::new(message, FAILED)
    }

    /// Ctrl-C.
    pub fn interrupted(message: impl Display) -> Self {
        Self::new(message, INTERRUPTED)
    }

    /// The reader of stdout has gone away; it has what it wanted.
    pub fn closed_pipe() -> Self {
        Self::new("", DONE)
    }

    /// Adds a line that says what to do.
    pub fn hint(mut self, hint: impl Display) -> Self {
        self.hints.push(hint.to_string());
        self
    }
}

impl From<Cancelled> for Failure {
    fn from(_: Cancelled) -> Self {
        Self::interrupted("interrupted")
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Exists { .. }
            | FileError::MissingFolder { .. }
            | FileError::NotAFolder { .. }
            | FileError::IsAFolder { .. } => Self::usage(error),
            FileError::Io { .. } => Self::failed(error),
        }
    }
}

impl From<ReportError> for Failure {
    fn from(error: ReportError) -> Self {
        match error {
            ReportError::Extension { .. } => Self::usage(error),
            other => Self::failed(other),
        }
    }
}

impl From<neuropil_surprise::Error> for Failure {
    fn from(error: neuropil_surprise::Error) -> Self {
        match error {
            neuropil_surprise::Error::Cancelled => Self::from(Cancelled),
            other => Self::usage(other),
        }
    }
}

impl From<neuropil_memory::Error> for Failure {
    fn from(error: neuropil_memory::Error) -> Self {
        match error {
            neuropil_memory::Error::Cancelled(cancelled) => Self::from(cancelled),
            neuropil_memory::Error::Data(error) => Self::from(error),
            other => Self::usage(other),
        }
    }
}

impl From<neuropil_landscape::Error> for Failure {
    fn from(error: neuropil_landscape::Error) -> Self {
        match error {
            neuropil_landscape::Error::Cancelled => Self::from(Cancelled),
            other => Self::usage(other),
        }
    }
}

impl From<neuropil_spikes::Error> for Failure {
    fn from(error: neuropil_spikes::Error) -> Self {
        match error {
            neuropil_spikes::Error::Cancelled => Self::from(Cancelled),
            error @ neuropil_spikes::Error::Numerical { .. } => Self::failed(error),
            other => Self::usage(other),
        }
    }
}

impl From<neuropil_data::DataError> for Failure {
    fn from(error: neuropil_data::DataError) -> Self {
        match error {
            neuropil_data::DataError::Write(error) => Self::from(error),
            other => Self::usage(other),
        }
    }
}
