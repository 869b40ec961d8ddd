//! Choosing experiments by id.

use std::fmt;

use crate::Experiment;

/// A name that is neither an experiment nor a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownId {
    /// The name that was given.
    pub name: String,
    /// The most similar names, best first.
    pub similar: Vec<String>,
}

impl fmt::Display for UnknownId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no experiment \"{}\"", self.name)?;
        match self.similar.as_slice() {
            [] => write!(f, "; `neuropil reproduce --list` names all"),
            names => write!(f, "; did you mean {}?", names.join(", ")),
        }
    }
}

impl std::error::Error for UnknownId {}

/// The experiments with these names, in the order of the report and without repetition; all if there is no name.
///
/// A name is an id (`surprise.regret-heatmap`) or the words before one of its dots (`surprise`); one argument may hold
/// several names separated by commas or spaces.
pub fn select(
    experiments: Vec<Box<dyn Experiment>>,
    names: &[impl AsRef<str>],
) -> Result<Vec<Box<dyn Experiment>>, UnknownId> {
    let names: Vec<&str> = names
        .iter()
        .flat_map(|name| name.as_ref().split([',', ' ']))
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .collect();
    for name in &names {
        if !experiments.iter().any(|experiment| matches(experiment.info().id, name)) {
            return Err(UnknownId { name: (*name).to_owned(), similar: similar(name, &experiments) });
        }
    }
    let wanted = |id: &str| names.is_empty() || names.iter().any(|name| matches(id, name));
    Ok(experiments.into_iter().filter(|experiment| wanted(experiment.info().id)).collect())
}

fn matches(id: &str, name: &str) -> bool {
    id.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn similar(name: &str, experiments: &[Box<dyn Experiment>]) -> Vec<String> {
    let mut candidates: Vec<(usize, &str)> = experiments
        .iter()
        .flat_map(|experiment| [experiment.info().id, experiment.info().room])
        .filter_map(|id| {
            // A part of an id, such as `heatmap`, is as good as a small slip in the whole id.
            let words = id.rsplit('.').next().unwrap_or(id);
            let distance = edits(name, id).min(edits(name, words));
            let distance = if name.len() > 2 && id.contains(name) { distance.min(1) } else { distance };
            (distance <= 2 + name.len() / 4).then_some((distance, id))
        })
        .collect();
    candidates.sort_unstable();
    candidates.dedup();
    candidates.into_iter().take(3).map(|(_, id)| id.to_owned()).collect()
}

/// Levenshtein distance: the least number of letters to insert, remove or replace.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, other) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Context, Info, Result, Size};

    struct Named(Info);

    impl Experiment for Named {
        fn info(&self) -> &Info {
            &self.0
        }

        fn parameters(&self, _size: Size) -> serde_json::Value {
            serde_json::Value::Null
        }

        fn run(&self, _context: &Context) -> Result<neuropil_report::Section> {
            Err(crate::Error::failed("never run"))
        }
    }

    fn experiments() -> Vec<Box<dyn Experiment>> {
        ["surprise.regret-heatmap", "surprise.robustness", "memory.capacity"]
            .map(|id| {
                let room = id.split('.').next().unwrap_or(id);
                Box::new(Named(Info { id, room, paper: "", figure: "", title: "" })) as Box<dyn Experiment>
            })
            .into()
    }

    fn chosen(names: &[&str]) -> Vec<&'static str> {
        select(experiments(), names).map_or(Vec::new(), |list| list.iter().map(|one| one.info().id).collect())
    }

    #[test]
    fn no_name_selects_everything() {
        assert_eq!(chosen(&[]).len(), 3);
    }

    #[test]
    fn a_room_selects_its_experiments_and_names_may_be_joined_by_commas_or_spaces() {
        assert_eq!(chosen(&["surprise"]), ["surprise.regret-heatmap", "surprise.robustness"]);
        assert_eq!(
            chosen(&["memory.capacity,surprise.robustness surprise.robustness"]),
            ["surprise.robustness", "memory.capacity"]
        );
    }

    #[test]
    fn part_of_a_word_selects_nothing_but_is_understood_in_the_message() {
        for name in ["surprise.regret", "heatmap", "surprise.robustnes", "suprise"] {
            let error = select(experiments(), &[name]).err().expect("an unknown name");
            assert_eq!(error.name, name);
            assert!(!error.similar.is_empty(), "no suggestion for {name}");
        }
        let error = select(experiments(), &["xylophone-quartet"]).err().expect("an unknown name");
        assert!(error.to_string().contains("--list"));
    }
}
