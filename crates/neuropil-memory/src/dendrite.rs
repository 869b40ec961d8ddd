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
use crate::kernel::{Kernel, Separation};
use crate::product::{multiply, multiply_transposed};
use crate::theory::{exponential_walsh_coefficients, krawtchouk, ln_binomial, walsh_coefficients};

/// What each order contributes to the squared norm of each neuron's weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Shares {
    /// Neurons x orders 0, 1, 2, ...; every row adds up to one.
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

/// The coefficients `a_p N^p` of the kernel as a power series in `u / N`, up to the order where they no longer matter.
///
/// # Errors
/// For a kernel that is not a power series of the overlap.
pub fn taylor_coefficients(kernel: &Kernel, n_inputs: usize) -> Result<Vec<f64>> {
    kernel.validate(n_inputs)?;
    let n = n_inputs as f64;
    let single = |p: usize| (0..=p).map(|order| f64::from(u8::from(order == p))).collect();
    // e^(-shift) x^p / p!, until it is negligible beyond its maximum at p = x.
    let exponential = |x: f64, scale: f64| -> Vec<f64> {
        let term = |p: usize| (p as f64 * x.ln() - libm::lgamma(p as f64 + 1.0) + scale).exp();
        let largest = term(x as usize);
        let past = (x as usize..).find(|&p| term(p) < 1e-18 * largest).unwrap_or(0);
        (0..past).map(term).collect()
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
/// For arrays that do not fit, or a kernel that is not a power series of the overlap.
pub fn order_shares(kernel: &Kernel, patterns: ArrayView2<f64>, coefficients: ArrayView2<f64>) -> Result<Shares> {
    check_fit(patterns, coefficients, StateKind::Real)?;
    let n = patterns.ncols();
    let overlaps = multiply_transposed(patterns, patterns) / n as f64;
    let mut power = Array2::ones(overlaps.dim());
    let mut parts = Vec::new();
    for a in taylor_coefficients(kernel, n)? {
        parts.push(if a == 0.0 { Array1::zeros(coefficients.ncols()) } else { a * quadratic(&power, coefficients) });
        power *= &overlaps;
    }
    shares(&parts)
}

/// Shares by Walsh degree, 0..=N: how many different inputs a product multiplies. Binary patterns only.
///
/// # Errors
/// For arrays that do not fit, patterns other than +1 and -1, a kernel with parameters that it refuses, or more than
/// 1000 inputs.
pub fn walsh_shares(kernel: &Kernel, patterns: ArrayView2<f64>, coefficients: ArrayView2<f64>) -> Result<Shares> {
    check_fit(patterns, coefficients, StateKind::Binary)?;
    let n = patterns.ncols();
    kernel.validate(n)?;
    check::within("n_inputs", n, 1..=1000)?;
    let kernel = kernel.resolved(n as f64);
    let weights = match kernel {
        // The shift scales all shares alike.
        Kernel::Exponential { beta, .. } => exponential_walsh_coefficients(n, beta)?,
        _ => {
            let values: Vec<f64> = (0..=n).map(|d| kernel.from_overlap(n as f64 - 2.0 * d as f64, n)).collect();
            walsh_coefficients(&values)?
        }
    };
    let distances = multiply_transposed(patterns, patterns).mapv(|u| (0.5 * (n as f64 - u)).round() as usize);
    let parts: Vec<Array1<f64>> = weights
        .iter()
        .enumerate()
        .map(|(k, weight)| {
            let table: Vec<f64> = (0..=n).map(|d| weight * krawtchouk(k, d, n)).collect();
            quadratic(&distances.mapv(|d| table[d]), coefficients)
        })
        .collect();
    shares(&parts)
}

/// `c_i^T K c_i` for every neuron.
fn quadratic(gram: &Array2<f64>, coefficients: ArrayView2<f64>) -> Array1<f64> {
    (multiply(gram.view(), coefficients) * coefficients).sum_axis(Axis(0))
}

fn shares(parts: &[Array1<f64>]) -> Result<Shares> {
    let n_neurons = parts.first().map_or(0, Array1::len);
    let total = parts.iter().fold(Array1::<f64>::zeros(n_neurons), |total, part| total + part);
    if let Some(neuron) = total.iter().position(|&total| !(total > 0.0)) {
        return Err(Error::unsupported(
            format!("the shares of neuron {neuron}"),
            "its weights are zero",
            "give coefficients of a memory that was fitted",
        ));
    }
    Ok(Shares { share: Array2::from_shape_fn((n_neurons, parts.len()), |(i, p)| parts[p][i] / total[i]) })
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
}
