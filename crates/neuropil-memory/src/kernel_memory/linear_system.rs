//! The linear systems of interpolation, `(K + ridge) C = Y`, by the solver that the options name.

use faer::linalg::solvers::Solve;
use ndarray::Array2;

use super::{InterpolationOptions, Solver};
use crate::cholesky::Cholesky;
use crate::error::{Error, Result};
use crate::gram::Gram;
use crate::kernel::Kernel;
use crate::product::matrix;

/// Coefficients, and what finding them told about the matrix.
pub(super) struct Solved {
    pub coefficients: Array2<f64>,
    /// The Cholesky factor, where the solver makes one.
    pub factor: Option<Cholesky>,
    /// What was added to the diagonal beyond the ridge.
    pub jitter: f64,
    /// The largest diagonal value of the matrix without ridge.
    pub largest_diagonal: f64,
}

/// Solves for all columns of `right`. `first` is the Gram matrix without ridge, `again` builds it once more.
pub(super) fn solve(
    kernel: &Kernel,
    mut first: Gram,
    again: &dyn Fn() -> Result<Gram>,
    mut right: Array2<f64>,
    options: &InterpolationOptions,
) -> Result<Solved> {
    let largest_diagonal = first.largest_diagonal();
    first.add_to_diagonal(options.ridge);
    let (factor, jitter) = match options.solver {
        Solver::Cholesky => {
            (Some(Cholesky::of(first).map_err(|pivot| not_positive_definite(kernel, pivot, options.solver))?), 0.0)
        }
        Solver::Jitter => {
            let (factor, jitter) = with_jitter(kernel, first, again, options)?;
            (Some(factor), jitter)
        }
        Solver::PseudoInverse => {
            right = pseudo_solve(first, &right)?;
            (None, 0.0)
        }
        Solver::Indefinite => {
            right = lu_solve(&first.into_full(), &right);
            if right.iter().any(|c| !c.is_finite()) {
                return Err(not_positive_definite(kernel, 0, options.solver));
            }
            (None, 0.0)
        }
    };
    if let Some(factor) = &factor {
        factor.solve_in_place(right.view_mut());
    }
    Ok(Solved { coefficients: right, factor, jitter, largest_diagonal })
}

/// Adds more and more to the diagonal until the factorisation succeeds.
fn with_jitter(
    kernel: &Kernel,
    first: Gram,
    again: &dyn Fn() -> Result<Gram>,
    options: &InterpolationOptions,
) -> Result<(Cholesky, f64)> {
    let scale = first.mean_diagonal();
    let mut pivot = match Cholesky::of(first) {
        Ok(factor) => return Ok((factor, 0.0)),
        Err(pivot) => pivot,
    };
    for exponent in [-12, -11, -10, -9, -8, -7, -6] {
        let jitter = scale * 10_f64.powi(exponent);
        let mut gram = again()?;
        gram.add_to_diagonal(options.ridge + jitter);
        match Cholesky::of(gram) {
            Ok(factor) => return Ok((factor, jitter)),
            Err(index) => pivot = index,
        }
    }
    Err(not_positive_definite(kernel, pivot, options.solver))
}

/// What to do about a Gram matrix that the solver cannot factorise.
pub(crate) fn not_positive_definite(kernel: &Kernel, pivot: usize, solver: Solver) -> Error {
    let mut advice = String::from("remove patterns that are (nearly) determined by others, add a ridge");
    advice.push_str(match solver {
        Solver::Cholesky => ", or choose the solver with jitter or the pseudo-inverse",
        Solver::Jitter => ", or choose the pseudo-inverse: even 1e-6 of the mean diagonal was not enough",
        Solver::PseudoInverse | Solver::Indefinite => ", or choose the pseudo-inverse",
    });
    if let Kernel::GeneralizedExponential { beta, .. } = kernel
        && *beta > 2.0
    {
        advice.push_str(
            "; with an exponent above 2 this kernel is positive definite only if the patterns lie far apart compared with \
             the radius: take a smaller radius, or an exponent of at most 2",
        );
    }
    Error::NotPositiveDefinite { kernel: kernel.name(), pivot, advice }
}

/// Least squares of least norm by eigenvalues.
fn pseudo_solve(gram: Gram, right: &Array2<f64>) -> Result<Array2<f64>> {
    let full = gram.into_full();
    let view = full.view();
    let eigen = matrix(&view).self_adjoint_eigen(faer::Side::Lower).map_err(|_| {
        Error::unsupported("the pseudo-inverse", "the eigenvalues did not converge", "use a ridge instead")
    })?;
    let (values, vectors) = (eigen.S().column_vector(), eigen.U());
    let m = full.nrows();
    let largest = (0..m).fold(0.0_f64, |largest, i| largest.max(values[i].abs()));
    let cut = largest * m as f64 * f64::EPSILON;
    let right_view = right.view();
    let mut projected = vectors.transpose() * matrix(&right_view);
    for j in 0..projected.ncols() {
        for i in 0..m {
            projected[(i, j)] = if values[i].abs() > cut { projected[(i, j)] / values[i] } else { 0.0 };
        }
    }
    let solution = vectors * projected;
    Ok(Array2::from_shape_fn(right.dim(), |(i, j)| solution[(i, j)]))
}

fn lu_solve(full: &Array2<f64>, right: &Array2<f64>) -> Array2<f64> {
    let (full, view) = (full.view(), right.view());
    let solution = matrix(&full).partial_piv_lu().solve(matrix(&view));
    Array2::from_shape_fn(right.dim(), |(i, j)| solution[(i, j)])
}
