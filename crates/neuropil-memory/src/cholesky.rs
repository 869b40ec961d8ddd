//! The Cholesky factor of a Gram matrix, `K = L L^T`: solving, growing by a row, losing a row.
//!
//! The factorisation is blocked and right-looking: a diagonal block, the panel beneath it, and the update of what remains,
//! each cut into tiles of a fixed size. A tile is one sequential product, so the bits do not depend on the number of
//! threads.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt::factor::{LltRegularization, cholesky_in_place, cholesky_in_place_scratch};
use faer::linalg::matmul::matmul;
use faer::linalg::matmul::triangular::{BlockStructure, matmul as triangular_matmul};
use faer::linalg::triangular_solve::{solve_lower_triangular_in_place, solve_upper_triangular_in_place};
use faer::{Accum, MatMut, MatRef, Par};
use ndarray::{Array2, ArrayViewMut2};
use neuropil_core::threads;
use rayon::prelude::*;

use crate::gram::Gram;

/// Right-hand sides that are solved together, at most: the factor is packed once for all of them.
const SOLVED_TOGETHER: usize = 256;
/// Fewer than these are not worth a thread.
const MANY: usize = 32;
/// Rows and columns of a piece of parallel work.
const TILE: usize = 256;

/// A lower triangular factor in column-major order; rows may be appended and removed.
#[derive(Debug, Clone)]
pub(crate) struct Cholesky {
    order: usize,
    /// Distance between columns, at least `order`: room to grow.
    stride: usize,
    values: Vec<f64>,
}

impl Cholesky {
    /// Factorises a Gram matrix in its own memory. The part above the diagonal keeps what it held.
    ///
    /// # Errors
    /// The index of the first pivot that is not positive (relative to the diagonal entry it started from).
    pub fn of(gram: Gram) -> Result<Self, usize> {
        let (order, mut values) = gram.into_parts();
        let before: Vec<f64> = (0..order).map(|i| values[i * order + i]).collect();
        let matrix = MatMut::from_column_major_slice_mut(&mut values, order, order);
        // Wide panels read and write the rest of a large matrix less often.
        let panel = match order {
            0..=1500 => 128,
            1501..=3000 => 256,
            _ => 512,
        };
        threads::install(|| factorise(matrix, panel))?;
        let factor = Self { order, stride: order, values };
        // A pivot that is rounding noise of a singular matrix: its solution would be noise too. Each is compared with its
        // own diagonal entry, because patterns of different norms scale rows and columns, which Cholesky does not mind.
        let noise = (order as f64 * 2.0 * f64::EPSILON).max(1e-13);
        match (0..order).find(|&i| !(factor.diagonal(i) * factor.diagonal(i) > noise * before[i])) {
            Some(index) => Err(index),
            None => Ok(factor),
        }
    }

    /// The factor of the matrix without rows.
    pub fn empty() -> Self {
        Self { order: 0, stride: 0, values: Vec::new() }
    }

    /// Number of rows.
    pub fn order(&self) -> usize {
        self.order
    }

    fn view(&self) -> MatRef<'_, f64> {
        MatRef::from_column_major_slice_with_stride(&self.values, self.order, self.order, self.stride)
    }

    /// `L_ii`.
    pub fn diagonal(&self, i: usize) -> f64 {
        self.values[i * self.stride + i]
    }

    /// A lower bound of the condition number of K: the squared ratio of the largest to the smallest pivot.
    pub fn condition_bound(&self) -> f64 {
        let pivots = (0..self.order).map(|i| self.diagonal(i));
        let (low, high) = pivots.fold((f64::INFINITY, 0.0_f64), |(low, high), p| (low.min(p), high.max(p)));
        (high / low).powi(2)
    }

    /// Solves `K C = B` in place for many right-hand sides.
    pub fn solve_in_place(&self, right: ArrayViewMut2<f64>) {
        self.each_block(right, |block| {
            solve_lower_triangular_in_place(self.view(), block.as_mut(), Par::Seq);
            solve_upper_triangular_in_place(self.view().transpose(), block.as_mut(), Par::Seq);
        });
    }

    /// Copies blocks of columns to column-major order, works on them in parallel and writes them back.
    fn each_block(&self, mut right: ArrayViewMut2<f64>, work: impl Fn(&mut MatMut<'_, f64>) + Sync) {
        let (rows, columns) = right.dim();
        if rows == 0 || columns == 0 {
            return;
        }
        // The width depends on the problem alone, so that the bits do not depend on the number of threads.
        let width = columns.div_ceil(4 * columns.div_ceil(4 * SOLVED_TOGETHER)).max(MANY);
        let job = |mut block: ArrayViewMut2<f64>| {
            let n = block.ncols();
            let mut buffer = vec![0.0; rows * n];
            for (i, row) in block.rows().into_iter().enumerate() {
                for (j, value) in row.iter().enumerate() {
                    buffer[j * rows + i] = *value;
                }
            }
            work(&mut MatMut::from_column_major_slice_mut(&mut buffer, rows, n));
            for (i, mut row) in block.rows_mut().into_iter().enumerate() {
                for (j, value) in row.iter_mut().enumerate() {
                    *value = buffer[j * rows + i];
                }
            }
        };
        if rows * rows * columns < 1 << 18 {
            job(right);
            return;
        }
        let blocks: Vec<_> = right.axis_chunks_iter_mut(ndarray::Axis(1), width).collect();
        threads::install(|| blocks.into_par_iter().for_each(job));
    }

    /// Solves `K x = b` for one right-hand side.
    pub fn solve(&self, right: &mut [f64]) {
        if self.order == 0 {
            return;
        }
        let mut column = MatMut::from_column_major_slice_mut(right, self.order, 1);
        solve_lower_triangular_in_place(self.view(), column.as_mut(), Par::Seq);
        solve_upper_triangular_in_place(self.view().transpose(), column.as_mut(), Par::Seq);
    }

    /// Solves `L x = b` for one right-hand side.
    pub fn forward(&self, right: &mut [f64]) {
        if self.order == 0 {
            return;
        }
        let column = MatMut::from_column_major_slice_mut(right, self.order, 1);
        solve_lower_triangular_in_place(self.view(), column, Par::Seq);
    }

    /// `K v` from the factor.
    pub fn product(&self, v: &[f64]) -> Vec<f64> {
        let mut half = vec![0.0; self.order];
        for (j, out) in half.iter_mut().enumerate() {
            let column = &self.values[j * self.stride + j..j * self.stride + self.order];
            *out = column.iter().zip(&v[j..]).map(|(l, v)| l * v).sum();
        }
        let mut result = vec![0.0; self.order];
        for (j, h) in half.iter().enumerate() {
            let column = &self.values[j * self.stride + j..j * self.stride + self.order];
            for (out, l) in result[j..].iter_mut().zip(column) {
                *out += l * h;
            }
        }
        result
    }

    /// The inverse, as a full symmetric matrix.
    pub fn inverse(&self) -> Array2<f64> {
        let mut inverse = Array2::eye(self.order);
        self.solve_in_place(inverse.view_mut());
        inverse
    }

    /// The diagonal of the inverse.
    pub fn inverse_diagonal(&self) -> Vec<f64> {
        let mut diagonal = vec![0.0; self.order];
        let n = self.order;
        let blocks: Vec<(usize, &mut [f64])> = diagonal.chunks_mut(SOLVED_TOGETHER).enumerate().collect();
        threads::install(|| {
            blocks.into_par_iter().for_each(|(block, out)| {
                // Column i of L^-1 is zero above i: only the trailing part of the factor takes part.
                let start = block * SOLVED_TOGETHER;
                let rows = n - start;
                let mut buffer = vec![0.0; rows * out.len()];
                for j in 0..out.len() {
                    buffer[j * rows + j] = 1.0;
                }
                let columns = MatMut::from_column_major_slice_mut(&mut buffer, rows, out.len());
                let trailing = self.view().get(start.., start..);
                solve_lower_triangular_in_place(trailing, columns, Par::Seq);
                for (value, column) in out.iter_mut().zip(buffer.chunks(rows)) {
                    *value = column.iter().map(|x| x * x).sum();
                }
            });
        });
        diagonal
    }

    /// Appends a row: `row` is `L^-1 k` (see [`forward`](Self::forward)) and `schur` is `K(x, x) - row.row`, positive.
    pub fn append(&mut self, row: &[f64], schur: f64) {
        if self.order == self.stride {
            let stride = (self.order + self.order / 2).max(8);
            let mut grown = vec![0.0; stride * stride];
            for j in 0..self.order {
                let from = &self.values[j * self.stride + j..j * self.stride + self.order];
                grown[j * stride + j..j * stride + self.order].copy_from_slice(from);
            }
            (self.values, self.stride) = (grown, stride);
        }
        for (j, value) in row.iter().enumerate() {
            self.values[j * self.stride + self.order] = *value;
        }
        self.values[self.order * self.stride + self.order] = schur.sqrt();
        self.order += 1;
    }

    /// Removes row and column `index` of K: the trailing block gets a positive rank-one update, O(M^2).
    pub fn delete(&mut self, index: usize) {
        let n = self.order;
        let mut update: Vec<f64> = self.values[index * self.stride + index + 1..index * self.stride + n].to_vec();
        for j in 0..n - 1 {
            let from_column = if j < index { j } else { j + 1 };
            let first = j.max(index);
            if j < index {
                let start = j * self.stride;
                self.values.copy_within(start + index + 1..start + n, start + index);
            } else {
                let source = from_column * self.stride + first + 1;
                let length = n - first - 1;
                self.values.copy_within(source..source + length, j * self.stride + first);
            }
        }
        self.order = n - 1;
        for (offset, j) in (index..self.order).enumerate() {
            let column = &mut self.values[j * self.stride + j..j * self.stride + self.order];
            let (diagonal, x) = (column[0], update[offset]);
            let r = diagonal.hypot(x);
            let (c, s) = (r / diagonal, x / diagonal);
            column[0] = r;
            for (l, x) in column[1..].iter_mut().zip(&mut update[offset + 1..]) {
                *l = (*l + s * *x) / c;
                *x = c * *x - s * *l;
            }
        }
    }
}

/// Factorises the lower triangle of `a` in place; the index of the first pivot that is not positive otherwise.
fn factorise(mut a: MatMut<'_, f64>, panel: usize) -> Result<(), usize> {
    let n = a.nrows();
    let (most, tile) = (panel, TILE.min(panel));
    let mut buffer = MemBuffer::new(cholesky_in_place_scratch::<f64>(most, Par::Seq, Default::default()));
    let mut start = 0;
    while start < n {
        let width = most.min(n - start);
        let (mut diagonal, _, mut panel, mut rest) = a.as_mut().get_mut(start.., start..).split_at_mut(width, width);
        let stack = MemStack::new(&mut buffer);
        cholesky_in_place(diagonal.as_mut(), LltRegularization::default(), Par::Seq, stack, Default::default())
            .map_err(|faer::linalg::cholesky::llt::factor::LltError::NonPositivePivot { index }| start + index)?;
        let l = diagonal.as_ref();
        panel
            .as_mut()
            .par_row_chunks_mut(tile)
            .for_each(|chunk| solve_lower_triangular_in_place(l, chunk.transpose_mut(), Par::Seq));
        let panel = panel.as_ref();
        rest.as_mut().par_col_chunks_mut(tile).enumerate().for_each(|(index, columns)| {
            let top = index * tile;
            let (_, below) = columns.split_at_row_mut(top);
            let width = below.ncols();
            let (square, below) = below.split_at_row_mut(width);
            let own = panel.get(top..top + width, ..);
            triangular_matmul(
                square,
                BlockStructure::TriangularLower,
                Accum::Add,
                own,
                BlockStructure::Rectangular,
                own.transpose(),
                BlockStructure::Rectangular,
                -1.0,
                Par::Seq,
            );
            if below.nrows() > 0 {
                matmul(below, Accum::Add, panel.get(top + width.., ..), own.transpose(), -1.0, Par::Seq);
            }
        });
        start += width;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use neuropil_core::random::{Seed, uniform};

    use super::*;

    fn positive_definite(n: usize) -> Array2<f64> {
        let mut random = Seed::new(n as u64).stream();
        let a = Array2::from_shape_fn((n, n + 3), |_| uniform(&mut random) - 0.5);
        a.dot(&a.t()) + Array2::<f64>::eye(n) * 0.1
    }

    fn residual(k: &Array2<f64>, factor: &Cholesky) -> f64 {
        let mut random = Seed::new(1).stream();
        let b = Array2::from_shape_fn((k.nrows(), 3), |_| uniform(&mut random) - 0.5);
        let mut x = b.clone();
        factor.solve_in_place(x.view_mut());
        (k.dot(&x) - b).iter().fold(0.0, |worst: f64, r| worst.max(r.abs()))
    }

    #[test]
    fn a_factor_solves_whatever_the_size_of_its_tiles() {
        for n in [1, 2, 17, 128, 129, 300, 391] {
            let k = positive_definite(n);
            let factor = Cholesky::of(Gram::from_full(k.view())).unwrap();
            assert!(residual(&k, &factor) < 1e-11, "n = {n}");
            let inverse = factor.inverse();
            let diagonal = factor.inverse_diagonal();
            assert!((0..n).all(|i| (inverse[[i, i]] - diagonal[i]).abs() < 1e-10 * diagonal[i]), "n = {n}");
            let ones = vec![1.0; n];
            let product = factor.product(&ones);
            assert!((0..n).all(|i| (product[i] - k.row(i).sum()).abs() < 1e-11 * n as f64));
        }
    }

    #[test]
    fn the_number_of_threads_does_not_change_a_bit() {
        let k = positive_definite(300);
        let factor = |threads| {
            let _guard = threads::limited(threads);
            Cholesky::of(Gram::from_full(k.view())).unwrap().values
        };
        assert_eq!(factor(1), factor(3));
    }

    #[test]
    fn rows_can_be_appended_and_removed() {
        let k = positive_definite(40);
        let part = |keep: &[usize]| Array2::from_shape_fn((keep.len(), keep.len()), |(i, j)| k[[keep[i], keep[j]]]);
        let mut keep: Vec<usize> = (0..30).collect();
        let mut factor = Cholesky::of(Gram::from_full(part(&keep).view())).unwrap();
        for new in 30..40 {
            let mut row: Vec<f64> = keep.iter().map(|&i| k[[i, new]]).collect();
            factor.forward(&mut row);
            let schur = k[[new, new]] - row.iter().map(|x| x * x).sum::<f64>();
            factor.append(&row, schur);
            keep.push(new);
        }
        assert!(residual(&part(&keep), &factor) < 1e-11);
        for index in [0, 12, 37, 20, 35] {
            factor.delete(index);
            keep.remove(index);
            assert!(residual(&part(&keep), &factor) < 1e-11, "after removing {index}");
        }
    }

    #[test]
    fn a_singular_matrix_names_its_pivot() {
        let mut k = positive_definite(20);
        let row = k.row(3).to_owned();
        k.row_mut(11).assign(&row);
        k.column_mut(11).assign(&row);
        k[[11, 11]] = row[3];
        assert_eq!(Cholesky::of(Gram::from_full(k.view())).unwrap_err(), 11);
    }
}
