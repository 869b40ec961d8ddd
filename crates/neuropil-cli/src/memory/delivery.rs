//! What all verbs do with a result: the summary, the files, the document.

use std::fmt::Write;

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
    pub parameters: Value,
    pub input: Value,
    /// The result without the table: an object.
    pub result: Value,
    pub table: ResultTable,
    /// What the table is called in the document.
    pub table_key: &'static str,
    pub arrays: Vec<(String, ArrayD<f64>)>,
    /// For people, on stdout.
    pub summary: Summary,
}

impl Delivery<'_> {
    /// Writes the files and shows the result; `figure` is drawn only if it is wanted.
    pub fn deliver(self, context: &Context<'_>, outputs: &Outputs, figure: impl FnOnce() -> Figure) -> Result<i32> {
        let document = if context.global.json || outputs.wants_document() {
            let mut result = self.result;
            result[self.table_key] = self.table.to_json();
            document(self.command, context.global.seed, self.parameters, self.input, result)
        } else {
            Value::Null
        };
        outputs.write(&Product { table: &self.table, arrays: &self.arrays, document: &document }, figure)?;
        for path in outputs.files() {
            context.console.say(format!("wrote {}", path.display()));
        }
        context.console.show(self.summary.text, || document)?;
        Ok(DONE)
    }
}

/// Lines of a name and a value, and a table below.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    pub text: String,
}

impl Summary {
    pub fn line(&mut self, name: &str, value: impl AsRef<str>) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "{name:<26}{}", value.as_ref());
    }

    pub fn block(&mut self, text: &str) {
        self.text.push('\n');
        self.text.push_str(text);
    }
}
