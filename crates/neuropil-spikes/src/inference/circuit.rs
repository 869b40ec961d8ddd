//! The circuit as the likelihood sees it: reduced units, one number per parameter, and how a fit moves them.
//!
//! In reduced units potentials are divided by the softness, counted from the reset, and the hazard at threshold is
//! part of the threshold, so that `lambda(u) = exp(u - threshold)` in Hz. Softness and hazard cannot be told from
//! spikes apart from the other parameters: every network is equivalent to one reduced circuit.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::network::Network;

/// A network without adaptation in reduced units, on a grid of time steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Circuit {
    /// Number of neurons of every population (N).
    pub n_neurons: Vec<usize>,
    /// Steps of silence after a spike (`k_ref`).
    pub refractory_steps: Vec<usize>,
    /// Steps of transmission delay beyond the one that every spike takes (d).
    pub delay_steps: usize,
    /// Time step, s.
    pub dt: f64,
    /// Leak rate `alpha = 1 / tau_m`, 1/s.
    pub leak: Vec<f64>,
    /// Resting potential without recurrent input (mu).
    pub resting: Vec<f64>,
    /// Threshold (`theta / softness - ln hazard`).
    pub threshold: Vec<f64>,
    /// Time constant of the synapses a population makes, s.
    pub tau_s: Vec<f64>,
    /// Total coupling, row = from, column = to (W).
    pub coupling: Array2<f64>,
}

impl Circuit {
    /// The reduced circuit of a network at a time step.
    ///
    /// # Errors
    /// A network that is not valid, that adapts (the likelihood has no adaptation), or whose Euler step is unstable.
    pub fn from_network(network: &Network, dt: f64) -> Result<Self> {
        network.validate()?;
        if network.has_adaptation() {
            return Err(Error::unsupported(
                "the likelihood of the hidden circuit",
                "threshold adaptation",
                "simulate adapting networks, and fit circuits without adaptation",
            ));
        }
        network.check_step(dt, crate::network::InputRule::Euler)?;
        let reduced = network.reduced();
        let of = |value: fn(&crate::population::PopulationParameters) -> f64| -> Vec<f64> {
            reduced.populations.iter().map(value).collect()
        };
        Ok(Self {
            n_neurons: network.sizes(),
            refractory_steps: network.populations.iter().map(|p| p.refractory_steps(dt)).collect(),
            delay_steps: network.delay_steps(dt),
            dt,
            leak: of(|p| 1.0 / p.tau_m),
            resting: of(|p| p.mu - p.reset),
            threshold: of(|p| p.threshold - p.reset),
            tau_s: of(|p| p.tau_s),
            coupling: reduced.coupling,
        })
    }

    /// Number of populations (M).
    #[must_use]
    pub fn n_populations(&self) -> usize {
        self.n_neurons.len()
    }

    /// The network with these parameters in the units of `template`: its softness, hazard, reset, refractory period
    /// and delay are kept.
    #[must_use]
    pub fn to_network(&self, template: &Network) -> Network {
        let mut network = template.clone();
        for (m, population) in network.populations.iter_mut().enumerate() {
            let unit = population.softness;
            population.n_neurons = self.n_neurons[m];
            population.tau_m = 1.0 / self.leak[m];
            population.mu = population.reset + unit * self.resting[m];
            population.threshold = population.reset + unit * (self.threshold[m] + population.hazard.ln());
            population.tau_s = self.tau_s[m];
        }
        network.coupling = Array2::from_shape_fn(self.coupling.dim(), |(a, b)| {
            self.coupling[[a, b]] * template.populations[b].softness
        });
        network
    }

    /// Factor by which a potential decays in a step (`1 - alpha dt`), as in the published program.
    #[inline]
    pub(crate) fn decay(&self, population: usize) -> f64 {
        1.0 - self.leak[population] * self.dt
    }

    /// Factor by which the synaptic trace decays in a step; zero for delta pulses.
    #[inline]
    pub(crate) fn synaptic_decay(&self, population: usize) -> f64 {
        if self.tau_s[population] > 0.0 { (-self.dt / self.tau_s[population]).exp() } else { 0.0 }
    }

    /// Potential at constant activity (Hz): `mu + sum_a A_a W[a, b] / alpha`.
    #[must_use]
    pub fn input_potential(&self, activity: &[f64]) -> Vec<f64> {
        (0..self.n_populations())
            .map(|b| {
                let input: f64 = activity.iter().enumerate().map(|(a, rate)| rate * self.coupling[[a, b]]).sum();
                self.resting[b] + input / self.leak[b]
            })
            .collect()
    }

    /// Refuses what the recursion cannot run.
    ///
    /// # Errors
    /// An unstable Euler step (`alpha dt >= 1`), or numbers that are not finite.
    pub fn validate(&self) -> Result<()> {
        for m in 0..self.n_populations() {
            let product = self.leak[m] * self.dt;
            if !(product > 0.0 && product < 1.0) {
                return Err(Error::parameter(
                    format!("population {m}: dt / tau_m"),
                    product,
                    "above 0 and below 1, or the Euler step is unstable (use a shorter dt)",
                ));
            }
            for (name, value) in
                [("resting potential", self.resting[m]), ("threshold", self.threshold[m]), ("tau_s", self.tau_s[m])]
            {
                if !value.is_finite() {
                    return Err(Error::parameter(format!("population {m}: {name}"), value, "finite"));
                }
            }
        }
        if let Some(value) = self.coupling.iter().find(|value| !value.is_finite()) {
            return Err(Error::parameter("coupling", value, "finite"));
        }
        Ok(())
    }
}

/// Derivatives of a negative log-likelihood with respect to every parameter of a [`Circuit`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CircuitGradient {
    /// With respect to the leak rates.
    pub leak: Vec<f64>,
    /// With respect to the resting potentials.
    pub resting: Vec<f64>,
    /// With respect to the thresholds.
    pub threshold: Vec<f64>,
    /// With respect to the synaptic time constants.
    pub tau_s: Vec<f64>,
    /// With respect to the couplings, row = from.
    pub coupling: Array2<f64>,
}

impl CircuitGradient {
    /// Zero for `n_populations`.
    #[must_use]
    pub fn zeros(n_populations: usize) -> Self {
        let zero = vec![0.0; n_populations];
        Self {
            leak: zero.clone(),
            resting: zero.clone(),
            threshold: zero.clone(),
            tau_s: zero,
            coupling: Array2::zeros((n_populations, n_populations)),
        }
    }
}

/// One number that a fit may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FreeParameter {
    /// Leak rate of a population.
    Leak(usize),
    /// Resting potential of a population.
    Resting(usize),
    /// Threshold of a population.
    Threshold(usize),
    /// Synaptic time constant of a population.
    SynapticTime(usize),
    /// One coupling strength for all targets of a population: scales its row of the coupling matrix.
    Row(usize),
    /// One coupling, from and to.
    Coupling(usize, usize),
}

/// Which couplings a fit adjusts.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CouplingRule {
    /// One strength per presynaptic population; the ratios and signs within a row are those of the template (the
    /// published fit).
    #[default]
    PerRow,
    /// Every coupling that is not zero in the template, with the sign of the template.
    PerEntry,
    /// Every coupling, with either sign, within plus or minus a limit in units of the softness.
    Unsigned {
        /// Largest size of a coupling.
        limit: f64,
    },
    /// None.
    Fixed,
}

/// The free parameters of a fit with their centres and bounds; the optimiser sees them divided by their scales.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FreeParameters {
    /// What is free.
    pub parameters: Vec<FreeParameter>,
    /// Scale of every parameter: the template's value (for a coupling row: one), or the limit.
    pub scale: Vec<f64>,
    /// Lower bounds, in scales.
    pub lower: Vec<f64>,
    /// Upper bounds, in scales.
    pub upper: Vec<f64>,
    template: Circuit,
}

impl FreeParameters {
    /// Leak, resting potential and threshold of every population and the couplings that the rule names, each within
    /// `bounds` times the value in the template (the published fit: 0.4 to 2).
    ///
    /// # Errors
    /// Bounds that are not increasing and positive, or a limit that is not positive.
    pub fn around(template: &Circuit, rule: CouplingRule, bounds: (f64, f64)) -> Result<Self> {
        template.validate()?;
        if !(bounds.0 > 0.0 && bounds.1 > bounds.0 && bounds.1.is_finite()) {
            return Err(Error::parameter(
                "bounds",
                format!("{} to {}", bounds.0, bounds.1),
                "two positive factors, the lower one first",
            ));
        }
        let mut free = Self {
            parameters: Vec::new(),
            scale: Vec::new(),
            lower: Vec::new(),
            upper: Vec::new(),
            template: template.clone(),
        };
        let populations = 0..template.n_populations();
        for m in populations.clone() {
            // The Euler step is stable for alpha dt < 1 only; a little below keeps rates finite.
            let stable = 0.95 / (template.leak[m] * template.dt);
            free.push(FreeParameter::Leak(m), template.leak[m], (bounds.0, bounds.1.min(stable)));
        }
        for a in populations.clone() {
            match rule {
                CouplingRule::PerRow if template.coupling.row(a).iter().any(|w| *w != 0.0) => {
                    free.push(FreeParameter::Row(a), 1.0, bounds);
                }
                CouplingRule::PerEntry => {
                    for b in populations.clone().filter(|&b| template.coupling[[a, b]] != 0.0) {
                        free.push(FreeParameter::Coupling(a, b), template.coupling[[a, b]], bounds);
                    }
                }
                CouplingRule::Unsigned { limit } => {
                    if !(limit > 0.0 && limit.is_finite()) {
                        return Err(Error::parameter("limit of the couplings", limit, "positive and finite"));
                    }
                    for b in populations.clone() {
                        free.push(FreeParameter::Coupling(a, b), limit, (-1.0, 1.0));
                    }
                }
                CouplingRule::PerRow | CouplingRule::Fixed => {}
            }
        }
        for m in populations.clone() {
            free.push_potential(FreeParameter::Resting(m), template.resting[m], bounds);
        }
        for m in populations {
            free.push_potential(FreeParameter::Threshold(m), template.threshold[m], bounds);
        }
        Ok(free)
    }

    fn push(&mut self, parameter: FreeParameter, scale: f64, bounds: (f64, f64)) {
        self.parameters.push(parameter);
        self.scale.push(scale);
        self.lower.push(bounds.0);
        self.upper.push(bounds.1);
    }

    /// Potentials can be near zero, where a multiple of the template says nothing: then plus or minus ten softnesses.
    fn push_potential(&mut self, parameter: FreeParameter, value: f64, bounds: (f64, f64)) {
        if value.abs() > 0.5 {
            self.push(parameter, value, bounds);
        } else {
            self.push(parameter, 10.0, (value / 10.0 - 1.0, value / 10.0 + 1.0));
        }
    }

    /// Adds the synaptic time constants.
    #[must_use]
    pub fn with_synaptic_times(mut self, bounds: (f64, f64)) -> Self {
        for m in 0..self.template.n_populations() {
            if self.template.tau_s[m] > 0.0 {
                self.push(FreeParameter::SynapticTime(m), self.template.tau_s[m], bounds);
            }
        }
        self
    }

    /// Number of free parameters.
    #[must_use]
    pub fn len(&self) -> usize {
        self.parameters.len()
    }

    /// Whether nothing is free.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parameters.is_empty()
    }

    /// The circuit that the numbers stand for.
    #[must_use]
    pub fn circuit(&self, numbers: &[f64]) -> Circuit {
        let mut circuit = self.template.clone();
        for ((parameter, scale), number) in self.parameters.iter().zip(&self.scale).zip(numbers) {
            let value = scale * number;
            match *parameter {
                FreeParameter::Leak(m) => circuit.leak[m] = value,
                FreeParameter::Resting(m) => circuit.resting[m] = value,
                FreeParameter::Threshold(m) => circuit.threshold[m] = value,
                FreeParameter::SynapticTime(m) => circuit.tau_s[m] = value,
                FreeParameter::Row(a) => {
                    let row = &self.template.coupling.row(a) * value;
                    circuit.coupling.row_mut(a).assign(&row);
                }
                FreeParameter::Coupling(a, b) => circuit.coupling[[a, b]] = value,
            }
        }
        circuit
    }

    /// The numbers that stand for a circuit.
    #[must_use]
    pub fn numbers(&self, circuit: &Circuit) -> Vec<f64> {
        let value = |parameter: &FreeParameter| match *parameter {
            FreeParameter::Leak(m) => circuit.leak[m],
            FreeParameter::Resting(m) => circuit.resting[m],
            FreeParameter::Threshold(m) => circuit.threshold[m],
            FreeParameter::SynapticTime(m) => circuit.tau_s[m],
            FreeParameter::Row(a) => {
                let (fitted, template) = (circuit.coupling.row(a), self.template.coupling.row(a));
                fitted.dot(&template) / template.dot(&template)
            }
            FreeParameter::Coupling(a, b) => circuit.coupling[[a, b]],
        };
        self.parameters.iter().zip(&self.scale).map(|(parameter, scale)| value(parameter) / scale).collect()
    }

    /// The derivatives with respect to the numbers.
    #[must_use]
    pub fn gradient(&self, gradient: &CircuitGradient) -> Vec<f64> {
        let value = |parameter: &FreeParameter| match *parameter {
            FreeParameter::Leak(m) => gradient.leak[m],
            FreeParameter::Resting(m) => gradient.resting[m],
            FreeParameter::Threshold(m) => gradient.threshold[m],
            FreeParameter::SynapticTime(m) => gradient.tau_s[m],
            FreeParameter::Row(a) => gradient.coupling.row(a).dot(&self.template.coupling.row(a)),
            FreeParameter::Coupling(a, b) => gradient.coupling[[a, b]],
        };
        self.parameters.iter().zip(&self.scale).map(|(parameter, scale)| value(parameter) * scale).collect()
    }

    /// The name of a free parameter, for tables: `leak 0 (1/s)`, `coupling 0 to 2`.
    #[must_use]
    pub fn name(&self, index: usize) -> String {
        match self.parameters[index] {
            FreeParameter::Leak(m) => format!("leak {m} (1/s)"),
            FreeParameter::Resting(m) => format!("resting {m}"),
            FreeParameter::Threshold(m) => format!("threshold {m}"),
            FreeParameter::SynapticTime(m) => format!("tau_s {m} (s)"),
            FreeParameter::Row(a) => format!("strength {a} (of the template)"),
            FreeParameter::Coupling(a, b) => format!("coupling {a} to {b}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::winner_take_all;

    #[test]
    fn a_circuit_goes_to_numbers_and_back() {
        let circuit = Circuit::from_network(&winner_take_all(), 0.004).unwrap();
        for rule in [CouplingRule::PerRow, CouplingRule::PerEntry, CouplingRule::Unsigned { limit: 40.0 }] {
            let free = FreeParameters::around(&circuit, rule, (0.4, 2.0)).unwrap().with_synaptic_times((0.5, 2.0));
            let again = free.circuit(&free.numbers(&circuit));
            assert!((&again.coupling - &circuit.coupling).iter().all(|d| d.abs() < 1e-12));
            assert!(again.threshold.iter().zip(&circuit.threshold).all(|(a, b)| (a - b).abs() < 1e-12));
        }
        let network = circuit.to_network(&winner_take_all());
        assert!((network.populations[0].threshold - 15.0).abs() < 1e-12);
        assert!((network.coupling[[2, 0]] + 49.92).abs() < 1e-12);
    }

    #[test]
    fn the_published_fit_has_twelve_free_parameters() {
        let circuit = Circuit::from_network(&winner_take_all(), 0.004).unwrap();
        let free = FreeParameters::around(&circuit, CouplingRule::PerRow, (0.4, 2.0)).unwrap();
        assert_eq!(free.len(), 12);
        assert!(FreeParameters::around(&circuit, CouplingRule::PerRow, (2.0, 0.4)).is_err());
    }
}
