//! What a wrong hazard costs: learners tuned to one hazard, at work under others.

use neuropil_core::random::Seed;
use neuropil_core::statistics::{mean, standard_error};
use neuropil_core::threads;
use neuropil_report::{Claim, Figure, Panel, Section, Size, Source, Table};
use rayon::prelude::*;

use super::published::{self, Sheet};
use super::roster::Contender;
use super::task::{Kind, Task};
use super::{PAPER, ROOM, roster, tuning};
use crate::{Context, Experiment, Info, Result};

/// Robustness to a wrong hazard in one task.
#[derive(Debug)]
pub struct Robustness {
    info: Info,
    kind: Kind,
}

/// Assumed hazards: two points of the grid of actual ones.
const ASSUMED: [usize; 2] = [21, 34];

/// One of the 40 hazards between 1e-4 and 0.1, evenly spaced in logarithm.
fn hazard(index: usize) -> f64 {
    10f64.powf(-4.0 + 3.0 * index as f64 / 39.0)
}

/// Steps of a sequence: more at the lowest hazards, so that there are changes.
fn steps(index: usize, size: Size) -> usize {
    match size {
        Size::Quick if index == 0 => 250_000,
        Size::Full if index < 13 => 1_000_000,
        _ => 100_000,
    }
}

impl Robustness {
    /// The Gaussian task with sigma = 0.1.
    pub fn gaussian() -> Self {
        let title = "Robustness to a wrong hazard in the Gaussian task";
        let id = "surprise.robustness-gaussian";
        Self { info: Info { id, room: ROOM, paper: PAPER, figure: "Figure 8", title }, kind: Kind::Gaussian }
    }

    /// The categorical task with s = 0.14.
    pub fn categorical() -> Self {
        let title = "Robustness to a wrong hazard in the categorical task";
        let id = "surprise.robustness-categorical";
        Self { info: Info { id, room: ROOM, paper: PAPER, figure: "Figure 9", title }, kind: Kind::Categorical }
    }

    fn task(&self) -> Task {
        Task { kind: self.kind, level: if self.kind == Kind::Gaussian { 0.1 } else { 0.14 } }
    }

    fn learners(&self) -> Vec<&'static str> {
        let shown = [
            "exact",
            "mp1",
            "mp20",
            "merging20",
            "sor20",
            "pf1",
            "pf20",
            "varsmile",
            "nassar10",
            "nassar12",
            "smile",
            "leaky",
        ];
        let taken =
            |key: &&str| roster::of(self.kind).contains(key) && (self.kind == Kind::Gaussian || *key != "merging20");
        shown.into_iter().filter(taken).collect()
    }

    /// The published curve of a learner: actual hazards and regrets.
    fn published(&self, assumed: usize, learner: &str) -> (Vec<f64>, Vec<f64>) {
        match (self.kind, assumed) {
            (Kind::Gaussian, 34) if learner != "sor20" => {
                let sheet: &Sheet = &published::ROBUSTNESS_GAUSSIAN;
                (sheet.column("hazard"), sheet.column(&format!("{learner}_regret")))
            }
            (Kind::Categorical, 21) => [1e-4, 1e-3, 1e-2, 0.1]
                .into_iter()
                .filter_map(|actual| {
                    let column = format!("hazard_{actual}");
                    Some((actual, published::ROBUSTNESS_CATEGORICAL.find(&column, |row| row[0] == learner)?))
                })
                .unzip(),
            _ => (Vec::new(), Vec::new()),
        }
    }
}

fn indices(size: Size) -> Vec<usize> {
    match size {
        // Eight of forty, with 1e-4, 1e-3, 1e-2, 0.1 and both assumed hazards among them.
        Size::Quick => vec![0, 7, 13, 17, 21, 26, 34, 39],
        Size::Full => (0..40).collect(),
    }
}

/// Besides the learners with a free parameter, those with few hypotheses do better with a hazard that is not the true
/// one, and are tuned as in the paper; the rest assume the true one.
fn is_tuned(key: &str) -> bool {
    roster::is_tuned(key) || matches!(key, "mp1" | "pf1" | "pf20")
}

fn seeds(size: Size) -> u64 {
    if size == Size::Quick { 4 } else { 10 }
}

/// Regret of one learner tuned to one hazard, by actual hazard.
struct Curve {
    assumed: usize,
    learner: &'static str,
    parameter: f64,
    mean: Vec<f64>,
    standard_error: Vec<f64>,
}

impl Experiment for Robustness {
    fn info(&self) -> &Info {
        &self.info
    }

    fn parameters(&self, size: Size) -> serde_json::Value {
        let actual = indices(size);
        serde_json::json!({
            "task": self.kind.name(), "level": self.task().level, "assumed hazards": ASSUMED.map(hazard),
            "actual hazards": actual.iter().map(|&index| hazard(index)).collect::<Vec<_>>(),
            "steps": actual.iter().map(|&index| steps(index, size)).collect::<Vec<_>>(),
            "seeds": seeds(size), "learners": self.learners(),
        })
    }

    fn run(&self, context: &Context) -> Result<Section> {
        let actual: Vec<f64> = indices(context.size).into_iter().map(hazard).collect();
        let curves = self.curves(context)?;
        let mut section = Section::new(self.info.id, ROOM, self.info.title).describe(
            "Each learner is tuned to one hazard (dotted line) and follows sequences with others. Regret is its mean \
             squared error above that of exact Bayes that knows the actual hazard, on the same sequences. Free \
             parameters are tuned by grid search on three other sequences.",
        );
        section.claims = self.claims(&actual, &curves);
        let mut figure = Figure::new("robustness", self.info.title)
            .describe("Regret against the actual hazard. Lines: ours, with standard errors; points: published.")
            .columns(2);
        for assumed in ASSUMED {
            figure = figure.panel(self.panel(assumed, &actual, &curves));
        }
        Ok(section.figure(figure).table(self.table(&actual, &curves)))
    }
}

impl Robustness {
    fn curves(&self, context: &Context) -> Result<Vec<Curve>> {
        let (task, size, monitor) = (self.task(), context.size, &context.monitor);
        let seed = Seed::new(context.seed).child(self.info.id);
        let learners = self.learners();
        let tuned: Vec<(usize, &'static str)> =
            ASSUMED.into_iter().flat_map(|assumed| learners.iter().map(move |&key| (assumed, key))).collect();
        let indices = indices(size);
        let jobs: Vec<(usize, u64)> =
            indices.iter().flat_map(|&index| (0..seeds(size)).map(move |number| (index, number))).collect();
        let bar = monitor.task(self.info.id, (tuned.len() + jobs.len() * (tuned.len() + 1)) as u64);
        threads::install(|| {
            let contenders: Vec<(f64, Contender)> = tuned
                .par_iter()
                .with_max_len(1)
                .map(|&(assumed, key)| {
                    let value = if is_tuned(key) {
                        let seed = seed.child("tuning").index(assumed as u64);
                        tuning::tuned(key, task, hazard(assumed), 20_000, seed, monitor)?
                    } else {
                        hazard(assumed)
                    };
                    bar.advance(1);
                    Ok((value, roster::with_parameter(key, value, hazard(assumed))?))
                })
                .collect::<Result<_>>()?;
            let regrets: Vec<Vec<f64>> = jobs
                .par_iter()
                .with_max_len(1)
                .map(|&(index, number)| {
                    let seed = seed.index(index as u64).index(number);
                    let sequence = task.simulate(hazard(index), steps(index, size), seed);
                    let follow = |contender: &Contender| {
                        let error = task.mean_squared_error(contender, &sequence, seed, monitor);
                        bar.advance(1);
                        error
                    };
                    let exact = follow(&roster::with_parameter("exact", hazard(index), hazard(index))?)?;
                    contenders.iter().map(|(_, contender)| Ok(follow(contender)? - exact)).collect::<Result<_>>()
                })
                .collect::<Result<_>>()?;
            Ok(tuned
                .iter()
                .enumerate()
                .map(|(column, &(assumed, learner))| {
                    let by_hazard: Vec<Vec<f64>> = regrets
                        .chunks(seeds(size) as usize)
                        .map(|rows| rows.iter().map(|row| row[column]).collect())
                        .collect();
                    Curve {
                        assumed,
                        learner,
                        parameter: contenders[column].0,
                        mean: by_hazard.iter().map(|values| mean(values).unwrap_or(f64::NAN)).collect(),
                        standard_error: by_hazard
                            .iter()
                            .map(|values| standard_error(values).unwrap_or(f64::NAN))
                            .collect(),
                    }
                })
                .collect())
        })
    }

    fn claims(&self, actual: &[f64], curves: &[Curve]) -> Vec<Claim> {
        let curve = |assumed: usize, learner: &str| {
            curves.iter().find(|curve| curve.assumed == assumed && curve.learner == learner)
        };
        let assumed = if self.kind == Kind::Gaussian { 34 } else { 21 };
        let mut claims = Vec::new();
        for target in [0.01, 0.1] {
            let close = |value: &f64| (value / target - 1.0).abs() < 1e-6;
            let ours = actual.iter().position(close).zip(curve(assumed, "exact"));
            let (hazards, regrets) = self.published(assumed, "exact");
            let reference = hazards.iter().position(close).map(|index| regrets[index]);
            claims.push(
                Claim::new(
                    format!("exact-wrong-hazard-{target}"),
                    format!(
                        "regret of exact Bayes that assumes hazard {:.4} when it is {target}, {} = {}",
                        hazard(assumed),
                        self.kind.symbol(),
                        self.task().level
                    ),
                )
                .reference(reference.unwrap_or(f64::NAN), Source::AuthorsCode)
                .value(ours.map_or(f64::NAN, |(index, curve)| curve.mean[index]))
                .relative_error_at_most(0.25),
            );
        }
        if self.kind == Kind::Gaussian {
            let ratio = curve(34, "leaky").zip(curve(34, "varsmile")).map(|(leaky, varsmile)| {
                leaky.mean.iter().zip(&varsmile.mean).map(|(l, v)| l / v).fold(f64::INFINITY, f64::min)
            });
            claims.push(
                Claim::new(
                    "varsmile-is-robust",
                    "smallest ratio, over actual hazards, of the regret of the leaky integrator to that of VarSMiLe, \
                     both tuned to hazard 0.0412, sigma = 0.1",
                )
                .reference("published: 16 to 26", Source::AuthorsCode)
                .value(ratio.unwrap_or(f64::NAN))
                .at_least(10.0),
            );
        }
        claims
    }

    fn panel(&self, assumed: usize, actual: &[f64], curves: &[Curve]) -> Panel {
        let mut panel = Panel::new()
            .title(format!("tuned to hazard {:.4}, {} = {}", hazard(assumed), self.kind.symbol(), self.task().level))
            .x_label("actual hazard per step")
            .y_label("regret (mean squared error)")
            .height(400.0)
            .log_x()
            .log_y();
        for curve in curves.iter().filter(|curve| curve.assumed == assumed) {
            let name = roster::label(curve.learner);
            let low: Vec<f64> = curve.mean.iter().zip(&curve.standard_error).map(|(m, e)| m - e).collect();
            let high: Vec<f64> = curve.mean.iter().zip(&curve.standard_error).map(|(m, e)| m + e).collect();
            panel = panel.band(name, actual, &low, &high).line(name, actual, &curve.mean);
            let (x, y) = self.published(assumed, curve.learner);
            if !y.is_empty() {
                panel = panel.points(name, &x, &y).size(2.2);
            }
        }
        panel.vlines("", &[hazard(assumed)])
    }

    fn table(&self, actual: &[f64], curves: &[Curve]) -> Table {
        let mut table = Table::new("regret", "Regret by assumed and actual hazard")
            .column("learner", "")
            .column("assumed hazard", "per step")
            .column("tuned parameter", "")
            .column("actual hazard", "per step")
            .column("regret", "")
            .column("standard error", "")
            .column("published", "");
        for curve in curves {
            let (hazards, regrets) = self.published(curve.assumed, curve.learner);
            for (index, &actual) in actual.iter().enumerate() {
                let published = hazards.iter().position(|value| (value / actual - 1.0).abs() < 1e-6);
                table.push([
                    roster::label(curve.learner).into(),
                    hazard(curve.assumed).into(),
                    curve.parameter.into(),
                    actual.into(),
                    curve.mean[index].into(),
                    curve.standard_error[index].into(),
                    published.and_then(|index| regrets.get(index).copied()).into(),
                ]);
            }
        }
        table
    }
}
