//! The head of the page and the table of all verdicts.

use super::{claim_id, duration, interval, reference, reference_class, scroll, section_id, verdict};
use crate::{Report, Size, Tally, number};
use maud::{Markup, html};

/// Title, counts, and what was run where.
pub(super) fn head(report: &Report) -> Markup {
    let tally = report.tally();
    html! {
        header {
            h1 { "neuropil report" }
            p.lead { (counts(&tally)) }
            dl {
                div { dt { "Version" } dd { (report.version) } }
                div { dt { "Size" } dd { (report.size) @if report.size == Size::Quick { " (fewer repetitions than the papers)" } } }
                div { dt { "Seed" } dd { (report.seed) } }
                div { dt { "Machine" } dd {
                    (report.machine.system) ", " (report.machine.architecture) ", " (report.machine.threads)
                    (if report.machine.threads == 1 { " thread" } else { " threads" })
                } }
                div { dt { "Computing time" } dd { (duration(report.sections.iter().map(|section| section.seconds).sum())) } }
            }
        }
    }
}

fn counts(tally: &Tally) -> String {
    let claims = |n: usize| if n == 1 { "claim" } else { "claims" };
    if tally.hold + tally.fail == 0 {
        return "No claims were tested.".into();
    }
    let holds = if tally.hold == 1 { "holds" } else { "hold" };
    let fails = if tally.fail == 1 { "fails" } else { "fail" };
    let mut text = format!("{} {} {holds}, {} {fails}", tally.hold, claims(tally.hold), tally.fail);
    if tally.fail > 0 {
        text.push_str(&match (tally.documented, tally.fail) {
            (0, _) => " without a documented reason".into(),
            (documented, fail) if documented == fail => " for documented reasons".into(),
            (documented, _) => format!(", {documented} of them for documented reasons"),
        });
    }
    text + "."
}

/// One row per claim, grouped by experiment; an experiment without claims has a row of its own.
pub(super) fn table(report: &Report) -> Markup {
    let table = html! {
        table.summary {
            caption { "All claims: the reference value, of the paper where it gives one, beside ours" }
            thead { tr {
                th scope="col" { "Experiment" }
                th scope="col" { "Claim" }
                th scope="col" .number { "Reference" }
                th scope="col" .number { "Ours" }
                th scope="col" .number { "Interval" }
                th scope="col" { "Verdict" }
                th scope="col" .number { "Time" }
            } }
            @for section in &report.sections {
                tbody {
                    @let rows = section.claims.len().max(1);
                    @let name = html! {
                        th scope="rowgroup" rowspan=(rows) {
                            a href={ "#" (section_id(section)) } { (section.title) }
                            span.room { (section.room) @if !section.figure.is_empty() { ", " (section.figure) } }
                        }
                    };
                    @let time = html! { td.number rowspan=(rows) { (duration(section.seconds)) } };
                    @if section.claims.is_empty() {
                        tr { (name) td colspan="5" { "no claims" } (time) }
                    }
                    @for (index, claim) in section.claims.iter().enumerate() {
                        tr {
                            @if index == 0 { (name) }
                            td { a href={ "#" (claim_id(section, claim)) } { (claim.statement()) } }
                            td class=(reference_class(claim)) { (reference(claim)) }
                            td.number { (number::typeset(claim.measured())) }
                            td.number { (interval(claim)) }
                            td { (verdict(claim)) }
                            @if index == 0 { (time) }
                        }
                    }
                }
            }
        }
    };
    html! {
        section aria-labelledby="summary-heading" {
            h2 id="summary-heading" { "Summary" }
            (scroll("Summary of all claims", &table))
        }
    }
}
