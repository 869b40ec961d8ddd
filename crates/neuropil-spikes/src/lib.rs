//! Spiking populations: micro- and mesoscopic simulation, and inference of the hidden circuit.
//!
//! # Where things are
//!
//! | question | module |
//! |---|---|
//! | What is a population, what is a network? | [`population`], [`network`] |
//! | Simulate every neuron | [`micro`] (exact cohorts, or clock-driven) |
//! | Simulate the activity of finite populations | [`meso`] |
//! | Where does the mean field rest, and is that stable? | [`fixed_points`], [`renewal`] |
//! | Describe activity and spike trains | [`statistics`] |
//! | Go on in NEST | [`nest`] |

pub mod baselines;
pub mod drive;
pub mod error;
pub mod fixed_points;
pub mod inference;
pub mod meso;
pub mod micro;
pub mod nest;
pub mod network;
pub mod population;
pub mod renewal;
pub mod start;
pub mod statistics;
mod synapse;

pub use error::{Error, Result};
pub use meso::{MesoOptions, MesoResult, simulate_meso};
pub use micro::{MicroOptions, MicroResult, simulate_micro};
pub use network::{Network, winner_take_all};
pub use population::{Adaptation, PopulationParameters};
