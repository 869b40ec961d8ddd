//! What can be wrong with the input of this room, said so that the reader knows what to do.

use neuropil_core::check::CheckError;
use neuropil_core::progress::Cancelled;

/// Result of a function of this room.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a network, a data set or a construction is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An argument lies outside its range.
    #[error("{name} must be {allowed}, got {value}")]
    Parameter {
        /// Name of the argument as the user wrote it.
        name: String,
        /// The value that was given, formatted.
        value: String,
        /// What is allowed, completing the sentence "must be ...".
        allowed: String,
    },
    /// An argument failed one of the shared checks.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// A value of an array is NaN or infinite.
    #[error("{what}{index:?} is {value}, but every value must be finite; remove or impute it before")]
    NotFinite {
        /// Which array.
        what: String,
        /// Position of the first such value, one number for each axis.
        index: Vec<usize>,
        /// The value, formatted.
        value: String,
    },
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
    /// The construction is only valid at a critical point, or only at zero loss.
    #[error(
        "{what} is only valid {condition}, but here the loss is {loss:e} and the largest gradient component is {gradient:e}; {advice}"
    )]
    NotCritical {
        /// The construction.
        what: String,
        /// Where it is valid, completing "is only valid ...".
        condition: String,
        /// Loss at the given point.
        loss: f64,
        /// Largest absolute component of the gradient there.
        gradient: f64,
        /// What to do instead.
        advice: String,
    },
    /// A zero-loss path needs a neuron that is free to move.
    #[error(
        "layer {layer} has {width} neurons and all of them are needed (reduce_network found r = {distinct}); \
         the width must exceed the number of distinct neurons by at least 1"
    )]
    NoFreeNeuron {
        /// Hidden layer, counted from zero.
        layer: usize,
        /// Its width.
        width: usize,
        /// Number of distinct neurons that are needed.
        distinct: usize,
    },
    /// The result would not fit into the memory that is allowed for it.
    #[error("{what} needs {needed_mb} MB, more than the limit of {limit_mb} MB; {advice}")]
    TooLarge {
        /// What was asked for.
        what: String,
        /// Memory needed, in units of 10^6 bytes.
        needed_mb: usize,
        /// Memory allowed, in units of 10^6 bytes.
        limit_mb: usize,
        /// What to do instead.
        advice: String,
    },
    /// The loss or its derivatives are not defined for what was asked.
    #[error("{what} is not defined for {case}; {advice}")]
    Undefined {
        /// What was asked for.
        what: String,
        /// For which activation, loss or network.
        case: String,
        /// What to do instead.
        advice: String,
    },
    /// The work was cancelled.
    #[error("cancelled")]
    Cancelled,
}

impl Error {
    /// An argument outside its range: `Error::parameter("width", 0, "at least 1")`.
    pub fn parameter(name: impl Into<String>, value: impl ToString, allowed: impl Into<String>) -> Self {
        Self::Parameter { name: name.into(), value: value.to_string(), allowed: allowed.into() }
    }

    /// An array of the wrong shape.
    pub fn shape(what: impl Into<String>, expected: impl Into<String>, got: impl Into<String>) -> Self {
        Self::Shape { what: what.into(), expected: expected.into(), got: got.into() }
    }

    /// The first value of an iterator of `(index, value)` that is NaN or infinite.
    pub(crate) fn first_not_finite(
        what: &str,
        values: impl IntoIterator<Item = (Vec<usize>, f64)>,
    ) -> std::result::Result<(), Self> {
        match values.into_iter().find(|(_, value)| !value.is_finite()) {
            None => Ok(()),
            Some((index, value)) => Err(Self::NotFinite { what: what.into(), index, value: value.to_string() }),
        }
    }
}

impl From<Cancelled> for Error {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}
