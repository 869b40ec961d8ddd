//! Handwritten digits: normalised kernel memory against attention against the nearest neighbour.

use ndarray::{Array2, ArrayView1, ArrayView2, Axis};
use neuropil_core::random::Seed;
use neuropil_memory::baseline::{ModernHopfield, NearestNeighbor};
use neuropil_memory::kernel_memory::{Centering, InterpolationOptions};
use neuropil_memory::random_patterns::Noise;
use neuropil_memory::{
    AssociativeMemory, Kernel, KernelMemory, KernelMemoryParams, RecallOptions, Rule, StateKind, recall,
};
use neuropil_report::{Claim, ColourMap, Figure, HeatMap, Panel, Section, Size, Source, Table};

use super::cues::{Count, Question, ask};
use super::{PAPER, ROOM};
use crate::{Context, Error, Experiment, Info, Result};

/// Recall of digits from noise.
#[derive(Debug)]
pub struct Digits;

const INFO: Info = Info {
    id: "memory.digits",
    room: ROOM,
    paper: PAPER,
    figure: "beyond the paper",
    title: "Handwritten digits: exact fixed points beat attention with the same kernel",
};

const LEVELS: [f64; 5] = [0.0, 0.05, 0.1, 0.2, 0.3];
const STORED: usize = 500;

/// The names of the memories, in the order of the figure.
const NORMALIZED: &str = "normalised kernel memory";
const ATTENTION: &str = "attention, same kernel";
const NEAREST: &str = "nearest neighbour (ceiling)";
const RAW: &str = "kernel memory, not normalised";

fn repeats(size: Size) -> usize {
    if size == Size::Quick { 2 } else { 20 }
}

/// The 1797 digits, one per row, grey values from 0 to 1.
fn digits() -> Result<Array2<f64>> {
    let bytes = include_bytes!("../../../../data/digits.npz");
    let arrays = neuropil_data::arrays::npz_from_bytes("digits.npz", bytes).map_err(Error::failed)?;
    let images = arrays.into_iter().find(|array| array.name == "images");
    let images = images.ok_or_else(|| Error::failed("digits.npz holds no array \"images\""))?.values;
    let n = images.len_of(Axis(0));
    Ok(images.into_shape_with_order((n, 64)).map_err(Error::failed)? / 16.0)
}

fn kernel_memory(patterns: ArrayView2<f64>, radius: f64, rule: Rule, context: &Context) -> Result<KernelMemory> {
    let params = KernelMemoryParams {
        kernel: Kernel::gaussian(radius),
        rule,
        states: StateKind::Real,
        ..KernelMemoryParams::default()
    };
    Ok(KernelMemory::fit_with(&params, patterns, &context.monitor.quiet())?.0)
}

impl Experiment for Digits {
    fn info(&self) -> &Info {
        &INFO
    }

    fn parameters(&self, size: Size) -> serde_json::Value {
        serde_json::json!({
            "n_patterns": [STORED, 1797], "noise_sd": LEVELS, "radius": 0.4, "radius_raw": 0.8,
            "repeats": repeats(size), "max_steps": 60, "tolerance": 1e-3,
        })
    }

    fn run(&self, context: &Context) -> Result<Section> {
        let all = digits()?;
        let stored = all.slice(ndarray::s![..STORED, ..]);
        let root = Seed::new(context.seed).child(INFO.id);
        let normalized = kernel_memory(stored, 0.4, Rule::normalized_interpolation(), context)?;
        let centered = InterpolationOptions { centering: Centering::Mean, ..InterpolationOptions::default() };
        let raw = kernel_memory(stored, 0.8, Rule::Interpolate(centered), context)?;
        let attention = ModernHopfield::with_radius(stored, 0.4)?;
        let nearest = NearestNeighbor::fit(stored)?;
        let memories: [(&str, &dyn AssociativeMemory); 4] =
            [(NORMALIZED, &normalized), (NEAREST, &nearest), (ATTENTION, &attention), (RAW, &raw)];
        let task = context.monitor.task(INFO.id, memories.len() as u64 + 4);
        let mut curves = Vec::new();
        for (name, memory) in memories {
            let mut counts = Vec::new();
            for (index, level) in LEVELS.into_iter().enumerate() {
                let question = Question {
                    noise: Noise::Gaussian,
                    level,
                    repeats: repeats(context.size),
                    max_steps: 60,
                    tolerance: 1e-3,
                };
                counts.push(ask(memory, stored, stored, question, root.index(index as u64), context)?);
            }
            curves.push((name, counts));
            task.advance(1);
        }
        let mut section = Section::new(INFO.id, ROOM, INFO.title).describe(
            "500 of the 1797 digits (8 x 8 grey values) are stored and recalled from Gaussian noise on every pixel: at \
             most 60 steps, restored if the distance to the digit ends below 0.001. Attention weighs the digits by a \
             softmax of their distance; its fixed points are mixtures of digits that resemble each other. The \
             normalised kernel memory uses the same weights and solves once for the values that make every digit an exact \
             fixed point. The nearest neighbour is what no memory can surpass on average.",
        );
        section.claims = claims(&curves);
        section.claims.extend(all_digits(all.view(), root, context, &task)?);
        Ok(section
            .figure(curve_figure(&curves))
            .figure(pictures(stored, &memories, root, context)?)
            .table(table(&curves)))
    }
}

fn find<'a>(curves: &'a [(&str, Vec<Count>)], name: &str) -> &'a [Count] {
    curves.iter().find(|(known, _)| *known == name).map_or(&[], |(_, counts)| counts)
}

fn claims(curves: &[(&str, Vec<Count>)]) -> Vec<Claim> {
    let mut claims = Vec::new();
    let (ours, ceiling, attention) = (find(curves, NORMALIZED), find(curves, NEAREST), find(curves, ATTENTION));
    let ours_reference = [1.0, 1.0, 0.992, 0.900];
    let attention_reference = [0.468, 0.468, 0.468, 0.450];
    for (level, (reference, mixed)) in (1..).zip(ours_reference.into_iter().zip(attention_reference)) {
        let sd = LEVELS[level];
        let (low, high) = ours[level].interval();
        claims.push(
            Claim::new(
                format!("normalised-{sd}"),
                format!("500 digits, noise {sd}: fraction restored by the normalised kernel memory"),
            )
            .reference(reference, Source::ThisProject)
            .value(ours[level].fraction())
            .interval(low, high)
            .at_least(ceiling[level].fraction() - 0.02),
        );
        let (low, high) = attention[level].interval();
        claims.push(
            Claim::new(
                format!("attention-{sd}"),
                format!("500 digits, noise {sd}: fraction restored by attention with the same kernel"),
            )
            .reference(mixed, Source::ThisProject)
            .value(attention[level].fraction())
            .interval(low, high)
            .within(0.40, 0.54),
        );
    }
    claims
}

/// All 1797 digits, two radii.
fn all_digits(
    all: ArrayView2<f64>,
    root: Seed,
    context: &Context,
    task: &neuropil_core::progress::Task,
) -> Result<Vec<Claim>> {
    let mut claims = Vec::new();
    for (radius, reference, reference_attention, gain) in [(0.25, 0.9994, 0.973, 0.01), (0.4, 0.9972, 0.360, 0.5)] {
        let memory = kernel_memory(all, radius, Rule::normalized_interpolation(), context)?;
        let attention = ModernHopfield::with_radius(all, radius)?;
        let question = Question { noise: Noise::Gaussian, level: 0.1, repeats: 1, max_steps: 30, tolerance: 1e-3 };
        let seed = root.child("all");
        let ours = ask(&memory, all, all, question, seed, context)?;
        task.advance(1);
        let mixed = ask(&attention, all, all, question, seed, context)?;
        task.advance(1);
        let (low, high) = ours.interval();
        claims.push(
            Claim::new(
                format!("all-normalised-r{radius}"),
                format!("1797 digits, r = {radius}, noise 0.1: fraction restored by the normalised kernel memory"),
            )
            .reference(reference, Source::ThisProject)
            .value(ours.fraction())
            .interval(low, high)
            .at_least(0.995),
        );
        claims.push(
            Claim::new(
                format!("all-gain-r{radius}"),
                format!(
                    "1797 digits, r = {radius}, noise 0.1: fraction restored by the kernel memory minus attention's"
                ),
            )
            .reference(reference - reference_attention, Source::ThisProject)
            .value(ours.fraction() - mixed.fraction())
            .at_least(gain),
        );
    }
    Ok(claims)
}

fn curve_figure(curves: &[(&str, Vec<Count>)]) -> Figure {
    let mut panel = Panel::new()
        .x_label("standard deviation of the noise per pixel (grey values 0 to 1)")
        .y_label("fraction of digits restored")
        .y_range(-0.03, 1.03)
        .height(320.0);
    for (name, counts) in curves {
        let values: Vec<f64> = counts.iter().map(Count::fraction).collect();
        let (low, high): (Vec<f64>, Vec<f64>) = counts.iter().map(Count::interval).unzip();
        panel = panel.band(*name, &LEVELS, &low, &high).line(*name, &LEVELS, &values).points(*name, &LEVELS, &values);
    }
    Figure::new("digits", "500 handwritten digits recalled from noise")
        .describe(
            "Fraction restored exactly, with 95 % intervals. Gaussian kernel, radius 0.4 (0.8 where not normalised).",
        )
        .panel(panel)
}

/// Noisy cues, what two memories make of them, and the truth.
fn pictures(
    stored: ArrayView2<f64>,
    memories: &[(&str, &dyn AssociativeMemory)],
    root: Seed,
    context: &Context,
) -> Result<Figure> {
    let chosen = stored.select(Axis(0), &(0..10).collect::<Vec<_>>());
    let noisy = Noise::Gaussian.corrupt(chosen.view(), 0.3, root.child("pictures"))?;
    let options = RecallOptions { max_steps: 60, ..RecallOptions::default() };
    let answer = |name: &str| -> Result<Array2<f64>> {
        let memory = memories.iter().find(|(known, _)| *known == name).map(|(_, memory)| *memory);
        let memory = memory.ok_or_else(|| Error::failed(format!("there is no memory {name}")))?;
        Ok(recall(memory, noisy.view(), &options, &context.monitor.quiet())?.states)
    };
    let rows = [
        ("cue: noise 0.3", noisy.clone()),
        ("attention", answer(ATTENTION)?),
        ("normalised kernel memory", answer(NORMALIZED)?),
        ("stored", chosen),
    ];
    let mut figure = Figure::new("digit-pictures", "Ten digits: cue, recalled, stored")
        .describe(
            "The first ten digits, recalled from Gaussian noise of standard deviation 0.3 by two memories of 500.",
        )
        .columns(1)
        .share_x();
    for (title, images) in &rows {
        let panel = Panel::new().title(*title).x_label("digit").height(58.0).heatmap(
            HeatMap::new(strip(images))
                .x_extent(0.0, 10.0)
                .y_extent(0.0, 1.0)
                .range(0.0, 1.0)
                .colour_map(ColourMap::Grey)
                .colour_label("grey"),
        );
        figure = figure.panel(panel);
    }
    Ok(figure)
}

/// Images side by side with a blank column between; the top row comes last, as a numeric axis wants it.
fn strip(images: &Array2<f64>) -> Vec<Vec<f64>> {
    let line =
        |image: ArrayView1<f64>, y: usize| -> Vec<f64> { (0..8).map(|x| image[8 * y + x]).chain([f64::NAN]).collect() };
    (0..8).rev().map(|y| images.rows().into_iter().flat_map(|image| line(image, y)).collect()).collect()
}

fn table(curves: &[(&str, Vec<Count>)]) -> Table {
    let mut table = Table::new("restored", "Fraction of 500 digits restored").column("memory", "");
    for level in LEVELS {
        table = table.column(format!("noise {level}"), "");
    }
    for (name, counts) in curves {
        let fractions = counts.iter().map(|count| count.fraction().into());
        table.push(std::iter::once((*name).into()).chain(fractions));
    }
    table
}
