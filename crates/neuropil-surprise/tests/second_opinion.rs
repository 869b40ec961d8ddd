//! Numbers computed a second way: by quadrature, by enumeration, or from the definition.

use ndarray::{Array2, ArrayView2};
use neuropil_core::progress::Monitor;
use neuropil_core::special::ln_gamma;
use neuropil_surprise::Learner;
use neuropil_surprise::blocks::Blocks;
use neuropil_surprise::family::gaussian::NormalBelief;
use neuropil_surprise::family::normal_inverse_gamma::{NormalInverseGammaBank, NormalInverseGammaBelief};
use neuropil_surprise::family::{
    BeliefBank, BetaBernoulli, BetaBinomial, BetaGeometric, ConjugateFamily, DirichletCategorical,
    DirichletMultinomial, Family, GammaExponential, GammaPoisson, Gaussian, GaussianKnownMean, NormalInverseGamma,
};
use neuropil_surprise::hazard::Hazard;
use neuropil_surprise::hazard_learning::{HazardFitOptions, fit_hazard};
use neuropil_surprise::method::Method;
use neuropil_surprise::model::ChangePointLearner;
use neuropil_surprise::nassar::{Nassar, Rule};
use neuropil_surprise::online_hazard::{BetaHazard, HazardGrid, OnlineHazard};
use neuropil_surprise::particle::{MAX_PARTICLES, ParticleFilter};
use neuropil_surprise::run_length::{RunLengthFilter, Truncation};
use neuropil_surprise::smile::Smile;
use neuropil_surprise::smooth::Offline;
use neuropil_surprise::varsmile::{Modulation, VarSmile};

const STREAM: [f64; 5] = [0.5, -0.3, 1.2, 4.0, 3.8];
const ALL: Truncation = Truncation::Prune { cutoff: 0.0, max_run_length: None, max_hypotheses: 50_000 };

fn column(y: &[f64]) -> Array2<f64> {
    ArrayView2::from_shape((y.len(), 1), y).unwrap().to_owned()
}

fn assert_near(got: f64, wanted: f64, tolerance: f64) {
    assert!((got - wanted).abs() <= tolerance * wanted.abs().max(1.0), "{got} is not {wanted}");
}

fn read<F: ConjugateFamily>(family: &F, belief: &F::Belief) -> (f64, f64) {
    let (mut mean, mut variance) = (vec![0.0; family.estimate_width()], vec![0.0; family.estimate_width()]);
    family.mean(belief, &mut mean);
    family.variance(belief, &mut variance);
    (mean[0], variance[0])
}

/// The variance of the prior is the expected variance after one observation plus the variance of the mean after it.
fn assert_total_variance<F: ConjugateFamily>(family: &F, outcomes: impl Iterator<Item = (f64, f64)>, tolerance: f64) {
    let (mean, variance) = read(family, &family.prior());
    let (mut mass, mut first, mut second) = (0.0, 0.0, 0.0);
    for (y, measure) in outcomes {
        let weight = measure * family.log_predictive(&family.prior(), &[y]).exp();
        let mut posterior = family.prior();
        family.update(&mut posterior, &[y]);
        let (m, v) = read(family, &posterior);
        mass += weight;
        first += weight * m;
        second += weight * (v + m * m);
    }
    assert_near(mass, 1.0, tolerance);
    assert_near(first, mean, tolerance);
    assert_near(second - first * first, variance, tolerance);
}

#[test]
fn variances_obey_the_law_of_total_variance() {
    let counts = |n: u32| (0..n).map(|y| (f64::from(y), 1.0));
    assert_total_variance(&BetaBernoulli { a: 0.7, b: 2.1 }, counts(2), 1e-12);
    assert_total_variance(&BetaBinomial { trials: 9, a: 0.7, b: 2.1 }, counts(10), 1e-12);
    assert_total_variance(&DirichletCategorical { alpha: vec![0.4, 1.1, 2.0] }, counts(3), 1e-12);
    assert_total_variance(&GammaPoisson { shape: 2.5, rate: 0.8 }, counts(200), 1e-9);
    assert_total_variance(&BetaGeometric { a: 6.0, b: 1.5 }, counts(4000), 1e-8);
    // Positive observations on a logarithmic grid (dy = y dx); the tails hold less than the tolerance.
    let positive = || (-24_000..24_000).map(|i| (f64::from(i) * 1e-3).exp()).map(|y| (y, y * 1e-3));
    for known_shape in [1.0, 2.3] {
        assert_total_variance(&GammaExponential { known_shape, shape: 4.5, rate: 1.3 }, positive(), 1e-6);
    }
    let signed = positive().flat_map(|(y, measure)| [(0.4 + y, measure), (0.4 - y, measure)]);
    assert_total_variance(&GaussianKnownMean { mean: 0.4, shape: 4.5, scale: 1.3 }, signed, 1e-6);
}

#[test]
fn the_scaled_likelihood_is_the_posterior_of_a_flat_prior() {
    fn check<F: ConjugateFamily>(flat: &F, y: &[f64]) {
        let mut wanted = flat.prior();
        flat.update(&mut wanted, y);
        assert_eq!(flat.scaled_likelihood(y).as_ref(), Some(&wanted), "{}", F::NAME);
    }
    for y in [0.0, 1.0] {
        check(&BetaBernoulli { a: 1.0, b: 1.0 }, &[y]);
    }
    check(&BetaBinomial { trials: 7, a: 1.0, b: 1.0 }, &[3.0]);
    check(&DirichletCategorical { alpha: vec![1.0; 3] }, &[2.0]);
    check(&DirichletMultinomial { alpha: vec![1.0; 3] }, &[2.0, 0.0, 5.0]);
    check(&BetaGeometric { a: 1.0, b: 1.0 }, &[4.0]);
    let poisson = GammaPoisson { shape: 1.0, rate: 1.0 }.scaled_likelihood(&[4.0]).unwrap();
    assert_eq!((poisson.shape, poisson.rate), (5.0, 1.0));
}

#[test]
fn one_observation_alone_gives_the_estimate_of_the_leaky_integrator() {
    fn check<F: ConjugateFamily>(family: &F, y: &[f64], wanted: &[f64]) {
        let mut got = vec![f64::NAN; family.estimate_width()];
        family.empirical_mean(y, &mut got).unwrap();
        assert_eq!(got, wanted, "{}", F::NAME);
    }
    check(&BetaBinomial { trials: 8, a: 1.0, b: 1.0 }, &[2.0], &[0.25]);
    check(&DirichletCategorical { alpha: vec![1.0; 3] }, &[1.0], &[0.0, 1.0, 0.0]);
    check(&BetaGeometric { a: 1.0, b: 1.0 }, &[3.0], &[0.25]);
    check(&GaussianKnownMean { mean: 1.0, shape: 2.0, scale: 1.0 }, &[4.0], &[9.0]);
}

#[test]
fn the_divergence_of_normal_inverse_gamma_beliefs_is_the_integral_of_the_log_ratio() {
    let family = NormalInverseGamma::default();
    let p = NormalInverseGammaBelief { mean: 0.3, k: 2.5, a: 3.2, b: 1.7 };
    let q = NormalInverseGammaBelief { mean: -0.4, k: 0.8, a: 2.1, b: 0.9 };
    let log_density = |s: f64, a: f64, b: f64| a * b.ln() - ln_gamma(a) - (a + 1.0) * s.ln() - b / s;
    // Over the variance s = exp(x); given s the divergence of the two normal beliefs about the mean is exact.
    let step = 1e-3;
    let divergence: f64 = (-12_000..15_000)
        .map(|i| {
            let s = (f64::from(i) * step).exp();
            let ratio = q.k / p.k;
            let of_mean = 0.5 * (ratio - 1.0 - ratio.ln() + q.k * (p.mean - q.mean).powi(2) / s);
            let log_p = log_density(s, p.a, p.b);
            step * s * log_p.exp() * (log_p - log_density(s, q.a, q.b) + of_mean)
        })
        .sum();
    assert_near(family.kl_divergence(&p, &q), divergence, 1e-8);
}

#[test]
fn the_normaliser_of_long_runs_obeys_the_recurrence_of_the_gamma_function() {
    // With y at the mean, ln P = ln G(a + 1/2) - ln G(a) + ..., and two half steps in a make ln a.
    let family = NormalInverseGamma::default();
    let rest = |k: f64| 0.5 * (k / (2.0 * std::f64::consts::PI * (k + 1.0))).ln();
    for a in [0.6, 30.0, 9_999.75, 1e4, 33_000.25, 1e7] {
        let step = |a: f64| {
            let belief = NormalInverseGammaBelief { mean: 0.0, k: 5.0, a, b: 1.0 };
            family.log_predictive(&belief, &[0.0]) - rest(5.0)
        };
        assert_near(step(a) + step(a + 0.5), a.ln(), 2e-11);
    }
}

/// Mean and variance of a filter, from its run lengths and nothing else.
fn assert_mixture<F: ConjugateFamily>(family: &F, y: &[f64]) {
    let mut filter = RunLengthFilter::new(family.clone(), Hazard::Constant(0.15), ALL, 0).unwrap();
    for (t, value) in y.iter().enumerate() {
        filter.step(&[*value]);
        let (mut first, mut second) = (0.0, 0.0);
        for (run, weight) in filter.run_length_posterior() {
            let mut belief = family.prior();
            y[t + 1 - run as usize..=t].iter().for_each(|y| family.update(&mut belief, &[*y]));
            let (mean, variance) = read(family, &belief);
            first += weight * mean;
            second += weight * (variance + mean * mean);
        }
        let (mut mean, mut variance, mut alone) = ([0.0], [0.0], [0.0]);
        filter.moments(&mut mean, &mut variance);
        filter.variance(&mut alone);
        assert_near(mean[0], first, 1e-12);
        assert_near(variance[0], second - first * first, 1e-11);
        assert_eq!(alone, variance);
    }
}

#[test]
fn the_belief_of_a_filter_is_the_mixture_over_its_run_lengths() {
    assert_mixture(&Gaussian { sigma: 0.7, prior_mean: 0.2, prior_sd: 1.5 }, &STREAM);
    assert_mixture(&NormalInverseGamma { prior_mean: 0.2, prior_k: 0.6, prior_a: 2.6, prior_b: 0.9 }, &STREAM);
    assert_mixture(&GammaPoisson { shape: 2.0, rate: 0.7 }, &[2.0, 3.0, 1.0, 9.0, 8.0]);
}

#[test]
fn a_run_length_hazard_gives_the_filter_the_evidence_of_the_segments() {
    let family = Gaussian { sigma: 0.8, prior_mean: 0.1, prior_sd: 2.0 };
    let y: Vec<f64> = (0..90).map(|t| if t % 40 < 23 { 1.0 } else { -1.5 } + 0.9 * f64::from(t * t).sin()).collect();
    let y = column(&y);
    for hazard in [
        Hazard::NegativeBinomial { size: 3.5, probability: 0.2 },
        Hazard::Table(vec![0.02, 0.5, 0.0, 0.1]),
        Hazard::Table(vec![0.0, 0.0, 1.0]),
    ] {
        let offline = Offline::new(family, hazard.clone()).with_cutoff(0.0);
        let smoothed = offline.smooth(y.view(), &Blocks::single(y.nrows())).unwrap();
        let online = ChangePointLearner {
            hazard,
            method: Method::Exact { cutoff: 0.0, max_run_length: None, max_hypotheses: 50_000 },
            ..ChangePointLearner::new(family)
        };
        let result = online.filter(y.view()).unwrap();
        assert_near(result.log_evidence.unwrap(), smoothed.log_evidence, 1e-10);
        // At the last observation the filter knows as much as the smoother.
        let last = y.nrows() - 1;
        assert_near(result.mean.as_ref().unwrap()[[last, 0]], smoothed.mean[[last, 0]], 1e-9);
        assert_near(result.adaptation_rate[last], smoothed.change_probability[last], 1e-9);
    }
}

#[test]
fn no_run_is_longer_than_the_longest_that_is_kept() {
    let truncation = Truncation::Prune { cutoff: 0.0, max_run_length: Some(3), max_hypotheses: 100 };
    let mut filter = RunLengthFilter::new(Gaussian::default(), Hazard::Constant(0.1), truncation, 0).unwrap();
    for t in 0..9 {
        filter.step(&[0.1 * f64::from(t)]);
        let posterior = RunLengthFilter::run_length_posterior(&filter);
        assert_eq!(posterior.iter().map(|(run, _)| *run).max(), Some(3.min(t as u64 + 1)));
        assert_near(posterior.iter().map(|(_, weight)| weight).sum(), 1.0, 1e-12);
    }
}

#[test]
fn the_evidence_of_many_particles_is_that_of_the_exact_filter() {
    let mut filter = ParticleFilter::new(Gaussian::default(), Hazard::Constant(0.1), 20_000, 1).unwrap();
    let evidence: f64 = STREAM.iter().map(|y| filter.step(&[*y]).log_predictive).sum();
    assert_near(evidence, -13.215235364, 0.003);
}

#[test]
fn more_particles_than_memory_are_refused_and_not_tried() {
    for n in [MAX_PARTICLES + 1, usize::MAX] {
        let error = ParticleFilter::new(Gaussian::default(), Hazard::Constant(0.1), n, 1).unwrap_err();
        assert_eq!(error.to_string(), format!("n must be at most 10000000 particles, got {n}"));
    }
}

#[test]
fn a_delta_rule_lets_time_pass_as_a_mixture_with_the_prior() {
    let family = Gaussian { sigma: 0.7, prior_mean: 0.2, prior_sd: 1.5 };
    let hazard = 0.3;
    for rule in [Rule::Nassar2010, Rule::Nassar2012] {
        let mut learner = Nassar::new(family, rule, Modulation::Hazard(Hazard::Constant(hazard)), 1.0).unwrap();
        learner.step(&[1.9]);
        let (mean, run_length) = (learner.belief().unwrap().mean, learner.run_length());
        let (mut before, mut after, mut moved) = ([0.0], [0.0], [0.0]);
        learner.variance(&mut before);
        assert_eq!(learner.skip().adaptation_rate, hazard);
        learner.variance(&mut after);
        learner.mean(&mut moved);
        assert_near(moved[0], 0.7 * mean + 0.3 * 0.2, 1e-14);
        let wanted = if rule == Rule::Nassar2010 {
            assert_near(learner.run_length(), 0.7 * run_length, 1e-14);
            1.0 / (1.0 / 2.25 + 0.7 * run_length / 0.49)
        } else {
            let second = 0.7 * (before[0] + mean * mean) + 0.3 * (2.25 + 0.04);
            assert_near(learner.run_length(), 0.49 / after[0] - 0.49 / 2.25, 1e-12);
            second - moved[0] * moved[0]
        };
        assert_near(after[0], wanted, 1e-13);
        assert_near(learner.belief().unwrap().nu, 0.49 / after[0], 1e-13);
    }
}

#[test]
fn every_single_belief_scores_an_observation_by_the_mixture_of_staying_and_changing() {
    let family = Gaussian { sigma: 0.7, prior_mean: 0.2, prior_sd: 1.5 };
    let hazard = 0.12_f64;
    let modulation = || Modulation::Hazard(Hazard::Constant(hazard));
    let learners: [Box<dyn Learner<Gaussian>>; 4] = [
        Box::new(Nassar::new(family, Rule::Nassar2010, modulation(), 1.0).unwrap()),
        Box::new(Nassar::new(family, Rule::Nassar2012, modulation(), 1.0).unwrap()),
        Box::new(VarSmile::new(family, modulation()).unwrap()),
        Box::new(Smile::new(family, hazard / (1.0 - hazard)).unwrap()),
    ];
    for (i, mut learner) in learners.into_iter().enumerate() {
        for y in STREAM {
            let belief: NormalBelief = learner.belief().unwrap();
            let (prior, stayed) = (family.log_predictive(&family.prior(), &[y]), family.log_predictive(&belief, &[y]));
            let scores = learner.step(&[y]);
            assert_near(scores.log_bayes_factor, prior - stayed, 1e-12);
            // SMiLe knows no hazard: it scores by its belief alone.
            let mixture = if i == 3 { stayed } else { ((1.0 - hazard) * stayed.exp() + hazard * prior.exp()).ln() };
            assert_near(scores.log_predictive, mixture, 1e-12);
        }
    }
}

#[test]
fn known_cues_apply_at_their_own_step_and_again_after_a_reset() {
    let family = Gaussian { sigma: 0.7, prior_mean: 0.2, prior_sd: 1.5 };
    let hazards = [0.5, 0.01, 0.9, 0.2, 0.6];
    let cues = || Hazard::PerStep(hazards.to_vec());
    let learners: [Box<dyn Learner<Gaussian>>; 5] = [
        Box::new(Nassar::new(family, Rule::Nassar2010, Modulation::Hazard(cues()), 1.0).unwrap()),
        Box::new(Nassar::new(family, Rule::Nassar2012, Modulation::Hazard(cues()), 1.0).unwrap()),
        Box::new(VarSmile::new(family, Modulation::Hazard(cues())).unwrap()),
        Box::new(ParticleFilter::new(family, cues(), 1, 5).unwrap()),
        Box::new(RunLengthFilter::new(family, cues(), ALL, 0).unwrap()),
    ];
    for mut learner in learners {
        for _ in 0..2 {
            for (t, y) in STREAM.iter().enumerate() {
                if t == 3 {
                    assert_eq!(learner.skip().adaptation_rate, hazards[t]);
                    continue;
                }
                let scores = learner.step(&[*y]);
                let odds = (scores.adaptation_rate / (1.0 - scores.adaptation_rate)).ln() - scores.log_bayes_factor;
                assert_near(1.0 / (1.0 + (-odds).exp()), hazards[t], 1e-9);
            }
            learner.reset();
        }
    }
}

#[test]
fn a_belief_that_is_no_whole_number_of_observations_keeps_its_own_normaliser() {
    let family = NormalInverseGamma { prior_mean: 0.1, prior_k: 0.5, prior_a: 1.3, prior_b: 0.8 };
    let beliefs = [(0.5, 1.3), (2.5, 2.3), (2.5, 2.2), (2.25, 2.3), (1.5, 4.0)]
        .map(|(k, a)| NormalInverseGammaBelief { mean: 0.4, k, a, b: 1.1 });
    let mut bank = NormalInverseGammaBank::new(&family);
    beliefs.iter().for_each(|belief| bank.push(&family, belief));
    let mut scores = [0.0; 5];
    for y in [0.9, -3.0, 0.2] {
        let wanted: Vec<f64> = (0..5).map(|i| family.log_predictive(&bank.get(&family, i), &[y])).collect();
        bank.score_and_update(&family, &[y], &mut scores);
        scores.iter().zip(wanted).for_each(|(got, wanted)| assert_near(*got, wanted, 1e-12));
    }
}

#[test]
fn particles_are_resampled_when_half_of_them_are_lost_and_only_then() {
    let n = 400;
    let mut filter = ParticleFilter::new(Gaussian::default(), Hazard::Constant(0.1), n, 2).unwrap();
    let (mut even, mut uneven) = (0, 0);
    for t in 0..80 {
        filter.step(&[if t % 16 < 8 { 3.0 } else { -3.0 } + 0.7 * f64::from(t * t).sin()]);
        let state = serde_json::to_value(filter.state()).unwrap();
        let weights: Vec<f64> = state["weights"].as_array().unwrap().iter().map(|w| w.as_f64().unwrap()).collect();
        let effective = 1.0 / weights.iter().map(|w| w * w).sum::<f64>();
        assert!(effective > 0.5 * n as f64, "step {t}: {effective} effective particles");
        if weights.iter().all(|w| *w == weights[0]) { even += 1 } else { uneven += 1 }
    }
    assert!(even >= 2 && uneven >= 30, "{even} and {uneven}");
}

#[test]
fn the_fast_filter_of_varsmile_reads_out_what_the_plain_learner_does() {
    let family = Gaussian { sigma: 0.7, prior_mean: 0.2, prior_sd: 1.5 };
    let y: Vec<f64> = (0..700).map(|t| if t % 130 < 70 { 1.0 } else { -3.0 } + f64::from(t * t).sin()).collect();
    let hazard = Hazard::Constant(0.03);
    let learner = ChangePointLearner {
        hazard: hazard.clone(),
        method: Method::named("varsmile").unwrap(),
        ..ChangePointLearner::new(family)
    };
    let result = learner.filter(column(&y).view()).unwrap();
    let mut plain = VarSmile::new(family, Modulation::Hazard(hazard)).unwrap();
    let mut evidence = 0.0;
    for (t, y) in y.iter().enumerate() {
        let scores = plain.step(&[*y]);
        evidence += scores.log_predictive;
        let (mut mean, mut variance) = ([0.0], [0.0]);
        plain.moments(&mut mean, &mut variance);
        assert_near(result.mean.as_ref().unwrap()[[t, 0]], mean[0], 1e-10);
        assert_near(result.variance.as_ref().unwrap()[[t, 0]], variance[0], 1e-10);
        assert_near(result.adaptation_rate[t], scores.adaptation_rate, 1e-10);
        assert_near(result.bayes_factor_surprise.as_ref().unwrap()[t], scores.log_bayes_factor.exp(), 1e-9);
    }
    assert_near(result.log_evidence.unwrap(), evidence, 1e-10);
}

fn log_evidence(y: &Array2<f64>, hazard: f64) -> f64 {
    Offline::new(Gaussian::default(), hazard)
        .with_cutoff(0.0)
        .log_evidence(y.view(), &Blocks::single(y.nrows()))
        .unwrap()
}

#[test]
fn the_error_of_a_fitted_hazard_is_the_curvature_of_the_evidence() {
    let y = column(&(0..60).map(|t| if t % 24 < 12 { 0.0 } else { 3.0 } + f64::from(t * t).sin()).collect::<Vec<_>>());
    let options = HazardFitOptions { cutoff: 0.0, ..HazardFitOptions::default() };
    let fit = fit_hazard(&Gaussian::default(), y.view(), &Blocks::single(60), &options).unwrap();
    let odds = (fit.hazard / (1.0 - fit.hazard)).ln();
    let at = |odds: f64| log_evidence(&y, 1.0 / (1.0 + (-odds).exp()));
    let step = 1e-3;
    let error = step / (2.0 * at(odds) - at(odds + step) - at(odds - step)).sqrt();
    assert_near(fit.standard_error.unwrap(), fit.hazard * (1.0 - fit.hazard) * error, 1e-4);
    let interval = fit.interval.unwrap();
    for (end, side) in interval.into_iter().zip([-1.0, 1.0]) {
        assert_near((end / (1.0 - end)).ln(), odds + side * 1.96 * error, 1e-4);
    }
}

/// What is known about the hazard at the end, by summing over hazards with their prior weights.
fn assert_hazard_posterior(online: &OnlineHazard, y: &Array2<f64>, candidates: impl Iterator<Item = (f64, f64)>) {
    let (mut total, mut first, mut second) = (0.0, 0.0, 0.0);
    for (hazard, prior) in candidates {
        let weight = prior * log_evidence(y, hazard).exp();
        total += weight;
        first += weight * hazard;
        second += weight * hazard * hazard;
    }
    let mean = first / total;
    assert_near(online.log_evidence, total.ln(), 1e-6);
    assert_near(*online.mean.last().unwrap(), mean, 1e-6);
    assert_near(*online.standard_deviation.last().unwrap(), (second / total - mean * mean).sqrt(), 1e-6);
    assert_near(online.log_predictive.iter().sum(), online.log_evidence, 1e-12);
}

#[test]
fn what_is_learned_about_the_hazard_is_its_posterior() {
    let y = column(&STREAM);
    let (family, blocks, monitor) = (Gaussian::default(), Blocks::single(5), Monitor::silent());
    let online = BetaHazard { changes: 2.0, stays: 3.0 }.learn(&family, y.view(), &blocks, 0.0, &monitor).unwrap();
    let middles = (0..2000).map(|i| (f64::from(i) + 0.5) / 2000.0);
    assert_hazard_posterior(&online, &y, middles.map(|h| (h, 12.0 * h * (1.0 - h).powi(2) / 2000.0)));
    let grid = HazardGrid::log_spaced(0.02, 0.32, 5).unwrap();
    for (hazard, wanted) in grid.hazards.iter().zip([0.02, 0.04, 0.08, 0.16, 0.32]) {
        assert_near(*hazard, wanted, 1e-14);
    }
    let (online, posterior) = grid.learn(&family, y.view(), &blocks, 0.0, &monitor).unwrap();
    assert_near(posterior.iter().sum(), 1.0, 1e-12);
    assert_hazard_posterior(&online, &y, grid.hazards.iter().map(|h| (*h, 0.2)));
}

#[test]
fn defaults_are_the_documented_ones() {
    let named = |name: &str| serde_json::to_value(Family::named(name).unwrap()).unwrap();
    assert_eq!(named("exponential")["shape"], 2.0);
    assert_eq!(named("gaussian-known-mean")["shape"], 2.0);
    assert_eq!(named("bernoulli")["b"], 1.0);
    assert_eq!(named("poisson")["rate"], 1.0);
    assert_eq!(named("binomial")["trials"], 10);
}
