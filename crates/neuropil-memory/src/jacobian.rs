//! Stability of a recalled state: the Jacobian of one step, and its spectral radius.
//!
//! For `s' = C^T k(s)` the Jacobian is `J = C^T G` with the gradients `G_mu = dK(x^mu, s)/ds` as rows; for the normalised
//! memory `s' = C^T k / sum(k)` the gradients are those of `k_mu / sum_nu k_nu`. A fixed point attracts its neighbourhood
//! if the spectral radius of J is below one. The non-zero eigenvalues of the N x N matrix `C^T G` are those of the M x M
//! matrix `G C^T`, so the smaller of the two is decomposed.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};
use neuropil_core::random::Seed;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::kernel::{Geometry, Kernel};
use crate::product::{matrix, multiply, multiply_transposed};
use crate::random_patterns::unit_vector;

/// What the coefficients weigh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weighting {
    /// The kernel: `s' = C^T k(s)`.
    #[default]
    Direct,
    /// The kernel divided by its sum over the patterns: `s' = C^T k(s) / sum(k(s))`.
    Normalized,
}

/// Beyond this size the spectral radius is estimated by power iteration instead of a dense decomposition.
const DENSE: usize = 400;

/// The gradients of the kernel (or of its share in the sum) with respect to the state, one row per pattern.
///
/// # Errors
/// For a state of another width than the patterns, for a kernel of binary states, which has no gradient, and at a stored
/// pattern for a kernel with a cusp ([`Kernel::is_smooth`]).
pub fn kernel_gradients(
    kernel: &Kernel,
    patterns: ArrayView2<f64>,
    state: ArrayView1<f64>,
    weighting: Weighting,
) -> Result<Array2<f64>> {
    let n = patterns.ncols();
    if state.len() != n {
        return Err(Error::shape("the state", format!("{n} entries"), format!("{} entries", state.len())));
    }
    if kernel.geometry() == Geometry::Hamming {
        return Err(Error::unsupported(
            "the Jacobian",
            "the sparse distributed kernel is defined on binary states only and has no gradient",
            "use the ball or the threshold-Gauss kernel",
        ));
    }
    let ss = state.dot(&state);
    if !kernel.is_smooth()
        && let Some(row) = patterns.rows().into_iter().position(|x| at_the_cusp(kernel, x, state))
    {
        return Err(Error::unsupported(
            format!("the Jacobian at pattern {row}"),
            format!("the {} kernel has a cusp there and is not differentiable", kernel.name()),
            "measure the basin, or take the generalized exponential kernel with an exponent above 1",
        ));
    }
    let mut gradients = Array2::zeros(patterns.dim());
    let mut values = Array1::zeros(patterns.nrows());
    for ((mut gradient, x), value) in gradients.rows_mut().into_iter().zip(patterns.rows()).zip(&mut values) {
        let (dot, xx) = (x.dot(&state), x.dot(&x));
        let distance2 = x.iter().zip(state).map(|(x, s)| (x - s) * (x - s)).sum();
        let (of_x, of_s) = kernel.slopes(dot, xx, ss, distance2, n);
        gradient.scaled_add(of_x, &x);
        gradient.scaled_add(of_s, &state);
        *value = kernel.value(dot, xx, ss, distance2, crate::kernel::Inputs::all(n));
    }
    if weighting == Weighting::Normalized {
        let total = values.sum();
        let mean = gradients.sum_axis(Axis(0)) / total;
        for (mut gradient, value) in gradients.rows_mut().into_iter().zip(&values) {
            gradient.scaled_add(-value, &mean);
            gradient /= total;
        }
    }
    Ok(gradients)
}

/// Whether the kernel between a pattern and a state is at its cusp: at distance zero, or at angle zero.
fn at_the_cusp(kernel: &Kernel, x: ArrayView1<f64>, state: ArrayView1<f64>) -> bool {
    if kernel.geometry() == Geometry::Angle {
        let (dot, xx, ss) = (x.dot(&state), x.dot(&x), state.dot(&state));
        return dot >= (1.0 - 4.0 * f64::EPSILON) * (xx * ss).sqrt();
    }
    x == state
}

/// The Jacobian of one step, outputs x inputs: entry (i, j) is `d s'_i / d s_j`.
///
/// # Errors
/// As [`kernel_gradients`], and for coefficients that do not have one row per pattern.
pub fn jacobian(
    kernel: &Kernel,
    patterns: ArrayView2<f64>,
    coefficients: ArrayView2<f64>,
    state: ArrayView1<f64>,
    weighting: Weighting,
) -> Result<Array2<f64>> {
    check_coefficients(patterns, coefficients)?;
    let gradients = kernel_gradients(kernel, patterns, state, weighting)?;
    Ok(multiply(coefficients.t(), gradients.view()))
}

/// The spectral radius of the Jacobian of an auto-associative step; below one the fixed point `state` is stable.
///
/// # Errors
/// As [`jacobian`], and for a memory with other numbers of inputs and outputs.
pub fn jacobian_radius(
    kernel: &Kernel,
    patterns: ArrayView2<f64>,
    coefficients: ArrayView2<f64>,
    state: ArrayView1<f64>,
    weighting: Weighting,
) -> Result<f64> {
    check_coefficients(patterns, coefficients)?;
    if coefficients.ncols() != patterns.ncols() {
        let expected = format!("{} outputs, as many as inputs", patterns.ncols());
        return Err(Error::shape("the coefficients", expected, format!("{} outputs", coefficients.ncols())));
    }
    let gradients = kernel_gradients(kernel, patterns, state, weighting)?;
    let (m, n) = patterns.dim();
    if m.min(n) > DENSE {
        return Ok(growth_rate(coefficients, gradients.view()));
    }
    if m < n {
        spectral_radius(multiply_transposed(gradients.view(), coefficients).view())
    } else {
        spectral_radius(multiply(coefficients.t(), gradients.view()).view())
    }
}

/// The largest modulus of the eigenvalues of a square matrix.
///
/// # Errors
/// For a matrix that is not square or not finite.
pub fn spectral_radius(square: ArrayView2<f64>) -> Result<f64> {
    if square.nrows() != square.ncols() {
        return Err(Error::shape("the matrix", "as many rows as columns", format!("{:?}", square.dim())));
    }
    if let Some(((row, column), &value)) = square.indexed_iter().find(|(_, value)| !value.is_finite()) {
        return Err(Error::NotFinite { array: "the Jacobian", row, column, value });
    }
    if square.is_empty() {
        return Ok(0.0);
    }
    let eigenvalues = matrix(&square).eigenvalues().map_err(|_| {
        Error::unsupported("the spectral radius", "the eigenvalue iteration did not converge", "rescale the patterns")
    })?;
    Ok(eigenvalues.iter().map(|value| value.re.hypot(value.im)).fold(0.0, f64::max))
}

/// The rate at which `C^T G` makes a random vector grow: the spectral radius, also for a complex pair of leading
/// eigenvalues, where the growth of single steps oscillates and only its geometric mean settles.
fn growth_rate(coefficients: ArrayView2<f64>, gradients: ArrayView2<f64>) -> f64 {
    const WARM_UP: usize = 100;
    const COUNTED: usize = 200;
    let mut vector = Array1::from(unit_vector(gradients.ncols(), &mut Seed::new(0).child("power-iteration").stream()));
    let mut log_growth = 0.0;
    for step in 0..WARM_UP + COUNTED {
        vector = coefficients.t().dot(&gradients.dot(&vector));
        let norm = vector.dot(&vector).sqrt();
        if norm == 0.0 {
            return 0.0;
        }
        vector /= norm;
        if step >= WARM_UP {
            log_growth += norm.ln();
        }
    }
    (log_growth / COUNTED as f64).exp()
}

fn check_coefficients(patterns: ArrayView2<f64>, coefficients: ArrayView2<f64>) -> Result<()> {
    if patterns.nrows() == coefficients.nrows() {
        return Ok(());
    }
    let expected = format!("{} rows, one per pattern", patterns.nrows());
    Err(Error::shape("the coefficients", expected, format!("{} rows", coefficients.nrows())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random_patterns::sphere_patterns;

    fn step(kernel: &Kernel, x: &Array2<f64>, c: &Array2<f64>, s: &Array1<f64>, weighting: Weighting) -> Array1<f64> {
        let k: Array1<f64> = x.rows().into_iter().map(|x| kernel.evaluate(&x.to_vec(), &s.to_vec()).unwrap()).collect();
        match weighting {
            Weighting::Direct => c.t().dot(&k),
            Weighting::Normalized => c.t().dot(&k) / k.sum(),
        }
    }

    #[test]
    fn the_jacobian_agrees_with_central_differences() {
        let (x, c) = (sphere_patterns(7, 5, Seed::new(1)), sphere_patterns(7, 5, Seed::new(2)));
        let s = Array1::from(vec![0.3, -0.2, 0.5, 0.1, 0.4]);
        let generalized = |beta| Kernel::GeneralizedExponential { radius: 0.6, beta };
        for kernel in [generalized(1.5), generalized(2.0), generalized(4.0), Kernel::exponential(2.0)] {
            for weighting in [Weighting::Direct, Weighting::Normalized] {
                let analytic = jacobian(&kernel, x.view(), c.view(), s.view(), weighting).unwrap();
                for j in 0..5 {
                    let h = 1e-5;
                    let (mut up, mut down) = (s.clone(), s.clone());
                    up[j] += h;
                    down[j] -= h;
                    let numeric =
                        (step(&kernel, &x, &c, &up, weighting) - step(&kernel, &x, &c, &down, weighting)) / (2.0 * h);
                    assert!(
                        analytic.column(j).iter().zip(&numeric).all(|(a, b)| (a - b).abs() < 1e-8),
                        "{} {weighting:?}",
                        kernel.name()
                    );
                }
            }
        }
    }

    #[test]
    fn a_kernel_with_a_cusp_has_no_jacobian_at_a_stored_pattern() {
        let (x, c) = (sphere_patterns(1, 10, Seed::new(5)), sphere_patterns(1, 10, Seed::new(5)));
        let radius = |kernel: &Kernel, s: ArrayView1<f64>| {
            jacobian_radius(kernel, x.view(), c.view(), s, Weighting::Direct).map_err(|error| error.to_string())
        };
        let laplace = Kernel::GeneralizedExponential { radius: 0.5, beta: 1.0 };
        for kernel in [Kernel::Ball { radius: 1.0 }, laplace.clone(), Kernel::ThresholdGauss { threshold: 0.0 }] {
            let message = radius(&kernel, x.row(0)).unwrap_err();
            assert!(message.contains("cusp") && message.contains("pattern 0"), "{message}");
            assert!(radius(&kernel, sphere_patterns(1, 10, Seed::new(6)).row(0)).is_ok(), "{}", kernel.name());
        }
        // Just beside the pattern the Laplace kernel expands by R / r = 2, which a zero at the pattern would hide.
        let beside = &x.row(0) * (1.0 + 1e-9);
        assert!((radius(&laplace, beside.view()).unwrap() - 2.0).abs() < 1e-6);
    }

    #[test]
    fn small_matrix_large_matrix_and_power_iteration_agree() {
        let (x, c) = (sphere_patterns(6, 20, Seed::new(3)), sphere_patterns(6, 20, Seed::new(4)));
        let kernel = Kernel::gaussian(1.0);
        let s = x.row(0).to_owned();
        let small = jacobian_radius(&kernel, x.view(), c.view(), s.view(), Weighting::Direct).unwrap();
        let full = jacobian(&kernel, x.view(), c.view(), s.view(), Weighting::Direct).unwrap();
        assert!((spectral_radius(full.view()).unwrap() - small).abs() < 1e-12);
        let gradients = kernel_gradients(&kernel, x.view(), s.view(), Weighting::Direct).unwrap();
        let grown = growth_rate(c.view(), gradients.view());
        // The geometric mean over 200 steps leaves a remainder of the phase of a complex pair.
        assert!((grown / small - 1.0).abs() < 0.02, "{grown} {small}");
        assert!(jacobian(&kernel, x.view(), c.slice(ndarray::s![..2, ..]), s.view(), Weighting::Direct).is_err());
        assert!(
            kernel_gradients(&Kernel::SparseDistributed { radius: 2 }, x.view(), s.view(), Weighting::Direct).is_err()
        );
    }
}
