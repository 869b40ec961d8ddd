//! What all verbs do with a result: summary, files, document.

use std::fmt::Write;

use ndarray::ArrayD;
use neuropil_report::Figure;
use serde_json::{Value, json};

use crate::document::document;
use crate::failure::{DONE, Result};
use crate::options::Context;
use crate::outputs::{Outputs, Product, ResultTable};

/// Everything that a verb hands over.
pub(crate) struct Delivery<'a> {
    pub command: &'a str,
    pub parameters: Value,
    pub input: Value,
    pub result: Value,
    pub table: ResultTable,
    pub arrays: Vec<(String, ArrayD<f64>)>,
    pub summary: String,
}

impl Delivery<'_> {
    /// Writes the files and shows the result; `figure` is drawn only if it is wanted.
    pub fn deliver(self, context: &Context<'_>, outputs: &Outputs, figure: impl FnOnce() -> Figure) -> Result<i32> {
        let mut result = self.result;
        result["table"] = self.table.to_json();
        let document = document(self.command, context.global.seed, self.parameters, self.input, result);
        outputs.write(&Product { table: &self.table, arrays: &self.arrays, document: &document }, figure)?;
        for path in outputs.files() {
            context.console.say(format!("wrote {}", path.display()));
        }
        context.console.show(self.summary, || document)?;
        Ok(DONE)
    }
}

/// Adds a line of a name and a value.
pub(crate) fn line(text: &mut String, name: &str, value: impl std::fmt::Display) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{name:<30}{value}");
}

/// The path of a file, for the document.
pub(crate) fn file(path: &std::path::Path) -> Value {
    json!({ "file": path.display().to_string() })
}
