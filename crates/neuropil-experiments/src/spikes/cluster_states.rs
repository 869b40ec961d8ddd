//! One population whose neurons fire in turns: the coupling from a few neurons and one short trial.

use ndarray::{Array2, array, s};
use neuropil_core::statistics::correlation;
use neuropil_core::threads;
use neuropil_data::spikes::BinRule;
use neuropil_report::{Claim, Figure, Panel, Section, Size, Source, Table};
use neuropil_spikes::inference::{
    Circuit, HiddenActivity, JointLikelihood, LaplaceOptions, LikelihoodOptions, Recording, hidden_activity,
};
use neuropil_spikes::micro::{Record, simulate_micro_with};
use neuropil_spikes::start::Start;
use neuropil_spikes::statistics::autocorrelation;
use neuropil_spikes::{MicroOptions, Network, PopulationParameters};
use rayon::prelude::*;
use serde_json::json;

use super::circuit_recording::seed;
use super::{PAPER, ROOM};
use crate::{Context, Error, Experiment, Info, Result};

/// Profile of the likelihood over the coupling of a population in a cluster state.
#[derive(Debug)]
pub struct ClusterStates;

const INFO: Info = Info {
    id: "spikes.neulvm-cluster-states",
    room: ROOM,
    paper: PAPER,
    figure: "Figure 3 (idea)",
    title: "The coupling of one population that fires in clusters",
};

const DT: f64 = 0.001;
const COUPLING: f64 = -10.0;
const RECORDED: usize = 6;
const HISTORY: usize = 200;
/// Multiples of the true coupling that are compared.
const PROFILE: [f64; 9] = [0.7, 0.8, 0.9, 0.95, 1.0, 1.05, 1.1, 1.2, 1.3];

fn plan(size: Size) -> (u64, usize) {
    match size {
        Size::Quick => (5, 1000),
        Size::Full => (5, 5000),
    }
}

/// A noise level, a delay and an inhibition at which half of the neurons fire in one volley and half in the next.
fn network(factor: f64) -> Result<Network> {
    let population = PopulationParameters {
        n_neurons: 600,
        mu: 25.0,
        softness: 0.5,
        tau_s: 0.002,
        ..PopulationParameters::default()
    };
    Ok(Network { delay: 0.004, ..Network::new(vec![population], array![[COUPLING * factor]])? })
}

struct Trial {
    recording: Recording,
    truth: Vec<f64>,
    profile: Vec<f64>,
    mode: Vec<f64>,
    clusters: f64,
}

fn trial(context: &Context, index: u64, bins: usize) -> Result<Trial> {
    let warm_up = 2000;
    let options = MicroOptions {
        dt: DT,
        duration: (warm_up + 4000 + bins) as f64 * DT,
        seed: seed(context, INFO.id, index),
        record: Record::PerPopulation(RECORDED),
        start: Start::Activity(vec![25.0]),
        ..MicroOptions::default()
    };
    let result = simulate_micro_with(&network(1.0)?, &options, &context.monitor.quiet())?;
    let settled = result.activity.slice(s![warm_up.., 0]);
    let rate = settled.mean().unwrap_or(1.0);
    let interval = (1.0 / (rate * DT)).round() as usize;
    let clusters = autocorrelation(settled, interval + 1)?[interval / 2];
    let spikes = result.spikes.ok_or_else(|| Error::failed("no spikes were recorded"))?;
    let binned = spikes.bin(DT, BinRule::Binary).map_err(Error::failed)?;
    let window = binned.trials[0].slice(s![warm_up - HISTORY..warm_up + bins, ..]).to_owned();
    let recording = Recording::new(&[window], vec![0; RECORDED], 1, HISTORY, DT)?;
    let truth = settled.iter().take(bins).copied().collect();
    let mut profile = Vec::new();
    let mut mode = Vec::new();
    for factor in PROFILE {
        context.monitor.check()?;
        let best = most_probable(&recording, factor, context)?;
        profile.push(best.log_density);
        if factor == 1.0 {
            mode = best.mode[0].iter().map(|z| z / DT).collect();
        }
    }
    Ok(Trial { recording, truth, profile, mode, clusters })
}

/// The most probable course at a coupling, from two starts: the trains smoothed a little, and more.
fn most_probable(recording: &Recording, factor: f64, context: &Context) -> Result<HiddenActivity> {
    let circuit = Circuit::from_network(&network(factor)?, DT)?;
    let likelihood = JointLikelihood::new(&circuit, recording.clone(), LikelihoodOptions::reduced(&circuit, 5.0))?;
    let search = LaplaceOptions { n_samples: 1, lanczos_steps: 2, max_iterations: 150, ..LaplaceOptions::default() };
    let mut best: Option<HiddenActivity> = None;
    for sigma in [2.0, 4.0] {
        let start: Vec<Array2<f64>> =
            recording.smoothed_activity(sigma, 1).iter().map(|z| z.mapv(|z| z.clamp(1e-4, 1.0))).collect();
        let found = hidden_activity(&likelihood, &circuit, &start, &search, &context.monitor.quiet())?;
        if best.as_ref().is_none_or(|best| found.log_density > best.log_density) {
            best = Some(found);
        }
    }
    best.ok_or_else(|| Error::failed("no course was found"))
}

impl Experiment for ClusterStates {
    fn info(&self) -> &Info {
        &INFO
    }

    fn parameters(&self, size: Size) -> serde_json::Value {
        let (trials, bins) = plan(size);
        json!({"network": network(1.0).ok(), "dt_s": DT, "recorded": RECORDED, "trials": trials, "bins": bins,
               "profile": PROFILE})
    }

    fn run(&self, context: &Context) -> Result<Section> {
        let (n_trials, bins) = plan(context.size);
        let task = context.monitor.task("trials", n_trials);
        let trials: Result<Vec<Trial>> = threads::install(|| {
            (0..n_trials)
                .into_par_iter()
                .map(|i| {
                    let trial = trial(context, i, bins)?;
                    task.advance(1);
                    Ok(trial)
                })
                .collect()
        });
        let trials = trials?;
        let best = |trial: &Trial| {
            let at = (0..PROFILE.len()).max_by(|&a, &b| trial.profile[a].total_cmp(&trial.profile[b])).unwrap_or(0);
            PROFILE[at]
        };
        let within = trials.iter().filter(|trial| (best(trial) - 1.0).abs() <= 0.1 + 1e-9).count() as f64;
        let clusters = trials.iter().map(|trial| trial.clusters).fold(f64::INFINITY, f64::min);
        let mut table = Table::new("profiles", "Log-density above that at the true coupling, nats")
            .column("coupling / true coupling", "");
        for i in 0..trials.len() {
            table = table.column(format!("trial {i}"), "");
        }
        let of = |trial: &Trial| -> Vec<f64> { trial.profile.iter().map(|value| value - trial.profile[4]).collect() };
        for (p, factor) in PROFILE.into_iter().enumerate() {
            table.push(std::iter::once(factor.into()).chain(trials.iter().map(|trial| of(trial)[p].into())));
        }
        let first = &trials[0];
        let shown = 300.min(first.truth.len());
        let time: Vec<f64> = (0..shown).map(|t| t as f64 * DT * 1e3).collect();
        let mut spikes = (Vec::new(), Vec::new());
        for ((t, neuron), _) in
            first.recording.trials[0].spikes.indexed_iter().filter(|((t, _), s)| *t < shown && **s > 0)
        {
            spikes.0.push(t as f64 * DT * 1e3);
            spikes.1.push((neuron + 1) as f64);
        }
        let mut profiles = Panel::new()
            .title("Profiles over the coupling")
            .x_label("coupling / true coupling")
            .y_label("log-density (nats)")
            .height(260.0);
        for (i, trial) in trials.iter().enumerate() {
            profiles = profiles.line(format!("trial {i}"), &PROFILE, &of(trial));
        }
        Ok(Section::new(INFO.id, ROOM, INFO.title)
            .describe(
                "600 inhibitory neurons with a delay: the population fires in volleys, each neuron in every second one, \
                 so that no single train shows the rhythm. Six neurons are recorded for one second. The joint density \
                 of spikes and innovations is maximised over the activity at several couplings.",
            )
            .claim(
                Claim::new("clusters", "autocorrelation of the activity at half the interspike interval, smallest of the trials")
                    .reference("two clusters", Source::Paper)
                    .value(clusters)
                    .at_least(0.3),
            )
            .claim(
                Claim::new("profile", "trials in which the best coupling is within 10 % of the true one")
                    .reference(5.0, Source::ThisProject)
                    .value(within)
                    .at_least(n_trials as f64),
            )
            .figure(
                Figure::new("cluster-states", INFO.title)
                    .describe("Recorded spikes, true and most probable activity of the first trial, and the profiles of all.")
                    .panel(
                        Panel::new()
                            .title("Recorded spikes")
                            .y_label("neuron")
                            .height(140.0)
                            .points("spikes", &spikes.0, &spikes.1)
                            .size(2.0),
                    )
                    .panel(
                        Panel::new()
                            .title("Activity")
                            .x_label("time (ms)")
                            .y_label("Hz")
                            .height(220.0)
                            .line("true", &time, &first.truth[..shown])
                            .line("most probable", &time, &first.mode[..shown]),
                    )
                    .panel(profiles)
                    .columns(1),
            )
            .table(table)
            .note(format!(
                "Best multiples of the true coupling: {}. The profiles are not smooth: the search over the activity ends \
                 in one of several maxima, so that neighbouring couplings differ by tens of nats either way. The most \
                 probable activity at the true coupling and the true one have the correlations {} over the whole trial: the \
                 coupling is found, the single volleys are not where this is close to zero.",
                trials.iter().map(|trial| best(trial).to_string()).collect::<Vec<_>>().join(", "),
                trials
                    .iter()
                    .map(|trial| format!("{:.2}", correlation(&trial.mode, &trial.truth).unwrap_or(f64::NAN)))
                    .collect::<Vec<_>>()
                    .join(", ")
            )))
    }
}
