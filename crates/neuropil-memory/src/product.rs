//! Matrix products between ndarray views, on the threads of the house.
//!
//! The rows of the result are cut into blocks of fixed height, and every block is one sequential product: the bits of
//! the result do not depend on the number of threads.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis};
use neuropil_core::threads;
use rayon::prelude::*;

/// Rows of the result per block.
const BLOCK: usize = 256;

/// Products of fewer multiplications than this stay on the caller's thread.
const WORTH_A_THREAD: usize = 1 << 18;

/// `A B` for `A` of Q x K and `B` of K x M.
pub(crate) fn multiply(a: ArrayView2<f64>, b: ArrayView2<f64>) -> Array2<f64> {
    let mut result = Array2::zeros((a.nrows(), b.ncols()));
    if a.is_empty() || b.is_empty() {
        return result;
    }
    let b = matrix(&b);
    if a.len() * b.ncols() < WORTH_A_THREAD || a.nrows() <= BLOCK / 4 {
        product_into(result.view_mut(), a, b, Par::Seq);
        return result;
    }
    threads::install(|| {
        // Two blocks at least, so that two threads share a batch of a few hundred states.
        let height = BLOCK.min(a.nrows().div_ceil(2));
        let blocks: Vec<_> =
            result.axis_chunks_iter_mut(Axis(0), height).zip(a.axis_chunks_iter(Axis(0), height)).collect();
        blocks.into_par_iter().for_each(|(block, rows)| product_into(block, rows, b, Par::Seq));
    });
    result
}

/// `A B^T` for `A` of Q x K and `B` of M x K.
pub(crate) fn multiply_transposed(a: ArrayView2<f64>, b: ArrayView2<f64>) -> Array2<f64> {
    multiply(a, b.reversed_axes())
}

/// `A B^T` into an array with contiguous rows, on the caller's thread.
pub(crate) fn multiply_transposed_into(result: ArrayViewMut2<f64>, a: ArrayView2<f64>, b: ArrayView2<f64>) {
    multiply_into(result, a, b.reversed_axes());
}

/// `A B` into an array with contiguous rows, on the caller's thread.
pub(crate) fn multiply_into(result: ArrayViewMut2<f64>, a: ArrayView2<f64>, b: ArrayView2<f64>) {
    product_into(result, a, matrix(&b), Par::Seq);
}

fn product_into(mut result: ArrayViewMut2<f64>, a: ArrayView2<f64>, b: MatRef<'_, f64>, par: Par) {
    let (rows, columns) = result.dim();
    let strides = (result.strides()[0], result.strides()[1]);
    // SAFETY: pointer, shape and strides are those of a live, exclusively borrowed view.
    let result = unsafe { MatMut::from_raw_parts_mut(result.as_mut_ptr(), rows, columns, strides.0, strides.1) };
    matmul(result, Accum::Replace, matrix(&a), b, 1.0, par);
}

/// The same numbers as faer sees them.
pub(crate) fn matrix<'a>(view: &'a ArrayView2<'_, f64>) -> MatRef<'a, f64> {
    let strides = view.strides();
    // SAFETY: pointer, shape and strides are those of a live view; the reference lives no longer than the view.
    unsafe { MatRef::from_raw_parts(view.as_ptr(), view.nrows(), view.ncols(), strides[0], strides[1]) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use neuropil_core::random::{Seed, uniform};

    fn random(rows: usize, columns: usize, seed: u64) -> Array2<f64> {
        let mut stream = Seed::new(seed).stream();
        Array2::from_shape_simple_fn((rows, columns), || uniform(&mut stream) - 0.5)
    }

    #[test]
    fn products_agree_with_ndarray_on_any_layout_and_any_number_of_threads() {
        let a = random(700, 33, 1);
        let b = random(41, 33, 2);
        let expected = a.dot(&b.t());
        let product = multiply_transposed(a.view(), b.view());
        assert!((&product - &expected).iter().all(|difference| difference.abs() < 1e-13));
        let _guard = threads::limited(1);
        assert_eq!(product, multiply_transposed(a.view(), b.view()));
        let columns = a.t().to_owned();
        let transposed = multiply(columns.t(), b.t());
        assert!((&transposed - &expected).iter().all(|difference| difference.abs() < 1e-13));
    }
}
