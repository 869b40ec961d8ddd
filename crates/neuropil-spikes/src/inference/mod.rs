//! Inference of the hidden circuit behind a few recorded spike trains (neuLVM, arXiv:2205.13493).

mod adjoint;
mod age_kernel;
pub mod authors;
pub mod baum_viterbi;
mod checkpoint;
pub mod circuit;
pub mod clustering;
pub mod curvature;
mod e_step;
pub mod forward;
pub mod full_observation;
pub mod hmc;
pub mod laplace;
pub mod likelihood;
pub mod minimiser;
pub mod model_selection;
pub mod perturbation;
pub mod recording;
mod tape;

pub use baum_viterbi::{BaumViterbi, Fit, FitOptions, Restart, Round};
pub use circuit::{Circuit, CircuitGradient, CouplingRule, FreeParameter, FreeParameters};
pub use e_step::EStep;
pub use forward::LatentModel;
pub use laplace::{HiddenActivity, LaplaceOptions, hidden_activity};
pub use likelihood::{
    Expectation, JointLikelihood, LikelihoodGradient, LikelihoodOptions, NegativeLogLikelihood, Workspace,
};
pub use recording::{Recording, Trial, gaussian_smoothing};
pub use tape::OldAges;
