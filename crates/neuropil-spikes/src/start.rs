//! The state of a simulation at time zero.

use neuropil_core::check;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::network::{InputRule, Network};
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

/// How a neuron comes back after a spike when its input potential `h` is constant. A spike in one step means age 0 in
/// the next.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AgeProfile {
    /// Potential after the step in which the neuron has this age.
    pub potential: Vec<f64>,
    /// Probability to have survived up to the beginning of that step.
    pub survival: Vec<f64>,
    /// The sum of the survival probabilities of all later ages.
    pub older: f64,
}

impl AgeProfile {
    /// The profile up to the age at which the potential has reached `h` to nine digits, or nobody is left.
    pub fn new(population: &PopulationParameters, h: f64, dt: f64, rule: InputRule) -> Self {
        let decay = match rule {
            InputRule::Exact => (-dt / population.tau_m).exp(),
            InputRule::Euler => 1.0 - dt / population.tau_m,
        };
        let hazard = |u: f64| population.hazard * ((u - population.threshold) / population.softness).min(50.0).exp();
        let k_ref = population.refractory_steps(dt);
        let (mut u, mut s) = (population.reset, 1.0);
        let mut profile = Self { potential: Vec::new(), survival: Vec::new(), older: 0.0 };
        loop {
            profile.survival.push(s);
            if profile.survival.len() > k_ref {
                u = h + (u - h) * decay;
                s *= (-hazard(u) * dt).exp();
            }
            profile.potential.push(u);
            if profile.survival.len() > k_ref && (s < 1e-15 || (u - h).abs() < 1e-9 * population.softness) {
                break;
            }
        }
        // Beyond the last age the hazard is constant; a population that never fires keeps a finite number.
        profile.older = s / -(-hazard(h) * dt).max(-700.0).exp_m1().min(-1e-12);
        profile
    }

    /// Sum of the survival probabilities of all ages: the mean interval between spikes in steps.
    pub fn total(&self) -> f64 {
        self.survival.iter().sum::<f64>() + self.older
    }

    /// Potential at the beginning of a step of a neuron with age `k` in that step.
    pub fn potential_before(&self, k: usize, reset: f64) -> f64 {
        match k.checked_sub(1) {
            None => reset,
            Some(before) => self.potential[before.min(self.potential.len() - 1)],
        }
    }

    /// A random age, distributed as in a population at rest; the number of ages of the profile stands for "older".
    pub fn sampler(&self) -> impl Fn(f64) -> usize + '_ {
        let mut cumulative = Vec::with_capacity(self.survival.len());
        let mut sum = 0.0;
        for s in &self.survival {
            sum += s;
            cumulative.push(sum);
        }
        let total = sum + self.older;
        move |uniform: f64| cumulative.partition_point(|&c| c <= uniform * total)
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
        let profile = AgeProfile::new(&PopulationParameters::default(), 15.0, 0.0002, InputRule::Exact);
        assert_eq!((profile.survival[20], profile.potential[19]), (1.0, 0.0));
        assert!(profile.survival.windows(2).all(|pair| pair[1] <= pair[0]));
        // Renewal theory in continuous time: 6.732160 Hz.
        let rate = 1.0 / (profile.total() * 0.0002);
        assert!((rate / 6.732_160 - 1.0).abs() < 0.01, "{rate}");
        let draw = profile.sampler();
        assert_eq!((draw(0.0), draw(1.0 - 1e-16)), (0, profile.survival.len()));
    }
}
