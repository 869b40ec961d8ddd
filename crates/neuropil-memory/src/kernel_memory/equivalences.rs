//! Tests that memories which theory calls the same, or the same in a limit, recall the same; and that the number of threads
//! changes nothing.

use ndarray::{Array2, ArrayView1};
use neuropil_core::progress::Monitor;
use neuropil_core::random::Seed;
use neuropil_core::threads;

use super::*;
use crate::baseline::{DenseAssociativeMemory, Interaction, ModernHopfield, Similarity};
use crate::random_patterns::{Noise, binary_patterns, sphere_patterns};
use crate::recall::{RecallOptions, recall};

fn fitted(kernel: Kernel, rule: Rule, states: StateKind, patterns: &Array2<f64>) -> KernelMemory {
    let params = KernelMemoryParams { kernel, rule, states, ..KernelMemoryParams::default() };
    KernelMemory::fit(&params, patterns.view()).unwrap().0
}

fn recalled(memory: &dyn AssociativeMemory, cues: &Array2<f64>) -> Array2<f64> {
    let options = RecallOptions { max_steps: 30, ..RecallOptions::default() };
    recall(memory, cues.view(), &options, &Monitor::silent()).unwrap().states
}

#[test]
fn one_shot_storage_with_an_exponential_kernel_recalls_as_the_exponential_network() {
    // So many patterns that not every cue is restored.
    let x = binary_patterns(150, 24, Seed::new(1));
    let cues = Noise::Flip.corrupt(x.view(), 0.25, Seed::new(2)).unwrap();
    for beta in [0.4, 1.0] {
        let network = DenseAssociativeMemory::fit(x.view(), Interaction::Exponential { beta }).unwrap();
        let expected = recalled(&network, &cues);
        assert!(expected != x);
        // Whatever shift scales the kernel.
        for shift in [None, Some(0.0), Some(30.0)] {
            let memory = fitted(Kernel::Exponential { beta, shift }, Rule::one_shot(), StateKind::Binary, &x);
            assert_eq!(recalled(&memory, &cues), expected, "{beta} {shift:?}");
        }
    }
}

#[test]
fn a_positive_factor_of_the_kernel_changes_no_recall() {
    let x = binary_patterns(20, 30, Seed::new(3));
    let cues = Noise::Flip.corrupt(x.view(), 0.2, Seed::new(4)).unwrap();
    let kernel = |factor: f64| {
        Kernel::Custom(crate::kernel::CustomKernel::of_overlap(move |u| factor * (1.0 + u / 30.0).powi(3)))
    };
    for rule in [Rule::one_shot(), Rule::max_margin()] {
        let expected = recalled(&fitted(kernel(1.0), rule.clone(), StateKind::Binary, &x), &cues);
        for factor in [1e-6, 7.0, 1e5] {
            let memory = fitted(kernel(factor), rule.clone(), StateKind::Binary, &x);
            assert_eq!(recalled(&memory, &cues), expected, "{factor}");
        }
    }
}

#[test]
fn interpolation_points_where_attention_does_as_the_kernel_gets_peaked() {
    let x = sphere_patterns(8, 6, Seed::new(5));
    let cues = Noise::Displace.corrupt(x.view(), 0.6, Seed::new(6)).unwrap();
    let angle = |a: ArrayView1<f64>, b: ArrayView1<f64>| 1.0 - a.dot(&b) / (a.dot(&a) * b.dot(&b)).sqrt();
    let worst = |beta: f64| {
        let memory = fitted(Kernel::exponential(beta), Rule::interpolation(), StateKind::Real, &x);
        let attention = ModernHopfield::fit(x.view(), beta, Similarity::Dot).unwrap();
        let (a, b) = (memory.step(cues.view()).unwrap(), attention.step(cues.view()).unwrap());
        a.rows().into_iter().zip(b.rows()).map(|(a, b)| angle(a, b)).fold(0.0, f64::max)
    };
    let worst: Vec<f64> = [2.0, 8.0, 32.0].into_iter().map(worst).collect();
    assert!(worst[0] > 1e-2 && worst[1] < worst[0] && worst[2] < 1e-6, "{worst:?}");
}

#[test]
fn hebbian_storage_is_the_maximal_margin_of_a_peaked_kernel() {
    let x = binary_patterns(25, 40, Seed::new(7));
    let spread = |beta: f64| {
        let memory = fitted(Kernel::exponential(beta), Rule::max_margin(), StateKind::Binary, &x);
        let alpha = &memory.coefficients() * &x;
        let mean = alpha.mean().unwrap();
        alpha.iter().fold(0.0_f64, |worst, a| worst.max((a / mean - 1.0).abs()))
    };
    let spread: Vec<f64> = [0.05, 0.2, 0.8].into_iter().map(spread).collect();
    assert!(spread[0] > 0.1 && spread[1] < spread[0] && spread[2] < 1e-6, "{spread:?}");
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let binary = binary_patterns(120, 90, Seed::new(8));
    let real = sphere_patterns(300, 12, Seed::new(9));
    let many = binary_patterns(400, 24, Seed::new(10));
    let all = || {
        let memories = [
            fitted(Kernel::Linear, Rule::max_margin(), StateKind::Binary, &binary_patterns(60, 90, Seed::new(11))),
            fitted(Kernel::exponential(0.1), Rule::max_margin_with_bias(), StateKind::Binary, &binary),
            fitted(Kernel::exponential(0.5), Rule::max_margin(), StateKind::Binary, &many),
            fitted(Kernel::gaussian(0.3), Rule::normalized_interpolation(), StateKind::Real, &real),
        ];
        memories.map(|memory| {
            let level = 0.1;
            let noise = if memory.state() == StateKind::Binary { Noise::Flip } else { Noise::Displace };
            let cues = noise.corrupt(memory.patterns(), level, Seed::new(12)).unwrap();
            (memory.coefficients().to_owned(), memory.threshold().to_owned(), recalled(&memory, &cues))
        })
    };
    let whole = all();
    let _guard = threads::limited(1);
    assert!(whole == all());
}
