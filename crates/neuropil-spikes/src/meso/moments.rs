//! The scheme with mean and variance of every cohort (Schwalger, Deger and Gerstner 2017; NEST's `gif_pop_psc_exp`).
//!
//! With `P` the probability to fire, `m` and `v` mean and variance of a cohort, and a free pool `(x, z)` of neurons older
//! than the grid, a step expects `sum P m + P_free x + P_L (N - sum m - x)` spikes, where the missing neurons fire with
//! `P_L = (sum P v + P_free z) / (sum v + z)`. Then `v <- (1 - P)^2 v + P m` and `m <- (1 - P) m`.

use ndarray::Array2;
use neuropil_core::progress::Monitor;
use neuropil_core::random::{Seed, Stream};

use super::ages::{Ages, Leaving, StepConstants};
use super::escape::FEW_EVENTS;
use super::{AgeGrid, Run, draw};
use crate::error::Result;
use crate::network::InputRule;
use crate::population::PopulationParameters;
use crate::start::{AgeProfile, Start};
use crate::synapse::ExactInput;

/// One population.
struct Population<'a> {
    parameters: &'a PopulationParameters,
    n: f64,
    dt: f64,
    ages: Ages,
    decay: f64,
    /// `(1 - decay) * mu`.
    rest_gain: f64,
    /// Potential of the free neurons.
    free_potential: f64,
    free_rate: f64,
    /// Mean and variance of the number of free neurons.
    free_mean: f64,
    free_variance: f64,
    adaptation: Adapting,
    /// No potential is above.
    ceiling: f64,
    highest_rate: f64,
    /// No threshold is below.
    lowest_threshold: f64,
    k_ref: usize,
    age_bins: usize,
    random: Stream,
}

/// Threshold adaptation in the quasi-renewal approximation.
#[derive(Debug, Clone, Default)]
struct Adapting {
    /// Threshold after the own last spike, by age in steps.
    own: Vec<f64>,
    /// Effect of an earlier spike of the population, by age: `softness (1 - exp(-own / softness)) / N`.
    others: Vec<f64>,
    /// Filtered rate of spikes older than the grid, its decay per step, and its effect on the threshold.
    terms: Vec<AdaptingTerm>,
}

#[derive(Debug, Clone, Copy)]
struct AdaptingTerm {
    rate: f64,
    decay: f64,
    weight: f64,
}

pub(super) fn simulate(run: &Run<'_>, monitor: &Monitor) -> Result<(Array2<f64>, Array2<f64>)> {
    let (network, options) = (run.network, run.options);
    let m = network.n_populations();
    let start = options.start.activity(m);
    let mut input = ExactInput::new(network, options.dt, &start);
    let potentials = options.start.free_potential(network);
    let seed = Seed::new(options.seed).child("meso-moments");
    let width = match options.age_grid {
        AgeGrid::EveryStep => 1,
        AgeGrid::Folded(width) => width,
    };
    let mut populations: Vec<Population<'_>> = network
        .populations
        .iter()
        .enumerate()
        .map(|(i, p)| {
            let random = seed.index(i as u64).stream();
            let mut population = Population::new(p, options.dt, run.age_bins[i], width, random);
            population.start(&options.start, potentials[i]);
            population
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
        let gains = input.step(run.drive.as_ref(), step);
        for (i, population) in populations.iter_mut().enumerate() {
            let mean = population.expected(gains[i]);
            let p = (mean / population.n).clamp(0.0, 1.0);
            let n = draw::spikes(options.noise, population.n, p, options.dt, &mut population.random);
            population.enter(n);
            expected[[step, i]] = population.n * p;
            counts[[step, i]] = n;
            activity[i] = n / (population.n * options.dt);
        }
        input.push(&activity);
    }
    Ok((counts, expected))
}

impl<'a> Population<'a> {
    fn new(p: &'a PopulationParameters, dt: f64, age_bins: usize, width: usize, random: Stream) -> Self {
        let k_ref = p.refractory_steps(dt);
        let decay = (-dt / p.tau_m).exp();
        Self {
            parameters: p,
            n: p.n_neurons as f64,
            dt,
            ages: Ages::new(age_bins, k_ref, width, p.reset, p.threshold),
            decay,
            rest_gain: (1.0 - decay) * p.mu,
            free_potential: p.reset,
            free_rate: 0.0,
            free_mean: 0.0,
            free_variance: 0.0,
            adaptation: Adapting::new(p, dt, age_bins, width),
            ceiling: p.reset,
            highest_rate: f64::INFINITY,
            // A negative amplitude could lower the threshold by any amount.
            lowest_threshold: if p.adaptation.iter().all(|term| term.amplitude >= 0.0) {
                p.threshold
            } else {
                f64::NEG_INFINITY
            },
            k_ref,
            age_bins,
            random,
        }
    }

    fn start(&mut self, start: &Start, potential: f64) {
        self.free_potential = potential;
        self.ceiling = self.ceiling.max(potential);
        match start {
            Start::Fired => self.enter(self.n),
            Start::Activity(_) => {
                // Normalised, so that nobody is missing whatever the rates.
                let profile = AgeProfile::new(self.parameters, potential, self.dt, InputRule::Exact);
                let per_step = self.n / profile.total();
                let mut gridded = 0.0;
                for k in (0..self.age_bins).rev() {
                    let s = profile.survival.get(k).copied().unwrap_or(0.0);
                    gridded += s * per_step;
                    if k < self.k_ref {
                        self.ages.wait(per_step);
                    } else {
                        let before = profile.potential_before(k, self.parameters.reset);
                        self.ages.join(per_step, s * per_step, s * (1.0 - s) * per_step, before);
                    }
                }
                self.free_mean = (self.n - gridded).max(0.0);
                self.free_variance = self.free_mean;
                self.free_rate = self.rate(potential, self.parameters.threshold);
                let live = self.ages.live();
                for i in live {
                    self.ages.rate[i] = self.rate(self.ages.potential[i], self.parameters.threshold);
                }
            }
        }
    }

    fn rate(&self, potential: f64, threshold: f64) -> f64 {
        self.parameters.hazard * ((potential - threshold) / self.parameters.softness).min(50.0).exp()
    }

    /// The expected number of spikes of this step; moves all cohorts through it.
    fn expected(&mut self, gain: f64) -> f64 {
        let gain = self.rest_gain + gain;
        self.free_potential = self.free_potential * self.decay + gain;
        let raised = self.adaptation.raise(self.parameters.threshold, &mut self.ages, self.k_ref);
        let rate = self.rate(self.free_potential, self.parameters.threshold + raised);
        let p_free = -(-0.5 * self.dt * (self.free_rate + rate)).exp_m1();
        self.free_rate = rate;
        // Every potential took this step from below the ceiling, or from the reset.
        self.ceiling = self.ceiling.max(self.parameters.reset) * self.decay + gain;
        let highest = self.highest_rate;
        // Twice the rate covers the spread within a group.
        self.highest_rate = 2.0 * self.rate(self.ceiling, self.lowest_threshold);
        let sums = self.ages.step(&StepConstants {
            few_events: 0.5 * self.dt * (highest + self.highest_rate) <= FEW_EVENTS,
            decay: self.decay,
            gain,
            sharpness: 1.0 / self.parameters.softness,
            hazard: self.parameters.hazard,
            half_dt: 0.5 * self.dt,
        });
        let known = sums.mean + self.ages.n_refractory() + self.free_mean;
        let variance = sums.variance + self.free_variance;
        let p_missing =
            if variance > 0.0 { (sums.fired_variance + p_free * self.free_variance) / variance } else { 0.0 };
        let expected = sums.fired + p_free * self.free_mean + p_missing * (self.n - known);
        self.free_variance = (1.0 - p_free).powi(2) * self.free_variance + p_free * self.free_mean;
        self.free_mean *= 1.0 - p_free;
        expected
    }

    /// The spikes that were drawn become the youngest cohort; the oldest one joins the free pool.
    fn enter(&mut self, spikes: f64) {
        let Leaving { mean, variance, spikes: old } = self.ages.enter(spikes);
        self.free_mean += mean;
        self.free_variance += variance;
        let per_second = old / (self.n * self.dt);
        for term in &mut self.adaptation.terms {
            term.rate = term.rate * term.decay + (1.0 - term.decay) * per_second;
        }
    }
}

impl Adapting {
    fn new(p: &PopulationParameters, dt: f64, age_bins: usize, width: usize) -> Self {
        if p.adaptation.is_empty() {
            return Self::default();
        }
        let own: Vec<f64> = (0..=age_bins + width)
            .map(|k| p.adaptation.iter().map(|term| term.amplitude * (-(k as f64) * dt / term.tau).exp()).sum())
            .collect();
        let others =
            own.iter().map(|theta: &f64| -p.softness * (-theta / p.softness).exp_m1() / p.n_neurons as f64).collect();
        let terms = p
            .adaptation
            .iter()
            .map(|term| AdaptingTerm {
                rate: 0.0,
                decay: (-dt / term.tau).exp(),
                weight: term.amplitude * term.tau * (-(age_bins as f64) * dt / term.tau).exp(),
            })
            .collect();
        Self { own, others, terms }
    }

    /// Sets the threshold of every group; returns by how much that of the free neurons is raised.
    ///
    /// A cohort sees its own last spike in full, the spikes of the population before that one by one, and those older
    /// than the grid through their filtered rate.
    fn raise(&self, threshold: f64, ages: &mut Ages, k_ref: usize) -> f64 {
        if self.terms.is_empty() {
            return 0.0;
        }
        let old: f64 = self.terms.iter().map(|term| term.weight * term.rate).sum();
        let mut sum = threshold + old;
        let (width, live) = (ages.width(), ages.live());
        // Mean age of the members of a group, in steps: the youngest group may not be full yet.
        let youngest = k_ref as f64 + (ages.joined() as f64 - 1.0) / 2.0;
        let n = live.len();
        for (position, i) in live.enumerate() {
            let younger_groups = n - 1 - position;
            let age = if younger_groups == 0 {
                youngest
            } else {
                k_ref as f64
                    + ages.joined() as f64
                    + (younger_groups - 1) as f64 * width as f64
                    + (width as f64 - 1.0) / 2.0
            };
            let k = (age.round() as usize).min(self.own.len() - 1);
            ages.threshold[i] = sum + self.own[k];
            sum += ages.spikes[i] * self.others[k];
        }
        old
    }
}
