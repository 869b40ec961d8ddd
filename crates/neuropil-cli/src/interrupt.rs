//! Ctrl-C: the first asks the work to stop, the second stops the program.

use std::sync::{Mutex, OnceLock, PoisonError};

use neuropil_core::progress::CancelToken;

static CURRENT: OnceLock<Mutex<CancelToken>> = OnceLock::new();

/// A token that the next Ctrl-C (or a request of the system to terminate) cancels.
pub(crate) fn token() -> CancelToken {
    let token = CancelToken::new();
    let mut first = false;
    let current = CURRENT.get_or_init(|| {
        first = true;
        Mutex::new(token.clone())
    });
    *current.lock().unwrap_or_else(PoisonError::into_inner) = token.clone();
    if first {
        // Without a handler Ctrl-C still ends the program, only less politely.
        let _ = ctrlc::set_handler(|| {
            if let Some(current) = CURRENT.get() {
                let token = current.lock().unwrap_or_else(PoisonError::into_inner);
                if token.is_cancelled() {
                    std::process::exit(130);
                }
                token.cancel();
            }
        });
    }
    token
}
