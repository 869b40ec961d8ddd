//! Where a result comes from: what every result carries so that it can be made again.

use serde::{Deserialize, Serialize};

/// The version of neuropil.
#[must_use]
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// Version, seed, parameters and input of a result.
///
/// ```
/// use neuropil_core::provenance::{Fingerprint, Provenance};
///
/// let observations = [0.1, 0.7];
/// let made_by = Provenance::new(serde_json::json!({"hazard": 0.01}))
///     .seed(7)
///     .input(Fingerprint::new().numbers(&observations));
/// assert_eq!(made_by.seed, Some(7));
/// assert_eq!(made_by.input.unwrap().len(), 16);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// The version of neuropil that made the result.
    pub neuropil: String,
    /// The seed, given or drawn; absent where nothing was random.
    pub seed: Option<u64>,
    /// All parameters, including those left at their default.
    pub parameters: serde_json::Value,
    /// The [`Fingerprint`] of the input as 16 hexadecimal digits (a JSON number would lose bits); absent where there
    /// was no input.
    pub input: Option<String>,
}

impl Provenance {
    /// The provenance of a result of this version with these parameters, without seed and input.
    #[must_use]
    pub fn new(parameters: serde_json::Value) -> Self {
        Self { neuropil: version().to_owned(), seed: None, parameters, input: None }
    }

    /// With the seed.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// With the fingerprint of the input.
    #[must_use]
    pub fn input(mut self, fingerprint: Fingerprint) -> Self {
        self.input = Some(fingerprint.to_string());
        self
    }
}

/// A 64-bit hash of an input that stays the same across releases, machines and thread counts.
///
/// It tells apart inputs that differ by accident; it is no protection against somebody who wants a collision. Numbers
/// that compare equal hash equally, and so do all NaN. Lengths count: `[1, 2]` and `[3]` differ from `[1]` and `[2, 3]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint {
    state: u64,
}

impl Fingerprint {
    /// The fingerprint of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self { state: 0x6e65_7572_6f70_696c }
    }

    /// With a sequence of numbers, whose length counts.
    #[must_use]
    pub fn numbers(self, values: &[f64]) -> Self {
        // NaN has many bit patterns and zero has two.
        let bits = |value: f64| if value.is_nan() { f64::NAN } else { value + 0.0 }.to_bits();
        // Four interleaved chains: one would wait for its multiplications.
        let start = self.word(values.len() as u64);
        let mut lanes = [0, 1, 2, 3].map(|lane| start.word(lane));
        let (whole, rest) = values.as_chunks::<4>();
        for numbers in whole {
            for (lane, &value) in lanes.iter_mut().zip(numbers) {
                *lane = lane.word(bits(value));
            }
        }
        let joined = lanes.iter().fold(start, |joined, lane| joined.word(lane.state));
        rest.iter().fold(joined, |joined, &value| joined.word(bits(value)))
    }

    /// With bytes, whose number counts.
    #[must_use]
    pub fn bytes(self, bytes: &[u8]) -> Self {
        bytes.chunks(8).fold(self.word(bytes.len() as u64), |fingerprint, chunk| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            fingerprint.word(u64::from_le_bytes(word))
        })
    }

    /// With a text: a name, a parameter, a label.
    #[must_use]
    pub fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    /// With one integer: a shape, a count.
    #[must_use]
    pub fn word(self, word: u64) -> Self {
        let mixed = (self.state ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self { state: (mixed ^ (mixed >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93).rotate_left(27) }
    }

    /// The hash of everything so far.
    #[must_use]
    pub fn value(self) -> u64 {
        let z = (self.state ^ (self.state >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        z ^ (z >> 32)
    }
}

impl Default for Fingerprint {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.value())
    }
}

/// The machine a result was made on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The operating system, for example `linux`.
    pub os: String,
    /// The architecture, for example `x86_64`.
    pub arch: String,
    /// The processor, where the system tells it.
    pub cpu: Option<String>,
    /// The number of processors that this process may use.
    pub cpus: usize,
    /// The number of threads that neuropil uses (see [`crate::threads`]).
    pub threads: usize,
}

/// Describes this machine.
#[must_use]
pub fn machine() -> Machine {
    Machine {
        os: std::env::consts::OS.to_owned(),
        arch: std::env::consts::ARCH.to_owned(),
        cpu: std::fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| processor_name(&text)),
        cpus: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        threads: crate::threads::limit(),
    }
}

fn processor_name(cpuinfo: &str) -> Option<String> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, name)| name.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_keeps_its_bits_across_releases() {
        let fingerprint = Fingerprint::new().numbers(&[0.0, 1.5, -2.0, f64::NAN]).text("hazard").word(3);
        assert_eq!(fingerprint.to_string(), GOLDEN);
    }

    const GOLDEN: &str = "8fd6f9a29621c1e0";

    #[test]
    fn equal_inputs_share_a_fingerprint_and_others_do_not() {
        let of = |values: &[f64]| Fingerprint::new().numbers(values).value();
        assert_eq!(of(&[0.0, f64::NAN]), of(&[-0.0, -f64::NAN]));
        let mut seen = std::collections::HashSet::new();
        for i in 0..2000 {
            let x = f64::from(i);
            for values in [vec![x], vec![x, 0.0], vec![0.5, x], vec![x, 0.5], vec![x + 1e-9]] {
                assert!(seen.insert(of(&values)), "{values:?}");
            }
        }
        let split = |a: &[f64], b: &[f64]| Fingerprint::new().numbers(a).numbers(b).value();
        assert_ne!(split(&[1.0], &[2.0, 3.0]), split(&[1.0, 2.0], &[3.0]));
        assert_ne!(Fingerprint::new().text("a").value(), Fingerprint::new().text("a\0").value());
    }

    #[test]
    fn provenance_survives_json() {
        let written = Provenance::new(serde_json::json!({"hazard": 0.1, "method": "exact"}))
            .seed(5)
            .input(Fingerprint::new().numbers(&[1.0]));
        let text = serde_json::to_string(&written).unwrap();
        assert_eq!(serde_json::from_str::<Provenance>(&text).unwrap(), written);
    }

    #[test]
    fn the_machine_has_a_processor() {
        let machine = machine();
        assert!(machine.cpus >= 1 && !machine.os.is_empty() && !machine.arch.is_empty());
        assert_eq!(processor_name("vendor_id: X\nmodel name\t: A  Chip\n").as_deref(), Some("A Chip"));
        assert_eq!(processor_name(""), None);
    }
}
