//! Gaussian approximation of the hidden activity around its most probable course: bands, samples, and the marginal
//! likelihood of the parameters.
//!
//! In the innovations `e = (z - p) / sigma` the prior is a standard normal and the negative log-posterior is
//! `|e|^2 / 2 - ln p(y | e)`. Its Hessian `H` is the identity plus what the few recorded neurons say, so that a few dozen
//! Lanczos steps (each a difference of two exact gradients) give `H^(-1/2) x` for samples and `ln det H` for the
//! evidence `ln p(y | parameters) = -value - ln(det H) / 2`.

use faer::{Mat, Side};
use ndarray::Array2;
use neuropil_core::progress::Monitor;
use neuropil_core::random::Seed;
use neuropil_core::statistics::quantile;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use super::circuit::Circuit;
use super::e_step::{arrays, innovations_of};
use super::forward::LatentModel;
use super::likelihood::{JointLikelihood, Workspace};
use super::minimiser::{MinimiserOptions, minimise};
use crate::error::{Error, Result};

/// Settings of the approximation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LaplaceOptions {
    /// Samples behind the bands and the evidence.
    pub n_samples: usize,
    /// Lanczos steps per sample.
    pub lanczos_steps: usize,
    /// Iterations of the search for the most probable course at the given parameters.
    pub max_iterations: usize,
    /// Probability inside the bands.
    pub coverage: f64,
    /// Seed of the samples.
    pub seed: u64,
}

impl Default for LaplaceOptions {
    fn default() -> Self {
        Self { n_samples: 20, lanczos_steps: 30, max_iterations: 200, coverage: 0.9, seed: 0 }
    }
}

/// What is known about the hidden activity at given parameters. Activities are fractions of neurons per bin, time by
/// population, per trial.
#[derive(Debug, Clone, PartialEq)]
pub struct HiddenActivity {
    /// The most probable course (of the innovations).
    pub mode: Vec<Array2<f64>>,
    /// Lower end of the band.
    pub lower: Vec<Array2<f64>>,
    /// Upper end of the band.
    pub upper: Vec<Array2<f64>>,
    /// Samples: plausible courses with their finite-size noise, to first order in the innovations.
    pub samples: Vec<Vec<Array2<f64>>>,
    /// Log-density of the spikes at the mode together with that of its innovations, nats (without the constant of the
    /// prior): what a profile over a parameter compares.
    pub log_density: f64,
    /// Log-evidence of the parameters, nats: the recorded spikes with the hidden activity integrated out.
    pub log_evidence: f64,
    /// Standard error of the log-evidence that the random directions leave.
    pub log_evidence_error: f64,
}

/// Bands, samples and evidence at given parameters, starting the search from `activity`.
///
/// # Errors
/// Latent activity that does not fit; no sample; [`Error::Cancelled`].
pub fn hidden_activity(
    likelihood: &JointLikelihood,
    circuit: &Circuit,
    activity: &[Array2<f64>],
    options: &LaplaceOptions,
    monitor: &Monitor,
) -> Result<HiddenActivity> {
    neuropil_core::check::at_least("n_samples", options.n_samples, 1)?;
    neuropil_core::check::at_least("lanczos_steps", options.lanczos_steps, 2)?;
    neuropil_core::check::open_probability("coverage", options.coverage)?;
    likelihood.with_latent(LatentModel::Gaussian).check_latent(circuit, activity)?;
    let whitened = likelihood.with_latent(LatentModel::Innovations);
    let mut workspace = Workspace::default();
    let start: Vec<f64> = innovations_of(likelihood, circuit, activity, &mut workspace)
        .iter()
        .flatten()
        .map(|e| e.clamp(-6.0, 6.0))
        .collect();
    let shapes: Vec<_> = activity.iter().map(Array2::dim).collect();
    let n = start.len();
    let mut evaluate = |x: &[f64], gradient: &mut [f64]| {
        let result = whitened.gradient(circuit, &arrays(x, &shapes), &mut workspace);
        for (g, value) in gradient.iter_mut().zip(result.latent.iter().flatten()) {
            *g = *value;
        }
        result.value.total()
    };
    let search = MinimiserOptions { max_iterations: options.max_iterations, relative_decrease: 1e-9, gradient: 1e-4 };
    let found = minimise(start, (&vec![-8.0; n], &vec![8.0; n]), search, monitor, &mut evaluate)?;

    let mut offsets = Vec::with_capacity(options.n_samples);
    let mut log_determinants = Vec::with_capacity(options.n_samples);
    let task = monitor.task("samples", options.n_samples as u64);
    for s in 0..options.n_samples {
        let mut stream = Seed::new(options.seed).child("laplace").index(s as u64).stream();
        let direction: Vec<f64> = (0..n).map(|_| StandardNormal.sample(&mut stream)).collect();
        let mut product = |v: &[f64]| -> Vec<f64> {
            // Far above rounding, far below the bend of the likelihood: near a switch of a circuit with several states
            // the activity depends on single innovations a thousand times over.
            let h = 1e-5 * (n as f64).sqrt();
            let shifted = |sign: f64| -> Vec<f64> { found.at.iter().zip(v).map(|(x, v)| x + sign * h * v).collect() };
            let (mut up, mut down) = (vec![0.0; n], vec![0.0; n]);
            evaluate(&shifted(1.0), &mut up);
            evaluate(&shifted(-1.0), &mut down);
            up.iter().zip(&down).map(|(a, b)| (a - b) / (2.0 * h)).collect()
        };
        let (offset, log_determinant) = lanczos(&direction, options.lanczos_steps, monitor, &mut product)?;
        offsets.push(offset);
        log_determinants.push(log_determinant);
        task.advance(1);
    }

    let mut workspace = Workspace::default();
    let mut course = |x: &[f64]| -> Vec<Array2<f64>> {
        whitened.expectation(circuit, &arrays(x, &shapes), &mut workspace).into_iter().map(|e| e.activity).collect()
    };
    let mode = course(&found.at);
    // The offsets go through the tangent of the recursion: full steps would carry a circuit with several states into
    // states that the recording excludes.
    const STEP: f64 = 1e-5;
    let samples: Vec<Vec<Array2<f64>>> = offsets
        .iter()
        .map(|offset| {
            let moved = course(&found.at.iter().zip(offset).map(|(x, d)| x + STEP * d).collect::<Vec<f64>>());
            moved.iter().zip(&mode).map(|(near, mode)| (mode + &((near - mode) / STEP)).mapv(|z| z.max(0.0))).collect()
        })
        .collect();
    let tail = (1.0 - options.coverage) / 2.0;
    let band = |probability: f64| -> Vec<Array2<f64>> {
        (0..shapes.len())
            .map(|trial| {
                Array2::from_shape_fn(shapes[trial], |at| {
                    let values: Vec<f64> = samples.iter().map(|sample| sample[trial][at]).collect();
                    quantile(&values, probability).unwrap_or(f64::NAN)
                })
            })
            .collect()
    };
    let mean = neuropil_core::statistics::mean(&log_determinants).unwrap_or(0.0);
    let error = neuropil_core::statistics::standard_error(&log_determinants).unwrap_or(0.0);
    Ok(HiddenActivity {
        lower: band(tail),
        upper: band(1.0 - tail),
        mode,
        samples,
        log_density: -found.value,
        log_evidence: -found.value - 0.5 * mean,
        log_evidence_error: 0.5 * error,
    })
}

/// `H^(-1/2) x` and the estimate `x . ln(H) x` of the log-determinant, from the Krylov space of `x`.
fn lanczos(
    x: &[f64],
    n_steps: usize,
    monitor: &Monitor,
    product: &mut impl FnMut(&[f64]) -> Vec<f64>,
) -> Result<(Vec<f64>, f64)> {
    let dot = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
    let size = dot(x, x).sqrt();
    let mut basis: Vec<Vec<f64>> = vec![x.iter().map(|x| x / size).collect()];
    let (mut diagonal, mut off) = (Vec::new(), Vec::new());
    for k in 0..n_steps {
        monitor.check()?;
        let mut w = product(&basis[k]);
        diagonal.push(dot(&w, &basis[k]));
        // Full orthogonalisation, twice: the space is small, and rounding would return old directions.
        for _ in 0..2 {
            for v in &basis {
                let part = dot(&w, v);
                w.iter_mut().zip(v).for_each(|(w, v)| *w -= part * v);
            }
        }
        let beta = dot(&w, &w).sqrt();
        if k + 1 == n_steps || !(beta > 1e-10) {
            break;
        }
        off.push(beta);
        w.iter_mut().for_each(|w| *w /= beta);
        basis.push(w);
    }
    let m = diagonal.len();
    let tridiagonal = Mat::from_fn(m, m, |i, j| {
        if i == j {
            diagonal[i]
        } else if i.abs_diff(j) == 1 {
            off[i.min(j)]
        } else {
            0.0
        }
    });
    let eigen = tridiagonal.self_adjoint_eigen(Side::Lower).map_err(|error| Error::Numerical {
        what: "the Gaussian approximation".into(),
        problem: format!("its eigenvalues were not found ({error:?})"),
    })?;
    // The recorded spikes can only sharpen what is known, up to the curvature of single bins: a direction that looks
    // flatter than a tenth of the prior is taken for that.
    let value = |i: usize| eigen.S()[i].max(0.1);
    let first = |i: usize| eigen.U()[(0, i)];
    let log_determinant = size * size * (0..m).map(|i| first(i).powi(2) * value(i).ln()).sum::<f64>();
    let mut result = vec![0.0; x.len()];
    for (k, v) in basis.iter().enumerate().take(m) {
        let weight: f64 = size * (0..m).map(|i| eigen.U()[(k, i)] * first(i) / value(i).sqrt()).sum::<f64>();
        result.iter_mut().zip(v).for_each(|(r, v)| *r += weight * v);
    }
    Ok((result, log_determinant))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanczos_gives_the_inverse_root_and_the_log_determinant_of_a_diagonal_matrix() {
        let n = 60;
        let entry = |i: usize| 1.0 + (i % 5) as f64;
        let x: Vec<f64> = (0..n).map(|i| 1.0 + 0.1 * (i as f64).sin()).collect();
        let mut product = |v: &[f64]| v.iter().enumerate().map(|(i, v)| entry(i) * v).collect::<Vec<f64>>();
        let (root, log_determinant) = lanczos(&x, 20, &Monitor::silent(), &mut product).unwrap();
        for i in 0..n {
            assert!((root[i] - x[i] / entry(i).sqrt()).abs() < 1e-9);
        }
        let reference: f64 = (0..n).map(|i| x[i] * x[i] * entry(i).ln()).sum();
        assert!((log_determinant - reference).abs() < 1e-8);
    }
}
