//! Checks of what a user gives, and the sentence that says what is wrong with it.
//!
//! Every check names the argument as the user wrote it, and returns the value itself, so that it can stand where the
//! value is used. [`each`] applies a check to every value of a slice and adds the index.
//!
//! ```
//! use neuropil_core::check;
//!
//! let error = check::within("hazard", 1.5, 0.0..=1.0).unwrap_err();
//! assert_eq!(error.to_string(), "hazard is 1.5, but it must lie in [0, 1]");
//! let error = check::each("observations", &[0.2, f64::NAN], check::finite).unwrap_err();
//! assert_eq!(error.to_string(), "observations[1] is NaN, but it must be finite");
//! ```

use std::fmt::{self, Display};
use std::ops::{Bound, RangeBounds};

/// An argument that cannot be used: which, its value, and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckError {
    /// The argument, as the user knows it.
    pub name: String,
    /// The position of the value, counted from zero, where the argument holds several.
    pub index: Option<usize>,
    /// The value that was given.
    pub value: String,
    /// What is allowed: completes the sentence "it must ...".
    pub allowed: String,
}

impl CheckError {
    /// An error for a check of your own; `allowed` completes "it must ...".
    pub fn new(name: &str, value: impl Display, allowed: impl Into<String>) -> Self {
        Self { name: name.to_owned(), index: None, value: value.to_string(), allowed: allowed.into() }
    }

    /// The same error at a position.
    #[must_use]
    pub fn at(mut self, index: usize) -> Self {
        self.index = Some(index);
        self
    }
}

impl Display for CheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some(index) = self.index {
            write!(f, "[{index}]")?;
        }
        write!(f, " is {}, but it must {}", self.value, self.allowed)
    }
}

impl std::error::Error for CheckError {}

/// The result of a check.
pub type Checked<T> = Result<T, CheckError>;

/// Neither NaN nor infinite.
///
/// # Errors
/// Otherwise.
pub fn finite(name: &str, value: f64) -> Checked<f64> {
    require(value.is_finite(), name, value, || "be finite".into())
}

/// Finite or NaN, where NaN stands for a missing value.
///
/// # Errors
/// Otherwise.
pub fn finite_or_missing(name: &str, value: f64) -> Checked<f64> {
    require(!value.is_infinite(), name, value, || "be finite, or NaN for a missing value".into())
}

/// Finite and above zero.
///
/// # Errors
/// Otherwise.
pub fn positive(name: &str, value: f64) -> Checked<f64> {
    require(value > 0.0 && value.is_finite(), name, value, || "be positive and finite".into())
}

/// Finite and at least zero.
///
/// # Errors
/// Otherwise.
pub fn non_negative(name: &str, value: f64) -> Checked<f64> {
    require(value >= 0.0 && value.is_finite(), name, value, || "be at least 0 and finite".into())
}

/// In a range: `0.0..=1.0` for `[0, 1]`, `0.0..1.0` for `[0, 1)`, `(Bound::Excluded(0.0), Bound::Included(1.0))` for
/// `(0, 1]`. NaN is in no range.
///
/// # Errors
/// Otherwise.
pub fn within<T: PartialOrd + Display>(name: &str, value: T, range: impl RangeBounds<T>) -> Checked<T> {
    // `RangeBounds::contains` would accept NaN for an unbounded range.
    let comparable = value.partial_cmp(&value).is_some();
    if comparable && range.contains(&value) {
        return Ok(value);
    }
    let low = match range.start_bound() {
        Bound::Included(low) => format!("[{low}"),
        Bound::Excluded(low) => format!("({low}"),
        Bound::Unbounded => "(-inf".into(),
    };
    let high = match range.end_bound() {
        Bound::Included(high) => format!("{high}]"),
        Bound::Excluded(high) => format!("{high})"),
        Bound::Unbounded => "inf)".into(),
    };
    Err(CheckError::new(name, value, format!("lie in {low}, {high}")))
}

/// A probability strictly between zero and one.
///
/// # Errors
/// Otherwise.
pub fn open_probability(name: &str, value: f64) -> Checked<f64> {
    within(name, value, (Bound::Excluded(0.0), Bound::Excluded(1.0)))
}

/// A whole number; returned as an integer.
///
/// # Errors
/// For a fraction, NaN, an infinity, or a number beyond 2^53, above which f64 skips integers.
pub fn integer_valued(name: &str, value: f64) -> Checked<i64> {
    const LARGEST: f64 = 9_007_199_254_740_992.0;
    require(value.fract() == 0.0 && value.abs() <= LARGEST, name, value, || "be a whole number".into())
        .map(|whole| whole as i64)
}

/// A count of at least `least`.
///
/// # Errors
/// Otherwise.
pub fn at_least(name: &str, value: usize, least: usize) -> Checked<usize> {
    if value >= least { Ok(value) } else { Err(CheckError::new(name, value, format!("be at least {least}"))) }
}

/// At least one value.
///
/// # Errors
/// For an empty slice.
pub fn non_empty<'a, T>(name: &str, values: &'a [T]) -> Checked<&'a [T]> {
    if values.is_empty() {
        return Err(CheckError::new(name, "empty", "hold at least one value"));
    }
    Ok(values)
}

/// As many values as another argument holds.
///
/// # Errors
/// For different lengths.
pub fn same_length(name: &str, length: usize, other_name: &str, other_length: usize) -> Checked<()> {
    if length == other_length {
        return Ok(());
    }
    let value = format!("{length} {} long", if length == 1 { "value" } else { "values" });
    Err(CheckError::new(name, value, format!("be as long as {other_name}, which holds {other_length}")))
}

/// Never decreasing from one value to the next, without NaN: times of events.
///
/// # Errors
/// At the first value that is NaN or smaller than the one before.
pub fn sorted<'a>(name: &str, values: &'a [f64]) -> Checked<&'a [f64]> {
    each(name, values, |name, value| require(!value.is_nan(), name, value, || "be a number".into()))?;
    match values.windows(2).position(|pair| pair[1] < pair[0]) {
        None => Ok(values),
        Some(i) => {
            Err(CheckError::new(name, values[i + 1], format!("be at least the value before it, {}", values[i]))
                .at(i + 1))
        }
    }
}

/// Applies a check to every value.
///
/// # Errors
/// The first value that fails, with its index.
pub fn each<'a, R>(name: &str, values: &'a [f64], check: impl Fn(&str, f64) -> Checked<R>) -> Checked<&'a [f64]> {
    for (index, &value) in values.iter().enumerate() {
        check(name, value).map_err(|error| error.at(index))?;
    }
    Ok(values)
}

fn require(holds: bool, name: &str, value: f64, allowed: impl FnOnce() -> String) -> Checked<f64> {
    if holds { Ok(value) } else { Err(CheckError::new(name, value, allowed())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence<T: fmt::Debug>(checked: Checked<T>) -> String {
        checked.unwrap_err().to_string()
    }

    #[test]
    fn good_values_pass_unchanged() {
        assert_eq!(finite("x", -1.0), Ok(-1.0));
        assert!(finite_or_missing("x", f64::NAN).is_ok());
        assert_eq!(positive("x", 1e-300), Ok(1e-300));
        assert_eq!(non_negative("x", 0.0), Ok(0.0));
        assert_eq!(within("n", 3_usize, 1..=3), Ok(3));
        assert_eq!(open_probability("p", 0.5), Ok(0.5));
        assert_eq!(integer_valued("k", -7.0), Ok(-7));
        assert_eq!(at_least("n", 2, 2), Ok(2));
        assert_eq!(same_length("x", 2, "y", 2), Ok(()));
        assert!(non_empty("x", &[0]).is_ok());
        assert!(sorted("t", &[1.0, 1.0, 2.0]).is_ok() && sorted("t", &[]).is_ok());
        assert!(each("x", &[1.0, 2.0], positive).is_ok());
    }

    #[test]
    fn bad_values_are_named_with_what_is_allowed() {
        assert_eq!(sentence(positive("variance", 0.0)), "variance is 0, but it must be positive and finite");
        assert_eq!(sentence(non_negative("rate", -0.5)), "rate is -0.5, but it must be at least 0 and finite");
        assert_eq!(sentence(within("p", 1.0, 0.0..1.0)), "p is 1, but it must lie in [0, 1)");
        assert_eq!(sentence(within("p", f64::NAN, ..)), "p is NaN, but it must lie in (-inf, inf)");
        assert_eq!(sentence(open_probability("hazard", 0.0)), "hazard is 0, but it must lie in (0, 1)");
        assert_eq!(sentence(integer_valued("k", 2.5)), "k is 2.5, but it must be a whole number");
        assert_eq!(sentence(integer_valued("k", f64::INFINITY)), "k is inf, but it must be a whole number");
        assert_eq!(sentence(at_least("n_particles", 0, 1)), "n_particles is 0, but it must be at least 1");
        assert_eq!(sentence(non_empty::<f64>("y", &[])), "y is empty, but it must hold at least one value");
        let lengths = sentence(same_length("y", 3, "blocks", 4));
        assert_eq!(lengths, "y is 3 values long, but it must be as long as blocks, which holds 4");
        let times = sentence(sorted("times", &[1.0, 3.0, 2.0]));
        assert_eq!(times, "times[2] is 2, but it must be at least the value before it, 3");
        assert!(sorted("times", &[f64::NAN]).is_err());
        let infinite = sentence(each("y", &[0.0, f64::INFINITY], finite_or_missing));
        assert_eq!(infinite, "y[1] is inf, but it must be finite, or NaN for a missing value");
    }
}
