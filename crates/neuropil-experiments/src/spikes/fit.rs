//! The headline of the paper: nine neurons, ten seconds, and the circuit behind them.

use ndarray::Array2;
use neuropil_core::statistics::mean;
use neuropil_core::threads;
use neuropil_report::{Claim, Figure, Panel, Section, Size, Source, Table};
use neuropil_spikes::inference::{self, BaumViterbi, EStep, FitOptions, LaplaceOptions, hidden_activity};
use neuropil_spikes::winner_take_all;
use rayon::prelude::*;
use serde_json::json;

use super::circuit_recording::{BINS, CircuitRecording, DT, Levels, coarser, free_run, levels, seed, short_grid};
use super::{PAPER, ROOM};
use crate::{Context, Experiment, Info, Result};

/// Recovery of the activity, and the free run of the fitted circuit.
#[derive(Debug)]
pub struct Fit;

const INFO: Info = Info {
    id: "spikes.neulvm-fit",
    room: ROOM,
    paper: PAPER,
    figure: "Figure 4",
    title: "The hidden activity of a winner-take-all circuit from nine neurons",
};

/// Data sets, and the settings of the fit.
fn plan(size: Size) -> (u64, FitOptions) {
    match size {
        Size::Quick => {
            let quick =
                FitOptions { likelihood: Some(short_grid()), n_restarts: 3, max_rounds: 3, ..FitOptions::default() };
            (5, quick)
        }
        Size::Full => (5, FitOptions { likelihood: Some(Default::default()), ..FitOptions::default() }),
    }
}

struct Outcome {
    start: f64,
    published: f64,
    smoothed: f64,
    laplace: f64,
    free: Levels,
    /// Levels of the true activity in the ten seconds that were recorded.
    truth: Levels,
    fit: inference::Fit,
    laplace_activity: Array2<f64>,
}

impl Experiment for Fit {
    fn info(&self) -> &Info {
        &INFO
    }

    fn parameters(&self, size: Size) -> serde_json::Value {
        let (data_sets, options) = plan(size);
        json!({"network": winner_take_all(), "dt_s": DT, "bins": BINS, "recorded_per_population": 3,
               "data_sets": data_sets, "fit": options, "laplace": laplace_options(&options)})
    }

    fn run(&self, context: &Context) -> Result<Section> {
        let (data_sets, options) = plan(context.size);
        let task = context.monitor.task("data sets", data_sets);
        let outcomes: Result<Vec<(CircuitRecording, Outcome)>> = threads::install(|| {
            (0..data_sets)
                .into_par_iter()
                .map(|d| {
                    let circuit = CircuitRecording::new(3, BINS, seed(context, INFO.id, d))?;
                    let outcome = one(&circuit, &options, d, context)?;
                    task.advance(1);
                    Ok((circuit, outcome))
                })
                .collect()
        });
        let outcomes = outcomes?;
        let over = |value: &dyn Fn(&Outcome) -> f64| {
            mean(&outcomes.iter().map(|(_, outcome)| value(outcome)).collect::<Vec<f64>>()).unwrap_or(f64::NAN)
        };
        let (start, published) = (over(&|o| o.start), over(&|o| o.published));
        let (smoothed, laplace) = (over(&|o| o.smoothed), over(&|o| o.laplace));
        // The true parameters in the steps of the fit are not the network that was recorded.
        let unfitted = levels(free_run(&winner_take_all(), 400.0, seed(context, INFO.id, 2000))?.view(), DT)?;
        let recorded_low = over(&|o| o.truth.low);
        let (high, low, inhibitory) = (over(&|o| o.free.high), over(&|o| o.free.low), over(&|o| o.free.inhibitory));
        let section = Section::new(INFO.id, ROOM, INFO.title)
            .describe(
                "Three neurons of each population are recorded for ten seconds that hold at least two switches. \
                 Parameters and hidden activity are fitted in turn. The activity is judged by its correlation with \
                 the true one (both smoothed with 20 ms, mean of E1 and E2), the circuit by the levels of a free run \
                 of 100 s. Means over data sets.",
            )
            .claim(
                Claim::new("correlation", "correlation of inferred and true activity, published E-step")
                    .reference("0.967 to 0.979 on two data sets", Source::ThisProject)
                    .value(published)
                    .at_least(0.95),
            )
            .claim(
                Claim::new("gain", "its correlation above that of the smoothed trains the fit starts from")
                    .reference("0.01 to 0.06", Source::ThisProject)
                    .value(published - start)
                    .at_least(0.015),
            )
            .claim(
                Claim::new("correlation-laplace", "correlation with the Laplace E-step (innovations and parameters jointly)")
                    .reference(0.95, Source::ThisProject)
                    .value(laplace)
                    .at_least(0.95),
            )
            .claim(
                Claim::new("free-high", "free run: level of the winning population, Hz")
                    .reference(18.78, Source::ThisProject)
                    .value(high)
                    .relative_error_at_most(0.15),
            )
            .claim(
                Claim::new("free-inhibitory", "free run: level of the inhibitory population, Hz")
                    .reference(24.50, Source::ThisProject)
                    .value(inhibitory)
                    .relative_error_at_most(0.06),
            )
            .claim(
                Claim::new("free-low", "free run: level of the losing population, Hz")
                    .reference(6.03, Source::ThisProject)
                    .value(low)
                    .absolute_error_at_most(2.0)
                    .known_deviation(
                        "the published objective prefers a silent losing population. Its Gaussian density of the activity \
                         grows as the variance p / N shrinks: in data set 0 the activity of the losing population is \
                         inferred at 3.6 Hz, although it and its recorded neurons fire at 5.6 Hz; that gains 0.22 nats in \
                         each of some 2000 bins and costs the recorded spikes 11 nats in all. The Laplace E-step, without \
                         this reward, infers 4.2 Hz. What is left is the time step: in Euler steps of 4 ms the true \
                         parameters themselves run at 21.7, 3.5 and 25.3 Hz",
                    ),
            );
        let mut table = Table::new("data-sets", "Per data set")
            .column("data set", "")
            .column("correlation, start", "")
            .column("correlation, published E-step", "")
            .column("correlation, its most probable course", "")
            .column("correlation, Laplace E-step", "")
            .column("true activity, high", "Hz")
            .column("true activity, low", "Hz")
            .column("free run, high", "Hz")
            .column("free run, low", "Hz")
            .column("free run, inhibitory", "Hz")
            .column("switches in 100 s", "");
        for (d, (_, o)) in outcomes.iter().enumerate() {
            table.push([
                (d as f64).into(),
                o.start.into(),
                o.published.into(),
                o.smoothed.into(),
                o.laplace.into(),
                o.truth.high.into(),
                o.truth.low.into(),
                o.free.high.into(),
                o.free.low.into(),
                o.free.inhibitory.into(),
                (o.free.switches.times.len() as f64).into(),
            ]);
        }
        let mut parameters =
            Table::new("parameters", "Fitted parameters, as multiples of the true ones").column("parameter", "");
        for d in 0..outcomes.len() {
            parameters = parameters.column(format!("data set {d}"), "");
        }
        if let Some((_, first)) = outcomes.first() {
            for i in 0..first.fit.free.len() {
                let values = outcomes.iter().map(|(_, o)| o.fit.restarts[o.fit.best].numbers[i].into());
                parameters.push(std::iter::once(first.fit.free.name(i).into()).chain(values));
            }
        }
        Ok(section.figure(figure(&outcomes[0])).table(table).table(parameters).note(format!(
            "The most probable course at the parameters of the published fit has the correlation {smoothed:.3}. \
                 Parameters are effective at the 4 ms of the fit: in forward Euler steps of that length the true \
                 parameters are not those of the 0.2 ms network: they run at {:.1}, {:.1} and {:.1} Hz (high, low, \
                 inhibitory), and the losing population fired at {recorded_low:.1} Hz in the recordings.",
            unfitted.high, unfitted.low, unfitted.inhibitory
        )))
    }
}

fn laplace_options(options: &FitOptions) -> FitOptions {
    FitOptions { e_step: EStep::Laplace { max_iterations: 120 }, ..options.clone() }
}

fn one(circuit: &CircuitRecording, options: &FitOptions, index: u64, context: &Context) -> Result<Outcome> {
    let recording = circuit.recording(0..3, 0, BINS)?;
    let network = winner_take_all();
    let monitor = context.monitor.quiet();
    let options = FitOptions { seed: index, ..options.clone() };
    let problem = BaumViterbi::new(&network, &recording, options.clone())?;
    let fit = problem.fit(&monitor)?;
    let search = LaplaceOptions { n_samples: 1, lanczos_steps: 2, ..LaplaceOptions::default() };
    let hidden = hidden_activity(problem.likelihood(), &fit.circuit, &fit.activity, &search, &monitor)?;
    let laplace = BaumViterbi::new(&network, &recording, laplace_options(&options))?.fit(&monitor)?;
    let free = free_run(&fit.network, 100.0, seed(context, INFO.id, 1000 + index))?;
    Ok(Outcome {
        start: circuit.similarity(&fit.smoothed[0], 0),
        published: circuit.similarity(&fit.activity[0], 0),
        smoothed: circuit.similarity(&hidden.mode[0], 0),
        laplace: circuit.similarity(&laplace.activity[0], 0),
        free: levels(free.view(), DT)?,
        truth: levels((&circuit.truth.slice(ndarray::s![..BINS, ..]) / DT).view(), DT)?,
        laplace_activity: laplace.activity[0].clone(),
        fit,
    })
}

fn figure((circuit, outcome): &(CircuitRecording, Outcome)) -> Figure {
    let time: Vec<f64> = (0..BINS / 5).map(|t| (t as f64 + 0.5) * 5.0 * DT).collect();
    let names = ["E1", "E2", "I"];
    let mut figure = Figure::new("fit", INFO.title).describe(
        "Spikes of the nine recorded neurons, and the activity of the three populations in bins of 20 ms: true, \
         inferred by the published E-step, and by the Laplace E-step.",
    );
    let mut raster = Panel::new().title("Recorded spikes").y_label("neuron").height(150.0);
    for (m, name) in names.into_iter().enumerate() {
        let (mut x, mut y) = (Vec::new(), Vec::new());
        for i in 0..3 {
            let column = circuit.spikes.column(m * circuit.per_population + i);
            for (t, _) in column.iter().skip(super::circuit_recording::HISTORY).enumerate().filter(|(_, s)| **s > 0) {
                x.push(t as f64 * DT);
                y.push((3 * m + i + 1) as f64);
            }
        }
        raster = raster.points(name, &x, &y).size(1.5);
    }
    figure = figure.panel(raster);
    for (m, name) in names.into_iter().enumerate() {
        let hz = |z: &Array2<f64>| coarser((z / DT).view(), 5).column(m).to_vec();
        figure = figure.panel(
            Panel::new()
                .title(format!("Activity of {name}"))
                .x_label("time (s)")
                .y_label("Hz")
                .height(170.0)
                .line("true", &time, &hz(&circuit.truth.slice(ndarray::s![..BINS, ..]).to_owned()))
                .line("published E-step", &time, &hz(&outcome.fit.activity[0]))
                .line("Laplace E-step", &time, &hz(&outcome.laplace_activity)),
        );
    }
    figure.columns(1)
}
