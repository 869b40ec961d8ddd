//! Mean squared errors of many learners on a grid of stochasticity and hazard.

use neuropil_core::random::Seed;
use neuropil_core::statistics::{mean, standard_error};
use neuropil_core::threads;
use neuropil_report::Size;
use rayon::prelude::*;

use super::task::{Kind, Task};
use super::{roster, tuning};
use crate::{Context, Result};

/// A grid and how much of it is simulated.
#[derive(Debug, Clone)]
pub struct Grid {
    /// Which task.
    pub kind: Kind,
    /// Levels of stochasticity.
    pub levels: Vec<f64>,
    /// Change probabilities.
    pub hazards: Vec<f64>,
    /// Sequences per cell.
    pub seeds: usize,
    /// Learners; the first is exact Bayes.
    pub learners: Vec<&'static str>,
}

impl Grid {
    /// The paper's grid, with fewer cells and seeds in the quick size.
    pub fn of_paper(kind: Kind, size: Size, learners: &[&'static str]) -> Self {
        let (hazards, seeds) = match size {
            Size::Quick => (vec![0.1, 0.05, 0.01, 0.005], 4),
            Size::Full => (vec![0.1, 0.05, 0.01, 0.005, 0.001, 0.0001], 10),
        };
        Self { kind, levels: kind.levels().to_vec(), hazards, seeds, learners: learners.to_vec() }
    }

    /// What the report says about it.
    pub fn parameters(&self) -> serde_json::Value {
        let steps: Vec<usize> = self.hazards.iter().map(|&hazard| steps(hazard)).collect();
        serde_json::json!({
            "task": self.kind.name(), "levels": self.levels, "hazards": self.hazards, "steps": steps,
            "seeds": self.seeds, "learners": self.learners,
        })
    }

    /// Simulates every sequence once and lets every learner follow it.
    pub fn run(&self, context: &Context) -> Result<Vec<Cell>> {
        let root = Seed::new(context.seed).child(self.kind.name());
        let cells: Vec<(usize, usize)> =
            (0..self.levels.len()).flat_map(|i| (0..self.hazards.len()).map(move |j| (i, j))).collect();
        let jobs: Vec<(usize, u64)> =
            (0..cells.len()).flat_map(|cell| (0..self.seeds as u64).map(move |seed| (cell, seed))).collect();
        let originals: Vec<&'static str> =
            self.learners.iter().copied().filter(|key| key.ends_with("-original")).collect();
        let total = jobs.len() * self.learners.len() + cells.len() * originals.len();
        let bar = context.monitor.task(&format!("{} task", self.kind.name()), total as u64);
        let seed_of = |i: usize, j: usize| root.child(&format!("{}-{}", self.levels[i], self.hazards[j]));
        let task_of = |i: usize| Task { kind: self.kind, level: self.levels[i] };
        threads::install(|| {
            // The parameters of the original delta rules are not among the published ones.
            let tuned: Vec<Vec<f64>> = cells
                .par_iter()
                .with_max_len(1)
                .map(|&(i, j)| {
                    let values = originals.iter().map(|key| {
                        let (hazard, seed) = (self.hazards[j], seed_of(i, j));
                        let value =
                            tuning::tuned(key, task_of(i), hazard, steps(hazard).min(100_000), seed, &context.monitor);
                        bar.advance(1);
                        value
                    });
                    values.collect()
                })
                .collect::<Result<_>>()?;
            let errors: Vec<Vec<Vec<f64>>> = jobs
                .par_iter()
                .with_max_len(1)
                .map(|&(cell, number)| {
                    let (i, j) = cells[cell];
                    let (task, hazard, seed) = (task_of(i), self.hazards[j], seed_of(i, j).index(number));
                    let sequence = task.simulate(hazard, steps(hazard), seed);
                    let errors = self.learners.iter().map(|key| {
                        let contender = match originals.iter().position(|original| original == key) {
                            Some(position) => roster::with_parameter(key, tuned[cell][position], hazard)?,
                            None => roster::published(key, task, hazard)?,
                        };
                        let mut sums = [0.0; BATCHES];
                        let batch = sequence.y.len() / BATCHES;
                        let mut t = 0;
                        task.follow(&contender, &sequence, seed, &context.monitor, |_, _, error| {
                            sums[(t / batch).min(BATCHES - 1)] += error;
                            t += 1;
                        })?;
                        bar.advance(1);
                        Ok(sums.iter().map(|sum| sum / batch as f64).collect())
                    });
                    errors.collect()
                })
                .collect::<Result<_>>()?;
            Ok(cells
                .iter()
                .enumerate()
                .map(|(cell, &(i, j))| Cell {
                    level: self.levels[i],
                    hazard: self.hazards[j],
                    learners: self.learners.clone(),
                    errors: errors[cell * self.seeds..(cell + 1) * self.seeds].to_vec(),
                })
                .collect())
        })
    }
}

/// Parts of a sequence whose errors are averaged separately.
const BATCHES: usize = 25;

/// Steps of a sequence: ten times more where changes are rare.
pub fn steps(hazard: f64) -> usize {
    if hazard > 0.002 { 100_000 } else { 1_000_000 }
}

/// What came out in one cell of the grid.
#[derive(Debug, Clone)]
pub struct Cell {
    /// sigma, or s.
    pub level: f64,
    /// Change probability.
    pub hazard: f64,
    learners: Vec<&'static str>,
    /// Mean squared error by sequence, learner and batch of steps.
    errors: Vec<Vec<Vec<f64>>>,
}

/// A mean over all steps, with a standard error from batches of steps, which are long compared with the segments: a
/// few sequences alone would give a poor one.
#[derive(Debug, Clone, Copy)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Its standard error.
    pub standard_error: f64,
}

impl Cell {
    fn batches(&self, learner: &str) -> Vec<&[f64]> {
        let Some(index) = self.learners.iter().position(|key| *key == learner) else { return Vec::new() };
        self.errors.iter().map(|learners| learners[index].as_slice()).collect()
    }

    /// Whether the learner took part.
    pub fn has(&self, learner: &str) -> bool {
        self.learners.contains(&learner)
    }

    fn estimate(values: &[f64]) -> Estimate {
        Estimate { mean: mean(values).unwrap_or(f64::NAN), standard_error: standard_error(values).unwrap_or(f64::NAN) }
    }

    /// Mean squared error over sequences.
    pub fn error(&self, learner: &str) -> Estimate {
        Self::estimate(&self.batches(learner).concat())
    }

    /// Mean squared error above that of exact Bayes on the same sequence, for each sequence.
    pub fn regrets(&self, learner: &str) -> Vec<f64> {
        let means = |learner| self.batches(learner).into_iter().map(|batches| mean(batches).unwrap_or(f64::NAN));
        means(learner).zip(means("exact")).map(|(error, exact)| error - exact).collect()
    }

    /// Regret over sequences.
    pub fn regret(&self, learner: &str) -> Estimate {
        let exact = self.batches("exact").concat();
        let differences: Vec<f64> =
            self.batches(learner).concat().iter().zip(exact).map(|(error, exact)| error - exact).collect();
        Self::estimate(&differences)
    }
}
