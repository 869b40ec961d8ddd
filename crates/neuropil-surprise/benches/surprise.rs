//! Times of the hot paths, one JSON line per benchmark on standard output:
//! `{"bench": ..., "observations": ..., "seconds": [...]}`, every repeat in the order in which it ran.
//!
//! `cargo bench -p neuropil-surprise` runs all; a word runs those whose name contains it; `--repeats N` sets the
//! number of repeats (5).

use std::hint::black_box;
use std::time::Instant;

use ndarray::Array2;
use neuropil_core::progress::Monitor;
use neuropil_core::random::{Seed, uniform};
use neuropil_core::threads;
use neuropil_surprise::blocks::Blocks;
use neuropil_surprise::family::{Gaussian, NormalInverseGamma};
use neuropil_surprise::filter::Outputs;
use neuropil_surprise::method::Method;
use neuropil_surprise::model::{ChangePointLearner, FilterOptions};
use neuropil_surprise::smooth::DEFAULT_CUTOFF;

/// Normal observations around a level that is redrawn from N(0, 9) with probability 1/200.
fn changing_gaussian(length: usize, seed: u64) -> Array2<f64> {
    let mut random = Seed::new(seed).child("bench").stream();
    let mut normal = move || {
        let radius = (-2.0 * (1.0 - uniform(&mut random)).ln()).sqrt();
        let angle = std::f64::consts::TAU * uniform(&mut random);
        (radius * angle.cos(), uniform(&mut random))
    };
    let mut level = 3.0 * normal().0;
    Array2::from_shape_fn((length, 1), |_| {
        let (noise, u) = normal();
        if u < 0.005 {
            level = 3.0 * normal().0;
        }
        level + noise
    })
}

fn gaussian(method: Method) -> ChangePointLearner {
    let family = Gaussian { sigma: 1.0, prior_mean: 0.0, prior_sd: 3.0 };
    ChangePointLearner { method, hazard: 0.005.into(), ..ChangePointLearner::new(family) }
}

fn unknown_variance(method: Method) -> ChangePointLearner {
    ChangePointLearner { method, hazard: 0.005.into(), ..ChangePointLearner::new(NormalInverseGamma::default()) }
}

struct Bench {
    pattern: Option<String>,
    repeats: usize,
}

impl Bench {
    fn run(&self, name: &str, observations: usize, mut work: impl FnMut()) {
        if self.pattern.as_ref().is_some_and(|pattern| !name.contains(pattern.as_str())) {
            return;
        }
        work();
        let seconds: Vec<f64> = (0..self.repeats)
            .map(|_| {
                let start = Instant::now();
                work();
                start.elapsed().as_secs_f64()
            })
            .collect();
        println!("{}", serde_json::json!({"bench": name, "observations": observations, "seconds": seconds}));
    }

    fn filter(&self, name: &str, learner: &ChangePointLearner, y: &Array2<f64>, outputs: Outputs) {
        let options = FilterOptions { outputs, ..FilterOptions::default() };
        self.run(name, y.nrows(), || {
            black_box(learner.filter_with(y.view(), &options).ok());
        });
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let repeats = arguments.iter().position(|argument| argument == "--repeats");
    let value = repeats.and_then(|at| arguments.get(at + 1)).and_then(|value| value.parse().ok());
    let pattern = arguments
        .iter()
        .enumerate()
        .find(|(at, argument)| !argument.starts_with("--") && repeats.is_none_or(|position| *at != position + 1));
    let bench = Bench { pattern: pattern.map(|(_, argument)| argument.clone()), repeats: value.unwrap_or(5) };

    // What fast-bocpd and changepoint report: P(change), most probable run length, predictive density.
    let like_peers = Outputs { mean: false, variance: false, bayes_factor_surprise: false, ..Outputs::default() };
    let y = changing_gaussian(100_000, 1);
    let start = y.slice(ndarray::s![..10_000, ..]).to_owned();
    bench.filter("exact nig, cutoff 1e-12", &unknown_variance(Method::exact()), &y, like_peers);
    let capped = |cap| Method::Exact { cutoff: 0.0, max_run_length: Some(cap), max_hypotheses: 100_000 };
    bench.filter("exact nig, run length at most 1001", &unknown_variance(capped(1001)), &y, like_peers);
    bench.filter("exact nig, run length at most 201", &unknown_variance(capped(201)), &y, like_peers);
    bench.filter("exact nig, cutoff 1e-12, first 10000", &unknown_variance(Method::exact()), &start, like_peers);
    let unpruned = Method::Exact { cutoff: 0.0, max_run_length: None, max_hypotheses: 100_000 };
    bench.filter("exact nig, unpruned, first 10000", &unknown_variance(unpruned), &start, like_peers);
    bench.filter("exact nig, all outputs", &unknown_variance(Method::exact()), &y, Outputs::default());
    bench.filter("exact gaussian, all outputs", &gaussian(Method::exact()), &y, Outputs::default());

    let methods = [
        ("mp20", Method::message_passing(20)),
        ("mp20, merging", Method::merging(20)),
        ("sor20", Method::stratified_resampling(20)),
        ("pf20", Method::ParticleFilter { n: 20 }),
        ("nassar12", Method::Nassar2012 { initial_run_length: 1.0 }),
        ("smile", Method::Smile { m: Some(0.03) }),
    ];
    for (name, method) in methods {
        bench.filter(&format!("{name} gaussian"), &gaussian(method), &y, Outputs::default());
    }
    for length in [1_000, 10_000, 100_000, 1_000_000] {
        let y = changing_gaussian(length, 2);
        for (name, method) in [("mp20", Method::message_passing(20)), ("pf20", Method::ParticleFilter { n: 20 })] {
            bench.filter(&format!("cost per observation, {name}, {length}"), &gaussian(method), &y, Outputs::default());
        }
    }

    let long = changing_gaussian(10_000_000, 3);
    let as_loop = Outputs { variance: false, shannon_surprise: false, run_length: false, ..Outputs::default() };
    let varsmile = gaussian(Method::VarSmile { m: Some(0.03) });
    bench.filter("varsmile gaussian, mean, surprise and rate", &varsmile, &long, as_loop);
    bench.filter("varsmile gaussian, all outputs", &varsmile, &long, Outputs::default());

    let sequences: Vec<Array2<f64>> = (0..1000).map(|seed| changing_gaussian(1000, seed)).collect();
    let views: Vec<_> = sequences.iter().map(|y| y.view()).collect();
    for n_threads in [1, 2] {
        let learner = unknown_variance(Method::exact());
        let options = FilterOptions { outputs: like_peers, ..FilterOptions::default() };
        let _guard = threads::limited(n_threads);
        bench.run(&format!("1000 sequences of 1000, {n_threads} threads"), 1_000_000, || {
            black_box(learner.filter_batch(&views, &options).ok());
        });
    }

    let blocks = Blocks::single(y.nrows());
    bench.run("smoothing gaussian", y.nrows(), || {
        let learner = gaussian(Method::exact());
        black_box(learner.smooth(y.view(), &blocks, DEFAULT_CUTOFF, &Monitor::silent()).ok());
    });
    bench.run("segmentation gaussian", y.nrows(), || {
        let learner = gaussian(Method::exact());
        black_box(learner.segment(y.view(), &blocks, DEFAULT_CUTOFF, &Monitor::silent()).ok());
    });
}
