//! The ends and the density of the spectrum of a Hessian that is too large to be written down.
//!
//! Lanczos iteration on Hessian-vector products, with full re-orthogonalisation. [`extreme_eigenvalues`] gives both ends
//! with a bound of the error of every value; [`spectral_density`] gives the density by stochastic Lanczos quadrature
//! (Ubaru, Chen and Saad 2017).

use ndarray::{Array1, Array2, ArrayView1};
use neuropil_core::check;
use neuropil_core::progress::Monitor;
use neuropil_core::random::{Seed, uniform};
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::loss::{Evaluator, Objective, contiguous};
use crate::spectrum::{Eigenvectors, Spectrum};

/// Eigenvalues at both ends, with error bounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExtremeEigenvalues {
    /// The smallest, in ascending order.
    pub smallest: Array1<f64>,
    /// The largest, in ascending order.
    pub largest: Array1<f64>,
    /// An eigenvalue lies within this distance of each of `smallest`.
    pub smallest_error: Array1<f64>,
    /// An eigenvalue lies within this distance of each of `largest`.
    pub largest_error: Array1<f64>,
    /// Hessian-vector products that were spent.
    pub n_products: usize,
}

/// The density of the spectrum on a grid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpectralDensity {
    /// Eigenvalues at which the density is given.
    pub grid: Array1<f64>,
    /// The density; it integrates to one.
    pub density: Array1<f64>,
    /// Standard deviation of the Gaussian that stands for each eigenvalue.
    pub width: f64,
}

/// How to run Lanczos.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LanczosParameters {
    /// Most steps from one start vector.
    pub n_steps: usize,
    /// Stop when the error bounds are below this fraction of the largest eigenvalue.
    pub tolerance: f64,
    /// Seed of the start vectors.
    pub seed: u64,
}

impl Default for LanczosParameters {
    fn default() -> Self {
        Self { n_steps: 300, tolerance: 1e-10, seed: 0 }
    }
}

/// The tridiagonal matrix of a Lanczos run, diagonal and off-diagonal.
struct Lanczos {
    basis: Vec<Vec<f64>>,
    diagonal: Vec<f64>,
    off_diagonal: Vec<f64>,
}

impl Lanczos {
    fn new(start: Vec<f64>) -> Self {
        let norm = dot(&start, &start).sqrt();
        Self {
            basis: vec![start.into_iter().map(|v| v / norm).collect()],
            diagonal: Vec::new(),
            off_diagonal: Vec::new(),
        }
    }

    /// One step; false if the space is exhausted.
    fn step(&mut self, evaluator: &mut Evaluator<'_>, theta: &[f64]) -> bool {
        let current = self.basis.len() - 1;
        let mut w = vec![0.0; theta.len()];
        evaluator.hessian_vector(theta, &self.basis[current], &mut w);
        self.diagonal.push(dot(&w, &self.basis[current]));
        // Twice is enough (Giraud et al. 2005).
        for _ in 0..2 {
            for v in &self.basis {
                let overlap = dot(&w, v);
                w.iter_mut().zip(v).for_each(|(w, v)| *w -= overlap * v);
            }
        }
        let norm = dot(&w, &w).sqrt();
        self.off_diagonal.push(norm);
        let scale = self.diagonal.iter().chain(&self.off_diagonal).fold(0.0_f64, |m, v| m.max(v.abs()));
        if self.basis.len() == theta.len() || norm <= 1e-14 * scale {
            return false;
        }
        w.iter_mut().for_each(|w| *w /= norm);
        self.basis.push(w);
        true
    }

    /// Ritz values and vectors of the tridiagonal matrix.
    fn ritz(&self) -> Result<Spectrum> {
        let n = self.diagonal.len();
        let mut matrix = Array2::zeros((n, n));
        for i in 0..n {
            matrix[[i, i]] = self.diagonal[i];
            if i + 1 < n {
                matrix[[i, i + 1]] = self.off_diagonal[i];
                matrix[[i + 1, i]] = self.off_diagonal[i];
            }
        }
        Spectrum::of(matrix.view(), Eigenvectors::Compute)
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    neuropil_core::vector::sum(a.len(), |k| a[k] * b[k])
}

fn normal_vector(n: usize, seed: Seed) -> Vec<f64> {
    let mut stream = seed.stream();
    (0..n)
        .map(|_| {
            let radius = (-2.0 * (1.0 - uniform(&mut stream)).ln()).sqrt();
            radius * (std::f64::consts::TAU * uniform(&mut stream)).cos()
        })
        .collect()
}

/// The `count` smallest and the `count` largest eigenvalues of the Hessian at `theta`. An eigenvalue with several
/// eigenvectors is found once.
///
/// # Errors
/// [`crate::Error::Check`] for a count of zero; [`crate::Error::Shape`], [`crate::Error::NotFinite`],
/// [`crate::Error::Cancelled`].
pub fn extreme_eigenvalues(
    objective: &Objective,
    theta: ArrayView1<f64>,
    count: usize,
    parameters: &LanczosParameters,
    monitor: &Monitor,
) -> Result<ExtremeEigenvalues> {
    check::at_least("count", count, 1)?;
    objective.network().check_parameters(theta)?;
    let theta = contiguous(theta);
    let n = theta.len();
    let n_steps = check::at_least("n_steps", parameters.n_steps, 2 * count)?.min(n);
    let mut evaluator = objective.evaluator();
    let mut lanczos = Lanczos::new(normal_vector(n, Seed::new(parameters.seed).child("lanczos")));
    loop {
        monitor.check()?;
        let more = lanczos.step(&mut evaluator, &theta);
        let done = lanczos.diagonal.len();
        if more && done < n_steps && (done < 2 * count || !done.is_multiple_of(10)) {
            continue;
        }
        let ritz = lanczos.ritz()?;
        let rest = lanczos.off_diagonal[done - 1];
        let error = |i: usize| if more { (rest * ritz.eigenvectors[[done - 1, i]]).abs() } else { 0.0 };
        let count = count.min(done);
        let (low, high) = (0..count, done - count..done);
        let scale = ritz.eigenvalues.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        let converged = low.clone().chain(high.clone()).all(|i| error(i) <= parameters.tolerance * scale);
        if converged || !more || done >= n_steps {
            return Ok(ExtremeEigenvalues {
                smallest: low.clone().map(|i| ritz.eigenvalues[i]).collect(),
                largest: high.clone().map(|i| ritz.eigenvalues[i]).collect(),
                smallest_error: low.map(error).collect(),
                largest_error: high.map(error).collect(),
                n_products: done,
            });
        }
    }
}

/// The density of the spectrum from `n_probes` random vectors, at `n_grid` points; every eigenvalue is a Gaussian of
/// `relative_width` times the range.
///
/// # Errors
/// [`crate::Error::Check`] for counts of zero or a width that is not positive; [`crate::Error::Shape`],
/// [`crate::Error::NotFinite`], [`crate::Error::Cancelled`].
pub fn spectral_density(
    objective: &Objective,
    theta: ArrayView1<f64>,
    (n_probes, n_grid): (usize, usize),
    relative_width: f64,
    parameters: &LanczosParameters,
    monitor: &Monitor,
) -> Result<SpectralDensity> {
    check::at_least("n_probes", n_probes, 1)?;
    check::at_least("n_grid", n_grid, 2)?;
    check::positive("relative_width", relative_width)?;
    objective.network().check_parameters(theta)?;
    let theta = contiguous(theta);
    let mut evaluator = objective.evaluator();
    let task = monitor.task("probes", n_probes as u64);
    let mut nodes: Vec<(f64, f64)> = Vec::new();
    for probe in 0..n_probes {
        let seed = Seed::new(parameters.seed).child("density").index(probe as u64);
        let mut lanczos = Lanczos::new(normal_vector(theta.len(), seed));
        while lanczos.diagonal.len() < parameters.n_steps.max(1) {
            monitor.check()?;
            if !lanczos.step(&mut evaluator, &theta) {
                break;
            }
        }
        let ritz = lanczos.ritz()?;
        let weight = |i: usize| ritz.eigenvectors[[0, i]].powi(2) / n_probes as f64;
        nodes.extend(ritz.eigenvalues.iter().enumerate().map(|(i, &value)| (value, weight(i))));
        task.advance(1);
    }
    let low = nodes.iter().map(|node| node.0).fold(f64::INFINITY, f64::min);
    let high = nodes.iter().map(|node| node.0).fold(f64::NEG_INFINITY, f64::max);
    let width = relative_width * (high - low).max(f64::MIN_POSITIVE.sqrt());
    let (low, high) = (low - 4.0 * width, high + 4.0 * width);
    let grid = Array1::linspace(low, high, n_grid);
    let scale = 1.0 / (width * std::f64::consts::TAU.sqrt());
    let density = grid.mapv(|x| {
        nodes.iter().map(|(value, weight)| weight * scale * (-0.5 * ((x - value) / width).powi(2)).exp()).sum()
    });
    Ok(SpectralDensity { grid, density, width })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gradient::tests::objective;
    use crate::loss::Loss;
    use crate::network::Initialisation;

    #[test]
    fn both_ends_agree_with_the_dense_spectrum() {
        let objective = objective(&[2, 12, 2], Loss::Square, 60, 1);
        let theta = objective.network().initialise(Initialisation::default(), Seed::new(1)).into_theta();
        let dense = objective.spectrum(theta.view()).unwrap().eigenvalues;
        let parameters = LanczosParameters::default();
        let ends = extreme_eigenvalues(&objective, theta.view(), 3, &parameters, &Monitor::silent()).unwrap();
        let n = dense.len();
        for i in 0..3 {
            assert!((ends.smallest[i] - dense[i]).abs() < 1e-8 * dense[n - 1]);
            assert!((ends.largest[i] - dense[n - 3 + i]).abs() < 1e-8 * dense[n - 1]);
        }
    }

    #[test]
    fn the_density_integrates_to_one_and_has_the_mean_of_the_spectrum() {
        let objective = objective(&[2, 8, 1], Loss::Square, 60, 1);
        let theta = objective.network().initialise(Initialisation::default(), Seed::new(1)).into_theta();
        let spectrum = objective.spectrum(theta.view()).unwrap();
        let parameters = LanczosParameters::default();
        let monitor = Monitor::silent();
        let density = spectral_density(&objective, theta.view(), (200, 2000), 0.01, &parameters, &monitor).unwrap();
        let step = density.grid[1] - density.grid[0];
        assert!((density.density.sum() * step - 1.0).abs() < 1e-3);
        let mean = (&density.grid * &density.density).sum() * step;
        let expected = spectrum.trace() / spectrum.eigenvalues.len() as f64;
        // The mean over 200 random vectors.
        assert!((mean - expected).abs() < 0.1 * spectrum.largest(), "{mean} instead of {expected}");
    }
}
