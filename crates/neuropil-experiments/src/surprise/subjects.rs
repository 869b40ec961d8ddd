//! Simulated subjects in the Gaussian task: what each learner predicted, and how surprised it was.

use neuropil_core::random::Seed;
use neuropil_core::threads;
use neuropil_surprise::family::Gaussian;
use neuropil_surprise::hazard::Hazard;
use neuropil_surprise::surprise::bayes_factor;
use rayon::prelude::*;

use super::roster;
use super::task::{Kind, Task, number_of};
use crate::{Context, Result};

/// Noise of the task.
pub const SIGMA: f64 = 0.5;
/// Change probability, known to the learners.
pub const HAZARD: f64 = 0.1;
/// Simulated subjects.
pub const SUBJECTS: u64 = 400;
/// Observations of each subject.
pub const STEPS: usize = 500;
/// The learners.
pub const LEARNERS: [&str; 2] = ["nassar12", "pf20"];

/// What a learner did at one observation.
#[derive(Debug, Clone, Copy)]
pub struct Trial {
    /// Estimate before the observation.
    pub prediction: f64,
    /// Observation minus estimate.
    pub error: f64,
    /// Bayes Factor surprise.
    pub bayes_factor: f64,
    /// Shannon surprise to base 10.
    pub shannon: f64,
    /// Density of the observation under the prior.
    pub prior_density: f64,
    /// Density of the observation under the belief.
    pub belief_density: f64,
}

/// What the report says about the simulation.
pub fn parameters() -> serde_json::Value {
    serde_json::json!({
        "sigma": SIGMA, "hazard": HAZARD, "subjects": SUBJECTS, "steps": STEPS, "learners": LEARNERS,
    })
}

/// All trials but the first of every subject, for one learner.
pub fn trials(learner: &'static str, context: &Context, id: &str) -> Result<Vec<Vec<Trial>>> {
    let task = Task { kind: Kind::Gaussian, level: SIGMA };
    let family = Gaussian { sigma: SIGMA, prior_mean: 0.0, prior_sd: 1.0 };
    let contender = roster::with_parameter(learner, HAZARD, HAZARD)?;
    let root = Seed::new(context.seed).child("subjects");
    let bar = context.monitor.task(id, SUBJECTS);
    threads::install(|| {
        (0..SUBJECTS)
            .into_par_iter()
            .map(|subject| {
                context.monitor.check()?;
                let seed = root.index(subject);
                let sequence = task.simulate(HAZARD, STEPS, seed);
                let hazard = Hazard::Constant(contender.hazard);
                let seed = number_of(seed.child(learner));
                let mut learner = contender.method.gaussian_learner(&family, &hazard, seed)?;
                let mut estimate = [0.0];
                let mut trials = Vec::with_capacity(STEPS);
                for (t, &y) in sequence.y.iter().enumerate() {
                    learner.mean(&mut estimate);
                    let scores = learner.step(&[y]);
                    let log_prior = log_prior_density(y);
                    if t > 0 {
                        trials.push(Trial {
                            prediction: estimate[0],
                            error: y - estimate[0],
                            bayes_factor: bayes_factor(scores.log_bayes_factor),
                            shannon: -scores.log_predictive / std::f64::consts::LN_10,
                            prior_density: log_prior.exp(),
                            belief_density: (log_prior - scores.log_bayes_factor).exp(),
                        });
                    }
                }
                bar.advance(1);
                Ok(trials)
            })
            .collect()
    })
}

/// `ln N(y; 0, sigma^2 + 1)`.
fn log_prior_density(y: f64) -> f64 {
    let variance = SIGMA * SIGMA + 1.0;
    -0.5 * (y * y / variance + (2.0 * std::f64::consts::PI * variance).ln())
}

/// Mean and standard error over subjects of each subject's mean; subjects without a value do not count.
pub fn over_subjects(subjects: &[Vec<Trial>], value: impl Fn(&Trial) -> Option<f64>) -> (f64, f64) {
    let means: Vec<f64> = subjects
        .iter()
        .filter_map(|trials| {
            let values: Vec<f64> = trials.iter().filter_map(&value).collect();
            neuropil_core::statistics::mean(&values)
        })
        .collect();
    neuropil_core::statistics::mean_and_standard_error(&means).unwrap_or((f64::NAN, f64::NAN))
}
