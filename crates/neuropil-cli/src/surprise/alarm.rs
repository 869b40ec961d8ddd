//! `neuropil surprise alarm`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};
use ndarray::{Array1, Array2, s};
use neuropil_core::progress::Monitor;
use neuropil_data::series;
use neuropil_report::{Figure, Stroke};
use neuropil_surprise::alarm::{Performance, Rule, Statistic, detect, performance};
use neuropil_surprise::calibration::{Calibration, Null, Target, Threshold, calibrate};
use neuropil_surprise::model::ChangePointLearner;
use serde_json::{Value, json};

use crate::delivery::{Delivery, Summary};
use crate::failure::{Failure, Result};
use crate::options::Context;
use crate::outputs::Outputs;
use crate::surprise::input_args::{InputArgs, Sequence};
use crate::surprise::model_args::ModelArgs;
use crate::surprise::observations::{observation_panel, observations, trace_panel};

/// Raise an alarm at changes, with a wanted rate of false alarms
///
/// The threshold is found by simulating streams without a change (from the prior, or drawn from a reference recording)
/// and checked on others; then alarms are raised along the input as an observer would, one observation at a time.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("level").required(true)
    .args(["false_alarms", "average_run_length", "per_stream", "threshold"])))]
#[command(after_help = r"Examples:
  neuropil surprise alarm data/gaussian_task.csv --column y --sigma 0.1 --hazard 0.01 \
      --average-run-length 500
  neuropil surprise alarm data/nile.csv --column flow_1e8_m3 \
      --sigma 130 --prior-mean 900 --prior-sd 200 --per-stream 0.05 --length 100 --plot alarm.svg")]
pub(crate) struct AlarmArgs {
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    model: ModelArgs,
    /// Wanted false alarms per observation, in (0, 1)
    #[arg(long, value_name = "RATE", help_heading = "Alarm", allow_negative_numbers = true)]
    false_alarms: Option<f64>,
    /// Wanted number of observations per false alarm
    #[arg(long, value_name = "N", help_heading = "Alarm", allow_negative_numbers = true)]
    average_run_length: Option<f64>,
    /// Wanted probability of a false alarm in a stream of --length observations, in (0, 1)
    #[arg(long, value_name = "P", help_heading = "Alarm", allow_negative_numbers = true)]
    per_stream: Option<f64>,
    /// Threshold of the statistic, without calibration
    #[arg(long, value_name = "VALUE", help_heading = "Alarm", allow_negative_numbers = true)]
    threshold: Option<f64>,
    /// What is compared with the threshold [default: recent-change for exact, mp and sor, otherwise adaptation-rate]
    #[arg(long, value_name = "NAME", help_heading = "Alarm")]
    statistic: Option<StatisticName>,
    /// recent-change: observations that count as recent, the newest included
    #[arg(long, value_name = "N", default_value_t = 10, help_heading = "Alarm")]
    window: u64,
    /// Observations after an alarm in which no other is raised [default: the window for recent-change, otherwise 0]
    #[arg(long, value_name = "N", help_heading = "Alarm")]
    refractory: Option<usize>,
    /// Observations of a simulated stream
    #[arg(long, value_name = "N", default_value_t = 1000, help_heading = "Calibration")]
    length: usize,
    /// Simulated streams, for finding and again for checking [default: enough for 1000 false alarms]
    #[arg(long, value_name = "N", help_heading = "Calibration")]
    streams: Option<usize>,
    /// A recording without changes, with the columns of the input, to draw the streams from instead of the prior
    #[arg(long, value_name = "FILE", help_heading = "Calibration")]
    reference: Option<PathBuf>,
    /// Neighbouring rows drawn together from the reference; more keep correlations
    #[arg(long, value_name = "N", default_value_t = 1, requires = "reference", help_heading = "Calibration")]
    run: usize,
    /// Also test the alarm on streams with one change: observations before it and after it
    #[arg(
        long,
        value_name = "BEFORE,AFTER",
        value_delimiter = ',',
        num_args = 1,
        conflicts_with = "threshold",
        help_heading = "Calibration"
    )]
    test: Option<Vec<usize>>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum StatisticName {
    /// Probability that the last change is recent (exact, mp, sor)
    RecentChange,
    /// Adaptation rate of the observation
    AdaptationRate,
    /// Logarithm of its Bayes Factor surprise
    LogBayesFactor,
}

pub(crate) fn run(args: &AlarmArgs, context: &Context<'_>) -> Result<i32> {
    let outputs = Outputs::plan(context.global, "alarm")?;
    let input = args.input.read()?;
    let learner = args.model.learner(&input, context.global.seed)?;
    let rule = args.rule(&learner);
    let monitor = context.monitor();
    let calibrated = args.calibrate(&learner, &rule, &input, learner.seed, &monitor)?;
    let threshold = calibrated.as_ref().map(|found| found.value).or(args.threshold).unwrap_or_default();
    let tested = args.test(&learner, calibrated.as_ref(), learner.seed, &monitor)?;

    let mut alarms: Vec<usize> = Vec::new();
    let mut statistic: Vec<f64> = Vec::with_capacity(input.values.nrows());
    for block in input.blocks.ranges() {
        let start = block.start;
        let learner = ChangePointLearner { hazard: learner.hazard.within(block.clone()), ..learner.clone() };
        let found = detect(&learner, input.values.slice(s![block, ..]), &rule, threshold, &monitor)?;
        alarms.extend(found.indices.iter().map(|index| index + start));
        statistic.extend(found.statistic);
    }
    let mut table = observations(&input);
    table.numbers("statistic", statistic.iter().copied());
    table.integers("alarm", (0..statistic.len()).map(|t| i64::from(alarms.binary_search(&t).is_ok())));
    let delivery = Delivery {
        command: "surprise alarm",
        seed: learner.seed,
        parameters: json!({ "model": learner, "rule": rule, "level": args.level() }),
        input: input.describe(learner.provenance(Some(input.values.view())).input.as_deref()),
        result: json!({
            "alarms": alarms,
            "threshold": threshold,
            "calibration": calibrated,
            "test": tested,
        }),
        table,
        table_key: "columns",
        arrays: vec![
            ("alarms".to_owned(), alarms.iter().map(|&t| t as f64).collect::<Array1<f64>>().into_dyn()),
            ("statistic".to_owned(), Array1::from(statistic.clone()).into_dyn()),
        ],
        summary: summary(&input, &alarms, threshold, calibrated.as_ref(), tested.as_ref()),
    };
    delivery.deliver(context, &outputs, || {
        let at: Vec<f64> = alarms.iter().map(|&t| t as f64).collect();
        Figure::new("alarm", format!("{} alarms", alarms.len()))
            .describe("Observations with a vertical line at each alarm, and the statistic with its threshold.")
            .columns(1)
            .share_x()
            .panel(observation_panel(&input).title("Observations").vlines("alarm", &at))
            .panel(
                trace_panel(&input, "Statistic", "statistic", &statistic)
                    .hlines("threshold", &[threshold])
                    .stroke(Stroke::Dashed),
            )
    })
}

impl AlarmArgs {
    fn rule(&self, learner: &ChangePointLearner) -> Rule {
        let usual = if ["exact", "mp", "sor"].contains(&learner.method.name()) {
            StatisticName::RecentChange
        } else {
            StatisticName::AdaptationRate
        };
        let statistic = match self.statistic.unwrap_or(usual) {
            StatisticName::RecentChange => Statistic::RecentChange { window: self.window },
            StatisticName::AdaptationRate => Statistic::AdaptationRate,
            StatisticName::LogBayesFactor => Statistic::LogBayesFactor,
        };
        // A change stays recent for a whole window; one alarm for it is enough.
        let usual = match statistic {
            Statistic::RecentChange { window } => usize::try_from(window).unwrap_or(usize::MAX),
            _ => 0,
        };
        Rule { statistic, refractory: self.refractory.unwrap_or(usual) }
    }

    /// The option that sets the threshold; clap sees to it that there is exactly one.
    fn target(&self) -> Option<Target> {
        self.false_alarms
            .map(Target::PerObservation)
            .or(self.average_run_length.map(Target::AverageRunLength))
            .or(self.per_stream.map(Target::PerStream))
    }

    fn level(&self) -> Value {
        match self.target() {
            Some(target) => json!({ "target": target, "length": self.length, "reference": self.reference }),
            None => json!({ "threshold": self.threshold }),
        }
    }

    fn calibrate(
        &self,
        learner: &ChangePointLearner,
        rule: &Rule,
        input: &Sequence,
        seed: u64,
        monitor: &Monitor,
    ) -> Result<Option<Threshold>> {
        let Some(target) = self.target() else { return Ok(None) };
        let reference = self.reference(input)?;
        let null = match &reference {
            Some(observations) => Null::Reference { observations: observations.view(), run: self.run },
            None => Null::Prior,
        };
        let calibration =
            Calibration { length: self.length, target, streams: self.streams, null, seed, monitor: monitor.clone() };
        Ok(Some(calibrate(learner, rule, &calibration)?))
    }

    fn reference(&self, input: &Sequence) -> Result<Option<Array2<f64>>> {
        let read = |path: &PathBuf| series::read_series(path, &input.names);
        Ok(self.reference.as_ref().map(read).transpose()?)
    }

    fn test(
        &self,
        learner: &ChangePointLearner,
        threshold: Option<&Threshold>,
        seed: u64,
        monitor: &Monitor,
    ) -> Result<Option<Performance>> {
        const STREAMS: usize = 1000;
        let (Some(lengths), Some(threshold)) = (&self.test, threshold) else { return Ok(None) };
        let [before, after] = lengths[..] else {
            let message = format!("--test needs two numbers, but {} were given", lengths.len());
            return Err(Failure::usage(message).hint("for example --test 200,50"));
        };
        Ok(Some(performance(learner, threshold, (before, after), STREAMS, seed, monitor)?))
    }
}

fn summary(
    input: &Sequence,
    alarms: &[usize],
    threshold: f64,
    calibrated: Option<&Threshold>,
    tested: Option<&Performance>,
) -> String {
    let mut summary = Summary::of(input);
    summary.line("threshold", format!("{threshold:.6}"));
    if let Some(found) = calibrated {
        let (lo, hi) = found.interval;
        summary.line("false alarms wanted", format!("{:.3e}", found.wanted_rate));
        summary.line("on fresh streams", format!("{:.3e} (95 % from {lo:.3e} to {hi:.3e})", found.achieved_rate));
    }
    if let Some(test) = tested {
        let delay =
            test.mean_delay.map_or_else(String::new, |delay| format!(", {delay:.1} observations late on average"));
        summary.line("changes found", format!("{:.1} %{delay}", 100.0 * test.hit_rate));
    }
    let listed: Vec<String> = alarms.iter().map(ToString::to_string).collect();
    summary.line("alarms", format!("{}", alarms.len()));
    if !listed.is_empty() {
        summary.line("at", listed.join(" "));
    }
    summary.append("")
}
