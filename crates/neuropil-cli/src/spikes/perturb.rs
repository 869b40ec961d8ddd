//! `neuropil spikes perturb`.

use std::path::PathBuf;

use clap::Args;
use ndarray::Array2;
use neuropil_report::{Figure, Panel};
use neuropil_spikes::drive::PulseTrain;
use neuropil_spikes::inference::perturbation::{PerturbationOptions, PerturbationPrediction, predict_perturbation};
use serde_json::json;

use crate::delivery::{Delivery, Summary};
use crate::failure::{Failure, Result};
use crate::options::Context;
use crate::outputs::{Outputs, ResultTable};
use crate::spikes::fit_file::FitFile;
use crate::spikes::network_args::{drive, pulse};
use crate::spikes::population_name;

/// Predict what stimulating a population of a fitted circuit would do
///
/// The fitted circuit is simulated with and without pulses. The interval is that of the mean over as many trials as the
/// experiment will have; it also holds the uncertainty of the parameters if the fit was made with --uncertainty.
#[derive(Debug, Args)]
#[command(after_help = r"Examples:
  neuropil spikes perturb data/wta_fit.json --pulse 0:250:0.5:0.5 --plot perturb.svg
  neuropil spikes perturb data/wta_fit.json --pulse 1:-200:0.5:0.3 \
      --trials 50 --out prediction.csv")]
pub(crate) struct PerturbArgs {
    /// The json that `infer` has written
    fit: PathBuf,
    /// Stimulation: population, amplitude (mV/s; times tau_m a step of the resting potential), first begin (s), length
    /// (s), and the period (s) if it repeats
    #[arg(long, required = true, value_name = "POP:AMP:FIRST:LENGTH[:PERIOD]", value_parser = pulse)]
    pulse: Vec<PulseTrain>,
    /// Length of a trial, s
    #[arg(long, value_name = "S", default_value_t = 2.0)]
    duration: f64,
    /// Trials over which the experiment averages
    #[arg(long, value_name = "N", default_value_t = 20)]
    trials: usize,
    /// Simulated experiments behind the interval
    #[arg(long, value_name = "N", default_value_t = 60)]
    experiments: usize,
    /// Probability inside the interval
    #[arg(long, value_name = "P", default_value_t = 0.9)]
    coverage: f64,
    /// Time that the circuit runs before a trial, s
    #[arg(long, value_name = "S", default_value_t = 1.0)]
    warm_up: f64,
    /// Activity (Hz) of every population before a trial: the state from which the circuit starts [default: the mean
    /// activity of the fit]
    #[arg(long, value_name = "HZ,...", value_delimiter = ',')]
    start: Vec<f64>,
}

pub(crate) fn run(args: &PerturbArgs, context: &Context<'_>) -> Result<i32> {
    let outputs = Outputs::plan(context.global, "perturb")?;
    let fit = FitFile::read(&args.fit)?;
    let n = fit.network.n_populations();
    if !args.start.is_empty() && args.start.len() != n {
        return Err(Failure::usage(format!("--start has {} numbers for {n} populations", args.start.len())));
    }
    let n_steps = neuropil_spikes::drive::steps(args.duration, fit.dt_s)?;
    let stimulus = drive(&args.pulse, n_steps, n, fit.dt_s)?.unwrap_or_else(|| Array2::zeros((n_steps, n)));
    let options = PerturbationOptions {
        n_trials: args.trials,
        n_experiments: args.experiments,
        coverage: args.coverage,
        warm_up: args.warm_up,
        start: Some(if args.start.is_empty() { fit.mean_activity_hz.clone() } else { args.start.clone() }),
        seed: context.global.seed(),
    };
    let monitor = context.monitor();
    let predict = |drive: &Array2<f64>| {
        predict_perturbation(&fit.network, &fit.free, &fit.uncertainty(), drive, fit.dt_s, &options, &monitor)
    };
    let with = predict(&stimulus)?;
    let without = predict(&Array2::zeros((n_steps, n)))?;
    if fit.covariance_root.is_none() {
        context.console.warn(
            "the fit holds no uncertainty of its parameters: the interval is that of chance alone (fit with --uncertainty)",
        );
    }
    let mut table = ResultTable::default();
    table.numbers("time_s", (0..n_steps).map(|t| t as f64 * fit.dt_s));
    for m in 0..n {
        for (name, values) in
            [("mean", &with.mean), ("lower", &with.lower), ("upper", &with.upper), ("control", &without.mean)]
        {
            table.numbers(format!("{name}_{m}_hz"), values.column(m).to_vec());
        }
    }
    let mut summary = Summary::default();
    summary.line("pulses", format!("{} trains, {} trials of {} s", args.pulse.len(), args.trials, args.duration));
    for m in 0..n {
        let name = fit.populations.get(m).cloned().unwrap_or_else(|| m.to_string());
        let (mean, control) = (during(&with, &stimulus, m), during(&without, &stimulus, m));
        summary.line(&format!("{name} during the pulses"), format!("{mean:.2} Hz, {control:.2} Hz without"));
    }
    let delivery = Delivery {
        command: "spikes perturb",
        seed: context.global.seed(),
        parameters: json!({
            "fit": args.fit, "options": options, "duration_s": args.duration,
            "pulses": args.pulse.iter().map(|p| json!([p.population, p.amplitude, p.first, p.length])).collect::<Vec<_>>(),
        }),
        input: json!({"path": args.fit}),
        result: json!({"dt_s": fit.dt_s, "parameter_uncertainty": fit.covariance_root.is_some()}),
        table,
        table_key: "response",
        arrays: vec![
            ("mean".into(), with.mean.clone().into_dyn()),
            ("lower".into(), with.lower.clone().into_dyn()),
            ("upper".into(), with.upper.clone().into_dyn()),
            ("control".into(), without.mean.clone().into_dyn()),
            ("drive".into(), stimulus.clone().into_dyn()),
        ],
        summary: summary.append(""),
    };
    delivery.deliver(context, &outputs, || figure(&fit, &with, &without, &stimulus))
}

/// Mean response while any population is stimulated.
fn during(prediction: &PerturbationPrediction, stimulus: &Array2<f64>, m: usize) -> f64 {
    let on: Vec<usize> = (0..stimulus.nrows()).filter(|&t| stimulus.row(t).iter().any(|x| *x != 0.0)).collect();
    on.iter().map(|&t| prediction.mean[[t, m]]).sum::<f64>() / on.len().max(1) as f64
}

fn figure(
    fit: &FitFile,
    with: &PerturbationPrediction,
    without: &PerturbationPrediction,
    stimulus: &Array2<f64>,
) -> Figure {
    let time: Vec<f64> = (0..with.mean.nrows()).map(|t| t as f64 * fit.dt_s).collect();
    let mut figure = Figure::new("perturb", "Predicted response to stimulation")
        .describe("Mean response of every population with its interval, and the mean without stimulation.")
        .columns(1);
    for m in 0..with.mean.ncols() {
        let name = fit.populations.get(m).cloned().unwrap_or_else(|| m.to_string());
        let column = |values: &Array2<f64>| values.column(m).to_vec();
        figure = figure.panel(
            Panel::new()
                .title(population_name(&name))
                .y_label("Hz")
                .x_label("time (s)")
                .height(180.0)
                .band("with pulses", &time, &column(&with.lower), &column(&with.upper))
                .line("with pulses", &time, &column(&with.mean))
                .line("without", &time, &column(&without.mean)),
        );
    }
    let mut pulses = Panel::new().title("Stimulation").x_label("time (s)").y_label("mV/s").height(140.0);
    for m in 0..stimulus.ncols() {
        if stimulus.column(m).iter().any(|x| *x != 0.0) {
            let name = fit.populations.get(m).cloned().unwrap_or_else(|| m.to_string());
            pulses = pulses.step(population_name(&name), &time, &stimulus.column(m).to_vec());
        }
    }
    figure.panel(pulses)
}
