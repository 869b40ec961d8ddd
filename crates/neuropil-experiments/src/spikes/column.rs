//! A cortical column of 77,169 neurons in eight populations (Potjans and Diesmann 2014), mesoscopically.

use std::time::Instant;

use ndarray::Array2;
use neuropil_report::{Claim, Figure, Panel, Section, Size, Source, Table};
use neuropil_spikes::meso::simulate_meso_with;
use neuropil_spikes::{MesoOptions, Network, PopulationParameters};
use serde_json::json;

use super::circuit_recording::seed;
use super::{POPULATIONS, ROOM};
use crate::{Context, Experiment, Info, Result};

/// Rates of the column.
#[derive(Debug)]
pub struct Column;

const INFO: Info = Info {
    id: "spikes.population-column",
    room: ROOM,
    paper: POPULATIONS,
    figure: "Figure 11",
    title: "A cortical column of eight populations",
};

const NAMES: [&str; 8] = ["L2/3e", "L2/3i", "L4e", "L4i", "L5e", "L5i", "L6e", "L6i"];
const SIZES: [usize; 8] = [20683, 5834, 21915, 5479, 4850, 1065, 14395, 2948];
const RESTING: [f64; 8] = [19.149, 20.362, 30.805, 28.069, 29.437, 29.330, 34.932, 32.081];
/// Rates of the spiking column, Hz.
const PUBLISHED: [f64; 8] = [0.97, 2.87, 4.75, 5.40, 8.14, 9.08, 0.99, 7.52];
/// Connection probabilities, row = to, column = from.
const PROBABILITIES: [[f64; 8]; 8] = [
    [0.1009, 0.1689, 0.0437, 0.0818, 0.0323, 0.0, 0.0076, 0.0],
    [0.1346, 0.1371, 0.0316, 0.0515, 0.0755, 0.0, 0.0042, 0.0],
    [0.0077, 0.0059, 0.0497, 0.1350, 0.0067, 0.0003, 0.0453, 0.0],
    [0.0691, 0.0029, 0.0794, 0.1597, 0.0033, 0.0, 0.1057, 0.0],
    [0.1004, 0.0622, 0.0505, 0.0057, 0.0831, 0.3726, 0.0204, 0.0],
    [0.0548, 0.0269, 0.0257, 0.0022, 0.0600, 0.3158, 0.0086, 0.0],
    [0.0156, 0.0066, 0.0211, 0.0166, 0.0572, 0.0197, 0.0396, 0.2252],
    [0.0364, 0.0010, 0.0034, 0.0005, 0.0277, 0.0080, 0.0658, 0.1443],
];
/// Jump of the potential per spike, mV: 87.8 pA times 0.5 ms over 250 pF.
const JUMP: f64 = 87.8 * 0.5 / 250.0;
const DT: f64 = 0.0005;

fn network() -> Result<Network> {
    let populations = (0..8)
        .map(|m| PopulationParameters {
            n_neurons: SIZES[m],
            tau_m: 0.010,
            t_ref: 0.002,
            mu: RESTING[m],
            threshold: 15.0,
            softness: 5.0,
            hazard: 10.0,
            reset: 0.0,
            tau_s: 0.0005,
            adaptation: Vec::new(),
        })
        .collect();
    let coupling = Array2::from_shape_fn((8, 8), |(from, to)| {
        let sign = if from % 2 == 0 { 1.0 } else { -4.0 };
        // The connection from layer 4 to layer 2/3 among excitatory neurons is twice as strong.
        let factor = if (from, to) == (2, 0) { 2.0 } else { 1.0 };
        sign * factor * JUMP * SIZES[from] as f64 * PROBABILITIES[to][from]
    });
    // Every spike takes one step; two more make 1.5 ms.
    Ok(Network { delay: 2.0 * DT, ..Network::new(populations, coupling)? })
}

fn duration(size: Size) -> f64 {
    match size {
        Size::Quick => 5.0,
        Size::Full => 50.0,
    }
}

impl Experiment for Column {
    fn info(&self) -> &Info {
        &INFO
    }

    fn parameters(&self, size: Size) -> serde_json::Value {
        json!({"network": network().ok(), "dt_s": DT, "duration_s": duration(size)})
    }

    fn run(&self, context: &Context) -> Result<Section> {
        let network = network()?;
        let options = MesoOptions {
            dt: DT,
            duration: duration(context.size),
            seed: seed(context, INFO.id, 0),
            ..MesoOptions::default()
        };
        let started = Instant::now();
        let result = simulate_meso_with(&network, &options, &context.monitor)?;
        let seconds = started.elapsed().as_secs_f64();
        let skip = (0.5 / DT) as usize;
        let rates: Vec<f64> = (0..8)
            .map(|m| result.activity.column(m).iter().skip(skip).sum::<f64>() / (result.activity.nrows() - skip) as f64)
            .collect();
        let mut section = Section::new(INFO.id, ROOM, INFO.title).describe(
            "Eight populations with randomly connected neurons, reduced to their activities. The rates are compared \
             with those of the simulation of all 77,169 neurons.",
        );
        let mut table = Table::new("rates", "Mean rates")
            .column("population", "")
            .column("neurons", "")
            .column("published", "Hz")
            .column("ours", "Hz");
        for m in 0..8 {
            table.push([NAMES[m].into(), (SIZES[m] as f64).into(), PUBLISHED[m].into(), rates[m].into()]);
            let allowed = (0.35 * PUBLISHED[m]).max(1.0);
            section = section.claim(
                Claim::new(
                    format!("rate-{}", NAMES[m].to_lowercase().replace('/', "-")),
                    format!("mean rate of {}, Hz (within 35 % or 1 Hz)", NAMES[m]),
                )
                .reference(PUBLISHED[m], Source::Paper)
                .value(rates[m])
                .absolute_error_at_most(allowed),
            );
        }
        Ok(section
            .claim(
                Claim::new("wall", "seconds of computing for five simulated seconds")
                    .reference("below 1", Source::ThisProject)
                    .value(seconds * 5.0 / duration(context.size))
                    .at_most(1.0),
            )
            .figure(
                Figure::new("column", "Mean rates of the column")
                    .describe(
                        "Rates of the eight populations: published for all neurons, and of the population equations.",
                    )
                    .panel(
                        Panel::new()
                            .y_label("mean rate (Hz)")
                            .height(280.0)
                            .bars("all neurons (published)", &NAMES, &PUBLISHED)
                            .bars("populations", &NAMES, &rates),
                    ),
            )
            .table(table))
    }
}
