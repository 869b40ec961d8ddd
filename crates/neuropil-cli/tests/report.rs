//! `neuropil reproduce`, with experiments made for the purpose: the report, resuming, and Ctrl-C.
//!
//! The program runs in a process of its own: this test binary, called again with the arguments in the environment.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use neuropil_experiments::{Context, Error, Experiment, Info, Result, Size};
use neuropil_report::{Claim, Section};
use serde_json::{Value, json};

const ARGUMENTS: &str = "NEUROPIL_TEST_ARGUMENTS";

struct Probe {
    info: Info,
    run: fn(&Context) -> Result<f64>,
}

impl Experiment for Probe {
    fn info(&self) -> &Info {
        &self.info
    }

    fn parameters(&self, _size: Size) -> Value {
        json!({})
    }

    fn run(&self, context: &Context) -> Result<Section> {
        let value = (self.run)(context)?;
        let claim = Claim::new("small", "the value is at most 1").value(value).at_most(1.0);
        Ok(Section::new(self.info.id, self.info.room, self.info.title).claim(claim))
    }
}

fn experiments() -> Vec<Box<dyn Experiment>> {
    let probe = |id, run| -> Box<dyn Experiment> {
        let info = Info { id, room: "test", paper: "Nobody (2000)", figure: "Figure 1", title: "A probe" };
        Box::new(Probe { info, run })
    };
    vec![
        probe("test.quick", |_| Ok(0.5)),
        probe("test.slow", |context| {
            // Slow until somebody stops it; quick for those who ask with another seed.
            let start = Instant::now();
            while context.seed == 0 && start.elapsed() < Duration::from_secs(60) {
                context.monitor.check()?;
                std::thread::sleep(Duration::from_millis(10));
            }
            Ok(0.5)
        }),
        probe("bad.claim", |_| Ok(2.0)),
        probe("bad.failure", |_| Err(Error::failed("the disk of the moon is full"))),
    ]
}

/// Not a test of its own: the program, when the environment says so.
#[test]
fn program() {
    if let Ok(arguments) = std::env::var(ARGUMENTS) {
        let arguments: Vec<String> = serde_json::from_str(&arguments).unwrap();
        std::process::exit(neuropil_cli::run_with(arguments, experiments));
    }
}

fn start(folder: &Path, args: &[&str]) -> Child {
    let arguments: Vec<&str> = [&["neuropil", "reproduce"], args].concat();
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "program", "--nocapture", "--test-threads", "1"])
        .env(ARGUMENTS, serde_json::to_string(&arguments).unwrap())
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn reproduce(folder: &Path, args: &[&str]) -> (i32, Output) {
    let output = start(folder, args).wait_with_output().unwrap();
    (output.status.code().unwrap(), output)
}

fn report(folder: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(folder.join("report.json")).unwrap()).unwrap()
}

#[test]
fn a_report_names_its_experiments_and_a_second_run_brings_it_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let (status, output) = reproduce(folder.path(), &["test.quick"]);
    assert_eq!(status, 0, "{}", String::from_utf8_lossy(&output.stderr));
    let first = report(&folder.path().join("report"));
    assert_eq!(first["experiments"][0]["id"], "test.quick");
    assert!(folder.path().join("report/index.html").is_file());
    let (status, output) = reproduce(folder.path(), &["test.quick", "--verbose"]);
    assert_eq!(status, 0);
    assert!(String::from_utf8_lossy(&output.stderr).contains("finished by an earlier run"));
    assert_eq!(report(&folder.path().join("report")), first);
}

#[test]
fn a_report_of_another_run_and_a_strange_folder_are_refused_without_force() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(reproduce(folder.path(), &["test", "--seed", "1"]).0, 0);
    for args in [&["test", "--seed", "2"][..], &["test", "--seed", "1", "--full"], &["test.quick", "--seed", "1"]] {
        assert_eq!(reproduce(folder.path(), args).0, 2, "{args:?}");
    }
    assert_eq!(reproduce(folder.path(), &["test.quick", "--seed", "1", "--force"]).0, 0);
    std::fs::create_dir(folder.path().join("home")).unwrap();
    std::fs::write(folder.path().join("home/letter.txt"), "dear").unwrap();
    assert_eq!(reproduce(folder.path(), &["test.quick", "--out", "home"]).0, 2);
}

#[test]
fn a_failing_claim_is_status_3_and_a_failing_experiment_is_status_1() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(reproduce(folder.path(), &["bad.claim", "--out", "claim"]).0, 3);
    let (status, output) = reproduce(folder.path(), &["bad,test.quick", "--out", "both"]);
    assert_eq!(status, 1);
    assert!(String::from_utf8_lossy(&output.stderr).contains("the disk of the moon is full"));
    assert_eq!(report(&folder.path().join("both"))["experiments"].as_array().unwrap().len(), 3);
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_what_is_finished_and_the_next_run_continues() {
    let folder = tempfile::tempdir().unwrap();
    let child = start(folder.path(), &["test"]);
    let cache = folder.path().join("report/.cache");
    let patience = Instant::now();
    while std::fs::read_dir(&cache).map_or(0, Iterator::count) == 0 {
        assert!(patience.elapsed() < Duration::from_secs(30), "the first experiment never finished");
        std::thread::sleep(Duration::from_millis(20));
    }
    // The slow experiment has begun, or is about to.
    std::thread::sleep(Duration::from_millis(100));
    // SAFETY: the process is a child of this one and has not been waited for.
    assert_eq!(unsafe { libc::kill(child.id() as libc::pid_t, libc::SIGINT) }, 0);
    let stopped = Instant::now();
    let output = child.wait_with_output().unwrap();
    assert!(stopped.elapsed() < Duration::from_secs(5));
    assert_eq!(output.status.code(), Some(130));
    assert!(!folder.path().join("report/index.html").exists());
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(message.contains("continues from there"), "{message}");

    let (status, output) = reproduce(folder.path(), &["test.quick", "--verbose"]);
    assert_eq!(status, 0);
    assert!(String::from_utf8_lossy(&output.stderr).contains("test.quick was finished by an earlier run"));
}
