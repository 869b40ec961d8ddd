//! The verbs of the landscape room on the files that are shipped, and on files that cannot be used.

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use neuropil_data::arrays::read_npz;
use neuropil_data::{Npz, Overwrite};
use serde_json::Value;

fn data(name: &str) -> String {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../data").join(name).display().to_string()
}

fn neuropil(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_neuropil"));
    command.arg("landscape").args(arguments);
    command
}

fn document(arguments: &[&str]) -> Value {
    let output = neuropil(arguments).arg("--json").assert().success().get_output().stdout.clone();
    serde_json::from_slice(&output).unwrap()
}

fn result(arguments: &[&str]) -> Value {
    document(arguments)["result"].take()
}

fn on_the_teacher(verb: &str, more: &[&str]) -> Value {
    let (grid, network) = (data("teacher_grid.csv"), data("teacher_network.npz"));
    let mut arguments = vec![verb, &grid, "--parameters", &network, "--act", "g"];
    arguments.extend(more);
    result(&arguments)
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

/// Refused with exit status 2 and these words.
fn refuse(arguments: &[&str], words: &str) {
    let output = neuropil(arguments).assert().code(2).get_output().stderr.clone();
    let text = String::from_utf8(output).unwrap();
    assert!(text.contains(words), "{arguments:?}: {text}");
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// Trains two students of the teacher from different seeds; the files of their parameters.
fn two_students(folder: &Path, width: &str) -> (String, String) {
    let train = |seed: &str| {
        let out = folder.join(format!("student_{seed}.npz")).display().to_string();
        neuropil(&["train", &data("teacher_grid.csv"), "--width", width, "--act", "g", "--no-bias", "--starts", "6"])
            .args(["--seed", seed, "--out", &out])
            .assert()
            .success();
        out
    };
    (train("1"), train("2"))
}

#[test]
fn counts_are_printed_with_every_digit() {
    let output = neuropil(&["count", "4", "10"]).assert().success().get_output().stdout.clone();
    let text = String::from_utf8(output).unwrap();
    assert!(text.contains("20479560") && text.contains("818520"), "{text}");
    let layers = result(&["count", "4,3", "10,8"]);
    assert_eq!(layers["T"], (20_479_560_u64 * 147_756).to_string());
    assert_eq!(layers["G"], (818_520_u64 * 5796).to_string());
    let large = result(&["count", "5", "50"]);
    assert_eq!(large["T"], "140394945809195312807658994441333049383849176360453120");
    // More needed neurons than there are: nothing to count.
    assert_eq!(result(&["count", "5", "4"])["T"], "0");
}

#[test]
fn the_teacher_is_a_strict_minimum_of_zero_loss() {
    let report = on_the_teacher("report", &[]);
    assert_eq!(report["kind"], "strict_minimum");
    assert!(number(&report["loss"]) < 1e-28);
    let spectrum = on_the_teacher("spectrum", &[]);
    assert_eq!((spectrum["negative"].as_u64(), spectrum["positive"].as_u64()), (Some(0), Some(12)));
    let values = spectrum["table"]["eigenvalue"].as_array().unwrap();
    assert!((number(&values[0]) / 0.006185378628 - 1.0).abs() < 1e-8);
    assert!((number(&values[11]) / 38.8683232 - 1.0).abs() < 1e-8);
    let ends = on_the_teacher("spectrum", &["--extreme", "2"]);
    for (end, place) in [("smallest", 0), ("largest", 10)] {
        for k in 0..2 {
            assert!((number(&ends[end][k]) - number(&values[place + k])).abs() < 1e-7, "{ends}");
        }
    }
    assert!(ends["products"].as_u64().unwrap() >= 2);
}

#[test]
fn a_permuted_teacher_is_reached_at_zero_loss() {
    let path = on_the_teacher("path", &["--permutation", "1,2,3,0"]);
    assert_eq!(path["segments"], 11);
    assert_eq!(path["added_neurons"], 1);
    assert!(number(&path["max_loss"]) < 1e-27);
    assert!(number(&path["max_loss_straight_line"]) > 1e-3);
    assert!(number(&path["max_loss_straight_line_aligned"]) < 1e-27);
}

#[test]
fn two_networks_trained_separately_are_connected_at_zero_loss() {
    let folder = tempfile::tempdir().unwrap();
    // Width 5, one neuron more than the teacher has; width 4, where one is added; width 6, where copies remain, which
    // training leaves apart by the square root of its error.
    for width in ["5", "4", "6"] {
        let (a, b) = two_students(folder.path(), width);
        let plot = folder.path().join("path.svg").display().to_string();
        let grid = data("teacher_grid.csv");
        let path = result(&["path", &grid, "--parameters", &a, "--to", &b, "--plot", &plot, "--force"]);
        assert!(number(&path["max_loss"]) < 1e-20, "width {width}: {path}");
        assert!(number(&path["max_loss_straight_line"]) > 1e-3, "width {width}");
        assert_eq!(path["added_neurons"], u64::from(width == "4"));
        assert!(fs::read_to_string(plot).unwrap().starts_with("<svg"));
        fs::remove_file(a).unwrap();
        fs::remove_file(b).unwrap();
        for seed in [1, 2] {
            fs::remove_file(folder.path().join(format!("student_{seed}.npz.json"))).unwrap();
        }
    }
}

#[test]
fn an_aligned_network_is_close_to_its_reference() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = two_students(folder.path(), "4");
    let out = folder.path().join("aligned.npz").display().to_string();
    let found = result(&["align", &a, &b, "--out", &out]);
    assert!(number(&found["distance"]) < 1e-6, "{found}");
    assert!(number(&found["distance_before"]) > 0.1, "{found}");
    // What is written computes the same function, and needs no more relabelling.
    let grid = data("teacher_grid.csv");
    assert!(number(&result(&["report", &grid, "--parameters", &out])["loss"]) < 1e-20);
    let again = result(&["align", &a, &out]);
    assert_eq!(again["orders"][0], serde_json::json!([0, 1, 2, 3]));
}

#[test]
fn merged_neurons_end_at_a_saddle_of_index_two() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("saddle.npz").display().to_string();
    let merged = on_the_teacher("merge", &["--pair", "2,3", "--steps", "21", "--out", &out]);
    assert!((number(&merged["saddle_loss"]) / 1.2352600845e-2 - 1.0).abs() < 1e-8);
    assert_eq!((merged["index"].as_u64(), merged["zeros"].as_u64()), (Some(2), Some(1)));
    // The file holds the saddle, and a report of it says the same.
    let report = result(&["report", &data("teacher_grid.csv"), "--parameters", &out]);
    assert_eq!((&report["kind"], &report["index"], &report["zeros"]), (&"saddle".into(), &2.into(), &1.into()));
    assert_eq!(report["unexplained"], 0);
    assert_eq!(report["zero_modes"][0]["kind"], "plateau");
    assert_eq!(report["reduced_widths"][0], 3);
}

#[test]
fn what_is_trained_can_be_reported_in_every_form() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let grid = data("teacher_grid.csv");
    let train =
        ["train", &grid, "--width", "5", "--act", "tanh", "--starts", "2", "--t-max", "100", "--tolerance", "1e-8"];
    for out in ["student.npz", "student.csv", "student.json", "results"] {
        neuropil(&train).args(["--out", &at(out), "--plot", &at(&format!("{out}.png"))]).assert().success();
    }
    for name in ["student.npz.json", "student.csv.json", "results/train.npz", "results/train.csv", "results/train.json"]
    {
        assert!(folder.path().join(name).exists(), "{name}");
    }
    // The activation stands beside the parameters, in a file of its own or in the document of the folder.
    for parameters in ["student.npz", "results/train.npz", "student.json"] {
        let found = document(&["report", &grid, "--parameters", &at(parameters)]);
        assert_eq!(found["parameters"]["network"]["activations"][0], "tanh");
    }
    let table = fs::read_to_string(at("student.csv")).unwrap();
    assert!(table.starts_with("start,loss,gradient_max,end\n0,") && table.lines().count() == 3, "{table}");
    // What exists is not overwritten, unless asked for.
    refuse(&[&train[..], &["--out", &at("student.npz")]].concat(), "--force");
    neuropil(&train).args(["--out", &at("student.npz"), "--force"]).assert().success();
    refuse(&[&train[..], &["--out", &at("student.txt")]].concat(), ".txt");
    refuse(&[&train[..], &["--plot", &at("student.pdf")]].concat(), "svg");
}

#[test]
fn a_state_dict_of_pytorch_is_a_network() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state_dict.npz");
    let arrays = read_npz(data("teacher_network.npz").as_ref()).unwrap();
    let names = [("w1", "fc1.weight"), ("w2", "fc2.weight")];
    let array = |name: &str| arrays.iter().find(|array| array.name == name).unwrap().values.view();
    let file = names.iter().fold(Npz::new(), |file, (ours, theirs)| file.array(theirs, array(ours)));
    // Other arrays of a file are left out.
    let file = file.array("optimizer.step", array("w2"));
    file.write(&path, Overwrite::Refuse).unwrap();
    let path = path.display().to_string();
    let report = result(&["report", &data("teacher_grid.csv"), "--parameters", &path, "--act", "g"]);
    assert_eq!(report["kind"], "strict_minimum");
}

#[test]
fn the_same_bits_come_from_any_number_of_threads() {
    let grid = data("teacher_grid.csv");
    let with = |threads: &str| {
        let arguments =
            ["train", &grid, "--width", "4", "--starts", "4", "--no-bias", "--t-max", "100", "--threads", threads];
        neuropil(&arguments).args(["--json", "--seed", "3"]).assert().success().get_output().stdout.clone()
    };
    assert_eq!(with("1"), with("3"));
}

#[test]
fn classes_come_from_images_with_labels_and_from_words() {
    let digits = data("digits.npz");
    let train =
        ["train", &digits, "--width", "3", "--act", "softplus", "--starts", "1", "--t-max", "5", "--limit", "100"];
    let found = document(&[&train[..], &["--weight-decay", "1e-3", "--tolerance", "1e-4"]].concat());
    assert_eq!(found["input"]["data"]["loss"], "cross_entropy");
    assert_eq!(found["input"]["data"]["n_samples"], 100);
    assert!(number(&found["result"]["loss"]) < (10.0_f64).ln());
    let folder = tempfile::tempdir().unwrap();
    let table = write(folder.path(), "sides.csv", "x,side\n-2,left\n-1,left\n1,right\n2,right\n");
    let words = document(&["train", &table, "--width", "2", "--weight-decay", "0.01", "--starts", "1"]);
    assert_eq!(words["input"]["data"]["classes"], serde_json::json!(["left", "right"]));
    assert!(number(&words["result"]["loss"]) < 0.5);
    let numbers = write(folder.path(), "numbers.csv", "x,class\n-2,2\n-1,2\n1,10\n2,10\n");
    let classes =
        ["train", &numbers, "--loss", "cross-entropy", "--weight-decay", "0.01", "--starts", "1", "--width", "2"];
    assert_eq!(document(&classes)["input"]["data"]["classes"], serde_json::json!(["2", "10"]));
}

#[test]
fn bad_input_is_refused_with_status_two() {
    refuse(&["count", "4,3", "10"], "2 minimal widths and 1 widths");
    refuse(&["count", "four", "10"], "four");
    let (grid, network) = (data("teacher_grid.csv"), data("teacher_network.npz"));
    let with = |verb: &'static str, more: &[&'static str]| {
        let mut arguments = vec![verb, &grid, "--parameters", &network];
        arguments.extend(more);
        arguments.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let refuse_with = |verb: &'static str, more: &[&'static str], words: &str| {
        let arguments = with(verb, more);
        refuse(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), words);
    };
    refuse_with("merge", &["--act", "g", "--pair", "0,9"], "below 4");
    refuse_with("merge", &["--act", "g", "--pair", "0"], "two neurons");
    refuse_with("merge", &["--act", "bump", "--pair", "0,1"], "bump");
    refuse_with("merge", &["--act", "g", "--pair", "0,1", "--layer", "1"], "layer");
    refuse_with("report", &[], "--act");
    refuse(&["report", &grid, "--parameters", &data("wta_network.json")], "holds no network");
    refuse(&["report", &grid, "--parameters", "nowhere.npz", "--act", "g"], "nowhere.npz");
    refuse_with("report", &["--act", "g", "--act", "g"], "hidden layer");
    refuse_with("report", &["--act", "g", "--zero", "0"], "zero eigenvalues");
    refuse_with("path", &["--act", "g"], "--permutation");
    refuse_with("path", &["--act", "g", "--permutation", "0,0,1,2"], "permutation");
    refuse_with("path", &["--act", "g", "--permutation", "0,1"], "permutation");
    refuse_with("path", &["--act", "g", "--permutation", "1,0,2,3", "--layer", "1"], "--layer 1");
    refuse_with("spectrum", &["--act", "g", "--extreme", "0"], "at least 1");
    refuse_with("report", &["--act", "g", "--weight-decay=-1"], "weight");
    refuse(&["train", &grid, "--starts", "0"], "--starts");
    refuse(&["train", &grid, "--width", "0"], "width");
    refuse(&["train", &grid, "--target", "z"], "\"z\"");
    refuse(&["train", &network], "images");
    refuse(&["train", &data("digits.npz"), "--limit", "0"], "--limit");
    refuse(&["align", &network, &data("digits.npz"), "--act", "g"], "holds no parameters");
}

#[test]
fn tables_that_cannot_be_fitted_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let table = |name: &str, text: &str| write(folder.path(), name, text);
    refuse(&["train", &table("missing.csv", "x,y\n1,2\n,3\n")], "inputs[1, 0] is NaN");
    refuse(&["train", &table("target.csv", "x,y\n1,2\n2,\n")], "targets[1, 0] is NaN");
    refuse(&["train", &table("one.csv", "y\n1\n2\n")], "no column is left for the inputs");
    refuse(&["train", &table("word.csv", "x,y\n1,2\nlow,3\n")], "low");
    refuse(&["train", &table("class.csv", "x,y\n1,left\n2,\n"), "--loss", "cross-entropy"], "line 3");
    refuse(&["train", &table("none.csv", "x,y\n")], "at least one sample");
    refuse(
        &["report", &data("teacher_grid.csv"), "--parameters", &data("digits.npz"), "--act", "g"],
        "holds no parameters",
    );
    // A network of three inputs on data with two.
    let wide = table("wide.csv", "a,b,c,y\n1,2,3,4\n2,3,4,5\n");
    refuse(&["report", &wide, "--parameters", &data("teacher_network.npz"), "--act", "g"], "expected");
}
