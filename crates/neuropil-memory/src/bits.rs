//! Binary states as bits: the overlap of two states is `N - 2 popcount(x xor y)`, 64 entries per operation.

use ndarray::ArrayView2;
use neuropil_core::dispatch;

/// States of +1 and -1, one bit per entry (set for +1), every state padded to whole words.
#[derive(Debug, Clone)]
pub(crate) struct PackedStates {
    n: usize,
    words: usize,
    bits: Vec<u64>,
}

impl PackedStates {
    /// Packs rows whose positive entries count as +1.
    pub fn new(states: ArrayView2<f64>) -> Self {
        let n = states.ncols();
        let words = n.div_ceil(64).max(1);
        let mut bits = vec![0_u64; words * states.nrows()];
        for (row, packed) in states.rows().into_iter().zip(bits.chunks_mut(words)) {
            for (i, &value) in row.iter().enumerate() {
                packed[i / 64] |= u64::from(value > 0.0) << (i % 64);
            }
        }
        Self { n, words, bits }
    }

    fn row(&self, i: usize) -> &[u64] {
        &self.bits[i * self.words..(i + 1) * self.words]
    }

    /// The overlaps of row `own` with `overlaps.len()` rows of `others` from `first` on.
    pub fn overlaps(&self, own: usize, others: &Self, first: usize, overlaps: &mut [f64]) {
        let rest = &others.bits[first * self.words..];
        count(self.row(own), rest, self.n as f64, overlaps);
    }
}

dispatch! {
    fn count = count_body(own: &[u64], others: &[u64], n: f64, overlaps: &mut [f64]);
}

#[inline(always)]
fn count_body<const FMA: bool>(own: &[u64], others: &[u64], n: f64, overlaps: &mut [f64]) {
    for (overlap, other) in overlaps.iter_mut().zip(others.chunks_exact(own.len())) {
        let mut differing = 0_u64;
        for (a, b) in own.iter().zip(other) {
            differing += u64::from((a ^ b).count_ones());
        }
        *overlap = n - 2.0 * differing as f64;
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use neuropil_core::random::{Seed, uniform};

    use super::*;

    #[test]
    fn bits_count_the_overlap_exactly() {
        for n in [1, 63, 64, 65, 500] {
            let mut random = Seed::new(n as u64).stream();
            let x = Array2::from_shape_fn((9, n), |_| if uniform(&mut random) < 0.5 { -1.0 } else { 1.0 });
            let packed = PackedStates::new(x.view());
            let mut overlaps = [0.0; 5];
            packed.overlaps(2, &packed, 4, &mut overlaps);
            for (offset, overlap) in overlaps.into_iter().enumerate() {
                assert_eq!(overlap, x.row(2).dot(&x.row(4 + offset)), "N = {n}");
            }
        }
    }
}
