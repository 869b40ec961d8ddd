//! The state of a simulation at time zero.

use neuropil_core::check;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::network::Network;
use crate::population::PopulationParameters;

/// The state at time zero.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// Every neuron fired just before, and no synapse is active: NEST's start.
    #[default]
    Fired,
    /// As if every population had long been firing at these rates (Hz): synapses are filled, and the time since the
    /// last spike is spread as it would be.
    Activity(Vec<f64>),
}

impl Start {
    pub(crate) fn validate(&self, network: &Network) -> Result<()> {
        let Self::Activity(rates) = self else { return Ok(()) };
        if rates.len() != network.n_populations() {
            return Err(Error::shape(
                "start activity",
                format!("one rate for each of {} populations", network.n_populations()),
                rates.len(),
            ));
        }
        check::each("start activity", rates, check::non_negative)?;
        Ok(())
    }

    /// Activity (Hz) that fills the synapses at time zero.
    pub(crate) fn activity(&self, m: usize) -> Vec<f64> {
        match self {
            Self::Fired => vec![0.0; m],
            Self::Activity(rates) => rates.clone(),
        }
    }

    /// Potential of a neuron that never fired, at time zero.
    pub(crate) fn free_potential(&self, network: &Network) -> Vec<f64> {
        match self {
            // NEST starts the free potential at rest, which is E_L; without current that is the reset.
            Self::Fired => network.populations.iter().map(|p| p.reset).collect(),
            Self::Activity(rates) => network.input_potential(rates).to_vec(),
        }
    }
}

/// How a neuron comes back after a spike when its input potential `h` is constant: for every age `k = 0, 1, ...` in
/// steps of `dt`, the potential after the step in which it has that age, and the probability to have survived up to
/// the beginning of that step. A spike in one step means age 0 in the next.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AgeProfile {
    pub potential: Vec<f64>,
    pub survival: Vec<f64>,
}

impl AgeProfile {
    pub fn new(population: &PopulationParameters, h: f64, dt: f64, n_ages: usize) -> Self {
        let decay = (-dt / population.tau_m).exp();
        let k_ref = population.refractory_steps(dt);
        let (mut u, mut s) = (population.reset, 1.0);
        let mut profile = Self { potential: Vec::with_capacity(n_ages), survival: Vec::with_capacity(n_ages) };
        for k in 0..n_ages {
            profile.survival.push(s);
            if k >= k_ref {
                u = h + (u - h) * decay;
                let rate = population.hazard * ((u - population.threshold) / population.softness).min(50.0).exp();
                s *= (-rate * dt).exp();
            }
            profile.potential.push(u);
        }
        profile
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::winner_take_all;

    #[test]
    fn a_start_has_one_rate_per_population() {
        let network = winner_take_all();
        assert!(Start::Activity(vec![20.0, 5.0, 25.0]).validate(&network).is_ok());
        assert!(Start::Activity(vec![20.0]).validate(&network).unwrap_err().to_string().contains("each of 3"));
        assert!(Start::Activity(vec![20.0, -1.0, 25.0]).validate(&network).is_err());
    }

    #[test]
    fn survivors_get_fewer_with_age() {
        let profile = AgeProfile::new(&PopulationParameters::default(), 24.0, 0.0002, 2000);
        assert_eq!(profile.survival[20], 1.0);
        assert!(profile.survival.windows(2).all(|pair| pair[1] <= pair[0]));
        assert!((profile.potential[1999] - 24.0).abs() < 1e-6);
    }
}
