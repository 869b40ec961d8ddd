//! Kernel memory networks and the associative memories they contain.

pub mod associative_memory;
pub mod baseline;
pub mod basin;
pub mod capacity_curve;
pub mod error;
mod product;
pub mod random_patterns;
pub mod recall;
pub mod recall_curve;
pub mod theory;

pub use associative_memory::{AssociativeMemory, OverlapField, StateKind};
pub use error::{Error, Result};
pub use recall::{Recall, RecallOptions, Status, UpdateOrder, recall};
