//! What the neurons of wide solutions are: copies, and groups without effect.

use std::collections::BTreeMap;

use neuropil_core::random::Seed;
use neuropil_landscape::reduction::{Classification, TypeTolerance, classify_against};
use neuropil_landscape::{
    Activation, Initialisation, PolishParameters, TeacherOutputs, TeacherTask, TrainParameters, Trained, train_many,
};
use neuropil_report::{Claim, Figure, Panel, Section, Size, Source, Table};

use super::{GEOMETRY, ROOM};
use crate::{Context, Experiment, Info, Result};

/// Types of neurons of trained students.
#[derive(Debug)]
pub struct NeuronTypes;

const INFO: Info = Info {
    id: "landscape.neuron-types",
    room: ROOM,
    paper: GEOMETRY,
    figure: "Figure 5",
    title: "Wide solutions consist of copies and neurons without effect",
};

/// Widths and numbers of seeds; claims are about the first two.
fn seeds(size: Size) -> Vec<(usize, usize)> {
    match size {
        Size::Quick => vec![(5, 20), (10, 12)],
        Size::Full => vec![(5, 50), (10, 50), (20, 50)],
    }
}

/// In the valley of several near copies the gradient falls below 1e-14 while the loss is still 3e-19, and steps that
/// follow its bend shorten the way by a few percent each: a smaller tolerance and more steps than usual.
fn polish() -> PolishParameters {
    PolishParameters { gradient_tolerance: 2e-16, max_iterations: 2500, ..PolishParameters::default() }
}

/// Students of one width.
struct Students {
    width: usize,
    trained: Vec<Trained>,
    /// Of those that reached zero loss.
    types: Vec<Classification>,
}

fn students(task: &TeacherTask, width: usize, seeds: usize, context: &Context) -> Result<Students> {
    let objective = task.student(width)?;
    let how = TrainParameters { polish: polish(), ..TrainParameters::default() }.without_trajectory();
    let seed = Seed::new(context.seed).child(INFO.id).index(width as u64);
    let found = train_many(&objective, seeds, Initialisation::GlorotUniform, seed, &how, &context.monitor)?;
    let types = found
        .iter()
        .filter(|trained| trained.loss < 1e-20)
        .map(|trained| {
            let parameters = objective.network().parameters(trained.theta.clone())?;
            Ok(classify_against(&parameters, &task.teacher, 0, &TypeTolerance::default())?)
        })
        .collect::<Result<_>>()?;
    Ok(Students { width, trained: found, types })
}

impl Experiment for NeuronTypes {
    fn info(&self) -> &Info {
        &INFO
    }

    fn parameters(&self, size: Size) -> serde_json::Value {
        serde_json::json!({
            "activation": "g", "students": seeds(size), "success": "loss < 1e-20", "polish": polish(), "types": TypeTolerance::default(),
        })
    }

    fn run(&self, context: &Context) -> Result<Section> {
        let task = TeacherTask::new(Activation::G, TeacherOutputs::One)?;
        let groups = seeds(context.size)
            .into_iter()
            .map(|(width, seeds)| students(&task, width, seeds, context))
            .collect::<Result<Vec<_>>>()?;
        let (narrow, wide) = (&groups[0], &groups[1]);
        let total =
            |list: &[Classification], count: fn(&Classification) -> usize| list.iter().map(count).sum::<usize>();
        let neurons: usize = total(&wide.types, |types| types.types.len());
        let unexplained = total(&wide.types, Classification::unexplained);
        // One spare neuron each: either it has no effect, or a teacher neuron has two copies, or it is unexplained.
        let silent = narrow.types.iter().filter(|types| types.zeros() > 0).count();
        let copies = narrow.types.iter().filter(|types| types.zeros() == 0 && types.unexplained() == 0).count();
        let mut table = Table::new("types", "Neurons of the students that reached zero loss")
            .column("width", "")
            .column("students", "")
            .column("copies", "")
            .column("silent alone", "")
            .column("in silent pairs", "")
            .column("in larger silent groups", "")
            .column("unexplained", "");
        let mut losses = Table::new("losses", "How every student ended")
            .column("width", "")
            .column("start", "")
            .column("loss", "")
            .column("largest gradient component", "")
            .column("end", "");
        let mut panel = Panel::new().y_label("share of the neurons").height(300.0);
        for students in &groups {
            for (start, trained) in students.trained.iter().enumerate() {
                losses.push([
                    students.width.into(),
                    start.into(),
                    trained.loss.into(),
                    trained.gradient_norm.into(),
                    trained.status.reason().into(),
                ]);
            }
            let mut by_size: BTreeMap<usize, usize> = BTreeMap::new();
            for types in &students.types {
                for (size, count) in types.zero_by_size() {
                    *by_size.entry(size).or_default() += count;
                }
            }
            let larger = by_size.range(3..).map(|(_, count)| count).sum::<usize>();
            let one = by_size.get(&1).copied().unwrap_or(0);
            let two = by_size.get(&2).copied().unwrap_or(0);
            let counts = [
                total(&students.types, Classification::copies),
                one,
                two,
                larger,
                total(&students.types, Classification::unexplained),
            ];
            let all = counts.iter().sum::<usize>().max(1) as f64;
            let labels = ["copies", "silent alone", "silent pairs", "larger groups", "unexplained"];
            panel = panel.bars(format!("width {}", students.width), &labels, &counts.map(|count| count as f64 / all));
            table.push([
                students.width.into(),
                students.types.len().into(),
                counts[0].into(),
                counts[1].into(),
                counts[2].into(),
                counts[3].into(),
                counts[4].into(),
            ]);
        }
        let share = |students: &Students| students.types.len() as f64 / students.trained.len() as f64;
        Ok(Section::new(INFO.id, ROOM, INFO.title)
            .describe(
                "Students with the activation g, which has no symmetry but permutations. A neuron in the direction of a \
                 teacher neuron (within one degree) is a copy; one without outgoing weight, or in a group of one \
                 direction whose outgoing weights sum to zero, has no effect.",
            )
            .claim(
                Claim::new("width-10", "share of width-10 students below loss 1e-20")
                    .reference(1.0, Source::Paper)
                    .value(share(wide))
                    .at_least(11.0 / 12.0),
            )
            .claim(
                Claim::new("explained", "share of the neurons of these students that are copies or without effect")
                    .reference(1.0, Source::Paper)
                    // Without a success there is nothing to explain, and the claim must not hold: 0/0.
                    .value(1.0 - unexplained as f64 / neurons as f64)
                    .at_least(0.99),
            )
            .claim(
                Claim::new("width-5", "share of width-5 students below loss 1e-20")
                    .reference("19 of 20 in a prototype", Source::ThisProject)
                    .value(share(narrow))
                    .within(0.8, 1.0),
            )
            .claim(
                Claim::new("silent", "width-5 solutions with a silent spare neuron, less those with a spare copy")
                    .reference("silent neurons are more frequent (a prototype: 13 against 6)", Source::Paper)
                    .value(silent as f64 - copies as f64)
                    .at_least(1.0),
            )
            .figure(
                Figure::new("types", "Types of neurons at zero loss")
                    .describe("Shares of copies, silent neurons by the size of their group, and unexplained neurons.")
                    .panel(panel),
            )
            .table(table)
            .table(losses))
    }
}
