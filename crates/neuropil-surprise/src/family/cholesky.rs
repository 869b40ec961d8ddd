//! A lower triangular factor `L` of a positive definite matrix `L L'`, kept positive definite by construction.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The factor, packed by columns: column `j` holds the rows `j..dimension`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CholeskyFactor {
    dimension: usize,
    packed: Vec<f64>,
}

impl CholeskyFactor {
    /// Factors a symmetric positive definite matrix given by its rows.
    ///
    /// # Errors
    /// [`Error::Parameter`] with `name` if the matrix is not square of that dimension, not finite, not symmetric (to
    /// 1e-12 of its largest entry) or not positive definite.
    pub fn of(name: &str, rows: &[Vec<f64>], dimension: usize) -> Result<Self> {
        let allowed = format!("a symmetric positive definite matrix of {dimension} x {dimension} numbers");
        let refuse = |value: String| Err(Error::parameter(name, value, allowed.as_str()));
        if rows.len() != dimension || rows.iter().any(|row| row.len() != dimension) {
            let columns = rows.first().map_or(0, Vec::len);
            return refuse(format!("{} rows of {columns}", rows.len()));
        }
        let largest = rows.iter().flatten().fold(0.0_f64, |largest, value| largest.max(value.abs()));
        let mut packed = Vec::with_capacity(dimension * (dimension + 1) / 2);
        for j in 0..dimension {
            for i in j..dimension {
                let symmetric = (rows[i][j] - rows[j][i]).abs() <= 1e-12 * largest;
                if !rows[i][j].is_finite() || !symmetric {
                    return refuse(format!("entries [{i}][{j}] = {} and [{j}][{i}] = {}", rows[i][j], rows[j][i]));
                }
                packed.push(rows[i][j]);
            }
        }
        let mut factor = Self { dimension, packed };
        for j in 0..dimension {
            for k in 0..j {
                let scale = factor.column(k)[j - k];
                let (before, after) = factor.packed.split_at_mut(start(dimension, j));
                let earlier = &before[start(dimension, k) + (j - k)..][..dimension - j];
                for (value, earlier) in after.iter_mut().zip(earlier) {
                    *value -= scale * earlier;
                }
            }
            let column = factor.column_mut(j);
            if column[0].is_nan() || column[0] <= 0.0 {
                return refuse("a matrix that is not positive definite".to_owned());
            }
            let root = column[0].sqrt();
            column[0] = root;
            column[1..].iter_mut().for_each(|value| *value /= root);
        }
        Ok(factor)
    }

    /// The factor of `value` times the unit matrix, for `value > 0`.
    #[must_use]
    pub fn scaled_identity(dimension: usize, value: f64) -> Self {
        let mut factor = Self { dimension, packed: vec![0.0; dimension * (dimension + 1) / 2] };
        for j in 0..dimension {
            factor.column_mut(j)[0] = value.sqrt();
        }
        factor
    }

    /// Number of rows.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    fn column(&self, j: usize) -> &[f64] {
        &self.packed[start(self.dimension, j)..][..self.dimension - j]
    }

    fn column_mut(&mut self, j: usize) -> &mut [f64] {
        &mut self.packed[start(self.dimension, j)..][..self.dimension - j]
    }

    /// `x <- L^-1 x`.
    pub fn solve_lower(&self, x: &mut [f64]) {
        for j in 0..self.dimension {
            let column = self.column(j);
            let solved = x[j] / column[0];
            x[j] = solved;
            for (x, l) in x[j + 1..].iter_mut().zip(&column[1..]) {
                *x -= l * solved;
            }
        }
    }

    /// `x <- L'^-1 x`.
    pub fn solve_upper(&self, x: &mut [f64]) {
        for j in (0..self.dimension).rev() {
            let column = self.column(j);
            let known: f64 = column[1..].iter().zip(&x[j + 1..]).map(|(l, x)| l * x).sum();
            x[j] = (x[j] - known) / column[0];
        }
    }

    /// `x <- L' x`.
    pub fn multiply_upper(&self, x: &mut [f64]) {
        for j in 0..self.dimension {
            x[j] = self.column(j).iter().zip(&x[j..]).map(|(l, x)| l * x).sum();
        }
    }

    /// `x <- L x`.
    pub fn multiply_lower(&self, x: &mut [f64]) {
        for j in (0..self.dimension).rev() {
            let column = self.column(j);
            let factor = x[j];
            for (x, l) in x[j + 1..].iter_mut().zip(&column[1..]) {
                *x += l * factor;
            }
            x[j] *= column[0];
        }
    }

    /// Adds `v v'` to the matrix in O(d^2) by plane rotations; `v` is used up.
    pub fn add_outer_product(&mut self, v: &mut [f64]) {
        for j in 0..self.dimension {
            let column = self.column_mut(j);
            let length = (column[0] * column[0] + v[j] * v[j]).sqrt();
            let (cosine, sine) = (column[0] / length, v[j] / length);
            column[0] = length;
            for (l, v) in column[1..].iter_mut().zip(&mut v[j + 1..]) {
                (*l, *v) = (cosine * *l + sine * *v, cosine * *v - sine * *l);
            }
        }
    }

    /// Moves the matrix to `(1 - weight)` times itself plus `weight` times `other`, for `weight` in `[0, 1)`.
    ///
    /// A sum of rank-one additions: no matrix is formed, so a badly conditioned one stays positive definite.
    pub fn mix(&mut self, weight: f64, other: &Self) {
        let (keep, add) = ((1.0 - weight).sqrt(), weight.sqrt());
        self.packed.iter_mut().for_each(|value| *value *= keep);
        with_scratch(self.dimension, |v| {
            for j in 0..other.dimension {
                v[..j].fill(0.0);
                for (v, l) in v[j..].iter_mut().zip(other.column(j)) {
                    *v = add * l;
                }
                self.add_outer_product(v);
            }
        });
    }

    /// Logarithm of the determinant of `L L'`.
    #[must_use]
    pub fn ln_determinant(&self) -> f64 {
        // One logarithm for as many diagonal entries as their product can hold.
        let (mut sum, mut product) = (0.0, 1.0_f64);
        for j in 0..self.dimension {
            product *= self.column(j)[0];
            if !(1e-140..1e140).contains(&product) {
                sum += product.ln();
                product = 1.0;
            }
        }
        2.0 * (sum + product.ln())
    }

    /// Entry `[i][i]` of `L L'`.
    #[must_use]
    pub fn diagonal(&self, i: usize) -> f64 {
        (0..=i).map(|j| self.column(j)[i - j].powi(2)).sum()
    }

    /// Entry `[i][i]` of `(L L')^-1`.
    #[must_use]
    pub fn inverse_diagonal(&self, i: usize) -> f64 {
        with_scratch(self.dimension, |v| {
            v[i] = 1.0;
            self.solve_lower(v);
            squared_length(v)
        })
    }

    /// `tr(B A^-1) - d` and `ln det(B A^-1)` for `A = L L'` and the matrix `B` of `other`.
    #[must_use]
    pub fn compare(&self, other: &Self) -> (f64, f64) {
        let (mut excess, mut ln_ratio) = (0.0, 0.0);
        with_scratch(self.dimension, |v| {
            for j in 0..self.dimension {
                v[..j].fill(0.0);
                v[j..].copy_from_slice(other.column(j));
                self.solve_lower(v);
                // Written as a product of differences so that equal matrices give exactly zero.
                excess += (v[j] - 1.0) * (v[j] + 1.0) + squared_length(&v[j + 1..]);
                ln_ratio += 2.0 * v[j].ln();
            }
        });
        (excess, ln_ratio)
    }

    /// The matrix `L L'` by rows.
    #[must_use]
    pub fn matrix(&self) -> Vec<Vec<f64>> {
        let entry = |i: usize, j: usize| (0..=i.min(j)).map(|k| self.column(k)[i - k] * self.column(k)[j - k]).sum();
        (0..self.dimension).map(|i| (0..self.dimension).map(|j| entry(i, j)).collect()).collect()
    }

    /// The factor of `scale` times the inverse matrix. O(d^3).
    #[must_use]
    pub fn inverse(&self, scale: f64) -> Self {
        let d = self.dimension;
        let mut rows = vec![vec![0.0; d]; d];
        for i in 0..d {
            let mut unit = vec![0.0; d];
            unit[i] = 1.0;
            self.solve_lower(&mut unit);
            self.solve_upper(&mut unit);
            for j in 0..d {
                rows[i][j] = scale * unit[j];
            }
        }
        for i in 0..d {
            for j in 0..i {
                let middle = 0.5 * (rows[i][j] + rows[j][i]);
                (rows[i][j], rows[j][i]) = (middle, middle);
            }
        }
        Self::of("inverse", &rows, d).unwrap_or_else(|_| {
            // So badly conditioned that rounding broke the inverse: keep its diagonal.
            let mut factor = Self::scaled_identity(d, 1.0);
            for i in 0..d {
                factor.column_mut(i)[0] = rows[i][i].abs().max(f64::MIN_POSITIVE).sqrt();
            }
            factor
        })
    }
}

/// Where column `j` begins.
fn start(dimension: usize, j: usize) -> usize {
    j * dimension - j * j.saturating_sub(1) / 2
}

/// Sum of squares.
pub(super) fn squared_length(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum()
}

/// Calls `work` with `n` zeros, on the stack for the dimensions that occur, so that a step allocates nothing.
pub(super) fn with_scratch<R>(n: usize, work: impl FnOnce(&mut [f64]) -> R) -> R {
    const STACK: usize = 24;
    if n <= STACK { work(&mut [0.0; STACK][..n]) } else { work(&mut vec![0.0; n]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Vec<f64>> {
        vec![vec![4.0, 1.0, -0.5], vec![1.0, 3.0, 0.2], vec![-0.5, 0.2, 2.0]]
    }

    fn assert_near(a: &[Vec<f64>], b: &[Vec<f64>]) {
        for (a, b) in a.iter().flatten().zip(b.iter().flatten()) {
            assert!((a - b).abs() < 1e-13, "{a} {b}");
        }
    }

    #[test]
    fn the_factor_gives_its_matrix_back() {
        let factor = CholeskyFactor::of("m", &rows(), 3).unwrap();
        assert_near(&factor.matrix(), &rows());
        assert!((factor.diagonal(2) - 2.0).abs() < 1e-14);
        assert!((factor.ln_determinant() - 20.89_f64.ln()).abs() < 1e-13);
    }

    #[test]
    fn solving_undoes_multiplying() {
        let factor = CholeskyFactor::of("m", &rows(), 3).unwrap();
        let mut x = [1.0, -2.0, 0.5];
        factor.multiply_upper(&mut x);
        factor.multiply_lower(&mut x);
        let expected = [4.0 - 2.0 - 0.25, 1.0 - 6.0 + 0.1, -0.5 - 0.4 + 1.0];
        assert!(x.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-13), "{x:?}");
        factor.solve_lower(&mut x);
        factor.solve_upper(&mut x);
        assert!(x.iter().zip([1.0, -2.0, 0.5]).all(|(a, b)| (a - b).abs() < 1e-13));
    }

    #[test]
    fn outer_products_and_mixtures_are_sums_of_matrices() {
        let mut factor = CholeskyFactor::of("m", &rows(), 3).unwrap();
        let v = [1.0, -1.0, 2.0];
        factor.add_outer_product(&mut v.clone());
        let mut expected = rows();
        for i in 0..3 {
            for j in 0..3 {
                expected[i][j] += v[i] * v[j];
            }
        }
        assert_near(&factor.matrix(), &expected);
        factor.mix(0.25, &CholeskyFactor::of("m", &rows(), 3).unwrap());
        for i in 0..3 {
            for j in 0..3 {
                expected[i][j] = 0.75 * expected[i][j] + 0.25 * rows()[i][j];
            }
        }
        assert_near(&factor.matrix(), &expected);
    }

    #[test]
    fn the_inverse_times_the_matrix_has_trace_d() {
        let factor = CholeskyFactor::of("m", &rows(), 3).unwrap();
        let inverse = factor.inverse(2.0);
        assert!((inverse.diagonal(1) - 2.0 * factor.inverse_diagonal(1)).abs() < 1e-14);
        let trace: f64 = inverse.matrix().iter().flatten().zip(rows().iter().flatten()).map(|(a, b)| a * b).sum();
        assert!((trace - 6.0).abs() < 1e-12);
    }

    #[test]
    fn a_matrix_that_is_not_positive_definite_is_refused() {
        for bad in [vec![vec![1.0, 2.0], vec![2.0, 1.0]], vec![vec![1.0, 0.5], vec![0.0, 1.0]], vec![vec![f64::NAN]]] {
            let dimension = bad.len();
            let message = CholeskyFactor::of("scatter", &bad, dimension).unwrap_err().to_string();
            assert!(message.starts_with("scatter must be a symmetric positive definite matrix"), "{message}");
        }
    }
}
