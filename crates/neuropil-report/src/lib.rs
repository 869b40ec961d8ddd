//! Figures, tables, claims and the report that holds a published result against ours.
//!
//! | type | what it is |
//! |---|---|
//! | [`Claim`] | one number of ours, the published one, a criterion, and the verdict that follows |
//! | [`Figure`], [`Panel`], [`HeatMap`] | what is plotted, as data; drawn as SVG or PNG |
//! | [`Table`] | typed cells under columns with units; written as CSV, HTML or plain text |
//! | [`Section`] | all that one experiment leaves behind; can be stored and shown later |
//! | [`Report`] | sections on one page, with `report.json`, figures and data beside it |
//!
//! ```
//! use neuropil_report::{Claim, Figure, Panel, Report, Section, Size, Source};
//! let (trial, error) = ([1.0, 2.0, 3.0], [0.9, 0.4, 0.2]);
//! let section = Section::new("demo.decay", "demo", "The error decays")
//!     .published("Doe and Roe (2020)", "Figure 1")
//!     .claim(Claim::new("last", "error at trial 3, in sd").reference(0.2, Source::Paper).value(0.2).at_most(0.25))
//!     .figure(
//!         Figure::new("decay", "Error after a change")
//!             .describe("The error falls from 0.9 to 0.2 within three trials.")
//!             .panel(Panel::new().x_label("trial").y_label("error (sd)").line("model", &trial, &error)),
//!     );
//! let report = Report::new("0.1.0", Size::Quick, 0).section(section);
//! # let folder = tempfile::tempdir().unwrap();
//! # let folder = folder.path();
//! let page = report.write(folder)?;
//! assert!(page.ends_with("index.html"));
//! # Ok::<(), neuropil_report::ReportError>(())
//! ```
//!
//! The same report gives the same bytes; nothing in it depends on the clock.

mod claim;
mod criterion;
mod error;
mod figure;
mod files;
mod number;
mod page;
mod report;
mod section;
mod table;

pub use claim::{Claim, Reference, Source, Verdict};
pub use criterion::Criterion;
pub use error::ReportError;
pub use figure::{Colour, ColourMap, ColourScale, Figure, HeatMap, Marker, Panel, Stroke};
pub use report::{Machine, Report, Size, Tally};
pub use section::Section;
pub use table::{Cell, Table};
