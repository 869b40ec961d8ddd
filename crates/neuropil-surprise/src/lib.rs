//! Learning in volatile environments.
pub mod blocks;
pub mod error;
pub mod family;
pub mod filter;
pub mod hazard;
pub mod leaky;
pub mod learner;
pub mod method;
pub mod model;
pub mod nassar;
pub mod online;
pub mod particle;
pub mod resampling;
pub mod run_length;
pub mod smile;
pub mod surprise;
pub mod varsmile;
mod varsmile_gaussian;

pub use error::{Error, Result};
pub use learner::{Learner, Scores};
