//! The report as one HTML page that needs no script, no network and no other file.

mod summary;

use crate::figure::identifier;
use crate::report::FileNames;
use crate::{Claim, Reference, Report, Section, Size, Verdict, number};
use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("style.css");
/// A table with more rows is folded away.
const LONG: usize = 12;

/// The whole page.
pub(crate) fn render(report: &Report, names: &[FileNames]) -> Markup {
    let mut figure_number = 0;
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                // an empty icon, so that no browser asks for one
                link rel="icon" href="data:,";
                title { "neuropil report" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#results" { "Skip to the results" }
                (summary::head(report))
                main id="results" {
                    (summary::table(report))
                    @for (section, names) in report.sections.iter().zip(names) {
                        (experiment(report, section, names, &mut figure_number))
                    }
                }
                footer {
                    p {
                        "Written by neuropil " (report.version) ". The same numbers are in "
                        a href="report.json" { "report.json" } "; all figures are in " code { "figures/" }
                        " and everything that is plotted or tabulated is in " code { "data/" } "."
                    }
                }
            }
        }
    }
}

/// The id of a section within the page.
fn section_id(section: &Section) -> String {
    identifier(&section.id)
}

/// The id of a claim within the page.
fn claim_id(section: &Section, claim: &Claim) -> String {
    format!("{}--{}", section_id(section), identifier(claim.id()))
}

/// A symbol and a word; the colour only repeats them.
fn verdict(claim: &Claim) -> Markup {
    let (class, symbol) = match claim.verdict() {
        Verdict::Holds => ("holds", "✓"),
        Verdict::Fails => ("fails", "✗"),
        Verdict::FailsAsDocumented => ("fails", "✗"),
    };
    html! { span class={ "verdict " (class) } { span aria-hidden="true" { (symbol) } " " (claim.verdict().word()) } }
}

fn reference(claim: &Claim) -> Markup {
    html! {
        @match claim.reference_value() {
            Some(Reference::Number(value)) => (number::typeset(*value)),
            Some(Reference::Text(text)) => (text),
            None => "–",
        }
    }
}

/// A reference in words wraps; a number stays on its line.
fn reference_class(claim: &Claim) -> &'static str {
    if matches!(claim.reference_value(), Some(Reference::Text(_))) { "words" } else { "number" }
}

fn interval(claim: &Claim) -> String {
    claim
        .uncertainty()
        .map_or_else(|| "–".into(), |(lo, hi)| format!("[{}, {}]", number::typeset(lo), number::typeset(hi)))
}

fn criterion(claim: &Claim) -> String {
    claim.criterion().to_string().replace("<=", "≤").replace(">=", "≥").replace("[-", "[−").replace(" -", " −")
}

/// A time for people.
fn duration(seconds: f64) -> String {
    match seconds {
        s if !s.is_finite() || s < 0.0 => "–".into(),
        s if s < 0.1 => format!("{s:.2} s"),
        s if s < 100.0 => format!("{s:.1} s"),
        s if s < 6000.0 => format!("{:.1} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

fn command(report: &Report, section: &Section) -> String {
    let mut command = format!("neuropil reproduce {}", section.id);
    if report.size == Size::Full {
        command.push_str(" --full");
    }
    if report.seed != 0 {
        command.push_str(&format!(" --seed {}", report.seed));
    }
    command
}

fn experiment(report: &Report, section: &Section, names: &FileNames, figure_number: &mut usize) -> Markup {
    let id = section_id(section);
    let origin: Vec<&str> = [&section.room, &section.paper, &section.figure]
        .into_iter()
        .map(String::as_str)
        .filter(|part| !part.is_empty())
        .collect();
    html! {
        section.experiment id=(id) aria-labelledby={ (id) "-heading" } {
            h2 id={ (id) "-heading" } { (section.title) }
            p.origin { (origin.join(" · ")) }
            @if !section.description.is_empty() { p { (section.description) } }
            @for (figure, name) in section.figures.iter().zip(&names.figures) {
                ({ *figure_number += 1; figure_markup(figure, name, *figure_number) })
            }
            @if !section.claims.is_empty() { (claims(section)) }
            @if !section.tables.is_empty() {
                h3 { "Tables" }
                @for (table, name) in section.tables.iter().zip(&names.tables) {
                    @if table.len() > LONG {
                        details {
                            summary { (table.title()) " (" (table.len()) " rows)" }
                            (scroll(table.title(), &table.markup()))
                        }
                    } @else { (scroll(table.title(), &table.markup())) }
                    p.files { a href=(name) { "CSV" span.hidden { " of the table " (table.title()) } } }
                }
            }
            @if !section.notes.is_empty() {
                h3 { "Notes" }
                @for note in &section.notes { p { (note) } }
            }
            h3 { "Reproduce" }
            p { "This experiment alone, in " (duration(section.seconds)) " on the machine above:" }
            pre tabindex="0" { code { (command(report, section)) } }
            @if section.parameters.as_object().is_some_and(|parameters| !parameters.is_empty()) {
                details {
                    summary { "Parameters" span.hidden { " of " (section.title) } }
                    pre { code { (serde_json::to_string_pretty(&section.parameters).unwrap_or_default()) } }
                }
            }
        }
    }
}

fn figure_markup(figure: &crate::Figure, name: &str, number: usize) -> Markup {
    // the file name is unique within the report, and so is an id made of it
    let svg = figure.to_svg_with_id(&identifier(name));
    html! {
        figure {
            div.drawing { (PreEscaped(svg)) }
            figcaption {
                b { "Figure " (number) ". " (figure.title()) @if !figure.title().ends_with(['.', '?', '!']) { "." } } " "
                (figure.description()) " "
                span.files {
                    a href={ (name) ".svg" } { "SVG" span.hidden { " of figure " (number) } } " · "
                    a href={ (name) ".png" } { "PNG" span.hidden { " of figure " (number) } }
                }
            }
        }
    }
}

fn claims(section: &Section) -> Markup {
    let caption = format!("Claims of {}", section.id);
    let table = html! {
        table.claims {
            caption { (caption) }
            thead { tr {
                th scope="col" { "Claim" }
                th scope="col" .number { "Reference" }
                th scope="col" { "Source" }
                th scope="col" .number { "Ours" }
                th scope="col" .number { "Interval" }
                th scope="col" { "Criterion" }
                th scope="col" { "Verdict" }
            } }
            tbody {
                @for claim in &section.claims {
                    tr id=(claim_id(section, claim)) {
                        th scope="row" { (claim.statement()) }
                        td class=(reference_class(claim)) { (reference(claim)) }
                        td { @if claim.reference_value().is_some() { (claim.source()) } @else { "–" } }
                        td.number { (number::typeset(claim.measured())) }
                        td.number { (interval(claim)) }
                        td.nowrap { (criterion(claim)) }
                        td { (verdict(claim)) }
                    }
                    @if let (false, Some(why)) = (claim.holds(), claim.deviation()) {
                        tr.deviation { td colspan="7" { b { "Known deviation. " } (why) } }
                    }
                }
            }
        }
    };
    html! { h3 { "Claims" } (scroll(&caption, &table)) }
}

/// A wide table scrolls by itself, also with the keyboard, so that the page never does.
fn scroll(label: &str, table: &Markup) -> Markup {
    html! { div.scroll role="region" tabindex="0" aria-label=(label) { (table) } }
}
