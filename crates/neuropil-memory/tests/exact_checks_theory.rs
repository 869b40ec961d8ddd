//! Numbers computed independently (NumPy, SciPy, exact integers), which theory, baselines and diagnostics must meet.

use approx::assert_relative_eq;
use faer::prelude::Solve;
use ndarray::{Array1, Array2, Axis, array};
use neuropil_core::progress::Monitor;
use neuropil_core::random::Seed;
use neuropil_memory::baseline::{HardLocations, Hopfield, ModernHopfield, PseudoInverse, SdmParameters, Similarity};
use neuropil_memory::dendrite::{order_shares, walsh_shares};
use neuropil_memory::kernel::{Kernel, sparse_distributed_overlap};
use neuropil_memory::random_patterns::{binary_patterns, sphere_patterns};
use neuropil_memory::theory::{
    cover_probability, feature_dimension, gardner_capacity, gardner_kappa, hopfield_bit_error, sdm_spectrum,
    single_pattern_radius, support_vector_fraction, walsh_coefficients,
};
use neuropil_memory::{AssociativeMemory, RecallOptions, StateKind, recall};

/// The generator of the reference numbers: SplitMix64, +1 where the top bit is set, row by row.
fn reference_patterns(m: usize, n: usize, seed: u64) -> Array2<f64> {
    let mut state = seed;
    Array2::from_shape_simple_fn((m, n), || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        if (z ^ (z >> 31)) >> 63 == 1 { 1.0 } else { -1.0 }
    })
}

/// Row 0 with its first three entries flipped.
fn reference_cue(patterns: &Array2<f64>) -> Array2<f64> {
    let mut cue = patterns.slice(ndarray::s![..1, ..]).to_owned();
    (0..3).for_each(|i| cue[(0, i)] *= -1.0);
    cue
}

fn gram(kernel: &Kernel, patterns: &Array2<f64>) -> Array2<f64> {
    let n = patterns.ncols();
    patterns.dot(&patterns.t()).mapv(|u| kernel.from_overlap(u, n))
}

fn solve(gram: &Array2<f64>, right: &Array2<f64>) -> Array2<f64> {
    let matrix = faer::Mat::from_fn(gram.nrows(), gram.ncols(), |i, j| gram[(i, j)]);
    let mut solution = faer::Mat::from_fn(right.nrows(), right.ncols(), |i, j| right[(i, j)]);
    matrix.llt(faer::Side::Lower).unwrap().solve_in_place(&mut solution);
    Array2::from_shape_fn(right.dim(), |(i, j)| solution[(i, j)])
}

fn rank(gram: &Array2<f64>) -> usize {
    let matrix = faer::Mat::from_fn(gram.nrows(), gram.ncols(), |i, j| gram[(i, j)]);
    let values = matrix.self_adjoint_eigenvalues(faer::Side::Lower).unwrap();
    let largest = values.iter().copied().fold(0.0, f64::max);
    values.iter().filter(|value| value.abs() > 1e-11 * largest).count()
}

/// All corners of the hypercube.
fn corners(n: usize) -> Array2<f64> {
    Array2::from_shape_fn((1 << n, n), |(row, bit)| if row >> bit & 1 == 1 { 1.0 } else { -1.0 })
}

fn assert_begins(values: impl IntoIterator<Item = f64>, expected: &[f64], tolerance: f64) {
    for (value, &expected) in values.into_iter().zip(expected) {
        assert!((value - expected).abs() <= tolerance * expected.abs().max(1e-2), "{value} is not {expected}");
    }
}

#[test]
fn the_patterns_are_those_of_the_reference() {
    let x = reference_patterns(8, 16, 1);
    assert_eq!(x.sum(), 14.0);
    assert_eq!(x.dot(&x.row(0)).to_vec(), [16.0, 0.0, 2.0, -4.0, -4.0, 0.0, 4.0, 0.0]);
}

#[test]
fn check_5_one_step_of_the_classical_memories() {
    let x = reference_patterns(8, 16, 1);
    let cue = reference_cue(&x);
    assert_eq!(cue.dot(&x.t()).row(0).to_vec(), [10.0, -6.0, 8.0, -6.0, -2.0, 2.0, 2.0, -2.0]);

    let hopfield = Hopfield::fit(x.view()).unwrap();
    let field = hopfield.field(cue.view()).unwrap() * 16.0;
    assert_begins(field, &[-2.0, -2.0, 10.0, 10.0, 18.0], 1e-12);

    let attention = ModernHopfield::fit(x.view(), 0.25, Similarity::Dot).unwrap();
    let weights = [
        0.496_670_657_475,
        0.009_096_840_409,
        0.301_245_981_538,
        0.009_096_840_409,
        0.024_727_775_980,
        0.067_217_064_105,
        0.067_217_064_105,
        0.024_727_775_980,
    ];
    assert_begins(attention.weights(cue.view()).unwrap(), &weights, 1e-9);
    let state = [0.397_508_036_924, 0.213_618_356_755, 0.011_534_995_767, -0.244_880_227_897, -0.029_728_676_585];
    assert_begins(attention.step(cue.view()).unwrap(), &state, 1e-9);

    let projection = PseudoInverse::fit(x.view(), StateKind::Binary).unwrap();
    let projector = projection.projector();
    assert_relative_eq!(projector.diag().sum(), 8.0, max_relative = 1e-12);
    assert_relative_eq!(projector[(0, 0)], 0.441_953_448_522_06, max_relative = 1e-12);
    let projected = [-0.021_562_187_634, -0.443_095_816_079, 0.268_170_783_95, -0.248_750_535_485, -0.266_028_844_781];
    assert_begins(projection.field(cue.view()).unwrap(), &projected, 1e-9);
}

#[test]
fn check_6_shares_of_the_interpolating_memory() {
    let x = reference_patterns(8, 16, 1);
    // exp(4 u / N)
    let kernel = Kernel::Exponential { beta: 0.25, shift: Some(0.0) };
    let gram = gram(&kernel, &x);
    let c = solve(&gram, &x);
    let norm2 = c.column(0).dot(&gram.dot(&c.column(0)));
    assert_relative_eq!(norm2, 0.129_908_776_0, max_relative = 1e-9);

    let taylor = [
        0.061_041_591_121,
        0.087_307_872_011,
        0.140_561_797_316,
        0.199_793_445_867,
        0.172_030_754_024,
        0.146_728_945_754,
        0.092_397_598_152,
    ];
    let by_order = order_shares(&kernel, x.view(), c.view()).unwrap();
    assert_begins(by_order.share.row(0).to_vec(), &taylor, 1e-9);
    let walsh = [
        0.100_126_292_225,
        0.140_299_964_773,
        0.173_236_964_149,
        0.243_618_739_039,
        0.172_675_801_919,
        0.100_696_710_236,
    ];
    let by_degree = walsh_shares(&kernel, x.view(), c.view()).unwrap();
    assert_begins(by_degree.share.row(0).to_vec(), &walsh, 1e-9);
    for shares in [&by_order, &by_degree] {
        assert!(shares.share.sum_axis(Axis(1)).iter().all(|sum| (sum - 1.0).abs() < 1e-9));
    }
}

#[test]
fn check_10_spectrum_of_shared_addresses() {
    assert_eq!(sdm_spectrum(8, 2).unwrap(), [37.0, 21.0, 9.0, 1.0, -3.0, -3.0, 1.0, 9.0, 21.0]);
    assert_eq!(sdm_spectrum(8, 3).unwrap(), [93.0, 35.0, 5.0, -5.0, -3.0, 3.0, 5.0, -5.0, -35.0]);
    let x = corners(8);
    for radius in 0..8 {
        let kernel = Kernel::SparseDistributed { radius };
        let gram = gram(&kernel, &x);
        assert_eq!(rank(&gram), 256, "radius {radius}");
        assert_eq!(feature_dimension(&kernel, 8).unwrap(), 256.0);
        // The eigenvalue of every parity: S_k^2 / 2^N over all corners, with the kernel divided by 2^N.
        let values: Vec<f64> = (0..=8).map(|d| kernel.from_overlap(8.0 - 2.0 * d as f64, 8)).collect();
        let spectrum = sdm_spectrum(8, radius).unwrap();
        for (lambda, s) in walsh_coefficients(&values).unwrap().iter().zip(spectrum) {
            assert!((lambda * 65_536.0 - s * s).abs() < 1e-7);
        }
    }
}

#[test]
fn check_11_feature_dimension_is_the_rank_over_all_corners() {
    let x = corners(8);
    for (degree, expected) in [(1, 8), (2, 29), (3, 64), (4, 99)] {
        let kernel = Kernel::Polynomial { degree };
        assert_eq!(rank(&gram(&kernel, &x)), expected);
        assert_eq!(feature_dimension(&kernel, 8).unwrap(), expected as f64);
    }
    for (degree, expected) in [(1, 9), (2, 37), (3, 93), (4, 163)] {
        let kernel = Kernel::InhomogeneousPolynomial { degree, offset: 1.0 };
        assert_eq!(rank(&gram(&kernel, &x)), expected);
        assert_eq!(feature_dimension(&kernel, 8).unwrap(), expected as f64);
    }
    let kernel = Kernel::Exponential { beta: 1.0, shift: Some(0.0) };
    assert_eq!(rank(&gram(&kernel, &x)), 256);
}

#[test]
fn check_12_eigenvalues_of_the_exponential_kernel() {
    let kernel = Kernel::Exponential { beta: 0.3, shift: Some(0.0) };
    let values: Vec<f64> = (0..=8).map(|d| kernel.from_overlap(8.0 - 2.0 * d as f64, 8)).collect();
    let lambda = walsh_coefficients(&values).unwrap();
    assert_relative_eq!(lambda[0], 1.425_790_161_6, max_relative = 1e-10);
    assert_relative_eq!(lambda[1], 0.415_350_656_8, max_relative = 1e-9);
}

#[test]
fn check_16_gardner() {
    for (kappa, load) in [
        (0.0, 2.0),
        (0.1, 1.709_631_500_248_35),
        (0.5, 0.961_205_052_801_54),
        (1.0, 0.519_572_229_604_94),
        (1.5, 0.309_870_651_714_49),
        (2.0, 0.200_231_015_601_76),
    ] {
        assert_relative_eq!(gardner_capacity(kappa), load, max_relative = 1e-10);
    }
    for (load, kappa) in [
        (0.25, 1.735_577_702_835_46),
        (0.5, 1.034_314_061_368_96),
        (1.0, 0.470_655_352_618_32),
        (1.5, 0.186_108_150_674_76),
    ] {
        assert_relative_eq!(gardner_kappa(load).unwrap(), kappa, max_relative = 1e-9);
    }
    assert_relative_eq!(support_vector_fraction(0.5).unwrap(), 0.849_505_317_323_32, max_relative = 1e-9);
    assert_relative_eq!(support_vector_fraction(1.0).unwrap(), 0.681_056_563_702_07, max_relative = 1e-9);
}

#[test]
fn check_17_cover() {
    for (m, d, expected) in [
        (20, 10, 0.5),
        (15, 10, 0.910_217_285_2),
        (25, 10, 0.153_728_127_5),
        (200, 100, 0.5),
        (180, 100, 0.932_637_825_4),
    ] {
        assert_relative_eq!(cover_probability(m, d).unwrap(), expected, max_relative = 1e-9);
    }
}

#[test]
fn check_18_single_pattern_basin_is_a_ball() {
    for (norm, r, beta, expected) in [
        (1.0, 0.5, 2.0, 0.2965403957),
        (1.0, 0.5, 4.0, 0.4344358844),
        (1.0, 0.5, 10.0, 0.4790765317),
        (2.0, 0.5, 4.0, 0.3242639787),
        (1.0, 0.25, 6.0, 0.1935088005),
        (1.0, 0.3, 4.0, 0.208_659_201_722_77),
        (1.0, 0.4, 10.0, 0.370_318_128_400_55),
    ] {
        let radius = single_pattern_radius(norm, r, beta).unwrap();
        assert_relative_eq!(radius, expected, max_relative = 1e-9);
        // The map itself: from just inside it converges, from just outside it never comes back, in any direction.
        let kernel = Kernel::GeneralizedExponential { radius: r, beta };
        let pattern = [norm, 0.0, 0.0];
        for direction in [[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.6, 0.0, 0.8]] {
            for (fraction, inside) in [(0.99, true), (1.01, false)] {
                let mut state: Vec<f64> =
                    pattern.iter().zip(direction).map(|(x, e)| x + fraction * radius * e).collect();
                for _ in 0..3000 {
                    let k = kernel.evaluate(&pattern, &state).unwrap();
                    state = pattern.iter().map(|x| k * x).collect();
                }
                let error = state.iter().zip(pattern).map(|(s, x)| (s - x) * (s - x)).sum::<f64>().sqrt();
                assert_eq!(error < 1e-6, inside, "R {norm}, r {r}, beta {beta}, fraction {fraction}: {error}");
            }
        }
    }
}

#[test]
fn check_19_hopfield_bit_error() {
    for (load, expected) in [(0.105, 0.0010141156), (0.138, 0.0035522109), (0.185, 0.0100372428)] {
        assert_relative_eq!(hopfield_bit_error(load).unwrap(), expected, max_relative = 1e-7);
    }
}

#[test]
fn check_20_orthogonal_patterns_make_hopfield_and_projection_the_same() {
    let hadamard = Array2::from_shape_fn((8, 8), |(i, j)| if (i & j).count_ones() % 2 == 0 { 1.0 } else { -1.0 });
    let cues = corners(8);
    let hopfield = Hopfield::fit(hadamard.view()).unwrap();
    let projection = PseudoInverse::fit(hadamard.view(), StateKind::Binary).unwrap();
    // The Hopfield network leaves out the self-connection M / N, which is one here.
    let with_self = hopfield.field(cues.view()).unwrap() + &cues;
    let projected = projection.field(cues.view()).unwrap();
    assert!((&with_self - &projected).iter().all(|difference| difference.abs() < 1e-12));
}

#[test]
fn check_22_attention_is_the_normalised_gaussian_memory_without_its_solve() {
    let x = sphere_patterns(5, 4, Seed::new(1));
    let states = sphere_patterns(9, 4, Seed::new(2)) * 1.7;
    let beta = 3.0;
    let dot = ModernHopfield::fit(x.view(), beta, Similarity::Dot).unwrap().step(states.view()).unwrap();
    let distance = ModernHopfield::with_radius(x.view(), (2.0 / beta).sqrt()).unwrap();
    assert!((&dot - &distance.step(states.view()).unwrap()).iter().all(|d| d.abs() < 1e-14));

    // X^T K_exp^-1 k_exp(s) = e^(beta (|s|^2 - R^2) / 2) X^T K_g^-1 k_g(s) for patterns of norm R.
    let exponential = Kernel::Exponential { beta, shift: Some(0.0) };
    let gaussian = Kernel::gaussian((2.0 / beta).sqrt());
    let interpolate = |kernel: &Kernel, state: &Array1<f64>| {
        let of = |a: &[f64], b: &[f64]| kernel.evaluate(a, b).unwrap();
        let gram = Array2::from_shape_fn((5, 5), |(i, j)| of(&x.row(i).to_vec(), &x.row(j).to_vec()));
        let k: Array1<f64> = (0..5).map(|i| of(&x.row(i).to_vec(), &state.to_vec())).collect();
        solve(&gram, &x).t().dot(&k)
    };
    for state in states.rows() {
        let state = state.to_owned();
        let factor = (0.5 * beta * (state.dot(&state) - 1.0)).exp();
        let difference = interpolate(&exponential, &state) - factor * interpolate(&gaussian, &state);
        assert!(difference.iter().all(|d| d.abs() < 1e-12));
    }
}

#[test]
fn check_25_a_finite_hidden_layer_approaches_the_exact_kernel() {
    let x = binary_patterns(60, 64, Seed::new(3));
    let exact = x.dot(&x.t()).mapv(|u| sparse_distributed_overlap(64, 26).unwrap()[((64.0 - u) / 2.0) as usize]);
    assert_relative_eq!(exact[(0, 0)], 0.084_321_455_7, max_relative = 1e-8);
    for (n_locations, expected) in [(1000, 0.00293), (4000, 0.00142), (16_000, 0.000725)] {
        // Entries share locations, so one draw scatters by more than the tolerance: the mean over six.
        let (mut squares, mut z_squares, mut count) = (0.0, 0.0, 0.0);
        for seed in 0..6 {
            let locations = HardLocations::new(64, SdmParameters { n_locations, radius: 26, seed }).unwrap();
            let features = locations.features(x.view()).unwrap();
            let finite = features.dot(&features.t()) / n_locations as f64;
            for ((i, j), &k) in exact.indexed_iter() {
                let error = finite[(i, j)] - k;
                squares += error * error;
                if i < j {
                    z_squares += error * error / (k * (1.0 - k) / n_locations as f64);
                    count += 1.0;
                }
            }
        }
        let rmse = (squares / (6.0 * 3600.0)).sqrt();
        assert!((rmse / expected - 1.0).abs() < 0.1, "{n_locations} locations: {rmse}");
        let sd = (z_squares / count).sqrt();
        assert!((sd - 1.0).abs() < 0.05, "{n_locations} locations: z has sd {sd}");
    }
}

#[test]
fn kanervas_memory_recalls_a_word_from_a_noisy_one() {
    let parameters = SdmParameters { n_locations: 20_000, radius: 111, seed: 1 };
    let x = binary_patterns(40, 256, Seed::new(5));
    let memory = neuropil_memory::baseline::SparseDistributedMemory::fit(x.view(), parameters).unwrap();
    let mut cues = x.clone();
    cues.slice_mut(ndarray::s![.., ..20]).mapv_inplace(|bit| -bit);
    let options = RecallOptions { max_steps: 20, ..Default::default() };
    let result = recall(&memory, cues.view(), &options, &Monitor::silent()).unwrap();
    assert_eq!(result.states, x);
    assert_eq!(result.nearest.unwrap().index, (0..40).collect::<Vec<_>>());
}

#[test]
fn states_that_cannot_be_are_refused_with_their_place() {
    let x = binary_patterns(3, 4, Seed::new(1));
    let memory = Hopfield::fit(x.view()).unwrap();
    let message = |cues: Array2<f64>| {
        recall(&memory, cues.view(), &RecallOptions::default(), &Monitor::silent()).unwrap_err().to_string()
    };
    assert!(message(array![[1.0, 0.5, 1.0, 1.0]]).starts_with("cues[0, 1] is 0.5, but binary states must be +1 or -1"));
    assert!(message(array![[1.0, f64::NAN, 1.0, 1.0]]).starts_with("cues[0, 1] is NaN"));
    assert!(message(array![[1.0, 1.0]]).contains("expected 4 columns"));
    assert!(Hopfield::fit(Array2::zeros((0, 4)).view()).is_err());
}
