//! A small table with typed cells, for a page, a file or a terminal.

use crate::number;
use maud::{Markup, html};
use serde::{Deserialize, Serialize};

/// One cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cell {
    /// A real number; written in full to CSV and with four significant digits for people.
    Number(#[serde(with = "number::one")] f64),
    /// A whole number.
    Int(i64),
    /// Words.
    Text(String),
    /// No value: an empty field in CSV, a dash for people.
    Missing,
}

impl Cell {
    fn is_numeric(&self) -> bool {
        matches!(self, Cell::Number(_) | Cell::Int(_))
    }

    fn csv(&self) -> String {
        match self {
            Cell::Number(value) => number::exact(*value),
            Cell::Int(value) => value.to_string(),
            Cell::Text(text) => quoted(text),
            Cell::Missing => String::new(),
        }
    }

    fn plain(&self) -> String {
        match self {
            Cell::Number(value) => number::short(*value),
            Cell::Int(value) => value.to_string(),
            Cell::Text(text) => text.replace(['\n', '\r', '\t'], " "),
            Cell::Missing => "-".into(),
        }
    }

    fn typeset(&self) -> String {
        match self {
            Cell::Number(value) => number::typeset(*value),
            Cell::Int(value) => value.to_string().replace('-', "−"),
            Cell::Text(text) => text.clone(),
            Cell::Missing => "–".into(),
        }
    }
}

impl From<f64> for Cell {
    fn from(value: f64) -> Self {
        Cell::Number(value)
    }
}

macro_rules! cell_from_integer {
    ($($integer:ty),*) => {$(
        impl From<$integer> for Cell {
            /// A whole number; one beyond the range of `i64` becomes a real number.
            fn from(value: $integer) -> Self {
                i64::try_from(value).map_or(Cell::Number(value as f64), Cell::Int)
            }
        }
    )*};
}
cell_from_integer!(i32, i64, u32, u64, usize);

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Cell::Text(text.into())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Cell::Text(text)
    }
}

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Cell::Missing, Into::into)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Column {
    name: String,
    unit: String,
}

impl Column {
    fn heading(&self) -> String {
        if self.unit.is_empty() { self.name.clone() } else { format!("{} [{}]", self.name, self.unit) }
    }
}

/// A table whose columns carry units.
///
/// ```
/// use neuropil_report::Table;
/// let table = Table::new("errors", "Error after a change")
///     .column("learner", "")
///     .column("error", "sd")
///     .row(["particle filter".into(), 0.25.into()]);
/// assert_eq!(table.to_csv(), "learner,error [sd]\r\nparticle filter,0.25\r\n");
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Table {
    id: String,
    title: String,
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// An empty table. `id` names its file and is unique within its experiment; `title` is its caption.
    pub fn new(id: impl Into<String>, title: impl Into<String>) -> Self {
        Table { id: id.into(), title: title.into(), columns: Vec::new(), rows: Vec::new() }
    }

    /// Adds a column; the unit of a dimensionless one is `""`.
    pub fn column(mut self, name: impl Into<String>, unit: impl Into<String>) -> Self {
        self.columns.push(Column { name: name.into(), unit: unit.into() });
        self
    }

    /// Adds a row. A row that is too short ends in missing cells; one that is too long gets unnamed columns, so that
    /// nothing is dropped.
    pub fn row(mut self, cells: impl IntoIterator<Item = Cell>) -> Self {
        self.push(cells);
        self
    }

    /// [`Table::row`] for loops.
    pub fn push(&mut self, cells: impl IntoIterator<Item = Cell>) {
        let row: Vec<Cell> = cells.into_iter().collect();
        while self.columns.len() < row.len() {
            let name = format!("column {}", self.columns.len() + 1);
            self.columns.push(Column { name, unit: String::new() });
        }
        self.rows.push(row);
    }

    /// The name of the table within its experiment.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The caption.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The number of rows, without the heading.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether the table has no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn cells<'a>(&'a self, row: &'a [Cell]) -> impl Iterator<Item = &'a Cell> {
        (0..self.columns.len()).map(|column| row.get(column).unwrap_or(&Cell::Missing))
    }

    /// A column of numbers is set flush right.
    fn numeric_columns(&self) -> Vec<bool> {
        (0..self.columns.len())
            .map(|column| {
                let mut present =
                    self.rows.iter().filter_map(|row| row.get(column)).filter(|cell| **cell != Cell::Missing);
                let mut any = false;
                present.all(|cell| {
                    any = true;
                    cell.is_numeric()
                }) && any
            })
            .collect()
    }

    /// Comma-separated text after RFC 4180, with one heading row; numbers are written so that they read back exactly.
    pub fn to_csv(&self) -> String {
        let mut text = self.columns.iter().map(|column| quoted(&column.heading())).collect::<Vec<_>>().join(",");
        text.push_str("\r\n");
        for row in &self.rows {
            text.push_str(&self.cells(row).map(Cell::csv).collect::<Vec<_>>().join(","));
            text.push_str("\r\n");
        }
        text
    }

    /// An HTML `<table>` with caption and scopes; everything is escaped.
    pub fn to_html(&self) -> String {
        self.markup().into_string()
    }

    pub(crate) fn markup(&self) -> Markup {
        let numeric = self.numeric_columns();
        html! {
            table {
                caption { (self.title) }
                thead { tr {
                    @for (column, numeric) in self.columns.iter().zip(&numeric) {
                        th scope="col" class=[numeric.then_some("number")] {
                            (column.name)
                            @if !column.unit.is_empty() { " " span class="unit" { "(" (column.unit) ")" } }
                        }
                    }
                } }
                tbody {
                    @for row in &self.rows { tr {
                        @for (index, (cell, numeric)) in self.cells(row).zip(&numeric).enumerate() {
                            @if index == 0 && !numeric { th scope="row" { (cell.typeset()) } }
                            @else { td class=[numeric.then_some("number")] { (cell.typeset()) } }
                        }
                    } }
                }
            }
        }
    }

    /// Aligned plain text for a terminal, without the title.
    pub fn to_text(&self) -> String {
        let numeric = self.numeric_columns();
        let mut lines: Vec<Vec<String>> = vec![self.columns.iter().map(Column::heading).collect()];
        lines.extend(self.rows.iter().map(|row| self.cells(row).map(Cell::plain).collect()));
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0))
            .collect();
        let mut text = String::new();
        for (index, line) in lines.iter().enumerate() {
            let padded: Vec<String> = line
                .iter()
                .zip(&widths)
                .zip(&numeric)
                .map(
                    |((cell, width), numeric)| {
                        if *numeric { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
                    },
                )
                .collect();
            text.push_str(padded.join("  ").trim_end());
            text.push('\n');
            if index == 0 {
                text.push_str(&widths.iter().map(|width| "-".repeat(*width)).collect::<Vec<_>>().join("  "));
                text.push('\n');
            }
        }
        text
    }
}

/// A CSV field, in quotes where RFC 4180 asks for them.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) || text.starts_with(' ') || text.ends_with(' ') {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Table {
        Table::new("t", "A <title>")
            .column("name", "")
            .column("rate, mean", "Hz")
            .column("n", "")
            .row(["a \"quoted\", one".into(), 0.1.into(), 12usize.into()])
            .row(["<b>".into(), f64::NAN.into()])
            .row([Cell::Missing, (-2.5e-9).into(), 3.into()])
    }

    #[test]
    fn csv_quotes_what_needs_quotes_and_nothing_else() {
        assert_eq!(
            sample().to_csv(),
            "name,\"rate, mean [Hz]\",n\r\n\"a \"\"quoted\"\", one\",0.1,12\r\n<b>,NaN,\r\n,-2.5e-9,3\r\n"
        );
    }

    #[test]
    fn html_is_escaped_and_has_a_caption_and_scopes() {
        let html = sample().to_html();
        assert!(html.contains("<caption>A &lt;title&gt;</caption>"), "{html}");
        assert!(html.contains("<th scope=\"row\">&lt;b&gt;</th>"), "{html}");
        assert!(html.contains("−2.5 × 10⁻⁹"), "{html}");
    }

    #[test]
    fn text_is_aligned() {
        let text = sample().to_text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "name             rate, mean [Hz]   n");
        assert_eq!(lines[2], "a \"quoted\", one              0.1  12");
        assert_eq!(lines[3], "<b>                          NaN   -");
    }

    #[test]
    fn a_long_row_adds_columns_instead_of_losing_cells() {
        let table = Table::new("t", "t").column("a", "").row([1.into(), 2.into()]);
        assert_eq!(table.to_csv(), "a,column 2\r\n1,2\r\n");
    }

    #[test]
    fn a_table_survives_json() {
        let table = sample();
        let back: Table = serde_json::from_str(&serde_json::to_string(&table).unwrap()).unwrap();
        assert_eq!(back.to_csv(), table.to_csv());
    }
}
