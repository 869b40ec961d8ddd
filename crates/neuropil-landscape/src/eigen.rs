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

/// An orthonormal basis of the null space of a matrix with at least as many rows as columns: right singular vectors of
/// singular values below 1e-11 of the largest.
pub(crate) fn null_space(matrix: &Array2<f64>) -> Result<Vec<Vec<f64>>> {
    let (rows, columns) = matrix.dim();
    let dense = faer::Mat::from_fn(rows, columns, |i, j| matrix[[i, j]]);
    let found = dense.thin_svd().map_err(|_| crate::Error::Undefined {
        what: "the null space of a layer".into(),
        case: "these weights: the iteration did not converge".into(),
        advice: "check that the parameters are of reasonable size".into(),
    })?;
    let (values, vectors) = (found.S().column_vector(), found.V());
    let count = values.nrows();
    let largest = (0..count).map(|k| values[k]).fold(0.0_f64, f64::max);
    let null = (0..count).filter(|&k| values[k] <= 1e-11 * largest);
    Ok(null.map(|k| (0..columns).map(|i| vectors[(i, k)]).collect()).collect())
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn the_null_space_of_a_rank_one_matrix_has_one_dimension_less() {
        let matrix = array![[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [-1.0, -2.0, -3.0], [0.5, 1.0, 1.5]];
        let basis = null_space(&matrix).unwrap();
        assert_eq!(basis.len(), 2);
        for vector in basis {
            assert!(matrix.dot(&Array1::from(vector)).iter().all(|e| e.abs() < 1e-13));
        }
    }

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
