//! What more recorded neurons buy.

use neuropil_core::threads;
use neuropil_report::{Claim, Figure, Panel, Section, Size, Source, Table};
use neuropil_spikes::inference::{BaumViterbi, FitOptions};
use neuropil_spikes::winner_take_all;
use rayon::prelude::*;
use serde_json::json;

use super::circuit_recording::{BINS, CircuitRecording, seed, short_grid};
use super::{PAPER, ROOM};
use crate::{Context, Experiment, Info, Result};

/// Correlation against the number of recorded neurons.
#[derive(Debug)]
pub struct MoreNeurons;

const INFO: Info = Info {
    id: "spikes.neulvm-more-neurons",
    room: ROOM,
    paper: PAPER,
    figure: "beyond the paper",
    title: "The recovered activity against the number of recorded neurons",
};

fn plan(size: Size) -> (&'static [usize], u64) {
    match size {
        Size::Quick => (&[1, 3, 10], 2),
        Size::Full => (&[1, 2, 3, 5, 10], 5),
    }
}

fn options() -> FitOptions {
    FitOptions { likelihood: Some(short_grid()), n_restarts: 2, max_rounds: 3, ..FitOptions::default() }
}

impl Experiment for MoreNeurons {
    fn info(&self) -> &Info {
        &INFO
    }

    fn parameters(&self, size: Size) -> serde_json::Value {
        let (numbers, data_sets) = plan(size);
        json!({"recorded_per_population": numbers, "data_sets": data_sets, "fit": options()})
    }

    fn run(&self, context: &Context) -> Result<Section> {
        let (numbers, data_sets) = plan(context.size);
        let task = context.monitor.task("fits", numbers.len() as u64 * data_sets);
        let jobs: Vec<(u64, usize)> = (0..data_sets).flat_map(|d| numbers.iter().map(move |&n| (d, n))).collect();
        let circuits: Result<Vec<CircuitRecording>> = threads::install(|| {
            (0..data_sets).into_par_iter().map(|d| CircuitRecording::new(10, BINS, seed(context, INFO.id, d))).collect()
        });
        let circuits = circuits?;
        let scores: Result<Vec<(f64, f64)>> = threads::install(|| {
            jobs.par_iter()
                .map(|&(d, n)| {
                    let circuit = &circuits[d as usize];
                    let recording = circuit.recording(0..n, 0, BINS)?;
                    let fit =
                        BaumViterbi::new(&winner_take_all(), &recording, options())?.fit(&context.monitor.quiet())?;
                    task.advance(1);
                    Ok((circuit.similarity(&fit.smoothed[0], 0), circuit.similarity(&fit.activity[0], 0)))
                })
                .collect()
        });
        let scores = scores?;
        let mean = |n: usize, value: fn(&(f64, f64)) -> f64| {
            let of: Vec<f64> =
                jobs.iter().zip(&scores).filter(|(job, _)| job.1 == n).map(|(_, score)| value(score)).collect();
            of.iter().sum::<f64>() / of.len() as f64
        };
        let start: Vec<f64> = numbers.iter().map(|&n| mean(n, |s| s.0)).collect();
        let fitted: Vec<f64> = numbers.iter().map(|&n| mean(n, |s| s.1)).collect();
        let growth = fitted.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::INFINITY, f64::min);
        let x: Vec<f64> = numbers.iter().map(|&n| n as f64).collect();
        let mut table = Table::new("correlation", "Correlation with the true activity")
            .column("recorded neurons per population", "")
            .column("smoothing (start)", "")
            .column("fit", "");
        for i in 0..x.len() {
            table.push([x[i].into(), start[i].into(), fitted[i].into()]);
        }
        Ok(Section::new(INFO.id, ROOM, INFO.title)
            .describe("The fit of ten seconds of the winner-take-all circuit with 1, 3 and 10 neurons per population.")
            .claim(
                Claim::new("growth", "smallest gain of the correlation from one number of neurons to the next")
                    .reference("above 0", Source::ThisProject)
                    .value(growth)
                    .at_least(0.0),
            )
            .claim(
                Claim::new("ten", "correlation with ten neurons per population")
                    .reference(0.97, Source::ThisProject)
                    .value(fitted.last().copied().unwrap_or(f64::NAN))
                    .at_least(0.97),
            )
            .figure(
                Figure::new("more-neurons", INFO.title)
                    .describe("Mean correlation of E1 and E2 with the true activity.")
                    .panel(
                        Panel::new()
                            .x_label("recorded neurons per population")
                            .y_label("correlation")
                            .height(280.0)
                            .line("smoothing", &x, &start)
                            .line("fit", &x, &fitted),
                    ),
            )
            .table(table))
    }
}
