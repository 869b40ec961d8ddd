//! The dendritic reading of a kernel memory: how much each order of synaptic cross-talk contributes.
//!
//! With `K = sum_p a_p (x.y)^p` the field of neuron i is a sum over products of p inputs with the synaptic weights
//! `W_{i; j1..jp} = a_p sum_mu c_i^mu x_{j1}^mu .. x_{jp}^mu`. The squared norm of the neuron's weight vector,
//! `c_i^T K c_i`, splits into the shares of the orders, `a_p c_i^T (U^p) c_i` with the elementwise power of the overlaps
//! `U = X X^T`; they add up to one and need no tensor. On binary inputs `x_j^2 = 1`, so products repeat; the shares by
//! Walsh degree count each product of k different inputs once.

use ndarray::{Array1, Array2, ArrayView2, Axis};
use neuropil_core::check;

use crate::associative_memory::{StateKind, check_states, check_stored};
use crate::error::{Error, Result};
use crate::gram::{Gram, squared_norms};
use crate::kernel::{Kernel, Separation};
use crate::patterns::all_binary;
use crate::product::{multiply, multiply_transposed};
use crate::theory::{ln_binomial, normalized_krawtchouk, walsh_weights};

/// Shares whose sum is further from one than this are refused.
const LOST: f64 = 1e-6;

/// What each order contributes to the squared norm of each neuron's weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Shares {
    /// Neurons x orders 0, 1, 2, ...; every row adds up to one, up to rounding.
    pub share: Array2<f64>,
}

impl Shares {
    /// The mean order of every neuron, `sum_p p f_p`.
    #[must_use]
    pub fn mean_order(&self) -> Array1<f64> {
        let orders: Array1<f64> = (0..self.share.ncols()).map(|p| p as f64).collect();
        self.share.dot(&orders)
    }

    /// Mean over the neurons, by order.
    #[must_use]
    pub fn mean(&self) -> Array1<f64> {
        self.share.mean_axis(Axis(0)).unwrap_or_else(|| Array1::zeros(0))
    }
}

/// The coefficients `a_p N^p` of the kernel as a power series in `u / N`, up to the order where they no longer matter for
/// overlaps up to N.
///
/// # Errors
/// For a kernel that is not a power series of the overlap.
pub fn taylor_coefficients(kernel: &Kernel, n_inputs: usize) -> Result<Vec<f64>> {
    series(kernel, n_inputs, 1.0)
}

/// The power series for overlaps up to `reach` times the number of inputs.
fn series(kernel: &Kernel, n_inputs: usize, reach: f64) -> Result<Vec<f64>> {
    kernel.validate(n_inputs)?;
    let n = n_inputs as f64;
    let single = |p: usize| (0..=p).map(|order| f64::from(u8::from(order == p))).collect();
    // e^(-shift) x^p / p!, until even with the largest overlap it is negligible beyond its maximum at p = x reach.
    let exponential = |x: f64, scale: f64| -> Vec<f64> {
        let ln_term = |p: usize| p as f64 * x.ln() - libm::lgamma(p as f64 + 1.0) + scale;
        let at_reach = |p: usize| ln_term(p) + p as f64 * reach.ln();
        let top = (x * reach) as usize;
        let negligible = at_reach(top) + 1e-18_f64.ln();
        let past = (top..).find(|&p| at_reach(p) < negligible).unwrap_or(0);
        (0..past).map(|p| ln_term(p).exp()).collect()
    };
    match *kernel {
        Kernel::Linear => Ok(single(1)),
        Kernel::Polynomial { degree } => Ok(single(degree as usize)),
        Kernel::InhomogeneousPolynomial { degree, offset } => {
            let p = degree as usize;
            Ok((0..=p).map(|k| (ln_binomial(p, k) + (p - k) as f64 * offset.ln()).exp()).collect())
        }
        Kernel::Krotov { separation: Separation::Power { power } } => {
            let p = power as usize;
            let term = |k: usize| if (p - k) % 2 == 1 { 2.0 * ln_binomial(p, k).exp() * n.powi(k as i32) } else { 0.0 };
            Ok((0..p).map(term).collect())
        }
        Kernel::Krotov { separation: Separation::Exponential } => Ok(exponential(n, (2.0 * 1.0_f64.sinh()).ln())),
        Kernel::Exponential { beta, shift } => Ok(exponential(beta * n, -beta * shift.unwrap_or(n))),
        _ => Err(Error::unsupported(
            "the share of each order",
            format!("the {} kernel is not a power series of the overlap", kernel.name()),
            "use the shares by Walsh degree for binary patterns, or a polynomial or exponential kernel",
        )),
    }
}

/// The weight of one product of inputs in the field of every neuron, `a_p sum_mu c_i^mu x_{j1}^mu .. x_{jp}^mu` for
/// `inputs = [j1, .., jp]`: for two inputs, how strongly their synapses multiply. The field of a neuron is the sum of
/// weight times `s_{j1} .. s_{jp}` over all orders and all ordered tuples of inputs.
///
/// # Errors
/// For a kernel that is not a power series of the overlap, shapes that do not fit, or an input that does not exist.
pub fn product_weights(
    kernel: &Kernel,
    patterns: ArrayView2<f64>,
    coefficients: ArrayView2<f64>,
    inputs: &[usize],
) -> Result<Array1<f64>> {
    check_stored("patterns", patterns, StateKind::Real)?;
    if coefficients.nrows() != patterns.nrows() {
        let expected = format!("{} rows, one per pattern", patterns.nrows());
        return Err(Error::shape("coefficients", expected, format!("{} rows", coefficients.nrows())));
    }
    for &input in inputs {
        check::within("inputs", input, 0..patterns.ncols())?;
    }
    let (n, order) = (patterns.ncols(), inputs.len());
    // The series is in u / N.
    let scale = taylor_coefficients(kernel, n)?.get(order).map_or(0.0, |a| a / (n as f64).powi(order as i32));
    let products: Array1<f64> =
        patterns.rows().into_iter().map(|x| scale * inputs.iter().map(|&input| x[input]).product::<f64>()).collect();
    Ok(products.dot(&coefficients))
}

/// Shares by the order of the power series of the kernel (number of inputs multiplied, with repetition).
///
/// # Errors
/// For arrays that do not fit, a kernel that is not a power series of the overlap, or shares that are lost in rounding.
pub fn order_shares(kernel: &Kernel, patterns: ArrayView2<f64>, coefficients: ArrayView2<f64>) -> Result<Shares> {
    check_fit(patterns, coefficients, StateKind::Real)?;
    let n = patterns.ncols();
    let overlaps = multiply_transposed(patterns, patterns) / n as f64;
    let total = total(kernel, patterns, coefficients)?;
    let reach = overlaps.diag().iter().fold(1.0_f64, |reach, u| reach.max(*u));
    let mut power = Array2::ones(overlaps.dim());
    let mut parts = Vec::new();
    for a in series(kernel, n, reach)? {
        parts.push(if a == 0.0 { Array1::zeros(coefficients.ncols()) } else { a * quadratic(&power, coefficients) });
        power *= &overlaps;
    }
    shares(&parts, &total)
}

/// Shares by Walsh degree, 0..=N: how many different inputs a product multiplies. Binary patterns only.
///
/// # Errors
/// For arrays that do not fit, patterns other than +1 and -1, a kernel with parameters that it refuses, more than 1000
/// inputs, or shares that are lost in rounding (kernels without closed form, above about 60 inputs).
pub fn walsh_shares(kernel: &Kernel, patterns: ArrayView2<f64>, coefficients: ArrayView2<f64>) -> Result<Shares> {
    check_fit(patterns, coefficients, StateKind::Binary)?;
    let n = patterns.ncols();
    kernel.validate(n)?;
    check::within("n_inputs", n, 1..=1000)?;
    let kernel = kernel.resolved(n as f64);
    let total = total(&kernel, patterns, coefficients)?;
    let weights = walsh_weights(&kernel, n)?;
    let largest = weights.iter().fold(0.0_f64, |largest, w| largest.max(w.abs()));
    let table = normalized_krawtchouk(n);
    let distances = multiply_transposed(patterns, patterns).mapv(|u| (0.5 * (n as f64 - u)).round() as usize);
    let parts: Vec<Array1<f64>> = weights
        .iter()
        .zip(table.rows())
        .map(|(&weight, values)| {
            // Degrees that the kernel does not have cost nothing.
            if weight.abs() < 1e-24 * largest {
                return Array1::zeros(coefficients.ncols());
            }
            quadratic(&distances.mapv(|d| weight * values[d]), coefficients)
        })
        .collect();
    shares(&parts, &total)
}

/// `c_i^T K c_i` by the kernel itself.
fn total(kernel: &Kernel, patterns: ArrayView2<f64>, coefficients: ArrayView2<f64>) -> Result<Array1<f64>> {
    let kind = if all_binary(patterns) { StateKind::Binary } else { StateKind::Real };
    let largest = squared_norms(patterns).into_iter().fold(0.0, f64::max);
    let gram = Gram::of(&kernel.resolved(largest), patterns, kind)?.into_full();
    Ok(quadratic(&gram, coefficients))
}

/// `c_i^T K c_i` for every neuron.
fn quadratic(gram: &Array2<f64>, coefficients: ArrayView2<f64>) -> Array1<f64> {
    (multiply(gram.view(), coefficients) * coefficients).sum_axis(Axis(0))
}

/// The parts as fractions of the whole, which is computed on its own: that they add up to one is a check.
fn shares(parts: &[Array1<f64>], total: &Array1<f64>) -> Result<Shares> {
    if let Some(neuron) = total.iter().position(|&total| !(total > 0.0)) {
        return Err(Error::unsupported(
            format!("the shares of neuron {neuron}"),
            "its weights are zero",
            "give coefficients of a memory that was fitted",
        ));
    }
    let share = Array2::from_shape_fn((total.len(), parts.len()), |(i, p)| parts[p][i] / total[i]);
    let off = |row: ndarray::ArrayView1<f64>| (row.sum() - 1.0).abs();
    if let Some((neuron, row)) = share.rows().into_iter().enumerate().find(|(_, row)| !(off(row.view()) < LOST)) {
        return Err(Error::unsupported(
            format!("the shares of neuron {neuron}"),
            format!("they add up to {} and not to one: too many digits are lost with this kernel and size", row.sum()),
            "use fewer inputs, or a polynomial, exponential, Gaussian or sparse distributed kernel",
        ));
    }
    Ok(Shares { share })
}

fn check_fit(patterns: ArrayView2<f64>, coefficients: ArrayView2<f64>, kind: StateKind) -> Result<()> {
    check_stored("patterns", patterns, kind)?;
    check_states("coefficients", coefficients, coefficients.ncols(), StateKind::Real)?;
    if patterns.nrows() == coefficients.nrows() {
        return Ok(());
    }
    let expected = format!("{} rows, one per pattern", patterns.nrows());
    Err(Error::shape("coefficients", expected, format!("{} rows", coefficients.nrows())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random_patterns::{binary_patterns, sphere_patterns};
    use neuropil_core::random::Seed;

    #[test]
    fn the_field_is_the_sum_of_all_products_of_inputs() {
        let x = binary_patterns(4, 5, Seed::new(8));
        let c = Array2::from_shape_fn((4, 3), |(mu, i)| 0.3 * (mu as f64) - 0.2 * (i as f64) + 0.1);
        let kernel = Kernel::InhomogeneousPolynomial { degree: 2, offset: 1.5 };
        let weights = |inputs: &[usize]| product_weights(&kernel, x.view(), c.view(), inputs).unwrap();
        let s = [1.0, -1.0, 1.0, 1.0, -1.0];
        let mut field = weights(&[]);
        for j in 0..5 {
            field = field + weights(&[j]) * s[j];
            for l in 0..5 {
                field = field + weights(&[j, l]) * (s[j] * s[l]);
            }
        }
        let k: Array1<f64> = x.rows().into_iter().map(|x| kernel.evaluate(&x.to_vec(), &s).unwrap()).collect();
        assert!((field - k.dot(&c)).iter().all(|difference| difference.abs() < 1e-13));
        assert!(product_weights(&kernel, x.view(), c.view(), &[5]).is_err());
        assert!(weights(&[0, 1, 2]).iter().all(|weight| *weight == 0.0));
    }

    #[test]
    fn the_series_is_the_kernel() {
        let n = 9;
        let kernels = [
            Kernel::Linear,
            Kernel::Polynomial { degree: 3 },
            Kernel::InhomogeneousPolynomial { degree: 4, offset: 0.5 },
            Kernel::Krotov { separation: Separation::Power { power: 5 } },
            Kernel::Krotov { separation: Separation::Exponential },
            Kernel::Exponential { beta: 0.7, shift: Some(9.0) },
        ];
        for kernel in kernels {
            let coefficients = taylor_coefficients(&kernel, n).unwrap();
            for u in [-9.0, -1.0, 3.0, 9.0] {
                let series: f64 = coefficients.iter().enumerate().map(|(p, a)| a * (u / 9.0_f64).powi(p as i32)).sum();
                let value = kernel.from_overlap(u, n);
                let scale = kernel.from_overlap(9.0, n).abs();
                assert!((series - value).abs() < 1e-13 * scale, "{} at {u}: {series} {value}", kernel.name());
            }
        }
        assert!(taylor_coefficients(&Kernel::gaussian(1.0), n).is_err());
    }

    #[test]
    fn shares_add_up_to_one_and_the_order_of_a_monomial_is_its_degree() {
        let patterns = binary_patterns(10, 12, Seed::new(1));
        let coefficients = sphere_patterns(10, 4, Seed::new(2));
        let cubic = Kernel::Polynomial { degree: 3 };
        let by_order = order_shares(&cubic, patterns.view(), coefficients.view()).unwrap();
        assert!(by_order.mean_order().iter().all(|order| (order - 3.0).abs() < 1e-12));
        // On binary inputs u^3 holds products of three and of one different inputs.
        let by_degree = walsh_shares(&cubic, patterns.view(), coefficients.view()).unwrap();
        for row in by_degree.share.rows() {
            assert!((row.sum() - 1.0).abs() < 1e-12);
            assert!(row.indexed_iter().all(|(k, &share)| k == 1 || k == 3 || share.abs() < 1e-12));
        }
        let zero = Array2::zeros((10, 1));
        assert!(order_shares(&cubic, patterns.view(), zero.view()).is_err());
    }

    #[test]
    fn shares_keep_their_digits_with_many_inputs() {
        for n in [64, 100, 128, 700] {
            let patterns = binary_patterns(12, n, Seed::new(3));
            let coefficients = sphere_patterns(12, 3, Seed::new(4));
            let cubic = walsh_shares(&Kernel::Polynomial { degree: 3 }, patterns.view(), coefficients.view()).unwrap();
            for row in cubic.share.rows() {
                assert!(row.indexed_iter().all(|(k, &share)| k == 1 || k == 3 || share == 0.0), "N = {n}");
            }
            let kernels = [
                Kernel::Polynomial { degree: 3 },
                Kernel::exponential(4.0 / n as f64),
                Kernel::gaussian(0.7 * (n as f64).sqrt()),
                Kernel::SparseDistributed { radius: 9 * n / 20 },
            ];
            for kernel in kernels {
                let shares = walsh_shares(&kernel, patterns.view(), coefficients.view()).unwrap();
                let off = shares.share.rows().into_iter().map(|row| (row.sum() - 1.0).abs()).fold(0.0, f64::max);
                assert!(off < 1e-9, "{} N = {n}: {off:e}", kernel.name());
                assert!(shares.share.iter().all(|share| *share > -1e-9));
            }
        }
    }

    #[test]
    fn shares_that_rounding_destroys_are_refused() {
        let patterns = binary_patterns(10, 300, Seed::new(5));
        let coefficients = sphere_patterns(10, 2, Seed::new(6));
        let peaked = Kernel::GeneralizedExponential { radius: 2.0, beta: 1.0 };
        let message = walsh_shares(&peaked, patterns.view(), coefficients.view()).unwrap_err().to_string();
        assert!(message.contains("add up to"), "{message}");
        // Few inputs are no problem.
        let few = binary_patterns(10, 24, Seed::new(5));
        let shares = walsh_shares(&peaked, few.view(), coefficients.view()).unwrap();
        assert!(shares.share.rows().into_iter().all(|row| (row.sum() - 1.0).abs() < 1e-9));
    }

    #[test]
    fn the_series_reaches_as_far_as_the_patterns() {
        // Real patterns longer than the number of inputs: overlaps beyond N.
        let patterns = sphere_patterns(6, 4, Seed::new(7)) * 6.0;
        let coefficients = sphere_patterns(6, 2, Seed::new(8));
        let kernel = Kernel::Exponential { beta: 0.3, shift: Some(36.0) };
        let shares = order_shares(&kernel, patterns.view(), coefficients.view()).unwrap();
        assert!(shares.share.rows().into_iter().all(|row| (row.sum() - 1.0).abs() < 1e-9));
    }
}
