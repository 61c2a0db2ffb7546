//! A datagram of DTLS records, with any header: what can be read can be written, and reads back alike.

/// Runs the target over `data`.
///
/// # Panics
///
/// When something reads back otherwise than it was written.
pub fn run(data: &[u8]) {
    antiphon_dtls::fuzzing::record(data);
}
