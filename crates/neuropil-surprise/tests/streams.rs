//! A stream in pieces, stored and continued, or in a batch gives the same bits as one call.

use ndarray::{Array2, Axis, s};
use neuropil_core::progress::Monitor;
use neuropil_core::random::{Seed, uniform};
use neuropil_core::threads;
use neuropil_surprise::blocks::Blocks;
use neuropil_surprise::family::{BetaBernoulli, DirichletCategorical, Family, Gaussian, NormalInverseGamma};
use neuropil_surprise::filter::{FilterResult, Missing, Outputs};
use neuropil_surprise::hazard::Hazard;
use neuropil_surprise::method::Method;
use neuropil_surprise::model::{ChangePointLearner, FilterOptions};
use neuropil_surprise::online::{ChangePointStream, StreamState};

const METHODS: [&str; 9] = ["exact", "mp", "sor", "pf", "varsmile", "smile", "nassar10", "nassar12", "leaky"];

fn stream(length: usize, seed: u64) -> Array2<f64> {
    let mut random = Seed::new(seed).stream();
    let mut level = 0.0;
    Array2::from_shape_fn((length, 1), |(t, _)| {
        if uniform(&mut random) < 0.05 {
            level = 6.0 * (uniform(&mut random) - 0.5);
        }
        if t % 37 == 11 { f64::NAN } else { level + uniform(&mut random) - 0.5 }
    })
}

fn learner(method: &str) -> ChangePointLearner {
    ChangePointLearner {
        method: Method::named(method).unwrap(),
        hazard: Hazard::Constant(0.05),
        seed: 3,
        ..ChangePointLearner::new(Gaussian { sigma: 0.4, prior_mean: 0.1, prior_sd: 2.0 })
    }
}

fn joined(parts: &[FilterResult]) -> Vec<f64> {
    parts.iter().flat_map(|part| part.mean.as_ref().unwrap().iter().copied().collect::<Vec<_>>()).collect()
}

fn means(result: &FilterResult) -> Vec<f64> {
    joined(std::slice::from_ref(result))
}

#[test]
fn pieces_of_a_stream_give_the_same_bits_as_one_call() {
    let y = stream(300, 1);
    for method in METHODS {
        let model = learner(method);
        let whole = model.filter(y.view()).unwrap();
        let mut stream = ChangePointStream::new(model).unwrap();
        let mut parts = Vec::new();
        for (from, to) in [(0, 1), (1, 2), (2, 100), (100, 300)] {
            let piece = y.slice(s![from..to, ..]);
            parts.push(stream.filter(piece, Outputs::default(), &Monitor::silent()).unwrap());
        }
        assert!(joined(&parts) == means(&whole), "{method}");
    }
}

#[test]
fn a_stored_stream_continues_as_if_it_had_never_stopped() {
    let y = stream(200, 2);
    for method in METHODS {
        let model = learner(method);
        let whole = model.filter(y.view()).unwrap();
        let mut first = ChangePointStream::new(model).unwrap();
        let start = first.filter(y.slice(s![..120, ..]), Outputs::default(), &Monitor::silent()).unwrap();
        let text = serde_json::to_string(&first.state()).unwrap();
        let state: StreamState = serde_json::from_str(&text).unwrap();
        let mut second = ChangePointStream::resume(&state).unwrap();
        let rest = second.filter(y.slice(s![120.., ..]), Outputs::default(), &Monitor::silent()).unwrap();
        assert!(joined(&[start, rest]) == means(&whole), "{method}");
        assert_eq!(second.time(), 200);
    }
}

#[test]
fn a_state_of_another_learner_is_refused_with_both_names() {
    let state = ChangePointStream::new(learner("exact")).unwrap().state();
    let bernoulli = ChangePointLearner::new(BetaBernoulli::default());
    let message = ChangePointStream::new(bernoulli).unwrap().load(&state).unwrap_err().to_string();
    assert!(message.contains("gaussian") && message.contains("bernoulli"), "{message}");
    let mut later = state.clone();
    later.format = 99;
    assert!(ChangePointStream::resume(&later).unwrap_err().to_string().contains("later version"));
}

#[test]
fn a_batch_gives_the_same_bits_in_any_order_on_any_number_of_threads() {
    let sequences: Vec<Array2<f64>> = (0..7).map(|seed| stream(80 + 10 * seed as usize, seed)).collect();
    for method in ["exact", "pf", "sor", "varsmile"] {
        let model = learner(method);
        let alone: Vec<Vec<f64>> = sequences.iter().map(|y| means(&model.filter(y.view()).unwrap())).collect();
        for n_threads in [1, 2, 8] {
            let _guard = threads::limited(n_threads);
            let views: Vec<_> = sequences.iter().rev().map(|y| y.view()).collect();
            let batch = model.filter_batch(&views, &FilterOptions::default()).unwrap();
            for (result, alone) in batch.iter().rev().zip(&alone) {
                assert!(means(result) == *alone, "{method}");
            }
        }
    }
}

#[test]
fn a_block_boundary_resets_the_belief() {
    let (first, second) = (stream(60, 4), stream(40, 5));
    let mut y = first.clone();
    y.append(Axis(0), second.view()).unwrap();
    for method in METHODS {
        let model = learner(method);
        let blocks = Blocks::from_lengths(&[60, 40]).unwrap();
        let options = FilterOptions { blocks: Some(blocks), ..FilterOptions::default() };
        let joint = model.filter_with(y.view(), &options).unwrap();
        let separate = [model.filter(first.view()).unwrap(), model.filter(second.view()).unwrap()];
        assert!(means(&joint) == joined(&separate), "{method}");
    }
}

#[test]
fn a_missing_observation_costs_nothing_and_lets_the_hazard_pass() {
    let mut y = stream(30, 6);
    y[[10, 0]] = f64::NAN;
    for method in METHODS.into_iter().filter(|method| *method != "leaky" && *method != "smile") {
        let result = learner(method).filter(y.view()).unwrap();
        assert!(!result.observed[10], "{method}");
        assert_eq!(result.shannon_surprise.as_ref().unwrap()[10], 0.0, "{method}");
        assert!((result.bayes_factor_surprise.as_ref().unwrap()[10] - 1.0).abs() < 1e-12, "{method}");
        assert!((result.adaptation_rate[10] - 0.05).abs() < 1e-12, "{method}");
    }
    let strict = ChangePointLearner { missing: Missing::Error, ..learner("exact") };
    let message = strict.filter(y.view()).unwrap_err().to_string();
    assert!(message.contains("observation 10 is NaN"), "{message}");
}

#[test]
fn limits_of_the_hazard_give_the_conjugate_posterior_and_the_last_observation() {
    let y = stream(9, 7);
    for method in ["exact", "mp", "sor", "pf", "varsmile", "nassar12"] {
        let at = |hazard: f64| {
            let model = ChangePointLearner { hazard: hazard.into(), ..learner(method) };
            model.filter(y.view()).unwrap()
        };
        let never = means(&at(0.0));
        let (mut precision, mut sum) = (0.25, 0.025);
        for (t, y) in y.iter().enumerate() {
            precision += 1.0 / 0.16;
            sum += y / 0.16;
            if method != "nassar12" {
                assert!((never[t] - sum / precision).abs() < 1e-12, "{method} {t}");
            }
        }
        let always = means(&at(1.0));
        for (t, y) in y.iter().enumerate() {
            let expected = (0.025 + y / 0.16) / (0.25 + 1.0 / 0.16);
            assert!((always[t] - expected).abs() < 1e-12, "{method} {t}: {}", always[t]);
        }
        assert!(at(1.0).shannon_surprise.unwrap().iter().all(|s| s.is_finite()));
    }
}

#[test]
fn huge_observations_keep_everything_finite_and_normalised() {
    for family in [Family::from(Gaussian { sigma: 0.01, ..Gaussian::default() }), NormalInverseGamma::default().into()]
    {
        for method in ["exact", "mp", "sor", "pf", "varsmile"] {
            for hazard in [1e-9, 0.3, 0.999_999] {
                let mut y = stream(40, 8);
                y.mapv_inplace(|value| if value.is_nan() { 0.0 } else { value });
                y[[5, 0]] = 1e8;
                y[[17, 0]] = -1e8;
                y[[18, 0]] = 1e50;
                y[[19, 0]] = -1e50;
                let model = ChangePointLearner {
                    method: Method::named(method).unwrap(),
                    hazard: hazard.into(),
                    ..ChangePointLearner::new(family.clone())
                };
                let result = model.filter(y.view()).unwrap();
                let name = family.name();
                assert!(result.mean.unwrap().iter().all(|value| value.is_finite()), "{name} {method} {hazard}");
                assert!(result.shannon_surprise.unwrap().iter().all(|value| value.is_finite()), "{name} {method}");
                assert!(result.adaptation_rate.iter().all(|rate| (0.0..=1.0).contains(rate)), "{name} {method}");
            }
        }
    }
}

#[test]
fn bad_input_is_refused_with_a_sentence() {
    let y = stream(10, 9);
    let refused = |model: &ChangePointLearner, y: &Array2<f64>| model.filter(y.view()).unwrap_err().to_string();
    for (hazard, message) in
        [(1.5, "hazard must be in [0, 1], got 1.5"), (f64::NAN, "hazard must be in [0, 1], got NaN")]
    {
        assert_eq!(refused(&ChangePointLearner { hazard: hazard.into(), ..learner("exact") }, &y), message);
    }
    let family = Gaussian { sigma: 0.0, ..Gaussian::default() };
    assert!(refused(&ChangePointLearner::new(family), &y).contains("sigma must be positive"));
    let mut infinite = y.clone();
    infinite[[4, 0]] = f64::INFINITY;
    assert!(refused(&learner("exact"), &infinite).contains("observation 4 is inf"));
    let empty = Array2::zeros((0, 1));
    assert!(refused(&learner("exact"), &empty).contains("at least 1 observation"));
    let categories = ChangePointLearner::new(DirichletCategorical::symmetric(3, 1.0));
    let counts = Array2::from_shape_vec((3, 1), vec![0.0, 2.0, 3.0]).unwrap();
    assert!(refused(&categories, &counts).contains("observation 2 is 3"));
    let nassar = ChangePointLearner { method: Method::named("nassar10").unwrap(), ..categories };
    assert!(refused(&nassar, &counts).contains("supports the family \"gaussian\""));
    let wide = Array2::zeros((4, 2));
    assert!(refused(&learner("exact"), &wide).contains("expected (T, 1), got (4, 2)"));
    let mut none = learner("pf");
    none.method = Method::ParticleFilter { n: 0 };
    assert!(refused(&none, &y).contains("at least 1 particle"));
    none.method = Method::VarSmile { m: Some(-1.0) };
    assert!(refused(&none, &y).contains("m must be"));
    none.method = Method::Leaky { omega: 1.0 };
    assert!(refused(&none, &y).contains("omega must be in [0, 1), got 1"));
}
