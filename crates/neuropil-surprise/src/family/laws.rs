//! Laws that every conjugate family obeys, checked for any family with any observations.

use super::ConjugateFamily;

/// Panics unless `a` and `b` agree to `tolerance`, relative to their size where that exceeds one.
#[track_caller]
pub fn assert_near(a: f64, b: f64, tolerance: f64) {
    let near = a == b || (a - b).abs() <= tolerance * a.abs().max(b.abs()).max(1.0);
    assert!(near, "{a} is not {b} (difference {:e})", a - b);
}

/// The prior updated with every sample.
pub fn belief_after<F: ConjugateFamily>(family: &F, samples: &[Vec<f64>]) -> F::Belief {
    let mut belief = family.prior();
    for y in samples {
        family.update(&mut belief, y);
    }
    belief
}

/// Sum of the log predictives, each given all earlier samples.
pub fn log_evidence<F: ConjugateFamily>(family: &F, samples: &[Vec<f64>]) -> f64 {
    let mut belief = family.prior();
    let mut sum = 0.0;
    for y in samples {
        sum += family.log_predictive(&belief, y);
        family.update(&mut belief, y);
    }
    sum
}

/// The sentence with which the family refuses `y` as observation 3.
#[track_caller]
pub fn refusal<F: ConjugateFamily>(family: &F, y: &[f64]) -> String {
    family.check_observation(3, y).unwrap_err().to_string()
}

/// Integral of `exp(log_density)` over the real line, by the double exponential rule around `centre`.
pub fn density_integral(log_density: impl Fn(f64) -> f64, centre: f64, scale: f64) -> f64 {
    // Each half line by itself: y = centre +- scale exp(u - exp(-u)), which also takes heavy tails.
    let step = 1.0 / 64.0;
    let nodes = (-5 * 64..=80 * 64).map(|i| f64::from(i) * step);
    let half = |sign: f64| -> f64 {
        nodes
            .clone()
            .map(|u| {
                let distance = scale * (u - (-u).exp()).exp();
                let density = log_density(centre + sign * distance).exp();
                if density == 0.0 { 0.0 } else { density * distance * (1.0 + (-u).exp()) * step }
            })
            .sum()
    };
    half(1.0) + half(-1.0)
}

/// Runs every law on the samples, which must be allowed and of which at least two must differ.
#[track_caller]
pub fn assert_family_laws<F: ConjugateFamily>(family: &F, samples: &[Vec<f64>]) {
    family.validate().expect("the family of the test is valid");
    for (index, y) in samples.iter().enumerate() {
        assert_eq!(y.len(), family.observation_width());
        family.check_observation(index, y).expect("the samples of the test are allowed");
    }
    assert!(family.check_observation(0, &vec![f64::INFINITY; family.observation_width()]).is_err());
    let prior = family.prior();
    let posterior = belief_after(family, samples);
    the_order_of_observations_does_not_matter(family, samples, &posterior);
    interpolation_is_linear_in_coordinates_to_which_bayes_rule_adds(family, samples, &prior, &posterior);
    divergences_are_positive_and_grow_along_the_path(family, &prior, &posterior);
    scaled_likelihoods_differ_as_observations_do(family, samples);
    read_outs_are_never_nan(family, samples, &prior, &posterior);
    beliefs_and_families_survive_a_file(family, &posterior);
}

/// Two beliefs that predict, estimate and vary alike.
#[track_caller]
fn assert_same<F: ConjugateFamily>(family: &F, a: &F::Belief, b: &F::Belief, samples: &[Vec<f64>]) {
    for y in samples {
        assert_near(family.log_predictive(a, y), family.log_predictive(b, y), 1e-12);
    }
    let mut read = [(); 4].map(|()| vec![0.0; family.estimate_width()]);
    family.mean(a, &mut read[0]);
    family.mean(b, &mut read[1]);
    family.variance(a, &mut read[2]);
    family.variance(b, &mut read[3]);
    for d in 0..family.estimate_width() {
        assert_near(read[0][d], read[1][d], 1e-12);
        assert_near(read[2][d], read[3][d], 1e-12);
    }
    assert_near(family.kl_divergence(a, b), 0.0, 1e-11);
}

fn the_order_of_observations_does_not_matter<F: ConjugateFamily>(
    family: &F,
    samples: &[Vec<f64>],
    posterior: &F::Belief,
) {
    let reversed: Vec<_> = samples.iter().rev().cloned().collect();
    assert_same(family, posterior, &belief_after(family, &reversed), samples);
    assert_near(log_evidence(family, samples), log_evidence(family, &reversed), 1e-12);
}

fn interpolation_is_linear_in_coordinates_to_which_bayes_rule_adds<F: ConjugateFamily>(
    family: &F,
    samples: &[Vec<f64>],
    prior: &F::Belief,
    posterior: &F::Belief,
) {
    let moved = |from: &F::Belief, weight: f64, to: &F::Belief| {
        let mut belief = from.clone();
        family.interpolate(&mut belief, weight, to);
        belief
    };
    let updated = |belief: &F::Belief, y: &[f64]| {
        let mut belief = belief.clone();
        family.update(&mut belief, y);
        belief
    };
    assert_eq!(&moved(prior, 0.0, posterior), prior);
    assert_same(family, &moved(prior, 1.0, posterior), posterior, samples);
    assert_same(family, &moved(prior, 0.3, posterior), &moved(posterior, 0.7, prior), samples);
    let twice = moved(&moved(prior, 0.5, posterior), 0.5, posterior);
    assert_same(family, &twice, &moved(prior, 0.75, posterior), samples);
    let (first, last) = (&samples[0], &samples[samples.len() - 1]);
    let before = updated(&moved(prior, 0.3, posterior), first);
    let after = moved(&updated(prior, first), 0.3, &updated(posterior, first));
    assert_same(family, &before, &after, samples);
    // prior + phi(first), half way to prior + phi(last), is symmetric in the two observations.
    let one = moved(&updated(prior, first), 0.5, &updated(posterior, last));
    let other = moved(&updated(prior, last), 0.5, &updated(posterior, first));
    assert_same(family, &one, &other, samples);
}

fn divergences_are_positive_and_grow_along_the_path<F: ConjugateFamily>(
    family: &F,
    prior: &F::Belief,
    posterior: &F::Belief,
) {
    assert_eq!(family.kl_divergence(prior, prior), 0.0);
    assert_eq!(family.kl_divergence(posterior, posterior), 0.0);
    let mut last = 0.0;
    for weight in [0.1, 0.3, 0.6, 1.0] {
        let mut belief = prior.clone();
        family.interpolate(&mut belief, weight, posterior);
        let divergence = family.kl_divergence(&belief, prior);
        assert!(divergence > last, "{divergence} at {weight} after {last}");
        last = divergence;
    }
    // Both directions share the Fisher metric: equal to leading order for neighbours.
    let mut near = posterior.clone();
    family.interpolate(&mut near, 1e-3, prior);
    let ratio = family.kl_divergence(posterior, &near) / family.kl_divergence(&near, posterior);
    assert!((ratio - 1.0).abs() < 0.05, "ratio of divergences {ratio}");
}

fn scaled_likelihoods_differ_as_observations_do<F: ConjugateFamily>(family: &F, samples: &[Vec<f64>]) {
    let (first, last) = (&samples[0], &samples[samples.len() - 1]);
    let (Some(scaled_first), Some(scaled_last)) = (family.scaled_likelihood(first), family.scaled_likelihood(last))
    else {
        return;
    };
    let half_way = |y: &[f64], to: &F::Belief| {
        let mut belief = family.prior();
        family.update(&mut belief, y);
        family.interpolate(&mut belief, 0.5, to);
        belief
    };
    assert_same(family, &half_way(first, &scaled_last), &half_way(last, &scaled_first), samples);
}

fn read_outs_are_never_nan<F: ConjugateFamily>(
    family: &F,
    samples: &[Vec<f64>],
    prior: &F::Belief,
    posterior: &F::Belief,
) {
    let mut out = vec![f64::NAN; family.estimate_width()];
    for belief in [prior, posterior] {
        family.mean(belief, &mut out);
        assert!(out.iter().all(|value| !value.is_nan()));
        family.variance(belief, &mut out);
        assert!(out.iter().all(|value| *value >= 0.0), "variance {out:?}");
        assert!(samples.iter().all(|y| family.log_predictive(belief, y).is_finite()));
    }
    for y in samples {
        out.fill(f64::NAN);
        if family.empirical_mean(y, &mut out).is_some() {
            assert!(out.iter().all(|value| value.is_finite()));
        }
    }
}

fn beliefs_and_families_survive_a_file<F: ConjugateFamily>(family: &F, belief: &F::Belief) {
    let text = serde_json::to_string(&(family, belief)).expect("serialisable");
    let (again, belief_again): (F, F::Belief) = serde_json::from_str(&text).expect("deserialisable");
    assert_eq!((&again, &belief_again), (family, belief));
}

mod tests {
    use super::super::{Gaussian, NormalInverseGamma};
    use super::*;

    #[test]
    fn both_gaussian_families_obey_the_laws() {
        let samples = [0.5, -0.3, 1.2, 4.0, 3.8].map(|y| vec![y]);
        assert_family_laws(&Gaussian::default(), &samples);
        assert_family_laws(&NormalInverseGamma::default(), &samples);
        assert_family_laws(&NormalInverseGamma { prior_mean: 0.7, prior_k: 0.3, prior_a: 2.6, prior_b: 0.9 }, &samples);
    }

    #[test]
    fn the_gaussian_predictives_are_the_normal_and_students_t() {
        let samples = [0.5, -0.3, 1.2, 4.0].map(|y| vec![y]);
        // scipy.stats.norm.logpdf(y, m, sqrt(sigma**2 + v)), each given all earlier samples
        let normal = [-1.4393408510688956, -1.174113846544361, -1.5842144462768952, -10.515975532325];
        predicts(&Gaussian { sigma: 0.7, prior_mean: 0.2, prior_sd: 1.5 }, &samples, &normal);
        // scipy.stats.t.logpdf(y, 2*a, loc=m, scale=sqrt(b*(k+1)/(a*k))), each given all earlier samples
        let students_t = [-1.185320402114579, -1.3552352815285973, -1.7094678272250015, -7.190375627622678];
        let family = NormalInverseGamma { prior_mean: 0.7, prior_k: 0.3, prior_a: 2.6, prior_b: 0.9 };
        predicts(&family, &samples, &students_t);
    }

    #[track_caller]
    fn predicts<F: ConjugateFamily>(family: &F, samples: &[Vec<f64>], expected: &[f64]) {
        for (n, (y, expected)) in samples.iter().zip(expected).enumerate() {
            assert_near(family.log_predictive(&belief_after(family, &samples[..n]), y), *expected, 1e-10);
        }
    }
}
