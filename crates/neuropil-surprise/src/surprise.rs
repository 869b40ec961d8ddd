//! The Bayes Factor surprise and the adaptation rate that it sets.
//!
//! `S_BF(y; pi) = P(y; pi0) / P(y; pi)` compares the prior with the current belief; the adaptation rate
//! `gamma = m S_BF / (1 + m S_BF)` with `m = p_c / (1 - p_c)` is the posterior probability that the observation
//! came after a change (Liakoni et al. 2021, eqs. 7-9). Everything is computed from log ratios, so that a ratio of
//! `exp(1000)` neither overflows nor loses the weight of the loser.

/// Largest value that a Bayes Factor surprise is reported with: `exp(700)`.
pub const LARGEST_LOG_BAYES_FACTOR: f64 = 700.0;

/// Adaptation rate `gamma(S, m) = m S / (1 + m S)` for a Bayes Factor surprise `S >= 0` and a modulation `m >= 0`.
///
/// `gamma(1, p_c / (1 - p_c)) = p_c`, `gamma(0, m) = 0` and `gamma(infinity, m) = 1` for `m > 0`.
#[must_use]
pub fn adaptation_rate(bayes_factor: f64, modulation: f64) -> f64 {
    if modulation == 0.0 { 0.0 } else { Adaptation::new(bayes_factor.ln(), modulation.ln()).rate }
}

/// The adaptation rate with its logarithm and that of its complement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adaptation {
    /// `gamma`.
    pub rate: f64,
    /// `1 - gamma`, to full precision also where `gamma` rounds to one.
    pub rest: f64,
    /// `ln(gamma)`.
    pub log_rate: f64,
    /// `ln(1 - gamma)`.
    pub log_rest: f64,
}

impl Adaptation {
    /// From the logarithms of the Bayes Factor surprise and of the modulation `m`.
    #[must_use]
    pub fn new(log_bayes_factor: f64, log_modulation: f64) -> Self {
        if log_modulation == f64::NEG_INFINITY {
            return Self { rate: 0.0, rest: 1.0, log_rate: f64::NEG_INFINITY, log_rest: 0.0 };
        }
        if log_modulation == f64::INFINITY {
            return Self { rate: 1.0, rest: 0.0, log_rate: 0.0, log_rest: f64::NEG_INFINITY };
        }
        let x = log_bayes_factor + log_modulation;
        // With e = exp(-|x|) the smaller of the two is e/(1+e) and the larger 1/(1+e).
        let e = (-x.abs()).exp();
        let log_larger = -e.ln_1p();
        let (larger, smaller) = (1.0 / (1.0 + e), e / (1.0 + e));
        if x > 0.0 {
            Self { rate: larger, rest: smaller, log_rate: log_larger, log_rest: log_larger - x }
        } else {
            Self { rate: smaller, rest: larger, log_rate: log_larger + x, log_rest: log_larger }
        }
    }
}

/// `ln m = ln(p_c / (1 - p_c))` of a hazard; infinite at its limits 0 and 1.
#[must_use]
pub fn log_modulation(hazard: f64) -> f64 {
    hazard.ln() - (-hazard).ln_1p()
}

/// `exp` of a log Bayes factor, capped so that it stays finite.
#[must_use]
pub fn bayes_factor(log_bayes_factor: f64) -> f64 {
    log_bayes_factor.min(LARGEST_LOG_BAYES_FACTOR).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_adaptation_rate_has_its_three_limits() {
        for hazard in [1e-4, 0.1, 0.5, 0.9] {
            assert!((adaptation_rate(1.0, hazard / (1.0 - hazard)) - hazard).abs() < 1e-15);
        }
        assert_eq!(adaptation_rate(0.0, 0.3), 0.0);
        assert_eq!(adaptation_rate(f64::INFINITY, 0.3), 1.0);
        assert_eq!(adaptation_rate(5.0, 0.0), 0.0);
        assert_eq!(adaptation_rate(5.0, f64::INFINITY), 1.0);
    }

    #[test]
    fn logarithms_survive_where_the_rate_itself_rounds_to_one() {
        let adaptation = Adaptation::new(2000.0, 0.0);
        assert_eq!(adaptation.rate, 1.0);
        assert!((adaptation.log_rest + 2000.0).abs() < 1e-9);
        let adaptation = Adaptation::new(100.0, 0.0);
        assert_eq!(adaptation.rate, 1.0);
        assert!((adaptation.rest * 100_f64.exp() - 1.0).abs() < 1e-12);
        let adaptation = Adaptation::new(-2000.0, 0.0);
        assert_eq!((adaptation.rate, adaptation.rest), (0.0, 1.0));
        assert!((adaptation.log_rate + 2000.0).abs() < 1e-9);
    }
}
