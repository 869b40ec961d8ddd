//! The mesoscopic recursion (scheme S) along one trial, and the negative log-likelihood that it adds up.
//!
//! With cohorts `k` of neurons that fired in bin `t-1-k`, survivors `S`, expected masses `m = S z` and variances
//! `v = (1-S) m`, the expected fraction of neurons that fire in bin `t` is
//!
//! ```text
//! p = sum m P + Lambda (1 - sum m),    Lambda = sum v P / sum v,    P = 1 - exp(-lambda dt)
//! ```
//!
//! (Schwalger, Deger and Gerstner 2017), and the activity is `z ~ Normal(p, (p + 0.1 dt) / N)` (the variance floor of
//! the published program of arXiv:2205.13493).

use neuropil_core::special::ln_gamma;
use neuropil_core::{dispatch, vector};

use super::age_kernel::{self, Cohorts, ForwardRows};
use super::circuit::Circuit;
use super::recording::{Recording, Trial};
use super::tape::{Grid, Keep, OldAges, POOL, Pool, REFRACTORY, Start, Tape};

/// How the latent variables enter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LatentModel {
    /// Activity with Gaussian noise of variance `(p + 0.1 dt) / N` (the published likelihood).
    #[default]
    Gaussian,
    /// Activity with binomial counts, `N z ~ Binomial(N, p)`; counts between whole numbers are interpolated by the gamma
    /// function.
    Binomial,
    /// The latent variables are the innovations `(z - p) / sigma` themselves, with a standard normal prior.
    Innovations,
}

/// Firing probabilities below this are taken for this, without a gradient.
pub(super) const LEAST_PROBABILITY: f64 = 1e-8;
/// Negative log-probability of a spike that the refractory period forbids (`-ln 1e-8`).
pub(super) const IMPOSSIBLE_SPIKE: f64 = 18.420_680_743_952_367;
/// Below this the variance weights carry no information on the missing mass.
pub(super) const LEAST_VARIANCE: f64 = 1e-30;

/// The two parts of a negative log-likelihood, in nats.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Parts {
    pub latent: f64,
    pub observed: f64,
}

/// One trial on its way through the recursion.
pub(super) struct Sweep<'a> {
    pub circuit: &'a Circuit,
    pub recording: &'a Recording,
    pub trial: &'a Trial,
    pub grid: &'a Grid,
    pub latent: LatentModel,
    /// The latent variables, time by population.
    pub variables: &'a [f64],
    pub keep: Keep,
}

/// Variance of the activity in a bin.
#[inline(always)]
pub(super) fn variance(p: f64, n_neurons: f64, dt: f64) -> f64 {
    (p + 0.1 * dt) / n_neurons
}

dispatch! {
    /// Runs the recursion; leaves on the tape what `keep` asks for.
    pub(super) fn run = run_body(sweep: &Sweep<'_>, tape: &mut Tape) -> Parts;
}

#[inline(always)]
fn run_body<const FMA: bool>(sweep: &Sweep<'_>, tape: &mut Tape) -> Parts {
    let Sweep { circuit, trial, grid, .. } = *sweep;
    let n_populations = circuit.n_populations();
    tape.prepare(grid, sweep.keep);
    for m in 0..n_populations {
        start::<FMA>(sweep, tape, m);
    }
    let mut parts = Parts::default();
    for t in 0..grid.n_steps {
        for a in 0..n_populations {
            let e = circuit.synaptic_decay(a);
            let before = if t > 0 { tape.traces[(t - 1) * n_populations + a] } else { trial.initial_activity[a] };
            let arriving = match t.checked_sub(1 + circuit.delay_steps) {
                Some(sent) => tape.activity[sent * n_populations + a] / circuit.dt,
                None => trial.initial_activity[a],
            };
            tape.traces[t * n_populations + a] = e * before + (1.0 - e) * arriving;
        }
        for m in 0..n_populations {
            let p = population_step::<FMA>(sweep, tape, m, t);
            let i = t * n_populations + m;
            let n_neurons = circuit.n_neurons[m] as f64;
            let variable = sweep.variables[i];
            let (z, nats) = match sweep.latent {
                LatentModel::Gaussian => {
                    let var = variance(p, n_neurons, circuit.dt);
                    let r = variable - p;
                    (variable, 0.5 * (std::f64::consts::TAU * var).ln() + r * r / (2.0 * var))
                }
                LatentModel::Binomial => (variable, binomial_nats(variable, p, n_neurons)),
                LatentModel::Innovations => {
                    let z = p + variance(p, n_neurons, circuit.dt).sqrt() * variable;
                    (z.max(0.0), 0.5 * variable * variable)
                }
            };
            tape.activity[i] = z;
            tape.populations[m].born[grid.offset[m] + t] = z;
            parts.latent += nats;
        }
        parts.observed += observed_nats(sweep, tape, t);
    }
    parts
}

/// `-ln Binomial(N z; N, p)` with the gamma function between whole counts.
fn binomial_nats(z: f64, p: f64, n: f64) -> f64 {
    let count = (n * z).clamp(0.0, n);
    let p = p.min(1.0 - 1e-12);
    -(ln_gamma(n + 1.0) - ln_gamma(count + 1.0) - ln_gamma(n - count + 1.0)
        + count * p.ln()
        + (n - count) * (-p).ln_1p())
}

/// The stationary age distribution at the initial activities: what any number of steps at constant input leads to.
#[inline(always)]
fn start<const FMA: bool>(sweep: &Sweep<'_>, tape: &mut Tape, m: usize) {
    let Sweep { circuit, trial, grid, .. } = *sweep;
    let (k_ref, offset, width) = (circuit.refractory_steps[m], grid.offset[m], grid.width[m]);
    let decay = circuit.decay(m);
    let input: f64 = trial.initial_activity.iter().enumerate().map(|(a, rate)| rate * circuit.coupling[[a, m]]).sum();
    let potential = circuit.resting[m] + input / circuit.leak[m];
    let tape = &mut tape.populations[m];
    tape.decay_powers.resize(width + 1, 1.0);
    for i in (0..=width).rev() {
        tape.decay_powers[i] = if i == width { 1.0 } else { tape.decay_powers[i + 1] * decay };
    }
    let born = trial.initial_activity[m] * circuit.dt;
    tape.born[..offset].fill(born);
    tape.left_refractoriness[..offset].fill(potential);
    tape.survivor[..offset].fill(0.0);
    let log_scale = potential - circuit.threshold[m] + circuit.dt.ln();
    let mut hazards = Vec::with_capacity(grid.age_bins);
    let (mut survivor, mut power) = (1.0, 1.0);
    for k in 0..grid.age_bins {
        tape.survivor[offset - 1 - k] = survivor;
        let hazard = if k < k_ref {
            0.0
        } else {
            power *= decay;
            vector::exp::<FMA>((log_scale - power * potential).min(50.0))
        };
        hazards.push(hazard);
        survivor *= (-hazard).exp();
    }
    let pool_hazard = log_scale.min(50.0).exp();
    tape.start = Start { input, potential, hazards, survivor_beyond: survivor, pool_hazard };
}

/// Mass and sum of S m of the pool at the start, and their derivatives with respect to the survivor at its entry and
/// to the probability to stay.
pub(super) fn initial_pool(born: f64, start: &Start, tail_bins: usize) -> ([f64; 2], [f64; 2], [f64; 2]) {
    let stay = (-start.pool_hazard).exp();
    let (mut sum, mut square_sum, mut d_sum, mut d_square_sum) = (0.0, 0.0, 0.0, 0.0);
    let mut power = 1.0;
    for i in 0..tail_bins {
        sum += power;
        square_sum += power * power;
        if stay > 0.0 {
            d_sum += i as f64 * power / stay;
            d_square_sum += 2.0 * i as f64 * power * power / stay;
        }
        power *= stay;
    }
    let s = start.survivor_beyond;
    (
        [born * s * sum, born * s * s * square_sum],
        [born * sum, 2.0 * born * s * square_sum],
        [born * s * d_sum, born * s * s * d_square_sum],
    )
}

/// One population at one time: the firing probability.
#[inline(always)]
fn population_step<const FMA: bool>(sweep: &Sweep<'_>, tape: &mut Tape, m: usize, t: usize) -> f64 {
    let Sweep { circuit, trial, grid, .. } = *sweep;
    let n_populations = circuit.n_populations();
    let traces = &tape.traces[t * n_populations..(t + 1) * n_populations];
    let mut input: f64 = traces.iter().enumerate().map(|(a, trace)| trace * circuit.coupling[[a, m]]).sum();
    if let Some(drive) = &trial.drive {
        input += drive[[t, m]];
    }
    let tape = &mut tape.populations[m];
    let (k_ref, width) = (circuit.refractory_steps[m], grid.width[m]);
    // Index of the first refractory cohort: the end of those that can fire.
    let end = grid.offset[m] + t - k_ref;
    let before = if t > 0 { tape.input_potential[t - 1] } else { tape.start.potential };
    let decay = circuit.decay(m);
    let potential = decay * before + (1.0 - decay) * circuit.resting[m] + circuit.dt * input;
    tape.input_potential[t] = potential;
    tape.left_refractoriness[end] = potential;
    let log_scale = potential - circuit.threshold[m] + circuit.dt.ln();

    let row = match sweep.keep {
        Keep::Value => 0,
        Keep::All => t * width,
    };
    let cohorts = Cohorts {
        born: &tape.born[end - width..end],
        left_refractoriness: &tape.left_refractoriness[end - width..end],
        decay_powers: &tape.decay_powers[..width],
    };
    let mut sums = age_kernel::forward::<FMA>(
        &cohorts,
        log_scale,
        ForwardRows {
            survivor: &mut tape.survivor[end - width..end],
            hazard_tape: &mut tape.hazards[row..row + width],
            survivor_tape: &mut tape.survivors[row..row + width],
            stay: &mut tape.stay[..width],
        },
    );
    for cohort in end..end + k_ref {
        sums.mass += tape.born[cohort];
    }

    // The cohort of the oldest age leaves the grid after this step.
    let leaving = grid.offset[m] + t - grid.age_bins;
    if grid.old_ages == OldAges::Pooled {
        let (mass, squared) = if t == 0 {
            let (values, _, _) = initial_pool(trial.initial_activity[m] * circuit.dt, &tape.start, grid.tail_bins);
            (values[0], values[1])
        } else {
            let last = tape.pool[t - 1];
            let entering = last.entering_survivor * last.entering_born;
            (last.mass * last.stay + entering, last.squared * last.stay * last.stay + last.entering_survivor * entering)
        };
        let hazard = log_scale.min(50.0).exp();
        let stay = (-hazard).exp();
        let (entering_survivor, entering_born) = (tape.survivor[leaving], tape.born[leaving]);
        tape.pool[t] = Pool { mass, squared, hazard, stay, entering_survivor, entering_born };
        let fire = 1.0 - stay;
        sums.mass += mass;
        sums.firing += mass * fire;
        sums.variance += mass - squared;
        sums.variance_firing += (mass - squared) * fire;
    }
    tape.survivor[leaving] = 0.0;

    let missing = 1.0 - sums.mass;
    let common = if sums.variance > LEAST_VARIANCE { sums.variance_firing / sums.variance } else { 0.0 };
    let raw = sums.firing + common * missing;
    let p = raw.clamp(LEAST_PROBABILITY, 1.0);
    tape.common[t] = common;
    tape.missing[t] = missing;
    tape.variance[t] = sums.variance;
    // A negative sign marks the bins in which p was clipped and the gradient is cut.
    tape.probability[t] = if p == raw { p } else { -p };
    p
}

/// Negative log-likelihood of the observed neurons in a bin: each has the hazard of its cohort.
#[inline(always)]
fn observed_nats(sweep: &Sweep<'_>, tape: &Tape, t: usize) -> f64 {
    let n = sweep.recording.populations.len();
    let mut nats = 0.0;
    for neuron in 0..n {
        let m = sweep.recording.populations[neuron];
        let spike = sweep.trial.spikes[[t, neuron]] > 0;
        let hazard = match sweep.grid.cells[t * n + neuron] {
            REFRACTORY => {
                nats += if spike { IMPOSSIBLE_SPIKE } else { 0.0 };
                continue;
            }
            POOL => tape.populations[m].pool[t].hazard,
            cell => {
                let row = match sweep.keep {
                    Keep::Value => 0,
                    Keep::All => t * sweep.grid.width[m],
                };
                tape.populations[m].hazards[row + cell as usize]
            }
        };
        nats += if spike { -log_fire(hazard) } else { hazard };
    }
    nats
}

/// `ln(1 - exp(-x))`, accurate for small `x`; not below `ln 1e-300`.
pub(super) fn log_fire(hazard: f64) -> f64 {
    (-(-hazard.max(1e-300)).exp_m1()).ln()
}
