//! Numbers computed independently of this project, by brute force over all change configurations where possible.

use neuropil_surprise::family::{
    BetaBernoulli, ConjugateFamily, DirichletCategorical, Family, GammaExponential, GammaPoisson, Gaussian,
    LinearRegression, MultivariateGaussian, NormalInverseGamma,
};
use neuropil_surprise::hazard::Hazard;
use neuropil_surprise::leaky::LeakyIntegrator;
use neuropil_surprise::nassar::{Nassar, Rule};
use neuropil_surprise::particle::ParticleFilter;
use neuropil_surprise::run_length::{Overflow, RunLengthFilter, Truncation};
use neuropil_surprise::smile::Smile;
use neuropil_surprise::varsmile::{Modulation, VarSmile};
use neuropil_surprise::{Learner, Scores};

const STREAM: [f64; 5] = [0.5, -0.3, 1.2, 4.0, 3.8];

fn exact() -> Truncation {
    Truncation::Prune { cutoff: 1e-16, max_run_length: None, max_hypotheses: 100_000 }
}

fn keep(n: usize) -> Truncation {
    Truncation::Keep { n, overflow: Overflow::Drop, protect: 0 }
}

fn run<F: ConjugateFamily>(learner: &mut impl Learner<F>, ys: &[f64]) -> (Vec<f64>, Vec<Scores>) {
    let mut mean = [0.0];
    ys.iter()
        .map(|&y| {
            let scores = learner.step(&[y]);
            learner.mean(&mut mean);
            (mean[0], scores)
        })
        .unzip()
}

#[track_caller]
fn close(values: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(values.len(), expected.len());
    for (i, (value, expected)) in values.iter().zip(expected).enumerate() {
        assert!((value - expected).abs() < tolerance, "entry {i}: {value} instead of {expected}");
    }
}

fn bayes_factors(scores: &[Scores]) -> Vec<f64> {
    scores.iter().map(|s| s.log_bayes_factor.exp()).collect()
}

fn rates(scores: &[Scores]) -> Vec<f64> {
    scores.iter().map(|s| s.adaptation_rate).collect()
}

#[test]
fn the_exact_filter_gives_the_brute_force_posterior() {
    let mut filter = RunLengthFilter::new(Gaussian::default(), Hazard::Constant(0.1), exact(), 0).unwrap();
    let (means, scores) = run(&mut filter, &STREAM);
    close(&means, &[0.25, 0.0462443495, 0.3699683758, 1.4264212193, 2.2662026259], 1e-8);
    close(&bayes_factors(&scores), &[1.0, 0.9365918323, 0.9370298524, 2.3059700566, 0.1571969289], 1e-8);
    let surprises: Vec<f64> = scores.iter().map(|s| -s.log_predictive).collect();
    close(&surprises, &[1.3280121235, 1.2288654257, 1.5667889104, 5.9782677435, 3.113301161], 1e-8);
    assert!((surprises.iter().sum::<f64>() - 13.215235364).abs() < 1e-8);
    let mut posterior: Vec<f64> = filter.run_length_posterior().iter().map(|entry| entry.1).collect();
    posterior.reverse();
    close(&posterior, &[0.0171664899, 0.4567770262, 0.3263088056, 0.0265714888, 0.1731761896], 1e-8);
    let surprise_from_rate = (scores[3].adaptation_rate / 0.1).ln();
    let log_prior = -0.5 * (16.0 / 2.0 + (4.0 * std::f64::consts::PI).ln());
    assert!((surprises[3] - (surprise_from_rate - log_prior)).abs() < 1e-12);
}

#[test]
fn message_passing_truncates_deterministically_and_equals_exact_when_nothing_is_dropped() {
    for (n, expected) in [
        (1, vec![0.25, 0.0666666667, 0.35, 1.08, 1.5333333333]),
        (2, vec![0.25, 0.0462443495, 0.375406411, 1.2832795364, 2.0015248631]),
        (3, vec![0.25, 0.0462443495, 0.3699683758, 1.437509513, 2.2873980727]),
        (5, vec![0.25, 0.0462443495, 0.3699683758, 1.4264212193, 2.2662026259]),
    ] {
        let mut filter = RunLengthFilter::new(Gaussian::default(), Hazard::Constant(0.1), keep(n), 0).unwrap();
        close(&run(&mut filter, &STREAM).0, &expected, 1e-8);
    }
}

#[test]
fn varsmile_interpolates_natural_coordinates() {
    let mut learner = VarSmile::new(Gaussian::default(), Modulation::Fixed(0.1)).unwrap();
    let mut nu = Vec::new();
    let mut means = Vec::new();
    let mut scores = Vec::new();
    for y in STREAM {
        scores.push(learner.step(&[y]));
        let belief = learner.belief().unwrap();
        nu.push(belief.nu);
        means.push(belief.mean);
    }
    close(&means, &[0.25, 0.0539331894, 0.3582346047, 1.2151867264, 1.7183532093], 1e-8);
    close(&rates(&scores), &[0.0909090909, 0.085638364, 0.0852783626, 0.2149249987, 0.0305239323], 1e-8);
    close(&nu, &[2.0, 2.914361636, 3.7511080102, 4.1598261248, 5.0633758062], 1e-8);
}

#[test]
fn varsmile_on_a_constant_stream_settles_at_a_bounded_memory() {
    let mut learner = VarSmile::new(Gaussian::default(), Modulation::Fixed(0.05)).unwrap();
    let mut scores = Scores::of_nothing(0.0);
    for _ in 0..10_000 {
        scores = learner.step(&[0.0]);
    }
    assert!((scores.log_bayes_factor.exp() - 0.7188646204).abs() < 1e-6);
    assert!((scores.adaptation_rate - 0.0346961397).abs() < 1e-6);
    assert!((learner.belief().unwrap().nu - 29.821650186).abs() < 1e-6);
}

#[test]
fn the_delta_rules_follow_their_published_recursions() {
    let hazard = || Modulation::Hazard(Hazard::Constant(0.1));
    let flat = Gaussian { prior_sd: 1000.0, ..Gaussian::default() };
    for (family, rule, means, variances) in [
        (
            Gaussian::default(),
            Rule::Nassar2010,
            [0.175, 0.0352573407, 0.3117652271, 1.2822344827, 1.7483622279],
            [0.3448275862, 0.2679395326, 0.2236284289, 0.2243645847, 0.1868432457],
        ),
        (
            Gaussian::default(),
            Rule::Nassar2012,
            [0.175, 0.0338460482, 0.3212848282, 1.3132867649, 2.0779281629],
            [0.350625, 0.2841498769, 0.2560628387, 0.4472619937, 0.3137728636],
        ),
    ] {
        let mut learner = Nassar::new(family, rule, hazard(), 1.0).unwrap();
        for (i, y) in STREAM.iter().enumerate() {
            learner.step(&[*y]);
            let (mut mean, mut variance) = ([0.0], [0.0]);
            learner.mean(&mut mean);
            learner.variance(&mut variance);
            close(&[mean[0], variance[0]], &[means[i], variances[i]], 1e-8);
        }
    }
    for (rule, last) in [(Rule::Nassar2010, 1.6311545297), (Rule::Nassar2012, 1.9506553474)] {
        let mut learner = Nassar::new(flat, rule, hazard(), 1.0).unwrap();
        close(&run(&mut learner, &STREAM).0[4..], &[last], 1e-8);
    }
}

#[test]
fn smile_moves_by_its_information_budget() {
    let mut learner = Smile::new(Gaussian::default(), 0.1).unwrap();
    let (means, scores) = run(&mut learner, &STREAM);
    close(&means, &[0.0555555556, 0.0273761599, 0.3247918685, 2.6582236107, 2.9406693794], 1e-7);
    close(&rates(&scores), &[0.1111111111, 0.0792545503, 0.2536326642, 0.634911455, 0.2473739791], 1e-7);
}

#[test]
fn the_leaky_integrator_is_a_weighted_average() {
    let mut learner = LeakyIntegrator::new(Gaussian::default(), 0.9).unwrap();
    close(&run(&mut learner, &STREAM).0, &[0.5, 0.0789473684, 0.4926199262, 1.5125036348, 2.0710971649], 1e-8);
}

#[test]
fn unknown_mean_and_variance_gives_the_brute_force_posterior() {
    let mut filter = RunLengthFilter::new(NormalInverseGamma::default(), Hazard::Constant(0.1), exact(), 0).unwrap();
    let (means, scores) = run(&mut filter, &[0.1, -0.2, 0.05, 3.0, 5.0, 4.0]);
    let log_evidence: f64 = scores.iter().map(|s| s.log_predictive).sum();
    assert!((log_evidence + 13.8660713999).abs() < 1e-8, "{log_evidence}");
    assert!((means[5] - 2.7836991399).abs() < 1e-8);
    let mut posterior: Vec<f64> = filter.run_length_posterior().iter().map(|entry| entry.1).collect();
    posterior.reverse();
    let expected = [0.0198889737, 0.0520370485, 0.7186450762, 0.0976987754, 0.021210869, 0.0905192571];
    close(&posterior, &expected, 1e-8);
}

#[test]
fn a_jump_in_a_wavy_stream_is_found_by_every_learner() {
    let ys: Vec<f64> = (0..60)
        .map(|t| {
            let level = if t < 30 { 1.0 } else { -2.0 };
            let t = f64::from(t);
            level + 0.8 * (1.7 * t * t + 0.3 * t).sin()
        })
        .collect();
    let family = Gaussian { prior_sd: 2.0, ..Gaussian::default() };
    let at = |values: &[f64]| [29, 30, 31, 35, 59].map(|t: usize| values[t]);
    let mut filter = RunLengthFilter::new(family, Hazard::Constant(0.02), exact(), 0).unwrap();
    let (means, scores) = run(&mut filter, &ys);
    close(&at(&means), &[1.1007997866, -0.6921038166, -1.7639909558, -1.6969589236, -1.9946604367], 1e-8);
    assert!((scores[30].log_bayes_factor.exp() - 56.0620412704).abs() < 1e-7);
    let log_evidence: f64 = scores.iter().map(|s| s.log_predictive).sum();
    assert!((log_evidence + 73.5105343188).abs() < 1e-8);
    for (n, expected) in [
        (5, [1.0972584852, -0.7000100616, -1.7736229374, -1.703384648, -1.9872205641]),
        (20, [1.1002532536, -0.6942466631, -1.7640854916, -1.696865041, -1.9931548584]),
    ] {
        let mut filter = RunLengthFilter::new(family, Hazard::Constant(0.02), keep(n), 0).unwrap();
        close(&at(&run(&mut filter, &ys).0), &expected, 1e-8);
    }
    let mut learner = VarSmile::new(family, Modulation::Fixed(0.02 / 0.98)).unwrap();
    let (means, scores) = run(&mut learner, &ys);
    close(&at(&means), &[1.1086631285, 0.8096327795, 0.5504610547, -0.1750291769, -1.5230812321], 1e-8);
    assert!((scores[30].adaptation_rate - 0.5947794751).abs() < 1e-8);
}

#[test]
fn the_particle_filter_converges_to_the_exact_filter() {
    let finals: Vec<f64> = (0..200)
        .map(|seed| {
            let mut filter = ParticleFilter::new(Gaussian::default(), Hazard::Constant(0.1), 1000, seed).unwrap();
            run(&mut filter, &STREAM).0[4]
        })
        .collect();
    let mean = finals.iter().sum::<f64>() / 200.0;
    assert!((mean - 2.2662026259).abs() < 0.01, "{mean}");
}

/// Log evidence, final mean and run-length posterior (newest first) of the exact filter.
fn exact_filter<F: ConjugateFamily>(family: F, hazard: f64, rows: &[Vec<f64>]) -> (f64, Vec<f64>, Vec<f64>) {
    let mut mean = vec![0.0; family.estimate_width()];
    let mut filter = RunLengthFilter::new(family, Hazard::Constant(hazard), exact(), 0).unwrap();
    let log_evidence = rows.iter().map(|row| filter.step(row).log_predictive).sum();
    filter.mean(&mut mean);
    let mut posterior: Vec<f64> = filter.run_length_posterior().iter().map(|entry| entry.1).collect();
    posterior.reverse();
    (log_evidence, mean, posterior)
}

fn rows(values: &[f64]) -> Vec<Vec<f64>> {
    values.iter().map(|&value| vec![value]).collect()
}

#[test]
fn two_observations_give_the_posterior_and_the_surprise_of_a_third() {
    let family = Gaussian { sigma: 0.5, ..Gaussian::default() };
    let mut belief = family.prior();
    family.update(&mut belief, &[1.2]);
    family.update(&mut belief, &[0.8]);
    let mut variance = [0.0];
    family.variance(&belief, &mut variance);
    close(&[belief.mean, variance[0]], &[0.8888888889, 0.1111111111], 1e-8);
    let under_prior = family.log_predictive(&family.prior(), &[-0.5]).exp();
    let under_belief = family.log_predictive(&belief, &[-0.5]).exp();
    close(&[under_prior, under_belief, under_prior / under_belief], &[0.3228684517, 0.0459319689, 7.0292752371], 1e-8);
    let rate = neuropil_surprise::surprise::adaptation_rate(under_prior / under_belief, 0.1 / 0.9);
    assert!((rate - 0.4385273278).abs() < 1e-8);
    let shannon = -under_prior.ln() + (rate / 0.1).ln();
    close(&[shannon, shannon / 10_f64.ln()], &[2.608762254, 1.1329710515], 1e-8);
}

#[test]
fn the_first_observation_never_surprises_in_any_family() {
    for name in Family::NAMES {
        let family = Family::named(name).unwrap();
        let y = ndarray::Array2::from_elem((1, family.observation_width()), 1.0);
        for method in ["exact", "mp", "sor", "pf", "varsmile"] {
            let learner = neuropil_surprise::model::ChangePointLearner {
                method: neuropil_surprise::method::Method::named(method).unwrap(),
                ..neuropil_surprise::model::ChangePointLearner::new(family.clone())
            };
            let surprise = learner.filter(y.view()).unwrap().bayes_factor_surprise.unwrap()[0];
            assert!((surprise - 1.0).abs() < 1e-12, "{name} {method}: {surprise}");
        }
    }
}

#[test]
fn coin_flips_give_the_brute_force_posterior() {
    let (log_evidence, mean, posterior) =
        exact_filter(BetaBernoulli::default(), 0.2, &rows(&[1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0]));
    close(&[log_evidence, mean[0]], &[-5.6498927057, 0.4877730751], 1e-8);
    let expected =
        [0.3386214222, 0.135410533, 0.0899831242, 0.089087639, 0.1694751237, 0.0561836833, 0.0266133237, 0.0946251509];
    close(&posterior, &expected, 1e-8);
}

const CATEGORIES: [f64; 7] = [0.0, 0.0, 1.0, 0.0, 2.0, 2.0, 2.0];

#[test]
fn categories_give_the_brute_force_posterior() {
    let family = DirichletCategorical::symmetric(3, 0.5);
    let (log_evidence, mean, _) = exact_filter(family.clone(), 0.1, &rows(&CATEGORIES));
    assert!((log_evidence + 7.9765340665).abs() < 1e-8);
    close(&mean, &[0.199189045, 0.1369227031, 0.6638882519], 1e-8);
    for (truncation, expected) in [
        (exact(), [0.44, 0.5434928974, 0.3980737362, 0.4667296557, 0.3532114199, 0.4062935184, 0.4991717132]),
        (keep(2), [0.44, 0.5434928974, 0.3990332815, 0.4728453494, 0.3561202441, 0.403918808, 0.5087070023]),
    ] {
        let mut filter = RunLengthFilter::new(family.clone(), Hazard::Constant(0.1), truncation, 0).unwrap();
        for (y, expected) in CATEGORIES.iter().zip(expected) {
            filter.step(&[*y]);
            let mut mean = [0.0; 3];
            filter.mean(&mut mean);
            close(&[mean.iter().map(|p| p * p).sum()], &[expected], 1e-8);
        }
    }
}

#[test]
fn categories_follow_varsmile_and_smile() {
    let family = DirichletCategorical::symmetric(3, 0.5);
    let mut learner = VarSmile::new(family.clone(), Modulation::Fixed(0.1)).unwrap();
    let surprises: Vec<f64> = CATEGORIES.iter().map(|&y| learner.step(&[y]).log_bayes_factor.exp()).collect();
    let expected = [1.0, 0.5555555556, 2.298245614, 0.6533150747, 3.2833479175, 1.1285406021, 0.7942922513];
    close(&surprises, &expected, 1e-8);
    close(learner.belief().unwrap().alpha(), &[2.058194948, 1.0882680934, 3.2588836564], 1e-8);

    let mut learner = Smile::new(family, 0.1).unwrap();
    let mut surprises = Vec::new();
    let mut weights = Vec::new();
    for y in CATEGORIES {
        weights.push(learner.step(&[y]).adaptation_rate);
        surprises.push(learner.confidence_corrected_surprise());
    }
    close(&surprises[..3], &[1.3703634644, 0.5586393999, 1.0209146981], 1e-7);
    close(&weights[..3], &[0.1751039142, 0.1365179215, 0.1722263516], 1e-7);
    close(learner.belief().unwrap().alpha(), &[1.0437971849, 0.9334001133, 1.2219282183], 1e-7);
}

#[test]
fn counts_and_waiting_times_give_the_brute_force_posterior() {
    let (log_evidence, mean, posterior) =
        exact_filter(GammaPoisson { shape: 1.0, rate: 1.0 }, 0.1, &rows(&[2.0, 3.0, 1.0, 9.0, 8.0, 11.0]));
    close(&[log_evidence, mean[0]], &[-21.218402619, 6.9328026029], 1e-8);
    let expected = [0.0017759687, 0.0062388054, 0.8375672269, 0.0255226199, 0.0211594894, 0.1077358897];
    close(&posterior, &expected, 1e-8);

    let family = GammaExponential { known_shape: 1.0, shape: 2.0, rate: 1.0 };
    let (log_evidence, mean, posterior) = exact_filter(family, 0.1, &rows(&[0.3, 0.5, 0.2, 4.0, 6.0]));
    close(&[log_evidence, mean[0]], &[-9.8690227722, 3.050470682], 1e-8);
    close(&posterior, &[0.0423662261, 0.5217688695, 0.1211388117, 0.0599867971, 0.2547392956], 1e-8);
}

#[test]
fn vectors_and_regressions_give_the_brute_force_posterior() {
    let family = MultivariateGaussian {
        mean: vec![0.0; 2],
        mean_weight: 1.0,
        degrees_of_freedom: 4.0,
        scatter: vec![vec![1.0, 0.0], vec![0.0, 1.0]],
    };
    let y = [vec![0.0, 0.2], vec![0.1, -0.1], vec![3.0, 2.9], vec![2.8, 3.2]];
    let (log_evidence, mean, posterior) = exact_filter(family, 0.1, &y);
    close(&[log_evidence, mean[0], mean[1]], &[-14.6481122045, 1.7238815351, 1.8094505593], 1e-8);
    close(&posterior, &[0.0020916591, 0.6937002069, 0.070623325, 0.2335848089], 1e-8);

    let family = LinearRegression { noise: 0.5, ..LinearRegression::standard(2) };
    let y =
        [vec![1.0, 0.0, 1.1], vec![0.0, 1.0, -0.4], vec![1.0, 1.0, 0.6], vec![1.0, 0.0, -1.0], vec![1.0, 1.0, -2.1]];
    let (log_evidence, mean, _) = exact_filter(family, 0.1, &y);
    close(&[log_evidence, mean[0], mean[1]], &[-8.8420433891, -0.9737855116, -0.8971769244], 1e-8);
}

#[test]
fn merging_neighbours_is_exact_while_nothing_has_to_go_and_close_afterwards() {
    let merge = |n| Truncation::Keep { n, overflow: Overflow::Merge, protect: 0 };
    let run_with = |truncation| {
        let mut filter = RunLengthFilter::new(Gaussian::default(), Hazard::Constant(0.1), truncation, 0).unwrap();
        run(&mut filter, &STREAM).0
    };
    close(&run_with(merge(5)), &run_with(exact()), 1e-12);
    let (exact, merged, dropped) = (run_with(exact()), run_with(merge(3)), run_with(keep(3)));
    assert!((merged[4] - exact[4]).abs() < (dropped[4] - exact[4]).abs());
}

#[test]
fn shifting_and_scaling_the_world_shifts_and_scales_the_beliefs() {
    let base = Gaussian { sigma: 0.7, prior_mean: 0.2, prior_sd: 1.5 };
    let (shift, scale) = (3.5, 40.0);
    let moved = Gaussian { prior_mean: base.prior_mean + shift, ..base };
    let scaled = Gaussian { sigma: 0.7 * scale, prior_mean: 0.2 * scale, prior_sd: 1.5 * scale };
    for truncation in [exact(), keep(3)] {
        let go = |family, ys: &[f64]| {
            let mut filter = RunLengthFilter::new(family, Hazard::Constant(0.1), truncation, 0).unwrap();
            run(&mut filter, ys)
        };
        let (means, scores) = go(base, &STREAM);
        let (shifted, _) = go(moved, &STREAM.map(|y| y + shift));
        close(&shifted.iter().map(|mean| mean - shift).collect::<Vec<_>>(), &means, 1e-12);
        let (larger, larger_scores) = go(scaled, &STREAM.map(|y| y * scale));
        close(&larger.iter().map(|mean| mean / scale).collect::<Vec<_>>(), &means, 1e-12);
        close(&bayes_factors(&larger_scores), &bayes_factors(&scores), 1e-12);
    }
}

#[test]
fn pruning_at_the_default_cutoff_does_not_move_the_evidence() {
    let ys: Vec<f64> =
        (0..400).map(|t| if t / 90 % 2 == 0 { 0.0 } else { 2.5 } + (1.3 * f64::from(t * t)).sin()).collect();
    let evidence = |cutoff| {
        let truncation = Truncation::Prune { cutoff, max_run_length: None, max_hypotheses: 100_000 };
        let mut filter =
            RunLengthFilter::new(NormalInverseGamma::default(), Hazard::Constant(0.02), truncation, 0).unwrap();
        (
            ys.iter().map(|&y| filter.step(&[y]).log_predictive).sum::<f64>(),
            filter.dropped_mass(),
            filter.n_hypotheses(),
        )
    };
    let (pruned, dropped, alive) = evidence(1e-12);
    let (whole, none, all) = evidence(0.0);
    assert!((pruned - whole).abs() < 1e-8);
    assert!(dropped > 0.0 && dropped < 1e-8 && none == 0.0);
    assert!(alive < all && all == 400);
}

#[test]
fn memory_stays_bounded_on_a_stationary_stream() {
    let truncation = Truncation::Prune { cutoff: 1e-12, max_run_length: None, max_hypotheses: 200 };
    let mut filter = RunLengthFilter::new(Gaussian::default(), Hazard::Constant(0.005), truncation, 0).unwrap();
    for t in 0..5000 {
        filter.step(&[(1.7 * f64::from(t * t)).sin()]);
        assert!(filter.n_hypotheses() <= 200);
    }
    assert!((filter.run_length_posterior().iter().map(|entry| entry.1).sum::<f64>() - 1.0).abs() < 1e-9);
}
