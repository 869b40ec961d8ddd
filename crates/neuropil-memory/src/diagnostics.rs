//! What a fitted memory says about itself: stability, certified basins, dendritic shares, leave-one-out errors.
//!
//! # Certified basins
//!
//! **Binary.** By the Cauchy-Schwarz inequality the field of neuron i changes by at most `‖w_i‖ ‖phi(x) - phi(s)‖` between
//! a pattern and a cue, and `‖phi(x) - phi(s)‖^2 = K(x, x) + K(s, s) - 2 K(x, s)` depends only on the number of flipped
//! inputs. As long as that is less than the margin `y h` of every neuron, one step restores the pattern.
//!
//! **Real**, kernels that decrease with distance. For a cue at distance d of pattern mu every distance to a pattern nu
//! changes by at most d, so every kernel value lies in a known interval, and
//! `‖s' - x‖ <= sum_nu ‖c_nu‖ |k_nu(s) - k_nu(x)|` is bounded; for the normalised memory the shares add up to one and
//! `‖c_nu - c_mu‖` takes the place of `‖c_nu‖`. The distance between the pattern and the answer to it is added, so that a
//! memory that does not pass through its patterns is certified nothing that it does not do. All d below the first at which
//! that bound reaches d belong to the basin.

use ndarray::{Array1, ArrayView1};
use neuropil_core::threads;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::associative_memory::{AssociativeMemory, StateKind};
use crate::dendrite::{Shares, order_shares, walsh_shares};
use crate::error::{Error, Result};
use crate::jacobian::{Weighting, jacobian_radius};
use crate::kernel::{Inputs, Kernel};
use crate::kernel_memory::{KernelMemory, Mode};

/// How well every pattern is predicted by all others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LeaveOneOut {
    /// Root mean square error over the outputs, per pattern.
    pub error: Vec<f64>,
    /// Root mean square error over all patterns and outputs.
    pub mean_error: f64,
    /// Fraction of the outputs whose sign is predicted wrongly; only for binary outputs.
    pub sign_error: Option<f64>,
    /// The pattern that the others predict worst: the one that is most novel.
    pub most_novel: usize,
    /// The pattern that the others predict best: the one that is most redundant.
    pub most_redundant: usize,
}

impl KernelMemory {
    /// The spectral radius of the Jacobian of one step at a state; a fixed point attracts its neighbourhood if it is below
    /// one.
    ///
    /// # Errors
    /// For binary states and hetero-association, where there is no such thing; for a kernel without gradient; for neurons
    /// that do not see themselves, whose kernels differ.
    pub fn jacobian_radius(&self, state: ArrayView1<f64>) -> Result<f64> {
        if self.state() == StateKind::Binary || self.mode() != Mode::Auto || self.excludes_self() {
            return Err(Error::unsupported(
                "the Jacobian",
                "it is defined for auto-associative memories of real states whose neurons share one kernel",
                "use the measured basin",
            ));
        }
        let weighting = if self.is_normalized() { Weighting::Normalized } else { Weighting::Direct };
        jacobian_radius(self.kernel(), self.patterns(), self.coefficients(), state, weighting)
    }

    /// What the orders of the power series of the kernel contribute to the weights of every neuron.
    ///
    /// # Errors
    /// For a kernel that is not a power series of the overlap, and for neurons with kernels of their own.
    pub fn order_shares(&self) -> Result<Shares> {
        self.check_shared_kernel()?;
        order_shares(self.kernel(), self.patterns(), self.coefficients())
    }

    /// What products of k different inputs contribute to the weights of every neuron; binary patterns.
    ///
    /// # Errors
    /// For patterns that are not binary, and for neurons with kernels of their own.
    pub fn walsh_shares(&self) -> Result<Shares> {
        self.check_shared_kernel()?;
        walsh_shares(self.kernel(), self.patterns(), self.coefficients())
    }

    fn check_shared_kernel(&self) -> Result<()> {
        if !self.excludes_self() {
            return Ok(());
        }
        Err(Error::unsupported(
            "the share of each order",
            "neurons that do not see themselves have a kernel each",
            "fit with self-connections included",
        ))
    }

    /// A radius around every stored pattern within which every cue is recalled, proved and not measured: a Euclidean
    /// distance for real states (the state ends within a millionth of the norm), a number of flipped neurons for binary
    /// ones (restored in one step). Zero where nothing can be proved, which is no proof of the contrary.
    ///
    /// # Errors
    /// For hetero-associative memories and sequences, which have no basins.
    pub fn certified_radii(&self) -> Result<Vec<f64>> {
        if self.mode() != Mode::Auto {
            return Err(Error::unsupported(
                "a certified radius",
                "only patterns that are their own outputs have basins",
                "store patterns without outputs",
            ));
        }
        if self.state() == StateKind::Binary { self.certified_flips() } else { self.certified_distances() }
    }

    fn certified_flips(&self) -> Result<Vec<f64>> {
        let n = self.patterns().ncols();
        let all_binary = self.patterns().iter().all(|x| x.abs() == 1.0);
        if self.is_normalized() || self.mean().is_some() || !all_binary {
            return Ok(vec![0.0; self.n_patterns()]);
        }
        // With thresholds the field is w.phi - theta; the norm of w follows from w.phi = h + theta.
        let fields = self.field(self.patterns())?;
        let activity = &fields + &self.threshold();
        let norm: Array1<f64> =
            (&self.coefficients() * &activity).sum_axis(ndarray::Axis(0)).mapv(|w| w.max(0.0).sqrt());
        let inputs = if self.excludes_self() { Inputs::all_but_one(n) } else { Inputs::all(n) };
        // Squared distance in feature space of a pattern and a cue with d flips.
        let value = |u: f64| self.kernel().binary_value(u, inputs);
        let counted = inputs.counted as f64;
        let moved: Vec<f64> =
            (0..=inputs.counted).map(|d| 2.0 * (value(counted) - value(counted - 2.0 * d as f64)).max(0.0)).collect();
        let flips = |mu: usize| {
            let tolerated = fields
                .row(mu)
                .iter()
                .zip(self.patterns().row(mu))
                .zip(&norm)
                .map(|((h, y), norm)| match h * y {
                    // A neuron without weights, with the same label in all patterns: its threshold tolerates anything.
                    margin if margin > 0.0 && *norm == 0.0 => f64::INFINITY,
                    margin if margin > 0.0 => margin / norm,
                    _ => 0.0,
                })
                .fold(f64::INFINITY, f64::min);
            // Nothing at all is certified where the pattern itself is not stored.
            let safe = moved.iter().take_while(|&&distance2| tolerated > 0.0 && distance2 < tolerated * tolerated);
            safe.count().saturating_sub(1) as f64
        };
        Ok((0..self.n_patterns()).map(flips).collect())
    }

    fn certified_distances(&self) -> Result<Vec<f64>> {
        let decreases = matches!(self.kernel(), Kernel::GeneralizedExponential { .. } | Kernel::Ball { .. });
        if !decreases || self.excludes_self() {
            return Ok(vec![0.0; self.n_patterns()]);
        }
        // Jitter, a pseudo-inverse, a ridge or a subset of patterns leave answers beside the patterns: what is proved must
        // start from the answers as they are.
        let missed = (self.field(self.patterns())? - self.patterns()).mapv(|e| e * e).sum_axis(ndarray::Axis(1));
        Ok(threads::install(|| {
            (0..self.n_patterns()).into_par_iter().map(|mu| self.certified_distance(mu, missed[mu].sqrt())).collect()
        }))
    }

    /// `missed` is the distance between a pattern and the answer to it.
    fn certified_distance(&self, mu: usize, missed: f64) -> f64 {
        let (patterns, coefficients) = (self.patterns(), self.coefficients());
        let (x, n) = (patterns.row(mu), patterns.ncols());
        let distance = |a: ArrayView1<f64>, b: ArrayView1<f64>| {
            a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
        };
        let apart: Vec<f64> = patterns.rows().into_iter().map(|other| distance(x, other)).collect();
        let size: Vec<f64> = if self.is_normalized() {
            coefficients.rows().into_iter().map(|c| distance(c, coefficients.row(mu))).collect()
        } else {
            coefficients.rows().into_iter().map(|c| c.dot(&c).sqrt()).collect()
        };
        let value = |d: f64| self.kernel().from_distance2(d.max(0.0).powi(2), n);
        let at_pattern: Vec<f64> = apart.iter().map(|&d| value(d)).collect();
        let total: f64 = at_pattern.iter().sum();
        let bound = |d: f64| -> f64 {
            let ends: Vec<(f64, f64)> = apart.iter().map(|&apart| (value(apart + d), value(apart - d))).collect();
            let (lowest, highest) = ends.iter().fold((0.0, 0.0), |(l, h), end| (l + end.0, h + end.1));
            let change = |nu: usize| {
                let ((low, high), now) = (ends[nu], at_pattern[nu]);
                if !self.is_normalized() {
                    return (high - now).max(now - low);
                }
                // A share is largest when its own kernel is high and all others are low.
                let share = now / total;
                let most = high / (high + (lowest - low).max(0.0));
                let least = low / (low + (highest - high).max(0.0));
                (most - share).max(share - least)
            };
            let sum: f64 = (0..size.len()).filter(|&nu| size[nu] > 0.0).map(|nu| size[nu] * change(nu)).sum();
            if sum.is_finite() { sum + missed } else { f64::INFINITY }
        };
        // The bound grows with d: where the bound at the end of an interval is below its start, all of it contracts.
        let norm = x.dot(&x).sqrt().max(f64::MIN_POSITIVE);
        let (mut radius, mut end) = (0.0, 1e-6 * norm);
        const RATIO: f64 = 1.03;
        while end < 1e3 * norm && bound(end * RATIO) < end {
            end *= RATIO;
            radius = end;
        }
        radius
    }

    /// How well every pattern is predicted by all others, without fitting again.
    ///
    /// # Errors
    /// A rule other than interpolation.
    pub fn leave_one_out(&self) -> Result<LeaveOneOut> {
        let errors = self.leave_one_out_errors()?;
        let width = errors.ncols().max(1) as f64;
        let error: Vec<f64> = errors.rows().into_iter().map(|row| (row.dot(&row) / width).sqrt()).collect();
        let by_error = |a: &usize, b: &usize| error[*a].total_cmp(&error[*b]);
        let mean_square = errors.iter().map(|e| e * e).sum::<f64>() / errors.len().max(1) as f64;
        let wrong = || {
            // The prediction is the output minus the error; binary outputs are +1 and -1.
            let wrong = errors.iter().zip(&self.outputs()).filter(|(e, y)| (*y - *e) * *y <= 0.0).count();
            wrong as f64 / errors.len().max(1) as f64
        };
        Ok(LeaveOneOut {
            mean_error: mean_square.sqrt(),
            sign_error: (self.state() == StateKind::Binary).then(wrong),
            most_novel: (0..error.len()).max_by(by_error).unwrap_or(0),
            most_redundant: (0..error.len()).min_by(by_error).unwrap_or(0),
            error,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel_memory::{
        InducingOptions, InterpolationOptions, KernelMemoryParams, Rule, SelfConnections, Solver,
    };
    use crate::random_patterns::{Noise, binary_patterns, sphere_patterns};
    use crate::recall::{RecallOptions, permutation, recall};
    use crate::theory::certified_radius;
    use ndarray::Array2;
    use neuropil_core::progress::Monitor;
    use neuropil_core::random::Seed;

    fn real(patterns: &Array2<f64>, kernel: Kernel, rule: Rule) -> KernelMemory {
        let params = KernelMemoryParams { kernel, rule, states: StateKind::Real, ..KernelMemoryParams::default() };
        KernelMemory::fit(&params, patterns.view()).unwrap().0
    }

    #[test]
    fn no_cue_within_a_certified_distance_is_lost() {
        let patterns = sphere_patterns(30, 8, Seed::new(1));
        for rule in [Rule::interpolation(), Rule::normalized_interpolation()] {
            for beta in [2.0, 4.0] {
                let memory = real(&patterns, Kernel::GeneralizedExponential { radius: 0.3, beta }, rule.clone());
                let radii = memory.certified_radii().unwrap();
                assert!(radii.iter().any(|&radius| radius > 0.05), "{rule:?} {beta}: {radii:?}");
                for (mu, &radius) in radii.iter().enumerate().filter(|(_, radius)| **radius > 0.0) {
                    let pattern = patterns.row(mu).insert_axis(ndarray::Axis(0));
                    let many = pattern.broadcast((20, 8)).unwrap();
                    let cues = Noise::Displace.corrupt(many, 0.999 * radius, Seed::new(mu as u64)).unwrap();
                    let options = RecallOptions { max_steps: 5000, ..RecallOptions::default() };
                    let states = recall(&memory, cues.view(), &options, &Monitor::silent()).unwrap().states;
                    for state in states.rows() {
                        let error = state.iter().zip(patterns.row(mu)).map(|(s, x)| (s - x).powi(2)).sum::<f64>();
                        assert!(error.sqrt() < 1e-5, "{rule:?} beta {beta} pattern {mu} radius {radius}: {error}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_memory_that_misses_its_patterns_is_certified_nothing() {
        // Two patterns so close that jitter or a cut eigenvalue moves the answers, and a span too small for all patterns.
        let mut patterns = sphere_patterns(12, 8, Seed::new(7));
        let near = &patterns.row(0) + 1e-9;
        patterns.row_mut(1).assign(&near);
        let kernel = Kernel::gaussian(0.3);
        for solver in [Solver::Jitter, Solver::PseudoInverse] {
            let rule = Rule::Interpolate(InterpolationOptions { solver, ..InterpolationOptions::default() });
            let memory = real(&patterns, kernel.clone(), rule.clone());
            let missed = (memory.field(patterns.view()).unwrap() - &patterns).mapv(f64::abs);
            let radii = memory.certified_radii().unwrap();
            for (mu, row) in missed.rows().into_iter().enumerate() {
                assert!(row.fold(0.0_f64, |a, b| a.max(*b)) < 1e-6 || radii[mu] == 0.0, "{solver:?} {mu} {radii:?}");
            }
        }
        let wide = KernelMemoryParams {
            kernel: Kernel::gaussian(1.5),
            rule: Rule::Interpolate(InterpolationOptions { ridge: 0.3, ..InterpolationOptions::default() }),
            states: StateKind::Real,
            ..KernelMemoryParams::default()
        };
        let options = InducingOptions { n_inducing: 10, seed: 1 };
        let patterns = sphere_patterns(200, 5, Seed::new(8));
        let (few, _) = KernelMemory::fit_inducing(&wide, patterns.view(), None, &options, &Monitor::silent()).unwrap();
        let missed = (few.field(few.patterns()).unwrap() - few.patterns()).mapv(f64::abs).sum();
        assert!(missed > 0.1 && few.certified_radii().unwrap().iter().all(|&radius| radius == 0.0));
    }

    #[test]
    fn the_certificate_of_actual_coefficients_is_no_worse_than_the_general_bound() {
        let patterns = sphere_patterns(20, 12, Seed::new(2));
        let memory = real(&patterns, Kernel::GeneralizedExponential { radius: 0.3, beta: 6.0 }, Rule::interpolation());
        let gap = |a: ArrayView1<f64>, b: ArrayView1<f64>| (2.0 - 2.0 * a.dot(&b)).sqrt();
        let mut separation = f64::INFINITY;
        for i in 0..20 {
            for j in 0..i {
                separation = separation.min(gap(patterns.row(i), patterns.row(j)));
            }
        }
        let general = certified_radius(20, 1.0, separation, 0.3, 6.0).unwrap();
        assert!(general > 0.1);
        // The grid of the certificate is 3 % wide.
        assert!(memory.certified_radii().unwrap().iter().all(|&radius| radius > 0.94 * general));
    }

    #[test]
    fn no_flips_within_the_certificate_survive_one_step() {
        // Margins near 1/2 = 1/sqrt(M) in feature space, where d flips move a cue by sqrt(4 d / N).
        let patterns = binary_patterns(4, 60, Seed::new(3));
        let linear = KernelMemoryParams { kernel: Kernel::Linear, ..KernelMemoryParams::default() };
        let included = KernelMemoryParams { self_connections: SelfConnections::Included, ..linear.clone() };
        let one_shot = KernelMemoryParams { rule: Rule::one_shot(), ..linear.clone() };
        let biased = KernelMemoryParams { rule: Rule::max_margin_with_bias(), ..linear.clone() };
        for params in [linear, included, one_shot, biased] {
            let (memory, _) = KernelMemory::fit(&params, patterns.view()).unwrap();
            let flips = memory.certified_radii().unwrap();
            assert!(params.rule == Rule::one_shot() || flips.iter().all(|&d| d >= 1.0), "{:?} {flips:?}", params.rule);
            for (mu, &d) in flips.iter().enumerate() {
                for trial in 0..20 {
                    let mut cue = patterns.row(mu).to_owned();
                    let order = permutation(60, &mut Seed::new(trial).index(mu as u64).stream());
                    order.into_iter().take(d as usize).for_each(|i| cue[i] = -cue[i]);
                    let state = memory.step(cue.view().insert_axis(ndarray::Axis(0))).unwrap();
                    assert!(d == 0.0 || state.row(0) == patterns.row(mu));
                }
            }
        }
    }

    #[test]
    fn stability_follows_the_spectral_radius() {
        let patterns = sphere_patterns(60, 6, Seed::new(4));
        let memory = real(&patterns, Kernel::gaussian(0.55), Rule::interpolation());
        let options = RecallOptions { max_steps: 3000, ..RecallOptions::default() };
        let mut seen = [0, 0];
        for pattern in patterns.rows() {
            let radius = memory.jacobian_radius(pattern).unwrap();
            let near = pattern.insert_axis(ndarray::Axis(0));
            let cue = Noise::Displace.corrupt(near, 1e-4, Seed::new(5)).unwrap();
            let state = recall(&memory, cue.view(), &options, &Monitor::silent()).unwrap().states;
            let error = (&state.row(0) - &pattern).mapv(|e| e * e).sum().sqrt();
            assert_eq!(radius < 1.0, error < 1e-5, "radius {radius}, error {error}");
            seen[usize::from(radius < 1.0)] += 1;
        }
        assert!(seen.iter().all(|&count| count > 0), "{seen:?}");
    }

    #[test]
    fn the_leave_one_out_error_is_that_of_the_memory_without_the_pattern() {
        let patterns = sphere_patterns(9, 5, Seed::new(6));
        let memory = real(&patterns, Kernel::gaussian(1.0), Rule::interpolation());
        let summary = memory.leave_one_out().unwrap();
        for mu in 0..9 {
            let mut without = memory.clone();
            without.delete(mu).unwrap();
            let prediction = without.field(patterns.row(mu).insert_axis(ndarray::Axis(0))).unwrap();
            let error = (&patterns.row(mu) - &prediction.row(0)).mapv(|e| e * e).mean().unwrap().sqrt();
            assert!((summary.error[mu] - error).abs() < 1e-10);
        }
        assert!(summary.error[summary.most_novel] >= summary.error[summary.most_redundant]);
        assert_eq!(summary.sign_error, None);
    }
}
