//! The ranges that families share: which parameters and which observations are allowed, and the sentence for each.

use crate::error::{Error, Result};

/// Largest magnitude of parameters and real observations (and inverse of the smallest positive parameter), so that no
/// square or product of a few of them overflows.
pub const LARGEST_REAL: f64 = 1e50;
/// Largest count that a double holds exactly, 2^53.
pub const LARGEST_COUNT: f64 = 9_007_199_254_740_992.0;

/// Checks a positive parameter of a family.
pub(super) fn positive(name: &str, value: f64) -> Result<()> {
    if (1.0 / LARGEST_REAL..=LARGEST_REAL).contains(&value) {
        Ok(())
    } else {
        Err(Error::parameter(name, value, "positive (between 1e-50 and 1e50)"))
    }
}

/// Checks a real parameter of a family.
pub(super) fn finite(name: &str, value: f64) -> Result<()> {
    if value.abs() <= LARGEST_REAL {
        Ok(())
    } else {
        Err(Error::parameter(name, value, "a finite number of magnitude at most 1e50"))
    }
}

/// Checks a real observation.
pub(super) fn finite_observation(family: &'static str, index: usize, value: f64) -> Result<()> {
    if value.abs() <= LARGEST_REAL {
        Ok(())
    } else {
        Err(Error::observation(index, value, family, "a finite number of magnitude at most 1e50"))
    }
}

/// Refuses a vector with an entry that is not positive, naming the entry.
pub(super) fn all_positive(name: &str, values: &[f64]) -> Result<()> {
    values.iter().enumerate().try_for_each(|(i, &value)| positive(&format!("{name}[{i}]"), value))
}

/// Refuses a vector that is empty or has an entry that is not finite, naming the entry.
pub(super) fn all_finite(name: &str, values: &[f64]) -> Result<()> {
    if values.is_empty() {
        return Err(Error::parameter(name, "no entry", "a vector of at least one number"));
    }
    values.iter().enumerate().try_for_each(|(i, &value)| finite(&format!("{name}[{i}]"), value))
}

/// Refuses an observation row of the wrong width.
pub(super) fn width(index: usize, family: &str, y: &[f64], expected: usize) -> Result<()> {
    if y.len() == expected {
        return Ok(());
    }
    Err(Error::Shape {
        what: format!("observation {index} of the family \"{family}\""),
        expected: format!("{expected} number{} per row", if expected == 1 { "" } else { "s" }),
        got: y.len().to_string(),
    })
}

/// Refuses a row with a number that is infinite or beyond [`LARGEST_REAL`].
pub(super) fn real(index: usize, family: &'static str, y: &[f64]) -> Result<()> {
    y.iter().try_for_each(|&value| finite_observation(family, index, value))
}

/// Refuses a number that is not an integer in `0..=largest`.
pub(super) fn count(index: usize, family: &'static str, value: f64, largest: f64) -> Result<()> {
    if value >= 0.0 && value <= largest && value.fract() == 0.0 {
        return Ok(());
    }
    let allowed = if largest == LARGEST_COUNT {
        "a non-negative integer (at most 2^53)".to_owned()
    } else {
        format!("an integer in 0..={largest}")
    };
    Err(Error::observation(index, value, family, allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_entry_the_value_and_the_range() {
        let message = all_positive("alpha", &[1.0, -2.0]).unwrap_err().to_string();
        assert_eq!(message, "alpha[1] must be positive (between 1e-50 and 1e50), got -2");
        let message = count(4, "categorical", 7.0, 4.0).unwrap_err().to_string();
        assert_eq!(message, "observation 4 is 7, but a categorical observation must be an integer in 0..=4");
        let message = width(2, "regression", &[1.0], 3).unwrap_err().to_string();
        assert_eq!(message, "observation 2 of the family \"regression\": expected 3 numbers per row, got 1");
    }
}
