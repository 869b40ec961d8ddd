//! Speed: the Rust benches, and the comparison with other packages in `benchmarks/`.

use anyhow::{Result, bail, ensure};

use crate::process::{cargo, command, root, run};
use crate::python;
use crate::tools::Environment;

/// `cargo xtask bench [--quick] [--rust | --peers]`.
pub fn run_all(options: &[&str]) -> Result<()> {
    let (mut quick, mut rust, mut peers) = (false, true, true);
    for option in options {
        match *option {
            "--quick" => quick = true,
            "--rust" => peers = false,
            "--peers" => rust = false,
            other => bail!("unknown option {other:?}; bench takes --quick, --rust and --peers"),
        }
    }
    ensure!(rust || peers, "--rust and --peers exclude each other; give neither to run both");
    if rust {
        rust_benches(quick)?;
    }
    if peers {
        peer_comparison(quick)?;
    }
    Ok(())
}

fn rust_benches(quick: bool) -> Result<()> {
    let mut bench = cargo("bench");
    bench.args(["--workspace", "--locked", "--benches"]);
    if quick {
        // criterion's test mode: every bench runs once, nothing is timed
        bench.args(["--", "--test"]);
    }
    run(&mut bench)
}

/// The peers live in an environment of their own, because they pin what they like.
fn peer_comparison(quick: bool) -> Result<()> {
    let wheel = python::build_wheel()?;
    let environment = Environment::prepare("bench-venv", "benchmarks/requirements.txt")?;
    environment.install_wheel(&wheel)?;
    let mut compare = command(environment.python());
    compare.arg(root().join("benchmarks/run.py"));
    if quick {
        compare.arg("--quick");
    }
    run(&mut compare)
}
