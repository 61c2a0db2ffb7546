//! Any text: parse, write and parse again give the same description.

use antiphon_sdp::{SessionDescription, fmtp_parameters};

/// Runs the target over `data`.
///
/// # Panics
///
/// When what was written does not read back, which is what the fuzzer looks for.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(description) = SessionDescription::parse(text) else { return };
    let written = description.to_string();
    assert_eq!(SessionDescription::parse(&written).as_ref(), Ok(&description));
    for media in &description.media {
        let parameters = media.fmtps().map(|fmtp| fmtp_parameters(&fmtp.parameters).count());
        assert!(parameters.sum::<usize>() <= text.len());
        let _ = (media.mid(), media.direction(), media.setup(), media.is_rejected());
    }
}
