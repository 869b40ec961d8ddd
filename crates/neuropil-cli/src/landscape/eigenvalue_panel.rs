//! Eigenvalues of a Hessian as a panel of a figure.

use neuropil_report::Panel;

/// Sizes of the eigenvalues in increasing order, by sign; those that count as zero by themselves.
pub(crate) fn eigenvalue_panel(eigenvalues: &[f64], threshold: f64) -> Panel {
    let x: Vec<f64> = (0..eigenvalues.len()).map(|k| k as f64).collect();
    let sign = |value: f64| {
        if value.abs() <= threshold {
            "zero"
        } else if value > 0.0 {
            "positive"
        } else {
            "negative"
        }
    };
    let of = |kind: &str| -> Vec<f64> {
        let size = |value: &f64| if sign(*value) == kind { value.abs().max(1e-20) } else { f64::NAN };
        eigenvalues.iter().map(size).collect()
    };
    let panel = Panel::new().x_label("eigenvalue, ascending").y_label("size of the eigenvalue").log_y();
    ["positive", "negative", "zero"]
        .into_iter()
        .map(|kind| (kind, of(kind)))
        .filter(|(_, sizes)| sizes.iter().any(|size| size.is_finite()))
        .fold(panel, |panel, (kind, sizes)| panel.points(kind, &x, &sizes))
        .hlines("zero below", &[threshold])
}
