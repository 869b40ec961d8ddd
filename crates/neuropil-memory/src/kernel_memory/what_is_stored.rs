//! Tests of what a memory says about itself: pairs as wide as their inputs, training errors, residuals, solvers.

use ndarray::{Array2, array, s};
use neuropil_core::progress::Monitor;
use neuropil_core::random::Seed;

use super::*;
use crate::baseline::{
    Likeness, ModernHopfield, NearestNeighbor, SdmParameters, Separation, Similarity, SparseDistributedMemory,
    UniversalHopfield,
};
use crate::basin::{BasinOptions, basin_radius};
use crate::margin::MarginOptions;
use crate::random_patterns::{binary_patterns, sphere_patterns};
use crate::recall::{RecallOptions, Status, recall, recall_path};
use crate::recall_curve::{CurveOptions, recall_curve};

fn quiet() -> Monitor {
    Monitor::silent()
}

fn real(kernel: Kernel, rule: Rule) -> KernelMemoryParams {
    KernelMemoryParams { kernel, rule, states: StateKind::Real, ..KernelMemoryParams::default() }
}

fn interpolation(solver: Solver) -> Rule {
    Rule::Interpolate(InterpolationOptions { solver, ..InterpolationOptions::default() })
}

/// Fraction of answers with another sign than the output.
fn wrong(memory: &KernelMemory, x: &Array2<f64>, y: &Array2<f64>) -> f64 {
    let fields = memory.field(x.view()).unwrap();
    fields.iter().zip(y).filter(|(h, y)| *h * **y <= 0.0).count() as f64 / y.len() as f64
}

fn deviation(memory: &KernelMemory, x: &Array2<f64>, y: &Array2<f64>) -> f64 {
    memory.field(x.view()).unwrap().iter().zip(y).fold(0.0, |worst: f64, (h, y)| worst.max((h - y).abs()))
}

#[test]
fn pairs_as_wide_as_their_inputs_are_answered_in_one_step() {
    let (x, y) = (binary_patterns(5, 40, Seed::new(1)), binary_patterns(5, 40, Seed::new(2)));
    let params = KernelMemoryParams { kernel: Kernel::Linear, ..KernelMemoryParams::default() };
    let (kernel, _) = KernelMemory::fit_pairs(&params, x.view(), y.view(), &quiet()).unwrap();
    let sdm = SdmParameters { n_locations: 4000, radius: 15, seed: 1 };
    let memories: Vec<Box<dyn AssociativeMemory>> = vec![
        Box::new(kernel),
        Box::new(SparseDistributedMemory::fit_pairs(x.view(), y.view(), sdm).unwrap()),
        Box::new(NearestNeighbor::fit_pairs(x.view(), y.view()).unwrap()),
        Box::new(ModernHopfield::fit_pairs(x.view(), y.view(), 5.0, Similarity::Dot).unwrap()),
        Box::new(UniversalHopfield::fit_pairs(x.view(), y.view(), Likeness::Dot, Separation::Max).unwrap()),
    ];
    for memory in &memories {
        assert!(!memory.is_recurrent());
        let recalled = recall(memory, x.view(), &RecallOptions::default(), &quiet()).unwrap();
        assert_eq!(recalled.states, memory.step(x.view()).unwrap());
        assert!(recalled.states.iter().zip(&y).all(|(a, b)| (a - b).abs() < 1e-6));
        assert!(recalled.steps.iter().all(|steps| *steps == 1));
        assert!(recalled.status.iter().all(|status| *status == Status::Converged));
        assert_eq!(recalled.nearest.unwrap().index, [0, 1, 2, 3, 4]);
        let options = CurveOptions { levels: vec![0.0], n_cues: 5, ..CurveOptions::default() };
        assert_eq!(recall_curve(memory, x.view(), y.view(), &options, &quiet()).unwrap()[0].restored, 1.0);
        let error = basin_radius(memory, x.view(), &BasinOptions::default(), &quiet()).unwrap_err();
        assert!(error.to_string().contains("memory of pairs"), "{error}");
        assert!(recall_path(memory, x.row(0), &RecallOptions::default()).is_err());
    }
    // Real inputs of the same width as binary outputs.
    let inputs = sphere_patterns(6, 4, Seed::new(3));
    let outputs = binary_patterns(6, 4, Seed::new(4));
    let params = KernelMemoryParams { kernel: Kernel::gaussian(0.5), ..KernelMemoryParams::default() };
    let (memory, _) = KernelMemory::fit_pairs(&params, inputs.view(), outputs.view(), &quiet()).unwrap();
    let recalled = recall(&memory, inputs.view(), &RecallOptions::default(), &quiet()).unwrap();
    assert_eq!(recalled.states, outputs);
}

#[test]
fn recalling_a_sequence_replays_it() {
    let x = binary_patterns(8, 40, Seed::new(5));
    let params = KernelMemoryParams { kernel: Kernel::exponential(0.1), ..Default::default() };
    let (memory, report) = KernelMemory::fit_sequence(&params, x.view(), &quiet()).unwrap();
    assert!(memory.is_recurrent() && report.all_stored());
    let mut cue = x.slice(s![..1, ..]).to_owned();
    cue[[0, 3]] *= -1.0;
    let options = RecallOptions { max_steps: 5, ..RecallOptions::default() };
    let recalled = recall(&memory, cue.view(), &options, &quiet()).unwrap();
    assert_eq!(recalled.states.row(0), x.row(5));
    // The outputs are the rows from the second on.
    assert_eq!((recalled.nearest.unwrap().index[0], recalled.steps[0]), (4, 5));
    let path = recall_path(&memory, cue.row(0), &RecallOptions { max_steps: 7, ..options }).unwrap();
    assert_eq!(path.slice(s![1.., ..]), x.slice(s![1.., ..]));
}

#[test]
fn the_training_error_is_measured_for_every_rule() {
    let (x, few) = (binary_patterns(100, 50, Seed::new(6)), binary_patterns(4, 50, Seed::new(6)));
    let hopfield = KernelMemoryParams { kernel: Kernel::Linear, rule: Rule::one_shot(), ..Default::default() };
    let (memory, report) = KernelMemory::fit(&hopfield, x.view()).unwrap();
    assert!(report.training_error > 0.1 && !report.all_stored() && !report.failing_neurons().is_empty());
    assert_eq!(report.training_error, wrong(&memory, &x, &x));
    assert!(KernelMemory::fit(&hopfield, few.view()).unwrap().1.all_stored());

    let x = binary_patterns(200, 20, Seed::new(7));
    let soft = Rule::MaxMargin(MarginOptions { softness: 1.0, ..MarginOptions::default() });
    let params = KernelMemoryParams { rule: soft, ..hopfield.clone() };
    let (memory, report) = KernelMemory::fit(&params, x.view()).unwrap();
    assert!(report.training_error > 0.2 && !report.all_stored());
    assert_eq!(report.training_error, wrong(&memory, &x, &x));
    let mean = report.neuron_error.iter().sum::<f64>() / 20.0;
    assert!((mean - report.training_error).abs() < 1e-12);
    // What is proved is also true.
    let hard = KernelMemoryParams { kernel: Kernel::exponential(0.4), ..KernelMemoryParams::default() };
    let (memory, report) = KernelMemory::fit(&hard, x.view()).unwrap();
    assert!(report.all_stored() && wrong(&memory, &x, &x) == 0.0);

    let x = sphere_patterns(30, 6, Seed::new(8)) * 3.0;
    let ridge = Rule::Interpolate(InterpolationOptions { ridge: 10.0, ..InterpolationOptions::default() });
    let (memory, report) = KernelMemory::fit(&real(Kernel::gaussian(1.0), ridge), x.view()).unwrap();
    assert!(report.residual > 1.0 && !report.all_stored());
    assert_eq!((report.residual, report.training_error), (deviation(&memory, &x, &x), 1.0));
    for solver in [Solver::Cholesky, Solver::Jitter, Solver::PseudoInverse, Solver::Indefinite] {
        let (memory, report) =
            KernelMemory::fit(&real(Kernel::gaussian(1.0), interpolation(solver)), x.view()).unwrap();
        assert!(report.all_stored(), "{solver:?}");
        // A bound where it is proved, the deviation itself elsewhere.
        assert!(deviation(&memory, &x, &x) <= report.residual && report.residual < 3e-6, "{solver:?} {report:?}");
    }
}

#[test]
fn the_residual_is_the_deviation_of_an_answer() {
    // Two inputs that the kernel can hardly tell apart, with different outputs.
    let mut x = sphere_patterns(12, 5, Seed::new(9));
    let near = &x.row(0) + 1e-9;
    x.row_mut(1).assign(&near);
    let y = sphere_patterns(12, 3, Seed::new(10)) * 5.0;
    for normalization in [Normalization::None, Normalization::Sum] {
        let options =
            InterpolationOptions { solver: Solver::PseudoInverse, normalization, ..InterpolationOptions::default() };
        let params = real(Kernel::gaussian(0.5), Rule::Interpolate(options));
        let (memory, report) = KernelMemory::fit_pairs(&params, x.view(), y.view(), &quiet()).unwrap();
        assert!(report.residual > 0.1, "{}", report.residual);
        assert_eq!(report.residual, deviation(&memory, &x, &y));
        assert!(report.training_error > 0.0 && report.warnings.iter().any(|w| w.contains("do not store")));
    }
}

#[test]
fn a_kernel_of_both_signs_is_not_normalised() {
    let x = sphere_patterns(5, 4, Seed::new(11));
    let cubic = Kernel::Polynomial { degree: 3 };
    let krotov = Kernel::Krotov { separation: crate::kernel::Separation::Power { power: 2 } };
    for kernel in [Kernel::Linear, cubic, krotov] {
        for rule in [Rule::normalized_interpolation(), Rule::OneShot { normalization: Normalization::Sum }] {
            let error = KernelMemory::fit(&real(kernel.clone(), rule), x.view()).unwrap_err().to_string();
            assert!(error.contains("takes both signs"), "{error}");
        }
    }
    let even = Kernel::Polynomial { degree: 4 };
    assert!(KernelMemory::fit(&real(even, Rule::normalized_interpolation()), x.view()).is_ok());
    // A closure is judged by its Gram matrix.
    let closure = Kernel::Custom(crate::kernel::CustomKernel::of_overlap(|u| u));
    let opposite = array![[1.0, 0.0], [-1.0, 0.1]];
    let error = KernelMemory::fit(&real(closure, Rule::normalized_interpolation()), opposite.view()).unwrap_err();
    assert!(error.to_string().contains("both signs"), "{error}");
}

#[test]
fn neurons_that_do_not_see_themselves_use_the_solver_that_is_asked_for() {
    // Patterns that differ in one entry only: to that neuron they are the same.
    let mut x = sphere_patterns(8, 5, Seed::new(12));
    let mut twin = x.row(0).to_owned();
    twin[2] += 0.5;
    x.row_mut(1).assign(&twin);
    let excluded = |solver| KernelMemoryParams {
        self_connections: SelfConnections::Excluded,
        ..real(Kernel::gaussian(0.8), interpolation(solver))
    };
    let error = KernelMemory::fit(&excluded(Solver::Cholesky), x.view()).unwrap_err().to_string();
    assert!(error.contains("solver with jitter or the pseudo-inverse"), "{error}");
    for solver in [Solver::Jitter, Solver::PseudoInverse] {
        let (memory, report) = KernelMemory::fit(&excluded(solver), x.view()).unwrap();
        assert!(report.neuron_error[2] > 0.0 && !report.all_stored(), "{solver:?}");
        // All others store everything, up to the jitter.
        let answers = memory.field(x.view()).unwrap();
        for i in [0, 1, 3, 4] {
            assert!((0..8).all(|mu| (answers[[mu, i]] - x[[mu, i]]).abs() < 1e-6), "{solver:?} {i}");
        }
        let middle = 0.5 * (x[[0, 2]] + x[[1, 2]]);
        assert!((answers[[0, 2]] - middle).abs() < 1e-3, "{solver:?}: {} {middle}", answers[[0, 2]]);
    }
    // Where all is well, shared overlaps give the systems of the definition, and a condition number.
    let x = sphere_patterns(9, 5, Seed::new(13));
    let (memory, report) = KernelMemory::fit(&excluded(Solver::Cholesky), x.view()).unwrap();
    assert!(report.condition_bound.is_some_and(|bound| bound >= 1.0) && report.all_stored());
    for i in 0..5 {
        let gram = gram_without(&Kernel::gaussian(0.8), i, x.view());
        let answer = gram.dot(&memory.coefficients().column(i));
        assert!(answer.iter().zip(x.column(i)).all(|(a, b)| (a - b).abs() < 1e-9));
    }
}
