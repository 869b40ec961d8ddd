//! A kernel given as a closure.

use std::fmt;
use std::sync::Arc;

use super::Geometry;

type Function = Arc<dyn Fn(f64) -> f64 + Send + Sync>;

/// A closure of the overlap `x.y` or of the squared distance `‖x - y‖^2`, and its derivative where it is known.
///
/// The closure must be positive semidefinite on the patterns that are stored; a Gram matrix that is not is refused. A
/// memory with such a kernel cannot be saved to a file.
///
/// ```
/// use neuropil_memory::kernel::{CustomKernel, Kernel};
///
/// let rational = Kernel::Custom(CustomKernel::of_distance2(|d2| 1.0 / (1.0 + d2)));
/// assert_eq!(rational.evaluate(&[0.0, 1.0], &[0.0, 0.0])?, 0.5);
/// # Ok::<(), neuropil_memory::Error>(())
/// ```
#[derive(Clone)]
pub struct CustomKernel {
    function: Function,
    derivative: Option<Function>,
    geometry: Geometry,
}

impl CustomKernel {
    /// `K(x, y) = function(x.y)`.
    pub fn of_overlap(function: impl Fn(f64) -> f64 + Send + Sync + 'static) -> Self {
        Self { function: Arc::new(function), derivative: None, geometry: Geometry::Overlap }
    }

    /// `K(x, y) = function(‖x - y‖^2)`.
    pub fn of_distance2(function: impl Fn(f64) -> f64 + Send + Sync + 'static) -> Self {
        Self { function: Arc::new(function), derivative: None, geometry: Geometry::Distance }
    }

    /// With the derivative of the function; without it, central differences are used.
    #[must_use]
    pub fn with_derivative(mut self, derivative: impl Fn(f64) -> f64 + Send + Sync + 'static) -> Self {
        self.derivative = Some(Arc::new(derivative));
        self
    }

    pub(super) fn geometry(&self) -> Geometry {
        self.geometry
    }

    pub(super) fn value(&self, at: f64) -> f64 {
        (self.function)(at)
    }

    pub(super) fn derivative(&self, at: f64) -> f64 {
        if let Some(derivative) = &self.derivative {
            return derivative(at);
        }
        let step = 6e-6 * at.abs().max(1.0);
        // A squared distance is never negative, and the closure need not be defined there.
        let low = if self.geometry == Geometry::Distance { (at - step).max(0.0) } else { at - step };
        (self.value(at + step) - self.value(low)) / (at + step - low)
    }
}

impl fmt::Debug for CustomKernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CustomKernel").field("geometry", &self.geometry).finish_non_exhaustive()
    }
}

impl PartialEq for CustomKernel {
    /// The same closure, not an equal function.
    fn eq(&self, other: &Self) -> bool {
        self.geometry == other.geometry && Arc::ptr_eq(&self.function, &other.function)
    }
}
