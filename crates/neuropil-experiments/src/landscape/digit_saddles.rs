//! A deep network on images of digits: pairs of hidden neurons merged.

use neuropil_core::progress::Monitor;
use neuropil_core::random::Seed;
use neuropil_core::statistics::largest;
use neuropil_core::threads;
use neuropil_landscape::critical_point::{CriticalPointReport, ReportParameters};
use neuropil_landscape::permutation_path::{PermutationPath, PermutationPathParameters, permutation_path};
use neuropil_landscape::plateau::Plateau;
use neuropil_landscape::{
    Activation, AdamParameters, Bias, Initialisation, Loss, Mlp, Objective, Parameters, PolishMethod, PolishParameters,
    adam, polish,
};
use neuropil_report::{Claim, Figure, Panel, Section, Size, Source, Table};
use rayon::prelude::*;

use super::{ROOM, SADDLES, digits};
use crate::{Context, Error, Experiment, Info, Result};

/// Permutation saddles of a classifier.
#[derive(Debug)]
pub struct DigitSaddles;

const INFO: Info = Info {
    id: "landscape.digit-saddles",
    room: ROOM,
    paper: SADDLES,
    figure: "Images",
    title: "Permutation saddles of a deep classifier of digits",
};

const DECAY: f64 = 1e-4;
const PAIRS: [(usize, usize); 3] = [(0, 1), (1, 2), (2, 3)];

const WIDTHS: [usize; 4] = [64, 10, 10, 10];

/// Samples, steps of the path.
fn setting(size: Size) -> (usize, usize) {
    match size {
        Size::Quick => (300, 6),
        Size::Full => (1797, 41),
    }
}

/// The path of one pair, what its permutation point is, and the spread of the cross-entropy on the plateau there.
fn merge(
    objective: &Objective,
    bare: &Objective,
    minimum: &Parameters,
    pair: (usize, usize),
    steps: usize,
    monitor: &Monitor,
) -> Result<(PermutationPath, CriticalPointReport, f64)> {
    let how = PermutationPathParameters { layer: 1, pair, steps, gradient_tolerance: 1e-8, max_iterations: 60 };
    let path = permutation_path(objective, minimum, &how, monitor)?;
    let report = CriticalPointReport::new(objective, &path.saddle, &ReportParameters::default())?;
    let losses =
        Plateau::new(&path.saddle, 1, pair.0, pair.1)?.losses(bare, &[-0.5, 0.0, 0.25, 0.5, 0.75, 1.0, 1.5])?;
    let spread = largest(losses.iter().map(|loss| (loss - losses[3]).abs()));
    Ok((path, report, spread))
}

impl Experiment for DigitSaddles {
    fn info(&self) -> &Info {
        &INFO
    }

    fn parameters(&self, size: Size) -> serde_json::Value {
        let (samples, steps) = setting(size);
        serde_json::json!({
            "images": "digits, 8 x 8", "samples": samples, "widths": WIDTHS, "activation": "softplus",
            "weight_decay": DECAY, "pairs": PAIRS, "layer": 1, "steps": steps,
        })
    }

    fn run(&self, context: &Context) -> Result<Section> {
        let (samples, steps) = setting(context.size);
        let data = digits::classes(samples)?;
        let network = Mlp::uniform(&WIDTHS, &Activation::Softplus, Bias::With);
        let bare = Objective::new(&network, &data, Loss::CrossEntropy)?;
        let objective = Objective::new(&network, &data, Loss::CrossEntropy)?.with_weight_decay(DECAY)?;
        let start =
            network.initialise(Initialisation::GlorotUniform, Seed::new(context.seed).child(INFO.id)).into_theta();
        let how = AdamParameters { learning_rate: 5e-3, n_steps: 3000, ..AdamParameters::default() };
        let trained = adam(&objective, &[start], &how, &context.monitor)?.pop();
        let trained = trained.ok_or_else(|| Error::failed("nothing was trained"))?;
        let how = PolishParameters {
            method: PolishMethod::TrustRegion,
            gradient_tolerance: 1e-11,
            max_iterations: 300,
            ..PolishParameters::default()
        };
        let minimum = polish(&objective, trained.theta.view(), &how, &context.monitor)?;
        let minimum_gradient = minimum.gradient_norm;
        let minimum = network.parameters(minimum.theta)?;
        let mut panel = Panel::new()
            .x_label("distance of the incoming vectors, relative to the start")
            .y_label("loss (nat)")
            .height(320.0);
        let mut table = Table::new("pairs", "Merged pairs of the second hidden layer")
            .column("pair", "")
            .column("barrier", "nat")
            .column("largest gradient component", "")
            .column("index", "")
            .column("spread on the plateau", "nat");
        let (mut worst_gradient, mut largest_barrier, mut largest_index, mut worst_spread) =
            (0.0_f64, 0.0_f64, 0, 0.0_f64);
        let found = threads::install(|| {
            PAIRS
                .par_iter()
                .map(|pair| merge(&objective, &bare, &minimum, *pair, steps, &context.monitor))
                .collect::<Result<Vec<_>>>()
        })?;
        for (pair, (path, report, spread)) in PAIRS.into_iter().zip(found) {
            let name = format!("{} and {}", pair.0, pair.1);
            let x: Vec<f64> = path.distances.iter().map(|distance| distance / path.distances[0]).collect();
            panel = panel.line(&name, &x, &path.losses);
            table.push([
                name.into(),
                path.barrier().into(),
                path.saddle_gradient.into(),
                report.index.into(),
                spread.into(),
            ]);
            worst_gradient = largest([worst_gradient, path.saddle_gradient]);
            largest_barrier = largest([largest_barrier, path.barrier()]);
            largest_index = largest_index.max(report.index);
            worst_spread = largest([worst_spread, spread]);
        }
        Ok(Section::new(INFO.id, ROOM, INFO.title)
            .describe(
                "Two hidden softplus layers of ten neurons (64-10-10-10) on images of digits, softmax cross-entropy with a weight decay of 1e-4 so \
                 that minima are finite. Three pairs of neurons of the second hidden layer are brought together.",
            )
            .claim(
                Claim::new("minimum", "largest gradient component at the minimum")
                    .reference(0.0, Source::Theory)
                    .value(minimum_gradient)
                    .at_most(1e-8),
            )
            .claim(
                Claim::new("gradient", "largest gradient component at the three permutation points")
                    .reference(0.0, Source::Theory)
                    .value(worst_gradient)
                    .at_most(1e-8),
            )
            .claim(
                Claim::new("barrier", "largest barrier, nat")
                    .reference("low and finite", Source::Paper)
                    .value(largest_barrier)
                    .at_most(10.0_f64.ln()),
            )
            .claim(
                Claim::new("index", "largest number of negative eigenvalues at a permutation point")
                    .reference("some are saddles", Source::Paper)
                    .value(largest_index as f64)
                    .at_least(1.0),
            )
            .claim(
                Claim::new("plateau", "largest spread of the cross-entropy on the plateaus, nat")
                    .reference(0.0, Source::Theory)
                    .value(worst_spread)
                    .at_most(1e-10),
            )
            .figure(
                Figure::new("paths", INFO.title)
                    .describe("Loss with weight decay against the distance of three pairs of neurons.")
                    .panel(panel),
            )
            .table(table)
            .note(
                "The plateau is one of the cross-entropy. The weight decay itself prefers equal shares, so the loss with \
                 it has a minimum at equal shares on the plateau, which is the permutation point.",
            ))
    }
}
