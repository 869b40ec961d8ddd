//! Populations of unlabelled neurons.

use neuropil_core::threads;
use neuropil_report::{Claim, Figure, Panel, Section, Size, Source, Table};
use neuropil_spikes::inference::clustering::{ClusteringOptions, adjusted_rand_index, cluster_neurons};
use rayon::prelude::*;
use serde_json::json;

use super::circuit_recording::{BINS, CircuitRecording, DT, HISTORY, seed};
use super::{PAPER, ROOM};
use crate::{Context, Experiment, Info, Result};

/// Agreement of clusters and populations.
#[derive(Debug)]
pub struct Clustering;

const INFO: Info = Info {
    id: "spikes.neulvm-clustering",
    room: ROOM,
    paper: PAPER,
    figure: "published program (remark)",
    title: "Thirty unlabelled neurons fall into their populations",
};

const DATA_SETS: u64 = 5;

impl Experiment for Clustering {
    fn info(&self) -> &Info {
        &INFO
    }

    fn parameters(&self, _size: Size) -> serde_json::Value {
        json!({"neurons_per_population": 10, "bins": BINS, "data_sets": DATA_SETS, "clustering": ClusteringOptions::default()})
    }

    fn run(&self, context: &Context) -> Result<Section> {
        let truth: Vec<usize> = (0..30).map(|i| i / 10).collect();
        let results: Result<Vec<_>> = threads::install(|| {
            (0..DATA_SETS)
                .into_par_iter()
                .map(|d| {
                    let circuit = CircuitRecording::new(10, BINS, seed(context, INFO.id, d))?;
                    let window = circuit.spikes.slice(ndarray::s![HISTORY.., ..]);
                    let known = ClusteringOptions { n_populations: Some(3), ..ClusteringOptions::default() };
                    let found = cluster_neurons(window, DT, &known)?;
                    let free = cluster_neurons(window, DT, &ClusteringOptions::default())?;
                    context.monitor.check()?;
                    Ok((adjusted_rand_index(&found.labels, &truth)?, found, free))
                })
                .collect()
        });
        let results = results?;
        let mean = results.iter().map(|result| result.0).sum::<f64>() / results.len() as f64;
        let right = results.iter().filter(|result| result.2.n_populations == 3).count() as f64;
        let mut table = Table::new("data-sets", "Per data set")
            .column("data set", "")
            .column("adjusted Rand index", "")
            .column("number chosen by silhouette", "")
            .column("silhouette at 3", "");
        for (d, (index, found, free)) in results.iter().enumerate() {
            table.push([
                (d as f64).into(),
                (*index).into(),
                (free.n_populations as f64).into(),
                found.silhouettes[0].1.into(),
            ]);
        }
        let coordinates = &results[0].1.coordinates;
        let mut panel = Panel::new().x_label("first component").y_label("second component").height(320.0);
        for (m, name) in ["E1", "E2", "I"].into_iter().enumerate() {
            let of = |c: usize| -> Vec<f64> { (10 * m..10 * (m + 1)).map(|i| coordinates[[i, c]]).collect() };
            panel = panel.points(name, &of(0), &of(1)).size(4.0);
        }
        Ok(Section::new(INFO.id, ROOM, INFO.title)
            .describe(
                "Ten seconds of thirty neurons. Trains are smoothed, projected on their principal components and \
                 clustered; the labels are not used.",
            )
            .claim(
                Claim::new("rand", "adjusted Rand index of clusters and populations, mean of five data sets")
                    .reference("reliable", Source::AuthorsCode)
                    .value(mean)
                    .at_least(0.9),
            )
            .figure(
                Figure::new("clustering", INFO.title)
                    .describe(
                        "Neurons of the first data set on the first two principal components, by true population.",
                    )
                    .panel(panel),
            )
            .table(table)
            .note(format!("The silhouette chooses three populations in {right} of {DATA_SETS} data sets.")))
    }
}
