//! Why a file cannot be used.

use std::io;
use std::path::{Path, PathBuf};

use neuropil_core::files::FileError;
use thiserror::Error;

/// The result of reading or writing data.
pub type Result<T> = std::result::Result<T, DataError>;

/// Why a file cannot be read or written: which file, where in it, what was found and what to do.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DataError {
    /// The file does not exist.
    #[error("\"{}\" does not exist; check the name and the folder", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot read \"{}\": {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The content is of a kind that is not read.
    #[error("\"{}\" is {found}; neuropil reads npy, npz, IDX, csv and tsv, and spikes from HDF5 and NWB: {advice}", path.display())]
    Kind {
        /// The file.
        path: PathBuf,
        /// What the file is.
        found: String,
        /// How to make it readable.
        advice: String,
    },
    /// The content is damaged, cut off or breaks the rules of its format.
    #[error("cannot read \"{}\": {problem}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong, where, and what to do.
        problem: String,
    },
    /// A field of a table should be a number and is not.
    #[error("\"{}\", line {line}, column \"{column}\": \"{value}\" is not a number; {advice}", path.display())]
    Number {
        /// The file.
        path: PathBuf,
        /// The line of the file, counted from 1.
        line: u64,
        /// The name of the column.
        column: String,
        /// The field.
        value: String,
        /// What to do.
        advice: String,
    },
    /// A column or an array is asked for that the file does not have.
    #[error("\"{}\" has no {what} \"{name}\"; {}", path.display(), offer(what, available, nearest.as_deref()))]
    Unknown {
        /// The file.
        path: PathBuf,
        /// `column` or `array`.
        what: &'static str,
        /// The name that was asked for.
        name: String,
        /// The names that the file has.
        available: Vec<String>,
        /// The one that was probably meant.
        nearest: Option<String>,
    },
    /// Two columns have the name that was asked for.
    #[error("\"{}\" has {count} columns \"{name}\"; rename them in the file", path.display())]
    Ambiguous {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
        /// How many columns have it.
        count: usize,
    },
    /// The file holds several candidates and none was chosen.
    #[error("\"{}\" holds {} {what}s: {}; choose one by name", path.display(), available.len(), list(available))]
    Choose {
        /// The file.
        path: PathBuf,
        /// `numeric column` or `array`.
        what: &'static str,
        /// The names to choose from.
        available: Vec<String>,
    },
    /// The numbers of an array are of a type that is not read.
    #[error("\"{}\"{}: values of type {dtype} are not read; {advice}", path.display(), place(array.as_deref()))]
    Type {
        /// The file.
        path: PathBuf,
        /// The array, in a file that holds several.
        array: Option<String>,
        /// numpy's name of the type.
        dtype: String,
        /// What to do.
        advice: &'static str,
    },
    /// An array has a shape that does not fit its use.
    #[error("\"{}\"{} has shape {shape:?}; {wanted}", path.display(), place(array.as_deref()))]
    Shape {
        /// The file.
        path: PathBuf,
        /// The array, in a file that holds several.
        array: Option<String>,
        /// Its shape.
        shape: Vec<usize>,
        /// What is wanted.
        wanted: &'static str,
    },
    /// The file holds no data.
    #[error("\"{}\" holds no {what}", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
        /// What it lacks.
        what: &'static str,
    },
    /// What should be written does not make a file.
    #[error("cannot write \"{}\": {problem}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// Spike trains that cannot be used.
    #[error("{problem}")]
    Spikes {
        /// What is wrong, where, and what to do.
        problem: String,
    },
    /// The file could not be written.
    #[error(transparent)]
    Write(#[from] FileError),
}

impl DataError {
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::NotFound => Self::Missing { path: path.into() },
            io::ErrorKind::UnexpectedEof => Self::format(path, "it ends too early; it was cut off, copy it again"),
            _ => Self::Io { path: path.into(), source },
        }
    }

    pub(crate) fn format(path: &Path, problem: impl Into<String>) -> Self {
        Self::Format { path: path.into(), problem: problem.into() }
    }

    pub(crate) fn unknown(path: &Path, what: &'static str, name: &str, available: &[String]) -> Self {
        let nearest = nearest(name, available);
        Self::Unknown { path: path.into(), what, name: name.into(), available: available.to_vec(), nearest }
    }
}

fn place(array: Option<&str>) -> String {
    array.map_or_else(String::new, |name| format!(", array \"{name}\""))
}

fn offer(what: &str, available: &[String], nearest: Option<&str>) -> String {
    match (available, nearest) {
        ([], _) => format!("it has no {what} at all"),
        (_, Some(nearest)) => format!("did you mean \"{nearest}\"? It has {}", list(available)),
        (_, None) => format!("it has {}", list(available)),
    }
}

/// The names in quotes; the first twenty of a long list.
fn list(names: &[String]) -> String {
    const SHOWN: usize = 20;
    let mut text = names.iter().take(SHOWN).map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text += &format!(" and {} more", names.len() - SHOWN);
    }
    text
}

/// The available name with the smallest edit distance, if it is close enough to be a slip.
fn nearest(name: &str, available: &[String]) -> Option<String> {
    let wanted: Vec<char> = name.to_lowercase().chars().take(100).collect();
    let allowed = (wanted.len() / 3).max(1);
    available
        .iter()
        .map(|candidate| {
            (edit_distance(&wanted, &candidate.to_lowercase().chars().take(100).collect::<Vec<_>>()), candidate)
        })
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate.clone())
}

/// Levenshtein's distance: insertions, deletions and replacements of one character.
fn edit_distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, right) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(left != right);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_recognised_and_a_foreign_word_is_not() {
        let names = ["subject", "reward", "y"].map(str::to_owned);
        assert_eq!(nearest("Subjct", &names).as_deref(), Some("subject"));
        assert_eq!(nearest("rewards", &names).as_deref(), Some("reward"));
        assert_eq!(nearest("temperature", &names), None);
        let error = DataError::unknown(Path::new("a.csv"), "column", "rewrd", &names).to_string();
        let sentence = r#""a.csv" has no column "rewrd"; did you mean "reward"? It has "subject", "reward", "y""#;
        assert_eq!(error, sentence);
    }
}
