//! Spiking populations: micro- and mesoscopic simulation, and inference of the hidden circuit.
//!
//! # Where things are
//!
//! | question | module |
//! |---|---|
//! | What is a population, what is a network? | [`population`], [`network`] |

pub mod baselines;
pub mod drive;
pub mod error;
pub mod inference;
pub mod network;
pub mod population;
pub mod start;

pub use error::{Error, Result};
pub use network::{Network, winner_take_all};
pub use population::{Adaptation, PopulationParameters};
