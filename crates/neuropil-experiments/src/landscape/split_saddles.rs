//! A neuron of a minimum doubled: lines of minima, lines of saddles, and what zero eigenvalues count.

use neuropil_core::random::Seed;
use neuropil_landscape::critical_point::{CriticalPointReport, ReportParameters};
use neuropil_landscape::expansion::split;
use neuropil_landscape::plateau::{SplitCurvature, SplitLine};
use neuropil_landscape::{
    Activation, Initialisation, Objective, Parameters, TeacherOutputs, TeacherTask, TrainParameters, train_many,
};
use neuropil_report::{Claim, Figure, Panel, Section, Size, Source, Table};

use super::{ROOM, SADDLES};
use crate::{Context, Error, Experiment, Info, Result};

/// Splits of under-parameterised minima.
#[derive(Debug)]
pub struct SplitSaddles;

const INFO: Info = Info {
    id: "landscape.split-saddles",
    room: ROOM,
    paper: SADDLES,
    figure: "Plateaus and vanishing eigenvalues",
    title: "Doubling a neuron: plateau dimension, zero eigenvalues, index",
};

impl Experiment for SplitSaddles {
    fn info(&self) -> &Info {
        &INFO
    }

    fn parameters(&self, _size: Size) -> serde_json::Value {
        serde_json::json!({ "activation": "g", "width": 3, "outputs": [1, 3], "starts": 8 })
    }

    fn run(&self, context: &Context) -> Result<Section> {
        let mut section = Section::new(INFO.id, ROOM, INFO.title).describe(
            "A student of width three cannot fit the teacher of width four; its best minimum has positive loss. Each of \
             its neurons is doubled with shares mu and 1 - mu of its outgoing vector: a critical point of width four for \
             every mu. Two copies lie on a plateau with as many dimensions as there are outputs, but the number of zero \
             eigenvalues is one: with several outputs most plateau directions are not null vectors of the Hessian.",
        );
        let mut table = Table::new("splits", "Doubled neurons, mu = 1/2")
            .column("outputs", "")
            .column("neuron", "")
            .column("index", "")
            .column("zero eigenvalues", "")
            .column("plateau dimension", "")
            .column("rank of C", "");
        let mut panel = Panel::new()
            .x_label("share mu of the first copy in the outgoing vector")
            .y_label("lowest eigenvalue")
            .height(300.0);
        for (outputs, count, loss) in
            [(TeacherOutputs::One, 1, 0.012_352_600_845), (TeacherOutputs::Three, 3, 0.205_292_040_120)]
        {
            let task = TeacherTask::new(Activation::G, outputs)?;
            let minimum = best(&task, count, context)?;
            let narrow = task.student(3)?;
            let found = narrow.value(minimum.theta())?;
            section = section.claim(
                Claim::new(format!("loss-{count}"), format!("loss of the best minimum of width 3, {count} outputs"))
                    .reference(loss, Source::ThisProject)
                    .value(found)
                    .relative_error_at_most(1e-9),
            );
            let wide = task.student(4)?;
            let mut numbers = [0.0_f64; 4];
            for neuron in 0..3 {
                context.monitor.check()?;
                let half = at(&wide, &minimum, neuron, 0.5)?;
                let curvature = SplitCurvature::new(&narrow, &minimum, 0, neuron)?;
                let line = match curvature.line() {
                    SplitLine::MinimaOutside => 0.0,
                    SplitLine::Saddles if count > 1 => 0.0,
                    _ => 1.0,
                };
                let wrong = [
                    f64::from(u8::from(half.index != 2)),
                    f64::from(u8::from(half.zeros != 1 || half.unexplained != 0)),
                    f64::from(u8::from(half.plateau_dimension != count)),
                    line,
                ];
                for (number, wrong) in numbers.iter_mut().zip(wrong) {
                    *number += wrong;
                }
                table.push([
                    count.into(),
                    neuron.into(),
                    half.index.into(),
                    half.zeros.into(),
                    half.plateau_dimension.into(),
                    curvature.coupling_rank.into(),
                ]);
                if count == 1 {
                    let mu: Vec<f64> = (-10..=30).map(|k| f64::from(k) / 20.0 + 0.001).collect();
                    let lowest = mu
                        .iter()
                        .map(|&mu| Ok(at(&wide, &minimum, neuron, mu)?.eigenvalues[0]))
                        .collect::<Result<Vec<f64>>>()?;
                    panel = panel.line(format!("neuron {neuron}"), &mu, &lowest);
                }
            }
            let names = [
                ("index", "doubled neurons whose index is not 2"),
                ("zeros", "doubled neurons without exactly one, explained, zero eigenvalue"),
                ("plateau", "doubled neurons whose plateau dimension is not the number of outputs"),
                ("line", "doubled neurons whose line is not the one that C and M predict"),
            ];
            for ((id, statement), value) in names.into_iter().zip(numbers) {
                section = section.claim(
                    Claim::new(format!("{id}-{count}"), format!("{statement}, {count} outputs"))
                        .reference(0.0, Source::Theory)
                        .value(value)
                        .at_most(0.0),
                );
            }
        }
        let figure = Figure::new("lines", "Lowest eigenvalue along the line of splits, one output")
            .describe(
                "Between mu = 0 and 1 the doubled neuron is a saddle; outside, the line consists of local minima.",
            )
            .panel(panel.hlines("zero", &[0.0]).vlines("unsplit", &[0.0, 1.0]));
        Ok(section.figure(figure).table(table).note(
            "The published statement that at least as many eigenvalues vanish as the next layer has neurons holds for one \
             neuron there. For more, the quadratic form of the Hessian vanishes on the whole plateau, but only directions \
             with C^T u = 0 are null vectors.",
        ))
    }
}

/// The best of several minima of width 3.
fn best(task: &TeacherTask, outputs: usize, context: &Context) -> Result<Parameters> {
    let objective = task.student(3)?;
    let seed = Seed::new(context.seed).child(INFO.id).index(outputs as u64);
    let how = TrainParameters::default().without_trajectory();
    let found = train_many(&objective, 8, Initialisation::GlorotUniform, seed, &how, &context.monitor)?;
    let best = found.into_iter().min_by(|a, b| a.loss.total_cmp(&b.loss));
    let best = best.ok_or_else(|| Error::failed("no student was trained"))?;
    Ok(objective.network().parameters(best.theta)?)
}

fn at(wide: &Objective, minimum: &Parameters, neuron: usize, mu: f64) -> Result<CriticalPointReport> {
    let doubled = split(minimum, 0, neuron, &[mu, 1.0 - mu])?;
    Ok(CriticalPointReport::new(wide, &doubled, &ReportParameters::default())?)
}
