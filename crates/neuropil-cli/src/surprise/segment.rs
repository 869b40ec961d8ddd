//! `neuropil surprise segment`.

use std::path::PathBuf;

use clap::Args;
use ndarray::{Array1, arr0};
use neuropil_core::progress::Monitor;
use neuropil_report::{Cell, Colour, Figure, Stroke, Table};
use neuropil_surprise::agreement::{DEFAULT_MARGIN, covering, f_measure};
use neuropil_surprise::change_count::ChangeCount;
use neuropil_surprise::model::ChangePointLearner;
use neuropil_surprise::segment::Segmentation;
use serde_json::{Value, json};

use crate::delivery::{Delivery, Summary};
use crate::failure::{Failure, Result};
use crate::options::Context;
use crate::outputs::{Outputs, ResultTable};
use crate::surprise::input_args::{InputArgs, Sequence};
use crate::surprise::model_args::OfflineArgs;
use crate::surprise::observations::{add_estimate, indices, numbered, observation_panel, warn_of_prior};

/// Find the changes: the most probable segmentation of a whole sequence
///
/// One row per segment: its first observation (start, counted from 0), the first after it (end), the posterior
/// probability that a segment starts exactly there, mean and standard deviation of the parameter within. Exact.
#[derive(Debug, Args)]
#[command(after_help = r"Examples:
  neuropil surprise segment data/nile.csv --column flow_1e8_m3 \
      --sigma 130 --prior-mean 900 --prior-sd 200 --hazard 0.01
  neuropil surprise segment data/well_log.csv --column response \
      --sigma 4000 --prior-mean 115000 --prior-sd 12000 --hazard 0.005 \
      --plot well_log.svg --annotations data/annotations.csv")]
pub(crate) struct SegmentArgs {
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    model: OfflineArgs,
    /// Also compute the posterior probability of every number of changes
    #[arg(long, help_heading = "Uncertainty")]
    count: bool,
    /// Also draw this many segmentations from the posterior
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Uncertainty")]
    draws: usize,
    /// Table of changes that people marked, with columns series, annotator, change (index of the first observation
    /// after the change, empty for none); prints covering and F1
    #[arg(long, value_name = "FILE", help_heading = "Comparison with people")]
    annotations: Option<PathBuf>,
    /// The series in that table [default: the name of the input file without its ending]
    #[arg(long, value_name = "NAME", requires = "annotations", help_heading = "Comparison with people")]
    series: Option<String>,
}

pub(crate) fn run(args: &SegmentArgs, context: &Context<'_>) -> Result<i32> {
    let outputs = Outputs::plan(context.global, "segment")?;
    let input = args.input.read()?;
    let learner = args.model.learner(&input, context.global.seed)?;
    let annotations = args.annotations(&input)?;
    warn_of_prior(context, &learner, &input);
    let monitor = context.monitor();
    let y = input.values.view();
    let best = learner.segment(y, &input.blocks, args.model.cutoff(&learner), &monitor)?;
    let count = args.change_count(&learner, &input, &monitor)?;
    let draws = args.draw(&learner, &input, &monitor)?;
    let agreement = annotations.map(|marked| Agreement::of(&marked, &best, y.nrows())).transpose()?;

    let mut table = ResultTable::default();
    for (name, labels) in &input.labels {
        table.text(name.clone(), best.starts.iter().map(|&t| labels[t].clone()));
    }
    table.integers("start", best.starts.iter().map(|&t| t as i64));
    table.integers("end", best.ends.iter().map(|&t| t as i64));
    table.numbers("change_probability", best.change_probability.iter().copied());
    add_estimate(&mut table, "mean", &best.mean);
    add_estimate(&mut table, "sd", &best.standard_deviation);
    let delivery = Delivery {
        command: "surprise segment",
        seed: learner.seed,
        parameters: args.model.describe(&learner),
        input: input.describe(learner.provenance(Some(y)).input.as_deref()),
        result: json!({
            "changes": best.changes,
            "log_joint": best.log_joint,
            "log_posterior": best.log_posterior,
            "log_evidence": best.log_evidence,
            "change_count": count.as_ref().map(|count| json!({
                "first": count.first,
                "probability": count.probability,
                "mean": count.mean(),
            })),
            "draws": draws,
            "agreement": agreement.as_ref().map(Agreement::to_json),
        }),
        table,
        table_key: "segments",
        arrays: arrays(&best, count.as_ref(), draws.as_deref()),
        summary: summary(&input, &learner, &best, count.as_ref(), agreement.as_ref()),
    };
    delivery.deliver(context, &outputs, || figure(&input, &best))
}

impl SegmentArgs {
    fn change_count(
        &self,
        learner: &ChangePointLearner,
        input: &Sequence,
        monitor: &Monitor,
    ) -> Result<Option<ChangeCount>> {
        let count = || learner.change_count(input.values.view(), &input.blocks, self.model.cutoff(learner), monitor);
        Ok(self.count.then(count).transpose()?)
    }

    fn draw(
        &self,
        learner: &ChangePointLearner,
        input: &Sequence,
        monitor: &Monitor,
    ) -> Result<Option<Vec<Vec<usize>>>> {
        let y = input.values.view();
        let draw = || learner.sample_segmentations(y, &input.blocks, self.draws, self.model.cutoff(learner), monitor);
        Ok((self.draws > 0).then(draw).transpose()?)
    }

    /// The changes of each annotator of the series.
    fn annotations(&self, input: &Sequence) -> Result<Option<Vec<Vec<usize>>>> {
        let Some(path) = &self.annotations else { return Ok(None) };
        let stem = input.path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let series = self.series.clone().or(stem).unwrap_or_default();
        let table = neuropil_data::columns::read_csv(path)?;
        let (names, annotators) = (table.text("series")?, table.text("annotator")?);
        let changes = table.numbers("change")?;
        let mut marked: Vec<(&str, Vec<usize>)> = Vec::new();
        for ((name, annotator), change) in names.into_iter().zip(annotators).zip(changes) {
            if name != series {
                continue;
            }
            if !change.is_nan() && (change < 0.0 || change.fract() != 0.0) {
                let message = format!("\"{}\" marks a change at {change}", path.display());
                return Err(Failure::usage(message).hint("a change is the index of an observation, counted from 0"));
            }
            let position = marked.iter().position(|(known, _)| *known == annotator).unwrap_or_else(|| {
                marked.push((annotator, Vec::new()));
                marked.len() - 1
            });
            // A person who marked nothing has one row with an empty field.
            if change.is_finite() {
                marked[position].1.push(change as usize);
            }
        }
        if marked.is_empty() {
            let message = format!("\"{}\" has no annotations of the series \"{series}\"", path.display());
            return Err(Failure::usage(message).hint("name the series with --series"));
        }
        Ok(Some(marked.into_iter().map(|(_, changes)| changes).collect()))
    }
}

/// How well the segmentation agrees with people.
struct Agreement {
    annotators: usize,
    covering: f64,
    f1: f64,
}

impl Agreement {
    fn of(marked: &[Vec<usize>], best: &Segmentation, length: usize) -> Result<Self> {
        Ok(Self {
            annotators: marked.len(),
            covering: covering(marked, &best.changes, length)?,
            f1: f_measure(marked, &best.changes, length, DEFAULT_MARGIN)?.f1,
        })
    }

    fn to_json(&self) -> Value {
        json!({
            "annotators": self.annotators,
            "covering": self.covering,
            "f1": self.f1,
            "margin": DEFAULT_MARGIN,
        })
    }
}

fn arrays(
    best: &Segmentation,
    count: Option<&ChangeCount>,
    draws: Option<&[Vec<usize>]>,
) -> Vec<(String, ndarray::ArrayD<f64>)> {
    let whole = |values: &mut dyn Iterator<Item = usize>| values.map(|t| t as f64).collect::<Array1<f64>>().into_dyn();
    let mut arrays = vec![
        ("start", whole(&mut best.starts.iter().copied())),
        ("end", whole(&mut best.ends.iter().copied())),
        ("change_probability", Array1::from(best.change_probability.clone()).into_dyn()),
        ("mean", best.mean.clone().into_dyn()),
        ("sd", best.standard_deviation.clone().into_dyn()),
        ("log_evidence", arr0(best.log_evidence).into_dyn()),
    ];
    if let Some(count) = count {
        let numbers = count.first..count.first + count.probability.len();
        arrays.push(("change_count", whole(&mut numbers.into_iter())));
        arrays.push(("change_count_probability", Array1::from(count.probability.clone()).into_dyn()));
    }
    if let Some(draws) = draws {
        // Draw i holds draw_starts[draw_offsets[i]..draw_offsets[i + 1]].
        let ends = draws.iter().scan(0, |end, draw| {
            *end += draw.len();
            Some(*end)
        });
        arrays.push(("draw_starts", whole(&mut draws.iter().flatten().copied())));
        arrays.push(("draw_offsets", whole(&mut std::iter::once(0).chain(ends))));
    }
    arrays.into_iter().map(|(name, array)| (name.to_owned(), array)).collect()
}

fn summary(
    input: &Sequence,
    learner: &ChangePointLearner,
    best: &Segmentation,
    count: Option<&ChangeCount>,
    agreement: Option<&Agreement>,
) -> String {
    let mut summary = Summary::of(input);
    summary.line("family", learner.family.name());
    summary.line("log evidence", format!("{:.4} nat", best.log_evidence));
    summary.line("changes", best.changes.len().to_string());
    if let Some(count) = count {
        let (lo, hi) = (count.quantile(0.025), count.quantile(0.975));
        summary.line("posterior changes", format!("mean {:.2}, 95 % from {lo} to {hi}", count.mean()));
    }
    if let Some(agreement) = agreement {
        let Agreement { annotators, covering, f1 } = agreement;
        summary.line("people", format!("{annotators} annotators: covering {covering:.3}, F1 {f1:.3}"));
    }
    let table = input.labels.iter().fold(Table::new("segments", ""), |table, (name, _)| table.column(name.clone(), ""));
    let mut table = table.column("start", "").column("end", "").column("P(change)", "");
    for (name, _) in numbered("mean", &best.mean).chain(numbered("sd", &best.standard_deviation)) {
        table = table.column(name, "");
    }
    for segment in 0..best.starts.len() {
        let mut row: Vec<Cell> =
            input.labels.iter().map(|(_, labels)| Cell::from(labels[best.starts[segment]].as_str())).collect();
        row.extend([Cell::Int(best.starts[segment] as i64), Cell::Int(best.ends[segment] as i64)]);
        row.push(best.change_probability[segment].into());
        row.extend(best.mean.row(segment).iter().chain(best.standard_deviation.row(segment)).map(|&v| Cell::from(v)));
        table.push(row);
    }
    summary.append(&table.to_text())
}

fn figure(input: &Sequence, best: &Segmentation) -> Figure {
    let x = indices(input);
    let mut panel = observation_panel(input).x_label("index of the observation");
    for (name, column) in numbered("mean of the segment", &best.mean) {
        let mut level = Vec::with_capacity(x.len());
        for (segment, (start, end)) in best.starts.iter().zip(&best.ends).enumerate() {
            level.extend(std::iter::repeat_n(column[segment], end - start));
        }
        panel = panel.step(name, &x, &level).stroke(Stroke::Solid);
        if best.mean.ncols() == 1 {
            panel = panel.colour(Colour::Vermillion);
        }
    }
    let changes: Vec<f64> = best.changes.iter().map(|&t| t as f64).collect();
    let n = changes.len();
    Figure::new("segment", format!("Most probable segmentation: {n} change{}", if n == 1 { "" } else { "s" }))
        .describe(
            "Observations, the mean of each segment, and a vertical line at the first observation of each new one.",
        )
        .panel(panel.vlines("change", &changes))
}
