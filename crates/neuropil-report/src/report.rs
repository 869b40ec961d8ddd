//! The report: a page for people, a JSON file for programs, and all figures and numbers as files.

use crate::{Claim, ReportError, Section, Verdict, files, number, page};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// How much of each experiment was run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Size {
    /// Minutes in all, with fewer repetitions.
    #[default]
    Quick,
    /// The size of the papers.
    Full,
}

impl std::fmt::Display for Size {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Size::Quick => "quick",
            Size::Full => "full",
        })
    }
}

/// The machine on which the experiments ran, as far as it matters for their times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The operating system, such as `linux`.
    pub system: String,
    /// The processor family, such as `x86_64`.
    pub architecture: String,
    /// The number of hardware threads that could be used.
    pub threads: usize,
}

impl Machine {
    /// The machine that runs this program.
    pub fn here() -> Self {
        Machine {
            system: std::env::consts::OS.into(),
            architecture: std::env::consts::ARCH.into(),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

/// How many claims hold and how many do not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Claims that hold.
    pub hold: usize,
    /// Claims that do not hold, documented or not.
    pub fail: usize,
    /// Those of the failing ones whose deviation is documented.
    pub documented: usize,
}

impl Tally {
    /// Counts claims.
    pub fn of<'a>(claims: impl IntoIterator<Item = &'a Claim>) -> Tally {
        let mut tally = Tally::default();
        for claim in claims {
            match claim.verdict() {
                Verdict::Holds => tally.hold += 1,
                Verdict::Fails => tally.fail += 1,
                Verdict::FailsAsDocumented => {
                    tally.fail += 1;
                    tally.documented += 1;
                }
            }
        }
        tally
    }

    /// Whether no claim fails without a documented reason.
    pub fn is_accounted_for(&self) -> bool {
        self.fail == self.documented
    }
}

/// All sections of one run.
#[derive(Clone, Debug)]
pub struct Report {
    /// The version of neuropil.
    pub version: String,
    /// How much of each experiment was run.
    pub size: Size,
    /// The seed from which all random streams derive.
    pub seed: u64,
    /// Where it ran.
    pub machine: Machine,
    /// The experiments, in the order in which they are shown.
    pub sections: Vec<Section>,
}

/// The names of the files of one section.
pub(crate) struct FileNames {
    /// Without extension, relative to the report, one per figure.
    pub figures: Vec<String>,
    /// One CSV file per figure, with what it plots.
    pub figure_data: Vec<String>,
    /// One CSV file per table.
    pub tables: Vec<String>,
}

#[derive(Serialize)]
struct ReportJson<'a> {
    neuropil: &'a str,
    size: Size,
    seed: u64,
    machine: &'a Machine,
    experiments: Vec<ExperimentJson<'a>>,
}

#[derive(Serialize)]
struct ExperimentJson<'a> {
    id: &'a str,
    room: &'a str,
    paper: &'a str,
    figure: &'a str,
    title: &'a str,
    #[serde(with = "number::one")]
    seconds: f64,
    parameters: &'a serde_json::Value,
    claims: &'a [Claim],
    figures: Vec<String>,
    tables: Vec<String>,
}

impl Report {
    /// An empty report of this machine.
    pub fn new(version: impl Into<String>, size: Size, seed: u64) -> Self {
        Report { version: version.into(), size, seed, machine: Machine::here(), sections: Vec::new() }
    }

    /// The machine on which the experiments ran, where it is not this one.
    pub fn machine(mut self, machine: Machine) -> Self {
        self.machine = machine;
        self
    }

    /// Adds the outcome of an experiment.
    pub fn section(mut self, section: Section) -> Self {
        self.sections.push(section);
        self
    }

    /// How many claims of all sections hold.
    pub fn tally(&self) -> Tally {
        Tally::of(self.sections.iter().flat_map(|section| &section.claims))
    }

    /// The page, with all figures in it.
    pub fn to_html(&self) -> String {
        page::render(self, &self.file_names()).into_string()
    }

    /// `report.json`.
    ///
    /// # Errors
    /// If a parameter cannot be written as JSON.
    pub fn to_json(&self) -> Result<String, ReportError> {
        let names = self.file_names();
        let experiments = self.sections.iter().zip(&names).map(|(section, names)| ExperimentJson {
            id: &section.id,
            room: &section.room,
            paper: &section.paper,
            figure: &section.figure,
            title: &section.title,
            seconds: section.seconds,
            parameters: &section.parameters,
            claims: &section.claims,
            figures: names.figures.iter().map(|name| format!("{name}.svg")).collect(),
            tables: names.tables.iter().chain(&names.figure_data).cloned().collect(),
        });
        let json = ReportJson {
            neuropil: &self.version,
            size: self.size,
            seed: self.seed,
            machine: &self.machine,
            experiments: experiments.collect(),
        };
        Ok(serde_json::to_string_pretty(&json)? + "\n")
    }

    /// Writes `index.html`, `report.json`, `figures/*.svg`, `figures/*.png` and `data/*.csv` into a folder, which is
    /// made if need be, and returns the path of the page. Files of the same names are replaced, each at once; the page
    /// comes last, so that it never links to a file that is not there yet.
    ///
    /// # Errors
    /// If a file cannot be written or a figure cannot be drawn.
    pub fn write(&self, folder: impl AsRef<Path>) -> Result<PathBuf, ReportError> {
        let folder = folder.as_ref();
        for part in ["figures", "data"] {
            files::folder(&folder.join(part))?;
        }
        for (section, names) in self.sections.iter().zip(self.file_names()) {
            for (figure, name) in section.figures.iter().zip(&names.figures) {
                files::place(&folder.join(format!("{name}.svg")), figure.to_svg().as_bytes())?;
                files::place(&folder.join(format!("{name}.png")), &figure.to_png(2.0)?)?;
            }
            for (figure, name) in section.figures.iter().zip(&names.figure_data) {
                files::place(&folder.join(name), figure.data().to_csv().as_bytes())?;
            }
            for (table, name) in section.tables.iter().zip(&names.tables) {
                files::place(&folder.join(name), table.to_csv().as_bytes())?;
            }
        }
        files::place(&folder.join("report.json"), self.to_json()?.as_bytes())?;
        let page = folder.join("index.html");
        files::place(&page, self.to_html().as_bytes())?;
        Ok(page)
    }

    /// File names made of the ids; a number is added where two would be the same.
    pub(crate) fn file_names(&self) -> Vec<FileNames> {
        let mut taken: HashSet<String> = HashSet::new();
        let mut name = |folder: &str, section: &str, id: &str, ending: &str| {
            let stem = format!("{folder}/{}.{}", plain(section), plain(id));
            let mut candidate = format!("{stem}{ending}");
            let mut copy = 2;
            // some file systems do not tell upper from lower case
            while !taken.insert(candidate.to_lowercase()) {
                candidate = format!("{stem}-{copy}{ending}");
                copy += 1;
            }
            candidate
        };
        self.sections
            .iter()
            .map(|section| {
                let figures: Vec<String> =
                    section.figures.iter().map(|figure| name("figures", &section.id, figure.id(), "")).collect();
                let tables = section.tables.iter().map(|table| name("data", &section.id, table.id(), ".csv")).collect();
                let figure_data = section
                    .figures
                    .iter()
                    .map(|figure| name("data", &section.id, &format!("{}.figure", figure.id()), ".csv"));
                FileNames { figure_data: figure_data.collect(), figures, tables }
            })
            .collect()
    }
}

/// The part of a file name that an id gives: letters, digits, dots, dashes and underscores.
fn plain(id: &str) -> String {
    let name: String = id
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_') { letter } else { '-' })
        .collect();
    name.trim_start_matches('.').to_string()
}
