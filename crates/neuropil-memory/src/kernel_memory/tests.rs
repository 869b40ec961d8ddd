use ndarray::{Array1, Array2, Axis, array, s};
use neuropil_core::files::Overwrite;
use neuropil_core::progress::Monitor;
use neuropil_core::random::{Seed, uniform};

use super::*;
use crate::error::Error;
use crate::kernel::{CustomKernel, Separation};
use crate::recall::{RecallOptions, UpdateOrder, recall};

fn signs(m: usize, n: usize, seed: u64) -> Array2<f64> {
    let mut random = Seed::new(seed).stream();
    Array2::from_shape_simple_fn((m, n), || if uniform(&mut random) < 0.5 { -1.0 } else { 1.0 })
}

fn points(m: usize, n: usize, seed: u64) -> Array2<f64> {
    let mut random = Seed::new(seed).stream();
    Array2::from_shape_simple_fn((m, n), || uniform(&mut random) - 0.5)
}

fn real(rule: Rule, radius: f64) -> KernelMemoryParams {
    KernelMemoryParams {
        kernel: Kernel::gaussian(radius),
        rule,
        states: StateKind::Real,
        self_connections: SelfConnections::Automatic,
    }
}

fn worst(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    a.iter().zip(b).fold(0.0, |worst, (a, b)| worst.max((a - b).abs()))
}

#[test]
fn interpolated_patterns_are_fixed_points() {
    let x = points(30, 5, 1);
    let rules = [
        Rule::interpolation(),
        Rule::normalized_interpolation(),
        Rule::Interpolate(InterpolationOptions { centering: Centering::Mean, ..InterpolationOptions::default() }),
        Rule::Interpolate(InterpolationOptions { solver: Solver::PseudoInverse, ..InterpolationOptions::default() }),
        Rule::Interpolate(InterpolationOptions { solver: Solver::Indefinite, ..InterpolationOptions::default() }),
    ];
    for rule in rules {
        let (memory, report) = KernelMemory::fit(&real(rule.clone(), 0.4), x.view()).unwrap();
        assert!(worst(&memory.field(x.view()).unwrap(), &x) < 1e-10, "{rule:?}");
        assert!(report.all_stored());
    }
}

#[test]
fn margin_patterns_are_fixed_points_with_and_without_self_connections() {
    let x = signs(30, 60, 2);
    for self_connections in [SelfConnections::Excluded, SelfConnections::Included] {
        for kernel in
            [Kernel::Linear, Kernel::Polynomial { degree: 3 }, Kernel::exponential(0.1), Kernel::gaussian(6.0)]
        {
            let params = KernelMemoryParams { kernel, self_connections, ..KernelMemoryParams::default() };
            let (memory, report) = KernelMemory::fit(&params, x.view()).unwrap();
            assert!(report.all_stored());
            assert_eq!(memory.step(x.view()).unwrap(), x);
            // The smallest labelled field is the margin condition itself.
            let smallest = (memory.field(x.view()).unwrap() * &x).iter().fold(f64::INFINITY, |a, &b| a.min(b));
            assert!((smallest - 1.0).abs() < 1e-6, "{smallest}");
        }
    }
}

#[test]
fn fields_of_states_and_of_overlaps_agree() {
    let x = signs(12, 20, 3);
    let cue = signs(1, 20, 4);
    for rule in [Rule::one_shot(), Rule::max_margin(), Rule::max_margin_with_bias()] {
        for self_connections in [SelfConnections::Excluded, SelfConnections::Included] {
            for kernel in [Kernel::Linear, Kernel::Polynomial { degree: 2 }, Kernel::exponential(0.2)] {
                let params = KernelMemoryParams { kernel, rule: rule.clone(), self_connections, ..Default::default() };
                let (memory, _) = KernelMemory::fit(&params, x.view()).unwrap();
                let batch = memory.field(cue.view()).unwrap();
                let overlaps = x.dot(&cue.row(0)).to_vec();
                let view = memory.overlap_field().unwrap();
                for i in 0..20 {
                    let single = view.field(i, cue.row(0), &overlaps);
                    assert!((single - batch[[0, i]]).abs() < 1e-11, "{params:?}");
                }
            }
        }
    }
}

#[test]
fn one_shot_with_a_linear_kernel_is_hopfields_network() {
    let x = signs(5, 24, 5);
    let cue = signs(3, 24, 6);
    let params = KernelMemoryParams { kernel: Kernel::Linear, rule: Rule::one_shot(), ..Default::default() };
    let (memory, _) = KernelMemory::fit(&params, x.view()).unwrap();
    let weights = x.t().dot(&x) / 24.0;
    let fields = memory.field(cue.view()).unwrap();
    for q in 0..3 {
        for i in 0..24 {
            let plain: f64 = (0..24).filter(|&j| j != i).map(|j| weights[[i, j]] * cue[[q, j]]).sum();
            assert!((fields[[q, i]] - plain).abs() < 1e-12);
        }
    }
}

#[test]
fn one_shot_with_a_krotov_kernel_is_the_dense_associative_memory() {
    let x = signs(5, 15, 7);
    let cue = signs(1, 15, 8);
    for separation in [Separation::Power { power: 3 }, Separation::RectifiedPower { power: 4 }, Separation::Exponential]
    {
        let kernel = Kernel::Krotov { separation };
        let params = KernelMemoryParams { kernel, rule: Rule::one_shot(), ..Default::default() };
        let (memory, _) = KernelMemory::fit(&params, x.view()).unwrap();
        let fields = memory.field(cue.view()).unwrap();
        for i in 0..15 {
            let plain: f64 = (0..5)
                .map(|mu| {
                    let u: f64 = (0..15).filter(|&j| j != i).map(|j| x[[mu, j]] * cue[[0, j]]).sum();
                    separation.value(u + x[[mu, i]]) - separation.value(u - x[[mu, i]])
                })
                .sum();
            assert!((fields[[0, i]] - plain).abs() < 1e-9 * plain.abs().max(1.0));
        }
    }
}

#[test]
fn normalised_one_shot_storage_is_attention() {
    let x = points(6, 4, 9);
    let cue = points(2, 4, 10);
    let rule = Rule::OneShot { normalization: Normalization::Sum };
    let params =
        KernelMemoryParams { kernel: Kernel::exponential(3.0), rule, states: StateKind::Real, ..Default::default() };
    let (memory, _) = KernelMemory::fit(&params, x.view()).unwrap();
    let answer = memory.field(cue.view()).unwrap();
    for q in 0..2 {
        let weights = x.dot(&cue.row(q)).mapv(|u| (3.0 * u).exp());
        let plain = weights.dot(&x) / weights.sum();
        assert!((0..4).all(|i| (plain[i] - answer[[q, i]]).abs() < 1e-14));
    }
}

#[test]
fn far_from_all_patterns_a_memory_rests_unless_it_is_normalised() {
    let x = points(6, 4, 11);
    let far = Array2::from_elem((1, 4), 1e4);
    let (plain, _) = KernelMemory::fit(&real(Rule::interpolation(), 0.3), x.view()).unwrap();
    assert_eq!(plain.field(far.view()).unwrap(), Array2::<f64>::zeros((1, 4)));
    assert_eq!(plain.rest_state().unwrap(), Array1::<f64>::zeros(4));
    let (normal, _) = KernelMemory::fit(&real(Rule::normalized_interpolation(), 0.3), x.view()).unwrap();
    let answer = normal.field(far.view()).unwrap();
    assert!(answer.iter().all(|a| a.is_finite()) && answer.iter().any(|a| *a != 0.0));
}

#[test]
fn inserting_and_deleting_equal_fitting_again() {
    let (x, n) = (points(24, 5, 12), 5);
    let rules = [
        Rule::interpolation(),
        Rule::normalized_interpolation(),
        Rule::one_shot(),
        Rule::Interpolate(InterpolationOptions { centering: Centering::Mean, ..InterpolationOptions::default() }),
        Rule::Interpolate(InterpolationOptions { ridge: 0.1, ..InterpolationOptions::default() }),
    ];
    for rule in rules {
        let params = real(rule.clone(), 0.4);
        let (mut memory, _) = KernelMemory::fit(&params, x.slice(s![..20, ..])).unwrap();
        for row in 20..24 {
            memory.insert(x.row(row)).unwrap();
        }
        let (whole, _) = KernelMemory::fit(&params, x.view()).unwrap();
        let cue = points(3, n, 13);
        assert!(worst(&memory.coefficients.clone(), &whole.coefficients) < 1e-10, "{rule:?}");
        assert!(worst(&memory.field(cue.view()).unwrap(), &whole.field(cue.view()).unwrap()) < 1e-10);
        for index in [0, 21, 7] {
            memory.delete(index).unwrap();
        }
        let keep: Vec<usize> = (0..24).filter(|i| ![0, 22, 8].contains(i)).collect();
        let (part, _) = KernelMemory::fit(&params, x.select(Axis(0), &keep).view()).unwrap();
        assert!(worst(&memory.coefficients.clone(), &part.coefficients) < 1e-10, "{rule:?}");
    }
}

#[test]
fn a_stored_pattern_is_no_news() {
    let x = points(10, 4, 14);
    let (mut memory, _) = KernelMemory::fit(&real(Rule::interpolation(), 0.4), x.view()).unwrap();
    let error = memory.insert(x.row(3)).unwrap_err();
    assert!(matches!(error, Error::Duplicate { .. }), "{error}");
    // Nothing changed.
    assert_eq!(memory.n_patterns(), 10);
    assert!(worst(&memory.field(x.view()).unwrap(), &x) < 1e-10);
}

#[test]
fn leave_one_out_errors_equal_those_of_memories_without_the_pattern() {
    let x = points(12, 3, 15);
    let params = real(Rule::interpolation(), 0.5);
    let (memory, _) = KernelMemory::fit(&params, x.view()).unwrap();
    let errors = memory.leave_one_out_errors().unwrap();
    for out in [0, 5, 11] {
        let keep: Vec<usize> = (0..12).filter(|i| *i != out).collect();
        let (without, _) = KernelMemory::fit(&params, x.select(Axis(0), &keep).view()).unwrap();
        let predicted = without.field(x.slice(s![out..=out, ..])).unwrap();
        for i in 0..3 {
            assert!((x[[out, i]] - predicted[[0, i]] - errors[[out, i]]).abs() < 1e-10);
        }
    }
}

#[test]
fn a_full_memory_forgets_what_it_loses_least_by() {
    let x = points(12, 3, 16);
    let (mut memory, _) = KernelMemory::fit(&real(Rule::interpolation(), 0.5), x.slice(s![..8, ..])).unwrap();
    for row in 8..12 {
        let (_, deleted) = memory.insert_within(x.row(row), 8).unwrap();
        assert_eq!((deleted.len(), memory.n_patterns()), (1, 8));
    }
    let stored = memory.patterns().to_owned();
    assert!(worst(&memory.field(stored.view()).unwrap(), &stored) < 1e-9);
}

#[test]
fn a_memory_survives_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("memory.npz");
    let (x, cue) = (signs(10, 16, 17), signs(4, 16, 18));
    for (rule, states) in [
        (Rule::max_margin_with_bias(), StateKind::Binary),
        (Rule::max_margin(), StateKind::Binary),
        (Rule::Interpolate(InterpolationOptions { centering: Centering::Mean, ..Default::default() }), StateKind::Real),
    ] {
        let params = KernelMemoryParams { kernel: Kernel::exponential(0.2), rule, states, ..Default::default() };
        let (memory, _) = KernelMemory::fit(&params, x.view()).unwrap();
        memory.save(&path, Overwrite::Replace).unwrap();
        let mut loaded = KernelMemory::load(&path).unwrap();
        assert_eq!(loaded.field(cue.view()).unwrap(), memory.field(cue.view()).unwrap());
        assert_eq!(loaded.params(), memory.params());
        assert!(loaded.insert(cue.row(0)).is_ok());
    }
    let kernel = Kernel::Custom(CustomKernel::of_overlap(|u| (u / 16.0).exp()));
    let (memory, _) = KernelMemory::fit(&KernelMemoryParams { kernel, ..Default::default() }, x.view()).unwrap();
    assert!(memory.save(&path, Overwrite::Replace).unwrap_err().to_string().contains("closure"));
    neuropil_data::arrays::write_npz(&path, &[("patterns", x.view().into_dyn())], Overwrite::Replace).unwrap();
    assert!(KernelMemory::load(&path).unwrap_err().to_string().contains("no array \"header\""));
}

#[test]
fn a_sequence_is_replayed() {
    let x = signs(8, 40, 19);
    let params = KernelMemoryParams { kernel: Kernel::exponential(0.1), ..Default::default() };
    let (memory, _) = KernelMemory::fit_sequence(&params, x.view(), &Monitor::silent()).unwrap();
    let mut state = x.slice(s![0..1, ..]).to_owned();
    for step in 1..8 {
        state = memory.step(state.view()).unwrap();
        assert_eq!(state.row(0), x.row(step));
    }
    let twice = ndarray::concatenate![Axis(0), x.slice(s![..3, ..]), x.slice(s![..1, ..]), x.slice(s![5..6, ..])];
    let error = KernelMemory::fit_sequence(&params, twice.view(), &Monitor::silent()).unwrap_err();
    assert!(matches!(error, Error::Conflict { first: 0, second: 3, .. }), "{error}");
}

#[test]
fn pairs_are_answered_in_one_step() {
    let (x, y) = (points(15, 6, 20), signs(15, 4, 21));
    for rule in [Rule::max_margin(), Rule::max_margin_with_bias(), Rule::interpolation()] {
        let params = KernelMemoryParams { kernel: Kernel::gaussian(0.6), rule, ..Default::default() };
        let (memory, _) = KernelMemory::fit_pairs(&params, x.view(), y.view(), &Monitor::silent()).unwrap();
        assert_eq!(memory.predict(x.view()).unwrap(), y);
    }
}

#[test]
fn recall_restores_noisy_patterns_in_both_update_orders() {
    let x = signs(20, 100, 22);
    let mut cues = x.clone();
    for (q, mut cue) in cues.rows_mut().into_iter().enumerate() {
        for i in 0..15 {
            cue[(7 * i + q) % 100] *= -1.0;
        }
    }
    let (memory, _) =
        KernelMemory::fit(&KernelMemoryParams { kernel: Kernel::exponential(0.2), ..Default::default() }, x.view())
            .unwrap();
    for update in [UpdateOrder::Synchronous, UpdateOrder::Asynchronous] {
        let options = RecallOptions { update, ..RecallOptions::default() };
        assert_eq!(recall(&memory, cues.view(), &options, &Monitor::silent()).unwrap().states, x);
    }
}

#[test]
fn exact_self_exclusion_for_real_patterns_interpolates_without_seeing_itself() {
    let x = points(8, 5, 23);
    let params = KernelMemoryParams { self_connections: SelfConnections::Excluded, ..real(Rule::interpolation(), 0.5) };
    let (memory, _) = KernelMemory::fit(&params, x.view()).unwrap();
    assert!(worst(&memory.field(x.view()).unwrap(), &x) < 1e-9);
    // The answer of neuron 2 does not depend on input 2.
    let mut moved = x.slice(s![0..1, ..]).to_owned();
    let before = memory.field(moved.view()).unwrap()[[0, 2]];
    moved[[0, 2]] += 0.3;
    assert!((memory.field(moved.view()).unwrap()[[0, 2]] - before).abs() < 1e-12);
}

#[test]
fn the_condition_number_is_that_of_the_eigenvalues() {
    let x = points(40, 3, 24);
    let (memory, report) = KernelMemory::fit(&real(Rule::interpolation(), 0.3), x.view()).unwrap();
    let gram = memory.kernel_values(x.view()).unwrap();
    let view = gram.view();
    let values = crate::product::matrix(&view).self_adjoint_eigenvalues(faer::Side::Lower).unwrap();
    let exact = values[39] / values[0];
    let condition = memory.condition_number().unwrap();
    assert!((condition / exact - 1.0).abs() < 1e-6, "{condition} {exact}");
    assert!(report.condition_bound.unwrap() <= exact);
}

#[test]
fn bad_input_is_refused_with_a_sentence() {
    let params = KernelMemoryParams::default();
    let refuse =
        |params: &KernelMemoryParams, x: Array2<f64>| KernelMemory::fit(params, x.view()).unwrap_err().to_string();
    assert!(refuse(&params, array![[1.0, 0.5]]).contains("patterns[0, 1] is 0.5, but binary states must be +1 or -1"));
    assert!(refuse(&params, array![[1.0, f64::NAN]]).contains("patterns[0, 1] is NaN"));
    assert!(refuse(&params, Array2::zeros((0, 4))).contains("0 x 4"));
    assert!(refuse(&params, array![[1.0], [-1.0]]).contains("one neuron that does not see itself"));
    let gauss = real(Rule::interpolation(), 0.3);
    assert!(refuse(&real(Rule::interpolation(), -0.3), array![[1.0]]).contains("radius is -0.3"));
    assert!(refuse(&real(Rule::max_margin(), 0.3), array![[1.0]]).contains("use the interpolation rule"));
    let zero = KernelMemoryParams { kernel: Kernel::Linear, ..gauss.clone() };
    assert!(refuse(&zero, array![[1.0, 2.0], [0.0, 0.0]]).contains("patterns[1] is zero in every entry"));
    let too_many = KernelMemoryParams { kernel: Kernel::Linear, ..gauss.clone() };
    assert!(refuse(&too_many, points(5, 3, 1)).contains("not positive definite"));
    let hard =
        KernelMemoryParams { kernel: Kernel::GeneralizedExponential { radius: 5.0, beta: 6.0 }, ..gauss.clone() };
    assert!(refuse(&hard, points(30, 2, 1)).contains("exponent of at most 2"));
    let large = KernelMemoryParams { kernel: Kernel::Exponential { beta: 100.0, shift: Some(0.0) }, ..gauss.clone() };
    assert!(refuse(&large, array![[10.0, 0.0], [1.0, 2.0]]).contains("shift"));
    let (memory, _) = KernelMemory::fit(&gauss, points(5, 3, 1).view()).unwrap();
    assert!(memory.field(points(2, 4, 1).view()).unwrap_err().to_string().contains("3 columns"));
    let pairs = KernelMemory::fit_pairs(&gauss, points(5, 3, 1).view(), points(4, 3, 1).view(), &Monitor::silent());
    assert!(pairs.unwrap_err().to_string().contains("5 rows"));
}

#[test]
fn repeats_are_merged_with_a_warning() {
    let mut x = points(6, 3, 25);
    let first = x.row(0).to_owned();
    x.row_mut(4).assign(&first);
    let (memory, report) = KernelMemory::fit(&real(Rule::interpolation(), 0.5), x.view()).unwrap();
    assert_eq!((memory.n_patterns(), report.n_patterns), (5, 5));
    assert!(report.warnings[0].contains("pattern 4 is the same as 0"));
}

#[test]
fn neurons_without_solution_are_named() {
    // The parity of two inputs is not linearly separable.
    let x = array![[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]];
    let y = array![[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]];
    let params = KernelMemoryParams { kernel: Kernel::Linear, ..Default::default() };
    let (_, report) = KernelMemory::fit_pairs(&params, x.view(), y.view(), &Monitor::silent()).unwrap();
    assert_eq!(report.failing_neurons(), [0]);
    assert!(report.training_error > 0.0 && !report.all_stored());
    assert!(report.warnings.iter().any(|w| w.contains("1 of 2 neurons do not store all patterns (neurons 0;")));
}

#[test]
fn a_cancelled_fit_stops() {
    let x = signs(5, 9, 26);
    let token = neuropil_core::progress::CancelToken::new();
    token.cancel();
    let monitor = Monitor::new(std::sync::Arc::new(neuropil_core::progress::Silent), token);
    let error = KernelMemory::fit_with(&KernelMemoryParams::default(), x.view(), &monitor).unwrap_err();
    assert!(matches!(error, Error::Cancelled(_)));
}

#[test]
fn a_sparse_gram_matrix_stores_what_the_dense_one_does() {
    let x = points(300, 3, 27);
    let cue = points(5, 3, 28);
    for rule in [Rule::interpolation(), Rule::normalized_interpolation()] {
        let params = real(rule, 0.05);
        let (dense, _) = KernelMemory::fit(&params, x.view()).unwrap();
        let options = SparseOptions { tolerance: 1e-12, ..SparseOptions::default() };
        let (sparse, report) = KernelMemory::fit_sparse(&params, x.view(), None, &options, &Monitor::silent()).unwrap();
        assert!(report.all_stored() && report.residual < 1e-9, "{report:?}");
        let (a, b) = (dense.field(cue.view()).unwrap(), sparse.field(cue.view()).unwrap());
        assert!(worst(&a, &b) < 1e-8);
    }
}

#[test]
fn inducing_patterns_approach_the_exact_memory_as_their_number_grows() {
    let x = points(200, 3, 29);
    let params = real(Rule::Interpolate(InterpolationOptions { ridge: 1e-8, ..InterpolationOptions::default() }), 0.8);
    let residual = |n_inducing| {
        let options = InducingOptions { n_inducing, seed: 1 };
        KernelMemory::fit_inducing(&params, x.view(), None, &options, &Monitor::silent()).unwrap().1.residual
    };
    let (few, many) = (residual(10), residual(60));
    assert!(many < 0.1 * few && many < 1e-2, "{few} {many}");
    let options = InducingOptions { n_inducing: 10, seed: 1 };
    let margin = KernelMemoryParams { states: StateKind::Binary, rule: Rule::max_margin(), ..params.clone() };
    assert!(
        KernelMemory::fit_inducing(
            &margin,
            points(9, 3, 1).mapv(f64::signum).view(),
            None,
            &options,
            &Monitor::silent()
        )
        .is_err()
    );
}

#[test]
fn the_chosen_radius_makes_every_pattern_stable() {
    let x = points(40, 6, 30);
    let choice =
        search_radius(&real(Rule::interpolation(), 1.0), x.view(), &RadiusSearch::default(), &Monitor::silent())
            .unwrap();
    assert!(choice.spectral_radius < 1.0 && choice.basin > 0.0, "{choice:?}");
    // Clearly larger and smaller radii have smaller basins.
    let options = RadiusSearch::default();
    for factor in [0.3, 3.0] {
        let other =
            rate_radius(&real(Rule::interpolation(), choice.radius * factor), x.view(), &options, &Monitor::silent());
        assert!(other.is_none_or(|other| other.basin <= choice.basin * 1.05));
    }
}
