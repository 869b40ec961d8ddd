//! What all verbs do with a result: the summary, the files, the document.

use std::fmt::{Display, Write};

use ndarray::ArrayD;
use neuropil_report::Figure;
use serde_json::Value;

use crate::document::document;
use crate::failure::{DONE, Result};
use crate::options::Context;
use crate::outputs::{Outputs, Product, ResultTable};

/// Everything that a verb hands over.
pub(crate) struct Delivery<'a> {
    pub command: &'a str,
    pub seed: u64,
    pub parameters: Value,
    pub input: Value,
    /// The result without the table: an object.
    pub result: Value,
    pub table: ResultTable,
    /// What the table is called in the document.
    pub table_key: &'static str,
    pub arrays: Vec<(String, ArrayD<f64>)>,
    /// For people, on stdout.
    pub summary: String,
}

impl Delivery<'_> {
    /// Writes the files and shows the result; `figure` is drawn only if it is wanted.
    pub fn deliver(self, context: &Context<'_>, outputs: &Outputs, figure: impl FnOnce() -> Figure) -> Result<i32> {
        let provenance = document(self.command, self.seed, self.parameters, self.input, self.result);
        // A document holds every number as a value of its own, ten times the size of the table: it is made only for
        // those who read it.
        let document = if context.global.json || outputs.wants_document() {
            let mut document = provenance.clone();
            document["result"][self.table_key] = self.table.to_json();
            document
        } else {
            Value::Null
        };
        let product =
            Product { table: &self.table, arrays: &self.arrays, document: &document, provenance: &provenance };
        outputs.write(&product, figure)?;
        tell(context, outputs);
        context.console.show(self.summary, || document)?;
        Ok(DONE)
    }
}

/// Names the files that were written.
pub(crate) fn tell(context: &Context<'_>, outputs: &Outputs) {
    for path in outputs.files() {
        context.console.say(format!("wrote {}", path.display()));
    }
}

/// Lines of a name and a value, aligned, with texts between or below them.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Line(String, String),
    Block(String),
}

impl Summary {
    pub fn line(&mut self, name: &str, value: impl Display) {
        self.parts.push(Part::Line(name.to_owned(), value.to_string()));
    }

    /// A text of its own after an empty line.
    pub fn block(&mut self, text: impl Into<String>) {
        self.parts.push(Part::Block(text.into()));
    }

    /// The summary with a text below it.
    pub fn append(mut self, text: &str) -> String {
        if !text.is_empty() {
            self.block(text);
        }
        self.into()
    }
}

impl From<Summary> for String {
    fn from(summary: Summary) -> Self {
        let names = summary.parts.iter().filter_map(|part| match part {
            Part::Line(name, _) => Some(name.chars().count() + 2),
            Part::Block(_) => None,
        });
        let width = names.max().unwrap_or(0).max(26);
        let mut text = Self::new();
        for part in &summary.parts {
            // Writing to a String cannot fail.
            let _ = match part {
                Part::Line(name, value) => writeln!(text, "{name:<width$}{value}"),
                Part::Block(block) => write!(text, "\n{block}"),
            };
        }
        text
    }
}
