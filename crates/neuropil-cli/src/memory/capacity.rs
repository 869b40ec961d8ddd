//! `neuropil memory capacity`.

use clap::{Args, ValueEnum};
use ndarray::{Array1, ArrayView2};
use neuropil_memory::baseline::{DenseAssociativeMemory, Hopfield, Interaction, PseudoInverse};
use neuropil_memory::capacity_curve::{CapacityOptions, CapacityPoint, capacity_curve};
use neuropil_memory::theory::{cover_probability, feature_dimension, hopfield_capacity};
use neuropil_memory::{AssociativeMemory, Error, Kernel, KernelMemory, KernelMemoryParams, Mode, StateKind};
use neuropil_report::{Figure, Panel, Table};
use serde_json::json;

use crate::delivery::{Delivery, Summary};
use crate::failure::{Failure, Result};
use crate::memory::memory_args::{MemoryArgs, describe};
use crate::memory::noise_args::{NoiseArg, StepArgs};
use crate::options::Context;
use crate::outputs::{Outputs, ResultTable};

/// How many random patterns a kind of memory holds, with the theory where there is one
///
/// Memories of growing load M/N are filled with random patterns and asked for each of them. One row per load: the fraction
/// restored, the fraction of memories that restored everything, the error per entry, and Cover's probability that all
/// patterns can be stored by a neuron.
#[derive(Debug, Args)]
#[command(after_help = r"Examples:
  neuropil memory capacity --kind hopfield --neurons 200 --loads 0.05,0.1,0.14,0.2 \
      --level 0 --plot hopfield.svg
  neuropil memory capacity --kernel linear --rule margin --neurons 100 \
      --loads 0.2,0.5,1,1.5,2 --plot linear.svg")]
pub(crate) struct CapacityArgs {
    /// Kind of memory
    #[arg(long, value_name = "NAME", default_value = "kernel")]
    kind: KindArg,
    /// Number of neurons N
    #[arg(long, value_name = "N", default_value_t = 100)]
    neurons: usize,
    /// Loads M/N
    #[arg(long, value_name = "A,A,...", value_delimiter = ',', default_value = "0.1,0.2,0.5,1,1.5,2")]
    loads: Vec<f64>,
    /// Memories per load
    #[arg(long, value_name = "N", default_value_t = 5)]
    trials: usize,
    /// Random patterns: binary with fair entries, or real on the unit sphere
    #[arg(long, value_name = "KIND", default_value = "binary")]
    patterns: crate::memory::memory_args::StatesArg,
    /// What makes cues of the patterns [default: flip for binary, gaussian for real patterns]
    #[arg(long, value_name = "KIND")]
    noise: Option<NoiseArg>,
    /// Level of the noise. At 0, a neuron that has found no coefficients has no field, keeps its state and counts as right
    #[arg(long, value_name = "X", default_value_t = 0.05)]
    level: f64,
    #[command(flatten)]
    steps: StepArgs,
    #[command(flatten)]
    memory: MemoryArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum KindArg {
    /// Kernel memory, with the options below
    Kernel,
    /// Hopfield network
    Hopfield,
    /// Dense associative memory of order --degree
    Dense,
    /// Exponential network
    Exponential,
    /// Projection (pseudo-inverse)
    PseudoInverse,
}

pub(crate) fn run(args: &CapacityArgs, context: &Context<'_>) -> Result<i32> {
    let outputs = Outputs::plan(context.global, "capacity")?;
    let options = args.options(context)?;
    // A radius that is not given is that of the smallest load, for all loads.
    let probe = options.draw(options.n_patterns.iter().copied().min().unwrap_or(2).max(2), 0);
    let (params, _) = args.memory.params(probe.view(), &context.monitor())?;
    let points = args.measure(&params, &options, context)?;
    let name = if args.kind == KindArg::Kernel { describe(&params) } else { name(args.kind).to_owned() };
    // Cover's theorem is about one neuron and about binary patterns.
    let dimension = match (args.kind, options.patterns) {
        (KindArg::Kernel, StateKind::Binary) => {
            // A neuron that does not see itself has the features of the others.
            let inputs = if params.excludes_self(Mode::Auto) { args.neurons.saturating_sub(1) } else { args.neurons };
            match params.kernel {
                // The dense associative memory counts the other inputs itself.
                Kernel::Krotov { .. } => feature_dimension(&params.kernel, args.neurons).ok(),
                _ => feature_dimension(&params.kernel, inputs).ok(),
            }
        }
        _ => None,
    };
    let cover: Vec<f64> = points
        .iter()
        .map(|point| match dimension.filter(|d| *d < 1e7) {
            Some(d) => cover_probability(point.n_patterns, d as usize).unwrap_or(f64::NAN),
            None => f64::NAN,
        })
        .collect();
    let delivery = Delivery {
        command: "memory capacity",
        seed: context.global.seed(),
        parameters: json!({ "kind": name, "options": options, "memory": params }),
        input: json!(null),
        result: json!({ "feature_dimension": dimension.filter(|d| d.is_finite()) }),
        table: table(&points, &cover),
        table_key: "loads",
        arrays: vec![
            ("load".to_owned(), points.iter().map(|p| p.load).collect::<Array1<f64>>().into_dyn()),
            ("restored".to_owned(), points.iter().map(|p| p.restored).collect::<Array1<f64>>().into_dyn()),
        ],
        summary: summary(args, &name, dimension, &points).into(),
    };
    delivery.deliver(context, &outputs, || figure(args.kind, &name, args.neurons, dimension, &points))
}

impl CapacityArgs {
    fn options(&self, context: &Context<'_>) -> Result<CapacityOptions> {
        if let Some(load) = self.loads.iter().find(|&&load| !(load > 0.0 && load.is_finite())) {
            return Err(Failure::usage(format!("--loads holds {load}, but a load must be positive and finite")));
        }
        let patterns = match self.patterns {
            crate::memory::memory_args::StatesArg::Binary => StateKind::Binary,
            crate::memory::memory_args::StatesArg::Real => StateKind::Real,
        };
        let noise = self.noise.unwrap_or(NoiseArg::usual(patterns)).noise(patterns);
        let n_patterns = self.loads.iter().map(|load| ((load * self.neurons as f64).round() as usize).max(1)).collect();
        Ok(CapacityOptions {
            n_neurons: self.neurons,
            n_patterns,
            n_trials: self.trials,
            patterns,
            noise,
            level: self.level,
            tolerance: self.steps.tolerance,
            recall: self.steps.options(context.global.seed()),
            seed: context.global.seed(),
        })
    }

    fn measure(
        &self,
        params: &KernelMemoryParams,
        options: &CapacityOptions,
        context: &Context<'_>,
    ) -> Result<Vec<CapacityPoint>> {
        type Built = std::result::Result<Box<dyn AssociativeMemory>, Error>;
        let boxed = |patterns: ArrayView2<f64>| -> Built {
            Ok(match self.kind {
                KindArg::Kernel => Box::new(KernelMemory::fit(params, patterns)?.0),
                KindArg::Hopfield => Box::new(Hopfield::fit(patterns)?),
                KindArg::Dense => {
                    Box::new(DenseAssociativeMemory::fit(patterns, Interaction::Power { p: self.memory.degree })?)
                }
                KindArg::Exponential => {
                    let beta = self.memory.beta.unwrap_or(1.0);
                    Box::new(DenseAssociativeMemory::fit(patterns, Interaction::Exponential { beta })?)
                }
                KindArg::PseudoInverse => Box::new(PseudoInverse::fit(patterns, options.patterns)?),
            })
        };
        Ok(capacity_curve(boxed, options, &context.monitor())?)
    }
}

fn name(kind: KindArg) -> &'static str {
    match kind {
        KindArg::Kernel => "kernel memory",
        KindArg::Hopfield => "Hopfield network",
        KindArg::Dense => "dense associative memory",
        KindArg::Exponential => "exponential network",
        KindArg::PseudoInverse => "projection (pseudo-inverse)",
    }
}

fn table(points: &[CapacityPoint], cover: &[f64]) -> ResultTable {
    let mut table = ResultTable::default();
    table.integers("n_patterns", points.iter().map(|p| p.n_patterns as i64));
    table.numbers("load", points.iter().map(|p| p.load));
    table.numbers("restored", points.iter().map(|p| p.restored));
    table.numbers("restored_low", points.iter().map(|p| p.restored_interval.0));
    table.numbers("restored_high", points.iter().map(|p| p.restored_interval.1));
    table.numbers("perfect", points.iter().map(|p| p.perfect));
    table.numbers("error", points.iter().map(|p| p.error));
    table.numbers("cover_probability", cover.iter().copied());
    table
}

fn summary(args: &CapacityArgs, name: &str, dimension: Option<f64>, points: &[CapacityPoint]) -> Summary {
    let mut summary = Summary::default();
    summary.line("memory", name);
    summary.line("neurons", args.neurons.to_string());
    if let Some(dimension) = dimension {
        summary.line("dimension of features", format!("{dimension:.4e}; about twice as many patterns can be stored"));
    }
    if args.kind == KindArg::Hopfield {
        summary.line("theory", format!("few errors up to {:.1} patterns", hopfield_capacity(args.neurons)));
    }
    let mut table = Table::new("loads", "")
        .column("patterns", "")
        .column("load M/N", "")
        .column("restored", "")
        .column("memories with all", "")
        .column("error", "");
    for p in points {
        table.push([(p.n_patterns as f64).into(), p.load.into(), p.restored.into(), p.perfect.into(), p.error.into()]);
    }
    summary.block(table.to_text());
    summary
}

fn figure(kind: KindArg, name: &str, n: usize, dimension: Option<f64>, points: &[CapacityPoint]) -> Figure {
    let x: Vec<f64> = points.iter().map(|p| p.load).collect();
    let restored: Vec<f64> = points.iter().map(|p| p.restored).collect();
    let mut panel = Panel::new()
        .x_label("load M/N")
        .y_label("fraction")
        .y_range(-0.03, 1.03)
        .height(320.0)
        .line(name, &x, &restored)
        .points(name, &x, &restored);
    let last = x.iter().copied().fold(0.0, f64::max);
    if let Some(d) = dimension.filter(|d| *d < 1e7) {
        let loads: Vec<f64> = (1..=100).map(|i| last * f64::from(i) / 100.0).collect();
        let at = |load: f64| cover_probability(((load * n as f64).round() as usize).max(1), d as usize);
        let cover: Vec<f64> = loads.iter().map(|&load| at(load).unwrap_or(f64::NAN)).collect();
        panel = panel.line("a neuron stores all (Cover)", &loads, &cover);
    }
    if kind == KindArg::Hopfield {
        panel = panel.vlines("0.138 N (theory)", &[hopfield_capacity(n) / n as f64]);
    }
    Figure::new("capacity", "Recall against the load")
        .describe("Fraction of patterns restored; a line shows the theory where there is one.")
        .panel(panel)
}
