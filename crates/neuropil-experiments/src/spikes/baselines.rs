//! Models without mechanism on the same spikes.

use ndarray::{Array2, s};
use neuropil_report::{Claim, Figure, Panel, Section, Size, Source, Table};
use neuropil_spikes::baselines::hmm::{HmmOptions, PoissonHmm};
use neuropil_spikes::baselines::plds::{Plds, PldsOptions};
use neuropil_spikes::baselines::{coarser as counts_in, population_mean};
use neuropil_spikes::inference::model_selection::log_likelihood_of_neurons;
use neuropil_spikes::inference::{BaumViterbi, FitOptions, LaplaceOptions, Recording, hidden_activity};
use neuropil_spikes::statistics::bimodality_coefficient;
use neuropil_spikes::winner_take_all;
use serde_json::json;

use super::circuit_recording::{BINS, CircuitRecording, DT, HISTORY, coarser, free_run, seed, short_grid};
use super::{PAPER, ROOM};
use crate::{Context, Experiment, Info, Result};

/// neuLVM, smoothing, a hidden Markov model and a linear dynamical system.
#[derive(Debug)]
pub struct Baselines;

const INFO: Info = Info {
    id: "spikes.neulvm-baselines",
    room: ROOM,
    paper: PAPER,
    figure: "comparison with PLDS",
    title: "The circuit against models without mechanism",
};

/// Bins of the baselines, in bins of the fit (20 ms).
const FACTOR: usize = 5;

fn options(size: Size) -> FitOptions {
    let quick = FitOptions { likelihood: Some(short_grid()), n_restarts: 3, max_rounds: 3, ..FitOptions::default() };
    match size {
        Size::Quick => quick,
        Size::Full => FitOptions { n_restarts: 5, max_rounds: 20, ..quick },
    }
}

struct Score {
    name: &'static str,
    similarity: f64,
    nats_per_spike: f64,
}

impl Experiment for Baselines {
    fn info(&self) -> &Info {
        &INFO
    }

    fn parameters(&self, size: Size) -> serde_json::Value {
        json!({"train_bins": BINS, "test_bins": BINS, "recorded_per_population": 3, "held_out_per_population": 1,
               "fit": options(size), "hmm": HmmOptions::default(), "plds": PldsOptions::default()})
    }

    fn run(&self, context: &Context) -> Result<Section> {
        let circuit = CircuitRecording::new(4, 2 * BINS + HISTORY, seed(context, INFO.id, 0))?;
        // The history of the test bins are the last training bins.
        let (train, test) = (circuit.recording(0..3, 0, BINS)?, circuit.recording(0..3, BINS, BINS)?);
        let held_out = circuit.recording(3..4, BINS, BINS)?;
        let network = winner_take_all();
        let monitor = context.monitor.quiet();

        let fit = BaumViterbi::new(&network, &train, options(context.size))?.fit(&monitor)?;
        let problem = BaumViterbi::new(&network, &test, options(context.size))?;
        let start = test.smoothed_activity(0.4 / DT, 3);
        let search = LaplaceOptions { n_samples: 1, lanczos_steps: 2, ..LaplaceOptions::default() };
        let hidden = hidden_activity(problem.likelihood(), &fit.circuit, &clipped(&start), &search, &monitor)?;
        let neulvm = hidden.mode[0].clone();
        let log_likelihood =
            log_likelihood_of_neurons(&fit.circuit, &held_out, &clipped(&hidden.mode), fit.likelihood)?;
        let above = |log_likelihood: f64| {
            (log_likelihood - held_out.homogeneous_log_likelihood()) / held_out.n_spikes().max(1) as f64
        };
        let mut scores = vec![
            Score {
                name: "neuLVM",
                similarity: circuit.similarity(&neulvm, BINS),
                nats_per_spike: above(log_likelihood),
            },
            rate_score("smoothing", &circuit, &held_out, &start[0], &above),
        ];

        let spikes = |recording: &Recording| counts_in(recording.trials[0].spikes.view(), FACTOR);
        let (train_counts, test_counts) = (spikes(&train), spikes(&test));
        let as_activity = |expected: &Array2<f64>| {
            let mean = population_mean(expected, &train.populations, 3);
            Array2::from_shape_fn((BINS, 3), |(t, m)| mean[[(t / FACTOR).min(mean.nrows() - 1), m]] / FACTOR as f64)
        };
        let hmm = PoissonHmm::fit(train_counts.view(), &HmmOptions::default())?;
        let expected = as_activity(&hmm.expected(test_counts.view()));
        scores.push(rate_score("hidden Markov model", &circuit, &held_out, &expected, &above));
        context.monitor.check()?;
        let plds = Plds::fit(train_counts.view(), &PldsOptions::default())?;
        let expected = as_activity(&plds.expected(test_counts.view())?);
        scores.push(rate_score("linear dynamical system", &circuit, &held_out, &expected, &above));

        // Free runs: does the difference of the excitatory populations have two modes?
        let seconds = 100.0;
        let circuit_run = coarser(free_run(&fit.network, seconds, seed(context, INFO.id, 1))?.view(), FACTOR);
        let n_bins = (seconds / DT) as usize / FACTOR;
        let plds_run = population_mean(&plds.simulate(n_bins, seed(context, INFO.id, 2))?, &train.populations, 3);
        let plds_run = plds_run / (FACTOR as f64 * DT);
        let gap = |run: &Array2<f64>| -> Vec<f64> { run.rows().into_iter().map(|row| row[0] - row[1]).collect() };
        let (circuit_gap, plds_gap) = (gap(&circuit_run), gap(&plds_run));
        let (two, one) = (bimodality_coefficient(&circuit_gap)?, bimodality_coefficient(&plds_gap)?);

        let mut table = Table::new("scores", "Test data of ten seconds")
            .column("model", "")
            .column("correlation with the true activity", "")
            .column("held-out neurons, above homogeneous", "nats per spike");
        for score in &scores {
            table.push([score.name.into(), score.similarity.into(), score.nats_per_spike.into()]);
        }
        let shown = 1500;
        let time: Vec<f64> = (0..shown).map(|t| t as f64 * FACTOR as f64 * DT).collect();
        let panel = |title: &str, run: &Array2<f64>| {
            ["E1", "E2", "I"].into_iter().enumerate().fold(
                Panel::new().title(title).x_label("time (s)").y_label("activity (Hz)").height(200.0),
                |panel, (m, name)| panel.line(name, &time, &run.slice(s![..shown, m]).to_vec()),
            )
        };
        Ok(Section::new(INFO.id, ROOM, INFO.title)
            .describe(
                "Ten seconds of nine neurons to fit, the next ten to infer the activity with the fitted model; a fourth \
                 neuron of each population, never fitted, tells how well the rates are predicted. Then every model runs \
                 freely.",
            )
            .claim(
                Claim::new("correlation", "correlation of neuLVM with the true activity above that of smoothing")
                    .reference("at least 0", Source::ThisProject)
                    .value(scores[0].similarity - scores[1].similarity)
                    .at_least(0.0),
            )
            .claim(
                Claim::new("held-out", "nats per spike of held-out neurons, neuLVM above smoothing")
                    .reference("at least 0", Source::ThisProject)
                    .value(scores[0].nats_per_spike - scores[1].nats_per_spike)
                    .at_least(0.0),
            )
            .claim(
                Claim::new("plds-unimodal", "bimodality coefficient of E1 - E2 in a free run of the linear dynamical system")
                    .reference("no metastability", Source::Paper)
                    .value(one)
                    .at_most(0.555),
            )
            .claim(
                Claim::new("neulvm-bimodal", "bimodality coefficient of E1 - E2 in a free run of the fitted circuit")
                    .reference("metastability", Source::Paper)
                    .value(two)
                    .at_least(0.555),
            )
            .figure(
                Figure::new("baselines", "Free runs of the fitted models")
                    .describe("Thirty seconds of activity of the fitted circuit and of the linear dynamical system.")
                    .panel(panel("fitted circuit", &circuit_run))
                    .panel(panel("linear dynamical system", &plds_run))
                    .columns(1),
            )
            .table(table)
            .note(
                "The hidden Markov model recovers the two levels nearly as well as the circuit, because within a level \
                 there is little to recover; it has no answer to a stimulus.",
            ))
    }
}

fn clipped(activity: &[Array2<f64>]) -> Vec<Array2<f64>> {
    activity.iter().map(|z| z.mapv(|z| z.clamp(1e-5, 1.0))).collect()
}

/// A model that predicts one rate per population and bin.
fn rate_score(
    name: &'static str,
    circuit: &CircuitRecording,
    held_out: &Recording,
    activity: &Array2<f64>,
    above: &impl Fn(f64) -> f64,
) -> Score {
    let spikes = &held_out.trials[0].spikes;
    let log_likelihood: f64 = spikes
        .indexed_iter()
        .map(|((t, i), &spike)| {
            let p = activity[[t, held_out.populations[i]]].clamp(1e-4, 0.99);
            if spike > 0 { p.ln() } else { (-p).ln_1p() }
        })
        .sum();
    Score { name, similarity: circuit.similarity(activity, BINS), nats_per_spike: above(log_likelihood) }
}
