//! The way to NEST and back.
//!
//! A network becomes populations of NEST's `gif_psc_exp` (every neuron) or `gif_pop_psc_exp` (one node per population),
//! with the same parameters in NEST's units (ms, mV, pF, nS, pA), as JSON or as a Python script that runs. NEST scales to
//! networks of many machines over MPI.
//!
//! The capacitance is free, because only products with it matter: `g_L = C_m / tau_m`, `I_e = mu g_L` with `E_L = 0`, and
//! a synapse that moves the potential by `w` mV per spike has the weight `w C_m / tau_s`. NEST delivers a spike after at
//! least one time step; its delay is our delay and that step.

use serde_json::{Value, json};

use neuropil_core::check;

use crate::error::{Error, Result};
use crate::meso::default_age_bins;
use crate::network::Network;
use crate::population::{Adaptation, PopulationParameters};

/// The model of NEST.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NestModel {
    /// `gif_psc_exp`: every neuron, all-to-all synapses of equal weight.
    #[default]
    Neurons,
    /// `gif_pop_psc_exp`: one node per population, the mesoscopic equations.
    Populations,
}

impl NestModel {
    /// The name in NEST.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Neurons => "gif_psc_exp",
            Self::Populations => "gif_pop_psc_exp",
        }
    }
}

/// How to export.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NestOptions {
    /// The model.
    pub model: NestModel,
    /// Time step, s.
    pub dt: f64,
    /// Membrane capacitance, pF: any positive number gives the same network.
    pub capacitance: f64,
    /// Number of age bins of `gif_pop_psc_exp`; `None` lets NEST choose.
    pub age_bins: Option<usize>,
}

impl Default for NestOptions {
    fn default() -> Self {
        Self { model: NestModel::default(), dt: 0.0005, capacitance: 250.0, age_bins: None }
    }
}

/// The network in NEST's terms: an object with `model`, `dt_ms`, `populations` (each with `n_neurons` and `params`) and
/// `connections` (`from`, `to`, `weight_pA`, `delay_ms`).
///
/// # Errors
/// What [`Network::validate`] refuses; synapses that NEST's neurons do not have: a time constant of zero, or inputs of one
/// sign with different time constants (NEST has one for excitation and one for inhibition of every neuron).
pub fn to_nest(network: &Network, options: &NestOptions) -> Result<Value> {
    network.validate()?;
    check::positive("dt", options.dt)?;
    check::positive("capacitance", options.capacitance)?;
    let mut populations = Vec::new();
    let mut connections = Vec::new();
    for (to, p) in network.populations.iter().enumerate() {
        let excitation = synaptic_time(network, to, 1.0)?;
        let inhibition = synaptic_time(network, to, -1.0)?;
        populations.push(json!({"n_neurons": p.n_neurons, "params": parameters(p, options, excitation, inhibition)}));
        for (from, source) in network.populations.iter().enumerate() {
            let coupling = network.coupling[[from, to]];
            if coupling != 0.0 {
                let per_spike = coupling / source.n_neurons as f64;
                connections.push(json!({
                    "from": from,
                    "to": to,
                    "weight_pA": per_spike * options.capacitance / (source.tau_s * 1e3),
                    "delay_ms": (network.delay_steps(options.dt) + 1) as f64 * options.dt * 1e3,
                }));
            }
        }
    }
    Ok(json!({
        "model": options.model.name(),
        "dt_ms": options.dt * 1e3,
        "populations": populations,
        "connections": connections,
    }))
}

/// A Python script that builds the network in NEST, runs it and prints its activity.
///
/// # Errors
/// As [`to_nest`].
pub fn to_nest_script(network: &Network, options: &NestOptions) -> Result<String> {
    let text = serde_json::to_string_pretty(&to_nest(network, options)?)
        .map_err(|error| Error::Numerical { what: "the export to NEST".into(), problem: error.to_string() })?;
    Ok(include_str!("nest_script.py").replace("@NETWORK@", &text))
}

/// The common time constant (ms) of all inputs of one sign to a population.
fn synaptic_time(network: &Network, to: usize, sign: f64) -> Result<Option<f64>> {
    let mut found: Option<(usize, f64)> = None;
    for (from, source) in network.populations.iter().enumerate() {
        if network.coupling[[from, to]] * sign <= 0.0 {
            continue;
        }
        if source.tau_s == 0.0 {
            return Err(Error::unsupported(
                "NEST's gif_psc_exp",
                format!("the delta pulses of population {from} (tau_s = 0)"),
                "give it a short synaptic time constant, for example 0.0005 s",
            ));
        }
        match found {
            Some((other, tau)) if tau != source.tau_s => {
                return Err(Error::unsupported(
                    "NEST's gif_psc_exp",
                    format!(
                        "different synaptic time constants of inputs of one sign (populations {other} and {from} to {to}: \
                         {tau} s and {} s)",
                        source.tau_s
                    ),
                    "give these populations the same tau_s",
                ));
            }
            _ => found = Some((from, source.tau_s)),
        }
    }
    Ok(found.map(|(_, tau)| tau * 1e3))
}

fn parameters(
    p: &PopulationParameters,
    options: &NestOptions,
    excitation: Option<f64>,
    inhibition: Option<f64>,
) -> Value {
    let tau_m = p.tau_m * 1e3;
    let leak = options.capacitance / tau_m;
    let mut amplitudes: Vec<f64> = p.adaptation.iter().map(|term| term.amplitude).collect();
    let mut times: Vec<f64> = p.adaptation.iter().map(|term| term.tau * 1e3).collect();
    let mut params = json!({
        "C_m": options.capacitance,
        "E_L": 0.0,
        "I_e": p.mu * leak,
        "V_reset": p.reset,
        "V_T_star": p.threshold,
        "Delta_V": p.softness,
        "lambda_0": p.hazard,
        "t_ref": p.refractory_steps(options.dt) as f64 * options.dt * 1e3,
        "tau_syn_ex": excitation.unwrap_or(2.0),
        "tau_syn_in": inhibition.unwrap_or(2.0),
    });
    match options.model {
        NestModel::Neurons => {
            params["g_L"] = json!(leak);
            params["V_m"] = json!(p.reset);
        }
        NestModel::Populations => {
            params["tau_m"] = json!(tau_m);
            params["N"] = json!(p.n_neurons);
            params["len_kernel"] = json!(options.age_bins.unwrap_or_else(|| default_age_bins(p, options.dt)));
            // It refuses empty lists.
            if amplitudes.is_empty() {
                amplitudes.push(0.0);
                times.push(100.0);
            }
        }
    }
    params["q_sfa"] = json!(amplitudes);
    params["tau_sfa"] = json!(times);
    params
}

/// The network of an object that [`to_nest`] made, or of one with the same keys that was written by hand.
///
/// # Errors
/// Keys that are missing or no numbers; a network that [`Network::validate`] refuses; several delays.
pub fn from_nest_params(description: &Value) -> Result<Network> {
    let list = |key: &str| {
        description[key].as_array().ok_or_else(|| Error::State {
            what: "the NEST description".into(),
            problem: format!("it has no list \"{key}\""),
        })
    };
    let dt = number(description, "dt_ms", "the NEST description")? / 1e3;
    let mut populations = Vec::new();
    let mut capacitances = Vec::new();
    for (i, entry) in list("populations")?.iter().enumerate() {
        let place = format!("population {i}");
        let params = &entry["params"];
        let get = |key: &str| number(params, key, &place);
        let capacitance = get("C_m")?;
        let tau_m = match params["tau_m"].as_f64() {
            Some(tau) => tau,
            None => capacitance / get("g_L")?,
        };
        let numbers = |key: &str| -> Vec<f64> {
            params[key].as_array().map_or_else(Vec::new, |values| values.iter().filter_map(Value::as_f64).collect())
        };
        let (amplitudes, times) = (numbers("q_sfa"), numbers("tau_sfa"));
        if amplitudes.len() != times.len() {
            return Err(Error::shape(
                format!("{place}: q_sfa and tau_sfa"),
                "lists of the same length",
                format!("{} and {}", amplitudes.len(), times.len()),
            ));
        }
        let rest = get("E_L")?;
        let n_neurons = entry["n_neurons"].as_u64().or_else(|| params["N"].as_u64()).unwrap_or(0);
        capacitances.push(capacitance);
        populations.push(PopulationParameters {
            n_neurons: n_neurons as usize,
            tau_m: tau_m / 1e3,
            t_ref: get("t_ref")? / 1e3,
            mu: rest + get("I_e")? * tau_m / capacitance,
            threshold: get("V_T_star")?,
            softness: get("Delta_V")?,
            hazard: get("lambda_0")?,
            reset: get("V_reset")?,
            tau_s: 0.002,
            adaptation: amplitudes
                .into_iter()
                .zip(times)
                .filter(|(amplitude, _)| *amplitude != 0.0)
                .map(|(amplitude, tau)| Adaptation { amplitude, tau: tau / 1e3 })
                .collect(),
        });
    }
    let m = populations.len();
    let mut coupling = ndarray::Array2::zeros((m, m));
    let mut delay: Option<f64> = None;
    for (i, entry) in list("connections")?.iter().enumerate() {
        let place = format!("connection {i}");
        let end = |key: &str| match entry[key].as_u64() {
            Some(index) if (index as usize) < m => Ok(index as usize),
            _ => Err(Error::parameter(format!("{place}: {key}"), &entry[key], format!("a population, 0 to {}", m - 1))),
        };
        let (from, to) = (end("from")?, end("to")?);
        let weight = number(entry, "weight_pA", &place)?;
        let key = if weight >= 0.0 { "tau_syn_ex" } else { "tau_syn_in" };
        let tau = number(&description["populations"][to]["params"], key, &format!("population {to}"))?;
        populations[from].tau_s = tau / 1e3;
        coupling[[from, to]] = weight * tau / capacitances[to] * populations[from].n_neurons as f64;
        let this = number(entry, "delay_ms", &place)? / 1e3 - dt;
        match delay {
            Some(other) if (other - this).abs() > 1e-9 => {
                return Err(Error::unsupported("a network", "several delays", "give all connections the same delay"));
            }
            _ => delay = Some(if this.abs() < 1e-12 { 0.0 } else { this }),
        }
    }
    let network = Network { populations, coupling, delay: delay.unwrap_or(0.0) };
    network.validate()?;
    Ok(network)
}

fn number(object: &Value, key: &str, place: &str) -> Result<f64> {
    object[key].as_f64().ok_or_else(|| Error::State {
        what: place.to_owned(),
        problem: format!("\"{key}\" is missing or no number; it has {}", object[key]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::winner_take_all;

    #[test]
    fn the_circuit_has_the_published_weights_and_comes_back() {
        for model in [NestModel::Neurons, NestModel::Populations] {
            let options = NestOptions { model, dt: 0.0002, ..NestOptions::default() };
            let exported = to_nest(&winner_take_all(), &options).unwrap();
            // 0.0624 mV and -0.2496 mV per spike.
            let weight = |i: usize| exported["connections"][i]["weight_pA"].as_f64().unwrap();
            assert!((weight(0) - 0.0624 * 250.0 / 3.0).abs() < 1e-12);
            assert!((weight(1) + 0.2496 * 250.0 / 6.0).abs() < 1e-12);
            assert_eq!(exported["populations"][0]["params"]["lambda_0"], 10.0);
            let back = from_nest_params(&exported).unwrap();
            let network = winner_take_all();
            assert!((&back.coupling - &network.coupling).iter().all(|d| d.abs() < 1e-9));
            for (a, b) in back.populations.iter().zip(&network.populations) {
                assert!((a.mu - b.mu).abs() < 1e-9 && (a.tau_s - b.tau_s).abs() < 1e-12 && a.n_neurons == b.n_neurons);
                assert!((a.tau_m - b.tau_m).abs() < 1e-12 && a.adaptation.is_empty());
            }
        }
    }

    #[test]
    fn what_nest_does_not_have_is_refused() {
        let mut network = winner_take_all();
        network.populations[0].tau_s = 0.004;
        let message = to_nest(&network, &NestOptions::default()).unwrap_err().to_string();
        assert!(message.contains("different synaptic time constants"), "{message}");
        network.populations[0].tau_s = 0.0;
        assert!(to_nest(&network, &NestOptions::default()).unwrap_err().to_string().contains("delta pulses"));
        assert!(from_nest_params(&json!({})).is_err());
        let mut exported = to_nest(&winner_take_all(), &NestOptions::default()).unwrap();
        exported["connections"][0]["from"] = json!(7);
        assert!(from_nest_params(&exported).unwrap_err().to_string().contains("connection 0: from"));
        exported["populations"][0]["params"]["C_m"] = json!("x");
        assert!(from_nest_params(&exported).unwrap_err().to_string().contains("\"C_m\""));
    }

    #[test]
    fn the_script_holds_the_network() {
        let script = to_nest_script(&winner_take_all(), &NestOptions::default()).unwrap();
        assert!(script.contains("\"gif_psc_exp\"") && !script.contains("@NETWORK@"));
    }
}
