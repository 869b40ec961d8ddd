//! What is simulated follows the law that the learners assume: samples beside predictive densities and moments.

use neuropil_surprise::family::{
    BetaBernoulli, BetaBinomial, BetaGeometric, ConjugateFamily, DirichletCategorical, DirichletMultinomial, Family,
    GammaExponential, GammaPoisson, Gaussian, GaussianKnownMean, LinearRegression, LinearRegressionUnknownNoise,
    MultivariateGaussian, NormalInverseGamma,
};
use neuropil_surprise::simulate::{Simulation, SimulationOptions, simulate_with};

const N: usize = 20_000;

/// Observations that each have a parameter of their own from the prior.
fn sample(family: impl Into<Family>) -> Simulation {
    let options = SimulationOptions { trials: 12, ..SimulationOptions::default() };
    simulate_with(&family.into(), &1.0.into(), N, 17, &options).unwrap()
}

/// Kolmogorov's distance of a sorted sample from a distribution function must be below its 0.1 % quantile.
fn assert_follows(name: &str, sorted: &[f64], cumulative: impl Fn(f64) -> f64) {
    let n = sorted.len() as f64;
    let distance = sorted.iter().enumerate().fold(0.0_f64, |distance, (i, &y)| {
        let wanted = cumulative(y);
        distance.max((wanted - i as f64 / n).abs()).max(((i + 1) as f64 / n - wanted).abs())
    });
    assert!(distance < 1.95 / n.sqrt(), "{name}: distance {distance}");
}

fn assert_counts_follow<F: ConjugateFamily + Into<Family>>(family: &F) {
    let mut observed: Vec<usize> = Vec::new();
    for &y in &sample(family.clone()).observations {
        let k = y as usize;
        observed.resize(observed.len().max(k + 1), 0);
        observed[k] += 1;
    }
    let (mut found, mut wanted) = (0.0, 0.0);
    for (k, count) in observed.iter().enumerate() {
        found += *count as f64 / N as f64;
        wanted += family.log_predictive(&family.prior(), &[k as f64]).exp();
        assert!((found - wanted).abs() < 1.95 / (N as f64).sqrt(), "{}: P(y <= {k}) is {found}, not {wanted}", F::NAME);
    }
    assert!((wanted - 1.0).abs() < 0.01, "{}: the largest sample leaves {}", F::NAME, 1.0 - wanted);
}

#[test]
fn counts_follow_their_predictive_mass() {
    assert_counts_follow(&BetaBernoulli { a: 2.0, b: 0.7 });
    assert_counts_follow(&BetaBinomial { trials: 7, a: 2.0, b: 3.0 });
    assert_counts_follow(&BetaGeometric { a: 6.0, b: 2.0 });
    assert_counts_follow(&GammaPoisson { shape: 3.0, rate: 0.5 });
    assert_counts_follow(&DirichletCategorical { alpha: vec![1.0, 2.0, 0.5] });
}

/// The distribution function by the trapezoid rule on a grid that is uniform in `sinh`, so that heavy tails fit in.
fn assert_density_follows<F: ConjugateFamily + Into<Family>>(family: &F, centre: f64, scale: f64) {
    let at = |i: usize| centre + scale * ((i as f64 - 10_000.0) / 800.0).sinh();
    let refused = |y: f64| family.check_observation(0, &[y]).is_err();
    let density = |y: f64| if refused(y) { 0.0 } else { family.log_predictive(&family.prior(), &[y]).exp() };
    let mut cumulative = vec![0.0];
    for i in 1..=20_000 {
        let (a, b) = (at(i - 1), at(i));
        // A density that starts with a jump at zero: the cell that holds the jump counts from it.
        let a = if refused(a) && !refused(b) { 1e-12 } else { a };
        cumulative.push(cumulative[i - 1] + 0.5 * (b - a) * (density(a) + density(b)));
    }
    let total = cumulative[20_000];
    assert!((total - 1.0).abs() < 2e-3, "{}: the density sums to {total}", F::NAME);
    let mut sorted: Vec<f64> = sample(family.clone()).observations.iter().copied().collect();
    sorted.sort_by(f64::total_cmp);
    assert_follows(F::NAME, &sorted, |y| {
        let place = (((y - centre) / scale).asinh() * 800.0 + 10_000.0).clamp(0.0, 19_999.0);
        let (i, share) = (place as usize, place.fract());
        (1.0 - share) * cumulative[i] + share * cumulative[i + 1]
    });
}

#[test]
fn numbers_follow_their_predictive_density() {
    assert_density_follows(&Gaussian { sigma: 0.5, prior_mean: 2.0, prior_sd: 1.5 }, 2.0, 0.1);
    assert_density_follows(
        &NormalInverseGamma { prior_mean: -1.0, prior_k: 0.5, prior_a: 1.5, prior_b: 2.0 },
        -1.0,
        0.1,
    );
    assert_density_follows(&GaussianKnownMean { mean: 3.0, shape: 2.0, scale: 1.0 }, 3.0, 0.1);
    assert_density_follows(&GammaExponential { known_shape: 1.0, shape: 3.0, rate: 2.0 }, 0.0, 0.02);
    assert_density_follows(&GammaExponential { known_shape: 2.5, shape: 2.0, rate: 0.5 }, 0.0, 0.02);
}

fn moments(rows: &ndarray::Array2<f64>, i: usize, j: usize) -> (f64, f64) {
    let n = rows.nrows() as f64;
    let mean = |k: usize| rows.column(k).sum() / n;
    let (first, second) = (mean(i), mean(j));
    (first, rows.outer_iter().map(|row| (row[i] - first) * (row[j] - second)).sum::<f64>() / n)
}

#[test]
fn vectors_have_the_mean_and_the_covariance_of_their_predictive() {
    let scatter = vec![vec![4.0, 1.5], vec![1.5, 2.0]];
    let (nu, k) = (9.0, 2.0);
    let family = MultivariateGaussian {
        mean: vec![1.0, -2.0],
        mean_weight: k,
        degrees_of_freedom: nu,
        scatter: scatter.clone(),
    };
    let rows = sample(family).observations;
    for (i, j) in [(0, 0), (0, 1), (1, 1)] {
        let (mean, covariance) = moments(&rows, i, j);
        // E of the covariance of the observations, and that of their mean.
        let wanted = scatter[i][j] / (nu - 3.0) * (1.0 + 1.0 / k);
        assert!((covariance - wanted).abs() < 0.03, "covariance {i} {j}: {covariance} is not {wanted}");
        assert!((mean - [1.0, -2.0][i]).abs() < 0.03, "{mean}");
    }
    let alpha = [1.0, 2.0, 4.0];
    let rows = sample(DirichletMultinomial { alpha: alpha.to_vec() }).observations;
    assert!(rows.outer_iter().all(|row| row.sum() == 12.0));
    for (i, j) in [(0, 0), (0, 1), (1, 2), (2, 2)] {
        let share = |k: usize| alpha[k] / 7.0;
        let spread = share(i) * (f64::from(u8::from(i == j)) - share(j));
        let wanted = 12.0 * spread * (12.0 + 7.0) / (1.0 + 7.0);
        let (mean, covariance) = moments(&rows, i, j);
        assert!((covariance - wanted).abs() < 0.15, "covariance {i} {j}: {covariance} is not {wanted}");
        assert!((mean - 12.0 * share(i)).abs() < 0.06, "{mean}");
    }
}

#[test]
fn regressions_scatter_around_the_expected_weights_as_predicted() {
    let weights = vec![1.0, -0.5];
    let known = LinearRegression {
        noise: 0.5,
        weight_mean: weights.clone(),
        weight_covariance: vec![vec![1.0, 0.3], vec![0.3, 0.5]],
    };
    let unknown = LinearRegressionUnknownNoise {
        weight_mean: weights.clone(),
        weight_precision: vec![vec![2.0, 0.5], vec![0.5, 1.0]],
        noise_shape: 4.0,
        noise_scale: 1.5,
    };
    for (family, variance) in [
        // Of y given x = (a, b): noise and x' C x, where E[x x'] is the unit matrix.
        (Family::from(known), 0.25 + 1.5),
        // C is E[noise variance] / precision; the inverse of the precision has the trace 3 / 1.75.
        (Family::from(unknown), 0.5 * (1.0 + 3.0 / 1.75)),
    ] {
        let name = family.name();
        let rows = sample(family).observations;
        let residuals: Vec<f64> =
            rows.outer_iter().map(|row| row[2] - weights[0] * row[0] - weights[1] * row[1]).collect();
        let mean = residuals.iter().sum::<f64>() / N as f64;
        let found = residuals.iter().map(|r| r * r).sum::<f64>() / N as f64;
        assert!(mean.abs() < 0.04 && (found / variance - 1.0).abs() < 0.05, "{name}: {found} is not {variance}");
        for i in [0, 1] {
            let (centre, spread) = moments(&rows, i, i);
            assert!(centre.abs() < 0.03 && (spread - 1.0).abs() < 0.05, "{name}: regressors are standard normal");
        }
    }
}
