//! The cohorts of one population, from the oldest to the youngest.
//!
//! A cohort that leaves the refractory period opens a new group or, on a folded grid, joins the youngest one until that
//! is full. A group knows how many neurons are left in it (mean `m`, variance `v`), their mean potential, and the
//! spread of potentials around it, which shrinks like the square of the membrane's memory.

use std::collections::VecDeque;

use neuropil_core::{dispatch, vector};

use super::escape;

/// Groups are advanced in blocks of this many.
const LANES: usize = 8;

/// The groups of one population; arrays are parallel, the oldest group first, and filled up to whole blocks.
#[derive(Debug, Clone)]
pub(super) struct Ages {
    pub potential: Vec<f64>,
    /// Variance of the potential within a group, in squared softnesses.
    pub spread: Vec<f64>,
    /// Escape rate in the step before, Hz.
    pub rate: Vec<f64>,
    pub mean: Vec<f64>,
    pub variance: Vec<f64>,
    /// Spikes that made the group.
    pub spikes: Vec<f64>,
    pub threshold: Vec<f64>,
    /// `P m` and `P v` of the live groups: scratch.
    fired: Vec<f64>,
    fired_variance: Vec<f64>,
    /// The live groups are `first..end`.
    first: usize,
    end: usize,
    /// Steps that have joined the youngest group.
    joined: usize,
    width: usize,
    n_groups: usize,
    /// Spikes of the steps of the refractory period, the oldest first.
    refractory: VecDeque<f64>,
    n_refractory: f64,
    reset: f64,
    fresh_threshold: f64,
}

/// What leaves the age grid in a step.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Leaving {
    pub mean: f64,
    pub variance: f64,
    pub spikes: f64,
}

/// Constants of a step.
#[derive(Debug, Clone, Copy)]
pub(super) struct StepConstants {
    pub decay: f64,
    pub gain: f64,
    pub sharpness: f64,
    pub hazard: f64,
    pub half_dt: f64,
    /// No group expects more than [`escape::FEW_EVENTS`] events per neuron in this step.
    pub few_events: bool,
}

/// Sums over the groups.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sums {
    /// Of `m` before the step.
    pub mean: f64,
    /// Of `v` before the step.
    pub variance: f64,
    /// Of `P m`.
    pub fired: f64,
    /// Of `P v`.
    pub fired_variance: f64,
}

impl Ages {
    /// An empty grid of `age_bins` ages, of which the first `k_ref` are refractory, in groups of `width`.
    pub fn new(age_bins: usize, k_ref: usize, width: usize, reset: f64, threshold: f64) -> Self {
        let n_groups = (age_bins - k_ref).div_ceil(width);
        // Room to grow before the groups are moved to the front again.
        let capacity = (3 * n_groups + 2 * LANES).next_multiple_of(LANES);
        let mut refractory = VecDeque::with_capacity(k_ref + 1);
        refractory.extend(std::iter::repeat_n(0.0, k_ref));
        Self {
            potential: vec![reset; capacity],
            spread: vec![0.0; capacity],
            rate: vec![0.0; capacity],
            mean: vec![0.0; capacity],
            variance: vec![0.0; capacity],
            spikes: vec![0.0; capacity],
            threshold: vec![threshold; capacity],
            fired: vec![0.0; n_groups + LANES],
            fired_variance: vec![0.0; n_groups + LANES],
            first: 0,
            end: 0,
            joined: width,
            width,
            n_groups,
            refractory,
            n_refractory: 0.0,
            reset,
            fresh_threshold: threshold,
        }
    }

    pub fn live(&self) -> std::ops::Range<usize> {
        self.first..self.end
    }

    pub fn width(&self) -> usize {
        self.width
    }

    /// Steps that have joined the youngest group.
    pub fn joined(&self) -> usize {
        self.joined
    }

    /// Neurons in the refractory period.
    pub fn n_refractory(&self) -> f64 {
        self.n_refractory
    }

    /// The spikes of a step: they wait out the refractory period, while those who have done so enter the grid. Returns
    /// the group that leaves it, if one does.
    pub fn enter(&mut self, spikes: f64) -> Leaving {
        self.refractory.push_back(spikes);
        let entering = self.refractory.pop_front().unwrap_or(0.0);
        self.n_refractory += spikes - entering;
        self.join(entering, entering, 0.0, self.reset)
    }

    /// Neurons that begin the refractory period while nobody ends it: for the state at time zero.
    pub fn wait(&mut self, spikes: f64) {
        self.refractory.pop_front();
        self.refractory.push_back(spikes);
        self.n_refractory = self.refractory.iter().sum();
    }

    /// Adds neurons to the youngest group: `mean` of the `spikes` that made them are left.
    pub fn join(&mut self, spikes: f64, mean: f64, variance: f64, potential: f64) -> Leaving {
        let mut leaving = Leaving::default();
        if self.joined == self.width {
            if self.end - self.first == self.n_groups {
                let i = self.first;
                leaving = Leaving { mean: self.mean[i], variance: self.variance[i], spikes: self.spikes[i] };
                self.first += 1;
            }
            self.open();
            self.joined = 0;
        }
        self.joined += 1;
        let i = self.end - 1;
        let (old, total) = (self.mean[i], self.mean[i] + mean);
        if total > 0.0 {
            let (share, difference) = (mean / total, potential - self.potential[i]);
            self.potential[i] += share * difference;
            self.spread[i] = (1.0 - share) * (self.spread[i] + share * difference * difference);
            self.rate[i] *= old / total;
        } else {
            self.potential[i] = potential;
            self.spread[i] = 0.0;
        }
        self.mean[i] = total;
        self.variance[i] += variance;
        self.spikes[i] += spikes;
        leaving
    }

    fn open(&mut self) {
        if self.end + LANES >= self.mean.len() {
            let live = self.live();
            let n = live.len();
            for array in self.arrays() {
                array.copy_within(live.clone(), 0);
            }
            self.first = 0;
            self.end = n;
            // Spikes that are no whole numbers leave rounding in the running sum.
            self.n_refractory = self.refractory.iter().sum();
            // What lies behind the last group takes part in blocks and must be nobody.
            let (reset, threshold) = (self.reset, self.fresh_threshold);
            for (array, value) in self.arrays().into_iter().zip([reset, 0.0, 0.0, 0.0, 0.0, 0.0, threshold]) {
                array[n..].fill(value);
            }
        }
        let i = self.end;
        self.end += 1;
        self.potential[i] = self.reset;
        self.spread[i] = 0.0;
        self.rate[i] = 0.0;
        self.mean[i] = 0.0;
        self.variance[i] = 0.0;
        self.spikes[i] = 0.0;
        self.threshold[i] = self.fresh_threshold;
    }

    fn arrays(&mut self) -> [&mut Vec<f64>; 7] {
        [
            &mut self.potential,
            &mut self.spread,
            &mut self.rate,
            &mut self.mean,
            &mut self.variance,
            &mut self.spikes,
            &mut self.threshold,
        ]
    }

    /// One step of all groups.
    pub fn step(&mut self, constants: &StepConstants) -> Sums {
        let n = (self.end - self.first).next_multiple_of(LANES);
        let range = self.first..self.first + n;
        let mut arrays = Arrays {
            potential: &mut self.potential[range.clone()],
            spread: &mut self.spread[range.clone()],
            rate: &mut self.rate[range.clone()],
            mean: &mut self.mean[range.clone()],
            variance: &mut self.variance[range.clone()],
            fired: &mut self.fired[..n],
            fired_variance: &mut self.fired_variance[..n],
            threshold: &self.threshold[range],
        };
        if self.width == 1 { advance(&mut arrays, constants) } else { advance_folded(&mut arrays, constants) }
    }
}

struct Arrays<'a> {
    potential: &'a mut [f64],
    spread: &'a mut [f64],
    rate: &'a mut [f64],
    mean: &'a mut [f64],
    variance: &'a mut [f64],
    fired: &'a mut [f64],
    fired_variance: &'a mut [f64],
    threshold: &'a [f64],
}

dispatch! {
    /// One step of groups of one cohort each.
    fn advance = advance_body(arrays: &mut Arrays<'_>, constants: &StepConstants) -> Sums;
}

dispatch! {
    /// One step of groups of several cohorts, whose potentials are spread.
    fn advance_folded = advance_folded_body(arrays: &mut Arrays<'_>, constants: &StepConstants) -> Sums;
}

#[inline(always)]
fn advance_body<const FMA: bool>(arrays: &mut Arrays<'_>, constants: &StepConstants) -> Sums {
    if constants.few_events {
        advance_groups::<FMA, false, true>(arrays, constants)
    } else {
        advance_groups::<FMA, false, false>(arrays, constants)
    }
}

#[inline(always)]
fn advance_folded_body<const FMA: bool>(arrays: &mut Arrays<'_>, constants: &StepConstants) -> Sums {
    if constants.few_events {
        advance_groups::<FMA, true, true>(arrays, constants)
    } else {
        advance_groups::<FMA, true, false>(arrays, constants)
    }
}

#[inline(always)]
fn advance_groups<const FMA: bool, const FOLDED: bool, const FEW: bool>(
    arrays: &mut Arrays<'_>,
    constants: &StepConstants,
) -> Sums {
    let StepConstants { decay, gain, sharpness, hazard, half_dt, .. } = *constants;
    let half_spread = 0.5 * sharpness * sharpness;
    let n = arrays.potential.len();
    let (potential, spread, rate) = (&mut arrays.potential[..n], &mut arrays.spread[..n], &mut arrays.rate[..n]);
    let (mean, variance, threshold) = (&mut arrays.mean[..n], &mut arrays.variance[..n], &arrays.threshold[..n]);
    let (fired, fired_variance) = (&mut arrays.fired[..n], &mut arrays.fired_variance[..n]);
    let variance_before = lane_sum(variance);
    // One plain loop over whole slices becomes vector code; a sum inside it would prevent that.
    for i in 0..n {
        let u = vector::multiply_add::<FMA>(potential[i], decay, gain);
        potential[i] = u;
        let exponent = (u - threshold[i]) * sharpness;
        let exponent = if exponent < 50.0 { exponent } else { 50.0 };
        let mut now = hazard * escape::exp::<FMA>(exponent);
        if FOLDED {
            // The mean of exp over a narrow spread; the spread shrinks with the membrane's memory.
            let s = spread[i] * decay * decay;
            spread[i] = s;
            now = vector::multiply_add::<FMA>(now, half_spread * s, now);
        }
        let events = half_dt * (rate[i] + now);
        let fires = if FEW { escape::fires::<FMA>(events) } else { 1.0 - escape::exp::<FMA>(-events) };
        rate[i] = now;
        let (m, v) = (mean[i], variance[i]);
        let leaving = fires * m;
        fired[i] = leaving;
        fired_variance[i] = fires * v;
        let survive = 1.0 - fires;
        variance[i] = vector::multiply_add::<FMA>(survive * survive, v, leaving);
        mean[i] = m - leaving;
    }
    let fired = lane_sum(fired);
    Sums { mean: lane_sum(mean) + fired, variance: variance_before, fired, fired_variance: lane_sum(fired_variance) }
}

/// The sum of whole blocks, lane by lane: the same order on every machine.
#[inline(always)]
fn lane_sum(values: &[f64]) -> f64 {
    let mut lanes = [0.0; LANES];
    for block in values.as_chunks::<LANES>().0 {
        for (lane, value) in lanes.iter_mut().zip(block) {
            *lane += value;
        }
    }
    lanes.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONSTANTS: StepConstants =
        StepConstants { decay: 0.99, gain: 0.1, sharpness: 1.0, hazard: 0.02, half_dt: 0.0005, few_events: true };

    fn plain(state: &mut [f64; 4], constants: &StepConstants) -> f64 {
        let [u, rate, m, v] = *state;
        let u = u * constants.decay + constants.gain;
        let now = constants.hazard * (u * constants.sharpness).exp();
        let fires = 1.0 - (-constants.half_dt * (rate + now)).exp();
        *state = [u, now, (1.0 - fires) * m, (1.0 - fires).powi(2) * v + fires * m];
        fires * m
    }

    #[test]
    fn the_fast_kernel_agrees_with_a_plain_loop() {
        let mut ages = Ages::new(40, 3, 1, 0.0, 0.0);
        let mut plain_groups: Vec<[f64; 4]> = Vec::new();
        let mut waiting = VecDeque::from(vec![0.0; 3]);
        for step in 0..200 {
            let sums = ages.step(&CONSTANTS);
            let expected: f64 = plain_groups.iter_mut().map(|group| plain(group, &CONSTANTS)).sum();
            assert!((sums.fired - expected).abs() < 1e-8 * expected.max(1.0), "step {step}");
            let spikes = f64::from(step % 7);
            ages.enter(spikes);
            waiting.push_back(spikes);
            plain_groups.push([0.0, 0.0, waiting.pop_front().unwrap(), 0.0]);
            if plain_groups.len() > 37 {
                plain_groups.remove(0);
            }
            let live = ages.live();
            assert_eq!(live.len(), plain_groups.len());
            for (i, group) in live.zip(&plain_groups) {
                assert!((ages.mean[i] - group[2]).abs() < 1e-8 && (ages.variance[i] - group[3]).abs() < 1e-8);
            }
        }
    }

    #[test]
    fn the_two_ways_to_fire_agree() {
        let filled = || {
            let mut ages = Ages::new(60, 3, 2, 0.0, 0.0);
            for step in 0..100 {
                ages.step(&CONSTANTS);
                ages.enter(f64::from(step % 7));
            }
            ages
        };
        let (few, many) = (filled().step(&CONSTANTS), filled().step(&StepConstants { few_events: false, ..CONSTANTS }));
        assert!((few.fired / many.fired - 1.0).abs() < 1e-8 && few.variance == many.variance);
    }

    #[test]
    fn folding_keeps_the_number_of_neurons() {
        let mut ages = Ages::new(40, 3, 8, 0.0, 0.0);
        let mut held = 0.0;
        for step in 0..300 {
            held -= ages.step(&CONSTANTS).fired;
            let spikes = f64::from(step % 5);
            held += spikes;
            held -= ages.enter(spikes).mean;
            let in_grid: f64 = ages.live().map(|i| ages.mean[i]).sum();
            assert!((in_grid + ages.n_refractory() - held).abs() < 1e-10, "step {step}");
        }
    }
}
