//! Memory of one sweep through a trial: what the forward pass leaves for the adjoint.

use super::age_kernel::LANES;
use super::circuit::Circuit;
use super::recording::{Recording, Trial};

/// What becomes of neurons that have not fired for longer than the age grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OldAges {
    /// They leave the grid and are described by the missing mass (the published program); wants a grid much longer
    /// than the mean interval between spikes.
    Dropped,
    /// They share one pool whose potential is the input potential: a short grid (six to ten membrane time constants)
    /// is then enough.
    #[default]
    Pooled,
}

/// Where an observed neuron stands in the age grid at one time.
pub(super) const REFRACTORY: u32 = u32::MAX;
/// Beyond the grid: the pool.
pub(super) const POOL: u32 = u32::MAX - 1;

/// Sizes that stay the same while parameters change.
#[derive(Debug, Clone)]
pub(super) struct Grid {
    pub n_steps: usize,
    pub age_bins: usize,
    pub old_ages: OldAges,
    /// Cohorts that can fire, per population, rounded up to a multiple of the lanes.
    pub width: Vec<usize>,
    /// Index of the cohort born at time 0.
    pub offset: Vec<usize>,
    /// Bins of the tail of the stationary age distribution at the start, beyond the grid.
    pub tail_bins: usize,
    /// Cell of every observed neuron at every time (time by neuron).
    pub cells: Vec<u32>,
    /// Spikes that the refractory period forbids.
    pub impossible_spikes: usize,
}

impl Grid {
    pub fn new(circuit: &Circuit, recording: &Recording, trial: &Trial, age_bins: usize, old_ages: OldAges) -> Self {
        let width: Vec<usize> =
            circuit.refractory_steps.iter().map(|&k_ref| (age_bins - k_ref).next_multiple_of(LANES)).collect();
        let offset = width.iter().zip(&circuit.refractory_steps).map(|(w, k_ref)| w + k_ref + 1).collect();
        let horizon = (1.0 / circuit.dt).ceil() as usize;
        let mut grid = Self {
            n_steps: trial.n_steps(),
            age_bins,
            old_ages,
            width,
            offset,
            tail_bins: horizon.saturating_sub(age_bins),
            cells: Vec::new(),
            impossible_spikes: 0,
        };
        grid.place_neurons(circuit, recording, trial);
        grid
    }

    fn place_neurons(&mut self, circuit: &Circuit, recording: &Recording, trial: &Trial) {
        let n = recording.populations.len();
        self.cells = vec![0; self.n_steps * n];
        for (neuron, &m) in recording.populations.iter().enumerate() {
            let k_ref = circuit.refractory_steps[m];
            let mut age = trial.initial_age[neuron];
            for t in 0..self.n_steps {
                let oldest = self.age_bins - 1;
                self.cells[t * n + neuron] = if age < k_ref {
                    REFRACTORY
                } else if age <= oldest || self.old_ages == OldAges::Dropped {
                    (self.width[m] - 1 - (age.min(oldest) - k_ref)) as u32
                } else {
                    POOL
                };
                if trial.spikes[[t, neuron]] > 0 {
                    self.impossible_spikes += usize::from(age < k_ref);
                    age = 0;
                } else {
                    age += 1;
                }
            }
        }
    }
}

/// Everything of one population along a trial.
#[derive(Debug, Clone, Default)]
pub(super) struct PopulationTape {
    /// By cohort: fraction born, input potential at the end of refractoriness, survivor.
    pub born: Vec<f64>,
    pub left_refractoriness: Vec<f64>,
    pub survivor: Vec<f64>,
    /// By time and cohort.
    pub hazards: Vec<f64>,
    pub survivors: Vec<f64>,
    /// Scratch of the kernels.
    pub stay: Vec<f64>,
    /// `q^width ... q^0`, oldest first.
    pub decay_powers: Vec<f64>,
    /// By time.
    pub input_potential: Vec<f64>,
    pub probability: Vec<f64>,
    pub common: Vec<f64>,
    pub missing: Vec<f64>,
    pub variance: Vec<f64>,
    pub pool: Vec<Pool>,
    /// Adjoints, by cohort.
    pub log_survivor_bar: Vec<f64>,
    pub potential_bar: Vec<f64>,
    pub born_bar: Vec<f64>,
    /// Stationary start: potential of the input, hazards and survivors by age, survivor beyond the grid.
    pub start: Start,
}

/// The pool of old neurons at one time.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pool {
    /// Expected fraction in the pool before the step (sum of m).
    pub mass: f64,
    /// Sum of S m.
    pub squared: f64,
    /// Hazard per step, and probability to stay silent.
    pub hazard: f64,
    pub stay: f64,
    /// Survivor and birth fraction of the cohort that enters after the step.
    pub entering_survivor: f64,
    pub entering_born: f64,
}

/// The stationary age distribution from which a trial starts.
#[derive(Debug, Clone, Default)]
pub(super) struct Start {
    pub input: f64,
    pub potential: f64,
    pub hazards: Vec<f64>,
    pub survivor_beyond: f64,
    pub pool_hazard: f64,
}

/// Memory of a sweep; reused from call to call.
#[derive(Debug, Clone, Default)]
pub(super) struct Tape {
    pub populations: Vec<PopulationTape>,
    /// Synaptic traces (Hz), time by population.
    pub traces: Vec<f64>,
    /// Activity (fraction per bin), time by population.
    pub activity: Vec<f64>,
    /// Adjoints of the synaptic inputs, time by population.
    pub input_bar: Vec<f64>,
    /// Adjoint of the activity, time by population.
    pub activity_bar: Vec<f64>,
    /// Adjoint of the innovations, time by population (only when the latent variables are innovations).
    pub innovation_bar: Vec<f64>,
}

/// How much of the tape a sweep keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// Only what the next step needs.
    Value,
    /// All that the adjoint needs.
    All,
}

impl Tape {
    pub fn prepare(&mut self, grid: &Grid, keep: Keep) {
        let n_populations = grid.width.len();
        let t = grid.n_steps;
        self.populations.resize_with(n_populations, PopulationTape::default);
        for field in [&mut self.traces, &mut self.activity] {
            field.resize(t * n_populations, 0.0);
        }
        for (m, tape) in self.populations.iter_mut().enumerate() {
            let n = grid.offset[m] + t + 1;
            let rows = match keep {
                Keep::Value => 1,
                Keep::All => t,
            };
            tape.born.resize(n, 0.0);
            tape.stay.resize(grid.width[m], 0.0);
            tape.left_refractoriness.resize(n, 0.0);
            tape.survivor.clear();
            tape.survivor.resize(n, 1.0);
            for field in [&mut tape.hazards, &mut tape.survivors] {
                if field.len() < rows * grid.width[m] {
                    field.resize(rows * grid.width[m], 0.0);
                }
            }
            for field in [
                &mut tape.input_potential,
                &mut tape.probability,
                &mut tape.common,
                &mut tape.missing,
                &mut tape.variance,
            ] {
                field.resize(t, 0.0);
            }
            tape.pool.resize(t, Pool::default());
            if keep == Keep::All {
                for field in [&mut tape.log_survivor_bar, &mut tape.potential_bar, &mut tape.born_bar] {
                    field.clear();
                    field.resize(n, 0.0);
                }
            }
        }
        if keep == Keep::All {
            for field in [&mut self.input_bar, &mut self.activity_bar, &mut self.innovation_bar] {
                field.clear();
                field.resize(t * n_populations, 0.0);
            }
        }
    }
}
