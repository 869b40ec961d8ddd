//! The report of all experiments, and how it looks in a browser.

use std::path::PathBuf;

use anyhow::{Result, ensure};

use crate::process::{command, root, run, target};
use crate::tools;

fn folder() -> PathBuf {
    target().join("report")
}

/// Runs every experiment at quick size and checks the form of `report.json`.
pub fn reproduce() -> Result<()> {
    let report = folder();
    // fresh: results that an earlier state of the sources left behind say nothing about this one
    run(command(target().join("release/neuropil"))
        .args(["reproduce", "--fresh", "--force", "--no-progress", "--out"])
        .arg(&report))?;
    run(command(tools::python()?.python()).arg(root().join("xtask/report/check_schema.py")).arg(&report))
}

/// Opens the report in headless Chromium: every figure visible, no console error, no request to the network.
pub fn browser() -> Result<()> {
    let script = root().join("xtask/browser/check_report.py");
    ensure!(script.exists(), "{} is missing", script.display());
    let chromium = tools::chromium()?;
    run(command(tools::python()?.python())
        .arg(script)
        .arg(folder())
        .arg("--screenshots")
        .arg(target().join("screenshots"))
        .env("CHROMIUM", chromium))
}
