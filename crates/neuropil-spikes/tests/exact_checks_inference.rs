//! Numbers of the joint likelihood that were computed with an independent program.

use ndarray::{Array2, array};
use neuropil_spikes::inference::{
    Circuit, JointLikelihood, LatentModel, LikelihoodOptions, NegativeLogLikelihood, OldAges, Recording, Trial,
    Workspace,
};

const DT: f64 = 0.004;

fn circuit(sizes: [usize; 3]) -> Circuit {
    Circuit {
        n_neurons: sizes.to_vec(),
        refractory_steps: vec![1; 3],
        delay_steps: 0,
        dt: DT,
        leak: vec![50.0; 3],
        resting: vec![14.4; 3],
        threshold: vec![3.7; 3],
        tau_s: vec![0.003, 0.003, 0.006],
        coupling: array![[9.984, 0.0, 9.984], [0.0, 9.984, 9.984], [-19.968, -19.968, -19.968]],
    }
}

const INTERVALS: [usize; 3] = [13, 50, 10];

fn activity(steps: std::ops::Range<usize>) -> Array2<f64> {
    let shape = [(20.0, 97.0), (5.0, 61.0), (25.0, 43.0)];
    Array2::from_shape_fn((steps.len(), 3), |(t, m)| {
        let (b, w) = shape[m];
        DT * b * (1.0 + 0.3 * (std::f64::consts::TAU * (steps.start + t) as f64 / w).sin())
    })
}

fn fires(t: usize, neuron: usize) -> bool {
    let (m, i) = (neuron / 3, neuron % 3);
    let start = (7 * i + 3) % INTERVALS[m];
    t >= start && (t - start).is_multiple_of(INTERVALS[m])
}

fn recording(n_steps: usize, age_bins: usize) -> Recording {
    let trial = Trial {
        spikes: Array2::from_shape_fn((n_steps, 9), |(t, neuron)| u8::from(fires(t, neuron))),
        initial_age: vec![age_bins - 1; 9],
        initial_activity: vec![20.0, 5.0, 25.0],
        drive: None,
    };
    Recording { trials: vec![trial], populations: (0..9).map(|i| i / 3).collect(), dt: DT }
}

fn likelihood(circuit: &Circuit, age_bins: usize) -> JointLikelihood {
    let options = LikelihoodOptions { age_bins, ..LikelihoodOptions::default() };
    JointLikelihood::new(circuit, recording(100, age_bins), options).unwrap()
}

fn close(value: f64, reference: f64, relative: f64) {
    let error = (value - reference).abs();
    assert!(error <= relative * reference.abs().max(1e-3), "{value} differs from {reference} by {error:e}");
}

#[test]
fn the_likelihood_of_the_sine_waves_has_the_reference_value_and_gradient() {
    let circuit = circuit([40, 40, 20]);
    let z = [activity(0..100)];
    let result = likelihood(&circuit, 50).gradient(&circuit, &z, &mut Workspace::default());
    close(result.value.latent, 6750.617276, 2e-10);
    close(result.value.observed, 271.395860, 2e-9);
    for (m, reference) in [423.69113, -1.35999, 8803.55462].into_iter().enumerate() {
        close(result.circuit.threshold[m], reference, 4e-6);
    }
    for (m, reference) in [-78.77070, -5.13711, -1441.47895].into_iter().enumerate() {
        close(result.circuit.leak[m], reference, 1e-6);
    }
    close(result.circuit.coupling[[0, 2]], -2238.27935, 1e-8);
}

#[test]
fn the_value_with_large_populations_depends_on_the_age_grid_as_the_reference_does() {
    let circuit = circuit([400, 400, 200]);
    let z = [activity(0..100)];
    let mut workspace = Workspace::default();
    for (age_bins, latent, observed) in
        [(25, 73114.23787, 270.94853), (50, 74089.19303, 271.39586), (250, 74105.01887, 271.39767)]
    {
        let value = likelihood(&circuit, age_bins).value(&circuit, &z, &mut workspace);
        close(value.latent, latent, 1e-9);
        close(value.observed, observed, 4e-8);
    }
}

#[test]
fn one_uncoupled_population_has_the_reference_value_and_gradient() {
    let circuit = Circuit {
        n_neurons: vec![100],
        refractory_steps: vec![1],
        delay_steps: 0,
        dt: DT,
        leak: vec![50.0],
        resting: vec![9.6],
        threshold: vec![3.7],
        tau_s: vec![0.003],
        coupling: array![[0.0]],
    };
    let trial =
        Trial { spikes: array![[0], [0], [1], [0]], initial_age: vec![5], initial_activity: vec![25.0], drive: None };
    let recording = Recording { trials: vec![trial], populations: vec![0], dt: DT };
    let options = LikelihoodOptions { age_bins: 6, ..LikelihoodOptions::default() };
    let likelihood = JointLikelihood::new(&circuit, recording, options).unwrap();
    let z = [array![[0.08], [0.10], [0.06], [0.09]]];
    let result = likelihood.gradient(&circuit, &z, &mut Workspace::default());
    close(result.value.latent, 5.4570920513, 2e-11);
    close(result.value.observed, 2.9241203971, 2e-11);
    for (t, reference) in [206.604234, 240.216134, 107.284628, 170.984262].into_iter().enumerate() {
        close(result.latent[0][[t, 0]], reference, 1e-8);
    }
    close(result.circuit.leak[0], -2.831829, 2e-7);
    close(result.circuit.resting[0], -23.586229, 2e-8);
    close(result.circuit.threshold[0], 35.634532, 2e-8);
}

/// Central differences of every parameter and of some latent variables.
fn gradient_agrees_with_differences(
    likelihood: &JointLikelihood,
    circuit: &Circuit,
    latent: &[Array2<f64>],
    latent_step: f64,
) {
    let mut workspace = Workspace::default();
    let result = likelihood.gradient(circuit, latent, &mut workspace);
    let plain = likelihood.value(circuit, latent, &mut workspace);
    close(result.value.total(), plain.total(), 1e-13);
    let mut difference = |change: &dyn Fn(&mut Circuit, f64), step: f64| {
        let mut at = |sign: f64| {
            let mut moved = circuit.clone();
            change(&mut moved, sign * step);
            likelihood.value(&moved, latent, &mut workspace).total()
        };
        // Two steps and Richardson's extrapolation, so that the truncation error is below the tolerance.
        let narrow = (at(1.0) - at(-1.0)) / (2.0 * step);
        let wide = (at(2.0) - at(-2.0)) / (4.0 * step);
        (4.0 * narrow - wide) / 3.0
    };
    let scale = result.circuit.threshold.iter().fold(1.0_f64, |a, b| a.max(b.abs()));
    let agree = |value: f64, reference: f64, what: &str| {
        let error = (value - reference).abs();
        assert!(error < 1e-7 * (value.abs() + 1e-2 * scale), "{what}: {value} against {reference}, {error:e}");
    };
    for m in 0..circuit.n_populations() {
        agree(result.circuit.leak[m], difference(&|c, h| c.leak[m] += h, 1e-3), "leak");
        agree(result.circuit.resting[m], difference(&|c, h| c.resting[m] += h, 3e-5), "resting");
        agree(result.circuit.threshold[m], difference(&|c, h| c.threshold[m] += h, 3e-5), "threshold");
        agree(1e-3 * result.circuit.tau_s[m], 1e-3 * difference(&|c, h| c.tau_s[m] += h, 1e-7), "tau_s");
        for b in 0..circuit.n_populations() {
            agree(result.circuit.coupling[[m, b]], difference(&|c, h| c.coupling[[m, b]] += h, 3e-5), "coupling");
        }
    }
    let n = latent[0].nrows();
    for t in [0, n / 2, n - 2, n - 1] {
        for m in 0..circuit.n_populations() {
            let mut at = |step: f64| {
                let mut moved = latent.to_vec();
                moved[0][[t, m]] += step;
                likelihood.value(circuit, &moved, &mut workspace).total()
            };
            let h = latent_step;
            let narrow = (at(h) - at(-h)) / (2.0 * h);
            let wide = (at(2.0 * h) - at(-2.0 * h)) / (4.0 * h);
            let reference = (4.0 * narrow - wide) / 3.0;
            let error = (result.latent[0][[t, m]] - reference).abs();
            assert!(error < 3e-7 * (reference.abs() + scale), "latent {t} {m}: {reference}, {error:e}");
        }
    }
}

#[test]
fn the_gradient_is_that_of_central_differences() {
    let circuit = circuit([40, 40, 20]);
    gradient_agrees_with_differences(&likelihood(&circuit, 50), &circuit, &[activity(0..100)], 1e-6);
    let mut delayed = circuit.clone();
    delayed.delay_steps = 2;
    delayed.refractory_steps = vec![1, 2, 3];
    gradient_agrees_with_differences(&likelihood(&delayed, 27), &delayed, &[activity(0..100)], 1e-6);
}

#[test]
fn the_gradient_holds_with_a_pool_with_counts_with_innovations_and_with_a_drive() {
    let circuit = circuit([40, 40, 20]);
    let z = [activity(0..100)];
    let mut workspace = Workspace::default();
    let mut data = recording(100, 20);
    data.trials[0].drive = Some(Array2::from_shape_fn((100, 3), |(t, m)| 30.0 * ((t * (m + 1)) as f64 * 0.1).sin()));
    let options = LikelihoodOptions { age_bins: 20, old_ages: OldAges::Pooled, latent: LatentModel::Gaussian };
    let pooled = JointLikelihood::new(&circuit, data, options).unwrap();
    gradient_agrees_with_differences(&pooled, &circuit, &z, 1e-6);
    gradient_agrees_with_differences(&pooled.with_latent(LatentModel::Binomial), &circuit, &z, 1e-5);
    // Innovations small enough that the simulated path stays where the finite differences are smooth.
    let innovations = [Array2::from_shape_fn((100, 3), |(t, m)| 0.4 * ((7 * t + 3 * m) as f64).sin())];
    let whitened = pooled.with_latent(LatentModel::Innovations);
    gradient_agrees_with_differences(&whitened, &circuit, &innovations, 1e-4);
    let expectation = whitened.expectation(&circuit, &innovations, &mut workspace);
    assert!(expectation[0].activity.iter().all(|z| (0.0..0.5).contains(z)));
}

#[test]
fn the_authors_loss_has_the_value_of_the_authors_program() {
    let circuit = circuit([400, 400, 200]);
    let trial = Trial {
        spikes: Array2::from_shape_fn((100, 9), |(t, neuron)| u8::from(fires(t + 250, neuron))),
        initial_age: (0..9).map(|neuron| (0..250).rev().find(|&t| fires(t, neuron)).map_or(250, |t| 249 - t)).collect(),
        initial_activity: vec![19.0, 5.0, 25.0],
        drive: None,
    };
    let recording = Recording { trials: vec![trial], populations: (0..9).map(|i| i / 3).collect(), dt: DT };
    let likelihood = JointLikelihood::new(&circuit, recording, LikelihoodOptions::default()).unwrap();
    let loss = likelihood.authors_mean(&circuit, &[activity(250..350)]).unwrap();
    close(loss.observed, 0.805690, 1e-4);
    close(loss.latent, 168.68116, 5e-3);
}

#[test]
fn millivolts_and_reduced_units_give_one_likelihood() {
    let network = neuropil_spikes::network::winner_take_all();
    let in_mv = Circuit::from_network(&network, DT).unwrap();
    let reduced = Circuit::from_network(&network.reduced(), DT).unwrap();
    let value = |circuit: &Circuit| -> NegativeLogLikelihood {
        likelihood(circuit, 50).value(circuit, &[activity(0..100)], &mut Workspace::default())
    };
    close(value(&in_mv).total(), value(&reduced).total(), 1e-10);
    let back = reduced.to_network(&network);
    close(back.populations[0].threshold, 15.0, 1e-12);
    close(back.coupling[[2, 1]], -49.92, 1e-12);
}

#[test]
fn trials_add_up() {
    let circuit = circuit([40, 40, 20]);
    let one = recording(100, 50);
    let mut two = one.clone();
    two.trials.push(one.trials[0].clone());
    let options = LikelihoodOptions { age_bins: 50, ..LikelihoodOptions::default() };
    let z = activity(0..100);
    let mut workspace = Workspace::default();
    let single = JointLikelihood::new(&circuit, one, options).unwrap();
    let double = JointLikelihood::new(&circuit, two, options).unwrap();
    let a = single.gradient(&circuit, std::slice::from_ref(&z), &mut workspace);
    let b = double.gradient(&circuit, &[z.clone(), z], &mut workspace);
    close(b.value.total(), 2.0 * a.value.total(), 1e-13);
    close(b.circuit.coupling[[2, 0]], 2.0 * a.circuit.coupling[[2, 0]], 1e-12);
    assert_eq!(a.latent[0], b.latent[1]);
}

#[test]
fn what_cannot_be_fitted_is_refused() {
    let circuit = circuit([40, 40, 20]);
    let refused = |options: LikelihoodOptions| {
        JointLikelihood::new(&circuit, recording(100, 50), options).unwrap_err().to_string()
    };
    let short = refused(LikelihoodOptions { age_bins: 2, ..LikelihoodOptions::default() });
    assert!(short.contains("age_bins"), "{short}");
    let likelihood = likelihood(&circuit, 50);
    let in_hz = likelihood.check_latent(&circuit, &[activity(0..100) / DT]).unwrap_err().to_string();
    assert!(in_hz.contains("not Hz"), "{in_hz}");
    assert!(likelihood.check_latent(&circuit, &[activity(0..99)]).unwrap_err().to_string().contains("100 x 3"));
    let mut unstable = circuit;
    unstable.leak[1] = 260.0;
    assert!(unstable.validate().unwrap_err().to_string().contains("unstable"));
}
