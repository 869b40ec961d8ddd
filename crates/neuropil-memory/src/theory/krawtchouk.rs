//! Kernels on the hypercube in the basis of parity functions (Walsh functions).
//!
//! A kernel that depends on the Hamming distance is `K(x, y) = sum_k lambda_k sum_{|S|=k} chi_S(x) chi_S(y)` with
//! `chi_S(x) = prod_{i in S} x_i`, and `sum_{|S|=k} chi_S(x) chi_S(y) = Kr_k(d; N)`, a Krawtchouk polynomial of the
//! distance. `lambda_k` weighs the products of k inputs: what a dendrite of order k contributes.

use neuropil_core::check;

use super::cover::ln_binomial;
use crate::error::Result;

/// `Kr_k(x; n) = sum_j (-1)^j C(x, j) C(n - x, k - j)`.
#[must_use]
pub fn krawtchouk(k: usize, x: usize, n: usize) -> f64 {
    let (n, x) = (n as f64, x as f64);
    let (mut before, mut now) = (0.0, 1.0);
    for j in 0..k {
        let j = j as f64;
        let next = ((n - 2.0 * x) * now - (n - j + 1.0) * before) / (j + 1.0);
        (before, now) = (now, next);
    }
    now
}

/// What the shared addresses of Kanerva's memory weigh parities by: `S_0 = sum_{j<=rho} C(N, j)` and
/// `S_k = Kr_rho(k - 1; N - 1)`. The Gram matrix over all `2^N` corners has the eigenvalue `S_k^2 / 2^N` for every
/// parity of order k (for the kernel divided by `2^N`); its rank is the sum of `C(N, k)` over k with `S_k != 0`.
///
/// # Errors
/// For a radius above N, and N above 1000, where the numbers no longer fit.
pub fn sdm_spectrum(n_inputs: usize, radius: usize) -> Result<Vec<f64>> {
    check::within("n_inputs", n_inputs, 1..=1000)?;
    check::within("radius", radius, 0..=n_inputs)?;
    let volume = (0..=radius).map(|j| ln_binomial(n_inputs, j).exp()).sum::<f64>();
    // Volumes of small cubes are whole numbers.
    let volume = if volume < 1e9 { volume.round() } else { volume };
    Ok(std::iter::once(volume).chain((1..=n_inputs).map(|k| krawtchouk(radius, k - 1, n_inputs - 1))).collect())
}

/// The coefficients `lambda_k`, k = 0..=N, of a kernel given by its values at Hamming distances 0..=N:
/// `lambda_k = 2^-N sum_d Kr_d(k; N) K(d)`.
///
/// The absolute error is about 1e-17 of the largest value; a product with `Kr_k(d)`, which reaches `C(N, k)`, is worth
/// nothing beyond about 60 inputs. [`walsh_weights`](super::walsh_weights) has no such limit.
///
/// # Errors
/// For fewer than two values, more than 1001, or values that are not finite.
pub fn walsh_coefficients(by_distance: &[f64]) -> Result<Vec<f64>> {
    check::within("the number of distances", by_distance.len(), 2..=1001)?;
    check::each("kernel values", by_distance, check::finite)?;
    let n = by_distance.len() - 1;
    let coefficient = |k: usize| {
        // Kr_d(k) by its recurrence in d, scaled by 2^-N against overflow.
        let (mut before, mut now) = (0.0, 0.5_f64.powi(n as i32));
        let mut sum = 0.0;
        for (d, value) in by_distance.iter().enumerate() {
            sum += now * value;
            let next = ((n as f64 - 2.0 * k as f64) * now - (n as f64 - d as f64 + 1.0) * before) / (d as f64 + 1.0);
            (before, now) = (now, next);
        }
        sum
    };
    Ok((0..=n).map(coefficient).collect())
}

/// The coefficients of `exp(beta (x.y - N))`: `e^(-beta N) cosh^(N-k)(beta) sinh^k(beta)`, without cancellation.
///
/// # Errors
/// For beta that is not positive.
pub fn exponential_walsh_coefficients(n_inputs: usize, beta: f64) -> Result<Vec<f64>> {
    check::positive("beta", beta)?;
    // e^-beta cosh(beta) and e^-beta sinh(beta)
    let (even, odd) = (0.5 * (1.0 + (-2.0 * beta).exp()), -0.5 * (-2.0 * beta).exp_m1());
    Ok((0..=n_inputs).map(|k| even.powi((n_inputs - k) as i32) * odd.powi(k as i32)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recurrence_gives_the_alternating_sum() {
        let binomial = |n: usize, k: usize| if k > n { 0.0 } else { ln_binomial(n, k).exp().round() };
        for n in 1..9 {
            for k in 0..=n {
                for x in 0..=n {
                    let sum: f64 =
                        (0..=k).map(|j| (-1.0_f64).powi(j as i32) * binomial(x, j) * binomial(n - x, k - j)).sum();
                    assert_eq!(krawtchouk(k, x, n), sum, "Kr_{k}({x}; {n})");
                }
            }
        }
    }

    #[test]
    fn coefficients_rebuild_the_kernel() {
        let n = 12;
        let kernel: Vec<f64> = (0..=n).map(|d| (0.3 * (n as f64 - 2.0 * d as f64) - 3.0).exp()).collect();
        let lambda = walsh_coefficients(&kernel).unwrap();
        for (d, value) in kernel.iter().enumerate() {
            let sum: f64 = lambda.iter().enumerate().map(|(k, l)| l * krawtchouk(k, d, n)).sum();
            assert!((sum - value).abs() < 1e-12);
        }
        let closed = exponential_walsh_coefficients(n, 0.3).unwrap();
        let shift = (0.3 * n as f64 - 3.0).exp();
        assert!(lambda.iter().zip(&closed).all(|(l, c)| (l - c * shift).abs() < 1e-14));
        assert!(walsh_coefficients(&[1.0]).is_err());
        assert!(sdm_spectrum(8, 9).is_err());
    }
}
