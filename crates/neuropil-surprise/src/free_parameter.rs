//! A parameter that is fitted: its bounds, its scale, and the unbounded coordinate of the search.
//!
//! The coordinate `z` is the logit of the position of the parameter (or of its logarithm) between its bounds, so that a
//! model is never asked about a value outside them.

use neuropil_core::special::logistic;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// On which scale a free parameter is searched, drawn and averaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scale {
    /// The parameter itself.
    Linear,
    /// Its logarithm; bounds are positive.
    Log,
}

/// A parameter that is fitted, between its bounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FreeParameter {
    /// Name: of the learner, as in [`parameter`](crate::parameter), or of the response model.
    pub name: String,
    /// Smallest value.
    pub lower: f64,
    /// Largest value.
    pub upper: f64,
    /// Scale of the search.
    pub scale: Scale,
}

impl FreeParameter {
    /// A parameter with bounds, on the linear scale.
    #[must_use]
    pub fn linear(name: &str, lower: f64, upper: f64) -> Self {
        Self { name: name.to_owned(), lower, upper, scale: Scale::Linear }
    }

    /// A parameter with positive bounds, on the logarithmic scale.
    #[must_use]
    pub fn log(name: &str, lower: f64, upper: f64) -> Self {
        Self { name: name.to_owned(), lower, upper, scale: Scale::Log }
    }

    /// A parameter with bounds that suit most tasks: `hazard` and `omega` in 0.001..0.999, `m` in 1e-4..10 (log),
    /// `inverse_temperature` in 0.01..100 (log), `lapse` in 0..0.5, `bias` and means in -10..10, everything else in
    /// 0.01..100 (log).
    #[must_use]
    pub fn named(name: &str) -> Self {
        match name {
            "hazard" | "omega" => Self::linear(name, 0.001, 0.999),
            "m" => Self::log(name, 1e-4, 10.0),
            "lapse" => Self::linear(name, 0.0, 0.5),
            _ if name == "bias" || name.contains("mean") => Self::linear(name, -10.0, 10.0),
            _ => Self::log(name, 0.01, 100.0),
        }
    }

    pub(crate) fn validate(&self) -> Result<()> {
        let least = if self.scale == Scale::Log { f64::MIN_POSITIVE } else { f64::MIN };
        if self.lower >= least && self.lower < self.upper && self.upper <= f64::MAX {
            return Ok(());
        }
        let got = format!("{} to {}", self.lower, self.upper);
        let allowed = "from a finite number to a larger one, both positive on the log scale";
        Err(Error::parameter(format!("the bounds of {}", self.name), got, allowed))
    }

    fn ends(&self) -> (f64, f64) {
        if self.scale == Scale::Log { (self.lower.ln(), self.upper.ln()) } else { (self.lower, self.upper) }
    }

    /// The value at the position `share` of the way from the lower to the upper bound, on the scale.
    #[must_use]
    pub fn at_share(&self, share: f64) -> f64 {
        let (low, high) = self.ends();
        let value = low + (high - low) * share;
        (if self.scale == Scale::Log { value.exp() } else { value }).clamp(self.lower, self.upper)
    }

    /// The value at the unbounded coordinate `z`.
    #[must_use]
    pub fn value(&self, z: f64) -> f64 {
        self.at_share(logistic(z))
    }

    /// Derivative of the value by `z`.
    pub(crate) fn slope(&self, z: f64) -> f64 {
        let (low, high) = self.ends();
        let slope = (high - low) * logistic(z) * logistic(-z);
        if self.scale == Scale::Log { slope * self.value(z) } else { slope }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_coordinate_covers_the_range_and_its_slope_is_a_derivative() {
        for free in [FreeParameter::linear("bias", -2.0, 3.0), FreeParameter::log("sigma", 0.1, 10.0)] {
            for (share, end) in [(0.0, free.lower), (1.0, free.upper)] {
                assert!((free.at_share(share) / end - 1.0).abs() < 1e-14);
            }
            assert!(free.value(-40.0) >= free.lower && free.value(40.0) <= free.upper);
            for z in [-2.0, 0.0, 1.5] {
                let numeric = (free.value(z + 1e-5) - free.value(z - 1e-5)) / 2e-5;
                assert!((free.slope(z) / numeric - 1.0).abs() < 1e-7);
            }
        }
        assert!(FreeParameter::log("sigma", 0.0, 1.0).validate().is_err());
        assert!(FreeParameter::linear("bias", 1.0, 1.0).validate().is_err());
    }
}
