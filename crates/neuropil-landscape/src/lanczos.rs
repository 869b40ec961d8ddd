//! The ends and the density of the spectrum of a Hessian that is too large to be written down.
//!
//! Lanczos iteration on Hessian-vector products, with full re-orthogonalisation, from one start vector or from a block of
//! them: an eigenvalue with `k` eigenvectors is found as often as there are start vectors, `k` times at most. So with as
//! many start vectors as negative and zero eigenvalues are expected, the lower end of the spectrum gives the index and the
//! number of zero eigenvalues of a network whose Hessian cannot be written down. [`extreme_eigenvalues`] gives both ends
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
    /// Most steps, one Hessian-vector product each.
    pub n_steps: usize,
    /// Stop when the error bounds are below this fraction of the largest eigenvalue.
    pub tolerance: f64,
    /// Start vectors: how often an eigenvalue with several eigenvectors can be found.
    pub block: usize,
    /// Seed of the start vectors.
    pub seed: u64,
}

impl Default for LanczosParameters {
    fn default() -> Self {
        Self { n_steps: 300, tolerance: 1e-10, block: 1, seed: 0 }
    }
}

/// A Lanczos run: an orthonormal basis, and the Hessian in the part of it that was multiplied already. From one start
/// vector that is a tridiagonal matrix, from a block of them a band.
struct Lanczos {
    /// The first `columns.len()` vectors were multiplied; the others wait.
    basis: Vec<Vec<f64>>,
    /// Products of each multiplied vector with all vectors of the basis that existed then.
    columns: Vec<Vec<f64>>,
}

impl Lanczos {
    fn new(starts: Vec<Vec<f64>>) -> Self {
        let mut lanczos = Self { basis: Vec::new(), columns: Vec::new() };
        for start in starts {
            lanczos.append(start, 1e-10);
        }
        lanczos
    }

    /// Adds the part of a vector that is orthogonal to the basis; gives its products with the basis, its own length last.
    fn append(&mut self, mut w: Vec<f64>, least: f64) -> Vec<f64> {
        let mut column = vec![0.0; self.basis.len()];
        // Twice is enough (Giraud et al. 2005).
        for _ in 0..2 {
            for (v, product) in self.basis.iter().zip(&mut column) {
                let overlap = dot(&w, v);
                *product += overlap;
                w.iter_mut().zip(v).for_each(|(w, v)| *w -= overlap * v);
            }
        }
        let norm = dot(&w, &w).sqrt();
        if self.basis.len() < w.len() && norm > least {
            w.iter_mut().for_each(|w| *w /= norm);
            self.basis.push(w);
            column.push(norm);
        }
        column
    }

    /// The number of products so far.
    fn done(&self) -> usize {
        self.columns.len()
    }

    /// One step; false if the space is exhausted.
    fn step(&mut self, evaluator: &mut Evaluator<'_>, theta: &[f64]) -> bool {
        let Some(current) = self.basis.get(self.columns.len()) else { return false };
        let mut w = vec![0.0; theta.len()];
        evaluator.hessian_vector(theta, current, &mut w);
        let scale = self.columns.iter().flatten().fold(dot(&w, &w).sqrt(), |m, v| m.max(v.abs()));
        let column = self.append(w, 1e-14 * scale);
        self.columns.push(column);
        self.columns.len() < self.basis.len()
    }

    /// Ritz values and vectors.
    fn ritz(&self) -> Result<Spectrum> {
        let n = self.columns.len();
        let mut matrix = Array2::zeros((n, n));
        for (j, column) in self.columns.iter().enumerate() {
            // A later vector than j's last has no product with it but rounding.
            for (i, value) in column.iter().enumerate().take(n).skip(j) {
                matrix[[i, j]] = *value;
                matrix[[j, i]] = *value;
            }
        }
        Spectrum::of(matrix.view(), Eigenvectors::Compute)
    }

    /// Length of the residual of a Ritz vector: what its product has outside of the multiplied part.
    fn residual(&self, ritz: &Spectrum, index: usize) -> f64 {
        let n = self.columns.len();
        let outside = (n..self.basis.len()).map(|i| {
            let entry = |j: usize| self.columns[j].get(i).copied().unwrap_or(0.0) * ritz.eigenvectors[[j, index]];
            (0..n).map(entry).sum::<f64>().powi(2)
        });
        outside.sum::<f64>().sqrt()
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
/// eigenvectors is found as often as there are start vectors ([`LanczosParameters::block`]) at most: with one, once.
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
    let block = check::at_least("block", parameters.block, 1)?.min(n);
    let n_steps = check::at_least("n_steps", parameters.n_steps, 2 * count.max(block))?.min(n);
    let mut evaluator = objective.evaluator();
    let seed = Seed::new(parameters.seed).child("lanczos");
    let start = |k: usize| normal_vector(n, if k == 0 { seed } else { seed.index(k as u64) });
    let mut lanczos = Lanczos::new((0..block).map(start).collect());
    loop {
        monitor.check()?;
        let more = lanczos.step(&mut evaluator, &theta);
        let done = lanczos.done();
        if more && done < n_steps && (done < 2 * count || !done.is_multiple_of(10)) {
            continue;
        }
        let ritz = lanczos.ritz()?;
        let error = |i: usize| if more { lanczos.residual(&ritz, i) } else { 0.0 };
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
        let mut lanczos = Lanczos::new(vec![normal_vector(theta.len(), seed)]);
        while lanczos.done() < parameters.n_steps.max(1) {
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
    fn a_block_counts_negative_and_zero_eigenvalues() {
        // Three equal neurons on a line: zero eigenvalues with several eigenvectors.
        let objective = objective(&[2, 9, 1], Loss::Square, 60, 1);
        let mut theta = objective.network().initialise(Initialisation::default(), Seed::new(2)).into_theta();
        let n = theta.len();
        for neuron in [2, 4, 6] {
            // Slots of one activation alternate; these three are copies without effect.
            theta[objective.network().weight_range(1).start + neuron] = 0.0;
        }
        let dense = objective.spectrum(theta.view()).unwrap();
        let parameters = LanczosParameters { block: 8, tolerance: 1e-12, ..LanczosParameters::default() };
        let count = n / 2;
        let ends = extreme_eigenvalues(&objective, theta.view(), count, &parameters, &Monitor::silent()).unwrap();
        for i in 0..count {
            assert!((ends.smallest[i] - dense.eigenvalues[i]).abs() < 1e-10 * dense.largest());
        }
        let below = |values: &Array1<f64>, bound: f64| values.iter().filter(|value| **value < bound).count();
        assert_eq!(below(&ends.smallest, -1e-9), dense.n_negative());
        assert!(ends.n_products <= n);
    }

    #[test]
    fn an_eigenvalue_is_found_as_often_as_there_are_start_vectors() {
        // Independent outputs without hidden layer: every eigenvalue as often as there are outputs.
        let network = crate::Mlp::new(vec![4, 3], vec![], vec![crate::Bias::Without]).unwrap();
        let inputs = Array2::from_shape_fn((30, 4), |(n, k)| ((n * (2 * k + 3)) as f64).sin());
        let data = crate::Dataset::new(inputs, Array2::zeros((30, 3))).unwrap();
        let objective = Objective::new(&network, &data, Loss::Square).unwrap();
        let dense = objective.spectrum(network.zeros().theta()).unwrap().eigenvalues;
        let found = |block: usize| {
            let how = LanczosParameters { block, ..LanczosParameters::default() };
            extreme_eigenvalues(&objective, network.zeros().theta(), 3, &how, &Monitor::silent()).unwrap().smallest
        };
        let near = |values: &Array1<f64>| values.iter().filter(|value| (**value - dense[0]).abs() < 1e-10).count();
        assert_eq!((near(&found(1)), near(&found(2)), near(&found(3)), near(&found(5))), (1, 2, 3, 3));
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
        let moment = |power: i32| (density.grid.mapv(|x| x.powi(power)) * &density.density).sum() * step;
        let n = spectrum.eigenvalues.len() as f64;
        let exact = |power: i32| spectrum.eigenvalues.mapv(|x| x.powi(power)).sum() / n;
        // A probe is a random unit vector: its k-th moment has the variance of the eigenvalues' powers times 2 / (n + 2).
        for power in [1, 2] {
            let spread = exact(2 * power) - exact(power).powi(2);
            let error = (spread * 2.0 / (n + 2.0) / 200.0).sqrt();
            // Each eigenvalue is drawn as a Gaussian, which adds its variance to the second moment.
            let expected = exact(power) + if power == 2 { density.width.powi(2) } else { 0.0 };
            let found = moment(power);
            assert!((found - expected).abs() < 4.0 * error, "moment {power}: {found} instead of {expected} +- {error}");
        }
    }
}
