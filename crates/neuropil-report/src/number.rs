//! Numbers on their way out: JSON that survives NaN and infinities, and short text for people.
//!
//! JSON has no NaN. A finite number is written as a number, NaN as `null`, the infinities as the strings `"inf"`
//! and `"-inf"`; all of them are read back as what they were.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One f64 with the JSON form described in the module documentation.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Number(f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            value if value.is_nan() => serializer.serialize_none(),
            f64::INFINITY => serializer.serialize_str("inf"),
            f64::NEG_INFINITY => serializer.serialize_str("-inf"),
            value => serializer.serialize_f64(value),
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Value(f64),
            Word(String),
            Nothing(()),
        }
        match Written::deserialize(deserializer)? {
            Written::Value(value) => Ok(Number(value)),
            Written::Nothing(()) => Ok(Number(f64::NAN)),
            Written::Word(word) => match word.as_str() {
                "inf" => Ok(Number(f64::INFINITY)),
                "-inf" => Ok(Number(f64::NEG_INFINITY)),
                other => Err(D::Error::custom(format!(
                    "{other:?} is not a number; expected a number, null, \"inf\" or \"-inf\""
                ))),
            },
        }
    }
}

/// `#[serde(with = "number::one")]` for an f64.
pub(crate) mod one {
    use super::{Deserialize, Deserializer, Number, Serialize, Serializer};

    pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        Number(*value).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        Number::deserialize(deserializer).map(|number| number.0)
    }
}

/// `#[serde(with = "number::many")]` for a vector of f64.
pub(crate) mod many {
    use super::{Deserialize, Deserializer, Number, Serializer};

    pub fn serialize<S: Serializer>(values: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(values.iter().map(|&value| Number(value)))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
        Ok(Vec::<Number>::deserialize(deserializer)?.into_iter().map(|number| number.0).collect())
    }
}

/// `#[serde(with = "number::matrix")]` for rows of f64.
pub(crate) mod matrix {
    use super::{Deserialize, Deserializer, Number, Serializer};

    pub fn serialize<S: Serializer>(rows: &[Vec<f64>], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(rows.iter().map(|row| row.iter().map(|&value| Number(value)).collect::<Vec<_>>()))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Vec<f64>>, D::Error> {
        let rows = Vec::<Vec<Number>>::deserialize(deserializer)?;
        Ok(rows.into_iter().map(|row| row.into_iter().map(|number| number.0).collect()).collect())
    }
}

/// `#[serde(with = "number::pair")]` for an optional `(lo, hi)`.
pub(crate) mod pair {
    use super::{Deserialize, Deserializer, Number, Serialize, Serializer};

    pub fn serialize<S: Serializer>(pair: &Option<(f64, f64)>, serializer: S) -> Result<S::Ok, S::Error> {
        pair.map(|(lo, hi)| [Number(lo), Number(hi)]).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<(f64, f64)>, D::Error> {
        Ok(Option::<[Number; 2]>::deserialize(deserializer)?.map(|[lo, hi]| (lo.0, hi.0)))
    }
}

/// All digits, so that the number reads back as it was: `0.25`, `1e-9`.
pub(crate) fn exact(value: f64) -> String {
    if value != 0.0 && value.is_finite() && !(1e-4..1e15).contains(&value.abs()) {
        format!("{value:e}")
    } else {
        value.to_string()
    }
}

/// At most four significant digits in plain ASCII: `0.2501`, `12`, `1.5e-7`, `NaN`.
pub(crate) fn short(value: f64) -> String {
    if !value.is_finite() {
        return if value.is_nan() { "NaN".into() } else { if value > 0.0 { "inf" } else { "-inf" }.into() };
    }
    if value == 0.0 {
        return "0".into();
    }
    if value.fract() == 0.0 && value.abs() < 1e7 {
        return format!("{value:.0}");
    }
    let magnitude = value.abs().log10().floor() as i32;
    if (-4..6).contains(&magnitude) {
        return trim_zeros(&format!("{value:.*}", (3 - magnitude).max(0) as usize)).to_string();
    }
    let text = format!("{value:.3e}");
    match text.split_once('e') {
        Some((mantissa, exponent)) => format!("{}e{exponent}", trim_zeros(mantissa)),
        None => text,
    }
}

/// [`short`] in typographic form: a true minus sign and powers of ten, `−1.5 × 10⁻⁷`.
pub(crate) fn typeset(value: f64) -> String {
    let plain = match value {
        f64::INFINITY => return "∞".into(),
        f64::NEG_INFINITY => return "−∞".into(),
        value => short(value),
    };
    match plain.split_once('e') {
        Some((mantissa, exponent)) => {
            format!("{} × 10{}", mantissa.replace('-', "−"), superscript(exponent.parse().unwrap_or(0)))
        }
        None => plain.replace('-', "−"),
    }
}

/// `-7` as `⁻⁷`.
pub(crate) fn superscript(exponent: i32) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let digits = exponent.unsigned_abs().to_string();
    let sign = if exponent < 0 { "⁻" } else { "" };
    sign.chars().chain(digits.bytes().map(|digit| DIGITS[(digit - b'0') as usize])).collect()
}

fn trim_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_f64_comes_back_from_json() {
        for value in [0.1, -0.0, 1e300, f64::MIN_POSITIVE, f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
            let text = serde_json::to_string(&Number(value)).unwrap();
            let back: Number = serde_json::from_str(&text).unwrap();
            assert!(
                back.0.to_bits() == value.to_bits() || (back.0.is_nan() && value.is_nan()),
                "{value} became {text}"
            );
        }
        assert!(serde_json::from_str::<Number>("\"many\"").unwrap_err().to_string().contains("not a number"));
    }

    #[test]
    fn people_read_four_significant_digits() {
        let cases = [(0.0, "0"), (0.250_06, "0.2501"), (12.0, "12"), (123_456.7, "123457"), (1.5e-7, "1.5e-7")];
        for (value, text) in cases {
            assert_eq!(short(value), text);
        }
        assert_eq!(typeset(-1.5e-7), "−1.5 × 10⁻⁷");
        assert_eq!(typeset(f64::NEG_INFINITY), "−∞");
        assert_eq!(short(f64::NAN), "NaN");
    }
}
