//! Special functions that the models need.

/// Natural logarithm of the gamma function for `x > 0`.
#[inline]
#[must_use]
pub fn ln_gamma(x: f64) -> f64 {
    libm::lgamma(x)
}

/// Digamma function, the derivative of [`ln_gamma`], for `x > 0`.
///
/// Recurrence up to 10, then the asymptotic series (Abramowitz and Stegun 6.3.18); the absolute error is below
/// 1e-14 for `x >= 1e-3`.
#[must_use]
pub fn digamma(x: f64) -> f64 {
    let mut x = x;
    let mut shift = 0.0;
    while x < 10.0 {
        shift += 1.0 / x;
        x += 1.0;
    }
    let r = 1.0 / (x * x);
    let series = r
        * (1.0 / 12.0
            - r * (1.0 / 120.0
                - r * (1.0 / 252.0 - r * (1.0 / 240.0 - r * (1.0 / 132.0 - r * (691.0 / 32_760.0 - r / 12.0))))));
    x.ln() - 0.5 / x - series - shift
}

/// Natural logarithm of the beta function for `a, b > 0`.
#[must_use]
pub fn ln_beta(a: f64, b: f64) -> f64 {
    ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b)
}

/// `ln(sum(exp(values)))` without overflow; minus infinity for an empty slice.
#[must_use]
pub fn log_sum_exp(values: &[f64]) -> f64 {
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if largest == f64::NEG_INFINITY {
        return largest;
    }
    largest + values.iter().map(|value| (value - largest).exp()).sum::<f64>().ln()
}

/// `ln(exp(a) + exp(b))` without overflow.
#[inline]
#[must_use]
pub fn log_add_exp(a: f64, b: f64) -> f64 {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    if low == f64::NEG_INFINITY { high } else { high + (low - high).exp().ln_1p() }
}

/// The logistic function `1 / (1 + exp(-x))`.
#[inline]
#[must_use]
pub fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digamma_agrees_with_known_values() {
        // psi(1) = -Euler's constant, psi(1/2) = -Euler - 2 ln 2, and psi(x + 1) = psi(x) + 1/x.
        let euler = 0.577_215_664_901_532_9;
        assert!((digamma(1.0) + euler).abs() < 1e-14);
        assert!((digamma(0.5) + euler + 2.0 * std::f64::consts::LN_2).abs() < 1e-14);
        for x in [0.01, 0.3, 2.7, 9.99, 10.01, 123.4] {
            assert!((digamma(x + 1.0) - digamma(x) - 1.0 / x).abs() < 1e-13 * (1.0 / x).max(1.0), "x = {x}");
        }
    }

    #[test]
    fn log_sum_exp_survives_values_that_overflow_alone() {
        assert!((log_sum_exp(&[1000.0, 1000.0]) - 1000.0 - std::f64::consts::LN_2).abs() < 1e-12);
        assert_eq!(log_sum_exp(&[]), f64::NEG_INFINITY);
        assert_eq!(log_sum_exp(&[f64::NEG_INFINITY, -2.0]), -2.0);
        assert!((log_add_exp(-1000.0, -1001.0) - log_sum_exp(&[-1000.0, -1001.0])).abs() < 1e-12);
    }

    #[test]
    fn ln_beta_of_integers_is_a_ratio_of_factorials() {
        assert!((ln_beta(3.0, 4.0) - (2.0 * 6.0 / 720.0_f64).ln()).abs() < 1e-14);
    }

    #[test]
    fn the_logistic_function_stays_in_its_range() {
        assert_eq!(logistic(-1e6), 0.0);
        assert_eq!(logistic(1e6), 1.0);
        assert_eq!(logistic(0.0), 0.5);
    }
}
