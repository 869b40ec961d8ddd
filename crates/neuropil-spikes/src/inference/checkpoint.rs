//! The file from which an interrupted fit goes on.

use std::path::Path;

use neuropil_core::files::{Overwrite, write_atomically};
use neuropil_core::provenance::Fingerprint;
use serde::{Deserialize, Serialize};

use super::baum_viterbi::{FitOptions, Restart};
use super::recording::Recording;
use crate::error::{Error, Result};
use crate::network::Network;

#[derive(Serialize, Deserialize)]
struct Checkpoint {
    format: String,
    key: u64,
    restarts: Vec<Restart>,
}

const FORMAT: &str = "neuropil spikes fit 1";

/// A number that is the same for the same template, options and recording.
pub(super) fn key(template: &Network, options: &FitOptions, recording: &Recording) -> u64 {
    let mut print = Fingerprint::new()
        .text(&serde_json::to_string(template).unwrap_or_default())
        .text(&serde_json::to_string(options).unwrap_or_default())
        .numbers(&[recording.dt]);
    for trial in &recording.trials {
        print = print.bytes(&trial.spikes.iter().copied().collect::<Vec<u8>>()).numbers(&trial.initial_activity);
        if let Some(drive) = &trial.drive {
            print = print.numbers(&drive.iter().copied().collect::<Vec<f64>>());
        }
    }
    // Integers beyond 2^53 do not survive every JSON reader.
    recording.populations.iter().fold(print, |print, &label| print.word(label as u64)).value() >> 11
}

fn unusable(path: &Path, problem: impl std::fmt::Display) -> Error {
    Error::State { what: format!("the checkpoint {}", path.display()), problem: problem.to_string() }
}

/// The restarts of a checkpoint; `None` if there is no file.
pub(super) fn read(path: &Path, key: u64) -> Result<Option<Vec<Restart>>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unusable(path, error)),
    };
    let checkpoint: Checkpoint = serde_json::from_str(&text)
        .map_err(|error| unusable(path, format!("it is no checkpoint of a fit ({error}); delete it to start anew")))?;
    if checkpoint.format != FORMAT || checkpoint.key != key {
        return Err(unusable(
            path,
            "it belongs to another recording, template or options; delete it, or give another path",
        ));
    }
    Ok(Some(checkpoint.restarts))
}

pub(super) fn write(path: &Path, key: u64, restarts: &[Restart]) -> Result<()> {
    let checkpoint = Checkpoint { format: FORMAT.into(), key, restarts: restarts.to_vec() };
    write_atomically(path, Overwrite::Replace, |out| serde_json::to_writer(out, &checkpoint).map_err(Into::into))
        .map_err(|error| unusable(path, error))
}
