//! `neuropil surprise fit-subjects`.

use clap::Args;
use ndarray::Array1;
use neuropil_report::{Cell, Figure, Panel, Table};
use neuropil_surprise::cohort::{Trials, fit_hierarchical, fit_subjects};
use neuropil_surprise::free_parameter::FreeParameter;
use neuropil_surprise::subject::{FitOptions, SubjectFit, SubjectModel};
use serde_json::{Value, json};

use crate::delivery::{Delivery, Summary};
use crate::failure::{Failure, Result};
use crate::options::Context;
use crate::outputs::{Outputs, ResultTable};
use crate::surprise::input_args::{InputArgs, Sequence};
use crate::surprise::model_args::ModelArgs;
use crate::surprise::response_args::{FreeArgs, ResponseArgs};

/// Fit a learner to what subjects did: one long table in, parameters with errors out
///
/// The table has one row per trial: subject, block (optional), observation, response. Every subject is fitted by maximum
/// likelihood and gives the same numbers alone or in a group; with --hierarchical subjects with little information move
/// towards the group. One row per subject and parameter: value, standard error, 95 % interval.
#[derive(Debug, Args)]
#[command(after_help = r"Examples:
  neuropil surprise simulate --sigma 0.5 --hazard 0.1 --length 200 --sequences 4 \
      --response-model report --response-sd 0.2 --out subjects.csv
  neuropil surprise fit-subjects subjects.csv --subject-column subject --column y \
      --response response --sigma 0.5
  neuropil surprise fit-subjects subjects.csv --subject-column subject --column y \
      --response response --sigma 0.5 --method leaky --free omega=0.1..0.99,response_sd --starts 2")]
pub(crate) struct FitSubjectsArgs {
    #[command(flatten)]
    input: InputArgs,
    /// Column with the response of each trial; empty where it is missing
    #[arg(long, value_name = "NAME", help_heading = "Responses")]
    response: String,
    #[command(flatten)]
    responses: ResponseArgs,
    #[command(flatten)]
    free: FreeArgs,
    /// Shrink the subjects towards a common law of each parameter (at least 3 subjects)
    #[arg(long, help_heading = "Fit")]
    hierarchical: bool,
    #[command(flatten)]
    model: ModelArgs,
}

pub(crate) fn run(args: &FitSubjectsArgs, context: &Context<'_>) -> Result<i32> {
    let outputs = Outputs::plan(context.global, "fit-subjects")?;
    let input = args.input.read()?;
    if args.model.hazard.hazard_column.is_some() {
        return Err(Failure::usage("--hazard-column cannot be used with fit-subjects")
            .hint("fit one hazard with --free hazard, or fix it with --hazard"));
    }
    let learner = args.model.learner(&input, context.global.seed)?;
    let response = args.responses.model(learner.family.name())?;
    let mut given = args.responses.given();
    given.extend(args.model.method.parameters.fixed());
    given.extend(args.model.hazard.law.hazard.map(|_| "hazard"));
    let free = args.free.parameters(&learner, &response, &given);
    let learner_seed = learner.seed;
    let model = SubjectModel { learner, response, timing: args.responses.timing(), free };
    model.validate()?;
    let trials = args.trials(&input)?;
    let options = FitOptions {
        starts: args.free.starts,
        evaluations: args.free.evaluations,
        seed: learner_seed,
        monitor: context.monitor(),
    };
    let (fits, group, hash) = if args.hierarchical {
        let fit = fit_hierarchical(&model, &trials, &options)?;
        if !fit.converged {
            context.console.warn(format!("the law of the group still moved after {} rounds", fit.rounds));
        }
        let group = json!({ "laws": fit.laws, "rounds": fit.rounds, "converged": fit.converged });
        (fit.subjects, group, fit.provenance.input)
    } else {
        let fit = fit_subjects(&model, &trials, &options)?;
        let group = json!({ "summary": fit.summary, "log_likelihood": fit.log_likelihood });
        (fit.subjects, group, fit.provenance.input)
    };
    let lost = fits.iter().filter(|fit| !fit.converged).count();
    if lost > 0 {
        context.console.warn(format!(
            "the fit of {lost} of {} subjects did not converge; raise --starts or --evaluations, or free less",
            fits.len()
        ));
    }
    let table = table(&fits);
    let delivery = Delivery {
        command: "surprise fit-subjects",
        seed: learner_seed,
        parameters: json!({
            "model": model,
            "hierarchical": args.hierarchical,
            "starts": options.starts,
            "evaluations": options.evaluations,
        }),
        input: input.describe(hash.as_deref()),
        result: json!({
            "group": group,
            "subjects": fits.iter().map(subject_json).collect::<Vec<_>>(),
        }),
        table,
        table_key: "columns",
        arrays: model.free.iter().flat_map(|free| arrays(&fits, &free.name)).collect(),
        summary: summary(&input, &fits),
    };
    delivery.deliver(context, &outputs, || figure(&fits, &model.free))
}

impl FitSubjectsArgs {
    fn trials(&self, input: &Sequence) -> Result<Trials> {
        let n = input.values.nrows();
        let labels = |column: &Option<String>| -> Result<Vec<String>> {
            column.as_ref().map_or_else(|| Ok(vec!["0".to_owned(); n]), |name| input.text(name))
        };
        Ok(Trials {
            subject: labels(&self.input.subject_column)?,
            block: labels(&self.input.block_column)?,
            observations: input.values.clone(),
            responses: Array1::from(input.numbers(&self.response)?),
        })
    }
}

/// One row per subject and parameter.
fn table(fits: &[SubjectFit]) -> ResultTable {
    let rows = || fits.iter().flat_map(|fit| fit.parameters.iter().map(move |parameter| (fit, parameter)));
    let or_nan = |value: Option<f64>| value.unwrap_or(f64::NAN);
    let mut table = ResultTable::default();
    table.text("subject", rows().map(|(fit, _)| fit.subject.clone()));
    table.text("parameter", rows().map(|(_, parameter)| parameter.name.clone()));
    table.numbers("value", rows().map(|(_, parameter)| parameter.value));
    table.numbers("standard_error", rows().map(|(_, parameter)| or_nan(parameter.standard_error)));
    table.numbers("lower_95", rows().map(|(_, parameter)| or_nan(parameter.interval.map(|interval| interval.0))));
    table.numbers("upper_95", rows().map(|(_, parameter)| or_nan(parameter.interval.map(|interval| interval.1))));
    table.integers("at_bound", rows().map(|(_, parameter)| i64::from(parameter.at_bound)));
    table.integers("converged", rows().map(|(fit, _)| i64::from(fit.converged)));
    table.numbers("log_likelihood_nat", rows().map(|(fit, _)| fit.log_likelihood));
    table.numbers("aic", rows().map(|(fit, _)| fit.aic));
    table.numbers("bic", rows().map(|(fit, _)| fit.bic));
    table.integers("responses", rows().map(|(fit, _)| fit.n_responses as i64));
    table
}

fn subject_json(fit: &SubjectFit) -> Value {
    json!({
        "subject": fit.subject,
        "parameters": fit.parameters,
        "log_likelihood": fit.log_likelihood,
        "n_responses": fit.n_responses,
        "aic": fit.aic,
        "bic": fit.bic,
        "converged": fit.converged,
        "agreeing_starts": fit.agreeing_starts,
        "evaluations": fit.evaluations,
        "hash": fit.provenance.input,
    })
}

fn arrays(fits: &[SubjectFit], name: &str) -> Vec<(String, ndarray::ArrayD<f64>)> {
    let estimates = || fits.iter().filter_map(|fit| fit.parameters.iter().find(|parameter| parameter.name == name));
    let values: Array1<f64> = estimates().map(|parameter| parameter.value).collect();
    let errors: Array1<f64> = estimates().map(|parameter| parameter.standard_error.unwrap_or(f64::NAN)).collect();
    vec![(name.to_owned(), values.into_dyn()), (format!("{name}_standard_error"), errors.into_dyn())]
}

fn summary(input: &Sequence, fits: &[SubjectFit]) -> String {
    let mut summary = Summary::of(input);
    let converged = fits.iter().filter(|fit| fit.converged).count();
    summary.line("subjects", format!("{}, {converged} converged", fits.len()));
    summary.line("log likelihood", format!("{:.4} nat", fits.iter().map(|fit| fit.log_likelihood).sum::<f64>()));
    let mut table = Table::new("subjects", "")
        .column("subject", "")
        .column("parameter", "")
        .column("value", "")
        .column("standard error", "")
        .column("from", "95 %")
        .column("to", "95 %")
        .column("note", "");
    for fit in fits {
        for parameter in &fit.parameters {
            let note = match (fit.converged, parameter.at_bound) {
                (false, _) => "not converged",
                (true, true) => "at a bound",
                (true, false) => "",
            };
            table.push([
                Cell::from(fit.subject.as_str()),
                parameter.name.as_str().into(),
                parameter.value.into(),
                parameter.standard_error.into(),
                parameter.interval.map(|interval| interval.0).into(),
                parameter.interval.map(|interval| interval.1).into(),
                note.into(),
            ]);
        }
    }
    summary.append(&table.to_text())
}

fn figure(fits: &[SubjectFit], free: &[FreeParameter]) -> Figure {
    let x: Vec<f64> = (1..=fits.len()).map(|number| number as f64).collect();
    let figure = Figure::new("fit-subjects", "Fitted parameters")
        .describe("The value of each parameter for each subject, with its 95 % interval.")
        .columns(free.len().min(2));
    free.iter().fold(figure, |figure, free| {
        let found: Vec<_> =
            fits.iter().filter_map(|fit| fit.parameters.iter().find(|parameter| parameter.name == free.name)).collect();
        let values: Vec<f64> = found.iter().map(|parameter| parameter.value).collect();
        let end = |upper: bool| -> Vec<f64> {
            let pick = |(lo, hi)| if upper { hi } else { lo };
            found.iter().map(|parameter| parameter.interval.map_or(parameter.value, pick)).collect()
        };
        let panel = Panel::new()
            .title(free.name.clone())
            .x_label("subject, in the order of the table")
            .y_label(free.name.clone());
        figure.panel(panel.error_bars("value and 95 % interval", &x, &values, &end(false), &end(true)))
    })
}
