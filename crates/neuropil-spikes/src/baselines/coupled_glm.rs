//! Generalised linear model of the recorded neurons: the log-rate of each is linear in the exponentially filtered spikes
//! of all (Pillow et al. 2008, with exponential filters).

use ndarray::{Array1, Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use super::poisson_log;
use crate::error::{Error, Result};
use crate::inference::curvature::solve_positive;

/// Settings of the fit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GlmOptions {
    /// Time constants of the filters, in bins.
    pub filters: Vec<f64>,
    /// Strength of the ridge penalty on the filter weights.
    pub ridge: f64,
    /// Largest number of Newton steps.
    pub max_iterations: usize,
}

impl Default for GlmOptions {
    fn default() -> Self {
        Self { filters: vec![2.0, 10.0, 50.0], ridge: 1.0, max_iterations: 50 }
    }
}

/// A fitted model.
#[derive(Debug, Clone, PartialEq)]
pub struct CoupledGlm {
    /// Log-rate per bin without recent spikes, per neuron.
    pub intercept: Array1<f64>,
    /// Weights, neuron by (source neuron, filter).
    pub weights: Array2<f64>,
    /// Log-likelihood of the data that it was fitted to, nats, without factorials.
    pub log_likelihood: f64,
    filters: Vec<f64>,
}

fn features(spikes: ArrayView2<'_, u8>, filters: &[f64]) -> Array2<f64> {
    let (n_bins, n) = spikes.dim();
    let mut features = Array2::zeros((n_bins, n * filters.len()));
    for (j, train) in spikes.columns().into_iter().enumerate() {
        for (l, tau) in filters.iter().enumerate() {
            let decay = (-1.0 / tau).exp();
            let mut trace = 0.0;
            for (t, &spike) in train.iter().enumerate() {
                // Spikes act from the next bin on.
                features[[t, j * filters.len() + l]] = trace;
                trace = decay * (trace + f64::from(spike));
            }
        }
    }
    features
}

impl CoupledGlm {
    /// Fits binned spikes (time by neuron) by penalised maximum likelihood.
    ///
    /// # Errors
    /// No filter, a time constant that is not positive, or fewer bins than parameters.
    pub fn fit(spikes: ArrayView2<'_, u8>, options: &GlmOptions) -> Result<Self> {
        neuropil_core::check::non_empty("filters", &options.filters)?;
        neuropil_core::check::each("filters", &options.filters, neuropil_core::check::positive)?;
        neuropil_core::check::non_negative("ridge", options.ridge)?;
        let x = features(spikes, &options.filters);
        let (n_bins, n_features) = x.dim();
        if n_bins <= n_features {
            return Err(Error::TooLittle {
                what: format!("a coupled model with {n_features} weights per neuron"),
                needed: format!("{} bins", n_features + 1),
                got: format!("{n_bins} bins"),
                advice: "use fewer filters or a longer recording".into(),
            });
        }
        let n = spikes.ncols();
        let mut model = Self {
            intercept: Array1::zeros(n),
            weights: Array2::zeros((n, n_features)),
            log_likelihood: 0.0,
            filters: options.filters.clone(),
        };
        for neuron in 0..n {
            let y: Vec<f64> = spikes.column(neuron).iter().map(|&spike| f64::from(spike)).collect();
            let (beta, log_likelihood) = newton(&x, &y, options);
            model.intercept[neuron] = beta[0];
            model.weights.row_mut(neuron).assign(&Array1::from_vec(beta[1..].to_vec()));
            model.log_likelihood += log_likelihood;
        }
        Ok(model)
    }

    /// Expected count of every neuron in every bin, given the spikes before it.
    #[must_use]
    pub fn expected(&self, spikes: ArrayView2<'_, u8>) -> Array2<f64> {
        let linear = features(spikes, &self.filters).dot(&self.weights.t()) + &self.intercept;
        linear.mapv(|value| value.min(3.0).exp())
    }

    /// Log-likelihood of spikes, nats, without factorials.
    #[must_use]
    pub fn log_likelihood_of(&self, spikes: ArrayView2<'_, u8>) -> f64 {
        self.expected(spikes).iter().zip(spikes).map(|(rate, &spike)| poisson_log(f64::from(spike), *rate)).sum()
    }
}

fn newton(x: &Array2<f64>, y: &[f64], options: &GlmOptions) -> (Vec<f64>, f64) {
    let (n_bins, n_features) = x.dim();
    let p = n_features + 1;
    let mean = (y.iter().sum::<f64>() / n_bins as f64).max(1e-4);
    let mut beta = vec![0.0; p];
    beta[0] = mean.ln();
    let objective = |beta: &[f64]| -> (f64, f64) {
        let log_likelihood: f64 = (0..n_bins)
            .map(|t| {
                let linear = beta[0] + (0..n_features).map(|i| beta[i + 1] * x[[t, i]]).sum::<f64>();
                y[t] * linear - linear.min(20.0).exp()
            })
            .sum();
        let penalty: f64 = beta[1..].iter().map(|b| 0.5 * options.ridge * b * b).sum();
        (log_likelihood - penalty, log_likelihood)
    };
    let (mut value, mut log_likelihood) = objective(&beta);
    for _ in 0..options.max_iterations {
        let mut gradient = vec![0.0; p];
        let mut hessian = Array2::<f64>::zeros((p, p));
        let mut row = vec![1.0; p];
        for t in 0..n_bins {
            for i in 0..n_features {
                row[i + 1] = x[[t, i]];
            }
            let linear: f64 = row.iter().zip(&beta).map(|(a, b)| a * b).sum();
            let rate = linear.min(20.0).exp();
            for i in 0..p {
                gradient[i] += (y[t] - rate) * row[i];
                for j in 0..=i {
                    hessian[[i, j]] += rate * row[i] * row[j];
                }
            }
        }
        for i in 0..p {
            if i > 0 {
                gradient[i] -= options.ridge * beta[i];
                hessian[[i, i]] += options.ridge;
            }
            hessian[[i, i]] += 1e-9;
            for j in 0..i {
                hessian[[j, i]] = hessian[[i, j]];
            }
        }
        let Some(step) = solve_positive(&hessian, &gradient) else { break };
        let mut length = 1.0;
        let before = value;
        for _ in 0..20 {
            let trial: Vec<f64> = beta.iter().zip(&step).map(|(b, s)| b + length * s).collect();
            let (found, found_log) = objective(&trial);
            if found > value {
                (beta, value, log_likelihood) = (trial, found, found_log);
                break;
            }
            length *= 0.5;
        }
        if value - before < 1e-8 * (value.abs() + 1.0) {
            break;
        }
    }
    (beta, log_likelihood)
}

#[cfg(test)]
mod tests {
    use super::*;
    use neuropil_core::random::{Seed, uniform};

    #[test]
    fn a_coupling_is_found_with_its_sign() {
        let mut stream = Seed::new(5).stream();
        let mut spikes = Array2::<u8>::zeros((8000, 2));
        let mut trace = 0.0;
        for t in 0..8000 {
            let first = uniform(&mut stream) < 0.05;
            let second = uniform(&mut stream) < 0.02 * (1.5_f64 * trace).exp();
            spikes[[t, 0]] = u8::from(first);
            spikes[[t, 1]] = u8::from(second);
            trace = (-1.0_f64 / 5.0).exp() * (trace + f64::from(u8::from(first)));
        }
        let options = GlmOptions { filters: vec![5.0], ridge: 0.1, max_iterations: 50 };
        let model = CoupledGlm::fit(spikes.view(), &options).unwrap();
        assert!((model.weights[[1, 0]] - 1.5).abs() < 0.4, "{:?}", model.weights);
        assert!(model.weights[[0, 1]].abs() < 0.5);
        assert!((model.log_likelihood_of(spikes.view()) - model.log_likelihood).abs() < 1e-6);
        assert!(CoupledGlm::fit(spikes.slice(ndarray::s![..2, ..]), &options).is_err());
    }
}
