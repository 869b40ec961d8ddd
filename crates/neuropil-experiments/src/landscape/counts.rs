//! Critical subspaces against global minima: the exact table.

use neuropil_core::statistics::largest;
use neuropil_landscape::count;
use neuropil_landscape::ratio::{self, Against};
use neuropil_report::{Claim, Figure, Panel, Section, Size, Source, Table};

use super::{GEOMETRY, ROOM};
use crate::{Context, Experiment, Info, Result};

/// The ratio of the two counts against the width.
#[derive(Debug)]
pub struct Counts;

const INFO: Info = Info {
    id: "landscape.counts",
    room: ROOM,
    paper: GEOMETRY,
    figure: "Counts and ratios",
    title: "How many saddles, how many minima: exact counts of symmetry-induced subspaces",
};

/// `r*`, `m`, and six digits of `R_1` and `R_sum`.
const RATIOS: [(usize, usize, f64, f64); 15] = [
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

/// `r*` and the least width with fewer critical subspaces than minima, against all smaller networks and the next one.
const CROSSOVERS: [(usize, usize, usize); 4] = [(4, 5, 5), (10, 13, 12), (30, 42, 37), (100, 144, 124)];

impl Experiment for Counts {
    fn info(&self) -> &Info {
        &INFO
    }

    fn parameters(&self, _size: Size) -> serde_json::Value {
        serde_json::json!({ "minimal_widths": [4, 10, 30, 100], "spare_neurons": [1, 2, 5], "largest_width": 200 })
    }

    fn run(&self, context: &Context) -> Result<Section> {
        let table = count::table(200)?;
        context.monitor.check()?;
        let mut section = Section::new(INFO.id, ROOM, INFO.title).describe(
            "T(r, m) affine subspaces make up the global minima of a network of width m if r neurons are needed; every \
             smaller width k leaves G(k, m) critical subspaces of positive loss behind (each critical point counted \
             once). With a fixed number of spare neurons the critical subspaces win as the width grows; with a fixed \
             minimal width the minima win, faster than exponentially. All numbers are ratios of whole numbers.",
        );
        section.claims = claims()?;
        let figure = Figure::new("ratios", "Critical subspaces per global minimum")
            .describe(
                "Left: minimal width fixed, width growing; the ratio crosses one at a moderate width. Right: number of \
                 spare neurons fixed; the ratio grows with the width.",
            )
            .columns(2)
            .panel(fixed_minimal_width(&table)?)
            .panel(fixed_spare_neurons(&table)?);
        Ok(section.figure(figure).table(counts_table(&table)))
    }
}

fn claims() -> Result<Vec<Claim>> {
    let mut worst = [0.0_f64; 2];
    for (r, m, neighbour, all) in RATIOS {
        let found = [ratio::neighbour(r, m)?.value, ratio::all_smaller(r, m)?.value];
        for (worst, (found, expected)) in worst.iter_mut().zip(found.into_iter().zip([neighbour, all])) {
            *worst = largest([*worst, (found / expected - 1.0).abs()]);
        }
    }
    let mut claims = vec![
        Claim::new("t-4-10", "T(4, 10), subspaces of global minima of width 10 where 4 neurons are needed")
            .reference(20_479_560.0, Source::Theory)
            .value(ratio_of(&count::global_minima_subspaces(4, 10)))
            .absolute_error_at_most(0.0),
        Claim::new("g-4-10", "G(4, 10), critical subspaces of width 10 from one critical point of width 4")
            .reference(818_520.0, Source::Theory)
            .value(ratio_of(&count::critical_subspaces(4, 10)))
            .absolute_error_at_most(0.0),
        Claim::new("neighbour-table", "largest relative deviation of R_1 from 15 tabulated values of six digits")
            .reference(0.0, Source::ThisProject)
            .value(worst[0])
            .at_most(5e-6),
        Claim::new("sum-table", "largest relative deviation of R_sum from 15 tabulated values of six digits")
            .reference(0.0, Source::ThisProject)
            .value(worst[1])
            .at_most(5e-6),
    ];
    for (r, all, neighbour) in CROSSOVERS {
        for (id, against, expected, what) in [
            ("all", Against::AllSmaller, all, "all smaller networks"),
            ("neighbour", Against::Neighbour, neighbour, "the next smaller network"),
        ] {
            claims.push(
                Claim::new(
                    format!("crossover-{id}-{r}"),
                    format!("least width with more minima than critical subspaces of {what}, r = {r}"),
                )
                .reference(expected as f64, Source::ThisProject)
                .value(ratio::crossover_width(r, against)? as f64)
                .absolute_error_at_most(0.0),
            );
        }
    }
    let m = 800;
    for (k, expected) in [(1, 0.99875), (2, 0.995422), (3, 0.990033)] {
        let exact = count::log10(&count::critical_subspaces(m - k, m)) * std::f64::consts::LN_10;
        claims.push(
            Claim::new(format!("mild-critical-{k}"), format!("G({}, 800) over its asymptotic form", m - k))
                .reference(expected, Source::Theory)
                .value((exact - ratio::mild_critical_ln(m, k)).exp())
                .absolute_error_at_most(1e-6),
        );
    }
    for (h, expected) in [(1, 1.00125), (2, 1.000421875), (3, 0.997517)] {
        let exact = count::log10(&count::global_minima_subspaces(m - h, m)) * std::f64::consts::LN_10;
        claims.push(
            Claim::new(format!("mild-minima-{h}"), format!("T({}, 800) over its asymptotic form", m - h))
                .reference(expected, Source::Theory)
                .value((exact - ratio::mild_minima_ln(m, h)).exp())
                .absolute_error_at_most(1e-6),
        );
    }
    Ok(claims)
}

/// A count that f64 holds exactly.
fn ratio_of(count: &num_bigint::BigUint) -> f64 {
    count.to_string().parse().unwrap_or(f64::NAN)
}

fn fixed_minimal_width(table: &[count::Rows]) -> Result<Panel> {
    let mut panel = Panel::new()
        .title("r neurons are needed")
        .x_label("width m")
        .y_label("critical subspaces per minimum")
        .log_y()
        .y_range(1e-12, 1e16)
        .height(320.0);
    for r in [4, 10, 30, 100] {
        let widths: Vec<usize> = (r..=200.min(r + 110)).collect();
        let y = widths
            .iter()
            .map(|&m| {
                let total: num_bigint::BigUint = table[m].critical[1..r].iter().sum();
                Ok(ratio::Ratio::new(&total, &table[m].minima[r])?.value)
            })
            .collect::<Result<Vec<f64>>>()?;
        panel = panel.line(format!("r = {r}"), &widths.iter().map(|&m| m as f64).collect::<Vec<_>>(), &y);
    }
    Ok(panel.hlines("as many", &[1.0]))
}

fn fixed_spare_neurons(table: &[count::Rows]) -> Result<Panel> {
    let mut panel = Panel::new()
        .title("h = m - r spare neurons")
        .x_label("width m")
        .y_label("critical subspaces of width r - 1 per minimum")
        .height(320.0)
        .log_y()
        .log_x();
    for h in [1, 2, 5] {
        let widths: Vec<usize> = (h + 2..=200).collect();
        let x: Vec<f64> = widths.iter().map(|&m| m as f64).collect();
        let y = widths
            .iter()
            .map(|&m| Ok(ratio::Ratio::new(&table[m].critical[m - h - 1], &table[m].minima[m - h])?.value))
            .collect::<Result<Vec<f64>>>()?;
        panel = panel.line(format!("h = {h}"), &x, &y);
        let asymptotic: Vec<f64> = widths.iter().map(|&m| ratio::mild_ratio(m, 1, h)).collect();
        let (x, asymptotic): (Vec<f64>, Vec<f64>) = x.into_iter().zip(asymptotic).step_by(12).unzip();
        panel = panel.points(format!("h = {h}, asymptotic"), &x, &asymptotic).size(2.5);
    }
    Ok(panel.hlines("as many", &[1.0]))
}

fn counts_table(table: &[count::Rows]) -> Table {
    let mut out = Table::new("counts", "Counts at small widths")
        .column("r", "needed neurons")
        .column("m", "width")
        .column("G(r, m)", "critical subspaces")
        .column("T(r, m)", "subspaces of minima");
    for r in 1..=6 {
        for m in r..=10 {
            out.push([
                r.into(),
                m.into(),
                table[m].critical[r].to_string().into(),
                table[m].minima[r].to_string().into(),
            ]);
        }
    }
    out
}
