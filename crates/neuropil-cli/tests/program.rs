//! What scripts rely on: exit statuses, what goes to stdout and stderr, what is refused.

use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn neuropil(args: &[&str]) -> Output {
    Command::cargo_bin("neuropil").unwrap().current_dir(root()).args(args).output().unwrap()
}

fn status(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The words of every command that does something, found by walking through the help.
fn commands() -> Vec<Vec<String>> {
    fn walk(path: &[String], found: &mut Vec<Vec<String>>) {
        let args: Vec<&str> = path.iter().map(String::as_str).chain(["--help"]).collect();
        let help = stdout(&neuropil(&args));
        let Some((_, list)) = help.split_once("Commands:\n") else {
            found.push(path.to_vec());
            return;
        };
        for line in list.lines().take_while(|line| !line.is_empty()) {
            if let Some(name) = line.strip_prefix("  ").and_then(|rest| rest.split_whitespace().next())
                && !line.starts_with("   ")
            {
                walk(&[path, &[name.to_owned()]].concat(), found);
            }
        }
    }
    let mut found = Vec::new();
    walk(&[], &mut found);
    found
}

#[test]
fn version_and_help_succeed_on_stdout() {
    let version = neuropil(&["--version"]);
    assert_eq!((status(&version), stdout(&version).starts_with("neuropil ")), (0, true));
    let help = neuropil(&["--help"]);
    assert_eq!(status(&help), 0);
    assert!(stdout(&help).contains("reproduce") && help.stderr.is_empty());
}

#[test]
fn bad_usage_is_status_2_with_a_message_on_stderr_only() {
    for args in [
        &["surprises"][..],
        &["reproduce", "--jobs", "0"],
        &["reproduce", "--resume", "--fresh"],
        &["--threads", "0", "doctor"],
        &["--quiet", "--verbose", "doctor"],
        &["data", "inspect"],
        &["cite", "surprise", "--plot", "a.svg"],
        &["doctor", "--out", "a.json"],
        &["reproduce", "surprise.no-such-figure"],
    ] {
        let output = neuropil(args);
        assert_eq!(status(&output), 2, "{args:?}: {}", stderr(&output));
        assert!(output.stdout.is_empty(), "{args:?} wrote to stdout");
        assert!(stderr(&output).starts_with("error: "), "{args:?}: {}", stderr(&output));
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    for args in [&["data", "inspect", "no/such.csv"][..], &["surprise", "filter", "no/such.csv"]] {
        let output = neuropil(args);
        assert_eq!(status(&output), 2);
        assert!(stderr(&output).contains("no/such.csv"), "{}", stderr(&output));
    }
}

#[test]
fn an_unknown_experiment_is_answered_with_near_matches_or_the_list() {
    let output = neuropil(&["reproduce", "surprize", "--list"]);
    assert_eq!(status(&output), 2);
    assert!(stderr(&output).contains("there is no experiment \"surprize\""), "{}", stderr(&output));
}

#[test]
fn json_is_one_document_with_the_same_keys_everywhere() {
    for args in [
        &["doctor", "--json"][..],
        &["cite", "surprise", "--json"],
        &["data", "inspect", "data/nile.csv", "--json"],
        &["reproduce", "--list", "--json"],
        &["surprise", "filter", "data/nile.csv", "--column", "flow_1e8_m3", "--json"],
    ] {
        let output = neuropil(args);
        assert_eq!(status(&output), 0, "{args:?}: {}", stderr(&output));
        let document: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
        let keys: Vec<&String> = document.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["neuropil", "schema", "command", "seed", "parameters", "input", "result"], "{args:?}");
    }
}

#[test]
fn every_verb_has_help_with_two_examples_that_work_on_the_shipped_data() {
    let folder = tempfile::tempdir().unwrap();
    copy(&root().join("data"), &folder.path().join("data"));
    for command in commands() {
        let args: Vec<&str> = command.iter().map(String::as_str).chain(["--help"]).collect();
        let help = stdout(&neuropil(&args));
        let Some((_, examples)) = help.split_once("Examples:\n") else {
            assert!(["doctor"].contains(&command[0].as_str()), "{command:?} has no examples");
            continue;
        };
        let examples: Vec<String> = examples
            .replace("\\\n", " ")
            .lines()
            .map(str::trim)
            .filter(|line| line.starts_with("neuropil "))
            .map(str::to_owned)
            .collect();
        assert!(examples.len() >= 2, "{command:?} has {} examples", examples.len());
        if command[0] == "reproduce" {
            continue; // the report has its own test
        }
        for example in examples {
            let program = assert_cmd::cargo::cargo_bin("neuropil");
            let line = example.replacen("neuropil", &format!("'{}'", program.display()), 1);
            let output =
                std::process::Command::new("sh").args(["-c", &line]).current_dir(folder.path()).output().unwrap();
            assert!(output.status.success(), "{example}: {}", stderr(&output));
        }
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        if entry.path().is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

#[test]
fn completions_exist_for_every_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = neuropil(&["completions", shell]);
        assert_eq!(status(&output), 0);
        assert!(stdout(&output).contains("reproduce"), "{shell}");
    }
    assert_eq!(status(&neuropil(&["completions", "tcsh"])), 2);
}

#[test]
fn a_reader_that_stops_early_is_no_error() {
    let program = assert_cmd::cargo::cargo_bin("neuropil");
    let line = format!(
        "'{}' surprise filter data/gaussian_task.csv --column y --sigma 0.1 --json | head -c 10; echo ${{PIPESTATUS[0]}}",
        program.display()
    );
    let output = std::process::Command::new("bash").args(["-c", &line]).current_dir(root()).output().unwrap();
    assert!(stdout(&output).trim_end().ends_with('0'), "{}", stdout(&output));
    assert!(output.stderr.is_empty(), "{}", stderr(&output));
}

#[test]
fn nothing_but_data_reaches_stdout_and_quiet_silences_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("filtered.csv");
    let args = ["surprise", "filter", "data/nile.csv", "--column", "flow_1e8_m3", "--json", "--out"];
    let loud = neuropil(&[&args[..], &[out.to_str().unwrap()]].concat());
    serde_json::from_slice::<Value>(&loud.stdout).unwrap();
    assert!(stderr(&loud).contains("wrote"));
    let quiet = neuropil(&[&args[..], &[out.to_str().unwrap(), "--force", "--quiet"]].concat());
    assert_eq!(status(&quiet), 0);
    assert!(quiet.stderr.is_empty(), "{}", stderr(&quiet));
}

#[test]
fn an_output_in_the_way_is_refused_before_any_work_and_overwritten_with_force() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["table.csv", "arrays.npz", "document.json", "plot.svg", "plot.png"] {
        let path = folder.path().join(name);
        std::fs::write(&path, "mine").unwrap();
        let option = if name.starts_with("plot") { "--plot" } else { "--out" };
        // The input does not exist: the refusal of the output comes first.
        let refused = neuropil(&["surprise", "filter", "no/such.csv", option, path.to_str().unwrap()]);
        assert_eq!(status(&refused), 2);
        assert!(stderr(&refused).contains("exists already"), "{}", stderr(&refused));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
        let args = ["surprise", "filter", "data/nile.csv", "--column", "flow_1e8_m3", "--force", option];
        let forced = neuropil(&[&args[..], &[path.to_str().unwrap()]].concat());
        assert_eq!(status(&forced), 0, "{}", stderr(&forced));
        assert_ne!(std::fs::read(&path).unwrap(), b"mine");
    }
}

#[test]
fn a_folder_gets_every_form_of_the_result() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("result");
    let args = ["surprise", "filter", "data/nile.csv", "--column", "flow_1e8_m3", "--out", out.to_str().unwrap()];
    assert_eq!(status(&neuropil(&args)), 0);
    for name in ["filter.csv", "filter.npz", "filter.json"] {
        assert!(out.join(name).is_file(), "{name} is missing");
    }
    assert_eq!(status(&neuropil(&args)), 2, "the second run must not overwrite the first");
    let strange = neuropil(&["surprise", "filter", "data/nile.csv", "--out", "result.xlsx"]);
    assert_eq!(status(&strange), 2);
    assert!(stderr(&strange).contains(".xlsx"));
}
