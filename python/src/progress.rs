//! Long work beside the Python interpreter.
//!
//! [`run`] starts the work on a thread of its own without the interpreter lock. The calling thread waits in steps of 50 ms;
//! after each it asks Python whether a signal came (Ctrl-C) and hands on what the work has reported. So only the calling thread
//! ever touches Python: workers never wait for the lock, and a progress bar cannot slow a kernel down.

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use neuropil_core::progress::{CancelToken, Monitor, Progress, Silent};
use neuropil_core::threads;
use pyo3::prelude::*;

use crate::errors::Failure;

/// How often signals are looked for; Ctrl-C is noticed within this time plus the work's own check.
const STEP: Duration = Duration::from_millis(50);

/// Runs long work without the interpreter lock.
///
/// `bars` is an object with `begin(id, label, total)`, `advance(id, n)` and `end(id)`, or nothing for silence. Work that is
/// shorter than a thread takes to start (a single update) is better called directly.
///
/// # Errors
/// The work's own, or the exception of a signal handler or of the bars, after the work has stopped.
pub fn run<T, E>(
    py: Python<'_>,
    bars: Option<&Bound<'_, PyAny>>,
    work: impl FnOnce(&Monitor) -> Result<T, E> + Send,
) -> PyResult<T>
where
    T: Send,
    E: Into<Failure> + Send,
{
    let token = CancelToken::new();
    let reports = Arc::new(Reports::default());
    let monitor = match bars {
        Some(_) => Monitor::new(Arc::clone(&reports) as Arc<dyn Progress>, token.clone()),
        None => Monitor::new(Arc::new(Silent), token.clone()),
    };
    // a limit set for the calling thread counts for the thread that works for it
    let limit = threads::limit();
    let bars = bars.map(|bars| bars.clone().unbind());

    // Everything below happens without the lock, except where it is taken for a moment.
    let (result, interruption) = py.detach(|| {
        std::thread::scope(|scope| {
            let (done, finished) = sync_channel::<()>(1);
            let worker = scope.spawn(move || {
                let _guard = threads::limited(limit);
                let result = work(&monitor);
                let _ = done.send(());
                result
            });
            let mut interruption = None;
            // a panic drops the sender, which ends the loop as a message does
            while finished.recv_timeout(STEP) == Err(RecvTimeoutError::Timeout) {
                if interruption.is_none() {
                    interruption =
                        Python::attach(|py| py.check_signals().and_then(|()| reports.hand_on(py, bars.as_ref())).err());
                    if interruption.is_some() {
                        token.cancel();
                    }
                }
            }
            (worker.join().unwrap_or_else(|panic| resume_unwind(panic)), interruption)
        })
    });
    let handed_on = reports.hand_on(py, bars.as_ref());
    if let Some(interruption) = interruption {
        return Err(interruption);
    }
    let value = result.map_err(|error| PyErr::from(error.into()))?;
    handed_on?;
    Ok(value)
}

/// What the work reported since the calling thread last looked: sums, so that a million steps cost one call.
#[derive(Default)]
struct Reports(Mutex<BTreeMap<u64, Report>>);

#[derive(Default)]
struct Report {
    begun: Option<(String, u64)>,
    advanced: u64,
    ended: bool,
}

impl Reports {
    fn change(&self, id: u64, change: impl FnOnce(&mut Report)) {
        change(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(id).or_default());
    }

    fn hand_on(&self, py: Python<'_>, bars: Option<&Py<PyAny>>) -> PyResult<()> {
        let reports = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let Some(bars) = bars else { return Ok(()) };
        let bars = bars.bind(py);
        for (id, report) in reports {
            if let Some((label, total)) = report.begun {
                bars.call_method1("begin", (id, label, total))?;
            }
            if report.advanced > 0 {
                bars.call_method1("advance", (id, report.advanced))?;
            }
            if report.ended {
                bars.call_method1("end", (id,))?;
            }
        }
        Ok(())
    }
}

impl Progress for Reports {
    fn begin(&self, id: u64, label: &str, total: u64) {
        self.change(id, |report| report.begun = Some((label.to_owned(), total)));
    }

    fn advance(&self, id: u64, n: u64) {
        self.change(id, |report| report.advanced += n);
    }

    fn end(&self, id: u64) {
        self.change(id, |report| report.ended = true);
    }
}

/// Counts `steps` steps of `pause_s` seconds each: work of known length, with which Ctrl-C and progress bars are tested.
#[pyfunction]
#[pyo3(signature = (steps, pause_s, bars=None))]
pub fn count_slowly(py: Python<'_>, steps: u64, pause_s: f64, bars: Option<&Bound<'_, PyAny>>) -> PyResult<u64> {
    let pause = Duration::try_from_secs_f64(pause_s).map_err(|_| {
        PyErr::from(Failure::Input(format!("pause_s must be a finite number of seconds >= 0, got {pause_s}")))
    })?;
    run(py, bars, |monitor| {
        let task = monitor.task("count", steps);
        for _ in 0..steps {
            monitor.check()?;
            std::thread::sleep(pause);
            task.advance(1);
        }
        Ok::<_, Failure>(steps)
    })
}
