//! Counts, symmetry-induced critical points, paths and reports against exact numbers.
//!
//! The task of most checks is the one of Simsek et al.: a grid of 41 x 41 inputs in [-5, 5]^2, a teacher of four neurons
//! with unit output weights, no biases, mean squared error.

use ndarray::{Array1, Array2, array};
use neuropil_core::progress::Monitor;
use neuropil_core::random::{Seed, uniform};
use neuropil_landscape::alignment::{AlignmentParameters, align};
use neuropil_landscape::count::{self, bell, critical_subspaces, global_minima_subspaces};
use neuropil_landscape::critical_point::{CriticalPointReport, PointKind, ReportParameters, ZeroModeKind};
use neuropil_landscape::enumeration::{Kind, labellings, sample};
use neuropil_landscape::expansion::{
    CriticalTolerance, Expansion, ZeroGroup, add_silent, expand, expand_critical, inverse, merge, permute,
    random_expansion, split, split_outgoing,
};
use neuropil_landscape::expansion_graph::ExpansionGraph;
use neuropil_landscape::neuron::neurons;
use neuropil_landscape::permutation_path::{PermutationPathParameters, permutation_path};
use neuropil_landscape::plateau::{Plateau, SplitCurvature, SplitLine};
use neuropil_landscape::ratio::{self, Against};
use neuropil_landscape::reduction::{
    NeuronType, ReductionTolerance, TypeTolerance, classify, classify_against, reduce,
};
use neuropil_landscape::zero_loss_path::{PiecewisePath, connect, zero_loss_path};
use neuropil_landscape::{Activation, Bias, Dataset, Error, Initialisation, Loss, Mlp, Objective, Parameters};
use num_bigint::BigUint;

// ---------------------------------------------------------------------------------------------------------------- task

fn grid() -> Array2<f64> {
    Array2::from_shape_fn((1681, 2), |(n, k)| -5.0 + 0.25 * if k == 0 { n / 41 } else { n % 41 } as f64)
}

fn teacher(activation: Activation) -> Parameters {
    let network = Mlp::two_layer(2, 4, 1, activation, Bias::Without);
    network.parameters(array![0.6, 0.5, -0.5, 0.5, -0.2, -0.6, 0.1, -0.6, 1.0, 1.0, 1.0, 1.0]).unwrap()
}

fn data(activation: Activation) -> Dataset {
    let teacher = teacher(activation);
    Dataset::new(grid(), teacher.network().predict(teacher.theta(), grid().view()).unwrap()).unwrap()
}

fn objective(parameters: &Parameters, data: &Dataset) -> Objective {
    Objective::new(parameters.network(), data, Loss::Square).unwrap()
}

fn largest(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().fold(0.0, |largest, value| if value.is_nan() { value } else { largest.max(value.abs()) })
}

/// Newton's method from a point that was printed with ten digits, to the last one.
fn polished(objective: &Objective, parameters: &Parameters) -> Parameters {
    let mut theta = parameters.theta().to_owned();
    for _ in 0..8 {
        let spectrum = objective.spectrum(theta.view()).unwrap();
        let along = spectrum.eigenvectors.t().dot(&objective.gradient(theta.view()).unwrap());
        let step = Array1::from_shape_fn(along.len(), |k| along[k] / spectrum.eigenvalues[k]);
        theta -= &spectrum.eigenvectors.dot(&step);
    }
    parameters.network().parameters(theta).unwrap()
}

fn width_two_minimum(data: &Dataset) -> Parameters {
    let network = Mlp::two_layer(2, 2, 1, Activation::G, Bias::Without);
    let start = network.parameters(array![0.0763547, 0.7182483, -0.0315152, -0.3511423, 1.4518406, 3.0128254]).unwrap();
    polished(&objective(&start, data), &start)
}

fn width_three_minimum(data: &Dataset) -> Parameters {
    let network = Mlp::two_layer(2, 3, 1, Activation::G, Bias::Without);
    let start = network
        .parameters(array![
            -0.0507147068,
            -0.5691928538,
            0.6326897309,
            0.5189551461,
            -0.5524696301,
            0.5384016883,
            2.0621972435,
            0.9881749634,
            0.9462076038
        ])
        .unwrap();
    polished(&objective(&start, data), &start)
}

fn report(data: &Dataset, parameters: &Parameters) -> CriticalPointReport {
    CriticalPointReport::new(&objective(parameters, data), parameters, &ReportParameters::default()).unwrap()
}

// -------------------------------------------------------------------------------------------------------------- counts

const CRITICAL: [[u64; 10]; 10] = [
    [1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
    [0, 2, 6, 14, 30, 62, 126, 254, 510, 1022],
    [0, 0, 6, 36, 150, 540, 1806, 5796, 18150, 55980],
    [0, 0, 0, 24, 240, 1560, 8400, 40824, 186_480, 818_520],
    [0, 0, 0, 0, 120, 1800, 16800, 126_000, 834_120, 5_103_000],
    [0, 0, 0, 0, 0, 720, 15120, 191_520, 1_905_120, 16_435_440],
    [0, 0, 0, 0, 0, 0, 5040, 141_120, 2_328_480, 29_635_200],
    [0, 0, 0, 0, 0, 0, 0, 40320, 1_451_520, 30_240_000],
    [0, 0, 0, 0, 0, 0, 0, 0, 362_880, 16_329_600],
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 3_628_800],
];

const MINIMA: [[u64; 10]; 11] = [
    [1, 2, 5, 15, 52, 203, 877, 4140, 21147, 115_975],
    [1, 3, 10, 37, 151, 674, 3263, 17007, 94828, 562_595],
    [0, 2, 12, 62, 320, 1712, 9604, 56674, 351_792, 2_293_862],
    [0, 0, 6, 60, 450, 3120, 21336, 147_756, 1_048_830, 7_675_440],
    [0, 0, 0, 24, 360, 3720, 33600, 287_784, 2_424_744, 20_479_560],
    [0, 0, 0, 0, 120, 2520, 34440, 394_800, 4_160_520, 42_106_680],
    [0, 0, 0, 0, 0, 720, 20160, 352_800, 5_019_840, 64_063_440],
    [0, 0, 0, 0, 0, 0, 5040, 181_440, 3_961_440, 68_644_800],
    [0, 0, 0, 0, 0, 0, 0, 40320, 1_814_400, 48_384_000],
    [0, 0, 0, 0, 0, 0, 0, 0, 362_880, 19_958_400],
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 3_628_800],
];

#[test]
fn both_tables_of_counts_are_reproduced() {
    for (row, counts) in CRITICAL.iter().enumerate() {
        for (column, &count) in counts.iter().enumerate() {
            assert_eq!(critical_subspaces(row + 1, column + 1), BigUint::from(count), "G({}, {})", row + 1, column + 1);
        }
    }
    for (r, counts) in MINIMA.iter().enumerate() {
        for (column, &count) in counts.iter().enumerate() {
            assert_eq!(global_minima_subspaces(r, column + 1), BigUint::from(count), "T({r}, {})", column + 1);
        }
    }
}

#[test]
fn large_counts_have_every_digit() {
    let equal = |value: BigUint, digits: &str| assert_eq!(value.to_string(), digits);
    equal(critical_subspaces(4, 20), "1085570781624");
    equal(global_minima_subspaces(4, 20), "123788415729407544");
    equal(critical_subspaces(10, 20), "21473732319740064000");
    equal(global_minima_subspaces(10, 20), "287694401631777504000");
    equal(global_minima_subspaces(20, 30), "4718874530025322558912924839936000000");
    equal(global_minima_subspaces(5, 50), "140394945809195312807658994441333049383849176360453120");
}

/// `T` by its definition: numbers of copies, sizes of silent groups, and the ways to place them.
fn minima_by_definition(r: usize, m: usize) -> BigUint {
    let mut total = BigUint::ZERO;
    for copied in r..=m {
        for copies in neuropil_landscape::enumeration::compositions(r, copied).unwrap() {
            for groups in neuropil_landscape::enumeration::partitions(m - copied).unwrap() {
                let mut ways = count::factorial(m);
                for &size in copies.iter().chain(&groups) {
                    ways /= count::factorial(size);
                }
                for size in 1..=m {
                    ways /= count::factorial(groups.iter().filter(|&&group| group == size).count());
                }
                total += ways;
            }
        }
    }
    total
}

#[test]
fn all_forms_of_the_count_of_minima_agree() {
    for r in 1..=8 {
        for m in r..=14 {
            let expected = global_minima_subspaces(r, m);
            assert_eq!(minima_by_definition(r, m), expected, "definition at ({r}, {m})");
            let choose: BigUint =
                (0..=(m - r)).map(|u| count::binomial(m, u) * critical_subspaces(r, m - u) * bell(u)).sum();
            assert_eq!(choose, expected, "slots first at ({r}, {m})");
            let over: BigUint = (0..=(m - r)).map(|j| critical_subspaces(r + j, m) / count::factorial(j)).sum();
            assert_eq!(over, expected, "sum over G at ({r}, {m})");
        }
    }
}

#[test]
fn enumeration_finds_as_many_subspaces_as_the_formulas_count() {
    for r in 0..=4 {
        for m in r.max(1)..=6 {
            let minima = labellings(r, m, Kind::GlobalMinima).unwrap();
            assert_eq!(BigUint::from(minima.len()), global_minima_subspaces(r, m));
            let critical = labellings(r, m, Kind::Critical).unwrap();
            assert_eq!(BigUint::from(critical.len()), critical_subspaces(r, m));
        }
    }
}

#[test]
fn identities_of_the_counts_hold() {
    for n in 1..=12 {
        assert_eq!(global_minima_subspaces(n, n), count::factorial(n));
        assert_eq!(critical_subspaces(n, n), count::factorial(n));
        let next = count::factorial(n + 1);
        assert_eq!(global_minima_subspaces(n, n + 1), &next * (n + 2) / 2_u32);
        assert_eq!(critical_subspaces(n, n + 1), &next * n / 2_u32);
    }
    for m in 2..=24 {
        assert_eq!(global_minima_subspaces(0, m), bell(m));
        assert_eq!(global_minima_subspaces(1, m), bell(m + 1) - bell(m));
        assert_eq!(global_minima_subspaces(2, m) + bell(m + 1) * 3_u32, bell(m + 2) + bell(m));
    }
    let layers = count::global_minima_subspaces_of_layers(&[3, 4], &[5, 6]).unwrap();
    assert_eq!(layers, BigUint::from(450_u32 * 3720));
}

#[test]
fn ratios_have_the_published_digits() {
    let table = [
        (4, 4, 1.5, 2.125),
        (4, 5, 0.416667, 0.502778),
        (4, 8, 0.0201401, 0.0210262),
        (4, 20, 2.81419e-8, 2.81504e-8),
        (10, 10, 4.5, 27.1767),
        (10, 11, 1.75, 5.77506),
        (10, 12, 0.89207, 2.0738),
        (10, 15, 0.179616, 0.261637),
        (10, 20, 0.0151503, 0.0174828),
        (10, 50, 1.92231e-11, 1.92772e-11),
        (30, 30, 14.5, 42990.3),
        (30, 31, 6.64583, 3875.46),
        (30, 60, 0.00924631, 0.0116295),
        (100, 100, 49.5, 5.96484e15),
        (100, 200, 0.00641372, 0.00842239),
    ];
    for (r, m, neighbour, all) in table {
        let found = (ratio::neighbour(r, m).unwrap(), ratio::all_smaller(r, m).unwrap());
        // Half a unit of the sixth digit of the table.
        assert!((found.0.value / neighbour - 1.0).abs() < 5e-6, "R_1({r}, {m}) = {}", found.0.value);
        assert!((found.1.value / all - 1.0).abs() < 5e-6, "R_sum({r}, {m}) = {}", found.1.value);
        assert!((found.1.log10 - found.1.value.log10()).abs() < 1e-12);
    }
    for (r, all, neighbour) in [(4, 5, 5), (10, 13, 12), (30, 42, 37), (100, 144, 124)] {
        assert_eq!(ratio::crossover_width(r, Against::AllSmaller).unwrap(), all);
        assert_eq!(ratio::crossover_width(r, Against::Neighbour).unwrap(), neighbour);
    }
    for (n, order, expected) in [
        (10, 1, 4.5),
        (10, 2, 7.0),
        (10, 3, 4.375),
        (50, 1, 24.5),
        (50, 2, 282.0),
        (50, 3, 2026.875),
        (100, 1, 49.5),
        (100, 2, 1188.25),
        (100, 3, 18430.0),
    ] {
        assert_eq!(ratio::permutation_points(n, order).unwrap().per_minimum.value, expected);
    }
    let first = ratio::permutation_points(9, 1).unwrap();
    assert_eq!(first.arrangements, critical_subspaces(8, 9));
    assert_eq!(ratio::permutation_points(3, 2).unwrap().per_minimum.value, 0.0);
}

#[test]
fn the_asymptotic_forms_are_approached() {
    let ln10 = std::f64::consts::LN_10;
    let m = 800;
    for (k, expected) in [(1, 0.99875), (2, 0.995422), (3, 0.990033)] {
        let exact = count::log10(&critical_subspaces(m - k, m)) * ln10;
        let quotient = (exact - ratio::mild_critical_ln(m, k)).exp();
        assert!((quotient - expected).abs() < 1e-6, "k = {k}: {quotient}");
    }
    for (h, expected) in [(1, 1.00125), (2, 1.000421875), (3, 0.997517)] {
        let exact = count::log10(&global_minima_subspaces(m - h, m)) * ln10;
        let quotient = (exact - ratio::mild_minima_ln(m, h)).exp();
        assert!((quotient - expected).abs() < 1e-6, "h = {h}: {quotient}");
    }
    let exact = ratio::Ratio::new(&critical_subspaces(2, 20), &critical_subspaces(3, 20)).unwrap().value;
    assert!((exact / ratio::vast_bound(3, 1, 20) - 1.0009).abs() < 1e-4);
    // (800 - 3 neurons, one step down, three more than needed): the ratio of the asymptotic forms.
    let mild = ratio::mild_ratio(m, 1, 3);
    assert!((ratio::neighbour(m - 3, m).unwrap().value / mild - 1.0).abs() < 0.03);
}

#[test]
fn counts_reach_a_thousand() {
    // How long it takes is measured by the bench "all counts at width 1000".
    let rows = count::rows(1000).unwrap();
    assert_eq!(rows.minima[1000], count::factorial(1000));
    assert_eq!(rows.critical[1000], count::factorial(1000));
    assert_eq!(rows.critical[1], BigUint::from(1_u32));
}

// --------------------------------------------------------------------------------------------------------------- graph

#[test]
fn one_spare_neuron_connects_the_expansion_graph() {
    for (r, m, nodes, edges, components) in [
        (1, 2, 3, 2, 1),
        (1, 3, 10, 30, 1),
        (1, 4, 37, 442, 1),
        (2, 2, 2, 0, 2),
        (2, 3, 12, 12, 1),
        (2, 4, 62, 300, 1),
        (3, 3, 6, 0, 6),
        (3, 4, 60, 72, 1),
    ] {
        let graph = ExpansionGraph::new(r, m).unwrap();
        let found = (graph.nodes.len(), graph.edges.len(), graph.component_count());
        assert_eq!(found, (nodes, edges, components), "r = {r}, m = {m}");
    }
    assert_eq!(ExpansionGraph::new(2, 4).unwrap().dimensions(2, 1), (2, 4));
    assert_eq!(ExpansionGraph::new(1, 4).unwrap().dimensions(2, 1), (3, 6));
}

// ---------------------------------------------------------------------------------------------- copies and reduction

#[test]
fn every_expansion_keeps_the_function_and_is_found_again() {
    let inputs = grid();
    for (layer, biases) in [(0, Bias::Without), (0, Bias::With), (1, Bias::With)] {
        let network = Mlp::uniform(&[2, 3, 3, 2], &Activation::G, biases);
        let narrow = network.initialise(Initialisation::Normal(0.7), Seed::new(4));
        let before = network.predict(narrow.theta(), inputs.view()).unwrap();
        let scale = largest(before.iter().copied()).max(1.0);
        for draw in 0..20 {
            let labelling = sample(3, 7, Kind::GlobalMinima, Seed::new(draw)).unwrap();
            let expansion = random_expansion(&narrow, layer, &labelling, 1.0, Seed::new(draw)).unwrap();
            let wide = expand(&narrow, layer, &expansion).unwrap();
            let after = wide.network().predict(wide.theta(), inputs.view()).unwrap();
            assert!(largest((&after - &before).iter().copied()) <= 1e-12 * scale, "{labelling}");
            let reduction = reduce(&wide, &ReductionTolerance::default()).unwrap();
            assert_eq!(reduction.labellings[layer].groups(), labelling.groups(), "{labelling}");
            // The same up to the names of the neurons, which follow the order of the slots.
            let relabelled = align(&narrow, &reduction.parameters, &AlignmentParameters::permutations()).unwrap();
            assert!(relabelled.distance < 1e-12, "{labelling}: {}", relabelled.distance);
            let names = |slots: &[neuropil_landscape::enumeration::Slot]| {
                (0..slots.len()).map(|i| (0..i).find(|&j| slots[j] == slots[i])).collect::<Vec<_>>()
            };
            assert_eq!(names(reduction.labellings[layer].slots()), names(labelling.slots()));
        }
    }
}

#[test]
fn a_neuron_that_feeds_only_silent_neurons_is_silent() {
    let network = Mlp::uniform(&[2, 3, 3, 1], &Activation::G, Bias::With);
    let start = network.initialise(Initialisation::Normal(1.0), Seed::new(9));
    // Neuron 2 of the second layer is silent; neuron 1 of the first layer feeds only it.
    let mut parameters = start;
    parameters.weights_mut(2)[[0, 2]] = 0.0;
    for row in 0..2 {
        parameters.weights_mut(1)[[row, 1]] = 0.0;
    }
    let reduction = reduce(&parameters, &ReductionTolerance::default()).unwrap();
    assert_eq!(reduction.widths(), [2, 2]);
    assert_eq!(reduction.surplus(), [1, 1]);
    let x = grid();
    let before = parameters.network().predict(parameters.theta(), x.view()).unwrap();
    let after = reduction.parameters.network().predict(reduction.parameters.theta(), x.view()).unwrap();
    assert!(largest((before - after).iter().copied()) < 1e-13);
}

#[test]
fn permuting_there_and_back_changes_no_bit() {
    let network = Mlp::uniform(&[3, 6, 5, 2], &Activation::Softplus, Bias::With);
    let start = network.initialise(Initialisation::default(), Seed::new(2));
    let order = [4, 2, 0, 5, 1, 3];
    let there = permute(&start, 0, &order).unwrap();
    assert_ne!(there, start);
    assert_eq!(permute(&there, 0, &inverse(&order)).unwrap(), start);
    let x = Array2::from_shape_fn((9, 3), |(i, j)| (i as f64 - 4.0) * 0.3 + j as f64);
    let difference =
        network.predict(there.theta(), x.view()).unwrap() - network.predict(start.theta(), x.view()).unwrap();
    assert!(largest(difference.iter().copied()) < 1e-14);
}

#[test]
fn splitting_and_merging_are_inverse() {
    let start = teacher(Activation::G);
    let wide = split(&start, 0, 1, &[0.3, 0.5, 0.2]).unwrap();
    let back = merge(&merge(&wide, 0, 1, 5).unwrap(), 0, 1, 4).unwrap();
    assert!(largest((&back.theta() - &start.theta()).iter().copied()) < 1e-15);
}

#[test]
fn neurons_of_a_solution_are_classified() {
    let teacher = teacher(Activation::G);
    let expansion = Expansion {
        copies: vec![vec![array![0.4], array![0.6]], vec![array![1.0]], vec![array![1.0]], vec![array![1.0]]],
        groups: vec![
            ZeroGroup { incoming: array![0.9, -0.1], outgoing: vec![array![0.5], array![-0.5]] },
            ZeroGroup { incoming: array![-0.3, -0.2], outgoing: vec![array![0.0]] },
        ],
        labelling: None,
    };
    let student = expand(&teacher, 0, &expansion).unwrap();
    let against = classify_against(&student, &teacher, 0, &TypeTolerance::default()).unwrap();
    assert_eq!((against.copies(), against.zeros(), against.unexplained()), (5, 3, 0));
    assert_eq!(against.zero_by_size().into_iter().collect::<Vec<_>>(), [(1, 1), (2, 2)]);
    assert_eq!(against.types[0], NeuronType::Copy { of: 0 });
    let alone = classify(&student, 0, &ReductionTolerance::default()).unwrap();
    assert_eq!((alone.copies(), alone.zeros()), (5, 3));
    let mut stray = student;
    stray.weights_mut(1)[[0, 7]] = 0.1;
    assert_eq!(classify_against(&stray, &teacher, 0, &TypeTolerance::default()).unwrap().unexplained(), 1);
}

// ------------------------------------------------------------------------------------------------------ critical points

#[test]
fn zero_modes_at_zero_loss_are_counted_and_explained() {
    for activation in [Activation::G, Activation::Sigmoid] {
        let (teacher, data) = (teacher(activation.clone()), data(activation.clone()));
        let zero = |parameters: &Parameters| {
            let spectrum = objective(parameters, &data).spectrum(parameters.theta()).unwrap();
            let bound = 1e-12 * spectrum.largest();
            (spectrum.eigenvalues.iter().filter(|value| value.abs() < bound).count(), spectrum.smallest() > -bound)
        };
        let describe = |parameters: &Parameters| {
            // Sigmoid teachers have positive eigenvalues down to 1e-6 of the largest; far from 1e-12.
            let how = ReportParameters { zero: 1e-12, ..ReportParameters::default() };
            CriticalPointReport::new(&objective(parameters, &data), parameters, &how).unwrap()
        };
        let copied = split(&teacher, 0, 0, &[0.3, 0.7]).unwrap();
        assert_eq!(zero(&copied), (3, true));
        let report = describe(&copied);
        assert_eq!((report.zeros, report.unexplained, report.index), (3, 0, 0));
        assert_eq!((report.count(ZeroModeKind::Plateau), report.count(ZeroModeKind::Copy)), (1, 2));
        assert_eq!(report.kind, PointKind::DegenerateMinimum);
        let silent = add_silent(&teacher, 0, array![0.4, -0.3]).unwrap();
        assert_eq!(zero(&silent), (2, true));
        assert_eq!(describe(&silent).count(ZeroModeKind::ZeroType), 2);
        let keep = |a: f64| vec![array![a]];
        let pair = Expansion {
            copies: vec![keep(1.0); 4],
            groups: vec![ZeroGroup { incoming: array![0.4, -0.3], outgoing: vec![array![0.8], array![-0.8]] }],
            labelling: None,
        };
        let pair = expand(&teacher, 0, &pair).unwrap();
        assert_eq!(zero(&pair), (3, true));
        let report = describe(&pair);
        assert_eq!((report.count(ZeroModeKind::ZeroType), report.unexplained), (3, 0));
    }
}

#[test]
fn a_silent_group_of_three_has_quartic_directions_too() {
    let (teacher, data) = (teacher(Activation::G), data(Activation::G));
    let expansion = Expansion {
        copies: vec![vec![array![1.0]]; 4],
        groups: vec![ZeroGroup {
            incoming: array![0.4, -0.3],
            outgoing: vec![array![0.8], array![-0.3], array![-0.5]],
        }],
        labelling: None,
    };
    let wide = expand(&teacher, 0, &expansion).unwrap();
    let how = ReportParameters { zero: 1e-12, ..ReportParameters::default() };
    let report = CriticalPointReport::new(&objective(&wide, &data), &wide, &how).unwrap();
    // d_in + (b - 1) c + (b - 2) d_in = 2 + 2 + 2.
    assert_eq!((report.zeros, report.count(ZeroModeKind::ZeroType), report.unexplained), (6, 6, 0));
}

#[test]
fn under_parameterised_minima_have_the_published_losses() {
    let data = data(Activation::G);
    let two = width_two_minimum(&data);
    assert!((objective(&two, &data).value(two.theta()).unwrap() - 0.28373862318).abs() < 1e-11);
    let three = width_three_minimum(&data);
    let report = report(&data, &three);
    assert!((report.loss - 0.012352600845).abs() < 1e-12);
    assert!((report.eigenvalues[0] - 0.018103193018).abs() < 1e-11);
    assert_eq!((report.kind, report.index, report.zeros), (PointKind::StrictMinimum, 0, 0));
}

#[test]
fn a_split_minimum_is_a_line_of_saddles_or_of_minima() {
    let data = data(Activation::G);
    let two = width_two_minimum(&data);
    let inside = [0.25, 0.5, 0.75];
    let outside = [-0.5, 1.5];
    let check = |narrow: &Parameters, neuron: usize, mu: f64, index: usize| {
        let wide = split(narrow, 0, neuron, &[mu, 1.0 - mu]).unwrap();
        let report = report(&data, &wide);
        assert!(report.gradient_max < 1e-12, "gradient {}", report.gradient_max);
        assert_eq!((report.index, report.zeros), (index, 1), "neuron {neuron}, mu = {mu}: {}", report.eigenvalues);
        assert_eq!((report.count(ZeroModeKind::Plateau), report.unexplained, report.plateau_dimension), (1, 0, 1));
        report
    };
    for mu in inside {
        check(&two, 0, mu, 2);
        check(&two, 1, mu, 0);
    }
    for mu in outside {
        check(&two, 0, mu, 0);
        check(&two, 1, mu, 2);
    }
    let half = check(&two, 0, 0.5, 2);
    for (found, expected) in half.eigenvalues.iter().zip([-1.529244, -0.05456055, 0.0, 0.02494875]) {
        assert!((found - expected).abs() < 1e-6, "{found} for {expected}");
    }
    let line = |narrow: &Parameters, neuron| SplitCurvature::new(&objective(narrow, &data), narrow, 0, neuron).unwrap();
    assert_eq!(line(&two, 0).line(), SplitLine::MinimaOutside);
    assert_eq!(line(&two, 1).line(), SplitLine::MinimaInside);
    let three = width_three_minimum(&data);
    for neuron in 0..3 {
        for mu in inside {
            check(&three, neuron, mu, 2);
        }
        for mu in outside {
            check(&three, neuron, mu, 0);
        }
        assert_eq!(line(&three, neuron).line(), SplitLine::MinimaOutside);
        assert_eq!(line(&three, neuron).zero_eigenvalues(), 1);
    }
    let half = check(&three, 0, 0.5, 2);
    for (found, expected) in half.eigenvalues.iter().zip([-1.535955, -0.08886553, 0.0, 0.01798522]) {
        assert!((found - expected).abs() < 1e-6, "{found} for {expected}");
    }
}

/// The Hessian by central differences of the gradient: the oracle of the report.
fn finite_difference_hessian(objective: &Objective, theta: &Array1<f64>) -> Array2<f64> {
    let n = theta.len();
    let mut hessian = Array2::zeros((n, n));
    let h = 1e-5;
    for k in 0..n {
        let at = |step: f64| {
            let mut moved = theta.clone();
            moved[k] += step;
            objective.gradient(moved.view()).unwrap()
        };
        hessian.row_mut(k).assign(&((at(h) - at(-h)) / (2.0 * h)));
    }
    (&hessian + &hessian.t()) / 2.0
}

#[test]
fn the_report_of_a_merged_saddle_agrees_with_finite_differences() {
    let data = data(Activation::G);
    let wide = split(&width_three_minimum(&data), 0, 2, &[0.5, 0.5]).unwrap();
    let report = report(&data, &wide);
    let objective = objective(&wide, &data);
    let hessian = finite_difference_hessian(&objective, &wide.theta().to_owned());
    let spectrum =
        neuropil_landscape::Spectrum::of(hessian.view(), neuropil_landscape::spectrum::Eigenvectors::Skip).unwrap();
    for (exact, approximate) in report.eigenvalues.iter().zip(&spectrum.eigenvalues) {
        assert!((exact - approximate).abs() < 1e-7, "{exact} and {approximate}");
    }
    // Differences of step 1e-5 resolve eigenvalues to about 1e-8.
    let counts = |sign: f64| spectrum.eigenvalues.iter().filter(|value| *value * sign > 1e-6).count();
    assert_eq!((report.index, report.positive), (counts(-1.0), counts(1.0)));
    assert_eq!((report.index, report.zeros, report.kind), (2, 1, PointKind::Saddle));
}

fn three_outputs() -> (Dataset, Parameters) {
    let network = Mlp::two_layer(2, 4, 3, Activation::G, Bias::Without);
    let weights = array![0.6, 0.5, -0.5, 0.5, -0.2, -0.6, 0.1, -0.6];
    let outgoing = array![1.0, 1.0, 1.0, 1.0, 1.0, -1.0, 1.0, -1.0, 1.0, 1.0, -1.0, -1.0];
    let teacher = network.parameters(weights.into_iter().chain(outgoing).collect()).unwrap();
    let data = Dataset::new(grid(), network.predict(teacher.theta(), grid().view()).unwrap()).unwrap();
    let student = Mlp::two_layer(2, 3, 3, Activation::G, Bias::Without);
    // Incoming vectors are known to four digits; outgoing weights follow by least squares.
    let rows = [[0.7829, 0.6892], [-0.0490, -0.5768], [-0.6697, 0.6984]];
    let hidden = Array2::from_shape_fn((1681, 3), |(n, j)| {
        Activation::G.value(rows[j][0] * grid()[[n, 0]] + rows[j][1] * grid()[[n, 1]])
    });
    let gram = hidden.t().dot(&hidden);
    let right = hidden.t().dot(&data.targets());
    let spectrum =
        neuropil_landscape::Spectrum::of(gram.view(), neuropil_landscape::spectrum::Eigenvectors::Compute).unwrap();
    let inverse = spectrum
        .eigenvectors
        .dot(&Array2::from_diag(&spectrum.eigenvalues.mapv(f64::recip)))
        .dot(&spectrum.eigenvectors.t());
    let outgoing = inverse.dot(&right);
    let theta = rows.into_iter().flatten().chain(outgoing.t().iter().copied()).collect();
    let start = student.parameters(theta).unwrap();
    let minimum = polished(&objective(&start, &data), &start);
    (data, minimum)
}

#[test]
fn with_three_outputs_the_plateau_has_three_dimensions_but_one_zero_eigenvalue() {
    let (data, minimum) = three_outputs();
    let at_minimum = report(&data, &minimum);
    assert!((at_minimum.loss - 0.205292040120).abs() < 1e-11, "loss {}", at_minimum.loss);
    assert!((at_minimum.eigenvalues[0] - 0.20055578205).abs() < 1e-9, "smallest {}", at_minimum.eigenvalues[0]);
    // The known gradients have three (the last two) digits.
    for (neuron, bent_gradient, digit) in [(0, 0.138, 1e-3), (1, 0.277, 1e-3), (2, 0.0088, 1e-4)] {
        let wide = split(&minimum, 0, neuron, &[0.4, 0.6]).unwrap();
        let found = report(&data, &wide);
        assert!(found.gradient_max < 1e-14, "gradient {}", found.gradient_max);
        assert!((found.loss - at_minimum.loss).abs() < 1e-16, "{:e}", found.loss - at_minimum.loss);
        assert_eq!((found.zeros, found.index, found.plateau_dimension), (1, 2, 3));
        assert_eq!((found.count(ZeroModeKind::Plateau), found.unexplained), (1, 0));
        let curvature = SplitCurvature::new(&objective(&minimum, &data), &minimum, 0, neuron).unwrap();
        assert_eq!((curvature.coupling_rank, curvature.zero_eigenvalues()), (2, 1));
        assert_eq!(curvature.line(), SplitLine::Saddles);
        // The quadratic form vanishes on all three plateau directions nevertheless.
        let objective = objective(&wide, &data);
        for output in 0..3 {
            let mut direction = wide.network().zeros();
            direction.weights_mut(1)[[output, neuron]] = 1.0;
            direction.weights_mut(1)[[output, 3]] = -1.0;
            let product = objective.hessian_vector(wide.theta(), direction.theta()).unwrap();
            assert!(direction.theta().dot(&product).abs() < 1e-12);
        }
        // Outgoing vectors in other directions: equal loss, but not critical.
        let bend = array![0.3, -0.2, 0.1];
        let outgoing = minimum.outgoing(0, neuron);
        let parts = [&outgoing * 0.5 + &bend, &outgoing * 0.5 - &bend];
        let bent = split_outgoing(&minimum, 0, neuron, &parts).unwrap();
        assert!((objective.value(bent.theta()).unwrap() - at_minimum.loss).abs() < 1e-14);
        let gradient = largest(objective.gradient(bent.theta()).unwrap());
        assert!((gradient - bent_gradient).abs() <= 0.5 * digit, "neuron {neuron}: {gradient}");
    }
}

#[test]
fn the_curvature_of_a_split_is_the_block_of_the_formula() {
    let (data, minimum) = three_outputs();
    let objective_narrow = objective(&minimum, &data);
    let residuals = minimum.network().predict(minimum.theta(), data.inputs()).unwrap() - data.targets();
    for neuron in 0..3 {
        let found = SplitCurvature::new(&objective_narrow, &minimum, 0, neuron).unwrap();
        let (w, a) = (minimum.incoming(0, neuron), minimum.outgoing(0, neuron));
        let (mut coupling, mut curvature) = (Array2::<f64>::zeros((3, 2)), Array2::<f64>::zeros((2, 2)));
        for ((x, e), weight) in data.inputs().rows().into_iter().zip(residuals.rows()).zip(data.weights()) {
            let [_, first, second] = Activation::G.derivatives(w.dot(&x));
            for q in 0..2 {
                for k in 0..3 {
                    coupling[[k, q]] += 2.0 * weight * e[k] * first * x[q];
                }
                for p in 0..2 {
                    curvature[[p, q]] += 2.0 * weight * a.dot(&e) * second * x[p] * x[q];
                }
            }
        }
        assert!(largest((&found.coupling - &coupling).iter().copied()) < 1e-11);
        assert!(largest((&found.curvature - &curvature).iter().copied()) < 1e-11);
        // Criticality: a^T C = 0.
        assert!(largest(found.coupling.t().dot(&a)) < 1e-12);
    }
}

#[test]
fn gauges_and_dead_neurons_are_named() {
    let network = Mlp::two_layer(2, 2, 1, Activation::Relu, Bias::Without);
    // Targets that the network fits exactly: zero loss, two scales and nothing else.
    let parameters = network.parameters(array![0.7, 0.2, -0.4, 0.9, 1.1, -0.6]).unwrap();
    let data = Dataset::new(grid(), network.predict(parameters.theta(), grid().view()).unwrap()).unwrap();
    let found = report(&data, &parameters);
    assert_eq!((found.zeros, found.count(ZeroModeKind::Gauge), found.unexplained), (2, 2, 0));
    let positive = grid().mapv(|x| x + 6.0);
    let parameters = network.parameters(array![0.7, 0.2, -0.4, -0.9, 1.1, -0.6]).unwrap();
    let data = Dataset::new(positive.clone(), network.predict(parameters.theta(), positive.view()).unwrap()).unwrap();
    let found = report(&data, &parameters);
    // The dead neuron has three parameters, its scale being one of their directions; the other has its scale.
    assert_eq!((found.zeros, found.unexplained), (4, 0));
    assert_eq!(found.count(ZeroModeKind::Gauge) + found.count(ZeroModeKind::Dead), 4);
}

/// A realisable problem: targets that a network fits exactly.
fn realised(network: &Mlp, seed: u64) -> (Dataset, Parameters) {
    let parameters = network.initialise(Initialisation::Normal(0.7), Seed::new(seed));
    let inputs = grid().mapv(|x| x / 3.0);
    let data = Dataset::new(inputs.clone(), network.predict(parameters.theta(), inputs.view()).unwrap()).unwrap();
    (data, parameters)
}

#[test]
fn continuous_symmetries_of_polynomials_and_of_exp_are_named() {
    // Two squares of two inputs span quadratic forms of three coefficients: six weights, three of them free.
    let (data, point) = realised(&Mlp::two_layer(2, 2, 1, Activation::Square, Bias::Without), 3);
    let found = report(&data, &point);
    assert_eq!((found.zeros, found.count(ZeroModeKind::Gauge), found.unexplained), (3, 3, 0));
    // Four of them have nine; also with biases and two outputs.
    let (data, point) = realised(&Mlp::two_layer(2, 4, 1, Activation::Square, Bias::Without), 3);
    let found = report(&data, &point);
    assert_eq!((found.zeros, found.count(ZeroModeKind::Gauge), found.unexplained), (9, 9, 0));
    // Two polynomials of degree two or three in two inputs have 12 or 20 coefficients, six neurons 32 weights.
    for (activation, coefficients) in
        [(Activation::Square, 12), (Activation::Cube, 20), (Activation::Polynomial(vec![0.0, 0.5, 0.2, -0.1]), 20)]
    {
        let (data, point) = realised(&Mlp::two_layer(2, 6, 2, activation.clone(), Bias::With), 4);
        let found = report(&data, &point);
        assert!(found.zeros >= 32 - coefficients, "{activation}: {}", found.zeros);
        assert_eq!(found.unexplained, 0, "{activation}: {} of {}", found.unexplained, found.zeros);
    }
    // One scale for each cube in general position.
    let (data, point) = realised(&Mlp::two_layer(2, 1, 1, Activation::Cube, Bias::Without), 5);
    let found = report(&data, &point);
    assert_eq!((found.zeros, found.count(ZeroModeKind::Gauge), found.unexplained), (1, 1, 0));
    let mut network = Mlp::two_layer(2, 2, 1, Activation::Exp, Bias::With);
    network.biases[1] = Bias::Without;
    let (data, point) = realised(&network, 6);
    let found = report(&data, &point);
    assert_eq!((found.zeros, found.count(ZeroModeKind::Gauge), found.unexplained), (2, 2, 0));
}

#[test]
fn copies_up_to_sign_or_scale_leave_explained_zero_modes() {
    // Each copy of a neuron adds as many zero eigenvalues as a neuron has weights, whatever its sign.
    for (activation, bias) in [(Activation::Tanh, Bias::Without), (Activation::Sigmoid, Bias::With)] {
        let (_, narrow) = realised(&Mlp::two_layer(2, 2, 1, activation.clone(), bias), 7);
        let wide = split(&narrow, 0, 0, &[0.3, 0.7]).unwrap();
        let mut flipped = wide.clone();
        for weight in 0..2 {
            flipped.weights_mut(0)[[2, weight]] *= -1.0;
        }
        if bias == Bias::With {
            flipped.bias_mut(0)[2] *= -1.0;
            // sigmoid(-z) = 1 - sigmoid(z)
            let outgoing = flipped.weights(1)[[0, 2]];
            flipped.bias_mut(1)[0] += outgoing;
        }
        flipped.weights_mut(1)[[0, 2]] *= -1.0;
        let inputs = grid().mapv(|x| x / 3.0);
        let targets = narrow.network().predict(narrow.theta(), inputs.view()).unwrap();
        let data = Dataset::new(inputs, targets).unwrap();
        for point in [wide, flipped] {
            let found = report(&data, &point);
            assert!(found.loss < 1e-30, "{activation}: loss {}", found.loss);
            let expected = if bias == Bias::With { 4 } else { 3 };
            assert_eq!((found.zeros, found.unexplained), (expected, 0), "{activation}: {:?}", found.zero_modes);
            assert_eq!((found.count(ZeroModeKind::Plateau), found.plateau_dimension), (1, 1));
        }
    }
    // Relu copies of another length: the scales of all three neurons, and the copy.
    let (data, narrow) = realised(&Mlp::two_layer(2, 2, 1, Activation::Relu, Bias::Without), 8);
    let mut wide = split(&narrow, 0, 0, &[0.3, 0.7]).unwrap();
    for weight in 0..2 {
        wide.weights_mut(0)[[2, weight]] *= 2.0;
    }
    wide.weights_mut(1)[[0, 2]] *= 0.5;
    let found = report(&data, &wide);
    assert_eq!(found.unexplained, 0, "{:?}", found.zero_modes);
    assert_eq!(found.count(ZeroModeKind::Plateau), 1);
}

#[test]
fn samples_of_weight_zero_do_not_count() {
    // One neuron is active on a sample of weight zero only, one input differs from zero only there.
    let network = Mlp::two_layer(2, 2, 1, Activation::Relu, Bias::Without);
    let parameters = network.parameters(array![1.0, 0.0, -1.0, 0.0, 1.0, 1.0]).unwrap();
    let inputs = array![[1.0, 0.0], [2.0, 0.0], [-1.0, 3.0]];
    let targets = network.predict(parameters.theta(), inputs.view()).unwrap();
    let data = Dataset::new(inputs, targets).unwrap().with_weights(array![0.5, 0.5, 0.0]).unwrap();
    let found = report(&data, &parameters);
    assert!(found.count(ZeroModeKind::Dead) > 0 && found.count(ZeroModeKind::UnusedInput) > 0);
    assert_eq!(found.unexplained, 0, "{:?}", found.zero_modes);
}

#[test]
fn a_small_gradient_along_a_small_eigenvalue_is_not_critical() {
    // A gradient of 8e-9 along an eigenvalue of 1e-9: the minimum is 8 away, and a Newton step takes 3e-8 off the loss.
    let network = Mlp::new(vec![2, 1], vec![], vec![Bias::Without]).unwrap();
    let short = 1e-9_f64.sqrt();
    let data = Dataset::new(array![[1.0, 0.0], [0.0, short]], array![[1.0], [9.0 * short]]).unwrap();
    let at = |weight: f64| report(&data, &network.parameters(array![1.0, weight]).unwrap());
    let found = at(1.0);
    assert!(found.gradient_max < 1e-8 && found.newton_decrement > 1e-8, "{}", found.newton_decrement);
    assert_eq!((found.zeros, found.kind), (0, PointKind::NotCritical));
    assert_eq!(at(9.0).kind, PointKind::StrictMinimum);
}

#[test]
fn the_line_of_a_relu_split_is_left_undecided() {
    // One relu neuron cannot fit two: a critical point with positive loss, f'' = 0, so that C and M are zero.
    let network = Mlp::two_layer(1, 1, 1, Activation::Relu, Bias::Without);
    let data = Dataset::new(array![[1.0], [2.0], [-1.0]], array![[1.0], [2.0], [0.7]]).unwrap();
    let point = network.parameters(array![0.5, 2.0]).unwrap();
    let found = SplitCurvature::new(&objective(&point, &data), &point, 0, 0).unwrap();
    assert_eq!((found.coupling_rank, found.line()), (0, SplitLine::Degenerate));
    let moved = network.parameters(array![0.6, 2.0]).unwrap();
    let refused = SplitCurvature::new(&objective(&moved, &data), &moved, 0, 0).unwrap_err();
    assert!(refused.to_string().contains("at a critical point"), "{refused}");
}

#[test]
fn weight_decay_makes_a_split_no_critical_point() {
    let data = data(Activation::G);
    let three = width_three_minimum(&data);
    let decayed = objective(&three, &data).with_weight_decay(1e-3).unwrap();
    let copies: Vec<_> = (0..3).map(|t| vec![three.outgoing(0, t) * 0.5, three.outgoing(0, t) * 0.5]).collect();
    let expansion = Expansion { copies, groups: Vec::new(), labelling: None };
    let refused = expand_critical(&decayed, &three, 0, &expansion, CriticalTolerance::default()).unwrap_err();
    assert!(refused.to_string().contains("weight decay"), "{refused}");
    let wide = split(&three, 0, 0, &[0.5, 0.5]).unwrap();
    let decayed = objective(&wide, &data).with_weight_decay(1e-3).unwrap();
    let found = CriticalPointReport::new(&decayed, &wide, &ReportParameters::default()).unwrap();
    assert_eq!(found.plateau_dimension, 0);
}

#[test]
fn unused_inputs_are_named() {
    let network = Mlp::two_layer(3, 2, 1, Activation::Tanh, Bias::With);
    let parameters = network.initialise(Initialisation::Normal(0.8), Seed::new(1));
    let inputs = Array2::from_shape_fn((200, 3), |(n, k)| if k == 1 { 0.0 } else { ((n * (k + 3)) as f64).sin() });
    let data = Dataset::new(inputs.clone(), network.predict(parameters.theta(), inputs.view()).unwrap()).unwrap();
    let found = report(&data, &parameters);
    assert_eq!((found.zeros, found.count(ZeroModeKind::UnusedInput), found.unexplained), (2, 2, 0));
}

// --------------------------------------------------------------------------------------------------------------- paths

#[test]
fn segments_of_a_path_follow_the_cycles_of_the_permutation() {
    let start = add_silent(&teacher(Activation::G), 0, array![0.4, -0.3]).unwrap();
    let data = data(Activation::G);
    let objective = objective(&start, &data);
    for (order, segments) in
        [(vec![0, 1, 2, 3, 4], 0), (vec![1, 0, 2, 3, 4], 7), (vec![1, 2, 3, 0, 4], 11), (vec![1, 0, 3, 2, 4], 13)]
    {
        let path = zero_loss_path(&start, std::slice::from_ref(&order), &ReductionTolerance::default()).unwrap();
        assert_eq!(path.segments(), segments, "{order:?}");
        assert_eq!(path.at(0.0), start);
        assert_eq!(path.at(1.0), permute(&start, 0, &order).unwrap());
        assert_eq!(landing(&path, &start, &order), 0.0);
        let worst = path.max_loss(&objective, 50).unwrap();
        assert!(worst < 1e-27, "loss {worst:e} along {order:?}");
    }
}

#[test]
fn random_permutations_are_joined_at_zero_loss() {
    let start = add_silent(&teacher(Activation::G), 0, array![0.4, -0.3]).unwrap();
    let data = data(Activation::G);
    let objective = objective(&start, &data);
    let mut stream = Seed::new(20).stream();
    for _ in 0..20 {
        let mut order: Vec<usize> = (0..4).collect();
        for i in (1..4).rev() {
            order.swap(i, (uniform(&mut stream) * (i + 1) as f64) as usize);
        }
        order.push(4);
        let path = zero_loss_path(&start, std::slice::from_ref(&order), &ReductionTolerance::default()).unwrap();
        let (mut displaced, mut cycles) = (0, 0);
        let mut seen = [false; 5];
        for slot in 0..5 {
            if order[slot] == slot || seen[slot] {
                continue;
            }
            cycles += 1;
            let mut at = slot;
            while !seen[at] {
                seen[at] = true;
                displaced += 1;
                at = order[at];
            }
        }
        let expected = if cycles == 0 { 0 } else { 2 * (displaced + cycles) + 1 };
        assert_eq!(path.segments(), expected, "{order:?}");
        assert!(path.max_loss(&objective, 50).unwrap() < 1e-27);
        assert_eq!(path.at(1.0), permute(&start, 0, &order).unwrap());
        assert_eq!(landing(&path, &start, &order), 0.0);
        assert!(path.largest_jump() < 1e-12, "jump {}", path.largest_jump());
        assert_eq!(path.gap(), 0.0);
    }
}

/// How far the neurons are from their places before the last segment, which puts the free neuron in its own; until then
/// nothing is equal to the goal by construction.
fn landing(path: &PiecewisePath, start: &Parameters, order: &[usize]) -> f64 {
    if path.segments() == 0 {
        return 0.0;
    }
    let landed = neurons(&path.points()[path.segments() - 1], 0).unwrap();
    let target = neurons(&permute(start, 0, order).unwrap(), 0).unwrap();
    let mut worst = 0.0_f64;
    for (landed, target) in landed.iter().zip(&target) {
        worst = worst.max(largest((&landed.outgoing - &target.outgoing).iter().copied()));
        if !target.is_silent(0.0) {
            worst = worst.max(largest((&landed.incoming - &target.incoming).iter().copied()));
        }
    }
    worst
}

#[test]
fn a_path_through_inexact_copies_says_how_far_they_are_apart() {
    let (teacher, data) = (teacher(Activation::G), data(Activation::G));
    let mut student = split(&teacher, 0, 0, &[0.5, 0.5]).unwrap();
    student.weights_mut(0)[[4, 1]] += 3e-5;
    let path = zero_loss_path(&student, &[vec![1, 0, 2, 3, 4]], &ReductionTolerance::default()).unwrap();
    assert!((path.gap() - 3e-5).abs() < 1e-15, "gap {}", path.gap());
    // The copies share their mean, so the loss changes in a higher order of that distance only.
    let objective = objective(&student, &data);
    let (start, worst) = (objective.value(student.theta()).unwrap(), path.max_loss(&objective, 50).unwrap());
    assert!(start > 1e-12 && worst < 1.01 * start, "{start:e} to {worst:e}");
    let connection = connect(&student, &teacher_with_copy(), &ReductionTolerance::default()).unwrap();
    assert!((connection.gap - 3e-5).abs() < 1e-12, "gap {}", connection.gap);
}

fn teacher_with_copy() -> Parameters {
    split(&teacher(Activation::G), 0, 1, &[0.2, 0.8]).unwrap()
}

#[test]
fn spare_copies_and_silent_pairs_are_freed_on_the_way() {
    let (teacher, data) = (teacher(Activation::G), data(Activation::G));
    let copied = split(&teacher, 0, 2, &[0.3, 0.7]).unwrap();
    let pair = Expansion {
        copies: vec![vec![array![1.0]]; 4],
        groups: vec![ZeroGroup { incoming: array![0.4, -0.3], outgoing: vec![array![0.8], array![-0.8]] }],
        labelling: None,
    };
    let pair = expand(&teacher, 0, &pair).unwrap();
    for (start, order) in [(copied, vec![3, 0, 4, 1, 2]), (pair, vec![5, 3, 0, 4, 1, 2])] {
        let path = zero_loss_path(&start, std::slice::from_ref(&order), &ReductionTolerance::default()).unwrap();
        assert_eq!(path.at(1.0), permute(&start, 0, &order).unwrap());
        assert!(path.max_loss(&objective(&start, &data), 50).unwrap() < 1e-27);
    }
}

#[test]
fn copies_that_training_left_apart_come_together_at_the_level_of_the_loss() {
    let (teacher, data) = (teacher(Activation::G), data(Activation::G));
    let mut apart = split(&teacher, 0, 2, &[1.5, -0.5]).unwrap();
    let list = neurons(&apart, 0).unwrap();
    let (i, j) =
        (0..5).flat_map(|j| (0..j).map(move |i| (i, j))).find(|&(i, j)| list[i].incoming == list[j].incoming).unwrap();
    // Along 1.5 d_i = 0.5 d_j the function changes in second order: the bottom of the quartic valley.
    let mut theta = apart.theta().to_owned();
    for (axis, size) in [(0, 1e-6), (1, 2e-6)] {
        theta[2 * i + axis] += size / list[i].outgoing[0];
        theta[2 * j + axis] -= size / list[j].outgoing[0];
    }
    apart = apart.network().parameters(theta).unwrap();
    let objective = objective(&apart, &data);
    let loss = objective.value(apart.theta()).unwrap();
    assert!(1e-25 < loss && loss < 1e-19, "{loss:e}");
    let path = zero_loss_path(&apart, &[vec![1, 0, 2, 4, 3]], &ReductionTolerance::default()).unwrap();
    assert_eq!(path.at(1.0), permute(&apart, 0, &[1, 0, 2, 4, 3]).unwrap());
    assert!(path.max_loss(&objective, 50).unwrap() < 2.0 * loss);
    let labelling = sample(4, 5, Kind::GlobalMinima, Seed::new(3)).unwrap();
    let other = expand(&teacher, 0, &random_expansion(&teacher, 0, &labelling, 1.0, Seed::new(3)).unwrap()).unwrap();
    let connection = connect(&apart, &other, &ReductionTolerance::default()).unwrap();
    assert!(connection.path.max_loss(&objective, 50).unwrap() < 2.0 * loss);
}

#[test]
fn two_hidden_layers_are_permuted_one_after_the_other() {
    let network = Mlp::uniform(&[2, 3, 3, 1], &Activation::G, Bias::With);
    let teacher = network.initialise(Initialisation::Normal(0.6), Seed::new(12));
    let data = Dataset::new(grid(), network.predict(teacher.theta(), grid().view()).unwrap()).unwrap();
    let student =
        add_silent(&add_silent(&teacher, 0, array![0.2, 0.1, -0.3]).unwrap(), 1, array![0.1, 0.5, -0.2, 0.0, 0.4])
            .unwrap();
    assert_eq!(student.network().widths, [2, 4, 4, 1]);
    let orders = [vec![1, 2, 0, 3], vec![2, 1, 0, 3]];
    let path = zero_loss_path(&student, &orders, &ReductionTolerance::default()).unwrap();
    assert_eq!(path.segments(), 9 + 7);
    let scale = largest(data.targets().iter().map(|y| y * y));
    assert!(path.max_loss(&objective(&student, &data), 50).unwrap() < 1e-27 * scale.max(1.0));
    let end = permute(&permute(&student, 0, &orders[0]).unwrap(), 1, &orders[1]).unwrap();
    assert_eq!(path.at(1.0), end);
}

#[test]
fn two_expanded_solutions_are_connected_at_zero_loss() {
    let (teacher, data) = (teacher(Activation::G), data(Activation::G));
    for draw in 0..10 {
        let wide = |seed: u64| {
            let labelling = sample(4, 6, Kind::GlobalMinima, Seed::new(seed)).unwrap();
            let expansion = random_expansion(&teacher, 0, &labelling, 1.0, Seed::new(seed)).unwrap();
            expand(&teacher, 0, &expansion).unwrap()
        };
        let (a, b) = (wide(2 * draw), wide(2 * draw + 1));
        let connection = connect(&a, &b, &ReductionTolerance::default()).unwrap();
        assert_eq!((connection.path.at(0.0), connection.path.at(1.0)), (a.clone(), b));
        assert!(connection.path.max_loss(&objective(&a, &data), 50).unwrap() < 1e-26);
        assert!(connection.gap < 1e-12, "gap {}", connection.gap);
    }
}

#[test]
fn all_pairs_of_teacher_neurons_meet_at_the_narrower_minimum() {
    let (teacher, data) = (teacher(Activation::G), data(Activation::G));
    let objective = objective(&teacher, &data);
    for (i, j) in [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)] {
        let how = PermutationPathParameters { pair: (i, j), ..PermutationPathParameters::default() };
        let path = permutation_path(&objective, &teacher, &how, &Monitor::silent()).unwrap();
        assert!((path.saddle_loss() / 1.2352600845e-2 - 1.0).abs() < 1e-8, "({i}, {j}): {}", path.saddle_loss());
        assert!(path.saddle_gradient < 1e-10, "({i}, {j}): {}", path.saddle_gradient);
        // A negative definite M (see `plateau`) makes equal shares the stable ones as the distance goes to 0.
        assert!((path.share - 0.5).abs() < 0.03, "({i}, {j}): share {}", path.share);
        if (i, j) == (2, 3) {
            assert!((path.share - 0.499).abs() < 0.001);
        }
        let found = report(&data, &path.saddle);
        assert_eq!((found.index, found.zeros), (2, 1), "({i}, {j})");
        if (i, j) == (2, 3) {
            for (found, expected) in found.eigenvalues.iter().zip([-1.53595, -0.0888652, 0.0, 0.0179852]) {
                assert!((found - expected).abs() < 1e-5, "{found} for {expected}");
            }
        }
        // Only a branch that ends in a jump may rise above the end.
        let branch = path.jumps.last().copied().unwrap_or(0);
        let above = path.losses[branch..].iter().filter(|loss| **loss > path.saddle_loss() * (1.0 + 1e-9)).count();
        assert_eq!(above, 0, "({i}, {j}): above the end, jumps {:?}", path.jumps);
        assert!(path.unfinished.is_empty(), "({i}, {j}): {:?}", path.unfinished);
        // There and back: the end is the start with the two neurons exchanged.
        let mut order: Vec<usize> = (0..4).collect();
        order.swap(i, j);
        let whole = path.path();
        assert_eq!(whole.at(1.0), permute(&teacher, 0, &order).unwrap());
        let plateau = Plateau::new(&path.saddle, 0, i, j).unwrap();
        let losses = plateau.losses(&objective, &[-0.5, 0.0, 0.3, 1.0, 1.5]).unwrap();
        assert!(largest(losses.iter().map(|loss| loss - path.saddle_loss())) < 1e-15);
    }
}

#[test]
fn shares_become_equal_as_the_distance_goes_to_zero() {
    let (teacher, data) = (teacher(Activation::G), data(Activation::G));
    let objective = objective(&teacher, &data);
    let share = |steps: usize| {
        let how = PermutationPathParameters { pair: (1, 2), steps, ..PermutationPathParameters::default() };
        permutation_path(&objective, &teacher, &how, &Monitor::silent()).unwrap().share - 0.5
    };
    let (coarse, fine) = (share(31), share(121));
    // The deviation is of the order of the distance, here four times smaller; its sign is that of the branch.
    assert!(fine.abs() < coarse.abs() / 3.0, "{coarse} and {fine}");
}

// ------------------------------------------------------------------------------------------------------------ refusals

#[test]
fn what_is_not_valid_is_refused_with_a_reason() {
    let data = data(Activation::G);
    let three = width_three_minimum(&data);
    let objective_three = objective(&three, &data);
    let silent = Expansion {
        copies: (0..3).map(|t| vec![three.outgoing(0, t)]).collect(),
        groups: vec![ZeroGroup { incoming: array![0.1, 0.2], outgoing: vec![array![0.0]] }],
        labelling: None,
    };
    let refused = expand_critical(&objective_three, &three, 0, &silent, CriticalTolerance::default()).unwrap_err();
    assert!(matches!(refused, Error::NotCritical { .. }));
    assert!(refused.to_string().contains("at zero loss") && refused.to_string().contains("1.235"), "{refused}");
    let copies = Expansion { groups: Vec::new(), ..silent.clone() };
    assert!(expand_critical(&objective_three, &three, 0, &copies, CriticalTolerance::default()).is_ok());
    let moved = neuropil_landscape::expansion::perturb(&three, 1e-3, Seed::new(0)).unwrap();
    let copies = Expansion { copies: (0..3).map(|t| vec![moved.outgoing(0, t)]).collect(), ..copies };
    let refused = expand_critical(&objective_three, &moved, 0, &copies, CriticalTolerance::default()).unwrap_err();
    assert!(refused.to_string().contains("at a critical point"), "{refused}");

    let (multi, minimum) = three_outputs();
    let outgoing = minimum.outgoing(0, 0);
    let bend = array![0.3, -0.2, 0.1];
    let mut copies: Vec<Vec<Array1<f64>>> = (0..3).map(|t| vec![minimum.outgoing(0, t)]).collect();
    copies[0] = vec![&outgoing * 0.5 + &bend, &outgoing * 0.5 - &bend];
    let bent = Expansion { copies, groups: Vec::new(), labelling: None };
    let objective_multi = objective(&minimum, &multi);
    let refused = expand_critical(&objective_multi, &minimum, 0, &bent, CriticalTolerance::default()).unwrap_err();
    assert!(refused.to_string().contains("another direction"), "{refused}");

    let teacher = teacher(Activation::G);
    let says = |error: Error, words: &str| assert!(error.to_string().contains(words), "{error}");
    says(split(&teacher, 0, 1, &[0.3, 0.3]).unwrap_err(), "must be 1");
    says(split(&teacher, 0, 7, &[0.5, 0.5]).unwrap_err(), "below 4");
    says(split(&teacher, 1, 0, &[0.5, 0.5]).unwrap_err(), "layer must be below 1");
    says(split(&teacher, 0, 0, &[f64::NAN, 1.0]).unwrap_err(), "finite");
    says(permute(&teacher, 0, &[0, 1, 2]).unwrap_err(), "4 neurons");
    says(permute(&teacher, 0, &[0, 1, 1, 3]).unwrap_err(), "1 again");
    says(merge(&teacher, 0, 1, 1).unwrap_err(), "two different neurons");
    says(add_silent(&teacher, 0, array![1.0]).unwrap_err(), "2 values");
    let identity = ReductionTolerance::default();
    let refused = zero_loss_path(&teacher, &[vec![1, 0, 2, 3]], &identity).unwrap_err();
    assert!(matches!(refused, Error::NoFreeNeuron { layer: 0, width: 4, distinct: 4 }), "{refused}");
    says(zero_loss_path(&teacher, &[], &identity).unwrap_err(), "1 hidden layers");
    assert!(zero_loss_path(&teacher, &[vec![0, 1, 2, 3]], &identity).is_ok());
    let objective = objective(&teacher, &data);
    let how = PermutationPathParameters { pair: (0, 9), ..PermutationPathParameters::default() };
    says(permutation_path(&objective, &teacher, &how, &Monitor::silent()).unwrap_err(), "below 4");
    let how = PermutationPathParameters { steps: 1, ..PermutationPathParameters::default() };
    says(permutation_path(&objective, &teacher, &how, &Monitor::silent()).unwrap_err(), "steps");
    let twice = split(&teacher, 0, 0, &[0.5, 0.5]).unwrap();
    let how = PermutationPathParameters { pair: (0, 4), ..PermutationPathParameters::default() };
    let objective = Objective::new(twice.network(), &data, Loss::Square).unwrap();
    says(permutation_path(&objective, &twice, &how, &Monitor::silent()).unwrap_err(), "equal neurons");
}
