//! Narrow students get stuck, wide ones do not.

use ndarray::Array2;
use neuropil_core::random::Seed;
use neuropil_core::statistics::largest;
use neuropil_landscape::{
    Activation, FlowParameters, Initialisation, PolishMethod, PolishParameters, TeacherOutputs, TeacherTask,
    TrainParameters, Trained, train, train_many,
};
use neuropil_report::{Claim, Figure, Panel, Section, Size, Source, Table};

use super::{GEOMETRY, ROOM};
use crate::{Context, Experiment, Info, Result};

/// Final losses of students of three widths.
#[derive(Debug)]
pub struct Success;

const INFO: Info = Info {
    id: "landscape.success",
    room: ROOM,
    paper: GEOMETRY,
    figure: "Figure 1",
    title: "Narrow students get stuck, wide students reach zero loss",
};

const SEEDS: usize = 50;

fn wide(size: Size) -> usize {
    match size {
        Size::Quick => 3,
        Size::Full => 50,
    }
}

/// The trust region takes all eigenvectors in every step. For 135 parameters 200 steps of Levenberg-Marquardt took less time
/// (1.2 s against 1.9 s) and led to a lower loss (1e-12 against 3e-12).
fn polish(width: usize) -> PolishParameters {
    if width < 45 {
        return PolishParameters::default();
    }
    let method = PolishMethod::LevenbergMarquardt;
    PolishParameters { method, max_iterations: 600, ..PolishParameters::default() }
}

impl Experiment for Success {
    fn info(&self) -> &Info {
        &INFO
    }

    fn parameters(&self, size: Size) -> serde_json::Value {
        serde_json::json!({
            "activation": "sigmoid", "widths": [4, 5, 45], "seeds": [SEEDS, SEEDS, wide(size)],
            "training": "gradient flow to t = 1e4 (width 45: 1e3), then polish",
            "polish": polish(5), "polish_of_width_45": polish(45), "success": "loss < 1e-16",
        })
    }

    fn run(&self, context: &Context) -> Result<Section> {
        let task = TeacherTask::new(Activation::Sigmoid, TeacherOutputs::One)?;
        let mut students: Vec<(usize, Vec<Trained>)> = Vec::new();
        for (width, seeds, t_max) in [(4, SEEDS, 1e4), (5, SEEDS, 1e4), (45, wide(context.size), 1e3)] {
            let flow = FlowParameters { t_max, ..FlowParameters::default() };
            let how = TrainParameters { flow, polish: polish(width) }.without_trajectory();
            let seed = Seed::new(context.seed).child(INFO.id).index(width as u64);
            let objective = task.student(width)?;
            students.push((
                width,
                train_many(&objective, seeds, Initialisation::GlorotUniform, seed, &how, &context.monitor)?,
            ));
        }
        let successes = |list: &[Trained]| list.iter().filter(|trained| trained.loss < 1e-16).count();
        let [four, five] = [successes(&students[0].1), successes(&students[1].1)];
        let share = |n: usize| n as f64 / SEEDS as f64;
        let worst_wide = largest(students[2].1.iter().map(|trained| trained.loss));
        // Whatever did not succeed is stuck, a diverged student (NaN) too: the least is minus the largest negative.
        let stuck = students[1].1.iter().map(|trained| trained.loss).filter(|loss| !(*loss < 1e-16));
        let least_stuck = -largest(stuck.map(|loss| -loss).chain([f64::NEG_INFINITY]));
        let mut table = Table::new("losses", "Final losses")
            .column("width", "")
            .column("start", "")
            .column("loss", "")
            .column("largest gradient component", "")
            .column("end", "");
        for (width, list) in &students {
            for (index, trained) in list.iter().enumerate() {
                table.push([
                    (*width).into(),
                    index.into(),
                    trained.loss.into(),
                    trained.gradient_norm.into(),
                    trained.status.reason().into(),
                ]);
            }
        }
        let mut strip = Panel::new().title("Final loss").x_label("start").y_label("loss").log_y().height(320.0);
        for (width, list) in &students {
            let mut losses: Vec<f64> = list.iter().map(|trained| trained.loss.max(1e-34)).collect();
            losses.sort_by(f64::total_cmp);
            let x: Vec<f64> = (0..losses.len()).map(|k| (k as f64 + 0.5) / losses.len() as f64).collect();
            strip = strip.points(format!("width {width}"), &x, &losses);
        }
        let shown = students[1].1.iter().position(|trained| trained.loss < 1e-16).unwrap_or(0);
        let figure = Figure::new("success", INFO.title)
            .describe(
                "Left: final losses of all starts, sorted, as a share of the starts. Right: incoming vectors of the first \
                 student of width five that reached zero loss, from the start along the gradient flow to the end after \
                 the polish; dotted: lines through the teacher's neurons. A sigmoid neuron may also end opposite to one \
                 of the teacher, because sigmoid(-x) = 1 - sigmoid(x).",
            )
            .columns(2)
            .panel(strip.x_label("share of the starts"))
            .panel(trajectory(&task, shown, context)?);
        Ok(Section::new(INFO.id, ROOM, INFO.title)
            .describe(
                "A teacher of four sigmoid neurons on a grid of inputs; students of width 4, 5 and 45 follow the gradient \
                 flow from random starts and are polished to machine precision.",
            )
            .claim(
                Claim::new("width-4", "share of width-4 students that reach loss < 1e-16")
                    .reference("narrow students often get stuck (a prototype: 8 of 20)", Source::Paper)
                    .value(share(four))
                    .within(0.15, 0.65),
            )
            .claim(
                Claim::new("width-5", "share of width-5 students that reach loss < 1e-16")
                    .reference("more often than width 4 (a prototype: 26 of 30)", Source::Paper)
                    .value(share(five))
                    .within(0.65, 1.0),
            )
            .claim(
                Claim::new("width-45", "largest final loss of the width-45 students")
                    .reference("zero", Source::Paper)
                    .value(worst_wide)
                    .at_most(1e-12),
            )
            .claim(
                Claim::new("stuck", "smallest loss of a width-5 student that did not reach zero")
                    .reference("at positive loss", Source::Paper)
                    .value(least_stuck)
                    .at_least(1e-7),
            )
            .claim(
                Claim::new("fisher", "p value of Fisher's exact test, width 5 more successful than width 4")
                    .reference("wider is easier", Source::Paper)
                    .value(fisher(five, four, SEEDS))
                    .at_most(0.01),
            )
            .figure(figure)
            .table(table))
    }
}

/// One-sided exact test that `a` successes of `n` come from a higher rate than `b` of `n`.
fn fisher(a: usize, b: usize, n: usize) -> f64 {
    let ln_choose = |n: usize, k: usize| {
        let ln_factorial = |n: usize| (1..=n).map(|k| (k as f64).ln()).sum::<f64>();
        ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k)
    };
    let total = a + b;
    (a..=total.min(n)).map(|k| (ln_choose(n, k) + ln_choose(n, total - k) - ln_choose(2 * n, total)).exp()).sum()
}

/// The way of one start of width five.
fn trajectory(task: &TeacherTask, number: usize, context: &Context) -> Result<Panel> {
    let objective = task.student(5)?;
    let seed = Seed::new(context.seed).child(INFO.id).index(5).child("start").index(number as u64);
    let start = objective.network().initialise(Initialisation::GlorotUniform, seed);
    let trained = train(&objective, start.theta(), &TrainParameters::default(), &context.monitor)?;
    let states: Array2<f64> = trained.trajectory.parameters();
    let mut panel = Panel::new()
        .title("Incoming vectors of a student during training")
        .x_label("first incoming weight")
        .y_label("second incoming weight")
        .height(320.0);
    let weights = task.teacher.weights(0);
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for row in weights.rows() {
        x.extend([-1.6 * row[0], 1.6 * row[0], f64::NAN]);
        y.extend([-1.6 * row[1], 1.6 * row[1], f64::NAN]);
    }
    panel = panel.line("teacher", &x, &y).stroke(neuropil_report::Stroke::Dotted);
    let column = |k: usize| states.column(k).to_vec();
    let (mut ends, mut starts) = ((Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
    let (mut xs, mut ys) = (Vec::new(), Vec::new());
    for neuron in 0..5 {
        let (x, y) = (column(2 * neuron), column(2 * neuron + 1));
        let (x1, y1) = (trained.theta[2 * neuron], trained.theta[2 * neuron + 1]);
        if let (Some(x0), Some(y0)) = (x.first(), y.first()) {
            starts.0.push(*x0);
            starts.1.push(*y0);
            ends.0.push(x1);
            ends.1.push(y1);
        }
        xs.extend(x.into_iter().chain([x1, f64::NAN]));
        ys.extend(y.into_iter().chain([y1, f64::NAN]));
    }
    Ok(panel
        .line("student", &xs, &ys)
        .stroke(neuropil_report::Stroke::Solid)
        .points("start", &starts.0, &starts.1)
        .points("end", &ends.0, &ends.1))
}
