//! Capacities of the classical memories, and rates of exponential capacity.

use neuropil_core::check;

use crate::error::Result;

/// Probability that a bit of a stored pattern is wrong after one step of a Hopfield network at load `a = M / N`,
/// for large N: `erfc(sqrt(1 / (2 a))) / 2`.
///
/// # Errors
/// For a load that is not positive.
pub fn hopfield_bit_error(load: f64) -> Result<f64> {
    check::positive("load", load)?;
    Ok(0.5 * libm::erfc((0.5 / load).sqrt()))
}

/// Patterns that a Hopfield network of N neurons retrieves with few errors: 0.138 N (Amit, Gutfreund and Sompolinsky).
#[must_use]
pub fn hopfield_capacity(n_neurons: usize) -> f64 {
    0.138 * n_neurons as f64
}

/// Patterns that a Hopfield network of N neurons retrieves without error: `N / (2 ln N)`.
#[must_use]
pub fn hopfield_error_free_capacity(n_neurons: usize) -> f64 {
    let n = n_neurons as f64;
    n / (2.0 * n.ln())
}

/// Patterns that a dense associative memory with `F(u) = u^p` retrieves without error:
/// `N^(p-1) / (2 (2p-3)!! ln N)` (Krotov and Hopfield 2016).
///
/// # Errors
/// For p below 2.
pub fn dense_error_free_capacity(n_neurons: usize, p: u32) -> Result<f64> {
    check::at_least("p", p as usize, 2)?;
    let n = n_neurons as f64;
    let double_factorial: f64 = (1..=2 * p - 3).step_by(2).map(f64::from).product();
    Ok(n.powi(p as i32 - 1) / (2.0 * double_factorial * n.ln()))
}

/// Largest rate c such that the exponential network stores `exp(c N)` random patterns that it recalls from `delta N`
/// flipped bits: `I(1 - 2 delta) / 2` with `I(x) = [(1+x) ln(1+x) + (1-x) ln(1-x)] / 2` (Demircigil et al. 2017).
///
/// # Errors
/// For `delta` outside `[0, 1/2)`.
pub fn exponential_capacity_rate(delta: f64) -> Result<f64> {
    check::within("delta", delta, 0.0..0.5)?;
    let x = 1.0 - 2.0 * delta;
    let entropy = |y: f64| if y > 0.0 { y * y.ln() } else { 0.0 };
    Ok(0.25 * (entropy(1.0 + x) + entropy(1.0 - x)))
}

/// At least `exp(rate (N - 1))` points on the unit sphere are pairwise at least an angle apart: `-ln sin(angle)`.
///
/// # Errors
/// For an angle outside `(0, pi/2]`.
pub fn sphere_code_rate(angle: f64) -> Result<f64> {
    check::positive("angle", angle)?;
    check::within("angle", angle, 0.0..=std::f64::consts::FRAC_PI_2)?;
    Ok(-angle.sin().ln())
}

/// Independent points on the unit sphere: about `exp(rate (N - 1))` can be drawn before two come closer than an angle,
/// half the rate of [`sphere_code_rate`].
///
/// # Errors
/// As [`sphere_code_rate`].
pub fn iid_sphere_rate(angle: f64) -> Result<f64> {
    Ok(0.5 * sphere_code_rate(angle)?)
}

/// At least `2^(rate N)` corners of the hypercube differ pairwise in `delta N` entries or more: `1 - H2(delta)`.
///
/// # Errors
/// For `delta` outside `[0, 1/2]`.
pub fn hypercube_code_rate(delta: f64) -> Result<f64> {
    check::within("delta", delta, 0.0..=0.5)?;
    let bits = |p: f64| if p > 0.0 { -p * p.log2() } else { 0.0 };
    Ok(1.0 - bits(delta) - bits(1.0 - delta))
}

/// The exponent beta from which on a generalised exponential kernel of radius r keeps the cross-talk
/// `(M - 1) exp(-(D / r)^beta)` of M patterns with smallest separation D below one: `ln ln(M - 1) / ln(D / r)`.
/// It grows with the logarithm of the number of neurons when M grows exponentially.
///
/// # Errors
/// For fewer than three patterns, a radius that is not positive, or a separation not above the radius.
pub fn separating_exponent(ln_n_patterns: f64, separation: f64, r: f64) -> Result<f64> {
    check::positive("r", r)?;
    check::positive("ln_n_patterns", ln_n_patterns)?;
    check::within("separation", separation, (std::ops::Bound::Excluded(r), std::ops::Bound::Unbounded))?;
    Ok((ln_n_patterns.ln() / (separation / r).ln()).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_have_their_limits() {
        assert!((exponential_capacity_rate(0.0).unwrap() - 0.5 * std::f64::consts::LN_2).abs() < 1e-15);
        assert!(exponential_capacity_rate(0.499).unwrap() < 1e-5);
        assert!((hypercube_code_rate(0.0).unwrap() - 1.0).abs() < 1e-15);
        assert!(hypercube_code_rate(0.5).unwrap().abs() < 1e-15);
        // The angle of points 0.5 apart on the unit sphere.
        let angle = 0.875_f64.acos();
        assert!((iid_sphere_rate(angle).unwrap() - 0.363).abs() < 1e-3);
        // (2 p - 3)!! is 1 for p = 2 and 3 for p = 3.
        assert!((dense_error_free_capacity(100, 2).unwrap() - hopfield_error_free_capacity(100)).abs() < 1e-12);
        let cubic = 1e4 / (6.0 * 100.0_f64.ln());
        assert!((dense_error_free_capacity(100, 3).unwrap() / cubic - 1.0).abs() < 1e-14);
    }

    #[test]
    fn cross_talk_is_below_one_from_the_separating_exponent_on() {
        let beta = separating_exponent(20.0, 0.5, 0.2).unwrap();
        let cross_talk = |beta: f64| 20.0_f64.exp() * (-(0.5_f64 / 0.2).powf(beta)).exp();
        assert!((cross_talk(beta) - 1.0).abs() < 1e-9 && cross_talk(1.1 * beta) < 1.0);
        assert!(separating_exponent(20.0, 0.2, 0.2).is_err());
    }
}
