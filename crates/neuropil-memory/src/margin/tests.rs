use ndarray::{Array2, array, s};
use neuropil_core::random::{Seed, uniform};

use super::*;
use crate::kernel::Kernel;

fn signs(m: usize, n: usize, seed: u64) -> Array2<f64> {
    let mut random = Seed::new(seed).stream();
    Array2::from_shape_simple_fn((m, n), || if uniform(&mut random) < 0.5 { -1.0 } else { 1.0 })
}

fn solve(gram: &Array2<f64>, labels: &Array2<f64>, options: &MarginOptions) -> MarginSolution {
    max_margin(gram.view(), labels.view(), options, &Monitor::silent()).unwrap()
}

fn gram(kernel: &Kernel, x: &Array2<f64>) -> Array2<f64> {
    Gram::of(kernel, x.view(), StateKind::Binary).unwrap().into_full()
}

/// The largest violation of the optimality conditions, and of `alpha^T y = 0` when there is a bias.
fn violation(gram: &Array2<f64>, labels: &Array2<f64>, solution: &MarginSolution, bias: Bias) -> f64 {
    let coefficients = &solution.alpha * labels;
    let margins = (gram.dot(&coefficients) - &solution.threshold) * labels;
    let mut worst: f64 = 0.0;
    for (margin, alpha) in margins.iter().zip(&solution.alpha) {
        worst = worst.max(if *alpha > 0.0 { (margin - 1.0).abs() } else { 1.0 - margin });
    }
    if bias == Bias::Fitted {
        worst = worst.max(coefficients.sum_axis(ndarray::Axis(0)).iter().fold(0.0_f64, |w, c| w.max(c.abs())));
    }
    worst
}

#[test]
fn two_and_three_patterns_have_the_known_solutions() {
    let k = array![[1.0, 0.5], [0.5, 1.0]];
    let solution = solve(&k, &array![[1.0, 1.0], [1.0, -1.0]], &MarginOptions::default());
    let expected = array![[2.0 / 3.0, 2.0], [2.0 / 3.0, 2.0]];
    assert!((&solution.alpha - &expected).iter().all(|e| e.abs() < 1e-12));
    let k = array![[1.0, 0.9, 0.2], [0.9, 1.0, 0.3], [0.2, 0.3, 1.0]];
    let labels = array![[1.0, 1.0], [1.0, 1.0], [-1.0, 1.0]];
    let solution = solve(&k, &labels, &MarginOptions::default());
    let expected = array![[0.0, 5.0 / 6.0], [10.0 / 7.0, 0.0], [10.0 / 7.0, 5.0 / 6.0]];
    assert!((&solution.alpha - &expected).iter().all(|e| e.abs() < 1e-12), "{}", solution.alpha);
}

#[test]
fn pivoting_meets_the_optimality_conditions() {
    for (m, n, seed) in [(20, 40, 1), (80, 120, 2), (60, 70, 3)] {
        let x = signs(m, n, seed);
        let k = gram(&Kernel::Linear, &x);
        for bias in [Bias::None, Bias::Fitted] {
            let options = MarginOptions { bias, ..MarginOptions::default() };
            let solution = solve(&k, &x, &options);
            assert!(solution.status.iter().all(|s| *s == NeuronStatus::Optimal));
            assert!(violation(&k, &x, &solution, bias) < 1e-8, "{m} {n} {bias:?}");
            assert!(solution.alpha.iter().any(|a| *a == 0.0));
        }
    }
}

#[test]
fn all_methods_find_the_same_solution() {
    let x = signs(40, 70, 4);
    let k = gram(&Kernel::Linear, &x);
    let labels = x.slice(s![.., ..12]).to_owned();
    let exact = solve(&k, &labels, &MarginOptions::default());
    let adatron = MarginOptions { method: MarginMethod::AdaTron, tolerance: 1e-9, ..MarginOptions::default() };
    let soft = MarginOptions { softness: 1e9, tolerance: 1e-9, ..MarginOptions::default() };
    for other in [solve(&k, &labels, &adatron), solve(&k, &labels, &soft)] {
        assert!((&other.alpha - &exact.alpha).iter().all(|e| e.abs() < 1e-6));
    }
    for i in 0..12 {
        let neuron = active_set::solve(k.view(), &labels.column(i).to_vec(), 1e-10);
        assert_eq!(neuron.status, NeuronStatus::Optimal);
        for ((c, y), a) in neuron.coefficients.iter().zip(labels.column(i)).zip(exact.alpha.column(i)) {
            assert!((c * y - a).abs() < 1e-8);
        }
    }
    let bias = MarginOptions { bias: Bias::Fitted, ..MarginOptions::default() };
    let soft = MarginOptions { softness: 1e9, tolerance: 1e-9, ..bias.clone() };
    let (exact, smo) = (solve(&k, &labels, &bias), solve(&k, &labels, &soft));
    assert!((&smo.alpha - &exact.alpha).iter().all(|e| e.abs() < 1e-6));
    assert!((&smo.threshold - &exact.threshold).iter().all(|e| e.abs() < 1e-7));
}

#[test]
fn singular_gram_matrices_are_solved_or_proved_unsolvable() {
    // 12 inputs of rank 6: with few patterns separable, with the parity of two inputs not.
    let x = signs(9, 6, 5);
    let k = x.dot(&x.t()) / 6.0;
    let solution = solve(&k, &x, &MarginOptions::default());
    assert!(solution.status.iter().all(|s| *s == NeuronStatus::Optimal));
    assert!(violation(&k, &x, &solution, Bias::None) < 1e-7);
    let x = array![[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]];
    let k = x.dot(&x.t()) / 2.0;
    let solution = solve(&k, &array![[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]], &MarginOptions::default());
    assert_eq!(solution.status, [NeuronStatus::NotSeparable, NeuronStatus::Optimal]);
}

#[test]
fn a_repeated_pattern_shares_its_coefficient() {
    let x = signs(6, 20, 6);
    let twice = ndarray::concatenate![ndarray::Axis(0), x, x.slice(s![2..3, ..])];
    let sums = |x: &Array2<f64>| {
        solve(&gram(&Kernel::Linear, x), x, &MarginOptions::default()).alpha.sum_axis(ndarray::Axis(0))
    };
    assert!((&sums(&x) - &sums(&twice)).iter().all(|e| e.abs() < 1e-8));
}

/// `K_i` by its definition, over the other inputs.
fn plain_without(kernel: &Kernel, x: &Array2<f64>, i: usize) -> Array2<f64> {
    crate::kernel_memory::gram_without(kernel, i, x.view())
}

#[test]
fn neurons_that_do_not_see_themselves_meet_their_own_conditions() {
    let x = signs(24, 40, 7);
    for kernel in [Kernel::Linear, Kernel::Polynomial { degree: 3 }, Kernel::exponential(0.1), Kernel::gaussian(5.0)] {
        for bias in [Bias::None, Bias::Fitted] {
            let options = MarginOptions { bias, tolerance: 1e-8, ..MarginOptions::default() };
            let solution = solve_self_excluded(&kernel, x.view(), &options, &Monitor::silent()).unwrap();
            for i in [0, 17, 39] {
                let k = plain_without(&kernel, &x, i);
                let labels = x.slice(s![.., i..=i]).to_owned();
                let own = MarginSolution {
                    alpha: solution.alpha.slice(s![.., i..=i]).to_owned(),
                    threshold: solution.threshold.slice(s![i..=i]).to_owned(),
                    status: vec![solution.status[i]],
                    iterations: 0,
                };
                assert!(violation(&k, &labels, &own, bias) < 1e-6, "{} {bias:?}", kernel.name());
            }
        }
    }
}

#[test]
fn neurons_together_find_what_they_find_alone() {
    // Above the size at which all neurons share conjugate gradients.
    let x = signs(400, 30, 8);
    let kernel = Kernel::exponential(0.4);
    let together = solve_self_excluded(&kernel, x.slice(s![..390, ..]), &MarginOptions::default(), &Monitor::silent());
    let together = together.unwrap();
    let few = x.slice(s![..390, ..]).to_owned();
    for i in [3, 20] {
        let k = plain_without(&kernel, &few, i);
        let labels = few.slice(s![.., i..=i]).to_owned();
        let alone = solve(&k, &labels, &MarginOptions::default());
        assert_eq!(alone.status[0], together.status[i]);
        if alone.status[0] == NeuronStatus::Optimal {
            let scale = alone.alpha.iter().fold(0.0_f64, |s, a| s.max(*a));
            for (a, b) in alone.alpha.iter().zip(together.alpha.column(i)) {
                assert!((a - b).abs() < 1e-6 * scale, "{a} {b}");
            }
        }
    }
}

#[test]
fn a_soft_margin_bounds_the_coefficients() {
    let x = signs(30, 10, 9);
    let k = x.dot(&x.t()) / 10.0;
    let labels = signs(30, 4, 10);
    for bias in [Bias::None, Bias::Fitted] {
        let options = MarginOptions { softness: 0.7, bias, ..MarginOptions::default() };
        let solution = solve(&k, &labels, &options);
        assert!(solution.status.iter().all(|s| *s == NeuronStatus::Optimal), "{:?}", solution.status);
        assert!(solution.alpha.iter().all(|a| (0.0..=0.7).contains(a)));
        let margins = (k.dot(&(&solution.alpha * &labels)) - &solution.threshold) * &labels;
        for (margin, a) in margins.iter().zip(&solution.alpha) {
            assert!(*a > 0.0 || *margin > 1.0 - 1e-5);
            assert!(*a < 0.7 || *margin < 1.0 + 1e-5);
        }
    }
}

#[test]
fn a_neuron_of_one_class_needs_only_its_bias() {
    let x = signs(6, 20, 11);
    let k = gram(&Kernel::Linear, &x);
    let labels = Array2::from_elem((6, 1), -1.0);
    let options = MarginOptions { bias: Bias::Fitted, ..MarginOptions::default() };
    let solution = solve(&k, &labels, &options);
    assert_eq!((solution.status[0], solution.threshold[0]), (NeuronStatus::OneClass, 1.0));
}

#[test]
fn labels_that_no_weights_separate_are_named_by_every_method() {
    // 60 random labels of 10 inputs: beyond what a hyperplane can do, with a threshold or without.
    let x = signs(60, 10, 12);
    let labels = signs(60, 3, 13);
    let k = x.dot(&x.t()) / 10.0;
    let adatron = MarginOptions { method: MarginMethod::AdaTron, ..MarginOptions::default() };
    let bias = MarginOptions { bias: Bias::Fitted, ..MarginOptions::default() };
    for options in [MarginOptions::default(), adatron, bias.clone()] {
        let solution = solve(&k, &labels, &options);
        assert_eq!(solution.status, [NeuronStatus::NotSeparable; 3], "{options:?}");
    }
    // With a bias, the coefficients still do better than chance.
    let solution = solve(&k, &labels, &bias);
    let margins = (k.dot(&(&solution.alpha * &labels)) - &solution.threshold) * &labels;
    let wrong = margins.iter().filter(|m| **m <= 0.0).count();
    assert!(wrong < 72, "{wrong} of 180");
    assert!((&solution.alpha * &labels).sum_axis(ndarray::Axis(0)).iter().all(|sum| sum.abs() < 1e-9));
    // A threshold separates what needs one: all of one class but the origin of a line.
    let x = array![[-1.0, 1.0], [1.0, 1.0], [2.0, 1.0], [3.0, 1.0]];
    let line = x.slice(s![.., ..1]).to_owned();
    let labels = array![[-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0], [1.0, 1.0]];
    let solution = solve(&line.dot(&line.t()), &labels, &bias);
    assert_eq!(solution.status, [NeuronStatus::Optimal, NeuronStatus::NotSeparable]);
    let h = line.dot(&line.t()).dot(&(&solution.alpha * &labels)) - &solution.threshold;
    assert!(h.column(0).iter().zip(labels.column(0)).all(|(h, y)| h * y > 1.0 - 1e-5));
}

#[test]
fn neurons_that_do_not_see_themselves_are_named_too() {
    let x = signs(60, 10, 14);
    for (method, bias) in
        [(MarginMethod::Exact, Bias::None), (MarginMethod::Exact, Bias::Fitted), (MarginMethod::AdaTron, Bias::None)]
    {
        let options = MarginOptions { method, bias, ..MarginOptions::default() };
        let solution = solve_self_excluded(&Kernel::Linear, x.view(), &options, &Monitor::silent()).unwrap();
        assert!(solution.status.iter().all(|status| *status == NeuronStatus::NotSeparable), "{options:?}");
    }
}
