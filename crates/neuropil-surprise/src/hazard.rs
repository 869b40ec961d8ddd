//! How likely a change is, before anything is observed.
//!
//! The hazard `h(t, r)` is the probability that the parameter is redrawn between observations `t - 1` and `t`
//! (0-based), when `r` observations (missing ones included) have been made since the last change. A constant
//! hazard makes the segment length geometric. A law of the segment length `L` has the hazard
//! `h(r) = P(L = r) / P(L >= r)`.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Probability of a change before an observation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hazard {
    /// The same probability at every step: geometric segment lengths with mean `1 / hazard`.
    Constant(f64),
    /// Known cues: element `t` is the probability of a change before observation `t`. As long as the sequence;
    /// the element at the first observation of a block is not used.
    PerStep(Vec<f64>),
    /// Segment length `1 + X` with `X` negative binomial: the number of failures before the `size`-th success,
    /// each trial succeeding with `probability`. Mean length `1 + size (1 - probability) / probability`; `size = 1`
    /// is the constant hazard, a larger size makes the lengths more regular and short segments rare.
    NegativeBinomial {
        /// Shape, larger than 0 and at most 1e9, not necessarily an integer.
        size: f64,
        /// Success probability, in [1e-6, 1].
        probability: f64,
    },
    /// Element `r - 1` is the hazard at run length `r`; longer runs use the last element.
    Table(Vec<f64>),
}

impl From<f64> for Hazard {
    fn from(hazard: f64) -> Self {
        Self::Constant(hazard)
    }
}

impl Hazard {
    /// Checks every probability and parameter.
    pub fn validate(&self) -> Result<()> {
        match self {
            Self::Constant(hazard) => check_probability("hazard", *hazard),
            Self::PerStep(hazards) | Self::Table(hazards) => {
                if hazards.is_empty() {
                    return Err(Error::parameter("the number of hazards", 0, "at least 1"));
                }
                hazards
                    .iter()
                    .enumerate()
                    .try_for_each(|(index, &hazard)| check_probability(&format!("hazard[{index}]"), hazard))
            }
            Self::NegativeBinomial { size, probability } => {
                // The law is summed: segments of a million observations take as many terms.
                if !(*size > 0.0 && *size <= 1e9) {
                    return Err(Error::parameter("hazard size", size, "positive and at most 1e9"));
                }
                if !(1e-6..=1.0).contains(probability) {
                    return Err(Error::parameter("hazard probability", probability, "in [1e-6, 1]"));
                }
                Ok(())
            }
        }
    }

    /// [`validate`](Self::validate), and that cues are as many as the observations.
    pub fn validate_for(&self, observations: usize) -> Result<()> {
        self.validate()?;
        match self {
            Self::PerStep(hazards) if hazards.len() != observations => Err(Error::Shape {
                what: "hazard per step".to_owned(),
                expected: format!("{observations} values, one per observation"),
                got: hazards.len().to_string(),
            }),
            _ => Ok(()),
        }
    }

    /// Hazard before observation `step` after a run of `run_length >= 1` observations. Indices beyond a list use
    /// its last element. For many run lengths of a [`NegativeBinomial`](Self::NegativeBinomial) law
    /// [`table`](Self::table) is faster.
    #[must_use]
    pub fn at(&self, step: usize, run_length: usize) -> f64 {
        match self {
            Self::Constant(hazard) => *hazard,
            Self::PerStep(hazards) => element(hazards, step),
            Self::Table(hazards) => element(hazards, run_length.saturating_sub(1)),
            Self::NegativeBinomial { size, probability } => {
                1.0 / inverse_hazard(run_length.max(1), *size, *probability)
            }
        }
    }

    /// Whether the probability of a change depends on how long the run has lasted.
    #[must_use]
    pub fn depends_on_run_length(&self) -> bool {
        matches!(self, Self::NegativeBinomial { .. } | Self::Table(_))
    }

    /// Refuses a hazard that depends on the run length, for a learner that does not know it.
    pub fn require_run_length_free(&self, learner: &'static str) -> Result<()> {
        if self.depends_on_run_length() { Err(Error::RunLengthHazard { learner }) } else { Ok(()) }
    }

    /// The hazard of a stretch of the observations, for a learner that counts its steps from the start of it.
    #[must_use]
    pub fn within(&self, range: std::ops::Range<usize>) -> Self {
        match self {
            Self::PerStep(hazards) => Self::PerStep(range.map(|step| element(hazards, step)).collect()),
            other => other.clone(),
        }
    }

    /// Hazards at the run lengths 1, 2, ..., `longest` of a law of the segment length; `None` for cues.
    #[must_use]
    pub fn table(&self, longest: usize) -> Option<Vec<f64>> {
        match self {
            Self::PerStep(_) => None,
            Self::NegativeBinomial { size, probability } if longest > 0 => {
                // R(r) = P(L >= r) / P(L = r) obeys R(r) = 1 + rho(r) R(r + 1): every term is positive, so the
                // recursion downwards loses no digits.
                let mut table = vec![0.0; longest];
                let mut inverse = inverse_hazard(longest, *size, *probability);
                for r in (1..=longest).rev() {
                    if r < longest {
                        inverse = 1.0 + ratio(r, *size, *probability) * inverse;
                    }
                    table[r - 1] = 1.0 / inverse;
                }
                Some(table)
            }
            _ => Some((1..=longest).map(|run_length| self.at(0, run_length)).collect()),
        }
    }
}

fn check_probability(name: &str, value: f64) -> Result<()> {
    if (0.0..=1.0).contains(&value) { Ok(()) } else { Err(Error::parameter(name, value, "in [0, 1]")) }
}

fn element(list: &[f64], index: usize) -> f64 {
    list.get(index).or(list.last()).copied().unwrap_or(0.0)
}

/// `P(L = r + 1) / P(L = r)` of the shifted negative binomial law.
fn ratio(r: usize, size: f64, probability: f64) -> f64 {
    (r as f64 - 1.0 + size) / r as f64 * (1.0 - probability)
}

/// `P(L >= r) / P(L = r)`, summed until the rest (a geometric series at most) is below the resolution of f64.
fn inverse_hazard(run_length: usize, size: f64, probability: f64) -> f64 {
    let (mut sum, mut term, mut r) = (1.0, 1.0, run_length);
    loop {
        let ratio = ratio(r, size, probability);
        term *= ratio;
        sum += term;
        if sum.is_nan() || sum >= 1e300 {
            return f64::INFINITY;
        }
        let bound = ratio.max(1.0 - probability);
        if bound < 1.0 && term * bound / (1.0 - bound) <= 1e-17 * sum {
            return sum;
        }
        r += 1;
    }
}

/// The hazard of one step with the logarithms that the recursions need.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    pub change: f64,
    pub log_change: f64,
    pub log_stay: f64,
}

impl Rate {
    pub fn new(hazard: f64) -> Self {
        Self { change: hazard, log_change: hazard.ln(), log_stay: (-hazard).ln_1p() }
    }
}

/// The hazard of a sequence, with everything that does not depend on the data computed once.
#[derive(Debug)]
pub(crate) enum Rates<'a> {
    Constant(Rate),
    Step(&'a [f64]),
    RunLength(Vec<Rate>),
}

/// The hazards of all hypotheses at one step.
#[derive(Debug, Clone, Copy)]
pub(crate) enum StepRates<'a> {
    /// The same for all.
    Same(Rate),
    /// By run length, from 1 on.
    RunLength(&'a [Rate]),
    /// One per hypothesis, in their order.
    Each(&'a [Rate]),
}

impl<'a> Rates<'a> {
    /// Rates for runs of up to `longest` observations.
    pub fn new(hazard: &'a Hazard, longest: usize) -> Self {
        match hazard {
            Hazard::Constant(hazard) => Self::Constant(Rate::new(*hazard)),
            Hazard::PerStep(hazards) => Self::Step(hazards),
            Hazard::Table(table) => Self::RunLength(table.iter().map(|&hazard| Rate::new(hazard)).collect()),
            Hazard::NegativeBinomial { .. } => {
                let table = hazard.table(longest.max(1)).unwrap_or_default();
                Self::RunLength(table.into_iter().map(Rate::new).collect())
            }
        }
    }

    /// Rates before observation `t`.
    pub fn before(&self, t: usize) -> StepRates<'_> {
        match self {
            Self::Constant(rate) => StepRates::Same(*rate),
            Self::Step(hazards) => StepRates::Same(Rate::new(element(hazards, t))),
            Self::RunLength(table) => StepRates::RunLength(table),
        }
    }
}

impl StepRates<'_> {
    /// Rate of the hypothesis number `index` after a run of `run_length` observations.
    #[inline]
    pub fn get(&self, index: usize, run_length: usize) -> Rate {
        match self {
            Self::Same(rate) => *rate,
            Self::RunLength(table) => table[run_length.min(table.len()) - 1],
            Self::Each(rates) => rates[index],
        }
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;

    #[test]
    fn a_negative_binomial_of_size_one_is_the_constant_hazard() {
        let hazard = Hazard::NegativeBinomial { size: 1.0, probability: 0.03 };
        for (index, value) in hazard.table(500).unwrap().into_iter().enumerate() {
            assert_relative_eq!(value, 0.03, max_relative = 1e-12);
            assert_relative_eq!(hazard.at(0, index + 1), 0.03, max_relative = 1e-12);
        }
    }

    #[test]
    fn the_negative_binomial_hazard_reproduces_its_length_law() {
        let (size, probability) = (3.0, 0.2_f64);
        let table = Hazard::NegativeBinomial { size, probability }.table(400).unwrap();
        let (mut survival, mut mean, mut pmf) = (1.0, 0.0, probability.powi(3));
        for (index, hazard) in table.iter().enumerate() {
            let length = index as f64 + 1.0;
            // Compared with C(l + 1, l - 1) p^3 (1 - p)^(l - 1).
            assert_relative_eq!(survival * hazard, pmf, max_relative = 1e-10);
            mean += length * survival * hazard;
            survival *= 1.0 - hazard;
            pmf *= (length - 1.0 + size) / length * (1.0 - probability);
        }
        assert_relative_eq!(mean, 1.0 + size * (1.0 - probability) / probability, max_relative = 1e-10);
    }

    #[test]
    fn the_limits_are_allowed_and_what_lies_outside_is_named() {
        assert!(Hazard::Constant(0.0).validate().is_ok() && Hazard::Constant(1.0).validate().is_ok());
        let message = Hazard::Constant(1.5).validate().unwrap_err().to_string();
        assert_eq!(message, "hazard must be in [0, 1], got 1.5");
        let message = Hazard::PerStep(vec![0.1, f64::NAN]).validate().unwrap_err().to_string();
        assert_eq!(message, "hazard[1] must be in [0, 1], got NaN");
        assert!(Hazard::PerStep(vec![0.1]).validate_for(2).is_err());
        let message = Hazard::Table(vec![]).validate().unwrap_err().to_string();
        assert_eq!(message, "the number of hazards must be at least 1, got 0");
        let message = Hazard::Table(vec![0.1]).require_run_length_free("particle filter").unwrap_err().to_string();
        assert!(message.starts_with("a particle filter does not know how long ago the last change was"), "{message}");
        assert!(Hazard::NegativeBinomial { size: 0.0, probability: 0.1 }.validate().is_err());
        assert!(Hazard::NegativeBinomial { size: 2.0, probability: 0.0 }.validate().is_err());
        assert!(Hazard::NegativeBinomial { size: 1e-9, probability: 1e-9 }.validate().is_err());
        assert!(Hazard::NegativeBinomial { size: f64::INFINITY, probability: 0.1 }.validate().is_err());
        assert_eq!(Hazard::NegativeBinomial { size: 2.0, probability: 1.0 }.at(0, 3), 1.0);
    }

    #[test]
    fn a_table_is_extended_by_its_last_value() {
        let hazard = Hazard::Table(vec![0.0, 0.5]);
        assert_eq!(hazard.table(4).unwrap(), [0.0, 0.5, 0.5, 0.5]);
    }
}
