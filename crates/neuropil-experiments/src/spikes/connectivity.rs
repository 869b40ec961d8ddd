//! With all activity known, the couplings come back.

use ndarray::{Array2, Axis};
use neuropil_core::threads;
use neuropil_report::{Claim, Figure, Panel, Section, Size, Source, Table};
use neuropil_spikes::inference::full_observation::{FullObservationOptions, fit_full_observation};
use neuropil_spikes::inference::{LatentModel, LikelihoodOptions, OldAges};
use neuropil_spikes::micro::simulate_micro_with;
use neuropil_spikes::start::Start;
use neuropil_spikes::{MicroOptions, winner_take_all};
use rayon::prelude::*;
use serde_json::json;

use super::ROOM;
use super::circuit_recording::{RATES, seed};
use crate::{Context, Experiment, Info, Result};

/// Couplings and time constants from the activity of all populations.
#[derive(Debug)]
pub struct Connectivity;

const INFO: Info = Info {
    id: "spikes.neulvm-connectivity",
    room: ROOM,
    paper: "René, Longtin, Macke (2020), Neural Computation 32, arXiv:1910.01618",
    figure: "full observation",
    title: "Couplings and time constants from the activity of every population",
};

const DT: f64 = 0.001;

fn plan(size: Size) -> (u64, f64) {
    match size {
        Size::Quick => (5, 20.0),
        Size::Full => (5, 200.0),
    }
}

fn options() -> FullObservationOptions {
    FullObservationOptions {
        likelihood: Some(LikelihoodOptions { age_bins: 100, old_ages: OldAges::Pooled, latent: LatentModel::Binomial }),
        n_restarts: 1,
        ..FullObservationOptions::default()
    }
}

impl Experiment for Connectivity {
    fn info(&self) -> &Info {
        &INFO
    }

    fn parameters(&self, size: Size) -> serde_json::Value {
        let (data_sets, duration) = plan(size);
        json!({"network": winner_take_all(), "data_sets": data_sets, "duration_s": duration, "dt_s": DT, "fit": options()})
    }

    fn run(&self, context: &Context) -> Result<Section> {
        let (data_sets, duration) = plan(context.size);
        let network = winner_take_all();
        let task = context.monitor.task("data sets", data_sets);
        let fits: Result<Vec<_>> = threads::install(|| {
            (0..data_sets)
                .into_par_iter()
                .map(|d| {
                    let simulation = MicroOptions {
                        duration,
                        seed: seed(context, INFO.id, d),
                        start: Start::Activity(RATES.to_vec()),
                        ..MicroOptions::default()
                    };
                    let monitor = context.monitor.quiet();
                    let result = simulate_micro_with(&network, &simulation, &monitor)?;
                    let sizes = network.sizes();
                    let z = Array2::from_shape_fn((result.counts.nrows() / 5, 3), |(t, m)| {
                        (0..5).map(|i| f64::from(result.counts[[5 * t + i, m]])).sum::<f64>() / sizes[m] as f64
                    });
                    // Pieces of five seconds keep the memory of a sweep in the cache.
                    let pieces: Vec<Array2<f64>> =
                        z.axis_chunks_iter(Axis(0), 5000).map(|piece| piece.to_owned()).collect();
                    let options = FullObservationOptions { seed: d, ..options() };
                    let fit = fit_full_observation(&network, &pieces, None, DT, &options, &monitor)?;
                    task.advance(1);
                    Ok(fit)
                })
                .collect()
        });
        let fits = fits?;
        let n = fits[0].numbers.len();
        let means: Vec<f64> =
            (0..n).map(|i| fits.iter().map(|fit| fit.numbers[i]).sum::<f64>() / fits.len() as f64).collect();
        let names: Vec<String> = (0..n).map(|i| fits[0].free.name(i)).collect();
        let deviation = |word: &str| {
            (0..n).filter(|&i| names[i].starts_with(word)).map(|i| (means[i] - 1.0).abs()).fold(0.0, f64::max)
        };
        let mut table = Table::new("parameters", "Fitted values as multiples of the true ones").column("parameter", "");
        for d in 0..fits.len() {
            table = table.column(format!("data set {d}"), "");
        }
        table = table.column("mean", "").column("standard error of one fit", "");
        for i in 0..n {
            let values = fits.iter().map(|fit| fit.numbers[i].into());
            let sd = fits[0].uncertainty.standard_deviations()[i];
            table.push(std::iter::once(names[i].clone().into()).chain(values).chain([means[i].into(), sd.into()]));
        }
        // Short enough to stand side by side: "leak 0 (1/s)" is "leak E1".
        let short: Vec<String> = names
            .iter()
            .map(|name| {
                let mut words = name.split(' ');
                let (kind, population) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
                let population = population.parse::<usize>().ok().and_then(|m| ["E1", "E2", "I"].get(m));
                population.map_or_else(|| name.clone(), |population| format!("{kind} {population}"))
            })
            .collect();
        let labels: Vec<&str> = short.iter().map(String::as_str).collect();
        Ok(Section::new(INFO.id, ROOM, INFO.title)
            .describe(
                "The winner-take-all circuit, simulated in steps of 0.2 ms, with the spike counts of all \
                 populations in bins of 1 ms. Maximum likelihood with binomial counts from a start within 20 % of the \
                 truth; means over data sets.",
            )
            .claim(
                Claim::new("couplings", "largest deviation of a mean coupling strength from the truth")
                    .reference(0.0, Source::ThisProject)
                    .value(deviation("strength"))
                    .at_most(0.10),
            )
            .claim(
                Claim::new("leak", "largest deviation of a mean leak rate (1/tau_m) from the truth")
                    .reference(0.0, Source::ThisProject)
                    .value(deviation("leak"))
                    .at_most(0.15),
            )
            .figure(
                Figure::new("connectivity", INFO.title)
                    .describe("Mean fitted parameters as multiples of the true ones.")
                    .panel(
                        Panel::new()
                            .y_label("fitted / true")
                            .height(300.0)
                            .bars("mean of the data sets", &labels, &means)
                            .hlines("truth", &[1.0]),
                    ),
            )
            .table(table))
    }
}
