//! Asking memories for their patterns from noisy cues, and counting.

use ndarray::{ArrayView2, Axis};
use neuropil_core::random::Seed;
use neuropil_memory::random_patterns::Noise;
use neuropil_memory::recall_curve::wilson_interval;
use neuropil_memory::{AssociativeMemory, RecallOptions, StateKind, recall};

use crate::{Context, Result};

/// Cues that were recalled, of how many.
#[derive(Debug, Clone, Copy, Default)]
pub struct Count {
    /// Cues from which the pattern was restored.
    pub hits: usize,
    /// All cues.
    pub cues: usize,
}

impl Count {
    pub fn fraction(&self) -> f64 {
        self.hits as f64 / self.cues as f64
    }

    pub fn interval(&self) -> (f64, f64) {
        wilson_interval(self.hits, self.cues)
    }

    pub fn add(&mut self, other: &Self) {
        self.hits += other.hits;
        self.cues += other.cues;
    }
}

/// How a memory is asked.
#[derive(Debug, Clone, Copy)]
pub struct Question {
    /// What makes cues of patterns.
    pub noise: Noise,
    /// Its level.
    pub level: f64,
    /// How often every pattern is asked for.
    pub repeats: usize,
    /// Largest number of steps.
    pub max_steps: usize,
    /// Distance within which a real pattern is restored; binary ones must be restored exactly.
    pub tolerance: f64,
}

/// Asks for all targets from noisy inputs (the same array for an auto-associative memory).
pub fn ask(
    memory: &dyn AssociativeMemory,
    inputs: ArrayView2<f64>,
    targets: ArrayView2<f64>,
    question: Question,
    seed: Seed,
    context: &Context,
) -> Result<Count> {
    let restored = ask_each(memory, inputs, targets, question, seed, context)?;
    Ok(Count { hits: restored.iter().filter(|&&restored| restored).count(), cues: restored.len() })
}

/// Which of the cues bring their target back: all targets once, then all again for every repeat.
pub fn ask_each(
    memory: &dyn AssociativeMemory,
    inputs: ArrayView2<f64>,
    targets: ArrayView2<f64>,
    question: Question,
    seed: Seed,
    context: &Context,
) -> Result<Vec<bool>> {
    let rows: Vec<usize> = (0..inputs.nrows() * question.repeats).map(|cue| cue % inputs.nrows()).collect();
    let cues = question.noise.corrupt(inputs.select(Axis(0), &rows).view(), question.level, seed)?;
    let options = RecallOptions { max_steps: question.max_steps, ..RecallOptions::default() };
    let states = recall(memory, cues.view(), &options, &context.monitor.quiet())?.states;
    let restored = states.rows().into_iter().zip(&rows).map(|(state, &row)| {
        let target = targets.row(row);
        let wrong = match memory.state() {
            StateKind::Binary => state.iter().zip(target).filter(|(s, x)| s != x).count() as f64,
            StateKind::Real => state.iter().zip(target).map(|(s, x)| (s - x) * (s - x)).sum::<f64>().sqrt(),
        };
        let limit = if memory.state() == StateKind::Binary { 0.5 } else { question.tolerance };
        wrong < limit
    });
    Ok(restored.collect())
}
