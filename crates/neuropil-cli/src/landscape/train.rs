//! `neuropil landscape train`.

use clap::Args;
use neuropil_core::random::Seed;
use neuropil_landscape::import::arrays_of;
use neuropil_landscape::{FlowParameters, Initialisation, PolishParameters, TrainParameters, train_many};
use neuropil_report::{Figure, Panel};
use serde_json::json;

use super::data_args::DataArgs;
use super::network_args::ShapeArgs;
use crate::delivery::{Delivery, Summary};
use crate::failure::{Failure, Result};
use crate::options::Context;
use crate::outputs::{Outputs, ResultTable};

/// Train networks to machine precision from many starts
///
/// Gradient flow, then a second-order polish. The parameters of the best start are written to the npz file (w1, b1, w2,
/// ...); the table has one row for each start.
#[derive(Debug, Args)]
#[command(after_help = r"Examples:
  neuropil landscape train data/teacher_grid.csv --width 5 --act g --no-bias --starts 8 \
      --out student.npz
  neuropil landscape train data/teacher_grid.csv --width 3 --act g --no-bias \
      --plot losses.svg")]
pub(crate) struct TrainArgs {
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    shape: ShapeArgs,
    /// Number of random starts
    #[arg(long, visible_alias = "seeds", value_name = "N", default_value_t = 4)]
    starts: usize,
    /// Where the gradient flow ends
    #[arg(long, value_name = "T", default_value_t = 1e4)]
    t_max: f64,
    /// Largest component of the gradient at a critical point
    #[arg(long, value_name = "X", default_value_t = 1e-14)]
    tolerance: f64,
}

pub(crate) fn run(args: &TrainArgs, context: &Context<'_>) -> Result<i32> {
    let outputs = Outputs::plan(context.global, "train")?;
    if args.starts == 0 {
        return Err(Failure::usage("--starts must be at least 1"));
    }
    let task = args.data.read()?;
    let objective = task.objective(&args.shape.network(&task.data)?)?;
    let flow = FlowParameters { t_max: args.t_max, ..FlowParameters::default() };
    let polish = PolishParameters { gradient_tolerance: args.tolerance, ..PolishParameters::default() };
    let how = TrainParameters { flow, polish }.without_trajectory();
    let seed = Seed::new(context.global.seed());
    let found = train_many(&objective, args.starts, Initialisation::GlorotUniform, seed, &how, &context.monitor())?;
    let best = found.iter().min_by(|a, b| a.loss.total_cmp(&b.loss));
    let best = best.ok_or_else(|| Failure::failed("no start ended"))?;
    let parameters = objective.network().parameters(best.theta.clone())?;
    let mut table = ResultTable::default();
    table.integers("start", (0..found.len()).map(|k| k as i64));
    table.numbers("loss", found.iter().map(|trained| trained.loss));
    table.numbers("gradient_max", found.iter().map(|trained| trained.gradient_norm));
    table.text("end", found.iter().map(|trained| trained.status.reason().to_owned()));
    let mut summary = Summary::default();
    summary.line("parameters", objective.n_parameters());
    summary.line("best loss", format!("{:.6e}", best.loss));
    summary.line("largest gradient component", format!("{:.2e}", best.gradient_norm));
    summary.line("end", best.status.reason());
    summary.line("starts below 1e-16", found.iter().filter(|trained| trained.loss < 1e-16).count());
    let delivery = Delivery {
        command: "landscape train",
        seed: context.global.seed(),
        parameters: json!({ "network": objective.network(), "starts": args.starts, "t_max": args.t_max,
            "tolerance": args.tolerance }),
        input: json!({ "data": task.describe() }),
        result: json!({ "loss": best.loss, "gradient_max": best.gradient_norm, "converged": best.converged(),
            "theta": best.theta.to_vec() }),
        table,
        table_key: "table",
        arrays: arrays_of(&parameters),
        summary: summary.into(),
    };
    delivery.deliver(context, &outputs, || {
        let mut losses: Vec<f64> = found.iter().map(|trained| trained.loss.max(1e-34)).collect();
        losses.sort_by(f64::total_cmp);
        let x: Vec<f64> = (1..=losses.len()).map(|k| k as f64).collect();
        Figure::new("train", "Final losses")
            .describe("Final losses of all starts, sorted; 1e-34 stands for exactly zero.")
            .panel(Panel::new().x_label("start, by loss").y_label("loss").log_y().points("starts", &x, &losses))
    })
}
