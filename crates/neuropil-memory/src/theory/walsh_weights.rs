//! How much each Walsh degree weighs in a kernel of binary states, without the numbers that overflow or cancel.
//!
//! With `K(x, y) = sum_k lambda_k Kr_k(d; N)` the weight of degree k is `w_k = lambda_k C(N, k)`: what it adds to `K(x, x)`,
//! not negative for a positive semidefinite kernel, and `sum_k w_k = K(x, x)`. Together with `Kr_k(d) / C(N, k)`, which lies
//! between -1 and 1, it replaces the product of a tiny and a huge number.
//!
//! - A power series of `u / N` has weights without cancellation: multiplying by `u / N` is one step of Ehrenfest's urn,
//!   `w'_k = ((N - k + 1) w_{k-1} + (k + 1) w_{k+1}) / N`.
//! - The exponential and the Gaussian kernel have binomial weights with probability `(1 - e^(-2 beta)) / 2`.
//! - Kanerva's kernel has `w_k = C(N, k) (S_k / 2^N)^2`.
//! - For other kernels the weights are sums over distances, exact to about `sqrt(C(N, k))` times the machine precision;
//!   weights below that are set to zero.

use ndarray::Array2;
use neuropil_core::check;

use super::cover::ln_binomial;
use crate::dendrite::taylor_coefficients;
use crate::error::Result;
use crate::kernel::{Kernel, Separation};

/// `Kr_k(d; N) / C(N, k)` for k (rows) and d (columns) in 0..=N.
pub(crate) fn normalized_krawtchouk(n: usize) -> Array2<f64> {
    let size = n as f64;
    let mut table = Array2::zeros((n + 1, n + 1));
    for d in 0..=n {
        let slope = size - 2.0 * d as f64;
        let (mut before, mut now) = (0.0, 1.0);
        // The recurrence damps its errors up to the middle; beyond, Kr_{N-k}(d) = (-1)^d Kr_k(d).
        for k in 0..=n / 2 {
            table[[k, d]] = now;
            table[[n - k, d]] = if d % 2 == 0 { now } else { -now };
            let next = (slope * now - k as f64 * before) / (size - k as f64);
            (before, now) = (now, next);
        }
    }
    table
}

/// The weights `w_k = lambda_k C(N, k)`, k = 0..=N, of a kernel of states of +1 and -1; they add up to `K(x, x)`.
///
/// # Errors
/// For parameters that the kernel refuses, no inputs, or more than 1000.
pub fn walsh_weights(kernel: &Kernel, n_inputs: usize) -> Result<Vec<f64>> {
    check::within("n_inputs", n_inputs, 1..=1000)?;
    kernel.validate(n_inputs)?;
    let n = n_inputs;
    let kernel = kernel.resolved(n as f64);
    let own = kernel.from_overlap(n as f64, n);
    Ok(match kernel {
        Kernel::Exponential { beta, .. } => binomial(n, beta, own),
        Kernel::GeneralizedExponential { radius, beta: 2.0 } => binomial(n, 2.0 / (radius * radius), own),
        Kernel::Krotov { separation: Separation::Exponential } => binomial(n, 1.0, own),
        Kernel::Linear
        | Kernel::Polynomial { .. }
        | Kernel::InhomogeneousPolynomial { .. }
        | Kernel::Krotov { separation: Separation::Power { .. } } => of_series(&taylor_coefficients(&kernel, n)?, n),
        Kernel::SparseDistributed { radius } => of_shared_addresses(n, radius, own),
        _ => of_values(&kernel, n),
    })
}

/// `K(x, x)` times the binomial probabilities of `e^(beta u)`.
fn binomial(n: usize, beta: f64, own: f64) -> Vec<f64> {
    let p = -0.5 * (-2.0 * beta).exp_m1();
    let (ln_p, ln_q) = (p.ln(), (-p).ln_1p());
    (0..=n).map(|k| own * (ln_binomial(n, k) + k as f64 * ln_p + (n - k) as f64 * ln_q).exp()).collect()
}

fn of_series(coefficients: &[f64], n: usize) -> Vec<f64> {
    let mut power = vec![0.0; n + 1];
    power[0] = 1.0;
    let mut weights = vec![0.0; n + 1];
    for a in coefficients {
        weights.iter_mut().zip(&power).for_each(|(w, p)| *w += a * p);
        let before = power.clone();
        for (k, p) in power.iter_mut().enumerate() {
            let from_below = if k > 0 { (n - k + 1) as f64 * before[k - 1] } else { 0.0 };
            let from_above = if k < n { (k + 1) as f64 * before[k + 1] } else { 0.0 };
            *p = (from_below + from_above) / n as f64;
        }
    }
    weights
}

/// `S_0 = 2^N K(x, x)` and `S_k = Kr_radius(k - 1; N - 1)`.
fn of_shared_addresses(n: usize, radius: usize, own: f64) -> Vec<f64> {
    let mut weights = vec![0.0; n + 1];
    weights[0] = own * own;
    if radius < n {
        let table = normalized_krawtchouk(n - 1);
        for (k, weight) in weights.iter_mut().enumerate().skip(1) {
            let ln = 0.5 * ln_binomial(n, k) + ln_binomial(n - 1, radius) - n as f64 * std::f64::consts::LN_2;
            *weight = (table[[radius, k - 1]] * ln.exp()).powi(2);
        }
    }
    weights
}

/// `C(N, k) sum_d C(N, d) / 2^N (Kr_k(d) / C(N, k)) K(d)`.
fn of_values(kernel: &Kernel, n: usize) -> Vec<f64> {
    let probability = |d: usize| (ln_binomial(n, d) - n as f64 * std::f64::consts::LN_2).exp();
    let values: Vec<f64> =
        (0..=n).map(|d| probability(d) * kernel.from_overlap(n as f64 - 2.0 * d as f64, n)).collect();
    let table = normalized_krawtchouk(n);
    table
        .rows()
        .into_iter()
        .enumerate()
        .map(|(k, row)| {
            let (mut sum, mut size) = (0.0, 0.0);
            for (kr, value) in row.iter().zip(&values) {
                sum += kr * value;
                size += (kr * value).abs();
            }
            if sum.abs() <= 16.0 * f64::EPSILON * size { 0.0 } else { sum * ln_binomial(n, k).exp() }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theory::krawtchouk;

    #[test]
    fn the_table_is_the_polynomial_divided_by_its_largest_value() {
        for n in [1, 2, 7, 30] {
            let table = normalized_krawtchouk(n);
            for k in 0..=n {
                for d in 0..=n {
                    let plain = krawtchouk(k, d, n) / krawtchouk(k, 0, n);
                    assert!((table[[k, d]] - plain).abs() < 1e-10, "{n} {k} {d}: {} {plain}", table[[k, d]]);
                }
            }
        }
        // Orthogonality at a size where the polynomials themselves reach 1e299: sum_d p_d Kr_k Kr_l = C(N, k) if k = l.
        let n = 1000;
        let table = normalized_krawtchouk(n);
        let p: Vec<f64> = (0..=n).map(|d| (ln_binomial(n, d) - n as f64 * std::f64::consts::LN_2).exp()).collect();
        for k in [0, 3, 40, 500, 990] {
            let ln_norm: f64 = (0..=n).map(|d| p[d] * table[[k, d]] * table[[k, d]]).sum::<f64>().ln();
            assert!((ln_norm + ln_binomial(n, k)).abs() < 1e-9, "{k}: {ln_norm} {}", ln_binomial(n, k));
        }
    }

    #[test]
    fn weights_rebuild_the_kernel_at_every_size() {
        let kernels = [
            Kernel::Linear,
            Kernel::Polynomial { degree: 3 },
            Kernel::InhomogeneousPolynomial { degree: 4, offset: 0.7 },
            Kernel::Krotov { separation: Separation::Power { power: 5 } },
            Kernel::Krotov { separation: Separation::Exponential },
            Kernel::exponential(0.05),
            Kernel::gaussian(9.0),
            Kernel::SparseDistributed { radius: 40 },
        ];
        for n in [64, 100, 128, 600] {
            let table = normalized_krawtchouk(n);
            for kernel in &kernels {
                let weights = walsh_weights(kernel, n).unwrap();
                let kernel = kernel.resolved(n as f64);
                let own = kernel.from_overlap(n as f64, n);
                assert!(weights.iter().all(|w| *w >= 0.0), "{}", kernel.name());
                for d in [0, 1, 2, n / 4, n / 2, n - 1, n] {
                    let sum: f64 = weights.iter().zip(table.column(d)).map(|(w, kr)| w * kr).sum();
                    let value = kernel.from_overlap(n as f64 - 2.0 * d as f64, n);
                    assert!((sum - value).abs() < 1e-10 * own, "{} N = {n}, d = {d}: {sum} {value}", kernel.name());
                }
            }
        }
    }

    #[test]
    fn sums_over_distances_agree_with_closed_forms_as_far_as_they_go() {
        // The Gaussian as a closure has no closed form.
        let closure = Kernel::Custom(crate::kernel::CustomKernel::of_overlap(|u| (-(2.0 * (20.0 - u)) / 49.0).exp()));
        let (values, closed) =
            (walsh_weights(&closure, 20).unwrap(), walsh_weights(&Kernel::gaussian(7.0), 20).unwrap());
        assert!(values.iter().zip(&closed).all(|(a, b)| (a - b).abs() < 1e-12), "{values:?} {closed:?}");
    }
}
