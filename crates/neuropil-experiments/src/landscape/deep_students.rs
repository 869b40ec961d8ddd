//! Three hidden layers: a teacher fitted to a function, and students of two widths.

use ndarray::Axis;
use neuropil_core::progress::Monitor;
use neuropil_core::random::Seed;
use neuropil_core::statistics::median;
use neuropil_landscape::{
    Activation, AdamParameters, Bias, Dataset, Initialisation, Loss, Mlp, Objective, TeacherTask, adam, tasks,
};
use neuropil_report::{Claim, Figure, Panel, Section, Size, Source, Table};

use super::{GEOMETRY, ROOM};
use crate::{Context, Error, Experiment, Info, Result};

/// Deep students of two widths.
#[derive(Debug)]
pub struct DeepStudents;

const INFO: Info = Info {
    id: "landscape.deep-students",
    room: ROOM,
    paper: GEOMETRY,
    figure: "Figure 1, three hidden layers",
    title: "Deep students: wider is easier",
};

fn steps(size: Size) -> usize {
    match size {
        Size::Quick => 3000,
        Size::Full => 100_000,
    }
}

/// Starts, and the two widths.
fn students(size: Size) -> (usize, [usize; 2]) {
    match size {
        Size::Quick => (6, [5, 12]),
        Size::Full => (50, [5, 20]),
    }
}

impl Experiment for DeepStudents {
    fn info(&self) -> &Info {
        &INFO
    }

    fn parameters(&self, size: Size) -> serde_json::Value {
        let (starts, widths) = students(size);
        serde_json::json!({
            "activation": "tanh", "hidden_layers": 3, "teacher_width": 4, "widths": widths, "starts": starts,
            "training": "Adam, step size 3e-3", "steps": steps(size),
        })
    }

    fn run(&self, context: &Context) -> Result<Section> {
        let seed = Seed::new(context.seed).child(INFO.id);
        let (n_starts, widths) = students(context.size);
        let inputs = tasks::grid();
        let wavy = tasks::wavy_function(&inputs).insert_axis(Axis(1));
        let network = |width: usize| Mlp::uniform(&[2, width, width, width, 1], &Activation::Tanh, Bias::With);
        let how = AdamParameters { learning_rate: 3e-3, n_steps: steps(context.size), ..AdamParameters::default() };
        let starts = |network: &Mlp, seed: Seed, n: u64| {
            (0..n)
                .map(|i| network.initialise(Initialisation::GlorotUniform, seed.index(i)).into_theta())
                .collect::<Vec<_>>()
        };
        let train = |objective: &Objective, seed: Seed, n: u64, monitor: &Monitor| {
            adam(objective, &starts(objective.network(), seed, n), &how, monitor)
        };
        let fitted = Objective::new(&network(4), &Dataset::new(inputs.clone(), wavy)?, Loss::Square)?;
        let teacher = train(&fitted, seed.child("teacher"), 1, &context.monitor)?.pop();
        let teacher = teacher.ok_or_else(|| Error::failed("no teacher was trained"))?;
        let task = TeacherTask::of(network(4).parameters(teacher.theta)?, inputs)?;
        let mut panel = Panel::new().x_label("step").y_label("loss").log_y().log_x().height(320.0);
        let mut table =
            Table::new("losses", "Losses after training").column("width", "").column("start", "").column("loss", "");
        let mut medians = Vec::new();
        for width in widths {
            let objective = Objective::new(&network(width), &task.data, Loss::Square)?;
            let courses =
                train(&objective, seed.child("student").index(width as u64), n_starts as u64, &context.monitor)?;
            let (mut x, mut y, mut last) = (Vec::new(), Vec::new(), Vec::new());
            for (index, course) in courses.iter().enumerate() {
                let every = (course.losses.len() / 300).max(1);
                for (step, loss) in course.losses.iter().enumerate().step_by(every) {
                    x.push(step as f64 + 1.0);
                    y.push(*loss);
                }
                x.push(f64::NAN);
                y.push(f64::NAN);
                let end = objective.value(course.theta.view())?;
                table.push([width.into(), index.into(), end.into()]);
                last.push(end);
            }
            medians.push(median(&last).unwrap_or(f64::NAN));
            panel = panel.line(format!("width {width}"), &x, &y);
        }
        Ok(Section::new(INFO.id, ROOM, INFO.title)
            .describe(
                "A network with three hidden layers of four tanh neurons is fitted to sin(2x) + x + cos(3y) - 0.4 (y - 1)^2; \
                 students of two widths learn its outputs with the same number of Adam steps.",
            )
            .claim(
                Claim::new("median", format!("median final loss at width {} over that at width {}", widths[0], widths[1]))
                    .reference("wider is easier", Source::Paper)
                    .value(medians[0] / medians[1])
                    .at_least(10.0),
            )
            .figure(
                Figure::new("courses", INFO.title)
                    .describe(format!("Loss during training, {n_starts} starts of each width."))
                    .panel(panel),
            )
            .table(table))
    }
}
