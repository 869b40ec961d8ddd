//! No learner fails anywhere in the documented parameter box, whatever it observes.

use ndarray::Array2;
use neuropil_core::progress::Monitor;
use neuropil_surprise::blocks::Blocks;
use neuropil_surprise::family::{
    BetaBernoulli, BetaBinomial, BetaGeometric, DirichletCategorical, DirichletMultinomial, Family, GammaExponential,
    GammaPoisson, Gaussian, GaussianKnownMean, LinearRegression, LinearRegressionUnknownNoise, MultivariateGaussian,
    NormalInverseGamma,
};
use neuropil_surprise::filter::FilterResult;
use neuropil_surprise::method::Method;
use neuropil_surprise::model::ChangePointLearner;
use proptest::prelude::*;

/// A positive parameter over twelve orders of magnitude.
fn positive() -> impl Strategy<Value = f64> {
    (-6.0..6.0).prop_map(|exponent: f64| 10_f64.powf(exponent))
}

/// Real observations: ordinary ones, jumps, repeats, huge and missing values.
fn reals() -> impl Strategy<Value = Vec<f64>> {
    let one = prop_oneof![
        5 => -3.0..3.0,
        2 => -1e6..1e6,
        1 => Just(0.0),
        1 => Just(1e50),
        1 => Just(-1e50),
        1 => Just(f64::NAN),
        1 => Just(1e-300),
    ];
    prop::collection::vec(one, 1..40)
}

fn counts(most: f64) -> impl Strategy<Value = Vec<f64>> {
    let one = prop_oneof![6 => 0.0..=1.0, 1 => Just(0.0), 1 => Just(1.0), 1 => Just(f64::NAN)];
    prop::collection::vec(one.prop_map(move |share: f64| (share * most).round()), 1..40)
}

fn family_and_data() -> impl Strategy<Value = (Family, Vec<f64>)> {
    let pair = || (positive(), positive());
    prop_oneof![
        (positive(), -1e6..1e6, positive(), reals())
            .prop_map(|(sigma, prior_mean, prior_sd, y)| (Gaussian { sigma, prior_mean, prior_sd }.into(), y)),
        (-1e6..1e6, positive(), pair(), reals()).prop_map(|(prior_mean, prior_k, (prior_a, prior_b), y)| {
            (NormalInverseGamma { prior_mean, prior_k, prior_a, prior_b }.into(), y)
        }),
        (-1e6..1e6, pair(), reals())
            .prop_map(|(mean, (shape, scale), y)| (GaussianKnownMean { mean, shape, scale }.into(), y)),
        (pair(), counts(1.0)).prop_map(|((a, b), y)| (BetaBernoulli { a, b }.into(), y)),
        (pair(), counts(9.0)).prop_map(|((a, b), y)| (BetaBinomial { trials: 9, a, b }.into(), y)),
        (pair(), counts(1e6)).prop_map(|((a, b), y)| (BetaGeometric { a, b }.into(), y)),
        (pair(), counts(1e6)).prop_map(|((shape, rate), y)| (GammaPoisson { shape, rate }.into(), y)),
        (pair(), positive(), reals()).prop_map(|((shape, rate), known_shape, y)| {
            let y = y.into_iter().map(|value: f64| value.abs().clamp(1e-30, 1e30)).collect();
            (GammaExponential { known_shape, shape, rate }.into(), y)
        }),
        (positive(), counts(3.0)).prop_map(|(weight, y)| (DirichletCategorical::symmetric(4, weight).into(), y)),
    ]
}

/// Rows of three numbers; one that is missing makes the row missing.
fn rows() -> impl Strategy<Value = Vec<f64>> {
    let one = prop_oneof![5 => -3.0..3.0, 2 => -1e6..1e6, 1 => Just(0.0), 1 => Just(1e9), 1 => Just(f64::NAN)];
    prop::collection::vec(one, 3..60).prop_map(|mut values: Vec<f64>| {
        values.truncate(values.len() / 3 * 3);
        values
    })
}

fn diagonal(d: usize, value: f64) -> Vec<Vec<f64>> {
    (0..d).map(|i| (0..d).map(|j| if i == j { value } else { 0.0 }).collect()).collect()
}

fn family_and_rows() -> impl Strategy<Value = (Family, Vec<f64>)> {
    let three = || (positive(), positive(), positive());
    prop_oneof![
        (three(), rows()).prop_map(|((mean_weight, excess, scale), y)| {
            let (mean, scatter) = (vec![0.0; 3], diagonal(3, scale));
            (MultivariateGaussian { mean, mean_weight, degrees_of_freedom: 2.0 + excess, scatter }.into(), y)
        }),
        (positive(), positive(), rows()).prop_map(|(noise, spread, y)| {
            let (weight_mean, weight_covariance) = (vec![0.0; 2], diagonal(2, spread));
            (LinearRegression { noise, weight_mean, weight_covariance }.into(), y)
        }),
        (three(), rows()).prop_map(|((noise_shape, noise_scale, precision), y)| {
            let (weight_mean, weight_precision) = (vec![0.0; 2], diagonal(2, precision));
            let family = LinearRegressionUnknownNoise { weight_mean, weight_precision, noise_shape, noise_scale };
            (family.into(), y)
        }),
        (three(), prop::collection::vec(0.0..50.0_f64, 3..60)).prop_map(|((first, second, third), y)| {
            let counts = y.chunks_exact(3).flatten().map(|count| count.floor()).collect();
            (DirichletMultinomial { alpha: vec![first, second, third] }.into(), counts)
        }),
    ]
}

fn hazard() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), Just(1.0), Just(1e-12), Just(1.0 - 1e-12), 0.0..1.0]
}

fn assert_sane(result: &FilterResult, what: &str) {
    let finite = |values: &[f64]| values.iter().all(|value| value.is_finite());
    let mean = result.mean.as_ref().unwrap();
    assert!(mean.iter().all(|value| !value.is_nan()), "{what}: mean {mean}");
    let variance = result.variance.as_ref().unwrap();
    assert!(variance.iter().all(|value| *value >= 0.0), "{what}: variance {variance}");
    let shannon = result.shannon_surprise.as_ref().unwrap();
    assert!(finite(shannon.as_slice().unwrap()), "{what}: {shannon}");
    let bayes_factor = result.bayes_factor_surprise.as_ref().unwrap();
    assert!(bayes_factor.iter().all(|value| *value >= 0.0 && value.is_finite()), "{what}: {bayes_factor}");
    assert!(result.adaptation_rate.iter().all(|rate| (0.0..=1.0).contains(rate)), "{what}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_learner_stays_finite_and_normalised(
        (family, y) in prop_oneof![9 => family_and_data(), 4 => family_and_rows()], hazard in hazard(), seed: u64,
    ) {
        let width = family.observation_width();
        let y = Array2::from_shape_vec((y.len() / width, width), y).unwrap();
        for method in ["exact", "mp", "sor", "pf", "varsmile", "smile", "nassar10", "nassar12"] {
            let method = Method::named(method).unwrap();
            let learner = ChangePointLearner {
                method: method.clone(), hazard: hazard.into(), seed, ..ChangePointLearner::new(family.clone())
            };
            if learner.validate().is_ok() {
                let result = learner.filter(y.view()).unwrap();
                assert_sane(&result, &format!("{} {}", family.name(), method.name()));
                if matches!(method.name(), "exact" | "mp" | "sor") {
                    let blocks = Blocks::single(y.nrows());
                    let course = learner.run_length_course(y.view(), &blocks, 50, &Monitor::silent()).unwrap();
                    for row in course.outer_iter() {
                        prop_assert!((row.sum() - 1.0).abs() < 1e-9, "{} {}: {row}", family.name(), method.name());
                    }
                }
            }
        }
    }

    #[test]
    fn enough_hypotheses_make_message_passing_exact((family, y) in family_and_data(), hazard in 0.0..=1.0) {
        let rows = Array2::from_shape_vec((y.len(), 1), y).unwrap();
        let run = |method| {
            let learner =
                ChangePointLearner { method, hazard: f64::into(hazard), ..ChangePointLearner::new(family.clone()) };
            learner.filter(rows.view()).unwrap()
        };
        let exact = run(Method::Exact { cutoff: 0.0, max_run_length: None, max_hypotheses: 1000 });
        let truncated = run(Method::message_passing(rows.nrows()));
        prop_assert_eq!(exact.adaptation_rate, truncated.adaptation_rate);
    }
}
