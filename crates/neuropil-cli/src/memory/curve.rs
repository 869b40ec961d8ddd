//! `neuropil memory curve`.

use clap::Args;
use ndarray::Array1;
use neuropil_memory::AssociativeMemory;
use neuropil_memory::recall_curve::{CurveOptions, CurvePoint, recall_curve};
use neuropil_report::{Figure, Panel, Table};
use serde_json::json;

use crate::delivery::{Delivery, Summary};
use crate::failure::Result;
use crate::memory::memory_args::describe;
use crate::memory::model_args::ModelArgs;
use crate::memory::noise_args::{NoiseArg, StepArgs};
use crate::options::Context;
use crate::outputs::{Outputs, ResultTable};

/// How well a memory recalls as its cues get noisier
///
/// One row per level of noise: the fraction of cues from which the pattern was restored, with a 95 % interval (Wilson),
/// mean overlap, error per entry, and steps.
#[derive(Debug, Args)]
#[command(after_help = r"Examples:
  neuropil memory fit data/digits.npz --divide-by 16 --out digits_memory.npz
  neuropil memory curve digits_memory.npz --levels 0,0.1,0.2,0.3,0.4 --plot curve.svg
  neuropil memory curve digits_memory.npz --noise cover --levels 0.25,0.5,0.75 --cues 500")]
pub(crate) struct CurveArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// What makes cues of the stored patterns [default: flip for binary, gaussian for real patterns]
    #[arg(long, value_name = "KIND")]
    noise: Option<NoiseArg>,
    /// Levels of the noise
    #[arg(long, value_name = "X,X,...", value_delimiter = ',', default_value = "0,0.05,0.1,0.2,0.3,0.4")]
    levels: Vec<f64>,
    /// Cues per level
    #[arg(long, value_name = "N", default_value_t = 500)]
    cues: usize,
    #[command(flatten)]
    steps: StepArgs,
}

pub(crate) fn run(args: &CurveArgs, context: &Context<'_>) -> Result<i32> {
    let outputs = Outputs::plan(context.global, "curve")?;
    let memory = args.model.load()?;
    let kind = memory.state();
    let noise = args.noise.unwrap_or(NoiseArg::usual(kind));
    let options = CurveOptions {
        noise: noise.noise(kind),
        levels: args.levels.clone(),
        n_cues: args.cues,
        tolerance: args.steps.tolerance,
        recall: args.steps.options(context.global.seed()),
        seed: context.global.seed(),
    };
    let points = recall_curve(&memory, memory.patterns(), memory.outputs(), &options, &context.monitor())?;
    let mut summary = Summary::default();
    summary.line("memory", describe(memory.params()));
    summary.line("patterns", format!("{} of {} neurons", memory.n_patterns(), memory.n_inputs()));
    summary.block(text(&points, noise.label()));
    let array = |value: fn(&CurvePoint) -> f64| points.iter().map(value).collect::<Array1<f64>>().into_dyn();
    let delivery = Delivery {
        command: "memory curve",
        seed: context.global.seed(),
        parameters: json!(options),
        input: args.model.describe(&memory),
        result: json!({}),
        table: table(&points),
        table_key: "levels",
        arrays: vec![
            ("level".to_owned(), array(|p| p.level)),
            ("restored".to_owned(), array(|p| p.restored)),
            ("overlap".to_owned(), array(|p| p.overlap)),
            ("error".to_owned(), array(|p| p.error)),
        ],
        summary: summary.into(),
    };
    delivery.deliver(context, &outputs, || {
        Figure::new("curve", "Recall against noise")
            .describe("Fraction of cues from which the pattern was restored, with a 95 % interval.")
            .panel(panel(Panel::new().x_label(noise.label()), &describe(memory.params()), &points))
    })
}

/// Adds one memory to a panel of recall against noise.
pub(crate) fn panel(panel: Panel, name: &str, points: &[CurvePoint]) -> Panel {
    let of = |value: fn(&CurvePoint) -> f64| -> Vec<f64> { points.iter().map(value).collect() };
    let (x, y) = (of(|p| p.level), of(|p| p.restored));
    panel
        .y_label("fraction restored")
        .y_range(-0.03, 1.03)
        .height(320.0)
        .band(name, &x, &of(|p| p.restored_interval.0), &of(|p| p.restored_interval.1))
        .line(name, &x, &y)
        .points(name, &x, &y)
}

fn text(points: &[CurvePoint], label: &str) -> String {
    let mut table = Table::new("levels", "")
        .column(label, "")
        .column("restored", "")
        .column("95 % from", "")
        .column("to", "")
        .column("overlap", "")
        .column("error", "")
        .column("steps", "");
    for p in points {
        let (low, high) = p.restored_interval;
        table.push([p.level, p.restored, low, high, p.overlap, p.error, p.steps].map(Into::into));
    }
    table.to_text()
}

fn table(points: &[CurvePoint]) -> ResultTable {
    let mut table = ResultTable::default();
    table.numbers("level", points.iter().map(|p| p.level));
    table.integers("n_cues", points.iter().map(|p| p.n_cues as i64));
    table.numbers("restored", points.iter().map(|p| p.restored));
    table.numbers("restored_low", points.iter().map(|p| p.restored_interval.0));
    table.numbers("restored_high", points.iter().map(|p| p.restored_interval.1));
    table.numbers("overlap", points.iter().map(|p| p.overlap));
    table.numbers("error", points.iter().map(|p| p.error));
    table.numbers("steps", points.iter().map(|p| p.steps));
    table
}
