//! Eigenvalues of a Hessian as a panel of a figure.

use neuropil_report::Panel;

/// Sizes of the eigenvalues in increasing order, by sign; those that count as zero by themselves.
pub(crate) fn eigenvalue_panel(eigenvalues: &[f64], threshold: f64) -> Panel {
    let x: Vec<f64> = (0..eigenvalues.len()).map(|k| k as f64).collect();
    let of = |wanted: fn(f64, f64) -> bool| -> Vec<f64> {
        let size = |value: &f64| if wanted(*value, threshold) { value.abs().max(1e-20) } else { f64::NAN };
        eigenvalues.iter().map(size).collect()
    };
    let kinds: [(&str, fn(f64, f64) -> bool); 3] = [
        ("positive", |value, threshold| value > threshold),
        ("negative", |value, threshold| value < -threshold),
        ("zero", |value, threshold| value.abs() <= threshold),
    ];
    let panel = Panel::new().x_label("eigenvalue, ascending").y_label("size of the eigenvalue").log_y();
    kinds
        .into_iter()
        .map(|(name, wanted)| (name, of(wanted)))
        .filter(|(_, sizes)| sizes.iter().any(|size| size.is_finite()))
        .fold(panel, |panel, (name, sizes)| panel.points(name, &x, &sizes))
        .hlines("zero below", &[threshold])
}
