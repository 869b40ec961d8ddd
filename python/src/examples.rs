//! The data sets inside the package: the files of `data/`, compiled in, so that the wheel needs no path to find them.

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors::Failure;

/// A data set: its name, its file, and what a user should know about it. `data/README.md` has the details.
struct Example {
    name: &'static str,
    format: &'static str,
    file: &'static [u8],
    description: &'static str,
    licence: &'static str,
}

const EXAMPLES: &[Example] = &[
    Example {
        name: "annotations",
        format: "csv",
        file: include_bytes!("../../data/annotations.csv"),
        description: "Changes that people marked in nile, well_log and run_log (first sample of the new segment, 0-based)",
        licence: "MIT, from the Turing Change Point Dataset",
    },
    Example {
        name: "digits",
        format: "npz",
        file: include_bytes!("../../data/digits.npz"),
        description: "1797 handwritten digits, 8 x 8 grey values from 0 to 16, with labels",
        licence: "CC BY 4.0, E. Alpaydin and C. Kaynak (1998), UCI Machine Learning Repository",
    },
    Example {
        name: "gaussian_task",
        format: "csv",
        file: include_bytes!("../../data/gaussian_task.csv"),
        description: "A Gaussian change-point task with its hidden mean: sigma 0.1, hazard 0.01",
        licence: "MIT, Liakoni, Modirshanechi, Gerstner and Brea (2021)",
    },
    Example {
        name: "nile",
        format: "csv",
        file: include_bytes!("../../data/nile.csv"),
        description: "Yearly flow of the Nile at Aswan, 1871 to 1970 (Cobb 1978)",
        licence: "public domain values",
    },
    Example {
        name: "run_log",
        format: "csv",
        file: include_bytes!("../../data/run_log.csv"),
        description: "Pace and distance of a runner during interval training",
        licence: "MIT, G. J. J. van den Burg, from the Turing Change Point Dataset",
    },
    Example {
        name: "teacher_grid",
        format: "csv",
        file: include_bytes!("../../data/teacher_grid.csv"),
        description: "The outputs of a teacher network of four neurons on a grid of inputs (Simsek et al. 2021)",
        licence: "CC0",
    },
    Example {
        name: "teacher_network",
        format: "npz",
        file: include_bytes!("../../data/teacher_network.npz"),
        description: "The weights of the teacher network behind teacher_grid",
        licence: "CC0",
    },
    Example {
        name: "well_log",
        format: "csv",
        file: include_bytes!("../../data/well_log.csv"),
        description: "Nuclear-magnetic response while drilling a well, every sixth sample (O Ruanaidh and Fitzgerald 1996)",
        licence: "MIT, from the Turing Change Point Dataset",
    },
    Example {
        name: "wta_spikes",
        format: "csv",
        file: include_bytes!("../../data/wta_spikes.csv"),
        description: "Spikes of twelve neurons of a simulated winner-take-all circuit, 12 s",
        licence: "MIT OR Apache-2.0, made by neuropil",
    },
];

/// Names of the data sets.
#[pyfunction]
pub fn example_names() -> Vec<&'static str> {
    EXAMPLES.iter().map(|example| example.name).collect()
}

/// The file of a data set, its format ("csv" or "npz"), the description and the licence.
#[pyfunction]
#[pyo3(signature = (name) -> "tuple[bytes, str, str, str]")]
pub fn example_file<'py>(
    py: Python<'py>,
    name: &str,
) -> PyResult<(Bound<'py, PyBytes>, &'static str, &'static str, &'static str)> {
    match EXAMPLES.iter().find(|example| example.name == name) {
        Some(example) => Ok((PyBytes::new(py, example.file), example.format, example.description, example.licence)),
        None => {
            Err(Failure::Input(format!("unknown data set {name:?}; the data sets are {}", example_names().join(", ")))
                .into())
        }
    }
}
