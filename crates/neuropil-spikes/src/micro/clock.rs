//! The clock-driven simulator: every neuron takes every step.
//!
//! In each step a neuron that is not refractory integrates its input and then fires with probability
//! `1 - exp(-lambda(u) dt)`.

use ndarray::Array2;
use neuropil_core::progress::Monitor;
use neuropil_core::random::{Seed, Stream, uniform};
use neuropil_core::{dispatch, vector};

use super::Run;
use super::recorder::Recorder;
use crate::error::Result;
use crate::network::InputRule;
use crate::population::PopulationParameters;
use crate::start::{AgeProfile, Start};
use crate::synapse::FilteredInput;

/// Neurons of one population.
struct Neurons {
    potential: Vec<f64>,
    /// First step in which the neuron integrates again.
    ready: Vec<f64>,
    /// One vector of raised thresholds per term of adaptation.
    adaptation: Vec<Vec<f64>>,
    threshold: Vec<f64>,
    survival: Vec<f64>,
    random: Stream,
}

/// Constants of one population.
#[derive(Debug, Clone, Copy)]
struct Constants {
    decay: f64,
    rest_gain: f64,
    input_gain: f64,
    reset: f64,
    softness: f64,
    /// `hazard * dt`.
    hazard: f64,
    silent: usize,
}

pub(super) fn simulate(run: &Run<'_>, monitor: &Monitor) -> Result<(Array2<u32>, Vec<Recorder>)> {
    let (network, options) = (run.network, run.options);
    let m = network.n_populations();
    let start = options.start.activity(m);
    let mut input = FilteredInput::new(network, options.dt, &start);
    let potentials = network.input_potential(&start);
    let seed = Seed::new(options.seed).child("micro-clock");
    let mut populations: Vec<(Neurons, Constants)> = network
        .populations
        .iter()
        .enumerate()
        .map(|(i, p)| {
            let random = seed.index(i as u64).stream();
            let constants = Constants::new(p, options.dt, options.input_rule);
            (Neurons::new(p, &constants, &options.start, potentials[i], options, random), constants)
        })
        .collect();
    let mut recorders: Vec<Recorder> = run.recorded.iter().map(|&n| Recorder::new(n)).collect();
    let mut counts = Array2::zeros((run.n_steps, m));
    let mut activity = vec![0.0; m];
    let task = monitor.task("time steps", run.n_steps as u64);
    for step in 0..run.n_steps {
        if step % 256 == 0 {
            monitor.check()?;
            task.advance(256.min((run.n_steps - step) as u64));
        }
        let inputs = input.step(run.drive.as_ref(), step);
        for (i, (neurons, constants)) in populations.iter_mut().enumerate() {
            let p = &network.populations[i];
            let n = neurons.step(p, constants, inputs[i], step, options.dt, &mut recorders[i], run.recorded[i]);
            counts[[step, i]] = n;
            activity[i] = f64::from(n) / (p.n_neurons as f64 * options.dt);
        }
        input.push(&activity);
    }
    Ok((counts, recorders))
}

impl Constants {
    fn new(p: &PopulationParameters, dt: f64, rule: InputRule) -> Self {
        let decay = (-dt / p.tau_m).exp();
        Self {
            decay,
            rest_gain: (1.0 - decay) * p.mu,
            input_gain: match rule {
                InputRule::Euler => dt,
                InputRule::Exact => p.tau_m * (1.0 - decay),
            },
            reset: p.reset,
            softness: p.softness,
            hazard: p.hazard * dt,
            silent: p.refractory_steps(dt),
        }
    }
}

impl Neurons {
    fn new(
        p: &PopulationParameters,
        constants: &Constants,
        start: &Start,
        h: f64,
        options: &super::MicroOptions,
        mut random: Stream,
    ) -> Self {
        let n = p.n_neurons;
        let (mut potential, mut ready) = (vec![p.reset; n], vec![constants.silent as f64; n]);
        if matches!(start, Start::Activity(_)) {
            let profile = AgeProfile::new(p, h, options.dt, InputRule::Exact);
            let draw = profile.sampler();
            for (potential, ready) in potential.iter_mut().zip(&mut ready) {
                let age = draw(uniform(&mut random));
                *potential = profile.potential_before(age, p.reset);
                *ready = constants.silent.saturating_sub(age) as f64;
            }
        }
        Self {
            potential,
            ready,
            adaptation: vec![vec![0.0; n]; p.adaptation.len()],
            threshold: vec![p.threshold; n],
            survival: vec![0.0; n],
            random,
        }
    }

    #[allow(clippy::too_many_arguments, reason = "one step of one population, called from one place")]
    fn step(
        &mut self,
        p: &PopulationParameters,
        constants: &Constants,
        input: f64,
        step: usize,
        dt: f64,
        recorder: &mut Recorder,
        n_recorded: usize,
    ) -> u32 {
        let gain = constants.rest_gain + constants.input_gain * input;
        if !p.adaptation.is_empty() {
            self.raise_thresholds(p, dt);
        }
        advance(&mut self.potential, &self.ready, &self.threshold, &mut self.survival, constants, gain, step as f64);
        let mut n = 0;
        for neuron in 0..self.potential.len() {
            // A refractory neuron survives with certainty: its survival is 2.
            if uniform(&mut self.random) >= self.survival[neuron] {
                n += 1;
                self.potential[neuron] = constants.reset;
                self.ready[neuron] = (step + constants.silent + 1) as f64;
                for (raised, term) in self.adaptation.iter_mut().zip(&p.adaptation) {
                    // The first step after the spike sees the whole jump.
                    raised[neuron] += term.amplitude * (dt / term.tau).exp();
                }
                if neuron < n_recorded {
                    recorder.spike(neuron as u32, step);
                }
            }
        }
        n
    }

    fn raise_thresholds(&mut self, p: &PopulationParameters, dt: f64) {
        self.threshold.fill(p.threshold);
        for (raised, term) in self.adaptation.iter_mut().zip(&p.adaptation) {
            let decay = (-dt / term.tau).exp();
            for (raised, threshold) in raised.iter_mut().zip(&mut self.threshold) {
                *raised *= decay;
                *threshold += *raised;
            }
        }
    }
}

dispatch! {
    /// One step of the potentials, and the probability of every neuron to stay silent in it.
    fn advance = advance_body(
        potential: &mut [f64],
        ready: &[f64],
        threshold: &[f64],
        survival: &mut [f64],
        constants: &Constants,
        gain: f64,
        step: f64,
    );
}

#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "a kernel over parallel arrays")]
fn advance_body<const FMA: bool>(
    potential: &mut [f64],
    ready: &[f64],
    threshold: &[f64],
    survival: &mut [f64],
    constants: &Constants,
    gain: f64,
    step: f64,
) {
    let n = potential.len();
    let (ready, threshold, survival) = (&ready[..n], &threshold[..n], &mut survival[..n]);
    let sharpness = 1.0 / constants.softness;
    for i in 0..n {
        let integrates = ready[i] <= step;
        let moved = vector::multiply_add::<FMA>(potential[i], constants.decay, gain);
        let u = if integrates { moved } else { constants.reset };
        potential[i] = u;
        let exponent = (u - threshold[i]) * sharpness;
        let exponent = if exponent < 50.0 { exponent } else { 50.0 };
        let silent = vector::exp::<FMA>(-constants.hazard * vector::exp::<FMA>(exponent));
        survival[i] = if integrates { silent } else { 2.0 };
    }
}
