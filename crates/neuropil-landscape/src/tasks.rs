//! The toy tasks of the two papers: a teacher network on a grid of two inputs.
//!
//! Inputs are the 41 x 41 points of `{-5, -4.75, ..., 5}^2`; the teacher has four neurons without bias, with outgoing
//! weights of one (Simsek et al. 2021, code of the authors).

use ndarray::{Array1, Array2, array};
use serde::{Deserialize, Serialize};

use crate::activation::Activation;
use crate::data::Dataset;
use crate::error::Result;
use crate::loss::{Loss, Objective};
use crate::network::{Bias, Mlp, Parameters};

/// Outputs of the teacher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TeacherOutputs {
    /// The sum of its neurons.
    #[default]
    One,
    /// Three sums with signs (1, 1, 1, 1), (1, -1, 1, -1), (1, 1, -1, -1).
    Three,
}

/// A teacher with its network and the data it makes.
#[derive(Debug, Clone)]
pub struct TeacherTask {
    /// The teacher.
    pub teacher: Parameters,
    /// Grid and targets.
    pub data: Dataset,
}

impl TeacherTask {
    /// The four-neuron teacher on the grid.
    ///
    /// # Errors
    /// [`crate::Error::NotFinite`] if the activation overflows on the grid.
    pub fn new(activation: Activation, outputs: TeacherOutputs) -> Result<Self> {
        let incoming = array![[0.6, 0.5], [-0.5, 0.5], [-0.2, -0.6], [0.1, -0.6]];
        let outgoing = match outputs {
            TeacherOutputs::One => array![[1.0, 1.0, 1.0, 1.0]],
            TeacherOutputs::Three => array![[1.0, 1.0, 1.0, 1.0], [1.0, -1.0, 1.0, -1.0], [1.0, 1.0, -1.0, -1.0]],
        };
        let network = Mlp::two_layer(2, 4, outgoing.nrows(), activation, Bias::Without);
        Self::of(network.parameters_from_layers(&[(incoming, None), (outgoing, None)])?, grid())
    }

    /// Any teacher on any inputs.
    ///
    /// # Errors
    /// [`crate::Error::Shape`], [`crate::Error::NotFinite`].
    pub fn of(teacher: Parameters, inputs: Array2<f64>) -> Result<Self> {
        let targets = teacher.network().predict(teacher.theta(), inputs.view())?;
        Ok(Self { teacher, data: Dataset::new(inputs, targets)? })
    }

    /// The mean squared error of a student of another width.
    ///
    /// # Errors
    /// [`crate::Error::Shape`] for a width of zero.
    pub fn student(&self, width: usize) -> Result<Objective> {
        let mut network = self.teacher.network().clone();
        network.widths[1] = width;
        Objective::new(&network, &self.data, Loss::Square)
    }
}

/// The 1681 points `{-5, -4.75, ..., 5}^2`.
#[must_use]
pub fn grid() -> Array2<f64> {
    Array2::from_shape_fn((41 * 41, 2), |(n, axis)| -5.0 + 0.25 * (if axis == 0 { n / 41 } else { n % 41 }) as f64)
}

/// `sin(2x) + x + cos(3y) - 0.4 (y - 1)^2` on the grid: the target of the deeper networks of Simsek et al. 2021.
#[must_use]
pub fn wavy_function(inputs: &Array2<f64>) -> Array1<f64> {
    inputs
        .rows()
        .into_iter()
        .map(|row| {
            let (x, y) = (row[0], row[1]);
            (2.0 * x).sin() + x + (3.0 * y).cos() - 0.4 * (y - 1.0).powi(2)
        })
        .collect()
}
