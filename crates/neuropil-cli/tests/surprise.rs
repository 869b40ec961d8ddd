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

fn run(verb: &str, input: &Path, args: &[&str]) -> Result<Value, String> {
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

#[test]
fn smooth_and_segment_look_back_exactly() {
    let input = file(STREAM);
    let args = ["--column", "y", "--hazard", "0.1"];
    let smooth = run("smooth", input.path(), &args).unwrap();
    let columns = &smooth["result"]["columns"];
    let means = [0.4558605259, 0.4838961053, 1.2337385234, 2.2580729405, 2.2662026259];
    assert_close(&numbers(&columns["mean"]), &means);
    let change = [0.0, 0.0958831332, 0.3736846932, 0.4602783101, 0.0171664899];
    assert_close(&numbers(&columns["change_probability"]), &change);

    let segment = run("segment", input.path(), &[&args[..], &["--count", "--draws", "3"]].concat()).unwrap();
    let result = &segment["result"];
    assert_close(&[result["log_evidence"].as_f64().unwrap()], &[-13.215235364]);
    assert_close(&[numbers(&result["change_count"]["probability"]).iter().sum()], &[1.0]);
    assert_eq!(result["draws"].as_array().unwrap().len(), 3);
}

#[test]
fn the_flow_of_the_nile_changed_with_the_first_dam() {
    let args = ["--column", "flow_1e8_m3", "--sigma", "130", "--prior-mean", "900", "--prior-sd", "200"];
    let annotations = ["--annotations", "data/annotations.csv"];
    let nile = root().join("data/nile.csv");
    let segment = run("segment", &nile, &[&args[..], &annotations].concat()).unwrap();
    assert_eq!(segment["result"]["changes"], serde_json::json!([28]));
    assert!(segment["result"]["agreement"]["covering"].as_f64().unwrap() > 0.8);
    let fit = run("fit-hazard", &nile, &args).unwrap();
    assert_eq!(fit["result"]["converged"], true);
    let hazard = fit["result"]["hazard"].as_f64().unwrap();
    let interval = numbers(&fit["result"]["interval"]);
    assert!(interval[0] < hazard && hazard < interval[1]);
    for online in ["grid", "beta"] {
        let learned = run("fit-hazard", &nile, &[&args[..], &["--online", online]].concat()).unwrap();
        assert_eq!(numbers(&learned["result"]["columns"]["hazard_mean"]).len(), 100);
    }
}

/// Runs a verb without an input.
fn without_input(verb: &str, args: &[&str]) -> Value {
    let output =
        Command::cargo_bin("neuropil").unwrap().args(["surprise", verb, "--json"]).args(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn every_family_is_simulated_and_what_is_simulated_can_be_filtered() {
    let folder = tempfile::tempdir().unwrap();
    for family in [
        "gaussian",
        "gaussian-unknown-variance",
        "gaussian-known-mean",
        "multivariate-gaussian",
        "bernoulli",
        "binomial",
        "categorical",
        "multinomial",
        "poisson",
        "exponential",
        "geometric",
        "regression",
        "regression-unknown-noise",
    ] {
        let out = folder.path().join(format!("{family}.csv"));
        let args = ["--family", family, "--length", "30", "--hazard", "0.1", "--out", out.to_str().unwrap()];
        let simulated = without_input("simulate", &args);
        let columns = simulated["result"]["columns"].as_object().unwrap();
        assert_eq!(columns["change"].as_array().unwrap().len(), 30);
        let names: Vec<&String> =
            columns.keys().filter(|name| ["y", "x_", "count_"].iter().any(|start| name.starts_with(start))).collect();
        let chosen: Vec<&str> = names.iter().flat_map(|name| ["--column", name]).collect();
        let filtered = run("filter", &out, &[&chosen[..], &["--family", family]].concat());
        let filtered = filtered.unwrap_or_else(|error| panic!("{family}: {error}"));
        assert!(filtered["result"]["log_evidence"].is_number(), "{family}");
    }
}

#[test]
fn one_of_several_sequences_is_the_sequence_of_its_own_seed() {
    let length = ["--length", "20", "--sequences"];
    let several = without_input("simulate", &[&length[..], &["3", "--seed", "5"]].concat());
    let third = without_input("simulate", &[&length[..], &["1", "--seed", "7"]].concat());
    let y = |document: &Value| numbers(&document["result"]["columns"]["y"]);
    assert_eq!(y(&several)[40..], y(&third)[..]);
}

#[test]
fn simulate_writes_csv_to_stdout_for_a_pipe() {
    let program = assert_cmd::cargo::cargo_bin("neuropil");
    let line = format!("'{0}' surprise simulate --length 50 | '{0}' surprise filter - --column y", program.display());
    let output = std::process::Command::new("sh").args(["-c", &line]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("observations              50"));
}

#[test]
fn exact_bayes_wins_the_comparison_with_the_truth() {
    let input = root().join("data/gaussian_task.csv");
    let args = ["--column", "y", "--sigma", "0.1", "--truth", "true_mean", "--hazard", "0.01"];
    let document = run("compare", &input, &args).unwrap();
    let columns = &document["result"]["columns"];
    assert_eq!(columns["method"][0], "exact");
    assert_eq!(columns["method"].as_array().unwrap().len(), 9);
    for (name, regret) in columns["method"].as_array().unwrap().iter().zip(numbers(&columns["regret"])) {
        assert!(regret > -1e-4, "{name} has a regret of {regret}");
    }
    let refusal = run("compare", &input, &["--column", "y", "--methods", "exact,leaky", "--n", "5"]).unwrap_err();
    assert!(refusal.contains("--n belongs to the method mp or sor or pf"), "{refusal}");
}

#[test]
fn an_alarm_is_calibrated_and_finds_the_clear_changes() {
    let input = root().join("data/gaussian_task.csv");
    let args =
        ["--column", "y", "--sigma", "0.1", "--average-run-length", "500", "--length", "200", "--refractory", "10"];
    let document = run("alarm", &input, &args).unwrap();
    let calibration = &document["result"]["calibration"];
    let rate = calibration["achieved_rate"].as_f64().unwrap();
    assert!((rate * 500.0 - 1.0).abs() < 0.3, "one false alarm per {} observations", 1.0 / rate);
    assert!(document["result"]["alarms"].as_array().unwrap().contains(&Value::from(137)));
    let refusal = run("alarm", &input, &["--column", "y"]).unwrap_err();
    assert!(refusal.contains("--false-alarms"), "{refusal}");
}

#[test]
fn a_simulated_subject_is_fitted_alone_as_in_the_group() {
    let folder = tempfile::tempdir().unwrap();
    let simulate = |name: &str, sequences: &str| {
        let path = folder.path().join(name);
        let args = ["--sigma", "0.5", "--hazard", "0.1", "--length", "150", "--sequences", sequences];
        let response = ["--response-model", "report", "--response-sd", "0.2", "--method", "varsmile", "--m", "0.3"];
        without_input("simulate", &[&args[..], &response, &["--out", path.to_str().unwrap()]].concat());
        path
    };
    let fit = ["--column", "y", "--response", "response", "--sigma", "0.5", "--method", "varsmile", "--starts", "2"];
    let group =
        run("fit-subjects", &simulate("group.csv", "3"), &[&fit[..], &["--subject-column", "subject"]].concat());
    let group = group.unwrap();
    let alone = run("fit-subjects", &simulate("alone.csv", "1"), &fit).unwrap();
    let (first, only) = (&group["result"]["subjects"][0], &alone["result"]["subjects"][0]);
    assert_eq!(first["parameters"], only["parameters"]);
    let sd = only["parameters"][1]["value"].as_f64().unwrap();
    assert!((sd - 0.2).abs() < 0.05, "response_sd is {sd}");
    let m = &only["parameters"][0]["interval"];
    assert!(m[0].as_f64().unwrap() < 0.3 && 0.3 < m[1].as_f64().unwrap(), "m lies in {m}");
}

#[test]
fn a_design_is_judged_before_the_experiment() {
    let args = ["--sigma", "0.5", "--hazard", "0.1", "--trials", "100", "--subjects", "6", "--starts", "1"];
    let more = ["--method", "varsmile", "--confuse", "leaky", "--response-sd", "0.2", "--range", "m=0.05..2"];
    let document = without_input("recover", &[&args[..], &more].concat());
    let result = &document["result"];
    assert_eq!(result["parameters"][0]["name"], "m");
    assert_eq!(result["confusion"]["names"], serde_json::json!(["varsmile", "leaky"]));
    let row: u64 = result["confusion"]["by_bic"][0].as_array().unwrap().iter().filter_map(Value::as_u64).sum();
    assert_eq!(row, 6);
}

#[test]
fn the_measures_of_surprise_can_be_saved_as_a_table_with_units() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("regressors.tsv");
    let input = file(STREAM);
    run("filter", input.path(), &["--column", "y", "--regressors", "--out", out.to_str().unwrap()]).unwrap();
    let header = std::fs::read_to_string(&out).unwrap();
    assert!(header.lines().next().unwrap().contains("bayesian_surprise_nat"), "{header}");
    let sidecar: Value = serde_json::from_slice(&std::fs::read(out.with_extension("json")).unwrap()).unwrap();
    assert_eq!(sidecar["shannon_surprise_nat"]["Units"], "nat");
}

#[test]
fn the_logarithm_of_the_surprise_can_have_another_base() {
    let input = file(STREAM);
    let surprise = |name: &str, more: &[&str]| {
        let args = [&["--column", "y", "--hazard", "0.1"], more].concat();
        numbers(&run("filter", input.path(), &args).unwrap()["result"]["columns"][name])
    };
    let nats = surprise("shannon_surprise_nat", &[]);
    let decimal = surprise("shannon_surprise_log10", &["--log-base", "10"]);
    assert_close(&decimal, &nats.iter().map(|nats| nats / std::f64::consts::LN_10).collect::<Vec<_>>());
    let bayesian = ["bayesian_surprise_nat", "bayesian_surprise_log2"];
    let (nats, bits) =
        (surprise(bayesian[0], &["--regressors"]), surprise(bayesian[1], &["--regressors", "--log-base", "2"]));
    assert_close(&bits, &nats.iter().map(|nats| nats / std::f64::consts::LN_2).collect::<Vec<_>>());
    let refusal = run("filter", input.path(), &["--column", "y", "--log-base", "1"]).unwrap_err();
    assert!(refusal.contains("--log-base must be larger than 1 and finite, got 1"), "{refusal}");
}

#[test]
fn the_plot_of_a_filter_shows_the_posterior_over_run_lengths_where_there_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let input = file(STREAM);
    for (method, shown) in [("exact", true), ("mp", true), ("varsmile", false)] {
        let plot = folder.path().join(format!("{method}.svg"));
        let args = ["--column", "y", "--method", method, "--plot", plot.to_str().unwrap()];
        run("filter", input.path(), &args).unwrap();
        let picture = std::fs::read_to_string(&plot).unwrap();
        assert_eq!(picture.contains("run length"), shown, "{method}");
    }
}

#[test]
fn a_table_without_rows_is_refused_with_what_is_needed() {
    let refusal = run("filter", file("y\n").path(), &["--column", "y"]).unwrap_err();
    assert!(refusal.contains("at least 1"), "{refusal}");
    let refusal = run("fit-hazard", file("y\n0.5\n").path(), &["--column", "y"]).unwrap_err();
    assert!(refusal.contains("at least 2"), "{refusal}");
}

#[test]
fn numbers_that_are_none_and_crowds_of_particles_are_refused_with_a_sentence() {
    let input = file(STREAM);
    let refused = |args: &[&str]| run("filter", input.path(), &[&["--column", "y"], args].concat()).unwrap_err();
    for value in ["nan", "inf"] {
        let message = refused(&["--sigma", value]);
        assert!(message.contains("--sigma must be a finite number"), "{message}");
    }
    let message = refused(&["--method", "pf", "--n", "99999999999999"]);
    assert!(message.contains("n must be at most 10000000 particles"), "{message}");
}

#[test]
fn compare_leaves_smile_out_where_the_hazard_gives_it_no_modulation() {
    let input = file(STREAM);
    for hazard in [&["--hazard", "1"][..], &["--segment-lengths", "2,0.1"]] {
        let document = run("compare", input.path(), &[&["--column", "y"], hazard].concat()).unwrap();
        let names = document["result"]["columns"]["method"].to_string();
        assert!(names.contains("exact") && !names.contains("\"smile"), "{names}");
    }
    let message = run("compare", input.path(), &["--column", "y", "--hazard", "1", "--m", "-1"]).unwrap_err();
    assert!(message.contains("m must be a finite number >= 0"), "{message}");
}

#[test]
fn a_file_of_results_is_the_same_with_and_without_the_document() {
    let input = file(STREAM);
    let folder = tempfile::tempdir().unwrap();
    let (alone, both) = (folder.path().join("alone.csv"), folder.path().join("both"));
    run("filter", input.path(), &["--column", "y", "--out", both.to_str().unwrap()]).unwrap();
    Command::cargo_bin("neuropil")
        .unwrap()
        .args(["surprise", "filter", "--column", "y", "--out"])
        .args([&alone, input.path()])
        .assert()
        .success();
    let text = |path: &Path| std::fs::read_to_string(path).unwrap();
    assert_eq!(text(&alone), text(&both.join("filter.csv")));
    let document: Value = serde_json::from_str(&text(&both.join("filter.json"))).unwrap();
    assert_eq!(numbers(&document["result"]["columns"]["y"]), [0.5, -0.3, 1.2, 4.0, 3.8]);
}

/// Runs the program for its files and its summary.
fn summary(verb: &str, input: &Path, args: &[&str]) -> String {
    let mut command = Command::cargo_bin("neuropil").unwrap();
    let output = command.current_dir(root()).args(["surprise", verb]).arg(input).args(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn document(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// A recording of several pieces with two blocks and a missing value.
fn long_recording() -> tempfile::NamedTempFile {
    let mut text = "y,block\n".to_owned();
    for t in 0..150_000 {
        let y = if t == 700 { String::new() } else { format!("{:.3}", f64::from((t * 7919) % 1000) / 250.0) };
        text += &format!("{y},{}\n", u8::from(t >= 90_000));
    }
    file(&text)
}

#[test]
fn a_file_written_along_the_way_is_the_file_written_at_once() {
    let input = long_recording();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let filter = |more: &[&str]| {
        let args = ["--column", "y", "--method", "mp", "--n", "3", "--block-column", "block", "--log-base", "10"];
        summary("filter", input.path(), &[&args[..], more].concat())
    };
    let whole = filter(&["--out", at("whole").to_str().unwrap()]);
    for name in ["grown.csv", "grown.npz"] {
        assert_eq!(filter(&["--out", at(name).to_str().unwrap()]), whole, "{name}");
    }
    assert_eq!(filter(&[]), whole);
    let same = |a: PathBuf, b: PathBuf| assert!(std::fs::read(a).unwrap() == std::fs::read(b).unwrap());
    same(at("grown.csv"), at("whole/filter.csv"));
    same(at("grown.npz"), at("whole/filter.npz"));
    // What is left of the document is what both files have beside them.
    let mut document_of_all = document(&at("whole/filter.json"));
    document_of_all["result"].as_object_mut().unwrap().remove("columns");
    assert_eq!(document(&at("grown.csv.json")), document_of_all);
    assert_eq!(document(&at("grown.npz.json")), document_of_all);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 5, "nothing temporary is left");
}

#[test]
fn a_table_and_an_array_file_have_their_provenance_beside_them() {
    let input = file(STREAM);
    let folder = tempfile::tempdir().unwrap();
    for (verb, more) in [
        ("filter", &[][..]),
        ("filter", &["--regressors"]),
        ("smooth", &[]),
        ("segment", &[]),
        ("fit-hazard", &[]),
        ("compare", &[]),
        ("alarm", &["--threshold", "0.5"]),
    ] {
        for ending in ["csv", "tsv", "npz"] {
            let out = folder.path().join(format!("{verb}.{ending}"));
            let args = ["--column", "y", "--seed", "9", "--force", "--out", out.to_str().unwrap()];
            summary(verb, input.path(), &[&args[..], more].concat());
            let provenance = document(&folder.path().join(format!("{verb}.{ending}.json")));
            assert_eq!(provenance["neuropil"], env!("CARGO_PKG_VERSION"), "{verb} {ending}");
            assert_eq!(provenance["seed"], 9);
            assert_eq!(provenance["input"]["hash"].as_str().map(str::len), Some(16));
            assert!(provenance["parameters"].is_object());
        }
    }
    let out = folder.path().join("filter.csv");
    std::fs::remove_file(&out).unwrap();
    let refusal = run("filter", input.path(), &["--column", "y", "--out", out.to_str().unwrap()]).unwrap_err();
    assert!(refusal.contains("filter.csv.json\" exists already"), "{refusal}");
}

/// Largest resident memory of the program, in bytes.
#[cfg(target_os = "linux")]
fn peak_memory(args: &[&str]) -> i64 {
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin("neuropil"))
        .args(args)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let process = i32::try_from(child.id()).unwrap();
    // SAFETY: the process is a child of this one and has not been waited for.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        let mut status = 0;
        assert_eq!(libc::wait4(process, &raw mut status, 0, &raw mut usage), process);
        assert_eq!(status, 0);
        usage
    };
    // The process is gone; this only tells the handle.
    let _ = child.try_wait();
    usage.ru_maxrss * 1024
}

#[cfg(target_os = "linux")]
#[test]
fn the_memory_of_a_filter_is_that_of_its_observations() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let input = |n: usize| {
        let path = at(&format!("{n}.npy"));
        let y = ndarray::Array1::from_shape_fn(n, |t| ((t * 7919) % 1000) as f64 / 250.0);
        let overwrite = neuropil_data::Overwrite::Replace;
        neuropil_data::arrays::write_npy(Path::new(&path), &y.view().into_dyn(), overwrite).unwrap();
        path
    };
    let (few, many) = (300_000, 1_300_000);
    let (short, long) = (input(few), input(many));
    for ending in ["csv", "npz"] {
        let of = |input: &str| {
            let out = at(&format!("out.{ending}"));
            let options = ["--method", "varsmile", "--threads", "1", "-q", "--force", "--out", &out];
            peak_memory(&[&["surprise", "filter", input], &options[..]].concat())
        };
        let per_observation = (of(&long) - of(&short)) as f64 / (many - few) as f64;
        // 8 bytes are the observation itself, 16 where the vector that reads it doubles.
        assert!(per_observation < 30.0, "{ending}: {per_observation} bytes per observation");
    }
}

#[test]
fn a_learner_comes_back_from_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (first, second) = (file("y\n0.5\n-0.3\n"), file("y\n1.2\n4.0\n3.8\n"));
    let whole = run("filter", file(STREAM).path(), &["--column", "y", "--hazard", "0.1"]).unwrap();
    let learner = at("learner.json");
    run("filter", first.path(), &["--hazard", "0.1", "--seed", "4", "--save-learner", &learner]).unwrap();

    let fresh = run("filter", file(STREAM).path(), &["--column", "y", "--learner", &learner]).unwrap();
    assert_eq!(fresh["result"], whole["result"]);
    assert_eq!(fresh["seed"], 4);
    let rest = run("filter", second.path(), &["--learner", &learner, "--continue"]).unwrap();
    let means = |document: &Value| numbers(&document["result"]["columns"]["mean"]);
    assert_eq!(means(&rest), means(&whole)[2..]);

    for verb in ["smooth", "segment"] {
        let direct = run(verb, file(STREAM).path(), &["--column", "y", "--hazard", "0.1"]).unwrap();
        let from_file = run(verb, file(STREAM).path(), &["--column", "y", "--learner", &learner]).unwrap();
        assert_eq!(from_file["result"], direct["result"], "{verb}");
    }
    let fitted = at("fitted.json");
    let nile = root().join("data/nile.csv");
    let family = ["--column", "flow_1e8_m3", "--sigma", "130", "--prior-mean", "900", "--prior-sd", "200"];
    let fit = run("fit-hazard", &nile, &[&family[..], &["--save-learner", &fitted]].concat()).unwrap();
    let segments = run("segment", &nile, &["--column", "flow_1e8_m3", "--learner", &fitted]).unwrap();
    assert_eq!(segments["parameters"]["hazard"]["constant"], fit["result"]["hazard"]);
    assert_eq!(segments["result"]["changes"], serde_json::json!([28]));
}

#[test]
fn what_a_learner_file_cannot_be_used_with_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let learner = folder.path().join("learner.json").to_str().unwrap().to_owned();
    let input = file(STREAM);
    run("filter", input.path(), &["--column", "y", "--save-learner", &learner]).unwrap();
    let nonsense = file("a,b\n1,2\n");
    let bare = folder.path().join("bare.json").to_str().unwrap().to_owned();
    let nile = ["--column", "flow_1e8_m3", "--sigma", "130", "--save-learner", &bare];
    run("fit-hazard", &root().join("data/nile.csv"), &nile).unwrap();
    for (args, words) in [
        (&["--learner", &learner, "--sigma", "2"][..], "--sigma cannot be used with --learner"),
        (&["--learner", &learner, "--family", "poisson"], "--family cannot be used with --learner"),
        (&["--learner", &learner, "--hazard", "0.2"], "--hazard cannot be used with --learner"),
        (&["--learner", &learner, "--method", "pf"], "--method cannot be used with --learner"),
        (&["--learner", "no/such.json"], "cannot read \"no/such.json\""),
        (&["--learner", nonsense.path().to_str().unwrap()], "not a learner that neuropil saved"),
        (&["--continue"], "--learner"),
        (&["--learner", &learner, "--continue", "--seed", "3"], "--seed cannot be used with --continue"),
        (&["--learner", &bare, "--continue"], "has not followed anything yet"),
        (&["--save-learner", &learner], "exists already"),
    ] {
        let refusal = run("filter", input.path(), &[&["--column", "y"], args].concat()).unwrap_err();
        assert!(refusal.contains(words), "{args:?}: \"{words}\" is not in: {refusal}");
    }
    let multivariate = ["--column", "y", "--column", "y2", "--learner", &learner];
    let two = file("y,y2\n1,2\n");
    assert!(run("filter", two.path(), &multivariate).unwrap_err().contains("(T, 1)"));
    let online = ["--column", "y", "--online", "beta", "--save-learner", "x.json"];
    assert!(run("fit-hazard", input.path(), &online).unwrap_err().contains("--online"));
}

#[test]
fn a_hazard_can_be_a_table_over_run_lengths() {
    let input = file(STREAM);
    let table = file("run_length,hazard\n");
    let refusal = run("filter", input.path(), &["--column", "y", "--hazard-table", table.path().to_str().unwrap()]);
    assert!(refusal.unwrap_err().contains("holds no observations"));
    let constant = file("hazard\n0.1\n0.1\n");
    let column = ["--column", "y", "--hazard-table", constant.path().to_str().unwrap()];
    let with_table = run("filter", input.path(), &column).unwrap();
    let with_number = run("filter", input.path(), &["--column", "y", "--hazard", "0.1"]).unwrap();
    let means = |document: &Value| numbers(&document["result"]["columns"]["mean"]);
    assert_close(&means(&with_table), &means(&with_number));
    // A segment of three observations at least: no change is possible before.
    let guarded = file("hazard\n0\n0\n0.5\n");
    let column = ["--column", "y", "--hazard-table", guarded.path().to_str().unwrap()];
    let changes = run("smooth", input.path(), &column).unwrap();
    let probability = numbers(&changes["result"]["columns"]["change_probability"]);
    assert_eq!(probability[1..3], [0.0, 0.0]);
    assert!(probability[3] > 0.5);
    let refusal = run("filter", input.path(), &[&column[..], &["--method", "varsmile"]].concat()).unwrap_err();
    assert!(refusal.contains("does not know how long ago the last change was"), "{refusal}");
    let refusal = run("filter", input.path(), &[&column[..], &["--hazard", "0.1"]].concat()).unwrap_err();
    assert!(refusal.contains("--hazard-table"), "{refusal}");
    let wrong = file("hazard\n0.5\n1.5\n");
    let column = ["--column", "y", "--hazard-table", wrong.path().to_str().unwrap()];
    assert!(run("filter", input.path(), &column).unwrap_err().contains("hazard[1] must be in [0, 1], got 1.5"));
}

#[test]
fn blocks_of_one_observation_cannot_teach_a_hazard() {
    let input = file("y,block\n1,a\n2,b\n3,c\n");
    let refusal = run("fit-hazard", input.path(), &["--column", "y", "--block-column", "block"]).unwrap_err();
    let wanted =
        "the longest of the 3 blocks must be at least 2 observations long to learn the hazard, got 1 observation";
    assert!(refusal.contains(wanted), "{refusal}");
}

#[test]
fn nonsense_in_the_environment_is_refused_unless_an_option_replaces_it() {
    let input = file(STREAM);
    let filter = |threads: &str, more: &[&str]| {
        let mut command = Command::cargo_bin("neuropil").unwrap();
        command.env("NEUROPIL_NUM_THREADS", threads).args(["surprise", "filter", "--column", "y"]);
        command.arg(input.path()).args(more).output().unwrap()
    };
    for threads in ["0", "all", "1.5", "-1"] {
        let output = filter(threads, &[]);
        assert_eq!(output.status.code(), Some(2), "{threads}");
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(message.contains(&format!("NEUROPIL_NUM_THREADS is \"{threads}\"")), "{message}");
        assert!(filter(threads, &["--threads", "1"]).status.success());
    }
    assert!(filter("2", &[]).status.success());
}

#[test]
fn worlds_that_no_machine_can_hold_are_refused() {
    let refused = |args: &[&str]| {
        let output = Command::cargo_bin("neuropil").unwrap().arg("surprise").args(args).output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {message}");
        message
    };
    for length in ["99999999999999999", "1000000000000"] {
        assert!(
            refused(&["simulate", "--length", length]).contains("the length of a simulation must be at most 500000000")
        );
    }
    assert!(
        refused(&["simulate", "--segment-lengths", "1e-9,1e-9"]).contains("hazard probability must be in [1e-6, 1]")
    );
    assert!(refused(&["recover", "--subjects", "99999999999999"]).contains("n_subjects must be at most 1000000"));
    assert!(refused(&["recover", "--trials", "99999999999999"]).contains("at most 100000000 trials per subject"));
    let input = file(STREAM);
    let alarm = |more: &[&str]| {
        let mut command = Command::cargo_bin("neuropil").unwrap();
        let output =
            command.args(["surprise", "alarm", "--column", "y"]).arg(input.path()).args(more).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let rare = alarm(&["--false-alarms", "1e-9", "--length", "10"]);
    assert!(rare.contains("the simulation behind an alarm must be at most 500000000 observations"), "{rare}");
    let none = alarm(&["--false-alarms", "0.01", "--streams", "0", "--length", "100"]);
    assert!(none.contains("the number of streams must be at least 50, so that 50 false alarms"), "{none}");
    let leaky = alarm(&["--per-stream", "0.5", "--method", "leaky"]);
    assert!(leaky.contains("the method of an alarm must be one that has a surprise, got leaky"), "{leaky}");
}
