//! Stored keys rounded to eight bits: which of them can matter for the softmax of one state?
//!
//! A single state leaves no time to hide the reading of all keys from memory; eight bits per entry are an eighth of
//! that. Every rounded product comes with a bound of its error (Cauchy-Schwarz), so that no key is left out that the
//! exact logits would keep. The exact logits are then computed for the candidates alone.

use ndarray::{ArrayView1, ArrayView2};
use neuropil_core::dispatch;

/// Entries per row are a multiple of this, so that vector loops have no remainder.
const LANES: usize = 64;
/// What rounding in the bounds themselves may cost, relative to the norms.
const SLACK: f64 = 1e-12;

/// Keys as `scale * i8`, with the norms of what was stored and of what rounding took away.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct CoarseKeys {
    width: usize,
    values: Vec<i8>,
    scales: Vec<f64>,
    norms: Vec<f64>,
    errors: Vec<f64>,
}

impl CoarseKeys {
    pub fn new(keys: ArrayView2<f64>) -> Self {
        let width = keys.ncols().next_multiple_of(LANES);
        let mut coarse = Self {
            width,
            values: vec![0; keys.nrows() * width],
            scales: Vec::with_capacity(keys.nrows()),
            norms: Vec::with_capacity(keys.nrows()),
            errors: Vec::with_capacity(keys.nrows()),
        };
        for (row, rounded) in keys.rows().into_iter().zip(coarse.values.chunks_exact_mut(width)) {
            let scale = scale_to(row, 127.0);
            let (mut norm2, mut error2) = (0.0, 0.0);
            for (&x, rounded) in row.iter().zip(rounded) {
                let steps = if scale > 0.0 { (x / scale).round() } else { 0.0 };
                *rounded = steps as i8;
                norm2 += x * x;
                error2 += (x - scale * steps).powi(2);
            }
            coarse.scales.push(scale);
            coarse.norms.push(norm2.sqrt());
            coarse.errors.push(error2.sqrt());
        }
        coarse
    }

    /// Keys of which `beta (x.s - offset)` may come within `negligible` of the largest; `None` when they are too many for
    /// a second look at each to be worth its while.
    pub fn candidates(
        &self,
        state: ArrayView1<f64>,
        beta: f64,
        offsets: &[f64],
        negligible: f64,
    ) -> Option<Vec<usize>> {
        // The integer product of a whole row must fit into 32 bits.
        let largest = (f64::from(i32::MAX) / (127.0 * self.width as f64)).floor().min(32_767.0);
        let scale = scale_to(state, largest);
        if !(scale > 0.0) || largest < 127.0 {
            return None;
        }
        let mut rounded = vec![0_i16; self.width];
        let (mut norm2, mut error2) = (0.0, 0.0);
        for (&s, rounded) in state.iter().zip(&mut rounded) {
            let steps = (s / scale).round();
            *rounded = steps as i16;
            norm2 += s * s;
            error2 += (s - scale * steps).powi(2);
        }
        let (norm, error) = (norm2.sqrt(), error2.sqrt());
        let mut products = vec![0_i32; self.scales.len()];
        integer_products(&self.values, self.width, &rounded, &mut products);
        // The rounded key is no longer than the key and its error together.
        let bound = |key: usize| {
            let (length, lost) = (self.norms[key], self.errors[key]);
            beta * (lost * norm + (length + lost) * error + SLACK * length * norm)
        };
        let logit = |key: usize| beta * (self.scales[key] * scale * f64::from(products[key]) - offsets[key]);
        let n = self.scales.len();
        let surely = (0..n).map(|key| logit(key) - bound(key)).fold(f64::NEG_INFINITY, f64::max);
        let chosen: Vec<usize> = (0..n).filter(|&key| logit(key) + bound(key) >= surely - negligible).collect();
        (surely.is_finite() && 4 * chosen.len() <= n).then_some(chosen)
    }
}

/// The step that maps the largest entry to `steps`.
fn scale_to(row: ArrayView1<f64>, steps: f64) -> f64 {
    row.iter().fold(0.0_f64, |largest, x| largest.max(x.abs())) / steps
}

dispatch! {
    /// The product of every row of `keys` (of `width` entries) with `state`.
    fn integer_products = integer_products_body(keys: &[i8], width: usize, state: &[i16], products: &mut [i32]);
}

#[inline(always)]
fn integer_products_body<const FMA: bool>(keys: &[i8], width: usize, state: &[i16], products: &mut [i32]) {
    for (row, product) in keys.chunks_exact(width).zip(products) {
        let mut sum = 0_i32;
        for (key, state) in row.iter().zip(state) {
            sum += i32::from(*key) * i32::from(*state);
        }
        *product = sum;
    }
}

#[cfg(test)]
mod tests {
    use neuropil_core::random::{Seed, uniform};

    use super::*;
    use ndarray::Array2;

    fn random(rows: usize, columns: usize, seed: u64) -> Array2<f64> {
        let mut stream = Seed::new(seed).stream();
        Array2::from_shape_simple_fn((rows, columns), || 2.0 * uniform(&mut stream) - 1.0)
    }

    #[test]
    fn no_key_is_missed_that_the_exact_logits_would_keep() {
        for (width, beta) in [(3, 40.0), (70, 20.0), (200, 4.0), (64, 300.0)] {
            let keys = random(500, width, 1) * 3.0;
            let coarse = CoarseKeys::new(keys.view());
            let offsets: Vec<f64> = keys.rows().into_iter().map(|x| 0.5 * x.dot(&x)).collect();
            for state in random(20, width, 2).rows() {
                let logits: Vec<f64> =
                    keys.rows().into_iter().zip(&offsets).map(|(x, o)| beta * (x.dot(&state) - o)).collect();
                let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let Some(chosen) = coarse.candidates(state, beta, &offsets, 20.0) else { continue };
                for (key, logit) in logits.iter().enumerate() {
                    assert!(*logit < largest - 20.0 || chosen.contains(&key), "width {width}, key {key}");
                }
            }
        }
    }

    #[test]
    fn a_sharp_softmax_has_few_candidates_and_a_flat_one_is_left_to_the_dense_product() {
        let keys = random(400, 100, 3);
        let coarse = CoarseKeys::new(keys.view());
        let offsets = vec![0.0; 400];
        assert!(coarse.candidates(keys.row(7), 20.0, &offsets, 46.0).unwrap().len() < 20);
        assert_eq!(coarse.candidates(keys.row(7), 0.01, &offsets, 46.0), None);
        assert_eq!(coarse.candidates(ndarray::Array1::zeros(100).view(), 1.0, &offsets, 46.0), None);
    }
}
