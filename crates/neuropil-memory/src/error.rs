//! What can be wrong with the input of this room, said so that the reader knows what to do.

use neuropil_core::check::CheckError;
use neuropil_core::progress::Cancelled;
use neuropil_data::DataError;

/// Result of a function of this room.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a memory refuses its patterns, its cues or its parameters.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A parameter lies outside its range.
    #[error(transparent)]
    Parameter(#[from] CheckError),
    /// An array without rows or without columns.
    #[error("{array} hold nothing: the shape is {rows} x {columns}; give at least one row with at least one value")]
    Empty {
        /// Which array.
        array: &'static str,
        /// Its number of rows.
        rows: usize,
        /// Its number of columns.
        columns: usize,
    },
    /// A value that is NaN or infinite.
    #[error("{array}[{row}, {column}] is {value}, but every value must be finite; remove or fill that row")]
    NotFinite {
        /// Which array.
        array: &'static str,
        /// 0-based row.
        row: usize,
        /// 0-based column.
        column: usize,
        /// The value.
        value: f64,
    },
    /// A value other than +1 and -1 where states are binary.
    #[error(
        "{array}[{row}, {column}] is {value}, but binary states must be +1 or -1; binarize the data \
         (2 * (x > threshold) - 1) or choose real states"
    )]
    NotBinary {
        /// Which array.
        array: &'static str,
        /// 0-based row.
        row: usize,
        /// 0-based column.
        column: usize,
        /// The value.
        value: f64,
    },
    /// Two shapes do not fit together.
    #[error("{what}: expected {expected}, got {got}")]
    Shape {
        /// Which array.
        what: String,
        /// The shape that was expected.
        expected: String,
        /// The shape that came.
        got: String,
    },
    /// Two patterns with the same input and different outputs.
    #[error(
        "patterns {first} and {second} have the same input but differ in output {output}: no memory can store both; \
         remove one of them"
    )]
    Conflict {
        /// 0-based index of the first pattern.
        first: usize,
        /// 0-based index of the second pattern.
        second: usize,
        /// 0-based index of the first output in which they differ.
        output: usize,
    },
    /// A pattern that is stored already, or lies in the span of the stored ones.
    #[error(
        "the pattern is stored already, or is determined by the stored patterns: what is new of it is {novelty:.1e} of \
         its norm in feature space, and at least 1e-10 is needed; leave it out, or use a ridge"
    )]
    Duplicate {
        /// Schur complement divided by K(x, x).
        novelty: f64,
    },
    /// A pattern of which the kernel can make nothing.
    #[error("patterns[{row}] is zero in every entry, and the {kernel} kernel gives it no direction; remove it")]
    ZeroPattern {
        /// 0-based row.
        row: usize,
        /// Name of the kernel.
        kernel: &'static str,
    },
    /// The Gram matrix has no Cholesky factor.
    #[error(
        "the Gram matrix of the {kernel} kernel is not positive definite: the pivot of pattern {pivot} is not positive; \
         {advice}"
    )]
    NotPositiveDefinite {
        /// Name of the kernel.
        kernel: &'static str,
        /// 0-based index of the pattern at which the factorisation stopped.
        pivot: usize,
        /// What to do.
        advice: String,
    },
    /// The kernel overflows on these patterns.
    #[error("the {kernel} kernel is not finite for patterns {first} and {second} (overlap {overlap}); {advice}")]
    Overflow {
        /// Name of the kernel.
        kernel: &'static str,
        /// 0-based index of the first pattern.
        first: usize,
        /// 0-based index of the second pattern.
        second: usize,
        /// Their overlap x.y.
        overlap: f64,
        /// What to do.
        advice: &'static str,
    },
    /// The work does not fit into the memory of the machine.
    #[error(
        "{what} needs {needed_gb:.1} GB, but only {available_gb:.1} GB of memory are available; use inducing patterns or a \
         sparse Gram matrix (a kernel of short range)"
    )]
    TooLarge {
        /// What is to be computed.
        what: &'static str,
        /// Gigabytes that it takes.
        needed_gb: f64,
        /// Gigabytes that are free.
        available_gb: f64,
    },
    /// A combination of options that is not defined.
    #[error("{what} is not available: {why}; {advice}")]
    Unsupported {
        /// What was asked for.
        what: String,
        /// Why it cannot be had.
        why: String,
        /// What to do instead.
        advice: String,
    },
    /// A file that is not a memory that this release can read.
    #[error("\"{path}\" is not a memory that this release reads: {problem}")]
    Model {
        /// The file.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A file that could not be read or written.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Somebody asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl Error {
    /// Two shapes that do not fit.
    pub fn shape(what: impl Into<String>, expected: impl ToString, got: impl ToString) -> Self {
        Self::Shape { what: what.into(), expected: expected.to_string(), got: got.to_string() }
    }

    /// A combination that is not defined.
    pub fn unsupported(what: impl Into<String>, why: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::Unsupported { what: what.into(), why: why.into(), advice: advice.into() }
    }
}
