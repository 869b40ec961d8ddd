//! Kernel memory networks and the associative memories they contain.

pub mod associative_memory;
pub mod baseline;
pub mod basin;
pub mod capacity_curve;
pub mod dendrite;
pub mod error;
pub mod jacobian;
pub mod kernel;
mod product;
pub mod random_patterns;
pub mod recall;
pub mod recall_curve;
pub mod theory;

pub use associative_memory::{AssociativeMemory, OverlapField, StateKind};
pub use error::{Error, Result};
pub use kernel::Kernel;
pub use recall::{Recall, RecallOptions, Status, UpdateOrder, recall};
