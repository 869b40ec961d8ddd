//! Whether a stated change probability is how often there is a change.

use neuropil_core::random::Seed;
use neuropil_core::threads;
use neuropil_report::{Claim, Colour, Figure, Panel, Section, Size, Source, Table};
use neuropil_surprise::family::Gaussian;
use neuropil_surprise::hazard::Hazard;
use rayon::prelude::*;

use super::task::{Kind, Task, number_of};
use super::{PAPER, ROOM, roster};
use crate::{Context, Experiment, Info, Result};

/// Calibration of the change probability.
#[derive(Debug)]
pub struct Calibration;

const INFO: Info = Info {
    id: "surprise.calibration",
    room: ROOM,
    paper: PAPER,
    figure: "beyond the paper",
    title: "Is the change probability calibrated?",
};

const SIGMA: f64 = 0.5;
const HAZARD: f64 = 0.05;
const STEPS: usize = 100_000;
const LEARNERS: [&str; 5] = ["exact", "mp20", "merging20", "pf20", "varsmile"];
/// Edges of the bins of the stated probability, finer where most steps are.
const EDGES: [f64; 12] = [0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95, 1.0 + 1e-12];

fn seeds(size: Size) -> u64 {
    if size == Size::Quick { 4 } else { 20 }
}

/// Sums over the steps whose stated probability falls into a bin.
#[derive(Debug, Clone, Copy, Default)]
struct Bin {
    steps: f64,
    stated: f64,
    changes: f64,
    /// Variance of the number of changes if the stated probabilities are right.
    variance: f64,
}

impl Bin {
    fn add(&mut self, other: &Self) {
        self.steps += other.steps;
        self.stated += other.stated;
        self.changes += other.changes;
        self.variance += other.variance;
    }

    /// Distance of observed from stated changes, in standard deviations.
    fn z(&self) -> f64 {
        (self.changes - self.stated) / self.variance.sqrt()
    }
}

struct Reliability {
    learner: &'static str,
    bins: Vec<Bin>,
    /// Mean Shannon surprise, nats per observation.
    shannon: f64,
}

impl Experiment for Calibration {
    fn info(&self) -> &Info {
        &INFO
    }

    fn parameters(&self, size: Size) -> serde_json::Value {
        serde_json::json!({
            "sigma": SIGMA, "hazard": HAZARD, "steps": STEPS, "seeds": seeds(size), "learners": LEARNERS,
        })
    }

    fn run(&self, context: &Context) -> Result<Section> {
        let results = reliabilities(context)?;
        let mut section = Section::new(INFO.id, ROOM, INFO.title).describe(
            "Each learner states at every observation the probability that the parameter has just changed (the \
             adaptation rate). Steps are grouped by that statement and compared with how many changes there were. A \
             calibrated learner lies on the diagonal.",
        );
        section.claims = claims(&results);
        let mut panel = Panel::new()
            .x_label("stated change probability")
            .y_label("fraction of steps with a change")
            .height(420.0)
            .line("calibrated", &[0.0, 1.0], &[0.0, 1.0])
            .colour(Colour::Grey);
        let mut table = Table::new("reliability", "Stated and observed changes")
            .column("learner", "")
            .column("steps", "")
            .column("mean stated probability", "")
            .column("fraction with a change", "")
            .column("deviation", "standard errors")
            .column("mean Shannon surprise", "nats");
        for result in &results {
            let bins: Vec<&Bin> = result.bins.iter().filter(|bin| bin.steps >= 200.0).collect();
            let x: Vec<f64> = bins.iter().map(|bin| bin.stated / bin.steps).collect();
            let y: Vec<f64> = bins.iter().map(|bin| bin.changes / bin.steps).collect();
            let name = roster::label(result.learner);
            panel = panel.line(name, &x, &y).points(name, &x, &y);
            for bin in bins {
                table.push([
                    name.into(),
                    bin.steps.into(),
                    (bin.stated / bin.steps).into(),
                    (bin.changes / bin.steps).into(),
                    bin.z().into(),
                    result.shannon.into(),
                ]);
            }
        }
        let figure = Figure::new("reliability", INFO.title)
            .describe("Fraction of steps with a change against the stated change probability, for five learners.");
        Ok(section.figure(figure.panel(panel)).table(table))
    }
}

fn reliabilities(context: &Context) -> Result<Vec<Reliability>> {
    let task = Task { kind: Kind::Gaussian, level: SIGMA };
    let family = Gaussian { sigma: SIGMA, prior_mean: 0.0, prior_sd: 1.0 };
    let root = Seed::new(context.seed).child(INFO.id);
    let count = seeds(context.size);
    let jobs: Vec<(&'static str, u64)> =
        LEARNERS.iter().flat_map(|&learner| (0..count).map(move |seed| (learner, seed))).collect();
    let bar = context.monitor.task(INFO.id, jobs.len() as u64);
    let results: Vec<(Vec<Bin>, f64)> = threads::install(|| {
        jobs.par_iter()
            .with_max_len(1)
            .map(|&(learner, number)| {
                let seed = root.index(number);
                let sequence = task.simulate(HAZARD, STEPS, seed);
                // VarSMiLe with the modulation that follows from the hazard, not the one tuned for its estimate.
                let value = if learner == "varsmile" { HAZARD / (1.0 - HAZARD) } else { HAZARD };
                let contender = roster::with_parameter(learner, value, HAZARD)?;
                let hazard = Hazard::Constant(HAZARD);
                let seed = number_of(seed.child(learner));
                let mut learner = contender.method.gaussian_learner(&family, &hazard, seed)?;
                let mut bins = vec![Bin::default(); EDGES.len() - 1];
                let mut starts = sequence.starts.iter().copied().peekable();
                let mut shannon = 0.0;
                for (t, y) in sequence.y.iter().enumerate() {
                    if t % 4096 == 0 {
                        context.monitor.check()?;
                    }
                    let changed = starts.next_if_eq(&t).is_some();
                    let scores = learner.step(std::slice::from_ref(y));
                    shannon -= scores.log_predictive;
                    if t == 0 {
                        continue; // the first observation cannot follow a change
                    }
                    let stated = scores.adaptation_rate;
                    let index = EDGES[1..].iter().take_while(|edge| stated >= **edge).count().min(bins.len() - 1);
                    bins[index].add(&Bin {
                        steps: 1.0,
                        stated,
                        changes: f64::from(u8::from(changed)),
                        variance: stated * (1.0 - stated),
                    });
                }
                bar.advance(1);
                Ok((bins, shannon / STEPS as f64))
            })
            .collect::<Result<_>>()
    })?;
    Ok(LEARNERS
        .iter()
        .zip(results.chunks(count as usize))
        .map(|(&learner, runs)| {
            let mut bins = vec![Bin::default(); EDGES.len() - 1];
            for (run, _) in runs {
                bins.iter_mut().zip(run).for_each(|(to, from)| to.add(from));
            }
            Reliability { learner, bins, shannon: runs.iter().map(|run| run.1).sum::<f64>() / runs.len() as f64 }
        })
        .collect())
}

fn claims(results: &[Reliability]) -> Vec<Claim> {
    let of = |learner: &str| results.iter().find(|result| result.learner == learner);
    let mut claims = Vec::new();
    if let Some(exact) = of("exact") {
        let worst = exact.bins.iter().filter(|bin| bin.steps >= 200.0).map(|bin| bin.z().abs()).fold(0.0, f64::max);
        claims.push(
            Claim::new(
                "exact-is-calibrated",
                "exact Bayes: largest distance of the number of changes from the stated one, over bins with at least \
                 200 steps, in standard deviations",
            )
            .reference("a posterior probability is calibrated", Source::Theory)
            .value(worst)
            .at_most(4.0),
        );
        let mut all = Bin::default();
        exact.bins.iter().for_each(|bin| all.add(bin));
        claims.push(
            Claim::new(
                "exact-counts-changes",
                "exact Bayes: distance of the number of all changes from the sum of the stated probabilities, in \
                 standard deviations",
            )
            .reference(0.0, Source::Theory)
            .value(all.z())
            .within(-4.0, 4.0),
        );
        let gap = results.iter().map(|result| result.shannon - exact.shannon).fold(f64::INFINITY, f64::min);
        claims.push(
            Claim::new(
                "exact-predicts-best",
                "smallest difference of a learner's mean Shannon surprise from that of exact Bayes, in nats per \
                 observation",
            )
            .reference("the true model has the lowest expected surprise", Source::Theory)
            .value(gap)
            .at_least(-1e-4),
        );
    }
    claims
}
