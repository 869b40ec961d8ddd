//! The adjoint of the recursion: derivatives of the negative log-likelihood with respect to every parameter and to the
//! latent variables, in one sweep backwards.

use neuropil_core::dispatch;
use neuropil_core::special::digamma;

use super::age_kernel::{self, BackwardScalars, BackwardSums, CohortAdjoint, Cohorts};
use super::circuit::CircuitGradient;
use super::forward::{LEAST_VARIANCE, LatentModel, Sweep, initial_pool, variance};
use super::tape::{OldAges, POOL, REFRACTORY, Tape};

/// What a population carries from one step to the one before.
#[derive(Debug, Clone, Copy, Default)]
struct Carry {
    /// Of the input potential, through the pool.
    potential: f64,
    /// Of the mass and of the sum of S m of the pool after the step.
    pool_mass: f64,
    pool_squared: f64,
    /// Of the decay q.
    decay: f64,
    resting: f64,
    threshold: f64,
    /// Of the synaptic trace that the population makes.
    trace: f64,
}

dispatch! {
    /// Adds the derivatives of one trial to `gradient`; those of the latent variables stay on the tape.
    pub(super) fn run = run_body(sweep: &Sweep<'_>, tape: &mut Tape, gradient: &mut CircuitGradient);
}

#[inline(always)]
fn run_body<const FMA: bool>(sweep: &Sweep<'_>, tape: &mut Tape, gradient: &mut CircuitGradient) {
    let Sweep { circuit, trial, grid, .. } = *sweep;
    let n_populations = circuit.n_populations();
    let mut carries = vec![Carry::default(); n_populations];
    for t in (0..grid.n_steps).rev() {
        for m in 0..n_populations {
            let i = t * n_populations + m;
            // All later bins have left what they owe to this activity.
            let later = tape.activity_bar[i] + tape.populations[m].born_bar[grid.offset[m] + t];
            let (activity_bar, p_bar, innovation_bar) = latent_adjoint(sweep, tape, m, t, later);
            tape.activity_bar[i] = activity_bar;
            tape.innovation_bar[i] = innovation_bar;
            let total = population_step::<FMA>(sweep, tape, &mut carries[m], (m, t), p_bar);
            tape.input_bar[i] = circuit.dt * total;
        }
        for a in 0..n_populations {
            let e = circuit.synaptic_decay(a);
            let trace = tape.traces[t * n_populations + a];
            let mut bar = e * carries[a].trace;
            for b in 0..n_populations {
                let input_bar = tape.input_bar[t * n_populations + b];
                gradient.coupling[[a, b]] += trace * input_bar;
                bar += circuit.coupling[[a, b]] * input_bar;
            }
            carries[a].trace = bar;
            let before = if t > 0 { tape.traces[(t - 1) * n_populations + a] } else { trial.initial_activity[a] };
            let arriving = match t.checked_sub(1 + circuit.delay_steps) {
                Some(sent) => {
                    tape.activity_bar[sent * n_populations + a] += (1.0 - e) / circuit.dt * bar;
                    tape.activity[sent * n_populations + a] / circuit.dt
                }
                None => trial.initial_activity[a],
            };
            if circuit.tau_s[a] > 0.0 {
                let de = e * circuit.dt / circuit.tau_s[a].powi(2);
                gradient.tau_s[a] += bar * (before - arriving) * de;
            }
        }
    }
    for (m, mut carry) in carries.into_iter().enumerate() {
        start(sweep, tape, &mut carry, m, gradient);
        // dq / d alpha = -dt
        gradient.leak[m] -= circuit.dt * carry.decay;
        gradient.resting[m] += carry.resting;
        gradient.threshold[m] += carry.threshold;
    }
}

/// Adjoints of the activity, of the firing probability and of the innovation of one bin.
#[inline(always)]
fn latent_adjoint(sweep: &Sweep<'_>, tape: &Tape, m: usize, t: usize, later: f64) -> (f64, f64, f64) {
    let Sweep { circuit, .. } = *sweep;
    let i = t * circuit.n_populations() + m;
    let n = circuit.n_neurons[m] as f64;
    let stored = tape.populations[m].probability[t];
    // Where p was clipped, nothing flows through it.
    let (free, p) = (stored > 0.0, stored.abs());
    let var = variance(p, n, circuit.dt);
    match sweep.latent {
        LatentModel::Gaussian => {
            let r = sweep.variables[i] - p;
            let p_bar = -r / var - r * r / (2.0 * var * var * n) + 0.5 / (var * n);
            (later + r / var, if free { p_bar } else { 0.0 }, 0.0)
        }
        LatentModel::Binomial => {
            let z = sweep.variables[i];
            let count = (n * z).clamp(0.0, n);
            let p = p.min(1.0 - 1e-12);
            let p_bar = -(count - n * p) / (p * (1.0 - p));
            let z_bar = n * (digamma(count + 1.0) - digamma(n - count + 1.0) - p.ln() + (-p).ln_1p());
            (later + z_bar, if free { p_bar } else { 0.0 }, 0.0)
        }
        LatentModel::Innovations => {
            let innovation = sweep.variables[i];
            let sigma = var.sqrt();
            // A negative activity was set to zero and passes nothing on.
            let z_bar = if p + sigma * innovation > 0.0 { later } else { 0.0 };
            let p_bar = z_bar * (1.0 + innovation / (2.0 * sigma * n));
            (z_bar, if free { p_bar } else { 0.0 }, z_bar * sigma + innovation)
        }
    }
}

/// One population, one step back; the sum of the adjoints of its potentials.
#[inline(always)]
fn population_step<const FMA: bool>(
    sweep: &Sweep<'_>,
    tape: &mut Tape,
    carry: &mut Carry,
    (m, t): (usize, usize),
    p_bar: f64,
) -> f64 {
    let Sweep { circuit, grid, .. } = *sweep;
    let tape = &mut tape.populations[m];
    let (k_ref, width) = (circuit.refractory_steps[m], grid.width[m]);
    let end = grid.offset[m] + t - k_ref;
    let decay = circuit.decay(m);
    let (common, missing, sum_variance) = (tape.common[t], tape.missing[t], tape.variance[t]);
    let ratio = if sum_variance > LEAST_VARIANCE { missing / sum_variance } else { 0.0 };

    let pooled = grid.old_ages == OldAges::Pooled;
    let pool = tape.pool[t];
    if pooled {
        let leaving = grid.offset[m] + t - grid.age_bins;
        let (s, born) = (pool.entering_survivor, pool.entering_born);
        tape.log_survivor_bar[leaving] = (carry.pool_mass * s + 2.0 * carry.pool_squared * s * s) * born;
        tape.born_bar[leaving] += carry.pool_mass * s + carry.pool_squared * s * s;
    }

    let window = end - width..end;
    let cohorts = Cohorts {
        born: &tape.born[window.clone()],
        left_refractoriness: &tape.left_refractoriness[window.clone()],
        decay_powers: &tape.decay_powers[1..=width],
    };
    let row = t * width;
    let mut sums = age_kernel::backward::<FMA>(
        &cohorts,
        (&tape.hazards[row..row + width], &tape.survivors[row..row + width]),
        BackwardScalars { p_bar, common, missing_per_variance: ratio, decay },
        CohortAdjoint {
            log_survivor: &mut tape.log_survivor_bar[window.clone()],
            potential: &mut tape.potential_bar[window.clone()],
            born: &mut tape.born_bar[window],
        },
        &mut tape.stay[..width],
    );
    for cohort in end..end + k_ref {
        tape.born_bar[cohort] -= p_bar * common;
    }

    let mut pool_hazard_bar = 0.0;
    if pooled {
        let excess = (1.0 - pool.stay) - common;
        let fire_bar = p_bar * (pool.mass + ratio * (pool.mass - pool.squared));
        pool_hazard_bar = fire_bar * pool.stay
            - carry.pool_mass * pool.mass * pool.stay
            - 2.0 * carry.pool_squared * pool.squared * pool.stay * pool.stay;
        carry.pool_mass = carry.pool_mass * pool.stay + p_bar * excess * (1.0 + ratio);
        carry.pool_squared = carry.pool_squared * pool.stay * pool.stay - p_bar * excess * ratio;
    }
    observed(sweep, tape, (m, t), &mut sums, &mut pool_hazard_bar);

    let before = if t > 0 { tape.input_potential[t - 1] } else { tape.start.potential };
    let through_pool = pool.hazard * pool_hazard_bar;
    carry.potential = decay * carry.potential + if pooled { through_pool } else { 0.0 };
    let total = sums.potential + carry.potential;
    // V(t-1) = h(t-1) - q^(j-1) g for the cohorts, h(t-1) for the pool.
    carry.decay += (before - circuit.resting[m]) * total - sums.potential_decay;
    carry.resting += (1.0 - decay) * total;
    carry.threshold -= sums.hazard + if pooled { through_pool } else { 0.0 };
    total
}

/// Adds what the observed neurons say about the hazards of their cohorts.
#[inline(always)]
fn observed(
    sweep: &Sweep<'_>,
    tape: &mut super::tape::PopulationTape,
    (m, t): (usize, usize),
    sums: &mut BackwardSums,
    pool_hazard_bar: &mut f64,
) {
    let n = sweep.recording.populations.len();
    let (width, k_ref) = (sweep.grid.width[m], sweep.circuit.refractory_steps[m]);
    let end = sweep.grid.offset[m] + t - k_ref;
    for neuron in 0..n {
        if sweep.recording.populations[neuron] != m {
            continue;
        }
        let cell = sweep.grid.cells[t * n + neuron];
        if cell == REFRACTORY {
            continue;
        }
        let hazard = if cell == POOL { tape.pool[t].hazard } else { tape.hazards[t * width + cell as usize] };
        let bar = if sweep.trial.spikes[[t, neuron]] > 0 { -1.0 / hazard.max(1e-300).exp_m1() } else { 1.0 };
        if cell == POOL {
            *pool_hazard_bar += bar;
            continue;
        }
        let cell = cell as usize;
        let through_hazard = hazard * bar;
        tape.potential_bar[end - width + cell] += through_hazard;
        sums.hazard += through_hazard;
        sums.potential += through_hazard;
        let power = tape.decay_powers[cell + 1];
        sums.potential_decay += through_hazard * power * tape.left_refractoriness[end - width + cell];
    }
}

/// Through the stationary start to the parameters.
fn start(sweep: &Sweep<'_>, tape: &Tape, carry: &mut Carry, m: usize, gradient: &mut CircuitGradient) {
    let Sweep { circuit, trial, grid, .. } = *sweep;
    let (k_ref, offset) = (circuit.refractory_steps[m], grid.offset[m]);
    let decay = circuit.decay(m);
    let tape = &tape.populations[m];
    let start = &tape.start;
    let mut potential_bar = decay * carry.potential;
    let mut beyond_bar = 0.0;
    if grid.old_ages == OldAges::Pooled {
        let born = trial.initial_activity[m] * circuit.dt;
        let (_, by_survivor, by_stay) = initial_pool(born, start, grid.tail_bins);
        let stay_bar = carry.pool_mass * by_stay[0] + carry.pool_squared * by_stay[1];
        let hazard_bar = -(-start.pool_hazard).exp() * stay_bar;
        let through = start.pool_hazard * hazard_bar;
        potential_bar += through;
        carry.threshold -= through;
        beyond_bar = (carry.pool_mass * by_survivor[0] + carry.pool_squared * by_survivor[1]) * start.survivor_beyond;
    }
    // Hazard at age k acts on the survivors of all greater ages.
    let mut older = beyond_bar;
    for k in (k_ref..grid.age_bins).rev() {
        let j = (k - k_ref + 1) as i32;
        let through_hazard = -start.hazards[k] * older;
        // The cohort of age k + 1 at time 0 had this potential one step earlier.
        let next = if k + 1 < grid.age_bins { decay * tape.potential_bar[offset - 2 - k] } else { 0.0 };
        let bar = through_hazard + next;
        let power = decay.powi(j - 1);
        potential_bar += bar * (1.0 - power * decay);
        carry.decay -= bar * start.potential * f64::from(j) * power;
        carry.threshold -= through_hazard;
        older += tape.log_survivor_bar[offset - 1 - k];
    }
    carry.resting += potential_bar;
    let input_bar = potential_bar / circuit.leak[m];
    gradient.leak[m] -= potential_bar * start.input / circuit.leak[m].powi(2);
    for (a, rate) in trial.initial_activity.iter().enumerate() {
        gradient.coupling[[a, m]] += rate * input_bar;
    }
}
