//! Ratios of gamma functions without the cancellation of two large logarithms.
//!
//! A predictive density is a ratio of normalisers at neighbouring arguments. Subtracting `ln Gamma` at 10^6 loses
//! nine digits; these functions keep them (Stirling's series, Abramowitz and Stegun 6.1.41).

use std::f64::consts::PI;

use neuropil_core::special::{digamma, ln_gamma};

/// From here Stirling's series below is exact to the last digits.
pub(super) const LARGE: f64 = 16.0;

/// `ln Gamma(x + step) - ln Gamma(x)` for `x > 0` and `x + step > 0`.
pub(super) fn ln_gamma_ratio(x: f64, step: f64) -> f64 {
    let end = x + step;
    if x.min(end) < LARGE {
        return ln_gamma(end) - ln_gamma(x);
    }
    (x - 0.5) * (step / x).ln_1p() + step * (end.ln() - 1.0) + (stirling(end) - stirling(x))
}

/// `ln Gamma(x) - (x - 1/2) ln x + x - ln(2 pi)/2` for large `x`.
pub(super) fn stirling(x: f64) -> f64 {
    let r = 1.0 / (x * x);
    (1.0 / 12.0 - r * (1.0 / 360.0 - r * (1.0 / 1260.0 - r * (1.0 / 1680.0 - r / 1188.0)))) / x
}

/// `ln Gamma(x + 1/2) - ln Gamma(x)` for `x > 0` with a single logarithm.
pub(super) fn ln_gamma_half_step(x: f64) -> f64 {
    let mut shifted = x;
    let mut ratio = 1.0;
    while shifted < LARGE {
        ratio *= (shifted + 0.5) / shifted;
        shifted += 1.0;
    }
    let r = 1.0 / (shifted * shifted);
    let series = r * (1.0 / 192.0 - r * (1.0 / 640.0 - r * (17.0 / 14_336.0 - r * (31.0 / 18_432.0))));
    (shifted.sqrt() / ratio).ln() - (1.0 / 8.0 - series) / shifted
}

/// `ln(x (x + 1) ... (x + n - 1))` for `x > 0` and an integer `n >= 0`.
pub(super) fn ln_rising(x: f64, n: f64) -> f64 {
    if n <= 8.0 && x < 1e30 {
        let mut product = 1.0;
        let mut i = 0.0;
        while i < n {
            product *= x + i;
            i += 1.0;
        }
        return product.ln();
    }
    ln_gamma_ratio(x, n)
}

/// `ln n!` for an integer `n >= 0`.
pub(super) fn ln_factorial(n: f64) -> f64 {
    ln_rising(1.0, n)
}

/// `ln Gamma(x + d/2) - ln Gamma(x)` for `x > 0` and an integer `d >= 0`.
pub(super) fn ln_gamma_half_steps(x: f64, d: usize) -> f64 {
    let whole = (d / 2) as f64;
    ln_rising(x, whole) + if d % 2 == 1 { ln_gamma_half_step(x + whole) } else { 0.0 }
}

/// `ln B(a + i, b + j) - ln B(a, b)` for integers `i, j >= 0`.
pub(super) fn ln_beta_ratio(a: f64, b: f64, i: f64, j: f64) -> f64 {
    ln_rising(a, i) + ln_rising(b, j) - ln_rising(a + b, i + j)
}

/// Log density of Student's t with `2 shape` degrees of freedom at a distance `deviation` from its centre, where
/// `spread` is degrees of freedom times squared scale.
pub(super) fn ln_student(shape: f64, spread: f64, deviation: f64) -> f64 {
    ln_gamma_half_step(shape) - 0.5 * (PI * spread).ln() - (shape + 0.5) * (deviation * deviation / spread).ln_1p()
}

/// Kullback-Leibler divergence from Gamma(a2, rate b2) to Gamma(a1, rate b1); the same for two inverse gammas.
pub(super) fn gamma_divergence((a1, b1): (f64, f64), (a2, b2): (f64, f64)) -> f64 {
    let excess = (b2 - b1) / b1;
    let shapes = (a1 - a2) * digamma(a1) + ln_gamma_ratio(a1, a2 - a1);
    (shapes + a1 * excess - a2 * (b2 / b1).ln()).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_agree_with_high_precision_values() {
        // mpmath, 50 digits: loggamma(x + step) - loggamma(x)
        for (x, step, expected) in RATIOS {
            let value = ln_gamma_ratio(x, step);
            assert!((value - expected).abs() <= 4e-15 * expected.abs().max(1.0), "({x}, {step}): {value} {expected}");
            if step == 0.5 {
                let value = ln_gamma_half_step(x);
                assert!((value - expected).abs() <= 4e-15 * expected.abs().max(1.0), "half {x}: {value} {expected}");
            }
        }
    }

    #[test]
    fn rising_factorials_agree_with_their_products() {
        assert!((ln_rising(0.3, 3.0) - (0.3_f64 * 1.3 * 2.3).ln()).abs() < 1e-15);
        assert!((ln_factorial(20.0) - 2_432_902_008_176_640_000_f64.ln()).abs() < 1e-13);
        assert!((ln_gamma_half_steps(2.7, 5) - ln_gamma_ratio(2.7, 2.5)).abs() < 1e-14);
        assert_eq!(ln_factorial(0.0), 0.0);
    }

    const RATIOS: [(f64, f64, f64); 9] = [
        (1e-06, 0.5, -13.243147001332290251),
        (0.3, 0.5, -0.94373831641823796107),
        (7.25, 0.5, 0.97327294557744442627),
        (16.5, 0.5, 1.3941055910398582433),
        (40.0, 3.25, 12.078236747409618079),
        (1000000.0, 0.5, 6.9077551539821370521),
        (1000000.0, 1.0, 13.815510557964274104),
        (123456.789, -1000.0, -11719.581441148508751),
        (20.0, 1000000.0, 12815741.539664582511),
    ];
}
