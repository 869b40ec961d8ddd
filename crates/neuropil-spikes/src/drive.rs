//! The time axis of a simulation: number of steps, external drive, activity from counts.

use ndarray::{Array2, ArrayView2};
use neuropil_core::check;
use neuropil_core::random::Seed;
use rand_distr::{Distribution, StandardNormal};

use crate::error::{Error, Result};

/// Number of whole steps in a duration.
///
/// # Errors
/// A duration that is not finite, or shorter than one step, or so long that the activity would not fit into memory.
pub fn steps(duration: f64, dt: f64) -> Result<usize> {
    check::positive("dt", dt)?;
    check::positive("duration", duration)?;
    let n_steps = (duration / dt * (1.0 + 1e-12) + 1e-9).floor();
    if n_steps < 1.0 {
        return Err(Error::parameter("duration", duration, format!("at least one time step, {dt} s")));
    }
    if n_steps > 1e10 {
        return Err(Error::parameter("duration", duration, format!("at most 1e10 time steps of {dt} s")));
    }
    Ok(n_steps as usize)
}

pub(crate) fn check_drive(
    drive: Option<&Array2<f64>>,
    n_steps: usize,
    m: usize,
) -> Result<Option<ArrayView2<'_, f64>>> {
    let Some(drive) = drive else { return Ok(None) };
    if drive.dim() != (n_steps, m) {
        let (rows, columns) = drive.dim();
        return Err(Error::shape(
            "drive (time step, population)",
            format!("{n_steps} x {m} (duration / dt steps, populations)"),
            format!("{rows} x {columns}"),
        ));
    }
    for ((step, population), &value) in drive.indexed_iter() {
        check::finite(&format!("drive[{step}, {population}]"), value)?;
    }
    Ok(Some(drive.view()))
}

/// Activity in Hz from counts of spikes per step.
#[must_use]
pub fn activity(counts: &Array2<u32>, sizes: &[usize], dt: f64) -> Array2<f64> {
    let mut activity = counts.mapv(f64::from);
    for (mut column, &n) in activity.columns_mut().into_iter().zip(sizes) {
        column /= n as f64 * dt;
    }
    activity
}

/// A shape in time for one population: what optogenetic stimulation looks like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PulseTrain {
    /// The population that receives the pulses.
    pub population: usize,
    /// Input during a pulse, units of the potential per second.
    pub amplitude: f64,
    /// Begin of the first pulse, s.
    pub first: f64,
    /// Length of a pulse, s.
    pub length: f64,
    /// Time from the begin of one pulse to that of the next, s.
    pub period: f64,
}

impl PulseTrain {
    /// The drive (time step, population) of these pulses.
    ///
    /// # Errors
    /// A population that is not there; times that are negative or not finite; a period that is not positive.
    pub fn drive(&self, n_steps: usize, n_populations: usize, dt: f64) -> Result<Array2<f64>> {
        check::within("population", self.population, 0..n_populations)?;
        check::finite("amplitude", self.amplitude)?;
        check::non_negative("first", self.first)?;
        check::non_negative("length", self.length)?;
        check::positive("period", self.period)?;
        let mut drive = Array2::zeros((n_steps, n_populations));
        for step in 0..n_steps {
            // The small shift keeps a border that rounding misses on its own side.
            let since = (step as f64 + 1e-6) * dt - self.first;
            if since >= 0.0 && since % self.period < self.length {
                drive[[step, self.population]] = self.amplitude;
            }
        }
        Ok(drive)
    }
}

/// A fluctuating current that all populations share: an Ornstein-Uhlenbeck process whose noise is modulated,
/// `dI = (mean - I) dt / tau + sqrt(2 sigma(t)^2 dt / tau) xi` with `sigma(t) = sigma (1 + depth sin(2 pi frequency t))`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FluctuatingCurrent {
    /// Mean, units of the potential per second.
    pub mean: f64,
    /// Correlation time, s.
    pub tau: f64,
    /// Standard deviation of a process that is not modulated, units of the potential per second.
    pub sigma: f64,
    /// Relative depth of the modulation.
    pub depth: f64,
    /// Frequency of the modulation, Hz.
    pub frequency: f64,
}

impl Default for FluctuatingCurrent {
    /// Zero mean, 3 ms, 20 per second, modulated by half at 0.2 Hz.
    fn default() -> Self {
        Self { mean: 0.0, tau: 0.003, sigma: 20.0, depth: 0.5, frequency: 0.2 }
    }
}

impl FluctuatingCurrent {
    /// The drive (time step, population), the same for all populations; it begins at its mean.
    ///
    /// # Errors
    /// Numbers that are not finite; a correlation time shorter than a time step; a negative standard deviation.
    pub fn drive(&self, n_steps: usize, n_populations: usize, dt: f64, seed: u64) -> Result<Array2<f64>> {
        check::finite("mean", self.mean)?;
        check::finite("depth", self.depth)?;
        check::non_negative("sigma", self.sigma)?;
        check::non_negative("frequency", self.frequency)?;
        check::positive("dt", dt)?;
        if !(self.tau >= dt && self.tau.is_finite()) {
            return Err(Error::parameter("tau", self.tau, format!("at least one time step, {dt} s, and finite")));
        }
        let mut random = Seed::new(seed).child("fluctuating-current").stream();
        let mut drive = Array2::zeros((n_steps, n_populations));
        let mut current = self.mean;
        for (step, mut row) in drive.rows_mut().into_iter().enumerate() {
            row.fill(current);
            let phase = std::f64::consts::TAU * self.frequency * step as f64 * dt;
            let sigma = self.sigma * (1.0 + self.depth * phase.sin());
            let normal: f64 = StandardNormal.sample(&mut random);
            current += (self.mean - current) * dt / self.tau + (2.0 * dt / self.tau).sqrt() * sigma * normal;
        }
        Ok(drive)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fluctuating_current_has_its_mean_spread_and_memory() {
        let current = FluctuatingCurrent { mean: 5.0, depth: 0.0, ..FluctuatingCurrent::default() };
        let dt = 0.0002;
        let drive = current.drive(400_000, 2, dt, 1).unwrap();
        assert_eq!(drive.column(0), drive.column(1));
        let centred: Vec<f64> = drive.column(0).iter().map(|value| value - 5.0).collect();
        let moment = |lag: usize| {
            centred.iter().zip(&centred[lag..]).map(|(a, b)| a * b).sum::<f64>() / (centred.len() - lag) as f64
        };
        // 80 s hold some 13,000 correlation times; Euler steps add dt / 2 tau to the variance.
        assert!((moment(0) / 400.0 - 1.0).abs() < 0.08, "{}", moment(0));
        assert!((moment(15) / moment(0) - (-1.0_f64).exp()).abs() < 0.04);
        assert!(centred.iter().sum::<f64>().abs() / (centred.len() as f64) < 1.0);
        let short = FluctuatingCurrent { tau: 0.0001, ..current };
        assert!(short.drive(10, 1, dt, 1).unwrap_err().to_string().contains("at least one time step"));
    }

    #[test]
    fn the_number_of_steps_survives_rounding() {
        assert_eq!(steps(10.0, 0.004).unwrap(), 2500);
        assert_eq!(steps(0.3, 0.1).unwrap(), 3);
        assert!(steps(0.0, 0.1).is_err() && steps(0.05, 0.1).is_err() && steps(f64::INFINITY, 0.1).is_err());
    }

    #[test]
    fn a_drive_of_another_shape_is_refused() {
        let drive = Array2::zeros((5, 2));
        assert!(check_drive(Some(&drive), 5, 2).is_ok());
        assert!(check_drive(Some(&drive), 5, 3).unwrap_err().to_string().contains("expected 5 x 3"));
        let mut drive = drive;
        drive[[4, 1]] = f64::NAN;
        assert!(check_drive(Some(&drive), 5, 2).unwrap_err().to_string().contains("drive[4, 1] is NaN"));
    }

    #[test]
    fn pulses_begin_and_end_where_they_should() {
        let pulses = PulseTrain { population: 1, amplitude: 20.0, first: 1.0, length: 0.5, period: 2.0 };
        let drive = pulses.drive(4000, 2, 0.001).unwrap();
        let on: Vec<usize> = (0..4000).filter(|&step| drive[[step, 1]] != 0.0).collect();
        assert_eq!((on[0], on[499], on[500], on.len()), (1000, 1499, 3000, 1000));
        assert_eq!(drive.column(0).sum(), 0.0);
    }
}
