//! `neuropil memory basin`.

use clap::Args;
use ndarray::{Array1, ArrayView2, s};
use neuropil_memory::basin::{BasinOptions, basin_radius};
use neuropil_memory::{AssociativeMemory, KernelMemory, StateKind};
use neuropil_report::{Figure, Panel};
use serde_json::json;

use crate::delivery::{Delivery, Summary};
use crate::failure::Result;
use crate::memory::memory_args::describe;
use crate::memory::model_args::ModelArgs;
use crate::memory::noise_args::StepArgs;
use crate::options::Context;
use crate::outputs::{Outputs, ResultTable};

/// How far from each pattern a cue may be: basins, measured and certified, and linear stability
///
/// Distances are Euclidean for real patterns and numbers of flipped neurons for binary ones. Measured: the largest
/// recalled distance along random directions, by bisection (smallest and mean over directions). Certified: no cue
/// nearer than this can fail (0: nothing can be proved). A spectral radius below 1 means that a real pattern is stable.
#[derive(Debug, Args)]
#[command(after_help = r"Examples:
  neuropil memory fit data/digits.npz --divide-by 16 --limit 200 --out digits_memory.npz
  neuropil memory basin digits_memory.npz --limit 3 --plot basin.svg
  neuropil memory basin digits_memory.npz --limit 2 --directions 10 --largest 8 --json")]
pub(crate) struct BasinArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// Number of patterns, from the first
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
    /// Random directions per pattern
    #[arg(long, value_name = "N", default_value_t = 20)]
    directions: usize,
    /// Largest distance that is tried [default: the norm of the longest pattern; all neurons but one]
    #[arg(long, value_name = "X")]
    largest: Option<f64>,
    /// Precision of the distance
    #[arg(long, value_name = "X", default_value_t = 0.01)]
    precision: f64,
    #[command(flatten)]
    steps: StepArgs,
}

struct Rows {
    smallest: Vec<f64>,
    mean: Vec<f64>,
    certified: Vec<f64>,
    /// NaN where there is no Jacobian.
    spectral_radius: Vec<f64>,
}

pub(crate) fn run(args: &BasinArgs, context: &Context<'_>) -> Result<i32> {
    let outputs = Outputs::plan(context.global, "basin")?;
    let memory = args.model.load()?;
    let n = args.limit.min(memory.n_patterns());
    let patterns = memory.patterns();
    let patterns = patterns.slice(s![..n, ..]);
    let options = BasinOptions {
        n_directions: args.directions,
        largest: args.largest,
        precision: args.precision,
        tolerance: args.steps.tolerance,
        recall: args.steps.options(context.global.seed()),
        seed: context.global.seed(),
    };
    let measured = basin_radius(&memory, patterns, &options, &context.monitor())?;
    let rows = Rows {
        smallest: measured.smallest(),
        mean: measured.mean(),
        certified: memory.certified_radii()?.into_iter().take(n).collect(),
        spectral_radius: spectral_radii(&memory, patterns, context)?,
    };
    let delivery = Delivery {
        command: "memory basin",
        seed: context.global.seed(),
        parameters: json!(options),
        input: args.model.describe(&memory),
        result: json!({ "unit": unit(&memory) }),
        table: table(&rows),
        table_key: "patterns",
        arrays: vec![
            ("radius".to_owned(), measured.radius.clone().into_dyn()),
            ("certified".to_owned(), Array1::from(rows.certified.clone()).into_dyn()),
            ("spectral_radius".to_owned(), Array1::from(rows.spectral_radius.clone()).into_dyn()),
        ],
        summary: summary(&memory, &rows).into(),
    };
    delivery.deliver(context, &outputs, || figure(&memory, &rows))
}

fn unit(memory: &KernelMemory) -> &'static str {
    if memory.state() == StateKind::Binary { "flipped neurons" } else { "distance" }
}

fn spectral_radii(memory: &KernelMemory, patterns: ArrayView2<f64>, context: &Context<'_>) -> Result<Vec<f64>> {
    // Neither binary states nor kernels with a cusp have a Jacobian at a stored pattern.
    if memory.state() == StateKind::Binary || !memory.kernel().is_smooth() {
        return Ok(vec![f64::NAN; patterns.nrows()]);
    }
    let task = context.monitor().task("spectral radius", patterns.nrows() as u64);
    let mut radii = Vec::new();
    for pattern in patterns.rows() {
        context.monitor().check()?;
        radii.push(memory.jacobian_radius(pattern)?);
        task.advance(1);
    }
    Ok(radii)
}

fn table(rows: &Rows) -> ResultTable {
    let mut table = ResultTable::default();
    table.integers("pattern", (0..rows.smallest.len()).map(|row| row as i64));
    table.numbers("smallest", rows.smallest.iter().copied());
    table.numbers("mean", rows.mean.iter().copied());
    table.numbers("certified", rows.certified.iter().copied());
    table.numbers("spectral_radius", rows.spectral_radius.iter().copied());
    table
}

fn summary(memory: &KernelMemory, rows: &Rows) -> Summary {
    let mut summary = Summary::default();
    let unit = unit(memory);
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let least = |values: &[f64]| values.iter().copied().fold(f64::INFINITY, f64::min);
    summary.line("memory", describe(memory.params()));
    summary.line("patterns measured", rows.smallest.len().to_string());
    summary.line("radius, mean", format!("{:.4} ({unit})", mean(&rows.mean)));
    summary.line("radius, smallest", format!("{:.4}", least(&rows.smallest)));
    summary.line("certified, smallest", format!("{:.4}", least(&rows.certified)));
    let known: Vec<f64> = rows.spectral_radius.iter().copied().filter(|radius| !radius.is_nan()).collect();
    if !known.is_empty() {
        let stable = known.iter().filter(|&&radius| radius < 1.0).count();
        summary.line("linearly stable", format!("{stable} of {}", known.len()));
    }
    summary
}

fn figure(memory: &KernelMemory, rows: &Rows) -> Figure {
    let x: Vec<f64> = (0..rows.smallest.len()).map(|row| row as f64).collect();
    let label = format!("radius ({})", unit(memory));
    Figure::new("basin", "Size of the basins")
        .describe(
            "For every pattern the mean and smallest recalled distance over directions, and the certified radius.",
        )
        .panel(
            Panel::new()
                .x_label("pattern")
                .y_label(label)
                .height(320.0)
                .points("mean over directions", &x, &rows.mean)
                .points("smallest over directions", &x, &rows.smallest)
                .points("certified", &x, &rows.certified),
        )
}
