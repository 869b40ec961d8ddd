//! Numbers that networks, losses, derivatives, flows and spectra must reproduce. Reference values were computed
//! independently in NumPy at double precision; each tolerance is the number of digits that was kept.

use ndarray::{Array1, Array2, array, s};
use neuropil_core::progress::Monitor;
use neuropil_core::random::Seed;
use neuropil_landscape::critical_point::{CriticalPointReport, ReportParameters, ZeroModeKind};
use neuropil_landscape::{
    Activation, Bias, Dataset, FlowParameters, Initialisation, Loss, Mlp, Objective, PolishMethod, PolishParameters,
    Solver, Spectrum, TeacherOutputs, TeacherTask, TrainParameters, gradient_flow, polish, train, train_many,
};

fn task(activation: Activation) -> TeacherTask {
    TeacherTask::new(activation, TeacherOutputs::One).unwrap()
}

/// Width 3: three rows of incoming weights, then the outgoing ones.
fn theta0() -> Array1<f64> {
    array![0.5, -0.25, -0.75, 0.1, 0.2, 0.9, 1.0, -0.5, 0.75]
}

/// Incoming rows and outgoing weights (outputs x neurons) as one vector.
fn vector(incoming: &[[f64; 2]], outgoing: &[&[f64]]) -> Array1<f64> {
    incoming.iter().flatten().chain(outgoing.iter().copied().flatten()).copied().collect()
}

fn relative(value: f64, expected: f64, tolerance: f64) -> bool {
    (value - expected).abs() <= tolerance * expected.abs()
}

fn polished(objective: &Objective, start: &Array1<f64>) -> Array1<f64> {
    let parameters = PolishParameters::default();
    polish(objective, start.view(), &parameters, &Monitor::silent()).unwrap().theta
}

/// Neuron `j` in two copies with outgoing weights `mu a` and `(1 - mu) a`.
fn split(theta: &Array1<f64>, width: usize, j: usize, mu: f64) -> Array1<f64> {
    let n_outputs = theta.len() / width - 2;
    let mut incoming: Vec<[f64; 2]> = (0..width).map(|i| [theta[2 * i], theta[2 * i + 1]]).collect();
    incoming.push(incoming[j]);
    let outgoing: Vec<Vec<f64>> = (0..n_outputs)
        .map(|k| {
            let mut row = theta.slice(s![(2 + k) * width..(3 + k) * width]).to_vec();
            row.push((1.0 - mu) * row[j]);
            row[j] *= mu;
            row
        })
        .collect();
    vector(&incoming, &outgoing.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

#[test]
fn loss_gradient_and_hessian_at_a_fixed_point_have_their_values() {
    let cases = [
        (
            Activation::Sigmoid,
            [2.284_110_213, 1.708_714_874_67, 2.418_103_227_35, 1.244_413_109_32, -1.046_201_799_58, 1.719_625_981_63],
        ),
        (
            Activation::G,
            [
                25.955_134_606_8,
                21.045_376_709_2,
                28.831_926_526_2,
                24.680_220_726_4,
                -24.406_977_380_1,
                30.605_655_483_5,
            ],
        ),
    ];
    for (activation, [loss, largest, norm, trace, lowest, highest]) in cases {
        let objective = task(activation).student(3).unwrap();
        let at = objective.derivatives(theta0().view()).unwrap();
        let spectrum = objective.spectrum(theta0().view()).unwrap();
        assert!(relative(at.loss, loss, 1e-9));
        assert!(relative(at.gradient.iter().fold(0.0, |m: f64, g| m.max(g.abs())), largest, 1e-10));
        assert!(relative(at.gradient.dot(&at.gradient).sqrt(), norm, 1e-10));
        assert!(relative(at.hessian.diag().sum(), trace, 1e-10));
        assert!(relative(spectrum.smallest(), lowest, 1e-10));
        assert!(relative(spectrum.largest(), highest, 1e-10));
    }
}

#[test]
fn targets_of_the_toy_tasks_have_their_mean_and_variance() {
    let moments = |activation| {
        let y = task(activation).data.targets().column(0).to_owned();
        let mean = y.sum() / y.len() as f64;
        (mean, y.mapv(|y| (y - mean).powi(2)).sum() / y.len() as f64)
    };
    let (mean, variance) = moments(Activation::G);
    assert!(relative(mean, 6.360_128_375_56, 1e-11) && relative(variance, 1.394_851_356_34, 1e-11));
    let (mean, variance) = moments(Activation::Sigmoid);
    assert!((mean - 2.0).abs() < 1e-12 && relative(variance, 0.050_371_623_541_4, 1e-11));
}

#[test]
fn the_hessian_of_the_teacher_has_its_spectrum() {
    for (activation, lowest, highest, trace) in [
        (Activation::G, 0.006_185_378_628, 38.868_323_2, 119.818_797_2),
        (Activation::Sigmoid, 9.566_599_013e-7, 2.091_805_218, 5.701_260_796),
    ] {
        let task = task(activation.clone());
        let objective = task.student(4).unwrap();
        // Targets and outputs are summed in different orders, so they agree to rounding: errors of 1e-15.
        assert!(objective.value(task.teacher.theta()).unwrap() < 1e-29);
        let spectrum = objective.spectrum(task.teacher.theta()).unwrap();
        // The smallest eigenvalue is known to the rounding error of the largest.
        assert!((spectrum.smallest() - lowest).abs() < 1e-9 * lowest + 1e-14 * highest);
        assert!(relative(spectrum.largest(), highest, 1e-9) && relative(spectrum.trace(), trace, 1e-9));
    }
}

#[test]
fn copies_and_zero_type_neurons_add_their_zero_eigenvalues_at_zero_loss() {
    for activation in [Activation::G, Activation::Sigmoid] {
        let task = task(activation.clone());
        let teacher = task.teacher.theta().to_owned();
        let zeros = |theta: &Array1<f64>, width: usize| {
            let spectrum = task.student(width).unwrap().spectrum(theta.view()).unwrap();
            spectrum.eigenvalues.iter().filter(|value| value.abs() < 1e-12 * spectrum.largest()).count()
        };
        assert_eq!(zeros(&split(&teacher, 4, 0, 0.3), 5), 3, "{activation}: a copy");
        let mut incoming: Vec<[f64; 2]> = (0..4).map(|i| [teacher[2 * i], teacher[2 * i + 1]]).collect();
        incoming.push([0.4, -0.3]);
        assert_eq!(zeros(&vector(&incoming, &[&[1.0, 1.0, 1.0, 1.0, 0.0]]), 5), 2, "{activation}: a zero-type neuron");
        incoming.push([0.4, -0.3]);
        assert_eq!(zeros(&vector(&incoming, &[&[1.0, 1.0, 1.0, 1.0, 0.8, -0.8]]), 6), 3, "{activation}: a pair");
    }
}

#[test]
fn narrow_students_have_their_known_minima() {
    let task = task(Activation::G);
    let two = task.student(2).unwrap();
    let best = polished(&two, &vector(&[[0.08, 0.72], [-0.03, -0.35]], &[&[1.45, 3.01]]));
    assert!(relative(two.value(best.view()).unwrap(), 0.283_738_623_18, 1e-10));
    let three = task.student(3).unwrap();
    let start = vector(&[[-0.05, -0.57], [0.63, 0.52], [-0.55, 0.54]], &[&[2.06, 0.99, 0.95]]);
    let best = polished(&three, &start);
    assert!(relative(three.value(best.view()).unwrap(), 0.012_352_600_845, 1e-9));
    let expected = vector(
        &[
            [-0.050_714_706_8, -0.569_192_853_8],
            [0.632_689_730_9, 0.518_955_146_1],
            [-0.552_469_630_1, 0.538_401_688_3],
        ],
        &[&[2.062_197_243_5, 0.988_174_963_4, 0.946_207_603_8]],
    );
    assert!((&best - &expected).iter().all(|d| d.abs() < 1e-9));
    assert!(relative(three.spectrum(best.view()).unwrap().smallest(), 0.018_103_193_018, 1e-9));
}

#[test]
fn random_starts_of_width_two_and_three_end_in_known_minima() {
    let task = task(Activation::G);
    for (width, known) in [(2, [0.283_738_623_18, 0.298_614_044_06]), (3, [0.012_352_600_845, 0.283_738_623_18])] {
        let objective = task.student(width).unwrap();
        let parameters = TrainParameters::default().without_trajectory();
        let seed = Seed::new(1);
        let all = train_many(&objective, 8, Initialisation::default(), seed, &parameters, &Monitor::silent()).unwrap();
        for trained in &all {
            let found = known.iter().any(|loss| relative(trained.loss, *loss, 1e-8));
            assert!(found, "width {width}: {} {:?}", trained.loss, trained.status);
        }
        assert!(all.iter().any(|trained| relative(trained.loss, known[0], 1e-8)));
    }
}

fn index_and_zeros(spectrum: &Spectrum) -> (usize, usize) {
    (spectrum.n_negative(), spectrum.n_zero())
}

#[test]
fn a_split_neuron_is_a_saddle_or_a_line_of_minima() {
    let task = task(Activation::G);
    let two = task.student(2).unwrap();
    let minimum =
        polished(&two, &vector(&[[0.0763547, 0.7182483], [-0.0315152, -0.3511423]], &[&[1.4518406, 3.0128254]]));
    let three = task.student(3).unwrap();
    let spectrum = |j: usize, mu: f64| three.spectrum(split(&minimum, 2, j, mu).view()).unwrap();
    for (mu, inside) in [(0.25, true), (0.5, true), (0.75, true), (-0.5, false), (1.5, false)] {
        assert_eq!(index_and_zeros(&spectrum(0, mu)), (if inside { 2 } else { 0 }, 1), "neuron 1 at {mu}");
        assert_eq!(index_and_zeros(&spectrum(1, mu)), (if inside { 0 } else { 2 }, 1), "neuron 2 at {mu}");
    }
    let lowest = spectrum(0, 0.5).eigenvalues;
    for (value, expected) in lowest.iter().zip([-1.529_244, -0.054_560_55, 0.0, 0.024_948_75]) {
        assert!((value - expected).abs() < 1e-6 * expected.abs() + 1e-10, "{value} instead of {expected}");
    }

    let three_minimum =
        polished(&three, &vector(&[[-0.05, -0.57], [0.63, 0.52], [-0.55, 0.54]], &[&[2.06, 0.99, 0.95]]));
    let four = task.student(4).unwrap();
    for j in 0..3 {
        for (mu, expected) in [(0.3, 2), (0.5, 2), (-0.4, 0), (1.4, 0)] {
            let spectrum = four.spectrum(split(&three_minimum, 3, j, mu).view()).unwrap();
            assert_eq!(index_and_zeros(&spectrum), (expected, 1), "neuron {j} at {mu}");
        }
    }
    let lowest = four.spectrum(split(&three_minimum, 3, 0, 0.5).view()).unwrap().eigenvalues;
    for (value, expected) in lowest.iter().zip([-1.535_955, -0.088_865_53, 0.0, 0.017_985_22]) {
        assert!((value - expected).abs() < 1e-6 * expected.abs() + 1e-10, "{value} instead of {expected}");
    }
}

#[test]
fn with_three_outputs_a_split_has_one_zero_mode_and_an_index_of_two() {
    let task = TeacherTask::new(Activation::G, TeacherOutputs::Three).unwrap();
    let three = task.student(3).unwrap();
    let parameters = TrainParameters::default().without_trajectory();
    let all = train_many(&three, 6, Initialisation::default(), Seed::new(3), &parameters, &Monitor::silent()).unwrap();
    for trained in &all {
        assert!(relative(trained.loss, 0.205_292_040_120, 1e-9), "{}", trained.loss);
    }
    let minimum = &all[0].theta;
    assert!(relative(three.spectrum(minimum.view()).unwrap().smallest(), 0.200_555_782_05, 1e-8));
    let loss = three.value(minimum.view()).unwrap();
    let four = task.student(4).unwrap();
    // Largest gradient component of the splits that are not parallel, for the neuron with this incoming vector.
    let known = [([0.7829, 0.6892], 0.138, 1e-3), ([-0.0490, -0.5768], 0.277, 1e-3), ([-0.6697, 0.6984], 0.0088, 1e-4)];
    for j in 0..3 {
        let theta = split(minimum, 3, j, 0.4);
        let at = four.derivatives(theta.view()).unwrap();
        assert!((at.loss - loss).abs() < 1e-16, "{:e}", at.loss - loss);
        assert!(at.gradient.iter().all(|g| g.abs() < 1e-14), "{}", at.gradient);
        assert_eq!(index_and_zeros(&four.spectrum(theta.view()).unwrap()), (2, 1));
        // Outgoing vectors that are not parallel: the same function, but not critical.
        let mut skew = theta.clone();
        for (k, shift) in [0.3, -0.2, 0.1].into_iter().enumerate() {
            skew[8 + 4 * k + j] += shift;
            skew[8 + 4 * k + 3] -= shift;
        }
        let at = four.derivatives(skew.view()).unwrap();
        assert!((at.loss - loss).abs() < 1e-14);
        let largest = at.gradient.iter().fold(0.0, |m: f64, g| m.max(g.abs()));
        let distance = |w: [f64; 2]| (minimum[2 * j] - w[0]).abs() + (minimum[2 * j + 1] - w[1]).abs();
        let (w, expected, digit) = known.iter().min_by(|a, b| distance(a.0).total_cmp(&distance(b.0))).unwrap();
        assert!(distance(*w) < 2e-4 && (largest - expected).abs() <= 0.5 * digit, "{largest} instead of {expected}");
        // On the plateau of equal loss the quadratic form vanishes nevertheless.
        for k in 0..3 {
            let mut v = Array1::zeros(20);
            v[8 + 4 * k + j] = 1.0;
            v[8 + 4 * k + 3] = -1.0;
            assert!(v.dot(&at.hessian.dot(&v)).abs() < 1e-12);
        }
    }
}

#[test]
fn a_linear_network_has_the_hessian_of_the_normal_equations() {
    let network = Mlp::new(vec![3, 2], vec![], vec![Bias::With]).unwrap();
    let mut stream = Seed::new(5).stream();
    let x = Array2::from_shape_simple_fn((30, 3), || neuropil_core::random::uniform(&mut stream));
    let y = Array2::from_shape_simple_fn((30, 2), || neuropil_core::random::uniform(&mut stream));
    let objective = Objective::new(&network, &Dataset::new(x.clone(), y.clone()).unwrap(), Loss::Square).unwrap();
    let hessian = objective.hessian(network.zeros().theta()).unwrap();
    let gram = 2.0 / 30.0 * x.t().dot(&x);
    for k in 0..2 {
        let block = hessian.slice(s![3 * k..3 * k + 3, 3 * k..3 * k + 3]);
        assert!((&block - &gram).iter().all(|d| d.abs() < 1e-14));
    }
    assert!(hessian.slice(s![0..3, 3..6]).iter().all(|h| *h == 0.0));
    // One Newton step from anywhere solves the regression.
    let solution = polished(&objective, &Array1::zeros(8));
    let residual = network.predict(solution.view(), x.view()).unwrap() - &y;
    assert!(x.t().dot(&residual).iter().all(|d| d.abs() < 1e-13));
}

#[test]
fn the_hessian_is_that_of_pytorch() {
    // Written by pytorch_hessian.py: softplus and tanh layers with biases, parameters and samples given by sines.
    let theta: Array1<f64> = (0..20).map(|k| (1.7 * f64::from(k) + 0.3).sin()).collect();
    let inputs = Array2::from_shape_fn((40, 2), |(n, k)| {
        let n = n as f64;
        if k == 0 { (0.9 * n).cos() } else { (1.3 * n + 0.5).sin() }
    });
    let targets = Array2::from_shape_fn((40, 1), |(n, _)| (2.0 * inputs[[n, 0]]).sin() + inputs[[n, 1]]);
    let layers = vec![Activation::Softplus.into(), Activation::Tanh.into()];
    let network = Mlp::new(vec![2, 3, 2, 1], layers, vec![Bias::With; 3]).unwrap();
    let objective = Objective::new(&network, &Dataset::new(inputs, targets).unwrap(), Loss::Square).unwrap();
    let ours = objective.hessian(theta.view()).unwrap();
    let theirs: Vec<f64> = include_str!("pytorch_hessian.csv").lines().map(|line| line.parse().unwrap()).collect();
    let scale = theirs.iter().fold(0.0, |m: f64, h| m.max(h.abs()));
    let mut at = theirs.iter();
    for i in 0..20 {
        for j in 0..=i {
            let expected = at.next().unwrap();
            assert!((ours[[i, j]] - expected).abs() < 1e-12 * scale, "[{i}, {j}]: {} and {expected}", ours[[i, j]]);
        }
    }
    assert!(at.next().is_none());
}

#[test]
fn a_linear_network_with_a_hidden_layer_has_the_hessian_of_a_product() {
    // f = A W x: with S = X^T X / n, R = 2 (A W S - Y^T X / n),
    // H_WW = 2 A^T A (x) S, H_AA = 2 I (x) W S W^T, H_WA = 2 A (x) S W^T plus the residual term R.
    let network = Mlp::uniform(&[3, 2, 2], &Activation::Identity, Bias::Without);
    let mut stream = Seed::new(6).stream();
    let mut draw = || 2.0 * neuropil_core::random::uniform(&mut stream) - 1.0;
    let x = Array2::from_shape_simple_fn((40, 3), &mut draw);
    let y = Array2::from_shape_simple_fn((40, 2), &mut draw);
    let point = network.initialise(Initialisation::Normal(0.8), Seed::new(7));
    let (w, a) = (point.weights(0).to_owned(), point.weights(1).to_owned());
    let objective = Objective::new(&network, &Dataset::new(x.clone(), y.clone()).unwrap(), Loss::Square).unwrap();
    let hessian = objective.hessian(point.theta()).unwrap();
    let s = x.t().dot(&x) / 40.0;
    let residual = 2.0 * (a.dot(&w).dot(&s) - y.t().dot(&x) / 40.0);
    let gram = a.t().dot(&a);
    let (half, moments) = (s.dot(&w.t()), w.dot(&s).dot(&w.t()));
    let close = |value: f64, expected: f64| assert!((value - expected).abs() < 1e-14, "{value} and {expected}");
    for (i, j) in (0..2).flat_map(|i| (0..2).map(move |j| (i, j))) {
        for (p, q) in (0..3).flat_map(|p| (0..3).map(move |q| (p, q))) {
            close(hessian[[3 * i + p, 3 * j + q]], 2.0 * gram[[i, j]] * s[[p, q]]);
        }
        for (k, l) in (0..2).flat_map(|k| (0..2).map(move |l| (k, l))) {
            close(hessian[[6 + 2 * k + i, 6 + 2 * l + j]], if k == l { 2.0 * moments[[i, j]] } else { 0.0 });
        }
        for (p, k) in (0..3).flat_map(|p| (0..2).map(move |k| (p, k))) {
            let own = if i == j { residual[[k, p]] } else { 0.0 };
            close(hessian[[3 * i + p, 6 + 2 * k + j]], 2.0 * a[[k, i]] * half[[p, j]] + own);
        }
    }
    // The product has 6 - 2 x 2 directions of its own; the four of GL(2) are gauges at the minimum.
    let minimum = network.parameters(polished(&objective, &point.theta().to_owned())).unwrap();
    let report = CriticalPointReport::new(&objective, &minimum, &ReportParameters::default()).unwrap();
    assert_eq!((report.zeros, report.count(ZeroModeKind::Gauge), report.unexplained), (4, 4, 0));
}

#[test]
fn the_flow_stays_in_a_symmetry_subspace() {
    let mut start = theta0();
    start[4] = start[0];
    start[5] = start[1];
    start[8] = start[6];
    let objective = task(Activation::Sigmoid).student(3).unwrap();
    for solver in [Solver::DormandPrince, Solver::Rosenbrock] {
        let parameters = FlowParameters { solver, t_max: 100.0, ..FlowParameters::default() };
        let flow = gradient_flow(&objective, start.view(), &parameters, &Monitor::silent()).unwrap();
        let theta = &flow.theta;
        let distance = (theta[4] - theta[0]).abs() + (theta[5] - theta[1]).abs() + (theta[8] - theta[6]).abs();
        assert!(distance < 1e-12, "{solver:?}: {distance:e}");
        assert_eq!(flow.time, 100.0);
    }
}

#[test]
fn stiff_and_explicit_solvers_follow_the_same_flow() {
    let objective = task(Activation::Sigmoid).student(3).unwrap();
    let end = |solver| {
        let parameters = FlowParameters {
            solver,
            t_max: 50.0,
            relative_tolerance: 1e-9,
            absolute_tolerance: 1e-9,
            ..FlowParameters::default()
        };
        let flow = gradient_flow(&objective, theta0().view(), &parameters, &Monitor::silent()).unwrap();
        assert!(flow.trajectory.losses.windows(2).all(|pair| pair[1] <= pair[0] * (1.0 + 1e-13)));
        flow.theta
    };
    let difference = end(Solver::Rosenbrock) - end(Solver::DormandPrince);
    assert!(difference.iter().all(|d| d.abs() < 1e-7), "{difference}");
}

#[test]
fn polishing_never_increases_the_loss() {
    let objective = task(Activation::G).student(3).unwrap();
    for method in [PolishMethod::TrustRegion, PolishMethod::LevenbergMarquardt, PolishMethod::Lbfgs] {
        let mut last = objective.value(theta0().view()).unwrap();
        let mut theta = theta0();
        for _ in 0..12 {
            let parameters = PolishParameters { method, max_iterations: 2, ..PolishParameters::default() };
            let result = polish(&objective, theta.view(), &parameters, &Monitor::silent()).unwrap();
            assert!(result.loss <= last * (1.0 + 1e-14), "{method:?}: {last} to {}", result.loss);
            last = result.loss;
            theta = result.theta;
        }
    }
}

#[test]
fn training_reaches_machine_precision_and_repeats_bit_by_bit() {
    let objective = task(Activation::Sigmoid).student(5).unwrap();
    let parameters = TrainParameters::default().without_trajectory();
    let on = |n_threads| {
        let _guard = neuropil_core::threads::limited(n_threads);
        train_many(&objective, 6, Initialisation::default(), Seed::new(2), &parameters, &Monitor::silent()).unwrap()
    };
    let all = on(1);
    assert_eq!(all, on(2));
    let realised: Vec<_> = all.iter().filter(|trained| trained.loss < 1e-16).collect();
    assert!(realised.len() >= 3, "{} of 6 reached zero loss", realised.len());
    assert!(realised.iter().filter(|trained| trained.loss < 1e-28).count() >= 3);
    // One start ends where two copies meet with outgoing weights 2 and -1. The loss is quartic along their separation, so
    // Newton steps stop being resolved there while the loss is still 4e-25.
    assert!(realised.iter().all(|trained| trained.gradient_norm < 1e-14 && trained.loss < 1e-20));
    let network = objective.network();
    let start = network.initialise(Initialisation::default(), Seed::new(2).child("start").index(4)).into_theta();
    assert_eq!(train(&objective, start.view(), &parameters, &Monitor::silent()).unwrap(), all[4]);
}
