//! How far from a pattern a cue may be and still be recalled, measured along random directions.
//!
//! Along a direction the largest recalled distance is found by bisection, which takes the basin to be star-shaped: a
//! gap nearer than the boundary that is found can go unseen. For binary states a direction is an order of the neurons,
//! and the distance is the number of neurons flipped in that order.

use ndarray::{Array2, ArrayView2, Axis};
use neuropil_core::check;
use neuropil_core::progress::Monitor;
use neuropil_core::random::Seed;
use serde::{Deserialize, Serialize};

use crate::associative_memory::{AssociativeMemory, StateKind, check_states};
use crate::error::{Error, Result};
use crate::random_patterns::unit_vector;
use crate::recall::{RecallOptions, permutation, recall};

/// Directions, range and precision of the search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BasinOptions {
    /// Random directions per pattern.
    pub n_directions: usize,
    /// Largest distance tried; `None` for the norm of the longest pattern, or all neurons but one of a binary memory.
    pub largest: Option<f64>,
    /// The distance of real states is found to this precision.
    pub precision: f64,
    /// A real pattern is recalled when the state ends closer than this.
    pub tolerance: f64,
    /// Steps and order of updates.
    pub recall: RecallOptions,
    /// Seed of the directions.
    pub seed: u64,
}

impl Default for BasinOptions {
    fn default() -> Self {
        let recall = RecallOptions { max_steps: 200, ..RecallOptions::default() };
        Self { n_directions: 20, largest: None, precision: 1e-3, tolerance: 1e-3, recall, seed: 0 }
    }
}

/// The largest recalled distance of every pattern (rows) along every direction (columns).
#[derive(Debug, Clone, PartialEq)]
pub struct BasinRadius {
    /// Euclidean distances, or numbers of flipped neurons. Zero where the pattern is not even recalled from itself or
    /// its nearest neighbourhood.
    pub radius: Array2<f64>,
}

impl BasinRadius {
    /// Mean over directions, per pattern.
    #[must_use]
    pub fn mean(&self) -> Vec<f64> {
        self.radius.rows().into_iter().map(|row| row.mean().unwrap_or(0.0)).collect()
    }

    /// Smallest over directions, per pattern: an upper bound of the radius of the largest ball in the basin.
    #[must_use]
    pub fn smallest(&self) -> Vec<f64> {
        self.radius.rows().into_iter().map(|row| row.fold(f64::INFINITY, |low, &r| low.min(r))).collect()
    }
}

/// Measures the basins of the given patterns (rows), all patterns and directions in one batch.
///
/// # Errors
/// For a hetero-associative memory, patterns that the memory cannot take, options that cannot be used, or on cancellation.
pub fn basin_radius<M: AssociativeMemory + ?Sized>(
    memory: &M,
    patterns: ArrayView2<f64>,
    options: &BasinOptions,
    monitor: &Monitor,
) -> Result<BasinRadius> {
    if !memory.is_recurrent() {
        return Err(Error::unsupported(
            "a basin",
            "a memory of pairs answers in one step, and its outputs are not its patterns",
            "measure a recall curve, or store patterns without outputs",
        ));
    }
    check_states("patterns", patterns, memory.n_inputs(), memory.state())?;
    check::at_least("n_directions", options.n_directions, 1)?;
    check::positive("precision", options.precision)?;
    check::positive("tolerance", options.tolerance)?;
    if let Some(largest) = options.largest {
        check::positive("largest", largest)?;
    }
    let (n_patterns, n_directions) = (patterns.nrows(), options.n_directions);
    let search = Search::new(memory.state(), patterns, options);
    let total = n_patterns * n_directions;
    let recalled = |distances: &[f64]| -> Result<Vec<bool>> {
        let cues = search.cues(distances);
        let states = recall(memory, cues.view(), &options.recall, &monitor.quiet())?.states;
        Ok((0..total).map(|row| search.is_recalled(row, states.row(row))).collect())
    };
    // Bracket: `low` is recalled, `high` is not.
    let mut high = vec![search.largest; total];
    let mut low: Vec<f64> =
        recalled(&high)?.iter().map(|&recalled| if recalled { search.largest } else { 0.0 }).collect();
    let rounds = (search.largest / search.precision).log2().ceil().max(1.0) as u64 + 1;
    let task = monitor.task("basin", rounds);
    for _ in 0..rounds {
        monitor.check()?;
        let middle: Vec<f64> = low.iter().zip(&high).map(|(&low, &high)| search.middle(low, high)).collect();
        for (row, recalled) in recalled(&middle)?.into_iter().enumerate() {
            if low[row] < search.largest && middle[row] > low[row] && middle[row] < high[row] {
                if recalled { low[row] = middle[row] } else { high[row] = middle[row] }
            }
        }
        task.advance(1);
    }
    Ok(BasinRadius { radius: Array2::from_shape_fn((n_patterns, n_directions), |(i, j)| low[i * n_directions + j]) })
}

struct Search<'a> {
    patterns: ArrayView2<'a, f64>,
    n_directions: usize,
    kind: StateKind,
    /// Unit vectors, or the rank of every neuron in the order of flips, one row per pattern and direction.
    directions: Array2<f64>,
    largest: f64,
    precision: f64,
    tolerance: f64,
}

impl<'a> Search<'a> {
    fn new(kind: StateKind, patterns: ArrayView2<'a, f64>, options: &BasinOptions) -> Self {
        let n = patterns.ncols();
        let mut directions = Array2::zeros((patterns.nrows() * options.n_directions, n));
        let seed = Seed::new(options.seed).child("basin");
        for (row, mut direction) in directions.axis_iter_mut(Axis(0)).enumerate() {
            let mut stream = seed.index(row as u64).stream();
            match kind {
                StateKind::Binary => {
                    let order = permutation(n, &mut stream);
                    order.into_iter().enumerate().for_each(|(rank, neuron)| direction[neuron] = rank as f64);
                }
                StateKind::Real => {
                    direction.iter_mut().zip(unit_vector(n, &mut stream)).for_each(|(d, e)| *d = e);
                }
            }
        }
        let longest = patterns.rows().into_iter().map(|x| x.dot(&x).sqrt()).fold(f64::MIN_POSITIVE, f64::max);
        let (largest, precision) = match kind {
            StateKind::Binary => {
                let all_but_one = (n as f64 - 1.0).max(1.0);
                (options.largest.map_or(all_but_one, |largest| largest.floor().clamp(1.0, n as f64)), 1.0)
            }
            StateKind::Real => (options.largest.unwrap_or(longest), options.precision),
        };
        let (n_directions, tolerance) = (options.n_directions, options.tolerance);
        Self { patterns, n_directions, kind, directions, largest, precision, tolerance }
    }

    fn middle(&self, low: f64, high: f64) -> f64 {
        let middle = 0.5 * (low + high);
        if self.kind == StateKind::Binary { middle.floor() } else { middle }
    }

    fn cues(&self, distances: &[f64]) -> Array2<f64> {
        Array2::from_shape_fn(self.directions.dim(), |(row, neuron)| {
            let (x, direction) = (self.patterns[(row / self.n_directions, neuron)], self.directions[(row, neuron)]);
            match self.kind {
                StateKind::Binary if direction < distances[row] => -x,
                StateKind::Binary => x,
                StateKind::Real => x + distances[row] * direction,
            }
        })
    }

    fn is_recalled(&self, row: usize, state: ndarray::ArrayView1<f64>) -> bool {
        let pattern = self.patterns.row(row / self.n_directions);
        match self.kind {
            StateKind::Binary => state == pattern,
            StateKind::Real => {
                let squared: f64 = state.iter().zip(pattern).map(|(s, x)| (s - x) * (s - x)).sum();
                squared.sqrt() < self.tolerance
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::{Hopfield, NearestNeighbor};
    use crate::random_patterns::binary_patterns;
    use ndarray::array;

    #[test]
    fn two_points_share_the_plane_half_and_half() {
        let patterns = array![[-1.0, 0.0], [1.0, 0.0]];
        let memory = NearestNeighbor::fit(patterns.view()).unwrap();
        let options = BasinOptions { largest: Some(10.0), n_directions: 40, ..Default::default() };
        let basin = basin_radius(&memory, patterns.view(), &options, &Monitor::silent()).unwrap();
        // Along an angle a towards the other point, the border is at distance 1 / cos(a).
        for radius in &basin.radius {
            assert!(*radius >= 1.0 - 2e-3 && *radius <= 10.0);
        }
        assert!(basin.smallest().iter().all(|&r| r < 1.2));
        assert!(basin.mean().iter().all(|&r| r > 2.0));
    }

    #[test]
    fn one_pattern_attracts_from_just_under_half_its_bits() {
        let patterns = binary_patterns(1, 41, Seed::new(1));
        let memory = Hopfield::fit(patterns.view()).unwrap();
        let basin = basin_radius(&memory, patterns.view(), &BasinOptions::default(), &Monitor::silent()).unwrap();
        // 20 of 41 flips leave an overlap of 1; without its own contribution a flipped neuron still sees +2 or 0.
        assert!(basin.radius.iter().all(|&r| (19.0..=20.0).contains(&r)), "{:?}", basin.radius);
    }
}
