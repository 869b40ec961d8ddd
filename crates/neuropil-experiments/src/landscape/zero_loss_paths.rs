//! Paths at zero loss between permuted minima, and between two trained networks.

use neuropil_core::random::{Seed, uniform};
use neuropil_core::statistics::largest;
use neuropil_landscape::expansion::{add_silent, permute};
use neuropil_landscape::neuron::neurons;
use neuropil_landscape::reduction::ReductionTolerance;
use neuropil_landscape::zero_loss_path::{connect, zero_loss_path};
use neuropil_landscape::{
    Activation, Bias, Initialisation, Mlp, Objective, Parameters, TeacherOutputs, TeacherTask, TrainParameters, tasks,
    train_many,
};
use neuropil_report::{Claim, Figure, Panel, Section, Size, Source, Table};

use super::{GEOMETRY, ROOM};
use crate::{Context, Error, Experiment, Info, Result};

/// Explicit paths.
#[derive(Debug)]
pub struct ZeroLossPaths;

const INFO: Info = Info {
    id: "landscape.zero-loss-paths",
    room: ROOM,
    paper: GEOMETRY,
    figure: "Connectivity theorem",
    title: "Explicit zero-loss paths between permuted minima",
};

/// Seeds tried for two trained students of zero loss.
const STARTS: usize = 12;

/// What a set of paths has shown.
#[derive(Debug, Default)]
struct Worst {
    loss: f64,
    wrong_segments: usize,
    landing: f64,
    jump: f64,
    segments: usize,
}

impl Experiment for ZeroLossPaths {
    fn info(&self) -> &Info {
        &INFO
    }

    fn parameters(&self, _size: Size) -> serde_json::Value {
        serde_json::json!({
            "permutations": 20, "samples_per_segment": 50, "two_hidden_layers": [3, 3], "trained_width": 6,
            "starts": STARTS,
        })
    }

    fn run(&self, context: &Context) -> Result<Section> {
        let seed = Seed::new(context.seed).child(INFO.id);
        let task = TeacherTask::new(Activation::G, TeacherOutputs::One)?;
        let start = add_silent(&task.teacher, 0, ndarray::array![0.4, -0.3])?;
        let one = explore(&start, &task.student(5)?, 4, seed.child("one layer"), context)?;
        let network = Mlp::uniform(&[2, 3, 3, 1], &Activation::G, Bias::With);
        let teacher = network.initialise(Initialisation::Normal(0.6), Seed::new(12));
        let deep = TeacherTask::of(teacher, tasks::grid())?;
        let student = add_silent(&deep.teacher, 0, ndarray::array![0.2, 0.1, -0.3])?;
        let student = add_silent(&student, 1, ndarray::array![0.1, 0.5, -0.2, 0.0, 0.4])?;
        let objective = Objective::new(student.network(), &deep.data, neuropil_landscape::Loss::Square)?;
        let scale = deep.data.targets().iter().fold(1.0_f64, |scale, y| scale.max(y * y));
        let two = explore(&student, &objective, 3, seed.child("two layers"), context)?;
        let trained = trained_pair(&task, context)?;
        let connection = connect(&trained[0], &trained[1], &ReductionTolerance::default())?;
        let objective = task.student(6)?;
        let (times, losses) = connection.path.losses(&objective, 50)?;
        let worst_trained = largest(losses.iter().copied());
        let straight: Vec<f64> = times
            .iter()
            .map(|t| Ok(objective.value(between(&trained[0], &trained[1], *t)?.theta())?))
            .collect::<Result<_>>()?;
        let barrier = largest(straight.iter().copied());
        let (transposition, detour) = transposition(&start, &task.student(5)?)?;
        let figure = Figure::new("losses", "Loss along the path and along the straight line")
            .describe(
                "Left: exchange of two teacher neurons with one spare neuron. Right: between two students that were \
                 trained from different starts. Along the path the loss stays at rounding error; on the straight line \
                 it does not.",
            )
            .columns(2)
            .panel(panel("Two teacher neurons exchanged", &transposition.0, &transposition.1, &detour))
            .panel(panel("Two trained students", &times, &losses, &straight));
        let mut table = Table::new("paths", "Paths")
            .column("network", "")
            .column("segments in all", "")
            .column("largest loss", "")
            .column("largest deviation where the neurons land", "");
        for (name, worst) in [("one hidden layer, 4 in 5", &one), ("two hidden layers, 3-3 in 4-4", &two)] {
            table.push([name.into(), worst.segments.into(), worst.loss.into(), worst.landing.into()]);
        }
        let claim = |id: &str, statement: &str, value: f64, bound: f64| {
            Claim::new(id, statement).reference("zero up to rounding", Source::Paper).value(value).at_most(bound)
        };
        Ok(Section::new(INFO.id, ROOM, INFO.title)
            .describe(
                "A permuted network computes the same function, but without a spare neuron it is an isolated point. One \
                 spare neuron per layer connects all of them: weights move into the free slot and leave another one \
                 free. Twenty random permutations each in a network with one and with two hidden layers, and two \
                 students found by training from different starts.",
            )
            .claim(claim("one-layer", "largest loss on 20 paths, one hidden layer", one.loss, 1e-27))
            .claim(claim("two-layers", "largest loss on 20 paths, two hidden layers, over its scale", two.loss / scale, 1e-27))
            .claim(claim(
                "ends",
                "largest deviation of the moved neurons from the permuted start, before the free one returns",
                largest([one.landing, two.landing]),
                1e-15,
            ))
            .claim(claim("continuous", "largest jump of a parameter between segments", largest([one.jump, two.jump]), 1e-12))
            .claim(
                Claim::new("segments", "paths of one layer whose number of segments is not 2 (displaced + cycles) + 1")
                    .reference(0.0, Source::Theory)
                    .value((one.wrong_segments + two.wrong_segments) as f64)
                    .at_most(0.0),
            )
            .claim(claim("trained", "largest loss between two students of width 6 that were trained from different starts, neither permuted", worst_trained, 1e-20))
            .claim(
                Claim::new("straight", "largest loss on the straight line between the same students")
                    .reference("a barrier", Source::ThisProject)
                    .value(barrier)
                    .at_least(1e-4),
            )
            .figure(figure)
            .table(table))
    }
}

/// Twenty random permutations of the first `needed` neurons of every hidden layer.
fn explore(start: &Parameters, objective: &Objective, needed: usize, seed: Seed, context: &Context) -> Result<Worst> {
    let layers = start.network().n_hidden_layers();
    let mut worst = Worst::default();
    for index in 0..20 {
        context.monitor.check()?;
        let mut stream = seed.index(index).stream();
        let mut expected = 0;
        let mut orders = Vec::new();
        for layer in 0..layers {
            let mut order: Vec<usize> = (0..start.network().widths[layer + 1]).collect();
            for i in (1..needed).rev() {
                order.swap(i, ((uniform(&mut stream) * (i + 1) as f64) as usize).min(i));
            }
            expected += segments(&order);
            orders.push(order);
        }
        let path = zero_loss_path(start, &orders, &ReductionTolerance::default())?;
        worst.wrong_segments += usize::from(path.segments() != expected);
        worst.segments += path.segments();
        worst.loss = largest([worst.loss, path.max_loss(objective, 50)?]);
        worst.jump = largest([worst.jump, path.largest_jump()]);
        for layer in 0..layers {
            worst.landing = largest([worst.landing, landing(start, layer, &orders)?]);
        }
    }
    Ok(worst)
}

/// Relabels one layer alone: how far its neurons are from where they should be before the last segment, which returns the
/// free neuron, so that nothing is equal by construction.
fn landing(start: &Parameters, layer: usize, orders: &[Vec<usize>]) -> Result<f64> {
    let identity = |width: usize| (0..width).collect::<Vec<_>>();
    let alone: Vec<Vec<usize>> =
        orders.iter().enumerate().map(|(l, o)| if l == layer { o.clone() } else { identity(o.len()) }).collect();
    let path = zero_loss_path(start, &alone, &ReductionTolerance::default())?;
    if path.segments() == 0 {
        return Ok(0.0);
    }
    let landed = neurons(&path.points()[path.segments() - 1], layer)?;
    let target = neurons(&permute(start, layer, &orders[layer])?, layer)?;
    let deviations = landed.iter().zip(&target).flat_map(|(a, b)| {
        // A free neuron has no place; its outgoing weights have to be zero all the same.
        let incoming = if b.is_silent(0.0) { 0 } else { b.incoming.len() };
        let outgoing = a.outgoing.iter().zip(&b.outgoing);
        let pairs = a.incoming.iter().zip(&b.incoming).take(incoming).chain(outgoing);
        pairs.map(|(a, b)| (a - b).abs()).collect::<Vec<_>>()
    });
    Ok(largest(deviations))
}

/// `2 (displaced + cycles) + 1`, and 0 for the identity.
fn segments(order: &[usize]) -> usize {
    let mut seen = vec![false; order.len()];
    let (mut displaced, mut cycles) = (0, 0);
    for slot in 0..order.len() {
        if order[slot] == slot || seen[slot] {
            continue;
        }
        cycles += 1;
        let mut at = slot;
        while !seen[at] {
            seen[at] = true;
            displaced += 1;
            at = order[at];
        }
    }
    if cycles == 0 { 0 } else { 2 * (displaced + cycles) + 1 }
}

/// The best two of several students that reached zero loss from different starts.
fn trained_pair(task: &TeacherTask, context: &Context) -> Result<[Parameters; 2]> {
    let objective = task.student(6)?;
    let how = TrainParameters::default().without_trajectory();
    let seed = Seed::new(context.seed).child("landscape.zero-loss-paths").child("students");
    let found = train_many(&objective, STARTS, Initialisation::GlorotUniform, seed, &how, &context.monitor)?;
    let mut found = found;
    found.sort_by(|a, b| a.loss.total_cmp(&b.loss));
    let mut zero = found.into_iter().filter(|trained| trained.loss < 1e-20);
    match (zero.next(), zero.next()) {
        (Some(a), Some(b)) => Ok([objective.network().parameters(a.theta)?, objective.network().parameters(b.theta)?]),
        _ => Err(Error::failed(format!("fewer than two of {STARTS} students reached zero loss"))),
    }
}

fn between(a: &Parameters, b: &Parameters, t: f64) -> Result<Parameters> {
    let theta = a.theta().iter().zip(b.theta()).map(|(a, b)| a + t * (b - a)).collect();
    Ok(a.network().parameters(theta)?)
}

type Course = (Vec<f64>, Vec<f64>);

/// Losses of the exchange of the first two neurons: along the path with its times, and on the straight line.
fn transposition(start: &Parameters, objective: &Objective) -> Result<(Course, Vec<f64>)> {
    let path = zero_loss_path(start, &[vec![1, 0, 2, 3, 4]], &ReductionTolerance::default())?;
    let (times, losses) = path.losses(objective, 50)?;
    let (a, b) = (path.at(0.0), path.at(1.0));
    let straight =
        times.iter().map(|t| Ok(objective.value(between(&a, &b, *t)?.theta())?)).collect::<Result<Vec<f64>>>()?;
    Ok(((times, losses), straight))
}

fn panel(title: &str, times: &[f64], losses: &[f64], straight: &[f64]) -> Panel {
    // Exactly zero has no logarithm; it is drawn at the level of rounding.
    let shown = |losses: &[f64]| losses.iter().map(|loss| loss.max(1e-34)).collect::<Vec<_>>();
    Panel::new()
        .title(title)
        .x_label("position on the path")
        .y_label("loss")
        .log_y()
        .height(300.0)
        .line("path", times, &shown(losses))
        .line("straight line", times, &shown(straight))
}
