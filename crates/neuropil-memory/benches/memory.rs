//! Times of the hot paths, one JSON line per benchmark on standard output:
//! `{"bench": ..., "observations": ..., "seconds": [...]}`, every repeat in the order in which it ran. "observations" counts
//! what is stored or recalled: patterns times neurons for fits, cues times steps for recall.
//!
//! `cargo bench -p neuropil-memory` runs all; a word runs those whose name contains it; `--repeats N` sets the number of
//! repeats (5).

use std::hint::black_box;
use std::time::Instant;

use ndarray::{Array2, Axis, s};
use neuropil_core::progress::Monitor;
use neuropil_core::random::{Seed, uniform};
use neuropil_core::threads;
use neuropil_memory::baseline::{ModernHopfield, Similarity};
use neuropil_memory::kernel_memory::Normalization;
use neuropil_memory::{AssociativeMemory, Kernel, KernelMemory, KernelMemoryParams, Rule, SelfConnections, StateKind};

fn signs(m: usize, n: usize, seed: u64) -> Array2<f64> {
    let mut random = Seed::new(seed).child("bench").stream();
    Array2::from_shape_simple_fn((m, n), || if uniform(&mut random) < 0.5 { -1.0 } else { 1.0 })
}

fn gaussian(m: usize, n: usize, seed: u64) -> Array2<f64> {
    let mut random = Seed::new(seed).child("bench").stream();
    Array2::from_shape_simple_fn((m, n), || {
        let radius = (-2.0 * (1.0 - uniform(&mut random)).ln()).sqrt();
        radius * (std::f64::consts::TAU * uniform(&mut random)).cos()
    })
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

    fn fit(&self, name: &str, params: &KernelMemoryParams, x: &Array2<f64>) {
        for n_threads in [1, 2] {
            let _guard = threads::limited(n_threads);
            self.run(&format!("{name}, {n_threads} threads"), x.len(), || {
                black_box(KernelMemory::fit(params, x.view()).ok());
            });
        }
    }
}

fn exp8(n: usize) -> Kernel {
    Kernel::Exponential { beta: 8.0 / n as f64, shift: Some(n as f64) }
}

fn shared(kernel: Kernel, rule: Rule, states: StateKind) -> KernelMemoryParams {
    KernelMemoryParams { kernel, rule, states, self_connections: SelfConnections::Included }
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

    let x = signs(1000, 500, 1);
    bench.fit("margin exp8 N=500 M=1000", &shared(exp8(500), Rule::max_margin(), StateKind::Binary), &x);
    let with_bias = shared(exp8(500), Rule::max_margin_with_bias(), StateKind::Binary);
    bench.fit("margin with bias exp8 N=500 M=1000", &with_bias, &x);
    let excluded = KernelMemoryParams { kernel: exp8(500), ..KernelMemoryParams::default() };
    bench.fit("margin without self exp8 N=500 M=1000", &excluded, &x);
    bench.fit("interpolation exp8 N=500 M=1000", &shared(exp8(500), Rule::interpolation(), StateKind::Real), &x);

    let x = signs(200, 400, 2);
    let linear = shared(Kernel::Linear, Rule::max_margin(), StateKind::Binary);
    bench.fit("margin linear N=400 M=200", &linear, &x);
    let excluded = KernelMemoryParams { kernel: Kernel::Linear, ..KernelMemoryParams::default() };
    bench.fit("margin without self linear N=400 M=200", &excluded, &x);
    let cube = KernelMemoryParams { kernel: Kernel::Polynomial { degree: 3 }, ..KernelMemoryParams::default() };
    bench.fit("margin without self cubic N=400 M=200", &cube, &x);

    let x = gaussian(4000, 784, 3);
    bench.fit(
        "interpolation gauss N=784 M=4000",
        &shared(Kernel::gaussian(28.0), Rule::interpolation(), StateKind::Real),
        &x,
    );

    let (memory, _) = KernelMemory::fit(
        &shared(Kernel::gaussian(28.0), Rule::interpolation(), StateKind::Real),
        x.slice(s![..1000, ..]),
    )
    .unwrap_or_else(|error| panic!("{error}"));
    bench.run("insert and delete M=1000 N=784", 1, || {
        let mut memory = memory.clone();
        black_box(memory.insert(x.row(2000)).ok());
        black_box(memory.delete(500).ok());
    });

    let x = gaussian(4000, 512, 4);
    let cues = &gaussian(2000, 512, 5) + &x.slice(s![..2000, ..]);
    let rule = Rule::OneShot { normalization: Normalization::Sum };
    let params = shared(Kernel::Exponential { beta: 0.1, shift: None }, rule, StateKind::Real);
    let (attention, _) = KernelMemory::fit(&params, x.view()).unwrap_or_else(|error| panic!("{error}"));
    let modern = ModernHopfield::fit(x.view(), 0.1, Similarity::Dot).unwrap_or_else(|error| panic!("{error}"));
    let memories: [(&str, &dyn AssociativeMemory); 2] = [("kernel memory", &attention), ("modern hopfield", &modern)];
    for (name, memory) in memories {
        for n_threads in [1, 2] {
            let _guard = threads::limited(n_threads);
            bench.run(&format!("one step of attention, {name}, 2000 cues, {n_threads} threads"), 2000, || {
                black_box(memory.step(cues.view()).ok());
            });
        }
        bench.run(&format!("one step of attention, {name}, 300 single cues"), 300, || {
            for cue in cues.axis_chunks_iter(Axis(0), 1).take(300) {
                black_box(memory.step(cue).ok());
            }
        });
    }
    let x = signs(1000, 500, 6);
    let (memory, _) =
        KernelMemory::fit(&KernelMemoryParams { kernel: exp8(500), ..KernelMemoryParams::default() }, x.view())
            .unwrap_or_else(|error| panic!("{error}"));
    bench.run("one binary step without self, 1000 cues, N=500 M=1000", 1000, || {
        black_box(memory.step(x.view()).ok());
    });
    let (sequence, _) = KernelMemory::fit_sequence(
        &shared(exp8(500), Rule::max_margin(), StateKind::Binary),
        x.view(),
        &Monitor::silent(),
    )
    .unwrap_or_else(|error| panic!("{error}"));
    bench.run("one step of a sequence, single cue", 1, || {
        black_box(sequence.step(x.slice(s![..1, ..])).ok());
    });
}
