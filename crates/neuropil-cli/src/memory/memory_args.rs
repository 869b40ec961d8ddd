//! Which kernel, and how coefficients are found.

use clap::{Args, ValueEnum};
use ndarray::ArrayView2;
use neuropil_core::progress::Monitor;
use neuropil_memory::kernel::Separation;
use neuropil_memory::kernel_memory::{Centering, InterpolationOptions, Normalization, Solver};
use neuropil_memory::margin::{Bias, MarginOptions};
use neuropil_memory::{Kernel, KernelMemoryParams, Rule, SelfConnections, StateKind};

use crate::failure::{Failure, Result};
use crate::memory::radius_arg::{ChosenRadius, RadiusArg, radius_of};

/// A kernel memory.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Memory")]
pub(crate) struct MemoryArgs {
    /// The kernel [default: gaussian for real patterns, exponential for binary ones]
    #[arg(long, value_name = "NAME")]
    pub kernel: Option<KernelArg>,
    /// Radius of the kernel: a distance for gaussian, gexp and ball [default: 0.4 times the median distance of a pattern
    /// to its nearest neighbour], a number of bits for sdm; "auto" measures for the largest basins at which patterns are
    /// stable, "certified" proves the largest basins
    #[arg(long, value_name = "R")]
    pub radius: Option<RadiusArg>,
    /// Exponent of gexp, exp(-(d/r)^beta) [default: 2]; inverse temperature of exponential, exp(beta (x.y - N))
    /// [default: 8/N]
    #[arg(long, value_name = "BETA")]
    pub beta: Option<f64>,
    /// Degree of the polynomial kernels and of krotov
    #[arg(long, value_name = "P", default_value_t = 3)]
    pub degree: u32,
    /// Offset c of ipoly, (c + x.y/N)^p
    #[arg(long, value_name = "C", default_value_t = 1.0)]
    pub offset: f64,
    /// Threshold of threshold-gauss
    #[arg(long, value_name = "B", default_value_t = 0.0, allow_negative_numbers = true)]
    pub threshold: f64,
    /// How coefficients are found [default: margin for binary patterns, normalized for real ones (interpolate
    /// for kernels that can be negative)]
    #[arg(long, value_name = "NAME")]
    pub rule: Option<RuleArg>,
    /// Added to the diagonal of the Gram matrix (interpolation): smooths instead of passing through every pattern
    #[arg(long, value_name = "X", default_value_t = 0.0)]
    pub ridge: f64,
    /// Largest coefficient of a soft margin [default: a hard margin]
    #[arg(long, value_name = "C")]
    pub softness: Option<f64>,
    /// Whether a neuron sees itself
    #[arg(long, value_name = "WHAT", default_value = "auto")]
    pub self_connections: SelfArg,
    /// Values of the states [default: binary if every entry is +1 or -1]
    #[arg(long, value_name = "KIND")]
    pub states: Option<StatesArg>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum KernelArg {
    /// x.y / N
    Linear,
    /// (x.y / N)^p
    Poly,
    /// (c + x.y / N)^p
    Ipoly,
    /// Dense associative memory: F(u + 1) - F(u - 1) with F(u) = u^p
    Krotov,
    /// exp(beta (x.y - N))
    Exponential,
    /// Kanerva's shared addresses within a Hamming radius; binary patterns
    Sdm,
    /// Shared half-spaces beyond a threshold
    ThresholdGauss,
    /// Shared volume of two balls
    Ball,
    /// exp(-(d/r)^2)
    Gaussian,
    /// exp(-(d/r)^beta)
    Gexp,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum RuleArg {
    /// Every pattern counts once (Hebb)
    OneShot,
    /// The same with kernel values divided by their sum: attention
    Attention,
    /// Maximal margin of every neuron
    Margin,
    /// Maximal margin with a threshold per neuron
    MarginBias,
    /// Interpolation of least norm
    Interpolate,
    /// Interpolation of the deviations from the mean pattern
    Centered,
    /// Interpolation with kernel values divided by their sum: attention with exact fixed points
    Normalized,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum SelfArg {
    /// Excluded for binary one-shot and margin memories
    Auto,
    /// No neuron sees itself
    Excluded,
    /// Every neuron sees itself
    Included,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum StatesArg {
    /// +1 and -1
    Binary,
    /// Any number
    Real,
}

impl MemoryArgs {
    /// The parameters for these patterns, and what is known of the radius where it was chosen here.
    pub fn params(
        &self,
        patterns: ArrayView2<f64>,
        monitor: &Monitor,
    ) -> Result<(KernelMemoryParams, Option<ChosenRadius>)> {
        let states = match self.states {
            Some(StatesArg::Binary) => StateKind::Binary,
            Some(StatesArg::Real) => StateKind::Real,
            None if patterns.iter().all(|x| x.abs() == 1.0) => StateKind::Binary,
            None => StateKind::Real,
        };
        let kernel = self.kernel(states, patterns)?;
        let params = KernelMemoryParams {
            rule: self.rule(states, &kernel),
            kernel,
            states,
            self_connections: self.self_connections(),
        };
        match self.radius.filter(|radius| radius.number().is_none()) {
            Some(search) => search.search(params, patterns, monitor),
            None => Ok((params, None)),
        }
    }

    fn kernel(&self, states: StateKind, patterns: ArrayView2<f64>) -> Result<Kernel> {
        let radius = || radius_of(self.radius, patterns);
        let default = if states == StateKind::Binary { KernelArg::Exponential } else { KernelArg::Gaussian };
        Ok(match self.kernel.unwrap_or(default) {
            KernelArg::Linear => Kernel::Linear,
            KernelArg::Poly => Kernel::Polynomial { degree: self.degree },
            KernelArg::Ipoly => Kernel::InhomogeneousPolynomial { degree: self.degree, offset: self.offset },
            KernelArg::Krotov => Kernel::Krotov { separation: Separation::Power { power: self.degree } },
            KernelArg::Exponential => {
                Kernel::Exponential { beta: self.beta.unwrap_or(8.0 / patterns.ncols().max(1) as f64), shift: None }
            }
            KernelArg::Sdm => {
                let radius = self.radius.and_then(RadiusArg::number).ok_or_else(|| {
                    Failure::usage("--kernel sdm needs --radius with a number")
                        .hint("a number of bits below half the neurons, for example 26 of 64 or 451 of 1000")
                })?;
                if radius.fract() != 0.0 || radius < 0.0 {
                    return Err(Failure::usage(format!("--radius is {radius}, but sdm counts whole bits")));
                }
                Kernel::SparseDistributed { radius: radius as usize }
            }
            KernelArg::ThresholdGauss => Kernel::ThresholdGauss { threshold: self.threshold },
            KernelArg::Ball => Kernel::Ball { radius: radius()? },
            KernelArg::Gaussian => Kernel::gaussian(radius()?),
            KernelArg::Gexp => Kernel::GeneralizedExponential { radius: radius()?, beta: self.beta.unwrap_or(2.0) },
        })
    }

    fn rule(&self, states: StateKind, kernel: &Kernel) -> Rule {
        let interpolation = |centering, normalization| {
            Rule::Interpolate(InterpolationOptions {
                ridge: self.ridge,
                centering,
                normalization,
                solver: Solver::Cholesky,
            })
        };
        let margin = |bias| {
            Rule::MaxMargin(MarginOptions {
                bias,
                softness: self.softness.unwrap_or(f64::INFINITY),
                ..MarginOptions::default()
            })
        };
        let default = match states {
            StateKind::Binary => RuleArg::Margin,
            // What takes both signs has no sum to be divided by.
            StateKind::Real if kernel.can_be_negative() => RuleArg::Interpolate,
            StateKind::Real => RuleArg::Normalized,
        };
        match self.rule.unwrap_or(default) {
            RuleArg::OneShot => Rule::one_shot(),
            RuleArg::Attention => Rule::OneShot { normalization: Normalization::Sum },
            RuleArg::Margin => margin(Bias::None),
            RuleArg::MarginBias => margin(Bias::Fitted),
            RuleArg::Interpolate => interpolation(Centering::None, Normalization::None),
            RuleArg::Centered => interpolation(Centering::Mean, Normalization::None),
            RuleArg::Normalized => interpolation(Centering::None, Normalization::Sum),
        }
    }

    fn self_connections(&self) -> SelfConnections {
        match self.self_connections {
            SelfArg::Auto => SelfConnections::Automatic,
            SelfArg::Excluded => SelfConnections::Excluded,
            SelfArg::Included => SelfConnections::Included,
        }
    }
}

/// One line about the parameters.
pub(crate) fn describe(params: &KernelMemoryParams) -> String {
    let rule = match &params.rule {
        Rule::OneShot { normalization: Normalization::None } => "one-shot",
        Rule::OneShot { normalization: Normalization::Sum } => "one-shot, normalized (attention)",
        Rule::MaxMargin(options) if options.bias == Bias::Fitted => "maximal margin with bias",
        Rule::MaxMargin(_) => "maximal margin",
        Rule::Interpolate(options) => match (options.normalization, options.centering) {
            (Normalization::Sum, _) => "normalized interpolation",
            (_, Centering::Mean) => "centered interpolation",
            _ => "interpolation",
        },
    };
    let detail = match &params.kernel {
        Kernel::Polynomial { degree } => format!(", degree {degree}"),
        Kernel::InhomogeneousPolynomial { degree, offset } => format!(", degree {degree}, offset {offset}"),
        Kernel::Exponential { beta, .. } => format!(", beta {beta:.4}"),
        Kernel::SparseDistributed { radius } => format!(", radius {radius} bits"),
        Kernel::ThresholdGauss { threshold } => format!(", threshold {threshold}"),
        Kernel::Ball { radius } => format!(", radius {radius:.4}"),
        Kernel::GeneralizedExponential { radius, beta } => format!(", radius {radius:.4}, beta {beta}"),
        _ => String::new(),
    };
    format!("{rule}, {} kernel{detail}", params.kernel.name())
}
