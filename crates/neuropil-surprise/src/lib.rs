//! Learning in a world that changes without notice.
//!
//! A parameter stays as it is until, with a small probability per step (the *hazard*), it is drawn anew from a
//! prior. You see one noisy observation per step. What do you believe about the parameter now, how surprising was
//! the last observation, and when did the world change?
//!
//! Bayes' rule answers with one number per observation. The **Bayes Factor surprise** compares how probable the
//! observation is under the prior and under the current belief, `S = P(y; prior) / P(y; belief)`. It sets the
//! **adaptation rate** `gamma = m S / (1 + m S)` with `m = hazard / (1 - hazard)`: the probability that the world
//! has just changed. The new belief keeps `1 - gamma` of what was known and takes `gamma` from the observation
//! alone (Liakoni, Modirshanechi, Gerstner and Brea 2021, arXiv:1907.02936).
//!
//! ```
//! use ndarray::array;
//! use neuropil_surprise::family::Gaussian;
//! use neuropil_surprise::model::ChangePointLearner;
//!
//! let learner = ChangePointLearner { hazard: 0.1.into(), ..ChangePointLearner::new(Gaussian::default()) };
//! let result = learner.filter(array![[0.5], [-0.3], [1.2], [4.0], [3.8]].view())?;
//! // The fourth observation is the surprising one.
//! let rate = &result.adaptation_rate;
//! assert!(rate[3] > 2.0 * rate[2]);
//! # Ok::<(), neuropil_surprise::Error>(())
//! ```
//!
//! # Where things are
//!
//! | question | module |
//! |---|---|
//! | What is observed, and what is the prior? | [`family`] (thirteen conjugate exponential families) |
//! | How often does the world change? | [`hazard`] |
//! | Which learner? | [`method`] by name; one file each: [`run_length`] (exact, MP-N, SOR-N), [`particle`], [`varsmile`], [`smile`], [`nassar`], [`leaky`] |
//! | Filter my data | [`model`] (a sequence, blocks, a batch), [`online`] (a stream), [`pieces`] (a recording whose results do not fit into memory) |
//! | Does the prior fit the scale of the data? | [`prior_conflict`] |
//! | Keep a learner in a file | [`saved`] |
//! | Look back at the whole sequence | [`smooth`], [`segment`], [`change_count`] |
//! | Learn the hazard | [`hazard_learning`], [`online_hazard`] |
//! | Compare with what people marked | [`agreement`] |
//! | Simulate | [`simulate`], for every family ([`generative`]) |
//! | Measures of surprise per trial, as a table | [`regressors`] |
//! | Tune a learner | [`tune`] |
//! | Fit subjects, alone or as a group | [`subject`], [`response`], [`cohort`] |
//! | Can this design recover parameters and models? | [`recover`] |
//! | Alarms with a wanted rate of false alarms | [`alarm`], [`calibration`] |
//!
//! One observation is one row of numbers; a row that holds a NaN is missing: time passes and the hazard applies, but
//! no belief is updated. A change is indexed by the first observation of the new segment, counted from 0. Logarithms
//! are natural.

pub mod agreement;
pub mod alarm;
pub mod blocks;
#[cfg(test)]
mod brute_force;
pub mod calibration;
pub mod change_count;
pub mod cohort;
mod dispatch;
pub mod error;
pub mod family;
pub mod filter;
mod forward;
pub mod free_parameter;
pub mod generative;
pub mod hazard;
pub mod hazard_learning;
pub mod leaky;
pub mod learner;
mod log_weights;
mod look_back;
pub mod method;
pub mod model;
pub mod nassar;
mod observations;
#[cfg(test)]
mod offline_tests;
pub mod online;
pub mod online_hazard;
pub mod parameter;
pub mod particle;
pub mod pieces;
pub mod prior_conflict;
pub mod recover;
pub mod regressors;
pub mod resampling;
pub mod response;
pub mod run_length;
mod run_length_course;
pub mod saved;
pub mod segment;
pub mod simplex;
pub mod simulate;
pub mod smile;
pub mod smooth;
pub mod subject;
pub mod surprise;
pub mod truncation;
pub mod tune;
pub mod varsmile;
mod varsmile_gaussian;

pub use error::{Error, Result};
pub use learner::{Learner, Scores};
