//! Progress and cancellation of long work.
//!
//! Long-running functions take a [`Monitor`]. It says how far the work is (to a bar on a terminal, to tqdm in a
//! notebook, to nobody) and whether somebody asked to stop. Work calls [`Monitor::check`] often enough that a
//! request is noticed within 0.2 s; the check is one relaxed atomic load.
//!
//! ```
//! use neuropil_core::progress::{Cancelled, Monitor};
//!
//! fn simulate(n_trials: u64, monitor: &Monitor) -> Result<u64, Cancelled> {
//!     let task = monitor.task("trials", n_trials);
//!     let mut done = 0;
//!     for _ in 0..n_trials {
//!         monitor.check()?;
//!         done += 1;
//!         task.advance(1);
//!     }
//!     Ok(done)
//! }
//!
//! assert_eq!(simulate(3, &Monitor::silent()), Ok(3));
//! ```

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Receives what [`Monitor`] reports. Called from any thread, between `begin` and `end` in any order.
pub trait Progress: Send + Sync {
    /// A task starts: `total` steps, or zero when their number is not known.
    fn begin(&self, id: u64, label: &str, total: u64);
    /// `n` more steps of a task are done.
    fn advance(&self, id: u64, n: u64);
    /// A task is over, finished or not.
    fn end(&self, id: u64);
}

/// Reports to nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _id: u64, _label: &str, _total: u64) {}
    fn advance(&self, _id: u64, _n: u64) {}
    fn end(&self, _id: u64) {}
}

/// A request to stop, shared by whoever may ask (a Ctrl-C handler, a notebook) and the work that listens.
#[derive(Debug, Clone, Default)]
pub struct CancelToken {
    requested: Arc<AtomicBool>,
}

impl CancelToken {
    /// A token on which nobody has asked to stop yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the work to stop. Cannot be taken back; safe to call from any thread and more than once.
    pub fn cancel(&self) {
        self.requested.store(true, Ordering::Relaxed);
    }

    /// Whether somebody asked to stop.
    #[inline]
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.requested.load(Ordering::Relaxed)
    }
}

/// The work stopped because somebody asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("stopped on request before the work was done")]
pub struct Cancelled;

/// What long work reports to and asks whether to go on. Cheap to clone.
#[derive(Clone)]
pub struct Monitor {
    progress: Arc<dyn Progress>,
    cancel: CancelToken,
}

impl Monitor {
    /// Reports to `progress` and stops on `cancel`.
    #[must_use]
    pub fn new(progress: Arc<dyn Progress>, cancel: CancelToken) -> Self {
        Self { progress, cancel }
    }

    /// Reports to nobody and is never cancelled.
    #[must_use]
    pub fn silent() -> Self {
        Self::new(Arc::new(Silent), CancelToken::new())
    }

    /// Listens to the same cancellation, but reports to nobody: for the parts of a task that is reported as a whole.
    #[must_use]
    pub fn quiet(&self) -> Self {
        Self::new(Arc::new(Silent), self.cancel.clone())
    }

    /// Begins a task of `total` steps (zero: unknown). It ends when the returned value is dropped.
    #[must_use = "a task ends when it is dropped"]
    pub fn task(&self, label: &str, total: u64) -> Task {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        self.progress.begin(id, label, total);
        Task { progress: Arc::clone(&self.progress), id }
    }

    /// Whether somebody asked to stop.
    #[inline]
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// [`Cancelled`] if somebody asked to stop: `monitor.check()?` inside a loop.
    ///
    /// # Errors
    /// [`Cancelled`].
    #[inline]
    pub fn check(&self) -> Result<(), Cancelled> {
        if self.is_cancelled() { Err(Cancelled) } else { Ok(()) }
    }

    /// The token that this monitor listens to.
    #[must_use]
    pub fn cancel_token(&self) -> &CancelToken {
        &self.cancel
    }
}

impl Default for Monitor {
    fn default() -> Self {
        Self::silent()
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor").field("cancelled", &self.is_cancelled()).finish_non_exhaustive()
    }
}

/// One task under way; can be shared by threads. Every step is passed on at once, so a loop with steps of less than
/// about a microsecond advances by the hundred or more.
#[must_use = "a task ends when it is dropped"]
pub struct Task {
    progress: Arc<dyn Progress>,
    id: u64,
}

impl Task {
    /// Reports `n` more steps.
    pub fn advance(&self, n: u64) {
        self.progress.advance(self.id, n);
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.progress.end(self.id);
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[derive(Default)]
    struct Recorder(Mutex<Vec<String>>);

    impl Progress for Recorder {
        fn begin(&self, id: u64, label: &str, total: u64) {
            self.0.lock().unwrap().push(format!("begin {id} {label} {total}"));
        }
        fn advance(&self, id: u64, n: u64) {
            self.0.lock().unwrap().push(format!("advance {id} {n}"));
        }
        fn end(&self, id: u64) {
            self.0.lock().unwrap().push(format!("end {id}"));
        }
    }

    #[test]
    fn a_task_reports_its_steps_and_its_end() {
        let recorder = Arc::new(Recorder::default());
        let monitor = Monitor::new(Arc::clone(&recorder) as Arc<dyn Progress>, CancelToken::new());
        let (first, second) = (monitor.task("fit", 10), monitor.task("sample", 0));
        first.advance(4);
        let (a, b) = (first.id, second.id);
        assert_ne!(a, b);
        drop(second);
        drop(first);
        let expected = [
            format!("begin {a} fit 10"),
            format!("begin {b} sample 0"),
            format!("advance {a} 4"),
            format!("end {b}"),
            format!("end {a}"),
        ];
        assert_eq!(*recorder.0.lock().unwrap(), expected);
    }

    #[test]
    fn a_request_to_stop_reaches_every_clone() {
        let token = CancelToken::new();
        let monitor = Monitor::new(Arc::new(Silent), token.clone());
        let clone = monitor.clone();
        assert_eq!(clone.check(), Ok(()));
        std::thread::spawn(move || token.cancel()).join().unwrap();
        assert_eq!(clone.check(), Err(Cancelled));
        assert!(monitor.is_cancelled());
        assert!(!Monitor::silent().is_cancelled());
    }
}
