//! The scheme with the survival probability of every cohort, in Euler steps: the model whose likelihood neuLVM
//! maximises.
//!
//! `S` is the probability to have survived up to the beginning of a step, `z` the fraction of the population that fired
//! together. With `P = 1 - exp(-lambda dt)`, `m = S z` and `v = (1 - S) m`, a neuron fires with probability
//! `p = sum P m + (sum P v / sum v) (1 - sum m)`.

use ndarray::Array2;
use neuropil_core::progress::Monitor;
use neuropil_core::random::{Seed, Stream};
use neuropil_core::{dispatch, vector};

use super::{Run, draw};
use crate::error::Result;
use crate::network::InputRule;
use crate::population::PopulationParameters;
use crate::start::{AgeProfile, Start};
use crate::synapse::FilteredInput;

/// Cohorts of one population, the oldest first; `first..first + age_bins` are live.
struct Cohorts {
    potential: Vec<f64>,
    survival: Vec<f64>,
    fraction: Vec<f64>,
    scratch: Scratch,
    first: usize,
    age_bins: usize,
    k_ref: usize,
    random: Stream,
}

/// Terms of the sums over cohorts.
struct Scratch {
    mean: Vec<f64>,
    variance: Vec<f64>,
    fired: Vec<f64>,
    fired_variance: Vec<f64>,
}

impl Scratch {
    fn new(n: usize) -> Self {
        Self { mean: vec![0.0; n], variance: vec![0.0; n], fired: vec![0.0; n], fired_variance: vec![0.0; n] }
    }
}

/// Constants of a step: `u <- u + leak (mu - u) + dt input`.
#[derive(Debug, Clone, Copy)]
struct StepConstants {
    leak: f64,
    gain: f64,
    threshold: f64,
    sharpness: f64,
    hazard_dt: f64,
}

/// Sums over the cohorts.
#[derive(Debug, Clone, Copy)]
struct Sums {
    mean: f64,
    variance: f64,
    fired: f64,
    fired_variance: f64,
}

pub(super) fn simulate(run: &Run<'_>, monitor: &Monitor) -> Result<(Array2<f64>, Array2<f64>)> {
    let (network, options) = (run.network, run.options);
    let (m, dt) = (network.n_populations(), options.dt);
    let start = options.start.activity(m);
    let mut input = FilteredInput::new(network, dt, &start);
    let potentials = network.input_potential(&start);
    let seed = Seed::new(options.seed).child("meso-survival");
    let mut populations: Vec<Cohorts> = (0..m)
        .map(|i| {
            let p = &network.populations[i];
            let mut cohorts = Cohorts::new(p, dt, run.age_bins[i], seed.index(i as u64).stream());
            match &options.start {
                Start::Fired => cohorts.start_fired(),
                Start::Activity(rates) => cohorts.start_spread(p, potentials[i], dt, rates[i]),
            }
            cohorts
        })
        .collect();
    let mut counts = Array2::zeros((run.n_steps, m));
    let mut expected = Array2::zeros((run.n_steps, m));
    let mut activity = vec![0.0; m];
    let task = monitor.task("time steps", run.n_steps as u64);
    for step in 0..run.n_steps {
        if step % 256 == 0 {
            monitor.check()?;
            task.advance(256.min((run.n_steps - step) as u64));
        }
        let inputs = input.step(run.drive.as_ref(), step);
        for (i, cohorts) in populations.iter_mut().enumerate() {
            let parameters = &network.populations[i];
            let n = parameters.n_neurons as f64;
            let p = cohorts.probability(&StepConstants::new(parameters, dt, inputs[i]));
            let spikes = draw::spikes(options.noise, n, p, dt, &mut cohorts.random);
            cohorts.enter(spikes / n, parameters.reset);
            expected[[step, i]] = n * p;
            counts[[step, i]] = spikes;
            activity[i] = spikes / (n * dt);
        }
        input.push(&activity);
    }
    Ok((counts, expected))
}

impl StepConstants {
    fn new(p: &PopulationParameters, dt: f64, input: f64) -> Self {
        let leak = dt / p.tau_m;
        Self {
            leak,
            gain: leak * p.mu + dt * input,
            threshold: p.threshold,
            sharpness: 1.0 / p.softness,
            hazard_dt: p.hazard * dt,
        }
    }
}

impl Cohorts {
    fn new(p: &PopulationParameters, dt: f64, age_bins: usize, random: Stream) -> Self {
        let capacity = 3 * age_bins + 64;
        Self {
            potential: vec![p.reset; capacity],
            survival: vec![1.0; capacity],
            fraction: vec![0.0; capacity],
            scratch: Scratch::new(age_bins),
            first: 0,
            age_bins,
            k_ref: p.refractory_steps(dt),
            random,
        }
    }

    /// Index of the cohort with age `k` in the coming step.
    fn at(&self, k: usize) -> usize {
        self.first + self.age_bins - 1 - k
    }

    fn start_fired(&mut self) {
        let i = self.at(0);
        self.fraction[i] = 1.0;
    }

    fn start_spread(&mut self, p: &PopulationParameters, h: f64, dt: f64, rate: f64) {
        let profile = AgeProfile::new(p, h, dt, InputRule::Euler);
        let last = profile.survival.len() - 1;
        let silent = if last > 0 { profile.survival[last] / profile.survival[last - 1].max(1e-300) } else { 1.0 };
        for k in 0..self.age_bins {
            let i = self.at(k);
            self.potential[i] = profile.potential_before(k, p.reset);
            // Beyond the profile the hazard is constant.
            self.survival[i] = match k.checked_sub(last) {
                None | Some(0) => profile.survival[k],
                Some(beyond) => profile.survival[last] * silent.powi(beyond.min(100_000) as i32),
            };
            self.fraction[i] = rate * dt;
        }
    }

    /// Probability to fire in this step; moves all cohorts through it.
    fn probability(&mut self, constants: &StepConstants) -> f64 {
        let integrating = self.first..self.first + self.age_bins - self.k_ref;
        let refractory: f64 = self.fraction[integrating.end..self.first + self.age_bins].iter().sum();
        let sums = advance(
            &mut self.potential[integrating.clone()],
            &mut self.survival[integrating.clone()],
            &self.fraction[integrating],
            &mut self.scratch,
            constants,
        );
        let missing = 1.0 - sums.mean - refractory;
        let of_missing = if sums.variance > 0.0 { sums.fired_variance / sums.variance } else { 0.0 };
        (sums.fired + of_missing * missing).clamp(0.0, 1.0)
    }

    /// The neurons that fired become the youngest cohort; the oldest one is forgotten.
    fn enter(&mut self, fraction: f64, reset: f64) {
        let next = self.first + self.age_bins;
        if next == self.fraction.len() {
            for array in [&mut self.potential, &mut self.survival, &mut self.fraction] {
                array.copy_within(self.first + 1..next, 0);
            }
            self.first = 0;
        } else {
            self.first += 1;
        }
        let i = self.at(0);
        self.potential[i] = reset;
        self.survival[i] = 1.0;
        self.fraction[i] = fraction;
    }
}

dispatch! {
    /// One step of all cohorts that integrate.
    fn advance = advance_body(
        potential: &mut [f64],
        survival: &mut [f64],
        fraction: &[f64],
        scratch: &mut Scratch,
        constants: &StepConstants,
    ) -> Sums;
}

#[inline(always)]
fn advance_body<const FMA: bool>(
    potential: &mut [f64],
    survival: &mut [f64],
    fraction: &[f64],
    scratch: &mut Scratch,
    constants: &StepConstants,
) -> Sums {
    let StepConstants { leak, gain, threshold, sharpness, hazard_dt } = *constants;
    let n = potential.len();
    let (survival, fraction, scratch) = (&mut survival[..n], &fraction[..n], &mut *scratch);
    let (mean, variance) = (&mut scratch.mean[..n], &mut scratch.variance[..n]);
    let (fired, fired_variance) = (&mut scratch.fired[..n], &mut scratch.fired_variance[..n]);
    // One plain loop over whole slices becomes vector code; a sum inside it would prevent that.
    for i in 0..n {
        let u = vector::multiply_add::<FMA>(potential[i], 1.0 - leak, gain);
        potential[i] = u;
        let exponent = (u - threshold) * sharpness;
        let exponent = if exponent < 50.0 { exponent } else { 50.0 };
        let silent = vector::exp::<FMA>(-hazard_dt * vector::exp::<FMA>(exponent));
        let s = survival[i];
        let m = s * fraction[i];
        let v = (1.0 - s) * m;
        mean[i] = m;
        variance[i] = v;
        fired[i] = (1.0 - silent) * m;
        fired_variance[i] = (1.0 - silent) * v;
        survival[i] = s * silent;
    }
    let total = |values: &[f64]| vector::sum(n, |i| values[i]);
    Sums { mean: total(mean), variance: total(variance), fired: total(fired), fired_variance: total(fired_variance) }
}
