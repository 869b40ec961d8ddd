//! `neuropil surprise recover`.

use clap::Args;
use clap::builder::PossibleValuesParser;
use ndarray::Array1;
use neuropil_report::{Cell, Figure, HeatMap, Panel, Table};
use neuropil_surprise::filter::Missing;
use neuropil_surprise::free_parameter::{FreeParameter, Scale};
use neuropil_surprise::hazard::Hazard;
use neuropil_surprise::method::Method;
use neuropil_surprise::model::ChangePointLearner;
use neuropil_surprise::recover::{Candidate, Confusion, Range, Recovery, Task, confuse, recover};
use neuropil_surprise::subject::{FitOptions, SubjectModel};
use serde_json::{Value, json};

use crate::delivery::Delivery;
use crate::failure::Result;
use crate::options::Context;
use crate::outputs::{Outputs, ResultTable};
use crate::surprise::family_args::FamilyArgs;
use crate::surprise::hazard_args::LawArgs;
use crate::surprise::method_args::MethodArgs;
use crate::surprise::response_args::{FreeArgs, ResponseArgs, parse_range};

/// Before an experiment: can its design recover the parameters of a learner, and tell learners apart?
///
/// Subjects are simulated on the task, fitted as real ones would be, and compared with the truth: correlation, bias,
/// root mean square error and coverage of the 95 % intervals. With --confuse every learner is also fitted to subjects of
/// every other, and the matrix of the learners that AIC and BIC choose is shown.
#[derive(Debug, Args)]
#[command(after_help = r"Examples:
  neuropil surprise recover --sigma 0.5 --hazard 0.1 --trials 100 --subjects 8 \
      --method varsmile --range m=0.05..2,response_sd=0.1..0.5 --starts 2 --plot recovery.svg
  neuropil surprise recover --sigma 0.5 --hazard 0.1 --trials 60 --subjects 4 \
      --method varsmile --confuse leaky --response-sd 0.2 --starts 1")]
pub(crate) struct RecoverArgs {
    /// Simulated subjects (per learner)
    #[arg(long, value_name = "N", default_value_t = 20, help_heading = "Design")]
    subjects: usize,
    /// Trials per block
    #[arg(long, value_name = "N", default_value_t = 200, help_heading = "Design")]
    trials: usize,
    /// Blocks per subject; the world and the belief start anew in each
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Design")]
    blocks: usize,
    /// multivariate-gaussian, multinomial: numbers per observation; regressions: regressors
    #[arg(long, value_name = "D", default_value_t = 2, help_heading = "Design",
        value_parser = clap::value_parser!(u16).range(1..=1000))]
    dimension: u16,
    /// True values of a free parameter, drawn uniformly in NAME=LOW..HIGH; repeat it [default: the middle 80 % of its
    /// bounds]
    #[arg(long, value_name = "RANGE", value_delimiter = ',', value_parser = parse_named_range, help_heading = "Design")]
    range: Vec<Range>,
    /// Other learners to tell apart from --method
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', help_heading = "Design",
        value_parser = PossibleValuesParser::new(Method::NAMES))]
    confuse: Vec<String>,
    /// Hazard that subjects assume, where it is not fitted [default: that of the task]
    #[arg(long, value_name = "P", help_heading = "Learner", allow_negative_numbers = true)]
    assumed_hazard: Option<f64>,
    #[command(flatten)]
    family: FamilyArgs,
    #[command(flatten)]
    law: LawArgs,
    #[command(flatten)]
    method: MethodArgs,
    #[command(flatten)]
    response: ResponseArgs,
    #[command(flatten)]
    free: FreeArgs,
}

fn parse_named_range(text: &str) -> std::result::Result<Range, String> {
    let (name, range) = text.split_once('=').ok_or_else(|| format!("\"{text}\" is no NAME=LOW..HIGH"))?;
    let (low, high) = parse_range(range)?;
    Ok(Range { name: name.trim().replace('-', "_"), low, high })
}

pub(crate) fn run(args: &RecoverArgs, context: &Context<'_>) -> Result<i32> {
    let outputs = Outputs::plan(context.global, "recover")?;
    let regression = args.family.name().starts_with("regression");
    let family = args.family.family(usize::from(args.dimension) + usize::from(regression))?;
    let task = Task { family, hazard: args.law.hazard()?, trials: args.trials, blocks: args.blocks };
    let mut methods = vec![args.method.name()];
    methods.extend(args.confuse.iter().map(String::as_str).filter(|name| *name != args.method.name()));
    args.method.parameters.refuse_strangers(&methods)?;
    let candidates = methods.iter().map(|name| args.candidate(name, &task)).collect::<Result<Vec<_>>>()?;
    let options = FitOptions {
        starts: args.free.starts,
        evaluations: args.free.evaluations,
        seed: context.global.seed(),
        monitor: context.monitor(),
    };
    let seed = context.global.seed();
    let recovery = recover(&candidates[0], &task, args.subjects, seed, &options)?;
    let confusion =
        (candidates.len() > 1).then(|| confuse(&candidates, &task, args.subjects, seed, &options)).transpose()?;
    if recovery.n_converged < args.subjects {
        let lost = args.subjects - recovery.n_converged;
        context.console.warn(format!("the fit of {lost} of {} subjects did not converge", args.subjects));
    }
    let table = table(&recovery);
    let delivery = Delivery {
        command: "surprise recover",
        seed,
        parameters: json!({
            "task": task,
            "candidates": candidates,
            "subjects": args.subjects,
            "starts": options.starts,
            "evaluations": options.evaluations,
        }),
        input: Value::Null,
        result: json!({
            "parameters": recovery.parameters,
            "n_converged": recovery.n_converged,
            "confusion": confusion.as_ref().map(confusion_json),
        }),
        table,
        table_key: "columns",
        arrays: arrays(&recovery, confusion.as_ref()),
        summary: summary(args, &recovery, confusion.as_ref()),
    };
    delivery.deliver(context, &outputs, || figure(&recovery, &candidates[0].model.free, confusion.as_ref()))
}

impl RecoverArgs {
    fn candidate(&self, name: &str, task: &Task) -> Result<Candidate> {
        let learner = ChangePointLearner {
            family: task.family.clone(),
            method: self.method.parameters.of(name)?,
            hazard: self.assumed_hazard.map_or_else(|| task.hazard.clone(), Hazard::Constant),
            seed: 0,
            missing: Missing::Skip,
        };
        learner.validate()?;
        let response = self.response.model(task.family.name())?;
        // The wishes of the user are about --method; the others are fitted with what they adapt with.
        let own = name == self.method.name();
        let wished = FreeArgs { free: if own { self.free.free.clone() } else { Vec::new() }, ..self.free.clone() };
        let mut given = self.response.given();
        given.extend(self.method.parameters.fixed());
        given.extend(self.assumed_hazard.map(|_| "hazard"));
        let free = wished.parameters(&learner, &response, &given);
        let ranges = self.range.iter().filter(|range| own || free.iter().any(|free| free.name == range.name)).cloned();
        let ranges = ranges.collect();
        let model = SubjectModel { learner, response, timing: self.response.timing(), free };
        Ok(Candidate { name: name.to_owned(), model, ranges })
    }
}

/// One row per subject and parameter.
fn table(recovery: &Recovery) -> ResultTable {
    let rows = || {
        recovery.parameters.iter().flat_map(|parameter| {
            parameter
                .truth
                .iter()
                .zip(&parameter.fitted)
                .enumerate()
                .map(move |(subject, (truth, fitted))| (parameter.name.clone(), subject, *truth, *fitted))
        })
    };
    let mut table = ResultTable::default();
    table.integers("subject", rows().map(|row| row.1 as i64));
    table.text("parameter", rows().map(|row| row.0));
    table.numbers("truth", rows().map(|row| row.2));
    table.numbers("fitted", rows().map(|row| row.3));
    table.integers("converged", rows().map(|row| i64::from(recovery.fits[row.1].converged)));
    table
}

fn arrays(recovery: &Recovery, confusion: Option<&Confusion>) -> Vec<(String, ndarray::ArrayD<f64>)> {
    let mut arrays = Vec::new();
    for parameter in &recovery.parameters {
        arrays.push((format!("{}_truth", parameter.name), Array1::from(parameter.truth.clone()).into_dyn()));
        arrays.push((format!("{}_fitted", parameter.name), Array1::from(parameter.fitted.clone()).into_dyn()));
    }
    if let Some(confusion) = confusion {
        arrays.push(("confusion_aic".to_owned(), confusion.by_aic.mapv(|n| n as f64).into_dyn()));
        arrays.push(("confusion_bic".to_owned(), confusion.by_bic.mapv(|n| n as f64).into_dyn()));
    }
    arrays
}

fn confusion_json(confusion: &Confusion) -> Value {
    let rows =
        |counts: &ndarray::Array2<usize>| -> Vec<Vec<usize>> { counts.outer_iter().map(|row| row.to_vec()).collect() };
    json!({
        "names": confusion.names,
        "by_aic": rows(&confusion.by_aic),
        "by_bic": rows(&confusion.by_bic),
        "n_subjects": confusion.n_subjects,
        "n_converged": confusion.n_converged,
    })
}

fn summary(args: &RecoverArgs, recovery: &Recovery, confusion: Option<&Confusion>) -> String {
    let mut table = Table::new("recovery", "")
        .column("parameter", "")
        .column("r", "")
        .column("bias", "")
        .column("rms error", "")
        .column("95 % coverage", "");
    for parameter in &recovery.parameters {
        table.push([
            Cell::from(parameter.name.as_str()),
            parameter.r.into(),
            parameter.bias.into(),
            parameter.rmse.into(),
            parameter.coverage.into(),
        ]);
    }
    let design = format!("{} subjects, {} x {} trials", args.subjects, args.blocks, args.trials);
    let mut text =
        format!("{design}, method {}, {} converged\n\n{}", args.method.name(), recovery.n_converged, table.to_text());
    if let Some(confusion) = confusion {
        text.push_str("\nlearner that BIC chooses (rows: learner that simulated)\n");
        text.push_str(&confusion_table(confusion).to_text());
    }
    text
}

fn confusion_table(confusion: &Confusion) -> Table {
    let mut table = Table::new("confusion", "").column("simulated", "");
    for name in &confusion.names {
        table = table.column(name.clone(), "");
    }
    for (name, row) in confusion.names.iter().zip(confusion.by_bic.outer_iter()) {
        let cells = row.iter().map(|&count| Cell::Int(count as i64));
        table.push(std::iter::once(Cell::from(name.as_str())).chain(cells));
    }
    table
}

fn figure(recovery: &Recovery, free: &[FreeParameter], confusion: Option<&Confusion>) -> Figure {
    let mut figure = Figure::new("recover", "Parameter recovery")
        .describe("Fitted against true value of each free parameter, one point per simulated subject.")
        .columns(2);
    for parameter in &recovery.parameters {
        let all = parameter.truth.iter().chain(&parameter.fitted);
        let (low, high) = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &v| (low.min(v), high.max(v)));
        let panel = Panel::new()
            .title(parameter.name.clone())
            .x_label("true value")
            .y_label("fitted value")
            .points("subject", &parameter.truth, &parameter.fitted)
            .line("identity", &[low, high], &[low, high]);
        let on_log_scale = free.iter().any(|free| free.name == parameter.name && free.scale == Scale::Log);
        figure = figure.panel(if on_log_scale { panel.log_x().log_y() } else { panel });
    }
    if let Some(confusion) = confusion {
        let counts = confusion.by_bic.outer_iter().map(|row| row.iter().map(|&n| n as f64).collect()).collect();
        let map = HeatMap::new(counts)
            .rows(confusion.names.clone())
            .columns(confusion.names.clone())
            .colour_label("subjects")
            .annotate();
        let panel = Panel::new().title("Chosen by BIC").x_label("fitted learner").y_label("simulating learner");
        figure = figure.panel(panel.heatmap(map));
    }
    figure
}
