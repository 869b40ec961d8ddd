//! `neuropil memory recall`.

use std::path::PathBuf;

use clap::Args;
use ndarray::{Array1, Array2, Axis};
use neuropil_core::random::Seed;
use neuropil_memory::{AssociativeMemory, KernelMemory, Recall, Status, recall};
use neuropil_report::Figure;
use serde_json::json;

use crate::delivery::{Delivery, Summary};
use crate::failure::{Failure, Result};
use crate::memory::model_args::{ImageArgs, ModelArgs};
use crate::memory::noise_args::{NoiseArg, StepArgs};
use crate::memory::pattern_args::ReadingArgs;
use crate::memory::pictures::{nearest, strips};
use crate::options::Context;
use crate::outputs::{Outputs, ResultTable};

/// Recall patterns from cues: from a file, or made of the stored patterns by noise or by covering a part
///
/// One row per cue: how recall ended, steps, the nearest stored pattern, overlap and distance. --plot shows cue,
/// recalled state and nearest stored pattern side by side.
#[derive(Debug, Args)]
#[command(after_help = r"Examples (make the memory first):
  neuropil memory fit data/digits.npz --divide-by 16 --out digits_memory.npz
  neuropil memory recall digits_memory.npz --noise gaussian --level 0.3 --plot noisy.svg
  neuropil memory recall digits_memory.npz --noise cover --level 0.5 --plot covered.svg")]
pub(crate) struct RecallArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// File of cues, read as patterns are [default: stored patterns with noise]
    cues: Option<PathBuf>,
    #[command(flatten)]
    reading: ReadingArgs,
    /// What makes cues of the stored patterns [default: flip for binary, gaussian for real patterns]
    #[arg(long, value_name = "KIND", conflicts_with = "cues", help_heading = "Cues from stored patterns")]
    noise: Option<NoiseArg>,
    /// Level of the noise [default: 0.1]
    #[arg(long, value_name = "X", conflicts_with = "cues", help_heading = "Cues from stored patterns")]
    level: Option<f64>,
    #[command(flatten)]
    steps: StepArgs,
    #[command(flatten)]
    image: ImageArgs,
}

/// Cues, and the patterns that they were made of where that is known.
struct Cues {
    values: Array2<f64>,
    truth: Option<Array2<f64>>,
    origin: String,
}

pub(crate) fn run(args: &RecallArgs, context: &Context<'_>) -> Result<i32> {
    let outputs = Outputs::plan(context.global, "recall")?;
    let memory = args.model.load()?;
    let shape = args.image.shape(memory.n_out())?;
    let cues = args.cues(&memory, context)?;
    let options = args.steps.options(context.global.seed());
    let result = recall(&memory, cues.values.view(), &options, &context.monitor())?;
    let delivery = Delivery {
        command: "memory recall",
        seed: context.global.seed(),
        parameters: json!({ "recall": options, "cues": cues.origin }),
        input: args.model.describe(&memory),
        result: json!({
            "n_cues": cues.values.nrows(),
            "n_converged": count(&result, Status::Converged),
            "restored": restored(&cues, &result, &memory, args.steps.tolerance),
        }),
        table: table(&result),
        table_key: "cues",
        arrays: vec![
            ("cues".to_owned(), cues.values.clone().into_dyn()),
            ("states".to_owned(), result.states.clone().into_dyn()),
            ("steps".to_owned(), result.steps.iter().map(|&n| n as f64).collect::<Array1<f64>>().into_dyn()),
        ],
        summary: summary(args, &memory, &cues, &result).into(),
    };
    delivery.deliver(context, &outputs, || figure(&memory, &cues, &result, shape))
}

impl RecallArgs {
    fn cues(&self, memory: &KernelMemory, context: &Context<'_>) -> Result<Cues> {
        if let Some(path) = &self.cues {
            let values = self.reading.read(path)?.values;
            return Ok(Cues { values, truth: None, origin: path.display().to_string() });
        }
        let given = [(self.reading.array.is_some(), "--array"), (self.reading.binarize.is_some(), "--binarize")];
        if let Some((_, name)) = given.into_iter().find(|(given, _)| *given) {
            return Err(Failure::usage(format!("{name} says how a file of cues is read, and none is given")));
        }
        let stored = memory.patterns();
        let n = self.reading.limit.unwrap_or(stored.nrows()).min(stored.nrows());
        let rows: Vec<usize> = (0..n).collect();
        let kind = memory.state();
        let noise = self.noise.unwrap_or(NoiseArg::usual(kind));
        let level = self.level.unwrap_or(0.1);
        let seed = Seed::new(context.global.seed()).child("memory-recall");
        let values = noise.noise(kind).corrupt(stored.select(Axis(0), &rows).view(), level, seed)?;
        let truth = Some(memory.outputs().select(Axis(0), &rows));
        Ok(Cues { values, truth, origin: format!("stored patterns, {} {level}", noise.label()) })
    }
}

fn count(result: &Recall, status: Status) -> usize {
    result.status.iter().filter(|&&found| found == status).count()
}

/// Fraction of the cues from which the right pattern was restored, where it is known.
fn restored(cues: &Cues, result: &Recall, memory: &KernelMemory, tolerance: f64) -> Option<f64> {
    let truth = cues.truth.as_ref()?;
    let right = result.states.rows().into_iter().zip(truth.rows()).filter(|(state, pattern)| {
        let squared: f64 = state.iter().zip(pattern).map(|(s, x)| (s - x) * (s - x)).sum();
        match memory.state() {
            neuropil_memory::StateKind::Binary => squared == 0.0,
            neuropil_memory::StateKind::Real => squared.sqrt() < tolerance,
        }
    });
    Some(right.count() as f64 / truth.nrows().max(1) as f64)
}

fn table(result: &Recall) -> ResultTable {
    let mut table = ResultTable::default();
    table.integers("cue", (0..result.steps.len()).map(|row| row as i64));
    table.text("status", result.status.iter().map(|status| status.name().to_owned()));
    table.integers("steps", result.steps.iter().map(|&n| n as i64));
    if let Some(nearest) = &result.nearest {
        table.integers("nearest", nearest.index.iter().map(|&row| row as i64));
        table.numbers("overlap", nearest.overlap.iter().copied());
        table.numbers("distance", nearest.distance.iter().copied());
    }
    table
}

fn summary(args: &RecallArgs, memory: &KernelMemory, cues: &Cues, result: &Recall) -> Summary {
    let mut summary = Summary::default();
    let n = result.steps.len().max(1) as f64;
    summary.line("cues", format!("{} ({})", result.steps.len(), cues.origin));
    for status in [Status::Converged, Status::Cycle2, Status::MaxSteps, Status::Lost] {
        let found = count(result, status);
        if found > 0 || status == Status::Converged {
            summary.line(status.name(), found.to_string());
        }
    }
    summary.line("mean number of steps", format!("{:.2}", result.steps.iter().sum::<usize>() as f64 / n));
    if let Some(nearest) = &result.nearest {
        summary.line("mean overlap", format!("{:.4}", nearest.overlap.iter().sum::<f64>() / n));
    }
    if let Some(fraction) = restored(cues, result, memory, args.steps.tolerance) {
        summary.line("right pattern restored", format!("{:.2} %", 100.0 * fraction));
    }
    summary
}

fn figure(memory: &KernelMemory, cues: &Cues, result: &Recall, shape: (usize, usize)) -> Figure {
    let found = result.nearest.as_ref().map(|found| nearest(memory.outputs(), &found.index));
    let truth = cues.truth.as_ref().or(found.as_ref()).unwrap_or(&result.states);
    let last = if cues.truth.is_some() { "stored" } else { "nearest stored" };
    let same_shape = cues.values.ncols() == result.states.ncols();
    let mut rows = vec![("recalled", result.states.view()), (last, truth.view())];
    if same_shape {
        rows.insert(0, ("cue", cues.values.view()));
    }
    strips(
        "recall",
        "Cue, recalled state, stored pattern",
        "The first cues, what each became, and the pattern.",
        &rows,
        shape,
    )
}
