//! The number of patterns at a distance grows exponentially with the dimension, and all can be stored (claim (c)).

use ndarray::{Array2, Axis};
use neuropil_core::random::Seed;
use neuropil_core::{statistics, threads};
use neuropil_memory::random_patterns::{Noise, sphere_patterns};
use neuropil_memory::theory::iid_sphere_rate;
use neuropil_memory::{Kernel, KernelMemory, KernelMemoryParams, Rule, StateKind};
use neuropil_report::{Claim, Figure, Panel, Section, Size, Source, Table};
use rayon::prelude::*;

use super::cues::{Count, Question, ask};
use super::{PAPER, ROOM};
use crate::{Context, Experiment, Info, Result};

/// Points until two come too close.
#[derive(Debug)]
pub struct ExponentialNumber;

const INFO: Info = Info {
    id: "memory.exponential-number",
    room: ROOM,
    paper: PAPER,
    figure: "claim of the abstract",
    title: "Exponentially many continuous patterns with a basin of fixed size",
};

const SEPARATION: f64 = 0.5;
const RADIUS: f64 = 0.2;
const BETA: f64 = 8.0;
const START: f64 = 0.1;

fn dimensions(size: Size) -> Vec<usize> {
    if size == Size::Quick { vec![4, 6, 8, 10, 12] } else { vec![4, 6, 8, 10, 12, 14, 16, 18, 20] }
}

const SEEDS: u64 = 50;

/// The points that come before the first one that is too close to an earlier one.
fn separated_points(n: usize, seed: Seed) -> Array2<f64> {
    let mut drawn = 256;
    loop {
        // Points do not depend on how many are drawn.
        let points = sphere_patterns(drawn, n, seed);
        for count in 1..drawn {
            let new = points.row(count);
            let close = |old: ndarray::ArrayView1<f64>| {
                // On the unit sphere the squared distance is 2 - 2 x.y.
                2.0 - 2.0 * old.dot(&new) < SEPARATION * SEPARATION
            };
            if points.axis_iter(Axis(0)).take(count).any(close) {
                return points.slice(ndarray::s![..count, ..]).to_owned();
            }
        }
        drawn *= 4;
    }
}

impl Experiment for ExponentialNumber {
    fn info(&self) -> &Info {
        &INFO
    }

    fn parameters(&self, size: Size) -> serde_json::Value {
        serde_json::json!({
            "dimensions": dimensions(size), "seeds": SEEDS, "separation": SEPARATION, "r": RADIUS, "beta": BETA,
            "initial_distance": START,
        })
    }

    fn run(&self, context: &Context) -> Result<Section> {
        let root = Seed::new(context.seed).child(INFO.id);
        let dimensions = dimensions(context.size);
        let task = context.monitor.task(INFO.id, dimensions.len() as u64 * SEEDS);
        let params = KernelMemoryParams {
            kernel: Kernel::GeneralizedExponential { radius: RADIUS, beta: BETA },
            rule: Rule::interpolation(),
            states: StateKind::Real,
            ..KernelMemoryParams::default()
        };
        let (mut medians, mut recalled) = (Vec::new(), Count::default());
        for &n in &dimensions {
            let results: Vec<(usize, Count)> = threads::install(|| {
                (0..SEEDS)
                    .into_par_iter()
                    .map(|index| {
                        context.monitor.check()?;
                        let seed = root.index(n as u64).index(index);
                        let points = separated_points(n, seed);
                        let (memory, _) = KernelMemory::fit_with(&params, points.view(), &context.monitor.quiet())?;
                        let question = Question {
                            noise: Noise::Displace,
                            level: START,
                            repeats: 1,
                            max_steps: 60,
                            tolerance: 1e-3,
                        };
                        let count = ask(&memory, points.view(), points.view(), question, seed.child("cues"), context)?;
                        task.advance(1);
                        Ok((points.nrows(), count))
                    })
                    .collect::<Result<_>>()
            })?;
            let counts: Vec<f64> = results.iter().map(|(count, _)| *count as f64).collect();
            medians.push(statistics::median(&counts).unwrap_or(f64::NAN));
            results.iter().for_each(|(_, count)| recalled.add(count));
        }
        let x: Vec<f64> = dimensions.iter().map(|&n| n as f64).collect();
        let logs: Vec<f64> = medians.iter().map(|median| median.ln()).collect();
        let slope = slope(&x, &logs);
        let rate = iid_sphere_rate(0.875_f64.acos())?;
        let (low, high) = recalled.interval();
        Ok(Section::new(INFO.id, ROOM, INFO.title)
            .describe(
                "Random points on the unit sphere are drawn until two come closer than 0.5, and all of them are \
                 interpolated with exp(-(d/0.2)⁸). Their number grows exponentially with the dimension, and each is \
                 recalled from a distance of 0.1: the size of the basin does not shrink. (Points that are placed instead \
                 of drawn can be twice as many in the exponent.)",
            )
            .claim(
                Claim::new("slope", "slope of the logarithm of the median number of points against the dimension")
                    .reference(rate, Source::Theory)
                    .value(slope)
                    .within(0.25, 0.50),
            )
            .claim(
                Claim::new("recalled", "fraction of all points recalled from a distance of 0.1")
                    .reference(1.0, Source::Theory)
                    .value(recalled.fraction())
                    .interval(low, high)
                    .at_least(1.0),
            )
            .figure(figure(&x, &medians, rate))
            .table(table(&x, &medians)))
    }
}

/// Least squares.
fn slope(x: &[f64], y: &[f64]) -> f64 {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mx, my) = (mean(x), mean(y));
    let covariance: f64 = x.iter().zip(y).map(|(x, y)| (x - mx) * (y - my)).sum();
    covariance / x.iter().map(|x| (x - mx) * (x - mx)).sum::<f64>()
}

fn figure(x: &[f64], medians: &[f64], rate: f64) -> Figure {
    // The theory gives the exponent, not the factor in front: the line passes through the middle point.
    let middle = x.len() / 2;
    let theory: Vec<f64> = x.iter().map(|n| medians[middle] * (rate * (n - x[middle])).exp()).collect();
    Figure::new("exponential-number", "Points before two come closer than 0.5")
        .describe("Median over 50 seeds; the line has the slope of theory, its height is fitted.")
        .panel(
            Panel::new()
                .x_label("dimension N")
                .y_label("number of patterns")
                .log_y()
                .height(280.0)
                .points("median", x, medians)
                .line("theory (slope)", x, &theory),
        )
}

fn table(x: &[f64], medians: &[f64]) -> Table {
    let mut table =
        Table::new("numbers", "Median number of points").column("dimension", "").column("median number", "");
    for (n, median) in x.iter().zip(medians) {
        table.push([(*n).into(), (*median).into()]);
    }
    table
}
