//! One population: neurons that share their parameters.
//!
//! A neuron integrates, `du/dt = (mu - u) / tau_m + input`, and fires with the escape rate
//! `lambda(u) = hazard * exp((u - threshold) / softness)`. After a spike it is silent for `t_ref` and starts again at
//! `reset`. Each spike may raise the threshold by terms that decay (spike-frequency adaptation; Schwalger, Deger and
//! Gerstner 2017).

use neuropil_core::check;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// One exponential term of threshold adaptation: a spike raises the threshold by `amplitude`, which decays with `tau`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Adaptation {
    /// Jump of the threshold per spike, in the unit of the potential (q; J / tau in the notation with an area J).
    pub amplitude: f64,
    /// Time constant of its decay, in seconds.
    pub tau: f64,
}

/// Parameters of one population. Times in seconds, rates in Hz, potentials in mV or, after
/// [`reduced`](Self::reduced), in units of the softness.
///
/// `Default` is an excitatory population of the winner-take-all circuit
/// ([`winner_take_all`](crate::network::winner_take_all)).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PopulationParameters {
    /// Number of neurons (N).
    pub n_neurons: usize,
    /// Membrane time constant, s.
    pub tau_m: f64,
    /// Absolute refractory period, s.
    pub t_ref: f64,
    /// Potential without recurrent input (mu = E_L + R I_0).
    pub mu: f64,
    /// Potential at which the escape rate is `hazard`.
    pub threshold: f64,
    /// Softness of the threshold (Delta_u).
    pub softness: f64,
    /// Escape rate at threshold (c), Hz.
    pub hazard: f64,
    /// Potential after a spike (V_r).
    pub reset: f64,
    /// Time constant of the synapses that this population *makes*, s. Zero: delta pulses.
    pub tau_s: f64,
    /// Terms of threshold adaptation; empty for none.
    #[serde(default)]
    pub adaptation: Vec<Adaptation>,
}

impl Default for PopulationParameters {
    fn default() -> Self {
        Self {
            n_neurons: 400,
            tau_m: 0.020,
            t_ref: 0.004,
            mu: 36.0,
            threshold: 15.0,
            softness: 2.5,
            hazard: 10.0,
            reset: 0.0,
            tau_s: 0.003,
            adaptation: Vec::new(),
        }
    }
}

impl PopulationParameters {
    /// Refuses what is no neuron.
    ///
    /// # Errors
    /// Names the field, its value and what is allowed.
    pub fn validate(&self) -> Result<()> {
        check::at_least("n_neurons", self.n_neurons, 1)?;
        check::positive("tau_m", self.tau_m)?;
        check::non_negative("t_ref", self.t_ref)?;
        check::finite("mu", self.mu)?;
        check::finite("threshold", self.threshold)?;
        check::positive("softness", self.softness)?;
        check::positive("hazard", self.hazard)?;
        check::finite("reset", self.reset)?;
        check::non_negative("tau_s", self.tau_s)?;
        for (name, value) in [("tau_m", self.tau_m), ("t_ref", self.t_ref), ("tau_s", self.tau_s)] {
            if value > 100.0 {
                return Err(Error::parameter(name, value, "at most 100 seconds (give seconds, not milliseconds)"));
            }
        }
        for (i, term) in self.adaptation.iter().enumerate() {
            check::finite("adaptation amplitude", term.amplitude).map_err(|error| error.at(i))?;
            check::positive("adaptation tau", term.tau).map_err(|error| error.at(i))?;
        }
        let distance = (self.threshold - self.mu) / self.softness - self.hazard.ln();
        if distance > 100.0 {
            return Err(Error::parameter(
                "threshold - mu",
                format!("{} ({distance:.1} in units of the softness)", self.threshold - self.mu),
                "at most 100 in units of the softness, or the population never fires (are these millivolts?)",
            ));
        }
        Ok(())
    }

    /// The same population in reduced units: potentials divided by the softness, and the hazard moved into the
    /// threshold, `threshold / softness - ln(hazard)`, so that `lambda(u) = exp(u - threshold)` in Hz. The result has
    /// softness 1 and hazard 1 Hz; firing is unchanged.
    #[must_use]
    pub fn reduced(&self) -> Self {
        let unit = self.softness;
        Self {
            mu: self.mu / unit,
            threshold: self.reduced_threshold(),
            softness: 1.0,
            hazard: 1.0,
            reset: self.reset / unit,
            adaptation: self
                .adaptation
                .iter()
                .map(|term| Adaptation { amplitude: term.amplitude / unit, tau: term.tau })
                .collect(),
            ..self.clone()
        }
    }

    /// The same population in units in which the threshold has this `softness` and its escape rate there is `hazard`
    /// (Hz): the inverse of [`reduced`](Self::reduced).
    #[must_use]
    pub fn with_units(&self, softness: f64, hazard: f64) -> Self {
        let unit = softness / self.softness;
        Self {
            mu: self.mu * unit,
            threshold: softness * (self.reduced_threshold() + hazard.ln()),
            softness,
            hazard,
            reset: self.reset * unit,
            adaptation: self
                .adaptation
                .iter()
                .map(|term| Adaptation { amplitude: term.amplitude * unit, tau: term.tau })
                .collect(),
            ..self.clone()
        }
    }

    /// Threshold in reduced units, `threshold / softness - ln(hazard)`.
    #[must_use]
    pub fn reduced_threshold(&self) -> f64 {
        self.threshold / self.softness - self.hazard.ln()
    }

    /// Whole time steps of silence after a spike, `floor(t_ref / dt)`.
    #[must_use]
    pub fn refractory_steps(&self, dt: f64) -> usize {
        whole_steps(self.t_ref, dt)
    }
}

/// `floor(time / dt)`, where a ratio that misses a whole number by rounding counts as that number.
pub(crate) fn whole_steps(time: f64, dt: f64) -> usize {
    (time / dt * (1.0 + 1e-12) + 1e-9).floor() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reduced_units_keep_the_escape_rate_exactly() {
        let in_mv = PopulationParameters::default();
        let reduced = in_mv.reduced();
        // 15 mV / 2.5 mV - ln 10
        assert!((reduced.threshold - 3.697_414_907_005_954).abs() < 1e-15);
        assert_eq!(reduced.mu, 14.4);
        for u in [-3.0, 0.0, 12.5, 20.0] {
            let rate = |p: &PopulationParameters, u: f64| p.hazard * ((u - p.threshold) / p.softness).exp();
            assert!((rate(&in_mv, u) / rate(&reduced, u / 2.5) - 1.0).abs() < 1e-13);
        }
        let back = reduced.with_units(2.5, 10.0);
        assert!((back.threshold - 15.0).abs() < 1e-13 && (back.mu - 36.0).abs() < 1e-13);
    }

    #[test]
    fn a_ratio_spoilt_by_rounding_is_still_whole() {
        assert_eq!(whole_steps(0.004, 0.0002), 20);
        assert_eq!(whole_steps(0.3, 0.1), 3);
        assert_eq!(whole_steps(0.004, 0.005), 0);
        assert_eq!(whole_steps(0.0039, 0.0002), 19);
    }

    #[test]
    fn what_is_no_neuron_is_refused_by_name() {
        let refused = |change: fn(&mut PopulationParameters)| {
            let mut p = PopulationParameters::default();
            change(&mut p);
            p.validate().unwrap_err().to_string()
        };
        assert!(refused(|p| p.n_neurons = 0).contains("n_neurons is 0"));
        assert!(refused(|p| p.tau_m = 0.0).contains("tau_m is 0"));
        assert!(refused(|p| p.t_ref = -1.0).contains("t_ref is -1"));
        assert!(refused(|p| p.softness = 0.0).contains("softness"));
        assert!(refused(|p| p.hazard = -10.0).contains("hazard"));
        assert!(refused(|p| p.mu = f64::NAN).contains("mu is NaN"));
        assert!(refused(|p| p.tau_m = 200.0).contains("not milliseconds"));
        assert!(refused(|p| p.adaptation = vec![Adaptation { amplitude: 1.0, tau: 0.0 }]).contains("tau[0]"));
        let mixed = refused(|p| {
            *p = p.reduced();
            p.threshold = 150.0;
        });
        assert!(mixed.contains("are these millivolts?"), "{mixed}");
    }
}
