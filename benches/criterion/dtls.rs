//! (written by the crate's author)
fn main() {}
