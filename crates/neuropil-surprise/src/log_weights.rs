//! Passes over the log weights of all hypotheses, as SIMD kernels.

use neuropil_core::{dispatch, vector};

/// Index of the largest weight, the oldest where several are equal.
pub(crate) fn index_of_largest(weights: &[f64]) -> Option<usize> {
    const BLOCK: usize = 32;
    let largest = largest_of(weights);
    let block = weights.chunks(BLOCK).position(|block| block.iter().fold(false, |hit, &w| hit | (w == largest)))?;
    let start = block * BLOCK;
    weights[start..].iter().position(|&weight| weight == largest).map(|offset| start + offset)
}

dispatch! {
    /// Adds `scores + shift` to the log weights and returns the largest.
    pub(crate) fn add_scores = add_scores_body(log_weights: &mut [f64], scores: &[f64], shift: f64) -> f64;
}
dispatch! {
    /// Subtracts the largest log weight, writes the exponentials and returns their sum.
    pub(crate) fn exponentials = exponentials_body(log_weights: &mut [f64], largest: f64, weights: &mut [f64]) -> f64;
}
dispatch! {
    /// Multiplies every value by a factor.
    pub(crate) fn scale = scale_body(values: &mut [f64], factor: f64);
}
dispatch! {
    /// How many values lie below a threshold.
    pub(crate) fn count_below = count_below_body(values: &[f64], threshold: f64) -> usize;
}
dispatch! {
    fn largest_of = largest_of_body(values: &[f64]) -> f64;
}

#[inline(always)]
fn add_scores_body<const FMA: bool>(log_weights: &mut [f64], scores: &[f64], shift: f64) -> f64 {
    for (log_weight, score) in log_weights.iter_mut().zip(scores) {
        *log_weight += score + shift;
    }
    vector::max(log_weights)
}

#[inline(always)]
fn exponentials_body<const FMA: bool>(log_weights: &mut [f64], largest: f64, weights: &mut [f64]) -> f64 {
    let n = log_weights.len();
    let (log_weights, weights) = (&mut log_weights[..n], &mut weights[..n]);
    for i in 0..n {
        log_weights[i] -= largest;
        weights[i] = vector::exp::<FMA>(log_weights[i]);
    }
    vector::total(weights)
}

#[inline(always)]
fn scale_body<const FMA: bool>(values: &mut [f64], factor: f64) {
    for value in values {
        *value *= factor;
    }
}

#[inline(always)]
fn count_below_body<const FMA: bool>(values: &[f64], threshold: f64) -> usize {
    values.iter().map(|&value| u64::from(value < threshold)).sum::<u64>() as usize
}

#[inline(always)]
fn largest_of_body<const FMA: bool>(values: &[f64]) -> f64 {
    vector::max(values)
}
