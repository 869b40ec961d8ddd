//! The delta rules as originally published, with a flat prior, against their starred versions, which know the prior.

use neuropil_report::{Claim, Figure, Panel, Section, Size, Source, Table};

use super::grid::{Cell, Grid};
use super::task::Kind;
use super::{PAPER, ROOM, published, roster};
use crate::{Context, Experiment, Info, Result};

/// Original against starred delta rules.
#[derive(Debug)]
pub struct OriginalsVsStarred;

const INFO: Info = Info {
    id: "surprise.originals-vs-starred",
    room: ROOM,
    paper: PAPER,
    figure: "Figures 12 and 13",
    title: "Delta rules with and without knowledge of the prior",
};

const PAIRS: [(&str, &str); 2] = [("nassar10", "nassar10-original"), ("nassar12", "nassar12-original")];

fn grid(size: Size) -> Grid {
    Grid::of_paper(Kind::Gaussian, size, &["exact", "nassar10", "nassar12", "nassar10-original", "nassar12-original"])
}

impl Experiment for OriginalsVsStarred {
    fn info(&self) -> &Info {
        &INFO
    }

    fn parameters(&self, size: Size) -> serde_json::Value {
        grid(size).parameters()
    }

    fn run(&self, context: &Context) -> Result<Section> {
        let grid = grid(context.size);
        let cells = grid.run(context)?;
        let mut section = Section::new(INFO.id, ROOM, INFO.title).describe(
            "Nas10 and Nas12 assume a flat prior of the mean (standard deviation 1000); Nas10* and Nas12* know the \
             prior of the task. Each assumes the hazard that serves it best: the starred rules the published value, \
             the originals one found by grid search on three other sequences.",
        );
        section.claims = claims(&cells);
        Ok(section.figure(figure(&grid, &cells)).table(table(&cells)))
    }
}

/// Cells in which the starred rule has the higher regret, with the number of cells.
fn worse(cells: &[Cell], starred: &str, original: &str, chosen: impl Fn(&Cell) -> bool) -> (usize, usize) {
    let chosen: Vec<&Cell> = cells.iter().filter(|cell| chosen(cell)).collect();
    let worse = chosen.iter().filter(|cell| cell.regret(starred).mean >= cell.regret(original).mean).count();
    (worse, chosen.len())
}

fn claims(cells: &[Cell]) -> Vec<Claim> {
    let mut claims = Vec::new();
    for (starred, original) in PAIRS {
        let (value, count) = worse(cells, starred, original, |cell| cell.hazard >= 0.01);
        let claim = Claim::new(
            format!("{starred}-frequent-changes"),
            format!(
                "cells with hazard >= 0.01, of {count}, in which {} has a higher regret than the original rule",
                roster::label(starred)
            ),
        )
        .reference(0.0, Source::AuthorsCode)
        .value(value as f64)
        .at_most(0.0);
        // The published numbers excuse a rule that loses where they do: Nas10 at hazard 0.01.
        let (above, _) = worse(cells, starred, original, |cell| cell.hazard > 0.01);
        claims.push(if starred == "nassar10" && above == 0 {
            claim.known_deviation(
                "The published regrets break this rule as well: at sigma = 1 and hazard 0.01 they are 0.0965 for \
                 Nas10* and 0.0903 for the original rule. Ours agree with both; knowing the prior helps Nas10 where \
                 changes are frequent, not at hazard 0.01 and sigma <= 1.",
            )
        } else {
            claim
        });
    }
    // At low noise and rare changes knowledge of the prior no longer helps: "equal or better" is a regret of at most
    // 1.1 times that of the starred rule.
    for (starred, original) in PAIRS {
        let ratios: Vec<f64> = cells
            .iter()
            .filter(|cell| cell.level <= 1.0 && cell.hazard <= 0.005)
            .map(|cell| cell.regret(original).mean / cell.regret(starred).mean)
            .collect();
        claims.push(
            Claim::new(
                format!("{original}-rare-changes"),
                format!(
                    "largest ratio of the regret of {} to that of {}, over the {} cells with sigma <= 1 and hazard <= \
                     0.005",
                    roster::label(original),
                    roster::label(starred),
                    ratios.len()
                ),
            )
            .reference("equal or better", Source::AuthorsCode)
            .value(ratios.iter().copied().reduce(f64::max).unwrap_or(f64::NAN))
            .at_most(1.1),
        );
    }
    claims
}

fn figure(grid: &Grid, cells: &[Cell]) -> Figure {
    let mut figure = Figure::new("originals", "Regret of original and starred delta rules")
        .describe(
            "Regret against the hazard, one panel per noise level. Lines: ours, with standard errors over sequences; \
             points: published.",
        )
        .columns(3)
        .share_x();
    for &level in &grid.levels {
        let row: Vec<&Cell> = cells.iter().filter(|cell| cell.level == level).collect();
        let x: Vec<f64> = row.iter().map(|cell| cell.hazard).collect();
        let mut panel =
            Panel::new().title(format!("σ = {level}")).x_label("hazard per step").y_label("regret").log_x().log_y();
        for learner in ["nassar10", "nassar10-original", "nassar12", "nassar12-original"] {
            let name = roster::label(learner);
            let estimates: Vec<_> = row.iter().map(|cell| cell.regret(learner)).collect();
            let y: Vec<f64> = estimates.iter().map(|estimate| estimate.mean).collect();
            let low: Vec<f64> = estimates.iter().map(|e| e.mean - e.standard_error).collect();
            let high: Vec<f64> = estimates.iter().map(|e| e.mean + e.standard_error).collect();
            panel = panel.band(name, &x, &low, &high).line(name, &x, &y);
            let published: Vec<f64> = x
                .iter()
                .map(|&hazard| published::regret(Kind::Gaussian, level, learner, hazard).unwrap_or(f64::NAN))
                .collect();
            if published.iter().any(|value| value.is_finite()) {
                panel = panel.points(name, &x, &published);
            }
        }
        figure = figure.panel(panel);
    }
    figure
}

fn table(cells: &[Cell]) -> Table {
    let mut table = Table::new("regret", "Regret of original and starred delta rules")
        .column("sigma", "")
        .column("hazard", "per step")
        .column("learner", "")
        .column("regret", "")
        .column("standard error", "")
        .column("published", "");
    for cell in cells {
        for learner in PAIRS.iter().flat_map(|(starred, original)| [*starred, *original]) {
            let regret = cell.regret(learner);
            table.push([
                cell.level.into(),
                cell.hazard.into(),
                roster::label(learner).into(),
                regret.mean.into(),
                regret.standard_error.into(),
                published::regret(Kind::Gaussian, cell.level, learner, cell.hazard).into(),
            ]);
        }
    }
    table
}
