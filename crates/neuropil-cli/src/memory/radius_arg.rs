//! The radius of a kernel: a number, or how it is chosen.

use std::str::FromStr;

use ndarray::ArrayView2;
use neuropil_core::progress::Monitor;
use neuropil_memory::kernel_memory::{RadiusSearch, search_radius};
use neuropil_memory::radius_choice::{choose_radius, suggested_radius};
use neuropil_memory::{Kernel, KernelMemoryParams, Rule, StateKind};
use serde_json::{Value, json};

use crate::failure::{Failure, Result};

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum RadiusArg {
    Number(f64),
    /// The largest measured basins among radii at which patterns are stable.
    Measured,
    /// The largest certified basins.
    Certified,
}

impl FromStr for RadiusArg {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "auto" => Ok(Self::Measured),
            "certified" => Ok(Self::Certified),
            _ => text.parse().map(Self::Number).map_err(|_| "write a number, \"auto\" or \"certified\"".to_owned()),
        }
    }
}

/// A radius that was chosen for the patterns.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChosenRadius {
    radius: f64,
    basin: f64,
    /// Where the basins were measured and not proved.
    spectral_radius: Option<f64>,
}

impl ChosenRadius {
    pub fn describe(&self) -> String {
        match self.spectral_radius {
            Some(spectral) => format!(
                "{:.4}, chosen: smallest measured basin {:.4}, spectral radius at most {spectral:.3}",
                self.radius, self.basin
            ),
            None => format!("{:.4}, chosen: smallest certified basin {:.4}", self.radius, self.basin),
        }
    }

    pub fn document(&self) -> Value {
        json!({ "radius": self.radius, "basin": self.basin, "spectral_radius": self.spectral_radius })
    }
}

/// The number that was given, or the usual one; a radius that is searched for later begins there.
pub(crate) fn radius_of(radius: Option<RadiusArg>, patterns: ArrayView2<f64>) -> neuropil_memory::Result<f64> {
    match radius.and_then(RadiusArg::number) {
        Some(radius) => Ok(radius),
        None => suggested_radius(patterns),
    }
}

impl RadiusArg {
    pub fn number(self) -> Option<f64> {
        match self {
            Self::Number(radius) => Some(radius),
            Self::Measured | Self::Certified => None,
        }
    }

    /// The parameters with the radius that suits the patterns best.
    pub fn search(
        self,
        mut params: KernelMemoryParams,
        patterns: ArrayView2<f64>,
        monitor: &Monitor,
    ) -> Result<(KernelMemoryParams, Option<ChosenRadius>)> {
        let chosen = match (self, &params.kernel, &params.rule) {
            (Self::Number(_), ..) => return Ok((params, None)),
            (Self::Measured, ..) => {
                let found = search_radius(&params, patterns, &RadiusSearch::default(), monitor)?;
                let spectral_radius = Some(found.spectral_radius);
                ChosenRadius { radius: found.radius, basin: found.basin, spectral_radius }
            }
            (Self::Certified, &Kernel::GeneralizedExponential { beta, .. }, Rule::Interpolate(rule))
                if params.states == StateKind::Real =>
            {
                let found = choose_radius(patterns, beta, rule.normalization, monitor)?;
                ChosenRadius { radius: found.radius, basin: found.certified, spectral_radius: None }
            }
            (Self::Certified, ..) => {
                return Err(Failure::usage("--radius certified proves basins of interpolated real patterns only")
                    .hint("use --kernel gaussian or gexp with --rule normalized or interpolate, or --radius auto"));
            }
        };
        params.kernel = match params.kernel {
            Kernel::Ball { .. } => Kernel::Ball { radius: chosen.radius },
            Kernel::GeneralizedExponential { beta, .. } => {
                Kernel::GeneralizedExponential { radius: chosen.radius, beta }
            }
            other => other,
        };
        Ok((params, Some(chosen)))
    }
}
