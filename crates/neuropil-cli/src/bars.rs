//! Progress bars on a terminal.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use neuropil_core::progress::Progress;

/// One bar per running task, on stderr.
pub(crate) struct Bars {
    screen: MultiProgress,
    bars: Mutex<HashMap<u64, ProgressBar>>,
}

impl Bars {
    pub fn new() -> Self {
        let screen = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        Self { screen, bars: Mutex::new(HashMap::new()) }
    }

    /// Hides the bars while something else writes to the terminal.
    pub fn aside(&self, write: impl FnOnce()) {
        self.screen.suspend(write);
    }

    fn bars(&self) -> MutexGuard<'_, HashMap<u64, ProgressBar>> {
        self.bars.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress for Bars {
    fn begin(&self, id: u64, label: &str, total: u64) {
        let template = "{msg:32} [{bar:30}] {human_pos}/{human_len} {elapsed} (left {eta})";
        let style = ProgressStyle::with_template(template)
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("=> ");
        let bar = self.screen.add(ProgressBar::new(total).with_style(style).with_message(label.to_owned()));
        self.bars().insert(id, bar);
    }

    fn advance(&self, id: u64, n: u64) {
        if let Some(bar) = self.bars().get(&id) {
            bar.inc(n);
        }
    }

    fn end(&self, id: u64) {
        if let Some(bar) = self.bars().remove(&id) {
            bar.finish_and_clear();
            self.screen.remove(&bar);
        }
    }
}
