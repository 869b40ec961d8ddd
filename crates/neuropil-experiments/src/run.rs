//! The loop that runs experiments.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use neuropil_core::progress::{Cancelled, Monitor};
use neuropil_report::{Claim, Section, Source, Verdict};

use crate::{Cache, Context, Error, Experiment, Info, Key, Size};

/// How to run.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// How much work each experiment does.
    pub size: Size,
    /// Seed of everything random.
    pub seed: u64,
    /// How many experiments run at once (at least one does). Each may use all threads of
    /// [`neuropil_core::threads`].
    pub jobs: usize,
    /// Where finished experiments are kept; `None` keeps none.
    pub cache: Option<PathBuf>,
    /// Whether finished experiments found there are used.
    pub reuse: Reuse,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self { size: Size::Quick, seed: 0, jobs: 1, cache: None, reuse: Reuse::Resume }
    }
}

/// What to do with experiments that an earlier run has finished.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reuse {
    /// Show their outcome without running them again.
    #[default]
    Resume,
    /// Run them again.
    Fresh,
}

/// How one experiment ended.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Which experiment.
    pub info: Info,
    /// What it leaves for the report; a failed one leaves a failing claim and the message.
    pub section: Section,
    /// Why it failed, if it did.
    pub failure: Option<String>,
    /// Whether an earlier run had finished it.
    pub reused: bool,
}

/// How a run ended.
#[derive(Debug, Clone, Default)]
pub struct Finished {
    /// One per experiment, in the order in which they were given.
    pub outcomes: Vec<Outcome>,
    /// What went wrong without stopping the run: a damaged cache, a full disk.
    pub warnings: Vec<String>,
}

impl Finished {
    /// 0 if all is well, 1 if an experiment failed, 3 if a claim fails without a documented reason.
    #[must_use]
    pub fn exit_status(&self) -> i32 {
        if self.outcomes.iter().any(|outcome| outcome.failure.is_some()) {
            1
        } else if self.failing().next().is_some() {
            3
        } else {
            0
        }
    }

    /// The claims that fail without a documented reason, with their experiments.
    pub fn failing(&self) -> impl Iterator<Item = (&Info, &Claim)> {
        self.outcomes.iter().flat_map(|outcome| {
            outcome
                .section
                .claims
                .iter()
                .filter(|claim| claim.verdict() == Verdict::Fails)
                .map(|claim| (&outcome.info, claim))
        })
    }
}

/// Runs experiments and returns their outcomes in the given order.
///
/// An experiment that fails or panics does not stop the others. Cancelling the monitor stops the run; experiments that
/// had finished stay in the cache.
///
/// # Errors
/// [`Cancelled`] if the monitor was cancelled before all experiments had ended.
pub fn run(
    experiments: &[Box<dyn Experiment>],
    options: &RunOptions,
    monitor: &Monitor,
) -> Result<Finished, Cancelled> {
    let loop_ =
        Loop { options, monitor, cache: options.cache.as_ref().map(Cache::new), warnings: Mutex::new(Vec::new()) };
    let slots: Vec<Mutex<Option<Outcome>>> = experiments.iter().map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    let bar = monitor.task("experiments", experiments.len() as u64);
    let work = || {
        while let Some(index) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|index| *index < experiments.len()) {
            let Ok(outcome) = loop_.one(experiments[index].as_ref()) else { return };
            *lock(&slots[index]) = Some(outcome);
            bar.advance(1);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..options.jobs.clamp(1, experiments.len().max(1)) {
            scope.spawn(work);
        }
        work();
    });
    drop(bar);
    let outcomes: Option<Vec<Outcome>> =
        slots.into_iter().map(|slot| slot.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)).collect();
    let warnings = loop_.warnings.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    outcomes.map(|outcomes| Finished { outcomes, warnings }).ok_or(Cancelled)
}

struct Loop<'a> {
    options: &'a RunOptions,
    monitor: &'a Monitor,
    cache: Option<Cache>,
    warnings: Mutex<Vec<String>>,
}

impl Loop<'_> {
    fn one(&self, experiment: &dyn Experiment) -> Result<Outcome, Cancelled> {
        self.monitor.check()?;
        let info = *experiment.info();
        let key = Key::new(experiment, self.options.size, self.options.seed);
        if let Some(cache) = self.cache.as_ref().filter(|_| self.options.reuse == Reuse::Resume) {
            match cache.load(&key) {
                Ok(Some(section)) => return Ok(Outcome { info, section, failure: None, reused: true }),
                Ok(None) => {}
                Err(why) => self.warn(format!("{why}; {} is run again", info.id)),
            }
        }
        let context = Context { size: self.options.size, seed: self.options.seed, monitor: self.monitor.clone() };
        let start = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| experiment.run(&context)))
            .unwrap_or_else(|panic| Err(Error::failed(format!("it panicked: {}", words(panic.as_ref())))));
        let seconds = start.elapsed().as_secs_f64();
        let outcome = match result {
            Ok(section) => {
                let section = complete(section, &info, &key, seconds);
                if let Some(Err(error)) = self.cache.as_ref().map(|cache| cache.store(&key, &section)) {
                    self.warn(format!("{} is not kept for a later run: {error}", info.id));
                }
                Outcome { info, section, failure: None, reused: false }
            }
            Err(Error::Cancelled(cancelled)) => return Err(cancelled),
            Err(Error::Failed(message)) => {
                let section = complete(failed(&info, &message), &info, &key, seconds);
                Outcome { info, section, failure: Some(message), reused: false }
            }
        };
        Ok(outcome)
    }

    fn warn(&self, warning: String) {
        lock(&self.warnings).push(warning);
    }
}

/// Fills in what the loop knows better than the experiment.
fn complete(section: Section, info: &Info, key: &Key, seconds: f64) -> Section {
    Section {
        id: info.id.to_owned(),
        room: info.room.to_owned(),
        paper: info.paper.to_owned(),
        figure: info.figure.to_owned(),
        title: info.title.to_owned(),
        parameters: key.parameters.clone(),
        seconds,
        ..section
    }
}

fn failed(info: &Info, message: &str) -> Section {
    Section::new(info.id, info.room, info.title)
        .describe("This experiment failed while it was running.")
        .claim(
            Claim::new("finished", "the experiment runs to its end (1: yes, 0: no)")
                .reference(1.0, Source::ThisProject)
                .value(0.0)
                .at_least(1.0),
        )
        .note(format!("The error was: {message}"))
}

fn words(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // A panic of an experiment is caught before it could poison anything that is locked here.
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
