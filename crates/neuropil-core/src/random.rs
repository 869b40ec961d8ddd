//! Keyed random streams.
//!
//! Every stochastic function of neuropil takes a seed. Work that can run in parallel (a population, a trial, a
//! subject, a particle filter) never shares a generator: it derives its own stream from the seed and a key that
//! says what it is. Results are therefore bit-identical for a seed, whatever the number of threads and whatever
//! the order in which the threads run.
//!
//! ```
//! use neuropil_core::random::Seed;
//! use rand::Rng;
//!
//! let seed = Seed::new(0);
//! let mut third_subject = seed.child("subject").index(2).stream();
//! let again = seed.child("subject").index(2).stream().next_u64();
//! assert_eq!(third_subject.next_u64(), again);
//! ```

use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use serde::{Deserialize, Serialize};

/// The generator behind every stream: xoshiro256++ (Blackman and Vigna 2021), period 2^256 - 1.
pub type Stream = Xoshiro256PlusPlus;

/// A point in the tree of keys that grows from one user-given seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Seed {
    state: u64,
}

impl Seed {
    /// The root of the tree for a user-given seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { state: mix(seed ^ 0x6e65_7572_6f70_696c) }
    }

    /// The child with a name, for example `"particle-filter"`.
    #[must_use]
    pub fn child(self, name: &str) -> Self {
        let hash = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Self { state: mix(self.state.rotate_left(23) ^ hash) }
    }

    /// The child with a number, for example the index of a trial.
    #[must_use]
    pub fn index(self, index: u64) -> Self {
        Self { state: mix(self.state.rotate_left(41) ^ index.wrapping_mul(0x9e37_79b9_7f4a_7c15)) }
    }

    /// The random stream at this point of the tree.
    #[must_use]
    pub fn stream(self) -> Stream {
        Stream::seed_from_u64(self.state)
    }
}

impl From<u64> for Seed {
    fn from(seed: u64) -> Self {
        Self::new(seed)
    }
}

/// A seed for a user who gave none: different at every call, below 2^53 so that it survives JSON in every language.
/// Keep it with the result, so that the result can be made again.
#[must_use]
pub fn fresh_seed() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    // The keys of the standard library's hash maps come from the operating system's source of randomness; forked
    // children inherit them, so the process number takes part.
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    hasher.finish() >> 11
}

/// The finaliser of SplitMix64 after one step of its counter.
fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A uniform number in `[0, 1)` with 53 random bits.
#[inline]
pub fn uniform<R: Rng + ?Sized>(stream: &mut R) -> f64 {
    const SCALE: f64 = 1.0 / (1_u64 << 53) as f64;
    (stream.next_u64() >> 11) as f64 * SCALE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_key_gives_the_same_stream_and_another_key_another() {
        let seed = Seed::new(7);
        let first = seed.child("trial").index(3).stream().next_u64();
        assert_eq!(first, seed.child("trial").index(3).stream().next_u64());
        for other in [
            seed.child("trial").index(4),
            seed.child("subject").index(3),
            seed.index(3).child("trial"),
            Seed::new(8).child("trial").index(3),
        ] {
            assert_ne!(first, other.stream().next_u64());
        }
    }

    #[test]
    fn streams_of_neighbouring_keys_are_uncorrelated() {
        let n = 20_000;
        let mut a = Seed::new(1).index(0).stream();
        let mut b = Seed::new(1).index(1).stream();
        let covariance: f64 =
            (0..n).map(|_| (uniform(&mut a) - 0.5) * (uniform(&mut b) - 0.5)).sum::<f64>() / f64::from(n);
        // The standard error of the covariance of two independent uniforms is (1/12)/sqrt(n).
        assert!(covariance.abs() < 4.0 / (12.0 * f64::from(n).sqrt()), "covariance {covariance}");
    }

    #[test]
    fn a_fresh_seed_is_new_at_every_call() {
        let (a, b) = (fresh_seed(), fresh_seed());
        assert_ne!(a, b);
        assert!(a < 1 << 53 && b < 1 << 53);
        assert_eq!(Seed::from(a), Seed::new(a));
    }

    #[test]
    fn a_stream_keeps_its_bits_across_releases() {
        let mut stream = Seed::new(0).child("golden").index(5).stream();
        assert_eq!(stream.next_u64(), GOLDEN);
    }

    const GOLDEN: u64 = 12_082_739_341_475_562_339;
}
