//! `neuropil surprise smooth`.

use clap::Args;
use ndarray::{Array1, arr0};
use neuropil_report::Figure;
use serde_json::json;

use crate::delivery::{Delivery, Summary};
use crate::failure::Result;
use crate::options::Context;
use crate::outputs::Outputs;
use crate::surprise::input_args::InputArgs;
use crate::surprise::model_args::OfflineArgs;
use crate::surprise::observations::{add_estimate, belief_panel, observations, trace_panel, warn_of_prior};

/// Look back at a whole sequence: belief and change probability given all observations
///
/// One row per observation: mean and variance of the estimated parameter, and the probability that a new segment
/// starts there, given everything before and after. Exact.
#[derive(Debug, Args)]
#[command(after_help = r"Examples:
  neuropil surprise smooth data/nile.csv --column flow_1e8_m3 \
      --sigma 130 --prior-mean 900 --prior-sd 200
  neuropil surprise smooth data/gaussian_task.csv --column y --sigma 0.1 \
      --out smoothed.npz --plot smoothed.svg")]
pub(crate) struct SmoothArgs {
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    model: OfflineArgs,
}

pub(crate) fn run(args: &SmoothArgs, context: &Context<'_>) -> Result<i32> {
    let outputs = Outputs::plan(context.global, "smooth")?;
    let input = args.input.read()?;
    let learner = args.model.learner(&input, context.global.seed)?;
    warn_of_prior(context, &learner, &input);
    let y = input.values.view();
    let result = learner.smooth(y, &input.blocks, args.model.cutoff(&learner), &context.monitor())?;

    let mut table = observations(&input);
    add_estimate(&mut table, "mean", &result.mean);
    add_estimate(&mut table, "variance", &result.variance);
    table.numbers("change_probability", result.change_probability.iter().copied());
    let arrays = vec![
        ("mean".to_owned(), result.mean.clone().into_dyn()),
        ("variance".to_owned(), result.variance.clone().into_dyn()),
        ("change_probability".to_owned(), Array1::from(result.change_probability.clone()).into_dyn()),
        ("log_evidence".to_owned(), arr0(result.log_evidence).into_dyn()),
    ];
    let mut summary = Summary::of(&input);
    summary.line("family", learner.family.name());
    summary.line("log evidence", format!("{:.4} nat", result.log_evidence));
    summary.line("expected changes", format!("{:.2}", result.expected_changes));
    summary.largest("change probability", result.change_probability.iter().copied(), &input);
    let delivery = Delivery {
        command: "surprise smooth",
        seed: learner.seed,
        parameters: args.model.describe(&learner),
        input: input.describe(learner.provenance(Some(y)).input.as_deref()),
        result: json!({
            "log_evidence": result.log_evidence,
            "expected_changes": result.expected_changes,
            "dropped_mass": result.dropped_mass,
        }),
        table,
        table_key: "columns",
        arrays,
        summary: summary.append(""),
    };
    delivery.deliver(context, &outputs, || {
        Figure::new("smooth", "Smoothing")
            .describe(
                "Observations with the mean and standard deviation of the belief given all of them, and the \
                 probability that a segment starts at each.",
            )
            .columns(1)
            .share_x()
            .panel(belief_panel(&input, Some(&result.mean), Some(&result.variance)))
            .panel(trace_panel(&input, "Change", "probability", &result.change_probability).y_range(0.0, 1.0))
    })
}
