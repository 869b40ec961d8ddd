//! Times of the hot paths, one JSON line per benchmark on standard output:
//! `{"bench": ..., "observations": ..., "seconds": [...]}`, seconds per evaluation of every repeat.
//!
//! `cargo bench -p neuropil-landscape` runs all; a word runs those whose name contains it; `--repeats N` sets the
//! number of repeats (5). All on one thread.

use std::hint::black_box;
use std::time::Instant;

use ndarray::{Array1, Array2};
use neuropil_core::progress::Monitor;
use neuropil_core::random::{Seed, uniform};
use neuropil_core::threads;
use neuropil_landscape::{
    Activation, AdamParameters, Bias, Dataset, Initialisation, Loss, Mlp, Objective, TeacherOutputs, TeacherTask,
    TrainParameters, adam, count, train, train_many,
};

struct Bench {
    pattern: Option<String>,
    repeats: usize,
}

impl Bench {
    /// Times `work`, repeated often enough to last a few milliseconds.
    fn run(&self, name: &str, observations: usize, mut work: impl FnMut()) {
        if self.pattern.as_ref().is_some_and(|pattern| !name.contains(pattern.as_str())) {
            return;
        }
        let start = Instant::now();
        work();
        let inner = (0.02 / start.elapsed().as_secs_f64().max(1e-9)).clamp(1.0, 1e5) as usize;
        let seconds: Vec<f64> = (0..self.repeats)
            .map(|_| {
                let start = Instant::now();
                (0..inner).for_each(|_| work());
                start.elapsed().as_secs_f64() / inner as f64
            })
            .collect();
        println!("{}", serde_json::json!({"bench": name, "observations": observations, "seconds": seconds}));
    }
}

/// Softplus network with biases on random data.
fn problem(n: usize, width: usize, bias: Bias) -> (Objective, Array1<f64>) {
    let network = Mlp::two_layer(2, width, 1, Activation::Softplus, bias);
    let mut stream = Seed::new(0).stream();
    let x = Array2::from_shape_simple_fn((n, 2), || 4.0 * uniform(&mut stream) - 2.0);
    let y = Array2::from_shape_fn((n, 1), |(i, _)| (2.0 * x[[i, 0]]).sin() + x[[i, 1]]);
    let theta = network.initialise(Initialisation::default(), Seed::new(1)).into_theta();
    let data = Dataset::new(x, y).expect("finite data");
    (Objective::new(&network, &data, Loss::Square).expect("the shapes fit"), theta)
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
    let _guard = threads::limited(1);

    for (n, width) in [(100, 10), (1000, 50), (10_000, 100)] {
        let (objective, theta) = problem(n, width, Bias::With);
        bench.run(&format!("gradient, {n} samples, width {width}"), n, || {
            black_box(objective.value_and_gradient(theta.view()).ok());
        });
    }
    for (n, width) in [(100, 10), (1000, 50), (1000, 100), (10_000, 50)] {
        for bias in [Bias::With, Bias::Without] {
            let (objective, theta) = problem(n, width, bias);
            let with = if bias == Bias::With { "with biases" } else { "without biases" };
            bench.run(&format!("Hessian, {n} samples, width {width}, {with}"), n, || {
                black_box(objective.derivatives(theta.view()).ok());
            });
        }
    }
    let (objective, theta) = problem(1000, 50, Bias::With);
    bench.run("Hessian-vector product, 1000 samples, width 50", 1000, || {
        black_box(objective.hessian_vector(theta.view(), theta.view()).ok());
    });
    for activation in [Activation::Softplus, Activation::Sigmoid, Activation::G, Activation::Tanh, Activation::Gelu] {
        let network = Mlp::two_layer(2, 50, 1, activation.clone(), Bias::With);
        let objective = Objective::new(&network, objective.data(), Loss::Square).expect("the shapes fit");
        bench.run(&format!("gradient, 1000 samples, width 50, {activation}"), 1000, || {
            black_box(objective.value_and_gradient(theta.view()).ok());
        });
    }

    bench.run("exact counts, all r up to m = 1000", 501_501, || {
        black_box(count::table(1000).ok());
    });

    let task = TeacherTask::new(Activation::Sigmoid, TeacherOutputs::One).expect("the task is finite");
    let student = task.student(5).expect("a positive width");
    let parameters = TrainParameters::default().without_trajectory();
    for start in 0..8 {
        let seed = Seed::new(0).child("start").index(start);
        let theta = student.network().initialise(Initialisation::default(), seed).into_theta();
        bench.run(&format!("training, sigmoid, width 5, start {start}"), 1681, || {
            black_box(train(&student, theta.view(), &parameters, &Monitor::silent()).ok());
        });
    }
    bench.run("training, sigmoid, width 5, 64 starts", 64 * 1681, || {
        let monitor = Monitor::silent();
        black_box(train_many(&student, 64, Initialisation::default(), Seed::new(0), &parameters, &monitor).ok());
    });
    let starts: Vec<Array1<f64>> =
        (0..64).map(|i| student.network().initialise(Initialisation::default(), Seed::new(i)).into_theta()).collect();
    let short = AdamParameters { n_steps: 100, ..AdamParameters::default() };
    bench.run("Adam, 100 steps, 64 networks stacked", 64 * 1681, || {
        black_box(adam(&student, &starts, &short, &Monitor::silent()).ok());
    });
    bench.run("Adam, 100 steps, 64 networks one by one", 64 * 1681, || {
        for start in &starts {
            black_box(adam(&student, std::slice::from_ref(start), &short, &Monitor::silent()).ok());
        }
    });
}
