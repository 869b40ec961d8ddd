//! Loss landscapes of multi-layer perceptrons: permutation symmetry, saddles and zero-loss paths.

pub mod activation;
pub mod data;
pub mod error;
mod forward;
pub mod gradient;
pub mod hessian;
pub mod hessian_vector;
pub mod loss;
pub mod network;
mod product;
pub mod spectrum;

pub use activation::{Activation, SignSymmetry};
pub use data::Dataset;
pub use error::{Error, Result};
pub use loss::{Loss, Objective};
pub use network::{Bias, Initialisation, LayerActivation, LayerView, Mlp, Parameters};
pub use spectrum::Spectrum;
