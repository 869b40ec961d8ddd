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

/// Ages the cohorts by one step. `log_scale` is `h - threshold + ln dt`; `survivor` is updated, its old value and the
/// hazards are written to the tape.
#[inline(always)]
pub(super) fn forward<const FMA: bool>(
    cohorts: &Cohorts<'_>,
    log_scale: f64,
    survivor: &mut [f64],
    hazard_tape: &mut [f64],
    survivor_tape: &mut [f64],
) -> ForwardSums {
    let (born, _) = cohorts.born.as_chunks::<LANES>();
    let (left, _) = cohorts.left_refractoriness.as_chunks::<LANES>();
    let (powers, _) = cohorts.decay_powers.as_chunks::<LANES>();
    let (survivor, _) = survivor.as_chunks_mut::<LANES>();
    let (hazard_tape, _) = hazard_tape.as_chunks_mut::<LANES>();
    let (survivor_tape, _) = survivor_tape.as_chunks_mut::<LANES>();
    let n = born.len();
    assert!(left.len() == n && powers.len() == n && survivor.len() == n);
    assert!(hazard_tape.len() == n && survivor_tape.len() == n);
    let (mut mass, mut firing) = ([0.0; LANES], [0.0; LANES]);
    let (mut variance, mut variance_firing) = ([0.0; LANES], [0.0; LANES]);
    for c in 0..n {
        for i in 0..LANES {
            let exponent = vector::multiply_add::<FMA>(-powers[c][i], left[c][i], log_scale);
            // A rate of e^50 Hz is certain firing in any bin.
            let hazard = vector::exp::<FMA>(if exponent > 50.0 { 50.0 } else { exponent });
            let stay = vector::exp::<FMA>(-hazard);
            let fire = 1.0 - stay;
            let s = survivor[c][i];
            let m = s * born[c][i];
            let v = (1.0 - s) * m;
            mass[i] += m;
            firing[i] = vector::multiply_add::<FMA>(m, fire, firing[i]);
            variance[i] += v;
            variance_firing[i] = vector::multiply_add::<FMA>(v, fire, variance_firing[i]);
            hazard_tape[c][i] = hazard;
            survivor_tape[c][i] = s;
            survivor[c][i] = s * stay;
        }
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
    hazard_tape: &[f64],
    survivor_tape: &[f64],
    scalars: BackwardScalars,
    adjoint: CohortAdjoint<'_>,
) -> BackwardSums {
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
    assert!(log_survivor_bar.len() == n && potential_bar.len() == n && born_bar.len() == n);
    let BackwardScalars { p_bar, common, missing_per_variance: ratio, decay } = scalars;
    let (mut sum_hazard, mut sum_potential, mut sum_decay) = ([0.0; LANES], [0.0; LANES], [0.0; LANES]);
    for c in 0..n {
        for i in 0..LANES {
            let hazard = hazard_tape[c][i];
            let stay = vector::exp::<FMA>(-hazard);
            let s = survivor_tape[c][i];
            let z = born[c][i];
            let excess = (1.0 - stay) - common;
            let weight = vector::multiply_add::<FMA>(ratio, 1.0 - s, 1.0);
            let p_bar_m = p_bar * (s * z);
            born_bar[c][i] = vector::multiply_add::<FMA>(p_bar * s, excess * weight, born_bar[c][i]);
            let log_survivor = log_survivor_bar[c][i];
            let hazard_bar = p_bar_m * weight * stay - log_survivor;
            log_survivor_bar[c][i] =
                vector::multiply_add::<FMA>(p_bar_m * excess, weight - ratio * s, log_survivor);
            let through_hazard = hazard * hazard_bar;
            let potential = vector::multiply_add::<FMA>(decay, potential_bar[c][i], through_hazard);
            potential_bar[c][i] = potential;
            sum_hazard[i] += through_hazard;
            sum_potential[i] += potential;
            sum_decay[i] = vector::multiply_add::<FMA>(potential, powers[c][i] * left[c][i], sum_decay[i]);
        }
    }
    BackwardSums { hazard: total(sum_hazard), potential: total(sum_potential), potential_decay: total(sum_decay) }
}
