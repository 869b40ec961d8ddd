//! `neuropil landscape count`.

use clap::Args;
use ndarray::{Array1, array};
use neuropil_landscape::count;
use neuropil_landscape::ratio::{self, Against, Ratio};
use neuropil_report::{Figure, Panel};
use num_bigint::BigUint;
use serde_json::json;

use crate::delivery::{Delivery, Summary};
use crate::failure::Result;
use crate::options::Context;
use crate::outputs::{Outputs, ResultTable};

/// Count symmetry-induced critical subspaces and subspaces of global minima, exactly
///
/// R neurons are needed, M are there. T is the number of affine subspaces of global minima, G that of critical subspaces
/// from one critical point of width R. With commas: one number per hidden layer, and the products.
#[derive(Debug, Args)]
#[command(after_help = r"Examples:
  neuropil landscape count 4 10
  neuropil landscape count 4,3 10,8 --json")]
pub(crate) struct CountArgs {
    /// Neurons that are needed
    #[arg(value_name = "R", value_delimiter = ',', required = true)]
    needed: Vec<usize>,
    /// Width of the network
    #[arg(value_name = "M", value_delimiter = ',', required = true)]
    width: Vec<usize>,
}

pub(crate) fn run(args: &CountArgs, context: &Context<'_>) -> Result<i32> {
    let outputs = Outputs::plan(context.global, "count")?;
    let (r, m) = (&args.needed[..], &args.width[..]);
    let minima = count::global_minima_subspaces_of_layers(r, m)?;
    let critical = count::critical_subspaces_of_layers(r, m)?;
    let mut summary = Summary::default();
    summary.line("T, subspaces of global minima", &minima);
    summary.line("G, critical subspaces", &critical);
    let reachable = r.iter().zip(m).all(|(r, m)| *r >= 1 && m >= r);
    let mut result = json!({ "T": minima.to_string(), "G": critical.to_string(), "log10_T": count::log10(&minima),
        "log10_G": count::log10(&critical) });
    let describe = |ratio: &Ratio| {
        json!({ "numerator": ratio.numerator.to_string(), "denominator": ratio.denominator.to_string(),
            "log10": ratio.log10, "value": ratio.value })
    };
    if reachable {
        let neighbour = ratio::neighbour_of_layers(r, m)?;
        summary.line("G(r - 1, m) / T(r, m)", format!("{:.6e}", neighbour.value));
        result["neighbour_ratio"] = describe(&neighbour);
    }
    let mut table = ResultTable::default();
    let mut arrays = vec![
        ("log10_T".to_owned(), array![count::log10(&minima)].into_dyn()),
        ("log10_G".to_owned(), array![count::log10(&critical)].into_dyn()),
    ];
    if let (&[needed], &[width]) = (r, m)
        && reachable
    {
        let all = ratio::all_smaller(needed, width)?;
        summary.line("all smaller widths / T(r, m)", format!("{:.6e}", all.value));
        result["all_smaller_ratio"] = describe(&all);
        let crossover = ratio::crossover_width(needed.min(1000), Against::AllSmaller)?;
        summary.line("minima prevail from width", crossover);
        result["crossover_width"] = json!(crossover);
        let rows = count::rows(width)?;
        table.integers("r", (0..=width).map(|r| r as i64));
        table.text("G", rows.critical.iter().map(ToString::to_string));
        table.text("T", rows.minima.iter().map(ToString::to_string));
        let logarithms = |counts: &[BigUint]| counts.iter().map(count::log10).collect::<Array1<f64>>().into_dyn();
        arrays.push(("log10_T_by_r".to_owned(), logarithms(&rows.minima)));
        arrays.push(("log10_G_by_r".to_owned(), logarithms(&rows.critical)));
    }
    let delivery = Delivery {
        command: "landscape count",
        seed: context.global.seed(),
        parameters: json!({ "needed": r, "width": m }),
        input: json!(null),
        result,
        table,
        table_key: "table",
        arrays,
        summary: summary.into(),
    };
    delivery.deliver(context, &outputs, || {
        let (needed, width) = (r[0].max(1), m[0].clamp(1, 1000));
        let widths: Vec<usize> = (needed..=width.max(needed + 1)).collect();
        let x: Vec<f64> = widths.iter().map(|&m| m as f64).collect();
        let log = |count: fn(usize, usize) -> BigUint, r: usize| {
            widths.iter().map(|&m| count::log10(&count(r, m))).collect::<Vec<f64>>()
        };
        let panel = Panel::new()
            .x_label("width m")
            .y_label("log10 of the count")
            .line(format!("T({needed}, m), minima"), &x, &log(count::global_minima_subspaces, needed))
            .line(format!("G({}, m), critical", needed - 1), &x, &log(count::critical_subspaces, needed - 1));
        Figure::new("count", "Subspaces against the width")
            .describe("Number of subspaces of global minima and of critical subspaces of the next smaller network.")
            .panel(panel)
    })
}
