//! The run loop, on experiments made for the purpose.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use neuropil_core::progress::{CancelToken, Monitor, Silent};
use neuropil_experiments::{Context, Error, Experiment, Info, Result, Reuse, RunOptions, Size, run};
use neuropil_report::{Claim, Section};
use serde_json::{Value, json};

type Act = Box<dyn Fn(&Context) -> Result<f64> + Send + Sync>;

struct Probe {
    info: Info,
    act: Act,
    runs: Arc<AtomicUsize>,
    documented: bool,
}

impl Experiment for Probe {
    fn info(&self) -> &Info {
        &self.info
    }

    fn parameters(&self, size: Size) -> Value {
        json!({ "n": if size == Size::Quick { 1 } else { 10 } })
    }

    fn run(&self, context: &Context) -> Result<Section> {
        self.runs.fetch_add(1, Ordering::Relaxed);
        let value = (self.act)(context)?;
        let claim = Claim::new("one", "the value is at most 1").value(value).at_most(1.0);
        let claim = if self.documented { claim.known_deviation("made for a test") } else { claim };
        Ok(Section::new(self.info.id, self.info.room, self.info.title).claim(claim))
    }
}

fn probe(id: &'static str, act: impl Fn(&Context) -> Result<f64> + Send + Sync + 'static) -> Probe {
    let info = Info { id, room: "test", paper: "none", figure: "none", title: "A probe" };
    Probe { info, act: Box::new(act), runs: Arc::default(), documented: false }
}

fn boxed(probes: Vec<Probe>) -> Vec<Box<dyn Experiment>> {
    probes.into_iter().map(|probe| Box::new(probe) as Box<dyn Experiment>).collect()
}

fn options(folder: &tempfile::TempDir) -> RunOptions {
    RunOptions { cache: Some(folder.path().join(".cache")), ..RunOptions::default() }
}

#[test]
fn a_second_run_uses_what_the_first_has_finished() {
    let folder = tempfile::tempdir().unwrap();
    let one = probe("test.one", |_| Ok(0.5));
    let runs = Arc::clone(&one.runs);
    let experiments = boxed(vec![one]);
    let first = run(&experiments, &options(&folder), &Monitor::silent()).unwrap();
    let second = run(&experiments, &options(&folder), &Monitor::silent()).unwrap();
    assert_eq!(runs.load(Ordering::Relaxed), 1);
    assert!(!first.outcomes[0].reused && second.outcomes[0].reused);
    assert_eq!(first.outcomes[0].section, second.outcomes[0].section);

    for other in [
        RunOptions { seed: 1, ..options(&folder) },
        RunOptions { size: Size::Full, ..options(&folder) },
        RunOptions { reuse: Reuse::Fresh, ..options(&folder) },
    ] {
        let before = runs.load(Ordering::Relaxed);
        run(&experiments, &other, &Monitor::silent()).unwrap();
        assert_eq!(runs.load(Ordering::Relaxed), before + 1, "{other:?}");
    }
}

#[test]
fn a_damaged_file_is_reported_and_done_again() {
    let folder = tempfile::tempdir().unwrap();
    let one = probe("test.one", |_| Ok(0.5));
    let runs = Arc::clone(&one.runs);
    let experiments = boxed(vec![one]);
    run(&experiments, &options(&folder), &Monitor::silent()).unwrap();
    for file in std::fs::read_dir(folder.path().join(".cache")).unwrap() {
        std::fs::write(file.unwrap().path(), "{ half a fi").unwrap();
    }
    let again = run(&experiments, &options(&folder), &Monitor::silent()).unwrap();
    assert_eq!(runs.load(Ordering::Relaxed), 2);
    assert!(again.warnings[0].contains("damaged"), "{:?}", again.warnings);
    let third = run(&experiments, &options(&folder), &Monitor::silent()).unwrap();
    assert!(third.warnings.is_empty() && third.outcomes[0].reused);
}

#[test]
fn a_failing_experiment_and_a_panicking_one_leave_the_others_alone() {
    let folder = tempfile::tempdir().unwrap();
    let experiments = boxed(vec![
        probe("test.fails", |_| Err(Error::failed("no data"))),
        probe("test.panics", |_| panic!("a bug")),
        probe("test.works", |_| Ok(0.5)),
    ]);
    let finished = run(&experiments, &options(&folder), &Monitor::silent()).unwrap();
    let failures: Vec<_> = finished.outcomes.iter().map(|outcome| outcome.failure.as_deref()).collect();
    assert_eq!(failures, [Some("no data"), Some("it panicked: a bug"), None]);
    assert_eq!(finished.exit_status(), 1);
    assert!(finished.outcomes[0].section.notes[0].contains("no data"));
    let again = run(&experiments, &options(&folder), &Monitor::silent()).unwrap();
    assert!(!again.outcomes[0].reused && again.outcomes[2].reused);
}

#[test]
fn only_an_undocumented_failing_claim_changes_the_exit_status() {
    let fails = |documented| {
        let experiments = boxed(vec![Probe { documented, ..probe("test.claim", |_| Ok(2.0)) }]);
        run(&experiments, &RunOptions::default(), &Monitor::silent()).unwrap()
    };
    assert_eq!(fails(false).exit_status(), 3);
    assert_eq!(fails(true).exit_status(), 0);
    assert_eq!(fails(true).outcomes[0].section.failing().count(), 1);
}

#[test]
fn cancelling_keeps_what_was_finished() {
    let folder = tempfile::tempdir().unwrap();
    let token = CancelToken::new();
    let stop = token.clone();
    let experiments = boxed(vec![
        probe("test.first", |_| Ok(0.5)),
        probe("test.second", move |context| {
            stop.cancel();
            context.monitor.check()?;
            Ok(0.5)
        }),
        probe("test.third", |_| Ok(0.5)),
    ]);
    let interrupted = run(&experiments, &options(&folder), &Monitor::new(Arc::new(Silent), token));
    assert!(interrupted.is_err());
    let resumed = run(&experiments[..1], &options(&folder), &Monitor::silent()).unwrap();
    assert!(resumed.outcomes[0].reused);
}

#[test]
fn several_jobs_give_the_same_outcomes_in_the_same_order() {
    let experiments = || {
        boxed(["test.a", "test.b", "test.c", "test.d"].map(|id| probe(id, |context| Ok(context.seed as f64))).into())
    };
    let values = |jobs| -> Vec<_> {
        run(&experiments(), &RunOptions { jobs, seed: 3, ..RunOptions::default() }, &Monitor::silent())
            .unwrap()
            .outcomes
            .iter()
            .map(|outcome| (outcome.info.id, outcome.section.claims[0].measured()))
            .collect()
    };
    assert_eq!(values(1), values(3));
}
