//! Linear dynamical system with Poisson emissions, fitted by expectation maximisation with a Gaussian approximation of
//! the hidden state (Macke et al. 2011).
//!
//! `x(t+1) = A x(t) + w`, `w ~ N(0, Q)`, counts `~ Poisson(exp(C x + d))`.

use faer::{Mat, Side};
use ndarray::{Array1, Array2, ArrayView2};
use neuropil_core::random::Seed;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::inference::curvature::solve_positive;
use crate::inference::gaussian_smoothing;

/// Settings of the fit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PldsOptions {
    /// Dimension of the hidden state.
    pub dimension: usize,
    /// Rounds of expectation maximisation.
    pub n_rounds: usize,
    /// Smoothing of the start, bins.
    pub smoothing: f64,
}

impl Default for PldsOptions {
    fn default() -> Self {
        Self { dimension: 2, n_rounds: 30, smoothing: 10.0 }
    }
}

/// A fitted system.
#[derive(Debug, Clone, PartialEq)]
pub struct Plds {
    /// Dynamics (A).
    pub dynamics: Array2<f64>,
    /// Covariance of the noise (Q).
    pub noise: Array2<f64>,
    /// Loadings, neuron by dimension (C).
    pub loadings: Array2<f64>,
    /// Log-rates per bin at the origin (d).
    pub offset: Array1<f64>,
    /// Most probable hidden state of the data that it was fitted to, time by dimension.
    pub state: Array2<f64>,
}

struct Posterior {
    mean: Array2<f64>,
    covariance: Vec<Array2<f64>>,
    /// Between a time and the next.
    cross: Vec<Array2<f64>>,
}

fn inverse(matrix: &Array2<f64>) -> Result<Array2<f64>> {
    let n = matrix.nrows();
    let mut result = Array2::zeros((n, n));
    for j in 0..n {
        let unit: Vec<f64> = (0..n).map(|i| f64::from(u8::from(i == j))).collect();
        let column = solve_positive(matrix, &unit).ok_or_else(|| Error::Numerical {
            what: "the Poisson linear dynamical system".into(),
            problem: "a covariance lost its positive definiteness; use fewer dimensions".into(),
        })?;
        for i in 0..n {
            result[[i, j]] = column[i];
        }
    }
    Ok(result)
}

impl Plds {
    /// Fits counts (time by neuron).
    ///
    /// # Errors
    /// More dimensions than neurons, too few bins, or a covariance that degenerates.
    pub fn fit(counts: ArrayView2<'_, f64>, options: &PldsOptions) -> Result<Self> {
        let (n_bins, n) = counts.dim();
        neuropil_core::check::within("dimension", options.dimension, 1..=n)?;
        if n_bins < 10 * options.dimension.max(2) {
            return Err(Error::TooLittle {
                what: "a linear dynamical system".into(),
                needed: format!("{} bins", 10 * options.dimension.max(2)),
                got: format!("{n_bins} bins"),
                advice: "give a longer recording".into(),
            });
        }
        let mut model = Self::start(counts, options)?;
        for _ in 0..options.n_rounds {
            let posterior = model.posterior(counts)?;
            model.maximise(counts, &posterior)?;
            model.state = posterior.mean;
        }
        Ok(model)
    }

    fn start(counts: ArrayView2<'_, f64>, options: &PldsOptions) -> Result<Self> {
        let (n_bins, n) = counts.dim();
        let d = options.dimension;
        let mut logs = Array2::zeros((n_bins, n));
        for (i, column) in counts.columns().into_iter().enumerate() {
            let smooth = gaussian_smoothing(&column.to_vec(), options.smoothing);
            for (t, value) in smooth.into_iter().enumerate() {
                logs[[t, i]] = (value + 1e-3).ln();
            }
        }
        let offset = logs.mean_axis(ndarray::Axis(0)).unwrap_or_else(|| Array1::zeros(n));
        logs -= &offset;
        let covariance = logs.t().dot(&logs) / n_bins as f64;
        let eigen = Mat::from_fn(n, n, |i, j| covariance[[i, j]]).self_adjoint_eigen(Side::Lower).map_err(|error| {
            Error::Numerical {
                what: "the start of the linear dynamical system".into(),
                problem: format!("no principal components ({error:?})"),
            }
        })?;
        let axis = |i: usize, c: usize| eigen.U()[(i, n - 1 - c)];
        let size = |c: usize| eigen.S()[n - 1 - c].max(1e-6).sqrt();
        let loadings = Array2::from_shape_fn((n, d), |(i, c)| axis(i, c) * size(c));
        let state = Array2::from_shape_fn((n_bins, d), |(t, c)| {
            (0..n).map(|i| logs[[t, i]] * axis(i, c)).sum::<f64>() / size(c)
        });
        Ok(Self {
            dynamics: Array2::from_diag_elem(d, 0.98),
            noise: Array2::from_diag_elem(d, 0.04),
            loadings,
            offset,
            state,
        })
    }

    /// The Gaussian approximation: Newton steps with the block-tridiagonal precision.
    fn posterior(&self, counts: ArrayView2<'_, f64>) -> Result<Posterior> {
        let (n_bins, n) = counts.dim();
        let d = self.dynamics.nrows();
        let q_inverse = inverse(&self.noise)?;
        let coupling = -self.dynamics.t().dot(&q_inverse);
        let back = self.dynamics.t().dot(&q_inverse).dot(&self.dynamics);
        let start_inverse = Array2::<f64>::from_diag_elem(d, 1.0);
        let mut x = if self.state.dim() == (n_bins, d) { self.state.clone() } else { Array2::zeros((n_bins, d)) };
        let mut pivots: Vec<Array2<f64>> = Vec::new();
        for _ in 0..25 {
            let linear = x.dot(&self.loadings.t()) + &self.offset;
            let rates = linear.mapv(|value| value.clamp(-20.0, 5.0).exp());
            let mut blocks = Vec::with_capacity(n_bins);
            let mut right = (&counts - &rates).dot(&self.loadings);
            for t in 0..n_bins {
                let mut block = if t == 0 { start_inverse.clone() } else { q_inverse.clone() };
                if t + 1 < n_bins {
                    block += &back;
                }
                for i in 0..n {
                    for a in 0..d {
                        for b in 0..d {
                            block[[a, b]] += rates[[t, i]] * self.loadings[[i, a]] * self.loadings[[i, b]];
                        }
                    }
                }
                let prior = if t == 0 {
                    start_inverse.dot(&x.row(0))
                } else {
                    q_inverse.dot(&(&x.row(t) - &self.dynamics.dot(&x.row(t - 1))))
                };
                let mut row = right.row_mut(t);
                row -= &prior;
                if t + 1 < n_bins {
                    let ahead = &x.row(t + 1) - &self.dynamics.dot(&x.row(t));
                    row += &self.dynamics.t().dot(&q_inverse.dot(&ahead));
                }
                blocks.push(block);
            }
            // Block elimination.
            pivots.clear();
            for t in 0..n_bins {
                let pivot = if t == 0 {
                    blocks[0].clone()
                } else {
                    let carry = coupling.t().dot(&pivots[t - 1]);
                    let before = right.row(t - 1).to_owned();
                    let mut row = right.row_mut(t);
                    row -= &carry.dot(&before);
                    &blocks[t] - &carry.dot(&coupling)
                };
                pivots.push(inverse(&pivot)?);
            }
            let mut step = Array2::zeros((n_bins, d));
            for t in (0..n_bins).rev() {
                let mut value = right.row(t).to_owned();
                if t + 1 < n_bins {
                    value -= &coupling.dot(&step.row(t + 1));
                }
                step.row_mut(t).assign(&pivots[t].dot(&value));
            }
            let largest = step.iter().fold(0.0_f64, |a, b| a.max(b.abs()));
            // Far steps overshoot where rates are exponential.
            x.scaled_add((2.0 / largest).min(1.0), &step);
            if largest < 1e-6 {
                break;
            }
        }
        let mut covariance = vec![Array2::zeros((d, d)); n_bins];
        let mut cross = vec![Array2::zeros((d, d)); n_bins];
        for t in (0..n_bins).rev() {
            covariance[t] = if t + 1 == n_bins {
                pivots[t].clone()
            } else {
                let gain = -pivots[t].dot(&coupling);
                cross[t] = gain.dot(&covariance[t + 1]);
                &pivots[t] + &gain.dot(&covariance[t + 1]).dot(&gain.t())
            };
        }
        Ok(Posterior { mean: x, covariance, cross })
    }

    fn maximise(&mut self, counts: ArrayView2<'_, f64>, posterior: &Posterior) -> Result<()> {
        let (n_bins, n) = counts.dim();
        let d = self.dynamics.nrows();
        let outer = |a: ndarray::ArrayView1<'_, f64>, b: ndarray::ArrayView1<'_, f64>| {
            Array2::from_shape_fn((d, d), |(i, j)| a[i] * b[j])
        };
        let (mut past, mut now, mut lag) = (Array2::zeros((d, d)), Array2::zeros((d, d)), Array2::zeros((d, d)));
        for t in 0..n_bins - 1 {
            let (a, b) = (posterior.mean.row(t), posterior.mean.row(t + 1));
            past += &(outer(a, a) + &posterior.covariance[t]);
            now += &(outer(b, b) + &posterior.covariance[t + 1]);
            lag += &(outer(b, a) + posterior.cross[t].t());
        }
        for i in 0..d {
            past[[i, i]] += 1e-6;
        }
        self.dynamics = lag.dot(&inverse(&past)?);
        let noise = (now - self.dynamics.dot(&lag.t())) / (n_bins - 1) as f64;
        self.noise = (&noise + &noise.t()) / 2.0;
        for i in 0..d {
            self.noise[[i, i]] = self.noise[[i, i]].max(0.0) + 1e-5;
        }
        for i in 0..n {
            self.neuron(i, counts, posterior);
        }
        Ok(())
    }

    /// Newton's method for the loadings of a neuron; the expected rate is `exp(C x + d + C V C' / 2)`.
    fn neuron(&mut self, i: usize, counts: ArrayView2<'_, f64>, posterior: &Posterior) {
        let (n_bins, d) = posterior.mean.dim();
        for _ in 0..8 {
            let c = self.loadings.row(i).to_owned();
            let mut gradient = vec![0.0; d + 1];
            let mut hessian = Array2::<f64>::from_diag_elem(d + 1, 1e-3);
            for (a, g) in gradient.iter_mut().enumerate().take(d) {
                *g -= 1e-3 * c[a];
            }
            for t in 0..n_bins {
                let vc = posterior.covariance[t].dot(&c);
                let linear = c.dot(&posterior.mean.row(t)) + self.offset[i] + 0.5 * c.dot(&vc);
                let rate = linear.clamp(-20.0, 5.0).exp();
                let y = counts[[t, i]];
                let slope = |a: usize| if a < d { posterior.mean[[t, a]] + vc[a] } else { 1.0 };
                for a in 0..=d {
                    let direct = if a < d { posterior.mean[[t, a]] } else { 1.0 };
                    gradient[a] += y * direct - rate * slope(a);
                    for b in 0..=d {
                        let bend = if a < d && b < d { posterior.covariance[t][[a, b]] } else { 0.0 };
                        hessian[[a, b]] += rate * (slope(a) * slope(b) + bend);
                    }
                }
            }
            let Some(step) = solve_positive(&hessian, &gradient) else { return };
            let largest = step.iter().fold(0.0_f64, |a, b| a.max(b.abs()));
            let length = f64::min(1.0 / largest, 1.0);
            for a in 0..d {
                self.loadings[[i, a]] += length * step[a];
            }
            self.offset[i] += length * step[d];
            if largest < 1e-5 {
                return;
            }
        }
    }

    /// Expected count of every neuron in every bin of counts (time by neuron), given the whole sequence.
    ///
    /// # Errors
    /// A covariance that degenerates.
    pub fn expected(&self, counts: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        let posterior = self.posterior(counts)?;
        let mut linear = posterior.mean.dot(&self.loadings.t()) + &self.offset;
        for t in 0..linear.nrows() {
            for i in 0..linear.ncols() {
                let c = self.loadings.row(i);
                linear[[t, i]] += 0.5 * c.dot(&posterior.covariance[t].dot(&c));
            }
        }
        Ok(linear.mapv(|value| value.clamp(-20.0, 5.0).exp()))
    }

    /// Expected counts (time by neuron) along a course of its own.
    ///
    /// # Errors
    /// A covariance that degenerates.
    pub fn simulate(&self, n_bins: usize, seed: u64) -> Result<Array2<f64>> {
        let d = self.dynamics.nrows();
        let factor = Mat::from_fn(d, d, |i, j| self.noise[[i, j]])
            .self_adjoint_eigen(Side::Lower)
            .map_err(|error| Error::Numerical { what: "the simulation".into(), problem: format!("{error:?}") })?;
        let mut stream = Seed::new(seed).child("plds").stream();
        let mut x = self.state.row(0).to_owned();
        let mut rates = Array2::zeros((n_bins, self.offset.len()));
        for t in 0..n_bins {
            let normals: Vec<f64> = (0..d)
                .map(|k| {
                    let normal: f64 = StandardNormal.sample(&mut stream);
                    factor.S()[k].max(0.0).sqrt() * normal
                })
                .collect();
            let kick: Array1<f64> = (0..d).map(|i| (0..d).map(|k| factor.U()[(i, k)] * normals[k]).sum()).collect();
            x = self.dynamics.dot(&x) + kick;
            let linear = self.loadings.dot(&x) + &self.offset;
            rates.row_mut(t).assign(&linear.mapv(|value: f64| value.clamp(-20.0, 5.0).exp()));
        }
        Ok(rates)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use neuropil_core::random::uniform;
    use neuropil_core::statistics::correlation;

    #[test]
    fn a_slow_common_rate_is_recovered() {
        let mut stream = Seed::new(2).stream();
        let truth: Vec<f64> = (0..800).map(|t| (t as f64 * 0.02).sin()).collect();
        let counts = Array2::from_shape_fn((800, 6), |(t, i)| {
            let sign = if i < 3 { 1.0 } else { -1.0 };
            let rate = 0.2 * (sign * truth[t]).exp();
            f64::from(u8::from(uniform(&mut stream) < rate))
        });
        let options = PldsOptions { dimension: 1, n_rounds: 15, smoothing: 10.0 };
        let model = Plds::fit(counts.view(), &options).unwrap();
        let expected = model.expected(counts.view()).unwrap();
        let log_rate: Vec<f64> = expected.column(0).iter().map(|rate| rate.ln()).collect();
        assert!(correlation(&log_rate, &truth).unwrap() > 0.9);
        assert_eq!(model.simulate(50, 0).unwrap().dim(), (50, 6));
        assert!(Plds::fit(counts.view(), &PldsOptions { dimension: 7, ..options }).is_err());
    }
}
