//! The exact cohort simulator.
//!
//! Neurons of a population with the same last spike have the same potential and the same escape rate: they are
//! exchangeable, and only their number matters. A cohort of `c` neurons waits for the smallest of `c` unit exponentials;
//! its integrated escape rate runs against that, so a cohort needs one random number per *spike* and none per step.
//! The probability to fire in a step is exactly `1 - exp(-lambda dt)`, as in the clock-driven simulator. When many of a
//! cohort fire at once, their number is drawn from its binomial law instead of one by one.
//!
//! A cohort whose potential has reached that of neurons which never fired joins them in a pool. The exponential law has
//! no memory, so drawing a new waiting time for the pool changes nothing.

use std::collections::VecDeque;

use ndarray::Array2;
use neuropil_core::progress::Monitor;
use neuropil_core::random::{Seed, Stream, uniform};
use neuropil_core::{dispatch, vector};
use rand::Rng;
use rand_distr::{Binomial, Distribution, Exp1};

use super::Run;
use super::recorder::Recorder;
use crate::error::Result;
use crate::network::InputRule;
use crate::population::PopulationParameters;
use crate::start::{AgeProfile, Start};
use crate::synapse::FilteredInput;

/// Cohorts are advanced in blocks of this many.
const LANES: usize = 16;
/// From so many expected spikes on, their number is drawn from a binomial law.
const MANY: f64 = 12.0;
/// Steps between two searches for cohorts that can join the pool.
const SWEEP: usize = 256;

/// Neurons that fired together and are still silent.
struct Refractory {
    ready: usize,
    count: u32,
    recorded: Vec<u32>,
}

/// The cohorts of one population. Number 0 is the pool; the arrays are filled up to whole blocks with cohorts of nobody.
struct Cohorts {
    potential: Vec<f64>,
    /// What is left of the waiting time of the next spike, in integrated escape rate.
    wait: Vec<f64>,
    count: Vec<u32>,
    /// The step in which the cohort began to integrate.
    born: Vec<usize>,
    /// Recorded members; empty vectors where nobody is recorded.
    recorded: Vec<Vec<u32>>,
    n_cohorts: usize,
    refractory: VecDeque<Refractory>,
    /// Empty lists that are used again.
    spare: Vec<Vec<u32>>,
    hits: Vec<u32>,
    random: Stream,
    constants: Constants,
}

#[derive(Debug, Clone, Copy)]
struct Constants {
    decay: f64,
    rest_gain: f64,
    input_gain: f64,
    threshold: f64,
    sharpness: f64,
    hazard_dt: f64,
    reset: f64,
    silent: usize,
    /// Steps after which a potential has forgotten its reset.
    memory: usize,
}

pub(super) fn simulate(run: &Run<'_>, monitor: &Monitor) -> Result<(Array2<u32>, Vec<Recorder>)> {
    let (network, options) = (run.network, run.options);
    let m = network.n_populations();
    let start = options.start.activity(m);
    let mut input = FilteredInput::new(network, options.dt, &start);
    let potentials = network.input_potential(&start);
    let seed = Seed::new(options.seed).child("micro-cohort");
    let mut recorders: Vec<Recorder> = run.recorded.iter().map(|&n| Recorder::new(n)).collect();
    let mut populations: Vec<Cohorts> = network
        .populations
        .iter()
        .enumerate()
        .map(|(i, p)| {
            let constants = Constants::new(p, options.dt, options.input_rule);
            let mut cohorts = Cohorts::new(constants, seed.index(i as u64).stream());
            match &options.start {
                Start::Fired => cohorts.start_fired(p, run.recorded[i]),
                Start::Activity(_) => cohorts.start_spread(p, potentials[i], options.dt, run.recorded[i]),
            }
            cohorts
        })
        .collect();
    let mut counts = Array2::zeros((run.n_steps, m));
    let mut activity = vec![0.0; m];
    let scale: Vec<f64> = network.populations.iter().map(|p| 1.0 / (p.n_neurons as f64 * options.dt)).collect();
    let task = monitor.task("time steps", run.n_steps as u64);
    for step in 0..run.n_steps {
        if step % SWEEP == 0 {
            monitor.check()?;
            task.advance(SWEEP.min(run.n_steps - step) as u64);
            populations.iter_mut().for_each(|cohorts| cohorts.fill_pool(step));
        }
        let inputs = input.step(run.drive.as_ref(), step);
        for (i, cohorts) in populations.iter_mut().enumerate() {
            let n = cohorts.step(inputs[i], step, &mut recorders[i]);
            counts[[step, i]] = n;
            activity[i] = f64::from(n) * scale[i];
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
            threshold: p.threshold,
            sharpness: 1.0 / p.softness,
            hazard_dt: p.hazard * dt,
            reset: p.reset,
            silent: p.refractory_steps(dt),
            // 25 time constants: a difference of 100 softnesses has shrunk to 1e-9 of one.
            memory: (25.0 * p.tau_m / dt).ceil() as usize,
        }
    }
}

impl Cohorts {
    fn new(constants: Constants, random: Stream) -> Self {
        let mut cohorts = Self {
            potential: Vec::new(),
            wait: Vec::new(),
            count: Vec::new(),
            born: Vec::new(),
            recorded: Vec::new(),
            n_cohorts: 0,
            refractory: VecDeque::new(),
            spare: Vec::new(),
            hits: Vec::new(),
            random,
            constants,
        };
        cohorts.push(0, constants.reset, 0, Vec::new());
        cohorts
    }

    fn start_fired(&mut self, p: &PopulationParameters, n_recorded: usize) {
        self.potential[0] = p.reset;
        self.refractory.push_back(Refractory {
            ready: self.constants.silent,
            count: p.n_neurons as u32,
            recorded: (0..n_recorded as u32).collect(),
        });
    }

    /// Spreads the neurons over the ages of a population at rest; the recorded ones are drawn one by one, the others by
    /// a binomial draw for every age.
    fn start_spread(&mut self, p: &PopulationParameters, h: f64, dt: f64, n_recorded: usize) {
        let profile = AgeProfile::new(p, h, dt, InputRule::Exact);
        let n_ages = profile.survival.len();
        let mut members: Vec<(u32, Vec<u32>)> = vec![(0, Vec::new()); n_ages + 1];
        let draw = profile.sampler();
        for neuron in 0..n_recorded as u32 {
            let age = draw(uniform(&mut self.random));
            members[age].0 += 1;
            members[age].1.push(neuron);
        }
        let (mut left, mut mass) = ((p.n_neurons - n_recorded) as u32, profile.total());
        for age in 0..n_ages {
            let n = binomial(left, profile.survival[age] / mass, &mut self.random);
            members[age].0 += n;
            left -= n;
            mass -= profile.survival[age];
        }
        members[n_ages].0 += left;
        self.potential[0] = h;
        for (age, (count, recorded)) in members.into_iter().enumerate().rev() {
            if count == 0 {
                continue;
            }
            if age == n_ages {
                self.count[0] = count;
                self.recorded[0] = recorded;
                self.wait[0] = exponential(&mut self.random) / f64::from(count);
            } else if age < self.constants.silent {
                // The oldest come first, as the queue wants it.
                self.refractory.push_back(Refractory { ready: self.constants.silent - age, count, recorded });
            } else {
                self.push(count, profile.potential_before(age, p.reset), 0, recorded);
            }
        }
    }

    fn push(&mut self, count: u32, potential: f64, step: usize, recorded: Vec<u32>) {
        if self.n_cohorts == self.count.len() {
            let n = self.n_cohorts + LANES;
            self.potential.resize(n, self.constants.reset);
            self.wait.resize(n, f64::INFINITY);
            self.count.resize(n, 0);
            self.born.resize(n, 0);
            self.recorded.resize_with(n, Vec::new);
        }
        let i = self.n_cohorts;
        self.n_cohorts += 1;
        self.potential[i] = potential;
        self.wait[i] = if count > 0 { exponential(&mut self.random) / f64::from(count) } else { f64::INFINITY };
        self.count[i] = count;
        self.born[i] = step;
        self.recorded[i] = recorded;
    }

    fn remove(&mut self, i: usize) {
        self.n_cohorts -= 1;
        let last = self.n_cohorts;
        self.potential[i] = self.potential[last];
        self.wait[i] = self.wait[last];
        self.count[i] = self.count[last];
        self.born[i] = self.born[last];
        self.recorded.swap(i, last);
        let mut list = std::mem::take(&mut self.recorded[last]);
        if list.capacity() > 0 {
            list.clear();
            self.spare.push(list);
        }
        self.wait[last] = f64::INFINITY;
        self.count[last] = 0;
    }

    /// Lets cohorts that have forgotten their reset join the pool.
    fn fill_pool(&mut self, step: usize) {
        let before = self.count[0];
        for i in (1..self.n_cohorts).rev() {
            if step.saturating_sub(self.born[i]) > self.constants.memory {
                self.count[0] += self.count[i];
                let mut joining = std::mem::take(&mut self.recorded[i]);
                self.recorded[0].append(&mut joining);
                self.spare.push(joining);
                self.remove(i);
            }
        }
        if self.count[0] > before {
            self.wait[0] = exponential(&mut self.random) / f64::from(self.count[0]);
        }
    }

    /// One time step; the number of spikes.
    fn step(&mut self, input: f64, step: usize, recorder: &mut Recorder) -> u32 {
        while self.refractory.front().is_some_and(|cohort| cohort.ready <= step) {
            if let Some(cohort) = self.refractory.pop_front() {
                self.push(cohort.count, self.constants.reset, step, cohort.recorded);
            }
        }
        let gain = self.constants.rest_gain + self.constants.input_gain * input;
        let n = self.n_cohorts.next_multiple_of(LANES);
        self.hits.clear();
        advance(&mut self.potential[..n], &mut self.wait[..n], &self.constants, gain, &mut self.hits);
        let mut total = 0;
        let mut fired = self.spare.pop().unwrap_or_default();
        // From the last to the first, so that removing one does not move another that is still to come.
        for at in (0..self.hits.len()).rev() {
            let i = self.hits[at] as usize;
            total += self.fire(i, step, &mut fired, recorder);
            if self.count[i] == 0 && i > 0 {
                self.remove(i);
            }
        }
        if total > 0 {
            let ready = step + self.constants.silent + 1;
            self.refractory.push_back(Refractory { ready, count: total, recorded: fired });
        } else {
            self.spare.push(fired);
        }
        total
    }

    /// The waiting time of a cohort has run out: how many fire in this step.
    fn fire(&mut self, i: usize, step: usize, fired: &mut Vec<u32>, recorder: &mut Recorder) -> u32 {
        let before = self.count[i];
        // The first has fired; the others had independent waits, and `excess` of them has passed.
        let mut left = before - 1;
        let mut excess = -self.wait[i];
        if f64::from(left) * excess > MANY {
            left -= binomial(left, -(-excess).exp_m1(), &mut self.random);
            self.wait[i] = exponential(&mut self.random) / f64::from(left);
        } else {
            loop {
                let gap = exponential(&mut self.random) / f64::from(left);
                // With nobody left the gap is infinite, and so is the wait.
                if gap > excess {
                    self.wait[i] = gap - excess;
                    break;
                }
                excess -= gap;
                left -= 1;
            }
        }
        self.count[i] = left;
        if !self.recorded[i].is_empty() {
            for members in (left + 1..=before).rev() {
                let chosen = below(members, &mut self.random) as usize;
                if chosen < self.recorded[i].len() {
                    let neuron = self.recorded[i].swap_remove(chosen);
                    fired.push(neuron);
                    recorder.spike(neuron, step);
                }
            }
        }
        before - left
    }
}

fn exponential(random: &mut Stream) -> f64 {
    Exp1.sample(random)
}

/// A uniform whole number below `n`.
fn below(n: u32, random: &mut Stream) -> u32 {
    // The high half of the product is uniform up to a bias of n / 2^64.
    ((u128::from(random.next_u64()) * u128::from(n)) >> 64) as u32
}

fn binomial(n: u32, p: f64, random: &mut Stream) -> u32 {
    match Binomial::new(u64::from(n), p.clamp(0.0, 1.0)) {
        Ok(law) => law.sample(random) as u32,
        Err(_) => 0,
    }
}

dispatch! {
    /// One step of all cohorts; `hits` receives those whose waiting time has run out, in ascending order.
    fn advance = advance_body(
        potential: &mut [f64],
        wait: &mut [f64],
        constants: &Constants,
        gain: f64,
        hits: &mut Vec<u32>,
    );
}

#[inline(always)]
fn advance_body<const FMA: bool>(
    potential: &mut [f64],
    wait: &mut [f64],
    constants: &Constants,
    gain: f64,
    hits: &mut Vec<u32>,
) {
    let Constants { decay, threshold, sharpness, hazard_dt, .. } = *constants;
    let n = potential.len();
    let wait = &mut wait[..n];
    for i in 0..n {
        let u = vector::multiply_add::<FMA>(potential[i], decay, gain);
        potential[i] = u;
        let exponent = (u - threshold) * sharpness;
        let exponent = if exponent < 50.0 { exponent } else { 50.0 };
        wait[i] = vector::multiply_add::<FMA>(-hazard_dt, vector::exp::<FMA>(exponent), wait[i]);
    }
    for (block, wait) in wait.as_chunks::<LANES>().0.iter().enumerate() {
        let n_hits: u32 = wait.iter().map(|left| u32::from(*left <= 0.0)).sum();
        if n_hits > 0 {
            for (lane, left) in wait.iter().enumerate() {
                if *left <= 0.0 {
                    hits.push((block * LANES + lane) as u32);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fraction_of_a_large_cohort_that_fires_is_exact() {
        // lambda dt = 0.0731 in one step: the fraction is 1 - exp(-0.0731) = 0.0705.
        let population = PopulationParameters {
            n_neurons: 1_000_000,
            mu: 0.0,
            threshold: 0.0,
            hazard: 365.5,
            t_ref: 0.0,
            ..PopulationParameters::default()
        };
        for seed in 0..5 {
            let mut cohorts =
                Cohorts::new(Constants::new(&population, 0.0002, InputRule::Euler), Seed::new(seed).stream());
            cohorts.start_fired(&population, 0);
            let n = cohorts.step(0.0, 0, &mut Recorder::new(0));
            let p = -(-0.0731_f64).exp_m1();
            let four_sigma = 4.0 * (p * (1.0 - p) / 1e6).sqrt();
            assert!((f64::from(n) / 1e6 - p).abs() < four_sigma, "{n}");
        }
    }

    #[test]
    fn nobody_is_ever_lost() {
        let population = PopulationParameters { n_neurons: 500, ..PopulationParameters::default() };
        let constants = Constants::new(&population, 0.0002, InputRule::Euler);
        let mut cohorts = Cohorts::new(constants, Seed::new(3).stream());
        cohorts.start_spread(&population, 24.0, 0.0002, 40);
        let mut recorder = Recorder::new(40);
        for step in 0..5000 {
            if step % SWEEP == 0 {
                cohorts.fill_pool(step);
            }
            // A weak input first, so that some grow old enough for the pool.
            let input = if step < 3500 { -1400.0 } else { 0.0 };
            cohorts.step(input, step, &mut recorder);
            let waiting: u32 = cohorts.refractory.iter().map(|cohort| cohort.count).sum();
            assert_eq!(cohorts.count.iter().sum::<u32>() + waiting, 500, "step {step}");
            let listed = |lists: &mut dyn Iterator<Item = &Vec<u32>>| lists.map(Vec::len).sum::<usize>();
            let known = listed(&mut cohorts.recorded.iter())
                + listed(&mut cohorts.refractory.iter().map(|cohort| &cohort.recorded));
            assert_eq!(known, 40, "step {step}");
        }
    }
}
