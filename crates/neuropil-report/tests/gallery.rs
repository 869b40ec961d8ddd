//! The gallery as a reader, a program and a parser see it.

#[path = "../examples/gallery/sections.rs"]
mod sections;

use neuropil_report::{Figure, Section};
use std::collections::{BTreeMap, HashSet};
use std::path::Path;

/// Every file under a folder with its bytes.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![folder.to_path_buf()];
    while let Some(place) = waiting.pop() {
        for entry in std::fs::read_dir(place).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_string_lossy().replace('\\', "/");
                found.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    found
}

fn figures() -> Vec<Figure> {
    sections::gallery().sections.into_iter().flat_map(|section| section.figures).collect()
}

/// Walks through markup and fails on what an XML parser would refuse: a tag that is not closed, an attribute without
/// quotes, a bare ampersand.
fn assert_well_formed(xml: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = xml;
    while let Some(start) = rest.find('<') {
        assert_entities(&rest[..start]);
        let end = start + rest[start..].find('>').expect("a tag ends");
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "closed in the wrong order");
            continue;
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "unbalanced quotes in <{tag}>");
        for (position, _) in
            tag.match_indices('=').filter(|(position, _)| tag[..*position].matches('"').count().is_multiple_of(2))
        {
            assert!(tag[position + 1..].starts_with('"'), "attribute without quotes in <{tag}>");
        }
        assert_entities(tag);
        if !tag.ends_with('/') {
            open.push(tag.split_whitespace().next().unwrap());
        }
    }
    assert!(open.is_empty(), "left open: {open:?}");
    assert!(rest.trim().is_empty());
}

fn assert_entities(text: &str) {
    for (position, _) in text.match_indices('&') {
        let rest = &text[position + 1..];
        let known = ["amp;", "lt;", "gt;", "quot;", "apos;"];
        assert!(known.iter().any(|entity| rest.starts_with(entity)), "bare ampersand in {text:?}");
    }
}

/// Attribute values by name, in the order of the text.
fn attributes<'a>(markup: &'a str, name: &str) -> Vec<&'a str> {
    let pattern = format!(" {name}=\"");
    markup.match_indices(&pattern).map(|(at, _)| markup[at + pattern.len()..].split('"').next().unwrap()).collect()
}

#[test]
fn the_same_report_has_the_same_bytes_and_leaves_no_temporary_file() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    sections::gallery().write(first.path()).unwrap();
    sections::gallery().write(second.path()).unwrap();
    sections::gallery().write(second.path()).unwrap();
    let (first, second) = (files(first.path()), files(second.path()));
    assert!(first == second);
    let endings: HashSet<&str> = first.keys().map(|name| name.rsplit('.').next().unwrap()).collect();
    assert_eq!(endings, HashSet::from(["html", "json", "svg", "png", "csv"]));
    assert_eq!(first.len(), 2 + 5 * 3 + 2);
}

#[test]
fn every_file_of_the_json_is_there() {
    let folder = tempfile::tempdir().unwrap();
    sections::gallery().write(folder.path()).unwrap();
    let json: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("report.json")).unwrap()).unwrap();
    let mut n = 0;
    for experiment in json["experiments"].as_array().unwrap() {
        for kind in ["figures", "tables"] {
            for name in experiment[kind].as_array().unwrap() {
                assert!(folder.path().join(name.as_str().unwrap()).is_file(), "{name}");
                n += 1;
            }
        }
    }
    assert_eq!(n, 5 * 2 + 2);
}

#[test]
fn every_svg_is_well_formed_named_and_self_contained() {
    for figure in figures() {
        let svg = figure.to_svg();
        assert_well_formed(&svg);
        for part in ["role=\"img\"", "viewBox=\"0 0 ", "<title id=", "<desc id=", "max-width:100%", "currentColor"] {
            assert!(svg.contains(part), "{} lacks {part}", figure.id());
        }
        let alone = svg.replacen("http://www.w3.org/2000/svg", "", 1);
        for outside in ["http", "url(", "href", "<image", "<style", "<script", "@"] {
            assert!(!alone.contains(outside), "{} refers outside: {outside}", figure.id());
        }
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{} has a coordinate that is no number", figure.id());
    }
}

#[test]
fn the_page_loads_nothing_and_repeats_no_id() {
    let html = sections::gallery().to_html();
    let alone = html.replace("http://www.w3.org/2000/svg", "");
    for outside in ["http:", "https:", "src=", "url(", "@import", "<script", "<iframe"] {
        assert!(!alone.contains(outside), "the page has {outside}");
    }
    let ids = attributes(&html, "id");
    let unique: HashSet<&&str> = ids.iter().collect();
    assert_eq!(ids.len(), unique.len());
    for target in attributes(&html, "href").into_iter().filter_map(|link| link.strip_prefix('#')) {
        assert!(unique.contains(&target), "#{target} leads nowhere");
    }
}

#[test]
fn a_failing_claim_is_shown_as_failing_with_its_reason() {
    let report = sections::gallery();
    let html = report.to_html();
    assert_eq!((report.tally().hold, report.tally().fail, report.tally().documented), (5, 3, 1));
    assert!(!report.tally().is_accounted_for());
    assert!(html.contains("5 claims hold, 3 fail, 1 of them for documented reasons."));
    // each verdict stands in the summary and in its section
    assert_eq!(html.matches("</span> fails, documented</span>").count(), 2);
    assert_eq!(html.matches("</span> fails</span>").count(), 4);
    assert!(html.contains("<b>Known deviation. </b>"));
}

#[test]
fn a_stored_section_shows_the_same_figures_and_claims() {
    for section in sections::gallery().sections {
        let text = serde_json::to_string(&section).unwrap();
        let back: Section = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&back).unwrap(), text);
        for (before, after) in section.figures.iter().zip(&back.figures) {
            assert_eq!(before.to_svg(), after.to_svg());
        }
        for (before, after) in section.claims.iter().zip(&back.claims) {
            assert_eq!(before.verdict(), after.verdict());
        }
    }
}
