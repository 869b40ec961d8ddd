//! What can be wrong with the input of this room, said so that the reader knows what to do.

/// Result of a function of this room.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a learner, a family or a fit refuses its input.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
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
    /// An observation cannot belong to the family.
    #[error("observation {index} is {value}, but a {family} observation must be {allowed}")]
    Observation {
        /// 0-based index of the first offending observation.
        index: usize,
        /// The value, formatted.
        value: String,
        /// Name of the family.
        family: &'static str,
        /// What is allowed, completing the sentence "must be ...".
        allowed: String,
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
    /// There are too few observations.
    #[error("{what} needs at least {needed} observation{}, got {got}", if *needed == 1 { "" } else { "s" })]
    TooFew {
        /// What was asked for.
        what: &'static str,
        /// The least number.
        needed: usize,
        /// The number that came.
        got: usize,
    },
    /// The method is not defined for the family.
    #[error("method \"{method}\" is not defined for the family \"{family}\"; it supports {supported}")]
    Unsupported {
        /// Name of the method.
        method: String,
        /// Name of the family.
        family: String,
        /// Families (or methods) for which it is defined.
        supported: String,
    },
    /// The learner cannot use a hazard that depends on the run length, because it does not know the run length.
    #[error(
        "a {learner} does not know how long ago the last change was, so its hazard must be one number or one per \
         observation; the methods exact, mp and sor take hazards that depend on the run length"
    )]
    RunLengthHazard {
        /// Kind of learner.
        learner: &'static str,
    },
    /// A saved state does not fit the learner that should continue from it.
    #[error("the state was saved by {saved}, but this learner is {expected}; load it with the learner that saved it")]
    State {
        /// What the file says.
        saved: String,
        /// What was expected.
        expected: String,
    },
    /// A file holds no learner that can be used.
    #[error("not a learner that neuropil saved: {problem}")]
    Saved {
        /// What is wrong with it.
        problem: String,
    },
    /// The work was cancelled.
    #[error("cancelled")]
    Cancelled,
}

impl Error {
    /// A parameter outside its range: `Error::parameter("hazard", 1.5, "in [0, 1]")`.
    pub fn parameter(name: impl Into<String>, value: impl ToString, allowed: impl Into<String>) -> Self {
        Self::Parameter { name: name.into(), value: brief(value.to_string()), allowed: allowed.into() }
    }

    /// An observation that the family refuses.
    pub fn observation(index: usize, value: impl ToString, family: &'static str, allowed: impl Into<String>) -> Self {
        Self::Observation { index, value: brief(value.to_string()), family, allowed: allowed.into() }
    }
}

/// A number that would fill the line with digits, with an exponent instead.
fn brief(value: String) -> String {
    match value.parse::<f64>() {
        Ok(number) if value.len() > 25 => format!("{number:e}"),
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_hold_numbers_and_no_walls_of_digits() {
        let message = |value: f64| Error::parameter("sigma", value, "positive").to_string();
        assert_eq!(message(1e300), "sigma must be positive, got 1e300");
        assert_eq!(message(-2.5e-60), "sigma must be positive, got -2.5e-60");
        assert_eq!(message(0.1), "sigma must be positive, got 0.1");
        assert_eq!(Error::parameter("m", "missing", "given").to_string(), "m must be given, got missing");
    }
}
