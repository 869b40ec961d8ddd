//! What makes cues of patterns.

use clap::{Args, ValueEnum};
use neuropil_memory::random_patterns::Noise;
use neuropil_memory::{RecallOptions, StateKind, UpdateOrder};

/// Kind of noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum NoiseArg {
    /// Every entry changes its sign with a probability
    Flip,
    /// Gaussian noise with a standard deviation
    Gaussian,
    /// A displacement of a length in a random direction
    Displace,
    /// The last part of every pattern is covered; the level is the fraction
    Cover,
    /// Entries are erased with a probability
    Erase,
}

impl NoiseArg {
    /// What is usual for a kind of states.
    pub fn usual(states: StateKind) -> Self {
        if states == StateKind::Binary { Self::Flip } else { Self::Gaussian }
    }

    /// Covered and erased entries become 0, or -1 in a binary pattern.
    pub fn noise(self, states: StateKind) -> Noise {
        let value = if states == StateKind::Binary { -1.0 } else { 0.0 };
        match self {
            Self::Flip => Noise::Flip,
            Self::Gaussian => Noise::Gaussian,
            Self::Displace => Noise::Displace,
            Self::Cover => Noise::Cover { value },
            Self::Erase => Noise::Erase { value },
        }
    }

    /// What the level is, for an axis.
    pub fn label(self) -> &'static str {
        match self {
            Self::Flip => "flip probability per entry",
            Self::Gaussian => "standard deviation of the noise",
            Self::Displace => "distance of the cue",
            Self::Cover => "fraction covered",
            Self::Erase => "probability of erasing an entry",
        }
    }
}

/// Steps of recall.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Recall")]
pub(crate) struct StepArgs {
    /// Largest number of steps
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub max_steps: usize,
    /// All neurons at once, or one after the other in random order (a step is then a sweep)
    #[arg(long, value_name = "ORDER", default_value = "sync")]
    pub update: UpdateArg,
    /// A real pattern is restored when the state ends closer than this
    #[arg(long, value_name = "X", default_value_t = 1e-3)]
    pub tolerance: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum UpdateArg {
    /// All neurons at once
    Sync,
    /// One neuron at a time
    Async,
}

impl StepArgs {
    pub fn options(&self, seed: u64) -> RecallOptions {
        let update = match self.update {
            UpdateArg::Sync => UpdateOrder::Synchronous,
            UpdateArg::Async => UpdateOrder::Asynchronous,
        };
        RecallOptions { update, max_steps: self.max_steps, seed, ..RecallOptions::default() }
    }
}
