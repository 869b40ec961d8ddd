//! What a value has to satisfy, and its text: `<= 0.25`, `in [1, 2]`, `relative error <= 0.1`.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::number;

/// What the value has to satisfy. All bounds are inclusive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Criterion {
    /// No criterion was given: such a claim never holds.
    Missing,
    /// `value <= bound`
    AtMost(f64),
    /// `value >= bound`
    AtLeast(f64),
    /// `lo <= value <= hi`
    Within(f64, f64),
    /// `|value - reference| <= tolerance * |reference|`; needs a numeric reference.
    RelativeError(f64),
    /// `|value - reference| <= tolerance`; needs a numeric reference.
    AbsoluteError(f64),
}

impl Criterion {
    /// Whether `value` satisfies the criterion, given the numeric reference (if there is one).
    ///
    /// Every comparison with NaN is false, so that a NaN value, bound or reference never holds.
    pub fn is_met(&self, value: f64, reference: Option<f64>) -> bool {
        match *self {
            Criterion::Missing => false,
            Criterion::AtMost(bound) => value <= bound,
            Criterion::AtLeast(bound) => value >= bound,
            Criterion::Within(lo, hi) => lo <= value && value <= hi,
            Criterion::RelativeError(tolerance) => {
                reference.is_some_and(|reference| (value - reference).abs() <= tolerance * reference.abs())
            }
            Criterion::AbsoluteError(tolerance) => {
                reference.is_some_and(|reference| (value - reference).abs() <= tolerance)
            }
        }
    }
}

impl fmt::Display for Criterion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Criterion::Missing => formatter.write_str("no criterion"),
            Criterion::AtMost(bound) => write!(formatter, "<= {}", number::exact(bound)),
            Criterion::AtLeast(bound) => write!(formatter, ">= {}", number::exact(bound)),
            Criterion::Within(lo, hi) => write!(formatter, "in [{}, {}]", number::exact(lo), number::exact(hi)),
            Criterion::RelativeError(tolerance) => write!(formatter, "relative error <= {}", number::exact(tolerance)),
            Criterion::AbsoluteError(tolerance) => write!(formatter, "absolute error <= {}", number::exact(tolerance)),
        }
    }
}

impl std::str::FromStr for Criterion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |part: &str| {
            part.trim().parse::<f64>().map_err(|_| format!("{part:?} is not a number in criterion {text:?}"))
        };
        if text == "no criterion" {
            return Ok(Criterion::Missing);
        }
        if let Some(range) = text.strip_prefix("in [").and_then(|rest| rest.strip_suffix(']')) {
            let (lo, hi) = range.split_once(',').ok_or_else(|| format!("criterion {text:?} lacks a comma"))?;
            return Ok(Criterion::Within(number(lo)?, number(hi)?));
        }
        let after = |prefix: &str| text.strip_prefix(prefix).map(number);
        if let Some(bound) = after("<= ") {
            return bound.map(Criterion::AtMost);
        }
        if let Some(bound) = after(">= ") {
            return bound.map(Criterion::AtLeast);
        }
        if let Some(tolerance) = after("relative error <= ") {
            return tolerance.map(Criterion::RelativeError);
        }
        if let Some(tolerance) = after("absolute error <= ") {
            return tolerance.map(Criterion::AbsoluteError);
        }
        Err(format!(
            "criterion {text:?} is unknown; allowed are \"<= x\", \">= x\", \"in [lo, hi]\", \"relative error <= x\" and \"absolute error <= x\""
        ))
    }
}

impl Serialize for Criterion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Criterion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_criterion_has_its_truth_table() {
        let (nan, inf) = (f64::NAN, f64::INFINITY);
        let table = [
            (Criterion::Missing, 0.0, None, false),
            (Criterion::AtMost(0.25), 0.25, None, true),
            (Criterion::AtMost(0.25), 0.2500001, None, false),
            (Criterion::AtMost(0.25), nan, None, false),
            (Criterion::AtMost(nan), 0.0, None, false),
            (Criterion::AtMost(0.25), f64::NEG_INFINITY, None, true),
            (Criterion::AtLeast(1.8), 1.8, None, true),
            (Criterion::AtLeast(1.8), 1.7, None, false),
            (Criterion::AtLeast(1.8), inf, None, true),
            (Criterion::AtLeast(1.8), nan, None, false),
            (Criterion::Within(-1.0, 1.0), -1.0, None, true),
            (Criterion::Within(-1.0, 1.0), 1.0, None, true),
            (Criterion::Within(-1.0, 1.0), 1.1, None, false),
            (Criterion::Within(-1.0, 1.0), nan, None, false),
            (Criterion::Within(1.0, -1.0), 0.0, None, false),
            (Criterion::RelativeError(0.1), 110.0, Some(100.0), true),
            (Criterion::RelativeError(0.1), -110.0, Some(-100.0), true),
            (Criterion::RelativeError(0.1), 112.0, Some(100.0), false),
            (Criterion::RelativeError(0.1), 1.0, None, false),
            (Criterion::RelativeError(0.1), 1.0, Some(nan), false),
            (Criterion::RelativeError(0.1), nan, Some(1.0), false),
            (Criterion::RelativeError(0.1), 0.0, Some(0.0), true),
            (Criterion::AbsoluteError(0.5), 2.5, Some(2.0), true),
            (Criterion::AbsoluteError(0.5), 1.4, Some(2.0), false),
            (Criterion::AbsoluteError(0.5), inf, Some(inf), false),
        ];
        for (criterion, value, reference, holds) in table {
            assert_eq!(
                criterion.is_met(value, reference),
                holds,
                "{criterion}, value {value}, reference {reference:?}"
            );
        }
    }

    #[test]
    fn a_criterion_reads_back_from_its_text() {
        for criterion in [
            Criterion::Missing,
            Criterion::AtMost(0.1 + 0.2),
            Criterion::AtLeast(-1e-300),
            Criterion::Within(f64::NEG_INFINITY, 3.0),
            Criterion::RelativeError(0.05),
            Criterion::AbsoluteError(1e12),
        ] {
            assert_eq!(criterion.to_string().parse(), Ok(criterion));
        }
        assert!("about 3".parse::<Criterion>().unwrap_err().contains("allowed are"));
    }
}
