//! Kernel memory networks and the associative memories they contain.
//!
//! An associative memory stores patterns `x^mu` and recalls them from noisy cues. Seen through a kernel
//! `K(x, y) = phi(x) . phi(y)`, every output neuron is a linear neuron in the feature space of its dendrite:
//!
//! `h_i(s) = sum_mu c_i^mu K(x^mu, s) - theta_i`, answer `sgn h_i` (binary states) or `h_i` (real states).
//!
//! With `c = y` (Hebb, "one-shot") this is Hopfield's network (linear kernel), a dense associative memory (polynomial),
//! Kanerva's sparse distributed memory (the overlap of two Hamming balls) or attention (normalised exponential). The same
//! kernels with *optimal* coefficients are the kernel memory networks of Iatropoulos, Brea and Gerstner (2022): the maximal
//! margin for binary states, interpolation of least norm for real ones. Every stored pattern is then a fixed point, and
//! the noise that each neuron tolerates is as large as the kernel allows.
//!
//! ```
//! use neuropil_core::progress::Monitor;
//! use neuropil_core::random::Seed;
//! use neuropil_memory::random_patterns::binary_patterns;
//! use neuropil_memory::{Kernel, KernelMemory, KernelMemoryParams, RecallOptions, recall};
//!
//! let patterns = binary_patterns(50, 100, Seed::new(0));
//! let params = KernelMemoryParams { kernel: Kernel::Linear, ..KernelMemoryParams::default() };
//! let (mut memory, report) = KernelMemory::fit(&params, patterns.view())?;
//! assert!(report.all_stored());
//!
//! let mut cues = patterns.clone();
//! cues.column_mut(3).mapv_inplace(|x| -x);
//! let recalled = recall(&memory, cues.view(), &RecallOptions::default(), &Monitor::silent())?;
//! assert_eq!(recalled.states, patterns);
//! # memory.delete(0)?;
//! # Ok::<(), neuropil_memory::Error>(())
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`kernel`] | kernels: values, derivatives, gradients |
//! | [`kernel_memory`] | the memory: fit, field, insert and delete, files, more patterns than fit a Gram matrix |
//! | [`margin`] | support-vector machines for all neurons at once |
//! | [`diluted`], [`sparse_code`] | neurons with inputs of their own choice; patterns of zeros and ones |
//! | [`baseline`] | Hopfield, dense, attention, sparse distributed, nearest neighbour, universal |
//! | [`completion`] | cues of which a part is unknown |
//! | [`recall`](mod@recall), [`recall_curve`](mod@recall_curve), [`capacity_curve`](mod@capacity_curve) | recall, and recall against noise and load |
//! | [`basin`], [`jacobian`] | how far a pattern attracts, and whether it is stable |
//! | [`dendrite`] | how much each order of interaction contributes |
//! | [`theory`] | Gardner, Cover, Hopfield, Kanerva: what to expect |

pub mod associative_memory;
pub mod baseline;
pub mod basin;
mod bits;
pub mod capacity_curve;
mod cholesky;
pub mod completion;
pub mod dendrite;
mod diagnostics;
pub mod diluted;
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
pub mod sparse_code;
pub mod theory;

pub use associative_memory::{AssociativeMemory, OverlapField, StateKind};
pub use diagnostics::LeaveOneOut;
pub use error::{Error, Result};
pub use kernel::Kernel;
pub use kernel_memory::{FitReport, KernelMemory, KernelMemoryParams, Mode, Rule, SelfConnections};
pub use recall::{Recall, RecallOptions, Status, UpdateOrder, recall};
