//! Whatever numbers and texts arrive, a report comes out.

use neuropil_report::{Claim, ColourScale, Figure, HeatMap, Machine, Panel, Report, Section, Size, Source, Table};

const HOSTILE: &str = "<script>alert('x')</script> & \"quoted\" $5 \u{7}";

fn small() -> Report {
    let machine = Machine { system: "linux".into(), architecture: "x86_64".into(), threads: 2 };
    Report::new("1.2.3", Size::Full, 42).machine(machine)
}

#[test]
fn report_json_has_the_published_form() {
    let section = Section::new("room.thing", "room", "A thing")
        .published("Doe (2020)", "Figure 1")
        .parameters(serde_json::json!({"n": 3}))
        .seconds(1.5)
        .claim(
            Claim::new("c", "a number")
                .reference(2.0, Source::Theory)
                .value(2.5)
                .interval(2.0, f64::INFINITY)
                .at_most(3.0),
        )
        .figure(Figure::new("f", "F"))
        .table(Table::new("t", "T"));
    let expected = r#"{
  "neuropil": "1.2.3",
  "size": "full",
  "seed": 42,
  "machine": {
    "system": "linux",
    "architecture": "x86_64",
    "threads": 2
  },
  "experiments": [
    {
      "id": "room.thing",
      "room": "room",
      "paper": "Doe (2020)",
      "figure": "Figure 1",
      "title": "A thing",
      "seconds": 1.5,
      "parameters": {
        "n": 3
      },
      "claims": [
        {
          "id": "c",
          "statement": "a number",
          "reference": 2.0,
          "source": "theory",
          "value": 2.5,
          "interval": [
            2.0,
            "inf"
          ],
          "criterion": "<= 3",
          "holds": true,
          "known_deviation": null
        }
      ],
      "figures": [
        "figures/room.thing.f.svg"
      ],
      "tables": [
        "data/room.thing.t.csv",
        "data/room.thing.f.figure.csv"
      ]
    }
  ]
}
"#;
    assert_eq!(small().section(section).to_json().unwrap(), expected);
}

#[test]
fn every_text_is_escaped() {
    let x = [1.0, 2.0];
    let panel = Panel::new().title(HOSTILE).x_label(HOSTILE).y_label(HOSTILE).line(HOSTILE, &x, &x).bars(
        HOSTILE,
        &[HOSTILE],
        &[1.0],
    );
    let map = HeatMap::new(vec![vec![1.0]]).rows([HOSTILE]).columns([HOSTILE]).colour_label(HOSTILE);
    let section = Section::new(HOSTILE, HOSTILE, HOSTILE)
        .published(HOSTILE, HOSTILE)
        .describe(HOSTILE)
        .note(HOSTILE)
        .parameters(serde_json::json!({HOSTILE: HOSTILE}))
        .claim(
            Claim::new(HOSTILE, HOSTILE)
                .reference(HOSTILE, Source::Paper)
                .value(1.0)
                .at_most(0.0)
                .known_deviation(HOSTILE),
        )
        .figure(Figure::new(HOSTILE, HOSTILE).describe(HOSTILE).panel(panel).panel(Panel::new().heatmap(map)))
        .table(Table::new(HOSTILE, HOSTILE).column(HOSTILE, HOSTILE).row([HOSTILE.into()]));
    let html = small().section(section.clone()).section(section.clone()).to_html();
    assert!(!html.contains("<script"));
    assert!(html.contains("&lt;script&gt;"));
    let folder = tempfile::tempdir().unwrap();
    small().section(section.clone()).section(section).write(folder.path()).unwrap();
    // ids that are the same get file names that are not
    assert_eq!(std::fs::read_dir(folder.path().join("figures")).unwrap().count(), 4);
}

#[test]
fn no_data_is_too_strange_to_draw() {
    let strange: [&[f64]; 9] = [
        &[],
        &[f64::NAN, f64::NAN],
        &[0.0],
        &[3.0, 3.0, 3.0],
        &[f64::INFINITY, 1.0, f64::NEG_INFINITY],
        &[-1e300, 1e300],
        &[5e-324, 1e-320],
        &[-1.0, 0.0, 1.0],
        &[1e15, 1e15 + 1.0],
    ];
    for x in strange {
        for y in strange {
            let panel = || {
                Panel::new()
                    .line("a", x, y)
                    .step("b", x, y)
                    .points("c", x, y)
                    .band("d", x, y, x)
                    .error_bars("e", x, y, x, y)
                    .vlines("f", x)
                    .hlines("g", y)
            };
            let map = |scale| Panel::new().heatmap(HeatMap::new(vec![x.to_vec(), y.to_vec()]).scale(scale).annotate());
            let figure = Figure::new("strange", "Strange")
                .columns(3)
                .panel(panel())
                .panel(panel().log_x().log_y())
                .panel(panel().x_range(2.0, 1.0).y_range(f64::NAN, 1.0))
                .panel(map(ColourScale::Linear))
                .panel(map(ColourScale::Log))
                .panel(map(ColourScale::SymLog(0.0)))
                .panel(Panel::new().bars("h", &["p", "q"], y));
            let svg = figure.to_svg();
            assert!(!svg.contains("NaN"), "x = {x:?}, y = {y:?}");
            assert!(svg.len() < 200_000, "{} bytes for x = {x:?}, y = {y:?}", svg.len());
        }
    }
    assert!(Figure::new("empty", "Empty").share_x().to_svg().contains("</svg>"));
    assert!(Figure::new("empty", "Empty").panel(Panel::new().heatmap(HeatMap::new(Vec::new()))).to_png(1.0).is_ok());
}

#[test]
fn a_million_points_make_a_small_file() {
    let n = 1_000_000;
    let x: Vec<f64> = (0..n).map(f64::from).collect();
    let y: Vec<f64> = x.iter().map(|x| (x * 0.37).sin() + x * 1e-6).collect();
    let figure = Figure::new("many", "Many").panel(Panel::new().line("a", &x, &y).points("b", &x, &y));
    assert!(figure.to_svg().len() < 6_000_000);
}

#[test]
fn png_text_needs_no_font_of_the_system() {
    // kuva carries its font: a label changes the picture, wherever this runs
    let figure =
        |label: &str| Figure::new("f", "F").panel(Panel::new().x_label(label).line("", &[0.0, 1.0], &[0.0, 1.0]));
    let (with, without) = (figure("σ² (mV²)").to_png(1.0).unwrap(), figure(" ").to_png(1.0).unwrap());
    assert!(with.starts_with(b"\x89PNG"));
    assert_ne!(with, without);
    assert!(with.len() > without.len());
}

#[test]
fn a_figure_is_saved_by_the_ending_of_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let figure = Figure::new("f", "F").panel(Panel::new().line("", &[0.0, 1.0], &[0.0, 1.0]));
    figure.save(folder.path().join("a.svg")).unwrap();
    figure.save(folder.path().join("a.PNG")).unwrap();
    let refused = figure.save(folder.path().join("a.pdf")).unwrap_err().to_string();
    assert!(refused.contains("end its name in .svg or .png"), "{refused}");
    let nowhere = figure.save(folder.path().join("no/a.svg")).unwrap_err().to_string();
    assert!(nowhere.contains("does not exist; create it first"), "{nowhere}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}
