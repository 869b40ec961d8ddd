use ndarray::array;

use super::*;

#[test]
fn krotov_kernels_are_differences_of_the_separation_function() {
    let expected = [(2, [4.0, 8.0, 12.0]), (3, [8.0, 26.0, 56.0]), (4, [16.0, 80.0, 240.0]), (5, [32.0, 242.0, 992.0])];
    for (power, values) in expected {
        let kernel = Kernel::Krotov { separation: Separation::Power { power } };
        for (u, value) in [1.0, 2.0, 3.0].into_iter().zip(values) {
            assert_eq!(kernel.from_overlap(u, 9), value, "p = {power}, u = {u}");
        }
    }
    let exponential = Kernel::Krotov { separation: Separation::Exponential };
    assert!((exponential.from_overlap(1.3, 9) - 2.0 * 1_f64.sinh() * 1.3_f64.exp()).abs() < 1e-12);
}

#[test]
fn balls_in_few_dimensions_share_known_volumes() {
    let table = [
        (1, [0.9, 0.75, 0.5, 0.25]),
        (2, [0.8728885716, 0.6850376424, 0.3910022190, 0.1442936128]),
        (3, [0.8505, 0.6328125, 0.3125, 0.0859375]),
        (10, [0.7451499080, 0.4100720719, 0.0818642312, 0.00315083742]),
    ];
    for (n, values) in table {
        for (tau, value) in [0.1, 0.25, 0.5, 0.75].into_iter().zip(values) {
            assert!((ball_overlap(tau, n) / value - 1.0).abs() < 1e-8, "N = {n}, tau = {tau}");
        }
    }
    // Three dimensions in closed form, to the precision of the arithmetic.
    for i in 1..100 {
        let tau = f64::from(i) / 100.0;
        let exact = 1.0 - 1.5 * tau + 0.5 * tau * tau * tau;
        assert!((ball_overlap(tau, 3) - exact).abs() < 2e-15, "tau = {tau}");
    }
    assert_eq!((ball_overlap(0.0, 7), ball_overlap(1.0, 7), ball_overlap(2.0, 7)), (1.0, 0.0, 0.0));
}

#[test]
fn the_ball_kernel_has_the_known_cusp() {
    let slopes = [(1, 1.0), (2, 1.2732395447), (3, 1.5), (10, 2.5868993925), (100, 7.9988173435)];
    for (n, slope) in slopes {
        let h = 1e-7;
        assert!(((1.0 - ball_overlap(h, n)) / h / slope - 1.0).abs() < 1e-6, "N = {n}");
    }
    // Far from the cusp, the derivative against differences.
    let kernel = Kernel::Ball { radius: 0.8 };
    for d2 in [0.05, 0.4, 1.7] {
        let h = 1e-6;
        let difference = (kernel.from_distance2(d2 + h, 6) - kernel.from_distance2(d2 - h, 6)) / (2.0 * h);
        assert!((kernel.derivative(d2, 6) - difference).abs() < 1e-8);
    }
}

#[test]
fn gaussian_addresses_agree_with_known_orthant_probabilities() {
    let at = |b: f64, rho: f64| bivariate_normal_orthant(b, b, rho);
    for (rho, value) in [(-0.5, 1.0 / 6.0), (0.0, 0.25), (0.5, 1.0 / 3.0), (0.9, 0.42821685344)] {
        assert!((at(0.0, rho) / value - 1.0).abs() < 1e-9, "rho = {rho}");
        assert!((at(0.0, rho) - (0.5 - rho.acos() / (2.0 * std::f64::consts::PI))).abs() < 1e-14);
    }
    assert!((at(1.0, 0.0) / 0.0251714896 - 1.0).abs() < 1e-8);
    for (rho, value) in [(-0.5, 0.0037823), (0.5, 0.0625141), (0.9, 0.1154903)] {
        assert!((at(1.0, rho) / value - 1.0).abs() < 1e-4, "rho = {rho}: {}", at(1.0, rho));
    }
    assert!((at(1.0, 1.0) - normal_tail(1.0)).abs() < 1e-15);
    assert!((at(1.0, 1.0 - 1e-12) - normal_tail(1.0)).abs() < 1e-6);
}

#[test]
fn kanerva_counts_are_exact_integers() {
    let counts = |n, rho| (0..=n).map(|d| shared_address_count(n, rho, d).unwrap()).collect::<Vec<_>>();
    assert_eq!(counts(10, 3), [176, 92, 92, 50, 50, 20, 20, 0, 0, 0, 0]);
    assert_eq!(counts(16, 5)[..12], [6885, 3882, 3882, 2452, 2452, 1462, 1462, 742, 742, 252, 252, 0]);
    // Odd distances share the count of the next even one.
    let c = counts(31, 12);
    assert!((1..=15).all(|j| c[2 * j - 1] == c[2 * j]));
}

#[test]
fn kanervas_standard_memory_has_the_published_activation() {
    let kernel = sparse_distributed_overlap(1000, 451).unwrap();
    assert!((kernel[0] / 0.00107185005 - 1.0).abs() < 1e-8);
    let ratios = [
        (10, 0.7425232981),
        (50, 0.4449070803),
        (100, 0.2666702860),
        (200, 0.0965253637),
        (209, 0.0866849800),
        (300, 0.0301570148),
        (400, 0.00708786316),
        (500, 0.00102744271),
    ];
    for (distance, ratio) in ratios {
        assert!((kernel[distance] / kernel[0] / ratio - 1.0).abs() < 1e-8, "d = {distance}");
    }
}

#[test]
fn logarithms_and_integers_count_the_same_addresses() {
    let table = sparse_distributed::tests_support::by_logarithms(100, 40);
    for (distance, ln_count) in table.into_iter().enumerate() {
        let exact = (shared_address_count(100, 40, distance).unwrap() as f64).ln();
        assert!(ln_count == exact || (ln_count - exact).abs() < 1e-11, "d = {distance}: {ln_count} {exact}");
    }
}

#[test]
fn gradients_agree_with_differences() {
    let kernels = [
        Kernel::Linear,
        Kernel::Polynomial { degree: 3 },
        Kernel::InhomogeneousPolynomial { degree: 2, offset: 0.7 },
        Kernel::Krotov { separation: Separation::Power { power: 3 } },
        Kernel::Krotov { separation: Separation::Exponential },
        Kernel::Exponential { beta: 0.8, shift: Some(1.0) },
        Kernel::ThresholdGauss { threshold: 0.3 },
        Kernel::Ball { radius: 1.5 },
        Kernel::GeneralizedExponential { radius: 0.9, beta: 1.5 },
        Kernel::gaussian(1.1),
        Kernel::GeneralizedExponential { radius: 1.2, beta: 4.0 },
        Kernel::Custom(CustomKernel::of_distance2(|d2| 1.0 / (1.0 + d2))),
        Kernel::Custom(CustomKernel::of_overlap(f64::tanh).with_derivative(|u| 1.0 - u.tanh() * u.tanh())),
    ];
    let (x, s) = ([0.3, -0.7, 0.4], [0.5, 0.2, -0.1]);
    for kernel in kernels {
        let mut gradient = [0.0; 3];
        kernel.gradient(&x, &s, &mut gradient).unwrap();
        for i in 0..3 {
            let h = 1e-5;
            let (mut up, mut down) = (s, s);
            up[i] += h;
            down[i] -= h;
            let difference = (kernel.evaluate(&x, &up).unwrap() - kernel.evaluate(&x, &down).unwrap()) / (2.0 * h);
            assert!((gradient[i] - difference).abs() < 2e-8, "{}: {} {difference}", kernel.name(), gradient[i]);
        }
    }
}

#[test]
fn a_row_of_kernels_equals_one_after_the_other() {
    let patterns = array![[0.3, -0.7, 0.4], [0.5, 0.2, -0.1], [1.0, 0.0, 0.0], [0.5, 0.2, -0.100_000_01]];
    let state = array![0.5, 0.2, -0.1];
    let norms2: Vec<f64> = patterns.rows().into_iter().map(|x| x.dot(&x)).collect();
    let kernels = [
        Kernel::Polynomial { degree: 3 },
        Kernel::Exponential { beta: 0.8, shift: Some(1.0) },
        Kernel::ThresholdGauss { threshold: 0.3 },
        Kernel::Ball { radius: 0.5 },
        Kernel::GeneralizedExponential { radius: 0.9, beta: 1.5 },
        Kernel::GeneralizedExponential { radius: 0.9, beta: 1.0 },
        Kernel::gaussian(1.1),
        Kernel::GeneralizedExponential { radius: 1.2, beta: 4.0 },
    ];
    for kernel in kernels {
        let rows = RowKernel::new(&kernel, 3, false);
        let overlaps = patterns.dot(&state).to_vec();
        let mut values = overlaps.clone();
        rows.apply(&mut values, patterns.view(), &norms2, state.view(), state.dot(&state));
        let mut ln = overlaps;
        let exponential = rows.apply_ln(&mut ln, patterns.view(), &norms2, state.view(), state.dot(&state));
        for (i, pattern) in patterns.rows().into_iter().enumerate() {
            let plain = kernel.evaluate(pattern.as_slice().unwrap(), state.as_slice().unwrap()).unwrap();
            assert!((values[i] - plain).abs() < 1e-14, "{} {i}: {} {plain}", kernel.name(), values[i]);
            assert!(!exponential || (ln[i].exp() - plain).abs() < 1e-14);
        }
    }
}

#[test]
fn without_self_a_kernel_sees_the_other_inputs_only() {
    // Two states of seven entries, compared on all but entry i by hand.
    let x = [1.0, -1.0, 1.0, 1.0, -1.0, -1.0, 1.0];
    let y = [1.0, 1.0, 1.0, -1.0, -1.0, 1.0, 1.0];
    let u: f64 = x.iter().zip(&y).map(|(a, b)| a * b).sum();
    for kernel in [
        Kernel::Linear,
        Kernel::Polynomial { degree: 3 },
        Kernel::Exponential { beta: 0.2, shift: None },
        Kernel::gaussian(2.0),
        Kernel::Ball { radius: 3.0 },
        Kernel::SparseDistributed { radius: 3 },
        Kernel::ThresholdGauss { threshold: 0.2 },
    ] {
        let (b, a) = OverlapTable::without_self(&kernel, 7);
        for i in 0..7 {
            let rest: f64 = (0..7).filter(|&j| j != i).map(|j| x[j] * y[j]).sum();
            let d2: f64 = (0..7).filter(|&j| j != i).map(|j| (x[j] - y[j]) * (x[j] - y[j])).sum();
            let direct = kernel.value(rest, 6.0, 6.0, d2, Inputs::all_but_one(7));
            assert!((b.at(u) + x[i] * y[i] * a.at(u) - direct).abs() < 1e-14, "{}", kernel.name());
            // With itself the overlap of the others is N - 1.
            assert!((b.at(7.0) + a.at(7.0) - kernel.value(6.0, 6.0, 6.0, 0.0, Inputs::all_but_one(7))).abs() < 1e-14);
        }
    }
    assert_eq!(OverlapTable::without_self(&Kernel::Linear, 7).1.constant(), Some(-1.0 / 7.0));
}

#[test]
fn parameters_outside_their_range_are_named() {
    let refuse = |kernel: Kernel| kernel.validate(10).unwrap_err().to_string();
    assert_eq!(refuse(Kernel::gaussian(0.0)), "radius is 0, but it must be positive and finite");
    assert!(refuse(Kernel::exponential(-1.0)).contains("beta is -1"));
    assert!(refuse(Kernel::Polynomial { degree: 0 }).contains("degree is 0"));
    assert!(refuse(Kernel::SparseDistributed { radius: 11 }).contains("radius is 11, but it must lie in [0, 10]"));
    assert!(refuse(Kernel::InhomogeneousPolynomial { degree: 2, offset: 0.0 }).contains("offset"));
    assert!(Kernel::SparseDistributed { radius: 2 }.evaluate(&[1.0, 0.5], &[1.0, 1.0]).is_err());
}

#[test]
fn kernels_survive_json() {
    let kernel = Kernel::Krotov { separation: Separation::Power { power: 3 } };
    let text = serde_json::to_string(&kernel).unwrap();
    assert_eq!(serde_json::from_str::<Kernel>(&text).unwrap(), kernel);
    assert!(serde_json::to_string(&Kernel::Custom(CustomKernel::of_overlap(|u| u))).is_err());
}
