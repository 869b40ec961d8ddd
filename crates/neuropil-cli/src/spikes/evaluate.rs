//! `neuropil spikes evaluate`.

use std::path::PathBuf;

use clap::Args;
use ndarray::Array2;
use neuropil_data::spikes::BinRule;
use neuropil_report::{Cell, Figure, Panel, Table};
use neuropil_spikes::baselines::hmm::{HmmOptions, PoissonHmm};
use neuropil_spikes::baselines::{coarser as counts_in, population_mean};
use neuropil_spikes::inference::model_selection::log_likelihood_of_neurons;
use neuropil_spikes::inference::{Circuit, JointLikelihood, LaplaceOptions, Recording, hidden_activity};
use serde_json::json;

use crate::delivery::{Delivery, Summary};
use crate::failure::{Failure, Result};
use crate::options::Context;
use crate::outputs::{Outputs, ResultTable};
use crate::spikes::fit_file::FitFile;
use crate::spikes::infer::recording;
use crate::spikes::recording_args::RecordingArgs;

/// Score a fitted circuit on another recording, beside models without mechanism
///
/// The recording must hold the same neurons as that of the fit. The hidden activity is inferred with the fitted parameters
/// from all neurons but --held-out; the spikes of the held-out neurons are then predicted, in nats per spike above
/// constant rates, by the circuit, by smoothing and by a hidden Markov model.
#[derive(Debug, Args)]
#[command(after_help = r"Examples:
  neuropil spikes evaluate data/wta_fit.json data/wta_spikes.csv --window 1:12 --held-out 2,5,8
  neuropil spikes evaluate data/wta_fit.json data/wta_spikes.csv --held-out 0 --json")]
pub(crate) struct EvaluateArgs {
    /// The json that `infer` has written
    fit: PathBuf,
    #[command(flatten)]
    recording: RecordingArgs,
    /// Neurons that are predicted and not used, by position [default: the last of every population]
    #[arg(long, value_name = "I,...", value_delimiter = ',')]
    held_out: Vec<usize>,
}

pub(crate) fn run(args: &EvaluateArgs, context: &Context<'_>) -> Result<i32> {
    let outputs = Outputs::plan(context.global, "evaluate")?;
    let fit = FitFile::read(&args.fit)?;
    let loaded = args.recording.read(context, BinRule::Binary)?;
    let n = loaded.trains.n_neurons();
    if fit.labels.len() != n {
        return Err(Failure::usage(format!("the fit knows {} neurons, the recording has {n}", fit.labels.len()))
            .hint("choose the neurons of the fit with --neurons"));
    }
    if (args.recording.dt / fit.dt_s - 1.0).abs() > 1e-9 {
        return Err(Failure::usage(format!("the fit holds at bins of {} s, not {} s", fit.dt_s, args.recording.dt))
            .hint(format!("give --dt {}", fit.dt_s)));
    }
    let held_out = args.held_out(&fit.labels, n)?;
    let all = recording(&loaded, &fit.labels, fit.network.n_populations(), fit.dt_s)?;
    let kept: Vec<usize> = (0..n).filter(|i| !held_out.contains(i)).collect();
    let (seen, hidden_neurons) = (part(&all, &kept), part(&all, &held_out));
    let circuit = Circuit::from_network(&fit.network, fit.dt_s)?;
    let likelihood = JointLikelihood::new(&circuit, seen.clone(), fit.likelihood)?;
    let smoothed = clipped(&seen.smoothed_activity(0.1 / fit.dt_s, circuit.n_populations()));
    let search = LaplaceOptions { n_samples: 1, lanczos_steps: 2, ..LaplaceOptions::default() };
    let found = hidden_activity(&likelihood, &circuit, &smoothed, &search, &context.monitor())?;
    let mode = clipped(&found.mode);
    let n_spikes = hidden_neurons.n_spikes().max(1) as f64;
    let above = |log_likelihood: f64| (log_likelihood - hidden_neurons.homogeneous_log_likelihood()) / n_spikes;
    let mut scores = vec![
        ("circuit", above(log_likelihood_of_neurons(&circuit, &hidden_neurons, &mode, fit.likelihood)?)),
        ("smoothing, 0.1 s", above(of_rates(&hidden_neurons, &smoothed))),
    ];
    let factor = ((0.02 / fit.dt_s).round() as usize).max(1);
    let counts = counts_in(seen.trials[0].spikes.view(), factor);
    if seen.trials.len() == 1 && counts.nrows() > 10 {
        let model =
            PoissonHmm::fit(counts.view(), &HmmOptions { seed: context.global.seed(), ..HmmOptions::default() })?;
        let expected = population_mean(&model.expected(counts.view()), &seen.populations, circuit.n_populations());
        let rates = Array2::from_shape_fn(mode[0].dim(), |(t, m)| {
            expected[[(t / factor).min(expected.nrows() - 1), m]] / factor as f64
        });
        scores.push(("hidden Markov model, fitted here", above(of_rates(&hidden_neurons, &clipped(&[rates])))));
    }
    let mut table = ResultTable::default();
    table.text("model", scores.iter().map(|(name, _)| (*name).to_owned()));
    table.numbers("nats_per_spike", scores.iter().map(|(_, score)| *score));
    let mut text = Table::new("scores", "").column("model", "").column("held-out neurons", "nats per spike");
    for (name, score) in &scores {
        text.push([(*name).into(), Cell::from(*score)]);
    }
    let mut summary = Summary::default();
    summary.line("held-out neurons", format!("{held_out:?}, {} spikes", hidden_neurons.n_spikes()));
    let delivery = Delivery {
        command: "spikes evaluate",
        seed: context.global.seed(),
        parameters: json!({"fit": args.fit, "held_out": held_out, "dt_s": fit.dt_s}),
        input: loaded.describe(),
        result: json!({"spikes": hidden_neurons.n_spikes()}),
        table,
        table_key: "scores",
        arrays: vec![("activity_hz".into(), (&mode[0] / fit.dt_s).into_dyn())],
        summary: summary.append(&text.to_text()),
    };
    delivery.deliver(context, &outputs, || {
        let (names, values): (Vec<&str>, Vec<f64>) = scores.iter().copied().unzip();
        Figure::new("evaluate", "Prediction of held-out neurons")
            .describe("Nats per spike above constant rates.")
            .panel(Panel::new().y_label("nats per spike").height(260.0).bars("held-out neurons", &names, &values))
    })
}

impl EvaluateArgs {
    fn held_out(&self, labels: &[usize], n: usize) -> Result<Vec<usize>> {
        if let Some(&neuron) = self.held_out.iter().find(|&&neuron| neuron >= n) {
            return Err(Failure::usage(format!("--held-out {neuron}: there are {n} neurons, counted from 0")));
        }
        if !self.held_out.is_empty() {
            return Ok(self.held_out.clone());
        }
        let n_populations = labels.iter().copied().max().unwrap_or(0) + 1;
        let last: Vec<usize> = (0..n_populations)
            .filter(|m| labels.iter().filter(|label| *label == m).count() > 1)
            .filter_map(|m| labels.iter().rposition(|label| *label == m))
            .collect();
        if last.is_empty() {
            return Err(Failure::usage("every population has one recorded neuron: none can be held out")
                .hint("choose with --held-out"));
        }
        Ok(last)
    }
}

fn part(recording: &Recording, neurons: &[usize]) -> Recording {
    let mut part = recording.clone();
    part.populations = neurons.iter().map(|&i| recording.populations[i]).collect();
    for (trial, all) in part.trials.iter_mut().zip(&recording.trials) {
        trial.spikes = all.spikes.select(ndarray::Axis(1), neurons);
        trial.initial_age = neurons.iter().map(|&i| all.initial_age[i]).collect();
    }
    part
}

fn clipped(activity: &[Array2<f64>]) -> Vec<Array2<f64>> {
    activity.iter().map(|z| z.mapv(|z| z.clamp(1e-5, 1.0))).collect()
}

/// Log-likelihood of spikes under one rate per population and bin.
fn of_rates(neurons: &Recording, activity: &[Array2<f64>]) -> f64 {
    neurons
        .trials
        .iter()
        .zip(activity)
        .flat_map(|(trial, z)| {
            trial.spikes.indexed_iter().map(|((t, i), &spike)| {
                let p = z[[t, neurons.populations[i]]].clamp(1e-4, 0.99);
                if spike > 0 { p.ln() } else { (-p).ln_1p() }
            })
        })
        .sum()
}
