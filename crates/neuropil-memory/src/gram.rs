//! Gram matrices: the kernel between every two stored patterns.
//!
//! Overlaps of binary patterns are counted on packed bits, 64 entries per operation; those of real patterns are one
//! matrix product of which only one triangle is computed. The kernel is then applied along rows.

use faer::linalg::matmul::triangular::{BlockStructure, matmul as triangular_matmul};
use faer::{Accum, MatMut, Par};
use ndarray::{Array2, ArrayView2};
use neuropil_core::threads;
use rayon::prelude::*;

use crate::associative_memory::StateKind;
use crate::bits::PackedStates;
use crate::error::{Error, Result};
use crate::kernel::{Kernel, OverlapTable, RowKernel};
use crate::product::matrix;

/// A symmetric matrix, of which the lower triangle in column-major order (the upper in row-major) is filled.
#[derive(Debug, Clone)]
pub(crate) struct Gram {
    order: usize,
    values: Vec<f64>,
}

impl Gram {
    /// From a full symmetric matrix.
    pub fn from_full(full: ArrayView2<f64>) -> Self {
        Self { order: full.nrows(), values: full.iter().copied().collect() }
    }

    /// From rows of which the part from the diagonal on is filled.
    pub fn from_parts(order: usize, values: Vec<f64>) -> Self {
        Self { order, values }
    }

    /// The kernel between all rows of `patterns`, for states of the given kind.
    ///
    /// # Errors
    /// A value that is not finite; a matrix that does not fit into memory.
    pub fn of(kernel: &Kernel, patterns: ArrayView2<f64>, kind: StateKind) -> Result<Self> {
        let mut gram = overlaps(patterns, kind)?;
        let rows = RowKernel::new(kernel, patterns.ncols(), kind == StateKind::Binary);
        let norms2 = squared_norms(patterns);
        gram.each_row(|i, row| {
            let own = row[0];
            rows.apply(row, patterns.slice(ndarray::s![i.., ..]), &norms2[i..], patterns.row(i), own);
        });
        gram.check_finite(kernel, patterns)?;
        Ok(gram)
    }

    /// Functions of the overlap of binary patterns by table.
    pub fn of_table(table: &OverlapTable, patterns: ArrayView2<f64>) -> Result<Self> {
        let mut gram = overlaps(patterns, StateKind::Binary)?;
        gram.each_row(|_, row| table.apply(row));
        Ok(gram)
    }

    /// Works on every row from the diagonal on.
    fn each_row(&mut self, work: impl Fn(usize, &mut [f64]) + Sync) {
        let order = self.order;
        let job = |(i, row): (usize, &mut [f64])| work(i, &mut row[i..]);
        if order < 64 {
            self.values.chunks_mut(order.max(1)).enumerate().for_each(job);
        } else {
            threads::install(|| self.values.par_chunks_mut(order).enumerate().for_each(job));
        }
    }

    /// Refuses kernel values that overflow.
    pub fn check_finite(&self, kernel: &Kernel, patterns: ArrayView2<f64>) -> Result<()> {
        for first in 0..self.order {
            let row = &self.values[first * self.order + first..(first + 1) * self.order];
            // The vector exponential saturates near the largest number instead of becoming infinite.
            let usable = |value: &f64| value.abs() < 1e300;
            if row.iter().all(usable) {
                continue;
            }
            if let Some(offset) = row.iter().position(|value| !usable(value)) {
                let second = first + offset;
                let advice = match kernel {
                    Kernel::Exponential { .. } => "give it a shift of about the largest squared norm of the patterns",
                    Kernel::Polynomial { .. } | Kernel::InhomogeneousPolynomial { .. } | Kernel::Krotov { .. } => {
                        "use a lower degree, or scale the patterns down"
                    }
                    _ => "scale the patterns, or check the closure",
                };
                let overlap = patterns.row(first).dot(&patterns.row(second));
                return Err(Error::Overflow { kernel: kernel.name(), first, second, overlap, advice });
            }
        }
        Ok(())
    }

    /// Adds to the diagonal.
    pub fn add_to_diagonal(&mut self, value: f64) {
        for i in 0..self.order {
            self.values[i * self.order + i] += value;
        }
    }

    /// The mean of the diagonal.
    pub fn mean_diagonal(&self) -> f64 {
        (0..self.order).map(|i| self.values[i * self.order + i]).sum::<f64>() / self.order as f64
    }

    /// The largest value on the diagonal.
    pub fn largest_diagonal(&self) -> f64 {
        (0..self.order).map(|i| self.values[i * self.order + i].abs()).fold(0.0, f64::max)
    }

    /// The sum of every row of the symmetric matrix.
    pub fn row_sums(&self) -> Vec<f64> {
        let mut sums = vec![0.0; self.order];
        for i in 0..self.order {
            let row = &self.values[i * self.order..(i + 1) * self.order];
            sums[i] += row[i];
            for j in i + 1..self.order {
                sums[i] += row[j];
                sums[j] += row[j];
            }
        }
        sums
    }

    /// The full symmetric matrix.
    pub fn into_full(self) -> Array2<f64> {
        let order = self.order;
        let mut full = Array2::from_shape_vec((order, order), self.values).unwrap_or_else(|_| Array2::zeros((0, 0)));
        // Tile by tile, so that the strided reads stay in the cache.
        const TILE: usize = 64;
        for top in (0..order).step_by(TILE) {
            for left in (0..=top).step_by(TILE) {
                for i in top..(top + TILE).min(order) {
                    for j in left..(left + TILE).min(i) {
                        full[[i, j]] = full[[j, i]];
                    }
                }
            }
        }
        full
    }

    pub fn into_parts(self) -> (usize, Vec<f64>) {
        (self.order, self.values)
    }
}

/// The squared norms of all rows.
pub(crate) fn squared_norms(rows: ArrayView2<f64>) -> Vec<f64> {
    rows.rows().into_iter().map(|row| row.iter().map(|x| x * x).sum()).collect()
}

/// `X X^T`, from the diagonal on in every row.
fn overlaps(patterns: ArrayView2<f64>, kind: StateKind) -> Result<Gram> {
    let order = patterns.nrows();
    check_memory("the Gram matrix", order.saturating_mul(order))?;
    let mut values = neuropil_core::memory::with_capacity(order * order);
    values.resize(order * order, 0.0);
    let mut gram = Gram { order, values };
    if kind == StateKind::Binary {
        let packed = PackedStates::new(patterns);
        gram.each_row(|i, row| packed.overlaps(i, &packed, i, row));
        return Ok(gram);
    }
    let x = matrix(&patterns);
    let tile = 256;
    let job = |(block, rows): (usize, &mut [f64])| {
        let top = block * tile;
        let height = rows.len() / order;
        let own = x.get(top..top + height, ..);
        let band = MatMut::from_row_major_slice_mut(rows, height, order);
        let (_, band) = band.split_at_col_mut(top);
        let (square, right) = band.split_at_col_mut(height);
        triangular_matmul(
            square,
            BlockStructure::TriangularUpper,
            Accum::Replace,
            own,
            BlockStructure::Rectangular,
            own.transpose(),
            BlockStructure::Rectangular,
            1.0,
            Par::Seq,
        );
        if right.ncols() > 0 {
            let others = x.get(top + height.., ..);
            faer::linalg::matmul::matmul(right, Accum::Replace, own, others.transpose(), 1.0, Par::Seq);
        }
    };
    if order <= tile {
        gram.values.chunks_mut(tile * order.max(1)).enumerate().for_each(job);
    } else {
        threads::install(|| gram.values.par_chunks_mut(tile * order).enumerate().for_each(job));
    }
    Ok(gram)
}

/// Refuses work on `numbers` values of f64 that does not fit into the free memory of the machine.
pub(crate) fn check_memory(what: &'static str, numbers: usize) -> Result<()> {
    let needed = numbers as f64 * 8.0;
    match available_bytes() {
        Some(available) if needed > available => {
            Err(Error::TooLarge { what, needed_gb: needed / 1e9, available_gb: available / 1e9 })
        }
        _ => Ok(()),
    }
}

/// Memory that can be had without swapping, where the system tells.
fn available_bytes() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kilobytes * 1024.0)
}

#[cfg(test)]
mod tests {
    use neuropil_core::random::{Seed, uniform};

    use super::*;

    #[test]
    fn a_gram_matrix_holds_the_kernel_of_every_pair() {
        let mut random = Seed::new(3).stream();
        let real = Array2::from_shape_fn((300, 7), |_| uniform(&mut random) - 0.5);
        let binary = real.mapv(f64::signum);
        for kernel in [
            Kernel::Polynomial { degree: 2 },
            Kernel::gaussian(0.7),
            Kernel::exponential(0.3),
            Kernel::Ball { radius: 1.4 },
        ] {
            for (patterns, kind) in [(&real, StateKind::Real), (&binary, StateKind::Binary)] {
                let gram = Gram::of(&kernel, patterns.view(), kind).unwrap();
                let sums = gram.row_sums();
                let full = gram.into_full();
                for (i, j) in [(0, 0), (299, 299), (3, 280), (280, 3), (256, 255), (17, 64)] {
                    let (x, y) = (patterns.row(i), patterns.row(j));
                    let plain = kernel.evaluate(x.as_slice().unwrap(), y.as_slice().unwrap()).unwrap();
                    assert!((full[[i, j]] - plain).abs() < 1e-13, "{} {i} {j}", kernel.name());
                    assert_eq!(full[[j, i]], full[[i, j]]);
                }
                assert!((sums[5] - full.row(5).sum()).abs() < 1e-10);
            }
        }
    }

    #[test]
    fn an_overflow_names_the_patterns() {
        let patterns = Array2::from_elem((3, 1000), 1.0);
        let kernel = Kernel::Exponential { beta: 1.0, shift: Some(0.0) };
        let error = Gram::of(&kernel, patterns.view(), StateKind::Real).unwrap_err().to_string();
        assert!(error.contains("patterns 0 and 0 (overlap 1000)") && error.contains("shift"), "{error}");
    }

    #[test]
    fn what_does_not_fit_into_memory_is_refused_with_the_way_out() {
        let error = check_memory("the Gram matrix", 1 << 50).unwrap_err().to_string();
        assert!(error.contains("inducing patterns"), "{error}");
    }
}
