//! Two measures of surprise that disagree about the sign of a prediction error.

use neuropil_report::{Claim, Figure, Panel, Section, Size, Source, Table};

use super::subjects::{self, LEARNERS, Trial};
use super::{PAPER, ROOM, published, roster};
use crate::{Context, Experiment, Info, Result};

/// Surprise against the absolute prediction error.
#[derive(Debug)]
pub struct SurpriseVsError;

const INFO: Info = Info {
    id: "surprise.surprise-vs-error",
    room: ROOM,
    paper: PAPER,
    figure: "Figure 10",
    title: "Bayes Factor and Shannon surprise against the prediction error",
};

/// Means for one learner at one absolute error: `[same sign, opposite sign]` of error and prediction.
struct Row {
    delta: f64,
    bayes_factor: [(f64, f64); 2],
    shannon: [(f64, f64); 2],
}

fn rows(subjects: &[Vec<Trial>]) -> Vec<Row> {
    let deltas = (0..=10).map(|i| f64::from(i) / 10.0);
    deltas
        .map(|delta| {
            let selected = |trial: &Trial, sign: f64| {
                (trial.prediction.abs() - 1.0).abs() <= 0.25
                    && (trial.error.abs() - delta).abs() <= 0.1
                    && trial.error * trial.prediction * sign > 0.0
            };
            let mean = |sign: f64, value: fn(&Trial) -> f64| {
                subjects::over_subjects(subjects, |trial| selected(trial, sign).then(|| value(trial)))
            };
            Row {
                delta,
                bayes_factor: [1.0, -1.0].map(|sign| mean(sign, |trial| trial.bayes_factor)),
                shannon: [1.0, -1.0].map(|sign| mean(sign, |trial| trial.shannon)),
            }
        })
        .collect()
}

impl Experiment for SurpriseVsError {
    fn info(&self) -> &Info {
        &INFO
    }

    fn parameters(&self, _size: Size) -> serde_json::Value {
        subjects::parameters()
    }

    fn run(&self, context: &Context) -> Result<Section> {
        let mut section = Section::new(INFO.id, ROOM, INFO.title).describe(
            "Trials with a prediction of about 1 or -1 are grouped by absolute prediction error. An error that points \
             away from the prior mean (same sign as the prediction) and one that points towards it (opposite sign) \
             are equally improbable under the belief, but not under the prior: the Bayes Factor surprise is much \
             larger for the second, the Shannon surprise a little smaller.",
        );
        let mut figure = Figure::new("surprise-vs-error", INFO.title)
            .describe(
                "Mean over simulated subjects, with standard errors, against the absolute prediction error. Points: \
                 published for 20 subjects.",
            )
            .columns(2);
        for learner in LEARNERS {
            let rows = rows(&subjects::trials(learner, context, INFO.id)?);
            section.claims.extend(claims(learner, &rows));
            for panel in panels(learner, &rows) {
                figure = figure.panel(panel);
            }
            section = section.table(table(learner, &rows));
        }
        Ok(section.figure(figure).note(
            "The reference values of the comparison to 3 % come from an independent prototype with as many subjects; \
             the values published with the paper come from 20 subjects and have standard errors of 2 to 4 %.",
        ))
    }
}

/// Values of an independent prototype with 400 subjects: absolute error, and `[same, opposite]` of both surprises.
const PROTOTYPE: [(f64, [f64; 2], [f64; 2]); 2] =
    [(0.5, [0.321, 0.688], [0.356, 0.339]), (1.0, [0.485, 2.256], [0.810, 0.745])];

fn claims(learner: &str, rows: &[Row]) -> Vec<Claim> {
    let mut claims = Vec::new();
    let signs = ["same sign", "opposite sign"];
    for (delta, bayes_factor, shannon) in PROTOTYPE.into_iter().filter(|_| learner == "nassar12") {
        let Some(row) = rows.iter().find(|row| row.delta == delta) else { continue };
        for (index, sign) in signs.into_iter().enumerate() {
            let quantities = [
                ("bayes-factor", "mean Bayes Factor surprise", row.bayes_factor[index], bayes_factor[index]),
                ("shannon", "mean Shannon surprise (base 10)", row.shannon[index], shannon[index]),
            ];
            for (id, name, (value, error), reference) in quantities {
                claims.push(
                    Claim::new(
                        format!("{id}-{delta}-{}", if index == 0 { "same" } else { "opposite" }),
                        format!("{name} of Nas12* at absolute error {delta}, {sign} of error and prediction"),
                    )
                    .reference(reference, Source::ThisProject)
                    .value(value)
                    .interval(value - 1.96 * error, value + 1.96 * error)
                    .relative_error_at_most(0.03),
                );
            }
        }
    }
    let large: Vec<&Row> = rows.iter().filter(|row| row.delta > 0.29).collect();
    let bayes = large.iter().map(|row| row.bayes_factor[1].0 / row.bayes_factor[0].0).fold(f64::INFINITY, f64::min);
    let shannon = large.iter().map(|row| row.shannon[1].0 / row.shannon[0].0).fold(0.0, f64::max);
    let name = roster::label(learner);
    claims.push(
        Claim::new(
            format!("{learner}-bayes-factor-sign"),
            format!(
                "{name}: smallest ratio, over absolute errors >= 0.3, of the Bayes Factor surprise with opposite to \
                 that with the same sign"
            ),
        )
        .reference("above 1", Source::Paper)
        .value(bayes)
        .at_least(1.0),
    );
    claims.push(
        Claim::new(
            format!("{learner}-shannon-sign"),
            format!(
                "{name}: largest ratio, over absolute errors >= 0.3, of the Shannon surprise with opposite to that \
                 with the same sign"
            ),
        )
        .reference("below 1", Source::Paper)
        .value(shannon)
        .at_most(1.0),
    );
    claims
}

fn panels(learner: &str, rows: &[Row]) -> [Panel; 2] {
    let x: Vec<f64> = rows.iter().map(|row| row.delta).collect();
    let sheet = &published::SURPRISE_ERROR;
    let panel = |label: &str, values: fn(&Row) -> [(f64, f64); 2], columns: [&str; 2]| {
        let mut panel = Panel::new()
            .title(roster::label(learner))
            .x_label("absolute prediction error")
            .y_label(label)
            .height(300.0);
        for (index, name) in ["same sign as the prediction", "opposite sign"].into_iter().enumerate() {
            let y: Vec<f64> = rows.iter().map(|row| values(row)[index].0).collect();
            let low: Vec<f64> = rows.iter().map(|row| values(row)[index].0 - values(row)[index].1).collect();
            let high: Vec<f64> = rows.iter().map(|row| values(row)[index].0 + values(row)[index].1).collect();
            panel = panel.band(name, &x, &low, &high).line(name, &x, &y);
            if learner == "nassar12" {
                panel = panel.points(name, &sheet.column("delta"), &sheet.column(columns[index]));
            }
        }
        panel
    };
    [
        panel("Bayes Factor surprise", |row| row.bayes_factor, ["bayes_factor_same", "bayes_factor_opposite"]),
        panel("Shannon surprise (base 10)", |row| row.shannon, ["shannon_same", "shannon_opposite"]),
    ]
}

fn table(learner: &str, rows: &[Row]) -> Table {
    let mut table = Table::new(format!("{learner}-means"), format!("Mean surprise of {}", roster::label(learner)))
        .column("absolute error", "")
        .column("Bayes Factor, same sign", "")
        .column("standard error", "")
        .column("Bayes Factor, opposite sign", "")
        .column("standard error", "")
        .column("Shannon, same sign", "base 10")
        .column("standard error", "")
        .column("Shannon, opposite sign", "base 10")
        .column("standard error", "");
    for row in rows {
        let pairs = row.bayes_factor.iter().chain(&row.shannon).flat_map(|(mean, error)| [*mean, *error]);
        table.push(std::iter::once(row.delta).chain(pairs).map(Into::into));
    }
    table
}
