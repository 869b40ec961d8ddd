//! Looking back at a whole recording with a family chosen at run time.
//!
//! Smoothing, segmentation and hazard learning are exact whatever the method of the learner: only its family, its
//! hazard and its treatment of missing observations matter.

use ndarray::ArrayView2;
use neuropil_core::progress::Monitor;

use crate::blocks::Blocks;
use crate::change_count::ChangeCount;
use crate::error::{Error, Result};
use crate::family::for_family;
use crate::filter::check_rows;
use crate::hazard_learning::{HazardFit, HazardFitOptions, fit_hazard};
use crate::model::ChangePointLearner;
use crate::online_hazard::{BetaHazard, HazardGrid, OnlineHazard};
use crate::segment::Segmentation;
use crate::smooth::{Offline, Smoothing};

impl ChangePointLearner {
    /// Beliefs and change probabilities given all observations, `(T, width)`; pruned at `cutoff`.
    ///
    /// # Errors
    /// When a parameter is out of range, there is no observation, or one cannot belong to the family.
    pub fn smooth(&self, y: ArrayView2<'_, f64>, blocks: &Blocks, cutoff: f64, monitor: &Monitor) -> Result<Smoothing> {
        self.check(&y, "smoothing", 1)?;
        for_family!(&self.family, family => offline(self, family, cutoff, monitor).smooth(y, blocks))
    }

    /// The most probable segmentation.
    ///
    /// # Errors
    /// As [`smooth`](Self::smooth).
    pub fn segment(
        &self,
        y: ArrayView2<'_, f64>,
        blocks: &Blocks,
        cutoff: f64,
        monitor: &Monitor,
    ) -> Result<Segmentation> {
        self.check(&y, "segmentation", 1)?;
        for_family!(&self.family, family => offline(self, family, cutoff, monitor).segment(y, blocks))
    }

    /// Draws from the posterior over segmentations: the starts of the segments of each draw.
    ///
    /// # Errors
    /// As [`smooth`](Self::smooth).
    pub fn sample_segmentations(
        &self,
        y: ArrayView2<'_, f64>,
        blocks: &Blocks,
        draws: usize,
        cutoff: f64,
        monitor: &Monitor,
    ) -> Result<Vec<Vec<usize>>> {
        self.check(&y, "sampling segmentations", 1)?;
        for_family!(&self.family, family => {
            offline(self, family, cutoff, monitor).sample_segmentations(y, blocks, draws, self.seed)
        })
    }

    /// The posterior over the number of changes.
    ///
    /// # Errors
    /// As [`smooth`](Self::smooth).
    pub fn change_count(
        &self,
        y: ArrayView2<'_, f64>,
        blocks: &Blocks,
        cutoff: f64,
        monitor: &Monitor,
    ) -> Result<ChangeCount> {
        self.check(&y, "counting changes", 1)?;
        for_family!(&self.family, family => offline(self, family, cutoff, monitor).change_count(y, blocks))
    }

    /// The most probable constant hazard, with its uncertainty.
    ///
    /// # Errors
    /// As [`smooth`](Self::smooth); at least two observations are needed.
    pub fn fit_hazard(&self, y: ArrayView2<'_, f64>, blocks: &Blocks, options: &HazardFitOptions) -> Result<HazardFit> {
        self.check(&y, "learning the hazard", 2)?;
        for_family!(&self.family, family => fit_hazard(family, y, blocks, options))
    }

    /// The hazard learned along the way on a grid of hazards weighted by their evidence.
    ///
    /// # Errors
    /// As [`smooth`](Self::smooth).
    pub fn learn_hazard_on_grid(
        &self,
        y: ArrayView2<'_, f64>,
        blocks: &Blocks,
        grid: &HazardGrid,
        cutoff: f64,
        monitor: &Monitor,
    ) -> Result<(OnlineHazard, Vec<f64>)> {
        self.check(&y, "learning the hazard", 1)?;
        for_family!(&self.family, family => grid.learn(family, y, blocks, cutoff, monitor))
    }

    /// The hazard learned along the way with a beta prior (Wilson, Nassar and Gold 2010).
    ///
    /// # Errors
    /// As [`smooth`](Self::smooth).
    pub fn learn_hazard_with_beta_prior(
        &self,
        y: ArrayView2<'_, f64>,
        blocks: &Blocks,
        prior: &BetaHazard,
        cutoff: f64,
        monitor: &Monitor,
    ) -> Result<OnlineHazard> {
        self.check(&y, "learning the hazard", 1)?;
        for_family!(&self.family, family => prior.learn(family, y, blocks, cutoff, monitor))
    }

    /// Refuses what no family can take, before any work starts.
    fn check(&self, y: &ArrayView2<'_, f64>, what: &'static str, needed: usize) -> Result<()> {
        self.family.validate()?;
        self.hazard.validate()?;
        if y.nrows() < needed {
            return Err(Error::TooFew { what, needed, got: y.nrows() });
        }
        self.hazard.validate_for(y.nrows())?;
        for_family!(&self.family, family => check_rows(family, y, self.missing, 0))
    }
}

fn offline<F: crate::family::ConjugateFamily>(
    learner: &ChangePointLearner,
    family: &F,
    cutoff: f64,
    monitor: &Monitor,
) -> Offline<F> {
    Offline::new(family.clone(), learner.hazard.clone()).with_cutoff(cutoff).with_monitor(monitor.clone())
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::family::{Family, Gaussian};
    use crate::smooth::DEFAULT_CUTOFF;

    #[test]
    fn every_family_looks_back_through_the_same_methods() {
        for name in Family::NAMES {
            let family = Family::named(name).unwrap();
            let width = family.observation_width();
            let y = ndarray::Array2::from_elem((4, width), 1.0);
            let learner = ChangePointLearner::new(family);
            let blocks = Blocks::single(4);
            let smoothing = learner.smooth(y.view(), &blocks, DEFAULT_CUTOFF, &Monitor::silent()).unwrap();
            let filtered = learner.filter(y.view()).unwrap();
            let difference = smoothing.log_evidence - filtered.log_evidence.unwrap();
            assert!(difference.abs() < 1e-9, "{name}: {difference}");
        }
    }

    #[test]
    fn the_hazard_needs_two_observations() {
        let learner = ChangePointLearner::new(Gaussian::default());
        let error =
            learner.fit_hazard(array![[1.0]].view(), &Blocks::single(1), &HazardFitOptions::default()).unwrap_err();
        assert_eq!(error.to_string(), "learning the hazard needs at least 2 observations, got 1");
    }
}
