//! Checks of the Rust crates.

use anyhow::Result;

use crate::process::{answers, cargo, command, output, root, run};
use crate::tools;

/// Sources are formatted.
pub fn format() -> Result<()> {
    run(cargo("fmt").args(["--all", "--check"]))
}

/// Clippy is silent. The release profile, so that the build scripts and macros of the other stages are shared.
pub fn clippy() -> Result<()> {
    run(cargo("clippy").args(["--workspace", "--all-targets", "--release", "--locked", "--", "-D", "warnings"]))
}

/// All tests, with nextest where it is installed; documentation tests always with cargo, which alone can run them.
pub fn tests() -> Result<()> {
    if answers("cargo-nextest", &["nextest", "--version"]) {
        // nextest builds in the release profile under --cargo-profile; its own --profile means something else
        run(cargo("nextest").args(["run", "--workspace", "--cargo-profile", "release", "--locked", "--no-fail-fast"]))?;
    } else {
        run(cargo("test")
            .args(["--workspace", "--all-targets", "--release", "--locked", "--no-fail-fast"])
            .args(["--", "--quiet"]))?;
    }
    run(cargo("test").args(["--workspace", "--doc", "--release", "--locked", "--no-fail-fast"]))
}

/// Documentation builds without a warning.
pub fn documentation() -> Result<()> {
    run(cargo("doc").args(["--workspace", "--no-deps", "--release", "--locked"]).env("RUSTDOCFLAGS", "-D warnings"))
}

/// Licences, bans and sources by `deny.toml`; advisories where the database can be reached.
pub fn deny() -> Result<()> {
    let deny = tools::cargo_deny()?;
    let check = || {
        let mut deny = command(&deny);
        deny.arg("--manifest-path").arg(root().join("Cargo.toml")).args(["--locked", "check"]);
        deny
    };
    run(check().args(["--hide-inclusion-graph", "licenses", "bans", "sources"]))?;
    match output(command(&deny).arg("--manifest-path").arg(root().join("Cargo.toml")).args(["fetch", "db"])) {
        Ok(_) => run(check().args(["--disable-fetch", "advisories"])),
        Err(_) => {
            println!("advisories not checked: the advisory database cannot be reached from here");
            Ok(())
        }
    }
}

/// The program that the report and the documentation's commands use.
pub fn program() -> Result<()> {
    run(cargo("build").args(["--release", "--locked", "--package", "neuropil-cli"]))
}
