//! The largest margin with which a linear threshold neuron stores random patterns (Gardner 1988).
//!
//! For N -> infinity, load `a = M / N` and margin `kappa = gamma sqrt(N)` with the kernel `x.y / N`,
//! `a(kappa) = 1 / int_{-kappa}^{inf} Dt (t + kappa)^2 = 1 / [(1 + kappa^2) Phi(kappa) + kappa phi(kappa)]`.
//! A fraction `Phi(kappa)` of the patterns are support vectors at the optimum.

use neuropil_core::check;
use std::f64::consts::{FRAC_1_SQRT_2, PI};

use crate::error::Result;

fn normal_distribution(x: f64) -> f64 {
    0.5 * libm::erfc(-x * FRAC_1_SQRT_2)
}

fn normal_density(x: f64) -> f64 {
    (-0.5 * x * x).exp() / (2.0 * PI).sqrt()
}

/// The largest load M / N at which random patterns can be stored with margin `kappa`; 2 for `kappa = 0`.
#[must_use]
pub fn gardner_capacity(kappa: f64) -> f64 {
    // For a very negative margin the two terms cancel; Mills' expansion gives 2 phi(k) / |k|^3 there.
    let integral = if kappa < -12.0 {
        2.0 * normal_density(kappa) / kappa.abs().powi(3)
    } else {
        (1.0 + kappa * kappa) * normal_distribution(kappa) + kappa * normal_density(kappa)
    };
    1.0 / integral
}

/// The largest margin `gamma sqrt(N)` at a load M / N: the inverse of [`gardner_capacity`]. Negative above load 2,
/// where not every pattern can be on its right side.
///
/// # Errors
/// For a load that is not positive or not finite.
pub fn gardner_kappa(load: f64) -> Result<f64> {
    check::positive("load", load)?;
    let (mut low, mut high) = (-30.0, 1.0);
    while gardner_capacity(high) > load {
        high *= 2.0;
    }
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if gardner_capacity(middle) > load { low = middle } else { high = middle }
    }
    Ok(0.5 * (low + high))
}

/// The fraction of the patterns that are support vectors at load M / N below 2, `Phi(kappa)`.
///
/// # Errors
/// For a load that is not positive, or not below 2.
pub fn support_vector_fraction(load: f64) -> Result<f64> {
    check::within("load", load, 0.0..2.0)?;
    Ok(normal_distribution(gardner_kappa(load)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_margin_is_the_inverse_of_the_capacity() {
        for kappa in [-3.0, -0.5, 0.0, 0.3, 1.0, 4.0, 40.0] {
            let load = gardner_capacity(kappa);
            assert!((gardner_kappa(load).unwrap() - kappa).abs() < 1e-9 * (1.0 + kappa.abs()), "kappa {kappa}");
        }
        assert!(gardner_kappa(0.0).is_err() && gardner_kappa(f64::NAN).is_err());
        assert!(support_vector_fraction(2.0).is_err());
    }

    #[test]
    fn the_integral_agrees_with_a_quadrature() {
        for kappa in [0.0, 0.7, 2.0] {
            let step = 1e-3;
            let sum: f64 = (0..12_000)
                .map(|i| {
                    let t = -kappa + (f64::from(i) + 0.5) * step;
                    normal_density(t) * (t + kappa).powi(2) * step
                })
                .sum();
            assert!((gardner_capacity(kappa) * sum - 1.0).abs() < 1e-6);
        }
    }
}
