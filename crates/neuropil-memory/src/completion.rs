//! Cues of which a part is unknown: covered pixels, neurons that were not recorded.
//!
//! An unknown entry is first given the mean of that entry over the stored patterns, weighted by how well each pattern agrees
//! with the known entries,
//!
//! `s_i = Σ_μ w_μ x_i^μ`, `w_μ ∝ exp(-Σ_{j known} (x_j^μ - s_j)^2 / r^2)`:
//!
//! the expectation of the entry if the cue came from one of the patterns with Gaussian noise of variance r^2 / 2, which is
//! attention that looks at the known entries only. Recall then starts from a complete state. Without this step an unknown entry would
//! have to be given a value of its own, and the patterns that happen to hold that value would be recalled.

use ndarray::{Array2, ArrayView2, Axis, Zip, s};

use crate::associative_memory::{AssociativeMemory, StateKind};
use crate::error::{Error, Result};
use crate::kernel::Kernel;
use crate::kernel_memory::{KernelMemory, Mode};
use crate::product::{multiply, multiply_transposed};
use crate::radius_choice::suggested_radius;

/// Cues that are completed at a time.
const ROWS: usize = 1024;

impl KernelMemory {
    /// The cues (Q x inputs) with their unknown entries, which are NaN, filled in from the stored patterns. Rows without NaN
    /// stay as they are. Filled entries of a binary memory are +1 or -1.
    ///
    /// r is the radius of the kernel where it is a distance, and otherwise the
    /// [suggested](crate::radius_choice::suggested_radius) one.
    ///
    /// # Errors
    /// For cues of another width, or a cue without a known entry.
    pub fn fill_in(&self, cues: ArrayView2<f64>) -> Result<Array2<f64>> {
        let patterns = self.patterns();
        if cues.ncols() != patterns.ncols() {
            return Err(Error::shape("cues", format!("{} columns", patterns.ncols()), cues.ncols()));
        }
        let mut filled = cues.to_owned();
        let incomplete: Vec<usize> =
            (0..cues.nrows()).filter(|&row| cues.row(row).iter().any(|value| value.is_nan())).collect();
        if incomplete.is_empty() {
            return Ok(filled);
        }
        if let Some(row) = incomplete.iter().find(|&&row| cues.row(row).iter().all(|value| value.is_nan())) {
            return Err(Error::unsupported(
                format!("recall from cue {row}"),
                "every entry of it is unknown (NaN)",
                "give at least one entry, or leave the cue out",
            ));
        }
        let radius = match self.kernel() {
            Kernel::GeneralizedExponential { radius, .. } | Kernel::Ball { radius } => *radius,
            _ if patterns.nrows() < 2 => 1.0,
            _ => suggested_radius(patterns)?,
        };
        let signs = self.mode() == Mode::Auto && self.state() == StateKind::Binary;
        let squares = patterns.mapv(|x| x * x);
        for rows in incomplete.chunks(ROWS) {
            let block = cues.select(Axis(0), rows);
            let means = expectations(block.view(), patterns, squares.view(), radius);
            for (&row, means) in rows.iter().zip(means.rows()) {
                Zip::from(filled.slice_mut(s![row, ..])).and(means).for_each(|value, &mean| {
                    if value.is_nan() {
                        *value = if signs { if mean < 0.0 { -1.0 } else { 1.0 } } else { mean };
                    }
                });
            }
        }
        Ok(filled)
    }
}

/// Means of the patterns, weighted by their agreement with the known entries of every cue.
fn expectations(
    cues: ArrayView2<f64>,
    patterns: ArrayView2<f64>,
    squares: ArrayView2<f64>,
    radius: f64,
) -> Array2<f64> {
    let known = cues.mapv(|value| f64::from(u8::from(!value.is_nan())));
    let values = cues.mapv(|value| if value.is_nan() { 0.0 } else { value });
    // The squared norm of the cue is missing: weights are relative to those of the pattern that agrees best.
    let mut weights = multiply_transposed(known.view(), squares);
    weights.scaled_add(-2.0, &multiply_transposed(values.view(), patterns));
    for mut row in weights.rows_mut() {
        let least = row.iter().copied().fold(f64::INFINITY, f64::min);
        row.mapv_inplace(|distance2| ((least - distance2) / (radius * radius)).exp());
        let sum = row.sum();
        row /= sum;
    }
    multiply(weights.view(), patterns)
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};
    use neuropil_core::progress::Monitor;
    use neuropil_core::random::Seed;

    use super::*;
    use crate::random_patterns::{Noise, binary_patterns, sphere_patterns};
    use crate::{KernelMemoryParams, RecallOptions, Rule, recall};

    fn real(patterns: ArrayView2<f64>, radius: f64) -> KernelMemory {
        let params = KernelMemoryParams {
            kernel: Kernel::gaussian(radius),
            rule: Rule::normalized_interpolation(),
            states: StateKind::Real,
            ..KernelMemoryParams::default()
        };
        KernelMemory::fit(&params, patterns).unwrap().0
    }

    /// The definition, term by term.
    fn plainly(cue: &[f64], patterns: ArrayView2<f64>, radius: f64) -> Vec<f64> {
        let weight = |row: usize| -> f64 {
            let known = cue.iter().zip(patterns.row(row)).filter(|(s, _)| !s.is_nan());
            (-known.map(|(s, x)| (x - s) * (x - s)).sum::<f64>() / (radius * radius)).exp()
        };
        let total: f64 = (0..patterns.nrows()).map(weight).sum();
        let mean = |i: usize| (0..patterns.nrows()).map(|row| weight(row) * patterns[[row, i]]).sum::<f64>() / total;
        cue.iter().enumerate().map(|(i, &s)| if s.is_nan() { mean(i) } else { s }).collect()
    }

    #[test]
    fn unknown_entries_are_the_expectation_under_the_known_ones() {
        let patterns = sphere_patterns(6, 5, Seed::new(1));
        let memory = real(patterns.view(), 0.7);
        let cues = array![[0.3, f64::NAN, -0.2, f64::NAN, 0.1], [0.1, 0.2, 0.3, 0.4, 0.5]];
        let filled = memory.fill_in(cues.view()).unwrap();
        for (got, wanted) in
            filled.row(0).iter().zip(plainly(&[0.3, f64::NAN, -0.2, f64::NAN, 0.1], patterns.view(), 0.7))
        {
            assert!((got - wanted).abs() < 1e-13);
        }
        assert_eq!(filled.row(1), cues.row(1));
    }

    #[test]
    fn half_of_a_pattern_brings_back_the_whole() {
        for (patterns, memory) in [
            {
                let patterns = sphere_patterns(40, 30, Seed::new(2));
                let memory = real(patterns.view(), 0.4);
                (patterns, memory)
            },
            {
                let patterns = binary_patterns(40, 60, Seed::new(3));
                let params = KernelMemoryParams { kernel: Kernel::exponential(0.2), ..KernelMemoryParams::default() };
                let memory = KernelMemory::fit(&params, patterns.view()).unwrap().0;
                (patterns, memory)
            },
        ] {
            let cues = Noise::Cover { value: f64::NAN }.corrupt(patterns.view(), 0.5, Seed::new(4)).unwrap();
            let filled = memory.fill_in(cues.view()).unwrap();
            let found = recall(&memory, filled.view(), &RecallOptions::default(), &Monitor::silent()).unwrap();
            assert!((found.states - patterns).iter().all(|error| error.abs() < 1e-6));
        }
    }

    #[test]
    fn cues_without_anything_known_are_refused() {
        let memory = real(sphere_patterns(3, 4, Seed::new(5)).view(), 0.5);
        let mut cues = Array2::zeros((2, 4));
        cues.row_mut(1).fill(f64::NAN);
        let error = memory.fill_in(cues.view()).unwrap_err().to_string();
        assert!(error.contains("cue 1") && error.contains("unknown"), "{error}");
        assert!(memory.fill_in(Array2::zeros((1, 3)).view()).is_err());
    }
}
