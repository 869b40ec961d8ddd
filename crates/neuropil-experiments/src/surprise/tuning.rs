//! Tuning of one free parameter by grid search on the total squared error, as in the paper.

use neuropil_core::progress::Monitor;
use neuropil_core::random::Seed;

use super::roster;
use super::task::{Sequence, Task};
use crate::{Error, Result};

/// How many sequences a parameter is tuned on (the paper uses three).
pub const SEEDS: usize = 3;

/// Tunes the parameter of a learner on sequences of a task with a hazard.
pub fn tuned(key: &'static str, task: Task, hazard: f64, length: usize, seed: Seed, monitor: &Monitor) -> Result<f64> {
    let seed = seed.child("tuning");
    let sequences: Vec<Sequence> = (0..SEEDS as u64).map(|i| task.simulate(hazard, length, seed.index(i))).collect();
    let grid = grid(key);
    minimum(&grid, |value| {
        let contender = roster::with_parameter(key, value, hazard)?;
        let mut total = 0.0;
        for sequence in &sequences {
            total += task.mean_squared_error(&contender, sequence, seed, monitor)?;
        }
        Ok(total)
    })
}

/// The grid of a parameter, ascending.
fn grid(key: &str) -> Vec<f64> {
    let logarithmic = |from: f64, to: f64, n: usize| {
        (0..n).map(move |i| 10f64.powf(from + (to - from) * i as f64 / (n - 1) as f64)).collect::<Vec<_>>()
    };
    let steps = |last: usize| (1..=last).map(|i| i as f64 / 100.0);
    match key {
        "leaky" => (0..100).map(|i| f64::from(i) / 100.0).collect(),
        "varsmile" | "smile" => {
            let mut values = logarithmic(-4.0, -1.0, 40);
            values.pop();
            values.extend(steps(if key == "smile" { 1000 } else { 500 }));
            values.sort_by(f64::total_cmp);
            values
        }
        // Without its last point, 1.
        key if key.starts_with("nassar") => {
            let mut values = logarithmic(-4.0, 0.0, 60);
            values.pop();
            values
        }
        _ => logarithmic(-4.0, -1.0, 40),
    }
}

/// The value of the grid with the least loss: every few values first, then between the neighbours of the best, until
/// neighbours on the grid are compared. The losses have one valley along these grids.
fn minimum(grid: &[f64], loss: impl Fn(f64) -> Result<f64>) -> Result<f64> {
    const PARTS: usize = 8;
    let (mut low, mut high) = (0, grid.len().saturating_sub(1));
    loop {
        let step = ((high - low) / PARTS).max(1);
        let mut candidates: Vec<usize> = (low..=high).step_by(step).collect();
        if candidates.last() != Some(&high) {
            candidates.push(high);
        }
        let mut best: Option<(f64, usize)> = None;
        for &index in &candidates {
            let value = loss(grid[index])?;
            if best.is_none_or(|(least, _)| value < least) {
                best = Some((value, index));
            }
        }
        let Some((_, index)) = best else { return Err(Error::failed("a grid search needs at least one value")) };
        if step == 1 {
            return Ok(grid[index]);
        }
        (low, high) = (index.saturating_sub(step), (index + step).min(grid.len() - 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_search_finds_the_bottom_of_a_valley_wherever_it_lies() {
        let grid: Vec<f64> = (0..540).map(f64::from).collect();
        for bottom in [0.0, 1.0, 77.0, 300.4, 539.0] {
            let found = minimum(&grid, |x| Ok((x - bottom).abs())).unwrap();
            assert!((found - bottom).abs() <= 0.5, "{bottom}: {found}");
        }
    }
}
