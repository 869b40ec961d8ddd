//! The margins of a recurrent linear memory are those that Gardner's theory allows.

use neuropil_core::random::Seed;
use neuropil_core::statistics;
use neuropil_memory::random_patterns::binary_patterns;
use neuropil_memory::theory::{gardner_kappa, support_vector_fraction};
use neuropil_memory::{Kernel, KernelMemory, KernelMemoryParams};
use neuropil_report::{Claim, ColourMap, Figure, HeatMap, Panel, Section, Size, Source};

use super::{PAPER, ROOM};
use crate::{Context, Experiment, Info, Result};

/// Margins and support vectors against the load.
#[derive(Debug)]
pub struct Margins;

const INFO: Info = Info {
    id: "memory.margins",
    room: ROOM,
    paper: PAPER,
    figure: "theory of the linear kernel",
    title: "Margins and support vectors of random patterns, and Gardner's theory",
};

const N: usize = 200;
const LOADS: [f64; 5] = [0.25, 0.5, 0.75, 1.0, 1.5];
/// The load of the claims.
const CLAIMED: usize = 1;

fn seeds(size: Size) -> u64 {
    if size == Size::Quick { 5 } else { 20 }
}

/// Means over seeds.
struct Point {
    kappa: f64,
    kappa_error: f64,
    support: f64,
}

impl Experiment for Margins {
    fn info(&self) -> &Info {
        &INFO
    }

    fn parameters(&self, size: Size) -> serde_json::Value {
        serde_json::json!({ "n_neurons": N, "loads": LOADS, "seeds": seeds(size), "kernel": "x.y / N" })
    }

    fn run(&self, context: &Context) -> Result<Section> {
        let root = Seed::new(context.seed).child(INFO.id);
        let task = context.monitor.task(INFO.id, LOADS.len() as u64 * seeds(context.size));
        let params = KernelMemoryParams { kernel: Kernel::Linear, ..KernelMemoryParams::default() };
        let mut points = Vec::new();
        let mut raster = Vec::new();
        for (index, load) in LOADS.into_iter().enumerate() {
            let m = (load * N as f64).round() as usize;
            // The claims are about one load; the others show the curve.
            let n_seeds = if index == CLAIMED { seeds(context.size) } else { seeds(context.size).div_ceil(4) };
            let (mut kappas, mut support) = (Vec::new(), 0.0);
            for seed in 0..n_seeds {
                context.monitor.check()?;
                let patterns = binary_patterns(m, N, root.index(index as u64).index(seed));
                let (memory, report) = KernelMemory::fit_with(&params, patterns.view(), &context.monitor.quiet())?;
                let gamma = statistics::mean(&report.margins).unwrap_or(f64::NAN);
                kappas.push(gamma * (N as f64).sqrt());
                support += report.total_support() as f64 / (m * N) as f64 / n_seeds as f64;
                if index == 0 && seed == 0 {
                    let alpha = &memory.coefficients() * &patterns;
                    raster = alpha.t().rows().into_iter().take(40).map(|row| row.to_vec()).collect();
                }
                task.advance(1);
            }
            points.push(Point {
                kappa: statistics::mean(&kappas).unwrap_or(f64::NAN),
                kappa_error: statistics::standard_error(&kappas).unwrap_or(0.0),
                support,
            });
        }
        let claimed = &points[CLAIMED];
        let (low, high) = (claimed.kappa - 1.96 * claimed.kappa_error, claimed.kappa + 1.96 * claimed.kappa_error);
        Ok(Section::new(INFO.id, ROOM, INFO.title)
            .describe(
                "Random binary patterns in a recurrent network of 200 neurons without self-connections, linear kernel. \
                 Gardner's replica calculation gives the largest margin that any weights can reach in the limit of many \
                 neurons, and the fraction of patterns that lie on the margin. A learning rule that finds the optimum \
                 must meet both.",
            )
            .claim(
                Claim::new("kappa", "mean margin gamma sqrt(N) at M/N = 0.5")
                    .reference(gardner_kappa(0.5)?, Source::Theory)
                    .value(claimed.kappa)
                    .interval(low, high)
                    .within(1.034 - 0.02, 1.034 + 0.02),
            )
            .claim(
                Claim::new("support-vectors", "fraction of the patterns that are support vectors at M/N = 0.5")
                    .reference(support_vector_fraction(0.5)?, Source::Theory)
                    .value(claimed.support)
                    .within(0.8495 - 0.012, 0.8495 + 0.012),
            )
            .figure(figure(&points, raster)?))
    }
}

fn figure(points: &[Point], raster: Vec<Vec<f64>>) -> Result<Figure> {
    let loads: Vec<f64> = (4..=78).map(|i| f64::from(i) / 40.0).collect();
    let kappa: Vec<f64> = loads.iter().map(|&load| gardner_kappa(load)).collect::<std::result::Result<_, _>>()?;
    let support: Vec<f64> =
        loads.iter().map(|&load| support_vector_fraction(load)).collect::<std::result::Result<_, _>>()?;
    let panel = |label: &str| Panel::new().x_label("load M/N").y_label(label).height(260.0);
    let values = |value: fn(&Point) -> f64| -> Vec<f64> { points.iter().map(value).collect() };
    Ok(Figure::new("margins", "Optimal margins against the load")
        .describe(
            "Lines: Gardner's theory for infinitely many neurons. Points: means over neurons and seeds, N = 200. Right: \
             coefficients of 40 neurons at M/N = 0.25; zero means that the pattern is not a support vector.",
        )
        .columns(3)
        .panel(
            panel("margin γ√N").line("theory", &loads, &kappa).points("N = 200", &LOADS, &values(|point| point.kappa)),
        )
        .panel(panel("fraction of support vectors").line("theory", &loads, &support).points(
            "N = 200",
            &LOADS,
            &values(|point| point.support),
        ))
        .panel(
            Panel::new().x_label("pattern").y_label("neuron").height(260.0).heatmap(
                HeatMap::new(raster).colour_map(ColourMap::Viridis).colour_label("coefficient α"),
            ),
        ))
}
