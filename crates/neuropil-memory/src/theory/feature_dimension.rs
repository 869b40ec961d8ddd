//! How many dimensions a kernel's features span on the hypercube: what its capacity grows with.

use super::cover::ln_binomial;
use super::krawtchouk::krawtchouk;
use crate::error::Result;
use crate::kernel::{Kernel, Separation};

/// Dimension of the space of functions that a kernel on `{+1, -1}^N` can form; random labels of about twice as many
/// patterns can be separated (Cover). Infinite for kernels of real states (`ball`, `threshold-Gauss`, `generalized
/// exponential`) and for closures; at most `2^N` distinct binary inputs exist in any case.
///
/// | kernel | dimension |
/// |---|---|
/// | linear | N |
/// | polynomial of degree p | sum of C(N, k) over k <= p of the parity of p |
/// | inhomogeneous polynomial | sum of C(N, k) over k <= p |
/// | Krotov, power p | as polynomial of degree p - 1 of the N - 1 other inputs |
/// | exponential | 2^N |
/// | sparse distributed | sum of C(N, k) over the k that the radius does not cancel |
///
/// # Errors
/// For parameters that the kernel refuses at `n_inputs`, or no inputs.
pub fn feature_dimension(kernel: &Kernel, n_inputs: usize) -> Result<f64> {
    neuropil_core::check::at_least("n_inputs", n_inputs, 1)?;
    kernel.validate(n_inputs)?;
    let same_parity = |n: usize, p: usize| sum_of_binomials(n, (0..=p.min(n)).filter(|k| (p - k).is_multiple_of(2)));
    Ok(match *kernel {
        Kernel::Linear => n_inputs as f64,
        Kernel::Polynomial { degree } => same_parity(n_inputs, degree as usize),
        Kernel::InhomogeneousPolynomial { degree, .. } => {
            sum_of_binomials(n_inputs, 0..=(degree as usize).min(n_inputs))
        }
        Kernel::Krotov { separation: Separation::Power { power } } => same_parity(n_inputs - 1, power as usize - 1),
        Kernel::Krotov { .. } => 2.0_f64.powi(n_inputs as i32 - 1),
        Kernel::Exponential { .. } => 2.0_f64.powi(n_inputs as i32),
        Kernel::SparseDistributed { radius } => {
            sum_of_binomials(n_inputs, (0..=n_inputs).filter(|&k| parity_counts(n_inputs, radius, k)))
        }
        Kernel::ThresholdGauss { .. }
        | Kernel::Ball { .. }
        | Kernel::GeneralizedExponential { .. }
        | Kernel::Custom(_) => f64::INFINITY,
    })
}

fn sum_of_binomials(n: usize, orders: impl IntoIterator<Item = usize>) -> f64 {
    let sum: f64 = orders.into_iter().map(|k| ln_binomial(n, k).exp()).sum();
    if sum < 1e9 { sum.round() } else { sum }
}

/// Whether parities of order k take part in the shared addresses of a Hamming ball.
fn parity_counts(n: usize, radius: usize, k: usize) -> bool {
    if k == 0 {
        return true;
    }
    // A zero of the polynomial up to rounding: small against its root mean square under binomial weights.
    let size = n - 1;
    let typical = 0.5 * (size as f64 * std::f64::consts::LN_2 + ln_binomial(size, radius) - ln_binomial(size, k - 1));
    krawtchouk(radius, k - 1, size).abs() > 1e-9 * typical.exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dimensions_have_their_closed_forms() {
        let dimension = |kernel: Kernel, n: usize| feature_dimension(&kernel, n).unwrap();
        assert_eq!(dimension(Kernel::Linear, 7), 7.0);
        assert_eq!(dimension(Kernel::exponential(1.0), 8), 256.0);
        assert_eq!(dimension(Kernel::Polynomial { degree: 9 }, 3), 4.0);
        // The cubic memory of Krotov sees the products of two of the others, and a constant.
        assert_eq!(dimension(Kernel::Krotov { separation: Separation::Power { power: 3 } }, 9), 29.0);
        assert_eq!(dimension(Kernel::gaussian(1.0), 3), f64::INFINITY);
        assert!(feature_dimension(&Kernel::SparseDistributed { radius: 9 }, 8).is_err());
    }
}
