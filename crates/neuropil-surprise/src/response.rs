//! How a subject turns a belief into a response: the response model, separate from the belief model.
//!
//! | model | response | law |
//! |---|---|---|
//! | report | a number | `r ~ N(estimate + bias, sd^2)` |
//! | choice | a category `0..K` | `P(k) = (1 - lapse) exp(beta p_k) / sum_j exp(beta p_j) + lapse / K`, with `p` the expected probabilities |

use neuropil_core::random::{Stream, uniform};
use neuropil_core::special::log_sum_exp;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::family::Family;

/// Whether a subject responds before or after it sees the observation of the trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Timing {
    /// A prediction: the response of trial `t` comes from the belief after trial `t - 1` of the block.
    #[default]
    Before,
    /// An estimate: it comes from the belief after trial `t`.
    After,
}

/// A response model with the values of its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ResponseModel {
    /// A reported number.
    Report {
        /// Standard deviation of the report (`response_sd`), positive, in the units of the estimate.
        response_sd: f64,
        /// What is added to the estimate (`bias`).
        #[serde(default)]
        bias: f64,
    },
    /// A choice between categories, 0 or 1 for binary observations.
    Choice {
        /// Inverse temperature `beta >= 0` (`inverse_temperature`); 0 is guessing.
        inverse_temperature: f64,
        /// Probability of a guess (`lapse`), in [0, 1].
        #[serde(default)]
        lapse: f64,
    },
}

impl ResponseModel {
    /// Names of the parameters.
    #[must_use]
    pub fn names(&self) -> [&'static str; 2] {
        match self {
            Self::Report { .. } => ["response_sd", "bias"],
            Self::Choice { .. } => ["inverse_temperature", "lapse"],
        }
    }

    /// Sets a parameter; false when it has none of this name.
    pub fn set(&mut self, name: &str, value: f64) -> bool {
        match (self, name) {
            (Self::Report { response_sd: slot, .. }, "response_sd")
            | (Self::Report { bias: slot, .. }, "bias")
            | (Self::Choice { inverse_temperature: slot, .. }, "inverse_temperature")
            | (Self::Choice { lapse: slot, .. }, "lapse") => *slot = value,
            _ => return false,
        }
        true
    }

    /// Checks the parameters, and that the family has the estimate that the response needs.
    ///
    /// # Errors
    /// Names the parameter, or lists the families.
    pub fn validate(&self, family: &Family) -> Result<()> {
        let supported = match *self {
            Self::Report { response_sd, bias } => {
                if !(response_sd > 0.0 && response_sd.is_finite()) {
                    return Err(Error::parameter("response_sd", response_sd, "positive and finite"));
                }
                if !bias.is_finite() {
                    return Err(Error::parameter("bias", bias, "finite"));
                }
                if family.estimate_width() == 1 {
                    return Ok(());
                }
                "families with a single estimated number"
            }
            Self::Choice { inverse_temperature, lapse } => {
                if !(inverse_temperature >= 0.0 && inverse_temperature.is_finite()) {
                    return Err(Error::parameter("inverse_temperature", inverse_temperature, "finite and at least 0"));
                }
                if !(0.0..=1.0).contains(&lapse) {
                    return Err(Error::parameter("lapse", lapse, "in [0, 1]"));
                }
                if matches!(family, Family::Bernoulli(_) | Family::Categorical(_) | Family::Multinomial(_)) {
                    return Ok(());
                }
                "the families bernoulli, categorical and multinomial"
            }
        };
        let method = match self {
            Self::Report { .. } => "report",
            Self::Choice { .. } => "choice",
        };
        Err(Error::Unsupported {
            method: method.to_owned(),
            family: family.name().to_owned(),
            supported: supported.to_owned(),
        })
    }

    /// Refuses a response that cannot come from the model; NaN is a missing one.
    ///
    /// # Errors
    /// Names the trial, the response and what is allowed.
    pub fn check(&self, family: &Family, trial: usize, response: f64) -> Result<()> {
        let name = || format!("the response of trial {trial}");
        match self {
            Self::Report { .. } if response.is_infinite() => {
                Err(Error::parameter(name(), response, "finite, or NaN where it is missing"))
            }
            Self::Choice { .. } if !response.is_nan() => {
                let last = family.estimate_width().max(2) - 1;
                if response >= 0.0 && response <= last as f64 && response.fract() == 0.0 {
                    return Ok(());
                }
                Err(Error::parameter(name(), response, format!("a whole number from 0 to {last}, or NaN")))
            }
            _ => Ok(()),
        }
    }

    /// Log density or probability of a response given the estimate.
    #[must_use]
    pub fn log_density(&self, estimate: &[f64], response: f64) -> f64 {
        match *self {
            Self::Report { response_sd, bias } => {
                let z = (response - estimate[0] - bias) / response_sd;
                -0.5 * (z * z + (2.0 * std::f64::consts::PI).ln()) - response_sd.ln()
            }
            Self::Choice { .. } => {
                let probabilities = self.choice_probabilities(estimate);
                probabilities.get(response as usize).copied().unwrap_or(0.0).ln()
            }
        }
    }

    /// Draws a response given the estimate.
    pub fn sample(&self, estimate: &[f64], stream: &mut Stream) -> f64 {
        match *self {
            Self::Report { response_sd, bias } => {
                let noise: f64 = StandardNormal.sample(stream);
                estimate[0] + bias + response_sd * noise
            }
            Self::Choice { .. } => {
                let probabilities = self.choice_probabilities(estimate);
                let mut left = uniform(stream);
                for (category, probability) in probabilities.iter().enumerate() {
                    left -= probability;
                    if left < 0.0 {
                        return category as f64;
                    }
                }
                (probabilities.len() - 1) as f64
            }
        }
    }

    /// Probability of each category; empty for reports.
    #[must_use]
    pub fn choice_probabilities(&self, estimate: &[f64]) -> Vec<f64> {
        let Self::Choice { inverse_temperature, lapse } = *self else { return Vec::new() };
        let binary;
        let expected = if let [p] = estimate {
            binary = [1.0 - p, *p];
            &binary[..]
        } else {
            estimate
        };
        let scores: Vec<f64> = expected.iter().map(|p| inverse_temperature * p).collect();
        let total = log_sum_exp(&scores);
        let guess = lapse / scores.len() as f64;
        scores.iter().map(|score| (1.0 - lapse) * (score - total).exp() + guess).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use neuropil_core::random::Seed;

    #[test]
    fn choices_follow_the_softmax_with_lapses() {
        let model = ResponseModel::Choice { inverse_temperature: 2.0, lapse: 0.1 };
        let odds = 2.0_f64 * (0.7 - 0.3);
        let expected = 0.9 / (1.0 + (-odds).exp()) + 0.05;
        assert!((model.log_density(&[0.7], 1.0).exp() - expected).abs() < 1e-14);
        assert!((model.log_density(&[0.3, 0.7], 1.0).exp() - expected).abs() < 1e-14);
        let mut stream = Seed::new(0).stream();
        let ones: f64 = (0..20_000).map(|_| model.sample(&[0.7], &mut stream)).sum();
        assert!((ones / 20_000.0 - expected).abs() < 4.0 * (expected * (1.0 - expected) / 20_000.0).sqrt());
    }

    #[test]
    fn a_report_is_normal_around_the_estimate() {
        let model = ResponseModel::Report { response_sd: 0.5, bias: 0.2 };
        let expected = -0.5 * (0.36 + (2.0 * std::f64::consts::PI).ln()) - 0.5_f64.ln();
        assert!((model.log_density(&[1.0], 1.5) - expected).abs() < 1e-14);
    }

    #[test]
    fn responses_and_families_that_do_not_fit_are_refused() {
        let choice = ResponseModel::Choice { inverse_temperature: 2.0, lapse: 0.0 };
        let (binary, gaussian) = (Family::named("bernoulli").unwrap(), Family::named("gaussian").unwrap());
        assert!(choice.validate(&binary).is_ok() && choice.validate(&gaussian).is_err());
        assert!(choice.check(&binary, 0, 1.0).is_ok() && choice.check(&binary, 0, f64::NAN).is_ok());
        let message = choice.check(&binary, 3, 2.0).unwrap_err().to_string();
        assert_eq!(message, "the response of trial 3 must be a whole number from 0 to 1, or NaN, got 2");
        assert!(ResponseModel::Report { response_sd: 0.0, bias: 0.0 }.validate(&gaussian).is_err());
    }
}
