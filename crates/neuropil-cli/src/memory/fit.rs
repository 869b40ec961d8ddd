//! `neuropil memory fit`.

use clap::Args;
use ndarray::ArrayView1;
use neuropil_core::files::check_writable;
use neuropil_core::statistics;
use neuropil_memory::{FitReport, KernelMemory};
use neuropil_report::{ColourMap, Figure, HeatMap, Panel};
use serde_json::{Value, json};

use crate::delivery::Summary;
use crate::document::document;
use crate::failure::{DONE, Failure, Result};
use crate::memory::memory_args::{MemoryArgs, describe};
use crate::memory::pattern_args::PatternArgs;
use crate::options::Context;

/// Store patterns: a file of patterns in, a memory out
///
/// Prints whether every neuron stores every pattern, margins, support vectors and the condition of the Gram matrix.
/// --out MEMORY.npz keeps the memory, for the other verbs and for Python (neuropil.load). --plot draws coefficients.
#[derive(Debug, Args)]
#[command(after_help = r"Examples:
  neuropil memory fit data/digits.npz --divide-by 16 --out digits_memory.npz
  neuropil memory fit data/digits.npz --binarize 7.5 --limit 200 --kernel linear --out binary.npz")]
pub(crate) struct FitArgs {
    #[command(flatten)]
    input: PatternArgs,
    #[command(flatten)]
    memory: MemoryArgs,
}

pub(crate) fn run(args: &FitArgs, context: &Context<'_>) -> Result<i32> {
    let out = context.global.out.as_deref();
    if let Some(out) = out {
        if out.extension().is_none_or(|extension| extension != "npz") {
            return Err(Failure::usage(format!("--out {}: a memory is an npz file", out.display()))
                .hint("end the name in .npz; redirect --json for the numbers"));
        }
        check_writable(out, context.global.overwrite())?;
    }
    let plot = context.global.plot.as_deref();
    if let Some(plot) = plot {
        check_writable(plot, context.global.overwrite())?;
    }
    let patterns = args.input.read()?;
    let params = args.memory.params(patterns.values.view())?;
    let (memory, report) = KernelMemory::fit_with(&params, patterns.values.view(), &context.monitor())?;
    for warning in &report.warnings {
        context.console.warn(warning);
    }
    if let Some(out) = out {
        memory.save(out, context.global.overwrite())?;
        context.console.say(format!("wrote {}", out.display()));
    }
    if let Some(plot) = plot {
        figure(&memory).save(plot)?;
        context.console.say(format!("wrote {}", plot.display()));
    }
    context.console.show(String::from(summary(&memory, &report)), || {
        document("memory fit", context.global.seed(), json!(memory.params()), patterns.describe(), result(&report))
    })?;
    Ok(DONE)
}

fn result(report: &FitReport) -> Value {
    json!({
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

fn summary(memory: &KernelMemory, report: &FitReport) -> Summary {
    let mut summary = Summary::default();
    let (m, n) = memory.patterns().dim();
    summary.line("patterns", format!("{m} of {n} neurons"));
    summary.line("memory", describe(memory.params()));
    summary.line(
        "stored",
        if report.all_stored() {
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
    let values = coefficients.columns().into_iter().take(64).map(row).collect();
    Figure::new("coefficients", "Coefficients of the memory")
        .describe("Kernel coefficients of the first 64 neurons (rows) and 200 patterns (columns).")
        .panel(
            Panel::new()
                .x_label("pattern")
                .y_label("neuron")
                .heatmap(HeatMap::new(values).colour_map(ColourMap::Diverging).colour_label("coefficient")),
        )
}
