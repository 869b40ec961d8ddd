//! Checks of what users read: the commands in README and book run, the book builds, links lead somewhere.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use crate::process::{command, root, run, target};
use crate::tools;

/// Runs the `sh` and `python` blocks of the README files and of the book, each file in a scratch folder of its own.
pub fn blocks() -> Result<()> {
    let environment = tools::python()?;
    let mut files = vec![root().join("README.md")];
    files.extend(markdown_below(&root().join("crates"))?);
    files.extend(markdown_below(&root().join("book/src"))?);
    files.retain(|file| file.exists());
    ensure!(files.len() > 1, "there is no README.md or no book");
    let path = std::env::join_paths(
        [target().join("release"), environment.bin()]
            .into_iter()
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    )?;
    run(command(environment.python())
        .arg(root().join("xtask/documents/run_blocks.py"))
        .arg("--scratch")
        .arg(target().join("documents"))
        .args(files)
        .env("PATH", path)
        .env("MPLBACKEND", "Agg"))
}

/// Builds the book and follows every link of it and of the Markdown files beside it.
pub fn book() -> Result<()> {
    let output = target().join("book");
    run(command(tools::mdbook()?).arg("build").arg(root().join("book")).arg("--dest-dir").arg(&output))?;
    let mut files: Vec<PathBuf> = fs::read_dir(root())?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    files.extend(markdown_below(&root().join("crates"))?);
    run(command(tools::python()?.python()).arg(root().join("xtask/documents/check_links.py")).arg(output).args(files))
}

/// Markdown files below a folder, sorted, without looking into build outputs.
fn markdown_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    if !folder.is_dir() {
        return Ok(found);
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            found.extend(markdown_below(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
