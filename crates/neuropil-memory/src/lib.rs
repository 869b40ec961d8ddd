//! Kernel memory networks and the associative memories they contain.

mod associative_memory;
mod error;
pub mod kernel;

pub use associative_memory::{AssociativeMemory, OverlapField, StateKind};
pub use error::{Error, Result};
pub use kernel::Kernel;
