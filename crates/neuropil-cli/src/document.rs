//! The JSON document of a command.

use neuropil_core::provenance;
use serde_json::{Value, json};

/// Grows when the meaning of a key changes.
const SCHEMA: u32 = 1;

/// What every command prints with `--json` and puts beside its tables and arrays: who, how, from what, and the result.
/// Numbers that are not finite are `null`.
pub(crate) fn document(command: &str, seed: u64, parameters: Value, input: Value, result: Value) -> Value {
    json!({
        "neuropil": provenance::version(),
        "schema": SCHEMA,
        "command": command,
        "seed": seed,
        "parameters": parameters,
        "input": input,
        "result": result,
    })
}
