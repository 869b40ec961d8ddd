//! How well parameters are determined: Hessians from differences of the exact gradient, and what follows from them.

use faer::linalg::solvers::Solve;
use faer::{Mat, Side};
use ndarray::Array2;
use neuropil_core::progress::Monitor;

use super::circuit::FreeParameters;
use super::e_step::{arrays, innovations_of};
use super::forward::LatentModel;
use super::likelihood::{JointLikelihood, Workspace};
use crate::error::{Error, Result};

/// Precision matrix of the free parameters (in scales) when the activity is known: the Hessian of the negative
/// log-likelihood.
///
/// # Errors
/// [`Error::Cancelled`].
pub fn precision_given_activity(
    likelihood: &JointLikelihood,
    free: &FreeParameters,
    numbers: &[f64],
    activity: &[Array2<f64>],
    monitor: &Monitor,
) -> Result<Array2<f64>> {
    let mut workspace = Workspace::default();
    let n = numbers.len();
    let mut hessian = Array2::zeros((n, n));
    for i in 0..n {
        monitor.check()?;
        let h = 1e-5 * numbers[i].abs().max(0.1);
        let mut at = |sign: f64| {
            let mut moved = numbers.to_vec();
            moved[i] += sign * h;
            free.gradient(&likelihood.gradient(&free.circuit(&moved), activity, &mut workspace).circuit)
        };
        for (j, (up, down)) in at(1.0).iter().zip(at(-1.0)).enumerate() {
            hessian[[i, j]] = (up - down) / (2.0 * h);
        }
    }
    Ok((&hessian + &hessian.t()) / 2.0)
}

/// Precision matrix of the free parameters (in scales) when the activity is hidden: the Schur complement of the
/// innovations in the Hessian of the joint negative log-density.
///
/// # Errors
/// [`Error::Cancelled`].
pub fn precision_with_hidden_activity(
    likelihood: &JointLikelihood,
    free: &FreeParameters,
    numbers: &[f64],
    activity: &[Array2<f64>],
    monitor: &Monitor,
) -> Result<Array2<f64>> {
    let whitened = likelihood.with_latent(LatentModel::Innovations);
    let mut workspace = Workspace::default();
    let innovations: Vec<f64> =
        innovations_of(likelihood, &free.circuit(numbers), activity, &mut workspace).into_iter().flatten().collect();
    let shapes: Vec<_> = activity.iter().map(Array2::dim).collect();
    let (n, n_latent) = (numbers.len(), innovations.len());
    let mut gradient = |numbers: &[f64], innovations: &[f64]| -> (Vec<f64>, Vec<f64>) {
        let result = whitened.gradient(&free.circuit(numbers), &arrays(innovations, &shapes), &mut workspace);
        (free.gradient(&result.circuit), result.latent.into_iter().flatten().collect())
    };
    let dot = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
    let mut precision = Array2::zeros((n, n));
    let mut mixed = Vec::with_capacity(n);
    for i in 0..n {
        let h = 1e-5 * numbers[i].abs().max(0.1);
        let mut at = |sign: f64| {
            let mut moved = numbers.to_vec();
            moved[i] += sign * h;
            gradient(&moved, &innovations)
        };
        let (up, down) = (at(1.0), at(-1.0));
        for j in 0..n {
            precision[[i, j]] = (up.0[j] - down.0[j]) / (2.0 * h);
        }
        mixed.push(up.1.iter().zip(&down.1).map(|(a, b)| (a - b) / (2.0 * h)).collect::<Vec<f64>>());
    }
    for i in 0..n {
        // Conjugate gradients on the innovations: the Hessian is the identity plus few directions.
        let (mut x, mut r) = (vec![0.0; n_latent], mixed[i].clone());
        let mut p = r.clone();
        let mut size = dot(&r, &r);
        let goal = 1e-6 * size;
        for _ in 0..60 {
            monitor.check()?;
            if !(size > goal) {
                break;
            }
            let h = 1e-3 * (n_latent as f64).sqrt() / dot(&p, &p).sqrt();
            let shifted = |sign: f64| innovations.iter().zip(&p).map(|(e, p)| e + sign * h * p).collect::<Vec<f64>>();
            let (up, down) = (gradient(numbers, &shifted(1.0)).1, gradient(numbers, &shifted(-1.0)).1);
            let hp: Vec<f64> = up.iter().zip(&down).map(|(a, b)| (a - b) / (2.0 * h)).collect();
            let curvature = dot(&p, &hp);
            if !(curvature > 0.0) {
                break;
            }
            let step = size / curvature;
            for k in 0..n_latent {
                x[k] += step * p[k];
                r[k] -= step * hp[k];
            }
            let next = dot(&r, &r);
            for k in 0..n_latent {
                p[k] = r[k] + next / size * p[k];
            }
            size = next;
        }
        for j in 0..n {
            precision[[i, j]] -= dot(&x, &mixed[j]);
        }
    }
    Ok((&precision + &precision.t()) / 2.0)
}

/// A Gaussian over the free parameters, in scales.
#[derive(Debug, Clone, PartialEq)]
pub struct ParameterGaussian {
    /// The centre.
    pub mean: Vec<f64>,
    /// The covariance.
    pub covariance: Array2<f64>,
    /// A matrix whose product with its own transpose is the covariance.
    pub root: Array2<f64>,
}

impl ParameterGaussian {
    /// The Gaussian with a precision matrix, together with a flat-topped prior: each parameter is also known to within
    /// `prior_sd`, which keeps directions that the data do not determine finite.
    ///
    /// # Errors
    /// A precision matrix that is not finite.
    pub fn new(mean: &[f64], precision: &Array2<f64>, prior_sd: &[f64]) -> Result<Self> {
        let n = mean.len();
        // In units of the prior, so that eigenvalues can be compared with one.
        let scaled = Mat::from_fn(n, n, |i, j| precision[[i, j]] * prior_sd[i] * prior_sd[j]);
        let eigen = scaled.self_adjoint_eigen(Side::Lower).map_err(|error| Error::Numerical {
            what: "the uncertainty of the parameters".into(),
            problem: format!("the curvature of the likelihood has no eigenvalues ({error:?})"),
        })?;
        // A direction in which the likelihood curves the wrong way is known from the prior only.
        let sd: Vec<f64> = (0..n).map(|k| 1.0 / (eigen.S()[k].max(0.0) + 1.0).sqrt()).collect();
        let root = Array2::from_shape_fn((n, n), |(i, k)| prior_sd[i] * eigen.U()[(i, k)] * sd[k]);
        Ok(Self { mean: mean.to_vec(), covariance: root.dot(&root.t()), root })
    }

    /// Standard deviation of every parameter, in scales.
    #[must_use]
    pub fn standard_deviations(&self) -> Vec<f64> {
        self.covariance.diag().iter().map(|variance| variance.sqrt()).collect()
    }

    /// The point that belongs to independent standard normal numbers, kept within bounds.
    #[must_use]
    pub fn point(&self, normals: &[f64], lower: &[f64], upper: &[f64]) -> Vec<f64> {
        (0..self.mean.len())
            .map(|i| {
                let offset: f64 = self.root.row(i).iter().zip(normals).map(|(a, b)| a * b).sum();
                (self.mean[i] + offset).clamp(lower[i], upper[i])
            })
            .collect()
    }
}

/// Solves a symmetric positive definite system; `None` if the matrix is not.
pub(crate) fn solve_positive(matrix: &Array2<f64>, right: &[f64]) -> Option<Vec<f64>> {
    let n = right.len();
    let a = Mat::from_fn(n, n, |i, j| matrix[[i, j]]);
    let b = Mat::from_fn(n, 1, |i, _| right[i]);
    let factor = a.llt(Side::Lower).ok()?;
    let x = factor.solve(&b);
    Some((0..n).map(|i| x[(i, 0)]).collect())
}
