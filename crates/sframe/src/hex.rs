//! Hexadecimal digits for tests.

/// Reads bytes.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// Reads a number.
pub(crate) fn number(text: &str) -> u64 {
    u64::from_str_radix(text, 16).unwrap()
}
