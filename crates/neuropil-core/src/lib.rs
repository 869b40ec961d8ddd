//! What every neuropil model shares, and nothing that only one of them uses.
//!
//! | module | what it holds |
//! |---|---|
//! | [`random`] | keyed random streams: the same bits for a seed, whatever the number of threads |
//! | [`special`] | special functions: log-gamma, digamma, log-sum-exp, the logistic function |
//! | [`vector`] | exponential and logarithm for SIMD loops, with dispatch at run time |

pub mod random;
pub mod special;
pub mod vector;
