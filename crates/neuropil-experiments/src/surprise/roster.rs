//! The learners of the paper by name, with the parameters that the paper tuned.

use neuropil_surprise::method::Method;
use neuropil_surprise::resampling::Threshold;

use super::published;
use super::task::{Kind, Task};
use crate::{Error, Result};

/// A learner with its parameters, ready to start.
#[derive(Debug, Clone)]
pub struct Contender {
    /// Name in files, as in the reference tables.
    pub key: &'static str,
    /// How it learns.
    pub method: Method,
    /// The hazard that it assumes.
    pub hazard: f64,
    /// Standard deviation of its prior of a Gaussian mean.
    pub prior_sd: f64,
}

/// Standard deviation of the prior that stands for "flat" in the delta rules as originally published.
pub const FLAT_PRIOR_SD: f64 = 1000.0;

/// Learners of the Gaussian task, in the order of the paper's figures.
pub const GAUSSIAN: &[&str] = &[
    "exact",
    "mp1",
    "mp10",
    "mp20",
    "merging20",
    "sor1",
    "sor10",
    "sor20",
    "pf1",
    "pf10",
    "pf20",
    "varsmile",
    "nassar10",
    "nassar12",
    "nassar10-original",
    "nassar12-original",
    "smile",
    "leaky",
];

/// Learners of the categorical task.
pub const CATEGORICAL: &[&str] = &[
    "exact",
    "mp1",
    "mp10",
    "mp20",
    "merging20",
    "sor1",
    "sor10",
    "sor20",
    "pf1",
    "pf10",
    "pf20",
    "varsmile",
    "smile",
    "leaky",
];

/// The learners of a task.
pub fn of(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Gaussian => GAUSSIAN,
        Kind::Categorical => CATEGORICAL,
    }
}

/// How a learner is called in figures.
pub fn label(key: &str) -> &str {
    match key {
        "exact" => "Exact Bayes",
        "mp1" => "MP1",
        "mp10" => "MP10",
        "mp20" => "MP20",
        "merging20" => "MP20, merging",
        "sor1" => "SOR1",
        "sor10" => "SOR10",
        "sor20" => "SOR20",
        "sor10-published" => "SOR10, published threshold",
        "sor20-published" => "SOR20, published threshold",
        "varsmile" => "VarSMiLe",
        "nassar10" => "Nas10*",
        "nassar12" => "Nas12*",
        "nassar10-original" => "Nas10 original",
        "nassar12-original" => "Nas12 original",
        "smile" => "SMiLe",
        "leaky" => "Leaky",
        other => other,
    }
}

/// Whether the learner has a parameter that the paper tunes.
pub fn is_tuned(key: &str) -> bool {
    matches!(key, "varsmile" | "smile" | "leaky" | "nassar10" | "nassar12" | "nassar10-original" | "nassar12-original")
}

/// A learner whose parameter is `value`: omega, m, or the assumed hazard, as [`is_tuned`] learners need; the others
/// take `value` as the hazard.
pub fn with_parameter(key: &'static str, value: f64, hazard: f64) -> Result<Contender> {
    let pf = |n| Method::ParticleFilter { n };
    let compatible = |n| Method::StratifiedResampling { n, threshold: Threshold::Liakoni2021 };
    let mut hazard = if is_tuned(key) { hazard } else { value };
    let method = match key {
        "exact" => Method::exact(),
        "mp1" => Method::message_passing(1),
        "mp10" => Method::message_passing(10),
        "mp20" => Method::message_passing(20),
        "merging20" => Method::merging(20),
        "sor1" => Method::stratified_resampling(1),
        "sor10" => Method::stratified_resampling(10),
        "sor20" => Method::stratified_resampling(20),
        "sor10-published" => compatible(10),
        "sor20-published" => compatible(20),
        "pf1" => pf(1),
        "pf10" => pf(10),
        "pf20" => pf(20),
        "varsmile" => Method::VarSmile { m: Some(value) },
        "smile" => Method::Smile { m: Some(value) },
        "leaky" => Method::Leaky { omega: value },
        "nassar10" | "nassar10-original" => {
            hazard = value;
            Method::Nassar2010 { initial_run_length: 1.0 }
        }
        "nassar12" | "nassar12-original" => {
            hazard = value;
            Method::Nassar2012 { initial_run_length: 1.0 }
        }
        _ => return Err(Error::failed(format!("there is no learner \"{key}\""))),
    };
    let prior_sd = if key.ends_with("-original") { FLAT_PRIOR_SD } else { 1.0 };
    Ok(Contender { key, method, hazard, prior_sd })
}

/// A learner with the parameter that was published for this cell of the grid; those without one know the hazard.
pub fn published(key: &'static str, task: Task, hazard: f64) -> Result<Contender> {
    if !is_tuned(key) {
        return with_parameter(key, hazard, hazard);
    }
    let value = published::parameter(task.kind, task.level, key, hazard).ok_or_else(|| {
        Error::failed(format!("no published parameter of {key} at level {} and hazard {hazard}", task.level))
    })?;
    with_parameter(key, value, hazard)
}
