//! A learner in a file, written and read by the program, by Python and by Rust.
//!
//! The file is one JSON object: who wrote it (`neuropil`), what it holds (`kind`), the `format`, the `model` with every
//! parameter, and, where they are there, the fitted hazard with its uncertainty (`hazard_fit`) and what a stream
//! remembers (`time`, `state`). Fields that this version does not know are ignored.

use neuropil_core::provenance::{Provenance, version};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::hazard::Hazard;
use crate::hazard_learning::HazardFit;
use crate::model::ChangePointLearner;
use crate::online::{ChangePointStream, StreamState};

/// What the files of this room call a learner.
const KIND: &str = "surprise.ChangePointLearner";
/// Grows when the meaning of a field changes.
const FORMAT: u32 = 1;

/// A fitted hazard and the recording that it was learned from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LearnedHazard {
    /// The fit.
    #[serde(flatten)]
    pub fit: HazardFit,
    /// Version, seed, parameters and a hash of the recording.
    pub provenance: Provenance,
}

/// A learner as it stands in a file.
///
/// ```
/// use neuropil_surprise::family::Gaussian;
/// use neuropil_surprise::model::ChangePointLearner;
/// use neuropil_surprise::online::ChangePointStream;
/// use neuropil_surprise::saved::SavedLearner;
///
/// let learner = ChangePointLearner { hazard: 0.1.into(), ..ChangePointLearner::new(Gaussian::default()) };
/// let mut stream = ChangePointStream::new(learner)?;
/// stream.update(&[0.5])?;
/// let text = SavedLearner::of_stream(&stream).to_json();
/// let mut later = SavedLearner::from_json(&text)?.stream()?.expect("a stream was saved");
/// assert_eq!(later.update(&[-0.3])?, stream.update(&[-0.3])?);
/// # Ok::<(), neuropil_surprise::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SavedLearner {
    /// Version that wrote the file.
    #[serde(default)]
    neuropil: String,
    #[serde(default = "kind")]
    kind: String,
    #[serde(default = "format")]
    format: u32,
    model: ChangePointLearner,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    time: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    state: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hazard_fit: Option<LearnedHazard>,
}

fn kind() -> String {
    KIND.to_owned()
}

fn format() -> u32 {
    FORMAT
}

impl SavedLearner {
    /// A learner that follows no stream yet.
    #[must_use]
    pub fn of(model: ChangePointLearner) -> Self {
        let neuropil = version().to_owned();
        Self { neuropil, kind: kind(), format: FORMAT, model, time: None, state: None, hazard_fit: None }
    }

    /// A learner with what it remembers of its stream.
    #[must_use]
    pub fn of_stream(stream: &ChangePointStream) -> Self {
        let StreamState { model, time, state, .. } = stream.state();
        Self { time: Some(time), state: Some(state), ..Self::of(model) }
    }

    /// With a fitted hazard, which takes the place of the learner's.
    #[must_use]
    pub fn with_hazard_fit(mut self, learned: LearnedHazard) -> Self {
        self.model.hazard = Hazard::Constant(learned.fit.hazard);
        self.hazard_fit = Some(learned);
        self
    }

    /// The learner, its hazard the fitted one where there is one.
    #[must_use]
    pub fn model(&self) -> ChangePointLearner {
        let mut model = self.model.clone();
        if let Some(learned) = &self.hazard_fit {
            model.hazard = Hazard::Constant(learned.fit.hazard);
        }
        model
    }

    /// The stream, ready to go on; `None` where none was saved.
    ///
    /// # Errors
    /// When the state does not belong to the learner.
    pub fn stream(&self) -> Result<Option<ChangePointStream>> {
        let (Some(time), Some(state)) = (self.time, &self.state) else { return Ok(None) };
        let state = StreamState { format: self.format, model: self.model.clone(), time, state: state.clone() };
        ChangePointStream::resume(&state).map(Some)
    }

    /// The content of the file.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Learners, states and fits hold finite numbers under text keys, which always have a JSON form.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// Reads the content of a file that this version, or an earlier one, has written.
    ///
    /// # Errors
    /// When it holds something else, or something written by a later version; a parameter that is out of range.
    pub fn from_json(text: &str) -> Result<Self> {
        let refused = |problem: String| Error::Saved { problem };
        let document: Value = serde_json::from_str(text).map_err(|error| refused(error.to_string()))?;
        let field = |name: &str| document.get(name);
        let kind = field("kind").and_then(Value::as_str).unwrap_or(KIND);
        if kind != KIND || field("model").is_none() {
            return Err(refused(format!("it holds {}", if kind == KIND { "no model" } else { kind })));
        }
        let format = field("format").and_then(Value::as_u64).unwrap_or(u64::from(FORMAT));
        if format > u64::from(FORMAT) {
            let writer = field("neuropil").and_then(Value::as_str).unwrap_or("a later version");
            return Err(refused(format!(
                "neuropil {writer} wrote it in format {format}, but this version reads formats up to {FORMAT}; update \
                 neuropil"
            )));
        }
        let saved: Self = serde_json::from_value(document).map_err(|error| refused(error.to_string()))?;
        saved.model().validate()?;
        Ok(saved)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::blocks::Blocks;
    use crate::family::{BetaBernoulli, Gaussian};
    use crate::hazard_learning::HazardFitOptions;

    fn learner() -> ChangePointLearner {
        ChangePointLearner { hazard: 0.1.into(), seed: 7, ..ChangePointLearner::new(Gaussian::default()) }
    }

    #[test]
    fn a_learner_survives_its_file() {
        let saved = SavedLearner::of(learner());
        let read = SavedLearner::from_json(&saved.to_json()).unwrap();
        assert_eq!(read, saved);
        assert_eq!(read.model(), learner());
        assert!(read.stream().unwrap().is_none());
    }

    #[test]
    fn a_stream_goes_on_as_if_it_had_never_stopped() {
        let mut stream = ChangePointStream::new(learner()).unwrap();
        for y in [0.5, -0.3, 4.0] {
            stream.update(&[y]).unwrap();
        }
        let read = SavedLearner::from_json(&SavedLearner::of_stream(&stream).to_json()).unwrap();
        let mut later = read.stream().unwrap().unwrap();
        assert_eq!(later.time(), 3);
        assert_eq!(later.update(&[3.8]).unwrap(), stream.update(&[3.8]).unwrap());
    }

    #[test]
    fn a_fitted_hazard_takes_the_place_of_the_old_one() {
        let y = array![[0.5], [-0.3], [1.2], [4.0], [3.8]];
        let fit = learner().fit_hazard(y.view(), &Blocks::single(5), &HazardFitOptions::default()).unwrap();
        let learned = LearnedHazard { fit: fit.clone(), provenance: learner().provenance(Some(y.view())) };
        let read = SavedLearner::from_json(&SavedLearner::of(learner()).with_hazard_fit(learned).to_json()).unwrap();
        assert_eq!(read.model().hazard, Hazard::Constant(fit.hazard));
        assert_eq!(read.hazard_fit.unwrap().fit, fit);
    }

    #[test]
    fn what_is_no_saved_learner_is_refused_with_what_it_is() {
        let model = serde_json::to_value(learner()).unwrap();
        let bad = ChangePointLearner { hazard: 1.5.into(), ..ChangePointLearner::new(BetaBernoulli::default()) };
        for (text, word) in [
            ("not json".to_owned(), "not a learner that neuropil saved: expected"),
            ("[1, 2]".to_owned(), "it holds no model"),
            (serde_json::json!({ "kind": "memory.Hopfield", "model": model }).to_string(), "memory.Hopfield"),
            (
                serde_json::json!({ "neuropil": "9.0", "format": 2, "model": model }).to_string(),
                "neuropil 9.0 wrote it",
            ),
            (serde_json::json!({ "model": { "family": 3 } }).to_string(), "not a learner"),
            (serde_json::json!({ "model": bad }).to_string(), "hazard must be in [0, 1], got 1.5"),
        ] {
            let message = SavedLearner::from_json(&text).unwrap_err().to_string();
            assert!(message.contains(word), "{message}");
        }
    }

    #[test]
    fn a_state_of_another_learner_is_refused() {
        let stream = ChangePointStream::new(learner()).unwrap();
        let mut saved = SavedLearner::of_stream(&stream);
        saved.state = Some(serde_json::json!({ "nonsense": true }));
        assert!(SavedLearner::from_json(&saved.to_json()).unwrap().stream().is_err());
    }
}
