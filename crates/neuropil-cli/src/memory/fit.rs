//! `neuropil memory fit`.

use std::path::{Path, PathBuf};

use clap::Args;
use ndarray::ArrayView1;
use neuropil_core::files::{check_writable, write_atomically};
use neuropil_core::statistics;
use neuropil_memory::{FitReport, KernelMemory};
use neuropil_report::{ColourMap, Figure, HeatMap, Panel, ReportError};
use serde_json::{Value, json};

use crate::delivery::Summary;
use crate::document::document;
use crate::failure::{DONE, Failure, Result};
use crate::memory::memory_args::{MemoryArgs, describe};
use crate::memory::pattern_args::PatternArgs;
use crate::memory::radius_arg::ChosenRadius;
use crate::memory::storage_args::StorageArgs;
use crate::options::Context;

/// A miss below this is a rounding error.
const NEARLY: f64 = 1e-6;

/// Store patterns: a file of patterns in, a memory out
///
/// Prints whether every neuron stores every pattern, margins, support vectors and the condition of the Gram matrix.
/// --out MEMORY.npz keeps the memory, for the other verbs and for Python (neuropil.load). --plot draws coefficients.
#[derive(Debug, Args)]
#[command(after_help = r"Examples:
  neuropil memory fit data/digits.npz --divide-by 16 --out digits_memory.npz
  neuropil memory fit data/digits.npz --binarize 7.5 --limit 200 --kernel exponential \
      --out binary.npz
  neuropil memory fit data/digits.npz --divide-by 16 --limit 300 --radius auto
  neuropil memory fit data/digits.npz --divide-by 16 --rule interpolate --radius 1.5 \
      --inducing 400")]
pub(crate) struct FitArgs {
    #[command(flatten)]
    input: PatternArgs,
    #[command(flatten)]
    memory: MemoryArgs,
    #[command(flatten)]
    storage: StorageArgs,
}

pub(crate) fn run(args: &FitArgs, context: &Context<'_>) -> Result<i32> {
    let (overwrite, seed) = (context.global.overwrite(), context.global.seed());
    let out = context.global.out.as_deref().map(Files::plan).transpose()?;
    let plot = context.global.plot.as_deref();
    for path in out.iter().flat_map(|files| [&*files.memory, &*files.provenance]).chain(plot) {
        check_writable(path, overwrite)?;
    }
    if let Some(plot) = plot.filter(|plot| !plot.extension().is_some_and(|end| end == "svg" || end == "png")) {
        return Err(ReportError::Extension { path: plot.to_owned() }.into());
    }
    let patterns = args.input.read()?;
    let values = patterns.values.view();
    let (params, radius) = args.memory.params(values, &context.monitor())?;
    let (memory, report) = args.storage.fit(&params, values, &args.input.reading, seed, &context.monitor())?;
    for warning in &report.warnings {
        context.console.warn(warning);
    }
    let document = || {
        let radius = radius.map(|radius| radius.document());
        let result = result(&memory, &report, args.storage.name(), radius);
        document("memory fit", seed, json!(memory.params()), patterns.describe(), result)
    };
    if let Some(files) = &out {
        memory.save(&files.memory, overwrite)?;
        write_atomically(&files.provenance, overwrite, |out| writeln!(out, "{:#}", document()))?;
        context.console.say(format!("wrote {}", files.memory.display()));
        context.console.say(format!("wrote {}", files.provenance.display()));
    }
    if let Some(plot) = plot {
        figure(&memory).save(plot)?;
        context.console.say(format!("wrote {}", plot.display()));
    }
    let summary = summary(&memory, &report, args.storage.name(), radius.as_ref());
    context.console.show(String::from(summary), document)?;
    Ok(DONE)
}

/// A memory, and beside it where it comes from.
struct Files {
    memory: PathBuf,
    provenance: PathBuf,
}

impl Files {
    fn plan(out: &Path) -> Result<Self> {
        if out.extension().is_none_or(|extension| extension != "npz") {
            return Err(Failure::usage(format!("--out {}: a memory is an npz file", out.display()))
                .hint("end the name in .npz; redirect --json for the numbers"));
        }
        let mut provenance = out.to_owned().into_os_string();
        provenance.push(".json");
        Ok(Self { memory: out.to_owned(), provenance: provenance.into() })
    }
}

fn result(memory: &KernelMemory, report: &FitReport, storage: &str, radius: Option<Value>) -> Value {
    json!({
        "stored": storage,
        "kept_patterns": memory.n_patterns(),
        "chosen_radius": radius,
        "residual": report.residual,
        "all_stored": report.all_stored(),
        "n_patterns": report.n_patterns,
        "training_error": report.training_error,
        "failing_neurons": report.failing_neurons(),
        "margins": report.margins,
        "n_support": report.n_support,
        "condition_bound": report.condition_bound,
        "added_to_diagonal": report.added_to_diagonal,
        "iterations": report.iterations,
        "warnings": report.warnings,
    })
}

fn summary(memory: &KernelMemory, report: &FitReport, storage: &str, radius: Option<&ChosenRadius>) -> Summary {
    let mut summary = Summary::default();
    let (m, n) = memory.patterns().dim();
    summary.line("patterns", format!("{} of {n} neurons", report.n_patterns));
    summary.line("memory", describe(memory.params()));
    if storage != "patterns" {
        summary.line("stored as", format!("{storage}; {m} patterns kept"));
    }
    if let Some(radius) = radius {
        summary.line("radius", radius.describe());
    }
    summary.line(
        "stored",
        if report.residual > NEARLY {
            format!("approximately, by least squares; largest miss {:.3e} of an entry", report.residual)
        } else if report.all_stored() {
            "every pattern in every neuron".to_owned()
        } else {
            let failing = report.failing_neurons();
            let first: Vec<String> = failing.iter().take(8).map(ToString::to_string).collect();
            let more = if failing.len() > 8 { ", ..." } else { "" };
            format!(
                "not by {} neurons ({}{more}); training error {:.4}; try a kernel of higher order or --softness",
                failing.len(),
                first.join(", "),
                report.training_error
            )
        },
    );
    let finite: Vec<f64> = report.margins.iter().copied().filter(|margin| margin.is_finite()).collect();
    if let Some([low, middle]) = statistics::quantiles(&finite, &[0.0, 0.5]).as_deref() {
        summary.line("margin γ", format!("smallest {low:.4}, median {middle:.4} (feature space)"));
    }
    if !report.n_support.is_empty() {
        let mean = report.total_support() as f64 / report.n_support.len() as f64;
        summary.line("support vectors", format!("{mean:.1} of {m} per neuron"));
    }
    if let Some(condition) = report.condition_bound {
        summary.line("condition of the Gram", format!("at least {condition:.3e}"));
    }
    summary
}

fn figure(memory: &KernelMemory) -> Figure {
    let coefficients = memory.coefficients();
    let row = |neuron: ArrayView1<f64>| neuron.iter().take(200).copied().collect();
    let values: Vec<Vec<f64>> = coefficients.columns().into_iter().take(64).map(row).collect();
    let largest = values.iter().flatten().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    let (width, height) = (values.first().map_or(0, Vec::len) as f64, values.len() as f64);
    let map = HeatMap::new(values)
        .x_extent(-0.5, width - 0.5)
        .y_extent(-0.5, height - 0.5)
        .colour_map(ColourMap::Diverging)
        .colour_label("coefficient");
    // Zero is in the middle of the colours.
    let map = if largest > 0.0 { map.range(-largest, largest) } else { map };
    Figure::new("coefficients", "Coefficients of the memory")
        .describe("Kernel coefficients of the first 64 neurons (rows) and 200 patterns (columns).")
        .panel(Panel::new().x_label("pattern").y_label("neuron").heatmap(map))
}
