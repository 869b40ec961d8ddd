//! The classical associative memories: special cases of a kernel memory with one-shot coefficients, and the
//! nearest-neighbour ceiling. Each has `fit`, an `insert` that adds patterns, and the step of
//! [`AssociativeMemory`](crate::AssociativeMemory).

mod attention;
mod coarse_keys;
mod dense;
mod hard_locations;
mod hopfield;
mod nearest_neighbor;
mod pseudo_inverse;
mod sparse_distributed;
mod universal;

pub use attention::{ModernHopfield, Similarity};
pub use dense::{DenseAssociativeMemory, Interaction};
pub use hard_locations::{HardLocations, SdmParameters};
pub use hopfield::Hopfield;
pub use nearest_neighbor::NearestNeighbor;
pub use pseudo_inverse::PseudoInverse;
pub use sparse_distributed::SparseDistributedMemory;
pub use universal::{Likeness, Separation, UniversalHopfield};
