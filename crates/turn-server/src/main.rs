//! A TURN server worth running (RFC 8656), on antiphon's machines.

fn main() {}
