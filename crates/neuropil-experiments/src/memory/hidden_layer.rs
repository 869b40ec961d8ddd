//! Kanerva's sparse distributed memory is a suboptimal read-out of its hidden layer (claim (b) of the abstract).

use ndarray::Array2;
use neuropil_core::random::Seed;
use neuropil_memory::baseline::{SdmParameters, SparseDistributedMemory};
use neuropil_memory::kernel::sparse_distributed_overlap;
use neuropil_memory::random_patterns::{Noise, binary_patterns};
use neuropil_memory::{AssociativeMemory, Kernel, KernelMemory, KernelMemoryParams};
use neuropil_report::{Claim, Figure, Panel, Section, Size, Source, Table};

use super::{PAPER, ROOM};
use crate::{Context, Experiment, Info, Result};

/// One-shot against maximal-margin read-out of the same hidden layer.
#[derive(Debug)]
pub struct HiddenLayer;

const INFO: Info = Info {
    id: "memory.hidden-layer",
    room: ROOM,
    paper: PAPER,
    figure: "claim of the abstract",
    title: "Sparse distributed memory: one-shot and optimal read-out of the same hidden layer",
};

const FLIPS: [f64; 4] = [0.0, 0.05, 0.1, 0.2];
const LOADS: [usize; 4] = [50, 100, 200, 400];

/// Bit errors found with NumPy and a quadratic-programming package, five seeds: M, one-shot, maximal margin.
type Reference = (usize, &'static [f64], &'static [f64]);
const REFERENCES: [Reference; 3] = [
    (50, &[0.076, 0.154, 0.203, 0.279], &[0.0, 0.0035, 0.028, 0.132]),
    (200, &[0.219, 0.299, 0.337, 0.390], &[0.0, 0.048, 0.133, 0.282]),
    (400, &[0.295], &[0.0, 0.110, 0.210, 0.348]),
];

/// Size of the network.
#[derive(Debug, Clone, Copy)]
struct Network {
    n: usize,
    n_locations: usize,
    radius: usize,
}

const SMALL: Network = Network { n: 64, n_locations: 2000, radius: 26 };
const LARGE: Network = Network { n: 256, n_locations: 100_000, radius: 117 };

/// Mean bit error for every flip probability: one-shot, maximal margin.
struct Curves {
    m: usize,
    one_shot: Vec<f64>,
    margin: Vec<f64>,
}

impl Experiment for HiddenLayer {
    fn info(&self) -> &Info {
        &INFO
    }

    fn parameters(&self, size: Size) -> serde_json::Value {
        serde_json::json!({
            "n_inputs": SMALL.n, "n_locations": SMALL.n_locations, "radius": SMALL.radius, "n_patterns": LOADS,
            "flip_probabilities": FLIPS, "seeds": seeds(size),
            "large": (size == Size::Full).then_some([LARGE.n, LARGE.n_locations, LARGE.radius]),
        })
    }

    fn run(&self, context: &Context) -> Result<Section> {
        let curves = curves(SMALL, &LOADS, seeds(context.size), context)?;
        let mut section = Section::new(INFO.id, ROOM, INFO.title).describe(
            "Pairs of random 64-bit patterns are stored through 2000 hidden units with random addresses, each active for \
             inputs within 26 bits (8.4 % of all). Kanerva's memory adds every output pattern to the active units; the \
             optimal read-out has the maximal margin on the same hidden activity. One feed-forward pass from an input \
             with flipped bits.",
        );
        section.claims = claims(&curves);
        section = section.figure(figure("hidden-layer", &curves)?).table(table(&curves));
        if context.size == Size::Full {
            let large = self::curves(LARGE, &[200, 800], 1, context)?;
            for curves in &large {
                section = section.claim(
                    Claim::new(
                        format!("large-{}-gain", curves.m),
                        format!(
                            "256 bits, 100 000 hidden units, M = {}: smallest advantage of the margin in bit error, over \
                             flip probabilities",
                            curves.m
                        ),
                    )
                    .reference("the margin is better", Source::Paper)
                    .value(smallest_gain(curves))
                    .at_least(1e-9),
                );
            }
            section = section.figure(figure("hidden-layer-large", &large)?);
        }
        Ok(section)
    }
}

fn seeds(size: Size) -> u64 {
    if size == Size::Quick { 5 } else { 50 }
}

fn curves(network: Network, loads: &[usize], seeds: u64, context: &Context) -> Result<Vec<Curves>> {
    let root = Seed::new(context.seed).child(INFO.id).index(network.n as u64);
    let task = context.monitor.task(INFO.id, loads.len() as u64 * seeds);
    let params = KernelMemoryParams { kernel: Kernel::Linear, ..KernelMemoryParams::default() };
    let mut all = Vec::new();
    for &m in loads {
        let mut one_shot = vec![0.0; FLIPS.len()];
        let mut margin = one_shot.clone();
        for index in 0..seeds {
            context.monitor.check()?;
            let seed = root.index(m as u64).index(index);
            let inputs = binary_patterns(m, network.n, seed.child("inputs"));
            let outputs = binary_patterns(m, network.n, seed.child("outputs"));
            let parameters =
                SdmParameters { n_locations: network.n_locations, radius: network.radius, seed: context.seed + index };
            let kanerva = SparseDistributedMemory::fit_pairs(inputs.view(), outputs.view(), parameters)?;
            // On the hidden activity as input, the kernel of the hidden layer is the linear one.
            let hidden = kanerva.locations().features(inputs.view())?;
            let (optimal, _) =
                KernelMemory::fit_pairs(&params, hidden.view(), outputs.view(), &context.monitor.quiet())?;
            for (level, flips) in FLIPS.into_iter().enumerate() {
                let cues = Noise::Flip.corrupt(inputs.view(), flips, seed.child("cues").index(level as u64))?;
                let error = |answers: Array2<f64>| {
                    let wrong = answers.iter().zip(&outputs).filter(|(a, y)| a != y).count();
                    wrong as f64 / outputs.len() as f64 / seeds as f64
                };
                one_shot[level] += error(kanerva.step(cues.view())?);
                margin[level] += error(optimal.step(kanerva.locations().features(cues.view())?.view())?);
            }
            task.advance(1);
        }
        all.push(Curves { m, one_shot, margin });
    }
    Ok(all)
}

fn smallest_gain(curves: &Curves) -> f64 {
    curves.one_shot.iter().zip(&curves.margin).map(|(one, best)| one - best).fold(f64::INFINITY, f64::min)
}

fn claims(curves: &[Curves]) -> Vec<Claim> {
    let mut claims = Vec::new();
    for curves in curves {
        claims.push(
            Claim::new(
                format!("stored-{}", curves.m),
                format!("M = {}: bit error of the margin on clean inputs", curves.m),
            )
            .reference(0.0, Source::Theory)
            .value(curves.margin[0])
            .at_most(0.0),
        );
        claims.push(
            Claim::new(
                format!("gain-{}", curves.m),
                format!("M = {}: smallest advantage of the margin in bit error, over flip probabilities", curves.m),
            )
            .reference("Kanerva's memory is suboptimal", Source::Paper)
            .value(smallest_gain(curves))
            .at_least(1e-9),
        );
    }
    for (m, one_shot, margin) in REFERENCES {
        let Some(curves) = curves.iter().find(|curves| curves.m == m) else { continue };
        for (rule, values, references) in [("one-shot", &curves.one_shot, one_shot), ("margin", &curves.margin, margin)]
        {
            for ((flips, value), reference) in FLIPS.iter().zip(values).zip(references) {
                if rule == "margin" && *flips == 0.0 {
                    continue;
                }
                claims.push(
                    Claim::new(
                        format!("{rule}-{m}-{flips}"),
                        format!("M = {m}, {rule}: bit error at flip probability {flips}"),
                    )
                    .reference(*reference, Source::ThisProject)
                    .value(*value)
                    .absolute_error_at_most(0.02),
                );
            }
        }
    }
    claims
}

fn figure(id: &str, curves: &[Curves]) -> Result<Figure> {
    let mut panel = Panel::new().x_label("flip probability per input bit").y_label("bit error").height(300.0);
    for curves in curves {
        panel = panel.line(format!("one-shot, M = {}", curves.m), &FLIPS, &curves.one_shot).points(
            format!("one-shot, M = {}", curves.m),
            &FLIPS,
            &curves.one_shot,
        );
    }
    let mut optimal = Panel::new().x_label("flip probability per input bit").y_label("bit error").height(300.0);
    for curves in curves {
        optimal = optimal.line(format!("margin, M = {}", curves.m), &FLIPS, &curves.margin).points(
            format!("margin, M = {}", curves.m),
            &FLIPS,
            &curves.margin,
        );
    }
    let distances: Vec<f64> = (0..=64).map(f64::from).collect();
    let mut kernels = Panel::new()
        .title("Kernel of infinitely many units")
        .x_label("Hamming distance (bits of 64)")
        .y_label("K(d) / K(0)")
        .height(300.0);
    for radius in [20, 26, 30] {
        let table = sparse_distributed_overlap(64, radius)?;
        let scaled: Vec<f64> = table.iter().map(|value| value / table[0]).collect();
        kernels = kernels.line(format!("radius {radius}"), &distances, &scaled);
    }
    Ok(Figure::new(id, "Bit error of two read-outs of one hidden layer, and the kernel that the layer stands for")
        .describe("Means over seeds.")
        .columns(3)
        .panel(panel.title("Kanerva: one-shot").y_range(0.0, 0.5))
        .panel(optimal.title("Maximal margin").y_range(0.0, 0.5))
        .panel(kernels))
}

fn table(curves: &[Curves]) -> Table {
    let mut table = Table::new("bit-error", "Bit error")
        .column("patterns", "")
        .column("flip probability", "")
        .column("one-shot", "")
        .column("maximal margin", "");
    for curves in curves {
        for (level, flips) in FLIPS.into_iter().enumerate() {
            table.push([
                (curves.m as f64).into(),
                flips.into(),
                curves.one_shot[level].into(),
                curves.margin[level].into(),
            ]);
        }
    }
    table
}
