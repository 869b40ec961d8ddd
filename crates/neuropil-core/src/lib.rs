//! What every neuropil model shares, and nothing that only one of them uses.
//!
//! | module | what it holds |
//! |---|---|
//! | [`check`] | checks of what a user gives, with the sentence that says what is wrong |
//! | [`files`] | files that are either complete or not there |
//! | [`memory`] | vectors for long results |
//! | [`progress`] | progress and cancellation of long work |
//! | [`provenance`] | version, seed, parameters and input hash that every result carries |
//! | [`random`] | keyed random streams: the same bits for a seed, whatever the number of threads |
//! | [`special`] | special functions: log-gamma, digamma, log-sum-exp, the logistic function |
//! | [`statistics`] | means with standard errors, quantiles, correlations, bootstrap intervals |
//! | [`threads`] | the thread pool: built lazily, limited by the user, safe after a fork |
//! | [`vector`] | exponential and logarithm for SIMD loops, with dispatch at run time |

pub mod check;
pub mod files;
pub mod memory;
pub mod progress;
pub mod provenance;
pub mod random;
pub mod special;
pub mod statistics;
pub mod threads;
pub mod vector;
