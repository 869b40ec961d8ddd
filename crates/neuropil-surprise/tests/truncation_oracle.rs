//! The run-length filter with few hypotheses beside a plain one: lists of beliefs, written for reading.

use ndarray::Array2;
use neuropil_core::random::{Seed, uniform};
use neuropil_surprise::family::{ConjugateFamily, Gaussian};
use neuropil_surprise::learner::Learner;
use neuropil_surprise::method::Method;
use neuropil_surprise::model::ChangePointLearner;
use neuropil_surprise::run_length::{Overflow, RunLengthFilter, Truncation};

const HAZARD: f64 = 0.08;
const FAMILY: Gaussian = Gaussian { sigma: 0.7, prior_mean: 0.3, prior_sd: 2.0 };

/// A level that changes now and then, with noise.
fn recording(n: usize) -> Vec<f64> {
    let mut random = Seed::new(21).stream();
    let mut level = 0.0;
    (0..n)
        .map(|_| {
            if uniform(&mut random) < HAZARD {
                level = 6.0 * uniform(&mut random) - 3.0;
            }
            level + 2.0 * (uniform(&mut random) - 0.5)
        })
        .collect()
}

#[derive(Clone)]
struct Hypothesis {
    weight: f64,
    chi: f64,
    nu: f64,
    born: usize,
}

impl Hypothesis {
    fn prior(born: usize) -> Self {
        let nu = (FAMILY.sigma / FAMILY.prior_sd).powi(2);
        Self { weight: 0.0, chi: nu * FAMILY.prior_mean, nu, born }
    }

    fn mean(&self) -> f64 {
        self.chi / self.nu
    }

    fn density(&self, y: f64) -> f64 {
        let variance = FAMILY.sigma.powi(2) * (1.0 + 1.0 / self.nu);
        (-0.5 * (y - self.mean()).powi(2) / variance).exp() / (std::f64::consts::TAU * variance).sqrt()
    }

    /// Divergence of two normal beliefs about the mean.
    fn divergence(&self, other: &Self) -> f64 {
        let (p, q) = (FAMILY.sigma.powi(2) / self.nu, FAMILY.sigma.powi(2) / other.nu);
        0.5 * (p / q - 1.0 - (p / q).ln() + (self.mean() - other.mean()).powi(2) / q)
    }

    /// The average in natural coordinates.
    fn merged(&self, other: &Self) -> Self {
        let weight = self.weight + other.weight;
        let average = |a: f64, b: f64| (self.weight * a + other.weight * b) / weight;
        let born = if other.weight > self.weight { other.born } else { self.born };
        Self { weight, chi: average(self.chi, other.chi), nu: average(self.nu, other.nu), born }
    }
}

struct Plain {
    hypotheses: Vec<Hypothesis>,
    dropped: f64,
}

impl Plain {
    fn new() -> Self {
        Self { hypotheses: Vec::new(), dropped: 0.0 }
    }

    /// Bayes' rule for every hypothesis, and one more for a change.
    fn step(&mut self, t: usize, y: f64) {
        let stay = if t == 0 { 0.0 } else { 1.0 - HAZARD };
        self.hypotheses.iter_mut().for_each(|one| one.weight *= stay);
        self.hypotheses.push(Hypothesis { weight: if t == 0 { 1.0 } else { HAZARD }, ..Hypothesis::prior(t) });
        for one in &mut self.hypotheses {
            one.weight *= one.density(y);
            one.chi += y;
            one.nu += 1.0;
        }
        self.normalise();
    }

    fn normalise(&mut self) {
        let total: f64 = self.hypotheses.iter().map(|one| one.weight).sum();
        self.hypotheses.iter_mut().for_each(|one| one.weight /= total);
    }

    fn drop_least(&mut self, how_many: usize) {
        let mut order: Vec<usize> = (0..self.hypotheses.len()).collect();
        order.sort_by(|&i, &j| self.hypotheses[i].weight.total_cmp(&self.hypotheses[j].weight));
        let mut gone = order[..how_many].to_vec();
        gone.sort_unstable();
        for index in gone.into_iter().rev() {
            self.dropped += self.hypotheses.remove(index).weight;
        }
        self.normalise();
    }

    fn merge_closest(&mut self) {
        let loss = |i: usize| {
            let (first, second) = (&self.hypotheses[i], &self.hypotheses[i + 1]);
            let both = first.merged(second);
            first.weight * first.divergence(&both) + second.weight * second.divergence(&both)
        };
        let best = (0..self.hypotheses.len() - 1).min_by(|&i, &j| loss(i).total_cmp(&loss(j))).unwrap();
        let second = self.hypotheses.remove(best + 1);
        self.hypotheses[best] = self.hypotheses[best].merged(&second);
    }

    fn mean(&self) -> f64 {
        self.hypotheses.iter().map(|one| one.weight * one.mean()).sum()
    }
}

fn filter(truncation: Truncation) -> RunLengthFilter<Gaussian> {
    RunLengthFilter::new(FAMILY, HAZARD.into(), truncation, 0).unwrap()
}

/// Compares estimate, posterior over run lengths and dropped mass after a step.
fn assert_same(t: usize, fast: &RunLengthFilter<Gaussian>, plain: &Plain) {
    let mut mean = [0.0];
    fast.mean(&mut mean);
    assert!((mean[0] - plain.mean()).abs() < 1e-9, "t = {t}: mean {} is not {}", mean[0], plain.mean());
    let posterior = fast.run_length_posterior();
    assert_eq!(posterior.len(), plain.hypotheses.len(), "t = {t}");
    for ((run_length, weight), one) in posterior.iter().zip(&plain.hypotheses) {
        assert_eq!(*run_length as usize, t + 1 - one.born, "t = {t}");
        assert!((weight - one.weight).abs() < 1e-9, "t = {t}: weight {weight} is not {}", one.weight);
    }
    assert!((posterior.iter().map(|(_, weight)| weight).sum::<f64>() - 1.0).abs() < 1e-12);
    assert!((fast.dropped_mass() - plain.dropped).abs() < 1e-9, "t = {t}");
    assert_eq!(fast.n_hypotheses(), plain.hypotheses.len());
}

#[test]
fn merging_joins_the_neighbours_that_lose_least_at_the_average_of_their_coordinates() {
    for n in [2, 3, 6] {
        let mut fast = filter(Truncation::Keep { n, overflow: Overflow::Merge, protect: 0 });
        let mut plain = Plain::new();
        for (t, y) in recording(250).into_iter().enumerate() {
            fast.step(&[y]);
            plain.step(t, y);
            while plain.hypotheses.len() > n {
                plain.merge_closest();
            }
            assert_same(t, &fast, &plain);
        }
        assert_eq!(fast.dropped_mass(), 0.0, "merging drops nothing");
    }
}

#[test]
fn dropping_takes_the_least_probable() {
    let mut fast = filter(Truncation::Keep { n: 4, overflow: Overflow::Drop, protect: 0 });
    let mut plain = Plain::new();
    for (t, y) in recording(250).into_iter().enumerate() {
        fast.step(&[y]);
        plain.step(t, y);
        if plain.hypotheses.len() > 4 {
            plain.drop_least(1);
        }
        assert_same(t, &fast, &plain);
    }
    assert!(fast.dropped_mass() > 0.1);
    fast.reset();
    assert_eq!(fast.dropped_mass(), 0.0);
}

#[test]
fn the_bound_on_hypotheses_drops_an_eighth_of_them_at_once_and_counts_what_it_dropped() {
    for most in [2, 14, 56] {
        let mut fast = filter(Truncation::Prune { cutoff: 0.0, max_run_length: None, max_hypotheses: most });
        let mut plain = Plain::new();
        let mut full = 0;
        for (t, y) in recording(400).into_iter().enumerate() {
            fast.step(&[y]);
            plain.step(t, y);
            if plain.hypotheses.len() > most {
                let kept = (most - most / 8).max(1);
                plain.drop_least(plain.hypotheses.len() - kept);
            }
            assert!(fast.n_hypotheses() <= most);
            full += usize::from(fast.n_hypotheses() == most);
            assert_same(t, &fast, &plain);
        }
        assert!(full > 400 / most / 2, "the bound is used: {full} times of {most}");
    }
}

#[test]
fn merging_to_one_hypothesis_is_varsmile() {
    let y = Array2::from_shape_vec((300, 1), recording(300)).unwrap();
    let learner = |method| ChangePointLearner { method, hazard: HAZARD.into(), ..ChangePointLearner::new(FAMILY) };
    let one = learner(Method::merging(1)).filter(y.view()).unwrap();
    let single = learner(Method::VarSmile { m: None }).filter(y.view()).unwrap();
    for (a, b) in one.mean.unwrap().iter().zip(single.mean.unwrap()) {
        assert!((a - b).abs() < 1e-9, "{a} is not {b}");
    }
    for (a, b) in one.adaptation_rate.iter().zip(single.adaptation_rate) {
        assert!((a - b).abs() < 1e-9);
    }
}

#[test]
fn the_belief_of_particles_is_their_average_in_natural_coordinates() {
    let mut filter = neuropil_surprise::particle::ParticleFilter::new(FAMILY, HAZARD.into(), 25, 4).unwrap();
    for y in recording(40) {
        filter.step(&[y]);
        let state = filter.save();
        let beliefs = state["beliefs"].as_array().unwrap();
        let weights: Vec<f64> = state["weights"].as_array().unwrap().iter().map(|w| w.as_f64().unwrap()).collect();
        let number = |i: usize, name: &str| beliefs[i][name].as_f64().unwrap();
        let average = |of: &dyn Fn(usize) -> f64| weights.iter().enumerate().map(|(i, w)| w * of(i)).sum::<f64>();
        let nu = average(&|i| number(i, "nu"));
        let chi = average(&|i| number(i, "nu") * number(i, "mean"));
        let belief = filter.belief().unwrap();
        assert!((belief.nu - nu).abs() < 1e-9 * nu, "{} is not {nu}", belief.nu);
        assert!((belief.mean - chi / nu).abs() < 1e-9, "{} is not {}", belief.mean, chi / nu);
        // The projected belief predicts with the mean of its coordinates, not with the mean of the mixture.
        assert!(FAMILY.log_predictive(&belief, &[y]).is_finite());
    }
}
