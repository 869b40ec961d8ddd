//! A network: populations and the couplings between them.
//!
//! `coupling[[a, b]]` is the total coupling **from population a to population b**: the jump of potential per spike
//! times the number of neurons of `a` times the connection probability. With `A_a` the activity of `a` in Hz, filtered
//! by its synapse, population `b` receives `sum_a coupling[[a, b]] * A_a` per second, so that its input potential at
//! constant activity is `mu_b + tau_m_b * sum_a coupling[[a, b]] * A_a`.

use ndarray::{Array1, Array2, array};
use neuropil_core::check;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::population::{PopulationParameters, whole_steps};

/// Populations, couplings and the delay of transmission.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// The populations; their order is the order of every array of this room.
    pub populations: Vec<PopulationParameters>,
    /// Total coupling, row = from, column = to, in the unit of the potential.
    #[serde(with = "rows")]
    pub coupling: Array2<f64>,
    /// Time that a spike travels in addition to the one time step of every simulation, s.
    #[serde(default)]
    pub delay: f64,
}

/// How the membrane takes one time step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputRule {
    /// Input enters as `dt * input` (forward Euler), as in the published program.
    #[default]
    Euler,
    /// Input that is constant over the step is integrated exactly, `tau_m (1 - exp(-dt / tau_m)) * input`.
    Exact,
}

impl Network {
    /// A network without delay.
    ///
    /// # Errors
    /// See [`validate`](Self::validate).
    pub fn new(populations: Vec<PopulationParameters>, coupling: Array2<f64>) -> Result<Self> {
        let network = Self { populations, coupling, delay: 0.0 };
        network.validate()?;
        Ok(network)
    }

    /// Number of populations (M).
    #[must_use]
    pub fn n_populations(&self) -> usize {
        self.populations.len()
    }

    /// Number of neurons of every population.
    #[must_use]
    pub fn sizes(&self) -> Vec<usize> {
        self.populations.iter().map(|population| population.n_neurons).collect()
    }

    /// Whether any population adapts.
    #[must_use]
    pub fn has_adaptation(&self) -> bool {
        self.populations.iter().any(|population| !population.adaptation.is_empty())
    }

    /// Refuses what is no network.
    ///
    /// # Errors
    /// Names the population and the field, the value and what is allowed.
    pub fn validate(&self) -> Result<()> {
        check::non_empty("populations", &self.populations)?;
        for (i, population) in self.populations.iter().enumerate() {
            population.validate().map_err(|error| of_population(i, error))?;
        }
        let m = self.n_populations();
        if self.coupling.dim() != (m, m) {
            let (rows, columns) = self.coupling.dim();
            return Err(Error::shape(
                "coupling (row = from, column = to)",
                format!("{m} x {m} for {m} populations"),
                format!("{rows} x {columns}"),
            ));
        }
        for ((from, to), &value) in self.coupling.indexed_iter() {
            check::finite(&format!("coupling[{from}, {to}]"), value)?;
        }
        check::non_negative("delay", self.delay)?;
        if self.delay > 10.0 {
            return Err(Error::parameter("delay", self.delay, "at most 10 seconds (give seconds, not milliseconds)"));
        }
        Ok(())
    }

    /// Refuses a time step that the network cannot be simulated with; returns what the user should know about one that
    /// it can.
    ///
    /// # Errors
    /// `dt` that is not positive and finite, or so long that forward Euler is unstable (`euler` and `dt >= tau_m`).
    pub fn check_step(&self, dt: f64, rule: InputRule) -> Result<Vec<String>> {
        check::positive("dt", dt)?;
        let mut warnings = Vec::new();
        for (i, population) in self.populations.iter().enumerate() {
            if dt >= population.tau_m && rule == InputRule::Euler {
                return Err(Error::parameter(
                    "dt",
                    dt,
                    format!(
                        "shorter than tau_m of population {i} ({} s), or the Euler step is unstable",
                        population.tau_m
                    ),
                ));
            }
            if population.t_ref > 0.0 && population.refractory_steps(dt) == 0 {
                warnings.push(format!(
                    "population {i}: t_ref = {} s is shorter than dt = {dt} s, so refractoriness is ignored",
                    population.t_ref
                ));
            }
            if population.tau_s > 0.0 && dt > population.tau_s {
                warnings.push(format!(
                    "population {i}: dt = {dt} s is longer than tau_s = {} s, so the time course of its synapses is not \
                     resolved",
                    population.tau_s
                ));
            }
        }
        if self.delay > 0.0 && (self.delay / dt - self.delay_steps(dt) as f64).abs() > 1e-6 {
            warnings.push(format!(
                "delay = {} s is no multiple of dt = {dt} s and is rounded down to {} s",
                self.delay,
                self.delay_steps(dt) as f64 * dt
            ));
        }
        Ok(warnings)
    }

    /// Whole time steps of delay, beyond the one step that every spike takes.
    #[must_use]
    pub fn delay_steps(&self, dt: f64) -> usize {
        whole_steps(self.delay, dt)
    }

    /// The same network in reduced units (see [`PopulationParameters::reduced`]): couplings into a population are
    /// divided by its softness. Activity is unchanged.
    #[must_use]
    pub fn reduced(&self) -> Self {
        self.rescaled(self.populations.iter().map(PopulationParameters::reduced).collect())
    }

    /// The same network with this softness (mV) and hazard at threshold (Hz) in every population.
    #[must_use]
    pub fn with_units(&self, softness: f64, hazard: f64) -> Self {
        self.rescaled(self.populations.iter().map(|p| p.with_units(softness, hazard)).collect())
    }

    fn rescaled(&self, populations: Vec<PopulationParameters>) -> Self {
        let mut coupling = self.coupling.clone();
        for (to, mut column) in coupling.columns_mut().into_iter().enumerate() {
            column *= populations[to].softness / self.populations[to].softness;
        }
        Self { populations, coupling, delay: self.delay }
    }

    /// The same circuit with other numbers of neurons at unchanged total coupling: only finite-size noise changes.
    #[must_use]
    pub fn with_sizes(&self, sizes: &[usize]) -> Self {
        let mut network = self.clone();
        for (population, &n_neurons) in network.populations.iter_mut().zip(sizes) {
            population.n_neurons = n_neurons;
        }
        network
    }

    /// Input potential of every population at constant activities (Hz), `mu + tau_m * activity . coupling`.
    #[must_use]
    pub fn input_potential(&self, activity: &[f64]) -> Array1<f64> {
        let input = Array1::from_vec(activity.to_vec()).dot(&self.coupling);
        self.populations.iter().zip(&input).map(|(p, input)| p.mu + p.tau_m * input).collect()
    }
}

/// Puts the number of the population in front of what is wrong with it.
fn of_population(index: usize, error: Error) -> Error {
    match error {
        Error::Parameter { name, value, allowed } => {
            Error::Parameter { name: format!("population {index}: {name}"), value, allowed }
        }
        Error::Check(mut error) => {
            error.name = format!("population {index}: {}", error.name);
            Error::Check(error)
        }
        other => other,
    }
}

/// The winner-take-all circuit of the paper: two excitatory populations of 400 neurons that excite themselves and
/// inhibit each other through 200 inhibitory neurons. One of the two is active, and finite-size noise makes them
/// switch every ten seconds or so.
#[must_use]
pub fn winner_take_all() -> Network {
    let excitatory = PopulationParameters::default();
    let inhibitory = PopulationParameters { n_neurons: 200, tau_s: 0.006, ..PopulationParameters::default() };
    let (e, i) = (24.96, 49.92);
    Network {
        populations: vec![excitatory.clone(), excitatory, inhibitory],
        coupling: array![[e, 0.0, e], [0.0, e, e], [-i, -i, -i]],
        delay: 0.0,
    }
}

/// Couplings as lists of rows, the way people write matrices in JSON.
mod rows {
    use ndarray::Array2;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(matrix: &Array2<f64>, serializer: S) -> Result<S::Ok, S::Error> {
        matrix.rows().into_iter().map(|row| row.to_vec()).collect::<Vec<_>>().serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Array2<f64>, D::Error> {
        let rows = Vec::<Vec<f64>>::deserialize(deserializer)?;
        let n_columns = rows.first().map_or(0, Vec::len);
        let n_rows = rows.len();
        Array2::from_shape_vec((n_rows, n_columns), rows.into_iter().flatten().collect())
            .map_err(|_| D::Error::custom("the rows of coupling have different lengths"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reduced_couplings_of_the_circuit_are_the_published_ones() {
        let reduced = winner_take_all().reduced();
        assert!((reduced.coupling[[0, 0]] - 9.984).abs() < 1e-12);
        assert!((reduced.coupling[[2, 1]] + 19.968).abs() < 1e-12);
        let back = reduced.with_units(2.5, 10.0);
        assert!((&back.coupling - &winner_take_all().coupling).iter().all(|d| d.abs() < 1e-12));
        assert_eq!(reduced.input_potential(&[0.0; 3]).to_vec(), [14.4; 3]);
    }

    #[test]
    fn a_network_survives_json() {
        let text = serde_json::to_string(&winner_take_all()).unwrap();
        assert_eq!(serde_json::from_str::<Network>(&text).unwrap(), winner_take_all());
        let ragged = text.replacen("[24.96,0.0,24.96]", "[24.96,0.0]", 1);
        assert!(serde_json::from_str::<Network>(&ragged).unwrap_err().to_string().contains("different lengths"));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        let mut network = winner_take_all();
        network.populations[1].tau_s = f64::NAN;
        assert!(network.validate().unwrap_err().to_string().starts_with("population 1: tau_s is NaN"));
        let mut network = winner_take_all();
        network.coupling = Array2::zeros((3, 2));
        assert!(network.validate().unwrap_err().to_string().contains("expected 3 x 3 for 3 populations, got 3 x 2"));
        let mut network = winner_take_all();
        network.coupling[[0, 2]] = f64::INFINITY;
        assert!(network.validate().unwrap_err().to_string().contains("coupling[0, 2] is inf"));
        let mut network = winner_take_all();
        network.delay = -1.0;
        assert!(network.validate().is_err());
        assert!(Network::new(vec![], Array2::zeros((0, 0))).is_err());
    }

    #[test]
    fn a_step_is_judged_by_the_time_constants() {
        let network = winner_take_all();
        assert!(network.check_step(0.0, InputRule::Euler).is_err());
        assert!(network.check_step(0.02, InputRule::Euler).unwrap_err().to_string().contains("unstable"));
        assert!(network.check_step(0.02, InputRule::Exact).is_ok());
        assert_eq!(network.check_step(0.0002, InputRule::Euler).unwrap(), Vec::<String>::new());
        let warnings = network.check_step(0.005, InputRule::Euler).unwrap();
        assert!(warnings[0].contains("refractoriness is ignored") && warnings[1].contains("tau_s"), "{warnings:?}");
    }
}
