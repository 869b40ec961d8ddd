//! Switching is an effect of finite size: larger populations stay longer.

use neuropil_core::threads;
use neuropil_report::{Claim, Figure, Panel, Section, Size, Source, Table};
use neuropil_spikes::meso::simulate_meso_with;
use neuropil_spikes::start::Start;
use neuropil_spikes::{MesoOptions, winner_take_all};
use rayon::prelude::*;
use serde_json::json;

use super::circuit_recording::{RATES, levels, seed};
use super::{POPULATIONS, ROOM};
use crate::{Context, Experiment, Info, Result};

/// Dwell time against the size of the circuit.
#[derive(Debug)]
pub struct FiniteSize;

const INFO: Info = Info {
    id: "spikes.population-finite-size",
    room: ROOM,
    paper: POPULATIONS,
    figure: "Figure 10 (idea)",
    title: "Mean dwell time against the number of neurons",
};

/// Factors of the numbers of neurons, independent runs of each, and their length in s.
fn plan(size: Size) -> (&'static [f64], u64, f64) {
    match size {
        Size::Quick => (&[0.5, 0.75, 1.0], 4, 400.0),
        Size::Full => (&[0.5, 1.0, 2.0, 4.0], 8, 1000.0),
    }
}

impl Experiment for FiniteSize {
    fn info(&self) -> &Info {
        &INFO
    }

    fn parameters(&self, size: Size) -> serde_json::Value {
        let (factors, runs, duration) = plan(size);
        json!({"network": winner_take_all(), "factors": factors, "runs": runs, "duration_s": duration, "dt_s": 0.001})
    }

    fn run(&self, context: &Context) -> Result<Section> {
        let (factors, runs, duration) = plan(context.size);
        let task = context.monitor.task("simulations", factors.len() as u64 * runs);
        let jobs: Vec<(usize, u64)> = (0..factors.len()).flat_map(|i| (0..runs).map(move |run| (i, run))).collect();
        let counts: Result<Vec<usize>> = threads::install(|| {
            jobs.par_iter()
                .map(|&(i, run)| {
                    let sizes: Vec<usize> =
                        winner_take_all().sizes().iter().map(|&n| (n as f64 * factors[i]).round() as usize).collect();
                    let options = MesoOptions {
                        dt: 0.001,
                        duration,
                        seed: seed(context, INFO.id, 100 * i as u64 + run),
                        start: Start::Activity(RATES.to_vec()),
                        ..MesoOptions::default()
                    };
                    let result =
                        simulate_meso_with(&winner_take_all().with_sizes(&sizes), &options, &context.monitor.quiet())?;
                    task.advance(1);
                    Ok(levels(result.activity.view(), result.dt)?.switches.times.len())
                })
                .collect()
        });
        let counts = counts?;
        // Switches are rare and independent: their number is close to Poisson.
        let rows: Vec<(f64, f64, f64)> = factors
            .iter()
            .enumerate()
            .map(|(i, factor)| {
                let n: f64 = counts[i * runs as usize..(i + 1) * runs as usize].iter().map(|&n| n as f64).sum();
                let dwell = duration * runs as f64 / n.max(0.5);
                (*factor, dwell, 1.0 / n.max(0.5).sqrt())
            })
            .collect();
        let weights: Vec<f64> = rows.iter().map(|row| row.2.powi(-2)).collect();
        let total: f64 = weights.iter().sum();
        let centre = rows.iter().zip(&weights).map(|(row, w)| w * row.0).sum::<f64>() / total;
        let spread: f64 = rows.iter().zip(&weights).map(|(row, w)| w * (row.0 - centre).powi(2)).sum();
        let slope = rows.iter().zip(&weights).map(|(row, w)| w * (row.0 - centre) * row.1.ln()).sum::<f64>() / spread;
        let error = 1.0 / spread.sqrt();
        let growth = rows.windows(2).map(|pair| pair[1].1 / pair[0].1).fold(f64::INFINITY, f64::min);
        let mut table = Table::new("dwell", "Mean dwell time")
            .column("size of the circuit", "1000 neurons")
            .column("mean dwell", "s")
            .column("relative standard error", "");
        for row in &rows {
            table.push([row.0.into(), row.1.into(), row.2.into()]);
        }
        let x: Vec<f64> = rows.iter().map(|row| row.0 * 1000.0).collect();
        let y: Vec<f64> = rows.iter().map(|row| row.1).collect();
        let low: Vec<f64> = rows.iter().map(|row| row.1 * (-1.96 * row.2).exp()).collect();
        let high: Vec<f64> = rows.iter().map(|row| row.1 * (1.96 * row.2).exp()).collect();
        Ok(Section::new(INFO.id, ROOM, INFO.title)
            .describe(
                "The noise of a population shrinks with the square root of its size, so that the time between two \
                 switches grows exponentially: the circuit is metastable, not oscillating.",
            )
            .claim(
                Claim::new("growth", "smallest ratio of the mean dwell times of neighbouring sizes")
                    .reference("above 1", Source::Theory)
                    .value(growth)
                    .at_least(1.0),
            )
            .claim(
                Claim::new("slope", "slope of ln(mean dwell) per 1000 neurons, lower end of its 95 % interval")
                    .reference("above 0", Source::Theory)
                    .value(slope - 1.96 * error)
                    .interval(slope - 1.96 * error, slope + 1.96 * error)
                    .at_least(0.0),
            )
            .figure(
                Figure::new("finite-size", INFO.title)
                    .describe("Mean dwell time with 95 % intervals, on a logarithmic axis.")
                    .panel(
                        Panel::new()
                            .x_label("neurons in the circuit")
                            .y_label("mean dwell time (s)")
                            .log_y()
                            .height(280.0)
                            .error_bars("simulation", &x, &y, &low, &high)
                            .line("simulation", &x, &y),
                    ),
            )
            .table(table))
    }
}
