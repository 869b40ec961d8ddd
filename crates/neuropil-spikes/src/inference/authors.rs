//! The loss of the published program, with its approximations, for comparison only.
//!
//! Differences from [`JointLikelihood`](super::likelihood::JointLikelihood): firing probabilities below 0.01 are
//! replaced by `lambda dt`; the hazard in refractory bins is 1e-8; 2 pi is 6.28; the synaptic trace is not updated in
//! the first step; the initial survivors come from a quadrature with steps of 1 ms, and the youngest cohort is empty
//! at the start; recorded neurons start one bin older than their last spike says.

use ndarray::Array2;

use super::circuit::Circuit;
use super::recording::{Recording, Trial};

/// The loss of the published program, per time step and population.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AuthorsLoss {
    /// Part of the recorded spikes (the program's mean over neurons, times the neurons per population).
    pub observed: f64,
    /// Part of the latent activity.
    pub latent: f64,
}

/// As the published program has it.
const TWO_PI: f64 = 628.0 / 100.0;

fn firing(hazard: f64) -> f64 {
    if hazard < 0.01 { hazard } else { -(-hazard).exp_m1() }
}

/// The loss at the latent activity (fractions per bin), mean over trials.
pub(super) fn loss(circuit: &Circuit, recording: &Recording, latent: &[Array2<f64>], age_bins: usize) -> AuthorsLoss {
    let mut sum = AuthorsLoss { observed: 0.0, latent: 0.0 };
    for (trial, z) in recording.trials.iter().zip(latent) {
        let one = trial_loss(circuit, recording, trial, z, age_bins);
        sum.observed += one.observed;
        sum.latent += one.latent;
    }
    let n = (recording.n_steps() * circuit.n_populations()) as f64;
    AuthorsLoss { observed: sum.observed / n, latent: sum.latent / n }
}

/// State of one population: potentials, log-survivors and fractions born, by age.
struct Ages {
    potential: Vec<f64>,
    log_survivor: Vec<f64>,
    born: Vec<f64>,
}

fn stationary(circuit: &Circuit, trial: &Trial, m: usize, age_bins: usize) -> Ages {
    const FINE: f64 = 0.001;
    let (dt, leak) = (circuit.dt, circuit.leak[m]);
    let silence = circuit.refractory_steps[m] as f64 * dt;
    let input = circuit.input_potential(&trial.initial_activity)[m];
    let potential = |age: f64| {
        if age < silence - 1e-9 { 0.0 } else { input * (1.0 - (-leak * age).exp()) }
    };
    let log_survivor = |k: usize| {
        if k == 0 {
            return f64::NEG_INFINITY;
        }
        let last = (k as f64 * dt / FINE + 1e-9) as usize;
        -(0..=last)
            .map(|j| potential(j as f64 * FINE))
            .filter(|v| *v != 0.0)
            .map(|v| (v - circuit.threshold[m]).exp() * FINE)
            .sum::<f64>()
    };
    Ages {
        potential: (0..age_bins).map(|k| potential(k as f64 * dt)).collect(),
        log_survivor: (0..age_bins).map(log_survivor).collect(),
        born: vec![trial.initial_activity[m] * dt; age_bins],
    }
}

fn trial_loss(
    circuit: &Circuit,
    recording: &Recording,
    trial: &Trial,
    z: &Array2<f64>,
    age_bins: usize,
) -> AuthorsLoss {
    let n_populations = circuit.n_populations();
    let dt = circuit.dt;
    let mut traces = trial.initial_activity.clone();
    let mut ages: Vec<Ages> = (0..n_populations).map(|m| stationary(circuit, trial, m, age_bins)).collect();
    let mut neuron_age: Vec<usize> = trial.initial_age.iter().map(|age| age + 1).collect();
    let mut sum = AuthorsLoss { observed: 0.0, latent: 0.0 };
    for t in 0..z.nrows() {
        if t > 0 {
            for a in 0..n_populations {
                let e = circuit.synaptic_decay(a);
                let sent = (t - 1).checked_sub(circuit.delay_steps);
                let rate = sent.map_or(trial.initial_activity[a], |sent| z[[sent, a]] / dt);
                traces[a] = e * traces[a] + (1.0 - e) * rate;
            }
        }
        for m in 0..n_populations {
            let input: f64 = (0..n_populations).map(|a| traces[a] * circuit.coupling[[a, m]]).sum::<f64>()
                + trial.drive.as_ref().map_or(0.0, |drive| drive[[t, m]]);
            let state = &mut ages[m];
            let k_ref = circuit.refractory_steps[m];
            for k in (0..age_bins).rev() {
                state.potential[k] = if k < k_ref.max(1) {
                    0.0
                } else {
                    let before = state.potential[k - 1];
                    before + dt * circuit.leak[m] * (circuit.resting[m] - before) + dt * input
                };
            }
            let hazard = |k: usize| {
                if k < k_ref { 1e-8 } else { (state.potential[k] - circuit.threshold[m]).exp() * dt }
            };
            let (mut mass, mut fire, mut variance, mut variance_fire) = (0.0, 0.0, 0.0, 0.0);
            for k in 0..age_bins {
                let s = state.log_survivor[k].exp();
                let expected = s * state.born[k];
                let p = firing(hazard(k));
                mass += expected;
                fire += expected * p;
                variance += (1.0 - s) * expected;
                variance_fire += (1.0 - s) * expected * p;
            }
            let common = if variance > 0.0 { variance_fire / variance } else { 0.0 };
            let p = (fire + common * (1.0 - mass)).clamp(1e-8, 1.0);
            let var = (p + 0.1 * dt) / circuit.n_neurons[m] as f64;
            sum.latent += 0.5 * (TWO_PI * var).ln() + (z[[t, m]] - p).powi(2) / (2.0 * var);
            for (neuron, _) in recording.populations.iter().enumerate().filter(|(_, label)| **label == m) {
                let hazard = hazard(neuron_age[neuron].min(age_bins - 1));
                if trial.spikes[[t, neuron]] > 0 {
                    sum.observed -= firing(hazard).ln();
                    neuron_age[neuron] = 0;
                } else {
                    sum.observed += hazard;
                    neuron_age[neuron] += 1;
                }
            }
            for k in (1..age_bins).rev() {
                state.log_survivor[k] = state.log_survivor[k - 1] - hazard(k - 1);
            }
            state.log_survivor[0] = 0.0;
            state.born.rotate_right(1);
            state.born[0] = z[[t, m]];
        }
    }
    sum
}
