//! What every associative memory of this room has in common: one step from states to states.
//!
//! A memory maps a batch of states (rows) to a batch of outputs. The outputs of a recurrent memory (auto-associative, or
//! of a sequence) are its next inputs, and recall iterates the step until the state no longer changes; a
//! hetero-associative memory answers in one step, whether or not its outputs happen to be as wide as its inputs.
//! Everything that measures a memory ([`crate::recall()`], recall curves, capacity curves, basins) works on this
//! trait, so that a Hopfield network, attention and a kernel memory are compared by the same code.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The values that a state may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateKind {
    /// Every entry is +1 or -1.
    Binary,
    /// Every entry is a finite number.
    Real,
}

/// A memory: a map from a batch of states to a batch of outputs.
pub trait AssociativeMemory: Sync {
    /// Number of input neurons: the length of a state.
    fn n_inputs(&self) -> usize;

    /// Number of output neurons; equal to [`n_inputs`](Self::n_inputs) for an auto-associative memory.
    fn n_outputs(&self) -> usize;

    /// Whether the outputs are the next inputs: true for auto-associative memories and for sequences, whose recall is
    /// iterated; false for a memory of pairs, which answers in one step even where its outputs are as wide as its inputs.
    fn is_recurrent(&self) -> bool;

    /// The values that outputs take.
    fn state(&self) -> StateKind;

    /// One synchronous step of every state: `Q x n_inputs` to `Q x n_outputs`.
    ///
    /// A field of exactly zero leaves the neuron of an auto-associative binary memory as it is, and gives +1 in a
    /// hetero-associative one.
    ///
    /// # Errors
    /// For states of another width, or with values that the memory does not know.
    fn step(&self, states: ArrayView2<f64>) -> Result<Array2<f64>>;

    /// The stored output patterns as rows, if the memory still knows them: recall then says which one is nearest.
    fn patterns(&self) -> Option<ArrayView2<'_, f64>> {
        None
    }

    /// The state into which the memory falls when a cue resembles nothing: where the kernel has decayed, an
    /// interpolating memory answers zero (or the mean of the patterns). `None` when there is no such state.
    fn rest_state(&self) -> Option<Array1<f64>> {
        None
    }

    /// The fields as functions of the overlaps with the stored patterns, if the memory has that form; asynchronous
    /// recall then costs O(M) per neuron instead of a whole step.
    fn overlap_field(&self) -> Option<&dyn OverlapField> {
        None
    }
}

/// A binary auto-associative memory whose fields depend on the state only through the overlaps `u = X s` with the
/// stored patterns and the neuron's own value.
pub trait OverlapField: Sync {
    /// The stored patterns, M x N.
    fn stored(&self) -> ArrayView2<'_, f64>;

    /// The field of one neuron at a state with overlaps `overlaps`, which has one entry per stored pattern; exactly
    /// zero where the field is zero up to rounding.
    fn field(&self, neuron: usize, state: ArrayView1<f64>, overlaps: &[f64]) -> f64;
}

impl AssociativeMemory for Box<dyn AssociativeMemory> {
    fn n_inputs(&self) -> usize {
        (**self).n_inputs()
    }

    fn n_outputs(&self) -> usize {
        (**self).n_outputs()
    }

    fn is_recurrent(&self) -> bool {
        (**self).is_recurrent()
    }

    fn state(&self) -> StateKind {
        (**self).state()
    }

    fn step(&self, states: ArrayView2<f64>) -> Result<Array2<f64>> {
        (**self).step(states)
    }

    fn patterns(&self) -> Option<ArrayView2<'_, f64>> {
        (**self).patterns()
    }

    fn rest_state(&self) -> Option<Array1<f64>> {
        (**self).rest_state()
    }

    fn overlap_field(&self) -> Option<&dyn OverlapField> {
        (**self).overlap_field()
    }
}

/// The sign of a field: +1, -1, or what the neuron was before where the field is zero.
#[inline]
pub(crate) fn sign_or(field: f64, before: f64) -> f64 {
    if field > 0.0 {
        1.0
    } else if field < 0.0 {
        -1.0
    } else {
        before
    }
}

/// Refuses states that a memory with `n_inputs` inputs cannot take: another width, NaN or infinite entries, and
/// entries other than +1 and -1 where `kind` is binary.
///
/// # Errors
/// The first offence, with its row and column.
pub fn check_states(array: &'static str, states: ArrayView2<f64>, n_inputs: usize, kind: StateKind) -> Result<()> {
    if states.ncols() != n_inputs {
        let expected = format!("{n_inputs} columns, one per input neuron of the memory");
        return Err(Error::shape(array, expected, format!("{} columns", states.ncols())));
    }
    let offence = |value: f64| match kind {
        StateKind::Binary => value != 1.0 && value != -1.0,
        StateKind::Real => !value.is_finite(),
    };
    let Some(((row, column), &value)) = states.indexed_iter().find(|&(_, &value)| offence(value)) else {
        return Ok(());
    };
    Err(if value.is_finite() {
        Error::NotBinary { array, row, column, value }
    } else {
        Error::NotFinite { array, row, column, value }
    })
}

/// Refuses a set of patterns that holds nothing to store, or values that it cannot hold.
///
/// # Errors
/// For no rows, no columns, and as [`check_states`].
pub(crate) fn check_stored(array: &'static str, patterns: ArrayView2<f64>, kind: StateKind) -> Result<()> {
    if patterns.is_empty() {
        return Err(Error::Empty { array, rows: patterns.nrows(), columns: patterns.ncols() });
    }
    check_states(array, patterns, patterns.ncols(), kind)
}

/// Refuses two sets of patterns that are not pairs.
///
/// # Errors
/// For different numbers of rows.
pub(crate) fn check_pairs(inputs: ArrayView2<f64>, outputs: ArrayView2<f64>) -> Result<()> {
    if inputs.nrows() == outputs.nrows() {
        return Ok(());
    }
    let expected = format!("{} rows, one output pattern per input pattern", inputs.nrows());
    Err(Error::shape("outputs", expected, format!("{} rows", outputs.nrows())))
}
