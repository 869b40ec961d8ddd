//! What flows and polishes need of a function: value, gradient, Hessian.

use ndarray::ArrayView1;

use crate::error::Result;
use crate::loss::{Evaluator, Objective};

/// A twice differentiable function of a parameter vector that is evaluated often.
///
/// [`Objective`] (finite data) and [`InfiniteData`](crate::InfiniteData) give one; implement it to follow the flow of a
/// function of your own.
pub trait Smooth {
    /// Number of parameters.
    fn n_parameters(&self) -> usize;

    /// The value.
    fn value(&mut self, theta: &[f64]) -> f64;

    /// The value; overwrites the gradient.
    fn value_and_gradient(&mut self, theta: &[f64], gradient: &mut [f64]) -> f64;

    /// The value; overwrites the gradient and the Hessian (row by row).
    fn derivatives(&mut self, theta: &[f64], gradient: &mut [f64], hessian: &mut [f64]) -> f64;

    /// Overwrites residuals and their Jacobian (row by row) if the value is a sum of squares times
    /// [`residual_factor`](Self::residual_factor).
    fn residuals(&mut self, _theta: &[f64], _residuals: &mut Vec<f64>, _jacobian: &mut Vec<f64>) {}

    /// The value divided by the sum of squared residuals; `None` if it is no sum of squares.
    fn residual_factor(&self) -> Option<f64> {
        None
    }
}

/// Where a [`Smooth`] function comes from.
pub trait Landscape: Sync {
    /// The function, with the memory that its evaluation needs.
    fn smooth(&self) -> Box<dyn Smooth + '_>;

    /// Refuses parameters that the function is not defined for.
    ///
    /// # Errors
    /// [`crate::Error::Shape`], [`crate::Error::NotFinite`].
    fn check(&self, theta: ArrayView1<f64>) -> Result<()>;

    /// Refuses a Hessian that would not fit into the memory limit.
    ///
    /// # Errors
    /// [`crate::Error::TooLarge`].
    fn check_hessian(&self) -> Result<()> {
        Ok(())
    }
}

impl Landscape for Objective {
    fn smooth(&self) -> Box<dyn Smooth + '_> {
        Box::new(self.evaluator())
    }

    fn check(&self, theta: ArrayView1<f64>) -> Result<()> {
        self.network().check_parameters(theta)
    }

    fn check_hessian(&self) -> Result<()> {
        self.check_hessian_memory(crate::hessian::MEMORY_LIMIT)
    }
}

impl Smooth for Evaluator<'_> {
    fn n_parameters(&self) -> usize {
        self.objective.n_parameters()
    }

    fn value(&mut self, theta: &[f64]) -> f64 {
        Evaluator::value(self, theta)
    }

    fn value_and_gradient(&mut self, theta: &[f64], gradient: &mut [f64]) -> f64 {
        self.gradient(theta, gradient)
    }

    fn derivatives(&mut self, theta: &[f64], gradient: &mut [f64], hessian: &mut [f64]) -> f64 {
        self.hessian(theta, gradient, hessian)
    }

    fn residuals(&mut self, theta: &[f64], residuals: &mut Vec<f64>, jacobian: &mut Vec<f64>) {
        let rows = self.objective.data().n_samples() * self.objective.plan.n_outputs();
        residuals.resize(rows, 0.0);
        jacobian.resize(rows * self.objective.n_parameters(), 0.0);
        self.residuals_and_jacobian(theta, residuals, jacobian);
    }

    fn residual_factor(&self) -> Option<f64> {
        let squares = self.objective.loss() != crate::loss::Loss::CrossEntropy;
        (squares && self.objective.weight_decay() == 0.0).then(|| 0.5 * self.objective.loss().slope())
    }
}
