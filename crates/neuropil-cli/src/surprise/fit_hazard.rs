//! `neuropil surprise fit-hazard`.

use clap::{Args, ValueEnum};
use ndarray::Array1;
use neuropil_report::{Colour, Figure, Panel, Stroke};
use neuropil_surprise::hazard::Hazard;
use neuropil_surprise::hazard_learning::{HazardFit, HazardFitOptions, HazardUpdate};
use neuropil_surprise::model::ChangePointLearner;
use neuropil_surprise::online_hazard::{BetaHazard, HazardGrid, OnlineHazard};
use neuropil_surprise::saved::{LearnedHazard, SavedLearner};
use serde_json::{Value, json};

use crate::delivery::{Delivery, Summary};
use crate::failure::{Failure, Result};
use crate::options::Context;
use crate::outputs::{Outputs, ResultTable};
use crate::surprise::family_args::FamilyArgs;
use crate::surprise::input_args::{InputArgs, Sequence};
use crate::surprise::observations::{indices, observations, trace_panel, warn_of_prior};
use crate::surprise::saved_args::{SaveArgs, SavedArgs, learner_of};

/// Learn how often the world changes: the hazard with the highest evidence, with its uncertainty
///
/// All blocks and subjects share the hazard. With --online the hazard is learned along the way instead: posterior
/// mean and standard deviation after every observation.
#[derive(Debug, Args)]
#[command(after_help = r"Examples:
  neuropil surprise fit-hazard data/nile.csv --column flow_1e8_m3 \
      --sigma 130 --prior-mean 900 --prior-sd 200
  neuropil surprise fit-hazard data/gaussian_task.csv --column y --sigma 0.1 \
      --online beta --out hazard.csv")]
pub(crate) struct FitHazardArgs {
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    family: FamilyArgs,
    /// Hazard to start from, in (0, 1)
    #[arg(long, value_name = "P", default_value_t = 0.05, help_heading = "Fit", allow_negative_numbers = true)]
    start: f64,
    /// How the hazard is improved
    #[arg(long, value_name = "RULE", default_value = "newton", help_heading = "Fit")]
    update: Update,
    /// Expected changes and hazard times places for a change agree to this, in changes
    #[arg(long, value_name = "TOL", default_value_t = 1e-6, help_heading = "Fit", allow_negative_numbers = true)]
    tolerance: f64,
    /// Most updates
    #[arg(long, value_name = "N", default_value_t = 200, help_heading = "Fit")]
    max_iterations: usize,
    /// Learn while observing, on a grid of hazards (exact up to its spacing) or with a beta prior
    #[arg(long, value_name = "HOW", conflicts_with_all = ["start", "update", "tolerance", "max_iterations"],
        help_heading = "Learning along the way")]
    online: Option<Online>,
    /// Pseudo-counts of changes and of steps without a change, for --online beta
    #[arg(
        long,
        value_name = "CHANGES,STAYS",
        default_value = "1,1",
        value_delimiter = ',',
        requires = "online",
        help_heading = "Learning along the way"
    )]
    prior_counts: Vec<f64>,
    /// Lowest, highest and number of hazards, for --online grid
    #[arg(
        long,
        value_name = "LOW,HIGH,N",
        default_value = "0.0001,0.5,25",
        value_delimiter = ',',
        requires = "online",
        help_heading = "Learning along the way"
    )]
    grid: Vec<f64>,
    /// Filtered probability below which a hypothesis is dropped; 0 keeps all
    #[arg(long, value_name = "P", default_value = "1e-12", help_heading = "Fit", allow_negative_numbers = true)]
    cutoff: f64,
    #[command(flatten)]
    saved: SavedArgs,
    #[command(flatten)]
    save: SaveArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Update {
    /// Newton's step in the log odds where the evidence is concave
    Newton,
    /// Expectation maximisation: slow and steady
    Em,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Online {
    /// Exact filters at every hazard of a grid, weighted by their evidence
    Grid,
    /// Run length and number of changes filtered together
    Beta,
}

pub(crate) fn run(args: &FitHazardArgs, context: &Context<'_>) -> Result<i32> {
    let outputs = Outputs::plan(context.global, "fit-hazard")?;
    args.save.plan(context)?;
    let input = args.input.read()?;
    let learner = match args.saved.read(&[args.family.given_option()])? {
        Some(saved) => learner_of(&saved, &input, context.global.seed),
        None => ChangePointLearner {
            hazard: Hazard::Constant(args.start),
            seed: context.global.seed(),
            missing: input.missing.unwrap_or_default(),
            ..ChangePointLearner::new(args.family.family(input.values.ncols())?)
        },
    };
    warn_of_prior(context, &learner, &input);
    match args.online {
        None => fit(args, &input, &learner, context, &outputs),
        Some(_) if args.save.is_given() => Err(Failure::usage("--save-learner cannot be used with --online")
            .hint("leave out --online: a learner holds one hazard, not a distribution of hazards")),
        Some(online) => along_the_way(args, online, &input, &learner, context, &outputs),
    }
}

fn fit(
    args: &FitHazardArgs,
    input: &Sequence,
    learner: &ChangePointLearner,
    context: &Context<'_>,
    outputs: &Outputs,
) -> Result<i32> {
    let options = HazardFitOptions {
        start: args.start,
        update: match args.update {
            Update::Newton => HazardUpdate::Newton,
            Update::Em => HazardUpdate::ExpectationMaximisation,
        },
        tolerance: args.tolerance,
        max_iterations: args.max_iterations,
        cutoff: args.cutoff,
        monitor: context.monitor(),
    };
    let y = input.values.view();
    let result = learner.fit_hazard(y, &input.blocks, &options)?;
    if !result.converged {
        context.console.warn(format!(
            "the fit did not converge in {} iterations; raise --max-iterations or --tolerance",
            result.iterations
        ));
    }
    let mut table = ResultTable::default();
    table.integers("iteration", (0..result.hazards.len()).map(|i| i as i64));
    table.numbers("hazard", result.hazards.iter().copied());
    table.numbers("log_evidence_nat", result.log_evidence.iter().copied());
    let delivery = Delivery {
        command: "surprise fit-hazard",
        seed: learner.seed,
        parameters: json!({
            "family": learner.family,
            "start": args.start,
            "update": if args.update == Update::Em { "em" } else { "newton" },
            "tolerance": args.tolerance,
            "max_iterations": args.max_iterations,
            "cutoff": args.cutoff,
        }),
        input: input.describe(learner.provenance(Some(y)).input.as_deref()),
        result: json!({
            "hazard": result.hazard,
            "standard_error": result.standard_error,
            "interval": result.interval,
            "log_evidence": result.log_evidence.last(),
            "expected_changes": result.expected_changes,
            "iterations": result.iterations,
            "converged": result.converged,
        }),
        table,
        table_key: "columns",
        arrays: vec![
            ("hazard".to_owned(), Array1::from(result.hazards.clone()).into_dyn()),
            ("log_evidence_nat".to_owned(), Array1::from(result.log_evidence.clone()).into_dyn()),
        ],
        summary: fit_summary(input, learner, &result),
    };
    args.save.write(context, || {
        let learned = LearnedHazard { fit: result.clone(), provenance: learner.provenance(Some(y)) };
        SavedLearner::of(learner.clone()).with_hazard_fit(learned)
    })?;
    delivery.deliver(context, outputs, || {
        let x: Vec<f64> = (0..result.hazards.len()).map(|i| i as f64).collect();
        let panel = Panel::new().x_label("iteration").y_label("hazard").log_y().line("hazard", &x, &result.hazards);
        let evidence = Panel::new().x_label("iteration").y_label("log evidence (nat)");
        Figure::new("fit-hazard", format!("Hazard with the highest evidence: {:.4}", result.hazard))
            .describe("The hazard and the log evidence from one iteration of the fit to the next.")
            .panel(panel)
            .panel(evidence.line("log evidence", &x, &result.log_evidence))
            .columns(2)
    })
}

fn fit_summary(input: &Sequence, learner: &ChangePointLearner, result: &HazardFit) -> String {
    let mut summary = Summary::of(input);
    summary.line("family", learner.family.name());
    summary.line("hazard", format!("{:.6} (a change every {:.1} observations)", result.hazard, 1.0 / result.hazard));
    if let (Some(error), Some([lo, hi])) = (result.standard_error, result.interval) {
        summary.line("uncertainty", format!("standard error {error:.6}, 95 % from {lo:.6} to {hi:.6}"));
    }
    if let Some(evidence) = result.log_evidence.last() {
        summary.line("log evidence", format!("{evidence:.4} nat"));
    }
    summary.line("expected changes", format!("{:.2}", result.expected_changes));
    let end = if result.converged { "converged" } else { "NOT converged" };
    summary.line("fit", format!("{end} after {} iterations", result.iterations));
    summary.append("")
}

fn along_the_way(
    args: &FitHazardArgs,
    online: Online,
    input: &Sequence,
    learner: &ChangePointLearner,
    context: &Context<'_>,
    outputs: &Outputs,
) -> Result<i32> {
    let (y, monitor) = (input.values.view(), context.monitor());
    let (result, law, parameters) = match online {
        Online::Beta => {
            let [changes, stays] = args.prior_counts[..] else {
                return Err(counted("--prior-counts", 2, &args.prior_counts));
            };
            let prior = BetaHazard { changes, stays };
            let result = learner.learn_hazard_with_beta_prior(y, &input.blocks, &prior, args.cutoff, &monitor)?;
            (result, Value::Null, json!({ "prior_counts": [changes, stays] }))
        }
        Online::Grid => {
            let [low, high, points] = args.grid[..] else { return Err(counted("--grid", 3, &args.grid)) };
            if points.fract() != 0.0 || !(2.0..=10_000.0).contains(&points) {
                let message = format!("--grid has {points} hazards, but it must have from 2 to 10000");
                return Err(Failure::usage(message));
            }
            let grid = HazardGrid::log_spaced(low, high, points as usize)?;
            let (result, law) = learner.learn_hazard_on_grid(y, &input.blocks, &grid, args.cutoff, &monitor)?;
            let law = json!({ "hazard": grid.hazards, "probability": law });
            (result, law, json!({ "grid": [low, high, points] }))
        }
    };
    let mut table = observations(input);
    for (name, trace) in traces(&result) {
        table.numbers(name, trace.iter().copied());
    }
    let mut summary = Summary::of(input);
    summary.line("family", learner.family.name());
    if let (Some(mean), Some(sd)) = (result.mean.last(), result.standard_deviation.last()) {
        summary.line("hazard at the end", format!("{mean:.6} (sd {sd:.6})"));
    }
    summary.line("log evidence", format!("{:.4} nat", result.log_evidence));
    let how = if online == Online::Beta { "beta" } else { "grid" };
    let delivery = Delivery {
        command: "surprise fit-hazard",
        seed: learner.seed,
        parameters: json!({ "family": learner.family, "online": how, "prior": parameters, "cutoff": args.cutoff }),
        input: input.describe(learner.provenance(Some(y)).input.as_deref()),
        result: json!({
            "hazard": result.mean.last(),
            "standard_deviation": result.standard_deviation.last(),
            "log_evidence": result.log_evidence,
            "posterior": law,
        }),
        table,
        table_key: "columns",
        arrays: traces(&result)
            .into_iter()
            .map(|(name, trace)| (name.to_owned(), Array1::from(trace.to_vec()).into_dyn()))
            .collect(),
        summary: summary.append(""),
    };
    delivery.deliver(context, outputs, || online_figure(input, &result))
}

fn traces(result: &OnlineHazard) -> [(&'static str, &[f64]); 4] {
    [
        ("hazard_mean", &result.mean),
        ("hazard_sd", &result.standard_deviation),
        ("change_probability", &result.change_probability),
        ("log_predictive_nat", &result.log_predictive),
    ]
}

fn online_figure(input: &Sequence, result: &OnlineHazard) -> Figure {
    let x = indices(input);
    let spread = |sign: f64| -> Vec<f64> {
        result.mean.iter().zip(&result.standard_deviation).map(|(m, s)| (m + sign * s).max(0.0)).collect()
    };
    let panel = Panel::new()
        .title("Hazard")
        .y_label("hazard")
        .band("mean ± sd", &x, &spread(-1.0), &spread(1.0))
        .colour(Colour::Blue)
        .line("mean", &x, &result.mean)
        .colour(Colour::Blue)
        .stroke(Stroke::Solid);
    Figure::new("fit-hazard", "Hazard learned along the way")
        .describe("Posterior mean and standard deviation of the hazard, and the probability of a change, over time.")
        .columns(1)
        .share_x()
        .panel(panel)
        .panel(trace_panel(input, "Change", "probability", &result.change_probability).y_range(0.0, 1.0))
}

fn counted(option: &str, wanted: usize, given: &[f64]) -> Failure {
    Failure::usage(format!("{option} needs {wanted} numbers, but {} were given", given.len()))
}
