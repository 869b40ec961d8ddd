//! Segmentation of real series, scored against what people marked.

use ndarray::Array2;
use neuropil_report::{Claim, Colour, Figure, Marker, Panel, Section, Size, Source, Stroke, Table};
use neuropil_surprise::agreement::{DEFAULT_MARGIN, covering, f_measure};
use neuropil_surprise::blocks::Blocks;
use neuropil_surprise::family::NormalInverseGamma;
use neuropil_surprise::segment::Segmentation;
use neuropil_surprise::smooth::Offline;

use super::ROOM;
use crate::{Context, Error, Experiment, Info, Result};

/// Segmentation of annotated series.
#[derive(Debug)]
pub struct AnnotatedSeries;

const PAPER: &str = "van den Burg and Williams (2020), arXiv:2003.06222 (annotations and scores)";

const INFO: Info = Info {
    id: "surprise.annotated-series",
    room: ROOM,
    paper: PAPER,
    figure: "beyond the paper",
    title: "Real series, segmented and compared with what people marked",
};

const HAZARD: f64 = 0.01;

/// A series as it ships with the project.
struct Series {
    name: &'static str,
    label: &'static str,
    values: Vec<f64>,
    annotations: Vec<Vec<usize>>,
}

fn series() -> Result<Vec<Series>> {
    let annotations = include_str!("../../../../data/annotations.csv");
    [
        ("nile", "annual flow (10⁸ m³)", include_str!("../../../../data/nile.csv")),
        ("well_log", "nuclear magnetic response (a.u.)", include_str!("../../../../data/well_log.csv")),
        ("run_log", "pace (min per mile)", include_str!("../../../../data/run_log.csv")),
    ]
    .into_iter()
    .map(|(name, label, text)| {
        let values = text.lines().skip(1).map(|line| number(line.split(',').nth(1), name)).collect::<Result<_>>()?;
        Ok(Series { name, label, values, annotations: annotations_of(annotations, name) })
    })
    .collect()
}

fn number(field: Option<&str>, name: &str) -> Result<f64> {
    field.and_then(|field| field.parse().ok()).ok_or_else(|| Error::failed(format!("{name}.csv holds no number")))
}

/// The changes that each person marked; one who marked none counts too.
fn annotations_of(text: &str, name: &str) -> Vec<Vec<usize>> {
    let mut people: Vec<(&str, Vec<usize>)> = Vec::new();
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let [series, person, change] = fields[..] else { continue };
        if series != name {
            continue;
        }
        if people.last().is_none_or(|(last, _)| *last != person) {
            people.push((person, Vec::new()));
        }
        if let (Some((_, changes)), Ok(change)) = (people.last_mut(), change.parse()) {
            changes.push(change);
        }
    }
    people.into_iter().map(|(_, changes)| changes).collect()
}

/// The model, the same for all series: standardised values, levels as spread as the series itself, noise of unknown
/// size that is expected to be smaller.
fn model() -> NormalInverseGamma {
    NormalInverseGamma { prior_mean: 0.0, prior_k: 0.1, prior_a: 1.0, prior_b: 0.1 }
}

impl Experiment for AnnotatedSeries {
    fn info(&self) -> &Info {
        &INFO
    }

    fn parameters(&self, _size: Size) -> serde_json::Value {
        serde_json::json!({
            "hazard": HAZARD, "family": "normal with unknown mean and variance", "prior": model(),
            "series": "standardised by mean and standard deviation", "margin": DEFAULT_MARGIN,
        })
    }

    fn run(&self, context: &Context) -> Result<Section> {
        let mut section = Section::new(INFO.id, ROOM, INFO.title).describe(
            "The most probable segmentation of three real series under one model with one prior and one hazard, \
             chosen before looking: a normal law whose mean and variance change together, hazard 0.01, series \
             standardised. Covering and F1 measure agreement with people, as in the Turing change point benchmark.",
        );
        let mut figure = Figure::new("annotated-series", INFO.title).describe(
            "Series (grey), mean of each segment (line), changes found (vertical lines), and what people marked (triangles \
             below).",
        );
        let mut table = Table::new("agreement", "Agreement with the people who marked changes")
            .column("series", "")
            .column("samples", "")
            .column("people", "")
            .column("changes found", "")
            .column("covering", "")
            .column("covering of no change", "")
            .column("F1", "")
            .column("precision", "")
            .column("recall", "");
        for series in series()? {
            context.monitor.check()?;
            let result = segment(&series, context)?;
            let length = series.values.len();
            let cover = covering(&series.annotations, &result.changes, length)?;
            let none = covering(&series.annotations, &[], length)?;
            let score = f_measure(&series.annotations, &result.changes, length, DEFAULT_MARGIN)?;
            table.push([
                series.name.into(),
                length.into(),
                series.annotations.len().into(),
                result.changes.len().into(),
                cover.into(),
                none.into(),
                score.f1.into(),
                score.precision.into(),
                score.recall.into(),
            ]);
            section.claims.extend(claims(&series, &result, cover, none));
            figure = figure.panel(panel(&series, &result));
        }
        Ok(section.figure(figure).table(table).note(
            "Covering weights the overlap of each annotated segment with the best segment found by its length; it is 1 \
             when all people and the model agree. Two of the five people saw no change in the Nile series.",
        ))
    }
}

fn segment(series: &Series, context: &Context) -> Result<Segmentation> {
    let values = &series.values;
    let mean = neuropil_core::statistics::mean(values).unwrap_or(0.0);
    let deviation = neuropil_core::statistics::standard_deviation(values).unwrap_or(1.0);
    let y = Array2::from_shape_fn((values.len(), 1), |(t, _)| (values[t] - mean) / deviation);
    let offline = Offline::new(model(), HAZARD).with_monitor(context.monitor.quiet());
    Ok(offline.segment(y.view(), &Blocks::single(values.len()))?)
}

fn claims(series: &Series, result: &Segmentation, cover: f64, none: f64) -> Vec<Claim> {
    let name = series.name;
    let mut claims = vec![
        Claim::new(
            format!("{name}-covering"),
            format!(
                "{name}: covering of the annotated segments; the reference is that of a segmentation without changes"
            ),
        )
        .reference(none, Source::ThisProject)
        .value(cover)
        .at_least(if name == "nile" { none } else { none + 0.1 }),
    ];
    if name == "nile" {
        let nearest = result.changes.iter().map(|change| change.abs_diff(28)).min();
        claims.push(
            Claim::new(
                "nile-dam",
                "nile: distance in years of the nearest change found from 1899, the first year after the dam at Aswan \
                 was begun",
            )
            .reference("three of five people marked 1899", Source::ThisProject)
            .value(nearest.map_or(f64::INFINITY, |years| years as f64))
            .at_most(1.0),
        );
    }
    claims
}

fn panel(series: &Series, result: &Segmentation) -> Panel {
    let length = series.values.len();
    let x: Vec<f64> = (0..length).map(|t| t as f64).collect();
    let mut means = vec![0.0; length];
    for (start, end) in result.starts.iter().zip(&result.ends) {
        let level = neuropil_core::statistics::mean(&series.values[*start..*end]).unwrap_or(f64::NAN);
        means[*start..*end].fill(level);
    }
    let people: Vec<f64> = series
        .annotations
        .iter()
        .flatten()
        .copied()
        .collect::<std::collections::BTreeSet<_>>()
        .iter()
        .map(|&t| t as f64)
        .collect();
    let found: Vec<f64> = result.changes.iter().map(|&t| t as f64).collect();
    let low = series.values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = series.values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let floor = low - 0.08 * (high - low);
    Panel::new()
        .title(series.name)
        .x_label("sample")
        .y_label(series.label)
        .height(220.0)
        .line("series", &x, &series.values)
        .colour(Colour::Grey)
        .size(1.0)
        .step("mean of the segment", &x, &means)
        .colour(Colour::Blue)
        .stroke(Stroke::Solid)
        .vlines("change found", &found)
        .colour(Colour::Sky)
        .points("marked by people", &people, &vec![floor; people.len()])
        .colour(Colour::Vermillion)
        .marker(Marker::Triangle)
}
