//! `neuropil reproduce`.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use neuropil_core::progress::CancelToken;
use neuropil_experiments::{Experiment, Finished, Reuse, RunOptions, Size, select};
use neuropil_report::{Report, Tally};
use serde_json::{Value, json};

use crate::document::document;
use crate::failure::{DONE, Failure, Result};
use crate::options::Context;

/// Where the report goes unless `--out` says otherwise.
pub(crate) const DEFAULT_FOLDER: &str = "report";
/// The folder of finished experiments inside the report.
pub(crate) const CACHE: &str = ".cache";

/// Repeat the published experiments and write a report
///
/// The report is the folder `report` (or --out): index.html to read, report.json for programs, figures and the numbers
/// behind them. Finished experiments are kept in its folder .cache, so that a second run continues where the first
/// stopped. A report of the same seed and size is brought up to date; anything else in the way is refused without
/// --force.
#[derive(Debug, Args)]
#[command(after_help = r"Examples:
  neuropil reproduce --list
  neuropil reproduce surprise --jobs 2 --out surprise-report")]
pub(crate) struct ReproduceArgs {
    /// Experiments by id, or a room for all of it [default: all]
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// Run at the size of the papers (hours) instead of quick size (minutes)
    #[arg(long)]
    full: bool,
    /// Name the experiments and run nothing
    #[arg(long)]
    list: bool,
    /// How many experiments run at once
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: u16,
    /// Use finished experiments of an earlier run (the default)
    #[arg(long, conflicts_with = "fresh")]
    resume: bool,
    /// Run everything again
    #[arg(long)]
    fresh: bool,
}

pub(crate) fn run(args: &ReproduceArgs, context: &Context<'_>) -> Result<i32> {
    context.global.refuse_plot("reproduce")?;
    let chosen = select((context.experiments)(), &args.ids).map_err(Failure::usage)?;
    if args.list {
        context.global.refuse_out("reproduce --list")?;
        return list(&chosen, context);
    }
    let size = if args.full { Size::Full } else { Size::Quick };
    let folder = context.global.out.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_FOLDER));
    check_folder(&folder, size, &chosen, context)?;
    make_folder(&folder)?;
    let options = RunOptions {
        size,
        seed: context.global.seed(),
        jobs: usize::from(args.jobs),
        cache: Some(folder.join(CACHE)),
        reuse: if args.fresh { Reuse::Fresh } else { Reuse::Resume },
    };
    let start = Instant::now();
    let monitor = context.monitor();
    let finished = neuropil_experiments::run(&chosen, &options, &monitor).map_err(|_| stopped(&folder))?;
    for warning in &finished.warnings {
        context.console.warn(warning);
    }
    for outcome in finished.outcomes.iter().filter(|outcome| outcome.reused) {
        context.console.detail(format!("{} was finished by an earlier run", outcome.info.id));
    }
    let mut report = Report::new(neuropil_core::provenance::version(), size, context.global.seed());
    for outcome in &finished.outcomes {
        report = report.section(outcome.section.clone());
    }
    let page = write(&report, &folder, &context.interrupt)?;
    let contents: Value =
        serde_json::from_str(&report.to_json()?).map_err(|error| Failure::failed(format!("report.json: {error}")))?;
    context.console.show(summary(&report, &page, start.elapsed().as_secs_f64()), || {
        let parameters = json!({ "ids": args.ids, "size": size, "jobs": args.jobs, "out": folder });
        document("reproduce", context.global.seed(), parameters, json!(null), contents)
    })?;
    complain(&finished, context);
    Ok(finished.exit_status())
}

fn list(experiments: &[Box<dyn Experiment>], context: &Context<'_>) -> Result<i32> {
    let width = experiments.iter().map(|experiment| experiment.info().id.len()).max().unwrap_or(0);
    let mut text = String::new();
    for info in experiments.iter().map(|experiment| experiment.info()) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{:width$}  {} ({}, {})", info.id, info.title, info.paper, info.figure);
    }
    context.console.show(text, || {
        let entries: Vec<Value> = experiments
            .iter()
            .map(|experiment| {
                let info = experiment.info();
                json!({
                    "id": info.id,
                    "room": info.room,
                    "paper": info.paper,
                    "figure": info.figure,
                    "title": info.title,
                    "parameters": {
                        "quick": experiment.parameters(Size::Quick),
                        "full": experiment.parameters(Size::Full),
                    },
                })
            })
            .collect();
        document("reproduce --list", context.global.seed(), json!({}), json!(null), json!(entries))
    })?;
    Ok(DONE)
}

/// A folder may be written into when it is new or empty, holds only finished experiments, or holds a report that this
/// run brings up to date.
fn check_folder(folder: &Path, size: Size, chosen: &[Box<dyn Experiment>], context: &Context<'_>) -> Result<()> {
    if folder.exists() && !folder.is_dir() {
        return Err(Failure::usage(format!("\"{}\" is a file, but a report is a folder", folder.display()))
            .hint("give another name with --out"));
    }
    if context.global.force || !folder.exists() {
        return Ok(());
    }
    let refuse = |why: String| {
        Err(Failure::usage(format!("\"{}\" exists already and {why}", folder.display()))
            .hint("choose another folder with --out, or overwrite with --force"))
    };
    let entries = std::fs::read_dir(folder)
        .map_err(|error| Failure::failed(format!("cannot read the folder \"{}\": {error}", folder.display())))?;
    if entries.flatten().all(|entry| entry.file_name() == CACHE) {
        return Ok(());
    }
    let old: Value = std::fs::read(folder.join("report.json"))
        .ok()
        .and_then(|text| serde_json::from_slice(&text).ok())
        .unwrap_or_default();
    if !old["neuropil"].is_string() {
        return refuse("is not a report of neuropil".to_owned());
    }
    if old["seed"] != json!(context.global.seed()) || old["size"] != json!(size) {
        return refuse(format!("holds a report of seed {} and size {}", old["seed"], old["size"]));
    }
    let lost = old["experiments"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|experiment| experiment["id"].as_str())
        .find(|id| !chosen.iter().any(|experiment| experiment.info().id == *id));
    match lost {
        Some(id) => refuse(format!("shows {id}, which this run would leave out")),
        None => Ok(()),
    }
}

fn make_folder(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)
        .map_err(|error| Failure::usage(format!("cannot make the folder \"{}\": {error}", folder.display())))
}

fn write(report: &Report, folder: &Path, interrupt: &CancelToken) -> Result<PathBuf> {
    if interrupt.is_cancelled() {
        return Err(stopped(folder));
    }
    // Figures of experiments that are no longer there would look as if they belonged to this report.
    for part in ["figures", "data"] {
        // They may not be there.
        let _ = std::fs::remove_dir_all(folder.join(part));
    }
    Ok(report.write(folder)?)
}

fn stopped(folder: &Path) -> Failure {
    Failure::interrupted("interrupted; no report was written").hint(format!(
        "finished experiments are kept in {}; the same command continues from there",
        folder.join(CACHE).display()
    ))
}

fn summary(report: &Report, page: &Path, seconds: f64) -> String {
    let width = report.sections.iter().map(|section| section.id.len()).max().unwrap_or(0);
    let mut text = String::new();
    for section in &report.sections {
        let tally = Tally::of(&section.claims);
        let (hold, all) = (tally.hold, tally.hold + tally.fail);
        let verdict = match (tally.fail, tally.is_accounted_for()) {
            (0, _) => "",
            (_, true) => "  (the others are documented deviations)",
            (_, false) => "  FAILS",
        };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{:width$}  {hold:>3} of {all:>3} claims hold{verdict}", section.id);
    }
    let tally = report.tally();
    let _ = writeln!(
        text,
        "{} claims hold, {} fail ({} of them documented); {seconds:.0} s; {}",
        tally.hold,
        tally.fail,
        tally.documented,
        page.display()
    );
    text
}

fn complain(finished: &Finished, context: &Context<'_>) {
    for outcome in &finished.outcomes {
        if let Some(why) = &outcome.failure {
            context.console.warn(format!("{} failed: {why}", outcome.info.id));
        }
    }
    for (info, claim) in finished.failing() {
        context.console.warn(format!(
            "{}: {} does not hold: {} is {}, wanted {}",
            info.id,
            claim.id(),
            claim.statement(),
            claim.measured(),
            claim.criterion()
        ));
    }
}
