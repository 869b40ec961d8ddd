//! Kernel memory networks and the associative memories they contain.

pub mod associative_memory;
pub mod baseline;
pub mod basin;
mod bits;
pub mod capacity_curve;
mod cholesky;
pub mod dendrite;
mod diagnostics;
pub mod error;
mod gram;
pub mod jacobian;
pub mod kernel;
pub mod kernel_memory;
pub mod margin;
mod patterns;
mod product;
pub mod radius_choice;
pub mod random_patterns;
pub mod recall;
pub mod recall_curve;
pub mod theory;

pub use associative_memory::{AssociativeMemory, OverlapField, StateKind};
pub use diagnostics::LeaveOneOut;
pub use error::{Error, Result};
pub use kernel::Kernel;
pub use kernel_memory::{FitReport, KernelMemory, KernelMemoryParams, Mode, Rule, SelfConnections};
pub use recall::{Recall, RecallOptions, Status, UpdateOrder, recall};
