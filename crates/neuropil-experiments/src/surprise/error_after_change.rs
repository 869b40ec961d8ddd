//! How fast the error falls after a change.

use neuropil_core::random::Seed;
use neuropil_core::threads;
use neuropil_report::{Claim, Figure, Panel, Section, Size, Source, Table};
use rayon::prelude::*;

use super::grid::steps;
use super::published::{self, Sheet};
use super::task::{Kind, Task};
use super::{PAPER, ROOM, roster};
use crate::{Context, Experiment, Info, Result};

/// The error of every learner in the steps after a change.
#[derive(Debug)]
pub struct ErrorAfterChange {
    info: Info,
    kind: Kind,
}

/// One condition, and what was published for it.
struct Condition {
    task: Task,
    hazard: f64,
    curves: &'static Sheet,
    /// Learners and steps that are judged: those of the published table.
    judged: &'static [&'static str],
    at: &'static [usize],
}

impl ErrorAfterChange {
    /// The Gaussian task with sigma = 0.1.
    pub fn gaussian() -> Self {
        let title = "Error after a change in the Gaussian task";
        let id = "surprise.error-after-change-gaussian";
        Self { info: Info { id, room: ROOM, paper: PAPER, figure: "Figure 2", title }, kind: Kind::Gaussian }
    }

    /// The categorical task with s = 0.14.
    pub fn categorical() -> Self {
        let title = "Error after a change in the categorical task";
        let id = "surprise.error-after-change-categorical";
        Self { info: Info { id, room: ROOM, paper: PAPER, figure: "Figure 5", title }, kind: Kind::Categorical }
    }

    fn conditions(&self) -> Vec<Condition> {
        match self.kind {
            Kind::Gaussian => {
                let task = Task { kind: Kind::Gaussian, level: 0.1 };
                let judged = &["exact", "mp10", "mp20", "pf20", "varsmile", "nassar10", "nassar12", "smile", "leaky"];
                vec![
                    Condition {
                        task,
                        hazard: 0.1,
                        curves: &published::AFTER_CHANGE_GAUSSIAN,
                        judged,
                        at: &[2, 3, 5, 10],
                    },
                    Condition { task, hazard: 0.01, curves: &published::AFTER_CHANGE_GAUSSIAN_RARE, judged, at: &[] },
                ]
            }
            Kind::Categorical => vec![Condition {
                task: Task { kind: Kind::Categorical, level: 0.14 },
                hazard: 0.01,
                curves: &published::AFTER_CHANGE_CATEGORICAL,
                judged: &["exact", "mp20", "pf1", "pf20", "varsmile", "smile", "leaky"],
                at: &[2, 5, 20, 50, 100],
            }],
        }
    }

    fn learners(&self) -> Vec<&'static str> {
        let left_out = |key: &&str| key.ends_with("-original") || matches!(*key, "merging20" | "mp1" | "sor1" | "pf10");
        roster::of(self.kind).iter().copied().filter(|key| !left_out(key)).collect()
    }
}

/// Ten sequences per condition in both sizes, as in the paper: with four, too few segments are long enough.
const SEEDS: u64 = 10;

impl Experiment for ErrorAfterChange {
    fn info(&self) -> &Info {
        &self.info
    }

    fn parameters(&self, _size: Size) -> serde_json::Value {
        let conditions: Vec<_> = self
            .conditions()
            .iter()
            .map(|c| serde_json::json!({"level": c.task.level, "hazard": c.hazard, "steps": steps(c.hazard)}))
            .collect();
        serde_json::json!({
            "task": self.kind.name(), "conditions": conditions, "seeds": SEEDS, "learners": self.learners(),
        })
    }

    fn run(&self, context: &Context) -> Result<Section> {
        let mut section = Section::new(self.info.id, ROOM, self.info.title).describe(format!(
            "Squared error of the estimate after the n-th observation since a change, averaged over all segments of \
             the {} task that are longer than 1/hazard steps; n = 1 is the first observation of the new segment.",
            self.kind.name()
        ));
        let mut figure = Figure::new("error-after-change", self.info.title)
            .describe("Lines: ours; ribbons: standard error over segments. Points: published by the authors.")
            .columns(if self.kind == Kind::Gaussian { 2 } else { 1 });
        for condition in self.conditions() {
            let curves = self.curves(&condition, context)?;
            figure = figure.panel(panel(&condition, &curves));
            section = section.table(table(&condition, &curves));
            section.claims.extend(claims(&condition, &curves));
        }
        Ok(section.figure(figure))
    }
}

/// Mean error by steps since the change.
struct Curve {
    learner: &'static str,
    segments: usize,
    mean: Vec<f64>,
    standard_error: Vec<f64>,
}

impl ErrorAfterChange {
    fn curves(&self, condition: &Condition, context: &Context) -> Result<Vec<Curve>> {
        let Condition { task, hazard, .. } = *condition;
        let longest = (1.0 / hazard).round() as usize;
        let learners = self.learners();
        let seed = Seed::new(context.seed).child(self.info.id).child(&format!("{hazard}"));
        let bar = context.monitor.task(self.info.id, SEEDS * learners.len() as u64);
        let sums: Vec<Vec<Sums>> = threads::install(|| {
            let sequences = (0..SEEDS as usize).into_par_iter().with_max_len(1).map(|number| {
                let seed = seed.index(number as u64);
                let sequence = task.simulate(hazard, steps(hazard), seed);
                // The first segment does not follow a change.
                let counts: Vec<bool> = (0..sequence.starts.len())
                    .map(|segment| segment > 0 && sequence.segment_length(segment) > longest)
                    .collect();
                let follow = |key: &&'static str| {
                    let contender = roster::published(key, task, hazard)?;
                    let mut sums = Sums::new(longest);
                    task.follow(&contender, &sequence, seed, &context.monitor, |segment, n, error| {
                        if n <= longest && counts[segment] {
                            sums.add(n - 1, error);
                        }
                    })?;
                    bar.advance(1);
                    Ok(sums)
                };
                learners.iter().map(follow).collect::<Result<Vec<Sums>>>()
            });
            sequences.collect::<Result<_>>()
        })?;
        Ok(learners
            .iter()
            .enumerate()
            .map(|(index, &learner)| {
                let mut total = Sums::new(longest);
                for sequence in &sums {
                    total.join(&sequence[index]);
                }
                total.curve(learner)
            })
            .collect())
    }
}

#[derive(Clone)]
struct Sums {
    count: Vec<f64>,
    sum: Vec<f64>,
    squares: Vec<f64>,
}

impl Sums {
    fn new(length: usize) -> Self {
        Self { count: vec![0.0; length], sum: vec![0.0; length], squares: vec![0.0; length] }
    }

    fn add(&mut self, index: usize, error: f64) {
        self.count[index] += 1.0;
        self.sum[index] += error;
        self.squares[index] += error * error;
    }

    fn join(&mut self, other: &Self) {
        for (to, from) in
            [(&mut self.count, &other.count), (&mut self.sum, &other.sum), (&mut self.squares, &other.squares)]
        {
            to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
        }
    }

    fn curve(&self, learner: &'static str) -> Curve {
        let mean: Vec<f64> = self.sum.iter().zip(&self.count).map(|(sum, count)| sum / count).collect();
        let standard_error = (0..mean.len())
            .map(|i| ((self.squares[i] / self.count[i] - mean[i] * mean[i]).max(0.0) / self.count[i]).sqrt())
            .collect();
        Curve { learner, segments: self.count[0] as usize, mean, standard_error }
    }
}

fn published_curve(condition: &Condition, learner: &str) -> Vec<f64> {
    // The published SOR curves of the Gaussian task are artefacts of the threshold search.
    if condition.task.kind == Kind::Gaussian && learner.starts_with("sor") {
        return Vec::new();
    }
    condition.curves.column(&format!("{learner}_mean"))
}

fn claims(condition: &Condition, curves: &[Curve]) -> Vec<Claim> {
    let Condition { task, hazard, judged, at, .. } = condition;
    if at.is_empty() {
        return Vec::new();
    }
    let mut claims = Vec::new();
    let segments = curves.first().map_or(0, |curve| curve.segments);
    claims.push(
        Claim::new("segments", format!("segments longer than 1/hazard, {} = {}", task.kind.symbol(), task.level))
            .reference("enough for the comparison", Source::ThisProject)
            .value(segments as f64)
            .at_least(1000.0),
    );
    for curve in curves.iter().filter(|curve| judged.contains(&curve.learner)) {
        let published = published_curve(condition, curve.learner);
        let deviation = at
            .iter()
            .map(|&n| (curve.mean[n - 1] / published.get(n - 1).copied().unwrap_or(f64::NAN) - 1.0).abs())
            .fold(0.0, |worst: f64, deviation| if deviation.is_nan() { deviation } else { worst.max(deviation) });
        claims.push(
            Claim::new(
                format!("{}-after-change", curve.learner),
                format!(
                    "largest relative deviation of the error of {} from the published curve at n = {at:?} ({} = {}, \
                     hazard {hazard})",
                    roster::label(curve.learner),
                    task.kind.symbol(),
                    task.level
                ),
            )
            .reference("published curve", Source::AuthorsCode)
            .value(deviation)
            .at_most(0.12),
        );
    }
    claims
}

fn panel(condition: &Condition, curves: &[Curve]) -> Panel {
    let mut panel = Panel::new()
        .title(format!("{} = {}, hazard {}", condition.task.kind.symbol(), condition.task.level, condition.hazard))
        .x_label("observations since the change")
        .y_label("mean squared error")
        .height(400.0)
        .log_x()
        .log_y();
    for curve in curves {
        let steps: Vec<f64> = (1..=curve.mean.len()).map(|n| n as f64).collect();
        let name = roster::label(curve.learner);
        let low: Vec<f64> = curve.mean.iter().zip(&curve.standard_error).map(|(m, e)| m - e).collect();
        let high: Vec<f64> = curve.mean.iter().zip(&curve.standard_error).map(|(m, e)| m + e).collect();
        panel = panel.band(name, &steps, &low, &high).line(name, &steps, &curve.mean);
        let published = published_curve(condition, curve.learner);
        // Points at rounded powers, so that they do not hide the line.
        let chosen: Vec<usize> = [1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100]
            .into_iter()
            .filter(|&n| n <= published.len().min(curve.mean.len()))
            .collect();
        let x: Vec<f64> = chosen.iter().map(|&n| n as f64).collect();
        let y: Vec<f64> = chosen.iter().map(|&n| published[n - 1]).collect();
        if !x.is_empty() {
            panel = panel.points(name, &x, &y);
        }
    }
    panel
}

fn table(condition: &Condition, curves: &[Curve]) -> Table {
    let mut table = Table::new(
        format!("curves-hazard-{}", condition.hazard),
        format!(
            "Error after a change, {} = {}, hazard {}",
            condition.task.kind.symbol(),
            condition.task.level,
            condition.hazard
        ),
    )
    .column("learner", "")
    .column("n", "observations")
    .column("mean squared error", "")
    .column("standard error", "")
    .column("segments", "")
    .column("published", "");
    for curve in curves {
        let published = published_curve(condition, curve.learner);
        for (index, (mean, error)) in curve.mean.iter().zip(&curve.standard_error).enumerate() {
            table.push([
                roster::label(curve.learner).into(),
                (index + 1).into(),
                (*mean).into(),
                (*error).into(),
                curve.segments.into(),
                published.get(index).copied().into(),
            ]);
        }
    }
    table
}
