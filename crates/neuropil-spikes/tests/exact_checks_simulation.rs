//! Numbers that were computed independently of this crate: renewal theory, fixed points, and the statistics of the
//! simulators (those of NEST where it has the same model).

use ndarray::{Axis, array};
use neuropil_core::statistics::{mean, mean_and_standard_error, variance};
use neuropil_spikes::fixed_points::{TimeAxis, fixed_points, stationary_rate};
use neuropil_spikes::meso::{AgeGrid, MesoOptions, Noise, Scheme, default_age_bins, simulate_meso};
use neuropil_spikes::micro::{Algorithm, MicroOptions, Record, simulate_micro};
use neuropil_spikes::network::{Network, winner_take_all};
use neuropil_spikes::population::{Adaptation, PopulationParameters};
use neuropil_spikes::renewal::Renewal;
use neuropil_spikes::start::Start;
use neuropil_spikes::statistics::trains::intervals;

/// Reduced units: `lambda = exp(u - threshold)` Hz, reset at 0.
fn reduced(threshold: f64) -> PopulationParameters {
    PopulationParameters { threshold, softness: 1.0, hazard: 1.0, mu: 14.4, ..PopulationParameters::default() }
}

fn uncoupled(population: PopulationParameters) -> Network {
    Network::new(vec![population], array![[0.0]]).unwrap()
}

#[test]
fn renewal_rates_and_variations_in_reduced_units() {
    let population = reduced(6.0 - 10.0_f64.ln());
    for (h, rate, cv) in [
        (3.0, 0.488_717, Some(0.98169)),
        (5.0, 3.140_271, None),
        (6.0, 6.732_160, Some(0.69064)),
        (8.0, 17.033_230, Some(0.35233)),
        (9.6, 24.526_732, Some(0.25017)),
        (12.0, 34.123_026, None),
        (14.4, 42.499_051, Some(0.16142)),
    ] {
        let theory = Renewal::continuous(&population, h);
        assert!((theory.rate / rate - 1.0).abs() < 1e-5, "h = {h}: {}", theory.rate);
        if let Some(cv) = cv {
            assert!((theory.cv - cv).abs() < 2e-5, "h = {h}: {}", theory.cv);
        }
    }
}

#[test]
fn renewal_rates_and_variations_in_millivolts() {
    let population = PopulationParameters { threshold: 10.0, softness: 2.0, ..PopulationParameters::default() };
    for (mu, rate, cv) in
        [(12.0, 12.22148, 0.5107), (15.0, 20.49999, 0.3248), (20.0, 32.16224, 0.2219), (27.0, 45.61786, 0.1708)]
    {
        let theory = Renewal::continuous(&population, mu);
        assert!((theory.rate / rate - 1.0).abs() < 1e-5, "mu = {mu}: {}", theory.rate);
        assert!((theory.cv - cv).abs() < 1e-4, "mu = {mu}: {}", theory.cv);
    }
}

#[test]
fn a_constant_hazard_with_a_dead_time_has_its_closed_form() {
    // The potential stays where the hazard is 30 Hz.
    let population = PopulationParameters { mu: 0.0, threshold: 0.0, hazard: 30.0, ..PopulationParameters::default() };
    let theory = Renewal::continuous(&population, 0.0);
    assert!((theory.rate - 26.785_714_285_7).abs() < 1e-9 && (theory.cv - 0.892_857_142_86).abs() < 1e-9, "{theory:?}");
}

#[test]
fn the_winner_take_all_circuit_rests_at_its_three_fixed_points() {
    let found = fixed_points(&winner_take_all(), TimeAxis::Continuous).unwrap();
    assert_eq!(found.len(), 3, "{found:?}");
    // The gain around the winner amplifies an error of a rate 16 times and more, so these digits need rates that are
    // good to 1e-9; a plain quadrature with 400,000 steps leaves a residual of 2.6e-6 Hz here.
    let winner = [19.599088, 5.401650, 24.522206];
    let mirrored = [winner[1], winner[0], winner[2]];
    let saddle = [12.367984, 12.367984, 24.438168];
    for (expected, stable) in [(winner, true), (mirrored, true), (saddle, false)] {
        let close = |activity: &ndarray::Array1<f64>| activity.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-4);
        let point = found.iter().find(|point| close(&point.activity)).unwrap_or_else(|| panic!("{found:?}"));
        assert_eq!(point.is_stable(), stable, "{point:?}");
        if stable {
            let in_softness: Vec<f64> = point.potential.iter().map(|h| h / 2.5).collect();
            let h = if point.activity[0] > point.activity[1] { in_softness[0] } else { in_softness[1] };
            assert!((h - 8.520358).abs() < 1e-4 && (in_softness[2] - 9.598959).abs() < 1e-4);
        }
    }
}

#[test]
fn the_survival_scheme_has_its_own_rates_and_fixed_points() {
    let population = reduced(3.7);
    for (h, rate) in [(6.0, 6.923643), (9.6, 26.331790), (14.4, 45.388218)] {
        let found = stationary_rate(&population, h, TimeAxis::Steps(0.004)).unwrap();
        assert!((found - rate).abs() < 1e-5, "h = {h}: {found}");
    }
    let mut network = winner_take_all().reduced();
    network.populations.iter_mut().for_each(|p| p.threshold = 3.7);
    let found = fixed_points(&network, TimeAxis::Steps(0.004)).unwrap();
    for expected in [[22.289952, 2.956642, 25.223913], [11.784262, 11.784262, 24.670519]] {
        let close = |activity: &ndarray::Array1<f64>| activity.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-4);
        assert!(found.iter().any(|point| close(&point.activity)), "{expected:?} in {found:?}");
    }
}

#[test]
fn the_mean_field_of_both_schemes_stays_at_the_fixed_point() {
    let network = winner_take_all();
    // Half a millisecond of discretisation moves the rates by less than 0.3 Hz.
    let options = MesoOptions {
        noise: Noise::None,
        dt: 0.0002,
        duration: 0.5,
        start: Start::Activity(vec![19.584715, 5.416989, 24.522512]),
        ..MesoOptions::default()
    };
    let result = simulate_meso(&network, &options).unwrap();
    for (rate, expected) in result.activity.row(2400).iter().zip([19.58, 5.42, 24.52]) {
        assert!((rate - expected).abs() < 0.3, "{rate} {expected}");
    }
    let mut steps = network.reduced();
    steps.populations.iter_mut().for_each(|p| p.threshold = 3.7);
    let start = vec![22.289952079543, 2.956641770425, 25.223913478608];
    let options = MesoOptions {
        scheme: Scheme::Survival,
        dt: 0.004,
        duration: 2.0,
        age_bins: Some(1000),
        start: Start::Activity(start.clone()),
        ..options
    };
    let result = simulate_meso(&steps, &options).unwrap();
    for row in result.activity.rows() {
        for (rate, expected) in row.iter().zip(&start) {
            assert!((rate - expected).abs() < 1e-4, "{rate} {expected}");
        }
    }
}

/// Mean and variance of the activity per step after the first second, over seeds.
fn moments(network: &Network, options: &MesoOptions, seeds: std::ops::Range<u64>) -> (f64, f64) {
    let found: Vec<(f64, f64)> = seeds
        .map(|seed| {
            let result = simulate_meso(network, &MesoOptions { seed, ..options.clone() }).unwrap();
            let skip = (1.0 / options.dt) as usize;
            let activity: Vec<f64> = result.activity.column(0).iter().skip(skip).copied().collect();
            (mean(&activity).unwrap(), variance(&activity).unwrap())
        })
        .collect();
    let of = |pick: fn(&(f64, f64)) -> f64| mean(&found.iter().map(pick).collect::<Vec<_>>()).unwrap();
    (of(|pair| pair.0), of(|pair| pair.1))
}

#[test]
fn an_adapting_population_has_the_rate_and_variance_of_nest() {
    let population = PopulationParameters {
        n_neurons: 500,
        mu: 40.0,
        threshold: 10.0,
        softness: 2.0,
        tau_s: 0.002,
        adaptation: vec![Adaptation { amplitude: 1.0, tau: 0.5 }],
        ..PopulationParameters::default()
    };
    assert_eq!(default_age_bins(&population, 0.0005), 1609);
    // Each spike moves the potential by -0.05 mV; NEST's delay of 1 ms is one step and 0.5 ms.
    let network = Network { delay: 0.0005, ..Network::new(vec![population], array![[-0.05 * 500.0]]).unwrap() };
    let options = MesoOptions { dt: 0.0005, duration: 10.0, ..MesoOptions::default() };
    let (rate, variance) = moments(&network, &options, 0..3);
    assert!((rate - 22.67).abs() < 0.1 && (variance - 97.0).abs() < 4.0, "{rate} Hz, {variance} Hz^2");
    // Folded ages keep the law.
    let folded = MesoOptions { age_grid: AgeGrid::Folded(8), ..options };
    let (rate, variance) = moments(&network, &folded, 0..3);
    assert!((rate - 22.67).abs() < 0.15 && (variance - 97.0).abs() < 4.5, "folded: {rate} Hz, {variance} Hz^2");
}

#[test]
fn an_uncoupled_population_has_the_rate_and_variance_of_nest() {
    for (mu, rate, floor) in [(20.0, 31.93, 130.0), (15.0, 20.41, 82.1)] {
        let population = PopulationParameters {
            n_neurons: 500,
            mu,
            threshold: 10.0,
            softness: 2.0,
            ..PopulationParameters::default()
        };
        let network = uncoupled(population);
        for age_grid in [AgeGrid::EveryStep, AgeGrid::Folded(4)] {
            let options = MesoOptions { dt: 0.0005, duration: 20.0, age_grid, ..MesoOptions::default() };
            let (found, variance) = moments(&network, &options, 0..3);
            assert!((found - rate).abs() < 0.1 && (variance - floor).abs() < 3.0, "{mu}: {found} Hz, {variance} Hz^2");
        }
    }
}

#[test]
fn without_noise_nobody_is_missing() {
    let result = |scheme, age_bins| {
        let population = PopulationParameters { mu: 24.0, ..PopulationParameters::default() };
        let rate = match scheme {
            Scheme::Moments => Renewal::continuous(&population, 24.0).rate,
            Scheme::Survival => stationary_rate(&population, 24.0, TimeAxis::Steps(0.001)).unwrap(),
        };
        let options = MesoOptions {
            scheme,
            noise: Noise::None,
            dt: 0.001,
            age_bins,
            start: Start::Activity(vec![rate]),
            ..MesoOptions::default()
        };
        simulate_meso(&uncoupled(population), &options).unwrap().activity
    };
    // The survival scheme starts at its own fixed point and never leaves it.
    let survival = result(Scheme::Survival, Some(2000));
    assert!(survival.iter().all(|rate| (rate - survival[[0, 0]]).abs() < 1e-9));
}

#[test]
fn the_exact_variance_rule_makes_the_variance_redundant() {
    // v <- (1 - P)^2 v + P (1 - P) m keeps v = (1 - m / n) m, whatever the probabilities.
    let n = 40.0;
    let (mut m, mut v): (f64, f64) = (n, 0.0);
    for step in 0..1000 {
        let p = 0.02 * (1.0 + (f64::from(step) * 0.1).sin());
        v = (1.0 - p) * (1.0 - p) * v + p * (1.0 - p) * m;
        m *= 1.0 - p;
        assert!((v - (1.0 - m / n) * m).abs() < 1e-12);
    }
}

#[test]
fn the_cohort_simulator_and_the_clock_agree() {
    let network = winner_take_all();
    let run = |algorithm, seed| {
        let options = MicroOptions {
            algorithm,
            seed,
            duration: 2.0,
            start: Start::Activity(vec![20.0, 5.0, 25.0]),
            record: Record::Each(vec![0, 0, 1]),
            ..MicroOptions::default()
        };
        simulate_micro(&network, &options).unwrap()
    };
    let n_runs = 20;
    let summary = |algorithm| {
        let results: Vec<_> = (0..n_runs).map(|seed| run(algorithm, seed)).collect();
        let rates: Vec<Vec<f64>> =
            results.iter().map(|result| result.activity.mean_axis(Axis(0)).unwrap().to_vec()).collect();
        let inhibitory: Vec<f64> = rates.iter().map(|rate| rate[2]).collect();
        let excitatory: Vec<f64> = rates.iter().map(|rate| rate[0] + rate[1]).collect();
        let mut between: Vec<f64> =
            results.iter().flat_map(|result| intervals(result.spikes.as_ref().unwrap(), 0)).collect();
        between.sort_unstable_by(f64::total_cmp);
        (inhibitory, excitatory, between)
    };
    let (clock, cohort) = (summary(Algorithm::Clock), summary(Algorithm::Cohort));
    for (a, b) in [(&clock.0, &cohort.0), (&clock.1, &cohort.1)] {
        let ((x, sx), (y, sy)) = (mean_and_standard_error(a).unwrap(), mean_and_standard_error(b).unwrap());
        assert!((x - y).abs() < 3.5 * sx.hypot(sy), "{x} +- {sx} and {y} +- {sy}");
    }
    // Kolmogorov-Smirnov: the largest distance between the two distributions of intervals.
    let below = |sorted: &[f64], value: f64| sorted.partition_point(|x| *x <= value) as f64 / sorted.len() as f64;
    let distance =
        clock.2.iter().chain(&cohort.2).map(|x| (below(&clock.2, *x) - below(&cohort.2, *x)).abs()).fold(0.0, f64::max);
    let n = (clock.2.len() * cohort.2.len()) as f64 / (clock.2.len() + cohort.2.len()) as f64;
    // p = 0.001 at 1.95 / sqrt(n).
    assert!(distance < 1.95 / n.sqrt(), "distance {distance} of {} and {} intervals", clock.2.len(), cohort.2.len());
}

#[test]
fn an_uncoupled_neuron_has_the_intervals_of_renewal_theory() {
    let population = PopulationParameters { n_neurons: 300, mu: 24.0, ..PopulationParameters::default() };
    let theory = Renewal::continuous(&population, 24.0);
    for algorithm in [Algorithm::Clock, Algorithm::Cohort] {
        let options = MicroOptions {
            algorithm,
            duration: 5.0,
            record: Record::Everybody,
            start: Start::Activity(vec![theory.rate]),
            ..MicroOptions::default()
        };
        let result = simulate_micro(&uncoupled(population.clone()), &options).unwrap();
        let spikes = result.spikes.unwrap();
        assert_eq!(spikes.n_spikes() as u32, result.counts.sum());
        let rate = spikes.n_spikes() as f64 / (300.0 * 5.0);
        // 36,000 spikes with a CV of 0.25 leave 0.03 Hz of noise; a step of 0.2 ms lowers the rate by about 0.06 Hz.
        assert!((rate - theory.rate).abs() < 0.25, "{algorithm:?}: {rate}");
        let all: Vec<f64> = (0..300).flat_map(|neuron| intervals(&spikes, neuron)).collect();
        let cv = variance(&all).unwrap().sqrt() / mean(&all).unwrap();
        assert!((cv - theory.cv).abs() < 0.01, "{algorithm:?}: {cv}");
        assert!(all.iter().all(|interval| *interval > 0.004), "refractory");
    }
}

#[test]
fn adaptation_of_neurons_and_of_populations_agrees() {
    let population = PopulationParameters {
        n_neurons: 500,
        mu: 30.0,
        adaptation: vec![Adaptation { amplitude: 2.0, tau: 0.2 }],
        ..PopulationParameters::default()
    };
    let network = uncoupled(population);
    let micro = MicroOptions { algorithm: Algorithm::Clock, dt: 0.0005, duration: 4.0, ..MicroOptions::default() };
    let meso = MesoOptions { dt: 0.0005, duration: 4.0, ..MesoOptions::default() };
    let late = |activity: &ndarray::Array2<f64>| activity.column(0).iter().skip(2000).sum::<f64>() / 6000.0;
    let micro = late(&simulate_micro(&network, &micro).unwrap().activity);
    let meso = late(&simulate_meso(&network, &meso).unwrap().activity);
    // The quasi-renewal approximation is good to about one per cent here.
    assert!((micro / meso - 1.0).abs() < 0.02, "{micro} {meso}");
}

#[test]
fn a_seed_gives_the_same_bits_and_a_delay_shifts_the_response() {
    let network = winner_take_all();
    let options = MicroOptions { duration: 0.2, seed: 5, ..MicroOptions::default() };
    assert_eq!(simulate_micro(&network, &options).unwrap(), simulate_micro(&network, &options).unwrap());
    let meso = MesoOptions { duration: 0.2, seed: 5, ..MesoOptions::default() };
    assert_eq!(simulate_meso(&network, &meso).unwrap(), simulate_meso(&network, &meso).unwrap());
    // Noise-free and all fired together: the runs differ only from when the first recurrent spikes arrive.
    let quiet = MesoOptions { noise: Noise::None, duration: 0.03, ..MesoOptions::default() };
    let late = Network { delay: 0.002, ..network.clone() };
    let (now, later) = (simulate_meso(&network, &quiet).unwrap(), simulate_meso(&late, &quiet).unwrap());
    let first = (0..60).find(|&step| now.activity.row(step) != later.activity.row(step)).unwrap();
    let fires = (0..60).find(|&step| now.activity[[step, 0]] > 0.0).unwrap();
    assert_eq!(first, fires + 1);
}

#[test]
fn impossible_simulations_are_refused() {
    let network = winner_take_all();
    let micro = |change: fn(&mut MicroOptions)| {
        let mut options = MicroOptions { duration: 0.01, ..MicroOptions::default() };
        change(&mut options);
        simulate_micro(&network, &options).unwrap_err().to_string()
    };
    assert!(micro(|o| o.dt = 0.0).contains("dt is 0"));
    assert!(micro(|o| o.duration = -1.0).contains("duration is -1"));
    assert!(micro(|o| o.record = Record::Each(vec![1, 2, 300])).contains("record[2]"));
    assert!(micro(|o| o.drive = Some(ndarray::Array2::zeros((3, 3)))).contains("expected 50 x 3"));
    let mut adapting = network.clone();
    adapting.populations[0].adaptation.push(Adaptation { amplitude: 1.0, tau: 0.1 });
    assert!(simulate_micro(&adapting, &MicroOptions::default()).unwrap_err().to_string().contains("clock"));
    let meso = |change: fn(&mut MesoOptions)| {
        let mut options = MesoOptions { duration: 0.01, ..MesoOptions::default() };
        change(&mut options);
        simulate_meso(&network, &options).unwrap_err().to_string()
    };
    assert!(meso(|o| o.age_bins = Some(20)).contains("five membrane time constants"));
    assert!(meso(|o| o.age_grid = AgeGrid::Folded(0)).contains("age_grid"));
    assert!(meso(|o| (o.scheme, o.age_grid) = (Scheme::Survival, AgeGrid::Folded(2))).contains("moments"));
    assert!(meso(|o| o.start = Start::Activity(vec![1.0])).contains("each of 3"));
    let single = network.with_sizes(&[1, 400, 200]);
    let options = MesoOptions { noise: Noise::Gaussian, duration: 0.01, ..MesoOptions::default() };
    assert!(simulate_meso(&single, &options).unwrap().warnings[0].contains("binomial"));
}
