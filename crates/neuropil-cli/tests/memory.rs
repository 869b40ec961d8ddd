//! The verbs of the room on small inputs: the numbers that arrive, and the sentences of what is refused.

use std::io::Write;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(".csv").tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

/// Runs a verb; the JSON document, or what was said on stderr when the input is refused.
fn run<S: AsRef<std::ffi::OsStr>>(verb: &str, args: &[S]) -> Result<Value, String> {
    let mut command = Command::cargo_bin("neuropil").unwrap();
    let output = command.current_dir(root()).args(["memory", verb, "--json"]).args(args).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    if output.status.success() {
        Ok(serde_json::from_slice(&output.stdout).unwrap())
    } else {
        assert_eq!(output.status.code(), Some(2), "{told}");
        Err(told)
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|value| value.as_f64().unwrap_or(f64::NAN)).collect()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A memory of digits in a folder of its own.
fn stored(args: &[&str]) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let memory = text(&folder.path().join("memory.npz")).to_owned();
    run("fit", &[&["data/digits.npz", "--out", &memory][..], args].concat()).unwrap();
    (folder, memory)
}

const REAL: &[&str] = &["--divide-by", "16", "--limit", "200"];
const BINARY: &[&str] = &["--binarize", "7.5", "--limit", "60"];

#[test]
fn every_digit_is_stored_and_the_memory_says_how() {
    let document = run("fit", &[&["data/digits.npz"][..], REAL].concat()).unwrap();
    let result = &document["result"];
    assert_eq!(result["all_stored"], true);
    assert!(result["residual"].as_f64().unwrap() < 1e-9);
    assert_eq!(document["input"]["n_neurons"], 64);
    assert_eq!(document["parameters"]["kernel"]["name"], "generalized-exponential");
    let binary = run("fit", &[&["data/digits.npz"][..], BINARY].concat()).unwrap();
    assert_eq!(binary["parameters"]["states"], "binary");
    assert_eq!(numbers(&binary["result"]["margins"]).len(), 64);
}

#[test]
fn digits_come_back_from_noise_and_from_their_upper_half() {
    let (folder, memory) = stored(REAL);
    let noisy = run("recall", &[&memory, "--level", "0.2"]).unwrap();
    assert!(noisy["result"]["restored"].as_f64().unwrap() > 0.97, "{}", noisy["result"]["restored"]);
    assert_eq!(noisy["result"]["cues"]["status"][0], "converged");

    let picture = folder.path().join("covered.svg");
    let args = ["--noise", "cover", "--level", "0.5", "--stepwise", "--limit", "20", "--plot", text(&picture)];
    let covered = run("recall", &[&[&*memory][..], &args].concat()).unwrap();
    assert_eq!(covered["result"]["n_cues"], 20);
    let drawing = std::fs::read_to_string(picture).unwrap();
    for row in ["cue", "step 1", "recalled", "stored"] {
        assert!(drawing.contains(row), "{row}");
    }
}

#[test]
fn cues_from_a_file_find_their_patterns() {
    let patterns = file("a,b,c\n1,0,0\n0,1,0\n0,0,1\n");
    let cues = file("a,b,c\n0.1,0.8,0\n0,0.1,0.9\n");
    let folder = tempfile::tempdir().unwrap();
    let memory = folder.path().join("memory.npz");
    run("fit", &[text(patterns.path()), "--out", text(&memory)]).unwrap();
    let found = run("recall", &[text(&memory), text(cues.path())]).unwrap();
    assert_eq!(found["result"]["cues"]["nearest"], json!([1, 2]));
    assert!(numbers(&found["result"]["cues"]["distance"]).iter().all(|&distance| distance < 1e-6));
    let wide = file("a,b,c,d\n0,1,0,0\n");
    let refusal = run("recall", &[text(&memory), text(wide.path())]).unwrap_err();
    assert!(refusal.contains("cues") && refusal.contains('4') && refusal.contains('3'), "{refusal}");
}

#[test]
fn pairs_and_sequences_answer_with_another_pattern() {
    let inputs = file("a,b,c\n1,1,-1\n-1,1,1\n1,-1,1\n");
    let outputs = file("p,q\n1,-1\n-1,-1\n1,1\n");
    let folder = tempfile::tempdir().unwrap();
    let pairs = folder.path().join("pairs.npz");
    let args = ["--outputs", text(outputs.path()), "--kernel", "exponential", "--out", text(&pairs)];
    let fit = run("fit", &[&[text(inputs.path())][..], &args].concat()).unwrap();
    assert_eq!(fit["result"]["stored"], "pairs");
    let answer = run("recall", &[text(&pairs), text(inputs.path())]).unwrap();
    assert_eq!(answer["result"]["cues"]["nearest"], json!([0, 1, 2]));
    let refusal = run("recall", &[text(&pairs), "--stepwise", "--level", "0"]).unwrap_err();
    assert!(refusal.contains("one step"), "{refusal}");

    let sequence = folder.path().join("sequence.npz");
    run("fit", &[&["data/digits.npz", "--sequence", "--out", text(&sequence)][..], BINARY].concat()).unwrap();
    let next = run("recall", &[text(&sequence), "--level", "0", "--max-steps", "1"]).unwrap();
    // 60 patterns make 59 steps: pattern k recalls what is stored as its output.
    assert_eq!(next["result"]["restored"], 1.0);
    assert_eq!(next["result"]["n_cues"], 59);
}

#[test]
fn fewer_kernels_than_patterns_say_what_they_miss() {
    let rest = ["--rule", "interpolate", "--radius", "1.5"];
    let miss = |args: &[&str]| {
        let document = run("fit", &[&["data/digits.npz"][..], REAL, &rest, args].concat()).unwrap();
        (document["result"]["kept_patterns"].as_u64().unwrap(), document["result"]["residual"].as_f64().unwrap())
    };
    let (exact, few, many) = (miss(&[]), miss(&["--inducing", "50"]), miss(&["--inducing", "150"]));
    assert_eq!([exact.0, few.0, many.0], [200, 50, 150]);
    assert!(exact.1 < 1e-8 && many.1 < few.1 && few.1 > 0.01, "{exact:?} {few:?} {many:?}");
    assert!(miss(&["--sparse"]).1 < 1e-4);
}

#[test]
fn the_radius_can_be_measured_or_certified() {
    let fit = |radius: &str| {
        let args = ["data/digits.npz", "--divide-by", "16", "--limit", "40", "--radius", radius];
        let document = run("fit", &args).unwrap();
        let radius = document["parameters"]["kernel"]["radius"].as_f64().unwrap();
        assert_eq!(document["result"]["all_stored"], true);
        (radius, document["result"]["chosen_radius"].clone())
    };
    assert_eq!(fit("0.5"), (0.5, Value::Null));
    for how in ["auto", "certified"] {
        let (radius, chosen) = fit(how);
        assert_eq!(chosen["radius"], radius);
        assert!(chosen["basin"].as_f64().unwrap() > 0.0, "{how}");
    }
    let refusal = run("fit", &[&["data/digits.npz", "--radius", "certified"][..], BINARY].concat()).unwrap_err();
    assert!(refusal.contains("--radius certified"), "{refusal}");
    let refusal = run("fit", &["data/digits.npz", "--radius", "wide"]).unwrap_err();
    assert!(refusal.contains("auto"), "{refusal}");
}

#[test]
fn curve_and_basin_measure_a_stored_memory() {
    let (_folder, memory) = stored(REAL);
    let curve = run("curve", &[&*memory, "--levels", "0,0.2,1", "--cues", "100"]).unwrap();
    let restored = numbers(&curve["result"]["levels"]["restored"]);
    assert_eq!(restored[0], 1.0);
    assert!(restored[1] > 0.95 && restored[2] < restored[1], "{restored:?}");

    let basin = run("basin", &[&*memory, "--limit", "4", "--directions", "5"]).unwrap();
    let rows = &basin["result"]["patterns"];
    for (certified, measured) in numbers(&rows["certified"]).iter().zip(numbers(&rows["smallest"])) {
        assert!(*certified <= measured + 0.02, "a certified radius {certified} beyond the measured {measured}");
    }
    assert!(numbers(&rows["spectral_radius"]).iter().all(|&radius| radius < 1.0));

    // A kernel with a cusp has no spectral radius at a stored pattern.
    let cusp = ["--divide-by", "16", "--limit", "12", "--kernel", "ball", "--radius", "2", "--rule", "interpolate"];
    let (_folder, memory) = stored(&cusp);
    let basin = run("basin", &[&*memory, "--limit", "2", "--directions", "3"]).unwrap();
    assert!(numbers(&basin["result"]["patterns"]["spectral_radius"]).iter().all(|radius| radius.is_nan()));
}

#[test]
fn capacity_stands_beside_theory() {
    let linear = ["--kernel", "linear", "--neurons", "40", "--loads", "0.5,3", "--trials", "3"];
    let document = run("capacity", &linear).unwrap();
    let perfect = numbers(&document["result"]["loads"]["perfect"]);
    assert_eq!(perfect[1], 0.0);
    let restored = numbers(&document["result"]["loads"]["restored"]);
    assert!(restored[0] > 0.8 && restored[1] < 0.3, "{restored:?}");
    let cover = numbers(&document["result"]["loads"]["cover_probability"]);
    assert!(cover[0] > 0.999 && cover[1] < 0.01, "{cover:?}");
    // A neuron that does not see itself has the features of the 39 others.
    assert_eq!(document["result"]["feature_dimension"], 39.0);
    let included = run("capacity", &[&linear[..], &["--self-connections", "included"]].concat()).unwrap();
    assert_eq!(included["result"]["feature_dimension"], 40.0);
    for kind in ["hopfield", "dense", "exponential", "pseudo-inverse"] {
        let args = ["--kind", kind, "--neurons", "40", "--loads", "0.05", "--trials", "2"];
        assert_eq!(numbers(&run("capacity", &args).unwrap()["result"]["loads"]["restored"]), [1.0], "{kind}");
    }
    let refusal = run("capacity", &["--loads", "0.1,-1"]).unwrap_err();
    assert!(refusal.contains("--loads") && refusal.contains("-1"), "{refusal}");
}

#[test]
fn the_kernel_memory_reaches_the_nearest_neighbour_and_attention_does_not() {
    let compared = run("compare", &[&["data/digits.npz", "--levels", "0,0.1"][..], REAL].concat()).unwrap();
    let restored = |name: &str| numbers(&compared["result"]["restored"][name]);
    assert!(restored("normalized kernel memory").iter().all(|&fraction| fraction == 1.0));
    assert_eq!(restored("nearest neighbour (ceiling)"), [1.0, 1.0]);
    assert!(restored("attention, same kernel")[1] < 1.0);
    let binary = run("compare", &[&["data/digits.npz", "--levels", "0"][..], BINARY].concat()).unwrap();
    assert!(numbers(&binary["result"]["restored"]["maximal margin, exponential"])[0] > 0.95);
    assert!(numbers(&binary["result"]["restored"]["Hopfield"])[0] < 0.5);
}

#[test]
fn images_in_idx_files_are_patterns() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train-images-idx3-ubyte.gz");
    let mut bytes = vec![0, 0, 8, 3];
    for length in [12_u32, 5, 7] {
        bytes.extend(length.to_be_bytes());
    }
    bytes.extend((0..12_u32 * 35).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8));
    let mut gzip = GzEncoder::new(std::fs::File::create(&path).unwrap(), Compression::fast());
    gzip.write_all(&bytes).unwrap();
    gzip.finish().unwrap();

    let (memory, picture) = (folder.path().join("memory.npz"), folder.path().join("recall.svg"));
    let fit = run("fit", &[text(&path), "--divide-by", "255", "--limit", "10", "--out", text(&memory)]).unwrap();
    assert_eq!([&fit["input"]["n_patterns"], &fit["input"]["n_neurons"]], [&json!(10), &json!(35)]);
    // The cues are images of 5 x 7 pixels, and are drawn so without --image.
    let args = [text(&memory), text(&path), "--divide-by", "255", "--plot", text(&picture)];
    let recalled = run("recall", &args).unwrap();
    assert_eq!(
        recalled["result"]["cues"]["nearest"].as_array().unwrap()[..10],
        *json!((0..10).collect::<Vec<_>>()).as_array().unwrap()
    );
    assert!(picture.exists());
}

#[test]
fn what_cannot_be_stored_is_refused_with_its_place() {
    let real = file("a,b,c\n0.5,1,2\n1,-1,0.5\n-2,1,1\n");
    let missing = file("a,b,c\n1,2,3\n4,,6\n");
    let nothing = file("a,b\n");
    let zero = file("a,b\n1,2\n0,0\n");
    let twice = file("a,b\n1,2\n3,4\n1,2\n");
    let outputs = file("p\n1\n2\n3\n");
    let binary = file("a,b,c\n1,-1,1\n1,1,-1\n");
    let single = file("a\n1\n-1\n");
    let line = file("x\n0\n1\n2\n3\n");
    for (input, args, words) in [
        (&real, &["--states", "binary"][..], &["patterns[0, 0] is 0.5", "binarize"][..]),
        (&missing, &[], &["[1, 1]", "NaN", "finite"]),
        (&nothing, &[], &["hold nothing"]),
        (&zero, &["--kernel", "linear"], &["patterns[1] is zero", "linear"]),
        (&twice, &["--outputs", text(outputs.path())], &["patterns 0 and 2", "same input", "output 0"]),
        (&real, &["--outputs", text(binary.path())], &["expected 3", "2"]),
        (&binary, &["--kernel", "sdm", "--radius", "9"], &["radius", "9"]),
        (&binary, &["--kernel", "sdm"], &["--radius"]),
        (&binary, &["--kernel", "sdm", "--radius", "1.5"], &["whole bits"]),
        (&real, &["--radius", "0"], &["radius"]),
        (&real, &["--kernel", "gexp", "--beta=-1", "--radius", "1"], &["beta", "-1"]),
        (&binary, &["--kernel", "poly", "--degree", "0"], &["degree"]),
        (&single, &["--self-connections", "excluded", "--kernel", "linear"], &["self"]),
        (&line, &["--kernel", "gexp", "--beta", "8", "--radius", "4", "--rule", "interpolate"], &["positive definite"]),
        (&real, &["--divide-by", "0"], &["--divide-by"]),
        (&real, &["--inducing", "2", "--rule", "normalized"], &["inducing"]),
        (&real, &["--columns", "a,z"], &["z"]),
        (&real, &["--softness=-1", "--rule", "margin", "--binarize", "0"], &["softness"]),
    ] {
        let refusal = run("fit", &[&[text(input.path())][..], args].concat()).unwrap_err();
        for word in words {
            assert!(refusal.contains(word), "{args:?}: \"{word}\" is not in: {refusal}");
        }
    }
    let merged = run("fit", &[text(twice.path())]).unwrap();
    assert_eq!(merged["result"]["n_patterns"], 2);
    assert!(merged["result"]["warnings"][0].as_str().unwrap().contains("merged"));
}

#[test]
fn neurons_without_a_solution_are_named() {
    let inputs = file("a,b\n1,1\n1,-1\n-1,1\n-1,-1\n");
    let outputs = file("both,xor\n1,1\n-1,-1\n-1,-1\n-1,1\n");
    let args = ["--outputs", text(outputs.path()), "--kernel", "linear", "--rule", "margin-bias"];
    let fit = run("fit", &[&[text(inputs.path())][..], &args].concat()).unwrap();
    assert_eq!(fit["result"]["all_stored"], false);
    assert_eq!(fit["result"]["failing_neurons"], json!([1]));
    assert!(fit["result"]["training_error"].as_f64().unwrap() > 0.0);
}

#[test]
fn what_cannot_be_asked_of_a_memory_is_refused() {
    let (_folder, memory) = stored(REAL);
    for (verb, args, words) in [
        ("recall", &["--noise", "flip", "--level", "2"][..], &["level", "2"][..]),
        ("recall", &["--level=-0.1"], &["level", "-0.1"]),
        ("recall", &["--binarize", "0.5"], &["--binarize", "cues"]),
        ("recall", &["--divide-by", "16"], &["--divide-by", "cues"]),
        ("recall", &["--image", "7x9"], &["--image 7x9", "63", "64"]),
        ("recall", &["--image", "wide"], &["8x8"]),
        ("recall", &["data/digits.npz", "--level", "0.1"], &["--level"]),
        ("recall", &["--max-steps", "0"], &["max_steps"]),
        ("recall", &["--out", "result.xml"], &[".xml", ".csv"]),
        ("curve", &["--levels", "0,NaN"], &["NaN"]),
        ("curve", &["--cues", "0"], &["cues"]),
        ("basin", &["--directions", "0"], &["directions"]),
        ("basin", &["--precision", "0"], &["precision"]),
    ] {
        let refusal = run(verb, &[&[&*memory][..], args].concat()).unwrap_err();
        for word in words {
            assert!(refusal.contains(word), "{verb} {args:?}: \"{word}\" is not in: {refusal}");
        }
    }
    let refusal = run("recall", &["data/digits.npz"]).unwrap_err();
    assert!(refusal.contains("is not a memory") && refusal.contains("memory fit"), "{refusal}");
    let refusal = run("fit", &["data/digits.npz", "--array", "pixels"]).unwrap_err();
    assert!(refusal.contains("images") && refusal.contains("--array"), "{refusal}");
}

#[test]
fn a_seed_fixes_the_result_on_any_number_of_threads() {
    let (_folder, memory) = stored(REAL);
    for (verb, input, args) in [
        ("recall", &*memory, &["--level", "0.4"][..]),
        ("recall", &memory, &["--level", "0.2", "--update", "async", "--limit", "20"]),
        ("curve", &memory, &["--levels", "0.3", "--cues", "300"]),
        ("basin", &memory, &["--limit", "3", "--directions", "4"]),
        ("fit", "data/digits.npz", BINARY),
        ("compare", "data/digits.npz", &["--limit", "80", "--divide-by", "16", "--levels", "0.3"]),
    ] {
        let with = |more: &[&str]| run(verb, &[&[input][..], args, more].concat()).unwrap();
        let one = with(&["--threads", "1", "--seed", "3"]);
        assert_eq!(one, with(&["--threads", "2", "--seed", "3"]), "{verb} {args:?}");
        if verb != "fit" {
            assert_ne!(one["result"], with(&["--seed", "4"])["result"], "{verb} {args:?}");
        }
    }
    let capacity =
        |threads: &str| run("capacity", &["--neurons", "30", "--loads", "0.3", "--threads", threads]).unwrap();
    assert_eq!(capacity("1"), capacity("2"));
}

#[test]
fn nothing_is_overwritten_without_force_and_files_say_where_they_come_from() {
    let (folder, memory) = stored(&["--divide-by", "16", "--limit", "30"]);
    let provenance: Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("memory.npz.json")).unwrap()).unwrap();
    assert_eq!(provenance["command"], "memory fit");
    let again = ["data/digits.npz", "--divide-by", "16", "--limit", "30", "--out", &memory];
    let refusal = run("fit", &again).unwrap_err();
    assert!(refusal.contains("exists") && refusal.contains("--force"), "{refusal}");
    run("fit", &[&again[..], &["--force"]].concat()).unwrap();

    let out = folder.path().join("results");
    let args = [&*memory, "--levels", "0,0.1", "--cues", "10", "--out", text(&out)];
    run("curve", &args).unwrap();
    for name in ["curve.csv", "curve.npz", "curve.json"] {
        assert!(out.join(name).exists(), "{name}");
    }
    assert!(run("curve", &args).unwrap_err().contains("--force"));
    run("curve", &[&args[..], &["--force"]].concat()).unwrap();
    let refusal = run("fit", &["data/digits.npz", "--out", "memory.csv"]).unwrap_err();
    assert!(refusal.contains(".npz"), "{refusal}");
    let refusal = run("fit", &["data/digits.npz", "--limit", "5", "--plot", "memory.pdf"]).unwrap_err();
    assert!(refusal.contains("svg"), "{refusal}");
}

#[test]
fn every_figure_can_be_drawn() {
    let (folder, memory) = stored(REAL);
    let digits = "data/digits.npz";
    for (verb, args) in [
        ("fit", &[digits, "--divide-by", "16", "--limit", "30"][..]),
        ("recall", &[&memory, "--limit", "12"]),
        ("curve", &[&memory, "--cues", "20"]),
        ("basin", &[&memory, "--limit", "3", "--directions", "3"]),
        ("capacity", &["--neurons", "20", "--trials", "1"]),
        ("compare", &[digits, "--limit", "20", "--divide-by", "16"]),
    ] {
        for ending in ["svg", "png"] {
            let plot = folder.path().join(format!("{verb}.{ending}"));
            run(verb, &[args, &["--plot", text(&plot)]].concat()).unwrap();
            assert!(std::fs::metadata(&plot).unwrap().len() > 1000, "{verb}");
        }
    }
}
