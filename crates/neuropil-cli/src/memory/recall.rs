//! `neuropil memory recall`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use ndarray::{Array1, Array2, Array3, Axis};
use neuropil_core::random::Seed;
use neuropil_memory::random_patterns::Noise;
use neuropil_memory::recall::recall_path;
use neuropil_memory::{AssociativeMemory, KernelMemory, Recall, RecallOptions, Status, recall};
use neuropil_report::Figure;
use serde_json::json;

use crate::delivery::{Delivery, Summary};
use crate::failure::{Failure, Result};
use crate::memory::model_args::{ImageArgs, ModelArgs};
use crate::memory::noise_args::{NoiseArg, StepArgs};
use crate::memory::pattern_args::ReadingArgs;
use crate::memory::pictures::{PER_ROW, nearest, strips};
use crate::options::Context;
use crate::outputs::{Outputs, ResultTable};

/// Recall patterns from cues: from a file, or made of the stored patterns by noise or by covering a part
///
/// An entry of a cue that is covered, erased, or empty (NaN) in a file is unknown: it is filled in from the known entries
/// before recall begins (--unknown). One row per cue: how recall ended, steps, the nearest stored pattern, overlap and distance. --plot shows the first ten
/// cues, what each became and its pattern; with --stepwise also the states in between.
#[derive(Debug, Args)]
#[command(after_help = r"Examples:
  neuropil memory fit data/digits.npz --divide-by 16 --out digits_memory.npz
  neuropil memory recall digits_memory.npz --noise gaussian --level 0.3 --plot noisy.svg
  neuropil memory recall digits_memory.npz --noise cover --level 0.5 --plot covered.svg
  neuropil memory recall digits_memory.npz --noise gaussian --level 0.4 \
      --stepwise --plot steps.svg")]
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
    /// What covered and erased entries are
    #[arg(long, value_name = "WHAT", default_value = "filled", help_heading = "Cues from stored patterns")]
    unknown: UnknownArg,
    /// Level of the noise [default: 0.1]
    #[arg(long, value_name = "X", conflicts_with = "cues", help_heading = "Cues from stored patterns")]
    level: Option<f64>,
    #[command(flatten)]
    steps: StepArgs,
    /// Follow the first ten cues step by step: in the figure, and as array "path" (steps, cues, neurons)
    #[arg(long, help_heading = "Recall")]
    stepwise: bool,
    #[command(flatten)]
    image: ImageArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum UnknownArg {
    /// Unknown: filled in with what the stored patterns let expect, given the known entries
    Filled,
    /// Blank: 0, or -1 in a binary pattern, and as good as any other entry
    Blank,
}

/// Cues, and the patterns that they were made of where that is known.
struct Cues {
    values: Array2<f64>,
    /// As they were given: unknown entries are NaN.
    shown: Array2<f64>,
    truth: Option<Array2<f64>>,
    origin: String,
    /// Height and width of the images of a file.
    image: Option<(usize, usize)>,
}

pub(crate) fn run(args: &RecallArgs, context: &Context<'_>) -> Result<i32> {
    let outputs = Outputs::plan(context.global, "recall")?;
    let memory = args.model.load()?;
    let cues = args.cues(&memory, context)?;
    let shape = args.image.shape(memory.n_out(), cues.image)?;
    let options = args.steps.options(context.global.seed());
    let result = recall(&memory, cues.values.view(), &options, &context.monitor())?;
    let path = if args.stepwise { Some(path(&memory, &cues, &options, context)?) } else { None };
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
        arrays: [
            ("cues", cues.shown.clone().into_dyn()),
            ("states", result.states.clone().into_dyn()),
            ("steps", result.steps.iter().map(|&n| n as f64).collect::<Array1<f64>>().into_dyn()),
        ]
        .into_iter()
        .chain(path.as_ref().map(|path| ("path", path.clone().into_dyn())))
        .map(|(name, array)| (name.to_owned(), array))
        .collect(),
        summary: summary(args, &memory, &cues, &result).into(),
    };
    delivery.deliver(context, &outputs, || figure(&memory, &cues, &result, path.as_ref(), shape))
}

impl RecallArgs {
    fn cues(&self, memory: &KernelMemory, context: &Context<'_>) -> Result<Cues> {
        if let Some(path) = &self.cues {
            let read = self.reading.read(path)?;
            return Ok(Cues {
                values: memory.fill_in(read.values.view())?,
                shown: read.values,
                truth: None,
                origin: path.display().to_string(),
                image: read.image,
            });
        }
        let given = [
            (self.reading.array.is_some(), "--array"),
            (!self.reading.columns.is_empty(), "--columns"),
            (self.reading.divide_by != 1.0, "--divide-by"),
            (self.reading.binarize.is_some(), "--binarize"),
        ];
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
        let noise_kind = match (noise.noise(kind), self.unknown) {
            (Noise::Cover { .. }, UnknownArg::Filled) => Noise::Cover { value: f64::NAN },
            (Noise::Erase { .. }, UnknownArg::Filled) => Noise::Erase { value: f64::NAN },
            (other, _) => other,
        };
        let shown = noise_kind.corrupt(stored.select(Axis(0), &rows).view(), level, seed)?;
        let truth = Some(memory.outputs().select(Axis(0), &rows));
        let origin = format!("stored patterns, {} {level}", noise.label());
        Ok(Cues { values: memory.fill_in(shown.view())?, shown, truth, origin, image: None })
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

/// The states through which the first cues pass: steps x cues x neurons. A cue that has arrived stays.
fn path(memory: &KernelMemory, cues: &Cues, options: &RecallOptions, context: &Context<'_>) -> Result<Array3<f64>> {
    if memory.n_out() != cues.values.ncols() {
        return Err(Failure::usage(
            "--stepwise follows a state, but this memory answers in one step with another pattern",
        )
        .hint("leave --stepwise out"));
    }
    let mut paths = Vec::new();
    for cue in cues.values.rows().into_iter().take(PER_ROW) {
        context.monitor().check()?;
        paths.push(recall_path(memory, cue, options)?);
    }
    let longest = paths.iter().map(Array2::nrows).max().unwrap_or(0);
    Ok(Array3::from_shape_fn((longest, paths.len(), memory.n_out()), |(step, cue, neuron)| {
        paths[cue][[step.min(paths[cue].nrows() - 1), neuron]]
    }))
}

/// Which steps are drawn: the first ones, then every second power of two, before the last.
fn drawn_steps(n: usize) -> Vec<usize> {
    let early = [1, 2, 4, 16, 64, 256];
    early.into_iter().filter(|&step| step + 1 < n).collect()
}

fn figure(
    memory: &KernelMemory,
    cues: &Cues,
    result: &Recall,
    path: Option<&Array3<f64>>,
    shape: (usize, usize),
) -> Figure {
    let found = result.nearest.as_ref().map(|found| nearest(memory.outputs(), &found.index));
    let truth = cues.truth.as_ref().or(found.as_ref()).unwrap_or(&result.states);
    let last = if cues.truth.is_some() { "stored" } else { "nearest stored" };
    let mut rows = Vec::new();
    if cues.values.ncols() == result.states.ncols() {
        rows.push(("cue".to_owned(), cues.shown.view()));
        if cues.shown.iter().any(|value| value.is_nan()) {
            rows.push(("filled in".to_owned(), cues.values.view()));
        }
    }
    if let Some(path) = path {
        for step in drawn_steps(path.len_of(Axis(0))) {
            rows.push((format!("step {step}"), path.index_axis(Axis(0), step)));
        }
    }
    rows.push(("recalled".to_owned(), result.states.view()));
    rows.push((last.to_owned(), truth.view()));
    strips(
        "recall",
        "Cue, recalled state, stored pattern",
        "The first cues, what each became, and the pattern.",
        &rows,
        shape,
    )
}
