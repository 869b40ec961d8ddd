//! What an experiment is.

use std::fmt;

use neuropil_core::progress::{Cancelled, Monitor};
use neuropil_report::{Section, Size};

/// One figure or table of a paper.
pub trait Experiment: Send + Sync {
    /// What it is called and where it was published.
    fn info(&self) -> &Info;
    /// The parameters of a size, as they appear in the report. They are part of the key under which a finished
    /// experiment is kept: whatever changes the outcome belongs here.
    fn parameters(&self, size: Size) -> serde_json::Value;
    /// Runs it. Long work checks `context.monitor` often, and draws from streams derived from `context.seed`.
    fn run(&self, context: &Context) -> Result<Section>;
}

/// Name and origin of an experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Info {
    /// Unique name, `ROOM.WORDS`, for example `surprise.regret-heatmap`.
    pub id: &'static str,
    /// The room, for example `surprise`.
    pub room: &'static str,
    /// The paper, as it is cited.
    pub paper: &'static str,
    /// The figure or table of the paper.
    pub figure: &'static str,
    /// What it shows.
    pub title: &'static str,
}

/// What an experiment is given.
#[derive(Debug, Clone)]
pub struct Context {
    /// How much work to do.
    pub size: Size,
    /// The seed of the run; an experiment derives its streams from `Seed::new(seed).child(id)`.
    pub seed: u64,
    /// Where to report progress and learn of a request to stop.
    pub monitor: Monitor,
}

/// Result of an experiment.
pub type Result<T> = std::result::Result<T, Error>;

/// Why an experiment, or a run of several, ended early.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Somebody asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// The experiment could not be carried out.
    #[error("{0}")]
    Failed(String),
}

impl Error {
    /// A failure with a sentence that says what went wrong.
    pub fn failed(message: impl fmt::Display) -> Self {
        Self::Failed(message.to_string())
    }
}

impl From<neuropil_memory::Error> for Error {
    fn from(error: neuropil_memory::Error) -> Self {
        match error {
            neuropil_memory::Error::Cancelled(cancelled) => Self::Cancelled(cancelled),
            other => Self::failed(other),
        }
    }
}

impl From<neuropil_surprise::Error> for Error {
    fn from(error: neuropil_surprise::Error) -> Self {
        match error {
            neuropil_surprise::Error::Cancelled => Self::Cancelled(Cancelled),
            other => Self::failed(other),
        }
    }
}

impl From<neuropil_landscape::Error> for Error {
    fn from(error: neuropil_landscape::Error) -> Self {
        match error {
            neuropil_landscape::Error::Cancelled => Self::Cancelled(Cancelled),
            other => Self::failed(other),
        }
    }
}

impl From<neuropil_spikes::Error> for Error {
    fn from(error: neuropil_spikes::Error) -> Self {
        match error {
            neuropil_spikes::Error::Cancelled => Self::Cancelled(Cancelled),
            other => Self::failed(other),
        }
    }
}
