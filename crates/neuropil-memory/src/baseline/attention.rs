//! The modern Hopfield network with continuous states, which is attention (Ramsauer et al. 2021).
//!
//! `s' = Y^T softmax(beta X s)`, with `Y = X` for an auto-associative memory. With the distance instead of the dot
//! product, `softmax(-beta |s - x|^2 / 2)`, it is the normalised kernel memory with a Gaussian kernel of radius
//! `r = sqrt(2 / beta)` and one-shot coefficients `C = Y`; for patterns of equal norm the two are the same.
//!
//! Most of the softmax is often zero: for every cue the patterns whose weight is below `1e-20` of the largest are left
//! out of the second product, which changes the result by less than the rounding of a sum. A single state is first
//! compared with keys of eight bits, and exactly only with those that come near enough to the best.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, ArrayViewMut1, ArrayViewMut2, Axis, Zip, concatenate};
use neuropil_core::{check, dispatch, threads, vector};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::coarse_keys::CoarseKeys;
use super::hopfield::without_row;
use crate::associative_memory::{AssociativeMemory, StateKind, check_pairs, check_states, check_stored};
use crate::error::Result;
use crate::product::multiply_transposed_into;

/// What attention compares a state with a stored pattern by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Similarity {
    /// `beta x.s`
    #[default]
    Dot,
    /// `-beta |s - x|^2 / 2`
    Distance,
}

/// Attention over stored patterns.
#[derive(Debug, Clone, PartialEq)]
pub struct ModernHopfield {
    keys: Array2<f64>,
    values: Option<Array2<f64>>,
    /// `|x|^2 / 2` for the distance, zero for the dot product.
    offsets: Vec<f64>,
    /// For single states, where there are keys enough to be worth it.
    coarse: Option<CoarseKeys>,
    beta: f64,
    similarity: Similarity,
}

/// Logits this far below the largest are weights below 1e-20.
const NEGLIGIBLE: f64 = 46.0;
/// Cues per block: 32 rows of weights stay in the second-level cache for some thousand patterns.
const BLOCK: usize = 32;
/// Key entries from which rounded keys pay for a single state: fewer are in the cache anyway.
const WORTH_ROUNDING: usize = 1 << 15;

impl ModernHopfield {
    /// Stores patterns (rows). `beta` is the inverse temperature.
    /// # Errors
    /// For no patterns, NaN or infinite values, or beta that is not positive.
    pub fn fit(patterns: ArrayView2<f64>, beta: f64, similarity: Similarity) -> Result<Self> {
        check_stored("patterns", patterns, StateKind::Real)?;
        check::positive("beta", beta)?;
        let keys = patterns.to_owned();
        let mut memory = Self { keys, values: None, offsets: Vec::new(), coarse: None, beta, similarity };
        memory.offsets = memory.offsets_of(patterns);
        memory.round_keys();
        Ok(memory)
    }

    /// Stores pairs: keys (input patterns) and values (output patterns), as rows.
    /// # Errors
    /// As [`fit`](Self::fit), and for different numbers of rows.
    pub fn fit_pairs(
        keys: ArrayView2<f64>,
        values: ArrayView2<f64>,
        beta: f64,
        similarity: Similarity,
    ) -> Result<Self> {
        check_stored("outputs", values, StateKind::Real)?;
        check_pairs(keys, values)?;
        Ok(Self { values: Some(values.to_owned()), ..Self::fit(keys, beta, similarity)? })
    }

    /// The memory that a normalised Gaussian kernel of radius `r` gives without solving for its coefficients.
    /// # Errors
    /// As [`fit`](Self::fit).
    pub fn with_radius(patterns: ArrayView2<f64>, r: f64) -> Result<Self> {
        check::positive("r", r)?;
        Self::fit(patterns, 2.0 / (r * r), Similarity::Distance)
    }

    /// The inverse temperature.
    #[must_use]
    pub fn beta(&self) -> f64 {
        self.beta
    }

    /// Adds patterns to those that are stored; each is its own value.
    /// # Errors
    /// For another width, NaN or infinite values.
    pub fn insert(&mut self, patterns: ArrayView2<f64>) -> Result<()> {
        check_states("patterns", patterns, self.keys.ncols(), StateKind::Real)?;
        if let Some(values) = &self.values {
            check_states("patterns", patterns, values.ncols(), StateKind::Real)?;
            self.values = Some(concatenate![Axis(0), *values, patterns]);
        }
        self.offsets.extend(self.offsets_of(patterns));
        self.keys = concatenate![Axis(0), self.keys, patterns];
        self.round_keys();
        Ok(())
    }

    /// Forgets the pattern in a row; the rows behind it move up.
    /// # Errors
    /// For a row that does not exist, or the last pattern that is left.
    pub fn delete(&mut self, row: usize) -> Result<()> {
        self.keys = without_row(self.keys.view(), row)?;
        self.values = self.values.take().map(|values| without_row(values.view(), row)).transpose()?;
        self.offsets.remove(row);
        self.round_keys();
        Ok(())
    }

    /// The attention weights of a batch of states, Q x M; every row adds up to one.
    /// # Errors
    /// For states of another width, NaN or infinite values.
    pub fn weights(&self, states: ArrayView2<f64>) -> Result<Array2<f64>> {
        check_states("states", states, self.keys.ncols(), StateKind::Real)?;
        let mut weights = Array2::zeros((states.nrows(), self.keys.nrows()));
        self.logits_into(states, weights.view_mut());
        for mut row in weights.rows_mut() {
            if let Some(row) = row.as_slice_mut() {
                let total = softmax(row, f64::INFINITY);
                row.iter_mut().for_each(|weight| *weight /= total);
            }
        }
        Ok(weights)
    }

    /// The energy of every state: `-lse(beta, X s) + |s|^2 / 2`, with the logits of the similarity divided by beta. A
    /// step never raises it for the dot product.
    /// # Errors
    /// As [`weights`](Self::weights).
    pub fn energy(&self, states: ArrayView2<f64>) -> Result<Array1<f64>> {
        check_states("states", states, self.keys.ncols(), StateKind::Real)?;
        let mut logits = Array2::zeros((states.nrows(), self.keys.nrows()));
        self.logits_into(states, logits.view_mut());
        let mut energy = Array1::zeros(states.nrows());
        Zip::from(&mut energy).and(logits.rows()).and(states.rows()).for_each(|energy, logits, state| {
            *energy = 0.5 * state.dot(&state) - log_sum_exp(logits) / self.beta;
        });
        Ok(energy)
    }

    fn round_keys(&mut self) {
        self.coarse = (self.keys.len() >= WORTH_ROUNDING).then(|| CoarseKeys::new(self.keys.view()));
    }

    /// One step of a single state by the few keys that matter; `false` (and nothing done) when they are many.
    fn step_single(&self, state: ArrayView1<f64>, mut out: ArrayViewMut1<f64>) -> bool {
        let Some(coarse) = &self.coarse else { return false };
        let Some(chosen) = coarse.candidates(state, self.beta, &self.offsets, NEGLIGIBLE) else { return false };
        let logit = |&key: &usize| self.beta * (self.keys.row(key).dot(&state) - self.offsets[key]);
        let mut weights: Vec<f64> = chosen.iter().map(logit).collect();
        let total = softmax(&mut weights, NEGLIGIBLE);
        let values = self.values.as_ref().unwrap_or(&self.keys);
        out.fill(0.0);
        for (&key, &weight) in chosen.iter().zip(&weights).filter(|&(_, &weight)| weight != 0.0) {
            out.scaled_add(weight / total, &values.row(key));
        }
        true
    }

    fn offsets_of(&self, patterns: ArrayView2<f64>) -> Vec<f64> {
        let squares = patterns.rows().into_iter().map(|x| 0.5 * x.dot(&x));
        match self.similarity {
            Similarity::Dot => vec![0.0; patterns.nrows()],
            Similarity::Distance => squares.collect(),
        }
    }

    /// The logits up to a constant per row, which the softmax does not see.
    fn logits_into(&self, states: ArrayView2<f64>, mut logits: ArrayViewMut2<f64>) {
        multiply_transposed_into(logits.view_mut(), states, self.keys.view());
        for mut row in logits.rows_mut() {
            row.iter_mut().zip(&self.offsets).for_each(|(logit, offset)| *logit = self.beta * (*logit - offset));
        }
    }

    /// One step of a few rows: logits, exponentials, and the product with what is left of them.
    fn step_block(&self, states: ArrayView2<f64>, mut result: ArrayViewMut2<f64>, weights: &mut Array2<f64>) {
        let values = self.values.as_ref().unwrap_or(&self.keys);
        let mut weights = weights.slice_mut(ndarray::s![..states.nrows(), ..]);
        self.logits_into(states, weights.view_mut());
        let mut totals = vec![0.0; states.nrows()];
        let mut kept = 0;
        for (row, total) in weights.rows_mut().into_iter().zip(&mut totals) {
            if let Some(row) = row.into_slice() {
                *total = softmax(row, NEGLIGIBLE);
                kept += row.iter().filter(|&&weight| weight != 0.0).count();
            }
        }
        // Reading a row of values for one weight costs several times its share of a dense product.
        if 8 * kept < weights.len() {
            for (mut out, row) in result.rows_mut().into_iter().zip(weights.rows()) {
                out.fill(0.0);
                for (mu, &weight) in row.indexed_iter().filter(|&(_, &weight)| weight != 0.0) {
                    out.scaled_add(weight, &values.row(mu));
                }
            }
        } else {
            crate::product::multiply_into(result.view_mut(), weights.view(), values.view());
        }
        for (mut out, total) in result.rows_mut().into_iter().zip(totals) {
            out /= total;
        }
    }
}

fn log_sum_exp(logits: ArrayView1<f64>) -> f64 {
    let largest = logits.fold(f64::NEG_INFINITY, |largest, &logit| largest.max(logit));
    largest + logits.iter().map(|logit| (logit - largest).exp()).sum::<f64>().ln()
}

dispatch! {
    /// Turns logits into `exp(logit - largest)`, exactly zero more than `negligible` below the largest; returns the sum.
    fn softmax = softmax_body(logits: &mut [f64], negligible: f64) -> f64;
}

#[inline(always)]
fn softmax_body<const FMA: bool>(logits: &mut [f64], negligible: f64) -> f64 {
    let largest = vector::max(logits);
    for logit in logits.iter_mut() {
        let below = *logit - largest;
        let weight = vector::exp::<FMA>(below);
        *logit = if below < -negligible { 0.0 } else { weight };
    }
    let logits = &*logits;
    vector::sum(logits.len(), |i| logits[i])
}

impl AssociativeMemory for ModernHopfield {
    fn n_inputs(&self) -> usize {
        self.keys.ncols()
    }

    fn n_outputs(&self) -> usize {
        self.values.as_ref().unwrap_or(&self.keys).ncols()
    }

    fn is_recurrent(&self) -> bool {
        self.values.is_none()
    }

    fn state(&self) -> StateKind {
        StateKind::Real
    }

    fn step(&self, states: ArrayView2<f64>) -> Result<Array2<f64>> {
        check_states("states", states, self.keys.ncols(), StateKind::Real)?;
        let mut result = Array2::zeros((states.nrows(), self.n_outputs()));
        let scratch = || Array2::zeros((BLOCK.min(states.nrows()), self.keys.nrows()));
        if states.nrows() == 1 && self.step_single(states.row(0), result.row_mut(0)) {
            return Ok(result);
        }
        if states.nrows() <= 2 {
            self.step_block(states, result.view_mut(), &mut scratch());
            return Ok(result);
        }
        threads::install(|| {
            let blocks: Vec<_> =
                result.axis_chunks_iter_mut(Axis(0), BLOCK).zip(states.axis_chunks_iter(Axis(0), BLOCK)).collect();
            blocks
                .into_par_iter()
                .for_each_init(scratch, |weights, (result, states)| self.step_block(states, result, weights));
        });
        Ok(result)
    }

    fn patterns(&self) -> Option<ArrayView2<'_, f64>> {
        Some(self.values.as_ref().unwrap_or(&self.keys).view())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random_patterns::{Noise, sphere_patterns};
    use neuropil_core::random::Seed;

    fn plain_step(keys: &Array2<f64>, beta: f64, similarity: Similarity, state: ArrayView1<f64>) -> Array1<f64> {
        let logit = |x: ArrayView1<f64>| match similarity {
            Similarity::Dot => beta * x.dot(&state),
            Similarity::Distance => -0.5 * beta * x.iter().zip(state).map(|(a, b)| (a - b).powi(2)).sum::<f64>(),
        };
        let logits: Vec<f64> = keys.rows().into_iter().map(logit).collect();
        let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Array1<f64> = logits.iter().map(|l| (l - largest).exp()).collect();
        let total = weights.sum();
        keys.t().dot(&weights) / total
    }

    #[test]
    fn the_blocked_sparse_step_is_the_plain_softmax() {
        let keys = sphere_patterns(2000, 20, Seed::new(1)) * 3.0;
        let cues = Noise::Gaussian.corrupt(keys.slice(ndarray::s![..70, ..]), 0.1, Seed::new(2)).unwrap();
        for (beta, similarity) in [
            (0.5, Similarity::Dot),
            (100.0, Similarity::Dot),
            (3.0, Similarity::Distance),
            (500.0, Similarity::Distance),
        ] {
            let memory = ModernHopfield::fit(keys.view(), beta, similarity).unwrap();
            let next = memory.step(cues.view()).unwrap();
            for (cue, state) in cues.rows().into_iter().zip(next.rows()) {
                let plain = plain_step(&keys, beta, similarity, cue);
                assert!(state.iter().zip(&plain).all(|(a, b)| (a - b).abs() < 1e-12), "beta {beta}");
            }
            let single = memory.step(cues.slice(ndarray::s![..1, ..])).unwrap();
            assert!(single.iter().zip(next.row(0)).all(|(a, b)| (a - b).abs() < 1e-13));
            let sums = memory.weights(cues.view()).unwrap().sum_axis(Axis(1));
            assert!(sums.iter().all(|sum| (sum - 1.0).abs() < 1e-12));
        }
    }

    #[test]
    fn a_step_never_raises_the_energy() {
        let keys = sphere_patterns(40, 10, Seed::new(3));
        let memory = ModernHopfield::fit(keys.view(), 4.0, Similarity::Dot).unwrap();
        let mut states = sphere_patterns(20, 10, Seed::new(4));
        for _ in 0..10 {
            let next = memory.step(states.view()).unwrap();
            let change = memory.energy(next.view()).unwrap() - memory.energy(states.view()).unwrap();
            assert!(change.iter().all(|&change| change < 1e-12));
            states = next;
        }
    }

    #[test]
    fn values_may_differ_from_keys() {
        let keys = sphere_patterns(5, 10, Seed::new(5));
        let values = sphere_patterns(5, 3, Seed::new(6));
        let memory = ModernHopfield::fit_pairs(keys.view(), values.view(), 500.0, Similarity::Distance).unwrap();
        let answers = memory.step(keys.view()).unwrap();
        assert!((&answers - &values).iter().all(|d| d.abs() < 1e-9));
        assert!(ModernHopfield::fit(keys.view(), 0.0, Similarity::Dot).is_err());
    }
}
