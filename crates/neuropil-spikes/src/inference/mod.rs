//! Inference of the hidden circuit behind a few recorded spike trains (neuLVM, arXiv:2205.13493).

mod adjoint;
mod age_kernel;
pub mod authors;
pub mod circuit;
pub mod forward;
pub mod likelihood;
pub mod recording;
mod tape;

pub use circuit::{Circuit, CircuitGradient, CouplingRule, FreeParameter, FreeParameters};
pub use forward::LatentModel;
pub use likelihood::{
    Expectation, JointLikelihood, LikelihoodGradient, LikelihoodOptions, NegativeLogLikelihood, Workspace,
};
pub use recording::{Recording, Trial, gaussian_smoothing};
pub use tape::OldAges;
