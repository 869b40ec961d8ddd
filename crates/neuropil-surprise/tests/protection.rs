//! MP-N that never drops a hypothesis before it had time to prove itself.

use neuropil_core::random::{Seed, uniform};
use neuropil_surprise::Learner;
use neuropil_surprise::family::Gaussian;
use neuropil_surprise::hazard::Hazard;
use neuropil_surprise::run_length::{Overflow, RunLengthFilter, Truncation};

/// Observations and hidden means, standard normal at each change, noise `sigma`.
fn task(steps: usize, sigma: f64, hazard: f64, seed: u64) -> Vec<(f64, f64)> {
    let mut stream = Seed::new(seed).stream();
    let mut normal = || {
        let (u, v) = (1.0 - uniform(&mut stream), uniform(&mut stream));
        ((-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos(), uniform(&mut stream))
    };
    let mut mean = normal().0;
    (0..steps)
        .map(|_| {
            let (fresh, coin) = normal();
            if coin < hazard {
                mean = fresh;
            }
            (mean + sigma * normal().0, mean)
        })
        .collect()
}

fn filter(sigma: f64, hazard: f64, truncation: Truncation) -> RunLengthFilter<Gaussian> {
    let family = Gaussian { sigma, prior_mean: 0.0, prior_sd: 1.0 };
    RunLengthFilter::new(family, Hazard::Constant(hazard), truncation, 0).unwrap()
}

fn keep(n: usize, protect: u64) -> Truncation {
    Truncation::Keep { n, overflow: Overflow::Drop, protect }
}

#[test]
fn a_young_hypothesis_survives_until_it_is_old_enough() {
    for overflow in [Overflow::Drop, Overflow::Merge] {
        let mut filter = filter(1.0, 0.01, Truncation::Keep { n: 6, overflow, protect: 4 });
        for (t, (y, _)) in task(400, 1.0, 0.01, 1).into_iter().enumerate() {
            filter.step(&[y]);
            let posterior = filter.run_length_posterior();
            assert!(posterior.len() <= 6);
            assert!((posterior.iter().map(|entry| entry.1).sum::<f64>() - 1.0).abs() < 1e-9);
            for young in 1..4.min(t as u64 + 1) {
                assert!(posterior.iter().any(|entry| entry.0 == young), "{overflow:?}: {young} steps at {t}");
            }
        }
    }
}

#[test]
fn more_protection_than_places_keeps_the_youngest() {
    let mut filter = filter(1.0, 0.01, keep(5, 1000));
    for (y, _) in task(50, 1.0, 0.01, 2) {
        filter.step(&[y]);
        assert!(filter.n_hypotheses() <= 5);
    }
}

#[test]
fn protection_stops_starvation_where_a_change_takes_long_to_show() {
    let (sigma, hazard) = (5.0, 0.005);
    let task = task(100_000, sigma, hazard, 3);
    let error = |truncation| {
        let mut filter = filter(sigma, hazard, truncation);
        let mut estimate = [0.0];
        let mut sum = 0.0;
        for (y, mean) in &task {
            filter.step(&[*y]);
            filter.mean(&mut estimate);
            sum += (estimate[0] - mean).powi(2);
        }
        sum / task.len() as f64
    };
    let exact = error(Truncation::Prune { cutoff: 1e-16, max_run_length: None, max_hypotheses: 100_000 });
    let dropped = error(keep(20, 0)) - exact;
    let protected = error(keep(20, 10)) - exact;
    let merged = error(Truncation::Keep { n: 20, overflow: Overflow::Merge, protect: 0 }) - exact;
    assert!(dropped > 0.15, "nothing starved: {dropped}");
    assert!(protected < 0.6 * dropped, "{protected} with protection, {dropped} without");
    assert!(merged < 0.02 && merged < 0.1 * protected, "{merged} with merging");
}
