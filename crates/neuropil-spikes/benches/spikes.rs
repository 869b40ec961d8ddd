//! Times of the hot paths, one JSON line per benchmark on standard output:
//! `{"bench": ..., "model_seconds": ..., "rates": [...], "seconds": [...]}`, every repeat in the order in which it ran.
//!
//! `cargo bench -p neuropil-spikes` runs all; a word runs those whose name contains it; `--repeats N` sets the number
//! of repeats (5). The circuit is the winner-take-all circuit; one thread.

use std::hint::black_box;
use std::time::Instant;

use neuropil_spikes::meso::{AgeGrid, MesoOptions, Noise, Scheme, simulate_meso};
use neuropil_spikes::micro::{Algorithm, MicroOptions, Record, simulate_micro};
use neuropil_spikes::network::{Network, winner_take_all};

struct Bench {
    pattern: Option<String>,
    repeats: usize,
}

impl Bench {
    fn run(&self, name: &str, model_seconds: f64, mut work: impl FnMut() -> Vec<f64>) {
        if self.pattern.as_ref().is_some_and(|pattern| !name.contains(pattern.as_str())) {
            return;
        }
        let rates = work();
        let seconds: Vec<f64> = (0..self.repeats)
            .map(|_| {
                let start = Instant::now();
                black_box(work());
                start.elapsed().as_secs_f64()
            })
            .collect();
        let line =
            serde_json::json!({"bench": name, "model_seconds": model_seconds, "rates": rates, "seconds": seconds});
        println!("{line}");
    }

    fn micro(&self, name: &str, network: &Network, options: &MicroOptions) {
        self.run(name, options.duration, || {
            simulate_micro(network, options).map_or_else(
                |_| Vec::new(),
                |result| result.activity.mean_axis(ndarray::Axis(0)).map_or_else(Vec::new, |rates| rates.to_vec()),
            )
        });
    }

    fn meso(&self, name: &str, network: &Network, options: &MesoOptions) {
        self.run(name, options.duration, || {
            simulate_meso(network, options).map_or_else(
                |_| Vec::new(),
                |result| result.activity.mean_axis(ndarray::Axis(0)).map_or_else(Vec::new, |rates| rates.to_vec()),
            )
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

    let circuit = winner_take_all();
    let large = circuit.with_sizes(&[40_000, 40_000, 20_000]);
    let huge = circuit.with_sizes(&[4_000_000, 4_000_000, 2_000_000]);

    let meso = MesoOptions { dt: 0.0002, duration: 20.0, age_bins: Some(500), ..MesoOptions::default() };
    bench.meso("meso, dt 0.2 ms, 500 age bins", &circuit, &meso);
    for width in [4, 8, 16] {
        let folded = MesoOptions { age_grid: AgeGrid::Folded(width), ..meso.clone() };
        bench.meso(&format!("meso, dt 0.2 ms, 500 age bins, folded by {width}"), &circuit, &folded);
    }
    let coarse = MesoOptions { dt: 0.001, duration: 100.0, age_bins: Some(100), ..meso.clone() };
    bench.meso("meso, dt 1 ms, 100 age bins", &circuit, &coarse);
    let survival = MesoOptions {
        scheme: Scheme::Survival,
        noise: Noise::Gaussian,
        dt: 0.004,
        duration: 100.0,
        age_bins: Some(250),
        ..meso
    };
    bench.meso("meso survival, dt 4 ms, 250 age bins", &circuit, &survival);

    let micro = MicroOptions { duration: 5.0, ..MicroOptions::default() };
    bench.micro("micro cohort, 1000 neurons", &circuit, &micro);
    let everybody = MicroOptions { record: Record::Everybody, ..micro.clone() };
    bench.micro("micro cohort, 1000 neurons, all spikes", &circuit, &everybody);
    let clock = MicroOptions { algorithm: Algorithm::Clock, ..micro.clone() };
    bench.micro("micro clock, 1000 neurons", &circuit, &clock);
    let short = MicroOptions { duration: 0.2, ..micro.clone() };
    bench.micro("micro cohort, 100000 neurons", &large, &short);
    bench.micro("micro cohort, 10000000 neurons", &huge, &short);
    let short_clock = MicroOptions { algorithm: Algorithm::Clock, ..short };
    bench.micro("micro clock, 100000 neurons", &large, &short_clock);
}
