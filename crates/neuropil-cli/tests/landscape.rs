//! The verbs of the landscape room on the files that are shipped.

use std::path::PathBuf;

use assert_cmd::Command;
use serde_json::Value;

fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../data").join(name)
}

fn neuropil(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_neuropil"));
    command.args(arguments);
    command
}

fn on_the_teacher(verb: &str, more: &[&str]) -> Value {
    let (grid, network) = (data("teacher_grid.csv"), data("teacher_network.npz"));
    let output = neuropil(&["landscape", verb])
        .arg(grid)
        .arg("--parameters")
        .arg(network)
        .args(["--act", "g", "--json"])
        .args(more)
        .assert()
        .success()
        .get_output()
        .stdout
        .clone();
    serde_json::from_slice::<Value>(&output).unwrap()["result"].take()
}

#[test]
fn counts_are_printed_with_every_digit() {
    let output = neuropil(&["landscape", "count", "4", "10"]).assert().success().get_output().stdout.clone();
    let text = String::from_utf8(output).unwrap();
    assert!(text.contains("20479560") && text.contains("818520"), "{text}");
}

#[test]
fn the_teacher_is_a_strict_minimum_of_zero_loss() {
    let report = on_the_teacher("report", &[]);
    assert_eq!(report["kind"], "strict_minimum");
    assert!(report["loss"].as_f64().unwrap() < 1e-28);
    let spectrum = on_the_teacher("spectrum", &[]);
    assert_eq!((spectrum["negative"].as_u64(), spectrum["positive"].as_u64()), (Some(0), Some(12)));
}

#[test]
fn a_permuted_teacher_is_reached_at_zero_loss() {
    let path = on_the_teacher("path", &["--permutation", "1,2,3,0"]);
    assert_eq!(path["segments"], 11);
    assert!(path["max_loss"].as_f64().unwrap() < 1e-27);
    assert!(path["max_loss_straight_line"].as_f64().unwrap() > 1e-3);
}

#[test]
fn merged_neurons_end_at_a_saddle_of_index_two() {
    let merged = on_the_teacher("merge", &["--pair", "2,3", "--steps", "21"]);
    assert!((merged["saddle_loss"].as_f64().unwrap() / 1.2352600845e-2 - 1.0).abs() < 1e-8);
    assert_eq!((merged["index"].as_u64(), merged["zeros"].as_u64()), (Some(2), Some(1)));
}

#[test]
fn what_is_trained_can_be_reported() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("student.npz");
    neuropil(&["landscape", "train"])
        .arg(data("teacher_grid.csv"))
        .args(["--width", "5", "--act", "g", "--no-bias", "--starts", "2", "--out"])
        .arg(&out)
        .assert()
        .success();
    neuropil(&["landscape", "report"]).arg(data("teacher_grid.csv")).arg("--parameters").arg(&out).assert().success();
}

#[test]
fn bad_input_is_refused_with_status_two() {
    let refuse = |arguments: &[&str], words: &str| {
        let output = neuropil(arguments).assert().code(2).get_output().stderr.clone();
        let text = String::from_utf8(output).unwrap();
        assert!(text.contains(words), "{text}");
    };
    refuse(&["landscape", "count", "4,3", "10"], "2 minimal widths and 1 widths");
    let (grid, network) = (data("teacher_grid.csv"), data("teacher_network.npz"));
    let (grid, network) = (grid.to_str().unwrap(), network.to_str().unwrap());
    let with = |more: &[&'static str]| {
        let mut arguments = vec!["landscape", "merge", grid, "--parameters", network];
        arguments.extend(more);
        arguments
    };
    refuse(&with(&["--pair", "0,9"]), "below 4");
    refuse(&with(&["--pair", "0"]), "two neurons");
    refuse(&with(&["--pair", "0,1", "--act", "bump"]), "bump");
}
