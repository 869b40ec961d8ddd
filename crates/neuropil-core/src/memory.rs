//! Memory for long results.

/// An empty vector with room for `capacity` numbers.
///
/// On Linux a large one asks for huge pages, as NumPy does for its arrays: the first touch of a fresh 4 KiB page costs
/// as much as a hundred operations, and a result of 10^7 numbers has 20,000 of them.
#[must_use]
pub fn with_capacity(capacity: usize) -> Vec<f64> {
    let vector = Vec::with_capacity(capacity);
    #[cfg(target_os = "linux")]
    advise_huge_pages(&vector);
    vector
}

#[cfg(target_os = "linux")]
fn advise_huge_pages(vector: &Vec<f64>) {
    const WORTHWHILE: usize = 4 << 20;
    const PAGE: usize = 4096;
    let bytes = vector.capacity() * size_of::<f64>();
    if bytes < WORTHWHILE {
        return;
    }
    let start = (vector.as_ptr() as usize).next_multiple_of(PAGE);
    let end = (vector.as_ptr() as usize + bytes) / PAGE * PAGE;
    // SAFETY: the pages lie within the allocation, and the advice changes no content. A refusal does no harm.
    unsafe {
        libc::madvise(start as *mut libc::c_void, end - start, libc::MADV_HUGEPAGE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_and_small_vectors_hold_what_is_put_in() {
        for n in [0, 10, 1 << 20] {
            let mut vector = with_capacity(n);
            assert!(vector.capacity() >= n);
            vector.resize(n, 1.5);
            assert_eq!(vector.iter().sum::<f64>(), 1.5 * n as f64);
        }
    }
}
