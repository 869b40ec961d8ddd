//! `neuropil doctor`.

use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use neuropil_core::{provenance, threads};
use serde_json::json;

use crate::document::document;
use crate::failure::{DONE, Result};
use crate::options::Context;

pub(crate) fn run(context: &Context<'_>) -> Result<i32> {
    context.global.refuse_plot("doctor")?;
    context.global.refuse_out("doctor")?;
    let machine = provenance::machine();
    let features = processor_features();
    let program = std::env::current_exe().map_or_else(|error| error.to_string(), |path| path.display().to_string());
    let cache = Path::new(crate::reproduce::DEFAULT_FOLDER).join(crate::reproduce::CACHE);
    let python = python();
    let temporary = std::env::temp_dir();
    let writable = can_write(&temporary);

    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name:<11}{value}");
    };
    line("neuropil", &format!("{} ({program})", provenance::version()));
    line("system", &format!("{} {}", machine.os, machine.arch));
    line("processor", machine.cpu.as_deref().unwrap_or("unknown"));
    line("features", &if features.is_empty() { "none that matter".to_owned() } else { features.join(" ") });
    line("threads", &format!("{} of {} processors", threads::limit(), machine.cpus));
    line("python", python.as_deref().unwrap_or("not found (needed only for the Python package)"));
    line("cache", &format!("{} (of `neuropil reproduce`, inside its --out)", cache.display()));
    let state = if writable { "" } else { " (not writable: results may fail to be saved)" };
    line("temporary", &format!("{}{state}", temporary.display()));
    context.console.show(text, || {
        let result = json!({
            "program": program,
            "machine": machine,
            "processor_features": features,
            "threads": threads::limit(),
            "python": python,
            "cache": cache,
            "temporary_folder": temporary,
            "temporary_folder_is_writable": writable,
        });
        document("doctor", context.global.seed(), json!({}), json!(null), result)
    })?;
    Ok(DONE)
}

/// The vector instructions of this processor; kernels choose among them while they run.
fn processor_features() -> Vec<&'static str> {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    let found = [
        ("sse4.2", std::arch::is_x86_feature_detected!("sse4.2")),
        ("avx", std::arch::is_x86_feature_detected!("avx")),
        ("avx2", std::arch::is_x86_feature_detected!("avx2")),
        ("fma", std::arch::is_x86_feature_detected!("fma")),
        ("avx512f", std::arch::is_x86_feature_detected!("avx512f")),
    ];
    #[cfg(target_arch = "aarch64")]
    let found = [("neon", std::arch::is_aarch64_feature_detected!("neon"))];
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
    let found: [(&str, bool); 0] = [];
    found.into_iter().filter_map(|(name, present)| present.then_some(name)).collect()
}

fn python() -> Option<String> {
    ["python3", "python"].into_iter().find_map(|name| {
        let output = Command::new(name).arg("--version").stdin(Stdio::null()).output().ok()?;
        let version = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| format!("{} ({name})", version.trim()))
    })
}

fn can_write(folder: &Path) -> bool {
    let probe = folder.join(format!("neuropil-doctor-{}", std::process::id()));
    let written = std::fs::write(&probe, b"").is_ok();
    // It may not be there.
    let _ = std::fs::remove_file(probe);
    written
}
