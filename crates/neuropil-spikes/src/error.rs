//! What can be wrong with the input of this room, said so that the reader knows what to do.

use neuropil_core::check::CheckError;
use neuropil_core::progress::Cancelled;

/// Result of a function of this room.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a network, a simulation or a fit refuses its input.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A parameter lies outside its range.
    #[error("{name} must be {allowed}, got {value}")]
    Parameter {
        /// Name of the parameter as the user wrote it.
        name: String,
        /// The value that was given, formatted.
        value: String,
        /// What is allowed, completing the sentence "must be ...".
        allowed: String,
    },
    /// An argument fails one of the checks that all rooms share.
    #[error("{0}")]
    Check(CheckError),
    /// Two shapes do not fit together.
    #[error("{what}: expected {expected}, got {got}")]
    Shape {
        /// Which array.
        what: String,
        /// The shape that was expected.
        expected: String,
        /// The shape that came.
        got: String,
    },
    /// A recording is too short, or holds too few neurons or spikes, for what was asked.
    #[error("{what} needs at least {needed}, got {got}; {advice}")]
    TooLittle {
        /// What was asked for.
        what: String,
        /// The least amount, with its unit.
        needed: String,
        /// The amount that came, with its unit.
        got: String,
        /// What to do.
        advice: String,
    },
    /// The network has a feature that an algorithm does not cover.
    #[error("{what} does not support {feature}; {advice}")]
    Unsupported {
        /// The algorithm.
        what: String,
        /// The feature.
        feature: String,
        /// What to use instead.
        advice: String,
    },
    /// The spikes of the data cannot be used.
    #[error("{0}")]
    Spikes(String),
    /// A checkpoint or a parameter file does not fit.
    #[error("{what} cannot be used: {problem}")]
    State {
        /// The file or the state.
        what: String,
        /// What is wrong with it and what to do.
        problem: String,
    },
    /// A numerical method did not succeed.
    #[error("{what} failed: {problem}")]
    Numerical {
        /// The method.
        what: String,
        /// What happened and what to do.
        problem: String,
    },
    /// The work was cancelled.
    #[error("cancelled")]
    Cancelled,
}

impl Error {
    /// A parameter outside its range: `Error::parameter("tau_m", -1.0, "positive (seconds)")`.
    pub fn parameter(name: impl Into<String>, value: impl ToString, allowed: impl Into<String>) -> Self {
        Self::Parameter { name: name.into(), value: value.to_string(), allowed: allowed.into() }
    }

    /// Two shapes that do not fit together.
    pub fn shape(what: impl Into<String>, expected: impl ToString, got: impl ToString) -> Self {
        Self::Shape { what: what.into(), expected: expected.to_string(), got: got.to_string() }
    }

    /// A feature that an algorithm does not cover.
    pub fn unsupported(what: impl Into<String>, feature: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::Unsupported { what: what.into(), feature: feature.into(), advice: advice.into() }
    }
}

impl From<CheckError> for Error {
    fn from(error: CheckError) -> Self {
        Self::Check(error)
    }
}

impl From<Cancelled> for Error {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}
