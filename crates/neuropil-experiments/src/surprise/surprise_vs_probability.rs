//! Surprise where belief and prior agree about the probability of an observation.

use neuropil_report::{Claim, Figure, Panel, Section, Size, Source, Table};

use super::subjects::{self, LEARNERS, Trial};
use super::{PAPER, ROOM, published, roster};
use crate::{Context, Experiment, Info, Result};

/// Surprise against the probability of the observation.
#[derive(Debug)]
pub struct SurpriseVsProbability;

const INFO: Info = Info {
    id: "surprise.surprise-vs-probability",
    room: ROOM,
    paper: PAPER,
    figure: "Figure 11",
    title: "Bayes Factor and Shannon surprise where prior and belief agree",
};

/// Half width of the bins of probability density.
const HALF_WIDTH: f64 = 0.0125;

struct Row {
    probability: f64,
    bayes_factor: (f64, f64),
    shannon: (f64, f64),
}

fn rows(subjects: &[Vec<Trial>]) -> Vec<Row> {
    let probabilities = (1..=14).map(|i| 0.025 * f64::from(i));
    probabilities
        .map(|probability| {
            let near = |density: f64| (density - probability).abs() <= HALF_WIDTH;
            let mean = |value: fn(&Trial) -> f64| {
                subjects::over_subjects(subjects, |trial| {
                    (near(trial.prior_density) && near(trial.belief_density)).then(|| value(trial))
                })
            };
            Row { probability, bayes_factor: mean(|trial| trial.bayes_factor), shannon: mean(|trial| trial.shannon) }
        })
        .collect()
}

impl Experiment for SurpriseVsProbability {
    fn info(&self) -> &Info {
        &INFO
    }

    fn parameters(&self, _size: Size) -> serde_json::Value {
        subjects::parameters()
    }

    fn run(&self, context: &Context) -> Result<Section> {
        let mut section = Section::new(INFO.id, ROOM, INFO.title).describe(
            "Trials in which prior and belief give the observation the same density p (within 0.0125). The Bayes \
             Factor surprise is 1 whatever p is: the observation says nothing about a change. The Shannon surprise is \
             -log p. Above p = 0.36 no observation has so high a density under the prior.",
        );
        let mut figure = Figure::new("surprise-vs-probability", INFO.title)
            .describe("Mean over simulated subjects, with standard errors, against the density of the observation.")
            .columns(2);
        for learner in LEARNERS {
            let rows = rows(&subjects::trials(learner, context, INFO.id)?);
            section.claims.extend(claims(learner, &rows));
            for panel in panels(learner, &rows) {
                figure = figure.panel(panel);
            }
            section = section.table(table(learner, &rows));
        }
        Ok(section.figure(figure))
    }
}

fn claims(learner: &str, rows: &[Row]) -> [Claim; 2] {
    let worst = |from: f64, deviation: &dyn Fn(&Row) -> f64| {
        rows.iter()
            .filter(|row| row.probability > from - 1e-9)
            .map(deviation)
            .fold(0.0, |worst: f64, value| if value.is_nan() { value } else { worst.max(value) })
    };
    let name = roster::label(learner);
    let is_one = Claim::new(
        format!("{learner}-bayes-factor-is-one"),
        format!("{name}: largest distance of the mean Bayes Factor surprise from 1, over p >= 0.05"),
    )
    .reference("1 in every bin", Source::Paper)
    .value(worst(0.05, &|row| (row.bayes_factor.0 - 1.0).abs()))
    .at_most(0.03);
    let from_expected =
        worst(0.05, &|row| (row.bayes_factor.0 - ratio_within_bin(row.probability)).abs() / row.bayes_factor.1);
    [
        // The width of the bins excuses only what it explains.
        if from_expected <= 4.0 { is_one.known_deviation(bin_width(rows)) } else { is_one },
        Claim::new(
            format!("{learner}-shannon-is-log"),
            format!("{name}: largest distance of the mean Shannon surprise from -log10 p, over p >= 0.075"),
        )
        .reference("-log10 p", Source::Theory)
        .value(worst(0.075, &|row| (row.shannon.0 + row.probability.log10()).abs()))
        .at_most(0.03),
    ]
}

/// Mean ratio of two densities that are uniform and independent within the bin around `probability`: above 1, because
/// the mean of an inverse is above the inverse of the mean.
fn ratio_within_bin(probability: f64) -> f64 {
    probability * ((probability + HALF_WIDTH) / (probability - HALF_WIDTH)).ln() / (2.0 * HALF_WIDTH)
}

fn bin_width(rows: &[Row]) -> String {
    let worst = rows
        .iter()
        .filter(|row| row.probability > 0.05 - 1e-9)
        .max_by(|a, b| (a.bayes_factor.0 - 1.0).abs().total_cmp(&(b.bayes_factor.0 - 1.0).abs()));
    worst.map_or_else(String::new, |row| {
        let (mean, error) = row.bayes_factor;
        let expected = ratio_within_bin(row.probability);
        format!(
            "The bins are {:.3} wide. In that of p = {:.3} the ratio of two densities that vary independently has the \
             mean {expected:.3}, so that little of the margin is left for sampling. The measured mean is {mean:.3} with \
             a standard error of {error:.3}: {:.1} standard errors from {expected:.3}.",
            2.0 * HALF_WIDTH,
            row.probability,
            (mean - expected).abs() / error
        )
    })
}

fn panels(learner: &str, rows: &[Row]) -> [Panel; 2] {
    let x: Vec<f64> = rows.iter().map(|row| row.probability).collect();
    let name = roster::label(learner);
    let panel = |label: &str, values: fn(&Row) -> (f64, f64), theory: Vec<f64>| {
        let y: Vec<f64> = rows.iter().map(|row| values(row).0).collect();
        let low: Vec<f64> = rows.iter().map(|row| values(row).0 - values(row).1).collect();
        let high: Vec<f64> = rows.iter().map(|row| values(row).0 + values(row).1).collect();
        Panel::new()
            .title(name)
            .x_label("density p under prior and belief")
            .y_label(label)
            .height(300.0)
            .line("theory", &x, &theory)
            .error_bars("ours", &x, &y, &low, &high)
    };
    let within_bin: Vec<f64> = x.iter().map(|&p| ratio_within_bin(p)).collect();
    let flat = panel("Bayes Factor surprise", |row| row.bayes_factor, vec![1.0; x.len()])
        .line("theory, for bins of this width", &x, &within_bin)
        .y_range(0.9, 1.2);
    let mut falling = panel("Shannon surprise (base 10)", |row| row.shannon, x.iter().map(|p| -p.log10()).collect());
    if learner == "nassar12" {
        let sheet = &published::SURPRISE_PROBABILITY;
        falling = falling.points("published", &sheet.column("probability"), &sheet.column("shannon"));
    }
    [flat, falling]
}

fn table(learner: &str, rows: &[Row]) -> Table {
    let mut table = Table::new(format!("{learner}-means"), format!("Mean surprise of {}", roster::label(learner)))
        .column("density", "")
        .column("Bayes Factor surprise", "")
        .column("standard error", "")
        .column("Shannon surprise", "base 10")
        .column("standard error", "");
    for row in rows {
        let values =
            [row.probability, row.bayes_factor.0, row.bayes_factor.1, row.shannon.0, row.shannon.1].map(Into::into);
        table.push(values);
    }
    table
}
