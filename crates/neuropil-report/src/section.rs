//! What one experiment leaves behind.

use crate::{Claim, Figure, Table, number};
use serde::{Deserialize, Serialize};

/// The outcome of one experiment: claims, figures and tables, with all that is needed to show and repeat it.
///
/// It is plain data and can be written with serde, so that a finished experiment can be kept and shown again later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Section {
    /// The name of the experiment, unique in a report, such as `surprise.regret-heatmap`.
    pub id: String,
    /// The room it belongs to, such as `surprise`.
    pub room: String,
    /// The paper that is reproduced, in the form in which it is cited.
    pub paper: String,
    /// The figure or table of the paper, such as `Figure 4`.
    pub figure: String,
    /// What the experiment shows, as a heading.
    pub title: String,
    /// One paragraph: what was done and what to look at.
    pub description: String,
    /// The parameters it ran with, as a JSON object.
    pub parameters: serde_json::Value,
    /// How long it ran, in seconds.
    #[serde(with = "number::one")]
    pub seconds: f64,
    /// What is claimed.
    pub claims: Vec<Claim>,
    /// What is shown.
    pub figures: Vec<Figure>,
    /// The numbers.
    pub tables: Vec<Table>,
    /// Remarks, one paragraph each.
    pub notes: Vec<String>,
}

impl Section {
    /// An empty outcome.
    pub fn new(id: impl Into<String>, room: impl Into<String>, title: impl Into<String>) -> Self {
        Section {
            id: id.into(),
            room: room.into(),
            paper: String::new(),
            figure: String::new(),
            title: title.into(),
            description: String::new(),
            parameters: serde_json::Value::Object(serde_json::Map::new()),
            seconds: 0.0,
            claims: Vec::new(),
            figures: Vec::new(),
            tables: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// The paper, and the figure or table of it that is reproduced.
    pub fn published(mut self, paper: impl Into<String>, figure: impl Into<String>) -> Self {
        self.paper = paper.into();
        self.figure = figure.into();
        self
    }

    /// One paragraph on what was done and what to look at.
    pub fn describe(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// The parameters the experiment ran with.
    pub fn parameters(mut self, parameters: serde_json::Value) -> Self {
        self.parameters = parameters;
        self
    }

    /// How long the experiment ran, in seconds.
    pub fn seconds(mut self, seconds: f64) -> Self {
        self.seconds = seconds;
        self
    }

    /// Adds a claim.
    pub fn claim(mut self, claim: Claim) -> Self {
        self.claims.push(claim);
        self
    }

    /// Adds a figure.
    pub fn figure(mut self, figure: Figure) -> Self {
        self.figures.push(figure);
        self
    }

    /// Adds a table.
    pub fn table(mut self, table: Table) -> Self {
        self.tables.push(table);
        self
    }

    /// Adds a remark.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// The claims that do not hold, documented or not.
    pub fn failing(&self) -> impl Iterator<Item = &Claim> {
        self.claims.iter().filter(|claim| !claim.holds())
    }
}
