//! Developer commands, called through the alias in `.cargo/config.toml`.
//!
//! ```text
//! cargo xtask test              every check of the project, one closing line per stage
//! cargo xtask test clippy rust  some of them, with what they need first
//! cargo xtask test --list       the stages
//! cargo xtask bench             the Rust benches and the comparison with other packages
//! cargo xtask stubs             writes the type stubs of the Python extension module again
//! ```
//!
//! A stage installs what it lacks: Debian packages with apt-get when it runs as root, Python packages in a virtual
//! environment and cargo tools in a folder, both under the target directory.

mod bench;
mod documents;
mod process;
mod python;
mod report;
mod rust;
mod stages;
mod tools;

use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "\
usage: cargo xtask COMMAND

  test [STAGE...]   run every check, or the named stages and what they need
  test --list       list the stages
  bench [--quick] [--rust | --peers]
                    run the Rust benches and the comparison with other packages
  stubs             write python/neuropil/_neuropil.pyi from the compiled module";

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["test", "--list"] => {
            stages::list();
            Ok(ExitCode::SUCCESS)
        }
        ["test", names @ ..] => stages::test(names),
        ["bench", options @ ..] => bench::run_all(options).map(|()| ExitCode::SUCCESS),
        ["stubs"] => python::write_stubs().map(|()| ExitCode::SUCCESS),
        [] | ["-h" | "--help" | "help", ..] => {
            println!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        [other, ..] => bail!("unknown command {other:?}\n\n{USAGE}"),
    }
}
