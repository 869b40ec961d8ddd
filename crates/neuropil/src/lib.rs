//! Models of learning and memory in neural circuits: one crate for all rooms.
//!
//! | module | what it holds |
//! |---|---|
//! | [`core`] | seeds and random streams, progress and cancellation, threads, statistics |
//! | [`data`] | files: npy, npz, IDX and csv by column name |
//! | [`report`] | figures, tables and claims |
//! | `landscape` | loss landscapes: symmetry, saddles, zero-loss paths (feature `landscape`, on by default) |
//! | `memory` | associative memories: kernel memory networks and those they contain (feature `memory`, on by default) |
//! | `spikes` | populations of spiking neurons, and the hidden circuit behind spikes (feature `spikes`, on by default) |
//! | `surprise` | learning in a changing world (feature `surprise`, on by default) |
//!
//! Every room reads on its own and can be used without the others: switch the default features off and name the
//! rooms that you need.

pub use neuropil_core as core;
pub use neuropil_data as data;
#[cfg(feature = "landscape")]
pub use neuropil_landscape as landscape;
#[cfg(feature = "memory")]
pub use neuropil_memory as memory;
pub use neuropil_report as report;
#[cfg(feature = "spikes")]
pub use neuropil_spikes as spikes;
#[cfg(feature = "surprise")]
pub use neuropil_surprise as surprise;

#[cfg(all(doctest, feature = "surprise", feature = "memory"))]
#[doc = include_str!("../../../README.md")]
struct Readme;
