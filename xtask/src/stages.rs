//! The stages of `cargo xtask test`: what they are, what they need, and how they are run.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::{documents, process, python, report, rust};

/// One check of the project.
struct Stage {
    name: &'static str,
    what: &'static str,
    /// Stages that must have passed before this one can say anything.
    needs: &'static [&'static str],
    run: fn() -> Result<()>,
}

/// All stages, those that fail fastest first.
const STAGES: &[Stage] = &[
    Stage { name: "rustfmt", what: "Rust sources are formatted", needs: &[], run: rust::format },
    Stage { name: "clippy", what: "no lint of the workspace's list fires", needs: &[], run: rust::clippy },
    Stage {
        name: "rust",
        what: "unit, integration and documentation tests of the crates",
        needs: &[],
        run: rust::tests,
    },
    Stage { name: "rustdoc", what: "documentation builds, every link resolves", needs: &[], run: rust::documentation },
    Stage { name: "deny", what: "licences, sources and advisories of the dependencies", needs: &[], run: rust::deny },
    Stage { name: "program", what: "the neuropil program builds", needs: &[], run: rust::program },
    Stage { name: "wheel", what: "the Python package builds, is small and installs", needs: &[], run: python::wheel },
    Stage { name: "pytest", what: "tests of the Python package", needs: &["wheel"], run: python::tests },
    Stage {
        name: "stubs",
        what: "type stubs are current and right; Python is formatted and linted",
        needs: &["wheel"],
        run: python::stubs,
    },
    Stage {
        name: "readme",
        what: "the commands of README and book run",
        needs: &["program", "wheel"],
        run: documents::blocks,
    },
    Stage { name: "book", what: "the book builds, every link leads somewhere", needs: &[], run: documents::book },
    Stage {
        name: "report",
        what: "the report of all experiments, quick size, every claim as expected",
        needs: &["program"],
        run: report::reproduce,
    },
    Stage { name: "browser", what: "the report in a real browser", needs: &["report"], run: report::browser },
];

/// How a stage ended.
enum Outcome {
    Passed,
    Failed(String),
}

/// Prints the stages.
pub fn list() {
    for stage in STAGES {
        let needs =
            if stage.needs.is_empty() { String::new() } else { format!("  (after {})", stage.needs.join(", ")) };
        println!("{:<8}  {}{needs}", stage.name, stage.what);
    }
}

/// Runs the named stages and what they need, or all of them, and reports every failure at the end.
pub fn test(names: &[&str]) -> Result<ExitCode> {
    let selected = select(names)?;
    let begin = Instant::now();
    let mut results: Vec<(&Stage, Outcome, f64)> = Vec::new();
    for stage in selected {
        println!("\n{}", bold(&format!("== {}: {}", stage.name, stage.what)));
        let started = Instant::now();
        let unmet: Vec<&str> = stage
            .needs
            .iter()
            .copied()
            .filter(|need| {
                results.iter().any(|(done, outcome, _)| done.name == *need && matches!(outcome, Outcome::Failed(_)))
            })
            .collect();
        let outcome = if unmet.is_empty() {
            match (stage.run)() {
                Ok(()) => Outcome::Passed,
                Err(error) => Outcome::Failed(format!("{error:#}")),
            }
        } else {
            Outcome::Failed(format!("not run: it needs {}, which failed", unmet.join(" and ")))
        };
        let seconds = started.elapsed().as_secs_f64();
        println!("{}", closing_line(stage.name, &outcome, seconds));
        results.push((stage, outcome, seconds));
    }

    println!("\n{}", bold("== summary"));
    for (stage, outcome, seconds) in &results {
        println!("{}", closing_line(stage.name, outcome, *seconds));
    }
    let failed = results.iter().filter(|(_, outcome, _)| matches!(outcome, Outcome::Failed(_))).count();
    println!("{:.0} s in all", begin.elapsed().as_secs_f64());
    println!("{} passed, {failed} failed", results.len() - failed);
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The stages to run, in the order of the list: the named ones with everything they need.
fn select(names: &[&str]) -> Result<Vec<&'static Stage>> {
    for name in names {
        if !STAGES.iter().any(|stage| stage.name == *name) {
            let known: Vec<&str> = STAGES.iter().map(|stage| stage.name).collect();
            bail!("unknown stage {name:?}; the stages are {}", known.join(", "));
        }
    }
    let mut wanted: Vec<&str> =
        if names.is_empty() { STAGES.iter().map(|stage| stage.name).collect() } else { names.to_vec() };
    // a need stands before the stage in the list, so that one pass from the end collects the needs of needs
    for stage in STAGES.iter().rev() {
        if wanted.contains(&stage.name) {
            wanted.extend(stage.needs);
        }
    }
    Ok(STAGES.iter().filter(|stage| wanted.contains(&stage.name)).collect())
}

fn closing_line(name: &str, outcome: &Outcome, seconds: f64) -> String {
    match outcome {
        Outcome::Passed => format!("{}      {name:<8} {seconds:>7.1} s", paint("ok", "32")),
        Outcome::Failed(why) => format!("{}  {name:<8} {seconds:>7.1} s  {why}", paint("FAILED", "31")),
    }
}

fn bold(text: &str) -> String {
    paint(text, "1")
}

fn paint(text: &str, code: &str) -> String {
    if process::colours() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(selection: &[&str]) -> Vec<&'static str> {
        select(selection).unwrap().iter().map(|stage| stage.name).collect()
    }

    #[test]
    fn a_stage_brings_what_it_needs() {
        assert_eq!(names(&["browser"]), ["program", "report", "browser"]);
        assert_eq!(names(&["pytest", "rustfmt"]), ["rustfmt", "wheel", "pytest"]);
    }

    #[test]
    fn without_names_every_stage_runs() {
        assert_eq!(names(&[]).len(), STAGES.len());
    }

    #[test]
    fn every_need_is_a_stage_that_runs_before() {
        for (position, stage) in STAGES.iter().enumerate() {
            for need in stage.needs {
                assert!(STAGES[..position].iter().any(|earlier| earlier.name == *need), "{} needs {need}", stage.name);
            }
        }
    }

    #[test]
    fn an_unknown_stage_is_refused_with_the_list() {
        let message = select(&["pytset"]).err().unwrap().to_string();
        assert!(message.contains("\"pytset\"") && message.contains("pytest"), "{message}");
    }
}
