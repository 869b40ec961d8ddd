//! The threads that neuropil works on.
//!
//! Neuropil has a pool of its own, so that it neither takes part in nor disturbs the pool of the program it is used
//! in. The pool is built at the first [`install`] and never at start-up. Its size is, in this order:
//!
//! 1. the limit of the calling thread, while a guard of [`limited`] lives;
//! 2. the limit of the process, if [`set_limit`] was called;
//! 3. the environment variable `NEUROPIL_NUM_THREADS`, if it is a positive whole number (a program calls
//!    [`check_environment`] to refuse anything else);
//! 4. what the machine grants this process: its CPU affinity, its cgroup quota and `SLURM_CPUS_PER_TASK`, whichever is
//!    least.
//!
//! Results do not depend on the number of threads. A forked child (Python's `multiprocessing`) has none of the
//! threads of its parent, so it builds a pool of its own; the memory of the parent's is left alone. Nothing here
//! panics or fails: where the system grants no further thread, the work runs on the caller's.
//!
//! ```
//! use neuropil_core::threads;
//!
//! let width = threads::install(rayon::current_num_threads);
//! assert_eq!(width, threads::limit());
//! let narrow = {
//!     let _guard = threads::limited(1);
//!     threads::install(rayon::current_num_threads)
//! };
//! assert_eq!(narrow, 1);
//! ```

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::check::{CheckError, Checked};

/// More threads than this are never started, whatever was asked for.
pub const MAX_THREADS: usize = 1024;

/// The variable of the environment that limits the threads.
const VARIABLE: &str = "NEUROPIL_NUM_THREADS";

/// How many pools of different sizes are kept ready.
const KEPT_POOLS: usize = 4;

/// The limit of the process; zero while none is set.
static LIMIT: AtomicUsize = AtomicUsize::new(0);

/// The pools of this process. A forked child finds its parent's here, sees that the process number differs, and puts
/// a new one in its place without touching the old, whose lock may have been held at the fork.
static POOLS: AtomicPtr<Pools> = AtomicPtr::new(std::ptr::null_mut());

thread_local! {
    /// The limit of this thread; zero while none is set.
    static THREAD_LIMIT: Cell<usize> = const { Cell::new(0) };
    /// The process in which this thread was started as a worker; zero when it is no worker.
    static WORKER_OF: Cell<u32> = const { Cell::new(0) };
}

struct Pools {
    process: u32,
    granted: usize,
    /// The most recently used first.
    ready: Mutex<Vec<(usize, Arc<ThreadPool>)>>,
}

/// Sets how many threads neuropil may use in this process from now on; `None` returns to the default.
///
/// Zero counts as one. Work that is under way keeps its threads.
pub fn set_limit(limit: Option<usize>) {
    LIMIT.store(limit.map_or(0, |n| n.clamp(1, MAX_THREADS)), Ordering::Relaxed);
}

/// How many threads the next [`install`] on this thread uses.
#[must_use]
pub fn limit() -> usize {
    if is_worker() {
        return rayon::current_num_threads();
    }
    match (THREAD_LIMIT.get(), LIMIT.load(Ordering::Relaxed)) {
        (0, 0) => pools().granted,
        (0, process) => process,
        (thread, _) => thread,
    }
}

/// Limits the threads for work that the calling thread starts until the guard is dropped.
#[must_use = "the limit holds until the guard is dropped"]
pub fn limited(limit: usize) -> LimitGuard {
    LimitGuard { previous: replace_thread_limit(Some(limit)), not_send: PhantomData }
}

/// Sets the limit of the calling thread alone and returns the previous one: what [`limited`] is made of, for callers
/// that cannot hold a guard.
pub fn replace_thread_limit(limit: Option<usize>) -> Option<usize> {
    let previous = THREAD_LIMIT.replace(limit.map_or(0, |n| n.clamp(1, MAX_THREADS)));
    (previous > 0).then_some(previous)
}

/// Restores the previous limit of the thread when dropped; from [`limited`].
#[derive(Debug)]
pub struct LimitGuard {
    previous: Option<usize>,
    /// The limit belongs to one thread, so the guard must stay on it.
    not_send: PhantomData<*const ()>,
}

impl Drop for LimitGuard {
    fn drop(&mut self) {
        replace_thread_limit(self.previous);
    }
}

/// Runs `work` inside the pool: parallel iterators and joins of rayon in it use [`limit`] threads.
///
/// Called from inside the pool, it runs `work` at once.
pub fn install<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    if is_worker() {
        return work();
    }
    match pool(limit()) {
        Some(pool) => pool.install(work),
        None => {
            // No thread could be started. The calling thread becomes the only worker of a pool of its own, so that
            // parallel iterators do not try to start the global pool.
            let alone = ThreadPoolBuilder::new().num_threads(1).use_current_thread().build();
            let result = work();
            drop(alone);
            result
        }
    }
}

fn is_worker() -> bool {
    let process = WORKER_OF.get();
    process != 0 && process == std::process::id()
}

fn pool(size: usize) -> Option<Arc<ThreadPool>> {
    // A panic under this lock is impossible to reach; the list would be intact anyway.
    let mut ready = pools().ready.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = ready.iter().position(|(n, _)| *n == size) {
        ready[..=found].rotate_right(1);
    } else {
        let pool = Arc::new(build(size)?);
        ready.truncate(KEPT_POOLS - 1);
        ready.insert(0, (size, pool));
    }
    ready.first().map(|(_, pool)| Arc::clone(pool))
}

/// A pool of `size` threads, or of fewer where the system grants no more.
fn build(size: usize) -> Option<ThreadPool> {
    let mut size = size;
    while size > 0 {
        let built = ThreadPoolBuilder::new()
            .num_threads(size)
            .thread_name(|i| format!("neuropil-{i}"))
            .start_handler(|_| WORKER_OF.set(std::process::id()))
            .build();
        match built {
            Ok(pool) => return Some(pool),
            Err(_) => size /= 2,
        }
    }
    None
}

fn pools() -> &'static Pools {
    let process = std::process::id();
    loop {
        let current = POOLS.load(Ordering::Acquire);
        // SAFETY: the pointer is null or came from `Box::into_raw` below and is never freed.
        if let Some(pools) = unsafe { current.as_ref() }
            && pools.process == process
        {
            return pools;
        }
        let fresh = Box::into_raw(Box::new(Pools { process, granted: granted(), ready: Mutex::new(Vec::new()) }));
        match POOLS.compare_exchange(current, fresh, Ordering::AcqRel, Ordering::Acquire) {
            // SAFETY: `fresh` was just made from a box and is never freed.
            Ok(_) => return unsafe { &*fresh },
            // SAFETY: nobody else has seen `fresh`.
            Err(_) => drop(unsafe { Box::from_raw(fresh) }),
        }
    }
}

/// Whether `NEUROPIL_NUM_THREADS`, where it is set, can be used.
///
/// # Errors
/// When it is no whole number from 1 to [`MAX_THREADS`]. [`install`] does as if it were not set.
pub fn check_environment() -> Checked<()> {
    check_variable(|name| std::env::var_os(name).map(|text| text.to_string_lossy().into_owned()))
}

fn check_variable(variable: impl Fn(&str) -> Option<String>) -> Checked<()> {
    match variable(VARIABLE).as_deref().map(str::trim) {
        None | Some("") => Ok(()),
        Some(text) if text.parse().is_ok_and(|n: usize| (1..=MAX_THREADS).contains(&n)) => Ok(()),
        Some(text) => {
            let value = format!("\"{text}\"");
            Err(CheckError::new(VARIABLE, value, format!("be a whole number from 1 to {MAX_THREADS}, or not be set")))
        }
    }
}

/// What the environment and the machine grant.
fn granted() -> usize {
    let available = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    default_limit(|name| std::env::var(name).ok(), available)
}

fn default_limit(variable: impl Fn(&str) -> Option<String>, available: usize) -> usize {
    let positive = |name| variable(name).and_then(|text| text.trim().parse().ok()).filter(|n| *n > 0);
    let wanted = positive(VARIABLE);
    let scheduled = positive("SLURM_CPUS_PER_TASK").unwrap_or(available);
    wanted.unwrap_or(available.min(scheduled)).clamp(1, MAX_THREADS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rayon::prelude::*;

    fn variables(pairs: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<String> {
        move |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn the_environment_decides_before_the_machine_and_nonsense_is_ignored() {
        assert_eq!(default_limit(variables(&[]), 8), 8);
        assert_eq!(default_limit(variables(&[("SLURM_CPUS_PER_TASK", "3")]), 8), 3);
        assert_eq!(default_limit(variables(&[("SLURM_CPUS_PER_TASK", "30")]), 8), 8);
        assert_eq!(default_limit(variables(&[("NEUROPIL_NUM_THREADS", " 12 "), ("SLURM_CPUS_PER_TASK", "3")]), 8), 12);
        assert_eq!(default_limit(variables(&[("NEUROPIL_NUM_THREADS", "0")]), 8), 8);
        assert_eq!(default_limit(variables(&[("NEUROPIL_NUM_THREADS", "all")]), 8), 8);
    }

    #[test]
    fn nonsense_in_the_environment_can_be_refused() {
        for good in ["1", " 12 ", "1024", "", " "] {
            assert_eq!(check_variable(|_| Some(good.to_owned())), Ok(()), "{good:?}");
        }
        assert_eq!(check_variable(|_| None), Ok(()));
        for bad in ["0", "-2", "all", "2.0", "1025", "99999999999999999999"] {
            let message = check_variable(|_| Some(bad.to_owned())).unwrap_err().to_string();
            let wanted = format!("NEUROPIL_NUM_THREADS is \"{bad}\", but it must be a whole number from 1 to 1024");
            assert!(message.starts_with(&wanted), "{message}");
        }
    }

    #[test]
    fn limits_of_threads_nest_and_end() {
        std::thread::spawn(|| {
            let outer = limited(3);
            assert_eq!((limit(), install(rayon::current_num_threads)), (3, 3));
            {
                let _inner = limited(0);
                assert_eq!((limit(), install(rayon::current_num_threads)), (1, 1));
            }
            assert_eq!(limit(), 3);
            assert_eq!(install(|| install(limit)), 3);
            drop(outer);
            assert_eq!(replace_thread_limit(None), None);
        })
        .join()
        .unwrap();
    }

    #[test]
    fn the_limit_of_the_process_changes_at_run_time_and_many_sizes_work() {
        for size in [2, 5, 1, 4, 3, 2, 7] {
            let _guard = limited(size);
            let total: u64 = install(|| (0..1000_u64).into_par_iter().sum());
            assert_eq!((total, install(rayon::current_num_threads)), (499_500, size));
        }
        // The other tests of this process use limits of their threads, which win over this one.
        set_limit(Some(2));
        assert_eq!(install(rayon::current_num_threads), 2);
        set_limit(Some(usize::MAX));
        assert_eq!(limit(), MAX_THREADS);
        set_limit(None);
        assert!(limit() >= 1);
    }

    #[test]
    fn a_panic_in_the_work_reaches_the_caller_and_the_pool_survives() {
        let _guard = limited(2);
        assert!(std::panic::catch_unwind(|| install(|| panic!("in the work"))).is_err());
        assert_eq!(install(|| 1), 1);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_forked_child_builds_a_pool_of_its_own() {
        let _guard = limited(2);
        let sum = || install(|| (0..1000_u64).into_par_iter().sum::<u64>());
        assert_eq!(sum(), 499_500);
        // SAFETY: the child only computes and leaves with `_exit`; an alarm ends it if it should hang.
        let status = unsafe {
            let child = libc::fork();
            if child == 0 {
                libc::alarm(20);
                libc::_exit(if sum() == 499_500 { 0 } else { 1 });
            }
            let mut status = -1;
            libc::waitpid(child, &raw mut status, 0);
            status
        };
        assert_eq!(status, 0);
        assert_eq!(sum(), 499_500);
    }
}
