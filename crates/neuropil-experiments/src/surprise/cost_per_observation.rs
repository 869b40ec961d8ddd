//! What one observation costs as the stream grows.

use std::time::Instant;

use neuropil_core::random::Seed;
use neuropil_report::{Claim, Figure, Panel, Section, Size, Source, Table};
use neuropil_surprise::family::Gaussian;
use neuropil_surprise::hazard::Hazard;
use neuropil_surprise::method::Method;

use super::task::{Kind, Sequence, Task, number_of};
use super::{PAPER, ROOM};
use crate::{Context, Experiment, Info, Result};

/// Cost per observation against the length of the stream.
#[derive(Debug)]
pub struct CostPerObservation;

const INFO: Info = Info {
    id: "surprise.cost-per-observation",
    room: ROOM,
    paper: PAPER,
    figure: "beyond the paper",
    title: "Cost of one observation as the stream grows",
};

const SIGMA: f64 = 1.0;
const HAZARD: f64 = 0.001;
/// Observations per timed block.
const BLOCK: usize = 512;

fn blocks(size: Size) -> usize {
    if size == Size::Quick { 32 } else { 128 }
}

fn repeats(size: Size) -> u64 {
    if size == Size::Quick { 5 } else { 9 }
}

fn methods() -> [(&'static str, &'static str, Method); 7] {
    let unpruned = Method::Exact { cutoff: 0.0, max_run_length: None, max_hypotheses: usize::MAX };
    [
        ("exact-unpruned", "exact, nothing pruned", unpruned),
        ("exact", "exact, pruned at 1e-12", Method::exact()),
        ("mp20", "MP20", Method::message_passing(20)),
        ("merging20", "MP20, merging", Method::merging(20)),
        ("sor20", "SOR20", Method::stratified_resampling(20)),
        ("pf20", "pf20", Method::ParticleFilter { n: 20 }),
        ("varsmile", "VarSMiLe", Method::VarSmile { m: None }),
    ]
}

/// What one learner costs along the stream.
struct Curve {
    key: &'static str,
    label: &'static str,
    /// Nanoseconds per observation, one number per block.
    nanoseconds: Vec<f64>,
    /// Hypotheses alive at the end of each block.
    hypotheses: Vec<f64>,
}

impl Experiment for CostPerObservation {
    fn info(&self) -> &Info {
        &INFO
    }

    fn parameters(&self, size: Size) -> serde_json::Value {
        serde_json::json!({
            "sigma": SIGMA, "hazard": HAZARD, "observations": BLOCK * blocks(size), "block": BLOCK,
            "repeats": repeats(size),
        })
    }

    fn run(&self, context: &Context) -> Result<Section> {
        let task = Task { kind: Kind::Gaussian, level: SIGMA };
        let seed = Seed::new(context.seed).child(INFO.id);
        let sequence = task.simulate(HAZARD, BLOCK * blocks(context.size), seed);
        let bar = context.monitor.task(INFO.id, methods().len() as u64);
        let mut curves = Vec::new();
        for (key, label, method) in methods() {
            curves.push(timed(key, label, &method, &sequence, seed, context)?);
            bar.advance(1);
        }
        let at: Vec<f64> = (1..=blocks(context.size)).map(|block| (block * BLOCK) as f64).collect();
        let mut time = Panel::new()
            .x_label("observations so far")
            .y_label("time per observation (ns)")
            .height(320.0)
            .log_x()
            .log_y();
        let mut memory =
            Panel::new().x_label("observations so far").y_label("hypotheses alive").height(320.0).log_x().log_y();
        let mut table = Table::new("blocks", "Cost along the stream")
            .column("learner", "")
            .column("observations", "")
            .column("time per observation", "ns")
            .column("hypotheses", "");
        for curve in &curves {
            time = time.line(curve.label, &at, &curve.nanoseconds);
            memory = memory.line(curve.label, &at, &curve.hypotheses);
            for (index, at) in at.iter().enumerate() {
                table.push([
                    curve.label.into(),
                    (*at).into(),
                    curve.nanoseconds[index].into(),
                    curve.hypotheses[index].into(),
                ]);
            }
        }
        let figure = Figure::new("cost", INFO.title)
            .describe(
                "Time per observation, including the estimate, in blocks of 512 observations (the fastest of several \
                 runs), and the number of hypotheses alive, along one stream.",
            )
            .columns(2)
            .panel(time)
            .panel(memory);
        let mut section = Section::new(INFO.id, ROOM, INFO.title).describe(
            "Exact Bayes keeps one hypothesis per possible time of the last change, so that its cost grows with the \
             stream, or, with pruning, with the length of a segment. The approximations hold a fixed number of \
             hypotheses: their cost stays what it is. Times depend on the machine; the claims compare a learner with \
             itself.",
        );
        section.claims = claims(&curves);
        Ok(section.figure(figure).table(table))
    }
}

fn timed(
    key: &'static str,
    label: &'static str,
    method: &Method,
    sequence: &Sequence,
    seed: Seed,
    context: &Context,
) -> Result<Curve> {
    let family = Gaussian { sigma: SIGMA, prior_mean: 0.0, prior_sd: 1.0 };
    let count = sequence.y.len() / BLOCK;
    let mut nanoseconds = vec![f64::INFINITY; count];
    let mut hypotheses = vec![0.0; count];
    // The unpruned filter takes seconds: fewer repeats are enough where a block takes long.
    let repeats = if key == "exact-unpruned" { 2 } else { repeats(context.size) };
    for _ in 0..repeats {
        let mut learner =
            method.gaussian_learner(&family, &Hazard::Constant(HAZARD), number_of(seed.child("learner")))?;
        let mut estimate = [0.0];
        for (block, ys) in sequence.y.chunks_exact(BLOCK).enumerate() {
            context.monitor.check()?;
            let start = Instant::now();
            for y in ys {
                learner.step(std::slice::from_ref(y));
                learner.mean(&mut estimate);
            }
            std::hint::black_box(&estimate);
            let elapsed = start.elapsed().as_secs_f64() * 1e9 / BLOCK as f64;
            nanoseconds[block] = nanoseconds[block].min(elapsed);
            hypotheses[block] = learner.n_hypotheses() as f64;
        }
    }
    Ok(Curve { key, label, nanoseconds, hypotheses })
}

/// Median over a quarter of the blocks; the very first block warms the caches up.
fn median(values: &[f64]) -> f64 {
    neuropil_core::statistics::median(values).unwrap_or(f64::NAN)
}

fn claims(curves: &[Curve]) -> Vec<Claim> {
    let mut claims = Vec::new();
    for curve in curves {
        let quarter = curve.nanoseconds.len() / 4;
        let first = median(&curve.nanoseconds[1..=quarter]);
        let last = median(&curve.nanoseconds[3 * quarter..]);
        let label = curve.label;
        match curve.key {
            "exact" => {}
            "exact-unpruned" => claims.push(
                Claim::new(
                    "exact-grows",
                    format!("{label}: hypotheses alive at the end, as a share of the number of observations"),
                )
                .reference(1.0, Source::Theory)
                .value(curve.hypotheses.last().copied().unwrap_or(f64::NAN) / (curve.hypotheses.len() * BLOCK) as f64)
                .relative_error_at_most(0.0),
            ),
            key => claims.push(
                Claim::new(
                    format!("{key}-is-constant"),
                    format!(
                        "{label}: time per observation in the last quarter of the stream over that in the first \
                         (medians)"
                    ),
                )
                .reference("constant", Source::Theory)
                .value(last / first)
                .at_most(2.0),
            ),
        }
    }
    claims
}
