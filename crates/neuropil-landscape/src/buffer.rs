//! Numbers that start at a cache line, so that no vector load crosses one.

use std::ops::{Deref, DerefMut};

/// One cache line.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C, align(64))]
struct Line([f64; 8]);

/// A vector of numbers, aligned to cache lines.
#[derive(Debug, Clone, Default)]
pub(crate) struct Buffer {
    lines: Vec<Line>,
    length: usize,
}

impl Buffer {
    pub fn zeros(length: usize) -> Self {
        Self { lines: vec![Line::default(); length.div_ceil(8)], length }
    }

    /// Makes it this long; numbers that were there stay, new ones are zero or left over.
    pub fn resize(&mut self, length: usize) {
        self.lines.resize(length.div_ceil(8), Line::default());
        self.length = length;
    }
}

impl FromIterator<f64> for Buffer {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let values: Vec<f64> = values.into_iter().collect();
        let mut buffer = Self::zeros(values.len());
        buffer.copy_from_slice(&values);
        buffer
    }
}

impl Deref for Buffer {
    type Target = [f64];

    fn deref(&self) -> &[f64] {
        // SAFETY: a line is eight numbers without padding, and there are at least `length` of them.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.length) }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f64] {
        // SAFETY: as above, and the borrow is unique.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.length) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_start_at_cache_lines_and_keep_their_numbers() {
        for n in [0, 1, 7, 8, 9, 100] {
            let mut buffer: Buffer = (0..n).map(f64::from).collect();
            assert_eq!((buffer.len(), buffer.as_ptr().addr() % 64), (n as usize, 0));
            buffer.resize(n as usize + 5);
            assert!((0..n as usize).all(|i| buffer[i] == i as f64));
        }
    }
}
