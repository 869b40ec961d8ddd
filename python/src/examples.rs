//! The data sets inside the package: the files of `data/`, compiled in, so that the wheel needs no path to find them.

use pyo3::prelude::*;

use crate::errors::Failure;

/// A data set: its name, its csv file, and what a user should know about it. `data/README.md` has the details.
struct Example {
    name: &'static str,
    csv: &'static str,
    description: &'static str,
    licence: &'static str,
}

const EXAMPLES: &[Example] = &[
    Example {
        name: "annotations",
        csv: include_str!("../../data/annotations.csv"),
        description: "Changes that people marked in nile, well_log and run_log (first sample of the new segment, 0-based)",
        licence: "MIT, from the Turing Change Point Dataset",
    },
    Example {
        name: "gaussian_task",
        csv: include_str!("../../data/gaussian_task.csv"),
        description: "A Gaussian change-point task with its hidden mean: sigma 0.1, hazard 0.01",
        licence: "MIT, Liakoni, Modirshanechi, Gerstner and Brea (2021)",
    },
    Example {
        name: "nile",
        csv: include_str!("../../data/nile.csv"),
        description: "Yearly flow of the Nile at Aswan, 1871 to 1970 (Cobb 1978)",
        licence: "public domain values",
    },
    Example {
        name: "run_log",
        csv: include_str!("../../data/run_log.csv"),
        description: "Pace and distance of a runner during interval training",
        licence: "MIT, G. J. J. van den Burg, from the Turing Change Point Dataset",
    },
    Example {
        name: "well_log",
        csv: include_str!("../../data/well_log.csv"),
        description: "Nuclear-magnetic response while drilling a well, every sixth sample (O Ruanaidh and Fitzgerald 1996)",
        licence: "MIT, from the Turing Change Point Dataset",
    },
];

/// Names of the data sets.
#[pyfunction]
pub fn example_names() -> Vec<&'static str> {
    EXAMPLES.iter().map(|example| example.name).collect()
}

/// The csv text, the description and the licence of a data set.
#[pyfunction]
pub fn example_file(name: &str) -> PyResult<(&'static str, &'static str, &'static str)> {
    match EXAMPLES.iter().find(|example| example.name == name) {
        Some(example) => Ok((example.csv, example.description, example.licence)),
        None => {
            Err(Failure::Input(format!("unknown data set {name:?}; the data sets are {}", example_names().join(", ")))
                .into())
        }
    }
}
