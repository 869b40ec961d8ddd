//! Capacity is the number of dimensions of the features, twice over (claim (d) of the abstract).

use ndarray::{Array2, Axis};
use neuropil_core::random::{Seed, Stream, uniform};
use neuropil_core::threads;
use neuropil_memory::theory::{cover_probability, feature_dimension};
use neuropil_memory::{Kernel, KernelMemory, KernelMemoryParams};
use neuropil_report::{Claim, Figure, Panel, Section, Size, Source};
use rayon::prelude::*;

use super::{PAPER, ROOM};
use crate::{Context, Experiment, Info, Result};

/// Random labels of random corners.
#[derive(Debug)]
pub struct Separability;

const INFO: Info = Info {
    id: "memory.separability",
    room: ROOM,
    paper: PAPER,
    figure: "claim of the abstract",
    title: "Capacity follows from the dimension of the feature space",
};

const N: usize = 8;
const NUMBERS: [usize; 5] = [56, 67, 74, 81, 92];

fn kernel() -> Kernel {
    Kernel::InhomogeneousPolynomial { degree: 2, offset: 1.0 }
}

fn trials(size: Size) -> usize {
    if size == Size::Quick { 100 } else { 2000 }
}

/// Different corners of the hypercube in random order, and a random label for each.
fn labelled_corners(n: usize, count: usize, stream: &mut Stream) -> (Array2<f64>, Array2<f64>) {
    let mut corners: Vec<usize> = (0..1 << n).collect();
    for chosen in 0..count {
        let other = chosen + (uniform(stream) * (corners.len() - chosen) as f64) as usize;
        let last = corners.len() - 1;
        corners.swap(chosen, other.min(last));
    }
    let sign = |bit: bool| if bit { 1.0 } else { -1.0 };
    let inputs = Array2::from_shape_fn((count, n), |(row, bit)| sign(corners[row] >> bit & 1 == 1));
    let labels = Array2::from_shape_simple_fn((count, 1), || sign(uniform(stream) < 0.5));
    (inputs, labels)
}

impl Experiment for Separability {
    fn info(&self) -> &Info {
        &INFO
    }

    fn parameters(&self, size: Size) -> serde_json::Value {
        serde_json::json!({
            "n_inputs": N, "kernel": "(1 + x.y / N)^2", "n_patterns": NUMBERS, "trials": trials(size), "exponential_n": 10,
        })
    }

    fn run(&self, context: &Context) -> Result<Section> {
        let root = Seed::new(context.seed).child(INFO.id);
        let dimension = feature_dimension(&kernel(), N)? as usize;
        let n_trials = trials(context.size);
        let params = KernelMemoryParams { kernel: kernel(), ..KernelMemoryParams::default() };
        let task = context.monitor.task(INFO.id, (NUMBERS.len() * n_trials) as u64);
        let quiet = context.monitor.quiet();
        let mut fractions = Vec::new();
        for count in NUMBERS {
            let separable: Vec<bool> = threads::install(|| {
                (0..n_trials)
                    .into_par_iter()
                    .map(|trial| {
                        context.monitor.check()?;
                        let mut stream = root.index(count as u64).index(trial as u64).stream();
                        let (inputs, labels) = labelled_corners(N, count, &mut stream);
                        let (_, report) = KernelMemory::fit_pairs(&params, inputs.view(), labels.view(), &quiet)?;
                        task.advance(1);
                        Ok(report.all_stored())
                    })
                    .collect::<Result<_>>()
            })?;
            fractions.push(separable.iter().filter(|&&stored| stored).count() as f64 / n_trials as f64);
        }
        let mut section = Section::new(INFO.id, ROOM, INFO.title).describe(
            "Different random corners of the 8-dimensional cube get random labels; a single neuron with the kernel \
             (1 + x.y/N)² has 37 features. Cover's theorem gives the probability that weights exist which store all of \
             them: one half at twice the number of features. The corners are not quite in general position, so a small \
             deviation is allowed.",
        );
        for (&count, &fraction) in NUMBERS.iter().zip(&fractions) {
            let cover = cover_probability(count, dimension)?;
            let sd = (cover * (1.0 - cover) / n_trials as f64).sqrt();
            section = section.claim(
                Claim::new(
                    format!("separable-{count}"),
                    format!("fraction of {count} labelled corners that are stored"),
                )
                .reference(cover, Source::Theory)
                .value(fraction)
                .absolute_error_at_most(3.0 * sd + 0.03),
            );
        }
        for claim in every_corner(context, root)? {
            section = section.claim(claim);
        }
        Ok(section.figure(figure(dimension, &fractions)?))
    }
}

/// With the exponential kernel all 2^N labellings of all 2^N corners can be stored.
fn every_corner(context: &Context, root: Seed) -> Result<[Claim; 2]> {
    let params = KernelMemoryParams { kernel: Kernel::exponential(1.0), ..KernelMemoryParams::default() };
    let (inputs, labels) = labelled_corners(10, 1024, &mut root.child("every-corner").stream());
    let labels = ndarray::concatenate![Axis(1), labels, inputs.select(Axis(1), &[0])];
    let (memory, report) = KernelMemory::fit_pairs(&params, inputs.view(), labels.view(), &context.monitor.quiet())?;
    let stored = report.failing_neurons().is_empty();
    // Asked, whatever the report says.
    let answers = memory.predict(inputs.view())?;
    let wrong = answers.iter().zip(&labels).filter(|(answer, label)| answer != label).count();
    Ok([
        Claim::new(
            "exponential-separable",
            "exponential kernel, all 1024 corners of N = 10, random labels: separable (1 = yes)",
        )
        .reference(1.0, Source::Theory)
        .value(f64::from(u8::from(stored)))
        .at_least(1.0),
        Claim::new("exponential-training-error", "the same: fraction of wrong labels")
            .reference(0.0, Source::Theory)
            .value(wrong as f64 / labels.len() as f64)
            .at_most(0.0),
    ])
}

fn figure(dimension: usize, fractions: &[f64]) -> Result<Figure> {
    let numbers: Vec<usize> = (30..=120).collect();
    let cover: Vec<f64> =
        numbers.iter().map(|&m| cover_probability(m, dimension)).collect::<std::result::Result<_, _>>()?;
    let numbers: Vec<f64> = numbers.into_iter().map(|m| m as f64).collect();
    let measured: Vec<f64> = NUMBERS.iter().map(|&m| m as f64).collect();
    Ok(Figure::new("separability", "Random labels of random corners")
        .describe("Fraction of trials in which all labels could be stored, and Cover's probability for 37 features.")
        .panel(
            Panel::new()
                .x_label("number of patterns")
                .y_label("fraction stored")
                .height(280.0)
                .line("Cover's theorem", &numbers, &cover)
                .points("maximal margin", &measured, fractions)
                .vlines("twice the dimension", &[2.0 * dimension as f64]),
        ))
}
