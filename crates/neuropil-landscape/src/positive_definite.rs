//! Cholesky factors of symmetric positive definite matrices.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt;
use faer::{MatMut, MatRef, Par};

/// Below this the factorisation is a few microseconds and a library call would cost as much.
const SMALL: usize = 40;

/// A Cholesky factor, with its memory for the next one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cholesky {
    n: usize,
    factor: Vec<f64>,
}

impl Cholesky {
    /// Factors the matrix `a + shift`, given row by row; false if it is not positive definite.
    pub fn factor(&mut self, a: &[f64], n: usize, shift: f64) -> bool {
        self.n = n;
        self.factor.clear();
        self.factor.extend_from_slice(a);
        for i in 0..n {
            self.factor[i * n + i] += shift;
        }
        if n <= SMALL { self.factor_small() } else { self.factor_large() }
    }

    fn factor_small(&mut self) -> bool {
        let (n, l) = (self.n, &mut self.factor);
        for i in 0..n {
            let (above, row) = l.split_at_mut(i * n);
            for j in 0..i {
                let other = &above[j * n..j * n + j];
                let dot: f64 = row[..j].iter().zip(other).map(|(a, b)| a * b).sum();
                row[j] = (row[j] - dot) / above[j * n + j];
            }
            let rest = row[i] - row[..i].iter().map(|a| a * a).sum::<f64>();
            if !(rest > 0.0) || !rest.is_finite() {
                return false;
            }
            row[i] = rest.sqrt();
        }
        true
    }

    fn factor_large(&mut self) -> bool {
        let n = self.n;
        let scratch = llt::factor::cholesky_in_place_scratch::<f64>(n, Par::Seq, Default::default());
        let mut memory = MemBuffer::new(scratch);
        // The lower triangle of the rows is the upper one of the columns, so the matrix is read transposed.
        let matrix = MatMut::from_row_major_slice_mut(&mut self.factor, n, n);
        let stack = MemStack::new(&mut memory);
        llt::factor::cholesky_in_place(matrix, Default::default(), Par::Seq, stack, Default::default()).is_ok()
    }

    /// Replaces `b` by the solution of `a x = b`.
    pub fn solve(&self, b: &mut [f64]) {
        let (n, l) = (self.n, &self.factor);
        if n <= SMALL {
            for i in 0..n {
                let dot: f64 = l[i * n..i * n + i].iter().zip(b.iter()).map(|(l, b)| l * b).sum();
                b[i] = (b[i] - dot) / l[i * n + i];
            }
            for i in (0..n).rev() {
                b[i] /= l[i * n + i];
                let x = b[i];
                for (b, l) in b[..i].iter_mut().zip(&l[i * n..i * n + i]) {
                    *b -= l * x;
                }
            }
            return;
        }
        let factor = MatRef::from_row_major_slice(l, n, n);
        let rhs = MatMut::from_column_major_slice_mut(b, n, 1);
        llt::solve::solve_in_place(factor, rhs, Par::Seq, MemStack::new(&mut []));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solutions_satisfy_the_equations_and_indefinite_matrices_are_found() {
        for n in [1, 5, 40, 41, 100] {
            let a: Vec<f64> =
                (0..n * n).map(|k| if k / n == k % n { 3.0 } else { 1.0 / (1.0 + (k / n + k % n) as f64) }).collect();
            let mut cholesky = Cholesky::default();
            assert!(cholesky.factor(&a, n, 0.5));
            let b: Vec<f64> = (0..n).map(|i| (i as f64).sin()).collect();
            let mut x = b.clone();
            cholesky.solve(&mut x);
            for i in 0..n {
                let product: f64 = (0..n).map(|j| a[i * n + j] * x[j]).sum::<f64>() + 0.5 * x[i];
                assert!((product - b[i]).abs() < 1e-13);
            }
            assert!(!cholesky.factor(&a, n, -20.0));
        }
    }
}
