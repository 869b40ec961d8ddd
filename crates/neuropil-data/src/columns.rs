//! Tables of text, by column name.
//!
//! The fields of a row are separated by commas, semicolons, tabs or blanks (found out from the first lines); fields may
//! be quoted with `"`. Blank lines and lines that begin with `#` are skipped. The first row holds the names. A file whose
//! first row holds numbers only has no names: they are taken from the comment above, if it has as many words, and are
//! otherwise `column_1`, `column_2`, ...; so is a column whose name is empty.

use std::io::Read;
use std::path::{Path, PathBuf};

use csv::StringRecord;
use ndarray::Array2;
use serde::Serialize;

pub use crate::dialect::{Delimiter, Names};
use crate::dialect::{comment_above, content_lines, is_data, is_missing, number};
use crate::error::{DataError, Result};
use crate::kind;

/// A table of text in memory.
#[derive(Debug, Clone)]
pub struct Columns {
    path: PathBuf,
    names: Vec<String>,
    /// Columns without a name of their own are never chosen by default: often they count the rows.
    named: Vec<bool>,
    fields: Vec<Packed>,
    /// The line of the file of each row.
    lines: Vec<u64>,
    delimiter: Delimiter,
    names_from: Names,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnType {
    /// Numbers and missing values.
    Number,
    /// Something else, too.
    Text,
    /// Missing values only.
    Missing,
}

/// The fields of one column, end to end: a tenth of the memory of a string for each.
#[derive(Debug, Clone, Default)]
struct Packed {
    text: String,
    ends: Vec<usize>,
}

impl Packed {
    fn push(&mut self, field: &str) {
        self.text.push_str(field);
        self.ends.push(self.text.len());
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.text[start..end])
    }
}

/// Reads a table of text; the path `-` is the standard input.
///
/// # Errors
/// A missing file, one that is no UTF-8 text, a row with more or fewer fields than the first.
pub fn read_csv(path: &Path) -> Result<Columns> {
    let mut bytes = Vec::new();
    let read = if kind::is_standard_input(path) {
        std::io::stdin().lock().read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|mut file| file.read_to_end(&mut bytes))
    };
    read.map_err(|error| DataError::io(path, error))?;
    parse_csv(path, bytes)
}

/// Reads a table of text that is in memory; `path` is how errors call it.
///
/// # Errors
/// As [`read_csv`].
pub fn parse_csv(path: &Path, bytes: Vec<u8>) -> Result<Columns> {
    kind::check_table(path, &bytes)?;
    let mut text = String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|b| **b == b'\n').count() + 1;
        DataError::format(
            path,
            format!("line {line} is not UTF-8 text; save the file as UTF-8 (\"CSV UTF-8\" in Excel)"),
        )
    })?;
    // A table may fill half the memory: it is copied only where its line ends have to change.
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    if text.contains('\r') {
        text = text.replace("\r\n", "\n").replace('\r', "\n");
    }
    if !text.ends_with('\n') {
        text.push('\n');
    }
    let mut columns = Columns {
        path: path.into(),
        names: Vec::new(),
        named: Vec::new(),
        fields: Vec::new(),
        lines: Vec::new(),
        delimiter: Delimiter::detect(&text),
        names_from: Names::Header,
    };
    columns.parse(&text)?;
    Ok(columns)
}

impl Columns {
    fn parse(&mut self, text: &str) -> Result<()> {
        match self.delimiter.byte() {
            None => {
                for (line, content) in content_lines(text) {
                    self.push(text, line, content.split_whitespace())?;
                }
            }
            Some(byte) => {
                let mut reader = csv::ReaderBuilder::new()
                    .has_headers(false)
                    .flexible(true)
                    .delimiter(byte)
                    .comment(Some(b'#'))
                    .from_reader(text.as_bytes());
                let mut record = StringRecord::new();
                while reader.read_record(&mut record).map_err(|e| DataError::format(&self.path, e.to_string()))? {
                    // A line of blanks is nothing, except in a table of one column: there `""` is how csv writes a
                    // missing value.
                    if self.fields.len() != 1 && record.len() == 1 && record[0].trim().is_empty() {
                        continue;
                    }
                    // The reader knows the line after the record; the record may span several.
                    let within = record.iter().map(|field| field.matches('\n').count() as u64).sum::<u64>();
                    let line = reader.position().line().saturating_sub(1 + within).max(1);
                    self.push(text, line, record.iter())?;
                }
            }
        }
        if self.fields.is_empty() {
            return Err(DataError::Empty { path: self.path.clone(), what: "rows" });
        }
        Ok(())
    }

    fn push<'a>(&mut self, text: &str, line: u64, row: impl Iterator<Item = &'a str> + Clone) -> Result<()> {
        let n = row.clone().count();
        if self.fields.is_empty() {
            self.fields = vec![Packed::default(); n];
            if !self.name(text, row.clone(), n) {
                return Ok(());
            }
        } else if n != self.fields.len() {
            let expected = self.fields.len();
            let problem = format!(
                "line {line} has {n} {}, but the first row has {expected}; every row needs as many fields as there \
                 are columns (leave a missing value empty, check the quotes)",
                if n == 1 { "field" } else { "fields" }
            );
            return Err(DataError::format(&self.path, problem));
        }
        self.fields.iter_mut().zip(row).for_each(|(column, field)| column.push(field.trim()));
        self.lines.push(line);
        Ok(())
    }

    /// Takes the names from the first row; whether that row is data all the same.
    fn name<'a>(&mut self, text: &str, row: impl Iterator<Item = &'a str> + Clone, n: usize) -> bool {
        let is_data = is_data(row.clone());
        let comment = comment_above(text).map(|comment| self.delimiter.split(comment));
        let (given, names_from) = match comment {
            _ if !is_data => (row.map(|name| name.trim().to_owned()).collect(), Names::Header),
            Some(words) if words.len() == n && words.iter().all(|word| number(word).is_none()) => {
                (words, Names::Comment)
            }
            _ => (vec![String::new(); n], Names::Numbered),
        };
        self.named = given.iter().map(|name| !name.is_empty() || names_from == Names::Numbered).collect();
        let name = |(i, name): (usize, String)| if name.is_empty() { numbered(i) } else { name };
        self.names = given.into_iter().enumerate().map(name).collect();
        self.names_from = names_from;
        is_data
    }

    /// The names of the columns, in the order of the file.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The number of rows, without the names.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.lines.len()
    }

    /// What separates the fields.
    #[must_use]
    pub fn delimiter(&self) -> Delimiter {
        self.delimiter
    }

    /// Where the names come from.
    #[must_use]
    pub fn names_from(&self) -> Names {
        self.names_from
    }

    /// The line of the file, counted from 1, of a row, counted from 0: for errors about its content.
    #[must_use]
    pub fn line(&self, row: usize) -> Option<u64> {
        self.lines.get(row).copied()
    }

    /// A column of numbers; NaN where a value is missing.
    ///
    /// # Errors
    /// An unknown name; a field that is neither a number nor missing.
    pub fn numbers(&self, name: &str) -> Result<Vec<f64>> {
        let column = &self.fields[self.find(name)?];
        let parse = |(row, field)| number(field).ok_or_else(|| self.not_a_number(name, row, field));
        column.iter().enumerate().map(parse).collect()
    }

    /// Several columns of numbers, one row of the table per row.
    ///
    /// # Errors
    /// As [`Columns::numbers`].
    pub fn numbers_of<S: AsRef<str>>(&self, names: &[S]) -> Result<Array2<f64>> {
        let mut numbers = Array2::zeros((self.n_rows(), names.len()));
        for (name, mut target) in names.iter().zip(numbers.columns_mut()) {
            for (slot, value) in target.iter_mut().zip(self.numbers(name.as_ref())?) {
                *slot = value;
            }
        }
        Ok(numbers)
    }

    /// A column as it stands in the file, without surrounding blanks and quotes.
    ///
    /// # Errors
    /// An unknown name.
    pub fn text(&self, name: &str) -> Result<Vec<&str>> {
        Ok(self.fields[self.find(name)?].iter().collect())
    }

    /// Whether a column holds numbers.
    ///
    /// # Errors
    /// An unknown name.
    pub fn column_type(&self, name: &str) -> Result<ColumnType> {
        Ok(self.type_at(self.find(name)?))
    }

    /// The types of all columns, in the order of [`Columns::names`].
    #[must_use]
    pub fn column_types(&self) -> Vec<ColumnType> {
        (0..self.names.len()).map(|i| self.type_at(i)).collect()
    }

    /// The column that is meant when none is named: the only one that holds numbers. Columns without a name do not
    /// count if others have one: they often number the rows.
    ///
    /// # Errors
    /// No such column, or several.
    pub fn default_column(&self) -> Result<&str> {
        let numeric = |i: &usize| self.named[*i] && self.type_at(*i) == ColumnType::Number;
        let candidates: Vec<usize> = (0..self.names.len()).filter(numeric).collect();
        match candidates.as_slice() {
            [only] => Ok(&self.names[*only]),
            [] => Err(DataError::Empty { path: self.path.clone(), what: "column of numbers" }),
            several => Err(DataError::Choose {
                path: self.path.clone(),
                what: "numeric column",
                available: several.iter().map(|i| self.names[*i].clone()).collect(),
            }),
        }
    }

    pub(crate) fn column(&self, i: usize) -> impl Iterator<Item = &str> {
        self.fields[i].iter()
    }

    fn type_at(&self, i: usize) -> ColumnType {
        let mut kind = ColumnType::Missing;
        for field in self.column(i) {
            match number(field) {
                None => return ColumnType::Text,
                Some(_) if is_missing(field) => {}
                Some(_) => kind = ColumnType::Number,
            }
        }
        kind
    }

    fn find(&self, name: &str) -> Result<usize> {
        let mut found = self.names.iter().enumerate().filter(|(_, known)| *known == name).map(|(i, _)| i);
        match (found.next(), found.count()) {
            (Some(i), 0) => Ok(i),
            (Some(_), more) => {
                Err(DataError::Ambiguous { path: self.path.clone(), name: name.into(), count: more + 1 })
            }
            (None, _) => Err(DataError::unknown(&self.path, "column", name, &self.names)),
        }
    }

    fn not_a_number(&self, column: &str, row: usize, field: &str) -> DataError {
        let point = field.replacen(',', ".", 1);
        let advice = if point != field && point.parse::<f64>().is_ok() {
            format!("write decimals with a point: {point}")
        } else {
            "correct it, or leave it empty (or NA) if it is missing".into()
        };
        // A quote that never ends makes a field as long as the file.
        let value =
            if field.chars().count() > 60 { field.chars().take(57).collect::<String>() + "..." } else { field.into() };
        let line = self.line(row).unwrap_or(0);
        DataError::Number { path: self.path.clone(), line, column: column.into(), value, advice }
    }
}

/// The name of a column that has none.
pub(crate) fn numbered(i: usize) -> String {
    format!("column_{}", i + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Result<Columns> {
        parse_csv(Path::new("t.csv"), text.as_bytes().to_vec())
    }

    #[test]
    fn columns_are_read_by_name_and_missing_values_become_nan() {
        let t = table("\u{feff}subject,trial,y\r\n\"A, b\",1,0.5\r\nC,2,\r\nD,3,n/a\r\n").unwrap();
        assert_eq!(t.names(), ["subject", "trial", "y"]);
        assert_eq!(t.text("subject").unwrap(), ["A, b", "C", "D"]);
        let y = t.numbers("y").unwrap();
        assert!(y[0] == 0.5 && y[1].is_nan() && y[2].is_nan());
        assert_eq!(t.column_types(), [ColumnType::Text, ColumnType::Number, ColumnType::Number]);
        assert_eq!(t.numbers_of(&["trial", "y"]).unwrap().dim(), (3, 2));
        assert_eq!(t.n_rows(), 3);
        let single = table("y\n1\n\"\"\n\n2\n").unwrap().numbers("y").unwrap();
        assert!(single.len() == 3 && single[1].is_nan() && single[2] == 2.0);
        assert_eq!(table("a,b\n1,2\n  \n3,4\n").unwrap().n_rows(), 2);
    }

    #[test]
    fn a_bad_number_is_named_with_its_line_in_spite_of_comments_and_long_fields() {
        let t = table("# made today\nname,y\n\n# more\n\"two\nlines\",1\nx,oops\n").unwrap();
        let error = t.numbers("y").unwrap_err().to_string();
        let expected = "\"t.csv\", line 7, column \"y\": \"oops\" is not a number; correct it, or leave it empty (or NA) \
                        if it is missing";
        assert_eq!(error, expected);
        assert_eq!((t.line(0), t.line(1), t.line(2)), (Some(5), Some(7), None));
        let t = table("x;y\n1;2,5").unwrap();
        assert!(t.numbers("y").unwrap_err().to_string().ends_with("write decimals with a point: 2.5"));
    }

    #[test]
    fn an_unknown_column_lists_the_others_and_suggests_the_nearest() {
        let error = table("reward,y\n1,2\n").unwrap().numbers("rewards").unwrap_err().to_string();
        assert_eq!(error, r#""t.csv" has no column "rewards"; did you mean "reward"? It has "reward", "y""#);
        assert!(table("y,y\n1,2\n").unwrap().numbers("y").unwrap_err().to_string().contains("2 columns \"y\""));
    }

    #[test]
    fn a_file_without_names_gets_them_from_its_comment_or_by_number() {
        let t = table("1 2\n3 4\n").unwrap();
        assert_eq!((t.names_from(), t.n_rows()), (Names::Numbered, 2));
        assert_eq!(t.numbers("column_2").unwrap(), [2.0, 4.0]);
        let t = table("# saved by numpy\n# time flow\n1.0 2.0\n").unwrap();
        assert_eq!((t.names_from(), t.n_rows()), (Names::Comment, 1));
        assert_eq!(t.numbers("flow").unwrap(), [2.0]);
    }

    #[test]
    fn the_default_column_is_the_only_numeric_one() {
        assert_eq!(table("s,y\na,1\n").unwrap().default_column().unwrap(), "y");
        assert_eq!(table(",y\n0,1\n1,5\n").unwrap().default_column().unwrap(), "y");
        assert_eq!(table("4\n5\n").unwrap().default_column().unwrap(), "column_1");
        let error = table("t,s,y\n0,a,1\n").unwrap().default_column().unwrap_err().to_string();
        assert_eq!(error, r#""t.csv" holds 2 numeric columns: "t", "y"; choose one by name"#);
        assert!(table("s\na\n").unwrap().default_column().is_err());
    }

    #[test]
    fn ragged_rows_and_what_is_not_text_are_refused() {
        let error = table("a,b\n1,2\n3\n").unwrap_err().to_string();
        assert!(error.contains("line 3 has 1 field, but the first row has 2"), "{error}");
        assert!(table("").unwrap_err().to_string().contains("holds no rows"));
        assert!(table("# only this\n\n").is_err());
        let latin = parse_csv(Path::new("t.csv"), b"a,b\n1,2\n\xe9,3\n".to_vec()).unwrap_err().to_string();
        assert!(latin.contains("line 3 is not UTF-8"), "{latin}");
        let utf16 = parse_csv(Path::new("t.csv"), b"\xff\xfea\0".to_vec()).unwrap_err().to_string();
        assert!(utf16.contains("UTF-16"), "{utf16}");
        assert_eq!(table("a,b\n").unwrap().n_rows(), 0);
    }
}
