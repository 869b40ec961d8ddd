//! Tests of smoothing, segmentation and hazard learning against enumeration, published numbers and simulation.

use std::sync::Arc;

use approx::assert_abs_diff_eq;
use ndarray::{Array2, ArrayView2};
use neuropil_core::{
    progress::{CancelToken, Monitor, Silent},
    random::{Seed, uniform},
};
use proptest::prelude::*;

use crate::{
    blocks::Blocks,
    brute_force::{Enumerated, enumerate, enumerate_with},
    error::Error,
    family::{BetaBernoulli, ConjugateFamily, Gaussian, LinearRegression, NormalInverseGamma},
    hazard::Hazard,
    hazard_learning::{HazardFitOptions, HazardUpdate, fit_hazard, hazard_evidence},
    online_hazard::{BetaHazard, HazardGrid},
    smooth::Offline,
};

const STREAM: [f64; 5] = [0.5, -0.3, 1.2, 4.0, 3.8];

fn normal(sigma: f64, prior_sd: f64) -> Gaussian {
    Gaussian { sigma, prior_mean: 0.0, prior_sd }
}

fn coin() -> BetaBernoulli {
    BetaBernoulli { a: 1.0, b: 1.0 }
}

fn column(y: &[f64]) -> ArrayView2<'_, f64> {
    ArrayView2::from_shape((y.len(), 1), y).unwrap()
}

fn close(a: &[f64], b: &[f64], tolerance: f64) {
    assert_eq!(a.len(), b.len());
    for (t, (x, y)) in a.iter().zip(b).enumerate() {
        assert!((x - y).abs() <= tolerance * (1.0 + y.abs()), "element {t}: {x} and {y}");
    }
}

/// Everything offline against enumeration.
fn agrees<F: ConjugateFamily>(family: &F, y: &[f64], hazard: &Hazard) {
    let exact: Enumerated = enumerate(family, y, hazard);
    let model = Offline::new(family.clone(), hazard.clone()).with_cutoff(0.0);
    let blocks = Blocks::single(y.len());
    let smoothing = model.smooth(column(y), &blocks).unwrap();
    assert_abs_diff_eq!(smoothing.log_evidence, exact.log_evidence, epsilon = 1e-10);
    assert_abs_diff_eq!(model.log_evidence(column(y), &blocks).unwrap(), exact.log_evidence, epsilon = 1e-10);
    close(&smoothing.change_probability, &exact.change_probability, 1e-10);
    close(&model.change_probability(column(y), &blocks).unwrap(), &exact.change_probability, 1e-10);
    close(smoothing.mean.as_slice().unwrap(), &exact.mean, 1e-10);
    close(smoothing.variance.as_slice().unwrap(), &exact.variance, 1e-10);
    assert_eq!(smoothing.dropped_mass, 0.0);
    let count = model.change_count(column(y), &blocks).unwrap();
    close(&(0..y.len()).map(|n| count.at(n)).collect::<Vec<_>>(), &exact.count, 1e-10);
    let segmentation = model.segment(column(y), &blocks).unwrap();
    assert_abs_diff_eq!(segmentation.log_joint, exact.best_log_joint, epsilon = 1e-10);
    assert_abs_diff_eq!(segmentation.log_posterior, exact.best_log_joint - exact.log_evidence, epsilon = 1e-10);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_offline_result_equals_the_sum_over_all_configurations(
        y in prop::collection::vec(prop_oneof![8 => -4.0..4.0_f64, 1 => Just(f64::NAN)], 1..9),
        h in 0.001..0.999_f64,
        size in 0.3..4.0_f64,
    ) {
        agrees(&normal(0.7, 1.5), &y, &Hazard::Constant(h));
        agrees(&normal(0.7, 1.5), &y, &Hazard::NegativeBinomial { size, probability: h });
        let cues = (0..y.len()).map(|t| [h, 0.0, 1.0, 0.5 * h][t % 4]).collect();
        agrees(&normal(0.7, 1.5), &y, &Hazard::PerStep(cues));
        agrees(&normal(0.7, 1.5), &y, &Hazard::Table(vec![0.0, h, 1.0]));
        let coins: Vec<_> = y.iter().map(|y| if y.is_nan() { *y } else { f64::from(*y > 0.3) }).collect();
        agrees(&coin(), &coins, &Hazard::Constant(h));
        agrees(&NormalInverseGamma { prior_a: 2.0, ..NormalInverseGamma::default() }, &y, &Hazard::Constant(h));
    }
}

#[test]
fn the_limits_of_the_hazard_are_exact() {
    for hazard in [0.0, 1.0] {
        agrees(&normal(1.0, 1.0), &STREAM, &Hazard::Constant(hazard));
    }
    let blocks = Blocks::single(5);
    let never = Offline::new(normal(1.0, 1.0), 0.0).segment(column(&STREAM), &blocks).unwrap();
    assert_eq!((never.starts, never.log_posterior), (vec![0], 0.0));
    let always = Offline::new(normal(1.0, 1.0), 1.0).segment(column(&STREAM), &blocks).unwrap();
    assert_eq!(always.changes, [1, 2, 3, 4]);
}

#[test]
fn a_gaussian_stream_has_the_reference_posterior() {
    let model = Offline::new(normal(1.0, 1.0), 0.1);
    let smoothing = model.smooth(column(&STREAM), &Blocks::single(5)).unwrap();
    assert_abs_diff_eq!(smoothing.log_evidence, -13.215235364, epsilon = 1e-8);
    let changes = [0.0, 0.0958831332, 0.3736846932, 0.4602783101, 0.0171664899];
    close(&smoothing.change_probability, &changes, 1e-9);
    let means = [0.4558605259, 0.4838961053, 1.2337385234, 2.2580729405, 2.2662026259];
    close(smoothing.mean.as_slice().unwrap(), &means, 1e-9);
}

#[test]
fn a_bernoulli_stream_has_the_reference_posterior() {
    let y = [1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0];
    let smoothing = Offline::new(coin(), 0.2).smooth(column(&y), &Blocks::single(8)).unwrap();
    assert_abs_diff_eq!(smoothing.log_evidence, -5.6498927057, epsilon = 1e-8);
    let changes =
        [0.0, 0.1677819661, 0.2199720787, 0.5104803674, 0.2130138035, 0.1659063852, 0.1861894829, 0.3386214222];
    close(&smoothing.change_probability, &changes, 1e-9);
}

#[test]
fn a_regression_stream_has_the_reference_change() {
    let y = ndarray::array![[1.0, 0.0, 1.1], [0.0, 1.0, -0.4], [1.0, 1.0, 0.6], [1.0, 0.0, -1.0], [1.0, 1.0, -2.1]];
    let family = LinearRegression { noise: 0.5, ..LinearRegression::standard(2) };
    let smoothing = Offline::new(family, 0.1).smooth(y.view(), &Blocks::single(5)).unwrap();
    assert_abs_diff_eq!(smoothing.log_evidence, -8.8420433891, epsilon = 1e-8);
    assert_abs_diff_eq!(smoothing.change_probability[3], 0.9611996352, epsilon = 1e-8);
    // At the last observation nothing is left to smooth.
    assert_abs_diff_eq!(smoothing.mean[[4, 0]], -0.9737855116, epsilon = 1e-8);
    assert_abs_diff_eq!(smoothing.mean[[4, 1]], -0.8971769244, epsilon = 1e-8);
}

#[test]
fn expectation_maximisation_follows_the_reference_trace() {
    let family = normal(1.0, 1.0);
    let blocks = Blocks::single(5);
    let start = hazard_evidence(&family, column(&STREAM), &blocks, 0.1, 0.0).unwrap();
    assert_abs_diff_eq!(start.gradient, 6.0779180719, epsilon = 1e-8);
    let options = HazardFitOptions {
        start: 0.1,
        update: HazardUpdate::ExpectationMaximisation,
        max_iterations: 3,
        ..Default::default()
    };
    let fit = fit_hazard(&family, column(&STREAM), &blocks, &options).unwrap();
    close(&fit.hazards, &[0.1, 0.2367531566, 0.322534294, 0.3679610604], 1e-8);
    close(&fit.log_evidence[..3], &[-13.215235364, -12.7338858749, -12.6202297413], 1e-8);
    assert!(!fit.converged);
    let long = HazardFitOptions { max_iterations: 2000, ..options.clone() };
    let slow = fit_hazard(&family, column(&STREAM), &blocks, &long).unwrap();
    let fast = fit_hazard(&family, column(&STREAM), &blocks, &HazardFitOptions::default()).unwrap();
    assert!(slow.converged && fast.converged && fast.iterations < slow.iterations);
    assert_abs_diff_eq!(slow.hazard, fast.hazard, epsilon = 1e-4);
    for fit in [slow, fast] {
        assert!(fit.log_evidence.windows(2).all(|pair| pair[1] >= pair[0]));
    }
}

#[test]
fn gradient_and_curvature_are_the_derivatives_of_the_evidence() {
    let (family, blocks, step) = (normal(0.6, 2.0), Blocks::from_lengths(&[9, 1, 10]).unwrap(), 1e-4);
    let y: Vec<_> = (0..20).map(|t| f64::from(t / 7) + 0.8 * (1.7 * f64::from(t * t)).sin()).collect();
    let at = |h: f64| hazard_evidence(&family, column(&y), &blocks, h, 0.0).unwrap();
    let (low, middle, high) = (at(0.15 - step), at(0.15), at(0.15 + step));
    assert_abs_diff_eq!(middle.gradient, (high.log_evidence - low.log_evidence) / (2.0 * step), epsilon = 1e-5);
    assert_abs_diff_eq!(middle.curvature, (high.gradient - low.gradient) / (2.0 * step), epsilon = 1e-3);
    let model = Offline::new(family, 0.15).with_cutoff(0.0);
    let count = model.change_count(column(&y), &blocks).unwrap();
    assert_abs_diff_eq!(count.mean(), middle.expected_changes, epsilon = 1e-10);
    assert_abs_diff_eq!(count.variance(), middle.change_variance, epsilon = 1e-10);
    let smoothing = model.smooth(column(&y), &blocks).unwrap();
    assert_abs_diff_eq!(smoothing.expected_changes, middle.expected_changes, epsilon = 1e-10);
}

/// A Gaussian change-point stream: observations and true means.
fn simulate(length: usize, hazard: f64, sigma: f64, spread: f64, seed: u64) -> (Vec<f64>, Vec<f64>, usize) {
    let mut stream = Seed::new(seed).child("simulation").stream();
    let mut normal = || {
        let (u, v) = (1.0 - uniform(&mut stream), uniform(&mut stream));
        ((-2.0 * u.ln()).sqrt() * (2.0 * std::f64::consts::PI * v).cos(), uniform(&mut stream))
    };
    let (mut mean, mut changes) = (spread * normal().0, 0);
    let (mut y, mut means) = (Vec::new(), Vec::new());
    for t in 0..length {
        let (noise, coin) = normal();
        if t > 0 && coin < hazard {
            mean = spread * normal().0;
            changes += 1;
        }
        y.push(mean + sigma * noise);
        means.push(mean);
    }
    (y, means, changes)
}

#[test]
fn pruning_moves_the_evidence_by_less_than_its_tolerance() {
    let (y, _, _) = simulate(1500, 0.01, 1.0, 3.0, 1);
    let blocks = Blocks::single(y.len());
    let model = Offline::new(normal(1.0, 3.0), 0.01);
    let pruned = model.smooth(column(&y), &blocks).unwrap();
    let full = model.clone().with_cutoff(0.0).smooth(column(&y), &blocks).unwrap();
    assert_abs_diff_eq!(pruned.log_evidence, full.log_evidence, epsilon = 1e-8);
    assert!(pruned.dropped_mass > 0.0 && pruned.dropped_mass < 1e-8);
    close(&pruned.change_probability, &full.change_probability, 1e-8);
    close(pruned.mean.as_slice().unwrap(), full.mean.as_slice().unwrap(), 1e-8);
    close(pruned.variance.as_slice().unwrap(), full.variance.as_slice().unwrap(), 1e-8);
    let segmentation = model.segment(column(&y), &blocks).unwrap();
    assert_eq!(
        segmentation,
        model
            .clone()
            .with_cutoff(0.0)
            .segment(column(&y), &blocks)
            .map(|full| {
                crate::segment::Segmentation {
                    log_evidence: segmentation.log_evidence,
                    log_posterior: segmentation.log_posterior,
                    change_probability: segmentation.change_probability.clone(),
                    ..full
                }
            })
            .unwrap()
    );
}

#[test]
fn sampled_segmentations_have_the_exact_change_frequencies() {
    let (y, draws) = ([0.5, -0.3, 1.2, f64::NAN, 4.0, 3.8, 0.1, 0.2], 20_000);
    let blocks = Blocks::from_lengths(&[6, 2]).unwrap();
    let model = Offline::new(normal(1.0, 1.0), 0.2);
    let samples = model.sample_segmentations(column(&y), &blocks, draws, 3).unwrap();
    assert_eq!(samples, model.sample_segmentations(column(&y), &blocks, draws, 3).unwrap());
    let exact = model.change_probability(column(&y), &blocks).unwrap();
    for (t, p) in exact.iter().enumerate() {
        let share = samples.iter().filter(|starts| starts.contains(&t)).count() as f64 / draws as f64;
        if t == 0 || t == 6 {
            assert_eq!(share, 1.0);
        } else {
            assert!((share - p).abs() < 4.0 * (p * (1.0 - p) / draws as f64).sqrt(), "{t}: {share} and {p}");
        }
    }
    // Pairs too: the joint law of two changes, against the first 6 observations enumerated.
    let both = samples.iter().filter(|starts| starts.contains(&2) && starts.contains(&4)).count() as f64;
    let pair = enumerate_with(&normal(1.0, 1.0), &y[..6], |c| prior(c, 0.2, true));
    let all = enumerate_with(&normal(1.0, 1.0), &y[..6], |c| prior(c, 0.2, false));
    let p = (pair.log_evidence - all.log_evidence).exp();
    assert!((both / draws as f64 - p).abs() < 4.0 * (p * (1.0 - p) / draws as f64).sqrt());
}

fn prior(changes: &[bool], hazard: f64, require_both: bool) -> f64 {
    if require_both && !(changes[2] && changes[4]) {
        return f64::NEG_INFINITY;
    }
    changes.iter().skip(1).map(|&c| if c { hazard.ln() } else { (1.0 - hazard).ln() }).sum()
}

#[test]
fn a_block_is_worked_on_as_if_it_were_alone() {
    let (y, _, _) = simulate(60, 0.1, 0.5, 2.0, 4);
    let model = Offline::new(normal(0.5, 2.0), Hazard::NegativeBinomial { size: 2.0, probability: 0.2 });
    let together = model.smooth(column(&y), &Blocks::from_lengths(&[25, 35]).unwrap()).unwrap();
    let first = model.smooth(column(&y[..25]), &Blocks::single(25)).unwrap();
    let second = model.smooth(column(&y[25..]), &Blocks::single(35)).unwrap();
    assert_eq!(together.change_probability, [first.change_probability, second.change_probability].concat());
    assert_eq!(together.log_evidence, first.log_evidence + second.log_evidence);
    let means: Vec<_> = first.mean.iter().chain(&second.mean).copied().collect();
    assert_eq!(together.mean.as_slice().unwrap(), means);
}

#[test]
fn huge_surprises_and_large_offsets_keep_their_digits() {
    let (y, means, _) = simulate(400, 0.02, 0.1, 1.0, 5);
    let family = normal(0.1, 1.0);
    let far = Gaussian { prior_mean: 1e6, ..family };
    let shifted: Vec<_> = y.iter().map(|y| y + 1e6).collect();
    let blocks = Blocks::single(400);
    let near = Offline::new(family, 0.02).smooth(column(&y), &blocks).unwrap();
    let far = Offline::new(far, 0.02).smooth(column(&shifted), &blocks).unwrap();
    // 1e6 leaves ten digits behind the point.
    for t in 0..400 {
        assert_abs_diff_eq!(far.mean[[t, 0]] - 1e6, near.mean[[t, 0]], epsilon = 1e-7);
        assert_abs_diff_eq!(far.variance[[t, 0]], near.variance[[t, 0]], epsilon = 1e-7);
        assert!((near.mean[[t, 0]] - means[t]).abs() < 0.5);
    }
    let jump = [0.0, 1e8, -1e8, 0.0];
    let smoothing = Offline::new(normal(0.01, 1.0), 0.1).smooth(column(&jump), &Blocks::single(4)).unwrap();
    assert!(smoothing.mean.iter().chain(&smoothing.variance).all(|v| v.is_finite()));
    assert!(smoothing.log_evidence.is_finite());
}

#[test]
fn a_long_stream_stays_accurate() {
    let (y, means, changes) = simulate(20_000, 0.005, 1.0, 3.0, 6);
    let model = Offline::new(normal(1.0, 3.0), 0.005);
    let blocks = Blocks::single(y.len());
    let smoothing = model.smooth(column(&y), &blocks).unwrap();
    let count = model.change_count(column(&y), &blocks).unwrap();
    assert_abs_diff_eq!(count.mean(), smoothing.expected_changes, epsilon = 1e-8);
    assert!((count.mean() - changes as f64).abs() < 4.0 * count.variance().sqrt());
    // The last 600 observations hold several changes: the smoother that sees only them must agree in the end.
    let tail = model.smooth(column(&y[17_000..]), &Blocks::single(3_000)).unwrap();
    for t in 2_000..3_000 {
        assert_abs_diff_eq!(tail.mean[[t, 0]], smoothing.mean[[17_000 + t, 0]], epsilon = 1e-9);
    }
    let z = |t: usize| (smoothing.mean[[t, 0]] - means[t]) / smoothing.variance[[t, 0]].sqrt();
    let covered = (0..y.len()).filter(|&t| z(t).abs() < 1.96).count() as f64 / y.len() as f64;
    assert!((covered - 0.95).abs() < 0.03, "95 % intervals cover {covered}");
}

#[test]
fn learned_hazards_cover_the_truth() {
    let truth = 0.03;
    let subjects: Vec<_> = (0..10).map(|subject| simulate(300, truth, 1.0, 3.0, 100 + subject).0).collect();
    let y = subjects.concat();
    let blocks = Blocks::from_lengths(&[300; 10]).unwrap();
    let family = normal(1.0, 3.0);
    let fit = fit_hazard(&family, column(&y), &blocks, &HazardFitOptions::default()).unwrap();
    let error = fit.standard_error.unwrap();
    assert!(fit.converged && fit.iterations < 15, "{fit:?}");
    assert!((fit.hazard - truth).abs() < 3.0 * error && error < 0.006, "{fit:?}");
    let interval = fit.interval.unwrap();
    assert!(interval[0] < truth && truth < interval[1], "{fit:?}");
    let (grid, posterior) =
        HazardGrid::default().learn(&family, column(&y), &blocks, 1e-9, &Monitor::silent()).unwrap();
    assert_abs_diff_eq!(posterior.iter().sum::<f64>(), 1.0, epsilon = 1e-12);
    let beta = BetaHazard::default().learn(&family, column(&y), &blocks, 1e-9, &Monitor::silent()).unwrap();
    for online in [grid, beta] {
        let (mean, deviation) = (online.mean.last().unwrap(), online.standard_deviation.last().unwrap());
        assert!((mean - fit.hazard).abs() < 0.5 * error, "{mean}");
        assert!((deviation / error - 1.0).abs() < 0.4, "{deviation} and {error}");
    }
}

#[test]
fn without_changes_the_hazard_goes_to_zero_and_the_fit_says_so() {
    let y = vec![0.1; 50];
    let fit = fit_hazard(&normal(1.0, 3.0), column(&y), &Blocks::single(50), &HazardFitOptions::default()).unwrap();
    assert!(fit.converged && fit.hazard < 1e-6, "{fit:?}");
}

#[test]
fn the_beta_hazard_filter_is_exact() {
    // With a Beta(a, b) hazard a configuration with n changes in N places has probability B(a+n, b+N-n)/B(a, b).
    let y = [0.5, -0.3, 1.2, f64::NAN, 4.0, 3.8, -2.0];
    let family = normal(1.0, 1.5);
    let prior = BetaHazard { changes: 1.5, stays: 4.0 };
    let online = prior.learn(&family, column(&y), &Blocks::single(y.len()), 0.0, &Monitor::silent()).unwrap();
    let mut before = 0.0;
    for t in 1..=y.len() {
        let exact = enumerate_with(&family, &y[..t], |changes| {
            let n = changes.iter().filter(|&&c| c).count() as f64 - 1.0;
            let places = changes.len() as f64 - 1.0;
            neuropil_core::special::ln_beta(1.5 + n, 4.0 + places - n) - neuropil_core::special::ln_beta(1.5, 4.0)
        });
        let places = t as f64 - 1.0;
        let mean: f64 = exact.count.iter().enumerate().map(|(n, p)| p * (1.5 + n as f64) / (5.5 + places)).sum();
        assert_abs_diff_eq!(online.mean[t - 1], mean, epsilon = 1e-10);
        assert_abs_diff_eq!(online.log_predictive[t - 1], exact.log_evidence - before, epsilon = 1e-10);
        if t > 1 {
            assert_abs_diff_eq!(online.change_probability[t - 1], exact.change_probability[t - 1], epsilon = 1e-10);
        }
        before = exact.log_evidence;
    }
}

#[test]
fn a_hazard_grid_weighs_by_evidence() {
    let family = normal(1.0, 1.0);
    let grid = HazardGrid { hazards: vec![0.0, 0.1, 1.0], prior: vec![1.0, 2.0, 1.0] };
    let (online, posterior) =
        grid.learn(&family, column(&STREAM), &Blocks::single(5), 0.0, &Monitor::silent()).unwrap();
    let evidence = [0.0, 0.1, 1.0].map(|h| enumerate(&family, &STREAM, &Hazard::Constant(h)).log_evidence.exp());
    let total = 0.25 * evidence[0] + 0.5 * evidence[1] + 0.25 * evidence[2];
    close(&posterior, &[0.25 * evidence[0] / total, 0.5 * evidence[1] / total, 0.25 * evidence[2] / total], 1e-10);
    assert_abs_diff_eq!(online.log_evidence, total.ln(), epsilon = 1e-10);
}

#[test]
fn a_cancelled_run_stops() {
    let token = CancelToken::new();
    token.cancel();
    let monitor = Monitor::new(Arc::new(Silent), token);
    let model = Offline::new(coin(), 0.1).with_monitor(monitor.clone());
    let (y, blocks) = (column(&[1.0, 0.0, 0.0, 1.0, 1.0]), Blocks::single(5));
    assert_eq!(model.smooth(y, &blocks).unwrap_err(), Error::Cancelled);
    assert_eq!(model.segment(y, &blocks).unwrap_err(), Error::Cancelled);
    let options = HazardFitOptions { monitor, ..Default::default() };
    assert_eq!(fit_hazard(&coin(), y, &blocks, &options).unwrap_err(), Error::Cancelled);
}

#[test]
fn bad_input_is_named() {
    let model = Offline::new(coin(), 0.1);
    let error = model.smooth(Array2::zeros((0, 1)).view(), &Blocks::single(0)).unwrap_err();
    assert!(error.to_string().contains("at least 1"), "{error}");
    let error = model.smooth(Array2::zeros((3, 2)).view(), &Blocks::single(3)).unwrap_err();
    assert!(error.to_string().contains("got 2"), "{error}");
    let error = model.smooth(column(&[1.0; 5]), &Blocks::single(4)).unwrap_err();
    assert!(error.to_string().starts_with("blocks"), "{error}");
    let error = Offline::new(coin(), 1.5).segment(column(&STREAM), &Blocks::single(5)).unwrap_err();
    assert_eq!(error.to_string(), "hazard must be in [0, 1], got 1.5");
    let options = HazardFitOptions::default();
    let error = fit_hazard(&coin(), column(&[1.0]), &Blocks::single(1), &options).unwrap_err();
    assert_eq!(error.to_string(), "learning the hazard needs at least 2 observations, got 1");
    assert!(model.clone().with_cutoff(f64::NAN).log_evidence(column(&[1.0; 5]), &Blocks::single(5)).is_err());
}
