//! Finished experiments, kept as one file each.

use std::path::{Path, PathBuf};

use neuropil_core::files::{FileError, Overwrite, write_atomically};
use neuropil_core::provenance::Fingerprint;
use neuropil_report::Section;
use serde::{Deserialize, Serialize};

use crate::{Experiment, Size};

/// What decides the outcome of an experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Key {
    /// The experiment.
    pub id: String,
    /// Its size.
    pub size: Size,
    /// The seed of the run.
    pub seed: u64,
    /// Its parameters.
    pub parameters: serde_json::Value,
    /// Version of the program and hash of its sources.
    pub version: String,
}

impl Key {
    /// The key of an experiment in a run of the program as it is now.
    #[must_use]
    pub fn new(experiment: &dyn Experiment, size: Size, seed: u64) -> Self {
        Self {
            id: experiment.info().id.to_owned(),
            size,
            seed,
            parameters: experiment.parameters(size),
            version: crate::version(),
        }
    }

    fn stem(&self) -> String {
        format!("{}@{}@{}@", self.id, self.size, self.seed)
    }

    fn file_name(&self) -> String {
        let hash = Fingerprint::new().text(&self.parameters.to_string()).text(&self.version);
        format!("{}{hash}.json", self.stem())
    }
}

#[derive(Serialize, Deserialize)]
struct Entry {
    schema: u32,
    key: Key,
    section: Section,
}

const SCHEMA: u32 = 1;

/// A folder of finished experiments.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// The cache in a folder, which is created when the first experiment is stored.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The stored outcome, or `None` if there is none for exactly this key.
    ///
    /// # Errors
    /// A sentence that says why a file with the right name cannot be used; the experiment has to be run again.
    pub fn load(&self, key: &Key) -> Result<Option<Section>, String> {
        let path = self.folder.join(key.file_name());
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("cannot read the finished experiment {}: {error}", path.display())),
        };
        let entry: Entry = serde_json::from_slice(&text)
            .map_err(|error| format!("the finished experiment {} is damaged ({error})", path.display()))?;
        if entry.schema != SCHEMA || entry.key != *key {
            return Err(format!("the finished experiment {} is of another run", path.display()));
        }
        Ok(Some(entry.section))
    }

    /// Stores an outcome and removes those of the same experiment, size and seed that other code or parameters left.
    pub fn store(&self, key: &Key, section: &Section) -> Result<(), FileError> {
        std::fs::create_dir_all(&self.folder).map_err(|source| FileError::Io { path: self.folder.clone(), source })?;
        let name = key.file_name();
        let entry = Entry { schema: SCHEMA, key: key.clone(), section: section.clone() };
        write_atomically(&self.folder.join(&name), Overwrite::Replace, |file| {
            serde_json::to_writer(file, &entry).map_err(Into::into)
        })?;
        let stem = key.stem();
        for other in std::fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let other_name = other.file_name();
            if other_name.to_str().is_some_and(|other| other.starts_with(&stem) && other != name) {
                // A leftover costs space and nothing else.
                let _ = std::fs::remove_file(other.path());
            }
        }
        Ok(())
    }
}
