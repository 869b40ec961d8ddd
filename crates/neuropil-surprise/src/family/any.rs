//! A family chosen at run time: by a name on the command line, a word in Python, or a saved model.

use serde::{Deserialize, Serialize};

use super::{
    BetaBernoulli, BetaBinomial, BetaGeometric, DirichletCategorical, DirichletMultinomial, GammaExponential,
    GammaPoisson, Gaussian, GaussianKnownMean, LinearRegression, LinearRegressionUnknownNoise, MultivariateGaussian,
    NormalInverseGamma,
};
use crate::error::{Error, Result};

macro_rules! families {
    // `$d` is a dollar sign for the macro that this one defines.
    ($d:tt $($(#[$meta:meta])* $variant:ident($family:ty)),* $(,)?) => {
        /// One of the conjugate families, with the parameters of its prior.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "name", rename_all = "kebab-case")]
        pub enum Family {
            $($(#[$meta])* $variant($family)),*
        }

        $(impl From<$family> for Family {
            fn from(family: $family) -> Self {
                Self::$variant(family)
            }
        })*

        impl Family {
            /// Names of all families.
            pub const NAMES: &'static [&'static str] = &[$(<$family as super::ConjugateFamily>::NAME),*];

            /// The family with this name and its default prior.
            ///
            /// # Errors
            /// Lists the names when there is no such family.
            pub fn named(name: &str) -> Result<Self> {
                $(if name == <$family as super::ConjugateFamily>::NAME {
                    return Ok(Self::$variant(<$family>::default()));
                })*
                Err(Error::parameter("family", format!("\"{name}\""), format!("one of {}", Self::NAMES.join(", "))))
            }
        }

        /// Runs the same code for whichever family it is: `for_family!(family, f => f.validate())`.
        macro_rules! for_family {
            ($d chosen:expr, $d name:ident => $d body:expr) => {
                match $d chosen {
                    $($crate::family::Family::$variant($d name) => $d body),*
                }
            };
        }
        pub(crate) use for_family;
    };
}

families! { $
    /// Gaussian observations with known standard deviation.
    Gaussian(Gaussian),
    /// Gaussian observations with unknown mean and variance.
    GaussianUnknownVariance(NormalInverseGamma),
    /// Gaussian observations with known mean and unknown variance.
    GaussianKnownMean(GaussianKnownMean),
    /// Gaussian vectors with unknown mean and covariance.
    MultivariateGaussian(MultivariateGaussian),
    /// Zeros and ones.
    Bernoulli(BetaBernoulli),
    /// Successes out of a known number of trials.
    Binomial(BetaBinomial),
    /// Categories `0..K`.
    Categorical(DirichletCategorical),
    /// Rows of category counts.
    Multinomial(DirichletMultinomial),
    /// Counts per step.
    Poisson(GammaPoisson),
    /// Waiting times, exponential or gamma with known shape.
    Exponential(GammaExponential),
    /// Failures before a success.
    Geometric(BetaGeometric),
    /// Linear regression with known noise.
    Regression(LinearRegression),
    /// Linear regression with unknown noise.
    RegressionUnknownNoise(LinearRegressionUnknownNoise),
}

impl Family {
    /// Name of the family.
    #[must_use]
    pub fn name(&self) -> &'static str {
        fn name_of<F: super::ConjugateFamily>(_: &F) -> &'static str {
            F::NAME
        }
        for_family!(self, family => name_of(family))
    }

    /// Checks every prior parameter and says which one is out of range.
    ///
    /// # Errors
    /// Names the parameter, its value and what is allowed.
    pub fn validate(&self) -> Result<()> {
        use super::ConjugateFamily;
        for_family!(self, family => family.validate())
    }

    /// Numbers per observation row.
    #[must_use]
    pub fn observation_width(&self) -> usize {
        use super::ConjugateFamily;
        for_family!(self, family => family.observation_width())
    }

    /// Length of the estimated parameter vector.
    #[must_use]
    pub fn estimate_width(&self) -> usize {
        use super::ConjugateFamily;
        for_family!(self, family => family.estimate_width())
    }
}
