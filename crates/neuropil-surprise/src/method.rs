//! The learners by name, with their parameters.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::family::{ConjugateFamily, Family, Gaussian};
use crate::hazard::Hazard;
use crate::leaky::LeakyIntegrator;
use crate::learner::Learner;
use crate::nassar::{Nassar, Rule};
use crate::particle::ParticleFilter;
use crate::resampling::Threshold;
use crate::run_length::{Overflow, RunLengthFilter, Truncation};
use crate::smile::Smile;
use crate::varsmile::{Modulation, VarSmile};

/// A learner and its parameters; the names are those of the command line and of Python.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name")]
pub enum Method {
    /// Exact Bayesian filtering over run lengths.
    #[serde(rename = "exact")]
    Exact {
        /// Smallest posterior weight of a hypothesis that survives; 0 keeps all.
        #[serde(default = "Method::default_cutoff")]
        cutoff: f64,
        /// Longest run length that is kept.
        #[serde(default)]
        max_run_length: Option<u64>,
        /// Bound on memory: beyond it the least probable hypotheses go.
        #[serde(default = "Method::default_max_hypotheses")]
        max_hypotheses: usize,
    },
    /// MP-N: the `n` most probable run lengths.
    #[serde(rename = "mp")]
    MessagePassing {
        /// Hypotheses that survive a step.
        n: usize,
        /// Drop the least probable one, or merge the two most similar neighbours.
        overflow: Overflow,
        /// A hypothesis younger than this many steps never goes.
        #[serde(default)]
        protect: u64,
    },
    /// SOR-N: `n` run lengths by optimal stratified resampling.
    #[serde(rename = "sor")]
    StratifiedResampling {
        /// Hypotheses that survive a step.
        n: usize,
        /// Threshold search: correct, or as in the code published with the paper.
        #[serde(default)]
        threshold: Threshold,
    },
    /// pf-N: a particle filter modulated by surprise.
    #[serde(rename = "pf")]
    ParticleFilter {
        /// Number of particles.
        n: usize,
    },
    /// VarSMiLe.
    #[serde(rename = "varsmile")]
    VarSmile {
        /// Modulation; from the hazard where it is not given.
        #[serde(default)]
        m: Option<f64>,
    },
    /// SMiLe.
    #[serde(rename = "smile")]
    Smile {
        /// Modulation; from a constant hazard where it is not given.
        #[serde(default)]
        m: Option<f64>,
    },
    /// Nas10*, the delta rule after Nassar et al. (2010).
    #[serde(rename = "nassar10")]
    Nassar2010 {
        /// Run length before the first observation.
        #[serde(default = "Method::default_initial_run_length")]
        initial_run_length: f64,
    },
    /// Nas12*, the delta rule after Nassar et al. (2012).
    #[serde(rename = "nassar12")]
    Nassar2012 {
        /// Run length before the first observation.
        #[serde(default = "Method::default_initial_run_length")]
        initial_run_length: f64,
    },
    /// The leaky integrator.
    #[serde(rename = "leaky")]
    Leaky {
        /// How much of the past survives a step, in [0, 1).
        omega: f64,
    },
}

impl Default for Method {
    fn default() -> Self {
        Self::exact()
    }
}

impl Method {
    /// Names of all methods.
    pub const NAMES: &'static [&'static str] =
        &["exact", "mp", "sor", "pf", "varsmile", "smile", "nassar10", "nassar12", "leaky"];

    fn default_cutoff() -> f64 {
        1e-12
    }

    fn default_max_hypotheses() -> usize {
        50_000
    }

    fn default_initial_run_length() -> f64 {
        1.0
    }

    /// Exact filtering with the default pruning.
    #[must_use]
    pub fn exact() -> Self {
        Self::Exact {
            cutoff: Self::default_cutoff(),
            max_run_length: None,
            max_hypotheses: Self::default_max_hypotheses(),
        }
    }

    /// MP-N as published.
    #[must_use]
    pub fn message_passing(n: usize) -> Self {
        Self::MessagePassing { n, overflow: Overflow::Drop, protect: 0 }
    }

    /// MP-N that merges instead of dropping.
    #[must_use]
    pub fn merging(n: usize) -> Self {
        Self::MessagePassing { n, overflow: Overflow::Merge, protect: 0 }
    }

    /// SOR-N.
    #[must_use]
    pub fn stratified_resampling(n: usize) -> Self {
        Self::StratifiedResampling { n, threshold: Threshold::Exact }
    }

    /// The method with this name and its default parameters: 20 hypotheses or particles, `m` from the hazard,
    /// `omega = 0.9`.
    ///
    /// # Errors
    /// Lists the names when there is no such method.
    pub fn named(name: &str) -> Result<Self> {
        Ok(match name {
            "exact" => Self::exact(),
            "mp" => Self::message_passing(20),
            "sor" => Self::stratified_resampling(20),
            "pf" => Self::ParticleFilter { n: 20 },
            "varsmile" => Self::VarSmile { m: None },
            "smile" => Self::Smile { m: None },
            "nassar10" => Self::Nassar2010 { initial_run_length: 1.0 },
            "nassar12" => Self::Nassar2012 { initial_run_length: 1.0 },
            "leaky" => Self::Leaky { omega: 0.9 },
            _ => {
                let allowed = format!("one of {}", Self::NAMES.join(", "));
                return Err(Error::parameter("method", format!("\"{name}\""), allowed));
            }
        })
    }

    /// Name of the method.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Exact { .. } => "exact",
            Self::MessagePassing { .. } => "mp",
            Self::StratifiedResampling { .. } => "sor",
            Self::ParticleFilter { .. } => "pf",
            Self::VarSmile { .. } => "varsmile",
            Self::Smile { .. } => "smile",
            Self::Nassar2010 { .. } => "nassar10",
            Self::Nassar2012 { .. } => "nassar12",
            Self::Leaky { .. } => "leaky",
        }
    }

    /// Whether the result depends on the seed.
    #[must_use]
    pub fn is_stochastic(&self) -> bool {
        matches!(self, Self::StratifiedResampling { .. } | Self::ParticleFilter { .. })
    }

    /// A learner of this kind for any family.
    ///
    /// # Errors
    /// When a parameter is out of range or the method is not defined for the family.
    pub fn learner<F: ConjugateFamily>(&self, family: &F, hazard: &Hazard, seed: u64) -> Result<Box<dyn Learner<F>>> {
        let family = family.clone();
        let hazard_of = || hazard.clone();
        Ok(match *self {
            Self::Exact { cutoff, max_run_length, max_hypotheses } => {
                let truncation = Truncation::Prune { cutoff, max_run_length, max_hypotheses };
                Box::new(RunLengthFilter::new(family, hazard_of(), truncation, seed)?)
            }
            Self::MessagePassing { n, overflow, protect } => {
                let truncation = Truncation::Keep { n, overflow, protect };
                Box::new(RunLengthFilter::new(family, hazard_of(), truncation, seed)?)
            }
            Self::StratifiedResampling { n, threshold } => {
                Box::new(RunLengthFilter::new(family, hazard_of(), Truncation::Resample { n, threshold }, seed)?)
            }
            Self::ParticleFilter { n } => Box::new(ParticleFilter::new(family, hazard_of(), n, seed)?),
            Self::VarSmile { m } => Box::new(VarSmile::new(family, modulation(m, hazard))?),
            Self::Smile { m } => Box::new(Smile::new(family, smile_modulation(m, hazard)?)?),
            Self::Nassar2010 { .. } | Self::Nassar2012 { .. } => {
                return Err(Error::Unsupported {
                    method: self.name().to_owned(),
                    family: F::NAME.to_owned(),
                    supported: "the family \"gaussian\" (known standard deviation)".to_owned(),
                });
            }
            Self::Leaky { omega } => Box::new(LeakyIntegrator::new(family, omega)?),
        })
    }

    /// A learner of this kind for Gaussian observations with known standard deviation, for which all are defined.
    ///
    /// # Errors
    /// When a parameter is out of range.
    pub fn gaussian_learner(
        &self,
        family: &Gaussian,
        hazard: &Hazard,
        seed: u64,
    ) -> Result<Box<dyn Learner<Gaussian>>> {
        let (rule, initial_run_length) = match *self {
            Self::Nassar2010 { initial_run_length } => (Rule::Nassar2010, initial_run_length),
            Self::Nassar2012 { initial_run_length } => (Rule::Nassar2012, initial_run_length),
            _ => return self.learner(family, hazard, seed),
        };
        let modulation = Modulation::Hazard(hazard.clone());
        Ok(Box::new(Nassar::new(*family, rule, modulation, initial_run_length)?))
    }

    /// Checks the parameters of the method with a family and a hazard.
    ///
    /// # Errors
    /// When a parameter is out of range or the method is not defined for the family.
    pub fn validate(&self, family: &Family, hazard: &Hazard) -> Result<()> {
        match family {
            Family::Gaussian(gaussian) => self.gaussian_learner(gaussian, hazard, 0).map(drop),
            other => crate::family::for_family!(other, family => self.learner(family, hazard, 0).map(drop)),
        }
    }
}

fn modulation(m: Option<f64>, hazard: &Hazard) -> Modulation {
    m.map_or_else(|| Modulation::Hazard(hazard.clone()), Modulation::Fixed)
}

/// SMiLe knows no hazard that varies.
fn smile_modulation(m: Option<f64>, hazard: &Hazard) -> Result<f64> {
    match (m, hazard) {
        (Some(m), _) => Ok(m),
        (None, Hazard::Constant(hazard)) if *hazard < 1.0 => Ok(hazard / (1.0 - hazard)),
        (None, _) => Err(Error::parameter("m", "missing", "given for smile when the hazard is 1 or not constant")),
    }
}
