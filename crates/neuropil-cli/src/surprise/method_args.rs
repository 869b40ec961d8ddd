//! How the learner follows the world.

use clap::Args;
use clap::builder::PossibleValuesParser;
use neuropil_surprise::method::Method;
use neuropil_surprise::resampling::Threshold;
use neuropil_surprise::run_length::Overflow;

use crate::failure::{Failure, Result};

/// The learner and its parameters.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Learner")]
pub(crate) struct MethodArgs {
    /// Learner: exact, mp (message passing with N run lengths), sor (stratified optimal resampling), pf (particle
    /// filter), varsmile, smile, nassar10, nassar12 (delta rules; gaussian only), leaky [default: exact]
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(Method::NAMES),
        hide_possible_values = true)]
    method: Option<String>,
    #[command(flatten)]
    pub parameters: MethodParameters,
}

/// The parameters of a learner, without its name.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Learner")]
pub(crate) struct MethodParameters {
    /// mp, sor: hypotheses kept; pf: particles [default: 20]
    #[arg(long, value_name = "N", visible_alias = "particles")]
    n: Option<usize>,
    /// exact: posterior weight below which a hypothesis is dropped; 0 keeps all [default: 1e-12]
    #[arg(long, value_name = "WEIGHT", allow_negative_numbers = true)]
    cutoff: Option<f64>,
    /// exact: longest run length that is kept, in observations [default: no limit]
    #[arg(long, value_name = "STEPS")]
    max_run_length: Option<u64>,
    /// exact: most hypotheses that are kept, which bounds the memory [default: 50000]
    #[arg(long, value_name = "COUNT")]
    max_hypotheses: Option<usize>,
    /// mp: merge the two most similar run lengths instead of dropping the least probable
    #[arg(long)]
    merge: bool,
    /// mp: a hypothesis younger than this many steps is never dropped [default: 0]
    #[arg(long, value_name = "STEPS")]
    protect: Option<u64>,
    /// sor: the threshold search of the code published with the paper, which fails when weights underflow
    #[arg(long)]
    published_threshold: bool,
    /// varsmile, smile: modulation of the surprise; larger adapts faster [default: hazard / (1 - hazard)]
    #[arg(long, value_name = "M", allow_negative_numbers = true)]
    m: Option<f64>,
    /// nassar10, nassar12: run length before the first observation, in observations [default: 1]
    #[arg(long, value_name = "STEPS", allow_negative_numbers = true)]
    initial_run_length: Option<f64>,
    /// leaky: share of the past that survives a step, in [0, 1) [default: 0.9]
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    omega: Option<f64>,
}

/// Which methods an option belongs to.
const OWNERS: &[(&str, &[&str])] = &[
    ("--n", &["mp", "sor", "pf"]),
    ("--cutoff", &["exact"]),
    ("--max-run-length", &["exact"]),
    ("--max-hypotheses", &["exact"]),
    ("--merge", &["mp"]),
    ("--protect", &["mp"]),
    ("--published-threshold", &["sor"]),
    ("--m", &["varsmile", "smile"]),
    ("--initial-run-length", &["nassar10", "nassar12"]),
    ("--omega", &["leaky"]),
];

impl MethodArgs {
    /// The name of the learner.
    pub fn name(&self) -> &str {
        self.method.as_deref().unwrap_or("exact")
    }

    /// An option of this group that was given, if there is one.
    pub fn given_option(&self) -> Option<String> {
        let parameter = || self.parameters.given().first().map(|option| (*option).to_owned());
        self.method.as_ref().map(|_| "--method".to_owned()).or_else(parameter)
    }

    /// The learner, or a refusal of a parameter that it does not have.
    pub fn method(&self) -> Result<Method> {
        self.parameters.refuse_strangers(&[self.name()])?;
        self.parameters.of(self.name())
    }
}

impl MethodParameters {
    /// Whether the modulation was given.
    pub fn has_m(&self) -> bool {
        self.m.is_some()
    }

    /// Refuses parameters that none of the methods has.
    pub fn refuse_strangers(&self, methods: &[&str]) -> Result<()> {
        let Some((option, owners)) = self
            .given()
            .into_iter()
            .filter_map(|option| OWNERS.iter().find(|(name, _)| *name == option))
            .find(|(_, owners)| owners.iter().all(|owner| !methods.contains(owner)))
        else {
            return Ok(());
        };
        let takes: Vec<&str> = OWNERS
            .iter()
            .filter(|(_, owners)| owners.iter().any(|owner| methods.contains(owner)))
            .map(|(name, _)| *name)
            .collect();
        let message =
            format!("{option} belongs to the method {}, but the method is {}", owners.join(" or "), methods.join(", "));
        Err(Failure::usage(message).hint(format!("{} takes {}", methods.join(", "), takes.join(", "))))
    }

    /// The method with this name and those of the parameters that it has.
    pub fn of(&self, name: &str) -> Result<Method> {
        let mut method = Method::named(name)?;
        match &mut method {
            Method::Exact { cutoff, max_run_length, max_hypotheses } => {
                *cutoff = self.cutoff.unwrap_or(*cutoff);
                *max_run_length = self.max_run_length.or(*max_run_length);
                *max_hypotheses = self.max_hypotheses.unwrap_or(*max_hypotheses);
            }
            Method::MessagePassing { n, overflow, protect } => {
                *n = self.n.unwrap_or(*n);
                *overflow = if self.merge { Overflow::Merge } else { Overflow::Drop };
                *protect = self.protect.unwrap_or(*protect);
            }
            Method::StratifiedResampling { n, threshold } => {
                *n = self.n.unwrap_or(*n);
                *threshold = if self.published_threshold { Threshold::Liakoni2021 } else { Threshold::Exact };
            }
            Method::ParticleFilter { n } => *n = self.n.unwrap_or(*n),
            Method::VarSmile { m } | Method::Smile { m } => *m = self.m.or(*m),
            Method::Nassar2010 { initial_run_length } | Method::Nassar2012 { initial_run_length } => {
                *initial_run_length = self.initial_run_length.unwrap_or(*initial_run_length);
            }
            Method::Leaky { omega } => *omega = self.omega.unwrap_or(*omega),
        }
        Ok(method)
    }

    /// The parameters that a fit could free and whose value was given.
    pub fn fixed(&self) -> Vec<&'static str> {
        [("m", self.m), ("omega", self.omega)].into_iter().filter_map(|(name, value)| value.map(|_| name)).collect()
    }

    fn given(&self) -> Vec<&'static str> {
        [
            ("--n", self.n.is_some()),
            ("--cutoff", self.cutoff.is_some()),
            ("--max-run-length", self.max_run_length.is_some()),
            ("--max-hypotheses", self.max_hypotheses.is_some()),
            ("--merge", self.merge),
            ("--protect", self.protect.is_some()),
            ("--published-threshold", self.published_threshold),
            ("--m", self.m.is_some()),
            ("--initial-run-length", self.initial_run_length.is_some()),
            ("--omega", self.omega.is_some()),
        ]
        .into_iter()
        .filter_map(|(option, given)| given.then_some(option))
        .collect()
    }
}
