//! `neuropil surprise compare`.

use std::time::Instant;

use clap::Args;
use clap::builder::PossibleValuesParser;
use ndarray::{Array1, Array2, ArrayD, ArrayView2, s};
use neuropil_core::progress::Monitor;
use neuropil_core::statistics;
use neuropil_report::{Cell, Colour, Figure, Panel, Stroke, Table};
use neuropil_surprise::filter::FilterResult;
use neuropil_surprise::method::Method;
use neuropil_surprise::model::{ChangePointLearner, FilterOptions};
use neuropil_surprise::tune::{Grid, Objective, Sequence as TuningSequence, tune};
use serde_json::json;

use crate::delivery::{Delivery, Summary};
use crate::failure::{Failure, Result};
use crate::options::Context;
use crate::outputs::{Outputs, ResultTable};
use crate::surprise::family_args::FamilyArgs;
use crate::surprise::hazard_args::HazardArgs;
use crate::surprise::input_args::{InputArgs, Sequence};
use crate::surprise::method_args::MethodParameters;
use crate::surprise::observations::{indices, numbered, observation_panel, warn_of_prior};

/// Compare learners on the same sequence: evidence, and error where the truth is known
///
/// One row per learner: log evidence, its difference from the best, mean Shannon surprise; with --truth the mean
/// squared error of the estimate and its excess over exact Bayes (regret).
#[derive(Debug, Args)]
#[command(after_help = r"Examples:
  neuropil surprise compare data/gaussian_task.csv --column y --sigma 0.1 --truth true_mean
  neuropil surprise compare data/nile.csv --column flow_1e8_m3 \
      --sigma 130 --prior-mean 900 --prior-sd 200 --methods exact,varsmile,leaky --tune")]
pub(crate) struct CompareArgs {
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    family: FamilyArgs,
    #[command(flatten)]
    hazard: HazardArgs,
    /// Learners [default: all that are defined for the family]
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', help_heading = "Learners",
        value_parser = PossibleValuesParser::new(Method::NAMES))]
    methods: Vec<String>,
    /// Choose the free parameter of varsmile, smile, nassar10, nassar12 and leaky on the grid of the paper: by squared
    /// error with --truth, otherwise by evidence
    #[arg(long, help_heading = "Learners")]
    tune: bool,
    #[command(flatten)]
    parameters: MethodParameters,
    /// Column with the true parameter; repeat it for estimates of several numbers
    #[arg(long, value_name = "NAME", help_heading = "Truth")]
    truth: Vec<String>,
}

/// One learner on the data.
struct Contender {
    name: String,
    learner: ChangePointLearner,
    tuned: Option<f64>,
    result: FilterResult,
    seconds: f64,
    error: Option<f64>,
}

pub(crate) fn run(args: &CompareArgs, context: &Context<'_>) -> Result<i32> {
    let outputs = Outputs::plan(context.global, "compare")?;
    let input = args.input.read()?;
    let base = ChangePointLearner {
        hazard: args.hazard.hazard(&input)?,
        seed: context.global.seed(),
        missing: input.missing.unwrap_or_default(),
        ..ChangePointLearner::new(args.family.family(input.values.ncols())?)
    };
    let truth = args.truth(&input, base.family.estimate_width())?;
    warn_of_prior(context, &base, &input);
    let monitor = context.monitor();
    let learners = args.learners(&base)?;
    let task = monitor.task("learners", learners.len() as u64);
    let contenders = learners
        .into_iter()
        .map(|learner| {
            let contender = args.contend(learner, &input, truth.as_ref(), &monitor);
            task.advance(1);
            contender
        })
        .collect::<Result<Vec<_>>>()?;
    drop(task);
    let table = table(&contenders);
    let delivery = Delivery {
        command: "surprise compare",
        seed: base.seed,
        parameters: json!({
            "family": base.family,
            "hazard": base.hazard,
            "methods": contenders.iter().map(|one| &one.learner.method).collect::<Vec<_>>(),
            "tune": args.tune,
        }),
        input: input.describe(base.provenance(Some(input.values.view())).input.as_deref()),
        result: json!({}),
        table,
        table_key: "columns",
        arrays: contenders.iter().flat_map(arrays).collect(),
        summary: summary(&input, &contenders),
    };
    delivery.deliver(context, &outputs, || figure(&input, &contenders))
}

impl CompareArgs {
    fn learners(&self, base: &ChangePointLearner) -> Result<Vec<ChangePointLearner>> {
        let named: Vec<&str> = if self.methods.is_empty() {
            Method::NAMES.to_vec()
        } else {
            self.methods.iter().map(String::as_str).collect()
        };
        self.parameters.refuse_strangers(&named)?;
        let mut learners = Vec::new();
        for name in named {
            let learner = ChangePointLearner { method: self.parameters.of(name)?, ..base.clone() };
            match learner.validate() {
                Ok(()) => learners.push(learner),
                // Without a wish of the user, a method that is not defined for the family is left out.
                Err(
                    neuropil_surprise::Error::Unsupported { .. } | neuropil_surprise::Error::RunLengthHazard { .. },
                ) if self.methods.is_empty() => {}
                // So is SMiLe where the hazard gives no modulation and the user gives none either.
                Err(neuropil_surprise::Error::Parameter { name, .. })
                    if self.methods.is_empty() && name == "m" && !self.parameters.has_m() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(learners)
    }

    fn truth(&self, input: &Sequence, width: usize) -> Result<Option<Array2<f64>>> {
        if self.truth.is_empty() {
            return Ok(None);
        }
        if self.truth.len() != width {
            let given = self.truth.len();
            let message = format!("--truth names {given} columns, but the estimate has {width} numbers");
            return Err(Failure::usage(message).hint("repeat --truth, once for each"));
        }
        let mut truth = Array2::zeros((input.values.nrows(), width));
        for (name, mut column) in self.truth.iter().zip(truth.columns_mut()) {
            column.assign(&Array1::from(input.numbers(name)?));
        }
        Ok(Some(truth))
    }

    fn contend(
        &self,
        learner: ChangePointLearner,
        input: &Sequence,
        truth: Option<&Array2<f64>>,
        monitor: &Monitor,
    ) -> Result<Contender> {
        let (learner, tuned) = if self.tune { tuned(learner, input, truth, monitor)? } else { (learner, None) };
        let options =
            FilterOptions { blocks: Some(input.blocks.clone()), monitor: monitor.clone(), ..FilterOptions::default() };
        let start = Instant::now();
        let result = learner.filter_with(input.values.view(), &options)?;
        let seconds = start.elapsed().as_secs_f64();
        let error = truth.zip(result.mean.as_ref()).and_then(|(truth, mean)| squared_error(truth.view(), mean.view()));
        Ok(Contender { name: label(&learner.method), learner, tuned, result, seconds, error })
    }
}

/// The learner with the best value of its free parameter, where it has one that the data can choose.
fn tuned(
    learner: ChangePointLearner,
    input: &Sequence,
    truth: Option<&Array2<f64>>,
    monitor: &Monitor,
) -> Result<(ChangePointLearner, Option<f64>)> {
    let blind = truth.is_none() && matches!(learner.method, Method::Leaky { .. });
    let Some(grid) = Grid::published(&learner.method).filter(|_| !blind) else { return Ok((learner, None)) };
    let sequences: Vec<TuningSequence<'_>> = input
        .blocks
        .ranges()
        .map(|block| TuningSequence {
            observations: input.values.slice(s![block.clone(), ..]),
            parameters: truth.map(|truth| truth.slice(s![block, ..])),
        })
        .collect();
    let objective = if truth.is_some() { Objective::SquaredError } else { Objective::LogEvidence };
    let tuning = tune(&learner, &grid, &sequences, objective, monitor)?;
    Ok((tuning.model, Some(tuning.best_value)))
}

/// Mean over time of the squared distance, steps with an unknown truth left out.
fn squared_error(truth: ArrayView2<'_, f64>, mean: ArrayView2<'_, f64>) -> Option<f64> {
    let distance = |(truth, mean): (ndarray::ArrayView1<'_, f64>, ndarray::ArrayView1<'_, f64>)| -> f64 {
        truth.iter().zip(mean).map(|(a, b)| (a - b).powi(2)).sum()
    };
    let errors: Vec<f64> =
        truth.outer_iter().zip(mean.outer_iter()).map(distance).filter(|error| !error.is_nan()).collect();
    statistics::mean(&errors)
}

fn label(method: &Method) -> String {
    match method {
        Method::MessagePassing { n, .. } | Method::StratifiedResampling { n, .. } | Method::ParticleFilter { n } => {
            format!("{}{n}", method.name())
        }
        _ => method.name().to_owned(),
    }
}

fn best_evidence(contenders: &[Contender]) -> f64 {
    contenders.iter().filter_map(|one| one.result.log_evidence).fold(f64::NEG_INFINITY, f64::max)
}

fn exact_error(contenders: &[Contender]) -> Option<f64> {
    contenders.iter().find(|one| matches!(one.learner.method, Method::Exact { .. })).and_then(|one| one.error)
}

fn table(contenders: &[Contender]) -> ResultTable {
    let best = best_evidence(contenders);
    let or_nan = |value: Option<f64>| value.unwrap_or(f64::NAN);
    let evidence = |one: &Contender| or_nan(one.result.log_evidence);
    let n = |one: &Contender| one.result.observed.iter().filter(|observed| **observed).count() as f64;
    let mut table = ResultTable::default();
    table.text("method", contenders.iter().map(|one| one.name.clone()));
    table.numbers("log_evidence_nat", contenders.iter().map(evidence));
    table.numbers("below_best_nat", contenders.iter().map(|one| best - evidence(one)));
    table.numbers("mean_shannon_surprise_nat", contenders.iter().map(|one| -evidence(one) / n(one)));
    if contenders.iter().any(|one| one.error.is_some()) {
        let exact = or_nan(exact_error(contenders));
        table.numbers("mean_squared_error", contenders.iter().map(|one| or_nan(one.error)));
        table.numbers("regret", contenders.iter().map(|one| or_nan(one.error) - exact));
    }
    if contenders.iter().any(|one| one.tuned.is_some()) {
        table.numbers("tuned_value", contenders.iter().map(|one| or_nan(one.tuned)));
    }
    table
}

fn arrays(one: &Contender) -> Vec<(String, ArrayD<f64>)> {
    let mean = one.result.mean.clone().map(|mean| (format!("mean_{}", one.name), mean.into_dyn()));
    let surprise = one.result.shannon_surprise.clone();
    let surprise = surprise.map(|surprise| (format!("shannon_surprise_nat_{}", one.name), surprise.into_dyn()));
    mean.into_iter().chain(surprise).collect()
}

fn summary(input: &Sequence, contenders: &[Contender]) -> String {
    let best = best_evidence(contenders);
    let exact = exact_error(contenders);
    let with_error = contenders.iter().any(|one| one.error.is_some());
    let with_tuning = contenders.iter().any(|one| one.tuned.is_some());
    let mut table = Table::new("compare", "")
        .column("method", "")
        .column("log evidence", "nat")
        .column("below best", "nat")
        .column("time", "s");
    if with_error {
        table = table.column("mean squared error", "").column("regret", "");
    }
    if with_tuning {
        table = table.column("tuned", "");
    }
    for one in contenders {
        let below = one.result.log_evidence.map(|evidence| best - evidence);
        let mut row: Vec<Cell> =
            vec![one.name.as_str().into(), one.result.log_evidence.into(), below.into(), one.seconds.into()];
        if with_error {
            row.push(one.error.into());
            row.push(one.error.zip(exact).map(|(error, exact)| error - exact).into());
        }
        if with_tuning {
            row.push(one.tuned.into());
        }
        table.push(row);
    }
    Summary::of(input).append(&table.to_text())
}

fn figure(input: &Sequence, contenders: &[Contender]) -> Figure {
    let x = indices(input);
    // Many points in the colours of the learners would hide their lines.
    let mut beliefs = observation_panel(input).title("Estimates");
    if input.names.len() == 1 {
        beliefs = beliefs.colour(Colour::Grey);
    }
    for one in contenders {
        if let Some(mean) = &one.result.mean {
            for (name, column) in numbered(&one.name, mean) {
                beliefs = beliefs.line(name, &x, &column.to_vec());
                // With more lines than colours the strokes tell them apart.
                if contenders.len() < 7 {
                    beliefs = beliefs.stroke(Stroke::Solid);
                }
            }
        }
    }
    let ranked: Vec<&Contender> = contenders.iter().filter(|one| one.result.log_evidence.is_some()).collect();
    let best = best_evidence(contenders);
    let names: Vec<&str> = ranked.iter().map(|one| one.name.as_str()).collect();
    let below: Vec<f64> = ranked.iter().map(|one| best - one.result.log_evidence.unwrap_or(best)).collect();
    let evidence =
        Panel::new().title("Evidence").y_label("below the best (nat)").bars("below the best", &names, &below);
    let mut figure = Figure::new("compare", "Learners side by side")
        .describe("Estimates of all learners over the observations, and how far their log evidence is below the best.")
        .columns(1)
        .panel(beliefs.x_label("index of the observation"))
        .panel(evidence);
    let known: Vec<&Contender> = contenders.iter().filter(|one| one.error.is_some()).collect();
    if !known.is_empty() {
        let names: Vec<&str> = known.iter().map(|one| one.name.as_str()).collect();
        let errors: Vec<f64> = known.iter().filter_map(|one| one.error).collect();
        figure = figure.panel(Panel::new().title("Error").y_label("mean squared error").bars("error", &names, &errors));
    }
    figure
}
