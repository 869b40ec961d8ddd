//! Minimisation without derivatives by the simplex of Nelder and Mead (1965).
//!
//! Written here and not taken from argmin 0.11, whose simplex stops on the spread of values alone, so that a simplex
//! that straddles a minimum ends early, and which brings a second generator of random numbers and further crates.
//! Infinite values act as walls. Coefficients are those of Gao and Han (2012), which depend on the dimension.

/// Where the search ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Minimum {
    /// The best point.
    pub point: Vec<f64>,
    /// The function there.
    pub value: f64,
    /// How often the function was called.
    pub evaluations: usize,
    /// Whether the simplex has shrunk to the tolerances, rather than that the evaluations ran out.
    pub converged: bool,
}

/// When the search stops.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    /// Largest difference of values in the simplex.
    pub value: f64,
    /// Largest distance of a coordinate from that of the best point.
    pub point: f64,
    /// Most evaluations.
    pub evaluations: usize,
}

impl Default for Tolerance {
    fn default() -> Self {
        Self { value: 1e-8, point: 1e-5, evaluations: 4000 }
    }
}

/// Minimises `function` from `start`, with a first simplex of edge `step`. NaN counts as infinite.
pub fn minimise(mut function: impl FnMut(&[f64]) -> f64, start: &[f64], step: f64, tolerance: Tolerance) -> Minimum {
    let n = start.len();
    let mut evaluations = 0;
    let mut evaluate = |point: &[f64]| {
        evaluations += 1;
        let value = function(point);
        if value.is_nan() { f64::INFINITY } else { value }
    };
    let mut simplex: Vec<(Vec<f64>, f64)> = (0..=n)
        .map(|corner| {
            let mut point = start.to_vec();
            if corner > 0 {
                point[corner - 1] += step;
            }
            let value = evaluate(&point);
            (point, value)
        })
        .collect();
    let dimension = (n as f64).max(2.0);
    let (expansion, contraction, shrinkage) = (1.0 + 2.0 / dimension, 0.75 - 0.5 / dimension, 1.0 - 1.0 / dimension);
    let mut converged = n == 0;
    let mut used = n + 1;
    while !converged && used < tolerance.evaluations {
        simplex.sort_by(|a, b| a.1.total_cmp(&b.1));
        let spread = simplex[n].1 - simplex[0].1;
        let width = simplex[1..]
            .iter()
            .flat_map(|(point, _)| point.iter().zip(&simplex[0].0).map(|(a, b)| (a - b).abs()))
            .fold(0.0, f64::max);
        // Infinite corners everywhere have a spread of NaN and no minimum.
        if spread <= tolerance.value && width <= tolerance.point {
            converged = simplex[0].1.is_finite();
            break;
        }
        let centre: Vec<f64> =
            (0..n).map(|i| simplex[..n].iter().map(|(point, _)| point[i]).sum::<f64>() / n as f64).collect();
        let along = |distance: f64, from: &[f64]| -> Vec<f64> {
            centre.iter().zip(from).map(|(centre, from)| centre + distance * (centre - from)).collect()
        };
        let worst = simplex[n].0.clone();
        let reflected = along(1.0, &worst);
        let value = evaluate(&reflected);
        used += 1;
        if value < simplex[0].1 {
            let expanded = along(expansion, &worst);
            let further = evaluate(&expanded);
            used += 1;
            simplex[n] = if further < value { (expanded, further) } else { (reflected, value) };
        } else if value < simplex[n - 1].1 {
            simplex[n] = (reflected, value);
        } else {
            let outside = value < simplex[n].1;
            let contracted = along(if outside { contraction } else { -contraction }, &worst);
            let nearer = evaluate(&contracted);
            used += 1;
            if nearer < value.min(simplex[n].1) {
                simplex[n] = (contracted, nearer);
            } else {
                let best = simplex[0].0.clone();
                for (point, value) in &mut simplex[1..] {
                    point.iter_mut().zip(&best).for_each(|(x, best)| *x = best + shrinkage * (*x - best));
                    *value = evaluate(point);
                    used += 1;
                }
            }
        }
    }
    simplex.sort_by(|a, b| a.1.total_cmp(&b.1));
    let (point, value) = simplex.swap_remove(0);
    Minimum { point, value, evaluations, converged }
}

/// The matrix of second derivatives by central differences with the given step.
pub fn hessian(mut function: impl FnMut(&[f64]) -> f64, at: &[f64], step: f64) -> Vec<Vec<f64>> {
    let n = at.len();
    let mut rows = vec![vec![0.0; n]; n];
    let centre = function(at);
    let mut shifted = |i: usize, a: f64, j: usize, b: f64| {
        let mut point = at.to_vec();
        point[i] += a;
        point[j] += b;
        function(&point)
    };
    for i in 0..n {
        rows[i][i] = (shifted(i, step, i, 0.0) - 2.0 * centre + shifted(i, -step, i, 0.0)) / (step * step);
        for j in 0..i {
            let mixed = shifted(i, step, j, step) - shifted(i, step, j, -step) - shifted(i, -step, j, step)
                + shifted(i, -step, j, -step);
            rows[i][j] = mixed / (4.0 * step * step);
            rows[j][i] = rows[i][j];
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curved_valley_of_rosenbrock_is_followed_to_its_end() {
        let valley = |x: &[f64]| (1.0 - x[0]).powi(2) + 100.0 * (x[1] - x[0] * x[0]).powi(2);
        let found = minimise(valley, &[-1.2, 1.0], 0.5, Tolerance::default());
        assert!(found.converged && found.evaluations < 600, "{found:?}");
        assert!((found.point[0] - 1.0).abs() < 1e-3 && (found.point[1] - 1.0).abs() < 1e-3);
    }

    #[test]
    fn walls_and_dead_ends_are_survived() {
        let walled = |x: &[f64]| if x[0] < 0.5 { f64::NAN } else { x[0] };
        let found = minimise(walled, &[3.0], 1.0, Tolerance::default());
        assert!((found.value - 0.5).abs() < 1e-3, "{found:?}");
        let hopeless = minimise(|_| f64::INFINITY, &[0.0, 0.0], 1.0, Tolerance::default());
        assert!(!hopeless.converged);
    }

    /// The points at which a search calls its function.
    fn visited(function: impl Fn(&[f64]) -> f64, start: &[f64], evaluations: usize) -> Vec<Vec<f64>> {
        let mut points = Vec::new();
        let tolerance = Tolerance { evaluations, ..Tolerance::default() };
        let found = minimise(
            |x| {
                points.push(x.to_vec());
                function(x)
            },
            start,
            1.0,
            tolerance,
        );
        assert_eq!(found.evaluations, points.len());
        assert!(!found.converged, "these searches run out of evaluations");
        points
    }

    #[test]
    fn a_slope_is_descended_in_expanding_steps() {
        let points = visited(|x| -x[0] - 2.0 * x[1], &[0.0, 0.0], 7);
        // Corners; the worst is reflected through the middle of the others, and the step is doubled.
        let wanted =
            [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.5, 1.5], [0.5, 2.5], [0.25, 3.75]].map(Vec::from);
        assert_eq!(points, wanted);
    }

    #[test]
    fn coefficients_follow_the_dimension() {
        // Four dimensions: expansion 1.5, contraction 0.625, shrinkage 0.75 (Gao and Han 2012).
        let start = [0.0; 4];
        let bowl = visited(|x| x.iter().map(|x| x * x).sum(), &start, 7);
        assert_eq!(bowl[5], [0.5, 0.5, 0.5, -1.0], "reflected");
        assert_eq!(bowl[6], [0.09375, 0.09375, 0.09375, 0.625], "contracted within");
        let slope = visited(|x| -x.iter().sum::<f64>(), &start, 7);
        assert_eq!(slope[5], [0.5; 4], "reflected");
        assert_eq!(slope[6], [0.625; 4], "expanded");
        // A reflection that is better than the worst corner alone is contracted on its own side.
        let outside = visited(
            |x| match x {
                [0.0, 0.0, 0.0, 1.0] => 3.0,
                [0.5, 0.5, 0.5, -1.0] => 2.0,
                _ => x.iter().map(|x| x * x).sum(),
            },
            &start,
            7,
        );
        assert_eq!(outside[6], [0.40625, 0.40625, 0.40625, -0.625], "contracted outside");
        // Nothing but the start is low: all corners move towards it.
        let pit = visited(
            |x| match x.iter().sum::<f64>() {
                0.0 => 0.0,
                1.0 if x.contains(&1.0) => 1.0,
                _ => 2.0,
            },
            &start,
            11,
        );
        let shrunk: Vec<f64> = pit[7..].iter().map(|x| x.iter().sum()).collect();
        assert_eq!(shrunk, [0.75; 4], "shrunk");
    }

    #[test]
    fn a_search_ends_only_when_values_and_points_agree() {
        let tolerance = Tolerance { value: 1e-8, point: 1e-3, evaluations: 1000 };
        // The first simplex straddles the minimum with equal values at its corners.
        let found = minimise(|x| (x[0] - 0.5).powi(2), &[0.0], 1.0, tolerance);
        assert!(found.converged && (found.point[0] - 0.5).abs() < 1e-3 && found.evaluations > 4, "{found:?}");
        let flat = minimise(|_| 5.0, &[1.0, 2.0], 1.0, tolerance);
        assert!(flat.converged && flat.value == 5.0 && flat.evaluations > 10, "{flat:?}");
        let nothing = minimise(|_| 3.0, &[], 1.0, tolerance);
        assert!(nothing.converged && nothing.value == 3.0 && nothing.evaluations == 1);
    }

    #[test]
    fn second_derivatives_of_a_quadratic_are_exact() {
        let rows = hessian(|x| x[0] * x[0] + 3.0 * x[0] * x[1] + 5.0 * x[1] * x[1], &[0.3, -0.7], 0.01);
        for (row, expected) in rows.iter().zip([[2.0, 3.0], [3.0, 10.0]]) {
            assert!((row[0] - expected[0]).abs() < 1e-9 && (row[1] - expected[1]).abs() < 1e-9);
        }
    }
}
