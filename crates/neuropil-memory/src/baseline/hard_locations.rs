//! The hidden layer of a sparse distributed memory: random binary addresses, activated within a Hamming radius.
//!
//! Addresses are packed, 64 bits per word, in tiles of eight: word w of the eight addresses of a tile stands side by
//! side, so that exclusive-or, population count and sum run over eight addresses at once, and a tile that is in the
//! cache serves all states of a batch.

use ndarray::{Array2, ArrayView1, ArrayView2};
use neuropil_core::random::Seed;
use neuropil_core::{check, threads};
use rand::Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::associative_memory::{StateKind, check_states};
use crate::error::Result;

/// The hidden layer of a sparse distributed memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SdmParameters {
    /// Number of hard locations (symbol N_h).
    pub n_locations: usize,
    /// A location is activated by states within this Hamming distance (symbol rho).
    pub radius: usize,
    /// Seed of the random addresses.
    pub seed: u64,
}

impl Default for SdmParameters {
    /// Kanerva's memory for 1000 input bits.
    fn default() -> Self {
        Self { n_locations: 1_000_000, radius: 451, seed: 0 }
    }
}

/// Random addresses z_j, uniform on the corners of the hypercube.
#[derive(Clone, PartialEq, Eq)]
pub struct HardLocations {
    n_inputs: usize,
    parameters: SdmParameters,
    /// `tiles[(tile * words + word) * LANES + lane]`
    tiles: Vec<u64>,
}

impl std::fmt::Debug for HardLocations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HardLocations")
            .field("n_inputs", &self.n_inputs)
            .field("parameters", &self.parameters)
            .finish_non_exhaustive()
    }
}

/// Addresses per tile.
const LANES: usize = 8;
/// Bytes of addresses that are scanned for all states before the next ones: they stay in the second-level cache.
const CACHED: usize = 1 << 17;
/// Tiles per piece of parallel work.
const PIECE: usize = 4096;

impl HardLocations {
    /// Draws the addresses.
    /// # Errors
    /// For no inputs, no locations or more than 2^32 - 2 of them, or a radius above the number of inputs.
    pub fn new(n_inputs: usize, parameters: SdmParameters) -> Result<Self> {
        check::at_least("n_inputs", n_inputs, 1)?;
        check::within("n_locations", parameters.n_locations, 1..=u32::MAX as usize - 1)?;
        check::within("radius", parameters.radius, 0..=n_inputs)?;
        let words = n_inputs.div_ceil(64);
        let n_tiles = parameters.n_locations.div_ceil(LANES);
        let last_word = u64::MAX >> (words * 64 - n_inputs);
        let seed = Seed::new(parameters.seed).child("hard-locations");
        let mut tiles = vec![0_u64; n_tiles * words * LANES];
        threads::install(|| {
            tiles.par_chunks_mut(words * LANES).enumerate().for_each(|(tile, bits)| {
                let mut stream = seed.index(tile as u64).stream();
                bits.iter_mut().for_each(|word| *word = stream.next_u64());
                bits[(words - 1) * LANES..].iter_mut().for_each(|word| *word &= last_word);
            });
        });
        Ok(Self { n_inputs, parameters, tiles })
    }

    /// Number of input bits.
    #[must_use]
    pub fn n_inputs(&self) -> usize {
        self.n_inputs
    }

    /// Number of locations, radius and seed.
    #[must_use]
    pub fn parameters(&self) -> SdmParameters {
        self.parameters
    }

    /// The address of a location as +1 and -1, or `None` for a location that does not exist.
    #[must_use]
    pub fn address(&self, location: usize) -> Option<Vec<f64>> {
        let words = self.n_inputs.div_ceil(64);
        (location < self.parameters.n_locations).then(|| {
            let (tile, lane) = (location / LANES, location % LANES);
            let word = |w: usize| self.tiles[(tile * words + w) * LANES + lane];
            (0..self.n_inputs).map(|i| if word(i / 64) >> (i % 64) & 1 == 1 { 1.0 } else { -1.0 }).collect()
        })
    }

    /// The locations that every state activates, in ascending order.
    /// # Errors
    /// For states of another width or with entries other than +1 and -1.
    pub fn activated(&self, states: ArrayView2<f64>) -> Result<Vec<Vec<u32>>> {
        check_states("states", states, self.n_inputs, StateKind::Binary)?;
        let words = self.n_inputs.div_ceil(64);
        let packed: Vec<u64> = states.rows().into_iter().flat_map(|state| pack(state, words)).collect();
        let tile_length = words * LANES;
        let cached = (CACHED / (8 * tile_length)).max(1);
        let radius = self.parameters.radius as u64;
        let pieces: Vec<Vec<Vec<u32>>> = threads::install(|| {
            self.tiles
                .par_chunks(PIECE * tile_length)
                .enumerate()
                .map(|(piece, tiles)| {
                    let mut hits = vec![Vec::new(); states.nrows()];
                    for (part, tiles) in tiles.chunks(cached * tile_length).enumerate() {
                        let first = ((piece * PIECE + part * cached) * LANES) as u32;
                        for (query, hits) in packed.chunks_exact(words).zip(&mut hits) {
                            scan(tiles, query, radius, first, hits);
                        }
                    }
                    hits
                })
                .collect()
        });
        let mut hits = vec![Vec::new(); states.nrows()];
        for piece in &pieces {
            for (all, some) in hits.iter_mut().zip(piece) {
                all.extend_from_slice(some);
            }
        }
        // The last tile may hold addresses beyond the last location.
        let end = self.parameters.n_locations as u32;
        hits.iter_mut().for_each(|hits| hits.truncate(hits.partition_point(|&location| location < end)));
        Ok(hits)
    }

    /// The hidden layer as a dense array of 0 and 1, Q x N_h: the features of the kernel memory that this is.
    /// # Errors
    /// As [`activated`](Self::activated).
    pub fn features(&self, states: ArrayView2<f64>) -> Result<Array2<f64>> {
        let mut features = Array2::zeros((states.nrows(), self.parameters.n_locations));
        for (mut row, hits) in features.rows_mut().into_iter().zip(self.activated(states)?) {
            hits.into_iter().for_each(|location| row[location as usize] = 1.0);
        }
        Ok(features)
    }
}

fn pack(state: ArrayView1<f64>, words: usize) -> Vec<u64> {
    let mut packed = vec![0_u64; words];
    state.indexed_iter().filter(|&(_, &s)| s > 0.0).for_each(|(i, _)| packed[i / 64] |= 1 << (i % 64));
    packed
}

/// Appends the addresses within the radius of the query; the first address of the tiles has the number `first`.
fn scan(tiles: &[u64], query: &[u64], radius: u64, first: u32, hits: &mut Vec<u32>) {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f,avx512vl,avx512vpopcntdq,avx2,popcnt")]
        fn wide(tiles: &[u64], query: &[u64], radius: u64, first: u32, hits: &mut Vec<u32>) {
            scan_body(tiles, query, radius, first, hits);
        }
        #[target_feature(enable = "avx2,popcnt")]
        fn narrow(tiles: &[u64], query: &[u64], radius: u64, first: u32, hits: &mut Vec<u32>) {
            scan_body(tiles, query, radius, first, hits);
        }
        if std::arch::is_x86_feature_detected!("avx512vpopcntdq")
            && std::arch::is_x86_feature_detected!("avx512f")
            && std::arch::is_x86_feature_detected!("avx512vl")
        {
            // SAFETY: the features were detected on this machine.
            return unsafe { wide(tiles, query, radius, first, hits) };
        }
        if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("popcnt") {
            // SAFETY: the features were detected on this machine.
            return unsafe { narrow(tiles, query, radius, first, hits) };
        }
    }
    scan_body(tiles, query, radius, first, hits);
}

#[inline(always)]
fn scan_body(tiles: &[u64], query: &[u64], radius: u64, first: u32, hits: &mut Vec<u32>) {
    for (tile, addresses) in tiles.chunks_exact(query.len() * LANES).enumerate() {
        let mut distance = [0_u64; LANES];
        for (words, &bits) in addresses.chunks_exact(LANES).zip(query) {
            for (distance, &word) in distance.iter_mut().zip(words) {
                *distance += u64::from((word ^ bits).count_ones());
            }
        }
        let within = distance.map(|distance| u8::from(distance <= radius));
        // Few tiles hold an activated address, so the common case is one comparison.
        if u64::from_ne_bytes(within) != 0 {
            let start = first + (tile * LANES) as u32;
            hits.extend((0..LANES as u32).filter(|&lane| within[lane as usize] != 0).map(|lane| start + lane));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random_patterns::binary_patterns;

    #[test]
    fn the_packed_scan_finds_what_counting_finds() {
        for (n, radius) in [(40, 15), (64, 26), (130, 58)] {
            let parameters = SdmParameters { n_locations: 1003, radius, seed: 7 };
            let locations = HardLocations::new(n, parameters).unwrap();
            let states = binary_patterns(5, n, Seed::new(1));
            let found = locations.activated(states.view()).unwrap();
            let _guard = threads::limited(1);
            assert_eq!(found, locations.activated(states.view()).unwrap());
            for (state, found) in states.rows().into_iter().zip(&found) {
                let plain: Vec<u32> = (0..1003)
                    .filter(|&j| {
                        let address = locations.address(j as usize).unwrap();
                        address.iter().zip(state).filter(|(z, s)| z != s).count() <= radius
                    })
                    .collect();
                assert_eq!(found, &plain);
                assert!(!plain.is_empty());
            }
        }
        assert!(HardLocations::new(10, SdmParameters { n_locations: 1, radius: 11, seed: 0 }).is_err());
    }

    #[test]
    fn addresses_do_not_depend_on_how_many_there_are() {
        let few = HardLocations::new(70, SdmParameters { n_locations: 20, radius: 30, seed: 3 }).unwrap();
        let many = HardLocations::new(70, SdmParameters { n_locations: 900, radius: 30, seed: 3 }).unwrap();
        assert!((0..20).all(|j| few.address(j) == many.address(j)));
        assert_eq!(few.address(20), None);
    }
}
