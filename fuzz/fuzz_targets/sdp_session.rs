//! See [`antiphon_fuzz::sdp_session`].
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| antiphon_fuzz::sdp_session::run(data));
