//! Programs that the stages need and that a fresh machine lacks.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::process::{answers, cargo, command, output, root, run, target};

/// A cargo tool at the version that the project is checked with.
struct CargoTool {
    name: &'static str,
    version: &'static str,
    /// Without the others, which bring servers and file watchers, the tools compile in half the time.
    features: &'static str,
}

const DENY: CargoTool = CargoTool { name: "cargo-deny", version: "0.20.2", features: "" };
const MDBOOK: CargoTool = CargoTool { name: "mdbook", version: "0.5.4", features: "search" };

/// Path of cargo-deny.
pub fn cargo_deny() -> Result<PathBuf> {
    cargo_tool(&DENY)
}

/// Path of mdbook.
pub fn mdbook() -> Result<PathBuf> {
    cargo_tool(&MDBOOK)
}

/// A tool from the path if its version is the pinned one, else from `target/tools`, compiled there once.
fn cargo_tool(tool: &CargoTool) -> Result<PathBuf> {
    let folder = target().join("tools");
    let installed = folder.join("bin").join(tool.name);
    for candidate in [PathBuf::from(tool.name), installed.clone()] {
        let version = output(command(&candidate).arg("--version")).unwrap_or_default();
        if version.split_whitespace().any(|word| word.trim_start_matches('v') == tool.version) {
            return Ok(candidate);
        }
    }
    println!("compiling {} {} once, into {}", tool.name, tool.version, folder.display());
    let build = folder.join("build");
    // unoptimised: they run for a second
    run(cargo("install")
        .args(["--locked", "--debug", "--quiet", "--force", "--version", tool.version])
        .args(["--no-default-features", "--features", tool.features])
        .arg("--root")
        .arg(&folder)
        .arg("--target-dir")
        .arg(&build)
        .arg(tool.name)
        .env("CARGO_PROFILE_DEV_DEBUG", "0"))?;
    let _ = fs::remove_dir_all(build);
    Ok(installed)
}

/// Chromium, from the distribution.
pub fn chromium() -> Result<PathBuf> {
    const CHROMIUM: &str = "/usr/bin/chromium";
    if let Some(path) = std::env::var_os("CHROMIUM") {
        return Ok(path.into());
    }
    if !Path::new(CHROMIUM).exists() {
        debian_packages(&["chromium", "fonts-dejavu-core"])
            .context("set CHROMIUM to the path of a Chromium or install the package chromium")?;
    }
    Ok(CHROMIUM.into())
}

/// Installs packages of a Debian-like system; an error where that is not possible.
fn debian_packages(packages: &[&str]) -> Result<()> {
    if !answers("apt-get", &["--version"]) {
        bail!("{} is missing and there is no apt-get to install it", packages[0]);
    }
    if output(command("id").arg("-u"))?.trim() != "0" {
        bail!("{} is missing; as root run: apt-get install {}", packages[0], packages.join(" "));
    }
    run(command("apt-get").args(["update", "-qq"]))?;
    run(command("apt-get")
        .args(["install", "-y", "-qq", "--no-install-recommends"])
        .args(packages)
        .env("DEBIAN_FRONTEND", "noninteractive"))
}

/// A virtual environment under the target directory.
pub struct Environment {
    folder: PathBuf,
}

impl Environment {
    /// The environment `target/NAME` with the packages of a requirements file; made anew when that file has changed.
    pub fn prepare(name: &str, requirements: &str) -> Result<Self> {
        let environment = Self { folder: target().join(name) };
        let requirements = root().join(requirements);
        let wanted =
            fs::read_to_string(&requirements).with_context(|| format!("cannot read {}", requirements.display()))?;
        let stamp = environment.folder.join("requirements.installed");
        if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted)
            && answers(environment.python(), &["--version"])
        {
            return Ok(environment);
        }
        println!("installing {} into {}", requirements.display(), environment.folder.display());
        let _ = fs::remove_dir_all(&environment.folder);
        environment.create()?;
        run(command(environment.python())
            .args(["-m", "pip", "install", "--quiet", "--requirement"])
            .arg(&requirements))?;
        fs::write(stamp, wanted)?;
        Ok(environment)
    }

    fn create(&self) -> Result<()> {
        let python = system_python()?;
        let made = run(command(&python).args(["-m", "venv"]).arg(&self.folder));
        if made.is_err() {
            // Debian ships Python without the module that puts pip into an environment.
            debian_packages(&["python3-venv"])?;
            let _ = fs::remove_dir_all(&self.folder);
            run(command(&python).args(["-m", "venv"]).arg(&self.folder))?;
        }
        Ok(())
    }

    /// Installs a wheel of the project; its dependencies are in the requirements.
    pub fn install_wheel(&self, wheel: &Path) -> Result<()> {
        run(command(self.python())
            .args(["-m", "pip", "install", "--quiet", "--force-reinstall", "--no-deps"])
            .arg(wheel))
    }

    /// The environment's interpreter.
    pub fn python(&self) -> PathBuf {
        self.folder.join("bin/python")
    }

    /// A program that a package of the environment brings.
    pub fn program(&self, name: &str) -> PathBuf {
        self.bin().join(name)
    }

    /// The folder of the environment's programs.
    pub fn bin(&self) -> PathBuf {
        self.folder.join("bin")
    }
}

/// The environment in which the Python package is built and tested.
pub fn python() -> Result<Environment> {
    Environment::prepare("venv", "python/requirements-test.txt")
}

/// A Python of version 3.11 or newer, which the pinned test packages need.
fn system_python() -> Result<String> {
    const NAMES: [&str; 5] = ["python3", "python3.11", "python3.12", "python3.13", "python3.14"];
    const CHECK: &str = "import sys; sys.exit(sys.version_info < (3, 11))";
    let given = std::env::var("PYTHON").ok();
    let candidates = given.as_deref().into_iter().chain(NAMES);
    candidates
        .into_iter()
        .find(|name| answers(name, &["-c", CHECK]))
        .map(str::to_owned)
        .context("no Python of version 3.11 or newer found; install one or set PYTHON to its path")
}
