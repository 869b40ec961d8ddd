//! Tuning of one free parameter by grid search on the total squared error, as in the paper.

use neuropil_core::progress::Monitor;
use neuropil_core::random::Seed;
use neuropil_surprise::method::Method;
use neuropil_surprise::tune::{Grid, bottom_of_valley};

use super::roster;
use super::task::{Sequence, Task};
use crate::{Error, Result};

/// How many sequences a parameter is tuned on (the paper uses three).
pub const SEEDS: usize = 3;

/// Tunes the parameter of a learner on sequences of a task with a hazard.
pub fn tuned(key: &'static str, task: Task, hazard: f64, length: usize, seed: Seed, monitor: &Monitor) -> Result<f64> {
    let seed = seed.child("tuning");
    let sequences: Vec<Sequence> = (0..SEEDS as u64).map(|i| task.simulate(hazard, length, seed.index(i))).collect();
    let found = bottom_of_valley(&grid(key)?, |value| {
        let contender = roster::with_parameter(key, value, hazard)?;
        let mut total = 0.0;
        for sequence in &sequences {
            total += task.mean_squared_error(&contender, sequence, seed, monitor)?;
        }
        Ok::<f64, Error>(total)
    })?;
    found.ok_or_else(|| Error::failed("a grid search needs at least one value"))
}

/// The values to try, ascending: the published grids, where zero is not tried for a modulation.
fn grid(key: &str) -> Result<Vec<f64>> {
    // Both delta rules are tuned on the wide grid: with a flat prior the best hazard is larger than 0.1.
    let method = if key.starts_with("nassar") { "nassar10" } else { key };
    let published = Method::named(method).ok().and_then(|method| Grid::published(&method));
    Ok(match published {
        Some(grid) if grid.parameter == "m" => grid.values.into_iter().filter(|m| *m > 0.0).collect(),
        Some(grid) => grid.values,
        None => Grid::logarithmic("hazard", 1e-4, 0.1, 40)?.values,
    })
}
