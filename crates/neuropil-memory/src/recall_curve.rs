//! How well a memory recalls as its cues get noisier.

use ndarray::{ArrayView2, Axis};
use neuropil_core::check;
use neuropil_core::progress::Monitor;
use neuropil_core::random::Seed;
use serde::{Deserialize, Serialize};

use crate::associative_memory::{AssociativeMemory, StateKind, check_pairs, check_states};
use crate::error::{Error, Result};
use crate::random_patterns::Noise;
use crate::recall::{RecallOptions, recall};

/// What is done to the stored patterns, how often, and when a recall counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CurveOptions {
    /// What makes cues of patterns.
    pub noise: Noise,
    /// Levels of the noise.
    pub levels: Vec<f64>,
    /// Cues per level: the stored patterns in order, as often as needed.
    pub n_cues: usize,
    /// A real pattern is restored when the recalled state is closer than this. Binary patterns are restored when every
    /// entry is right.
    pub tolerance: f64,
    /// Steps and order of updates.
    pub recall: RecallOptions,
    /// Seed of the noise.
    pub seed: u64,
}

impl Default for CurveOptions {
    fn default() -> Self {
        Self {
            noise: Noise::Flip,
            levels: vec![0.0, 0.1, 0.2, 0.3, 0.4],
            n_cues: 200,
            tolerance: 1e-3,
            recall: RecallOptions::default(),
            seed: 0,
        }
    }
}

/// One level of noise of a recall curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Level of the noise.
    pub level: f64,
    /// Cues recalled.
    pub n_cues: usize,
    /// Fraction of the cues from which the pattern was restored.
    pub restored: f64,
    /// 95 % interval of that fraction (Wilson).
    pub restored_interval: (f64, f64),
    /// Mean cosine between recalled state and pattern; `x.s / N` for binary states.
    pub overlap: f64,
    /// Mean error per entry: fraction of wrong signs for binary, root mean square for real states.
    pub error: f64,
    /// Mean number of steps.
    pub steps: f64,
}

/// Recalls noisy versions of `inputs` and compares with `targets` (the same array for an auto-associative memory).
///
/// # Errors
/// For arrays that do not fit the memory, no levels or no cues, a level that the noise does not have, or on
/// cancellation.
pub fn recall_curve<M: AssociativeMemory + ?Sized>(
    memory: &M,
    inputs: ArrayView2<f64>,
    targets: ArrayView2<f64>,
    options: &CurveOptions,
    monitor: &Monitor,
) -> Result<Vec<CurvePoint>> {
    check_pairs(inputs, targets)?;
    if inputs.is_empty() {
        return Err(Error::Empty { array: "patterns", rows: inputs.nrows(), columns: inputs.ncols() });
    }
    check_states("targets", targets, memory.n_outputs(), memory.state())?;
    check::non_empty("levels", &options.levels)?;
    check::at_least("n_cues", options.n_cues, 1)?;
    check::positive("tolerance", options.tolerance)?;
    for &level in &options.levels {
        options.noise.check_level(level)?;
    }
    let task = monitor.task("recall curve", options.levels.len() as u64);
    let rows: Vec<usize> = (0..options.n_cues).map(|cue| cue % inputs.nrows()).collect();
    let (clean, truth) = (inputs.select(Axis(0), &rows), targets.select(Axis(0), &rows));
    let mut points = Vec::with_capacity(options.levels.len());
    for (index, &level) in options.levels.iter().enumerate() {
        let seed = Seed::new(options.seed).child("recall-curve").index(index as u64);
        let cues = options.noise.corrupt(clean.view(), level, seed)?;
        let result = recall(memory, cues.view(), &options.recall, &monitor.quiet())?;
        points.push(CurvePoint {
            level,
            steps: result.steps.iter().sum::<usize>() as f64 / options.n_cues as f64,
            ..score(result.states.view(), truth.view(), memory.state(), options.tolerance)
        });
        task.advance(1);
    }
    Ok(points)
}

/// How well recalled states match the patterns, without level and steps.
pub(crate) fn score(states: ArrayView2<f64>, truth: ArrayView2<f64>, kind: StateKind, tolerance: f64) -> CurvePoint {
    let n = states.nrows();
    let (mut restored, mut overlap, mut error) = (0, 0.0, 0.0);
    for (state, pattern) in states.rows().into_iter().zip(truth.rows()) {
        let size = (state.dot(&state) * pattern.dot(&pattern)).sqrt();
        overlap += if size > 0.0 { state.dot(&pattern) / size } else { 0.0 };
        let width = state.len() as f64;
        match kind {
            StateKind::Binary => {
                let wrong = state.iter().zip(pattern).filter(|(s, x)| s != x).count();
                error += wrong as f64 / width;
                restored += usize::from(wrong == 0);
            }
            StateKind::Real => {
                let squared: f64 = state.iter().zip(pattern).map(|(s, x)| (s - x) * (s - x)).sum();
                error += squared / width;
                restored += usize::from(squared.sqrt() < tolerance);
            }
        }
    }
    let error = error / n as f64;
    CurvePoint {
        level: 0.0,
        n_cues: n,
        restored: restored as f64 / n as f64,
        restored_interval: wilson_interval(restored, n),
        overlap: overlap / n as f64,
        error: if kind == StateKind::Real { error.sqrt() } else { error },
        steps: 0.0,
    }
}

/// The 95 % interval of a proportion (Wilson 1927): inside [0, 1], and not empty at 0 or 1.
#[must_use]
pub fn wilson_interval(successes: usize, trials: usize) -> (f64, f64) {
    if trials == 0 {
        return (0.0, 1.0);
    }
    const Z: f64 = 1.959_963_984_540_054;
    let n = trials as f64;
    let p = successes as f64 / n;
    let centre = (p + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let half = Z / (1.0 + Z * Z / n) * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    ((centre - half).max(0.0), (centre + half).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::{Hopfield, NearestNeighbor};
    use crate::random_patterns::{binary_patterns, sphere_patterns};
    use neuropil_core::threads;

    #[test]
    fn recall_is_perfect_without_noise_and_fails_with_half_the_bits_flipped() {
        let patterns = binary_patterns(5, 200, Seed::new(1));
        let memory = Hopfield::fit(patterns.view()).unwrap();
        let options = CurveOptions { levels: vec![0.0, 0.5], ..Default::default() };
        let curve = || recall_curve(&memory, patterns.view(), patterns.view(), &options, &Monitor::silent()).unwrap();
        let points = curve();
        assert_eq!((points[0].restored, points[0].overlap, points[0].error), (1.0, 1.0, 0.0));
        assert!(points[0].restored_interval.0 > 0.97);
        // With half the bits flipped any pattern, or its negative, is as likely as the one meant.
        assert!(points[1].restored < 0.3 && points[1].error > 0.3);
        let _guard = threads::limited(1);
        assert_eq!(points, curve());
    }

    #[test]
    fn a_real_pattern_is_restored_within_the_tolerance() {
        let patterns = sphere_patterns(10, 6, Seed::new(1));
        let memory = NearestNeighbor::fit(patterns.view()).unwrap();
        let options = CurveOptions { noise: Noise::Gaussian, levels: vec![0.01], n_cues: 30, ..Default::default() };
        let points = recall_curve(&memory, patterns.view(), patterns.view(), &options, &Monitor::silent()).unwrap();
        assert_eq!((points[0].restored, points[0].error), (1.0, 0.0));
        let bad = CurveOptions { noise: Noise::Flip, levels: vec![2.0], ..options };
        assert!(recall_curve(&memory, patterns.view(), patterns.view(), &bad, &Monitor::silent()).is_err());
    }

    #[test]
    fn the_interval_of_a_proportion_has_its_textbook_value() {
        let (low, high) = wilson_interval(8, 10);
        assert!((low - 0.490_162).abs() < 1e-5 && (high - 0.943_318).abs() < 1e-5);
        assert_eq!(wilson_interval(0, 0), (0.0, 1.0));
    }
}
