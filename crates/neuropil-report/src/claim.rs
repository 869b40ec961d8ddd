//! A claim: one number of ours held against a published one.
//!
//! Whether a claim holds is never stated by its author; it follows from the value and the criterion, and NaN never
//! holds. A claim that fails stays failing on every page, also when its deviation is documented.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::criterion::Criterion;
use crate::number;

/// Where the reference value of a claim comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// Printed in the paper, or read off one of its figures.
    #[serde(rename = "paper")]
    Paper,
    /// Computed with, or stored beside, the code that the authors published.
    #[serde(rename = "authors' code")]
    AuthorsCode,
    /// A closed form or a proven bound.
    #[serde(rename = "theory")]
    Theory,
    /// A requirement that this project sets itself.
    #[serde(rename = "this project")]
    ThisProject,
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Source::Paper => "paper",
            Source::AuthorsCode => "authors' code",
            Source::Theory => "theory",
            Source::ThisProject => "this project",
        })
    }
}

/// The published value: a number, or words where the paper makes a qualitative statement.
#[derive(Clone, Debug, PartialEq)]
pub enum Reference {
    /// A number in the unit of the claim.
    Number(f64),
    /// A statement such as `"decays"`.
    Text(String),
}

impl From<f64> for Reference {
    fn from(value: f64) -> Self {
        Reference::Number(value)
    }
}

impl From<&str> for Reference {
    fn from(text: &str) -> Self {
        Reference::Text(text.into())
    }
}

impl From<String> for Reference {
    fn from(text: String) -> Self {
        Reference::Text(text)
    }
}

/// The three ways in which a claim can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The value meets the criterion.
    Holds,
    /// The value does not meet the criterion and nothing explains why.
    Fails,
    /// The value does not meet the criterion, for a documented reason.
    FailsAsDocumented,
}

impl Verdict {
    /// The word that a report prints.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Holds => "holds",
            Verdict::Fails => "fails",
            Verdict::FailsAsDocumented => "fails, documented",
        }
    }
}

/// One number of ours, what it is held against, and whether it holds.
///
/// ```
/// use neuropil_report::{Claim, Source};
/// let claim = Claim::new("regret", "regret of the particle filter with ten particles, in nats")
///     .reference(0.02, Source::Paper)
///     .value(0.021)
///     .interval(0.018, 0.024)
///     .relative_error_at_most(0.1);
/// assert!(claim.holds());
/// assert_eq!(claim.criterion().to_string(), "relative error <= 0.1");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    id: String,
    statement: String,
    reference: Option<Reference>,
    source: Source,
    value: f64,
    interval: Option<(f64, f64)>,
    criterion: Criterion,
    known_deviation: Option<String>,
}

impl Claim {
    /// A claim without a value (NaN) and without a criterion, so one that does not hold yet.
    ///
    /// `id` is unique within its experiment; `statement` says in words what is measured and in which unit.
    pub fn new(id: impl Into<String>, statement: impl Into<String>) -> Self {
        Claim {
            id: id.into(),
            statement: statement.into(),
            reference: None,
            source: Source::ThisProject,
            value: f64::NAN,
            interval: None,
            criterion: Criterion::Missing,
            known_deviation: None,
        }
    }

    /// The value that ours is held against, and where it comes from.
    pub fn reference(mut self, value: impl Into<Reference>, source: Source) -> Self {
        self.reference = Some(value.into());
        self.source = source;
        self
    }

    /// Our value.
    pub fn value(mut self, value: f64) -> Self {
        self.value = value;
        self
    }

    /// The uncertainty of our value, for instance a 95 % bootstrap interval; it does not enter the verdict.
    pub fn interval(mut self, lo: f64, hi: f64) -> Self {
        self.interval = Some((lo, hi));
        self
    }

    /// The claim holds if `value <= bound`.
    pub fn at_most(mut self, bound: f64) -> Self {
        self.criterion = Criterion::AtMost(bound);
        self
    }

    /// The claim holds if `value >= bound`.
    pub fn at_least(mut self, bound: f64) -> Self {
        self.criterion = Criterion::AtLeast(bound);
        self
    }

    /// The claim holds if `lo <= value <= hi`.
    pub fn within(mut self, lo: f64, hi: f64) -> Self {
        self.criterion = Criterion::Within(lo, hi);
        self
    }

    /// The claim holds if `|value - reference| <= tolerance * |reference|`.
    pub fn relative_error_at_most(mut self, tolerance: f64) -> Self {
        self.criterion = Criterion::RelativeError(tolerance);
        self
    }

    /// The claim holds if `|value - reference| <= tolerance`.
    pub fn absolute_error_at_most(mut self, tolerance: f64) -> Self {
        self.criterion = Criterion::AbsoluteError(tolerance);
        self
    }

    /// Why the claim does not hold, with the evidence. It is shown beneath a failing claim and never turns it into a
    /// holding one.
    pub fn known_deviation(mut self, why: impl Into<String>) -> Self {
        self.known_deviation = Some(why.into());
        self
    }

    /// Whether the value meets the criterion.
    pub fn holds(&self) -> bool {
        let reference = match self.reference {
            Some(Reference::Number(value)) => Some(value),
            _ => None,
        };
        self.criterion.is_met(self.value, reference)
    }

    /// How the claim ends.
    pub fn verdict(&self) -> Verdict {
        match (self.holds(), &self.known_deviation) {
            (true, _) => Verdict::Holds,
            (false, None) => Verdict::Fails,
            (false, Some(_)) => Verdict::FailsAsDocumented,
        }
    }

    /// The name of the claim within its experiment.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What is measured, in words.
    pub fn statement(&self) -> &str {
        &self.statement
    }

    /// The value that ours is held against.
    pub fn reference_value(&self) -> Option<&Reference> {
        self.reference.as_ref()
    }

    /// Where the reference comes from.
    pub fn source(&self) -> Source {
        self.source
    }

    /// Our value; NaN if none was given.
    pub fn measured(&self) -> f64 {
        self.value
    }

    /// The uncertainty of our value.
    pub fn uncertainty(&self) -> Option<(f64, f64)> {
        self.interval
    }

    /// What the value has to satisfy.
    pub fn criterion(&self) -> Criterion {
        self.criterion
    }

    /// Why the claim does not hold.
    pub fn deviation(&self) -> Option<&str> {
        self.known_deviation.as_deref()
    }
}

/// The JSON form of a claim, field by field.
#[derive(Serialize, Deserialize)]
struct Written {
    id: String,
    statement: String,
    reference: Option<WrittenReference>,
    source: Source,
    #[serde(with = "number::one")]
    value: f64,
    #[serde(with = "number::pair")]
    interval: Option<(f64, f64)>,
    criterion: Criterion,
    // written for readers of the file, computed again when it is read
    #[serde(default)]
    holds: bool,
    known_deviation: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum WrittenReference {
    Number(f64),
    Text(String),
}

impl Serialize for Claim {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Written {
            id: self.id.clone(),
            statement: self.statement.clone(),
            reference: self.reference.as_ref().map(|reference| match reference {
                Reference::Number(value) if value.is_finite() => WrittenReference::Number(*value),
                Reference::Number(value) => WrittenReference::Text(number::short(*value)),
                Reference::Text(text) => WrittenReference::Text(text.clone()),
            }),
            source: self.source,
            value: self.value,
            interval: self.interval,
            criterion: self.criterion,
            holds: self.holds(),
            known_deviation: self.known_deviation.clone(),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Claim {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(deserializer)?;
        Ok(Claim {
            id: written.id,
            statement: written.statement,
            reference: written.reference.map(|reference| match reference {
                WrittenReference::Number(value) => Reference::Number(value),
                WrittenReference::Text(text) => Reference::Text(text),
            }),
            source: written.source,
            value: written.value,
            interval: written.interval,
            criterion: written.criterion,
            known_deviation: written.known_deviation,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_documented_deviation_still_fails() {
        let claim = Claim::new("a", "b").value(2.0).at_most(1.0).known_deviation("the figure was cut off");
        assert!(!claim.holds());
        assert_eq!(claim.verdict(), Verdict::FailsAsDocumented);
        assert_eq!(claim.value(0.5).verdict(), Verdict::Holds);
    }

    #[test]
    fn a_claim_is_written_as_the_report_format_says() {
        let claim = Claim::new("regret", "regret, in nats")
            .reference(0.02, Source::AuthorsCode)
            .value(f64::NAN)
            .interval(0.1, 0.3)
            .at_most(0.25);
        let text = serde_json::to_string(&claim).unwrap();
        assert_eq!(
            text,
            r#"{"id":"regret","statement":"regret, in nats","reference":0.02,"source":"authors' code","value":null,"interval":[0.1,0.3],"criterion":"<= 0.25","holds":false,"known_deviation":null}"#
        );
        let back: Claim = serde_json::from_str(&text).unwrap();
        assert!(back.measured().is_nan());
        assert_eq!(serde_json::to_string(&back).unwrap(), text);
    }

    #[test]
    fn a_verdict_in_a_file_is_not_believed() {
        let text = r#"{"id":"a","statement":"b","reference":null,"source":"paper","value":2,"interval":null,"criterion":"<= 1","holds":true,"known_deviation":null}"#;
        assert!(!serde_json::from_str::<Claim>(text).unwrap().holds());
    }
}
