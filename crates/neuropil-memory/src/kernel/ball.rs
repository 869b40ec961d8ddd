//! The volume that two balls share: `K = I_{1 - tau^2}((N + 1)/2, 1/2)` with `tau = ‖x - y‖ / (2 r)`, zero for `tau >= 1`,
//! where `I_x(a, b)` is the regularised incomplete beta function.
//!
//! It is the autocorrelation of the indicator of a ball, hence positive semidefinite in every dimension, and it has a
//! cusp at zero: `dK/dtau = -2 / B((N + 1)/2, 1/2)`.

use std::f64::consts::PI;

use neuropil_core::special::ln_gamma;

/// Shared volume of two balls in `n` dimensions whose centres lie `2 tau` radii apart, as a fraction of one ball.
#[must_use]
pub fn ball_overlap(tau: f64, n: usize) -> f64 {
    if tau.is_nan() {
        return f64::NAN;
    }
    if tau >= 1.0 {
        return 0.0;
    }
    let tau = tau.max(0.0);
    let a = 0.5 * (n as f64 + 1.0);
    // 1 - tau^2 without cancellation near one.
    let x = (1.0 - tau) * (1.0 + tau);
    let ln_one_minus_x = 2.0 * tau.ln();
    incomplete_beta_half(a, x, tau * tau, ln_one_minus_x)
}

/// The derivative of the kernel with respect to the squared distance, zero at distance zero, where there is a cusp.
pub(super) fn slope(distance2: f64, radius: f64, n: usize) -> f64 {
    let tau = distance2.max(0.0).sqrt() / (2.0 * radius);
    if tau <= 0.0 || tau >= 1.0 {
        return 0.0;
    }
    // dK/dtau = -2 (1 - tau^2)^((N - 1)/2) / B((N + 1)/2, 1/2) and dtau/d(d^2) = 1 / (8 r^2 tau).
    let a = 0.5 * (n as f64 + 1.0);
    let ln_power = (a - 1.0) * ((1.0 - tau) * (1.0 + tau)).ln();
    -2.0 * (ln_power - ln_beta_half(a)).exp() / (8.0 * radius * radius * tau)
}

/// `ln B(a, 1/2)`.
///
/// For large a the difference of two log-gammas would lose digits; the asymptotic series of their ratio does not.
fn ln_beta_half(a: f64) -> f64 {
    let half_ln_pi = 0.5 * PI.ln();
    if a < 20.0 {
        return ln_gamma(a) + half_ln_pi - ln_gamma(a + 0.5);
    }
    let r = 1.0 / (a * a);
    let series = (0.125
        - r * (1.0 / 192.0
            - r * (1.0 / 640.0 - r * (17.0 / 14_336.0 - r * (31.0 / 18_432.0 - r * 691.0 / 180_224.0)))))
        / a;
    half_ln_pi - (0.5 * a.ln() - series)
}

/// `I_x(a, 1/2)`, with `1 - x` and its logarithm given because they are known more exactly than `x`.
fn incomplete_beta_half(a: f64, x: f64, one_minus_x: f64, ln_one_minus_x: f64) -> f64 {
    if one_minus_x <= 0.0 {
        return 1.0;
    }
    let ln_front = a * x.ln() + 0.5 * ln_one_minus_x - ln_beta_half(a);
    // The fraction converges fast below the mean of the distribution, its mirror image above.
    if x < (a + 1.0) / (a + 2.5) {
        ln_front.exp() * continued_fraction(a, 0.5, x) / a
    } else {
        1.0 - ln_front.exp() * continued_fraction(0.5, a, one_minus_x) / 0.5
    }
}

/// The continued fraction of the incomplete beta function (Abramowitz and Stegun 26.5.8) by Lentz's method.
fn continued_fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let guard = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / guard(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    for m in 1..10_000 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / guard(1.0 + even * d);
        c = guard(1.0 + even / c);
        fraction *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / guard(1.0 + odd * d);
        c = guard(1.0 + odd / c);
        let factor = d * c;
        fraction *= factor;
        if (factor - 1.0).abs() < 1e-16 {
            break;
        }
    }
    fraction
}
