//! Eigenvalues of a symmetric matrix, and the solution of a shifted symmetric system.

use faer::Side;
use faer::linalg::solvers::Solve;
use ndarray::{Array1, Array2};

use crate::Result;
use crate::spectrum::{Eigenvectors, Spectrum};

/// Eigenvalues in increasing order, and eigenvectors as columns. Only the lower triangle is read.
pub(crate) fn symmetric_eigen(matrix: &Array2<f64>) -> Result<(Array1<f64>, Array2<f64>)> {
    let spectrum = Spectrum::of(matrix.view(), Eigenvectors::Compute)?;
    Ok((spectrum.eigenvalues, spectrum.eigenvectors))
}

/// The solution of `(matrix + shift I) x = right`; `None` if the shifted matrix is not positive definite.
pub(crate) fn solve_shifted(matrix: &Array2<f64>, shift: f64, right: &Array1<f64>) -> Option<Array1<f64>> {
    let n = matrix.nrows();
    let dense = faer::Mat::from_fn(n, n, |i, j| matrix[[i, j]] + if i == j { shift } else { 0.0 });
    let factor = dense.llt(Side::Lower).ok()?;
    let column = faer::Mat::from_fn(n, 1, |i, _| right[i]);
    let solution = factor.solve(&column);
    let solution = Array1::from_shape_fn(n, |i| solution[(i, 0)]);
    solution.iter().all(|value| value.is_finite()).then_some(solution)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn a_matrix_is_the_sum_over_its_eigenvectors() {
        let matrix = array![[2.0, 1.0, 0.0], [1.0, -1.0, 0.5], [0.0, 0.5, 3.0]];
        let (values, vectors) = symmetric_eigen(&matrix).unwrap();
        let again = vectors.dot(&Array2::from_diag(&values)).dot(&vectors.t());
        assert!((&again - &matrix).iter().all(|e| e.abs() < 1e-14));
        let right = array![1.0, 2.0, 3.0];
        assert!(solve_shifted(&matrix, 0.0, &right).is_none());
        let x = solve_shifted(&matrix, 4.0, &right).unwrap();
        assert!((matrix.dot(&x) + &x * 4.0 - &right).iter().all(|e| e.abs() < 1e-13));
    }
}
