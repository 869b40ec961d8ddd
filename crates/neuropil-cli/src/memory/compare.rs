//! `neuropil memory compare`.

use clap::Args;
use ndarray::ArrayView2;
use neuropil_memory::baseline::{
    DenseAssociativeMemory, Hopfield, Interaction, ModernHopfield, NearestNeighbor, PseudoInverse,
};
use neuropil_memory::kernel_memory::{Centering, InterpolationOptions};
use neuropil_memory::margin::MarginOptions;
use neuropil_memory::radius_choice::suggested_radius;
use neuropil_memory::recall_curve::{CurveOptions, CurvePoint, recall_curve};
use neuropil_memory::{AssociativeMemory, Kernel, KernelMemory, KernelMemoryParams, Rule, StateKind};
use neuropil_report::{Cell, Figure, Panel, Table};
use serde_json::{Map, Value, json};

use crate::delivery::{Delivery, Summary};
use crate::failure::Result;
use crate::memory::curve;
use crate::memory::noise_args::{NoiseArg, StepArgs};
use crate::memory::pattern_args::PatternArgs;
use crate::options::Context;
use crate::outputs::{Outputs, ResultTable};

/// Compare memories on the same patterns and cues, with the nearest neighbour as the ceiling
///
/// Real patterns: normalized and centered kernel memory, attention with the same kernel, projection, nearest neighbour.
/// Binary patterns: maximal margin (exponential and linear kernel; soft where no hard one exists), Hopfield, dense and exponential networks,
/// projection, nearest neighbour. One row per memory and level of noise: the fraction restored.
#[derive(Debug, Args)]
#[command(after_help = r"Examples:
  neuropil memory compare data/digits.npz --divide-by 16 --limit 500 --plot compare.svg
  neuropil memory compare data/digits.npz --binarize 7.5 --limit 100 --levels 0,0.05,0.1,0.2")]
pub(crate) struct CompareArgs {
    #[command(flatten)]
    input: PatternArgs,
    /// Radius of the Gaussian kernel for real patterns [default: 0.4 times the median distance of a pattern to its
    /// nearest neighbour]
    #[arg(long, value_name = "R")]
    radius: Option<f64>,
    /// What makes cues of the stored patterns [default: flip for binary, gaussian for real patterns]
    #[arg(long, value_name = "KIND")]
    noise: Option<NoiseArg>,
    /// Levels of the noise
    #[arg(long, value_name = "X,X,...", value_delimiter = ',', default_value = "0,0.05,0.1,0.2,0.3")]
    levels: Vec<f64>,
    /// Cues per level [default: every pattern once]
    #[arg(long, value_name = "N")]
    cues: Option<usize>,
    #[command(flatten)]
    steps: StepArgs,
}

/// Largest coefficient of a soft margin; far above those of a hard one for kernels with K(x, x) = 1.
const SOFTNESS: f64 = 1000.0;

type Contender = (&'static str, Box<dyn AssociativeMemory>);

pub(crate) fn run(args: &CompareArgs, context: &Context<'_>) -> Result<i32> {
    let outputs = Outputs::plan(context.global, "compare")?;
    let patterns = args.input.read()?;
    let kind = patterns.kind();
    let values = patterns.values.view();
    let contenders = match kind {
        StateKind::Real => args.real(values, context)?,
        StateKind::Binary => binary(values, context)?,
    };
    let noise = args.noise.unwrap_or(NoiseArg::usual(kind));
    let options = CurveOptions {
        noise: noise.noise(kind),
        levels: args.levels.clone(),
        n_cues: args.cues.unwrap_or(values.nrows()),
        tolerance: args.steps.tolerance,
        recall: args.steps.options(context.global.seed()),
        seed: context.global.seed(),
    };
    let mut curves: Vec<(&str, Vec<CurvePoint>)> = Vec::new();
    for (name, memory) in &contenders {
        context.console.detail(format!("recalling with {name}"));
        curves.push((name, recall_curve(&**memory, values, values, &options, &context.monitor())?));
    }
    let restored: Map<String, Value> = curves
        .iter()
        .map(|(name, points)| ((*name).to_owned(), json!(points.iter().map(|p| p.restored).collect::<Vec<_>>())))
        .collect();
    let mut summary = Summary::default();
    summary.line("patterns", format!("{} of {} neurons", values.nrows(), values.ncols()));
    summary.line("cues", format!("{} per level; {}", options.n_cues, noise.label()));
    summary.block(text(&curves));
    let delivery = Delivery {
        command: "memory compare",
        seed: context.global.seed(),
        parameters: json!(options),
        input: patterns.describe(),
        result: json!({ "restored": restored }),
        table: table(&curves),
        table_key: "rows",
        arrays: curves
            .iter()
            .map(|(name, points)| {
                let restored: ndarray::Array1<f64> = points.iter().map(|p| p.restored).collect();
                (name.replace([' ', ','], "_"), restored.into_dyn())
            })
            .collect(),
        summary: summary.into(),
    };
    delivery.deliver(context, &outputs, || {
        let panel = curves
            .iter()
            .fold(Panel::new().x_label(noise.label()), |panel, (name, points)| curve::panel(panel, name, points));
        Figure::new("compare", "Recall against noise")
            .describe("Fraction of cues from which the pattern was restored, with 95 % intervals.")
            .panel(panel)
    })
}

impl CompareArgs {
    fn real(&self, patterns: ArrayView2<f64>, context: &Context<'_>) -> Result<Vec<Contender>> {
        let radius = match self.radius {
            Some(radius) => radius,
            None => suggested_radius(patterns)?,
        };
        let memory = |rule, radius| fit(Kernel::gaussian(radius), rule, StateKind::Real, patterns, context);
        let centered = InterpolationOptions { centering: Centering::Mean, ..InterpolationOptions::default() };
        Ok(vec![
            ("normalized kernel memory", memory(Rule::normalized_interpolation(), radius)?),
            ("nearest neighbour (ceiling)", Box::new(NearestNeighbor::fit(patterns)?)),
            ("attention, same kernel", Box::new(ModernHopfield::with_radius(patterns, radius)?)),
            ("centered kernel memory, radius x 2", memory(Rule::Interpolate(centered), 2.0 * radius)?),
            ("projection", Box::new(PseudoInverse::fit(patterns, StateKind::Real)?)),
        ])
    }
}

fn binary(patterns: ArrayView2<f64>, context: &Context<'_>) -> Result<Vec<Contender>> {
    let n = patterns.ncols().max(1) as f64;
    let margin = |kernel: Kernel| max_margin(kernel, patterns, context);
    let dense = |interaction| DenseAssociativeMemory::fit(patterns, interaction);
    Ok(vec![
        ("maximal margin, exponential", margin(Kernel::exponential(8.0 / n))?),
        ("nearest neighbour (ceiling)", Box::new(NearestNeighbor::fit(patterns)?)),
        ("maximal margin, linear", margin(Kernel::Linear)?),
        ("Hopfield", Box::new(Hopfield::fit(patterns)?)),
        ("dense, cubic", Box::new(dense(Interaction::Power { p: 3 })?)),
        ("exponential network", Box::new(dense(Interaction::Exponential { beta: 1.0 })?)),
        ("projection", Box::new(PseudoInverse::fit(patterns, StateKind::Binary)?)),
    ])
}

/// Hard margins, or soft ones where a neuron finds none: two patterns that differ in one entry only cannot be told apart by
/// the neuron that does not see it, and a hard margin then gives this neuron nothing.
fn max_margin(kernel: Kernel, patterns: ArrayView2<f64>, context: &Context<'_>) -> Result<Box<dyn AssociativeMemory>> {
    let mut params = KernelMemoryParams { kernel, ..KernelMemoryParams::default() };
    let (mut memory, report) = KernelMemory::fit_with(&params, patterns, &context.monitor())?;
    if !report.all_stored() {
        params.rule = Rule::MaxMargin(MarginOptions { softness: SOFTNESS, ..MarginOptions::default() });
        memory = KernelMemory::fit_with(&params, patterns, &context.monitor())?.0;
    }
    Ok(Box::new(memory))
}

fn fit(
    kernel: Kernel,
    rule: Rule,
    states: StateKind,
    patterns: ArrayView2<f64>,
    context: &Context<'_>,
) -> Result<Box<dyn AssociativeMemory>> {
    let params = KernelMemoryParams { kernel, rule, states, ..KernelMemoryParams::default() };
    let (memory, report) = KernelMemory::fit_with(&params, patterns, &context.monitor())?;
    for warning in &report.warnings {
        context.console.warn(warning);
    }
    Ok(Box::new(memory))
}

fn text(curves: &[(&str, Vec<CurvePoint>)]) -> String {
    let mut table = Table::new("restored", "").column("memory", "");
    for point in curves.first().map_or(&[][..], |(_, points)| points) {
        table = table.column(format!("{}", point.level), "");
    }
    for (name, points) in curves {
        table.push(std::iter::once(Cell::from(*name)).chain(points.iter().map(|p| Cell::from(p.restored))));
    }
    table.to_text()
}

fn table(curves: &[(&str, Vec<CurvePoint>)]) -> ResultTable {
    let mut table = ResultTable::default();
    let rows = || curves.iter().flat_map(|(name, points)| points.iter().map(move |point| (*name, point)));
    table.text("memory", rows().map(|(name, _)| name.to_owned()));
    table.numbers("level", rows().map(|(_, p)| p.level));
    table.integers("n_cues", rows().map(|(_, p)| p.n_cues as i64));
    table.numbers("restored", rows().map(|(_, p)| p.restored));
    table.numbers("restored_low", rows().map(|(_, p)| p.restored_interval.0));
    table.numbers("restored_high", rows().map(|(_, p)| p.restored_interval.1));
    table.numbers("overlap", rows().map(|(_, p)| p.overlap));
    table.numbers("error", rows().map(|(_, p)| p.error));
    table
}
