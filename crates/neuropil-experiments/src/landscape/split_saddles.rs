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
        serde_json::json!({ "activation": "g", "widths": [2, 3], "outputs": [1, 3], "starts": 8, "shares": SHARES })
    }

    fn run(&self, context: &Context) -> Result<Section> {
        let mut section = Section::new(INFO.id, ROOM, INFO.title).describe(
            "A student of width three cannot fit the teacher of width four; its best minimum has positive loss. Each of \
             its neurons is doubled with shares mu and 1 - mu of its outgoing vector: a critical point of width four for \
             every mu. The best student of width two is doubled too, because its two neurons behave in opposite ways. Two copies lie on a plateau with as many dimensions as there are outputs, but the number of zero \
             eigenvalues is one: with several outputs most plateau directions are not null vectors of the Hessian.",
        );
        let mut table = Table::new("splits", "Doubled neurons")
            .column("outputs", "")
            .column("width", "")
            .column("neuron", "")
            .column("index at mu = 1/2", "")
            .column("index at mu = -1/2", "")
            .column("index at mu = 3/2", "")
            .column("predicted", "")
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
            let minimum = best(&task, 3, count, context)?;
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
                let indices = indices(&wide, &minimum, neuron)?;
                let line = f64::from(u8::from(!agrees(curvature.line(), indices)));
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
                    3_usize.into(),
                    neuron.into(),
                    indices[1].into(),
                    indices[0].into(),
                    indices[2].into(),
                    name(curvature.line()).into(),
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
                ("line", "doubled neurons whose index at mu = -1/2, 1/2 or 3/2 is not what C and M predict"),
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
        section = narrowest(section, &mut table, context)?;
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

/// The minimum of width two: the neuron with the smaller outgoing weight gives saddles inside and minima outside, the
/// other the reverse.
fn narrowest(section: Section, table: &mut Table, context: &Context) -> Result<Section> {
    let task = TeacherTask::new(Activation::G, TeacherOutputs::One)?;
    let minimum = best(&task, 2, 1, context)?;
    let (two, three) = (task.student(2)?, task.student(3)?);
    let size = |neuron: usize| minimum.outgoing(0, neuron)[0].abs();
    let smaller = usize::from(size(1) < size(0));
    let (mut wrong, mut unpredicted) = (0, 0);
    for neuron in 0..2 {
        let found = indices(&three, &minimum, neuron)?;
        let expected = if neuron == smaller { [0, 2, 0] } else { [2, 0, 2] };
        let curvature = SplitCurvature::new(&two, &minimum, 0, neuron)?;
        let half = at(&three, &minimum, neuron, 0.5)?;
        wrong += usize::from(found != expected);
        unpredicted += usize::from(!agrees(curvature.line(), found));
        table.push([
            1_usize.into(),
            2_usize.into(),
            neuron.into(),
            found[1].into(),
            found[0].into(),
            found[2].into(),
            name(curvature.line()).into(),
            half.zeros.into(),
            half.plateau_dimension.into(),
            curvature.coupling_rank.into(),
        ]);
    }
    Ok(section
        .claim(
            Claim::new("loss-width-2", "loss of the best minimum of width 2, 1 output")
                .reference(0.283_738_623_18, Source::ThisProject)
                .value(two.value(minimum.theta())?)
                .relative_error_at_most(1e-9),
        )
        .claim(
            Claim::new(
                "reversed",
                "neurons of that minimum whose indices at mu = -1/2, 1/2 and 3/2 are not 0, 2, 0 (smaller outgoing \
                 weight) and 2, 0, 2 (larger)",
            )
            .reference(0.0, Source::ThisProject)
            .value(wrong as f64)
            .at_most(0.0),
        )
        .claim(
            Claim::new("line-width-2", "neurons of that minimum whose indices are not what C and M predict")
                .reference(0.0, Source::Theory)
                .value(unpredicted as f64)
                .at_most(0.0),
        ))
}

/// Shares of the first copy at which indices are measured: outside, inside, outside.
const SHARES: [f64; 3] = [-0.5, 0.5, 1.5];

fn indices(wide: &Objective, minimum: &Parameters, neuron: usize) -> Result<[usize; 3]> {
    let mut found = [0; 3];
    for (index, mu) in found.iter_mut().zip(SHARES) {
        *index = at(wide, minimum, neuron, mu)?.index;
    }
    Ok(found)
}

/// Whether measured indices are those of a line.
fn agrees(line: SplitLine, [below, inside, above]: [usize; 3]) -> bool {
    match line {
        SplitLine::MinimaInside => inside == 0 && below > 0 && above > 0,
        SplitLine::MinimaOutside => inside > 0 && below == 0 && above == 0,
        SplitLine::Saddles => inside > 0 && below > 0 && above > 0,
        SplitLine::Degenerate => false,
    }
}

fn name(line: SplitLine) -> &'static str {
    match line {
        SplitLine::MinimaInside => "minima inside",
        SplitLine::MinimaOutside => "minima outside",
        SplitLine::Saddles => "saddles",
        SplitLine::Degenerate => "undecided",
    }
}

/// The best of several minima of a width.
fn best(task: &TeacherTask, width: usize, outputs: usize, context: &Context) -> Result<Parameters> {
    let objective = task.student(width)?;
    let seed = Seed::new(context.seed).child(INFO.id).index(outputs as u64);
    let seed = if width == 3 { seed } else { seed.child("width").index(width as u64) };
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
