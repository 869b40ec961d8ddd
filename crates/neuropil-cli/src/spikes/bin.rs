//! `neuropil spikes bin`.

use clap::{Args, ValueEnum};
use ndarray::{Array1, Array3, arr0};
use neuropil_data::spikes::BinRule;
use neuropil_report::{Cell, Figure, Table};
use neuropil_spikes::statistics::trains::train_statistics;
use serde_json::json;

use crate::delivery::{Delivery, Summary};
use crate::failure::Result;
use crate::options::Context;
use crate::outputs::{Outputs, ResultTable};
use crate::spikes::recording_args::RecordingArgs;
use crate::spikes::simulate::raster;

/// Bin a spike file and describe it: rates, irregularity, merged spikes
///
/// One row per neuron: number of spikes, mean rate, coefficient of variation of its intervals. An npz file gets the binned
/// spikes (trial x time x neuron; shorter trials end in zeros) and dt.
#[derive(Debug, Args)]
#[command(after_help = r"Examples:
  neuropil spikes bin data/wta_spikes.csv
  neuropil spikes bin data/wta_spikes.csv --dt 0.02 --rule count \
      --out binned.npz --plot raster.svg")]
pub(crate) struct BinArgs {
    #[command(flatten)]
    recording: RecordingArgs,
    /// A bin with several spikes of a neuron holds one (binary) or their number (count)
    #[arg(long, value_name = "RULE", default_value = "binary")]
    rule: Rule,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Rule {
    Binary,
    Count,
}

pub(crate) fn run(args: &BinArgs, context: &Context<'_>) -> Result<i32> {
    let outputs = Outputs::plan(context.global, "bin")?;
    let rule = match args.rule {
        Rule::Binary => BinRule::Binary,
        Rule::Count => BinRule::Count,
    };
    let loaded = args.recording.read(context, rule)?;
    let statistics = train_statistics(&loaded.trains);
    let names = &loaded.trains.neurons;
    let mut table = ResultTable::default();
    table.text("neuron", names.iter().cloned());
    if let Some(populations) = &loaded.trains.populations {
        table.text("population", populations.iter().cloned());
    }
    table.integers("spikes", statistics.iter().map(|s| s.n_spikes as i64));
    table.numbers("rate_hz", statistics.iter().map(|s| s.rate));
    table.numbers("interval_cv", statistics.iter().map(|s| s.cv));
    let trials = &loaded.binned.trials;
    let longest = trials.iter().map(ndarray::Array2::nrows).max().unwrap_or(0);
    let dense = Array3::from_shape_fn((trials.len(), longest, names.len()), |(k, t, i)| {
        trials[k].get([t, i]).map_or(0.0, |&count| f64::from(count))
    });
    let lengths: Array1<f64> = trials.iter().map(|trial| trial.nrows() as f64).collect();
    let mut summary = Summary::default();
    summary.line("neurons", names.len().to_string());
    summary.line("trials", format!("{}, {:.3} s together", trials.len(), loaded.trains.duration()));
    summary.line("spikes", loaded.binned.n_spikes.to_string());
    summary.line("merged in bins", format!("{} (bins of {} s)", loaded.binned.merged, args.recording.dt));
    let mut text = Table::new("neurons", "")
        .column("neuron", "")
        .column("spikes", "")
        .column("rate", "Hz")
        .column("CV of intervals", "");
    for (name, s) in names.iter().zip(&statistics) {
        text.push([name.as_str().into(), Cell::Int(s.n_spikes as i64), s.rate.into(), s.cv.into()]);
    }
    let delivery = Delivery {
        command: "spikes bin",
        seed: context.global.seed(),
        parameters: json!({"dt_s": args.recording.dt, "rule": format!("{:?}", args.rule).to_lowercase()}),
        input: loaded.describe(),
        result: json!({"merged": loaded.binned.merged, "dropped": loaded.binned.dropped}),
        table,
        table_key: "neurons",
        arrays: vec![
            ("spikes".into(), dense.into_dyn()),
            ("dt".into(), arr0(args.recording.dt).into_dyn()),
            ("n_bins".into(), lengths.into_dyn()),
        ],
        summary: summary.append(&text.to_text()),
    };
    delivery.deliver(context, &outputs, || {
        Figure::new("bin", "Recorded spikes").describe("Spikes of every neuron in the first trial.").panel(raster(
            &loaded.trains,
            0,
            f64::MAX,
        ))
    })
}
