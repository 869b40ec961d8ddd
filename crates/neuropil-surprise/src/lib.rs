//! Learning in volatile environments.
// Views of arrays are small: they are passed by value.
#![allow(clippy::needless_pass_by_value)]

pub mod agreement;
pub mod blocks;
#[cfg(test)]
mod brute_force;
pub mod change_count;
pub mod error;
pub mod family;
pub mod filter;
mod forward;
pub mod hazard;
pub mod hazard_learning;
pub mod leaky;
pub mod learner;
pub mod method;
pub mod model;
pub mod nassar;
mod observations;
#[cfg(test)]
mod offline_tests;
pub mod online_hazard;
pub mod particle;
pub mod resampling;
pub mod run_length;
pub mod segment;
pub mod smile;
pub mod smooth;
pub mod surprise;
pub mod varsmile;
mod varsmile_gaussian;

pub use error::{Error, Result};
pub use learner::{Learner, Scores};
