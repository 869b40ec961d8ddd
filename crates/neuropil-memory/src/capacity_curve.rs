//! How many random patterns a kind of memory holds: new memories of growing load, each filled and asked.

use ndarray::{Array2, ArrayView2};
use neuropil_core::progress::Monitor;
use neuropil_core::random::Seed;
use neuropil_core::{check, threads};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::associative_memory::{AssociativeMemory, StateKind};
use crate::error::Result;
use crate::random_patterns::{Noise, binary_patterns, sphere_patterns};
use crate::recall::{RecallOptions, recall};
use crate::recall_curve::{score, wilson_interval};

/// Which memories are filled, and how they are asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CapacityOptions {
    /// Number of neurons N.
    pub n_neurons: usize,
    /// Numbers of patterns M.
    pub n_patterns: Vec<usize>,
    /// Memories per number of patterns, each with new patterns.
    pub n_trials: usize,
    /// Binary patterns with fair entries, or real ones on the unit sphere.
    pub patterns: StateKind,
    /// What makes cues of patterns; every pattern is asked for once.
    pub noise: Noise,
    /// Level of the noise.
    pub level: f64,
    /// Distance within which a real pattern counts as restored.
    pub tolerance: f64,
    /// Steps and order of updates.
    pub recall: RecallOptions,
    /// Seed of patterns and noise.
    pub seed: u64,
}

impl Default for CapacityOptions {
    fn default() -> Self {
        Self {
            n_neurons: 100,
            n_patterns: vec![10, 20, 50, 100, 150, 200],
            n_trials: 5,
            patterns: StateKind::Binary,
            noise: Noise::Flip,
            level: 0.0,
            tolerance: 1e-3,
            recall: RecallOptions { max_steps: 50, ..RecallOptions::default() },
            seed: 0,
        }
    }
}

impl CapacityOptions {
    /// Refuses what cannot be used.
    /// # Errors
    /// For no neurons, no loads, an empty load, no trials, or a level that the noise does not have.
    pub fn validate(&self) -> Result<()> {
        check::at_least("n_neurons", self.n_neurons, 1)?;
        check::non_empty("n_patterns", &self.n_patterns)?;
        for (index, &m) in self.n_patterns.iter().enumerate() {
            check::at_least("n_patterns", m, 1).map_err(|error| error.at(index))?;
        }
        check::at_least("n_trials", self.n_trials, 1)?;
        check::positive("tolerance", self.tolerance)?;
        self.noise.check_level(self.level)?;
        self.recall.validate()
    }

    /// The patterns of one trial: the same for every kind of memory.
    #[must_use]
    pub fn draw(&self, n_patterns: usize, trial: usize) -> Array2<f64> {
        let seed = Seed::new(self.seed).child("capacity-curve").index(trial as u64);
        match self.patterns {
            StateKind::Binary => binary_patterns(n_patterns, self.n_neurons, seed),
            StateKind::Real => sphere_patterns(n_patterns, self.n_neurons, seed),
        }
    }
}

/// One load of a capacity curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CapacityPoint {
    /// Number of patterns M.
    pub n_patterns: usize,
    /// Load M / N.
    pub load: f64,
    /// Fraction of all patterns of all trials that were restored.
    pub restored: f64,
    /// 95 % interval of that fraction (Wilson), as if cues were independent.
    pub restored_interval: (f64, f64),
    /// Fraction of the trials in which every pattern was restored.
    pub perfect: f64,
    /// Mean error per entry, as in a recall curve.
    pub error: f64,
}

/// Builds memories with `build` at every load and asks them for all their patterns. Trials run in parallel.
///
/// # Errors
/// For options that cannot be used, what `build` refuses, or on cancellation.
pub fn capacity_curve<M: AssociativeMemory>(
    build: impl Fn(ArrayView2<f64>) -> Result<M> + Sync,
    options: &CapacityOptions,
    monitor: &Monitor,
) -> Result<Vec<CapacityPoint>> {
    options.validate()?;
    let task = monitor.task("capacity curve", (options.n_patterns.len() * options.n_trials) as u64);
    let quiet = monitor.quiet();
    let trial = |m: usize, trial: usize| -> Result<(f64, f64)> {
        quiet.check()?;
        let patterns = options.draw(m, trial);
        let memory = build(patterns.view())?;
        let seed = Seed::new(options.seed).child("capacity-cues").index(m as u64).index(trial as u64);
        let cues = options.noise.corrupt(patterns.view(), options.level, seed)?;
        let states = recall(&memory, cues.view(), &options.recall, &quiet)?.states;
        let point = score(states.view(), patterns.view(), memory.state(), options.tolerance);
        task.advance(1);
        Ok((point.restored, point.error))
    };
    options
        .n_patterns
        .iter()
        .map(|&m| {
            let trials: Vec<(f64, f64)> = threads::install(|| {
                (0..options.n_trials).into_par_iter().map(|index| trial(m, index)).collect::<Result<_>>()
            })?;
            let n = options.n_trials as f64;
            let restored = trials.iter().map(|trial| trial.0).sum::<f64>() / n;
            let cues = m * options.n_trials;
            Ok(CapacityPoint {
                n_patterns: m,
                load: m as f64 / options.n_neurons as f64,
                restored,
                restored_interval: wilson_interval((restored * cues as f64).round() as usize, cues),
                perfect: trials.iter().filter(|trial| trial.0 == 1.0).count() as f64 / n,
                error: trials.iter().map(|trial| trial.1).sum::<f64>() / n,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::{Hopfield, PseudoInverse};

    #[test]
    fn a_hopfield_network_fails_where_the_projection_still_holds() {
        let options = CapacityOptions { n_patterns: vec![5, 60], n_trials: 3, ..Default::default() };
        let hopfield = capacity_curve(Hopfield::fit, &options, &Monitor::silent()).unwrap();
        let projection =
            capacity_curve(|x| PseudoInverse::fit(x, StateKind::Binary), &options, &Monitor::silent()).unwrap();
        assert_eq!((hopfield[0].perfect, projection[0].perfect, projection[1].perfect), (1.0, 1.0, 1.0));
        assert!(hopfield[1].restored < 0.05);
        let _guard = threads::limited(1);
        assert_eq!(hopfield, capacity_curve(Hopfield::fit, &options, &Monitor::silent()).unwrap());
        let bad = CapacityOptions { n_patterns: vec![5, 0], ..options };
        let error = capacity_curve(Hopfield::fit, &bad, &Monitor::silent()).unwrap_err();
        assert_eq!(error.to_string(), "n_patterns[1] is 0, but it must be at least 1");
    }
}
