//! Adam in rounds of falling step size, then a polish: the training protocol of Simsek et al.
//!
//! Round `i` runs Adam with the step size `learning_rate / (1 + i)`. It is the last one if the mean loss of the round is
//! below `loss_tolerance`, or after `rounds`. A polish follows. It is held in a box around the point where Adam ended: a
//! point that leaves the box is a minimum at infinity, or another minimum than the one that was approached, and is given up
//! for the end of Adam. (The authors minimise in the box; the two agree where the minimum lies inside.)
//!
//! With one round this is an Adam warm-up before the polish; [`train_from`](crate::train_from) takes its end as a start of
//! the gradient flow.
//!
//! Source: Simsek et al., arXiv:2105.12221, and the authors' code.

use ndarray::Array1;
use neuropil_core::check;
use neuropil_core::progress::Monitor;
use neuropil_core::statistics::{largest, mean};
use neuropil_core::threads;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::ensemble::{AdamParameters, adam};
use crate::error::Result;
use crate::loss::Objective;
use crate::polish::{PolishParameters, Polished, Status, polish};

/// The protocol; defaults are the published ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AdamRounds {
    /// Adam in the first round; later ones divide the step size by 2, 3, ...
    pub adam: AdamParameters,
    /// Most rounds.
    pub rounds: usize,
    /// The round whose mean loss is below this is the last.
    pub loss_tolerance: f64,
    /// Half the side of the box around the end of Adam that the polish may not leave.
    pub box_size: f64,
    /// The polish.
    pub polish: PolishParameters,
}

impl Default for AdamRounds {
    fn default() -> Self {
        Self {
            adam: AdamParameters { n_steps: 100_000, ..AdamParameters::default() },
            rounds: 10,
            loss_tolerance: 1e-7,
            box_size: 10.0,
            polish: PolishParameters::default(),
        }
    }
}

/// A network that was trained in rounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainedInRounds {
    /// Where Adam ended.
    pub before_polish: Array1<f64>,
    /// Mean loss of each round.
    pub mean_losses: Vec<f64>,
    /// The polished point; where the polish left the box, the end of Adam with the status [`Status::Diverged`].
    pub polished: Polished,
}

/// Trains from given starts. All of them run together until the last is done with its rounds; each gives the same bits as
/// alone.
///
/// # Errors
/// [`crate::Error::Check`], [`crate::Error::Shape`], [`crate::Error::NotFinite`], [`crate::Error::TooLarge`],
/// [`crate::Error::Cancelled`].
pub fn train_in_rounds(
    objective: &Objective,
    starts: &[Array1<f64>],
    how: &AdamRounds,
    monitor: &Monitor,
) -> Result<Vec<TrainedInRounds>> {
    check::at_least("rounds", how.rounds, 1)?;
    check::non_negative("loss_tolerance", how.loss_tolerance)?;
    check::positive("box_size", how.box_size)?;
    how.polish.validate()?;
    let mut theta = starts.to_vec();
    let mut mean_losses = vec![Vec::new(); starts.len()];
    let mut running: Vec<usize> = (0..starts.len()).collect();
    for round in 0..how.rounds {
        if running.is_empty() {
            break;
        }
        let learning_rate = how.adam.learning_rate / (1 + round) as f64;
        let from: Vec<Array1<f64>> = running.iter().map(|&i| theta[i].clone()).collect();
        let courses = adam(objective, &from, &AdamParameters { learning_rate, ..how.adam.clone() }, monitor)?;
        let mut left = Vec::new();
        for (&i, course) in running.iter().zip(courses) {
            let mean = mean(&course.losses).unwrap_or(f64::NAN);
            mean_losses[i].push(mean);
            theta[i] = course.theta;
            if !(mean < how.loss_tolerance) && theta[i].iter().all(|value| value.is_finite()) {
                left.push(i);
            }
        }
        running = left;
    }
    let quiet = monitor.quiet();
    threads::install(|| {
        theta
            .into_par_iter()
            .zip(mean_losses)
            .map(|(theta, mean_losses)| {
                let polished = polish_in_box(objective, &theta, how, &quiet)?;
                Ok(TrainedInRounds { before_polish: theta, mean_losses, polished })
            })
            .collect()
    })
}

fn polish_in_box(objective: &Objective, theta: &Array1<f64>, how: &AdamRounds, monitor: &Monitor) -> Result<Polished> {
    let diverged = |loss: f64, gradient_norm: f64| Polished {
        theta: theta.clone(),
        loss,
        gradient_norm,
        status: Status::Diverged,
        n_iterations: 0,
    };
    if theta.iter().any(|value| !value.is_finite()) {
        return Ok(diverged(f64::NAN, f64::NAN));
    }
    let polished = polish(objective, theta.view(), &how.polish, monitor)?;
    if largest((&polished.theta - theta).iter().map(|change| change.abs())) <= how.box_size {
        return Ok(polished);
    }
    let (loss, gradient) = objective.value_and_gradient(theta.view())?;
    Ok(diverged(loss, largest(gradient.iter().map(|component| component.abs()))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::random_starts;
    use crate::{Activation, Initialisation, TeacherOutputs, TeacherTask};
    use neuropil_core::random::Seed;

    #[test]
    fn a_run_ends_when_the_mean_loss_is_small_and_does_not_depend_on_the_others() {
        let task = TeacherTask::new(Activation::Sigmoid, TeacherOutputs::One).unwrap();
        let student = task.student(5).unwrap();
        let starts = random_starts(student.network(), 3, Initialisation::GlorotUniform, Seed::new(1));
        let adam = AdamParameters { learning_rate: 1e-2, n_steps: 100, ..AdamParameters::default() };
        let how = AdamRounds { adam, rounds: 3, loss_tolerance: 1e-3, ..AdamRounds::default() };
        let monitor = Monitor::silent();
        let found = train_in_rounds(&student, &starts, &how, &monitor).unwrap();
        for trained in &found {
            let (last, earlier) = trained.mean_losses.split_last().unwrap();
            assert!(*last < 1e-3 || trained.mean_losses.len() == 3);
            assert!(earlier.iter().all(|loss| *loss >= 1e-3));
        }
        let alone = train_in_rounds(&student, &starts[1..2], &how, &monitor).unwrap();
        assert_eq!(alone[0], found[1]);
        // A box without room leaves every point where Adam ended.
        let tight = AdamRounds { box_size: 1e-12, ..how };
        let held = train_in_rounds(&student, &starts, &tight, &monitor).unwrap();
        for (held, free) in held.iter().zip(&found) {
            assert_eq!((&held.polished.theta, held.polished.status), (&free.before_polish, Status::Diverged));
        }
        assert!(train_in_rounds(&student, &starts, &AdamRounds { rounds: 0, ..tight }, &monitor).is_err());
    }
}
