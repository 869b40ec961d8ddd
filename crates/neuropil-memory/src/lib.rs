//! Kernel memory networks and the associative memories they contain.

mod associative_memory;
mod error;

pub use associative_memory::{AssociativeMemory, OverlapField, StateKind};
