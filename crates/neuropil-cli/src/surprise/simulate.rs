//! `neuropil surprise simulate`.

use clap::Args;
use ndarray::{Array1, Array2, ArrayD, Axis, concatenate};
use neuropil_core::progress::Monitor;
use neuropil_core::random::Seed;
use neuropil_report::{Colour, Figure, Panel, Stroke};
use neuropil_surprise::blocks::Blocks;
use neuropil_surprise::family::Family;
use neuropil_surprise::filter::Missing;
use neuropil_surprise::model::ChangePointLearner;
use neuropil_surprise::response::ResponseModel;
use neuropil_surprise::simulate::{Simulation, SimulationOptions, simulate_with};
use neuropil_surprise::subject::SubjectModel;
use serde_json::{Value, json};

use crate::delivery::Delivery;
use crate::failure::{Failure, Result};
use crate::options::Context;
use crate::outputs::{Outputs, ResultTable};
use crate::surprise::family_args::FamilyArgs;
use crate::surprise::hazard_args::LawArgs;
use crate::surprise::method_args::MethodArgs;
use crate::surprise::observations::{add_estimate, numbered};
use crate::surprise::response_args::ResponseArgs;

/// Simulate a changing world, and subjects who respond to it
///
/// One row per observation: the observation, the parameter behind it, and whether it changed just before. The parameter
/// is drawn from the prior of the family at every change. Without --out the table goes to stdout as csv. With
/// --sequences there are several independent sequences; number i is what --seed SEED+i gives alone. With
/// --response-model a subject with the chosen learner responds to each.
#[derive(Debug, Args)]
#[command(after_help = r"Examples:
  neuropil surprise simulate --family poisson --shape 2 --rate 0.1 --hazard 0.02 --length 500
  neuropil surprise simulate --sigma 0.5 --hazard 0.1 --length 200 --sequences 4 \
      --response-model report --response-sd 0.2 --method varsmile --out subjects.csv")]
pub(crate) struct SimulateArgs {
    /// Observations per sequence
    #[arg(long, value_name = "N", default_value_t = 1000)]
    length: usize,
    /// Independent sequences (subjects)
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    sequences: u32,
    /// multivariate-gaussian, multinomial: numbers per observation; regressions: regressors
    #[arg(long, value_name = "D", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=1000))]
    dimension: u16,
    /// multinomial: total count of each observation
    #[arg(long, value_name = "N", default_value_t = 1)]
    total: u32,
    #[command(flatten)]
    family: FamilyArgs,
    #[command(flatten)]
    law: LawArgs,
    #[command(flatten)]
    method: MethodArgs,
    #[command(flatten)]
    response: ResponseArgs,
}

pub(crate) fn run(args: &SimulateArgs, context: &Context<'_>) -> Result<i32> {
    let outputs = Outputs::plan(context.global, "simulate")?;
    let regression = args.family.name().starts_with("regression");
    let family = args.family.family(usize::from(args.dimension) + usize::from(regression))?;
    let hazard = args.law.hazard()?;
    let method = args.method.method()?;
    let subject = args.response.is_given().then(|| -> Result<SubjectModel> {
        let learner = ChangePointLearner {
            family: family.clone(),
            method,
            hazard: hazard.clone(),
            seed: context.global.seed(),
            missing: Missing::Skip,
        };
        learner.validate()?;
        let response = args.response.model(family.name())?;
        response.validate(&family)?;
        Ok(SubjectModel { learner, response, timing: args.response.timing(), free: Vec::new() })
    });
    let subject = subject.transpose()?;
    let world = World { family, subject, args, seed: context.global.seed() };
    let monitor = context.monitor();
    let task = monitor.task("simulate", u64::from(args.sequences));
    let sequences = (0..u64::from(args.sequences))
        .map(|index| {
            monitor.check()?;
            let one = world.sequence(&hazard, index, &monitor);
            task.advance(1);
            one
        })
        .collect::<Result<Vec<_>>>()?;
    drop(task);
    let table = world.table(&sequences)?;
    let csv = if context.global.out.is_none() && !context.global.json { table.to_csv()? } else { String::new() };
    let delivery = Delivery {
        command: "surprise simulate",
        seed: world.seed,
        parameters: json!({
            "family": world.family,
            "hazard": hazard,
            "length": args.length,
            "sequences": args.sequences,
            "subject": world.subject.as_ref().map(|subject| json!({
                "method": subject.learner.method,
                "response": subject.response,
                "timing": subject.timing,
            })),
        }),
        input: Value::Null,
        result: json!({
            "change_points": sequences.iter().map(|one| one.world.change_points()).collect::<Vec<_>>(),
        }),
        table,
        table_key: "columns",
        arrays: world.arrays(&sequences)?,
        summary: csv,
    };
    delivery.deliver(context, &outputs, || world.figure(&sequences[0]))
}

/// What is simulated.
struct World<'a> {
    family: Family,
    subject: Option<SubjectModel>,
    args: &'a SimulateArgs,
    seed: u64,
}

struct Simulated {
    world: Simulation,
    responses: Option<Array1<f64>>,
}

impl World<'_> {
    fn sequence(&self, hazard: &neuropil_surprise::hazard::Hazard, index: u64, monitor: &Monitor) -> Result<Simulated> {
        let seed = self.seed.wrapping_add(index);
        let options = SimulationOptions { regressors: None, trials: self.args.total, monitor: monitor.quiet() };
        let world = simulate_with(&self.family, hazard, self.args.length, seed, &options)?;
        let respond = |subject: &SubjectModel| {
            let blocks = Blocks::single(self.args.length);
            subject.simulate_responses(&[], &world.observations, &blocks, Seed::new(seed).child("subject"))
        };
        let responses = self.subject.as_ref().map(respond).transpose()?;
        Ok(Simulated { world, responses })
    }

    /// The names of the columns of an observation.
    fn observation_names(&self, width: usize) -> Vec<String> {
        match self.family.name() {
            "multinomial" => (1..=width).map(|k| format!("count_{k}")).collect(),
            name if name.starts_with("regression") => {
                (1..width).map(|k| format!("x_{k}")).chain(["y".to_owned()]).collect()
            }
            _ if width == 1 => vec!["y".to_owned()],
            _ => (1..=width).map(|k| format!("y_{k}")).collect(),
        }
    }

    fn table(&self, sequences: &[Simulated]) -> Result<ResultTable> {
        let n = self.args.length;
        let mut table = ResultTable::default();
        if sequences.len() > 1 {
            let labels = (0..sequences.len()).flat_map(|index| std::iter::repeat_n(index as i64, n));
            table.integers(if self.subject.is_some() { "subject" } else { "sequence" }, labels);
        }
        table.integers("index", (0..sequences.len()).flat_map(|_| 0..n as i64));
        let (observations, parameters) = (stacked(sequences, observed)?, stacked(sequences, hidden)?);
        let names = self.observation_names(observations.ncols());
        for (name, column) in names.into_iter().zip(observations.axis_iter(Axis(1))) {
            table.numbers(name, column.iter().copied());
        }
        add_estimate(&mut table, "parameter", &parameters);
        let changes = sequences.iter().flat_map(|one| one.world.change.iter().map(|&change| i64::from(change)));
        table.integers("change", changes.collect::<Vec<_>>());
        if self.subject.is_some() {
            let responses = sequences.iter().flat_map(|one| one.responses.iter().flatten().copied());
            table.numbers("response", responses.collect::<Vec<_>>());
        }
        Ok(table)
    }

    fn arrays(&self, sequences: &[Simulated]) -> Result<Vec<(String, ArrayD<f64>)>> {
        let changes: Vec<f64> =
            sequences.iter().flat_map(|one| one.world.change.iter().map(|&c| f64::from(u8::from(c)))).collect();
        let mut arrays = vec![
            ("observations".to_owned(), stacked(sequences, observed)?.into_dyn()),
            ("parameters".to_owned(), stacked(sequences, hidden)?.into_dyn()),
            ("change".to_owned(), Array1::from(changes).into_dyn()),
        ];
        if sequences.len() > 1 {
            let labels = (0..sequences.len()).flat_map(|index| std::iter::repeat_n(index as f64, self.args.length));
            arrays.push(("sequence".to_owned(), labels.collect::<Array1<f64>>().into_dyn()));
        }
        if self.subject.is_some() {
            let responses = sequences.iter().flat_map(|one| one.responses.iter().flatten().copied());
            arrays.push(("response".to_owned(), responses.collect::<Array1<f64>>().into_dyn()));
        }
        Ok(arrays)
    }

    fn figure(&self, one: &Simulated) -> Figure {
        let x: Vec<f64> = (0..self.args.length).map(|t| t as f64).collect();
        let names = self.observation_names(one.world.observations.ncols());
        let mut panel = Panel::new().x_label("index of the observation").y_label("observation");
        for (name, column) in names.into_iter().zip(one.world.observations.axis_iter(Axis(1))) {
            panel = panel.points(name, &x, &column.to_vec()).size(2.0);
        }
        for (name, column) in numbered("parameter", &one.world.parameters) {
            panel = panel.step(name, &x, &column.to_vec()).stroke(Stroke::Solid).colour(Colour::Ink);
        }
        if let (Some(responses), Some(ResponseModel::Report { .. })) =
            (&one.responses, self.subject.as_ref().map(|subject| subject.response))
        {
            panel = panel.line("response", &x, &responses.to_vec()).stroke(Stroke::Solid).colour(Colour::Vermillion);
        }
        Figure::new("simulate", format!("Simulation: {}", self.family.name()))
            .describe("Simulated observations and the parameter behind them, which jumps at each change.")
            .panel(panel)
    }
}

fn observed(one: &Simulated) -> &Array2<f64> {
    &one.world.observations
}

fn hidden(one: &Simulated) -> &Array2<f64> {
    &one.world.parameters
}

/// The sequences one below the other.
fn stacked(sequences: &[Simulated], part: fn(&Simulated) -> &Array2<f64>) -> Result<Array2<f64>> {
    let views: Vec<_> = sequences.iter().map(|one| part(one).view()).collect();
    concatenate(Axis(0), &views).map_err(|error| Failure::failed(format!("sequences of different width: {error}")))
}
