//! The published experiments that neuropil repeats, and the loop that runs them.
//!
//! An [`Experiment`] is one figure or table of a paper: it sets up, runs, and returns a
//! [`Section`](neuropil_report::Section) of claims, figures and tables. [`all`] lists every experiment, [`select`]
//! picks some by id, and [`run()`] runs them: several at once if asked, reporting progress, keeping finished ones in a
//! cache so that an interrupted run continues where it stopped.
//!
//! ```
//! use neuropil_core::progress::Monitor;
//! use neuropil_experiments::{RunOptions, Size, run, select};
//!
//! let chosen = select(neuropil_experiments::all(), &[] as &[&str]).unwrap();
//! let none = run(&chosen[..0], &RunOptions { size: Size::Quick, ..RunOptions::default() }, &Monitor::silent()).unwrap();
//! assert!(none.outcomes.is_empty());
//! ```

mod cache;
mod experiment;
pub mod landscape;
pub mod memory;
mod run;
mod selection;
pub mod spikes;
pub mod surprise;

pub use cache::{Cache, Key};
pub use experiment::{Context, Error, Experiment, Info, Result};
pub use neuropil_report::Size;
pub use run::{Finished, Outcome, Reuse, RunOptions, run};
pub use selection::{UnknownId, select};

/// Every experiment, in the order of the report.
#[must_use]
pub fn all() -> Vec<Box<dyn Experiment>> {
    let mut all = surprise::all();
    all.extend(memory::all());
    all.extend(landscape::all());
    all.extend(spikes::all());
    all
}

/// The version of the program together with a hash of the sources that results depend on.
#[must_use]
pub fn version() -> String {
    format!("{}+{}", neuropil_core::provenance::version(), env!("NEUROPIL_SOURCES"))
}
