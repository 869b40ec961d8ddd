//! Checks of sets of patterns before they are stored: repeats, contradictions, patterns without direction.

use std::collections::HashMap;

use ndarray::{ArrayView1, ArrayView2, Axis};

use crate::error::{Error, Result};
use crate::kernel::{Geometry, Kernel, Separation};

/// What to do with patterns that come more than once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeats {
    /// Keep the first; refuse the same input with another output.
    Merge,
    /// Keep all: each counts once more.
    Keep,
}

/// Indices of the patterns to keep, and what was noticed.
pub(crate) fn distinct(
    inputs: ArrayView2<f64>,
    outputs: Option<ArrayView2<f64>>,
    repeats: Repeats,
) -> Result<(Vec<usize>, Vec<String>)> {
    let m = inputs.nrows();
    if repeats == Repeats::Keep {
        return Ok(((0..m).collect(), Vec::new()));
    }
    let mut seen: HashMap<Vec<u64>, usize> = HashMap::with_capacity(m);
    let mut keep = Vec::with_capacity(m);
    let mut repeated: Vec<(usize, usize)> = Vec::new();
    for (index, row) in inputs.axis_iter(Axis(0)).enumerate() {
        match seen.entry(bits(row)) {
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(index);
                keep.push(index);
            }
            std::collections::hash_map::Entry::Occupied(first) => {
                let first = *first.get();
                if let Some(outputs) = outputs
                    && let Some(output) = (0..outputs.ncols()).find(|&i| outputs[[first, i]] != outputs[[index, i]])
                {
                    return Err(Error::Conflict { first, second: index, output });
                }
                repeated.push((first, index));
            }
        }
    }
    let mut warnings = Vec::new();
    if let Some((first, second)) = repeated.first() {
        let n = repeated.len();
        let (noun, verb) =
            if n == 1 { ("pattern", "repeats an earlier one") } else { ("patterns", "repeat earlier ones") };
        warnings.push(format!("{n} {noun} {verb} and were merged (pattern {second} is the same as {first})"));
    }
    Ok((keep, warnings))
}

/// The bits of a row, with one zero only.
fn bits(row: ArrayView1<f64>) -> Vec<u64> {
    row.iter().map(|x| (x + 0.0).to_bits()).collect()
}

/// Refuses patterns of zeros where the kernel gives them nothing to be recognised by.
pub(crate) fn check_directions(kernel: &Kernel, inputs: ArrayView2<f64>) -> Result<()> {
    let needs_direction = match kernel {
        Kernel::Linear | Kernel::Polynomial { .. } => true,
        // F(1) - F(-1) vanishes for even powers.
        Kernel::Krotov { separation: Separation::Power { power } } => power % 2 == 0,
        _ => kernel.geometry() == Geometry::Angle,
    };
    if !needs_direction {
        return Ok(());
    }
    match inputs.rows().into_iter().position(|row| row.iter().all(|x| *x == 0.0)) {
        Some(row) => Err(Error::ZeroPattern { row, kernel: kernel.name() }),
        None => Ok(()),
    }
}

/// Whether every entry is +1 or -1.
pub(crate) fn all_binary(rows: ArrayView2<f64>) -> bool {
    rows.iter().all(|x| x.abs() == 1.0)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn repeats_are_merged_and_contradictions_refused() {
        let inputs = array![[1.0, 0.0], [0.5, 2.0], [1.0, -0.0], [1.0, 0.0]];
        let outputs = array![[1.0], [2.0], [1.0], [1.0]];
        let (keep, warnings) = distinct(inputs.view(), Some(outputs.view()), Repeats::Merge).unwrap();
        assert_eq!(keep, [0, 1]);
        assert!(
            warnings[0].contains("2 patterns repeat earlier ones")
                && warnings[0].contains("pattern 2 is the same as 0")
        );
        let outputs = array![[1.0, 1.0], [2.0, 2.0], [1.0, 3.0], [1.0, 1.0]];
        let error = distinct(inputs.view(), Some(outputs.view()), Repeats::Merge).unwrap_err().to_string();
        assert!(error.contains("patterns 0 and 2 have the same input but differ in output 1"), "{error}");
    }

    #[test]
    fn a_zero_pattern_has_no_direction_for_a_linear_kernel_but_a_place_for_a_gaussian() {
        let inputs = array![[1.0, 0.0], [0.0, 0.0]];
        assert!(check_directions(&Kernel::Linear, inputs.view()).unwrap_err().to_string().contains("patterns[1]"));
        assert!(check_directions(&Kernel::gaussian(1.0), inputs.view()).is_ok());
        let krotov = |power| Kernel::Krotov { separation: Separation::Power { power } };
        assert!(check_directions(&krotov(2), inputs.view()).is_err());
        assert!(check_directions(&krotov(3), inputs.view()).is_ok());
    }
}
