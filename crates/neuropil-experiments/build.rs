//! Hashes the sources that the outcome of an experiment depends on, so that the cache of finished experiments never
//! serves a result that other code has computed.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

fn main() {
    let crates = [
        "neuropil-core",
        "neuropil-data",
        "neuropil-landscape",
        "neuropil-memory",
        "neuropil-report",
        "neuropil-spikes",
        "neuropil-surprise",
        "neuropil-experiments",
    ];
    let mut files = Vec::new();
    for name in crates {
        // In a published crate only the own sources are there; the versions of the others are fixed by its manifest.
        let folder = Path::new("..").join(name).join("src");
        if folder.is_dir() {
            println!("cargo::rerun-if-changed={}", folder.display());
            collect(&folder, &mut files);
        }
    }
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        file.hash(&mut hasher);
        std::fs::read(&file).unwrap_or_default().hash(&mut hasher);
    }
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=NEUROPIL_SOURCES={:016x}", hasher.finish());
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
