//! Matrix products in the layout of this room: one row for each neuron, samples side by side in memory.
//!
//! Networks here are small and samples many, so the inner dimension of `left right^T` is long and both factors stay in
//! the second-level cache. [`add_products`] computes tiles of 5 x 5 dot products in registers (3 x 3 without AVX-512),
//! without packing; [`add_products_plain`] is the same in one line. Large factors go to `faer`.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use ndarray::{Array2, ArrayView2};
use neuropil_core::dispatch;
use neuropil_core::vector::multiply_add;

/// Samples are padded to a multiple of this with samples of weight zero, so that no kernel has a remainder.
pub(crate) const LANES: usize = 8;

/// Rows of equal length in one slice.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    /// From the first element of the first row.
    pub data: &'a [f64],
    /// Distance between the starts of two rows.
    pub stride: usize,
    /// Number of rows.
    pub count: usize,
    /// Length of each row, a multiple of [`LANES`].
    pub length: usize,
}

impl<'a> Rows<'a> {
    pub fn new(data: &'a [f64], stride: usize, count: usize, length: usize) -> Self {
        assert!(
            length <= stride
                && length.is_multiple_of(LANES)
                && (count == 0 || data.len() >= (count - 1) * stride + length)
        );
        Self { data, stride, count, length }
    }

    #[inline]
    pub fn row(&self, i: usize) -> &'a [f64] {
        &self.data[i * self.stride..i * self.stride + self.length]
    }

    /// The first `count` rows.
    pub fn first(&self, count: usize) -> Self {
        Self::new(self.data, self.stride, count, self.length)
    }

    fn matrix(&self) -> MatRef<'a, f64> {
        // SAFETY: `new` checked that the last row ends inside the slice.
        unsafe { MatRef::from_raw_parts(self.data.as_ptr(), self.count, self.length, self.stride as isize, 1) }
    }
}

/// Rows that can be written.
pub(crate) struct RowsMut<'a> {
    pub data: &'a mut [f64],
    pub stride: usize,
    pub count: usize,
    pub length: usize,
}

impl<'a> RowsMut<'a> {
    pub fn new(data: &'a mut [f64], stride: usize, count: usize, length: usize) -> Self {
        assert!(
            length <= stride
                && length.is_multiple_of(LANES)
                && (count == 0 || data.len() >= (count - 1) * stride + length)
        );
        Self { data, stride, count, length }
    }

    #[inline]
    pub fn row_mut(&mut self, i: usize) -> &mut [f64] {
        &mut self.data[i * self.stride..i * self.stride + self.length]
    }

    fn matrix(&mut self) -> MatMut<'_, f64> {
        // SAFETY: `new` checked that the last row ends inside the slice.
        unsafe { MatMut::from_raw_parts_mut(self.data.as_mut_ptr(), self.count, self.length, self.stride as isize, 1) }
    }
}

/// Above this number of weights the overhead of a packed product pays.
const LARGE: usize = 1024;

/// `out = weights * input (+ bias)`: weights are `out.count x input.count`, row by row; an empty bias is none.
pub(crate) fn affine(mut out: RowsMut<'_>, weights: &[f64], bias: &[f64], input: Rows<'_>) {
    assert_eq!(weights.len(), out.count * input.count);
    assert_eq!(out.length, input.length);
    if weights.len() < LARGE || input.count < 16 {
        affine_small(&mut out, weights, bias, &input);
        return;
    }
    let beta = if bias.is_empty() {
        Accum::Replace
    } else {
        for i in 0..out.count {
            out.row_mut(i).fill(bias[i]);
        }
        Accum::Add
    };
    let weights = MatRef::from_row_major_slice(weights, out.count, input.count);
    matmul(out.matrix(), beta, weights, input.matrix(), 1.0, Par::Seq);
}

dispatch! {
    fn affine_small = affine_small_body(out: &mut RowsMut<'_>, weights: &[f64], bias: &[f64], input: &Rows<'_>);
}

#[inline(always)]
fn affine_small_body<const FMA: bool>(out: &mut RowsMut<'_>, weights: &[f64], bias: &[f64], input: &Rows<'_>) {
    let n_in = input.count;
    for i in 0..out.count {
        let w = &weights[i * n_in..(i + 1) * n_in];
        let start = bias.get(i).copied().unwrap_or(0.0);
        let row = out.row_mut(i);
        combine::<FMA>(row, w, 1, start, input);
    }
}

/// `row = start + sum_p w[p * step] input_p`, four inputs in one pass.
#[inline(always)]
fn combine<const FMA: bool>(row: &mut [f64], w: &[f64], step: usize, start: f64, input: &Rows<'_>) {
    let n_in = input.count;
    let n = row.len();
    match n_in {
        0 => row.fill(start),
        1 => {
            let (w0, x0) = (w[0], &input.row(0)[..n]);
            for k in 0..n {
                row[k] = multiply_add::<FMA>(w0, x0[k], start);
            }
        }
        2 => {
            let (w0, x0, w1, x1) = (w[0], &input.row(0)[..n], w[step], &input.row(1)[..n]);
            for k in 0..n {
                row[k] = multiply_add::<FMA>(w1, x1[k], multiply_add::<FMA>(w0, x0[k], start));
            }
        }
        _ => {
            let (w0, x0, w1, x1) = (w[0], &input.row(0)[..n], w[step], &input.row(1)[..n]);
            let (w2, x2) = (w[2 * step], &input.row(2)[..n]);
            for k in 0..n {
                let two = multiply_add::<FMA>(w1, x1[k], multiply_add::<FMA>(w0, x0[k], start));
                row[k] = multiply_add::<FMA>(w2, x2[k], two);
            }
            let mut p = 3;
            while p + 4 <= n_in {
                let (w0, x0) = (w[p * step], &input.row(p)[..n]);
                let (w1, x1) = (w[(p + 1) * step], &input.row(p + 1)[..n]);
                let (w2, x2) = (w[(p + 2) * step], &input.row(p + 2)[..n]);
                let (w3, x3) = (w[(p + 3) * step], &input.row(p + 3)[..n]);
                for k in 0..n {
                    let one = multiply_add::<FMA>(w1, x1[k], w0 * x0[k]);
                    let two = multiply_add::<FMA>(w3, x3[k], w2 * x2[k]);
                    row[k] += one + two;
                }
                p += 4;
            }
            for p in p..n_in {
                let (w0, x0) = (w[p * step], &input.row(p)[..n]);
                for k in 0..n {
                    row[k] = multiply_add::<FMA>(w0, x0[k], row[k]);
                }
            }
        }
    }
}

/// `out = weights^T * input`: weights are `input.count x out.count`, row by row.
pub(crate) fn transposed(mut out: RowsMut<'_>, weights: &[f64], input: Rows<'_>) {
    assert_eq!(weights.len(), out.count * input.count);
    assert_eq!(out.length, input.length);
    if weights.len() < LARGE || input.count < 16 {
        transposed_small(&mut out, weights, &input);
    } else {
        let weights = MatRef::from_row_major_slice(weights, input.count, out.count).transpose();
        matmul(out.matrix(), Accum::Replace, weights, input.matrix(), 1.0, Par::Seq);
    }
}

dispatch! {
    fn transposed_small = transposed_small_body(out: &mut RowsMut<'_>, weights: &[f64], input: &Rows<'_>);
}

#[inline(always)]
fn transposed_small_body<const FMA: bool>(out: &mut RowsMut<'_>, weights: &[f64], input: &Rows<'_>) {
    let n_out = out.count;
    for j in 0..n_out {
        combine::<FMA>(out.row_mut(j), &weights[j..], n_out, 0.0, input);
    }
}

dispatch! {
    /// `out = a * b`, element by element.
    pub(crate) fn multiply = multiply_body(out: &mut [f64], a: &[f64], b: &[f64]);
}

#[inline(always)]
fn multiply_body<const FMA: bool>(out: &mut [f64], a: &[f64], b: &[f64]) {
    let n = out.len();
    let (a, b) = (&a[..n], &b[..n]);
    for k in 0..n {
        out[k] = a[k] * b[k];
    }
}

dispatch! {
    /// `out *= a`, element by element.
    pub(crate) fn scale_by = scale_by_body(out: &mut [f64], a: &[f64]);
}

#[inline(always)]
fn scale_by_body<const FMA: bool>(out: &mut [f64], a: &[f64]) {
    let n = out.len();
    let a = &a[..n];
    for k in 0..n {
        out[k] *= a[k];
    }
}

dispatch! {
    /// `out += a * b`, element by element.
    pub(crate) fn add_product = add_product_body(out: &mut [f64], a: &[f64], b: &[f64]);
}

#[inline(always)]
fn add_product_body<const FMA: bool>(out: &mut [f64], a: &[f64], b: &[f64]) {
    let n = out.len();
    let (a, b) = (&a[..n], &b[..n]);
    for k in 0..n {
        out[k] = multiply_add::<FMA>(a[k], b[k], out[k]);
    }
}

/// Which part of a product is wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it.
    All,
    /// At least the entries on and below the diagonal; others may or may not be written.
    Lower,
}

/// `out[i * out_stride + j] += left_i . right_j`.
pub(crate) fn add_products(left: Rows<'_>, right: Rows<'_>, part: Part, out: &mut [f64], out_stride: usize) {
    assert_eq!(left.length, right.length);
    if left.count == 0 || right.count == 0 {
        return;
    }
    assert!(right.count <= out_stride && out.len() >= (left.count - 1) * out_stride + right.count);
    if part == Part::All && left.count >= 128 && right.count >= 128 {
        // SAFETY: the assertion above.
        let out =
            unsafe { MatMut::from_raw_parts_mut(out.as_mut_ptr(), left.count, right.count, out_stride as isize, 1) };
        matmul(out, Accum::Add, left.matrix(), right.matrix().transpose(), 1.0, Par::Seq);
        return;
    }
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("avx512f") {
            // SAFETY: the feature was detected; `Rows::new` and the assertions checked all bounds.
            unsafe { tiles::wide::product(left, right, part, out, out_stride) };
            return;
        }
        if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
            // SAFETY: as above.
            unsafe { tiles::narrow::product(left, right, part, out, out_stride) };
            return;
        }
    }
    add_products_plain(left, right, part, out, out_stride);
}

/// [`add_products`] without tiles.
pub(crate) fn add_products_plain(left: Rows<'_>, right: Rows<'_>, part: Part, out: &mut [f64], out_stride: usize) {
    for i in 0..left.count {
        let end = if part == Part::Lower { (i + 1).min(right.count) } else { right.count };
        for j in 0..end {
            let (a, b) = (left.row(i), right.row(j));
            out[i * out_stride + j] += neuropil_core::vector::sum(a.len(), |k| a[k] * b[k]);
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod tiles {
    /// A kernel for one vector type: tiles of `R x C` dot products with `R, C <= $side`, one accumulator each.
    macro_rules! kernel {
        ($module:ident, $features:literal, $side:literal, $width:literal, $zero:path, $load:path, $fma:path, $sum:path, $four:path,
         [$($size:literal)*]) => {
            pub(in crate::product) mod $module {
                use std::arch::x86_64::{_mm256_add_pd, _mm256_loadu_pd, _mm256_storeu_pd};

                use crate::product::{Part, Rows};

                /// # Safety
                /// The features must be there, and the rows and `out` as large as `add_products` asserts.
                #[target_feature(enable = $features)]
                pub unsafe fn product(left: Rows<'_>, right: Rows<'_>, part: Part, out: &mut [f64], out_stride: usize) {
                    for i in (0..left.count).step_by($side) {
                        let rows = (left.count - i).min($side);
                        let end = if part == Part::Lower { (i + rows).min(right.count) } else { right.count };
                        for j in (0..end).step_by($side) {
                            let columns = (right.count - j).min($side);
                            let l = unsafe { left.data.as_ptr().add(i * left.stride) };
                            let r = unsafe { right.data.as_ptr().add(j * right.stride) };
                            let o = unsafe { out.as_mut_ptr().add(i * out_stride + j) };
                            let strides = [left.stride, right.stride, out_stride];
                            match rows {
                                $($size => unsafe { across::<$size>(columns, l, r, o, strides, left.length) },)*
                                _ => unreachable!("a tile has at most as many rows as its side"),
                            }
                        }
                    }
                }

                #[inline]
                #[target_feature(enable = $features)]
                unsafe fn across<const R: usize>(
                    columns: usize, l: *const f64, r: *const f64, o: *mut f64, strides: [usize; 3], n: usize,
                ) {
                    match columns {
                        $($size => unsafe { tile::<R, $size>(l, r, o, strides, n) },)*
                        _ => unreachable!("a tile has at most as many columns as its side"),
                    }
                }

                #[inline]
                #[target_feature(enable = $features)]
                unsafe fn tile<const R: usize, const C: usize>(
                    l: *const f64, r: *const f64, o: *mut f64, strides: [usize; 3], n: usize,
                ) {
                    let mut sums = [[$zero(); C]; R];
                    let mut k = 0;
                    while k < n {
                        let mut right = [$zero(); C];
                        for j in 0..C {
                            right[j] = unsafe { $load(r.add(j * strides[1] + k)) };
                        }
                        for i in 0..R {
                            let left = unsafe { $load(l.add(i * strides[0] + k)) };
                            for j in 0..C {
                                sums[i][j] = $fma(left, right[j], sums[i][j]);
                            }
                        }
                        k += $width;
                    }
                    for i in 0..R {
                        let o = unsafe { o.add(i * strides[2]) };
                        let mut j = 0;
                        while j + 4 <= C {
                            let four = $four([sums[i][j], sums[i][j + 1], sums[i][j + 2], sums[i][j + 3]]);
                            unsafe { _mm256_storeu_pd(o.add(j), _mm256_add_pd(_mm256_loadu_pd(o.add(j)), four)) };
                            j += 4;
                        }
                        while j < C {
                            unsafe { *o.add(j) += $sum(sums[i][j]) };
                            j += 1;
                        }
                    }
                }
            }
        };
    }

    use std::arch::x86_64::{
        __m256d, __m512d, _mm_add_pd, _mm_cvtsd_f64, _mm_unpackhi_pd, _mm256_add_pd, _mm256_blend_pd,
        _mm256_castpd256_pd128, _mm256_extractf128_pd, _mm256_hadd_pd, _mm256_permute2f128_pd, _mm512_castpd512_pd256,
        _mm512_extractf64x4_pd,
    };

    /// Sum of the four lanes.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    fn sum_of_four(v: __m256d) -> f64 {
        let pair = _mm_add_pd(_mm256_castpd256_pd128(v), _mm256_extractf128_pd::<1>(v));
        _mm_cvtsd_f64(_mm_add_pd(pair, _mm_unpackhi_pd(pair, pair)))
    }

    /// Sums of the lanes of four vectors.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    fn four_sums(v: [__m256d; 4]) -> __m256d {
        let (ab, cd) = (_mm256_hadd_pd(v[0], v[1]), _mm256_hadd_pd(v[2], v[3]));
        _mm256_add_pd(_mm256_permute2f128_pd::<0x21>(ab, cd), _mm256_blend_pd::<0b1100>(ab, cd))
    }

    /// Upper plus lower half.
    #[inline]
    #[target_feature(enable = "avx512f,avx2,fma")]
    fn folded(v: __m512d) -> __m256d {
        _mm256_add_pd(_mm512_castpd512_pd256(v), _mm512_extractf64x4_pd::<1>(v))
    }

    /// Sum of the eight lanes.
    #[inline]
    #[target_feature(enable = "avx512f,avx2,fma")]
    fn sum_of_eight(v: __m512d) -> f64 {
        sum_of_four(folded(v))
    }

    /// Sums of the lanes of four vectors.
    #[inline]
    #[target_feature(enable = "avx512f,avx2,fma")]
    fn four_wide_sums(v: [__m512d; 4]) -> __m256d {
        four_sums([folded(v[0]), folded(v[1]), folded(v[2]), folded(v[3])])
    }

    kernel!(wide, "avx512f,avx2,fma", 5, 8, std::arch::x86_64::_mm512_setzero_pd, std::arch::x86_64::_mm512_loadu_pd,
        std::arch::x86_64::_mm512_fmadd_pd, super::sum_of_eight, super::four_wide_sums, [1 2 3 4 5]);
    kernel!(narrow, "avx2,fma", 3, 4, std::arch::x86_64::_mm256_setzero_pd, _mm256_loadu_pd,
        std::arch::x86_64::_mm256_fmadd_pd, super::sum_of_four, super::four_sums, [1 2 3]);
}

/// `weights (a x p) * samples (n x p)^T`, a x n.
pub(crate) fn rows_times_columns(weights: ArrayView2<f64>, samples: ArrayView2<f64>) -> Array2<f64> {
    let mut out = Array2::zeros((weights.nrows(), samples.nrows()));
    let target =
        MatMut::from_row_major_slice_mut(out.as_slice_mut().unwrap_or_default(), weights.nrows(), samples.nrows());
    matmul(target, Accum::Replace, matrix(weights), matrix(samples).transpose(), 1.0, Par::Seq);
    out
}

/// An ndarray view as a faer view.
pub(crate) fn matrix(view: ArrayView2<'_, f64>) -> MatRef<'_, f64> {
    let (rows, columns) = view.dim();
    let strides = view.strides();
    // SAFETY: the view lives as long as the result and its strides are counted in elements, as faer counts them.
    unsafe { MatRef::from_raw_parts(view.as_ptr(), rows, columns, strides[0], strides[1]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(n: usize, seed: u64) -> Vec<f64> {
        let mut stream = neuropil_core::random::Seed::new(seed).stream();
        (0..n).map(|_| neuropil_core::random::uniform(&mut stream) - 0.5).collect()
    }

    #[test]
    fn tiles_equal_plain_dot_products() {
        let (stride, length) = (40, 32);
        for (a, b) in [(1, 1), (3, 7), (5, 5), (11, 4), (6, 13), (50, 60)] {
            let (left, right) = (numbers(a * stride, 1), numbers(b * stride, 2));
            let (left, right) = (Rows::new(&left, stride, a, length), Rows::new(&right, stride, b, length));
            for part in [Part::All, Part::Lower] {
                let mut fast = numbers(a * (b + 2), 3);
                let mut plain = fast.clone();
                add_products(left, right, part, &mut fast, b + 2);
                add_products_plain(left, right, part, &mut plain, b + 2);
                for i in 0..a {
                    let end = if part == Part::Lower { (i + 1).min(b) } else { b };
                    for j in 0..end {
                        let k = i * (b + 2) + j;
                        assert!((fast[k] - plain[k]).abs() < 1e-14, "{a} x {b} at ({i}, {j})");
                    }
                }
            }
        }
    }

    #[test]
    fn linear_maps_equal_their_definition() {
        for (a, b) in [(1, 1), (2, 2), (3, 9), (40, 50)] {
            let n = 16;
            let (w, x, bias) = (numbers(a * b, 1), numbers(b * n, 2), numbers(a, 3));
            let mut out = vec![0.0; a * n];
            affine(RowsMut::new(&mut out, n, a, n), &w, &bias, Rows::new(&x, n, b, n));
            let mut back = vec![0.0; b * n];
            transposed(RowsMut::new(&mut back, n, b, n), &w, Rows::new(&out, n, a, n));
            for k in 0..n {
                for i in 0..a {
                    let sum: f64 = (0..b).map(|j| w[i * b + j] * x[j * n + k]).sum();
                    assert!((out[i * n + k] - sum - bias[i]).abs() < 1e-13);
                }
                for j in 0..b {
                    let sum: f64 = (0..a).map(|i| w[i * b + j] * out[i * n + k]).sum();
                    assert!((back[j * n + k] - sum).abs() < 1e-13);
                }
            }
        }
    }
}
