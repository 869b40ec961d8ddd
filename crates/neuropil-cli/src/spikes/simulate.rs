//! `neuropil spikes simulate`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use ndarray::Array2;
use neuropil_core::files::{Overwrite, check_writable, write_atomically};
use neuropil_data::DataError;
use neuropil_data::spikes::{SpikeTrains, write_nwb, write_spikes_csv, write_spikes_npz};
use neuropil_report::{Figure, Panel};
use neuropil_spikes::drive::PulseTrain;
use neuropil_spikes::meso::{Scheme, simulate_meso_with};
use neuropil_spikes::micro::{Algorithm, Record, simulate_micro_with};
use neuropil_spikes::start::Start;
use neuropil_spikes::{MesoOptions, MicroOptions};
use serde_json::{Value, json};

use crate::delivery::{Delivery, Summary};
use crate::failure::{Failure, Result};
use crate::options::Context;
use crate::outputs::{Outputs, ResultTable};
use crate::spikes::network_args::{NetworkArgs, drive, pulse};
use crate::spikes::{coarser, population_name};

/// Simulate a network: every neuron (micro), or the activity of its populations (meso)
///
/// The result is the activity of every population (Hz) in bins. With --spikes, a microscopic simulation also writes the
/// spikes of some neurons of every population to a csv, npz or NWB file.
#[derive(Debug, Args)]
#[command(after_help = r"Examples:
  neuropil spikes simulate --duration 12 --spikes wta.csv --plot wta.svg
  neuropil spikes simulate --kind meso --duration 100 --dt 0.001 \
      --pulse 0:250:5:0.5:10 --out activity.csv")]
pub(crate) struct SimulateArgs {
    #[command(flatten)]
    network: NetworkArgs,
    /// Every neuron, or population equations
    #[arg(long, value_name = "KIND", default_value = "micro")]
    kind: Kind,
    /// micro: neurons with a common last spike together (cohort), or every neuron by itself (clock; knows adaptation)
    #[arg(long, value_name = "NAME", default_value = "cohort")]
    algorithm: AlgorithmName,
    /// meso: moments (exact steps, for simulation) or survival (Euler steps, the model that `infer` fits)
    #[arg(long, value_name = "NAME", default_value = "moments")]
    scheme: SchemeName,
    /// Simulated time, s
    #[arg(long, value_name = "S", default_value_t = 10.0)]
    duration: f64,
    /// Time step, s [default: 0.0002 for micro, 0.0005 for meso]
    #[arg(long, value_name = "S")]
    dt: Option<f64>,
    /// Bins of the activity in the result, s
    #[arg(long, value_name = "S", default_value_t = 0.02)]
    bin: f64,
    /// Activity (Hz) of every population at the start [default: all neurons have just fired]
    #[arg(long, value_name = "HZ,...", value_delimiter = ',')]
    start: Vec<f64>,
    /// Stimulation: population, amplitude (mV/s; times tau_m a step of the resting potential), first begin (s), length
    /// (s), and the period (s) if it repeats
    #[arg(long, value_name = "POP:AMP:FIRST:LENGTH[:PERIOD]", value_parser = pulse)]
    pulse: Vec<PulseTrain>,
    /// micro: write spikes to this file (.csv, .npz or .nwb)
    #[arg(long, value_name = "FILE")]
    spikes: Option<PathBuf>,
    /// micro: neurons of every population whose spikes are written
    #[arg(long, value_name = "N", default_value_t = 10)]
    record: usize,
    /// Write the network as json, to start from
    #[arg(long, value_name = "FILE")]
    write_network: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Micro,
    Meso,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum AlgorithmName {
    Cohort,
    Clock,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SchemeName {
    Moments,
    Survival,
}

pub(crate) fn run(args: &SimulateArgs, context: &Context<'_>) -> Result<i32> {
    let outputs = Outputs::plan(context.global, "simulate")?;
    let network = args.network.network()?;
    let dt = args.dt.unwrap_or(if args.kind == Kind::Micro { 0.0002 } else { 0.0005 });
    let n_steps = neuropil_spikes::drive::steps(args.duration, dt)?;
    let drive = drive(&args.pulse, n_steps, network.n_populations(), dt)?;
    let start = if args.start.is_empty() { Start::Fired } else { Start::Activity(args.start.clone()) };
    if args.spikes.is_some() && args.kind == Kind::Meso {
        return Err(Failure::usage("population equations have no neurons whose spikes could be written")
            .hint("leave --spikes out, or use --kind micro"));
    }
    let written = args.spikes.as_deref().map(SpikeFile::plan).transpose()?;
    for path in args.spikes.iter().chain(&args.write_network) {
        check_writable(path, context.global.overwrite())?;
    }
    let monitor = context.monitor();
    let (activity, spikes, warnings) = match args.kind {
        Kind::Micro => {
            let options = MicroOptions {
                dt,
                duration: args.duration,
                seed: context.global.seed(),
                algorithm: match args.algorithm {
                    AlgorithmName::Cohort => Algorithm::Cohort,
                    AlgorithmName::Clock => Algorithm::Clock,
                },
                record: if args.spikes.is_some() || context.global.plot.is_some() {
                    Record::PerPopulation(args.record)
                } else {
                    Record::Nobody
                },
                start,
                drive,
                ..MicroOptions::default()
            };
            let result = simulate_micro_with(&network, &options, &monitor)?;
            (result.activity, result.spikes, result.warnings)
        }
        Kind::Meso => {
            let options = MesoOptions {
                dt,
                duration: args.duration,
                seed: context.global.seed(),
                scheme: match args.scheme {
                    SchemeName::Moments => Scheme::Moments,
                    SchemeName::Survival => Scheme::Survival,
                },
                start,
                drive,
                ..MesoOptions::default()
            };
            let result = simulate_meso_with(&network, &options, &monitor)?;
            (result.activity, None, result.warnings)
        }
    };
    for warning in &warnings {
        context.console.warn(warning);
    }
    if let (Some(file), Some(spikes)) = (&written, &spikes) {
        file.write(spikes, context)?;
    }
    if let Some(path) = &args.write_network {
        write_atomically(path, context.global.overwrite(), |out| {
            serde_json::to_writer_pretty(out, &network).map_err(Into::into)
        })?;
        context.console.say(format!("wrote {}", path.display()));
    }
    let factor = ((args.bin / dt).round() as usize).max(1);
    let bins = coarser(&activity, factor);
    let bin = factor as f64 * dt;
    let mut table = ResultTable::default();
    table.numbers("time_s", (0..bins.nrows()).map(|t| t as f64 * bin));
    for m in 0..bins.ncols() {
        table.numbers(format!("activity_{m}_hz"), bins.column(m).to_vec());
    }
    let mut summary = Summary::default();
    summary.line("populations", format!("{:?} neurons", network.sizes()));
    summary.line("simulated", format!("{} s in steps of {dt} s", args.duration));
    for m in 0..bins.ncols() {
        summary.line(&format!("mean activity of {m}"), format!("{:.2} Hz", bins.column(m).mean().unwrap_or(f64::NAN)));
    }
    let delivery = Delivery {
        command: "spikes simulate",
        seed: context.global.seed(),
        parameters: json!({
            "network": network,
            "kind": if args.kind == Kind::Micro { "micro" } else { "meso" },
            "dt_s": dt,
            "duration_s": args.duration,
        }),
        input: Value::Null,
        result: json!({"bin_s": bin, "warnings": warnings}),
        table,
        table_key: "activity",
        arrays: vec![("activity".into(), bins.clone().into_dyn())],
        summary: summary.append(""),
    };
    delivery.deliver(context, &outputs, || figure(&bins, bin, spikes.as_ref()))
}

/// The file that gets the spikes.
struct SpikeFile<'a> {
    path: &'a Path,
    write: fn(&Path, &SpikeTrains, Overwrite) -> std::result::Result<(), DataError>,
}

impl<'a> SpikeFile<'a> {
    /// Its form by its name.
    fn plan(path: &'a Path) -> Result<Self> {
        let write = match path.extension().and_then(|extension| extension.to_str()) {
            Some("csv") => write_spikes_csv,
            Some("npz") => write_spikes_npz,
            Some("nwb" | "h5") => write_nwb,
            _ => {
                return Err(Failure::usage(format!("spikes are not written to \"{}\"", path.display()))
                    .hint("end the name in .csv, .npz or .nwb"));
            }
        };
        Ok(Self { path, write })
    }

    fn write(&self, spikes: &SpikeTrains, context: &Context<'_>) -> Result<()> {
        (self.write)(self.path, spikes, context.global.overwrite())?;
        context.console.say(format!("wrote {}", self.path.display()));
        Ok(())
    }
}

/// Spikes of a trial as points, a colour per population.
pub(crate) fn raster(spikes: &SpikeTrains, trial: usize, seconds: f64) -> Panel {
    let mut panel = Panel::new().title("Spikes").x_label("time (s)").y_label("neuron").height(170.0);
    let (names, labels) =
        spikes.population_labels().unwrap_or_else(|| (vec!["neurons".into()], vec![0; spikes.n_neurons()]));
    let start = spikes.trials[trial].t_start;
    for (m, name) in names.iter().enumerate() {
        let (mut x, mut y) = (Vec::new(), Vec::new());
        for (neuron, train) in spikes.trials[trial].trains().enumerate().filter(|(neuron, _)| labels[*neuron] == m) {
            for time in train.iter().map(|time| time - start).filter(|time| *time <= seconds) {
                x.push(time);
                y.push(neuron as f64);
            }
        }
        panel = panel.points(population_name(name), &x, &y).size(1.2);
    }
    panel
}

fn figure(bins: &Array2<f64>, bin: f64, spikes: Option<&SpikeTrains>) -> Figure {
    let shown = bins.nrows().min(5000);
    let time: Vec<f64> = (0..shown).map(|t| (t as f64 + 0.5) * bin).collect();
    let mut panel = Panel::new().title("Activity").x_label("time (s)").y_label("Hz").height(260.0);
    for m in 0..bins.ncols() {
        panel = panel.line(format!("population {m}"), &time, &bins.column(m).to_vec()[..shown]);
    }
    let mut figure = Figure::new("simulate", "Simulated activity")
        .describe("Activity of every population and, above it, spikes of the recorded neurons.")
        .columns(1);
    if let Some(spikes) = spikes {
        figure = figure.panel(raster(spikes, 0, shown as f64 * bin));
    }
    figure.panel(panel)
}
