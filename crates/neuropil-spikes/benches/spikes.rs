//! Timings of the room.
fn main() {}
