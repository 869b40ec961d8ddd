//! A loss with a wall at large weights, to tell minima at infinity from those that are merely far away.
//!
//! `loss + R`, `R = (|theta|^2 / (2 P) - c)^3 / 3` where that is positive and zero elsewhere, for `P` parameters. `R` is twice
//! continuously differentiable and zero for `|theta|^2 < 2 P c`, so that minima inside are not moved at all; where the loss
//! falls towards infinity, a minimum appears at the wall, with `R > 0`.

use ndarray::ArrayView1;

use crate::error::Result;
use crate::smooth::{Landscape, Smooth};

/// A landscape with a wall at `|theta|^2 = 2 P c`.
///
/// ```
/// use ndarray::array;
/// use neuropil_core::progress::Monitor;
/// use neuropil_landscape::bounded::Bounded;
/// use neuropil_landscape::{Activation, Bias, Dataset, Loss, Mlp, Objective, PolishParameters, polish};
///
/// // A classifier of separable data: the loss falls for ever as the weight grows.
/// let network = Mlp::new(vec![1, 2], vec![], vec![Bias::Without])?;
/// let data = Dataset::labelled(array![[-1.0], [1.0]], &[0, 1], 2)?;
/// let objective = Objective::new(&network, &data, Loss::CrossEntropy)?;
/// let bounded = Bounded::new(&objective, 1.0)?;
/// let start = array![-0.1, 0.1];
/// let found = polish(&bounded, start.view(), &PolishParameters::default(), &Monitor::silent())?;
/// assert!(found.gradient_norm < 1e-12 && bounded.is_at_the_wall(found.theta.view()));
/// # Ok::<(), neuropil_landscape::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Bounded<'a, L: ?Sized> {
    inner: &'a L,
    level: f64,
}

impl<'a, L: Landscape + ?Sized> Bounded<'a, L> {
    /// With the wall at `|theta|^2 = 2 P level`.
    ///
    /// # Errors
    /// [`crate::Error::Check`] for a level that is not positive.
    pub fn new(inner: &'a L, level: f64) -> Result<Self> {
        Ok(Self { inner, level: neuropil_core::check::positive("level", level)? })
    }

    /// Whether the wall acts here: a minimum there stands for one at infinity, or beyond the wall.
    #[must_use]
    pub fn is_at_the_wall(&self, theta: ArrayView1<f64>) -> bool {
        depth(theta.iter().copied(), self.level) > 0.0
    }
}

/// `|theta|^2 / (2 P) - c`.
fn depth(theta: impl ExactSizeIterator<Item = f64>, level: f64) -> f64 {
    let n = theta.len() as f64;
    theta.map(|value| value * value).sum::<f64>() / (2.0 * n) - level
}

impl<L: Landscape + ?Sized> Landscape for Bounded<'_, L> {
    fn smooth(&self) -> Box<dyn Smooth + '_> {
        Box::new(Walled { inner: self.inner.smooth(), level: self.level })
    }

    fn check(&self, theta: ArrayView1<f64>) -> Result<()> {
        self.inner.check(theta)
    }

    fn check_hessian(&self) -> Result<()> {
        self.inner.check_hessian()
    }
}

struct Walled<'a> {
    inner: Box<dyn Smooth + 'a>,
    level: f64,
}

impl Walled<'_> {
    fn depth(&self, theta: &[f64]) -> f64 {
        depth(theta.iter().copied(), self.level).max(0.0)
    }

    fn push(&self, theta: &[f64], gradient: &mut [f64]) -> f64 {
        let depth = self.depth(theta);
        let factor = depth * depth / theta.len() as f64;
        gradient.iter_mut().zip(theta).for_each(|(slope, value)| *slope += factor * value);
        depth.powi(3) / 3.0
    }
}

impl Smooth for Walled<'_> {
    fn n_parameters(&self) -> usize {
        self.inner.n_parameters()
    }

    fn value(&mut self, theta: &[f64]) -> f64 {
        self.inner.value(theta) + self.depth(theta).powi(3) / 3.0
    }

    fn value_and_gradient(&mut self, theta: &[f64], gradient: &mut [f64]) -> f64 {
        self.inner.value_and_gradient(theta, gradient) + self.push(theta, gradient)
    }

    fn derivatives(&mut self, theta: &[f64], gradient: &mut [f64], hessian: &mut [f64]) -> f64 {
        let value = self.inner.derivatives(theta, gradient, hessian) + self.push(theta, gradient);
        let (depth, n) = (self.depth(theta), theta.len());
        let (own, outer) = (depth * depth / n as f64, 2.0 * depth / (n * n) as f64);
        for i in 0..n {
            hessian[i * n + i] += own;
            for j in 0..n {
                hessian[i * n + j] += outer * theta[i] * theta[j];
            }
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gradient::tests::objective;
    use crate::loss::Loss;
    use crate::network::Initialisation;
    use neuropil_core::random::Seed;

    #[test]
    fn derivatives_agree_with_finite_differences_at_the_wall_and_are_untouched_inside() {
        let objective = objective(&[2, 3, 1], Loss::Square, 20, 1);
        let theta = objective.network().initialise(Initialisation::Normal(1.0), Seed::new(3)).into_theta();
        let n = theta.len();
        let at = |level: f64, theta: &[f64]| {
            let bounded = Bounded::new(&objective, level).unwrap();
            let (mut gradient, mut hessian) = (vec![0.0; n], vec![0.0; n * n]);
            let value = bounded.smooth().derivatives(theta, &mut gradient, &mut hessian);
            (value, gradient, hessian)
        };
        let start = theta.to_vec();
        let (value, gradient, hessian) = at(0.1, &start);
        assert!(value > objective.value(theta.view()).unwrap());
        for i in 0..n {
            let moved = |h: f64| {
                let mut moved = start.clone();
                moved[i] += h;
                at(0.1, &moved)
            };
            let (up, down) = (moved(1e-5), moved(-1e-5));
            assert!(((up.0 - down.0) / 2e-5 - gradient[i]).abs() < 1e-8 * (1.0 + gradient[i].abs()));
            for j in 0..n {
                let numeric = (up.1[j] - down.1[j]) / 2e-5;
                assert!((numeric - hessian[i * n + j]).abs() < 1e-7 * (1.0 + numeric.abs()));
            }
        }
        let inside = at(100.0, &start);
        let plain = objective.derivatives(theta.view()).unwrap();
        assert_eq!((inside.0, inside.1), (plain.loss, plain.gradient.to_vec()));
        assert!(Bounded::new(&objective, 0.0).is_err());
    }
}
