//! Times of the likelihood and its gradient, one JSON line per benchmark on standard output:
//! `{"bench": ..., "steps": ..., "seconds": [...]}`, every repeat in the order in which it ran.
//!
//! `cargo bench -p neuropil-spikes --bench likelihood` runs all; `--repeats N` sets the number of repeats (20).

use std::hint::black_box;
use std::time::Instant;

use ndarray::Array2;
use neuropil_spikes::inference::{Circuit, JointLikelihood, LikelihoodOptions, Recording, Trial, Workspace};
use neuropil_spikes::network::winner_take_all;

const DT: f64 = 0.004;
const STEPS: usize = 2500;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let repeats = words
        .iter()
        .position(|word| word == "--repeats")
        .and_then(|i| words.get(i + 1))
        .and_then(|word| word.parse().ok())
        .unwrap_or(20);
    let circuit = Circuit::from_network(&winner_take_all(), DT).expect("the circuit of the paper is valid");
    let activity = Array2::from_shape_fn((STEPS, 3), |(t, m)| {
        let (rate, period) = [(20.0, 97.0), (5.0, 61.0), (25.0, 43.0)][m];
        DT * rate * (1.0 + 0.3 * (std::f64::consts::TAU * t as f64 / period).sin())
    });
    let trial = Trial {
        spikes: Array2::from_shape_fn((STEPS, 9), |(t, i)| u8::from((t + 7 * i).is_multiple_of([13, 50, 10][i / 3]))),
        initial_age: vec![5; 9],
        initial_activity: vec![20.0, 5.0, 25.0],
        drive: None,
    };
    let recording = Recording { trials: vec![trial], populations: (0..9).map(|i| i / 3).collect(), dt: DT };
    let full = LikelihoodOptions::default();
    let latent = [activity];
    for (name, options) in [
        ("250 age bins", full),
        ("250 age bins, 50 kept", LikelihoodOptions { age_bins: 50, ..full }),
        ("reduced age grid", LikelihoodOptions::reduced(&circuit, 8.0)),
    ] {
        let likelihood =
            JointLikelihood::new(&circuit, recording.clone(), options).expect("the recording fits the circuit");
        let mut workspace = Workspace::default();
        report(&format!("likelihood, {name}"), repeats, || {
            black_box(likelihood.value(&circuit, &latent, &mut workspace));
        });
        report(&format!("likelihood and gradient, {name}"), repeats, || {
            black_box(likelihood.gradient(&circuit, &latent, &mut workspace));
        });
    }
}

fn report(name: &str, repeats: usize, mut work: impl FnMut()) {
    work();
    let seconds: Vec<f64> = (0..repeats)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64()
        })
        .collect();
    let seconds: Vec<String> = seconds.iter().map(|s| format!("{s:.9}")).collect();
    println!("{{\"bench\": \"{name}\", \"steps\": {STEPS}, \"seconds\": [{}]}}", seconds.join(", "));
}
