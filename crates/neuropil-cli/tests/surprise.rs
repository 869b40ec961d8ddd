//! The verbs of the room on small inputs: the numbers that arrive, and the sentences of what is refused.

use std::io::Write;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(".csv").tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn run(verb: &str, input: &Path, args: &[&str]) -> std::result::Result<Value, String> {
    let output = Command::cargo_bin("neuropil")
        .unwrap()
        .current_dir(root())
        .args(["surprise", verb, "--json"])
        .arg(input)
        .args(args)
        .output()
        .unwrap();
    if output.status.success() {
        Ok(serde_json::from_slice(&output.stdout).unwrap())
    } else {
        assert_eq!(output.status.code(), Some(2));
        Err(String::from_utf8(output.stderr).unwrap())
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|value| value.as_f64().unwrap_or(f64::NAN)).collect()
}

fn assert_close(got: &[f64], wanted: &[f64]) {
    assert_eq!(got.len(), wanted.len());
    for (got, wanted) in got.iter().zip(wanted) {
        assert!((got - wanted).abs() < 1e-8, "{got} is not {wanted}");
    }
}

const STREAM: &str = "y,block\n0.5,a\n-0.3,a\n1.2,a\n4.0,a\n3.8,a\n";

#[test]
fn filter_prints_the_exact_posterior() {
    let input = file(STREAM);
    let document = run("filter", input.path(), &["--column", "y", "--hazard", "0.1"]).unwrap();
    let result = &document["result"];
    assert_close(&[result["log_evidence"].as_f64().unwrap()], &[-13.215235364]);
    let means = [0.25, 0.0462443495, 0.3699683758, 1.4264212193, 2.2662026259];
    assert_close(&numbers(&result["columns"]["mean"]), &means);
    assert_eq!(document["input"]["n"], 5);
    assert_eq!(document["parameters"]["family"]["name"], "gaussian");
}

#[test]
fn every_method_can_be_chosen_and_its_parameters_arrive() {
    let input = file(STREAM);
    let last = |args: &[&str]| {
        let document = run("filter", input.path(), &[&["--column", "y", "--hazard", "0.1"], args].concat()).unwrap();
        numbers(&document["result"]["columns"]["mean"])[4]
    };
    assert_close(&[last(&["--method", "mp", "--n", "1"])], &[1.5333333333]);
    assert_close(&[last(&["--method", "varsmile", "--m", "0.1"])], &[1.7183532093]);
    assert_close(&[last(&["--method", "nassar10"])], &[1.7483622279]);
    assert_close(&[last(&["--method", "nassar12"])], &[2.0779281629]);
    assert_close(&[last(&["--method", "leaky", "--omega", "0.9"])], &[2.0710971649]);
    assert!(last(&["--method", "pf", "--particles", "100", "--seed", "3"]).is_finite());
}

#[test]
fn blocks_start_from_the_prior_and_missing_values_let_time_pass() {
    let input = file("y,block\n0.5,a\n-0.3,a\n0.5,b\n-0.3,b\n,b\n");
    let args = ["--column", "y", "--hazard", "0.1", "--block-column", "block"];
    let document = run("filter", input.path(), &args).unwrap();
    let mean = numbers(&document["result"]["columns"]["mean"]);
    assert_eq!(mean[..2], mean[2..4]);
    assert_eq!(document["input"]["blocks"], 2);
    let refusal = run("filter", input.path(), &[&args[..], &["--missing", "error"]].concat()).unwrap_err();
    assert!(refusal.contains("observation 4"), "{refusal}");
}

#[test]
fn what_does_not_fit_is_refused_with_both_names() {
    let input = file(STREAM);
    for (args, words) in [
        (&["--family", "poisson", "--sigma", "2"][..], &["--sigma", "poisson"][..]),
        (&["--method", "pf", "--omega", "0.5"], &["--omega", "leaky", "pf"]),
        (&["--hazard", "1.5"], &["hazard", "[0, 1]", "1.5"]),
        (&["--sigma", "0"], &["sigma"]),
        (&["--method", "mp", "--n", "0"], &["n"]),
        (&["--method", "leaky", "--omega", "1"], &["omega"]),
        (&["--family", "gaussian-unknown-variance", "--method", "nassar10"], &["nassar10", "gaussian"]),
        (&["--family", "bernoulli"], &["observation 0", "bernoulli"]),
        (&["--array", "y"], &["--array", "npz"]),
        (&["--segment-lengths", "3"], &["--segment-lengths", "two"]),
    ] {
        let column = if args.contains(&"--array") { &[][..] } else { &["--column", "y"][..] };
        let refusal = run("filter", input.path(), &[args, column].concat()).unwrap_err();
        for word in words {
            assert!(refusal.contains(word), "{args:?}: \"{word}\" is not in: {refusal}");
        }
    }
}

#[test]
fn a_seed_fixes_the_result_on_any_number_of_threads() {
    let args = |threads: &'static str| ["--column", "y", "--sigma", "0.1", "--method", "pf", "--threads", threads];
    let input = root().join("data/gaussian_task.csv");
    let one = run("filter", &input, &args("1")).unwrap();
    assert_eq!(one, run("filter", &input, &args("2")).unwrap());
}
