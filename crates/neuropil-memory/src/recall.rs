//! Recall: the step of a memory, iterated until the state no longer changes.
//!
//! Cues are rows and are recalled together: one step of all unfinished rows is one step of the memory, and a row that
//! has come to rest leaves the batch. Synchronous recall of a binary memory can end in a cycle of length two, which is
//! recognised; asynchronous recall updates one neuron at a time in an order drawn from the seed, and cannot. Kernel
//! memories have no energy function in general, so neither kind is promised to come to rest: a limit of steps ends it.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, s};
use neuropil_core::check;
use neuropil_core::progress::Monitor;
use neuropil_core::random::{Seed, Stream, uniform};
use neuropil_core::threads;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::associative_memory::{AssociativeMemory, StateKind, check_states, sign_or};
use crate::error::{Error, Result};
use crate::product::multiply_transposed;

/// Which neurons change at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpdateOrder {
    /// All neurons at once.
    #[default]
    Synchronous,
    /// One neuron at a time, in a random order that is drawn anew for every sweep; one step is one sweep.
    Asynchronous,
}

/// How a state is iterated, and when that ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RecallOptions {
    /// Which neurons change at a time.
    pub update: UpdateOrder,
    /// Largest number of steps (sweeps for asynchronous recall).
    pub max_steps: usize,
    /// A real state has come to rest when a step moves it by less than `tolerance (1 + |s|)`.
    pub tolerance: f64,
    /// Seed of the order of asynchronous updates.
    pub seed: u64,
}

impl Default for RecallOptions {
    fn default() -> Self {
        Self { update: UpdateOrder::Synchronous, max_steps: 1000, tolerance: 1e-9, seed: 0 }
    }
}

impl RecallOptions {
    /// Refuses what cannot be used.
    /// # Errors
    /// For no steps, or a tolerance that is negative or not finite.
    pub fn validate(&self) -> Result<()> {
        check::at_least("max_steps", self.max_steps, 1)?;
        check::non_negative("tolerance", self.tolerance)?;
        Ok(())
    }
}

/// How the recall of one cue ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The state no longer changes.
    Converged,
    /// The state alternates between two values.
    Cycle2,
    /// The limit of steps was reached.
    MaxSteps,
    /// The state left the memories: it diverged, or it fell into the rest state that lies far from every pattern.
    Lost,
}

impl Status {
    /// The name in files and tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Converged => "converged",
            Self::Cycle2 => "cycle2",
            Self::MaxSteps => "max_steps",
            Self::Lost => "lost",
        }
    }
}

/// The stored pattern that is nearest to every recalled state.
#[derive(Debug, Clone, PartialEq)]
pub struct Nearest {
    /// Row of the stored pattern.
    pub index: Vec<usize>,
    /// Cosine of the angle between state and pattern; for binary states `x.s / N`. Zero for a zero vector.
    pub overlap: Vec<f64>,
    /// Euclidean distance; for binary states the number of entries that differ (Hamming).
    pub distance: Vec<f64>,
}

/// What recall returns for Q cues.
#[derive(Debug, Clone, PartialEq)]
pub struct Recall {
    /// The recalled states, Q x outputs.
    pub states: Array2<f64>,
    /// Steps taken until the end was seen.
    pub steps: Vec<usize>,
    /// How each recall ended.
    pub status: Vec<Status>,
    /// The nearest stored patterns, where the memory knows its patterns.
    pub nearest: Option<Nearest>,
}

/// Recalls a batch of cues (rows). A hetero-associative memory answers in one step.
///
/// # Errors
/// For cues that the memory cannot take, options that cannot be used, or on cancellation.
pub fn recall<M: AssociativeMemory + ?Sized>(
    memory: &M,
    cues: ArrayView2<f64>,
    options: &RecallOptions,
    monitor: &Monitor,
) -> Result<Recall> {
    options.validate()?;
    let recurrent = memory.is_recurrent();
    let kind = if recurrent { memory.state() } else { StateKind::Real };
    check_states("cues", cues, memory.n_inputs(), kind)?;
    let mut states = Array2::zeros((cues.nrows(), memory.n_outputs()));
    let mut steps = vec![1; cues.nrows()];
    let mut status = vec![Status::Converged; cues.nrows()];
    let height = block_height(memory);
    let task = monitor.task("recall", cues.nrows() as u64);
    for first in (0..cues.nrows()).step_by(height) {
        monitor.check()?;
        let last = (first + height).min(cues.nrows());
        let block = cues.slice(s![first..last, ..]);
        let ended = match options.update {
            _ if !recurrent => Ended::in_one_step(memory.step(block)?),
            UpdateOrder::Synchronous => synchronous(memory, block, options, monitor)?,
            UpdateOrder::Asynchronous => asynchronous(memory, block, first, options, monitor)?,
        };
        states.slice_mut(s![first..last, ..]).assign(&ended.states);
        steps[first..last].copy_from_slice(&ended.steps);
        status[first..last].copy_from_slice(&ended.status);
        task.advance((last - first) as u64);
    }
    let nearest = memory.patterns().map(|patterns| nearest_patterns(states.view(), patterns, memory.state()));
    mark_lost(memory, states.view(), nearest.as_ref(), &mut status);
    Ok(Recall { states, steps, status, nearest })
}

/// The states that one cue passes through, from the cue (first row) to the end: it replays a sequence.
///
/// # Errors
/// As [`recall`]; a hetero-associative memory.
pub fn recall_path<M: AssociativeMemory + ?Sized>(
    memory: &M,
    cue: ArrayView1<f64>,
    options: &RecallOptions,
) -> Result<Array2<f64>> {
    options.validate()?;
    if !memory.is_recurrent() {
        return Err(Error::unsupported(
            "a path of states",
            "a hetero-associative memory answers in one step",
            "use its answer, or store patterns without outputs",
        ));
    }
    let one_step = RecallOptions { max_steps: 1, ..options.clone() };
    let mut path = cue.insert_axis(Axis(0)).to_owned();
    for sweep in 0..options.max_steps {
        let state = path.slice(s![path.nrows() - 1.., ..]);
        let with_seed = RecallOptions { seed: options.seed.wrapping_add(sweep as u64), ..one_step.clone() };
        let next = recall(memory, state, &with_seed, &Monitor::silent())?.states;
        let moved = distance(state.row(0), next.row(0));
        let still = moved <= options.tolerance * (1.0 + norm(next.row(0)));
        let diverged = !norm(next.row(0)).is_finite();
        let back = path.nrows() > 1 && path.row(path.nrows() - 2) == next.row(0);
        if still || diverged {
            break;
        }
        path = ndarray::concatenate![Axis(0), path, next];
        if back {
            break;
        }
    }
    Ok(path)
}

/// How the rows of one block ended.
struct Ended {
    states: Array2<f64>,
    steps: Vec<usize>,
    status: Vec<Status>,
}

impl Ended {
    fn in_one_step(states: Array2<f64>) -> Self {
        let rows = states.nrows();
        Self { states, steps: vec![1; rows], status: vec![Status::Converged; rows] }
    }
}

/// Cues per block: the overlaps of a block with all patterns stay below about 64 MiB.
fn block_height<M: AssociativeMemory + ?Sized>(memory: &M) -> usize {
    let width = memory.patterns().map_or(memory.n_inputs(), |patterns| patterns.nrows()).max(memory.n_inputs());
    ((1 << 23) / width.max(1)).clamp(16, 4096)
}

fn synchronous<M: AssociativeMemory + ?Sized>(
    memory: &M,
    cues: ArrayView2<f64>,
    options: &RecallOptions,
    monitor: &Monitor,
) -> Result<Ended> {
    let n = cues.nrows();
    let far = 1e6 * memory.patterns().map_or_else(|| largest_norm(cues), largest_norm).max(f64::MIN_POSITIVE);
    let mut ended = Ended { states: cues.to_owned(), steps: vec![0; n], status: vec![Status::MaxSteps; n] };
    let mut rows: Vec<usize> = (0..n).collect();
    let mut now = cues.to_owned();
    let mut before: Option<Array2<f64>> = None;
    for step in 1..=options.max_steps {
        monitor.check()?;
        let next = memory.step(now.view())?;
        let mut unfinished = Vec::with_capacity(rows.len());
        for (i, &row) in rows.iter().enumerate() {
            let new = next.row(i);
            let size = norm(new);
            let still = |other: ArrayView1<f64>| match memory.state() {
                StateKind::Binary => other == new,
                StateKind::Real => distance(other, new) <= options.tolerance * (1.0 + size),
            };
            ended.steps[row] = step;
            ended.states.row_mut(row).assign(&new);
            if still(now.row(i)) {
                ended.status[row] = Status::Converged;
            } else if before.as_ref().is_some_and(|before| still(before.row(i))) {
                ended.status[row] = Status::Cycle2;
            } else if !(size <= far) {
                ended.status[row] = Status::Lost;
                // What lies beyond the limit means nothing; the last state within it does.
                if !size.is_finite() {
                    ended.states.row_mut(row).assign(&now.row(i));
                }
            } else {
                unfinished.push(i);
            }
        }
        if unfinished.is_empty() {
            break;
        }
        if unfinished.len() == rows.len() {
            before = Some(std::mem::replace(&mut now, next));
        } else {
            before = Some(now.select(Axis(0), &unfinished));
            now = next.select(Axis(0), &unfinished);
            rows = unfinished.into_iter().map(|i| rows[i]).collect();
        }
    }
    Ok(ended)
}

fn asynchronous<M: AssociativeMemory + ?Sized>(
    memory: &M,
    cues: ArrayView2<f64>,
    first: usize,
    options: &RecallOptions,
    monitor: &Monitor,
) -> Result<Ended> {
    let seed = Seed::new(options.seed).child("asynchronous-recall");
    let rows: Vec<Result<(Array1<f64>, usize, Status)>> = threads::install(|| {
        (0..cues.nrows())
            .into_par_iter()
            .map(|row| {
                let mut stream = seed.index((first + row) as u64).stream();
                let mut state = cues.row(row).to_owned();
                let mut steps = 0;
                let mut status = Status::MaxSteps;
                while steps < options.max_steps && status == Status::MaxSteps {
                    monitor.check()?;
                    steps += 1;
                    let moved = match memory.overlap_field() {
                        Some(_) => sweep_by_overlaps(memory, &mut state, &mut stream),
                        None => sweep_by_steps(memory, &mut state, &mut stream)?,
                    };
                    let size = norm(state.view());
                    if moved <= options.tolerance * (1.0 + size) {
                        status = Status::Converged;
                    } else if !size.is_finite() {
                        status = Status::Lost;
                    }
                }
                Ok((state, steps, status))
            })
            .collect()
    });
    let mut ended = Ended { states: cues.to_owned(), steps: Vec::new(), status: Vec::new() };
    for (row, result) in rows.into_iter().enumerate() {
        let (state, steps, status) = result?;
        ended.states.row_mut(row).assign(&state);
        ended.steps.push(steps);
        ended.status.push(status);
    }
    Ok(ended)
}

/// One sweep over all neurons, with the overlaps kept up to date: O(M) per neuron. Returns the distance moved.
fn sweep_by_overlaps<M: AssociativeMemory + ?Sized>(memory: &M, state: &mut Array1<f64>, stream: &mut Stream) -> f64 {
    let Some(fields) = memory.overlap_field() else { return 0.0 };
    let stored = fields.stored();
    let mut overlaps = stored.dot(state).to_vec();
    let mut moved = 0.0;
    for neuron in permutation(state.len(), stream) {
        let before = state[neuron];
        let after = sign_or(fields.field(neuron, state.view(), &overlaps), before);
        let change = after - before;
        if change != 0.0 {
            state[neuron] = after;
            moved += change * change;
            overlaps.iter_mut().zip(stored.column(neuron)).for_each(|(u, x)| *u += change * x);
        }
    }
    moved.sqrt()
}

/// One sweep with a whole step of the memory per neuron: for memories of any form.
fn sweep_by_steps<M: AssociativeMemory + ?Sized>(
    memory: &M,
    state: &mut Array1<f64>,
    stream: &mut Stream,
) -> Result<f64> {
    let mut moved = 0.0;
    for neuron in permutation(state.len(), stream) {
        let after = memory.step(state.view().insert_axis(Axis(0)))?[(0, neuron)];
        let change = after - state[neuron];
        state[neuron] = after;
        moved += change * change;
    }
    Ok(moved.sqrt())
}

/// A random order of `0..n` (Fisher and Yates).
pub(crate) fn permutation(n: usize, stream: &mut Stream) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    for last in (1..n).rev() {
        let chosen = (uniform(stream) * (last + 1) as f64) as usize;
        order.swap(last, chosen.min(last));
    }
    order
}

/// The nearest stored pattern of every state: largest overlap for binary, smallest distance for real states.
#[must_use]
pub fn nearest_patterns(states: ArrayView2<f64>, patterns: ArrayView2<f64>, kind: StateKind) -> Nearest {
    let squared: Vec<f64> = patterns.rows().into_iter().map(|x| x.dot(&x)).collect();
    let height = ((1 << 23) / patterns.nrows().max(1)).clamp(16, 4096);
    let mut nearest = Nearest { index: Vec::new(), overlap: Vec::new(), distance: Vec::new() };
    for block in states.axis_chunks_iter(Axis(0), height) {
        let products = multiply_transposed(block, patterns);
        for (state, row) in block.rows().into_iter().zip(products.rows()) {
            // Half the squared distance up to a constant; on the hypercube the same order as the overlap.
            let score = |mu: usize| row[mu] - 0.5 * squared[mu];
            let best = (1..row.len()).fold(0, |best, mu| if score(mu) > score(best) { mu } else { best });
            let pattern = patterns.row(best);
            let size = norm(state) * norm(pattern);
            nearest.index.push(best);
            nearest.overlap.push(if size > 0.0 { state.dot(&pattern) / size } else { 0.0 });
            nearest.distance.push(match kind {
                StateKind::Binary => state.iter().zip(pattern).filter(|(s, x)| s != x).count() as f64,
                StateKind::Real => distance(state, pattern),
            });
        }
    }
    nearest
}

/// A state that came to rest nearer to the rest state than half-way to any pattern is lost.
fn mark_lost<M: AssociativeMemory + ?Sized>(
    memory: &M,
    states: ArrayView2<f64>,
    nearest: Option<&Nearest>,
    status: &mut [Status],
) {
    let (Some(rest), Some(nearest)) = (memory.rest_state(), nearest) else { return };
    for (row, status) in status.iter_mut().enumerate() {
        if distance(states.row(row), rest.view()) < 0.5 * nearest.distance[row] {
            *status = Status::Lost;
        }
    }
}

fn norm(vector: ArrayView1<f64>) -> f64 {
    vector.dot(&vector).sqrt()
}

fn distance(a: ArrayView1<f64>, b: ArrayView1<f64>) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
}

fn largest_norm(rows: ArrayView2<f64>) -> f64 {
    rows.rows().into_iter().map(norm).fold(0.0, f64::max)
}
