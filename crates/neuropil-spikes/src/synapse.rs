//! Input of the populations: filtered activity, delay, coupling, external drive.

use ndarray::ArrayView2;

use crate::network::Network;

/// Activities of the past, as far back as the delay reaches.
#[derive(Debug, Clone)]
pub(crate) struct DelayLine {
    m: usize,
    /// `delay + 1` rows of `m` activities in Hz; the oldest is used next and then overwritten.
    rows: Vec<f64>,
    oldest: usize,
}

impl DelayLine {
    /// A line that was always filled with `activity` (Hz).
    pub fn new(delay_steps: usize, activity: &[f64]) -> Self {
        Self { m: activity.len(), rows: activity.repeat(delay_steps + 1), oldest: 0 }
    }

    /// The activity that arrives in this step.
    pub fn arriving(&self) -> &[f64] {
        &self.rows[self.oldest * self.m..(self.oldest + 1) * self.m]
    }

    /// Keeps the activity of this step and moves on to the next.
    pub fn push(&mut self, activity: &[f64]) {
        self.rows[self.oldest * self.m..(self.oldest + 1) * self.m].copy_from_slice(activity);
        self.oldest = (self.oldest + 1) % (self.rows.len() / self.m);
    }
}

/// Synaptic input as the published program computes it: `I <- e I + (1 - e) A` with `e = exp(-dt / tau_s)`, and
/// `sum_a I_a coupling[a, b] + drive` per second.
#[derive(Debug, Clone)]
pub(crate) struct FilteredInput {
    line: DelayLine,
    decay: Vec<f64>,
    trace: Vec<f64>,
    /// Row = from, column = to.
    coupling: Vec<f64>,
    input: Vec<f64>,
}

impl FilteredInput {
    pub fn new(network: &Network, dt: f64, activity: &[f64]) -> Self {
        Self {
            line: DelayLine::new(network.delay_steps(dt), activity),
            decay: network.populations.iter().map(|p| decay(dt, p.tau_s)).collect(),
            trace: activity.to_vec(),
            coupling: network.coupling.iter().copied().collect(),
            input: vec![0.0; activity.len()],
        }
    }

    /// Input of every population in this step, units of the potential per second.
    pub fn step(&mut self, drive: Option<&ArrayView2<'_, f64>>, step: usize) -> &[f64] {
        let m = self.trace.len();
        for ((trace, &arriving), &e) in self.trace.iter_mut().zip(self.line.arriving()).zip(&self.decay) {
            *trace = e * *trace + (1.0 - e) * arriving;
        }
        for (to, input) in self.input.iter_mut().enumerate() {
            *input = drive.map_or(0.0, |drive| drive[[step, to]]);
            for from in 0..m {
                *input += self.trace[from] * self.coupling[from * m + to];
            }
        }
        &self.input
    }

    /// Keeps the activity (Hz) of this step.
    pub fn push(&mut self, activity: &[f64]) {
        self.line.push(activity);
    }
}

/// Input through exponential synapses, integrated exactly over a step: what the membrane potential gains.
///
/// With `J = tau_m * coupling`, activity `A` during the step and synaptic state `y` before it, the gain is
/// `J (A + (tau_s (y - A) e_s - (tau_s y - tau_m A) e_m) / (tau_s - tau_m))`.
#[derive(Debug, Clone)]
pub(crate) struct ExactInput {
    line: DelayLine,
    /// `exp(-dt / tau_s)` of every presynaptic population.
    decay: Vec<f64>,
    state: Vec<f64>,
    /// Gain per unit of `A` and of `y - A`, row = from, column = to.
    of_activity: Vec<f64>,
    of_difference: Vec<f64>,
    /// Gain per unit of drive.
    of_drive: Vec<f64>,
    gain: Vec<f64>,
}

impl ExactInput {
    pub fn new(network: &Network, dt: f64, activity: &[f64]) -> Self {
        let m = activity.len();
        let (mut of_activity, mut of_difference) = (vec![0.0; m * m], vec![0.0; m * m]);
        for (from, source) in network.populations.iter().enumerate() {
            for (to, target) in network.populations.iter().enumerate() {
                let j = target.tau_m * network.coupling[[from, to]];
                of_activity[from * m + to] = j * -(-dt / target.tau_m).exp_m1();
                of_difference[from * m + to] = j * difference_gain(dt, source.tau_s, target.tau_m);
            }
        }
        Self {
            line: DelayLine::new(network.delay_steps(dt), activity),
            decay: network.populations.iter().map(|p| decay(dt, p.tau_s)).collect(),
            state: activity.to_vec(),
            of_activity,
            of_difference,
            of_drive: network.populations.iter().map(|p| p.tau_m * -(-dt / p.tau_m).exp_m1()).collect(),
            gain: vec![0.0; m],
        }
    }

    /// What the potential of every population gains in this step.
    pub fn step(&mut self, drive: Option<&ArrayView2<'_, f64>>, step: usize) -> &[f64] {
        let m = self.state.len();
        let arriving = self.line.arriving();
        for (to, gain) in self.gain.iter_mut().enumerate() {
            *gain = drive.map_or(0.0, |drive| drive[[step, to]] * self.of_drive[to]);
            for from in 0..m {
                let activity = arriving[from];
                *gain += self.of_activity[from * m + to] * activity
                    + self.of_difference[from * m + to] * (self.state[from] - activity);
            }
        }
        for ((state, &activity), &e) in self.state.iter_mut().zip(arriving).zip(&self.decay) {
            *state = activity + (*state - activity) * e;
        }
        &self.gain
    }

    /// Keeps the activity (Hz) of this step.
    pub fn push(&mut self, activity: &[f64]) {
        self.line.push(activity);
    }
}

/// Factor by which a synapse decays in one step; a time constant of zero forgets at once.
fn decay(dt: f64, tau_s: f64) -> f64 {
    if tau_s > 0.0 { (-dt / tau_s).exp() } else { 0.0 }
}

/// What the potential gains in a step per unit of `y - A`: `tau_s (e_s - e_m) / (tau_s - tau_m)`.
fn difference_gain(dt: f64, tau_s: f64, tau_m: f64) -> f64 {
    if tau_s == 0.0 {
        return 0.0;
    }
    let e_m = (-dt / tau_m).exp();
    // The difference of two rates in one exponent stays accurate where the time constants nearly coincide.
    let exponent = dt / tau_m - dt / tau_s;
    let ratio = if exponent.abs() < 1e-12 { 1.0 } else { exponent.exp_m1() / exponent };
    // tau_s (e_s - e_m) / (tau_s - tau_m) = e_m * tau_s * expm1(x) / (tau_s - tau_m), and x = dt (tau_s - tau_m) / (tau_s tau_m).
    e_m * ratio * dt / tau_m
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::population::PopulationParameters;
    use ndarray::array;

    #[test]
    fn what_was_sent_arrives_after_the_delay_and_one_step() {
        let mut line = DelayLine::new(2, &[0.5]);
        let mut arrived = Vec::new();
        for step in 0..6 {
            arrived.push(line.arriving()[0]);
            line.push(&[f64::from(step) + 1.0]);
        }
        assert_eq!(arrived, [0.5, 0.5, 0.5, 1.0, 2.0, 3.0]);
    }

    #[test]
    fn the_exact_gain_agrees_with_the_published_formula_and_has_its_limit() {
        let (dt, tau_s, tau_m) = (0.5e-3, 3e-3_f64, 20e-3_f64);
        let (e_s, e_m) = ((-dt / tau_s).exp(), (-dt / tau_m).exp());
        let expected = tau_s * (e_s - e_m) / (tau_s - tau_m);
        assert!((difference_gain(dt, tau_s, tau_m) / expected - 1.0).abs() < 1e-12);
        let limit = dt / tau_m * e_m;
        assert!((difference_gain(dt, tau_m, tau_m) / limit - 1.0).abs() < 1e-14);
        assert!((difference_gain(dt, tau_m * (1.0 + 1e-9), tau_m) / limit - 1.0).abs() < 1e-9);
        assert_eq!(difference_gain(dt, 0.0, tau_m), 0.0);
    }

    #[test]
    fn constant_activity_converges_to_its_steady_potential() {
        // J = tau_m W = 1 mV s and 10 Hz give 10 mV.
        let population = PopulationParameters { mu: 0.0, ..PopulationParameters::default() };
        let network = Network { populations: vec![population], coupling: array![[1.0 / 0.020]], delay: 0.0 };
        let mut input = ExactInput::new(&network, 0.0005, &[0.0]);
        let e_m = (-0.0005_f64 / 0.020).exp();
        let mut h = 0.0;
        for step in 0..4000 {
            input.push(&[10.0]);
            h = h * e_m + input.step(None, step)[0];
        }
        assert!((h - 10.0).abs() < 1e-11, "{h}");
    }
}
