//! Fits of simulated circuits: what went in comes out.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ndarray::{Array2, array, s};
use neuropil_core::progress::{CancelToken, Monitor, Progress};
use neuropil_core::statistics::{correlation, mean};
use neuropil_core::threads;
use neuropil_data::spikes::BinRule;
use neuropil_spikes::inference::full_observation::{FullObservationOptions, fit_full_observation};
use neuropil_spikes::inference::hmc::{HmcOptions, hmc};
use neuropil_spikes::inference::perturbation::{PerturbationOptions, predict_perturbation};
use neuropil_spikes::inference::{
    BaumViterbi, Circuit, EStep, FitOptions, JointLikelihood, LaplaceOptions, LikelihoodOptions, Recording, Trial,
    Workspace, gaussian_smoothing, hidden_activity,
};
use neuropil_spikes::meso::Scheme;
use neuropil_spikes::micro::Record;
use neuropil_spikes::start::Start;
use neuropil_spikes::{
    Error, MesoOptions, MicroOptions, Network, PopulationParameters, simulate_meso, simulate_micro, winner_take_all,
};

const DT: f64 = 0.004;
const RATES: [f64; 3] = [20.0, 5.0, 25.0];

/// Spikes of three neurons per population and the true activity, `seconds` long after one second of history.
fn recorded(seconds: f64, seed: u64) -> (Recording, Array2<f64>) {
    let network = winner_take_all();
    let options = MicroOptions {
        duration: 1.0 + seconds,
        seed,
        record: Record::PerPopulation(3),
        start: Start::Activity(RATES.to_vec()),
        ..MicroOptions::default()
    };
    let result = simulate_micro(&network, &options).unwrap();
    let sizes = network.sizes();
    let activity = Array2::from_shape_fn((result.counts.nrows() / 20, 3), |(t, m)| {
        (0..20).map(|i| f64::from(result.counts[[20 * t + i, m]])).sum::<f64>() / sizes[m] as f64
    });
    let spikes = result.spikes.unwrap().bin(DT, BinRule::Binary).unwrap().trials;
    let labels = (0..9).map(|neuron| neuron / 3).collect();
    let recording = Recording::new(&spikes, labels, 3, 250, DT).unwrap();
    (recording, activity.slice(s![250.., ..]).to_owned())
}

fn similarity(a: &Array2<f64>, b: &Array2<f64>, population: usize) -> f64 {
    let smooth = |z: &Array2<f64>| gaussian_smoothing(&z.column(population).to_vec(), 5.0);
    correlation(&smooth(a), &smooth(b)).unwrap()
}

fn quick() -> FitOptions {
    FitOptions { n_restarts: 2, max_rounds: 2, ..FitOptions::default() }
}

#[test]
fn a_fit_has_the_same_bits_on_one_and_on_two_threads() {
    let (recording, _) = recorded(2.0, 3);
    let problem = BaumViterbi::new(&winner_take_all(), &recording, quick()).unwrap();
    let fit = |n| {
        let _limit = threads::limited(n);
        problem.fit(&Monitor::silent()).unwrap()
    };
    assert_eq!(fit(1), fit(2));
}

/// Asks to stop after so many steps.
struct StopsAfter(AtomicU64, CancelToken);

impl Progress for StopsAfter {
    fn begin(&self, _id: u64, _label: &str, _total: u64) {}
    fn advance(&self, _id: u64, _n: u64) {
        if self.0.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.1.cancel();
        }
    }
    fn end(&self, _id: u64) {}
}

#[test]
fn an_interrupted_fit_goes_on_where_it_stopped() {
    let (recording, _) = recorded(2.0, 4);
    let problem = BaumViterbi::new(&winner_take_all(), &recording, quick()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fit.json");
    let token = CancelToken::new();
    let stopping = Monitor::new(Arc::new(StopsAfter(AtomicU64::new(1), token.clone())), token);
    let _limit = threads::limited(1);
    assert_eq!(problem.fit_with_checkpoint(&path, &stopping).unwrap_err(), Error::Cancelled);
    let resumed = problem.fit_with_checkpoint(&path, &Monitor::silent()).unwrap();
    assert_eq!(resumed, problem.fit(&Monitor::silent()).unwrap());
    let other = BaumViterbi::new(&winner_take_all(), &recording, FitOptions { seed: 1, ..quick() }).unwrap();
    let refused = other.fit_with_checkpoint(&path, &Monitor::silent()).unwrap_err();
    assert!(refused.to_string().contains("another recording"), "{refused}");
}

#[test]
fn both_kinds_of_fit_follow_the_hidden_activity() {
    let (recording, truth) = recorded(5.0, 1);
    for e_step in [EStep::adam(), EStep::Laplace { max_iterations: 60 }] {
        let options = FitOptions { n_restarts: 1, max_rounds: 2, start: (0.9, 1.1), e_step, ..FitOptions::default() };
        let fit = BaumViterbi::new(&winner_take_all(), &recording, options).unwrap().fit(&Monitor::silent()).unwrap();
        let mean_rate = |z: &Array2<f64>, m: usize| z.column(m).mean().unwrap() / DT;
        for m in 0..3 {
            let (ours, theirs) = (mean_rate(&fit.activity[0], m), mean_rate(&truth, m));
            assert!((ours / theirs - 1.0).abs() < 0.35, "{e_step:?}, population {m}: {ours} Hz for {theirs} Hz");
        }
        assert!(fit.value.total().is_finite());
    }
}

#[test]
fn a_population_without_a_recorded_neuron_is_inferred_and_reported() {
    let (mut recording, truth) = recorded(3.0, 2);
    // The inhibitory neurons are lost.
    recording.populations.truncate(6);
    let trial = &mut recording.trials[0];
    trial.spikes = trial.spikes.slice(s![.., ..6]).to_owned();
    trial.initial_age.truncate(6);
    let options = FitOptions { n_restarts: 1, max_rounds: 1, start: (0.95, 1.05), ..FitOptions::default() };
    let fit = BaumViterbi::new(&winner_take_all(), &recording, options).unwrap().fit(&Monitor::silent()).unwrap();
    assert!(fit.warnings.iter().any(|warning| warning.contains("population 2 has no recorded neuron")));
    assert_eq!(fit.activity[0].dim(), truth.dim());
}

#[test]
fn more_recorded_than_existing_neurons_are_refused() {
    let (recording, _) = recorded(1.0, 2);
    let mut network = winner_take_all();
    network.populations[1].n_neurons = 2;
    let error = BaumViterbi::new(&network, &recording, quick()).unwrap_err().to_string();
    assert!(error.contains("population 1: n_neurons") && error.contains("3"), "{error}");
    let bad = FitOptions { start: (0.1, 1.0), ..quick() };
    assert!(BaumViterbi::new(&winner_take_all(), &recording, bad).unwrap_err().to_string().contains("bounds"));
}

/// One excitatory and one inhibitory population whose dynamics are slow compared with the bins of a fit.
fn gentle_pair() -> Network {
    let population = PopulationParameters { n_neurons: 300, mu: 20.0, tau_s: 0.01, ..PopulationParameters::default() };
    let inhibitory = PopulationParameters { n_neurons: 150, mu: 18.0, tau_s: 0.02, ..population.clone() };
    Network::new(vec![population, inhibitory], array![[6.0, 10.0], [-8.0, -4.0]]).unwrap()
}

fn known_activity(network: &Network, seconds: f64, seed: u64) -> Array2<f64> {
    let options = MesoOptions {
        dt: DT,
        duration: 1.0 + seconds,
        seed,
        scheme: Scheme::Survival,
        start: Start::Activity(vec![15.0, 15.0]),
        ..MesoOptions::default()
    };
    let activity = simulate_meso(network, &options).unwrap().activity * DT;
    activity.slice(s![250.., ..]).to_owned()
}

#[test]
fn maximum_likelihood_finds_the_circuit_within_its_errors() {
    let network = gentle_pair();
    let z = known_activity(&network, 40.0, 5);
    let options = FullObservationOptions { n_restarts: 1, ..FullObservationOptions::default() };
    let fit = fit_full_observation(&network, &[z], None, DT, &options, &Monitor::silent()).unwrap();
    assert!(fit.converged);
    let sd = fit.uncertainty.standard_deviations();
    for (i, number) in fit.numbers.iter().enumerate() {
        let score = (number - 1.0) / sd[i];
        assert!(score.abs() < 4.0, "{}: {number} +- {}", fit.free.name(i), sd[i]);
    }
}

#[test]
fn sampling_agrees_with_the_gaussian_approximation() {
    let network = gentle_pair();
    let z = known_activity(&network, 6.0, 6);
    let options = FullObservationOptions { n_restarts: 1, ..FullObservationOptions::default() };
    let fit = fit_full_observation(&network, &[z], None, DT, &options, &Monitor::silent()).unwrap();
    let settings = HmcOptions { n_warmup: 80, n_samples: 300, ..HmcOptions::default() };
    let result = hmc(&fit, &settings, &Monitor::silent()).unwrap();
    assert_eq!(result.samples.nrows(), 600);
    assert!(result.r_hat.iter().all(|r| *r < 1.15), "{:?}", result.r_hat);
    assert!(result.acceptance.iter().all(|a| (0.5..1.0).contains(a)), "{:?}", result.acceptance);
    let again = hmc(&fit, &settings, &Monitor::silent()).unwrap();
    assert_eq!(result, again);
}

#[test]
fn samples_of_the_hidden_activity_have_the_noise_of_the_model_and_the_bands_hold_the_truth() {
    let network = gentle_pair();
    let z = known_activity(&network, 4.0, 7);
    let circuit = Circuit::from_network(&network, DT).unwrap();
    // Ten recorded neurons per population, drawn from the hazards of the model by thinning the true activity.
    let mut stream = neuropil_core::random::Seed::new(7).stream();
    let spikes = Array2::from_shape_fn((z.nrows(), 20), |(t, i)| {
        u8::from(neuropil_core::random::uniform(&mut stream) < z[[t, i / 10]])
    });
    let trial = Trial { spikes, initial_age: vec![8; 20], initial_activity: vec![15.0, 15.0], drive: None };
    let recording = Recording { trials: vec![trial], populations: (0..20).map(|i| i / 10).collect(), dt: DT };
    let likelihood =
        JointLikelihood::new(&circuit, recording.clone(), LikelihoodOptions::reduced(&circuit, 8.0)).unwrap();
    let start = recording.smoothed_activity(25.0, 2);
    let options = LaplaceOptions { n_samples: 24, ..LaplaceOptions::default() };
    let hidden = hidden_activity(&likelihood, &circuit, &start, &options, &Monitor::silent()).unwrap();
    let inside =
        hidden.lower[0].indexed_iter().filter(|(at, low)| **low <= z[*at] && z[*at] <= hidden.upper[0][*at]).count()
            as f64
            / z.len() as f64;
    // Quantiles of 24 samples at 5 % and 95 % hold about 86 %.
    assert!((0.75..=0.95).contains(&inside), "the bands hold {inside}");
    let mut workspace = Workspace::default();
    let scores: Vec<f64> = hidden
        .samples
        .iter()
        .flat_map(|sample| {
            let expected = &likelihood.expectation(&circuit, sample, &mut workspace)[0];
            ((&sample[0] - &expected.probability) / &expected.deviation).into_iter().map(|e| e * e).collect::<Vec<_>>()
        })
        .collect();
    let noise = mean(&scores).unwrap();
    assert!((0.9..1.1).contains(&noise), "variance of the innovations {noise}");
    assert!(hidden.log_evidence_error < 5.0 && hidden.log_evidence < 0.0);
}

#[test]
fn predicted_responses_hold_the_measured_ones_as_often_as_promised() {
    let network = gentle_pair();
    let drive = Array2::from_shape_fn((75, 2), |(t, m)| if m == 0 && (25..50).contains(&t) { 150.0 } else { 0.0 });
    let options = PerturbationOptions { n_trials: 10, n_experiments: 40, warm_up: 0.2, ..Default::default() };
    let mut held = Vec::new();
    for seed in 0..4 {
        let z = known_activity(&network, 10.0, 100 + seed);
        let settings = FullObservationOptions { n_restarts: 1, ..FullObservationOptions::default() };
        let fit = fit_full_observation(&network, &[z], None, DT, &settings, &Monitor::silent()).unwrap();
        let prediction =
            predict_perturbation(&network, &fit.free, &fit.uncertainty, &drive, DT, &options, &Monitor::silent())
                .unwrap();
        // The experiment: ten trials of the true circuit.
        let mut measured = Array2::<f64>::zeros(drive.dim());
        for trial in 0..10 {
            let mut padded = Array2::zeros((125, 2));
            padded.slice_mut(s![50.., ..]).assign(&drive);
            let simulation = MesoOptions {
                dt: DT,
                duration: 0.5,
                seed: 1000 * seed + trial,
                scheme: Scheme::Survival,
                start: Start::Activity(vec![10.0, 10.0]),
                drive: Some(padded),
                ..MesoOptions::default()
            };
            measured += &(simulate_meso(&network, &simulation).unwrap().activity.slice(s![50.., ..]).to_owned() / 10.0);
        }
        for (at, value) in measured.indexed_iter() {
            held.push(f64::from(u8::from(prediction.lower[at] <= *value && *value <= prediction.upper[at])));
        }
        assert!(prediction.mean[[40, 0]] > 1.3 * prediction.mean[[20, 0]]);
    }
    let coverage = mean(&held).unwrap();
    assert!((0.82..=0.96).contains(&coverage), "intervals of 90 % hold {coverage}");
}

#[test]
fn the_reduced_age_grid_agrees_with_the_full_one() {
    let (recording, truth) = recorded(4.0, 5);
    let circuit = Circuit::from_network(&winner_take_all(), DT).unwrap();
    let mut workspace = Workspace::default();
    let mut value = |options: LikelihoodOptions| {
        JointLikelihood::new(&circuit, recording.clone(), options).unwrap().gradient(
            &circuit,
            std::slice::from_ref(&truth),
            &mut workspace,
        )
    };
    let full = value(LikelihoodOptions { age_bins: 1000, ..LikelihoodOptions::default() });
    let reduced = value(LikelihoodOptions::reduced(&circuit, 8.0));
    let error = (full.value.total() - reduced.value.total()).abs() / full.value.total().abs();
    assert!(error < 1e-4, "relative error of the value {error:e}");
    for m in 0..3 {
        let (a, b) = (full.circuit.threshold[m], reduced.circuit.threshold[m]);
        assert!((a - b).abs() < 1e-3 * (a.abs() + 100.0), "threshold {m}: {a} {b}");
    }
    let similar = similarity(&truth, &truth, 0);
    assert!((similar - 1.0).abs() < 1e-12);
}
