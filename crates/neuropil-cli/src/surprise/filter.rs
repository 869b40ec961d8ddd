//! `neuropil surprise filter`.

use std::cell::RefCell;

use clap::Args;
use ndarray::{Array1, Array2, ArrayD, arr0};
use neuropil_core::progress::Monitor;
use neuropil_core::provenance::Provenance;
use neuropil_surprise::filter::FilterResult;
use neuropil_surprise::model::{ChangePointLearner, FilterOptions};
use neuropil_surprise::online::ChangePointStream;
use neuropil_surprise::pieces::Pieces;
use neuropil_surprise::regressors::{RegressorOptions, regressors};
use neuropil_surprise::saved::SavedLearner;
use serde_json::{Value, json};

use crate::delivery::{Delivery, Summary, tell};
use crate::document::document;
use crate::failure::{DONE, Failure, Result};
use crate::options::Context;
use crate::outputs::{Outputs, Piece, ResultTable};
use crate::surprise::filter_figure::{LogUnit, figure, run_lengths};
use crate::surprise::input_args::{InputArgs, Sequence};
use crate::surprise::model_args::ModelArgs;
use crate::surprise::observations::{Largest, add_estimate, observations_within, warn_of_prior};
use crate::surprise::saved_args::SaveArgs;

/// Follow a sequence: belief, surprise and adaptation rate after every observation
///
/// One row per observation: mean and variance of the estimated parameter after it, Bayes Factor surprise, Shannon
/// surprise (nat), adaptation rate (for Bayesian learners the probability of a change just before the observation),
/// most probable run length. Save them with --out: a csv, npz or json file, or a folder for all three. A csv or npz file
/// is written along the way, so that a sequence of any length fits into memory if its observations do.
#[derive(Debug, Args)]
#[command(after_help = r"Examples:
  neuropil surprise filter data/nile.csv --column flow_1e8_m3 \
      --sigma 130 --prior-mean 900 --prior-sd 200
  neuropil surprise filter data/gaussian_task.csv --column y --sigma 0.1 \
      --method varsmile --out filtered.csv --plot filtered.svg")]
pub(crate) struct FilterArgs {
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    model: ModelArgs,
    /// Go on where the learner of --learner stopped, instead of starting from the prior
    #[arg(long = "continue", requires = "learner", conflicts_with = "regressors", help_heading = "Learner")]
    go_on: bool,
    /// Add the other measures of surprise as columns: prediction errors, Bayesian, postdictive and
    /// confidence-corrected surprise, free energy
    #[arg(long, help_heading = "Output")]
    regressors: bool,
    /// Base of the logarithm of the surprise columns, named after it: 10 is the unit of the published result files, 2
    /// gives bits [default: natural]; the log evidence stays in nat
    #[arg(long, value_name = "BASE", help_heading = "Output", allow_negative_numbers = true)]
    log_base: Option<f64>,
    #[command(flatten)]
    save: SaveArgs,
}

const COMMAND: &str = "surprise filter";
/// Observations between two writes.
const PIECE: usize = 1 << 16;

pub(crate) fn run(args: &FilterArgs, context: &Context<'_>) -> Result<i32> {
    let outputs = Outputs::plan(context.global, "filter")?;
    args.save.plan(context)?;
    let unit = LogUnit::of(args.log_base)?;
    let mut input = args.input.read()?;
    let (learner, stream) = args.start(&input, context.global.seed)?;
    if stream.is_none() {
        warn_of_prior(context, &learner, &input);
    }
    input.forget_other_columns();
    let options =
        FilterOptions { blocks: Some(input.blocks.clone()), monitor: context.monitor(), ..FilterOptions::default() };
    let y = input.values.view();
    let pieces = match stream {
        Some(stream) => stream.filter_in_pieces(y, &options)?,
        None => learner.filter_in_pieces(y, &options)?,
    };
    let work = Work { args, input: &input, learner: &learner, unit: &unit, provenance: learner.provenance(Some(y)) };
    let stream = if outputs.grow() && !context.global.json && !args.regressors {
        work.along_the_way(pieces, context, &outputs)?
    } else {
        work.at_once(pieces, context, &outputs, &options.monitor)?
    };
    args.save
        .write(context, || stream.map_or_else(|| SavedLearner::of(learner.clone()), |s| SavedLearner::of_stream(&s)))?;
    Ok(DONE)
}

impl FilterArgs {
    /// The learner, and the stream that it goes on with.
    fn start(&self, input: &Sequence, seed: Option<u64>) -> Result<(ChangePointLearner, Option<ChangePointStream>)> {
        let (true, Some(saved)) = (self.go_on, self.model.saved()?) else {
            return Ok((self.model.learner(input, seed)?, None));
        };
        let path = self.model.saved.path().unwrap_or(&input.path).display();
        if seed.is_some() || input.missing.is_some() {
            let option = if seed.is_some() { "--seed" } else { "--missing" };
            let message = format!("{option} cannot be used with --continue: the learner goes on as it began");
            return Err(Failure::usage(message).hint(format!("leave out --continue or {option}")));
        }
        let stream = saved.stream().map_err(|error| Failure::usage(format!("\"{path}\" cannot be used: {error}")))?;
        let Some(stream) = stream else {
            return Err(Failure::usage(format!("\"{path}\" holds a learner that has not followed anything yet"))
                .hint("leave out --continue"));
        };
        Ok((stream.model().clone(), Some(stream)))
    }
}

/// What is done and for whom.
struct Work<'a> {
    args: &'a FilterArgs,
    input: &'a Sequence,
    learner: &'a ChangePointLearner,
    unit: &'a LogUnit,
    provenance: Provenance,
}

/// What is said about a result that is no longer there.
#[derive(Debug, Default)]
struct Digest {
    log_evidence: Option<f64>,
    dropped_mass: f64,
    last_mean: Option<Vec<f64>>,
    largest: Largest,
}

impl Digest {
    fn take(&mut self, start: usize, result: &FilterResult, input: &Sequence) {
        self.log_evidence = result.log_evidence;
        self.dropped_mass = result.dropped_mass;
        self.last_mean = result.mean.as_ref().and_then(|mean| Some(mean.outer_iter().next_back()?.to_vec()));
        let rates = result.adaptation_rate.iter().enumerate();
        rates.for_each(|(t, &rate)| self.largest.offer(start + t, rate, input));
    }

    fn to_json(&self) -> Value {
        json!({ "log_evidence": self.log_evidence, "dropped_mass": self.dropped_mass })
    }
}

impl Work<'_> {
    /// Writes each piece as soon as it is computed.
    fn along_the_way(
        &self,
        mut pieces: Pieces<'_>,
        context: &Context<'_>,
        outputs: &Outputs,
    ) -> Result<Option<ChangePointStream>> {
        let digest = RefCell::new(Digest::default());
        let mut start = 0;
        let next = || {
            let Some(result) = pieces.next_piece(PIECE)? else { return Ok(None) };
            digest.borrow_mut().take(start, &result, self.input);
            let piece = Piece { table: self.table(start, &result), arrays: arrays(&result, self.unit) };
            start += result.len();
            Ok(Some(piece))
        };
        outputs.write_pieces(next, || {
            let digest = digest.borrow();
            let input = self.input.describe(self.provenance.input.as_deref());
            let parameters = self.provenance.parameters.clone();
            let provenance = document(COMMAND, self.learner.seed, parameters, input, digest.to_json());
            (digest.log_evidence.map(evidence).into_iter().collect(), provenance)
        })?;
        tell(context, outputs);
        context.console.print(&self.summary(&digest.into_inner()))?;
        Ok(pieces.into_stream())
    }

    /// Computes everything before anything is written.
    fn at_once(
        &self,
        mut pieces: Pieces<'_>,
        context: &Context<'_>,
        outputs: &Outputs,
        monitor: &Monitor,
    ) -> Result<Option<ChangePointStream>> {
        let Some(result) = pieces.next_piece(usize::MAX)? else { return Ok(None) };
        let mut table = self.table(0, &result);
        let mut arrays = arrays(&result, self.unit);
        let mut digest = Digest::default();
        digest.take(0, &result, self.input);
        arrays.extend(digest.log_evidence.map(evidence));
        if self.args.regressors {
            self.add_regressors(&mut table, &mut arrays, monitor)?;
        }
        // A learner that goes on has run lengths from before the first observation, which the heat map does not know.
        let run_lengths = match context.global.plot {
            Some(_) if !self.args.go_on => run_lengths(self.input, self.learner, &result, monitor)?,
            _ => None,
        };
        let delivery = Delivery {
            command: COMMAND,
            seed: self.learner.seed,
            parameters: self.provenance.parameters.clone(),
            input: self.input.describe(self.provenance.input.as_deref()),
            result: digest.to_json(),
            table,
            table_key: "columns",
            arrays,
            summary: self.summary(&digest),
        };
        delivery.deliver(context, outputs, || figure(self.input, self.learner, &result, self.unit, run_lengths))?;
        Ok(pieces.into_stream())
    }

    /// One row per observation, from that with the index `start` on.
    fn table(&self, start: usize, result: &FilterResult) -> ResultTable {
        let mut table = observations_within(self.input, start..start + result.len());
        for (name, values) in [("mean", &result.mean), ("variance", &result.variance)] {
            if let Some(values) = values {
                add_estimate(&mut table, name, values);
            }
        }
        if let Some(surprise) = &result.bayes_factor_surprise {
            table.numbers("bayes_factor_surprise", surprise.iter().copied());
        }
        if let Some(surprise) = &result.shannon_surprise {
            let name = self.unit.name("shannon_surprise");
            table.numbers(name, surprise.iter().map(|&nats| self.unit.convert(nats)));
        }
        table.numbers("adaptation_rate", result.adaptation_rate.iter().copied());
        if let Some(run_length) = &result.map_run_length {
            table.integers("map_run_length", run_length.iter().map(|&run_length| run_length as i64));
        }
        table
    }

    /// The measures that the filter does not compute along the way, with their unit in the name.
    fn add_regressors(
        &self,
        table: &mut ResultTable,
        arrays: &mut Vec<(String, ArrayD<f64>)>,
        monitor: &Monitor,
    ) -> Result<()> {
        const KNOWN: [&str; 4] = ["shannon_surprise", "bayes_factor_surprise", "change_probability", "adaptation_rate"];
        let options = RegressorOptions { blocks: Some(self.input.blocks.clone()), monitor: monitor.clone() };
        let regressors = regressors(self.learner, self.input.values.view(), &options)?;
        for mut column in regressors.columns {
            if KNOWN.contains(&column.name.as_str()) || column.name.starts_with("estimate") {
                continue;
            }
            let mut name = column.name;
            if column.unit == "nat" {
                name = self.unit.name(&name);
                column.values.iter_mut().for_each(|value| *value = self.unit.convert(*value));
            }
            arrays.push((name.clone(), Array1::from(column.values.clone()).into_dyn()));
            table.numbers(name, column.values);
        }
        Ok(())
    }

    fn summary(&self, digest: &Digest) -> String {
        let mut summary = Summary::of(self.input);
        summary.line("family", self.learner.family.name());
        summary.line("method", self.learner.method.name());
        if let Some(evidence) = digest.log_evidence {
            summary.line("log evidence", format!("{evidence:.4} nat"));
        }
        if let Some(last) = &digest.last_mean {
            let values: Vec<String> = last.iter().map(|value| format!("{value:.6}")).collect();
            summary.line("last mean", values.join(" "));
        }
        if digest.dropped_mass > 0.0 {
            summary.line("dropped mass", format!("{:.1e}", digest.dropped_mass));
        }
        summary.list("adaptation rate", &digest.largest);
        summary.append("")
    }
}

/// The arrays with one row per observation.
fn arrays(result: &FilterResult, unit: &LogUnit) -> Vec<(String, ArrayD<f64>)> {
    let vector = |array: &Option<Array1<f64>>| array.clone().map(Array1::into_dyn);
    let shannon = result.shannon_surprise.as_ref().map(|surprise| surprise.mapv(|nats| unit.convert(nats)).into_dyn());
    let shannon_name = unit.name("shannon_surprise");
    [
        ("mean", result.mean.clone().map(Array2::into_dyn)),
        ("variance", result.variance.clone().map(Array2::into_dyn)),
        ("bayes_factor_surprise", vector(&result.bayes_factor_surprise)),
        (shannon_name.as_str(), shannon),
        ("adaptation_rate", Some(result.adaptation_rate.clone().into_dyn())),
        ("map_run_length", result.map_run_length.as_ref().map(|run| run.mapv(|n| n as f64).into_dyn())),
    ]
    .into_iter()
    .filter_map(|(name, array)| array.map(|array| (name.to_owned(), array)))
    .collect()
}

fn evidence(value: f64) -> (String, ArrayD<f64>) {
    ("log_evidence".to_owned(), arr0(value).into_dyn())
}
