//! How many random patterns the kinds of memory hold.

use ndarray::ArrayView2;
use neuropil_memory::baseline::{DenseAssociativeMemory, Hopfield, Interaction};
use neuropil_memory::capacity_curve::{CapacityOptions, CapacityPoint, capacity_curve};
use neuropil_memory::theory::cover_probability;
use neuropil_memory::{Error, Kernel, KernelMemory, KernelMemoryParams, Rule, StateKind};
use neuropil_report::{Claim, Figure, Panel, Section, Size, Source, Table};

use super::{PAPER, ROOM};
use crate::{Context, Experiment, Info, Result};

/// Recall of clean cues against the load.
#[derive(Debug)]
pub struct Loads;

const INFO: Info = Info {
    id: "memory.loads",
    room: ROOM,
    paper: PAPER,
    figure: "beyond the paper",
    title: "Recall against the load: Hopfield, dense, and maximal margin with linear and Gaussian kernels",
};

const N: usize = 200;
/// Squared radius N: random patterns have a kernel value of e^-2.
const RADIUS: f64 = 14.142_135_623_730_951;

fn options(size: Size, loads: &[f64], seed: u64) -> CapacityOptions {
    CapacityOptions {
        n_neurons: N,
        n_patterns: loads.iter().map(|load| (load * N as f64).round() as usize).collect(),
        n_trials: if size == Size::Quick { 2 } else { 10 },
        patterns: StateKind::Binary,
        seed,
        ..CapacityOptions::default()
    }
}

const HOPFIELD: [f64; 7] = [0.05, 0.1, 0.14, 0.2, 0.3, 0.5, 1.0];
const DENSE: [f64; 6] = [0.5, 1.0, 2.0, 3.0, 4.0, 6.0];
const LINEAR: [f64; 4] = [0.14, 0.5, 1.0, 1.5];
const GAUSSIAN: [f64; 4] = [0.5, 1.0, 2.0, 4.0];

const INTERPOLATED: [f64; 2] = [1.0, 4.0];

fn margin(kernel: Kernel) -> impl Fn(ArrayView2<f64>) -> std::result::Result<KernelMemory, Error> {
    with_rule(kernel, Rule::max_margin())
}

fn with_rule(kernel: Kernel, rule: Rule) -> impl Fn(ArrayView2<f64>) -> std::result::Result<KernelMemory, Error> {
    let params = KernelMemoryParams { kernel, rule, ..KernelMemoryParams::default() };
    move |patterns| KernelMemory::fit(&params, patterns).map(|(memory, _)| memory)
}

impl Experiment for Loads {
    fn info(&self) -> &Info {
        &INFO
    }

    fn parameters(&self, size: Size) -> serde_json::Value {
        serde_json::json!({
            "n_neurons": N, "gaussian_radius": RADIUS, "trials": options(size, &[1.0], 0).n_trials,
            "hopfield": HOPFIELD, "dense": DENSE, "linear": LINEAR, "gaussian": GAUSSIAN,
            "interpolated": INTERPOLATED,
        })
    }

    fn run(&self, context: &Context) -> Result<Section> {
        let of = |loads: &[f64]| options(context.size, loads, context.seed);
        let monitor = &context.monitor;
        let cubic = |patterns: ArrayView2<f64>| DenseAssociativeMemory::fit(patterns, Interaction::Power { p: 3 });
        let curves = [
            ("Hopfield", capacity_curve(Hopfield::fit, &of(&HOPFIELD), monitor)?),
            ("dense, F = u³", capacity_curve(cubic, &of(&DENSE), monitor)?),
            ("maximal margin, linear", capacity_curve(margin(Kernel::Linear), &of(&LINEAR), monitor)?),
            ("maximal margin, Gaussian", capacity_curve(margin(Kernel::gaussian(RADIUS)), &of(&GAUSSIAN), monitor)?),
            (
                "interpolation, Gaussian",
                capacity_curve(
                    with_rule(Kernel::gaussian(RADIUS), Rule::interpolation()),
                    &of(&INTERPOLATED),
                    monitor,
                )?,
            ),
        ];
        let interpolated = curves[4].1.last();
        let gaussian = curves[3].1.last();
        let linear = curves[2].1.last();
        let hopfield = curves[0].1.last();
        Ok(Section::new(INFO.id, ROOM, INFO.title)
            .describe(
                "Memories of 200 neurons are filled with random binary patterns and asked for each of them with a clean \
                 cue. The literature on kernel logistic regression in Hopfield networks reports perfect recall up to four \
                 patterns per neuron with a Gaussian kernel, failure of linear logistic regression at about 0.9 and of \
                 Hebbian storage at about 0.14 (arXiv:2504.07633, arXiv:2505.01218).",
            )
            .claim(
                Claim::new("gaussian-4", "maximal margin, Gaussian kernel: fraction recalled at M/N = 4")
                    .reference(1.0, Source::Theory)
                    .value(gaussian.map_or(f64::NAN, |point| point.restored))
                    .at_least(1.0),
            )
            .claim(
                Claim::new("interpolation-4", "interpolation, Gaussian kernel: fraction recalled at M/N = 4")
                    .reference(1.0, Source::Theory)
                    .value(interpolated.map_or(f64::NAN, |point| point.restored))
                    .at_least(1.0),
            )
            .claim(
                Claim::new("linear-1.5", "maximal margin, linear kernel: fraction recalled at M/N = 1.5")
                    .reference(1.0, Source::Theory)
                    .value(linear.map_or(f64::NAN, |point| point.restored))
                    .at_least(1.0),
            )
            .claim(
                Claim::new("hopfield-1", "Hopfield network: fraction recalled at M/N = 1")
                    .reference(0.0, Source::Theory)
                    .value(hopfield.map_or(f64::NAN, |point| point.restored))
                    .at_most(0.01),
            )
            .figure(figure(&curves)?)
            .table(table(&curves)))
    }
}

fn figure(curves: &[(&str, Vec<CapacityPoint>)]) -> Result<Figure> {
    let mut panel = Panel::new()
        .x_label("load M/N")
        .y_label("fraction of patterns recalled")
        .log_x()
        .y_range(-0.03, 1.03)
        .height(320.0);
    for (name, points) in curves {
        let loads: Vec<f64> = points.iter().map(|point| point.load).collect();
        let restored: Vec<f64> = points.iter().map(|point| point.restored).collect();
        panel = panel.line(*name, &loads, &restored).points(*name, &loads, &restored);
    }
    // The labels of one linear neuron that sees the others.
    let loads: Vec<f64> = (20..=120).map(|i| f64::from(i) / 40.0).collect();
    let cover = loads
        .iter()
        .map(|load| cover_probability((load * N as f64).round() as usize, N - 1))
        .collect::<std::result::Result<Vec<f64>, _>>()?;
    panel = panel.line("a linear neuron stores all (Cover)", &loads, &cover);
    Ok(Figure::new("loads", "Recall of clean cues against the load")
        .describe(
            "Fraction of stored patterns that are fixed points; a synchronous network of 200 neurons. Cover's curve is the \
             probability that random labels of all patterns are separable for one linear neuron; the largest load at \
             which the margin of a large network is above zero is two (Gardner).",
        )
        .panel(panel.vlines("0.138 N", &[0.138]).vlines("2 N (Gardner)", &[2.0])))
}

fn table(curves: &[(&str, Vec<CapacityPoint>)]) -> Table {
    let mut table = Table::new("loads", "Recall of clean cues")
        .column("memory", "")
        .column("load M/N", "")
        .column("fraction recalled", "")
        .column("trials with every pattern", "")
        .column("bit error", "");
    for (name, points) in curves {
        for point in points {
            table.push([
                (*name).into(),
                point.load.into(),
                point.restored.into(),
                point.perfect.into(),
                point.error.into(),
            ]);
        }
    }
    table
}
