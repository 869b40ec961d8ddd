//! The two loops over ages in which all the time of the likelihood goes.
//!
//! A cohort is stored at the index of the bin in which it last fired, so that nothing moves when time passes. Its
//! potential has a closed form, `V_t = h_t - q^j g` with `g` the value of `h` when it left the refractory period and
//! `j` the steps since then; nothing but the survivor `S` has to be carried.

use neuropil_core::vector;

/// Lanes of the sums: fixed, so that the order of the additions does not depend on the machine.
pub(super) const LANES: usize = 8;

/// What the recursion knows of the cohorts at one time, oldest first; every slice has the same length, a multiple
/// of [`LANES`].
pub(super) struct Cohorts<'a> {
    /// Fraction of the neurons that fired in the bin of the cohort (z).
    pub born: &'a [f64],
    /// Value of the input potential when the cohort left the refractory period (g).
    pub left_refractoriness: &'a [f64],
    /// Powers of the decay, `q^j`.
    pub decay_powers: &'a [f64],
}

/// Sums over the cohorts of one population at one time.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ForwardSums {
    /// Expected surviving fraction, sum of m.
    pub mass: f64,
    /// Sum of m P.
    pub firing: f64,
    /// Sum of v = (1 - S) m.
    pub variance: f64,
    /// Sum of v P.
    pub variance_firing: f64,
}

fn total(lanes: [f64; LANES]) -> f64 {
    ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]))
}

/// What the forward kernel writes: the survivor is updated, its old value and the hazards go to the tape.
pub(super) struct ForwardRows<'a> {
    pub survivor: &'a mut [f64],
    pub hazard_tape: &'a mut [f64],
    pub survivor_tape: &'a mut [f64],
    /// Probability to stay silent; overwritten.
    pub stay: &'a mut [f64],
}

/// Ages the cohorts by one step. `log_scale` is `h - threshold + ln dt`.
///
/// Exponentials and sums have loops of their own: compilers vectorise the first as a plain loop, the second by lanes.
#[inline(always)]
pub(super) fn forward<const FMA: bool>(cohorts: &Cohorts<'_>, log_scale: f64, rows: ForwardRows<'_>) -> ForwardSums {
    let n = cohorts.born.len();
    let (left, powers) = (&cohorts.left_refractoriness[..n], &cohorts.decay_powers[..n]);
    let (hazard_tape, stay) = (&mut rows.hazard_tape[..n], &mut rows.stay[..n]);
    for i in 0..n {
        let exponent = vector::multiply_add::<FMA>(-powers[i], left[i], log_scale);
        // A rate of e^50 Hz is certain firing in any bin.
        hazard_tape[i] = vector::exp::<FMA>(if exponent > 50.0 { 50.0 } else { exponent });
    }
    for i in 0..n {
        stay[i] = vector::exp::<FMA>(-hazard_tape[i]);
    }
    let (born, _) = cohorts.born.as_chunks::<LANES>();
    let (stay, _) = stay.as_chunks::<LANES>();
    let (survivor, _) = rows.survivor.as_chunks_mut::<LANES>();
    let (survivor_tape, _) = rows.survivor_tape.as_chunks_mut::<LANES>();
    let n = born.len();
    assert!(stay.len() == n && survivor.len() == n && survivor_tape.len() == n);
    let (mut mass, mut firing) = ([0.0; LANES], [0.0; LANES]);
    let (mut variance, mut variance_firing) = ([0.0; LANES], [0.0; LANES]);
    for c in 0..n {
        let (z, stay, s) = (born[c], stay[c], survivor[c]);
        let mut next = [0.0; LANES];
        for i in 0..LANES {
            let fire = 1.0 - stay[i];
            let m = s[i] * z[i];
            let v = (1.0 - s[i]) * m;
            mass[i] += m;
            firing[i] = vector::multiply_add::<FMA>(m, fire, firing[i]);
            variance[i] += v;
            variance_firing[i] = vector::multiply_add::<FMA>(v, fire, variance_firing[i]);
            next[i] = s[i] * stay[i];
        }
        survivor_tape[c] = s;
        survivor[c] = next;
    }
    ForwardSums {
        mass: total(mass),
        firing: total(firing),
        variance: total(variance),
        variance_firing: total(variance_firing),
    }
}

/// What the adjoint of one population at one time needs beside the tape.
#[derive(Debug, Clone, Copy)]
pub(super) struct BackwardScalars {
    /// Derivative with respect to the firing probability p.
    pub p_bar: f64,
    /// Hazard of the missing mass (Lambda).
    pub common: f64,
    /// `R / sum v`, or zero where the sum vanishes.
    pub missing_per_variance: f64,
    /// Decay of the potential in a step (q).
    pub decay: f64,
}

/// Sums of the adjoint over the cohorts.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct BackwardSums {
    /// Sum of hazard times its adjoint.
    pub hazard: f64,
    /// Sum of the adjoints of the potentials.
    pub potential: f64,
    /// Sum of the adjoints of the potentials times `q^(j-1) g`.
    pub potential_decay: f64,
}

/// The carried adjoints of the cohorts of one population.
pub(super) struct CohortAdjoint<'a> {
    /// Of ln S after the step; replaced by the one before it.
    pub log_survivor: &'a mut [f64],
    /// Of the potential after the step; replaced by the one at it.
    pub potential: &'a mut [f64],
    /// Of the fraction born; added to.
    pub born: &'a mut [f64],
}

/// One step back. `cohorts.decay_powers` holds `q^(j-1)` here.
#[inline(always)]
pub(super) fn backward<const FMA: bool>(
    cohorts: &Cohorts<'_>,
    (hazard_tape, survivor_tape): (&[f64], &[f64]),
    scalars: BackwardScalars,
    adjoint: CohortAdjoint<'_>,
    stay: &mut [f64],
) -> BackwardSums {
    {
        let n = cohorts.born.len();
        let (hazard_tape, stay) = (&hazard_tape[..n], &mut stay[..n]);
        for i in 0..n {
            stay[i] = vector::exp::<FMA>(-hazard_tape[i]);
        }
    }
    let (stay, _) = stay.as_chunks::<LANES>();
    let (born, _) = cohorts.born.as_chunks::<LANES>();
    let (left, _) = cohorts.left_refractoriness.as_chunks::<LANES>();
    let (powers, _) = cohorts.decay_powers.as_chunks::<LANES>();
    let (hazard_tape, _) = hazard_tape.as_chunks::<LANES>();
    let (survivor_tape, _) = survivor_tape.as_chunks::<LANES>();
    let (log_survivor_bar, _) = adjoint.log_survivor.as_chunks_mut::<LANES>();
    let (potential_bar, _) = adjoint.potential.as_chunks_mut::<LANES>();
    let (born_bar, _) = adjoint.born.as_chunks_mut::<LANES>();
    let n = born.len();
    assert!(left.len() == n && powers.len() == n && hazard_tape.len() == n && survivor_tape.len() == n);
    assert!(stay.len() >= n);
    assert!(log_survivor_bar.len() == n && potential_bar.len() == n && born_bar.len() == n);
    let BackwardScalars { p_bar, common, missing_per_variance: ratio, decay } = scalars;
    let (mut sum_hazard, mut sum_potential, mut sum_decay) = ([0.0; LANES], [0.0; LANES], [0.0; LANES]);
    for c in 0..n {
        let (hazard, stay, s, z) = (hazard_tape[c], stay[c], survivor_tape[c], born[c]);
        let (mut log_survivor, mut potential, mut born) = (log_survivor_bar[c], potential_bar[c], born_bar[c]);
        let (power, left) = (powers[c], left[c]);
        for i in 0..LANES {
            let excess = (1.0 - stay[i]) - common;
            let weight = vector::multiply_add::<FMA>(ratio, 1.0 - s[i], 1.0);
            let p_bar_s = p_bar * s[i];
            let p_bar_m = p_bar_s * z[i];
            born[i] = vector::multiply_add::<FMA>(p_bar_s, excess * weight, born[i]);
            let hazard_bar = p_bar_m * weight * stay[i] - log_survivor[i];
            log_survivor[i] = vector::multiply_add::<FMA>(p_bar_m * excess, weight - ratio * s[i], log_survivor[i]);
            let through_hazard = hazard[i] * hazard_bar;
            potential[i] = vector::multiply_add::<FMA>(decay, potential[i], through_hazard);
            sum_hazard[i] += through_hazard;
            sum_potential[i] += potential[i];
            sum_decay[i] = vector::multiply_add::<FMA>(potential[i], power[i] * left[i], sum_decay[i]);
        }
        log_survivor_bar[c] = log_survivor;
        potential_bar[c] = potential;
        born_bar[c] = born;
    }
    BackwardSums { hazard: total(sum_hazard), potential: total(sum_potential), potential_decay: total(sum_decay) }
}
