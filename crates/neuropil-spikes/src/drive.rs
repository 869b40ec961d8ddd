//! The time axis of a simulation: number of steps, external drive, activity from counts.

use ndarray::{Array2, ArrayView2};
use neuropil_core::check;

use crate::error::{Error, Result};

/// Number of whole steps in a duration.
///
/// # Errors
/// A duration that is not finite, or shorter than one step, or so long that the activity would not fit into memory.
pub fn steps(duration: f64, dt: f64) -> Result<usize> {
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

#[cfg(test)]
mod tests {
    use super::*;

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
