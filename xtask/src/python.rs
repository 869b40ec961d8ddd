//! The Python package: wheel, tests, type stubs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::process::{command, output, root, run, target};
use crate::tools::{self, Environment};

/// Largest wheel that users should have to download.
const LARGEST_WHEEL: u64 = 15_000_000;
/// What every wheel holds, besides the extension module.
const WHEEL_CONTENTS: [&str; 4] =
    ["neuropil/__init__.py", "neuropil/py.typed", "neuropil/_neuropil.pyi", "dist-info/entry_points.txt"];
/// Where the stubs of the extension module live.
const STUBS: &str = "python/neuropil/_neuropil.pyi";
/// Names that the generated stubs use inside quoted annotations and therefore do not import by themselves.
const STUB_HEADER: &str = "# Generated from the compiled module by `cargo xtask stubs`; do not edit.\n\
    import typing\n\nimport numpy\nimport numpy.typing\n";

/// Builds the wheel, checks it and installs it into the test environment.
pub fn wheel() -> Result<()> {
    let environment = tools::python()?;
    let wheel = build_wheel()?;
    environment.install_wheel(&wheel)?;
    run(command(environment.python()).args(["-c", "import neuropil; print(neuropil.doctor())"]).current_dir(target()))?;
    run(command(environment.program("neuropil")).arg("--version").current_dir(target()))
}

/// Builds the wheel into `target/wheels` and checks its tag, its size and its contents.
pub fn build_wheel() -> Result<PathBuf> {
    let environment = tools::python()?;
    let folder = target().join("wheels");
    let _ = fs::remove_dir_all(&folder);
    run(maturin(&environment).args(["build", "--release", "--locked", "--quiet"]).arg("--out").arg(&folder))?;
    let mut built: Vec<PathBuf> =
        fs::read_dir(&folder)?.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    let wheel = built.pop().context("maturin built no wheel")?;
    ensure!(built.is_empty(), "maturin built more than one wheel");

    let name = file_name(&wheel);
    ensure!(name.contains("-cp310-abi3-"), "{name} is not tagged cp310-abi3: it would not install on every Python");
    let size = fs::metadata(&wheel)?.len();
    ensure!(size < LARGEST_WHEEL, "{name} has {size} bytes, more than {LARGEST_WHEEL}");
    let contents = output(command(environment.python()).args(["-m", "zipfile", "-l"]).arg(&wheel))?;
    for wanted in WHEEL_CONTENTS {
        ensure!(contents.contains(wanted), "{name} lacks {wanted}");
    }
    println!("{name}: {:.2} MB", size as f64 / 1e6);
    Ok(wheel)
}

/// Tests of the package.
pub fn tests() -> Result<()> {
    let environment = tools::python()?;
    let cache = format!("cache_dir={}", target().join("pytest").display());
    run(command(environment.python()).args(["-m", "pytest", "-q", "-o", &cache, "python/tests"]))
}

/// The stubs say what the compiled module holds, a user's script passes the strictest checks, and the code is tidy.
pub fn stubs() -> Result<()> {
    let environment = tools::python()?;
    let python = environment.python();
    let mut sources = vec!["python", "xtask"];
    sources.extend(["benchmarks"].into_iter().filter(|folder| root().join(folder).is_dir()));
    run(command(&python)
        .args(["-m", "ruff", "check", "--no-cache", "--config", "python/pyproject.toml"])
        .args(&sources))?;
    run(command(&python)
        .args(["-m", "ruff", "format", "--check", "--no-cache", "--config", "python/pyproject.toml"])
        .args(&sources))?;

    let generated = generate(&environment)?;
    let committed = fs::read_to_string(root().join(STUBS)).with_context(|| format!("cannot read {STUBS}"))?;
    if generated != committed {
        let difference = target().join("stubs/_neuropil.pyi");
        bail!("{STUBS} is not what the module holds; see {} and run `cargo xtask stubs`", difference.display());
    }
    // mypy writes its cache into the current folder: give it one of its own
    run(command(&python)
        .args(["-m", "mypy.stubtest", "neuropil._neuropil"])
        .current_dir(target().join("stubs"))
        .env("MYPY_CACHE_DIR", target().join("mypy")))?;
    // from a scratch folder, so that the installed wheel is checked and not the sources beside the tests
    let scratch = target().join("stubs/typing");
    copy_files(&root().join("python/tests/typing"), &scratch)?;
    run(command(environment.program("pyright"))
        .arg("--pythonpath")
        .arg(&python)
        .args(["--project", "."])
        .current_dir(&scratch))
}

/// Writes the stubs of the extension module into the sources.
pub fn write_stubs() -> Result<()> {
    let stubs = generate(&tools::python()?)?;
    fs::write(root().join(STUBS), stubs)?;
    println!("wrote {STUBS}");
    Ok(())
}

/// The stubs of the module as it is, formatted.
fn generate(environment: &Environment) -> Result<String> {
    let folder = target().join("stubs");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    run(maturin(environment)
        .args(["generate-stubs", "--profile", "release", "--locked", "--quiet"])
        .arg("--out")
        .arg(&folder))?;
    let file = find_stub(&folder)?.context("maturin wrote no stubs")?;
    let stubs = folder.join("_neuropil.pyi");
    let text = format!("{STUB_HEADER}{}", fs::read_to_string(file)?);
    fs::write(&stubs, text)?;
    let python = environment.python();
    let config = root().join("python/pyproject.toml");
    for action in [&["check", "--fix", "--exit-zero", "--silent"][..], &["format", "--quiet"][..]] {
        run(command(&python)
            .args(["-m", "ruff"])
            .args(action)
            .args(["--no-cache", "--config"])
            .arg(&config)
            .arg(&stubs))?;
    }
    Ok(fs::read_to_string(stubs)?)
}

fn find_stub(folder: &Path) -> Result<Option<PathBuf>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if let Some(found) = find_stub(&path)? {
                return Ok(Some(found));
            }
        } else if path.extension().is_some_and(|extension| extension == "pyi") {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

fn copy_files(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let path = entry?.path();
        if path.is_file() {
            fs::copy(&path, to.join(file_name(&path)))?;
        }
    }
    Ok(())
}

/// maturin on the project's package, with the environment's interpreter.
fn maturin(environment: &Environment) -> std::process::Command {
    let mut maturin = command(environment.program("maturin"));
    maturin.current_dir(root().join("python")).env("PYO3_PYTHON", environment.python());
    maturin
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
