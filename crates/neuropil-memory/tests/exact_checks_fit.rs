//! Fitted memories against numbers computed independently (NumPy, quadratic programming).

use approx::assert_relative_eq;
use ndarray::{Array1, Array2, Axis, array, s};
use neuropil_core::progress::Monitor;
use neuropil_memory::kernel_memory::Normalization;
use neuropil_memory::margin::{MarginOptions, max_margin};
use neuropil_memory::{
    AssociativeMemory, FitReport, Kernel, KernelMemory, KernelMemoryParams, Rule, SelfConnections, StateKind,
};

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

fn reference_cue(patterns: &Array2<f64>) -> Array2<f64> {
    let mut cue = patterns.slice(s![..1, ..]).to_owned();
    (0..3).for_each(|i| cue[(0, i)] *= -1.0);
    cue
}

/// `exp(4 u / N)` for N = 16.
fn exp4() -> Kernel {
    Kernel::Exponential { beta: 0.25, shift: Some(0.0) }
}

fn cube() -> Kernel {
    Kernel::Polynomial { degree: 3 }
}

fn fit(kernel: Kernel, rule: Rule, states: StateKind, self_connections: SelfConnections) -> (KernelMemory, FitReport) {
    let x = reference_patterns(8, 16, 1);
    let params = KernelMemoryParams { kernel, rule, states, self_connections };
    KernelMemory::fit(&params, x.view()).unwrap()
}

fn margin(kernel: Kernel, self_connections: SelfConnections) -> (KernelMemory, FitReport) {
    fit(kernel, Rule::max_margin(), StateKind::Binary, self_connections)
}

fn alpha(memory: &KernelMemory) -> Array2<f64> {
    &memory.coefficients() * &memory.outputs()
}

#[test]
fn the_generator_makes_the_reference_patterns() {
    let x = reference_patterns(8, 16, 1);
    let first = [1, 1, 1, -1, -1, 1, 1, 1, -1, 1, -1, 1, -1, 1, -1, -1].map(f64::from);
    assert_eq!(x.row(0).to_vec(), first);
    assert_eq!(x.sum(), 14.0);
    assert_eq!(x.dot(&x.row(0)).to_vec(), [16.0, 0.0, 2.0, -4.0, -4.0, 0.0, 4.0, 0.0]);
}

#[test]
fn coefficients_of_two_patterns_are_one_over_one_plus_their_kernel() {
    for k in [0.1, 0.5, 0.9, -0.4] {
        let gram = array![[1.0, k], [k, 1.0]];
        let labels = array![[1.0, 1.0], [1.0, -1.0]];
        let options = MarginOptions::default();
        let alpha = max_margin(gram.view(), labels.view(), &options, &Monitor::silent()).unwrap().alpha;
        for mu in 0..2 {
            assert_relative_eq!(alpha[[mu, 0]], 1.0 / (1.0 + k), max_relative = 1e-12);
            assert_relative_eq!(alpha[[mu, 1]], 1.0 / (1.0 - k), max_relative = 1e-12);
        }
    }
}

#[test]
fn margins_of_the_reference_patterns() {
    let inhomogeneous = Kernel::InhomogeneousPolynomial { degree: 2, offset: 1.0 };
    let table = [
        (Kernel::Linear, [12.56184486, 19.32161089, 11.70636403], 18.81457076, 113, 7.03699354, 7.83467433),
        (cube(), [9.21994034, 10.85075395, 9.22383828], 9.983808, 128, 7.11930903, 7.50560881),
        (inhomogeneous, [1.86394229, 4.45349417, 2.53090954], 3.55996285, 125, 1.4566634, 2.23107238),
        (exp4(), [0.17092074, 0.21653065, 0.1803008], 0.19279489, 128, 0.12990878, 0.1412778),
    ];
    for (kernel, first, mean, n_support, included, included_mean) in table {
        let (memory, report) = margin(kernel.clone(), SelfConnections::Excluded);
        let sums = alpha(&memory).sum_axis(Axis(0));
        for (sum, expected) in sums.iter().zip(first) {
            assert_relative_eq!(*sum, expected, max_relative = 1e-7);
        }
        assert_relative_eq!(sums.mean().unwrap(), mean, max_relative = 1e-7);
        assert_eq!(report.total_support(), n_support, "{}", kernel.name());
        assert!(report.all_stored());
        for (margin, sum) in report.margins.iter().zip(&sums) {
            assert_relative_eq!(*margin, 1.0 / sum.sqrt(), max_relative = 1e-9);
        }
        let (memory, _) = margin(kernel, SelfConnections::Included);
        let sums = alpha(&memory).sum_axis(Axis(0));
        assert_relative_eq!(sums[0], included, max_relative = 1e-7);
        assert_relative_eq!(sums.mean().unwrap(), included_mean, max_relative = 1e-7);
    }
}

#[test]
fn coefficients_of_neuron_zero() {
    let (linear, report) = margin(Kernel::Linear, SelfConnections::Excluded);
    let expected = [2.94339623, 1.55974843, 0.62893082, 2.38993711, 1.92872117, 1.97903564, 0.0, 1.13207547];
    for (a, e) in alpha(&linear).column(0).iter().zip(expected) {
        assert_relative_eq!(*a, e, max_relative = 1e-7, epsilon = 1e-12);
    }
    assert_relative_eq!(report.margins[0], 0.28214560, max_relative = 1e-7);
    let (exponential, _) = margin(exp4(), SelfConnections::Excluded);
    let expected = [
        0.022_604_369_492,
        0.021_357_225_641,
        0.028_099_141_431,
        0.021_303_896_199,
        0.019_714_742_578,
        0.020_118_872_064,
        0.018_600_874_503,
        0.019_121_614_514,
    ];
    for (a, e) in alpha(&exponential).column(0).iter().zip(expected) {
        assert_relative_eq!(*a, e, max_relative = 1e-9);
    }
}

#[test]
fn fields_at_the_reference_cue() {
    let x = reference_patterns(8, 16, 1);
    let cue = reference_cue(&x);
    assert_eq!(x.dot(&cue.row(0)).to_vec(), [10.0, -6.0, 8.0, -6.0, -2.0, 2.0, 2.0, -2.0]);
    let one_shot = |kernel| fit(kernel, Rule::one_shot(), StateKind::Binary, SelfConnections::Excluded).0;
    let table: [(KernelMemory, [f64; 5], f64); 5] = [
        (one_shot(Kernel::Linear), [-2.0, -2.0, 10.0, 10.0, 18.0], 1.0 / 16.0),
        (
            one_shot(exp4()),
            [16.252_640_401_271, 11.600_447_632_158_1, 6.487_976_122_734_7, 9.723_478_526_48e-4, 5.444_053_712_467_3],
            1.0,
        ),
        (
            one_shot(cube()),
            [0.192_871_093_75, 0.192_871_093_75, 0.307_128_906_25, 0.072_753_906_25, 0.180_175_781_25],
            1.0,
        ),
        (
            margin(exp4(), SelfConnections::Excluded).0,
            [0.316_330_541_96, 0.268_765_186_633, 0.232_262_152_721, 0.036_269_959_306, 0.070_889_654_169],
            1.0,
        ),
        (
            margin(cube(), SelfConnections::Excluded).0,
            [0.28470539, 0.27362516, 0.40848343, 0.19005731, 0.13899112],
            1.0,
        ),
    ];
    for (memory, expected, scale) in table {
        let fields = memory.field(cue.view()).unwrap();
        for (i, expected) in expected.into_iter().enumerate() {
            assert_relative_eq!(fields[[0, i]], expected * scale, max_relative = 1e-7);
        }
    }
}

#[test]
fn attention_and_interpolation_at_the_reference_cue() {
    let x = reference_patterns(8, 16, 1);
    let cue = reference_cue(&x);
    let softmax = Rule::OneShot { normalization: Normalization::Sum };
    let (attention, _) = fit(exp4(), softmax, StateKind::Real, SelfConnections::Included);
    let weights = attention.kernel_values(cue.view()).unwrap();
    let expected = [
        0.496_670_657_475,
        0.009_096_840_409,
        0.301_245_981_538,
        0.009_096_840_409,
        0.024_727_775_980,
        0.067_217_064_105,
        0.067_217_064_105,
        0.024_727_775_980,
    ];
    for (weight, expected) in weights.iter().zip(expected) {
        assert_relative_eq!(*weight, expected, max_relative = 1e-9);
    }
    let state = attention.field(cue.view()).unwrap();
    let expected = [0.397_508_036_924, 0.213_618_356_755, 0.011_534_995_767, -0.244_880_227_897, -0.029_728_676_585];
    for (value, expected) in state.iter().zip(expected) {
        assert_relative_eq!(*value, expected, max_relative = 1e-9);
    }
    let (exact, report) = fit(exp4(), Rule::interpolation(), StateKind::Real, SelfConnections::Included);
    let state = exact.field(cue.view()).unwrap();
    let expected = [0.132_023_806_531, 0.084_039_022_53, 0.047_778_606_97, -0.092_546_883_672, -0.051_027_338_008];
    for (value, expected) in state.iter().zip(expected) {
        assert_relative_eq!(*value, expected, max_relative = 1e-9);
    }
    let gram = exact.kernel_values(x.view()).unwrap();
    let matrix = faer::Mat::from_fn(8, 8, |i, j| gram[[i, j]]);
    let eigenvalues = matrix.self_adjoint_eigenvalues(faer::Side::Lower).unwrap();
    assert_relative_eq!(exact.condition_number().unwrap(), eigenvalues[7] / eigenvalues[0], max_relative = 1e-10);
    assert_relative_eq!(exact.condition_number().unwrap(), 1.476_516_111_250_523, max_relative = 1e-12);
    assert_relative_eq!(report.margins[0].powi(-2), 0.1299087760, max_relative = 1e-8);
    let errors = exact.leave_one_out_errors().unwrap();
    assert_relative_eq!(errors[[0, 0]].abs(), 0.93327118, max_relative = 1e-7);
}

#[test]
fn pseudo_inverse_memory_is_linear_interpolation() {
    let x = reference_patterns(8, 16, 1);
    let cue = reference_cue(&x);
    let (memory, _) = fit(Kernel::Linear, Rule::interpolation(), StateKind::Real, SelfConnections::Included);
    let state = memory.field(cue.view()).unwrap();
    let expected = [-0.021_562_187_634, -0.443_095_816_079, 0.268_170_783_95, -0.248_750_535_485, -0.266_028_844_781];
    for (value, expected) in state.iter().zip(expected) {
        assert_relative_eq!(*value, expected, max_relative = 1e-9);
    }
    let projector = memory.field(Array2::<f64>::eye(16).view()).unwrap();
    assert_relative_eq!(projector.diag().sum(), 8.0, max_relative = 1e-12);
    assert_relative_eq!(projector[[0, 0]], 0.44195348, max_relative = 1e-7);
}

#[test]
fn inserting_the_last_pattern_equals_storing_all_at_once() {
    let x = reference_patterns(8, 16, 1);
    let params = KernelMemoryParams {
        kernel: exp4(),
        rule: Rule::interpolation(),
        states: StateKind::Real,
        self_connections: SelfConnections::Included,
    };
    let (mut memory, _) = KernelMemory::fit(&params, x.slice(s![..7, ..])).unwrap();
    let insertion = memory.insert(x.row(7)).unwrap();
    assert_relative_eq!(insertion.schur, 53.46736768, max_relative = 1e-9);
    assert_relative_eq!(insertion.novelty, 0.93408537, max_relative = 1e-8);
    let (whole, _) = KernelMemory::fit(&params, x.view()).unwrap();
    for (a, b) in memory.coefficients().iter().zip(whole.coefficients()) {
        assert!((a - b).abs() < 1e-14);
    }
}

#[test]
fn orthogonal_patterns_need_no_optimisation() {
    // Eight rows of the Sylvester-Hadamard matrix.
    let x = Array2::from_shape_fn((8, 8), |(i, j)| if (i & j).count_ones() % 2 == 0 { 1.0 } else { -1.0 });
    let memory = |rule, states| {
        let params =
            KernelMemoryParams { kernel: Kernel::Linear, rule, states, self_connections: SelfConnections::Included };
        KernelMemory::fit(&params, x.view()).unwrap().0
    };
    let best = memory(Rule::max_margin(), StateKind::Binary);
    let hebb = memory(Rule::one_shot(), StateKind::Binary);
    let projection = memory(Rule::interpolation(), StateKind::Real);
    assert!(alpha(&best).iter().all(|a| (a - 1.0).abs() < 1e-12));
    for (a, (b, c)) in best.coefficients().iter().zip(hebb.coefficients().iter().zip(projection.coefficients())) {
        assert!((a - b).abs() < 1e-12 && (a - c).abs() < 1e-12);
    }
}

#[test]
fn the_solution_keeps_its_invariances() {
    let x = reference_patterns(8, 16, 1);
    let params = KernelMemoryParams { kernel: cube(), ..KernelMemoryParams::default() };
    let fit = |x: &Array2<f64>, kernel: &Kernel| {
        let (memory, report) =
            KernelMemory::fit(&KernelMemoryParams { kernel: kernel.clone(), ..params.clone() }, x.view()).unwrap();
        (alpha(&memory), Array1::from(report.margins), memory)
    };
    let (reference, margins, memory) = fit(&x, &cube());
    // All stored patterns are fixed points.
    assert_eq!(memory.step(x.view()).unwrap(), x);
    // Another sign convention for one input.
    let mut gauged = x.clone();
    gauged.column_mut(5).mapv_inplace(|v| -v);
    let (_, other, _) = fit(&gauged, &cube());
    assert!((&other - &margins).iter().all(|e| e.abs() < 1e-10));
    // Another order of patterns.
    let order = [3, 1, 7, 0, 2, 6, 5, 4];
    let (permuted, _, _) = fit(&x.select(Axis(0), &order), &cube());
    assert!((&permuted - &reference.select(Axis(0), &order)).iter().all(|e| e.abs() < 1e-9));
    // A kernel times c has coefficients divided by c.
    let (plain, _, _) = fit(&x, &exp4());
    let (scaled, _, _) = fit(&x, &Kernel::Exponential { beta: 0.25, shift: Some(-2.0) });
    let factor = 0.5_f64.exp();
    assert!((&scaled * factor - &plain).iter().all(|e| e.abs() < 1e-11));
    // A pattern that comes twice changes no sum.
    let twice = ndarray::concatenate![Axis(0), x, x.slice(s![2..3, ..])];
    let (doubled, _, _) = fit(&twice, &cube());
    assert!((doubled.sum_axis(Axis(0)) - reference.sum_axis(Axis(0))).iter().all(|e| e.abs() < 1e-9));
}

#[test]
fn interpolation_is_the_maximal_margin_where_every_pattern_supports() {
    let (best, report) = margin(exp4(), SelfConnections::Included);
    let (exact, _) = fit(exp4(), Rule::interpolation(), StateKind::Real, SelfConnections::Included);
    assert_eq!(report.total_support(), 8 * 16);
    for (a, b) in best.coefficients().iter().zip(exact.coefficients()) {
        assert!((a - b).abs() < 1e-14);
    }
}

#[test]
fn interpolation_with_equal_norms_is_gaussian_up_to_a_factor() {
    // X^T K_exp^-1 k_exp(s) = exp(beta (‖s‖^2 - R^2) / 2) X^T K_g^-1 k_g(s), with K_g = exp(-beta ‖x - y‖^2 / 2).
    let raw = reference_patterns(5, 64, 3);
    let mut x = Array2::from_shape_fn((5, 4), |(i, j)| raw.slice(s![i, 16 * j..16 * (j + 1)]).sum() + 0.3 * j as f64);
    for mut row in x.rows_mut() {
        let norm = row.dot(&row).sqrt();
        row /= norm;
    }
    let beta = 1.7;
    let fit = |kernel| {
        let params = KernelMemoryParams {
            kernel,
            rule: Rule::interpolation(),
            states: StateKind::Real,
            self_connections: SelfConnections::Included,
        };
        KernelMemory::fit(&params, x.view()).unwrap().0
    };
    let exponential = fit(Kernel::Exponential { beta, shift: Some(0.0) });
    let gaussian = fit(Kernel::gaussian((2.0 / beta).sqrt()));
    for scale in [0.2, 1.0, 2.5] {
        let cue = array![[0.3, -0.5, 0.7, 0.1]] * scale;
        let factor = (0.5 * beta * (cue.row(0).dot(&cue.row(0)) - 1.0)).exp();
        let (a, b) = (exponential.field(cue.view()).unwrap(), gaussian.field(cue.view()).unwrap());
        for (a, b) in a.iter().zip(&b) {
            assert!((a - factor * b).abs() < 1e-11 * factor.max(1.0), "{a} {}", factor * b);
        }
    }
}

#[test]
fn normalised_interpolation_stores_exactly_what_attention_only_approaches() {
    // P C = Y with P = D^-1 K is solved by C = K^-1 D Y.
    let x = reference_patterns(12, 20, 9).mapv(|v| 0.5 * v);
    let params = KernelMemoryParams {
        kernel: Kernel::gaussian(1.5),
        rule: Rule::normalized_interpolation(),
        states: StateKind::Real,
        self_connections: SelfConnections::Included,
    };
    let (memory, _) = KernelMemory::fit(&params, x.view()).unwrap();
    let weights = memory.kernel_values(x.view()).unwrap();
    assert!(weights.sum_axis(Axis(1)).iter().all(|sum| (sum - 1.0).abs() < 1e-14));
    let answer = memory.field(x.view()).unwrap();
    assert!((&answer - &x).iter().all(|e| e.abs() < 1e-13));
    // Without the solve it is attention with inverse temperature 2 / r^2 on patterns of equal norm.
    let rule = Rule::OneShot { normalization: Normalization::Sum };
    let (one_shot, _) = KernelMemory::fit(&KernelMemoryParams { rule, ..params.clone() }, x.view()).unwrap();
    let cue = reference_patterns(1, 20, 10).mapv(|v| 0.4 * v);
    let attention = x.dot(&cue.row(0)).mapv(|u| (2.0 / 2.25 * u).exp());
    let expected = attention.dot(&x) / attention.sum();
    let state = one_shot.field(cue.view()).unwrap();
    assert!(state.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-13));
}

#[test]
fn four_patterns_per_neuron_are_stored_without_error_by_a_gaussian_kernel() {
    let x = reference_patterns(800, 200, 11);
    for rule in [Rule::max_margin(), Rule::interpolation()] {
        let params = KernelMemoryParams {
            kernel: Kernel::gaussian(14.0),
            rule,
            states: StateKind::Binary,
            self_connections: SelfConnections::Included,
        };
        let (memory, report) = KernelMemory::fit(&params, x.view()).unwrap();
        assert!(report.all_stored());
        assert_eq!(memory.step(x.view()).unwrap(), x);
    }
}
